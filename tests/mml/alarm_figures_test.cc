// The figures of an alarm system, against journals that are counted by hand.
#include "mml/alarm_figures.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

using namespace looptwin;
using namespace looptwin::mml;

namespace {

constexpr AlarmInstance kA{0, 0, 0}, kB{0, 0, 1}, kC{1, 0, 0};

struct Journal {
  AlarmFigures figures;
  void add(Duration when, RecordKind what, AlarmInstance instance = kA,
           AlarmPriority priority = AlarmPriority::low, Hidden hidden = 0) {
    figures.take({kStart + when, what, instance, priority, hidden});
  }
  void burst(Duration from, size_t n, Duration apart, uint32_t row = 100) {
    for (size_t i = 0; i < n; ++i)
      add(from + apart * static_cast<int64_t>(i), RecordKind::alarm_raised,
          {9, 0, row + static_cast<uint32_t>(i)});
  }
  AlarmReport report(Duration end) const { return figures.report(kStart + end); }
};

using enum RecordKind;

}  // namespace

TEST_CASE("alarm figures: rates are over the whole time, the peak is of a period") {
  Journal journal;
  journal.burst(minutes(1), 4, minutes(1));
  journal.burst(minutes(31), 2, minutes(1), 200);
  const auto r = journal.report(hours(2));
  CHECK(r.annunciated == 6);
  CHECK(r.per_period == 0.5);
  CHECK(r.per_hour == 3);
  CHECK(r.per_day == 72);
  CHECK(r.peak == 4);
  CHECK(r.in_flood == 0);
  CHECK(r.standing == 6);
  CHECK(r.unacknowledged == 6);
}

TEST_CASE("alarm figures: a flood begins with more than ten in a period and ends with fewer than five") {
  Journal journal;
  journal.burst(minutes(0), 10, seconds(10));        // ten are none
  journal.burst(minutes(10), 11, seconds(10), 200);  // flood
  journal.burst(minutes(20), 5, seconds(10), 300);   // still
  journal.burst(minutes(30), 4, seconds(10), 400);   // over
  journal.burst(minutes(60), 31, seconds(10), 500);  // flood; a busy hour
  const auto r = journal.report(hours(2));
  CHECK(r.periods_above == Approx(2. / 12));
  CHECK(r.in_flood == Approx(3. / 12));
  CHECK(r.hours_above == Approx(0.5));
  CHECK(r.peak == 31);
}

TEST_CASE("alarm figures: what comes at the run's last boundary is of its last period") {
  Journal journal;
  for (int64_t p = 0; p < 6; ++p)
    journal.burst(minutes(10 * p), 11, seconds(1), static_cast<uint32_t>(p) * 50);
  journal.burst(hours(1), 1, seconds(1), 500);
  const auto r = journal.report(hours(1));
  CHECK(r.periods == 6);
  CHECK(r.periods_above == 1);
  CHECK(r.in_flood == 1);
  CHECK(r.hours == 1);
  CHECK(r.hours_above == 1);
  CHECK(r.peak == 12);
  // A run that goes on has a period for it.
  const auto later = journal.report(hours(1) + seconds(1));
  CHECK(later.periods == 7);
  CHECK(later.hours == 2);
  CHECK(later.peak == 11);
}

TEST_CASE("alarm figures: chattering is three in a minute, fleeting is gone in one, unanswered") {
  Journal journal;
  for (const int s : {0, 30, 60}) {
    journal.add(seconds(s), alarm_raised, kA);
    journal.add(seconds(s + 5), alarm_returned, kA);
  }
  for (const int s : {0, 40, 101}) journal.add(minutes(10) + seconds(s), alarm_raised, kB);
  journal.add(minutes(20), alarm_raised, kC);
  journal.add(minutes(20) + seconds(5), alarm_acknowledged, kC);
  journal.add(minutes(20) + seconds(9), alarm_returned, kC);
  const auto r = journal.report(hours(1));
  CHECK(r.chattering == 1);
  CHECK(r.fleeting == 3);
  CHECK(r.returned == 4);
}

TEST_CASE("alarm figures: stale is shown for a day without a break, hidden or over it is not") {
  Journal journal;
  journal.add(hours(0), alarm_raised, kA);
  journal.add(hours(1), alarm_raised, kB);
  journal.add(hours(13), alarm_shelved, kB, AlarmPriority::low, kShelved);
  journal.add(hours(14), alarm_unshelved, kB);
  journal.add(hours(14), alarm_shown, kB);
  journal.add(hours(2), alarm_raised, kC);
  journal.add(hours(25), alarm_returned, kC);
  CHECK(journal.report(hours(23)).stale == 0);
  CHECK(journal.report(hours(26)).stale == 1);
  CHECK(journal.report(hours(38)).stale == 2);
  const auto r = journal.report(hours(26));
  CHECK(r.shelved == 1);
  CHECK(r.shelved_now == 0);
  CHECK(r.standing == 2);
}

TEST_CASE("alarm figures: the time to an answer, its mean and the 95th of a hundred") {
  Journal journal;
  for (uint32_t i = 1; i <= 100; ++i) journal.add(seconds(i), alarm_raised, {0, 0, i});
  for (uint32_t i = 1; i <= 100; ++i) journal.add(seconds(100 + 2 * i), alarm_acknowledged, {0, 0, i});
  const auto r = journal.report(hours(1));  // 101 s to 200 s
  CHECK(r.acknowledged == 100);
  CHECK(r.to_acknowledge_mean == milliseconds(150500));
  CHECK(r.to_acknowledge_p95 == seconds(195));
  CHECK(r.unacknowledged == 0);
}

TEST_CASE(
    "alarm figures: what is raised while hidden is counted apart, and a repetition waits since the first") {
  Journal journal;
  journal.add(minutes(1), alarm_out_of_service, kA, AlarmPriority::high, kOutOfService);
  journal.add(minutes(2), alarm_raised, kA, AlarmPriority::high, kOutOfService);
  journal.add(minutes(3), alarm_raised, kB, AlarmPriority::low, kByFlood);
  journal.add(minutes(4), alarm_raised, kC, AlarmPriority::urgent);
  journal.add(minutes(9), alarm_repeated, kC, AlarmPriority::urgent);
  journal.add(minutes(10), alarm_acknowledged, kC, AlarmPriority::urgent);
  const auto r = journal.report(minutes(20));
  CHECK(r.hidden == 2);
  CHECK(r.annunciated == 2);
  CHECK(r.by_priority == std::array<uint64_t, 4>{0, 0, 0, 2});
  CHECK(r.repeated == 1);
  CHECK(r.to_acknowledge_mean == minutes(6));
  CHECK(r.out_of_service_now == 1);
  CHECK(r.suppressed_now == 1);
}

TEST_CASE("alarm figures: what is hidden as it recurs waits for no answer") {
  Journal journal;
  journal.add(minutes(1), alarm_raised, kA);
  journal.add(minutes(2), alarm_returned, kA);
  CHECK(journal.report(minutes(3)).unacknowledged == 1);
  journal.add(minutes(4), alarm_raised, kA, AlarmPriority::low, kByFlood);
  journal.add(minutes(4) + seconds(5), alarm_returned, kA);
  const auto r = journal.report(minutes(5));
  CHECK(r.unacknowledged == 0);
  CHECK(journal.figures.waiting(kStart + minutes(5)).empty());
  CHECK(r.fleeting == 0);
}

TEST_CASE("alarm figures: the ten worst and their share") {
  Journal journal;
  for (uint32_t row = 0; row < 12; ++row)
    for (uint32_t n = 0; n <= row; ++n) journal.add(hours(n), alarm_raised, {0, 0, row});
  const auto r = journal.report(hours(24));
  REQUIRE(r.top.size() == 10);
  CHECK(r.top[0].first.row == 11);
  CHECK(r.top[0].second == 12);
  CHECK(r.top[9].second == 3);
  CHECK(r.annunciated == 78);
  CHECK(r.top_share == Approx(75. / 78));
}

TEST_CASE("alarm figures: floods are counted as they begin, and two operators bear twice as many alarms") {
  Journal journal;
  journal.burst(minutes(0), 21, seconds(10));        // too many for one, and for two
  journal.burst(minutes(10), 9, seconds(10), 200);   // goes on for one, is over for two
  journal.burst(minutes(20), 4, seconds(10), 300);   // over
  journal.burst(minutes(30), 11, seconds(10), 400);  // another for one
  const auto one = journal.figures.report(kStart + hours(1));
  CHECK(one.floods == 2);
  CHECK(one.periods == 6);
  CHECK(one.periods_in_flood == 3);
  CHECK(one.periods_busy == 2);
  CHECK(one.hours_busy == 1);
  CHECK(one.per_hour == 45);
  const auto two = journal.figures.report(kStart + hours(1), 2);
  CHECK(two.floods == 1);
  CHECK(two.periods_in_flood == 1);
  CHECK(two.hours_busy == 0);
  CHECK(two.per_hour == 22.5);
  CHECK(two.peak == 21);
}

TEST_CASE("alarm figures: on any course they are what their definitions say, counted one by one") {
  struct Raised {
    Time at;
    AlarmInstance instance;
  };
  uint64_t seen[4] = {};  // nothing is shown by figures that stay 0
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    Journal journal;
    std::mt19937 draw(seed);
    std::map<AlarmInstance, Time> standing, unanswered;
    std::vector<Raised> raised;
    std::vector<int64_t> answers;
    uint64_t fleeting = 0;
    std::map<AlarmInstance, Time> since;
    std::set<AlarmInstance> stale;
    Time now = kStart;
    const Time end = kStart + hours(80);
    // Bursts and quiet times, of many instances or of two, one of which stands for good.
    const uint32_t kinds = seed % 2 == 0 ? 20 : 1;
    while (true) {
      now = now + seconds(1 + (draw() % 50 == 0 ? draw() % 20'000 : draw() % kinds));
      if (now >= end) break;
      const AlarmInstance instance{static_cast<uint32_t>(draw() % kinds), 0,
                                   static_cast<uint32_t>(draw() % 2)};
      const bool for_good = instance.alarm == 0 && instance.row == 1;
      const auto what = draw() % 3;
      if (what == 0 && !standing.contains(instance)) {
        journal.add(now - kStart, alarm_raised, instance);
        standing[instance] = since[instance] = unanswered[instance] = now;
        raised.push_back({now, instance});
      } else if (what == 1 && standing.contains(instance) && !for_good) {
        journal.add(now - kStart, alarm_returned, instance);
        fleeting += unanswered.contains(instance) && now - standing[instance] < minutes(1);
        if (now - since[instance] >= hours(24)) stale.insert(instance);
        standing.erase(instance);
      } else if (what == 2 && unanswered.contains(instance)) {
        journal.add(now - kStart, alarm_acknowledged, instance);
        answers.push_back((now - unanswered[instance]).ns);
        unanswered.erase(instance);
      }
    }
    for (const auto& [instance, at] : standing)
      if (end - at >= hours(24)) stale.insert(instance);
    const auto in = [&](Time from, Time to) {
      return static_cast<size_t>(std::count_if(
          raised.begin(), raised.end(), [&](const auto& one) { return one.at >= from && one.at < to; }));
    };
    std::set<AlarmInstance> chattering;
    for (const auto& first : raised) {
      const auto soon = std::count_if(raised.begin(), raised.end(), [&](const auto& one) {
        return one.instance == first.instance && one.at >= first.at && one.at - first.at <= minutes(1);
      });
      if (soon >= 3) chattering.insert(first.instance);
    }
    size_t peak = 0, busy = 0, flooded = 0, floods = 0, busy_hours = 0;
    bool flood = false;
    for (Time t = kStart; t < end; t = t + minutes(10)) {
      const size_t n = in(t, t + minutes(10));
      peak = std::max(peak, n);
      busy += n > 10;
      if (n > 10 && !flood) ++floods;
      flood = n > 10 || (flood && n >= 5);
      flooded += flood;
    }
    for (Time t = kStart; t < end; t = t + hours(1)) busy_hours += in(t, t + hours(1)) > 30;

    const auto r = journal.report(hours(80));
    INFO("seed " << seed);
    CHECK(r.annunciated == raised.size());
    CHECK(r.per_hour == Approx(static_cast<double>(raised.size()) / 80));
    CHECK(r.peak == peak);
    CHECK(r.periods_busy == busy);
    CHECK(r.periods_in_flood == flooded);
    CHECK(r.floods == floods);
    CHECK(r.hours_busy == busy_hours);
    CHECK(r.chattering == chattering.size());
    CHECK(r.stale == stale.size());
    CHECK(r.fleeting == fleeting);
    const uint64_t here[] = {floods, chattering.size(), stale.size(), fleeting};
    for (size_t i = 0; i < 4; ++i) seen[i] += here[i];
    CHECK(journal.figures.to_acknowledge() == answers);
    std::vector<int64_t> waiting;
    for (const auto& [instance, at] : unanswered) waiting.push_back((end - at).ns);
    CHECK(journal.figures.waiting(end) == waiting);
    for (const auto& tally : journal.figures.tallies(end)) {
      CHECK(tally.chattering == chattering.contains(tally.instance));
      CHECK(tally.stale == stale.contains(tally.instance));
      CHECK(tally.annunciated ==
            static_cast<uint64_t>(std::count_if(raised.begin(), raised.end(), [&](const auto& one) {
              return one.instance == tally.instance;
            })));
    }
  }
  for (const auto n : seen) CHECK(n > 5);
}

TEST_CASE("alarm figures: saved and restored anywhere, they end the same") {
  const auto feed = [](Journal& journal, size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
      const AlarmInstance instance{static_cast<uint32_t>(i % 3), 0, static_cast<uint32_t>(i % 2)};
      constexpr RecordKind kKinds[] = {alarm_raised, alarm_acknowledged, alarm_returned, alarm_raised,
                                       alarm_returned};
      journal.add(seconds(static_cast<int64_t>(i) * 17), kKinds[i % 5], instance);
    }
  };
  Journal whole;
  feed(whole, 0, 60);
  const auto wanted = whole.report(hours(1));
  for (size_t cut = 0; cut <= 60; ++cut) {
    Journal first, second;
    feed(first, 0, cut);
    ArchiveWriter archive;
    first.figures.save(archive);
    ArchiveReader reader(archive.bytes());
    second.figures.restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    feed(second, cut, 60);
    const auto r = second.report(hours(1));
    CHECK(r.annunciated == wanted.annunciated);
    CHECK(r.fleeting == wanted.fleeting);
    CHECK(r.chattering == wanted.chattering);
    CHECK(r.to_acknowledge_mean == wanted.to_acknowledge_mean);
    CHECK(r.top == wanted.top);
    CHECK(r.standing == wanted.standing);
  }
}

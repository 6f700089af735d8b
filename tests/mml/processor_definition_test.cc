// The telemetry stream processor against its definition, sample by sample and row by row.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <set>

#include "processor_site.h"
#include "twin/ahead.h"

using namespace looptwin;
using namespace looptwin::mml;
using namespace looptwin::mml::test;

namespace {

/// What the twin must hold of one field, by definition: from the list of all samples, in the order of
/// arrival.
struct Sample {
  int64_t at = 0;
  int32_t raw = 0;
  bool future = false;
};
struct Expected {
  double value = std::numeric_limits<double>::quiet_NaN();
  Time sampled = kNever;
  twin::Quality quality = twin::Quality::never;
};
struct Tally {
  uint64_t shed = 0;
  std::array<uint64_t, twin::kQualities> by_quality{};
};
/// Whether a field cannot have moved from one sample to the other: one step is rounding. In integers, so that
/// the definition does not round: rates here are whole steps a second.
bool leaps(const Sample& from, const Sample& to, const twin::FieldConfig& field) {
  const auto scaling = twin::scaling_of(field);
  const auto steps_a_second = std::llround(*field.max_rate / (scaling.to_si(1) - scaling.to_si(0)));
  return (std::abs(int64_t{to.raw} - from.raw) - 1) * 1'000'000'000 > steps_a_second * (to.at - from.at);
}

/// What became of one field's samples so far that were newer than all before them.
struct Story {
  struct Chapter {
    Sample sample;
    twin::Quality quality;
  };
  std::vector<Chapter> chapters;

  /// Good, rate or flat, of one more that is in range.
  twin::Quality judge(const Sample& s, const twin::FieldConfig& field) const {
    const auto last_good =
        std::find_if(chapters.rbegin(), chapters.rend(), [](const Chapter& c) { return usable(c.quality); });
    if (last_good == chapters.rend()) return twin::Quality::good;
    if (field.max_rate && leaps(last_good->sample, s, field)) {
      // Confirmed by the two before it, both leaps themselves.
      if (chapters.size() < 2) return twin::Quality::rate;
      const Chapter &a = chapters[chapters.size() - 2], &b = chapters.back();
      if (a.quality != twin::Quality::rate || b.quality != twin::Quality::rate) return twin::Quality::rate;
      if (leaps(a.sample, b.sample, field) || leaps(b.sample, s, field)) return twin::Quality::rate;
    }
    if (!field.flat_after) return twin::Quality::good;
    // Back to the first good one that is equal, unless there was a silence between.
    int64_t since = s.at, next = s.at;
    for (auto c = chapters.rbegin(); c != chapters.rend(); ++c) {
      if (next - c->sample.at > field.stale_after.ns) break;
      next = c->sample.at;
      if (!usable(c->quality)) continue;
      if (c->sample.raw != s.raw) break;
      since = c->sample.at;
    }
    return s.at - since >= field.flat_after->ns ? twin::Quality::flat : twin::Quality::good;
  }
};

Expected by_definition(const std::vector<Sample>& samples, const twin::FieldConfig& field, Time now,
                       Tally* tally = nullptr) {
  const auto scaling = twin::scaling_of(field);
  Expected e;
  std::optional<int64_t> newest;
  Story story;
  for (const Sample& s : samples) {
    const double value = scaling.to_si(s.raw);
    const bool newer = !newest || s.at > *newest;
    auto quality = s.raw == twin::kMissing                                 ? twin::Quality::missing
                   : value < field.range->low || value > field.range->high ? twin::Quality::out_of_range
                   : !newer                                                ? twin::Quality::late
                   : s.future                                              ? twin::Quality::future
                                                                           : twin::Quality::good;
    if (newer && newest && s.at - *newest < field.least_spacing.value_or(Duration{}).ns) {
      if (tally != nullptr) ++tally->shed;
      continue;
    }
    if (newer && usable(quality))
      if (const auto judged = story.judge(s, field); !usable(judged)) quality = judged;
    if (newer) story.chapters.push_back({s, quality});
    if (tally != nullptr) ++tally->by_quality[static_cast<size_t>(quality)];
    if (!newer) continue;
    newest = s.at;
    e.quality = quality;
    e.value = usable(quality) ? value : std::numeric_limits<double>::quiet_NaN();
    if (usable(quality)) e.sampled = Time{s.at};
  }
  if (newest && Time{*newest} + field.stale_after < now)
    e = {std::numeric_limits<double>::quiet_NaN(), e.sampled, twin::Quality::stale};
  return e;
}

}  // namespace

TEST_CASE("processor: twins and status are those of the definition, whatever arrives in whatever order") {
  constexpr size_t kRows = 200;
  constexpr int kSeconds = 660;
  std::array<uint64_t, 5> seen{};  // how often each status
  std::mt19937_64 random(21);
  enum class Declared { nothing, spacing, plausibility };
  for (const auto declared : {Declared::nothing, Declared::spacing, Declared::plausibility}) {
    const bool spaced = declared == Declared::spacing, judged = declared == Declared::plausibility;
    Site site(kRows, [&](twin::ModelConfig& home) {
      if (spaced) home.telemetry[kP].least_spacing = seconds(9);
      if (!judged) return;
      home.telemetry[kT].max_rate = 0.1;  // a step a second
      home.telemetry[kT].flat_after = seconds(40);
      home.telemetry[kP].flat_after = minutes(2);
    });
    // What moves slowly, stands still for a while, and leaps now and then: for one sample or for good.
    std::vector<int32_t> level(kRows, 230);
    const auto moved = [&](uint32_t row) {
      if (random() % 20 == 0) level[row] = static_cast<int32_t>(random() % 600);
      if (row % 3 != 0)
        level[row] = std::clamp(level[row] + static_cast<int32_t>(random() % 25) - 12, 0, 600);
      return random() % 16 == 0 ? static_cast<int32_t>(random() % 600) : level[row];
    };
    const auto& model = site.homes.model().config;
    std::array<std::vector<std::vector<Sample>>, 2> samples;
    samples.fill(std::vector<std::vector<Sample>>(kRows));
    std::vector<uint32_t> number(kRows);
    std::vector<uint8_t> online(kRows);
    for (uint32_t row = 0; row < kRows; ++row) {  // energy is known all the time
      site.homes.instant(Homes::kHome, site.homes.model().fields[Homes::kEnergy].sampled, row) = at(9999).ns;
      site.homes.flag(Homes::kHome, site.homes.model().fields[Homes::kEnergy].quality, row) = 0;
    }
    for (int k = 1; k < kSeconds; ++k) {
      const Time now = at(k);
      std::vector<twin::Presence> presence;
      for (uint32_t row = 0; row < kRows; ++row) {
        if (k != 1 && random() % 300 != 0) continue;
        online[row] = k == 1 || random() % 4 != 0;
        presence.push_back({Homes::home(row), online[row] != 0, now});
      }
      // Rows of which a tenth is due, in runs; some are lost, some come late, some again with a newer number.
      std::vector<Message> messages;
      const bool quiet = k > 150 && k < 200;  // all fall silent, whatever their last sample was
      for (uint32_t row = 0; row < kRows && !quiet; ++row) {
        if ((row / 20 + static_cast<uint32_t>(k)) % 10 != 0 || random() % 12 == 0) continue;
        const bool odd = random() % 8 == 0;
        const Time sampled =
            odd ? now - nanoseconds(static_cast<int64_t>(random() % 40'000'000'000)) : now - nanoseconds(row);
        Message m{row, number[row]++, sampled, now, {static_cast<int32_t>(random() % 600), 900}};
        if (odd && random() % 4 == 0) m.sampled = now + seconds(5);
        if (judged) m.values[0] = moved(row);
        if (random() % 10 == 0) m.values[0] = random() % 2 == 0 ? twin::kMissing : 2000;
        if (random() % 20 == 0) m.values[1] = -1 - static_cast<int32_t>(random() % 2);
        messages.push_back(m);
        const bool future = m.sampled > now + twin::kFutureTolerance;
        for (size_t f = 0; f < 2; ++f)
          samples[f][row].push_back({future ? now.ns : m.sampled.ns, m.values[f], future});
      }
      if (random() % 3 == 0) std::shuffle(messages.begin(), messages.end(), random);
      site.take(now, messages, presence);

      for (uint32_t row = 0; row < kRows; ++row) {
        bool stale = false, faulty = false;
        INFO("second " << k << " row " << row);
        double temperature = 0;
        for (uint16_t f = 0; f < 2; ++f) {
          const Expected e = by_definition(samples[f][row], model.telemetry[f], now);
          REQUIRE(site.quality(f, row) == e.quality);
          REQUIRE(site.sampled(f, row) == e.sampled);
          REQUIRE(std::isnan(site.value(f, row)) == std::isnan(e.value));
          if (!std::isnan(e.value)) REQUIRE(site.value(f, row) == e.value);
          if (f == kT) temperature = e.value;
          stale |= e.quality == twin::Quality::stale;
          stale |= e.quality == twin::Quality::never && model.telemetry[f].stale_after < now - kStart;
          faulty |= e.quality == twin::Quality::missing || e.quality == twin::Quality::out_of_range ||
                    e.quality == twin::Quality::rate || e.quality == twin::Quality::flat;
        }
        const bool deviating = now >= at(600) && std::abs(temperature - Homes::kCoolDefault) > 1.5;
        REQUIRE(site.status(row) == (online[row] == 0 ? DeviceStatus::offline
                                     : stale          ? DeviceStatus::stale
                                     : faulty         ? DeviceStatus::faulty
                                     : deviating      ? DeviceStatus::deviating
                                                      : DeviceStatus::online));
        ++seen[static_cast<size_t>(site.status(row))];
      }
    }
    Tally tally;
    for (uint16_t f = 0; f < 2; ++f)
      for (uint32_t row = 0; row < kRows; ++row)
        by_definition(samples[f][row], model.telemetry[f], at(kSeconds), &tally);
    const auto counters = site.processor.counters();
    CHECK(counters.by_quality == tally.by_quality);
    CHECK(counters.shed == tally.shed);
    CHECK((counters.shed > 0) == spaced);
    CHECK((site.count(twin::Quality::rate) > 1000) == judged);
    CHECK((site.count(twin::Quality::flat) > 1000) == judged);
    CHECK(counters.by_quality[static_cast<size_t>(twin::Quality::late)] > 100);
    CHECK(counters.by_quality[static_cast<size_t>(twin::Quality::future)] > 20);
  }
  for (const uint64_t times : seen) CHECK(times > 1000);
}

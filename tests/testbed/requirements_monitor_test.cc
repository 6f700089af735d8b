// The monitor of temporal formulas against their definition: random formulas over random samples at irregular
// instants, with unknown values, cut off by the run's end, saved and restored in between.
#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "base/random.h"
#include "testbed/requirements/monitor.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

constexpr double kInf = kUnbounded;

class Dice {
 public:
  explicit Dice(uint64_t seed) : seed_(seed) {}
  size_t below(size_t n) { return static_cast<size_t>(next() % n); }
  bool one_in(size_t n) { return below(n) == 0; }

 private:
  uint64_t next() { return random::bits(random::Stream{seed_, 17}, 1, count_++); }
  uint64_t seed_, count_ = 0;
};

/// Instants, the atoms' values at each, and before when no further sample came.
struct Trace {
  std::vector<Time> at;
  std::vector<std::vector<Robustness>> atoms;
  Time next;
};

struct Bounds {
  double low, high;
};

bool less(double a, double b) { return a < b || (a == b && std::signbit(a) && !std::signbit(b)); }
Bounds least(Bounds a, Bounds b) {
  return {less(b.low, a.low) ? b.low : a.low, less(b.high, a.high) ? b.high : a.high};
}
Bounds opposite_of(Bounds a) { return {-a.high, -a.low}; }
Bounds greatest(Bounds a, Bounds b) { return opposite_of(least(opposite_of(a), opposite_of(b))); }
constexpr Bounds kTrue{kInf, kInf}, kFalse{-kInf, -kInf}, kOpen{-kInf, kInf};

/// The definition, word for word.
Bounds defined(const Formula& f, uint32_t n, const Trace& trace, size_t i) {
  const auto& node = f.nodes[n];
  const auto of = [&](uint32_t child, size_t j) { return defined(f, child, trace, j); };
  const Time now = trace.at[i];
  const bool limited = node.within != kUnlimited;
  const auto in_future = [&](size_t j) {
    return trace.at[j] >= now + node.from && (!limited || trace.at[j] <= now + node.within);
  };
  const auto in_past = [&](size_t j) {
    return trace.at[j] <= now - node.from && (!limited || trace.at[j] >= now - node.within);
  };
  const bool cut = is_future(node.op) && (!limited || now + node.within >= trace.next);
  Bounds value = kFalse;
  switch (node.op) {
    case Temporal::atom: {
      const auto& atom = trace.atoms[i][node.left];
      return {atom.low.value, atom.high.value};
    }
    case Temporal::negation:
      return opposite_of(of(node.left, i));
    case Temporal::both:
      return least(of(node.left, i), of(node.right, i));
    case Temporal::either:
      return greatest(of(node.left, i), of(node.right, i));
    case Temporal::always:
      value = kTrue;
      for (size_t j = i; j < trace.at.size(); ++j)
        if (in_future(j)) value = least(value, of(node.left, j));
      return cut ? least(value, kOpen) : value;
    case Temporal::eventually:
      for (size_t j = i; j < trace.at.size(); ++j)
        if (in_future(j)) value = greatest(value, of(node.left, j));
      return cut ? greatest(value, kOpen) : value;
    case Temporal::until: {
      Bounds before = kTrue;
      for (size_t j = i; j < trace.at.size(); ++j) {
        if (in_future(j)) value = greatest(value, least(before, of(node.right, j)));
        before = least(before, of(node.left, j));
      }
      return cut ? greatest(value, least(before, kOpen)) : value;
    }
    case Temporal::historically:
      value = kTrue;
      for (size_t j = 0; j <= i; ++j)
        if (in_past(j)) value = least(value, of(node.left, j));
      return value;
    case Temporal::once:
      for (size_t j = 0; j <= i; ++j)
        if (in_past(j)) value = greatest(value, of(node.left, j));
      return value;
    case Temporal::since: {
      Bounds after = kTrue;
      for (size_t j = i + 1; j-- > 0;) {
        if (in_past(j)) value = greatest(value, least(after, of(node.right, j)));
        after = least(after, of(node.left, j));
      }
      return value;
    }
  }
  return value;
}

uint32_t random_formula(Dice& dice, Formula& f, int depth) {
  if (depth == 0 || dice.one_in(6)) return f.add({.left = static_cast<uint32_t>(dice.below(f.atoms))});
  Formula::Node node;
  node.op = static_cast<Temporal>(1 + dice.below(9));
  node.left = random_formula(dice, f, depth - 1);
  if (is_binary(node.op)) node.right = random_formula(dice, f, depth - 1);
  if (dice.one_in(2)) node.from = milliseconds(static_cast<int64_t>(500 * dice.below(6)));
  if (!dice.one_in(4)) node.within = node.from + milliseconds(static_cast<int64_t>(500 * dice.below(9)));
  return f.add(node);
}

Robustness random_value(Dice& dice, Time at, uint32_t atom) {
  static constexpr double kValues[] = {-kInf, -2, -1, -0.0, 0.0, 1, 2, kInf};
  if (dice.one_in(8)) return unsettled(Bound::Is::unknown, at, atom);
  const Bound bound{.value = kValues[dice.below(8)], .at = at, .atom = atom};
  return {bound, bound};
}

Trace random_trace(Dice& dice, uint32_t atoms) {
  static constexpr int64_t kSteps[] = {100, 500, 500, 500, 700, 1000, 3000};
  Trace trace;
  Time at = kStart + milliseconds(static_cast<int64_t>(500 * dice.below(3)));
  for (size_t n = 1 + dice.below(25); n-- > 0; at = at + milliseconds(kSteps[dice.below(7)])) {
    trace.at.push_back(at);
    trace.atoms.emplace_back();
    for (uint32_t a = 0; a < atoms; ++a) trace.atoms.back().push_back(random_value(dice, at, a));
  }
  trace.next = trace.at.back() + milliseconds(kSteps[dice.below(7)]);
  return trace;
}

Monitor::Outcome observed(const Formula& f, const Trace& trace, size_t save_after = SIZE_MAX) {
  auto monitor = std::make_unique<Monitor>(f);
  for (size_t i = 0; i < trace.at.size(); ++i) {
    monitor->step(trace.at[i], trace.atoms[i]);
    if (i != save_after) continue;
    ArchiveWriter writer;
    monitor->save(writer);
    monitor = std::make_unique<Monitor>(f);
    ArchiveReader reader(writer.bytes());
    monitor->restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
  }
  monitor->finish(trace.next);
  return monitor->outcome();
}

bool same(double a, double b) { return a == b && std::signbit(a) == std::signbit(b); }
bool same(const Robustness& a, Bounds b) { return same(a.low.value, b.low) && same(a.high.value, b.high); }

}  // namespace

TEST_CASE("requirements: at the first instant a formula has the value that the definition gives it") {
  size_t undecided = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed);
    Formula f;
    f.atoms = 3;
    f.asked = AskedAt::first_instant;
    random_formula(dice, f, 4);
    f.prepare();
    const auto trace = random_trace(dice, f.atoms);
    const auto expected = defined(f, f.root(), trace, 0);
    const auto outcome = observed(f, trace);
    INFO("seed " << seed << ": " << expected.low << " " << expected.high << ", not "
                 << outcome.value.low.value << " " << outcome.value.high.value);
    REQUIRE(outcome.decided);
    REQUIRE(same(outcome.value, expected));
    undecided += std::signbit(expected.low) && !std::signbit(expected.high);
  }
  CHECK(undecided > 2000);
  CHECK(undecided < 16'000);
}

TEST_CASE("requirements: so it has at every later instant") {
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed + 1'000'000);
    Formula f;
    f.atoms = 3;
    f.asked = AskedAt::first_instant;
    const auto inner = random_formula(dice, f, 3);
    const auto trace = random_trace(dice, f.atoms);
    const size_t i = dice.below(trace.at.size());
    const Duration later = trace.at[i] - trace.at[0];
    f.add({.op = Temporal::eventually, .left = inner, .from = later, .within = later});
    f.prepare();
    const auto expected = defined(f, inner, trace, i);
    const auto outcome = observed(f, trace);
    INFO("seed " << seed << ", sample " << i);
    REQUIRE(outcome.decided);
    REQUIRE(same(outcome.value, expected));
  }
}

TEST_CASE(
    "requirements: over the run the least of all instants counts, and what the end leaves open is told "
    "apart") {
  size_t tails = 0, whole = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed + 2'000'000);
    Formula f;
    f.atoms = 3;
    random_formula(dice, f, 3);
    f.prepare();
    const auto trace = random_trace(dice, f.atoms);
    Bounds all = kTrue;
    for (size_t i = 0; i < trace.at.size(); ++i) all = least(all, defined(f, f.root(), trace, i));
    // With known values before the end, what remains undecided is open by the end alone.
    const auto outcome = observed(f, trace);
    INFO("seed " << seed);
    REQUIRE(same(outcome.value.high.value, all.high));
    REQUIRE(outcome.instants <= trace.at.size());
    if (outcome.open_since == kNever) {
      ++whole;
      REQUIRE(same(outcome.value, all));
      REQUIRE(outcome.instants == trace.at.size());
    } else {
      ++tails;
      REQUIRE_FALSE(less(outcome.value.low.value, all.low));
      REQUIRE(std::signbit(all.low));
    }
  }
  CHECK(tails > 2000);
  CHECK(whole > 2000);
}

TEST_CASE("requirements: a monitor that is saved and restored after any sample goes on alike") {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Dice dice(seed + 3'000'000);
    Formula f;
    f.atoms = 3;
    f.asked = dice.one_in(2) ? AskedAt::every_instant : AskedAt::first_instant;
    random_formula(dice, f, 4);
    f.prepare();
    const auto trace = random_trace(dice, f.atoms);
    const auto expected = observed(f, trace);
    const auto outcome = observed(f, trace, dice.below(trace.at.size()));
    INFO("seed " << seed);
    REQUIRE(same(outcome.value, {expected.value.low.value, expected.value.high.value}));
    REQUIRE(outcome.value.low.at == expected.value.low.at);
    REQUIRE(outcome.value.high.atom == expected.value.high.atom);
    REQUIRE(outcome.open_since == expected.open_since);
    REQUIRE(outcome.instants == expected.instants);
  }
}

TEST_CASE("requirements: what a monitor does not wait for changes neither value, nor atom, nor instant") {
  size_t awaited = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed + 5'000'000);
    Formula f;
    f.atoms = 3;
    const auto known = random_formula(dice, f, 2);
    const auto later = random_formula(dice, f, 1 + static_cast<int>(dice.below(2)));
    if (!dice.one_in(4)) {
      const bool swapped = dice.one_in(2);
      f.add({.op = Temporal::either, .left = swapped ? later : known, .right = swapped ? known : later});
    }
    Formula waits = f;  // denied twice it has a form in which every instant waits
    for (int i = 0; i < 2; ++i) waits.add({.op = Temporal::negation, .left = waits.root()});
    f.prepare();
    waits.prepare();
    REQUIRE(waits.awaited == Formula::kNobody);
    awaited += f.awaited != Formula::kNobody;
    const auto trace = random_trace(dice, f.atoms);
    const auto a = observed(f, trace, dice.below(trace.at.size()));
    const auto b = observed(waits, trace);
    INFO("seed " << seed);
    const auto same_bound = [](const Bound& x, const Bound& y) {
      return same(x.value, y.value) && x.at == y.at && x.atom == y.atom && x.is == y.is;
    };
    REQUIRE(same_bound(a.value.low, b.value.low));
    REQUIRE(same_bound(a.value.high, b.value.high));
    REQUIRE(a.instants == b.instants);
    REQUIRE(a.open_since == b.open_since);
  }
  CHECK(awaited > 3000);
}

TEST_CASE("requirements: what decided a formula is an atom with that very value, at an instant of the run") {
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    Dice dice(seed + 4'000'000);
    Formula f;
    f.atoms = 3;
    random_formula(dice, f, 4);
    f.prepare();
    const auto trace = random_trace(dice, f.atoms);
    const auto outcome = observed(f, trace);
    for (const auto* bound : {&outcome.value.low, &outcome.value.high}) {
      if (bound->is != Bound::Is::known) continue;
      const auto at = std::find(trace.at.begin(), trace.at.end(), bound->at);
      REQUIRE(at != trace.at.end());
      const auto& atom = trace.atoms[static_cast<size_t>(at - trace.at.begin())][bound->atom];
      REQUIRE(std::abs(atom.low.value) == std::abs(bound->value));
    }
  }
}

TEST_CASE("requirements: zero holds where the comparison does") {
  Formula f;
  f.atoms = 1;
  f.add({.left = 0});
  f.add({.op = Temporal::always, .left = 0, .within = seconds(1)});
  f.prepare();
  for (const double zero : {0.0, -0.0}) {
    Monitor monitor(f);
    const Bound bound{.value = zero};
    monitor.step(kStart, std::vector<Robustness>{{bound, bound}});
    monitor.step(kStart + seconds(1), std::vector<Robustness>{{bound, bound}});
    CHECK(monitor.outcome().value.low.holds() == !std::signbit(zero));
  }
}

TEST_CASE("requirements: a monitor keeps no more than its formula's windows, however long the run") {
  const auto bytes_after = [](const Formula& f, size_t samples) {
    Monitor monitor(f);
    for (size_t i = 0; i < samples; ++i) {
      const Time at{static_cast<int64_t>(i) * 1'000'000'000};
      const Bound bound{.value = std::sin(static_cast<double>(i)), .at = at};
      monitor.step(at, std::vector<Robustness>{{bound, bound}});
    }
    ArchiveWriter writer;
    monitor.save(writer);
    return writer.bytes().size();
  };
  for (size_t op = 4; op <= 9; ++op) {
    for (const AskedAt asked : {AskedAt::every_instant, AskedAt::first_instant}) {
      Formula f;
      f.atoms = 1;
      f.asked = asked;
      f.add({.left = 0});
      f.add({.left = 0});
      f.add({.op = static_cast<Temporal>(op),
             .left = 0,
             .right = 1,
             .from = seconds(3),
             .within = seconds(40)});
      f.add({.left = 0});
      f.add({.op = Temporal::both, .left = 2, .right = 3});
      f.prepare();
      INFO(name_of(static_cast<Temporal>(op)));
      CHECK(bytes_after(f, 5000) < 1000 + f.most_bytes(seconds(1), days(1)));
      CHECK(bytes_after(f, 5000) < 1.5 * static_cast<double>(bytes_after(f, 500)));
    }
  }
}

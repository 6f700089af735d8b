#include "testbed/requirements/monitor.h"

#include "base/check.h"

namespace looptwin::testbed {
namespace {

bool is_until(Temporal op) { return op == Temporal::until || op == Temporal::since; }
/// Whether all instants of a window count, or one of them.
bool takes_least(Temporal op) { return op == Temporal::always || op == Temporal::historically; }

Time plus(Time at, Duration span) { return span == kUnlimited ? kNever : at + span; }
Time minus(Time at, Duration span) { return span == kUnlimited ? kLongAgo : at - span; }

Robustness joined(Temporal op, const Robustness& a, const Robustness& b) {
  return takes_least(op) || op == Temporal::both ? both(a, b) : either(a, b);
}

}  // namespace

Monitor::Window::Window(Temporal op) : extreme(takes_least(op)), folded(certain(takes_least(op))) {
  if (is_until(op)) pairs = std::make_unique<Pairs>(op == Temporal::since);
}

Monitor::Monitor(const Formula& formula) : formula_(&formula), nodes_(formula.slots) {
  LT_CHECK(formula.slots > 0, "a formula that was not prepared");
  awaiting_.reached = certain(false);
  for (const auto& op : formula.nodes)
    if (is_future(op.op) || is_past(op.op)) nodes_[op.slot].window = std::make_unique<Window>(op.op);
}

const Robustness& Monitor::now_of(uint32_t node, std::span<const Robustness> atoms, Robustness& room) const {
  const Op& op = formula_->nodes[node];
  if (op.op == Temporal::atom) return atoms[op.left];
  const Robustness& left = now_of(op.left, atoms, room);
  if (op.op == Temporal::negation) return room = opposite(left);
  Robustness other;
  return room = joined(op.op, left, now_of(op.right, atoms, other));
}

void Monitor::step(Time now, std::span<const Robustness> atoms) {
  if (outcome_.decided) return;
  const uint32_t root = formula_->root();
  Robustness room;
  if (formula_->nodes[root].pointwise && formula_->asked == AskedAt::every_instant)
    return fold(now, now_of(root, atoms, room));
  if (formula_->awaited != Formula::kNobody) return step_awaiting(now, atoms);
  for (uint32_t n = 0; n < formula_->nodes.size(); ++n) {
    const Op& op = formula_->nodes[n];
    if (op.source && !node_of(n).done) {
      node_of(n).out.push({now, now_of(n, atoms, room)});
      node_of(n).done = op.at_first;
    }
    if (!op.pointwise) advance(n);
  }
  collect();
}

/// Whether an instant at which the formula is worth this or more cannot be the one that counts.
bool Monitor::settles(const Robustness& least) const {
  return least.low.holds() && !below(least.low, outcome_.value.low) &&
         !below(least.high, outcome_.value.high);
}

uint32_t Monitor::settling_node(const Formula& formula) {
  if (formula.asked != AskedAt::every_instant) return Formula::kNobody;
  if (formula.nodes.back().pointwise) return formula.root();
  const uint32_t node = formula.at_once;
  return node != Formula::kNobody && formula.nodes[node].pointwise ? node : Formula::kNobody;
}

Robustness Monitor::settling_value(std::span<const Robustness> atoms) const {
  Robustness room;
  return now_of(settling_node(*formula_), atoms, room);
}

bool Monitor::pass(const Robustness& value) {
  if (awaiting_.waits || !settles(value)) return false;
  ++outcome_.instants;
  return true;
}

/// Whether one value is at least another, bound by bound, and the other holds.
bool Monitor::reaches(const Robustness& value, const Robustness& least) {
  return least.low.holds() && !below(value.low, least.low) && !below(value.high, least.high);
}

/// The step of a formula that is awaited, or at_once || awaited.
void Monitor::step_awaiting(Time now, std::span<const Robustness> atoms) {
  const uint32_t at_once = formula_->at_once, awaited = formula_->awaited;
  const Op& op = formula_->nodes[awaited];
  Robustness room, left_room, right_room;
  const Robustness& known =
      at_once == Formula::kNobody ? room = certain(false) : step_at_once(now, atoms, room);
  bool settled = settles(known);
  if (settled && !awaiting_.waits) {
    ++outcome_.instants;
    return;
  }
  const Robustness& left = now_of(op.left, atoms, left_room);
  const Robustness& right = is_binary(op.op) ? now_of(op.right, atoms, right_room) : left;
  const bool begins_at_once = op.from.ns == 0 && op.op != Temporal::always;
  const bool parks = begins_at_once && op.op == Temporal::eventually;
  if (begins_at_once) {
    // The first sample of the window is one of those that are enough.
    const Robustness least = either(known, right);
    settled = settled || settles(least);
    // What comes into the window of the instant that began to wait last comes into this one's: where this one
    // is as far as that one has got, it will not be worse.
    if (parks) {
      settled = settled || reaches(least, awaiting_.reached);
      awaiting_.reached = settled ? either(awaiting_.reached, right) : least;
    }
  }
  if (settled) {
    ++outcome_.instants;
    if (!awaiting_.waits) return;
    if (parks && now < awaiting_.due) return park(now, right);
  } else if (at_once != Formula::kNobody) {
    node_of(at_once).out.push({now, known});
  }
  unpark();
  take_future(op, node_of(awaited), now, left, right, !settled);
  note_waiting();
  if (at_once != Formula::kNobody) advance(formula_->root());
  collect();
}

void Monitor::park(Time at, const Robustness& value) {
  // As in a queue of extremes the latest of equal ones counts.
  if (awaiting_.parked == kNever || !below(value.low, awaiting_.best.low)) awaiting_.best.low = value.low;
  if (awaiting_.parked == kNever || !below(value.high, awaiting_.best.high)) awaiting_.best.high = value.high;
  awaiting_.parked = at;
}

void Monitor::unpark() {
  if (awaiting_.parked == kNever) return;
  node_of(formula_->awaited).window->extreme.push(awaiting_.parked, awaiting_.best);
  awaiting_.parked = kNever;
}

void Monitor::note_waiting() {
  const auto& waiting = node_of(formula_->awaited).window->waiting;
  awaiting_.waits = !waiting.empty();
  awaiting_.due = waiting.empty() ? kNever : plus(waiting.front(), formula_->nodes[formula_->awaited].within);
}

const Robustness& Monitor::step_at_once(Time now, std::span<const Robustness> atoms, Robustness& room) {
  const uint32_t at_once = formula_->at_once;
  if (formula_->nodes[at_once].pointwise) return now_of(at_once, atoms, room);
  const Op& awaited = formula_->nodes[formula_->awaited];
  for (uint32_t n = 0; n < formula_->root(); ++n) {
    const Op& op = formula_->nodes[n];
    if (n == formula_->awaited || n == awaited.left || (is_binary(awaited.op) && n == awaited.right))
      continue;
    if (op.source) node_of(n).out.push({now, now_of(n, atoms, room)});
    if (!op.pointwise) advance(n);
  }
  // Those before it wait with the instants that are awaited.
  auto& out = node_of(at_once).out;
  room = out.back().value;
  out.pop_back();
  return room;
}

void Monitor::finish(Time next) {
  unpark();
  for (uint32_t n = 0; n < formula_->nodes.size(); ++n) {
    const Op& op = formula_->nodes[n];
    if (op.pointwise) continue;
    advance(n);
    if (is_future(op.op)) flush(op, node_of(n), next);
  }
  collect();
}

/// Takes in what the children have passed on.
void Monitor::advance(uint32_t n) {
  const Op& op = formula_->nodes[n];
  auto& left = node_of(op.left).out;
  auto& right = is_binary(op.op) ? node_of(op.right).out : left;
  while (!left.empty() && !right.empty()) {
    const Sample one = left.front();
    const Robustness other = right.front().value;
    left.pop_front();
    if (&right != &left) right.pop_front();
    take(n, one.at, one.value, other);
  }
}

void Monitor::take(uint32_t n, Time at, const Robustness& left, const Robustness& right) {
  const Op& op = formula_->nodes[n];
  Node& node = node_of(n);
  if (op.op == Temporal::negation)
    node.out.push({at, opposite(left)});
  else if (op.op == Temporal::both || op.op == Temporal::either)
    node.out.push({at, joined(op.op, left, right)});
  else if (is_past(op.op))
    take_past(op, node, at, left, right);
  else if (op.at_first)
    fold_first(op, node, at, left, right);
  else
    take_future(op, node, at, left, right);
}

void Monitor::take_future(const Op& op, Node& node, Time at, const Robustness& left, const Robustness& right,
                          bool waits) {
  Window& window = *node.window;
  if (window.waiting.empty()) forget(window, at);
  while (!window.waiting.empty() && plus(window.waiting.front(), op.within) < at) emit(op, node, {});
  if (is_until(op.op)) {
    window.pairs->until.push(at, left, right);
    if (op.from.ns > 0) window.pairs->ahead.push({at, left});
  } else {
    window.extreme.push(at, left);
  }
  if (waits) window.waiting.push(at);
  while (!window.waiting.empty() && plus(window.waiting.front(), op.within) <= at) emit(op, node, {});
}

/// What came when no instant waited any more is in no window.
void Monitor::forget(Window& window, Time before) {
  window.extreme.begin_at(before);
  if (!window.pairs) return;
  window.pairs->until.begin_at(before);
  window.pairs->before.begin_at(before);
  while (!window.pairs->ahead.empty()) window.pairs->ahead.pop_front();
}

/// The value of the oldest instant that waits; `next`: the run is over, and no sample came before that.
void Monitor::emit(const Op& op, Node& node, std::optional<Time> next) {
  Window& window = *node.window;
  const Time at = window.waiting.front();
  window.waiting.pop_front();
  const Time begin = at + op.from;
  const bool cut = next && plus(at, op.within) >= *next;
  const Robustness beyond = unsettled(Bound::Is::beyond_end, next.value_or(at));
  if (!is_until(op.op)) {
    window.extreme.begin_at(begin);
    const Robustness value = window.extreme.value();
    node.out.push({at, cut ? joined(op.op, value, beyond) : value});
    return;
  }
  for (; !window.pairs->ahead.empty() && window.pairs->ahead.front().at < begin;
       window.pairs->ahead.pop_front())
    window.pairs->before.push(window.pairs->ahead.front().at, window.pairs->ahead.front().value);
  window.pairs->before.begin_at(at);
  window.pairs->until.begin_at(begin);
  const auto inside = window.pairs->until.value();
  Robustness left = window.pairs->before.value();
  if (next && *next < begin) left = both(left, beyond);
  const Robustness value = cut ? either(inside.until, both(inside.left, beyond)) : inside.until;
  node.out.push({at, both(left, value)});
}

void Monitor::flush(const Op& op, Node& node, Time next) {
  if (!op.at_first) {
    while (!node.window->waiting.empty()) emit(op, node, next);
    return;
  }
  Window& window = *node.window;
  if (node.done || window.first == kNever) return;
  Robustness value = window.folded;
  if (plus(window.first, op.within) >= next) {
    const Robustness beyond = unsettled(Bound::Is::beyond_end, next);
    value = is_until(op.op) ? either(value, both(window.pairs->left, beyond)) : joined(op.op, value, beyond);
  }
  node.out.push({window.first, value});
  node.done = true;
}

/// Of the first instant alone one value is enough, and one more for what must hold until then.
void Monitor::fold_first(const Op& op, Node& node, Time at, const Robustness& left, const Robustness& right) {
  if (node.done) return;
  Window& window = *node.window;
  if (window.first == kNever) window.first = at;
  const Time end = plus(window.first, op.within);
  if (at <= end) {
    const bool inside = at >= window.first + op.from;
    if (is_until(op.op)) {
      if (inside) window.folded = either(window.folded, both(window.pairs->left, right));
      window.pairs->left = both(window.pairs->left, left);
    } else if (inside) {
      window.folded = joined(op.op, window.folded, left);
    }
  }
  if (at < end) return;
  node.out.push({window.first, window.folded});
  node.done = true;
}

void Monitor::take_past(const Op& op, Node& node, Time at, const Robustness& left, const Robustness& right) {
  if (node.done) return;
  node.done = op.at_first;
  Window& window = *node.window;
  const Time newest = at - op.from, oldest = minus(at, op.within);
  const bool folds = op.within == kUnlimited;
  const auto enter = [&](Time since, const Robustness& l, const Robustness& r) {
    if (folds && op.op == Temporal::since)
      window.folded = either(r, both(window.folded, l));
    else if (folds)
      window.folded = joined(op.op, window.folded, l);
    else if (op.op == Temporal::since)
      window.pairs->until.push(since, l, r);
    else
      window.extreme.push(since, l);
  };
  if (op.from.ns == 0) {
    enter(at, left, right);
  } else {
    window.young.push({at, left, right});
    for (; !window.young.empty() && window.young.front().at <= newest; window.young.pop_front())
      enter(window.young.front().at, window.young.front().left, window.young.front().right);
  }
  if (op.op != Temporal::since) {
    window.extreme.begin_at(oldest);
    node.out.push({at, folds ? window.folded : window.extreme.value()});
    return;
  }
  window.pairs->until.begin_at(oldest);
  const Robustness inside = folds ? window.folded : window.pairs->until.value().until;
  if (op.from.ns > 0) {
    window.pairs->before.push(at, left);
    window.pairs->before.begin_at(newest + nanoseconds(1));
  }
  node.out.push({at, both(inside, window.pairs->before.value())});
}

/// Folds what the root has passed on.
void Monitor::collect() {
  auto& out = node_of(formula_->root()).out;
  for (; !out.empty(); out.pop_front())
    if (!outcome_.decided) fold(out.front().at, out.front().value);
}

void Monitor::fold(Time at, const Robustness& value) {
  if (formula_->asked == AskedAt::first_instant) {
    outcome_ = {value, 1, kNever, true};
    return;
  }
  if (settles(value)) {
    ++outcome_.instants;
    return;
  }
  outcome_.value.high = lower(outcome_.value.high, value.high);
  const bool undecided = !value.low.holds() && value.high.holds();
  const bool by_end = value.low.is == Bound::Is::beyond_end ||
                      (value.low.is != Bound::Is::unknown && value.high.is == Bound::Is::beyond_end);
  if (undecided && by_end) {
    if (outcome_.open_since == kNever) outcome_.open_since = at;
    return;
  }
  outcome_.value.low = lower(outcome_.value.low, value.low);
  ++outcome_.instants;
}

void Monitor::save(ArchiveWriter& archive) const {
  archive.section("monitor", 2);
  archive.put(outcome_);
  if (formula_->awaited != Formula::kNobody) archive.put(awaiting_);
  for (const auto& node : nodes_) {
    node.out.save(archive);
    archive.put(node.done);
    if (!node.window) continue;
    const Window& window = *node.window;
    window.waiting.save(archive);
    window.young.save(archive);
    window.extreme.save(archive);
    archive.put(window.first);
    archive.put(window.folded);
    if (!window.pairs) continue;
    window.pairs->until.save(archive);
    window.pairs->before.save(archive);
    window.pairs->ahead.save(archive);
    archive.put(window.pairs->left);
  }
}

void Monitor::restore(ArchiveReader& archive) {
  const uint32_t version = archive.section("monitor", 2);
  outcome_ = archive.get<Outcome>();
  const bool awaits = formula_->awaited != Formula::kNobody;
  awaiting_ = {.reached = certain(false)};
  if (awaits && version > 1) awaiting_ = archive.get<Awaiting>();
  for (auto& node : nodes_) {
    node.out.restore(archive);
    node.done = archive.get<bool>();
    if (!node.window) continue;
    Window& window = *node.window;
    window.waiting.restore(archive);
    window.young.restore(archive);
    window.extreme.restore(archive);
    window.first = archive.get<Time>();
    window.folded = archive.get<Robustness>();
    if (!window.pairs) continue;
    window.pairs->until.restore(archive);
    window.pairs->before.restore(archive);
    window.pairs->ahead.restore(archive);
    window.pairs->left = archive.get<Robustness>();
  }
  if (awaits) note_waiting();
}

}  // namespace looptwin::testbed

#include "testbed/requirements/monitor.h"

#include "base/check.h"

namespace looptwin::testbed {
namespace {

bool is_until(Temporal op) { return op == Temporal::until || op == Temporal::since; }
/// Whether all instants of a window count, or one of them.
bool takes_least(Temporal op) { return op == Temporal::always || op == Temporal::historically; }

Time plus(Time at, Duration span) { return span == kUnlimited ? kNever : at + span; }
Time minus(Time at, Duration span) { return span == kUnlimited ? kLongAgo : at - span; }

Value joined(Temporal op, const Value& a, const Value& b) {
  return takes_least(op) || op == Temporal::both ? both(a, b) : either(a, b);
}

}  // namespace

Monitor::Monitor(const Formula& formula)
    : formula_(&formula), nodes_(formula.nodes.size()), source_(formula.nodes.size()) {
  const auto& nodes = formula.nodes;
  LT_CHECK(!nodes.empty(), "a formula without a node");
  source_.back() = nodes.back().pointwise;
  for (size_t i = 0; i < nodes.size(); ++i) {
    auto& node = nodes_[i];
    node.extreme = SlidingExtreme(takes_least(nodes[i].op));
    node.until = SlidingUntil(nodes[i].op == Temporal::since);
    node.folded = certain(takes_least(nodes[i].op));
    if (nodes[i].pointwise) continue;
    source_[nodes[i].left] = nodes[nodes[i].left].pointwise;
    if (is_binary(nodes[i].op)) source_[nodes[i].right] = nodes[nodes[i].right].pointwise;
  }
}

Value Monitor::now_of(uint32_t node, std::span<const Value> atoms) const {
  const Op& op = formula_->nodes[node];
  switch (op.op) {
    case Temporal::atom:
      return atoms[op.left];
    case Temporal::negation:
      return opposite(now_of(op.left, atoms));
    default:
      return joined(op.op, now_of(op.left, atoms), now_of(op.right, atoms));
  }
}

void Monitor::step(Time now, std::span<const Value> atoms) {
  if (outcome_.decided) return;
  for (uint32_t n = 0; n < nodes_.size(); ++n) {
    Node& node = nodes_[n];
    if (source_[n] && !node.done) {
      node.out.push({now, now_of(n, atoms)});
      node.done = formula_->nodes[n].at_first;
    }
    if (!formula_->nodes[n].pointwise) advance(n);
  }
  collect();
}

void Monitor::finish(Time next) {
  for (uint32_t n = 0; n < nodes_.size(); ++n) {
    const Op& op = formula_->nodes[n];
    if (op.pointwise) continue;
    advance(n);
    if (is_future(op.op)) flush(op, nodes_[n], next);
  }
  collect();
}

/// Takes in what the children have passed on.
void Monitor::advance(uint32_t n) {
  const Op& op = formula_->nodes[n];
  auto& left = nodes_[op.left].out;
  auto& right = nodes_[is_binary(op.op) ? op.right : op.left].out;
  while (!left.empty() && !right.empty()) {
    const Sample one = left.front();
    const Value other = right.front().value;
    left.pop_front();
    if (&right != &left) right.pop_front();
    take(n, one.at, one.value, other);
  }
}

void Monitor::take(uint32_t n, Time at, const Value& left, const Value& right) {
  const Op& op = formula_->nodes[n];
  Node& node = nodes_[n];
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

void Monitor::take_future(const Op& op, Node& node, Time at, const Value& left, const Value& right) {
  while (!node.waiting.empty() && plus(node.waiting.front(), op.within) < at) emit(op, node, {});
  if (is_until(op.op)) {
    node.until.push(at, left, right);
    if (op.from.ns > 0) node.ahead.push({at, left});
  } else {
    node.extreme.push(at, left);
  }
  node.waiting.push(at);
  while (!node.waiting.empty() && plus(node.waiting.front(), op.within) <= at) emit(op, node, {});
}

/// The value of the oldest instant that waits; `next`: the run is over, and no sample came before that.
void Monitor::emit(const Op& op, Node& node, std::optional<Time> next) {
  const Time at = node.waiting.front();
  node.waiting.pop_front();
  const Time begin = at + op.from;
  const bool cut = next && plus(at, op.within) >= *next;
  const Value beyond = unsettled(Bound::Is::beyond_end, next.value_or(at));
  if (!is_until(op.op)) {
    node.extreme.begin_at(begin);
    const Value value = node.extreme.value();
    node.out.push({at, cut ? joined(op.op, value, beyond) : value});
    return;
  }
  for (; !node.ahead.empty() && node.ahead.front().at < begin; node.ahead.pop_front())
    node.before.push(node.ahead.front().at, node.ahead.front().value);
  node.before.begin_at(at);
  node.until.begin_at(begin);
  const auto window = node.until.value();
  Value left = node.before.value();
  if (next && *next < begin) left = both(left, beyond);
  const Value value = cut ? either(window.until, both(window.left, beyond)) : window.until;
  node.out.push({at, both(left, value)});
}

void Monitor::flush(const Op& op, Node& node, Time next) {
  if (!op.at_first) {
    while (!node.waiting.empty()) emit(op, node, next);
    return;
  }
  if (node.done || node.first == kNever) return;
  Value value = node.folded;
  if (plus(node.first, op.within) >= next) {
    const Value beyond = unsettled(Bound::Is::beyond_end, next);
    value = is_until(op.op) ? either(value, both(node.left, beyond)) : joined(op.op, value, beyond);
  }
  node.out.push({node.first, value});
  node.done = true;
}

/// Of the first instant alone one value is enough, and one more for what must hold until then.
void Monitor::fold_first(const Op& op, Node& node, Time at, const Value& left, const Value& right) {
  if (node.done) return;
  if (node.first == kNever) node.first = at;
  const Time end = plus(node.first, op.within);
  if (at <= end) {
    const bool inside = at >= node.first + op.from;
    if (is_until(op.op)) {
      if (inside) node.folded = either(node.folded, both(node.left, right));
      node.left = both(node.left, left);
    } else if (inside) {
      node.folded = joined(op.op, node.folded, left);
    }
  }
  if (at < end) return;
  node.out.push({node.first, node.folded});
  node.done = true;
}

void Monitor::take_past(const Op& op, Node& node, Time at, const Value& left, const Value& right) {
  if (node.done) return;
  node.done = op.at_first;
  const Time newest = at - op.from, oldest = minus(at, op.within);
  const bool folds = op.within == kUnlimited;
  const auto enter = [&](Time since, const Value& l, const Value& r) {
    if (folds && op.op == Temporal::since)
      node.folded = either(r, both(node.folded, l));
    else if (folds)
      node.folded = joined(op.op, node.folded, l);
    else if (op.op == Temporal::since)
      node.until.push(since, l, r);
    else
      node.extreme.push(since, l);
  };
  if (op.from.ns == 0) {
    enter(at, left, right);
  } else {
    node.young.push({at, left, right});
    for (; !node.young.empty() && node.young.front().at <= newest; node.young.pop_front())
      enter(node.young.front().at, node.young.front().left, node.young.front().right);
  }
  if (op.op != Temporal::since) {
    node.extreme.begin_at(oldest);
    node.out.push({at, folds ? node.folded : node.extreme.value()});
    return;
  }
  node.until.begin_at(oldest);
  const Value window = folds ? node.folded : node.until.value().until;
  if (op.from.ns > 0) {
    node.before.push(at, left);
    node.before.begin_at(newest + nanoseconds(1));
  }
  node.out.push({at, both(window, node.before.value())});
}

/// Folds what the root has passed on.
void Monitor::collect() {
  auto& out = nodes_.back().out;
  for (; !out.empty(); out.pop_front()) {
    if (outcome_.decided) continue;
    const Sample sample = out.front();
    const Value& value = sample.value;
    if (formula_->asked == Asked::at_first) {
      outcome_ = {value, 1, kNever, true};
      continue;
    }
    outcome_.value.high = lower(outcome_.value.high, value.high);
    const bool undecided = !value.low.holds() && value.high.holds();
    const bool by_end = value.low.is == Bound::Is::beyond_end ||
                        (value.low.is != Bound::Is::unknown && value.high.is == Bound::Is::beyond_end);
    if (undecided && by_end) {
      if (outcome_.open_since == kNever) outcome_.open_since = sample.at;
      continue;
    }
    outcome_.value.low = lower(outcome_.value.low, value.low);
    ++outcome_.instants;
  }
}

void Monitor::save(ArchiveWriter& archive) const {
  archive.section("monitor", 1);
  archive.put(outcome_);
  for (const auto& node : nodes_) {
    node.out.save(archive);
    node.waiting.save(archive);
    node.young.save(archive);
    node.extreme.save(archive);
    node.until.save(archive);
    node.before.save(archive);
    node.ahead.save(archive);
    archive.put(node.first);
    archive.put(node.folded);
    archive.put(node.left);
    archive.put(node.done);
  }
}

void Monitor::restore(ArchiveReader& archive) {
  archive.section("monitor", 1);
  outcome_ = archive.get<Outcome>();
  for (auto& node : nodes_) {
    node.out.restore(archive);
    node.waiting.restore(archive);
    node.young.restore(archive);
    node.extreme.restore(archive);
    node.until.restore(archive);
    node.before.restore(archive);
    node.ahead.restore(archive);
    node.first = archive.get<Time>();
    node.folded = archive.get<Value>();
    node.left = archive.get<Value>();
    node.done = archive.get<bool>();
  }
}

}  // namespace looptwin::testbed

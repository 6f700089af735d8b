// Follows one formula on one device while a run goes on: a sample in, and what is decided by then is folded
// away. Memory is bounded by the formula's windows; in a steady state nothing is allocated.
//
// Each node passes a stream of (instant, value) on to its parent, in order, each as soon as it is known:
// those of the future wait until their window is over. Over a run only the least counts: an instant that what
// is known at once keeps from being it waits for nothing. See docs/requirements.md for the semantics.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "testbed/requirements/formula.h"
#include "testbed/requirements/sliding.h"

namespace looptwin::testbed {

class Monitor {
 public:
  struct Sample {
    Time at;
    Robustness value;
  };
  /// What has come out so far.
  struct Outcome {
    Robustness value = certain(true);  ///< over all instants that were decided, or at the first one
    uint64_t instants = 0;             ///< that were decided, or which unknown values left open
    Time open_since = kNever;          ///< the first instant that only the run's end left open
    bool decided = false;              ///< a formula that is asked of the first instant
  };

  /// The formula outlives the monitor.
  explicit Monitor(const Formula& formula);

  /// The atoms' values at an instant, which is later than the one before.
  void step(Time now, std::span<const Robustness> atoms);
  /// The node of a formula by whose value alone an instant may be settled; kNobody: it has none.
  static uint32_t settling_node(const Formula& formula);
  /// Its value.
  Robustness settling_value(std::span<const Robustness> atoms) const;
  /// A step at which it has that value: false, and nothing is done, where that does not settle it.
  bool pass(const Robustness& value);
  /// The run is over: what lies at `next` or later is open.
  void finish(Time next);
  const Outcome& outcome() const { return outcome_; }

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Paired {
    Time at;
    Robustness left, right;
  };
  /// What until and since keep beside.
  struct Pairs {
    explicit Pairs(bool backwards) : until(backwards) {}
    SlidingUntil until;
    SlidingExtreme before;  ///< the left side outside of the window
    Ring<Sample> ahead;     ///< of until: the left side that is not yet in `before`
    Robustness left = certain(true);
  };
  struct Window {
    explicit Window(Temporal op);
    Ring<Time> waiting;  ///< of the future: instants whose window is not over yet
    Ring<Paired> young;  ///< of the past: not in the window yet
    SlidingExtreme extreme;
    std::unique_ptr<Pairs> pairs;
    // At the first instant only, and of unlimited windows of the past: a fold.
    Time first = kNever;
    Robustness folded;
  };
  struct Node {
    Ring<Sample> out;  ///< for the parent
    std::unique_ptr<Window> window;
    bool done = false;  ///< of what is wanted at the first instant only: it is known
  };
  /// Of a formula that is awaited: what most steps need, in one place. Of `eventually` from the instant
  /// itself on samples are parked here while no window ends: they lie in all that are waited for.
  struct Awaiting {
    bool waits = false;    ///< any instant does
    Time due = kNever;     ///< when the first window is over
    Robustness reached;    ///< what the instant that began to wait last has reached by now
    Time parked = kNever;  ///< when the last one was; kNever: none is
    Robustness best;       ///< of those that are
  };
  using Op = Formula::Node;

 public:
  static constexpr size_t kSlotBytes = sizeof(Node) + 2 * sizeof(Sample);
  static constexpr size_t kTemporalBytes = sizeof(Window) + sizeof(Pairs);
  static constexpr size_t kSampleBytes = sizeof(Sample);
  static constexpr size_t kWindowBytes = 2 * (sizeof(Paired) + sizeof(Time));

 private:
  /// In `atoms`, or worked out in `room`.
  const Robustness& now_of(uint32_t node, std::span<const Robustness> atoms, Robustness& room) const;
  Node& node_of(uint32_t node) { return nodes_[formula_->nodes[node].slot]; }
  void advance(uint32_t node);
  void take(uint32_t node, Time at, const Robustness& left, const Robustness& right);
  bool settles(const Robustness& least) const;
  static bool reaches(const Robustness& value, const Robustness& least);
  void park(Time at, const Robustness& value);
  void unpark();
  void note_waiting();
  void step_awaiting(Time now, std::span<const Robustness> atoms);
  const Robustness& step_at_once(Time now, std::span<const Robustness> atoms, Robustness& room);
  /// `waits`: the operator's value at this instant is wanted.
  void take_future(const Op& op, Node& node, Time at, const Robustness& left, const Robustness& right,
                   bool waits = true);
  static void forget(Window& window, Time before);
  void take_past(const Op& op, Node& node, Time at, const Robustness& left, const Robustness& right);
  void fold_first(const Op& op, Node& node, Time at, const Robustness& left, const Robustness& right);
  void emit(const Op& op, Node& node, std::optional<Time> next);
  void flush(const Op& op, Node& node, Time next);
  void collect();
  void fold(Time at, const Robustness& value);

  const Formula* formula_;
  std::vector<Node> nodes_;  ///< [slot]
  Outcome outcome_;
  Awaiting awaiting_;
};

}  // namespace looptwin::testbed

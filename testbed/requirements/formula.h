// A formula of signal temporal logic as a tree in one array, children before their parents. Atoms are numbers
// that somebody else evaluates; instants are those of samples, whatever their distance.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace looptwin::testbed {

enum class Temporal : uint8_t {
  atom,
  negation,
  both,
  either,
  always,        ///< at all instants in [t + from, t + within]
  eventually,    ///< at one of them
  until,         ///< `right` at one of them, and `left` from t to before it
  historically,  ///< at all instants in [t - within, t - from]
  once,          ///< at one of them
  since,         ///< `right` at one of them, and `left` after it up to t
};
const char* name_of(Temporal op);  ///< as one writes it; of those that are functions
constexpr bool is_future(Temporal op) { return op >= Temporal::always && op <= Temporal::until; }
constexpr bool is_past(Temporal op) { return op >= Temporal::historically; }
constexpr bool is_binary(Temporal op) {
  return op == Temporal::both || op == Temporal::either || op == Temporal::until || op == Temporal::since;
}

/// How a formula is asked of a run: at every instant of it, or at the first one.
enum class AskedAt : uint8_t { every_instant, first_instant };

inline constexpr Duration kUnlimited{kNever.ns};

struct Formula {
  struct Node {
    Temporal op = Temporal::atom;
    uint32_t left = 0, right = 0;  ///< children, or the atom's number in `left`
    Duration from{};
    Duration within = kUnlimited;
    // What prepare() finds out.
    bool pointwise = true;  ///< nothing temporal in it: known at once
    bool source = false;    ///< pointwise, and its parent is not
    bool at_first = false;  ///< wanted at the run's first instant only
    uint32_t slot = 0;      ///< of a monitor's state: of sources and of those that are not pointwise
    Duration horizon{};     ///< how much later its value is known; kUnlimited: at the run's end
  };
  std::vector<Node> nodes;
  uint32_t atoms = 0;
  uint32_t slots = 0;
  AskedAt asked = AskedAt::every_instant;
  /// Of a formula that is `awaited`, or `at_once` || `awaited`, at every instant: the part that looks ahead,
  /// at nothing temporal, and the other one, which looks back at the most. kNobody: it has another form.
  uint32_t awaited = kNobody, at_once = kNobody;

  static constexpr uint32_t kNobody = UINT32_MAX;
  uint32_t add(Node node) {
    nodes.push_back(node);
    return static_cast<uint32_t>(nodes.size() - 1);
  }
  uint32_t root() const { return static_cast<uint32_t>(nodes.size() - 1); }

  /// Once the tree stands.
  void prepare();
  /// How much later the formula is known at an instant.
  Duration horizon() const { return nodes.back().horizon; }
  /// Bytes that a monitor keeps at the most for one device, with a sample each `period`, in a run of
  /// `length`.
  size_t most_bytes(Duration period, Duration length) const;

 private:
  void find_awaited();
};

}  // namespace looptwin::testbed

// An island of per-device plants: one shard of a model's rows, with their controllers, sensors and links.
// Its slices (sim/sampling.h) stand still until one of their rows samples, receives something or may speak
// unasked, or truth is asked for, and then catch up step by step while their columns lie in the first-level
// cache. At each grid point, in this order:
//   1. physics has advanced to it (inputs and actuators held since the last), random signals are redrawn,
//   2. what arrived by now acts: setpoints, commands,
//   3. the controller runs where its period says so, on readings of this instant (of outputs: the last grid
//   point's),
//   4. outputs are computed, where somebody looks at them before the next grid point,
//   5. samples up to the next grid point take the values, and leave.
// When a slice catches up changes nothing but the time of the work: results are the same for any cycle.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "sim/device_model.h"
#include "sim/fault.h"
#include "sim/fleet.h"
#include "sim/link.h"
#include "sim/remembered.h"
#include "sim/sampling.h"
#include "sim/uniforms.h"
#include "sim/uplink.h"

namespace looptwin::sim {

/// Of how many columns the next slice's rows are asked for at a time.
inline constexpr size_t kColumnsAhead = 4;

/// Rows [first, first + rows) hang on one link.
struct LinkRun {
  size_t first = 0;
  size_t rows = 0;
  const Link* link = nullptr;
};

/// Events of a device's physics that do not end within a step.
struct Crowding {
  Row row;
  size_t event = 0;
  Time since;
};

/// A state that is no finite number any more.
struct Divergence {
  Row row;
  size_t state = 0;
  Time by;  ///< within the 16 steps before
};

inline constexpr uint32_t kNoUplink = UINT32_MAX;

class Island {
 public:
  /// All that is passed in outlives the island. `links` cover the shard's rows in order.
  Island(const DeviceModel& model, const twin::Shard& shard, const Uniforms& uniforms,
         std::vector<LinkRun> links, std::span<const FaultSource> sources, Duration cycle, uint64_t seed);

  Disturbances& disturbances() { return disturbances_; }

  /// Initial states. The model must be bound and its plant prepared.
  void start(const double* uniforms);
  void advance(Time boundary, Arrivals& arrivals);
  /// Works out all rows up to `until`, within the next advance, and what they drive then. What they send
  /// waits for that advance.
  void drive(Time until);
  void deliver(Time now, std::span<const twin::Command> commands);
  void settle(Time time);

  // Links of limited bandwidth: what leaves is fetched by fetch(), once work() has been done, and comes back
  // by carried() when its turn has come, before the boundary's advance().
  /// [row of the table] the uplink that telemetry waits for, or kNoUplink; empty: none does.
  void set_uplinks(std::span<const uint32_t> uplinks) { uplinks_ = uplinks; }
  bool has_uplinks() const { return !uplinks_.empty(); }
  uint32_t uplink(size_t row) const { return uplinks_.empty() ? kNoUplink : uplinks_[row]; }
  void work(Time boundary);
  std::vector<UplinkMessage>& fetch() { return outgoing_; }
  /// Rows that restart and lose what waits for their uplink; fetched with that.
  std::vector<Cut>& forgotten() { return forgotten_; }
  /// `left` the uplink.
  void carried(const UplinkMessage& message, Time left);
  /// The first instant at or after t, by the boundary of work(), at which the row's link is up.
  Time connected(size_t row, Time t) const { return connected(slices_[slice_of(row)], row, t); }

  FleetCounters counters() const;
  TableId table() const { return model_.table; }
  const std::optional<Crowding>& crowding() const { return crowded_; }
  const std::optional<Divergence>& divergence() const { return diverged_; }
  const std::optional<FailedCode>& failed() const { return failed_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Pending {
    Time arrival;
    twin::Command command;
  };
  /// What a signal was when its device lost power.
  struct Before {
    uint32_t row = 0;
    uint32_t signal = 0;
    uint64_t value = 0;  ///< the bytes of its cell
  };
  struct Slice {
    size_t first = 0;
    size_t rows = 0;
    int64_t at = -1;  ///< the last grid point that was worked out
    int64_t shown =
        -1;             ///< the grid point that the plant's outputs are of; not saved: they are computed anew
    int64_t read = -1;  ///< the grid point at which the controller read sound sensors; not saved either
    int64_t lag = 0;    ///< it catches up when it is so many grid points behind
    Time sampled{-1};   ///< all samples up to here are taken
    Time wake;          ///< the next sample
    Time arrival = kNever;   ///< the first of `inbox`
    int64_t overridden = 0;  ///< setpoints that are held by an override which the resident may refuse
    bool commanded = false;  ///< a command's column is set
    std::vector<Time> next;  ///< [report group] the next sample
    std::vector<Pending> inbox;
    std::vector<Spell> spells;   ///< by row, then by time
    std::vector<Before> before;  ///< by row; until the row's controller runs again
    Remembered remembered;       ///< by row - first
  };
  struct Ringing {  ///< what the broker will notice
    Time at;
    uint32_t row = 0;
    uint32_t online = 0;
    bool operator<(const Ringing& o) const {
      if (at != o.at) return at > o.at;
      return row != o.row ? row > o.row : online > o.online;
    }
  };

  enum class Direction : uint8_t { up, down, acknowledgement };
  struct Sending {  ///< a device's message, or the first of a run of neighbours'
    size_t group = 0;
    size_t row = 0;
    int64_t sampled = 0;  ///< ns
    const int32_t* values =
        nullptr;  ///< of the first field; those of the others follow at multiples of kSliceRows
  };

  // Time (island.cc).
  int64_t grid(Time t) const { return floor_to(t, model_.step).ns / model_.step.ns; }
  Time time(int64_t grid) const { return Time{grid * model_.step.ns}; }
  bool must_move(const Slice& slice, Time until) const;
  void catch_up(Slice& slice, Time until);
  void step(Slice& slice, int64_t grid);
  void look_for_divergence(const Slice& slice);
  void show_outputs(Slice& slice);
  lang::Instant plant_instant(int64_t grid) const;
  void ask_ahead(size_t columns);
  void draw_random(const Slice& slice, int64_t grid);
  int64_t next_grid(const Slice& slice, int64_t last) const;
  size_t slice_of(size_t row) const;

  // Faults (island_faults.cc).
  void disturb(Time until);
  void begin_spell(const Spell& spell);
  static bool lost_with_session(const Slice& slice, size_t row, Time leaves, Time received);
  static bool cuts_power(FaultKind kind) {
    return kind == FaultKind::device_off || kind == FaultKind::restart;
  }
  static bool sound(const Slice& slice);
  static bool is_off(const Slice& slice, size_t row, Time t);
  static std::span<const Spell> spells_of(const Slice& slice, size_t row);
  static bool is(const Slice& slice, size_t row, FaultKind kind, Time t);
  static Time connected(const Slice& slice, size_t row, Time t);
  static const Spell* link_spell(const Slice& slice, size_t row, Time t);
  bool lost_in_fault(const Slice& slice, size_t row, Time t, Direction direction, uint64_t counter) const;
  void restart(Slice& slice, int64_t grid);
  void forget(Slice& slice, size_t row, uint8_t keeps);
  template <typename Run>
  static void powered(const Slice& slice, size_t first, size_t count, Time t, Run&& run);
  template <typename Row>
  static void unpowered(const Slice& slice, Time t, Row&& row);
  void ring(Time boundary, Arrivals& arrivals);

  // Devices: inputs and controllers (island_devices.cc).
  void act(Slice& slice, int64_t grid);
  twin::Outcome decide(Slice& slice, const Pending& pending, int64_t grid);
  void acknowledge(const Slice& slice, const Pending& pending, twin::Outcome outcome, Time applied);
  bool refuses(const Slice& slice, size_t row, int64_t grid);
  void control(Slice& slice, int64_t grid);
  void give_way(Slice& slice, int64_t grid);
  void run_controller(Slice& slice, int64_t grid);
  void run_code(const CodeUse& use, int64_t grid, Duration dt, size_t first, size_t count);
  void cut_power(Slice& slice, int64_t grid);
  void give_power(Slice& slice, Time now);
  static std::span<Before> before_of(Slice& slice, size_t row);
  uint64_t& override_of(size_t setpoint, size_t row) {
    return overrides_[setpoint * shard_.rows + (row - shard_.first)];
  }

  // Telemetry (island_uplink.cc).
  void take_samples(Slice& slice, Time until);
  void report(Slice& slice, size_t group, const Due& due);
  void send(const Slice& slice, size_t group, const Due& due, const LinkRun& run, const int32_t* values,
            const uint8_t* taken);
  void send_promptly(const Sending& from, int64_t base, const int64_t* phase, const int64_t* delay, size_t n);
  void send_one(const Slice& slice, const Link& link, const Sending& from, const Passages& passages,
                size_t i);
  void pass(const Slice& slice, const Sending& from, uint32_t sequence, Time leaves, int64_t delay);
  void put(const Sending& from, uint32_t sequence, int64_t received);
  bool strays(const Slice& slice, const Sending& from, int64_t received);
  static bool makes_strays(FaultKind kind) {
    return kind >= FaultKind::malformed && kind <= FaultKind::foreign_credentials;
  }
  Time kept_until(const Slice& slice, size_t group, const Link& link, size_t row, Time sampled) const;
  const Link& link_of(size_t row) const;
  void hand_over(Time boundary, Arrivals& arrivals);

  const DeviceModel& model_;
  const twin::Shard shard_;
  const Uniforms& uniforms_;
  const std::vector<LinkRun> links_;
  Time boundary_{-1};
  bool announced_ = false;
  std::vector<Slice> slices_;
  std::vector<size_t> firsts_;                   ///< of the slices
  std::vector<std::vector<uint32_t>> sequence_;  ///< [report group][row of the shard]
  std::vector<uint64_t> overrides_;              ///< [setpoint][row of the shard]: the override's id, or 0
  Disturbances disturbances_;
  InFlight in_flight_;
  std::vector<twin::Acknowledgement> acknowledgements_;  ///< on their way
  std::vector<Ringing> ringing_;                         ///< heap
  std::vector<twin::Stray> strays_;                      ///< on their way
  std::span<const uint32_t> uplinks_;
  std::vector<UplinkMessage> outgoing_;  ///< until it is fetched: empty between cycles
  std::vector<Cut> forgotten_;           ///< likewise
  std::vector<Cut> sessions_;            ///< scratch: that the broker has ended
  std::array<Draws, 3> loss_streams_;    ///< [Direction] for faults of kind loss
  std::vector<double> kept_;             ///< scratch: values of stuck signals
  const Slice* next_ = nullptr;  ///< the slice that is worked out next; its columns are asked for meanwhile
  size_t asked_ = 0;             ///< how many of its columns have been
  FleetCounters counters_;
  std::optional<Crowding> crowded_;     ///< the first; the run ends then
  std::optional<Divergence> diverged_;  ///< likewise
  std::optional<FailedCode> failed_;    ///< likewise; no code is run from then on
  Arrivals* out_ = nullptr;             ///< while advance() runs
};

/// The rows that powered() leaves out.
template <typename Row>
void Island::unpowered(const Slice& slice, Time t, Row&& row) {
  size_t begin = slice.first;
  for (const auto& spell : slice.spells) {
    if (!cuts_power(spell.kind) || !spell.at(t) || spell.row < begin) continue;
    row(spell.row);
    begin = spell.row + 1;
  }
}

template <typename Run>
void Island::powered(const Slice& slice, size_t first, size_t count, Time t, Run&& run) {
  size_t begin = first;
  for (const auto& spell : slice.spells) {
    if (!cuts_power(spell.kind) || !spell.at(t) || spell.row < begin || spell.row >= first + count) continue;
    if (spell.row > begin) run(begin, spell.row - begin);
    begin = spell.row + 1;
  }
  if (begin < first + count) run(begin, first + count - begin);
}

}  // namespace looptwin::sim

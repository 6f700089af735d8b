// Telemetry on its way: a column batch of one model's report group, a row a message. Integers at the field's
// resolution travel; only the processor turns them into SI. Frames are buffers that are filled and emptied
// every cycle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "twin/config.h"

namespace looptwin::twin {

/// What the processor thinks of a sample. A twin's quality is that of its newest sample, good or bad; its
/// value is known where that is usable(). Where several apply: missing, out of range, late, rate, flat,
/// forced, future.
enum class Quality : uint8_t {
  good,
  never,         ///< nothing was received yet
  stale,         ///< the newest sample, good or bad, is older than stale_after
  out_of_range,  ///< outside the model's range, or no word of it
  missing,       ///< the message carried no value for the field
  late,    ///< in range, but not newer than a sample that was there: history only, never a twin's quality
  future,  ///< good, but sampled-at lay after received-at plus a tolerance and was replaced by it
  rate,    ///< further from the newest good one than the field's max_rate allows, and not confirmed
  flat,    ///< equal to all good ones of the field's flat_after
  forced,  ///< good, but not what the device said: somebody forces it (OPC UA: good, local override)
};
inline constexpr size_t kQualities = 10;
constexpr bool usable(Quality q) {
  return q == Quality::good || q == Quality::future || q == Quality::forced;
}
inline constexpr int32_t kMissing = std::numeric_limits<int32_t>::min();

/// The fields of a model that are reported together: equal period and phase.
struct ReportGroup {
  Duration every{};
  std::optional<Duration> phase;  ///< absent: spread
  std::vector<uint16_t> fields;   ///< indices into ModelConfig::telemetry
};
std::vector<ReportGroup> report_groups(const ModelConfig& model);

/// When row r of a table takes its samples: at phase + k·every. Spread phases are even over each block of
/// 1024 rows, so that the rows due in one cycle lie side by side.
Duration phase_of(const ReportGroup& group, size_t row);

/// Between the wire's integers and SI. For resolutions that are a whole number of steps per unit (0.1, 0.01,
/// 0.5) the value is divided by the steps, so that 25.3 degC reported equals the literal `25.3 degC` bit for
/// bit.
struct Scaling {
  double steps = 1;       ///< steps per unit, where whole
  double resolution = 1;  ///< unit per step, used where `steps` is 0
  double scale = 1;       ///< of the unit
  double offset = 0;
  double to_si(int32_t raw) const {
    const double value = steps != 0 ? raw / steps : raw * resolution;
    return value * scale + offset;
  }
  /// The nearest step, ties to even; saturates at ±(2^31-1); unknown gives kMissing.
  int32_t to_raw(double si) const;
};
Scaling scaling_of(const FieldConfig& field);

struct Frame {
  TableId table;
  uint16_t group = 0;
  std::vector<uint32_t> row;
  std::vector<uint32_t> sequence;           ///< the device's message counter of this group
  std::vector<int64_t> sampled_at;          ///< ns since the run's start, by the device's clock
  std::vector<int64_t> received_at;         ///< ns, at the broker
  std::vector<std::vector<int32_t>> value;  ///< [field of the group][message]; kMissing where there is none
  /// Fields of the group that no message of this frame is about: their values are kMissing, and mean nothing.
  std::vector<uint16_t> without;
  /// Fields of the group whose values in this frame, all of them, somebody has forced.
  std::vector<uint16_t> forced;

  bool is_forced(size_t field) const {
    return std::find(forced.begin(), forced.end(), field) != forced.end();
  }
  bool is_about(size_t field) const {
    return without.empty() || std::find(without.begin(), without.end(), field) == without.end();
  }

  size_t size() const { return row.size(); }
  void clear();
  void reserve(size_t messages, size_t fields);
  void resize(size_t messages);
  /// Overwrites message `to` with message `from`.
  void move(size_t to, size_t from);
  /// Takes out the messages for which refused(i) is true; it is asked once each, in order. Returns how many.
  template <typename Refused>
  size_t erase_if(Refused refused) {
    const size_t all = size();
    size_t kept = 0;
    for (size_t i = 0; i < all; ++i) {
      if (refused(i)) continue;
      if (kept != i) move(kept, i);
      ++kept;
    }
    if (kept != all) resize(kept);
    return all - kept;
  }
};

}  // namespace looptwin::twin

// How far real devices are from their models: each sample of a shadowed device against the model's value at
// the instant at which it was taken, interpolated between the model's samples on both sides. A difference
// that the tolerance does not cover is counted, and which was the worst; and as long as the newest sample of
// any field is such a one the device is diverging.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "twin/frame.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// Of one field of one device; SI.
struct Residuals {
  uint64_t samples = 0;  ///< that were compared
  uint64_t within = 0;   ///< no further off than the tolerance
  bool beyond = false;   ///< the last one was further off
  double sum = 0, absolute = 0;
  double worst = 0;  ///< real minus model
  Time worst_at;
};

class Parity {
 public:
  /// By model and field, SI; none: not judged. The registry outlives it.
  using Tolerances = std::vector<std::vector<std::optional<double>>>;
  Parity(const twin::Registry& registry, Tolerances tolerances);

  // From any thread.
  void real(const twin::Frame& frame, size_t message) { take(frame, message, true); }
  void model(const twin::Frame& frame, size_t message) { take(frame, message, false); }
  /// The device is another one: what is not compared yet has nothing to be compared with.
  void forget(twin::DeviceRef device);

  /// Which devices have begun (true) and ceased to diverge since the last call, in order.
  std::vector<std::pair<twin::DeviceRef, bool>> take_changes();

  struct Total {
    size_t devices = 0;
    size_t diverging = 0;  ///< devices that are now
    uint64_t samples = 0, judged = 0, within = 0;
  };
  Total total() const;
  /// By device and field: samples, share within the tolerance, mean, mean absolute, worst and when.
  std::string json() const;

 private:
  struct Sample {
    Time at;
    double value = 0;
  };
  struct Field {
    std::optional<Sample> before, last;  ///< the model's
    std::deque<Sample> waiting;          ///< real ones, until the model has come so far
    Residuals residuals;
  };
  using Key = std::pair<twin::DeviceRef, uint16_t>;
  void take(const twin::Frame& frame, size_t message, bool real);
  void compare(const Key& key, Field& field);
  void judge(twin::DeviceRef device, Time at);

  const twin::Registry& registry_;
  const Tolerances tolerances_;
  std::vector<std::vector<twin::ReportGroup>> groups_;  ///< [table]
  mutable std::mutex mutex_;
  std::map<Key, Field> fields_;
  struct Divergence {
    uint64_t times = 0;
    bool now = false;
    Time first;
  };
  std::map<twin::DeviceRef, Divergence> diverging_;
  std::vector<std::pair<twin::DeviceRef, bool>> changes_;
};

}  // namespace looptwin::testbed

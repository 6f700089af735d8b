// What a connection has received and nobody has taken yet: bounded in number and in bytes, as a whole and by
// topic. Put in by one thread or several, taken by another.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "hil/mqtt_link.h"

namespace looptwin::hil {

class ArrivalQueue {
 public:
  explicit ArrivalQueue(const ArrivalBounds& bounds) : bounds_(bounds) {}

  void put(MqttMessage&& message);
  /// The place where the connection was lost: always has room.
  void put_loss(Duration at);
  /// As MqttLink's.
  void take(std::vector<MqttMessage>& out);
  void on_arrival(std::function<void()> told);
  std::vector<Incident> take_incidents();
  /// One more incident of this kind and detail; those that are about many details are gathered in one.
  void note(const std::string& kind, std::string detail);
  /// Adds what it has received, dropped, shed and refused.
  void count(LinkCounters& counters) const;

 private:
  void note_locked(const std::string& kind, std::string detail);

  struct Waiting {
    size_t messages = 0, bytes = 0;
  };
  const ArrivalBounds bounds_;
  std::mutex mutex_;
  std::vector<MqttMessage> waiting_;
  size_t bytes_ = 0;                                               ///< of those that wait
  std::unordered_map<std::string, Waiting> waiting_of_;            ///< by topic
  std::map<std::pair<std::string, std::string>, uint64_t> noted_;  ///< by kind and detail
  std::function<void()> told_;
  std::atomic<uint64_t> received_{0}, dropped_{0}, shed_{0}, too_long_{0};
};

}  // namespace looptwin::hil

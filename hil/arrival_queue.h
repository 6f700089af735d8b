// What a connection has received and nobody has taken yet: bounded as a whole, and by topic, so that one
// device does not drive out the others. Put in by one thread or several, taken by another.
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
  ArrivalQueue(size_t most_waiting, size_t most_of_topic)
      : most_(most_waiting), most_of_topic_(most_of_topic) {}

  void put(MqttMessage&& message);
  /// The place where the connection was lost: always has room.
  void put_loss(Duration at);
  /// As MqttLink's.
  void take(std::vector<MqttMessage>& out);
  void on_arrival(std::function<void()> told);
  std::vector<Incident> take_incidents();
  /// One more incident of this kind and detail; those that are about many details are gathered in one.
  void note(const std::string& kind, std::string detail);
  /// Adds what it has received, dropped and shed.
  void count(LinkCounters& counters) const;

 private:
  void note_locked(const std::string& kind, std::string detail);

  const size_t most_, most_of_topic_;
  std::mutex mutex_;
  std::vector<MqttMessage> waiting_;
  std::unordered_map<std::string, size_t> waiting_of_;             ///< by topic, of those that wait
  std::map<std::pair<std::string, std::string>, uint64_t> noted_;  ///< by kind and detail
  std::function<void()> told_;
  std::atomic<uint64_t> received_{0}, dropped_{0}, shed_{0};
};

}  // namespace looptwin::hil

// Many connections to one broker, served by one thread: libmosquitto without threads of its own, and Asio.
// For devices that each have a session of their own, where Paho's threads and locks, which all connections
// of a process share, would not do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hil/conventions/convention.h"

namespace looptwin::hil {

/// Of all of them, since they were made.
struct ConnectionCounters {
  uint64_t there = 0;       ///< now
  uint64_t subscribed = 0;  ///< how often all filters of a connection were agreed to
  uint64_t joined = 0, lost = 0;
  uint64_t refused = 0;     ///< attempts that the broker has refused
  uint64_t taken_over = 0;  ///< ended by somebody who has come with the same client id
  uint64_t sent = 0, delivered = 0;
  uint64_t dropped = 0;  ///< too many of one waited for the broker already
  uint64_t denied = 0;   ///< messages (MQTT 5) and filters of which the broker says that they are not for it
};

class MqttConnections {
 public:
  struct Account {
    MqttOptions options;
    std::vector<std::string> filters;  ///< subscribed to at each connection, QoS 1
    bool fresh = true;                 ///< no earlier session is taken up; else it lasts for an hour
  };
  /// Called in the thread; at once, and without blocking. Each may be empty.
  struct Events {
    std::function<void(size_t connection, MqttMessage&& message)> heard;
    std::function<void(size_t connection, const Attempt& attempt)> joined;
    std::function<void(size_t connection)> lost;
    std::function<void(size_t connection, const std::string& filter)> refused;  ///< one of its filters
  };
  /// All connect to the same broker; none does yet.
  static Result<std::unique_ptr<MqttConnections>> start(std::vector<Account> accounts, Events events);
  /// Connections end as those of a process that is killed: their wills are said for them.
  ~MqttConnections();

  /// From now on it is connected, and connects again by itself: after a second, and later and later, up to
  /// half a minute.
  void connect(size_t connection);
  /// Ends as if its network had failed: the broker says its will.
  void drop(size_t connection);
  /// Ends as it should, without a will, when what was published before has gone.
  void leave(size_t connection);
  /// Waits in the connection for the broker, also while there is none: up to `most_waiting`.
  void publish(size_t connection, Outgoing message);
  ConnectionCounters counters() const;

  static constexpr uint64_t kMostWaiting = 1000;
  /// Each takes so many: of its socket the library's and ours, and a pair of the library's for its own use.
  static constexpr size_t kDescriptorsOfEach = 4;

 private:
  class Loop;
  explicit MqttConnections(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace looptwin::hil

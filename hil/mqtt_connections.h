// Many connections to one broker, served by one thread: libmosquitto without threads of its own, and epoll.
// For devices that each have a session of their own, where Paho's threads and locks, which all connections
// of a process share, would not do.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "hil/conventions/convention.h"
#include "hil/mosquitto_client.h"
#include "hil/steady_time.h"

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
    std::function<void(size_t connection)> joined, lost;
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

 private:
  struct Connection;
  struct Calls;
  struct Task {
    enum class Kind : uint8_t { connect, drop, leave, publish } kind = Kind::connect;
    size_t connection = 0;
    Outgoing message = {};
  };

  MqttConnections(std::vector<Account> accounts, Events events);
  void post(Task task);
  void run();
  void work();
  void perform(Task& task);
  void send(Connection& one, const Outgoing& message);
  void serve(Connection& one, uint32_t events);
  void read(Connection& one);
  void watch(Connection& one);
  bool prepare(Connection& one);
  void attempt(Connection& one);
  void try_again(Connection& one);
  void look_after_all();
  void joined(Connection& one, int reason);
  void subscribe(Connection& one);
  void lost(Connection& one, int reason);
  void end_by_force(Connection& one);

  const Events events_;
  const MachineTime time_;
  std::string host_;
  int port_ = 0;
  std::vector<std::unique_ptr<Connection>> all_;
  std::set<std::pair<Duration, size_t>> attempts_;  ///< when, and whose
  size_t connecting_ = 0;
  Duration looked_{};
  int epoll_ = -1, wake_ = -1;
  std::mutex mutex_;
  std::vector<Task> tasks_, working_;  ///< the first is shared
  std::atomic<uint64_t> there_{0}, subscribed_{0}, joined_{0}, lost_{0}, refused_{0}, taken_over_{0};
  std::atomic<uint64_t> sent_{0}, delivered_{0}, dropped_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace looptwin::hil

#include "hil/watchdog_process.h"

#include <fmt/format.h>
#include <mosquitto.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>

#include "hil/broker_address.h"
#include "hil/broker_folder.h"
#include "hil/mosquitto_client.h"
#include "hil/rig_journal.h"
#include "hil/steady_time.h"

namespace looptwin::hil {
namespace {

constexpr Duration kTick = milliseconds(50);
/// Devices may still answer before a broker of ours goes.
constexpr Duration kGrace = seconds(1);
constexpr size_t kLongestPacket = 256 * 1024;

/// libmosquitto without threads of its own: this process has one.
class Client {
 public:
  explicit Client(const MqttOptions& options)
      : options_(options), owned_(make_mosquitto_client(own(options), true, this)), client_(owned_.get()) {
    ::mosquitto_connect_callback_set(client_, [](mosquitto*, void* self, int code) {
      static_cast<Client*>(self)->connected_ = code == 0;
    });
    ::mosquitto_disconnect_callback_set(
        client_, [](mosquitto*, void* self, int) { static_cast<Client*>(self)->connected_ = false; });
    ::mosquitto_publish_callback_set(
        client_, [](mosquitto*, void* self, int) { ++static_cast<Client*>(self)->taken_; });
  }

  /// Serves the connection for at most so long; connects where there is none.
  void serve(Duration most) {
    if (::mosquitto_loop(client_, static_cast<int>(most.ns / 1'000'000), 1) == MOSQ_ERR_SUCCESS) return;
    connected_ = false;
    if (time_.now() < next_try_) return;
    next_try_ = time_.now() + kRetry;
    const auto where = broker_address(options_.broker);
    if (!where) return;
    ::mosquitto_connect_async(client_, where->host.c_str(), where->port,
                              static_cast<int>(options_.keep_alive.ns / 1'000'000'000));
  }
  bool connected() const { return connected_; }
  size_t taken() const { return taken_; }
  /// Kept by the library, in order, until the broker has it.
  bool publish(const Outgoing& order) {
    return ::mosquitto_publish(client_, nullptr, order.topic.c_str(), static_cast<int>(order.payload.size()),
                               order.payload.data(), order.qos, order.retain) == MOSQ_ERR_SUCCESS;
  }

 private:
  static MqttOptions own(MqttOptions options) {
    options.client_id += "-watchdog";
    options.version = MqttVersion::v3_1_1;
    options.will = nullptr;
    return options;
  }

  static constexpr Duration kRetry = milliseconds(500);
  const MqttOptions& options_;
  MachineTime time_;
  const MosquittoClient owned_;
  mosquitto* const client_;
  bool connected_ = false;
  size_t taken_ = 0;  ///< publications that the broker has
  Duration next_try_{};
};

class Guardian {
 public:
  Guardian(int socket, const Watchdog::Options& options)
      : socket_(socket), options_(options), client_(options.broker) {}

  void run() {
    while (read_packets()) {
      ::pollfd waiting{socket_, POLLIN, 0};
      ::poll(&waiting, 1, static_cast<int>(kTick.ns / 1'000'000));
      client_.serve({});
      const bool still = watching_ && time_.now() > last_beat_ + options_.heartbeat;
      if (!still) continue;
      // Heard of nothing while we were stopped ourselves: what has come since counts.
      if (!read_packets()) break;
      if (time_.now() <= last_beat_ + options_.heartbeat) continue;
      watching_ = false;  // until it beats again
      if (!make_safe(fmt::format("has not moved for {}", to_string(options_.heartbeat)))) continue;
      const char fired = watchdog_packet::kFired;
      ::send(socket_, &fired, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (dismissed_) return;
    make_safe("has ended without making its devices safe");
    say_farewell();
    if (options_.broker_folder.empty()) return;
    for (const Duration until = time_.now() + kGrace; time_.now() < until;) client_.serve(kTick);
    clear_broker_folder(options_.broker_folder);
  }

 private:
  /// False when there is nothing more to watch: dismissed, or the other end is gone.
  bool read_packets() {
    for (;;) {
      const ssize_t size = ::recv(socket_, packet_.data(), packet_.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return true;
      if (size <= 0) return false;
      take(std::string_view(packet_.data(), static_cast<size_t>(size)));
      if (dismissed_) return false;
    }
  }

  void take(std::string_view packet) {
    const auto rest = packet.substr(1);
    switch (packet[0]) {
      case watchdog_packet::kBegin:
        coming_.clear();
        break;
      case watchdog_packet::kOrder: {
        const auto end = rest.find('\0');
        coming_.push_back(
            {std::string(rest.substr(1, end - 1)), std::string(rest.substr(end + 1)), false, rest[0] - '0'});
        break;
      }
      case watchdog_packet::kReady:
        orders_ = std::move(coming_);
        break;
      case watchdog_packet::kFarewell: {
        const auto end = rest.find('\0');
        farewells_[std::string(rest.substr(0, end))] = rest.substr(end + 1);
        break;
      }
      case watchdog_packet::kNoFarewell:
        farewells_.erase(std::string(rest));
        break;
      case watchdog_packet::kDismiss:
        dismissed_ = true;
        break;
      default:
        watching_ = true;
        last_beat_ = time_.now();
    }
  }

  /// False where nothing was armed: there is nothing to be made safe.
  bool make_safe(const std::string& why) {
    if (orders_.empty()) return false;
    report(why, fmt::format("{} of {} safe values taken by the broker", publish(orders_), orders_.size()));
    return true;
  }

  /// Of devices that spoke over a connection of ours which has no will for each of them.
  void say_farewell() {
    std::vector<Outgoing> all;
    for (auto& [topic, payload] : farewells_) all.push_back({topic, payload, true});
    if (all.empty()) return;
    report("has ended without a word of its simulated devices",
           fmt::format("{} of {} said to be gone", publish(all), all.size()));
  }

  void report(const std::string& why, const std::string& outcome) const {
    fmt::print(stderr, "looptwin watchdog: {} {}: {}\n", options_.rig, why, outcome);
    RigJournal journal(options_.log);
    journal.write(kStart + (civil_time() - options_.start), "watchdog",
                  {{"why", options_.rig + " " + why}, {"outcome", outcome}});
  }

  /// Returns how many of them the broker has taken.
  size_t publish(const std::vector<Outgoing>& all) {
    const Duration until = time_.now() + options_.patience;
    while (!client_.connected() && time_.now() < until) client_.serve(milliseconds(10));
    const size_t before = client_.taken();
    for (const auto& one : all) client_.publish(one);
    while (client_.taken() < before + all.size() && time_.now() < until) client_.serve(milliseconds(10));
    return client_.taken() - before;
  }

  const int socket_;
  const Watchdog::Options& options_;
  MachineTime time_;
  Client client_;
  std::vector<char> packet_ = std::vector<char>(kLongestPacket);
  std::vector<Outgoing> coming_, orders_;
  std::map<std::string, std::string> farewells_;  ///< by topic
  bool watching_ = false, dismissed_ = false;
  Duration last_beat_{};
};

}  // namespace

void run_watchdog(int socket, const Watchdog::Options& options) { Guardian(socket, options).run(); }

}  // namespace looptwin::hil

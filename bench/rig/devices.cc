#include <fcntl.h>
#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "bench/rig/rig_plant.h"
#include "hil/kept_messages.h"
#include "hil/steady_time.h"

namespace looptwin::bench {
namespace {

/// Levels that raise and clear the rule's event in turn, so that each message is answered by a command; or
/// one that no rule minds.
std::string report(uint64_t round, bool alternates, std::optional<uint32_t> kept) {
  const double now = static_cast<double>(hil::civil_time().ns) / 1e9;
  return fmt::format(R"({{"level": {}, "n": {}, "t": {:.6f}{}}})",
                     !alternates      ? "1.5"
                     : round % 2 == 0 ? "2.5"
                                      : "0.2",
                     round + 1, now, kept ? fmt::format(R"(, "kept": {})", *kept) : "");
}

class Chatterer {
 public:
  explicit Chatterer(const Chatter& chatter)
      : chatter_(chatter),
        sent_at_(chatter.devices),
        kept_(chatter.keeps ? chatter.devices : 0, hil::KeptMessages(kMostKept)) {
    ::mosquitto_lib_init();
    client_ = ::mosquitto_new("devices", true, this);
    ::mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    ::mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
    ::mosquitto_max_inflight_messages_set(client_, kInFlight);
    ::mosquitto_reconnect_delay_set(client_, 1, 1, false);
    ::mosquitto_connect_callback_set(client_, [](::mosquitto* client, void* self, int) {
      auto& own = *static_cast<Chatterer*>(self);
      if (own.chatter_.hears) ::mosquitto_subscribe(client, nullptr, "looptwin/+/command", 1);
      if (own.chatter_.keeps) ::mosquitto_subscribe(client, nullptr, "looptwin/+/confirmation", 1);
      own.linked_ = own.again_ = true;
    });
    ::mosquitto_disconnect_callback_set(
        client_, [](::mosquitto*, void* self, int) { static_cast<Chatterer*>(self)->linked_ = false; });
    ::mosquitto_subscribe_callback_set(client_, [](::mosquitto*, void* self, int, int, const int*) {
      static_cast<Chatterer*>(self)->listens_ = true;
    });
    ::mosquitto_publish_callback_set(
        client_, [](::mosquitto*, void* self, int) { ++static_cast<Chatterer*>(self)->delivered_; });
    ::mosquitto_message_callback_set(client_, [](::mosquitto*, void* self, const mosquitto_message* message) {
      auto& own = *static_cast<Chatterer*>(self);
      own.chatter_.keeps ? own.confirm(*message) : own.hear(message->topic);
    });
    const auto port = chatter.broker.substr(chatter.broker.rfind(':') + 1);
    LT_CHECK(::mosquitto_connect(client_, "127.0.0.1", std::atoi(port.c_str()), 10) == MOSQ_ERR_SUCCESS,
             "the broker runs");
    LT_CHECK(::mosquitto_loop_start(client_) == MOSQ_ERR_SUCCESS, "a thread");
    while ((chatter.hears || chatter.keeps) && !listens_) time_.sleep_until(time_.now() + milliseconds(1));
  }

  Heard run() {
    Heard heard;
    const Duration begin = time_.now();
    for (uint64_t i = 0; i < chatter_.messages; ++i) {
      if (chatter_.rate > 0)
        time_.sleep_until(begin +
                          nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(i) / chatter_.rate)));
      const size_t device = i % chatter_.devices;
      sent_at_[device] = time_.now().ns;
      chatter_.keeps ? say_kept(device, i / chatter_.devices)
                     : say(topic_of(device), report(i / chatter_.devices, chatter_.hears, {}));
      ++heard.sent;
    }
    heard.seconds = static_cast<double>((time_.now() - begin).ns) / 1e9;
    if (chatter_.keeps) wait_for_confirmations();
    const Duration until = time_.now() + chatter_.patience;
    while (!chatter_.keeps && time_.now() < until &&
           (chatter_.hears ? heard_.load() : delivered_.load()) < heard.sent)
      time_.sleep_until(time_.now() + milliseconds(1));
    ::mosquitto_disconnect(client_);
    ::mosquitto_loop_stop(client_, false);
    ::mosquitto_destroy(client_);
    heard.latencies = std::move(latencies_);
    return heard;
  }

 private:
  static constexpr unsigned kInFlight = 200;
  static constexpr uint64_t kAhead = 1000;
  static constexpr size_t kMostKept = 1000;  ///< of a device
  static constexpr Duration kPatience = seconds(5);

  static std::string topic_of(size_t device) { return fmt::format("looptwin/d-{}/telemetry", device + 1); }

  /// What the library has and the broker has not is bounded: its lists are searched from their beginning.
  void say(const std::string& topic, const std::string& payload) {
    while (said_ - delivered_ > kAhead && (linked_ || !chatter_.keeps))
      time_.sleep_until(time_.now() + microseconds(100));
    ++said_;
    const int sent = ::mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                                         payload.data(), 1, false);
    // Without a connection it waits in the client until there is one.
    LT_CHECK(sent == MOSQ_ERR_SUCCESS || sent == MOSQ_ERR_NO_CONN, ::mosquitto_strerror(sent));
  }

  /// Without a connection it is only kept: with the next one all is said that is.
  void say_kept(size_t device, uint64_t round) {
    if (again_.exchange(false)) say_again();
    const auto number = static_cast<uint32_t>(round + 1);
    std::string payload;
    {
      const std::scoped_lock lock(mutex_);
      payload = report(round, false, kept_[device].lowest_with(number));
      kept_[device].keep(number, {topic_of(device), payload});
    }
    if (linked_) say(topic_of(device), payload);
  }

  void say_again() {
    std::vector<hil::Outgoing> all;
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& kept : kept_)
        for (const auto& [number, message] : kept.all()) all.push_back(message);
    }
    for (const auto& message : all) say(message.topic, message.payload);
    confirmed_at_ = time_.now().ns;
  }

  /// In the client's thread.
  void confirm(const mosquitto_message& message) {
    size_t device = 0;
    unsigned number = 0;
    const std::string payload(static_cast<const char*>(message.payload),
                              static_cast<size_t>(message.payloadlen));
    if (std::sscanf(message.topic, "looptwin/d-%zu/confirmation", &device) != 1 || device < 1 ||
        device > kept_.size() || std::sscanf(payload.c_str(), R"({"n":%u})", &number) != 1)
      return;
    const std::scoped_lock lock(mutex_);
    kept_[device - 1].confirm(number);
    confirmed_at_ = time_.now().ns;
  }

  /// Until all of it is, or nobody is there who could.
  void wait_for_confirmations() {
    const auto open = [&] {
      const std::scoped_lock lock(mutex_);
      return std::any_of(kept_.begin(), kept_.end(), [](const auto& kept) { return !kept.all().empty(); });
    };
    confirmed_at_ = time_.now().ns;
    for (int tries = 0; tries < 3 && open();) {
      if (time_.now().ns > confirmed_at_ + kPatience.ns) ++tries, again_ = true;
      if (again_.exchange(false)) say_again();
      time_.sleep_until(time_.now() + milliseconds(1));
    }
  }

  /// In the client's thread.
  void hear(const char* topic) {
    const auto now = time_.now().ns;
    size_t device = 0;
    if (std::sscanf(topic, "looptwin/d-%zu/command", &device) != 1 || device < 1 || device > sent_at_.size())
      return;
    latencies_.push_back(static_cast<float>(static_cast<double>(now - sent_at_[device - 1]) / 1e6));
    ++heard_;
  }

  const Chatter chatter_;
  hil::MachineTime time_;
  ::mosquitto* client_ = nullptr;
  std::vector<std::atomic<int64_t>> sent_at_;  ///< [device] ns
  std::vector<float> latencies_;               ///< the client's thread's, until it has ended
  std::atomic<uint64_t> heard_{0}, delivered_{0};
  uint64_t said_ = 0;
  std::atomic<bool> listens_{false}, linked_{false}, again_{false};
  std::atomic<int64_t> confirmed_at_{0};  ///< ns
  std::mutex mutex_;
  std::vector<hil::KeptMessages> kept_;  ///< [device]
};

void write_all(int fd, const void* data, size_t size) {
  for (const auto* at = static_cast<const char*>(data); size > 0;) {
    const auto written = ::write(fd, at, size);
    if (written <= 0) ::_exit(1);
    at += written;
    size -= static_cast<size_t>(written);
  }
}

bool read_all(int fd, void* data, size_t size) {
  for (auto* at = static_cast<char*>(data); size > 0;) {
    const auto got = ::read(fd, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

bool play(int argc, char** argv) {
  if (argc != 8 || std::strcmp(argv[1], "--devices") != 0) return false;
  const Chatter chatter{.broker = argv[2],
                        .devices = std::strtoull(argv[3], nullptr, 10),
                        .messages = std::strtoull(argv[4], nullptr, 10),
                        .rate = std::strtod(argv[5], nullptr),
                        .hears = argv[6][0] == '1',
                        .keeps = argv[7][0] == '1'};
  Chatterer devices(chatter);
  char begin = 0;
  if (!read_all(STDIN_FILENO, &begin, 1)) return true;
  const Heard heard = devices.run();
  const uint64_t count = heard.latencies.size();
  write_all(STDOUT_FILENO, &heard.sent, sizeof heard.sent);
  write_all(STDOUT_FILENO, &heard.seconds, sizeof heard.seconds);
  write_all(STDOUT_FILENO, &count, sizeof count);
  write_all(STDOUT_FILENO, heard.latencies.data(), count * sizeof(float));
  return true;
}

Devices::Devices(const Chatter& chatter) {
  int in[2], out[2];
  LT_CHECK(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0, "pipes");
  const std::string arguments[] = {"bench_rig",
                                   "--devices",
                                   chatter.broker,
                                   std::to_string(chatter.devices),
                                   std::to_string(chatter.messages),
                                   std::to_string(chatter.rate),
                                   chatter.hears ? "1" : "0",
                                   chatter.keeps ? "1" : "0"};
  std::vector<char*> given;
  for (const auto& argument : arguments) given.push_back(const_cast<char*>(argument.c_str()));
  given.push_back(nullptr);
  process_ = ::fork();
  LT_CHECK(process_ >= 0, "a process");
  if (process_ == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::execv("/proc/self/exe", given.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  start_ = in[1];
  answers_ = out[0];
}

void Devices::start() { LT_CHECK(::write(start_, "s", 1) == 1, "they listen"); }

Devices::~Devices() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(start_);
  ::close(answers_);
}

Heard Devices::join() {
  Heard heard;
  uint64_t count = 0;
  const bool told = read_all(answers_, &heard.sent, sizeof heard.sent) &&
                    read_all(answers_, &heard.seconds, sizeof heard.seconds) &&
                    read_all(answers_, &count, sizeof count);
  LT_CHECK(told, "the devices' process has ended well");
  heard.latencies.resize(count);
  LT_CHECK(read_all(answers_, heard.latencies.data(), count * sizeof(float)), "its latencies");
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
  return heard;
}

}  // namespace looptwin::bench

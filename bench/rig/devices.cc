#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/check.h"
#include "bench/rig/rig_plant.h"
#include "hil/mqtt_link.h"
#include "hil/steady_time.h"

namespace looptwin::bench {
namespace {

/// Levels that raise and clear the rule's event in turn, so that each message is answered by a command.
std::string report(uint64_t round) {
  return fmt::format(R"({{"level": {}, "n": {}}})", round % 2 == 0 ? "2.5" : "0.2", round + 1);
}

class Chatterer {
 public:
  explicit Chatterer(const Chatter& chatter) : chatter_(chatter), sent_at_(chatter.devices) {
    auto link = hil::connect_mqtt({.broker = chatter.broker, .client_id = "devices"});
    LT_CHECK(link.has_value(), "the broker runs");
    link_ = std::move(*link);
    if (chatter.hears) link_->subscribe({"looptwin/+/command"});
  }

  Heard run() {
    const Duration begin = time_.now();
    for (uint64_t i = 0; i < chatter_.messages; ++i) {
      if (chatter_.rate > 0)
        hear_until(begin + nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(i) / chatter_.rate)));
      const size_t device = i % chatter_.devices;
      sent_at_[device] = time_.now();
      const auto topic = fmt::format("looptwin/d-{}/telemetry", device + 1);
      const auto payload = report(i / chatter_.devices);
      // No room means that the broker does not keep up, or is away: nothing is given up.
      while (!link_->publish(topic, payload)) hear_until(time_.now() + milliseconds(1));
      ++heard_.sent;
    }
    heard_.seconds = static_cast<double>((time_.now() - begin).ns) / 1e9;
    const Duration until = time_.now() + chatter_.patience;
    while (time_.now() < until && !(chatter_.hears ? heard_.latencies.size() == heard_.sent : delivered()))
      hear_until(time_.now() + milliseconds(5));
    return std::move(heard_);
  }

 private:
  bool delivered() const { return link_->counters().delivered >= heard_.sent; }

  void hear_until(Duration until) {
    do {
      link_->take(taken_);
      for (const auto& message : taken_) {
        size_t device = 0;
        if (std::sscanf(message.topic.c_str(), "looptwin/d-%zu/command", &device) == 1 && 1 <= device &&
            device <= sent_at_.size() && sent_at_[device - 1] != Duration{})
          heard_.latencies.push_back(
              static_cast<float>(static_cast<double>((message.received - sent_at_[device - 1]).ns) / 1e6));
      }
      taken_.clear();
      const Duration next = time_.now() + microseconds(500);
      time_.sleep_until(std::min(next, until));
    } while (time_.now() < until);
  }

  const Chatter chatter_;
  hil::MachineTime time_;
  std::unique_ptr<hil::MqttLink> link_;
  std::vector<Duration> sent_at_;  ///< [device]
  std::vector<hil::MqttMessage> taken_;
  Heard heard_;
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
  if (argc != 7 || std::strcmp(argv[1], "--devices") != 0) return false;
  const Chatter chatter{.broker = argv[2],
                        .devices = std::strtoull(argv[3], nullptr, 10),
                        .messages = std::strtoull(argv[4], nullptr, 10),
                        .rate = std::strtod(argv[5], nullptr),
                        .hears = argv[6][0] == '1'};
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
                                   chatter.hears ? "1" : "0"};
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

// What bench_rig measures against: a process of its own that plays all devices over one connection, and the
// loop of looptwin, whole, on what it says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "hil/steady_time.h"

namespace looptwin::bench {

/// How devices d-1, d-2 … report, one after the other, levels above and below what a rule acts on in turn.
struct Chatter {
  std::string broker;
  size_t devices = 1000;
  uint64_t messages = 0;
  double rate = 0;     ///< messages a second; 0: as fast as the connection takes them
  bool hears = false;  ///< waits for a command to each message
  bool keeps = false;  ///< each device keeps its messages until they are confirmed, and says them again
  Duration patience = seconds(60);
};
struct Heard {
  uint64_t sent = 0;
  std::vector<float> latencies;  ///< ms, from a message that was sent to a command that came, in that order
  double seconds = 0;            ///< that sending took
};

/// Another process, with libmosquitto, which keeps up with what Paho on the other side can take: this program
/// with the arguments that play() reads.
class Devices {
 public:
  explicit Devices(const Chatter& chatter);
  ~Devices();
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;
  /// They begin to speak.
  void start();
  /// Waits for its end.
  Heard join();

 private:
  int start_ = -1, answers_ = -1;  ///< pipes: its input and output
  ::pid_t process_ = -1;
};
/// Whether this process is to be the devices; then it has been.
bool play(int argc, char** argv);

}  // namespace looptwin::bench
namespace looptwin::hil {
class MqttConnections;
}
namespace looptwin::bench {

/// Devices with a connection each, all of this process, as a rig's simulated ones may have them.
class Sessions {
 public:
  Sessions(const std::string& broker, size_t count);
  ~Sessions();
  /// How long it takes until all are there, s.
  double join();
  /// How long it takes after the broker is there again, s.
  double come_back(const std::function<void()>& broken, const std::function<void()>& mended);
  /// Messages a second, QoS 1, that the broker has acknowledged: of all in turn.
  double speak(uint64_t messages);

 private:
  hil::MachineTime time_;
  size_t count_ = 0;
  std::unique_ptr<hil::MqttConnections> all_;
};

/// What the loop has made of it.
struct Taken {
  uint64_t messages = 0;  ///< that the loop took in, once each
  uint64_t duplicates = 0, gaps = 0, commands = 0;
  uint64_t losses = 0;    ///< of the broker
  uint64_t given_up = 0;  ///< messages that devices kept no more before they came
  double seconds = 0;     ///< until the last message
};
struct Until {
  uint64_t enough = 0;              ///< messages were taken in,
  Duration patience = seconds(10);  ///< or for so long nothing has come
};
/// Runs the loop, a boundary as soon as something has come or, where `cycle` is given, at each of its
/// periods. What devices say comes over `more` further connections, where that is not 0. `ready`: it has
/// subscribed. `each`: after each boundary.
Taken run_loop(const std::string& broker, size_t devices, Duration cycle, const Until& until,
               const std::function<void()>& ready, const std::function<void()>& each = {}, size_t more = 0);

/// A bare Paho client that answers each message with a message, or only counts them.
Taken run_bare(const std::string& broker, bool answers, const Until& until,
               const std::function<void()>& ready);

}  // namespace looptwin::bench

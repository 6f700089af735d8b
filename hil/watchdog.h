// A process beside looptwin that makes a rig safe when looptwin cannot: it was killed, has crashed, or does
// not move. It has a connection of its own to the broker and the messages ready, and knows nothing else.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "hil/safe_values.h"

namespace looptwin::hil {

class Watchdog {
 public:
  /// Signs of life are up to 50 ms apart, and looked for as often: a loop that only waits is not to be taken
  /// for one that does not move, nor where the machine is busy.
  static constexpr Duration kLeastHeartbeat = milliseconds(200);
  struct Options {
    MqttOptions broker;         ///< it connects as this client, with "-watchdog" behind its id
    std::string rig;            ///< its name, for what is said
    Duration heartbeat{};       ///< a loop that has not beaten for so long does not move
    Duration patience{};        ///< so long it goes on trying to reach the broker
    std::filesystem::path log;  ///< the rig's journal; empty: none
    UnixTime start;             ///< of the run: what the journal's times count from
  };
  /// Forks: to be called while this process has one thread. It makes safe what was last prepared when this
  /// object ends, or this process does, without having dismissed it.
  static Result<std::unique_ptr<Watchdog>> start(const Options& options);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// What it would publish, in this order; replaces what was prepared before.
  void prepare(const std::vector<Outgoing>& orders);
  /// It ends this process as well, after having made the rig safe: a broker that should not die before. From
  /// any thread, as the next.
  void guard(int process);
  /// The loop moves. The first beat begins the watch. Cheap.
  void beat();
  /// Whether it has made the rig safe since this was last asked, because nothing moved.
  bool fired();
  /// All is well: it ends without a message.
  void dismiss();
  /// False: it was killed itself.
  bool alive() const { return alive_; }

 private:
  Watchdog(int socket, int process) : socket_(socket), process_(process) {}
  void say(char kind, std::string_view rest = {}, bool wait = true);

  int socket_ = -1, process_ = -1;
  std::atomic<bool> alive_ = true;
};

}  // namespace looptwin::hil

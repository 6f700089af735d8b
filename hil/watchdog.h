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
    /// Of our own broker, which should not end before the rig is safe: it ends it when it is, and removes the
    /// folder. Empty: it is somebody else's.
    std::filesystem::path broker_folder;
  };
  /// Forks: to be called while this process has one thread. It makes safe what was last prepared, and says
  /// farewell, when this object ends, or this process does, without having dismissed it.
  static Result<std::unique_ptr<Watchdog>> start(const Options& options);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// What it would publish, in this order; replaces what was prepared before.
  void prepare(const std::vector<Outgoing>& orders);
  // From any thread, also after it was dismissed:
  /// What it publishes, retained, when this process has ended without a word, and only then; in place of what
  /// it had for the topic.
  void farewell(const Will& will);
  void forget_farewell(const std::string& topic);
  /// The loop moves. The first beat begins the watch. Cheap.
  void beat();
  /// Whether it has made the rig safe since this was last asked, because nothing moved.
  bool fired();
  /// All is well: it ends without a message.
  void dismiss();
  /// It is not heard of us any more, and acts as if this process had ended.
  void let_go();
  /// False: it was killed itself.
  bool alive() const { return alive_; }

 private:
  Watchdog(int socket, int process) : socket_(socket), process_(process) {}
  void say(char kind, std::string_view rest = {}, bool wait = true);

  int socket_ = -1, process_ = -1;
  std::atomic<bool> alive_ = true;
};

}  // namespace looptwin::hil

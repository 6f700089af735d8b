// A Mosquitto of our own on loopback: started with a configuration that loses nothing in silence, stopped
// with us.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "hil/broker_folder.h"

namespace looptwin::hil {

class Mosquitto {
 public:
  struct Options {
    /// For its configuration, log and store; made where it is not there. Empty: one that goes with it.
    std::filesystem::path folder;
    uint16_t port = 0;  ///< 0: one that is free
    Duration patience = seconds(5);
    /// Who may connect, and as what (hil/broker_view.h): a file that our plugin reads. Empty: anybody.
    std::filesystem::path view;
    /// False: it outlives a process that is killed, for somebody who has still to speak (hil/watchdog.h).
    bool dies_with_us = true;
  };
  /// Returns when it takes connections. It ends when this does, and by itself when this process is killed.
  static Result<std::unique_ptr<Mosquitto>> start(const Options& options);
  ~Mosquitto();
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  /// The plugin beside this program, or where LOOPTWIN_MOSQUITTO_PLUGIN says.
  static std::filesystem::path plugin();

  std::string address() const;  ///< "mqtt://127.0.0.1:PORT"
  int process() const { return process_; }
  /// Ends the process at once, as a crash would; what it had not passed on is lost.
  void kill();
  /// Lets it end by itself: it keeps what it knows.
  void stop();
  /// Where it was.
  Result<void> start_again();
  /// Makes what it knows last over its end: sessions, and what waits for them.
  void keep();
  /// Whether it has ended by itself, or was killed by somebody else.
  bool ended();

 private:
  Mosquitto() = default;
  void end(int signal);

  Options options_;
  std::unique_ptr<BrokerFolder> own_folder_;
  int process_ = -1;
};

}  // namespace looptwin::hil

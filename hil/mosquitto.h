// A Mosquitto of our own on loopback: started with a configuration that loses nothing in silence, stopped
// with us.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::hil {

class Mosquitto {
 public:
  struct Options {
    /// For its configuration, log and store; made where it is not there. Empty: one that ends with it.
    std::filesystem::path folder;
    uint16_t port = 0;  ///< 0: one that is free
    Duration patience = seconds(5);
    /// False: it outlives a process that is killed, for somebody who has still to speak (hil/watchdog.h).
    bool dies_with_us = true;
  };
  /// Returns when it takes connections. It ends when this does, and by itself when this process is killed.
  static Result<std::unique_ptr<Mosquitto>> start(const Options& options);
  ~Mosquitto();
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  std::string address() const;  ///< "mqtt://127.0.0.1:PORT"
  int process() const { return process_; }
  /// Ends the process at once, as a crash would, and starts it again where it was.
  void kill();
  Result<void> start_again();

 private:
  Mosquitto() = default;

  Options options_;
  bool own_folder_ = false;
  int process_ = -1;
};

}  // namespace looptwin::hil

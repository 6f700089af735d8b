// The broker of a rig that names none: a Mosquitto of our own, and where the rig has registries the plugin
// that keeps out whoever they do not know. It is started again when it ends before we do.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hil/broker_folder.h"
#include "hil/broker_registry.h"
#include "hil/mosquitto.h"
#include "hil/mqtt_link.h"

namespace looptwin::hil {

class OwnBroker {
 public:
  struct Options {
    std::vector<std::filesystem::path> registries;  ///< none: anybody may connect
    std::vector<Mapping> mappings;                  ///< of the rig's models
    uint32_t most_messages = 1000;                  ///< of one device in a second
    bool dies_with_us = true;                       ///< as Mosquitto's
  };
  /// How to connect to it goes into `link`: its address, and where it asks for that a user and a password.
  static Result<std::unique_ptr<OwnBroker>> start(const Options& options, MqttOptions& link);
  ~OwnBroker();
  OwnBroker(const OwnBroker&) = delete;
  OwnBroker& operator=(const OwnBroker&) = delete;

  /// Begins the threads that start it again and follow the registries.
  void look_after();
  /// Where it has its files, and all that is left of it goes with (hil/broker_folder.h).
  const std::filesystem::path& folder() const { return folder_->path(); }

  /// Sessions that are there now are there after its end, too: what is sent to them then waits for them.
  void keep_sessions() { keep_ = true; }
  /// How often it had to be started again.
  uint64_t restarts() const { return restarts_; }
  /// Null: anybody may connect.
  BrokerRegistry* registry() const { return registry_.get(); }

 private:
  OwnBroker() = default;
  void watch();

  std::unique_ptr<BrokerFolder> folder_;
  std::unique_ptr<BrokerRegistry> registry_;
  std::unique_ptr<Mosquitto> mosquitto_;  ///< once the thread runs it is the thread's
  std::atomic<uint64_t> restarts_{0};
  std::atomic<bool> keep_{false};
  std::mutex mutex_;  ///< of what follows
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace looptwin::hil

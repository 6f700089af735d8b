// Writes what a broker's plugin has to know of registries, and writes it anew whenever one of them is
// changed, by whatever process: a device that is suspended is disconnected within a second.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hil/broker_view.h"
#include "hil/incident.h"
#include "twin/registry_store.h"

namespace looptwin::hil {

/// The devices of a registry whose models have a mapping; the view's last key becomes the registry's.
Result<void> add_devices(BrokerView& view, const twin::RegistryStore& store,
                         const std::vector<Mapping>& mappings);

class BrokerRegistry {
 public:
  struct Options {
    std::filesystem::path view;  ///< the file that is written
    std::vector<std::filesystem::path> registries;
    std::vector<Mapping> mappings;  ///< of the models whose devices may connect
    std::string user, secret;       ///< looptwin's own, at this broker
    uint32_t most_messages = 1000;
    Duration look = milliseconds(200);  ///< how often it is asked whether a registry has changed
  };
  /// Returns when the file is there.
  static Result<std::unique_ptr<BrokerRegistry>> start(Options options);
  ~BrokerRegistry();
  /// Begins the thread that writes it anew when a registry has changed.
  void follow();

  size_t devices() const { return devices_; }
  /// How often the broker could not be told of a change, for a registry could not be read, or the file not be
  /// written. What was there before holds, and it is tried again until it is done.
  size_t failures() const { return failures_; }
  /// Why it could not be told of the newest change; empty: it was.
  std::string behind() const;
  /// What happened since the last time: that it could not be told (`registry_not_followed`), and that it was
  /// told after all (`registry_followed`).
  std::vector<Incident> take_incidents();

 private:
  explicit BrokerRegistry(Options options) : options_(std::move(options)) {}
  Result<void> write();
  /// Whether a registry is another one than when it was asked last.
  Result<bool> changed();
  void look();
  void note(const Result<void>& told);

  Options options_;
  twin::RegistryKey own_key_{};
  std::string own_hash_;
  std::vector<twin::RegistryStore> stores_;
  std::vector<int64_t> versions_;
  std::atomic<size_t> devices_{0}, failures_{0};
  mutable std::mutex mutex_;  ///< of what follows
  std::condition_variable wake_;
  std::string behind_;
  std::vector<Incident> incidents_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace looptwin::hil

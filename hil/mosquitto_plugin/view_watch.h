// Looks, in a thread of its own, whether the view's file was replaced, and reads it: the broker's thread
// never waits for a disk.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "hil/broker_access.h"

namespace looptwin::hil {

class ViewWatch {
 public:
  explicit ViewWatch(std::filesystem::path file) : file_(std::move(file)) {}
  ~ViewWatch();

  /// Reads the file now: what the broker begins with.
  Result<std::shared_ptr<const BrokerAccess>> read() const;
  /// Looks from now on, ten times a second.
  void start();
  /// What has come since the last time, or null. Never waits long: nothing is read under the lock.
  std::shared_ptr<const BrokerAccess> take();
  /// What was wrong with the file at the last look; empty: nothing, or it was asked for already.
  std::string take_problem();

 private:
  void work();

  const std::filesystem::path file_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const BrokerAccess> news_;
  std::string problem_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace looptwin::hil

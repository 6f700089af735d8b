// Where a Mosquitto of our own has its files. A folder is somebody's as long as one of the processes lives
// that hold it: this one, and those it has forked. What a killed one has left the next one clears.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.h"

namespace looptwin::hil {

/// Beside which a Mosquitto of ours was started, and by which its process is known.
inline constexpr const char* kBrokerConfiguration = "mosquitto.conf";

class BrokerFolder {
 public:
  /// A new one under the system's folder for temporary files. Folders there whose owners are dead are cleared
  /// before.
  static Result<std::unique_ptr<BrokerFolder>> make();
  /// Removes it.
  ~BrokerFolder();
  BrokerFolder(const BrokerFolder&) = delete;
  BrokerFolder& operator=(const BrokerFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  BrokerFolder(std::filesystem::path path, int owned) : path_(std::move(path)), owned_(owned) {}

  std::filesystem::path path_;
  int owned_ = -1;  ///< a locked descriptor
};

/// The processes of Mosquittos that run in a folder.
std::vector<int> brokers_in(const std::filesystem::path& folder);
/// Ends those, and removes the folder.
void clear_broker_folder(const std::filesystem::path& folder);

}  // namespace looptwin::hil

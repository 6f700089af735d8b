// Secrets that people have chosen are kept by a hash that takes a tenth of a second, for which the broker's
// one thread cannot stand still. They are checked in a thread of their own: who asks is told to come again,
// and what was found is remembered, as a fast hash with a key that nobody else has.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "twin/credentials.h"

namespace looptwin::hil {

class SlowSecrets {
 public:
  SlowSecrets();
  ~SlowSecrets();

  /// Whether the secret fits the device's hash; absent: it is being found out, or too many are.
  std::optional<bool> ask(const std::string& device, const std::string& hash, std::string_view secret);
  /// Devices whose secrets were found to be wrong since the last time, once for each.
  std::vector<std::string> take_wrong();

 private:
  struct Question {
    std::string device, hash, secret;
  };
  /// Of one device, hash and secret as a fast hash: a guess does not drive out what is known to fit.
  struct Answers {
    std::string right, wrong;
  };
  void work();
  std::string digest(std::string_view device, std::string_view hash, std::string_view secret) const;

  const twin::RegistryKey key_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> questions_;                  ///< at most one of each device
  std::unordered_map<std::string, Answers> known_;  ///< by device, of those that the registry has
  std::vector<std::string> wrong_;
  bool stop_ = false;
  std::thread thread_;  ///< from the first question on
};

}  // namespace looptwin::hil

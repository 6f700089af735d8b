// What happened to a rig, a JSON object a line: armed, kept back, stopped, forced, made safe. Two processes
// append to it: looptwin, and the watchdog when there is no looptwin any more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace looptwin::hil {

inline constexpr const char* kRigJournalFile = "rig.jsonl";

class RigJournal {
 public:
  using Details = std::vector<std::pair<std::string_view, std::string>>;
  RigJournal() = default;  ///< writes nothing
  /// Opened at the first line; a line that cannot be written is counted, and the rig goes on.
  explicit RigJournal(std::filesystem::path file) : file_(std::move(file)) {}
  RigJournal(RigJournal&& other) noexcept { *this = std::move(other); }
  RigJournal& operator=(RigJournal&& other) noexcept;
  ~RigJournal();

  void write(Time at, std::string_view what, const Details& details = {});
  uint64_t lost() const { return lost_; }

 private:
  std::filesystem::path file_;
  int fd_ = -1;
  uint64_t lost_ = 0;
};

}  // namespace looptwin::hil

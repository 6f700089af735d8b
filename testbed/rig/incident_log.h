// What happens at a rig beside its telemetry, for people: who was refused at the broker, what was shed, when
// the broker was lost. A line of JSON each in the run folder, incidents.jsonl, and on the terminal the first
// of each kind.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "hil/broker_status.h"

namespace looptwin::testbed {

class IncidentLog {
 public:
  /// `folder` absent: the terminal alone. `quiet`: not even that.
  IncidentLog(std::optional<std::filesystem::path> folder, bool quiet);
  ~IncidentLog();
  IncidentLog(const IncidentLog&) = delete;
  IncidentLog& operator=(const IncidentLog&) = delete;

  void take(const hil::Incident& incident);
  /// "wrong_secret 2, broker_lost 1"; empty: nothing has happened.
  std::string text() const;
  const std::map<std::string, uint64_t>& counts() const { return count_; }  ///< by kind

 private:
  std::optional<std::filesystem::path> folder_;
  bool quiet_;
  std::FILE* file_ = nullptr;  ///< from the first incident on
  size_t lines_ = 0;
  std::map<std::string, uint64_t> count_;  ///< by kind
};

}  // namespace looptwin::testbed

// `looptwin hil`: a scenario's loop on real devices.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "testbed/run.h"
#include "testbed/sequence/sequence_request.h"

namespace looptwin::testbed {

struct HilRequest {
  std::filesystem::path rig;
  std::vector<Setting> settings;
  std::string broker;                        ///< in place of the rig's; empty: as the rig says
  std::optional<std::filesystem::path> out;  ///< absent: runs/NAME, or the first free one
  bool no_out = false;
  std::vector<std::string> arm;               ///< patterns of devices that are armed from the beginning
  std::optional<std::filesystem::path> play;  ///< a run whose packets stand in for its devices
  std::optional<int64_t> reservation;         ///< of an inventory; absent: the rig reserves its devices
  std::string owner;                          ///< who reserves them; empty: the user
  double speed = 1;                           ///< of that
  bool quiet = false;
  std::optional<SequenceRequest> sequence;  ///< of test steps: the run lasts as long as they do
};
Exit run_rig(const HilRequest& request);

}  // namespace looptwin::testbed

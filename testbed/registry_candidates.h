// `looptwin registry candidates`: devices that announce themselves at a broker, and are not registered.
#pragma once

#include <filesystem>
#include <string>

#include "base/time.h"
#include "testbed/run.h"

namespace looptwin::testbed {

struct CandidatesRequest {
  std::filesystem::path registry;
  std::filesystem::path rig;  ///< whose broker, user, password and certificates these are; empty: nobody's
  std::string broker;         ///< goes before the rig's
  std::string prefix = "homeassistant", within = "2 s";
};
Exit list_candidates(const CandidatesRequest& request);

}  // namespace looptwin::testbed

// `looptwin registry candidates`: devices that announce themselves at a broker, and are not registered.
#pragma once

#include <filesystem>
#include <string>

#include "base/time.h"
#include "testbed/run.h"

namespace looptwin::testbed {

struct CandidatesRequest {
  std::filesystem::path registry;
  std::string broker, prefix = "homeassistant", within = "2 s";
};
Exit list_candidates(const CandidatesRequest& request);

}  // namespace looptwin::testbed

// Which sequence of test steps a run is to carry out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace looptwin::testbed {

/// The steps as they were written, in the folder of a run that carries them out.
inline constexpr const char* kSequenceFile = "sequence.yaml";

struct SequenceRequest {
  std::filesystem::path file;
  std::vector<std::string> answers;  ///< "STEP=yes", of steps that ask a person
};

}  // namespace looptwin::testbed

// --sequence and --answer of a command: test steps that its run carries out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "testbed/options.h"
#include "testbed/sequence/sequence_request.h"

namespace looptwin::testbed {

/// The JSON Schema of sequences.
std::string sequence_schema();

struct SequenceOptions {
  std::string file;
  std::vector<std::string> answers;

  /// Returns --sequence.
  Option add(const Subcommand& command);
  /// What was asked for, if anything.
  std::optional<SequenceRequest> request() const;
};

}  // namespace looptwin::testbed

#include "testbed/sequence_options.h"

#include "testbed/reading/schema.h"
#include "testbed/sequence/sequence_config.h"

namespace looptwin::testbed {

std::string sequence_schema() { return json_schema(sequence_section(), "looptwin sequence"); }

Option SequenceOptions::add(const Subcommand& command) {
  const auto given =
      command.option("--sequence", file, "a file with test steps; the run lasts as long as they do");
  command.option("--answer", answers, "STEP=yes or STEP=no: answers a step that asks a person before it does")
      .value_name("STEP=ANSWER")
      .one_value_each()
      .needs(given);
  return given;
}

std::optional<SequenceRequest> SequenceOptions::request() const {
  if (file.empty()) return std::nullopt;
  return SequenceRequest{file, answers};
}

}  // namespace looptwin::testbed

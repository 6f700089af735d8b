#include "testbed/sequence_options.h"

#include "testbed/reading/schema.h"
#include "testbed/sequence/sequence_config.h"

namespace looptwin::testbed {

std::string sequence_schema() { return json_schema(sequence_section(), "looptwin sequence"); }

void SequenceOptions::add(CLI::App& command) {
  given = command.add_option("--sequence", file, "a file with test steps; the run lasts as long as they do");
  command
      .add_option("--answer", answers,
                  "STEP=yes or STEP=no: answers a step that asks a person before it does")
      ->type_name("STEP=ANSWER")
      ->allow_extra_args(false)
      ->needs(given);
}

std::optional<SequenceRequest> SequenceOptions::request() const {
  if (file.empty()) return std::nullopt;
  return SequenceRequest{file, answers};
}

}  // namespace looptwin::testbed

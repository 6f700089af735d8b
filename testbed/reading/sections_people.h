// people, operator, script: who is at the loop, what they give it, and what they do in a run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mml/people.h"
#include "testbed/reading/keys.h"
#include "testbed/reading/value_draft.h"
#include "twin/operator_action.h"

namespace looptwin::testbed {

/// An input, whose default and range wait for its unit.
struct InputDraft : mml::InputConfig {
  ValueDraft is;
  const yaml::Node* fallback = nullptr;
  const yaml::Node* range_node = nullptr;
};

/// An entry of the script, whose names wait until all is read.
struct ScriptDraft {
  struct Act {
    twin::OperatorVerb verb;
    std::string subject;
    Span span;
    const yaml::Node* value = nullptr;  ///< of `set`
  };
  Span span;
  std::optional<Duration> after;
  const yaml::Node* at = nullptr;
  std::string by;
  Span by_span;
  std::vector<Act> acts;
  std::string device;
  Span device_span;
  Duration lasts{};
  std::string comment;
};

const Section<mml::PersonConfig>& person_section();
const Section<InputDraft>& input_section();
const Section<ScriptDraft>& script_section();

/// Settles an input's default, unit and range; problems go to the reader.
void finish(Reader& reader, InputDraft& input);

}  // namespace looptwin::testbed

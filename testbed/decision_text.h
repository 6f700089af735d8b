// What a record of the loop's decisions is about, in words and units: its indices as the names that scenarios
// give. What the run folder's log shows, and what is compared between runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mml/records.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"

namespace looptwin::testbed {

class DecisionText {
 public:
  /// The scenario and the registry outlive it.
  DecisionText(const Scenario& scenario, const lang::Schema& schema, const twin::Registry& registry,
               const Wired& wired);

  /// What a record's value is of, and in which unit it is shown.
  struct Quantity {
    std::string_view name, unit;
    double value = 0;
  };
  Quantity quantity_of(const mml::Record& record) const;
  const std::string& name_of_subject(mml::SubjectKind kind, size_t index) const;

 private:
  const Scenario& scenario_;
  const twin::Registry& registry_;
  std::vector<std::string> event_names_, event_units_, first_out_names_, rule_names_, alarm_names_;
};

}  // namespace looptwin::testbed

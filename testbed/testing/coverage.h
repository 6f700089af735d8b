// Which parts of the rules tests have seen at work: events raised and cleared, rules fired, both outcomes of
// each comparison and `where`, the lives of commands and alarms.
#pragma once

#include <map>
#include <span>
#include <string>

#include "mml/records.h"
#include "testbed/assembly.h"

namespace looptwin::testbed {

/// By what is to be seen: "events.peak_ahead.raise: load > 0.88 * limit is true".
struct CoverageItem {
  Span span;
  bool seen = false;
};
using CoverageItems = std::map<std::string, CoverageItem>;

/// What was seen anywhere is seen.
void merge(CoverageItems& into, const CoverageItems& from);
size_t seen(const CoverageItems& items);

/// Looks on while a test is played. The assembly was built with `coverage`.
class Coverage {
 public:
  explicit Coverage(Assembly& assembly);
  /// After each boundary.
  void look();
  /// All items, with what the boundaries and the decisions have shown.
  CoverageItems items(std::span<const mml::Record> records) const;

 private:
  struct Condition {
    std::string text;
    Span span;
    std::span<const uint8_t> values;
    bool was_true = false, was_false = false;
  };
  void expect_events(CoverageItems& items) const;
  void expect_rules(CoverageItems& items) const;
  void expect_alarms(CoverageItems& items) const;
  std::string name_of(const mml::Record& record) const;

  Assembly& assembly_;
  std::vector<Condition> conditions_;
};

}  // namespace looptwin::testbed

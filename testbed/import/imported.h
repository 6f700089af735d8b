// Device models that others have described: interfaces of DTDL (versions 2 and 3) and Thing Descriptions of
// the W3C's Web of Things, read into what models.yaml can say. What it cannot say is left out, and noted.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/units.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

struct ImportedQuantity {
  std::string name;
  std::string unit;                ///< ours; empty: no number
  std::vector<std::string> words;  ///< of an enumeration; empty and no unit: a truth
  std::string low, high, step;     ///< as they were written, in `unit`; empty: not said
  std::string fallback;            ///< of a setpoint
};

struct ImportedModel {
  std::string name, about;
  std::vector<ImportedQuantity> fields, setpoints;
  std::vector<std::string> commands;
  std::vector<std::string> left_out;  ///< "history: an Array"
  std::set<std::string> names;        ///< of fields, setpoints and commands
  bool too_many = false;              ///< of these; that was reported
};

/// Units of theirs for units of ours, beside those that are known.
using UnitNames = std::vector<std::pair<std::string, std::string>>;

/// Reads a document of either kind; all its problems at once.
Result<std::vector<ImportedModel>> read_models(const SourcePtr& source, const UnitNames& unit_names);
/// models.yaml with them. `every`: the period of all fields, of which such documents say nothing.
std::string models_text(const std::vector<ImportedModel>& models, const std::string& from, Duration every);

// For the readers.

/// A name as expressions have it: other characters become underscores.
std::string model_name(std::string_view text);
/// What a unit of DTDL, UCUM, QUDT, OM or plain words is here; absent where it is not known.
std::optional<std::string> unit_of(std::string_view theirs);
struct ImportReader {
  Diagnostics& problems;
  const UnitNames& unit_names;
  const lang::Units& units;
  /// Empty where the node has no such key, or no text there.
  static std::string text(const yaml::Node& node, std::string_view key);
  /// As it is written; reports what is none. Empty where the node has no such key.
  std::string number(const yaml::Node& node, std::string_view key);
  /// An enumeration's, which are texts or have them under `key`; reports those that are the same here.
  std::vector<std::string> words(const std::vector<yaml::Node>& nodes, std::string_view key);
  /// Whether a quantity or command of this name may be added; reports why not.
  bool is_new(ImportedModel& model, const std::string& name, const Span& span);
  /// Ours for theirs; reports where it is not known. Without a unit: "1".
  std::string unit(const yaml::Node* node);
  /// Once for each place: what several models have as a part is read as often.
  void error(const Span& span, std::string message, std::string hint = {});
};
void read_interfaces(ImportReader& reader, const std::vector<const yaml::Node*>& documents,
                     std::vector<ImportedModel>& models);
void read_thing(ImportReader& reader, const yaml::Node& thing, std::vector<ImportedModel>& models);

}  // namespace looptwin::testbed

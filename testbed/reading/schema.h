// What is printed from the tables of keys: the key tables of docs/scenario.md. json_schema() is in
// testbed/scenario.h.
#pragma once

#include <string>
#include <vector>

#include "testbed/reading/keys.h"

namespace looptwin::testbed {

/// All sections, from the scenario's own down, each once, in the order in which they are met.
std::vector<const SectionInfo*> all_sections();

/// The same of other files: from their own section down.
std::vector<const SectionInfo*> sections_of(const SectionInfo& root);

/// The JSON Schema of such files; as json_schema(), which is that of scenarios.
std::string json_schema_of(const SectionInfo& root, const std::string& title);

/// A Markdown table: key, value, default, meaning.
std::string key_table(const SectionInfo& section);

/// `document` with the lines between `<!-- keys: NAME -->` and `<!-- end -->` replaced by the section's key
/// table, and those of `<!-- distributions -->` by the distributions.
std::string with_tables(const std::string& document,
                        const std::vector<const SectionInfo*>& sections = all_sections());

}  // namespace looptwin::testbed

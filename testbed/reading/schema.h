// What is printed from the tables of keys: the key tables of docs/scenario.md, and JSON Schemas. That of
// scenarios is in testbed/scenario.h.
#pragma once

#include <string>
#include <vector>

#include "testbed/reading/keys.h"

namespace looptwin::testbed {

/// All sections, from the scenario's own down, each once, in the order in which they are met.
std::vector<const SectionInfo*> all_sections();

/// The same of other files: from their own section down.
std::vector<const SectionInfo*> sections_of(const SectionInfo& root);

/// The JSON Schema (draft 7) of files that hold this section. `in_parts`: a file need not have all of it.
std::string json_schema(const SectionInfo& top, const std::string& title, bool in_parts = false);

/// A Markdown table: key, value, default, meaning.
std::string key_table(const SectionInfo& section);

/// `document` with the lines between `<!-- keys: NAME -->` and `<!-- end -->` replaced by the section's key
/// table, and those of `<!-- distributions -->` by the distributions.
std::string with_tables(const std::string& document,
                        const std::vector<const SectionInfo*>& sections = all_sections());

}  // namespace looptwin::testbed

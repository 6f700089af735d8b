// The files of a scenario: scenario.yaml and, through `use:`, others, merged into one tree.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

struct Files {
  std::filesystem::path folder;
  std::vector<SourcePtr> sources;  ///< in the order in which they were read; named relative to the folder
  yaml::Node root;                 ///< all sections of all files
  bool complete = true;            ///< false: a file could not be read, so that what is missing may be there
};

/// Reads a folder's scenario.yaml, or the file itself, and all that it uses. Maps of the same section are
/// joined; the same name in two files is an error that names both places, as is a circle of files.
/// Lists of tests and requirements are joined as well. `also`: one more file that belongs to them.
Files read_files(const std::filesystem::path& path, Diagnostics& problems,
                 const std::filesystem::path& also = {});
/// The same of a text that stands in no file; what it uses is looked for from `folder`.
Files read_text(const SourcePtr& text, const std::filesystem::path& folder, Diagnostics& problems);

}  // namespace looptwin::testbed

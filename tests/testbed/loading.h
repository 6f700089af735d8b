// For tests of the loader: scenario folders that are written, changed and loaded, and problems as short
// lines.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "testbed/scenario.h"

namespace looptwin::testbed::test {

using FileTexts = std::map<std::string, std::string>;

/// A folder below the system's temporary one, removed at the end.
class Folder {
 public:
  Folder();
  explicit Folder(const FileTexts& files) : Folder() {
    for (const auto& [name, text] : files) write(name, text);
  }
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

std::string read_text(const std::filesystem::path& path);

/// The ```yaml blocks of a page of docs/, one after the other: a scenario whose course the page tells.
std::string scenario_of(const std::string& page);

/// The files of the design's example, as printed there.
FileTexts example();
/// The example with one text in one file replaced; the text must be there.
FileTexts example_with(const std::string& file, const std::string& from, const std::string& to);

/// "file:line:col: message [hint]", a line a problem; "" when it loads.
std::string problems(const FileTexts& files, const std::vector<Setting>& settings = {});
std::string problems_with(const std::string& file, const std::string& from, const std::string& to);
std::string in_short(const Diagnostics& diagnostics);

/// The scenario; fails the test with all problems where it does not load.
Scenario loaded(const FileTexts& files, const std::vector<Setting>& settings = {});

/// What a span covers.
std::string text_of(const Span& span);

}  // namespace looptwin::testbed::test

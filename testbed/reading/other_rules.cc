#include "testbed/reading/other_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "testbed/reading/settings.h"

namespace looptwin::testbed {
namespace {

constexpr std::array<std::string_view, 5> kReplaced = {"events", "rules", "alarms", "derived", "machines"};
constexpr std::array<std::string_view, 3> kOfRules = {"tests", "requirements", "script"};
constexpr const char* kWhich =
    "events, rules, alarms, derived and machines are replaced; everything else is as it was recorded";

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void replace_sections(const std::filesystem::path& path, Files& files, Diagnostics& problems) {
  auto other = read_files(path, problems);
  files.complete &= other.complete;
  // A whole scenario has other sections as a matter of course; in a file of rules they are a mistake.
  const bool is_scenario = other.root.find("scenario") != nullptr;
  std::erase_if(files.root.entries, [](const auto& entry) { return is_one_of(kReplaced, entry.key); });
  for (auto& entry : other.root.entries) {
    if (is_one_of(kReplaced, entry.key))
      files.root.entries.push_back(std::move(entry));
    else if (!is_scenario && !is_one_of(kOfRules, entry.key))
      problems.push_back({Severity::error, entry.key_span,
                          fmt::format("'{}' is not replaced in what was recorded", entry.key), kWhich});
  }
  files.sources.insert(files.sources.end(), other.sources.begin(), other.sources.end());
}

}  // namespace

void replace_rules(const OtherRules& other, const SectionInfo& root_section, Files& files,
                   Diagnostics& problems) {
  if (!other.file.empty()) replace_sections(other.file, files, problems);
  std::erase_if(files.root.entries, [](const auto& entry) { return is_one_of(kOfRules, entry.key); });
  for (const auto& setting : other.settings)
    if (!is_one_of(kReplaced, std::string_view(setting.path).substr(0, setting.path.find('.'))))
      problems.push_back(
          {Severity::error, {}, fmt::format("--set {}: not part of the rules", setting.path), kWhich});
  apply(other.settings, root_section, files.root, problems);
}

}  // namespace looptwin::testbed

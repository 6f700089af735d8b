#include "testbed/replay/kept_scenario.h"

#include <fmt/format.h>

#include <algorithm>

#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

/// The longest path that both lie below.
fs::path common_folder(const fs::path& a, const fs::path& b) {
  fs::path common;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end() && *i == *j; ++i, ++j) common /= *i;
  return common;
}

}  // namespace

Result<std::string> keep_scenario(const fs::path& run, const Scenario& scenario) {
  std::error_code error;
  const fs::path folder = fs::absolute(scenario.folder).lexically_normal();
  std::vector<fs::path> copied, linked;
  // An absolute path means the same in the copy, and stays what it is.
  const auto add = [&](std::vector<fs::path>& to, const fs::path& path) {
    if (!path.is_absolute()) to.push_back((folder / path).lexically_normal());
  };
  for (const auto& source : scenario.sources)
    if (fs::is_regular_file(folder / source->name, error)) add(copied, source->name);
  for (const auto& feed : scenario.feeds)
    if (feed.inbound && !feed.file.empty()) add(copied, feed.file);
  for (const auto& plant : scenario.plants)
    for (const auto& file : plant.files) add(copied, file);
  for (const auto& registry : scenario.registries) add(linked, registry);
  for (const auto& earlier : scenario.history_from) add(linked, earlier.folder);

  fs::path base = folder;
  for (const auto* paths : {&copied, &linked})
    for (const auto& path : *paths) base = common_folder(base, path.parent_path());
  const auto kept = [&](const fs::path& path) { return run / "scenario" / path.lexically_relative(base); };
  fs::create_directories(kept(folder), error);
  for (const auto& path : copied) {
    fs::create_directories(kept(path).parent_path(), error);
    fs::copy(path, kept(path), fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
    if (error) return twin::disk_failure("copy to the run folder", path, error.value());
  }
  for (const auto& path : linked) {
    fs::create_directories(kept(path).parent_path(), error);
    fs::remove(kept(path), error);
    fs::create_symlink(path, kept(path), error);
    if (error) return twin::disk_failure("link to", path, error.value());
  }
  return (fs::path("scenario") / folder.lexically_relative(base) / scenario.sources.front()->name)
      .lexically_normal()
      .string();
}

}  // namespace looptwin::testbed

#include "testbed/reading/files.h"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

class FileReader {
 public:
  FileReader(Files& files, Diagnostics& problems) : files_(files), problems_(problems) {}

  void read(const fs::path& path, const Span& used_at) {
    const auto relative = path.lexically_relative(files_.folder);
    const auto name = relative.empty() ? path.string() : relative.string();
    const auto key = fs::weakly_canonical(path, ignored_);
    if (std::find(open_.begin(), open_.end(), key) != open_.end())
      return error(used_at,
                   fmt::format("{} uses itself, by way of {} file{}", name, open_.size(),
                               open_.size() == 1 ? "" : "s"),
                   "remove this use");
    if (std::find(read_.begin(), read_.end(), key) != read_.end()) return;
    read_.push_back(key);
    const auto source = load(path, name, used_at);
    if (!source) {
      files_.complete = false;
      return;
    }
    open_.push_back(key);
    read(source, path);
    open_.pop_back();
  }

  /// A text as if it stood in the file of this path.
  void read(const SourcePtr& source, const fs::path& path) {
    files_.sources.push_back(source);
    auto [root, complete] = yaml::parse(source, problems_);
    files_.complete &= complete;
    if (!root.map()) {
      files_.complete = false;
      if (complete && !root.refused())
        error(root.span, fmt::format("{} is not a map of sections", source->name),
              "write key: value, one a line");
    } else {
      const auto uses = take_uses(root);
      merge(std::move(root));
      for (const auto& use : uses) read((path.parent_path() / use.text).lexically_normal(), use.span);
    }
  }

 private:
  void error(const Span& span, std::string message, std::string hint) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  /// The text of a file, or null after having reported why there is none.
  SourcePtr load(const fs::path& path, const std::string& name, const Span& used_at) {
    std::ifstream file(path, std::ios::binary);
    if (!file || fs::is_directory(path, ignored_)) {
      const int why = file ? EISDIR : errno;
      error(used_at,
            fmt::format("cannot read {}: {}", used_at.source ? name : path.string(), std::strerror(why)),
            used_at.source ? "paths are relative to the file that names them"
                           : "name a folder with a scenario.yaml, or the file");
      return nullptr;
    }
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    auto source = std::make_shared<const Source>(Source{name, std::move(text)});
    if (const auto bad = first_not_utf8(source->text); bad != std::string_view::npos) {
      const auto at = static_cast<uint32_t>(bad);
      error({source, at, at + 1}, fmt::format("{} is not a text in UTF-8", name), "save it as UTF-8");
      return nullptr;
    }
    return source;
  }

  /// Removes `use:` and returns its paths.
  std::vector<yaml::Node> take_uses(yaml::Node& root) {
    std::vector<yaml::Node> uses;
    const auto entry =
        std::find_if(root.entries.begin(), root.entries.end(), [](const auto& e) { return e.key == "use"; });
    if (entry == root.entries.end()) return uses;
    if (!entry->value.list() && !entry->value.refused())
      error(entry->value.span, "'use' is a list of files", "write use: [models.yaml, rules.yaml]");
    for (auto& item : entry->value.items) {
      if (item.scalar() && !item.text.empty())
        uses.push_back(std::move(item));
      else if (!item.refused())
        error(item.span, "a file's path stands here", "write use: [models.yaml, rules.yaml]");
    }
    root.entries.erase(entry);
    return uses;
  }

  void twice(const yaml::Entry& again, const yaml::Entry& first) {
    const auto at = line_column(*first.key_span.source, first.key_span.begin);
    error(again.key_span,
          fmt::format("'{}' is already in {}:{}:{}", again.key, first.key_span.source->name, at.line,
                      at.column),
          "remove one of them");
  }

  static yaml::Entry* find(yaml::Node& map, const std::string& key) {
    const auto entry =
        std::find_if(map.entries.begin(), map.entries.end(), [&](const auto& e) { return e.key == key; });
    return entry == map.entries.end() ? nullptr : &*entry;
  }

  static bool is_joined(const std::string& key) { return key == "tests" || key == "requirements"; }

  /// Sections that are maps (models, rules …) are joined, and lists that tell of single cases; anything else
  /// is said in one file only.
  void merge(yaml::Node root) {
    if (!files_.root.span.source) files_.root.span = root.span;
    for (auto& section : root.entries) {
      auto* present = find(files_.root, section.key);
      if (!present) {
        files_.root.entries.push_back(std::move(section));
      } else if (is_joined(section.key) && present->value.list() && section.value.list()) {
        std::move(section.value.items.begin(), section.value.items.end(),
                  std::back_inserter(present->value.items));
      } else if (!present->value.map() || !section.value.map()) {
        twice(section, *present);
      } else {
        for (auto& entry : section.value.entries) {
          if (const auto* first = find(present->value, entry.key))
            twice(entry, *first);
          else
            present->value.entries.push_back(std::move(entry));
        }
      }
    }
  }

  Files& files_;
  Diagnostics& problems_;
  std::vector<fs::path> open_;
  std::vector<fs::path> read_;
  std::error_code ignored_;
};

}  // namespace

Files read_files(const fs::path& path, Diagnostics& problems, const fs::path& also) {
  std::error_code ignored;
  const auto file = fs::is_directory(path, ignored) ? path / "scenario.yaml" : path;
  Files files;
  files.folder = file.parent_path().empty() ? fs::path(".") : file.parent_path().lexically_normal();
  FileReader reader(files, problems);
  reader.read(file.lexically_normal(), {});
  if (!also.empty()) reader.read(also.lexically_normal(), {});
  return files;
}

Files read_text(const SourcePtr& text, const fs::path& folder, Diagnostics& problems) {
  Files files;
  files.folder = folder.empty() ? fs::path(".") : folder.lexically_normal();
  if (const auto bad = first_not_utf8(text->text); bad != std::string_view::npos) {
    const auto at = static_cast<uint32_t>(bad);
    problems.push_back({Severity::error, {text, at, at + 1}, "this is not a text in UTF-8", {}});
    return files;
  }
  FileReader(files, problems).read(text, files.folder / text->name);
  return files;
}

}  // namespace looptwin::testbed

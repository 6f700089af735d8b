#include "testbed/table_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/text.h"
#include "testbed/reading/csv.h"
#include "testbed/reading/json.h"

namespace looptwin::testbed {
namespace {

Result<SourcePtr> read_source(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return failure(fmt::format("{} cannot be read", path.string()));
  const auto size = static_cast<int64_t>(file.tellg());
  if (size < 0 || size >= int64_t{UINT32_MAX})
    return failure(fmt::format("{} cannot be read: it is a folder, or has more than 4 GB", path.string()),
                   "import it in parts");
  auto source = std::make_shared<Source>(Source{path.string(), std::string(static_cast<size_t>(size), '\0')});
  file.seekg(0);
  file.read(source->text.data(), size);
  if (!file) return failure(fmt::format("{} cannot be read", path.string()));
  if (const auto bad = first_not_utf8(source->text); bad != std::string_view::npos) {
    const auto at = static_cast<uint32_t>(bad);
    return tl::make_unexpected(Diagnostics{{Severity::error,
                                            {source, at, at + 1},
                                            fmt::format("{} is not a text in UTF-8", path.string()),
                                            "save it as UTF-8"}});
  }
  return SourcePtr(std::move(source));
}

}  // namespace

Result<FileFormat> format_of(const std::filesystem::path& path) {
  if (path.extension() == ".json") return FileFormat::json;
  if (path.extension() == ".csv") return FileFormat::csv;
  return failure(fmt::format("{} is neither a .json nor a .csv file", path.string()), "name it so");
}

Result<void> read_records(const std::filesystem::path& path, std::vector<std::string> lists,
                          Diagnostics& problems, const std::function<void(const yaml::Node&)>& take) {
  const auto format = format_of(path);
  if (!format) return tl::make_unexpected(format.error());
  const auto source = read_source(path);
  if (!source) return tl::make_unexpected(source.error());
  const auto read_all = [&](auto reader) {
    while (problems.size() < kMostProblems) {
      const auto node = reader.next();
      if (!node) break;
      take(*node);
    }
  };
  if (*format == FileFormat::json)
    read_all(JsonArray(*source, problems));
  else
    read_all(CsvRows(*source, std::move(lists), problems));
  return {};
}

void forget_repeated(Diagnostics& problems, size_t from) {
  const auto first = problems.begin() + static_cast<std::ptrdiff_t>(from);
  const auto said_before = [&](const Diagnostic& problem) {
    return std::any_of(problems.begin(), first, [&](const Diagnostic& p) {
      return p.span.begin == problem.span.begin && p.message == problem.message;
    });
  };
  problems.erase(std::remove_if(first, problems.end(), said_before), problems.end());
}

void append_cell(const std::string& text, std::string& out) {
  const bool plain =
      text.find_first_of(",\"\r\n#") == std::string::npos && !text.starts_with(' ') && !text.ends_with(' ');
  if (plain) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

Result<void> write_new_file(
    const std::filesystem::path& file,
    const std::function<Result<void>(const std::function<void(std::string_view)>& out)>& write) {
  std::error_code failed;
  if (std::filesystem::exists(file, failed))
    return failure(fmt::format("{} exists", file.string()), "choose another name, or remove it");
  const std::filesystem::path made = file.string() + ".part";
  std::ofstream out(made, std::ios::binary);
  auto written = write([&](std::string_view text) { out << text; });
  out.close();
  if (written && !out) written = failure(fmt::format("{} cannot be written", file.string()));
  if (written) std::filesystem::rename(made, file, failed);
  if (written && failed)
    written = failure(fmt::format("{} cannot be written: {}", file.string(), failed.message()));
  if (!written) std::filesystem::remove(made, failed);
  return written;
}

}  // namespace looptwin::testbed

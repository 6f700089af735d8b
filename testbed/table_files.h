// Lists of records from and to files of JSON (a list of objects) and CSV (a record a line).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

enum class FileFormat : uint8_t { json, csv };
/// By the name's ending; other endings are refused.
Result<FileFormat> format_of(const std::filesystem::path& path);

/// So many problems of a file are told at once.
inline constexpr size_t kMostProblems = 20;

/// Hands over a record after another, until there are too many problems. `lists`: columns of CSV whose cells
/// hold several values. Fails where the file cannot be read at all.
Result<void> read_records(const std::filesystem::path& path, std::vector<std::string> lists,
                          Diagnostics& problems, const std::function<void(const yaml::Node&)>& take);
/// A header is wrong once, not with each row: drops what was said before from the problems after `from`.
void forget_repeated(Diagnostics& problems, size_t from);

/// Appends a cell of CSV, in quotes where it needs them.
void append_cell(const std::string& text, std::string& out);
/// A new file, which is there in full or not at all. `write` hands its parts to what it is given.
Result<void> write_new_file(
    const std::filesystem::path& file,
    const std::function<Result<void>(const std::function<void(std::string_view)>& out)>& write);

}  // namespace looptwin::testbed

// The few things that a run folder asks of a file system: whole files that appear at once or not at all,
// bytes that are appended, and directories whose entries last. Every failure names the path, the reason and
// what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace looptwin::twin {

namespace fs = std::filesystem;

/// "cannot <verb> <path>: <reason of this errno>".
tl::unexpected<Diagnostics> disk_failure(std::string_view verb, const fs::path& path, int error);

/// An open file descriptor, closed at the end.
class File {
 public:
  File() = default;
  File(File&& other) noexcept { *this = std::move(other); }
  File& operator=(File&& other) noexcept;
  ~File() { close(); }

  /// For writing from the beginning; the file must not exist.
  static Result<File> create(const fs::path& path);
  /// For appending after the first `size` bytes; what lies beyond is cut off.
  static Result<File> append_after(const fs::path& path, uint64_t size);
  static Result<File> open_to_read(const fs::path& path);

  /// Writes all pieces in order. Where that fails, the file is cut back to where it ended before.
  Result<void> write(std::span<const std::span<const std::byte>> pieces);
  Result<void> write(std::span<const std::byte> bytes) { return write(std::span(&bytes, 1)); }
  Result<void> sync();
  /// Reads up to bytes.size() at an offset; returns how many there were.
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) const;

  bool is_open() const { return fd_ >= 0; }
  uint64_t size() const { return size_; }  ///< what was written, or was there at opening
  void close();

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
  fs::path path_;
};

/// Makes created, renamed and removed entries of a directory last.
Result<void> sync_directory(const fs::path& directory);

/// Writes `path`.tmp, syncs it, renames it to `path` and syncs the directory; leaves nothing behind where it
/// fails.
Result<void> write_whole_file(const fs::path& path, std::span<const std::byte> bytes);
Result<void> write_whole_file(const fs::path& path, std::string_view text);
/// The second half of the above, for a temporary file that someone else has written.
Result<void> publish(const fs::path& temporary, const fs::path& path);

/// Whether the open file is still the one of this name: somebody may have removed it, or put another there.
bool is_named(int descriptor, const fs::path& path);

Result<std::string> read_whole_file(const fs::path& path);
Result<void> remove_file(const fs::path& path);

}  // namespace looptwin::twin

// The journal: one file a segment that is not sealed yet, made of records with a CRC. A reader keeps all up
// to the first record that is torn or damaged, and says where that was. docs/formats/run.md has the bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "twin/warm/disk.h"

namespace looptwin::twin {

enum class RecordKind : uint32_t { start = 1, cycle = 2 };

struct JournalRecord {
  RecordKind kind = RecordKind::cycle;
  uint64_t sequence =
      0;          ///< of the cycle since the run's first; of a start record: of the first cycle that follows
  Time boundary;  ///< the cycle's end; of a start record: the segment's beginning
  std::span<const std::byte> payload;
};

/// What a journal file's first record says.
struct JournalStart {
  uint64_t number = 0;  ///< of the segment
  uint64_t sequence = 0;
  Time from;
  uint64_t layout = 0;             ///< layout_hash of the run's spec
  std::vector<uint64_t> log_rows;  ///< in each log, before this segment
};

class JournalWriter {
 public:
  static Result<JournalWriter> create(const fs::path& path, const JournalStart& start);
  /// Goes on after the first `size` bytes of an existing journal.
  static Result<JournalWriter> resume(const fs::path& path, uint64_t size);

  /// One record whose payload is the pieces in order; in the page cache when it returns.
  Result<void> append(RecordKind kind, uint64_t sequence, Time boundary,
                      std::span<const std::span<const std::byte>> pieces);
  Result<void> sync() { return file_.sync(); }
  bool is_open() const { return file_.is_open(); }
  uint64_t size() const { return file_.size(); }

 private:
  File file_;
  std::vector<std::span<const std::byte>> parts_;  // kept, so that a steady cycle does not allocate
};

class JournalReader {
 public:
  /// Fails only where the file cannot be opened; a damaged beginning shows in damage() and an invalid
  /// start().
  static Result<JournalReader> open(const fs::path& path);

  const JournalStart& start() const { return start_; }
  /// The next good record; false at the end or at the first damage. The payload is valid until the next call.
  bool next(JournalRecord& record);

  uint64_t good_bytes() const { return good_; }          ///< up to the end of the last good record
  const std::string& damage() const { return damage_; }  ///< empty: none so far
  /// Whether the damage is that the end of a record is missing: it may be on its way.
  bool is_torn() const { return torn_; }
  /// Gives back the last record, whose payload turned out to make no sense.
  void reject_last(const std::string& why);

 private:
  bool damaged(const std::string& why);
  bool torn();
  File file_;
  fs::path path_;
  JournalStart start_;
  std::vector<std::byte> payload_;
  uint64_t good_ = 0, before_last_ = 0;
  std::string damage_;
  bool torn_ = false;
};

/// "journal/000001.journal" seals into "segments/000001.h5".
fs::path journal_path(const fs::path& folder, uint64_t number);
fs::path segment_path(const fs::path& folder, uint64_t number);
/// Numbers of the journals or segments in a folder, ascending; other files are passed over.
Result<std::vector<uint64_t>> numbers_in(const fs::path& directory, std::string_view extension);

}  // namespace looptwin::twin

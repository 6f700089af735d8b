// The input log of a run: one file, a record a boundary with all that the loop took in there, in the order in
// which it acted. Appended with a CRC; a reader keeps all up to the first torn or damaged record, and says
// where that was. docs/formats/input-log.md has the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "twin/transport.h"
#include "twin/warm/disk.h"

namespace looptwin::twin {

inline constexpr const char* kInputLogFile = "inputs.log";

/// The first record: what indices in the others count.
struct InputLogStart {
  struct Table {
    std::string name;
    uint64_t devices = 0;
    std::vector<std::vector<std::string>> groups;  ///< [report group] names of its fields
    bool operator==(const Table&) const = default;
  };
  std::string scenario;
  Time after;                 ///< the boundary that the first one follows; later than 0 in a fork
  std::vector<Table> tables;  ///< of the models, in the registry's order
  std::vector<std::string> inputs, alarms, people;
};

enum class InputRecordKind : uint32_t { start = 1, boundary = 2, end = 3 };

class InputLogWriter {
 public:
  static Result<InputLogWriter> create(const fs::path& path, const InputLogStart& start);
  /// Goes on after the record of boundary `after` (kStart: after the first record); what follows is cut off.
  static Result<InputLogWriter> resume(const fs::path& path, Time after);

  /// One record whose payload is the pieces in order; in the page cache when it returns.
  Result<void> append(InputRecordKind kind, Time boundary,
                      std::span<const std::span<const std::byte>> pieces);
  Result<void> sync() { return file_.sync(); }
  uint64_t size() const { return file_.size(); }

 private:
  File file_;
  uint64_t boundaries_ = 0;
  std::vector<std::span<const std::byte>> parts_;  ///< kept, so that a steady cycle does not allocate
};

/// One boundary's payload in parts: what was noticed, a shard's inbox, or what people did.
struct InputPart {
  static constexpr uint32_t kPeople = 0xffffffff;
  static constexpr uint32_t kNotices = 0xfffffffe;
  uint32_t shard = 0;  ///< or one of these
  std::vector<std::byte> bytes;
};

class InputLogReader {
 public:
  /// Fails where the file cannot be opened or does not begin as an input log does.
  static Result<InputLogReader> open(const fs::path& path);

  const InputLogStart& start() const { return start_; }
  /// The next good boundary; false at the end or at the first damage. `parts` keep their memory: the first
  /// `count` are this boundary's.
  bool next(Time& boundary, std::vector<InputPart>& parts, size_t& count);
  /// "reached_end", "stopped", "failed" once the end was read; empty: the log was cut short.
  const std::string& ended() const { return ended_; }
  uint64_t good_bytes() const { return good_; }
  const std::string& damage() const { return damage_; }

 private:
  struct Record;
  bool next(Record& record);
  bool damaged(const std::string& why);
  bool unpack(std::vector<InputPart>& parts, size_t& count);
  File file_;
  fs::path path_;
  InputLogStart start_;
  std::vector<std::byte> payload_;
  uint64_t good_ = 0, boundaries_ = 0;
  std::string ended_, damage_;
  friend class InputLogWriter;
};

/// Before each part's bytes in a boundary's payload.
struct InputPartHeader {
  uint32_t shard = 0;
  uint32_t packed = 0;  ///< 1: the bytes are deflated
  uint32_t size = 0;    ///< of the part
  uint32_t stored = 0;  ///< of the bytes that follow
};
static_assert(sizeof(InputPartHeader) == 16);

}  // namespace looptwin::twin

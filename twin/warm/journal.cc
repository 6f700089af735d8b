#include "twin/warm/journal.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/archive.h"
#include "base/hash.h"

namespace looptwin::twin {
namespace {

/// Before each payload. `crc` covers everything after itself, payload included.
struct Frame {
  uint32_t crc;
  uint32_t kind;
  uint64_t payload_size;
  uint64_t sequence;
  int64_t boundary_ns;
};
static_assert(sizeof(Frame) == 32);

constexpr std::string_view kMagic = "LTJRNL01";

uint32_t frame_crc(const Frame& frame) {
  return crc32(std::as_bytes(std::span(&frame, 1)).subspan(sizeof frame.crc));
}

}  // namespace

Result<JournalWriter> JournalWriter::create(const fs::path& path, const JournalStart& start) {
  auto file = File::create(path);
  if (!file) return tl::unexpected(file.error());
  JournalWriter writer;
  writer.file_ = std::move(*file);
  std::vector<uint64_t> words(4 + start.log_rows.size());
  std::memcpy(words.data(), kMagic.data(), kMagic.size());
  words[1] = start.number;
  words[2] = start.layout;
  words[3] = start.log_rows.size();
  std::copy(start.log_rows.begin(), start.log_rows.end(), words.begin() + 4);
  const auto payload = std::as_bytes(std::span(words));
  if (auto done = writer.append(RecordKind::start, start.sequence, start.from, std::span(&payload, 1));
      !done) {
    return tl::unexpected(done.error());
  }
  return writer;
}

Result<JournalWriter> JournalWriter::resume(const fs::path& path, uint64_t size) {
  auto file = File::append_after(path, size);
  if (!file) return tl::unexpected(file.error());
  JournalWriter writer;
  writer.file_ = std::move(*file);
  return writer;
}

Result<void> JournalWriter::append(RecordKind kind, uint64_t sequence, Time boundary,
                                   std::span<const std::span<const std::byte>> pieces) {
  Frame frame{0, static_cast<uint32_t>(kind), 0, sequence, boundary.ns};
  parts_.assign(1, std::as_bytes(std::span(&frame, 1)));
  for (const auto piece : pieces) {
    frame.payload_size += piece.size();
    parts_.push_back(piece);
  }
  frame.crc = frame_crc(frame);
  for (const auto piece : pieces) frame.crc = crc32(piece, frame.crc);
  return file_.write(parts_);
}

Result<JournalReader> JournalReader::open(const fs::path& path) {
  auto file = File::open_to_read(path);
  if (!file) return tl::unexpected(file.error());
  JournalReader reader;
  reader.file_ = std::move(*file);
  reader.path_ = path;
  JournalRecord record;
  if (!reader.next(record)) {
    if (reader.damage_.empty()) reader.damaged("it is empty");
    return reader;
  }
  uint64_t words[4];
  const bool is_start = record.kind == RecordKind::start && record.payload.size() >= sizeof words;
  if (is_start) std::memcpy(words, record.payload.data(), sizeof words);
  if (!is_start || std::memcmp(words, kMagic.data(), kMagic.size()) != 0 || record.payload.size() % 8 != 0 ||
      words[3] != record.payload.size() / 8 - std::size(words)) {
    reader.reject_last("it does not begin as a journal does");
    return reader;
  }
  reader.start_ = {words[1], record.sequence, record.boundary, words[2], std::vector<uint64_t>(words[3])};
  std::memcpy(reader.start_.log_rows.data(), record.payload.data() + sizeof words,
              words[3] * sizeof(uint64_t));
  return reader;
}

bool JournalReader::next(JournalRecord& record) {
  if (!damage_.empty() || good_ == file_.size()) return false;
  Frame frame;
  if (file_.size() - good_ < sizeof frame) return torn();
  if (auto n = file_.read_at(good_, std::as_writable_bytes(std::span(&frame, 1))); !n || *n != sizeof frame) {
    return damaged("a record cannot be read");
  }
  if (frame.payload_size > file_.size() - good_ - sizeof frame) return torn();
  payload_.resize(frame.payload_size);
  if (auto n = file_.read_at(good_ + sizeof frame, payload_); !n || *n != payload_.size()) {
    return damaged("a record cannot be read");
  }
  if (crc32(payload_, frame_crc(frame)) != frame.crc) return damaged("a record's checksum is wrong");
  if (frame.kind != static_cast<uint32_t>(RecordKind::start) &&
      frame.kind != static_cast<uint32_t>(RecordKind::cycle)) {
    return damaged("a record is of an unknown kind");
  }
  before_last_ = good_;
  good_ += sizeof frame + frame.payload_size;
  record = {static_cast<RecordKind>(frame.kind), frame.sequence, {frame.boundary_ns}, payload_};
  return true;
}

void JournalReader::reject_last(const std::string& why) {
  good_ = before_last_;
  damaged(why);
}

bool JournalReader::damaged(const std::string& why) {
  damage_ = fmt::format("{}: {} at byte {}; what follows is dropped", path_.string(), why, good_);
  return false;
}

bool JournalReader::torn() {
  torn_ = true;
  return damaged("a record is torn");
}

fs::path journal_path(const fs::path& folder, uint64_t number) {
  return folder / "journal" / fmt::format("{:06}.journal", number);
}

fs::path segment_path(const fs::path& folder, uint64_t number) {
  return folder / "segments" / fmt::format("{:06}.h5", number);
}

Result<std::vector<uint64_t>> numbers_in(const fs::path& directory, std::string_view extension) {
  std::vector<uint64_t> numbers;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const auto stem = it->path().stem().string();
    uint64_t number = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (it->path().extension() == extension && parsed.ptr == stem.data() + stem.size())
      numbers.push_back(number);
  }
  if (error) return disk_failure("list", directory, error.value());
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace looptwin::twin

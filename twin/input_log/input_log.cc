#include "twin/input_log/input_log.h"

#include <fmt/format.h>

#include <cstring>

#include "base/deflate.h"
#include "base/hash.h"
#include "base/json_tree.h"

namespace looptwin::twin {
namespace {

/// Before each payload. `crc` covers everything after itself, payload included.
struct Header {
  uint32_t crc = 0;
  uint32_t kind = 0;
  uint64_t payload_size = 0;
  uint64_t sequence = 0;
  int64_t boundary_ns = 0;
};
static_assert(sizeof(Header) == 32);

uint32_t header_crc(const Header& header) {
  return crc32(std::as_bytes(std::span(&header, 1)).subspan(sizeof header.crc));
}

constexpr int kVersion = 1;

std::string text_of(const InputLogStart& start) {
  OrderedJson json = {{"format", "looptwin input log"}, {"version", kVersion},
                      {"scenario", start.scenario},     {"after_ns", start.after.ns},
                      {"tables", Json::array()},        {"inputs", start.inputs},
                      {"alarms", start.alarms},         {"people", start.people}};
  for (const auto& table : start.tables)
    json["tables"].push_back(
        OrderedJson{{"name", table.name}, {"devices", table.devices}, {"groups", table.groups}});
  return dump_json(json);
}

std::optional<InputLogStart> start_of(std::string_view text) {
  const auto json = load_json<Json>(text);
  if (!json.is_object() || json.value("format", "") != "looptwin input log" ||
      json.value("version", 0) != kVersion)
    return std::nullopt;
  InputLogStart start;
  try {  // the library's way to say that a member is of another type
    start.scenario = json.at("scenario").get<std::string>();
    start.after = {json.at("after_ns").get<int64_t>()};
    for (const auto& table : json.at("tables"))
      start.tables.push_back({table.at("name").get<std::string>(), table.at("devices").get<uint64_t>(),
                              table.at("groups").get<std::vector<std::vector<std::string>>>()});
    start.inputs = json.at("inputs").get<std::vector<std::string>>();
    start.alarms = json.at("alarms").get<std::vector<std::string>>();
    start.people = json.at("people").get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  return start;
}

}  // namespace

struct InputLogReader::Record {
  InputRecordKind kind = InputRecordKind::boundary;
  Time boundary;
};

Result<InputLogWriter> InputLogWriter::create(const fs::path& path, const InputLogStart& start) {
  auto file = File::create(path);
  if (!file) return tl::make_unexpected(std::move(file.error()));
  InputLogWriter writer;
  writer.file_ = std::move(*file);
  const auto text = text_of(start);
  const auto piece = std::as_bytes(std::span(text));
  if (auto done = writer.append(InputRecordKind::start, start.after, std::span(&piece, 1)); !done)
    return tl::make_unexpected(std::move(done.error()));
  return writer;
}

Result<InputLogWriter> InputLogWriter::resume(const fs::path& path, Time after) {
  auto reader = InputLogReader::open(path);
  if (!reader) return tl::make_unexpected(std::move(reader.error()));
  InputLogReader::Record record;
  uint64_t keep = reader->good_;
  uint64_t boundaries = 0;
  Time last = reader->start_.after;
  while (last < after && reader->next(record) && record.kind == InputRecordKind::boundary &&
         record.boundary <= after) {
    keep = reader->good_;
    last = record.boundary;
    ++boundaries;
  }
  if (last != after)
    return failure(fmt::format("cannot go on with {} from {}: what is kept ends at {}", path.string(),
                               to_string(after), to_string(last)),
                   "run the scenario anew");
  auto file = File::append_after(path, keep);
  if (!file) return tl::make_unexpected(std::move(file.error()));
  InputLogWriter writer;
  writer.file_ = std::move(*file);
  writer.boundaries_ = boundaries;
  return writer;
}

Result<void> InputLogWriter::append(InputRecordKind kind, Time boundary,
                                    std::span<const std::span<const std::byte>> pieces) {
  Header header{0, static_cast<uint32_t>(kind), 0, boundaries_, boundary.ns};
  parts_.assign(1, std::as_bytes(std::span(&header, 1)));
  for (const auto piece : pieces) {
    header.payload_size += piece.size();
    parts_.push_back(piece);
  }
  header.crc = header_crc(header);
  for (const auto piece : pieces) header.crc = crc32(piece, header.crc);
  if (kind == InputRecordKind::boundary) ++boundaries_;
  return file_.write(parts_);
}

Result<InputLogReader> InputLogReader::open(const fs::path& path) {
  auto file = File::open_to_read(path);
  if (!file) return tl::make_unexpected(std::move(file.error()));
  InputLogReader reader;
  reader.file_ = std::move(*file);
  reader.path_ = path;
  Record record;
  const bool read = reader.next(record) && record.kind == InputRecordKind::start;
  const auto* text = reinterpret_cast<const char*>(reader.payload_.data());
  auto start = read ? start_of({text, reader.payload_.size()}) : std::nullopt;
  if (!start)
    return failure(
        fmt::format("cannot read {}: it does not begin as an input log of this version does", path.string()),
        "run the scenario anew, with input_log: true");
  reader.start_ = std::move(*start);
  return reader;
}

bool InputLogReader::damaged(const std::string& why) {
  damage_ = fmt::format("{}: {} at byte {}; what follows is dropped", path_.string(), why, good_);
  return false;
}

bool InputLogReader::next(Record& record) {
  if (!damage_.empty() || good_ == file_.size()) return false;
  Header header;
  const uint64_t left = file_.size() - good_;
  if (left < sizeof header) return damaged("a record is torn");
  if (auto n = file_.read_at(good_, std::as_writable_bytes(std::span(&header, 1))); !n || *n != sizeof header)
    return damaged("a record cannot be read");
  if (header.payload_size > left - sizeof header) return damaged("a record is torn");
  payload_.resize(header.payload_size);
  if (auto n = file_.read_at(good_ + sizeof header, payload_); !n || *n != payload_.size())
    return damaged("a record cannot be read");
  if (crc32(payload_, header_crc(header)) != header.crc) return damaged("a record's checksum is wrong");
  const auto kind = static_cast<InputRecordKind>(header.kind);
  if (kind < InputRecordKind::start || kind > InputRecordKind::end || header.sequence != boundaries_)
    return damaged("a record makes no sense");
  if (kind == InputRecordKind::boundary) ++boundaries_;
  good_ += sizeof header + header.payload_size;
  record = {kind, {header.boundary_ns}};
  return true;
}

bool InputLogReader::next(Time& boundary, std::vector<InputPart>& parts, size_t& count) {
  Record record;
  const uint64_t before = good_;
  if (!ended_.empty() || !next(record)) return false;
  if (record.kind == InputRecordKind::end) {
    ended_.assign(reinterpret_cast<const char*>(payload_.data()), payload_.size());
    return false;
  }
  if (record.kind != InputRecordKind::boundary || !unpack(parts, count)) {
    good_ = before;
    return damaged("a record makes no sense");
  }
  boundary = record.boundary;
  return true;
}

bool InputLogReader::unpack(std::vector<InputPart>& parts, size_t& count) {
  count = 0;
  std::span<const std::byte> rest = payload_;
  while (!rest.empty()) {
    InputPartHeader header;
    if (rest.size() < sizeof header) return false;
    std::memcpy(&header, rest.data(), sizeof header);
    rest = rest.subspan(sizeof header);
    if (rest.size() < header.stored || (header.packed == 0 && header.stored != header.size)) return false;
    if (parts.size() == count) parts.emplace_back();
    InputPart& part = parts[count++];
    part.shard = header.shard;
    part.bytes.resize(header.size);
    const auto stored = rest.first(header.stored);
    if (header.packed != 0 && !inflate(stored, part.bytes)) return false;
    if (header.packed == 0 && !stored.empty()) std::memcpy(part.bytes.data(), stored.data(), stored.size());
    rest = rest.subspan(header.stored);
  }
  return true;
}

}  // namespace looptwin::twin

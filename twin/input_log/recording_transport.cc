#include "twin/input_log/recording_transport.h"

#include "twin/input_log/encoding.h"

namespace looptwin::twin {
namespace {

/// What is shorter does not get shorter.
constexpr size_t kWorthPacking = 64;

}  // namespace

RecordingTransport::RecordingTransport(Transport& inner, InputLogWriter writer, size_t shards)
    : inner_(inner), writer_(std::move(writer)), parts_(shards + 1) {
  for (size_t shard = 0; shard < shards; ++shard) parts_[shard].header.shard = static_cast<uint32_t>(shard);
  parts_[shards].header.shard = InputPart::kPeople;
  notices_.header.shard = InputPart::kNotices;
}

const Diagnostics& RecordingTransport::breakdown() const {
  return refused_.empty() ? inner_.breakdown() : refused_;
}

void RecordingTransport::Part::pack() {
  packed.clear();
  header.size = static_cast<uint32_t>(plain.size());
  header.packed = plain.size() >= kWorthPacking && deflater.append(plain, packed) < plain.size() ? 1 : 0;
  header.stored = static_cast<uint32_t>(stored().size());
}

void RecordingTransport::poll_notices(Time boundary, std::vector<Notice>& notices) {
  const size_t before = notices.size();
  inner_.poll_notices(boundary, notices);
  notices_.plain.clear();
  if (notices.size() > before) encode(std::span(notices).subspan(before), notices_.plain);
  notices_.pack();
}

void RecordingTransport::poll(size_t shard, Time boundary, Inbox& inbox) {
  inner_.poll(shard, boundary, inbox);
  Part& part = parts_[shard];
  part.plain.clear();
  encode(inbox, part.plain);
  part.pack();
}

void RecordingTransport::poll_people(Time boundary, std::vector<OperatorAction>& actions) {
  const size_t before = actions.size();
  inner_.poll_people(boundary, actions);
  Part& people = parts_.back();
  people.plain.clear();
  if (actions.size() > before) encode(std::span(actions).subspan(before), people.plain);
  people.pack();
  pieces_.clear();
  add_piece(notices_);
  for (const Part& part : parts_) add_piece(part);
  if (auto done = writer_.append(InputRecordKind::boundary, boundary, pieces_); !done)
    refused_.insert(refused_.end(), done.error().begin(), done.error().end());
}

void RecordingTransport::add_piece(const Part& part) {
  if (part.plain.empty()) return;
  pieces_.push_back(std::as_bytes(std::span(&part.header, 1)));
  pieces_.push_back(part.stored());
}

Result<void> RecordingTransport::end(Time now, std::string_view how) {
  const auto piece = std::as_bytes(std::span(how));
  if (auto done = writer_.append(InputRecordKind::end, now, std::span(&piece, 1)); !done) return done;
  return writer_.sync();
}

}  // namespace looptwin::twin

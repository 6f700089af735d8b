#include "twin/input_log/encoding.h"

#include <bit>
#include <cstring>

namespace looptwin::twin {
namespace {

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& out) : out_(out) {}

  /// Seven bits a byte, the low ones first; the eighth says that more follow.
  void number(uint64_t n) {
    for (; n >= 0x80; n >>= 7) out_.push_back(static_cast<std::byte>(n | 0x80));
    out_.push_back(static_cast<std::byte>(n));
  }
  /// Small in either direction is short.
  void whole(int64_t n) { number((static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63)); }
  void bits(uint64_t n) {
    const auto bytes = std::as_bytes(std::span(&n, 1));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void text(std::string_view text) {
    number(text.size());
    const auto bytes = std::as_bytes(std::span(text));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  template <typename T>
  void column(const std::vector<T>& values) {
    int64_t last = 0;
    for (const T value : values) {
      whole(static_cast<int64_t>(static_cast<uint64_t>(value) - static_cast<uint64_t>(last)));
      last = static_cast<int64_t>(value);
    }
  }

 private:
  std::vector<std::byte>& out_;
};

class Parser {
 public:
  explicit Parser(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t number() {
    uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) return ok_ = false, 0;
      const auto byte = static_cast<uint64_t>(bytes_.front());
      bytes_ = bytes_.subspan(1);
      n |= (byte & 0x7f) << shift;
      if (byte < 0x80) return n;
    }
    return ok_ = false, 0;
  }
  /// A number of things that take a byte at least.
  size_t count() {
    const uint64_t n = number();
    if (n > bytes_.size()) return ok_ = false, 0;
    return n;
  }
  int64_t whole() {
    const uint64_t n = number();
    return static_cast<int64_t>((n >> 1) ^ (~(n & 1) + 1));
  }
  uint64_t bits() {
    uint64_t n = 0;
    if (bytes_.size() < sizeof n) return ok_ = false, 0;
    std::memcpy(&n, bytes_.data(), sizeof n);
    bytes_ = bytes_.subspan(sizeof n);
    return n;
  }
  std::string text() {
    const size_t size = count();
    std::string text(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return text;
  }
  template <typename T>
  void column(std::vector<T>& values, size_t size) {
    values.resize(size);
    int64_t last = 0;
    for (T& value : values) {
      last = static_cast<int64_t>(static_cast<uint64_t>(last) + static_cast<uint64_t>(whole()));
      value = static_cast<T>(last);
    }
  }
  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

bool within(const Shard& shard, uint64_t row) { return row >= shard.first && row < shard.first + shard.rows; }

void decode(Parser& in, const Shard& shard, Frame& frame) {
  frame.table = shard.table;
  frame.forced.clear();
  frame.group = static_cast<uint16_t>(in.number());
  frame.without.resize(in.count());
  for (auto& field : frame.without) field = static_cast<uint16_t>(in.number());
  frame.value.resize(in.count());
  const size_t messages = in.count();
  in.column(frame.row, messages);
  in.column(frame.sequence, messages);
  in.column(frame.sampled_at, messages);
  in.column(frame.received_at, messages);
  // Of bytes that are none of ours the sum may be anything, but not undefined.
  for (size_t i = 0; i < messages; ++i)
    frame.received_at[i] = static_cast<int64_t>(static_cast<uint64_t>(frame.received_at[i]) +
                                                static_cast<uint64_t>(frame.sampled_at[i]));
  for (auto& values : frame.value) in.column(values, messages);
  for (const uint32_t row : frame.row)
    if (!within(shard, row)) in.fail();
}

/// Only where there are any: which of the frames that were written have forced fields, and which.
void encode_forced(const Inbox& inbox, Writer& to) {
  size_t forced = 0, frame_number = 0;
  for (const auto& frame : inbox.frames) forced += frame.size() > 0 && !frame.forced.empty();
  if (forced == 0) return;
  to.number(forced);
  for (const auto& frame : inbox.frames) {
    if (frame.size() == 0) continue;
    if (!frame.forced.empty()) {
      to.number(frame_number);
      to.number(frame.forced.size());
      for (const auto field : frame.forced) to.number(field);
    }
    ++frame_number;
  }
}

void decode_forced(Parser& in, Inbox& inbox) {
  for (size_t n = in.count(); n > 0 && in.ok(); --n) {
    const uint64_t frame_number = in.number();
    if (frame_number >= inbox.frames.size()) return in.fail();
    auto& forced = inbox.frames[frame_number].forced;
    forced.resize(in.count());
    for (auto& field : forced) field = static_cast<uint16_t>(in.number());
  }
}

}  // namespace

void encode(const Inbox& inbox, std::vector<std::byte>& out) {
  size_t frames = 0;
  for (const auto& frame : inbox.frames) frames += frame.size() > 0;
  if (frames + inbox.acknowledgements.size() + inbox.presence.size() == 0) return;
  Writer to(out);
  to.number(frames);
  for (const auto& frame : inbox.frames) {
    if (frame.size() == 0) continue;
    to.number(frame.group);
    to.number(frame.without.size());
    for (const auto field : frame.without) to.number(field);
    to.number(frame.value.size());
    to.number(frame.size());
    to.column(frame.row);
    to.column(frame.sequence);
    to.column(frame.sampled_at);
    int64_t last = 0;
    for (size_t i = 0; i < frame.size(); ++i) {
      const int64_t under_way = frame.received_at[i] - frame.sampled_at[i];
      to.whole(under_way - last);
      last = under_way;
    }
    for (const auto& values : frame.value) to.column(values);
  }
  to.number(inbox.acknowledgements.size());
  for (const auto& ack : inbox.acknowledgements) {
    to.bits(ack.id);
    to.number(ack.device.row.index());
    to.number(static_cast<uint64_t>(ack.outcome));
    to.whole(ack.applied_at.ns);
    to.whole(ack.received_at.ns);
  }
  to.number(inbox.presence.size());
  for (const auto& presence : inbox.presence) {
    to.number(presence.device.row.index());
    to.number(presence.online ? 1 : 0);
    to.whole(presence.at.ns);
  }
  encode_forced(inbox, to);
}

bool decode(std::span<const std::byte> bytes, const Shard& shard, Inbox& inbox) {
  Parser in(bytes);
  inbox.frames.resize(in.count());
  for (auto& frame : inbox.frames) decode(in, shard, frame);
  const auto device = [&](uint64_t row) {
    if (!within(shard, row)) in.fail();
    return DeviceRef{shard.table, Row(row)};
  };
  inbox.acknowledgements.resize(in.count());
  for (auto& ack : inbox.acknowledgements) {
    ack.id = in.bits();
    ack.device = device(in.number());
    ack.outcome = static_cast<Outcome>(in.number());
    ack.applied_at = {in.whole()};
    ack.received_at = {in.whole()};
    if (ack.outcome > Outcome::withheld) in.fail();
  }
  inbox.presence.resize(in.count());
  for (auto& presence : inbox.presence) {
    presence.device = device(in.number());
    presence.online = in.number() == 1;
    presence.at = {in.whole()};
  }
  if (in.ok() && !in.at_end()) decode_forced(in, inbox);
  return in.at_end();
}

void encode(std::span<const OperatorAction> actions, std::vector<std::byte>& out) {
  Writer to(out);
  to.number(actions.size());
  for (const auto& action : actions) {
    to.whole(action.at.ns);
    to.number(static_cast<uint64_t>(action.verb));
    to.number(static_cast<uint64_t>(action.of));
    to.number(action.subject);
    to.number(action.device.table.index());
    to.number(action.device.row.index());
    to.bits(std::bit_cast<uint64_t>(action.value));
    to.whole(action.duration.ns);
    to.number(action.by);
    to.text(action.comment);
  }
}

bool decode(std::span<const std::byte> bytes, std::vector<OperatorAction>& actions) {
  Parser in(bytes);
  for (size_t n = in.count(); n > 0 && in.ok(); --n) {
    OperatorAction action;
    action.at = {in.whole()};
    action.verb = static_cast<OperatorVerb>(in.number());
    action.of = static_cast<OperatorSubject>(in.number());
    action.subject = static_cast<uint16_t>(in.number());
    const uint64_t table = in.number();
    action.device = {TableId(table), Row(in.number())};
    action.value = std::bit_cast<double>(in.bits());
    action.duration = {in.whole()};
    action.by = static_cast<uint16_t>(in.number());
    action.comment = in.text();
    actions.push_back(std::move(action));
  }
  return in.at_end();
}

void encode(std::span<const Notice> notices, std::vector<std::byte>& out) {
  Writer to(out);
  to.number(notices.size());
  for (const auto& notice : notices) {
    to.number(static_cast<uint64_t>(notice.kind));
    to.number(notice.about.table.index());
    to.number(notice.about.row.index());
    to.bits(std::bit_cast<uint64_t>(notice.value));
    to.whole(notice.at.ns);
  }
}

bool decode(std::span<const std::byte> bytes, std::vector<Notice>& notices) {
  Parser in(bytes);
  for (size_t n = in.count(); n > 0 && in.ok(); --n) {
    const uint64_t kind = in.number(), table = in.number(), row = in.number();
    if (kind > static_cast<uint64_t>(Notice::Kind::away)) in.fail();
    const double value = std::bit_cast<double>(in.bits());
    notices.push_back({static_cast<Notice::Kind>(kind), {TableId(table), Row(row)}, value, Time{in.whole()}});
  }
  return in.at_end();
}

}  // namespace looptwin::twin

// The input log: what a boundary's inbox is as bytes, and what becomes of a file that tears, is cut or flips.
#include <catch2/catch.hpp>

#include "base/random.h"
#include "tests/twin/allocations.h"
#include "tests/twin/warm_support.h"
#include "twin/input_log/encoding.h"
#include "twin/input_log/recording_transport.h"

using namespace looptwin;
using namespace looptwin::twin;
using looptwin::twin::warm_test::Scratch;

namespace {

bool same(const Frame& a, const Frame& b) {
  return a.table == b.table && a.group == b.group && a.row == b.row && a.sequence == b.sequence &&
         a.sampled_at == b.sampled_at && a.received_at == b.received_at && a.value == b.value &&
         a.without == b.without && a.forced == b.forced;
}

bool same(const Inbox& a, const Inbox& b) {
  return a.frames.size() == b.frames.size() && a.acknowledgements.size() == b.acknowledgements.size() &&
         a.presence.size() == b.presence.size() &&
         std::equal(a.frames.begin(), a.frames.end(), b.frames.begin(),
                    [](const auto& x, const auto& y) { return same(x, y); }) &&
         std::equal(a.acknowledgements.begin(), a.acknowledgements.end(), b.acknowledgements.begin(),
                    [](const auto& x, const auto& y) {
                      return x.id == y.id && x.device == y.device && x.outcome == y.outcome &&
                             x.applied_at == y.applied_at && x.received_at == y.received_at;
                    }) &&
         std::equal(a.presence.begin(), a.presence.end(), b.presence.begin(),
                    [](const auto& x, const auto& y) {
                      return x.device == y.device && x.online == y.online && x.at == y.at;
                    });
}

const Shard kShard{TableId(3), 8192, 500};

/// Anything that a shard may take in: full ranges, extreme values, frames about some fields only.
Inbox drawn_inbox(uint64_t seed) {
  uint64_t drawn = 0;
  const auto stream = random::stream(seed, "inbox");
  const auto draw = [&](uint64_t below) { return random::bits(stream, seed, drawn++) % below; };
  Inbox inbox;
  for (uint64_t f = draw(4); f > 0; --f) {
    Frame frame{.table = kShard.table, .group = static_cast<uint16_t>(draw(3))};
    frame.value.resize(1 + draw(3));
    if (draw(2) == 1) frame.without.push_back(0);
    for (uint64_t n = draw(3); n > 0; --n) frame.forced.push_back(static_cast<uint16_t>(draw(1000)));
    for (uint64_t m = 1 + draw(50); m > 0; --m) {
      frame.row.push_back(static_cast<uint32_t>(kShard.first + draw(kShard.rows)));
      frame.sequence.push_back(static_cast<uint32_t>(draw(1ull << 32)));
      frame.sampled_at.push_back(static_cast<int64_t>(random::bits(stream, seed, drawn++)));
      frame.received_at.push_back(frame.sampled_at.back() / 2 + static_cast<int64_t>(draw(1000)));
      for (auto& values : frame.value)
        values.push_back(draw(4) == 0 ? kMissing : static_cast<int32_t>(draw(1ull << 32)));
    }
    inbox.frames.push_back(std::move(frame));
  }
  const auto device = [&] { return DeviceRef{kShard.table, Row(kShard.first + draw(kShard.rows))}; };
  for (uint64_t n = draw(4); n > 0; --n)
    inbox.acknowledgements.push_back(
        {random::bits(stream, seed, drawn++), device(), static_cast<Outcome>(draw(5)),
         Time{static_cast<int64_t>(draw(1ull << 60))}, Time{-static_cast<int64_t>(draw(1ull << 60))}});
  for (uint64_t n = draw(4); n > 0; --n)
    inbox.presence.push_back({device(), draw(2) == 1, Time{static_cast<int64_t>(draw(1ull << 60))}});
  return inbox;
}

InputLogStart small_start() {
  return {"example", kStart, {{"home", 3, {{"temperature", "power"}}}}, {"most"}, {"overload"}, {"anna"}};
}

/// A world with one inbox and one action, the same at each boundary.
class OneInbox final : public Transport {
 public:
  Inbox inbox;
  std::vector<OperatorAction> actions;
  std::vector<Notice> notices;
  void begin(Time) override {}
  void poll_notices(Time, std::vector<Notice>& to) override {
    to.insert(to.end(), notices.begin(), notices.end());
  }
  void poll(size_t shard, Time, Inbox& to) override {
    if (shard == 0) to = inbox;
  }
  void poll_people(Time, std::vector<OperatorAction>& to) override {
    to.insert(to.end(), actions.begin(), actions.end());
  }
  void send(Time, std::span<const Command>) override {}
  void set_out(size_t, Time) override {}
};

template <typename T>
T good(Result<T> result) {
  INFO((result ? std::string() : render(result.error())));
  REQUIRE(result.has_value());
  return std::move(*result);
}

void cycle(RecordingTransport& transport, Time boundary) {
  Inbox inbox;
  std::vector<OperatorAction> actions;
  std::vector<Notice> notices;
  transport.begin(boundary);
  transport.poll_notices(boundary, notices);
  for (size_t shard = 0; shard < 2; ++shard) {
    inbox.clear();
    transport.poll(shard, boundary, inbox);
  }
  transport.poll_people(boundary, actions);
}

std::vector<Time> boundaries_of(InputLogReader& log) {
  std::vector<Time> all;
  std::vector<InputPart> parts;
  size_t count = 0;
  for (Time boundary; log.next(boundary, parts, count);) all.push_back(boundary);
  return all;
}

/// The world of the page's worked example.
OneInbox example_world() {
  OneInbox world;
  Frame frame{.table = TableId(0), .group = 0};
  frame.row = {0, 1};
  frame.sequence = {1, 1};
  frame.sampled_at = {500'000'000, 600'000'000};
  frame.received_at = {510'000'000, 610'000'000};
  frame.value = {{215, 220}, {130, kMissing}};
  world.inbox.frames = {frame};
  world.inbox.presence = {{{TableId(0), Row(2)}, true, Time{0}}};
  OperatorAction action;
  action.at = Time{900'000'000};
  action.device = {TableId(1), Row(0)};
  action.value = 40000;
  world.actions = {action};
  return world;
}

void write_example(const std::filesystem::path& path) {
  OneInbox world = example_world();
  RecordingTransport transport(world, good(InputLogWriter::create(path, small_start())), 2);
  cycle(transport, Time{seconds(1).ns});
  world.inbox = {};
  world.actions.clear();
  cycle(transport, Time{seconds(2).ns});
  REQUIRE(transport.end(Time{seconds(2).ns}, "reached_end").has_value());
}

}  // namespace

TEST_CASE("input log: an inbox comes back as it was, whatever is in it") {
  Inbox back;
  std::vector<std::byte> bytes;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto inbox = drawn_inbox(seed);
    bytes.clear();
    encode(inbox, bytes);
    back.clear();
    if (bytes.empty()) {
      CHECK(inbox.frames.size() + inbox.acknowledgements.size() + inbox.presence.size() == 0);
      continue;
    }
    REQUIRE(decode(bytes, kShard, back));
    REQUIRE(same(inbox, back));
    // A part is no whole, and what is of another shard is refused. What only says which fields are forced may
    // be missing as a whole.
    const bool forced = std::any_of(inbox.frames.begin(), inbox.frames.end(),
                                    [](const auto& frame) { return !frame.forced.empty(); });
    CHECK_FALSE(decode(std::span(bytes).first(bytes.size() - 1), kShard, back));
    if (forced) {
      Inbox plain = inbox;
      for (auto& frame : plain.frames) frame.forced.clear();
      std::vector<std::byte> shorter;
      encode(plain, shorter);
      CHECK(shorter.size() < bytes.size());
      CHECK(std::equal(shorter.begin(), shorter.end(), bytes.begin()));
    }
    CHECK_FALSE(decode(bytes, Shard{kShard.table, 0, 1}, back));
  }
}

TEST_CASE("input log: what was noticed is written before what it acts on, and comes back") {
  const Scratch scratch;
  const auto path = scratch / "inputs.log";
  OneInbox world = example_world();
  world.notices = {{Notice::Kind::lateness, {TableId(1), Row(0)}, 0.0125, Time{1}},
                   {Notice::Kind::violations, {TableId(0), Row(2)}, 17, Time{-2}},
                   {Notice::Kind::diverging, {TableId(0), Row(1)}, 1, Time{3}},
                   {Notice::Kind::away, {TableId(1), Row(0)}, 0.5, Time{4}}};
  {
    RecordingTransport transport(world, good(InputLogWriter::create(path, small_start())), 2);
    cycle(transport, Time{seconds(1).ns});
    world.notices.clear();
    cycle(transport, Time{seconds(2).ns});
  }
  auto log = good(InputLogReader::open(path));
  std::vector<InputPart> parts;
  size_t count = 0;
  Time boundary;
  REQUIRE(log.next(boundary, parts, count));
  REQUIRE(count == 3);
  REQUIRE(parts[0].shard == InputPart::kNotices);
  std::vector<Notice> notices;
  REQUIRE(decode(parts[0].bytes, notices));
  REQUIRE(notices.size() == 4);
  CHECK(notices[0].value == 0.0125);
  CHECK(notices[1].about == DeviceRef{TableId(0), Row(2)});
  CHECK(notices[1].at == Time{-2});
  CHECK(notices[2].kind == Notice::Kind::diverging);
  CHECK(notices[3].kind == Notice::Kind::away);
  CHECK_FALSE(decode(std::span(parts[0].bytes).first(parts[0].bytes.size() - 1), notices));
  REQUIRE(log.next(boundary, parts, count));
  CHECK(count == 2);  // where nothing was noticed there is no part for it
}

TEST_CASE("input log: bytes that are none of ours are refused, and never read beyond") {
  Inbox back;
  std::vector<OperatorAction> actions;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<std::byte> bytes;
    encode(drawn_inbox(seed), bytes);
    for (uint64_t flip = 0; flip < 20 && !bytes.empty(); ++flip) {
      auto other = bytes;
      const auto bits = random::bits(random::stream(seed, "flip"), flip, 0);
      other[bits % other.size()] ^= static_cast<std::byte>(1 + (bits >> 32) % 255);
      (void)decode(other, kShard, back);
      (void)decode(other, actions);
    }
  }
  SUCCEED("nothing was read beyond the end");
}

TEST_CASE("input log: people's actions come back as they were") {
  OperatorAction a;
  a.at = Time{5};
  a.verb = OperatorVerb::shelve;
  a.of = OperatorSubject::alarm;
  a.subject = 7;
  a.device = {TableId(2), Row(9)};
  a.value = -0.1;
  a.duration = hours(1);
  a.by = 3;
  a.comment = "wird geprüft";
  std::vector<std::byte> bytes;
  encode(std::span(&a, 1), bytes);
  std::vector<OperatorAction> back;
  REQUIRE(decode(bytes, back));
  REQUIRE(back.size() == 1);
  CHECK(back[0].at == a.at);
  CHECK(back[0].verb == a.verb);
  CHECK(back[0].of == a.of);
  CHECK(back[0].subject == a.subject);
  CHECK(back[0].device == a.device);
  CHECK(back[0].value == a.value);
  CHECK(back[0].duration == a.duration);
  CHECK(back[0].by == a.by);
  CHECK(back[0].comment == a.comment);
}

TEST_CASE("input log: a torn or changed tail is dropped, all before it is kept") {
  Scratch scratch;
  const auto path = scratch / "inputs.log";
  OneInbox world = example_world();
  std::vector<uint64_t> ends;
  {
    RecordingTransport transport(world, good(InputLogWriter::create(path, small_start())), 2);
    ends.push_back(transport.bytes());
    for (int64_t s = 1; s <= 5; ++s) {
      cycle(transport, Time{seconds(s).ns});
      ends.push_back(transport.bytes());
    }
  }
  const auto whole = good(read_whole_file(path));
  REQUIRE(whole.size() == ends.back());
  for (size_t size = ends[0]; size <= whole.size(); ++size) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    auto log = good(InputLogReader::open(path));
    const auto kept =
        static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), size) - ends.begin() - 1);
    REQUIRE(boundaries_of(log).size() == kept);
    CHECK(log.damage().empty() == (ends[kept] == size));
    CHECK(log.ended().empty());
  }
  auto flipped = whole;
  flipped[ends[2] + 40] ^= 1;
  std::ofstream(path, std::ios::binary) << flipped;
  auto log = good(InputLogReader::open(path));
  CHECK(boundaries_of(log).size() == 2);
  CHECK(log.damage().find("a record's checksum is wrong at byte " + std::to_string(ends[2])) !=
        std::string::npos);
  std::ofstream(path, std::ios::binary) << whole.substr(0, 20);
  CHECK_FALSE(InputLogReader::open(path).has_value());
}

TEST_CASE("input log: a boundary like those before allocates nothing") {
  Scratch scratch;
  OneInbox world;
  Frame frame{.table = TableId(0), .group = 0};
  frame.value.resize(2);
  for (uint32_t m = 0; m < 500; ++m) {
    frame.row.push_back(m);
    frame.sequence.push_back(m % 7);
    frame.sampled_at.push_back(m * 1'000'000);
    frame.received_at.push_back(m * 1'000'000 + m * m % 1013);
    for (auto& values : frame.value) values.push_back(static_cast<int32_t>(m * m * m % 977));
  }
  world.inbox.frames = {frame};
  RecordingTransport transport(world, good(InputLogWriter::create(scratch / "inputs.log", small_start())), 2);
  Inbox inbox;
  std::vector<OperatorAction> actions;
  uint64_t spent = 0;
  for (int64_t s = 1; s <= 20; ++s) {
    const uint64_t before = allocations();
    transport.begin(Time{seconds(s).ns});
    transport.poll(0, Time{seconds(s).ns}, inbox);
    transport.poll_people(Time{seconds(s).ns}, actions);
    if (s > 5) spent += allocations() - before;
  }
  CHECK(spent == 0);
  CHECK(transport.bytes() > 20 * 500);
}

TEST_CASE("input log: it goes on after any boundary that it holds, and after no other") {
  Scratch scratch;
  const auto path = scratch / "inputs.log";
  write_example(path);
  const auto whole = good(read_whole_file(path));
  OneInbox world;
  {
    RecordingTransport transport(world, good(InputLogWriter::resume(path, Time{seconds(1).ns})), 2);
    cycle(transport, Time{seconds(2).ns});
    REQUIRE(transport.end(Time{seconds(2).ns}, "reached_end").has_value());
  }
  CHECK(good(read_whole_file(path)) == whole);
  CHECK_FALSE(InputLogWriter::resume(path, Time{seconds(3).ns}).has_value());
  CHECK_FALSE(InputLogWriter::resume(path, Time{milliseconds(1500).ns}).has_value());
  (void)good(InputLogWriter::resume(path, kStart));
  auto log = good(InputLogReader::open(path));
  CHECK(boundaries_of(log).empty());
}

TEST_CASE("input log: its first record says what indices count, its last how the run ended") {
  Scratch scratch;
  write_example(scratch / "inputs.log");
  auto log = good(InputLogReader::open(scratch / "inputs.log"));
  CHECK(log.start().tables == small_start().tables);
  CHECK(log.start().alarms == std::vector<std::string>{"overload"});
  CHECK(boundaries_of(log) == std::vector<Time>{Time{seconds(1).ns}, Time{seconds(2).ns}});
  CHECK(log.ended() == "reached_end");
  CHECK(log.damage().empty());
}

TEST_CASE("input log: the worked example in docs/formats/input-log.md is what is written") {
  Scratch scratch;
  write_example(scratch / "inputs.log");
  const auto bytes = good(read_whole_file(scratch / "inputs.log"));
  const auto page = good(read_whole_file(LT_SOURCE_DIR "/docs/formats/input-log.md"));
  std::string missing;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    char text[8 + 2 + 16 * 3 + 1];
    int end = std::snprintf(text, sizeof text, "%08zx:", at);
    for (size_t i = at; i < std::min(at + 16, bytes.size()); ++i)
      end += std::snprintf(text + end, sizeof text - static_cast<size_t>(end), " %02x",
                           static_cast<unsigned char>(bytes[i]));
    if (page.find(std::string(text) + "\n") == std::string::npos &&
        page.find(std::string(text) + "  ") == std::string::npos)
      missing += std::string(text) + "\n";
  }
  INFO(missing);
  CHECK(missing.empty());
}

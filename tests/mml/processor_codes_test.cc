// The stream processor and fields of words, and of true and false: a code that stands for nothing gets no
// further.
#include <catch2/catch.hpp>

#include "mml/processor.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

twin::Registry gates(lang::Schema& schema, twin::Tables& tables) {
  twin::ModelConfig gate;
  gate.name = "gate";
  gate.telemetry = {{.name = "open", .boolean = true}, {.name = "mode", .words = {"idle", "up", "down"}}};
  for (auto& field : gate.telemetry) field.every = seconds(10), field.stale_after = seconds(30);
  const std::vector<twin::ModelConfig> models = {gate};
  const std::vector<twin::FleetConfig> fleet = {{.model = "gate", .count = 1, .id = "gate"}};
  auto built = twin::Registry::build(models, fleet, 1, schema, tables);
  REQUIRE(built);
  return std::move(*built);
}

}  // namespace

TEST_CASE("processor: a code beyond a field's words, or beyond true and false, is out of range") {
  lang::Schema schema;
  twin::Tables tables(schema);
  const auto registry = gates(schema, tables);
  tables.allocate_added();
  twin::HotHistory hot(registry, schema, tables, {});
  twin::Rollups rollups(registry, {}, UnixTime{0});
  Processor processor(schema, registry, tables, hot, rollups, nullptr);
  Dirty dirty(tables, schema.tables.size());
  processor.bind();
  const TableId table(0);
  const auto& fields = registry.model(table).fields;

  struct Case {
    int32_t open, mode;
    twin::Quality open_is, mode_is;
    int open_value, mode_value;
  };
  constexpr auto kGood = twin::Quality::good, kOutside = twin::Quality::out_of_range;
  uint32_t sequence = 0;
  // 2 is an unknown truth, 255 an unknown word. 256 and 259 would be good ones again in eight bits.
  for (const Case& c : {Case{1, 2, kGood, kGood, 1, 2}, Case{2, 3, kOutside, kOutside, 2, 255},
                        Case{0, 0, kGood, kGood, 0, 0}, Case{-1, -1, kOutside, kOutside, 2, 255},
                        Case{256, 256, kOutside, kOutside, 2, 255}, Case{0, 255, kGood, kOutside, 0, 255},
                        Case{twin::kMissing, 1, twin::Quality::missing, kGood, 2, 1}}) {
    const Time now = kStart + seconds(10 * ++sequence);
    twin::Inbox inbox;
    twin::Frame frame;
    frame.table = table;
    frame.reserve(1, 2);
    frame.row = {0};
    frame.sequence = {sequence};
    frame.sampled_at = {now.ns};
    frame.received_at = {now.ns};
    frame.value = {{c.open}, {c.mode}};
    inbox.frames.push_back(std::move(frame));
    processor.take_in(0, inbox, now, dirty);
    dirty.clear();
    const auto code = [&](size_t f) { return tables.values<uint8_t>(table, fields[f].value)[0]; };
    const auto quality = [&](size_t f) {
      return static_cast<twin::Quality>(tables.values<uint8_t>(table, fields[f].quality)[0]);
    };
    INFO("open " << c.open << ", mode " << c.mode);
    CHECK(quality(0) == c.open_is);
    CHECK(quality(1) == c.mode_is);
    CHECK(code(0) == c.open_value);
    CHECK(code(1) == c.mode_value);
  }
}

// The devices' side of the plain convention: what simulated devices say, as topics and payloads.
#include "hil/conventions/plain.h"
#include "tests/hil/fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

struct Plug : Fleet {
  std::unique_ptr<DeviceSide> side;

  explicit Plug(Mapping mapping)
      : Fleet(model(), {"hall/plug-1"}),
        side(make_plain_devices({registry, {{TableId(size_t{0}), std::move(mapping)}}, UnixTime{}})) {}
  static twin::ModelConfig model() {
    twin::ModelConfig plug;
    plug.name = "plug";
    plug.telemetry = {{.name = "power", .every = seconds(1), .resolution = 0.1},
                      {.name = "mode", .words = {"idle", "busy"}, .every = seconds(1)}};
    plug.commands = {{.name = "stop"}};
    return plug;
  }
};

const auto kPlug = Fleet::device(0);

}  // namespace

TEST_CASE("plain devices: where each field has a topic, each is a message of its own") {
  Mapping mapping;
  mapping.telemetry = known_topic("s/{device}/{field}");
  const Plug plug(mapping);
  std::vector<Outgoing> out;
  plug.side->telemetry(kPlug, {{{0, 3}, {1, 1}}, 5.0, 9}, out);
  REQUIRE(out.size() == 2);
  CHECK(out[0].topic == "s/hall/plug-1/power");
  CHECK(out[0].payload == "0.3");
  CHECK(out[1].payload == "busy");
  CHECK_FALSE(out[1].retain);
  out.clear();
  plug.side->presence(kPlug, true, kStart, out);
  plug.side->answer({.id = 1, .device = kPlug}, out);
  CHECK(out.empty());  // the mapping has no topics for them
}

TEST_CASE("plain devices: presence is retained, in the words of the mapping, and others' are heard") {
  Mapping mapping;
  mapping.presence = known_topic("tele/{device}/LWT");
  mapping.online = "Online";
  const Plug plug(mapping);
  std::vector<Outgoing> out;
  plug.side->presence(kPlug, true, kStart, out);
  plug.side->presence(kPlug, false, kStart, out);
  REQUIRE(out.size() == 2);
  CHECK(out[0].topic == "tele/hall/plug-1/LWT");
  CHECK(out[0].payload == "Online");
  CHECK(out[1].payload == "offline");
  CHECK(out[0].retain);
  CHECK(plug.side->said_gone({out[1].topic, "offline", false, {}, {}}) == kPlug);
  CHECK_FALSE(plug.side->said_gone({out[1].topic, "Online", false, {}, {}}).has_value());
}

TEST_CASE("plain devices: what is asked of one is read, with the device that its topic names") {
  const Plug plug(plain_mapping("plug"));
  std::vector<HeardAsked> asked;
  std::vector<Outgoing> out;
  const auto ask = [&](const std::string& where, const std::string& payload) {
    return plug.side->take({where, payload, false, {}, {}}, asked);
  };
  CHECK(ask("looptwin/hall/plug-1/command", R"({"id": "7", "command": "stop"})"));
  CHECK(ask("looptwin/hall/plug-1/command", "stop"));
  CHECK_FALSE(ask("looptwin/hall/plug-9/command", R"({"id": "7", "command": "stop"})"));
  REQUIRE(asked.size() == 2);
  CHECK(asked[0]->command.device == kPlug);
  CHECK(asked[0]->command.id == 7);
  CHECK(asked[1].error() == PayloadProblem::malformed);
}

TEST_CASE("plain devices: one that calls itself otherwise is known by its name alone, on both sides") {
  auto mapping = plain_mapping("plug");
  mapping.names = {{"hall/plug-1", "bench-7"}};
  const Plug plug(mapping);
  std::vector<Outgoing> out;
  plug.side->presence(kPlug, true, kStart, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].topic == "looptwin/bench-7/presence");
  std::vector<HeardAsked> asked;
  const std::string stop = R"({"id": "7", "command": "stop"})";
  CHECK(plug.side->take({"looptwin/bench-7/command", stop, false, {}, {}}, asked));
  CHECK_FALSE(plug.side->take({"looptwin/hall/plug-1/command", stop, false, {}, {}}, asked));
  REQUIRE(asked.size() == 1);
  CHECK(asked[0]->command.device == kPlug);

  const auto loop = make_plain({plug.registry, {{TableId(size_t{0}), mapping}}, UnixTime{}});
  std::vector<Heard> heard;
  CHECK(loop->take({"looptwin/bench-7/presence", "online", false, {}, {}}, kStart, heard));
  CHECK_FALSE(loop->take({"looptwin/hall/plug-1/presence", "online", false, {}, {}}, kStart, heard));
  REQUIRE(heard.size() == 1);
  CHECK(std::get<HeardPresence>(heard[0]).device == kPlug);
  const auto filters = loop->filters();
  CHECK(std::find(filters.begin(), filters.end(), "looptwin/+/presence") != filters.end());
  out.clear();
  CHECK(loop->tell({.id = 1, .device = kPlug, .kind = twin::Command::Kind::command, .expires = kNever}, out));
  REQUIRE(out.size() == 1);
  CHECK(out[0].topic == "looptwin/bench-7/command");
}

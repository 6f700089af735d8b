// Devices of clouds: AWS IoT's shadow and Azure IoT Hub's twin, whose documents the loop keeps.
#include "tests/hil/convention_fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

struct Rooms : ConventionFleet {
  explicit Rooms(const char* convention)
      : ConventionFleet(room(), {"room-1", "room-2"}, mapping(convention)) {}
  static twin::ModelConfig room() {
    twin::ModelConfig model;
    model.name = "room";
    model.telemetry = {{.name = "air", .every = seconds(1), .resolution = 0.1},
                       {.name = "open", .boolean = true, .every = seconds(1)}};
    model.setpoints = {{.name = "heat"}};
    model.commands = {{.name = "reset", .expires = seconds(60)}};
    return model;
  }
  static Mapping mapping(const char* convention) {
    Mapping m;
    m.model = "room";
    m.convention = convention;
    m.fields = {{.name = "open", .at = "/window/open"}};
    return m;
  }
  static twin::Command heat(uint64_t id, double value, int64_t expires = 60) {
    return {.id = id, .device = device(0), .value = value, .expires = kStart + seconds(expires)};
  }
  static twin::Command reset(uint64_t id) {
    return {
        .id = id, .device = device(0), .kind = twin::Command::Kind::command, .expires = kStart + seconds(60)};
  }
  /// What is published in return, without what nobody waits for: topic, payload.
  std::string published(Duration at = seconds(1)) {
    std::string text;
    for (const auto& message : step(at))
      if (message.topic.find("documents") == std::string::npos)
        text += (text.empty() ? "" : "\n") +
                message.topic.substr(message.topic.find(device_base) + device_base.size()) + " " +
                message.payload;
    return text;
  }
  std::string device_base = "room-1/";
};

const std::string kShadow = "$aws/things/room-1/shadow/";
const std::string kHub = "azure/room-1/$iothub/";

}  // namespace

TEST_CASE("aws: what is reported is heard, merged, given a version and answered with its token") {
  Rooms rooms("aws-shadow");
  CHECK(rooms.take(kShadow + "update",
                   R"({"state":{"reported":{"air":21.5,"window":{"open":true}}},"clientToken":"a-1"})") ==
        "room-1 air=215 open=1");
  CHECK(
      rooms.published() ==
      R"(shadow/update/accepted {"clientToken":"a-1","state":{"reported":{"air":21.5,"window":{"open":true}}},"timestamp":1700000000,"version":1})");
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"window":null}},"version":9})").empty());
  CHECK(rooms.published() ==
        R"(shadow/update/rejected {"code":409,"message":"Version conflict","timestamp":1700000000})");
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"window":null}},"version":1})") == "room-1");
  rooms.published();
  CHECK(rooms.take(kShadow + "get", "") == "room-1");
  CHECK(
      rooms.published() ==
      R"(shadow/get/accepted {"state":{"desired":{},"reported":{"air":21.5}},"timestamp":1700000000,"version":2})");
  for (const auto* hostile : {"", "{", "[]", R"({"state":1})"}) {
    CHECK(rooms.take(kShadow + "update", hostile) == "malformed");
    CHECK(rooms.published().starts_with("shadow/update/rejected"));
  }
  CHECK(
      rooms.take(kShadow + "update", R"({"state":{"reported":{"x":")" + std::string(40'000, 'x') + R"("}}})")
          .empty());
  CHECK(rooms.published().find(R"("code":413)") != std::string::npos);
  CHECK(rooms.take("$aws/things/room-9/shadow/update", "{}") == "none");
}

TEST_CASE(
    "aws: a setpoint is desired, the delta has only what differs, and what is then reported is the answer") {
  Rooms rooms("aws-shadow");
  CHECK(rooms.tell(Rooms::heat(7, 22))
            .find(R"(shadow/update/delta {"state":{"heat":22.0},"timestamp":1700000000,"version":1})") !=
        std::string::npos);
  CHECK(rooms.take(kShadow + "get", R"({"clientToken":"b"})") == "room-1");
  CHECK(rooms.published().find(R"("delta":{"heat":22.0})") != std::string::npos);
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"heat":20}}})") == "room-1");
  CHECK(rooms.published().find("update/delta") != std::string::npos);
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"heat":22}}})") == "room-1, answer 7");
  CHECK(rooms.published().find("update/delta") == std::string::npos);
  // A command is a wish that is fulfilled by its id.
  CHECK(rooms.tell(Rooms::reset(0xab)).find(R"({"reset":"00000000000000ab"})") != std::string::npos);
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"reset":"00000000000000aa"}}})") == "room-1");
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"reset":"00000000000000ab"}}})") ==
        "room-1, answer 171");
}

TEST_CASE("aws: a wish whose time is over is not found by a device that comes later") {
  Rooms rooms("aws-shadow");
  rooms.tell(Rooms::heat(7, 22, 30));
  rooms.published(seconds(31));
  rooms.take(kShadow + "get", "");
  CHECK(rooms.published(seconds(32)).find("22") == std::string::npos);
  CHECK(rooms.take(kShadow + "update", R"({"state":{"reported":{"heat":22}}})") == "room-1");
}

TEST_CASE("azure: twins are read and patched, and properties are acknowledged by their code") {
  Rooms rooms("azure-twin");
  CHECK(rooms.take(kHub + "twin/GET/?$rid=1", "") == "room-1");
  CHECK(rooms.published() ==
        R"($iothub/twin/res/200/?$rid=1 {"desired":{"$version":0},"reported":{"$version":0}})");
  CHECK(rooms.take(kHub + "twin/PATCH/properties/reported/?$rid=2",
                   R"({"air":21.5,"window":{"open":false}})") == "room-1 air=215 open=0");
  CHECK(rooms.published() == "$iothub/twin/res/204/?$rid=2&$version=1 ");
  CHECK(rooms.take("azure/room-1/devices/room-1/messages/events/", R"({"air":22})") == "room-1 air=220");
  CHECK(rooms.tell(Rooms::heat(7, 22)) ==
        R"(azure/room-1/$iothub/twin/PATCH/properties/desired/?$version=1 {"$version":1,"heat":22.0})");
  const auto reported = kHub + "twin/PATCH/properties/reported/?$rid=3";
  CHECK(rooms.take(reported, R"({"heat":{"value":20,"ac":202,"av":1}})") == "room-1");
  CHECK(rooms.take(reported, R"({"heat":{"value":22,"ac":200,"av":1}})") == "room-1, answer 7");
  rooms.tell(Rooms::heat(8, 90));
  CHECK(rooms.take(reported, R"({"heat":{"value":22,"ac":400,"av":1,"ad":"of the one before"}})") ==
        "room-1");
  CHECK(rooms.take(reported, R"({"heat":{"value":22,"ac":400,"av":2,"ad":"too hot"}})") ==
        "answer 8 refused, room-1");
  CHECK(rooms.take(reported, "[1]") == "malformed");
  CHECK(rooms.take("azure/room-9/$iothub/twin/GET/?$rid=1", "") == "none");
}

TEST_CASE("azure: a command is a direct method, and its status the answer") {
  Rooms rooms("azure-twin");
  CHECK(rooms.tell(Rooms::reset(0xab)) == "azure/room-1/$iothub/methods/POST/reset/?$rid=ab {}");
  CHECK(rooms.tell(Rooms::reset(0xab)).empty());
  CHECK(rooms.take(kHub + "methods/res/200/?$rid=ab", "{}") == "answer 171");
  CHECK(rooms.take(kHub + "methods/res/404/?$rid=ac", "{}") == "answer 172 refused");
  for (const auto* bad : {"methods/res/ok/?$rid=ab", "methods/res/200/?$rid=x", "methods/res/200/"})
    CHECK(rooms.take(kHub + bad, "") == "malformed");
}

TEST_CASE("aws: what is only written is not desired") {
  Rooms rooms("aws-shadow");
  std::vector<Outgoing> written;
  CHECK(rooms.loop->write(Rooms::heat(7, 22), written));
  REQUIRE(written.size() == 1);
  CHECK(written[0].payload == R"({"state":{"heat":22.0},"version":1})");
  rooms.take(kShadow + "get", "");
  CHECK(rooms.published().find("22") == std::string::npos);
}

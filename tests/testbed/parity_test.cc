// Real devices beside their models: what is compared with what.
#include "testbed/rig/parity.h"

#include <catch2/catch.hpp>

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

struct Pumps {
  lang::Schema schema;
  twin::Tables tables{schema};
  twin::Registry registry;
  std::unique_ptr<Parity> parity;

  Pumps() {
    twin::ModelConfig pump;
    pump.name = "pump";
    pump.telemetry = {{.name = "level", .every = seconds(1), .resolution = 0.01},
                      {.name = "running", .boolean = true, .every = seconds(1)}};
    twin::FleetConfig fleet;
    fleet.model = "pump";
    fleet.ids = {"pump-1"};
    fleet.count = 1;
    auto built = twin::Registry::build({{pump}}, {{fleet}}, 1, schema, tables);
    REQUIRE(built.has_value());
    registry = std::move(*built);
    parity = std::make_unique<Parity>(registry, Parity::Tolerances{{0.1, 0.0}});
  }
  static twin::Frame sample(int64_t at_ms, double level, bool running) {
    twin::Frame frame;
    frame.table = TableId(size_t{0});
    frame.row = {0};
    frame.sequence = {1};
    frame.sampled_at = {milliseconds(at_ms).ns};
    frame.received_at = frame.sampled_at;
    frame.value = {{static_cast<int32_t>(level * 100)}, {running ? 1 : 0}};
    return frame;
  }
  void real(int64_t at_ms, double level, bool running = false) {
    parity->real(sample(at_ms, level, running), 0);
  }
  void model(int64_t at_ms, double level, bool running = false) {
    parity->model(sample(at_ms, level, running), 0);
  }
};

}  // namespace

TEST_CASE("parity: a real sample waits for the model, and is compared with its line between two samples") {
  Pumps pumps;
  pumps.model(0, 1);
  pumps.real(250, 1.2);
  CHECK(pumps.parity->total().samples == 0);
  pumps.model(1000, 2);  // at 250 ms it was at 1.25
  const auto total = pumps.parity->total();
  CHECK(total.devices == 1);
  CHECK(total.samples == 2);  // level and running
  CHECK(total.within == 2);
  const auto json = pumps.parity->json();
  CHECK(json.find("\"worst\": -0.05") != std::string::npos);
  CHECK(json.find("\"worst_at_s\": 0.25") != std::string::npos);
}

TEST_CASE("parity: what is truth is as the model last said it, and differs or does not") {
  Pumps pumps;
  pumps.model(0, 1, false);
  pumps.real(900, 1, true);
  pumps.model(1000, 1, true);
  CHECK(pumps.parity->total().within == 1);
}

TEST_CASE("parity: what is further off than the tolerance is counted, and so is when it was worst") {
  Pumps pumps;
  for (int64_t at = 0; at <= 5000; at += 1000) pumps.model(at, 1);
  pumps.real(4100, 1.05);
  pumps.real(4200, 1.3);
  pumps.real(4300, 1.2);
  const auto total = pumps.parity->total();
  CHECK(total.judged == 6);
  CHECK(total.within == 4);
  CHECK(pumps.parity->json().find("\"worst_at_s\": 4.2") != std::string::npos);
}

TEST_CASE("parity: nothing is compared with a time at which there was no model, or another") {
  Pumps pumps;
  pumps.real(500, 1);
  pumps.model(1000, 1);
  pumps.model(2000, 1);
  CHECK(pumps.parity->total().samples == 0);
  pumps.real(2500, 1);
  pumps.parity->forget({TableId(size_t{0}), Row(size_t{0})});
  pumps.model(3000, 9);
  pumps.model(4000, 9);
  CHECK(pumps.parity->total().samples == 0);
}

TEST_CASE(
    "parity: a device diverges from the first comparison that is further off until all are near again") {
  Pumps pumps;
  const twin::DeviceRef pump{TableId(size_t{0}), Row(size_t{0})};
  using Changes = std::vector<std::pair<twin::DeviceRef, bool>>;
  for (int64_t at = 0; at <= 5000; at += 1000) pumps.model(at, 1);
  pumps.real(4100, 1.05);
  CHECK(pumps.parity->take_changes().empty());
  pumps.real(4200, 1.3, true);
  pumps.real(4250, 1.3, true);
  CHECK(pumps.parity->take_changes() == Changes{{pump, true}});
  CHECK(pumps.parity->total().diverging == 1);
  pumps.real(4300, 1, true);
  CHECK(pumps.parity->take_changes().empty());  // it still runs, and its model does not
  pumps.real(4400, 1);
  CHECK(pumps.parity->take_changes() == Changes{{pump, false}});
  pumps.real(4500, 2);
  pumps.parity->forget(pump);  // it is another one
  CHECK(pumps.parity->take_changes() == Changes{{pump, true}, {pump, false}});
  CHECK(pumps.parity->total().diverging == 0);
  CHECK(pumps.parity->json().find("\"times\": 2") != std::string::npos);
  CHECK(pumps.parity->json().find("\"first_at_s\": 4.2") != std::string::npos);
}

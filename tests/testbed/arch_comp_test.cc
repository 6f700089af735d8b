// The shipped models of ARCH-COMP's falsification category, against figures that an independent
// implementation of their equations gave (where those are at hand), and against what is published of them.
#include <fmt/format.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "loading.h"
#include "mml/loop.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

const std::filesystem::path kScenarios = LT_SOURCE_DIR "/scenarios/arch-comp";
const std::string kReferences = LT_SOURCE_DIR "/../shared/refs/9_falsification/";

/// A feed's signal of the driver: pieces from their times on.
Setting drives(const std::string& signal, const std::string& unit,
               const std::vector<std::pair<double, double>>& pieces) {
  std::string at, values;
  for (const auto& [time, value] : pieces) {
    at += fmt::format("{}{} s", at.empty() ? "" : ", ", time);
    values += fmt::format("{}{}", values.empty() ? "" : ", ", value);
  }
  return {"feeds.driver.signals." + signal,
          fmt::format("{{unit: \"{}\", at: [{}], values: [{}]}}", unit, at, values)};
}

/// A run, boundary by boundary, of the one device of a scenario.
class Course {
 public:
  Course(const std::filesystem::path& folder, const std::vector<Setting>& settings) {
    auto read = load(folder, settings);
    INFO((read ? std::string() : render(read.error())));
    REQUIRE(read.has_value());
    auto built = Assembly::build(std::move(*read), {});
    INFO((built ? std::string() : render(built.error())));
    REQUIRE(built.has_value());
    assembly_ = std::move(*built);
  }

  double time() const { return (assembly_->loop().now() - kStart).seconds(); }
  void cycle() {
    auto& loop = assembly_->loop();
    REQUIRE(loop.cycle(loop.now() + assembly_->scenario().cycle, assembly_->transport()));
    assembly_->fleet().settle(0, loop.now());
  }
  void run_to(double end) {
    while (time() < end - 1e-9) cycle();
  }
  /// What a perfect sensor of a field would see, in its unit, or the code of a word.
  double truth(const std::string& field) const {
    const auto& model = assembly_->registry().model(TableId(0)).config;
    for (size_t f = 0; f < model.telemetry.size(); ++f) {
      if (model.telemetry[f].name != field) continue;
      const auto column = assembly_->fleet().truth(TableId(0), f);
      if (!model.telemetry[f].words.empty())
        return assembly_->tables().values<uint8_t>(TableId(0), column)[0];
      return assembly_->tables().values<double>(TableId(0), column)[0] / model.telemetry[f].unit.scale;
    }
    FAIL("no field " << field);
    return 0;
  }
  const double* state(const std::string& name) const {
    const auto& columns = assembly_->schema().tables[0].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == ".physics." + name)
        return assembly_->tables().values<double>(TableId(0), ColumnId(c)).data();
    FAIL("no state " << name);
    return nullptr;
  }

 private:
  std::unique_ptr<Assembly> assembly_;
};

using Row = std::map<std::string, std::string>;

/// A reference's rows, by the names of its header; none where it is not there.
std::vector<Row> reference(const std::string& name) {
  std::ifstream file(kReferences + name);
  const auto cells = [](const std::string& line) {
    std::vector<std::string> out;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) out.push_back(cell);
    return out;
  };
  std::string line;
  std::getline(file, line);
  const auto header = cells(line);
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    const auto values = cells(line);
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < header.size() && i < values.size(); ++i) row[header[i]] = values[i];
  }
  return rows;
}

double number(const Row& row, const std::string& name) { return std::stod(row.at(name)); }

Course transmission(const std::vector<std::pair<double, double>>& throttle,
                    const std::vector<std::pair<double, double>>& brake) {
  return Course(kScenarios / "transmission",
                {drives("throttle", "%", throttle), drives("brake", "lbf*ft", brake)});
}

}  // namespace

TEST_CASE("arch-comp: at full throttle the transmission reaches the published speed and engine speed") {
  Course car(kScenarios / "transmission", {});
  double most = 0;
  std::vector<double> shifts;
  while (car.time() < 20 - 1e-9) {
    const double gear = car.time() > 0 ? car.truth("gear") : 0;
    car.cycle();
    most = std::max(most, car.truth("engine"));
    if (car.truth("gear") != gear) shifts.push_back(car.time());
  }
  CHECK(car.truth("speed") == Approx(120.21327149261522).epsilon(0).margin(1e-9));
  CHECK(most == Approx(4768.277187862124).epsilon(0).margin(1e-9));
  REQUIRE(shifts.size() == 3);
  CHECK(shifts[0] == Approx(2.56));
  CHECK(shifts[1] == Approx(6.16));
  CHECK(shifts[2] == Approx(12.32));
}

TEST_CASE("arch-comp: the transmission does what an independent implementation of its equations does") {
  using Pieces = std::vector<std::pair<double, double>>;
  using Shifts = std::vector<std::pair<double, double>>;
  const struct {
    const char* file;
    Pieces throttle, brake;
    Shifts shifts;  ///< when, and to which gear
  } table[] = {
      {"at_check_A_full_throttle.csv", {{0, 100}}, {{0, 0}}, {{2.56, 2}, {6.16, 3}, {12.32, 4}}},
      {"at_check_B_half_throttle.csv", {{0, 50}}, {{0, 0}}, {{1.64, 2}, {4.16, 3}, {8.60, 4}}},
      {"at_check_D_piecewise_constant.csv",
       {{0, 90}, {5, 20}, {10, 60}, {15, 100}, {20, 0}, {25, 45}},
       {{0, 0}, {10, 100}, {15, 0}, {20, 200}, {25, 0}},
       {{2.60, 2}, {5.08, 3}, {5.20, 4}, {15.08, 3}, {20.08, 4}}},
      {"at_check_F_brake_hold.csv", {{0, 100}}, {{0, 325}}, {{2.84, 2}, {7.60, 3}, {17.92, 4}}},
  };
  for (const auto& row : table) {
    CAPTURE(row.file);
    Course car = transmission(row.throttle, row.brake);
    const auto expected = reference(row.file);
    Shifts shifts;
    double gear = 0;
    for (size_t second = 1; second <= 30; ++second) {
      while (car.time() < static_cast<double>(second) - 1e-9) {
        car.cycle();
        if (car.truth("gear") != gear) shifts.emplace_back(car.time(), 1 + car.truth("gear"));
        gear = car.truth("gear");
      }
      if (expected.empty()) continue;
      CAPTURE(second);
      CHECK(car.truth("speed") == Approx(number(expected[second], "speed_mph")).epsilon(0).margin(1e-9));
      CHECK(car.truth("engine") == Approx(number(expected[second], "engine_rpm")).epsilon(0).margin(1e-9));
      CHECK(1 + gear == number(expected[second], "gear"));
    }
    REQUIRE(shifts.size() == row.shifts.size());
    for (size_t i = 0; i < shifts.size(); ++i) {
      CHECK(shifts[i].first == Approx(row.shifts[i].first));
      CHECK(shifts[i].second == row.shifts[i].second);
    }
  }
}

TEST_CASE("arch-comp: a car that stands creeps, and its engine does not fall below its least speed") {
  Course car = transmission({{0, 0}}, {{0, 0}});
  double least = 1e9;
  while (car.time() < 30 - 1e-9) {
    car.cycle();
    least = std::min(least, car.truth("engine"));
  }
  CHECK(least == Approx(600).epsilon(1e-14));
  CHECK(car.truth("engine") == Approx(600).epsilon(1e-14));
  CHECK(car.truth("speed") == Approx(5.278719).epsilon(0).margin(1e-6));
  CHECK(car.truth("gear") == 0);
}

TEST_CASE("arch-comp: cars at full throttle follow each other as their closed form says") {
  Course cars(kScenarios / "chasing-cars",
              {drives("throttle", "1", {{0, 1}}), drives("brake", "1", {{0, 0}})});
  for (int second = 1; second <= 100; ++second) {
    cars.run_to(second);
    for (int k = 1; k <= 5; ++k) {
      const double since = std::max(0.0, second - (k - 1) * std::sqrt(10.0));
      CAPTURE(second, k);
      CHECK(cars.truth(fmt::format("y{}", k)) ==
            Approx(10 * (k - 1) - since * since / 2).epsilon(0).margin(1e-8));
    }
  }
}

TEST_CASE("arch-comp: the chasing cars do what an independent implementation with exact flows does") {
  const auto expected = reference("cc_check_B_piecewise_constant.csv");
  Course cars(kScenarios / "chasing-cars", {});
  for (size_t second = 1; second <= 100; ++second) {
    cars.run_to(static_cast<double>(second));
    if (expected.empty()) continue;
    CAPTURE(second);
    for (const char* y : {"y1", "y2", "y3", "y4", "y5"})
      CHECK(cars.truth(y) == Approx(number(expected[second], y)).epsilon(0).margin(1e-6));
  }
  const double last[] = {-204.906675, -192.942743, -181.756295, -166.710474, -153.397242};
  for (int k = 1; k <= 5; ++k) CHECK(cars.truth(fmt::format("y{}", k)) == Approx(last[k - 1]).margin(2e-6));
}

TEST_CASE("arch-comp: every switch of the chasing cars comes at its instant, to the microsecond") {
  // The shipped model, in which each event also notes the time in a state of its car.
  auto models = test::read_text(kScenarios / "chasing-cars/models.yaml");
  for (const char* mode : {"keeping", "chasing", "braking"}) {
    for (const char* k : {"2", "3", "4", "5"}) {
      const auto reset = fmt::format("reset: {{mode{}: {}}}", k, mode);
      for (size_t at = 0; (at = models.find(reset, at)) != std::string::npos; ++at)
        models.replace(at, reset.size(), fmt::format("reset: {{mode{}: {}, switched{}: clock}}", k, mode, k));
    }
  }
  const auto add = [&](const std::string& after, const std::string& lines) {
    const auto at = models.find(after);
    REQUIRE(at != std::string::npos);
    models.insert(at + after.size(), lines);
  };
  add("      states:\n",
      "        clock: 0 s\n        switched2: 0 s\n        switched3: 0 s\n        switched4: 0 s\n"
      "        switched5: 0 s\n");
  add("      rates:\n",
      "        clock: 1\n        switched2: 0\n        switched3: 0\n        switched4: 0\n        "
      "switched5: 0\n");
  const test::Folder folder(
      {{"models.yaml", models},
       {"requirements.yaml", test::read_text(kScenarios / "chasing-cars/requirements.yaml")},
       {"scenario.yaml", test::read_text(kScenarios / "chasing-cars/scenario.yaml")}});

  const struct {
    const char* file;
    std::vector<Setting> settings;
    size_t count;
  } table[] = {{"cc_check_A_throttle1_brake0_switches.csv",
                {drives("throttle", "1", {{0, 1}}), drives("brake", "1", {{0, 0}})},
                4},
               {"cc_check_B_piecewise_constant_switches.csv", {}, 2268}};
  for (const auto& row : table) {
    CAPTURE(row.file);
    Course cars(folder.path(), row.settings);
    struct Switch {
      double at;
      int car;
      char from, to;
    };
    std::vector<Switch> switches;
    double at[6] = {}, mode[6] = {};
    while (cars.time() < 100 - 1e-9) {
      cars.cycle();
      for (int k = 2; k <= 5; ++k) {
        const double when = *cars.state(fmt::format("switched{}", k)),
                     now = *cars.state(fmt::format("mode{}", k));
        if (when != at[k])
          switches.push_back({when, k, "KCB"[static_cast<int>(mode[k])], "KCB"[static_cast<int>(now)]});
        at[k] = when;
        mode[k] = now;
      }
    }
    std::stable_sort(switches.begin(), switches.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    CHECK(switches.size() == row.count);
    const auto expected = reference(row.file);
    for (size_t i = 0; i < std::min(expected.size(), switches.size()); ++i) {
      CAPTURE(i, switches[i].at);
      REQUIRE(switches[i].at == Approx(number(expected[i], "t_s")).epsilon(0).margin(1e-7));
      REQUIRE(switches[i].car == number(expected[i], "car"));
      REQUIRE(switches[i].from == expected[i].at("from")[0]);
      REQUIRE(switches[i].to == expected[i].at("to")[0]);
    }
  }
}

}  // namespace looptwin::testbed

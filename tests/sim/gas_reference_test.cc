// The gas plant against published and independently computed figures, which docs/plants/gas-network.md
// tabulates.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "tests/sim/gas_cases.h"

namespace looptwin::sim::test {
namespace {

const std::string kReferences = LT_SOURCE_DIR "/../shared/refs/4_gas_pipeline/";

/// Columns of a file of numbers with a header, or nothing without the file.
std::vector<std::vector<double>> table(const std::string& name) {
  std::vector<std::vector<double>> rows;
  std::ifstream file(kReferences + name);
  std::string line;
  while (std::getline(file, line)) {
    std::vector<double> row;
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) {
      char* end = nullptr;
      row.push_back(std::strtod(field.c_str(), &end));
      if (end == field.c_str()) row.clear();
      if (row.empty()) break;
    }
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

struct SteadyCase {
  const char* name;
  GasConfig gas;
  double pressures[8];  // Pa
  double flows[5];      // kg/s
};

GasConfig simple_cnga() {
  GasConfig gas = ideal_gas(288.706, 0.6);
  gas.b1 = 1.00300865;
  gas.b2 = 2.96848838e-8;
  return gas;
}

}  // namespace

TEST_CASE("gas: the 8-node network at rest has the published pressures and flows") {
  // GasSteadySim.jl, test/data/8-node: numbers.
  const SteadyCase cases[] = {
      {"ideal",
       ideal_gas(288.706, 0.6),
       {3447378.4395202203, 3675365.138494121, 3035567.7831903747, 3001178.6872863104, 3001873.6199007197,
        4336678.178773767, 4674232.346893129, 3659254.49637917},
       {274.9999828, 226.98124042068065, 76.9812404206806, 48.0187423793194, 124.9999828}},
      {"simple CNGA",
       simple_cnga(),
       {3447378.645, 3753649.5800278103, 3324023.1744276355, 3291671.2505596913, 3489829.226354926,
        4336678.212541887, 4773792.480820602, 4013444.5113484263},
       {274.9999828, 232.02430424899575, 82.02430424899572, 42.97567855100427, 124.9999828}},
      {"full CNGA",
       cnga_gas(288.706, 0.6),
       {3447378.645, 3740269.8336073644, 3275773.6454743794, 3243126.440658859, 3409341.255610177,
        4336678.212541887, 4756776.472401207, 3954255.15554085},
       {274.9999828, 231.03817674562012, 81.0381767456201, 43.96180605437989, 124.9999828}}};
  for (const SteadyCase& c : cases) {
    INFO(c.name);
    GasRun run(eight_nodes(c.gas));
    for (int i = 0; i < 8; ++i) {
      INFO("node " << i + 1);
      CHECK(run["node." + std::to_string(i + 1) + ".pressure"] == Approx(c.pressures[i]).epsilon(1e-4));
    }
    for (int i = 0; i < 5; ++i) {
      INFO("pipe " << i + 1);
      CHECK(run["pipe." + std::to_string(i + 1) + ".flow_in"] == Approx(c.flows[i]).epsilon(1e-4));
    }
  }
}

TEST_CASE("gas: the steady state of a pipe is its closed form, and the scheme keeps it") {
  // p_in² - p_out² = λ L a² q² / (D A²).
  const std::map<double, double> published = {
      {100, 64.4588e5}, {150, 63.7759e5}, {200, 62.8072e5}, {300, 59.9536e5}};
  for (const auto& [flow, p_out] : published) {
    GasRun run(one_pipe(20000, flow, 250));
    CHECK(run["node.out.pressure"] == Approx(p_out).epsilon(1e-5));
    const double area = M_PI / 4 * 0.9144 * 0.9144, g = flow / area;
    const double exact =
        std::sqrt(65e5 * 65e5 - 0.01 * 20000 / 0.9144 * ideal_gas(288.706, 0.6).a_squared * g * g);
    CHECK(run["node.out.pressure"] == Approx(exact).epsilon(1e-9));
    run.to(7200);
    CHECK(run["node.out.pressure"] == Approx(exact).epsilon(1e-9));
    CHECK(run["supply.in.flow"] == Approx(flow).epsilon(1e-9));
  }
}

TEST_CASE("gas: the 20 km pipe follows steps of its demand") {
  GasRun run(one_pipe(20000, 100, 250));
  struct At {
    double t, p, q, p_morgen, q_morgen;  // s, bar, kg/s: own reference grid-converged; morgen 1.2 at 5 s
  };
  const At at[] = {{1860, 63.242, 162.6, 63.277, 154.7},
                   {2100, 62.815, 199.32, 62.826, 198.5},
                   {5460, 61.249, 229.5, 61.293, 230.7},
                   {9060, 62.328, 274.1, 62.286, 266.1}};
  const std::map<double, double> demand = {{1800, 200}, {5400, 300}, {9000, 150}};
  const auto advance = [&](double from, double to) {
    for (const auto& [t, flow] : demand) {
      if (t < from || t >= to) continue;
      run.to(t);
      run["demand.out.flow_wanted"] = flow;
    }
    run.to(to);
  };
  double now = 0;
  for (const At& row : at) {
    INFO("t " << row.t);
    advance(now, row.t);
    now = row.t;
    const bool first_minute = row.t != 2100;
    CHECK(run["node.out.pressure"] / 1e5 == Approx(row.p).epsilon(1e-3));
    CHECK(run["supply.in.flow"] == Approx(row.q).epsilon(first_minute ? 0.05 : 0.005));
    CHECK(run["node.out.pressure"] / 1e5 == Approx(row.p_morgen).epsilon(1e-3));
    // morgen's step of 5 s smears the front that reaches the supply after 54 s.
    CHECK(run["supply.in.flow"] == Approx(row.q_morgen).epsilon(first_minute ? 0.07 : 0.005));
  }
}

TEST_CASE("gas: the 20 km pipe follows the reference through the whole run") {
  const auto rows = table("ref_pipe20km_slow.csv");
  GasRun run(one_pipe(20000, 100, 250));
  double step_at = -1e9;
  for (const auto& row : rows) {
    for (const auto& [t, flow] : std::map<double, double>{{1800, 200}, {5400, 300}, {9000, 150}}) {
      if (step_at >= t || t > row[0]) continue;
      run.to(t);
      run["demand.out.flow_wanted"] = flow;
      step_at = t;
    }
    run.to(row[0]);
    INFO("t " << row[0]);
    if (row[0] - step_at < 5) continue;  // within a step of a jump of 1 bar
    CHECK(run["node.out.pressure"] == Approx(row[1]).epsilon(1e-3));
    CHECK(run["supply.in.flow"] == Approx(row[2]).epsilon(row[0] - step_at < 65 ? 0.05 : 0.005));
    CHECK(run["network.linepack"] == Approx(row[4]).epsilon(1e-3));
  }
}

namespace {

GasNetworkConfig leak_case(double cell) {
  GasNetworkConfig c = one_pipe(100e3, 150, cell);
  c.leaks = {{.name = "hole", .pipe = "pipe", .position = 40e3}};
  for (const int km : {20, 40, 60, 80}) c.gauges.push_back({"km" + std::to_string(km), "pipe", km * 1e3});
  return c;
}

/// When the pressure has fallen by `drop` Pa, linear between steps of the plant.
struct Arrival {
  double drop, start = 0, last_t = 0, last_p = 0, time = 0;
  void see(double t, double p) {
    if (start == 0) start = p;
    if (time == 0 && p <= start - drop)
      time = last_t + (t - last_t) * (last_p - (start - drop)) / (last_p - p);
    last_t = t;
    last_p = p;
  }
};

}  // namespace

TEST_CASE("gas: a leak's fronts arrive when they should, and the pipe settles to the new steady state") {
  GasRun run(leak_case(250));
  run.to(600);
  run["leak.hole.withdrawal"] = 30;
  Arrival low20{2e3}, low60{2e3}, high20{1e4}, high60{1e4}, high80{1e4}, high100{1e4};
  for (double t = 600; t < 1200; t += run.network->step().seconds()) {
    run.to(t);
    low20.see(t, run["gauge.km20.pressure"]);
    high20.see(t, run["gauge.km20.pressure"]);
    low60.see(t, run["gauge.km60.pressure"]);
    high60.see(t, run["gauge.km60.pressure"]);
    high80.see(t, run["gauge.km80.pressure"]);
    high100.see(t, run["node.out.pressure"]);
  }
  CHECK(low20.time == Approx(655.6).margin(2));
  CHECK(low60.time == Approx(655.6).margin(2));
  CHECK(high20.time == Approx(759.7).margin(2));
  CHECK(high60.time == Approx(750.1).margin(2));
  // Between the rows of the reference's table, which are 30 s apart.
  CHECK(high80.time == Approx(932.8).margin(2));
  CHECK(high100.time == Approx(1011.2).margin(2));
  // x = (L + c (t20 - t60)) / 2 from km 20 finds the leak by the low threshold, and is biased by the high.
  const double c = std::sqrt(run.network ? ideal_gas(288.706, 0.6).a_squared : 0);
  CHECK(20 + (40 + c * (low20.time - low60.time) / 1000) / 2 == Approx(40).margin(0.5));
  CHECK(20 + (40 + c * (high20.time - high60.time) / 1000) / 2 == Approx(41.8).margin(0.3));

  run.to(14400);
  const double at4h[] = {63.230, 61.409, 60.112, 58.786, 57.430};
  for (int i = 0; i < 5; ++i) {
    const std::string port = i < 4 ? "gauge.km" + std::to_string(20 * (i + 1)) : "node.out";
    CHECK(run[port + ".pressure"] / 1e5 == Approx(at4h[i]).epsilon(5e-4));
  }
  CHECK(run["supply.in.flow"] == Approx(180.0).epsilon(5e-4));
  CHECK(run["leak.hole.flow"] == 30);
  run.to(86400);
  // The steady state in closed form: 180 kg/s to km 40, 150 kg/s beyond.
  const double analytic[] = {63.2297, 61.4084, 60.1112, 58.7853, 57.4289};
  for (int i = 0; i < 5; ++i) {
    const std::string port = i < 4 ? "gauge.km" + std::to_string(20 * (i + 1)) : "node.out";
    CHECK(run[port + ".pressure"] / 1e5 == Approx(analytic[i]).epsilon(2e-6));
  }
}

TEST_CASE("gas: the leak case follows the reference at every gauge") {
  const auto rows = table("ref_leak_100km.csv");
  GasRun run(leak_case(250));
  for (const auto& row : rows) {
    if (row[0] >= 600 && run["leak.hole.withdrawal"] == 0) {
      run.to(600);
      run["leak.hole.withdrawal"] = 30;
    }
    run.to(row[0]);
    INFO("t " << row[0]);
    for (int i = 0; i < 5; ++i) {
      const std::string port = i < 4 ? "gauge.km" + std::to_string(20 * (i + 1)) : "node.out";
      CHECK(run[port + ".pressure"] == Approx(row[1 + i]).epsilon(5e-4));
    }
    CHECK(run["supply.in.flow"] == Approx(row[6]).epsilon(5e-3));
  }
}

TEST_CASE("gas: where a leak lies between two points of the grid its fronts tell the place") {
  for (const double place : {33.1e3, 47.9e3}) {
    GasNetworkConfig config = leak_case(500);
    config.leaks[0].position = place;
    GasRun run(config);
    run.to(600);
    run["leak.hole.withdrawal"] = 30;
    Arrival at20{1e3}, at60{1e3};
    for (double t = 600; t < 900; t += run.network->step().seconds()) {
      run.to(t);
      at20.see(t, run["gauge.km20.pressure"]);
      at60.see(t, run["gauge.km60.pressure"]);
    }
    const double c = std::sqrt(ideal_gas(288.706, 0.6).a_squared);
    CHECK(20e3 + (40e3 + c * (at20.time - at60.time)) / 2 == Approx(place).margin(700));
  }
}

}  // namespace looptwin::sim::test

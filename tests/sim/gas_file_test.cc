// Networks from files: those that are published, and broken ones.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/plants/gas_network_file.h"
#include "tests/sim/gas_cases.h"

namespace looptwin::sim::test {
namespace {

const std::string kReferences = LT_SOURCE_DIR "/../shared/refs/4_gas_pipeline/";

SourcePtr text(const char* name, std::string content) {
  return std::make_shared<const Source>(Source{name, std::move(content)});
}

const std::string kNetwork = R"({
  "nodes": {"1": {"node_id": 1, "slack_bool": 1}, "2": {"node_id": 2, "slack_bool": 0},
            "3": {"node_id": 3}},
  "pipes": {"1": {"pipe_id": 1, "from_node": 3, "to_node": 2, "diameter": 0.9144, "length": 50000,
                  "friction_factor": 0.01}},
  "compressors": {"7": {"comp_id": 7, "from_node": 1, "to_node": 3, "c_max": 1.4}}
})";
const std::string kParams = R"json({"simulation_params": {"Temperature (K):": 288.706,
  "Gas specific gravity (G):": 0.6, "Specific heat capacity ratio": 1.4,
  "units (SI = 0, standard = 1)": 0.0, "Final time": 3600}})json";
const std::string kBoundary = R"({
  "boundary_pslack": {"1": {"time": [0, 100], "value": [5e6, 5e6]}},
  "boundary_nonslack_flow": {"2": {"time": [0, 3600], "value": [100, -20]}},
  "boundary_compressor": {"7": {"time": [0, 3600], "control_type": [0, 0], "value": [1.2, 1.4]}}
})";
const std::string kNet =
    "# type,in,out\nP,1,2,20000.0,0.9144,10,0.0000624554\nC,2,3\nP,3,4,9000,0.6,-10,1e-5\n"
    "V,4,5\nS,5,10\n";
const std::string kIni =
    "T0 = 15.556\nRs = 478.4807\ntH = 14400\nup = 65|64\nuq = 100|150\ncp = 66\nut = 0|1800\n";

std::string replaced(std::string in, const std::string& what, const std::string& with) {
  const size_t at = in.find(what);
  REQUIRE(at != std::string::npos);
  return in.replace(at, what.size(), with);
}

std::string gastransim_error(const std::string& network, const std::string& params, const std::string& bc) {
  const auto file =
      parse_gastransim(text("network.json", network), text("params.json", params), text("bc.json", bc));
  return file ? "" : render(file.error());
}
std::string morgen_error(const std::string& net, const std::string& ini) {
  const auto file = parse_morgen(text("a.net", net), text("a.ini", ini));
  return file ? "" : render(file.error());
}

/// Lets a file's profiles drive its network, once a minute.
void drive(GasRun& run, const GasNetworkFile& file, double until) {
  for (double t = 0; t <= until; t += 60) {
    run.to(t);
    for (const GasProfile& profile : file.profiles) run[profile.port] = profile.at(t);
  }
}

}  // namespace

TEST_CASE("gas files: GasTranSim's files give a network and what happens to it") {
  const auto file = parse_gastransim(text("n", kNetwork), text("p", kParams), text("b", kBoundary));
  REQUIRE(file);
  CHECK(file->network.nodes.size() == 3);
  CHECK(file->network.pipes[0].length == 50000);
  CHECK(file->network.gas.a_squared == Approx(138138.909).epsilon(1e-8));
  CHECK(file->horizon == hours(1));
  GasRun run(file->network);
  CHECK(run["compressor.7.ratio"] == Approx(1.2).epsilon(1e-6));
  CHECK(run["demand.2.flow"] == 100);
  drive(run, *file, 1800);
  // Half way from 100 kg/s out to 20 kg/s in, at the last minute that was driven.
  CHECK(run["demand.2.flow"] - run["supply.2.flow"] == Approx(42).epsilon(1e-6));
  CHECK(run["compressor.7.ratio"] == Approx(1.3).epsilon(0.01));
}

TEST_CASE("gas files: morgen's files give a network and what happens to it") {
  const auto file = parse_morgen(text("a.net", kNet), text("a.ini", kIni));
  if (!file) FAIL(render(file.error()));
  CHECK(file->network.gas.a_squared == Approx(478.4807 * 288.706));
  CHECK(file->network.nodes.back().name == "10");  // not between 1 and 2
  CHECK(file->network.nodes[1].height - file->network.nodes[0].height == 10);
  GasRun run(file->network);
  CHECK(run["node.3.pressure"] == Approx(66e5).epsilon(1e-6));
  CHECK(run["demand.10.flow"] == 100);
  drive(run, *file, 2400);
  CHECK(run["demand.10.flow"] == 150);
  CHECK(run["node.1.pressure"] == 64e5);
}

TEST_CASE("gas files: a profile is held at its ends and linear or stepped between") {
  const GasProfile linear{"x", {0, 10, 20}, {1, 2, 0}, true}, stepped{"x", {0, 10, 20}, {1, 2, 0}, false};
  CHECK(linear.at(-5) == 1);
  CHECK(linear.at(5) == 1.5);
  CHECK(linear.at(15) == 1);
  CHECK(linear.at(99) == 0);
  CHECK(stepped.at(9.9) == 1);
  CHECK(stepped.at(10) == 2);
  CHECK(stepped.at(99) == 0);
}

TEST_CASE("gas files: what is broken is shown where it stands") {
  struct Case {
    std::string got, place, message;
  };
  const Case cases[] = {
      {gastransim_error(kNetwork.substr(0, 200), kParams, kBoundary),
       "network.json:4:", "'0.' is no value of JSON"},
      {gastransim_error(replaced(kNetwork, "50000", "fifty"), kParams, kBoundary),
       "network.json:4:", "'fifty' is no value of JSON"},
      {gastransim_error(replaced(kNetwork, "\"length\": 50000", "\"lenght\": 50000"), kParams, kBoundary),
       "network.json:4:", "\"length\" is missing"},
      {gastransim_error(replaced(kNetwork, "50000", "\"50000\""), kParams, kBoundary),
       "network.json:4:", "\"length\" should be a number"},
      {gastransim_error(replaced(kNetwork, "\"compressors\"", "\"turbines\""), kParams, kBoundary),
       "network.json:6:", "\"turbines\" are elements that are not known here"},
      {gastransim_error(kNetwork, replaced(kParams, "1)\": 0.0", "1)\": 1.0"), kBoundary),
       "params.json:3:", "standard (US) units are not read"},
      {gastransim_error(kNetwork, replaced(kParams, "1)\": 0.0", "1)\": \"standard\""), kBoundary),
       "params.json:3:35:", "\"units (SI = 0, standard = 1)\" should be 0 or 1"},
      {gastransim_error(kNetwork, replaced(kParams, "units (SI = 0, standard = 1)\": 0.0", "units\": 1"),
                        kBoundary),
       "params.json:3:", "standard (US) units are not read"},
      {gastransim_error(replaced(kNetwork, "\"slack_bool\": 0", "\"slack_bool\": \"no\""), kParams,
                        kBoundary),
       "network.json:2:", "\"slack_bool\" should be 0 or 1"},
      {gastransim_error(
           replaced(kNetwork, "\"compressors\"",
                    "\"short_pipes\": {\"4\": {\"short_pipe_id\": 4, \"from_node\": 1, \"to_node\": 2, "
                    "\"loss\": 0.3}}, \"compressors\""),
           kParams, kBoundary),
       "network.json:6:", "short pipe '4' has a loss, which is not read"},
      {gastransim_error(kNetwork, "[]", kBoundary), "params.json:1:1", "an object should stand here"},
      {gastransim_error(kNetwork, kParams, replaced(kBoundary, "{\"1\"", "{\"2\"")),
       "network.json:2:", "slack node '1' has no pressure"},
      {gastransim_error(kNetwork, kParams, replaced(kBoundary, "[100, -20]", "[100]")),
       "bc.json:3:", "2 times, but \"value\" has 1 values"},
      {gastransim_error(kNetwork, kParams, replaced(kBoundary, "[0, 3600]", "[10, 0]")),
       "bc.json:3:", "times must rise"},
      {gastransim_error(kNetwork, kParams, replaced(kBoundary, "{\"7\"", "{\"8\"")),
       "bc.json:4:", "there is no compressor '8'"},
      {gastransim_error(kNetwork, kParams, replaced(kBoundary, "[0, 0]", "[0, 1]")),
       "bc.json:4:", "control_type changes"},
      {gastransim_error(replaced(kNetwork, "\"3\": {", "\"1\": {"), kParams, kBoundary),
       "network.json:3:13:", "the key \"1\" stands twice"},
      {morgen_error(replaced(kNet, "20000.0", "20 km"), kIni),
       "a.net:2:7:", "should be a number, not '20 km'"},
      {morgen_error(replaced(kNet, "V,4,5", "V,4"), kIni), "a.net:5:1:", "'V' needs 3 fields, there are 2"},
      {morgen_error(replaced(kNet, "V,4,5", "X,4,5"), kIni), "a.net:5:1:", "'X' is no element"},
      {morgen_error(kNet + "P,1,4,1000,0.5,7,1e-5\n", kIni), "a.net:4:1:", "do not add up to 0"},
      {morgen_error(kNet, replaced(kIni, "uq = 100|150", "uq = 100")),
       "a.ini:5:6:", "for 1 moments, but ut has 2"},
      {morgen_error(kNet, replaced(kIni, "up = 65|64", "up = 65;3|64;3")), "a.ini:4:6:", "2 values here"},
      {morgen_error(kNet, replaced(kIni, "Rs =", "Rss =")), "a.ini:1:1:", "'Rs' is missing"},
      {morgen_error(kNet, replaced(kIni, "tH = 14400", "tH")), "a.ini:3:1:", "a line 'name = value'"},
      {gastransim_error(kNetwork, replaced(kParams, "3600", "1e30"), kBoundary),
       "params.json:3:", "should lie between 0 and 1e9 s"},
      {morgen_error(replaced(kNet, "C,2,3", "C,2,2"), kIni), "a.net:3:1:", "both ends are node '2'"},
      {morgen_error(kNet, replaced(kIni, "tH = 14400", "tH = 1e300")), "a.ini:3:6:", "tH should lie between"},
      {gastransim_error(kNetwork, kParams, replaced(kBoundary, "[1.2, 1.4]", "[1.2, 14]")),
       "bc.json:4:", "compressor '7' has the ratio 14: it must lie between 1 and 10"},
      {morgen_error(kNet, replaced(kIni, "T0 = 15.556", "T0 = 293.15")),
       "a.ini:1:6:", "it is in degC: write 20"},
      {morgen_error("", kIni), "a.net:1:1:", "the network has no pipes"},
  };
  for (const Case& c : cases) {
    INFO(c.place << " " << c.message << "\n" << c.got);
    CHECK(c.got.find(c.place) != std::string::npos);
    CHECK(c.got.find(c.message) != std::string::npos);
  }
  const auto missing = read_gas_network("/nowhere/a.net", "/nowhere/a.ini");
  REQUIRE_FALSE(missing);
  CHECK(render(missing.error()).find("cannot read /nowhere/a.net: there is no such file") !=
        std::string::npos);
}

TEST_CASE("gas files: an element that makes no sense is shown in its file") {
  const auto file = parse_gastransim(text("network.json", replaced(kNetwork, "50000", "-50000")),
                                     text("p", kParams), text("b", kBoundary));
  REQUIRE(file);
  const auto made = GasNetwork::make(file->network);
  REQUIRE_FALSE(made);
  CHECK(render(made.error()).find("network.json:4:") != std::string::npos);
}

TEST_CASE("gas files: a wrong unit is shown in its file") {
  const auto refused = [](const Result<GasNetworkFile>& file) {
    if (!file) FAIL(render(file.error()));
    const auto made = GasNetwork::make(file->network);
    return made ? std::string() : render(made.error());
  };
  const auto gastransim = [&](const std::string& network, const std::string& params, const std::string& bc) {
    return refused(
        parse_gastransim(text("network.json", network), text("params.json", params), text("bc.json", bc)));
  };
  // Degrees Celsius, psi and inches where kelvins, pascals and metres are read; bar and no gas at all.
  const std::string celsius = gastransim(kNetwork, replaced(kParams, "288.706", "15.556"), kBoundary);
  CHECK_THAT(celsius, Catch::Contains("params.json:1:") && Catch::Contains("between 100 K and 1000 K"));
  const std::string psi = gastransim(kNetwork, kParams, replaced(kBoundary, "[5e6, 5e6]", "[725, 725]"));
  CHECK_THAT(psi, Catch::Contains("bc.json:2:") && Catch::Contains("between 1 kPa and 1 GPa"));
  const std::string inches = gastransim(replaced(kNetwork, "0.9144", "36"), kParams, kBoundary);
  CHECK_THAT(inches, Catch::Contains("network.json:4:") && Catch::Contains("its diameter must lie between"));
  const auto morgen = [&](const std::string& ini) {
    return refused(parse_morgen(text("a.net", kNet), text("a.ini", ini)));
  };
  CHECK_THAT(morgen(replaced(kIni, "65|64", "65e5|64e5")), Catch::Contains("a.ini:4:6"));
  CHECK_THAT(morgen(replaced(kIni, "100|150", "-100|150")), Catch::Contains("a.ini:5:6"));
  CHECK_THAT(morgen(replaced(kIni, "478.4807", "0")), Catch::Contains("a.ini:2:6"));
}

TEST_CASE("gas files: the published networks are read, at rest, and run for a day without trouble") {
  if (!std::filesystem::exists(kReferences)) return;
  struct Case {
    const char *path, *scenario;
  };
  for (const Case& c :
       {Case{"gastransim/8-node", ""}, Case{"gastransim/1-pipe-slow-transients", ""},
        Case{"morgen/GZ1.net", "morgen/GZ1/slow.ini"}, Case{"morgen/Cha09.net", "morgen/Cha09/period.ini"},
        Case{"morgen/DeWS00.net", "morgen/DeWS00/training.ini"},
        Case{"morgen/PamDB16.net", "morgen/PamDB16/period.ini"},
        Case{"morgen/GasLib11.net", "morgen/GasLib11/training.ini"}}) {
    INFO(c.path);
    const auto file = read_gas_network(kReferences + c.path, *c.scenario ? kReferences + c.scenario : "");
    if (!file) FAIL(render(file.error()));
    GasRun run(file->network);
    const double mass = run["network.linepack"];
    drive(run, *file, std::min(file->horizon.seconds(), 86400.0));
    CHECK(run["network.unsettled_steps"] == 0);
    CHECK(run["network.linepack"] ==
          Approx(mass + run["network.supplied"] - run["network.delivered"]).epsilon(1e-9));
    for (const GasNodeConfig& node : file->network.nodes) CHECK(run["node." + node.name + ".pressure"] > 1e5);
  }
}

TEST_CASE("gas files: morgen's GZ1 with the law of its paper is the 20 km pipe") {
  // λ = 0.11 (k/D)^¼ = 0.01 to four digits; p_out at 100 kg/s 64.45877585 bar as morgen 1.2 has it.
  const auto file =
      parse_morgen(text("GZ1.net", "P,1,2,20000.0,0.9144,0,0.0000624554\n"),
                   text("slow.ini", "T0 = 15.556\nRs = 478.4807\nup = 65.0\nuq = 100.0\nut = 0\n"));
  REQUIRE(file);
  GasRun run(file->network);
  CHECK(run["node.2.pressure"] == Approx(64.45877585e5).epsilon(1e-5));
}

}  // namespace looptwin::sim::test

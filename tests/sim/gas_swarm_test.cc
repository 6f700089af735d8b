// Networks drawn from seeds: whatever they are, they come to rest, keep their mass, and go on from an
// archive.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/simd.h"
#include "sim/plants/gas_kernels.h"
#include "tests/sim/gas_cases.h"
#include "tests/sim/gas_draws.h"

namespace looptwin::sim::test {

TEST_CASE("gas swarm: networks come to rest, keep their mass, and go on from an archive") {
  int refused = 0, burst = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Draws draw(seed);
    const GasNetworkConfig config = network_of(draw);
    if (const auto made = GasNetwork::make(config); !made) {
      // Never for the solver's sake: what is to blame is named.
      CHECK_THAT(render(made.error()), Catch::Contains("supply 'field' feeds in at node") ||
                                           Catch::Contains("': a short pipe resists nothing"));
      ++refused;
      continue;
    }
    GasRun run(config);
    const double mass = run["network.linepack"];
    for (int i = 1; i <= 60; ++i) {
      for (int k = 0; k < 5; ++k) disturb(*run.network, draw);
      run.to(20.0 * i);
    }
    if (const auto& why = run.network->breakdown(); !why.empty()) {
      CHECK_THAT(render(why), Catch::Contains("'supply.field' feeds in"));
      ++burst;
      continue;
    }
    CHECK(run["network.unsettled_steps"] == 0);
    const double booked = mass + run["network.supplied"] - run["network.delivered"] - run["network.leaked"];
    CHECK(run["network.linepack"] == Approx(booked).epsilon(1e-9));
    for (const GasNodeConfig& node : config.nodes) {
      CHECK(run["node." + node.name + ".pressure"] > 0);
      CHECK(run["node." + node.name + ".pressure"] < 1e9);
    }
    if (seed % 4 != 0) continue;
    ArchiveWriter writer;
    run.network->save(writer);
    GasRun copy(config);
    ArchiveReader reader(writer.bytes());
    copy.network->restore(reader);
    REQUIRE(reader.ok());
    run.to(1300);
    copy.to(1300);
    const auto a = run.network->values(), b = copy.network->values();
    CHECK(std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
  }
  CHECK(refused + burst <= 6);
}

TEST_CASE("gas swarm: the pipes' loops give equal bits at every vector width") {
  constexpr size_t n = 1003;
  Draws draw(7);
  std::vector<double> drive(n), friction(n), slope(n), limit(n), gain(n), p(n + 1), rho(n + 1), flux(n);
  for (size_t i = 0; i < n; ++i) {
    drive[i] = draw.between(0, 1e-2), friction[i] = draw.between(0, 0.02), slope[i] = draw.between(-1, 1);
    limit[i] = draw.between(100, 300), gain[i] = draw.between(0, 1e-2);
    flux[i] = draw.between(-300, 300);
  }
  for (size_t i = 0; i <= n; ++i) p[i] = draw.between(1e5, 8e6), rho[i] = draw.between(1, 60);
  std::vector<std::vector<double>> results;
  for (const Simd width : {Simd::v2, Simd::v3, Simd::v4}) {
    if (width > simd()) continue;
    auto f = flux, d = rho, q = p;
    const GasKernels& kernels = gas_kernels(width);
    const GasFaces faces{drive.data(), friction.data(), slope.data(), limit.data()};
    kernels.flux(faces, 3.6e-6, 1e-13, q.data(), d.data(), f.data(), n);
    kernels.density(gain.data(), f.data(), 138138, 1.003, 3e-8, d.data(), q.data(), n);
    kernels.density(gain.data(), f.data(), 138138, 1, 0, d.data(), q.data(), n);
    f.insert(f.end(), d.begin(), d.end());
    f.insert(f.end(), q.begin(), q.end());
    results.push_back(f);
    CHECK(std::memcmp(f.data(), results[0].data(), f.size() * sizeof(double)) == 0);
  }
}

}  // namespace looptwin::sim::test

#include "base/random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "base/distribution.h"
#include "base/maths.h"

namespace looptwin {
namespace {

constexpr uint64_t kSeed = 42;

/// The largest distance between the samples' distribution function and `cdf`, times sqrt(n): above 1.95 in
/// one case of a thousand.
double kolmogorov(std::vector<double> x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]), k = static_cast<double>(i);
    worst = std::max({worst, f - k / n, (k + 1) / n - f});
  }
  return worst * std::sqrt(n);
}

std::vector<uint64_t> draws(const char* name, size_t n, uint64_t device = 7) {
  std::vector<uint64_t> b(n);
  random::bits(random::stream(kSeed, name), device, 0, b.data(), n);
  return b;
}

std::vector<double> samples(const Distribution& d, size_t n) {
  const auto b = draws("test", n);
  std::vector<double> x(n);
  d.sample(b, x);
  return x;
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}
double deviation_of(const std::vector<double>& x) {
  const double m = mean_of(x);
  double sum = 0;
  for (const double v : x) sum += (v - m) * (v - m);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}

/// The regularised lower incomplete gamma function, by its series: plain and slow, for reference.
double gamma_cdf(double shape, double x) {
  if (x <= 0) return 0;
  double term = 1 / shape, sum = term;
  for (int k = 1; k < 2000 && term > 1e-17 * sum; ++k) sum += term *= x / (shape + k);
  return std::min(1.0, sum * std::exp(shape * std::log(x) - x - std::lgamma(shape)));
}

}  // namespace

TEST_CASE("random: these draws are part of the interface and never change") {
  const auto stream = random::stream(kSeed, "noise.temperature");
  CHECK(random::bits(stream, random::device("block-1/home-1"), 0) == 0x736ddef681a28455);
  CHECK(random::bits(stream, random::device("block-1/home-1"), 1) == 0x4488bc858a8ec5bf);
  CHECK(random::bits(random::stream(kSeed + 1, "noise.temperature"), random::device("block-1/home-2"),
                     12345) == 0x9ac3e1fcb366ec9a);
}

TEST_CASE("random: columns equal single draws at every width, whatever the order of asking") {
  const auto stream = random::stream(kSeed, "x");
  std::vector<uint64_t> devices(1003);
  for (size_t i = 0; i < devices.size(); ++i) devices[i] = random::device("home-" + std::to_string(i));
  std::vector<Simd> widths{Simd::v2};
  if (simd() >= Simd::v3) widths.push_back(Simd::v3);
  if (simd() >= Simd::v4) widths.push_back(Simd::v4);
  for (const Simd width : widths) {
    const auto& columns = random::columns(width);
    std::vector<uint64_t> across(devices.size()), along(devices.size());
    std::vector<double> u(devices.size());
    columns.over_devices(stream, devices.data(), 99, across.data(), across.size());
    columns.over_counters(stream, devices[5], 1000, along.data(), along.size());
    columns.uniform(across.data(), u.data(), u.size());
    size_t different = 0;
    for (size_t i = devices.size(); i-- > 0;) {
      different += across[i] != random::bits(stream, devices[i], 99);
      different += along[i] != random::bits(stream, devices[5], 1000 + i);
      different += u[i] != random::uniform(across[i]);
    }
    INFO(name_of(width));
    CHECK(different == 0);
  }
}

TEST_CASE("random: each input bit flips each output bit half the time") {
  constexpr int kTrials = 4000;
  const auto stream = random::stream(kSeed, "avalanche");
  for (const int which : {0, 1, 2}) {  // the counter, the device, the seed
    std::array<std::array<int, 64>, 64> flips{};
    for (int trial = 0; trial < kTrials; ++trial) {
      const uint64_t x = static_cast<uint64_t>(trial) * (which == 1 ? 0x9e3779b97f4a7c15 : 1);
      const auto draw = [&](uint64_t v) {
        return which == 0   ? random::bits(stream, 5, v)
               : which == 1 ? random::bits(stream, v, 5)
                            : random::bits(random::stream(v, "s"), 5, 5);
      };
      const uint64_t base = draw(x);
      for (int in = 0; in < 64; ++in) {
        const uint64_t changed = base ^ draw(x ^ (1ull << in));
        for (int out = 0; out < 64; ++out) flips[in][out] += static_cast<int>((changed >> out) & 1);
      }
    }
    double worst = 0, sum = 0;
    for (const auto& row : flips) {
      for (const int count : row) {
        worst = std::max(worst, std::abs(count - kTrials / 2.0));
        sum += count;
      }
    }
    const double sigma = std::sqrt(kTrials) / 2;
    INFO("input " << which);
    CHECK(worst < 5.2 * sigma);  // the largest of 4096 such deviations lies near 3.7 sigma
    CHECK(std::abs(sum / (64 * 64) - kTrials / 2.0) < 0.1 * sigma);
  }
}

TEST_CASE("random: all 256 values of every byte are equally frequent, over counters and over devices") {
  constexpr size_t kDraws = 1 << 18;
  const auto stream = random::stream(kSeed, "bytes");
  std::vector<uint64_t> ids(kDraws), along(kDraws), across(kDraws);
  for (size_t i = 0; i < kDraws; ++i) ids[i] = i;  // worse than real ids, which are hashed
  random::bits(stream, uint64_t{3}, 0, along.data(), kDraws);
  random::bits(stream, ids.data(), 3, across.data(), kDraws);
  for (const auto* column : {&along, &across}) {
    for (int byte = 0; byte < 8; ++byte) {
      std::array<double, 256> count{};
      for (const uint64_t b : *column) ++count[(b >> (8 * byte)) & 255];
      double chi2 = 0;
      const double expected = kDraws / 256.0;
      for (const double c : count) chi2 += (c - expected) * (c - expected) / expected;
      CHECK(chi2 > 175);  // 255 degrees of freedom: mean 255, deviation 22.6
      CHECK(chi2 < 345);
    }
  }
}

TEST_CASE("random: neighbouring counters, devices, seeds and streams do not correlate") {
  constexpr size_t kDraws = 200'000;
  const auto stream = random::stream(kSeed, "a");
  const auto column = [&](random::Stream s, uint64_t device, uint64_t first) {
    std::vector<uint64_t> b(kDraws);
    std::vector<double> z(kDraws);
    random::bits(s, device, first, b.data(), kDraws);
    random::normal(b.data(), z.data(), kDraws);
    return z;
  };
  const auto base = column(stream, 1, 0);
  const std::vector<std::pair<const char*, std::vector<double>>> others = {
      {"counter + 1", column(stream, 1, 1)},
      {"counter + 2", column(stream, 1, 2)},
      {"counter + 1024", column(stream, 1, 1024)},
      {"device + 1", column(stream, 2, 0)},
      {"device + 1, counter + 1", column(stream, 2, 1)},
      {"another stream", column(random::stream(kSeed, "b"), 1, 0)},
      {"another seed", column(random::stream(kSeed + 1, "a"), 1, 0)},
  };
  for (const auto& [name, other] : others) {
    double product = 0, squares = 0;
    for (size_t i = 0; i < kDraws; ++i) {
      product += base[i] * other[i];
      squares += (base[i] * base[i] - 1) * (other[i] * other[i] - 1) / 2;
    }
    INFO(name);
    CHECK(std::abs(product) < 4 * std::sqrt(kDraws));
    CHECK(std::abs(squares) < 4 * std::sqrt(kDraws));
  }
}

TEST_CASE("random: further bits of one draw are independent of it and of each other") {
  const auto b = draws("more", 100'000);
  double first = 0, second = 0;
  for (const uint64_t x : b) {
    const double z = random::normal(x), z0 = random::normal(random::more_bits(x, 0)),
                 z1 = random::normal(random::more_bits(x, 1));
    first += z * z0;
    second += z0 * z1;
  }
  CHECK(std::abs(first) < 4 * std::sqrt(1e5));
  CHECK(std::abs(second) < 4 * std::sqrt(1e5));
}

TEST_CASE("random: noise is as normal as its header says, and equal at every width") {
  constexpr size_t kDraws = 1'000'000;
  const auto stream = random::stream(9, "noise");
  std::vector<uint64_t> bits(kDraws);
  random::bits(stream, 77, 0, bits.data(), kDraws);
  std::vector<double> z(kDraws);
  random::noise(bits.data(), z.data(), kDraws);
  double m2 = 0, m4 = 0, mean = 0, largest = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    REQUIRE(z[i] == random::noise(bits[i]));
    mean += z[i] / kDraws;
    m2 += z[i] * z[i] / kDraws;
    m4 += z[i] * z[i] * z[i] * z[i] / kDraws;
    largest = std::max(largest, std::abs(z[i]));
  }
  CHECK(std::abs(mean) < 0.004);
  CHECK(std::abs(m2 - 1) < 0.006);
  CHECK(std::abs(m4 - 3) < 0.04);
  CHECK(largest <= 4.49);
  for (const Simd width : {Simd::v2, Simd::v3, Simd::v4}) {
    if (width > simd()) continue;
    std::vector<double> other(kDraws);
    random::columns(width).noise(bits.data(), other.data(), kDraws);
    CHECK(other == z);
  }
  std::sort(z.begin(), z.end());
  double distance = 0;
  for (size_t i = 0; i < kDraws; ++i)
    distance =
        std::max(distance, std::abs(maths::normal_cdf(z[i]) - (static_cast<double>(i) + 0.5) / kDraws));
  CHECK(distance < 0.0007 + 0.0014);  // its own error, and that of a million draws
}

TEST_CASE("distribution: samples follow the closed form of each kind") {
  struct Expect {
    const char* name;
    Result<Distribution> distribution;
    double mean, deviation;
    std::function<double(double)> cdf;
  };
  const double g = std::tgamma(1.5), g2 = std::tgamma(2.0);
  const std::vector<Expect> all = {
      {"uniform(2, 5)", Distribution::uniform(2, 5), 3.5, 3 / std::sqrt(12.0),
       [](double x) { return (x - 2) / 3; }},
      {"normal(10, 3)", Distribution::normal(10, 3), 10, 3,
       [](double x) { return 0.5 * std::erfc((10 - x) / 3 / std::sqrt(2)); }},
      {"lognormal(60, 0.4)", Distribution::lognormal(60, 0.4), 60 * std::exp(0.08),
       60 * std::exp(0.08) * std::sqrt(std::expm1(0.16)),
       [](double x) { return 0.5 * std::erfc(-std::log(x / 60) / 0.4 / std::sqrt(2)); }},
      {"exponential(4)", Distribution::exponential(4), 4, 4, [](double x) { return -std::expm1(-x / 4); }},
      {"weibull(2, 3)", Distribution::weibull(2, 3), 3 * g, 3 * std::sqrt(g2 - g * g),
       [](double x) { return -std::expm1(-x * x / 9); }},
      {"gamma(0.3, 2)", Distribution::gamma(0.3, 2), 0.6, 2 * std::sqrt(0.3),
       [](double x) { return gamma_cdf(0.3, x / 2); }},
      {"gamma(1, 2)", Distribution::gamma(1, 2), 2, 2, [](double x) { return gamma_cdf(1, x / 2); }},
      {"gamma(7.5, 0.5)", Distribution::gamma(7.5, 0.5), 3.75, 0.5 * std::sqrt(7.5),
       [](double x) { return gamma_cdf(7.5, x / 0.5); }},
      {"empirical", Distribution::empirical({0, 1, 1.5, 10}), 0.5 / 3 + 1.25 / 3 + 5.75 / 3, -1,
       [](double x) {
         return x < 1 ? x / 3 : x < 1.5 ? (1 + (x - 1) / 0.5) / 3 : (2 + (x - 1.5) / 8.5) / 3;
       }},
  };
  constexpr size_t kDraws = 200'000;
  for (const auto& e : all) {
    INFO(e.name);
    REQUIRE(e.distribution);
    const auto x = samples(*e.distribution, kDraws);
    CHECK(kolmogorov(x, e.cdf) < 1.95);
    CHECK(e.distribution->mean() == Approx(e.mean).epsilon(1e-12));
    if (e.deviation > 0) {
      CHECK(std::abs(mean_of(x) - e.mean) < 4 * e.deviation / std::sqrt(kDraws));
      CHECK(deviation_of(x) == Approx(e.deviation).epsilon(0.02));
    }
    for (const double p : {0.01, 0.25, 0.5, 0.9, 0.999}) {
      if (const auto q = e.distribution->quantile(p)) CHECK(e.cdf(*q) == Approx(p).epsilon(1e-9));
    }
  }
}

TEST_CASE("distribution: counts have the probabilities of their kind") {
  constexpr size_t kDraws = 200'000;
  for (const double mean : {0.2, 3.0, 9.99, 10.0, 47.0, 3000.0}) {
    const auto d = Distribution::poisson(mean);
    REQUIRE(d);
    const auto x = samples(*d, kDraws);
    INFO("poisson(" << mean << ")");
    CHECK(std::abs(mean_of(x) - mean) < 4 * std::sqrt(mean / kDraws));
    CHECK(deviation_of(x) == Approx(std::sqrt(mean)).epsilon(0.015));
    // Each value within 4 deviations of the mean appears as often as it should.
    double chi2 = 0;
    int classes = 0;
    for (double k = std::max(0.0, std::floor(mean - 3 * std::sqrt(mean))); k <= mean + 3 * std::sqrt(mean);
         ++k) {
      const double expected = kDraws * std::exp(k * std::log(mean) - mean - std::lgamma(k + 1));
      if (expected < 20) continue;
      const auto seen = static_cast<double>(std::count(x.begin(), x.end(), k));
      chi2 += (seen - expected) * (seen - expected) / expected;
      ++classes;
    }
    CHECK(chi2 < classes + 4.5 * std::sqrt(2.0 * classes) + 3);
  }
  const auto coin = Distribution::bernoulli(0.3);
  CHECK(mean_of(samples(*coin, kDraws)) == Approx(0.3).margin(4 * std::sqrt(0.21 / kDraws)));
  const auto choice = Distribution::discrete({10, 20, 30, 40}, {0, 1, 3, 0});
  REQUIRE(choice);
  const auto x = samples(*choice, kDraws);
  CHECK(std::count(x.begin(), x.end(), 10) == 0);
  CHECK(std::count(x.begin(), x.end(), 40) == 0);
  CHECK(mean_of(x) == Approx(27.5).margin(0.05));
  CHECK(choice->mean() == 27.5);
}

TEST_CASE("distribution: a column of samples has the bits of single samples") {
  const auto b = draws("column", 1001);
  for (const auto& d :
       {Distribution::constant(3), Distribution::uniform(1, 2), Distribution::normal(1, 2),
        Distribution::lognormal(3, 0.5), Distribution::exponential(2), Distribution::gamma(0.7, 1),
        Distribution::weibull(1.5, 2), Distribution::poisson(12), Distribution::bernoulli(0.5),
        Distribution::empirical({1, 2, 4}), Distribution::discrete({1, 2}, {1, 1})}) {
    REQUIRE(d);
    std::vector<double> x(b.size());
    d->sample(b, x);
    size_t different = 0;
    for (size_t i = 0; i < b.size(); ++i)
      different += std::bit_cast<uint64_t>(x[i]) != std::bit_cast<uint64_t>(d->sample(b[i]));
    INFO("kind " << static_cast<int>(d->kind()));
    CHECK(different == 0);
  }
}

TEST_CASE("distribution: parameters outside the domain are refused with a reason") {
  CHECK_FALSE(Distribution::uniform(2, 1));
  CHECK_FALSE(Distribution::normal(0, -1));
  CHECK_FALSE(Distribution::normal(std::nan(""), 1));
  CHECK_FALSE(Distribution::lognormal(0, 1));
  CHECK_FALSE(Distribution::gamma(0, 1));
  CHECK_FALSE(Distribution::bernoulli(1.1));
  CHECK_FALSE(Distribution::discrete({1, 2}, {1}));
  CHECK_FALSE(Distribution::discrete({1, 2}, {0, 0}));
  CHECK_FALSE(Distribution::empirical({2, 1}));
  CHECK(Distribution::normal(0, -1).error()[0].message ==
        "the deviation of a normal distribution must not be negative, it is -1");
}

}  // namespace looptwin

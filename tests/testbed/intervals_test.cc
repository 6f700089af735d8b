// Confidence intervals: against published tables, and by how often they hold what was drawn.
#include "testbed/testing/intervals.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

using namespace looptwin::testbed;

TEST_CASE("intervals: Student's t is that of the tables") {
  // NIST/SEMATECH e-Handbook, 1.3.6.7.2: upper critical values.
  CHECK(student_quantile(0.975, 1) == Approx(12.706).epsilon(1e-4));
  CHECK(student_quantile(0.95, 2) == Approx(2.920).epsilon(2e-4));
  CHECK(student_quantile(0.975, 7) == Approx(2.365).epsilon(2e-4));
  CHECK(student_quantile(0.99, 10) == Approx(2.764).epsilon(2e-4));
  CHECK(student_quantile(0.999, 30) == Approx(3.385).epsilon(2e-4));
  CHECK(student_quantile(0.975, 100) == Approx(1.984).epsilon(3e-4));
  CHECK(student_quantile(0.975, 1e6) == Approx(1.959966).epsilon(1e-6));  // nearly normal
  CHECK(student_quantile(0.025, 7) == -student_quantile(0.975, 7));
  CHECK(student_quantile(0.5, 3) == 0);
  // With two degrees of freedom there is a closed form.
  for (const double p : {0.6, 0.9, 0.9999})
    CHECK(student_quantile(p, 2) == Approx((2 * p - 1) * std::sqrt(1 / (2 * p * (1 - p)))).epsilon(1e-9));
}

TEST_CASE("intervals: of a chance and of a count they are exact, also at their ends") {
  const auto none = binomial_interval(0, 10, 0.95);
  CHECK(none.low == 0);
  CHECK(none.high == Approx(1 - std::pow(0.025, 0.1)));
  const auto all = binomial_interval(8, 8, 0.95);
  CHECK(all.low == Approx(std::pow(0.025, 0.125)));
  CHECK(all.high == 1);
  const auto nothing = binomial_interval(0, 0, 0.95);
  CHECK((nothing.low == 0 && nothing.high == 1));
  // By the definition: what is drawn is as extreme as this with a chance of 2.5 % at either end.
  const auto half = binomial_interval(3, 12, 0.95);
  const auto choose = [](int n, int k) {
    return std::tgamma(n + 1) / std::tgamma(k + 1) / std::tgamma(n - k + 1);
  };
  double below = 0, above = 0;
  for (int k = 0; k <= 3; ++k)
    below += choose(12, k) * std::pow(half.high, k) * std::pow(1 - half.high, 12 - k);
  for (int k = 3; k <= 12; ++k)
    above += choose(12, k) * std::pow(half.low, k) * std::pow(1 - half.low, 12 - k);
  CHECK(below == Approx(0.025));
  CHECK(above == Approx(0.025));

  // Garwood's table.
  CHECK(poisson_interval(0, 0.95).low == 0);
  CHECK(poisson_interval(0, 0.95).high == Approx(-std::log(0.025)));
  CHECK(poisson_interval(10, 0.95).low == Approx(4.7954).epsilon(1e-4));
  CHECK(poisson_interval(10, 0.95).high == Approx(18.3904).epsilon(1e-4));
  // Many are nearly normal, with Anscombe's shift.
  const auto many = poisson_interval(1e6, 0.95);
  CHECK(many.low == Approx(1e6 - 1960 + 1.3).margin(1));
  CHECK(many.high == Approx(1e6 + 1960 + 2.3).margin(1));
}

namespace {

/// How often an interval holds what the runs were drawn with.
template <typename Draw>
double coverage(Ratio::Is is, double truth, const Draw& draw) {
  constexpr int kTimes = 2000;
  int held = 0;
  for (int i = 0; i < kTimes; ++i) {
    const auto interval = Ratio(is, draw()).interval(0.95);
    held += interval.low <= truth && truth <= interval.high;
  }
  return static_cast<double>(held) / kTimes;
}

}  // namespace

TEST_CASE(
    "intervals: of a rate they hold the truth as often as they say, of few alarms and many, even or in "
    "bursts") {
  std::mt19937 random(7);
  for (const size_t runs : {2, 8, 30}) {
    for (const double mean : {0.05, 1.0, 40.0}) {
      std::poisson_distribution<int> even(mean);
      // Some days are worse: the day's own rate is exponential.
      std::exponential_distribution<double> day(1 / mean);
      std::vector<Part> parts(runs);
      INFO(runs << " runs, " << mean << " a run");
      CHECK(coverage(
                Ratio::Is::rate, mean / 24, [&]() -> auto& {
                  for (auto& part : parts) part = {static_cast<double>(even(random)), 24};
                  return parts;
                }) > 0.94);
      if (mean * static_cast<double>(runs) < 8) continue;  // a skew that no interval knows from so few
      CHECK(coverage(
                Ratio::Is::rate, mean / 24, [&]() -> auto& {
                  for (auto& part : parts)
                    part = {static_cast<double>(std::poisson_distribution<int>(day(random))(random)), 24};
                  return parts;
                }) > (runs < 30 ? 0.86 : 0.91));
    }
  }
}

TEST_CASE("intervals: of a share they hold the truth as often as they say, where runs differ as well") {
  std::mt19937 random(11);
  std::vector<Part> parts(10);
  std::poisson_distribution<int> alarms(12);
  CHECK(coverage(
            Ratio::Is::share, 0.2, [&]() -> auto& {
              for (auto& part : parts) {
                const int all = alarms(random);
                part = {static_cast<double>(std::binomial_distribution<int>(all, 0.2)(random)),
                        static_cast<double>(all)};
              }
              return parts;
            }) > 0.94);
  // Each run has a share of its own, from 0 to 0.4; alone by their number the alarms would seem surer.
  std::uniform_real_distribution<double> own(0, 0.4);
  const double clustered = coverage(
      Ratio::Is::share, 0.2, [&]() -> auto& {
        for (auto& part : parts)
          part = {static_cast<double>(std::binomial_distribution<int>(200, own(random))(random)), 200};
        return parts;
      });
  CHECK(clustered > 0.93);
  CHECK(clustered < 0.98);  // and no wider than needed
}

TEST_CASE("intervals: the runs that would show a limit are as many as needed, and no more") {
  const std::vector<Part> runs = {{3, 24}, {5, 24}, {4, 24}, {8, 24}};
  const Ratio ratio(Ratio::Is::rate, runs);
  CHECK(ratio.value() == Approx(20. / 96));
  for (const double limit : {0.22, 0.25, 0.3}) {
    const double n = ratio.runs_to_show(limit, 0.95);
    INFO(limit << ": " << n);
    CHECK(ratio.interval_of(0.95, n).high <= limit);
    CHECK(ratio.interval_of(0.95, n - 1).high > limit);
  }
  CHECK(ratio.runs_to_show(20. / 96, 0.95) == 0);
  CHECK(ratio.runs_to_show(20. / 96 + 1e-9, 0.95) == 0);
}

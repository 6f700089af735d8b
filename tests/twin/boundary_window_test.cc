// Windows over values at the boundaries, against loops over all values that the window covers.
#include "twin/boundary_window.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace looptwin;
using lang::Op;
using twin::BoundaryWindow;

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct Value {
  Time at;
  double x;
  double weight;
};

/// The definition, over all values in (from, now].
double by_definition(Op op, const std::vector<Value>& all, Time from, Time now) {
  std::vector<Value> in;
  for (const auto& v : all)
    if (v.at > from && v.at <= now && v.x == v.x) in.push_back(v);
  if (op == Op::window_count) return static_cast<double>(in.size());
  if (in.empty()) return kUnknown;
  double weight = 0, mean = 0, mean_t = 0, least = in[0].x, greatest = in[0].x;
  for (const auto& v : in) weight += v.weight;
  for (const auto& v : in) {
    mean += v.x * v.weight / weight;
    mean_t += v.at.seconds() * v.weight / weight;
    least = std::min(least, v.x);
    greatest = std::max(greatest, v.x);
  }
  double second = 0, tx = 0, tt = 0;
  for (const auto& v : in) {
    const double t = v.at.seconds() - mean_t;
    second += v.weight * (v.x - mean) * (v.x - mean);
    tx += v.weight * t * (v.x - mean);
    tt += v.weight * t * t;
  }
  switch (op) {
    case Op::window_mean:
      return mean;
    case Op::window_minimum:
      return least;
    case Op::window_maximum:
      return greatest;
    case Op::window_delta:
      return in.back().x - in.front().x;
    case Op::window_deviation:
      return std::sqrt(second / weight);
    case Op::window_slope:
      return in.size() > 1 ? tx / tt : kUnknown;
    default:
      return kUnknown;
  }
}

void compare(double got, double expected) {
  if (std::isnan(expected))
    CHECK(std::isnan(got));
  else
    CHECK(got == Approx(expected).epsilon(1e-9).margin(1e-9));
}

const Op kOps[] = {Op::window_mean,  Op::window_minimum,   Op::window_maximum, Op::window_slope,
                   Op::window_delta, Op::window_deviation, Op::window_count};

}  // namespace

TEST_CASE("boundary windows: up to 64 cycles long they are exact, with unknown values in between") {
  std::mt19937_64 random(31);
  for (const Op op : kOps) {
    for (const int64_t cycles : {1, 2, 5, 63, 64}) {
      BoundaryWindow window(op, seconds(cycles), 3);
      std::vector<std::vector<Value>> all(3);
      Time previous = kStart;
      for (int k = 1; k <= 200; ++k) {
        const Time now = kStart + seconds(k);
        double values[3], out[3];
        for (size_t row = 0; row < 3; ++row) {
          values[row] = random() % 4 == 0 || (k > 100 && k < 170)
                            ? kUnknown
                            : 1e6 + static_cast<double>(random() % 1000);
          all[row].push_back({now, values[row], (now - previous).seconds()});
        }
        window.step(previous, now, 0, 3, values, out);
        previous = now;
        for (size_t row = 0; row < 3; ++row) {
          INFO(lang::name_of(op) << " over " << cycles << " s at " << k);
          compare(out[row], by_definition(op, all[row], now - seconds(cycles), now));
        }
      }
    }
  }
}

TEST_CASE("boundary windows: longer ones are those of a window whose edge lies at most one pane later") {
  std::mt19937_64 random(32);
  const Duration span = seconds(1000);
  for (const Op op : {Op::window_mean, Op::window_minimum, Op::window_maximum, Op::window_deviation,
                      Op::window_count, Op::window_delta}) {
    BoundaryWindow window(op, span, 1);
    const Duration pane = window.pane();
    CHECK(pane.ns == span.ns / 64);
    std::vector<Value> all;
    Time previous = kStart;
    for (int k = 1; k <= 4000; ++k) {
      const Time now = kStart + seconds(k);
      const double x = random() % 5 == 0 ? kUnknown : static_cast<double>(random() % 1000);
      double out;
      all.push_back({now, x, 1.0});
      window.step(previous, now, 0, 1, &x, &out);
      previous = now;
      if (k % 7 != 0) continue;
      // The oldest pane that counts as a whole begins where the window's own begin falls, or later.
      const Time newest = floor_to(now - nanoseconds(1), pane);
      const Time from = std::max(newest - pane * 63, kStart);
      INFO(lang::name_of(op) << " at " << k);
      CHECK(from >= std::max(now - span, kStart) - nanoseconds(1));
      CHECK(from < std::max(now - span + pane, kStart + nanoseconds(1)));
      compare(out, by_definition(op, all, from, now));
    }
  }
}

TEST_CASE("boundary windows: values weigh as long as the cycle that ends with them") {
  BoundaryWindow window(Op::window_mean, seconds(64), 1);
  double out;
  const double one = 1, four = 4;
  window.step(kStart, kStart + seconds(3), 0, 1, &one, &out);
  window.step(kStart + seconds(3), kStart + seconds(4), 0, 1, &four, &out);
  CHECK(out == Approx(1.75));
}

TEST_CASE("boundary windows: nothing of a value is left once it has left") {
  BoundaryWindow window(Op::window_mean, seconds(10), 1);
  double out = 0;
  for (int k = 1; k <= 100; ++k) {
    const double x = k == 20 ? 1e300 : 0.1;
    window.step(kStart + seconds(k - 1), kStart + seconds(k), 0, 1, &x, &out);
    if (k >= 30) CHECK(out == Approx(0.1).epsilon(1e-14));
  }
}

TEST_CASE("boundary windows: saved and restored they go on with equal bits") {
  std::mt19937_64 random(33);
  BoundaryWindow trunk(Op::window_deviation, seconds(20), 2), branch(Op::window_deviation, seconds(20), 2);
  for (int k = 1; k <= 60; ++k) {
    ArchiveWriter archive;
    trunk.save(archive);
    ArchiveReader reader(archive.bytes());
    branch.restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    const double values[2] = {static_cast<double>(random() % 100), random() % 3 == 0 ? kUnknown : 5.0};
    double a[2], b[2];
    trunk.step(kStart + seconds(k - 1), kStart + seconds(k), 0, 2, values, a);
    branch.step(kStart + seconds(k - 1), kStart + seconds(k), 0, 2, values, b);
    CHECK(std::memcmp(a, b, sizeof a) == 0);
  }
}

#include "sim/sensor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "sim/sampling.h"

namespace looptwin::sim {
namespace {

/// All that is wrong with one row's sensor at an instant.
struct Trouble {
  bool any = false;
  bool stuck = false;
  bool outside = false;
  double reads = 0;  ///< where `outside`
  double added = 0;
  double noise = 1;    ///< factor
  double dropout = 0;  ///< probability
};

/// Spells [i, …) of one row that act on the field; moves i past the row's spells.
Trouble trouble_of(std::span<const Spell> spells, size_t& i, size_t field, Time t) {
  Trouble trouble;
  const uint32_t row = spells[i].row;
  for (; i < spells.size() && spells[i].row == row; ++i) {
    const auto& s = spells[i];
    if (s.target != field || !s.at(t)) continue;
    switch (s.kind) {
      case FaultKind::stuck:
        trouble.stuck = true;
        break;
      case FaultKind::bias:
        trouble.added += s.value;
        break;
      case FaultKind::drift:
        trouble.added += s.value * (t - s.from).seconds();
        break;
      case FaultKind::noise:
        trouble.noise *= s.value;
        break;
      case FaultKind::dropout:
        trouble.dropout = std::max(trouble.dropout, s.value);
        break;
      case FaultKind::out_of_range:
        trouble.outside = true, trouble.reads = s.value;
        break;
      case FaultKind::link_down:
      case FaultKind::actuator_stuck:
      case FaultKind::device_off:
      case FaultKind::restart:
      case FaultKind::loss:
      case FaultKind::malformed:
      case FaultKind::wrong_type:
      case FaultKind::unknown_device:
      case FaultKind::foreign_credentials:
        continue;
    }
    trouble.any = true;
  }
  return trouble;
}

constexpr double kBeyond = 2147483647.0;  // what to_raw() saturates at

struct Faulty {
  size_t row = 0;
  Trouble trouble;
};

/// The rows of [first, first + count) with a fault of this field at t.
size_t find_faulty(std::span<const Spell> spells, size_t field, Time t, size_t first, size_t count,
                   std::array<Faulty, kSliceRows>& found) {
  size_t n = 0;
  auto from = std::lower_bound(spells.begin(), spells.end(), first,
                               [](const Spell& s, size_t row) { return s.row < row; });
  for (size_t i = static_cast<size_t>(from - spells.begin());
       i < spells.size() && spells[i].row < first + count;) {
    const size_t row = spells[i].row;
    const auto trouble = trouble_of(spells, i, field, t);
    if (trouble.any) found[n++] = {row, trouble};
  }
  return n;
}

double read_faulty(const DeviceModel& model, const Sensor& sensor, const Faulty& f, int64_t grid, Time t) {
  double x = static_cast<const double*>(sensor.truth)[f.row];
  if (!sensor.bias.empty()) x += sensor.bias[f.row];
  if (!sensor.drift.empty()) x += t.seconds() * sensor.drift[f.row];
  double settled = x + f.trouble.added;
  if (sensor.noise != 0)
    x += sensor.noise * f.trouble.noise *
         sensor.noise_stream.noise(model.keys[f.row], static_cast<uint64_t>(grid));
  x += f.trouble.added;
  auto q = quantiser_of(sensor);
  if (f.trouble.outside) {
    // It says what the fault tells it to say, whatever its range is.
    x = settled = f.trouble.reads;
    q.lowest = -kBeyond, q.highest = kBeyond, q.low = -HUGE_VAL, q.high = HUGE_VAL;
  }
  double reading = 0;
  sensor_kernels(simd()).quantise(q, &settled, &x, &reading, 1);
  return reading;
}

void read_numbers(const DeviceModel& model, const Sensor& sensor, int64_t grid, size_t first, size_t count,
                  Time t, const uint8_t* missing, bool dropout) {
  const auto& kernels = sensor_kernels(simd());
  const auto* truth = static_cast<const double*>(sensor.truth) + first;
  auto* reading = static_cast<double*>(sensor.value) + first;
  alignas(64) double settled[kSliceRows];
  const double* without_noise = truth;
  if (!sensor.bias.empty() || !sensor.drift.empty()) {
    std::copy_n(truth, count, settled);
    without_noise = settled;
    if (!sensor.bias.empty()) kernels.add(settled, sensor.bias.data() + first, 1, count);
    if (!sensor.drift.empty()) kernels.add(settled, sensor.drift.data() + first, t.seconds(), count);
  }
  alignas(64) double x[kSliceRows];
  const double* in = without_noise;
  if (sensor.noise != 0) {
    alignas(64) double noise[kSliceRows];
    sensor.noise_stream.noise(model.keys.subspan(first, count), static_cast<uint64_t>(grid), noise);
    std::copy_n(without_noise, count, x);
    kernels.add(x, noise, sensor.noise, count);
    in = x;
  }
  const auto q = quantiser_of(sensor);
  if (!dropout) return kernels.quantise(q, without_noise, in, reading, count);
  alignas(64) double out[kSliceRows];
  kernels.quantise(q, without_noise, in, out, count);
  for (size_t i = 0; i < count; ++i) reading[i] = missing[i] ? reading[i] : out[i];
}

void read_codes(const Sensor& sensor, size_t first, size_t count, const uint8_t* missing) {
  const auto* truth = static_cast<const uint8_t*>(sensor.truth) + first;
  auto* reading = static_cast<uint8_t*>(sensor.value) + first;
  for (size_t i = 0; i < count; ++i) reading[i] = missing[i] ? reading[i] : truth[i];
}

}  // namespace

Quantiser quantiser_of(const Sensor& s) {
  const double step = (s.scaling.steps != 0 ? 1 / s.scaling.steps : s.scaling.resolution) * s.scaling.scale;
  return {.steps = s.scaling.steps,
          .resolution = s.scaling.resolution,
          .scale = s.scaling.scale,
          .offset = s.scaling.offset,
          .lowest = static_cast<double>(s.range.lowest),
          .highest = static_cast<double>(s.range.highest),
          .low = s.scaling.to_si(s.range.lowest) - step / 2,
          .high = s.scaling.to_si(s.range.highest) + step / 2};
}

namespace {

void read_rows(const DeviceModel& model, const Sensor& sensor, int64_t grid, size_t first, size_t count,
               Time t, const uint8_t* missing) {
  if (sensor.storage == lang::Storage::f64) {
    read_numbers(model, sensor, grid, first, count, t, missing, sensor.dropout > 0);
  } else {
    read_codes(sensor, first, count, missing);
  }
}

/// Rows with a fault are read with the others, and then once more by themselves.
void read_with_faults(const DeviceModel& model, size_t field, int64_t grid, size_t first, size_t count,
                      Time t, std::span<const Spell> spells, uint8_t* missing) {
  const auto& sensor = model.sensors[field];
  const bool numbers = sensor.storage == lang::Storage::f64;
  auto* values = static_cast<double*>(sensor.value);
  auto* codes = static_cast<uint8_t*>(sensor.value);
  std::array<Faulty, kSliceRows> faulty;
  std::array<double, kSliceRows> last;
  const size_t n = find_faulty(spells, field, t, first, count, faulty);
  for (size_t k = 0; k < n; ++k) last[k] = numbers ? values[faulty[k].row] : codes[faulty[k].row];
  read_rows(model, sensor, grid, first, count, t, missing);
  for (size_t k = 0; k < n; ++k) {
    const auto& f = faulty[k];
    const double chance = std::max(sensor.dropout, f.trouble.dropout);
    const bool dropped =
        chance > 0 && sensor.dropout_stream.uniform(model.keys[f.row], static_cast<uint64_t>(grid)) < chance;
    missing[f.row - first] = dropped;
    if (numbers) {
      values[f.row] = dropped || f.trouble.stuck ? last[k] : read_faulty(model, sensor, f, grid, t);
    } else if (dropped || f.trouble.stuck) {
      codes[f.row] = static_cast<uint8_t>(last[k]);
    } else if (f.trouble.outside) {
      codes[f.row] = static_cast<uint8_t>(f.trouble.reads);
    }
  }
}

}  // namespace

void read_sensor(const DeviceModel& model, size_t field, int64_t grid, const double* uniforms, size_t first,
                 size_t count, std::span<const Spell> spells, uint8_t* missing) {
  LT_CHECK(count <= kSliceRows);
  const auto& sensor = model.sensors[field];
  std::memset(missing, sensor.present ? 0 : 1, count);
  if (!sensor.present) return;
  const Time t{grid * model.step.ns};
  if (sensor.program)
    sensor.program->program.run(model.instant(grid, uniforms, *sensor.program), first, count);
  if (sensor.dropout > 0) {
    alignas(64) double u[kSliceRows];
    sensor.dropout_stream.uniform(model.keys.subspan(first, count), static_cast<uint64_t>(grid), u);
    for (size_t i = 0; i < count; ++i) missing[i] = u[i] < sensor.dropout;
  }
  if (spells.empty()) return read_rows(model, sensor, grid, first, count, t, missing);
  read_with_faults(model, field, grid, first, count, t, spells, missing);
}

void raw_readings(const Sensor& sensor, size_t first, size_t count, int32_t* raw) {
  const auto& kernels = sensor_kernels(simd());
  if (sensor.storage == lang::Storage::f64)
    return kernels.to_raw(quantiser_of(sensor), static_cast<const double*>(sensor.value) + first, raw, count);
  const uint8_t unknown = sensor.storage == lang::Storage::boolean ? 2 : 255;
  kernels.codes(static_cast<const uint8_t*>(sensor.value) + first, unknown, raw, count);
}

}  // namespace looptwin::sim

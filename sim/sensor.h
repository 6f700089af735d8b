// What a sensor makes of a true value: x + bias(device) + drift(device)·t + noise, at its resolution. Noise
// alone does not leave the range; where the value without noise does, by half a step or more, the sensor
// reads one step beyond the limit, as transmitters of 4-20 mA tell saturation (NAMUR NE 43). A reading is a
// function of (seed, device, field, grid point) and of the true value: whoever asks at one grid point,
// controller or telemetry, gets the same, however often. Faults change single rows afterwards.
#pragma once

#include <span>

#include "sim/device_model.h"
#include "sim/fault.h"
#include "sim/sensor_kernels.h"

namespace looptwin::sim {

Quantiser quantiser_of(const Sensor& sensor);

/// Reads rows [first, first + count), at most kSliceRows, at a grid point into the sensor's column.
/// missing[i] becomes 1 where no sample was taken (the column then keeps its last reading). `spells` are
/// those of the slice, by row.
void read_sensor(const DeviceModel& model, size_t field, int64_t grid, const double* uniforms, size_t first,
                 size_t count, std::span<const Spell> spells, uint8_t* missing);

/// The wire's integers of the last readings.
void raw_readings(const Sensor& sensor, size_t first, size_t count, int32_t* raw);

}  // namespace looptwin::sim

#include "sim/plants/gas_grid.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace looptwin::sim {

namespace {

constexpr double kGravity = 9.80665;
// Two faces may empty a cell together: each takes at most this part of it in one step. In the smallest cells
// that is half the speed of sound, far past what the equations hold for.
constexpr double kMostOutflow = 0.45;
constexpr double kVacuum = 1;  // Pa, the least pressure of a steady profile

}  // namespace

size_t GasGrid::add(const GasPipeConfig& config, size_t cells, double rise) {
  LT_CHECK(cells > 0);
  Pipe pipe;
  pipe.first = density_.size();
  pipe.cells = cells;
  pipe.cell = config.length / static_cast<double>(cells);
  pipe.area = std::numbers::pi / 4 * config.diameter * config.diameter;
  pipe.sine = rise / config.length;
  pipe.config = config;
  for (size_t i = 0; i <= cells; ++i) {
    const bool is_face = i < cells;
    density_.push_back(1);
    pressure_.push_back(1);
    flux_.push_back(0);
    drive_.push_back(is_face ? step_ / pipe.cell : 0);
    friction_.push_back(0);
    slope_.push_back(is_face ? step_ * kGravity * pipe.sine / 2 : 0);
    limit_.push_back(is_face ? kMostOutflow * pipe.cell / step_ : 0);
    gain_.push_back(is_face && i > 0 ? step_ / pipe.cell : 0);
  }
  varying_friction_ |= depends_on_reynolds(config.law);
  pipes_.push_back(std::move(pipe));
  set_friction(pipes_.back(), 0);
  return pipes_.size() - 1;
}

void GasGrid::finish() {
  // The last point has no face behind it.
  if (!flux_.empty()) flux_.pop_back();
}

void GasGrid::set_friction(Pipe& pipe, double flux) {
  pipe.friction = friction_factor(pipe.config, std::abs(flux) * pipe.config.diameter / gas_.viscosity());
  const double value = pipe.friction * step_ / (2 * pipe.config.diameter);
  std::fill_n(friction_.begin() + static_cast<ptrdiff_t>(pipe.first), pipe.cells, value);
}

double GasGrid::set_steady(size_t index, double pressure, double flow) {
  Pipe& pipe = pipes_[index];
  const double flux = flow / pipe.area;
  set_friction(pipe, flux);
  const double a_squared = gas_.a_squared();
  const double loss =
      a_squared * pipe.friction * pipe.cell / (2 * pipe.config.diameter) * flux * std::abs(flux);
  const double weight = a_squared * kGravity * pipe.sine * pipe.cell;
  double p = pressure;
  for (size_t i = 0; i <= pipe.cells; ++i) {
    pressure_[pipe.first + i] = p;
    density_[pipe.first + i] = gas_.density(p);
    if (i == pipe.cells) break;
    flux_[pipe.first + i] = flux;
    const double u = gas_.potential(p) - loss;
    double next = gas_.pressure_of_potential(u);
    // The weight of the gas needs the pressure that it changes; each round is nearer by weight / a² or so.
    for (int round = 0; round < 20 && weight != 0; ++round) {
      const double density = (gas_.density(p) + gas_.density(next)) / 2;
      const double better = gas_.pressure_of_potential(u - weight * gas_.mean_density(p, next) * density);
      const bool done = std::abs(better - next) <= 1e-14 * std::abs(next);
      next = better;
      if (done) break;
    }
    p = std::max(next, kVacuum);
  }
  return p;
}

void GasGrid::move_fluxes() {
  if (flux_.empty()) return;
  if (varying_friction_) {
    for (Pipe& pipe : pipes_) {
      if (!depends_on_reynolds(pipe.config.law)) continue;
      double sum = 0;
      for (size_t i = 0; i < pipe.cells; ++i) sum += std::abs(flux_[pipe.first + i]);
      set_friction(pipe, sum / static_cast<double>(pipe.cells));
    }
  }
  const GasFaces faces{drive_.data(), friction_.data(), slope_.data(), limit_.data()};
  kernels_->flux(faces, gas_.b1() / (2 * gas_.a_squared()), gas_.b2() / (3 * gas_.a_squared()),
                 pressure_.data(), density_.data(), flux_.data(), flux_.size());
}

double GasGrid::drain(size_t index, size_t point, double rate) {
  const Pipe& pipe = pipes_[index];
  LT_CHECK(point > 0 && point < pipe.cells);
  double& density = density_[pipe.first + point];
  double& pressure = pressure_[pipe.first + point];
  // Implicit in the pressure, so that no hole, however large, empties a cell.
  const double volume = pipe.area * pipe.cell;
  const double stiffness = step_ * rate * (pressure / density) / volume;
  const double drained = density * (stiffness / (1 + stiffness));
  density -= drained;
  pressure = gas_.pressure(density);
  return drained * volume / step_;
}

double GasGrid::withdraw(size_t index, size_t point, double flow, double most_part) {
  const Pipe& pipe = pipes_[index];
  LT_CHECK(point > 0 && point < pipe.cells);
  double& density = density_[pipe.first + point];
  const double volume = pipe.area * pipe.cell;
  const double taken = std::min(flow * step_ / volume, most_part * density);
  density -= taken;
  pressure_[pipe.first + point] = gas_.pressure(density);
  return taken * volume / step_;
}

double GasGrid::pressure_at(size_t index, double x) const {
  const Pipe& pipe = pipes_[index];
  const double place = std::clamp(x / pipe.cell, 0.0, static_cast<double>(pipe.cells));
  const size_t i = std::min(static_cast<size_t>(place), pipe.cells - 1);
  const double part = place - static_cast<double>(i);
  const double* p = pressure_.data() + pipe.first + i;
  return p[0] * (1 - part) + p[1] * part;
}

double GasGrid::flow_at(size_t index, double x) const {
  const Pipe& pipe = pipes_[index];
  if (pipe.cells == 1) return flow_in(index);
  const double place = std::clamp(x / pipe.cell - 0.5, 0.0, static_cast<double>(pipe.cells - 1));
  const size_t i = std::min(static_cast<size_t>(place), pipe.cells - 2);
  const double part = place - static_cast<double>(i);
  const double* flux = flux_.data() + pipe.first + i;
  return pipe.area * (flux[0] * (1 - part) + flux[1] * part);
}

double GasGrid::inner_mass(size_t index) const {
  const Pipe& pipe = pipes_[index];
  double sum = 0;
  for (size_t i = 1; i < pipe.cells; ++i) sum += density_[pipe.first + i];
  return sum * pipe.area * pipe.cell;
}

double GasGrid::mass(size_t index) const {
  const Pipe& pipe = pipes_[index];
  return inner_mass(index) + pipe.half_volume() * (density_[pipe.first] + density_[pipe.first + pipe.cells]);
}

void GasGrid::save(ArchiveWriter& writer) const {
  writer.section("gas.grid", 1);
  writer.put_vector(density_);
  writer.put_vector(pressure_);
  writer.put_vector(flux_);
  for (const Pipe& pipe : pipes_) writer.put(pipe.friction);
}

void GasGrid::restore(ArchiveReader& reader) {
  reader.section("gas.grid", 1);
  reader.get_span(std::span(density_));
  reader.get_span(std::span(pressure_));
  reader.get_span(std::span(flux_));
  for (Pipe& pipe : pipes_) pipe.friction = reader.get<double>();
}

}  // namespace looptwin::sim

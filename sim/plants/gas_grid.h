// The cells of all long pipes in contiguous columns: the explicit staggered scheme of Gyrya and Zlotnik,
// "An explicit staggered-grid method for numerical simulation of large-scale natural gas pipeline networks",
// Appl. Math. Modelling 65 (2019). Densities stand at points, fluxes between them. The points at the two ends
// of a pipe are copies of its nodes: what stands in the half cells around them is the nodes' gas.
#pragma once

#include <span>
#include <vector>

#include "base/archive.h"
#include "sim/plants/gas_kernels.h"
#include "sim/plants/gas_properties.h"

namespace looptwin::sim {

class GasGrid {
 public:
  struct Pipe {
    size_t first = 0;  ///< its first point, and face
    size_t cells = 0;
    double cell = 0;      ///< Δx, m
    double area = 0;      ///< m²
    double sine = 0;      ///< of the slope, upwards
    double friction = 0;  ///< λ now
    GasPipeConfig config;
    double half_volume() const { return area * cell / 2; }
  };

  /// `step`, s, keeps courant < 1 in every cell of at least the network's cell length.
  GasGrid(const Gas& gas, double step) : gas_(gas), step_(step), kernels_(&gas_kernels(simd())) {}

  /// A pipe of `cells` equal cells that rises by `rise` m; returns its index. All before finish().
  size_t add(const GasPipeConfig& config, size_t cells, double rise);
  void finish();

  /// The steady profile of the scheme from the pressure at `from` with mass flow q, kg/s, at least 1 Pa
  /// everywhere; returns the pressure at the other end. Also sets λ for q.
  double set_steady(size_t pipe, double pressure, double flow);

  /// One step of all faces: fluxes from the points as they are.
  void move_fluxes();
  /// Then of all points within pipes.
  void move_densities() {
    if (flux_.empty()) return;
    kernels_->density(gain_.data(), flux_.data(), gas_.a_squared(), gas_.b1(), gas_.b2(), density_.data(),
                      pressure_.data(), flux_.size());
  }
  /// Copies a node's state to an end (last = false: `from`).
  void set_end(size_t pipe, bool last, double density, double pressure) {
    const Pipe& p = pipes_[pipe];
    const size_t point = p.first + (last ? p.cells : 0);
    density_[point] = density;
    pressure_[point] = pressure;
  }
  /// Takes out of an inner point what flows at `rate` kg/s per Pa of the new pressure; returns kg/s.
  double drain(size_t pipe, size_t point, double rate);
  /// Takes `flow` kg/s out of an inner point, at most a part of its gas; returns what it took.
  double withdraw(size_t pipe, size_t point, double flow, double most_part);

  size_t size() const { return pipes_.size(); }
  const Pipe& pipe(size_t i) const { return pipes_[i]; }
  double flow_in(size_t pipe) const { return pipes_[pipe].area * flux_[pipes_[pipe].first]; }
  double flow_out(size_t pipe) const {
    const Pipe& p = pipes_[pipe];
    return p.area * flux_[p.first + p.cells - 1];
  }
  double pressure(size_t pipe, size_t point) const { return pressure_[pipes_[pipe].first + point]; }
  /// Linear between the points, and between the middles of cells; x in m from `from`.
  double pressure_at(size_t pipe, double x) const;
  double flow_at(size_t pipe, double x) const;
  /// kg in the pipe (with its half cells at the ends), and without them.
  double mass(size_t pipe) const;
  double inner_mass(size_t pipe) const;

  void save(ArchiveWriter& writer) const;
  void restore(ArchiveReader& reader);

 private:
  void set_friction(Pipe& pipe, double flux);

  Gas gas_;
  double step_;
  const GasKernels* kernels_;
  std::vector<Pipe> pipes_;
  bool varying_friction_ = false;
  // A column's meaning and unit are those of GasFaces and GasKernels.
  std::vector<double> density_, pressure_, flux_, drive_, friction_, slope_, limit_, gain_;
};

}  // namespace looptwin::sim

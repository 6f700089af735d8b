#include "sim/plants/gas_flow_system.h"

#include <Eigen/Sparse>
#include <Eigen/SparseLU>
#include <algorithm>
#include <cmath>

namespace looptwin::sim {

namespace {
// Below, elimination in a square array is faster than anything sparse.
constexpr int kMostDense = 24;
// Nearly all systems have settled by then.
constexpr int kWholeSteps = 12;
}  // namespace

void GasNodes::resize(size_t n) {
  fixed.assign(n, 0);
  for (auto* column : {&pressure, &storage, &before, &inflow, &drain}) column->assign(n, 0);
}

double GasNodes::taken(size_t node, double p, double* slope) const {
  double sum = drain[node] * std::max(p, 0.0);
  double by_p = drain[node];
  for (uint32_t i = first_sink[node]; i < first_sink[node + 1]; ++i) {
    sum += sinks[i].at(p);
    if (p > 0 && p < sinks[i].least) by_p += sinks[i].flow / sinks[i].least;
  }
  if (slope) *slope = by_p;
  return sum;
}

/// A square matrix whose pattern is given once; entries are set by the order in which they were declared.
class GasFlowSystem::Matrix {
 public:
  Matrix(int size, const std::vector<std::pair<int, int>>& entries) : size_(size) {
    if (size <= kMostDense) {
      dense_.resize(static_cast<size_t>(size) * size);
      for (const auto& [row, column] : entries) places_.push_back(static_cast<size_t>(row) * size + column);
      return;
    }
    std::vector<Eigen::Triplet<double>> triplets;
    for (const auto& [row, column] : entries) triplets.emplace_back(row, column, 1);
    sparse_.resize(size, size);
    sparse_.setFromTriplets(triplets.begin(), triplets.end());
    sparse_.makeCompressed();
    for (const auto& [row, column] : entries)
      places_.push_back(static_cast<size_t>(&sparse_.coeffRef(row, column) - sparse_.valuePtr()));
    solver_.analyzePattern(sparse_);
  }

  void clear() {
    std::fill(dense_.begin(), dense_.end(), 0);
    next_ = 0;
    if (size_ > kMostDense) std::fill_n(sparse_.valuePtr(), sparse_.nonZeros(), 0.0);
  }
  void add(double value) {
    (size_ <= kMostDense ? dense_[places_[next_]] : sparse_.valuePtr()[places_[next_]]) += value;
    ++next_;
  }
  /// x = A⁻¹ b; destroys the matrix and b. False for a singular matrix.
  bool solve(std::vector<double>& b, std::vector<double>& x) {
    if (size_ <= kMostDense) return eliminate(b, x);
    solver_.factorize(sparse_);
    if (solver_.info() != Eigen::Success) return false;
    Eigen::Map<Eigen::VectorXd>(x.data(), size_) =
        solver_.solve(Eigen::Map<const Eigen::VectorXd>(b.data(), size_));
    return true;
  }

 private:
  bool eliminate(std::vector<double>& b, std::vector<double>& x) {
    const size_t n = size_;
    double* a = dense_.data();
    for (size_t k = 0; k < n; ++k) {
      size_t pivot = k;
      for (size_t i = k + 1; i < n; ++i)
        if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
      if (!(std::abs(a[pivot * n + k]) > 0)) return false;
      if (pivot != k) {
        std::swap_ranges(a + k * n, a + k * n + n, a + pivot * n);
        std::swap(b[k], b[pivot]);
      }
      for (size_t i = k + 1; i < n; ++i) {
        const double factor = a[i * n + k] / a[k * n + k];
        if (factor == 0) continue;
        for (size_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
        b[i] -= factor * b[k];
      }
    }
    for (size_t k = n; k-- > 0;) {
      double sum = b[k];
      for (size_t j = k + 1; j < n; ++j) sum -= a[k * n + j] * x[j];
      x[k] = sum / a[k * n + k];
    }
    return true;
  }

  int size_;
  std::vector<double> dense_;
  Eigen::SparseMatrix<double> sparse_;
  Eigen::SparseLU<Eigen::SparseMatrix<double>> solver_;
  std::vector<size_t> places_;
  size_t next_ = 0;
};

GasFlowSystem::GasFlowSystem(std::vector<uint32_t> nodes, std::vector<uint32_t> links, const GasNodes& all,
                             std::span<const GasLink> all_links)
    : nodes_(std::move(nodes)), links_(std::move(links)) {
  std::vector<int32_t> index(all.size(), -1);
  for (size_t i = 0; i < nodes_.size(); ++i) index[nodes_[i]] = static_cast<int32_t>(i);
  // In the order in which assemble() sets them.
  std::vector<std::pair<int, int>> entries;
  const int n = static_cast<int>(nodes_.size());
  for (int i = 0; i < n; ++i) entries.emplace_back(i, i);
  for (size_t k = 0; k < links_.size(); ++k) {
    const int row = n + static_cast<int>(k);
    const int ends[] = {index[all_links[links_[k]].from], index[all_links[links_[k]].to]};
    entries.emplace_back(row, row);
    for (const int end : ends) {
      unknown_.push_back(end);
      if (end < 0) continue;
      entries.emplace_back(row, end);
      entries.emplace_back(end, row);
    }
  }
  const size_t size = nodes_.size() + links_.size();
  value_.resize(nodes_.size());
  missing_.resize(nodes_.size());
  old_pressure_.resize(nodes_.size());
  first_joint_.push_back(0);
  for (int i = 0; i < n; ++i) {
    for (size_t k = 0; k < unknown_.size(); ++k)
      if (unknown_[k] == i) joints_.push_back({links_[k / 2], k % 2 == 0});
    first_joint_.push_back(static_cast<uint32_t>(joints_.size()));
  }
  right_.resize(size);
  step_.resize(size);
  matrix_ = std::make_unique<Matrix>(static_cast<int>(size), entries);
}

GasFlowSystem::~GasFlowSystem() = default;
GasFlowSystem::GasFlowSystem(GasFlowSystem&&) noexcept = default;

GasLinkEnd GasFlowSystem::end(const Gas& gas, const GasNodes& nodes, uint32_t node) const {
  const double p = nodes.pressure[node];
  return {gas.potential(p), p, gas.density(p)};
}

void GasFlowSystem::assemble(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes,
                             std::span<const double> flows) {
  matrix_->clear();
  const size_t n = nodes_.size();
  const bool in_pressure = kind_ == Unknown::pressure;
  // du = a² ρ dp, which vanishes with p.
  const auto slope = [&](double p) { return gas.a_squared() * gas.density(std::abs(p)); };
  for (size_t i = 0; i < n; ++i) {
    const uint32_t node = nodes_[i];
    const double p = nodes.pressure[node];
    const double p_by_unknown = in_pressure ? 1 : 1 / slope(std::max(std::abs(p), 1e3));
    double taken_slope = 0;
    const double taken = nodes.taken(node, p, &taken_slope);
    right_[i] = -(nodes.storage[node] * (gas.density(p) - nodes.before[node]) - nodes.inflow[node] + taken);
    matrix_->add((nodes.storage[node] * gas.density_slope(p) + taken_slope) * p_by_unknown * scale_);
  }
  for (size_t k = 0; k < links_.size(); ++k) {
    const GasLink& link = links[links_[k]];
    const double q = flows[links_[k]];
    const GasLinkValue value = evaluate(gas, link, end(gas, nodes, link.from), end(gas, nodes, link.to), q);
    right_[n + k] = -value.f / link_scale_;
    matrix_->add(value.by_flow / link_scale_);
    const auto couple = [&](int32_t unknown, uint32_t node, double by_potential, double sign) {
      if (unknown < 0) return;
      const double by_unknown = in_pressure ? by_potential * slope(nodes.pressure[node]) : by_potential;
      matrix_->add(by_unknown * (scale_ / link_scale_));
      matrix_->add(sign);
      right_[unknown] -= sign * q;
    };
    couple(unknown_[2 * k], link.from, value.by_from, 1);
    couple(unknown_[2 * k + 1], link.to, value.by_to, -1);
  }
}

bool GasFlowSystem::find_step(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes,
                              std::span<const double> flows) {
  assemble(gas, links, nodes, flows);
  return matrix_->solve(right_, step_);
}

void GasFlowSystem::set_scales(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes) {
  double most = 1e3;  // Pa
  for (const uint32_t node : nodes_) most = std::max(most, nodes.pressure[node]);
  for (const uint32_t k : links_)
    for (const uint32_t node : {links[k].from, links[k].to}) most = std::max(most, nodes.pressure[node]);
  link_scale_ = gas.potential(most);
  scale_ = kind_ == Unknown::pressure ? most : link_scale_;
}

bool GasFlowSystem::solve(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes,
                          std::span<double> flows) {
  const auto keep = [&] {
    start_.clear();
    for (const uint32_t node : nodes_) start_.push_back(nodes.pressure[node]);
    for (const uint32_t k : links_) start_.push_back(flows[k]);
  };
  const auto put_back = [&] {
    size_t at = 0;
    for (const uint32_t node : nodes_) nodes.pressure[node] = start_[at++];
    for (const uint32_t k : links_) flows[k] = start_[at++];
  };
  keep();
  if (newton(gas, links, nodes, flows, Unknown::pressure, kWholeSteps)) return true;
  // Whole steps went round in circles.
  put_back();
  const bool found = descend(gas, links, nodes, flows);
  // From there they lead to flows of full precision, unless the solution lies on an edge.
  keep();
  if (newton(gas, links, nodes, flows, Unknown::pressure, kWholeSteps)) return true;
  put_back();
  return found;
}

bool GasFlowSystem::newton(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes,
                           std::span<double> flows, Unknown unknown, int rounds) {
  const size_t n = nodes_.size();
  kind_ = unknown;
  const bool in_pressure = kind_ == Unknown::pressure;
  set_scales(gas, links, nodes);
  for (size_t i = 0; i < n; ++i) {
    const double p = nodes.pressure[nodes_[i]];
    value_[i] = in_pressure ? p : gas.potential(p);
  }
  for (int round = 0; round < rounds; ++round) {
    if (!find_step(gas, links, nodes, flows)) return false;
    double most_flow = 1, flow_step = 0, value_step = 0, all = 0;
    for (size_t k = 0; k < links_.size(); ++k) {
      most_flow = std::max(most_flow, std::abs(flows[links_[k]]));
      flow_step = std::max(flow_step, std::abs(step_[n + k]));
    }
    for (size_t i = 0; i < n; ++i) value_step = std::max(value_step, std::abs(step_[i]));
    for (const double step : step_) all += std::abs(step);  // NaN if one is
    if (!(all < 1e15)) return false;
    move(gas, nodes, flows);
    // Convergence is quadratic: what is left after such a step is next to rounding.
    if (value_step < 1e-9 && flow_step < 1e-9 * most_flow) return true;
  }
  return false;
}

void GasFlowSystem::move(const Gas& gas, GasNodes& nodes, std::span<double> flows) {
  const size_t n = nodes_.size();
  for (size_t i = 0; i < n; ++i) {
    double& value = value_[i];
    const double next = value + step_[i] * scale_;
    // Where a regime's edge lies on the way a step may point anywhere; pressures stay within reason, and
    // through a step of time above 0.
    if (kind_ == Unknown::pressure)
      value = std::clamp(next, 0.1 * value, 10 * value + 1e4);
    else
      value = std::clamp(next, value - 2 * scale_, value + 2 * scale_);
    nodes.pressure[nodes_[i]] = kind_ == Unknown::pressure ? value : gas.pressure_of_potential(value);
  }
  for (size_t k = 0; k < links_.size(); ++k) flows[links_[k]] += step_[n + k];
}

}  // namespace looptwin::sim

// The exact step of x' = Ax + g with g held: x(t + h) = Φx(t) + Γg.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace looptwin::lang {

/// Φ = e^{Ah} and Γ = ∫₀ʰ e^{As} ds, by scaling (‖Ah‖∞/2ˢ ≤ ½), a Taylor polynomial of Γ of degree 14
/// (truncation below half an ulp), Φ = I + AΓ, and s doublings Γ(2h) = Γ + ΦΓ, Φ(2h) = Φ². Works for singular
/// A. The same bits on every machine. Everything is NaN where A is not finite.
class Discretisation {
 public:
  explicit Discretisation(size_t states) : n_(states), power_(states * states), next_(states * states) {}

  /// Row-major n×n matrices; h in s for A in 1/s.
  void compute(std::span<const double> a, double h, std::span<double> phi, std::span<double> gamma);

 private:
  size_t n_;
  std::vector<double> power_, next_;
};

}  // namespace looptwin::lang

#include "lang/plant_discretise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace looptwin::lang {
namespace {

constexpr int kDegree = 14;

/// out = scale·ab + diagonal·I; out apart from a and b.
void multiply(std::span<const double> a, std::span<const double> b, size_t n, double scale, double diagonal,
              std::span<double> out) {
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
      out[i * n + j] = scale * sum + (i == j ? diagonal : 0.0);
    }
  }
}

double largest_row_sum(std::span<const double> a, size_t n) {
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (size_t j = 0; j < n; ++j) sum += std::fabs(a[i * n + j]);
    if (!(sum <= largest)) largest = sum;  // also takes over a NaN
  }
  return largest;
}

}  // namespace

void Discretisation::compute(std::span<const double> a, double h, std::span<double> phi,
                             std::span<double> gamma) {
  const size_t n = n_;
  const double norm = largest_row_sum(a, n) * h;
  if (!std::isfinite(norm)) {
    std::fill(phi.begin(), phi.end(), std::numeric_limits<double>::quiet_NaN());
    std::fill(gamma.begin(), gamma.end(), std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const int doublings = norm > 0.5 ? std::ilogb(norm) + 2 : 0;
  const double step = std::ldexp(h, -doublings);

  // Horner: S = I + A·step/2·(I + A·step/3·(…)), Γ = step·S.
  std::span<double> s(power_), t(next_);
  std::fill(s.begin(), s.end(), 0.0);
  for (size_t i = 0; i < n; ++i) s[i * n + i] = 1;
  for (int k = kDegree; k >= 1; --k) {
    multiply(a, s, n, step / (k + 1), 1, t);
    std::swap(s, t);
  }
  for (size_t k = 0; k < n * n; ++k) gamma[k] = step * s[k];
  multiply(a, gamma, n, 1, 1, phi);

  for (int k = 0; k < doublings; ++k) {
    multiply(phi, gamma, n, 1, 0, s);
    for (size_t j = 0; j < n * n; ++j) gamma[j] += s[j];
    multiply(phi, phi, n, 1, 0, t);
    std::copy(t.begin(), t.end(), phi.begin());
  }
}

}  // namespace looptwin::lang

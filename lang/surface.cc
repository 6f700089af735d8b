#include "lang/surface.h"

namespace looptwin::lang {
namespace {

double held(double value, const double* points, size_t count) {
  if (value < points[0]) return points[0];
  return value > points[count - 1] ? points[count - 1] : value;
}

/// The last cell whose first point is at or before the value; the first where there is none.
size_t cell(double value, const double* points, size_t count) {
  size_t k = 0;
  while (k + 2 < count && value >= points[k + 1]) ++k;
  return k;
}

}  // namespace

std::vector<double> surface_list(const Surface& surface) {
  std::vector<double> list{static_cast<double>(surface.x.size()), static_cast<double>(surface.y.size()),
                           surface.extended ? 1.0 : 0.0};
  for (const auto* part : {&surface.x, &surface.y, &surface.z})
    list.insert(list.end(), part->begin(), part->end());
  return list;
}

/// z = z₀ + (z₁ - z₀) u, where z₀ and z₁ are of the two rows around x: zₖ = zₖ₀ + (zₖ₁ - zₖ₀) v; u and v are
/// the parts of the cell that lie before x and y.
void interpolate2(double* out, const double* x, const double* y, const double* list, size_t n) {
  const auto rows = static_cast<size_t>(list[0]), columns = static_cast<size_t>(list[1]);
  const bool extended = list[2] != 0;
  const double* const xs = list + 3;
  const double* const ys = xs + rows;
  const double* const zs = ys + columns;
  for (size_t k = 0; k < n; ++k) {
    const double at_x = extended ? x[k] : held(x[k], xs, rows);
    const double at_y = extended ? y[k] : held(y[k], ys, columns);
    const size_t i = cell(at_x, xs, rows), j = cell(at_y, ys, columns);
    const double u = (at_x - xs[i]) / (xs[i + 1] - xs[i]), v = (at_y - ys[j]) / (ys[j + 1] - ys[j]);
    const double* const near = zs + i * columns + j;
    const double* const far = near + columns;
    const double low = near[0] + (near[1] - near[0]) * v, high = far[0] + (far[1] - far[0]) * v;
    out[k] = low + (high - low) * u;
  }
}

}  // namespace looptwin::lang

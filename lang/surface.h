// A table of values in two directions, bilinear between its points: z over x (down the rows) and y (across).
// In a node's `number` and in a program's tables it is one list: how many rows and columns; 1 where the end
// cells go on beyond the ends, 0 where the ends are held; x of each row and y of each column, both rising;
// z, row by row.
#pragma once

#include <cstddef>
#include <vector>

namespace looptwin::lang {

struct Surface {
  std::vector<double> x, y, z;
  bool extended = false;
};
std::vector<double> surface_list(const Surface& surface);

/// out[i] = z(x[i], y[i]); NaN where x or y is. The same for rows of any number and at any vector width.
void interpolate2(double* out, const double* x, const double* y, const double* list, size_t n);

}  // namespace looptwin::lang

#include "twin/warm/cells.h"

#include <algorithm>

namespace looptwin::twin {
namespace {

template <typename T>
const T* typed(const std::byte* cells) {
  return reinterpret_cast<const T*>(cells);
}
template <typename T>
T* typed(std::byte* cells) {
  return reinterpret_cast<T*>(cells);
}

template <typename T>
bool is_fill(T cell, T fill) {
  if constexpr (std::is_same_v<T, double>)
    return std::isnan(cell);
  else
    return cell == fill;
}

template <typename T>
T encode(const VariableSpec& v, T fill, double value) {
  if constexpr (std::is_same_v<T, double>)
    return value;
  else {
    if (std::isnan(value)) return fill;
    const double steps =
        v.per_unit > 0 ? (value - v.offset) * static_cast<double>(v.per_unit) : (value - v.offset) / v.scale;
    double low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    if (fill == std::numeric_limits<T>::min()) ++low;
    if (fill == std::numeric_limits<T>::max()) --high;
    const auto raw = static_cast<T>(std::clamp(std::nearbyint(steps), low, high));
    // A fill inside the range cannot stand for a value as well: its neighbour is the nearest that can.
    return raw == fill ? static_cast<T>(raw + 1) : raw;
  }
}

}  // namespace

void fill_cells(const VariableSpec& variable, std::byte* cells, size_t count) {
  with_type(variable.storage,
            [&]<typename T>(T) { std::fill_n(typed<T>(cells), count, fill_of<T>(variable)); });
}

void lay_cells(const VariableSpec& variable, const std::byte* from, std::byte* to, size_t count) {
  with_type(variable.storage, [&]<typename T>(T) {
    const T fill = fill_of<T>(variable);
    const T* in = typed<T>(from);
    T* out = typed<T>(to);
    for (size_t i = 0; i < count; ++i) out[i] = is_fill(in[i], fill) ? out[i] : in[i];
  });
}

void decode_cells(const VariableSpec& v, const std::byte* cells, std::span<double> values) {
  with_type(v.storage, [&]<typename T>(T) {
    const T* in = typed<T>(cells);
    if constexpr (std::is_same_v<T, double>) {
      std::copy_n(in, values.size(), values.begin());
    } else {
      const T fill = fill_of<T>(v);
      const double nan = std::numeric_limits<double>::quiet_NaN();
      const double steps = static_cast<double>(v.per_unit);
      if (v.per_unit > 0) {
        for (size_t i = 0; i < values.size(); ++i) values[i] = in[i] == fill ? nan : in[i] / steps + v.offset;
      } else {
        for (size_t i = 0; i < values.size(); ++i)
          values[i] = in[i] == fill ? nan : in[i] * v.scale + v.offset;
      }
    }
  });
}

void encode_cells(const VariableSpec& variable, std::span<const double> values, std::byte* cells) {
  with_type(variable.storage, [&]<typename T>(T) {
    const T fill = fill_of<T>(variable);
    T* out = typed<T>(cells);
    for (size_t i = 0; i < values.size(); ++i) out[i] = encode<T>(variable, fill, values[i]);
  });
}

}  // namespace looptwin::twin

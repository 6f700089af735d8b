// Runs of raw cells of one variable: filled, laid one over another, decoded and encoded. The fill never
// overwrites: laying cells over others replaces only where the new ones hold a sample.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "twin/warm/spec.h"

namespace looptwin::twin {

constexpr size_t size_of(Storage storage) {
  switch (storage) {
    case Storage::u8:
      return 1;
    case Storage::i16:
      return 2;
    case Storage::i32:
      return 4;
    case Storage::f64:
      break;
  }
  return 8;
}

template <typename T>
constexpr Storage storage_of() {
  if constexpr (std::is_same_v<T, uint8_t>)
    return Storage::u8;
  else if constexpr (std::is_same_v<T, int16_t>)
    return Storage::i16;
  else if constexpr (std::is_same_v<T, int32_t>)
    return Storage::i32;
  else {
    static_assert(std::is_same_v<T, double>);
    return Storage::f64;
  }
}

/// Calls work(T{}) with the C++ type of a storage.
template <typename Work>
void with_type(Storage storage, Work&& work) {
  switch (storage) {
    case Storage::u8:
      return work(uint8_t{});
    case Storage::i16:
      return work(int16_t{});
    case Storage::i32:
      return work(int32_t{});
    case Storage::f64:
      return work(double{});
  }
}

template <typename T>
T fill_of(const VariableSpec& variable) {
  if constexpr (std::is_same_v<T, double>)
    return std::numeric_limits<double>::quiet_NaN();
  else
    return static_cast<T>(variable.fill_value());
}

/// Raw cells given by a caller, of one variable; none at all means that this variable was not sampled.
class Cells {
 public:
  Cells() = default;
  Cells(std::span<const uint8_t> c) : data_(c.data()), count_(c.size()), storage_(Storage::u8) {}
  Cells(std::span<const int16_t> c) : data_(c.data()), count_(c.size()), storage_(Storage::i16) {}
  Cells(std::span<const int32_t> c) : data_(c.data()), count_(c.size()), storage_(Storage::i32) {}
  Cells(std::span<const double> c) : data_(c.data()), count_(c.size()), storage_(Storage::f64) {}

  const void* data() const { return data_; }
  size_t count() const { return count_; }
  Storage storage() const { return storage_; }

 private:
  const void* data_ = nullptr;
  size_t count_ = 0;
  Storage storage_ = Storage::u8;
};

/// Sets `count` cells to "no sample".
void fill_cells(const VariableSpec& variable, std::byte* cells, size_t count);

/// Lays `from` over `to`, cell by cell; both aligned to the storage.
void lay_cells(const VariableSpec& variable, const std::byte* from, std::byte* to, size_t count);

/// In units; NaN where there is no sample. values.size() cells.
void decode_cells(const VariableSpec& variable, const std::byte* cells, std::span<double> values);

/// To the nearest step (ties to even), clamped to what the storage holds beside the fill; NaN becomes the
/// fill.
void encode_cells(const VariableSpec& variable, std::span<const double> values, std::byte* cells);

}  // namespace looptwin::twin

// An HDF5 identifier with its closing function. Free of HDF5's own headers, which only two sources include.
#pragma once

#include <cstdint>
#include <utility>

namespace looptwin::twin {

class Hdf5Id {
 public:
  using Close = int (*)(int64_t);
  Hdf5Id() = default;
  Hdf5Id(int64_t id, Close close) : id_(id), close_(close) {}
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Id& operator=(Hdf5Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Id() { close(); }

  /// False: HDF5 could not close it (a file whose last bytes did not reach the disk).
  bool close() {
    const int64_t id = std::exchange(id_, -1);
    return id < 0 || close_(id) >= 0;
  }
  bool ok() const { return id_ >= 0; }
  operator int64_t() const { return id_; }

 private:
  int64_t id_ = -1;
  Close close_ = nullptr;
};

}  // namespace looptwin::twin

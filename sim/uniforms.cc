#include "sim/uniforms.h"

#include <algorithm>
#include <bit>

namespace looptwin::sim {

void Uniforms::reserve(int64_t points) {
  const size_t wanted = std::bit_ceil(static_cast<size_t>(points));
  if (wanted <= mask_ + 1 && !ring_.empty()) return;
  std::vector<double> bigger(wanted * width_);
  const int64_t kept = std::min<int64_t>(next_, ring_.empty() ? 0 : static_cast<int64_t>(mask_ + 1));
  for (int64_t g = next_ - kept; g < next_; ++g)
    std::copy_n(at(g), width_, bigger.data() + (static_cast<size_t>(g) & (wanted - 1)) * width_);
  ring_ = std::move(bigger);
  mask_ = wanted - 1;
}

void Uniforms::extend(Time boundary, lang::UniformProgram::Feeds& feeds) {
  const int64_t last = floor_to(boundary, step_).ns / step_.ns;
  if (width_ == 0 || last < next_) {
    next_ = std::max(next_, last + 1);
    return;
  }
  reserve(kLongestLag + 2 + (last - next_ + 1));
  for (; next_ <= last; ++next_) {
    double* values = ring_.data() + (static_cast<size_t>(next_) & mask_) * width_;
    program_.run(Time{next_ * step_.ns}, feeds, {values, width_});
  }
}

void Uniforms::save(ArchiveWriter& archive) const {
  archive.section("uniforms", 1);
  archive.put(next_);
  archive.put<uint64_t>(mask_);
  archive.put_vector(ring_);
}

void Uniforms::restore(ArchiveReader& archive) {
  archive.section("uniforms", 1);
  next_ = archive.get<int64_t>();
  mask_ = archive.get<uint64_t>();
  ring_ = archive.get_vector<double>();
}

}  // namespace looptwin::sim

#include "twin/warm/packer.h"

#include <zlib.h>

#include "base/check.h"

namespace looptwin::twin {
namespace {

template <size_t kSize>
void shuffle(const std::byte* cells, size_t count, std::byte* planes) {
  for (size_t b = 0; b < kSize; ++b) {
    for (size_t i = 0; i < count; ++i) planes[b * count + i] = cells[i * kSize + b];
  }
}

void shuffle(std::span<const std::byte> cells, size_t size, std::byte* planes) {
  const size_t count = cells.size() / size;
  switch (size) {
    case 2:
      return shuffle<2>(cells.data(), count, planes);
    case 4:
      return shuffle<4>(cells.data(), count, planes);
    case 8:
      return shuffle<8>(cells.data(), count, planes);
    default:
      break;
  }
  for (size_t b = 0; b < size; ++b) {
    for (size_t i = 0; i < count; ++i) planes[b * count + i] = cells[i * size + b];
  }
}

}  // namespace

struct Packer::Stream {
  z_stream z{};
  Stream() { LT_CHECK(deflateInit(&z, kDeflateLevel) == Z_OK); }
  ~Stream() { deflateEnd(&z); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

Packer::Packer() : stream_(std::make_unique<Stream>()) {}
Packer::~Packer() = default;
Packer::Packer(Packer&&) noexcept = default;
Packer& Packer::operator=(Packer&&) noexcept = default;

std::span<const std::byte> Packer::pack(std::span<const std::byte> cells, size_t size) {
  auto& z = stream_->z;
  deflateReset(&z);
  // Of sensor noise only the first candidate for a match is worth a look: a third faster, no byte more.
  deflateTune(&z, 4, 4, 8, 1);
  packed_.resize(deflateBound(&z, cells.size()));
  const std::byte* in = cells.data();
  if (size > 1) {  // as HDF5, whose shuffle leaves single bytes alone
    planes_.resize(cells.size());
    shuffle(cells, size, planes_.data());
    in = planes_.data();
  }
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in));
  z.avail_in = static_cast<uInt>(cells.size());
  z.next_out = reinterpret_cast<Bytef*>(packed_.data());
  z.avail_out = static_cast<uInt>(packed_.size());
  LT_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
  return std::span(packed_).first(z.total_out);
}

}  // namespace looptwin::twin

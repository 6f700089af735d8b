#include "base/deflate.h"

#include <zlib.h>

#include "base/check.h"

namespace looptwin {
namespace {

/// Small, for there are many packers: 64 KiB each in place of 256. What is packed is hardly larger.
constexpr int kWindowBits = 13;
constexpr int kMemoryLevel = 6;

}  // namespace

struct Deflater::Stream {
  z_stream z{};
  Stream() {
    const int made =
        ::deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY);
    LT_CHECK(made == Z_OK, "no memory for a packer");
  }
  ~Stream() { ::deflateEnd(&z); }
};

Deflater::Deflater() : stream_(std::make_unique<Stream>()) {}
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;

size_t Deflater::append(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  z_stream& z = stream_->z;
  ::deflateReset(&z);
  const size_t before = out.size();
  out.resize(before + ::deflateBound(&z, static_cast<uLong>(bytes.size())));
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  z.avail_out = static_cast<uInt>(out.size() - before);
  LT_CHECK(::deflate(&z, Z_FINISH) == Z_STREAM_END, "the bound of packed bytes was none");
  out.resize(before + z.total_out);
  return z.total_out;
}

bool inflate(std::span<const std::byte> packed, std::span<std::byte> out) {
  auto size = static_cast<uLongf>(out.size());
  const int done =
      ::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                   static_cast<uLong>(packed.size()));
  return done == Z_OK && size == out.size();
}

}  // namespace looptwin

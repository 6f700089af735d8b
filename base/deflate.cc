#include "base/deflate.h"

#include <zlib.h>

#include "base/check.h"

namespace looptwin {

struct Deflater::Stream {
  z_stream z{};
  Stream() { LT_CHECK(::deflateInit(&z, Z_BEST_SPEED) == Z_OK, "no memory for a packer"); }
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

// Bytes made smaller and whole again: DEFLATE (RFC 1951) in zlib's wrapping, at its fastest level. What is
// kept of a run while it runs is packed with it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace looptwin {

/// Keeps its memory: packing does not allocate once `out` is large enough. For one thread at a time.
class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  /// Appends the packed bytes; returns how many they are.
  size_t append(std::span<const std::byte> bytes, std::vector<std::byte>& out);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

/// Unpacks into exactly out.size() bytes; false where the packed ones are damaged or of another length.
bool inflate(std::span<const std::byte> packed, std::span<std::byte> out);

}  // namespace looptwin

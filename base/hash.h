// Hashes that are part of our interface: the decision fingerprint and checksums on disk. Stable for ever.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace looptwin {

/// XXH3, 64 bits, seed 0.
uint64_t hash64(std::span<const std::byte> bytes);
uint64_t hash64(std::string_view text);

/// CRC-32 (IEEE 802.3, as zlib's), for what lies on disk.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t start = 0);

/// A running 128-bit XXH3 over whatever is appended; append order matters, chunking does not.
class Fingerprint {
 public:
  Fingerprint();
  ~Fingerprint();
  Fingerprint(Fingerprint&&) noexcept;
  Fingerprint& operator=(Fingerprint&&) noexcept;

  void append(std::span<const std::byte> bytes);
  /// 32 hexadecimal digits of all that was appended so far.
  std::string digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace looptwin

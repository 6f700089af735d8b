// Hashes that are part of our interface: the decision fingerprint and checksums on disk. Stable for ever.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace looptwin {

/// XXH3, 64 bits, seed 0.
uint64_t hash64(std::span<const std::byte> bytes);
uint64_t hash64(std::string_view text);

/// CRC-32 (IEEE 802.3, as zlib's), for what lies on disk.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t start = 0);

/// XXH3, 128 bits, seed 0.
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 hash128(std::span<const std::byte> bytes);
/// 32 hexadecimal digits.
std::string to_string(const Hash128& hash);

}  // namespace looptwin

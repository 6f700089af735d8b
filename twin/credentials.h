// Device secrets and what is kept of them. A secret is shown once, when it is made; kept is only a hash, of
// one of two kinds, chosen for each device:
//   keyed     BLAKE2b-256 with the registry's key. For secrets that were generated here: 256 random bits
//   cannot
//             be guessed, so that a fast hash is safe, and a broker can check 100 000s of them a second.
//   argon2id  Argon2id, 64 MiB and two passes (about 0.1 s). For secrets that people have chosen.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace looptwin::twin {

enum class CredentialKind : uint8_t { keyed, argon2id };
std::string_view name_of(CredentialKind kind);
std::optional<CredentialKind> credential_kind(std::string_view name);

using RegistryKey = std::array<uint8_t, 32>;
RegistryKey generate_registry_key();

/// 256 bits from the system's source of randomness, as 43 characters of base64url.
std::string generate_secret();

/// A chosen secret is at least so long; one that is to be kept by the fast hash must be as long as ours.
inline constexpr size_t kLeastSecret = 8;
inline constexpr size_t kLeastKeyedSecret = 43;

/// What is kept of a device's secret. Refused are secrets that are too short for the kind. The id goes into
/// the keyed hash, so that a hash copied to another device's row is worth nothing there.
Result<std::string> hash_secret(CredentialKind kind, const RegistryKey& key, std::string_view device,
                                std::string_view secret);
/// The fast hash of any secret, for what is not kept: nobody is to guess at it for long.
std::string fast_hash(const RegistryKey& key, std::string_view device, std::string_view secret);
/// Compares in a time that does not depend on where they differ. An empty hash fits no secret.
bool fits(const std::string& hash, const RegistryKey& key, std::string_view device, std::string_view secret);
/// "keyed", "argon2id"; "" of an empty hash.
std::string_view kind_of(std::string_view hash);

}  // namespace looptwin::twin

#include "twin/credentials.h"

#include <fmt/format.h>
#include <sodium.h>

#include "base/check.h"

namespace looptwin::twin {
namespace {

constexpr std::string_view kKeyedPrefix = "$blake2b-keyed$";

/// libsodium wants this once before anything else; again it does nothing. From any thread.
void ready() { LT_CHECK(sodium_init() >= 0, "libsodium does not start"); }

std::string base64(const uint8_t* bytes, size_t size) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(size, kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes, size, kVariant);
  text.pop_back();  // the terminating zero
  return text;
}

const uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

std::string keyed_hash(const RegistryKey& key, std::string_view device, std::string_view secret) {
  std::array<uint8_t, 32> digest;
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), digest.size());
  // The id's length stands before it: no id and secret run together into another pair.
  const uint64_t length = device.size();
  std::array<uint8_t, 8> head;
  for (size_t i = 0; i < head.size(); ++i) head[i] = static_cast<uint8_t>(length >> (8 * i));
  crypto_generichash_update(&state, head.data(), head.size());
  crypto_generichash_update(&state, bytes_of(device), device.size());
  crypto_generichash_update(&state, bytes_of(secret), secret.size());
  crypto_generichash_final(&state, digest.data(), digest.size());
  sodium_memzero(&state, sizeof state);
  return std::string(kKeyedPrefix) + base64(digest.data(), digest.size());
}

}  // namespace

std::string_view name_of(CredentialKind kind) { return kind == CredentialKind::keyed ? "keyed" : "argon2id"; }

std::optional<CredentialKind> credential_kind(std::string_view name) {
  if (name == "keyed") return CredentialKind::keyed;
  if (name == "argon2id") return CredentialKind::argon2id;
  return std::nullopt;
}

RegistryKey generate_registry_key() {
  ready();
  RegistryKey key;
  randombytes_buf(key.data(), key.size());
  return key;
}

std::string generate_secret() {
  ready();
  std::array<uint8_t, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return base64(bytes.data(), bytes.size());
}

Result<std::string> hash_secret(CredentialKind kind, const RegistryKey& key, std::string_view device,
                                std::string_view secret) {
  ready();
  const bool keyed = kind == CredentialKind::keyed;
  if (const size_t least = keyed ? kLeastKeyedSecret : kLeastSecret; secret.size() < least)
    return failure(fmt::format("the secret has {} characters; {} needs at least {}", secret.size(),
                               name_of(kind), least),
                   keyed ? "let one be generated, or choose argon2id" : "let one be generated");
  if (keyed) return keyed_hash(key, device, secret);
  std::array<char, crypto_pwhash_STRBYTES> text{};
  if (crypto_pwhash_str_alg(text.data(), secret.data(), secret.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                            crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return failure("there is no memory for Argon2id, which needs 64 MiB");
  return std::string(text.data());
}

std::string fast_hash(const RegistryKey& key, std::string_view device, std::string_view secret) {
  ready();
  return keyed_hash(key, device, secret);
}

bool fits(const std::string& hash, const RegistryKey& key, std::string_view device, std::string_view secret) {
  ready();
  if (hash.empty()) return false;
  if (kind_of(hash) == "argon2id")
    return crypto_pwhash_str_verify(hash.c_str(), secret.data(), secret.size()) == 0;
  const auto presented = keyed_hash(key, device, secret);
  return presented.size() == hash.size() && sodium_memcmp(presented.data(), hash.data(), hash.size()) == 0;
}

std::string_view kind_of(std::string_view hash) {
  return hash.empty() ? "" : hash.starts_with("$argon2id$") ? "argon2id" : "keyed";
}

}  // namespace looptwin::twin

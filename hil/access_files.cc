#include "hil/access_files.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <span>

#include "base/check.h"

namespace looptwin::hil {
namespace {

constexpr int kIterations = 101;  // what Mosquitto 2.0 writes; secrets that were generated need no more

std::string base64(std::span<const uint8_t> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

std::string password_hash(const std::string& secret) {
  std::array<uint8_t, 12> salt{};
  std::array<uint8_t, 64> hash{};
  LT_CHECK(::RAND_bytes(salt.data(), static_cast<int>(salt.size())) == 1, "the system has random numbers");
  LT_CHECK(::PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), salt.data(),
                               static_cast<int>(salt.size()), kIterations, ::EVP_sha512(),
                               static_cast<int>(hash.size()), hash.data()) == 1,
           "OpenSSL has SHA-512");
  return fmt::format("$7${}${}${}", kIterations, base64(salt), base64(hash));
}

}  // namespace

std::string acl_file(const BrokerView& view, const std::string& user) {
  std::string text = fmt::format(
      "# Written by looptwin rig acl: who may say and hear what.\nuser {}\ntopic readwrite #\n", user);
  for (const auto& device : view.devices) {
    if (!twin::may_connect(device.state)) continue;
    text += fmt::format("\nuser {}\n", device.id);
    const auto& model = view.models[device.model];
    for (const auto& topic : model.says)
      text += fmt::format("topic readwrite {}\n", topic.topic(device.id, "+"));
    for (const auto& topic : model.hears) text += fmt::format("topic read {}\n", topic.topic(device.id, "+"));
  }
  return text;
}

std::string password_file(const std::map<std::string, std::string>& secrets) {
  std::string text;
  for (const auto& [name, secret] : secrets) text += fmt::format("{}:{}\n", name, password_hash(secret));
  return text;
}

}  // namespace looptwin::hil

#include "testbed/rig/rig_effects.h"

#include <fmt/format.h>

#include <algorithm>

#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

class Checks {
 public:
  explicit Checks(const RigConfig& rig) : rig_(rig) {}

  void error(const std::string& key, std::string message, std::string hint) {
    problems_.push_back({Severity::error, rig_.written.at(key), std::move(message), std::move(hint)});
  }
  /// Of a key that has no effect: what to write for it to have one.
  void without_effect(const std::string& key, std::string message, const std::string& otherwise) {
    if (rig_.has(key)) error(key, std::move(message), fmt::format("{}, or leave {} out", otherwise, key));
  }
  Result<void> done() {
    if (problems_.empty()) return {};
    return tl::make_unexpected(std::move(problems_));
  }

 private:
  const RigConfig& rig_;
  Diagnostics problems_;
};

}  // namespace

Result<void> check_certificates(const RigConfig& rig) {
  Checks checks(rig);
  const auto& broker = rig.broker;
  const bool tls = broker.broker.starts_with("mqtts://");
  for (const auto& [key, file] :
       {std::pair("certificates", &broker.certificates), std::pair("certificate", &broker.certificate),
        std::pair("key", &broker.key)}) {
    if (!rig.has(key)) continue;
    if (!tls) {
      checks.without_effect(key,
                            broker.broker.empty() ? "nobody asks for certificates at a broker of our own"
                                                  : "nobody asks for certificates at " + broker.broker,
                            "write broker: mqtts://HOST:PORT");
      continue;
    }
    const auto text = twin::read_whole_file(*file);
    if (!text)
      checks.error(key, text.error().front().message, "write where it is, from the folder of rig.yaml");
    else if (text->find("-----BEGIN ") == std::string::npos)
      checks.error(key, fmt::format("{} is no PEM file", *file), "write a file that has a line -----BEGIN …");
  }
  if (rig.has("certificate") && !rig.has("key"))
    checks.error("certificate", "nobody is believed a certificate without its key",
                 "write key: FILE as well; it may be the same file");
  if (rig.has("key") && !rig.has("certificate"))
    checks.error("key", "it is the key of no certificate", "write certificate: FILE as well");
  return checks.done();
}

Result<void> check_effects(const RigConfig& rig, const std::vector<hil::Mapping>& mappings,
                           bool has_registry) {
  Checks checks(rig);
  const bool own = rig.broker.broker.empty();
  if (own && !has_registry)
    for (const auto* key : {"user", "password", "most_messages"})
      checks.without_effect(key, "anybody may connect to a broker of our own, for the rig has no registry",
                            "write registry: FILE");
  if (own)
    checks.without_effect("view", "a broker of our own has one in its own folder",
                          "write broker: mqtt://HOST:PORT");
  else if (!has_registry)
    checks.without_effect("view", "the rig has no registry whose devices could stand in it",
                          "write registry: FILE");
  else if (rig.has("view") && (rig.broker.user.empty() || rig.broker.password.empty()))
    checks.error("view", "the plugin that reads it asks looptwin, too, who it is",
                 "write user and password as well");
  if (!own) {
    if (!rig.has("view"))
      checks.without_effect("most_messages", "how much a device may say is up to " + rig.broker.broker,
                            "write view: FILE for our plugin there");
    if (rig.broker.user.empty())
      checks.without_effect("password", "it is nobody's password", "write user: NAME as well");
  }
  const auto is_sparkplug = [](const auto& mapping) { return mapping.convention == "sparkplug"; };
  if (std::none_of(mappings.begin(), mappings.end(), is_sparkplug))
    checks.without_effect("sparkplug", "no model's devices speak Sparkplug",
                          "write convention: sparkplug where devices says how they speak");
  return checks.done();
}

}  // namespace looptwin::testbed

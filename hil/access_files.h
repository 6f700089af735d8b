// The registry's answers as Mosquitto's own files, for a broker without our plugin: acl_file, and
// password_file for the devices whose secrets are known.
#pragma once

#include <map>
#include <string>

#include "hil/broker_view.h"

namespace looptwin::hil {

/// A section for each device that may connect, with its own topics; `user` may do everything.
std::string acl_file(const BrokerView& view, const std::string& user);

/// A line for each name with a secret: PBKDF2 with SHA-512, as mosquitto_passwd writes them. The registry
/// itself keeps no secrets, only hashes that Mosquitto cannot read.
std::string password_file(const std::map<std::string, std::string>& secrets);

}  // namespace looptwin::hil

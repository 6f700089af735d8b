// A client of libmosquitto without threads of its own: whoever holds it lets it read, write and look after
// its connection. Its callbacks get `self`.
#pragma once

#include <memory>

#include "hil/mqtt_link.h"

struct mosquitto;

namespace looptwin::hil {

struct MosquittoClientEnd {
  void operator()(mosquitto* client) const;
};
using MosquittoClient = std::unique_ptr<mosquitto, MosquittoClientEnd>;

/// With the options' id, credentials, TLS, version and will (which bears their `origin`), without Nagle's
/// algorithm. Null where there is no memory or descriptor left. `fresh`: it takes up no earlier session.
MosquittoClient make_mosquitto_client(const MqttOptions& options, bool fresh, void* self);

/// Descriptors that one client takes: its connection, and a pair of sockets of the library's.
inline constexpr size_t kClientDescriptors = 3;

}  // namespace looptwin::hil

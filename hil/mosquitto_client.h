// A client of libmosquitto without threads of its own: whoever holds it lets it read, write and look after
// its connection. Its callbacks get `self`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hil/broker_address.h"
#include "hil/mqtt_link.h"

struct mosquitto;
struct mqtt5__property;  // the library's mosquitto_property

namespace looptwin::hil {

struct MosquittoClientEnd {
  void operator()(mosquitto* client) const;
};
using MosquittoClient = std::unique_ptr<mosquitto, MosquittoClientEnd>;

struct MosquittoPropertiesEnd {
  void operator()(mqtt5__property* list) const;
};
using MosquittoProperties = std::unique_ptr<mqtt5__property, MosquittoPropertiesEnd>;

/// With the options' id, credentials, TLS and version, without Nagle's algorithm. Null where there is no
/// memory or descriptor left. `fresh`: it takes up no earlier session.
MosquittoClient make_mosquitto_client(const MqttOptions& options, bool fresh, void* self);

/// Before each attempt to connect: the options' will, which bears their `origin`.
void set_mosquitto_will(mosquitto* client, const MqttOptions& options, const Attempt& attempt);

/// Begins to connect a client that was made with the same options, for the first time; returns the library's
/// code. Where the session is not `fresh` the broker keeps it for an hour, and this waits for the network.
int connect_mosquitto_client(mosquitto* client, const BrokerAddress& broker, const MqttOptions& options,
                             bool fresh);

/// A packet that asks for filters, and which of them is its first.
struct AskedFilters {
  int packet = 0;
  size_t first = 0;
};
/// QoS 1. Returns the packets that ask for it, each of which is answered.
std::vector<AskedFilters> subscribe_mosquitto_client(mosquitto* client, std::vector<std::string>& filters);

/// Says the options' `origin` with a message; null where they have none, or MQTT 3.1.1.
MosquittoProperties origin_property(const MqttOptions& options);
/// All that a message says beside its payload.
void take_properties(MqttMessage& message, const mqtt5__property* properties);

}  // namespace looptwin::hil

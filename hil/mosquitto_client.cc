#include "hil/mosquitto_client.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "hil/message_properties.h"

namespace looptwin::hil {
namespace {

constexpr int kQos = 1;
constexpr uint32_t kSessionKept = 3600;  // s

/// PEM files; where no authorities are named those of the system.
void secure(mosquitto* client, const MqttOptions& options) {
  const auto given = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  ::mosquitto_tls_set(client, given(options.certificates),
                      options.certificates.empty() ? "/etc/ssl/certs" : nullptr, given(options.certificate),
                      given(options.key), nullptr);
}

}  // namespace

void MosquittoClientEnd::operator()(mosquitto* client) const { ::mosquitto_destroy(client); }

void MosquittoPropertiesEnd::operator()(mqtt5__property* list) const { ::mosquitto_property_free_all(&list); }

MosquittoClient make_mosquitto_client(const MqttOptions& options, bool fresh, void* self) {
  static std::once_flag once;
  std::call_once(once, [] { ::mosquitto_lib_init(); });
  MosquittoClient client(::mosquitto_new(options.client_id.c_str(), fresh, self));
  if (client == nullptr) return nullptr;
  ::mosquitto_int_option(client.get(), MOSQ_OPT_PROTOCOL_VERSION,
                         options.version == MqttVersion::v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  ::mosquitto_int_option(client.get(), MOSQ_OPT_TCP_NODELAY, 1);
  if (!options.user.empty())
    ::mosquitto_username_pw_set(client.get(), options.user.c_str(), options.password.c_str());
  if (options.broker.starts_with("mqtts://")) secure(client.get(), options);
  return client;
}

void set_mosquitto_will(mosquitto* client, const MqttOptions& options, const Attempt& attempt) {
  if (!options.will) return;
  const auto will = options.will(attempt);
  // The properties are the library's, once they are given.
  ::mosquitto_will_set_v5(client, will.topic.c_str(), static_cast<int>(will.payload.size()),
                          will.payload.data(), kQos, will.retain, origin_property(options).release());
}

int connect_mosquitto_client(mosquitto* client, const BrokerAddress& broker, const MqttOptions& options,
                             bool fresh) {
  const int keep_alive = static_cast<int>(options.keep_alive.ns / 1'000'000'000);
  if (fresh || options.version != MqttVersion::v5)
    return ::mosquitto_connect_async(client, broker.host.c_str(), broker.port, keep_alive);
  // Only this one takes properties, which the library copies for later connections.
  mosquitto_property* list = nullptr;
  ::mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, kSessionKept);
  const MosquittoProperties kept(list);
  return ::mosquitto_connect_bind_v5(client, broker.host.c_str(), broker.port, keep_alive, nullptr, list);
}

std::vector<AskedFilters> subscribe_mosquitto_client(mosquitto* client, std::vector<std::string>& filters) {
  constexpr size_t kMostInPacket = 500;
  std::vector<AskedFilters> packets;
  std::vector<char*> of_packet;
  for (size_t first = 0; first < filters.size(); first += of_packet.size()) {
    of_packet.clear();
    for (size_t i = first; i < std::min(first + kMostInPacket, filters.size()); ++i)
      of_packet.push_back(filters[i].data());
    auto& asked = packets.emplace_back(AskedFilters{0, first});
    ::mosquitto_subscribe_multiple(client, &asked.packet, static_cast<int>(of_packet.size()),
                                   of_packet.data(), kQos, 0, nullptr);
  }
  return packets;
}

MosquittoProperties origin_property(const MqttOptions& options) {
  mosquitto_property* list = nullptr;
  if (!options.origin.empty() && options.version == MqttVersion::v5)
    ::mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, kOriginProperty,
                                         options.origin.c_str());
  return MosquittoProperties(list);
}

void take_properties(MqttMessage& message, const mqtt5__property* properties) {
  char *name = nullptr, *value = nullptr;
  for (bool skip = false; (properties = ::mosquitto_property_read_string_pair(
                               properties, MQTT_PROP_USER_PROPERTY, &name, &value, skip)) != nullptr;
       skip = true) {
    take_property(message, name, value);
    ::free(name);
    ::free(value);
  }
}

}  // namespace looptwin::hil

#include "hil/mosquitto_client.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <mutex>

#include "hil/message_properties.h"

namespace looptwin::hil {
namespace {

constexpr int kQos = 1;

/// PEM files; where no authorities are named those of the system.
void secure(mosquitto* client, const MqttOptions& options) {
  const auto given = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  ::mosquitto_tls_set(client, given(options.certificates),
                      options.certificates.empty() ? "/etc/ssl/certs" : nullptr, given(options.certificate),
                      given(options.key), nullptr);
}

void set_will(mosquitto* client, const MqttOptions& options) {
  mosquitto_property* properties = nullptr;  // the library's, once they are given
  if (!options.origin.empty() && options.version == MqttVersion::v5)
    ::mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, kOriginProperty,
                                         options.origin.c_str());
  const auto& will = *options.will;
  ::mosquitto_will_set_v5(client, will.topic.c_str(), static_cast<int>(will.payload.size()),
                          will.payload.data(), kQos, true, properties);
}

}  // namespace

void MosquittoClientEnd::operator()(mosquitto* client) const { ::mosquitto_destroy(client); }

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
  if (options.will) set_will(client.get(), options);
  return client;
}

}  // namespace looptwin::hil

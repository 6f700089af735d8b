// The plugin that Mosquitto loads: says of each message when it was here and, where it is given the
// registry's view, asks that about every connection, message and subscription, says who is there
// ($looptwin/presence/ID) and what was refused ($looptwin/violations). All callbacks are made by the broker's
// one thread: none of them waits for a disk, a hash or a lock that is held for long.
#include <openssl/x509.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>

#include "base/json_tree.h"
#include "hil/message_properties.h"
#include "hil/mosquitto_plugin/slow_secrets.h"
#include "hil/mosquitto_plugin/view_watch.h"
#include "hil/mosquitto_plugin/violations.h"

extern "C" {
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>
}

namespace looptwin::hil {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string_view view_of(const char* text) { return text != nullptr ? text : ""; }

double unix_seconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

/// The common name of a certificate that the broker has verified; empty: there is none.
std::string certificate_name(const mosquitto* client) {
  auto* certificate = static_cast<X509*>(mosquitto_client_certificate(client));
  if (certificate == nullptr) return {};
  char name[256] = {};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                             static_cast<int>(sizeof name));
  X509_free(certificate);
  // A name with a zero in it is none: "plug-1\0.evil" would be taken for plug-1.
  return size > 0 && std::strlen(name) == static_cast<size_t>(size) ? name : "";
}

class Plugin {
 public:
  Plugin(std::shared_ptr<const BrokerAccess> access, std::unique_ptr<ViewWatch> watch)
      : access_(std::move(access)), watch_(std::move(watch)) {}

  int connect(const mosquitto_evt_basic_auth& event) {
    const auto client = view_of(mosquitto_client_id(event.client));
    const auto certificate = certificate_name(event.client);
    const Presented shown{client, view_of(event.username), view_of(event.password), certificate};
    const auto admission = access_->admit(shown, [&](const auto& device, std::string_view secret) {
      return slow_.ask(device.id, device.hash, secret);
    });
    using Answer = BrokerAccess::Admission::Answer;
    // Closed without an answer, as if the network had failed: devices come again, and then it is known.
    if (admission.answer == Answer::later) return MOSQ_ERR_UNKNOWN;
    if (admission.answer == Answer::no) {
      violations_.add(admission.why, shown.user.empty() ? shown.certificate : shown.user, client,
                      view_of(mosquitto_client_address(event.client)), "");
      return MOSQ_ERR_AUTH;
    }
    if (const auto* device = access_->device(client); device != nullptr) {
      auto& session = sessions_[device->id];
      session = {event.client, ++last_session_, device->hash, static_cast<double>(most()),
                 SteadyClock::now()};
      tell_presence(device->id, session.number, true);
    }
    return MOSQ_ERR_SUCCESS;
  }

  int authorise(const mosquitto_evt_acl_check& event) {
    if (access_->is_host(view_of(mosquitto_client_username(event.client)))) {
      if (event.access == MOSQ_ACL_SUBSCRIBE && view_of(event.topic).starts_with("$looptwin/")) asked_ = true;
      return MOSQ_ERR_SUCCESS;
    }
    const auto client = view_of(mosquitto_client_id(event.client));
    const auto topic = view_of(event.topic);
    const auto* device = access_->device(client);
    switch (event.access) {
      case MOSQ_ACL_UNSUBSCRIBE:
        return MOSQ_ERR_SUCCESS;
      case MOSQ_ACL_READ:
        return device != nullptr && access_->may_hear(*device, topic) ? MOSQ_ERR_SUCCESS
                                                                      : MOSQ_ERR_ACL_DENIED;
      case MOSQ_ACL_SUBSCRIBE:
        if (device != nullptr && access_->may_subscribe(*device, topic)) return MOSQ_ERR_SUCCESS;
        return deny(event, Violation::subscribe);
      default:
        return say(event, device, topic);
    }
  }

  void disconnect(const mosquitto* client) {
    const auto session = sessions_.find(std::string(view_of(mosquitto_client_id(client))));
    // One whose session was taken over has gone before: its device is here.
    if (session == sessions_.end() || session->second.client != client) return;
    session->second.client = nullptr;
    tell_presence(session->first, session->second.number, false);
  }

  /// Ten times a second, or more often.
  void tick() {
    if (!watching_) watch_->start(), watching_ = true;
    if (auto news = watch_->take()) take_view(std::move(news));
    if (const auto problem = watch_->take_problem(); !problem.empty())
      mosquitto_log_printf(MOSQ_LOG_ERR, "looptwin: %s", problem.c_str());
    if (asked_) {
      asked_ = false;
      for (const auto& [id, session] : sessions_)
        if (session.client != nullptr) tell_presence(id, session.number, true);
    }
    for (const auto& device : slow_.take_wrong())
      violations_.add(Violation::wrong_secret, device, "", "", "");
    const auto now = SteadyClock::now();
    if (now - told_ < std::chrono::seconds(1)) return;
    told_ = now;
    for (const auto& line : violations_.take()) tell_violation(line);
  }

 private:
  struct Session {
    const mosquitto* client = nullptr;  ///< null: it has ended
    uint64_t number = 0;
    std::string hash;  ///< that it came in with
    double room = 0;   ///< messages that it may send now
    SteadyClock::time_point filled;
  };

  /// Messages a second; ten times as many at once, for what a device has kept while it had no link.
  double rate() const { return access_->view().most_messages; }
  double most() const { return 10 * rate(); }

  int deny(const mosquitto_evt_acl_check& event, Violation why) {
    const auto client = view_of(mosquitto_client_id(event.client));
    violations_.add(why, client, client, view_of(mosquitto_client_address(event.client)),
                    view_of(event.topic));
    return MOSQ_ERR_ACL_DENIED;
  }

  int say(const mosquitto_evt_acl_check& event, const BrokerView::Device* device, std::string_view topic) {
    const auto session = device != nullptr ? sessions_.find(device->id) : sessions_.end();
    // What is published for a client that has gone is its will.
    const bool here = session != sessions_.end() && session->second.client == event.client;
    if (device == nullptr || !access_->may_say(*device, topic))
      return deny(event, here ? Violation::publish : Violation::will);
    if (!here) return MOSQ_ERR_SUCCESS;
    auto& room = session->second.room;
    const auto now = SteadyClock::now();
    const std::chrono::duration<double> passed = now - session->second.filled;
    session->second.filled = now;
    room = std::min(most(), room + passed.count() * rate());
    if (room < 1) return deny(event, Violation::flood);
    room -= 1;
    return MOSQ_ERR_SUCCESS;
  }

  /// Whoever may not be here any more is thrown out, before the new view holds: its will is still its own.
  void take_view(std::shared_ptr<const BrokerAccess> news) {
    std::vector<std::string> out;
    for (const auto& [id, session] : sessions_) {
      const auto* device = news->device(id);
      if (session.client != nullptr &&
          (device == nullptr || !twin::may_connect(device->state) || device->hash != session.hash))
        out.push_back(id);
    }
    for (const auto& id : out) {
      mosquitto_log_printf(MOSQ_LOG_NOTICE, "looptwin: %s is not admitted any more", id.c_str());
      mosquitto_kick_client_by_clientid(id.c_str(), true);
    }
    access_ = std::move(news);
    std::erase_if(sessions_, [&](const auto& entry) {
      return entry.second.client == nullptr && access_->device(entry.first) == nullptr;
    });
  }

  void tell_presence(const std::string& device, uint64_t session, bool online) {
    publish("$looptwin/presence/" + device,
            dump_json(OrderedJson{{"online", online}, {"session", session}, {"t", unix_seconds()}}));
  }

  void tell_violation(const Violations::Line& line) {
    OrderedJson json{{"kind", name_of(line.kind)}, {"device", line.name}, {"client", line.client},
                     {"address", line.address},    {"count", line.count}, {"t", unix_seconds()}};
    if (!line.topic.empty()) json["topic"] = line.topic;
    mosquitto_log_printf(MOSQ_LOG_WARNING, "looptwin: %s", dump_json(json).c_str());
    publish("$looptwin/violations", dump_json(json));
  }

  static void publish(const std::string& topic, const std::string& payload) {
    mosquitto_broker_publish_copy(nullptr, topic.c_str(), static_cast<int>(payload.size()), payload.data(), 1,
                                  false, nullptr);
  }

  std::shared_ptr<const BrokerAccess> access_;
  std::unique_ptr<ViewWatch> watch_;
  SlowSecrets slow_;
  Violations violations_;
  std::unordered_map<std::string, Session> sessions_;  ///< by the device's id
  uint64_t last_session_ = 0;
  SteadyClock::time_point told_;
  bool asked_ = false;  ///< somebody wants to know who is here
  bool watching_ = false;
};

Plugin& plugin(void* data) { return *static_cast<Plugin*>(data); }

int on_connect(int, void* event, void* data) {
  return plugin(data).connect(*static_cast<mosquitto_evt_basic_auth*>(event));
}
int on_access(int, void* event, void* data) {
  return plugin(data).authorise(*static_cast<mosquitto_evt_acl_check*>(event));
}
/// After whatever its sender says of it.
int on_message(int, void* event, void*) {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
  mosquitto_property_add_string_pair(&static_cast<mosquitto_evt_message*>(event)->properties,
                                     MQTT_PROP_USER_PROPERTY, kBrokerTimeProperty,
                                     std::to_string(ns).c_str());
  return MOSQ_ERR_SUCCESS;
}
int on_disconnect(int, void* event, void* data) {
  return plugin(data).disconnect(static_cast<mosquitto_evt_disconnect*>(event)->client), MOSQ_ERR_SUCCESS;
}
int on_tick(int, void*, void* data) { return plugin(data).tick(), MOSQ_ERR_SUCCESS; }

/// The first one needs no plugin, and no registry.
constexpr std::pair<int, MOSQ_FUNC_generic_callback> kCallbacks[] = {{MOSQ_EVT_MESSAGE, on_message},
                                                                     {MOSQ_EVT_BASIC_AUTH, on_connect},
                                                                     {MOSQ_EVT_ACL_CHECK, on_access},
                                                                     {MOSQ_EVT_DISCONNECT, on_disconnect},
                                                                     {MOSQ_EVT_TICK, on_tick}};

std::span<const std::pair<int, MOSQ_FUNC_generic_callback>> callbacks(const Plugin* plugin) {
  return std::span(kCallbacks).first(plugin != nullptr ? std::size(kCallbacks) : 1);
}

mosquitto_plugin_id_t* identifier = nullptr;  // the broker's, for as long as it has us loaded

}  // namespace
}  // namespace looptwin::hil

using namespace looptwin::hil;

extern "C" int mosquitto_plugin_version(int count, const int* versions) {
  for (int i = 0; i < count; ++i)
    if (versions[i] == 5) return 5;
  return -1;
}

extern "C" int mosquitto_plugin_init(mosquitto_plugin_id_t* id, void** data, mosquitto_opt* options,
                                     int count) {
  std::string file;
  for (int i = 0; i < count; ++i)
    if (std::string_view(options[i].key) == "view") file = options[i].value;
  if (file.empty()) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "looptwin: write plugin_opt_view FILE, or none to refuse nobody");
    return MOSQ_ERR_INVAL;
  }
  identifier = id;
  std::unique_ptr<Plugin> made;
  if (file != "none") {
    auto watch = std::make_unique<ViewWatch>(file);
    auto access = watch->read();
    std::error_code ignored;
    if (!access && std::filesystem::exists(file, ignored)) {
      mosquitto_log_printf(MOSQ_LOG_ERR, "looptwin: %s", looptwin::render(access.error()).c_str());
      return MOSQ_ERR_INVAL;
    }
    if (!access) {  // a broker that is started before its first rig
      mosquitto_log_printf(MOSQ_LOG_WARNING, "looptwin: nobody is let in until a rig writes %s",
                           file.c_str());
      access = std::make_shared<const BrokerAccess>(BrokerView{});
    }
    made = std::make_unique<Plugin>(std::move(*access), std::move(watch));
  }
  for (const auto& [event, callback] : callbacks(made.get()))
    if (const int failed = mosquitto_callback_register(id, event, callback, nullptr, made.get()); failed != 0)
      return failed;
  *data = made.release();
  return MOSQ_ERR_SUCCESS;
}

extern "C" int mosquitto_plugin_cleanup(void* data, mosquitto_opt*, int) {
  const std::unique_ptr<Plugin> made(static_cast<Plugin*>(data));
  for (const auto& [event, callback] : callbacks(made.get()))
    mosquitto_callback_unregister(identifier, event, callback, nullptr);
  return MOSQ_ERR_SUCCESS;
}

// A connection to an MQTT broker: what is received waits in a queue until somebody takes it, what is sent
// waits while the broker is away. Nothing is decided in the client's threads. Behind a seam, so that what is
// above can be tested without a broker.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hil/incident.h"
#include "hil/payload_bound.h"

namespace looptwin::hil {

struct MqttMessage {
  std::string topic;  ///< empty: no message, but the place where the connection was lost
  std::string payload;
  bool retained = false;  ///< the broker had it before we subscribed
  Duration received{};    ///< steady time (hil/steady_time.h)
  std::string origin;     ///< as its sender's MqttOptions say; empty: it does not say
  uint8_t qos = 1;
  std::optional<UnixTime> at_broker;  ///< when the broker had it, by its clock; our plugin says so (MQTT 5)
};

/// Of one link, since it was made.
struct LinkCounters {
  uint64_t received = 0;
  uint64_t sent = 0;
  uint64_t delivered = 0;    ///< of these the broker has said that it has them
  uint64_t dropped_in = 0;   ///< the queue of what was received was full: the newest were lost
  uint64_t dropped_out = 0;  ///< the queue of what is to be sent was full: they were refused
  uint64_t connections = 0;
  uint64_t losses = 0;  ///< of the connection, which may be back
  uint64_t shed = 0;  ///< received of one topic that had too many waiting already: only that one's were lost
  uint64_t too_long = 0;  ///< received, with a payload beyond what may be: refused at once
  uint64_t unheard = 0;   ///< sent, and the broker says that nobody listens there (MQTT 5)
  uint64_t refused = 0;   ///< sent, and the broker says that we may not (MQTT 5)
};

class MqttLink {
 public:
  virtual ~MqttLink() = default;
  /// Topics to be subscribed to now and after each reconnection; QoS 1. Returns when the broker has agreed or
  /// refused, which is an incident, or does not answer.
  virtual void subscribe(const std::vector<std::string>& filters) = 0;
  /// Subscribes to a topic on which nothing waits to be taken, nor needs room to wait: `told` is called for
  /// each message on it, in the client's thread; at once, and without blocking.
  virtual void hear_at_once(const std::string& topic, std::function<void()> told) = 0;
  /// Over how many further connections what devices say may come; 0: over none.
  virtual size_t more() const { return 0; }
  /// Once: what is subscribed to over each of them. Returns as subscribe() does.
  virtual void subscribe_more(std::vector<std::vector<std::string>> /*filters*/) {}
  /// QoS 1, not retained unless said. False when its queue is full.
  virtual bool publish(const std::string& topic, std::string payload, bool retain = false, int qos = 1) = 0;
  /// The same, not retained, of something that has a time and a name: the broker forgets it after `expires`
  /// (zero: never), and whoever receives it finds `id` as its correlation data. Both with MQTT 5 only.
  virtual bool publish_until(const std::string& topic, std::string payload, Duration /*expires*/,
                             const std::string& /*id*/, int qos = 1) {
    return publish(topic, std::move(payload), false, qos);
  }
  /// Appends what was received, in the order of its arrival.
  virtual void take(std::vector<MqttMessage>& out) = 0;
  /// Called after each arrival from now on, in the client's thread; at once, and without blocking.
  virtual void on_arrival(std::function<void()> /*told*/) {}
  virtual bool connected() const = 0;
  /// When the connection that is there, or was the last, was asked for: its will knows the same instant.
  virtual UnixTime connected_at() const { return {}; }
  virtual LinkCounters counters() const = 0;
  /// What has happened since the last time: messages `shed` or `too_long`, by topic; `subscription_refused`,
  /// by filter, and `publication_refused`, by topic, for the broker says that we may not; and
  /// `session_taken_over`, as the broker says (MQTT 5), or `connection_unsteady`, which looks like it and is
  /// all that can be told where it does not.
  virtual std::vector<Incident> take_incidents() { return {}; }
};

inline constexpr const char* kSubscriptionRefused = "subscription_refused";

enum class MqttVersion : uint8_t { v5, v3_1_1 };
/// What the broker says for us when we are gone without a word: QoS 1.
struct Will {
  std::string topic, payload;
  bool retain = true;
};
/// Which of a client's attempts to connect it is, from 0 on, and when it was made.
struct Attempt {
  uint64_t number = 0;
  UnixTime at;
};
/// Asked at each attempt, maybe in the client's thread. Empty: there is no will.
using WillOf = std::function<Will(const Attempt&)>;
inline WillOf always(Will will) {
  return [will = std::move(will)](const Attempt&) { return will; };
}

/// How much of what was received may wait to be taken. Bytes are those of topics and payloads. What is of one
/// topic is bounded as well, so that one device does not drive out the others.
struct ArrivalBounds {
  size_t messages = 1'000'000, bytes = 256 * 1024 * 1024;
  size_t of_topic = 20'000, bytes_of_topic = 16 * 1024 * 1024;
  size_t longest = kLongestPayload;
};

struct MqttOptions {
  std::string broker;     ///< "mqtt://127.0.0.1:1883"; mqtts:// for TLS
  std::string client_id;  ///< unique at the broker
  MqttVersion version = MqttVersion::v5;
  std::string user, password;
  std::string origin;  ///< said with every message that is sent, as the user property `origin`; may be empty
  std::string certificates;      ///< of authorities, a PEM file; TLS
  std::string certificate, key;  ///< our own, PEM files; TLS; may be empty
  WillOf will;
  ArrivalBounds arrivals;
  size_t most_sending = 60'000;  ///< messages that wait for the broker; it can number 65 535
  Duration keep_alive = seconds(10);
  Duration patience = seconds(5);  ///< for the first connection
};

/// Eclipse Paho. Connects before it returns; reconnects by itself.
Result<std::unique_ptr<MqttLink>> connect_mqtt(const MqttOptions& options);

}  // namespace looptwin::hil

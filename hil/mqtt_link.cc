#include "hil/mqtt_link.h"

#include <fmt/format.h>
#include <mqtt/async_client.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "hil/arrival_queue.h"
#include "hil/message_properties.h"
#include "hil/no_delay.h"
#include "hil/steady_time.h"

namespace looptwin::hil {
namespace {

constexpr int kQos = 1;
constexpr Duration kStays = seconds(10);  ///< a connection that lasts so long is a good one
constexpr int kSessionKept = 3600;        // s: how long a broker keeps for us what it received meanwhile
constexpr int kFirstPause = 1, kLongestPause = 10;  // s: before it is connected again

std::chrono::milliseconds in_ms(Duration d) { return std::chrono::milliseconds(d.ns / 1'000'000); }

/// What Paho calls them: tcp:// and ssl://.
Result<std::string> address(const std::string& broker) {
  for (const auto& [ours, theirs] : {std::pair("mqtt://", "tcp://"), std::pair("mqtts://", "ssl://")})
    if (broker.starts_with(ours)) return theirs + broker.substr(std::string(ours).size());
  return failure(fmt::format("'{}' is no address of a broker", broker),
                 "write mqtt://HOST:PORT, or mqtts://HOST:PORT");
}

void take_properties(MqttMessage& into, const mqtt::properties& said) {
  const size_t properties = said.count(mqtt::property::USER_PROPERTY);
  for (size_t i = 0; i < properties; ++i) {
    const auto [name, value] = mqtt::get<mqtt::string_pair>(said, mqtt::property::USER_PROPERTY, i);
    take_property(into, name, value);
  }
}

/// What a broker has answered to a subscription: with MQTT 3.1.1 it has but one code for no.
bool is_refusal(int returned, int reason) {
  return returned == MQTT_BAD_SUBSCRIBE || reason >= mqtt::ReasonCode::UNSPECIFIED_ERROR;
}

std::string topic_of(const mqtt::token& token) {
  const auto topics = token.get_topics();
  return topics && !topics->empty() ? (*topics)[0] : std::string();
}

int in_paho(MqttVersion version) { return version == MqttVersion::v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1; }

class PahoLink final : public MqttLink, private mqtt::iaction_listener {
 public:
  PahoLink(const MqttOptions& options, const std::string& address)
      : options_(options),
        queue_(options.arrivals),
        client_(address, options.client_id,
                mqtt::create_options(in_paho(options.version), static_cast<int>(options.most_sending))) {
    client_.set_message_callback([this](const mqtt::const_message_ptr& message) { arrived(*message); });
  }

  ~PahoLink() override {
    {
      const std::scoped_lock lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    if (reconnecting_.joinable()) reconnecting_.join();
    client_.disable_callbacks();
    try {
      if (!connected_) return;
      client_.disconnect()->wait_for(std::chrono::seconds(1));
      forget_session();
    } catch (const mqtt::exception&) {  // it is gone: nobody is to be told
    }
  }

  Result<void> connect() {
    try {
      // Nothing of an earlier run, and from now on everything: what is published while we are away waits.
      bool answered = forget_session();
      client_.set_connected_handler([this](const std::string&) { on_connected(); });
      client_.set_connection_lost_handler([this](const std::string&) { on_lost(); });
      client_.set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode why) {
        if (why == mqtt::ReasonCode::SESSION_TAKEN_OVER)
          queue_.note(
              "session_taken_over",
              fmt::format("somebody else has come as client '{}': give one of the two another client_id",
                          options_.client_id));
      });
      answered = answered && client_.connect(options_for(false))->wait_for(in_ms(options_.patience));
      if (!answered)
        return failure(
            fmt::format("no answer from {} within {}", options_.broker, to_string(options_.patience)),
            "look whether a broker runs there");
      if (options_.will) reconnecting_ = std::thread([this] { connect_again(); });
    } catch (const mqtt::exception& problem) {
      return failure(fmt::format("cannot connect to {}: {}", options_.broker, problem.to_string()),
                     "look whether a broker runs there, and whether it admits us");
    }
    return {};
  }

  void subscribe(const std::vector<std::string>& filters) override {
    {
      const std::scoped_lock lock(mutex_);
      filters_.insert(filters_.end(), filters.begin(), filters.end());
    }
    for (const auto& filter : filters) try {
        client_.subscribe(filter, kQos)->wait_for(in_ms(options_.patience));
      } catch (const mqtt::exception& problem) {  // or the connection is lost: the next one subscribes
        if (is_refusal(problem.get_return_code(), problem.get_reason_code()))
          queue_.note(kSubscriptionRefused, filter);
      }
  }

  void hear_at_once(const std::string& topic, std::function<void()> told) override {
    {
      const std::scoped_lock lock(mutex_);
      at_once_[topic] = std::move(told);
    }
    subscribe({topic});
  }

  bool publish(const std::string& topic, std::string payload, bool retain, int qos) override {
    auto message = mqtt::message::create(topic, std::move(payload), qos, retain);
    if (!options_.origin.empty() && options_.version == MqttVersion::v5)
      message->set_properties({{mqtt::property::USER_PROPERTY, kOriginProperty, options_.origin}});
    return send(message);
  }

  bool publish_until(const std::string& topic, std::string payload, Duration expires, const std::string& id,
                     int qos) override {
    auto message = mqtt::message::create(topic, std::move(payload), qos, false);
    if (options_.version == MqttVersion::v5) {
      mqtt::properties properties;
      properties.add({mqtt::property::CORRELATION_DATA, id});
      properties.add({mqtt::property::CONTENT_TYPE, "application/json"});
      // Whole seconds, and rather one too late: the device knows the instant itself.
      if (expires > Duration{})
        properties.add({mqtt::property::MESSAGE_EXPIRY_INTERVAL,
                        static_cast<int>(std::min<int64_t>(1 + expires.ns / 1'000'000'000, INT32_MAX))});
      message->set_properties(properties);
    }
    return send(message);
  }

  bool send(const mqtt::const_message_ptr& message) {
    try {
      client_.publish(message, nullptr, *this);
      ++sent_;
      return true;
    } catch (const mqtt::exception&) {  // its buffer is full
      ++dropped_out_;
      return false;
    }
  }

  void take(std::vector<MqttMessage>& out) override { queue_.take(out); }

  void on_arrival(std::function<void()> told) override { queue_.on_arrival(std::move(told)); }

  bool connected() const override { return connected_; }
  UnixTime connected_at() const override { return connected_at_; }
  LinkCounters counters() const override {
    LinkCounters counters{.sent = sent_,
                          .delivered = delivered_,
                          .dropped_out = dropped_out_,
                          .connections = connections_,
                          .losses = losses_,
                          .unheard = unheard_,
                          .refused = refused_};
    queue_.count(counters);
    return counters;
  }

  std::vector<Incident> take_incidents() override { return queue_.take_incidents(); }

 private:
  /// What the broker says of a message that we have sent: with MQTT 5 it may say that it went nowhere. Or of
  /// a filter that we have subscribed to again.
  void on_success(const mqtt::token& token) override {
    if (token.get_type() == mqtt::token::SUBSCRIBE) return on_subscribed(token);
    ++delivered_;
    if (token.get_reason_code() == mqtt::ReasonCode::NO_MATCHING_SUBSCRIBERS) ++unheard_;
  }
  /// A refusal; where the connection was lost instead Paho sends a message again, and says nothing.
  void on_failure(const mqtt::token& token) override {
    if (token.get_type() == mqtt::token::SUBSCRIBE) return on_subscribed(token);
    ++refused_;
    queue_.note("publication_refused", topic_of(token));
  }
  void on_subscribed(const mqtt::token& token) {
    if (is_refusal(token.get_return_code(), static_cast<int>(token.get_reason_code())))
      queue_.note(kSubscriptionRefused, topic_of(token));
  }

  Attempt next_attempt() {
    const std::scoped_lock lock(mutex_);
    return attempt_ = {attempt_.number + 1, civil_time()};
  }

  /// `fresh`: without what the broker has kept of an earlier session.
  mqtt::connect_options options_for(bool fresh) {
    mqtt::connect_options connect;
    connect.set_mqtt_version(in_paho(options_.version));
    if (options_.version == MqttVersion::v5) {
      connect.set_clean_start(fresh);
      if (!fresh) connect.set_properties({{mqtt::property::SESSION_EXPIRY_INTERVAL, kSessionKept}});
    } else {
      connect.set_clean_session(fresh);
    }
    connect.set_keep_alive_interval(static_cast<int>(options_.keep_alive.ns / 1'000'000'000));
    if (!fresh && !options_.will) connect.set_automatic_reconnect(kFirstPause, kLongestPause);
    connect.set_max_inflight(1000);
    if (options_.will && !fresh) {
      const auto will = options_.will(next_attempt());
      connect.set_will(mqtt::will_options(will.topic, will.payload, kQos, will.retain));
      connect.set_connect_timeout(in_ms(options_.patience));
    }
    if (!options_.user.empty()) connect.set_user_name(options_.user);
    if (!options_.password.empty()) connect.set_password(options_.password);
    if (options_.broker.starts_with("mqtts://")) {
      mqtt::ssl_options tls;
      if (!options_.certificates.empty()) tls.set_trust_store(options_.certificates);
      if (!options_.certificate.empty()) tls.set_key_store(options_.certificate);
      if (!options_.key.empty()) tls.set_private_key(options_.key);
      tls.set_verify(true);
      connect.set_ssl(tls);
    }
    return connect;
  }

  /// Comes and goes once, so that the broker has nothing of us. False when it does not answer.
  bool forget_session() {
    if (!client_.connect(options_for(true))->wait_for(in_ms(options_.patience))) return false;
    return client_.disconnect()->wait_for(in_ms(options_.patience));
  }

  /// In a thread of its own where there is a will: Paho would come back with that of the first connection.
  void connect_again() {
    std::unique_lock lock(mutex_);
    const auto is_settled = [&] { return ends_ || !lost_; };
    while (!ends_) {
      changed_.wait(lock, [&] { return ends_ || lost_; });
      int pause = kFirstPause;
      while (!changed_.wait_for(lock, std::chrono::seconds(pause), is_settled)) {
        pause = std::min(2 * pause, kLongestPause);
        lock.unlock();
        try {
          // Who is connected would have no answer. Twice what Paho itself waits for the broker: whatever it
          // makes of it, there is another attempt.
          if (!client_.is_connected())
            client_.connect(options_for(false))->wait_for(2 * in_ms(options_.patience));
        } catch (const mqtt::exception&) {  // it is still away
        }
        lock.lock();
      }
    }
  }

  void on_lost() {
    connected_ = false;
    {
      const std::scoped_lock lock(mutex_);
      lost_ = true;
    }
    changed_.notify_all();
    ++losses_;
    queue_.put_loss(time_.now());
    // Not all brokers say why: two of one client id throw each other out again and again.
    lost_at_once_ = time_.now() < since_.load() + kStays ? lost_at_once_ + 1 : 0;
    if (lost_at_once_ >= 3)
      queue_.note(
          "connection_unsteady",
          fmt::format("lost as soon as it was back, again and again, as where somebody else is client '{}' "
                      "too: give one of the two another client_id",
                      options_.client_id));
  }

  void arrived(const mqtt::message& message) {
    if (is_heard_at_once(message.get_topic())) return;
    MqttMessage taken{.topic = message.get_topic(),
                      .payload = message.to_string(),
                      .retained = message.is_retained(),
                      .received = time_.now(),
                      .qos = static_cast<uint8_t>(message.get_qos())};
    take_properties(taken, message.get_properties());
    queue_.put(std::move(taken));
  }

  bool is_heard_at_once(const std::string& topic) {
    const std::scoped_lock lock(mutex_);
    const auto found = at_once_.find(topic);
    if (found != at_once_.end()) found->second();
    return found != at_once_.end();
  }

  /// Paho does not subscribe again by itself, and leaves Nagle's algorithm on.
  void on_connected() {
    set_no_delay();
    since_ = time_.now();
    {
      const std::scoped_lock lock(mutex_);
      lost_ = false;
      connected_at_ = attempt_.at;
    }
    changed_.notify_all();
    connected_ = true;
    ++connections_;
    std::vector<std::string> filters;
    {
      const std::scoped_lock lock(mutex_);
      filters = filters_;
    }
    for (const auto& filter : filters) try {
        client_.subscribe(filter, kQos, nullptr, *this);  // not waited for: this is the client's own thread
      } catch (const mqtt::exception&) {                  // the connection is lost again
      }
  }

  const MqttOptions options_;
  const MachineTime time_;
  ArrivalQueue queue_;
  mutable std::mutex mutex_;
  std::vector<std::string> filters_;
  std::map<std::string, std::function<void()>> at_once_;  ///< by topic
  std::condition_variable changed_;                       ///< what follows
  bool lost_ = false, ends_ = false;
  Attempt attempt_{~uint64_t{0}, {}};  ///< the last
  std::atomic<bool> connected_{false};
  std::atomic<Duration> since_{};  ///< that it is there
  std::atomic<UnixTime> connected_at_{};
  uint32_t lost_at_once_ = 0;  ///< how often in a row, of the client's own thread
  std::atomic<uint64_t> sent_{0}, dropped_out_{0}, connections_{0}, losses_{0};
  std::atomic<uint64_t> delivered_{0}, unheard_{0}, refused_{0};
  mqtt::async_client client_;  ///< after what its threads use, which end with it
  std::thread reconnecting_;
};

}  // namespace

Result<std::unique_ptr<MqttLink>> connect_mqtt(const MqttOptions& options) {
  const auto where = address(options.broker);
  if (!where) return tl::make_unexpected(where.error());
  auto link = std::make_unique<PahoLink>(options, *where);
  if (auto connected = link->connect(); !connected) return tl::make_unexpected(std::move(connected.error()));
  return link;
}

}  // namespace looptwin::hil

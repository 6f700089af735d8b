#include "hil/mqtt_link.h"

#include <fmt/format.h>
#include <mqtt/async_client.h>

#include <atomic>
#include <chrono>
#include <mutex>

#include "hil/no_delay.h"
#include "hil/steady_time.h"

namespace looptwin::hil {
namespace {

constexpr int kQos = 1;
const char* const kOrigin = "origin";

std::chrono::milliseconds in_ms(Duration d) { return std::chrono::milliseconds(d.ns / 1'000'000); }

/// What Paho calls them: tcp:// and ssl://.
Result<std::string> address(const std::string& broker) {
  for (const auto& [ours, theirs] : {std::pair("mqtt://", "tcp://"), std::pair("mqtts://", "ssl://")})
    if (broker.starts_with(ours)) return theirs + broker.substr(std::string(ours).size());
  return failure(fmt::format("'{}' is no address of a broker", broker),
                 "write mqtt://HOST:PORT, or mqtts://HOST:PORT");
}

/// What a message says of where it comes from.
std::string origin_of(const mqtt::message& message) {
  const auto& said = message.get_properties();
  const size_t properties = said.count(mqtt::property::USER_PROPERTY);
  for (size_t i = 0; i < properties; ++i) {
    const auto [name, value] = mqtt::get<mqtt::string_pair>(said, mqtt::property::USER_PROPERTY, i);
    if (name == kOrigin) return value;
  }
  return {};
}

class PahoLink final : public MqttLink {
 public:
  PahoLink(const MqttOptions& options, const std::string& address)
      : options_(options),
        client_(address, options.client_id,
                mqtt::create_options(MQTTVERSION_5, static_cast<int>(options.most_sending))) {
    client_.set_message_callback([this](const mqtt::const_message_ptr& message) { arrived(*message); });
    client_.set_connected_handler([this](const std::string&) { on_connected(); });
    client_.set_connection_lost_handler([this](const std::string&) {
      connected_ = false;
      ++losses_;
    });
  }

  ~PahoLink() override {
    client_.disable_callbacks();
    try {
      if (connected_) client_.disconnect()->wait_for(std::chrono::seconds(1));
    } catch (const mqtt::exception&) {  // it is gone: nobody is to be told
    }
  }

  Result<void> connect() {
    mqtt::connect_options connect;
    connect.set_mqtt_version(MQTTVERSION_5);
    connect.set_clean_start(true);
    connect.set_keep_alive_interval(static_cast<int>(options_.keep_alive.ns / 1'000'000'000));
    connect.set_automatic_reconnect(1, 10);
    connect.set_max_inflight(1000);
    if (!options_.user.empty()) connect.set_user_name(options_.user);
    if (!options_.password.empty()) connect.set_password(options_.password);
    if (options_.will)
      connect.set_will(mqtt::will_options(options_.will->topic, options_.will->payload, kQos, true));
    if (options_.broker.starts_with("mqtts://")) {
      mqtt::ssl_options tls;
      if (!options_.certificates.empty()) tls.set_trust_store(options_.certificates);
      if (!options_.certificate.empty()) tls.set_key_store(options_.certificate);
      if (!options_.key.empty()) tls.set_private_key(options_.key);
      tls.set_verify(true);
      connect.set_ssl(tls);
    }
    try {
      const auto token = client_.connect(connect);
      if (!token->wait_for(in_ms(options_.patience)))
        return failure(
            fmt::format("no answer from {} within {}", options_.broker, to_string(options_.patience)),
            "look whether a broker runs there");
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
      } catch (const mqtt::exception&) {  // the connection is lost: the next one subscribes
      }
  }

  bool publish(const std::string& topic, std::string payload, bool retain, int qos) override {
    try {
      auto message = mqtt::make_message(topic, std::move(payload), qos, retain);
      if (!options_.origin.empty())
        message->set_properties({{mqtt::property::USER_PROPERTY, kOrigin, options_.origin}});
      client_.publish(message);
      ++sent_;
      return true;
    } catch (const mqtt::exception&) {  // its buffer is full
      ++dropped_out_;
      return false;
    }
  }

  void take(std::vector<MqttMessage>& out) override {
    const std::scoped_lock lock(mutex_);
    if (out.empty()) {
      std::swap(out, waiting_);
    } else {
      std::move(waiting_.begin(), waiting_.end(), std::back_inserter(out));
      waiting_.clear();
    }
  }

  bool connected() const override { return connected_; }
  LinkCounters counters() const override {
    return {received_, sent_, dropped_in_, dropped_out_, connections_, losses_};
  }

 private:
  void arrived(const mqtt::message& message) {
    MqttMessage one{message.get_topic(), message.to_string(), message.is_retained(),
                    time_.now(),         origin_of(message),  static_cast<uint8_t>(message.get_qos())};
    ++received_;
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() < options_.most_waiting)
      waiting_.push_back(std::move(one));
    else
      ++dropped_in_;
  }

  /// Paho does not subscribe again by itself, and leaves Nagle's algorithm on.
  void on_connected() {
    set_no_delay();
    connected_ = true;
    ++connections_;
    std::vector<std::string> filters;
    {
      const std::scoped_lock lock(mutex_);
      filters = filters_;
    }
    for (const auto& filter : filters) try {
        client_.subscribe(filter, kQos);  // not waited for: this is the client's own thread
      } catch (const mqtt::exception&) {  // the connection is lost again
      }
  }

  const MqttOptions options_;
  const MachineTime time_;
  mutable std::mutex mutex_;
  std::vector<MqttMessage> waiting_;
  std::vector<std::string> filters_;
  std::atomic<bool> connected_{false};
  std::atomic<uint64_t> received_{0}, sent_{0}, dropped_in_{0}, dropped_out_{0}, connections_{0}, losses_{0};
  mqtt::async_client client_;  ///< last: its threads end before what they use
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

// A link with further connections beside it, over which comes what devices say, each device's over one of
// them: where a single one, and the one thread behind it, does not hold the rate. What is sent, and what is
// about no single device, goes over the link as before.
#pragma once

#include "hil/arrival_queue.h"
#include "hil/mqtt_connections.h"
#include "hil/steady_time.h"

namespace looptwin::hil {

class SpreadLink final : public MqttLink {
 public:
  /// `options` are those of the link, whose client id the others' begin with.
  SpreadLink(std::unique_ptr<MqttLink> link, const MqttOptions& options, size_t more);
  ~SpreadLink() override;

  size_t more() const override { return more_; }
  void subscribe_more(std::vector<std::vector<std::string>> filters) override;

  void subscribe(const std::vector<std::string>& filters) override { link_->subscribe(filters); }
  void hear_at_once(const std::string& topic, std::function<void()> told) override {
    link_->hear_at_once(topic, std::move(told));
  }
  bool publish(const std::string& topic, std::string payload, bool retain, int qos) override {
    return link_->publish(topic, std::move(payload), retain, qos);
  }
  bool publish_until(const std::string& topic, std::string payload, Duration expires, const std::string& id,
                     int qos) override {
    return link_->publish_until(topic, std::move(payload), expires, id, qos);
  }
  /// In the order of their arrival, over all connections.
  void take(std::vector<MqttMessage>& out) override;
  void on_arrival(std::function<void()> told) override;
  bool connected() const override { return link_->connected(); }
  UnixTime connected_at() const override { return link_->connected_at(); }
  LinkCounters counters() const override;
  std::vector<Incident> take_incidents() override;

 private:
  std::vector<MqttConnections::Account> accounts(bool fresh) const;
  void forget_sessions() const;

  const MqttOptions options_;
  const size_t more_;
  MachineTime time_;
  ArrivalQueue queue_;
  std::vector<MqttMessage> own_;  ///< taken from it
  std::unique_ptr<MqttLink> link_;
  std::vector<std::unique_ptr<MqttConnections>> connections_;  ///< a thread each
};

}  // namespace looptwin::hil

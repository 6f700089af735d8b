// Devices that are sold as they are: each quantity at a topic of its own, or in a JSON text that several
// share, in words and units of theirs; commands are bare words, and what a device then shows is its answer.
#pragma once

#include "hil/command_ledger.h"
#include "hil/conventions/model_places.h"

namespace looptwin::hil {

class Topics : public Convention {
 public:
  explicit Topics(Speakers speakers);

  const char* name() const override { return "topics"; }
  std::vector<std::string> filters() const override;
  bool take(const MqttMessage& message, Time at, std::vector<Heard>& heard) override;
  bool tell(const twin::Command& command, std::vector<Outgoing>& out) override;
  bool write(const twin::Command& command, std::vector<Outgoing>& out) const override;
  void step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) override;
  std::vector<std::pair<std::string, uint64_t>> counters() const override;

 protected:
  /// Whether the payload is the word for being there; absent where it says nothing of that.
  virtual std::optional<bool> online(const Mapping& mapping, Reading& reading,
                                     std::vector<Heard>& heard) const;
  bool take_presence(const ModelPlaces& model, twin::DeviceRef device, const MqttMessage& message,
                     Reading& reading, std::vector<Heard>& heard);
  bool take_said(const ModelPlaces& model, const MqttMessage& message, Reading& reading,
                 std::vector<Heard>& heard);
  /// What is sent for a command.
  static std::string payload_of(const ModelPlaces& model, const Place& place, const twin::Command& command);
  /// False where it must not leave again.
  bool leaves(const ModelPlaces& model, const twin::Command& command);

  Speakers speakers_;
  std::deque<ModelPlaces> models_;
  CommandLedger ledger_;

 private:
  bool take_gateway(const ModelPlaces& model, const MqttMessage& message, Reading& reading,
                    std::vector<Heard>& heard);

  std::set<std::string> gateway_lost_;
  std::vector<twin::DeviceRef> to_ask_;
  std::vector<twin::Command> unshown_;
  uint64_t asked_ = 0;
};

class TopicsDevices : public DeviceSide {
 public:
  explicit TopicsDevices(Speakers speakers);

  std::vector<std::string> filters() const override;
  void presence(twin::DeviceRef device, bool online, Time at, std::vector<Outgoing>& out) override;
  void telemetry(twin::DeviceRef device, const Samples& samples, std::vector<Outgoing>& out) override;
  void answer(const twin::Acknowledgement& answer, std::vector<Outgoing>& out) override;
  bool take(const MqttMessage& message, std::vector<HeardAsked>& asked) override;
  std::optional<twin::DeviceRef> said_gone(const MqttMessage& message) const override;

 protected:
  /// Whether what stands at the topic of presence says that nobody is there.
  virtual bool is_gone(const Mapping& mapping, const MqttMessage& message) const;

  Speakers speakers_;
  std::deque<ModelPlaces> models_;
  bool retained_ = false;  ///< what they say is kept by the broker

 private:
  using Texts = std::map<std::string, std::vector<std::pair<std::string, Scalar>>>;
  void publish(const Texts& texts, std::vector<Outgoing>& out) const;
  bool take_as(const ModelPlaces& model, twin::Command::Kind kind, uint16_t index, const MqttMessage& message,
               std::vector<HeardAsked>& asked);

  std::map<uint64_t, twin::Command> asked_;  ///< by the id that we gave it
  uint64_t last_id_ = uint64_t{1} << 63;     ///< apart from those of the loop
};

std::unique_ptr<Convention> make_topics(Speakers speakers);
std::unique_ptr<DeviceSide> make_topics_devices(Speakers speakers);

}  // namespace looptwin::hil

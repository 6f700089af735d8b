// The loop as Sparkplug's host application. Nodes and devices are those of the registry: what others say is
// not ours. A node's births say who is there and what its metrics are; whatever does not fit them makes the
// host ask for a rebirth, not more often than is good for the node.
#pragma once

#include <map>
#include <set>

#include "hil/command_ledger.h"
#include "hil/conventions/sparkplug/metrics.h"
#include "hil/conventions/sparkplug/node_order.h"
#include "hil/conventions/sparkplug/sparkplug.h"

namespace looptwin::hil::sparkplug {

class Host final : public Convention {
 public:
  explicit Host(Speakers speakers);

  const char* name() const override { return "sparkplug"; }
  std::vector<std::string> filters() const override;
  bool take(const MqttMessage& message, Time at, std::vector<Heard>& heard) override;
  bool tell(const twin::Command& command, std::vector<Outgoing>& out) override;
  bool write(const twin::Command& command, std::vector<Outgoing>& out) const override;
  void step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) override;
  void joined(Time at, UnixTime connected, std::vector<Outgoing>& out) override;
  void lost(Time at) override;
  void leave(std::vector<Outgoing>& out) override;
  std::vector<std::pair<std::string, uint64_t>> counters() const override;

 private:
  struct Device {
    std::optional<twin::DeviceRef> ref;  ///< a node that is none of the registry's has none
    const ModelMetrics* model = nullptr;
    bool born = false;
    std::optional<Time> due;  ///< it was there before its node was born again, and is to be born until then
    Born metrics;
  };
  struct Node {
    Address address;
    std::map<std::string, Device> devices;  ///< by their name; the node itself is ""
    bool online = false;
    std::optional<Scalar> session;  ///< bdSeq of its birth
    NodeOrder order;
    bool to_ask = false;          ///< for a rebirth, when it may be
    Time ask_from = kStart;       ///< it may be asked
    bool asked = false;           ///< and has not been born since
    bool old_death_due = false;   ///< it was born again, with the same bdSeq, before its session ended
    std::optional<Time> doubted;  ///< when a death came that may have been the old session's
  };
  using Message = NodeOrder::Message;

  void take_state(const MqttMessage& message);
  void birth(Node& node, Message message, std::vector<Heard>& heard);
  void death(Node& node, const Payload& payload, Time at, std::vector<Heard>& heard);
  void go(Node& node, std::vector<Heard>& heard);
  void go(Device& device, std::vector<Heard>& heard);
  void act(Node& node, const Message& message, std::vector<Heard>& heard);
  void say_who(const Device& device, const Payload& payload, std::vector<Heard>& heard);
  void data(Node& node, Device& device, const Message& message, std::vector<Heard>& heard);
  bool take_metric(const Device& device, const Metric& metric, Samples& samples, std::vector<Heard>& heard);
  void ask(Node& node, Time now, std::vector<Outgoing>& out);
  void state(bool online, UnixTime at, std::vector<Outgoing>& out) const;
  UnixTime unix_time(Time at) const { return speakers_.start + (at - kStart); }

  Speakers speakers_;
  SparkplugOptions options_;
  std::vector<std::pair<TableId, ModelMetrics>> models_;
  std::map<std::pair<std::string, std::string>, Node> nodes_;  ///< by group and node
  std::map<twin::DeviceRef, std::pair<Node*, Device*>> device_of_;
  CommandLedger ledger_;
  Time now_ = kStart;
  UnixTime connected_;   ///< its will says the same
  bool denied_ = false;  ///< somebody says that we are not there
  struct {
    uint64_t births = 0, deaths = 0, gaps = 0, repeated = 0, rebirths_asked = 0, old_deaths = 0,
             without_birth = 0, unknown_metrics = 0;
  } counted_;
};

}  // namespace looptwin::hil::sparkplug

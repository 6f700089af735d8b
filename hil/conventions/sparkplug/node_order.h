// The messages of one edge node in the order in which it sent them: one counter goes over the node's and all
// its devices' topics. What comes too early waits a while for what is missing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hil/conventions/sparkplug/payload.h"
#include "hil/conventions/sparkplug/topic.h"

namespace looptwin::hil::sparkplug {

class NodeOrder {
 public:
  /// A node that leaves out more, or sends more without it, is not waited for.
  static constexpr size_t kMostWaiting = 64;

  struct Message {
    MessageType type;
    std::string device;
    Payload payload;
    Time at;
  };
  /// A birth: from here it counts.
  void begin(uint64_t seq);
  /// Nothing is expected until the next birth.
  void end();
  bool begun() const { return begun_; }
  /// Appends what is in order now. False where the message says a second time what was taken or waits.
  bool take(Message message, std::vector<Message>& ready);
  /// Whether something is missing for so long, or too much waits for it.
  bool overdue(Time now, Duration patience) const;
  /// Appends what waits, as far as it goes; then ends.
  void give_up(std::vector<Message>& ready);

 private:
  bool begun_ = false;
  uint8_t expected_ = 0;
  std::map<uint8_t, Message> waiting_;  ///< by their number
  Time since_;                          ///< when the oldest of them came
};

}  // namespace looptwin::hil::sparkplug

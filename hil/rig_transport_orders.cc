// What leaves a rig's transport: the loop's commands, through forces and past safety, in their devices'
// words.
#include <fmt/format.h>

#include <algorithm>

#include "hil/rig_transport.h"

namespace looptwin::hil {

void RigTransport::send(Time now, std::span<const twin::Command> commands) {
  if (between_.leaving) between_.leaving(now);
  leaving_.clear();
  for (const auto device : returned_)
    if (broker_.connected(device)) broker_.release(device, now, leaving_);  // it may have gone again
  returned_.clear();
  broker_.route(commands, leaving_);
  leave(now);
  confirm(now);
  publish();
}

void RigTransport::leave(Time now) {
  if (between_.forces == nullptr) {
    for (const auto& command : leaving_) tell({command}, now);
    return;
  }
  forced_.clear();
  between_.forces->due(now, forced_);
  for (const auto& command : leaving_) between_.forces->leaving(command, now, forced_);
  for (const auto& leaving : forced_) tell(leaving, now);
}

/// Only what safety lets pass; what it keeps back is answered for the device.
void RigTransport::tell(const Forces::Leaving& leaving, Time now) {
  const auto& command = leaving.command;
  if (between_.safety != nullptr && between_.safety->keeps(command, now)) {
    ++counters_.withheld;
    withheld_.push_back({command.id, command.device, twin::Outcome::withheld, now, now});
    return;
  }
  const size_t before = outgoing_.size();
  if (std::none_of(conventions_.begin(), conventions_.end(),
                   [&](const auto& convention) { return convention->tell(command, outgoing_); }))
    ++counters_.unaddressed;
  for (size_t i = before; i < outgoing_.size(); ++i) {
    outgoing_[i].id = fmt::format("{:016x}", command.id);
    if (command.expires != kNever) outgoing_[i].expires = command.expires - now;
  }
  if (!leaving.corrupt) return;
  for (size_t i = before; i < outgoing_.size(); ++i)
    outgoing_[i].payload = between_.forces->corrupted(std::move(outgoing_[i].payload));
}

void RigTransport::publish() {
  for (auto& message : outgoing_)
    if (!(message.id.empty()
              ? link_.publish(message.topic, std::move(message.payload), message.retain, message.qos)
              : link_.publish_until(message.topic, std::move(message.payload), message.expires, message.id,
                                    message.qos)))
      ++counters_.unsent;
  outgoing_.clear();
}

}  // namespace looptwin::hil

// Which of the real devices the transport lets in: those that its gate admits.
#include "hil/rig_transport.h"

namespace looptwin::hil {

void RigTransport::admit_by(IdentityGate& gate) {
  gate_ = &gate;
  link_.subscribe(gate.reader().filters());
}

/// Not even safe values: it is another device than anybody has thought of.
bool RigTransport::may_be_told(twin::DeviceRef device) const {
  return gate_ == nullptr || !gate_->is_quarantined(device) || !is_itself(device);
}

bool RigTransport::is_itself(twin::DeviceRef device) const { return !is_own_ || is_own_(device, {}); }

/// One that has not proved to be the device that it speaks for: that it is there is all that is remembered.
bool RigTransport::is_kept_out(twin::DeviceRef device, const Speech& speech, bool online) {
  if (gate_ == nullptr || speech.origin != kReal) return false;
  const bool out = !gate_->admits(device);
  gate_->there(device, online, speech.at);
  return out;
}

/// Those that have proved who they are come, if they are there; those that are in quarantine go.
void RigTransport::settle_admissions(Time at) {
  if (gate_ == nullptr) return;
  const auto changed = gate_->take_changed();
  for (const auto device : changed)
    if (is_itself(device)) presence(device, gate_->admits(device) && gate_->is_there(device), at);
  if (!changed.empty() && between_.safety != nullptr) between_.safety->devices_changed(at);
}

PacketRead RigTransport::hear(const HeardIdentity& heard, const Speech& speech) {
  if (gate_ == nullptr || speech.origin != kReal) return PacketRead::taken;
  gate_->said(heard.device, heard.said, speech.at);
  settle_admissions(speech.at);
  return PacketRead::taken;
}

}  // namespace looptwin::hil

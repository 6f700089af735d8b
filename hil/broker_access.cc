#include "hil/broker_access.h"

#include <algorithm>
#include <array>

namespace looptwin::hil {
namespace {

constexpr std::array<std::string_view, kViolations> kNames = {
    "unknown_device", "no_credential", "wrong_secret", "not_admitted", "foreign_client",
    "publish",        "subscribe",     "will",         "flood"};

bool is_of(const TopicTemplate& topic, const BrokerView::Device& device, std::string_view name) {
  const auto match = topic.match(name);
  return match && match->device == device.id;
}

/// The part of its topics up to and with the device's id, if that ends a level: "cmnd/plug-1" of
/// cmnd/{device}/POWER.
std::optional<std::string> own_part(const TopicTemplate& topic, const BrokerView::Device& device) {
  const auto whole = topic.topic(device.id, "+");
  const size_t before = topic.topic("{device}", "+").find("{device}");
  const size_t end = before + device.id.size();
  const bool levels = (before == 0 || whole[before - 1] == '/') && (end == whole.size() || whole[end] == '/');
  // A field before the id is a wildcard before it: then nothing of it is the device's alone.
  if (!levels || whole.substr(0, before).find('+') != std::string::npos) return std::nullopt;
  return whole.substr(0, end);
}

}  // namespace

std::string_view name_of(Violation violation) { return kNames[static_cast<size_t>(violation)]; }

std::optional<Violation> violation(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Violation>(found - kNames.begin());
}

BrokerAccess::BrokerAccess(BrokerView view) : view_(std::move(view)) {
  by_id_.reserve(view_.devices.size());
  for (size_t i = 0; i < view_.devices.size(); ++i) by_id_.emplace(view_.devices[i].id, i);
}

bool BrokerAccess::is_host(std::string_view user) const {
  return std::any_of(view_.hosts.begin(), view_.hosts.end(), [&](const auto& h) { return h.name == user; });
}

const BrokerView::Device* BrokerAccess::device(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &view_.devices[found->second];
}

BrokerAccess::Admission BrokerAccess::admit(const Presented& presented, const SlowCheck& slow) const {
  const auto no = [](Violation why) { return Admission{Admission::Answer::no, why}; };
  for (const auto& host : view_.hosts)
    if (host.name == presented.user) {
      if (!twin::fits(host.hash, view_.keys[0], host.name, presented.secret))
        return no(Violation::wrong_secret);
      // A host that bore a device's id would take its session over.
      if (device(presented.client) != nullptr) return no(Violation::foreign_client);
      return {Admission::Answer::yes, {}};
    }
  const auto name = presented.user.empty() ? presented.certificate : presented.user;
  if (name.empty()) return no(Violation::no_credential);
  const auto* known = device(name);
  if (known == nullptr) return no(Violation::unknown_device);
  const bool certified = presented.certificate == known->id;
  if (!certified || !presented.secret.empty())
    if (const auto shown = admit_secret(*known, presented, slow); shown.answer != Admission::Answer::yes)
      return shown;
  // Whoever does not know the secret learns nothing of the device's state.
  if (!twin::may_connect(known->state)) return no(Violation::not_admitted);
  if (presented.client != known->id) return no(Violation::foreign_client);
  return {Admission::Answer::yes, {}};
}

BrokerAccess::Admission BrokerAccess::admit_secret(const BrokerView::Device& device,
                                                   const Presented& presented, const SlowCheck& slow) const {
  if (device.hash.empty() || presented.secret.empty())
    return {Admission::Answer::no, Violation::no_credential};
  const auto fits =
      twin::kind_of(device.hash) == "argon2id"
          ? slow(device, presented.secret)
          : std::optional(twin::fits(device.hash, view_.keys[device.key], device.id, presented.secret));
  if (!fits) return {Admission::Answer::later, {}};
  return {*fits ? Admission::Answer::yes : Admission::Answer::no, Violation::wrong_secret};
}

bool BrokerAccess::may_say(const BrokerView::Device& device, std::string_view topic) const {
  const auto& says = view_.models[device.model].says;
  return std::any_of(says.begin(), says.end(), [&](const auto& own) { return is_of(own, device, topic); });
}

bool BrokerAccess::may_hear(const BrokerView::Device& device, std::string_view topic) const {
  const auto& hears = view_.models[device.model].hears;
  return std::any_of(hears.begin(), hears.end(),
                     [&](const auto& own) { return is_of(own, device, topic); }) ||
         may_say(device, topic);
}

bool BrokerAccess::may_subscribe(const BrokerView::Device& device, std::string_view filter) const {
  if (filter.find_first_of("+#") == std::string_view::npos) return may_hear(device, filter);
  const auto literal = filter.substr(0, filter.find_first_of("+#"));
  const auto& model = view_.models[device.model];
  for (const auto* topics : {&model.hears, &model.says})
    for (const auto& topic : *topics) {
      const auto part = own_part(topic, device);
      if (part && literal.starts_with(*part + "/")) return true;
    }
  return false;
}

}  // namespace looptwin::hil

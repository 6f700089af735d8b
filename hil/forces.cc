#include "hil/forces.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace looptwin::hil {
namespace {

twin::DeviceRef device_of(const Forces::Arriving& message) { return message.device; }
twin::DeviceRef device_of(const Forces::Leaving& leaving) { return leaving.command.device; }
void mark(Forces::Arriving& message) { message.touched = true; }
void mark(Forces::Leaving&) {}
/// What arrives is damaged before it is read.
constexpr bool takes_damage(const Forces::Arriving&) { return false; }
constexpr bool takes_damage(const Forces::Leaving&) { return true; }
void spoil(Forces::Arriving&) {}
void spoil(Forces::Leaving& leaving) { leaving.corrupt = true; }
void set_time(Forces::Arriving& message, Time at) { message.at = at; }
void set_time(Forces::Leaving&, Time) {}

bool concerns(const ForceConfig& config, const ForceConfig::Target&, const Forces::Arriving& message) {
  return config.point == message.point;
}

bool concerns(const ForceConfig& config, const ForceConfig::Target& target, const Forces::Leaving& leaving) {
  if (config.point == ForcePoint::commands) return true;
  const bool setpoint = leaving.command.kind == twin::Command::Kind::setpoint;
  return config.point == (setpoint ? ForcePoint::setpoint : ForcePoint::command) &&
         target.index == leaving.command.index;
}

/// A value under a force; absent: it stays what it is.
std::optional<double> forced(const ForceConfig& config, double value, const std::optional<double>& before,
                             uint64_t bits) {
  switch (config.kind) {
    case ForceKind::force:
      return config.amount;
    case ForceKind::offset:
      return value + config.amount;
    case ForceKind::noise:
      return value + config.amount * random::noise(bits);
    case ForceKind::freeze:
      return before.value_or(value);
    default:
      return std::nullopt;
  }
}

}  // namespace

const char* name_of(ForceKind kind) {
  constexpr const char* kNames[] = {"force", "offset",    "freeze",  "noise",  "drop",
                                    "delay", "duplicate", "reorder", "corrupt"};
  return kNames[static_cast<size_t>(kind)];
}

Forces::Forces(const twin::Registry& registry, uint64_t seed) : registry_(registry), seed_(seed) {}

void Forces::add(ForceConfig config) {
  for (size_t t = 0; t < config.targets.size(); ++t)
    by_device_[config.targets[t].device].push_back({forces_.size(), t});
  memory_.emplace_back(config.targets.size());
  forces_.push_back({std::move(config)});
}

size_t Forces::end(Time now, const std::string& name) {
  size_t ended = 0;
  for (auto& force : forces_) {
    if (force.config.name != name || force.config.until <= now) continue;
    force.config.until = std::max(now, force.config.from);
    ++ended;
  }
  return ended;
}

size_t Forces::end_all(Time now) {
  size_t ended = 0;
  for (auto& force : forces_) {
    if (force.config.until <= now) continue;
    force.config.until = std::max(now, force.config.from);
    ++ended;
  }
  return ended;
}

uint64_t Forces::bits(const Place& place) {
  const auto& config = forces_[place.force].config;
  const auto stream = random::stream(seed_, "rig." + config.name);
  const auto device = random::device(registry_.id(config.targets[place.target].device));
  return random::bits(stream, device, memory_[place.force][place.target].draws++);
}

bool Forces::drawn(const Place& place) {
  const double share = forces_[place.force].config.amount;
  return share >= 1 || random::uniform(bits(place)) < share;
}

std::string Forces::corrupted(std::string payload) {
  if (payload.empty()) return "?";
  const auto draw = random::bits(random::stream(seed_, "rig.corrupt"), payload.size(), corrupted_++);
  // Its highest bit is another one in any case: a text that is damaged can be told from one that is not.
  payload[draw % payload.size()] ^= static_cast<char>(0x80 | (draw >> 32));
  return payload;
}

bool Forces::damage(ForcePoint point, twin::DeviceRef device, Time at, std::string& payload) {
  const auto places = by_device_.find(device);
  if (places == by_device_.end()) return false;
  bool damaged = false;
  for (const auto& place : places->second) {
    Force& force = forces_[place.force];
    if (force.config.kind != ForceKind::corrupt || force.config.point != point || !acts(force, at)) continue;
    if (!drawn(place)) continue;
    payload = corrupted(std::move(payload));
    ++force.touched;
    damaged = true;
  }
  return damaged;
}

template <typename What>
bool Forces::passes(const Place& place, const What& what, Time at, std::vector<Late<What>>& late,
                    size_t& copies) {
  Force& force = forces_[place.force];
  const auto keep = [&](Time until) {
    late.push_back({until, place.force, what});
    mark(late.back().what);
    ++force.touched;
    return false;
  };
  switch (force.config.kind) {
    case ForceKind::drop:
      if (!drawn(place)) return true;
      ++force.touched;
      return false;
    case ForceKind::delay:
      return keep(at + force.config.delay);
    case ForceKind::duplicate:
      if (!drawn(place)) return true;
      ++force.touched;
      ++copies;
      return true;
    case ForceKind::reorder: {
      const bool waits = std::any_of(late.begin(), late.end(), [&](const auto& other) {
        return other.at == kNever && other.force == place.force && device_of(other.what) == device_of(what);
      });
      return waits || !drawn(place) ? true : keep(kNever);
    }
    default:
      return true;
  }
}

template <typename What>
void Forces::pass(const std::vector<Place>& places, What what, Time at, std::vector<Late<What>>& late,
                  std::vector<What>& out) {
  size_t copies = 1;
  for (const auto& place : places) {
    Force& force = forces_[place.force];
    if (!acts(force, at) || !concerns(force.config, force.config.targets[place.target], what)) continue;
    if (force.config.kind == ForceKind::corrupt && takes_damage(what) && drawn(place)) {
      spoil(what);
      ++force.touched;
    }
    if (!passes(place, what, at, late, copies)) return;
  }
  const auto device = device_of(what);
  if (copies > 1) mark(what);
  for (size_t i = 0; i < copies; ++i) out.push_back(what);
  // Whatever waited for the next one of this device comes now.
  std::erase_if(late, [&](auto& waiting) {
    if (waiting.at != kNever || device_of(waiting.what) != device) return false;
    set_time(waiting.what, at);
    out.push_back(std::move(waiting.what));
    return true;
  });
}

template <typename What>
void Forces::release(Time upto, std::vector<Late<What>>& late, std::vector<What>& out) {
  const size_t before = out.size();
  std::vector<Time> times;
  std::erase_if(late, [&](auto& waiting) {
    const auto& config = forces_[waiting.force].config;
    const bool over = config.until <= upto;
    const Time at = waiting.at == kNever ? config.until : std::min(waiting.at, over ? upto : kNever);
    if (at > upto) return false;
    set_time(waiting.what, at);
    times.push_back(at);
    out.push_back(std::move(waiting.what));
    return true;
  });
  std::vector<std::pair<Time, size_t>> order;
  for (size_t i = 0; i < times.size(); ++i) order.emplace_back(times[i], before + i);
  std::sort(order.begin(), order.end());
  std::vector<What> sorted;
  for (const auto& [at, i] : order) sorted.push_back(std::move(out[i]));
  std::move(sorted.begin(), sorted.end(), out.begin() + static_cast<long>(before));
}

void Forces::arriving(Arriving message, std::vector<Arriving>& out) {
  const auto places = by_device_.find(message.device);
  if (places == by_device_.end()) return out.push_back(std::move(message));
  const Time at = message.at;
  pass(places->second, std::move(message), at, late_in_, out);
}

void Forces::due(Time upto, std::vector<Arriving>& out) { release(upto, late_in_, out); }

void Forces::samples(twin::DeviceRef device, Time at, Samples& samples, std::vector<bool>& touched) {
  touched.assign(samples.values.size(), false);
  const auto places = by_device_.find(device);
  if (places == by_device_.end()) return;
  const auto& model = registry_.models()[device.table.index()].config;
  std::vector<bool> lost(samples.values.size(), false);
  for (const auto& place : places->second) {
    Force& force = forces_[place.force];
    const auto index = force.config.targets[place.target].index;
    if (force.config.point != ForcePoint::field) continue;
    auto& memory = memory_[place.force][place.target];
    for (size_t i = 0; i < samples.values.size(); ++i) {
      auto& [field, raw] = samples.values[i];
      if (field != index) continue;
      if (!acts(force, at)) {
        memory.value = raw;
        continue;
      }
      const auto& config = model.telemetry[field];
      const bool coded = config.boolean || !config.words.empty();
      if (force.config.kind == ForceKind::drop) {
        if (!drawn(place)) continue;
        lost[i] = true;
      } else if (force.config.kind == ForceKind::freeze) {
        if (!memory.value) memory.value = raw;
        raw = static_cast<int32_t>(*memory.value);
      } else if (coded || (raw == twin::kMissing && force.config.kind == ForceKind::force)) {
        raw = coded ? static_cast<int32_t>(force.config.amount)
                    : twin::scaling_of(config).to_raw(force.config.amount);
      } else if (raw != twin::kMissing) {
        const auto scaling = twin::scaling_of(config);
        raw = scaling.to_raw(*forced(force.config, scaling.to_si(raw), {}, bits(place)));
      } else {
        continue;  // nothing that could be moved
      }
      touched[i] = true;
      ++force.touched;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < samples.values.size(); ++i) {
    if (lost[i]) continue;
    samples.values[kept] = samples.values[i];
    touched[kept++] = touched[i];
  }
  samples.values.resize(kept);
  touched.resize(kept);
}

void Forces::leaving(const twin::Command& command, Time now, std::vector<Leaving>& out) {
  const auto places = by_device_.find(command.device);
  if (places == by_device_.end()) return out.push_back({command});
  Leaving leaving{command};
  for (const auto& place : places->second) {
    Force& force = forces_[place.force];
    const auto& target = force.config.targets[place.target];
    if (force.config.point != ForcePoint::setpoint || !concerns(force.config, target, leaving)) continue;
    auto& memory = memory_[place.force][place.target];
    if (!acts(force, now)) {
      memory.value = command.value;
      continue;
    }
    const uint64_t draw = force.config.kind == ForceKind::noise ? bits(place) : 0;
    const auto value = forced(force.config, leaving.command.value, memory.value, draw);
    if (!value) continue;
    if (force.config.kind == ForceKind::freeze) memory.value = value;
    leaving.command.value = *value;
    ++force.touched;
  }
  pass(places->second, leaving, now, late_out_, out);
}

void Forces::due(Time now, std::vector<Leaving>& out) { release(now, late_out_, out); }

}  // namespace looptwin::hil

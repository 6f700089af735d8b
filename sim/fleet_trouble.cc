#include "sim/fleet_trouble.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "base/text.h"

namespace looptwin::sim {
namespace {

std::optional<Distribution> exponential(Duration mean) {
  const auto made = Distribution::exponential(mean.seconds());
  LT_CHECK(made.has_value(), "a mean time that is not positive");
  return *made;
}

bool needs_sensor(FaultKind kind) {
  switch (kind) {
    case FaultKind::link_down:
    case FaultKind::device_off:
    case FaultKind::restart:
    case FaultKind::loss:
    case FaultKind::malformed:
    case FaultKind::wrong_type:
    case FaultKind::unknown_device:
    case FaultKind::foreign_credentials:
      return false;
    default:
      return true;
  }
}

}  // namespace

/// What links do to the devices of each model that hang on them: outages and bursts of losses.
void FleetTrouble::add_links(std::span<const LinkConfig> links, Diagnostics& problems) {
  for (const auto& config : links) {
    const auto add = [&](const char* what, FaultSource source, const SharedBy& shared) {
      source.outage = source.kind == FaultKind::link_down;
      source.wait_stream = Draws(seed_, fmt::format("link.{}.{}.wait", config.name, what));
      source.length_stream = Draws(seed_, fmt::format("link.{}.{}.length", config.name, what));
      const auto keys = devices_.shared_keys(config.name, shared, problems);
      for (const auto& model : devices_.models) {
        if (!devices_.hangs_on(model.table, config.name)) continue;
        source.keys = keys[model.table.index()];
        outages_[{config.name, model.table}].push_back(add_source(source));
      }
    };
    if (config.outage_every || config.outage_up) {
      FaultSource outage{.kind = FaultKind::link_down};
      outage.wait = config.outage_up ? config.outage_up : exponential(*config.outage_every);
      outage.lasts_drawn = config.outage_lasts;
      if (!outage.lasts_drawn) outage.lasts = minutes(1);
      add("outage", std::move(outage), config.outage_shared);
    }
    if (config.burst_up) {
      FaultSource burst{.kind = FaultKind::loss, .value = config.burst_loss};
      burst.wait = config.burst_up;
      burst.lasts_drawn = config.burst_lasts;
      if (!burst.lasts_drawn) burst.lasts = minutes(1);
      add("burst", std::move(burst), config.burst_shared);
    }
  }
}

void FleetTrouble::add_broker(std::span<const BrokerAway> away) {
  if (away.empty()) return;
  FaultSource source{.kind = FaultKind::link_down, .outage = true};
  source.broker = away;
  source.wait_stream = Draws(seed_, "broker.reconnect");
  broker_ = add_source(std::move(source));
}

void FleetTrouble::add_faults(std::span<const FaultConfig> faults, Diagnostics& problems) {
  concerns_.resize(devices_.models.size());
  for (const auto& fault : faults) add_fault(fault, faults_++, problems);
  const auto less = [](const Concern& a, const Concern& b) {
    return a.row != b.row ? a.row < b.row : a.source < b.source;
  };
  for (auto& concerns : concerns_) std::sort(concerns.begin(), concerns.end(), less);
}

uint16_t FleetTrouble::add_source(FaultSource source) {
  LT_CHECK(sources_.size() < kMostSources, "too many kinds of faults");
  sources_.push_back(std::move(source));
  return static_cast<uint16_t>(sources_.size() - 1);
}

/// Which field or signal of a model a fault is about; nothing where the model has none of that name.
std::optional<uint16_t> FleetTrouble::target_of(const FaultConfig& fault, const DeviceModel& model) const {
  if (!needs_sensor(fault.kind)) return 0;
  if (fault.kind == FaultKind::actuator_stuck) {
    for (size_t s = 0; s < model.signals.size(); ++s)
      if (model.signals[s].name == fault.sensor) return static_cast<uint16_t>(s);
    return std::nullopt;
  }
  const auto& fields = devices_.registry.model(model.table).config.telemetry;
  for (size_t f = 0; f < fields.size(); ++f)
    if (fields[f].name == fault.sensor) return static_cast<uint16_t>(f);
  return std::nullopt;
}

void FleetTrouble::add_fault(const FaultConfig& fault, size_t index, Diagnostics& problems) {
  const auto error = [&](std::string message, std::string hint) {
    problems.push_back({Severity::error, fault.span, std::move(message), std::move(hint)});
  };
  if (!fault.after && !fault.every)
    return error("a fault that never comes", "write after: 14 h, or every: 30 d");
  const auto devices = devices_.registry.matching(fault.device);
  if (devices.empty())
    return error(fmt::format("no device's id matches '{}'", fault.device),
                 "`*` stands for any part of an id without '/'");
  std::vector<std::optional<uint16_t>> source_of(devices_.models.size());
  std::vector<char> looked(devices_.models.size());
  bool any = false;
  for (const auto device : devices) {
    const size_t m = device.table.index();
    if (!looked[m]) {
      looked[m] = 1;
      if (const auto target = target_of(fault, devices_.models[m])) {
        const auto value = fault.values.empty() ? fault.value : fault.values[m];
        if (!value)
          error(fmt::format(
                    "the value of this fault means nothing to the '{}' of '{}', whose devices match, too",
                    fault.sensor, devices_.models[m].name),
                "let device: match devices of one model, and write another fault for the others");
        FaultSource source{.kind = fault.kind, .target = *target, .value = value.value_or(0)};
        source.keeps = fault.keeps;
        source.after = fault.after.value_or(kStart);
        if (fault.every) source.wait = exponential(*fault.every);
        source.lasts = fault.lasts;
        source.wait_stream = Draws(seed_, fmt::format("fault.{}.wait", index));
        source_of[m] = add_source(std::move(source));
      }
    }
    if (!source_of[m]) continue;
    any = true;
    concerns_[m].push_back({device.row.value, *source_of[m]});
  }
  if (any) return;
  std::vector<std::string> names;
  for (size_t m = 0; m < devices_.models.size(); ++m) {
    if (!looked[m]) continue;
    if (fault.kind == FaultKind::actuator_stuck) {
      for (const auto& s : devices_.models[m].signals) names.push_back(s.name);
    } else {
      for (const auto& f : devices_.registry.models()[m].config.telemetry) names.push_back(f.name);
    }
  }
  const bool signal = fault.kind == FaultKind::actuator_stuck;
  error(fmt::format("the devices of this fault have no {} '{}'", signal ? "controller output" : "telemetry",
                    fault.sensor),
        did_you_mean(fault.sensor, names));
}

void FleetTrouble::swap(FleetTrouble& other) {
  std::swap(sources_, other.sources_);
  std::swap(outages_, other.outages_);
  std::swap(broker_, other.broker_);
  std::swap(concerns_, other.concerns_);
  std::swap(faults_, other.faults_);
}

void FleetTrouble::strike(Disturbances& disturbances, const twin::Shard& shard) const {
  const size_t m = shard.table.index();
  auto concern = std::lower_bound(concerns_[m].begin(), concerns_[m].end(), shard.first,
                                  [](const Concern& c, size_t row) { return c.row < row; });
  for (size_t row = shard.first; row < shard.first + shard.rows; ++row) {
    const auto add = [&](uint16_t source) { disturbances.add(static_cast<uint32_t>(row), source); };
    if (broker_ && devices_.models[m].connected()) add(*broker_);
    const auto outages = outages_.find({devices_.registry.link({shard.table, Row(row)}), shard.table});
    if (outages != outages_.end()) std::for_each(outages->second.begin(), outages->second.end(), add);
    for (; concern != concerns_[m].end() && concern->row == row; ++concern) add(concern->source);
  }
}

}  // namespace looptwin::sim

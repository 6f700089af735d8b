#include "tests/sim/fleet_reference.h"

#include <algorithm>
#include <optional>

#include "base/hash.h"
#include "base/random.h"
#include "twin/frame.h"

namespace looptwin::sim::test {
namespace {

class Home {
 public:
  Home(const Setup& setup, uint32_t row, Received& out, Time end)
      : s_(setup),
        row_(row),
        id_("home-" + std::to_string(row + 1)),
        key_(hash64(id_)),
        out_(out),
        end_(end) {
    bias_ = setup.devices[0].sensors[0].bias * normal("home.temperature.bias", 0);
  }

  void run(std::vector<Delivery> deliveries) {
    groups_ = twin::report_groups(s_.models[0]);
    for (const auto& d : deliveries)
      if (d.command.device.row.value == row_) post(d);
    std::sort(inbox_.begin(), inbox_.end(), [](const Posted& a, const Posted& b) {
      return a.arrival != b.arrival ? a.arrival < b.arrival : a.command.id < b.command.id;
    });
    for (int64_t g = 0; Time{g * kStep} <= end_; ++g) point(g);
  }

 private:
  static constexpr int64_t kStep = 1'000'000'000;
  struct Posted {
    Time arrival;
    twin::Command command;
  };

  double uniform(const std::string& stream, uint64_t n) const {
    return random::uniform(random::bits(random::stream(s_.seed, stream), key_, n));
  }
  double normal(const std::string& stream, uint64_t n) const {
    return random::normal(random::bits(random::stream(s_.seed, stream), key_, n));
  }
  double draw(const Distribution& d, const std::string& stream, uint64_t n) const {
    return d.sample(random::bits(random::stream(s_.seed, stream), key_, n));
  }

  const FaultConfig* fault(FaultKind kind, const char* sensor, Time t) const {
    for (const auto& f : s_.faults)
      if (f.device == id_ && f.kind == kind && f.sensor == sensor && t >= *f.after &&
          (!f.lasts || t < *f.after + *f.lasts))
        return &f;
    return nullptr;
  }
  bool off(Time t) const { return fault(FaultKind::device_off, "", t) != nullptr; }
  /// Link faults of these tests do not overlap.
  Time connected(Time t) const {
    for (const auto kind : {FaultKind::link_down, FaultKind::device_off})
      if (const auto* f = fault(kind, "", t)) return f->lasts ? *f->after + *f->lasts : kNever;
    return t;
  }
  bool breaks_between(Time from, Time to) const {
    for (const auto& f : s_.faults)
      if (f.device == id_ && (f.kind == FaultKind::link_down || f.kind == FaultKind::device_off) &&
          *f.after <= to && (!f.lasts || from < *f.after + *f.lasts))
        return true;
    return false;
  }

  /// One message over the link: its delays, one each time that it arrives.
  std::vector<int64_t> pass(const std::string& kind, uint64_t n) const {
    if (s_.links.empty()) return {0};
    const auto& link = s_.links[0];
    const std::string name = "link." + link.name + "." + kind;
    const auto latency = [&](const char* stream) {
      return link.latency ? static_cast<int64_t>(std::max(0.0, draw(*link.latency, name + stream, n)) * 1e9)
                          : 0;
    };
    std::vector<int64_t> delays;
    int64_t delay = latency(".latency");
    if (link.reordering > 0 && uniform(name + ".reordering", n) < link.reordering)
      delay += link.reorder_delay.ns;
    if (!(uniform(name + ".loss", n) < link.loss)) delays.push_back(delay);
    if (uniform(name + ".duplication", n) < link.duplication) delays.push_back(latency(".duplicate"));
    return delays;
  }

  void post(const Delivery& d) {
    if (connected(d.sent) != d.sent) return;
    const auto delays = pass("command", d.command.id);
    // A copy exists only of a message that the broker could send at all: a lost one is lost with its copy.
    if (!s_.links.empty() &&
        uniform("link." + s_.links[0].name + ".command.loss", d.command.id) < s_.links[0].loss)
      return;
    for (const int64_t delay : delays) {
      const Time arrival{d.sent.ns + std::max<int64_t>(1, delay)};
      if (!breaks_between(d.sent, arrival)) inbox_.push_back({arrival, d.command});
    }
  }

  void point(int64_t g) {
    const Time now{g * kStep};
    if (g > 0) {
      const double gain = gain_,
                   heat = Weather::outdoor(Time{now.ns - kStep}) > 273.15 + 28 ? 2 * gain : gain;
      air_ += heat - (compressor_ ? 1.0 / 16 : 0);
    }
    gain_ = draw(*s_.devices[0].physics->random[0].draw, "home.gain.random",
                 static_cast<uint64_t>(now.ns / seconds(20).ns));
    while (!inbox_.empty() && inbox_.front().arrival <= now) {
      act(inbox_.front(), g);
      inbox_.erase(inbox_.begin());
    }
    if (g % 2 == 0 && !off(now)) control(g);
    if (off(now)) compressor_ = iced_ = false;
    power_ = (iced_ ? 0 : 500) + (compressor_ ? 3000 : 0);
    for (size_t k = 0; k < groups_.size(); ++k) sample(k, g);
  }

  /// `settled`: without noise. Ranges lie on steps.
  double at_resolution(size_t field, double x, double settled) const {
    const auto& config = s_.models[0].telemetry[field];
    const auto scaling = twin::scaling_of(config);
    const int32_t low = scaling.to_raw(config.range->low), high = scaling.to_raw(config.range->high);
    int32_t raw = std::clamp(scaling.to_raw(x), low, high);
    if (scaling.to_raw(settled) > high) raw = high + 1;
    if (scaling.to_raw(settled) < low) raw = low - 1;
    return scaling.to_si(raw);
  }

  /// A device that takes no reading keeps its last.
  bool dropped(int64_t g) const {
    const auto* f = fault(FaultKind::dropout, "temperature", Time{g * kStep});
    return f != nullptr && uniform("home.temperature.dropout", static_cast<uint64_t>(g)) < f->value;
  }

  double read_temperature(int64_t g) {
    const Time now{g * kStep};
    if (dropped(g) || fault(FaultKind::stuck, "temperature", now)) return reading_;
    const double noise = s_.devices[0].sensors[0].noise *
                         random::noise(random::bits(random::stream(s_.seed, "home.temperature.noise"), key_,
                                                    static_cast<uint64_t>(g)));
    double added = 0;
    if (const auto* f = fault(FaultKind::bias, "temperature", now)) added += f->value;
    if (const auto* f = fault(FaultKind::drift, "temperature", now))
      added += f->value * (now - *f->after).seconds();
    if (const auto* f = fault(FaultKind::out_of_range, "temperature", now)) {
      const auto scaling = twin::scaling_of(s_.models[0].telemetry[0]);
      return reading_ = scaling.to_si(scaling.to_raw(f->value));
    }
    const double settled = air_ + bias_;
    return reading_ = at_resolution(0, settled + noise + added, settled + added);
  }

  void control(int64_t g) {
    const double temperature = read_temperature(g);
    if (held_ != 0 && temperature > 273.15 + 25) {
      cool_ = s_.models[0].setpoints[0].value;
      acknowledge(held_, Time{g * kStep}, g, twin::Outcome::refused_local, Time{g * kStep});
      held_ = 0;
    }
    const double error = temperature - cool_;
    if (error >= 0.25) wants_ = true;
    if (error <= -0.25) wants_ = false;
    if (defrost_) iced_ = true;
    if (temperature > 273.15 + 24) iced_ = false;
    defrost_ = false;
    if (!fault(FaultKind::actuator_stuck, "compressor", Time{g * kStep})) compressor_ = wants_ && !iced_;
  }

  void act(const Posted& p, int64_t g) {
    const Time now{g * kStep};
    const auto& c = p.command;
    for (const auto& done : done_)
      if (done.id == c.id)
        return acknowledge(c.id, p.arrival, g, static_cast<twin::Outcome>(done.outcome), Time{done.applied});
    auto outcome = twin::Outcome::accepted;
    if (now > c.expires) {
      outcome = twin::Outcome::expired;
    } else if (c.kind == twin::Command::Kind::command) {
      defrost_ = true;
    } else if (!(c.value >= 289.15 && c.value <= 303.15)) {
      outcome = twin::Outcome::refused_range;
    } else if (c.may_refuse && read_temperature(g) > 273.15 + 25) {
      outcome = twin::Outcome::refused_local;
    } else {
      cool_ = c.value;
      held_ = c.may_refuse ? c.id : 0;
    }
    done_.push_back({row_, c.id, 0, now.ns, static_cast<int>(outcome)});
    if (done_.size() > 8) done_.erase(done_.begin());  // a device remembers its last eight
    acknowledge(c.id, p.arrival, g, outcome, now);
  }

  void acknowledge(uint64_t id, Time leaves, int64_t g, twin::Outcome outcome, Time applied) {
    leaves = connected(leaves);
    const auto delays = pass("acknowledgement", id);
    if (leaves == kNever) return;
    if (!s_.links.empty() &&
        uniform("link." + s_.links[0].name + ".acknowledgement.loss", id) < s_.links[0].loss)
      return;
    for (const int64_t delay : delays) {
      const int64_t received = std::max(leaves.ns + delay, g * kStep);
      if (received <= end_.ns)
        out_.acknowledgements.push_back({row_, id, received, applied.ns, static_cast<int>(outcome)});
    }
  }

  void sample(size_t group, int64_t g) {
    const int64_t phase = twin::phase_of(groups_[group], row_).ns, every = groups_[group].every.ns;
    for (int64_t k = 0; phase + k * every < (g + 1) * kStep; ++k) {
      const int64_t t = phase + k * every;
      if (t < g * kStep || t > end_.ns || off(Time{g * kStep}) || off(Time{t})) continue;
      std::vector<int32_t> value;
      for (const uint16_t f : groups_[group].fields) {
        if (f == 0) {
          const double reading = read_temperature(g);
          value.push_back(dropped(g) ? twin::kMissing
                                     : twin::scaling_of(s_.models[0].telemetry[0]).to_raw(reading));
        }
        if (f == 1)
          value.push_back(
              twin::scaling_of(s_.models[0].telemetry[1]).to_raw(at_resolution(1, power_, power_)));
        if (f == 2) value.push_back(compressor_);
      }
      const uint32_t sequence = sequence_[group]++;
      const Time leaves = connected(Time{t});
      if (leaves.ns != t) continue;  // nothing is stored
      for (const int64_t delay : pass("telemetry." + std::to_string(group), static_cast<uint64_t>(k)))
        if (t + delay <= end_.ns)
          out_.messages.push_back({row_, static_cast<uint32_t>(group), sequence, t, t + delay, value});
    }
  }

  const Setup& s_;
  uint32_t row_;
  std::string id_;
  uint64_t key_;
  Received& out_;
  Time end_;
  std::vector<twin::ReportGroup> groups_;
  std::vector<Posted> inbox_;
  std::vector<Ack> done_;
  double air_ = 273.15 + 23, gain_ = 0, power_ = 0, cool_ = 273.15 + 23, reading_ = 0, bias_ = 0;
  bool compressor_ = false, wants_ = false, iced_ = false, defrost_ = false;
  uint64_t held_ = 0;
  uint32_t sequence_[4] = {};
};

}  // namespace

void simulate_home(const Setup& setup, uint32_t row, std::span<const Delivery> deliveries, Time end,
                   Received& out) {
  Home(setup, row, out, end).run({deliveries.begin(), deliveries.end()});
}

}  // namespace looptwin::sim::test

#include "testbed/rig/parity.h"

#include <cmath>
#include <utility>

#include "base/json_tree.h"

namespace looptwin::testbed {
namespace {

/// Real samples that wait for the model; more than a rig's clock is ever behind.
constexpr size_t kMostWaiting = 256;

}  // namespace

Parity::Parity(const twin::Registry& registry, Tolerances tolerances)
    : registry_(registry), tolerances_(std::move(tolerances)) {
  for (const auto& model : registry.models()) groups_.push_back(twin::report_groups(model.config));
}

void Parity::take(const twin::Frame& frame, size_t message, bool real) {
  const auto& fields = groups_[frame.table.index()][frame.group].fields;
  const twin::DeviceRef device{frame.table, Row(frame.row[message])};
  const auto& telemetry = registry_.model(frame.table).config.telemetry;
  const std::scoped_lock lock(mutex_);
  for (size_t k = 0; k < fields.size(); ++k) {
    const int32_t raw = frame.value[k][message];
    if (raw == twin::kMissing) continue;
    const Key key{device, fields[k]};
    Field& field = fields_[key];
    const auto& config = telemetry[fields[k]];
    const bool coded = config.boolean || !config.words.empty();
    const Sample sample{Time{frame.sampled_at[message]}, coded ? raw : twin::scaling_of(config).to_si(raw)};
    if (real) {
      if (field.waiting.size() == kMostWaiting) field.waiting.pop_front();
      field.waiting.push_back(sample);
    } else if (!field.last || field.last->at < sample.at) {
      field.before = field.last;
      field.last = sample;
    }
    compare(key, field);
  }
}

/// Whether the device diverges, as far as its fields' last comparisons go.
void Parity::judge(twin::DeviceRef device, Time at) {
  bool is = false;
  for (auto field = fields_.lower_bound({device, 0}); field != fields_.end() && field->first.first == device;
       ++field)
    is = is || field->second.residuals.beyond;
  const auto known = diverging_.find(device);
  if (is == (known != diverging_.end() && known->second.now)) return;
  auto& divergence = diverging_[device];
  divergence.now = is;
  if (is && divergence.times++ == 0) divergence.first = at;
  changes_.emplace_back(device, is);
}

std::vector<std::pair<twin::DeviceRef, bool>> Parity::take_changes() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(changes_, {});
}

void Parity::compare(const Key& key, Field& field) {
  const auto& config = registry_.model(key.first.table).config.telemetry[key.second];
  const bool coded = config.boolean || !config.words.empty();
  const auto& tolerance = tolerances_[key.first.table.index()][key.second];
  while (!field.waiting.empty() && field.last && field.waiting.front().at <= field.last->at) {
    const Sample real = field.waiting.front();
    field.waiting.pop_front();
    double model = field.last->value;
    if (real.at < field.last->at) {
      if (!field.before || real.at < field.before->at) continue;  // from before there was a model
      const double share =
          (real.at - field.before->at).seconds() / (field.last->at - field.before->at).seconds();
      model = coded ? field.before->value
                    : field.before->value + share * (field.last->value - field.before->value);
    }
    const double off = coded ? (real.value == model ? 0 : 1) : real.value - model;
    auto& r = field.residuals;
    ++r.samples;
    r.sum += off;
    r.absolute += std::abs(off);
    r.within += tolerance && std::abs(off) <= *tolerance ? 1 : 0;
    if (const bool beyond = tolerance && std::abs(off) > *tolerance; beyond != r.beyond) {
      r.beyond = beyond;
      judge(key.first, real.at);
    }
    if (std::abs(off) <= std::abs(r.worst) && r.samples > 1) continue;
    r.worst = off;
    r.worst_at = real.at;
  }
}

void Parity::forget(twin::DeviceRef device) {
  const std::scoped_lock lock(mutex_);
  for (auto& [key, field] : fields_) {
    if (key.first != device) continue;
    field.before.reset();
    field.last.reset();
    field.waiting.clear();
    field.residuals.beyond = false;
  }
  judge(device, kStart);
}

Parity::Total Parity::total() const {
  const std::scoped_lock lock(mutex_);
  Total total;
  std::optional<twin::DeviceRef> last;
  for (const auto& [key, field] : fields_) {
    if (field.residuals.samples == 0) continue;
    total.devices += last != key.first ? 1 : 0;
    last = key.first;
    total.samples += field.residuals.samples;
    if (!tolerances_[key.first.table.index()][key.second]) continue;
    total.judged += field.residuals.samples;
    total.within += field.residuals.within;
  }
  for (const auto& [device, divergence] : diverging_) total.diverging += divergence.now ? 1 : 0;
  return total;
}

std::string Parity::json() const {
  const std::scoped_lock lock(mutex_);
  OrderedJson all = OrderedJson::object();
  for (const auto& [key, field] : fields_) {
    const auto& r = field.residuals;
    if (r.samples == 0) continue;
    const auto& config = registry_.model(key.first.table).config.telemetry[key.second];
    const bool coded = config.boolean || !config.words.empty();
    const auto in_unit = [&](double difference) {
      return coded ? difference : difference / config.unit.scale;
    };
    const auto n = static_cast<double>(r.samples);
    auto& out = all[std::string(registry_.id(key.first))][config.name];
    out["unit"] = coded ? "share that differs" : config.unit.text;
    out["samples"] = r.samples;
    out["mean"] = in_unit(r.sum / n);
    out["mean_absolute"] = in_unit(r.absolute / n);
    out["worst"] = in_unit(r.worst);
    out["worst_at_s"] = (r.worst_at - kStart).seconds();
    const auto& tolerance = tolerances_[key.first.table.index()][key.second];
    if (!tolerance) continue;
    out["tolerance"] = in_unit(*tolerance);
    out["within"] = static_cast<double>(r.within) / n;
  }
  OrderedJson diverging = OrderedJson::object();
  for (const auto& [device, divergence] : diverging_)
    diverging[std::string(registry_.id(device))] = {{"times", divergence.times},
                                                    {"first_at_s", (divergence.first - kStart).seconds()},
                                                    {"at_the_end", divergence.now}};
  return dump_json(OrderedJson{{"real_minus_model", all}, {"diverging", diverging}}, 2) + "\n";
}

}  // namespace looptwin::testbed

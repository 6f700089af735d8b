#include "hil/rig_transport.h"

#include <algorithm>
#include <cmath>

namespace looptwin::hil {
namespace {

std::optional<twin::DeviceRef> device_of(const Heard& heard) {
  if (const auto* telemetry = std::get_if<HeardTelemetry>(&heard)) return telemetry->device;
  if (const auto* presence = std::get_if<HeardPresence>(&heard)) return presence->device;
  if (const auto* answer = std::get_if<HeardAnswer>(&heard)) return answer->device;
  return std::nullopt;  // who says which one it is need not be it
}

/// That its device is there: all but its going, and what was kept from before.
bool tells_of_presence(const Heard& heard) {
  if (const auto* telemetry = std::get_if<HeardTelemetry>(&heard)) return !telemetry->old;
  const auto* presence = std::get_if<HeardPresence>(&heard);
  return presence == nullptr || presence->online;
}

bool is_hint(const Heard& heard) {
  const auto* presence = std::get_if<HeardPresence>(&heard);
  return presence != nullptr && presence->online && presence->kept;
}

}  // namespace

RigTransport::RigTransport(MqttLink& link, const twin::Registry& registry, mml::Broker& broker,
                           std::vector<twin::Shard> shards, const std::vector<Mapping>& mappings,
                           RigTime time)
    : link_(link),
      registry_(registry),
      broker_(broker),
      shards_(std::move(shards)),
      mappings_(mappings),
      time_(std::move(time)),
      arrived_(shards_.size()) {
  for (size_t s = 0; s < shards_.size(); ++s)
    while (first_shard_.size() <= shards_[s].table.index()) first_shard_.push_back(s);
  for (size_t m = 0; m < registry.models().size(); ++m) {
    const auto& config = registry.models()[m].config;
    Model model{twin::report_groups(config), {}, {}, {}, {}, {}, {}, {}, Resent(0)};
    const size_t devices = registry.devices(TableId(m));
    model.place.resize(config.telemetry.size());
    for (size_t g = 0; g < model.groups.size(); ++g)
      for (size_t k = 0; k < model.groups[g].fields.size(); ++k)
        model.place[model.groups[g].fields[k]] = {static_cast<uint16_t>(g), static_cast<uint16_t>(k)};
    model.sequence.assign(model.groups.size(), std::vector<uint32_t>(devices, 0));
    model.shift = model.sequence;
    model.renumber.assign(model.groups.size(), std::vector<uint8_t>(devices, 0));
    model.online.assign(devices, 0);
    model.other.assign(devices, 0);
    model.by_session.assign(devices, 0);
    model.resent = Resent(devices);
    models_.push_back(std::move(model));
  }
  conventions_ = make_conventions(registry, mappings, time_.start);
  subscribe();
}

RigTransport::~RigTransport() {
  for (const auto& convention : conventions_) convention->leave(outgoing_);
  publish();
}

size_t RigTransport::shard_of(twin::DeviceRef device) const {
  return first_shard_[device.table.index()] + device.row.index() / twin::kShardRows;
}

DeviceLanguage RigTransport::language() {
  DeviceLanguage language;
  language.tell = [this](const twin::Command& command, std::vector<Outgoing>& out) {
    return !may_be_told(command.device) ||
           std::any_of(conventions_.begin(), conventions_.end(),
                       [&](const auto& convention) { return convention->tell(command, out); });
  };
  language.write = [this](const twin::Command& command, std::vector<Outgoing>& out) {
    return !may_be_told(command.device) ||
           std::any_of(conventions_.begin(), conventions_.end(),
                       [&](const auto& convention) { return convention->write(command, out); });
  };
  language.answers_in = [this](const MqttMessage& message, std::vector<DeviceLanguage::Answer>& answers) {
    std::vector<Heard> heard;
    for (const auto& convention : conventions_)
      if (convention->take(message, kStart, heard)) break;
    for (const auto& one : heard)
      if (const auto* answer = std::get_if<HeardAnswer>(&one))
        answers.push_back({answer->answer.id, answer->answer.outcome == twin::Outcome::accepted});
  };
  language.is_there = [this](twin::DeviceRef device) {
    return models_[device.table.index()].online[device.row.index()] != 0;
  };
  // Conventions without a topic of their own for it infer answers from what devices report.
  language.answers = [this](twin::DeviceRef device) {
    const auto& mapping = mappings_[device.table.index()];
    return mapping.acknowledgements || !mapping.commands;
  };
  return language;
}

void RigTransport::begin(Time boundary) {
  broker_.begin();
  if (between_.before) between_.before(boundary);
  settle_admissions(boundary);
  taken_.clear();
  std::swap(taken_, early_);
  link_.take(taken_);
  take_late(boundary);
  for (auto& message : taken_) {
    const Time at = std::max(kStart, time_.at(message.received));
    if (at > boundary)
      early_.push_back(std::move(message));
    else
      take(message, at);
  }
  if (const auto connections = link_.counters().connections; connections != connections_) {
    connections_ = connections;
    for (const auto& convention : conventions_) convention->joined(boundary, link_.connected_at(), outgoing_);
  }
  for (const auto& convention : conventions_) convention->step(boundary, heard_, outgoing_);
  hear({boundary, kReal});
  if (gate_ != nullptr) gate_->step(boundary, outgoing_);
  publish();
  for (const auto& answer : withheld_)
    arrived_[shard_of(answer.device)].inbox.acknowledgements.push_back(answer);
  withheld_.clear();
  if (between_.safety != nullptr) between_.safety->begin(boundary);
  for (auto& arrived : arrived_) {
    const auto by_time = [](const auto& a, const auto& b) { return a.at < b.at; };
    std::stable_sort(arrived.inbox.presence.begin(), arrived.inbox.presence.end(), by_time);
    for (auto& frame : arrived.inbox.frames) broker_.admit(frame);
  }
}

/// Whoever was there is not any more, as far as anybody can tell.
void RigTransport::lost_broker(Time at) {
  for (const auto& convention : conventions_) convention->lost(at);
  if (gate_ != nullptr) gate_->lost_broker(at);
  for (size_t m = 0; m < models_.size(); ++m) {
    std::fill(models_[m].other.begin(), models_[m].other.end(), uint8_t{0});
    std::fill(models_[m].by_session.begin(), models_[m].by_session.end(), uint8_t{0});
    for (size_t row = 0; row < models_[m].online.size(); ++row) presence({TableId(m), Row(row)}, false, at);
  }
  if (sink_) sink_({at, "broker_lost", "", "until it is back all devices are offline", 1});
}

/// What was refused in a device's name is told of the device; of nobody whom we know, of the loop.
void RigTransport::take_incident(const Incident& incident) {
  if (violation(incident.kind)) {
    const twin::DeviceRef nobody{registry_.site(), Row(size_t{0})};
    notices_.push_back({twin::Notice::Kind::violations, registry_.find(incident.device).value_or(nobody),
                        static_cast<double>(incident.count), incident.at});
  }
  if (sink_) sink_(incident);
}

void RigTransport::take_status(const MqttMessage& message, Time at) {
  const auto session =
      status_.take(message, at, [this](const Incident& incident) { take_incident(incident); });
  const auto device = session ? registry_.find(session->device) : std::nullopt;
  if (!device) return;
  if (models_have_sessions_ && is_own_ && !is_own_(*device, {})) return;
  models_[device->table.index()].by_session[device->row.index()] = 1;
  const Speech speech{at, kReal};
  if (is_own(*device, speech, session->online) && !is_kept_out(*device, speech, session->online))
    presence(*device, session->online, at);
}

/// A simulated device has no session of its own.
bool RigTransport::has_session(twin::DeviceRef device, const Speech& speech) const {
  return speech.origin == kReal && models_[device.table.index()].by_session[device.row.index()] != 0;
}

bool RigTransport::hand_over(twin::DeviceRef device, bool joins, Time boundary) {
  Model& model = models_[device.table.index()];
  const size_t row = device.row.index();
  const bool was = model.online[row] != 0;
  bool is = joins ? was : model.other[row] != 0;
  if (gate_ != nullptr && is_itself(device) && !gate_->admits(device)) is = false;
  model.other[row] = joins && was ? 1 : 0;
  for (auto& renumber : model.renumber) renumber[row] = 1;
  confirmations_.forget(device);
  presence(device, is, boundary);
  return is;
}

/// Of one that is not the device only its coming (`online`) and going is remembered.
bool RigTransport::is_own(twin::DeviceRef device, const Speech& speech, bool online) {
  const std::string origin = speech.origin == kReal ? std::string() : std::string(speech.origin);
  if (!is_own_ || is_own_(device, origin)) return true;
  models_[device.table.index()].other[device.row.index()] = online ? 1 : 0;
  return false;
}

/// What forces have kept until now.
void RigTransport::take_late(Time boundary) {
  if (between_.forces == nullptr) return;
  arriving_.clear();
  between_.forces->due(boundary, arriving_);
  for (const auto& late : arriving_)
    std::visit(
        [&](const auto& heard) {
          hear(heard, {late.at, late.origin, late.clocks, true});
        },
        late.heard);
}

void RigTransport::take(MqttMessage& message, Time at) {
  if (message.topic.empty()) return lost_broker(at);
  if (BrokerStatus::is_status(message.topic)) return take_status(message, at);
  std::optional<MqttMessage> as_received;  // what is recorded
  if (between_.forces != nullptr && between_.forces->any()) {
    as_received = message;
    damage(message, at);
  }
  bool known = gate_ != nullptr && gate_->reader().take(message, heard_);
  known = std::any_of(conventions_.begin(), conventions_.end(),
                      [&](const auto& convention) { return convention->take(message, at, heard_); }) ||
          known;
  if (!known) ++counters_.unknown;
  std::optional<twin::DeviceRef> device;
  for (const auto& heard : heard_)
    if (!device) device = device_of(heard);
  const auto clocks = clocks_of(message);
  const auto read = hear({at, message.origin.empty() ? kReal : std::string_view(message.origin), clocks});
  if (between_.packets != nullptr)
    between_.packets->packet(as_received ? *as_received : message, time_.at(message.received), clocks, device,
                             known ? read : PacketRead::unknown);
}

/// By the topic: whose it is must be known before it is read.
void RigTransport::damage(MqttMessage& message, Time at) {
  for (size_t m = 0; m < mappings_.size(); ++m)
    for (const auto& [of, point] : {std::pair(&mappings_[m].presence, ForcePoint::presence),
                                    std::pair(&mappings_[m].acknowledgements, ForcePoint::acknowledgement),
                                    std::pair(&mappings_[m].telemetry, ForcePoint::telemetry)}) {
      const auto match = *of ? (*of)->match(message.topic) : std::nullopt;
      const auto device = match ? registry_.find(match->device) : std::nullopt;
      if (!device || device->table.index() != m) continue;
      between_.forces->damage(point, *device, at, message.payload);
      return;
    }
}

/// The last thing that was said decides what is told of the message.
PacketRead RigTransport::hear(const Speech& speech) {
  PacketRead read = PacketRead::taken;
  for (auto& heard : heard_) {
    const auto device = device_of(heard);
    if (device && !is_own(*device, speech, tells_of_presence(heard))) {
      read = PacketRead::not_its_own;
      continue;
    }
    // With a kept `online` nobody has come: at the most it is asked who is there.
    if (device && is_hint(heard) && gate_ != nullptr && !gate_->reader().ask(*device)) {
      ++counters_.hints;
      continue;
    }
    if (device && is_kept_out(*device, speech, tells_of_presence(heard))) {
      ++counters_.not_admitted;
      read = PacketRead::not_admitted;
      continue;
    }
    if (device && between_.forces != nullptr && between_.forces->any(*device))
      read = hear_through_forces(heard, speech);
    else
      read = std::visit([&](const auto& what) { return hear(what, speech); }, heard);
  }
  heard_.clear();
  return read;
}

PacketRead RigTransport::hear_through_forces(Heard& heard, const Speech& speech) {
  constexpr ForcePoint kPoints[] = {ForcePoint::telemetry, ForcePoint::presence, ForcePoint::acknowledgement};
  arriving_.clear();
  between_.forces->arriving({kPoints[heard.index()], *device_of(heard), std::move(heard),
                             std::string(speech.origin), speech.at, speech.clocks},
                            arriving_);
  PacketRead read = PacketRead::kept;
  for (const auto& one : arriving_)
    read = std::visit(
        [&](const auto& what) {
          return hear(what, Speech{one.at, one.origin, one.clocks, one.touched});
        },
        one.heard);
  return read;
}

PacketRead RigTransport::hear(const HeardTelemetry& heard, const Speech& speech) {
  // What the broker had kept is old: it says nothing about who is there.
  if (!heard.old && !has_session(heard.device, speech)) presence(heard.device, true, speech.at);
  ++counters_.messages;
  const auto& said = heard.samples;
  const auto [is, sequence] =
      speech.forced ? Confirmations::Taken{.number = said.sequence.value_or(0)} : number(heard);
  if (is == Confirmations::Is::again) {
    ++counters_.resent;
    return PacketRead::taken;
  }
  if (is == Confirmations::Is::early) {
    ++counters_.early;
    return PacketRead::early;
  }
  touched_.assign(said.values.size(), false);
  const bool forces = between_.forces != nullptr && between_.forces->any(heard.device);
  if (!forces && sequence == said.sequence.value_or(sequence)) {
    telemetry(heard.device, said, speech.at);
    note_samples(heard, speech);
    return PacketRead::taken;
  }
  HeardTelemetry changed = heard;
  if (said.sequence) changed.samples.sequence = sequence;
  if (forces) between_.forces->samples(heard.device, speech.at, changed.samples, touched_);
  telemetry(heard.device, changed.samples, speech.at);
  note_samples(changed, speech);
  return PacketRead::taken;
}

/// Whether it has come before, and its number for the loop.
Confirmations::Taken RigTransport::number(const HeardTelemetry& heard) {
  const auto& said = heard.samples;
  if (!heard.old && said.kept && said.sequence && said.unix_seconds)
    return confirmations_.take(heard.device, {*said.sequence, *said.kept, *said.unix_seconds});
  const bool again = models_[heard.device.table.index()].resent.again(heard.device.row.index(), said);
  return {again ? Confirmations::Is::again : Confirmations::Is::fresh, said.sequence.value_or(0)};
}

/// What the loop has taken in and decided on, devices need keep no more.
void RigTransport::confirm(Time now) {
  due_.clear();
  confirmations_.due(now, due_);
  for (const auto& due : due_)
    for (const auto& convention : conventions_) convention->confirm(due.device, due.number, outgoing_);
}

void RigTransport::note_samples(const HeardTelemetry& heard, const Speech& speech) {
  if (between_.packets == nullptr) return;
  const Time sampled = time_of(heard.samples.unix_seconds, speech.at);
  for (size_t i = 0; i < heard.samples.values.size(); ++i)
    between_.packets->sample({heard.device, heard.samples.values[i].first, heard.samples.values[i].second,
                              sampled, speech.at, speech.clocks,
                              speech.forced || touched_[i] ? kForced : speech.origin});
}

PacketRead RigTransport::hear(const HeardPresence& heard, const Speech& speech) {
  // A broker that crashed and came back still says what it was told to keep: whether the device is there is
  // unknown until it says something itself.
  if (heard.kept && heard.online)
    ++counters_.hints;
  else if (!has_session(heard.device, speech))
    presence(heard.device, heard.online, speech.at);
  ++counters_.messages;
  return PacketRead::taken;
}

PacketRead RigTransport::hear(const HeardAnswer& heard, const Speech& speech) {
  ++counters_.messages;
  const auto& answer = heard.answer;
  if (between_.safety != nullptr &&
      between_.safety->answered({answer.id, answer.outcome == twin::Outcome::accepted}, speech.at))
    return PacketRead::taken;
  arrived_[shard_of(heard.device)].inbox.acknowledgements.push_back(
      {answer.id, heard.device, answer.outcome, time_of(answer.unix_seconds, speech.at), speech.at});
  return PacketRead::taken;
}

PacketRead RigTransport::hear(PayloadProblem problem, const Speech&) {
  const bool malformed = problem == PayloadProblem::malformed;
  ++(malformed ? counters_.malformed : counters_.wrong_types);
  return malformed ? PacketRead::malformed : PacketRead::wrong_type;
}

Time RigTransport::time_of(const std::optional<double>& unix_seconds, Time otherwise) const {
  constexpr double kFarthest = 9e9;  // s: beyond it no int64 of ns
  if (!unix_seconds || !(std::abs(*unix_seconds) < kFarthest)) return otherwise;
  return kStart + (UnixTime{static_cast<int64_t>(*unix_seconds * 1e9)} - time_.start);
}

ClockTimes RigTransport::clocks_of(const MqttMessage& message) const {
  ClockTimes clocks{.wall = kStart + (time_.steady_zero - time_.start) + message.received};
  if (message.at_broker) clocks.broker = kStart + (*message.at_broker - time_.start);
  return clocks;
}

/// Which fields of a group somebody has forced in this message.
std::vector<uint16_t> RigTransport::forced_of(const Model& model, size_t group,
                                              const Samples& samples) const {
  std::vector<uint16_t> forced;
  for (size_t i = 0; i < samples.values.size(); ++i) {
    const auto [of_group, place] = model.place[samples.values[i].first];
    if (of_group == group && touched_[i]) forced.push_back(place);
  }
  std::sort(forced.begin(), forced.end());
  return forced;
}

void RigTransport::telemetry(twin::DeviceRef device, const Samples& samples, Time at) {
  Model& model = models_[device.table.index()];
  auto& arrived = arrived_[shard_of(device)];
  for (size_t g = 0; g < model.groups.size(); ++g) {
    const auto& group = model.groups[g];
    std::vector<int32_t> values(group.fields.size(), twin::kMissing);
    std::vector<bool> there(group.fields.size(), false);
    for (const auto& [field, raw] : samples.values)
      if (model.place[field].first == g) {
        values[model.place[field].second] = raw;
        there[model.place[field].second] = true;
      }
    Stream stream{static_cast<uint16_t>(g), {}, forced_of(model, g, samples)};
    for (size_t k = 0; k < there.size(); ++k)
      if (!there[k]) stream.without.push_back(static_cast<uint16_t>(k));
    if (stream.without.size() == there.size()) continue;
    const auto [place, is_new] = arrived.frame_of.try_emplace(stream, arrived.inbox.frames.size());
    if (is_new) {
      auto& frame = arrived.inbox.frames.emplace_back();
      frame.table = device.table;
      frame.group = stream.group;
      frame.without = stream.without;
      frame.forced = stream.forced;
      frame.value.resize(values.size());
    }
    auto& frame = arrived.inbox.frames[place->second];
    auto& counter = model.sequence[g][device.row.index()];
    const uint32_t number = samples.sequence.value_or(counter + 1);
    auto& shift = model.shift[g][device.row.index()];
    if (auto& renumber = model.renumber[g][device.row.index()]; renumber != 0) {
      renumber = 0;
      shift = samples.sequence ? counter + 1 - number : 0;
    }
    counter = samples.sequence ? number + shift : number;
    frame.row.push_back(static_cast<uint32_t>(device.row.index()));
    frame.sequence.push_back(counter);
    frame.sampled_at.push_back(time_of(samples.unix_seconds, at).ns);
    frame.received_at.push_back(at.ns);
    for (size_t k = 0; k < values.size(); ++k) frame.value[k].push_back(values[k]);
  }
}

void RigTransport::presence(twin::DeviceRef device, bool online, Time at) {
  uint8_t& known = models_[device.table.index()].online[device.row.index()];
  if ((known != 0) == online) return;
  if (online && !broker_.connect(device, registry_.credential(device), at)) {
    ++counters_.not_admitted;
    return;
  }
  if (!online) broker_.disconnect(device, at);
  known = online ? 1 : 0;
  online_ += online ? 1 : -size_t{1};
  if (online) returned_.push_back(device);
  arrived_[shard_of(device)].inbox.presence.push_back({device, online, at});
}

void RigTransport::poll_notices(Time /*boundary*/, std::vector<twin::Notice>& notices) {
  notices.insert(notices.end(), notices_.begin(), notices_.end());
  notices_.clear();
}

void RigTransport::poll(size_t shard, Time /*boundary*/, twin::Inbox& inbox) {
  inbox.clear();
  std::swap(inbox, arrived_[shard].inbox);
  arrived_[shard].inbox = {};
  arrived_[shard].frame_of.clear();
}

void RigTransport::poll_people(Time /*boundary*/, std::vector<twin::OperatorAction>& /*actions*/) {}

}  // namespace looptwin::hil

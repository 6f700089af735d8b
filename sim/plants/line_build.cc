// How a production line comes to be, is saved and restored.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/text.h"
#include "sim/fault.h"
#include "sim/plants/line.h"

namespace looptwin::sim {

namespace {

using Names = std::map<std::string, uint32_t>;

class Checker {
 public:
  explicit Checker(const LineConfig& config) : config_(config) {
    names(config.buffers, "buffers");
    names(config.sources, "sources");
    names(config.stations, "stations");
    for (uint32_t i = 0; i < config.buffers.size(); ++i) buffers_.emplace(config.buffers[i].name, i);
    if (config.stations.empty())
      problem({}, "a production line has no stations", "write stations: {saw: {from: ..., takes: 10 s}}");
    for (const auto& buffer : config.buffers)
      if (buffer.capacity == 0u && buffer.travel.ns > 0)
        problem(buffer.span, fmt::format("the conveyor '{}' has no places", buffer.name),
                "write capacity: 1, or leave travel out");
    for (const auto& source : config.sources) check(source);
    for (const auto& station : config.stations) check(station);
  }
  Diagnostics take() { return std::move(problems_); }
  uint32_t buffer(const std::string& name, uint32_t none) const {
    const auto found = buffers_.find(name);
    return found == buffers_.end() ? none : found->second;
  }

 private:
  template <typename Part>
  void names(const std::vector<Part>& parts, const char* kind) {
    std::map<std::string, int> seen;
    for (const auto& part : parts)
      if (seen[part.name]++ == 1)
        problem(part.span, fmt::format("two of the {} have the name '{}'", kind, part.name),
                "give each its own name");
  }
  void leads(const Span& span, const std::string& owner, const char* key, const std::string& name) {
    if (buffers_.contains(name)) return;
    std::vector<std::string> all;
    for (const auto& buffer : config_.buffers) all.push_back(buffer.name);
    problem(span, fmt::format("'{}' of '{}' names no buffer: '{}'", key, owner, name),
            all.empty() ? "write buffers: {" + name + ": {capacity: 10}}" : did_you_mean(name, all));
  }
  void positive(const Span& span, const std::string& owner, const char* key,
                const std::optional<Distribution>& time) {
    if (!time)
      problem(span, fmt::format("'{}' needs '{}'", owner, key), fmt::format("write {}: 10 s", key));
    else if (!(time->mean() >= kLeastSpell.seconds()))
      problem(span,
              fmt::format("'{}' of '{}' is {}", key, owner,
                          time->mean() > 0 ? "shorter than 1 ms on average" : "always zero"),
              "write 1 ms or longer");
  }
  void share(const Span& span, const std::string& owner, const char* key, double value) {
    if (!(value >= 0 && value <= 1))
      problem(span, fmt::format("'{}' of '{}' is {}, no share", key, owner, value), "write 0 % to 100 %");
  }
  void check(const LineSourceConfig& source) {
    leads(source.span, source.name, "to", source.to);
    positive(source.span, source.name, "every", source.every);
  }
  void check(const LineStationConfig& station) {
    const auto& name = station.name;
    if (!station.from.empty()) leads(station.span, name, "from", station.from);
    if (!station.to.empty()) leads(station.span, name, "to", station.to);
    if (!station.to.empty() && station.to == station.from)
      problem(station.span, fmt::format("'{}' gives to the buffer that it takes from", name),
              "let it give to another");
    positive(station.span, name, "takes", station.takes);
    share(station.span, name, "fails", station.fails);
    share(station.span, name, "spoils", station.spoils);
    if (station.fails_every) positive(station.span, name, "fails_every", station.fails_every);
    if (station.fails > 0 && station.fails_every)
      problem(station.span, fmt::format("'{}' has both 'fails' and 'fails_every'", name),
              "keep the one that is known of the machine");
    if ((station.fails > 0 || station.fails_every) && !station.repair)
      problem(station.span, fmt::format("'{}' fails, but is never repaired", name), "write repair: 10 min");
    if (!(station.machines >= 1 && station.machines <= 1'000'000))
      problem(station.span, fmt::format("'{}' has {} machines", name, station.machines),
              "write 1 to 1000000");
    if (!station.inspects) return;
    share(station.span, name, "false_reject", station.inspects->false_reject);
    share(station.span, name, "false_accept", station.inspects->false_accept);
    if (!station.inspects->rejects_to.empty())
      leads(station.span, name, "rejects_to", station.inspects->rejects_to);
  }
  void problem(const Span& span, std::string message, std::string hint) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  const LineConfig& config_;
  Names buffers_;
  Diagnostics problems_;
};

}  // namespace

Result<std::unique_ptr<ProductionLine>> ProductionLine::make(const LineConfig& config, uint64_t seed) {
  Checker checker(config);
  if (auto problems = checker.take(); !problems.empty()) return tl::make_unexpected(std::move(problems));
  std::unique_ptr<ProductionLine> line(new ProductionLine(config, seed));
  line->begin();
  return line;
}

ProductionLine::ProductionLine(const LineConfig& config, uint64_t seed) {
  kernel_.add(*this);
  arrival_ = kernel_.add_type("arrival");
  progress_ = kernel_.add_type("progress");
  repair_ = kernel_.add_type("repair");
  ready_ = kernel_.add_type("ready");
  Names buffers;
  for (const auto& given : config.buffers) {
    buffers.emplace(given.name, static_cast<uint32_t>(buffers_.size()));
    Buffer& buffer = buffers_.emplace_back();
    buffer.name = given.name;
    if (given.capacity) buffer.capacity = *given.capacity;
    buffer.travel = given.travel.ns;
  }
  const auto find = [&](const std::string& name) { return name.empty() ? kNowhere : buffers.at(name); };
  for (const auto& given : config.sources) {
    Source& source = sources_.emplace_back();
    source.config = given;
    source.to = find(given.to);
    source.draws = Draws(seed, "line.source");
    source.device = random::device(given.name);
  }
  for (const auto& given : config.stations) {
    Station& station = stations_.emplace_back();
    station.config = given;
    station.from = find(given.from);
    station.to = find(given.to);
    if (given.inspects) station.rejects = find(given.inspects->rejects_to);
    station.first = static_cast<uint32_t>(machines_.size());
    station.work = Draws(seed, "line.work");
    station.begins_to_fail = Draws(seed, "line.begins_to_fail");
    station.failure = Draws(seed, "line.failure");
    station.repair = Draws(seed, "line.repair");
    station.spoils = Draws(seed, "line.spoils");
    station.inspects = Draws(seed, "line.inspects");
    station.number[static_cast<size_t>(State::stopped)] = given.machines;
    for (uint64_t i = 0; i < given.machines; ++i) {
      Machine& machine = machines_.emplace_back();
      machine.station = static_cast<uint32_t>(stations_.size() - 1);
      machine.device = random::device(fmt::format("{}#{}", given.name, i));
    }
  }
  declare();
}

void ProductionLine::declare(const std::string& element, const char* quantity, const char* unit,
                             PortDirection way, double value) {
  ports_.push_back({element, quantity, unit, way});
  values_.push_back(value);
}

void ProductionLine::declare() {
  constexpr auto in = PortDirection::in, out = PortDirection::out;
  for (const Source& source : sources_) {
    const std::string name = "source." + source.config.name;
    declare(name, "rate", "1", in, 1);
    declare(name, "made", "1", out);
    declare(name, "lost", "1", out);
  }
  for (const Buffer& buffer : buffers_) {
    const std::string name = "buffer." + buffer.name;
    declare(name, "level", "1", out);
    declare(name, "entered", "1", out);
    declare(name, "level_time", "s", out);
  }
  for (const Station& station : stations_) {
    const std::string name = "station." + station.config.name;
    declare(name, "running", "1", in, 1);
    declare(name, "speed", "1", in, 1);
    declare(name, "halted", "1", in, 0);
    declare(name, "made", "1", out);
    declare(name, "rejected", "1", out);
    for (const char* state : {"starved", "working", "blocked", "down", "stopped"})
      declare(name, state, "1", out);
    for (const char* state : {"starved_time", "working_time", "blocked_time", "down_time", "stopped_time"})
      declare(name, state, "s", out);
  }
  for (const char* total : {"in_line", "delivered", "delivered_defective", "scrapped", "scrapped_good"})
    declare("line", total, "1", out);
  declare("line", "lead_time", "s", out);
}

namespace {

template <typename T>
void put_queue(ArchiveWriter& writer, const std::deque<T>& queue) {
  writer.put_vector(std::vector<T>(queue.begin(), queue.end()));
}

template <typename T>
void get_queue(ArchiveReader& reader, std::deque<T>& queue) {
  const auto read = reader.get_vector<T>();
  queue.assign(read.begin(), read.end());
}

}  // namespace

void ProductionLine::save(ArchiveWriter& writer) const {
  writer.section("production_line", 1);
  kernel_.save(writer);
  for (const Buffer& b : buffers_) {
    put_queue(writer, b.parts);
    put_queue(writer, b.givers);
    put_queue(writer, b.takers);
    for (const uint64_t value : {b.promised, b.entered}) writer.put(value);
    for (const int64_t value : {b.level_time, b.since}) writer.put(value);
  }
  for (const Source& s : sources_) {
    writer.put(s.rate);
    for (const uint64_t value : {s.drawn, s.made, s.lost}) writer.put(value);
    for (const int64_t value : {s.left, s.since}) writer.put(value);
    writer.put(s.waiting);
    writer.put(s.next);
  }
  for (const Station& s : stations_) {
    writer.put(s.speed);
    writer.put(s.running);
    writer.put(s.halted);
    for (const uint64_t value : {s.made, s.rejected}) writer.put(value);
    writer.put_span(std::span<const uint64_t>(s.number));
    writer.put_span(std::span<const int64_t>(s.time));
    writer.put(s.since);
  }
  writer.put_vector(machines_);
  for (const uint64_t value : {entered_, delivered_, delivered_defective_, scrapped_, scrapped_good_})
    writer.put(value);
  writer.put(lead_time_);
  writer.put_vector(values_);
}

void ProductionLine::restore(ArchiveReader& reader) {
  reader.section("production_line", 1);
  kernel_.restore(reader);
  for (Buffer& b : buffers_) {
    get_queue(reader, b.parts);
    get_queue(reader, b.givers);
    get_queue(reader, b.takers);
    for (uint64_t* value : {&b.promised, &b.entered}) *value = reader.get<uint64_t>();
    for (int64_t* value : {&b.level_time, &b.since}) *value = reader.get<int64_t>();
  }
  for (Source& s : sources_) {
    s.rate = reader.get<double>();
    for (uint64_t* value : {&s.drawn, &s.made, &s.lost}) *value = reader.get<uint64_t>();
    for (int64_t* value : {&s.left, &s.since}) *value = reader.get<int64_t>();
    s.waiting = reader.get<uint8_t>();
    s.next = reader.get<StepHandle>();
  }
  for (Station& s : stations_) {
    s.speed = reader.get<double>();
    s.running = reader.get<uint8_t>();
    s.halted = reader.get<uint8_t>();
    for (uint64_t* value : {&s.made, &s.rejected}) *value = reader.get<uint64_t>();
    reader.get_span(std::span<uint64_t>(s.number));
    reader.get_span(std::span<int64_t>(s.time));
    s.since = reader.get<int64_t>();
  }
  reader.get_span(std::span(machines_));
  for (uint64_t* value : {&entered_, &delivered_, &delivered_defective_, &scrapped_, &scrapped_good_})
    *value = reader.get<uint64_t>();
  lead_time_ = reader.get<int64_t>();
  reader.get_span(std::span(values_));
}

}  // namespace looptwin::sim

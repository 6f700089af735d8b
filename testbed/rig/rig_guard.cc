#include "testbed/rig/rig_guard.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/json_tree.h"
#include "base/text.h"
#include "mml/dispatcher.h"
#include "mml/loop.h"
#include "testbed/recorder.h"
#include "testbed/rig/rig_inventory.h"
#include "testbed/summary.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

/// So long the watchdog goes on looking for a broker that is away.
constexpr Duration kWatchdogsPatience = seconds(30);

std::string number(uint64_t n) { return grouped(static_cast<long long>(n)); }

std::string shown(const hil::Forces::Force& force) {
  return fmt::format("{}, of {}: {} touched{}", force.config.name, force.config.owner, number(force.touched),
                     force.touched == 0 ? ": it proves nothing"
                     : force.over       ? ""
                                        : ", still on");
}

}  // namespace

/// Every look at the time, and every piece of waiting, is a sign of life.
class RigGuard::Beating final : public hil::SteadyTime {
 public:
  Beating(hil::SteadyTime& inner, hil::Watchdog& watchdog) : inner_(inner), watchdog_(watchdog) {}
  Duration now() const override {
    const Duration now = inner_.now();
    if (now >= next_) {
      next_ = now + milliseconds(20);
      watchdog_.beat();
    }
    return now;
  }
  void sleep_until(Duration until) override { inner_.sleep_until(until); }
  void wake() override { inner_.wake(); }

 private:
  hil::SteadyTime& inner_;
  hil::Watchdog& watchdog_;
  mutable Duration next_{};
};

Result<std::unique_ptr<RigGuard>> RigGuard::prepare(const RigConfig& config, const Scenario& scenario,
                                                    const std::vector<std::string>& arm,
                                                    const std::optional<std::filesystem::path>& out) {
  std::unique_ptr<RigGuard> guard(new RigGuard(config));
  lang::Schema schema;
  twin::Tables tables(schema);
  const auto registry = twin::Registry::build(scenario.models, scenario.fleet, scenario.seed, schema, tables);
  if (!registry) return tl::make_unexpected(registry.error());
  const lang::Units units(scenario.ambient_pressure);
  Diagnostics problems;
  const auto add = [&](const Diagnostics& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  if (auto options = resolve(config.safety, *registry, units))
    guard->options_ = std::move(*options);
  else
    add(options.error());
  for (const auto& text : config.forces) {
    if (auto force = resolve(text, *registry, units, kStart))
      guard->declared_.push_back(std::move(*force));
    else
      add(force.error());
  }
  for (const auto& pattern : arm)
    if (registry->matching(pattern).empty())
      problems.push_back({Severity::error,
                          {},
                          fmt::format("no device matches --arm '{}'", pattern),
                          "write an id or a pattern: --arm '**' is all"});
  for (const auto& [key, wanted] : {std::pair("recording", config.recording), {"durable", config.durable}})
    if (wanted && !out)
      problems.push_back(
          {Severity::error, {}, fmt::format("{}: true needs a run folder", key), "leave out --out none"});
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  guard->options_.salt = hash64(fmt::format("{} at {}", config.name, to_string(scenario.start)));
  guard->arm_ = arm;
  guard->start_ = scenario.start;
  guard->seed_ = scenario.seed;
  if (out) guard->journal_file_ = *out / hil::kRigJournalFile;
  return guard;
}

RigGuard::RigGuard(const RigConfig& config) : config_(config) {}

RigGuard::~RigGuard() {
  if (safety_) finish(assembly_->loop().now());
  if (watchdog_ && !safety_) watchdog_->dismiss();  // the run never began
}

Result<void> RigGuard::watch(const hil::OwnBroker* own) {
  const bool says_farewell = config_.bindings && own == nullptr;
  if (!has_safe_values() && !says_farewell) return {};
  auto started = hil::Watchdog::start(
      {.broker = config_.broker,
       .rig = config_.name,
       .heartbeat = config_.safety.heartbeat,
       .patience = kWatchdogsPatience,
       .log = journal_file_.empty() ? journal_file_ : std::filesystem::absolute(journal_file_),
       .start = start_,
       .broker_folder = own != nullptr ? own->folder() : std::filesystem::path()});
  if (!started) return tl::make_unexpected(std::move(started.error()));
  watchdog_ = std::move(*started);
  beating_ = std::make_unique<Beating>(machine_, *watchdog_);
  return {};
}

hil::SteadyTime& RigGuard::loop_time() {
  return beating_ ? static_cast<hil::SteadyTime&>(*beating_) : machine_;
}

void RigGuard::begin(Assembly& assembly, hil::RigTransport& transport, hil::MqttLink& link,
                     RigRequests& requests, const Bindings* bindings, RigInventory* inventory) {
  requests_ = &requests;
  inventory_ = inventory;
  assembly_ = &assembly;
  transport_ = &transport;
  journal_ = hil::RigJournal(journal_file_);
  const auto& registry = assembly.registry();
  safety_ = std::make_unique<hil::RigSafety>(registry, options_, link, transport.language(), journal_,
                                             machine_, watchdog_.get());
  if (bindings != nullptr)
    safety_->gate().arming_is_for(
        [bindings](twin::DeviceRef device) { return bindings->of(device) != Binding::simulated; });
  forces_ = std::make_unique<hil::Forces>(registry, seed_);
  for (auto& force : declared_) forces_->add(std::move(force));
  if (auto* recorder = assembly.recorder())
    if (const auto rows = recorder->packet_rows()) packets_ = std::make_unique<PacketLog>(registry, *rows);
  transport.use({safety_.get(), forces_.get(), packets_.get(), [this](Time boundary) { before(boundary); },
                 [this](Time now) { leaving(now); }});
  for (const auto& pattern : arm_) safety_->arm(pattern, kStart, "command line");
  const auto topic = fmt::format("looptwin/rig/{}/stop", config_.name);
  requests.on_press([this, topic](Time now) -> Result<std::string> {
    stop("somebody said so on " + topic, now);
    return std::string();
  });
  link.hear_at_once(topic, [&requests] { requests.press(); });
}

void RigGuard::note(const Swap& swap) {
  journal_.write(swap.at, "swapped",
                 {{"device", std::string(registry().id(swap.device))},
                  {"from", name_of(swap.from)},
                  {"to", name_of(swap.to)},
                  {"by", swap.by}});
}

size_t RigGuard::stop(const std::string& why, Time now) {
  forces_->forget_leaving();
  return safety_->stop(why, now);
}

RigGuard::State RigGuard::state() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

void RigGuard::leaving(Time now) {
  requests_->do_at_once(now);
  // Whose the devices are is not known: nothing leaves until it is, or the run ends, whoever arms them.
  if (inventory_ != nullptr && inventory_->has_lapsed()) safety_->gate().stop();
}

void RigGuard::before(Time boundary) {
  if (inventory_ != nullptr) inventory_->step(boundary);
  {
    const std::scoped_lock lock(mutex_);
    state_ = {assembly_->loop().now(), transport_->online(), assembly_->dispatcher().counters().acknowledged};
  }
  requests_->do_at_boundary(boundary);
  leaving(boundary);
  forces_->begin(boundary, [&](const hil::Forces::Force& force, bool on) {
    journal_.write(boundary, on ? "force_on" : "force_off",
                   {{"name", force.config.name},
                    {"owner", force.config.owner},
                    {"kind", name_of(force.config.kind)},
                    {"devices", std::to_string(force.config.targets.size())},
                    {"until", force.config.until == kNever ? "the end" : to_string(force.config.until)},
                    {"touched", std::to_string(force.touched)}});
  });
}

Result<std::string> RigGuard::add_force(const std::string& line, Time boundary) {
  const auto text = read_force(line, assembly_->units());
  if (!text) return tl::make_unexpected(text.error());
  auto force = resolve(*text, assembly_->registry(), assembly_->units(), boundary);
  if (!force) return tl::make_unexpected(std::move(force.error()));
  if (force->until == kNever)
    return failure("a force that is given while the rig runs says how long it lasts", "write for: 10 s");
  auto name = force->name;
  forces_->add(std::move(*force));
  return name;
}

void RigGuard::finish(Time now) {
  if (finished_ || !safety_) return;
  finished_ = true;
  hand_over(now);
  outcome_ = safety_->tear_down(loop_time(), now);
  if (!watchdog_) return;
  // Where the broker is away the watchdog goes on trying, with what it has.
  if (outcome_.reached)
    watchdog_->dismiss();
  else
    watchdog_->let_go();
  watchdog_.reset();
  beating_.reset();
}

/// What somebody else has by now is not ours to make safe.
void RigGuard::hand_over(Time now) {
  if (inventory_ == nullptr) return;
  for (const auto& [id, owner] : inventory_->taken_by_others()) {
    const auto device = registry().find(id);
    if (!device) continue;
    fmt::print(stderr, "warning: {} is reserved by {} now: it is told no safe value\n", id, owner);
    safety_->hand_over(*device, now, owner);
  }
}

bool RigGuard::is_safe() const { return outcome_.orders == 0 || outcome_.confirmed(); }

bool RigGuard::is_valid() const {
  const auto& all = forces_->all();
  return std::all_of(all.begin(), all.end(), [](const auto& force) { return force.touched > 0; });
}

void RigGuard::print() const {
  const auto& gate = safety_->gate();
  const auto& kept = gate.counters();
  std::string reasons;
  for (size_t k = 0; k < hil::kReasonsToKeep; ++k)
    reasons += fmt::format("{}{} {}", k > 0 ? ", " : "", name_of(static_cast<hil::Kept>(k)), number(kept[k]));
  print_row("kept back", reasons);
  if (safety_->stops() > 0) print_row("stops", number(safety_->stops()));
  for (const auto& o : safety_->outcomes())
    print_row(
        "made safe",
        fmt::format("{}: {} safe values, {} taken, {} refused, {} unanswered, {} of devices "
                    "that were not there, {} of devices that never answer{}",
                    o.why, number(o.orders), number(o.answered), number(o.refused), number(o.unanswered),
                    number(o.absent), number(o.mute + o.deaf), o.reached ? "" : "; the broker was away"));
  const char* what = "forces";
  for (const auto& force : forces_->all()) {
    print_row(what, shown(force));
    what = "";
  }
  if (!is_valid()) print_row("verdict", "INVALID: a force had nothing to act on");
}

std::string RigGuard::with_rig(const std::string& status) const {
  auto json = load_json<OrderedJson>(status);
  const auto& gate = safety_->gate();
  OrderedJson kept, made_safe = OrderedJson::array(), forces = OrderedJson::array();
  for (size_t k = 0; k < hil::kReasonsToKeep; ++k)
    kept[name_of(static_cast<hil::Kept>(k))] = gate.counters()[k];
  for (const auto& o : safety_->outcomes())
    made_safe.push_back({{"why", o.why},
                         {"safe_values", o.orders},
                         {"answered", o.answered},
                         {"refused", o.refused},
                         {"unanswered", o.unanswered},
                         {"absent", o.absent},
                         {"never_answer", o.mute + o.deaf},
                         {"broker_reached", o.reached},
                         {"took_s", o.took.seconds()}});
  for (const auto& force : forces_->all())
    forces.push_back({{"name", force.config.name},
                      {"owner", force.config.owner},
                      {"kind", name_of(force.config.kind)},
                      {"from_s", force.config.from.seconds()},
                      {"fired", force.touched > 0},
                      {"touched", force.touched},
                      {"over", force.over}});
  json["rig"] = {{"kept_back", kept},      {"stops", safety_->stops()},
                 {"made_safe", made_safe}, {"safe", is_safe()},
                 {"forces", forces},       {"verdict", is_valid() ? "valid" : "invalid"}};
  return dump_json(json);
}

}  // namespace looptwin::testbed

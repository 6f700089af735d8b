#include "testbed/reading/load.h"

#include <fmt/format.h>
#include <algorithm>

#include "testbed/reading/file_name.h"
#include "testbed/reading/files.h"
#include "testbed/reading/other_rules.h"
#include "testbed/reading/sections_people.h"
#include "testbed/reading/sections_search.h"
#include "testbed/reading/settings.h"

namespace looptwin::testbed {
namespace {

const lang::Unit& pascal() {
  static const lang::Unit kPascal{"Pa", lang::Type::number({{-1, 1, -2}}), 1, 0};
  return kPascal;
}

Value<double> pressure() {
  return {Form::quantity, [](Reader& reader, const yaml::Node& node) -> std::optional<double> {
            const auto value = quantity(reader, node, pascal(), false);
            if (!value || *value > 0) return value;
            reader.error(node.span, fmt::format("the pressure {} is not above zero", node.text),
                         "write it as 101.3 kPa");
            return std::nullopt;
          }};
}

Value<std::string> file_name() {
  return {Form::text, [](Reader& reader, const yaml::Node& node) -> std::optional<std::string> {
            const auto name = text().read(reader, node);
            if (!name || is_file_name(*name)) return name;
            reader.error(
                node.span, fmt::format("'{}' is no name of a scenario: its runs' folders bear it", *name),
                "write up to 64 letters, digits, '.', '_' and '-', beginning with a letter, a digit or _");
            return std::nullopt;
          }};
}

/// Folders of earlier runs, each with its place.
Value<std::vector<EarlierRunConfig>> earlier_runs() {
  return {Form::texts,
          [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<EarlierRunConfig>> {
            if (!expect_list(reader, "history_from", node)) return std::nullopt;
            std::vector<EarlierRunConfig> runs;
            for (const auto& item : node.items)
              if (auto folder = path().read(reader, item)) runs.push_back({std::move(*folder), item.span});
            return runs;
          }};
}

/// A map of names to drafts of T.
template <typename U, typename M>
Key<Draft> top(std::string name, const Section<U>& section, M member, std::string about,
               bool needed = false) {
  auto key = named<Draft>(name, section, member, std::move(about));
  key.info.required = needed;
  return key;
}

/// A map whose keys are models.
template <typename U, typename M>
Key<Draft> by_model(std::string name, const Section<U>& section, M member, std::string about,
                    bool needed = false) {
  const SectionInfo owner{"'" + name + "'", {}, {}, {}};
  return {
      {.name = name, .form = Form::named, .about = std::move(about), .required = needed, .section = &section},
      [owner, &section, member](Reader& reader, const yaml::Entry& entry, Draft& draft) {
        if (!expect_map(reader, owner, entry.value, entry.key_span)) return;
        for (const auto& item : entry.value.entries) {
          U& value = std::invoke(member, draft).emplace_back();
          value.model = item.key;
          value.span = item.key_span;
          section.read(reader, item.value, item.key_span, value);
        }
      }};
}

void read_start(Reader& reader, Draft& draft) {
  if (!draft.start || !scalar(reader, *draft.start, "a date and time")) return;
  if (const auto date = parse_iso(draft.start->text)) {
    if (is_there(reader, draft.zone, *date, *draft.start)) draft.scenario.start = draft.zone.to_utc(*date);
  } else {
    reader.error(draft.start->span, fmt::format("'{}' is not a date and time", draft.start->text),
                 "write \"2019-07-15T00:00:00\", in local time, of the years 1700 to 2200");
  }
}

/// A run without any boundary would decide nothing, and say that it reached its end.
void check_duration(Reader& reader, const yaml::Node& root, const Scenario& scenario) {
  const Duration cycle = scenario.least_cycle.value_or(scenario.cycle);
  const auto* written = root.find("duration");
  if (written == nullptr || scenario.duration.ns == 0 || scenario.duration >= cycle) return;
  reader.error(written->span,
               fmt::format("the run of {} ends before its first boundary, which comes after a cycle of {}",
                           to_string(scenario.duration), to_string(cycle)),
               "write a longer duration:, or a shorter cycle:");
}

/// All samples between two boundaries are in memory at once.
void check_samples(Reader& reader, const Draft& draft) {
  constexpr int64_t kMost = 100'000;
  for (const auto& model : draft.models)
    for (const auto& field : model.telemetry)
      if (field.every.ns > 0 && draft.scenario.cycle.ns / field.every.ns > kMost)
        reader.error(field.span,
                     fmt::format("'{}' is sampled every {}, more than 100 000 times a cycle of {}",
                                 field.name, to_string(field.every), to_string(draft.scenario.cycle)),
                     "write a longer every:, or a shorter cycle:");
}

/// Defaults that are no plain values of the configs.
void fill_defaults(Draft& draft) {
  for (auto& model : draft.models) {
    for (auto& command : model.commands)
      if (command.expires.ns == 0) command.expires = minutes(1);
    if (auto& physics = model.device.physics; physics && physics->step.ns == 0) physics->step = seconds(1);
    if (auto& controller = model.device.controller; controller && controller->every.ns == 0)
      controller->every = seconds(1);
  }
}

/// A loop over networks need not be faster, and a simulation does not look for arrivals more often.
constexpr Duration kLeastCycle = milliseconds(1);

struct Cycle {
  Duration least{}, greatest{};
};

const Section<Cycle>& cycle_section() {
  using T = Cycle;
  static const Section<T> kSection(
      "'cycle'", "cycle",
      {required<T>("least", period_from(kLeastCycle), &T::least,
                   "from one boundary to the next, however much arrives"),
       required<T>("greatest", period_from(kLeastCycle), &T::greatest, "where nothing arrives")});
  return kSection;
}

/// `cycle: 1 s`, or on arrival: `cycle: {least: 50 ms, greatest: 1 s}`.
Key<Draft> cycle_key() {
  return {{.name = "cycle",
           .form = Form::other,
           .about = "of the supervisory loop: a duration > 0, or on arrival within `{least, greatest}`",
           .fallback = "1 s",
           .section = &cycle_section()},
          [](Reader& reader, const yaml::Entry& entry, Draft& out) {
            if (!entry.value.map()) {
              if (const auto fixed = period_from(kLeastCycle).read(reader, entry.value))
                out.scenario.cycle = *fixed;
              return;
            }
            Cycle cycle;
            cycle_section().read(reader, entry.value, entry.key_span, cycle);
            if (cycle.least.ns == 0 || cycle.greatest.ns == 0) return;  // that was an error
            if (cycle.least >= cycle.greatest)
              return reader.error(entry.value.span, "the least cycle is not less than the greatest",
                                  "write cycle: {least: 50 ms, greatest: 1 s}, or one duration");
            out.scenario.cycle = cycle.greatest;
            out.scenario.least_cycle = cycle.least;
          }};
}

}  // namespace

const Section<Draft>& scenario_section() {
  const auto in = [](auto Scenario::*member) {
    return [member](Draft & d) -> auto& { return d.scenario.*member; };
  };
  const Value<Timezone> zone{Form::text,
                             [](Reader& reader, const yaml::Node& node) -> std::optional<Timezone> {
                               if (!scalar(reader, node, "a timezone")) return std::nullopt;
                               auto opened = Timezone::load(node.text);
                               if (opened) return std::move(*opened);
                               reader.error(node.span, opened.error()[0].message, opened.error()[0].hint);
                               return std::nullopt;
                             }};
  auto timezone =
      optional<Draft>("timezone", zone, &Draft::zone, "UTC", "IANA name, from the system's tzdata");
  timezone.read = [read = timezone.read](Reader& reader, const yaml::Entry& entry, Draft& draft) {
    read(reader, entry, draft);
    draft.scenario.timezone = entry.value.text;
  };
  auto plants = top("plants", plant_section(), &Draft::plants, "physics that devices share");
  plants.read = [read = plants.read](Reader& reader, const yaml::Entry& entry, Draft& draft) {
    const size_t before = reader.problems.size();
    read(reader, entry, draft);
    draft.plants_refused |= reader.problems.size() > before;
  };
  Key<Draft> use{
      {.name = "use",
       .form = Form::texts,
       .about = "other files whose sections belong to the scenario; paths from the file that names them"},
      [](Reader&, const yaml::Entry&, Draft&) {}};
  static const Section<Draft> kSection(
      "a scenario", "scenario",
      {required<Draft>("scenario", file_name(), in(&Scenario::name),
                       "its name: up to 64 letters, digits, `.`, `_` and `-`; runs are in `runs/NAME`"),
       optional<Draft>("about", text(), in(&Scenario::about), "",
                       "what it shows; plain text, braces are braces"),
       optional<Draft>("start", later(Form::date), &Draft::start, "\"2000-01-01T00:00:00\"",
                       "local date and time at which the run begins"),
       timezone,
       required<Draft>("duration", period(), in(&Scenario::duration), "how long the run lasts"),
       cycle_key(),
       optional<Draft>("seed", whole_number(0, UINT64_MAX), in(&Scenario::seed), "1",
                       "of all random numbers"),
       optional<Draft>("ambient_pressure", pressure(), in(&Scenario::ambient_pressure), "101325 Pa",
                       "what gauge pressures are points against"),
       use,
       top("feeds", feed_section(), &Draft::feeds, "data from outside, and to it"),
       top("models", model_section(), &Draft::models, "device models", true),
       by_model("fleet", fleet_section(), &Draft::fleet, "how many devices of each model there are", true),
       plants,
       top("links", link_section(), in(&Scenario::links), "networks between devices and broker"),
       list<Draft>("faults", fault_section(), &Draft::faults, "what goes wrong"),
       top("functions", function_section(), &Draft::functions,
           "quantities that Python computes of whole columns"),
       top("derived", derived_section(), in(&Scenario::derived),
           "quantities that are computed from what is reported"),
       top("machines", machine_section(), in(&Scenario::machines),
           "states that the loop keeps, of a device or of all"),
       top("events", event_section(), in(&Scenario::events),
           "facts about devices that rise, stand and clear"),
       top("rules", rule_section(), in(&Scenario::rules), "what is done about events"),
       top("alarms", alarm_section(), in(&Scenario::alarms), "events for a person"),
       top("people", person_section(), in(&Scenario::people), "who acts, and what they may do"),
       top("operator", input_section(), &Draft::inputs,
           "what people give the loop: buttons, selectors, limits"),
       list<Draft>("script", script_section(), &Draft::script, "what people do in the run, and when"),
       list<Draft>("tests", test_section(), &Draft::tests,
                   "what is expected of the rules, for `looptwin test`"),
       list<Draft>("requirements", requirement_section(), in(&Scenario::requirements),
                   "what must hold in a run"),
       section<Draft>("search", search_section(), in(&Scenario::search),
                      "what `looptwin falsify` may vary to break a requirement"),
       by_model("history", history_section(), in(&Scenario::history),
                "what the warm history keeps, by model"),
       optional<Draft>("history_from", earlier_runs(), in(&Scenario::history_from), "none",
                       "folders of earlier runs that `ago()` and trends look back into"),
       optional<Draft>("retention", period(), in(&Scenario::retention), "28 d",
                       "of samples, rollups and derived values in the run's folder; its logs stay whole"),
       optional<Draft>(
           "snapshots", period(), in(&Scenario::snapshots), "never",
           "how often the run's state is kept in its folder, for `run --resume` and `run --from`"),
       optional<Draft>("keep_snapshots", whole_number(1, 1'000'000'000), in(&Scenario::keep_snapshots), "1",
                       "how many snapshots stay in the folder, the newest ones; forks begin at one"),
       optional<Draft>("input_log", boolean(), in(&Scenario::input_log), "false",
                       "whether the run's folder keeps all that the loop takes in, for `looptwin replay`")});
  return kSection;
}

void sort(Diagnostics& problems, const std::vector<SourcePtr>& sources) {
  const auto file = [&](const Diagnostic& d) {
    const auto found = std::find_if(sources.begin(), sources.end(), [&](const SourcePtr& s) {
      return d.span.source && s->name == d.span.source->name;
    });
    return d.span.source ? found - sources.begin() : -1;
  };
  std::stable_sort(problems.begin(), problems.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(file(a), a.span.begin) < std::pair(file(b), b.span.begin);
  });
}

namespace {

Reading reading_of(Files files, const std::vector<Setting>& settings, Diagnostics problems,
                   const OtherRules* rules, const Extensions* extensions, const LeftOut* left_out = nullptr) {
  if (files.sources.empty()) return {.problems = std::move(problems)};
  apply(settings, scenario_section(), files.root, problems);
  if (left_out != nullptr) left_out->take_out(files.root, problems);
  if (rules != nullptr) replace_rules(*rules, scenario_section(), files, problems);
  // Where values were refused, what refers to them would be called dangling, wrongly.
  const bool sound = files.complete && problems.empty();

  Draft draft;
  draft.scenario.folder = files.folder;
  draft.scenario.start = from_utc_fields({.year = 2000});
  // Gauge pressures anywhere are points against this one, so it is known before anything else is read.
  if (const auto* ambient = files.root.find("ambient_pressure")) {
    Diagnostics reported_later;
    const lang::Units units;
    Reader reader{units, reported_later};
    draft.scenario.ambient_pressure =
        pressure().read(reader, *ambient).value_or(draft.scenario.ambient_pressure);
  }
  const lang::Units units(draft.scenario.ambient_pressure);
  Reader reader{units, problems, files.complete, extensions};
  const auto& first = files.sources.front();
  scenario_section().read(reader, files.root, Span{first, 0, 0}, draft);
  if (draft.scenario.search) find_searched(files.root, *draft.scenario.search);
  read_start(reader, draft);
  check_duration(reader, files.root, draft.scenario);
  check_samples(reader, draft);
  fill_defaults(draft);
  const bool all_read = left_out == nullptr ? sound : !has_errors(problems);
  if (all_read) resolve(reader, draft);
  // Behind the files stand the digests of what was drawn from registries.
  draft.scenario.sources.insert(draft.scenario.sources.begin(), files.sources.begin(), files.sources.end());
  sort(problems, files.sources);
  Reading reading{.problems = std::move(problems),
                  .all_read = all_read,
                  .sources = std::move(files.sources),
                  .root = std::move(files.root)};
  if (!has_errors(reading.problems)) reading.scenario = std::move(draft.scenario);
  return reading;
}

Result<Scenario> scenario_of(Reading reading) {
  if (!reading.scenario) return tl::make_unexpected(std::move(reading.problems));
  return std::move(*reading.scenario);
}

}  // namespace

Result<Scenario> load(const std::filesystem::path& path, const std::vector<Setting>& settings,
                      const std::filesystem::path& tests, const OtherRules* rules,
                      const Extensions* extensions) {
  Diagnostics problems;
  auto files = read_files(path, problems, tests);
  return scenario_of(reading_of(std::move(files), settings, std::move(problems), rules, extensions));
}

Reading read(const std::filesystem::path& path, const std::vector<Setting>& settings,
             const Extensions* extensions, const LeftOut& left_out) {
  Diagnostics problems;
  auto files = read_files(path, problems);
  return reading_of(std::move(files), settings, std::move(problems), nullptr, extensions, &left_out);
}

Result<Scenario> load_text(const SourcePtr& text, const std::filesystem::path& folder,
                           const std::vector<Setting>& settings, const Extensions* extensions) {
  Diagnostics problems;
  auto files = read_text(text, folder, problems);
  return scenario_of(reading_of(std::move(files), settings, std::move(problems), nullptr, extensions));
}

Result<std::optional<yaml::Node>> written_at(const std::string& what, const SourcePtr& text,
                                             const std::filesystem::path& path,
                                             const std::vector<Setting>& settings) {
  Diagnostics problems;
  auto files = text ? read_text(text, path, problems) : read_files(path, problems);
  apply(settings, scenario_section(), files.root, problems);
  auto found = problems.empty() ? find(what, scenario_section(), std::move(files.root), problems)
                                : std::optional<yaml::Node>();
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return found;
}

}  // namespace looptwin::testbed

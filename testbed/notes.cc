#include "testbed/notes.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "lang/condition_windows.h"
#include "lang/warm.h"
#include "mml/alarms.h"
#include "testbed/field_at.h"
#include "testbed/some_devices.h"

namespace looptwin::testbed {

namespace {

struct Claim {
  const mml::Rule* rule;
  const mml::OverrideConfig* config;
};
using Claims = std::map<std::pair<size_t, uint16_t>, std::vector<Claim>>;  ///< by table and setpoint
void add_claims(const mml::Rule& rule, Claims& claims) {
  for (const auto& wired : rule.overrides)
    for (const auto& set : wired.set)
      claims[{wired.target.table.index(), set.setpoint}].push_back({&rule, &wired.config});
}

std::string name_of(std::pair<size_t, uint16_t> setpoint, const twin::Registry& registry) {
  const auto& model = registry.model(TableId(setpoint.first)).config;
  return fmt::format("{}.{}", model.name, model.setpoints[setpoint.second].name);
}

}  // namespace

void note_rivals(const std::vector<std::unique_ptr<mml::Rule>>& rules, const twin::Registry& registry,
                 Diagnostics& problems) {
  Claims all;
  for (const auto& rule : rules) add_claims(*rule, all);
  for (const auto& [setpoint, claims] : all) {
    for (size_t later = 1; later < claims.size(); ++later) {
      for (size_t earlier = 0; earlier < later; ++earlier) {
        const Claim &first = claims[earlier], &claim = claims[later];
        if (first.config->priority != claim.config->priority) continue;
        const std::string &one = first.rule->config.name, &two = claim.rule->config.name;
        const std::string who = first.rule == claim.rule
                                    ? fmt::format("rule '{}' twice sets", one)
                                    : fmt::format("rules '{}' and '{}' both set", one, two);
        problems.push_back({Severity::warning, claim.config->span,
                            fmt::format("{} {} with priority {}: the earlier claim holds", who,
                                        name_of(setpoint, registry), claim.config->priority),
                            "give one of them a higher `priority:`"});
      }
    }
  }
}

std::vector<std::string> rivals(const std::vector<mml::Rule>& rules, const twin::Registry& registry) {
  Claims all;
  for (const auto& rule : rules) add_claims(rule, all);
  std::vector<std::string> lines;
  for (auto& [setpoint, claims] : all) {
    const auto* first = claims[0].rule;
    if (std::ranges::all_of(claims, [&](const Claim& c) { return c.rule == first; })) continue;
    std::stable_sort(claims.begin(), claims.end(),
                     [](const Claim& a, const Claim& b) { return a.config->priority > b.config->priority; });
    std::vector<std::string> who;
    for (const Claim& claim : claims)
      who.push_back(fmt::format("{} (priority {})", claim.rule->config.name, claim.config->priority));
    lines.push_back(fmt::format("{} is claimed by {}: the highest holds", name_of(setpoint, registry),
                                joined(who, ", ")));
  }
  return lines;
}

namespace {

/// Why the loop will refuse what the script asks, whatever the state of the alarm; empty: it may not.
std::string refusal_of(const Scenario& scenario, const twin::OperatorAction& action) {
  const auto& person = scenario.people[action.by];
  const bool of_input = action.of == twin::OperatorSubject::input;
  const auto& role = of_input ? scenario.inputs[action.subject].role : scenario.alarms[action.subject].role;
  if ((of_input || mml::needs_role(mml::operation_of(action.verb))) && !mml::has_role(person, role))
    return fmt::format("{} does not have the role '{}'", person.name, role);
  if (of_input) return {};
  const auto operation = mml::operation_of(action.verb);
  const auto& alarm = scenario.alarms[action.subject];
  if (mml::lacks_text(operation, action.comment)) return "it needs a comment";
  if (const auto input = mml::input_of(operation))
    if (const char* why = mml::refused_always(*input, {alarm.latched, alarm.confirm})) return why;
  const Duration longest = alarm.longest_shelving;
  if (action.verb == twin::OperatorVerb::shelve && action.duration > longest)
    return fmt::format("it may be shelved for {} at the most", to_string(longest));
  return {};
}

}  // namespace

void note_refusals(const Scenario& scenario, Diagnostics& problems) {
  for (const auto& entry : scenario.script) {
    const std::string why = refusal_of(scenario, entry.action);
    if (why.empty()) continue;
    const auto& name = entry.action.of == twin::OperatorSubject::input
                           ? scenario.inputs[entry.action.subject].name
                           : scenario.alarms[entry.action.subject].event.name;
    problems.push_back({Severity::warning, entry.span,
                        fmt::format("{} '{}' will be refused: {}", name_of(entry.action.verb), name, why),
                        "change that, unless the refusal is what you want to see"});
  }
}

void note_last_boundary(const Scenario& scenario, Diagnostics& problems) {
  const Duration rest{scenario.duration.ns % scenario.cycle.ns};
  if (scenario.least_cycle || rest.ns == 0) return;
  const Duration last = scenario.duration - rest;
  problems.push_back(
      {Severity::warning,
       {},
       fmt::format(
           "the run ends at {}, its last boundary: its duration of {} is no multiple of the cycle of {}",
           to_string(last), to_string(scenario.duration), to_string(scenario.cycle)),
       fmt::format("write duration: {} s, or {} s", last.seconds(), (last + scenario.cycle).seconds())});
}

void note_late(const Scenario& scenario, const std::vector<Setting>& settings, Diagnostics& problems) {
  const auto is_duration = [](const Setting& setting) { return setting.path == "duration"; };
  if (std::any_of(settings.begin(), settings.end(), is_duration)) return;
  const Time end = kStart + scenario.duration;
  const auto note = [&](const Span& span, const char* what, std::optional<Time> at) {
    if (!at || *at <= end) return;
    problems.push_back({Severity::warning, span,
                        fmt::format("this {} is for {}, after the end of the run at {}: it never comes", what,
                                    to_string(*at), to_string(end)),
                        "make the run longer, or let it come earlier"});
  };
  for (const auto& fault : scenario.faults) note(fault.span, "fault", fault.after);
  for (const auto& restart : scenario.restarts) note(restart.span, "restart", restart.after);
  for (const auto& entry : scenario.script) note(entry.span, "entry of the script", entry.action.at);
}

void note_periods(const Scenario& scenario, Diagnostics& problems) {
  for (const auto& model : scenario.models)
    for (const auto& field : model.telemetry) {
      const auto note = [&](std::string message, std::string hint) {
        problems.push_back({Severity::warning, field.span, std::move(message), std::move(hint)});
      };
      if (field.stale_after < field.every)
        note(fmt::format("'{}' is stale after {}, before its next sample comes, {} after the last",
                         field.name, to_string(field.stale_after), to_string(field.every)),
             "write a stale_after of more than one period");
      if (field.least_spacing && *field.least_spacing > field.every)
        note(fmt::format("'{}' comes every {}: samples nearer than {} are shed", field.name,
                         to_string(field.every), to_string(*field.least_spacing)),
             "write a least_spacing below the period");
    }
}

void note_unmatched_history(const std::vector<HistoryConfig>& history, const twin::Registry& registry,
                            Diagnostics& problems) {
  for (const auto& entry : history) {
    if (entry.raw.empty()) continue;
    const auto devices = registry.matching(entry.raw);
    if (std::any_of(devices.begin(), devices.end(), [&](const auto& device) {
          return registry.model(device.table).config.name == entry.model;
        }))
      continue;
    problems.push_back(
        {Severity::warning, entry.span,
         fmt::format("no id of a device of '{}' matches raw: '{}': no samples are kept", entry.model,
                     entry.raw),
         "`*` stands for any part of an id without '/', `**` for any part; without raw: none are kept"});
  }
}

void note_long_windows(const lang::Graph& graph, Duration run, Diagnostics& problems) {
  for (size_t i = 0; i < graph.size(); ++i) {
    const lang::Node& node = graph[lang::NodeId(i)];
    if ((!lang::is_window(node.op) && node.op != lang::Op::held) || node.span <= run) continue;
    problems.push_back({Severity::warning, graph.span(lang::NodeId(i)),
                        fmt::format("a window of {} is longer than the run of {}: it is never full",
                                    to_string(node.span), to_string(run)),
                        "make the window shorter, or the run longer"});
  }
}

void note_coarse_conditions(const lang::Graph& graph, const twin::Registry& registry,
                            const Scenario& scenario, Diagnostics& problems) {
  const Duration cycle = scenario.least_cycle.value_or(scenario.cycle);
  for (size_t i = 0; i < graph.size(); ++i) {
    const lang::Node& node = graph[lang::NodeId(i)];
    if ((node.op != lang::Op::rises && node.op != lang::Op::time_true) || lang::is_over_samples(node))
      continue;
    const lang::Node& over = graph[node.args[0]];
    if (over.op != lang::Op::column || over.table.index() >= registry.models().size()) continue;
    const auto& model = registry.model(over.table);
    for (size_t f = 0; f < model.fields.size(); ++f) {
      const auto& field = model.config.telemetry[f];
      if (model.fields[f].value != over.column || field.every >= cycle) continue;
      problems.push_back(
          {Severity::warning, graph.span(lang::NodeId(i)),
           fmt::format("'{}' is sampled every {}, and looked at every {}: what it is in between is not seen",
                       field.name, to_string(field.every), to_string(cycle)),
           fmt::format(
               "write a window of at most {}, which looks at the samples, or a cycle: that is as short",
               to_string(field.every * lang::kMostConditionSamples))});
    }
  }
}

namespace {

/// How often what a trend is made of comes: a field's period, or the cycle.
Duration period_of(const lang::WarmWindow& trend, const Scenario& scenario, const twin::Registry& registry) {
  const auto field = trend.sampled ? field_at(registry, trend.table, trend.from) : std::nullopt;
  return field ? registry.model(trend.table).config.telemetry[*field].every : scenario.cycle;
}

/// Which part of a trend's buckets has a value.
double filled(const lang::WarmWindow& trend, Duration period) {
  return std::min(1.0, trend.step.seconds() / period.seconds());
}

/// What to write for a bucket that is long enough, if there is one.
std::string fuller(const lang::WarmWindow& trend, Duration period) {
  for (const Duration bucket : {minutes(1), minutes(15), hours(1)})
    if (bucket >= period)
      return fmt::format("write bucket={}{}", to_string(bucket),
                         trend.span.ns % bucket.ns == 0 ? "" : " and a window of a multiple of that");
  return fmt::format("write min_good={:.0f} %", std::floor(100 * filled(trend, period)));
}

}  // namespace

void note_sparse_trends(const mml::WarmHistory& warm, const lang::Graph& graph, const Scenario& scenario,
                        const twin::Registry& registry, Diagnostics& problems) {
  for (const auto& trend : warm.trends()) {
    const auto& what = trend.what();
    const Duration period = period_of(what, scenario, registry);
    const double part = filled(what, period);
    if (part == 1) continue;
    const auto comes =
        what.sampled
            ? fmt::format("'{}' is sampled", registry.model(what.table)
                                                 .config.telemetry[*field_at(registry, what.table, what.from)]
                                                 .name)
            : std::string("it is looked at");
    problems.push_back(
        {Severity::warning, graph.span(what.node),
         fmt::format("{} every {}: {:.2g} % of the buckets of {} have a value, and min_good wants {:g} %{}",
                     comes, to_string(period), 100 * part, to_string(what.step), 100 * what.minimum_good,
                     part < what.minimum_good ? ", so that it is never known" : ""),
         fuller(what, period)});
  }
}

void note_looks_back(const mml::WarmHistory& warm, const lang::Graph& graph, const Scenario& scenario,
                     const twin::Registry& registry, Diagnostics& problems) {
  const bool told = !scenario.history_from.empty();
  const Duration at_once = std::max(mml::kRollupGrace, scenario.cycle);
  const auto note = [&](const lang::WarmWindow& what, const std::vector<Time>& known_from) {
    std::vector<size_t> never, later;
    Time last = kStart;
    for (size_t row = 0; row < known_from.size(); ++row) {
      const Time from = known_from[row];
      if (from - kStart > scenario.duration) {
        never.push_back(row);
      } else if (told && from - kStart > at_once) {
        later.push_back(row);
        last = std::max(last, from);
      }
    }
    const auto warn = [&](const std::vector<size_t>& rows, const std::string& when, const char* hint) {
      if (rows.empty()) return;
      const bool all = rows.size() == known_from.size();
      problems.push_back({Severity::warning, graph.span(what.node),
                          fmt::format("what lies {} back{} is unknown {}", to_string(graph[what.node].span),
                                      all ? "" : " of " + some_devices(registry, what.table, rows), when),
                          hint});
    };
    warn(never, fmt::format("in all of the run of {}", to_string(scenario.duration)),
         told ? "make the run longer, or name earlier runs that reach back further"
              : "make the run longer, or name earlier runs in history_from:");
    warn(later,
         fmt::format("until {}: the runs of history_from do not have it",
                     to_string(scenario.start + (last - kStart))),
         "name earlier runs that reach back further, or wait");
  };
  for (const auto& past : warm.pasts()) note(past.what(), past.known_from());
  for (size_t t = 0; t < warm.trends().size(); ++t) {
    const auto& what = warm.trends()[t].what();
    if (filled(what, period_of(what, scenario, registry)) >= what.minimum_good)  // else that was said
      note(what, warm.trends()[t].known_from(warm.buckets_of(t)));
  }
}

}  // namespace looptwin::testbed

#include "testbed/sequence/sequence_reports.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/markup.h"
#include "testbed/summary.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

OrderedJson seconds_of(Time t) { return t == kNever ? OrderedJson() : OrderedJson(t.seconds()); }
OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(); }
OrderedJson of(const Facts& facts) {
  OrderedJson all = OrderedJson::object();
  for (const auto& [what, value] : facts) all[what] = value;
  return all;
}

OrderedJson step_json(const StepResult& step) {
  OrderedJson json = {{"name", step.name},
                      {"step", name_of(step.is)},
                      {"outcome", name_of(step.outcome)},
                      {"began_s", seconds_of(step.began)},
                      {"ended_s", seconds_of(step.ended)}};
  if (!step.why.empty()) json["why"] = step.why;
  if (!step.details.empty()) json["details"] = step.details;
  if (step.is != StepIs::measure) return json;
  json["unit"] = step.unit;
  json["low"] = step.low ? OrderedJson(*step.low) : OrderedJson();
  json["high"] = step.high ? OrderedJson(*step.high) : OrderedJson();
  auto& measured = json["measured"] = OrderedJson::array();
  for (const auto& one : step.measured)
    measured.push_back(
        {{"device", one.device}, {"value", number(one.value)}, {"outcome", name_of(one.outcome)}});
  return json;
}

OrderedJson hop_json(const Histogram& hop) {
  OrderedJson json = {{"all", hop.all},
                      {"least_s", hop.least.seconds()},
                      {"p50_s", hop.quantile(0.5).seconds()},
                      {"p95_s", hop.quantile(0.95).seconds()},
                      {"p99_s", hop.quantile(0.99).seconds()},
                      {"worst_s", hop.worst.seconds()}};
  auto& buckets = json["histogram"] = OrderedJson::array();
  for (size_t k = 0; k < Histogram::kBuckets; ++k) {
    if (hop.counts[k] == 0) continue;
    const bool last = k + 1 == Histogram::kBuckets;
    buckets.push_back(
        {{"up_to_s", last ? OrderedJson() : OrderedJson(static_cast<double>(uint64_t{1} << k) / 1e6)},
         {"count", hop.counts[k]}});
  }
  return json;
}

std::string all_of(const StepResult& step) {
  std::string text = step.why;
  for (const auto& one : step.measured)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", one.device.empty() ? "measured" : one.device,
                        shown_number(one.value, step.unit));
  if (const auto limits = shown_limits(step); !limits.empty()) text += "\nlimits: " + limits;
  for (const auto& line : step.details) text += "\n" + line;
  return text;
}

}  // namespace

std::string shown_number(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "unknown";
  const auto digits = fmt::format("{:.6g}", std::fabs(value) < 1e-12 ? 0.0 : value);
  return unit.empty() ? digits : digits + " " + unit;
}

std::string shown_limits(const StepResult& step) {
  if (step.low && step.high)
    return fmt::format("{} to {}", shown_number(*step.low, step.unit), shown_number(*step.high, step.unit));
  if (step.low) return "at least " + shown_number(*step.low, step.unit);
  return step.high ? "at most " + shown_number(*step.high, step.unit) : std::string();
}

std::string sequence_json(const SequenceResult& result, const SequenceFacts& facts) {
  OrderedJson json = {{"format", 1},           {"sequence", result.name},
                      {"about", result.about}, {"outcome", name_of(result.outcome)},
                      {"why", result.why},     {"ended_s", result.ended.seconds()},
                      {"run", of(facts.run)}};
  auto& phases = json["phases"] = OrderedJson::object();
  for (size_t p = 0; p < kPhases; ++p) {
    OrderedJson steps = OrderedJson::array();
    for (const auto& step : result.phases[p].steps) steps.push_back(step_json(step));
    phases[name_of(static_cast<PhaseIs>(p))] = {{"outcome", name_of(result.phases[p].outcome)},
                                                {"steps", std::move(steps)}};
  }
  auto& forces = json["forces"] = OrderedJson::array();
  for (const auto& force : result.forces)
    forces.push_back({{"name", force.name},
                      {"owner", force.owner},
                      {"kind", force.kind},
                      {"from_s", force.from.seconds()},
                      {"until_s", force.until.seconds()},
                      {"touched", force.touched}});
  auto& latency = json["latency"] = OrderedJson::object();
  for (size_t h = 0; h < kHops; ++h)
    if (result.hops[h].all > 0) latency[name_of(static_cast<Hop>(h))] = hop_json(result.hops[h]);
  if (!facts.pace.empty()) json["pace"] = load_json<OrderedJson>(facts.pace);
  auto& devices = json["devices"] = OrderedJson::object();
  for (const auto& [device, about] : facts.devices) devices[device] = of(about);
  return dump_json(json, 2) + "\n";
}

std::string sequence_junit(const SequenceResult& result, const SequenceFacts& facts) {
  size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  std::string cases;
  for (size_t p = 0; p < kPhases; ++p)
    for (const auto& step : result.phases[p].steps) {
      ++tests;
      const double took = step.ended == kNever ? 0 : (step.ended - step.began).seconds();
      cases += fmt::format("    <testcase classname=\"{}.{}\" name=\"{}\" time=\"{:.3f}\">\n",
                           markup(result.name), name_of(static_cast<PhaseIs>(p)), markup(step.name), took);
      for (const auto& one : step.measured)
        cases += fmt::format("      <properties><property name=\"measured{}\" value=\"{}\"/></properties>\n",
                             one.device.empty() ? std::string() : fmt::format(" {}", markup(one.device)),
                             markup(shown_number(one.value, step.unit)));
      if (step.outcome == Outcome::skipped) {
        ++skipped;
        cases += "      <skipped/>\n";
      } else if (step.outcome != Outcome::pass) {
        const bool failed = step.outcome == Outcome::fail;
        ++(failed ? failures : errors);
        cases +=
            fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", failed ? "failure" : "error",
                        name_of(step.outcome), markup(step.why), markup(all_of(step)));
      }
      cases += "    </testcase>\n";
    }
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{}\" tests=\"{}\" "
      "failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n    <properties>\n",
      markup(result.name), tests, failures, errors, skipped, result.ended.seconds());
  const auto property = [&](const std::string& name, const std::string& value) {
    out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", markup(name), markup(value));
  };
  property("outcome", name_of(result.outcome));
  if (!result.why.empty()) property("why", result.why);
  for (const auto& [what, value] : facts.run) property(what, value);
  for (const auto& [device, about] : facts.devices)
    for (const auto& [what, value] : about) property(device + " " + what, value);
  return out + "    </properties>\n" + cases + "  </testsuite>\n</testsuites>\n";
}

Result<void> write_reports(const std::filesystem::path& folder, const SequenceResult& result,
                           const SequenceFacts& facts) {
  if (auto done = twin::write_whole_file(folder / "sequence.json", sequence_json(result, facts)); !done)
    return done;
  if (auto done = twin::write_whole_file(folder / "sequence.xml", sequence_junit(result, facts)); !done)
    return done;
  return twin::write_whole_file(folder / "sequence.html", sequence_html(result, facts));
}

void print_sequence(const SequenceResult& result) {
  for (size_t p = 0; p < kPhases; ++p) {
    const char* phase = name_of(static_cast<PhaseIs>(p));
    for (const auto& step : result.phases[p].steps) {
      std::string said = step.why;
      for (const auto& one : step.measured)
        said += fmt::format("{}{}{}", said.empty() ? "" : "; ", one.device.empty() ? "" : one.device + " ",
                            shown_number(one.value, step.unit));
      if (const auto limits = shown_limits(step); !limits.empty() && !step.measured.empty())
        said += fmt::format(" ({})", limits);
      print_row(phase, fmt::format("{:<7} {}{}{}", name_of(step.outcome), step.name, said.empty() ? "" : ": ",
                                   said));
      if (step.outcome != Outcome::pass)
        for (const auto& line : step.details) print_row("", "          " + line);
      phase = "";
    }
  }
  print_row("sequence", fmt::format("{}: {}{}{}", result.name, name_of(result.outcome),
                                    result.why.empty() ? "" : ", ", result.why));
}

}  // namespace looptwin::testbed

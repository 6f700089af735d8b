// A sequence's report as one page that needs nothing else: style and drawings stand in it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/markup.h"
#include "testbed/sequence/sequence_reports.h"
#include "testbed/sequence/svg_plot.h"

namespace looptwin::testbed {
namespace {

constexpr const char* kStyle = R"css(
body { font: 15px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1b1f24; margin: 0;
  background: #f4f5f7; }
main { max-width: 960px; margin: 0 auto; padding: 28px 32px 48px; background: #fff; }
h1 { font-size: 25px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 34px 0 10px; }
h3 { font-size: 15px; margin: 18px 0 4px; } p { margin: 4px 0 10px; } .about { color: #57606a; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 6px 10px 6px 0; border-bottom: 1px solid #e3e6ea; }
th { font-weight: 600; color: #57606a; font-size: 13px; }
td.n, th.n { text-align: right; padding-right: 16px; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
tr.phase td { background: #f4f5f7; font-weight: 600; padding-left: 10px; }
.o { display: inline-block; min-width: 66px; padding: 0 8px; border-radius: 4px; font-size: 12px;
  font-weight: 700; text-align: center; color: #fff; line-height: 20px; }
.PASS { background: #1a7f37; } .FAIL { background: #cf222e; } .ERROR { background: #bc4c00; }
.ABORTED { background: #57606a; } .INVALID { background: #8250df; }
.SKIPPED { background: #d0d7de; color: #424a53; }
h1 .o { font-size: 16px; line-height: 28px; margin-left: 12px; vertical-align: 2px; }
.why { color: #57606a; }
.details { color: #57606a; font: 12.5px/1.4 ui-monospace, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; margin: 2px 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 12px 0; }
dt { color: #57606a; } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 11.5px; fill: #57606a; }
.grid { stroke: #e3e6ea; } .mark { stroke: #8c959f; stroke-dasharray: 2 3; }
.trace { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.forced { fill: #ffd33d; fill-opacity: .45; } svg.bars { width: 182px; } .bars rect { fill: #0072b2; }
.legend { font-size: 13px; color: #57606a; margin: 2px 0 0 62px; } .legend span { margin-right: 16px; }
.legend i { display: inline-block; width: 14px; height: 3px; margin-right: 6px; vertical-align: 3px; }
@media print { body { background: #fff; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
)css";

std::string badge(Outcome outcome) {
  return fmt::format("<span class=\"o {0}\">{0}</span>", name_of(outcome));
}

std::string seconds_text(Time t) {
  return t == kNever ? std::string() : fmt::format("{:.2f} s", t.seconds());
}

std::string latency_text(Duration took) {
  const double s = took.seconds();
  if (s < 1e-3) return fmt::format("{:.0f} µs", s * 1e6);
  return s < 1 ? fmt::format("{:.3g} ms", s * 1e3) : fmt::format("{:.3g} s", s);
}

std::string list_of(const Facts& facts) {
  std::string out = "<dl>";
  for (const auto& [what, value] : facts)
    out += fmt::format("<dt>{}</dt><dd>{}</dd>", markup(what), markup(value));
  return out + "</dl>\n";
}

std::string result_of(const StepResult& step) {
  std::string out;
  for (const auto& one : step.measured) {
    out += fmt::format("<div><b>{}</b> ", markup(shown_number(one.value, step.unit)));
    if (one.outcome != Outcome::pass) out += badge(one.outcome) + " ";
    out += markup(one.device) + "</div>";
  }
  if (const auto limits = shown_limits(step); !limits.empty())
    out += fmt::format("<div class=\"why\">limits: {}</div>", markup(limits));
  if (!step.why.empty()) out += fmt::format("<div class=\"why\">{}</div>", markup(step.why));
  if (!step.details.empty())
    out += fmt::format("<div class=\"details\">{}</div>", markup(joined(step.details, "\n")));
  return out;
}

std::string steps_table(const SequenceResult& result) {
  std::string out =
      "<h2>Steps</h2>\n<table><tr><th>Outcome</th><th>Step</th><th class=\"n\">Began</th><th "
      "class=\"n\">Took</th>"
      "<th>Result</th></tr>\n";
  for (size_t p = 0; p < kPhases; ++p) {
    const auto& phase = result.phases[p];
    if (phase.steps.empty()) continue;
    out +=
        fmt::format("<tr class=\"phase\"><td colspan=\"5\">{}</td></tr>\n", name_of(static_cast<PhaseIs>(p)));
    for (const auto& step : phase.steps)
      out += fmt::format(
          "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
          badge(step.outcome), markup(step.name), seconds_text(step.began),
          step.ended == kNever ? "" : fmt::format("{:.2f} s", (step.ended - step.began).seconds()),
          result_of(step));
  }
  return out + "</table>\n";
}

/// Fields of the same name and unit share a drawing.
std::string plots(const SequenceResult& result) {
  std::vector<std::pair<std::string, std::vector<const Trace*>>> all;
  for (const auto& trace : result.traces) {
    const bool seen = std::any_of(trace.samples.begin(), trace.samples.end(),
                                  [](const auto& sample) { return sample.value == sample.value; });
    if (!seen) continue;
    auto title = trace.unit.empty() ? trace.field : fmt::format("{} in {}", trace.field, trace.unit);
    const auto same = std::find_if(all.begin(), all.end(), [&](const auto& one) {
      return one.first == title && one.second.front()->words == trace.words;
    });
    if (same != all.end())
      same->second.push_back(&trace);
    else
      all.emplace_back(std::move(title), std::vector<const Trace*>{&trace});
  }
  if (all.empty()) return {};
  std::vector<Time> marks;
  for (const auto& phase : result.phases)
    for (const auto& step : phase.steps)
      if (step.began != kNever) marks.push_back(step.began);
  marks.erase(std::unique(marks.begin(), marks.end()), marks.end());
  std::string out =
      "<h2>Fields that the steps read or force</h2>\n<p class=\"about\">As the twin knew them. Dotted: where "
      "steps "
      "begin. "
      "Yellow: forced.</p>\n";
  for (const auto& [title, traces] : all)
    out += fmt::format("<figure style=\"margin:0\"><h3>{}</h3>\n{}</figure>\n", markup(title),
                       svg_plot(traces, result.forces, marks, result.ended));
  return out;
}

std::string forces_table(const SequenceResult& result) {
  if (result.forces.empty()) return {};
  std::string out =
      "<h2>Forces</h2>\n<table><tr><th>Force</th><th>Of</th><th>Kind</th><th class=\"n\">From</th>"
      "<th class=\"n\">Until</th><th class=\"n\">Touched</th></tr>\n";
  for (const auto& force : result.forces)
    out += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td></tr>\n",
        markup(force.name), markup(force.owner), force.kind, seconds_text(force.from),
        seconds_text(force.until),
        force.touched > 0 ? grouped(static_cast<long long>(force.touched)) : "0 " + badge(Outcome::invalid));
  return out + "</table>\n";
}

std::string hops_table(const SequenceResult& result) {
  std::string rows;
  for (size_t h = 0; h < kHops; ++h) {
    const auto& hop = result.hops[h];
    if (hop.all == 0) continue;
    rows += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td>", name_of(static_cast<Hop>(h)),
                        grouped(static_cast<long long>(hop.all)));
    for (const auto took : {hop.quantile(0.5), hop.quantile(0.95), hop.quantile(0.99), hop.worst})
      rows += fmt::format("<td class=\"n\">{}</td>", latency_text(took));
    rows += fmt::format("<td>{}</td></tr>\n", svg_bars(hop));
  }
  if (rows.empty()) return {};
  return "<h2>Latency</h2>\n<table><tr><th>Hop</th><th class=\"n\">All</th><th class=\"n\">p50</th>"
         "<th class=\"n\">p95</th><th class=\"n\">p99</th><th class=\"n\">Worst</th>"
         "<th>1 µs to 34 s, in powers of two</th></tr>\n" +
         rows + "</table>\n";
}

std::string pace_list(const std::string& pace) {
  if (pace.empty()) return {};
  const auto json = load_json<Json>(pace);
  return "<h2>Pace</h2>\n" +
         list_of({{"boundaries", dump_json(json.at("boundaries"))},
                  {"late", dump_json(json.at("late"))},
                  {"skipped", dump_json(json.at("skipped"))},
                  {"the latest by",
                   latency_text(nanoseconds(std::llround(json.at("worst_s").get<double>() * 1e9)))},
                  {"busy", fmt::format("{:.3g} %", json.at("busy_share").get<double>() * 100)}});
}

std::string devices_list(const SequenceFacts& facts) {
  if (facts.devices.empty()) return {};
  std::string out = "<h2>Devices</h2>\n<table>\n";
  for (const auto& [device, about] : facts.devices) {
    std::vector<std::string> parts;
    for (const auto& [what, value] : about) parts.push_back(what + " " + value);
    out += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", markup(device), markup(joined(parts)));
  }
  return out + "</table>\n";
}

}  // namespace

std::string sequence_html(const SequenceResult& result, const SequenceFacts& facts) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>{}: {}</title>\n<style>{}</style></head>\n<body><main>\n",
      markup(result.name), name_of(result.outcome), kStyle);
  out += fmt::format("<h1>{} {}</h1>\n", markup(result.name), badge(result.outcome));
  if (!result.about.empty()) out += fmt::format("<p class=\"about\">{}</p>\n", markup(result.about));
  if (!result.why.empty()) out += fmt::format("<p>{}</p>\n", markup(result.why));
  out += list_of(facts.run);
  out += steps_table(result) + plots(result) + forces_table(result) + hops_table(result) +
         pace_list(facts.pace) + devices_list(facts);
  return out + "</main></body></html>\n";
}

}  // namespace looptwin::testbed

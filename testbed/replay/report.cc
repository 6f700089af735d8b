#include "testbed/replay/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_tree.h"
#include "base/text.h"
#include "mml/loop.h"
#include "testbed/assembly.h"

namespace looptwin::testbed {
namespace {

std::string number(uint64_t n) { return grouped(static_cast<long long>(n)); }

const char* name_of(Firing::Of of) {
  switch (of) {
    case Firing::Of::event:
      return "event";
    case Firing::Of::alarm:
      return "alarm";
    case Firing::Of::rule:
      return "rule";
  }
  return "";
}

std::string times(uint64_t n) { return n == 1 ? "once" : number(n) + " times"; }

/// Of the log in which the change can be followed back.
const DecisionRows& log_of(const DifferenceReport& report, const Change& change) {
  return change.is == Change::Is::appeared ? report.rows_b : report.rows_a;
}
const DecisionRow& row_of(const Change& change) {
  return change.is == Change::Is::appeared ? change.b : change.a;
}

std::string line(const Change& change, const TextPool& pool) {
  switch (change.is) {
    case Change::Is::appeared:
      return "only B: " + said(change.b, pool);
    case Change::Is::vanished:
      return "only A: " + said(change.a, pool);
    case Change::Is::moved:
      return fmt::format("moved:  {}  ->  {}", said(change.a, pool), said(change.b, pool));
  }
  return "";
}

OrderedJson as_json(const DecisionRow& row, const TextPool& pool) {
  return {{"at_s", row.at.seconds()},
          {"kind", pool.text(row.kind)},
          {"subject", pool.text(row.subject)},
          {"device", pool.text(row.device)},
          {"quantity", pool.text(row.quantity)},
          {"occurrence", row.occurrence},
          {"value", row.value},
          {"unit", pool.text(row.unit)}};
}

OrderedJson as_json(const Change& change, const TextPool& pool) {
  OrderedJson json = {{"is", name_of(change.is)}};
  if (change.is != Change::Is::appeared) json["a"] = as_json(change.a, pool);
  if (change.is != Change::Is::vanished) json["b"] = as_json(change.b, pool);
  return json;
}

OrderedJson as_json(const Difference::Counts& counts) {
  return {{"equal", counts.equal},
          {"appeared", counts.appeared},
          {"vanished", counts.vanished},
          {"moved", counts.moved}};
}

std::string counts_text(const Difference::Counts& c) {
  return fmt::format("appeared {}, vanished {}, moved {}, equal {}", number(c.appeared), number(c.vanished),
                     number(c.moved), number(c.equal));
}

}  // namespace

std::string firing_lines(const std::vector<Firing>& firings, bool other_rules) {
  std::string text;
  for (const auto& firing : firings) {
    const std::string name = fmt::format("{} {}", name_of(firing.of), firing.name);
    text += fmt::format("  {:<30} {} {}", name, other_rules ? "would have fired" : "fired",
                        firing.times == 0 ? "never" : times(firing.times));
    if (firing.claims > 0) text += fmt::format(", {} claims", number(firing.claims));
    if (firing.commands > 0) text += fmt::format(", {} commands", number(firing.commands));
    if (firing.publications > 0) text += fmt::format(", {} publications", number(firing.publications));
    for (const auto& [at, device] : firing.first) {
      text += &at == &firing.first.front().first ? ": " : ", ";
      text += to_string(at);
      if (!device.empty()) text += " on " + device;
    }
    if (firing.times > firing.first.size() && !firing.first.empty()) text += ", ...";
    text += '\n';
  }
  return text;
}

std::string firings_json(const std::vector<Firing>& firings, const Replayed& replayed,
                         const std::string& recorded_fingerprint) {
  OrderedJson json = {{"fingerprint", replayed.assembly->loop().fingerprint()},
                      {"recorded_fingerprint", recorded_fingerprint},
                      {"last_s", replayed.last.seconds()},
                      {"boundaries", replayed.inputs.boundaries},
                      {"messages", replayed.inputs.messages},
                      {"decisions", replayed.rows.size()},
                      {"firings", Json::array()}};
  for (const auto& firing : firings) {
    OrderedJson one = {{"of", name_of(firing.of)},    {"name", firing.name},
                       {"times", firing.times},       {"claims", firing.claims},
                       {"commands", firing.commands}, {"publications", firing.publications},
                       {"first", Json::array()}};
    for (const auto& [at, device] : firing.first)
      one["first"].push_back(OrderedJson{{"at_s", at.seconds()}, {"device", device}});
    json["firings"].push_back(std::move(one));
  }
  return dump_json(json, 1) + "\n";
}

std::string difference_text(const DifferenceReport& report, const TextPool& pool, size_t shown) {
  const auto& difference = report.difference;
  if (difference.equal()) return fmt::format("same decisions: {}\n", number(difference.all.equal));
  std::string text = fmt::format("A: {}, {} decisions\nB: {}, {} decisions\n", report.a,
                                 number(report.rows_a.size()), report.b, number(report.rows_b.size()));
  if (difference.reordered) return text + "the same decisions, in another order within a boundary\n";
  text += fmt::format("  {:<22} {}\n", "all", counts_text(difference.all));
  for (const auto& [subject, counts] : difference.by_subject)
    text += fmt::format("  {:<22} {}\n", subject, counts_text(counts));
  const Change& first = difference.changes.front();
  text += fmt::format("\nfirst difference\n  {}\n", line(first, pool));
  for (const auto& cause : causes_of(row_of(first), log_of(report, first), pool))
    text += fmt::format("  because of  {}\n", said(cause, pool));
  if (!report.input.empty())
    text += fmt::format("  first input that differs  {}\n", report.input);
  else
    text += report.one_recording ? "  what was taken in is the same: the rules differ\n"
                                 : "  nothing that both folders hold was taken in otherwise before that\n";
  text += "\n";
  for (size_t c = 0; c < std::min(shown, difference.changes.size()); ++c)
    text += "  " + line(difference.changes[c], pool) + "\n";
  if (difference.changes.size() > shown)
    text += fmt::format("  and {} more (--show N)\n", number(difference.changes.size() - shown));
  return text;
}

std::string difference_json(const DifferenceReport& report, const TextPool& pool) {
  const auto& difference = report.difference;
  OrderedJson json = {{"a", report.a},
                      {"b", report.b},
                      {"equal", difference.equal()},
                      {"reordered", difference.reordered},
                      {"counts", as_json(difference.all)},
                      {"subjects", Json::object()}};
  for (const auto& [subject, counts] : difference.by_subject) json["subjects"][subject] = as_json(counts);
  if (!difference.changes.empty()) {
    const Change& first = difference.changes.front();
    json["first"] = as_json(first, pool);
    json["first"]["because_of"] = Json::array();
    for (const auto& cause : causes_of(row_of(first), log_of(report, first), pool))
      json["first"]["because_of"].push_back(as_json(cause, pool));
    json["first"]["input"] = report.input;
  }
  json["changes"] = Json::array();
  for (const auto& change : difference.changes) json["changes"].push_back(as_json(change, pool));
  return dump_json(json, 1) + "\n";
}

}  // namespace looptwin::testbed

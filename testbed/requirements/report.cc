#include "testbed/requirements/report.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/json_tree.h"
#include "base/text.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kMostResults = 1000;  // of one requirement, in the file

std::string quantity(double value, const std::string& unit) {
  return unit.empty() ? fmt::format("{:.6g}", value) : fmt::format("{:.6g} {}", value, unit);
}

/// The number by which results of one verdict are compared: the worse, the less.
double badness(const RequirementResult& result) {
  return result.verdict == Verdict::violated ? result.high : result.low;
}

/// "block-3 at 17:20:01: sum(truth(homes.power)) 4.7 MW, limit 4.6 MW"
std::string place(const RequirementResult& result) {
  std::string out(result.device);
  if (result.atom == nullptr) return out;
  out += fmt::format("{}at {}: ", out.empty() ? "" : " ", to_string(result.when));
  const Atom& atom = *result.atom;
  if (std::isnan(result.left)) return out + fmt::format("`{}`", atom.text);
  // What is written as a number shows itself.
  const auto side = [&](const Operand& operand, double value) {
    const bool literal = operand.constant.has_value();
    return literal ? operand.text : fmt::format("`{}` {}", operand.text, quantity(value, atom.unit.text));
  };
  return out + fmt::format("{}, {}", side(atom.left, result.left), side(atom.right, result.right));
}

std::string margin(const RequirementResult& result, double value) {
  return std::isinf(value) || result.atom == nullptr ? ""
                                                     : quantity(std::abs(value), result.atom->margin_unit);
}

std::string line(const Requirement& requirement, const RequirementTally& tally, Time end) {
  const auto& name = requirement.config.name;
  const size_t all = tally.held + tally.violated + tally.undecided;
  const bool each = !requirement.config.each.empty();
  if (tally.worst == nullptr) return fmt::format("held       {}: of no device", name);
  const RequirementResult& worst = *tally.worst;
  std::string text;
  switch (tally.verdict()) {
    case Verdict::violated: {
      const auto by = margin(worst, worst.high);
      text = fmt::format("VIOLATED   {}: {}{}{}", name,
                         each ? fmt::format("on {} of {}, worst ", tally.violated, all) : "", place(worst),
                         by.empty() ? "" : ", by " + by);
      break;
    }
    case Verdict::undecided: {
      const char* why = worst.run_ended ? "the run ended before" : "a value was not known";
      text = fmt::format("undecided  {}: {}{}{}{}", name,
                         each ? fmt::format("on {} of {}, ", tally.undecided, all) : "", why,
                         worst.atom == nullptr && worst.device.empty() ? "" : ", ", place(worst));
      break;
    }
    case Verdict::held: {
      const auto by = margin(worst, worst.low);
      text = fmt::format(
          "held       {}{}{}", name, each ? fmt::format(": on {}", all) : "",
          by.empty() ? "" : fmt::format("{}by {} at least, {}", each ? ", " : ": ", by, place(worst)));
      break;
    }
  }
  if (tally.open_since != kNever && tally.verdict() != Verdict::violated)
    text += fmt::format("; the last {} not decided", to_string(end - tally.open_since));
  return text;
}

OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }

OrderedJson json_of(const RequirementResult& result) {
  OrderedJson json;
  if (!result.device.empty()) json["device"] = result.device;
  json["verdict"] = name_of(result.verdict);
  json["robustness"] = {number(result.low), number(result.high)};
  if (result.atom != nullptr) {
    json["unit"] = result.atom->margin_unit;
    json["at_s"] = result.when.seconds();
    json["atom"] = result.atom->text;
    if (!std::isnan(result.left)) {
      json["sides"] = {number(result.left), number(result.right)};
      json["sides_unit"] = result.atom->unit.text;
    }
  }
  if (result.verdict == Verdict::undecided)
    json["because"] = result.run_ended ? "the run ended" : "a value was not known";
  if (result.open_since != kNever) json["open_since_s"] = result.open_since.seconds();
  return json;
}

}  // namespace

std::vector<RequirementTally> tallies(const std::vector<Requirement>& requirements,
                                      const std::vector<RequirementResult>& results) {
  std::vector<RequirementTally> all(requirements.size());
  const auto rank = [](Verdict v) { return v == Verdict::violated ? 0 : v == Verdict::undecided ? 1 : 2; };
  for (const auto& result : results) {
    auto& tally = all[result.requirement];
    (result.verdict == Verdict::held       ? tally.held
     : result.verdict == Verdict::violated ? tally.violated
                                           : tally.undecided) += 1;
    tally.open_since = std::min(tally.open_since, result.open_since);
    const auto* worst = tally.worst;
    if (worst == nullptr || rank(result.verdict) < rank(worst->verdict) ||
        (result.verdict == worst->verdict && badness(result) < badness(*worst)))
      tally.worst = &result;
  }
  return all;
}

std::vector<std::string> lines(const std::vector<Requirement>& requirements,
                               const std::vector<RequirementResult>& results, Time end) {
  const auto all = tallies(requirements, results);
  std::vector<std::string> out;
  for (size_t r = 0; r < requirements.size(); ++r) out.push_back(line(requirements[r], all[r], end));
  return out;
}

std::string requirements_json(const std::vector<Requirement>& requirements,
                              const std::vector<RequirementResult>& results) {
  const auto all = tallies(requirements, results);
  OrderedJson list = OrderedJson::array();
  size_t next = 0;
  for (size_t r = 0; r < requirements.size(); ++r) {
    const auto& config = requirements[r].config;
    OrderedJson json = {{"name", config.name}};
    if (!config.each.empty()) json["each"] = config.each;
    const Span& text = config.formula();
    json[config.always  ? "always"
         : config.holds ? "holds"
                        : "eventually"] = text.source->text.substr(text.begin, text.end - text.begin);
    json["verdict"] = name_of(all[r].verdict());
    json["held"] = all[r].held;
    json["violated"] = all[r].violated;
    json["undecided"] = all[r].undecided;
    std::vector<const RequirementResult*> of_this;
    for (; next < results.size() && results[next].requirement == r; ++next) of_this.push_back(&results[next]);
    if (of_this.size() > kMostResults) {
      // The violated first, then the undecided, each the worst first.
      const auto order = [](const RequirementResult* a, const RequirementResult* b) {
        const auto rank = [](Verdict v) {
          return v == Verdict::violated ? 0 : v == Verdict::undecided ? 1 : 2;
        };
        return std::pair(rank(a->verdict), badness(*a)) < std::pair(rank(b->verdict), badness(*b));
      };
      std::stable_sort(of_this.begin(), of_this.end(), order);
      of_this.resize(kMostResults);
    }
    OrderedJson items = OrderedJson::array();
    for (const auto* result : of_this) items.push_back(json_of(*result));
    json["results"] = std::move(items);
    list.push_back(std::move(json));
  }
  return dump_json(
      OrderedJson{{"format", "looptwin requirements"}, {"version", 1}, {"requirements", std::move(list)}}, 1);
}

}  // namespace looptwin::testbed

// The fleet's entries and their assignments, and faults, which are about its devices.
#include <fmt/format.h>

#include "base/text.h"
#include "testbed/fleet_size.h"
#include "testbed/reading/distribution.h"
#include "testbed/reading/resolve_registry.h"
#include "twin/id_pattern.h"

namespace looptwin::testbed {
namespace {

using yaml::Node;

/// `{choose: {frugal: 0.3, standard: 0.7}}`
void read_choice(Reader& reader, const Node& node, const twin::ParameterConfig& parameter,
                 twin::AssignmentConfig& out) {
  const Node* choose = node.find("choose");
  if (!choose || node.entries.size() != 1 || !choose->map())
    return reader.error(node.span, "a value, a distribution or a choice stands here",
                        "write {choose: {word: weight, ...}}");
  const auto words = parameter.boolean ? std::vector<std::string>{"false", "true"} : parameter.words;
  if (words.empty())
    return reader.error(node.span,
                        fmt::format("'{}' is a number, which has no words to choose from", parameter.name),
                        "write \"discrete(value: weight, ...)\"");
  out.weights.assign(words.size(), 0);
  double total = 0;
  for (const auto& entry : choose->entries) {
    const auto word = std::find(words.begin(), words.end(), entry.key);
    if (word == words.end()) {
      reader.error(entry.key_span, fmt::format("'{}' is not one of: {}", entry.key, joined(words)),
                   did_you_mean(entry.key, words));
      continue;
    }
    const auto weight = number(reader, entry.value);
    if (weight && *weight < 0) reader.error(entry.value.span, "a weight is not negative");
    if (weight) total += out.weights[static_cast<size_t>(word - words.begin())] = *weight;
  }
  if (!(total > 0))
    reader.error(choose->span, "the weights add up to nothing", "give a word a weight above zero");
}

/// Whether all braces of an id pattern hold {i}, {i+1} … or the parent's name.
bool known_placeholders(std::string_view pattern, const std::string& per) {
  for (size_t at = pattern.find_first_of("{}"); at != std::string_view::npos;
       at = pattern.find_first_of("{}")) {
    const auto rest = pattern.substr(at);
    const std::string parent = "{" + per + "}";
    const auto number = twin::id_number(rest);
    if (!number && (per.empty() || !rest.starts_with(parent))) return false;
    pattern = rest.substr(number ? number->length : parent.size());
  }
  return true;
}

/// `downstream: "node-{i+1}"`, or a list of ids.
void read_relating(Reader& reader, const yaml::Entry& entry, twin::FleetConfig& fleet) {
  twin::RelatingConfig out{.relation = entry.key, .span = entry.key_span, .ids = {}};
  const Node& node = entry.value;
  const auto add = [&](const Node& item) {
    if (!scalar(reader, item, "a device's id")) return;
    if (!known_placeholders(item.text, fleet.per))
      return reader.error(
          item.span, fmt::format("the id pattern '{}' has a placeholder that is none", item.text),
          fleet.per.empty() ? "write {i}, {i+1}, {i-1}, or {n} over all"
                            : fmt::format("write {{i}}, {{i+1}}, {{n-1}} or {{{}}}", fleet.per));
    out.ids.push_back(item.text);
  };
  if (node.list())
    for (const auto& item : node.items) add(item);
  else
    add(node);
  if (out.ids.empty() || (node.list() && out.ids.size() != node.items.size())) return;
  fleet.relations.push_back(std::move(out));
}

void read_assignment(Reader& reader, const yaml::Entry& entry, const ModelDraft& model,
                     twin::FleetConfig& fleet) {
  if (find_named(model.relations, entry.key)) return read_relating(reader, entry, fleet);
  const auto* parameter = find_named(model.parameters, entry.key);
  if (!parameter) {
    auto candidates = fleet_section().key_names();
    for (const auto& p : model.parameters) candidates.push_back(p.name);
    for (const auto& r : model.relations) candidates.push_back(r.name);
    return reader.error(
        entry.key_span,
        fmt::format("a fleet entry of '{}' has no key, parameter or relation '{}'", model.name, entry.key),
        near_and_all(entry.key, candidates, "all"));
  }
  twin::AssignmentConfig out{.parameter = entry.key, .span = entry.key_span};
  const Node& node = entry.value;
  if (node.map()) {
    read_choice(reader, node, *parameter, out);
  } else if (node.list()) {
    for (const auto& item : node.items)
      if (const auto value = parameter_value(reader, item, *parameter)) out.values.push_back(*value);
    if (out.values.size() != node.items.size()) return;
  } else if (node.scalar() && looks_like_distribution(node.text) && parameter->words.empty() &&
             !parameter->boolean) {
    out.draw = distribution(reader, node, parameter->unit);
  } else {
    out.value = parameter_value(reader, node, *parameter);
  }
  fleet.assignments.push_back(std::move(out));
}

/// The placeholders of an id pattern: {i} and the parent's, or {n}, which counts over all parents.
void check_id(Reader& reader, const FleetDraft& entry) {
  const std::string parent = "{" + entry.per + "}";
  if (!known_placeholders(entry.id, entry.per))
    reader.error(entry.span, fmt::format("the id pattern '{}' has a placeholder that is none", entry.id),
                 entry.per.empty() ? "write {i}, or {n} over all"
                                   : fmt::format("write {{i}} and {}, or {{n}} over all", parent));
  if (entry.count > 1 && entry.id.find("{i}") == std::string::npos &&
      entry.id.find("{n}") == std::string::npos)
    reader.error(entry.span,
                 fmt::format("all {} devices of '{}' get the id '{}'", entry.count, entry.model, entry.id),
                 "put {i} or {n} into the id");
  if (!entry.per.empty() && entry.id.find(parent) == std::string::npos &&
      entry.id.find("{n}") == std::string::npos)
    reader.error(entry.span,
                 fmt::format("the id pattern '{}' gives the same ids below each '{}'", entry.id, entry.per),
                 fmt::format("put {}, or {{n}}, into the id", parent));
  if (entry.id.find_first_of("*?+# \t") != std::string::npos)
    reader.error(entry.span, fmt::format("the id pattern '{}' has a blank or one of * ? + #", entry.id),
                 "these mean other things in patterns and topics");
  if (entry.id.starts_with(twin::kTagPattern))
    reader.error(
        entry.span, fmt::format("the id pattern '{}' begins as a pattern of tags does", entry.id),
        fmt::format("write another id; {}cold means the devices that are tagged cold", twin::kTagPattern));
}

/// Every device has all relations of its model: the first that leads to `per` by it, the others as written.
void check_relations(Reader& reader, const Draft& draft, const FleetDraft& entry, const ModelDraft& model) {
  bool by_per = !entry.per.empty();
  for (const auto& relation : model.relations) {
    const bool written = std::any_of(entry.relations.begin(), entry.relations.end(),
                                     [&](const auto& r) { return r.relation == relation.name; });
    const bool filled = by_per && relation.to == entry.per;
    if (filled) by_per = false;
    if (written || filled || relation.optional || !find_named(draft.models, relation.to)) continue;
    reader.error(
        entry.span,
        fmt::format("the fleet of '{}' does not say which '{}' its devices have", entry.model, relation.name),
        fmt::format("write {}{}: \"{}-{{i}}\"",
                    entry.per.empty() ? fmt::format("per: {}, or ", relation.to) : "", relation.name,
                    relation.to));
  }
}

void check_link(Reader& reader, const Draft& draft, const twin::FleetConfig& entry) {
  if (!entry.link.empty() && !find_named(draft.scenario.links, entry.link))
    reader.error(entry.span,
                 fmt::format("the fleet of '{}' has the unknown link '{}'", entry.model, entry.link),
                 near_and_all(entry.link, names_of(draft.scenario.links), "links"));
}

/// An entry with `registry:`, which says nothing of numbers and ids itself.
void draw_entry(Reader& reader, Draft& draft, FleetDraft& entry) {
  auto& fleet = draft.scenario.fleet;
  if (entry.count != 1 || !entry.per.empty() || !entry.id.empty())
    return reader.error(entry.registry->span, "the registry says which devices there are, and their ids",
                        "remove count, per and id");
  const auto* model = find_model(reader, draft.models, entry.model, entry.span, "a fleet entry");
  if (!model) return;
  for (const auto* other : entry.others) {
    if (find_named(model->relations, other->key) || other->value.list())
      reader.error(other->key_span,
                   fmt::format("'{}' is one for each device, which the registry has", other->key),
                   other->value.list() ? "write one value for all, or remove it" : "remove it");
    else
      read_assignment(reader, *other, *model, entry);
  }
  check_link(reader, draft, entry);
  const size_t first = fleet.size();
  draw_fleet(reader, draft.scenario.folder, entry, *model, fleet, draft.scenario.sources);
  draft.scenario.registries.push_back(entry.registry->file);
  entry.count = 0;
  for (size_t e = first; e < fleet.size(); ++e) {
    entry.count += fleet[e].count;
    const auto& link = fleet[e].link;
    if (link == entry.link || find_named(draft.scenario.links, link)) continue;
    reader.error(
        entry.registry->span,
        fmt::format("'{}' in {} has the unknown link '{}'", fleet[e].ids.front(), entry.registry->file, link),
        near_and_all(link, names_of(draft.scenario.links), "links"));
  }
}

void check_entry(Reader& reader, const Draft& draft, FleetDraft& entry) {
  if (!entry.ids.empty()) return;  // elements of a plant
  if (entry.count == 0)
    reader.error(entry.count_span, fmt::format("the fleet of '{}' is empty: its count is 0", entry.model),
                 "write a count of 1 or more, or remove the entry");
  check_link(reader, draft, entry);
  if (entry.id.empty()) entry.id = (entry.per.empty() ? "" : "{" + entry.per + "}/") + entry.model + "-{i}";
  check_id(reader, entry);
  const auto* model = find_model(reader, draft.models, entry.model, entry.span, "a fleet entry");
  if (!model) return;
  for (const auto* other : entry.others) read_assignment(reader, *other, *model, entry);
  check_relations(reader, draft, entry, *model);
  if (entry.per.empty()) return;
  const bool has_parent = std::any_of(draft.fleet.begin(), draft.fleet.end(),
                                      [&](const auto& f) { return f.model == entry.per; });
  if (!has_parent) {
    std::vector<std::string> others;
    for (const auto& f : draft.fleet)
      if (f.model != entry.model) others.push_back(f.model);
    return reader.error(
        entry.span,
        fmt::format("the fleet of '{}' is per '{}', of which there is none", entry.model, entry.per),
        near_and_all(entry.per, others, "fleet"));
  }
  const bool related = std::any_of(model->relations.begin(), model->relations.end(), [&](const auto& r) {
    return r.to == entry.per || !find_named(draft.models, r.to);
  });
  if (!related)
    reader.error(entry.span,
                 fmt::format("the fleet of '{0}' is per '{1}', but the model '{0}' has no relation to '{1}'",
                             entry.model, entry.per),
                 fmt::format("write relations: {{{0}: {{to: {0}, inverse: {1}s}}}} in the model", entry.per,
                             entry.model));
}

/// Whether following `per` from an entry comes back to it.
bool in_circle(const std::vector<FleetDraft>& fleet, const FleetDraft& start) {
  std::string at = start.per;
  for (size_t steps = 0; steps <= fleet.size() && !at.empty(); ++steps) {
    if (at == start.model) return true;
    const auto next = std::find_if(fleet.begin(), fleet.end(), [&](const auto& f) { return f.model == at; });
    at = next == fleet.end() ? "" : next->per;
  }
  return false;
}

}  // namespace

std::optional<double> parameter_value(Reader& reader, const yaml::Node& node,
                                      const twin::ParameterConfig& parameter) {
  if (!parameter.words.empty()) return code(reader, node, parameter.words);
  if (!parameter.boolean) return quantity(reader, node, parameter.unit, false);
  const auto value = boolean().read(reader, node);
  return value ? std::optional(*value ? 1.0 : 0.0) : std::nullopt;
}

void resolve_fleet(Reader& reader, Draft& draft) {
  for (auto& entry : draft.fleet) {
    if (entry.registry) {
      draw_entry(reader, draft, entry);
      continue;
    }
    check_entry(reader, draft, entry);
    if (in_circle(draft.fleet, entry))
      reader.error(entry.span,
                   fmt::format("the fleet of '{}' is per '{}' in a circle", entry.model, entry.per),
                   "let one of them stand at the top");
    // Rows are numbered in 32 bits.
    if (const double devices = devices_of(draft.fleet, entry); devices > 4e9)
      reader.error(entry.span,
                   fmt::format("the fleet of '{}' has {} devices, more than 4 000 000 000", entry.model,
                               grouped(static_cast<long long>(std::min(devices, 9e18)))),
                   "count: is for each device of per:");
    for (const auto& other : draft.fleet)
      if (&other < &entry && entry.ids.empty() && !other.registry && other.id == entry.id &&
          other.per == entry.per)
        reader.error(entry.span,
                     fmt::format("the fleets of '{}' and '{}' give the same ids '{}'", other.model,
                                 entry.model, entry.id),
                     "give each its own id pattern");
    draft.scenario.fleet.push_back(entry);
  }
}

}  // namespace looptwin::testbed

#include "testbed/reading/resolve_registry.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/hash.h"
#include "base/text.h"
#include "twin/registry_store.h"

namespace looptwin::testbed {
namespace {

using twin::DeviceRecord;

constexpr size_t kMostProblems = 20;

/// Puts devices into groups; values are read once for each text, of which there are few.
class Drawing {
 public:
  Drawing(Reader& reader, const FleetDraft& entry, const ModelDraft& model)
      : reader_(reader), entry_(entry), model_(model) {}

  /// Whether to go on.
  bool add(const DeviceRecord& device) {
    digest(device);
    const auto [at, fresh] =
        groups_.try_emplace({device.link, device.tags, twin::may_connect(device.state)}, order_.size());
    if (fresh) order_.push_back(new_group(device));
    auto& group = order_[at->second];
    group.ids.push_back(device.id);
    ++group.count;
    add_parameters(device, group);
    add_relations(device, group);
    return problems_ < kMostProblems;
  }

  void finish(std::vector<twin::FleetConfig>& fleet) {
    for (auto& group : order_) {
      --group.count;  // it began at 1
      // What no device of the group has is left to the entry and the model.
      std::erase_if(group.assignments, [&](const auto& a) {
        return !a.values.empty() && std::ranges::all_of(a.values, [](double v) { return std::isnan(v); });
      });
      std::erase_if(group.relations, [](const auto& r) {
        return std::ranges::all_of(r.ids, [](const auto& id) { return id.empty(); });
      });
      fleet.push_back(std::move(group));
    }
  }

  size_t devices() const { return devices_; }
  /// Of everything that was read, in its order.
  const std::string& digest_text() const { return digest_; }

 private:
  twin::FleetConfig new_group(const DeviceRecord& device) {
    twin::FleetConfig group = entry_;
    group.ids.clear();
    group.count = 1;
    group.admitted = twin::may_connect(device.state);
    if (!device.link.empty()) group.link = device.link;
    group.tags.insert(group.tags.end(), device.tags.begin(), device.tags.end());
    own_assignments_ = group.assignments.size();
    for (const auto& parameter : model_.parameters)
      group.assignments.push_back({.parameter = parameter.name, .span = entry_.registry->span});
    for (const auto& relation : model_.relations)
      group.relations.push_back({.relation = relation.name, .span = entry_.registry->span, .ids = {}});
    return group;
  }

  void error(const DeviceRecord& device, std::string message, std::string hint) {
    ++problems_;
    reader_.error(entry_.registry->span,
                  fmt::format("'{}' in {}: {}", device.id, entry_.registry->file, message), std::move(hint));
  }

  void add_parameters(const DeviceRecord& device, twin::FleetConfig& group) {
    for (size_t p = 0; p < model_.parameters.size(); ++p) {
      const auto given = device.parameters.find(model_.parameters[p].name);
      group.assignments[own_assignments_ + p].values.push_back(given == device.parameters.end()
                                                                   ? std::numeric_limits<double>::quiet_NaN()
                                                                   : value(device, p, given->second));
    }
    for (const auto& [name, text] : device.parameters)
      if (!find_named(model_.parameters, name))
        error(device, fmt::format("'{}' has no parameter '{}'", model_.name, name),
              near_and_all(name, names_of(model_.parameters), "parameters"));
  }

  void add_relations(const DeviceRecord& device, twin::FleetConfig& group) {
    for (size_t r = 0; r < model_.relations.size(); ++r) {
      const auto& relation = model_.relations[r];
      const auto given = device.relations.find(relation.name);
      const bool there = given != device.relations.end();
      if (!there && !relation.optional)
        error(device, fmt::format("it has no '{}'", relation.name),
              fmt::format("looptwin registry set {} {} relations.{}=ID", entry_.registry->file, device.id,
                          relation.name));
      group.relations[r].ids.push_back(there ? given->second : "");
    }
    for (const auto& [name, target] : device.relations)
      if (!find_named(model_.relations, name))
        error(device, fmt::format("'{}' has no relation '{}'", model_.name, name),
              near_and_all(name, names_of(model_.relations), "relations"));
  }

  double value(const DeviceRecord& device, size_t parameter, const std::string& text) {
    const auto [at, fresh] = values_.try_emplace({parameter, text}, std::numeric_limits<double>::quiet_NaN());
    if (!fresh) return at->second;
    yaml::Node node;
    node.is = yaml::Node::Is::scalar;
    node.text = text;
    node.span = {std::make_shared<const Source>(Source{entry_.registry->file, text}), 0,
                 static_cast<uint32_t>(text.size())};
    Diagnostics said;
    Reader reader{reader_.units, said};
    const auto read = parameter_value(reader, node, model_.parameters[parameter]);
    for (const auto& problem : said)
      error(device, fmt::format("its {}: {}", model_.parameters[parameter].name, problem.message),
            problem.hint);
    if (read) at->second = *read;
    return at->second;
  }

  void digest(const DeviceRecord& device) {
    ++devices_;
    std::string all =
        digest_ + device.id + '\n' + device.link + '\n' + std::string(name_of(device.state)) + '\n';
    for (const auto& tag : device.tags) all += tag + '\n';
    for (const auto* values : {&device.parameters, &device.relations})
      for (const auto& [name, text] : *values) all += name + '=' + text + '\n';
    digest_ = fmt::format("{:016x}", hash64(all));
  }

  Reader& reader_;
  const FleetDraft& entry_;
  const ModelDraft& model_;
  std::map<std::tuple<std::string, std::vector<std::string>, bool>, size_t> groups_;
  std::vector<twin::FleetConfig> order_;
  std::map<std::pair<size_t, std::string>, double> values_;
  std::string digest_;
  size_t own_assignments_ = 0;
  size_t devices_ = 0;
  size_t problems_ = 0;
};

}  // namespace

void draw_fleet(Reader& reader, const std::filesystem::path& folder, const FleetDraft& entry,
                const ModelDraft& model, std::vector<twin::FleetConfig>& fleet,
                std::vector<SourcePtr>& drawn) {
  const auto& registry = *entry.registry;
  auto store = twin::RegistryStore::open(folder / registry.file, twin::RegistryStore::Access::read);
  const auto refuse = [&](const Diagnostics& said) {
    for (const auto& problem : said) reader.error(registry.span, problem.message, problem.hint);
  };
  if (!store) return refuse(store.error());
  Drawing drawing(reader, entry, model);
  const auto read = store->each(
      {.model = entry.model, .pattern = registry.devices, .tag = registry.tagged, .states = registry.states},
      [&](const DeviceRecord& device) { return drawing.add(device); });
  if (!read) return refuse(read.error());
  if (drawing.devices() == 0)
    return reader.error(
        registry.span, fmt::format("{} has no '{}' that is wanted here", registry.file, entry.model),
        "look with: looptwin registry list FILE; states: [provisioned, active] are taken where no "
        "others are named");
  drawing.finish(fleet);
  drawn.push_back(std::make_shared<const Source>(
      Source{fmt::format("{} ({})", registry.file, entry.model), drawing.digest_text()}));
}

}  // namespace looptwin::testbed

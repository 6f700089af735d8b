#include "twin/registry.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"
#include "twin/frame.h"
#include "twin/id_pattern.h"
#include "twin/tables.h"

namespace looptwin::twin {

std::string_view Registry::Ids::operator[](size_t i) const {
  const uint32_t begin = i == 0 ? 0 : ends[i - 1];
  return std::string_view(text).substr(begin, ends[i] - begin);
}

void Registry::Ids::add(std::string_view id) {
  text += id;
  ends.push_back(static_cast<uint32_t>(text.size()));
}

/// Fills a registry step by step: models and their columns, devices, relations, parameters.
class Registry::Builder {
 public:
  Builder(Registry& registry, lang::Schema& schema, Tables& tables)
      : r_(registry), schema_(schema), tables_(tables) {}

  Diagnostics build(std::span<const ModelConfig> models, std::span<const FleetConfig> fleet) {
    add_models(models);
    add_relations();
    add_site();
    if (problems_.empty()) add_devices(fleet);
    if (problems_.empty()) index_ids();
    if (problems_.empty()) relate();
    if (problems_.empty()) assign_parameters();
    return std::move(problems_);
  }

 private:
  void error(const Span& span, std::string message, std::string hint = {}) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  /// The same words in the same order are one type: what a device reports can be compared with what was set.
  EnumId enumeration(const std::string& name, const std::vector<std::string>& words) {
    for (size_t e = 0; e < schema_.enumerations.size(); ++e)
      if (schema_.enumerations[e].words == words) return EnumId(e);
    schema_.enumerations.push_back({name, words});
    return EnumId(schema_.enumerations.size() - 1);
  }

  /// A column of a declared quantity: a number, a boolean or an enumeration.
  lang::Column column(const std::string& model, const std::string& name, const lang::Unit& unit, bool boolean,
                      const std::vector<std::string>& words) {
    if (boolean) return {name, lang::Type::boolean(), {}, lang::Storage::boolean};
    if (!words.empty())
      return {
          name, lang::Type::enumeration_of(enumeration(model + "." + name, words)), {}, lang::Storage::code};
    return {name, unit.type, unit, lang::Storage::f64};
  }

  void add_models(std::span<const ModelConfig> models) {
    status_ = enumeration("status", {"online", "stale", "offline", "faulty", "deviating", "diverging"});
    const std::vector<std::string> qualities = {"good", "never",  "stale", "out_of_range", "missing",
                                                "late", "future", "rate",  "flat",         "forced"};
    LT_CHECK(qualities.size() == kQualities);
    quality_ = enumeration("quality", qualities);
    for (const auto& config : models) {
      const TableId table(schema_.tables.size());
      schema_.tables.push_back({config.name, {}, {}});
      Model model{.config = config, .table = table};
      for (const auto& p : config.parameters)
        model.parameters.push_back(
            schema_.add_column(table, column(config.name, p.name, p.unit, p.boolean, p.words)));
      for (const auto& f : config.telemetry) {
        auto value = column(config.name, f.name, f.unit, f.boolean, f.words);
        FieldColumns columns;
        columns.value = schema_.add_column(table, value);
        columns.sampled = schema_.add_column(
            table,
            {f.name + ".sampled", lang::Type::point_of(lang::kTimeDimension), {}, lang::Storage::instant});
        columns.quality = schema_.add_column(
            table, {f.name + ".quality", lang::Type::enumeration_of(quality_), {}, lang::Storage::code});
        model.fields.push_back(columns);
      }
      for (const auto& s : config.setpoints) {
        auto like = column(config.name, s.name, s.unit, s.boolean, s.words);
        const auto add = [&](const char* suffix) {
          auto c = like;
          c.name = s.name + suffix;
          c.storage = lang::Storage::f64;  // always known, so booleans and words fit as numbers
          return schema_.add_column(table, c);
        };
        model.setpoints.push_back({add(".desired"), add(".default"), add(".reported"), {}});
        model.setpoints.back().changed = schema_.add_column(
            table,
            {s.name + ".changed", lang::Type::point_of(lang::kTimeDimension), {}, lang::Storage::instant});
      }
      model.version = schema_.add_column(table, {".version", {}, {}, lang::Storage::row});
      model.status =
          schema_.add_column(table, {"status", lang::Type::enumeration_of(status_), {}, lang::Storage::code});
      // Hidden, so that a model may have something else of that name.
      model.violations = schema_.add_column(
          table,
          {".violations", lang::Type::number(), {"1", lang::Type::number(), 1, 0}, lang::Storage::f64});
      r_.models_.push_back(std::move(model));
    }
    r_.ids_.resize(models.size() + 1);
    r_.keys_.resize(models.size() + 1);
    r_.entries_of_.resize(models.size() + 1);
  }

  void add_site() {
    const TableId site(schema_.tables.size());
    schema_.tables.push_back({"site", {}, {}});
    for (const auto& model : r_.models_) {
      const ColumnId rows = schema_.add_column(model.table, {".site.row", {}, {}, lang::Storage::row});
      const RelationId up(schema_.table(model.table).relations.size());
      const RelationId down(schema_.table(site).relations.size());
      schema_.table(model.table).relations.push_back({"site", site, false, down, rows});
      schema_.table(site).relations.push_back({model.config.name, model.table, true, up, {}});
    }
    r_.ids_.back().add("site");
  }

  void add_relations() {
    for (auto& model : r_.models_) {
      for (const auto& relation : model.config.relations) {
        const auto to = r_.find_model(relation.to);
        if (!to) {
          std::vector<std::string> names;
          for (const auto& m : r_.models_) names.push_back(m.config.name);
          error(relation.span,
                fmt::format("relation '{}' leads to the unknown model '{}'", relation.name, relation.to),
                did_you_mean(relation.to, names));
          continue;
        }
        auto& from_table = schema_.table(model.table);
        auto& to_table = schema_.table(*to);
        const ColumnId rows =
            schema_.add_column(model.table, {relation.name + ".row", {}, {}, lang::Storage::row});
        const RelationId here(from_table.relations.size());
        from_table.relations.push_back({relation.name, *to, false, {}, rows});
        if (relation.inverse.empty()) continue;
        const RelationId there(to_table.relations.size());
        schema_.table(*to).relations.push_back({relation.inverse, model.table, true, here, {}});
        schema_.table(model.table).relations[here.index()].inverse = there;
      }
    }
  }

  void add_devices(std::span<const FleetConfig> fleet) {
    // Entries whose parents are not yet there wait for a later round; what never gets its turn is a cycle.
    std::vector<const FleetConfig*> waiting;
    for (const auto& entry : fleet) waiting.push_back(&entry);
    while (!waiting.empty()) {
      std::vector<const FleetConfig*> later;
      for (const auto* entry : waiting) {
        const bool parent_waits =
            !entry->per.empty() && std::any_of(waiting.begin(), waiting.end(), [&](const auto* other) {
              return other != entry && other->model == entry->per;
            });
        if (parent_waits)
          later.push_back(entry);
        else
          add_entry(*entry);
      }
      if (later.size() == waiting.size()) {
        for (const auto* entry : later)
          error(entry->span,
                fmt::format("fleet entry '{}' is per '{}' in a circle", entry->model, entry->per));
        return;
      }
      waiting = std::move(later);
    }
    for (size_t t = 0; t < r_.ids_.size(); ++t) tables_.resize(TableId(t), r_.ids_[t].size());
    for (const auto& model : r_.models_) {
      const ColumnId rows = schema_.table(model.table).relations.back().rows;
      for (auto& row : tables_.values<uint32_t>(model.table, rows)) row = 0;
    }
  }

  void add_entry(const FleetConfig& config) {
    const auto table = r_.find_model(config.model);
    if (!table)
      return error(config.span, fmt::format("the fleet names the unknown model '{}'", config.model));
    auto& ids = r_.ids_[table->index()];
    const size_t first = ids.size();
    if (!config.ids.empty()) {
      for (const auto& id : config.ids) ids.add(id);
    } else if (config.per.empty()) {
      for (uint64_t i = 1; i <= config.count; ++i) ids.add(expand_id(config.id, {.i = i, .n = i}));
    } else {
      const auto parent = r_.find_model(config.per);
      if (!parent || r_.ids_[parent->index()].size() == 0)
        return error(config.span, fmt::format("fleet entry '{}' is per '{}', of which there is no device",
                                              config.model, config.per));
      const auto& relations = schema_.table(*table).relations;
      const auto relation = std::find_if(relations.begin(), relations.end(),
                                         [&](const auto& r) { return !r.many && r.to == *parent; });
      if (relation == relations.end())
        return error(config.span,
                     fmt::format("fleet entry '{}' is per '{}', but the model has no relation to it",
                                 config.model, config.per),
                     fmt::format("write relations: {{{0}: {{to: {0}, inverse: {1}s}}}} in model '{1}'",
                                 config.per, config.model));
      const auto& parents = r_.ids_[parent->index()];
      for (size_t p = 0; p < parents.size(); ++p) {
        const std::string parent_id(parents[p]);
        for (uint64_t i = 1; i <= config.count; ++i) {
          ids.add(expand_id(config.id, {i, p * config.count + i, config.per, parent_id}));
          parent_rows_.push_back(
              {*table, relation->rows, static_cast<uint32_t>(ids.size() - 1), static_cast<uint32_t>(p)});
        }
      }
    }
    r_.entries_of_[table->index()].push_back(static_cast<uint32_t>(r_.entries_.size()));
    r_.entries_.push_back({*table, first, ids.size() - first, config.tags, config.link, config.admitted});
    configs_.push_back(&config);
  }

  /// Writes the to-one columns, and turns them round into sets.
  void relate() {
    for (const auto& p : parent_rows_) tables_.values<uint32_t>(p.table, p.column)[p.row] = p.parent;
    for (size_t e = 0; e < configs_.size(); ++e)
      for (const auto& relating : configs_[e]->relations) relate(e, relating);
    if (!problems_.empty()) return;
    for (size_t t = 0; t < schema_.tables.size(); ++t) {
      for (size_t k = 0; k < schema_.tables[t].relations.size(); ++k) {
        const auto& relation = schema_.tables[t].relations[k];
        if (!relation.many) continue;
        const auto& inverse = schema_.table(relation.to).relations[relation.inverse.index()];
        const auto rows = tables_.values<uint32_t>(relation.to, inverse.rows);
        Set set{TableId(t), RelationId(k), std::vector<uint32_t>(r_.ids_[t].size() + 1), {}};
        for (const uint32_t owner : rows)
          if (owner != 0xffffffff) ++set.offsets[owner + 1];
        for (size_t i = 1; i < set.offsets.size(); ++i) set.offsets[i] += set.offsets[i - 1];
        set.members.resize(set.offsets.back());
        std::vector<uint32_t> next(set.offsets.begin(), set.offsets.end() - 1);
        for (size_t row = 0; row < rows.size(); ++row)
          if (rows[row] != 0xffffffff) set.members[next[rows[row]]++] = static_cast<uint32_t>(row);
        r_.sets_.push_back(std::move(set));
      }
    }
  }

  /// Fills the to-one relation of the devices of one entry.
  void relate(size_t e, const RelatingConfig& relating) {
    const auto& entry = r_.entries_[e];
    const auto& config = *configs_[e];
    const auto& relations = schema_.table(entry.table).relations;
    const auto relation = std::find_if(relations.begin(), relations.end(),
                                       [&](const auto& r) { return !r.many && r.name == relating.relation; });
    LT_CHECK(relation != relations.end(), relating.relation);
    const auto& declared = r_.models_[entry.table.index()].config.relations;
    const bool is_optional = std::any_of(declared.begin(), declared.end(), [&](const auto& r) {
      return r.name == relating.relation && r.optional;
    });
    auto rows = tables_.values<uint32_t>(entry.table, relation->rows);
    const auto parent_of = [&](size_t row) -> std::string_view {
      for (const auto& p : relations)
        if (!p.many && p.rows.valid() && schema_.table(p.to).name == config.per)
          return r_.ids_[p.to.index()][tables_.values<uint32_t>(entry.table, p.rows)[row]];
      return {};
    };
    if (relating.ids.size() > 1 && relating.ids.size() != entry.count)
      return error(relating.span, fmt::format("'{}' lists {} devices for {} of '{}'", relating.relation,
                                              relating.ids.size(), entry.count, config.model));
    for (size_t k = 0; k < entry.count; ++k) {
      const size_t row = entry.first + k;
      const auto& pattern = relating.ids.size() > 1 ? relating.ids[k] : relating.ids.front();
      const auto id = expand_id(pattern, {k % config.count + 1, k + 1, config.per, parent_of(row)});
      const auto device = r_.find(id);
      if (device && device->table == relation->to) {
        rows[row] = device->row.value;
        continue;
      }
      if (!device && is_optional) continue;
      return error(
          relating.span,
          device ? fmt::format("'{}' of '{}' would be '{}', which is no {}", relating.relation,
                               r_.id({entry.table, Row(row)}), id, schema_.table(relation->to).name)
                 : fmt::format("'{}' of '{}' would be '{}', which is no device", relating.relation,
                               r_.id({entry.table, Row(row)}), id),
          config.ids.empty()
              ? "a pattern may hold {i}, {i+1}, {n-1} and the parent's id; or write optional: true at "
                "the relation"
              : "the fleet needs an entry that has that device, too, in the state that it is in");
    }
  }

  void index_ids() {
    for (size_t t = 0; t < r_.ids_.size(); ++t) {
      const auto& ids = r_.ids_[t];
      r_.keys_[t].resize(ids.size());
      for (size_t row = 0; row < ids.size(); ++row) {
        r_.keys_[t][row] = hash64(ids[row]);
        if (t < r_.models_.size()) r_.by_id_.push_back({TableId(t), Row(row)});
      }
    }
    std::sort(r_.by_id_.begin(), r_.by_id_.end(), [&](auto a, auto b) { return r_.id(a) < r_.id(b); });
    const auto twice = std::adjacent_find(r_.by_id_.begin(), r_.by_id_.end(),
                                          [&](auto a, auto b) { return r_.id(a) == r_.id(b); });
    if (twice == r_.by_id_.end()) return;
    const auto& entry = r_.entry(*(twice + 1));
    error(configs_[static_cast<size_t>(&entry - r_.entries_.data())]->span,
          fmt::format("the device id '{}' is given twice", r_.id(*twice)),
          "put {i}, and the parent's id, into the id's pattern");
  }

  void assign_parameters() {
    for (const auto& model : r_.models_) {
      for (size_t p = 0; p < model.config.parameters.size(); ++p) {
        const auto& config = model.config.parameters[p];
        fill(model, p, 0, r_.devices(model.table), config.value, nullptr);
        if (config.spread) spread(model, p, *config.spread);
      }
      for (size_t s = 0; s < model.config.setpoints.size(); ++s) {
        for (const ColumnId column :
             {model.setpoints[s].desired, model.setpoints[s].fallback, model.setpoints[s].reported})
          store(model.table, column, 0, r_.devices(model.table),
                [&](size_t) { return model.config.setpoints[s].value; });
      }
      store(model.table, model.status, 0, r_.devices(model.table),
            [](size_t) { return 2.0; });  // offline until it connects
      std::ranges::fill(tables_.values<uint32_t>(model.table, model.version), 0u);
      std::ranges::fill(tables_.values<double>(model.table, model.violations), 0.0);
      for (const auto& field : model.fields)
        store(model.table, field.quality, 0, r_.devices(model.table),
              [](size_t) { return static_cast<double>(Quality::never); });
    }
    for (size_t e = 0; e < configs_.size(); ++e) {
      const auto& entry = r_.entries_[e];
      const auto& model = r_.models_[entry.table.index()];
      for (const auto& a : configs_[e]->assignments) {
        const auto& parameters = model.config.parameters;
        const auto p = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const auto& c) { return c.name == a.parameter; });
        if (p == parameters.end()) {
          std::vector<std::string> names;
          for (const auto& c : parameters) names.push_back(c.name);
          error(a.span, fmt::format("model '{}' has no parameter '{}'", model.config.name, a.parameter),
                did_you_mean(a.parameter, names));
          continue;
        }
        const auto index = static_cast<size_t>(p - parameters.begin());
        if (!a.values.empty() && a.values.size() != entry.count) {
          error(a.span, fmt::format("'{}' lists {} values for {} of '{}'", a.parameter, a.values.size(),
                                    entry.count, model.config.name));
        } else if (!a.values.empty()) {
          for (size_t k = 0; k < entry.count; ++k)
            if (!std::isnan(a.values[k]))
              store(model.table, model.parameters[index], entry.first + k, 1,
                    [&](size_t) { return a.values[k]; });
        } else {
          fill(model, index, entry.first, entry.count, a.value.value_or(0), a.value ? nullptr : &a);
        }
      }
    }
  }

  template <typename Value>
  void store(TableId table, ColumnId column, size_t first, size_t count, Value value) {
    if (schema_.column(table, column).storage == lang::Storage::f64) {
      auto out = tables_.values<double>(table, column);
      for (size_t i = first; i < first + count; ++i) out[i] = value(i);
    } else {
      auto out = tables_.values<uint8_t>(table, column);
      for (size_t i = first; i < first + count; ++i) out[i] = static_cast<uint8_t>(value(i));
    }
  }

  void fill(const Model& model, size_t parameter, size_t first, size_t count, double value,
            const AssignmentConfig* draw) {
    const auto& config = model.config.parameters[parameter];
    const auto keys = r_.keys(model.table);
    const auto stream = random::stream(r_.seed_, model.config.name + "." + config.name + ".assigned");
    std::optional<Distribution> choice;
    if (draw != nullptr && !draw->weights.empty()) {
      std::vector<double> codes;
      for (size_t w = 0; w < draw->weights.size(); ++w) codes.push_back(static_cast<double>(w));
      auto made = Distribution::discrete(std::move(codes), draw->weights);
      if (!made) return error(draw->span, made.error().front().message, made.error().front().hint);
      choice = std::move(*made);
    } else if (draw != nullptr) {
      choice = draw->draw;
    }
    store(model.table, model.parameters[parameter], first, count,
          [&](size_t i) { return choice ? choice->sample(random::bits(stream, keys[i], 0)) : value; });
  }

  void spread(const Model& model, size_t parameter, const Distribution& factor) {
    const auto stream = random::stream(
        r_.seed_, model.config.name + "." + model.config.parameters[parameter].name + ".spread");
    const auto keys = r_.keys(model.table);
    auto values = tables_.values<double>(model.table, model.parameters[parameter]);
    for (size_t i = 0; i < values.size(); ++i) values[i] *= factor.sample(random::bits(stream, keys[i], 0));
  }

  struct ParentRow {
    TableId table;
    ColumnId column;
    uint32_t row;
    uint32_t parent;
  };
  Registry& r_;
  lang::Schema& schema_;
  Tables& tables_;
  Diagnostics problems_;
  EnumId status_, quality_;
  std::vector<ParentRow> parent_rows_;
  std::vector<const FleetConfig*> configs_;  ///< one an entry
};

Result<Registry> Registry::build(std::span<const ModelConfig> models, std::span<const FleetConfig> fleet,
                                 uint64_t seed, lang::Schema& schema, Tables& tables) {
  Registry registry;
  registry.seed_ = seed;
  auto problems = Builder(registry, schema, tables).build(models, fleet);
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return registry;
}

std::optional<TableId> Registry::find_model(std::string_view name) const {
  for (const auto& model : models_)
    if (model.config.name == name) return model.table;
  return std::nullopt;
}

size_t Registry::devices() const { return by_id_.size(); }

std::string_view Registry::id(DeviceRef device) const {
  return ids_[device.table.index()][device.row.index()];
}
uint64_t Registry::key(DeviceRef device) const { return keys_[device.table.index()][device.row.index()]; }

std::optional<DeviceRef> Registry::find(std::string_view id) const {
  const auto at = std::lower_bound(by_id_.begin(), by_id_.end(), id,
                                   [&](DeviceRef d, std::string_view text) { return this->id(d) < text; });
  if (at == by_id_.end() || this->id(*at) != id) return std::nullopt;
  return *at;
}

std::vector<DeviceRef> Registry::matching(std::string_view pattern) const {
  std::vector<DeviceRef> found;
  if (pattern.starts_with(kTagPattern)) {
    pattern.remove_prefix(kTagPattern.size());
    for (size_t t = 0; t < models_.size(); ++t)
      for (const uint32_t e : entries_of_[t]) {
        const auto& entry = entries_[e];
        if (std::none_of(entry.tags.begin(), entry.tags.end(),
                         [&](const auto& tag) { return glob_match(pattern, tag); }))
          continue;
        for (size_t row = 0; row < entry.count; ++row) found.push_back({TableId(t), Row(entry.first + row)});
      }
    return found;
  }
  if (pattern.find_first_of("*?") == std::string_view::npos) {
    if (const auto device = find(pattern)) found.push_back(*device);
    return found;
  }
  for (size_t t = 0; t < models_.size(); ++t)
    for (size_t row = 0; row < ids_[t].size(); ++row)
      if (glob_match(pattern, ids_[t][row])) found.push_back({TableId(t), Row(row)});
  return found;
}

std::span<const uint32_t> Registry::members(TableId table, RelationId relation, Row row) const {
  for (const auto& set : sets_) {
    if (set.table != table || set.relation != relation) continue;
    const uint32_t begin = set.offsets[row.index()];
    return std::span(set.members).subspan(begin, set.offsets[row.index() + 1] - begin);
  }
  LT_CHECK(false, "members of a relation that is not a set");
}

const Registry::Entry& Registry::entry(DeviceRef device) const {
  const auto& entries = entries_of_[device.table.index()];
  const auto after = std::upper_bound(entries.begin(), entries.end(), device.row.index(),
                                      [&](size_t row, uint32_t e) { return row < entries_[e].first; });
  LT_CHECK(after != entries.begin(), "a device that no fleet entry made");
  return entries_[*(after - 1)];
}

const std::vector<std::string>& Registry::tags(DeviceRef device) const { return entry(device).tags; }
const std::string& Registry::link(DeviceRef device) const { return entry(device).link; }

uint64_t Registry::credential(DeviceRef device) const {
  return random::bits(random::stream(seed_, "registry.credential"), key(device), 0);
}

}  // namespace looptwin::twin

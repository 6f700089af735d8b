// Checks kinds: names become columns and relations, expressions become nodes. All elements of a kind share
// their nodes.
#include "sim/plants/equations_check.h"

#include <fmt/format.h>
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/text.h"
#include "lang/checker.h"
#include "sim/expressions.h"
#include "sim/plants/equations_kinds.h"
#include "sim/plants/equations_outputs.h"

namespace looptwin::sim {
namespace {

using lang::Symbol;

lang::Type rate_of(const lang::Type& type) {
  return lang::Type::number(type.dimension / lang::kTimeDimension);
}

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const auto& one : all) names.push_back(one.name);
  return names;
}

class KindChecker {
 public:
  KindChecker(const EquationsConfig& config, const lang::Units& units) : config_(config), units_(units) {}

  Result<EquationKinds> run() {
    if (config_.kinds.empty())
      error(config_.span, "a plant of equations without elements",
            "write elements: {tank: {states: ..., rates: ...}}");
    for (const auto& kind : config_.kinds) add_kind(kind);
    for (size_t k = 0; k < config_.kinds.size(); ++k) add_relations(k);
    for (size_t k = 0; k < config_.kinds.size(); ++k) add_parameters(k);
    known_ = scopes_;
    for (size_t k = 0; k < config_.kinds.size(); ++k) add_inputs_and_states(k);
    add_names_of_elements();
    for (size_t k = 0; k < config_.kinds.size(); ++k) give_values(k);
    check_outputs();
    for (size_t k = 0; k < config_.kinds.size(); ++k) check_rates(k), check_events(k);
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    return std::move(out_);
  }

 private:
  void error(const Span& span, std::string message, std::string hint = {}) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  /// Equations that use what is wrong itself are not checked: they would be told of twice.
  bool lose(const std::string& name) {
    lost_.push_back(name);
    return false;
  }
  bool uses_lost(const Span& text) const {
    return std::any_of(lost_.begin(), lost_.end(),
                       [&](const std::string& name) { return mentions(text, name); });
  }
  bool is_lost(const std::string& name) const {
    return std::find(lost_.begin(), lost_.end(), name) != lost_.end();
  }

  // ---- names

  void add_kind(const EquationKindConfig& config) {
    EquationKind kind;
    kind.name = config.name;
    std::map<std::string, Span> seen;
    for (const auto& element : config.each) {
      kind.elements.push_back(element.name);
      if (!seen.emplace(element.name, element.span).second)
        error(element.span, fmt::format("two elements of '{}' are called '{}'", kind.name, element.name),
              "choose another name for one");
    }
    if (config.states.empty() && config.inputs.empty() && config.outputs.empty())
      error(config.span, fmt::format("'{}' has no states, inputs or outputs", kind.name),
            "write states: and rates:, or outputs:");
    out_.schema.tables.push_back({config.name, {}, {}});
    out_.kinds.push_back(std::move(kind));
    scopes_.of_table.emplace_back();
    scopes_.of_table.back().table = TableId(scopes_.of_table.size() - 1);
    scopes_.windows_allowed = false;
  }

  lang::Scope& scope(size_t k) { return scopes_.of_table[k]; }

  bool is_free(size_t k, const std::string& name, const Span& span) {
    if (!scope(k).names.contains(name)) return true;
    error(span, fmt::format("'{}' has two things called '{}'", out_.kinds[k].name, name),
          "choose another name for one");
    return false;
  }

  RelationId add_relation(size_t k, const std::string& name, size_t to, bool many) {
    auto& relations = out_.schema.tables[k].relations;
    const RelationId id(relations.size());
    relations.push_back({.name = name, .to = TableId(to), .many = many});
    out_.kinds[k].related.emplace_back();
    Symbol symbol;
    symbol.is = Symbol::Is::relation;
    symbol.relation = id;
    scope(k).names[name] = symbol;
    return id;
  }

  void add_relations(size_t k) {
    const auto kinds = names_of(config_.kinds);
    for (const auto& config : config_.kinds[k].relations) {
      const auto to = std::find(kinds.begin(), kinds.end(), config.to);
      if (to == kinds.end()) {
        error(config.span, fmt::format("'{}' is no kind of element of this plant", config.to),
              did_you_mean(config.to, kinds));
        lose(config.name);
        if (!config.inverse.empty()) lose(config.inverse);
        continue;
      }
      const auto other = static_cast<size_t>(to - kinds.begin());
      if (!is_free(k, config.name, config.span)) continue;
      const auto one = add_relation(k, config.name, other, false);
      if (config.inverse.empty() || !is_free(other, config.inverse, config.span)) continue;
      const auto many = add_relation(other, config.inverse, k, true);
      out_.schema.tables[k].relations[one.index()].inverse = many;
      out_.schema.tables[other].relations[many.index()].inverse = one;
    }
  }

  ColumnId add_column(size_t k, const std::string& name, const lang::Type& type, const lang::Unit& unit) {
    const ColumnId column = out_.schema.add_column(TableId(k), {name, type, unit, lang::Storage::f64});
    Symbol symbol;
    symbol.type = type;
    symbol.column = column;
    scope(k).names[name] = symbol;
    return column;
  }

  /// A quantity of numbers, once its value at the start is checked.
  template <typename Quantity>
  bool add_quantity(size_t k, const Named& line, const lang::Scopes& scopes, Quantity& out) {
    if (!is_free(k, line.name, line.name_span)) return lose(line.name);
    const auto checked = check(k, line.text, scopes, {});
    if (!checked.node.valid()) return lose(line.name);
    const auto type = out_.graph[checked.node].type;
    if (type.kind != lang::Kind::number) {
      error(line.text, fmt::format("'{}' is something else than a number", line.name),
            "a condition is 0 or 1 here: what switches a state is an event");
      return lose(line.name);
    }
    out.name = line.name;
    out.span = line.name_span;
    out.unit = unit_of(type, checked.unit);
    out.column = add_column(k, line.name, type, out.unit);
    out.fallback = checked.node;
    out.given.resize(out_.kinds[k].elements.size());
    return true;
  }

  void add_parameters(size_t k) {
    const auto& lines = config_.kinds[k].parameters;
    for (const size_t i : in_order_of_use(lines)) {
      EquationKind::Quantity parameter;
      if (add_quantity(k, lines[i], scopes_, parameter))
        out_.kinds[k].parameters.push_back(std::move(parameter));
    }
  }

  void add_inputs_and_states(size_t k) {
    for (const auto& line : config_.kinds[k].inputs) {
      EquationKind::Quantity input;
      if (add_quantity(k, line, known_, input)) out_.kinds[k].inputs.push_back(std::move(input));
    }
    for (const auto& line : config_.kinds[k].states) {
      EquationKind::State state;
      if (!add_quantity(k, line, known_, state)) continue;
      state.tolerance = config_.relative_tolerance * lang::difference_unit(state.unit).scale;
      out_.kinds[k].states.push_back(std::move(state));
    }
  }

  /// As a person would write values of the type: as it was written, or in SI.
  static lang::Unit unit_of(const lang::Type& type, const lang::Unit& written) {
    if (!written.text.empty() && written.type == type) return written;
    lang::Unit unit;
    unit.type = type;
    unit.text = lang::unit_text(type.dimension);
    if (type.kind != lang::Kind::number) unit = {.text = "1"};
    if (type.point) {
      unit.text = type.dimension == lang::kTemperature ? "degC" : "barg";
      if (type.dimension == lang::kTemperature) unit.offset = 273.15;
    }
    return unit;
  }

  /// `upper.level` in any other kind: elements with a name that expressions can hold are seen by all.
  void add_names_of_elements() {
    std::map<std::string, std::vector<std::pair<size_t, uint32_t>>> places;
    for (size_t k = 0; k < out_.kinds.size(); ++k) {
      const auto& elements = out_.kinds[k].elements;
      for (uint32_t row = 0; row < elements.size(); ++row)
        places[elements[row].empty() ? out_.kinds[k].name : elements[row]].emplace_back(k, row);
    }
    for (const auto& [name, at] : places) {
      if (at.size() > 1 || name.find('-') != std::string::npos) continue;
      const auto [to, row] = at.front();
      for (size_t k = 0; k < out_.kinds.size(); ++k) {
        if (scope(k).names.contains(name)) continue;
        const auto id = add_relation(k, name, to, false);
        out_.kinds[k].related[id.index()].assign(out_.kinds[k].elements.size(), row);
      }
    }
  }

  // ---- values of elements

  void give_values(size_t k) {
    const auto& config = config_.kinds[k];
    for (uint32_t row = 0; row < config.each.size(); ++row) {
      std::vector<std::string> given;
      for (const auto& value : config.each[row].given) {
        given.push_back(value.name);
        give(k, row, value);
      }
      for (const auto& relation : config.relations) {
        if (std::find(given.begin(), given.end(), relation.name) == given.end())
          error(config.each[row].span,
                fmt::format("'{}' does not say its {}", name_of(k, row), relation.name),
                fmt::format("write {}: and the name of a {}", relation.name, relation.to));
      }
    }
    for (const auto& line : config.tolerances) give_tolerance(k, line);
    for (const auto& limits : config.limits) give_limits(k, limits);
  }

  void give_limits(size_t k, const LimitConfig& config) {
    for (auto& state : out_.kinds[k].states) {
      if (state.name != config.name) continue;
      const lang::Wanted wanted{.type = state.unit.type, .bare = state.unit};
      state.limits_span = config.span;
      if (config.low) state.low = check(k, *config.low, known_, wanted).node;
      if (config.high) state.high = check(k, *config.high, known_, wanted).node;
      if (!config.low && !config.high)
        error(config.span, fmt::format("the limits of '{}' are none", config.name),
              "write low:, high:, or both");
      return;
    }
    if (!is_lost(config.name))
      error(config.span, fmt::format("'{}' has no state '{}' to limit", out_.kinds[k].name, config.name),
            did_you_mean(config.name, names_of(out_.kinds[k].states)));
  }

  std::string name_of(size_t k, size_t row) const { return out_.kinds[k].label(row); }

  void give(size_t k, uint32_t row, const EquationElementConfig::Given& value) {
    auto& kind = out_.kinds[k];
    const auto& relations = config_.kinds[k].relations;
    for (const auto& relation : relations)
      if (relation.name == value.name) return relate(k, row, value);
    std::vector<std::string> names = names_of(relations);
    const auto fill = [&](auto& quantities) {
      for (auto& quantity : quantities) {
        names.push_back(quantity.name);
        if (quantity.name != value.name) continue;
        quantity.given[row] =
            check(k, value.text, known_, {.type = quantity.unit.type, .bare = quantity.unit}).node;
        return true;
      }
      return false;
    };
    if (fill(kind.parameters) || fill(kind.inputs) || fill(kind.states)) return;
    error(value.name_span,
          fmt::format("'{}' has no parameter, input, state or relation '{}'", kind.name, value.name),
          did_you_mean(value.name, names));
  }

  void relate(size_t k, uint32_t row, const EquationElementConfig::Given& value) {
    const auto id = scope(k).names.find(value.name);
    if (id == scope(k).names.end()) return;  // its kind is unknown: said before
    const auto relation = id->second.relation.index();
    auto& kind = out_.kinds[k];
    const auto& other = out_.kinds[out_.schema.tables[k].relations[relation].to.index()];
    const auto found = std::find(other.elements.begin(), other.elements.end(), value.element);
    if (found == other.elements.end()) {
      error(value.text, fmt::format("there is no {} '{}'", other.name, value.element),
            did_you_mean(value.element, other.elements));
      return;
    }
    kind.related[relation].resize(kind.elements.size());
    kind.related[relation][row] = static_cast<uint32_t>(found - other.elements.begin());
  }

  void give_tolerance(size_t k, const Named& line) {
    for (auto& state : out_.kinds[k].states) {
      if (state.name != line.name) continue;
      const auto unit = lang::difference_unit(state.unit);
      const auto read = accept(units_.quantity(line.text, &unit, true));
      if (!read) return;
      if (read->unit.type.dimension != unit.type.dimension || !(read->value > 0))
        return error(line.text, fmt::format("no tolerance of '{}'", line.name),
                     fmt::format("write a value in {} above 0", unit.text));
      state.tolerance = read->value;
      return;
    }
    error(line.name_span, fmt::format("'{}' has no state '{}'", out_.kinds[k].name, line.name),
          did_you_mean(line.name, names_of(out_.kinds[k].states)));
  }

  // ---- equations

  template <typename T>
  std::optional<T> accept(Result<T> result) {
    if (result) return std::move(*result);
    problems_.insert(problems_.end(), result.error().begin(), result.error().end());
    return std::nullopt;
  }

  lang::Checked check_into(Diagnostics& problems, size_t k, const Span& text, const lang::Scopes& scopes,
                           const lang::Wanted& wanted) {
    lang::Checker checker(units_, out_.schema, out_.graph, problems);
    return checker.check_with_unit(text, scopes, TableId(k), wanted);
  }
  lang::Checked check(size_t k, const Span& text, const lang::Scopes& scopes, const lang::Wanted& wanted) {
    return check_into(problems_, k, text, scopes, wanted);
  }

  /// Outputs may use those of any kind, in any order: each is checked once the types of those it uses are
  /// known. What is left over when nothing more can be checked is wrong, or goes in a circle.
  void check_outputs() {
    std::vector<OpenOutput> open;
    for (size_t k = 0; k < config_.kinds.size(); ++k)
      for (const auto& line : config_.kinds[k].outputs)
        if (is_free(k, line.name, line.name_span)) open.push_back({k, &line, {}});
    for (bool going = true; going && !open.empty();) {
      going = false;
      for (size_t i = 0; i < open.size();) {
        open[i].problems.clear();
        if (!add_output(open[i])) {
          ++i;
          continue;
        }
        open.erase(open.begin() + static_cast<long>(i));
        going = true;
      }
    }
    for (const auto& problem : blame(open, out_, scopes_, [&](const Span& text) { return uses_lost(text); }))
      problems_.push_back(problem);
    for (const auto& line : open) lose(line.named->name);
    // In the order in which they are written.
    for (size_t k = 0; k < config_.kinds.size(); ++k) {
      const auto& lines = config_.kinds[k].outputs;
      const auto place = [&](const EquationKind::Output& output) {
        return std::find_if(lines.begin(), lines.end(),
                            [&](const Named& l) { return l.name == output.name; });
      };
      auto& outputs = out_.kinds[k].outputs;
      std::sort(outputs.begin(), outputs.end(),
                [&](const auto& a, const auto& b) { return place(a) < place(b); });
    }
  }

  bool add_output(OpenOutput& line) {
    const auto checked = check_into(line.problems, line.kind, line.named->text, scopes_, {});
    if (!checked.node.valid()) return false;
    const auto type = out_.graph[checked.node].type;
    if (type.kind != lang::Kind::number && type.kind != lang::Kind::boolean) {
      line.problems.push_back({Severity::error, line.named->text,
                               fmt::format("'{}' is neither a number nor a condition", line.named->name),
                               "outputs are numbers, or true or false"});
      return false;
    }
    const auto unit = unit_of(type, checked.unit);
    const auto column = add_column(line.kind, line.named->name, type, unit);
    out_.kinds[line.kind].outputs.push_back({line.named->name, line.named->text, column, unit, checked.node});
    return true;
  }

  void check_rates(size_t k) {
    auto& kind = out_.kinds[k];
    const auto& config = config_.kinds[k];
    for (const auto& line : config.rates) {
      const auto state = std::find_if(kind.states.begin(), kind.states.end(),
                                      [&](const auto& s) { return s.name == line.name; });
      if (state == kind.states.end()) {
        const auto names = names_of(config.states);
        if (std::find(names.begin(), names.end(), line.name) == names.end())
          error(line.name_span, fmt::format("'{}' has no state '{}' to change", kind.name, line.name),
                did_you_mean(line.name, names));
        continue;
      }
      state->rate_span = line.text;
      if (!uses_lost(line.text))
        state->rate = check(k, line.text, scopes_, {.type = rate_of(state->unit.type)}).node;
    }
    for (const auto& state : kind.states) {
      if (!state.rate_span.source)
        error(state.span, fmt::format("the state '{}' has no rate", state.name),
              fmt::format("write rates: {{{}: ...}}, in {} per second", state.name,
                          lang::difference_unit(state.unit).text));
    }
  }

  void check_events(size_t k) {
    auto& kind = out_.kinds[k];
    for (const auto& config : config_.kinds[k].events) {
      EquationKind::Event event{config.name, config.span, {}, {}};
      if (!uses_lost(config.when))
        event.when = check(k, config.when, scopes_, {.type = lang::Type::boolean()}).node;
      for (const auto& line : config.reset) {
        const auto state = std::find_if(kind.states.begin(), kind.states.end(),
                                        [&](const auto& s) { return s.name == line.name; });
        if (state == kind.states.end()) {
          const auto meant = did_you_mean(line.name, names_of(kind.states));
          if (!is_lost(line.name))
            error(line.name_span, fmt::format("'{}' has no state '{}' to reset", kind.name, line.name),
                  meant.empty() ? "an event changes states of its own element" : meant);
          continue;
        }
        if (uses_lost(line.text)) continue;
        const auto value = check(k, line.text, scopes_, {.type = state->unit.type, .bare = state->unit});
        event.resets.push_back({static_cast<size_t>(state - kind.states.begin()), value.node});
      }
      kind.events.push_back(std::move(event));
    }
  }

  const EquationsConfig& config_;
  const lang::Units& units_;
  EquationKinds out_;
  lang::Scopes scopes_;
  lang::Scopes known_;             ///< what values at the start are of: parameters
  std::vector<std::string> lost_;  ///< names of what is wrong
  Diagnostics problems_;
};

}  // namespace

Result<EquationKinds> check_kinds(const EquationsConfig& config, const lang::Units& units) {
  return KindChecker(config, units).run();
}

Result<std::shared_ptr<const EquationSystem>> check_equations(const EquationsConfig& config,
                                                              const lang::Units& units) {
  auto kinds = check_kinds(config, units);
  if (!kinds) return tl::make_unexpected(std::move(kinds.error()));
  return write_out(config, *kinds);
}

}  // namespace looptwin::sim

#include "testbed/wiring.h"

namespace looptwin::testbed {
namespace {

lang::Symbol column(lang::Type type, ColumnId id) {
  lang::Symbol symbol;
  symbol.type = type;
  symbol.column = id;
  return symbol;
}

void add_model(lang::Scope& scope, const lang::Schema& schema, const twin::Model& model) {
  const auto type_of = [&](ColumnId id) { return schema.column(model.table, id).type; };
  for (size_t p = 0; p < model.parameters.size(); ++p)
    scope.names[model.config.parameters[p].name] = column(type_of(model.parameters[p]), model.parameters[p]);
  for (size_t f = 0; f < model.fields.size(); ++f) {
    auto symbol = column(type_of(model.fields[f].value), model.fields[f].value);
    symbol.sampled = model.fields[f].sampled;
    symbol.quality = model.fields[f].quality;
    symbol.sampled_field = true;
    symbol.period = model.config.telemetry[f].every;
    scope.names[model.config.telemetry[f].name] = symbol;
  }
  for (size_t s = 0; s < model.setpoints.size(); ++s) {
    auto symbol = column(type_of(model.setpoints[s].reported), model.setpoints[s].reported);
    symbol.desired = model.setpoints[s].desired;
    symbol.fallback = model.setpoints[s].fallback;
    scope.names[model.config.setpoints[s].name] = symbol;
  }
  scope.names["status"] = column(type_of(model.status), model.status);
  scope.names.emplace("violations", column(type_of(model.violations), model.violations));
}

}  // namespace

lang::Scopes rule_scopes(const lang::Schema& schema, const twin::Registry& registry) {
  lang::Scopes scopes;
  for (size_t t = 0; t < schema.tables.size(); ++t) {
    lang::Scope scope;
    scope.table = TableId(t);
    if (t < registry.models().size()) add_model(scope, schema, registry.models()[t]);
    const auto& relations = schema.tables[t].relations;
    for (size_t r = 0; r < relations.size(); ++r) {
      lang::Symbol symbol;
      symbol.is = lang::Symbol::Is::relation;
      symbol.relation = RelationId(r);
      scope.names.emplace(relations[r].name, symbol);
    }
    for (const auto& signal : schema.feeds) {
      lang::Symbol symbol;
      symbol.is = lang::Symbol::Is::feed_root;
      scope.names.emplace(signal.feed, symbol);
    }
    scopes.of_table.push_back(std::move(scope));
  }
  return scopes;
}

}  // namespace looptwin::testbed

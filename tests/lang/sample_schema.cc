#include "sample_schema.h"

#include <memory>

#include "base/check.h"

namespace looptwin::lang::sample {
namespace {

constexpr Dimension kPower{{2, 1, -3}};
constexpr Dimension kPressure{{-1, 1, -2}};

Unit unit_of(std::string_view text) {
  const auto source = std::make_shared<Source>(Source{"unit", std::string(text)});
  auto unit = units().unit({source, 0, static_cast<uint32_t>(text.size())});
  LT_CHECK(unit, std::string(text));
  return *unit;
}

void number(Schema& schema, TableId table, std::string name, std::string_view unit_text) {
  const auto unit = unit_of(unit_text);
  schema.add_column(table, {std::move(name), unit.type, unit, Storage::f64});
}

void condition(Schema& schema, TableId table, std::string name) {
  schema.add_column(table, {std::move(name), Type::boolean(), {}, Storage::boolean});
}

// Every visible column becomes a symbol; "x.desired" and the like become readings of x.
Scope scope(const Schema& schema, TableId id) {
  Scope scope;
  scope.table = id;
  const auto& table = schema.table(id);
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    const auto dot = column.name.find('.');
    auto& symbol = scope.names[column.name.substr(0, dot)];
    const auto part = dot == std::string::npos ? "" : column.name.substr(dot + 1);
    if (part.empty()) {
      symbol.type = column.type;
      symbol.column = ColumnId(i);
    } else if (part == "desired") {
      symbol.desired = ColumnId(i);
    } else if (part == "default") {
      symbol.fallback = ColumnId(i);
    } else if (part == "truth") {
      symbol.truth = ColumnId(i);
    } else if (part == "sampled") {
      symbol.sampled = ColumnId(i);
      symbol.sampled_field = true;
      symbol.period = seconds(10);
    } else if (part == "quality") {
      symbol.quality = ColumnId(i);
    }
  }
  std::erase_if(scope.names, [](const auto& entry) {
    return !entry.second.column.valid() || entry.first.ends_with("_row");
  });
  for (size_t i = 0; i < table.relations.size(); ++i) {
    Symbol symbol;
    symbol.is = Symbol::Is::relation;
    symbol.relation = RelationId(i);
    scope.names[table.relations[i].name] = symbol;
  }
  Symbol weather;
  weather.is = Symbol::Is::feed_root;
  scope.names["weather"] = weather;
  return scope;
}

Scopes scopes(const Schema& schema) {
  Scopes scopes;
  for (size_t i = 0; i < schema.tables.size(); ++i) scopes.of_table.push_back(scope(schema, TableId(i)));
  return scopes;
}

}  // namespace

const Units& units() {
  static const Units kUnits(1e5);
  return kUnits;
}

Schema schema() {
  Schema schema;
  schema.tables = {{"grid", {}, {}}, {"block", {}, {}}, {"home", {}, {}}};
  schema.enumerations = {{"program", {"frugal", "standard"}},
                         {"mode", {"auto", "manual", "away"}},
                         {"quality", {"good", "never", "stale", "flat"}}};
  number(schema, kGrid, "capacity", "MW");

  number(schema, kBlock, "limit", "kW");
  number(schema, kBlock, "loss", "%");
  schema.add_column(kBlock, {"grid_row", Type::number(), {}, Storage::row});
  condition(schema, kBlock, "closed");

  number(schema, kHome, "temperature", "degC");
  schema.add_column(kHome, {"temperature.sampled", Type::point_of(kTimeDimension), {}, Storage::instant});
  number(schema, kHome, "temperature.truth", "degC");
  number(schema, kHome, "power", "kW");
  schema.add_column(kHome, {"power.sampled", Type::point_of(kTimeDimension), {}, Storage::instant});
  number(schema, kHome, "power.truth", "kW");
  number(schema, kHome, "cool", "degC");
  number(schema, kHome, "cool.desired", "degC");
  number(schema, kHome, "cool.default", "degC");
  number(schema, kHome, "attic", "degF");
  number(schema, kHome, "feed_water", "barg");
  number(schema, kHome, "supply", "bar");
  number(schema, kHome, "tilt", "deg");
  number(schema, kHome, "UA", "W/K");
  number(schema, kHome, "area", "m2");
  number(schema, kHome, "energy", "kWh");
  number(schema, kHome, "soc", "%");
  number(schema, kHome, "efficiency", "1");
  schema.add_column(kHome, {"seen", Type::point_of(kTimeDimension), {}, Storage::instant});
  condition(schema, kHome, "online");
  condition(schema, kHome, "fan");
  schema.add_column(kHome, {"program", Type::enumeration_of(EnumId(0)), {}, Storage::code});
  schema.add_column(kHome, {"mode", Type::enumeration_of(EnumId(1)), {}, Storage::code});
  schema.add_column(kHome, {"block_row", Type::number(), {}, Storage::row});

  // Relations by their place in each table: block 0 grid, 1 homes, 2 guests; home 0 block, 1 host.
  schema.table(kGrid).relations = {{"blocks", kBlock, true, RelationId(0), {}}};
  schema.table(kBlock).relations = {{"grid", kGrid, false, RelationId(0), ColumnId(2)},
                                    {"homes", kHome, true, RelationId(0), {}},
                                    {"guests", kHome, true, RelationId(1), {}}};
  const ColumnId host = schema.add_column(kHome, {"host_row", Type::number(), {}, Storage::row});
  const ColumnId block(schema.table(kHome).columns.size() - 2);
  schema.table(kHome).relations = {{"block", kBlock, false, RelationId(1), block},
                                   {"host", kBlock, false, RelationId(2), host}};

  for (const char* name : {"temperature.quality", "power.quality"})
    schema.add_column(kHome, {name, Type::enumeration_of(EnumId(2)), {}, Storage::code});

  const Type temperature = Type::point_of(kTemperature);
  schema.feeds = {{"weather", "temperature", temperature, unit_of("degC"), true},
                  {"weather", "ghi", Type::number(Dimension{{0, 1, -3}}), unit_of("W/m2"), true},
                  {"weather", "wind", Type::number(Dimension{{1, 0, -1}}), unit_of("m/s"), false}};
  return schema;
}

Scopes rules(const Schema& schema) {
  auto result = scopes(schema);
  result.of_table[kHome.index()].hints["air"] = "a rule sees what is reported: write temperature";
  return result;
}

Scopes controller(const Schema& schema) {
  auto result = scopes(schema);
  result.windows_allowed = false;
  result.controller_functions = true;
  result.step = seconds(1);
  result.of_table[kHome.index()].names.erase("block");
  result.of_table[kHome.index()].hints["block"] = "a controller sees only its own device";
  Symbol hidden;
  hidden.type = Type::number(kPower);
  hidden.note = "a controller sees its telemetry, not true state: write power";
  result.of_table[kHome.index()].names["electric"] = hidden;
  return result;
}

Scopes physics(const Schema& schema) {
  auto result = scopes(schema);
  result.windows_allowed = false;
  Symbol density;
  density.is = Symbol::Is::constant;
  density.type = Type::number(kPressure);
  density.value = 2e5;
  result.of_table[kHome.index()].names["p0"] = density;
  return result;
}

Scopes requirements(const Schema& schema) {
  auto result = scopes(schema);
  result.truth_allowed = true;
  return result;
}

std::string Checked::first() const {
  return diagnostics.empty() ? "" : diagnostics[0].message + " | " + diagnostics[0].hint;
}

Checked check(std::string_view text, const Schema& schema, const Scopes& scopes, Graph& graph, TableId table,
              const Wanted& wanted) {
  Checked checked;
  const auto source = std::make_shared<Source>(Source{"rules.yaml", std::string(text)});
  Checker checker(units(), schema, graph, checked.diagnostics);
  checked.node = checker.check({source, 0, static_cast<uint32_t>(text.size())}, scopes, table, wanted);
  return checked;
}

}  // namespace looptwin::lang::sample

// Any text is either a node of the graph or an error within the text, in every kind of place. The first byte
// chooses the place: rules, a controller, physics, requirements; of a home, a block or the grid; with a
// wanted type or without.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "sample_schema.h"

using namespace looptwin;
using namespace looptwin::lang;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 1 << 14) return 0;
  static const Schema kSchema = sample::schema();
  static const Scopes kPlaces[] = {sample::rules(kSchema), sample::controller(kSchema),
                                   sample::physics(kSchema), sample::requirements(kSchema)};
  static const Type kTypes[] = {Type::boolean(), Type::number(Dimension{{2, 1, -3}}),
                                Type::point_of(kTemperature), Type::enumeration_of(EnumId(0))};
  const unsigned how = data[0];
  Wanted wanted;
  if (how & 0x10) wanted.type = kTypes[(how >> 5) & 3];
  if (how & 0x80) wanted.bare = Unit{"kW", kTypes[1], 1000, 0};
  const auto table = (how >> 2) & 3 ? TableId(((how >> 2) & 3) - 1) : sample::kHome;
  Graph graph;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto checked = sample::check(text, kSchema, kPlaces[how & 3], graph, table, wanted);
  LT_CHECK(checked.node.valid() != has_errors(checked.diagnostics));
  for (const auto& diagnostic : checked.diagnostics) {
    LT_CHECK(diagnostic.span.begin <= diagnostic.span.end && diagnostic.span.end <= text.size());
    LT_CHECK(!render(diagnostic).empty());
  }
  if (!checked.node.valid()) return 0;
  const Node& node = graph[checked.node];
  LT_CHECK(!node.table.valid() || node.table == table, name_of(node.op));
  if (wanted.type)
    LT_CHECK(node.type.kind == wanted.type->kind && node.type.dimension == wanted.type->dimension);
  return 0;
}

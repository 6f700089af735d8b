// Any bytes are either a tree or an error within the text: of an expression, a unit, a quantity, a duration.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "lang/parser.h"
#include "sample_schema.h"

using namespace looptwin;
using namespace looptwin::lang;

namespace {

void check_errors(const Diagnostics& diagnostics, const Span& span) {
  LT_CHECK(!diagnostics.empty());
  for (const auto& diagnostic : diagnostics) {
    LT_CHECK(diagnostic.span.begin >= span.begin && diagnostic.span.end <= span.end);
    LT_CHECK(diagnostic.span.begin <= diagnostic.span.end);
    LT_CHECK(!diagnostic.message.empty() && !render(diagnostic).empty());
  }
}

void check_tree(const Ast& ast, const Span& span) {
  LT_CHECK(ast.begin >= span.begin && ast.begin < ast.end && ast.end <= span.end);
  for (const auto& argument : ast.args) check_tree(*argument.value, span);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1 << 17) return 0;
  // The expression stands within a file: what lies around it must not be read.
  const std::string around = "x: ";
  const auto source = std::make_shared<Source>(
      Source{"fuzz", around + std::string(reinterpret_cast<const char*>(data), size) + " kW)\""});
  const Span span{source, static_cast<uint32_t>(around.size()), static_cast<uint32_t>(around.size() + size)};
  const auto& units = sample::units();
  if (const auto tree = parse(span, units)) {
    check_tree(**tree, span);
  } else {
    check_errors(tree.error(), span);
  }
  if (const auto unit = units.unit(span); !unit) check_errors(unit.error(), span);
  if (const auto quantity = units.quantity(span); !quantity) check_errors(quantity.error(), span);
  if (const auto duration = units.duration(span); !duration) check_errors(duration.error(), span);
  return 0;
}

// Random expressions: accepted with the type that was wished for, and folded to what they mean.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <cmath>

#include "checker_bench.h"
#include "naive.h"
#include "random_expression.h"

namespace looptwin::lang {
namespace {

constexpr Dimension kPower{{2, 1, -3}};

}  // namespace

TEST_CASE("checker: random well-typed expressions are accepted, and are what they were wished to be") {
  Bench b;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    sample::RandomExpression random(seed, {.state = seed % 2 == 0});
    const auto wish = static_cast<sample::Wish>(random.below(6));
    const auto text = random.text(wish);
    const auto checked = sample::check(text, b.schema, b.rules, b.graph);
    INFO(seed << ": " << text << "\n" << render(checked.diagnostics));
    REQUIRE(checked.node.valid());
    REQUIRE(checked.diagnostics.empty());
    const Type types[] = {
        Type::number(kPower), Type::point_of(kTemperature),   Type::number(kTemperature), Type::number(),
        Type::boolean(),      Type::enumeration_of(EnumId(0))};
    REQUIRE(b.graph[checked.node].type == types[static_cast<int>(wish)]);
  }
}

TEST_CASE("checker: an expression of constants folds to what it means for a row with these values") {
  struct Named {
    std::string_view name, literal;
  };
  static constexpr Named kValues[] = {{"power", "(1.75 kW)"},    {"temperature", "(24 degC)"},
                                      {"cool", "(21.5 degC)"},   {"attic", "(80 degF)"},
                                      {"efficiency", "(0.875)"}, {"soc", "(40 %)"},
                                      {"online", "(1 < 2)"},     {"fan", "(2 < 1)"}};
  Bench b;
  // A home with these values, and the same expression with the values in place of the names.
  World world;
  world.columns.resize(3);
  for (auto& table : world.columns) table.resize(40, {std::nan("")});
  for (const auto& value : kValues) {
    const auto& symbol = b.rules.of_table[sample::kHome.index()].names.at(std::string(value.name));
    world.columns[sample::kHome.index()][symbol.column.index()][0] = b.constant(value.literal);
  }
  int compared = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    sample::RandomExpression random(seed, {.relations = false, .sets = false, .feeds = false});
    const auto text = random.text(static_cast<sample::Wish>(random.below(5)));
    if (text.find("mode") != text.npos || text.find("program") != text.npos) continue;
    std::string constant;
    for (size_t at = 0; at < text.size();) {
      size_t length = 0;
      while (at + length < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[at + length])) || text[at + length] == '_'))
        ++length;
      const auto word = std::string_view(text).substr(at, std::max<size_t>(length, 1));
      const auto* named = std::find_if(std::begin(kValues), std::end(kValues),
                                       [&](const Named& n) { return n.name == word; });
      constant += named == std::end(kValues) ? word : named->literal;
      at += word.size();
    }
    const auto general = sample::check(text, b.schema, b.rules, b.graph);
    const auto folded = sample::check(constant, b.schema, b.rules, b.graph);
    INFO(seed << ": " << text << "\n" << constant << "\n" << render(folded.diagnostics));
    if (!folded.node.valid() && folded.diagnostics[0].message.find("divides by zero") != std::string::npos)
      continue;
    if (!folded.node.valid() && folded.diagnostics[0].message.find("by zero") != std::string::npos) continue;
    REQUIRE(folded.node.valid());
    REQUIRE(b.graph[folded.node].op == Op::constant);
    const double meant = Naive(b.schema, b.graph, {&world, 1}).value(general.node, 0);
    const double got = b.graph[folded.node].number[0];
    REQUIRE((meant == got || (std::isnan(meant) && std::isnan(got))));
    ++compared;
  }
  CHECK(compared > 1500);
}

}  // namespace looptwin::lang

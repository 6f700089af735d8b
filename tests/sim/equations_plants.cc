#include "equations_plants.h"

#include <catch2/catch.hpp>

namespace looptwin::sim::test {

Span span_of(const std::string& text) {
  return {std::make_shared<const Source>(Source{"equations", text}), 0, static_cast<uint32_t>(text.size())};
}

std::vector<Named> lines(const Lines& texts) {
  std::vector<Named> out;
  for (const auto& [name, text] : texts) out.push_back({name, span_of(name), span_of(text)});
  return out;
}

EquationEventConfig event(const std::string& name, const std::string& when, const Lines& reset) {
  return {name, span_of(name), span_of(when), lines(reset)};
}

EquationElementConfig element(const std::string& name, const Lines& given) {
  EquationElementConfig made{name, span_of(name), {}};
  for (const auto& [quantity, text] : given)
    made.given.push_back({quantity, span_of(quantity), span_of(text), text});
  return made;
}

EquationKindConfig kind(const std::string& name, const Lines& parameters, const Lines& states,
                        const Lines& rates) {
  EquationKindConfig made;
  made.name = name;
  made.span = span_of(name);
  made.each.push_back({"", made.span, {}});
  made.parameters = lines(parameters);
  made.states = lines(states);
  made.rates = lines(rates);
  return made;
}

std::unique_ptr<EquationPlant> make_plant(std::vector<EquationKindConfig> kinds, EquationMethod method,
                                          Duration step, double relative) {
  EquationsConfig config;
  config.span = span_of("equations");
  config.method = method;
  config.step = step;
  config.relative_tolerance = relative;
  config.kinds = std::move(kinds);
  const lang::Units units;
  auto system = check_equations(config, units);
  INFO((system ? std::string() : render(system.error())));
  REQUIRE(system.has_value());
  auto plant = EquationPlant::make(*system);
  INFO((plant ? std::string() : render(plant.error())));
  REQUIRE(plant.has_value());
  return std::move(*plant);
}

double value(EquationPlant& plant, const std::string& port) {
  const auto found = find_port(plant, port);
  REQUIRE(found.has_value());
  return plant.values()[*found];
}

}  // namespace looptwin::sim::test

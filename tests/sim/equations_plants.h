// Plants of equations for tests, as a scenario would describe them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/plants/equations_check.h"
#include "sim/plants/equations_plant.h"

namespace looptwin::sim::test {

using Lines = std::vector<std::pair<std::string, std::string>>;

Span span_of(const std::string& text);
std::vector<Named> lines(const Lines& texts);
EquationEventConfig event(const std::string& name, const std::string& when, const Lines& reset);
/// An element with its own values.
EquationElementConfig element(const std::string& name, const Lines& given = {});

/// One kind with one element, called as it is.
EquationKindConfig kind(const std::string& name, const Lines& parameters, const Lines& states,
                        const Lines& rates);

std::unique_ptr<EquationPlant> make_plant(std::vector<EquationKindConfig> kinds, EquationMethod method,
                                          Duration step, double relative = 1e-8);
double value(EquationPlant& plant, const std::string& port);

}  // namespace looptwin::sim::test

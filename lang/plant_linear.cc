#include "lang/plant_linear.h"

namespace looptwin::lang {
namespace {

void group(Algebra& algebra, std::vector<LinearInput>& inputs, NodeId term,
           const std::vector<NodeId>& coefficients) {
  std::vector<NodeId> negated;
  for (const NodeId k : coefficients) negated.push_back(algebra.negate(k));
  for (LinearInput& input : inputs) {
    if (input.coefficients == coefficients) {
      input.value = algebra.add(input.value, term);
      return;
    }
    if (input.coefficients == negated) {
      input.value = algebra.subtract(input.value, term);
      return;
    }
  }
  inputs.push_back({coefficients, term});
}

}  // namespace

std::optional<LinearSystem> linear_system(Algebra& algebra, std::span<const NodeId> rates,
                                          const PlantNodes& nodes, std::optional<Obstacle>& obstacle) {
  const size_t n = rates.size();
  const NodeId zero = algebra.constant(0);
  LinearSystem system{std::vector(n, std::vector(n, zero)), {}};
  std::vector<LinearForm::Term> order;  // distinct terms that are not states
  std::vector<std::vector<NodeId>> coefficients;
  const auto coefficient = [&](NodeId term, size_t state) -> NodeId& {
    size_t k = 0;
    while (k < order.size() && order[k].term != term) ++k;
    if (k == order.size()) {
      order.push_back({term, zero});
      coefficients.emplace_back(n, zero);
    }
    return coefficients[k][state];
  };
  const NodeId one = algebra.constant(1);
  for (size_t i = 0; i < n; ++i) {
    const LinearForm form = linear_form(algebra, rates[i], nodes.is_constant);
    for (const LinearForm::Term& t : form.terms) {
      if (const auto j = nodes.state_of(t.term)) {
        system.a[i][*j] = algebra.add(system.a[i][*j], t.coefficient);
      } else if (nodes.depends_on_state(t.term)) {
        obstacle = Obstacle{i, t.term};
        return std::nullopt;
      } else {
        coefficient(t.term, i) = t.coefficient;
      }
    }
    if (!algebra.is_constant(form.constant, 0)) coefficient(one, i) = form.constant;
  }
  for (size_t k = 0; k < order.size(); ++k) group(algebra, system.inputs, order[k].term, coefficients[k]);
  return system;
}

}  // namespace looptwin::lang

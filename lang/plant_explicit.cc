#include "lang/plant_explicit.h"

#include "base/check.h"

namespace looptwin::lang {
namespace {

/// How much of each stage goes in, as parts of the step.
using Parts = std::vector<double>;

class ExplicitStep {
 public:
  ExplicitStep(Graph& graph, std::span<const NodeId> states, std::span<const NodeId> rates, double length,
               NodeId variable)
      : graph_(graph), algebra_(graph), states_(states), length_(length), variable_(variable) {
    k_.emplace_back(rates.begin(), rates.end());
  }

  /// kᵢ = f(x + h·Σaᵢⱼkⱼ), x⁺ = x + h·Σbᵢkᵢ.
  std::vector<NodeId> tableau(const std::vector<Parts>& stages, const Parts& weights) {
    for (const Parts& parts : stages) add_stage(parts);
    std::vector<NodeId> next;
    for (size_t i = 0; i < states_.size(); ++i) next.push_back(moved(i, weights));
    return next;
  }

  /// k₁ = f(x), k₂ = f(x + h/2·k₁), k₃ = f(x + h/2·k₂), k₄ = f(x + h·k₃), x⁺ = x + h/6·(k₁ + 2k₂ + 2k₃ + k₄).
  std::vector<NodeId> runge_kutta4() {
    for (const Parts& parts : {Parts{0.5}, Parts{0, 0.5}, Parts{0, 0, 1}}) add_stage(parts);
    const NodeId two = algebra_.constant(2);
    const NodeId sixth = variable_.valid() ? scaled(1. / 6) : algebra_.constant(length_ / 6);
    std::vector<NodeId> next;
    for (size_t i = 0; i < states_.size(); ++i) {
      NodeId sum = algebra_.add(k_[0][i], algebra_.multiply(two, k_[1][i]));
      sum = algebra_.add(sum, algebra_.multiply(two, k_[2][i]));
      sum = algebra_.add(sum, k_[3][i]);
      next.push_back(algebra_.add(states_[i], algebra_.multiply(sixth, sum)));
    }
    return next;
  }

 private:
  NodeId scaled(double part) {
    if (!variable_.valid()) return algebra_.constant(part * length_);
    return algebra_.multiply(algebra_.constant(part), variable_);
  }

  NodeId moved(size_t i, const Parts& parts) {
    NodeId sum = states_[i];
    for (size_t j = 0; j < parts.size(); ++j)
      if (parts[j] != 0) sum = algebra_.add(sum, algebra_.multiply(scaled(parts[j]), k_[j][i]));
    return sum;
  }

  void add_stage(const Parts& parts) {
    Replacement there(graph_);
    for (size_t i = 0; i < states_.size(); ++i) there.set(states_[i], moved(i, parts));
    std::vector<NodeId> rates;
    for (const NodeId rate : k_[0]) rates.push_back(there(rate));
    k_.push_back(std::move(rates));
  }

  Graph& graph_;
  Algebra algebra_;
  const std::span<const NodeId> states_;
  const double length_;
  const NodeId variable_;
  std::vector<std::vector<NodeId>> k_;
};

}  // namespace

std::vector<NodeId> explicit_step(Graph& graph, Integrator integrator, std::span<const NodeId> states,
                                  std::span<const NodeId> rates, double length, NodeId variable) {
  ExplicitStep step(graph, states, rates, length, variable);
  switch (integrator) {
    case Integrator::runge_kutta4:
      return step.runge_kutta4();
    case Integrator::euler:
      return step.tableau({}, {1});
    case Integrator::dormand_prince5:
      return step.tableau({{1. / 5},
                           {3. / 40, 9. / 40},
                           {44. / 45, -56. / 15, 32. / 9},
                           {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
                           {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656}},
                          {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84});
    case Integrator::exact:
      break;
  }
  LT_CHECK(false, "the exact step is no explicit one");
}

}  // namespace looptwin::lang

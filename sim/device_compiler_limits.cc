// Compiling a device model: the limits of its states.
#include <fmt/format.h>
#include <algorithm>

#include "lang/linear.h"
#include "sim/device_compiler.h"

namespace looptwin::sim {

lang::NodeId DeviceCompiler::limit(const Span& text, size_t state) {
  return check(text, parameters_, schema_.column(table_, states_[state].column).type);
}

/// A device whose state would begin outside begins at the limit; where that is so of all devices it is an
/// error.
void DeviceCompiler::add_limits() {
  limits_.resize(states_.size());
  if (!config_.physics) return;
  const auto constant = [&](lang::NodeId id) -> std::optional<double> {
    if (!id.valid() || graph_[id].op != lang::Op::constant) return std::nullopt;
    return graph_[id].number[0];
  };
  lang::Algebra algebra(graph_);
  for (const auto& config : config_.physics->limits) {
    const auto found =
        std::find_if(states_.begin(), states_.end(), [&](const Line& s) { return s.name == config.name; });
    if (found == states_.end()) {
      const auto& states = config_.physics->states;
      if (std::none_of(states.begin(), states.end(), [&](const auto& s) { return s.name == config.name; }))
        error(config.span, fmt::format("there is no state '{}' to limit", config.name),
              "declare it under states, with its initial value");
      continue;
    }
    const auto s = static_cast<size_t>(found - states_.begin());
    auto& [low, high] = limits_[s];
    if (!config.low && !config.high)
      error(config.span, fmt::format("the limits of '{}' are none", config.name),
            "write low:, high:, or both");
    if (config.low) low = limit(*config.low, s);
    if (config.high) high = limit(*config.high, s);
    const auto start = constant(initial_[s]), least = constant(low), most = constant(high);
    if (least && most && !(*least < *most)) {
      error(config.span, fmt::format("the low limit of '{}' is not below its high one", config.name),
            "write the lower one at low:");
    } else if (start && ((least && *start < *least) || (most && *start > *most))) {
      error(config.span, fmt::format("'{}' begins outside its limits", config.name),
            "write a value at its start within them");
    }
    initial_[s] = algebra.clipped(initial_[s], low, high);
  }
}

}  // namespace looptwin::sim

// requirements: what must hold in a run.
#include "testbed/reading/sections.h"

namespace looptwin::testbed {

const Section<RequirementConfig>& requirement_section() {
  using T = RequirementConfig;
  using U = UnknownCounts;
  static const Section<T> kSection =
      Section<T>(
          "a requirement", "requirements",
          {required<T>("name", text(), &T::name, "what is required, in words"),
           optional<T>("each", name(), &T::each, "one for all", "a model: of each of its devices"),
           optional<T>("where", expression(), &T::where, "all",
                       "a condition on parameters: of those devices only"),
           optional<T>("always", expression(), &T::always, "",
                       "a formula that holds at every instant of the run. One of always, holds, eventually"),
           optional<T>("holds", expression(), &T::holds, "",
                       "a formula that holds at the run's first instant, of what follows"),
           optional<T>("eventually", expression(), &T::eventually, "",
                       "a formula that holds at one instant of the run at least"),
           optional<T>(
               "unknown",
               word<U>({{"unknown", U::as_unknown}, {"holds", U::as_holding}, {"violates", U::as_violating}}),
               &T::unknown, "unknown",
               "what an atom counts as whose value is stale, bad or was never received"),
           optional<T>("min_good", share(), &T::min_good, "100 %",
                       "of the members that aggregates over sets need"),
           optional<T>("every", period(), &T::every, "the cycle",
                       "how often it is looked at: at the first boundary after each multiple")})
          .with_mistaken({{"never", "write always: with the opposite, as always: !(x > 3 kW)"},
                          {"within", "it belongs into the formula: eventually(x, within=10 s)"},
                          {"expect", "that is of tests; a requirement is a formula: write always:"},
                          {"formula", "write always:, holds: or eventually: with the formula"}});
  return kSection;
}

}  // namespace looptwin::testbed

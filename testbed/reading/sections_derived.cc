// derived: quantities that the loop computes from what is reported.
#include "testbed/reading/sections.h"

namespace looptwin::testbed {
namespace {

Key<mml::DerivedConfig> with_span(Key<mml::DerivedConfig> key) {
  key.read = [read = key.read](Reader& reader, const yaml::Entry& entry, mml::DerivedConfig& derived) {
    read(reader, entry, derived);
    derived.publish_span = entry.value.span;
  };
  return key;
}

}  // namespace

const Section<mml::DerivedConfig>& derived_section() {
  using T = mml::DerivedConfig;
  static const Section<T> kSection(
      "a derived value", "derived",
      {optional<T>("each", name(), &T::each, "one for all", "a model: one on each of its devices"),
       required<T>("value", expression(), &T::value,
                   "what it is, of telemetry, sets, feeds and other derived values"),
       optional<T>("unit", unit(), &T::unit, "", "of a number; `1` for a ratio. One of unit and boolean"),
       optional<T>("boolean", boolean(), &T::boolean, "false", "`true` for a value that is true or false"),
       optional<T>("min_good", share(), &T::min_good, "100 %",
                   "of the members that aggregates over sets need"),
       optional<T>("every", period(), &T::every, "never", "how often it is kept in the run folder"),
       with_span(
           optional<T>("publish", name(), &T::publish, "none",
                       "an outbound feed that it goes to as often; one that is not declared goes to the "
                       "run's folder"))});
  return kSection;
}

}  // namespace looptwin::testbed

// alarms: what a person must act on, and why.
#include "testbed/reading/sections.h"

namespace looptwin::testbed {
namespace {

Value<mml::AlarmPriority> priority() {
  using P = mml::AlarmPriority;
  return word<P>({{"low", P::low}, {"medium", P::medium}, {"high", P::high}, {"urgent", P::urgent}});
}

const Section<mml::FloodConfig>& flood_section() {
  using T = mml::FloodConfig;
  constexpr uint64_t kMost = 1'000'000;
  static const Section<T> kSection("'flood'", "flood",
                                   {required<T>("of", names(), &T::of, "names of other alarms, its members"),
                                    optional<T>("more_than", whole_number(1, kMost), &T::more_than, "10",
                                                "it is raised when more members than this were raised"),
                                    optional<T>("within", period(), &T::within, "10 min", "in this time"),
                                    optional<T>("ends_below", whole_number(1, kMost), &T::ends_below, "5",
                                                "it ends when fewer were, in the same time")});
  return kSection;
}

/// What ISA-18.2 wants to know of each alarm before it may disturb anybody.
void add_reasons(std::vector<Key<mml::AlarmConfig>>& keys) {
  using T = mml::AlarmConfig;
  keys.push_back(optional<T>("priority", priority(), &T::priority, "medium", "how soon somebody must act"));
  keys.push_back(required<T>("cause", prose(), &T::cause, "why it comes, for the operator"));
  keys.push_back(required<T>("consequence", prose(), &T::consequence, "what follows if nobody acts"));
  keys.push_back(required<T>("action", prose(), &T::action,
                             "what the operator does; where there is nothing to do, write an event instead"));
  keys.push_back(required<T>("respond_within", period(), &T::respond_within,
                             "how long he has; an alarm that nobody has acknowledged by then is late"));
}

void add_answers(std::vector<Key<mml::AlarmConfig>>& keys) {
  using T = mml::AlarmConfig;
  keys.push_back(
      optional<T>("escalate_to", priority(), &T::escalate_to, "stays", "its priority once it is late"));
  keys.push_back(optional<T>("realarm", period(), &T::realarm, "never",
                             "shown anew, to be acknowledged again, each time it has stood so long"));
  keys.push_back(optional<T>("latched", boolean(), &T::latched, "false",
                             "`true`: when its condition is over it waits for a person's reset"));
  keys.push_back(optional<T>("confirm", boolean(), &T::confirm, "false",
                             "`true`: acknowledged, it waits for a confirmation that something was done"));
  keys.push_back(optional<T>("longest_shelving", period(), &T::longest_shelving, "8 h",
                             "for how long a person may shelve it"));
  keys.push_back(optional<T>("role", name(), &T::role, "everybody",
                             "who may shelve, suppress, reset it and take it out of service"));
  keys.push_back(optional<T>("suppressed_while", expression(), &T::suppressed_while, "never",
                             "suppressed by design while this holds; unknown does not hold"));
}

}  // namespace

const Section<mml::AlarmConfig>& alarm_section() {
  using T = mml::AlarmConfig;
  const auto keys = [] {
    auto keys = alarm_condition_keys();
    const std::vector<Key<T>> about = {
        optional<T>("of", name(), &T::of, "its own condition",
                    "the event that it is about; then it has no condition of its own"),
        section<T>("flood", flood_section(), &T::flood,
                   "that it stands for many others; then it has no condition either")};
    keys.insert(keys.begin(), about.begin(), about.end());
    add_reasons(keys);
    add_answers(keys);
    return keys;
  };
  static const Section<T> kSection =
      Section<T>("an alarm", "alarms", keys())
          .with_mistaken({{"latch", "write latched: true"},
                          {"reset",
                           "a person resets a latched alarm; what a condition resets is an event: write "
                           "reset: there, and of: here"},
                          {"bypassed_while",
                           "an alarm is suppressed_while; what keeps from tripping is written "
                           "at an event, with of: here"},
                          {"suppress_if", "write suppressed_while: with a condition"},
                          {"severity", "write priority:"},
                          {"delay", "write on_delay:"}});
  return kSection;
}

}  // namespace looptwin::testbed

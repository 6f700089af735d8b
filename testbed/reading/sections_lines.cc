// plants: production_line, sources, buffers and stations of machines.
#include "testbed/reading/sections_plants.h"

namespace looptwin::testbed {
namespace {

using sim::LineBufferConfig;
using sim::LineConfig;
using sim::LineInspectionConfig;
using sim::LineSourceConfig;
using sim::LineStationConfig;

const Section<Repeated<LineBufferConfig>>& buffer_section() {
  using T = Repeated<LineBufferConfig>;
  static const Section<T> kSection(
      "a buffer", "buffers",
      {repeated<LineBufferConfig>(),
       optional<T>("capacity", whole_number(0, 1'000'000'000), &T::capacity, "no limit",
                   "parts at most; 0: handed over to a machine that waits"),
       optional<T>("travel", duration(), &T::travel, "0 s",
                   "of a conveyor: what enters can be taken only after it")});
  return kSection;
}

const Section<Repeated<LineSourceConfig>>& source_section() {
  using T = Repeated<LineSourceConfig>;
  static const Section<T> kSection(
      "a source", "sources",
      {repeated<LineSourceConfig>(), required<T>("to", text(), &T::to, "the buffer that it fills"),
       required<T>("every", time_distribution(), &T::every, "from one part to the next"),
       optional<T>("when_full", word<bool>({{"waits", false}, {"loses", true}}), &T::loses, "waits",
                   "what becomes of a part that finds its buffer full")});
  return kSection;
}

const Section<LineInspectionConfig>& inspection_section() {
  using T = LineInspectionConfig;
  static const Section<T> kSection(
      "'inspects'", "inspects",
      {optional<T>("false_reject", share(), &T::false_reject, "0 %", "of good parts"),
       optional<T>("false_accept", share(), &T::false_accept, "0 %", "of defective parts"),
       optional<T>("rejects_to", text(), &T::rejects_to, "scrap",
                   "a buffer, for parts to be worked on again")});
  return kSection;
}

const Section<Repeated<LineStationConfig>>& station_section() {
  using T = Repeated<LineStationConfig>;
  using Blocking = sim::LineBlocking;
  static const Section<T> kSection(
      "a station", "stations",
      {repeated<LineStationConfig>(),
       optional<T>("from", text(), &T::from, "parts never lack", "the buffer that it takes from"),
       optional<T>("to", text(), &T::to, "out of the line", "the buffer that it gives to"),
       optional<T>("machines", how_many(), &T::machines, "1", "that work side by side"),
       required<T>("takes", time_distribution(), &T::takes, "work on one part"),
       optional<T>("blocking",
                   word<Blocking>({{"after_service", Blocking::after_service},
                                   {"before_service", Blocking::before_service}}),
                   &T::blocking, "after_service",
                   "`before_service`: it begins a part only when there is a place for it behind"),
       optional<T>("fails", share(), &T::fails, "0 %", "chance of each part to begin with a failure; or"),
       optional<T>("fails_every", time_distribution(), &T::fails_every, "never",
                   "work from one failure to the next"),
       optional<T>("repair", time_distribution(), &T::repair, "none", "how long a failure lasts"),
       optional<T>("spoils", share(), &T::spoils, "0 %", "of the parts, which become defective"),
       section_into<T>("inspects", inspection_section(), "parts that are done",
                       [](T& out, LineInspectionConfig eye) { out.inspects = std::move(eye); })});
  return kSection;
}

}  // namespace

const Section<LineConfig>& line_section() {
  using T = LineConfig;
  static const Section<T> kSection(
      "a production line", "production_line",
      {elements<T, LineBufferConfig>("buffers", buffer_section(), &T::buffers, {}, "where parts wait"),
       elements<T, LineSourceConfig>("sources", source_section(), &T::sources, {&LineSourceConfig::to},
                                     "where parts come from"),
       elements<T, LineStationConfig>("stations", station_section(), &T::stations,
                                      {&LineStationConfig::from, &LineStationConfig::to},
                                      "machines that work on parts")});
  return kSection;
}

}  // namespace looptwin::testbed

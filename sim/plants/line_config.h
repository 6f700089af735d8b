// What a production line is made of: plain values in SI units, names for identities. ProductionLine::make
// checks them and builds the plant. docs/plants/production-line.md has the semantics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/distribution.h"
#include "base/result.h"
#include "base/time.h"

namespace looptwin::sim {

/// A place where parts wait, first in first out.
struct LineBufferConfig {
  std::string name;
  std::optional<uint64_t> capacity;  ///< parts; none: as many as come; 0: handed over only
  Duration travel{};                 ///< of a conveyor: what entered can be taken only after it
  Span span{};
};

/// Where parts come from.
struct LineSourceConfig {
  std::string name, to;
  std::optional<Distribution> every;  ///< s, from one part to the next; needed
  bool loses = false;                 ///< what finds its buffer full is lost; else it waits
  Span span{};
};

enum class LineBlocking : uint8_t { after_service, before_service };

struct LineInspectionConfig {
  double false_reject = 0;  ///< share of good parts
  double false_accept = 0;  ///< share of defective parts
  std::string rejects_to;   ///< a buffer; empty: they are scrapped
};

/// One or more like machines that take from one buffer and give to another.
struct LineStationConfig {
  std::string name, from, to;         ///< an empty `to`: parts leave the line
  uint64_t machines = 1;              ///< side by side
  std::optional<Distribution> takes;  ///< s, work on one part; needed
  LineBlocking blocking = LineBlocking::after_service;
  double fails = 0;                         ///< chance of each part to begin with a failure
  std::optional<Distribution> fails_every;  ///< s of work from one failure to the next
  std::optional<Distribution> repair;       ///< s; needed where a machine fails
  double spoils = 0;                        ///< share of good parts that it makes defective
  std::optional<LineInspectionConfig> inspects;
  Span span{};
};

struct LineConfig {
  std::vector<LineBufferConfig> buffers;
  std::vector<LineSourceConfig> sources;
  std::vector<LineStationConfig> stations;
};

}  // namespace looptwin::sim

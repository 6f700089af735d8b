// What a test gives, compiled for a fleet: which course each field of each device takes, when devices are
// there, how they answer, what feeds say, and what a rig would notice of devices.
#pragma once

#include <vector>

#include "lang/schema.h"
#include "lang/units.h"
#include "testbed/testing/test_config.h"
#include "testbed/testing/written_series.h"
#include "twin/notice.h"
#include "twin/registry.h"

namespace looptwin::testbed {

struct Courses {
  struct Field {
    twin::DeviceRef device;
    uint16_t field = 0;  ///< into ModelConfig::telemetry
    size_t series = 0;
  };
  struct Presence {
    twin::DeviceRef device;
    size_t series = 0;  ///< 0 offline, 1 online, 2 online and diverging
  };
  struct Answer {
    twin::DeviceRef device;
    AnswerConfig::Is is;
    Duration after;
  };
  struct Feed {
    size_t signal = 0;  ///< into Schema::feeds
    size_t series = 0;
  };
  std::vector<WrittenSeries> series;
  std::vector<Field> fields;       ///< by device, then field; each once
  std::vector<Presence> presence;  ///< by device; each once
  std::vector<Answer> answers;     ///< by device; each once
  std::vector<Feed> feeds;
  std::vector<twin::Notice> notices;  ///< by time: of violations, and of devices that diverge
  Time end;                           ///< of the longest course
};

/// Of what is given for one device twice the later line counts. All problems at once.
Result<Courses> compile_courses(const TestConfig& test, const lang::Units& units, const lang::Schema& schema,
                                const twin::Registry& registry);

}  // namespace looptwin::testbed

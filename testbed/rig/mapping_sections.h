// How rig.yaml and the mappings that come with us say how devices speak.
#pragma once

#include "hil/mapping.h"
#include "testbed/reading/keys.h"

namespace looptwin::testbed {

/// A mapping and what else a rig says of the model's devices.
struct DeviceDraft {
  hil::Mapping mapping;
  std::string ready;  ///< the mapping that it begins with; empty: none
  Span ready_span;
  /// Periods that differ from the model's: its devices report when they please.
  struct Period {
    std::string field;
    Span span;
    std::optional<Duration> every, stale_after;
  };
  std::vector<Period> periods;
};

const Section<DeviceDraft>& device_section();
const Section<hil::SparkplugOptions>& sparkplug_section();

/// What cannot be as it stands: a convention that lacks what it needs.
void check_device(Reader& reader, const DeviceDraft& draft);

}  // namespace looptwin::testbed

#include "testbed/rig/pace_report.h"

#include <algorithm>

#include "base/json_tree.h"

namespace looptwin::testbed {

std::string pace_json(const hil::PacingCounters& pace, Duration wall, const Realtime& realtime) {
  OrderedJson json = {{"boundaries", pace.run},
                      {"late", pace.late},
                      {"skipped", pace.skipped},
                      {"worst_s", pace.worst.seconds()},
                      {"busy_share", wall.ns > 0 ? pace.busy.seconds() / wall.seconds() : 0},
                      {"realtime", realtime.asked && realtime.refused.empty()}};
  if (!realtime.refused.empty()) json["refused"] = realtime.refused;
  auto& histogram = json["late_by"] = OrderedJson::array();
  for (size_t k = 0; k < pace.histogram.size(); ++k) {
    if (pace.histogram[k] == 0) continue;
    OrderedJson bucket = {{"up_to_s", nullptr}, {"boundaries", pace.histogram[k]}};
    if (k + 1 < pace.histogram.size()) bucket["up_to_s"] = static_cast<double>(uint64_t{1} << k) / 1e6;
    histogram.push_back(std::move(bucket));
  }
  return dump_json(json, 2) + "\n";
}

}  // namespace looptwin::testbed

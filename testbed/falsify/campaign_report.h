// What falsification came to, for people and for programs.
#pragma once

#include <string>

#include "testbed/falsify/campaign.h"

namespace looptwin::testbed {

/// Of one requirement: what was found, and what is left of it.
std::string falsified_lines(const Campaign& campaign, const Falsified& result);
/// With repeats: the head of the table, and one requirement's row.
std::string repeats_head();
std::string repeats_row(const Falsified& result);
std::string campaign_summary(const Campaign& campaign);
std::string campaign_json(const Campaign& campaign);

/// The mean and the median number of runs of the searches that found something.
struct RunsToFind {
  size_t found = 0;
  double mean = 0, median = 0;
};
RunsToFind runs_to_find(const Falsified& result);

/// All that differs from the scenario where the requirement is violated.
std::vector<Setting> what_differs(const Campaign& campaign, const Falsified& result);

}  // namespace looptwin::testbed

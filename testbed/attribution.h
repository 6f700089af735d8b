// Who changes what is kept, at the command line; and how such changes are shown.
#pragma once

#include <string>
#include <vector>

#include "twin/author.h"
#include "twin/device_record.h"

namespace looptwin::testbed {

/// `by`, or where it is empty the user's name; now.
twin::Author author_of(const std::string& by);
/// A line for each change, below their heads.
std::string history_text(const std::vector<twin::DeviceChange>& changes);

}  // namespace looptwin::testbed

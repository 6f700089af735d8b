// What a run came to: the table at the end of `looptwin run`, and the same in its manifest, as JSON.
#pragma once

#include <string>

#include "base/time.h"
#include "mml/run_end.h"

namespace looptwin::testbed {

class Assembly;
class Driver;

/// `wall`: s that it took.
void print_summary(Assembly& assembly, const Driver& driver, mml::RunEnd end, double wall);
/// One row of it.
void print_row(const char* what, const std::string& text);
/// `reached`: the last boundary.
std::string status_json(Assembly& assembly, Time reached, mml::RunEnd end, double wall);

}  // namespace looptwin::testbed

// A scenario's inbound feeds, from their files or as they are written down: the signals that programs read,
// and their names in the schema, in one order.
#pragma once

#include <memory>

#include "base/result.h"
#include "lang/schema.h"
#include "lang/units.h"
#include "mml/feeds/feeds.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

Result<std::unique_ptr<mml::Feeds>> load_feeds(const Scenario& scenario, const lang::Units& units,
                                               lang::Schema& schema);

}  // namespace looptwin::testbed

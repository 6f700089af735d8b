// What to subscribe to for the devices of a model: a filter for each depth that their ids have.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "hil/topic_template.h"
#include "twin/registry.h"

namespace looptwin::hil {

/// Of a template that the model's mapping has; nothing where it has none.
void add_filters(const std::optional<TopicTemplate>& of, const twin::Registry& registry, TableId model,
                 std::set<std::string>& filters);

}  // namespace looptwin::hil

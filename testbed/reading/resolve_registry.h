// Fleets that are drawn from a registry's file (docs/registry.md): its devices become rows with their own
// parameters, relations, tags and links.
#pragma once

#include <filesystem>
#include <vector>

#include "testbed/reading/resolve.h"

namespace looptwin::testbed {

/// Reads the devices of a fleet entry with `registry:`. Each group of devices with the same link, tags and
/// right to connect becomes one entry of `fleet`, before which `entry`'s own assignments stand. Into `drawn`
/// goes a digest of all that was read: what a resumed run must find again.
void draw_fleet(Reader& reader, const std::filesystem::path& folder, const FleetDraft& entry,
                const ModelDraft& model, std::vector<twin::FleetConfig>& fleet,
                std::vector<SourcePtr>& drawn);

/// One value of a parameter: SI, or a code.
std::optional<double> parameter_value(Reader& reader, const yaml::Node& node,
                                      const twin::ParameterConfig& parameter);

}  // namespace looptwin::testbed

// manifest.json and tables/*.csv of a run folder: what the run declares about itself, readable by people.
// Written when the run begins ("running") and once more when it ends.
#pragma once

#include <string>
#include <string_view>

#include "twin/warm/disk.h"
#include "twin/warm/spec.h"

namespace looptwin::twin {

inline constexpr int kRunFormat = 1;

/// How the run's boundaries are cut into segments; chosen when the run begins, so that a resumed run cuts the
/// same.
struct SegmentPlan {
  Duration length;       ///< of time covered; a segment ends at a boundary
  Duration late_within;  ///< samples up to so late stay in a segment's cells, later ones go to its late table
  bool operator==(const SegmentPlan&) const = default;
};

struct Manifest {
  RunSpec spec;
  SegmentPlan plan;
  std::string status = R"({"state": "running"})";  ///< JSON; as given to finish()
  std::string fingerprint;                         ///< of the decisions; empty until the run's end
};

/// Changes whenever what the journal's bytes mean changes: the names, types, order and sizes of grids and
/// logs.
uint64_t layout_hash(const RunSpec& spec);

/// At the end of the name of a folder in which a run's is built, beside its place, to be renamed when it is
/// whole.
inline constexpr std::string_view kCreating = ".creating";

/// Replaces manifest.json atomically. `status` must be JSON.
Result<void> write_manifest(const fs::path& folder, const Manifest& manifest);
/// Devices and phases; written once.
Result<void> write_tables(const fs::path& folder, const RunSpec& spec);
/// Both, checked against each other. Where there is no run, or none yet, the error says which.
Result<Manifest> read_manifest(const fs::path& folder);

}  // namespace looptwin::twin

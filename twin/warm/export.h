// A whole run in one HDF5 file, with the layout of a segment: what a colleague is sent.
#pragma once

#include "twin/warm/run_reader.h"

namespace looptwin::twin {

/// The file must not exist; it is whole or not there. Samples that came late lie where they belong.
Result<void> export_single_file(RunReader& run, const fs::path& path);

}  // namespace looptwin::twin

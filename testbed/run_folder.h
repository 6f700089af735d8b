// What `run` and `hil` do alike around a run: where it is written, what is noted of it, and when it is to
// stop.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>

#include "testbed/snapshots.h"

namespace looptwin::testbed {

/// A folder for a run that names none: runs/NAME, or the first of runs/NAME-2, -3, … that is free. It is made
/// at once, empty, so that runs that begin together get different ones, and is removed again with the last
/// owner where nothing came into it.
using OwnRunFolder = std::shared_ptr<const std::filesystem::path>;
Result<OwnRunFolder> own_run_folder(const std::string& name);

/// What the run is of: where it is, and a copy where the run is to be replayed, or where it stands in no file
/// (resumable.scenario is empty).
Result<void> note_scenario(const Assembly& assembly, const std::filesystem::path& out, Resumable resumable);

/// Turns true at SIGINT or SIGTERM, once stop_on_signals() was called; a second one ends the program at once.
const std::atomic<bool>& stop_asked();
void stop_on_signals();
/// Asks for it as a signal would; from any thread.
void ask_to_stop();

}  // namespace looptwin::testbed

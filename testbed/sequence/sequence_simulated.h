// `looptwin run SCENARIO --sequence FILE`: a sequence of test steps in virtual time.
#pragma once

#include "testbed/run.h"
#include "testbed/sequence/sequence_request.h"

namespace looptwin::testbed {

/// Of a new run: what `run` says of resuming and forking is not asked for.
Exit run_sequence(const RunRequest& run, const SequenceRequest& sequence);

}  // namespace looptwin::testbed

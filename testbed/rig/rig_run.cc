#include "testbed/rig/rig_run.h"

#include "testbed/rig/rig_player.h"
#include "testbed/rig/rig_session.h"

namespace looptwin::testbed {

Exit run_rig(const HilRequest& request) {
  auto rig = load_rig(request.rig);
  if (!rig) return refuse(rig.error());
  if (!request.broker.empty()) rig->broker.broker = request.broker;
  if (request.play) return play_recording(*rig, *request.play, request);
  RigSession session(std::move(*rig), request);
  for (const auto stage :
       {&RigSession::prepare, &RigSession::connect, &RigSession::assemble, &RigSession::begin})
    if (auto done = (session.*stage)(); !done) {
      (void)refuse(done.error());
      return session.failed();
    }
  return session.run();
}

}  // namespace looptwin::testbed

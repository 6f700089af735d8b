#include "testbed/rig/rig_run.h"

#include <fmt/format.h>

#include "testbed/rig/rig_effects.h"
#include "testbed/rig/rig_player.h"
#include "testbed/rig/rig_session.h"
#include "testbed/run_folder.h"

namespace looptwin::testbed {

Exit run_rig(const HilRequest& asked) {
  HilRequest request = asked;
  auto rig = load_rig(request.rig);
  if (!rig) return refuse(rig.error());
  if (!request.broker.empty()) rig->broker.broker = request.broker;
  if (auto certified = check_certificates(*rig); !certified) return refuse(certified.error());
  if (rig->inventory.empty() && (request.reservation || !request.owner.empty()))
    return refuse(
        Diagnostics{{Severity::error,
                     {},
                     fmt::format("{} names no inventory whose devices could be reserved", rig->name),
                     "write inventory: FILE into its rig.yaml, or leave --reservation and --owner out"}});
  if (request.play) return play_recording(*rig, *request.play, request);
  OwnRunFolder own;
  if (!request.no_out && !request.out) {
    auto made = own_run_folder(rig->name);
    if (!made) return refuse(made.error());
    own = std::move(*made);
    request.out = *own;
  }
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

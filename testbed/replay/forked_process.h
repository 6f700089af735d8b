// A fork as a process of its own, to look at what happens beside a run that goes on: it shares all memory
// with the trunk, page by page, until one of the two writes. It has the state of the trunk's last boundary at
// once, and threads of its own; whoever wants to know what it came to must let it say so in text.
#pragma once

#include <functional>
#include <string>

#include "testbed/assembly.h"

namespace looptwin::testbed {

class ForkedProcess {
 public:
  /// Goes on with the run as it pleases: nothing that it does is seen by the trunk. Its standard output is
  /// the trunk's; no file of the trunk's may be written to.
  using Course = std::function<std::string(Assembly&)>;
  /// Begins between two cycles. Refused where a run folder is written, for that has a thread of its own.
  static Result<ForkedProcess> begin(Assembly& live, const Course& course, int threads = 1);

  ForkedProcess(ForkedProcess&& other) noexcept;
  ForkedProcess& operator=(ForkedProcess&&) = delete;
  /// A fork that nobody awaits is ended.
  ~ForkedProcess();

  /// What its course has returned, once it has.
  Result<std::string> result();

 private:
  ForkedProcess(int child, int pipe) : child_(child), pipe_(pipe) {}
  int end();

  int child_ = 0;  ///< 0: it has ended
  int pipe_ = -1;
};

}  // namespace looptwin::testbed

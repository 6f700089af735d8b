#include "testbed/terminal_line.h"

#include <unistd.h>

#include <cstdio>

namespace looptwin::testbed {

TerminalLine::TerminalLine(bool wanted) : on_(wanted && ::isatty(STDERR_FILENO) == 1) {}

TerminalLine::~TerminalLine() { clear(); }

void TerminalLine::draw(const std::string& text) {
  if (!on_) return;
  std::fputs(("\r\033[K" + text).c_str(), stderr);
  std::fflush(stderr);
  last_ = watch_.seconds();
  drawn_ = true;
}

void TerminalLine::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace looptwin::testbed

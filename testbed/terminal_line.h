// One line on a terminal that is rewritten a few times a second, and gone at the end; nothing where nobody
// looks.
#pragma once

#include <string>

#include "testbed/stopwatch.h"

namespace looptwin::testbed {

class TerminalLine {
 public:
  explicit TerminalLine(bool wanted);
  ~TerminalLine();
  TerminalLine(const TerminalLine&) = delete;
  TerminalLine& operator=(const TerminalLine&) = delete;

  /// It is time to draw again.
  bool due() const { return on_ && watch_.seconds() - last_ >= 0.25; }
  void draw(const std::string& text);
  void clear();
  double seconds() const { return watch_.seconds(); }  ///< since it was made

 private:
  bool on_;
  bool drawn_ = false;
  Stopwatch watch_;
  double last_ = 0;  ///< s, when it was drawn
};

}  // namespace looptwin::testbed

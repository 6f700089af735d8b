#include "testbed/one_line.h"

namespace looptwin::testbed {

std::string in_one_line(const Span& span) {
  std::string line;
  if (!span.source) return line;
  for (const char c : std::string_view(span.source->text).substr(span.begin, span.end - span.begin)) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (space && (line.empty() || line.back() == ' ')) continue;
    line += space ? ' ' : c;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace looptwin::testbed

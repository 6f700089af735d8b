#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace looptwin {

void check_failed(const char* file, int line, const char* condition, std::string_view values) {
  std::fprintf(stderr, "%s:%d: a bug in looptwin: %s does not hold%s%.*s\n", file, line, condition,
               values.empty() ? "" : ": ", static_cast<int>(values.size()), values.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace looptwin

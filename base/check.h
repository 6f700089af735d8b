// Checks for our own bugs. On in every build: a twin that goes on with broken invariants shuts down real
// pumps. What the world does wrong (files, networks, scenarios) is never a check: that is a Result
// (base/result.h).
#pragma once

#include <string_view>

namespace looptwin {

/// Prints file, line, the failed condition and the values given, then aborts. Never returns.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view values = {});

}  // namespace looptwin

/// LT_CHECK(condition) or LT_CHECK(condition, "text with the values that matter").
#define LT_CHECK(condition, ...)                                                           \
  do {                                                                                     \
    if (!(condition)) [[unlikely]]                                                         \
      ::looptwin::check_failed(__FILE__, __LINE__, #condition __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)

// Tokens to tree, by recursive descent; the grammar stands in docs/language.md. Stops at the first error:
// what follows a slip is seldom meant as it reads.
#pragma once

#include "base/result.h"
#include "lang/ast.h"

namespace looptwin::lang {

inline constexpr int kDeepestNesting = 100;    ///< brackets in brackets
inline constexpr int kDeepestTree = 500;       ///< operations that wait for each other, as in a long sum
inline constexpr size_t kLongestText = 65536;  ///< bytes of one expression

Result<AstPtr> parse(const Span& span, const Units& units);

}  // namespace looptwin::lang

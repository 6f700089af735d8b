// Small text helpers that messages and files share.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace looptwin {

/// The candidate with the smallest edit distance (transpositions count one), or empty when none is near
/// enough to be what was meant (more than a third of the letters differ). Ties go to the earlier candidate.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "did you mean 'x'?" or empty.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// The shortest decimal that reads back as the same double: "0.1", "23", "1e-09", "nan".
std::string shortest(double value);

/// "a, b, c". Where texts go into a message: fmt::join makes GCC 12 warn of an overflow that is not there.
std::string joined(std::span<const std::string> words, std::string_view separator = ", ");

/// Whether `text` matches a shell-like pattern: `*` any run without '/', `**` any run, `?` one character.
bool glob_match(std::string_view pattern, std::string_view text);

/// The offset of the first byte that is not UTF-8 (RFC 3629), or npos. A zero byte is none.
size_t first_not_utf8(std::string_view text);

/// 1234567 -> "1 234 567".
std::string grouped(long long value);

}  // namespace looptwin

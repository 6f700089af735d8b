// Commands that people are shown, to be pasted into a shell.
#pragma once

#include <string>

namespace looptwin::testbed {

/// As a shell takes it for one word: as it is, or in quotes.
std::string shell_word(std::string word);

}  // namespace looptwin::testbed

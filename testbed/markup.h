// Text in XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace looptwin::testbed {

/// With what means something there escaped; characters that may not stand there are left out.
std::string markup(std::string_view text);

}  // namespace looptwin::testbed

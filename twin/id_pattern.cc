#include "twin/id_pattern.h"

#include <charconv>
#include <cstdlib>

namespace looptwin::twin {

std::optional<IdNumber> id_number(std::string_view text) {
  if (!text.starts_with("{i") && !text.starts_with("{n")) return std::nullopt;
  const bool among_all = text[1] == 'n';
  const size_t end = text.find('}');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view number = text.substr(2, end - 2);
  if (number.empty()) return IdNumber{among_all, 0, end + 1};
  if (number.front() != '+' && number.front() != '-') return std::nullopt;
  if (number.front() == '+') number.remove_prefix(1);
  IdNumber out{among_all, 0, end + 1};
  const auto [last, bad] = std::from_chars(number.data(), number.data() + number.size(), out.offset);
  if (bad != std::errc{} || last != number.data() + number.size() || std::abs(out.offset) > 1'000'000)
    return std::nullopt;
  return out;
}

std::string expand_id(std::string_view pattern, const IdPlace& place) {
  const std::string per = "{" + std::string(place.per) + "}";
  std::string id;
  while (!pattern.empty()) {
    size_t length = 1;
    if (const auto number = id_number(pattern)) {
      id += std::to_string(static_cast<int64_t>(number->among_all ? place.n : place.i) + number->offset);
      length = number->length;
    } else if (!place.per.empty() && pattern.starts_with(per)) {
      id += place.parent;
      length = per.size();
    } else {
      id += pattern.front();
    }
    pattern.remove_prefix(length);
  }
  return id;
}

}  // namespace looptwin::twin

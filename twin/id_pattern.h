// Patterns of device ids in fleet entries: "block-{i}", "{block}/home-{i}", "seg-{n+1}"; and of tags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace looptwin::twin {

/// Before a pattern: it is one of tags, not of ids.
inline constexpr std::string_view kTagPattern = "tag:";

/// `{i}`, `{i+1}`, `{n-2}` … at the beginning of a text: i counts among the devices of a parent, n among all
/// of a fleet entry, both from 1.
struct IdNumber {
  bool among_all = false;  ///< n
  int64_t offset = 0;      ///< at most a million either way
  size_t length = 0;       ///< of the text
};
std::optional<IdNumber> id_number(std::string_view text);

/// What a pattern's placeholders stand for on one device.
struct IdPlace {
  uint64_t i = 1, n = 1;
  std::string_view per = {};     ///< the model of the parent; empty: none
  std::string_view parent = {};  ///< its id: what {<per>} stands for
};
std::string expand_id(std::string_view pattern, const IdPlace& place);

}  // namespace looptwin::twin

// What the kinds of plants share when they are read: elements that are written once and made many times.
#pragma once

#include <fmt/format.h>

#include "sim/plants/line_config.h"
#include "testbed/reading/sections.h"
#include "twin/id_pattern.h"

namespace looptwin::testbed {

/// Elements that are written once and made `count` times: name-1, name-2 …, with {i} in what they name.
template <typename Config>
struct Repeated : Config {
  std::optional<uint64_t> count;
};

inline Value<uint64_t> how_many() { return whole_number(1, 1'000'000); }

template <typename Config>
using Names = std::vector<std::string Config::*>;  ///< members that name other elements

template <typename Config>
void make_all(const Repeated<Config>& one, const Names<Config>& names, std::vector<Config>& out) {
  for (uint64_t i = 1; i <= one.count.value_or(1); ++i) {
    Config& made = out.emplace_back(one);
    if (!one.count) continue;
    made.name = fmt::format("{}-{}", one.name, i);
    for (const auto name : names) made.*name = twin::expand_id(one.*name, {.i = i, .n = i});
  }
}

template <typename Config>
Key<Repeated<Config>> repeated() {
  return optional<Repeated<Config>>("count", how_many(), &Repeated<Config>::count, "one, of the name itself",
                                    "how many: `name-1`, `name-2` …; `{i}` in what they name counts along");
}

/// A map of elements by name into a member of the plant's config.
template <typename Plant, typename Config>
Key<Plant> elements(const char* key, const Section<Repeated<Config>>& section,
                    std::vector<Config> Plant::*member, Names<Config> names, const char* about) {
  const SectionInfo owner{"a map of names", {}, {}, {}};
  return {{.name = key, .form = Form::named, .about = about, .section = &section},
          [owner, &section, member, names](Reader& reader, const yaml::Entry& entry, Plant& plant) {
            std::vector<Repeated<Config>> read;
            read_named(reader, owner, section, entry, read);
            for (const auto& one : read) make_all(one, names, plant.*member);
          }};
}

template <typename Plant>
Result<std::unique_ptr<sim::CoupledPlant>> as_plant(Result<std::unique_ptr<Plant>> made) {
  if (!made) return tl::make_unexpected(std::move(made.error()));
  return std::unique_ptr<sim::CoupledPlant>(std::move(*made));
}

const Section<sim::LineConfig>& line_section();
Key<sim::PlantConfig> equations_key();

}  // namespace looptwin::testbed

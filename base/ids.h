// Tagged indices: a row is not a column, and a model is not a device, even where both are small integers.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace looptwin {

template <typename Tag>
struct Id {
  uint32_t value = std::numeric_limits<uint32_t>::max();
  constexpr Id() = default;
  constexpr explicit Id(size_t v) : value(static_cast<uint32_t>(v)) {}
  constexpr bool valid() const { return value != std::numeric_limits<uint32_t>::max(); }
  constexpr size_t index() const { return value; }
  constexpr auto operator<=>(const Id&) const = default;
};

using TableId = Id<struct TableTag>;        ///< a table: a device model, the site, a shard's scratch
using ColumnId = Id<struct ColumnTag>;      ///< a column within its table
using RelationId = Id<struct RelationTag>;  ///< a relation, or its inverse, within its table
using EnumId = Id<struct EnumTag>;          ///< an enumeration of words
using FeedId = Id<struct FeedTag>;          ///< a feed's signal (weather.temperature)
using DeviceId = Id<struct DeviceTag>;  ///< a device in the registry, over all models; never reused in a run
using Row = Id<struct RowTag>;          ///< a row of a table

}  // namespace looptwin

template <typename Tag>
struct std::hash<looptwin::Id<Tag>> {
  size_t operator()(looptwin::Id<Tag> id) const noexcept { return std::hash<uint32_t>{}(id.value); }
};

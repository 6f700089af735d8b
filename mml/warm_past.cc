#include "mml/warm_past.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
/// How much further back the same wall-clock time can lie than whole days, where clocks were set forward.
constexpr Duration kClockChange = hours(3);

/// Writes a value where it is another than before; says whether it was.
bool replace(const WarmPast::Column& column, size_t row, double value) {
  switch (column.storage) {
    case lang::Storage::boolean:
    case lang::Storage::code: {
      const bool boolean = column.storage == lang::Storage::boolean;
      const uint8_t code = boolean          ? (value == 1   ? 1
                                               : value == 0 ? 0
                                                            : 2)
                           : value == value ? static_cast<uint8_t>(value)
                                            : uint8_t{255};
      uint8_t& cell = static_cast<uint8_t*>(column.data)[row];
      return std::exchange(cell, code) != code;
    }
    default: {
      double& cell = static_cast<double*>(column.data)[row];
      if (std::memcmp(&cell, &value, sizeof value) == 0) return false;
      cell = value;
      return true;
    }
  }
}

}  // namespace

WarmPast::WarmPast(const lang::WarmWindow& what, Duration cycle, UnixTime start, const Timezone& timezone,
                   size_t rows)
    : what_(what),
      step_(std::max(what.step, cycle)),
      cycle_(cycle),
      start_(start),
      timezone_(timezone),
      rows_(rows) {
  const Duration longest = what.span + (what.civil ? kClockChange : Duration{});
  number_.assign(static_cast<size_t>(longest / step_ + 2), kNoSlot);
  value_.assign(number_.size() * rows, kUnknown);
}

int64_t WarmPast::slot_at(UnixTime t) const { return floor_to(Time{t.ns}, step_).ns / step_.ns; }
int64_t WarmPast::start_slot() const { return slot_at(start_) + 1; }
int64_t WarmPast::first_slot() const { return start_slot() - static_cast<int64_t>(number_.size()); }

size_t WarmPast::index(int64_t slot) const {
  const auto places = static_cast<int64_t>(number_.size());
  return static_cast<size_t>((slot % places + places) % places);
}

std::vector<Time> WarmPast::known_from() const {
  std::vector<Time> from(rows_);
  std::vector<size_t> unknown(rows_);
  std::iota(unknown.begin(), unknown.end(), size_t{0});
  Time at = kStart + cycle_;
  for (int64_t slot; (slot = slot_at(before(start_ + (at - kStart)))) < start_slot(); at = at + step_) {
    if (!holds(slot)) continue;
    const double* kept = value_.data() + index(slot) * rows_;
    std::erase_if(unknown, [&](size_t row) {
      const bool known = kept[row] == kept[row];
      if (known) from[row] = at;
      return known;
    });
    if (unknown.empty()) break;
  }
  for (const size_t row : unknown) from[row] = at;
  return from;
}

UnixTime WarmPast::before(UnixTime now) const {
  if (!what_.civil) return now + -what_.span;
  Civil local = timezone_.to_local(now);
  const Civil date = civil_from_days(day_number(local.year, local.month, local.day) - what_.span / days(1));
  local.year = date.year, local.month = date.month, local.day = date.day;
  return timezone_.to_utc(local);
}

void WarmPast::step(Time now, Dirty& dirty) {
  const UnixTime at = start_ + (now - kStart);
  const int64_t newest = slot_at(at);
  // A slot whose instant fell into a time without a loop stays empty; of several boundaries the first counts.
  if (newest >= start_slot() && newest > slot_at(at + -cycle_) && !holds(newest)) {
    double* kept = value_.data() + index(newest) * rows_;
    for (size_t row = 0; row < rows_; ++row) kept[row] = twin::load(from_.data, from_.storage, row);
    number_[index(newest)] = newest;
  }
  const int64_t wanted = slot_at(before(at));
  const int64_t found = holds(wanted) ? wanted : kNoSlot;
  if (found == shown_) return;
  shown_ = found;
  const double* kept = value_.data() + index(wanted) * rows_;
  for (size_t row = 0; row < rows_; ++row)
    if (replace(out_, row, found == kNoSlot ? kUnknown : kept[row])) dirty.mark(what_.table, row);
}

void WarmPast::put(int64_t slot, size_t row, double value) {
  LT_CHECK(first_slot() <= slot && slot < start_slot() && row < rows_);
  if (!holds(slot))
    std::fill_n(value_.begin() + static_cast<ptrdiff_t>(index(slot) * rows_), rows_, kUnknown);
  number_[index(slot)] = slot;
  value_[index(slot) * rows_ + row] = value;
}

void WarmPast::save(ArchiveWriter& archive) const {
  archive.section("warm past", 1);
  archive.put_vector(number_);
  archive.put_span(std::span(value_));
  archive.put(shown_);
}

void WarmPast::restore(ArchiveReader& archive) {
  archive.section("warm past", 1);
  archive.get_span(std::span(number_));
  archive.get_span(std::span(value_));
  shown_ = archive.get<int64_t>();
}

}  // namespace looptwin::mml

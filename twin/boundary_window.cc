#include "twin/boundary_window.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace looptwin::twin {
namespace {
constexpr int64_t kWindowPanes = 64;
constexpr size_t kRing = kWindowPanes + 1;  // the open one, too
}  // namespace

BoundaryWindow::BoundaryWindow(lang::Op op, Duration span, size_t rows)
    : op_(op),
      span_(span),
      pane_(nanoseconds(std::max<int64_t>(1, span.ns / kWindowPanes))),
      panes_(rows * kRing),
      closed_(rows) {
  LT_CHECK(span.ns > 0);
}

void BoundaryWindow::step(Time previous, Time now, size_t first, size_t count, const double* values,
                          double* out) {
  const int64_t number =
      floor_to(nanoseconds(now.ns - 1).ns >= 0 ? Time{now.ns - 1} : Time{0}, pane_).ns / pane_.ns;
  const double weight = (now - previous).ns > 0 ? (now - previous).seconds() : 0;
  for (size_t row = first; row < first + count; ++row) {
    Pane* panes = &panes_[row * kRing];
    Pane& pane = panes[static_cast<size_t>(number) % kRing];
    const double x = values[row - first];
    if (pane.number != number) pane = Pane{.number = number};
    if (x == x) {
      const double t = now.seconds();
      if (pane.count == 0) {
        pane.least = pane.greatest = pane.first = x;
        pane.first_at = t;
      }
      ++pane.count;
      pane.least = std::min(pane.least, x);
      pane.greatest = std::max(pane.greatest, x);
      pane.last = x;
      pane.last_at = t;
      // West's weighted update: no large sums whose difference would be needed.
      const double total = pane.weight + weight;
      if (total > 0) {
        const double shift = x - pane.mean;
        const double move = shift * (weight / total);
        pane.mean += move;
        pane.second += pane.weight * shift * move;
        pane.weight = total;
      } else {
        pane.mean = x;
      }
    }
    Joined& closed = closed_[row];
    if (closed.before != number) join_closed(panes, number, closed);
    Joined joined = closed;
    joined.add(pane);
    out[row - first] = value(joined);
  }
}

void BoundaryWindow::Joined::add(const Pane& p) {
  if (p.count == 0) return;
  if (all.count == 0) {
    all = p;
    mean_t = (p.first_at + p.last_at) / 2;
    return;
  }
  const double w = p.weight, total = all.weight + w;
  const double middle = (p.first_at + p.last_at) / 2;
  if (total > 0) {
    const double shift = p.mean - all.mean, ratio = w / total, t_shift = middle - mean_t;
    slope_tx += all.weight * ratio * t_shift * shift;
    slope_tt += all.weight * ratio * t_shift * t_shift;
    all.second += p.second + all.weight * ratio * shift * shift;
    all.mean += shift * ratio;
    mean_t += t_shift * ratio;
    all.weight = total;
  }
  all.least = std::min(all.least, p.least);
  all.greatest = std::max(all.greatest, p.greatest);
  all.last = p.last;
  all.last_at = p.last_at;
  all.count += p.count;
}

/// Closed panes change no more: they are joined once, when the next one opens.
void BoundaryWindow::join_closed(const Pane* panes, int64_t newest, Joined& joined) const {
  joined = {.before = newest};
  for (int64_t number = std::max<int64_t>(0, newest - kWindowPanes + 1); number < newest; ++number)
    if (const Pane& p = panes[static_cast<size_t>(number) % kRing]; p.number == number) joined.add(p);
}

double BoundaryWindow::value(const Joined& joined) const {
  const auto& all = joined.all;
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  if (op_ == lang::Op::window_count) return static_cast<double>(all.count);
  if (all.count == 0) return kUnknown;
  switch (op_) {
    case lang::Op::window_mean:
      return all.mean;
    case lang::Op::window_minimum:
      return all.least;
    case lang::Op::window_maximum:
      return all.greatest;
    case lang::Op::window_delta:
      return all.last - all.first;
    case lang::Op::window_deviation:
      return all.weight > 0 ? std::sqrt(all.second / all.weight) : kUnknown;
    case lang::Op::window_slope:
      return joined.slope_tt > 0 ? joined.slope_tx / joined.slope_tt : kUnknown;
    default:
      LT_CHECK(false, "not a window");
  }
}

size_t BoundaryWindow::bytes() const {
  return panes_.size() * sizeof(Pane) + closed_.size() * sizeof(Joined);
}

void BoundaryWindow::save(ArchiveWriter& archive) const {
  archive.section("boundary window", 1);
  archive.put_vector(panes_);
}

void BoundaryWindow::restore(ArchiveReader& archive) {
  archive.section("boundary window", 1);
  archive.get_span(std::span(panes_));
  std::fill(closed_.begin(), closed_.end(), Joined{});
}

}  // namespace looptwin::twin

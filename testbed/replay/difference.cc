#include "testbed/replay/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <unordered_map>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

auto identity(const DecisionRow& r) {
  return std::tie(r.subject, r.kind, r.device, r.quantity, r.occurrence);
}

bool same_value(double a, double b) { return a == b || (a != a && b != b); }

bool unmoved(const DecisionRow& a, const DecisionRow& b) {
  return a.at == b.at && same_value(a.value, b.value) && a.unit == b.unit && a.cause == b.cause;
}

/// Indices by identity, those of one identity in the log's order.
std::vector<uint32_t> by_identity(const DecisionRows& rows) {
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t i, uint32_t j) { return identity(rows[i]) < identity(rows[j]); });
  return order;
}

}  // namespace

const char* name_of(Change::Is is) {
  switch (is) {
    case Change::Is::appeared:
      return "appeared";
    case Change::Is::vanished:
      return "vanished";
    case Change::Is::moved:
      return "moved";
  }
  return "";
}

Time Change::at() const {
  return is == Is::appeared ? b.at : is == Is::vanished ? a.at : std::min(a.at, b.at);
}

Difference compare(const DecisionRows& a, const DecisionRows& b, const TextPool& pool) {
  Difference difference;
  const bool alike = std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return identity(x) == identity(y) && unmoved(x, y);
  });
  if (alike) {
    difference.all.equal = a.size();
    return difference;
  }
  struct Placed {
    Change change;
    uint32_t place;  // in its log: what is first of those at one time
  };
  std::vector<Placed> placed;
  std::unordered_map<uint32_t, Difference::Counts> counts;
  const auto found = [&](Change::Is is, const DecisionRow& x, const DecisionRow& y, uint32_t place) {
    placed.push_back({{is, x, y}, place});
    auto& of = counts[is == Change::Is::appeared ? y.subject : x.subject];
    ++(is == Change::Is::appeared ? of.appeared : is == Change::Is::vanished ? of.vanished : of.moved);
  };
  const auto in_a = by_identity(a), in_b = by_identity(b);
  for (size_t i = 0, j = 0; i < in_a.size() || j < in_b.size();) {
    const DecisionRow* x = i < in_a.size() ? &a[in_a[i]] : nullptr;
    const DecisionRow* y = j < in_b.size() ? &b[in_b[j]] : nullptr;
    if (y == nullptr || (x != nullptr && identity(*x) < identity(*y))) {
      found(Change::Is::vanished, *x, {}, in_a[i++]);
    } else if (x == nullptr || identity(*y) < identity(*x)) {
      found(Change::Is::appeared, {}, *y, in_b[j++]);
    } else {
      if (unmoved(*x, *y))
        ++counts[x->subject].equal;
      else
        found(Change::Is::moved, *x, *y, std::min(in_a[i], in_b[j]));
      ++i, ++j;
    }
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& x, const Placed& y) {
    return std::pair(x.change.at(), x.place) < std::pair(y.change.at(), y.place);
  });
  for (auto& one : placed) difference.changes.push_back(one.change);
  for (const auto& [subject, of] : counts) {
    difference.all.equal += of.equal;
    difference.all.appeared += of.appeared;
    difference.all.vanished += of.vanished;
    difference.all.moved += of.moved;
    if (of.any()) difference.by_subject.emplace(pool.text(subject), of);
  }
  difference.reordered = !difference.all.any();
  return difference;
}

std::string said(const DecisionRow& row, const TextPool& pool) {
  std::string text = fmt::format("{} {} {}", to_string(row.at), pool.text(row.kind), pool.text(row.subject));
  if (!pool.text(row.device).empty()) text += fmt::format(" on {}", pool.text(row.device));
  if (row.occurrence > 0) text += fmt::format(", occurrence {}", row.occurrence);
  if (row.quantity != 0 || row.unit != 0) {
    text += ':';
    if (row.quantity != 0) text += ' ' + pool.text(row.quantity);
    text += fmt::format(" {:.6g}", row.value);
    if (row.unit != 0) text += ' ' + pool.text(row.unit);
  }
  return text;
}

std::vector<DecisionRow> causes_of(const DecisionRow& row, const DecisionRows& log, const TextPool& pool) {
  std::vector<DecisionRow> chain;
  for (uint64_t cause = row.cause; cause != 0 && chain.size() < 16;) {
    auto found = std::find_if(log.begin(), log.end(), [&](const auto& r) { return r.id == cause; });
    // An alarm's own event has no record: the alarm stands for it.
    if (found == log.end())
      found = std::find_if(log.begin(), log.end(), [&](const auto& r) {
        return r.cause == cause && pool.text(r.kind) == mml::name_of(mml::RecordKind::alarm_raised);
      });
    if (found == log.end() || found->at > row.at || (found->id == row.id && found->kind == row.kind)) break;
    chain.push_back(*found);
    if (found->cause == cause) break;
    cause = found->cause;
  }
  return chain;
}

}  // namespace looptwin::testbed

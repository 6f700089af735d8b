// What an expression means, written as plainly as possible: one row, one instant, by recursion over the
// graph. The column programs are held equal to it. Numbers that are unknown are NaN, conditions 0, ½
// (unknown), 1 with Kleene's logic. Windows over samples, forecasts beyond a function, and pid() are not told
// here: they have tests of their own.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "lang/graph.h"

namespace looptwin::lang {

/// All values at one instant, as registers hold them: codes and rows as numbers, instants in s, unknown NaN
/// (½).
struct World {
  Time now;
  std::vector<std::vector<std::vector<double>>> columns;  ///< [table][column][row]
  std::vector<double> feeds;
  std::function<double(Op how, FeedId feed, double from, double to)> forecast;
  double civil_time = 0;
  double civil_weekday = 1;
  double civil_day_of_year = 1;
};

class Naive {
 public:
  /// `history`: every evaluation so far, the present last.
  Naive(const Schema& schema, const Graph& graph, std::span<const World> history)
      : schema_(schema), graph_(graph), history_(history) {}

  /// The value for a row of the node's table, at the last evaluation.
  double value(NodeId node, size_t row) const { return value(node, row, history_.size() - 1); }
  /// At evaluation `at` of the history.
  double value(NodeId node, size_t row, size_t at) const;

 private:
  double leaf(const Node& node, size_t row, size_t at) const;
  double elementwise(const Node& node, size_t row, size_t at) const;
  double related(const Node& node, size_t row, size_t at) const;
  double set(const Node& node, size_t row, size_t at) const;
  double remembering(const Node& node, size_t row, size_t at) const;
  double time_true(const Node& node, size_t row, size_t at) const;
  double hysteresis(const Node& node, size_t row, size_t at) const;
  const World& world(size_t at) const { return history_[at]; }
  double seconds(size_t at) const { return history_[at].now.seconds(); }

  const Schema& schema_;
  const Graph& graph_;
  std::span<const World> history_;
};

}  // namespace looptwin::lang

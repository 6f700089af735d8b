// Code over columns that stands behind a device model's controller, or behind the rates of its physics, in
// the place of expressions: a Python class. It is a function of its arguments alone: what lasts are its
// states, columns like all others, so that forks, snapshots and restarts of devices have them, and it does
// not matter which rows are asked together, on which thread, and in which order.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/types.h"

namespace looptwin::sim {

/// Of at most kSliceRows rows, a value a row.
using CodeColumns = std::span<const std::span<double>>;

/// Why it could not go on; of one of its rows, or of all.
struct CodeFailure {
  std::string why;
  std::string hint{};
  std::optional<size_t> row{};  ///< of its columns
};

class ColumnCode {
 public:
  /// Numbers are in `unit`, truths 1, 0 or NaN where unknown, words their codes or NaN.
  enum class Is : uint8_t { number, truth, word };
  struct Column {
    std::string name;
    Is is = Is::number;
    lang::Unit unit;     ///< of numbers
    double initial = 0;  ///< of a controller's states, in the unit
  };

  ColumnCode(std::string name, Span span) : name_(std::move(name)), span_(std::move(span)) {}
  virtual ~ColumnCode() = default;
  const std::string& name() const { return name_; }
  const Span& span() const { return span_; }

  /// Names that it reads, of what a controller or physics sees.
  virtual std::span<const Column> inputs() const = 0;
  /// A controller's own; of physics the states of which it has the rates.
  virtual std::span<const Column> states() const = 0;
  /// A controller's signals; physics has none.
  virtual std::span<const Column> outputs() const = 0;
  /// From `from` on over `dt`: states are gone on with in their place, outputs are set, all to finite
  /// numbers. Thread-safe.
  virtual std::optional<CodeFailure> run(Time from, Duration dt, CodeColumns inputs, CodeColumns states,
                                         CodeColumns outputs) const = 0;

 private:
  const std::string name_;
  const Span span_;
};

}  // namespace looptwin::sim

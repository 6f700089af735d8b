// How values are shown in alarms' texts and in publications: `{sum(homes.power) as MW}`. The text is split
// where expressions stand; a checked expression gets its unit and its digits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lang/checker.h"
#include "mml/config.h"
#include "mml/shown.h"

namespace looptwin::testbed {

/// The text before what `{…}` holds, and that; the last piece may have no expression.
struct ProsePiece {
  std::string text;
  std::optional<Span> value;
};
/// `{{` and `}}` write braces. A brace without its other is reported, at its place in the file.
std::vector<ProsePiece> split_prose(const mml::Prose& prose, Diagnostics& problems);

/// `expression as unit`, or an expression alone.
struct ShownText {
  Span expression;
  std::optional<Span> unit;
};
ShownText split_unit(const Span& text);

/// What the text stands for without being computed: `id`, or a text in quotes.
std::optional<mml::Shown> shown_as_written(const Span& text);

/// The unit is the one that is asked for, else that of the field or literal which the value comes from, else
/// SI. The digits are those of the fields that are read, where the value is on their grid. Nothing is
/// returned for an instant, or a unit that does not fit; that is reported.
std::optional<mml::Shown> shown_as(const lang::Checked& checked, const ShownText& text,
                                   const lang::Units& units, const lang::Graph& graph,
                                   const twin::Registry& registry, Diagnostics& problems);

}  // namespace looptwin::testbed

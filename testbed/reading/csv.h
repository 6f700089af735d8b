// A CSV table (RFC 4180) as the nodes that scenario files are read as: each row a map by the header's names,
// an empty cell left out. A name with a dot, as parameters.UA, is the map `parameters` with the key UA.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

class CsvRows {
 public:
  /// Reads the header. `lists`: columns whose cells hold several values, with semicolons between.
  CsvRows(SourcePtr source, std::vector<std::string> lists, Diagnostics& problems);

  /// The next row, or nothing at the end. A row with too few or too many cells is reported and passed over; a
  /// quote that does not close ends the table. Empty lines and lines that begin with # are no rows.
  std::optional<yaml::Node> next();

 private:
  struct Cell {
    std::string text;
    Span span;
    bool quoted = false;
  };
  void check_header();
  std::optional<std::vector<Cell>> cells();
  std::optional<Cell> cell();
  yaml::Node value_of(const Cell& cell, bool list) const;
  void error(const Span& span, std::string message, std::string hint = {});

  SourcePtr source_;
  std::string_view text_;
  std::vector<std::string> lists_;
  Diagnostics& problems_;
  std::vector<Cell> header_;
  size_t at_ = 0;
};

}  // namespace looptwin::testbed

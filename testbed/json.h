// JSON (RFC 8259) as the tree of nodes that scenario files are read as, an element at a time: what has
// millions of devices does not stand in memory as a whole, and every value knows its bytes.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "testbed/yaml.h"

namespace looptwin::testbed {

/// Reads a text that is one array, element by element. The first error ends it: what follows is not known.
class JsonArray {
 public:
  JsonArray(SourcePtr source, Diagnostics& problems);

  /// The next element, or nothing at the array's end or after an error, which is reported. Nulls are
  /// reported, too, and stand as refused nodes.
  std::optional<yaml::Node> next();

 private:
  std::optional<yaml::Node> value(int depth);
  std::optional<yaml::Node> object(int depth);
  std::optional<yaml::Node> list(int depth);
  std::optional<yaml::Node> bare();
  std::optional<yaml::Node> string();
  bool escaped(std::string& out);
  bool code_unit(uint32_t& out);
  bool take(char wanted);
  char peek();
  void error(std::string message, std::string hint = {});
  Span span(size_t begin) const;

  SourcePtr source_;
  std::string_view text_;
  Diagnostics& problems_;
  size_t at_ = 0;
  enum class Part : uint8_t { begin, elements, end } part_ = Part::begin;
};

}  // namespace looptwin::testbed

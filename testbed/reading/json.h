// JSON as the tree of nodes that scenario files are read as: whole, or lists of devices an element at a time.
#pragma once

#include <optional>

#include "base/json.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

/// A whole text, whatever it is.
std::optional<yaml::Node> read_json(const SourcePtr& source, Diagnostics& problems);

/// Reads a text that is one array, element by element. The first error ends it: what follows is not known.
class JsonArray {
 public:
  JsonArray(SourcePtr source, Diagnostics& problems) : elements_(std::move(source)), problems_(problems) {}

  /// The next element, or nothing at the array's end or after an error, which is reported. Nulls are
  /// reported, too, and stand as refused nodes.
  std::optional<yaml::Node> next();

 private:
  JsonElements elements_;
  Diagnostics& problems_;
};

}  // namespace looptwin::testbed

// What is wrong in a scenario, left out of it: so that what is wrong with the rest is found as well, and all
// is shown at once.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

class LeftOut {
 public:
  /// Leaves out the innermost keys of a scenario's tree that the problems are about, each with its value;
  /// where a key says what its section is (its unit, its model), the whole section. False where nothing new
  /// is left out, or too much would be: a model or a part of the fleet, on which all else stands.
  bool add(const yaml::Node& root, const Diagnostics& problems);
  /// Takes it out of the tree of the same files, read anew, and what was wrong in it out of the problems.
  void take_out(yaml::Node& root, Diagnostics& problems) const;

  bool empty() const { return keys_.empty() && items_.empty(); }
  /// Whether the problem is that a name is not known, which is left out.
  bool names(const Diagnostic& problem) const;
  /// Whether the problem is about such a name or has no place, and so may be none.
  bool explains(const Diagnostic& problem) const;

 private:
  using Place = std::pair<std::string, uint32_t>;  ///< a file's name, and an offset in it

  std::set<Place> keys_;
  std::set<Place> items_;  ///< of lists
  std::set<std::string> names_;
};

}  // namespace looptwin::testbed

// What is wrong in a scenario, left out of it: so that what is wrong with the rest is found as well, and all
// is shown at once.
#pragma once

#include <map>
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
  /// is left out, or too much would be: a model, a class, or something of the fleet or of a plant, on which
  /// all else stands.
  bool add(const yaml::Node& root, const Diagnostics& problems);
  /// Takes it out of the tree of the same files, read anew, and what was wrong in it out of the problems.
  void take_out(yaml::Node& root, Diagnostics& problems) const;

  bool empty() const { return keys_.empty() && items_.empty(); }
  /// Whether the problem, of a scenario that was read without what is left out, may be none but for that: it
  /// is about a name that is left out, at a section that lacks a part, or at no place.
  bool explains(const Diagnostic& problem) const;
  /// Whether a problem, of those that were added last, is about a name that another of them takes away.
  bool explains_beside(const Diagnostic& problem) const;

 private:
  using Place = std::pair<std::string, uint32_t>;  ///< a file's name, and an offset in it

  std::set<Place> keys_;
  std::set<Place> items_;                   ///< of lists
  std::set<Place> holed_;                   ///< keys and items that have lost a part
  std::multimap<std::string, Span> names_;  ///< each with all that it went with
};

}  // namespace looptwin::testbed

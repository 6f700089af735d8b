// What is searched as a box of variables, each from 0 to 1: what point of it is which scenario.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "testbed/falsify/search_config.h"
#include "testbed/testing/test_config.h"

namespace looptwin::testbed {

/// [variable] 0 to 1.
using SearchPoint = std::vector<double>;

/// The draws of a search, one after the other.
class SearchDraws {
 public:
  SearchDraws(uint64_t seed, std::string_view name) : stream_(random::stream(seed, name)) {}
  uint64_t bits() { return random::bits(stream_, 0, count_++); }
  double next() { return random::uniform(bits()); }  ///< in (0, 1)
  size_t index(size_t count) { return static_cast<size_t>(next() * static_cast<double>(count)); }

 private:
  random::Stream stream_;
  uint64_t count_ = 0;
};

/// One number that is searched for.
struct SearchVariable {
  enum class Is : uint8_t {
    value,     ///< of the scenario, by its path
    presence,  ///< whether an entry is added: from one half on
    part,      ///< a value of such an entry
  };
  Is is = Is::value;
  SearchRange range;   ///< none of a presence
  double second = 0;   ///< of an entry: how many its unit has, of when it begins; 0: it is no such time
  size_t value = 0;    ///< of SearchConfig::values: which
  size_t element = 0;  ///< of a list: which of its elements
  size_t entry = 0;    ///< of SearchSpace::entries(): which
};

class SearchSpace {
 public:
  /// An entry that may be added: one of the copies of a SearchedEntry.
  struct Entry {
    size_t config = 0;
    size_t presence = 0;        ///< its variable
    std::vector<size_t> parts;  ///< its variables, one a range
  };

  /// `config` is copied.
  explicit SearchSpace(SearchConfig config);

  size_t size() const { return variables_.size(); }
  const std::vector<SearchVariable>& variables() const { return variables_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const SearchConfig& config() const { return config_; }

  /// What the scenario is there. `untouched`: variables of values that stay as the scenario has them.
  std::vector<Setting> settings(const SearchPoint& point, const std::vector<bool>& untouched = {}) const;
  /// The point as it is after its values were rounded to what settings() writes.
  SearchPoint rounded(const SearchPoint& point) const;
  /// The value of a variable as text, with so many digits of its range.
  std::string text(size_t variable, double at, int digits = kDigits) const;
  /// The point whose text this is, coarser than `text` would write it.
  double coarser(size_t variable, double at, int digits) const;
  bool is_present(const SearchPoint& point, size_t entry) const {
    return point[entries_[entry].presence] >= 0.5;
  }

  /// Which of its range's choices a variable has.
  size_t choice(size_t variable, double at) const;

  /// A point with each variable uniform in its range.
  SearchPoint uniform(SearchDraws& draws) const;

  static constexpr int kDigits = 5;  ///< a range has 10^5 values

 private:
  SearchConfig config_;
  std::vector<SearchVariable> variables_;
  std::vector<Entry> entries_;
};

}  // namespace looptwin::testbed

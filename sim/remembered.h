// The last few commands of each device of a slice: sent twice, they act once and are acknowledged as they
// were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/archive.h"
#include "twin/transport.h"

namespace looptwin::sim {

class Remembered {
 public:
  static constexpr size_t kMany = 8;  ///< commands a device
  struct Entry {
    uint64_t id = 0;
    Time applied;
    twin::Outcome outcome = twin::Outcome::accepted;
    uint8_t used = 0;
  };

  /// Null where row `row` of the slice does not remember it.
  const Entry* find(size_t row, uint64_t id) const {
    for (size_t at = row; at < entries_.size(); at += next_.size())
      if (entries_[at].id == id && entries_[at].used != 0) return &entries_[at];
    return nullptr;
  }
  /// In place of its oldest. `rows`: of the slice, always the same.
  void add(size_t row, size_t rows, const Entry& entry) {
    next_.resize(rows);
    const size_t layer = next_[row];
    next_[row] = static_cast<uint8_t>((layer + 1) % kMany);
    if (entries_.size() <= layer * rows) entries_.resize((layer + 1) * rows);
    entries_[layer * rows + row] = entry;
  }
  void forget(size_t row) {
    for (size_t at = row; at < entries_.size(); at += next_.size()) entries_[at] = {};
    if (row < next_.size()) next_[row] = 0;
  }

  void save(ArchiveWriter& archive) const {
    archive.put_vector(next_);
    archive.put_vector(entries_);
  }
  void restore(ArchiveReader& archive, size_t rows) {
    next_ = archive.get_vector<uint8_t>();
    entries_ = archive.get_vector<Entry>();
    const bool right = next_.empty() ? entries_.empty() : next_.size() == rows && entries_.size() % rows == 0;
    if (archive.ok() && !right) archive.fail("commands of another slice");
  }

 private:
  std::vector<uint8_t> next_;   ///< [row] the layer that its next one goes to; empty until the first command
  std::vector<Entry> entries_;  ///< [layer][row]; a layer comes when first a row needs it
};

}  // namespace looptwin::sim

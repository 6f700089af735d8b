// A queue in one array: what monitors keep of a run's instants, oldest first.
#pragma once

#include <vector>

#include "base/archive.h"

namespace looptwin::testbed {

/// A queue in one array that grows to what it holds at the most, and then stays.
template <typename T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return cells_[(head_ + i) & (cells_.size() - 1)]; }
  const T& operator[](size_t i) const { return cells_[(head_ + i) & (cells_.size() - 1)]; }
  const T& front() const { return (*this)[0]; }
  const T& back() const { return (*this)[size_ - 1]; }
  void push(const T& value) {
    if (size_ == cells_.size()) grow();
    ++size_;
    (*this)[size_ - 1] = value;
  }
  void pop_front() {
    head_ = (head_ + 1) & (cells_.size() - 1);
    --size_;
  }
  void pop_back() { --size_; }

  void save(ArchiveWriter& archive) const {
    std::vector<T> all;
    for (size_t i = 0; i < size_; ++i) all.push_back((*this)[i]);
    archive.put_vector(all);
  }
  void restore(ArchiveReader& archive) {
    const auto all = archive.get_vector<T>();
    head_ = size_ = 0;
    for (const T& value : all) push(value);
  }

 private:
  void grow() {
    std::vector<T> larger(cells_.empty() ? 2 : 2 * cells_.size());
    for (size_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
    cells_ = std::move(larger);
    head_ = 0;
  }
  std::vector<T> cells_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace looptwin::testbed

// Save and restore: every stateful part writes itself into one flat byte archive and reads itself back.
// Each part opens a section with its name and version, so that a wrong order or an old file is found, never
// misread. An archive that is read at once need not hold what lies in long columns: it points at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "base/result.h"

namespace looptwin {

class Workers;

class ArchiveWriter {
 public:
  /// A column in memory, in place of its bytes at `offset`.
  struct Loan {
    size_t offset = 0;
    std::span<const std::byte> bytes;
  };
  /// `borrows`: columns are not copied until the archive is read, and must stay as they are until then.
  explicit ArchiveWriter(bool borrows = false) : borrows_(borrows) {}

  void section(std::string_view name, uint32_t version);

  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    if constexpr (std::is_class_v<T>)
      put_without_padding(value);
    else
      put_bytes(&value, sizeof value);
  }
  void put(std::string_view text) { put_span(std::span(text.data(), text.size())); }
  template <typename T>
  void put_span(std::span<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put<uint64_t>(values.size());
    if constexpr (std::is_class_v<T>)
      for (const auto& value : values) put_without_padding(value);
    else
      put_bytes(values.data(), values.size_bytes());
  }
  template <typename T>
  void put_vector(const std::vector<T>& values) {
    put_span(std::span(values.data(), values.size()));
  }

  /// The same as put_span, of memory that outlives the archive (no temporary) and has no padding.
  template <typename T>
  void put_column(std::span<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put<uint64_t>(values.size());
    put_or_borrow(std::as_bytes(values));
  }
  template <typename T, typename Allocator>
  void put_column(const std::vector<T, Allocator>& values) {
    put_column(std::span(values.data(), values.size()));
  }

  const std::vector<std::byte>& bytes() const;  ///< of one that does not borrow
  std::vector<std::byte> take();                ///< likewise
  /// What it holds or points at.
  size_t size() const { return bytes_.size() + borrowed_; }

 private:
  friend class ArchiveReader;
  /// Equal values are equal bytes, whatever lay between their members.
  template <typename T>
  void put_without_padding(T value) {
#ifndef __clang__  // 14 has no such builtin; what it builds, fuzzers, compares no archives
    __builtin_clear_padding(&value);
#endif
    put_bytes(&value, sizeof value);
  }
  void put_bytes(const void* data, size_t size);
  void put_or_borrow(std::span<const std::byte> column);
  std::vector<std::byte> bytes_;
  std::vector<Loan> loans_;  ///< in order
  size_t borrowed_ = 0;
  bool borrows_ = false;
};

/// Reads what an ArchiveWriter wrote. A mismatch does not throw: ok() turns false, every later read yields
/// zeroes, and error() says which section went wrong. Check ok() once, at the end.
class ArchiveReader {
 public:
  explicit ArchiveReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  /// One that may borrow; long columns are copied by all of the workers. All outlive this.
  ArchiveReader(const ArchiveWriter& written, Workers& workers)
      : bytes_(written.bytes_), loans_(written.loans_), workers_(&workers) {}

  /// Expects a section of this name; returns its version (at most newest_known), or 0 after a mismatch.
  uint32_t section(std::string_view name, uint32_t newest_known);

  template <typename T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    get_bytes(&value, sizeof value);
    return value;
  }
  std::string get_string();
  template <typename T>
  std::vector<T> get_vector() {
    const auto size = get<uint64_t>();
    std::vector<T> values;
    if (!fits(size, sizeof(T))) return values;
    values.resize(size);
    get_bytes(values.data(), size * sizeof(T));
    return values;
  }
  /// Reads exactly values.size() elements; another number in the archive is a mismatch.
  template <typename T>
  void get_span(std::span<T> values) {
    const auto size = get<uint64_t>();
    if (ok() && size != values.size()) return fail("a column of another length");
    get_bytes(values.data(), values.size_bytes());
  }

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  bool at_end() const { return offset_ == bytes_.size() && loans_.empty(); }
  void fail(std::string why);

 private:
  void get_bytes(void* data, size_t size);
  bool fits(uint64_t count, size_t size);
  bool at_loan() const { return !loans_.empty() && loans_.front().offset == offset_; }
  void copy_loan(void* data, size_t size);
  std::span<const std::byte> bytes_;
  std::span<const ArchiveWriter::Loan> loans_;  ///< that are not read yet
  Workers* workers_ = nullptr;
  size_t offset_ = 0;
  std::string section_;
  std::string error_;
};

}  // namespace looptwin

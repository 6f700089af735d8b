// Save and restore: every stateful part writes itself into one flat byte archive and reads itself back.
// Each part opens a section with its name and version, so that a wrong order or an old file is found, never
// misread.
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

class ArchiveWriter {
 public:
  void section(std::string_view name, uint32_t version);

  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    put_bytes(&value, sizeof value);
  }
  void put(std::string_view text) { put_span(std::span(text.data(), text.size())); }
  template <typename T>
  void put_span(std::span<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put<uint64_t>(values.size());
    put_bytes(values.data(), values.size_bytes());
  }
  template <typename T>
  void put_vector(const std::vector<T>& values) {
    put_span(std::span(values.data(), values.size()));
  }

  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void put_bytes(const void* data, size_t size);
  std::vector<std::byte> bytes_;
};

/// Reads what an ArchiveWriter wrote. A mismatch does not throw: ok() turns false, every later read yields
/// zeroes, and error() says which section went wrong. Check ok() once, at the end.
class ArchiveReader {
 public:
  explicit ArchiveReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

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
  bool at_end() const { return offset_ == bytes_.size(); }
  void fail(std::string why);

 private:
  void get_bytes(void* data, size_t size);
  bool fits(uint64_t count, size_t size);
  std::span<const std::byte> bytes_;
  size_t offset_ = 0;
  std::string section_;
  std::string error_;
};

}  // namespace looptwin

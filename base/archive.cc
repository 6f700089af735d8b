#include "base/archive.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/workers.h"

namespace looptwin {

namespace {
constexpr uint32_t kSectionMark = 0x4c545331;  // "LTS1"
constexpr size_t kLeastLoan = 4096;
constexpr size_t kCopiedAtOnce = size_t{1} << 20;
}  // namespace

void ArchiveWriter::section(std::string_view name, uint32_t version) {
  put(kSectionMark);
  put(name);
  put(version);
}

namespace {

/// An archive of a large fleet is written once, from end to end: huge pages spare a fault for each small one.
void grow(std::vector<std::byte>& bytes, size_t needed) {
  constexpr size_t kPage = 4096, kHugePage = size_t{2} << 20;
  std::vector<std::byte> larger;
  larger.reserve(std::max(needed, 2 * bytes.capacity()));
  if (larger.capacity() >= 2 * kHugePage) {
    const auto begin = (reinterpret_cast<uintptr_t>(larger.data()) + kPage - 1) / kPage * kPage;
    const auto end = reinterpret_cast<uintptr_t>(larger.data() + larger.capacity()) / kPage * kPage;
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // a hint
  }
  larger.insert(larger.end(), bytes.begin(), bytes.end());
  bytes.swap(larger);
}

}  // namespace

void ArchiveWriter::put_bytes(const void* data, size_t size) {
  if (bytes_.capacity() - bytes_.size() < size) grow(bytes_, bytes_.size() + size);
  const auto* first = static_cast<const std::byte*>(data);
  bytes_.insert(bytes_.end(), first, first + size);
}

void ArchiveWriter::put_or_borrow(std::span<const std::byte> column) {
  if (!borrows_ || column.size() < kLeastLoan) return put_bytes(column.data(), column.size());
  loans_.push_back({bytes_.size(), column});
  borrowed_ += column.size();
}

const std::vector<std::byte>& ArchiveWriter::bytes() const {
  LT_CHECK(!borrows_, "an archive that borrows has no bytes");
  return bytes_;
}

std::vector<std::byte> ArchiveWriter::take() {
  LT_CHECK(!borrows_, "an archive that borrows has no bytes");
  return std::move(bytes_);
}

uint32_t ArchiveReader::section(std::string_view name, uint32_t newest_known) {
  const auto mark = get<uint32_t>();
  const auto found = mark == kSectionMark ? get_string() : std::string();
  const auto version = get<uint32_t>();
  if (!ok()) return 0;
  if (found != name) {
    fail(fmt::format("expected the section '{}', found '{}'", name, found));
    return 0;
  }
  if (version == 0 || version > newest_known) {
    fail(
        fmt::format("section '{}' has version {}; this program reads up to {}", name, version, newest_known));
    return 0;
  }
  section_ = found;
  return version;
}

std::string ArchiveReader::get_string() {
  const auto size = get<uint64_t>();
  std::string text;
  if (!fits(size, 1)) return text;
  text.resize(size);
  get_bytes(text.data(), size);
  return text;
}

bool ArchiveReader::fits(uint64_t count, size_t size) {
  if (!ok()) return false;
  if (at_loan() && count == loans_.front().bytes.size() / size) return true;
  if (count <= (bytes_.size() - offset_) / size) return true;
  fail("the archive ends early");
  return false;
}

void ArchiveReader::fail(std::string why) {
  if (ok())
    error_ = section_.empty() ? std::move(why) : fmt::format("{} (after section '{}')", why, section_);
}

void ArchiveReader::copy_loan(void* data, size_t size) {
  const auto from = loans_.front().bytes;
  if (size != from.size()) return fail("a column of another length");
  loans_ = loans_.subspan(1);
  const size_t parts = (size + kCopiedAtOnce - 1) / kCopiedAtOnce;
  workers_->run(parts, [&](size_t part, int) {
    const size_t begin = part * kCopiedAtOnce;
    std::memcpy(static_cast<std::byte*>(data) + begin, from.data() + begin,
                std::min(kCopiedAtOnce, size - begin));
  });
}

void ArchiveReader::get_bytes(void* data, size_t size) {
  if (ok() && size > 0 && at_loan()) return copy_loan(data, size);
  if (ok() && size > bytes_.size() - offset_) fail("the archive ends early");
  if (size == 0) return;
  if (!ok()) {
    std::memset(data, 0, size);
    return;
  }
  std::memcpy(data, bytes_.data() + offset_, size);
  offset_ += size;
}

}  // namespace looptwin

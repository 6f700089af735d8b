#include "twin/warm/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace looptwin::twin {
namespace {

std::string hint_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free space there; a run keeps less with a shorter retention:, or history: of fewer devices";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f), or seal segments sooner";
    case EACCES:
    case EPERM:
    case EROFS:
      return "a folder that this user may write to";
    case ENOENT:
      return "a path that exists";
    case EMFILE:
      return "raise the limit on open files (ulimit -n)";
    default:
      return {};
  }
}

/// Takes n written bytes off vectors [first, count); returns the first that still has bytes.
size_t advance(std::span<iovec> vectors, size_t first, size_t count, size_t n) {
  while (first < count && n >= vectors[first].iov_len) n -= vectors[first++].iov_len;
  if (first < count) {
    vectors[first].iov_base = static_cast<char*>(vectors[first].iov_base) + n;
    vectors[first].iov_len -= n;
  }
  return first;
}

}  // namespace

tl::unexpected<Diagnostics> disk_failure(std::string_view verb, const fs::path& path, int error) {
  std::string reason = std::strerror(error);
  if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(reason[0]));
  return failure(fmt::format("cannot {} {}: {}", verb, path.string(), reason), hint_for(error));
}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

void File::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<File> File::create(const fs::path& path) {
  File file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file.fd_ < 0) return disk_failure("create", path, errno);
  return file;
}

Result<File> File::append_after(const fs::path& path, uint64_t size) {
  File file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file.fd_ < 0) return disk_failure("append to", path, errno);
  if (::ftruncate(file.fd_, static_cast<off_t>(size)) != 0) return disk_failure("cut", path, errno);
  if (::lseek(file.fd_, static_cast<off_t>(size), SEEK_SET) < 0)
    return disk_failure("append to", path, errno);
  file.size_ = size;
  return file;
}

Result<File> File::open_to_read(const fs::path& path) {
  File file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file.fd_ < 0 || ::fstat(file.fd_, &status) != 0) return disk_failure("read", path, errno);
  file.size_ = static_cast<uint64_t>(status.st_size);
  return file;
}

Result<void> File::write(std::span<const std::span<const std::byte>> pieces) {
  std::array<iovec, 256> vectors;
  uint64_t written = 0;
  for (size_t next = 0; next < pieces.size();) {
    size_t count = 0;
    for (; next < pieces.size() && count < vectors.size(); ++next) {
      if (!pieces[next].empty())
        vectors[count++] = {const_cast<std::byte*>(pieces[next].data()), pieces[next].size()};
    }
    for (size_t first = 0; first < count;) {
      const ssize_t n = ::writev(fd_, &vectors[first], static_cast<int>(count - first));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error = errno;
        // Best effort: readers drop a torn record as well.
        if (::ftruncate(fd_, static_cast<off_t>(size_)) == 0)
          ::lseek(fd_, static_cast<off_t>(size_), SEEK_SET);
        return disk_failure("write", path_, error);
      }
      written += static_cast<uint64_t>(n);
      first = advance(vectors, first, count, static_cast<size_t>(n));
    }
  }
  size_ += written;
  return {};
}

Result<void> File::sync() {
  if (::fdatasync(fd_) != 0) return disk_failure("sync", path_, errno);
  return {};
}

Result<size_t> File::read_at(uint64_t offset, std::span<std::byte> bytes) const {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return disk_failure("read", path_, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<void> sync_directory(const fs::path& directory) {
  // The parent of a bare name is empty, and here.
  const fs::path here = directory.empty() ? "." : directory;
  const int fd = ::open(here.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return disk_failure("sync", directory, errno);
  const int failed = ::fsync(fd), error = errno;
  ::close(fd);
  if (failed) return disk_failure("sync", directory, error);
  return {};
}

Result<void> write_whole_file(const fs::path& path, std::span<const std::byte> bytes) {
  const fs::path temporary = path.string() + ".tmp";
  std::error_code ignored;
  fs::remove(temporary, ignored);
  auto file = File::create(temporary);
  if (!file) return tl::unexpected(file.error());
  auto written = file->write(bytes);
  if (!written) {
    fs::remove(temporary, ignored);
    return written;
  }
  return publish(temporary, path);
}

Result<void> write_whole_file(const fs::path& path, std::string_view text) {
  return write_whole_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

Result<void> publish(const fs::path& temporary, const fs::path& path) {
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  int error = errno;
  if (fd >= 0) ::close(fd);
  if (synced && ::rename(temporary.c_str(), path.c_str()) == 0) return sync_directory(path.parent_path());
  if (synced) error = errno;
  ::unlink(temporary.c_str());
  return disk_failure("write", path, error);
}

bool is_named(int descriptor, const fs::path& path) {
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

Result<std::string> read_whole_file(const fs::path& path) {
  auto file = File::open_to_read(path);
  if (!file) return tl::unexpected(file.error());
  std::string text(file->size(), '\0');
  auto size = file->read_at(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  if (!size) return tl::unexpected(size.error());
  text.resize(*size);
  return text;
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return disk_failure("remove", path, errno);
  return {};
}

}  // namespace looptwin::twin

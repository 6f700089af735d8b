#include "twin/warm/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <cerrno>
#include <utility>

namespace looptwin::twin {
namespace {

constexpr const char* kFile = "lock";

tl::unexpected<Diagnostics> held(const fs::path& folder, const fs::path& file) {
  // Empty where its writer has just begun.
  auto writer = read_whole_file(file).value_or("");
  if (!writer.empty() && writer.back() == '\n') writer.pop_back();
  const std::string who = writer.empty()                         ? "another process"
                          : writer == std::to_string(::getpid()) ? "this process"
                                                                 : "process " + writer;
  return failure(fmt::format("cannot write {}: it is being written by {}", folder.string(), who),
                 "wait until that has ended, or end it");
}

}  // namespace

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owner_, other.owner_);
  std::swap(path_, other.path_);
  return *this;
}

Result<FolderLock> FolderLock::take(const fs::path& folder) {
  FolderLock lock;
  const auto path = folder / kFile;
  do {
    lock = FolderLock();
    lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock.fd_ < 0) return disk_failure("create", path, errno);
    while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return held(folder, path);
      if (errno != EINTR) break;  // the file system has no locks
    }
  } while (!is_named(lock.fd_, path));  // who held it before may have removed it
  lock.path_ = path;
  lock.owner_ = ::getpid();
  const auto text = std::to_string(lock.owner_) + "\n";
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, text.data(), text.size(), 0) < 0)
    return disk_failure("write", path, errno);
  return lock;
}

bool FolderLock::is_held(const fs::path& folder) {
  const int fd = ::open((folder / kFile).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

void FolderLock::moved_to(const fs::path& folder) { path_ = folder / kFile; }

void FolderLock::release() {
  if (fd_ < 0) return;
  if (owner_ == ::getpid() && is_named(fd_, path_)) ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
}

}  // namespace looptwin::twin

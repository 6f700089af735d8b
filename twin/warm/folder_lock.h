// Who writes a run folder: one writer at a time, by a lock on the file `lock` in it. The lock ends with its
// process, however that ends; the file that a kill leaves behind keeps nobody out.
#pragma once

#include "twin/warm/disk.h"

namespace looptwin::twin {

class FolderLock {
 public:
  FolderLock() = default;
  FolderLock(FolderLock&& other) noexcept { *this = std::move(other); }
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock() { release(); }

  /// Refused while another writer has it, of this process or of another. On a file system without locks
  /// everybody gets it.
  static Result<FolderLock> take(const fs::path& folder);
  /// Whether somebody writes the folder now.
  static bool is_held(const fs::path& folder);
  /// The folder was renamed with the lock in it.
  void moved_to(const fs::path& folder);
  /// Removes the file and lets the next one in.
  void release();

 private:
  int fd_ = -1;
  int owner_ = 0;  ///< the process that took it: one that was forked from it has the descriptor, too
  fs::path path_;
};

}  // namespace looptwin::twin

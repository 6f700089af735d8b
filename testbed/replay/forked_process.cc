#include "testbed/replay/forked_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "mml/loop.h"

namespace looptwin::testbed {
namespace {

bool write_all(int file, const void* data, size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(file, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

std::string read_all(int file) {
  std::string text;
  char piece[4096];
  for (;;) {
    const ssize_t got = ::read(file, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece, static_cast<size_t>(got));
  }
}

tl::unexpected<Diagnostics> refused(const char* what) {
  return failure(fmt::format("cannot fork: {}: {}", what, std::strerror(errno)));
}

/// In the child, whose only thread is this one. No destructor runs, for they would wait for the trunk's
/// threads and write what the trunk has not yet written.
[[noreturn]] void follow(Assembly& assembly, const ForkedProcess::Course& course, int threads, int pipe) {
  assembly.loop().workers().begin_anew(threads);
  const std::string text = course(assembly);
  // Without a length a text that was cut off could not be told from one that is whole.
  const uint64_t size = text.size();
  const bool said = write_all(pipe, &size, sizeof size) && write_all(pipe, text.data(), text.size());
  std::fflush(stdout);
  ::_exit(said ? 0 : 1);
}

}  // namespace

Result<ForkedProcess> ForkedProcess::begin(Assembly& live, const Course& course, int threads) {
  if (live.recorder() != nullptr)
    return failure("cannot fork this process: its run writes a run folder, with a thread of its own",
                   "fork() makes a second assembly, and `run --from RUN@T` forks a folder");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return refused("no pipe");
  // What is buffered would be written twice.
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return refused("no process");
  }
  if (child == 0) {
    ::close(ends[0]);
    follow(live, course, threads, ends[1]);
  }
  ::close(ends[1]);
  return ForkedProcess(child, ends[0]);
}

ForkedProcess::ForkedProcess(ForkedProcess&& other) noexcept
    : child_(std::exchange(other.child_, 0)), pipe_(std::exchange(other.pipe_, -1)) {}

ForkedProcess::~ForkedProcess() {
  if (child_ == 0) return;
  ::kill(child_, SIGKILL);
  end();
}

/// Waits until the process has ended, and says how.
int ForkedProcess::end() {
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  ::close(pipe_);
  child_ = 0;
  return status;
}

Result<std::string> ForkedProcess::result() {
  LT_CHECK(child_ != 0, "a fork has one result");
  std::string text = read_all(pipe_);
  const int status = end();
  uint64_t size = 0;
  if (text.size() >= sizeof size) std::memcpy(&size, text.data(), sizeof size);
  const bool whole = text.size() >= sizeof size && text.size() - sizeof size == size;
  if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0) return text.substr(sizeof size);
  if (WIFSIGNALED(status))
    return failure(
        fmt::format("the fork was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status))));
  return failure("the fork ended before it had said what it came to");
}

}  // namespace looptwin::testbed

#include "hil/broker_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "twin/warm/disk.h"

namespace looptwin::hil {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "looptwin-broker.";
constexpr const char* kOwner = "owner";  ///< the file that is locked
constexpr int kPatience = 5000;          ///< ms: a broker may take so long to end by itself

/// Its command line ends with the configuration there.
bool is_broker_in(const fs::path& folder, const fs::path& process) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  return line == fmt::format("mosquitto{0}-c{0}{1}{0}", '\0', (folder / kBrokerConfiguration).string());
}

/// By itself if it does; a process that has taken the number of one that ended is not touched.
void end(int process, const fs::path& folder) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (fd < 0) return;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (!is_broker_in(folder, fmt::format("/proc/{}", process))) break;
    ::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0);
    ::pollfd ended{fd, POLLIN, 0};
    if (::poll(&ended, 1, kPatience) == 1) break;
  }
  ::close(fd);
}

/// Removes the folder if nobody holds it. Whoever makes it at the same time finds that it is gone.
void clear_if_left(const fs::path& folder) {
  const int fd = ::open((folder / kOwner).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) clear_broker_folder(folder);
  ::close(fd);
}

void clear_left(const fs::path& in) {
  std::error_code error;
  for (fs::directory_iterator at(in, error), last; !error && at != last; at.increment(error))
    if (at->path().filename().string().starts_with(kName)) clear_if_left(at->path());
}

}  // namespace

Result<std::unique_ptr<BrokerFolder>> BrokerFolder::make() {
  const auto in = fs::absolute(fs::temp_directory_path());
  clear_left(in);
  for (;;) {
    auto name = (in / (std::string(kName) + "XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr) return twin::disk_failure("make", name, errno);
    const auto file = fs::path(name) / kOwner;
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return twin::disk_failure("make", file, errno);
    if (::flock(fd, LOCK_EX) == 0 && twin::is_named(fd, file))
      return std::unique_ptr<BrokerFolder>(new BrokerFolder(name, fd));
    ::close(fd);  // somebody who cleared was faster than the lock
  }
}

BrokerFolder::~BrokerFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(owned_);
}

std::vector<int> brokers_in(const fs::path& folder) {
  std::vector<int> all;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), last; !error && at != last; at.increment(error))
    if (is_broker_in(folder, at->path())) all.push_back(std::atoi(at->path().filename().c_str()));
  return all;
}

void clear_broker_folder(const fs::path& folder) {
  for (const int process : brokers_in(folder)) end(process, folder);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

}  // namespace looptwin::hil

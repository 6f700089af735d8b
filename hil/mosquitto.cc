#include "hil/mosquitto.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "hil/steady_time.h"
#include "twin/warm/disk.h"

namespace looptwin::hil {
namespace {

/// Debian has it where daemons are, which is not on everybody's path.
constexpr const char* kProgram = "/usr/sbin/mosquitto";

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  uint16_t port = 0;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    port = ntohs(address.sin_port);
  ::close(fd);
  return port;
}

bool takes_connections(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  const bool open = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return open;
}

/// Nothing waits in vain for room that its defaults do not have, and nothing for Nagle's algorithm. Whoever
/// does not take what waits for him gets no more than a million messages or 128 MB of it.
/// Where it decides about nobody it is loaded if it is there.
std::string plugin_lines(const std::filesystem::path& view) {
  const auto plugin = Mosquitto::plugin();
  std::error_code error;
  if (view.empty() && !std::filesystem::exists(plugin, error)) return {};
  return fmt::format("plugin {}\nplugin_opt_view {}\n", plugin.string(),
                     view.empty() ? "none" : std::filesystem::absolute(view).string());
}

std::string configuration(const Mosquitto::Options& options) {
  return fmt::format(
      "listener {} 127.0.0.1\n"
      "allow_anonymous {}\n"
      "set_tcp_nodelay true\n"
      "max_queued_messages 1000000\n"
      "max_queued_bytes 134217728\n"
      "max_inflight_messages 60000\n"
      "max_inflight_bytes 33554432\n"
      "sys_interval 1\n"
      "max_packet_size 1048576\n"
      "persistence true\n"
      "persistence_location {}/\n"
      "log_dest file {}\n"
      "log_type error\nlog_type warning\nlog_type notice\n{}{}",
      options.port, options.view.empty(), options.folder.string(),
      (options.folder / "mosquitto.log").string(), plugin_lines(options.view),
      ::geteuid() == 0 ? "user root\n" : "");  // else it would not be let into our folder
}

}  // namespace

Result<std::unique_ptr<Mosquitto>> Mosquitto::start(const Options& options) {
  std::unique_ptr<Mosquitto> broker(new Mosquitto());
  broker->options_ = options;
  auto& own = broker->options_;
  std::error_code error;
  if (own.folder.empty()) {
    auto folder = BrokerFolder::make();
    if (!folder) return tl::make_unexpected(std::move(folder.error()));
    broker->own_folder_ = std::move(*folder);
    own.folder = broker->own_folder_->path();
  }
  own.folder = std::filesystem::absolute(own.folder);
  std::filesystem::create_directories(own.folder, error);
  if (error) return twin::disk_failure("make", own.folder, error.value());
  if (own.port == 0) own.port = free_port();
  if (auto written = twin::write_whole_file(own.folder / kBrokerConfiguration, configuration(own)); !written)
    return tl::make_unexpected(std::move(written.error()));
  if (auto started = broker->start_again(); !started) return tl::make_unexpected(std::move(started.error()));
  return broker;
}

std::filesystem::path Mosquitto::plugin() {
  if (const char* place = std::getenv("LOOPTWIN_MOSQUITTO_PLUGIN")) return place;
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "looptwin_mosquitto.so";
}

Result<void> Mosquitto::start_again() {
  std::error_code error;
  if (!options_.view.empty() && !std::filesystem::exists(plugin(), error))
    return failure(fmt::format("there is no {}, the plugin for Mosquitto", plugin().string()),
                   "build looptwin_mosquitto, or say where it is with LOOPTWIN_MOSQUITTO_PLUGIN");
  if (::access(kProgram, X_OK) != 0)
    return failure(fmt::format("there is no {}", kProgram),
                   "install mosquitto, or name a broker with --broker");
  const auto file = (options_.folder / kBrokerConfiguration).string();
  const ::pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) return failure(fmt::format("cannot start {}: {}", kProgram, std::strerror(errno)));
  if (process_ == 0) {
    if (options_.dies_with_us) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);  // we are late: it is gone already
    ::setpgid(0, 0);                        // Ctrl-C is for looptwin, which ends it when it is done
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(nowhere, fd);
    ::execl(kProgram, "mosquitto", "-c", file.c_str(), nullptr);
    ::_exit(127);
  }
  MachineTime time;
  const Duration until = time.now() + options_.patience;
  while (!takes_connections(options_.port)) {
    int status = 0;
    const bool ended = ::waitpid(process_, &status, WNOHANG) == process_;
    if (ended) process_ = -1;
    if (ended || time.now() > until)
      return failure(fmt::format("{} does not take connections on port {}", kProgram, options_.port),
                     fmt::format("{} says why", (options_.folder / "mosquitto.log").string()));
    time.sleep_until(time.now() + milliseconds(5));
  }
  return {};
}

void Mosquitto::keep() {
  if (process_ >= 0) ::kill(process_, SIGUSR1);
}

bool Mosquitto::ended() {
  if (process_ >= 0 && ::waitpid(process_, nullptr, WNOHANG) == process_) process_ = -1;
  return process_ < 0;
}

void Mosquitto::kill() { end(SIGKILL); }

void Mosquitto::stop() { end(SIGTERM); }

void Mosquitto::end(int signal) {
  if (process_ < 0) return;
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

Mosquitto::~Mosquitto() { stop(); }

std::string Mosquitto::address() const { return fmt::format("mqtt://127.0.0.1:{}", options_.port); }

}  // namespace looptwin::hil

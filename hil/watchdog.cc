#include "hil/watchdog.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hil/watchdog_process.h"

namespace looptwin::hil {

Result<std::unique_ptr<Watchdog>> Watchdog::start(const Options& options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return failure(fmt::format("cannot start the watchdog: {}", std::strerror(errno)));
  const ::pid_t process = ::fork();
  if (process < 0) {
    const int error = errno;
    for (const int end : ends) ::close(end);
    return failure(fmt::format("cannot start the watchdog: {}", std::strerror(error)));
  }
  if (process == 0) {
    // Whoever reads looptwin's output is not kept waiting by us; what we say goes to stderr.
    ::close(ends[0]);
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1}) ::dup2(nowhere, fd);
    ::setpgid(0, 0);  // Ctrl-C is for looptwin
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
    run_watchdog(ends[1], options);
    ::_exit(0);
  }
  ::close(ends[1]);
  return std::unique_ptr<Watchdog>(new Watchdog(ends[0], process));
}

Watchdog::~Watchdog() {
  ::close(socket_);
  ::waitpid(process_, nullptr, WNOHANG);
}

void Watchdog::say(char kind, std::string_view rest, bool wait) {
  if (!alive_) return;
  std::string packet(1, kind);
  packet += rest;
  const int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
  ssize_t sent;
  do sent = ::send(socket_, packet.data(), packet.size(), flags);
  while (sent < 0 && errno == EINTR);
  // A beat that finds no room is one of many; an order that is too large for a packet is none that devices
  // take (hil/json_codec.h).
  if (sent < 0 && errno != EAGAIN && errno != EMSGSIZE) alive_ = false;
}

void Watchdog::prepare(const std::vector<Outgoing>& orders) {
  say(watchdog_packet::kBegin);
  for (const auto& order : orders)
    say(watchdog_packet::kOrder, std::to_string(order.qos) + order.topic + '\0' + order.payload);
  say(watchdog_packet::kReady);
}

void Watchdog::farewell(const Will& will) {
  say(watchdog_packet::kFarewell, will.topic + '\0' + will.payload);
}
void Watchdog::forget_farewell(const std::string& topic) { say(watchdog_packet::kNoFarewell, topic); }
void Watchdog::beat() { say(watchdog_packet::kBeat, {}, false); }

bool Watchdog::fired() {
  bool any = false;
  char packet = 0;
  while (::recv(socket_, &packet, 1, MSG_DONTWAIT) == 1) any = any || packet == watchdog_packet::kFired;
  return any;
}

void Watchdog::dismiss() {
  say(watchdog_packet::kDismiss);
  if (alive_) ::waitpid(process_, nullptr, 0);
  alive_ = false;
}

void Watchdog::let_go() {
  alive_ = false;
  ::shutdown(socket_, SHUT_RDWR);
}

}  // namespace looptwin::hil

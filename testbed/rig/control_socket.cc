#include "testbed/rig/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestRequest = 64 * 1024;
constexpr int kPatienceMs = 60'000;

/// An address has room for 107 characters; a path that is longer is reached through its open folder.
class Address {
 public:
  explicit Address(const fs::path& path) {
    address_.sun_family = AF_UNIX;
    std::string text = path.string();
    if (text.size() >= sizeof address_.sun_path) {
      folder_ = ::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
      text = fmt::format("/proc/self/fd/{}/{}", folder_, path.filename().string());
    }
    std::strncpy(address_.sun_path, text.c_str(), sizeof address_.sun_path - 1);
  }
  ~Address() {
    if (folder_ >= 0) ::close(folder_);
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static socklen_t size() { return sizeof(sockaddr_un); }

 private:
  sockaddr_un address_{};
  int folder_ = -1;
};

int unix_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// Up to the end of a line; false where there is none within the limits, or `stop` says so.
bool read_line(int from, int stop, std::string& line) {
  for (;;) {
    if (const auto end = line.find('\n'); end != std::string::npos) return line.resize(end), true;
    if (line.size() > kLongestRequest) return false;
    pollfd ready[] = {{from, POLLIN, 0}, {stop, POLLIN, 0}};
    const int n = ::poll(ready, stop >= 0 ? 2 : 1, kPatienceMs);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || (stop >= 0 && ready[1].revents != 0)) return false;
    char buffer[4096];
    const auto got = ::read(from, buffer, sizeof buffer);
    if (got <= 0) return false;
    line.append(buffer, static_cast<size_t>(got));
  }
}

bool somebody_listens(const fs::path& path) {
  const Address address(path);
  const int probe = unix_socket();
  const bool yes = ::connect(probe, address.get(), Address::size()) == 0;
  ::close(probe);
  return yes;
}

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

fs::path socket_of(const std::string& rig) {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const fs::path folder = runtime != nullptr && *runtime != '\0'
                              ? fs::path(runtime) / "looptwin"
                              : fs::temp_directory_path() / fmt::format("looptwin-{}", ::getuid());
  return folder / (rig + ".socket");
}

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(const fs::path& path, const std::string& name) {
  std::unique_ptr<ControlSocket> made(new ControlSocket());
  std::error_code ignored;
  const auto known = socket_of(name);
  fs::create_directories(known.parent_path(), ignored);
  fs::permissions(known.parent_path(), fs::perms::owner_all, ignored);
  made->path_ = fs::absolute(path, ignored);
  const auto refused = [&] {
    return failure(fmt::format("cannot listen at {}: {}", made->path_.string(), std::strerror(errno)));
  };
  fs::remove(made->path_, ignored);
  made->listening_ = unix_socket();
  made->stop_ = ::eventfd(0, EFD_CLOEXEC);
  const Address address(made->path_);
  if (made->listening_ < 0 || ::bind(made->listening_, address.get(), Address::size()) != 0) return refused();
  ::chmod(made->path_.c_str(), S_IRUSR | S_IWUSR);
  if (::listen(made->listening_, 8) != 0) return refused();
  // By its name the newest rig is found, unless an older one is still there.
  if (known != made->path_ && !somebody_listens(known)) {
    fs::remove(known, ignored);
    fs::create_symlink(made->path_, known, ignored);
    made->link_ = known;
  }
  return made;
}

ControlSocket::~ControlSocket() {
  if (stop_ >= 0) ::eventfd_write(stop_, 1);
  if (thread_.joinable()) thread_.join();
  for (const int open : {listening_, stop_})
    if (open >= 0) ::close(open);
  std::error_code ignored;
  fs::remove(path_, ignored);
  if (!link_.empty() && fs::read_symlink(link_, ignored) == path_) fs::remove(link_, ignored);
}

void ControlSocket::start() {
  thread_ = std::thread([this] { serve(); });
}

void ControlSocket::serve() {
  for (;;) {
    pollfd ready[] = {{listening_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents != 0) return;
    if ((ready[0].revents & POLLIN) == 0) continue;
    const int connection = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve(connection);
    ::close(connection);
  }
}

void ControlSocket::serve(int connection) {
  std::string line;
  if (!read_line(connection, stop_, line)) return;
  write_all(connection, answer(line) + "\n");
}

std::string ControlSocket::answer(const std::string& line) {
  const auto refuse = [](const std::string& error, const std::string& hint) {
    return fmt::format("{{\"ok\": false, \"error\": {}, \"hint\": {}}}", quoted(error), quoted(hint));
  };
  const auto request = parse_json(std::make_shared<const Source>(Source{"request", line}));
  const JsonValue* name = request ? request->find("do") : nullptr;
  if (name == nullptr || name->kind != JsonValue::Kind::string)
    return refuse("a request is a line of JSON with a text 'do'", "{\"do\": \"status\"}");
  const auto handler = handlers_.find(name->text);
  if (handler == handlers_.end()) {
    std::string known;
    for (const auto& [one, handle] : handlers_) known += (known.empty() ? "" : ", ") + one;
    return refuse(fmt::format("a rig has no '{}'", name->text), "write one of " + known);
  }
  const auto done = handler->second(*request);
  if (!done) return refuse(done.error().front().message, done.error().front().hint);
  return done->empty() ? "{\"ok\": true}" : fmt::format("{{\"ok\": true, {}}}", *done);
}

Result<JsonValue> ask_rig(const fs::path& socket, const std::string& request) {
  const Address address(socket);
  const int connection = unix_socket();
  std::string line;
  const bool answered = ::connect(connection, address.get(), Address::size()) == 0 &&
                        write_all(connection, request + "\n") && read_line(connection, -1, line);
  ::close(connection);
  if (!answered)
    return failure(fmt::format("no rig answers at {}", socket.string()),
                   "name the run folder of a rig that runs, or the rig's own folder");
  auto answer = parse_json(std::make_shared<const Source>(Source{socket.string(), line}));
  if (!answer) return answer;
  const auto* ok = answer->find("ok");
  if (ok != nullptr && ok->number != 0) return answer;
  const auto *error = answer->find("error"), *hint = answer->find("hint");
  return failure(error != nullptr ? error->text : "the rig refuses", hint != nullptr ? hint->text : "");
}

Result<std::string> text_member(const JsonValue& request, const std::string& name) {
  const auto* value = request.find(name);
  if (value == nullptr || value->kind != JsonValue::Kind::string)
    return failure(fmt::format("the request has no text '{}'", name));
  return value->text;
}

}  // namespace looptwin::testbed

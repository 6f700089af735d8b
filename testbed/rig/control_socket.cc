#include "testbed/rig/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/json_tree.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestRequest = 64 * 1024;
/// So long who connects may take to ask, and to take the answer.
constexpr Duration kPatience = seconds(10);
/// Connections that have not asked yet: of more the oldest goes. As many requests are answered at a time.
constexpr size_t kMost = 64;
/// So long who asks waits for the answer: longer than the rig takes to say that there is none.
constexpr int kAnswerMs = 60'000;

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

/// Cuts a line that is whole at its end.
bool is_whole(std::string& line) {
  const auto end = line.find('\n');
  if (end != std::string::npos) line.resize(end);
  return end != std::string::npos;
}

/// Appends what is there; false where nothing more comes, or more than a request may have.
bool read_some(int from, int flags, std::string& line) {
  char buffer[4096];
  const auto got = ::recv(from, buffer, sizeof buffer, flags);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  line.append(buffer, static_cast<size_t>(got));
  return line.size() <= kLongestRequest || line.find('\n') <= kLongestRequest;
}

bool read_answer(int from, std::string& line) {
  while (!is_whole(line)) {
    pollfd ready{from, POLLIN, 0};
    const int n = ::poll(&ready, 1, kAnswerMs);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || !read_some(from, 0, line)) return false;
  }
  return true;
}

bool somebody_listens(const fs::path& path) {
  const Address address(path);
  const int probe = unix_socket();
  const bool yes = ::connect(probe, address.get(), Address::size()) == 0;
  ::close(probe);
  return yes;
}

std::string quoted(const std::string& text) { return dump_json(Json(text)); }

std::string refusal(const std::string& error, const std::string& hint) {
  return fmt::format("{{\"ok\": false, \"error\": {}, \"hint\": {}}}", quoted(error), quoted(hint));
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
  struct stat folder {};
  if (::stat(known.parent_path().c_str(), &folder) != 0 || folder.st_uid != ::geteuid())
    return failure(fmt::format("{} is not ours", known.parent_path().string()),
                   "set XDG_RUNTIME_DIR to a folder of your own");
  if (somebody_listens(made->path_))
    return failure(fmt::format("a rig '{}' runs already", name), "stop it, or give this one another name");
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
  answering_.clear();  // waits for them
  for (auto& one : coming_) drop(one);
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
  std::vector<pollfd> ready;
  for (;;) {
    ready = {{stop_, POLLIN, 0}, {listening_, POLLIN, 0}};
    for (const auto& one : coming_) ready.push_back({one.connection, POLLIN, 0});
    if (::poll(ready.data(), ready.size(), patience_ms()) < 0 && errno != EINTR) return;
    if (ready[0].revents != 0) return;
    std::erase_if(answering_, [](const auto& one) {
      return one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    for (size_t i = 0; i < coming_.size(); ++i) {
      if (ready[2 + i].revents != 0) read(coming_[i]);
      if (!coming_[i].over && coming_[i].until <= time_.now()) drop(coming_[i]);
    }
    if (ready[1].revents != 0) accept();
    std::erase_if(coming_, [](const Coming& one) { return one.over; });
  }
}

/// Up to the first deadline of a connection that has not asked yet; the oldest has it.
int ControlSocket::patience_ms() const {
  if (coming_.empty()) return -1;
  return 1 + static_cast<int>(std::max(Duration{}, coming_.front().until - time_.now()).ns / 1'000'000);
}

void ControlSocket::accept() {
  const int connection = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
  const auto oldest =
      std::find_if(coming_.begin(), coming_.end(), [](const Coming& one) { return !one.over; });
  // Also where this process has no descriptor left for one that may have more to say.
  if (oldest != coming_.end() && (connection < 0 || coming_.size() >= kMost)) drop(*oldest);
  if (connection < 0) return;
  const timeval patience{kPatience.ns / 1'000'000'000, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  coming_.push_back({connection, time_.now() + kPatience});
}

void ControlSocket::read(Coming& one) {
  if (!read_some(one.connection, MSG_DONTWAIT, one.line)) return drop(one);
  if (is_whole(one.line)) hand_over(one);
}

/// What takes its time is waited for elsewhere.
void ControlSocket::hand_over(Coming& one) {
  if (answering_.size() >= kMost) {
    write_all(one.connection, refusal(fmt::format("the rig answers {} requests already", kMost), "") + "\n");
    return drop(one);
  }
  one.over = true;
  answering_.push_back(
      std::async(std::launch::async, [this, connection = one.connection, line = std::move(one.line)] {
        write_all(connection, answer(line) + "\n");
        ::close(connection);
      }));
}

void ControlSocket::drop(Coming& one) {
  if (!std::exchange(one.over, true)) ::close(one.connection);
}

std::string ControlSocket::answer(const std::string& line) const {
  const auto request = parse_json(std::make_shared<const Source>(Source{"request", line}));
  const JsonValue* name = request ? request->find("do") : nullptr;
  if (name == nullptr || name->kind != JsonValue::Kind::string)
    return refusal("a request is a line of JSON with a text 'do'", "{\"do\": \"status\"}");
  const auto handler = handlers_.find(name->text);
  if (handler == handlers_.end()) {
    std::string known;
    for (const auto& [one, handle] : handlers_) known += (known.empty() ? "" : ", ") + one;
    return refusal(fmt::format("a rig has no '{}'", name->text), "write one of " + known);
  }
  const auto done = handler->second(*request);
  if (!done) return refusal(done.error().front().message, done.error().front().hint);
  return done->empty() ? "{\"ok\": true}" : fmt::format("{{\"ok\": true, {}}}", *done);
}

Result<JsonValue> ask_rig(const fs::path& socket, const std::string& request) {
  const Address address(socket);
  const int connection = unix_socket();
  std::string line;
  const bool answered = ::connect(connection, address.get(), Address::size()) == 0 &&
                        write_all(connection, request + "\n") && read_answer(connection, line);
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

// The way to a rig that runs, over a real socket.
#include "testbed/rig/control_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <future>
#include <vector>

#include "tests/testbed/loading.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

std::string error_of(const Result<JsonValue>& answer) {
  return answer ? "" : answer.error()[0].message + " | " + answer.error()[0].hint;
}

/// A connection on which a request begins, and no more of it comes.
class Silent {
 public:
  explicit Silent(const std::filesystem::path& at) : connection_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, at.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::connect(connection_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::send(connection_, "{", 1, MSG_NOSIGNAL) == 1);
  }
  Silent(Silent&& other) noexcept : connection_(std::exchange(other.connection_, -1)) {}
  ~Silent() {
    if (connection_ >= 0) ::close(connection_);
  }
  /// Waits until the other end closes it without a word.
  bool is_closed() const {
    char byte = 0;
    return ::recv(connection_, &byte, 1, 0) <= 0;
  }

 private:
  int connection_;
};

std::string rig_name() { return "rig-of-" + std::to_string(::getpid()); }

}  // namespace

TEST_CASE("control: a request is answered by its handler, what it refuses with its reason and hint") {
  const test::Folder folder;
  auto control = ControlSocket::open(folder.path() / kSocketFile, rig_name());
  REQUIRE(control.has_value());
  (*control)->on("add", [](const JsonValue& request) -> Result<std::string> {
    const auto who = text_member(request, "who");
    if (!who) return who;
    if (*who == "nobody") return failure("nobody is not \"added\"", "name somebody");
    return "\"who\": \"" + *who + "\"";
  });
  (*control)->start();
  for (const auto& where : {folder.path() / kSocketFile, socket_of(rig_name())}) {
    const auto answer = ask_rig(where, R"({"do": "add", "who": "anna"})");
    REQUIRE(answer.has_value());
    CHECK(answer->find("who")->text == "anna");
  }
  const auto ask = [&](const char* request) {
    return error_of(ask_rig(folder.path() / kSocketFile, request));
  };
  CHECK(ask(R"({"do": "add", "who": "nobody"})") == "nobody is not \"added\" | name somebody");
  CHECK(ask(R"({"do": "add"})") == "the request has no text 'who' | ");
  CHECK(ask(R"({"do": "subtract"})") == "a rig has no 'subtract' | write one of add");
  CHECK(ask("add") == R"(a request is a line of JSON with a text 'do' | {"do": "status"})");
  CHECK(ask(std::string(100'000, 'x').c_str()).find("no rig answers at") == 0);
}

TEST_CASE("control: connections that say nothing keep nobody waiting, and of many the oldest goes") {
  const test::Folder folder;
  auto control = ControlSocket::open(folder.path() / kSocketFile, rig_name());
  REQUIRE(control.has_value());
  (*control)->on("ping", [](const JsonValue&) -> Result<std::string> { return std::string(); });
  (*control)->start();
  std::vector<Silent> silent;
  for (int n = 0; n < 100; ++n) silent.emplace_back(folder.path() / kSocketFile);
  CHECK(ask_rig(folder.path() / kSocketFile, R"({"do": "ping"})").has_value());
  CHECK(silent.front().is_closed());
}

TEST_CASE("control: a connection on which no request comes is closed after a while, whoever else asks") {
  const test::Folder folder;
  auto control = ControlSocket::open(folder.path() / kSocketFile, rig_name());
  REQUIRE(control.has_value());
  (*control)->start();
  const Silent silent(folder.path() / kSocketFile);
  CHECK(silent.is_closed());
}

TEST_CASE("control: a request that takes its time keeps no other one waiting") {
  const test::Folder folder;
  auto control = ControlSocket::open(folder.path() / kSocketFile, rig_name());
  REQUIRE(control.has_value());
  std::promise<void> released;
  (*control)->on("wait", [&, ready = released.get_future().share()](const JsonValue&) -> Result<std::string> {
    if (ready.wait_for(std::chrono::seconds(50)) != std::future_status::ready) return failure("never");
    return std::string();
  });
  (*control)->on("release", [&](const JsonValue&) -> Result<std::string> {
    released.set_value();
    return std::string();
  });
  (*control)->start();
  const auto ask = [&](const char* request) {
    return error_of(ask_rig(folder.path() / kSocketFile, request));
  };
  // Connected before the other one asks.
  std::vector<std::future<std::string>> waiting;
  for (int n = 0; n < 8; ++n)
    waiting.push_back(std::async(std::launch::async, [&] { return ask(R"({"do": "wait"})"); }));
  CHECK(ask(R"({"do": "release"})").empty());
  for (auto& one : waiting) CHECK(one.get().empty());
}

TEST_CASE("control: a path that is too long for an address is reached all the same") {
  const test::Folder folder;
  const auto deep = folder.path() / std::string(90, 'x') / std::string(90, 'y');
  std::filesystem::create_directories(deep);
  auto control = ControlSocket::open(deep / kSocketFile, rig_name());
  REQUIRE(control.has_value());
  (*control)->on("ping", [](const JsonValue&) -> Result<std::string> { return std::string(); });
  (*control)->start();
  CHECK(ask_rig(deep / kSocketFile, R"({"do": "ping"})").has_value());
}

TEST_CASE("control: what is closed leaves nothing behind, and says that nobody answers") {
  const test::Folder folder;
  {
    auto control = ControlSocket::open(folder.path() / kSocketFile, rig_name());
    REQUIRE(control.has_value());
    (*control)->start();
    CHECK(std::filesystem::exists(folder.path() / kSocketFile));
  }
  CHECK_FALSE(std::filesystem::exists(folder.path() / kSocketFile));
  CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(socket_of(rig_name()))));
  CHECK(error_of(ask_rig(folder.path() / kSocketFile, "{}")).find("no rig answers at") == 0);
}

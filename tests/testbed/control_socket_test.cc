// The way to a rig that runs, over a real socket.
#include "testbed/rig/control_socket.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/testbed/loading.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

std::string error_of(const Result<JsonValue>& answer) {
  return answer ? "" : answer.error()[0].message + " | " + answer.error()[0].hint;
}

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
  const auto ask = [&](const char* request) { return error_of(ask_rig(folder.path() / kSocketFile, request)); };
  CHECK(ask(R"({"do": "add", "who": "nobody"})") == "nobody is not \"added\" | name somebody");
  CHECK(ask(R"({"do": "add"})") == "the request has no text 'who' | ");
  CHECK(ask(R"({"do": "subtract"})") == "a rig has no 'subtract' | write one of add");
  CHECK(ask("add") == R"(a request is a line of JSON with a text 'do' | {"do": "status"})");
  CHECK(ask(std::string(100'000, 'x').c_str()).find("no rig answers at") == 0);
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

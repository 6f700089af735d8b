// The way to a rig that runs: a Unix socket in its run folder that takes one line of JSON a request,
// {"do": "swap", …}, and answers with one, {"ok": true, …} or {"ok": false, "error": …, "hint": …}. What may
// be asked for is a table of named handlers. Nobody waits for somebody else: not behind a connection that
// says nothing, nor behind a request that takes its time.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "hil/steady_time.h"

namespace looptwin::testbed {

class ControlSocket {
 public:
  /// Gets the request's members, and gives what is said beside "ok", members of JSON ("\"at\": 3.2") or
  /// nothing. Called in a thread of the request's own, beside those of others.
  using Handler = std::function<Result<std::string>(const JsonValue& request)>;

  /// Requests are answered once start() was called; handlers are added before. `name`: also found by this, in
  /// the user's own folder for such things.
  static Result<std::unique_ptr<ControlSocket>> open(const std::filesystem::path& path,
                                                     const std::string& name);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  void on(const std::string& name, Handler handler) { handlers_[name] = std::move(handler); }
  void start();

 private:
  /// One whose request is not whole yet.
  struct Coming {
    int connection = -1;
    Duration until{};  ///< then it has to be
    std::string line{};
    bool over = false;  ///< it is closed, or has its answer from elsewhere
  };
  ControlSocket() = default;
  void serve();
  void accept();
  void read(Coming& one);
  void hand_over(Coming& one);
  void drop(Coming& one);
  int patience_ms() const;
  std::string answer(const std::string& line) const;

  std::filesystem::path path_, link_;
  int listening_ = -1, stop_ = -1;
  std::map<std::string, Handler> handlers_;
  hil::MachineTime time_;
  std::vector<Coming> coming_;  ///< in the order in which they came
  std::vector<std::future<void>> answering_;
  std::thread thread_;
};

/// Where the socket of a run without a folder is, and where those of others are found by name: under
/// $XDG_RUNTIME_DIR, or a folder of the user's in /tmp.
std::filesystem::path socket_of(const std::string& rig);
inline constexpr const char* kSocketFile = "control.socket";

/// Sends one request, and gives the answer's members; the reasons why it was refused are the diagnostics.
Result<JsonValue> ask_rig(const std::filesystem::path& socket, const std::string& request);

/// A request's text member; the error says what is missing.
Result<std::string> text_member(const JsonValue& request, const std::string& name);

}  // namespace looptwin::testbed

// Who may come in at the broker, and who may say and hear what: the registry's answers, from its view. One
// thread; nothing here waits for anything. Whoever is a device has its id for its client id, so that nobody
// can take over another's session.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hil/broker_view.h"

namespace looptwin::hil {

/// Why somebody was refused something.
enum class Violation : uint8_t {
  unknown_device,  ///< the registry does not have it
  no_credential,   ///< it shows none, or the registry has none of it
  wrong_secret,
  not_admitted,    ///< it is suspended or retired
  foreign_client,  ///< its client id is not its own
  publish,         ///< on a topic that is not its own
  subscribe,
  will,   ///< its will was for a topic that is not its own: nobody has seen it
  flood,  ///< more messages in a second than are taken of one device
};
inline constexpr size_t kViolations = 9;
std::string_view name_of(Violation violation);
std::optional<Violation> violation(std::string_view name);

/// What a client shows when it connects. No user and no certificate: empty.
struct Presented {
  std::string_view client;
  std::string_view user, secret;
  std::string_view certificate;  ///< the common name of a certificate that the broker has verified
};

/// Whether a slow hash fits; absent: it is being found out.
using SlowCheck =
    std::function<std::optional<bool>(const BrokerView::Device& device, std::string_view secret)>;

class BrokerAccess {
 public:
  explicit BrokerAccess(BrokerView view);
  BrokerAccess(const BrokerAccess&) = delete;
  BrokerAccess& operator=(const BrokerAccess&) = delete;

  struct Admission {
    enum class Answer : uint8_t { yes, no, later } answer = Answer::no;
    Violation why = Violation::unknown_device;  ///< of no
  };
  Admission admit(const Presented& presented, const SlowCheck& slow) const;

  bool is_host(std::string_view user) const;
  const BrokerView::Device* device(std::string_view id) const;
  bool may_say(const BrokerView::Device& device, std::string_view topic) const;
  /// Its commands, and what it says itself.
  bool may_hear(const BrokerView::Device& device, std::string_view topic) const;
  /// A topic that it may hear, or a filter below such a topic's part that has its id.
  bool may_subscribe(const BrokerView::Device& device, std::string_view filter) const;

  const BrokerView& view() const { return view_; }

 private:
  Admission admit_secret(const BrokerView::Device& device, const Presented& presented,
                         const SlowCheck& slow) const;

  BrokerView view_;
  std::unordered_map<std::string_view, size_t> by_id_;
};

}  // namespace looptwin::hil

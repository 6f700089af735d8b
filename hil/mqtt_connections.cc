#include "hil/mqtt_connections.h"

// One thread runs all handlers: a fence between them orders nothing, and is beyond the thread sanitizer.
#define BOOST_ASIO_DISABLE_FENCED_BLOCK

#include <fcntl.h>
#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <span>
#include <stdexcept>
#include <thread>

#include "base/check.h"
#include "base/hash.h"
#include "hil/mosquitto_client.h"
#include "hil/steady_time.h"

namespace looptwin::hil {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

constexpr Duration kFirstPause = seconds(1), kLongestPause = seconds(30);
constexpr Duration kStays = seconds(10);       ///< a connection that lasts so long is a good one
constexpr Duration kLook = milliseconds(500);  ///< how often keep-alives are looked after
constexpr size_t kMostConnecting = 50;         ///< at once: a broker's queue of those who knock is short
constexpr int kMostInFlight = 100;
constexpr int kLeastRefusal = 0x80;  ///< of a broker's reasons, and of what it grants

std::chrono::nanoseconds in_ns(Duration d) { return std::chrono::nanoseconds(d.ns); }

}  // namespace

/// The thread, and all that is done in it.
class MqttConnections::Loop {
 public:
  struct Connection;

  /// Throws where there are no descriptors, or no thread, for it.
  Loop(std::vector<Account> accounts, Events events, BrokerAddress broker);
  /// What was asked for before is done.
  ~Loop();

  /// Has it done in the thread, after what was asked for before. `what`: called with the loop and the
  /// connection.
  template <typename What>
  void post(size_t connection, What what) {
    LT_CHECK(connection < all_.size(), "it has an account");
    asio::post(io_, [this, &one = *all_[connection], what = std::move(what)]() mutable {
      std::invoke(what, *this, one);
    });
  }
  void connect(Connection& one);
  void drop(Connection& one);
  void leave(Connection& one);
  void send(Connection& one, const Outgoing& message);
  ConnectionCounters counters() const;

 private:
  struct Calls;

  bool prepare(Connection& one);
  void knock(Connection& one);
  void admit();
  void attempt(Connection& one);
  void try_again(Connection& one);
  void answered(Connection& one);
  void wait(Connection& one, Duration time);
  void waited(Connection& one);
  bool hold(Connection& one);
  void let_go(Connection& one);
  void watch(Connection& one);
  void await(Connection& one, Descriptor::wait_type what, bool Connection::*waits,
             void (Loop::*then)(Connection&));
  void read(Connection& one);
  void write(Connection& one);
  void look_after_all();
  void joined(Connection& one, int reason);
  void subscribed(Connection& one, int packet, std::span<const int> granted);
  void lost(Connection& one, int reason);
  void end_by_force(Connection& one);

  const Events events_;
  const BrokerAddress broker_;
  const MachineTime time_;
  std::atomic<uint64_t> there_{0}, subscribed_{0}, joined_{0}, lost_{0}, refused_{0}, taken_over_{0};
  std::atomic<uint64_t> sent_{0}, delivered_{0}, dropped_{0}, denied_{0};
  asio::io_context io_{1};
  asio::steady_timer look_{io_};
  std::vector<std::unique_ptr<Connection>> all_;
  std::deque<Connection*> knocking_;  ///< who waits until fewer are being connected
  size_t connecting_ = 0;
  std::thread thread_;
};

struct MqttConnections::Loop::Connection {
  Loop& loop;
  size_t index;
  Account account;
  asio::steady_timer timer;  ///< the next attempt, or the end of this one
  Descriptor socket;         ///< the same as the library's: open as long as that is
  uint64_t sockets = 0;      ///< that it has had before
  MosquittoClient client = nullptr;
  MosquittoProperties origin = nullptr;  ///< what each message says
  bool reads = false, writes = false;    ///< whether it waits until it can
  bool wanted = false, knocking = false, connecting = false, there = false, leaving = false;
  bool has_peer = false;              ///< somebody is at the other end
  bool has_host = false;              ///< the library knows where the broker is
  Duration since{};                   ///< that it is there
  uint32_t attempts = 0;              ///< since it was there for a while
  Attempt attempt{~uint64_t{0}, {}};  ///< the last
  std::vector<AskedFilters> asking;   ///< subscriptions that are not answered yet
  uint64_t waiting = 0;               ///< published, and the broker does not have it yet
};

/// The library's callbacks.
struct MqttConnections::Loop::Calls {
  static Connection& of(void* self) { return *static_cast<Connection*>(self); }
  static void joined(mosquitto*, void* self, int reason, int, const mosquitto_property*) {
    of(self).loop.joined(of(self), reason);
  }
  static void lost(mosquitto*, void* self, int reason, const mosquitto_property*) {
    of(self).loop.lost(of(self), reason);
  }
  static void delivered(mosquitto*, void* self, int, int reason, const mosquitto_property*) {
    --of(self).waiting;
    ++of(self).loop.delivered_;
    if (reason >= kLeastRefusal) ++of(self).loop.denied_;
  }
  static void subscribed(mosquitto*, void* self, int packet, int count, const int* granted,
                         const mosquitto_property*) {
    of(self).loop.subscribed(of(self), packet, {granted, static_cast<size_t>(count)});
  }
  static void heard(mosquitto*, void* self, const mosquitto_message* m, const mosquitto_property* said) {
    const auto& loop = of(self).loop;
    if (!loop.events_.heard) return;
    MqttMessage message{
        .topic = m->topic,
        .payload = std::string(static_cast<const char*>(m->payload), static_cast<size_t>(m->payloadlen)),
        .retained = m->retain,
        .received = loop.time_.now(),
        .qos = static_cast<uint8_t>(m->qos)};
    take_properties(message, said);
    loop.events_.heard(of(self).index, std::move(message));
  }
};

MqttConnections::MqttConnections(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
MqttConnections::~MqttConnections() = default;

Result<std::unique_ptr<MqttConnections>> MqttConnections::start(std::vector<Account> accounts,
                                                                Events events) {
  BrokerAddress broker;
  if (!accounts.empty()) {
    const auto& url = accounts.front().options.broker;
    const auto where = broker_address(url);
    if (!where)
      return failure(fmt::format("'{}' is no address of a broker", url),
                     "write mqtt://HOST:PORT, or mqtts://HOST:PORT");
    broker = *where;
  }
  try {
    auto loop = std::make_unique<Loop>(std::move(accounts), std::move(events), std::move(broker));
    return std::unique_ptr<MqttConnections>(new MqttConnections(std::move(loop)));
  } catch (const std::runtime_error& problem) {
    return failure(fmt::format("no descriptors, or no thread, for connections: {}", problem.what()));
  }
}

void MqttConnections::connect(size_t connection) { loop_->post(connection, &Loop::connect); }
void MqttConnections::drop(size_t connection) { loop_->post(connection, &Loop::drop); }
void MqttConnections::leave(size_t connection) { loop_->post(connection, &Loop::leave); }
void MqttConnections::publish(size_t connection, Outgoing message) {
  loop_->post(connection,
              [message = std::move(message)](Loop& loop, Loop::Connection& one) { loop.send(one, message); });
}

ConnectionCounters MqttConnections::counters() const { return loop_->counters(); }

MqttConnections::Loop::Loop(std::vector<Account> accounts, Events events, BrokerAddress broker)
    : events_(std::move(events)), broker_(std::move(broker)) {
  for (auto& account : accounts)
    all_.push_back(std::make_unique<Connection>(
        Connection{*this, all_.size(), std::move(account), asio::steady_timer(io_), Descriptor(io_)}));
  if (all_.empty()) return;
  look_after_all();
  thread_ = std::thread([this] { io_.run(); });
}

MqttConnections::Loop::~Loop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { io_.stop(); });
  thread_.join();
}

ConnectionCounters MqttConnections::Loop::counters() const {
  return {there_, subscribed_, joined_, lost_, refused_, taken_over_, sent_, delivered_, dropped_, denied_};
}

void MqttConnections::Loop::connect(Connection& one) {
  if (one.wanted) return;
  one.wanted = true;
  one.leaving = false;
  one.attempts = 0;
  prepare(one);
  knock(one);
}

void MqttConnections::Loop::drop(Connection& one) {
  one.wanted = false;
  end_by_force(one);
}

void MqttConnections::Loop::leave(Connection& one) {
  one.wanted = false;
  one.leaving = one.there;
  if (!one.there) end_by_force(one);
  watch(one);
}

void MqttConnections::Loop::send(Connection& one, const Outgoing& message) {
  if (!one.wanted || one.waiting >= kMostWaiting || one.client == nullptr) {
    ++dropped_;
    return;
  }
  const int sent = ::mosquitto_publish_v5(one.client.get(), nullptr, message.topic.c_str(),
                                          static_cast<int>(message.payload.size()), message.payload.data(),
                                          message.qos, message.retain, one.origin.get());
  // Without a connection, or one that breaks, it waits in the client, if it is to be acknowledged.
  const bool broken = sent == MOSQ_ERR_NO_CONN || sent == MOSQ_ERR_CONN_LOST || sent == MOSQ_ERR_ERRNO;
  const bool kept = sent == MOSQ_ERR_SUCCESS || (broken && message.qos > 0);
  ++(kept ? sent_ : dropped_);
  if (kept) ++one.waiting;
  watch(one);
}

/// Whether it has a client, in which messages may wait.
bool MqttConnections::Loop::prepare(Connection& one) {
  if (one.client != nullptr) return true;
  const auto& options = one.account.options;
  one.client = make_mosquitto_client(options, one.account.fresh, &one);
  if (one.client == nullptr) return false;
  one.origin = origin_property(options);
  ::mosquitto_max_inflight_messages_set(one.client.get(), kMostInFlight);
  ::mosquitto_connect_v5_callback_set(one.client.get(), Calls::joined);
  ::mosquitto_disconnect_v5_callback_set(one.client.get(), Calls::lost);
  ::mosquitto_publish_v5_callback_set(one.client.get(), Calls::delivered);
  ::mosquitto_subscribe_v5_callback_set(one.client.get(), Calls::subscribed);
  ::mosquitto_message_v5_callback_set(one.client.get(), Calls::heard);
  return true;
}

/// It connects when it is its turn.
void MqttConnections::Loop::knock(Connection& one) {
  if (one.knocking) return;
  one.knocking = true;
  knocking_.push_back(&one);
  admit();
}

/// Not at once: an attempt that fails by itself makes room for the next, and that for the next.
void MqttConnections::Loop::admit() {
  asio::post(io_, [this] {
    while (!knocking_.empty() && connecting_ < kMostConnecting) {
      Connection& one = *knocking_.front();
      knocking_.pop_front();
      one.knocking = false;
      if (one.wanted && !one.connecting && !one.there) attempt(one);
    }
  });
}

void MqttConnections::Loop::attempt(Connection& one) {
  if (!prepare(one)) return try_again(one);
  one.connecting = true;
  one.has_peer = false;
  one.attempt = {one.attempt.number + 1, civil_time()};
  set_mosquitto_will(one.client.get(), one.account.options, one.attempt);
  ++connecting_;
  wait(one, one.account.options.patience);
  const int tried = one.has_host ? ::mosquitto_reconnect_async(one.client.get())
                                 : connect_mosquitto_client(one.client.get(), broker_, one.account.options,
                                                            one.account.fresh);
  one.has_host = true;
  if (tried != MOSQ_ERR_SUCCESS) return lost(one, tried);
  if (!hold(one)) return end_by_force(one);
  watch(one);
}

/// Later and later, and not all at once.
void MqttConnections::Loop::try_again(Connection& one) {
  if (!one.wanted) return;
  const uint32_t doubled = std::min(one.attempts, 5u);
  const Duration pause = std::min(kLongestPause, Duration{kFirstPause.ns << doubled});
  const uint64_t spread = hash64(fmt::format("{} {}", one.account.options.client_id, one.attempts++)) % 512;
  wait(one, Duration{pause.ns / 2 + static_cast<int64_t>(spread) * (pause.ns / 2) / 512});
}

/// It is there, or will not be: another one may be connected.
void MqttConnections::Loop::answered(Connection& one) {
  if (!one.connecting) return;
  one.connecting = false;
  --connecting_;
  if (!knocking_.empty()) admit();
}

void MqttConnections::Loop::wait(Connection& one, Duration time) {
  one.timer.expires_after(in_ns(time));
  one.timer.async_wait([this, &one](error_code ended) {
    // A timer that was set again after it had expired is not ended any more, and has not expired.
    if (!ended && one.timer.expiry() <= asio::steady_timer::clock_type::now()) waited(one);
  });
}

void MqttConnections::Loop::waited(Connection& one) {
  if (one.connecting) return end_by_force(one);
  if (one.wanted && !one.there) knock(one);
}

/// The library closes its descriptor by itself: ours of the same socket stays what it is until we close it.
bool MqttConnections::Loop::hold(Connection& one) {
  const int fd = ::fcntl(::mosquitto_socket(one.client.get()), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return false;
  error_code failed;
  one.socket.assign(fd, failed);
  if (failed) ::close(fd);
  return !failed;
}

/// As soon as the library has: the socket ends with the last of its descriptors.
void MqttConnections::Loop::let_go(Connection& one) {
  if (!one.socket.is_open()) return;
  error_code ignored;
  one.socket.close(ignored);
  ++one.sockets;
  one.reads = one.writes = false;
}

/// After anything that was done with it: what is waited for now.
void MqttConnections::Loop::watch(Connection& one) {
  if (one.client == nullptr) return;
  if (one.leaving && one.there && one.waiting == 0) ::mosquitto_disconnect(one.client.get());
  if (::mosquitto_socket(one.client.get()) < 0) return let_go(one);
  await(one, Descriptor::wait_read, &Connection::reads, &Loop::read);
  // Where it is being connected to the library does not say that it waits to write.
  if ((one.connecting && !one.has_peer) || ::mosquitto_want_write(one.client.get()))
    await(one, Descriptor::wait_write, &Connection::writes, &Loop::write);
}

void MqttConnections::Loop::await(Connection& one, Descriptor::wait_type what, bool Connection::*waits,
                                  void (Loop::*then)(Connection&)) {
  if (one.*waits) return;
  one.*waits = true;
  one.socket.async_wait(what, [this, &one, waits, then, socket = one.sockets](error_code ended) {
    if (ended || socket != one.sockets) return;
    one.*waits = false;
    (this->*then)(one);
    watch(one);
  });
}

/// One packet, and what has come with it: a look at how much there is costs less than another wait.
void MqttConnections::Loop::read(Connection& one) {
  constexpr int kMostAtOnce = 100;  // the others are served in between
  int there = 1;
  for (int i = 0; i < kMostAtOnce && there > 0; ++i) {
    if (::mosquitto_loop_read(one.client.get(), 1) != MOSQ_ERR_SUCCESS) return;
    const int fd = ::mosquitto_socket(one.client.get());
    if (fd < 0 || ::ioctl(fd, FIONREAD, &there) != 0) return;
  }
}

void MqttConnections::Loop::write(Connection& one) {
  ::mosquitto_loop_write(one.client.get(), 1);
  one.has_peer = true;
}

void MqttConnections::Loop::look_after_all() {
  look_.expires_after(in_ns(kLook));
  look_.async_wait([this](error_code ended) {
    if (ended) return;
    for (auto& one : all_) {
      if (!one->socket.is_open()) continue;
      ::mosquitto_loop_misc(one->client.get());
      watch(*one);
    }
    look_after_all();
  });
}

void MqttConnections::Loop::joined(Connection& one, int reason) {
  if (reason != 0) {  // it is closed by the broker, or by what follows
    ++refused_;
    return;
  }
  answered(one);
  one.there = true;
  one.since = time_.now();
  ++there_;
  ++joined_;
  one.asking = subscribe_mosquitto_client(one.client.get(), one.account.filters);
  if (events_.joined) events_.joined(one.index, one.attempt);
}

void MqttConnections::Loop::subscribed(Connection& one, int packet, std::span<const int> granted) {
  const auto asked = std::find_if(one.asking.begin(), one.asking.end(),
                                  [&](const auto& filters) { return filters.packet == packet; });
  if (asked == one.asking.end()) return;
  for (size_t i = 0; i < granted.size(); ++i) {
    if (granted[i] < kLeastRefusal) continue;
    ++denied_;
    if (events_.refused) events_.refused(one.index, one.account.filters.at(asked->first + i));
  }
  one.asking.erase(asked);
  if (one.asking.empty()) ++subscribed_;
}

void MqttConnections::Loop::lost(Connection& one, int reason) {
  if (!one.connecting && !one.there) return;  // it has been told before
  answered(one);
  if (one.there) {
    one.there = false;
    // One that is thrown out as soon as it is there would only throw out somebody else of its name again.
    if (time_.now() > one.since + kStays) one.attempts = 0;
    --there_;
    if (one.wanted) ++lost_;
    if (events_.lost) events_.lost(one.index);
  }
  one.leaving = false;
  // Not all brokers say so.
  if (reason == MQTT_RC_SESSION_TAKEN_OVER) {
    ++taken_over_;
    one.wanted = false;
  }
  try_again(one);
}

void MqttConnections::Loop::end_by_force(Connection& one) {
  const int fd = one.client != nullptr ? ::mosquitto_socket(one.client.get()) : -1;
  if (fd < 0) return;
  ::shutdown(fd, SHUT_RDWR);
  // The library finds out by reading, and says so; but not while it still waits for an answer.
  for (int i = 0; i < 1000 && ::mosquitto_socket(one.client.get()) >= 0; ++i)
    ::mosquitto_loop_read(one.client.get(), 1);
  if (::mosquitto_socket(one.client.get()) < 0) return watch(one);
  one.client.reset();
  one.has_host = false;
  one.waiting = 0;
  let_go(one);
  lost(one, MOSQ_ERR_CONN_LOST);
}

}  // namespace looptwin::hil

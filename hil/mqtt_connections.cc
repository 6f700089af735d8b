#include "hil/mqtt_connections.h"

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>

#include "base/hash.h"
#include "hil/broker_address.h"
#include "hil/message_properties.h"

namespace looptwin::hil {
namespace {

constexpr Duration kFirstPause = seconds(1), kLongestPause = seconds(30);
constexpr Duration kStays = seconds(10);       ///< a connection that lasts so long is a good one
constexpr Duration kLook = milliseconds(500);  ///< how often keep-alives and attempts are looked after
constexpr size_t kMostConnecting = 50;         ///< at once: a broker's queue of those who knock is short
constexpr int kMostInFlight = 100;
constexpr int kQos = 1;
constexpr uint32_t kSessionKept = 3600;  // s
constexpr uint64_t kWakes = ~uint64_t{0};

struct Properties {
  mosquitto_property* list = nullptr;
  ~Properties() { ::mosquitto_property_free_all(&list); }
};

void take_properties(MqttMessage& message, const mosquitto_property* properties) {
  char *name = nullptr, *value = nullptr;
  bool skip = false;
  while ((properties = ::mosquitto_property_read_string_pair(properties, MQTT_PROP_USER_PROPERTY, &name,
                                                             &value, skip)) != nullptr) {
    take_property(message, name, value);
    ::free(name);
    ::free(value);
    skip = true;
  }
}

}  // namespace

struct MqttConnections::Connection {
  MqttConnections& all;
  size_t index;
  Account account;
  MosquittoClient client;
  Properties origin;  ///< what each message says
  int watched = -1;   ///< its descriptor, as epoll knows it
  uint32_t events = 0;
  bool wanted = false, connecting = false, there = false, leaving = false;
  bool answered = false;  ///< somebody is at the other end
  bool has_host = false;  ///< the library knows where the broker is
  Duration due{};         ///< of the next attempt, or of the end of this one
  Duration since{};       ///< that it is there
  uint32_t attempts = 0;  ///< since it was there for a while
  size_t asking = 0;      ///< subscriptions that are not agreed to yet
  uint64_t waiting = 0;   ///< published, and the broker does not have it yet
};

/// The library's callbacks.
struct MqttConnections::Calls {
  static Connection& of(void* self) { return *static_cast<Connection*>(self); }
  static void joined(mosquitto*, void* self, int reason, int, const mosquitto_property*) {
    of(self).all.joined(of(self), reason);
  }
  static void lost(mosquitto*, void* self, int reason, const mosquitto_property*) {
    of(self).all.lost(of(self), reason);
  }
  static void delivered(mosquitto*, void* self, int, int, const mosquitto_property*) {
    --of(self).waiting;
    ++of(self).all.delivered_;
  }
  static void subscribed(mosquitto*, void* self, int, int, const int*, const mosquitto_property*) {
    if (--of(self).asking == 0) ++of(self).all.subscribed_;
  }
  static void heard(mosquitto*, void* self, const mosquitto_message* m, const mosquitto_property* said) {
    const auto& all = of(self).all;
    if (!all.events_.heard) return;
    MqttMessage message{
        .topic = m->topic,
        .payload = std::string(static_cast<const char*>(m->payload), static_cast<size_t>(m->payloadlen)),
        .retained = m->retain,
        .received = all.time_.now(),
        .qos = static_cast<uint8_t>(m->qos)};
    take_properties(message, said);
    all.events_.heard(of(self).index, std::move(message));
  }
};

MqttConnections::MqttConnections(std::vector<Account> accounts, Events events) : events_(std::move(events)) {
  for (auto& account : accounts)
    all_.push_back(std::make_unique<Connection>(Connection{*this, all_.size(), std::move(account)}));
}

Result<std::unique_ptr<MqttConnections>> MqttConnections::start(std::vector<Account> accounts,
                                                                Events events) {
  std::unique_ptr<MqttConnections> made(new MqttConnections(std::move(accounts), std::move(events)));
  if (made->all_.empty()) return made;
  const auto& broker = made->all_.front()->account.options.broker;
  const auto where = broker_address(broker);
  if (!where)
    return failure(fmt::format("'{}' is no address of a broker", broker),
                   "write mqtt://HOST:PORT, or mqtts://HOST:PORT");
  made->host_ = where->host;
  made->port_ = where->port;
  made->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  made->wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event wakes{.events = EPOLLIN, .data = {.u64 = kWakes}};
  if (made->epoll_ < 0 || made->wake_ < 0 ||
      ::epoll_ctl(made->epoll_, EPOLL_CTL_ADD, made->wake_, &wakes) != 0)
    return failure(fmt::format("no descriptors for connections: {}", std::strerror(errno)));
  made->thread_ = std::thread([all = made.get()] { all->run(); });
  return made;
}

MqttConnections::~MqttConnections() {
  stop_ = true;
  if (thread_.joinable()) {
    post({});
    thread_.join();
  }
  for (auto& one : all_) one->client.reset();
  if (wake_ >= 0) ::close(wake_);
  if (epoll_ >= 0) ::close(epoll_);
}

void MqttConnections::connect(size_t connection) { post({Task::Kind::connect, connection}); }
void MqttConnections::drop(size_t connection) { post({Task::Kind::drop, connection}); }
void MqttConnections::leave(size_t connection) { post({Task::Kind::leave, connection}); }
void MqttConnections::publish(size_t connection, Outgoing message) {
  post({Task::Kind::publish, connection, std::move(message)});
}

void MqttConnections::post(Task task) {
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  if (first && ::write(wake_, &one, sizeof one) < 0) return;  // it is awake
}

ConnectionCounters MqttConnections::counters() const {
  return {there_, subscribed_, joined_, lost_, refused_, taken_over_, sent_, delivered_, dropped_};
}

void MqttConnections::run() {
  std::array<epoll_event, 256> ready;
  while (!stop_) {
    const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()),
                                   static_cast<int>(kLook.ns / 1'000'000));
    for (const auto& event : std::span(ready).first(static_cast<size_t>(std::max(count, 0)))) {
      uint64_t ignored = 0;
      if (event.data.u64 != kWakes)
        serve(*all_[event.data.u64], event.events);
      else if (::read(wake_, &ignored, sizeof ignored) < 0)
        continue;
    }
    work();
    look_after_all();
  }
  work();  // what was posted before the end
}

void MqttConnections::work() {
  {
    const std::scoped_lock lock(mutex_);
    std::swap(tasks_, working_);
  }
  for (auto& task : working_)
    if (task.connection < all_.size()) perform(task);
  working_.clear();
}

void MqttConnections::perform(Task& task) {
  Connection& one = *all_[task.connection];
  switch (task.kind) {
    case Task::Kind::connect:
      if (stop_ || one.wanted) return;
      one.wanted = true;
      one.leaving = false;
      one.attempts = 0;
      one.due = time_.now();
      prepare(one);
      attempts_.emplace(one.due, one.index);
      return;
    case Task::Kind::drop:
      one.wanted = false;
      attempts_.erase({one.due, one.index});
      end_by_force(one);
      return;
    case Task::Kind::leave:
      one.wanted = false;
      attempts_.erase({one.due, one.index});
      one.leaving = one.there;
      if (!one.there) end_by_force(one);
      return watch(one);
    case Task::Kind::publish:
      return send(one, task.message);
  }
}

void MqttConnections::send(Connection& one, const Outgoing& message) {
  if (!one.wanted || one.waiting >= kMostWaiting || one.client == nullptr) {
    ++dropped_;
    return;
  }
  const int sent = ::mosquitto_publish_v5(one.client.get(), nullptr, message.topic.c_str(),
                                          static_cast<int>(message.payload.size()), message.payload.data(),
                                          message.qos, message.retain, one.origin.list);
  // Without a connection, or one that breaks, it waits in the client, if it is to be acknowledged.
  const bool broken = sent == MOSQ_ERR_NO_CONN || sent == MOSQ_ERR_CONN_LOST || sent == MOSQ_ERR_ERRNO;
  const bool kept = sent == MOSQ_ERR_SUCCESS || (broken && message.qos > 0);
  ++(kept ? sent_ : dropped_);
  if (kept) ++one.waiting;
  watch(one);
}

void MqttConnections::serve(Connection& one, uint32_t events) {
  if (one.watched < 0) return;  // it has ended since
  if ((events & ~uint32_t{EPOLLIN}) != 0) {
    ::mosquitto_loop_write(one.client.get(), 1);
    one.answered = true;
  }
  if ((events & ~uint32_t{EPOLLOUT}) != 0 && ::mosquitto_socket(one.client.get()) >= 0) read(one);
  watch(one);
}

/// One packet, and what has come with it: a look at how much there is costs less than another wait.
void MqttConnections::read(Connection& one) {
  constexpr int kMostAtOnce = 100;  // the others are served in between
  int there = 1;
  for (int i = 0; i < kMostAtOnce && there > 0; ++i) {
    if (::mosquitto_loop_read(one.client.get(), 1) != MOSQ_ERR_SUCCESS) return;
    const int fd = ::mosquitto_socket(one.client.get());
    if (fd < 0 || ::ioctl(fd, FIONREAD, &there) != 0) return;
  }
}

/// After anything that was done with it: what is waited for now. A descriptor that was closed is forgotten by
/// epoll, and may be another one's by now.
void MqttConnections::watch(Connection& one) {
  if (one.client == nullptr) return;
  if (one.leaving && one.there && one.waiting == 0) ::mosquitto_disconnect(one.client.get());
  const int fd = ::mosquitto_socket(one.client.get());
  if (fd < 0) {
    one.watched = -1;
    return;
  }
  // Where it is being connected to the library does not say that it waits to write.
  const bool writes = (one.connecting && !one.answered) || ::mosquitto_want_write(one.client.get());
  epoll_event wanted{.events = EPOLLIN | (writes ? uint32_t{EPOLLOUT} : 0u), .data = {.u64 = one.index}};
  if (one.watched == fd && one.events == wanted.events) return;
  if (one.watched != fd || ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &wanted) != 0)
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &wanted);
  one.watched = fd;
  one.events = wanted.events;
}

/// Whether it has a client, in which messages may wait.
bool MqttConnections::prepare(Connection& one) {
  if (one.client != nullptr) return true;
  const auto& options = one.account.options;
  one.client = make_mosquitto_client(options, one.account.fresh, &one);
  if (one.client == nullptr) return false;
  if (!options.origin.empty() && options.version == MqttVersion::v5 && one.origin.list == nullptr)
    ::mosquitto_property_add_string_pair(&one.origin.list, MQTT_PROP_USER_PROPERTY, kOriginProperty,
                                         options.origin.c_str());
  ::mosquitto_max_inflight_messages_set(one.client.get(), kMostInFlight);
  ::mosquitto_connect_v5_callback_set(one.client.get(), Calls::joined);
  ::mosquitto_disconnect_v5_callback_set(one.client.get(), Calls::lost);
  ::mosquitto_publish_v5_callback_set(one.client.get(), Calls::delivered);
  ::mosquitto_subscribe_v5_callback_set(one.client.get(), Calls::subscribed);
  ::mosquitto_message_v5_callback_set(one.client.get(), Calls::heard);
  return true;
}

void MqttConnections::attempt(Connection& one) {
  if (!prepare(one)) return try_again(one);
  const int keep_alive = static_cast<int>(one.account.options.keep_alive.ns / 1'000'000'000);
  one.connecting = true;
  one.answered = false;
  ++connecting_;
  one.due = time_.now() + one.account.options.patience;
  int tried = MOSQ_ERR_SUCCESS;
  if (one.has_host) {
    tried = ::mosquitto_reconnect_async(one.client.get());
  } else if (one.account.fresh || one.account.options.version != MqttVersion::v5) {
    tried = ::mosquitto_connect_async(one.client.get(), host_.c_str(), port_, keep_alive);
  } else {
    // Only this one takes properties, which the library keeps for later. It waits for the network.
    Properties kept;
    ::mosquitto_property_add_int32(&kept.list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, kSessionKept);
    tried =
        ::mosquitto_connect_bind_v5(one.client.get(), host_.c_str(), port_, keep_alive, nullptr, kept.list);
  }
  one.has_host = true;
  one.watched = -1;
  if (tried != MOSQ_ERR_SUCCESS) return lost(one, tried);
  watch(one);
}

/// Later and later, and not all at once.
void MqttConnections::try_again(Connection& one) {
  attempts_.erase({one.due, one.index});
  if (!one.wanted || stop_) return;
  const uint32_t doubled = std::min(one.attempts, 5u);
  const Duration pause = std::min(kLongestPause, Duration{kFirstPause.ns << doubled});
  const uint64_t spread = hash64(fmt::format("{} {}", one.account.options.client_id, one.attempts++)) % 512;
  one.due = time_.now() + Duration{pause.ns / 2 + static_cast<int64_t>(spread) * (pause.ns / 2) / 512};
  attempts_.emplace(one.due, one.index);
}

void MqttConnections::look_after_all() {
  const Duration now = time_.now();
  while (!attempts_.empty() && attempts_.begin()->first <= now && connecting_ < kMostConnecting) {
    Connection& one = *all_[attempts_.begin()->second];
    attempts_.erase(attempts_.begin());
    if (!one.connecting && !one.there) attempt(one);
  }
  if (now < looked_ + kLook) return;
  looked_ = now;
  for (auto& one : all_) {
    if (one->client == nullptr || ::mosquitto_socket(one->client.get()) < 0) continue;
    ::mosquitto_loop_misc(one->client.get());
    if (one->connecting && now > one->due) end_by_force(*one);
    watch(*one);
  }
}

void MqttConnections::joined(Connection& one, int reason) {
  if (reason != 0) {  // it is closed by the broker, or by what follows
    ++refused_;
    return;
  }
  if (one.connecting) --connecting_;
  one.connecting = false;
  one.there = true;
  one.since = time_.now();
  ++there_;
  ++joined_;
  subscribe(one);
  if (events_.joined) events_.joined(one.index);
}

void MqttConnections::subscribe(Connection& one) {
  constexpr size_t kMostInPacket = 500;
  one.asking = 0;
  std::vector<char*> filters;
  for (auto& filter : one.account.filters) {
    filters.push_back(filter.data());
    if (filters.size() < kMostInPacket && &filter != &one.account.filters.back()) continue;
    ++one.asking;
    ::mosquitto_subscribe_multiple(one.client.get(), nullptr, static_cast<int>(filters.size()),
                                   filters.data(), kQos, 0, nullptr);
    filters.clear();
  }
}

void MqttConnections::lost(Connection& one, int reason) {
  if (!one.connecting && !one.there) return;  // it has been told before
  if (one.connecting) --connecting_;
  one.connecting = false;
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

void MqttConnections::end_by_force(Connection& one) {
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
  one.watched = -1;
  lost(one, MOSQ_ERR_CONN_LOST);
}

}  // namespace looptwin::hil

#include "hil/own_broker.h"

#include <chrono>

namespace looptwin::hil {
namespace {

constexpr std::chrono::milliseconds kLook{200};

}  // namespace

Result<std::unique_ptr<OwnBroker>> OwnBroker::start(const Options& options, MqttOptions& link) {
  std::unique_ptr<OwnBroker> own(new OwnBroker());
  auto folder = BrokerFolder::make();
  if (!folder) return tl::make_unexpected(std::move(folder.error()));
  own->folder_ = std::move(*folder);
  Mosquitto::Options broker{.folder = own->folder(), .dies_with_us = options.dies_with_us};
  if (!options.registries.empty()) {
    broker.view = own->folder() / "view";
    if (link.user.empty()) link.user = "looptwin";
    if (link.password.empty()) link.password = twin::generate_secret();
    auto registry = BrokerRegistry::start({.view = broker.view,
                                           .registries = options.registries,
                                           .mappings = options.mappings,
                                           .user = link.user,
                                           .secret = link.password,
                                           .most_messages = options.most_messages});
    if (!registry) return tl::make_unexpected(std::move(registry.error()));
    own->registry_ = std::move(*registry);
  }
  auto started = Mosquitto::start(broker);
  if (!started) return tl::make_unexpected(std::move(started.error()));
  own->mosquitto_ = std::move(*started);
  link.broker = own->mosquitto_->address();
  return own;
}

void OwnBroker::look_after() {
  if (registry_) registry_->follow();
  thread_ = std::thread([this] { watch(); });
}

void OwnBroker::watch() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [&] { return stop_; })) {
    // One that cannot be started is tried again: its port may be taken for a while by what it has left.
    if (mosquitto_->ended() && mosquitto_->start_again()) ++restarts_;
    if (keep_.exchange(false)) mosquitto_->keep();
  }
}

OwnBroker::~OwnBroker() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  mosquitto_.reset();
  registry_.reset();
}

}  // namespace looptwin::hil

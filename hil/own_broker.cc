#include "hil/own_broker.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "twin/warm/disk.h"

namespace looptwin::hil {
namespace {

constexpr std::chrono::milliseconds kLook{200};

}  // namespace

Result<std::unique_ptr<OwnBroker>> OwnBroker::start(const Options& options, MqttOptions& link) {
  std::unique_ptr<OwnBroker> own(new OwnBroker());
  auto name = (std::filesystem::temp_directory_path() / "looptwin-broker.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return twin::disk_failure("make", name, errno);
  own->folder_ = name;
  Mosquitto::Options broker{.folder = own->folder_, .dies_with_us = options.dies_with_us};
  if (!options.registries.empty()) {
    broker.view = own->folder_ / "view";
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

void OwnBroker::on_restart(std::function<void(int)> told) {
  const std::scoped_lock lock(mutex_);
  told_ = std::move(told);
}

void OwnBroker::watch() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [&] { return stop_; })) {
    // One that cannot be started is tried again: its port may be taken for a while by what it has left.
    if (mosquitto_->ended() && mosquitto_->start_again()) {
      ++restarts_;
      if (told_) told_(mosquitto_->process());
    }
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
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace looptwin::hil

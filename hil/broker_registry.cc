#include "hil/broker_registry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "twin/warm/disk.h"

namespace looptwin::hil {
namespace {

using Path = std::filesystem::path;

/// As write_whole_file, but nobody else can read it, from its first byte on.
Result<void> write_secret_file(const Path& path, std::string_view text) {
  const Path temporary = path.string() + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return twin::disk_failure("write", temporary, errno);
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      const int code = errno;
      ::close(fd);
      return twin::disk_failure("write", temporary, code);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  ::close(fd);
  return twin::publish(temporary, path);
}

}  // namespace

Result<void> add_devices(BrokerView& view, const twin::RegistryStore& store,
                         const std::vector<Mapping>& mappings) {
  view.keys.push_back(store.key());
  for (size_t m = 0; m < mappings.size(); ++m) {
    auto proofs = store.proofs(mappings[m].model);
    if (!proofs) return tl::make_unexpected(std::move(proofs.error()));
    for (auto& proof : *proofs)
      view.devices.push_back({std::move(proof.id), static_cast<uint32_t>(m),
                              static_cast<uint32_t>(view.keys.size() - 1), proof.state,
                              std::move(proof.hash)});
  }
  return {};
}

Result<std::unique_ptr<BrokerRegistry>> BrokerRegistry::start(Options options) {
  std::unique_ptr<BrokerRegistry> made(new BrokerRegistry(std::move(options)));
  auto& own = made->options_;
  made->own_key_ = twin::generate_registry_key();
  auto hash = twin::hash_secret(twin::CredentialKind::keyed, made->own_key_, own.user, own.secret);
  if (!hash)
    return failure(
        fmt::format("the password of '{}' has {} characters; our plugin wants at least {}", own.user,
                    own.secret.size(), twin::kLeastKeyedSecret),
        "write a longer one; at a broker of our own leave `user` and `password` out: both are made");
  made->own_hash_ = std::move(*hash);
  for (const auto& path : own.registries) {
    auto store = twin::RegistryStore::open(path, twin::RegistryStore::Access::read);
    if (!store) return tl::make_unexpected(std::move(store.error()));
    made->stores_.push_back(std::move(*store));
  }
  made->versions_.assign(made->stores_.size(), -1);
  if (auto known = made->changed(); !known) return tl::make_unexpected(std::move(known.error()));
  if (auto written = made->write(); !written) return tl::make_unexpected(std::move(written.error()));
  return made;
}

void BrokerRegistry::follow() {
  thread_ = std::thread([this] { look(); });
}

BrokerRegistry::~BrokerRegistry() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> BrokerRegistry::write() {
  BrokerView view;
  view.most_messages = options_.most_messages;
  view.keys.push_back(own_key_);
  view.hosts.push_back({options_.user, own_hash_});
  for (const auto& mapping : options_.mappings) {
    auto topics = topics_of(mapping);
    if (!topics) return tl::make_unexpected(std::move(topics.error()));
    view.models.push_back(std::move(*topics));
  }
  for (const auto& store : stores_)
    if (auto added = add_devices(view, store, options_.mappings); !added) return added;
  devices_ = view.devices.size();
  return write_secret_file(options_.view, to_text(view));
}

Result<bool> BrokerRegistry::changed() {
  bool any = false;
  for (size_t i = 0; i < stores_.size(); ++i) {
    const auto version = stores_[i].changes();
    if (!version) return tl::make_unexpected(version.error());
    any |= *version != versions_[i];
    versions_[i] = *version;
  }
  return any;
}

std::string BrokerRegistry::behind() const {
  const std::scoped_lock lock(mutex_);
  return behind_;
}

std::vector<Incident> BrokerRegistry::take_incidents() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(incidents_, {});
}

void BrokerRegistry::look() {
  bool due = false;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::nanoseconds(options_.look.ns), [&] { return stop_; })) {
    lock.unlock();
    // What one registry says of itself is not forgotten where another one cannot be asked.
    const auto news = changed();
    due = due || !news || *news;
    Result<void> told;
    if (!news) told = tl::make_unexpected(news.error());
    if (news && due) told = write();
    due = !told;
    lock.lock();
    note(told);
  }
}

/// Of tries that fail one after the other only the first is an incident.
void BrokerRegistry::note(const Result<void>& told) {
  if (told.has_value() == behind_.empty()) return;
  behind_ = told ? "" : told.error().front().message;
  if (told) return incidents_.push_back({{}, "registry_followed", "", "the broker knows of all changes", 1});
  ++failures_;
  incidents_.push_back(
      {{}, "registry_not_followed", "", behind_ + "; until it is mended the broker goes by what it knew", 1});
}

}  // namespace looptwin::hil

#include "hil/mosquitto_plugin/view_watch.h"

#include <sys/stat.h>

#include <chrono>
#include <tuple>
#include <utility>

#include "twin/warm/disk.h"

namespace looptwin::hil {
namespace {

constexpr std::chrono::milliseconds kLook{100};

/// What tells one file from the one that replaced it.
using Identity = std::tuple<ino_t, off_t, int64_t, int64_t>;
Identity identity(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

}  // namespace

ViewWatch::~ViewWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<std::shared_ptr<const BrokerAccess>> ViewWatch::read() const {
  auto text = twin::read_whole_file(file_);
  if (!text) return tl::make_unexpected(std::move(text.error()));
  auto view = parse_view(std::make_shared<const Source>(Source{file_.string(), std::move(*text)}));
  if (!view) return tl::make_unexpected(std::move(view.error()));
  return std::make_shared<const BrokerAccess>(std::move(*view));
}

void ViewWatch::start() {
  thread_ = std::thread([this] { work(); });
}

std::shared_ptr<const BrokerAccess> ViewWatch::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(news_, nullptr);
}

std::string ViewWatch::take_problem() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(problem_, {});
}

void ViewWatch::work() {
  // The first look reads it once more: it may have changed since the broker began.
  Identity known;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [&] { return stop_; })) {
    lock.unlock();
    const auto there = identity(file_);
    const bool replaced = there != known;
    known = there;
    auto access = replaced ? read() : Result<std::shared_ptr<const BrokerAccess>>(nullptr);
    lock.lock();
    if (access && *access) news_ = std::move(*access);
    // What held before holds on: nobody is let in, or thrown out, by a file that cannot be read.
    if (!access) problem_ = render(access.error());
  }
}

}  // namespace looptwin::hil

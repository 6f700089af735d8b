#include "hil/mosquitto_plugin/slow_secrets.h"

#include <algorithm>
#include <utility>

namespace looptwin::hil {
namespace {

constexpr size_t kMostQuestions = 256;  // at a tenth of a second each

}  // namespace

SlowSecrets::SlowSecrets() : key_(twin::generate_registry_key()) {}

SlowSecrets::~SlowSecrets() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string SlowSecrets::digest(std::string_view device, std::string_view hash,
                                std::string_view secret) const {
  return twin::fast_hash(key_, std::string(hash) + '\n' + std::string(device), secret);
}

std::optional<bool> SlowSecrets::ask(const std::string& device, const std::string& hash,
                                     std::string_view secret) {
  const auto presented = digest(device, hash, secret);
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(device); known != known_.end()) {
    if (known->second.right == presented) return true;
    if (known->second.wrong == presented) {
      known->second.wrong.clear();  // whoever guesses has to wait each time
      return false;
    }
  }
  const bool asked =
      std::any_of(questions_.begin(), questions_.end(), [&](const auto& q) { return q.device == device; });
  if (asked || questions_.size() >= kMostQuestions) return std::nullopt;
  questions_.push_back({device, hash, std::string(secret)});
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  wake_.notify_all();
  return std::nullopt;
}

std::vector<std::string> SlowSecrets::take_wrong() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(wrong_, {});
}

void SlowSecrets::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || !questions_.empty(); });
    if (stop_) return;
    const Question question = questions_.front();
    lock.unlock();
    const bool fits = twin::fits(question.hash, key_, question.device, question.secret);
    auto presented = digest(question.device, question.hash, question.secret);
    lock.lock();
    questions_.pop_front();
    auto& known = known_[question.device];
    (fits ? known.right : known.wrong) = std::move(presented);
    if (!fits && wrong_.size() < kMostQuestions) wrong_.push_back(question.device);
  }
}

}  // namespace looptwin::hil

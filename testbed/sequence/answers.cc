#include "testbed/sequence/answers.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace looptwin::testbed {
namespace {

std::optional<bool> meaning_of(const std::string& text) {
  if (text == "yes" || text == "y") return true;
  if (text == "no" || text == "n") return false;
  return std::nullopt;
}

}  // namespace

Answers::Answers(Answers&& other) noexcept
    : given_(std::move(other.given_)), terminal_(other.terminal_), elsewhere_(std::move(other.elsewhere_)) {}

Result<Answers> Answers::make(const std::vector<std::string>& given, bool terminal, std::string elsewhere) {
  Answers answers;
  answers.terminal_ = terminal && ::isatty(STDIN_FILENO) == 1;
  answers.elsewhere_ = std::move(elsewhere);
  for (const auto& one : given) {
    const auto sign = one.rfind('=');
    const auto meaning = sign == one.npos ? std::nullopt : meaning_of(one.substr(sign + 1));
    if (!meaning)
      return failure(fmt::format("--answer '{}' answers nothing", one), "write --answer 'STEP=yes' or '=no'");
    answers.given_[one.substr(0, sign)] = *meaning;
  }
  return answers;
}

bool Answers::can(const std::string& step) const {
  return terminal_ || !elsewhere_.empty() || given_.contains(step);
}

Result<void> Answers::check(const std::vector<std::string>& steps) const {
  for (const auto& [step, yes] : given_)
    if (std::find(steps.begin(), steps.end(), step) == steps.end())
      return failure(fmt::format("--answer '{}': no step of that name asks anything", step),
                     "name a step with prompt:");
  for (const auto& step : steps)
    if (!can(step))
      return failure(fmt::format("the step '{}' asks a person, and nobody can answer", step),
                     fmt::format("give --answer '{}=yes', or run it at a terminal", step));
  return {};
}

void Answers::ask(const std::string& step, const std::string& question) {
  const std::scoped_lock lock(mutex_);
  answer_.reset();
  asking_ = true;
  if (const auto given = given_.find(step); given != given_.end()) {
    answer_ = Answer{given->second, "command line"};
    return;
  }
  line_.clear();
  if (terminal_)
    fmt::print(stderr, "{} [yes/no] ", question);
  else
    fmt::print(stderr, "{}\n  {}\n", question, elsewhere_);
  std::fflush(stderr);
}

std::optional<Answers::Answer> Answers::take() {
  if (terminal_) read_terminal();
  const std::scoped_lock lock(mutex_);
  if (!asking_ || !answer_) return std::nullopt;
  asking_ = false;
  return std::exchange(answer_, std::nullopt);
}

void Answers::give_up() {
  const std::scoped_lock lock(mutex_);
  asking_ = false;
}

void Answers::read_terminal() {
  for (pollfd in{STDIN_FILENO, POLLIN, 0}; ::poll(&in, 1, 0) > 0;) {
    char c = 0;
    if (::read(STDIN_FILENO, &c, 1) != 1) {
      terminal_ = false;  // it is gone
      return;
    }
    if (c != '\n') {
      line_ += c;
      continue;
    }
    const auto meaning = meaning_of(line_);
    line_.clear();
    if (!meaning) {
      fmt::print(stderr, "yes or no? ");
      std::fflush(stderr);
      continue;
    }
    const std::scoped_lock lock(mutex_);
    answer_ = Answer{*meaning, "terminal"};
    return;
  }
}

Result<void> Answers::give(const std::string& answer, const std::string& by) {
  const auto meaning = meaning_of(answer);
  if (!meaning) return failure(fmt::format("'{}' is no answer", answer), "write yes or no");
  const std::scoped_lock lock(mutex_);
  if (!asking_ || answer_) return failure("nobody is asked anything now", "wait until a step asks");
  answer_ = Answer{*meaning, by};
  return {};
}

}  // namespace looptwin::testbed

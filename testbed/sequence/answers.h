// How people answer what a sequence asks them: on the command line before it begins, on the terminal, or from
// elsewhere while it waits (`looptwin rig answer`).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace looptwin::testbed {

class Answers {
 public:
  /// `given`: "STEP=yes", for the steps that ask by name. `terminal`: whoever sits there may be asked.
  /// `elsewhere`: what one does to answer without it, for people; empty: nobody can.
  static Result<Answers> make(const std::vector<std::string>& given, bool terminal, std::string elsewhere);
  Answers(Answers&& other) noexcept;

  /// Whether the step can be answered at all.
  bool can(const std::string& step) const;
  /// All steps that ask; a given answer that is for none of them is refused.
  Result<void> check(const std::vector<std::string>& steps) const;

  struct Answer {
    bool yes = false;
    std::string by;
  };
  /// Asks, and shows the question; then, at each boundary, whether it was answered.
  void ask(const std::string& step, const std::string& question);
  std::optional<Answer> take();
  /// The step that asked goes on without an answer.
  void give_up();

  /// From any thread: an error where nothing is asked.
  Result<void> give(const std::string& answer, const std::string& by);

 private:
  Answers() = default;
  void read_terminal();

  std::map<std::string, bool> given_;
  bool terminal_ = false;
  std::string elsewhere_;
  std::string line_;          ///< of the terminal, as far as it is typed
  mutable std::mutex mutex_;  ///< of what follows
  bool asking_ = false;
  std::optional<Answer> answer_;
};

}  // namespace looptwin::testbed

// Topics with places for a device's id and a field's name: `plant/{device}/tele`, `meters/{device}/{field}`.
// An id may have slashes of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace looptwin::hil {

class TopicTemplate {
 public:
  /// {device} stands in it once, {field} at most once, as a whole level.
  static Result<TopicTemplate> parse(const Span& text);

  struct Match {
    std::string_view device, field;  ///< of the topic; field empty where the template has none
  };
  std::optional<Match> match(std::string_view topic) const;
  std::string topic(std::string_view device, std::string_view field = {}) const;
  /// What to subscribe to for devices whose ids have so many levels.
  std::string filter(size_t device_levels) const;
  bool has_field() const { return has_field_; }

 private:
  std::string before_, between_, after_;
  bool has_field_ = false;
  bool field_first_ = false;
};

}  // namespace looptwin::hil

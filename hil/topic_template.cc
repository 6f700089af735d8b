#include "hil/topic_template.h"

#include <fmt/format.h>

namespace looptwin::hil {
namespace {

constexpr std::string_view kDevice = "{device}", kField = "{field}";

}  // namespace

Result<TopicTemplate> TopicTemplate::parse(const Span& span) {
  const auto text = std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
  const auto refuse = [&](std::string message) {
    return failure(span, std::move(message), "write plant/{device}/telemetry, or plant/{device}/{field}");
  };
  const size_t device = text.find(kDevice), field = text.find(kField);
  if (device == std::string_view::npos) return refuse(fmt::format("'{}' has no {{device}}", text));
  if (text.find(kDevice, device + 1) != std::string_view::npos ||
      (field != std::string_view::npos && text.find(kField, field + 1) != std::string_view::npos))
    return refuse(fmt::format("'{}' has the same place twice", text));
  TopicTemplate out;
  out.has_field_ = field != std::string_view::npos;
  out.field_first_ = out.has_field_ && field < device;
  const size_t first = out.field_first_ ? field : device;
  const size_t first_end = first + (out.field_first_ ? kField : kDevice).size();
  out.before_ = text.substr(0, first);
  if (out.has_field_) {
    const size_t second = out.field_first_ ? device : field;
    if (second <= first_end)
      return refuse(fmt::format("nothing stands between the two places of '{}'", text));
    out.between_ = text.substr(first_end, second - first_end);
    out.after_ = text.substr(second + (out.field_first_ ? kDevice : kField).size());
  } else {
    out.after_ = text.substr(first_end);
  }
  // Else nobody could tell where a device's id ends and a field's name begins.
  const size_t field_end = field + kField.size();
  if (field != std::string_view::npos &&
      ((field != 0 && text[field - 1] != '/') || (field_end != text.size() && text[field_end] != '/')))
    return refuse(fmt::format("the {{field}} of '{}' is no whole level", text));
  if ((out.before_ + out.between_ + out.after_).find_first_of("+#{}") != std::string::npos)
    return refuse(fmt::format("'{}' has wildcards or other places", text));
  return out;
}

std::optional<TopicTemplate::Match> TopicTemplate::match(std::string_view topic) const {
  if (topic.size() < before_.size() + after_.size() || !topic.starts_with(before_) ||
      !topic.ends_with(after_))
    return std::nullopt;
  const auto middle = topic.substr(before_.size(), topic.size() - before_.size() - after_.size());
  if (!has_field_) return middle.empty() ? std::nullopt : std::optional(Match{middle, {}});
  // A field's name is one level, so that the place between lies next to it.
  const size_t at = field_first_ ? middle.find(between_) : middle.rfind(between_);
  if (at == std::string_view::npos) return std::nullopt;
  const auto left = middle.substr(0, at), right = middle.substr(at + between_.size());
  const Match found = field_first_ ? Match{right, left} : Match{left, right};
  const bool good =
      !found.device.empty() && !found.field.empty() && found.field.find('/') == std::string_view::npos;
  return good ? std::optional(found) : std::nullopt;
}

std::string TopicTemplate::topic(std::string_view device, std::string_view field) const {
  const auto& [first, second] = field_first_ ? std::pair(field, device) : std::pair(device, field);
  std::string out = before_ + std::string(first);
  if (has_field_) out += between_ + std::string(second);
  return out + after_;
}

std::string TopicTemplate::filter(size_t device_levels) const {
  std::string levels = "+";
  for (size_t i = 1; i < device_levels; ++i) levels += "/+";
  return topic(levels, "+");
}

}  // namespace looptwin::hil

// alarms of a test: how many alarms, floods and nuisances are too many.
#include <fmt/format.h>
#include <cmath>

#include "testbed/reading/sections_tests.h"

namespace looptwin::testbed {
namespace {

using Is = AlarmFigureInfo::Is;

std::optional<double> read_most(Reader& reader, const yaml::Node& node, Is is) {
  switch (is) {
    case Is::share:
      return share().read(reader, node);
    case Is::time: {
      const auto time = period().read(reader, node);
      return time ? std::optional(time->seconds()) : std::nullopt;
    }
    case Is::count: {
      const auto count = whole_number(0, UINT32_MAX).read(reader, node);
      return count ? std::optional(static_cast<double>(*count)) : std::nullopt;
    }
    case Is::rate:
      break;
  }
  const auto rate = number(reader, node);
  if (!rate || (*rate > 0 && std::isfinite(*rate))) return rate;
  reader.error(node.span, fmt::format("the rate {} is not above zero", node.text),
               "write the most that is allowed, as 6");
  return std::nullopt;
}

/// `per_hour: 6`, `per_hour: any`
Key<AlarmLimitsConfig> limit_key(AlarmFigure figure) {
  const auto& info = info_of(figure);
  const auto form = info.is == Is::share ? Form::share : info.is == Is::time ? Form::period : Form::number;
  return {{.name = info.key, .form = form, .about = info.about, .fallback = standard_limits(figure)},
          [figure, is = info.is](Reader& reader, const yaml::Entry& entry, AlarmLimitsConfig& out) {
            const auto* node = scalar(reader, entry.value, "a limit");
            if (node == nullptr) return;
            AlarmLimit limit{{}, node->span, false};
            if (node->text.starts_with('<') || node->text.starts_with('>'))
              return reader.error(node->span, "a limit is the most that is allowed, without a sign",
                                  fmt::format("write {}: 6, 5 % or 5 min, as it is", entry.key));
            if (node->text != "any") {
              limit.most = read_most(reader, *node, is);
              if (!limit.most) return;
            }
            out.limits[static_cast<size_t>(figure)] = std::move(limit);
          }};
}

const Section<AlarmLimitsConfig>& at_most_section() {
  using T = AlarmLimitsConfig;
  static const Section<T> kSection = [] {
    std::vector<Key<T>> keys;
    for (size_t f = 0; f < kAlarmFigures; ++f) keys.push_back(limit_key(static_cast<AlarmFigure>(f)));
    return Section<T>("'at_most'", "at_most", std::move(keys))
        .with_mistaken({{"peak", "write most_in_10_min: 10"},
                        {"per_day", "write per_hour: with a twenty-fourth of it"},
                        {"priority_low", "limit the other three; the rest is low"}});
  }();
  return kSection;
}

Value<double> confidence() {
  return {Form::share, [](Reader& reader, const yaml::Node& node) -> std::optional<double> {
            const auto value = share().read(reader, node);
            if (!value || (*value >= 0.5 && *value <= 0.9999)) return value;
            reader.error(node.span, fmt::format("the confidence {} is not from 50 % to 99.99 %", node.text),
                         "write 95 %");
            return std::nullopt;
          }};
}

}  // namespace

const Section<AlarmLimitsConfig>& alarm_limits_section() {
  using T = AlarmLimitsConfig;
  static const Section<T> kSection = [] {
    std::vector<std::pair<std::string, std::string>> standards;
    for (const auto& name : alarm_standards()) standards.emplace_back(name, name);
    const Key<T> at_most{{.name = "at_most",
                          .form = Form::section,
                          .about = "limits, beside the standard's or in their place",
                          .section = &at_most_section()},
                         [](Reader& reader, const yaml::Entry& entry, T& out) {
                           at_most_section().read(reader, entry.value, entry.key_span, out);
                         }};
    return Section<T>("'alarms' of a test", "test_alarms",
                      {optional<T>("standard", word(std::move(standards)), &T::standard, "none",
                                   "whose limits hold where there are no others"),
                       at_most,
                       optional<T>("operators", whole_number(1, 1000), &T::operators, "1",
                                   "who share the alarms evenly: figures are for each of them"),
                       optional<T>("confidence", confidence(), &T::confidence, "95 %",
                                   "of the intervals, which must keep the limits")})
        .with_mistaken(
            {{"per_hour", "write at_most: {per_hour: 6}"}, {"preset", "write standard: isa-18.2"}});
  }();
  return kSection;
}

}  // namespace looptwin::testbed

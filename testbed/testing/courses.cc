#include "testbed/testing/courses.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

using twin::DeviceRef;

constexpr double kDiverging = 2;  ///< of a device's presence
constexpr const char* kViolations = "violations";

class Compiler {
 public:
  Compiler(const lang::Units& units, const lang::Schema& schema, const twin::Registry& registry)
      : units_(units), schema_(schema), registry_(registry) {}

  Result<Courses> compile(const TestConfig& test) {
    for (const auto& given : test.given) add(given);
    for (const auto& answer : test.answers)
      for (const auto device : matching(answer.device, answer.span))
        answers_[device] = {device, answer.is, answer.after};
    if (!problems_.empty()) return tl::make_unexpected(std::move(problems_));
    for (const auto& [key, series] : fields_) out_.fields.push_back({key.first, key.second, series});
    for (const auto& [device, series] : presence_) out_.presence.push_back({device, series});
    for (const auto& [device, answer] : answers_) out_.answers.push_back(answer);
    for (const auto& [signal, series] : feeds_) out_.feeds.push_back({signal, series});
    for (const auto& [device, series] : presence_)
      notice(twin::Notice::Kind::diverging, device, out_.series[series],
             [](double word) { return word == kDiverging ? 1.0 : 0.0; });
    for (const auto& [device, series] : violations_)
      notice(twin::Notice::Kind::violations, device, out_.series[series], [](double count) { return count; });
    std::ranges::stable_sort(out_.notices, {}, &twin::Notice::at);
    return std::move(out_);
  }

 private:
  void error(const Span& span, std::string message, std::string hint) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  std::vector<DeviceRef> matching(const std::string& pattern, const Span& span) {
    auto devices = registry_.matching(pattern);
    if (devices.empty())
      error(span, fmt::format("no device matches '{}'", pattern),
            "`*` stands for any part of an id without '/', `**` for any part");
    return devices;
  }

  void add(const GivenConfig& given) {
    const auto dot = given.key.rfind('.');
    if (dot == std::string::npos) return add_presence(given);
    const auto left = given.key.substr(0, dot), right = given.key.substr(dot + 1);
    const bool is_feed = std::any_of(schema_.feeds.begin(), schema_.feeds.end(),
                                     [&](const auto& signal) { return signal.feed == left; });
    if (is_feed) return add_feed(given, left, right);
    if (right == kViolations && !is_reported(left, right)) return add_violations(given, left);
    add_field(given, left, right);
  }

  /// Whether a model of these devices has a field of the name.
  bool is_reported(const std::string& pattern, const std::string& name) const {
    return std::ranges::any_of(registry_.matching(pattern), [&](const auto device) {
      const auto& telemetry = registry_.model(device.table).config.telemetry;
      return std::ranges::count(telemetry, name, &twin::FieldConfig::name) > 0;
    });
  }

  /// What is noticed as the course goes on, from 0: a count how many more, a state the new one.
  template <typename Value>
  void notice(twin::Notice::Kind kind, DeviceRef device, const WrittenSeries& series, Value value) {
    double last = 0;
    for (const auto& piece : series.pieces()) {
      const double now = value(piece.from);
      if (now != last) {
        const bool counts = kind == twin::Notice::Kind::violations;
        out_.notices.push_back({kind, device, counts ? now - last : now, piece.begin});
      }
      last = now;
    }
  }

  /// The broker only ever counts up.
  void add_violations(const GivenConfig& given, const std::string& pattern) {
    static const lang::Unit kCount{"1", lang::Type::number(), 1, 0};
    const auto devices = matching(pattern, given.key_span);
    const auto series = read(given.course, {.unit = &kCount, .of_samples = false});
    if (!series) return;
    double last = 0;
    for (const auto& piece : out_.series[*series].pieces()) {
      if (piece.is != WrittenSeries::Is::value || piece.from < last || piece.from != std::floor(piece.from))
        return error(given.course,
                     "violations are whole numbers that never become less: so many there have been by then",
                     "write 0 x 1 min, 3 x 1 min, 7");
      last = piece.from;
    }
    for (const auto device : devices) violations_[device] = *series;
  }

  std::optional<size_t> read(const Span& text, const CourseOf& of) {
    auto series = WrittenSeries::read(units_, text, of);
    if (!series) {
      problems_.insert(problems_.end(), series.error().begin(), series.error().end());
      return std::nullopt;
    }
    out_.end = std::max(out_.end, series->end());
    out_.series.push_back(std::move(*series));
    return out_.series.size() - 1;
  }

  void add_presence(const GivenConfig& given) {
    static const std::vector<std::string> kWords{"offline", "online", "diverging"};  // kDiverging
    const auto devices = matching(given.key, given.key_span);
    if (devices.empty()) {
      problems_.back().hint =
          "write the device and its field, as \"home-1.power\"; or a device alone, with online, offline and "
          "diverging";
      return;
    }
    const auto series = read(given.course, {.words = &kWords, .of_samples = false});
    if (!series) return;
    for (const auto device : devices) presence_[device] = *series;
  }

  void add_feed(const GivenConfig& given, const std::string& feed, const std::string& name) {
    std::vector<std::string> names;
    for (size_t s = 0; s < schema_.feeds.size(); ++s) {
      const auto& signal = schema_.feeds[s];
      if (signal.feed != feed) continue;
      names.push_back(signal.name);
      if (signal.name != name) continue;
      if (const auto series = read(given.course, {.unit = &signal.unit, .of_samples = false}))
        feeds_[s] = *series;
      return;
    }
    auto hint = did_you_mean(name, names);
    error(given.key_span, fmt::format("the feed '{}' has no signal '{}'", feed, name),
          hint.empty() ? "it has " + joined(names) : hint);
  }

  void add_field(const GivenConfig& given, const std::string& pattern, const std::string& name) {
    std::map<std::pair<TableId, uint16_t>, size_t> read_as;  // one course a model
    std::vector<std::string> names;
    size_t found = 0;
    const auto devices = matching(pattern, given.key_span);
    for (const auto device : devices) {
      const auto& telemetry = registry_.model(device.table).config.telemetry;
      const auto field =
          std::find_if(telemetry.begin(), telemetry.end(), [&](const auto& f) { return f.name == name; });
      if (field == telemetry.end()) {
        for (const auto& f : telemetry)
          if (std::find(names.begin(), names.end(), f.name) == names.end()) names.push_back(f.name);
        continue;
      }
      ++found;
      const auto index = static_cast<uint16_t>(field - telemetry.begin());
      const auto key = std::pair(device.table, index);
      if (!read_as.contains(key)) {
        CourseOf of{.unit = &field->unit, .boolean = field->boolean};
        if (!field->words.empty()) of.words = &field->words;
        if (field->boolean || !field->words.empty()) of.unit = nullptr;
        const auto series = read(given.course, of);
        if (!series) return;
        read_as[key] = *series;
      }
      fields_[{device, index}] = read_as[key];
    }
    if (found > 0 || devices.empty()) return;
    auto hint = did_you_mean(name, names);
    if (hint.empty()) hint = names.empty() ? "they report nothing" : "they report " + joined(names);
    error(given.key_span, fmt::format("no device that matches '{}' reports '{}'", pattern, name), hint);
  }

  const lang::Units& units_;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  Courses out_;
  Diagnostics problems_;
  std::map<std::pair<DeviceRef, uint16_t>, size_t> fields_;
  std::map<DeviceRef, size_t> presence_, violations_;
  std::map<DeviceRef, Courses::Answer> answers_;
  std::map<size_t, size_t> feeds_;
};

}  // namespace

Result<Courses> compile_courses(const TestConfig& test, const lang::Units& units, const lang::Schema& schema,
                                const twin::Registry& registry) {
  return Compiler(units, schema, registry).compile(test);
}

}  // namespace looptwin::testbed

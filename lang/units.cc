#include "lang/units.h"

#include <udunits2.h>

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "base/text.h"
#include "lang/number.h"
#include "lang/unit_tables.h"

namespace looptwin::lang {
namespace {

struct Entry {
  Dimension dimension;
  double scale = 1;
  double offset = 0;
  bool point = false;
};

// What a visit of a udunits2 unit finds. Only units proportional to SI are wanted: points are our overlay's.
struct Found {
  Entry entry;
  bool usable = true;
};

int base_index(const ut_unit* basic) {
  static constexpr std::string_view kBase[] = {"m", "kg", "s", "A", "K", "mol", "cd"};
  const char* symbol = ut_get_symbol(basic, UT_ASCII);
  for (int i = 0; symbol && i < 7; ++i)
    if (kBase[i] == symbol) return i;
  return -1;
}

void multiply_in(Found& found, const ut_unit* basic, int power) {
  if (ut_is_dimensionless(basic)) return;  // the radian
  const int base = base_index(basic);
  if (base < 0) {
    found.usable = false;
    return;
  }
  found.entry.dimension.power[static_cast<size_t>(base)] += static_cast<int8_t>(power);
}

ut_status visit_basic(const ut_unit* unit, void* found) {
  multiply_in(*static_cast<Found*>(found), unit, 1);
  return UT_SUCCESS;
}
ut_status visit_product(const ut_unit*, int count, const ut_unit* const* basics, const int* powers,
                        void* found) {
  for (int i = 0; i < count; ++i) multiply_in(*static_cast<Found*>(found), basics[i], powers[i]);
  return UT_SUCCESS;
}
ut_status visit_galilean(const ut_unit*, double scale, const ut_unit* underlying, double offset, void* found);
ut_status visit_timestamp(const ut_unit*, const ut_unit*, double, void* found) {
  static_cast<Found*>(found)->usable = false;
  return UT_SUCCESS;
}
ut_status visit_logarithm(const ut_unit*, double, const ut_unit*, void* found) {
  static_cast<Found*>(found)->usable = false;
  return UT_SUCCESS;
}
constexpr ut_visitor kVisitor{visit_basic, visit_product, visit_galilean, visit_timestamp, visit_logarithm};

ut_status visit_galilean(const ut_unit*, double scale, const ut_unit* underlying, double offset,
                         void* found) {
  auto& f = *static_cast<Found*>(found);
  f.entry.scale *= scale;
  if (offset != 0) f.usable = false;
  return ut_accept_visitor(underlying, &kVisitor, found);
}

bool is_word_byte(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u == '%' ||
         u >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One factor of a compound unit: "m2", "m^2", "s-1", "kW". The name may itself hold digits (Nm3).
struct Factor {
  std::string_view name;
  int exponent = 1;
  size_t length = 0;  ///< with the exponent; 0 where there is none
};

// Splits the factor at the start of the text, where `is_unit` knows the names.
template <typename IsUnit>
Factor split_factor(std::string_view text, IsUnit&& is_unit) {
  size_t word = 0;
  while (word < text.size() && is_word_byte(text[word])) ++word;
  if (word == 0 || is_digit(text[0])) return {};
  if (text[0] == '%') word = 1;
  size_t letters = word;
  while (is_digit(text[letters - 1])) --letters;
  // "Nm3" is a name; "m3" is m with an exponent.
  const bool whole = letters == word || is_unit(text.substr(0, word));
  Factor factor{text.substr(0, whole ? word : letters), 1, whole ? word : letters};
  if (factor.name == "%") return factor;  // `10 %3` is a slip, not a power
  const auto rest = text.substr(factor.length);
  size_t at = rest.starts_with('^') ? 1 : 0;
  const bool negative = at < rest.size() && rest[at] == '-';
  if (negative) ++at;
  const size_t digits = at;
  while (at < rest.size() && is_digit(rest[at])) ++at;
  const bool ends = at == rest.size() || !(is_word_byte(rest[at]));
  if (at == digits || at > digits + 2 || !ends) return factor;
  std::from_chars(rest.data() + digits, rest.data() + at, factor.exponent);
  if (negative) factor.exponent = -factor.exponent;
  factor.length += at;
  return factor;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// What was probably meant: the same letters in another case, or the nearest common unit.
std::string suggestion(std::string_view name) {
  const auto common = common_units();
  for (const auto& unit : common)
    if (lower(unit) == lower(name)) return fmt::format("write {}", unit);
  const auto near = name.size() < 2 ? std::string() : nearest(name, common);
  return near.empty() ? "units are written as kW, degC, m3/h, W/K" : fmt::format("did you mean {}?", near);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n'))
    text.remove_suffix(1);
  return text;
}

std::string_view text_of(const Span& span) {
  LT_CHECK(span.source && span.begin <= span.end && span.end <= span.source->text.size(),
           "a span outside its source");
  return std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
}

// The span of a part of a span's text.
Span part(const Span& whole, std::string_view piece) {
  const auto begin = static_cast<uint32_t>(piece.data() - whole.source->text.data());
  return {whole.source, begin, begin + static_cast<uint32_t>(piece.size())};
}

/// udunits2's units: read once a process, since that takes as long as a short run.
class Database {
 public:
  static Database& of_process() {
    static Database database;
    return database;
  }
  std::optional<Entry> find(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    ut_unit* unit = ut_get_unit_by_symbol(system_, name.c_str());
    if (!unit && is_spelled_out(name)) unit = ut_get_unit_by_name(system_, name.c_str());
    if (!unit) return std::nullopt;
    Found found;
    ut_accept_visitor(unit, &kVisitor, &found);
    ut_free(unit);
    return found.usable ? std::optional(found.entry) : std::nullopt;
  }

 private:
  Database() {
    ut_set_error_message_handler(ut_ignore);
    system_ = ut_read_xml(nullptr);
    LT_CHECK(system_, "udunits2's database cannot be read: is libudunits2-data installed?");
  }
  ~Database() { ut_free_system(system_); }

  ut_system* system_ = nullptr;
  std::mutex mutex_;  // udunits2 keeps state of its own
};

}  // namespace

struct Units::Catalogue {
  double ambient = 101325;
  mutable std::mutex mutex;
  mutable std::map<std::string, std::optional<Entry>, std::less<>> cache;

  std::optional<Entry> find(std::string_view name) const;
  std::optional<Entry> look_up(std::string_view name) const;
  std::optional<Entry> unprefixed(std::string_view name) const;
};

std::optional<Entry> Units::Catalogue::unprefixed(std::string_view name) const {
  for (const auto& unit : overlay_units()) {
    if (unit.name != name) continue;
    const bool gauge = unit.kind == OverlayUnit::Scale::gauge;
    return Entry{unit.dimension, unit.scale, gauge ? ambient : unit.offset,
                 unit.kind != OverlayUnit::Scale::amount};
  }
  return Database::of_process().find(std::string(name));
}

std::optional<Entry> Units::Catalogue::look_up(std::string_view name) const {
  if (denied_unit(name)) return std::nullopt;
  if (auto entry = unprefixed(name)) return entry;
  for (const auto& prefix : prefixes()) {
    for (const bool spelled : {false, true}) {
      const auto head = spelled ? prefix.name : prefix.symbol;
      if (!name.starts_with(head)) continue;
      const auto rest = name.substr(head.size());
      if (!(spelled ? is_spelled_out(rest) : takes_prefix(rest))) continue;
      if (auto entry = unprefixed(rest)) {
        entry->scale *= prefix.scale;
        return entry;
      }
    }
  }
  return std::nullopt;
}

std::optional<Entry> Units::Catalogue::find(std::string_view name) const {
  if (name.empty() || name.size() > 40) return std::nullopt;
  const std::scoped_lock lock(mutex);
  if (const auto it = cache.find(name); it != cache.end()) return it->second;
  auto entry = look_up(name);
  // Hostile texts must not fill the memory with names that are none.
  if (cache.size() < 10'000) cache.emplace(name, entry);
  return entry;
}

Units::Units(double ambient) : catalogue_(std::make_unique<Catalogue>()) { catalogue_->ambient = ambient; }

Units::~Units() = default;

bool Units::is_unit_name(std::string_view name) const {
  return denied_unit(name) != nullptr || catalogue_->find(name).has_value();
}

size_t Units::unit_length(std::string_view text) const {
  const auto known = [this](std::string_view name) { return is_unit_name(name); };
  size_t length = 0;
  for (size_t at = 0; at < text.size();) {
    const auto factor = split_factor(text.substr(at), known);
    if (factor.length == 0 || !known(factor.name)) break;
    length = at + factor.length;
    // A word that goes on is a name, not a unit: `10 m_total`.
    if (length < text.size() && is_word_byte(text[length])) return at == 0 ? 0 : at - 1;
    if (length >= text.size() || (text[length] != '*' && text[length] != '.' && text[length] != '/')) break;
    at = length + 1;
  }
  return length;
}

Result<Unit> Units::unit(const Span& span) const {
  const auto text = trimmed(text_of(span));
  const auto at_text = part(span, text);
  if (text.empty()) return failure(at_text, "a unit is missing", "write one as kW, or 1 for a ratio");
  Unit unit{std::string(text), Type::number(), 1, 0};
  if (text == "1") return unit;
  const auto known = [this](std::string_view name) { return is_unit_name(name); };
  auto rest = text.starts_with("1/") ? text.substr(1) : text;
  int sign = 1;
  bool first = rest.data() == text.data();
  for (int factors = 0; !rest.empty(); ++factors) {
    if (!first) {
      if (rest[0] != '*' && rest[0] != '.' && rest[0] != '/')
        return failure(part(span, rest), fmt::format("'{}' cannot follow in a unit", rest),
                       "join units by * or / without spaces or brackets, as W/m2/K");
      sign = rest[0] == '/' ? -1 : 1;
      rest.remove_prefix(1);
    }
    const auto factor = split_factor(rest, known);
    const auto name = factor.length ? factor.name : rest.substr(0, std::min<size_t>(rest.size(), 20));
    const auto at = part(span, name);
    if (const auto* denied = denied_unit(name))
      return failure(at, fmt::format("'{}' {}", name, denied->why), std::string(denied->hint));
    const auto entry = factor.length ? catalogue_->find(name) : std::nullopt;
    if (!entry) return failure(at, fmt::format("'{}' is not a unit", name), suggestion(name));
    rest.remove_prefix(factor.length);
    if (factors == 0 && rest.empty() && first && factor.exponent == 1) {
      unit.type = {Kind::number, entry->point, entry->dimension, {}};
      unit.scale = entry->scale;
      unit.offset = entry->offset;
      return unit;
    }
    // Within a compound a point unit is its difference: W/degC is W/K. Powers by repetition: the bits of 1000
    // · 1000.
    if (factors > 8 || std::abs(factor.exponent) > 9)
      return failure(at_text, fmt::format("'{}' is not a unit of anything", text),
                     "use fewer or smaller powers");
    for (int i = 0; i < std::abs(factor.exponent); ++i) {
      const bool up = (factor.exponent > 0) == (sign > 0);
      unit.scale = up ? unit.scale * entry->scale : unit.scale / entry->scale;
      unit.type.dimension =
          up ? unit.type.dimension * entry->dimension : unit.type.dimension / entry->dimension;
    }
    first = false;
  }
  return unit;
}

Result<Quantity> Units::quantity(const Span& span, const Unit* bare, bool difference) const {
  const auto text = trimmed(text_of(span));
  const auto at = part(span, text);
  const auto signless = text.starts_with('-') ? trimmed(text.substr(1)) : text;
  const auto number = read_number(signless);
  if (!number.error.empty()) return failure(part(span, signless), number.error, number.hint);
  if (number.length == 0)
    return failure(at, fmt::format("'{}' is not a number", text), "write a number and its unit, as 5 kW");
  const double value = text.starts_with('-') ? -number.value : number.value;
  auto rest = signless.substr(number.length);
  if (rest.empty()) {
    Unit unit = bare ? *bare : Unit{"1", Type::number(), 1, 0};
    if (bare && difference) unit = difference_unit(unit);
    return Quantity{unit.to_si(value), unit};
  }
  rest.remove_prefix(unit_gap(rest));
  auto unit = this->unit(part(span, rest));
  if (!unit) return tl::make_unexpected(std::move(unit.error()));
  return Quantity{unit->to_si(value), *unit};
}

/// "2.5 h" for "2 h 30 min": several times behind one another, as one in the first's unit, or the last's
/// where that is shorter to write. Nothing where the text is something else.
static std::optional<std::string> sum_of_times(const Units& units, const Span& span) {
  auto rest = trimmed(text_of(span));
  double total = 0;
  std::vector<Unit> found;
  while (!rest.empty()) {
    const auto number = read_number(rest);
    if (!number.error.empty() || number.length == 0) return std::nullopt;
    rest = trimmed(rest.substr(number.length));
    const auto end = std::find_if(rest.begin(), rest.end(), [](char c) { return c == ' ' || is_digit(c); });
    const auto unit = units.unit(part(span, rest.substr(0, static_cast<size_t>(end - rest.begin()))));
    if (!unit || unit->type != Type::number(kTimeDimension)) return std::nullopt;
    total += unit->to_si(number.value);
    found.push_back(*unit);
    rest = trimmed(rest.substr(static_cast<size_t>(end - rest.begin())));
  }
  if (found.size() < 2) return std::nullopt;
  const auto in = [&](const Unit& unit) { return shortest(unit.from_si(total)) + " " + unit.text; };
  const auto one = in(found.front()), two = in(found.back());
  return one.size() <= two.size() ? one : two;
}

Result<Duration> Units::duration(const Span& span) const {
  const auto at = part(span, trimmed(text_of(span)));
  const auto quantity = this->quantity(span);
  if (!quantity) {
    const auto sum = sum_of_times(*this, at);
    if (!sum) return tl::make_unexpected(quantity.error());
    return failure(at, fmt::format("'{}' is more than one quantity", text_of(at)),
                   fmt::format("write {}", *sum));
  }
  if (quantity->unit.text == "1" && quantity->value != 0)
    return failure(at, "a time needs its unit", fmt::format("write {} s", text_of(at)));
  if (quantity->unit.type != Type::number(kTimeDimension))
    return failure(at, fmt::format("'{}' is not a time", text_of(at)),
                   "write a time, as 10 s, 5 min, 2 h or 1 d");
  return whole_duration(quantity->value, at);
}

Unit difference_unit(const Unit& unit) {
  if (!unit.type.point) return unit;
  Unit difference = unit;
  difference.type.point = false;
  difference.offset = 0;
  for (const auto& overlay : overlay_units())
    if (overlay.name == unit.text) difference.text = overlay.difference;
  return difference;
}

}  // namespace looptwin::lang

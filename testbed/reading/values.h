// Readers of single values: texts, words, numbers, durations, quantities. Each reports what it refuses and
// what to write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "mml/config.h"
#include "testbed/reading/keys.h"
#include "twin/config.h"

namespace looptwin::testbed {

/// The node if it is a single, not empty value; reports it where not. `what`: "an expression", for the
/// message.
const yaml::Node* scalar(Reader& reader, const yaml::Node& node, std::string_view what);

Value<std::string> text();      ///< kept as it is
Value<mml::Prose> prose();      ///< for people; may hold {expr}
Value<std::string> name();      ///< of a model, an event, a link …: resolved once all is read
Value<std::string> new_name();  ///< that is given here, for expressions
Value<std::string> pattern();   ///< of device ids
Value<std::string>
path();  ///< of a file, relative to the file that names it; given relative to the scenario's folder
Value<bool> boolean();
Value<uint64_t> whole_number(uint64_t least, uint64_t most);
Value<double> share();       ///< 0 … 1, or in percent
Value<Duration> duration();  ///< zero or more
Value<Duration> period();    ///< more than zero
/// At least so long: with shorter ones time would hardly go on.
Value<Duration> period_from(Duration least);
inline constexpr Duration kLeastPeriod = microseconds(1);  ///< of devices and plants
Value<Span> expression();
Value<lang::Unit> unit();
Value<std::vector<std::string>> texts();
Value<std::vector<std::string>> names();  ///< at least one, none twice
Value<std::vector<std::string>> words();  ///< of an enumeration: the same, as many as there are codes
/// A value whose reading needs other keys (its unit): kept for later.
Value<const yaml::Node*> later(Form form);

/// One of the words, each with its code.
template <typename E>
Value<E> word(std::vector<std::pair<std::string, E>> codes);

/// A quantity of the dimension of `unit`; a bare number is in it. `difference`: a difference of it (noise,
/// tolerance).
std::optional<double> quantity(Reader& reader, const yaml::Node& node, const lang::Unit& unit,
                               bool difference);
/// A number without unit, finite.
std::optional<double> number(Reader& reader, const yaml::Node& node);
/// `[low, high]`, low < high, in `unit`.
std::optional<twin::Range> range(Reader& reader, const yaml::Node& node, const lang::Unit& unit);
/// The code of a word in an enumeration.
std::optional<double> code(Reader& reader, const yaml::Node& node, const std::vector<std::string>& words);
/// Whether a bare number, or one with a unit, begins here: as against a word.
bool looks_numeric(const yaml::Node& node);

// Details of word().
std::optional<size_t> find_word(Reader& reader, const yaml::Node& node,
                                const std::vector<std::string>& words);

template <typename E>
Value<E> word(std::vector<std::pair<std::string, E>> codes) {
  std::vector<std::string> words;
  for (const auto& [text, code] : codes) words.push_back(text);
  return {Form::word,
          [codes, words](Reader& reader, const yaml::Node& node) -> std::optional<E> {
            const auto found = find_word(reader, node, words);
            return found ? std::optional(codes[*found].second) : std::nullopt;
          },
          words};
}

}  // namespace looptwin::testbed

#include "testbed/reading/distribution.h"

#include <fmt/format.h>
#include <array>
#include <cctype>

#include "base/check.h"
#include "base/text.h"

namespace looptwin::testbed {
namespace {

using Kind = Distribution::Kind;

/// What an argument is: a drawn value, a difference of such, an amount above zero, a plain number above zero,
/// a probability.
enum class Is : uint8_t { value, spread, amount, positive, probability };

struct Argument {
  const char* name;
  Is is;
};

struct Form {
  const char* name;
  Kind kind;
  std::vector<Argument> arguments;
  bool list;  ///< any number of values: discrete with weights, empirical without
  const char* example;
  const char* about;
};

const std::vector<Form>& forms() {
  static const std::vector<Form> kForms = {
      {"constant",
       Kind::constant,
       {{"value", Is::value}},
       false,
       "constant(5 s)",
       "always the same; a quantity alone means this"},
      {"uniform",
       Kind::uniform,
       {{"low", Is::value}, {"high", Is::value}},
       false,
       "uniform(0.7, 1.3)",
       "between low and high"},
      {"normal",
       Kind::normal,
       {{"mean", Is::value}, {"deviation", Is::spread}},
       false,
       "normal(21 degC, 0.5 K)",
       "mean and standard deviation"},
      {"lognormal",
       Kind::lognormal,
       {{"median", Is::amount}, {"sigma", Is::positive}},
       false,
       "lognormal(60 ms, 0.4)",
       "median, and the standard deviation of the logarithm"},
      {"exponential", Kind::exponential, {{"mean", Is::amount}}, false, "exponential(3 h)", "mean"},
      {"gamma",
       Kind::gamma,
       {{"shape", Is::positive}, {"scale", Is::amount}},
       false,
       "gamma(2, 0.3 kW)",
       "shape and scale; the mean is their product"},
      {"weibull",
       Kind::weibull,
       {{"shape", Is::positive}, {"scale", Is::amount}},
       false,
       "weibull(2, 8 m/s)",
       "shape and scale"},
      {"poisson", Kind::poisson, {{"mean", Is::positive}}, false, "poisson(3.2)", "counts with this mean"},
      {"bernoulli",
       Kind::bernoulli,
       {{"probability", Is::probability}},
       false,
       "bernoulli(0.2)",
       "1 with this probability, else 0"},
      {"discrete", Kind::discrete, {}, true, "discrete(3 kW: 0.7, 5 kW: 0.3)", "each value with its weight"},
      {"empirical",
       Kind::empirical,
       {},
       true,
       "empirical(0 s, 2 s, 5 s, 30 s)",
       "quantiles at equal steps from 0 to 1, straight lines between"},
  };
  return kForms;
}

/// One argument's bytes.
struct Piece {
  uint32_t begin;
  uint32_t end;
};

class Text {
 public:
  Text(const Span& span, const lang::Units& units, const lang::Unit* bare)
      : span_(span), units_(units), bare_(bare) {}

  Result<DistributionText> read() {
    const auto text = std::string_view(span_.source->text).substr(span_.begin, span_.end - span_.begin);
    if (!looks_like_distribution(text)) {
      argument_[0] = value({span_.begin, span_.end}, Is::value);
      return finish(Kind::constant);
    }
    const auto bracket = text.find('(');
    const auto close = text.find_last_not_of(" \t\r\n");
    if (text[close] != ')' || close < bracket) {
      problem({span_.begin, span_.end}, "the bracket is not closed", "write name(value, ...)");
      return tl::make_unexpected(std::move(problems_));
    }
    const auto* form = find(std::string(text.substr(0, bracket)));
    if (!form) return tl::make_unexpected(std::move(problems_));
    const auto pieces =
        split(span_.begin + static_cast<uint32_t>(bracket) + 1, span_.begin + static_cast<uint32_t>(close));
    form->list ? read_list(*form, pieces) : read_arguments(*form, pieces);
    return finish(form->kind);
  }

 private:
  Result<DistributionText> finish(Kind kind) {
    if (!problems_.empty()) return tl::make_unexpected(std::move(problems_));
    auto made = make(kind);
    if (made) return DistributionText{std::move(*made), std::move(unit_), negative_};
    for (auto& d : made.error()) d.span = span_;
    return tl::make_unexpected(std::move(made.error()));
  }

  Result<Distribution> make(Kind kind) {
    const auto [a, b] = argument_;
    switch (kind) {
      case Kind::constant:
        return Distribution::constant(a);
      case Kind::uniform:
        return Distribution::uniform(a, b);
      case Kind::normal:
        return Distribution::normal(a, b);
      case Kind::lognormal:
        return Distribution::lognormal(a, b);
      case Kind::exponential:
        return Distribution::exponential(a);
      case Kind::gamma:
        return Distribution::gamma(a, b);
      case Kind::weibull:
        return Distribution::weibull(a, b);
      case Kind::discrete:
        return Distribution::discrete(std::move(values_), std::move(weights_));
      case Kind::empirical:
        return Distribution::empirical(std::move(values_));
      case Kind::poisson:
        return Distribution::poisson(a);
      case Kind::bernoulli:
        return Distribution::bernoulli(a);
    }
    LT_CHECK(false, "a distribution without a factory");
  }

  void problem(Piece at, std::string message, std::string hint) {
    problems_.push_back(
        {Severity::error, {span_.source, at.begin, at.end}, std::move(message), std::move(hint)});
  }

  const Form* find(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& form : forms()) {
      if (form.name == name) return &form;
      names.push_back(form.name);
    }
    auto hint = did_you_mean(name, names);
    hint += fmt::format("{}distributions: {}", hint.empty() ? "" : " ", joined(names));
    problem({span_.begin, span_.begin + static_cast<uint32_t>(name.size())},
            fmt::format("'{}' is not a distribution", name), hint);
    return nullptr;
  }

  Piece trimmed(uint32_t begin, uint32_t end) const {
    const auto& text = span_.source->text;
    while (begin < end && std::isspace(static_cast<unsigned char>(text[begin]))) ++begin;
    while (end > begin && std::isspace(static_cast<unsigned char>(text[end - 1]))) --end;
    return {begin, end};
  }

  std::vector<Piece> split(uint32_t begin, uint32_t end, char at = ',') const {
    std::vector<Piece> pieces;
    for (uint32_t i = begin; i <= end; ++i) {
      if (i < end && span_.source->text[i] != at) continue;
      pieces.push_back(trimmed(begin, i));
      begin = i + 1;
    }
    if (pieces.size() == 1 && pieces[0].begin == pieces[0].end) pieces.clear();
    return pieces;
  }

  void read_arguments(const Form& form, const std::vector<Piece>& pieces) {
    if (pieces.size() != form.arguments.size()) {
      std::vector<std::string> names;
      for (const auto& a : form.arguments) names.push_back(a.name);
      return problem(
          {span_.begin, span_.end},
          fmt::format("{} takes {} ({}), not {}", form.name, names.size(), joined(names), pieces.size()),
          fmt::format("as {}", form.example));
    }
    // Values first: a spread is a difference of their unit.
    for (const bool spreads : {false, true})
      for (size_t i = 0; i < pieces.size(); ++i)
        if ((form.arguments[i].is == Is::spread) == spreads)
          argument_[i] = value(pieces[i], form.arguments[i].is);
  }

  void read_list(const Form& form, const std::vector<Piece>& pieces) {
    const bool weighted = form.kind == Kind::discrete;
    if (pieces.size() < (weighted ? 1u : 2u))
      return problem({span_.begin, span_.end}, fmt::format("{} needs more values", form.name),
                     fmt::format("as {}", form.example));
    for (const auto& piece : pieces) {
      const auto halves = weighted ? split(piece.begin, piece.end, ':') : std::vector<Piece>{piece};
      if (halves.size() != (weighted ? 2u : 1u)) {
        problem(piece, "a value needs its weight", fmt::format("as {}", form.example));
        continue;
      }
      values_.push_back(value(halves[0], Is::value));
      if (weighted) weights_.push_back(value(halves[1], Is::positive));
    }
  }

  /// Reads one argument. The first value with a unit gives the whole its unit; all others must be of its
  /// dimension.
  double value(Piece at, Is is) {
    if (at.begin == at.end) {
      problem(at, "a value is missing", "");
      return 0;
    }
    const bool plain = is == Is::positive || is == Is::probability;
    auto read = units_.quantity({span_.source, at.begin, at.end}, plain ? nullptr : bare_, is == Is::spread);
    if (!read) {
      problems_.insert(problems_.end(), read.error().begin(), read.error().end());
      return 0;
    }
    if (plain) {
      if (read->unit.type != lang::Type::number()) problem(at, "a number without unit stands here", "");
      if (is == Is::probability ? read->value < 0 || read->value > 1 : read->value <= 0)
        problem(
            at,
            is == Is::probability ? "a probability is between 0 and 1" : "a number above zero stands here",
            "");
      return read->value;
    }
    check_unit(at, is, read->unit);
    negative_ |= read->value < 0;
    if (is == Is::amount && read->value <= 0) problem(at, "a value above zero stands here", "");
    if (is == Is::spread && read->value < 0) problem(at, "a deviation is not negative", "");
    return read->value;
  }

  void check_unit(Piece at, Is is, const lang::Unit& unit) {
    if (is == Is::amount && unit.type.point)
      problem(at, fmt::format("this distribution has no sense on the scale of {}", unit.text),
              "use normal or uniform");
    if (!known_) {
      known_ = true;
      unit_ = unit;
      return;
    }
    const auto wanted = is == Is::spread ? lang::difference_unit(unit_) : unit_;
    if (unit.type != wanted.type)
      problem(at, fmt::format("{} does not go with {}", unit.text, unit_.text),
              fmt::format("write it in {}", wanted.text));
  }

  const Span& span_;
  const lang::Units& units_;
  const lang::Unit* bare_;
  std::array<double, 2> argument_{};
  std::vector<double> values_, weights_;
  lang::Unit unit_{"1", lang::Type::number(), 1, 0};
  bool known_ = false;  ///< unit_ is
  bool negative_ = false;
  Diagnostics problems_;
};

}  // namespace

Result<DistributionText> read_distribution(const Span& span, const lang::Units& units,
                                           const lang::Unit* bare) {
  LT_CHECK(span.source, "a distribution's text is part of a source");
  return Text(span, units, bare).read();
}

bool looks_like_distribution(std::string_view text) {
  const auto bracket = text.find('(');
  if (bracket == std::string_view::npos || bracket == 0) return false;
  for (const char c : text.substr(0, bracket))
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')) return false;
  return true;
}

std::string distribution_table() {
  std::string out = "| written | draws |\n|---|---|\n";
  for (const auto& form : forms()) out += fmt::format("| `{}` | {} |\n", form.example, form.about);
  return out;
}

}  // namespace looptwin::testbed

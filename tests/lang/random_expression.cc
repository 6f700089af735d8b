#include "random_expression.h"

#include <fmt/format.h>
#include <initializer_list>
#include <string_view>

namespace looptwin::lang::sample {

// SplitMix64 (Steele, Lea, Flood 2014).
uint64_t RandomExpression::below(uint64_t n) {
  uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return (z ^ (z >> 31)) % n;
}

// Ratios in % are multiplied by 1, or bare numbers beside them would want their unit.
std::string RandomExpression::leaf(Wish wish) {
  const auto one_of = [&](std::initializer_list<std::string_view> texts) {
    return std::string(texts.begin()[below(texts.size())]);
  };
  switch (wish) {
    case Wish::power:
      if (with_.relations && below(4) == 0) return "block.limit";
      return one_of({"power", "power", "1.5 kW", "300 W", "0.1 kW", "-2 kW"});
    case Wish::temperature:
      if (with_.feeds && below(4) == 0) return "weather.temperature";
      return one_of({"temperature", "cool", "attic", "20 degC", "70 degF", "-5 degC"});
    case Wish::difference:
      return one_of({"3 K", "0.5 K", "(temperature - cool)", "(attic - temperature)", "0 K"});
    case Wish::ratio:
      if (with_.relations && below(6) == 0) return "(block.loss * 1)";
      return one_of({"efficiency", "(soc * 1)", "2", "0.25", "(30 % * 1)", "-1"});
    case Wish::condition:
      if (with_.relations && below(5) == 0) return "block.closed";
      return one_of({"online", "fan", "true", "online", "fan"});
    case Wish::program:
      return "program";
  }
  return "true";
}

std::string RandomExpression::text(Wish wish, int depth) {
  if (depth <= 0 || below(8) == 0) return leaf(wish);
  if (below(6) == 0)
    return fmt::format("if({}, {}, {})", condition(depth - 1), text(wish, depth - 1), text(wish, depth - 1));
  const bool number_wished = wish != Wish::condition && wish != Wish::program;
  if (with_.state && below(8) == 0) return fmt::format("previous({})", text(wish, depth - 1));
  if (with_.controllers && below(8) == 0)
    return fmt::format("delay({}, {} s)", text(wish, depth - 1), 1 + below(4));
  if (wish == Wish::condition) return condition(depth);
  if (number_wished && wish != Wish::ratio) return number(wish, depth);
  return wish == Wish::ratio ? ratio(depth) : leaf(wish);
}

std::string RandomExpression::number(Wish wish, int depth) {
  const auto again = [&](Wish w) { return text(w, depth - 1); };
  const bool point = wish == Wish::temperature;
  if (with_.sets && below(10) == 0) {
    static constexpr std::string_view kHow[] = {"avg", "min", "max"};
    const auto member = wish == Wish::power ? "power" : point ? "temperature" : "(temperature - cool)";
    return fmt::format("{}(block.homes, {})", kHow[below(3)], member);
  }
  switch (below(point ? 5 : 9)) {
    case 0:
      return fmt::format("min({}, {})", again(wish), again(wish));
    case 1:
      return fmt::format("max({}, {}, {})", again(wish), again(wish), again(wish));
    case 2:
      return fmt::format("({} + {})", again(wish), again(point ? Wish::difference : wish));
    case 3:
      return fmt::format("({} - {})", again(wish), again(point ? Wish::difference : wish));
    case 4:
      return fmt::format("avg({}, {})", again(wish), again(wish));
    case 5:
      return fmt::format("{} * {}", leaf(wish), again(Wish::ratio));
    case 6:
      return fmt::format("-({})", again(wish));
    case 7:
      return fmt::format("abs({})", again(wish));
    default:
      return fmt::format("({}) / ({})", again(wish), leaf(Wish::ratio));
  }
}

std::string RandomExpression::ratio(int depth) {
  const auto again = [&](Wish w) { return text(w, depth - 1); };
  if (with_.sets && below(8) == 0)
    return fmt::format("count(block.homes, {})", below(2) ? "online" : "power > 1 kW");
  if (with_.sets && below(8) == 0)
    return fmt::format("share(block.homes, {})", below(2) ? "fan" : "temperature > cool");
  if (with_.state && below(8) == 0)
    return fmt::format("time_true({} over {} s) / 1 s", condition(depth - 1), 1 + below(20));
  if (with_.state && below(8) == 0)
    return fmt::format("rises({} over {} s)", condition(depth - 1), 64 * (1 + below(2)));
  switch (below(16)) {
    case 14:
      return fmt::format("interp({}, -10 degC, 2, 0 degC, 3, 20 degC, 1, 30 degC, -1, outside=extend)",
                         again(Wish::temperature));
    case 15:
      return fmt::format(
          "interp({}, {}, [-10 degC, 0 degC, 25 degC], [-1, 2, 3, 4], [0.5, 3, 5, 1], "
          "[2, 0, -1, 2], outside={})",
          again(Wish::ratio), again(Wish::temperature), below(2) ? "hold" : "extend");
    case 0:
      return fmt::format("({}) / ({})", again(Wish::power), leaf(Wish::power));
    case 1:
      return fmt::format("({}) / 4 K", again(Wish::difference));
    case 2:
      return fmt::format("sqrt({})", again(Wish::ratio));
    case 3:
      return fmt::format("exp({} / 10)", leaf(Wish::ratio));
    case 4:
      return fmt::format("sin({})", again(Wish::ratio));
    case 5:
      return fmt::format("pow({}, 2)", again(Wish::ratio));
    case 6:
      return fmt::format("floor({})", again(Wish::ratio));
    case 7:
      return fmt::format("round({})", again(Wish::ratio));
    case 8:
      return fmt::format("clamp({}, -1, 2.5)", again(Wish::ratio));
    case 9:
      return fmt::format("interp({}, -10 degC, 2, 0 degC, 3, 20 degC, 1, 30 degC, -1)",
                         again(Wish::temperature));
    case 10:
      return fmt::format("{} * ({} + {})", leaf(Wish::ratio), again(Wish::ratio), again(Wish::ratio));
    case 11:
      return fmt::format("mod({}, {})", again(Wish::ratio), leaf(Wish::ratio) == "2" ? "2" : "0.75");
    case 12:
      return fmt::format("atan2({}, {})", again(Wish::power), again(Wish::power));
    default:
      return fmt::format("kelvin({}) / 300 K", again(Wish::temperature));
  }
}

std::string RandomExpression::condition(int depth) {
  if (depth <= 0) return leaf(Wish::condition);
  const auto again = [&](Wish w) { return text(w, depth - 1); };
  static constexpr std::string_view kCompare[] = {"<", "<=", ">", ">=", "==", "!="};
  const auto compare = kCompare[below(6)];
  if (with_.sets && below(10) == 0)
    return fmt::format("{}(block.homes, {})", below(2) ? "all" : "any", below(2) ? "online" : "fan");
  if (with_.state && below(6) == 0) return fmt::format("held({}, {} s)", condition(depth - 1), 1 + below(4));
  if (with_.controllers && below(6) == 0)
    return below(2) ? fmt::format("latch({}, {})", condition(depth - 1), condition(depth - 1))
                    : fmt::format("hysteresis({}, on=0.5 K, off=-0.5 K, min_off={} s)",
                                  again(Wish::difference), below(4));
  switch (below(10)) {
    case 0:
      return fmt::format("({} && {})", condition(depth - 1), condition(depth - 1));
    case 1:
      return fmt::format("({} || {})", condition(depth - 1), condition(depth - 1));
    case 2:
      return fmt::format("!({})", condition(depth - 1));
    case 3:
      return fmt::format("known({})", again(Wish::power));
    case 4:
      return fmt::format("program {} \"frugal\"", below(2) ? "==" : "!=");
    case 5:
      return R"(mode in ["auto", "away"])";
    case 6:
      return fmt::format("({}) {} ({})", again(Wish::power), compare, again(Wish::power));
    case 7:
      return fmt::format("({}) {} ({})", again(Wish::temperature), compare, again(Wish::temperature));
    case 8:
      return fmt::format("(({}) == ({}))", condition(depth - 1), condition(depth - 1));
    default:
      return fmt::format("({}) {} ({})", again(Wish::ratio), compare, leaf(Wish::ratio));
  }
}

}  // namespace looptwin::lang::sample

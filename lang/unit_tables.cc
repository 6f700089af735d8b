#include "lang/unit_tables.h"

#include <algorithm>

namespace looptwin::lang {
namespace {

constexpr Dimension kPower{{2, 1, -3}};
constexpr Dimension kEnergy{{2, 1, -2}};
constexpr Dimension kPressure{{-1, 1, -2}};
constexpr Dimension kCharge{{0, 0, 1, 1}};
constexpr Dimension kFlow{{3, 0, -1}};
constexpr Dimension kSpeed{{1, 0, -1}};
constexpr Dimension kArea{{2}};
constexpr Dimension kAmount{{0, 0, 0, 0, 0, 1}};
constexpr Dimension kCurrency{{0, 0, 0, 0, 0, 0, 0, 1}};
constexpr Dimension kFrequency{{0, 0, -1}};

constexpr double kPi = 3.14159265358979323846;
constexpr double kBtu = 1055.05585262;      // International Table
constexpr double kPsi = 6894.757293168361;  // lbf/in²
constexpr double kGallon = 3.785411784e-3;  // US liquid
constexpr double kCubicFoot = 0.028316846592;
// Cubic metres of gas at 101325 Pa and 0 °C (Nm3) or 15 °C (Sm3) are amounts of substance: p / (R T), R
// = 8.31446…
constexpr double kNormalCubicMetre = 101325 / (8.31446261815324 * 273.15);
constexpr double kStandardCubicMetre = 101325 / (8.31446261815324 * 288.15);
constexpr double kFahrenheitZero = 459.67 * 5 / 9;

using enum OverlayUnit::Scale;
constexpr OverlayUnit kOverlay[] = {
    {"degC", kTemperature, 1, point, 273.15, "K"},
    {"°C", kTemperature, 1, point, 273.15, "K"},
    {"degF", kTemperature, 5.0 / 9, point, kFahrenheitZero, "degR"},
    {"°F", kTemperature, 5.0 / 9, point, kFahrenheitZero, "degR"},
    {"degR", kTemperature, 5.0 / 9},
    {"barg", kPressure, 1e5, gauge, 0, "bar"},
    {"mbarg", kPressure, 100, gauge, 0, "mbar"},
    {"psig", kPressure, kPsi, gauge, 0, "psi"},
    {"kPag", kPressure, 1e3, gauge, 0, "kPa"},
    {"psi", kPressure, kPsi},
    {"bar", kPressure, 1e5},
    {"mmH2O", kPressure, 9.80665},
    {"cmH2O", kPressure, 98.0665},
    {"inH2O", kPressure, 249.08891},
    {"Wh", kEnergy, 3600},
    {"Btu", kEnergy, kBtu},
    {"MMBtu", kEnergy, kBtu * 1e6},
    {"therm", kEnergy, kBtu * 1e5},
    {"cal", kEnergy, 4.184},
    {"var", kPower, 1},
    {"VA", kPower, 1},
    {"varh", kEnergy, 3600},
    {"VAh", kEnergy, 3600},
    {"hp", kPower, 745.69987158227022},
    {"ton_refrigeration", kPower, 12000 * kBtu / 3600},
    {"Ah", kCharge, 3600},
    {"Nm3", kAmount, kNormalCubicMetre},
    {"Sm3", kAmount, kStandardCubicMetre},
    {"gallon", {{3}}, kGallon},
    {"gpm", kFlow, kGallon / 60},
    {"cfm", kFlow, kCubicFoot / 60},
    {"ft3", {{3}}, kCubicFoot},
    {"mph", kSpeed, 0.44704},
    {"ha", kArea, 1e4},
    {"rpm", kFrequency, 2 * kPi / 60},
    {"rev", kRatio, 2 * kPi},
    {"rad", kRatio, 1},
    {"deg", kRatio, kPi / 180},
    {"°", kRatio, kPi / 180},
    {"pu", kRatio, 1},
    {"%", kRatio, 0.01},
    {"ppm", kRatio, 1e-6},
    {"ppb", kRatio, 1e-9},
    {"USD", kCurrency, 1},
};

constexpr std::string_view kYear = "has no fixed length";
constexpr std::string_view kCurrencyWhy =
    "is not a unit: rates of exchange change, and a scenario has one currency, USD";
constexpr std::string_view kCurrencyHint = "convert the amount and write it in USD";
constexpr DeniedUnit kDenied[] = {
    {"C", "is the coulomb, not a temperature", "write degC (or A*s for a charge)"},
    {"F", "is the farad, not a temperature", "write degF (or farad for a capacitance)"},
    {"R", "is the roentgen, not a temperature", "write degR"},
    {"c", "is the speed of light", "write degC for a temperature"},
    {"degree", "may be an angle or a temperature", "write deg for an angle, degC or degF for a temperature"},
    {"degrees", "may be an angle or a temperature", "write deg for an angle, degC or degF for a temperature"},
    {"hr", "is not the symbol of the hour", "write h"},
    {"hrs", "is not the symbol of the hour", "write h"},
    {"sec", "is not the symbol of the second", "write s"},
    {"secs", "is not the symbol of the second", "write s"},
    {"mn", "is not the symbol of the minute", "write min"},
    {"mins", "is not the symbol of the minute", "write min"},
    {"month", kYear, "write days, as 30 d"},
    {"months", kYear, "write days, as 30 d"},
    {"mo", kYear, "write days, as 30 d"},
    {"year", kYear, "write days, as 365 d"},
    {"years", kYear, "write days, as 365 d"},
    {"yr", kYear, "write days, as 365 d"},
    {"psia", "is written without the a: pressures are absolute unless they say gauge", "write psi"},
    {"bara", "is written without the a: pressures are absolute unless they say gauge", "write bar"},
    {"pa", "is a pico-are", "write Pa"},
    {"kpa", "is a kilo-pico-are", "write kPa"},
    {"mpa", "is not a pressure", "write MPa"},
    {"gal", "is a unit of acceleration", "write gallon (US) or L"},
    {"in", "is an operator here", "write inch"},
    {"kph", "is the kilophot", "write km/h"},
    {"kmh", "is not a speed", "write km/h"},
    {"lpm", "is not a unit", "write L/min"},
    {"lps", "is not a unit", "write L/s"},
    {"scfm", "needs its reference conditions", "write Sm3/h or Nm3/h"},
    {"ton", "may be short, long, metric or of refrigeration", "write t (1000 kg) or ton_refrigeration"},
    {"tons", "may be short, long, metric or of refrigeration", "write t (1000 kg) or ton_refrigeration"},
    {"TR", "is not a unit", "write ton_refrigeration"},
    {"lbs", "has no plural", "write lb"},
    {"Nm", "is not a unit", "write N*m (or Nm3 for normal cubic metres)"},
    {"a", "is the are", "write m2 for an area, 365 d for a year"},
    {"b", "is the barn", "write bar for a pressure"},
    {"u", "is the atomic mass unit", "write pu for per unit"},
    {"e", "is the elementary charge", "write 1e3 without a space for a power of ten"},
    {"dB", "is a logarithm of a ratio", "write the ratio itself"},
    {"pt", "is the pint", "write L"},
    {"cc", "is not a unit", "write cm3"},
    {"dr", "is the dram", "write g"},
    {"gr", "is the grain", "write g"},
    {"pk", "is the peck", "write L"},
    {"bu", "is the bushel", "write L"},
    {"bps", "is the baud", "write 1/s"},
    {"cps", "is not a unit", "write Hz"},
    {"rps", "is not a unit", "write rev/s"},
    {"EUR", kCurrencyWhy, kCurrencyHint},
    {"GBP", kCurrencyWhy, kCurrencyHint},
    {"CHF", kCurrencyWhy, kCurrencyHint},
    {"JPY", kCurrencyWhy, kCurrencyHint},
    {"CNY", kCurrencyWhy, kCurrencyHint},
    {"INR", kCurrencyWhy, kCurrencyHint},
    {"CAD", kCurrencyWhy, kCurrencyHint},
    {"AUD", kCurrencyWhy, kCurrencyHint},
    {"SEK", kCurrencyWhy, kCurrencyHint},
    {"NOK", kCurrencyWhy, kCurrencyHint},
    {"DKK", kCurrencyWhy, kCurrencyHint},
    {"usd", "is not a unit", "write USD"},
};

constexpr std::string_view kPrefixable[] = {
    "m",   "g",  "s",   "A",   "K",   "mol", "Hz",  "N",  "Pa",   "J",   "W",  "V",   "F",
    "ohm", "Ω",  "S",   "Wb",  "T",   "H",   "lm",  "lx", "Bq",   "Gy",  "Sv", "L",   "l",
    "t",   "eV", "rad", "bar", "cal", "Wh",  "var", "VA", "varh", "VAh", "Ah", "USD",
};

constexpr std::string_view kSpelledOut[] = {
    "second",   "minute", "hour",   "day",        "week", "metre",      "meter",   "gram",
    "kilogram", "tonne",  "ampere", "kelvin",     "mole", "candela",    "hertz",   "newton",
    "pascal",   "joule",  "watt",   "volt",       "ohm",  "farad",      "coulomb", "siemens",
    "weber",    "tesla",  "henry",  "lumen",      "lux",  "litre",      "liter",   "percent",
    "radian",   "inch",   "foot",   "feet",       "yard", "mile",       "acre",    "hectare",
    "pound",    "ounce",  "knot",   "horsepower", "bar",  "atmosphere", "torr",    "barrel",
};

constexpr Prefix kPrefixes[] = {
    {"da", "deca", 1e1},  {"h", "hecto", 1e2},  {"k", "kilo", 1e3},   {"M", "mega", 1e6},
    {"G", "giga", 1e9},   {"T", "tera", 1e12},  {"P", "peta", 1e15},  {"d", "deci", 1e-1},
    {"c", "centi", 1e-2}, {"m", "milli", 1e-3}, {"µ", "micro", 1e-6}, {"μ", "micro", 1e-6},
    {"u", "micro", 1e-6}, {"n", "nano", 1e-9},  {"p", "pico", 1e-12},
};

const std::string kCommon[] = {
    "kW",     "W",      "MW",     "GW",   "kWh", "Wh",   "MWh",   "var",   "kvar",    "VA",
    "kVA",    "V",      "mV",     "kV",   "A",   "mA",   "kA",    "Ah",    "mAh",     "ohm",
    "Hz",     "kHz",    "MHz",    "rpm",  "K",   "degC", "degF",  "degR",  "bar",     "mbar",
    "barg",   "psi",    "psig",   "Pa",   "kPa", "MPa",  "hPa",   "m",     "mm",      "cm",
    "km",     "inch",   "ft",     "s",    "ms",  "min",  "h",     "d",     "L",       "mL",
    "m2",     "m3",     "Nm3",    "Sm3",  "gpm", "cfm",  "kg",    "g",     "mg",      "t",
    "lb",     "N",      "kN",     "J",    "kJ",  "MJ",   "GJ",    "Btu",   "mol",     "lx",
    "%",      "ppm",    "ppb",    "deg",  "rad", "rev",  "pu",    "hp",    "USD",     "week",
    "gallon", "second", "minute", "hour", "day", "watt", "metre", "litre", "percent", "ton_refrigeration",
};

}  // namespace

std::span<const OverlayUnit> overlay_units() { return kOverlay; }

const DeniedUnit* denied_unit(std::string_view name) {
  const auto it = std::ranges::find(kDenied, name, &DeniedUnit::name);
  return it == std::end(kDenied) ? nullptr : &*it;
}

bool takes_prefix(std::string_view symbol) {
  return std::ranges::find(kPrefixable, symbol) != std::end(kPrefixable);
}

bool is_spelled_out(std::string_view name) {
  const auto listed = [](std::string_view n) {
    return std::ranges::find(kSpelledOut, n) != std::end(kSpelledOut);
  };
  return listed(name) || (name.ends_with('s') && listed(name.substr(0, name.size() - 1))) ||
         (name.ends_with("es") && listed(name.substr(0, name.size() - 2)));
}

std::span<const Prefix> prefixes() { return kPrefixes; }
std::span<const std::string> common_units() { return kCommon; }

}  // namespace looptwin::lang

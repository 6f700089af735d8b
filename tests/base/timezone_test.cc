#include "base/timezone.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

namespace looptwin {
namespace {

struct Known {
  const char* zone;
  int64_t at;  ///< seconds since 1970
  int offset;
};
// From Python's zoneinfo (tzdata): the second before and of some transitions, and instants between. Nothing of the
// future where a government moves it from year to year (Morocco).
constexpr Known kKnown[] = {
    {"America/Phoenix", -596876148, -25200},
    {"America/Phoenix", -84380401, -25200},
    {"America/Phoenix", -84380400, -21600},
    {"America/Phoenix", -68659201, -21600},
    {"America/Phoenix", -68659200, -25200},
    {"America/Phoenix", 95513148, -25200},
    {"America/Phoenix", 930549411, -25200},
    {"America/Phoenix", 1798570523, -25200},
    {"America/Phoenix", 2387541014, -25200},
    {"America/Phoenix", 3416718760, -25200},
    {"America/New_York", -907702411, -18000},
    {"America/New_York", -868616996, -14400},
    {"America/New_York", -289418401, -14400},
    {"America/New_York", -289418400, -18000},
    {"America/New_York", 1090105, -18000},
    {"America/New_York", 514969199, -18000},
    {"America/New_York", 514969200, -14400},
    {"America/New_York", 1325348894, -18000},
    {"America/New_York", 1541311199, -14400},
    {"America/New_York", 1541311200, -18000},
    {"America/New_York", 1836457199, -18000},
    {"America/New_York", 1836457200, -14400},
    {"America/New_York", 2246511599, -18000},
    {"America/New_York", 2246511600, -14400},
    {"America/New_York", 2834978399, -14400},
    {"America/New_York", 2834978400, -18000},
    {"America/New_York", 3182133599, -14400},
    {"America/New_York", 3182133600, -18000},
    {"America/New_York", 3287977199, -18000},
    {"America/New_York", 3287977200, -14400},
    {"America/New_York", 3404256441, -18000},
    {"America/New_York", 3419696519, -14400},
    {"America/New_York", 3761535599, -18000},
    {"America/New_York", 3761535600, -14400},
    {"America/New_York", 3782095199, -14400},
    {"America/New_York", 3782095200, -18000},
    {"Europe/Berlin", -851712681, 3600},
    {"Europe/Berlin", 302957853, 3600},
    {"Europe/Berlin", 717555599, 7200},
    {"Europe/Berlin", 717555600, 3600},
    {"Europe/Berlin", 1067129999, 7200},
    {"Europe/Berlin", 1067130000, 3600},
    {"Europe/Berlin", 1170177477, 3600},
    {"Europe/Berlin", 1509238799, 7200},
    {"Europe/Berlin", 1509238800, 3600},
    {"Europe/Berlin", 1878940490, 7200},
    {"Europe/Berlin", 2563405199, 3600},
    {"Europe/Berlin", 2563405200, 7200},
    {"Europe/Berlin", 2790218436, 7200},
    {"Europe/Berlin", 2866409999, 7200},
    {"Europe/Berlin", 2866410000, 3600},
    {"Europe/Berlin", 2910560399, 3600},
    {"Europe/Berlin", 2910560400, 7200},
    {"Europe/Berlin", 3245014799, 7200},
    {"Europe/Berlin", 3245014800, 3600},
    {"Europe/Berlin", 3699824399, 3600},
    {"Europe/Berlin", 3699824400, 7200},
    {"Europe/Berlin", 3762723599, 3600},
    {"Europe/Berlin", 3762723600, 7200},
    {"Europe/Berlin", 3781472399, 7200},
    {"Europe/Berlin", 3781472400, 3600},
    {"Europe/Berlin", 3814185712, 3600},
    {"Europe/Dublin", -872976506, 3600},
    {"Europe/Dublin", -813223508, 3600},
    {"Europe/Dublin", 481078799, 0},
    {"Europe/Dublin", 481078800, 3600},
    {"Europe/Dublin", 609337231, 3600},
    {"Europe/Dublin", 689017785, 0},
    {"Europe/Dublin", 764729999, 0},
    {"Europe/Dublin", 764730000, 3600},
    {"Europe/Dublin", 1183675157, 3600},
    {"Europe/Dublin", 1256432399, 3600},
    {"Europe/Dublin", 1256432400, 0},
    {"Europe/Dublin", 1414285199, 3600},
    {"Europe/Dublin", 1414285200, 0},
    {"Europe/Dublin", 1459040399, 0},
    {"Europe/Dublin", 1459040400, 3600},
    {"Europe/Dublin", 2343385571, 3600},
    {"Europe/Dublin", 2469056399, 0},
    {"Europe/Dublin", 2469056400, 3600},
    {"Europe/Dublin", 2784761999, 0},
    {"Europe/Dublin", 2784762000, 3600},
    {"Europe/Dublin", 3005513999, 0},
    {"Europe/Dublin", 3005514000, 3600},
    {"Europe/Dublin", 3762723599, 0},
    {"Europe/Dublin", 3762723600, 3600},
    {"Europe/Dublin", 3781472399, 3600},
    {"Europe/Dublin", 3781472400, 0},
    {"Australia/Lord_Howe", 517300986, 37800},
    {"Australia/Lord_Howe", 1035646199, 37800},
    {"Australia/Lord_Howe", 1035646200, 39600},
    {"Australia/Lord_Howe", 1355095800, 39600},
    {"Australia/Lord_Howe", 1933167599, 39600},
    {"Australia/Lord_Howe", 1933167600, 37800},
    {"Australia/Lord_Howe", 2132749951, 37800},
    {"Australia/Lord_Howe", 2690377199, 39600},
    {"Australia/Lord_Howe", 2690377200, 37800},
    {"Australia/Lord_Howe", 2737553399, 37800},
    {"Australia/Lord_Howe", 2737553400, 39600},
    {"Australia/Lord_Howe", 2832506999, 37800},
    {"Australia/Lord_Howe", 2832507000, 39600},
    {"Australia/Lord_Howe", 2907368033, 39600},
    {"Australia/Lord_Howe", 2958910199, 37800},
    {"Australia/Lord_Howe", 2958910200, 39600},
    {"Australia/Lord_Howe", 3195385199, 39600},
    {"Australia/Lord_Howe", 3195385200, 37800},
    {"Australia/Lord_Howe", 3347802189, 39600},
    {"Australia/Lord_Howe", 3763292399, 39600},
    {"Australia/Lord_Howe", 3763292400, 37800},
    {"Australia/Lord_Howe", 3779018999, 37800},
    {"Australia/Lord_Howe", 3779019000, 39600},
    {"Australia/Lord_Howe", 3850089359, 39600},
    {"Asia/Kolkata", -117447536, 19800},
    {"Asia/Kolkata", 775539677, 19800},
    {"Asia/Kolkata", 779939759, 19800},
    {"Asia/Kolkata", 1381134998, 19800},
    {"Asia/Kolkata", 2493318143, 19800},
    {"Asia/Kolkata", 3079013207, 19800},
    {"Africa/Casablanca", -81432001, 0},
    {"Africa/Casablanca", -81432000, 3600},
    {"Africa/Casablanca", 1342749599, 3600},
    {"Africa/Casablanca", 1342749600, 0},
    {"Africa/Casablanca", 1403920799, 3600},
    {"Africa/Casablanca", 1403920800, 0},
    {"Africa/Casablanca", 1437271199, 0},
    {"Africa/Casablanca", 1437271200, 3600},
    {"Africa/Casablanca", 1477792799, 3600},
    {"Africa/Casablanca", 1477792800, 0},
    {"Africa/Casablanca", 1576358404, 3600},
    {"Africa/Casablanca", 1590890399, 0},
    {"Africa/Casablanca", 1590890400, 3600},
    {"Africa/Casablanca", 1728898079, 3600},
    {"Africa/Casablanca", 1743904799, 0},
    {"Africa/Casablanca", 1743904800, 3600},
    {"Africa/Casablanca", 1774144799, 0},
    {"Africa/Casablanca", 1774144800, 3600},
    {"America/Sao_Paulo", -701433720, -10800},
    {"America/Sao_Paulo", -314413589, -10800},
    {"America/Sao_Paulo", -184197601, -7200},
    {"America/Sao_Paulo", -184197600, -10800},
    {"America/Sao_Paulo", -155163601, -10800},
    {"America/Sao_Paulo", -155163600, -7200},
    {"America/Sao_Paulo", -57967201, -7200},
    {"America/Sao_Paulo", -57967200, -10800},
    {"America/Sao_Paulo", 479284937, -10800},
    {"America/Sao_Paulo", 499748399, -10800},
    {"America/Sao_Paulo", 499748400, -7200},
    {"America/Sao_Paulo", 824003999, -7200},
    {"America/Sao_Paulo", 824004000, -10800},
    {"America/Sao_Paulo", 876106799, -10800},
    {"America/Sao_Paulo", 876106800, -7200},
    {"America/Sao_Paulo", 888717599, -7200},
    {"America/Sao_Paulo", 888717600, -10800},
    {"America/Sao_Paulo", 1234663199, -7200},
    {"America/Sao_Paulo", 1234663200, -10800},
    {"America/Sao_Paulo", 1683504527, -10800},
    {"America/Sao_Paulo", 2056255486, -10800},
    {"America/Sao_Paulo", 3765217358, -10800},
    {"Pacific/Apia", -32025963, -39600},
    {"Pacific/Apia", 109909025, -39600},
    {"Pacific/Apia", 474644684, -39600},
    {"Pacific/Apia", 1285498799, -39600},
    {"Pacific/Apia", 1285498800, -36000},
    {"Pacific/Apia", 1325239199, -36000},
    {"Pacific/Apia", 1325239200, 50400},
    {"Pacific/Apia", 1411826399, 46800},
    {"Pacific/Apia", 1411826400, 50400},
    {"Pacific/Apia", 1428155999, 50400},
    {"Pacific/Apia", 1428156000, 46800},
    {"Pacific/Apia", 1459605599, 50400},
    {"Pacific/Apia", 1459605600, 46800},
    {"Pacific/Apia", 1491055199, 50400},
    {"Pacific/Apia", 1491055200, 46800},
    {"Pacific/Apia", 1506175199, 46800},
    {"Pacific/Apia", 1506175200, 50400},
    {"Pacific/Apia", 1586008799, 50400},
    {"Pacific/Apia", 1586008800, 46800},
    {"Pacific/Apia", 2419665888, 46800},
    {"Pacific/Apia", 3189970085, 46800},
    {"Pacific/Apia", 3195058968, 46800},
    {"Asia/Tehran", 279575999, 14400},
    {"Asia/Tehran", 279576000, 12600},
    {"Asia/Tehran", 282502805, 12600},
    {"Asia/Tehran", 811711799, 16200},
    {"Asia/Tehran", 811711800, 12600},
    {"Asia/Tehran", 843247799, 16200},
    {"Asia/Tehran", 843247800, 12600},
    {"Asia/Tehran", 1064172599, 16200},
    {"Asia/Tehran", 1064172600, 12600},
    {"Asia/Tehran", 1218778023, 16200},
    {"Asia/Tehran", 1379791799, 16200},
    {"Asia/Tehran", 1379791800, 12600},
    {"Asia/Tehran", 1426969799, 12600},
    {"Asia/Tehran", 1426969800, 16200},
    {"Asia/Tehran", 1442863799, 16200},
    {"Asia/Tehran", 1442863800, 12600},
    {"Asia/Tehran", 1490128199, 12600},
    {"Asia/Tehran", 1490128200, 16200},
    {"Asia/Tehran", 1709900430, 12600},
    {"Asia/Tehran", 1785313879, 12600},
    {"Asia/Tehran", 3157113076, 12600},
    {"Asia/Tehran", 3547447433, 12600},
    {"America/St_Johns", -839267826, -9000},
    {"America/St_Johns", -439974366, -12600},
    {"America/St_Johns", -139256515, -9000},
    {"America/St_Johns", 73459799, -12600},
    {"America/St_Johns", 73459800, -9000},
    {"America/St_Johns", 262762199, -12600},
    {"America/St_Johns", 262762200, -9000},
    {"America/St_Johns", 309932999, -9000},
    {"America/St_Johns", 309933000, -12600},
    {"America/St_Johns", 972786659, -9000},
    {"America/St_Johns", 972786660, -12600},
    {"America/St_Johns", 979346392, -12600},
    {"America/St_Johns", 1426401943, -9000},
    {"America/St_Johns", 2088653399, -12600},
    {"America/St_Johns", 2088653400, -9000},
    {"America/St_Johns", 2152157399, -12600},
    {"America/St_Johns", 2152157400, -9000},
    {"America/St_Johns", 2183606999, -12600},
    {"America/St_Johns", 2183607000, -9000},
    {"America/St_Johns", 2652984215, -12600},
    {"America/St_Johns", 3056329799, -9000},
    {"America/St_Johns", 3056329800, -12600},
    {"America/St_Johns", 3761530199, -12600},
    {"America/St_Johns", 3761530200, -9000},
    {"America/St_Johns", 3782089799, -9000},
    {"America/St_Johns", 3782089800, -12600},
    {"Antarctica/Troll", -926125707, 0},
    {"Antarctica/Troll", -325839172, 0},
    {"Antarctica/Troll", 208396417, 0},
    {"Antarctica/Troll", 675297276, 0},
    {"Antarctica/Troll", 1165124656, 0},
    {"Antarctica/Troll", 1509238799, 7200},
    {"Antarctica/Troll", 1509238800, 0},
    {"Antarctica/Troll", 1521939599, 0},
    {"Antarctica/Troll", 1521939600, 7200},
    {"Antarctica/Troll", 1887843599, 7200},
    {"Antarctica/Troll", 1887843600, 0},
    {"Antarctica/Troll", 1932598799, 0},
    {"Antarctica/Troll", 1932598800, 7200},
    {"Antarctica/Troll", 2683092269, 0},
    {"Antarctica/Troll", 2847661199, 0},
    {"Antarctica/Troll", 2847661200, 7200},
    {"Antarctica/Troll", 3099862799, 0},
    {"Antarctica/Troll", 3099862800, 7200},
    {"Antarctica/Troll", 3415568399, 0},
    {"Antarctica/Troll", 3415568400, 7200},
    {"Antarctica/Troll", 3497216399, 7200},
    {"Antarctica/Troll", 3497216400, 0},
    {"Antarctica/Troll", 3762723599, 0},
    {"Antarctica/Troll", 3762723600, 7200},
    {"Antarctica/Troll", 3781472399, 7200},
    {"Antarctica/Troll", 3781472400, 0},
    {"UTC", -419564623, 0},
    {"UTC", 843573563, 0},
    {"UTC", 1287157766, 0},
    {"UTC", 1294930058, 0},
    {"UTC", 1352037997, 0},
    {"UTC", 3709024062, 0},
};

UnixTime at(int64_t s) { return {s * 1'000'000'000}; }

Timezone zone(const char* name) {
  const auto loaded = Timezone::load(name);
  INFO((loaded ? std::string() : render(loaded.error())));
  REQUIRE(loaded);
  return *loaded;
}

Civil local(const char* text) { return parse_iso(text)->local; }

}  // namespace

TEST_CASE(
    "timezone: offsets agree with Python's zoneinfo, before, between and after the table's transitions") {
  for (const auto& k : kKnown) {
    INFO(k.zone << " at " << k.at);
    CHECK(zone(k.zone).offset_at(at(k.at)) == k.offset);
  }
}

TEST_CASE(
    "timezone: every instant survives the way to local fields and back, but for the second pass of a fold") {
  for (const char* name : {"America/Phoenix", "America/New_York", "Europe/Dublin", "Australia/Lord_Howe",
                           "Africa/Casablanca", "Pacific/Apia"}) {
    const auto z = zone(name);
    size_t lost = 0;
    for (int64_t s = 1'000'000'000; s < 2'600'000'000; s += 1'799) {
      const auto instants = z.instants(z.to_local(at(s)));
      if (instants.earlier != at(s) && instants.later != at(s)) ++lost;
    }
    INFO(name);
    CHECK(lost == 0);
  }
}

TEST_CASE("timezone: a time in a gap moves on by the gap, one in a fold is the first of two") {
  const auto berlin = zone("Europe/Berlin");
  CHECK(berlin.instants(local("2024-03-31T02:30")).kind == Timezone::Kind::gap);
  CHECK(berlin.format(berlin.to_utc(local("2024-03-31T02:30"))) == "2024-03-31T03:30:00+02:00");
  const auto fold = berlin.instants(local("2024-10-27T02:30"));
  CHECK(fold.kind == Timezone::Kind::fold);
  CHECK(berlin.format(fold.earlier) == "2024-10-27T02:30:00+02:00");
  CHECK(berlin.format(fold.later) == "2024-10-27T02:30:00+01:00");
  CHECK(berlin.to_utc(local("2024-10-27T02:30")) == fold.earlier);
  CHECK(berlin.instants(local("2024-10-27T03:00")).kind == Timezone::Kind::unique);
  CHECK(berlin.abbreviation_at(at(1720000000)) == "CEST");
  const auto phoenix = zone("America/Phoenix");
  CHECK(phoenix.to_utc(local("2019-07-15T00:00")) == at(1563174000));
  CHECK(phoenix.format(at(1563174000)) == "2019-07-15T00:00:00-07:00");
  CHECK(phoenix.to_utc(*parse_iso("2019-07-15T00:00+02:00")) == at(1563141600));
  // Apia crossed the date line and had no 30 December 2011.
  CHECK(zone("Pacific/Apia").instants(local("2011-12-30T12:00")).kind == Timezone::Kind::gap);
}

TEST_CASE("timezone: unknown names and broken files are refused") {
  const auto typo = Timezone::load("America/Phenix");
  REQUIRE_FALSE(typo);
  CHECK(typo.error()[0].hint == "did you mean 'America/Phoenix'?");
  CHECK_FALSE(Timezone::load("../../etc/passwd"));
  CHECK_FALSE(Timezone::load(""));
  CHECK_FALSE(Timezone::load("America"));
  CHECK_FALSE(Timezone::from_bytes("x", "TZif"));
  CHECK_FALSE(Timezone::from_bytes("x", std::string(500, 'a')));
  std::ifstream file("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (size_t n = 0; n < bytes.size() - 20; n += 7)
    CHECK_FALSE(Timezone::from_bytes("x", bytes.substr(0, n)));
  CHECK(Timezone::fixed(-25200).name() == "UTC-07:00");
  CHECK(Timezone::fixed(-25200).offset_at(at(0)) == -25200);
}

TEST_CASE("civil: days, weekdays and leap years") {
  for (int64_t d = -100'000; d < 100'000; ++d) {
    const Civil c = civil_from_days(d);
    if (day_number(c.year, c.month, c.day) != d || weekday(c) != ((d % 7 + 10) % 7) + 1) FAIL("day " << d);
  }
  CHECK(day_number(2000, 3, 1) == 11017);
  CHECK(weekday({2019, 7, 15}) == 1);
  CHECK(day_of_year({2019, 7, 15}) == 196);
  CHECK(day_of_year({2020, 12, 31}) == 366);
  CHECK(is_leap(2000));
  CHECK_FALSE(is_leap(2100));
  CHECK(utc_fields({-1}) == Civil{1969, 12, 31, 23, 59, 59, 999'999'999});
  CHECK(from_utc_fields({1969, 12, 31, 23, 59, 59, 999'999'999}) == UnixTime{-1});
}

TEST_CASE("civil: ISO 8601 texts are read in full or not at all") {
  CHECK(parse_iso("2019-07-15")->local == Civil{2019, 7, 15});
  CHECK(parse_iso("2019-07-15T14:00")->local == Civil{2019, 7, 15, 14});
  CHECK(parse_iso("2019-07-15 14:00:30.25")->local == Civil{2019, 7, 15, 14, 0, 30, 250'000'000});
  CHECK(parse_iso("2019-12-31T24:00")->local == Civil{2020, 1, 1});
  CHECK(parse_iso("2019-07-15T14:00Z")->offset == 0);
  CHECK(parse_iso("2019-07-15T14:00-07:00")->offset == -25200);
  CHECK(parse_iso("2019-07-15T14:00+0530")->offset == 19800);
  CHECK_FALSE(parse_iso("2019-07-15T14:00")->offset);
  for (const char* bad : {"", "2019", "2019-7-15", "2019-02-29", "2019-13-01", "2019-07-32", "2019-07-15T",
                          "2019-07-15T24:01", "2019-07-15T14", "2019-07-15T14:60", "2019-07-15T14:00x",
                          "2019-07-15T14:00+", "07/15/2019", "2019-07-15T14:00:00.", "2019-07-15Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_iso(bad));
  }
  CHECK(to_iso({2019, 7, 15, 14, 0, 30, 250'000'000}, -25200) == "2019-07-15T14:00:30.25-07:00");
  CHECK(to_iso({2019, 7, 15}) == "2019-07-15T00:00:00");
  CHECK(to_iso({2019, 7, 15}, 0) == "2019-07-15T00:00:00Z");
}

}  // namespace looptwin

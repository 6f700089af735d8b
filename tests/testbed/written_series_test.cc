// Courses of values as tests write them: what they mean, and what is refused.
#include <catch2/catch.hpp>
#include <cmath>

#include "loading.h"
#include "testbed/testing/written_series.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const lang::Units& units() {
  static const lang::Units kUnits;
  return kUnits;
}

Span span_of(const std::string& text) {
  return {std::make_shared<const Source>(Source{"course", text}), 0, static_cast<uint32_t>(text.size())};
}

lang::Unit unit(const std::string& name) { return *units().unit(span_of(name)); }

WrittenSeries course(const std::string& text, const std::string& in = "kW") {
  const auto of = unit(in);
  auto read = WrittenSeries::read(units(), span_of(text), {.unit = &of});
  INFO((read ? std::string() : render(read.error())));
  REQUIRE(read.has_value());
  return *read;
}

double at(const WrittenSeries& series, double seconds_in) {
  const Time t{static_cast<int64_t>(seconds_in * 1e9)};
  return WrittenSeries::value(series.at(t), t);
}

std::string refusal(const std::string& text, const CourseOf& of) {
  const auto read = WrittenSeries::read(units(), span_of(text), of);
  return read ? "" : in_short(read.error());
}
std::string refusal(const std::string& text) {
  const auto of = unit("kW");
  return refusal(text, {.unit = &of});
}

}  // namespace

TEST_CASE("a course: each piece holds from its begin to the next one's, the last one on and on") {
  const auto series = course("3 kW x 60 s, 9000 W x 1.5 min, 3");
  CHECK(at(series, 0) == 3000);
  CHECK(at(series, 59.999) == 3000);
  CHECK(at(series, 60) == 9000);
  CHECK(at(series, 149.999) == 9000);
  CHECK(at(series, 150) == 3000);
  CHECK(at(series, 1e6) == 3000);
  CHECK(series.end() == kStart + seconds(150));
}

TEST_CASE("a course: a line may end between any two words, also before a unit") {
  const auto series =
      course("1\n  kW x 5\n  s, ramp\n  3 kW to 9\n  kW over\n  30 s, forced\n  2 kW\n  noise 1\n  W");
  CHECK(at(series, 4) == 1000);
  CHECK(at(series, 20) == 6000);
  CHECK(at(series, 35) == 2000);
}

TEST_CASE("a course: a ramp is a straight line, and stays where it ends") {
  const auto series = course("3 kW x 10 s, ramp 3 kW to 9 kW over 30 s");
  CHECK(at(series, 10) == 3000);
  CHECK(at(series, 25) == Approx(6000));
  CHECK(at(series, 40) == 9000);
  CHECK(at(series, 99) == 9000);
}

TEST_CASE("a course: what is stale or missing has no value, and noise is kept apart from it") {
  const auto series = course("stale x 2 min, missing x 5 s, 20 degC noise 0.5 x 1 h", "degC");
  CHECK(std::isnan(at(series, 60)));
  CHECK(series.at(kStart + seconds(60)).is == WrittenSeries::Is::stale);
  CHECK(series.at(kStart + seconds(121)).is == WrittenSeries::Is::missing);
  const auto& noisy = series.at(kStart + seconds(200));
  CHECK(noisy.from == Approx(293.15));
  CHECK(noisy.noise == Approx(0.5));  // a difference of temperature
}

TEST_CASE("a course: brackets repeat what is in them, also in each other") {
  const auto series = course("((1 kW x 1 s, 2 kW x 1 s) x 2, 5 kW x 1 s) x 3, 7 kW");
  REQUIRE(series.pieces().size() == 3 * 5 + 1);
  CHECK(at(series, 3) == 2000);
  CHECK(at(series, 4) == 5000);
  CHECK(at(series, 5) == 1000);
  CHECK(at(series, 15) == 7000);
}

TEST_CASE("a course: words and conditions") {
  const std::vector<std::string> words{"open", "closed"};
  const auto of_words = WrittenSeries::read(units(), span_of("closed x 5 s, open"), {.words = &words});
  REQUIRE(of_words.has_value());
  CHECK(at(*of_words, 0) == 1);
  CHECK(at(*of_words, 5) == 0);
  const auto boolean = WrittenSeries::read(units(), span_of("true x 5 s, false"), {.boolean = true});
  REQUIRE(boolean.has_value());
  CHECK(at(*boolean, 0) == 1);
  CHECK(at(*boolean, 5) == 0);
  CHECK(refusal("ajar", {.words = &words}) ==
        "course:1:1: 'ajar' is not one of its words [write one of open, closed]\n");
  CHECK(refusal("on x 5 s", {.boolean = true}).find("'on' is neither true nor false") != std::string::npos);
}

TEST_CASE("a course: what is wrong is named with its place") {
  CHECK(refusal("3 kW, 4 kW").find("piece 1 of 2 has no length") != std::string::npos);
  CHECK(refusal("3 kW x 60").find("course:1:8:") == 0);
  CHECK(refusal("3 kW x 60 s,, 4 kW").find("nothing stands before or after a comma") != std::string::npos);
  CHECK(refusal("ramp 3 kW to 9 kW").find("write ramp 3 kW to 9 kW over 30 s") != std::string::npos);
  CHECK(refusal("ramp 3 kW to 9 kW over 30 s x 60 s").find("a ramp has its length already") !=
        std::string::npos);
  CHECK(refusal("3 bar").find("write it in kW") != std::string::npos);
  CHECK(refusal("(3 kW x 1 s) x often").find("'often' is not how often") != std::string::npos);
  CHECK(refusal("(3 kW) x 5").find("a piece without a length") != std::string::npos);
  CHECK(refusal("(3 kW x 1 s").find("a bracket is not closed") != std::string::npos);
  CHECK(refusal("3 kW x 1 s) x 2").find("a bracket closes none") != std::string::npos);
  CHECK(refusal("((3 kW x 1 s) x 1000) x 1000").find("more than 100000 pieces") != std::string::npos);
  CHECK(refusal("3 kW noise -1 kW").find("a deviation is not negative") != std::string::npos);
  CHECK(refusal("3 kW x -5 s").find("course:1:8:") == 0);
  CHECK(refusal("") != "");
}

// Sparkplug B's payloads and topics: against vectors of another implementation, and against what hostile
// bytes may do.
#include <cstdio>
#include <filesystem>
#include <random>
#include <sstream>

#include "hil/conventions/sparkplug/topic.h"
#include "tests/hil/sparkplug_hall.h"

using namespace looptwin;
using namespace looptwin::hil;
using namespace looptwin::hil::sparkplug;

namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

}  // namespace

TEST_CASE("sparkplug: payloads are the bytes that another implementation makes of them") {
  const std::pair<const char*, Metric> vectors[] = {
      {"0801120b0a0178200150ffffffff0f1800", metric("x", Datatype::int8, *encoded(-1.0, Datatype::int8))},
      {"080112100a0178200458fcffffffffffffffff011800",
       metric("x", Datatype::int64, *encoded(-4.0, Datatype::int64))},
      {"0801120a0a01782009650000c03f1800", metric("x", Datatype::float32, *encoded(1.5, Datatype::float32))},
      {"0801120c0a0178200d5880d095ffbc311800",
       metric("x", Datatype::date_time, *encoded(1'700'000'000.0, Datatype::date_time))},
      {"080112090a0178200c7a02c3a91800", metric("x", Datatype::string, std::string("é"))}};
  const Scalar values[] = {-1.0, -4.0, 1.5, 1'700'000'000.0, std::string("é")};
  for (size_t i = 0; i < std::size(vectors); ++i) {
    INFO(vectors[i].first);
    CHECK(encode({1, 0, {vectors[i].second}}) == bytes(vectors[i].first));
    const auto read = decode(bytes(vectors[i].first));
    REQUIRE(read.has_value());
    REQUIRE(read->metrics.size() == 1);
    CHECK(read->timestamp == 1U);
    CHECK(read->seq == 0U);
    CHECK(decoded(read->metrics[0].value, read->metrics[0].datatype) == values[i]);
  }
}

TEST_CASE("sparkplug: a value survives its datatype, and what a datatype cannot hold is not sent") {
  for (const auto& [datatype, value] : {std::pair(Datatype::int8, -128.0),
                                        {Datatype::int16, -300.0},
                                        {Datatype::int32, -70'000.0},
                                        {Datatype::uint8, 255.0},
                                        {Datatype::uint32, 4e9},
                                        {Datatype::uint64, 1e15},
                                        {Datatype::float64, 0.1}}) {
    INFO(static_cast<int>(datatype));
    const auto wire = encoded(value, datatype);
    REQUIRE(wire.has_value());
    CHECK(decoded(*wire, datatype) == Scalar(value));
  }
  // Some senders leave away the upper bits of negative numbers.
  CHECK(decoded(uint32_t{0xff}, Datatype::int8) == Scalar(-1.0));
  CHECK(encoded(true, Datatype::int32) == WireValue(uint32_t{1}));
  CHECK_FALSE(encoded(200.0, Datatype::int8).has_value());
  CHECK_FALSE(encoded(-1.0, Datatype::uint16).has_value());
  CHECK_FALSE(encoded(std::string("x"), Datatype::float32).has_value());
  CHECK_FALSE(decoded(1.5f, Datatype::int32).has_value());
}

TEST_CASE("sparkplug: cut and flipped payloads are refused or read, and nothing else happens") {
  const auto whole = encode(Hall::dbirth(1));
  std::mt19937 random(7);
  Hall hall;
  hall.bear();
  for (size_t cut = 0; cut < whole.size(); ++cut)
    hall.take("hall/DDATA/line/pump-1", whole.substr(0, cut), seconds(2));
  for (int i = 0; i < 2000; ++i) {
    auto hostile = whole;
    for (int k = 0; k < 3; ++k) hostile[random() % hostile.size()] = static_cast<char>(random());
    for (const auto* type : {"DBIRTH", "DDATA"})
      hall.take(std::string("hall/") + type + "/line/pump-1", hostile, seconds(2));
  }
  // What counts afterwards is a birth.
  hall.take("hall/NBIRTH/line", Hall::nbirth(4), seconds(3));
  CHECK(hall.take("hall/DBIRTH/line/pump-1", Hall::dbirth(1), seconds(3)) ==
        "line/pump-1 on, line/pump-1 level=150 running=0");
}

TEST_CASE("sparkplug: ids are a node and a device, and topics with other levels are none") {
  CHECK(address_of("hall", "line/pump-1") == Address{"hall", "line", "pump-1"});
  CHECK(address_of("", "hall/line") == Address{"hall", "line", ""});
  CHECK_FALSE(address_of("hall", "a/b/c").has_value());
  CHECK_FALSE(address_of("", "line").has_value());
  CHECK_FALSE(address_of("hall", "a+b").has_value());
  CHECK(parse_topic("spBv1.0", "spBv1.0/hall/DDATA/line/pump-1")->device == "pump-1");
  for (const auto* topic : {"spBv1.0/hall/DDATA/line", "spBv1.0/hall/NDATA/line/pump-1",
                            "spAv1.0/hall/NDATA/line", "spBv1.0/STATE/twin", "", "spBv1.0/hall/TELL/line"})
    CHECK_FALSE(parse_topic("spBv1.0", topic).has_value());
}

TEST_CASE("sparkplug: another implementation's payloads are read, and written to the same bytes") {
  // The package is installed by the tests of rigs; without it nothing is compared.
  const std::string packages = (std::filesystem::temp_directory_path() / "looptwin-test-npm").string();
  const std::string script = std::string(LT_SOURCE_DIR) + "/tests/hil/data/sparkplug_vectors.js";
  if (!std::filesystem::exists(packages + "/node_modules/sparkplug-payload")) {
    WARN("npm's sparkplug-payload is not there: nothing is compared");
    return;
  }
  const std::pair<const char*, Datatype> types[] = {
      {"Int8", Datatype::int8},         {"Int16", Datatype::int16},     {"Int32", Datatype::int32},
      {"Int64", Datatype::int64},       {"UInt8", Datatype::uint8},     {"UInt16", Datatype::uint16},
      {"UInt32", Datatype::uint32},     {"UInt64", Datatype::uint64},   {"Float", Datatype::float32},
      {"Double", Datatype::float64},    {"Boolean", Datatype::boolean}, {"String", Datatype::string},
      {"DateTime", Datatype::date_time}};
  FILE* pipe = ::popen(("node " + script + " " + packages).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  REQUIRE(::pclose(pipe) == 0);
  std::istringstream lines(text);
  size_t compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    std::istringstream words(line);
    std::string hex, type, value;
    words >> hex >> type >> value;
    value = bytes(value);
    INFO(line);
    const auto payload = decode(bytes(hex));
    REQUIRE(payload.has_value());
    REQUIRE(payload->metrics.size() == 1);
    const auto& one = payload->metrics[0];
    const auto known =
        std::find_if(std::begin(types), std::end(types), [&](const auto& t) { return t.first == type; });
    CHECK(one.datatype == known->second);
    const auto scalar = decoded(one.value, one.datatype);
    REQUIRE(scalar.has_value());
    if (type == "String")
      CHECK(*scalar == Scalar(value));
    else if (type == "Boolean")
      CHECK(*scalar == Scalar(value == "true"));
    else
      CHECK(std::get<double>(*scalar) == (type == "DateTime" ? std::stod(value) / 1000 : std::stod(value)));
    auto again = *payload;
    again.metrics[0].value = *encoded(*scalar, one.datatype);
    CHECK(encode(again) == bytes(hex));
  }
  CHECK(compared == 520);
}

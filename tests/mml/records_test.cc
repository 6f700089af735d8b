// Records' ids and the decision fingerprint, whose format is ours for ever.
#include "mml/records.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

using namespace looptwin;
using namespace looptwin::mml;

namespace {

Record record(double value = 1, int64_t at_s = 5) {
  Record r;
  r.at = kStart + seconds(at_s);
  r.kind = RecordKind::claimed;
  r.quantity = 3;
  r.occurrence = 2;
  r.value = value;
  r.cause = 99;
  return r;
}

std::string digest_of(std::initializer_list<Record> records) {
  DecisionFingerprint print;
  for (const auto& r : records) print.append(r, 11, 22);
  print.close();
  return print.digest();
}

}  // namespace

TEST_CASE("records: the fingerprint depends on the order of the records and on every field of them") {
  const Record a = record(1), b = record(2);
  CHECK(digest_of({a, b}) == digest_of({a, b}));
  CHECK(digest_of({a, b}) != digest_of({b, a}));
  CHECK(digest_of({a, a}) != digest_of({a}));
  std::vector<Record> others(6, a);
  others[0].at = a.at + nanoseconds(1);
  others[1].kind = RecordKind::released;
  others[2].quantity = 4;
  others[3].occurrence = 3;
  others[4].value = std::nextafter(a.value, 2);
  others[5].cause = 98;
  for (const auto& other : others) CHECK(digest_of({other}) != digest_of({a}));
  DecisionFingerprint subject, device;
  subject.append(a, 12, 22);
  device.append(a, 11, 23);
  subject.close();
  device.close();
  CHECK(subject.digest() != digest_of({a}));
  CHECK(device.digest() != digest_of({a}));
}

TEST_CASE("records: every NaN and both zeroes count as one") {
  const double quiet = std::numeric_limits<double>::quiet_NaN();
  double payload = quiet;
  uint64_t bits;
  std::memcpy(&bits, &payload, sizeof bits);
  bits ^= 0x8000000000000123;
  std::memcpy(&payload, &bits, sizeof bits);
  REQUIRE(std::isnan(payload));
  CHECK(digest_of({record(quiet)}) == digest_of({record(payload)}));
  CHECK(digest_of({record(0.0)}) == digest_of({record(-0.0)}));
  CHECK(digest_of({record(0.0)}) != digest_of({record(quiet)}));
}

TEST_CASE("records: the fingerprint is a chain over boundaries; boundaries without records do not count") {
  const Record a = record(1), b = record(2, 6);
  DecisionFingerprint chained, together, idle;
  CHECK(chained.digest() == std::string(32, '0'));
  chained.append(a, 11, 22);
  chained.close();
  const auto after_first = chained.digest();
  chained.append(b, 11, 22);
  chained.close();
  together.append(a, 11, 22);
  together.append(b, 11, 22);
  together.close();
  CHECK(chained.digest() != together.digest());
  idle.close();
  idle.append(a, 11, 22);
  idle.close();
  idle.close();
  CHECK(idle.digest() == after_first);
  idle.append(b, 11, 22);
  idle.close();
  CHECK(idle.digest() == chained.digest());
  CHECK(chained.records() == 2);
}

TEST_CASE("records: the bytes of version 1 are those that the header states") {
  std::vector<std::byte> bytes(16);
  const auto put = [&](const auto& value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof value);
  };
  const Record r = record(1.5);
  put(int64_t{5'000'000'000});
  put(uint8_t{3});
  put(uint64_t{11});
  put(uint64_t{22});
  put(uint16_t{3});
  put(uint32_t{2});
  put(1.5);
  put(uint64_t{99});
  CHECK(digest_of({r}) == to_string(hash128(bytes)));
}

TEST_CASE("records: a fingerprint goes on from a saved state") {
  DecisionFingerprint whole, first, second;
  for (auto* print : {&whole, &first}) {
    print->append(record(1), 11, 22);
    print->close();
  }
  ArchiveWriter archive;
  first.save(archive);
  ArchiveReader reader(archive.bytes());
  second.restore(reader);
  REQUIRE((reader.ok() && reader.at_end()));
  for (auto* print : {&whole, &second}) {
    print->append(record(2, 7), 11, 22);
    print->close();
  }
  CHECK(second.digest() == whole.digest());
  CHECK(second.records() == 2);
}

TEST_CASE("records: ids tell apart what differs in any part, and have names for all kinds") {
  const uint64_t id = command_id("setback", 1, 2, 3, 4);
  CHECK(id == command_id("setback", 1, 2, 3, 4));
  for (const uint64_t other : {command_id("relief", 1, 2, 3, 4), command_id("setback", 9, 2, 3, 4),
                               command_id("setback", 1, 9, 3, 4), command_id("setback", 1, 2, 9, 4),
                               command_id("setback", 1, 2, 3, 9)})
    CHECK(other != id);
  CHECK(event_id("hot", 1, 2) != alarm_id("hot", 1, 2));
  CHECK(event_id("hot", 1, 2) != event_id("hot", 2, 1));
  CHECK(command_id("a", 0, 0, kImperative, 1) != command_id("a", 0, 0, 0, 1));
  for (uint8_t k = 0; k < kRecordKinds; ++k)
    CHECK(std::string(name_of(static_cast<RecordKind>(k))).size() > 4);
  CHECK(std::string(name_of(RecordKind::published)) == "published");
}

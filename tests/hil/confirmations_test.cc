// What has come of devices that keep their messages until they are confirmed.
#include "hil/confirmations.h"

#include <catch2/catch.hpp>

#include "hil/kept_messages.h"

using namespace looptwin;
using namespace looptwin::hil;
using Is = Confirmations::Is;

namespace {

const twin::DeviceRef kOne{TableId(size_t{0}), Row(0)}, kTwo{TableId(size_t{0}), Row(1)};

struct Host {
  Confirmations all;
  /// A message that was taken at second `t`, by default at that of its number.
  Is take(uint32_t number, uint32_t kept, double t) { return all.take(kOne, {number, kept, t}).is; }
  /// What the loop gets as its number.
  uint32_t number(uint32_t number, uint32_t kept = 1) {
    return all.take(kOne, {number, kept, double(number)}).number;
  }
  Is take(uint32_t number, uint32_t kept = 1) { return take(number, kept, number); }
  /// "0:5 1:7": who is to hear what.
  std::string due(int64_t s) {
    std::vector<Confirmations::Due> out;
    all.due(kStart + seconds(s), out);
    std::string text;
    for (const auto& one : out)
      text += (text.empty() ? "" : " ") + std::to_string(one.device.row.index()) + ":" +
              std::to_string(one.number);
    return text;
  }
};

}  // namespace

TEST_CASE("confirmations: all up to the first that is missing is confirmed, and nothing is taken in twice") {
  Host host;
  for (const uint32_t n : {1, 2, 3}) CHECK(host.take(n) == Is::fresh);
  CHECK(host.due(1) == "0:3");
  CHECK(host.take(6) == Is::fresh);
  CHECK(host.take(5) == Is::fresh);
  CHECK(host.take(6) == Is::again);
  CHECK(host.take(2) == Is::again);
  CHECK(host.due(2) == "0:3");  // 4 is missing
  for (const uint32_t n : {4, 5, 6, 7}) CHECK(host.take(n) == (n == 5 || n == 6 ? Is::again : Is::fresh));
  CHECK(host.due(3) == "0:7");
  CHECK(host.due(9) == "");  // nothing has come since
  CHECK(host.take(7) == Is::again);
  CHECK(host.due(10) == "0:7");  // it did not hear of it
  CHECK(host.all.lost() == 0);
}

TEST_CASE("confirmations: a device hears of it once a second, each of its own") {
  Host host;
  host.take(1);
  host.all.take(kTwo, {40, 40, 1});
  CHECK(host.due(1) == "0:1 1:40");
  host.take(2);
  CHECK(host.due(1) == "");
  CHECK(host.due(2) == "0:2");
}

TEST_CASE("confirmations: what its device keeps no more is lost, is counted, and holds up nothing") {
  Host host;
  host.take(1);
  CHECK(host.take(10) == Is::fresh);
  CHECK(host.take(12) == Is::fresh);
  CHECK(host.due(1) == "0:1");
  CHECK(host.take(13, 6) == Is::fresh);  // 2 to 5 are gone
  CHECK(host.all.lost() == 4);
  CHECK(host.due(2) == "0:5");
  CHECK(host.take(14, 14) == Is::fresh);  // of those before 10, 12 and 13 had come
  CHECK(host.all.lost() == 4 + 4 + 1);
  CHECK(host.due(3) == "0:14");
  CHECK(host.take(11) == Is::again);      // too late: it had been given up
  CHECK(host.take(15, 99) == Is::fresh);  // it cannot keep less than what it says
  CHECK(host.all.lost() == 9);
}

TEST_CASE("confirmations: for the loop what comes late leaves no gap, and what is lost does") {
  Host host;
  CHECK(host.number(1) == 1);
  for (uint32_t n = 100; n <= 300; ++n) CHECK(host.number(n) == n - 98);
  for (uint32_t n = 2; n < 50; ++n) CHECK(host.number(n) == n + 201);
  CHECK(host.number(301, 90) == 291);  // 50 to 89 are lost
  for (uint32_t n = 90; n < 100; ++n) CHECK(host.number(n, 90) == n + 202);
  CHECK(host.number(302, 90) == 302);
  CHECK(host.all.lost() == 40);
}

TEST_CASE(
    "confirmations: a device that counts anew is told from one that says something again, by its clock") {
  Host host;
  for (uint32_t n = 1; n <= 50; ++n) host.take(n);
  CHECK(host.take(3, 3, 3) == Is::again);
  CHECK(host.take(1, 1, 60) == Is::fresh);
  CHECK(host.take(2, 1, 61) == Is::fresh);
  CHECK(host.take(1, 1, 60) == Is::again);
  CHECK(host.due(1) == "0:2");
  host.all.forget(kOne);
  CHECK(host.take(2, 1, 61) == Is::fresh);  // of another one
}

TEST_CASE("confirmations: numbers wrap around, and what is too far ahead waits at its device") {
  Host host;
  CHECK(host.take(0xfffffffe, 0xfffffff0, 1) == Is::fresh);
  CHECK(host.take(0xffffffff, 0xfffffff0, 2) == Is::fresh);
  CHECK(host.take(0, 0xfffffff0, 3) == Is::fresh);
  CHECK(host.take(2, 0xfffffff0, 4) == Is::fresh);
  CHECK(host.take(1, 0xfffffff0, 3.5) == Is::fresh);
  CHECK(host.due(1) == "0:2");
  CHECK(host.take(2 + Confirmations::kAhead, 1, 5) == Is::fresh);
  CHECK(host.take(3 + Confirmations::kAhead, 1, 6) == Is::early);
  for (uint32_t n = 3; n < 2 + Confirmations::kAhead; ++n) host.take(n, 1, 4);
  CHECK(host.take(3 + Confirmations::kAhead, 1, 6) == Is::fresh);
  CHECK(host.due(3) == "0:" + std::to_string(3 + Confirmations::kAhead));
}

TEST_CASE("confirmations: a device keeps what is not confirmed, and says what it keeps") {
  KeptMessages kept(3);
  const auto numbers = [&] {
    std::string text;
    for (const auto& [number, message] : kept.all()) text += std::to_string(number) + message.payload + " ";
    return text;
  };
  CHECK(kept.lowest_with(1) == 1);
  for (const uint32_t n : {1, 2, 3}) kept.keep(n, {"t", "a"});
  CHECK(numbers() == "1a 2a 3a ");
  CHECK(kept.lowest_with(4) == 2);
  kept.keep(4, {"t", "b"});
  CHECK(numbers() == "2a 3a 4b ");
  kept.confirm(9);  // of a device that was here before it: it has never said that
  CHECK(numbers() == "2a 3a 4b ");
  kept.confirm(3);
  CHECK(numbers() == "4b ");
  CHECK(kept.lowest_with(5) == 4);
  kept.confirm(4);
  CHECK(numbers().empty());
}

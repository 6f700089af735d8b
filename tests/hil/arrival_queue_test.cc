// What waits is bounded in number and in bytes, as a whole and by topic; what is shed or refused is counted.
#include "hil/arrival_queue.h"

#include <catch2/catch.hpp>

using namespace looptwin;
using namespace looptwin::hil;

namespace {

constexpr ArrivalBounds kBounds{
    .messages = 10, .bytes = 100, .of_topic = 4, .bytes_of_topic = 60, .longest = 30};

void put(ArrivalQueue& queue, const std::string& topic, size_t payload) {
  queue.put({.topic = topic, .payload = std::string(payload, 'x')});
}

LinkCounters counters_of(const ArrivalQueue& queue) {
  LinkCounters counters;
  queue.count(counters);
  return counters;
}

size_t taken(ArrivalQueue& queue) {
  std::vector<MqttMessage> all;
  queue.take(all);
  return all.size();
}

}  // namespace

TEST_CASE("arrival queue: a payload that is too long is refused as it comes, and said of its topic") {
  ArrivalQueue queue(kBounds);
  put(queue, "a", 31);
  put(queue, "a", 31);
  put(queue, "a", 30);
  CHECK(taken(queue) == 1);
  CHECK(counters_of(queue).received == 3);
  CHECK(counters_of(queue).too_long == 2);
  const auto incidents = queue.take_incidents();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == "too_long");
  CHECK(incidents[0].detail == "a");
  CHECK(incidents[0].count == 2);
  CHECK(queue.take_incidents().empty());
}

TEST_CASE("arrival queue: one topic has so many messages and so many bytes, and the others have room") {
  ArrivalQueue queue(kBounds);
  for (int i = 0; i < 5; ++i) put(queue, "many", 1);
  CHECK(counters_of(queue).shed == 1);
  for (int i = 0; i < 2; ++i) put(queue, "large", 28);  // 33 bytes each: the second is beyond 60
  CHECK(counters_of(queue).shed == 2);
  put(queue, "b", 10);
  CHECK(taken(queue) == 6);
  put(queue, "large", 28);  // there is room again
  CHECK(taken(queue) == 1);
  CHECK(counters_of(queue).shed == 2);
}

TEST_CASE("arrival queue: all topics together have so many messages and so many bytes") {
  ArrivalQueue bytes(kBounds), messages(kBounds);
  for (char topic = 'a'; topic < 'f'; ++topic) put(bytes, std::string(1, topic), 24);
  CHECK(counters_of(bytes).dropped_in == 1);
  CHECK(taken(bytes) == 4);
  for (char topic = 'a'; topic < 'm'; ++topic) put(messages, std::string(1, topic), 1);
  CHECK(counters_of(messages).dropped_in == 2);
  messages.put_loss(Duration{});  // has room nevertheless
  CHECK(taken(messages) == 11);
}

TEST_CASE("arrival queue: who makes up topics without end is gathered in one incident") {
  ArrivalQueue queue(kBounds);
  for (int i = 0; i < 5000; ++i) put(queue, std::to_string(i), 31);
  const auto incidents = queue.take_incidents();
  CHECK(incidents.size() == 1001);
  uint64_t all = 0;
  for (const auto& incident : incidents) all += incident.count;
  CHECK(all == 5000);
}

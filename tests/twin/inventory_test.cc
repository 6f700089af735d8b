// An inventory's file, and who may use what: with a clock of the test's own, and with processes that fight.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/text.h"
#include "twin/registry_store.h"
#include "twin/reservations.h"

namespace looptwin::twin {
namespace {

using Access = InventoryStore::Access;

/// A folder of its own for each test, with an inventory in it.
struct Lab {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("looptwin-inventory-" + std::to_string(::getpid()));
  std::filesystem::path file = folder / "lab.inventory";

  Lab() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    REQUIRE(InventoryStore::create(file));
  }
  ~Lab() { std::filesystem::remove_all(folder); }

  InventoryStore open(Access access = Access::write) const {
    auto store = InventoryStore::open(file, access);
    REQUIRE(store);
    return std::move(*store);
  }
  /// pump-1, pump-2, …: pumps; of those every second is hot.
  InventoryStore with_pumps(int count) const {
    auto store = open();
    auto edit = store.edit({"anna", UnixTime{1}});
    REQUIRE(edit);
    for (int i = 1; i <= count; ++i) {
      InventoryItem item{.id = "pump-" + std::to_string(i), .model = "P7", .tags = {"pump"}};
      if (i % 2 == 0) item.tags = {"hot", "pump"};
      REQUIRE(edit->add(item));
    }
    REQUIRE(edit->commit());
    return store;
  }
};

UnixTime at(int64_t second) { return UnixTime{second * 1'000'000'000}; }

ReservationWish pumps(uint64_t count, std::string owner, Duration lease = minutes(10)) {
  return {.tags = {"pump"}, .count = count, .owner = std::move(owner), .lease = lease};
}
ReservationWish these(std::vector<std::string> ids, std::string owner) {
  return {.ids = std::move(ids), .owner = std::move(owner), .lease = minutes(10)};
}

template <typename T>
std::string said(const Result<T>& result) {
  return result ? "" : result.error().front().message;
}

Result<uint64_t> change(InventoryStore& store, const std::string& id, const std::string& key,
                        const std::string& value, std::optional<uint64_t> expected = {}) {
  auto edit = store.edit({"ben", at(20)});
  REQUIRE(edit);
  auto item = edit->find(id);
  REQUIRE(item);
  REQUIRE(*item);
  if (auto good = set_value(**item, key, value); !good) return tl::make_unexpected(good.error());
  auto version = edit->update(**item, expected);
  if (!version) return version;
  if (auto done = edit->commit(); !done) return tl::make_unexpected(done.error());
  return version;
}

std::string devices(const Result<Reservation>& got) {
  REQUIRE(got);
  return got->waits() ? "waits" : joined(got->devices, " ");
}

}  // namespace

TEST_CASE("inventory: what is changed has a version, and who did it when") {
  const Lab lab;
  auto store = lab.with_pumps(1);
  CHECK(change(store, "pump-1", "serial", "SN-1") == 2u);
  CHECK(change(store, "pump-1", "serial", "SN-1") == 2u);
  CHECK(said(change(store, "pump-1", "serial", "SN-2", 1)) ==
        "'pump-1' has version 2, not 1: it was changed in between");
  const auto changes = store.history("pump-1");
  REQUIRE(changes);
  REQUIRE(changes->size() == 4);
  CHECK(changes->at(0).key == "device");
  CHECK(changes->at(3).key == "serial");
  CHECK(changes->at(3).by == "ben");
  CHECK(changes->at(3).at == at(20));
  CHECK_FALSE(changes->at(3).before);
  CHECK(changes->at(3).after == "SN-1");
  CHECK(store.check());
}

TEST_CASE("inventory: values that are none are refused") {
  const Lab lab;
  auto store = lab.with_pumps(1);
  CHECK(said(change(store, "pump-1", "colour", "red")) == "a device of an inventory has no 'colour' to set");
  CHECK(said(change(store, "pump-1", "due", "31.3.2027")) == "'31.3.2027' is no day, at the due of 'pump-1'");
  CHECK(said(change(store, "pump-1", "due", "2027-02-30")) ==
        "'2027-02-30' is no day, at the due of 'pump-1'");
  CHECK(said(change(store, "pump-1", "notes", "two\nlines")) == "the notes of 'pump-1' is no line of text");
  CHECK(change(store, "pump-1", "calibrated", "2026-03-01"));
  CHECK(said(change(store, "pump-1", "due", "2026-02-01")) ==
        "'pump-1' is due on 2026-02-01, before it was calibrated on 2026-03-01");
  CHECK(said(change(store, "pump-1", "tags", "a b")) == "'a b' is no tag");
}

TEST_CASE("inventory: a calibration is good until its last day is over") {
  const InventoryItem item{.id = "a", .due = "1970-01-02"};
  CHECK_FALSE(is_overdue(item, at(2 * 86400 - 1)));
  CHECK(is_overdue(item, at(2 * 86400)));
  CHECK_FALSE(is_overdue({.id = "a"}, at(1'000'000'000)));
}

TEST_CASE("inventory: a registry is none, and a retired id is not used again") {
  const Lab lab;
  REQUIRE(RegistryStore::create(lab.folder / "plant.registry"));
  CHECK(said(InventoryStore::open(lab.folder / "plant.registry", Access::read))
            .find("no inventory of looptwin") != std::string::npos);
  CHECK(said(InventoryStore::open(lab.folder / "none", Access::read)).starts_with("there is no inventory "));
  std::ofstream(lab.folder / "text")
      << "these are a few words and no database of any kind at all, are they not?\n"
      << std::string(200, 'x');
  CHECK(said(InventoryStore::open(lab.folder / "text", Access::read)).find("so no inventory") !=
        std::string::npos);
  auto store = lab.with_pumps(1);
  auto edit = store.edit({"anna", at(1)});
  auto item = **edit->find("pump-1");
  item.retired = true;
  REQUIRE(edit->update(item));
  CHECK(said(edit->add({.id = "pump-1"})) == "there has already been a device 'pump-1'");
}

TEST_CASE("inventory: what a device said otherwise is accepted, or forgotten with its quarantine") {
  const Lab lab;
  auto store = lab.with_pumps(2);
  REQUIRE(change(store, "pump-1", "serial", "SN-1"));
  CHECK(said(store.accept("pump-1", {"anna", at(1)})) == "'pump-1' has said nothing that could be accepted");
  REQUIRE(store.quarantine("pump-1", "says SN-9", {"SN-9", "2.0"}, {"rig", at(30)}));
  CHECK((*store.find("pump-1"))->quarantine == "says SN-9");
  REQUIRE(store.accept("pump-1", {"anna", at(31)}));
  auto item = **store.find("pump-1");
  CHECK(item.identity == Identity{"SN-9", "2.0"});
  CHECK(item.quarantine.empty());
  CHECK(item.said == Identity{});
  REQUIRE(store.quarantine("pump-1", "says SN-8", {"SN-8", ""}, {"rig", at(32)}));
  REQUIRE(change(store, "pump-1", "quarantine", ""));
  item = **store.find("pump-1");
  CHECK(item.identity.serial == "SN-9");
  CHECK(item.said == Identity{});
}

TEST_CASE("reservations: all or none, by tags or by id, and nobody holds what another holds") {
  const Lab lab;
  auto store = lab.with_pumps(4);
  Reservations reservations(store);
  CHECK(devices(reservations.ask({.tags = {"hot"}, .owner = "anna", .lease = minutes(1)}, at(0), false)) ==
        "pump-2");
  CHECK(devices(reservations.ask(these({"pump-1", "pump-2"}, "ben"), at(1), false)) == "waits");
  CHECK(devices(reservations.ask(pumps(3, "ben"), at(1), false)) == "pump-1 pump-3 pump-4");
  const auto none = reservations.ask(pumps(1, "carl"), at(2), false);
  REQUIRE(none);
  CHECK(none->number == 0);
  CHECK(
      none->why ==
      "pump-1 is held by ben until 1970-01-01T00:10:01Z, pump-2 is held by anna until 1970-01-01T00:01:00Z, "
      "pump-3 is held by ben until 1970-01-01T00:10:01Z, pump-4 is held by ben until 1970-01-01T00:10:01Z");
  CHECK(reservations.standing(at(2))->size() == 2);
}

TEST_CASE(
    "reservations: pieces by their tags are taken with devices by id, and none takes what another needs") {
  const Lab lab;
  auto store = lab.with_pumps(5);
  Reservations reservations(store);
  const auto wish = [](std::vector<std::string> ids, std::vector<std::vector<std::string>> pieces) {
    return ReservationWish{
        .ids = std::move(ids), .pieces = std::move(pieces), .owner = "anna", .lease = minutes(1)};
  };
  // Whatever comes first would take the hot pump that the last one needs.
  const auto got = reservations.ask(wish({"pump-1", "pump-4"}, {{"pump"}, {"pump"}, {"hot"}}), at(0), false);
  CHECK(devices(got) == "pump-1 pump-4 pump-5 pump-3 pump-2");
  CHECK(devices(reservations.ask(wish({}, {{"hot"}}), at(1), false)) == "waits");
  CHECK(said(reservations.ask(wish({}, {{"hot"}, {"hot", "pump"}, {"hot"}}), at(1), true)) ==
        "3 devices are wanted, and 2 can be had");
  // One that waits is read back from the file as it was asked.
  const auto waiting = reservations.ask(wish({"pump-1"}, {{"pump", "hot"}, {"pump"}}), at(2), true);
  CHECK(devices(waiting) == "waits");
  REQUIRE(reservations.end(got->number, "anna", at(3)));
  CHECK(devices(reservations.ask_again(waiting->number, at(3))) == "pump-1 pump-2 pump-3");
  const auto two = reservations.ask(wish({}, {{"hot"}, {"pump"}}), at(4), true);
  CHECK(devices(two) == "pump-4 pump-5");
  CHECK(said(reservations.ask(wish({}, {{"a|b"}}), at(4), true)) == "'a|b' is no tag");

  const auto items = *store.items();
  CHECK(assigned({{"hot"}, {"hot"}, {"hot"}}, items) == std::vector<std::string>{"pump-2", "pump-4", ""});
}

TEST_CASE("reservations: a wish that nothing can fulfil is refused at once") {
  const Lab lab;
  auto store = lab.with_pumps(3);
  Reservations reservations(store);
  CHECK(said(reservations.ask(pumps(4, "anna"), at(0), true)) == "4 devices are wanted, and 3 can be had");
  CHECK(said(reservations.ask(these({"pump-7"}, "anna"), at(0), true)) ==
        "there is no device 'pump-7' in " + lab.file.string());
  REQUIRE(change(store, "pump-1", "quarantine", "leaks"));
  REQUIRE(change(store, "pump-2", "due", "1970-01-01"));
  CHECK(said(reservations.ask(these({"pump-1"}, "anna"), at(0), true)) == "'pump-1' is in quarantine: leaks");
  CHECK(said(reservations.ask(these({"pump-2"}, "anna"), at(90'000), true)) ==
        "'pump-2' was due for calibration on 1970-01-01");
  CHECK(said(reservations.ask(pumps(2, "anna"), at(90'000), true)) ==
        "2 devices are wanted, and 1 can be had; 2 more cannot: 'pump-1' is in quarantine: leaks");
  auto overdue = pumps(2, "anna");
  overdue.overdue = true;
  CHECK(devices(reservations.ask(overdue, at(90'000), true)) == "pump-2 pump-3");
  CHECK(said(reservations.ask({.owner = "anna", .lease = minutes(1)}, at(0), true)) ==
        "it is not said which devices are wanted");
  CHECK(said(reservations.ask(pumps(1, "anna", milliseconds(5)), at(0), true)) ==
        "a lease of 5 ms is too short");
}

TEST_CASE("reservations: a lease runs out by itself, unless its holder renews it") {
  const Lab lab;
  auto store = lab.with_pumps(1);
  Reservations reservations(store);
  const auto first = reservations.ask(pumps(1, "anna", minutes(1)), at(0), false);
  REQUIRE(first);
  CHECK(said(reservations.renew(first->number, "ben", {}, at(10))) == "reservation 1 is anna's, not ben's");
  REQUIRE(reservations.renew(first->number, "anna", {}, at(50)));
  CHECK(devices(reservations.ask(pumps(1, "ben"), at(109), false)) == "waits");
  CHECK(devices(reservations.ask(pumps(1, "ben"), at(110), false)) == "pump-1");
  CHECK(said(reservations.renew(first->number, "anna", {}, at(111))) ==
        "reservation 1 has run out at 1970-01-01T00:01:50Z");
  CHECK(said(reservations.end(first->number, "anna", at(111))) ==
        "reservation 1 has run out at 1970-01-01T00:01:50Z");
  REQUIRE(reservations.end(2, "ben", at(112)));
  CHECK(devices(reservations.ask(pumps(1, "carl"), at(112), false)) == "pump-1");
}

TEST_CASE("reservations: who asks first is served first, also if it wants more than the next one") {
  const Lab lab;
  auto store = lab.with_pumps(3);
  Reservations reservations(store);
  REQUIRE(reservations.ask(these({"pump-1"}, "anna"), at(0), false));
  const auto large = reservations.ask(pumps(3, "ben"), at(1), true);
  REQUIRE(large);
  REQUIRE(large->waits());
  // Two are free; but the smaller wish came later.
  const auto small = reservations.ask(pumps(1, "carl"), at(2), true);
  REQUIRE(small);
  CHECK(small->waits());
  CHECK(small->why == "pump-1 is held by anna until 1970-01-01T00:10:00Z, 1 asked before");
  REQUIRE(reservations.end(1, "anna", at(3)));
  CHECK(devices(reservations.ask_again(small->number, at(4))) == "waits");
  CHECK(devices(reservations.ask_again(large->number, at(5))) == "pump-1 pump-2 pump-3");
  REQUIRE(reservations.end(large->number, "ben", at(6)));
  CHECK(devices(reservations.ask_again(small->number, at(7))) == "pump-1");
}

TEST_CASE("reservations: a later wish is served where no earlier one waits for its devices") {
  const Lab lab;
  auto store = lab.with_pumps(4);
  Reservations reservations(store);
  REQUIRE(reservations.ask(these({"pump-1"}, "anna"), at(0), false));
  REQUIRE(reservations.ask(these({"pump-1", "pump-2"}, "ben"), at(1), true)->waits());
  CHECK(devices(reservations.ask(these({"pump-2"}, "carl"), at(2), false)) == "waits");
  CHECK(devices(reservations.ask(pumps(2, "carl"), at(2), false)) == "pump-3 pump-4");
}

TEST_CASE("reservations: who waits and is silent is passed over, and has its place again when it asks") {
  const Lab lab;
  auto store = lab.with_pumps(1);
  Reservations reservations(store);
  REQUIRE(reservations.ask(pumps(1, "anna", seconds(30)), at(0), false));
  const auto killed = reservations.ask(pumps(1, "ben"), at(1), true);
  const auto next = reservations.ask(pumps(1, "carl"), at(2), true);
  REQUIRE(next->waits());
  for (int64_t t = 3; t < 30; ++t) CHECK(devices(reservations.ask_again(next->number, at(t))) == "waits");
  CHECK(devices(reservations.ask_again(killed->number, at(29))) == "waits");
  CHECK(devices(reservations.ask_again(next->number, at(30))) == "waits");  // ben's turn
  CHECK(devices(reservations.ask_again(next->number, at(39))) == "pump-1");
  CHECK(devices(reservations.ask_again(killed->number, at(40))) == "waits");
  REQUIRE(reservations.end(killed->number, "ben", at(41)));
  CHECK(said(reservations.ask_again(killed->number, at(42))) == "reservation 2 does not wait any more");
}

TEST_CASE("reservations: a device that somebody holds does not retire") {
  const Lab lab;
  auto store = lab.with_pumps(1);
  REQUIRE(Reservations(store).ask(pumps(1, "anna"), at(0), false));
  auto edit = store.edit({"ben", at(1)});
  auto item = **edit->find("pump-1");
  item.retired = true;
  CHECK(said(edit->update(item)) == "'pump-1' cannot retire: anna has reserved it (reservation 1)");
}

namespace {

/// Takes what only one process may have; false where another one has it.
bool occupy(const std::filesystem::path& folder, const std::string& device) {
  const int fd = ::open((folder / device).c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

/// One of the processes that fight: gets its devices again and again. Returns 0 if nobody else ever had one
/// that it was given.
int fight(const Lab& lab, int self, int rounds) {
  auto store = InventoryStore::open(lab.file, Access::write);
  if (!store) return 2;
  Reservations reservations(*store);
  const auto owner = "fighter-" + std::to_string(self);
  for (int round = 0; round < rounds; ++round) {
    auto got = reservations.ask(pumps(1 + static_cast<uint64_t>((self + round) % 3), owner), at(round), true);
    while (got && got->waits()) {
      ::usleep(1000);
      got = reservations.ask_again(got->number, at(round));
    }
    if (!got) return 3;
    for (const auto& device : got->devices)
      if (!occupy(lab.folder, device)) return 4;
    ::usleep(500);
    for (const auto& device : got->devices) ::unlink((lab.folder / device).c_str());
    if (!reservations.end(got->number, owner, at(round))) return 5;
  }
  return 0;
}

}  // namespace

TEST_CASE("reservations: of processes that fight for the same devices no two ever hold one") {
  constexpr int kFighters = 6, kRounds = 12;
  const Lab lab;
  lab.with_pumps(4);
  std::vector<pid_t> children;
  for (int self = 0; self < kFighters; ++self) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(fight(lab, self, kRounds));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  auto store = lab.open();
  CHECK(Reservations(store).standing(at(kRounds))->empty());
  CHECK(store.check());
}

TEST_CASE(
    "reservations: a holder that is killed holds its devices until its lease has run out, and no longer") {
  const Lab lab;
  lab.with_pumps(2);
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto store = InventoryStore::open(lab.file, Access::write);
    const auto got = Reservations(*store).ask(pumps(2, "killed", minutes(1)), at(0), false);
    const char word = got && !got->waits() ? 'y' : 'n';
    if (::write(ready[1], &word, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char word = 0;
  REQUIRE(::read(ready[0], &word, 1) == 1);
  CHECK(word == 'y');
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  auto store = lab.open();
  Reservations reservations(store);
  const auto next = reservations.ask(pumps(2, "anna"), at(51), true);
  CHECK(devices(next) == "waits");
  CHECK(devices(reservations.ask_again(next->number, at(59))) == "waits");
  CHECK(devices(reservations.ask_again(next->number, at(60))) == "pump-1 pump-2");
}

}  // namespace looptwin::twin

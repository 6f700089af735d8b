#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "twin/registry_store.h"

namespace looptwin::twin {
namespace {

using Access = RegistryStore::Access;

/// A folder of its own for each test, with a registry in it.
struct Place {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("looptwin-store-" + std::to_string(::getpid()));
  std::filesystem::path file = folder / "fleet.sqlite";

  Place() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    REQUIRE(RegistryStore::create(file));
  }
  ~Place() { std::filesystem::remove_all(folder); }

  RegistryStore open(Access access = Access::write) const {
    auto store = RegistryStore::open(file, access);
    REQUIRE(store);
    return std::move(*store);
  }
};

Author anna(int64_t second) { return {"anna", UnixTime{second * 1'000'000'000}}; }

DeviceRecord home(std::string id, std::string block = {}) {
  DeviceRecord device{.id = std::move(id), .model = "home", .parameters = {{"UA", "190 W/K"}}};
  if (!block.empty()) device.relations["block"] = std::move(block);
  return device;
}

void add(RegistryStore& store, const DeviceRecord& device, const std::optional<Secret>& secret = {}) {
  auto edit = store.edit(anna(1));
  REQUIRE(edit);
  REQUIRE(edit->add(device, secret));
  REQUIRE(edit->commit());
}

Result<uint64_t> become(RegistryStore& store, const std::string& id, DeviceState state) {
  auto edit = store.edit(anna(2));
  REQUIRE(edit);
  auto version = edit->become(id, state);
  if (!version) return version;
  if (auto done = edit->commit(); !done) return tl::make_unexpected(done.error());
  return version;
}

template <typename T>
std::string said(const Result<T>& result) {
  return result ? "" : result.error().front().message;
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("registry store: a device comes back as it was added, from another connection") {
  Place place;
  auto store = place.open();
  DeviceRecord block{.id = "block-1", .model = "block"};
  add(store, block);
  auto device = home("block-1/home-1", "block-1");
  device.tags = {"north", "pilot"};
  device.link = "lte";
  add(store, device);

  const auto found = place.open(Access::read).find("block-1/home-1");
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->model == "home");
  CHECK((*found)->state == DeviceState::provisioned);
  CHECK((*found)->parameters == device.parameters);
  CHECK((*found)->relations == device.relations);
  CHECK((*found)->tags == device.tags);
  CHECK((*found)->link == "lte");
  CHECK((*found)->version == 1);
  CHECK((*found)->credential.empty());
}

TEST_CASE("registry store: a device's life goes only where it may, and retirement is its end") {
  using enum DeviceState;
  const auto all = {provisioned, active, suspended, retired};
  const std::vector<std::pair<DeviceState, DeviceState>> allowed = {
      {provisioned, active}, {provisioned, suspended}, {provisioned, retired}, {active, suspended},
      {active, retired},     {suspended, active},      {suspended, retired}};
  Place place;
  auto store = place.open();
  int number = 0;
  for (const auto from : all)
    for (const auto to : all) {
      auto device = home("home-" + std::to_string(++number));
      device.state = from;
      add(store, device);
      const bool may = std::find(allowed.begin(), allowed.end(), std::pair(from, to)) != allowed.end();
      INFO(name_of(from) << " to " << name_of(to));
      CHECK(become(store, device.id, to).has_value() == may);
      CHECK((*store.find(device.id))->state == (may ? to : from));
    }
}

TEST_CASE("registry store: the id of a retired device is never used again") {
  Place place;
  auto store = place.open();
  add(store, home("home-1"));
  REQUIRE(become(store, "home-1", DeviceState::retired));
  auto edit = store.edit(anna(3));
  CHECK(said(edit->add(home("home-1"))) == "there has already been a device 'home-1'");
}

TEST_CASE("registry store: history tells who changed what, when, and what was before") {
  Place place;
  auto store = place.open();
  add(store, home("home-1"));
  auto device = **store.find("home-1");
  device.parameters["UA"] = "200 W/K";
  device.link = "lte";
  {
    auto edit = store.edit({"bert", UnixTime{5'000'000'000}});
    REQUIRE(edit->update(device) == uint64_t{2});
    REQUIRE(edit->commit());
  }
  device.parameters.erase("UA");
  {
    auto edit = store.edit({"cleo", UnixTime{6'000'000'000}});
    REQUIRE(edit->update(device) == uint64_t{3});
    REQUIRE(edit->commit());
  }
  const auto changes = store.history("home-1");
  REQUIRE(changes);
  std::string all;
  for (const auto& c : *changes)
    all += std::to_string(c.version) + " " + std::to_string(c.at.ns / 1'000'000'000) + " " + c.by + " " +
           c.key + ": " + c.before.value_or("-") + " > " + c.after.value_or("-") + "\n";
  CHECK(all ==
        "1 1 anna device: - > home\n"
        "2 5 bert link: - > lte\n"
        "2 5 bert parameters.UA: 190 W/K > 200 W/K\n"
        "3 6 cleo parameters.UA: 200 W/K > -\n");
}

TEST_CASE("registry store: a change that differs in nothing makes no version") {
  Place place;
  auto store = place.open();
  add(store, home("home-1"));
  auto edit = store.edit(anna(2));
  CHECK(edit->update(home("home-1")) == uint64_t{1});
}

TEST_CASE("registry store: a change made for another version is refused") {
  Place place;
  auto store = place.open();
  add(store, home("home-1"));
  REQUIRE(become(store, "home-1", DeviceState::active));
  auto edit = store.edit(anna(3));
  CHECK(said(edit->update(home("home-1"), 1)) == "'home-1' has version 2, not 1: it was changed in between");
  CHECK(edit->become("home-1", DeviceState::suspended, 2) == uint64_t{3});
}

TEST_CASE("registry store: an edit that is left without commit has changed nothing") {
  Place place;
  auto store = place.open();
  add(store, home("home-1"));
  {
    auto edit = store.edit(anna(2));
    REQUIRE(edit->add(home("home-2")));
    REQUIRE(edit->become("home-1", DeviceState::active));
  }
  CHECK(store.devices() == uint64_t{1});
  CHECK((*store.find("home-1"))->state == DeviceState::provisioned);
  CHECK(store.history("home-2")->empty());
}

TEST_CASE(
    "registry store: relations lead to devices that are there and not retired, in any order within an edit") {
  Place place;
  auto store = place.open();
  {
    auto edit = store.edit(anna(1));
    REQUIRE(edit->add(home("home-1", "block-1")));
    REQUIRE(edit->add({.id = "block-1", .model = "block"}));
    REQUIRE(edit->commit());
  }
  {
    auto edit = store.edit(anna(1));
    REQUIRE(edit->add(home("home-2", "block-2")));
    CHECK(said(edit->commit()) == "'home-2' is related to 'block-2', which is no device");
  }
  CHECK(said(become(store, "block-1", DeviceState::retired)) ==
        "'block-1' cannot retire: it is still the block of 'home-1'");
  {
    auto edit = store.edit(anna(2));  // both at once, whichever comes first
    REQUIRE(edit->become("block-1", DeviceState::retired));
    REQUIRE(edit->become("home-1", DeviceState::retired));
    REQUIRE(edit->commit());
  }
  auto edit = store.edit(anna(1));
  REQUIRE(edit->add(home("home-3", "block-1")));
  CHECK(said(edit->commit()) == "'home-3' is related to 'block-1', which is retired");
}

TEST_CASE("registry store: only the right secret of a device that may connect authenticates") {
  Place place;
  auto store = place.open();
  const auto kind = GENERATE(CredentialKind::keyed, CredentialKind::argon2id);
  const Secret secret{kind, generate_secret()};
  add(store, home("home-1"), secret);
  add(store, home("home-2"));
  const auto ask = [&](const std::string& id, const std::string& text) {
    return *store.authenticate(id, text);
  };
  CHECK(ask("home-1", secret.text) == Authenticated::yes);
  CHECK(ask("home-1", secret.text + "x") == Authenticated::wrong_secret);
  CHECK(ask("home-1", "") == Authenticated::wrong_secret);
  CHECK(ask("home-2", "") == Authenticated::no_credential);
  CHECK(ask("home-9", secret.text) == Authenticated::unknown_device);

  REQUIRE(become(store, "home-1", DeviceState::active));
  CHECK(ask("home-1", secret.text) == Authenticated::yes);
  REQUIRE(become(store, "home-1", DeviceState::suspended));
  CHECK(ask("home-1", secret.text) == Authenticated::suspended);
  CHECK(ask("home-1", "a wrong one") == Authenticated::wrong_secret);
  REQUIRE(become(store, "home-1", DeviceState::active));

  const Secret next{CredentialKind::keyed, generate_secret()};
  {
    auto edit = store.edit(anna(3));
    REQUIRE(edit->set_secret("home-1", next));
    REQUIRE(edit->commit());
  }
  CHECK(ask("home-1", secret.text) == Authenticated::wrong_secret);
  CHECK(ask("home-1", next.text) == Authenticated::yes);
  REQUIRE(become(store, "home-1", DeviceState::retired));
  CHECK(ask("home-1", next.text) == Authenticated::retired);
  CHECK((*store.find("home-1"))->credential.empty());
}

TEST_CASE("registry store: a secret stands nowhere in the file, nor does its hash serve another device") {
  Place place;
  const Secret secret{CredentialKind::keyed, generate_secret()};
  {
    auto store = place.open();
    add(store, home("home-1"), secret);
  }
  CHECK(bytes_of(place.file).find(secret.text) == std::string::npos);
  const auto key = generate_registry_key();
  const auto hash = *hash_secret(secret.kind, key, "home-1", secret.text);
  CHECK(fits(hash, key, "home-1", secret.text));
  CHECK_FALSE(fits(hash, key, "home-2", secret.text));
  CHECK_FALSE(fits(hash, generate_registry_key(), "home-1", secret.text));
}

TEST_CASE("registry store: a secret that people chose is not kept by the fast hash") {
  const auto key = generate_registry_key();
  CHECK_FALSE(hash_secret(CredentialKind::keyed, key, "home-1", "correct horse battery staple"));
  CHECK_FALSE(hash_secret(CredentialKind::argon2id, key, "home-1", "short"));
  CHECK(generate_secret().size() == kLeastKeyedSecret);
  CHECK(generate_secret() != generate_secret());
}

TEST_CASE("registry store: a file that is no registry is refused with its reason, and not touched") {
  Place place;
  const auto refused = [&](const std::string& content) {
    const auto file = place.folder / "other";
    std::ofstream(file, std::ios::binary) << content;
    const auto message = said(RegistryStore::open(file, Access::write));
    CHECK(bytes_of(file) == content);
    return message.substr(message.find("other") + 6);
  };
  CHECK(refused(std::string(5000, 'x')) == "is no SQLite database, so no registry");
  CHECK(refused("") == "is a database, but no registry of looptwin");
  auto newer = bytes_of(place.file);
  newer[63] = 99;  // the last byte of user_version, in the header
  CHECK(refused(newer) == "was written by a newer looptwin: it has schema 99, this one knows 2");
  auto foreign = bytes_of(place.file);
  foreign[68] = 0;  // application_id
  CHECK(refused(foreign) == "is a database, but no registry of looptwin");
  CHECK(said(RegistryStore::open(place.folder / "none", Access::read)).find("there is no registry") == 0);
  CHECK(said(RegistryStore::create(place.file)).find("exists") != std::string::npos);
}

TEST_CASE("registry store: any damaged page is a diagnostic, never a crash") {
  Place place;
  {
    auto store = place.open();
    auto edit = store.edit(anna(1));
    for (int i = 0; i < 200; ++i) REQUIRE(edit->add(home("home-" + std::to_string(i))));
    REQUIRE(edit->commit());
  }
  const auto sound = bytes_of(place.file);
  REQUIRE(sound.size() > 8 * 4096);
  for (size_t page = 1; page < sound.size() / 4096; ++page) {
    auto damaged = sound;
    std::fill_n(damaged.begin() + static_cast<int64_t>(page * 4096), 4096, '\x5a');
    const auto file = place.folder / "damaged";
    std::ofstream(file, std::ios::binary) << damaged;
    INFO("page " << page);
    const auto store = RegistryStore::open(file, Access::read);
    if (!store) continue;
    const auto checked = store->check();
    CHECK_FALSE(checked);
    CHECK(said(checked).find("is damaged") != std::string::npos);
    (void)store->each({}, [](const auto&) { return true; });
  }
}

TEST_CASE("registry store: who writes second waits, and is told when it takes too long") {
  Place place;
  auto first = place.open(), second = place.open();
  auto edit = first.edit(anna(1));
  REQUIRE(edit);
  REQUIRE(edit->add(home("home-1")));
  CHECK(second.devices() == uint64_t{0});  // readers see what holds
  REQUIRE(edit->commit());
  CHECK(second.devices() == uint64_t{1});
  CHECK(second.edit(anna(2)).has_value());
}

TEST_CASE("registry store: filters by model, id, tag and state agree with asking each device") {
  Place place;
  auto store = place.open();
  {
    auto edit = store.edit(anna(1));
    for (int i = 0; i < 60; ++i) {
      DeviceRecord device{.id = "b-" + std::to_string(i % 7) + "/d-" + std::to_string(i),
                          .model = i % 2 == 0 ? "home" : "block"};
      device.state = static_cast<DeviceState>(i % 4);
      if (i % 3 == 0) device.tags = {"pilot"};
      REQUIRE(edit->add(device));
    }
    REQUIRE(edit->commit());
  }
  const auto count = [&](const DeviceFilter& filter) {
    int n = 0;
    REQUIRE(store.each(filter, [&](const auto&) { return ++n, true; }));
    return n;
  };
  CHECK(count({}) == 60);
  CHECK(count({.model = "home"}) == 30);
  CHECK(count({.pattern = "b-3/*"}) == 9);
  CHECK(count({.pattern = "b-*"}) == 0);  // a star stops at a slash
  CHECK(count({.tag = "pilot"}) == 20);
  CHECK(count({.states = {DeviceState::active, DeviceState::suspended}}) == 30);
  CHECK(count({.model = "home", .tag = "pilot", .states = {DeviceState::provisioned}}) == 5);
}

TEST_CASE("registry store: ids and names that mean something elsewhere are refused") {
  for (const char* id : {"", "a b", "a*", "a?", "a+", "a#", "{i}", "a;b", "a,b", "a\"b", "a\nb", "h\xe9"}) {
    INFO(id);
    CHECK_FALSE(check_device(home(id)));
  }
  CHECK(check_device(home("Anlage-1/Straße_7.ü")));
  CHECK_FALSE(check_device({.id = "a", .model = "two words"}));
  CHECK_FALSE(check_device({.id = "a", .model = "m", .tags = {"a;b"}}));
  CHECK_FALSE(check_device({.id = "a", .model = "m", .parameters = {{"a.b", "1"}}}));
  CHECK_FALSE(check_device({.id = "a", .model = "m", .parameters = {{"a", ""}}}));
}

TEST_CASE("registry store: who changes something has a name that makes no other line of the history") {
  Place place;
  auto store = place.open();
  for (const std::string& name : {std::string(), std::string("anna\n      9  2026-01-01"),
                                  std::string("\x1b[2J"), std::string("h\xe9"), std::string(201, 'a')}) {
    INFO(name);
    CHECK(said(store.edit({name, UnixTime{1}})) == "who changes it has no name that can be shown");
  }
  CHECK(store.edit({"Jörg (night shift)", UnixTime{1}}));
}

TEST_CASE("registry store: a file may have a name that means something to SQLite") {
  Place place;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(place.folder);
  CHECK(RegistryStore::create(":memory:"));
  CHECK(std::filesystem::exists(place.folder / ":memory:"));
  CHECK(RegistryStore::open(":memory:", Access::write));
  std::filesystem::current_path(before);
}

}  // namespace looptwin::twin

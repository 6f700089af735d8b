// Who may come in, and who may say and hear what; and the file that a broker reads it from.
#include "hil/broker_access.h"

#include <catch2/catch.hpp>

using namespace looptwin;
using namespace looptwin::hil;

namespace {

const std::string kSecret(43, 's');

BrokerView two_halls() {
  BrokerView view;
  view.keys = {twin::generate_registry_key(), twin::generate_registry_key()};
  view.most_messages = 7;
  view.models.push_back(*topics_of(plain_mapping("pump")));
  view.models.push_back(
      {"plug", {known_topic("tele/{device}/{field}")}, {known_topic("cmnd/{device}/POWER")}});
  const auto hash = [&](size_t key, const std::string& id) {
    return *twin::hash_secret(twin::CredentialKind::keyed, view.keys[key], id, kSecret);
  };
  view.hosts = {{"looptwin", hash(0, "looptwin")}};
  using enum twin::DeviceState;
  view.devices = {{"hall/pump-1", 0, 1, active, hash(1, "hall/pump-1")},
                  {"hall/pump-2", 0, 1, suspended, hash(1, "hall/pump-2")},
                  {"hall/pump-3", 0, 1, provisioned, ""},
                  {"plug-1", 1, 1, active, "$argon2id$made up"}};
  return view;
}

std::string answer(const BrokerAccess& access, const Presented& shown, std::optional<bool> slow = {}) {
  using Answer = BrokerAccess::Admission::Answer;
  const auto got = access.admit(shown, [&](const auto&, std::string_view) { return slow; });
  if (got.answer == Answer::yes) return "yes";
  return got.answer == Answer::later ? "later" : std::string(name_of(got.why));
}

}  // namespace

TEST_CASE("broker view: topics that do not go by the devices' ids are none that a broker can keep apart") {
  Mapping plug = plain_mapping("plug");
  plug.convention = "topics";
  plug.fields.emplace_back().topic = known_topic("stat/{device}/power");
  plug.orders.emplace_back().topic = known_topic("cmnd/{device}/POWER");
  const auto topics = topics_of(plug);
  REQUIRE(topics.has_value());
  CHECK(topics->says.size() == 4);
  CHECK(topics->hears.size() == 2);
  plug.names = {{"hall/plug-1", "DVES_1"}};
  CHECK_FALSE(topics_of(plug).has_value());
  plug.names.clear();
  plug.convention = "sparkplug";
  CHECK_FALSE(topics_of(plug).has_value());
}

TEST_CASE("broker: whoever comes in is in the registry, knows its secret, and bears its own client id") {
  const BrokerAccess access(two_halls());
  const std::string one = "hall/pump-1", other(43, 'o');
  CHECK(answer(access, {one, one, kSecret}) == "yes");
  CHECK(answer(access, {one, one, other}) == "wrong_secret");
  CHECK(answer(access, {one, one, ""}) == "no_credential");
  CHECK(answer(access, {one, "", ""}) == "no_credential");
  CHECK(answer(access, {"hall/pump-9", "hall/pump-9", kSecret}) == "unknown_device");
  // Another's client id would take its session over.
  CHECK(answer(access, {"hall/pump-2", one, kSecret}) == "foreign_client");
  CHECK(answer(access, {"hall/pump-2", "hall/pump-2", kSecret}) == "not_admitted");
  CHECK(answer(access, {"hall/pump-2", "hall/pump-2", other}) == "wrong_secret");
  CHECK(answer(access, {"hall/pump-3", "hall/pump-3", kSecret}) == "no_credential");
  CHECK(answer(access, {"any", "looptwin", kSecret}) == "yes");
  CHECK(answer(access, {"any", "looptwin", other}) == "wrong_secret");
  CHECK(answer(access, {one, "looptwin", kSecret}) == "foreign_client");
}

TEST_CASE("broker: a verified certificate stands for a secret, but not for another's name or a state") {
  const BrokerAccess access(two_halls());
  CHECK(answer(access, {"hall/pump-3", "", "", "hall/pump-3"}) == "yes");
  CHECK(answer(access, {"hall/pump-3", "hall/pump-3", "", "hall/pump-3"}) == "yes");
  CHECK(answer(access, {"hall/pump-1", "hall/pump-1", "", "hall/pump-3"}) == "no_credential");
  CHECK(answer(access, {"hall/pump-1", "hall/pump-1", kSecret, "hall/pump-3"}) == "yes");
  CHECK(answer(access, {"hall/pump-1", "hall/pump-1", "no", "hall/pump-1"}) == "wrong_secret");
  CHECK(answer(access, {"hall/pump-2", "", "", "hall/pump-2"}) == "not_admitted");
  CHECK(answer(access, {"hall/pump-9", "", "", "hall/pump-9"}) == "unknown_device");
}

TEST_CASE("broker: a slow hash is asked for elsewhere, and nobody waits for it") {
  const BrokerAccess access(two_halls());
  CHECK(answer(access, {"plug-1", "plug-1", "chosen"}) == "later");
  CHECK(answer(access, {"plug-1", "plug-1", "chosen"}, true) == "yes");
  CHECK(answer(access, {"plug-1", "plug-1", "chosen"}, false) == "wrong_secret");
}

TEST_CASE("broker: a device speaks on its own topics and hears its own, and no filter reaches further") {
  const BrokerAccess access(two_halls());
  const auto& pump = *access.device("hall/pump-1");
  const auto& plug = *access.device("plug-1");
  CHECK(access.may_say(pump, "looptwin/hall/pump-1/telemetry"));
  CHECK(access.may_say(pump, "looptwin/hall/pump-1/presence"));
  for (const auto* forged :
       {"looptwin/hall/pump-2/telemetry", "looptwin/hall/pump-1/command", "looptwin/hall/pump-1",
        "looptwin/hall/pump-1/telemetry/x", "$looptwin/presence/hall/pump-1", ""})
    CHECK_FALSE(access.may_say(pump, forged));
  CHECK(access.may_say(plug, "tele/plug-1/power"));
  CHECK_FALSE(access.may_say(plug, "tele/plug-10/power"));
  CHECK_FALSE(access.may_say(plug, "tele/plug-1/a/b"));

  CHECK(access.may_hear(pump, "looptwin/hall/pump-1/command"));
  CHECK(access.may_hear(pump, "looptwin/hall/pump-1/presence"));
  CHECK_FALSE(access.may_hear(pump, "looptwin/hall/pump-2/command"));

  for (const auto* good :
       {"looptwin/hall/pump-1/command", "looptwin/hall/pump-1/#", "looptwin/hall/pump-1/+"})
    CHECK(access.may_subscribe(pump, good));
  for (const auto* wide : {"#", "+/#", "looptwin/#", "looptwin/hall/+/command", "looptwin/hall/pump-1+/x",
                           "looptwin/hall/pump-1#", "looptwin/hall/pump-2/#", "$looptwin/#", "$share/g/#",
                           "$share/g/looptwin/hall/pump-1/command"})
    CHECK_FALSE(access.may_subscribe(pump, wide));
  CHECK(access.may_subscribe(plug, "cmnd/plug-1/#"));
  CHECK_FALSE(access.may_subscribe(plug, "cmnd/+/POWER"));
}

TEST_CASE("broker: what is written for the plugin is read as it was, and a torn or strange file is refused") {
  const auto view = two_halls();
  const auto text = to_text(view);
  const auto read = [](const std::string& t) {
    return parse_view(std::make_shared<const Source>(Source{"view", t}));
  };
  const auto back = read(text);
  REQUIRE(back.has_value());
  CHECK(to_text(*back) == text);
  CHECK(back->most_messages == 7);
  REQUIRE(back->devices.size() == 4);
  CHECK(back->devices[1].state == twin::DeviceState::suspended);
  CHECK(back->devices[2].hash.empty());
  CHECK(back->keys == view.keys);
  for (size_t cut = 0; cut + 1 < text.size(); ++cut) {
    INFO(cut);
    REQUIRE_FALSE(read(text.substr(0, cut)).has_value());
  }
  CHECK_FALSE(read(text + "device\t0\tactive\t-\tlate\n").has_value());
  for (const auto* line : {"device\t9\tactive\t-\tx", "device\t0\tasleep\t-\tx", "device\t0\tactive\t-\t",
                           "key\tzz", "says\tno place", "what\tever"}) {
    auto wrong = text;
    wrong.insert(wrong.rfind("end\t"), std::string(line) + "\n");
    const auto refused = read(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error()[0].message.find("no line of a broker's view") != std::string::npos);
  }
}

"""Who may come in at a rig's broker, and what people see of those who may not: a real Mosquitto with our plugin."""
import base64
import hashlib
import json
import re
import shutil
import tempfile
import time
import unittest
from pathlib import Path

import paho.mqtt.client as mqtt
from rig_support import BINARIES, PASSWORD, Broker, Registry, Rig, block, eventually, looptwin, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
TELEMETRY = f"looptwin/{ONE}/telemetry"
RIG = f"rig: cellar-rig\nregistry: plant.registry\nuser: tester\npassword: {PASSWORD}\n"
REFUSED = {mqtt.MQTTv311: 5, mqtt.MQTTv5: 135}


class Brokers(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.registry = Registry(self.folder, ONE, TWO)

    def rig(self, more="", events=""):
        scenario = block("rig.md", "scenario.yaml")
        rig = Rig(self.folder, RIG + more, scenario.replace("rules:\n", events + "rules:\n", 1))
        self.addCleanup(rig.close)
        return rig

    def device(self, rig, ident=ONE, **more):
        return rig.client(ident, ident, self.registry.secrets[ident], **more).join()

    def test_devices_of_the_registry_work_and_all_others_are_refused_and_seen(self):
        rig = self.rig(events="  attacked: {each: pump, raise: violations > 1}\n  knocked_at: {raise: loop.violations > 1}\n")
        ear = rig.ear("tester", PASSWORD)
        rig.pump(ONE, secret=self.registry.secrets[ONE])
        rig.pump(TWO, secret=self.registry.secrets[TWO], program="pump_device")
        for ident in (ONE, TWO):
            eventually(lambda: any(t == f"looptwin/{ident}/command" for t, _ in ear.heard), f"{ident} is told what to do")
            eventually(lambda: any(t == f"looptwin/{ident}/acknowledgement" for t, _ in ear.heard), f"{ident} answers")
        wrong = "w" * 43
        for version in (mqtt.MQTTv311, mqtt.MQTTv5):
            for ident, user, secret in (("stranger", "stranger", wrong), (ONE, ONE, wrong), (ONE, None, None),
                                        (TWO, ONE, self.registry.secrets[ONE]), (ONE, "tester", PASSWORD)):
                if version == mqtt.MQTTv5 and user is None:
                    continue  # one is enough of those who show nothing
                intruder = rig.client(ident, user, secret, version=version)
                eventually(lambda: intruder.codes, "an answer")
                self.assertEqual(intruder.codes[0], REFUSED[version], (ident, user))
                intruder.close()
        for kind in ("unknown_device", "wrong_secret", "no_credential", "foreign_client"):
            eventually(lambda: rig.incident(kind), f"{kind} is seen")
        self.assertTrue(any(t == "$looptwin/violations" and b"unknown_device" in p for t, p in ear.heard))
        out = rig.stop()
        self.assertIn("devices there          2", out)  # nobody was driven out
        self.assertRegex(out, r"incidents +foreign_client \d+, no_credential \d+, unknown_device \d+, wrong_secret \d+")
        self.assertIn("gaps 0", out)
        # Rules have seen it as well, of whom it was, and see it again.
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertRegex(replay.stdout, rf"event attacked +fired (once|2 times): .*on {ONE}")
        self.assertRegex(replay.stdout, r"event knocked_at +fired once")

    def test_forged_topics_and_wills_reach_nobody_and_wide_subscriptions_are_refused(self):
        rig = self.rig()
        ear = rig.ear("tester", PASSWORD)
        forger = self.device(rig, version=mqtt.MQTTv5, will=(f"looptwin/{TWO}/presence", "offline"))
        forged = (f"looptwin/{TWO}/telemetry", f"looptwin/{ONE}/command", f"$looptwin/presence/{TWO}", "anything")
        for topic in forged:
            forger.say(topic, "forged")
        for filters in ("#", f"looptwin/{TWO}/command", "looptwin/#", "$looptwin/#", "$share/g/#"):
            self.assertGreaterEqual(forger.subscribe(filters), 128, filters)
        self.assertEqual(forger.subscribe(f"looptwin/{ONE}/command"), 1)
        forger.say(TELEMETRY, {"level": 1.5})
        eventually(lambda: any(t == TELEMETRY for t, _ in ear.heard), "what is its own arrives")
        self.assertEqual([t for t, p in ear.heard if p == b"forged"], [])
        eventually(lambda: rig.incident("publish", ONE) == len(forged), "each is seen")
        eventually(lambda: rig.incident("subscribe", ONE) == 5, "each is seen")
        forger.drop()
        eventually(lambda: rig.incident("will", ONE), "the will is seen")
        self.assertFalse([t for t, p in ear.heard if t.endswith("presence") and p == b"offline"])
        eventually(lambda: any(t == f"$looptwin/presence/{ONE}" and b"false" in p for t, p in ear.heard), "it has gone")
        self.assertIn("devices there          0", rig.stop())

    def test_a_device_that_is_suspended_is_thrown_out_within_a_second_of_that(self):
        rig = self.rig()
        ear = rig.ear("tester", PASSWORD)
        devices = {ident: self.device(rig, ident) for ident in (ONE, TWO)}
        since = []

        def change(what, ident):
            done = looptwin("registry", what, self.registry.path, ident, "--by", "test")
            self.assertEqual(done.returncode, 0, done.stderr)

        def gone(ident):
            """When the broker had thrown it out, by its own clock."""
            said = [json.loads(p) for t, p in ear.heard[len(since):] if t == f"$looptwin/presence/{ident}"]
            return next((s["t"] for s in said if not s["online"]), None)

        def in_time():
            # What looks whether something has changed has just looked when the first is gone. So the second waits as
            # long as can be: a broker that learns of it too late does so each time, a machine that is busy does not.
            since[:] = ear.heard
            change("suspend", ONE)
            eventually(lambda: gone(ONE), "the first is thrown out")
            asked = time.time()
            change("suspend", TWO)
            took = eventually(lambda: gone(TWO), "the second is thrown out") - asked
            for ident, device in devices.items():
                change("activate", ident)
                device.join()
            return took < 1
        eventually(in_time, "it is thrown out within a second")
        rig.stop()

    def test_a_device_that_is_suspended_stays_out_and_one_that_is_activated_comes_back(self):
        rig = self.rig()
        device, other = self.device(rig), self.device(rig, TWO)
        done = looptwin("registry", "suspend", self.registry.path, ONE, "--by", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        eventually(lambda: not device.connected, "it is thrown out")
        eventually(lambda: REFUSED[mqtt.MQTTv311] in device.codes, "it is not let in again")
        eventually(lambda: rig.incident("not_admitted", ONE), "its attempts are seen")
        self.assertTrue(other.connected)
        self.assertEqual(looptwin("registry", "activate", self.registry.path, ONE, "--by", "test").returncode, 0)
        device.join()
        # A new secret ends the session that began with the old one; a new device may come at once.
        self.assertEqual(looptwin("registry", "renew", self.registry.path, TWO, "--by", "test").returncode, 0)
        eventually(lambda: not other.connected, "its secret is another one")
        self.registry.add("cellar/pump-3")
        eventually(lambda: self.attempt(rig, "cellar/pump-3"), "a device that has just been added comes in")
        rig.stop()

    def test_a_suspension_that_the_broker_cannot_be_told_of_is_said_and_told_as_soon_as_it_can_be(self):
        rig = self.rig()
        device = self.device(rig)
        folder = Path(re.search(r"-c\0(.*)/mosquitto.conf", Path(f"/proc/{rig.broker()}/cmdline").read_text()).group(1))
        (folder / "view.tmp/x").mkdir(parents=True)  # where the file is written first
        self.assertEqual(looptwin("registry", "suspend", self.registry.path, ONE, "--by", "test").returncode, 0)
        eventually(lambda: rig.incident("registry_not_followed"), "it is seen")
        self.assertIn("registry_not_followed: cannot write", rig.errors.read_text())
        self.assertTrue(device.connected)
        (folder / "view.tmp").rename(self.folder / "out-of-the-way")  # at once: the rig removes an empty one itself
        eventually(lambda: not device.connected, "it is thrown out")
        eventually(lambda: rig.incident("registry_followed"), "that is seen as well")
        self.assertEqual(rig.incident("registry_not_followed"), 1)  # however often it was tried
        (folder / "view.tmp/x").mkdir(parents=True)
        self.assertEqual(looptwin("registry", "suspend", self.registry.path, TWO, "--by", "test").returncode, 0)
        eventually(lambda: rig.incident("registry_not_followed") == 2, "it is seen again")
        self.assertRegex(rig.stop(), r"registry +2 times the broker could not be told of changes; it does not know of the newest: cannot write")

    def attempt(self, rig, ident):
        client = rig.client(ident, ident, self.registry.secrets[ident])
        eventually(lambda: client.codes, "an answer")
        client.close()
        return client.codes[0] == 0

    def test_a_device_that_takes_its_own_session_over_is_not_offline_by_its_old_will(self):
        rig = self.rig()
        ear = rig.ear("tester", PASSWORD)
        will = (f"looptwin/{ONE}/presence", "offline")
        first = self.device(rig, will=will)
        first.client.loop_stop()  # its network is gone, but the broker does not know it
        second = self.device(rig, will=will)
        eventually(lambda: (will[0], b"offline") in ear.heard, "the old will")
        second.say(TELEMETRY, {"level": 2.5})
        eventually(lambda: any(t == f"looptwin/{ONE}/command" for t, _ in ear.heard), "it is told what to do")
        self.assertNotIn(b"false", b"".join(p for t, p in ear.heard if t == f"$looptwin/presence/{ONE}"))
        self.assertIn("devices there          1", rig.stop())

    def test_who_is_there_is_told_to_whoever_asks_later(self):
        rig = self.rig()
        self.device(rig)
        ear = rig.ear("tester", PASSWORD)
        eventually(lambda: any(t == f"$looptwin/presence/{ONE}" and b"true" in p for t, p in ear.heard), "it is there")
        rig.stop()

    def test_a_chosen_secret_is_checked_without_the_broker_standing_still(self):
        self.registry.add("cellar/pump-3", secret="a chosen secret")
        rig = self.rig()
        device = self.device(rig, "cellar/pump-3")
        self.assertEqual(device.codes, [0])
        self.assertGreater(device.lost, 0)  # closed without an answer while the hash was made; it came again by itself
        guess = rig.client("cellar/pump-3", "cellar/pump-3", "a wrong guess")
        eventually(lambda: rig.incident("wrong_secret", "cellar/pump-3"), "the guess is seen")
        self.assertNotIn(0, guess.codes)
        self.assertTrue(device.connected)
        rig.stop()

    def test_a_flood_of_one_device_is_shed_and_the_others_lose_nothing(self):
        rig = self.rig("most_messages: 200\n")
        rig.pump(TWO, secret=self.registry.secrets[TWO], program="pump_device")
        flooder = self.device(rig)
        flooder.client.max_inflight_messages_set(1000)
        ear = rig.ear("tester", PASSWORD)
        for n in range(20_000):
            flooder.say(TELEMETRY, {"level": 1.0, "n": n})
        eventually(lambda: rig.incident("flood", ONE) > 5_000, "the flood is seen")
        reports = sum(t == f"looptwin/{TWO}/telemetry" for t, _ in ear.heard)
        eventually(lambda: sum(t == f"looptwin/{TWO}/telemetry" for t, _ in ear.heard) > reports + 5, "the other goes on")
        eventually(lambda: len(flooder.acknowledged) == 20_000, "the flood is over")
        eventually(lambda: sum(t == TELEMETRY for t, _ in ear.heard) + rig.incident("flood", ONE) == 20_000,
                   "each is either taken or counted")
        self.assertNotIn("flood", "".join(i["kind"] for i in rig.incidents() if i["device"] == TWO))
        rig.stop()

    def test_a_broker_without_our_plugin_gets_the_same_answers_as_files(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        (self.folder / "rig.yaml").write_text(RIG)
        (self.folder / "secrets.csv").write_text("id,secret\n" + "".join(f"{i},{s}\n" for i, s in self.registry.secrets.items()))
        done = looptwin("rig", "acl", self.folder, "--out", self.folder / "access", "--secrets", self.folder / "secrets.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "2 devices in .*acl_file, 3 passwords in .*password_file")
        broker = Broker(self.folder, "allow_anonymous false", f"acl_file {self.folder}/access/acl_file",
                        f"password_file {self.folder}/access/password_file")
        self.addCleanup(broker.close)
        rig = Rig(self.folder, RIG + f"broker: mqtt://127.0.0.1:{broker.port}\n")
        self.addCleanup(rig.close)
        ear = rig.client("ear", "tester", PASSWORD).join()
        ear.subscribe("#")
        rig.pump(ONE, "2.5", secret=self.registry.secrets[ONE], program="pump_device")
        eventually(lambda: any(t == f"looptwin/{ONE}/acknowledgement" for t, _ in ear.heard), "it does what it is told")
        forger = rig.client("any", TWO, self.registry.secrets[TWO]).join()
        forger.say(f"looptwin/{ONE}/telemetry", "forged")
        forger.say(f"looptwin/{TWO}/telemetry", {"level": 1.5})
        eventually(lambda: any(t == f"looptwin/{TWO}/telemetry" for t, _ in ear.heard), "what is its own arrives")
        self.assertEqual([t for t, p in ear.heard if p == b"forged"], [])
        stranger = rig.client("stranger", "stranger", "x" * 43)
        eventually(lambda: 5 in stranger.codes, "a stranger is refused")
        rig.stop()

    def strict(self, subscribe):
        """Such a broker, and the rig.yaml of a rig at it."""
        broker = self.strict_broker(subscribe=subscribe)
        return broker, f"rig: cellar-rig\nuser: tester\npassword: {PASSWORD}\nbroker: mqtt://127.0.0.1:{broker.port}\n"

    def test_a_subscription_that_is_refused_ends_the_start(self):
        _, text = self.strict(["$SYS/#", "looptwin/rig/#"])
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        for more, heard in (("version: 5\n", "[+#]"), ("version: 3.1.1\n", "[+#]"), ("ingest_connections: 2\n", ONE)):
            (self.folder / "rig.yaml").write_text(text + more)
            done = looptwin("hil", self.folder, "--out", self.folder / "out")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, rf"does not let user tester subscribe to 'looptwin/{heard}/.*telemetry'")
            self.assertIn("`topic readwrite looptwin/", done.stderr)
            self.assertFalse((self.folder / "out").exists())

    def test_candidates_that_a_broker_lets_nobody_hear_are_no_candidates_and_that_is_said(self):
        _, text = self.strict(["looptwin/#"])
        for version in ("5", "3.1.1"):
            (self.folder / "rig.yaml").write_text(text + f"version: {version}\n")
            done = looptwin("registry", "candidates", self.registry.path, "--rig", self.folder, "--within", "100 ms")
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertRegex(done.stderr, r"does not let user tester hear homeassistant/\+/\+/")

    def test_a_subscription_that_is_refused_later_is_seen(self):
        for version in ("5", "3.1.1"):
            broker, text = self.strict(["looptwin/#"])  # not what begins with $, which the loop can do without
            rig = Rig(self.folder, text + f"version: {version}\n", arm=())
            self.addCleanup(rig.close)
            refused = lambda: {i["detail"] for i in rig.incidents() if i["kind"] == "subscription_refused"}
            filters = {"$looptwin/#", "$SYS/broker/publish/messages/dropped", "$SYS/broker/version"}
            eventually(lambda: refused() == filters, "all are seen")
            broker.kill()
            self.strict_broker(at=broker, subscribe=["looptwin/rig/#"])
            eventually(lambda: any(detail.endswith("telemetry") for detail in refused()), "it is seen")
            rig.stop()
            broker.close()
            shutil.rmtree(self.folder / "out")

    def test_a_broker_that_keeps_back_what_looptwin_may_not_read_is_said_though_it_does_not_say_so(self):
        (self.folder / "secrets.csv").write_text(f"id,secret\ntester,{PASSWORD}\n")
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        (self.folder / "rig.yaml").write_text(RIG)
        access = self.folder / "access"
        self.assertEqual(looptwin("rig", "acl", self.folder, "--out", access, "--secrets", self.folder / "secrets.csv").returncode, 0)
        whole = (access / "acl_file").read_text()
        broker = Broker(self.folder, "allow_anonymous false", f"acl_file {access}/acl_file", f"password_file {access}/password_file")
        self.addCleanup(broker.close)
        for version in ("5", "3.1.1"):
            for acl, seen in ((whole, 0), (whole.replace("topic readwrite #", "topic readwrite other"), 1)):
                broker.kill()
                (access / "acl_file").write_text(acl)
                broker.start()
                rig = Rig(self.folder, RIG + f"version: {version}\nbroker: mqtt://127.0.0.1:{broker.port}\n")
                self.addCleanup(rig.close)
                rig.stop()
                self.assertEqual(rig.incident("no_echo"), seen)
                self.assertEqual("`user tester` and `topic readwrite #`" in rig.errors.read_text(), bool(seen))
                shutil.rmtree(self.folder / "out")

    def test_what_simulated_devices_may_not_say_is_counted(self):
        _, text = self.strict(["#", "$SYS/#", "$looptwin/#"])
        for own in ("false", "true"):
            rig = Rig(self.folder, text + f'bindings: {{"**": simulated}}\nown_connections: {own}\n')
            self.addCleanup(rig.close)
            eventually(lambda: int(rig.status()["at_s"].split(".")[0]) >= 2, "they have something to say")
            self.assertRegex(rig.stop(), r"the broker refused [1-9][\d ]* of these messages, or of their connections' subscriptions\n")
            shutil.rmtree(self.folder / "out")

    def test_a_broker_with_our_plugin_follows_the_registry_by_the_view_that_the_rig_keeps(self):
        broker = Broker(self.folder, f"plugin {BINARIES / 'looptwin_mosquitto.so'}", f"plugin_opt_view {self.folder}/view")
        self.addCleanup(broker.close)
        rig = self.rig(f"view: view\nbroker: mqtt://127.0.0.1:{broker.port}\nmost_messages: 50\n")
        device, other = self.device(rig), self.device(rig, TWO)
        self.assertEqual((self.folder / "view").stat().st_mode & 0o777, 0o600)
        self.assertIn("limit\t50", (self.folder / "view").read_text())
        self.assertEqual(looptwin("registry", "suspend", self.registry.path, ONE, "--by", "test").returncode, 0)
        eventually(lambda: not device.connected, "it is thrown out")
        (self.folder / "view.tmp/x").mkdir(parents=True)
        self.assertEqual(looptwin("registry", "suspend", self.registry.path, TWO, "--by", "test").returncode, 0)
        eventually(lambda: rig.incident("registry_not_followed"), "it is seen")
        self.assertTrue(other.connected)
        (self.folder / "view.tmp").rename(self.folder / "out-of-the-way")  # at once: the rig removes an empty one itself
        eventually(lambda: not other.connected, "it is thrown out")
        rig.stop()

    def strict_broker(self, at=None, subscribe=()):
        """One that refuses subscriptions as well, which Mosquitto's acl_file does not."""
        salt = b"twelve bytes"
        password = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
        no = {"publishClientSend": False, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
        acls = [{"acltype": kind, "topic": topic, "allow": True}
                for kind, topics in (("subscribePattern", subscribe), ("publishClientSend", ["looptwin/rig/#"])) for topic in topics]
        (self.folder / "security.json").write_text(json.dumps({
            "defaultACLAccess": no, "groups": [], "roles": [{"rolename": "host", "acls": acls}],
            "clients": [{"username": "tester", "password": base64.b64encode(password).decode(), "salt": base64.b64encode(salt).decode(),
                         "iterations": 101, "roles": [{"rolename": "host"}]}]}))
        if at is not None:
            return at.start()
        plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
        broker = Broker(self.folder, "allow_anonymous false", f"plugin {plugin}", f"plugin_opt_config_file {self.folder}/security.json")
        self.addCleanup(broker.close)
        return broker

    def test_mistakes_are_said(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        for text, said in ((RIG.replace("plant.registry", "none.registry"), "there is no registry"),
                           (RIG.replace(PASSWORD, "short"), "the password of 'tester' has 5 characters"),
                           (RIG + "version: 4\n", "rig.yaml:5:10: error"), (RIG + "most_messages: 0\n", "rig.yaml:5:16: error"),
                           (RIG + "view: v\n", "rig.yaml:5:7: error: a broker of our own has one in its own folder"),
                           ("rig: r\nuser: tester\n", "rig.yaml:2:7: error: anybody may connect to a broker of our own"),
                           ("rig: r\nmost_messages: 9\n", "write registry: FILE, or leave most_messages out"),
                           ("rig: r\ncertificates: ca.pem\n", "rig.yaml:2:15: error: nobody asks for certificates at a broker of our own"),
                           ("rig: r\nshadow: {tolerance: {level: 1 cm}}\n", "rig.yaml:2:1: error: no device is beside its model"),
                           ("rig: r\nsparkplug: {host: h}\n", "rig.yaml:2:1: error: no model's devices speak Sparkplug"),
                           ("rig: r\nbroker: mqtt://127.0.0.1:1\nview: v\n", "rig.yaml:3:7: error: the rig has no registry"),
                           (RIG.replace("user: tester\n", "broker: mqtt://127.0.0.1:1\nview: v\n"), "rig.yaml:4:7: error: the plugin that reads it asks"),
                           ("rig: r\nbroker: mqtt://127.0.0.1:1\nmost_messages: 9\n", "write view: FILE for our plugin there"),
                           ("rig: r\nbroker: mqtt://127.0.0.1:1\npassword: x\n", "rig.yaml:3:11: error: it is nobody's password")):
            (self.folder / "rig.yaml").write_text(text)
            done = looptwin("hil", self.folder, "--out", "none")
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)

    def test_options_without_effect_are_said(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        (self.folder / "rig.yaml").write_text("rig: r\nbroker: mqtt://127.0.0.1:1\n")
        play = ("--play", "run")
        for options, said in (((*play, "--arm", "**"), "--arm: it has no effect with --play"), ((*play, "--out", "o"), "--out: it has no effect"),
                              ((*play, "--duration", "1 s"), "--duration: it has no effect"), (("--speed", "4x"), "write --play RUN as well"),
                              ((*play, "--speed", "inf"), "'inf' is not a speed; write 4x"),
                              (("--owner", "anna"), "names no inventory"), (("--reservation", "1"), "names no inventory")):
            done = looptwin("hil", self.folder, *options)
            self.assertEqual(done.returncode, 2, options)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

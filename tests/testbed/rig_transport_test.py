"""A rig's way over its broker: devices that keep what is not confirmed, connections of their own, and spread ones. A real Mosquitto."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from rig_support import BINARIES, PASSWORD, SOURCE, Broker, Client, Registry, Rig, eventually, freeze, looptwin, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
TOPIC = f"looptwin/{ONE}/"
SIMULATED = 'bindings: {"**": simulated}\nown_connections: true\n'


class Keeper:
    """A device of the test's own that keeps its messages until they are confirmed."""

    def __init__(self, port, ident):
        self.topic, self.kept, self.n, self.through = f"looptwin/{ident}/", {}, 0, 0
        self.client = Client(port, ident).join()
        self.client.subscribe(self.topic + "confirmation")
        self.client.client.max_inflight_messages_set(1000)

    def say(self, level):
        self.n += 1
        self.kept[self.n] = {"level": level, "n": self.n, "t": time.time(), "kept": min(self.kept, default=self.n)}
        self.client.say(self.topic + "telemetry", self.kept[self.n])

    def confirmed(self):
        for _, payload in list(self.client.heard):
            self.through = max(self.through, json.loads(payload)["n"])
        self.kept = {n: m for n, m in self.kept.items() if n > self.through}
        return not self.kept

    def again(self):
        for message in list(self.kept.values()):
            self.client.say(self.topic + "telemetry", message)


class Transport(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def rig(self, text):
        rig = Rig(self.folder, "rig: cellar-rig\n" + text)
        self.addCleanup(rig.close)
        return rig

    def external(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        return broker

    def replayed(self):
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)

    def counted(self, out, word):
        return int(re.search(rf"{word} ([\d ]*\d)", out).group(1).replace(" ", ""))

    def lose(self, rig, broker, devices, messages):
        """The host does not take them, and the broker that has acknowledged them is killed."""
        freeze(rig.process)
        for _ in range(messages):
            for device in devices:
                device.say(1.5)
        for device in devices:
            eventually(lambda: len(device.client.acknowledged) >= messages, "the broker has them all")
        broker.kill()
        for device in devices:
            eventually(lambda: not device.client.connected, "it is gone")
        broker.start()
        rig.process.send_signal(signal.SIGCONT)
        for device in devices:
            eventually(lambda: device.client.connected, "it is back")

    def test_what_devices_keep_is_lost_with_no_broker_and_taken_in_once(self):
        broker = self.external()
        rig = self.rig(f"broker: mqtt://127.0.0.1:{broker.port}\n")
        devices = [Keeper(broker.port, ident) for ident in (ONE, TWO)]
        for device in devices:
            self.addCleanup(device.client.close)
            device.say(1.4)
            eventually(device.confirmed, "it is heard")
        self.lose(rig, broker, devices, 300)
        for device in devices:
            eventually(lambda: rig.incident("broker_lost"), "the host has noticed")
            device.again()
            device.again()  # what comes twice acts once
            device.say(1.6)
            eventually(lambda: device.confirmed() or device.again(), "all of it has arrived")
        out = rig.stop()
        self.assertRegex(out, r"gaps 0, restarts 0")
        self.assertRegex(out, r"[1-9]\d* came twice")
        self.assertNotIn("kept no more", out)
        self.assertEqual(self.counted(out, "messages +"), 2 * 302)
        self.replayed()

    def test_what_devices_keep_no_more_is_counted_as_lost_and_so_is_what_others_never_kept(self):
        broker = self.external()
        rig = self.rig(f"broker: mqtt://127.0.0.1:{broker.port}\n")
        keeper, other = Keeper(broker.port, ONE), Keeper(broker.port, TWO)
        for device in (keeper, other):
            self.addCleanup(device.client.close)
            device.say(1.4)
            eventually(device.confirmed, "it is heard")
        self.lose(rig, broker, (keeper, other), 40)
        eventually(lambda: rig.incident("broker_lost"), "the host has noticed")
        for n in range(2, 12):  # its store was small
            del keeper.kept[n]
        other.kept.clear()  # and the other one has none
        for device in (keeper, other):
            device.say(1.6)
            eventually(lambda: device.confirmed() or device.again(), "what it still had has arrived")
        out = rig.stop()
        # A few of them were with the host before it stood still.
        lost = int(re.search(r"(\d+) that devices kept no more", out).group(1))
        self.assertTrue(0 < lost <= 50, out)
        self.assertEqual(self.counted(out, "gaps"), lost)
        self.assertEqual(self.counted(out, "messages +") + lost, 2 * 42)

    def test_a_pump_that_keeps_its_reports_outlives_its_broker_and_its_host(self):
        broker = self.external()
        rig = self.rig(f"broker: mqtt://127.0.0.1:{broker.port}\n")
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe(TOPIC + "confirmation")
        rig.pump(ONE, program="keeping_pump.py")

        def through():
            return max((json.loads(p)["n"] for _, p in ear.heard), default=0)
        eventually(lambda: through() > 3, "it is heard")
        broker.kill()
        eventually(lambda: rig.incident("broker_lost"), "the broker is lost")
        broker.start()
        before = through()
        eventually(lambda: through() > before + 15, "all before it has arrived")
        out = rig.stop()
        self.assertIn("restarts 0", out)
        self.assertNotIn("kept no more", out)

    def test_simulated_devices_with_connections_of_their_own_are_to_the_broker_as_real_ones_are(self):
        registry = Registry(self.folder, ONE, TWO)
        secrets = self.folder / "secrets.csv"
        secrets.write_text("id,secret\n" + "".join(f"{i},{s}\n" for i, s in registry.secrets.items()))
        rig = self.rig(f"registry: plant.registry\nuser: tester\npassword: {PASSWORD}\nsecrets: secrets.csv\n" + SIMULATED)
        ear = rig.ear("tester", PASSWORD)

        def said(topic, word):
            return sum(t == topic and word in p for t, p in list(ear.heard))
        for ident in (ONE, TWO):
            eventually(lambda: said(f"$looptwin/presence/{ident}", b'"online":true'), "the broker knows its session")
            eventually(lambda: said(f"looptwin/{ident}/telemetry", b'"running":true'), "the loop has started it")
        # A device that is suspended is thrown out, and its will is said.
        suspended = looptwin("registry", "suspend", self.folder / "plant.registry", ONE, "--by", "test")
        self.assertEqual(suspended.returncode, 0, suspended.stderr)
        eventually(lambda: said(f"$looptwin/presence/{ONE}", b'"online":false'), "it is thrown out")
        eventually(lambda: said(TOPIC + "presence", b"offline"), "its will")
        eventually(lambda: rig.incident("not_admitted", ONE), "it is not let in again")
        # The other is swapped for a real one, which has the same name and comes where it was.
        swapped = looptwin("rig", "swap", self.folder / "out", TWO, "real")
        self.assertEqual(swapped.returncode, 0, swapped.stderr)
        eventually(lambda: said(f"$looptwin/presence/{TWO}", b'"online":false'), "the model has left")
        rig.pump(TWO, "0.3", secret=registry.secrets[TWO])
        eventually(lambda: said(f"looptwin/{TWO}/telemetry", b'"running": true'), "the real one is told")
        out = rig.stop()
        self.assertIn("devices there          1", out)
        self.assertRegex(out, r"connections +0 there, \d+ lost, [1-9]\d* refused, 0 taken over")
        self.assertIn("gaps 0, restarts 0", out)
        self.replayed()

    def test_simulated_devices_with_connections_of_their_own_come_back_with_the_broker(self):
        broker = self.external()
        rig = self.rig(f"broker: mqtt://127.0.0.1:{broker.port}\nsettings: {{fleet.pump.count: 40}}\n" + SIMULATED)
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe("looptwin/#")

        def last(word):
            presence = {t: p for t, p in list(ear.heard) if t.endswith("/presence")}
            return sum(p == word for p in presence.values())
        eventually(lambda: last(b"online") == 40, "all are there")
        broker.kill()
        eventually(lambda: rig.incident("broker_lost"), "it is lost")
        ear.heard.clear()
        broker.start()
        eventually(lambda: last(b"online") == 40, "all are there again")
        eventually(lambda: sum(b'"running":true' in p for _, p in list(ear.heard)) > 0, "and are told what to do")
        out = rig.stop()
        self.assertRegex(out, r"connections +40 there, 40 lost, 0 refused, 0 taken over by somebody else; 0 messages without")
        eventually(lambda: last(b"offline") == 40, "their wills")

    def test_what_devices_say_comes_over_several_connections_in_its_order(self):
        rig = self.rig('ingest_connections: 3\nsettings: {fleet.pump.count: 30}\nbindings: {"**": simulated}\n')
        ear = rig.client("ear").join()
        ear.subscribe("looptwin/#")

        def all_say(word):
            return len({t for t, p in list(ear.heard) if word in p}) == 30
        eventually(lambda: all_say(b'"running":true'), "all are started")
        eventually(lambda: all_say(b"accepted"), "and have answered")
        os.kill(rig.broker(), signal.SIGTERM)
        eventually(lambda: rig.incident("broker_lost"), "the broker is lost")
        ear.heard.clear()
        for word in (b"online", b'"running":false', b'"running":true'):
            eventually(lambda: all_say(word), "all go on")
        out = rig.stop()
        self.assertIn("devices there          30", out)
        # What was on its way when the broker went may be said once more; it is taken in once.
        self.assertRegex(out, r"gaps 0, restarts 0")
        self.replayed()

    def test_limits_and_mistakes_are_said_with_their_place(self):
        registry = Registry(self.folder, ONE, TWO)
        for text, said in (
                ("own_connections: true\n", "rig.yaml:2:18: error: no device is simulated that could have a connection"),
                ("bindings: {}\nsecrets: s.csv\n", "rig.yaml:3:10: error: secrets are what simulated devices connect with"),
                ("ingest_connections: 65\n", "rig.yaml:2:"), ("own_conections: true\n", "own_connections"),
                (f"registry: {registry.path}\n" + SIMULATED, "2 simulated ones have no secret, as cellar/pump-2"),
                ("secrets: none.csv\n" + SIMULATED, "none.csv")):
            result = self.refused(text)
            self.assertIn(said, result.stderr, text)
        result = self.refused("settings: {fleet.pump.count: 900}\n" + SIMULATED, "ulimit -n 1000 && exec ")
        self.assertIn("takes 3800 open files, and this process may have 1000", result.stderr)

    def refused(self, text, before=""):
        (self.folder / "scenario.yaml").write_text(self.scenario())
        (self.folder / "rig.yaml").write_text("rig: cellar-rig\n" + text)
        result = subprocess.run(["sh", "-c", before + f"{BINARIES}/looptwin hil {self.folder} --out none"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 2, text + result.stdout + result.stderr)
        return result

    def scenario(self):
        from rig_support import block
        return block("rig.md", "scenario.yaml")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

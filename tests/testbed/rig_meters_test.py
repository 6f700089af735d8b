"""The homes of smart-meters on their rig: simulated over a real Mosquitto, one of them swapped for a real one."""
import json
import shutil
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig_support import PATIENCE, SOURCE, Client, OpenRig, eventually, looptwin  # noqa: E402

HOMES = {f"block-{block}/home-{home}" for block in (1, 2) for home in range(1, 51)}
REAL = "block-1/home-3"
OWN = {"set": "cool", "value": 24, "unit": "degC"}


class Meters(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        at = self.folder / "smart-meters"
        shutil.copytree(SOURCE / "scenarios/smart-meters", at)
        self.rig = OpenRig(self.folder, at=at)
        self.addCleanup(self.rig.close)

    def real(self):
        """A thermostat of the test's own, in a model's place: it takes what it is told."""
        home = Client(self.rig.port, REAL).join()
        self.addCleanup(home.close)
        self.orders = []

        def obey(_, __, message):
            self.orders.append(json.loads(message.payload))
            home.say(f"looptwin/{REAL}/acknowledgement", {"id": self.orders[-1]["id"], "outcome": "accepted"})
        home.client.on_message = obey
        home.subscribe(f"looptwin/{REAL}/command")
        home.say(f"looptwin/{REAL}/presence", "online", retain=True)
        swapped = looptwin("rig", "swap", self.folder / "out", REAL, "real", "--by", "test")
        self.assertEqual(swapped.returncode, 0, swapped.stderr)
        return home

    def all_there(self):
        eventually(lambda: self.rig.status().get("devices_there") == "100", "each home is there")

    def told(self):
        """What the real one has been told, without what is new each time."""
        return [{key: order[key] for key in ("set", "value", "unit")} for order in self.orders]

    def test_when_it_ends_each_home_has_the_setpoint_that_is_its_own_without_the_loop(self):
        self.all_there()
        self.real()
        self.rig.process.send_signal(signal.SIGTERM)
        out, _ = self.rig.process.communicate(timeout=PATIENCE)
        self.assertEqual(self.rig.process.returncode, 0, self.rig.errors.read_text())
        self.assertRegex(out, r"made safe +the end of the run: 100 safe values, 100 taken")
        self.assertEqual(self.told()[-1], OWN)
        self.assertIn("same decisions as recorded", looptwin("replay", self.folder / "out").stdout)

    def test_when_looptwin_is_killed_the_watchdog_gives_each_home_its_setpoint(self):
        self.all_there()
        self.real()
        self.rig.process.kill()
        eventually(lambda: self.told() and self.told()[-1] == OWN, "the real one has it")
        told = "looptwin/block-2/home-50/command"
        eventually(lambda: self.rig.count(told, '"set":"cool","value":24.0,"unit":"degC"'), "and so is the last one told")

    def test_all_homes_speak_one_becomes_real_and_the_run_is_replayed(self):
        def speaking():
            return {topic.split("/", 1)[1].rsplit("/", 1)[0] for topic, _ in self.rig.heard if topic.endswith("/telemetry")}
        eventually(lambda: HOMES <= speaking(), "each home reports")
        home = self.real()
        home.say(f"looptwin/{REAL}/telemetry", {"temperature": 31.5, "power": 1.25, "n": 1, "t": time.time()})
        eventually(lambda: self.rig.count(f"looptwin/{REAL}/telemetry", "31.5"), "the real one reports")
        others = self.rig.count("looptwin/block-2/home-50/telemetry")
        eventually(lambda: self.rig.count("looptwin/block-2/home-50/telemetry") > others, "the others go on")
        out = self.rig.stop()
        self.assertRegex(out, r"bindings +99 simulated, 0 shadowed; 1 swaps")
        self.assertIn("gaps 0", out)
        journal = [json.loads(line) for line in (self.folder / "out/rig.jsonl").read_text().splitlines()]
        self.assertIn((REAL, "simulated", "real", "test"), [(j["device"], j["from"], j["to"], j["by"]) for j in journal if j["what"] == "swapped"])
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertIn("same decisions as recorded", replay.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

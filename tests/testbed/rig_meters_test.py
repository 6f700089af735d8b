"""The homes of smart-meters on their rig: simulated over a real Mosquitto, one of them swapped for a real one."""
import json
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig_support import SOURCE, Client, OpenRig, eventually, looptwin  # noqa: E402

HOMES = {f"block-{block}/home-{home}" for block in (1, 2) for home in range(1, 51)}
REAL = "block-1/home-3"


class Meters(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        at = self.folder / "smart-meters"
        shutil.copytree(SOURCE / "scenarios/smart-meters", at)
        self.rig = OpenRig(self.folder, at=at)
        self.addCleanup(self.rig.close)

    def test_all_homes_speak_one_becomes_real_and_the_run_is_replayed(self):
        def speaking():
            return {topic.split("/", 1)[1].rsplit("/", 1)[0] for topic, _ in self.rig.heard if topic.endswith("/telemetry")}
        eventually(lambda: HOMES <= speaking(), "each home reports")
        home = Client(self.rig.port, REAL).join()
        self.addCleanup(home.close)
        home.say(f"looptwin/{REAL}/presence", "online", retain=True)
        swapped = looptwin("rig", "swap", self.folder / "out", REAL, "real", "--by", "test")
        self.assertEqual(swapped.returncode, 0, swapped.stderr)
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

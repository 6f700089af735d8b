"""The gas pipeline on its rig: two real valves, a program in C and one in Python, among simulated devices on a simulated line,
over a real Mosquitto; recorded, and replayed to equal decisions."""
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig_support import BINARIES, SOURCE, Broker, OpenRig, eventually, looptwin  # noqa: E402

INLET, OUTLET = "valve-17", "valve-18"  # of seg-17


class Pipeline(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.at = self.folder / "gas-pipeline"
        shutil.copytree(SOURCE / "scenarios/gas-pipeline", self.at)
        text = (self.at / "rig.yaml").read_text()
        self.assertIn('"**": simulated', text)
        text = text.replace('"**": simulated', f'"**": simulated\n  {INLET}: real\n  {OUTLET}: shadow')
        # The loop looks once a second, so that nobody waits long; all else is as it stands.
        text = text.replace("{input_log: true}", "{input_log: true, cycle: 1 s}")
        (self.at / "rig.yaml").write_text(text)

    def begin(self, *arguments):
        self.rig = OpenRig(self.folder, *arguments, at=self.at)
        self.addCleanup(self.rig.close)
        self.valves = {INLET: self.program(BINARIES / "valve_device", INLET),
                       OUTLET: self.program("/usr/bin/python3", SOURCE / "hil/devices/valve.py", OUTLET)}

    def program(self, *command):
        *program, ident = command
        self.rig.devices.append(subprocess.Popen([*program, str(self.rig.port), ident]))
        return self.rig.devices[-1]

    def last(self, device, field, topic="telemetry"):
        said = [p for t, p in self.rig.heard if t == f"looptwin/{device}/{topic}"]
        return json.loads(said[-1]).get(field) if said else None

    def test_real_valves_among_simulated_devices_are_seen_and_commanded_and_the_run_is_replayed(self):
        self.begin()
        for valve in self.valves:
            eventually(lambda valve=valve: self.last(valve, "position") == 100, f"{valve} reports")
        eventually(lambda: self.last("valve-5", "position") is not None, "a simulated one reports")
        for program in self.valves.values():
            program.send_signal(signal.SIGUSR1)
        for valve in self.valves:
            eventually(lambda valve=valve: self.last(valve, "line_break") and self.last(valve, "position") == 0, f"{valve} has closed by itself")
        # The loop has seen it when the permission to open the segment again, given again and again, lets it do so.
        def permitted():
            acted = looptwin("rig", "act", self.folder / "out", "{by: anna, press: may_reopen, device: seg-17}")
            self.assertEqual(acted.returncode, 0, acted.stderr)
            return self.rig.count(f"looptwin/{INLET}/command", '"open"')
        eventually(permitted, "the loop opens the inlet")
        eventually(lambda: self.last(INLET, "outcome", "acknowledgement") == "accepted", "it obeys")
        eventually(lambda: self.last(INLET, "position") > 0 and not self.last(INLET, "line_break"), "it opens")
        self.assertEqual(self.rig.count(f"looptwin/{OUTLET}/command", '"open"'), 0)  # the segment is not full
        # Models report every 5 s: by then the closed valve has been compared with its own, which is open.
        eventually(lambda: self.rig.count("looptwin/valve-5/telemetry") >= 3, "simulated ones have reported for a while")
        out = self.rig.stop()
        self.assertEqual(self.rig.process.returncode, 0, self.rig.errors.read_text())
        self.assertRegex(out, r"bindings +88 simulated, 1 shadowed; 0 swaps")
        self.assertRegex(out, r"parity +[1-9]\d* samples of 1 devices beside their models; .* 1 devices diverging")
        self.assertRegex(out, r"commands +issued 1, acknowledged 1")
        # Four stations stop, 41 valves have their trigger and close.
        self.assertRegex(out, r"made safe +the end of the run: 86 safe values, 86 taken")
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertIn("same decisions as recorded", replay.stdout)
        self.assertRegex(replay.stdout, r"event broken +fired 2 times: \S+ on valve-1[78], \S+ on valve-1[78]")
        self.assertRegex(replay.stdout, r"rule reopen +fired once, 1 commands: \S+ on seg-17")

    def test_when_looptwin_is_killed_the_machines_are_stopped_before_the_valves_are_closed(self):
        broker = Broker(self.folder)  # which is there also after that
        self.addCleanup(broker.close)
        self.begin("--broker", f"mqtt://127.0.0.1:{broker.port}")
        for valve in self.valves:
            eventually(lambda valve=valve: self.last(valve, "position") == 100, f"{valve} is open")
        self.rig.process.kill()
        for valve in self.valves:
            eventually(lambda valve=valve: self.last(valve, "position") == 0, f"{valve} has closed")
        eventually(lambda: len(self.told("close")) == 41, "all valves have been told")
        self.assertEqual(sorted(self.told("stop")), ["station-1", "station-2", "station-3", "station-4"])
        orders = [json.loads(p) for t, p in self.rig.heard if t.endswith("/command")]
        kinds = [order.get("command") or f"{order['set']} {order['value']:g} {order['unit']}" for order in orders]
        self.assertEqual(kinds, ["stop"] * 4 + ["break_drop 4 bar"] * 41 + ["close"] * 41)

    def told(self, command):
        return [t.split("/")[1] for t, p in self.rig.heard if t.endswith("/command") and json.loads(p).get("command") == command]


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

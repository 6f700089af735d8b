"""looptwin hil: forces and faults on real signals, what a rig records, and a recording in place of its devices. With a real
Mosquitto and devices that share no code with looptwin."""
import json
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

import h5py

from rig_support import SOURCE, OpenRig, block, eventually, looptwin

ORDERS, TELEMETRY = "looptwin/cellar/pump-1/command", "looptwin/cellar/pump-1/telemetry"
RECORDED = "rig: cellar-rig\nrecording: true\n"


class Forces(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, True)

    def rig(self, *arguments, folder=None, **more):
        folder = folder or self.folder
        rig = OpenRig(folder, *arguments, **{"rig": RECORDED, **more})
        self.addCleanup(rig.close)
        return rig

    def exported(self, rig):
        """The run's logs as h5py reads them."""
        path = rig.folder / "all.h5"
        path.unlink(missing_ok=True)
        result = looptwin("export", rig.folder / "out", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        file = h5py.File(path)
        self.addCleanup(file.close)
        return file

    def journal(self, rig, what):
        path = rig.folder / "out/rig.jsonl"
        return [line for line in map(json.loads, path.read_text().splitlines()) if line["what"] == what] if path.exists() else []

    def status(self, rig):
        return json.loads((rig.folder / "out/manifest.json").read_text())["status"]["rig"]

    def replayed(self, rig):
        replay = looptwin("replay", rig.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertIn("same decisions as recorded", replay.stdout)
        return replay.stdout

    def test_what_is_forced_is_acted_on_marked_and_decided_alike_in_a_replay(self):
        rig = self.rig(rig=RECORDED + "forces:\n  - {device: cellar/pump-1, field: level, force: 3 m, for: 3 s, owner: anna}\n"
                                      "  - {device: cellar/pump-1, setpoint: speed, offset: -10 %}\n",
                       events="events:\n  high: {each: pump, raise: level > 2 m, clear: level < 0.5 m}\n"
                                "  overridden: {each: pump, raise: quality(level) == \"forced\" && good(level)}\n")
        rig.pump("cellar/pump-1", "0")
        eventually(lambda: rig.count(ORDERS, '"start"') >= 1, "a cellar that is all but empty is emptied")
        eventually(lambda: rig.count(ORDERS, '"value":70.0') >= 1, "80 % less the offset")
        eventually(lambda: self.journal(rig, "force_off"), "the force expires")
        said = rig.count("looptwin/cellar/pump-1/telemetry")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/telemetry") > said + 3, "what is said then is real")
        out = rig.stop()
        self.assertEqual(rig.process.returncode, 0, rig.errors.read_text() + out)
        self.assertRegex(out, r"forces +force level of cellar/pump-1, of anna: [1-9]\d* touched\n")
        self.assertRegex(out, r"offset speed of cellar/pump-1, of rig: [1-9]\d* touched, still on")
        self.assertEqual(self.journal(rig, "force_on")[0]["owner"], "anna")
        self.assertEqual([f["fired"] for f in self.status(rig)["forces"]], [True, True])
        samples = self.exported(rig)["packet_samples"]
        of = [(o.decode(), v) for f, o, v in zip(samples["field"], samples["origin"], samples["value"]) if f == b"level"]
        self.assertEqual({v for o, v in of if o == "forced"}, {3.0})
        self.assertGreater(sum(o == "real" for o, _ in of), 0)
        self.assertRegex(self.replayed(rig), r"event overridden +fired once: \S+ on cellar/pump-1")
        self.assertRegex(out, r"samples .*, forced [1-9]")

    def test_the_pages_forces_all_find_something_to_act_on(self):
        page = re.search(r"```yaml\n(# rig.yaml\n.*?)```", (SOURCE / "docs/rig-forces.md").read_text(), re.S).group(1)
        rig = self.rig(rig=page)
        rig.pump("cellar/pump-1", "0")
        rig.pump("cellar/pump-2", "1.8")
        eventually(lambda: len(self.journal(rig, "force_off")) == 1, "the first one ends")
        eventually(lambda: rig.count("looptwin/cellar/pump-2/command", '"value":70.0'), "the third one acts")
        out = rig.stop()
        self.assertEqual(rig.process.returncode, 0, out)
        self.assertRegex(out, r"drop telemetry of cellar/\*, of rig: [1-9]")
        self.assertRegex(out, r"weak, of rig: [1-9]\d* touched, still on")

    def test_people_force_a_rig_that_runs_and_end_it_all(self):
        rig = self.rig()
        rig.pump("cellar/pump-1", "0.1")
        result = looptwin("rig", "force", rig.folder / "out", "{device: cellar/pump-1, field: level, force: 3 m, for: 1 h, owner: anna}")
        self.assertEqual((result.returncode, result.stdout), (0, "name: force level of cellar/pump-1\n"), result.stderr)
        eventually(lambda: rig.count(ORDERS, '"start"') >= 1, "it acts")
        ended = looptwin("rig", "unforce", rig.folder / "out")
        self.assertEqual((ended.returncode, ended.stdout), (0, "ended: 1\n"), ended.stderr)
        eventually(lambda: self.journal(rig, "force_off"), "it is off")
        for line, said in (("{device: cellar/pump-1, field: level, force: 3 m}", "says how long it lasts"),
                           ("{device: cellar/pump-1, field: levle, force: 3 m, for: 1 s}", "pump has no field 'levle'"),
                           ("{device: cellar/pump-1", "end of map flow not found")):
            refused = looptwin("rig", "force", rig.folder / "out", line)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(said, refused.stderr)
        rig.stop()
        self.assertEqual(rig.process.returncode, 0, rig.errors.read_text())
        self.replayed(rig)

    def test_a_force_that_has_nothing_to_act_on_makes_the_run_invalid(self):
        for force in ("{device: cellar/pump-2, field: level, offset: 10 cm}", "{device: cellar/pump-1, field: level, freeze: true, at: 1 h}"):
            with self.subTest(force):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                rig = self.rig(rig=RECORDED + f"forces: [{force}]\n")
                rig.pump("cellar/pump-1")
                eventually(lambda: rig.count(ORDERS, '"start"') >= 1, "the run goes on")
                out = rig.stop(4)
                self.assertIn("it proves nothing", out)
                self.assertIn("INVALID: a force had nothing to act on", out)
                self.assertEqual(self.status(rig)["verdict"], "invalid")
                rig.close()

    def test_every_fault_of_messages_shows_in_what_the_loop_counts(self):
        for fault, shows in (("drop: 50 %", r"gaps [1-9]"), ("duplicate: 50 %", r"duplicates [1-9]"), ("reorder: 50 %", r"late [1-9]"),
                             ("corrupt: 100 %", r"[1-9]\d* not understood")):
            with self.subTest(fault):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                rig = self.rig(rig=RECORDED + "forces: [{name: it, device: 'cellar/*', message: telemetry, " + fault + ", at: 1 s}]\n")
                rig.pump("cellar/pump-1")
                eventually(lambda: rig.count(TELEMETRY) > 25, "it goes on for a while")
                out = rig.stop()
                self.assertEqual(rig.process.returncode, 0, rig.errors.read_text() + out)
                self.assertRegex(out, shows)
                self.assertGreater(self.status(rig)["forces"][0]["touched"], 3)
                self.replayed(rig)
                rig.close()

    def test_what_is_late_is_taken_in_so_much_after_it_arrived_and_in_its_order(self):
        rig = self.rig(rig=RECORDED + "forces: [{device: cellar/pump-1, message: telemetry, delay: 400 ms}]\n")
        rig.pump("cellar/pump-1", "2.5")
        eventually(lambda: rig.count(ORDERS, '"start"'), "the loop acts on it")
        rig.stop()
        logs = self.exported(rig)
        packets, samples = logs["packets"], logs["packet_samples"]
        # What comes before the run begins, it takes in as it begins.
        arrived = {wall: max(received, 0) for wall, received, topic in zip(packets["wall"], packets["received"], packets["topic"]) if topic == TELEMETRY.encode()}
        self.assertGreater(len(samples["received"]), 0)
        self.assertEqual({taken - arrived[wall] for taken, wall in zip(samples["received"], samples["wall"])}, {400_000_000})
        self.assertEqual(list(samples["wall"]), sorted(samples["wall"]))
        self.replayed(rig)

    def test_what_leaves_may_be_lost_late_and_damaged_as_well(self):
        rig = self.rig(rig=RECORDED + "forces:\n  - {device: cellar/pump-1, command: start, drop: 100 %}\n"
                                      "  - {device: cellar/pump-2, command: start, corrupt: 100 %}\n")
        rig.pump("cellar/pump-1")
        rig.pump("cellar/pump-2")
        eventually(lambda: rig.count("looptwin/cellar/pump-2/command") >= 2, "the second is told something")
        eventually(lambda: rig.count(TELEMETRY) > 15, "some cycles")
        rig.stop()
        self.assertEqual(rig.count(ORDERS, '"start"'), 0)
        self.assertTrue(any("\ufffd" in p for t, p in rig.heard if t == "looptwin/cellar/pump-2/command"))
        self.assertEqual([f["touched"] > 0 for f in self.status(rig)["forces"]], [True, True])

    def test_a_recording_holds_all_packets_and_stands_in_for_its_devices_at_four_times_their_speed(self):
        rig = self.rig()
        rig.pump("cellar/pump-1")
        rig.say("looptwin/cellar/pump-2/telemetry", b"\xff\x00{")
        # High until it is stale, at any speed.
        rig.say("looptwin/cellar/pump-2/telemetry", json.dumps({"level": 2.5, "t": time.time()}))
        eventually(lambda: rig.count(ORDERS, '"stop"') >= 1, "the cellar is emptied")
        ended = time.monotonic()
        rig.stop()
        packets = self.exported(rig)["packets"]
        heard = [t.encode() for t, _ in rig.heard if t.endswith(("telemetry", "presence", "acknowledgement"))]
        self.assertEqual(list(packets["topic"]), heard[:len(packets["topic"])])  # what comes after the last boundary is not taken in
        self.assertIn((b"/wB7", 1, b"malformed"), set(zip(packets["payload"], packets["base64"], packets["read"])))
        self.assertEqual(set(packets["origin"]), {b"real"})
        self.assertTrue(all(a <= b for a, b in zip(packets["received"], packets["received"][1:])))
        # By the broker's clock and by the host's, both of this machine: it was there before it was here, but for their drift.
        self.assertTrue(all(w - 60e9 <= b <= w + 1e9 for b, w in zip(packets["broker"], packets["wall"])))
        samples = self.exported(rig)["packet_samples"]
        self.assertLessEqual({*samples["broker"]}, {*packets["broker"]})
        self.assertLessEqual({*samples["wall"]}, {*packets["wall"]})
        lasted = (packets["received"][-1] - packets["received"][0]) / 1e9

        other = self.folder / "other"
        other.mkdir()
        second = self.rig(folder=other)
        begun = time.monotonic()
        played = looptwin("hil", second.folder, "--play", rig.folder / "out", "--speed", "4x", "--broker", f"mqtt://127.0.0.1:{second.port}")
        took = time.monotonic() - begun
        self.assertEqual(played.returncode, 0, played.stderr)
        self.assertIn(f"{len(packets['topic'])} of {len(packets['topic'])} packets played", played.stdout)
        self.assertGreaterEqual(took, lasted / 4)
        eventually(lambda: second.count("looptwin/cellar/pump-2/command", '"start"') >= 1, "the loop acts on it")
        # What comes after it has been taken in when this is acted on.
        second.say("looptwin/cellar/pump-2/telemetry", json.dumps({"level": 0.1, "t": time.time()}))
        eventually(lambda: second.count("looptwin/cellar/pump-2/command", '"stop"') >= 1, "all has been taken in")
        second.stop()
        again = self.exported(second)
        all_packets = len(packets["topic"])
        self.assertEqual(list(again["packets"]["topic"])[:all_packets], list(packets["topic"]))
        self.assertEqual(set(again["packets"]["origin"][:all_packets]), {b"replayed"})
        self.assertEqual(list(again["packet_samples"]["origin"])[-1], b"real")
        self.assertEqual(set(again["packet_samples"]["origin"][:-1]), {b"replayed"})
        ages = [(r - s) / 1e9 for r, s in zip(again["packet_samples"]["received"], again["packet_samples"]["sampled"])]
        self.assertLess(max(map(abs, ages)), begun - ended)  # their devices' times have moved along
        self.replayed(second)

    def test_a_recording_needs_a_broker_and_a_run_that_has_recorded(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        (self.folder / "rig.yaml").write_text("rig: r\n")
        run = looptwin("run", self.folder, "--duration", "10 s", "--out", self.folder / "run")
        self.assertEqual(run.returncode, 0, run.stderr)
        for arguments, said in ((["--play", self.folder / "run"], "say which with --broker"),
                                (["--play", self.folder / "run", "--broker", "mqtt://127.0.0.1:1"], "holds no packets"),
                                (["--speed", "4x"], "write --play RUN as well")):
            result = looptwin("hil", self.folder, *arguments)
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(said, result.stderr)

    def test_a_disk_that_is_full_while_recording_ends_the_run_and_leaves_no_device_as_it_is(self):
        def little_disk():
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # inherited: writes fail, as on a full disk

        safe = "safety:\n  safe: [{model: pump, command: stop}]\n"
        rig = self.rig(rig=RECORDED + safe, preexec_fn=little_disk)
        rig.pump("cellar/pump-1")
        rig.pump("cellar/pump-2")
        eventually(lambda: rig.process.poll() is not None, "it ends")
        self.assertEqual(rig.process.returncode, 2)
        self.assertRegex(rig.errors.read_text(), r"error: cannot write .*(too large|no space)")
        out = rig.process.stdout.read()
        self.assertRegex(out, r"made safe +the end of the run: 2 safe values, 2 taken")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

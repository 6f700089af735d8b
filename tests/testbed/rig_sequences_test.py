"""looptwin hil --sequence: the page that teaches it, every outcome on a real Mosquitto with devices that share no code with
looptwin, the reports, and that what a sequence did is decided alike in a replay."""
import json
import re
import shutil
import signal
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from rig_support import SOURCE, OpenRig, eventually, looptwin

PAGE = re.search(r"```yaml\n(# sequence.yaml\n.*?)```", (SOURCE / "docs/rig-sequences.md").read_text(), re.S).group(1)
ORDERS = "looptwin/cellar/pump-1/command"
HEAD = "sequence: trial\nwithin: 30 s\n"
TEARDOWN = "teardown:\n  - {name: rest, send: stop, device: cellar/pump-1}\n"
THERE = "  - {wait_until: known(level), device: cellar/pump-1}\n"


class Sequences(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, True)

    def rig(self, sequence, *arguments, **more):
        (self.folder / "sequence.yaml").write_text(sequence)
        rig = OpenRig(self.folder, "--sequence", self.folder / "sequence.yaml", *arguments, **{"rig": "rig: cellar-rig\n", **more})
        self.addCleanup(rig.close)
        return rig

    def ended(self, rig):
        out, _ = rig.process.communicate(timeout=120)
        return rig.process.returncode, out + rig.errors.read_text()

    def report(self):
        return json.loads((self.folder / "out/sequence.json").read_text())

    def steps(self, phase="main"):
        return [(s["name"], s["outcome"]) for s in self.report()["phases"][phase]["steps"]]

    def test_the_pages_sequence_passes_and_its_replay_decides_alike(self):
        rig = self.rig(PAGE)
        rig.pump("cellar/pump-1", "1")
        eventually(lambda: "Does the lamp of pump 1 blink?" in rig.errors.read_text(), "it asks")
        refused = looptwin("rig", "answer", self.folder / "out", "maybe")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("write yes or no", refused.stderr)
        answered = looptwin("rig", "answer", self.folder / "out", "yes", "--by", "anna")
        self.assertEqual(answered.returncode, 0, answered.stderr)
        code, said = self.ended(rig)
        self.assertEqual(code, 0, said)
        page = (SOURCE / "docs/rig-sequences.md").read_text()
        for line in re.search(r"```\n(  setup  .*?)```", page, re.S).group(1).splitlines():
            known = re.escape(line).replace(r"2\.1", r"[\d.]+")
            self.assertRegex(said, known)
        report = self.report()
        self.assertEqual(report["outcome"], "PASS")
        self.assertRegex(report["run"]["broker's version"], r"mosquitto version \d")
        self.assertEqual(report["devices"]["cellar/pump-1"], {"model": "pump", "binding": "real"})
        self.assertEqual([f["touched"] > 5 for f in report["forces"]], [True])
        self.assertEqual(list(report["latency"]), ["device to arrival", "arrival to cycle", "cycle to sent", "sent to answer"])
        self.assertGreater(report["latency"]["sent to answer"]["all"], 2)
        self.assertGreater(report["pace"]["boundaries"], 10)
        cases = xml.parse(self.folder / "out/sequence.xml").getroot().findall(".//testcase")
        self.assertEqual(len(cases), 9)
        self.assertFalse([c for c in cases if c.find("failure") is not None or c.find("error") is not None])
        html = (self.folder / "out/sequence.html").read_text()
        self.assertEqual(re.findall(r"(?:src|href)=|url\(|https?:", html), [])
        self.assertEqual(html.count('class="forced"'), 1)
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertIn("same decisions as recorded", replay.stdout)

    def test_the_pages_sequence_passes_in_virtual_time(self):
        (self.folder / "sequence.yaml").write_text(PAGE)
        (self.folder / "scenario.yaml").write_text(re.search(r"```yaml\n(# scenario.yaml\n.*?)```", (SOURCE / "docs/rig.md").read_text(), re.S).group(1))
        arguments = "run", self.folder, "--sequence", self.folder / "sequence.yaml", "--out", self.folder / "out"
        unanswered = looptwin(*arguments)
        self.assertEqual(unanswered.returncode, 2)
        self.assertIn("'lamp' asks a person", unanswered.stderr)
        result = looptwin(*arguments, "--answer", "lamp=yes")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(self.report()["outcome"], "PASS")
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

    def test_the_pipelines_sequence_passes_in_virtual_time(self):
        gas = SOURCE / "scenarios/gas-pipeline"
        result = looptwin("run", gas, "--sequence", gas / "sequence.yaml", "--answer", "local=yes", "--out", self.folder / "out")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("gas-pipeline-valve-17: PASS", result.stdout)
        out = self.folder / "out"
        for command in (["run", "--resume", out], ["run", "--from", f"{out}@1 min"],
                        ["explain", out, "--why-not", "leak", "--at", "1 min", "--device", "seg-17"]):
            refused = looptwin(*command)
            self.assertEqual(refused.returncode, 2, refused.stdout)
            self.assertIn("a sequence of test steps", refused.stderr)

    def test_what_fails_is_all_shown_and_devices_are_left_as_the_teardown_says(self):
        rig = self.rig(HEAD + "setup:\n" + THERE + "main:\n"
                       "  - {name: never, expect: level > 4 m, device: cellar/pump-1, within: 1 s}\n"
                       "  - {name: too high, measure: level, device: cellar/pump-1, high: 1 cm}\n"
                       "  - {name: lamp, prompt: 'Does it blink?'}\n" + TEARDOWN, "--answer", "lamp=no")
        rig.pump("cellar/pump-1", "1")
        code, said = self.ended(rig)
        self.assertEqual(code, 1, said)
        self.assertEqual(self.steps(), [("never", "FAIL"), ("too high", "FAIL"), ("lamp", "FAIL")])
        self.assertEqual(self.steps("teardown"), [("rest", "PASS")])
        self.assertIn("is not above 4 m", said)
        self.assertEqual(rig.count(ORDERS, '"stop"'), 1)

    def test_a_force_on_a_silent_device_is_invalid(self):
        rig = self.rig(HEAD + "main:\n" + THERE + "  - {name: lie, force: {device: cellar/pump-2, field: level, force: 3 m}}\n"
                       "  - {name: so be it, expect: known(level), device: cellar/pump-1, holds: 1 s}\n")
        rig.pump("cellar/pump-1", "1")
        code, said = self.ended(rig)
        self.assertEqual(code, 4, said)
        self.assertEqual([o for _, o in self.steps()], ["PASS", "INVALID", "PASS"])
        self.assertIn("trial: INVALID", said)

    def test_ctrl_c_and_the_emergency_stop_abort_it_and_the_teardown_is_done(self):
        for how in ("signal", "stop"):
            with self.subTest(how):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                rig = self.rig(HEAD + "main:\n" + THERE + "  - {name: forever, wait_until: level > 4 m, device: cellar/pump-1, within: 10 min}\n"
                               "  - {name: never, expect: running, device: cellar/pump-1}\n" + TEARDOWN)
                rig.pump("cellar/pump-1", "1")
                eventually(lambda: rig.count(ORDERS, '"start"'), "the loop runs")
                if how == "signal":
                    rig.process.send_signal(signal.SIGINT)
                else:
                    self.assertEqual(looptwin("rig", "stop", self.folder / "out").returncode, 0)
                code, said = self.ended(rig)
                self.assertEqual(code, 1, said)
                self.assertEqual(self.steps()[1:], [("forever", "ABORTED"), ("never", "SKIPPED")])
                # After an emergency stop nothing leaves: the teardown is tried, and says so.
                self.assertEqual(self.steps("teardown"), [("rest", "PASS" if how == "signal" else "ERROR")])
                self.assertEqual(rig.count(ORDERS, '"stop"') > 0, how == "signal")
                self.assertEqual(self.report()["outcome"], "ABORTED")
                self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)
                rig.close()

    def test_what_is_kept_back_or_never_comes_is_an_error(self):
        rig = self.rig(HEAD + "main:\n" + THERE + "  - {name: order, send: start, device: cellar/pump-1}\n  - {name: after, expect: running, device: cellar/pump-1}\n",
                       arm=())
        rig.pump("cellar/pump-1", "1")
        code, said = self.ended(rig)
        self.assertEqual(code, 2, said)
        self.assertEqual(self.steps()[1:], [("order", "ERROR"), ("after", "SKIPPED")])
        self.assertIn("is not armed", said)

    def test_what_is_wrong_with_it_is_said_and_nothing_is_left(self):
        (self.folder / "sequence.yaml").write_text(HEAD + "main:\n  - {expect: levle > 1 m, device: cellar/pump-1}\n")
        (self.folder / "scenario.yaml").write_text(re.search(r"```yaml\n(# scenario.yaml\n.*?)```", (SOURCE / "docs/rig.md").read_text(), re.S).group(1))
        (self.folder / "rig.yaml").write_text("rig: r\n")
        for text, said in (("main:\n  - {expect: levle > 1 m, device: cellar/pump-1}\n", "sequence.yaml:4:14: error: "),
                           ("main:\n  - {fault: {device: cellar/pump-1, kind: device_off, lasts: 1 s}}\n", "the devices of a rig are real"),
                           ("main:\n  - {set: {speeed: 10 %}, device: cellar/pump-1}\n", "did you mean 'speed'")):
            (self.folder / "sequence.yaml").write_text(HEAD + text)
            result = looptwin("hil", self.folder, "--sequence", self.folder / "sequence.yaml", "--out", self.folder / "out")
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(said, result.stderr)
            self.assertFalse((self.folder / "out").exists())

    def test_the_schema_of_sequences_takes_the_pages(self):
        import jsonschema
        import yaml
        schema = json.loads(looptwin("schema", "sequence").stdout)
        jsonschema.validate(yaml.safe_load(PAGE), schema)
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(PAGE.replace("main:", "mian:")), schema)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

"""looptwin hil: the page that teaches it, with a real Mosquitto and devices that share no code with looptwin."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import paho.mqtt.client as mqtt

sys.path.insert(0, str(Path(__file__).parent))
import rig_support  # noqa: E402
from rig_support import BINARIES, PATIENCE, SOURCE, OpenRig, eventually, looptwin  # noqa: E402

PAGE = (SOURCE / "docs/rig.md").read_text()


def block(name):
    return rig_support.block("rig.md", name)


def like(line):
    """A line of the page as a pattern: `…` is anything, and numbers, their milliseconds and fingerprints are others each time."""
    others = {"…": ".*", "f": "[0-9a-f]{32}", "ms": r"[\d.]+ (ns|us|ms|s)", "n": r"[\d.: ]+", " ": " +"}
    pieces = re.split(r"(…)|([0-9a-f]{32})|([\d.]+ ms)\b|(\d[\d.: ]*\d|\d)|( +)", line)
    text, kinds = "", ("…", "f", "ms", "n", " ")
    for k in range(0, len(pieces), 6):
        text += re.escape(pieces[k]) + "".join(others[kind] for kind, there in zip(kinds, pieces[k + 1:k + 6]) if there)
    return text


class Page(unittest.TestCase):
    """docs/rig.md, from the first line to the last: every file, every command, and what each prints."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def run_and_wait(self, command, said):
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment(), text=True, timeout=PATIENCE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        pattern = "".join("(.*\n)*" if line == "…" else like(line) + "\n" for line in said)
        self.assertRegex(done.stdout, re.compile(r"\A" + pattern + r"\Z"), command)

    def environment(self):
        return dict(os.environ, PATH=f"{BINARIES}:{os.environ['PATH']}")

    def begin(self, command):
        """Goes on until the test ends it. Programs of ours are where the page says, seen from the sources."""
        where = command.replace("hil/devices/", f"{SOURCE}/hil/devices/").replace("build/release/bin/", f"{BINARIES}/")
        process = subprocess.Popen(["bash", "-c", f"exec {where}"], cwd=self.folder, env=self.environment(), text=True,
                                   stdout=subprocess.PIPE, stderr=self.log)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_every_file_and_every_command_of_the_page(self):
        self.log = (self.folder / "log").open("w+")
        self.addCleanup(self.log.close)
        for name in ("scenario.yaml", "rig.yaml"):
            (self.folder / name).write_text(block(name))
        commands = [(part.splitlines()[0], part.splitlines()[1:]) for text in re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S)
                    for part in text.split("$ ")[1:]]
        rig, *devices = [self.begin_rig(*commands[0])]
        for command, said in commands[1:]:
            if "hil/devices/" in command or "pump_device" in command:
                self.assertEqual(said, [])
                devices.append(self.begin(command.replace("39349", self.port)))
                continue
            if rig.poll() is None:
                self.end(rig)
            self.run_and_wait(command, said)
        self.assertEqual(len(devices), 2)
        self.assertEqual(len(commands), 5)

    def begin_rig(self, command, said):
        rig = self.begin(command)
        eventually(lambda: rig.poll() is not None or " at mqtt://" in (self.folder / "log").read_text(), "the rig begins")
        told = (self.folder / "log").read_text()
        self.assertRegex(told, r"\A" + like(said[0]) + r"\n\Z")
        self.port = re.search(r":(\d+)$", told, re.M).group(1)
        return rig

    def end(self, rig):
        """When each rule has something to tell: both cellars have been emptied."""
        ear = mqtt.Client()
        self.addCleanup(ear.loop_stop)
        heard = []
        ear.on_message = lambda _, __, m: heard.append((m.topic, m.payload))
        ear.connect("127.0.0.1", int(self.port))
        ear.subscribe("looptwin/#", qos=1)
        ear.loop_start()
        for pump in ("cellar/pump-1", "cellar/pump-2"):
            eventually(lambda pump=pump: any(t == f"looptwin/{pump}/command" and b'"stop"' in p for t, p in heard), f"{pump} has been emptied")
        ear.disconnect()
        rig.send_signal(signal.SIGINT)
        out, _ = rig.communicate(timeout=PATIENCE)
        self.assertEqual(rig.returncode, 0, out)
        summary = re.search(r"how the broker and the clock behaved:\n\n```\n(.*?)```", PAGE, re.S).group(1)
        for line in summary.splitlines():
            self.assertRegex(out, re.compile(f"^{like(line)}$", re.M))

    def test_the_parts_of_files_that_the_page_shows_are_what_looptwin_reads(self):
        scenario, parts = block("scenario.yaml"), re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
        parts = [part for part in parts if not part.startswith("# ")]
        self.assertEqual([part.split(":")[0] for part in parts], ["devices", "events"])
        (self.folder / "rig.yaml").write_text("rig: plugs\nbroker: mqtt://127.0.0.1:1\n" + parts[0])
        telemetry = "    telemetry: {power: {from: height, unit: m, every: 1 s, resolution: 0.01}, total: {from: height, unit: m, every: 1 s, resolution: 0.01}}\n"
        plug = scenario[:scenario.index("models:")] + "models:\n  plug:\n" + telemetry + \
            "    physics: {states: {height: 1 m}, rates: {height: 0 m/s}}\nfleet: {plug: {count: 1, id: plug}}\n"
        (self.folder / "scenario.yaml").write_text(plug)
        result = looptwin("hil", self.folder, "--out", "none")
        self.assertEqual(result.stderr.count("error:"), 1, result.stderr)  # nobody is at that broker, and that is all
        self.assertIn("cannot connect to mqtt://127.0.0.1:1", result.stderr)
        with_rules = parts[1].replace("events:\n", scenario[scenario.index("events:"):scenario.index("rules:")])
        (self.folder / "scenario.yaml").write_text(scenario[:scenario.index("events:")] + with_rules + scenario[scenario.index("rules:"):])
        result = looptwin("check", self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)


class Rigs(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def rig(self, *arguments, **more):
        rig = OpenRig(self.folder, *arguments, **more)
        self.addCleanup(rig.close)
        return rig

    def test_the_same_scenario_runs_in_simulation_and_on_devices_and_the_rig_is_replayed_to_equal_decisions(self):
        rig = self.rig()
        simulated = looptwin("run", self.folder, "--duration", "1 min", "--out", "none")
        self.assertEqual(simulated.returncode, 0, simulated.stderr)
        rig.pump("cellar/pump-1")
        rig.pump("cellar/pump-2", "0.1")
        orders = "looptwin/cellar/pump-1/command"
        eventually(lambda: rig.count(orders, '"start"') >= 2, "the first cellar is emptied twice")
        eventually(lambda: rig.count("looptwin/cellar/pump-2/command", '"stop"') >= 1, "the second is emptied")
        out = rig.stop()
        self.assertEqual(rig.process.returncode, 0, rig.errors.read_text())
        self.assertRegex(out, r"commands +issued \d+, acknowledged [1-9]")
        self.assertRegex(out, r"verified [1-9]\d*, refused 0, failed 0")
        self.assertIn("gaps 0", out)
        self.assertIn("devices there          2", out)
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertIn("same decisions as recorded", replay.stdout)
        for command in (["run", "--resume", self.folder / "out"], ["run", "--from", f"{self.folder / 'out'}@1 s", "--out", "none"],
                        ["explain", self.folder / "out", "--why-not", "high", "--at", "1 s"]):
            refused = looptwin(*command)
            self.assertEqual(refused.returncode, 2, refused.stdout)
            self.assertIn("is the run of a rig", refused.stderr)

    def test_a_device_that_is_killed_is_offline_by_its_will_and_is_there_again_when_it_is_back(self):
        rig = self.rig()
        device = rig.pump("cellar/pump-1", "0")
        telemetry, presence = "looptwin/cellar/pump-1/telemetry", "looptwin/cellar/pump-1/presence"
        eventually(lambda: rig.count(telemetry) >= 5, "it reports")
        device.kill()
        eventually(lambda: rig.count(presence, "offline") >= 1, "its will")
        before = rig.count(telemetry)
        rig.pump("cellar/pump-1", "3")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/command", '"start"') >= 1, "it is told what to do")
        self.assertGreater(rig.count(telemetry), before)
        out = rig.stop()
        self.assertIn("restarts 1\n", out)  # its messages were counted from 1 again

    def test_what_is_no_message_of_a_device_is_counted_by_why_and_changes_nothing(self):
        rig = self.rig()
        for topic, payload in (("cellar/pump-1/telemetry", "{"), ("cellar/pump-1/telemetry", '{"level": "deep"}'),
                               ("cellar/pump-9/telemetry", '{"level": 1}'), ("cellar/pump-1/acknowledgement", "[]"),
                               ("cellar/pump-1/telemetry", "[" * 60000), ("cellar/pump-2/presence", "perhaps")):
            rig.say("looptwin/" + topic, payload)
        rig.say("looptwin/cellar/pump-1/telemetry", json.dumps({"level": 2.5}))
        eventually(lambda: rig.count("looptwin/cellar/pump-1/command", '"start"') >= 1, "the last is acted on")
        out = rig.stop()
        self.assertRegex(out, r"6 not understood \(3 malformed, 2 of a wrong type, 1 of nobody\)")
        told = json.loads((self.folder / "out/manifest.json").read_text())["status"]["rig"]
        self.assertEqual([told["mqtt"][why] for why in ("malformed", "too_long", "wrong_type", "unknown", "refused")], [3, 0, 2, 1, 0])
        self.assertEqual(told["incidents"], {})
        self.assertRegex(out, r"messages +1 ")
        self.assertIn("devices there          1", out)

    def test_mappings_speak_the_language_of_devices_that_are_sold_as_they_are(self):
        rig = self.rig(rig="rig: plugs\ndevices:\n  pump:\n    telemetry: tele/{device}/SENSOR\n"
                           "    fields: {level: /SR04/Distance, running: /Relay}\n    commands: cmnd/{device}/ORDER\n"
                           "    presence: {topic: \"tele/{device}/LWT\", online: Online, offline: Offline}\n")
        rig.say("tele/cellar/pump-1/LWT", "Online", retain=True)
        rig.say("tele/cellar/pump-1/SENSOR", json.dumps({"SR04": {"Distance": 2.5}, "Relay": False}))
        eventually(lambda: rig.count("cmnd/cellar/pump-1/ORDER", '"start"') >= 1, "the pump is started")
        rig.stop()

    def test_mistakes_are_said_with_their_place(self):
        for name, text in (("scenario.yaml", block("scenario.yaml")), ("rig.yaml", "")):
            (self.folder / name).write_text(text)
        rig = self.folder / "rig.yaml"
        for text, said in (("rig: r\nbrokre: x\n", "rig.yaml:2:1: error: a rig has no key 'brokre'"),
                           ("rig: r\ndevices: {pmup: {telemetry: a/{device}}}\n", "rig.yaml"),
                           ("rig: r\ndevices:\n  pmup: {telemetry: \"a/{device}\"}\n", "'pmup' is no model of cellar"),
                           ("rig: r\ndevices:\n  pump: {telemetry: a}\n", "'a' has no {device}"),
                           ("rig: r\nbroker: mqtt://127.0.0.1:1\n", "cannot connect to mqtt://127.0.0.1:1"),
                           ('rig: "a/b"\n', "rig.yaml:1:7: error: 'a/b' is no name of a rig"),
                           ("rig: r\nbroker: localhost\n", "'localhost' is no address of a broker")):
            rig.write_text(text)
            result = looptwin("hil", self.folder, "--out", self.folder / "out")
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(said, result.stderr)
            self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

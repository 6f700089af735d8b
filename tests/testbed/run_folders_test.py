"""Run folders as people use them: who may write one, what each run is called, what stays in it.

run_folders_test.py SOURCE_DIR BIN_DIR [unittest arguments].
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1])
LOOPTWIN = Path(sys.argv[2]) / "looptwin"
SMALL = SOURCE / "tests/testbed/scenarios/small"
HELD, BAD_INPUT = 0, 2

# The condition holds from 0:10 to 0:40 on each day; what is decided is told to a feed.
DAILY = """
scenario: daily
duration: 4 d
cycle: 10 s
models:
  pump:
    telemetry: {minute: {unit: "1", every: 10 min, from: now, phase: 0 s, resolution: 1}}
    physics: {inputs: {now: time_of_day() / 1 min}, states: {z: 0 m}, rates: {z: 0 m/s}}
fleet: {pump: {count: 2}}
events: {early: {each: pump, raise: minute >= 10 && minute < 40}}
rules: {tell: {when_raised: early, publish: {feed: crm, body: {minute: minute}}}}
alarms: {early_alarm: {of: early, priority: high, cause: x, consequence: y, action: z, respond_within: 5 min}}
"""

# A model is called as the whole site is, of which a value is kept, and looked back on in a later run.
CALLED_SITE = """
scenario: called
duration: 1 h
start: "2024-06-03T06:00:00"
models:
  site: {parameters: {limit: {default: 20 m3}}}
  tank:
    relations: {site: {to: site, inverse: tanks}}
    telemetry: {content: {from: held, unit: m3, every: 10 s, phase: 0 s, range: [0, 100]}}
    physics: {states: {held: 1 m3}, rates: {held: 0 m3/s}}
fleet: {site: {count: 2}, tank: {count: 3, per: site}}
derived:
  load: {each: site, value: sum(tanks.content), unit: m3, every: 10 s}
  total: {value: sum(site.load), unit: m3, every: 10 s}
events: {high: {raise: "ago(total, 30 min) > 5 m3"}}
"""


def status(run):
    return json.loads((run / "manifest.json").read_text())["status"]["state"]


class RunFolders(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="looptwin-folders-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *arguments, **options):
        process = subprocess.Popen([str(LOOPTWIN), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=self.folder, **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def run_it(self, *arguments, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def wait_for(self, what, process):
        deadline = time.monotonic() + 120
        while not what():
            self.assertIsNone(process.poll(), "it ended before")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def daily(self):
        (self.folder / "daily.yaml").write_text(DAILY)
        return "daily.yaml"

    def test_a_run_that_is_being_written_is_not_resumed_until_it_was_killed(self):
        arguments = ("run", SMALL, "--duration", "1 h", "--set", "snapshots='1 min'", "--quiet", "--out")
        self.assertEqual(self.run_it(*arguments, "whole")[0], HELD)
        process = self.start(*arguments, "run", "--speed", "200x")
        run = self.folder / "run"
        self.wait_for(lambda: list(run.glob("snapshots/*.state")), process)
        code, _, said = self.run_it("run", "--resume", "run", "--quiet")
        self.assertEqual(code, BAD_INPUT, said)
        self.assertIn(f"run: it is being written by process {process.pid}\n", said)
        self.assertRegex(self.run_it("info", "run")[1], r"\n  status +running\n")
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertRegex(self.run_it("info", "run")[1], r"\n  status +running when its process ended\n")
        code, _, said = self.run_it("run", "--resume", "run", "--quiet")
        self.assertEqual(code, HELD, said)
        self.assertEqual(self.run_it("diff", "whole", "run")[0], HELD)
        for feed in run.glob("feeds/*.jsonl"):
            self.assertEqual(feed.read_bytes(), (self.folder / "whole/feeds" / feed.name).read_bytes())
        self.assertFalse((run / "lock").exists())
        self.assertEqual(self.run_it("run", "--resume", "run")[0], BAD_INPUT)

    def test_runs_that_begin_together_get_folders_of_their_own(self):
        scenario = self.daily()
        together = [self.start("run", scenario, "--quiet", "--duration", "1 h") for _ in range(6)]
        said = [process.communicate(timeout=300)[1] for process in together]
        self.assertEqual([process.returncode for process in together], [HELD] * 6, said)
        expected = {"daily"} | {f"daily-{i}" for i in range(2, 7)}
        self.assertEqual({run.name for run in (self.folder / "runs").iterdir()}, expected)
        for run in (self.folder / "runs").iterdir():
            self.assertEqual(status(run), "reached_end")

    def test_of_runs_that_begin_together_in_one_folder_one_gets_it(self):
        scenario = self.daily()
        together = [self.start("run", scenario, "--quiet", "--duration", "1 h", "--out", "one") for _ in range(4)]
        said = [process.communicate(timeout=300)[1] for process in together]
        self.assertEqual(sorted(process.returncode for process in together), [HELD] + [BAD_INPUT] * 3, said)
        for process, words in zip(together, said):
            if process.returncode != HELD:
                self.assertIn("cannot write a run to one: it exists and is not empty", words)
        self.assertEqual(status(self.folder / "one"), "reached_end")
        self.assertEqual({path.name for path in self.folder.iterdir()}, {scenario, "one"})

    def test_a_run_that_is_refused_leaves_no_folder(self):
        (self.folder / "broken.yaml").write_text(DAILY.replace("minute >= 10", "minute >= 10 kW"))
        self.assertEqual(self.run_it("run", "broken.yaml")[0], BAD_INPUT)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["broken.yaml"])

    def test_retention_drops_samples_and_no_alarm(self):
        scenario = self.daily()
        self.assertEqual(self.run_it("run", scenario, "--quiet", "--out", "all")[0], HELD)
        code, _, said = self.run_it("run", scenario, "--quiet", "--out", "short", "--set", "retention='1 d'")
        self.assertEqual(code, HELD, said)
        told = [self.run_it("info", run)[1] for run in ("all", "short")]
        self.assertIn("alarms: 8 raised", told[0])
        self.assertEqual(*[[line for line in text.splitlines() if "alarm" in line or "annunciated" in line] for text in told])
        self.assertEqual(self.run_it("diff", "all", "short")[0], HELD)
        sizes = [sum(path.stat().st_size for path in (self.folder / run / "segments").iterdir()) for run in ("all", "short")]
        self.assertLess(sizes[1], sizes[0])

    def test_a_later_run_looks_back_on_values_of_the_whole_site_where_a_model_is_called_so(self):
        (self.folder / "first.yaml").write_text(CALLED_SITE)
        (self.folder / "later.yaml").write_text(CALLED_SITE.replace("06:00", "07:00") + "history_from: [first]\n")
        self.assertEqual(self.run_it("run", "first.yaml", "--quiet", "--out", "first")[0], HELD)
        code, _, said = self.run_it("run", "later.yaml", "--quiet", "--duration", "1 min", "--out", "later")
        self.assertEqual((code, said), (HELD, ""))
        self.assertRegex(self.run_it("info", "later")[1], r"\n  decisions +1 ")

    def test_what_is_no_whole_number_of_cycles_ends_at_the_last_boundary_and_says_so(self):
        scenario = self.daily()
        for command in ("check", "run"):
            code, out, said = self.run_it(command, scenario, "--duration", "95 s")
            self.assertEqual(code, HELD)
            self.assertIn("warning: the run ends at 1 min 30 s, its last boundary: its duration of 1 min 35 s is no multiple of the cycle of 10 s", said)
            self.assertIn("write duration: 90 s, or 100 s", said)
        self.assertNotIn("warning", self.run_it("check", scenario, "--duration", "100 s")[2])

    def test_a_fleet_that_memory_does_not_hold_is_one_message_and_leaves_nothing(self):
        scenario = self.daily()

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))

        if self.run_it("--version", preexec_fn=limit)[0] != HELD:
            self.skipTest("a sanitizer needs more than that")
        code, _, said = self.run_it("run", scenario, "--quiet", "--set", "fleet.pump.count=30000000", preexec_fn=limit)
        self.assertEqual(code, BAD_INPUT, said)
        self.assertIn("there is not enough memory", said)
        self.assertIn("smaller counts in fleet:", said)
        self.assertNotIn("terminate", said)
        self.assertEqual([path.name for path in self.folder.iterdir()], [scenario])

    def test_words_that_are_none_are_said(self):
        code, _, said = self.run_it("frobnicate")
        self.assertEqual(code, BAD_INPUT)
        self.assertIn("there is no command 'frobnicate'", said)
        self.assertIn("did you mean 'check'?", self.run_it("chekc")[2])
        code, _, said = self.run_it("check", SMALL, env=dict(os.environ, LOOPTWIN_SIMD="foo"))
        self.assertEqual(code, BAD_INPUT)
        self.assertIn("LOOPTWIN_SIMD=foo is no level of vectors", said)

    def test_the_command_that_new_shows_can_be_pasted(self):
        for name in ("a b", "it's", "plain"):
            code, out, _ = self.run_it("new", name)
            self.assertEqual(code, HELD)
            command = out.split("run it with: looptwin ")[1].strip()
            shown = subprocess.run(f"{LOOPTWIN} {command} --duration '10 s' --out none --quiet", shell=True, cwd=self.folder,
                                   capture_output=True, text=True, timeout=300)
            self.assertEqual(shown.returncode, HELD, shown.stderr)

    def test_a_replay_into_none_writes_none(self):
        scenario = self.daily()
        self.assertEqual(self.run_it("run", scenario, "--quiet", "--duration", "1 h", "--set", "input_log=true", "--out", "run")[0], HELD)
        code, out, said = self.run_it("replay", "run", "--out", "none")
        self.assertEqual(code, HELD, out + said)
        self.assertFalse((self.folder / "none").exists())

    def test_a_folder_that_was_killed_as_it_began_says_what_to_do(self):
        scenario = self.daily()
        self.assertEqual(self.run_it("run", scenario, "--quiet", "--duration", "1 h", "--out", "run")[0], HELD)
        (self.folder / "run/resume.json").unlink()
        code, _, said = self.run_it("run", "--resume", "run")
        self.assertEqual(code, BAD_INPUT)
        self.assertIn("run the scenario anew", said)

    def test_an_export_to_nowhere_and_a_torn_manifest_say_so(self):
        self.assertEqual(self.run_it("run", SMALL, "--quiet", "--duration", "1 min", "--out", "run")[0], HELD)
        code, _, said = self.run_it("export", "run", "nowhere/x.h5")
        self.assertEqual(code, BAD_INPUT)
        self.assertIn("there is no folder nowhere", said)
        manifest = self.folder / "run/manifest.json"
        manifest.write_text(manifest.read_text()[:300])
        code, _, said = self.run_it("info", "run")
        self.assertEqual(code, BAD_INPUT)
        self.assertRegex(said, r"manifest\.json is damaged from byte \d+ on")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

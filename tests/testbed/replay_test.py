"""`looptwin replay`, `looptwin diff` and `looptwin run --from` as people use them: docs/replay.md run as it stands, mistakes, kills.

replay_test.py SOURCE_DIR BIN_DIR [unittest arguments].
"""

import json
import os
import re
import subprocess
import sys
import unittest

from cli_test import BAD_INPUT, HELD, LOOPTWIN, SMALL, SOURCE, CommandLine, killed_after, looptwin

PAGE = SOURCE / "docs/replay.md"
FAILED = 1


def consoles():
    """(command, what it prints) of the page's console blocks, in order; `> ` continues a command."""
    found = []
    for text in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for line in text.splitlines():
            if line.startswith("$ "):
                found.append(([line[2:]], []))
            elif line.startswith("> "):
                found[-1][0].append(line[2:])
            else:
                found[-1][1].append(line)
    return [("\n".join(c), "".join(line + "\n" for line in said)) for c, said in found]


class Page(CommandLine):
    def test_every_command_of_the_page_prints_what_stands_below_it(self):
        environment = dict(os.environ, PATH=f"{LOOPTWIN.parent}:{os.environ['PATH']}")
        for command, said in consoles():
            with self.subTest(command):
                result = subprocess.run(["bash", "-c", command], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, timeout=300)
                self.assertRegex(result.stdout, re.compile(r"\A" + re.escape(said).replace("…", "[^\n]*") + r"\Z"))
        self.assertGreater(len(consoles()), 8)


class Replay(CommandLine):
    def recorded(self, name="run", *arguments):
        run = self.folder / name
        length = () if "--duration" in arguments else ("--duration", "12 min")
        result = looptwin("run", SMALL, "--set", "input_log=true", *length, "--out", run, "--quiet", *arguments)
        self.assertEqual(result.returncode, HELD, result.stderr)
        return run

    def test_exit_codes_say_whether_decisions_are_the_same(self):
        run = self.recorded()
        same = looptwin("replay", run)
        self.assertEqual(same.returncode, HELD, same.stderr)
        self.assertRegex(same.stdout, r"same decisions as recorded: [0-9a-f]{32}\n\Z")
        self.assertEqual(looptwin("replay", run, "--until", "5 min").returncode, HELD)
        self.assertEqual(looptwin("diff", run, run).returncode, HELD)
        other = looptwin("diff", run, "--rules", SMALL / "rules.yaml", "--rules", SMALL)
        self.assertEqual((other.returncode, other.stderr), (HELD, ""))
        # A manifest of another fingerprint is noticed.
        manifest = (run / "manifest.json").read_text()
        (run / "manifest.json").write_text(re.sub(r'("fingerprint": *")[0-9a-f]', r"\1z", manifest))
        other = looptwin("replay", run)
        self.assertEqual(other.returncode, FAILED)
        self.assertIn("other decisions than recorded", other.stdout)

    def test_an_open_loop_is_called_so_and_writes_a_run_that_can_be_compared(self):
        run = self.recorded()
        out = self.folder / "other"
        open_loop = looptwin("replay", run, "--set", "events.busy.on_delay=60 s", "--out", out)
        self.assertEqual(open_loop.returncode, HELD, open_loop.stderr)
        self.assertIn("open loop, with other rules", open_loop.stdout)
        self.assertRegex(open_loop.stdout, r"event busy +would have fired \d+ times: 00:01:01 on block-1")
        difference = looptwin("diff", run, out, "--format", "json")
        self.assertEqual(difference.returncode, FAILED, difference.stderr)
        told = json.loads(difference.stdout)
        self.assertFalse(told["equal"])
        self.assertEqual(told["first"]["a" if "a" in told["first"] else "b"]["subject"], "busy")
        self.assertEqual(len(told["changes"]), sum(told["counts"][is_] for is_ in ("appeared", "vanished", "moved")))
        as_json = json.loads(looptwin("replay", run, "--format", "json").stdout)
        self.assertEqual(as_json["fingerprint"], as_json["recorded_fingerprint"])

    def test_a_killed_run_replays_up_to_where_it_was_killed(self):
        run = self.folder / "killed"
        looptwin("run", SMALL, "--set", "input_log=true", "--duration", "60 h", "--out", run, "--quiet", preexec_fn=killed_after(1.5))
        result = looptwin("replay", run)
        self.assertEqual(result.returncode, HELD, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"same decisions as recorded up to \S+( \S+)?: [\d ]+ of them")

    def test_a_resumed_run_has_one_whole_log(self):
        run = self.folder / "killed"
        arguments = ["run", SMALL, "--set", "input_log=true", "--set", "snapshots=1 min", "--duration", "2 h", "--out", run, "--quiet"]
        looptwin(*arguments, preexec_fn=killed_after(0.8))
        resumed = looptwin("run", "--resume", run, "--quiet")
        if resumed.returncode != HELD:
            self.assertIn("has reached its end", resumed.stderr)  # it was faster than the kill
        result = looptwin("replay", run)
        self.assertEqual(result.returncode, HELD, result.stdout + result.stderr)
        self.assertIn("same decisions as recorded: ", result.stdout)

    def test_mistakes_are_refused(self):
        run = self.recorded()
        self.refused(looptwin("replay", self.folder), r"holds no inputs\.log", r"input_log=true")
        self.refused(looptwin("replay", run, "--until", "5 kW"), r"--until:1:1: error: ")
        self.refused(looptwin("replay", run, "--until", " "), r"--until:1:1: error: a duration stands here, not nothing")
        self.refused(looptwin("replay", run, "--set", "seed=3"), r"--set seed: not part of the rules")
        self.refused(looptwin("replay", run, "--rules", self.folder / "none.yaml"), r"cannot read .*none\.yaml")
        self.refused(looptwin("diff", run), r"two RUNs, or one RUN and --rules")
        self.refused(looptwin("diff", run, self.folder / "none"), r"there is no run's folder .*none")
        self.refused(looptwin("run", "--from", run), r"--from .*: it names no moment of a run")
        self.refused(looptwin("run", SMALL, "--from", f"{run}@5 min"), r"give a SCENARIO, --resume RUN or --from RUN@T")
        out = self.folder / "fork"
        self.refused(looptwin("run", "--from", f"{run}@5 min", "--set", "seed=3", "--out", out), r"'seed' is part of what the state at 00:05:00 is of")
        self.assertFalse(out.exists())

    def test_a_fork_without_a_snapshot_of_its_own_goes_on_from_what_it_began_with(self):
        trunk = self.recorded("trunk", "--duration", "12 h")
        for kill in (0.3, 0.6, 1.0):
            fork = self.folder / f"fork-{kill}"
            killed = looptwin("run", "--from", f"{trunk}@5 min", "--out", fork, "--quiet", preexec_fn=killed_after(kill))
            if killed.returncode == HELD or not (fork / "begin.state").exists():
                continue  # it was faster than the kill, or had not begun
            self.assertEqual(json.loads((fork / "resume.json").read_text())["begins_ns"], 300 * 10**9)
            resumed = looptwin("run", "--resume", fork, "--quiet")
            self.assertEqual(resumed.returncode, HELD, resumed.stderr)
            same = looptwin("diff", trunk, fork)
            self.assertEqual(same.returncode, HELD, same.stdout)
            self.assertEqual(json.loads((fork / "manifest.json").read_text())["fingerprint"], json.loads((trunk / "manifest.json").read_text())["fingerprint"])
            self.assertEqual(looptwin("replay", fork).returncode, HELD)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])

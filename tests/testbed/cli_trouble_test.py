"""The command line where what it is told is empty, or what it says or writes finds no room.

cli_trouble_test.py SOURCE_DIR BIN_DIR [unittest arguments].
"""

import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1])
LOOPTWIN = Path(sys.argv[2]) / "looptwin"
SMALL = SOURCE / "tests/testbed/scenarios/small"
HELD, BAD_INPUT = 0, 2


def files_up_to(size):
    """What a child does before it starts, so that files of its cannot grow past the size."""

    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


def looptwin(*arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([str(LOOPTWIN), *map(str, arguments)], text=True, timeout=300, **options)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="looptwin-trouble-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def refused(self, result, pattern):
        self.assertEqual(result.returncode, BAD_INPUT, result.stderr)
        self.assertRegex(result.stderr, pattern)


class EmptyValues(CommandLine):
    def test_an_empty_value_is_refused_and_not_taken_for_one_left_out(self):
        for option in ("--duration", "--seed", "--speed", "--out", "--resume", "--from"):
            with self.subTest(option):
                self.refused(looptwin("run", SMALL, option, "", cwd=self.folder), f"{option}: it is empty")
        self.refused(looptwin("new", ""), "it is empty")
        self.refused(looptwin("registry", "init", ""), "it is empty")
        self.assertEqual(list(self.folder.iterdir()), [])


class FullDisks(CommandLine):
    def test_what_cannot_be_printed_fails_the_command(self):
        run = self.folder / "run"
        self.assertEqual(looptwin("run", SMALL, "--duration", "1 min", "--out", run).returncode, HELD)
        for command in (["schema"], ["info", run], ["check", SMALL], ["explain", run], ["run", SMALL, "--duration", "1 min", "--out", "none"]):
            with self.subTest(command[0]), open("/dev/full", "w") as full:
                self.refused(looptwin(*command, stdout=full), "error: cannot write what is printed")

    def test_a_new_scenario_is_whole_or_not_there(self):
        demo = self.folder / "demo"
        self.refused(looptwin("new", demo, preexec_fn=files_up_to(1000)), "cannot write .*demo/tests.yaml.*: file too large")
        self.assertFalse(demo.exists())

    def test_an_export_says_why_it_cannot_be_written(self):
        run, file = self.folder / "run", self.folder / "run.h5"
        self.assertEqual(looptwin("run", SMALL, "--duration", "10 min", "--out", run).returncode, HELD)
        result = looptwin("export", run, file, preexec_fn=files_up_to(10_000))
        self.refused(result, r"^error: cannot write .*run\.h5.*: File too large.*\n    ")
        self.assertEqual(len(result.stderr.splitlines()), 2, result.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["run"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])

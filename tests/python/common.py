"""What the tests of the Python module share: the page's scenario, and the program to compare with."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["LOOPTWIN_PROGRAM"]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


TANKS, WELLS, VESSELS = blocks("yaml")[:3]


def command_line(*arguments):
    """What a finished looptwin said."""
    return subprocess.run([PROGRAM, *map(os.fspath, arguments)], capture_output=True, text=True, timeout=300)


def fingerprint_of(*arguments):
    return re.search(r"fingerprint\s+([0-9a-f]{32})", command_line("run", "--out", "none", *arguments).stdout).group(1)


class InFolder(unittest.TestCase):
    """Each test in a new working directory with the page's files."""

    def setUp(self):
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="looptwin-python-"))
        before = os.getcwd()
        os.chdir(folder)
        self._stack.callback(os.chdir, before)
        pathlib.Path("tanks.yaml").write_text(TANKS, encoding="utf-8")
        pathlib.Path("wells.yaml").write_text(WELLS, encoding="utf-8")
        pathlib.Path("vessels.yaml").write_text(VESSELS, encoding="utf-8")

    def tearDown(self):
        self._stack.close()

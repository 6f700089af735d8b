"""A notebook, executed from its first cell to its last as it is stored: notebook_test.py NAME. Its own asserts hold its claims;
what people read of it is looked at here."""
import ast
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import unittest

from common import ROOT

NEEDED = ("nbclient", "ipykernel", "matplotlib", "pandas")
# What must be among what the cells give, and how many pictures.
SHOWN = {
    "first-loop": (5, [r"write 3 K", r"too_warm on fridge-3, \d+ min after the fault", r"^0 alarms", r"true \d+\.\d degC"]),
    "demand-response": (3, [r"opt_outs", r"best for the feeder: \+\d K"]),
    "finding-a-leak": (4, [r"65\.0\s+event_raised\s+leak\s+seg-17", r"80\.0\s+1\s+\d+\.0\s+seg-17", r"no +falling: does not hold"]),
    "rule-regression": (2, [r"overload", r"moved: .* event_cleared peak_ahead", r"\d+ h before, \d+ h after"]),
    "what-if": (1, [r"he gets \d+ kg/s, or \d+ kg/s", r"\d+ t are lost on top"]),
    "rig-report": (1, [r"pace +\d+ boundaries", r"commands were answered", r"same decisions as recorded"]),
}


class Notebook(unittest.TestCase):
    name = ""

    @classmethod
    def setUpClass(cls):
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if cls.name == "rig-report":
            missing += [] if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") else ["mosquitto"]
            missing += [] if importlib.util.find_spec("paho") else ["python3-paho-mqtt"]
        if missing:
            raise unittest.SkipTest(f"not installed: {', '.join(missing)}")
        import nbformat

        cls.folder = ROOT / "python" / "notebooks"
        cls.notebook = nbformat.read(cls.folder / f"{cls.name}.ipynb", as_version=4)
        cls.code = [cell for cell in cls.notebook.cells if cell.cell_type == "code"]

    def test_it_is_stored_without_outputs(self):
        for cell in self.code:
            self.assertEqual((cell.outputs, cell.execution_count), ([], None), cell.source)

    def test_it_runs_and_shows_what_it_claims(self):
        from nbclient import NotebookClient

        claims = sum(isinstance(node, ast.Assert) for cell in self.code for node in ast.walk(ast.parse(cell.source)))
        self.assertGreaterEqual(claims, 3)
        with tempfile.TemporaryDirectory(prefix="looptwin-notebook-") as home:
            # Whatever it writes, and whatever Jupyter keeps, lands here.
            os.environ.update(PYDEVD_DISABLE_FILE_VALIDATION="1", TMPDIR=home, IPYTHONDIR=home,
                              JUPYTER_RUNTIME_DIR=home, MPLCONFIGDIR=home)
            NotebookClient(self.notebook, timeout=600, kernel_name="python3",
                           resources={"metadata": {"path": os.fspath(self.folder)}}).execute()
        outputs = [output for cell in self.code for output in cell.outputs]
        shown = "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)
        pictures, patterns = SHOWN[self.name]
        self.assertEqual(sum("image/png" in output.get("data", {}) for output in outputs), pictures)
        for pattern in patterns:
            self.assertTrue(re.search(pattern, shown, re.MULTILINE), f"no {pattern} in:\n{shown}")


if __name__ == "__main__":
    Notebook.name = sys.argv.pop(1)
    unittest.main()

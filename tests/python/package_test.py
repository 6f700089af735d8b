"""The package: a wheel that works where nothing else of the repository is, stubs that are true, docstrings everywhere."""
import ast
import importlib.util
import inspect
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import looptwin
from common import InFolder, ROOT

BUILD = pathlib.Path(os.environ["LOOPTWIN_PROGRAM"]).parents[1]


def said(*command, **how):
    done = subprocess.run([os.fspath(part) for part in command], capture_output=True, text=True, timeout=300, **how)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


@unittest.skipUnless(importlib.util.find_spec("wheel"), "python3-wheel is not installed")
class Wheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory(prefix="looptwin-wheel-")
        cls.folder = pathlib.Path(cls._folder.name)
        cls.wheel = pathlib.Path(said(ROOT / "scripts" / "wheel", BUILD, cls.folder).strip())
        # With the system's packages, NumPy among them; nothing is asked of the network.
        said(sys.executable, "-m", "venv", "--system-site-packages", cls.folder / "venv")
        cls.python = cls.folder / "venv" / "bin" / "python"
        said(cls.python, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", cls.wheel)
        cls.clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LOOPTWIN_PROGRAM")}
        cls.clean["PATH"] = "/usr/bin:/bin"

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()

    def in_venv(self, *arguments):
        return said(self.python, *arguments, cwd=self.folder, env=self.clean)

    def test_it_holds_the_scenarios_as_they_are(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            held = {name.removeprefix("looptwin/scenarios/"): wheel.read(name) for name in wheel.namelist()
                    if name.startswith("looptwin/scenarios/") and not name.endswith("/")}
        here = {path.relative_to(ROOT / "scenarios").as_posix(): path.read_bytes()
                for path in (ROOT / "scenarios").rglob("*") if path.is_file()}
        self.assertEqual(held, here)

    def test_installed_it_decides_what_it_decides_here(self):
        code = ("import looptwin\n"
                "print(looptwin.__file__)\n"
                "print(looptwin.run(looptwin.shipped['gas-pipeline'], duration='8 h').fingerprint)\n")
        place, fingerprint = self.in_venv("-c", code).split()
        self.assertTrue(place.startswith(os.fspath(self.folder / "venv")), place)
        here = looptwin.run(ROOT / "scenarios" / "gas-pipeline", duration="8 h").fingerprint
        self.assertEqual(fingerprint, here)
        self.assertNotEqual(fingerprint, "0" * 32)

    def test_the_module_run_is_the_command_line_and_the_program_is_installed(self):
        told = self.in_venv("-m", "looptwin", "--version")
        self.assertEqual(told.strip().split()[-1], looptwin.__version__)
        self.assertEqual(said(self.folder / "venv" / "bin" / "looptwin", "--version"), told)

    def test_it_says_what_it_needs(self):
        self.assertEqual(self.in_venv("-c", "import importlib.metadata as m; print(m.version('looptwin'))").strip(),
                         looptwin.__version__)
        needs = self.in_venv("-c", "import importlib.metadata as m; print(m.requires('looptwin'))")
        self.assertIn("numpy", needs)
        self.assertIn("matplotlib>=3.6 ; extra == 'plots'", needs)

    @unittest.skipUnless(os.path.exists("/usr/bin/mypy"), "mypy is not installed")
    def test_programs_that_use_it_are_checked(self):
        (self.folder / "user.py").write_text(
            "import looptwin\n"
            "run = looptwin.run('x', duration='1 h')\n"
            "reveal_type(run.held)\n"
            "reveal_type(looptwin.Simulation('x').time)\n"
            "looptwin.run('x', threds=1)\n"
            "reveal_type(run.telemetry('**', 'level', every='1 h').unit)\n"
            "run.telemetry('**', 'level', evry='1 h')\n"
            "run.plot('**', 'level', evnts=True)\n"
            "reveal_type(run.fields('tank'))\n", encoding="utf-8")
        told = subprocess.run(["/usr/bin/mypy", "--python-executable", self.python, "--ignore-missing-imports",
                               "--cache-dir", self.folder / "mypy", "user.py"], cwd=self.folder, env=self.clean,
                              capture_output=True, text=True, timeout=300).stdout
        self.assertIn('user.py:3: note: Revealed type is "builtins.bool"', told)
        self.assertIn('user.py:4: note: Revealed type is "builtins.float"', told)
        for line, said in ((5, 'error: Unexpected keyword argument "threds"'), (6, 'note: Revealed type is "builtins.str"'),
                           (7, 'error: Unexpected keyword argument "evry"'),
                           (8, 'error: Unexpected keyword argument "evnts"'),
                           (9, 'note: Revealed type is "builtins.list[builtins.str]"')):
            self.assertIn(f"user.py:{line}: {said}", told)


class Public(InFolder):
    def test_the_stub_names_what_the_module_has_and_nothing_else(self):
        stub = ast.parse((ROOT / "python" / "looptwin" / "_looptwin.pyi").read_text(encoding="utf-8"))

        def names(body):
            return {node.name if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else node.target.id for node in body
                    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AnnAssign))}

        def public(thing):
            return {name for name in vars(thing) if not name.startswith("_")}

        module = looptwin._looptwin
        self.assertEqual(names(stub.body), public(module))
        for node in stub.body:
            if isinstance(node, ast.ClassDef):
                with self.subTest(node.name):
                    self.assertEqual(names(node.body) - {"__init__"}, public(getattr(module, node.name)))

    def test_everything_public_says_what_it_is(self):
        silent = []
        for name in looptwin.__all__:
            thing = getattr(looptwin, name)
            if name == "__version__":
                continue
            if not inspect.getdoc(thing):
                silent.append(name)
            for part, value in vars(thing).items() if inspect.isclass(thing) else ():
                if not part.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)) and \
                        not inspect.getdoc(value):
                    silent.append(f"{name}.{part}")
        self.assertEqual(silent, [])

    def test_a_run_has_what_its_folder_has_with_the_same_arguments(self):
        own = {"path", "manifest", "scenario", "summary", "start", "timezone", "end", "damage", "requirements", "fingerprint",
               "columns"}
        for name, value in vars(looptwin.RunFolder).items():
            if name.startswith("_") or name in own:
                continue
            with self.subTest(name):
                there = vars(looptwin.Run)[name]
                if inspect.isfunction(value):
                    self.assertEqual(str(inspect.signature(there)), str(inspect.signature(value)))
                    self.assertNotIn("**", str(inspect.signature(there)).replace("'**'", ""))
                self.assertNotRegex(inspect.getdoc(there), "^See ")

    def test_shipped_scenarios_are_found_by_name(self):
        self.assertEqual(sorted(looptwin.shipped), ["arch-comp/chasing-cars", "arch-comp/transmission", "gas-pipeline",
                                                    "smart-meters"])
        self.assertEqual(looptwin.load(looptwin.shipped["smart-meters"]).name, "smart-meters")
        with self.assertRaisesRegex(KeyError, "gas-pipeline"):
            looptwin.shipped["gas-pipelines"]


if __name__ == "__main__":
    unittest.main()

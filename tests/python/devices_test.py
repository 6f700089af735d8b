"""Controllers and physics in Python: what they compute is what the same expressions of the language compute, whichever
rows are asked together, in forks and after restarts; and what is wrong is said with the class, the time and the device."""
import os
import pathlib
import subprocess
import sys
import unittest

import looptwin
import numpy as np
from common import InFolder, command_line

CLASSES = '''
import looptwin
import numpy as np


class Inlet(looptwin.Controller):
    inputs = {"level": "cm", "target": "m", "hold": bool, "care": int, "band": "m"}
    outputs = {"inlet": bool, "error": "cm"}
    states = {"is_open": "1", "seconds": "s"}
    initial = {"seconds": 5}

    def __init__(self, share=1.0):
        self.share = share
        self.table = np.array([0.0, 1.0])

    def control(self, dt, inputs, states):
        error = inputs["target"] - inputs["level"] / 100 + self.table[0] + 0 * inputs["care"]
        is_open = np.where(error > inputs["band"], 1, np.where(error < -inputs["band"], 0, states["is_open"]))
        is_open = np.where(inputs["hold"], states["is_open"], is_open)
        return {"inlet": is_open == 1, "error": 100 * error, "is_open": is_open, "seconds": states["seconds"] + dt}


class Filling(looptwin.Physics):
    inputs = {"filling": "L/s", "demand": "L/s", "weather": "1"}
    states = {"height": "m"}

    def __init__(self, area=1.5):
        self.area = area

    def advance(self, dt, inputs, states):
        rate = (inputs["filling"] - inputs["demand"] * inputs["weather"]) / 1000 / self.area
        return {"height": states["height"] + dt * rate}
'''
SCENARIO = """scenario: tanks
duration: 30 min
seed: 3
links: {radio: {latency: "uniform(0 s, 3 s)", loss: 5 %}}
feeds: {sky: {signals: {rain: {unit: "1", every: 5 min, values: [1, 1.5, 0.5, 1, 2, 1]}}}}
models:
  tank:
    parameters:
      demand: {default: 0.8 L/s, spread: "uniform(0.5, 1.5)"}
      band: {default: 0.105 m}
    telemetry:
      level: {from: height, unit: m, every: 5 s, range: [0, 4], resolution: 0.01}
      open: {from: inlet, boolean: true, every: 5 s}
    setpoints:
      target: {unit: m, default: 2, range: [0.5, 3]}
      care: {enum: [low, high], default: low}
    commands: {hold: {expires: 10 s}}
    physics:
      inputs: {weather: sky.rain}
      states: {height: 1.5 m}
      outputs: {filling: "if(inlet, 3 L/s, 0 L/s)"}
      python: {class: "tanks:Filling", with: {area: 1.5 m2}}
    controller:
      every: 2 s
      python: {class: "tanks:Inlet"}
fleet: {tank: {count: 200, id: "tank-{i}", link: radio}}
events: {low: {each: tank, raise: level < 1.9 m, on_delay: 20 s}}
rules: {more: {while: low, override: {target: self, set: {target: default(target) + 0.2 m}}}}
history: {tank: {raw: "**"}}
"""
SEARCH = """requirements:
  - {name: no tank runs low, each: tank, always: truth(level) > 1.2 m}
search:
  values: {feeds.sky.signals.rain.values.1: 1 to 12}
"""
TESTS = """tests:
  - name: a low level raises
    fleet: {tank.count: 1}
    given: {"tank-1.level": "2 m x 60 s, 1.5 m x 60 s"}
    expect: [{event: low, device: tank-1, raised: 80 s, within: 5 s}]
  - name: with little rain all goes well
    fleet: {tank.count: 20}
    lasts: 10 min
    set: {feeds.sky.signals.rain.values.1: 1}
    expect: [{event: low, device: tank-1, raised: 20 s, within: 10 s}]
"""
LANGUAGE = {'python: {class: "tanks:Filling", with: {area: 1.5 m2}}':
            'rates: {height: (filling - demand * weather) / 1.5 m2}\n      integrator: euler',
            'python: {class: "tanks:Inlet"}':
            'outputs: {inlet: "hysteresis(target - level, on=0.105 m, off=-0.105 m)"}'}


class Devices(InFolder):
    def setUp(self):
        super().setUp()
        pathlib.Path("tanks.py").write_text(CLASSES, encoding="utf-8")
        pathlib.Path("scenario.yaml").write_text(SCENARIO, encoding="utf-8")

    def change(self, *pairs):
        text = CLASSES
        for old, new in pairs:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = pathlib.Path("tanks.py")
        path.write_text(text, encoding="utf-8")
        stat = path.stat()
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))

    def refused(self, *said, scenario="scenario.yaml"):
        with self.assertRaises(looptwin.ScenarioError) as caught:
            looptwin.load(scenario).check()
        for text in said:
            self.assertIn(text, str(caught.exception))
        return caught.exception

    def test_what_ends_a_look_does_not_end_the_next_advance(self):
        looked_at, called = [], []

        class Meddling(looptwin.Physics):
            inputs = {"filling": "L/s", "demand": "L/s"}
            states = {"height": "m"}

            def advance(self, dt, inputs, states):
                for one in looked_at:
                    one.interrupt()
                    called.append(dt)
                return {"height": states["height"] + dt * (inputs["filling"] - inputs["demand"]) / 1500}

        looptwin.register("meddling", Meddling)
        text = SCENARIO.replace('"tanks:Filling", with: {area: 1.5 m2}', "meddling")
        with looptwin.Simulation(text) as sim:
            sim.advance("1 min")
            looked_at.append(sim._simulation)
            sim.column("tank", "level", which="truth")
            self.assertGreater(len(called), 0)
            looked_at.clear()
            self.assertEqual(sim.advance("1 min"), 120)

    def test_they_decide_as_the_same_expressions_at_any_number_of_threads(self):
        run = looptwin.run("scenario.yaml", out="run")
        self.assertGreater(len(run.commands), 200)
        self.assertEqual(looptwin.run("scenario.yaml", threads=2, set={"fleet.tank.count": 200}).fingerprint, run.fingerprint)
        language = SCENARIO
        for old, new in LANGUAGE.items():
            self.assertIn(old, language)
            language = language.replace(old, new)
        same = looptwin.run(language, out="language")
        self.assertEqual(same.fingerprint, run.fingerprint)
        for field in ("level", "open"):
            np.testing.assert_array_equal(run.telemetry("**", field).values, same.telemetry("**", field).values)

    def test_states_are_the_devices_in_steps_forks_and_restarts(self):
        whole = looptwin.run("scenario.yaml")
        with looptwin.Simulation("scenario.yaml") as sim:
            sim.advance("10 min")
            self.assertEqual(sim["tank-7"].truth.seconds, 5 + 2 * 301)
            self.assertAlmostEqual(sim["tank-7"].truth.error, sim["tank-7"].target - sim["tank-7"].truth.level, delta=0.06)
            with sim.fork() as fork:
                fork.advance("20 min")
                self.assertEqual(fork.fingerprint, whole.fingerprint)
            sim.inject("tank-7", "restart", lasts="0 s")
            sim.inject("tank-8", "restart", lasts="0 s", keeps=["controller"])
            sim.inject("tank-9", "actuator_stuck", signal="inlet")
            stuck = sim["tank-9"].truth.inlet
            sim.advance("10 min")
            self.assertLess(sim["tank-7"].truth.seconds, 700)
            self.assertGreater(sim["tank-8"].truth.seconds, 1200)
            self.assertEqual(sim["tank-9"].truth.inlet, stuck)

    def test_a_run_is_explained_from_its_own_copy_of_the_classes(self):
        run = looptwin.run("scenario.yaml", out="run", set={"input_log": True})
        raised = run.events[run.events.subject == "low"].iloc[0]
        self.assertIn("level < 1.9 m", str(run.explain(raised.id)))
        self.assertEqual(pathlib.Path("run/scenario/tanks.py").read_text(encoding="utf-8"), CLASSES)

    def test_the_program_without_python_says_what_to_do(self):
        told = command_line("check", "scenario.yaml")
        self.assertEqual(told.returncode, 2)
        self.assertIn("scenario.yaml:22:7: error: 'tanks:Filling' is a Python class", told.stderr)
        self.assertIn("scenario.yaml:25:7: error: 'tanks:Inlet' is a Python class", told.stderr)

    def test_a_class_that_is_wrong_is_refused_where_the_scenario_names_it(self):
        for old, new, said in (
                ("class Inlet(looptwin.Controller)", "class Inlet(looptwin.Plant)", "it is no looptwin.Controller"),
                ('"level": "cm"', '"levl": "cm"', "the class 'tanks:Inlet' reads 'levl'"),
                ('"level": "cm"', '"height": "cm"', "a controller sees its telemetry: write level"),
                ('"level": "cm"', '"level": "degC"', "the class 'tanks:Inlet' reads 'level'"),
                ('"level": "cm"', '"level": "cn"', "the unit of 'level'"),
                ('"level": "cm"', '"level": float', "write its unit as a text or bool or int"),
                ('"level": "cm"', '"level": int', "it has no words"),
                ('"hold": bool', '"hold": "1"', "reads 'hold'"),
                ('"is_open": "1"', '"is_open": bool', "write its unit as a text"),
                ('"is_open": "1"', '"inlet": "1"', "'inlet' is a state and an output"),
                ('"error": "cm"', '"level": "cm"', "the name 'level' is already a telemetry field"),
                ('initial = {"seconds": 5}', 'initial = {"second": 5}', "initial has 'second', which is no state"),
                ('states = {"height": "m"}', 'states = {"hight": "m"}', "has the state 'hight', and the physics has none"),
                ('states = {"height": "m"}', 'states = {"height": "m2"}', "the physics begins it as another quantity"),
                ('states = {"height": "m"}', 'states = {}', "it has no states"),
                ('"filling": "L/s"', '"level": "m"', "physics sees true states and outputs")):
            with self.subTest(new=new):
                self.change((old, new))
                error = self.refused(said)
                self.assertTrue(all(problem.file == "scenario.yaml" and problem.line for problem in error.problems))

    def test_a_class_stands_in_the_place_of_expressions_not_beside_them(self):
        for old, new, said in (
                ('python: {class: "tanks:Inlet"}', 'python: {class: "tanks:Inlet"}\n      outputs: {x: target}',
                 "the controller of 'tank' has a class, and outputs:"),
                ('states: {height: 1.5 m}', 'states: {height: 1.5 m}\n      rates: {height: 1 m/s}',
                 "the physics of 'tank' has a class, and rates:"),
                ('states: {height: 1.5 m}', 'states: {height: 1.5 m}\n      limits: {height: {low: 0 m}}', "and limits:"),
                ('states: {height: 1.5 m}', 'states: {height: 1.5 m, more: 0 m}', "the state 'more' is none of the class"),
                ('python: {class: "tanks:Inlet"}', 'outputs: {}', "does nothing")):
            with self.subTest(new=new):
                self.assertIn(old, SCENARIO)
                self.refused(said, scenario=SCENARIO.replace(old, new))

    def test_a_class_that_fails_on_the_way_ends_the_run_with_when_and_where(self):
        for old, new, said in (
                ("is_open = np.where(inputs", "1 / 0; is_open = np.where(inputs",
                 r"scenario.yaml:25:7: error: the class 'tanks:Inlet' at 00:00:00 for tank-\d+ … tank-\d+: ZeroDivisionError: "
                 r"division by zero \(tanks.py:19\)"),
                ('"error": 100 * error', '"error": error[:3]', r"error from control\(\) has the shape \(3,\), not \(\d+,\)"),
                ('"error": 100 * error, ', '', r"control\(\) returned no 'error'"),
                ('"inlet": is_open == 1', '"inlet": 2', r"inlet from control\(\) is neither true nor false"),
                ('return {"height": states["height"] +',
                 'return {"height": np.where(states["height"] > 1.9, np.nan, states["height"]) +',
                 r"the class 'tanks:Filling' at 00:0\d:\d\d for tank-\d+: height is nan"),
                ('error = inputs["target"]', 'self.last = error = inputs["target"]',
                 r"last is set while time goes on: declare it in states, and return it"),
                ('error = inputs["target"]', 'self.table += 1; error = inputs["target"]', "read-only"),
                ("return {\"height\"", "return None; {\"height\"", r"advance\(\) returned a NoneType")):
            with self.subTest(said=said):
                self.change((old, new))
                with looptwin.Simulation("scenario.yaml") as sim:
                    with self.assertRaisesRegex(looptwin.RunError, said):
                        sim.advance("30 min")
                    self.assertLess(sim.time, 1800)
                    self.assertEqual(len(sim.column("tank", "level")), 200)
                    with sim.fork() as fork:
                        for look in (lambda: sim.column("tank", "level", which="truth"), lambda: sim["tank-2"].truth.height,
                                     lambda: fork.column("tank", "inlet", which="truth")):
                            with self.assertRaisesRegex(RuntimeError, "not known: the run broke"):
                                look()
                    with self.assertRaisesRegex(RuntimeError, "over"):
                        sim.advance(1)

    def test_a_class_that_is_asked_while_somebody_looks_cannot_advance(self):
        said, looking = [], []

        class Asking(looptwin.Physics):
            inputs, states = {"filling": "L/s"}, {"height": "m"}

            def advance(self, dt, inputs, states):
                if looking:
                    try:
                        sim.advance(1)
                    except RuntimeError as error:
                        said.append(str(error))
                return {"height": states["height"] + dt * inputs["filling"] / 1500}

        looptwin.register("asking", Asking)
        scenario = SCENARIO.replace("tanks:Filling", "asking").replace(", with: {area: 1.5 m2}", "")
        with looptwin.Simulation(looptwin.load(scenario, folder=".")) as sim:
            for look in (lambda: sim.column("tank", "height", which="truth"), lambda: sim["tank-7"].truth.height):
                sim.advance(7)
                del said[:]
                looking.append(True)
                look()
                del looking[:]
                self.assertGreater(len(said), 0)
                self.assertIn("looked at", said[0])
            self.assertEqual(sim.advance(7), 21)

    def test_what_fails_in_the_last_cycle_fails_the_run(self):
        self.change(("is_open = np.where(inputs", "assert states['seconds'].min() < 1804; is_open = np.where(inputs"))
        with self.assertRaisesRegex(looptwin.RunError, "00:30:00.*AssertionError"):
            looptwin.run("scenario.yaml", set={"models.tank.telemetry.level.every": "1 s", "fleet.tank.count": 3})


class CommandLine(InFolder):
    """``python -m looptwin``, which has the Python that scenarios with classes need."""

    def setUp(self):
        super().setUp()
        pathlib.Path("tanks.py").write_text(CLASSES, encoding="utf-8")
        pathlib.Path("scenario.yaml").write_text(SCENARIO + SEARCH, encoding="utf-8")
        pathlib.Path("tests.yaml").write_text(TESTS, encoding="utf-8")

    def told(self, code, *words):
        told = subprocess.run([sys.executable, "-m", "looptwin", *words], capture_output=True, text=True, timeout=300)
        self.assertEqual(told.returncode, code, told.stdout + told.stderr)
        return told.stdout + told.stderr

    def test_a_run_decides_as_in_python_and_is_replayed_and_explained(self):
        said = self.told(0, "run", ".", "--out", "run", "--set", "input_log=true")
        run = looptwin.run("scenario.yaml", set={"input_log": True})
        self.assertIn(run.fingerprint, said)
        self.assertIn(f"same decisions as recorded: {run.fingerprint}", self.told(0, "replay", "run"))
        raised = looptwin.open("run").events.iloc[0]
        self.assertIn("level < 1.9 m", self.told(0, "explain", "run", f"{raised.id:016x}"))
        self.assertIn("tank.physics.outputs.filling", self.told(0, "check", ".", "--explain"))

    def test_rules_are_tested_written_and_simulated(self):
        said = self.told(0, "test", ".", "--jobs", "2")
        self.assertIn("2 tests, 0 failed", said)
        pathlib.Path("tests.yaml").write_text(TESTS.replace("raised: 80 s", "raised: 100 s"), encoding="utf-8")
        self.told(1, "test", ".")

    def test_requirements_are_falsified(self):
        said = self.told(1, "falsify", ".", "--runs", "20", "--shrink", "0", "--jobs", "2")
        self.assertIn("no tank runs low", said)

    def test_what_is_wrong_has_the_exit_code_of_bad_input(self):
        pathlib.Path("tanks.py").write_text(CLASSES.replace('"level": "cm"', '"levl": "cm"'), encoding="utf-8")
        self.assertIn("the class 'tanks:Inlet' reads 'levl'", self.told(2, "check", "."))
        self.assertIn("looptwin", self.told(0, "--version"))


if __name__ == "__main__":
    unittest.main()

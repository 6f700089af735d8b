"""Plants, feeds and functions in Python: what they compute is what devices and rules see, and what goes wrong in them is
said with the class, the time and the place."""
import math
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import looptwin
import numpy as np
from common import InFolder, command_line

CLASSES = '''
import looptwin
import numpy as np


class Tanks(looptwin.Plant):
    step = "1 s"
    inputs = {"tank.valve": "1"}
    outputs = {"tank.level": "cm", "tank.flow": "L/s", "network.total": "L/s"}

    def __init__(self, count=3, area=1.0, seed=0):
        self.elements = {"tank": int(count), "network": None}
        self.area, self.seed = area, seed
        self.level = np.full(int(count), 200.0)
        self.flow = np.zeros(int(count))

    def advance(self, dt, inputs):
        self.flow = 2.0 * inputs["tank.valve"]
        self.level = self.level + dt * (0.5 - self.flow) * 1e-3 / self.area * 100

    def read(self):
        return {"tank.level": self.level, "tank.flow": self.flow, "network.total": self.flow.sum()}


class Price(looptwin.Feed):
    every = "10 min"
    signals = {"price": "USD/kWh"}

    def values(self, time):
        return {"price": 0.1 + 0.1 * (time >= 1800)}


def shortage(level, lowest):
    return np.where(np.isnan(level), np.nan, 100 * np.maximum(lowest - level, 0))


class Low:
    def __init__(self, below=1.0):
        self.below = below

    def __call__(self, level):
        return level < self.below
'''
SCENARIO = """scenario: water
start: "2024-06-03T06:00:00"
duration: 1 h
plants:
  site:
    python: {class: "water:Tanks", with: {count: 4, area: 1 m2}}
feeds:
  market:
    python: {class: "water:Price"}
models:
  keeper:
    relations: {tank: {to: site_tank, inverse: keepers}}
    parameters: {lowest: {default: 1.5 m}}
    telemetry:
      level: {from: height, unit: m, every: 5 s, range: [0, 4], resolution: 0.001}
    setpoints: {share: {unit: "1", default: 0.5, range: [0, 1]}}
    physics:
      inputs: {height: tank.level}
      drives: {tank: {valve: opening}}
    controller: {outputs: {opening: share}}
fleet:
  keeper: {per: site_tank, id: "{site_tank}/keeper"}
functions:
  short: {each: keeper, of: [level, lowest], unit: cm, python: {class: "water:shortage"}}
  low: {each: keeper, of: [level], boolean: true, python: {class: "water:Low", with: {below: 1.9 m}}}
events:
  running_dry: {each: keeper, raise: short > 1 cm, clear: level > 2.2 m}
  falling: {each: keeper, raise: low}
  dear: {raise: market.price > 0.15 USD/kWh}
rules:
  close: {while: running_dry, override: {target: self, set: {share: 0.1}}}
"""


class Extending(InFolder):
    def setUp(self):
        super().setUp()
        pathlib.Path("water.py").write_text(CLASSES, encoding="utf-8")
        pathlib.Path("water.yaml").write_text(SCENARIO, encoding="utf-8")

    def change(self, old, new):
        self.assertIn(old, CLASSES)
        path = pathlib.Path("water.py")
        path.write_text(CLASSES.replace(old, new), encoding="utf-8")
        stat = path.stat()
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))

    def test_a_plant_goes_as_its_class_says_in_its_units(self):
        with looptwin.Simulation("water.yaml") as sim:
            self.assertEqual(sim.devices("site/**/keeper"), [f"site/tank/tank-{i}/keeper" for i in range(1, 5)])
            sim.advance("1 min")
            keeper = sim["site/tank/tank-2/keeper"]
            # The first step is before devices have said anything: the valve is shut.
            self.assertAlmostEqual(keeper.truth.level, 2 + 1 * 0.5e-3 - 59 * 0.5e-3, delta=1.01e-3)
            self.assertEqual(keeper.unit("short"), "cm")
            self.assertEqual(keeper.short, 0)
            sim.advance("40 min")
            self.assertEqual(sim["site/tank/tank-2/keeper"].share, 0.1)
            events = sim.events
            self.assertEqual(set(events.subject), {"running_dry", "falling", "dear"})
            self.assertEqual(events[events.subject == "dear"].at_s.iloc[0], 1800)
            falling = events[(events.subject == "falling")].at_s.iloc[0]
            self.assertAlmostEqual(falling, 200, delta=10)

    def test_decisions_are_equal_again_at_any_number_of_threads_in_steps_and_in_forks(self):
        whole = looptwin.run("water.yaml")
        self.assertEqual(looptwin.run("water.yaml", threads=2).fingerprint, whole.fingerprint)
        with looptwin.Simulation("water.yaml") as sim:
            sim.advance("17 min")
            sim.advance(0.5)
            with sim.fork() as fork:
                fork.advance("42 min")
                sim.advance("42 min")
                self.assertEqual(fork.fingerprint, sim.fingerprint)
                for one in (sim, fork):
                    one.advance(59.5)
                    self.assertEqual(one.fingerprint, whole.fingerprint)

    def test_a_run_is_explained_and_its_classes_belong_to_its_files(self):
        run = looptwin.run("water.yaml", out="run", set={"input_log": True})
        raised = run.events[run.events.subject == "running_dry"].iloc[0]
        self.assertIn("short > 1 cm", str(run.explain(raised.id)))
        self.assertTrue(pathlib.Path("run/scenario/water.py").exists())
        self.change("2.0 * inputs", "2.5 * inputs")
        with self.assertRaisesRegex(looptwin.RunError, "was run with other files"):
            run.explain(raised.id)

    def test_the_program_without_python_says_what_to_do(self):
        told = command_line("check", "water.yaml")
        self.assertEqual(told.returncode, 2)
        self.assertIn("water.yaml:6:5: error: 'water:Tanks' is a Python class, and this program has no Python",
                      told.stderr)
        self.assertIn("looptwin.run(", told.stderr)
        self.assertIn("water.yaml:9:5", told.stderr)

    def test_names_can_be_registered(self):
        @looptwin.register("calm")
        def calm(level):
            return level * 0

        looptwin.register("market", type("Market", (looptwin.Feed,), {
            "every": 60, "signals": {"price": "USD/kWh"}, "values": lambda self, time: {"price": 1.0}}))
        changed = SCENARIO.replace("water:shortage", "calm").replace("[level, lowest]", "[level]").replace(
            "water:Price", "market")
        run = looptwin.Simulation(changed)
        run.advance("30 min")
        self.assertEqual(set(run.events.subject), {"falling", "dear"})
        with self.assertRaisesRegex(looptwin.ScenarioError, "no class was registered as 'clam'"):
            looptwin.load(SCENARIO.replace("water:shortage", "clam"))
        with self.assertRaises(ValueError):
            looptwin.register("a:b", calm)

    def test_a_class_that_is_wrong_is_refused_where_the_scenario_names_it(self):
        for old, new, said in (
                ("class Tanks(looptwin.Plant)", "class Tanks(object)", "no looptwin.Plant"),
                ("class Tanks(", "class Tonks(", "water has no 'Tanks'"),
                ('"tank.level": "cm"', '"tank.level": "cn"', "the unit of tank.tank-1.level"),
                ('"tank.level": "cm"', '"level": "cm"', "'level' is no quantity"),
                ('"tank.level": "cm"', '"tank.level": 3', "tank.level of outputs is 3: write its name and its unit as texts"),
                ('inputs = {"tank.valve": "1"}', 'inputs = ["tank.valve"]', "inputs is a list: write a dict of units by name"),
                ('self.elements = {"tank": int(count), "network": None}', 'self.elements = 4',
                 "elements is a int: write a dict of numbers or names by name"),
                ('{"tank": int(count), "network"', '{"tank": "ab", "network"', "elements 'tank' are 'ab': write how many"),
                ('{"tank": int(count), "network"', '{"tank": np.nan, "network"', "it has nan elements 'tank'"),
                ('{"price": "USD/kWh"}', '{"price": 1}', "price of signals is 1: write its name and its unit as texts"),
                ("area=1.0,", "areal=1.0,", "unexpected keyword argument 'area'"),
                ('step = "1 s"', 'step = "1 m"', "1 m"),
                ('"tank.level": "cm"', '"tank.level": "barg"', "is a gauge pressure"),
                ('{"tank": int(count), "network"', '{"tank": ["a", "a"], "network"', "'a' cannot name one of its elements"),
                ('{"tank": int(count), "network"', '{"tank": 0, "network"', "it has 0 elements 'tank'"),
                ('"network": None}', '"network": None, "pump": 2}', "'pump' have no inputs and no outputs"),
                ('np.full(int(count), 200.0)', 'np.full(2, 200.0)', "tank.level from read() has the shape (2,), not (4,)"),
                ('return {"tank.level": self.level, ', 'return {', "read() returned no 'tank.level'"),
                ('{"price": 0.1 +', '{"prize": 0.1 +', "'prize', which it does not declare"),
                ("def shortage", "def shortages", "water has no 'shortage'"),
                ("import numpy as np", "import numpi as np", "numpi")):
            with self.subTest(said=said):
                self.change(old, new)
                with self.assertRaises(looptwin.ScenarioError) as caught:
                    looptwin.load("water.yaml")
                self.assertIn(said, str(caught.exception))
                self.assertIn("the class 'water:", str(caught.exception))
                self.assertNotIn("needs 'file'", str(caught.exception))
                self.assertTrue(all(problem.file == "water.yaml" and problem.line for problem in caught.exception.problems))

    def test_a_class_that_fails_on_the_way_ends_the_run_with_when_and_where(self):
        for old, new, said in (
                ("self.flow = 2.0", "1 / 0; self.flow = 2.0",
                 "the class 'water:Tanks' in the step from 00:00:00: ZeroDivisionError: division by zero (water.py:18)"),
                ("\"tank.flow\": self.flow", "\"tank.flow\": self.flow[:3] if self.level[0] < 199 else self.flow",
                 "tank.flow from read() has the shape (3,), not (4,)"),
                ("self.level = self.level +", "self.level = np.where(self.level < 199, np.nan, self.level) +",
                 "tank.tank-1.level is nan"),
                ("return np.where(", "return np.inf + np.where(",
                 "the function 'short' at 00:00:00: inf for 'site/tank/tank-1/keeper' is no value"),
                ("return np.where(", "return [1, 2] if len(level) else np.where(", "has the shape (2,), not (4,)"),
                ("return level < self.below", "return level", "is neither true nor false"),
                ("return level < self.below", "return str(level)", "numbers are needed")):
            with self.subTest(said=said):
                self.change(old, new)
                with looptwin.Simulation("water.yaml") as sim:
                    with self.assertRaises(looptwin.RunError) as caught:
                        sim.advance("30 min")
                    if "inf for" in said:
                        self.assertRegex(str(caught.exception), r"inf for 'site/tank/tank-\d/keeper' is no value")
                    else:
                        self.assertIn(said, str(caught.exception))
                    with self.assertRaisesRegex(RuntimeError, "over"):
                        sim.advance(1)

    def test_after_a_failure_what_the_loop_knew_is_there_and_the_truth_where_it_is_known(self):
        for old, new, known in (("self.flow = 2.0", "1 / (self.level[0] > 190); self.flow = 2.0", False),
                                ("return np.where(", "1 / (level[0] > 1.9); return np.where(", True)):
            self.change(old, "import warnings; warnings.simplefilter('error'); " + new)
            with looptwin.Simulation("water.yaml") as sim:
                with self.assertRaisesRegex(looptwin.RunError, "divi"):
                    sim.advance("30 min")
                with sim.fork() as fork:
                    for one in (sim, fork):
                        self.assertLess(abs(one.column("keeper", "level") - 1.9).max(), 0.05)
                        looks = (lambda: one.column("keeper", "level", which="truth")[0],
                                 lambda: one["site/tank/tank-1/keeper"].truth.level)
                        for look in looks:
                            if known:
                                self.assertAlmostEqual(look(), 1.9, delta=0.05)
                                continue
                            with self.assertRaisesRegex(RuntimeError, "not known: the run broke on the way to the boundary"):
                                look()

    def test_ctrl_c_within_a_class_is_heard(self):
        self.change("self.flow = 2.0", "raise KeyboardInterrupt\n        self.flow = 2.0")
        with looptwin.Simulation("water.yaml") as sim, self.assertRaises(KeyboardInterrupt):
            sim.advance("1 min")

    def test_ctrl_c_within_a_class_is_heard_while_it_is_loaded_and_built(self):
        self.change("self.elements = {", "raise KeyboardInterrupt\n        self.elements = {")
        for work in (lambda: looptwin.Simulation("water.yaml", out="run"), lambda: looptwin.run("water.yaml", out="run"),
                     lambda: looptwin.load("water.yaml").check()):
            with self.assertRaises(KeyboardInterrupt):
                work()
            self.assertFalse(os.path.exists("run"))
        self.change("return {\"price\"", "raise KeyboardInterrupt\n        return {\"price\"")
        with self.assertRaises(KeyboardInterrupt):
            looptwin.load("water.yaml")

    def test_on_the_command_line_ctrl_c_ends_at_once_what_is_built_and_a_run_after_the_cycle(self):
        # Once: a second one would end the process.
        interrupt = ("import os, signal; 'told' in vars(self) or (os.kill(os.getpid(), signal.SIGINT), vars(self).update(told=1))\n"
                     "        ")
        looptwin_ = [sys.executable, "-m", "looptwin"]
        self.change("self.flow = 2.0", interrupt + "self.flow = 2.0")
        told = subprocess.run([*looptwin_, "run", "water.yaml", "--out", "run"], capture_output=True, text=True, timeout=300)
        self.assertEqual(looptwin.open("run").summary["state"], "stopped", told.stderr)
        self.change("self.elements = {", interrupt + "self.elements = {")
        told = subprocess.run([*looptwin_, "check", "water.yaml"], capture_output=True, text=True, timeout=300)
        self.assertEqual(told.returncode, -signal.SIGINT, told.stderr)

    def test_a_state_that_cannot_be_kept_is_said_and_breaks_only_who_needs_it(self):
        self.change("self.flow = np.zeros(int(count))", "self.flow = np.zeros(int(count)); self.odd = lambda: 0")
        with looptwin.Simulation("water.yaml") as sim:
            sim.advance("1 min")
            with sim.fork() as fork, self.assertRaisesRegex(looptwin.RunError, "its state could not be kept.*pickle"):
                fork.advance("1 min")
            sim.advance("1 min")

    def test_a_function_may_read_what_stands_above_it_and_nothing_else(self):
        for old, new, said in (("of: [level, lowest]", "of: [level, lowst]", "did you mean 'lowest'"),
                               ("of: [level, lowest]", "of: [level, low]", "nothing named 'low'"),
                               ("of: [level], boolean", "of: [short], boolean", None),
                               ("unit: cm, python", "python", "needs one of unit and boolean"),
                               ("  short: {each: keeper", "  short: {each: keepr", "keepr"),
                               ("  short: {each", "  level: {each", "is taken")):
            with self.subTest(new=new):
                self.assertIn(old, SCENARIO)
                changed = SCENARIO.replace(old, new, 1)
                if said is None:
                    looptwin.load(changed).check()
                    continue
                with self.assertRaises(looptwin.ScenarioError) as caught:
                    looptwin.load(changed).check()
                self.assertIn(said, str(caught.exception))

    def test_a_controller_is_a_plant_that_measured_values_drive(self):
        class Thermostat(looptwin.Plant):
            inputs = {"unit.measured": "degC", "unit.wanted": "degC"}
            outputs = {"unit.heat": "kW"}

            def __init__(self, count=1):
                self.elements = {"unit": int(count)}
                self.heat = np.zeros(int(count))

            def advance(self, dt, inputs):
                self.heat = np.clip(0.5 * (inputs["unit.wanted"] - inputs["unit.measured"]), 0, 3)

            def read(self):
                return {"unit.heat": self.heat}

        looptwin.register("thermostat", Thermostat)
        scenario = """scenario: rooms
duration: 6 h
plants: {brain: {python: {class: thermostat, with: {count: 5}}}}
models:
  room:
    relations: {unit: {to: brain_unit, inverse: rooms}}
    telemetry: {temperature: {from: air, unit: degC, every: 10 s, range: [-20, 50], resolution: 0.01}}
    setpoints: {wanted: {unit: degC, default: 20, range: [10, 30]}}
    physics:
      inputs: {heat: unit.heat}
      states: {air: 10 degC}
      rates: {air: (heat - 100 W/K * (air - 5 degC)) / 500 kJ/K}
      drives: {unit: {measured: seen, wanted: goal}}
    controller: {outputs: {seen: temperature, goal: wanted}}
fleet: {room: {per: brain_unit, id: "{brain_unit}/room"}}
"""
        with looptwin.Simulation(scenario) as sim:
            sim.advance("6 h")
            # Where half a kilowatt a kelvin of error carries a tenth of one a kelvin of difference to outdoors.
            np.testing.assert_allclose(sim.column("room", "temperature"), (0.5 * 20 + 0.1 * 5) / 0.6, atol=0.05)


if __name__ == "__main__":
    unittest.main()

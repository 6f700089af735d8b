"""Scenarios in Python: what is loaded, what is refused, and how it is said."""
import json
import pathlib
import unittest

import looptwin
from common import InFolder, TANKS, command_line, fingerprint_of


def refused(call):
    try:
        call()
    except looptwin.ScenarioError as error:
        return error
    raise AssertionError("nothing was refused")


class Loading(InFolder):
    def test_errors_are_those_of_the_command_line(self):
        pathlib.Path("bad.yaml").write_text(TANKS.replace("level < lowest + care", "level < lowest + 3 K")
                                            .replace("demand)", "demnd)"), encoding="utf-8")
        scenario = looptwin.load("bad.yaml")
        error = refused(scenario.check)
        told = command_line("check", "bad.yaml")
        self.assertEqual(told.returncode, 2)
        for line in str(error).splitlines():
            self.assertIn(line, told.stderr)
        self.assertEqual(len(error.problems), 2)
        self.assertIn("^", str(error))
        for problem in error.problems:
            self.assertEqual(problem.file, "bad.yaml")
            self.assertIn(f"bad.yaml:{problem.line}:{problem.column}: error: {problem.message}", told.stderr)
            self.assertEqual(problem.severity, "error")

    def test_what_cannot_be_read_is_refused_as_a_whole_with_all_problems(self):
        error = refused(lambda: looptwin.load(TANKS.replace("cycle", "x").replace("seed: 1", "sede: 1\nduraton: 5")))
        self.assertEqual([problem.file for problem in error.problems], ["text", "text"])
        self.assertIn("did you mean 'seed'", str(error))
        self.assertIn("cannot read", str(refused(lambda: looptwin.load("nowhere"))))
        with self.assertRaises(TypeError):
            looptwin.load(5)

    def test_text_dict_and_file_are_the_same_scenario(self):
        import yaml

        as_file = looptwin.run("tanks.yaml", duration="20 min").fingerprint
        self.assertNotEqual(as_file, "0" * 32)
        self.assertEqual(looptwin.run(TANKS, duration="20 min").fingerprint, as_file)
        self.assertEqual(looptwin.run(yaml.safe_load(TANKS), duration="20 min").fingerprint, as_file)

    def test_keys_that_yaml_turned_into_something_else_are_refused_with_the_reason(self):
        import yaml

        lost = yaml.safe_load(TANKS)
        lost["rules"]["lower_targets"]["override"] = yaml.safe_load("{target: tanks, on: 1}")
        error = refused(lambda: looptwin.load(lost))
        self.assertIn("rules.lower_targets.override: the key True is a boolean", str(error))
        self.assertIn("YAML 1.1", str(error))
        self.assertIn("the key 1 is a int", str(refused(lambda: looptwin.load({"models": {1: {}}}))))
        self.assertIn("fleet.tank.0: the key False", str(refused(lambda: looptwin.load({"fleet": {"tank": [{False: 1}]}}))))
        self.assertIn("None is no value", str(refused(lambda: looptwin.load({"scenario": None}))))
        self.assertIn("nan", str(refused(lambda: looptwin.load({"duration": float("nan")}))))

    def test_a_setting_is_that_of_the_command_line(self):
        scenario = looptwin.load("tanks.yaml", set={"fleet.tank.count": 12})
        scenario["models.tank.parameters.demand.default"] = "1 L/s"
        told = fingerprint_of("tanks.yaml", "--set", "fleet.tank.count=12", "--set",
                              "models.tank.parameters.demand.default=1 L/s", "--seed", "5", "--duration", "30 min")
        self.assertEqual(looptwin.run(scenario, seed=5, duration=1800).fingerprint, told)

    def test_a_refused_setting_changes_nothing_even_beside_good_ones(self):
        scenario = looptwin.load("tanks.yaml")
        refused(lambda: scenario.set({"seed": 4, "fleet.tank.cuont": 3}))
        refused(lambda: scenario.set({"seed": 4, "duration": "5 kg"}))
        self.assertEqual(dict(scenario.settings), {})
        self.assertEqual(scenario.seed, 1)
        scenario["seed"] = 4
        self.assertEqual(scenario.seed, 4)

    def test_what_would_set_nothing_is_refused(self):
        scenario = looptwin.load("tanks.yaml")
        with self.assertRaisesRegex(AttributeError, "write scenario\\[\"duration\"\\] = '3 h'"):
            scenario.duration = "3 h"
        with self.assertRaises(AttributeError):
            scenario.durration = "3 h"

    def test_a_copy_is_changed_alone(self):
        scenario = looptwin.load("tanks.yaml")
        other = scenario.copy()
        other["seed"] = 9
        self.assertEqual((scenario.seed, other.seed), (1, 9))

    def test_a_run_of_a_text_can_be_replayed_from_its_folder(self):
        looptwin.run(TANKS, duration="5 min", out="run", set={"input_log": True})
        told = command_line("replay", "run")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertTrue(json.loads(pathlib.Path("run/resume.json").read_text())["kept"])


if __name__ == "__main__":
    unittest.main()

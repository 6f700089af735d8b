"""Everything public, called with what it cannot take: who did so reads what to write instead."""
import importlib.util
import inspect
import re
import unittest

import looptwin
import numpy as np
from common import InFolder

if importlib.util.find_spec("matplotlib"):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["figure.max_open_warning"] = 0

WRONG = [None, 3.5, "x", [], object(), b"y", {}, -1, 2**70, float("nan"), float("inf"), [3.5], (None,), {3: 4}]
#: What the extension module, or Python itself within our functions, says of a wrong type.
INTERNAL = re.compile(r"incompatible (function|constructor)|_looptwin|has no attribute|unsupported operand|not iterable|"
                      r"expected str|__\w+__|nvoked with|NoneType|object object at|has no len|unsized|not subscriptable|"
                      r"must be real|cannot be interpreted|Unable to cast|must be str|unhashable|cannot convert")
#: What parameters without a default are given where another one is wrong.
RIGHT = {"scenario": "tanks.yaml", "source": "tanks.yaml", "run": "run", "model": "tank", "name": "level",
         "device": "main/tank-1", "devices": "**", "field": "level", "fields": ["level"], "kind": "stuck",
         "alarm": "low_level", "at": "5 min", "other": "run", "settings": {}, "values": {"seed": [1]}, "by": "1 s",
         "observe": ["site.lowest"], "act": ["lowest"], "reward": lambda sim: 0.0, "num_envs": 1, "path": "duration",
         "value": "1 h", "action": [1.0], "actions": [[1.0]], "is_": "condition", "log": "decisions", "first": 0}
EPISODE = {"observe": ["site.lowest"], "act": ["lowest"], "reward": lambda sim: 0.0, "duration": "10 min"}
#: Classes that people derive from, and a warning of Python's.
NOT_CALLED = ("Controller", "Feed", "Physics", "Plant", "SweepWarning")


def methods(one):
    for name in dir(type(one)):
        if not name.startswith("_") or name in ("__getitem__", "__setitem__"):
            if inspect.isfunction(getattr(type(one), name)):
                yield name, getattr(one, name)


class Arguments(InFolder):
    def setUp(self):
        super().setUp()
        run = looptwin.run("tanks.yaml", out="run", duration="2 min")
        sim = self._stack.enter_context(looptwin.Simulation("tanks.yaml", duration="1 h"))
        sim.advance("1 min")
        env = self._stack.enter_context(looptwin.Env("tanks.yaml", **EPISODE))
        envs = self._stack.enter_context(looptwin.VectorEnv("tanks.yaml", 1, **EPISODE))
        env.reset()
        envs.reset()
        self.there = [looptwin.load("tanks.yaml"), run, run.folder, sim, sim["main/tank-1"], sim["main/tank-1"].desired,
                      env, envs, looptwin.env.Box(0, 1, (1,)), looptwin.env.Discrete(2),
                      run.telemetry("**", "level"), run.explain(), run.explain().lines[0],
                      run.diff("run")]

    def tearDown(self):
        if importlib.util.find_spec("matplotlib"):
            plt.close("all")
        super().tearDown()

    def public(self):
        for name in looptwin.__all__:
            if callable(getattr(looptwin, name)) and name not in NOT_CALLED:
                yield name, getattr(looptwin, name)
        for one in self.there:
            for name, method in methods(one):
                if name not in ("close", "finish"):
                    yield f"{type(one).__name__}.{name}", method

    def test_of_any_argument_of_a_wrong_type_it_is_said_what_to_write(self):
        calls, raw = 0, []
        for where, function in self.public():
            taken = [one for one in inspect.signature(function).parameters.values()
                     if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
            for wrong in taken:
                for value in WRONG:
                    given = {one.name: value if one is wrong else RIGHT.get(one.name, "x") for one in taken
                             if one is wrong or one.default is one.empty}
                    if where == "VectorEnv":
                        given = {**EPISODE, **given}
                    calls += 1
                    try:
                        function(**given)
                    except Exception as error:  # noqa: BLE001
                        if INTERNAL.search(str(error)):
                            raw.append(f"{where}({wrong.name}={value!r}): {error}")
        self.assertEqual(raw, [])
        self.assertGreater(calls, 2000)

    def test_what_is_said(self):
        sim, run = self.there[3], self.there[1]
        for call, said in (
                (lambda: sim.column(3.5, "level"), "model=3.5: write a text"),
                (lambda: sim.advance(None), "by=None: write a span of time, \"5 min\", seconds as a number, or a timedelta"),
                (lambda: sim.frame("tank", "level"), "names='level': write a list: ['level']"),
                (lambda: sim[0], "device=0: write a text"),
                (lambda: run.devices(3.5), "pattern=3.5: write a text, or a list of texts"),
                (lambda: run.devices(["main", 3]), "pattern=['main', 3]: write a text, or a list of texts"),
                (lambda: run.plot("**", "level", ax=3), "ax=3: write a matplotlib.Axes, or None"),
                (lambda: run.diff(sim), "other=<Simulation>: write a looptwin.Run, a looptwin.RunFolder, or a path"),
                (lambda: looptwin.load(None), "source=None: write a path, or a dict"),
                (lambda: looptwin.run("tanks.yaml", set={3: 4}), "set={3: 4}: write a dict by texts, or None"),
                (lambda: looptwin.Scenario("tanks.yaml"), "a scenario is loaded: write looptwin.load(...)")):
            with self.subTest(said=said), self.assertRaises(TypeError) as caught:
                call()
            self.assertEqual(str(caught.exception), said)
        for call, said in ((lambda: sim.decisions_from(-1), "first=-1: write 0 or more"),
                           (lambda: run.diff("run", show=-1), "show=-1: write 0 or more"),
                           (lambda: looptwin.Simulation("tanks.yaml", threads=2**70), f"threads={2**70}: write 0 to 1024")):
            with self.subTest(said=said), self.assertRaises(ValueError) as caught:
                call()
            self.assertEqual(str(caught.exception), said)

    def test_what_is_one_in_another_way_is_taken(self):
        sim, run = self.there[3], self.there[1]
        self.assertEqual(len(sim.frame("tank", np.array(["level"]))), 10)
        self.assertEqual(len(sim.frame("tank", (one for one in ["level"]))), 10)
        self.assertEqual(sim.advance(np.float32(1)), 61)
        self.assertEqual(sim.advance(np.int64(1)), 62)
        self.assertEqual(len(sim.decisions_from(np.int64(0))), len(sim.decisions))
        self.assertEqual(run.devices({"main/tank-1", "main"}), ["main", "main/tank-1"])


if __name__ == "__main__":
    unittest.main()

"""Nothing stays behind: simulations, folders and classes that are let go, in one thread and in several."""
import gc
import pathlib
import sys
import threading
import unittest
import weakref

import looptwin
import numpy as np
from common import InFolder

GENEROUS_KIB = 6000


def resident_kib():
    gc.collect()
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Leaks(InFolder):
    def grows(self, once, times):
        """KiB by which the process grows in `times` turns, after as many in which it settles."""
        for _ in range(times):
            once()
        before = resident_kib()
        for _ in range(times):
            once()
        return resident_kib() - before

    def test_simulations_that_are_opened_stepped_struck_and_closed(self):
        def once():
            with looptwin.Simulation("tanks.yaml", set={"fleet.tank.count": 1000}) as sim:
                sim.inject("main/tank-1", "stuck", sensor="level")
                sim.advance("1 min")
                sim.frame("tank", ["level", "status"])
                sim.decisions

        # One simulation of a thousand tanks takes more than this many times over.
        self.assertLess(self.grows(once, 15), GENEROUS_KIB)

    def test_folders_that_are_read_explained_and_compared(self):
        looptwin.run("tanks.yaml", out="run", duration="20 min")

        def once():
            run = looptwin.open("run")
            run.telemetry("**", "level_mean", every="1 min").to_xarray()
            run.explain(run.events.id.iloc[0])
            run.diff("run")

        self.assertLess(self.grows(once, 20), GENEROUS_KIB)

    def test_errors_hold_nothing(self):
        def once():
            for what in (lambda: looptwin.load("tanks.yaml", set={"fleet.tank.cuont": 3}), lambda: looptwin.open("x")):
                try:
                    what()
                except (looptwin.ScenarioError, looptwin.RunError):
                    pass

        self.assertLess(self.grows(once, 200), GENEROUS_KIB)

    def test_objects_go_with_the_last_who_holds_them(self):
        made = []

        class Drops(looptwin.Plant):
            elements = {"drop": 3}
            outputs = {"drop.size": "mm"}

            def __init__(self):
                made.append(weakref.ref(self))

            def advance(self, dt, inputs):
                pass

            def read(self):
                return {"drop.size": 1.0}

        looptwin.register("drops", Drops)
        scenario = looptwin.load("scenario: rain\nduration: 1 h\nplants: {sky: {python: {class: drops}}}\n"
                                 "models: {gauge: {relations: {drop: {to: sky_drop, inverse: gauges}}}}\n"
                                 "fleet: {gauge: {per: sky_drop, id: \"{sky_drop}/gauge\"}}\n")
        with looptwin.Simulation(scenario) as sim:
            sim.advance(5)
            with sim.fork() as fork:
                fork.advance(5)
        del sim, fork
        gc.collect()
        self.assertGreater(len(made), 2)
        self.assertEqual([one for one in made if one() is not None], [])
        progress = [0]
        count = sys.getrefcount(progress)
        looptwin.run("tanks.yaml", duration="1 min", progress=lambda now, end: progress.append(now))
        self.assertEqual(sys.getrefcount(progress), count)

    def test_two_threads_with_a_simulation_each_decide_what_they_decide_alone(self):
        alone = [looptwin.run("tanks.yaml", seed=seed, duration="1 h").fingerprint for seed in (1, 2)]
        decided, failed = {}, []

        def run(seed):
            try:
                with looptwin.Simulation("tanks.yaml", seed=seed, duration="1 h") as sim:
                    while sim.time < sim.end:
                        sim.advance("5 min")
                        np.asarray(sim.column("tank", "level")).sum()
                        with sim.fork() as fork:
                            fork.advance(min(60, fork.end - fork.time))
                    decided[seed] = sim.fingerprint
            except Exception as error:  # noqa: BLE001
                failed.append(error)

        threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual([decided[1], decided[2]], alone)

    def test_threads_whose_simulations_call_python_do_not_wait_for_each_other_for_ever(self):
        class Sway(looptwin.Plant):
            elements = {"mast": 50}
            outputs = {"mast.lean": "deg"}

            def __init__(self, seed=0):
                self.lean, self.seed = np.zeros(50), seed

            def advance(self, dt, inputs):
                self.lean = np.sin(np.arange(50) + self.seed) * (1 + self.lean / 10)

            def read(self):
                return {"mast.lean": self.lean}

        looptwin.register("sway", Sway)
        looptwin.register("twice", lambda lean: 2 * lean)
        scenario = looptwin.load(
            "scenario: yard\nduration: 10 min\nplants: {yard: {python: {class: sway}}}\n"
            "models: {meter: {relations: {mast: {to: yard_mast, inverse: meters}}, physics: {inputs: {angle: mast.lean}},\n"
            "  telemetry: {lean: {from: angle, unit: deg, every: 5 s, range: [-90, 90], resolution: 0.1}}}}\n"
            "fleet: {meter: {per: yard_mast, id: \"{yard_mast}/meter\"}}\n"
            "functions: {double: {each: meter, of: [lean], unit: deg, python: {class: twice}}}\n"
            "events: {leans: {each: meter, raise: double > 1.5 deg}}\n")
        alone = [looptwin.run(scenario, seed=seed, threads=2).fingerprint for seed in range(4)]
        self.assertEqual(len(set(alone)), 4)
        decided = {}

        def run(seed):
            decided[seed] = looptwin.run(scenario, seed=seed, threads=2).fingerprint

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([decided[seed] for seed in range(4)], alone)


if __name__ == "__main__":
    unittest.main()

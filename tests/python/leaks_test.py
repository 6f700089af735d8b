"""Nothing stays behind: simulations, folders and classes that are let go, in one thread and in several."""
import ctypes
import gc
import os
import sys
import tempfile
import threading
import unittest
import weakref
import xml.etree.ElementTree

import looptwin
import numpy as np
from common import InFolder

# What caches may keep without anybody's doing.
NOISE_KIB = 60


def allocated_kib():
    """What is in use of what malloc has given out: unlike the resident size it says the same each time."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as said:
        file = ctypes.c_void_p(libc.fopen(said.name.encode(), b"w"))
        libc.malloc_info(0, file)
        libc.fclose(file)
        whole = xml.etree.ElementTree.fromstring(said.read())  # after its heaps what they sum up to
    size = {one.get("type"): int(one.get("size")) for one in (*whole.findall("total"), *whole.findall("system"))}
    return (size["current"] - size["fast"] - size["rest"] + size["mmap"]) / 1024


def counts():
    """Open files and threads of this process."""
    return tuple(len(os.listdir(f"/proc/self/{what}")) for what in ("fd", "task"))


class Leaks(InFolder):
    def holds_nothing(self, once, times):
        """In `times` turns, after as many in which caches fill, what is allocated stays the same, and nothing of what `once`
        returns lives on. What it would be, were that kept, is measured too: a leak of it could be seen."""
        for _ in range(times):
            once()
        gone, before, had = [], allocated_kib(), counts()
        for _ in range(times):
            gone += [weakref.ref(one) for one in once()]
        grown = allocated_kib() - before
        self.assertEqual([one() for one in gone if one() is not None], [])
        self.assertEqual(counts(), had)
        before = allocated_kib()
        kept = [once() for _ in range(times)]
        would_be = allocated_kib() - before
        self.assertGreater(would_be, 2 * NOISE_KIB, f"{len(kept)} turns are too few to see a leak")
        self.assertLess(grown, NOISE_KIB)

    def test_simulations_that_are_opened_stepped_struck_and_closed(self):
        def once():
            sim = looptwin.Simulation("tanks.yaml", set={"fleet.tank.count": 1000}, threads=2)
            sim.inject("main/tank-1", "stuck", sensor="level")
            sim.advance("1 min")
            fork = sim.fork()
            sim.frame("tank", ["level", "status"])
            return sim, fork, sim._simulation, fork._simulation, sim.column("tank", "level", si=True)

        self.holds_nothing(once, 10)

    def test_folders_that_are_read_explained_and_compared(self):
        looptwin.run("tanks.yaml", out="run", duration="2 h", set={"fleet.tank.count": 100})

        def once():
            run = looptwin.open("run")
            level = run.telemetry("**", "level_mean", every="1 min")
            why = run.explain(run.events.id.iloc[0])
            return run, run._reader, level, level.values, why, run.diff("run"), level.to_xarray()

        self.holds_nothing(once, 8)

    def test_errors_hold_nothing(self):
        def once():
            held = []
            for what in (lambda: looptwin.load("tanks.yaml", set={"fleet.tank.cuont": 3}), lambda: looptwin.open("x"),
                         lambda: looptwin.load("scenario: x\nmodels: 3\n")):
                try:
                    what()
                except (looptwin.ScenarioError, looptwin.RunError) as error:
                    held.append(error)
            return (*held, looptwin.load("tanks.yaml")._source)

        self.holds_nothing(once, 300)

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

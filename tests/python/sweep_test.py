"""Sweeps: a row a point, on processes and on a Dask cluster; what fails is a row, what is done is not done again."""
import functools
import importlib.util
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import unittest
import warnings

import looptwin
import numpy as np
from common import InFolder, TANKS
from looptwin.measure_key import Unkeyable, code_of
from looptwin.scenario_files import ScenarioFiles
from looptwin.sweep_point import Task, run_point

DEMAND = "models.tank.parameters.demand.default"


def files_of(folder):
    return sorted(pathlib.Path(folder, "points").iterdir())


class Sweeping(InFolder):
    def test_a_point_is_the_run_with_its_values(self):
        frame = looptwin.sweep("tanks.yaml", {DEMAND: ["0.8 L/s", "1 L/s"], "seed": [3, 4]}, duration="20 min")
        self.assertEqual(frame[[DEMAND, "seed"]].values.tolist(),
                         [["0.8 L/s", 3], ["0.8 L/s", 4], ["1 L/s", 3], ["1 L/s", 4]])
        for _, row in frame.iterrows():
            run = looptwin.run("tanks.yaml", duration="20 min", seed=row.seed, set={DEMAND: row[DEMAND]})
            self.assertEqual(row.fingerprint, run.fingerprint)
            self.assertEqual(row.commands_issued, run.summary["commands_issued"])
            self.assertEqual(row["no tank overflows: robustness"],
                             min(verdict.robustness for verdict in run.requirements))
        self.assertEqual(frame.attrs["units"]["no tank overflows: robustness"], "m")
        self.assertGreater(frame.fingerprint.nunique(), 1)
        self.assertTrue(frame.held.all() and frame.held.dtype == bool)
        self.assertNotIn("wall_s", frame)

    def test_points_may_be_listed_and_twice_the_same_runs_once(self):
        points = [{"seed": 1}, {"seed": 2, DEMAND: "1 L/s"}, {"seed": 1}]
        frame = looptwin.sweep("tanks.yaml", points, duration="2 min", folder="kept")
        self.assertEqual(frame.fingerprint[0], frame.fingerprint[2])
        self.assertEqual(frame[DEMAND].tolist(), [None, "1 L/s", None])
        self.assertEqual(len(files_of("kept")), 2)

    def test_a_measure_reads_the_run_and_may_be_a_lambda(self):
        frame = looptwin.sweep("tanks.yaml", {"seed": [1, 2]}, duration="30 min", measure=lambda run: {
            "highest": np.nanmax(run.telemetry("**", "level_maximum", every="1 min").values), "pid": os.getpid()})
        self.assertTrue(((frame.highest > 1) & (frame.highest < 4)).all())
        self.assertEqual(len({*frame.pid, os.getpid()}), 3)
        def fullest(run):
            return run.summary["devices"]

        self.assertIn("fullest", looptwin.sweep("tanks.yaml", {"seed": [1]}, duration="1 min", measure=fullest))

    def test_what_fails_is_a_row_that_says_why_and_is_tried_again(self):
        def measure(run):  # the main is a device as well
            if run.summary["devices"] == 12:
                os.kill(os.getpid(), signal.SIGKILL)
            if run.summary["devices"] == 13:
                raise ValueError("thirteen")

        counts = {"fleet.tank.count": [10, 11, 12]}
        with self.assertWarnsRegex(looptwin.SweepWarning, "2 of 3 points failed"):
            frame = looptwin.sweep("tanks.yaml", counts, duration="1 min", measure=measure, folder="kept")
        self.assertEqual(frame.state.tolist(), ["reached_end", "failed", "failed"])
        self.assertIn("killed by SIGKILL", frame.error[1])
        self.assertRegex(frame.error[2], "measure: ValueError: thirteen .measure, line")
        self.assertTrue(np.isnan(frame.devices[1]))
        kept = json.loads(next(path for path in files_of("kept") if "thirteen" in path.read_text()).read_text())
        self.assertEqual(kept["settings"]["fleet.tank.count"], "12")

    def test_a_measure_cannot_take_the_place_of_the_sweep_s_own_columns(self):
        def held(run):
            return 3

        for taken in ("seed", "state", "run", "simulated_s", "no tank overflows: robustness", DEMAND):
            with self.assertWarnsRegex(looptwin.SweepWarning, f"has a column '{taken}' of its own: give it another name"):
                frame = looptwin.sweep("tanks.yaml", [{"seed": 1}, {"seed": 2, DEMAND: "1 L/s"}], duration="1 min",
                                       measure=lambda run: {"good": 1, taken: 99})
            self.assertEqual(frame.seed.tolist(), [1, 2])
            self.assertEqual(frame.state.tolist(), ["failed", "failed"])
        with self.assertWarnsRegex(looptwin.SweepWarning, "'held'"):
            looptwin.sweep("tanks.yaml", {"seed": [1]}, duration="1 min", measure=held)

    def test_what_is_done_is_not_run_again_and_what_changed_is(self):
        def sweep(**other):
            return looptwin.sweep("tanks.yaml", {"seed": [1, 2]}, folder="kept", **{"duration": "2 min", **other})

        sweep()
        for path in files_of("kept"):  # a mark that only a reader of these files can know
            record = json.loads(path.read_text())
            record["summary"]["decisions"] = 12345
            path.write_text(json.dumps(record))
        self.assertEqual(sweep().decisions.tolist(), [12345, 12345])
        self.assertEqual(len(files_of("kept")), 2)
        self.assertNotIn(12345, sweep(duration="3 min").decisions.tolist())
        self.assertNotIn(12345, sweep(measure=lambda run: 1).decisions.tolist())
        self.assertEqual(len(files_of("kept")), 6)
        sweep(measure=lambda run: 1)
        self.assertEqual(len(files_of("kept")), 6)
        sweep(measure=lambda run: 2)
        self.assertEqual(len(files_of("kept")), 8)
        pathlib.Path("tanks.yaml").write_text(TANKS.replace("capacity: {default: 3 L/s}", "capacity: {default: 4 L/s}"))
        self.assertNotIn(12345, sweep().decisions.tolist())

    def test_a_measure_is_the_same_while_all_that_it_depends_on_is(self):
        def measures(limit=25, factor=1, word="a", made="return 1", helped="return 1", module="K = 1"):
            """The same texts each time, as a notebook's cells: what they are called is in their own globals."""
            pathlib.Path("helping.py").write_text(module + "\n", encoding="utf-8")
            sys.modules.pop("helping", None)
            names = {"__name__": "__main__"}
            exec(compile(f"""
import functools, dataclasses, types
import numpy as np
import helping
LIMIT = {limit}
CASES = types.SimpleNamespace(first=np.arange({limit}), second=[{{"x": (1, {limit})}}])
def helper(run):
    {helped}
@functools.lru_cache
def cached(k):
    {helped}
def by_global(run):
    return LIMIT
def by_case(run):
    return float(CASES.first.sum())
def by_helper(run):
    return helper(run) + np.nan
def by_cache(run):
    return cached(1)
def by_module(run):
    return helping.K
def of(run, k, word=""):
    {made}
partial = functools.partial(of, k={factor}, word="{word}")
nested = functools.partial(lambda run, f: f(run), f=partial)
@dataclasses.dataclass
class Called:
    factor: int
    def __call__(self, run):
        {made}
class Method:
    def __init__(self, factor):
        self.factor = factor
    def measure(self, run):
        return helper(run)
called, method = Called({factor}), Method({factor}).measure
held = functools.partial(of, k=types.SimpleNamespace(of=Called({factor})))
""", "cell", "exec"), names)
            return {name: code_of(names[name]) for name in kinds}

        kinds = ("by_global", "by_case", "by_helper", "by_cache", "by_module", "partial", "nested", "called", "method", "held")
        self.addCleanup(sys.modules.pop, "helping", None)
        self.addCleanup(sys.path.remove, os.getcwd())
        sys.path.insert(0, os.getcwd())
        before = measures()
        self.assertEqual(measures(), before)
        for change, others in (({"limit": 30}, {"by_global", "by_case"}),
                               ({"factor": 2}, {"partial", "nested", "called", "method", "held"}),
                               ({"word": "b"}, {"partial", "nested"}),
                               ({"made": "return 2"}, {"partial", "nested", "called", "held"}),
                               ({"helped": "return 2"}, {"by_helper", "by_cache", "method"}),
                               ({"module": "K = 2"}, {"by_module"})):
            with self.subTest(change=change):
                after = measures(**change)
                self.assertEqual({name for name in kinds if after[name] != before[name]}, others)
        with self.assertRaisesRegex(Unkeyable, "TextIOWrapper"):
            code_of(functools.partial(print, file=sys.__stdout__))

    def test_a_measure_that_cannot_be_compared_runs_anew(self):
        with open("said.txt", "w", encoding="utf-8") as file:
            for _ in range(2):
                with self.assertWarnsRegex(looptwin.SweepWarning, "TextIOWrapper.*anew"):
                    looptwin.sweep("tanks.yaml", {"seed": [1]}, duration="1 min", folder="kept",
                                   measure=lambda run: print("measured", file=file, flush=True))
        self.assertEqual(pathlib.Path("said.txt").read_text(encoding="utf-8"), 2 * "measured\n")

    def test_runs_are_kept_where_that_is_asked_for(self):
        frame = looptwin.sweep("tanks.yaml", {"seed": [1, 2]}, duration="2 min", folder="kept", keep_runs=True)
        self.assertEqual([looptwin.open(path).fingerprint for path in frame.run], frame.fingerprint.tolist())
        with self.assertRaisesRegex(TypeError, "folder="):
            looptwin.sweep("tanks.yaml", {"seed": [1]}, keep_runs=True)

    def test_what_is_refused_is_refused_before_anything_runs(self):
        for values, error in (({"models.tank.parameters.demnd.default": ["1 L/s"]}, looptwin.ScenarioError),
                              ({DEMAND: ["1 L/s", "1 Ls/"]}, looptwin.ScenarioError),
                              ({DEMAND: "1 L/s"}, TypeError), ({DEMAND: []}, ValueError), ([], ValueError)):
            with self.subTest(values=values), self.assertRaises(error):
                looptwin.sweep("tanks.yaml", values, folder="kept")
        self.assertFalse(os.path.exists("kept"))

    def test_ctrl_c_stops_all_and_the_same_sweep_goes_on_from_there(self):
        code = ("import looptwin, multiprocessing, os, signal\n"
                "def told(done, of):\n"
                "    os.kill(0, signal.SIGINT)\n"
                "try:\n"
                "    looptwin.sweep('tanks.yaml', [{'duration': '5 min'}, {'duration': '20000 d'}], folder='kept',\n"
                "                   processes=2, progress=told)\n"
                "except KeyboardInterrupt:\n"
                "    print('stopped', len(multiprocessing.active_children()))\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300,
                              start_new_session=True)
        self.assertEqual(told.stdout, "stopped 0\n", told.stderr)
        self.assertEqual([json.loads(path.read_text())["summary"]["simulated_s"] for path in files_of("kept")], [300])

    def test_classes_of_the_scenario_are_among_what_it_is_read_from(self):
        pathlib.Path("more.py").write_text("def twice(level):\n    return 2 * level\n", encoding="utf-8")
        pathlib.Path("twice.yaml").write_text(TANKS + (
            'functions:\n  twice: {each: tank, of: [level], unit: m, python: {class: "more:twice"}}\n')
            .replace("raise: level < lowest", "raise: twice < lowest"), encoding="utf-8")
        before = ScenarioFiles(looptwin.load("twice.yaml")._made)
        frame = looptwin.sweep("twice.yaml", {"seed": [1, 2]}, duration="1 min")
        self.assertEqual(frame.error.tolist(), ["", ""])
        pathlib.Path("more.py").write_text("def twice(level):\n    return 3 * level\n", encoding="utf-8")
        self.assertNotEqual(ScenarioFiles(before.made).digest, before.digest)

    def test_a_scenario_is_what_it_was_when_the_sweep_began(self):
        os.mkdir("parts")
        main = 'models:\n  main:\n    parameters: {limit: {default: 20 L/s}}\n'
        pathlib.Path("parts/main.yaml").write_text(main)
        pathlib.Path("tanks.yaml").write_text(TANKS.replace("models:\n  main:\n    parameters: {limit: {default: 20 L/s}}\n",
                                                            "use: [parts/main.yaml]\nmodels:\n"))
        before = looptwin.run("tanks.yaml", duration="10 min").fingerprint
        files = pickle.loads(pickle.dumps(ScenarioFiles(looptwin.load("tanks.yaml")._made)))
        pathlib.Path("parts/main.yaml").write_text(main.replace("20", "31"))
        with files.scenario() as scenario:
            self.assertEqual(looptwin.run(scenario, duration="10 min").fingerprint, before)
        self.assertNotEqual(looptwin.run("tanks.yaml", duration="10 min").fingerprint, before)
        self.assertNotEqual(ScenarioFiles(files.made).digest, files.digest)


@unittest.skipUnless(importlib.util.find_spec("distributed"), "python3-distributed is not installed")
class OnACluster(InFolder):
    def test_two_workers_give_what_processes_give_without_the_scenario_s_files(self):
        from distributed import Client, LocalCluster

        values = {"seed": range(4), DEMAND: ["0.8 L/s", "1 L/s"]}

        def measure(run):
            return {"rows": len(run.decisions), "pid": os.getpid()}

        here = looptwin.sweep("tanks.yaml", values, duration="5 min", measure=measure)
        scenario = looptwin.load("tanks.yaml")
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory="dask") as cluster, \
                Client(cluster) as client:
            with warnings.catch_warnings():
                warnings.simplefilter("error", looptwin.SweepWarning)
                there = looptwin.sweep(scenario, values, duration="5 min", measure=measure, client=client, folder="kept")
            self.assertEqual(there.drop(columns="pid").to_dict(), here.drop(columns="pid").to_dict())
            self.assertEqual(there.pid.nunique(), 2)
            self.assertEqual(len(files_of("kept")), 8)
            # Without its files on the worker's machine.
            files = ScenarioFiles(scenario._made)
            os.remove("tanks.yaml")
            task = Task("", [(DEMAND, "1 L/s"), ("seed", "3"), ("duration", "5 min")], None)
            sent = client.submit(run_point, files, None, task, pure=False).result()
            self.assertEqual(sent["fingerprint"], here[(here.seed == 3) & (here[DEMAND] == "1 L/s")].fingerprint.iloc[0])
            pathlib.Path("tanks.yaml").write_text(TANKS, encoding="utf-8")
            with self.assertWarns(looptwin.SweepWarning):
                bad = looptwin.sweep(scenario, {"seed": [1, 2]}, duration="1 min", client=client,
                                     measure=lambda run: 1 / 0)
            self.assertEqual(bad.state.tolist(), ["failed", "failed"])
            self.assertIn("ZeroDivisionError", bad.error[0])

    def test_a_point_that_kills_its_worker_fails_and_the_others_are_done(self):
        from distributed import Client, LocalCluster

        def die(run):
            if run.summary["devices"] == 13:  # the main is a device as well
                os._exit(1)
            return 1

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory="dask") as cluster, \
                Client(cluster) as client, self.assertWarnsRegex(looptwin.SweepWarning, "of 4 points failed"):
            frame = looptwin.sweep("tanks.yaml", {"fleet.tank.count": [10, 11, 12, 13]}, duration="1 min", client=client,
                                   measure=die)
        self.assertIn("KilledWorker", frame.error[2])
        self.assertEqual(frame.state[2], "failed")
        # Dask may give up a point that waited at the same worker each time.
        self.assertGreaterEqual(frame.state.tolist().count("reached_end"), 2)


if __name__ == "__main__":
    unittest.main()

"""Run folders read from Python: what was recorded, in its units, whether the run ended or was killed."""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import looptwin
import numpy as np
from common import InFolder, TANKS, command_line


class Reading(InFolder):
    def test_where_there_is_no_run_or_none_yet_it_is_said_which_and_what_to_do(self):
        for name in ("runs/empty", "begun.7-0.creating"):
            pathlib.Path(name).mkdir(parents=True)
        looptwin.run("tanks.yaml", out="runs/mine", duration="1 min")
        for path, said in (("nowhere", "there is no run's folder .*nowhere\n.*as soon as the scenario has been built"),
                           ("begun", "begun is not a run's folder yet: a run has just begun it, or was killed then"),
                           ("begun/", "begun/? is not a run's folder yet"),
                           ("runs", "it has no manifest.json\n.*one of the runs in it, as .*runs/mine$"),
                           ("runs/empty", "it has no manifest.json\n.*a folder that looptwin run has written"),
                           ("tanks.yaml", "tanks.yaml is a file, not a run's folder")):
            with self.subTest(path=path):
                for work in (lambda: looptwin.open(path), lambda: looptwin.open("runs/mine").diff(path)):
                    with self.assertRaisesRegex(looptwin.RunError, said):
                        work()
                for command in (["info", path], ["export", path, "x.h5"], ["explain", path], ["diff", "runs/mine", path]):
                    told = command_line(*command)
                    self.assertEqual(told.returncode, 2)
                    self.assertRegex(told.stderr.rstrip("\n"), said)

    def test_a_run_that_has_just_begun_is_read_with_what_is_there(self):
        with looptwin.Simulation("tanks.yaml", out="run/") as sim:
            begun = looptwin.open("run")
            self.assertEqual((begun.summary["state"], begun.damage, len(begun.decisions)), ("running", [], 0))
            self.assertEqual(begun.telemetry("**", "level_mean", every="1 min").values.shape, (10, 0))
            self.assertEqual(command_line("info", "run").returncode, 0)
            sim.advance("5 min")
        self.assertGreater(len(looptwin.open("run").decisions), 0)

    def test_samples_are_those_that_the_loop_saw(self):
        pathlib.Path("raw.yaml").write_text(TANKS + 'history:\n  tank: {raw: "main/tank-?"}\n', encoding="utf-8")
        with looptwin.Simulation("raw.yaml", out="run", duration="10 min") as sim:
            seen = {}
            for _ in range(120):
                sim.advance(5)
                seen[sim.time] = sim["main/tank-3"].level
        level = looptwin.open("run").telemetry("main/tank-3", "level", end="9 min")
        self.assertEqual((level.devices, level.unit, len(level.time)), (["main/tank-3"], "m", 108))
        self.assertTrue(0 <= level.offset[0] < 5)
        for slot, begin in enumerate(level.time):
            self.assertAlmostEqual(level.values[0, slot], seen[begin + 10], delta=0.021)
        self.assertAlmostEqual(level.values[0, 0], 1.5, delta=0.02)
        with self.assertRaises(KeyError):  # the scenario's pattern does not match it
            looptwin.open("run").telemetry("main/tank-10", "level")

    def test_a_choice_of_time_is_a_part_of_the_whole(self):
        looptwin.run("tanks.yaml", out="run", duration="2 h")
        run = looptwin.open("run")
        whole = run.telemetry("**", "level_mean", every="1min")
        part = run.telemetry("**", "level_mean", every="1min", start="30 min", end=3600)
        self.assertEqual(part.time[0], 1800)
        self.assertEqual(len(part.time), 30)
        np.testing.assert_array_equal(part.values, whole.values[:, 30:60])
        frame, array = part.to_pandas(), part.to_xarray()
        self.assertEqual(frame.shape, (30, 10))
        self.assertEqual(str(frame.index[0]), "2024-06-03 06:30:00")
        self.assertEqual(array.attrs["units"], "m")
        some = run.telemetry("main/tank-1*", "level_mean", every="1min")  # the first and the last row
        self.assertEqual(some.devices, ["main/tank-1", "main/tank-10"])
        np.testing.assert_array_equal(some.values, whole.values[[0, 9]])
        self.assertEqual(run.telemetry("**", "level_mean", every="1min", start="3 h").values.shape, (10, 0))
        self.assertEqual(float(array.sel(device="main/tank-4")[3]), frame["main/tank-4"].iloc[3])

    def test_decisions_are_those_of_the_simulation(self):
        with looptwin.Simulation("tanks.yaml", out="run", duration="20 min") as sim:
            sim.advance("20 min")
            decided = sim.decisions
        run = looptwin.open("run")
        self.assertGreater(len(decided), 20)
        self.assertEqual(run.decisions.id.tolist(), decided.id.tolist())
        self.assertEqual(run.decisions.at_s.tolist(), decided.at_s.tolist())
        self.assertEqual(len(run.events) + len(run.commands) + sum(
            not kind.startswith(("event", "command")) for kind in run.decisions.kind), len(run.decisions))
        issued = run.commands[run.commands.kind == "command_issued"]
        self.assertEqual(set(issued.cause) - set(run.decisions.id), set())

    def test_a_killed_run_is_read_up_to_its_last_whole_cycle(self):
        code = ("import looptwin, os, signal\n"
                "sim = looptwin.Simulation('tanks.yaml', out='run')\n"
                "sim.advance('10 min')\n"
                "sim.fork()\n"
                "os.kill(os.getpid(), signal.SIGKILL)\n")
        killed = subprocess.run([sys.executable, "-c", code], timeout=300)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        run = looptwin.open("run")
        self.assertEqual(run.summary["state"], "running")
        self.assertEqual(run.fingerprint, "")
        self.assertLessEqual(run.end, 600)

    def test_what_is_not_there_is_said(self):
        looptwin.run("tanks.yaml", out="run", duration="5 min")
        run = looptwin.open("run")
        for ask, said in ((lambda: run.telemetry("**", "levle"), "level_mean"),
                          (lambda: run.telemetry("nobody", "level_mean"), "no device matches"),
                          (lambda: run.telemetry(["main/tank-1", "main/tnak-2"], "level_mean"), "did you mean 'main/tank-2'"),
                          (lambda: run.telemetry(["main/tank-1", "ma*"], "level_mean"), "no tank, which has the 'level_mean'"),
                          (lambda: run.telemetry("**", "levle"), "did you mean 'level'? It has"),
                          (lambda: run.telemetry("**", "level_mean", every="7 min"),
                           "every 7 min of what matches '**'; it has it every 60 s, 900 s, 3600 s"),
                          (lambda: run.fields("tnak"), "no model 'tnak'; did you mean 'tank'"),
                          (lambda: run.log("decision"), "did you mean 'decisions'")):
            with self.assertRaises(KeyError) as caught:
                ask()
            self.assertIn(said, str(caught.exception))
        with self.assertRaisesRegex(ValueError, "there is no time: write a later end"):
            run.telemetry("**", "level_mean", start="3 min", end="2 min")
        signed = run.decisions.id.astype("int64")
        self.assertEqual(str(run.explain(signed[signed < 0].iloc[0])), str(run.explain(run.decisions.id[signed < 0].iloc[0])))

    def test_a_folder_stays_where_it_is_when_the_working_directory_changes(self):
        with looptwin.Simulation("tanks.yaml", out="run", duration="2 h") as sim:
            sim.advance("30 min")
            here = os.getcwd()
            os.mkdir("elsewhere")
            os.chdir("elsewhere")
            sim.advance("90 min")
            run = sim.finish()
            self.assertEqual(os.listdir(), [])
        self.assertEqual(run.folder.path, pathlib.Path(here, "run"))
        os.chdir(here)
        folder = looptwin.open("run")
        os.chdir("elsewhere")
        self.assertEqual(len(folder.requirements), 10)
        self.assertEqual(folder.telemetry("**", "level_mean", every="1 h").values.shape[0], 10)

    def test_a_field_of_several_models_is_asked_of_one(self):
        deep = TANKS.replace("    parameters: {limit: {default: 20 L/s}}\n", """    parameters: {limit: {default: 20 L/s}}
    telemetry: {level: {from: depth, unit: cm, every: 1 s, range: [0, 400], resolution: 0.1}}
    physics: {states: {depth: 1 m}, rates: {depth: 0 m/s}}
""", 1)
        run = looptwin.run(deep, out="run", duration="20 min").folder
        for ask in (lambda: run.telemetry("**", "level_mean"), lambda: run.plot("**", "level"),
                    lambda: run.dataset(["main", "main/tank-1"], ["level_mean"])):
            with self.assertRaisesRegex(ValueError, r'of main, tank: .*run.devices\(model="main"\)'):
                ask()
        self.assertEqual(run.devices(model="main"), ["main"])
        self.assertEqual(run.devices("**/tank-1*", model="tank"), ["main/tank-1", "main/tank-10"])
        for model, devices, unit, value in (("main", 1, "cm", 100.0), ("tank", 10, "m", None)):
            level = run.telemetry(run.devices(model=model), "level_mean", every="15 min")
            self.assertEqual((level.unit, len(level.devices)), (unit, devices))
            self.assertTrue(value is None or (level.values[:, 0] == value).all())
        with self.assertRaisesRegex(KeyError, "no model 'tnak'; did you mean 'tank'"):
            run.devices(model="tnak")

    def test_a_run_is_read_from_two_threads_while_it_goes_on_and_old_segments_go(self):
        with looptwin.Simulation("tanks.yaml", out="run", duration="12 d", set={"retention": "2 d"}) as sim:
            sim.advance("3 d")
            folder = looptwin.open("run")
            self.assertEqual(folder.damage, [])
            first = folder.telemetry("**", "level_mean").time[0]
            sim.advance("9 d")
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                read = list(pool.map(lambda _: folder.telemetry("**", "level_mean", end="3 d"), range(8)))
            self.assertEqual({level.values.shape for level in read}, {read[0].values.shape})
            self.assertEqual(set(folder.events.kind), {"event_raised", "event_cleared"})
            self.assertGreater(looptwin.open("run").telemetry("**", "level_mean").time[0], first)

    def test_without_pandas_there_are_arrays(self):
        looptwin.run("tanks.yaml", out="run", duration="20 min")
        code = ("import sys; sys.modules['pandas'] = None\n"
                "import looptwin\n"
                "events = looptwin.open('run').events\n"
                "print(type(events).__name__, events['kind'][0], events['at_s'].dtype)\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        self.assertEqual(told.stdout, "dict event_raised float64\n", told.stderr)


if __name__ == "__main__":
    unittest.main()

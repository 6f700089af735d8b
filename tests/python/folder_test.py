"""Run folders read from Python: what was recorded, in its units, whether the run ended or was killed."""
import pathlib
import signal
import subprocess
import sys
import unittest

import looptwin
import numpy as np
from common import InFolder, TANKS


class Reading(InFolder):
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
                          (lambda: run.telemetry("**", "level_mean", every="7 min"), "every 7 min"),
                          (lambda: run.log("decision"), "decisions")):
            with self.assertRaises(KeyError) as caught:
                ask()
            self.assertIn(said, str(caught.exception))
        with self.assertRaises(looptwin.RunError):
            looptwin.open("nowhere")

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

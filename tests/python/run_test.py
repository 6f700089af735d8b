"""Whole runs from Python: the same decisions as the command line's, beside other threads, and stopped."""
import concurrent.futures
import subprocess
import sys
import threading
import time
import unittest

import looptwin
from common import InFolder, ROOT, command_line, fingerprint_of


class Running(InFolder):
    def test_the_fingerprint_is_that_of_the_command_line_at_any_number_of_threads(self):
        told = fingerprint_of("tanks.yaml", "--seed", "7")
        self.assertNotEqual(told, "0" * 32)
        for threads in (1, 2):
            self.assertEqual(looptwin.run("tanks.yaml", seed=7, threads=threads).fingerprint, told)
        self.assertNotEqual(looptwin.run("tanks.yaml", set={"fleet.tank.count": 11}).fingerprint, told)

    def test_a_shipped_scenario_decides_the_same(self):
        path = ROOT / "scenarios" / "gas-pipeline"
        told = fingerprint_of(path, "--duration", "2 h")
        self.assertEqual(looptwin.run(path, duration="2 h").fingerprint, told)

    def test_requirements_and_summary_are_those_of_the_run_folder(self):
        run = looptwin.run("tanks.yaml", out="run", set={"requirements.0.always": "truth(level) < 1.6 m"})
        self.assertFalse(run.held)
        worst = run.requirements[0]
        self.assertEqual((worst.verdict, worst.unit, worst.device), ("violated", "m", "main/tank-1"))
        self.assertLess(worst.robustness, 0)
        self.assertGreater(worst.when, 0)
        self.assertEqual(looptwin.open("run").requirements, run.requirements)
        self.assertEqual(looptwin.open("run").summary, run.summary)
        self.assertEqual(run.summary["state"], "reached_end")

    def test_what_the_command_line_warns_of_is_in_the_run(self):
        long = {"requirements.0.always": "eventually(truth(level) > 0 m, within=3 h)"}
        run = looptwin.run("tanks.yaml", set=long, duration="1 min")
        self.assertEqual([problem.severity for problem in run.warnings], ["warning"])
        self.assertIn("takes 3 h", run.warnings[0].message)
        self.assertEqual(looptwin.run("tanks.yaml", duration="1 min").warnings, [])

    def test_a_bar_is_shown_where_it_is_asked_for_and_gone_at_the_end(self):
        code = ("import looptwin\n"
                "looptwin.run('tanks.yaml', duration='10 min', progress=WANTED)\n")
        for wanted, shown in (("True", True), ("False", False), ("None", False)):  # None: nobody looks at a pipe
            told = subprocess.run([sys.executable, "-c", code.replace("WANTED", wanted)], capture_output=True, text=True,
                                  timeout=300)
            self.assertEqual(told.returncode, 0, told.stderr)
            self.assertEqual("simulated" in told.stderr, shown)

    def test_a_folder_that_is_there_is_not_written_into(self):
        looptwin.run("tanks.yaml", out="run", duration="1 min")
        with self.assertRaises(looptwin.ScenarioError) as caught:
            looptwin.run("tanks.yaml", out="run", duration="1 min")
        self.assertIn("run", str(caught.exception))

    def test_without_a_folder_its_telemetry_is_refused_with_what_to_write(self):
        run = looptwin.run("tanks.yaml", duration="1 min")
        with self.assertRaisesRegex(RuntimeError, "out="):
            run.telemetry("**", "level")

    def test_other_threads_go_on_while_it_runs(self):
        over, ticks = threading.Event(), [0]

        def count():
            while not over.is_set():
                ticks[0] += 1
                time.sleep(0)  # lets go of the interpreter

        # A thread that holds the interpreter is not made to give it up: others move only where it lets go.
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e6)
        counter = threading.Thread(target=count)
        try:
            with looptwin.Simulation("tanks.yaml", set={"fleet.tank.count": 2000}) as sim:
                counter.start()
                first = ticks[0]
                sim.advance("20 min")
                self.assertGreater(ticks[0], first + 10)
        finally:
            sys.setswitchinterval(before)
            over.set()
            counter.join()

    def test_runs_with_folders_side_by_side_are_what_they_are_alone(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda seed: looptwin.run("tanks.yaml", out=f"run-{seed}", seed=seed), range(12)))
        self.assertEqual([run.fingerprint for run in runs],
                         [looptwin.run("tanks.yaml", seed=seed).fingerprint for seed in range(12)])
        self.assertEqual([run.folder.summary["state"] for run in runs], ["reached_end"] * 12)
        with looptwin.Simulation("tanks.yaml", out="a") as a, looptwin.Simulation("tanks.yaml", out="b") as b:
            for _ in range(8):
                a.advance("15 min")
                b.advance("15 min")
        self.assertEqual(looptwin.open("a").fingerprint, looptwin.open("b").fingerprint)

    def test_progress_is_told_and_what_it_raises_ends_the_run_with_a_whole_folder(self):
        class Enough(Exception):
            pass

        seen = []

        def progress(now, end):
            seen.append((now, end))
            raise Enough

        with self.assertRaises(Enough):
            looptwin.run("tanks.yaml", out="run", duration="20000 d", progress=progress)
        self.assertEqual(len(seen), 1)
        self.assertEqual(seen[0][1], 20000 * 86400)
        run = looptwin.open("run")
        self.assertEqual(run.summary["state"], "stopped")
        self.assertEqual(run.end, run.summary["simulated_s"])
        self.assertEqual(run.damage, [])

    def test_ctrl_c_ends_it_after_the_cycle_with_a_whole_folder(self):
        code = ("import looptwin, os, signal\n"
                "def progress(now, end):\n"
                "    os.kill(os.getpid(), signal.SIGINT)\n"
                "try:\n"
                "    looptwin.run('tanks.yaml', out='run', duration='20000 d', progress=progress)\n"
                "except KeyboardInterrupt:\n"
                "    print(looptwin.open('run').summary['state'])\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        self.assertEqual(told.stdout, "stopped\n", told.stderr)

    def test_a_signal_from_elsewhere_is_heard_between_cycles_and_it_can_go_on(self):
        code = ("import looptwin, os, signal, threading\n"
                "with looptwin.Simulation('tanks.yaml', duration='20000 d') as sim:\n"
                "    seen = threading.Event()\n"
                "    other = threading.Thread(target=lambda: (seen.wait(), os.kill(os.getpid(), signal.SIGINT)))\n"
                "    other.start()\n"
                "    try:\n"
                "        sim.advance('20000 d', progress=lambda now, end: seen.set())\n"
                "    except KeyboardInterrupt:\n"
                "        stood = sim.time\n"
                "        print(0 < stood < sim.end, sim.advance(1) - stood)\n"
                "    other.join()\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        self.assertEqual(told.stdout, "True 1.0\n", told.stderr)

    def test_ctrl_c_ends_an_explanation_while_the_run_is_played_again(self):
        # The other thread comes in where the interpreter is let go of: within the explanation, which would take years.
        code = ("import looptwin, os, signal, sys, threading\n"
                "class Enough(Exception): pass\n"
                "def enough(now, end): raise Enough\n"
                "try:\n"
                "    looptwin.run('tanks.yaml', out='run', duration='20000 d', progress=enough)\n"
                "except Enough:\n"
                "    run = looptwin.open('run')\n"
                "begun = threading.Event()\n"
                "other = threading.Thread(target=lambda: (begun.wait(), os.kill(os.getpid(), signal.SIGINT)))\n"
                "other.start()\n"
                "sys.setswitchinterval(1e6)\n"
                "begun.set()\n"
                "try:\n"
                "    run.why_not('overdraw', at='20000 d')\n"
                "except KeyboardInterrupt:\n"
                "    print('heard', run.why_not('overdraw', at='1 min').lines[0]['stands'])\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        self.assertEqual(told.stdout, "heard True\n", told.stderr)

    def test_a_thread_that_outlives_the_program_ends_with_it(self):
        code = ("import looptwin, threading\n"
                "seen = threading.Event()\n"
                "def run():\n"
                "    looptwin.run('tanks.yaml', duration='20000 d', progress=lambda now, end: seen.set())\n"
                "threading.Thread(target=run, daemon=True).start()\n"
                "print(seen.wait(60))\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        self.assertEqual((told.returncode, told.stdout, told.stderr), (0, "True\n", ""))

    def test_a_disk_that_refuses_is_an_error(self):
        with self.assertRaises(looptwin.ScenarioError) as caught:
            looptwin.run("tanks.yaml", out="/dev/null/run", duration="1 min")
        self.assertIn("/dev/null/run", str(caught.exception))

    def test_the_module_is_the_command_line(self):
        told = subprocess.run([sys.executable, "-m", "looptwin", "--version"], capture_output=True, text=True, timeout=60)
        self.assertEqual(told.stdout, command_line("--version").stdout)
        self.assertIn(looptwin.__version__, told.stdout)
        bad = subprocess.run([sys.executable, "-m", "looptwin", "check", "nowhere"], capture_output=True, timeout=60)
        self.assertEqual(bad.returncode, 2)


if __name__ == "__main__":
    unittest.main()

"""Simulations in the hand: stepped, looked at, acted in, forked, closed."""
import datetime
import gc
import math
import pathlib
import threading
import unittest

import looptwin
import numpy as np
from common import InFolder, TANKS, command_line


def resident_kib():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Stepping(InFolder):
    def test_in_steps_of_any_size_it_decides_what_a_run_decides(self):
        whole = looptwin.run("tanks.yaml", duration="20 min")
        for steps in (["20 min"], [0.5, 0.25, 59.25, datetime.timedelta(minutes=4), "15 min"], [1] * 1200):
            with looptwin.Simulation("tanks.yaml", duration="20 min") as sim:
                for step in steps:
                    sim.advance(step)
                self.assertEqual(sim.time, 1200)
                self.assertEqual(sim.fingerprint, whole.fingerprint)
                self.assertEqual(sim.finish().requirements, whole.requirements)

    def test_times_that_make_no_sense_are_refused(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            for by, error in ((-1, ValueError), ("3 h", ValueError), ("5 kg", looptwin.ScenarioError),
                              (None, TypeError), (True, TypeError)):
                with self.subTest(by=by), self.assertRaises(error):
                    sim.advance(by)
            self.assertEqual(sim.time, 0)
            self.assertEqual(sim.civil, datetime.datetime(2024, 6, 3, 6, tzinfo=datetime.timezone.utc))

    def test_values_are_in_their_units_and_unknown_before_anything_came(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            self.assertTrue(math.isnan(sim["main/tank-1"].level))
            sim.advance("1 min")
            tank = sim["main/tank-1"]
            self.assertAlmostEqual(tank.demand, 0.8)
            self.assertEqual(tank.unit("demand"), "L/s")
            self.assertAlmostEqual(tank.truth.level, 1.5 + 60 * 2.2e-3 / 1.5, places=6)
            self.assertAlmostEqual(tank.truth.filling, 3e-3)
            self.assertIs(tank.truth.inlet, True)
            with self.assertRaisesRegex(AttributeError, "did you mean 'level'"):
                tank.levle
            with self.assertRaises(KeyError):
                sim["main/tank-99"]
            with self.assertRaises(TypeError):
                tank.desired.level

    def test_columns_are_the_devices_values_and_shared_in_si(self):
        sim = looptwin.Simulation("tanks.yaml")
        sim.advance("1 min")
        inflow = sim.column("tank", "inflow")
        ids = sim.devices(model="tank")
        self.assertEqual(list(inflow), [sim[one].inflow for one in ids])
        shared = sim.column("tank", "inflow", si=True)
        np.testing.assert_allclose(shared * 1000, inflow)
        self.assertTrue(np.shares_memory(shared, sim.column("tank", "inflow", si=True)))
        self.assertFalse(shared.flags.writeable)
        with self.assertRaises(ValueError):
            shared[0] = 1
        before = sim.column("tank", "level", si=True)
        then = before.copy()
        sim.advance("1 min")
        self.assertTrue((before > then).all())
        words = sim.words("tank", "status")
        self.assertEqual({words[code] for code in sim.column("tank", "status")}, {"online"})
        self.assertEqual(sim.devices("main/tank-1*"), ["main/tank-1", "main/tank-10"])
        with self.assertRaises(ValueError):
            sim.column("tank", "level", which="wanted")
        sim.close()
        self.assertTrue((before > then).all())  # it kept its memory
        with self.assertRaisesRegex(RuntimeError, "closed"):
            sim.advance(1)

    def test_frames_have_the_names_that_have_such_a_value(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            sim.advance("1 min")
            for which, names in (("desired", {"target"}), ("default", {"target"}),
                                 ("truth", {"level", "inflow", "target", "height", "filling", "inlet"})):
                self.assertEqual(set(sim.names("tank", which=which)), names)
                self.assertEqual(set(sim.frame("tank", which=which).columns), names)
                self.assertEqual(set(sim.dataset("tank", which=which)), names)
            truth = sim.frame("tank", which="truth")
            self.assertEqual(truth.attrs["units"]["inflow"], "L/s")
            self.assertEqual(truth.inlet.tolist(), [sim[one].truth.inlet for one in truth.index])
            with self.assertRaisesRegex(ValueError, "reported, desired"):
                sim.frame("tank", which="wanted")
            with self.assertRaisesRegex(TypeError, r"\['level'\]"):
                sim.frame("tank", "level")

    def test_what_is_written_in_the_wrong_way_is_refused_with_the_right_one(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            sim.advance("1 min")
            tank = sim["main/tank-3"]
            for device, name, said in ((tank, "target", "rules set setpoints"), (tank.desired, "target", "rules set"),
                                       (tank, "care", r'sim\["main/tank-3"\].set\(care=2\)'),
                                       (sim["site"], "lowest", r"write sim.set\(lowest=2\)")):
                with self.subTest(name=name), self.assertRaisesRegex(AttributeError, said):
                    setattr(device, name, 2)
            self.assertEqual((tank.default.target, tank.care), (2, 0))
            with self.assertRaisesRegex(TypeError, "not iterable"):
                list(sim)
            for ask, said in ((lambda: sim["main/tnak-3"], "did you mean 'main/tank-3'"),
                              (lambda: sim["zzz"], r"devices\(\) lists them"),
                              (lambda: sim.column("tank", "zzz"), "there is no name 'zzz' on 'tank'; there are: capacity"),
                              (lambda: sim.column("tank", "zzz", which="truth"), "no true value 'zzz' on 'tank'")):
                with self.assertRaisesRegex(KeyError, said):
                    ask()
        for threads in (-1, 1025, 100000):
            for ask in (lambda: looptwin.run("tanks.yaml", threads=threads),
                        lambda: looptwin.Simulation("tanks.yaml", threads=threads)):
                with self.assertRaisesRegex(ValueError, "0 to 1024"):
                    ask()
        for ask in (lambda: looptwin.run("tanks.yaml", seed=1.7), lambda: looptwin.Simulation("tanks.yaml", seed="2")):
            with self.assertRaisesRegex(TypeError, "seed=.*: write a whole number"):
                ask()

    def test_the_site_has_the_signals_of_feeds_as_rules_read_them(self):
        weather = TANKS + "feeds: {sky: {signals: {air: {unit: degC, every: 10 min, values: [10, 30, 20]}}}}\n"
        weather = weather.replace("events:\n", "events:\n  warm: {raise: sky.air > 25 degC}\n", 1)
        with looptwin.Simulation(weather, duration="20 min") as sim:
            self.assertIn("sky.air", sim.names("site"))
            self.assertEqual(sim.unit("site", "sky.air"), "degC")
            while not len(sim.events[sim.events.subject == "warm"]):
                before = sim["site"]["sky.air"]
                sim.advance(1)
            self.assertLessEqual(before, 25)
            self.assertGreater(sim["site"]["sky.air"], 25)
            self.assertEqual(sim.column("site", "sky.air").tolist(), [sim["site"]["sky.air"]])
            self.assertEqual(sim.column("site", "sky.air", si=True)[0], sim["site"]["sky.air"] + 273.15)
            self.assertEqual(sim.frame("site").attrs["units"]["sky.air"], "degC")
            for ask, error, said in ((lambda: sim["site"]["sky.airs"], KeyError, "did you mean 'sky.air'"),
                                     (lambda: sim["site"].sky, AttributeError, "sky.air"),
                                     (lambda: sim["site"].truth["sky.air"], TypeError, "no truth value"),
                                     (lambda: sim["main"]["sky.air"], KeyError, "no name 'sky.air' on 'main'")):
                with self.assertRaisesRegex(error, said):
                    ask()

    def test_looking_at_the_truth_changes_nothing(self):
        with looptwin.Simulation("tanks.yaml") as looked, looptwin.Simulation("tanks.yaml") as alone:
            for _ in range(30):
                looked.advance("17 s")
                looked.column("tank", "level", which="truth")
            alone.advance(30 * 17)
            self.assertEqual(looked.fingerprint, alone.fingerprint)
            np.testing.assert_array_equal(looked.column("tank", "level", which="truth"),
                                          alone.column("tank", "level", which="truth"))


class Acting(InFolder):
    def test_an_act_is_that_of_a_script(self):
        scripted = TANKS + 'script:\n  - {after: 31 s, by: kim, set: {lowest: 2 m}}\n'
        with looptwin.Simulation(scripted) as script, looptwin.Simulation(TANKS) as live:
            live.advance("30 s")
            live.set(lowest="2 m")
            live.advance("4 min")
            script.advance(270)
            self.assertGreater(len(live.decisions), 1)
            self.assertEqual(live.fingerprint, script.fingerprint)

    def test_what_makes_no_sense_is_refused_with_what_to_write(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            for act, said in ((lambda: sim.set(lowest="2 K"), "2 K"),
                              (lambda: sim.set(lowset="2 m"), "did you mean 'lowest'"),
                              (lambda: sim.set(lowest="5 m"), "outside"),
                              (lambda: sim.set(lowest="1 m", by="tim"), "tim"),
                              (lambda: sim["main/tank-1"].set(target="1 m"), "target"),
                              (lambda: sim.acknowledge("low_levle", "main/tank-1"), "low_level"),
                              (lambda: sim.act(whistle="x"), "whistle")):
                with self.assertRaises(looptwin.ScenarioError) as caught:
                    act()
                self.assertIn(said, str(caught.exception))
            sim.advance(2)
            self.assertEqual(len(sim.decisions), 0)

    def test_acts_are_in_the_input_log_and_replayed(self):
        with looptwin.Simulation(TANKS, out="run", set={"input_log": True}, duration="10 min") as sim:
            sim.advance("1 min")
            sim.set(lowest="2.5 m")
            sim.advance("9 min")
            self.assertIn("alarm_raised", set(sim.decisions.kind))
        told = command_line("replay", "run")
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        self.assertEqual(looptwin.open("run").log("operator").subject.tolist(), ["lowest"])


class Forking(InFolder):
    def test_a_fork_unchanged_is_the_trunk_and_changed_is_not(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            sim.advance("7 min")
            sim.set(lowest="1.5 m")  # acts after the fork, in both
            with sim.fork() as same, sim.fork() as other:
                other.set(lowest="3 m")
                for one in (sim, same, other):
                    one.advance("10 min")
                self.assertEqual(same.fingerprint, sim.fingerprint)
                self.assertEqual(same.decisions.id.tolist(), sim.decisions.id.tolist())
                self.assertNotEqual(other.fingerprint, sim.fingerprint)

    def test_while_the_loop_is_away_nothing_is_known_and_nothing_forked(self):
        away = TANKS + "faults:\n  - {kind: restart, of: mml, after: 5 min, lasts: 1 min}\n"
        with looptwin.Simulation(away) as sim:
            self.assertEqual(sim.advance(320), 320)
            self.assertTrue(np.isnan(sim.column("tank", "level")).all())
            self.assertGreater(sim["main/tank-1"].truth.level, 1)
            with self.assertRaisesRegex(looptwin.RunError, "away"):
                sim.fork()
            sim.advance("1 min")
            self.assertFalse(np.isnan(sim.column("tank", "level")).any())
            with sim.fork() as fork:
                for one in (sim, fork):
                    one.advance("10 min")
                self.assertEqual(fork.fingerprint, sim.fingerprint)

    def test_forks_that_are_let_go_leave_nothing_behind(self):
        with looptwin.Simulation("tanks.yaml", set={"fleet.tank.count": 3000}) as sim:
            sim.advance("1 min")
            for closes in (True, False):
                fork = sim.fork()
                column = fork.column("tank", "level", si=True)
                del fork, column
            gc.collect()
            before = resident_kib()
            for turn in range(50):
                fork = sim.fork()
                column = fork.column("tank", "level", si=True)
                if turn % 2:
                    fork.close()
                del fork, column
            gc.collect()
            one = sim.column("tank", "level").nbytes / 1024
            self.assertLess(resident_kib() - before, 50 * one)  # one column a fork would be as much


class Threads(InFolder):
    def test_whoever_asks_while_it_advances_is_refused_and_it_goes_on(self):
        with looptwin.Simulation("tanks.yaml", duration="20000 d") as sim:
            said = []

            class Enough(Exception):
                pass

            def ask():
                for what in (lambda: sim.advance(1), lambda: sim.fork(), lambda: sim.column("tank", "level"),
                             lambda: sim.close(), lambda: sim["main"].limit):
                    try:
                        what()
                    except RuntimeError as error:
                        said.append(str(error))

            def progress(now, end):
                thread = threading.Thread(target=ask)
                thread.start()
                thread.join()
                raise Enough

            with self.assertRaises(Enough):
                sim.advance("19000 d", progress=progress)
            self.assertEqual(len(said), 5)
            self.assertEqual({"advanced" in one for one in said}, {True})
            stood = sim.time
            self.assertGreater(stood, 0)
            self.assertEqual(sim.advance(5), stood + 5)

    def test_who_looks_at_the_truth_from_another_thread_is_let_in_between_or_refused(self):
        with looptwin.Simulation("tanks.yaml", set={"fleet.tank.count": 3000}, threads=1) as sim, \
                looptwin.Simulation("tanks.yaml", set={"fleet.tank.count": 3000}, threads=1) as alone:
            over, seen, wrong = threading.Event(), [0], []

            def look():
                while not over.is_set():
                    try:
                        seen[0] += len(sim.column("tank", "level", which="truth"))
                    except RuntimeError as error:
                        if "advanced" not in str(error):
                            wrong.append(error)

            thread = threading.Thread(target=look)
            thread.start()
            try:
                while sim.time < 200 or not seen[0]:
                    sim.advance(1)
            finally:
                over.set()
                thread.join()
            alone.advance(sim.time)
            self.assertEqual(wrong, [])
            self.assertEqual(sim.fingerprint, alone.fingerprint)
            np.testing.assert_array_equal(sim.column("tank", "level", which="truth"),
                                          alone.column("tank", "level", which="truth"))


if __name__ == "__main__":
    unittest.main()

"""Faults given by hand: the same as the scenario's, in forks, and wherever the run is played again."""
import json
import pathlib
import unittest

import looptwin
from common import InFolder, TANKS, command_line

STUCK = '  - {after: 120.000000001 s, device: "main/tank-3", kind: stuck, sensor: level, lasts: 10 min}\n'
LOW = '{device: "main/tank-2", kind: out_of_range, sensor: level, value: 0.2 m}'


class Injecting(InFolder):
    def test_a_fault_by_hand_is_one_of_the_scenario(self):
        written = TANKS + "faults:\n" + STUCK
        with looptwin.Simulation(written) as script, looptwin.Simulation(TANKS) as live:
            live.advance("2 min")
            live.inject("main/tank-3", "stuck", sensor="level", lasts="10 min")
            live.advance(5)
            stood = live["main/tank-3"].level
            live.advance("9 min")
            self.assertEqual(live["main/tank-3"].level, stood)
            live.advance(30 * 60 - 5)
            self.assertNotEqual(live["main/tank-3"].level, stood)
            script.advance("41 min")
            self.assertGreater(len(live.decisions), 1)
            self.assertEqual(live.fingerprint, script.fingerprint)

    def test_faults_of_the_scenario_go_on_as_they_were(self):
        drawn = TANKS + ('links:\n  lte: {latency: 20 ms, loss: 1 %, outage: {every: 20 min, lasts: 1 min}}\nfaults:\n'
                         '  - {every: 15 min, device: "main/*", kind: dropout, sensor: level, value: 50 %, lasts: 2 min}\n')
        drawn = drawn.replace("tank: {count: 10,", "tank: {count: 10, link: lte,")
        with looptwin.Simulation(drawn) as alone, looptwin.Simulation(drawn) as struck:
            struck.advance("30 min")
            struck.inject("main", "loss", value=0.5, after="110 min")
            struck.advance("70 min")
            alone.advance("100 min")
            self.assertEqual(struck.fingerprint, alone.fingerprint)

    def test_a_reading_raises_an_alarm_that_is_acknowledged(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            sim.advance("1 min")
            sim.set(lowest="0.5 m")
            sim["main/tank-2"].inject("out_of_range", sensor="level", value="0.2 m", lasts="1 min")
            sim.advance("30 s")
            self.assertEqual(sim.alarms.kind.tolist(), ["alarm_raised"])
            self.assertEqual(sim.alarms.device.tolist(), ["main/tank-2"])
            sim.acknowledge("low_level", "main/tank-2")
            sim.advance("2 min")
            self.assertEqual(sim.alarms.kind.tolist(), ["alarm_raised", "alarm_acknowledged", "alarm_returned"])

    def test_a_fork_has_what_was_injected_and_is_struck_alone(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            sim.advance("5 min")
            sim.inject("main/tank-*", "bias", sensor="level", value="0.1 m", lasts="20 min")
            with sim.fork() as same, sim.fork() as other:
                other.inject("main/tank-1", "device_off")
                for one in (sim, same, other):
                    one.advance("30 min")
                self.assertEqual(same.fingerprint, sim.fingerprint)
                self.assertEqual(other["main/tank-1"].status, "offline")
                self.assertEqual(sim["main/tank-1"].status, "online")

    def test_what_makes_no_sense_is_refused_and_changes_nothing(self):
        with looptwin.Simulation("tanks.yaml") as sim, looptwin.Simulation("tanks.yaml") as untouched:
            for what, said in ((lambda: sim.inject("main/tank-1", "stuk", sensor="level"), "stuck"),
                               (lambda: sim.inject("main/tank-1", "stuck", sensor="levle"), "did you mean 'level'"),
                               (lambda: sim.inject("main/tank-1", "stuck"), "needs 'sensor'"),
                               (lambda: sim.inject("main/tank-99", "stuck", sensor="level"), "main/tank-99"),
                               (lambda: sim.inject("main/tank-1", "bias", sensor="level", value="1 K"), "1 K"),
                               (lambda: sim.inject("main/tank-1", "bias", sensor="level"), "needs 'value'"),
                               (lambda: sim.inject("main/tank-1", "link_down", lasts="x"), "x")):
                with self.subTest(said=said), self.assertRaises(looptwin.ScenarioError) as caught:
                    what()
                self.assertIn(said, str(caught.exception))
            for one in (sim, untouched):
                one.advance("20 min")
            self.assertEqual(sim.fingerprint, untouched.fingerprint)

    def test_what_breaks_a_link_that_is_down_waits_until_it_is_up(self):
        with looptwin.Simulation("tanks.yaml") as sim:
            sim.advance("1 min")
            sim.inject("main/tank-1", "link_down", lasts="2 min")
            sim.advance("1 min")
            with self.assertRaisesRegex(looptwin.ScenarioError, "link is down just now"):
                sim.inject("main/tank-1", "device_off", lasts="1 min")
            sim.inject("main/tank-2", "device_off", lasts="1 min")
            sim.advance("2 min")
            sim.inject("main/tank-1", "device_off", lasts="1 min")

    def test_a_run_that_was_struck_is_explained_replayed_and_forked_with_it(self):
        settings = {"input_log": True, "snapshots": "5 min"}
        with looptwin.Simulation("tanks.yaml", out="run", set=settings, duration="30 min") as sim:
            sim.advance("2 min")
            sim.set(lowest="0.5 m")
            sim.inject("main/tank-2", "out_of_range", sensor="level", value="0.2 m", lasts="10 min")
            sim.advance("28 min")
            raised = sim.alarms
            fingerprint = sim.fingerprint
        self.assertEqual(raised.kind.iloc[0], "alarm_raised")
        lines = [json.loads(line) for line in pathlib.Path("run/by_hand.jsonl").read_text().splitlines()]
        self.assertEqual([line["is"] for line in lines], ["act", "fault"])
        told = looptwin.open("run").explain(raised.id.iloc[0])
        self.assertIn("level < lowest + care: 0.2 m is below 0.5 m", str(told))
        replayed = command_line("replay", "run")
        self.assertEqual(replayed.returncode, 0, replayed.stdout + replayed.stderr)
        forked = command_line("run", "--from", "run@8 min", "--out", "fork")
        self.assertEqual(forked.returncode, 0, forked.stderr)
        trunk, fork = looptwin.open("run"), looptwin.open("fork")
        self.assertTrue(trunk.diff(fork).equal, str(trunk.diff(fork)))
        self.assertEqual(trunk.fingerprint, fingerprint)
        self.assertEqual(fork.fingerprint, fingerprint)


if __name__ == "__main__":
    unittest.main()

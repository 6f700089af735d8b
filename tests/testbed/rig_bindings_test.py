"""Bindings of a rig's devices: simulated ones over a real Mosquitto, shadows of real ones, and swaps while the loop runs."""
import json
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig_support import SOURCE, Broker, OpenRig, block, eventually, freeze, looptwin  # noqa: E402

PAGE = (SOURCE / "docs/rig-bindings.md").read_text()
PAGES_RIG = re.search(r"```yaml\n(# rig.yaml\n.*?)```", PAGE, re.S).group(1)
ALL = 'rig: cellar-rig\nbindings: {"**": simulated}\n'
LEVELS = "looptwin/cellar/pump-1/telemetry"


class Bindings(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def rig(self, text, people=""):
        rig = OpenRig(self.folder, rig=text, events=people)
        self.addCleanup(rig.close)
        return rig

    def said(self, rig, topic=LEVELS):
        return [json.loads(payload) for t, payload in rig.heard if t == topic]

    def swap(self, rig, to, device="cellar/pump-1", *more):
        result = looptwin("rig", "swap", self.folder / "out", device, to, *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return float(re.search(r"at_s: ([\d.]+)", result.stdout).group(1))

    def replayed(self):
        replay = looptwin("replay", self.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)
        self.assertIn("same decisions as recorded", replay.stdout)
        return replay.stdout

    def test_a_rig_without_devices_runs_over_the_broker_and_a_third_party_sees_and_commands_them(self):
        broker = Broker(self.folder)  # which is there also after the rig
        self.addCleanup(broker.close)
        rig = self.rig(ALL + f"broker: mqtt://127.0.0.1:{broker.port}\n")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/presence", "online"), "it is there")
        eventually(lambda: rig.count(LEVELS, '"running":true'), "the loop has started it")
        for ident, order in (("ab1", {"set": "speed", "value": 100, "unit": "%"}), ("ab2", {"command": "explode"}),
                             ("ab3", {"set": "speed", "value": 400})):
            rig.say("looptwin/cellar/pump-2/command", json.dumps({"id": ident, **order}))
        answers = "looptwin/cellar/pump-2/acknowledgement"
        for ident, outcome in (("ab1", "accepted"), ("ab2", "unknown_command"), ("ab3", "out_of_range")):
            eventually(lambda: any(a["id"].endswith(ident) and a["outcome"] == outcome for a in self.said(rig, answers)), outcome)
        numbers = [message["n"] for message in self.said(rig)]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        out = rig.stop()
        self.assertEqual(rig.process.returncode, 0, rig.errors.read_text())
        self.assertIn("gaps 0, restarts 0", out)
        self.assertRegex(out, r"bindings +2 simulated, 0 shadowed; 0 swaps")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/presence", "offline"), "it has gone")
        self.replayed()

    def test_what_a_simulated_link_has_lost_may_arrive_when_it_is_sent_again(self):
        scenario = block("rig.md", "scenario.yaml").replace("count: 2,", "count: 8, link: bad,") + "links: {bad: {loss: 40 %}}\n"
        rig = OpenRig(self.folder, rig=ALL + "safety: {teardown: 1 min, heartbeat: 20 s, safe: [{model: pump, command: stop}]}\n", scenario=scenario)
        self.addCleanup(rig.close)
        eventually(lambda: all(rig.count(f"looptwin/cellar/pump-{n}/telemetry") for n in range(1, 9)), "all are there")
        self.assertRegex(rig.stop(), r"made safe +the end of the run: 8 safe values, 8 taken")

    def test_a_model_takes_over_from_a_real_device_and_gives_back_without_a_bump(self):
        rig = self.rig("rig: cellar-rig\nbindings: {}\n")
        rig.pump("cellar/pump-1", "1.2")
        eventually(lambda: rig.count(LEVELS, '"running": true'), "it is started")
        eventually(lambda: all('"running": false' in m for m in rig.payloads(LEVELS)[-5:]), "it is emptied, and fills slowly")
        self.swap(rig, "simulated")
        eventually(lambda: rig.count(LEVELS, '"running":f') + rig.count(LEVELS, '"running":t'), "the model speaks")
        said = [(json.loads(m), '"running": ' in m) for t, m in rig.heard if t == LEVELS]
        model = next(m for m, real in said if not real)
        last = max((m for m, real in said if real and m["t"] <= model["t"]), key=lambda m: m["t"])
        # The real one rises by 0.5 m/s, the model falls by 1 m/s at most.
        self.assertLess(abs(model["level"] - last["level"]), 0.5 + 1.5 * (model["t"] - last["t"]))
        # The real one goes: the model's word stands.
        rig.devices[-1].kill()
        presence = "looptwin/cellar/pump-1/presence"
        eventually(lambda: rig.count(presence, "offline"), "its will")
        eventually(lambda: [m for t, m in rig.heard if t == presence][-1] == "online", "it is contradicted")
        before = rig.count(LEVELS, '"n": 5,')
        rig.pump("cellar/pump-1", "0.7")
        eventually(lambda: rig.count(LEVELS, '"n": 5,') > before, "a real one is there again")
        self.swap(rig, "real")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/command", '"speed"') > 0, "it is told what was held")
        before = rig.count(LEVELS, '"running": ')
        eventually(lambda: rig.count(LEVELS, '"running": ') > before + 5, "a second of the real one")
        out = rig.stop()
        self.assertIn("gaps 0, restarts 0", out)
        self.assertIn("devices there          1", out)
        self.assertRegex(out, r"bindings +0 simulated, 0 shadowed; 2 swaps")
        swaps = json.loads((self.folder / "out/bindings.json").read_text())["swaps"]
        self.assertEqual([(s["from"], s["to"], s["by"]) for s in swaps],
                         [("real", "simulated", "command line"), ("simulated", "real", "command line")])
        self.replayed()

    def test_a_model_goes_on_with_what_the_controller_of_the_real_one_was_at(self):
        rig = self.rig("rig: cellar-rig\nbindings: {}\n", people="events:\n  high: {each: pump, raise: level > 4.9 m}\n")
        rig.pump("cellar/pump-1", "1.2")
        eventually(lambda: rig.count(LEVELS), "it is there")
        rig.say("looptwin/cellar/pump-1/command", json.dumps({"id": "ab1", "command": "start", "expires": 0.0}))
        eventually(lambda: rig.count(LEVELS, '"running": true') > 10, "it is started, and the loop has heard it")
        self.swap(rig, "simulated")
        eventually(lambda: rig.count(LEVELS, '"running":t') + rig.count(LEVELS, '"running":f') > 3, "the model speaks")
        self.assertEqual(rig.count(LEVELS, '"running":f'), 0)
        rig.say("looptwin/cellar/pump-1/command", json.dumps({"id": "ab2", "command": "stop", "expires": 0.0}))
        eventually(lambda: rig.count(LEVELS, '"running":f'), "it is stopped as if it had been started")
        rig.stop()
        self.replayed()

    def test_a_swap_is_in_the_journal_as_soon_as_it_was_done_with_who_asked_for_it(self):
        rig = self.rig(ALL)
        eventually(lambda: rig.count(LEVELS) > 2, "it is simulated")
        at = self.swap(rig, "real", "cellar/*", "--by", "anna")
        self.swap(rig, "real")  # it is already: nothing is swapped
        rig.process.kill()
        rig.process.wait()
        lines = map(json.loads, (self.folder / "out/rig.jsonl").read_text().splitlines())
        self.assertEqual([line for line in lines if line["what"] == "swapped"],
                         [{"at_s": at, "what": "swapped", "device": f"cellar/pump-{n}", "from": "simulated", "to": "real", "by": "anna"} for n in (1, 2)])

    def test_a_device_whose_model_is_swapped_for_a_real_one_that_is_not_there_goes_offline(self):
        rig = self.rig(ALL)
        eventually(lambda: rig.count(LEVELS) > 2, "it is simulated")
        self.swap(rig, "real", "cellar/*")
        presence = "looptwin/cellar/pump-1/presence"
        eventually(lambda: [m for t, m in rig.heard if t == presence][-1] == "offline", "the broker knows")
        out = rig.stop()
        self.assertIn("online 0", out)

    def test_a_shadow_is_told_the_same_and_says_nothing_but_how_far_it_is_from_the_real_one(self):
        rig = self.rig(PAGES_RIG)
        rig.pump("cellar/pump-2", "1.0")
        orders = "looptwin/cellar/pump-2/command"
        eventually(lambda: rig.count(orders, '"stop"') > 1, "it was emptied twice")
        said = self.said(rig, "looptwin/cellar/pump-2/telemetry")
        self.assertEqual([m["n"] for m in said], list(range(said[0]["n"], said[0]["n"] + len(said))))
        out = rig.stop()
        self.assertRegex(out, r"parity +[1-9]\d* samples of 1 devices")
        parity = json.loads((self.folder / "out/parity.json").read_text())["real_minus_model"]["cellar/pump-2"]
        self.assertGreater(parity["level"]["samples"], 10)
        self.assertAlmostEqual(parity["level"]["tolerance"], 0.2)
        self.assertLess(abs(parity["level"]["worst"]), 4)
        # Truths are judged without a tolerance: it was started and stopped as the real one was.
        self.assertGreater(parity["running"]["within"], 0.5)
        self.replayed()

    def test_people_act_while_it_runs_and_what_is_refused_says_why(self):
        people = "people: {anna: {roles: [keeper]}}\noperator: {drain: {kind: button, role: keeper}}\n" \
                 "events:\n  high: {each: pump, raise: level > 2 m, clear: level < 0.5 m}\n  drained: {raise: drain}\n"
        rig = self.rig(ALL.replace("cellar-rig", self.folder.name), people)  # found by its name: no other rig has this one
        eventually(lambda: rig.count(LEVELS) > 2, "it runs")
        done = looptwin("rig", "act", self.folder, "{by: anna, press: drain}")
        self.assertEqual(done.returncode, 0, done.stderr)
        for arguments, said in ((("act", self.folder, "{by: ben, press: drain}"), "'ben' is nobody that is declared"),
                                (("act", self.folder / "out", "{by: anna, press: fill}"), "fill"),
                                (("swap", self.folder / "out", "cellar/pump-9", "real"), "no device matches 'cellar/pump-9'"),
                                (("swap", self.folder / "out", "cellar/pump-1", "unreal"), "'unreal' is no binding")):
            refused = looptwin("rig", *arguments)
            self.assertEqual(refused.returncode, 2, refused.stdout)
            self.assertIn(said, refused.stderr)
        before = rig.count(LEVELS)
        eventually(lambda: rig.count(LEVELS) > before + 3, "boundaries after it")
        rig.stop()
        self.assertRegex(self.replayed(), r"event drained +fired once")
        listed = looptwin("info", self.folder / "out")
        self.assertRegex(listed.stdout, r"anna +press drain on site")
        gone = looptwin("rig", "status", self.folder)
        self.assertEqual(gone.returncode, 2)
        self.assertIn("no rig answers at", gone.stderr)

    def test_orders_act_on_a_plant_that_devices_share_where_their_device_is_simulated(self):
        folder = self.folder / "gas-pipeline"
        shutil.copytree(SOURCE / "scenarios/gas-pipeline", folder)
        text = (folder / "rig.yaml").read_text()
        (folder / "rig.yaml").write_text(text.replace('"**": simulated', '"**": simulated\n  valve-5: real'))
        rig = OpenRig(self.folder, at=folder)
        self.addCleanup(rig.close)

        def last(device, field):
            said = self.said(rig, f"looptwin/{device}/telemetry")
            return said[-1][field] if said else None

        eventually(lambda: last("valve-17", "position") == 100 and (last("seg-17", "flow_in") or 0) > 50, "gas flows")
        for valve in ("valve-17", "valve-5"):
            rig.say(f"looptwin/{valve}/command", json.dumps({"id": "c1", "command": "close"}))
        # The network's own valve turns, and the actuator reads it back.
        eventually(lambda: last("valve-17", "position") < 95, "the valve turns")
        self.assertIsNone(last("valve-5", "position"))
        self.assertEqual([a["outcome"] for a in self.said(rig, "looptwin/valve-17/acknowledgement")], ["accepted"])
        self.assertEqual(self.said(rig, "looptwin/valve-5/acknowledgement"), [])
        out = rig.stop()
        self.assertRegex(out, r"bindings +89 simulated")
        self.replayed()

    def test_the_run_folder_says_how_punctual_it_was_and_what_was_refused_is_said_aloud(self):
        rig = self.rig(ALL + "realtime: true\n")
        eventually(lambda: rig.count(LEVELS) > 5, "it runs")
        rig.stop()
        pace = json.loads((self.folder / "out/pace.json").read_text())
        self.assertGreater(pace["boundaries"], 0)
        self.assertEqual(sum(b["boundaries"] for b in pace["late_by"]), pace["boundaries"])
        self.assertEqual(pace["realtime"], "realtime:" not in rig.errors.read_text())

    def test_on_arrival_a_boundary_comes_with_its_message_and_the_run_is_replayed(self):
        rig = self.rig(ALL.replace("rig: cellar-rig", "rig: cellar-rig\nsettings: {cycle: {least: 5 ms, greatest: 10 min}}"))
        eventually(lambda: rig.count(LEVELS, '"running":true'), "it is started before the greatest cycle is over")
        out = rig.stop()
        self.assertRegex(out, r"pace +\d+ boundaries")
        self.replayed()

    def test_rules_see_that_boundaries_are_late_and_are_in_time_again(self):
        events = "events:\n  high: {each: pump, raise: loop.lateness > 1 s}\n  overrun: {raise: delta(loop.overruns over 1 min) > 3}\n"
        rig = self.rig(ALL + "tolerance: 200 ms\n", events)
        eventually(lambda: rig.count(LEVELS) > 3, "it runs")
        freeze(rig.process)
        stopped = time.monotonic()
        eventually(lambda: time.monotonic() - stopped > 2.5, "several cycles are missed")
        rig.process.send_signal(signal.SIGCONT)
        eventually(lambda: rig.count("looptwin/cellar/pump-1/command", '"start"'), "a rule acts on that")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/command", '"stop"'), "and on boundaries that are in time again")
        rig.stop()
        self.assertRegex(self.replayed(), r"event overrun +fired (once|\d+ times)")

    def test_a_device_that_is_not_what_its_model_says_is_diverging_for_rules_and_in_the_reports(self):
        events = "events:\n  high: {each: pump, raise: status == \"diverging\"}\n"
        rig = self.rig("rig: cellar-rig\nbindings: {cellar/pump-1: shadow}\nshadow: {tolerance: {level: 20 cm}}\n", events)

        def say(level):  # its model rises from 1 m
            rig.say(LEVELS, json.dumps({"level": level, "running": False}))
        eventually(lambda: say(4.5) or rig.count("looptwin/cellar/pump-1/command", '"start"'), "the loop has seen it")
        out = rig.stop()
        self.assertRegex(out, r"parity .*; 1 devices diverging")
        self.assertRegex(out, r"online 0, stale 0, offline 1, faulty 0, deviating 0, diverging 1")
        parity = json.loads((self.folder / "out/parity.json").read_text())["diverging"]["cellar/pump-1"]
        self.assertEqual((parity["times"], parity["at_the_end"]), (1, True))
        self.assertRegex(self.replayed(), r"event high +fired once: \S+ on cellar/pump-1")

    def test_mistakes_are_said_with_their_place(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        rig = self.folder / "rig.yaml"
        for text, said in (('bindings: {"cellar/*": virtual}', "virtual"), ("bindings: all", "'bindings' holds patterns"),
                           ('bindings: {"attic/*": real}', "no device matches 'attic/*'"),
                           ("bindings: {}\nshadow: {tolerance: {levle: 5 cm}}", "no model has telemetry 'levle'"),
                           ("bindings: {}\nshadow: {tolerance: {level: 5 kg}}", "kg"),
                           ("bindings: {}\nshadow: {tolerance: {level: -5 cm}}", "the tolerance of 'level' is below zero"),
                           ("start: yesterday", "yesterday"), ("pace: {late: {by: rig}}", "a rig has no key 'pace'"), ("settings: {fleet.pmup.count: 3}", "pmup")):
            rig.write_text("rig: r\n" + text + "\n")
            result = looptwin("hil", self.folder, "--out", self.folder / "out")
            self.assertEqual(result.returncode, 2, text + result.stdout)
            self.assertIn(said, result.stderr)
            self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

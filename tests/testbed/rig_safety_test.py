"""looptwin hil: what may leave for devices, and how they are made safe when the loop ends, is stopped, hangs or dies. With a real
Mosquitto and devices that share no code with looptwin."""
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import unittest
from pathlib import Path

from rig_support import (PATIENCE, SOURCE, Broker, OpenRig, block, children_of, eventually, freeze, has_ended, looptwin,
                         takes_connections)

PAGE = re.search(r"```yaml\n(# rig.yaml\n.*?)```", (SOURCE / "docs/rig-safety.md").read_text(), re.S).group(1)
# Machines that are busy with other things may let a loop wait for long.
SAFE = "rig: cellar-rig\nsafety:\n  heartbeat: 20 s\n  safe:\n    - {model: pump, command: stop}\n    - {model: pump, set: {speed: 0 %}}\n"
# Who waits for a boundary of this rig waits in vain.
FAR = SAFE + "settings: {cycle: 5 min}\n"
ORDERS = "looptwin/cellar/pump-1/command"


class Safety(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, True)

    def rig(self, *arguments, **more):
        rig = OpenRig(self.folder, *arguments, **{"rig": SAFE, **more})
        self.addCleanup(rig.close)
        return rig

    def said(self, rig, what):
        """The lines of the rig's journal about it."""
        path = rig.folder / "out/rig.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if line["what"] == what]

    def orders(self, rig, topic=ORDERS):
        """What a device was told, in order."""
        told = [json.loads(payload) for t, payload in rig.heard if t == topic]
        return [order.get("command") or f"{order['set']} {order['value']:g}" for order in told]

    def obeyed(self, rig):
        """Whether its pump has taken the last safe value."""
        order = [json.loads(p) for p in rig.payloads(ORDERS) if '"speed"' in p][-1]
        self.assertEqual(order["value"], 0)
        return any(a["id"] == order["id"] and a["outcome"] == "accepted"
                   for a in map(json.loads, rig.payloads("looptwin/cellar/pump-1/acknowledgement")))

    def started(self, rig):
        rig.pump("cellar/pump-1")
        eventually(lambda: "start" in self.orders(rig), "the pump is started")

    def test_nothing_leaves_for_devices_that_are_not_armed_and_each_order_is_answered_for_them(self):
        rig = self.rig(arm=())
        rig.pump("cellar/pump-1")
        eventually(lambda: self.said(rig, "kept_back"), "an order is kept back")
        time_of_the_second = rig.count("looptwin/cellar/pump-1/telemetry")
        eventually(lambda: rig.count("looptwin/cellar/pump-1/telemetry") > time_of_the_second + 3, "some cycles more")
        out = rig.stop()
        self.assertEqual(rig.process.returncode, 0, rig.errors.read_text())
        self.assertEqual(self.orders(rig), [])
        self.assertRegex(out, r"kept back +stopped 0, not armed [1-9]")
        self.assertRegex(out, r"commands +issued [1-9]\d*, acknowledged 0, verified 0, refused [1-9]")
        kept = self.said(rig, "kept_back")[0]
        self.assertEqual((kept["device"], kept["why"]), ("cellar/pump-1", "not armed"))
        replay = looptwin("replay", rig.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)

    def test_at_the_end_devices_that_were_armed_are_made_safe_step_by_step(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(how):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                rig = self.rig(rig=PAGE + "  heartbeat: 20 s\n", arm=("--arm", "cellar/pump-1"))
                rig.pump("cellar/pump-2")
                self.started(rig)
                rig.process.send_signal(how)
                out, _ = rig.process.communicate(timeout=PATIENCE)
                self.assertEqual(rig.process.returncode, 0, rig.errors.read_text())
                self.assertRegex(out, r"made safe +the end of the run: 2 safe values, 2 taken, 0 refused, 0 unanswered")
                eventually(lambda: self.orders(rig)[-2:] == ["stop", "speed 0"], "they were told in this order")
                self.assertEqual(self.orders(rig, "looptwin/cellar/pump-2/command"), [])
                self.assertEqual(self.said(rig, "made_safe")[0]["answered"], "2")
                status = json.loads((rig.folder / "out/manifest.json").read_text())["status"]
                self.assertTrue(status["rig"]["safe"])
                rig.close()

    def test_a_device_that_does_not_answer_its_safe_value_is_waited_for_so_long_and_the_run_fails(self):
        rig = self.rig(rig=SAFE + "  teardown: 1 s\n")
        telemetry = "looptwin/cellar/pump-1/telemetry"
        rig.say(telemetry, json.dumps({"level": 2.5}))
        eventually(lambda: "start" in self.orders(rig), "the pump is started")
        out = rig.stop(1)
        self.assertIn("devices have not confirmed their safe values", rig.errors.read_text())
        self.assertRegex(out, r"4 safe values, 0 taken, 0 refused, 2 unanswered, 2 of devices that were not there")
        eventually(lambda: self.orders(rig)[-1] == "speed 0", "it was told all the same")
        self.assertGreater(self.orders(rig).count("stop"), 0)

    def test_when_looptwin_is_killed_or_crashes_the_watchdog_makes_its_devices_safe_and_ends_the_broker(self):
        for how in (signal.SIGKILL, signal.SIGABRT):
            with self.subTest(how):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                rig = self.rig()
                self.started(rig)
                folder = rig.broker_folder()
                self.assertTrue(folder.exists())
                rig.process.send_signal(how)
                eventually(lambda: self.orders(rig)[-4:].count("speed 0") == 1, "the last step")
                self.assertEqual(self.orders(rig)[-2:], ["stop", "speed 0"])
                eventually(lambda: self.obeyed(rig), "it has obeyed")
                eventually(lambda: not takes_connections(rig.port), "the broker ends after that")
                eventually(lambda: not folder.exists(), "nothing of it is left")
                eventually(lambda: self.said(rig, "watchdog"), "it is in the run folder")
                self.assertIn("4 of 4 safe values taken by the broker", rig.errors.read_text())
                rig.close()

    def test_what_is_left_where_the_watchdog_is_killed_as_well_goes_with_the_next_rig(self):
        rig = self.rig()
        self.started(rig)
        broker, folder = rig.broker(), rig.broker_folder()
        for process in [p for p in children_of(rig.process.pid) if p != broker]:
            os.kill(process, signal.SIGKILL)
        rig.process.kill()
        rig.process.wait()
        self.assertTrue(takes_connections(rig.port))
        self.assertTrue(folder.exists())
        with tempfile.TemporaryDirectory() as other:
            after = OpenRig(other, rig=SAFE)
            self.addCleanup(after.close)
            self.assertTrue(has_ended(broker))
            self.assertFalse(folder.exists())
            folder = after.broker_folder()
            self.assertTrue(folder.exists())
            after.stop()
            self.assertFalse(folder.exists())

    def test_a_loop_that_does_not_move_is_made_safe_and_may_not_send_when_it_moves_again(self):
        rig = self.rig(rig=SAFE.replace("20 s", "1 s"))
        self.started(rig)
        freeze(rig.process)
        eventually(lambda: self.orders(rig)[-2:] == ["stop", "speed 0"], "the watchdog has spoken")
        self.assertIn("has not moved for 1 s", rig.errors.read_text())
        rig.process.send_signal(signal.SIGCONT)
        eventually(lambda: self.said(rig, "stopped"), "the loop has noticed")

        def kept_back():  # however far the pump had come: the cellar is empty for once, and fills
            rig.say("looptwin/cellar/pump-1/telemetry", '{"level": 0.1, "running": false}')
            return self.said(rig, "kept_back")

        eventually(kept_back, "the next start is kept back")
        starts = self.orders(rig).count("start")
        out = rig.stop()
        self.assertEqual(self.orders(rig).count("start"), starts)
        self.assertRegex(out, r"kept back +stopped [1-9]")

    def test_a_message_on_the_stop_topic_stops_the_rig_until_it_is_armed_again(self):
        rig = self.rig()
        self.started(rig)
        eventually(lambda: "stop" in self.orders(rig), "the cellar is empty")
        rig.say("looptwin/rig/cellar-rig/stop", "")
        eventually(lambda: self.orders(rig)[-2:] == ["stop", "speed 0"], "safe values")
        eventually(lambda: any(k["quantity"] == "start" for k in self.said(rig, "kept_back")), "the next start is kept back")
        self.assertIn("looptwin/rig/cellar-rig/stop", self.said(rig, "stopped")[0]["why"])
        out = rig.stop()
        self.assertRegex(out, r"stops +1\n")
        self.assertEqual(self.orders(rig).count("speed 0"), 2)  # at the stop, and at the end
        self.assertEqual(rig.process.returncode, 0, rig.errors.read_text())
        replay = looptwin("replay", rig.folder / "out")
        self.assertEqual(replay.returncode, 0, replay.stdout + replay.stderr)

    def test_people_are_heard_at_once_where_boundaries_wait_for_what_arrives(self):
        rig = self.rig(rig=SAFE + "settings: {cycle: {least: 5 ms, greatest: 10 min}}\n")
        for what in (["stop"], ["arm", "cellar/pump-1"], ["disarm", "cellar/*"]):
            done = looptwin("rig", what[0], rig.folder / "out", *what[1:])
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.said(rig, "stopped")), 1)

    def ask(self, rig, what, *arguments):
        result = looptwin("rig", what, rig.folder / "out", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_the_stop_topic_acts_while_the_loop_waits_for_a_boundary_that_is_far(self):
        rig = self.rig(rig=FAR)
        rig.say("looptwin/rig/cellar-rig/stop", "")
        eventually(lambda: self.orders(rig)[-2:] == ["stop", "speed 0"], "safe values")
        eventually(lambda: rig.count("looptwin/cellar/pump-2/command") == 2, "of all devices")
        self.assertIn("looptwin/rig/cellar-rig/stop", self.said(rig, "stopped")[0]["why"])
        self.assertEqual(float(rig.status()["at_s"]), 0)  # no boundary came of it
        out = rig.stop()
        self.assertRegex(out, r"stops +1\n")
        self.assertRegex(out, r"made safe +somebody said so on looptwin/rig/cellar-rig/stop: 4 safe values, .* 4 of devices that were not there")

    def test_people_are_heard_at_once_where_the_next_boundary_is_far_and_in_their_order(self):
        rig = self.rig(rig=FAR)
        self.assertIn("devices: 1", self.ask(rig, "disarm", "cellar/pump-1"))
        eventually(lambda: self.orders(rig) == ["stop", "speed 0"], "it is made safe")
        self.assertIn("safe_values: 4", self.ask(rig, "stop", "--by", "anna"))
        eventually(lambda: rig.count("looptwin/cellar/pump-2/command") == 2, "so are all")
        self.assertIn("devices: 1", self.ask(rig, "arm", "cellar/pump-2"))
        self.assertEqual(float(rig.status()["at_s"]), 0)
        lines = (rig.folder / "out/rig.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["what"] for line in lines], ["armed", "disarmed", "stopped", "armed"])
        rig.stop()

    def test_a_stop_waits_behind_nobody_who_asks_for_something_else_or_for_nothing(self):
        rig = self.rig(rig=FAR)
        force = {"do": "force", "force": "{device: cellar/pump-1, field: level, force: 3 m, for: 10 s}"}  # at the next boundary
        others = []
        for line in ("", json.dumps(force) + "\n"):
            others.append(socket.socket(socket.AF_UNIX))
            self.addCleanup(others[-1].close)
            others[-1].connect(str(rig.folder / "out/control.socket"))
            others[-1].sendall(line.encode())
        others[1].settimeout(0)
        self.assertIn("safe_values: 4", self.ask(rig, "stop"))
        with self.assertRaises(BlockingIOError):
            others[1].recv(1)  # it still waits
        rig.stop()
        others[1].settimeout(PATIENCE)
        self.assertIn("the rig is ending: nothing was done", others[1].recv(4096).decode())

    def test_people_arm_disarm_and_stop_a_rig_that_runs(self):
        rig = self.rig(arm=())
        rig.pump("cellar/pump-1", "0")

        def ask(what, *arguments):
            return self.ask(rig, what, *arguments)

        self.assertIn("devices: 1", ask("arm", "cellar/pump-1", "--by", "anna"))
        self.assertEqual(self.said(rig, "armed")[0]["by"], "anna")
        eventually(lambda: "start" in self.orders(rig), "the pump is started")
        self.assertIn("devices: 1", ask("disarm", "cellar/pump-1"))
        eventually(lambda: self.orders(rig)[-2:] == ["stop", "speed 0"], "it is made safe")
        self.assertIn("safe_values: 4", ask("stop", "--by", "anna"))
        self.assertEqual(self.said(rig, "stopped")[0]["why"], "asked for by anna")
        starts = self.orders(rig).count("start")
        ask("arm", "**")
        rig.say("looptwin/cellar/pump-2/telemetry", json.dumps({"level": 2.5}))
        eventually(lambda: rig.count("looptwin/cellar/pump-2/command", '"start"'), "armed again, it is told what the loop wants")
        self.assertEqual(self.orders(rig).count("start"), starts)  # its event stands still: arming alone moves nothing
        refused = looptwin("rig", "arm", rig.folder / "out", "celar/*")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("no device matches 'celar/*'", refused.stderr)

    def test_a_broker_that_was_away_is_a_stop_and_devices_are_made_safe_when_they_are_back(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        rig = self.rig("--broker", f"mqtt://127.0.0.1:{broker.port}")
        self.started(rig)
        broker.kill()
        told = len(self.orders(rig))
        broker.start()
        eventually(lambda: set(self.orders(rig)[told:]) >= {"stop", "speed 0"}, "safe values")
        eventually(lambda: self.said(rig, "stopped"), "a stop")
        self.assertEqual(self.said(rig, "stopped")[0]["why"], "the broker was away")
        eventually(lambda: self.obeyed(rig), "the device has answered")
        rig.stop()

    def test_orders_beyond_limits_are_kept_back_and_counted_by_why(self):
        limits = ("  limits:\n    pump.speed: {range: [0 %, 60 %]}\n    pump.start: {most: 1}\n")
        rig = self.rig(rig=SAFE + limits)
        rig.pump("cellar/pump-1")
        eventually(lambda: "start" in self.orders(rig), "the first start")
        eventually(lambda: any(k["why"] == "too often" for k in self.said(rig, "kept_back")), "the second one is kept back")
        self.assertTrue(any((k["quantity"], k["why"]) == ("speed", "out of range") for k in self.said(rig, "kept_back")))
        out = rig.stop()
        self.assertEqual(self.orders(rig).count("start"), 1)
        self.assertNotIn("speed 80", self.orders(rig))
        self.assertRegex(out, r"out of range [1-9]\d*, too fast 0, too often [1-9]")

    def test_rates_and_the_list_of_what_is_allowed_hold_as_well(self):
        rig = self.rig(rig=SAFE + "  allow: [pump.speed, pump.start]\n  limits:\n    pump.speed: {rate: 1 %/s}\n")
        rig.pump("cellar/pump-1")
        eventually(lambda: {"not allowed", "too fast"} <= {k["why"] for k in self.said(rig, "kept_back")}, "both")
        self.assertNotIn("stop", self.orders(rig))
        self.assertNotIn("speed 50", self.orders(rig))  # the way back from 80 % was too fast
        rig.stop()
        eventually(lambda: self.orders(rig)[-2:] == ["stop", "speed 0"], "safe values go beyond all limits")

    def test_mistakes_are_said_with_their_place(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        for text, said in (("safety: {safe: [{model: pmup, command: stop}]}", "'pmup' is no model"),
                           ("safety: {safe: [{model: pump, command: stpo}]}", "pump has no command 'stpo'"),
                           ("safety: {safe: [{model: pump, set: {speed: 3 m}}]}", "rig.yaml:2:"),
                           ("safety: {safe: [{model: pump, set: {speed: 120 %}}]}", "outside the range of 'speed'"),
                           ("safety: {safe: [{model: pump}]}", "either a command or setpoints"),
                           ("safety: {allow: [speed]}", "write MODEL.NAME"),
                           ("safety: {limits: {pump.start: {rate: 1 %/s}}}", "pump.start is no number"),
                           ("safety: {limits: {pump.speed: {rate: 1 m}}}", "rig.yaml:2:"),
                           ("safety: {sfae: []}", "safety has no key 'sfae'"),
                           ("safety: {heartbeat: 199 ms}", "rig.yaml:2:21: error: a heartbeat of 199 ms"),
                           ("safety: {heartbeat: 10 ms}", "write 200 ms or more"),
                           ("safety: {heartbeat: 0 s}", "rig.yaml:2:"),
                           ("forces: [{device: x, field: level, force: 1 m}]", "no device matches 'x'"),
                           ("forces: [{device: '**', field: level}]", "a force lacks kind"),
                           ("forces: [{device: '**', field: level, delay: 1 s}]", "'delay' does not act on a field"),
                           ("forces: [{device: '**', field: running, offset: 1}]", "it has no offset"),
                           ("forces: [{device: '**', message: telemety, drop: 1}]", "there is no message 'telemety'")):
            (self.folder / "rig.yaml").write_text("rig: r\n" + text + "\n")
            result = looptwin("hil", self.folder, "--out", self.folder / "out")
            self.assertEqual(result.returncode, 2, text + result.stdout)
            self.assertIn(said, result.stderr)
            self.assertFalse((self.folder / "out").exists())
        (self.folder / "rig.yaml").write_text("rig: r\n")
        result = looptwin("hil", self.folder, "--out", self.folder / "out", "--arm", "celar/*")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no device matches --arm 'celar/*'", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

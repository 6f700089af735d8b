"""What devices and clients that do what they should not do to a rig: hostile messages, floods, clocks that jump, sessions that flap.
A real Mosquitto, real devices. Nothing may crash, grow without bound, or be lost in silence."""
import json
import re
import select
import signal
import subprocess
import time
import unittest

from rig_support import PASSWORD, SOURCE, Broker, Client, InFolder, Registry, block, eventually, freeze, looptwin, memory_of, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
TOPIC, OTHER = f"looptwin/{ONE}/", f"looptwin/{TWO}/"

HOSTILE = [b"", b"\x00", b"\xff\xfe\xfd", b"{", b"null", b"[]", b'"level"', b"1e999", b"{}}", b"[" * 60_000, b'{"level":' * 10_000,
           b'{"level": "' + b"a" * 60_000 + b'"}', b'{"level": [[[[1]]]]}', b'{"level": true}', b'{"running": 7}', b'{"level": "\\ud800"}',
           b'{"level": 1, "level": {}}', b"{" + b"a" * 200_000, b'{"n": "x", "level": {}}']
# These can be read; what they say is at worst a value that nobody can believe.
ODD = [b'{"level": 1e308}', b'{"level": -1e308}', b'{"level": 1e-320}', b'{"level": 1.5, "n": -1}', b'{"level": 1.5, "n": 1e30}',
       b'{"level": 1.5, "t": 1e300}', b'{"level": 1.5, "t": -1e18}', b'{"level": 1.5, "t": "yesterday"}', b'{"level": null, "running": null}',
       b'{"unknown": {"deep": [1, 2, 3]}}']


class Hostile(InFolder):
    def test_hostile_payloads_are_counted_and_change_nothing(self):
        rig = self.rig()
        ear = rig.client("ear").join()
        ear.subscribe("looptwin/#")
        fiend = rig.client("fiend").join()
        for payload in HOSTILE:
            for what in ("telemetry", "acknowledgement", "presence"):
                fiend.say(TOPIC + what, payload)
        for payload in ODD:
            fiend.say(TOPIC + "telemetry", payload)
        fiend.say(TOPIC + "acknowledgement", {"id": "f" * 16, "outcome": "accepted"})  # of no command that there is
        fiend.say(TOPIC + "acknowledgement", {"id": "f" * 17, "outcome": "accepted"})
        fiend.say("looptwin/cellar/\u00e9/telemetry", {"level": 1})
        rig.pump(TWO, "2.5")
        eventually(lambda: any(t == OTHER + "command" and b"stop" in p for t, p in ear.heard), "the other pump empties its cellar")
        out = rig.stop()
        self.assertRegex(out, rf"\b{3 * len(HOSTILE) + 2} not understood \(\d+ malformed, \d+ of a wrong type, 1 of nobody\)")
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

    def test_a_flood_at_a_broker_without_our_plugin_does_not_drive_out_the_others(self):
        broker, rig = self.external("allow_anonymous true", "max_queued_messages 0", "max_inflight_messages 0")
        ear = rig.client("ear").join()
        for topic in (OTHER + "#", TOPIC + "command"):
            ear.subscribe(topic)
        rig.pump(TWO, "2.5", program="pump_device")
        before = memory_of(rig.process.pid)
        flooder = rig.client(ONE).join()
        flooder.client.max_inflight_messages_set(2000)
        freeze(rig.process)  # the loop cannot take anything in: all of it waits
        for n in range(60_000):
            flooder.say(TOPIC + "telemetry", '{"level": 1.0, "n": %d}' % n)
        rig.process.send_signal(signal.SIGCONT)
        eventually(lambda: ear.told(TWO), "the other pump is told what to do")
        eventually(lambda: any(t == OTHER + "acknowledgement" for t, _ in ear.heard), "and does it")
        self.assertLess(memory_of(rig.process.pid) - before, 200e6)
        eventually(lambda: len(flooder.acknowledged) == 60_000, "the flood is over")
        n = iter(range(60_000, 100_000))
        eventually(lambda: flooder.say(TOPIC + "telemetry", {"level": 2.5, "n": next(n)}) and ear.told(ONE), "all of it has gone through")
        out = rig.stop()
        # What is missing is what was shed of the one topic: the other pump has lost nothing.
        self.assertEqual([i["detail"] for i in rig.incidents() if i["kind"] == "shed" and not i["detail"].startswith(TOPIC)], [])
        gaps = int(re.search(r"gaps ([\d ]*\d)", out).group(1).replace(" ", ""))
        self.assertLessEqual(gaps, rig.incident("shed"))
        self.assertIn("devices there          2", out)

    def test_a_device_whose_clock_jumps_is_believed_no_further_than_it_can_be(self):
        rig = self.rig()
        ear = rig.client("ear").join()
        ear.subscribe("looptwin/#")
        device = rig.client(ONE).join()

        def until_told(word):
            before = sum(word in p for _, p in ear.heard)
            level = 2.5 if word == b"start" else 0.2
            eventually(lambda: device.say(TOPIC + "telemetry", {"level": level, "running": False, "t": time.time()}) and
                       sum(word in p for t, p in ear.heard if t == TOPIC + "command") > before, "it is told what to do")

        until_told(b"start")
        for jump in (86_400 * 365, -86_400 * 365, 3_600, -3_600, 1e12):
            device.say(TOPIC + "telemetry", {"level": 2.0, "running": False, "t": time.time() + jump})
        # Those of a clock that was ahead count as of their arrival; soon the right ones are newer.
        until_told(b"stop")
        self.assertRegex(rig.stop(), r"late [1-9]\d*, future [1-9]")
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

    def test_messages_that_wait_for_a_long_cycle_are_bounded_in_bytes(self):
        scenario = block("rig.md", "scenario.yaml").replace("cycle: 200 ms", "cycle: 5 s")
        rig = self.rig("rig: cellar-rig\n", scenario)
        before = memory_of(rig.process.pid)
        fiend = rig.client("fiend").join()
        for _ in range(100):
            fiend.say(TOPIC + "telemetry", b"x" * 1_000_000)
        for _ in range(900):
            fiend.say(TOPIC + "telemetry", b"x" * 60_000)
        eventually(lambda: len(fiend.acknowledged) == 1000, "all is at the broker")
        fiend.say(OTHER + "telemetry", {"level": 2.5})
        eventually(lambda: rig.incident("too_long") == 100, "what is too long is refused")
        eventually(lambda: rig.incident("shed"), "what is too much of one topic is shed")
        self.assertLess(memory_of(rig.process.pid) - before, 150e6)
        eventually(lambda: rig.status()["devices_there"] == "1", "the others are heard")
        rig.stop()
        status = json.loads((self.folder / "out/manifest.json").read_text())["status"]["rig"]
        self.assertEqual(status["mqtt"]["too_long"], 100)
        self.assertEqual(status["incidents"]["too_long"], 100)
        self.assertEqual(status["mqtt"]["malformed"] + status["mqtt"]["shed"], 1000)

    def test_a_device_that_flaps_is_followed_and_a_command_reaches_it_when_it_stays(self):
        registry = Registry(self.folder, ONE)
        rig = self.rig(f"rig: cellar-rig\nregistry: plant.registry\nuser: tester\npassword: {PASSWORD}\n")
        ear = rig.ear("tester", PASSWORD)
        for n in range(40):
            flapping = rig.client(ONE, ONE, registry.secrets[ONE]).join()
            flapping.say(TOPIC + "telemetry", {"level": 2.5, "n": n})
            flapping.drop() if n % 2 else flapping.close()
        eventually(lambda: sum(t == f"$looptwin/presence/{ONE}" for t, _ in ear.heard) >= 79, "each session is seen")
        seen = [json.loads(p)["online"] for t, p in ear.heard if t == f"$looptwin/presence/{ONE}"]
        self.assertGreater(sum(seen), 20)
        rig.pump(ONE, "3.5", secret=registry.secrets[ONE], program="pump_device")
        eventually(lambda: any(t == TOPIC + "acknowledgement" and b"accepted" in p for t, p in ear.heard), "it does what it is told")
        self.assertIn("devices there          1", rig.stop())

    def test_devices_that_a_rig_begins_with_outlive_damaged_orders(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        person = Client(broker.port, "person").join()
        self.addCleanup(person.close)
        person.subscribe("looptwin/#")
        for program in ("pump.py", "keeping_pump.py", "valve.py"):
            with self.subTest(program):
                device = subprocess.Popen(["/usr/bin/python3", SOURCE / "hil/devices" / program, str(broker.port), program], stderr=subprocess.DEVNULL)
                self.addCleanup(lambda started=device: (started.kill(), started.wait()))
                topic = f"looptwin/{program}/"
                eventually(lambda: (topic + "presence", b"online") in person.heard, "it is there")
                for order in HOSTILE + [b'{"ie": "1", "command": "start"}', b'{"id": 1}', b'{"id": "2", "set": "speed"}', b'{"id": "3", "set": "break_drop"}',
                                        b'{"id": "4", "command": "start", "expires": "soon"}', b'{"id": "5", "set": "speed", "value": "fast"}', b'[1]', b'7']:
                    person.say(topic + "command", order)
                    person.say(topic + "confirmation", order)
                person.say(topic + "command", {"id": "last", "command": "explode", "expires": 0})
                answers = eventually(lambda: [json.loads(p) for t, p in person.heard if t == topic + "acknowledgement" and b'"last"' in p], "it answers")
                self.assertEqual(answers[0]["outcome"], "unknown_command")

    def test_a_client_that_takes_nothing_costs_the_broker_no_more_than_it_may(self):
        rig = self.rig()
        sleeper = subprocess.Popen(["/usr/bin/mosquitto_sub", "-h", "127.0.0.1", "-p", str(rig.port), "-t", "#", "-q", "1"], stdout=subprocess.PIPE)
        self.addCleanup(lambda: (sleeper.kill(), sleeper.wait(), sleeper.stdout.close()))
        ear = rig.client("ear").join()
        ear.subscribe("other/end")
        talker = rig.client("talker").join()
        eventually(lambda: talker.say("other/hello", "hello") and select.select([sleeper.stdout], [], [], 0.1)[0], "it hears all")
        freeze(sleeper)
        talker.client.max_inflight_messages_set(2000)
        talker.client.max_queued_messages_set(0)
        payload = b"x" * 20_000
        for _ in range(20_000):  # 400 MB for somebody who does not take them
            talker.say("other/talk", payload)
        talker.say("other/end", "end")
        eventually(lambda: ear.heard, "all of it has gone through the broker")
        self.assertLess(memory_of(rig.broker()), 600e6)
        eventually(lambda: rig.incident("broker_dropped") > 0, "what had no room is told")
        rig.stop()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

"""What happens to a rig when devices, its broker and its own host do what they should not: a real Mosquitto, real devices.

Nothing may crash, grow without bound, or be lost in silence.
"""
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import h5py
import paho.mqtt.client as mqtt
from rig_support import BINARIES, PASSWORD, SOURCE, Broker, Client, Registry, Rig, block, certificates, eventually, freeze, looptwin, memory_of, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
TOPIC, OTHER = f"looptwin/{ONE}/", f"looptwin/{TWO}/"

HOSTILE = [b"", b"\x00", b"\xff\xfe\xfd", b"{", b"null", b"[]", b'"level"', b"1e999", b"{}}", b"[" * 60_000, b'{"level":' * 10_000,
           b'{"level": "' + b"a" * 60_000 + b'"}', b'{"level": [[[[1]]]]}', b'{"level": true}', b'{"running": 7}', b'{"level": "\\ud800"}',
           b'{"level": 1, "level": {}}', b"{" + b"a" * 200_000, b'{"n": "x", "level": {}}']
# These can be read; what they say is at worst a value that nobody can believe.
ODD = [b'{"level": 1e308}', b'{"level": -1e308}', b'{"level": 1e-320}', b'{"level": 1.5, "n": -1}', b'{"level": 1.5, "n": 1e30}',
       b'{"level": 1.5, "t": 1e300}', b'{"level": 1.5, "t": -1e18}', b'{"level": 1.5, "t": "yesterday"}', b'{"level": null, "running": null}',
       b'{"unknown": {"deep": [1, 2, 3]}}']


class Road:
    """Between a client and a broker; blocked, it takes what is sent and brings nothing, and nobody is told."""

    def __init__(self, port):
        self.to, self.blocked, self.sockets = port, threading.Event(), []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.open, daemon=True).start()

    def open(self):
        while True:
            try:
                near, _ = self.door.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.sockets += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def carry(self, a, b):
        try:
            while data := a.recv(65536):
                if not self.blocked.is_set():
                    b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for one in [self.door, *self.sockets]:
            one.close()


class Saying(threading.Thread):
    """A broker that says why it ends a session, which Mosquitto 2.0 does not: MQTT 5, as far as a rig needs it to begin."""

    def __init__(self):
        super().__init__(daemon=True)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port, self.there = self.door.getsockname()[1], []
        self.start()

    def run(self):
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()

    def serve(self, near):
        with near, near.makefile("rb") as said:
            while head := said.read(1):
                length = shift = 0
                while True:
                    byte = said.read(1)[0]
                    length, shift = length | (byte & 127) << shift, shift + 7
                    if byte < 128:
                        break
                body, kind = said.read(length), head[0] >> 4
                if kind == 1:  # CONNECT
                    self.there.append(near)
                    near.sendall(b"\x20\x03\0\0\0")
                elif kind == 3:  # PUBLISH, with QoS 1: said again to whoever said it
                    topic = 2 + int.from_bytes(body[:2], "big")
                    near.sendall(b"\x40\x02" + body[topic:topic + 2] + head + bytes([length]) + body)
                elif kind == 8:  # SUBSCRIBE: a filter each
                    near.sendall(b"\x90\x04" + body[:2] + b"\0\x01")
                elif kind == 12:  # PINGREQ
                    near.sendall(b"\xd0\0")
                elif kind == 14:  # DISCONNECT
                    break
        self.there.remove(near)

    def take_over(self):
        for one in list(self.there):
            one.sendall(b"\xe0\x02\x8e\0")
            one.shutdown(socket.SHUT_WR)

    def close(self):
        for one in [self.door, *self.there]:
            one.close()


class Faults(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def rig(self, *arguments, **more):
        rig = Rig(self.folder, *arguments, **more)
        self.addCleanup(rig.close)
        return rig

    def external(self, *lines, rig="rig: cellar-rig\n"):
        broker = Broker(self.folder, *lines)
        self.addCleanup(broker.close)
        return broker, self.rig(rig + f"broker: mqtt://127.0.0.1:{broker.port}\n")

    def told(self, ear, ident=ONE, after=0):
        return sum(t == f"looptwin/{ident}/command" for t, _ in ear.heard) > after

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
        ear.subscribe(OTHER + "#")
        rig.pump(TWO, "2.5", program="pump_device")
        before = memory_of(rig.process.pid)
        flooder = rig.client(ONE).join()
        flooder.client.max_inflight_messages_set(2000)
        freeze(rig.process)  # the loop cannot take anything in: all of it waits
        for n in range(60_000):
            flooder.say(TOPIC + "telemetry", '{"level": 1.0, "n": %d}' % n)
        rig.process.send_signal(signal.SIGCONT)
        eventually(lambda: self.told(ear, TWO), "the other pump is told what to do")
        eventually(lambda: any(t == OTHER + "acknowledgement" for t, _ in ear.heard), "and does it")
        self.assertLess(memory_of(rig.process.pid) - before, 200e6)
        out = rig.stop()
        self.assertIn("gaps", out)

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

    def test_a_broker_that_freezes_loses_nothing_and_one_that_is_killed_takes_all_devices_offline_until_it_is_back(self):
        broker, rig = self.external()
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe("looptwin/#")
        rig.pump(ONE, program="pump_device")
        rig.pump(TWO)
        eventually(lambda: self.told(ear, TWO) and self.told(ear), "both work")
        freeze(broker.process)
        time.sleep(2)  # shorter than anybody's patience: a pause is no end
        broker.process.send_signal(signal.SIGCONT)
        heard = len(ear.heard)
        eventually(lambda: len(ear.heard) > heard + 30, "it goes on")
        self.assertEqual(rig.incident("broker_lost"), 0)
        broker.kill()
        eventually(lambda: rig.incident("broker_lost") == 1, "it is lost")
        broker.start()
        commands = sum(t.endswith("command") for t, _ in ear.heard)
        eventually(lambda: sum(t.endswith("command") for t, _ in ear.heard) > commands + 1, "all works again")
        eventually(lambda: rig.status().get("devices_there") == "2", "both are back")
        out = rig.stop()
        self.assertIn("broker_lost 1", out)
        self.assertIn("devices there          2", out)
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

    def test_a_broker_that_is_not_reached_any_more_is_missed_after_its_keep_alive_and_has_kept_all_until_then(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        road = Road(broker.port)
        self.addCleanup(road.close)
        rig = self.rig(f"rig: cellar-rig\nbroker: mqtt://127.0.0.1:{road.port}\n")
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe("looptwin/#")
        rig.port = broker.port  # the pump's own way is free
        rig.pump(ONE, program="pump_device")
        eventually(lambda: self.told(ear), "it works")
        road.blocked.set()
        eventually(lambda: rig.incident("broker_lost") == 1, "it is missed")
        road.blocked.clear()
        commands = sum(t.endswith("command") for t, _ in ear.heard)
        eventually(lambda: sum(t.endswith("command") for t, _ in ear.heard) > commands, "the pump is told again")
        out = rig.stop()
        self.assertIn("broker_lost 1", out)
        self.assertRegex(out, r"gaps 0, restarts 0")
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

    def test_two_rigs_of_one_client_id_are_told_of_each_other(self):
        broker = Saying()
        self.addCleanup(broker.close)
        rig = self.rig(f"rig: cellar-rig\nbroker: mqtt://127.0.0.1:{broker.port}\n")
        broker.take_over()
        eventually(lambda: rig.incident("session_taken_over"), "it is seen")
        self.assertIn("somebody else has come as client 'looptwin-cellar-rig': give one of the two another client_id", rig.errors.read_text())
        rig.close()
        shutil.rmtree(self.folder / "out")
        # Mosquitto does not say so: the two throw each other out again and again.
        broker, rig = self.external()
        other = Client(broker.port, "looptwin-cellar-rig", keepalive=60)
        self.addCleanup(other.close)
        eventually(lambda: rig.incident("connection_unsteady"), "it is seen")
        self.assertIn("somebody else is client 'looptwin-cellar-rig' too: give one of the two another client_id", rig.errors.read_text())

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

    def test_a_broker_of_our_own_that_is_killed_is_started_again_and_knows_who_may_come_in(self):
        registry = Registry(self.folder, ONE)
        rig = self.rig(f"rig: cellar-rig\nregistry: plant.registry\nuser: tester\npassword: {PASSWORD}\n")
        ear = rig.ear("tester", PASSWORD)
        rig.pump(ONE, secret=registry.secrets[ONE], program="pump_device")
        eventually(lambda: self.told(ear), "it works")
        before = rig.broker()
        os.kill(before, signal.SIGKILL)
        eventually(lambda: rig.incident("broker_lost") == 1, "it is lost")
        eventually(lambda: self.broker_of(rig) not in (None, before) and ear.connected, "it is started again")
        commands = sum(t.endswith("command") for t, _ in ear.heard)
        eventually(lambda: sum(t.endswith("command") for t, _ in ear.heard) > commands, "the pump works again")
        stranger = rig.client("stranger", "stranger", "x" * 43)
        eventually(lambda: 5 in stranger.codes, "a stranger is refused as before")
        self.assertRegex(rig.stop(), r"\n  broker +1 restart\n")

    def test_a_pump_in_c_keeps_its_cellar_dry_by_itself_while_it_has_no_link(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        pump = subprocess.Popen([BINARIES / "pump_device", str(broker.port), ONE, "2.7"])
        self.addCleanup(lambda: (pump.kill(), pump.wait()))
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe(TOPIC + "telemetry")

        def reports():
            return [json.loads(p) for _, p in ear.heard]
        eventually(lambda: len(reports()) > 2, "it reports")
        self.assertFalse(any(r["running"] for r in reports()))  # nobody tells it to start, and it has a link
        before = reports()[-1]["n"]
        broker.kill()
        eventually(lambda: not ear.connected, "the broker is gone")
        broker.start()
        eventually(lambda: any(r["n"] > before + 3 for r in reports()), "it reports again")
        after = [r for r in reports() if r["n"] > before]
        self.assertTrue(after[0]["running"])  # it has started by itself

    def broker_of(self, rig):
        try:
            return rig.broker()
        except (StopIteration, FileNotFoundError):
            return None

    def test_a_host_that_is_suspended_takes_in_what_came_meanwhile(self):
        rig = self.rig()
        ear = rig.client("ear").join()
        ear.subscribe("looptwin/#")
        rig.pump(ONE, program="pump_device")
        eventually(lambda: self.told(ear), "it works")
        freeze(rig.process)
        reports = sum(t == TOPIC + "telemetry" for t, _ in ear.heard)
        eventually(lambda: sum(t == TOPIC + "telemetry" for t, _ in ear.heard) > reports + 15, "three seconds")
        rig.process.send_signal(signal.SIGCONT)
        commands = sum(t.endswith("command") for t, _ in ear.heard)
        eventually(lambda: sum(t.endswith("command") for t, _ in ear.heard) > commands, "it goes on")
        out = rig.stop()
        self.assertIn("gaps 0", out)
        self.assertRegex(out, r"pace +\d+ boundaries, [1-9]\d* late, 0 skipped")
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

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

    def test_what_devices_were_told_before_looptwin_was_killed_stands_in_its_run_folder(self):
        for durable in ("", "durable: true\n"):
            with self.subTest(durable):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                rig = self.rig("rig: cellar-rig\n" + durable)
                ear = rig.client("ear")
                told = []

                def heard(_, __, message):
                    if not told:
                        rig.process.kill()
                    told.append(json.loads(message.payload)["id"])
                ear.client.on_message = heard
                ear.join().subscribe("looptwin/+/+/command")
                device = rig.client(ONE).join()
                device.say(TOPIC + "telemetry", {"level": 2.5, "n": 1})
                eventually(lambda: told and rig.process.poll() is not None, "it is told something, and looptwin is killed")
                decided = self.folder / "decisions.h5"
                decided.unlink(missing_ok=True)
                exported = looptwin("export", self.folder / "out", decided)
                self.assertEqual(exported.returncode, 0, exported.stderr)
                with h5py.File(decided) as file:
                    kept = {f"{int(i) & (1 << 64) - 1:016x}" for i in file["decisions"]["id"]}
                self.assertLessEqual(set(told), kept)
                rig.close()

    def test_a_client_that_takes_nothing_costs_the_broker_no_more_than_it_may(self):
        rig = self.rig()
        sleeper = subprocess.Popen(["/usr/bin/mosquitto_sub", "-p", str(rig.port), "-t", "#", "-q", "1"], stdout=subprocess.PIPE)
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

    def test_with_mqtt_3_1_1_all_works_as_with_5(self):
        rig = self.rig("rig: cellar-rig\nversion: 3.1.1\n")
        ear = rig.client("ear").join()
        ear.subscribe("looptwin/#")
        rig.pump(ONE, "2.5", program="pump_device")
        rig.pump(TWO, "2.5")
        for topic in (TOPIC, OTHER):
            eventually(lambda: any(t == topic + "command" and b"stop" in p for t, p in ear.heard), "its cellar is empty")
        self.assertRegex(rig.stop(), r"acknowledged [1-9]")

    def test_with_mqtt_5_a_command_that_nobody_has_heard_in_time_is_forgotten_by_the_broker(self):
        rig = self.rig()
        ear = rig.client("ear", version=mqtt.MQTTv5)
        said = []
        ear.client.on_message = lambda _, __, m: said.append((m.topic, m.properties))
        ear.join().subscribe("looptwin/+/+/command")
        device = rig.client(ONE).join()
        device.say(TOPIC + "telemetry", {"level": 2.5, "n": 1})
        eventually(lambda: said, "a command")
        properties = said[0][1]
        self.assertLessEqual(properties.MessageExpiryInterval, 6)  # it expires after 5 s
        self.assertEqual(len(properties.CorrelationData), 16)
        self.assertEqual(properties.ContentType, "application/json")
        rig.stop()

    def test_over_tls_both_sides_show_certificates_and_whoever_has_none_of_ours_stays_out(self):
        certificates(self.folder, pump="cellar\\/pump-1")
        broker = Broker(self.folder, "cafile " + str(self.folder / "ca.pem"), "certfile " + str(self.folder / "broker.pem"),
                        "keyfile " + str(self.folder / "broker.key"), "require_certificate true", "use_identity_as_username true",
                        "allow_anonymous false")
        self.addCleanup(broker.close)
        text = f"rig: cellar-rig\nbroker: mqtts://localhost:{broker.port}\ncertificates: ca.pem\ncertificate: host.pem\nkey: host.key\n"
        for version in ("5", "3.1.1"):
            rig = self.rig(text + f"version: {version}\n")
            rig.pump(ONE, "2.5", program="pump_device", DEVICE_CA=str(self.folder / "ca.pem"), DEVICE_HOST="localhost",
                     DEVICE_CERTIFICATE=str(self.folder / "pump.pem"), DEVICE_KEY=str(self.folder / "pump.key"))
            ear = Client(broker.port, "ear", host="localhost", tls=[self.folder / f for f in ("ca.pem", "host.pem", "host.key")]).join()
            ear.subscribe("looptwin/#")
            eventually(lambda: any(t == TOPIC + "command" and b"stop" in p for t, p in ear.heard), "the cellar is empty")
            ear.close()
            self.assertRegex(rig.stop(), r"acknowledged [1-9]")
            rig.close()
            shutil.rmtree(self.folder / "out")
        for change, said in ((("host", "forged"), "cannot connect"), (("ca.pem", "other.pem"), "cannot connect"),
                             (("certificates: ca.pem", "certificates: none.pem"), "rig.yaml:3:15: error: cannot read "),
                             (("key: host.key", "key: scenario.yaml"), "scenario.yaml is no PEM file"), (("key: host.key\n", ""), "write key: FILE as well"),
                             (("mqtts://localhost", "mqtt://localhost"), "rig.yaml:3:15: error: nobody asks for certificates at mqtt://localhost")):
            (self.folder / "rig.yaml").write_text(text.replace(*change))
            (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
            refused = looptwin("hil", self.folder, "--out", "none")
            self.assertEqual(refused.returncode, 2, refused.stdout)
            self.assertIn(said, refused.stderr)

    def test_our_plugin_takes_a_verified_certificate_for_a_secret(self):
        certificates(self.folder, pump="cellar\\/pump-1")
        registry = Registry(self.folder, ONE, TWO)
        broker = Broker(self.folder, "cafile " + str(self.folder / "ca.pem"), "certfile " + str(self.folder / "broker.pem"),
                        "keyfile " + str(self.folder / "broker.key"), "require_certificate true", "allow_anonymous false",
                        f"plugin {BINARIES / 'looptwin_mosquitto.so'}", f"plugin_opt_view {self.folder / 'view'}")
        self.addCleanup(broker.close)
        rig = self.rig(f"rig: cellar-rig\nregistry: plant.registry\nview: view\nbroker: mqtts://localhost:{broker.port}\ncertificates: ca.pem\n"
                       f"certificate: host.pem\nkey: host.key\nuser: looptwin\npassword: {PASSWORD}\n")

        def attempt(ident, certificate="pump", user=None, secret=None):
            client = mqtt.Client(client_id=ident)
            client.tls_set(str(self.folder / "ca.pem"), str(self.folder / f"{certificate}.pem"), str(self.folder / f"{certificate}.key"))
            if user:
                client.username_pw_set(user, secret)
            codes = []
            client.on_connect = lambda _, __, ___, code: codes.append(code)
            try:
                client.connect("localhost", broker.port)
                client.loop_start()
                eventually(lambda: codes, "an answer")
            except OSError:
                return None
            finally:
                client.loop_stop()
                client.disconnect()
            return codes[0]

        self.assertEqual(attempt(ONE), 0)
        self.assertEqual(attempt(ONE, user=ONE), 0)
        self.assertEqual(attempt(TWO), 5)  # another's client id
        self.assertEqual(attempt(TWO, user=TWO), 5)  # another's name
        self.assertEqual(attempt(TWO, user=TWO, secret=registry.secrets[TWO]), 0)  # its secret is its own
        self.assertEqual(attempt("looptwin", certificate="host"), 5)  # no device
        rig.stop()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

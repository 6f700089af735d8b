"""What happens to a rig when its broker, the way to it and its own host do what they should not: a real Mosquitto, real devices.

Nothing may crash or be lost in silence.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import h5py
from rig_support import BINARIES, PASSWORD, Broker, Client, InFolder, Registry, eventually, freeze, looptwin, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
TOPIC, OTHER = f"looptwin/{ONE}/", f"looptwin/{TWO}/"


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


class Faults(InFolder):
    def test_a_broker_that_freezes_loses_nothing(self):
        broker, rig = self.external()
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe("looptwin/#")
        rig.pump(ONE, program="pump_device")
        rig.pump(TWO)
        eventually(lambda: ear.told(TWO) and ear.told(ONE), "both work")
        began = float(rig.status()["at_s"])
        freeze(broker.process)
        # Shorter than anybody's patience: a pause is no end.
        eventually(lambda: float(rig.status()["at_s"]) > began + 2, "the loop goes on for ten cycles")
        broker.process.send_signal(signal.SIGCONT)
        heard = len(ear.heard)
        eventually(lambda: len(ear.heard) > heard + 30, "it goes on")
        out = rig.stop()
        self.assertEqual(rig.incident("broker_lost"), 0)
        self.assertIn("gaps 0, restarts 0", out)
        self.assertIn("devices there          2", out)

    def test_a_broker_that_is_killed_takes_all_devices_offline_until_it_is_back(self):
        broker, rig = self.external()
        ear = Client(broker.port, "ear").join()
        self.addCleanup(ear.close)
        ear.subscribe("looptwin/#")
        rig.pump(ONE, program="pump_device")
        rig.pump(TWO)
        eventually(lambda: ear.told(TWO) and ear.told(ONE), "both work")
        broker.kill()
        eventually(lambda: rig.incident("broker_lost") == 1, "it is lost")
        eventually(lambda: rig.status().get("devices_there") == "0", "nobody is there")
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
        eventually(lambda: ear.told(ONE), "it works")
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

    def test_a_broker_of_our_own_that_is_killed_is_started_again_and_knows_who_may_come_in(self):
        registry = Registry(self.folder, ONE)
        rig = self.rig(f"rig: cellar-rig\nregistry: plant.registry\nuser: tester\npassword: {PASSWORD}\n")
        ear = rig.ear("tester", PASSWORD)
        rig.pump(ONE, secret=registry.secrets[ONE], program="pump_device")
        eventually(lambda: ear.told(ONE), "it works")
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
        eventually(lambda: ear.told(ONE), "it works")
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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

"""A rig and the versions of MQTT, TLS, and clients of other makers at its broker: a real Mosquitto, its own programs, real devices."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import paho.mqtt.client as mqtt
from rig_support import BINARIES, PASSWORD, SOURCE, Broker, Client, InFolder, Registry, block, certificates, eventually, looptwin, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
TOPIC, OTHER = f"looptwin/{ONE}/", f"looptwin/{TWO}/"


class Clients(InFolder):
    def test_with_mqtt_3_1_1_all_works_as_with_5(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        rig = self.rig(f"rig: cellar-rig\nbroker: mqtt://127.0.0.1:{broker.port}\nversion: 3.1.1\n")
        ear = rig.client("ear").join()
        ear.subscribe("looptwin/#")
        rig.pump(ONE, "2.5", program="pump_device")
        rig.pump(TWO, "2.5")
        for topic in (TOPIC, OTHER):
            eventually(lambda: any(t == topic + "command" and b"stop" in p for t, p in ear.heard), "its cellar is empty")
        self.assertRegex(rig.stop(), r"acknowledged [1-9]")
        spoken = re.findall(r" as looptwin-cellar-rig \((p\d)", (self.folder / "external.log").read_text())
        self.assertEqual(set(spoken), {"p2"})  # Mosquitto's name of 3.1.1

    def test_with_mqtt_5_a_command_that_nobody_has_heard_in_time_is_forgotten_by_the_broker(self):
        broker = Broker(self.folder)
        self.addCleanup(broker.close)
        rig = self.rig(f"rig: cellar-rig\nbroker: mqtt://127.0.0.1:{broker.port}\n")
        ear = rig.client("ear", version=mqtt.MQTTv5)
        said = []
        ear.client.on_message = lambda _, __, m: said.append((json.loads(m.payload), m.properties))
        ear.join().subscribe(TOPIC + "command")
        # The broker keeps what it has for this one while it is away.
        away = rig.client(ONE, version=mqtt.MQTTv5, session=600).join()
        away.subscribe(TOPIC + "command")
        away.close()
        ear.say(TOPIC + "telemetry", {"level": 2.5, "n": 1})
        start, properties = eventually(lambda: next((s for s in said if s[0].get("command") == "start"), None), "a command")
        until = time.monotonic() + properties.MessageExpiryInterval + 1
        self.assertLessEqual(properties.MessageExpiryInterval, 6)  # it expires after 5 s
        self.assertEqual(len(properties.CorrelationData), 16)
        self.assertEqual(properties.ContentType, "application/json")

        rig.stop()  # nobody says it again
        ear.say(TOPIC + "command", {"id": "the end"})
        eventually(lambda: time.monotonic() > until, "it has expired")
        back = rig.client(ONE, version=mqtt.MQTTv5, session=600).join()

        def kept():
            return [json.loads(p)["id"] for _, p in list(back.heard)]
        eventually(lambda: "the end" in kept(), "what was kept of what it had been told, to its end")
        self.assertNotIn(start["id"], kept())

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

    def shell_pump(self, rig, ident, level, *options):
        """A device of mosquitto_sub and mosquitto_pub, and all of its processes."""
        rig.devices.append(subprocess.Popen([SOURCE / "tests/testbed/data/shell_pump.sh", ident, level, *map(str, options)], start_new_session=True))
        pump = rig.devices[-1]
        self.addCleanup(lambda: pump.poll() is None and os.killpg(pump.pid, signal.SIGKILL))
        return pump

    def heard(self, *options):
        """What Mosquitto's own program hears, a line each: its topic and its payload."""
        path = self.folder / "mosquitto_sub"
        with path.open("w") as out:
            observer = subprocess.Popen(["/usr/bin/mosquitto_sub", *map(str, options), "-q", "1", "-t", "looptwin/#", "-F", "%t %p"], stdout=out)
        self.addCleanup(lambda: (observer.kill(), observer.wait()))
        return lambda text: path.read_text().count(text)

    def test_mosquittos_own_programs_are_a_device_and_whoever_looks_on_and_stops_the_rig(self):
        rig = self.rig("rig: cellar-rig\nsafety: {heartbeat: 1 min, safe: [{model: pump, command: stop}]}\n")
        heard = self.heard("-h", "127.0.0.1", "-p", rig.port)
        self.shell_pump(rig, ONE, "190", "-h", "127.0.0.1", "-p", rig.port)
        eventually(lambda: heard(f'{TOPIC}telemetry {{"level": 2.'), "it reports that its cellar fills")
        eventually(lambda: rig.status()["acknowledged"] != "0", "the loop has its answer")
        eventually(lambda: heard(f'{TOPIC}telemetry {{"level": 0.4'), "it empties its cellar")
        eventually(lambda: heard(f"{TOPIC}acknowledgement") >= 4, "it is told to stop as well")
        subprocess.run(["/usr/bin/mosquitto_pub", "-h", "127.0.0.1", "-p", str(rig.port), "-t", "looptwin/rig/cellar-rig/stop", "-n"], check=True)
        eventually(lambda: self.journal("stopped"), "the rig is stopped")
        out = rig.stop()
        self.assertRegex(out, r"commands +issued \d+, acknowledged [1-9]\d*, verified [1-9]\d*, refused 0, failed 0")
        self.assertRegex(out, r"somebody said so on looptwin/rig/cellar-rig/stop: 2 safe values, .* 1 of devices that were not there")
        self.assertRegex(out, r"the end of the run: 2 safe values, 1 taken")
        self.assertIn("gaps 0, restarts 0", out)
        self.assertEqual(looptwin("replay", self.folder / "out").returncode, 0)

    def journal(self, what):
        path = self.folder / "out/rig.jsonl"
        return [line for line in map(json.loads, path.read_text().splitlines()) if line["what"] == what] if path.exists() else []

    def test_mosquittos_own_programs_with_tls_names_and_passwords(self):
        certificates(self.folder, pump=ONE.replace("/", "\\/"))
        registry = Registry(self.folder, ONE, TWO)
        text = f"rig: cellar-rig\nregistry: plant.registry\nuser: tester\npassword: {PASSWORD}\ncertificates: ca.pem\n"
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        (self.folder / "rig.yaml").write_text(text + "broker: mqtts://localhost\n")
        (self.folder / "secrets.csv").write_text("id,secret\n" + "".join(f"{i},{s}\n" for i, s in registry.secrets.items()))
        done = looptwin("rig", "acl", self.folder, "--out", self.folder / "access", "--secrets", self.folder / "secrets.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        broker = Broker(self.folder, f"cafile {self.folder}/ca.pem", f"certfile {self.folder}/broker.pem", f"keyfile {self.folder}/broker.key",
                        "allow_anonymous false", f"acl_file {self.folder}/access/acl_file", f"password_file {self.folder}/access/password_file")
        self.addCleanup(broker.close)
        rig = self.rig(text + f"broker: mqtts://localhost:{broker.port}\n")
        way = ["-h", "localhost", "-p", broker.port, "--cafile", self.folder / "ca.pem"]

        def known(ident):
            return [*way, "-u", ident, "-P", registry.secrets[ident]]
        heard = self.heard(*way, "-u", "tester", "-P", PASSWORD)
        pump = self.shell_pump(rig, ONE, "190", *known(ONE))
        eventually(lambda: heard(f"{TOPIC}acknowledgement"), "it is told what to do, and answers")
        say = ["-q", "1", "-t", TOPIC + "telemetry", "-m"]
        subprocess.run(["/usr/bin/mosquitto_pub", *map(str, known(TWO)), *say, "forged"], check=True)
        for wrong in (["-u", ONE, "-P", "guessed"], []):
            refused = subprocess.run(["/usr/bin/mosquitto_pub", *map(str, way), *wrong, *say, "guessed"], capture_output=True, text=True, timeout=60)
            self.assertEqual(refused.returncode, 5, refused.stderr)  # not authorised
        no_tls = subprocess.run(["/usr/bin/mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), *say, "plain"], capture_output=True, timeout=60)
        self.assertNotEqual(no_tls.returncode, 0)
        eventually(lambda: heard(f'{TOPIC}telemetry {{"level": 0.4'), "it empties its cellar")
        os.killpg(pump.pid, signal.SIGKILL)
        eventually(lambda: heard(f"{TOPIC}presence offline"), "its will")
        eventually(lambda: rig.status()["devices_there"] == "0", "the loop takes it for gone")
        self.assertEqual([heard(text) for text in ("forged", "guessed", "plain")], [0, 0, 0])
        self.assertRegex(rig.stop(), r" 0 not understood .*")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

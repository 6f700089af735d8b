"""looptwin hil: devices that speak other conventions, with a real Mosquitto. The Sparkplug device is another maker's
(npm sparkplug-client), and so is the one for AWS (npm aws-iot-device-sdk); the others send what such devices were recorded
to send."""
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig_support import (BINARIES, PATIENCE, SOURCE, Broker, Client, OpenRig, Rig, certificates, children_of,  # noqa: E402
                         eventually, has_ended, looptwin)

PACKAGES = Path(tempfile.gettempdir()) / "looptwin-test-npm"


def npm(*packages):
    """The folder of packages that were installed there; skips the test where they cannot be had."""
    if not shutil.which("npm") or not shutil.which("node"):
        raise unittest.SkipTest("npm is not there")
    if not all((PACKAGES / "node_modules" / p.rsplit("@", 1)[0]).exists() for p in packages):
        PACKAGES.mkdir(exist_ok=True)
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages], cwd=PACKAGES,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("npm's registry cannot be reached")
    return PACKAGES


class Rigs(unittest.TestCase):
    def rig(self, scenario, rig):
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        rig = OpenRig(folder, rig=rig, scenario=scenario)
        self.addCleanup(rig.close)
        return rig


TANK = """
scenario: tank
duration: 1 h
cycle: 200 ms
input_log: true
models:
  tank:
    telemetry:
      level: {from: height, unit: m, every: 200 ms, range: [0, 9], resolution: 0.01}
      offset: {from: height, unit: m, every: 200 ms, range: [-9, 9], resolution: 1}
      filling: {from: turning, boolean: true, every: 200 ms}
    setpoints: {speed: {default: 50 %, range: [0 %, 100 %], unit: "%"}}
    controller: {outputs: {turning: "level < 1 m"}}
    physics: {states: {height: 1 m}, rates: {height: "0 m/s * speed"}}
fleet: {tank: {count: 1, id: "line/tank-{i}"}}
events:
  high: {each: tank, raise: level > 2 m && offset < 0 m && filling, clear: level < 1 m}
rules:
  fast: {while: high, override: {target: self, set: {speed: 80 %}}}
"""

# It fills, is told to, and stays.
FILLING = TANK.replace("0 m/s * speed", "0.2 m/s * (2 m - height) / 1 m").replace("height: 1 m}", "height: 8 m}").replace(
    "level > 2 m && offset < 0 m && filling", "level > 2.5 m")

SPARKPLUG = """
rig: tank-rig
sparkplug: {reorder: 500 ms, rebirth: 1 s}
devices:
  tank:
    convention: sparkplug
    group: hall
    fields: {level: Tank/Level, offset: Tank/Offset}
    setpoints: {speed: Pump/Speed}
"""


class Sparkplug(Rigs):
    def test_another_makers_device_is_born_heard_told_and_dies(self):
        """sparkplug-client: a node of version 2.2 whose sessions are not counted."""
        packages = npm("sparkplug-client@3.2.4", "sparkplug-payload@1.0.3", "mqtt@5.16.0")
        rig = self.rig(TANK, SPARKPLUG)
        eventually(lambda: rig.payloads("spBv1.0/STATE/looptwin-tank-rig"), "the host says that it is there")
        state = json.loads(rig.payloads("spBv1.0/STATE/looptwin-tank-rig")[0])
        self.assertTrue(state["online"])
        node = subprocess.Popen(["node", SOURCE / "tests/testbed/data/sparkplug_tank.js", packages, str(rig.port)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(node.stdout.close)
        rig.devices.append(node)
        eventually(lambda: rig.payloads("spBv1.0/hall/DBIRTH/line/tank-1"), "it is born")
        eventually(lambda: rig.payloads("spBv1.0/hall/DCMD/line/tank-1"), "it is told, for its level is high")
        births = len(rig.payloads("spBv1.0/hall/NBIRTH/line"))
        self.assertIn("speed 80", node.stdout.readline())
        # A message that the host misses: the node is asked for its births.
        node.send_signal(signal.SIGUSR1)
        eventually(lambda: len(rig.payloads("spBv1.0/hall/NBIRTH/line")) > births, "it is born again, as it was asked")
        node.kill()
        eventually(lambda: rig.payloads("spBv1.0/hall/NDEATH/line"), "its will")
        eventually(lambda: rig.status()["devices_there"] == "0", "the loop takes it for gone")
        # What nodes are told is not kept: who comes later hears all that is before anything else.
        late = rig.client("late").join()
        late.subscribe("spBv1.0/#")
        rig.say("spBv1.0/end", "")
        eventually(lambda: "spBv1.0/end" in [t for t, _ in late.heard], "all that was kept")
        self.assertEqual(late.kept, ["spBv1.0/STATE/looptwin-tank-rig"])
        out = rig.stop()
        self.assertRegex(out, r"sparkplug .*[1-9]\d* births")
        self.assertRegex(out, r"sparkplug .*[1-9]\d* rebirths asked for")
        self.assertRegex(out, r"sparkplug .*[1-9]\d* inferred answers")
        self.assertRegex(out, r"devices there +0\n")


SHADOW = """
rig: tank-rig
broker: mqtts://localhost:{port}
certificates: {folder}/ca.pem
certificate: {folder}/host.pem
key: {folder}/host.key
devices: {{tank: {{convention: aws-shadow}}}}
"""


class Shadow(unittest.TestCase):
    def test_a_thing_of_the_clouds_own_kit_reports_hears_its_delta_and_is_not_told_what_it_knows(self):
        """aws-iot-device-sdk: TLS with a certificate of the thing's own, as it insists on; the cloud is on loopback."""
        packages = npm("aws-iot-device-sdk@2.2.16")
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        certificates(folder, thing="tank-1")
        broker = Broker(folder, f"cafile {folder}/ca.pem", f"certfile {folder}/broker.pem", f"keyfile {folder}/broker.key",
                        "require_certificate true", "use_identity_as_username true", "allow_anonymous false")
        self.addCleanup(broker.close)
        rig = Rig(folder, SHADOW.format(port=broker.port, folder=folder), TANK.replace("line/tank-", "tank-"))
        self.addCleanup(rig.close)
        ear = Client(broker.port, "ear", host="localhost", tls=[folder / f for f in ("ca.pem", "host.pem", "host.key")]).join()
        self.addCleanup(ear.close)
        ear.subscribe("$aws/things/tank-1/shadow/#")
        with (folder / "thing").open("w") as told:
            rig.devices.append(subprocess.Popen(["node", SOURCE / "tests/testbed/data/aws_tank.js", packages, str(broker.port), folder], stdout=told))

        def said():
            return (folder / "thing").read_text().splitlines()
        eventually(lambda: len(said()) >= 4, "it says what becomes of what it reports")
        # There is no shadow of it yet; what it reports is accepted; its level is high, so that it is told; and what it has
        # become is accepted as well.
        self.assertEqual(said(), ["status rejected 404", "status accepted", "delta {\"speed\":80}", "status accepted"])

        def versions():
            return [json.loads(p)["version"] for t, p in ear.heard if t.endswith("/update/accepted")]
        eventually(lambda: len(versions()) >= 2, "its reports are accepted")
        self.assertEqual(versions(), sorted(set(versions())))
        last = [json.loads(p)["current"]["state"] for t, p in ear.heard if t.endswith("/update/documents")][-1]
        self.assertEqual(last["desired"]["speed"], last["reported"]["speed"])
        out = rig.stop()
        self.assertEqual(sum(t.endswith("/update/delta") for t, _ in ear.heard), 1)
        self.assertRegex(out, r"aws-shadow +1 inferred answers")
        self.assertRegex(out, r"commands +issued 1, acknowledged 1")
        replay = looptwin("replay", folder / "out")
        self.assertIn("same decisions as recorded", replay.stdout, replay.stderr)


PLUG = """
scenario: kitchen
duration: 1 h
cycle: 200 ms
models:
  plug:
    telemetry:
      load: {from: electric, unit: kW, every: 10 s, range: [0, 4], resolution: 0.001}
      relay: {from: relaying, boolean: true, every: 10 s}
    setpoints: {closed: {default: true}}
    controller: {outputs: {relaying: closed}}
    physics: {states: {x: 0 kW}, rates: {x: 0 kW/s}, outputs: {electric: x}}
fleet: {plug: {count: 1, id: "kitchen/plug-{i}"}}
events:
  much: {each: plug, raise: load > 2 kW, clear: load < 1 kW}
rules:
  shed: {while: much, override: {target: self, set: {closed: false}}}
"""

# Topics and payloads of a device that reports 2.3 kW, what it is told to switch off with, and what it answers to that.
RECORDED = {
    "tasmota-plug": ([("tele/left/LWT", "Online", True),
                      ("tele/left/STATE", '{"Time":"2024-05-01T10:00:00","Uptime":"0T00:05:12","Heap":25,"SleepMode":"Dynamic","POWER":"ON","Wifi":{"AP":1,"RSSI":82}}', False),
                      ("tele/left/SENSOR", '{"Time":"2024-05-01T10:00:00","ENERGY":{"TotalStartTime":"2023-01-01T00:00:00","Total":12.345,"Power":2300,"ApparentPower":2310,"Voltage":231,"Current":9.98}}', False)],
                     ("cmnd/left/POWER", "OFF"), [("stat/left/RESULT", '{"POWER":"OFF"}', False), ("stat/left/POWER", "OFF", False)]),
    "zigbee2mqtt-plug": ([("zigbee2mqtt/bridge/state", '{"state":"online"}', True),
                          ("zigbee2mqtt/left", '{"current":9.98,"energy":12.3,"linkquality":96,"power":2300,"state":"ON","voltage":231}', False)],
                         ("zigbee2mqtt/left/set", '{"state": "OFF"}'), [("zigbee2mqtt/left", '{"power":0,"state":"OFF"}', False)]),
    "esphome-plug": ([("left/status", "online", True), ("left/switch/relay/state", "ON", True), ("left/sensor/power/state", "2300.0", False)],
                     ("left/switch/relay/command", "OFF"), [("left/switch/relay/state", "OFF", True)]),
    "shelly-plug": ([("shellies/left/online", "true", True), ("shellies/left/relay/0", "on", False), ("shellies/left/relay/0/power", "2300.51", False)],
                    ("shellies/left/relay/0/command", "off"), [("shellies/left/relay/0", "off", False)]),
    "shelly-plus-plug": ([("left/online", "true", True),
                          ("left/status/switch:0", '{"id":0,"source":"init","output":true,"apower":2300.4,"voltage":231.1,"current":9.96,"aenergy":{"total":12345.6,"by_minute":[0,0,0]},"temperature":{"tC":41.2,"tF":106.2}}', False)],
                         ("left/command/switch:0", "off"), [("left/status/switch:0", '{"id":0,"source":"MQTT","output":false,"apower":0.0}', False)]),
}


class ReadyMappings(Rigs):
    def test_each_reports_is_told_and_answers(self):
        for mapping, (said, told, answers) in RECORDED.items():
            with self.subTest(mapping):
                rig = self.rig(PLUG, f"""
rig: kitchen-rig
devices:
  plug:
    mapping: {mapping}
    names: {{kitchen/plug-1: left}}
    fields: {{load: power, relay: switched}}
    setpoints: {{closed: switched}}
    periods: {{load: {{every: 5 min, stale_after: 20 min}}}}
""")
                for topic, payload, retain in said:
                    rig.say(topic, payload, retain=retain)
                eventually(lambda: rig.payloads(told[0]), f"{mapping} is told")
                self.assertEqual(rig.payloads(told[0])[0], told[1])
                for topic, payload, retain in answers:
                    rig.say(topic, payload, retain=retain)
                eventually(lambda: rig.status()["acknowledged"] == "1", f"{mapping}: the loop takes what it shows for an answer")
                out = rig.stop()
                self.assertRegex(out, r"topics +1 inferred answers")
                self.assertRegex(out, r"devices there +1\n")
                self.assertRegex(out, r"\(0 malformed, 0 of a wrong type")
                rig.close()

    def test_what_cannot_be_is_said_with_its_place(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "scenario.yaml").write_text(PLUG)
            for rig, message in [
                ("mapping: tasmota", "rig.yaml:4:14: error: no ready mapping is called 'tasmota'"),
                ("convention: carrier-pigeon", "'carrier-pigeon' is no convention"),
                ("mapping: tasmota-plug\n    fields: {load: wattage}", "tasmota-plug has no 'wattage'"),
                ("mapping: tasmota-plug\n    fields: {lode: power}", "plug has no telemetry field 'lode'"),
                ("mapping: tasmota-plug\n    fields: {load: {topic: 'a/{device}', unit: V}}", "V is no unit of plug's load"),
                ("convention: sparkplug\n    names: {kitchen/plug-1: a/b/c/d}", "'kitchen/plug-1' is no node and device of Sparkplug"),
                ("mapping: tasmota-plug\n    names: {kitchen/plug-7: x}", "'kitchen/plug-7' is no plug"),
                ("convention: aws-shadow\nbindings: {'**': simulated}", "no device of ours speaks aws-shadow, which kitchen/plug-1 does"),
                ("fields: {load: /x}", "a mapping needs the topic of its telemetry"),
                ("telemetry: 'a/{device}'\n    presence: {topic: 'p/{device}', at: /x}", "'presence.at' means nothing to devices that speak plain"),
            ]:
                with self.subTest(rig):
                    (Path(folder) / "rig.yaml").write_text(f"rig: r\ndevices: {{}}\n".replace("{}", "") + f"  plug:\n    {rig}\n")
                    done = subprocess.run([BINARIES / "looptwin", "hil", folder, "--out", "none"], capture_output=True, text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(message, done.stderr)


class Simulated(Rigs):
    """Devices of ours are on the broker as real ones are, whatever they speak, and are told by the loop through it."""

    def speak(self, mapping, topic):
        rig = self.rig(FILLING, f"rig: tank-rig\nsettings: {{cycle: 200 ms}}\nbindings: {{'**': simulated}}\ndevices:\n  tank: {mapping}\n")
        eventually(lambda: rig.payloads(topic), f"{topic}: the loop tells its device through the broker")
        eventually(lambda: rig.status()["acknowledged"] != "0", "the loop takes what it shows for an answer")
        out = rig.stop()
        self.assertRegex(out, r"devices there +1\n")
        self.assertRegex(out, r"[1-9]\d* inferred answers")
        self.assertRegex(out, r"\(0 malformed, 0 of a wrong type")
        return rig

    def test_sparkplug(self):
        rig = self.speak("{convention: sparkplug, group: hall}", "spBv1.0/hall/DCMD/line/tank-1")
        self.assertTrue(rig.payloads("spBv1.0/hall/DDATA/line/tank-1"))

    def test_homie(self):
        rig = self.speak("{convention: homie, names: {line/tank-1: tank-1}}", "homie/5/tank-1/tank/speed/set")
        self.assertIn("ready", rig.payloads("homie/5/tank-1/$state"))

    def test_topics(self):
        rig = self.speak("""
    convention: topics
    telemetry: shed/{device}/state
    presence: {topic: "shed/{device}/online"}
    fields: {level: {at: /level}}
    setpoints: {speed: {topic: "shed/{device}/set", shows: {at: /speed}}}
""", "shed/line/tank-1/set")
        self.assertIn("online", rig.payloads("shed/line/tank-1/online"))


class AtABroker(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.broker = Broker(self.folder)
        self.addCleanup(self.broker.close)
        self.client = Client(self.broker.port, "anybody").join()
        self.addCleanup(self.client.close)
        self.client.subscribe("#")

    def rig(self, scenario, rig):
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder, True)
        rig = Rig(folder, rig, scenario, ["--broker", f"mqtt://127.0.0.1:{self.broker.port}"])
        self.addCleanup(rig.close)
        return rig


class Announced(AtABroker):
    def test_devices_that_announce_themselves_are_candidates_for_the_registry(self):
        for node, ident in (("left", "A1"), ("right", "B2")):
            self.client.say(f"homeassistant/sensor/{node}/config", (
                {"name": "Power", "stat_t": f"tele/{node}/SENSOR", "val_tpl": "{{ value_json.ENERGY.Power }}", "unit_of_meas": "W",
                 "dev": {"ids": [ident], "mf": "Tasmota", "mdl": "S31", "name": node}}), retain=True).wait_for_publish()
        registry = self.registry("B2")
        done = looptwin("registry", "candidates", registry, "--broker", f"mqtt://127.0.0.1:{self.broker.port}", "--within", "1 s")
        self.assertEqual(done.stdout, "A1  left, Tasmota, S31\n  sensor    Power in W at tele/left/SENSOR /ENERGY/Power\n"
                                      "1 unregistered, 1 registered\n", done.stderr)

    def registry(self, *idents):
        registry = self.folder / "r.registry"
        for command in (["init"], *(["add", ident, "--model", "plug", "--no-secret"] for ident in idents)):
            subprocess.run([BINARIES / "looptwin", "registry", command[0], registry, *command[1:]], check=True, capture_output=True)
        return registry

    def test_what_announcements_say_moves_nobodys_cursor_and_what_cannot_be_read_is_counted(self):
        for topic, payload in (("a", {"name": "Power\x1b[2J\n\x9bB2", "dev": {"ids": ["A1"], "name": "\x1b]0;owned\x07"}}), ("b", "{"), ("c", "[]")):
            self.client.say(f"homeassistant/sensor/{topic}/config", payload, retain=True).wait_for_publish()
        done = looptwin("registry", "candidates", self.registry(), "--broker", f"mqtt://127.0.0.1:{self.broker.port}", "--within", "1 s")
        self.assertEqual(done.stdout, "A1  \\x1b]0;owned\\x07\n  sensor    Power\\x1b[2J\\x0a\\x9bB2\n1 unregistered, 0 registered, 2 not understood\n", done.stderr)

    def test_mistakes_are_said(self):
        registry, at = self.registry(), f"mqtt://127.0.0.1:{self.broker.port}"
        (self.folder / "rig.yaml").write_text("rig: r\nbroker: %s\ncertificates: ca.pem\n" % at)
        (self.folder / "own.yaml").write_text("rig: r\n")
        for arguments, said in (((), "write --broker mqtt://HOST:PORT, or --rig RIG"), (("--broker", "localhost"), "'localhost' is no address of a broker"),
                                (("--rig", self.folder / "none.yaml"), "none.yaml"), (("--rig", self.folder / "own.yaml"), "r has a broker of its own"),
                                (("--rig", self.folder), "rig.yaml:3:15: error: nobody asks for certificates at mqtt://"),
                                (("--broker", at, "--within", "2 kg"), "--within:1:")):
            done = looptwin("registry", "candidates", registry, *arguments)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(said, done.stderr)


class Guarded(unittest.TestCase):
    def test_candidates_are_heard_as_the_rig_is_with_tls_its_user_and_its_password(self):
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        certificates(folder, plug="plug-1")
        subprocess.run(["mosquitto_passwd", "-c", "-b", folder / "passwords", "tester", "a secret"], check=True, capture_output=True)
        broker = Broker(folder, f"cafile {folder}/ca.pem", f"certfile {folder}/broker.pem", f"keyfile {folder}/broker.key",
                        "require_certificate true", "allow_anonymous false", f"password_file {folder}/passwords")
        self.addCleanup(broker.close)
        anybody = Client(broker.port, "anybody", "tester", "a secret", host="localhost", tls=[folder / f for f in ("ca.pem", "plug.pem", "plug.key")]).join()
        self.addCleanup(anybody.close)
        anybody.say("homeassistant/sensor/left/config", {"name": "Power", "dev": {"ids": ["A1"]}}, retain=True).wait_for_publish()
        rig = (f"rig: r\nbroker: mqtts://localhost:{broker.port}\nuser: tester\npassword: a secret\n"
               "certificates: ca.pem\ncertificate: host.pem\nkey: host.key\n")
        self.assertEqual(looptwin("registry", "init", folder / "r.registry").returncode, 0)
        for change, code in (((), 0), (("a secret", "another"), 2), (("host", "forged"), 2), (("certificates: ca", "certificates: other"), 2)):
            (folder / "rig.yaml").write_text(rig.replace(*change).replace("localforged", "localhost") if change else rig)
            done = looptwin("registry", "candidates", folder / "r.registry", "--rig", folder, "--within", "500 ms")
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn("cannot connect" if code else "A1  \n  sensor    Power\n1 unregistered, 0 registered\n", done.stderr if code else done.stdout)


class Host(AtABroker):
    def test_its_state_ends_with_the_run_and_by_its_will_when_it_is_killed(self):
        topic = "spBv1.0/STATE/looptwin-tank-rig"

        def states():
            return [json.loads(p) for t, p in self.client.heard if t == topic]
        for how in (signal.SIGKILL, signal.SIGINT):
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "scenario.yaml").write_text(TANK)
                (Path(folder) / "rig.yaml").write_text(SPARKPLUG)
                before = len(states())
                rig = subprocess.Popen([BINARIES / "looptwin", "hil", folder, "--out", "none", "--quiet", "--broker",
                                        f"mqtt://127.0.0.1:{self.broker.port}"], stdout=subprocess.DEVNULL)
                self.addCleanup(rig.kill)
                eventually(lambda: len(states()) > before and states()[-1]["online"], "the host says that it is there")
                born = states()[-1]["timestamp"]
                rig.send_signal(how)
                rig.wait()
                eventually(lambda: not states()[-1]["online"], "and that it goes")
                if how == signal.SIGKILL:
                    self.assertEqual(states()[-1]["timestamp"], born)
                else:
                    self.assertTrue(any(not s["online"] and s["timestamp"] > born for s in states()[before:]))

    def test_nodes_of_an_older_version_hear_the_same_where_they_listen(self):
        topic = "STATE/looptwin-tank-rig"

        def states():
            return [p for t, p in self.client.heard if t == topic]
        for how in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(how):
                rig = self.rig(TANK, SPARKPLUG)
                eventually(lambda: states()[-1:] == [b"ONLINE"], "the host says that it is there")
                rig.process.send_signal(how)
                rig.process.wait()
                eventually(lambda: states()[-1] == b"OFFLINE", "and that it goes")
        late = Client(self.broker.port, "late").join()
        self.addCleanup(late.close)
        late.subscribe("#")
        eventually(lambda: (topic, b"OFFLINE") in late.heard, "it is kept")

    def test_after_a_loss_of_the_broker_state_and_will_have_the_time_of_the_new_connection(self):
        def states():
            return [json.loads(p) for t, p in self.client.heard if t == "spBv1.0/STATE/looptwin-tank-rig"]
        rig = self.rig(TANK, SPARKPLUG)
        eventually(lambda: states() and states()[-1]["online"], "the host says that it is there")
        first = states()[-1]["timestamp"]
        self.broker.kill()
        self.broker.start()
        eventually(lambda: states()[-1]["timestamp"] > first, "it says so again")
        self.assertTrue(states()[-1]["online"])
        second = states()[-1]["timestamp"]
        rig.process.kill()
        eventually(lambda: not states()[-1]["online"], "its will")
        self.assertEqual(states()[-1]["timestamp"], second)


class Killed(AtABroker):
    """Devices of ours at a broker that goes on when looptwin does not: that they are gone is said for them."""

    def killed(self, mapping, more=""):
        rig = self.rig(FILLING, f"rig: tank-rig\n{more}bindings: {{'**': simulated}}\ndevices:\n  tank: {mapping}\n")
        eventually(lambda: rig.status().get("devices_there") == "1", "the loop has heard its device")
        self.client.heard.clear()
        rig.process.kill()
        rig.process.wait()
        return rig

    def said(self, topic):
        return [payload for t, payload in self.client.heard if t == topic]

    def test_an_edge_node_dies_by_the_will_of_its_own_connection(self):
        self.killed("{convention: sparkplug, group: hall}")
        eventually(lambda: self.said("spBv1.0/hall/NDEATH/line"), "its death")
        self.assertEqual(len(self.said("spBv1.0/hall/NDEATH/line")), 1)

    def test_an_edge_node_that_comes_back_to_its_broker_is_born_again_and_the_loop_hears_it(self):
        rig = self.rig(FILLING, "rig: tank-rig\nbindings: {'**': simulated}\ndevices:\n  tank: {convention: sparkplug, group: hall}\n")
        eventually(lambda: rig.status().get("devices_there") == "1", "the loop has heard its device")
        self.broker.kill()
        eventually(lambda: rig.status()["devices_there"] == "0", "nobody is there without a broker")
        self.broker.start()
        eventually(lambda: rig.status()["devices_there"] == "1", "it is born again")
        self.assertRegex(rig.stop(), r"connections +1 there, 1 lost")

    def test_devices_that_share_a_connection_are_said_to_be_gone_by_the_watchdog(self):
        for mapping, topic, word in [
            ("{convention: homie, names: {line/tank-1: tank-1}}", "homie/5/tank-1/$state", b"disconnected"),
            ("{convention: topics, telemetry: 'shed/{device}/state', presence: {topic: 'shed/{device}/online', online: 'yes', offline: 'no'}}",
             "shed/line/tank-1/online", b"no"),
            ("{telemetry: 'looptwin/{device}/telemetry', presence: {topic: 'looptwin/{device}/presence'}}", "looptwin/line/tank-1/presence", b"offline"),
        ]:
            with self.subTest(topic):
                rig = self.killed(mapping)
                eventually(lambda: self.said(topic)[-1:] == [word], "it is gone")
                eventually(lambda: "without a word of its simulated devices: 1 of 1 said to be gone" in rig.errors.read_text(), "who said so")
                lines = [json.loads(line) for line in (rig.folder / "out/rig.jsonl").read_text().splitlines()]
                self.assertEqual([line["outcome"] for line in lines if line["what"] == "watchdog"], ["1 of 1 said to be gone"])
                late = Client(self.broker.port, "late").join()
                late.subscribe(topic)
                eventually(lambda: late.heard, "it is kept")
                self.assertEqual(late.heard, [(topic, word)])
                late.close()

    def test_what_a_run_that_ended_has_said_of_its_devices_stays(self):
        rig = self.rig(FILLING, "rig: tank-rig\nbindings: {'**': simulated}\n")
        eventually(lambda: self.said("looptwin/line/tank-1/presence")[-1:] == [b"online"], "it is there")
        rig.stop()
        self.assertEqual(self.said("looptwin/line/tank-1/presence").count(b"offline"), 1)
        rig = self.rig(FILLING, "rig: tank-rig\nbindings: {'**': simulated}\ndevices:\n  tank: {convention: sparkplug, group: hall}\n")
        eventually(lambda: rig.status().get("devices_there") == "1", "the loop has heard its node")
        rig.stop()
        eventually(lambda: len(self.said("spBv1.0/hall/NDEATH/line")) == 1, "its death")

    def test_a_device_that_was_swapped_is_not_said_to_be_gone(self):
        rig = self.rig(FILLING, "rig: tank-rig\nbindings: {'**': simulated}\n")
        topic = "looptwin/line/tank-1/presence"
        eventually(lambda: self.said(topic)[-1:] == [b"online"], "it is there")
        self.client.say(topic, "online", retain=True)  # the real one
        self.client.say("looptwin/line/tank-1/telemetry", {"level": 1.5})
        done = looptwin("rig", "swap", rig.folder / "out", "line/tank-1", "real", "--by", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        watchdog = next(p for p in children_of(rig.process.pid) if (Path(f"/proc/{p}/comm").read_text().strip() == "looptwin"))
        rig.process.kill()
        rig.process.wait()
        eventually(lambda: has_ended(watchdog), "the watchdog has said what it had to")
        self.client.say("end", "").wait_for_publish()
        eventually(lambda: self.said("end"), "all that was said before")
        self.assertEqual(self.said(topic)[-1], b"online")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])

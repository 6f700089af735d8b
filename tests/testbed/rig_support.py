"""What tests of rigs share: a rig that runs with a real Mosquitto, its devices, and a client that hears everything."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SOURCE, BINARIES = Path(sys.argv[1]), Path(sys.argv[2])
PATIENCE = 90  # s; what never comes fails the test
LOOPTWIN = BINARIES / "looptwin"
PASSWORD = "of-the-test-and-as-long-as-a-broker-of-our-own-wants"


def block(page, name):
    """A file that a page shows, by the comment on its first line."""
    text = (SOURCE / "docs" / page).read_text()
    return re.search(rf"```yaml\n(# {re.escape(name)}\n.*?)```", text, re.S).group(1)


def eventually(condition, what, patience=PATIENCE):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def freeze(process):
    """Returns when all of its threads stand still: the signal alone only asks for that, and a busy machine takes its time."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


def looptwin(*arguments, **more):
    return subprocess.run([LOOPTWIN, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, **more)


def children_of(pid):
    return [int(p) for task in Path(f"/proc/{pid}/task").iterdir() for p in (task / "children").read_text().split()]


def has_ended(pid):
    """Whoever is to take note of it may never do so."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def memory_of(pid):
    """Resident bytes."""
    return 4096 * int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def takes_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def certificates(folder, **devices):
    """An authority, a broker, looptwin as `host`, devices by the names of their files, and `forged`, the first device as
    another authority knows it."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    for authority in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={authority}",
                "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
    (Path(folder) / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    first = next(iter(devices.values()))
    for file, name, authority in (("broker", "localhost", "ca"), ("host", "looptwin", "ca"), ("forged", first, "other"),
                                  *((file, name, "ca") for file, name in devices.items())):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{file}.key",
                "-out", f"{file}.csr")
        openssl("x509", "-req", "-in", f"{file}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2",
                "-extfile", "names", "-out", f"{file}.pem")


class Registry:
    """A registry's file with pumps, and their secrets by id."""

    def __init__(self, folder, *idents, kind="keyed"):
        self.path = Path(folder) / "plant.registry"
        self.secrets = {}
        done = looptwin("registry", "init", self.path)
        assert done.returncode == 0, done.stderr
        for ident in idents:
            self.add(ident)

    def add(self, ident, secret=None):
        chosen = ["--secret-stdin", "--hash", "argon2id"] if secret else []
        done = looptwin("registry", "add", self.path, ident, "--model", "pump", "--by", "test", *chosen, input=secret)
        assert done.returncode == 0, done.stderr
        self.secrets[ident] = secret or re.search(r"[A-Za-z0-9_-]{43}", done.stdout).group(0)


class Client:
    """A device of the test's own, or somebody who pretends to be one."""

    def __init__(self, port, ident="", user=None, secret=None, version=mqtt.MQTTv311, will=None, host="127.0.0.1", tls=None, keepalive=5, session=0):
        """`session`: so many seconds the broker keeps what it has for it while it is away (MQTT 5)."""
        self.client = mqtt.Client(client_id=ident, protocol=version)
        self.filters = []
        self.connected, self.codes, self.heard, self.kept, self.acknowledged, self.granted, self.lost = False, [], [], [], {}, None, 0
        self.v5 = version == mqtt.MQTTv5
        if user is not None:
            self.client.username_pw_set(user, secret)
        if tls:
            self.client.tls_set(*map(str, tls))  # authorities, certificate, key
        if will:
            self.client.will_set(*will, qos=1)
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect
        self.client.on_message = self.on_message
        self.client.on_publish = lambda _, __, mid: self.acknowledged.setdefault(mid, True)
        self.client.on_subscribe = self.on_subscribe
        self.client.reconnect_delay_set(1, 1)
        more = {}
        if session:
            more = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            more["properties"].SessionExpiryInterval = session
        self.client.connect(host, port, keepalive=keepalive, **more)
        self.client.loop_start()

    def on_connect(self, _, __, ___, code, *____):
        value = getattr(code, "value", code)
        self.codes.append(value)
        self.connected = value == 0
        for topic in self.filters:
            self.client.subscribe(topic, qos=1)

    def on_message(self, _, __, message):
        self.heard.append((message.topic, message.payload))
        if message.retain:  # the broker had it before
            self.kept.append(message.topic)

    def on_disconnect(self, *_):
        self.connected = False
        self.lost += 1

    def on_subscribe(self, _, __, ___, granted, *____):
        self.granted = [getattr(g, "value", g) for g in granted]

    def join(self):
        eventually(lambda: self.connected, "it is let in")
        return self

    def subscribe(self, topic):
        self.granted = None
        self.client.subscribe(topic, qos=1)
        granted = eventually(lambda: self.granted, "an answer to a subscription")[0]
        if granted < 128:
            self.filters.append(topic)
        return granted

    def say(self, topic, payload, retain=False):
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        return self.client.publish(topic, payload, qos=1, retain=retain)

    def told(self, ident, after=0):
        """Whether it has heard more than `after` commands to the device."""
        return sum(topic == f"looptwin/{ident}/command" for topic, _ in list(self.heard)) > after

    def drop(self):
        """The socket goes, and nobody says goodbye."""
        self.client.loop_stop()
        self.client._sock_close()

    def close(self):
        self.client.loop_stop()
        try:
            self.client.disconnect()
        except Exception:  # it is gone
            pass


class Broker:
    """A Mosquitto that is not looptwin's: killed, frozen and started again as a test likes."""

    def __init__(self, folder, *lines):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.file = Path(folder) / "external.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self.file.write_text(f"listener {self.port} 127.0.0.1\nset_tcp_nodelay true\n{user}" + "\n".join(lines or ["allow_anonymous true"]) + "\n")
        self.log = (Path(folder) / "external.log").open("w")
        self.start()

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.file], stdout=self.log, stderr=self.log)
        eventually(lambda: takes_connections(self.port), "the broker begins")

    def kill(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.log.close()


class Rig:
    """A rig that runs, and may tell all of its devices what it likes. `at`: one that is there already."""

    def __init__(self, folder, rig="rig: cellar-rig\n", scenario=None, arguments=(), arm=("--arm", "**"), at=None, **more):
        self.folder = Path(folder)
        if at is None:
            (self.folder / "scenario.yaml").write_text(scenario or block("rig.md", "scenario.yaml"))
            (self.folder / "rig.yaml").write_text(rig)
        self.errors = self.folder / "stderr.txt"
        self.log = self.errors.open("w")
        self.process = subprocess.Popen([LOOPTWIN, "hil", at or self.folder, "--out", self.folder / "out", *arm, *map(str, arguments)],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, **more)
        self.devices, self.clients, self.out = [], [], None
        eventually(lambda: self.process.poll() is not None or " at mqtt" in self.errors.read_text(), "the rig begins")
        address = re.search(r" at mqtts?://[a-z0-9.]+:(\d+)", self.errors.read_text())
        assert address, self.errors.read_text()
        self.port = int(address.group(1))

    def pump(self, ident, level="1.8", secret=None, program="pump.py", **environment):
        command = {name: ["/usr/bin/python3", SOURCE / "hil/devices" / name] for name in ("pump.py", "keeping_pump.py")}
        command["pump_device"] = [BINARIES / "pump_device"]
        more = {"DEVICE_SECRET": secret} if secret else {}
        self.devices.append(subprocess.Popen([*command[program], str(self.port), ident, level],
                                             env={**os.environ, **more, **environment}, stderr=subprocess.DEVNULL))
        return self.devices[-1]

    def client(self, *arguments, **more):
        self.clients.append(Client(self.port, *arguments, **more))
        return self.clients[-1]

    def ear(self, user=None, secret=None):
        """Hears everything, also what the broker says of itself."""
        ear = self.client("ear", user, secret, keepalive=60).join()
        assert ear.subscribe("#") == 1 and ear.subscribe("$looptwin/#") == 1
        return ear

    def broker(self):
        return next(p for p in children_of(self.process.pid) if "mosquitto" in Path(f"/proc/{p}/comm").read_text())

    def broker_folder(self):
        return Path(Path(f"/proc/{self.broker()}/cmdline").read_text().split("\0")[2]).parent

    def incidents(self):
        file = self.folder / "out/incidents.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def incident(self, kind, device=None):
        """How often something happened."""
        return sum(i["count"] for i in self.incidents() if i["kind"] == kind and device in (None, i["device"]))

    def status(self):
        """What the loop says of itself: what has come up to its last boundary is taken in."""
        done = looptwin("rig", "status", self.folder / "out")
        return dict(line.split(": ", 1) for line in done.stdout.splitlines())

    def stop(self, code=0):
        self.process.send_signal(signal.SIGINT)
        self.out, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == code, f"{self.process.returncode}: {self.errors.read_text()}"
        return self.out

    def close(self):
        for client in self.clients:
            client.close()
        for process in [*self.devices, self.process]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.process.stdout.close()
        self.log.close()


class OpenRig(Rig):
    """One whose broker lets anybody in, with somebody who hears everything and says what a test likes."""

    def __init__(self, folder, *arguments, rig=None, scenario=None, events="", **more):
        """`events`: sections in place of the page's events."""
        if events:
            page = block("rig.md", "scenario.yaml")
            scenario = page[:page.index("events:")] + events + page[page.index("rules:"):]
        super().__init__(folder, rig or block("rig.md", "rig.yaml"), scenario, arguments, **more)
        self.anybody = self.ear()

    @property
    def heard(self):
        return [(topic, payload.decode(errors="replace")) for topic, payload in self.anybody.heard]

    def payloads(self, topic):
        return [payload for t, payload in self.heard if t == topic]

    def count(self, topic, text=""):
        return sum(text in payload for payload in self.payloads(topic))

    def say(self, topic, payload, retain=False):
        self.anybody.say(topic, payload, retain)


class InFolder(unittest.TestCase):
    """Tests with a folder of their own, and rigs in it that end with the test."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def rig(self, *arguments, **more):
        rig = Rig(self.folder, *arguments, **more)
        self.addCleanup(rig.close)
        return rig

    def external(self, *lines, rig="rig: cellar-rig\n"):
        """A broker that is not looptwin's, and a rig at it."""
        broker = Broker(self.folder, *lines)
        self.addCleanup(broker.close)
        return broker, self.rig(rig + f"broker: mqtt://127.0.0.1:{broker.port}\n")

"""The inventory of a lab: its page run as it stands, processes that reserve, and a rig on a real Mosquitto that knows its devices."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from rig_support import LOOPTWIN, PATIENCE, SOURCE, Rig, block, eventually, freeze, looptwin, sys

ONE, TWO = "cellar/pump-1", "cellar/pump-2"
PAGE = SOURCE / "docs/rig-inventory.md"
PLUG = """
scenario: kitchen
duration: 1 h
cycle: 200 ms
models:
  plug:
    telemetry: {power: {from: electric, unit: W, every: 10 s, range: [0, 4000], resolution: 1}}
    physics: {states: {electric: 0 W}, rates: {electric: 0 W/s}}
fleet: {plug: {count: 1, id: "kitchen/plug-{i}"}}
"""
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z +"


def commands():
    """(command, what it prints) of the page, in order; `> ` continues a command."""
    found = []
    for console in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.M | re.S):
        for line in console.splitlines():
            if line.startswith("$ "):
                found.append([line[2:], ""])
            elif line.startswith("> "):
                found[-1][0] += "\n" + line[2:]
            else:
                found[-1][1] += line + "\n"
    return found


def pattern_of(text):
    return re.escape(re.sub(INSTANT, "\0", text)).replace("\0", INSTANT).replace("…", ".*")


class Lab(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = self.folder / "lab.inventory"
        self.done("init")

    def inventory(self, command, *arguments):
        return looptwin("inventory", command, self.file, *arguments)

    def done(self, command, *arguments):
        result = self.inventory(command, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, command, *arguments, code=2):
        result = self.inventory(command, *arguments)
        self.assertEqual(result.returncode, code, result.stdout)
        return result.stderr

    def shown(self, ident):
        return dict(re.split(r"  +", line, maxsplit=1) for line in self.done("show", ident).splitlines())

    def pumps(self):
        for ident, serial in ((ONE, "SN-4711"), (TWO, "SN-4712")):
            self.done("add", ident, "--set", f"serial={serial}", "--set", "tags=pump", "--by", "test")


class Page(unittest.TestCase):
    def test_every_command_of_the_page_prints_what_stands_below_it(self):
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        environment = dict(os.environ, PATH=f"{LOOPTWIN.parent}:{os.environ['PATH']}")
        every = commands()
        self.assertGreater(len(every), 15)
        for command, said in every:
            with self.subTest(command):
                result = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
                self.assertRegex(result.stdout, re.compile(r"\A" + pattern_of(said) + r"\Z"))

    def test_every_command_is_on_the_page(self):
        names = re.findall(r"^  (\w+)  ", looptwin("inventory", "--help").stdout, re.M)
        self.assertGreater(len(names), 12)
        for name in names:
            self.assertRegex(PAGE.read_text(), rf"inventory {name}\b|`{name}`")


class Reserving(Lab):
    def waiter(self, *arguments):
        process = subprocess.Popen([LOOPTWIN, "inventory", "reserve", self.file, *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def waiting(self):
        return self.done("reservations").count(" waits: ")

    def test_waiters_are_served_in_order_and_one_that_was_killed_blocks_nobody(self):
        self.pumps()
        self.done("reserve", "--tags", "pump", "--count", "2", "--owner", "holder")
        waiters = []
        for n, count in enumerate("211", 1):
            waiters.append(self.waiter("--tags", "pump", "--count", count, "--owner", f"w{n}", "--wait", "5min", "--format", "json"))
            eventually(lambda: self.waiting() == n, "it waits")
        waiters[0].kill()
        self.done("release", "1", "--owner", "holder")
        got = [json.loads(w.communicate(timeout=PATIENCE)[0]) for w in waiters[1:]]
        self.assertEqual([g["owner"] for g in got], ["w2", "w3"])
        self.assertEqual([g["devices"] for g in got], [[ONE], [TWO]])
        self.assertEqual([w.returncode for w in waiters[1:]], [0, 0])

    def test_who_stops_waiting_leaves_the_queue(self):
        self.pumps()
        self.done("reserve", "--tags", "pump", "--count", "2", "--owner", "holder")
        waiter = self.waiter(ONE, "--wait", "5min")
        eventually(lambda: self.waiting() == 1, "it waits")
        waiter.send_signal(signal.SIGINT)
        _, errors = waiter.communicate(timeout=PATIENCE)
        self.assertEqual(waiter.returncode, 1)
        self.assertRegex(errors, "nothing was reserved: cellar/pump-1 is held by holder until ")
        self.assertEqual(self.waiting(), 0)
        late = self.inventory("reserve", ONE, "--wait", "300 ms")
        self.assertEqual(late.returncode, 1)
        self.assertEqual(self.waiting(), 0)

    def test_a_lease_that_nobody_renews_runs_out(self):
        self.pumps()
        self.done("reserve", ONE, "--owner", "killed", "--lease", "1 s")
        self.assertRegex(self.done("reserve", ONE, "--owner", "next", "--wait", "1 min"), "of next until .*: cellar/pump-1\n")

    def test_mistakes_are_told_with_what_to_write(self):
        self.pumps()
        self.assertIn("write --owner ci-17", self.refused("reserve", ONE, "--owner", "two\nlines"))
        self.assertIn("give ids, or tags and a model", self.refused("reserve", ONE, "--tags", "pump"))
        self.assertIn("give ids, tags or a model", self.refused("reserve"))
        self.assertIn("3 devices are wanted, and 2 can be had", self.refused("reserve", "--tags", "pump", "--count", "3"))
        self.assertIn("--lease:1:", self.refused("reserve", ONE, "--lease", "20 kg"))
        self.assertIn("these can be set: model, serial", self.refused("set", ONE, "serail=SN-1"))
        self.assertIn("write serial=SN-4711", self.refused("set", ONE, "serial"))
        self.assertIn("there is no reservation 9", self.refused("release", "9"))
        wrong = self.folder / "x.csv"
        wrong.write_text("id,serail\na,1\n")
        self.assertRegex(self.refused("import", wrong), r"x\.csv:1:4: error: a device has no key 'serail'[^!]*did you mean 'serial'")
        wrong.write_text(f"id,serial\n{ONE},1\n")
        self.assertRegex(self.refused("import", wrong), r"x\.csv:2:1: error: .* is in the inventory already\n(.*\n){2}.*--update")
        self.assertEqual(self.done("import", wrong, "--update"), "0 added, 1 changed, 0 as they were\n")
        self.done("export", self.folder / "out.json")
        self.assertEqual(self.done("import", self.folder / "out.json", "--update"), "0 added, 0 changed, 2 as they were\n")


class Rigs(Lab):
    def rig(self, more="", arguments=("--arm", "**")):
        page = block("rig-inventory.md", "rig.yaml").replace("reserve: {lease: 1 min, wait: 1 h}", more or "reserve: {lease: 5 s}")
        rig = Rig(self.folder, page, arguments=arguments)
        self.addCleanup(rig.close)
        return rig

    def refused_rig(self, *arguments, code=2):
        result = looptwin("hil", self.folder, "--out", "none", *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stderr

    def device(self, rig, ident, serial):
        device = rig.client(ident).join()
        device.subscribe(f"looptwin/{ident}/command")
        device.say(f"looptwin/{ident}/telemetry", {"level": 2.5})
        if serial:
            device.say(f"looptwin/{ident}/info", {"serial": serial})
        device.say(f"looptwin/{ident}/telemetry", {"level": 2.6})
        return device

    def test_the_right_device_is_admitted_and_a_wrong_one_is_quarantined_until_a_person_accepts_it(self):
        self.pumps()
        rig = self.rig()
        right, wrong = self.device(rig, ONE, "SN-4711"), self.device(rig, TWO, "SN-9")
        eventually(lambda: right.heard, "the right one is told what to do")
        eventually(lambda: self.shown(TWO)["state"] == "quarantined", "the inventory has it")
        shown = self.shown(TWO)
        self.assertEqual(shown["quarantine"], "says serial 'SN-9' in place of 'SN-4712'")
        self.assertEqual(shown["said serial"], "SN-9")
        self.assertEqual(rig.incident("quarantined", TWO), 1)
        self.assertEqual(rig.incident("quarantined", ONE), 0)
        # The loop goes on, and tells it nothing.
        told = len(right.heard)
        right.say(f"looptwin/{ONE}/telemetry", {"level": 0.1})
        eventually(lambda: len(right.heard) > told, "the pump is stopped")
        self.assertEqual(wrong.heard, [])
        self.assertIn("SN-9", self.done("accept", TWO, "--by", "anna") + self.shown(TWO)["serial"])
        eventually(lambda: rig.incident("quarantine_ended", TWO), "the rig sees it")
        wrong.say(f"looptwin/{TWO}/telemetry", {"level": 2.7})
        eventually(lambda: wrong.heard, "now it is told what to do")
        history = self.done("history", TWO)
        self.assertRegex(history, r"cellar-rig +quarantine +\(none\) -> says serial")
        self.assertRegex(history, r"anna +serial +SN-4712 -> SN-9")
        # Whoever takes its place is found out at once.
        wrong.say(f"looptwin/{TWO}/info", {"serial": "SN-5"})
        eventually(lambda: rig.incident("quarantined", TWO) == 2, "another one")
        out = rig.stop()
        self.assertRegex(out, r"inventory +2 devices of .*lab.inventory, reservation 1; 1 proved, 0 awaited, 1 in quarantine")
        self.assertIn("devices there          1", out)
        self.assertRegex(out, r"[1-9]\d* of devices that are not admitted")
        kept = json.loads((self.folder / "out/inventory.json").read_text())
        self.assertEqual(kept["devices"][ONE], {"equipment": ONE, "serial": "SN-4711", "tags": "pump", "admitted": True, "said_serial": "SN-4711"})
        self.assertFalse(kept["devices"][TWO]["admitted"])
        self.assertEqual(self.shown(ONE)["state"], "free")
        self.assertIn("is in quarantine: says serial 'SN-5'", self.refused_rig())
        replayed = looptwin("replay", self.folder / "out")  # who was admitted when is in the input log
        self.assertIn("same decisions as recorded", replayed.stdout + replayed.stderr)

    def test_a_device_that_says_what_no_label_has_on_it_is_in_quarantine_and_its_words_move_nobodys_cursor(self):
        self.pumps()
        rig = self.rig()
        self.device(rig, ONE, "SN\x1b[2J\n4711")
        self.device(rig, TWO, "S" * 20_000)
        for ident in (ONE, TWO):
            eventually(lambda: self.shown(ident)["state"] == "quarantined", "the inventory has it")
        self.assertEqual(self.shown(ONE)["quarantine"], r"says serial 'SN\x1b[2J\x0a4711' in place of 'SN-4711'")
        self.assertEqual(self.shown(ONE)["said serial"], r"SN\x1b[2J\x0a4711")
        self.assertRegex(self.shown(TWO)["quarantine"], "says serial 'S+…' in place of 'SN-4712'")
        rig.stop()
        self.assertNotIn("\x1b", rig.errors.read_text() + rig.out)

    def test_a_plug_with_tasmota_is_asked_who_it_is(self):
        self.done("add", "kitchen/plug-1", "--set", "serial=2C:3A:E8:00:00:01")
        page = "rig: kitchen-rig\ninventory: lab.inventory\ndevices:\n  plug: {mapping: tasmota-plug, names: {kitchen/plug-1: left}}\n"
        rig = Rig(self.folder, page, scenario=PLUG)
        self.addCleanup(rig.close)
        plug = rig.client("left").join()
        plug.subscribe("cmnd/left/STATUS")
        plug.say("tele/left/LWT", "Online", retain=True)
        eventually(lambda: ("cmnd/left/STATUS", b"0") in plug.heard, "it is asked")
        self.assertEqual(rig.incident("not_identified"), 1)
        plug.say("stat/left/STATUS2", {"StatusFWR": {"Version": "13.1.0(tasmota)"}})
        plug.say("stat/left/STATUS5", {"StatusNET": {"Hostname": "left", "Mac": "2C:3A:E8:00:00:01"}})
        plug.say("tele/left/SENSOR", {"ENERGY": {"Power": 23}})
        plug.say("stat/left/STATUS5", {"StatusNET": {"Hostname": "left", "Mac": "2C:3A:E8:00:00:02"}})
        eventually(lambda: rig.incident("quarantined"), "it was another one")
        rig.stop()
        kept = json.loads((self.folder / "out/inventory.json").read_text())["devices"]["kitchen/plug-1"]
        self.assertEqual(kept["said_firmware"], "13.1.0(tasmota)")
        self.assertEqual(kept["said_serial"], "2C:3A:E8:00:00:02")

    def test_a_device_that_does_not_say_who_it_is_waits_outside(self):
        self.pumps()
        rig = self.rig()
        device = self.device(rig, ONE, None)
        eventually(lambda: rig.incident("not_identified", ONE), "people are told")
        self.assertEqual(device.heard, [])
        device.say(f"looptwin/{ONE}/info", {"serial": "SN-4711"})
        device.say(f"looptwin/{ONE}/telemetry", {"level": 2.8})
        eventually(lambda: device.heard, "it is told what to do")
        self.assertIn("devices there          1", rig.stop())

    def test_devices_are_reserved_while_a_rig_runs_and_after_a_kill_until_the_lease_is_over(self):
        self.pumps()
        rig = self.rig()
        self.assertRegex(self.shown(ONE)["reserved"], r"by .* \(cellar-rig\) until ")
        self.assertRegex(self.refused_rig(code=1), r"rig\.yaml:\d+:\d+: error: the devices are not free: cellar/pump-1 is held by [^!]*wait: 1 h")
        self.refused("reserve", ONE, code=1)
        for _ in range(2):
            until = self.shown(ONE)["reserved"]
            eventually(lambda: self.shown(ONE)["reserved"] != until, "the lease is renewed")
        rig.process.kill()
        rig.process.wait()
        self.assertEqual(self.shown(ONE)["state"], "reserved")
        self.assertIn("of next until", self.done("reserve", ONE, TWO, "--owner", "next", "--wait", "1 min"))

    def test_a_rig_uses_a_reservation_that_was_made_before_and_leaves_it(self):
        self.pumps()
        self.done("reserve", ONE, TWO, "--owner", "ci-17")
        self.rig(arguments=("--reservation", "1", "--owner", "ci-17")).stop()
        self.assertRegex(self.shown(ONE)["reserved"], "by ci-17 until ")
        self.assertIn("reservation 1 is ci-17's, not ben's", self.refused_rig("--reservation", "1", "--owner", "ben"))
        self.done("release", "1", "--owner", "ci-17")
        self.done("reserve", ONE, "--owner", "ci-18")
        self.assertIn(f"reservation 2 has no '{TWO}'", self.refused_rig("--reservation", "2", "--owner", "ci-18"))

    def test_a_rig_whose_lease_is_lost_ends_and_says_why(self):
        self.pumps()
        rig = self.rig()
        self.done("release", "1", "--owner", re.search(r"by (.*) until", self.shown(ONE)["reserved"]).group(1))
        rig.process.communicate(timeout=PATIENCE)
        self.assertNotEqual(rig.process.returncode, 0)
        self.assertIn("reservation 1 has been released at ", rig.errors.read_text())

    def orders(self, device):
        return [json.loads(payload) for topic, payload in device.heard if topic.endswith("/command")]

    def test_what_somebody_else_has_by_now_is_told_nothing_and_the_rest_is_made_safe(self):
        self.pumps()
        rig = self.rig("reserve: {lease: 2 s}\nsafety: {heartbeat: 1 h, teardown: 1 s, safe: [{model: pump, command: stop}]}")
        devices = {ident: self.device(rig, ident, serial) for ident, serial in ((ONE, "SN-4711"), (TWO, "SN-4712"))}
        for device in devices.values():
            eventually(lambda: device.heard, "it is told what to do")
        freeze(rig.process)  # as a host that has no time for it
        self.assertIn("of next until", self.done("reserve", ONE, "--owner", "next", "--wait", "1 min"))
        before = {ident: len(self.orders(device)) for ident, device in devices.items()}
        rig.process.send_signal(signal.SIGCONT)
        rig.process.communicate(timeout=PATIENCE)
        self.assertEqual(rig.process.returncode, 2)
        self.assertIn(f"{ONE} is reserved by next now: it is told no safe value", rig.errors.read_text())
        eventually(lambda: any(o.get("command") == "stop" for o in self.orders(devices[TWO])[before[TWO]:]), "it is made safe")
        self.assertEqual(self.orders(devices[ONE])[before[ONE]:], [])
        self.assertEqual((self.shown(ONE)["state"], self.shown(TWO)["state"]), ("reserved", "free"))
        journal = [json.loads(line) for line in (self.folder / "out/rig.jsonl").read_text().splitlines()]
        self.assertEqual([(e["device"], e["to"]) for e in journal if e["what"] == "handed_over"], [(ONE, "next")])

    def pool(self):
        for n, tags in ((1, "pump;hot"), (2, "pump"), (3, "pump")):
            self.done("add", f"bench-{n}", "--set", f"serial=SN-{n}", "--set", f"tags={tags}", "--by", "test")

    def test_a_rig_takes_whatever_is_free_of_a_pool(self):
        self.pool()
        self.done("reserve", "bench-2", "--owner", "somebody")
        equipment = 'equipment: {"cellar/*": [pump], cellar/pump-2: [pump, hot]}'
        rig = self.rig("reserve: {lease: 5 s}\n" + equipment)
        self.assertIn(f"{ONE} is bench-3, serial SN-3\n{TWO} is bench-1, serial SN-1\n", rig.errors.read_text())
        self.assertRegex(self.refused_rig(code=1), r"the devices are not free: bench-\d is held by ")
        chosen, other = self.device(rig, "bench-3", "SN-3"), self.device(rig, "bench-2", "SN-2")
        eventually(lambda: self.orders(chosen), "the device's rules speak to it")
        out = rig.stop()
        self.assertRegex(out, rf"equipment +{ONE} was bench-3, serial SN-3\n +{TWO} was bench-1, serial SN-1")
        self.assertEqual(self.orders(other), [])
        devices = json.loads((self.folder / "out/inventory.json").read_text())["devices"]
        self.assertEqual([(d, devices[d]["equipment"], devices[d]["serial"]) for d in (ONE, TWO)],
                         [(ONE, "bench-3", "SN-3"), (TWO, "bench-1", "SN-1")])
        self.assertEqual(devices[ONE]["said_serial"], "SN-3")
        self.assertIn("same decisions as recorded", looptwin("replay", self.folder / "out").stdout)

    def test_a_reservation_of_a_pool_is_used_and_a_wrong_piece_is_in_quarantine_by_its_own_id(self):
        self.pool()
        self.done("reserve", "--tags", "pump", "--count", "3", "--owner", "ci-17")
        rig = self.rig('reserve: {lease: 5 s}\nequipment: {"cellar/*": [pump]}', ("--reservation", "1", "--owner", "ci-17"))
        self.assertIn(f"{ONE} is bench-1, serial SN-1\n{TWO} is bench-2, serial SN-2\n", rig.errors.read_text())
        self.device(rig, "bench-2", "SN-9")
        eventually(lambda: self.shown("bench-2")["state"] == "quarantined", "it is in quarantine")
        self.done("set", "bench-2", "serial=SN-9", "quarantine=", "--by", "anna")
        eventually(lambda: rig.incident("quarantine_ended", TWO), "a person has decided")
        rig.stop()

    def test_mistakes_with_a_pool_are_told_with_their_place(self):
        self.pool()
        for equipment, said in (
                ('equipment: {"cellar/*": pump}', r"rig\.yaml:5:\d+: error: a list stands here[^!]*write \[pump\]"),
                ('equipment: {"cellar/*": []}', r"'cellar/\*' has no tags to be chosen by"),
                ('equipment: {"cellar/*": [a;b]}', r"rig\.yaml:5:\d+: error: 'a;b' is no tag"),
                ('equipment: {"kitchen/*": [pump]}', r"rig\.yaml:5:\d+: error: no real device matches 'kitchen/\*'"),
                ('equipment: {"cellar/*": [hot]}', r"rig\.yaml:5:\d+: error: 2 devices are wanted, and 1 can be had"),
                ("equipment: all", "'equipment' holds patterns of device ids with tags each")):
            page = block("rig-inventory.md", "rig.yaml").replace("reserve: {lease: 1 min, wait: 1 h}", "reserve: {lease: 5 s}\n" + equipment)
            (self.folder / "rig.yaml").write_text(page)
            (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
            self.assertRegex(self.refused_rig(), said)
        (self.folder / "rig.yaml").write_text('rig: cellar-rig\nequipment: {"cellar/*": [pump]}\n')
        self.assertRegex(self.refused_rig(), r"rig\.yaml:2:\d+: error: equipment is chosen from an inventory, and none is named")

    def test_what_stands_in_the_way_is_told_before_anything_starts(self):
        (self.folder / "scenario.yaml").write_text(block("rig.md", "scenario.yaml"))
        (self.folder / "rig.yaml").write_text("rig: cellar-rig\ninventory: lab.inventory\n")
        self.done("add", ONE, "--set", "due=2020-01-01")
        self.assertRegex(self.refused_rig(), rf"rig\.yaml:2:12: error: '{TWO}' is a device of this rig[^!]*looptwin inventory add ")
        self.done("add", TWO)
        self.assertIn(f"'{ONE}' was due for calibration on 2020-01-01", self.refused_rig())
        (self.folder / "rig.yaml").write_text("rig: cellar-rig\ninventory: none.inventory\n")
        self.assertIn("looptwin inventory init", self.refused_rig())
        (self.folder / "rig.yaml").write_text("rig: cellar-rig\n")
        self.assertIn("write inventory: FILE", self.refused_rig("--reservation", "1"))
        rig = Rig(self.folder, "rig: cellar-rig\ninventory: lab.inventory\nreserve: {overdue: true}\n")
        self.addCleanup(rig.close)
        self.assertIn(f"warning: {ONE} was due for calibration", rig.errors.read_text())
        rig.stop()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

"""The command line as people use it: the real binary, its exit codes, its messages, and what it leaves on disk.

cli_test.py SOURCE_DIR BIN_DIR [unittest arguments]. Random moments come from one seed, which is printed; LOOPTWIN_TEST_SEED repeats it.
"""

import importlib.util
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1])
LOOPTWIN = Path(sys.argv[2]) / "looptwin"
SMALL = SOURCE / "tests/testbed/scenarios/small"
SEED = int(os.environ.get("LOOPTWIN_TEST_SEED", random.SystemRandom().randrange(10**9)))
HELD, BAD_INPUT = 0, 2


def has(*modules):
    return all(importlib.util.find_spec(m) is not None for m in modules)


def decisions(run):
    """The decisions log of a run folder, sealed or not, as rows of texts; read from an export."""
    import h5py

    file = Path(str(run) + ".h5")
    if not (run / "resume.json").exists():
        return []  # it was killed before it began
    exported = looptwin("export", run, file)
    assert exported.returncode == HELD, exported.stderr
    with h5py.File(file) as h5:
        log = h5["decisions"]
        columns = [log[c][:] for c in ("at", "kind", "subject", "device", "quantity", "occurrence", "value", "cause")]
    file.unlink()
    return list(zip(*(c.tolist() for c in columns)))


def looptwin(*arguments, env=None, **options):
    environment = dict(os.environ, **(env or {}))
    command = [str(LOOPTWIN), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, **options)


def fingerprint(result):
    return re.search(r"fingerprint\s+([0-9a-f]{32})", result.stdout).group(1)


def status(run):
    return json.loads((run / "manifest.json").read_text())["status"]


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="looptwin-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def scenario(self, file=None, old="", new=""):
        """A copy of the small scenario, with one text in one of its files replaced."""
        copy = self.folder / "scenario"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(SMALL, copy)
        if file:
            text = (copy / file).read_text()
            self.assertIn(old, text)
            (copy / file).write_text(text.replace(old, new, 1))
        return copy

    def refused(self, result, *patterns):
        self.assertEqual(result.returncode, BAD_INPUT, result.stdout + result.stderr)
        for pattern in patterns:
            self.assertRegex(result.stderr, pattern)

def killed_at_byte(size):
    """What a child does before it starts, so that the kernel kills it as a file of its is to grow past the size: within a record, mostly."""

    def prepare():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # SIGXFSZ, which nobody handles

    return prepare


def killed_after(seconds):
    """The same, as it has used the processor for so long: at the same progress on a busy machine and an idle one."""
    return lambda: signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF, which nobody handles


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class BadInput(CommandLine):
    """Each is refused with a place and leaves nothing behind."""

    CASES = {
        "broken YAML": ("rules.yaml", "  setback:\n", "  setback: [\n", r"rules\.yaml:\d+:\d+: error: this is not YAML"),
        "an unknown key": ("scenario.yaml", "cycle: 1 s", "cylce: 1 s", r"scenario\.yaml:\d+:1: error: .*'cylce'"),
        "ids given twice": ("scenario.yaml", 'id: "{block}/home-{i}"', 'id: "home-{i}"', r"scenario\.yaml:\d+:\d+: error: .*'home-\{i\}' gives the same ids"),
        "ids of two models alike": ("scenario.yaml", 'id: "{block}/home-{i}"', 'id: "block-1", count: 1', r"scenario\.yaml:\d+:\d+: error: "),
        "a dangling relation": ("models.yaml", "to: block", "to: blok", r"models\.yaml:\d+:\d+: error: .*'blok'"),
        "cyclic events": ("rules.yaml", "raise: count(block, busy) >= 2", "raise: count(block, busy) >= 2 && crowded",
                          r"rules\.yaml:\d+:\d+: error: 'crowded' depends on itself"),
        "a wrong unit": ("rules.yaml", "sum(homes.power) < 45 kW", "sum(homes.power) < 45 degC", r"rules\.yaml:\d+:\d+: error: "),
        "a circle of units": ("models.yaml", "consumed: electric", "consumed: air", r"models\.yaml:\d+:\d+: error: "),
        "an empty fleet": ("scenario.yaml", "count: 40", "count: 0", r"scenario\.yaml:\d+:\d+: error: "),
        "no fleet": ("scenario.yaml", "home: {count: 40, per: block, id: \"{block}/home-{i}\", link: radio, program: {choose: {frugal: 0.5, standard: 0.5}}}", "",
                     r"\.yaml:\d+:\d+: error: "),
        "a cycle of zero": ("scenario.yaml", "cycle: 1 s", "cycle: 0 s", r"scenario\.yaml:\d+:\d+: error: "),
        "a period of zero": ("models.yaml", "every: 1 min, range", "every: 0 s, range", r"models\.yaml:\d+:\d+: error: "),
        "a step of zero": ("models.yaml", "step: 1 s", "step: 0 s", r"models\.yaml:\d+:\d+: error: "),
        "a window of zero": ("rules.yaml", "over 15 min", "over 0 s", r"rules\.yaml:\d+:\d+: error: "),
        "a negative delay": ("rules.yaml", "on_delay: 20 s", "on_delay: -20 s", r"rules\.yaml:\d+:\d+: error: "),
        "a negative duration": ("scenario.yaml", "duration: 20 min", "duration: -20 min", r"scenario\.yaml:\d+:\d+: error: "),
        "a negative stagger": ("rules.yaml", "every: 20 s}", "every: -20 s}", r"rules\.yaml:\d+:\d+: error: "),
    }

    def test_each_is_refused_at_its_place_and_leaves_nothing(self):
        for what, (file, old, new, pattern) in self.CASES.items():
            with self.subTest(what):
                out = self.folder / "run"
                self.refused(looptwin("run", self.scenario(file, old, new), "--out", out), pattern)
                self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["scenario"])
                self.refused(looptwin("check", self.folder / "scenario"), pattern)

    def test_a_hole_in_the_weather_is_refused_at_its_line(self):
        copy = self.scenario()
        lines = (copy / "weather.csv").read_text().splitlines()
        data = [i for i, line in enumerate(lines) if re.match(r"\d{4}-", line)]
        hole = data[len(data) // 2]
        cells = lines[hole].split(",")
        lines[hole] = ",".join([cells[0]] + [""] * (len(cells) - 1))
        (copy / "weather.csv").write_text("\n".join(lines) + "\n")
        self.refused(looptwin("run", copy, "--out", self.folder / "run"), rf"weather\.csv:{hole + 1}:\d+: error: ")
        self.assertFalse((self.folder / "run").exists())

    def test_settings_are_checked_like_files(self):
        for setting in ("cycle=0 s", "fleet.home.count=0", "fleet.hoem.count=3", "nonsense"):
            with self.subTest(setting):
                self.refused(looptwin("run", SMALL, "--set", setting, "--out", self.folder / "run"))
                self.assertFalse((self.folder / "run").exists())
        self.refused(looptwin("check", SMALL, "--set", "cycle="), r"--set cycle: nothing stands behind its =")
        self.refused(looptwin("run", SMALL, "--duration", "-1 h", "--out", "none"), "duration")
        self.refused(looptwin("run", SMALL, "--seed", "x", "--out", "none"), "seed")
        self.refused(looptwin("run", SMALL, "--speed", "fast", "--out", "none"), "speed")

    def test_all_problems_are_shown_at_once(self):
        copy = self.scenario("rules.yaml", "sum(homes.power) < 45 kW", "sum(homes.powr) < 45 kW")
        rules, scenario = copy / "rules.yaml", copy / "scenario.yaml"
        rules.write_text(rules.read_text().replace("temperature < 24.5 degC", "temperature < 24.5 kW").replace("power over 15 min", "power over 1 s"))
        scenario.write_text(scenario.read_text() + "durration: 3 h\n")
        said = (r"scenario\.yaml:\d+:1: error: a scenario has no key 'durration'", r"rules\.yaml:\d+:\d+: error: .*powr", r"24\.5 kW")
        self.refused(looptwin("check", copy), *said, r"a window of 1 s is often empty", r"\n3 errors, 1 warning\n\Z")
        self.refused(looptwin("run", copy, "--out", "none"), *said, r"\n3 errors, 1 warning\n\Z")

    def test_a_folder_that_is_no_scenario_and_a_command_that_is_none(self):
        self.refused(looptwin("run", self.folder / "nowhere", "--out", "none"), "nowhere")
        self.refused(looptwin("run", self.folder, "--out", "none"))
        self.refused(looptwin("frobnicate"))
        self.refused(looptwin())
        self.refused(looptwin("info", self.folder))
        self.refused(looptwin("export", self.folder, self.folder / "x.h5"))
        self.assertFalse((self.folder / "x.h5").exists())
        self.assertEqual(looptwin("--help").returncode, HELD)
        self.assertEqual(looptwin("--version").returncode, HELD)

    def test_a_window_longer_than_the_run_is_a_warning_with_its_place(self):
        result = looptwin("run", SMALL, "--duration", "10 min", "--out", "none")
        self.assertEqual(result.returncode, HELD)
        self.assertRegex(result.stderr, r"rules\.yaml:\d+:\d+: warning: .*15 min")
        whole = looptwin("run", SMALL, "--out", "none")
        self.assertNotIn("15 min", whole.stderr)

    def test_what_windows_of_boundaries_keep_is_shown(self):
        flaps = "  flaps: {each: home, raise: rises(power > 1 kW over 5 min) > 3 && time_true(power > 1 kW over 5 min) > 1 min}\n"
        copy = self.scenario("rules.yaml", "events:\n", "events:\n" + flaps)
        shown = looptwin("check", copy, "--explain", "--set", "fleet.block.count=1000", "--set", "fleet.home.count=2")
        self.assertEqual(shown.returncode, HELD, shown.stderr)

        def kept(name):
            return int(re.search(rf"^{name} +boolean +\d+ +(\d+)  ", shown.stdout, re.MULTILINE).group(1))

        self.assertGreater(kept("events.busy.raise"), 64 * 8)
        self.assertEqual(kept("events.flaps.raise"), 10 * 8 + 16 * 8)
        hot = float(re.search(r"hot history ([0-9.]+) MiB", shown.stdout).group(1))
        self.assertGreater(hot, 1000 * kept("events.busy.raise") / 2**20)


class RunFolders(CommandLine):
    def test_a_run_folder_that_is_not_empty_is_left_as_it_is(self):
        out = self.folder / "run"
        out.mkdir()
        (out / "precious").write_text("mine")
        self.refused(looptwin("run", SMALL, "--duration", "1 min", "--out", out), re.escape(str(out)))
        self.assertEqual([p.name for p in out.iterdir()], ["precious"])
        self.assertEqual((out / "precious").read_text(), "mine")

    def test_a_run_folder_that_cannot_be_made_is_refused(self):
        (self.folder / "file").write_text("")
        self.refused(looptwin("run", SMALL, "--duration", "1 min", "--out", self.folder / "file" / "run"), "run")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["file"])

    def test_without_a_name_runs_are_numbered(self):
        for expected in ("small", "small-2"):
            result = looptwin("run", SMALL, "--duration", "10 s", cwd=self.folder)
            self.assertEqual(result.returncode, HELD, result.stderr)
            self.assertEqual(status(self.folder / "runs" / expected)["state"], "reached_end")

    def test_out_none_writes_nothing(self):
        result = looptwin("run", SMALL, "--duration", "1 min", "--out", "none", cwd=self.folder)
        self.assertEqual(result.returncode, HELD)
        self.assertEqual(list(self.folder.iterdir()), [])

    def full_disk(self):
        """A folder that holds little, and what the child must do before it starts."""
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", disk], capture_output=True).returncode == 0
        if mounted:
            self.addCleanup(subprocess.run, ["umount", disk])
            return disk, None

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

        return disk, limit

    def test_a_full_disk_ends_the_run_with_a_message_and_what_was_written_is_readable(self):
        disk, limit = self.full_disk()
        result = looptwin("run", SMALL, "--duration", "10 h", "--out", disk / "run", preexec_fn=limit)
        self.refused(result, r"(?i)space|large|full")
        self.assertNotEqual(status(disk / "run")["state"], "reached_end")
        info = looptwin("info", disk / "run")
        self.assertEqual(info.returncode, HELD, info.stderr)
        self.assertRegex(info.stdout, r"readable to\s+2019-07-15T17:")


class Runs(CommandLine):
    def test_what_new_writes_runs(self):
        demo = self.folder / "demo"
        self.assertEqual(looptwin("new", demo).returncode, HELD)
        self.assertEqual(looptwin("check", demo).returncode, HELD)
        result = looptwin("run", demo, "--duration", "5 min", "--out", self.folder / "run")
        self.assertEqual(result.returncode, HELD, result.stderr)
        before = {p: p.read_bytes() for p in demo.iterdir()}
        self.refused(looptwin("new", demo), "demo")
        self.assertEqual({p: p.read_bytes() for p in demo.iterdir()}, before)

    def test_fingerprints_are_equal_at_every_width_and_number_of_threads(self):
        prints = {}
        for width in ("v2", "v3", "v4"):
            for threads in (1, 2):
                result = looptwin("run", SMALL, "--out", "none", "--threads", threads, env={"LOOPTWIN_SIMD": width})
                self.assertEqual(result.returncode, HELD, result.stderr)
                prints[width, threads] = fingerprint(result)
        self.assertEqual(len(set(prints.values())), 1, prints)
        self.assertNotEqual(fingerprint(looptwin("run", SMALL, "--out", "none", "--seed", 8)), prints["v2", 1])

    def test_writing_a_run_folder_changes_no_decision(self):
        written = looptwin("run", SMALL, "--out", self.folder / "run")
        self.assertEqual(fingerprint(written), fingerprint(looptwin("run", SMALL, "--out", "none")))
        self.assertIn(fingerprint(written), looptwin("info", self.folder / "run").stdout)

    def test_alarms_are_shown_with_the_values_that_raised_them(self):
        run = looptwin("run", SMALL, "--out", self.folder / "run")
        info = looptwin("info", self.folder / "run").stdout
        said = r"0\.\d{5} MW, the feeder is for 0\.\d+ MW: more homes"
        self.assertRegex(run.stdout, r"overload on block-\d: " + said)
        self.assertRegex(info, r"\n  2019-07-15T17:\d\d:\d\dZ  high    overload on block-\d, \d\d of 40 members known\n      cause        " + said)
        self.assertRegex(info, r"\n      action       Shed the next group\.\n")
        wrong = self.scenario("rules.yaml", "{limit as MW}", "{limt as MW}")
        self.refused(looptwin("check", wrong), r"rules\.yaml:59:\d+: error: 'limt' is not known here", r"did you mean 'limit'\?")

    def test_what_was_bypassed_and_what_came_first_is_shown(self):
        page = (SOURCE / "docs/trips.md").read_text()
        folder = self.folder / "compressors"
        folder.mkdir()
        text = "".join(re.findall(r"```yaml\n(.*?)```", page, re.S)).replace("by: ben, press", "by: anna, press")
        text += "  - {after: 99 s, by: ben, acknowledge: bypassed_too_long, device: compressor-2}\n"
        text += "  - {after: 99 s, by: ben, acknowledge: bypassed_too_long, device: compressor-2}\n"
        (folder / "scenario.yaml").write_text(text)
        run = looptwin("run", folder, "--out", self.folder / "run")
        self.assertRegex(run.stdout, r"events\s+bypasses 2, withheld 1, resets refused 5; at the end bypassed 1, waiting for their reset 0\n")
        self.assertRegex(run.stdout, r"\n\s+bypassed for 57 s: oil_low on compressor-1\n")
        info = looptwin("info", self.folder / "run").stdout
        self.assertRegex(info, r"bypasses of events: 2, in force at the end 1\n  2024-01-01T00:00:53Z  oil_low on compressor-1, for 57 s\n")
        self.assertRegex(info, r"first out: 2\n  2024-01-01T00:00:22Z  tripped_by: discharge_high on compressor-1\n")
        self.assertRegex(info, r"refused to people at alarms: 1\n  2024-01-01T00:01:39Z  ben +bypassed_too_long on compressor-2: acknowledge: it ")
        self.assertRegex(info, r"alarm figures over 1 min 50 s,")

    def test_settings_change_the_run(self):
        result = looptwin("run", SMALL, "--set", "fleet.home.count=20", "--duration", "2 min", "--out", "none")
        self.assertRegex(result.stdout, r"devices\s+63 ")
        self.assertRegex(result.stdout, r"simulated\s+2 min")

    def test_speed_is_a_matter_of_the_wall_clock_alone(self):
        fast = looptwin("run", SMALL, "--duration", "30 s", "--out", "none")
        slow = looptwin("run", SMALL, "--duration", "30 s", "--out", "none", "--speed", "300x")
        self.assertEqual(slow.returncode, HELD)
        self.assertRegex(slow.stdout, r"simulated\s+30 s")
        self.assertEqual(fingerprint(slow), fingerprint(fast))

    def test_quiet_says_nothing(self):
        result = looptwin("run", SMALL, "--duration", "30 s", "--out", "none", "--quiet")
        self.assertEqual((result.returncode, result.stdout), (HELD, ""))

    @unittest.skipUnless(has("jsonschema", "yaml"), "needs jsonschema and yaml")
    def test_schema_holds_for_the_scenarios_that_we_ship(self):
        import jsonschema
        import yaml

        def validator_of(*what):
            schema = json.loads(looptwin("schema", *what).stdout)
            jsonschema.Draft7Validator.check_schema(schema)
            return jsonschema.Draft7Validator(schema)

        of_scenarios, of_sequences, of_rigs = validator_of(), validator_of("sequence"), validator_of("rig")
        files = [*SOURCE.glob("scenarios/*/*.yaml"), *SMALL.glob("*.yaml")]
        self.assertGreater(len(files), 3)
        self.assertGreater(sum(file.name == "rig.yaml" for file in files), 1)
        for file in files:
            validator = {"rig.yaml": of_rigs, "sequence.yaml": of_sequences}.get(file.name, of_scenarios)
            with self.subTest(str(file)):
                errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(yaml.safe_load(file.read_text()))]
                self.assertEqual(errors, [])
        self.assertTrue(list(of_scenarios.iter_errors({"scenario": "x", "cylce": "1 s"})))
        self.assertFalse(of_scenarios.is_valid({"seed": "20"}))
        self.assertTrue(of_scenarios.is_valid({"about": True, "history": {"home": {"raw": 5}}, "fleet": {"home": {"tags": [True]}}}))
        self.assertTrue(list(of_rigs.iter_errors({"rig": "x", "borker": "mqtt://127.0.0.1:1883"})))
        self.assertTrue(list(of_rigs.iter_errors({"recording": True})))  # without its name

    @unittest.skipUnless(has("xarray"), "needs xarray")
    def test_an_export_opens_in_xarray_with_units_and_dates(self):
        import numpy
        import xarray

        run, file = self.folder / "run", self.folder / "run.h5"
        self.assertEqual(looptwin("run", SMALL, "--out", run).returncode, HELD)
        self.assertEqual(looptwin("export", run, file).returncode, HELD)
        with xarray.open_dataset(file, group="home/raw/10s", engine="h5netcdf" if has("h5netcdf") else "netcdf4") as home:
            self.assertEqual(home["temperature"].attrs["units"], "degC")
            self.assertEqual(home["temperature"].dims, ("device", "time"))
            values = home["temperature"].values
            known = values[~numpy.isnan(values)]
            self.assertGreater(known.size, 0.8 * values.size)
            self.assertTrue(10 < known.mean() < 40)
            self.assertLess(numpy.abs(known * 10 - numpy.round(known * 10)).max(), 1e-3)
            self.assertEqual(home["time"].dtype, numpy.dtype("datetime64[ns]"))
            self.assertEqual(home["time"].values[0], numpy.datetime64("2019-07-15T17:00:00"))
            self.assertEqual(home["time"].values[6] - home["time"].values[0], numpy.timedelta64(60, "s"))
        self.refused(looptwin("export", run, file), "run.h5")  # it must not exist

    def test_names_without_a_folder_are_of_this_one(self):
        self.assertEqual(looptwin("new", "tanks", cwd=self.folder).returncode, HELD)
        ran = looptwin("run", "tanks", "--duration", "1 min", "--out", "run", cwd=self.folder)
        self.assertEqual(ran.returncode, HELD, ran.stderr)
        exported = looptwin("export", "run", "run.h5", cwd=self.folder)
        self.assertEqual(exported.returncode, HELD, exported.stderr)
        self.assertTrue((self.folder / "run.h5").exists())


@unittest.skipUnless(has("h5py"), "needs h5py")
class Interruptions(CommandLine):
    def start_on_a_terminal(self, *arguments):
        """A run in the background and its terminal, on which it shows its progress."""
        terminal, end = os.openpty()
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen([str(LOOPTWIN), *map(str, arguments)], stdout=subprocess.PIPE, stderr=end, text=True)
        os.close(end)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, terminal

    def await_progress(self, terminal, times):
        shown = b""
        while shown.count(b"messages/s") < times:
            try:
                shown += os.read(terminal, 4096)  # until there is something
            except OSError:  # nobody is left who could write
                self.fail(f"the run ended: {shown.decode()}")

    def test_ctrl_c_seals_the_folder_and_says_so(self):
        run = self.folder / "run"
        process, terminal = self.start_on_a_terminal("run", SMALL, "--duration", "200 h", "--speed", "200x", "--out", run)
        self.await_progress(terminal, times=3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, HELD, output)
        self.assertIn("stopped", output)
        self.assertEqual(status(run)["state"], "stopped")
        self.assertEqual(list(run.glob("journal/*")), [])
        self.assertEqual(list(run.glob("**/*.tmp")), [])
        self.assertGreater(len(decisions(run)), 0)
        info = looptwin("info", run)
        self.assertEqual(info.returncode, HELD)
        self.assertNotIn("damaged", info.stdout)

    def test_after_a_kill_everything_journalled_is_a_prefix_of_the_whole_run(self):
        print(f"kills from seed {SEED}", file=sys.stderr)
        draw = random.Random(SEED)
        killed_runs = shortened = 0
        for i in range(4):
            seed = draw.randrange(10**6)
            whole = self.folder / f"whole-{i}"
            arguments = ["run", SMALL, "--duration", "1 h", "--seed", seed, "--quiet", "--out"]
            before = processor_seconds()
            self.assertEqual(looptwin(*arguments, whole).returncode, HELD)
            took = processor_seconds() - before
            expected = decisions(whole)
            # The journal of the hour grows to about 2 MB, and its first 200 kB say what all the rest is. The first run ends
            # early, while decisions are still to come.
            kills = {"byte": killed_at_byte(draw.randrange(200_000, 1_600_000 if i else 600_000)),
                     "moment": killed_after(took * draw.uniform(0.3, 0.9))}
            for how, prepare in kills.items():
                with self.subTest(seed=seed, how=how):
                    run = self.folder / f"run-{i}-{how}"
                    result = looptwin(*arguments, run, preexec_fn=prepare)
                    self.assertIn(result.returncode, (HELD, -signal.SIGXFSZ, -signal.SIGPROF), result.stderr)
                    killed = decisions(run)
                    if how == "byte":  # a moment may be one before the first decision
                        self.assertGreater(len(killed), 0)
                        info = looptwin("info", run)
                        self.assertEqual(info.returncode, HELD, info.stderr)
                    self.assertEqual(killed, expected[: len(killed)])
                    if result.returncode == HELD:
                        self.assertEqual(killed, expected)
                    killed_runs += result.returncode != HELD
                    shortened += len(killed) < len(expected)
        self.assertGreaterEqual(killed_runs, 4, "too few runs were killed before their end")
        self.assertGreater(shortened, 0, "no decision was still to come when runs were killed")

    def test_a_run_that_is_killed_again_and_again_is_resumed_to_the_same_end(self):
        print(f"kills from seed {SEED}", file=sys.stderr)
        draw = random.Random(SEED)
        scenario = self.scenario("scenario.yaml", "faults:\n", "faults:\n  - {every: 15 min, kind: restart, of: mml, lasts: 30 s}\n")
        arguments = ["run", scenario, "--duration", "1 h", "--set", "snapshots=4 min", "--quiet", "--out"]
        whole = self.folder / "whole"
        before = processor_seconds()
        self.assertEqual(looptwin(*arguments, whole).returncode, HELD)
        took = processor_seconds() - before
        expected = decisions(whole)
        kills = 0
        for i in range(4):
            run = self.folder / f"run-{i}"
            # The first kill is one of progress: a moment may be one before there is anything to go on from.
            result = looptwin(*arguments, run, preexec_fn=killed_at_byte(draw.randrange(50_000, 1_200_000)))
            for _ in range(3):
                if status(run)["state"] == "reached_end":
                    break
                kills += 1
                self.assertIn(result.returncode, (-signal.SIGXFSZ, -signal.SIGPROF), result.stderr)
                # As a kill leaves it between the newer snapshot and the end of the older.
                for snapshot in run.glob("snapshots/*"):
                    snapshot.with_name(f"{0:020}{snapshot.suffix}").write_bytes(b"an older one")
                result = looptwin("run", "--resume", run, "--threads", draw.choice((1, 2)), "--quiet",
                                  preexec_fn=killed_after(took * draw.uniform(0.1, 0.9)))
            if status(run)["state"] != "reached_end":  # a kill may come after all is written
                result = looptwin("run", "--resume", run, "--quiet")
                self.assertEqual(result.returncode, HELD, result.stderr)
            self.assertEqual(decisions(run), expected)
            for file in ("manifest.json", "feeds/crm.jsonl"):
                ours, theirs = ((r / file).read_text() for r in (run, whole))
                if file == "manifest.json":
                    ours, theirs = (json.loads(t)["fingerprint"] for t in (ours, theirs))
                self.assertEqual(ours, theirs)
            self.assertEqual(len(list(run.glob("snapshots/*"))), 1)
        self.assertGreater(kills, 3, "too few runs were killed before their end")
        self.refused(looptwin("run", "--resume", whole), "has reached its end")

    def test_a_run_is_not_resumed_with_another_scenario_or_a_damaged_snapshot(self):
        scenario = self.scenario()
        run = self.folder / "run"
        killed = looptwin("run", scenario, "--duration", "100 h", "--set", "snapshots=1 min", "--out", run, "--quiet", preexec_fn=killed_after(2))
        self.assertEqual(killed.returncode, -signal.SIGPROF)
        rules = scenario / "rules.yaml"
        text = rules.read_text()
        rules.write_text(text + "# a remark\n")
        self.refused(looptwin("run", "--resume", run), "has changed since it began")
        rules.write_text(text)
        snapshot = max(run.glob("snapshots/*.state"))
        content = bytearray(snapshot.read_bytes())
        content[len(content) // 2] ^= 1
        snapshot.write_bytes(content)
        self.refused(looptwin("run", "--resume", run), "its checksum is wrong")
        self.refused(looptwin("run", "--resume", self.folder), "resume.json")
        self.refused(looptwin("run", "--resume", run, SMALL), "give a SCENARIO, --resume RUN or --from RUN@T")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

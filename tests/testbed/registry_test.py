"""`looptwin registry` as people use it: docs/registry.md run as it stands, mistakes, kills, several at once, and fleets that are drawn from it.

registry_test.py SOURCE_DIR BIN_DIR [unittest arguments]. LOOPTWIN_TEST_SEED repeats the random moments of a run, which prints it.
"""

import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

from cli_test import BAD_INPUT, HELD, LOOPTWIN, SEED, SOURCE, CommandLine, fingerprint, has, killed_after, killed_at_byte, looptwin, processor_seconds

PAGE = SOURCE / "docs/registry.md"
NO = 1


def registry(command, *arguments, **options):
    return looptwin("registry", command, *arguments, **options)


def snippets():
    """The page's fenced texts in their order: (language, text)."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def commands(console):
    """(command, what it prints) of a console snippet; `> ` continues a command."""
    found = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> "):
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [("\n".join(c), "".join(line + "\n" for line in said)) for c, said in found]


def pattern_of(text):
    """What the page says, where `…` and instants stand for any."""
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z +"
    marked = re.sub(instant, "\0", text)
    return re.escape(marked).replace("\0", instant).replace("…", ".*")


class Registry(CommandLine):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "plant.registry"

    def done(self, command, *arguments, **options):
        result = registry(command, self.file, *arguments, **options)
        self.assertEqual(result.returncode, HELD, result.stderr)
        return result.stdout

    def written(self, name, text):
        file = self.folder / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def homes(self, name, numbers):
        rows = "".join(f"home-{i},home,{100 + i % 7} W/K,pilot;north\n" for i in numbers)
        return self.written(name, "id,model,parameters.UA,tags\n" + rows)

    def count(self):
        said = re.search(r"is sound: ([\d ]+) devices", self.done("check"))
        return int(said.group(1).replace(" ", ""))


class Page(Registry):
    def test_every_command_of_the_page_prints_what_stands_below_it(self):
        environment = dict(os.environ, PATH=f"{LOOPTWIN.parent}:{os.environ['PATH']}")
        (self.folder / "drawn").mkdir()
        ran = 0
        for language, text in snippets():
            if language == "yaml":
                (self.folder / "drawn/scenario.yaml").write_text(text)
            for command, said in commands(text) if language == "console" else ():
                if command.startswith("sqlite3") and not shutil.which("sqlite3"):
                    continue
                with self.subTest(command):
                    result = subprocess.run(["bash", "-c", command], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True, timeout=300)
                    self.assertRegex(result.stdout, re.compile(r"\A" + pattern_of(said) + r"\Z"))
                    ran += 1
        self.assertGreater(ran, 25)

    def test_the_json_of_the_page_is_imported_and_exported_as_it_was(self):
        text = next(text for language, text in snippets() if language == "json")
        self.done("init")
        self.assertEqual(self.done("import", self.written("page.json", text)), "2 added, 0 changed, 0 as they were\n")
        self.done("export", self.folder / "out.json")
        wanted = [dict(device, state="provisioned") for device in json.loads(text)]
        self.assertEqual(json.loads((self.folder / "out.json").read_text()), wanted)

    def test_every_command_is_on_the_page(self):
        listed = re.findall(r"^  (\w+)(?:, (\w+))?  ", registry("--help").stdout, re.MULTILINE)
        names = [name for pair in listed for name in pair if name]
        self.assertGreater(len(names), 13)
        for name in names:
            self.assertRegex(PAGE.read_text(), rf"registry {name}\b|`{name}`")


class Mistakes(Registry):
    """Each is refused with its reason, and changes nothing."""

    IMPORTS = {
        "a column that devices have not": ("x.csv", "id,model,paramters.UA\na,home,1 W/K\nb,home,1 W/K\n", r"x\.csv:1:10: error: .*'paramters'[^!]*did you mean 'parameters'"),
        "columns between semicolons": ("x.csv", "id;model\na;home\n", r"x\.csv:1:1: error: the columns stand between semicolons"),
        "a column twice": ("x.csv", "id,model,id\na,home,b\n", r"x\.csv:1:10: error: two columns are named 'id'"),
        "a value and a group of one name": ("x.csv", "id,model,link,link.x\na,home,l,m\n", r"x\.csv:1:15: error: 'link' and 'link\.x'"),
        "a column without a name": ("x.csv", "id,model,\na,home,\n", r"x\.csv:1:10: error: a column has no name"),
        "a cell too many": ("x.csv", "id,model\na,home,1,5 W/K\n", r"x\.csv:2:1: error: the row has 4 cells, and the header 2"),
        "a quote that does not close": ("x.csv", 'id,model\n"a,home\n', r"x\.csv:2:1: error: the quote that opens here does not close"),
        "no header": ("x.csv", "", r"x\.csv:1:1: error: there is no header"),
        "Latin-1": ("x.csv", "id,model\nstraße,home\n".encode("latin-1"), r"x\.csv:2:5: error: .* is not a text in UTF-8\n +stra\?e,home"),
        "a device twice": ("x.csv", "id,model\na,home\nb,home\na,home\n", r"x\.csv:4:1: error: 'a' is in the file twice\n(.*\n){2}.*line 2"),
        "a device that is there": ("x.csv", "id,model\nb,home\nhome-1,home\n", r"x\.csv:3:1: error: 'home-1' is in the registry already\n(.*\n){2}.*--update"),
        "an id that was retired": ("x.csv", "id,model\nold,home\n", r"x\.csv:2:1: error: there has already been a device 'old'"),
        "no model": ("x.csv", "id,model\na,\n", r"x\.csv:2:1: error: a device needs 'model'"),
        "an id with a blank": ("x.csv", "id,model\na b,home\n", r"x\.csv:2:1: error: 'a b' is no device id"),
        "a state that there is not": ("x.csv", "id,model,state\na,home,activ\n", r"x\.csv:2:8: error: .*activ[^!]*did you mean 'active'"),
        "a relation to nothing": ("x.csv", "id,model,relations.block\na,home,nowhere\n", r"x\.csv:2:8: error: 'nowhere' is no device"),
        "a secret of a retired device": ("x.json", '[{"id": "a", "model": "home", "state": "retired", "secret": "correct horse"}]', r"x\.json:1:62: error: 'a' is retired, and has no credential\n(.*\n){2}.*leave out its secret"),
        "a short secret": ("x.csv", "id,model,secret\na,home,short\n", r"x\.csv:2:8: error: the secret has 5 characters; argon2id needs at least 8"),
        "values of several lines": ("x.csv", 'id,model,tags,parameters.UA,relations.block\n"a",home,"no\nrth","1\nW/K","b\n1"\n', r"x\.csv:2:11: error: 'no\n?.*rth' is no tag[^!]*x\.csv:3:7: error: the value of 'UA' is not one line of text[^!]*x\.csv:4:7: error: the value of 'block' is not one line"),
        "how to keep a secret of a retired device": ("x.csv", "id,model,state,hash\na,home,retired,keyed\n", r"x\.csv:2:16: error: 'a' has no secret to be kept as 'keyed'\n(.*\n){2}.*it is retired"),
        "JSON torn in a text": ("x.json", '[{"id": "a", "model": "home"}, {"id": "b", "mod', r"x\.json:1:\d+: error: the text's closing quote is missing"),
        "JSON torn between": ("x.json", '[{"id": "a", "model": "home"}', r"x\.json:1:30: error: a ',' or '\]' should stand here"),
        "JSON of one device": ("x.json", '{"id": "a", "model": "home"}', r"x\.json:1:1: error: a list stands here, in \[ \]"),
        "JSON with a null": ("x.json", '[{"id": "a", "model": null}]', r"x\.json:1:23: error: a null is not a value here"),
        "another ending": ("x.txt", "id,model\na,home\n", r"x\.txt is neither a \.json nor a \.csv file"),
    }

    def test_what_cannot_be_imported_is_told_once_with_its_place(self):
        self.done("init")
        self.done("add", "home-1", "--model", "home")
        self.done("add", "old", "--model", "home")
        self.done("retire", "old")
        before = self.file.read_bytes()
        for what, (name, text, pattern) in self.IMPORTS.items():
            with self.subTest(what):
                result = registry("import", self.file, self.written(name, text), "--secrets", self.folder / "secrets")
                self.refused(result, pattern, r"nothing was imported\n\Z")
                problems = re.findall(r"^.*error: .*$", result.stderr, re.MULTILINE)
                self.assertEqual(len(problems), len(set(problems)))
                self.assertEqual(self.file.read_bytes(), before)
                self.assertEqual(list(self.folder.glob("secrets*")), [])

    def test_how_a_secret_is_kept_is_said_only_where_there_is_one(self):
        self.done("init")
        rows = self.written("x.csv", "id,model,hash\na,home,argon2id\nb,home,\n")
        self.refused(registry("import", self.file, rows), r"x\.csv:2:8: error: 'a' has no secret to be kept as 'argon2id'\n(.*\n){2}.*--secrets FILE", r"nothing was imported\n\Z")
        self.done("import", rows, "--secrets", self.folder / "secrets")
        self.assertRegex(self.done("show", "a"), "credential +argon2id")

    def test_instants_of_a_history_have_one_form(self):
        self.done("init")
        self.done("add", "home-1", "--model", "home", "--no-secret")
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            database.execute("UPDATE change SET at = 1772442845120000000")
            database.commit()
        self.assertIn("      1  2026-03-02T09:14:05.120Z ", self.done("history", "home-1"))

    def test_relations_that_an_update_breaks_are_told_at_the_device_that_it_changes(self):
        self.done("init")
        rows = self.written("there.csv", "id,model,relations.block\nblock-1,block,\nblock-2,block,\nhome-1,home,block-1\nhome-2,home,block-2\n")
        self.done("import", rows)
        before = self.file.read_bytes()
        retire = self.written("retire.csv", "id,model,state,link\nhome-2,home,,lte\nblock-1,block,retired,\nblock-2,block,retired,\n")
        self.refused(
            registry("import", self.file, retire, "--update"),
            r"retire\.csv:2:1: error: 'home-2' is related to 'block-2', which is retired",
            r"retire\.csv:3:1: error: 'block-1' cannot retire: it is still the block of 'home-1'",
            r"retire\.csv:4:1: error: 'block-2' cannot retire: it is still the block of 'home-2'",
            r"nothing was imported\n\Z",
        )
        self.assertEqual(self.file.read_bytes(), before)

    def test_at_most_twenty_problems_are_told(self):
        self.done("init")
        rows = "".join(f"bad id {i},home\n" for i in range(100))
        result = registry("import", self.file, self.written("x.csv", "id,model\n" + rows))
        self.assertEqual(result.stderr.count("error: "), 20)

    def test_files_that_are_no_registry_are_refused_and_left_as_they_are(self):
        with contextlib.closing(sqlite3.connect(self.folder / "other.db")) as other:
            other.executescript("CREATE TABLE x (y); PRAGMA user_version = 1;")
        self.done("init")
        newer = self.folder / "newer.db"
        shutil.copy(self.file, newer)
        with contextlib.closing(sqlite3.connect(newer)) as database:
            database.executescript("PRAGMA user_version = 99;")
        cases = {
            self.written("text.db", "these are my devices"): "is no SQLite database, so no registry",
            self.written("empty.db", ""): "is a database, but no registry of looptwin",
            self.folder / "other.db": "is a database, but no registry of looptwin",
            newer: "was written by a newer looptwin: it has schema 99",
        }
        for file, reason in cases.items():
            before = file.read_bytes()
            for command in (["list"], ["add", "home-1", "--model", "home"], ["check"]):
                with self.subTest(file=file.name, command=command[0]):
                    self.refused(registry(command[0], file, *command[1:]), reason)
                    self.assertEqual(file.read_bytes(), before)
        self.refused(registry("list", self.folder / "missing"), "there is no registry", "looptwin registry init makes a new one")
        self.refused(registry("list", self.folder), "there is no registry")
        self.refused(registry("init", self.file), "exists", "choose another name")
        self.refused(registry("init", self.folder / "no/folder.db"), "its folder is not there, or read-only")
        self.assertEqual(oct(self.file.stat().st_mode & 0o777), "0o600")

    def test_single_devices(self):
        self.done("init")
        self.done("add", "home-1", "--model", "home", "--no-secret")
        before = self.file.read_bytes()
        cases = {
            ("show", "home-2"): "there is no device 'home-2'",
            ("history", "home-2"): "there is no device 'home-2'",
            ("set", "home-2", "link=lte"): "there is no device 'home-2'",
            ("retire", "home-2"): "there is no device 'home-2'",
            ("retire", "site-*"): r"no device that could become retired matches 'site-\*'",
            ("add", "home-1", "--model", "home"): "there is already a device 'home-1'",
            ("add", "home-2"): "--model is required",
            ("add", "home-2", "--model", "a home"): "'a home' is no name of a model",
            ("add", "home-2", "--model", "home", "--set", "block=b"): "a device has no 'block' to set",
            ("add", "home-2", "--model", "home", "--set", "relations.block=b"): "'home-2' is related to 'b', which is no device",
            ("set", "home-1", "state=active"): "its state by activate, suspend, retire",
            ("set", "home-1", "parameters.UA"): "is not key=value",
            ("set", "home-1", "link=lte", "link=wire"): "'link' is set twice",
            ("set", "home-1", "tags=north", "tags=pilot"): "'tags' is set twice\n.*with semicolons between",
            ("add", "home-2", "--model", "home", "--set", "link=lte", "--set", "link="): "'link' is set twice",
            ("renew", "home-2"): "there is no device 'home-2'",
            ("list", "--state", "activ"): "activ not in",
        }
        for arguments, reason in cases.items():
            with self.subTest(arguments):
                self.refused(registry(arguments[0], self.file, *arguments[1:]), reason)
                self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(registry("verify", self.file, "home-1", input="\n").returncode, NO)
        self.done("activate", "home-1")
        self.refused(registry("activate", self.file, "home-1"), "'home-1' is active already")

    def test_export_and_secrets_write_over_nothing(self):
        self.done("init")
        self.done("add", "home-1", "--model", "home")
        there = self.written("there.csv", "mine")
        self.refused(registry("export", self.file, there), "exists")
        rows = self.written("x.csv", "id,model\na,home\n")
        self.refused(registry("import", self.file, rows, "--secrets", there), "secrets are written to a new file only", "nothing was imported")
        left = self.written("left.part", "id,secret\nb,the only copy\n")
        self.refused(registry("import", self.file, rows, "--secrets", self.folder / "left"), r"left\.part exists: another import is writing it, or was killed")
        self.assertEqual((there.read_text(), left.read_text()), ("mine", "id,secret\nb,the only copy\n"))
        self.assertEqual(sorted(p.name for p in self.folder.glob("*.part")), ["left.part"])


class SeveralAtOnce(Registry):
    def start(self, *arguments):
        process = subprocess.Popen([str(LOOPTWIN), "registry", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def both(self, first, second):
        """Two imports at once; those that were done, and the errors of the others."""
        processes = [self.start("import", self.file, *arguments) for arguments in (first, second)]
        results = [(*p.communicate(timeout=120), p.returncode) for p in processes]
        self.assertTrue({code for *_, code in results} <= {HELD, BAD_INPUT}, results)
        return [out for out, _, code in results if code == HELD], [error for _, error, code in results if code == BAD_INPUT]

    def test_two_imports_of_different_devices_both_come_in(self):
        self.done("init")
        done, _ = self.both([self.homes("a.csv", range(3000))], [self.homes("b.csv", range(3000, 6000))])
        self.assertEqual(done, ["3 000 added, 0 changed, 0 as they were\n"] * 2)
        self.assertEqual(self.count(), 6000)

    def test_of_two_imports_of_the_same_devices_one_comes_in_whole(self):
        self.done("init")
        secrets = self.folder / "secrets"
        done, refused = self.both([self.homes("a.csv", range(3000)), "--secrets", secrets], [self.homes("b.csv", range(2999, 4000)), "--secrets", secrets])
        self.assertEqual((len(done), len(refused)), (1, 1), refused)
        self.assertRegex(refused[0], r"'home-2999' is in the registry already|another import is writing it|exists\n")
        self.assertIn(self.count(), (3000, 1001))
        with secrets.open() as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), self.count())
        for row in random.Random(SEED).sample(rows, 3):
            self.assertEqual(registry("verify", self.file, row["id"], input=row["secret"] + "\n").returncode, HELD)
        self.assertEqual(list(self.folder.glob("*.part")), [])

    def test_who_finds_it_locked_says_so_and_changes_nothing(self):
        self.done("init")
        self.done("add", "home-1", "--model", "home")
        with contextlib.closing(sqlite3.connect(self.file)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assertRegex(self.done("list"), "home-1")
            self.refused(registry("set", self.file, "home-1", "link=lte"), "is locked by another process", "try again")
            other.rollback()
        self.assertNotIn("lte", self.done("list"))

    def test_a_pager_that_stands_still_locks_nobody_out(self):
        self.done("init")
        self.done("import", self.homes("a.csv", range(5000)))
        for form in ("text", "json", "csv"):
            listing = self.start("list", self.file, "--format", form)
            self.assertTrue(listing.stdout.readline())
            self.done("set", "home-7", f"link={form}")
            out, _ = listing.communicate(timeout=60)
            self.assertIn("home-4999", out)

    def test_after_a_kill_an_import_is_there_in_full_or_not_at_all(self):
        print(f"kills from seed {SEED}", file=sys.stderr)
        draw = random.Random(SEED)
        rows = self.homes("a.csv", range(8000))
        self.done("init")
        self.done("add", "first", "--model", "home")
        clean = self.file.read_bytes()
        before = processor_seconds()
        self.done("import", rows)
        took, size = processor_seconds() - before, self.file.stat().st_size
        outcomes = []
        for i in range(10):
            for left in self.folder.glob("plant.registry*"):
                left.unlink()
            self.file.write_bytes(clean)
            secrets = self.folder / f"secrets-{i}"
            prepare = draw.choice((killed_at_byte(draw.randrange(len(clean), size)), killed_after(took * draw.uniform(0.2, 0.9))))
            result = registry("import", self.file, rows, "--secrets", secrets, preexec_fn=prepare)
            with self.subTest(i, returncode=result.returncode):
                self.assertIn(result.returncode, (HELD, -signal.SIGXFSZ, -signal.SIGPROF), result.stderr)
                outcomes.append(result.returncode)
                count = self.count()
                self.assertIn(count, (1, 8001))
                if result.returncode == HELD:
                    self.assertEqual(count, 8001)
                if count == 8001:
                    kept = secrets if secrets.exists() else self.folder / f"secrets-{i}.part"
                    last = kept.read_text().splitlines()[-1].split(",")
                    self.assertEqual(registry("verify", self.file, last[0], input=last[1]).returncode, HELD)
                else:
                    self.done("import", rows)  # as if nothing had been
                    self.assertEqual(self.count(), 8001)
        self.assertGreater(len([code for code in outcomes if code != HELD]), 4, outcomes)


class Fleets(Registry):
    def setUp(self):
        super().setUp()
        self.drawn = self.folder / "drawn"
        self.drawn.mkdir()
        (self.drawn / "scenario.yaml").write_text(next(text for language, text in snippets() if language == "yaml"))
        self.done("init")
        homes = [("block-1/home-1", "100 W/K", "lte", "active"), ("block-1/home-2", "200 W/K", "lte", "suspended"),
                 ("block-2/home-1", "300 W/K", "", "provisioned"), ("block-2/home-2", "", "lte", "active"), ("spare/home-1", "400 W/K", "lte", "active"),
                 ("block-2/home-3", "500 W/K", "lte", "retired")]
        text = "id,model,state,link,parameters.UA,relations.block\nblock-1,block,active,,,\nblock-2,block,active,,,\n"
        self.done("import", self.written("homes.csv", text + "".join(f"{i},home,{state},{link},{ua},{i.split('/')[0].replace('spare', 'block-1')}\n" for i, ua, link, state in homes)))

    def run_of(self, name, *options):
        result = looptwin("run", self.drawn, "--out", self.folder / name, *options)
        self.assertEqual(result.returncode, HELD, result.stderr)
        return result

    @unittest.skipUnless(has("h5py"), "needs h5py")
    def test_rows_parameters_and_relations_are_the_registrys_and_suspended_devices_are_refused(self):
        import h5py
        import numpy

        result = self.run_of("run")
        self.assertRegex(result.stdout, r"broker +refused: no session 12,")
        file = self.folder / "run.h5"
        self.assertEqual(looptwin("export", self.folder / "run", file).returncode, HELD)
        with h5py.File(file) as h5:
            def rows(grid, quantity):
                ids = [i.decode() if isinstance(i, bytes) else i for i in h5[grid]["device"][:]]
                values = h5[grid][quantity]
                last = values[:, -1].astype(float) * values.attrs.get("scale_factor", 1.0)
                missing = values[:, -1] == values.attrs["_FillValue"] if "_FillValue" in values.attrs else numpy.isnan(last)
                return {i: None if gone else round(float(v), 6) for i, v, gone in zip(ids, last, missing)}

            # 10 K times each UA; the entry's states leave the retired one out, and its pattern the spare one.
            self.assertEqual(rows("home/raw/10s", "loss"), {"block-1/home-1": 1.0, "block-1/home-2": None, "block-2/home-1": 3.0, "block-2/home-2": 2.5})

    def test_threads_change_nothing_and_the_registry_does(self):
        hashes = {}
        for name, threads in (("one", 1), ("two", 2)):
            result = self.run_of(name, "--threads", threads)
            hashes[name] = (fingerprint(result), json.loads((self.folder / name / "resume.json").read_text())["hash"])
        self.assertEqual(hashes["one"], hashes["two"])
        self.done("set", "spare/home-1", "parameters.UA=7 W/K")  # not drawn
        self.run_of("same")
        self.assertEqual(json.loads((self.folder / "same/resume.json").read_text())["hash"], hashes["one"][1])
        changes = [("set", "block-1/home-1", "parameters.UA=101 W/K"), ("set", "block-1/home-1", "relations.block=block-2"), ("set", "block-1/home-1", "tags=x"),
                   ("set", "block-2/home-1", "link=lte"), ("activate", "block-1/home-2"), ("retire", "block-2/home-2")]
        seen = {hashes["one"][1]}
        for number, change in enumerate(changes):
            with self.subTest(change):
                self.done(*change)
                self.run_of(f"run-{number}")
                now = json.loads((self.folder / f"run-{number}/resume.json").read_text())["hash"]
                self.assertNotIn(now, seen)
                seen.add(now)

    def test_a_killed_run_is_resumed_only_with_the_devices_that_it_had(self):
        run = self.folder / "run"
        killed = looptwin("run", self.drawn, "--duration", "60 h", "--set", "snapshots=1 min", "--out", run, "--quiet", preexec_fn=killed_after(0.3))
        self.assertEqual(killed.returncode, -signal.SIGPROF, killed.stderr)
        self.done("set", "block-1/home-1", "parameters.UA=150 W/K")
        self.refused(looptwin("run", "--resume", run), "has changed since it began")
        self.done("set", "block-1/home-1", "parameters.UA=100 W/K")
        self.done("add", "gateway-1", "--model", "gateway", "--no-secret")
        self.assertEqual(looptwin("run", "--resume", run, "--quiet").returncode, HELD)

    def test_a_recorded_run_is_replayed_only_with_the_devices_that_it_had(self):
        run = self.folder / "run"
        self.run_of("run", "--set", "input_log=true", "--duration", "1 h", "--quiet")
        self.assertTrue((run / "scenario/plant.registry").is_symlink())
        self.assertEqual(looptwin("replay", run).returncode, HELD)
        self.done("set", "block-1/home-1", "parameters.UA=150 W/K")
        self.refused(looptwin("replay", run), "is not what the run began with")

    def test_what_does_not_fit_the_scenario_is_named_with_its_device(self):
        entry = "registry: {file: ../plant.registry,"
        at = r"scenario\.yaml:\d+:\d+: error: "
        cases = {
            ("set", "block-1/home-1", "parameters.UA=3 kg"): at + r"'block-1/home-1' in \.\./plant\.registry: its UA: 3 kg is in kg",
            ("set", "block-1/home-1", "parameters.UA=100 W/K", "parameters.colour=red"): at + r".*'home' has no parameter 'colour'",
            ("set", "block-1/home-1", "parameters.colour=", "link=nb"): at + r"'block-1/home-1' in \.\./plant\.registry has the unknown link 'nb'",
            ("set", "block-1/home-1", "link=", "relations.block="): at + r".*it has no 'block'[^!]*looptwin registry set",
            ("set", "block-1/home-1", "relations.block=block-2/home-1"): at + r"'block' of 'block-1/home-1' would be 'block-2/home-1', which is no block",
        }
        for change, pattern in cases.items():
            with self.subTest(change):
                self.done(*change)
                self.refused(looptwin("check", self.drawn), pattern)
        self.done("set", "block-1/home-1", "relations.block=block-1")
        self.done("suspend", "block-1")
        self.refused(looptwin("check", self.drawn), at + r"'block' of 'block-1/home-1' would be 'block-1', which is no device")
        text = (self.drawn / "scenario.yaml").read_text()
        for old, new, pattern in ((entry, entry.replace("plant", "no"), "there is no registry"),
                                  ('devices: "block-*/*"', 'devices: "site-*"', "has no 'home' that is wanted here"),
                                  ("    registry:", "    count: 3\n    registry:", "the registry says which devices there are")):
            with self.subTest(new):
                (self.drawn / "scenario.yaml").write_text(text.replace(old, new))
                self.refused(looptwin("check", self.drawn), at + ".*" + pattern)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

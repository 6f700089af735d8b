#!/usr/bin/env python3
"""House rules as a test: who includes whom, no wall clock in the loop, nothing that asks whether the world is real.

usage: tidy_test.py SOURCE_DIR
Prints each breach as file:line: what, and fails if there is one. Files past the sizes that we aim for are only named.
"""
import fnmatch
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SUFFIXES = {".h", ".cc", ".cpp", ".hpp"}
MOST_LINES = {".h": 120, ".cc": 500}
MOST_COLUMNS = 110

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
WALL_CLOCK = re.compile(
    r"\b(?:steady_clock|system_clock|high_resolution_clock|file_clock)\b"
    r"|\b(?:clock_gettime|gettimeofday|timespec_get|ftime)\s*\("
    r"|(?:\bstd::|::)time\s*\(|(?<![\w.>:~])time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)"
)
FORBIDDEN_WORDS = re.compile(r"\bis_simulat\w*|\bis_real\b|\bsimulation_mode\b", re.IGNORECASE)
RANDOM = re.compile(r"\bstd::(?:mt19937\w*|random_device|default_random_engine|rand)\b|(?<![\w.:])s?rand\s*\(")


def without_comments(text: str) -> str:
    """The text with comments and string literals blanked, line numbers kept."""
    pattern = re.compile(
        r'R"(?P<d>[^()\\ ]{0,16})\((?:.|\n)*?\)(?P=d)"'
        r'|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    )
    return pattern.sub(lambda m: "\n" * m.group(0).count("\n"), text)


def read_table(path: pathlib.Path) -> dict[str, set[str]]:
    table = {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, allowed = line.split(":")
            table[folder] = set(allowed.split())
    return table


def read_patterns(path: pathlib.Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def sources(root: pathlib.Path, folders):
    for folder in sorted(folders):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path, path.relative_to(root)


def include_breaches(name: pathlib.PurePath, text: str, table: dict[str, set[str]]):
    folder = name.parts[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(1).split("/")[0]
        if target not in table:
            yield number, f'"{match.group(1)}" is not written from the root'
        elif target != folder and target not in table[folder]:
            allowed = ", ".join(sorted(table[folder])) or "nothing of ours"
            yield number, f'{folder}/ may not include "{match.group(1)}"; it may use {allowed}'


def word_breaches(name: pathlib.PurePath, code: str, clocks: list[str]):
    may_ask = any(fnmatch.fnmatch(str(name), pattern) for pattern in clocks)
    for number, line in enumerate(code.splitlines(), 1):
        if not may_ask and (match := WALL_CLOCK.search(line)):
            yield number, f"'{match.group(0).strip()}' asks the wall clock; time is an argument here (base/clock.h)"
        if match := FORBIDDEN_WORDS.search(line):
            yield number, f"'{match.group(0)}': only the clock and the transport know whether the world is real"
        if match := RANDOM.search(line):
            yield number, f"'{match.group(0).strip()}': random numbers are counter-based (base/random.h)"


def oversizes(name: pathlib.PurePath, text: str):
    lines = len(text.splitlines())
    most = MOST_LINES.get(name.suffix, 500)
    if lines > most:
        yield f"{name}: {lines} lines, we aim for {most}"


def check_itself(table, clocks) -> list[str]:
    """The rules must catch what they are for; a rule that never fires is no rule."""
    def name(text):
        return pathlib.PurePosixPath(text)
    caught = [
        list(include_breaches(name("sim/a.cc"), '#include "mml/config.h"', table)),
        list(include_breaches(name("base/a.cc"), '#include "twin/frame.h"', table)),
        list(word_breaches(name("mml/a.cc"), "auto t = std::chrono::steady_clock::now();", clocks)),
        list(word_breaches(name("twin/hot.cc"), "long t = time(nullptr);", clocks)),
        list(word_breaches(name("testbed/a.cc"), "if (is_simulated) return;", clocks)),
        list(word_breaches(name("sim/a.cc"), "std::mt19937 engine(1);", clocks)),
    ]
    passed = [
        list(include_breaches(name("mml/a.cc"), '#include "twin/frame.h"', table)),
        list(word_breaches(name("hil/a.cc"), "std::chrono::steady_clock::now();", clocks)),
        list(word_breaches(name("sim/a.cc"), "const Time now = time(slice.at);", clocks)),
        list(word_breaches(name("sim/a.cc"), without_comments("// steady_clock is not asked\n"), clocks)),
    ]
    return [f"tidy_test.py: a breach was missed ({i})" for i, found in enumerate(caught) if not found] + [
        f"tidy_test.py: a breach was imagined: {found[0][1]}" for found in passed if found
    ]


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parents[1])
    table = read_table(HERE / "includes.txt")
    clocks = read_patterns(HERE / "wall_clock.txt")
    breaches = check_itself(table, clocks)
    large = []
    wide = 0
    count = 0
    for path, name in sources(root, table):
        count += 1
        text = path.read_text()
        found = [*include_breaches(name, text, table), *word_breaches(name, without_comments(text), clocks)]
        breaches += [f"{name}:{number}: {what}" for number, what in sorted(found)]
        large += oversizes(name, text)
        wide += any(len(line) > MOST_COLUMNS for line in text.splitlines())
    if count == 0:
        breaches.append(f"no sources below {root}")
    print(*large, sep="\n")
    print(*breaches, sep="\n")
    print(f"{count} files: {len(breaches)} breach{'es' * (len(breaches) != 1)}, "
          f"{len(large)} longer than we aim for, {wide} with lines past {MOST_COLUMNS} columns")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())

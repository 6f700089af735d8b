#!/usr/bin/python3
"""Python's overheads, each as a ratio to what is underneath.

read   10 M samples of a run folder (10 000 tanks, 1000 slots) as one array by RunFolder.telemetry.
       Reference: the extension's own decoding of the same cells into an array, without Telemetry around it; and the bytes
       of that array, for what the process grows by while it is read.
step   10 000 tanks, 1 s cycles, advanced cycle by cycle, with a column looked at after each.
       References: the same simulation advanced in one go; and `looptwin run` of it, without its start.

All times are the processor's, on one thread, the fastest of several: what others do on the machine does not count.

PYTHONPATH=build/release/python bench/bench_python.py [--quick]; the program is found beside the package, or by
LOOPTWIN_PROGRAM. Figures are kept in bench/README.md.
"""
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

import looptwin

ROOT = pathlib.Path(__file__).resolve().parents[1]
QUICK = "--quick" in sys.argv
DEVICES = 200 if QUICK else 10_000
SLOTS = 100 if QUICK else 1000
CYCLES = 60 if QUICK else 600
TIMES = 1 if QUICK else 5


def scenario(count):
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    tanks = re.search(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
    return tanks.replace("tank: {count: 10,", f"tank: {{count: {count},")


def busy(who=resource.RUSAGE_SELF):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def fastest(once, who=resource.RUSAGE_SELF):
    best = float("inf")
    for _ in range(TIMES):
        begin = busy(who)
        once()
        best = min(best, busy(who) - begin)
    return best


def program(*arguments):
    beside = pathlib.Path(looptwin.__file__).parents[2] / "bin" / "looptwin"
    found = os.environ.get("LOOPTWIN_PROGRAM", os.fspath(beside))
    subprocess.run([found, *arguments, "--threads", "1", "--quiet"], check=True)


def read():
    pathlib.Path("raw.yaml").write_text(scenario(DEVICES) + 'history:\n  tank: {raw: "**"}\n', encoding="utf-8")
    program("run", "raw.yaml", "--duration", f"{5 * SLOTS} s", "--out", "run")
    run = looptwin.open("run")
    index = next(i for i, grid in enumerate(run.manifest["grids"]) if "/raw/" in grid["name"])
    variable = [one["name"] for one in run.manifest["grids"][index]["variables"]].index("level")
    first, end = run._reader.slots(index)
    run.telemetry("**", "level", end="10 s")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = run.telemetry("**", "level").values
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    samples, size = values.size, values.nbytes
    del values
    decoding = fastest(lambda: run._reader.cells(index, variable, 0, DEVICES, first, end))
    whole = fastest(lambda: run.telemetry("**", "level"))
    print(f"read: {samples} samples in {whole * 1e3:.1f} ms, decoding alone {decoding * 1e3:.1f} ms: ratio "
          f"{whole / decoding:.3f}")
    print(f"read: the process grew by {grown / size:.2f} times the array's {size / 1e6:.0f} MB at most")


def step():
    text = scenario(DEVICES)
    pathlib.Path("tanks.yaml").write_text(text, encoding="utf-8")

    def timed(advance):
        best = float("inf")
        for _ in range(TIMES):
            with looptwin.Simulation(text, threads=1, duration=CYCLES, keep_decisions=False) as sim:
                begin = busy()
                advance(sim)
                best = min(best, busy() - begin)
        return best

    def by_cycle(sim):
        for _ in range(CYCLES):
            sim.advance(1)
            sim.column("tank", "level", si=True)

    def program_for(cycles):
        return fastest(lambda: program("run", "tanks.yaml", "--duration", f"{cycles} s", "--out", "none"),
                       resource.RUSAGE_CHILDREN)

    stepped, whole = timed(by_cycle), timed(lambda sim: sim.advance(CYCLES))
    alone = program_for(CYCLES) - program_for(1)
    print(f"step: {CYCLES} cycles of {DEVICES} devices in {stepped:.3f} s one by one, {whole:.3f} s in one go: ratio "
          f"{stepped / whole:.3f}")
    print(f"step: looptwin run without its start in {alone:.3f} s: ratio {stepped / alone:.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="looptwin-bench-") as folder:
        os.chdir(folder)
        read()
        step()
        os.chdir("/")

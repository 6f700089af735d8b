"""A point of a sweep: what is run, in whichever process, and what is kept of it."""
from __future__ import annotations

import contextlib
import hashlib
import json
import math
import numbers
import os
import shutil
import tempfile
import traceback
from typing import AbstractSet, Any, Callable, Iterator, NamedTuple, Optional, Sequence

from . import _looptwin
from .requirements import Verdict
from .runs import Run, run
from .scenario_files import ScenarioFiles

# Called with a point's run, which has a folder; gives a number, a text, or a dict of them.
Measure = Callable[[Run], Any]
# What is kept of a point, as JSON holds it.
Record = dict[str, Any]
Settings = Sequence[tuple[str, str]]
# What a table has of each point, whatever is run and measured.
COLUMNS = ("state", "error", "fingerprint", "held", "run")


class Task(NamedTuple):
    """What a process needs to know to run a point, beside what is the same for all points."""

    key: str  # of all that its figures depend on
    settings: Settings
    out: Optional[str]  # where its run's folder is to be kept
    paths: frozenset[str] = frozenset()  # of the values of all points, which are columns


def key_of(files: ScenarioFiles, settings: Settings, code: str) -> str:
    """The same for points that come to the same. ``code``: the measure's (measure_key.py)."""
    parts = [_looptwin.version, files.digest, [list(pair) for pair in settings], code]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()


def run_point(files: ScenarioFiles, measure: Optional[Measure], task: Task) -> Record:
    """Runs a point on one thread. What goes wrong is in its record."""
    try:
        with files.scenario() as scenario, _folder_for(task, measure) as out:
            scenario._source.set(list(task.settings))
            result = run(scenario, out=out, threads=1, progress=False)
            record = {"state": result.summary["state"], "error": "", "fingerprint": result.fingerprint,
                      "held": result.held, "summary": _figures(result.summary),
                      "requirements": _worst(result.requirements)}
            taken = {*COLUMNS, *task.paths, *record["summary"], *requirement_columns(record)}
            record["measures"] = _measured(measure, result, taken)
    except Exception as error:  # noqa: BLE001: whatever it is, the other points go on
        record = failed(f"{type(error).__name__}: {error}")
    return {**record, "key": task.key, "settings": dict(task.settings)}


def requirement_columns(record: Record) -> dict[str, Any]:
    """What a table shows of the requirements, by column."""
    return {f"{name}: {what}": value[what] for name, value in record["requirements"].items()
            for what in ("verdict", "robustness")}


def failed(error: str) -> Record:
    return {"state": "failed", "error": error, "fingerprint": "", "held": None, "summary": {}, "requirements": {},
            "measures": {}}


@contextlib.contextmanager
def _folder_for(task: Task, measure: Optional[Measure]) -> Iterator[Optional[str]]:
    if task.out is not None:
        shutil.rmtree(task.out, ignore_errors=True)  # what an attempt left that did not come to its end
        os.makedirs(os.path.dirname(task.out), exist_ok=True)
        yield task.out
    elif measure is not None:
        with tempfile.TemporaryDirectory(prefix="looptwin-point-") as folder:
            yield os.path.join(folder, "run")
    else:
        yield None


def _figures(summary: dict[str, Any]) -> dict[str, Any]:
    """Without what says how it was computed, not what came out."""
    return {name: value for name, value in summary.items()
            if isinstance(value, (int, float)) and name not in ("threads", "wall_s")}


def _worst(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    """Of each requirement its worst device."""
    rank = ("held", "undecided", "violated")
    worst: dict[str, dict[str, Any]] = {}
    for verdict in verdicts:
        so_far = worst.setdefault(verdict.name, {"verdict": "held", "robustness": math.inf, "unit": verdict.unit})
        so_far["verdict"] = max(so_far["verdict"], verdict.verdict, key=rank.index)
        so_far["robustness"] = min(so_far["robustness"], verdict.robustness)
        so_far["unit"] = so_far["unit"] or verdict.unit  # a device whose robustness is infinite has none
    return worst


def _measured(measure: Optional[Measure], result: Run, taken: AbstractSet[str]) -> dict[str, Any]:
    if measure is None:
        return {}
    try:
        given = measure(result)
        name = getattr(measure, "__name__", "")
        named = given if isinstance(given, dict) else {name if name.isidentifier() else "measure": given}
        for name in named:
            if str(name) in taken:
                raise ValueError(f"the table of a sweep has a column '{name}' of its own: give it another name")
        return {str(name): _plain(value) for name, value in named.items()}
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise RuntimeError(f"measure: {type(error).__name__}: {error} ({where.name}, line {where.lineno})") from error


def _plain(value: Any) -> Any:
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError(f"it gave a {type(value).__name__}: give a number, a text, or a dict of them")

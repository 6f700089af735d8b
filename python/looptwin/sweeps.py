"""Many runs of a scenario, each with other values, as one table."""
from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import uuid
import warnings
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

import numpy as np

from . import sweep_pool, text
from .arguments import checked
from .frames import frame
from .measure_key import Unkeyable, code_of
from .progress import Progress, bar
from .runs import further_settings
from .scenario import Scenario, Source, loaded
from .scenario_files import ScenarioFiles
from .sweep_point import Measure, Record, Task, key_of, requirement_columns

# For each path the values that it takes, or the points one by one.
Values = Union[Mapping[str, Iterable[Any]], Iterable[Mapping[str, Any]]]
Point = dict[str, Any]


class SweepWarning(UserWarning):
    """Some points of a sweep failed, as their rows say; or its measure cannot be told from another."""


@checked
def sweep(scenario: Union[Scenario, Source], values: Values, *, measure: Optional[Measure] = None,
          seed: Optional[int] = None, duration: Optional[text.Span] = None,
          set: Optional[Mapping[str, Any]] = None,  # noqa: A002: the command line's word
          folder: Union[str, "os.PathLike[str]", None] = None, keep_runs: bool = False,
          processes: Optional[int] = None, client: Optional[sweep_pool.Client] = None,
          progress: Union[bool, Progress, None] = None) -> Any:
    """Runs a scenario at many points and returns a ``pandas.DataFrame`` with a row a point, in the points' order; a dict
    of arrays where there is no pandas.

    ``values``: by path, as ``--set`` takes them, the values to try, all with all:
    ``{"models.home.parameters.UA.default": ["150 W/K", "200 W/K"], "seed": range(100)}``; or a list of points,
    each a dict of a value by path. ``seed``, ``duration`` and ``set`` are the same for all points.

    Columns: the values, by path; ``state`` ("reached_end" or "failed") and ``error``, ``fingerprint``, ``held``; the
    counters of the run's summary; of each requirement its worst device, ``<name>: verdict`` and
    ``<name>: robustness``, whose units are in ``frame.attrs["units"]``; and what ``measure`` gives: it is called
    with each :class:`Run`, where that has run, and returns a number, a text, or a dict of them by names that are not taken.

    A point that fails is a row that says so, and a :class:`SweepWarning`. ``folder`` keeps a file a point, and with
    ``keep_runs`` its run's folder, named in the column ``run``: the same sweep again runs what is missing, what failed, and
    what is new. A point is the same while its values, the scenario's files, looptwin's version and the measure are: its
    code, what it was made with, and the globals that it names. One that holds what cannot be compared, an open file, runs
    anew each time, and a :class:`SweepWarning` says so.

    Runs on ``processes`` processes of one thread each, as many as there are cores if absent, which are forked: so let no
    other thread run or read something of looptwin meanwhile. With a ``client`` of a Dask cluster runs on its workers,
    which write kept runs where this machine has the folder too. Ctrl-C stops all of it; what is done is in ``folder``.
    Raises :class:`ScenarioError` before anything runs where a value is refused by itself.
    """
    if keep_runs and folder is None:
        raise TypeError("keep_runs=True needs folder=: that is where the runs are kept")
    scenario = loaded(scenario)
    points = _points(values)
    common = [*scenario._source.settings(), *((path, text.setting(value, path)) for path, value in (set or {}).items()),
              *further_settings(seed, duration)]
    _check_values(scenario, common, points, isinstance(values, Mapping))
    files = ScenarioFiles(scenario._made)
    store = _Store(folder) if folder is not None else None
    code = _code_of(measure) if store else ""
    paths = frozenset(path for point in points for path in point)
    keys, tasks = [], {}
    for point in points:
        settings = [*common, *((path, text.setting(value, path)) for path, value in point.items())]
        key = key_of(files, settings, code)
        keys.append(key)
        tasks[key] = Task(key, settings, store.run_of(key) if store and keep_runs else None, paths)
    records = _run_all(files, measure, tasks, store, processes, client, progress)
    return _table(points, [records[key] for key in keys], store.run_of if store and keep_runs else None, keys)


def _code_of(measure: Optional[Measure]) -> str:
    try:
        return code_of(measure)
    except Unkeyable as error:
        warnings.warn(f"the measure holds {error}: nobody can say whether it is the same the next time, so its points are "
                      "run anew each time", SweepWarning, stacklevel=4)
        return uuid.uuid4().hex


def _points(values: Values) -> list[Point]:
    if isinstance(values, Mapping):
        for path, choices in values.items():
            if isinstance(choices, (str, bytes)) or not isinstance(choices, Iterable):
                raise TypeError(f"{path}: give a list of the values to try, [{choices!r}]")
        points = [dict(zip(values, chosen)) for chosen in itertools.product(*values.values())]
    else:
        points = [dict(point) for point in values]
    if not points:
        raise ValueError("there are no points: a path has no values")
    return points


def _check_values(scenario: Scenario, common: list[tuple[str, str]], points: Sequence[Point], every: bool) -> None:
    """Each path, or ``every`` value of each, with those of the first point: what is misspelt is said at once, not of a
    thousand points."""
    first = {path: text.setting(value, path) for path, value in points[0].items()}
    seen = set()
    for point in points:
        for path, value in point.items():
            setting = text.setting(value, path)
            one = (path, setting if every and path != "seed" else "")  # seeds are many, and none is refused
            if one not in seen:
                seen.add(one)
                scenario.copy()._source.set([*common, *{**first, path: setting}.items()])


class _Store:
    """The files of a sweep's folder: ``points/<key>.json``, whole or absent."""

    def __init__(self, folder: Union[str, "os.PathLike[str]"]):
        self._folder = pathlib.Path(folder).absolute()
        (self._folder / "points").mkdir(parents=True, exist_ok=True)

    def run_of(self, key: str) -> str:
        return os.fspath(self._folder / "runs" / key)

    def load(self, task: Task) -> Optional[Record]:
        """What is kept of a point that need not run again."""
        path = self._folder / "points" / f"{task.key}.json"
        if not path.exists() or (task.out is not None and not os.path.exists(task.out)):
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if record["state"] != "failed" else None

    def save(self, record: Record) -> None:
        path = self._folder / "points" / f"{record['key']}.json"
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)


def _run_all(files: ScenarioFiles, measure: Optional[Measure], tasks: Mapping[str, Task], store: Optional[_Store],
             processes: Optional[int], client: Optional[sweep_pool.Client],
             progress: Union[bool, Progress, None]) -> dict[str, Record]:
    """The records of all points, by key, kept ones first."""
    records: dict[str, Record] = {}
    if store is not None:
        for key, task in tasks.items():
            kept = store.load(task)
            if kept is not None:
                records[key] = kept
    waiting = [task for key, task in tasks.items() if key not in records]
    if client is not None:
        done = sweep_pool.on_dask(client, files, measure, waiting)
    else:
        wanted = sweep_pool.cores() if processes is None else text.whole(processes, "processes", 1)
        done = sweep_pool.local(files, measure, waiting, wanted)
    with contextlib.closing(done), bar(progress, len(tasks), "points", "point") as shown:
        for task, record in done:
            records[task.key] = record
            if store is not None:
                store.save(record)
            if shown is not None:
                shown(len(records), len(tasks))
    bad = [record for record in records.values() if record["state"] == "failed"]
    if bad:
        warnings.warn(f"{len(bad)} of {len(tasks)} points failed; the first: {bad[0]['error']}", SweepWarning, stacklevel=4)
    return records


# The table.


def _table(points: Sequence[Point], records: Sequence[Record], run_of: Any, keys: Sequence[str]) -> Any:
    columns: dict[str, list[Any]] = {}
    units: dict[str, str] = {}

    def put(row: int, name: str, value: Any) -> None:
        columns.setdefault(name, [None] * len(points))[row] = value

    for row, (point, record) in enumerate(zip(points, records)):
        for path, value in point.items():
            put(row, path, value)
    for row, record in enumerate(records):
        for name in ("state", "error", "fingerprint", "held"):
            put(row, name, record[name])
        if run_of is not None:
            put(row, "run", run_of(keys[row]))
    for part in ("summary", "requirements", "measures"):
        for row, record in enumerate(records):
            for name, value in record[part].items():
                if part == "requirements":
                    units[f"{name}: robustness"] = value["unit"]
                else:
                    put(row, name, value)
            if part == "requirements":
                for name, value in requirement_columns(record).items():
                    put(row, name, value)
    table = frame({name: _column(values) for name, values in columns.items()})
    if hasattr(table, "attrs"):
        table.attrs["units"] = units
    return table


def _column(values: list[Any]) -> Union[np.ndarray, list[Any]]:
    """Numbers where all are, with NaN for what is missing; else objects."""
    there = {type(value) for value in values if value is not None}
    if there == {bool} and None not in values:
        return np.array(values)
    if there and all(issubclass(kind, (int, float, np.number)) and kind is not bool for kind in there):
        return np.array([np.nan if value is None else value for value in values])
    return values

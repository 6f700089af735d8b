"""Run folders: what was recorded, read when it is asked for. docs/formats/run.md says what lies in them."""
from __future__ import annotations

import datetime
import functools
import json
import os
import pathlib
import sys
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

import numpy as np

from . import _looptwin, plots, text
from .arguments import checked
from .errors import RunError
from .explaining import Difference, Explanation, difference, explain, why_not
from .frames import EVENTS, chosen, frame
from .plots import Axes, Events, Figure
from .requirements import Verdict, verdict_frame, verdicts
from .scenario import instant

if TYPE_CHECKING:
    from .runs import Run

# `block-1/*`, or several: `["seg-16", "seg-17"]`.
Patterns = Union[str, Sequence[str]]


@checked
class Telemetry:
    """Values of a field, a row a device and a column a slot of time.

    ``values``: float64, shape (devices, slots), in ``unit``, NaN where there is no sample. ``time``: s since the start
    at which a slot begins, shape (slots,). ``offset``: s from there to the sample, shape (devices,): devices sample at
    phases of their own. ``start``: the civil instant of the run's start, UTC.
    """

    def __init__(self, field: str, unit: str, devices: list[str], time: np.ndarray, offset: np.ndarray,
                 values: np.ndarray, start: datetime.datetime, words: list[str]):
        self.field, self.unit, self.devices, self.words = field, unit, devices, words
        self.time, self.offset, self.values, self.start = time, offset, values, start

    def _dates(self) -> np.ndarray:
        begin = np.datetime64(self.start.replace(tzinfo=None), "ns")
        return begin + np.round(self.time * 1e9).astype("timedelta64[ns]")

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``: a row a slot (UTC, its beginning), a column a device."""
        import pandas

        return pandas.DataFrame(self.values.T, index=pandas.DatetimeIndex(self._dates(), name="time"),
                                columns=pandas.Index(self.devices, name="device"))

    def to_xarray(self) -> Any:
        """An ``xarray.DataArray`` with dimensions device and time, its ``units``, and the devices' ``offset`` in s."""
        import xarray

        attributes = {"units": self.unit} if self.unit else {}
        if self.words:
            attributes["flag_meanings"] = " ".join(self.words)
        return xarray.DataArray(
            self.values, dims=("device", "time"), name=self.field, attrs=attributes,
            coords={"device": self.devices, "time": self._dates(),
                    "offset": ("device", self.offset, {"units": "s"})})

    def __repr__(self) -> str:
        return (f"<looptwin.Telemetry {self.field} [{self.unit}]: {len(self.devices)} devices, {len(self.time)} slots>")


@checked
class RunFolder:
    """A run's folder: finished, killed, or still being written; opened anew it shows what has come since."""

    def __init__(self, path: Union[str, "os.PathLike[str]"]):
        #: The folder.
        self.path = pathlib.Path(path).absolute()
        self._reader = _looptwin.RunReader(os.fspath(self.path))
        self._ids: dict[str, list[str]] = {}
        #: What the run declared, and how it ended: manifest.json.
        self.manifest: dict[str, Any] = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self.manifest["scenario"]

    @property
    def fingerprint(self) -> str:
        """Of all decisions; "" until the run has ended."""
        return self._reader.fingerprint

    @property
    def summary(self) -> dict[str, Any]:
        """How the run ended, and its counters; ``state`` is "running" where it did not."""
        return json.loads(self._reader.status or "{}")

    @property
    def start(self) -> datetime.datetime:
        """The civil instant of the run's start, in UTC."""
        return instant(self.manifest["start_unix_ns"])

    @property
    def timezone(self) -> str:
        """The scenario's, an IANA name, in which pictures show the time."""
        return self.manifest.get("timezone", "UTC")

    @property
    def end(self) -> float:
        """The last boundary that was recorded, s since the start."""
        # What a run's end closes is recorded a nanosecond after its last boundary.
        return self._reader.end_ns // 1000 / 1e6

    @property
    def damage(self) -> list[str]:
        """Where the journal is torn, file and byte: what lies behind is lost."""
        return self._reader.damage

    @functools.cached_property
    def requirements(self) -> list[Verdict]:
        """What the requirements came to; empty where there are none, or the run did not end."""
        path = self.path / "requirements.json"
        return verdicts(path.read_text(encoding="utf-8")) if path.exists() else []

    @property
    def robustness(self) -> Any:
        """The same as a ``pandas.DataFrame``, or a dict of arrays: a row a requirement and device."""
        return verdict_frame(self.requirements)

    # Logs.

    @property
    def logs(self) -> list[str]:
        """Names for :meth:`log`: the decisions, the alarms and their journal, what was published, and others."""
        return [log["name"] for log in self.manifest["logs"]]

    def columns(self, log: str) -> dict[str, Any]:
        """The columns of a log, oldest row first: arrays, and lists of texts. Times become ``..._s``, float64, s since the
        start, NaN for none; ids are uint64."""
        spec = next((one for one in self.manifest["logs"] if one["name"] == log), None)
        if spec is None:
            raise KeyError(f"{self.path} has no log '{log}'{text.near_of(log, self.logs)}")
        columns = {}
        for column, values in zip(spec["columns"], self._reader.log(log)):
            name = column["name"]
            if column["type"] == "time":
                columns[f"{name}_s"] = np.where(values == np.iinfo(np.int64).max, np.nan, values / 1e9)
            elif name in ("id", "cause") and column["type"] == "i64":
                columns[name] = values.view(np.uint64)
            else:
                columns[name] = values
        return columns

    def log(self, name: str) -> Any:
        """A log as a ``pandas.DataFrame``, or a dict of arrays where there is no pandas."""
        return frame(self.columns(name))

    @functools.cached_property
    def _decisions(self) -> dict[str, Any]:
        return self.columns("decisions")

    def _decisions_where(self, keep: Any) -> Any:
        kinds = np.array([keep(kind) for kind in self._decisions["kind"]], dtype=bool)
        return frame(chosen(self._decisions, kinds))

    @property
    def decisions(self) -> Any:
        """All that the loop decided, a row each."""
        return frame(self._decisions)

    @property
    def events(self) -> Any:
        """The decisions about events: raised, cleared, latched, bypassed."""
        return self._decisions_where(EVENTS.__contains__)

    @property
    def commands(self) -> Any:
        """The decisions about commands, each with the life of its ``id``: issued, sent, acknowledged, verified ..."""
        return self._decisions_where(lambda kind: kind.startswith("command_"))

    @property
    def alarms(self) -> Any:
        """A row for each alarm that was raised, with its priority and the operator's texts."""
        return self.log("alarms")

    @property
    def feeds(self) -> Any:
        """All that was published to outbound feeds, a row each: ``at_s``, ``feed`` and the ``body`` as a dict."""
        columns = self.columns("published")
        columns["body"] = [json.loads(body) for body in columns["body"]]
        return frame(columns)

    # Answers.

    def explain(self, decision: Union[str, int, None] = None) -> Explanation:
        """Why a decision was taken, and what came of it, as ``looptwin explain`` says it.

        ``decision``: its id, as a number of a data frame or the first digits as printed; without it, events and alarms are
        listed with theirs. The run is simulated again up to then, from the scenario's files as they were.
        """
        return explain(_from_here(self.path), decision)

    def why_not(self, name: str, *, at: text.Span, device: str = "") -> Explanation:
        """Why an event, an alarm or a rule did not act on a device, ``at`` so long after the run's start."""
        return why_not(_from_here(self.path), name, device, _since(at))

    def diff(self, other: Union[Run, RunFolder, str, os.PathLike[str]], *, show: int = 20) -> Difference:
        """What another run, or run folder, decided otherwise, as ``looptwin diff``; its text lists ``show`` changes."""
        path: Any = getattr(other, "path", other)
        if path is None:
            raise RuntimeError("the other run wrote no folder: give looptwin.run(..., out=\"runs/mine\")")
        return difference(_from_here(self.path), _from_here(path), min(text.whole(show, "show", 0), sys.maxsize))

    # Telemetry.

    def fields(self, model: str) -> list[str]:
        """What is recorded of a model's devices: fields, their rollups (power_mean), derived values."""
        self._check_model(model)
        return sorted({variable["name"] for grid in self.manifest["grids"] if grid["table"] == model
                       for variable in grid["variables"]})

    def devices(self, pattern: Patterns = "**", model: str = "") -> list[str]:
        """Ids of devices, model by model, that match a pattern, or one of several; of one ``model``, or of all. `*` is any
        part without '/', `**` any."""
        if model:
            self._check_model(model)
        tables = [table["name"] for table in self.manifest["tables"]]
        return [self._of_table(table)[row] for table in tables if model in ("", table)
                for row in self._rows(table, _several(pattern))]

    def _check_model(self, model: str) -> None:
        tables = [table["name"] for table in self.manifest["tables"]]
        if model not in tables:
            raise KeyError(f"{self.path} has no model '{model}'{text.near(model, tables)}")

    def _of_table(self, table: str) -> list[str]:
        if table not in self._ids:
            self._ids[table] = self._reader.devices(table)
        return self._ids[table]

    def _rows(self, table: str, patterns: Sequence[str]) -> np.ndarray:
        """The rows of a table whose ids match one of several patterns."""
        globs = [one for one in patterns if "*" in one or "?" in one]
        plain = set(patterns) - set(globs)
        return np.array([row for row, one in enumerate(self._of_table(table))
                         if one in plain or any(_looptwin.glob_match(glob, one) for glob in globs)], dtype=np.int64)

    def telemetry(self, devices: Patterns, field: str, *, start: Optional[text.Span] = None,
                  end: Optional[text.Span] = None, every: Optional[text.Span] = None) -> Telemetry:
        """A field of the devices that match a pattern, or one of several, from ``start`` up to, not including, ``end``, since the run's
        start: "2 h", seconds or a timedelta. ``every``: the slots' length where a name is recorded at several, as
        rollups are ("power_mean" at "15 min" and at "1 h"); the finest if absent. Where several models have the field it is
        a ValueError: ``run.devices(model="home")`` are those of one.
        """
        if start is not None and end is not None and _since(end) <= _since(start):
            raise ValueError(f"from start={start!r} to end={end!r} there is no time: write a later end")
        index, grid, variable, rows = self._grid(_several(devices), field, every)
        period = grid["period_ns"]
        first, last = self._reader.slots(index)
        if start is not None:
            first = max(first, -(-_since(start) // period))
        if end is not None:
            last = min(last, -(-_since(end) // period))
        last = max(first, last)
        spec = grid["variables"][variable]
        if last > first:
            parts = [self._reader.cells(index, variable, begin, to - begin, first, last) for begin, to in _runs(rows)]
            values = parts[0] if len(parts) == 1 else np.concatenate(parts)  # one part is not copied again
        else:
            values = np.empty((len(rows), 0))
        phases = self._reader.phases(index)
        offset = phases[rows] / 1e9 if len(phases) else np.zeros(len(rows))
        ids = self._of_table(grid["table"])
        words = spec.get("words", [])
        return Telemetry(field, "" if words else spec["unit"], [ids[row] for row in rows],
                         np.arange(first, last) * (period / 1e9), offset, values, self.start, words)

    # Pictures.

    def plot(self, devices: Patterns, field: str, *, start: Optional[text.Span] = None, end: Optional[text.Span] = None,
             every: Optional[text.Span] = None, events: Events = (),
             band: tuple[Optional[float], Optional[float]] = (None, None), requirement: Optional[str] = None,
             each: Optional[bool] = None, ax: Optional[Axes] = None) -> Any:
        """Draws a field of the devices that match a pattern over the scenario's civil time; returns the ``Axes``.

        A line a device, or of more than ten the median, and what half and nine tenths of them lie within, unless
        ``each`` says which. Of a field that is recorded as rollups only, its mean. ``start``, ``end``, ``every``: see
        :meth:`telemetry`. ``events``: names of events, or True for all: spans in which they stood, on these devices,
        on those whose ids theirs begin with, or on the site. ``band``: low and high in the field's unit, None for no
        limit; what lies outside is shaded. ``requirement``: its name; what its comparison does not permit is shaded, and
        dots are where it came nearest to that, where it compares in the field's unit.
        """
        return plots.plot(self, devices, field, start=start, end=end, every=every, events=events, band=band,
                          requirement=requirement, each=each, ax=ax)

    def plot_alarms(self, devices: Patterns = "**", *, ax: Optional[Axes] = None) -> Any:
        """Draws when alarms were shown, a row for each on each device, by priority and state; returns the ``Axes``."""
        return plots.plot_alarms(self, devices, ax=ax)

    def plot_robustness(self, *, figure: Optional[Figure] = None) -> Any:
        """Draws by how much each requirement held on each device, in its unit, less than 0 where it was violated.
        Returns an array of ``Axes``, one a requirement."""
        return plots.plot_robustness(self, figure=figure)

    def _grid(self, patterns: Sequence[str], field: str, every: Optional[text.Span]) -> tuple[int, Any, int, np.ndarray]:
        """The finest grid that has the field and devices that match: its index, itself, the variable's, and the rows."""
        best: dict[str, tuple[int, Any, int, np.ndarray]] = {}
        for index, grid in enumerate(self.manifest["grids"]):
            names, table = [variable["name"] for variable in grid["variables"]], grid["table"]
            if field not in names or (every is not None and grid["period_ns"] != _since(every)):
                continue
            if table in best and best[table][1]["period_ns"] <= grid["period_ns"]:
                continue
            rows = self._rows(table, patterns)
            if len(rows):
                best[table] = (index, grid, names.index(field), rows)
        if not best:
            raise KeyError(self._not_recorded(patterns, field, every))
        if len(best) > 1:
            raise ValueError(f"'{field}' is recorded of {', '.join(sorted(best))}: choose devices of one of them, as "
                             f"run.telemetry(run.devices(model=\"{min(best)}\"), \"{field}\")")
        [(table, found)] = best.items()
        ids = self._of_table(table)
        there = {ids[row] for row in found[3]}
        for one in patterns:
            if one not in there and not any(_looptwin.glob_match(one, device) for device in there):
                raise KeyError(f"no {table}, which has the '{field}', matches {one!r}{text.near(one, ids)}")
        return found

    def dataset(self, devices: Patterns, fields: Sequence[str], *, start: Optional[text.Span] = None,
                end: Optional[text.Span] = None, every: Optional[text.Span] = None) -> Any:
        """Several fields as an ``xarray.Dataset`` with dimensions device and time, and units. Fields that are recorded at
        different times are NaN at those of the others. ``start``, ``end``, ``every``: see :meth:`telemetry`."""
        import xarray

        if isinstance(fields, str):
            raise TypeError(f"fields is a list of names: write [{fields!r}]")
        arrays = {field: self.telemetry(devices, field, start=start, end=end, every=every).to_xarray() for field in fields}
        return xarray.Dataset({field: array.drop_vars("offset") for field, array in arrays.items()},
                              attrs={"scenario": self.scenario})

    def _not_recorded(self, devices: Sequence[str], field: str, every: Optional[text.Span]) -> str:
        models = [grid["table"] for grid in self.manifest["grids"]]
        there = {name for model in models for name in self.fields(model)}
        if field not in there:
            return f"{self.path} has no '{field}'{text.near_of(field, sorted(there))}"
        shown = " or ".join(map(repr, devices))
        if not self.devices(devices):
            near = text.near(devices[0], self.devices()) if len(devices) == 1 else ""
            return f"no device matches {shown}{near}: `*` stands for any part of an id without '/', `**` for any part"
        if every is None:
            return f"{self.path} has no '{field}' of what matches {shown}"
        periods = sorted({grid["period_ns"] for grid in self.manifest["grids"]
                          if any(variable["name"] == field for variable in grid["variables"])})
        return (f"{self.path} has no '{field}' every {text.span(every)} of what matches {shown}; it has it every "
                f"{', '.join(f'{ns / 1e9:g} s' for ns in periods)}")

    def __repr__(self) -> str:
        return f"<looptwin.RunFolder {self.path}: {self.scenario}, {self.summary.get('state')}>"


def _several(patterns: Patterns) -> Sequence[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)


def _from_here(path: Union[str, os.PathLike[str]]) -> str:
    """As people would write it: relative to the working directory where it lies below that."""
    relative = os.path.relpath(path)
    return os.path.abspath(path) if relative.startswith(os.pardir) else relative


def _since(span: text.Span) -> int:
    return _looptwin.duration_ns(text.span(span))


def _runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Rows that follow each other, as (first, one past the last): each is one read."""
    cuts = [int(cut) + 1 for cut in np.flatnonzero(np.diff(rows) != 1)]
    return [(int(rows[a]), int(rows[b - 1]) + 1) for a, b in zip([0, *cuts], [*cuts, len(rows)])]


@checked
def open(run: Union[str, "os.PathLike[str]"]) -> RunFolder:  # noqa: A001: looptwin.open(RUN)
    """Opens a run's folder. Raises :class:`RunError` where it is none."""
    return RunFolder(run)

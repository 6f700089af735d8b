"""A simulation that is advanced step by step, looked at, acted in and forked."""
from __future__ import annotations

import datetime
import json
import os
import sys
from typing import Any, Callable, Mapping, Optional, Sequence, Union

import numpy as np

from . import _looptwin, text
from .arguments import checked
from .frames import EVENTS, chosen, frame
from .progress import Progress, told
from .requirements import Verdict, verdict_frame, verdicts
from .runs import MOST_THREADS, Run, further_settings
from .scenario import Scenario, Source, instant, loaded


@checked
class Names:
    """The names of a device read in another way: ``device.desired.cool``, ``device.truth.air``."""

    _simulation: "Simulation"
    _device: str
    _which: str

    def __init__(self, simulation: "Simulation", device: str, which: str):
        self.__dict__.update(_simulation=simulation, _device=device, _which=which)

    def __setattr__(self, name: str, value: Any) -> None:
        what = f"'{name}' of '{self._device}' cannot be set so: "
        inputs = {one["name"]: one["each"] for one in self._simulation.inputs}
        if name in inputs and self._which == "reported":
            who = f'sim["{self._device}"]' if inputs[name] else "sim"
            raise AttributeError(f"{what}write {who}.set({name}={value!r}), which a person does at the next boundary")
        raise AttributeError(f"{what}people set operator's inputs, with set(), and rules set setpoints; for something that "
                             "goes wrong there is inject()")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __getitem__(self, name: str) -> Any:
        return self._simulation._simulation.value(self._device, name, self._which)


@checked
class Device(Names):
    """What the loop knows of a device at the last boundary: ``sim["home-7"].temperature``.

    A name is what a rule reads: reported telemetry and setpoints, parameters, status, what is derived, inputs.
    Numbers are in the unit that the scenario declares (:meth:`unit`), NaN where unknown; booleans and words are None there.
    ``device["status"]`` is for names that Python has a use for itself.
    """

    #: The device's id.
    id: str
    #: The device's model.
    model: str

    def __init__(self, simulation: "Simulation", device: str):
        super().__init__(simulation, device, "reported")
        self.__dict__.update(id=device, model=simulation._simulation.model_of(device))

    @property
    def desired(self) -> Names:
        """Of setpoints: what the device should hold."""
        return Names(self._simulation, self._device, "desired")

    @property
    def default(self) -> Names:
        """Of setpoints: what it holds when no rule claims it."""
        return Names(self._simulation, self._device, "default")

    @property
    def truth(self) -> Names:
        """What is so, which the loop does not see: the values behind telemetry, states of the physics."""
        return Names(self._simulation, self._device, "truth")

    def unit(self, name: str) -> str:
        """The unit of a name, "" where it has none."""
        return self._simulation.unit(self.model, name)

    def set(self, *, by: Optional[str] = None, lasts: Optional[text.Span] = None, comment: str = "",
            **inputs: Any) -> None:
        """A person sets operator's inputs of this device: ``set(most="40 kW", by="anna", lasts="2 h")``.

        See :meth:`Simulation.act`. Setpoints are not set so: they are the rules'.
        """
        self._simulation._set(self.id, inputs, by, lasts, comment)

    def inject(self, kind: str, **how: Any) -> None:
        """Something goes wrong with it: ``inject("stuck", sensor="level")``. See :meth:`Simulation.inject`."""
        self._simulation.inject(self.id, kind, **how)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._simulation.names(self.model)]

    def __repr__(self) -> str:
        return f"<looptwin.Device {self.id}: {self.model}>"


@checked
class Simulation:
    """A simulation in your hands::

        with looptwin.Simulation("scenarios/smart-meters", set={"fleet.block.count": 2}) as sim:
            sim.advance("5 min")
            sim["block-1/home-7"].temperature      # degC
            sim.column("home", "power").sum()      # kW

    ``advance(a); advance(b)`` is ``advance(a + b)``, bit for bit, and a simulation that is advanced to its end has made
    the decisions of :func:`looptwin.run`. ``keep_decisions``: whether :attr:`decisions` are kept in memory, 64 bytes each.
    Used by one thread at a time; others go on while it advances.
    """

    def __init__(self, scenario: Union[Scenario, Source], *, set: Optional[Mapping[str, Any]] = None,  # noqa: A002
                 seed: Optional[int] = None, duration: Optional[text.Span] = None, threads: int = 0,
                 out: Union[str, "os.PathLike[str]", None] = None, keep_decisions: bool = True):
        source = loaded(scenario)._source
        settings = [(path, text.setting(value, path)) for path, value in (set or {}).items()]
        self._path = os.path.abspath(out) if out is not None else None
        self._simulation = _looptwin.Simulation(source, settings + further_settings(seed, duration),
                                                text.whole(threads, "threads", 0, MOST_THREADS), self._path or "",
                                                bool(keep_decisions))
        self._begin()
        self._wanted_ns = 0

    def _begin(self) -> None:
        self._end_ns = self._simulation.end_ns
        self._start_unix_ns = self._simulation.start_unix_ns
        self._units: dict[tuple[str, str, str], str] = {}
        self._run: Optional[Run] = None
        self._closed = False

    # Time.

    @property
    def time(self) -> float:
        """The last boundary at which the loop decided, s since the start."""
        return self._simulation.now_ns / 1e9

    @property
    def end(self) -> float:
        """The scenario's duration, s."""
        return self._end_ns / 1e9

    @property
    def civil(self) -> datetime.datetime:
        """The instant of :attr:`time`, in UTC."""
        return instant(self._start_unix_ns + self._simulation.now_ns)

    def advance(self, by: text.Span, progress: Optional[Progress] = None) -> float:
        """Goes on by "5 min", seconds or a timedelta, through every boundary up to then. Returns :attr:`time`.

        Ctrl-C stops at the present boundary, from where it can go on. ``progress`` is called with the simulated seconds
        and those of the scenario; what it raises stops as well.
        """
        step_ns = _nanoseconds(by)
        if step_ns < 0:
            raise ValueError(f"time goes on only: cannot advance by {by!r}")
        to_ns = self._wanted_ns + step_ns
        if to_ns > self._end_ns:
            raise ValueError(f"the scenario ends at {self.end:g} s: cannot advance to {to_ns / 1e9:g} s; give "
                             "Simulation(..., duration=...) a longer one")
        try:
            self._simulation.advance_to(to_ns, told(progress, self.end))
        except BaseException:
            self._wanted_ns = self._simulation.now_ns
            raise
        self._wanted_ns = to_ns
        return self.time

    # What the loop knows.

    def __getitem__(self, device: str) -> Device:
        return Device(self, device)

    __iter__ = None  # else Python would ask for the devices 0, 1, 2

    @property
    def models(self) -> list[str]:
        """The names of the scenario's models, and of the parts of its plants."""
        return self._simulation.models

    def names(self, model: str, *, which: str = "reported") -> list[str]:
        """What can be asked of a device of this model, or of "site", which has the signals of feeds as well:
        "weather.temperature". ``which``: see :meth:`column`."""
        return self._simulation.names(model, which)

    def devices(self, pattern: str = "", model: str = "") -> list[str]:
        """Ids in the order of rows. In a pattern `*` is any part without '/', `**` any."""
        return self._simulation.devices(model, pattern or ("" if model else "**"))

    def unit(self, model: str, name: str, *, which: str = "reported") -> str:
        """The unit of a model's name, "" where it has none."""
        key = (model, name, which)
        if key not in self._units:
            self._units[key] = self._simulation.unit(model, name, which)[0]
        return self._units[key]

    def words(self, model: str, name: str, *, which: str = "reported") -> list[str]:
        """Of an enumeration: its words, by code."""
        return self._simulation.unit(model, name, which)[1]

    def column(self, model: str, name: str, *, which: str = "reported", si: bool = False) -> np.ndarray:
        """A name's values on all devices of a model, shape (devices,), in the order of :meth:`devices`.

        Numbers are float64 in the declared unit, NaN where unknown. With ``si`` they are in SI base units (W, K, Pa, s)
        and nothing is copied: the array is the simulation's own memory, read-only, and shows later values once the
        simulation has advanced; it may outlive the simulation. So are, always, booleans (uint8: 0, 1, 2 unknown), words
        (uint8 codes of :meth:`words`, 255 unknown) and instants (int64 ns). ``which``: "reported", "desired", "default",
        or "truth", which is a copy.
        """
        return self._simulation.column(model, name, which, si)

    def frame(self, model: str, names: Optional[Sequence[str]] = None, *, which: str = "reported") -> Any:
        """What is known of all devices of a model, a row a device, in the declared units; all names that have such a value
        if absent.

        A ``pandas.DataFrame`` by id, with the units in ``attrs["units"]``, or a dict of arrays. Words are texts, what is
        unknown is NaN or None.
        """
        wanted = self._wanted(model, names, which)
        columns = {name: self._shown(model, name, which) for name in wanted}
        made = frame({"device": self.devices(model=model), **columns}) if model != "site" else frame(columns)
        if hasattr(made, "set_index"):
            made = made.set_index("device") if model != "site" else made
            units = {name: self.unit(model, name, which=which) for name in wanted}
            made.attrs["units"] = {name: unit for name, unit in units.items() if unit}
        return made

    def dataset(self, model: str, names: Optional[Sequence[str]] = None, *, which: str = "reported") -> Any:
        """The same as an ``xarray.Dataset`` with the dimension device, ``units``, and the time in ``attrs``."""
        import xarray

        arrays = {}
        for name in self._wanted(model, names, which):
            unit = self.unit(model, name, which=which)
            arrays[name] = xarray.DataArray(self._shown(model, name, which), dims=("device",),
                                            attrs={"units": unit} if unit else {})
        ids = self.devices(model=model) if model != "site" else ["site"]
        return xarray.Dataset(arrays, coords={"device": ids}, attrs={"model": model, "time": self.civil.isoformat()})

    def _wanted(self, model: str, names: Optional[Sequence[str]], which: str) -> list[str]:
        if isinstance(names, str):
            raise TypeError(f"names is a list of names: write [{names!r}]")
        return list(names) if names is not None else self.names(model, which=which)

    def _shown(self, model: str, name: str, which: str) -> np.ndarray:
        column = self.column(model, name, which=which)
        if column.dtype == np.uint8:
            words: list[Any] = [*self.words(model, name, which=which)] or [False, True]
            shown = np.empty(len(column), dtype=object)
            shown[:] = [words[code] if code < len(words) else None for code in column]
            return shown
        if column.dtype == np.int64:
            return np.where(column == np.iinfo(np.int64).max, np.nan, column / 1e9)
        return np.array(column)

    # Acting.

    def act(self, **entry: Any) -> None:
        """A person acts, as an entry of a scenario's ``script:`` does, at the next boundary.

        ``act(by="anna", set={"most": "40 kW"}, device="home-1")``, ``act(by="ben", acknowledge="overload",
        device="block-1")``; also press, raise, clear, confirm, comment_on, shelve, unshelve, suppress, unsuppress, out_of_service,
        in_service, reset. ``lasts`` is the script's ``for``. ``after``, from the start, schedules it. Raises
        :class:`ScenarioError`; what the loop refuses, for want of a role, is a decision.
        """
        if "lasts" in entry:
            entry["for"] = text.span(entry.pop("lasts"))
        if entry.get("by") is None:
            entry["by"] = self._only_person()
        # Values are YAML as they stand, as after --set: "40 kW" needs no quotes, nor does auto.
        if isinstance(entry.get("set"), Mapping):
            entry["set"] = {name: _Plain(value) if isinstance(value, str) else value
                            for name, value in entry["set"].items()}
        self._simulation.act(_entry(entry), "act")

    def set(self, *, by: Optional[str] = None, lasts: Optional[text.Span] = None, comment: str = "",
            **inputs: Any) -> None:
        """A person sets operator's inputs that are one for all: ``set(most_load="300 kW", by="anna")``."""
        self._set("", inputs, by, lasts, comment)

    def press(self, button: str, *, device: str = "", by: Optional[str] = None) -> None:
        """A person presses a button: it is true at the next boundary, and at no other."""
        self.act(by=by, press=button, **({"device": device} if device else {}))

    def acknowledge(self, alarm: str, device: str = "", *, by: Optional[str] = None, comment: str = "") -> None:
        """A person acknowledges an alarm."""
        self.act(by=by, acknowledge=alarm, **({"device": device} if device else {}),
                 **({"comment": comment} if comment else {}))

    def raise_alarm(self, alarm: str, device: str = "", *, by: Optional[str] = None, comment: str = "") -> None:
        """A person raises an alarm, whatever its condition: it waits for an answer, may be late, and counts as any other.

        It stands until :meth:`clear_alarm`, or until its condition raises it. For drills, and for what only people see.
        """
        self.act(by=by, **{"raise": alarm}, **({"device": device} if device else {}),
                 **({"comment": comment} if comment else {}))

    def clear_alarm(self, alarm: str, device: str = "", *, by: Optional[str] = None, comment: str = "") -> None:
        """A person says that an alarm which was raised by hand is over."""
        self.act(by=by, clear=alarm, **({"device": device} if device else {}),
                 **({"comment": comment} if comment else {}))

    def inject(self, device: str, kind: str, *, sensor: Optional[str] = None, signal: Optional[str] = None,
               value: Any = None, lasts: Optional[text.Span] = None, after: Optional[text.Span] = None,
               keeps: Optional[list[str]] = None) -> None:
        """Something goes wrong with the devices that match, as a fault of the scenario's ``faults:``, from now on.

        ``inject("home-7", "stuck", sensor="temperature", lasts="10 min")``; ``kind``, and what it needs, are those of
        ``faults:``: ``value="2 K"`` of a bias, ``signal="inlet"`` of an actuator that is stuck. A reading that raises an
        alarm is ``inject(device, "out_of_range", sensor="level", value="0.2 m")``. ``lasts``: to the end if absent.
        ``after``, from the run's start, schedules it. It is what the scenario would do with ``after:`` now: forks have it,
        and a run folder keeps it. Raises :class:`ScenarioError`.
        """
        entry: dict[str, Any] = {"device": device, "kind": kind}
        for name, one in (("sensor", sensor), ("signal", signal), ("keeps", keeps)):
            if one is not None:
                entry[name] = one
        if value is not None:
            entry["value"] = _Plain(value) if isinstance(value, str) else value
        for name, span in (("lasts", lasts), ("after", after)):
            if span is not None:
                entry[name] = text.span(span)
        self._simulation.inject(_entry(entry), "inject")

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The operator's inputs, a dict each: ``name``, ``kind`` ("button", "selector", "limit"), ``each`` (a model, or ""),
        ``unit``, ``words``, ``low`` and ``high`` (None: no limit) and ``default`` in the unit."""
        return self._simulation.inputs()

    def _set(self, device: str, inputs: Mapping[str, Any], by: Optional[str], lasts: Optional[text.Span],
             comment: str) -> None:
        entry: dict[str, Any] = {"by": by, "set": dict(inputs)}
        if device:
            entry["device"] = device
        if lasts is not None:
            entry["lasts"] = lasts
        if comment:
            entry["comment"] = comment
        self.act(**entry)

    def _only_person(self) -> str:
        people = self._simulation.people
        if len(people) != 1:
            raise TypeError("say who acts, by=...: " + (", ".join(people) if people else
                                                        "the scenario declares no people"))
        return people[0]

    # What was decided.

    @property
    def decisions(self) -> Any:
        """All decisions so far, those before a fork included, a row each: ``at_s``, ``kind``, ``subject`` (event, rule,
        alarm or input), ``device``, ``quantity``, ``occurrence``, ``value`` in ``unit``, ``id`` and the ``cause``'s id.

        A ``pandas.DataFrame``, or a dict of arrays where there is no pandas.
        """
        return self.decisions_from(0)

    def decisions_from(self, first: int) -> Any:
        """The decisions from row ``first`` on: those that are new where the others were seen."""
        return frame(self._simulation.decisions(min(text.whole(first, "first", 0), sys.maxsize)))

    def _decided(self, keep: Callable[[str], bool]) -> Any:
        columns = self._simulation.decisions(0)
        return frame(chosen(columns, np.array([keep(kind) for kind in columns["kind"]], dtype=bool)))

    @property
    def events(self) -> Any:
        """The decisions about events so far, as :attr:`decisions`."""
        return self._decided(EVENTS.__contains__)

    @property
    def alarms(self) -> Any:
        """The decisions about alarms so far, as :attr:`decisions`."""
        return self._decided(lambda kind: kind.startswith("alarm_"))

    @property
    def commands(self) -> Any:
        """The decisions about commands so far, as :attr:`decisions`."""
        return self._decided(lambda kind: kind.startswith("command_"))

    @property
    def fingerprint(self) -> str:
        """Of all decisions so far."""
        return self._simulation.fingerprint

    @property
    def requirements(self) -> list[Verdict]:
        """What the requirements came to so far."""
        return verdicts(self._simulation.requirements())

    @property
    def robustness(self) -> Any:
        """The same as a ``pandas.DataFrame``, or a dict of arrays: a row a requirement and device."""
        return verdict_frame(self.requirements)

    # Forks, and the end.

    def fork(self) -> "Simulation":
        """A second simulation in the state of this one, for what-ifs. It writes no folder; this one goes on as if
        nothing had been. Unchanged, both decide the same."""
        forked = Simulation.__new__(Simulation)
        forked._simulation = self._simulation.fork()
        forked._path = None
        forked._begin()
        forked._wanted_ns = self._wanted_ns
        return forked

    def finish(self) -> Run:
        """Ends the run here, and its folder; nothing can be advanced any more. What it came to."""
        if self._run is None:
            stopped = self._simulation.now_ns < self._end_ns
            summary = json.loads(self._simulation.finish(stopped))
            self._run = Run(self.fingerprint, summary, self.requirements, self._path,
                            self._simulation.warnings())
        return self._run

    def close(self) -> None:
        """Gives its memory back, at once where no array shares it. Its folder, if it has one, is ended."""
        if self._closed:
            return
        try:
            if self._path is not None:
                self.finish()
        finally:
            self._simulation.close()
            self._closed = True

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, *what: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<looptwin.Simulation at {self.time:g} s of {self.end:g} s>"


class _Plain(str):
    """A text that is YAML as it stands."""


def _entry(entry: Mapping[str, Any]) -> str:
    parts = []
    for key, value in entry.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{name}: {one if isinstance(one, _Plain) else text.flow(one)}"
                              for name, one in value.items())
            parts.append(f"{key}: {{{inner}}}")
        else:
            parts.append(f"{key}: {value if isinstance(value, _Plain) else text.flow(value)}")
    return "{" + ", ".join(parts) + "}"


def _nanoseconds(by: text.Span) -> int:
    if isinstance(by, str):
        return _looptwin.duration_ns(by)
    if isinstance(by, datetime.timedelta):
        return by // datetime.timedelta(microseconds=1) * 1000
    text.span(by)  # refuses what is no number
    return round(by * 1e9)

"""Whole runs, and what they came to."""
from __future__ import annotations

import json
import os
from typing import Any, Mapping, Optional, Sequence, Union

from . import _looptwin, text
from .arguments import checked
from .errors import Problem
from .explaining import Difference, Explanation
from .folder import Patterns, RunFolder, Telemetry, open as open_folder
from .plots import Axes, Events, Figure
from .progress import Progress, bar, told
from .requirements import Verdict, verdict_frame, verdicts
from .scenario import Scenario, Source, loaded


#: As for --threads.
MOST_THREADS = 1024


@checked
class Run:
    """How a run ended. Where it wrote a folder, all that is recorded can be read from it as well."""

    def __init__(self, fingerprint: str, summary: dict[str, Any], requirements: list[Verdict],
                 folder: Optional[str], warnings: Optional[list[Problem]] = None):
        #: Hash of all decisions: the same for the same scenario and seed, here and on the command line.
        self.fingerprint = fingerprint
        #: Counters of the run, as in its manifest; ``state`` is "reached_end" or "stopped", ``simulated_s`` in s.
        self.summary = summary
        #: A :class:`Verdict` for each requirement and device.
        self.requirements = requirements
        #: What the command line warns of: requirements that the run was too short for, and the like.
        self.warnings = list(warnings or [])
        #: The run folder's path, or None.
        self.path = folder
        self._folder: Optional[RunFolder] = None

    @property
    def held(self) -> bool:
        """No requirement was violated."""
        return all(verdict.verdict != "violated" for verdict in self.requirements)

    @property
    def folder(self) -> RunFolder:
        """What the run recorded; opened when it is first asked for."""
        if self.path is None:
            raise RuntimeError("this run wrote no folder: give looptwin.run(..., out=\"runs/mine\")")
        if self._folder is None:
            self._folder = open_folder(self.path)
        return self._folder

    # What its folder has: see RunFolder.

    @property
    def decisions(self) -> Any:
        """All that the loop decided, a row each: a ``pandas.DataFrame``, or a dict of arrays where there is no pandas."""
        return self.folder.decisions

    @property
    def events(self) -> Any:
        """The decisions about events: raised, cleared, latched, bypassed."""
        return self.folder.events

    @property
    def alarms(self) -> Any:
        """A row for each alarm that was raised, with its priority and the operator's texts."""
        return self.folder.alarms

    @property
    def commands(self) -> Any:
        """The decisions about commands, each with the life of its ``id``: issued, sent, acknowledged, verified ..."""
        return self.folder.commands

    @property
    def feeds(self) -> Any:
        """All that was published to outbound feeds, a row each: ``at_s``, ``feed`` and the ``body`` as a dict."""
        return self.folder.feeds

    @property
    def robustness(self) -> Any:
        """The requirements as a ``pandas.DataFrame``, or a dict of arrays: a row a requirement and device."""
        return verdict_frame(self.requirements)

    @property
    def logs(self) -> list[str]:
        """Names for :meth:`log`: the decisions, the alarms and their journal, what was published, and others."""
        return self.folder.logs

    def log(self, name: str) -> Any:
        """A log as a ``pandas.DataFrame``, or a dict of arrays where there is no pandas."""
        return self.folder.log(name)

    def fields(self, model: str) -> list[str]:
        """What is recorded of a model's devices: fields, their rollups (power_mean), derived values."""
        return self.folder.fields(model)

    def devices(self, pattern: Patterns = "**", model: str = "") -> list[str]:
        """Ids of devices, model by model, that match a pattern, or one of several; of one ``model``, or of all. `*` is any
        part without '/', `**` any."""
        return self.folder.devices(pattern, model)

    def telemetry(self, devices: Patterns, field: str, *, start: Optional[text.Span] = None,
                  end: Optional[text.Span] = None, every: Optional[text.Span] = None) -> Telemetry:
        """A field of the devices that match a pattern, or one of several, from ``start`` up to, not including, ``end``,
        since the run's start: "2 h", seconds or a timedelta. ``every``: the slots' length where a name is recorded at
        several, as rollups are ("power_mean" at "15 min" and at "1 h"); the finest if absent."""
        return self.folder.telemetry(devices, field, start=start, end=end, every=every)

    def dataset(self, devices: Patterns, fields: Sequence[str], *, start: Optional[text.Span] = None,
                end: Optional[text.Span] = None, every: Optional[text.Span] = None) -> Any:
        """Several fields as an ``xarray.Dataset`` with dimensions device and time, and units. Fields that are recorded at
        different times are NaN at those of the others. ``start``, ``end``, ``every``: see :meth:`telemetry`."""
        return self.folder.dataset(devices, fields, start=start, end=end, every=every)

    def explain(self, decision: Union[str, int, None] = None) -> Explanation:
        """Why a decision was taken, and what came of it. ``decision``: its id, as a number of a data frame or the first
        digits as printed; without it, events and alarms are listed with theirs."""
        return self.folder.explain(decision)

    def why_not(self, name: str, *, at: text.Span, device: str = "") -> Explanation:
        """Why an event, an alarm or a rule did not act on a device, ``at`` so long after the run's start."""
        return self.folder.why_not(name, at=at, device=device)

    def diff(self, other: Union[Run, RunFolder, str, os.PathLike[str]], *, show: int = 20) -> Difference:
        """What another run, or run folder, decided otherwise; its text lists ``show`` changes."""
        return self.folder.diff(other, show=show)

    def plot(self, devices: Patterns, field: str, *, start: Optional[text.Span] = None, end: Optional[text.Span] = None,
             every: Optional[text.Span] = None, events: Events = (),
             band: tuple[Optional[float], Optional[float]] = (None, None), requirement: Optional[str] = None,
             each: Optional[bool] = None, ax: Optional[Axes] = None) -> Any:
        """Draws a field of the devices that match a pattern over the scenario's civil time; returns the ``Axes``.

        ``start``, ``end``, ``every``: see :meth:`telemetry`. ``events``: names of events whose spans are shown, or True
        for all. ``band``: low and high in the field's unit; what lies outside is shaded. ``requirement``: one whose limit
        is shown likewise. ``each``: whether a line a device is drawn, or the median and what most lie within.
        :meth:`RunFolder.plot` says more.
        """
        return self.folder.plot(devices, field, start=start, end=end, every=every, events=events, band=band,
                                requirement=requirement, each=each, ax=ax)

    def plot_alarms(self, devices: Patterns = "**", *, ax: Optional[Axes] = None) -> Any:
        """Draws when alarms were shown, a row for each on each device, by priority and state; returns the ``Axes``."""
        return self.folder.plot_alarms(devices, ax=ax)

    def plot_robustness(self, *, figure: Optional[Figure] = None) -> Any:
        """Draws by how much each requirement held on each device, in its unit, less than 0 where it was violated.
        Returns an array of ``Axes``, one a requirement."""
        return self.folder.plot_robustness(figure=figure)

    def __repr__(self) -> str:
        return f"<looptwin.Run {self.summary.get('state')} {self.fingerprint}>"


def further_settings(seed: Optional[int], duration: Optional[text.Span]) -> list[tuple[str, str]]:
    """``seed`` and ``duration`` as settings."""
    settings = []
    if seed is not None:
        settings.append(("seed", str(text.whole(seed, "seed"))))
    if duration is not None:
        settings.append(("duration", text.span(duration)))
    return settings


@checked
def run(scenario: Union[Scenario, Source], *, out: Union[str, "os.PathLike[str]", None] = None,
        seed: Optional[int] = None, duration: Optional[text.Span] = None, threads: int = 0,
        set: Optional[Mapping[str, Any]] = None,  # noqa: A002: the command line's word
        progress: Union[bool, Progress, None] = None) -> Run:
    """Runs a scenario to its end, as ``looptwin run`` does, with the same decisions and fingerprint.

    ``out``: the run folder, which must not exist; None writes nothing. ``duration``: "6 h", seconds or a
    timedelta. ``threads``: 0 takes as many as the machine has and the fleet has use for. ``progress``: True, False,
    or what is called with the simulated seconds and those of the whole run; None shows a bar where somebody looks.

    Other threads of Python go on meanwhile. Ctrl-C ends the run after the present cycle: its folder is then whole, and
    KeyboardInterrupt is raised. Raises :class:`ScenarioError` and :class:`RunError`.
    """
    scenario = loaded(scenario)
    folder = os.path.abspath(out) if out is not None else None
    settings = [(path, text.setting(value, path)) for path, value in (set or {}).items()]
    simulation = _looptwin.Simulation(scenario._source, settings + further_settings(seed, duration),
                                      text.whole(threads, "threads", 0, MOST_THREADS), folder or "", False)
    end_ns = simulation.end_ns
    try:
        with bar(progress, end_ns / 1e9) as shown:
            simulation.advance_to(end_ns, told(shown, end_ns / 1e9))
    except BaseException:
        _finish_what_is_left(simulation)
        raise
    summary = json.loads(simulation.finish(False))
    result = Run(simulation.fingerprint, summary, verdicts(simulation.requirements()), folder,
                 simulation.warnings())
    simulation.close()
    return result


def _finish_what_is_left(simulation: "_looptwin.Simulation") -> None:
    """Seals the folder of a run that was interrupted; the reason for that is what is raised."""
    try:
        simulation.finish(True)
    except Exception:  # noqa: BLE001
        pass
    simulation.close()

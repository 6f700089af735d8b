"""Whole runs, and what they came to."""
from __future__ import annotations

import json
import os
from typing import Any, Mapping, Optional, Sequence, Union

from . import _looptwin, text
from .errors import Problem
from .explaining import Difference, Explanation
from .folder import Patterns, RunFolder, open as open_folder
from .progress import Progress, bar, told
from .requirements import Verdict, verdict_frame, verdicts
from .scenario import Scenario, Source, loaded


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

    @property
    def decisions(self) -> Any:
        """See :attr:`RunFolder.decisions`."""
        return self.folder.decisions

    @property
    def events(self) -> Any:
        """See :attr:`RunFolder.events`."""
        return self.folder.events

    @property
    def alarms(self) -> Any:
        """See :attr:`RunFolder.alarms`."""
        return self.folder.alarms

    @property
    def commands(self) -> Any:
        """See :attr:`RunFolder.commands`."""
        return self.folder.commands

    @property
    def feeds(self) -> Any:
        """See :attr:`RunFolder.feeds`."""
        return self.folder.feeds

    @property
    def robustness(self) -> Any:
        """The requirements as a ``pandas.DataFrame``, or a dict of arrays: a row a requirement and device."""
        return verdict_frame(self.requirements)

    def telemetry(self, devices: Patterns, field: str, **choice: Any) -> Any:
        """See :meth:`RunFolder.telemetry`."""
        return self.folder.telemetry(devices, field, **choice)

    def dataset(self, devices: Patterns, fields: Sequence[str], **choice: Any) -> Any:
        """See :meth:`RunFolder.dataset`."""
        return self.folder.dataset(devices, fields, **choice)

    def explain(self, decision: Union[str, int, None] = None) -> Explanation:
        """See :meth:`RunFolder.explain`."""
        return self.folder.explain(decision)

    def why_not(self, name: str, *, at: text.Span, device: str = "") -> Explanation:
        """See :meth:`RunFolder.why_not`."""
        return self.folder.why_not(name, at=at, device=device)

    def diff(self, other: Any, *, show: int = 20) -> Difference:
        """See :meth:`RunFolder.diff`."""
        return self.folder.diff(other, show=show)

    def plot(self, devices: Patterns, field: str, **how: Any) -> Any:
        """See :meth:`RunFolder.plot`."""
        return self.folder.plot(devices, field, **how)

    def plot_alarms(self, devices: Patterns = "**", **how: Any) -> Any:
        """See :meth:`RunFolder.plot_alarms`."""
        return self.folder.plot_alarms(devices, **how)

    def plot_robustness(self, **how: Any) -> Any:
        """See :meth:`RunFolder.plot_robustness`."""
        return self.folder.plot_robustness(**how)

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
    simulation = _looptwin.Simulation(scenario._source, settings + further_settings(seed, duration), threads,
                                      folder or "", False)
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

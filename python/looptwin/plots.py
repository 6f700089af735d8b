"""Pictures of a run by matplotlib: telemetry, alarms, requirements. Axes have units, and the scenario's civil time."""
from __future__ import annotations

import datetime
import json
import math
import re
import warnings
import zoneinfo
from typing import TYPE_CHECKING, Any, Iterable, Optional, Protocol, Union, runtime_checkable

import numpy as np

from . import text
from .scenario import made_again

if TYPE_CHECKING:
    from .folder import Patterns, RunFolder, Telemetry

# Colours that people who cannot tell red from green can tell apart.
PRIORITIES = {"low": "#4c8cb5", "medium": "#e0a526", "high": "#d95f30", "urgent": "#9b1b30"}
VERDICTS = {"held": "#3b7d6e", "undecided": "#8a8a8a", "violated": "#c1352b"}
EVENTS = ("#c9b458", "#8f9fc4", "#b98fbf", "#9fbf8f")
HIDDEN = {"shelved", "suppressed", "out_of_service"}
# More lines than these tell nobody which is which.
MOST_LINES = 10
MOST_ALARMS = 30

Events = Union[str, Iterable[str], bool]


@runtime_checkable
class Axes(Protocol):
    """What pictures are drawn on: matplotlib's, which is imported only when it is."""

    def set_yticks(self, ticks: Any) -> Any:
        """As matplotlib's."""


@runtime_checkable
class Figure(Protocol):
    """What has axes: matplotlib's."""

    def subplots(self) -> Any:
        """As matplotlib's."""


for _one in (Axes, Figure):
    _one.__module__ = "matplotlib"  # as messages call them


def plot(run: "RunFolder", devices: "Patterns", field: str, *, start: Optional[text.Span] = None,
         end: Optional[text.Span] = None, every: Optional[text.Span] = None, events: Events = (),
         band: tuple[Optional[float], Optional[float]] = (None, None), requirement: Optional[str] = None,
         each: Optional[bool] = None, ax: Any = None) -> Any:
    """A field over time; see :meth:`RunFolder.plot`."""
    low, high = band
    if low is not None and high is not None and low > high:
        raise ValueError(f"band={band!r}: write the lower limit first")
    data = _recorded(run, devices, field, start, end, every)
    ax = _axes(ax)
    if each if each is not None else len(data.devices) <= MOST_LINES:
        _lines(run, data, ax)
    else:
        _spread(run, data, ax)
    ax.set_ylabel(_with_unit(data.field.replace("_", " "), data.unit))
    if data.words:
        ax.set_yticks(range(len(data.words)), data.words)
    if len(data.time) > 1:
        ax.set_xlim(_at(run, data.time[0]), _at(run, data.time[-1] + _step(data)))
    _forbid(ax, low, high)
    if requirement is not None:
        _show_requirement(run, requirement, data, ax)
    _show_events(run, devices, events, ax)
    _civil(run, ax)
    _legend(ax)
    return ax


def _recorded(run: "RunFolder", devices: "Patterns", field: str, start: Optional[text.Span], end: Optional[text.Span],
              every: Optional[text.Span]) -> "Telemetry":
    """The field, or where only rollups of it are recorded their means."""
    try:
        return run.telemetry(devices, field, start=start, end=end, every=every)
    except KeyError:
        try:
            return run.telemetry(devices, f"{field}_mean", start=start, end=end, every=every)
        except KeyError:
            pass
        raise


def _lines(run: "RunFolder", data: "Telemetry", ax: Any) -> None:
    held = bool(data.words) or _is_rollup(data)  # what stands for its whole slot
    for device, offset, values in zip(data.devices, data.offset, data.values):
        ax.plot(_at(run, data.time + offset), values, label=device, linewidth=1.2,
                drawstyle="steps-post" if held else "default")


def _spread(run: "RunFolder", data: "Telemetry", ax: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # slots of which nobody has a sample
        low, quarter, middle, three, high = np.nanquantile(data.values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    at = _at(run, data.time)
    step = "post" if _is_rollup(data) else None
    ax.fill_between(at, low, high, step=step, color="C0", alpha=0.15, linewidth=0, label="nine tenths")
    ax.fill_between(at, quarter, three, step=step, color="C0", alpha=0.3, linewidth=0, label="half")
    ax.plot(at, middle, color="C0", label=f"median of {len(data.devices)}",
            drawstyle="steps-post" if step else "default")


def _is_rollup(data: "Telemetry") -> bool:
    return data.field.endswith(("_mean", "_minimum", "_maximum", "_last", "_samples"))


def _step(data: "Telemetry") -> float:
    return float(data.time[1] - data.time[0]) if len(data.time) > 1 else 0.0


# What the values are held against.


def _forbid(ax: Any, low: Optional[float], high: Optional[float], label: str = "not permitted") -> None:
    """Shades what lies outside, without hiding a single line: the view is as wide as they need, and shows the limits."""
    if low is None and high is None:
        return
    bottom, top = ax.get_ylim()
    bottom = bottom if low is None else min(bottom, low - 0.08 * (top - low))
    top = top if high is None else max(top, high + 0.08 * (high - bottom))
    for begin, to, limit in ((bottom, low, low), (high, top, high)):
        if limit is not None:
            ax.axhspan(begin, to, color=VERDICTS["violated"], alpha=0.1, linewidth=0, label=label, zorder=0)
            ax.axhline(limit, color=VERDICTS["violated"], linewidth=0.9, linestyle="--", zorder=1)
            label = "_"
    ax.set_ylim(bottom, top)


def _show_requirement(run: "RunFolder", name: str, data: "Telemetry", ax: Any) -> None:
    """The side of the requirement's comparison that the values must not pass, and where each device came nearest to it."""
    report = _report(run)
    spec = next((one for one in report if one["name"] == name), None)
    if spec is None:
        there = [one["name"] for one in report]
        raise KeyError(f"there is no requirement '{name}'{text.near(name, there) or '; there is ' + ', '.join(there)}")
    results = [one for one in spec["results"] if one.get("device", "") in ("", *data.devices) and "sides" in one
               and one.get("sides_unit") == data.unit and None not in one["sides"]]
    floors, ceilings = [], []
    for result in results:
        value, limit = _value_and_limit(result, data.field)
        margin = result["robustness"][0]
        if margin is not None and math.isclose(limit - value, margin, rel_tol=1e-6, abs_tol=1e-9):
            ceilings.append(limit)
        elif margin is not None and math.isclose(value - limit, margin, rel_tol=1e-6, abs_tol=1e-9):
            floors.append(limit)
        ax.plot(_at(run, result["at_s"]), value, "o", markersize=6, zorder=5, markeredgecolor="white",
                color=VERDICTS[result["verdict"]])
    _forbid(ax, max(floors, default=None), min(ceilings, default=None), f"{spec['verdict']}: {name}")
    if not results:
        ax.plot([], [], "o", color=VERDICTS[spec["verdict"]], label=f"{spec['verdict']}: {name}")


def _value_and_limit(result: dict[str, Any], field: str) -> tuple[float, float]:
    """The sides of what decided it: what is drawn, and what that is held against, whichever way it is written."""
    left, right = (re.findall(r"\w+", side) for side in re.split("[<>]", result["atom"], maxsplit=1))
    name = re.sub("_(mean|minimum|maximum|last)$", "", field)
    value, limit = result["sides"]
    return (limit, value) if name in right and name not in left else (value, limit)


def _show_events(run: "RunFolder", devices: "Patterns", wanted: Events, ax: Any) -> None:
    """Spans in which events stood: of the devices, of those that they belong to by their ids, and of the site."""
    if wanted is False or wanted == ():
        return
    spans = event_spans(run)
    names = sorted({name for name, _, _, _ in spans}) if wanted is True else (
        [wanted] if isinstance(wanted, str) else list(wanted))  # type: ignore[arg-type]
    _check_events(run, names, {name for name, _, _, _ in spans})
    shown = run.devices(devices)
    for number, name in enumerate(names):
        label = name.replace("_", " ")
        for event, device, begin, end in spans:
            if event == name and (not device or any(one == device or one.startswith(f"{device}/") for one in shown)):
                ax.axvspan(_at(run, begin), _at(run, end), color=EVENTS[number % len(EVENTS)], alpha=0.25, linewidth=0,
                           zorder=0, label=label)
                label = "_"


def _check_events(run: "RunFolder", names: list[str], raised: set[str]) -> None:
    """An event that was not raised draws nothing; one that the scenario has not is an error."""
    unknown = [name for name in names if name not in raised]
    if not unknown:
        return
    try:
        kept = json.loads((run.path / "resume.json").read_text(encoding="utf-8"))
        scenario = made_again((kept["scenario"], "", ""), [(path, value) for path, value in kept["settings"]])
        declared = {*(scenario["events"] or {}), *(scenario["alarms"] or {})}
    except (OSError, KeyError, ValueError):
        return  # its files are no longer there
    for name in unknown:
        if name not in declared:
            there = sorted(declared | raised)
            raise ValueError(f"the scenario has no event '{name}'{text.near(name, there) or '; it has ' + ', '.join(there)}")


def event_spans(run: "RunFolder") -> list[tuple[str, str, float, float]]:
    """When events stood: name, device, from and to, s since the start; to the run's end where they still do."""
    spans: list[tuple[str, str, float, float]] = []
    open_since: dict[tuple[str, str], float] = {}
    columns = run._decisions
    for at, kind, name, device in zip(columns["at_s"], columns["kind"], columns["subject"], columns["device"]):
        if kind == "event_raised":
            open_since[name, device] = float(at)
        elif kind == "event_cleared" and (name, device) in open_since:
            spans.append((name, device, open_since.pop((name, device)), float(at)))
    return spans + [(name, device, at, run.end) for (name, device), at in open_since.items()]


# Alarms.


def plot_alarms(run: "RunFolder", devices: "Patterns" = "**", *, ax: Any = None) -> Any:
    """A timeline of alarms; see :meth:`RunFolder.plot_alarms`."""
    for one in [devices] if isinstance(devices, str) else devices:
        if one != "**" and not run.devices(one):
            raise KeyError(f"no device matches {one!r}{text.near(one, run.devices())}")
    bars = _alarm_bars(run, set(run.devices(devices)) | {""})
    rows = list(dict.fromkeys((bar[0], bar[1]) for bar in sorted(bars, key=lambda one: one[4])))
    left_out = len(rows) - MOST_ALARMS
    rows = rows[:MOST_ALARMS]
    ax = _axes(ax, height=1.4 + 0.32 * max(len(rows), 1))
    for alarm, device, priority, state, begin, end in bars:
        if (alarm, device) in rows:
            _draw_state(run, ax, rows.index((alarm, device)), priority, state, begin, end)
    journal = run.columns("alarm_journal")
    for at, kind, alarm, device in zip(journal["at_s"], journal["kind"], journal["alarm"], journal["device"]):
        if kind == "alarm_late" and (alarm, device) in rows:
            ax.plot(_at(run, at), rows.index((alarm, device)), marker="v", color="black", markersize=5, zorder=4)
    ax.set_yticks(range(len(rows)), [f"{alarm.replace('_', ' ')}  {device}".strip() for alarm, device in rows])
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    ax.set_xlim(_at(run, 0.0), _at(run, run.end))
    ax.grid(axis="x", alpha=0.3)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if not rows:
        ax.text(0.5, 0.5, "no alarm was raised", transform=ax.transAxes, ha="center", va="center", color="#666666")
    if left_out > 0:
        ax.set_title(f"and {left_out} alarms more, which came later", fontsize="small", loc="right")
    _civil(run, ax)
    _alarm_legend(ax, {bar[2] for bar in bars}, {bar[3] for bar in bars}, "alarm_late" in journal["kind"])
    return ax


def _alarm_bars(run: "RunFolder", devices: set[str]) -> list[tuple[str, str, str, str, float, float]]:
    """Alarm, device, priority, state, from and to: for each time that a state other than normal was shown."""
    bars: list[tuple[str, str, str, str, float, float]] = []
    open_since: dict[tuple[str, str], tuple[str, str, float]] = {}
    journal = run.columns("alarm_journal")
    for at, alarm, device, priority, state in zip(*(journal[name] for name in
                                                    ("at_s", "alarm", "device", "priority", "state"))):
        if device not in devices:
            continue
        before = open_since.get((alarm, device))
        if before is not None and before[1] == state:
            continue
        if before is not None:
            bars.append((alarm, device, before[0], before[1], before[2], float(at)))
        open_since.pop((alarm, device), None)
        if state != "normal":
            open_since[alarm, device] = (priority, state, float(at))
    return bars + [(alarm, device, priority, state, at, run.end)
                   for (alarm, device), (priority, state, at) in open_since.items()]


def _look(priority: str, state: str) -> dict[str, Any]:
    colour = PRIORITIES.get(priority, "#777777")
    if state in HIDDEN:
        return {"height": 0.6, "facecolor": "#f2f2f2", "edgecolor": "#9a9a9a", "hatch": "////", "linewidth": 0}
    if state == "unacknowledged":
        return {"height": 0.6, "facecolor": colour}
    if state == "acknowledged":
        return {"height": 0.6, "facecolor": colour, "alpha": 0.4}
    return {"height": 0.14, "facecolor": colour}


def _draw_state(run: "RunFolder", ax: Any, row: int, priority: str, state: str, begin: float, end: float) -> None:
    look = _look(priority, state)
    height = look.pop("height")
    left = _at(run, begin)
    ax.broken_barh([(left, _at(run, end) - left)], (row - height / 2, height), **look)


def _alarm_legend(ax: Any, priorities: set[str], states: set[str], late: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=PRIORITIES[one], label=one) for one in PRIORITIES if one in priorities]
    if "acknowledged" in states:
        handles.append(Patch(color="#777777", alpha=0.4, label="acknowledged"))
    if states - HIDDEN - {"unacknowledged", "acknowledged"}:
        handles.append(Line2D([], [], color="#777777", linewidth=2, label="over, waits for a person"))
    for state in sorted(states & HIDDEN):
        handles.append(Patch(facecolor="#f2f2f2", edgecolor="#9a9a9a", hatch="////", label=state.replace("_", " ")))
    if late:
        handles.append(Line2D([], [], color="black", marker="v", linestyle="", markersize=5, label="answer is late"))
    if handles:
        ax.legend(handles=handles, fontsize="small", ncol=len(handles), loc="lower right", bbox_to_anchor=(1, 1),
                  frameon=False)


# Requirements.


def plot_robustness(run: "RunFolder", *, figure: Any = None) -> Any:
    """By how much each requirement held; see :meth:`RunFolder.plot_robustness`."""
    import matplotlib.pyplot as plt

    report = _report(run)
    if not report:
        raise ValueError(f"{run.path} has no requirements, or has not ended")
    if figure is None:
        figure = plt.figure(figsize=(8, 0.5 + 0.85 * len(report)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(report), 1))
    for ax, spec in zip(panels, report):
        _strip(ax, spec)
    return panels


def _strip(ax: Any, spec: dict[str, Any]) -> None:
    """A dot a device over its robustness, right of 0 where it held."""
    known = [(one["robustness"][0], one["verdict"]) for one in spec["results"] if one["robustness"][0] is not None]
    unit = next((one["unit"] for one in spec["results"] if "unit" in one), "")
    values = np.array([value for value, _ in known])
    ax.scatter(values, np.zeros(len(values)), s=28, alpha=0.75, linewidth=0, zorder=3,
               c=[VERDICTS[verdict] for _, verdict in known])
    left, right = (min(0.0, float(values.min())), max(0.0, float(values.max()))) if len(values) else (0.0, 0.0)
    room = 0.08 * (right - left) or 1.0
    ax.set_xlim(left - room, right + room)
    if left < 0:
        ax.axvspan(left - room, 0, color=VERDICTS["violated"], alpha=0.08, linewidth=0)
    ax.set_yticks([])
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    counts = ", ".join(f"{spec[verdict]} {verdict}" for verdict in ("violated", "undecided", "held") if spec.get(verdict))
    ax.set_title(f"{spec['name']}  ({counts})", fontsize="small", loc="left", color=VERDICTS[spec["verdict"]], pad=3)
    ax.tick_params(axis="x", labelsize="small")
    ax.annotate(_pretty(unit), (1.01, 0), xycoords="axes fraction", fontsize="small", va="center")
    if len(values):
        ax.axvline(0, color="black", linewidth=1)
    else:
        ax.set_xticks([])
        why = "nothing could break it" if spec["verdict"] == "held" else "nothing is known of it"
        ax.text(0.5, 0.4, why, transform=ax.transAxes, ha="center", va="center", fontsize="small", color="#666666")


def _report(run: "RunFolder") -> list[dict[str, Any]]:
    path = run.path / "requirements.json"
    return json.loads(path.read_text(encoding="utf-8"))["requirements"] if path.exists() else []


# Axes.


def _axes(ax: Any, height: float = 3.6) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(9, height), layout="constrained")[1]


def _legend(ax: Any) -> None:
    """Within the picture, or beside it where it would hide what it explains."""
    entries = len(ax.get_legend_handles_labels()[1])
    if entries > 5:
        ax.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    elif entries:
        ax.legend(fontsize="small", framealpha=0.9)


def _at(run: "RunFolder", seconds: Any) -> Any:
    """Times since the start as matplotlib's days."""
    from matplotlib.dates import date2num

    return date2num(run.start) + np.asarray(seconds) / 86400


def _civil(run: "RunFolder", ax: Any) -> None:
    """Hours and dates of the scenario's timezone, which is said."""
    from matplotlib import dates

    name = run.timezone
    try:
        zone: datetime.tzinfo = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        name, zone = "UTC", datetime.timezone.utc
    ax.xaxis_date(zone)
    locator = dates.AutoDateLocator(zone, minticks=4)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, zone))
    ax.set_xlabel(name.replace("_", " "), fontsize="small", color="#555555")


def _pretty(unit: str) -> str:
    return {"1": "", "degC": "°C", "degF": "°F"}.get(unit, unit)


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({_pretty(unit)})" if _pretty(unit) else name

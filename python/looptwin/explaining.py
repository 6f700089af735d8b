"""Why something happened in a run, why something did not, and what two runs differ by: the answers of ``looptwin explain``
and ``looptwin diff``, as text, as HTML in a notebook, and as values."""
from __future__ import annotations

import html
import json
from typing import Any, Iterator

from . import _looptwin
from .arguments import checked
from .frames import frame


@checked
class Line:
    """One line of an explanation, and those below it.

    ``is_``: "decision", "timer", "condition", "value", "sample", "set", "answer" or "change". ``facts``: what it says as
    values: of a decision its time, kind, subject, device, value, id; of a condition whether it ``holds``, ``left``,
    ``right`` and ``by`` how much in ``unit``; of a sample its value, ``sampled_at_s`` and ``quality``.
    """

    def __init__(self, facts: dict[str, Any]):
        self.is_: str = facts.pop("is")
        self.level: int = facts.pop("level")
        self.text: str = facts.pop("text").strip()
        self.facts = facts
        self.lines: list[Line] = []

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    def walk(self) -> Iterator["Line"]:
        """It and all below it, from top to bottom."""
        yield self
        for line in self.lines:
            yield from line.walk()

    def _html(self) -> str:
        mark = {"yes": "#2a7", "no": "#c44", "?": "#888"}.get(self.text.split(" ", 1)[0])
        style = f" style='color:{mark}'" if mark else ""
        said = f"<span{style}>{html.escape(self.text)}</span>"
        if not self.lines:
            return f"<li>{said}</li>"
        below = "".join(one._html() for one in self.lines)
        return f"<li><details open><summary>{said}</summary><ul>{below}</ul></details></li>"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<looptwin.Line {self.text}>"


@checked
class Explanation:
    """An answer as a tree of :class:`Line`; ``str()`` of it is what the command line prints."""

    def __init__(self, printed: str, told: str):
        self._text = printed.rstrip("\n")
        #: The lines that stand below no other.
        self.lines: list[Line] = []
        above: list[Line] = []
        for facts in json.loads(told):
            line = Line(facts)
            while above and above[-1].level >= line.level:
                above.pop()
            (above[-1].lines if above else self.lines).append(line)
            above.append(line)

    def walk(self) -> Iterator[Line]:
        """All lines, from top to bottom."""
        for line in self.lines:
            yield from line.walk()

    def of(self, is_: str) -> list[Line]:
        """All lines of one kind: ``of("condition")``."""
        return [line for line in self.walk() if line.is_ == is_]

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<ul>{''.join(line._html() for line in self.lines)}</ul>"


@checked
class Difference:
    """What two runs decided otherwise; ``str()`` of it is what ``looptwin diff`` prints."""

    def __init__(self, equal: bool, printed: str, told: str):
        self._text = printed.rstrip("\n")
        #: Both decided the same.
        self.equal = equal
        #: As ``looptwin diff --format json`` has it: ``counts``, ``subjects``, ``first`` with ``because_of``, ``changes``.
        self.report: dict[str, Any] = json.loads(told)

    @property
    def counts(self) -> dict[str, int]:
        """How many decisions are ``equal``, ``appeared``, ``vanished`` and ``moved``."""
        return self.report["counts"]

    @property
    def first(self) -> Any:
        """The first change, with what led to it and the first input that differs; None where there is no change."""
        return self.report.get("first")

    @property
    def changes(self) -> Any:
        """All changes, a row each: a ``pandas.DataFrame``, or a dict of arrays where there is no pandas."""
        rows = []
        for change in self.report["changes"]:
            row: dict[str, Any] = {"is": change["is"]}
            for side in ("a", "b"):
                for name, value in (change.get(side) or {}).items():
                    row[f"{name}_{side}"] = value
            rows.append(row)
        names = list(dict.fromkeys(name for row in rows for name in row))
        return frame({name: [row.get(name) for row in rows] for name in names or ["is"]})

    def __bool__(self) -> bool:
        return not self.equal

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{html.escape(subject)}</td>" + "".join(
            f"<td>{counts[name]}</td>" for name in ("equal", "appeared", "vanished", "moved")) + "</tr>"
            for subject, counts in {"all": self.counts, **self.report["subjects"]}.items())
        table = ("<table><tr><th></th><th>equal</th><th>appeared</th><th>vanished</th><th>moved</th></tr>"
                 f"{rows}</table>")
        return table if self.equal else f"{table}<pre>{html.escape(self._text)}</pre>"


def explain(run: str, decision: Any) -> Explanation:
    if decision is None:
        digits = ""
    elif isinstance(decision, str):
        digits = decision
        if not digits:
            raise ValueError("an id has at least one digit; explain() without one lists events and alarms")
    else:
        digits = f"{int(decision) % 2**64:016x}"  # also of ids that somebody has made signed
    return Explanation(*_looptwin.explain(run, digits))


def why_not(run: str, name: str, device: str, at_ns: int) -> Explanation:
    return Explanation(*_looptwin.why_not(run, name, device, at_ns))


def difference(run: str, other: str, show: int) -> Difference:
    return Difference(*_looptwin.difference(run, other, show))

"""What can go wrong: bad input, and runs that break."""
from __future__ import annotations

from typing import NamedTuple, Optional

from .arguments import checked


class Problem(NamedTuple):
    """One diagnostic. ``line`` and ``column`` count from 1; where a problem has no place all three are None."""

    file: Optional[str]
    line: Optional[int]
    column: Optional[int]
    severity: str
    message: str
    hint: str


@checked
class ScenarioError(ValueError):
    """Bad input. The text is what the command line prints: file, line, column, a caret, what to write instead.

    ``problems`` has the same as a list of :class:`Problem`.
    """

    def __init__(self, text: str, problems: Optional[list[Problem]] = None):
        super().__init__(text.rstrip("\n"))
        self.problems: list[Problem] = list(problems or [])


@checked
class RunError(RuntimeError):
    """A run that broke: its disk, its plants, or a run folder that cannot be read."""

    def __init__(self, text: str, problems: Optional[list[Problem]] = None):
        super().__init__(text.rstrip("\n"))
        self.problems: list[Problem] = list(problems or [])

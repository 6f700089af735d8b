"""Scenarios: loaded, changed, checked."""
from __future__ import annotations

import datetime
import os
import pathlib
from typing import Any, Iterator, Mapping, Optional, Sequence, Union

from . import _looptwin, text
from .arguments import checked
from .errors import Problem

Source = Union[str, "os.PathLike[str]", Mapping[Any, Any]]
# What a source is made of, in any process: a path; or a text, its name and the folder that it is read in.
Made = tuple[str, str, str]


class Settings(Mapping[str, str]):
    """What was set on a scenario, by path, as YAML: the last value of each."""

    def __init__(self, pairs: list[tuple[str, str]]):
        self._values = dict(pairs)

    def __getitem__(self, path: str) -> str:
        return self._values[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


@checked
class Scenario:
    """A scenario and what was set on it. Always valid: a setting that is refused leaves it as it was.

    ``scenario["fleet.home.count"] = 100`` is ``--set fleet.home.count=100``: a text is YAML, so that units go
    with it, ``scenario["models.home.parameters.UA.default"] = "200 W/K"``.
    """

    def __init__(self, source: Any, made: Optional[Made] = None):
        if made is None:
            raise TypeError("a scenario is loaded: write looptwin.load(...)")
        self._source: _looptwin.ScenarioSource = source
        self._made = made

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"'{name}' cannot be set so: write scenario[\"{name}\"] = {value!r}")
        super().__setattr__(name, value)

    def __setitem__(self, path: str, value: Any) -> None:
        self.set({path: value})

    def __getitem__(self, path: str) -> Any:
        """What the scenario says at a path of ``--set``, with what was set: ``scenario["fleet.home.count"]``.

        Numbers without a unit are numbers, other single values texts, sections dicts, lists lists. None where nothing is
        written: the default then holds. A path that leads nowhere raises :class:`ScenarioError`.
        """
        return self._source.written(path)

    def set(self, settings: Mapping[str, Any]) -> "Scenario":
        """Sets several values at once: all of them or none. Raises :class:`ScenarioError`. Returns itself."""
        self._source.set([(path, text.setting(value, path)) for path, value in settings.items()])
        return self

    @property
    def settings(self) -> Settings:
        """What was set, by path."""
        return Settings(self._source.settings())

    def copy(self) -> "Scenario":
        """One that can be changed without changing this one."""
        return Scenario(_looptwin.ScenarioSource(self._source), self._made)

    def __reduce__(self) -> tuple[Any, ...]:
        path, source, name = self._made
        return made_again, ((os.path.abspath(path), source, name), self._source.settings())

    def check(self) -> list[Problem]:
        """Builds everything that a run needs, as ``looptwin check`` does, and runs nothing.

        Returns the warnings; raises :class:`ScenarioError` with all errors.
        """
        return self._source.check()

    @property
    def name(self) -> str:
        """Its name."""
        return self._source.facts()["name"]

    @property
    def about(self) -> str:
        """What it is about, in its own words."""
        return self._source.facts()["about"]

    @property
    def seed(self) -> int:
        """What its random numbers begin with."""
        return self._source.facts()["seed"]

    @property
    def duration(self) -> datetime.timedelta:
        """How long a run of it is, in simulated time."""
        return datetime.timedelta(microseconds=self._source.facts()["duration_ns"] / 1000)

    @property
    def cycle(self) -> datetime.timedelta:
        """From one boundary at which the loop decides to the next."""
        return datetime.timedelta(microseconds=self._source.facts()["cycle_ns"] / 1000)

    @property
    def start(self) -> datetime.datetime:
        """The civil instant at which a run begins, in UTC."""
        return instant(self._source.facts()["start_unix_ns"])

    def __repr__(self) -> str:
        changed = f", {len(self.settings)} set" if self.settings else ""
        return f"<looptwin.Scenario {self.name}{changed}>"


def instant(unix_ns: int) -> datetime.datetime:
    """An instant in UTC, to the microsecond."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(microseconds=unix_ns // 1000)


@checked
def load(source: Source, *, set: Optional[Mapping[str, Any]] = None,  # noqa: A002: the command line's word
         folder: Union[str, "os.PathLike[str]", None] = None) -> Scenario:
    """Loads a scenario: a folder or a file by its path, a YAML text (which has line breaks), or a dict.

    ``set``: values by path, as ``--set`` takes them. ``folder``: where a text or a dict finds the files that it
    uses; the working directory if absent. Raises :class:`ScenarioError` with all problems of all files.
    """
    if isinstance(source, Mapping):
        made = (os.fspath(folder or "."), text.document(source), "dict")
    elif isinstance(source, str) and "\n" in source:
        made = (os.fspath(folder or "."), source, "text")
    elif isinstance(source, (str, os.PathLike)):
        if folder is not None:
            raise TypeError("folder= is for a text or a dict: a file's own folder is known")
        made = (os.fspath(pathlib.Path(source)), "", "")
    else:
        raise TypeError(f"a scenario is a path, a YAML text or a dict, not a {type(source).__name__}")
    return made_again(made, [(path, text.setting(value, path)) for path, value in (set or {}).items()])


def made_again(made: Made, settings: Sequence[tuple[str, str]] = ()) -> Scenario:
    scenario = Scenario(_looptwin.ScenarioSource(*made), made)
    scenario._source.set(list(settings))
    return scenario


def loaded(source: Union[Scenario, Source]) -> Scenario:
    """A scenario as it is, or loaded."""
    return source if isinstance(source, Scenario) else load(source)

"""Plants, feeds and functions of a scenario as classes of Python over whole columns.

A scenario names a class ``python: {class: "module:Class", with: {...}}``. Arrays come and go in the units that are
declared; what a class hands out in another shape, or raises, ends the run with the class, the time and the place.
"""
from __future__ import annotations

import datetime
import importlib
import importlib.util
import inspect
import os
import pathlib
import pickle
import re
import sys
import traceback
import types
from typing import Any, Callable, Iterable, Mapping, Optional, Union

import numpy as np

from . import _looptwin, text
from .arguments import checked
from .scenario import instant

Array = np.ndarray


class Plant:
    """Physics that devices share, or that each has as an element of its own: whole columns, a row an element.

    A class says its ``step``, its ``elements`` by kind (how many, their names, or None for one without a name), and its
    ``inputs`` and ``outputs`` by ``"kind.quantity"`` with their units. A device is related to an element of the model
    ``PLANT_kind``, whose devices are ``PLANT/kind/name``, reads its outputs and drives its inputs as those of any plant.

        class Tanks(looptwin.Plant):
            step = "1 s"
            inputs = {"tank.valve": "1"}
            outputs = {"tank.level": "m"}

            def __init__(self, count: float = 3, area: float = 1.5):
                self.elements = {"tank": int(count)}
                self.area, self.level = area, np.full(int(count), 2.0)

            def advance(self, dt, inputs):
                self.level -= dt * 1e-3 * inputs["tank.valve"] / self.area

            def read(self):
                return {"tank.level": self.level}

    What it is made with stands in the scenario's ``with:``; an argument ``seed`` gets the run's seed. Its state is what
    its attributes hold (:meth:`save`), so that runs can be forked and resumed.
    """

    step: text.Span = 1
    elements: Mapping[str, Union[int, Iterable[str], None]] = {}
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {}

    def advance(self, dt: float, inputs: dict[str, Array]) -> None:
        """Goes on by one step of ``dt`` s. ``inputs``: as they were at its beginning, shape (elements,), to keep."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it goes on: write advance(self, dt, inputs)")

    def read(self) -> Mapping[str, Any]:
        """All outputs as they are now, shape (elements,) or one number for all."""
        raise NotImplementedError(f"{type(self).__name__} does not say what comes of it: write read(self)")

    def save(self) -> Any:
        """The whole state, for :meth:`restore`: what pickle can keep."""
        return self.__dict__

    def restore(self, state: Any) -> None:
        """Back to what :meth:`save` returned."""
        self.__dict__.clear()
        self.__dict__.update(state)


class Feed:
    """Signals from outside, computed for the whole run when it is loaded: a value each ``every``, held until the next.

        class Price(looptwin.Feed):
            every = "1 h"
            signals = {"price": "USD/kWh"}

            def values(self, time):
                return {"price": 0.2 + 0.1 * np.sin(time / 86400 * 2 * np.pi)}
    """

    every: text.Span = "1 h"
    signals: Mapping[str, str] = {}
    #: The civil instant of the run's start, UTC.
    start: datetime.datetime

    def values(self, time: Array) -> Mapping[str, Any]:
        """Each signal at ``time``, s since the run's start, shape (n,), in its unit."""
        raise NotImplementedError(f"{type(self).__name__} does not say its values: write values(self, time)")


_registered: dict[str, Any] = {}
_modules: dict[tuple[str, int], Any] = {}


@checked
def register(name: str, what: Optional[Any] = None) -> Any:
    """Gives a class, or a function over columns, a name under which scenarios use it: ``class: NAME``.

    As a function, ``register("tanks", Tanks)``, or above a class, ``@register("tanks")``. A name that is there already
    is another one from then on.
    """
    if not name or ":" in name:
        raise ValueError(f"{name!r} is no name for a class: write one without ':'")
    if what is None:
        return lambda decorated: register(name, decorated)
    if not callable(what):
        raise TypeError(f"{name}: a {type(what).__name__} is no class and no function")
    _registered[name] = what
    return what


def _file(module: str, folder: str) -> Optional[pathlib.Path]:
    path = pathlib.Path(folder or ".") / (module.replace(".", "/") + ".py")
    return path if path.is_file() else None


def _module(name: str, folder: str) -> Any:
    """A file of the scenario's folder as it is now, or what Python can import."""
    path = _file(name, folder)
    if path is None:
        return importlib.import_module(name)
    key = (os.fspath(path.resolve()), path.stat().st_mtime_ns)
    if key not in _modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, os.fspath(path.parent))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(os.fspath(path.parent))
        _modules[key] = module
    return _modules[key]


def _find(name: str, folder: str) -> Any:
    if ":" not in name:
        if name in _registered:
            return _registered[name]
        raise LookupError(f"no class was registered as '{name}': write module:Class, or call looptwin.register")
    module, _, attribute = name.partition(":")
    found = _module(module, folder)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise LookupError(f"{module} has no '{part}'")
        found = getattr(found, part)
    return found


def _make(name: str, folder: str, arguments: Mapping[str, Any], wanted: type, seed: Optional[int] = None) -> Any:
    found = _find(name, folder)
    if not (isinstance(found, type) and issubclass(found, wanted)):
        raise TypeError(f"it is no looptwin.{wanted.__name__}")
    given = dict(arguments)
    if seed is not None and "seed" in inspect.signature(found).parameters:
        given.setdefault("seed", seed)
    return found(**given)


def _columns(handed: Any, declared: Mapping[str, Any], rows: Callable[[str], int], call: str) -> dict[str, Array]:
    """What a class handed out, checked: all that it declares, in their shapes."""
    if not isinstance(handed, Mapping):
        raise TypeError(f"{call} returned a {type(handed).__name__}: return a dict of arrays by name")
    unknown = sorted(set(handed) - set(declared))
    if unknown:
        raise KeyError(f"{call} returned '{unknown[0]}', which it does not declare; it declares "
                       f"{', '.join(declared) or 'nothing'}")
    columns = {}
    for name in declared:
        if name not in handed:
            raise KeyError(f"{call} returned no '{name}'")
        columns[name] = _column(handed[name], rows(name), f"{name} from {call}")
    return columns


def _column(value: Any, rows: int, what: str) -> Array:
    column = np.asarray(value)
    if column.dtype == object or column.dtype.kind not in "fiub":
        raise TypeError(f"{what} has the type {column.dtype}: numbers are needed")
    if column.ndim and column.shape != (rows,):
        raise ValueError(f"{what} has the shape {column.shape}, not {(rows,)}")
    return np.broadcast_to(column, (rows,)).astype(np.float64)


def _by_name(declared: Any, what: str, of: str) -> None:
    if not isinstance(declared, Mapping):
        raise TypeError(f"{what} is a {type(declared).__name__}: write a dict of {of} by name")


def _units(declared: Any, what: str) -> None:
    _by_name(declared, what, "units")
    for name, unit in declared.items():
        if not isinstance(name, str) or not isinstance(unit, str):
            raise TypeError(f"{name} of {what} is {unit!r}: write its name and its unit as texts")


class _PlantRunner:
    """A plant's ports as one row of numbers: of each kind, element by element, inputs before outputs."""

    def __init__(self, plant: Plant):
        self._plant = plant
        self.step_ns = _looptwin.duration_ns(text.span(plant.step))
        if self.step_ns <= 0:
            raise ValueError(f"step is {plant.step!r}: it must be longer than nothing")
        _units(plant.inputs, "inputs")
        _units(plant.outputs, "outputs")
        _by_name(plant.elements, "elements", "numbers or names")
        self.ports: list[tuple[str, str, str, bool]] = []
        self._views: dict[str, tuple[int, int, int, int]] = {}  # first, elements, stride, place of the quantity
        both = set(plant.inputs) & set(plant.outputs)
        if both:
            raise ValueError(f"'{min(both)}' is an input and an output")
        if not plant.outputs:
            raise ValueError("it has no outputs: nothing could be seen of it")
        for name in (*plant.inputs, *plant.outputs):
            kind, dot, quantity = name.partition(".")
            if not dot or not quantity.isidentifier() or kind not in plant.elements:
                raise ValueError(f"'{name}' is no quantity of its elements: write \"kind.quantity\", of "
                                 f"{', '.join(plant.elements) or 'what elements says'}")
        for kind, elements in plant.elements.items():
            if not any(name.startswith(f"{kind}.") for name in (*plant.inputs, *plant.outputs)):
                raise ValueError(f"its elements '{kind}' have no inputs and no outputs")
            self._add(kind, self._names(kind, elements))

    @staticmethod
    def _names(kind: str, elements: Any) -> list[str]:
        if not isinstance(kind, str) or not kind.isidentifier():
            raise ValueError(f"{kind!r} is no name for a kind of elements: write letters, digits and _")
        if elements is None:
            return [kind]
        if isinstance(elements, (int, float, np.integer)):
            if elements < 1 or not float(elements).is_integer():
                raise ValueError(f"it has {elements} elements '{kind}'")
            return [f"{kind}.{kind}-{i}" for i in range(1, int(elements) + 1)]
        if isinstance(elements, str) or not isinstance(elements, Iterable):
            raise TypeError(f"elements '{kind}' are {elements!r}: write how many, or a list of names")
        names = list(elements)
        for name in names:
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name) or names.count(name) > 1:
                raise ValueError(f"{name!r} cannot name one of its elements '{kind}': write letters, digits, - and _, each "
                                 "name once")
        if not names:
            raise ValueError(f"it has no elements '{kind}'")
        return [f"{kind}.{name}" for name in names]

    def _add(self, kind: str, names: list[str]) -> None:
        of_kind = [(name, unit, is_output) for declared, is_output in ((self._plant.inputs, False),
                                                                       (self._plant.outputs, True))
                   for name, unit in declared.items() if name.partition(".")[0] == kind]
        first = len(self.ports)
        for place, (name, _, _) in enumerate(of_kind):
            self._views[name] = (first, len(names), len(of_kind), place)
        for element in names:
            self.ports += [(element, name.partition(".")[2], unit, is_output) for name, unit, is_output in of_kind]

    def _view(self, row: Array, name: str) -> Array:
        first, count, stride, place = self._views[name]
        return row[first + place:first + count * stride:stride]

    def _outputs(self, row: Array) -> Array:
        read = _columns(self._plant.read(), self._plant.outputs, lambda name: self._views[name][1], "read()")
        for name, column in read.items():
            self._view(row, name)[:] = column
        return row

    def begin(self) -> Array:
        return self._outputs(np.zeros(len(self.ports)))

    def advance(self, row: Array, _time: float) -> Array:
        inputs = {name: self._view(row, name).copy() for name in self._plant.inputs}
        self._plant.advance(self.step_ns / 1e9, inputs)
        return self._outputs(row)

    def save(self) -> bytes:
        return pickle.dumps(self._plant.save())

    def restore(self, state: bytes) -> None:
        self._plant.restore(pickle.loads(state))  # noqa: S301: what save() wrote


def plant(name: str, folder: str, arguments: Mapping[str, Any], seed: int) -> _PlantRunner:
    return _PlantRunner(_make(name, folder, arguments, Plant, seed))


def feed(name: str, folder: str, arguments: Mapping[str, Any], start_unix_ns: int,
         until_ns: int) -> list[tuple[str, str, list[int], list[float]]]:
    made = _make(name, folder, arguments, Feed)
    made.start = instant(start_unix_ns)
    every_ns = _looptwin.duration_ns(text.span(made.every))
    _units(made.signals, "signals")
    if every_ns <= 0 or not made.signals:
        raise ValueError("it needs every, longer than nothing, and signals with their units")
    for signal in made.signals:
        if not signal.isidentifier():
            raise ValueError(f"'{signal}' is no name for a signal: write letters, digits and _")
    at = np.arange(0, until_ns + every_ns, every_ns, dtype=np.int64)
    values = _columns(made.values(at / 1e9), made.signals, lambda _: len(at), "values()")
    for signal, column in values.items():
        if not np.isfinite(column).all():
            slot = int(np.flatnonzero(~np.isfinite(column))[0])
            raise ValueError(f"{signal} from values() is {column[slot]} at {at[slot] / 1e9:g} s")
    return [(signal, made.signals[signal], at.tolist(), column.tolist()) for signal, column in values.items()]


def function(name: str, folder: str, arguments: Mapping[str, Any]) -> Callable[[list[Array], int], Array]:
    found = _find(name, folder)
    called = found(**arguments) if isinstance(found, type) else found
    if not callable(called):
        raise TypeError("it cannot be called: write __call__(self, ...) over its columns")
    if not isinstance(found, type) and arguments:
        raise TypeError("it is a function, which is made with nothing: remove with:, or write a class")

    def call(columns: list[Array], rows: int) -> Array:
        return _column(called(*columns), rows, "what it returned")

    return call


def source(name: str, folder: str) -> Optional[tuple[str, str]]:
    if ":" not in name:
        return None
    path = _file(name.partition(":")[0], folder)
    if path is None:
        return None
    return os.path.relpath(path, folder or "."), path.read_text(encoding="utf-8")


def described(error: BaseException, trace: Optional[types.TracebackType]) -> str:
    """An exception on one line, with the last place outside of this package."""
    ours = os.path.dirname(__file__)
    places = [frame for frame in traceback.extract_tb(trace) if os.path.dirname(frame.filename) != ours]
    where = f" ({os.path.basename(places[-1].filename)}:{places[-1].lineno})" if places else ""
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f"{type(error).__name__}: {said}{where}"

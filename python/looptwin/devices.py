"""Controllers and physics of device models as classes of Python over columns.

A model names one ``controller: {python: {class: "module:Class", with: {...}}}``, and likewise under ``physics:`` in the
place of ``rates:``. A call is for some devices of the model, a value a device; what lasts stands in declared states, which
are columns of the simulation: forks, snapshots and devices that restart have them.
"""
from __future__ import annotations

import math
from typing import Any, Mapping, Sequence, Union

import numpy as np

from .extending import Array, _by_name, _columns, _make

#: A unit; ``bool`` for what is true or false; ``int`` for a word, by its code in the order of the words.
Quantity = Union[str, type]


class _WithoutMemory:
    """Once it is made its attributes stay: calls come for other devices, at other times, on other threads."""

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_is_made"):
            raise AttributeError(f"{name} is set while time goes on: declare it in states, and return it")
        super().__setattr__(name, value)

    def _seal(self) -> None:
        for name, value in self.__dict__.items():
            if isinstance(value, np.ndarray):
                view = value.view()
                view.flags.writeable = False
                self.__dict__[name] = view
        self.__dict__["_is_made"] = True


class Controller(_WithoutMemory):
    """The controller inside each device of a model, run every ``every`` of the model's ``controller:``.

    ``inputs`` are names of what a controller sees, with the units in which the class has them: telemetry as it is
    measured, setpoints as they are held, commands, parameters. ``outputs`` are its signals, which the physics reads by name.
    ``states`` are what each device remembers, 0 at the start and after a restart that forgets, or as ``initial`` says.

        class Level(looptwin.Controller):
            inputs = {"level": "m", "target": "m"}
            outputs = {"opening": "1"}
            states = {"integral": "m*s"}

            def __init__(self, gain=0.5, reset=600):
                self.gain, self.reset = gain, reset

            def control(self, dt, inputs, states):
                error = inputs["target"] - inputs["level"]
                integral = states["integral"] + dt * error
                opening = np.clip(self.gain * (error + integral / self.reset), 0, 1)
                return {"opening": opening, "integral": integral}

    What it is made with stands in the scenario's ``with:``. Attributes are constants from then on.
    """

    inputs: Mapping[str, Quantity] = {}
    outputs: Mapping[str, Quantity] = {}
    states: Mapping[str, str] = {}
    initial: Mapping[str, float] = {}

    def control(self, dt: float, inputs: dict[str, Array], states: dict[str, Array]) -> Mapping[str, Any]:
        """All outputs and the new states, shape (n,) or one number for all.

        ``dt``: the controller's period, s. Columns have shape (n,), of n devices which may be others at each call; unknown
        is NaN, of a bool False, of a word -1.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it does: write control(self, dt, inputs, states)")


class Physics(_WithoutMemory):
    """The physics of each device of a model: it goes on with the states that the model's ``physics:`` declares.

    ``inputs`` are names that physics sees, with the units in which the class has them: parameters, ``inputs:``, ``random:``,
    ``outputs:`` and the controller's signals. ``states`` are the model's, in the units in which the class has them.

        class Room(looptwin.Physics):
            inputs = {"outdoor": "degC", "heat": "kW"}
            states = {"air": "degC"}

            def advance(self, dt, inputs, states):
                flow = inputs["heat"] - 0.1 * (states["air"] - inputs["outdoor"])
                return {"air": states["air"] + dt * flow / 500}

    What it is made with stands in the scenario's ``with:``. Attributes are constants from then on.
    """

    inputs: Mapping[str, Quantity] = {}
    states: Mapping[str, str] = {}

    def advance(self, dt: float, inputs: dict[str, Array], states: dict[str, Array]) -> Mapping[str, Any]:
        """The states after a step of ``dt`` s, shape (n,): inputs are as they were at its beginning, and held."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it goes on: write "
                                  "advance(self, dt, inputs, states)")


def _declared(quantities: Mapping[str, Any], what: str, kinds: Sequence[Any]) -> list[tuple[str, str, str]]:
    """(name, "number", "truth" or "word", unit), checked."""
    _by_name(quantities, what, "units")
    declared = []
    for name, quantity in quantities.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"{name!r} of {what} is no name: write letters, digits and _")
        if isinstance(quantity, str):
            declared.append((name, "number", quantity))
        elif quantity in kinds:
            declared.append((name, "truth" if quantity is bool else "word", ""))
        else:
            write = " or ".join(["its unit as a text", *(kind.__name__ for kind in kinds)])
            raise TypeError(f"{name} of {what} is {quantity!r}: write {write}")
    return declared


def _shown(column: Array, quantity: Any) -> Array:
    if quantity is bool:
        return column == 1
    if quantity is int:
        return np.where(np.isnan(column), -1, column).astype(np.int64)
    return column


class _Runner:
    """A class with its columns as lists, in the order in which it declares them."""

    def __init__(self, made: Union[Controller, Physics]):
        self._made = made
        self._inputs, self._states = dict(made.inputs), dict(made.states)
        self._outputs = dict(made.outputs) if isinstance(made, Controller) else {}
        self._function = made.control if isinstance(made, Controller) else made.advance
        self._call = f"{self._function.__name__}()"
        self.inputs = _declared(made.inputs, "inputs", (bool, int))
        self.states = _declared(made.states, "states", ())
        self.outputs = _declared(self._outputs, "outputs", (bool,))
        both = set(self._states) & set(self._outputs)
        if both:
            raise ValueError(f"'{min(both)}' is a state and an output")
        if not self.states and not self.outputs:
            raise ValueError("it has no outputs: nothing would come of it" if isinstance(made, Controller) else
                             "it has no states: nothing would come of it")
        initial = made.initial if isinstance(made, Controller) else {}
        for name in initial:
            if name not in self._states:
                raise ValueError(f"initial has '{name}', which is no state")
        self.initial = [float(initial.get(name, 0.0)) for name in self._states]
        if not all(map(math.isfinite, self.initial)):
            raise ValueError("initial has what is no finite number")
        made._seal()

    def run(self, dt: float, inputs: list[Array], states: list[Array], rows: int) -> list[Array]:
        """States, then outputs."""
        given = {name: _shown(column, self._inputs[name]) for name, column in zip(self._inputs, inputs)}
        handed = self._function(dt, given, dict(zip(self._states, states)))
        columns = _columns(handed, {**self._states, **self._outputs}, lambda _: rows, self._call)
        for name, quantity in self._outputs.items():
            if quantity is bool and not np.isin(columns[name], (0, 1)).all():
                raise ValueError(f"{name} from {self._call} is neither true nor false")
        return list(columns.values())


def controller(name: str, folder: str, arguments: Mapping[str, Any]) -> _Runner:
    return _Runner(_make(name, folder, arguments, Controller))


def physics(name: str, folder: str, arguments: Mapping[str, Any]) -> _Runner:
    return _Runner(_make(name, folder, arguments, Physics))

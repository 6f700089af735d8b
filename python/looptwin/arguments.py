"""What functions are called with, held against their annotations, so that who mistakes one reads what to write instead."""
from __future__ import annotations

import collections.abc
import datetime
import functools
import inspect
import numbers
import os
import sys
import types
import typing
from typing import Any, Callable, TypeVar, Union

import numpy as np

_Checked = TypeVar("_Checked")

#: Beside the methods with public names.
_OPERATORS = ("__init__", "__getitem__", "__setitem__")
#: What stands for a span of time, in a scenario's words.
_SPAN = frozenset((str, int, float, datetime.timedelta))
_LONGEST_SHOWN = 60


def checked(what: _Checked) -> _Checked:
    """A function that refuses arguments of other types than its annotations say; a class whose public methods do.

    Numbers may be of any type that is one, as NumPy's, lists anything that can be gone through, paths texts.
    """
    if not isinstance(what, type):
        return typing.cast(_Checked, _guarded(typing.cast(Callable[..., Any], what)))
    for name, member in list(vars(what).items()):
        if inspect.isfunction(member) and (not name.startswith("_") or name in _OPERATORS):
            setattr(what, name, _guarded(member))
    return typing.cast(_Checked, what)


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    names = [one.name for one in inspect.signature(function).parameters.values()
             if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]

    @functools.cache
    def hints() -> dict[str, Any]:
        # What annotations alone name is the package's, and paths are of os.
        known = {"os": os, **vars(sys.modules[__package__]), **function.__globals__}
        return typing.get_type_hints(function, globalns=known)

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        expected = hints()
        for name, value in zip(names, arguments):
            _check(name, value, expected)
        for name, value in named.items():
            _check(name, value, expected)
        return function(*arguments, **named)

    return call


def _check(name: str, value: Any, expected: dict[str, Any]) -> None:
    if name in expected and not _is(value, expected[name]):
        raise TypeError(f"{name}={_shown(value)}: write {_what_to_write(value, expected[name])}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    if typing.get_origin(hint) in (Union, types.UnionType):
        return any(_is(value, one) for one in typing.get_args(hint))
    kind = typing.get_origin(hint) or hint
    if isinstance(kind, TypeVar):
        return True
    if kind is float:
        return isinstance(value, numbers.Real)
    if kind is int:
        return hasattr(value, "__index__")
    if kind is bool:
        return isinstance(value, (bool, np.bool_))
    if kind is collections.abc.Callable:
        return callable(value)
    if kind in (list, collections.abc.Sequence, collections.abc.Iterable):
        return _is_list(value, (typing.get_args(hint) or (Any,))[0])
    if kind is tuple:
        return isinstance(value, (tuple, list)) and _are(value, typing.get_args(hint))
    if kind in (dict, collections.abc.Mapping) and typing.get_args(hint)[:1] == (str,):
        return isinstance(value, collections.abc.Mapping) and all(isinstance(key, str) for key in value)
    return isinstance(value, kind)


def _are(values: Any, hints: tuple[Any, ...]) -> bool:
    if hints[1:] == (...,):
        return all(_is(one, hints[0]) for one in values)
    return len(values) == len(hints) and all(map(_is, values, hints))


def _is_list(value: Any, of: Any) -> bool:
    if isinstance(value, (str, bytes, collections.abc.Mapping)) or not hasattr(value, "__iter__"):
        return False
    return not isinstance(value, (list, tuple)) or all(_is(one, of) for one in value)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, (str, bytes, bool, numbers.Number, list, tuple, dict)):
        text = repr(value)
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return f"<{type(value).__name__}>"


def _what_to_write(value: Any, hint: Any) -> str:
    alternatives = list(_alternatives(hint))
    lists = [one for one in alternatives if typing.get_origin(one) in (list, collections.abc.Sequence)]
    if isinstance(value, str) and lists:
        return f"a list: [{value!r}]"
    said = []
    if _SPAN <= set(alternatives):
        said.append("a span of time, \"5 min\", seconds as a number, or a timedelta")
        alternatives = [one for one in alternatives if one not in _SPAN]
    has_path = any(typing.get_origin(one) is os.PathLike or one is os.PathLike for one in alternatives)
    for one in alternatives:
        if one is str and has_path:
            continue
        said.append(_said(one))
    said = [one for one in dict.fromkeys(said) if one]
    return ", or ".join(said) if len(said) < 3 else f"{', '.join(said[:-1])}, or {said[-1]}"


def _said(hint: Any) -> str:
    kind = typing.get_origin(hint) or hint
    words = {str: "a text", int: "a whole number", float: "a number", bool: "True or False", type(None): "None",
             os.PathLike: "a path", datetime.timedelta: "a timedelta", collections.abc.Callable: "a function",
             np.ndarray: "an array"}
    if kind in (dict, collections.abc.Mapping):
        return "a dict by texts" if typing.get_args(hint)[:1] == (str,) else "a dict"
    if kind in words:
        return words[kind]
    if kind is tuple:
        of = typing.get_args(hint)
        each = [" or ".join(map(_said, _alternatives(one))) for one in of if one is not ...]
        return f"({each[0]}, …)" if ... in of else f"({', '.join(each)})"
    if kind in (list, collections.abc.Sequence, collections.abc.Iterable):
        of = typing.get_args(hint)
        kinds = {str: "texts", int: "whole numbers", float: "numbers", collections.abc.Mapping: "dicts"}
        plural = kinds.get(typing.get_origin(of[0]) or of[0]) if of else None
        return f"a list of {plural}" if plural else "a list"
    return f"a {kind.__module__.split('.')[0]}.{kind.__name__}"

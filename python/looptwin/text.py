"""Python values as the YAML that scenarios are read from, and spans of time as scenarios write them."""
from __future__ import annotations

import datetime
import json
import math
import numbers
import operator
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

from . import _looptwin
from .errors import Problem, ScenarioError

Span = Union[str, float, int, datetime.timedelta]


def _refuse(where: str, message: str, hint: str) -> ScenarioError:
    problem = Problem("dict", None, None, "error", f"{where or 'the dict'}: {message}", hint)
    return ScenarioError(f"dict: error: {problem.message}\n  write: {hint}", [problem])


def _refuse_key(key: Any, where: str) -> ScenarioError:
    at = where or "the dict"
    if isinstance(key, bool):
        return _refuse(at, f"the key {key} is a boolean: YAML 1.1 reads on, off, yes, no, y and n as true or false",
                       "the key as a text, as it stands in the file: looptwin.load(PATH) reads it right")
    if isinstance(key, numbers.Number) or key is None or isinstance(key, (datetime.date, datetime.datetime)):
        return _refuse(at, f"the key {key!r} is a {type(key).__name__}, not a text: YAML 1.1 reads bare numbers, "
                       "dates and null so", f"\"{key}\"")
    return _refuse(at, f"the key {key!r} is a {type(key).__name__}, not a text", "keys as texts")


def scalar(value: Any, where: str = "") -> str:
    """A single value as YAML: texts in quotes, so that nothing is taken for a number or a switch."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return scalar(value.item(), where)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _refuse(where, f"{value} is no value", "a finite number")
        return repr(value)
    if isinstance(value, datetime.timedelta):
        return span(value)
    if value is None:
        raise _refuse(where, "None is no value", "a value, or leave the key out")
    raise _refuse(where, f"a {type(value).__name__} cannot stand in a scenario",
                  "texts, numbers, booleans, lists and dicts")


def document(value: Mapping[Any, Any], where: str = "", indent: str = "") -> str:
    """A dict as a YAML document in blocks, a line a key, so that messages point at lines that can be read."""
    lines = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise _refuse_key(key, where)
        path = f"{where}.{key}" if where else key
        head = f"{indent}{key if key.replace('_', '').isalnum() and key[0].isalpha() else scalar(key)}:"
        if key in ("y", "n", "yes", "no", "on", "off", "true", "false", "null"):
            head = f"{indent}{scalar(key)}:"
        if isinstance(item, Mapping) and item:
            lines += [head, document(item, path, indent + "  ")]
        elif isinstance(item, (list, tuple)) and any(isinstance(one, (Mapping, list, tuple)) for one in item):
            lines.append(head)
            lines += [f"{indent}  - {flow(one, f'{path}.{i}')}" for i, one in enumerate(item)]
        else:
            lines.append(f"{head} {flow(item, path)}")
    return "\n".join(lines) + ("" if indent else "\n")


def flow(value: Any, where: str = "") -> str:
    """Any value on one line."""
    if isinstance(value, Mapping):
        parts = []
        for key, item in value.items():
            if not isinstance(key, str):
                raise _refuse_key(key, where)
            parts.append(f"{scalar(key)}: {flow(item, f'{where}.{key}')}")
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item, f"{where}.{i}") for i, item in enumerate(value)) + "]"
    return scalar(value, where)


def setting(value: Any, where: str = "") -> str:
    """A value as ``--set`` takes it: a text is YAML as it stands, as on the command line."""
    return value if isinstance(value, str) else flow(value, where)


def span(value: Span) -> str:
    """A span of time as a scenario writes it: "5 min" stays, 300 and a timedelta become seconds."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.timedelta):
        micro = value // datetime.timedelta(microseconds=1)
        return f"{micro // 1000000} s" if micro % 1000000 == 0 else f"{micro} us"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{value!r} is no span of time: write \"5 min\", seconds as a number, or a timedelta")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no span of time: write a finite number of seconds")
    return f"{int(number)} s" if number.is_integer() else f"{number!r} s"


def whole(value: Any, name: str, least: Optional[int] = None, most: Optional[int] = None) -> int:
    """A whole number, of any type that is one, from ``least`` to ``most``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: write a whole number") from None
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(f"{name}={number}: write {least} {'or more' if most is None else f'to {most}'}")
    return number


def near(name: str, there: Iterable[str]) -> str:
    """The end of a message about a name that is not there: which one was meant."""
    meant = _looptwin.nearest(name, list(there))
    return f"; did you mean '{meant}'?" if meant else ""


def near_of(name: str, there: Sequence[str]) -> str:
    """The same, and what there is."""
    meant = near(name, there)
    return f"{meant} It has {', '.join(there)}" if meant else f"; it has {', '.join(there)}"


def seconds(value: Span) -> float:
    """A span of time in s."""
    if isinstance(value, str):
        return _looptwin.duration_ns(value) / 1e9
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    span(value)  # refuses what is none
    return float(value)

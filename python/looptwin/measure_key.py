"""Whether a sweep's measure is the one that figures were computed with: a digest of its code and of all that it holds."""
from __future__ import annotations

import functools
import hashlib
import io
import pathlib
import pickle
import sys
import types
from typing import Any, Callable, Optional

# What a class has beside what was written into it.
_NOT_WRITTEN = frozenset(("__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__slots__", "_abc_impl",
                          "__annotations__", "__dataclass_fields__", "__dataclass_params__"))


class Unkeyable(TypeError):
    """Something of which nobody can say whether it is the same another time."""


def code_of(measure: Optional[Callable[..., Any]]) -> str:
    """A digest of a callable: its code, what it was made with, the globals that it names, and so on for each of these.
    Installed packages count by their versions. Raises :class:`Unkeyable`."""
    if measure is None:
        return ""
    try:
        parts = getattr(measure, "__name__", ""), _Walk().parts(measure)
    except RecursionError as error:
        raise Unkeyable("what has no end") from error
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


class _Walk:
    """Takes values apart into texts, numbers and tuples, each value once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, Any]] = {}  # with the value, so that no other gets its id

    def parts(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)) and _is_installed(type(value)):
            return type(value).__name__, repr(value)
        if id(value) in self._seen:
            return "again", self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        return type(value).__qualname__, self._of(value)

    def _all(self, *values: Any) -> tuple[Any, ...]:
        return tuple(self.parts(value) for value in values)

    def _of(self, value: Any) -> Any:
        if isinstance(value, types.CodeType):
            return value.co_code, value.co_names, value.co_varnames, value.co_freevars, self._all(*value.co_consts)
        if isinstance(value, types.ModuleType):
            return _of_module(value)
        if isinstance(value, (list, tuple)) and _is_installed(type(value)):
            return self._all(*value)
        if isinstance(value, dict) and _is_installed(type(value)):
            return self._all(getattr(value, "default_factory", None), *value.keys(), *value.values())
        if isinstance(value, (set, frozenset)) and _is_installed(type(value)):
            return sorted(map(repr, self._all(*value)))
        if isinstance(value, functools.partial):
            return self._all(value.func, value.args, value.keywords)
        if isinstance(value, types.MethodType):
            return self._all(value.__func__, value.__self__)
        if isinstance(value, (staticmethod, classmethod)):
            return self.parts(value.__func__)
        if isinstance(value, functools.cached_property):
            return self.parts(value.func)
        if isinstance(value, property):
            return self._all(value.fget, value.fset, value.fdel)
        if isinstance(value, (type, types.FunctionType)) and _is_installed(value):
            return value.__module__, value.__qualname__, _version(value.__module__)
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, type):
            written = [(name, one) for name, one in vars(value).items()
                       if name not in _NOT_WRITTEN and not isinstance(one, types.MemberDescriptorType)]
            return value.__qualname__, self._all(value.__bases__, *written)
        if isinstance(value, types.BuiltinFunctionType):
            return value.__qualname__, self.parts(value.__self__)
        return self._of_instance(value)

    def _of_function(self, value: types.FunctionType) -> Any:
        cells = []
        for cell in value.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:  # a name that is set later
                cells.append(None)
        named = {name: value.__globals__[name] for name in sorted(_names(value.__code__)) if name in value.__globals__}
        return self._all(value.__code__, value.__defaults__, value.__kwdefaults__, cells, named)

    def _of_instance(self, value: Any) -> Any:
        """What it is, and what it has: of what was installed its pickle."""
        kind = type(value)
        if not _is_installed(kind):
            slots = {name: getattr(value, name) for one in kind.__mro__ for name in _slots(one) if hasattr(value, name)}
            held = [base(value) for base in (dict, list, tuple, set, str, int, float) if isinstance(value, base)]
            return self._all(kind, getattr(value, "__dict__", None), slots, *held)
        if hasattr(value, "__wrapped__"):  # of functools.lru_cache
            return self.parts(value.__wrapped__)
        pickled = io.BytesIO()
        try:
            _Pickler(pickled, self).dump(value)
        except (Unkeyable, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001: whatever it says, it cannot be kept
            raise Unkeyable(f"a {kind.__module__}.{kind.__qualname__}") from error
        return kind.__module__, pickled.getvalue()


class _Pickler(pickle.Pickler):
    """Keeps people's classes and functions by what they do, not by their names."""

    def __init__(self, file: io.BytesIO, walk: _Walk):
        super().__init__(file, 4)
        self._walk = walk

    def persistent_id(self, value: Any) -> Optional[str]:
        if isinstance(value, (type, types.FunctionType)) and not _is_installed(value):
            return repr(self._walk.parts(value))
        return repr(self._walk.parts(value)) if isinstance(value, types.ModuleType) else None


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _names(code: types.CodeType) -> set[str]:
    """All names that code, and the code within it, may look for among the globals."""
    within = [_names(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*within)


def _is_installed(value: Any) -> bool:
    return _version(value.__module__) is not None


def _version(module: Optional[str]) -> Optional[str]:
    """Of the package that a module is of: what stands for its code. None: its code is a person's, and may change."""
    top = (module or "__main__").partition(".")[0]
    if top == "__main__":
        return None
    if top in sys.stdlib_module_names:
        return sys.version
    package = sys.modules.get(top)
    file = getattr(package, "__file__", None) or ""
    if top == __name__.partition(".")[0] or "site-packages" in file or "dist-packages" in file:
        return str(getattr(package, "__version__", file))
    return None


def _of_module(value: types.ModuleType) -> Any:
    version, file = _version(value.__name__), getattr(value, "__file__", None)
    if version is not None:
        return value.__name__, version
    if file is None:
        raise Unkeyable(f"the module {value.__name__}, which is no file")
    return value.__name__, hashlib.blake2b(pathlib.Path(file).read_bytes()).hexdigest()

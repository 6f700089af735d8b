"""How a run gets on, for people: a callable, tqdm where it is there, or nothing."""
from __future__ import annotations

import contextlib
import sys
import warnings
from typing import Any, Callable, Iterator, Optional, Union

# Called a few times a second with the simulated seconds, and with those of the whole run.
Progress = Callable[[float, float], Any]


class Bar:
    """A bar of tqdm over simulated time, or over points."""

    def __init__(self, end: float, what: str, unit: str):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without ipywidgets has a bar of text, which is good enough
            from tqdm.auto import tqdm

        self._bar = tqdm(total=end, unit=unit, unit_scale=unit == "s", desc=what, leave=False)

    def __call__(self, now: float, end: float) -> None:
        self._bar.update(now - self._bar.n)

    def close(self) -> None:
        self._bar.close()


@contextlib.contextmanager
def bar(wanted: Union[bool, Progress, None], end: float, what: str = "simulated",
        unit: str = "s") -> Iterator[Optional[Progress]]:
    """What to call. ``None``: a bar where tqdm is there and somebody looks; True: a bar; False: nothing."""
    if callable(wanted):
        yield wanted
        return
    shown = None
    if wanted or (wanted is None and _somebody_looks()):
        with contextlib.suppress(ImportError):
            shown = Bar(end, what, unit)
    try:
        yield shown
    finally:
        if shown is not None:
            shown.close()


def told(progress: Optional[Progress], end_s: float) -> Optional[Callable[[int], Any]]:
    """The same, called with ns as the extension module does."""
    if progress is None:
        return None
    called = progress

    def call(now_ns: int) -> None:
        called(now_ns / 1e9, end_s)

    return call


def _somebody_looks() -> bool:
    return "ipykernel" in sys.modules or bool(getattr(sys.stderr, "isatty", lambda: False)())

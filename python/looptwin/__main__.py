"""``python -m looptwin`` is the command line.

What runs a scenario without a rig does it in this process, so that the scenario may have classes of Python; all else is
the program's.
"""
import importlib.metadata
import os
import pathlib
import shutil
import sys
from typing import Iterator, Optional

from . import _looptwin

HERE = ("run", "check", "test", "falsify", "replay", "diff", "explain")


def program() -> str:
    """The looptwin that was built or installed with this module, else the one on the path."""
    for candidate in _candidates():
        if candidate is not None and os.path.exists(candidate):
            return os.fspath(candidate)
    sys.exit("python -m looptwin: the program looptwin is neither beside this package nor on the PATH")


def _candidates() -> Iterator["Optional[os.PathLike[str] | str]"]:
    yield pathlib.Path(_looptwin.__file__).parents[2] / "bin" / "looptwin"  # of a build folder
    try:
        files = importlib.metadata.files("looptwin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    yield from (file.locate() for file in files if file.name == "looptwin" and file.parent.name == "bin")
    yield shutil.which("looptwin")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in HERE:
        sys.exit(_looptwin.command_line(["looptwin", *sys.argv[1:]]))
    path = program()
    os.execv(path, [path, *sys.argv[1:]])

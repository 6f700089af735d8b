"""``python -m looptwin`` is the command line."""
import os
import pathlib
import shutil
import sys

from . import _looptwin


def program() -> str:
    """The looptwin that was built with this module, else the one on the path."""
    beside = pathlib.Path(_looptwin.__file__).parents[2] / "bin" / "looptwin"
    found = os.fspath(beside) if beside.exists() else shutil.which("looptwin")
    if found is None:
        sys.exit("python -m looptwin: the program looptwin is neither beside this package nor on the PATH")
    return found


if __name__ == "__main__":
    path = program()
    os.execv(path, [path, *sys.argv[1:]])

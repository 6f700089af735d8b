"""The scenarios that come with looptwin."""
from __future__ import annotations

import pathlib
from typing import Iterator, Mapping


class Shipped(Mapping[str, pathlib.Path]):
    """Folders of scenarios by their names: ``looptwin.load(looptwin.shipped["gas-pipeline"])``."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def __getitem__(self, name: str) -> pathlib.Path:
        if name not in list(self):
            raise KeyError(f"no scenario '{name}' is shipped; there is {', '.join(self)}")
        return self._folder / name

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.parent.relative_to(self._folder).as_posix()
                           for path in self._folder.glob("**/scenario.yaml")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return f"<looptwin.shipped: {', '.join(self)}>"


shipped = Shipped(pathlib.Path(__file__).absolute().parent / "scenarios")

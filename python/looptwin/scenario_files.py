"""All that a scenario is read from, as it was at one moment: to tell it from later ones, and to take it elsewhere."""
from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import tempfile
from typing import Iterator, Optional

from .scenario import Made, Scenario, made_again


class ScenarioFiles:
    """Goes to other processes and machines whole. Where its files are there and as they were, they are used;
    elsewhere, and where they have changed since, copies of what they were.

    ``digest``: of what all files held; settings are no part of it.
    """

    def __init__(self, made: Made):
        path, text, name = made
        self.made: Made = (os.path.abspath(path), text, name)
        folder, texts, others = made_again(self.made)._source.files()
        self._folder = os.path.abspath(folder)
        self._contents: dict[str, Optional[bytes]] = dict(texts)
        for other in others:
            self._contents[other] = _content(os.path.join(self._folder, other))
        self.digest = self._digest()

    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for name, content in sorted(self._contents.items()):
            if content is None:
                content = _content(os.path.join(self._folder, name, "manifest.json")) or b""
            for part in (name.encode(), content):
                digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()

    @contextlib.contextmanager
    def scenario(self) -> Iterator[Scenario]:
        """The scenario as it was, with nothing set on it."""
        if self._is_here():
            yield made_again(self.made)
            return
        with tempfile.TemporaryDirectory(prefix="looptwin-scenario-") as folder:
            yield made_again(self._copied_to(folder))

    def _is_here(self) -> bool:
        try:
            return ScenarioFiles(self.made).digest == self.digest
        except (ValueError, OSError):  # no scenario any more, or half of one
            return False

    def _copied_to(self, to: str) -> Made:
        """Files lie to one another as they did. An absolute path means the same in the copy."""
        path, text, name = self.made
        contents = {one: content for one, content in self._contents.items()
                    if not os.path.isabs(one) and (one != name or not text)}
        paths = {one: os.path.normpath(os.path.join(self._folder, one)) for one in contents}
        base = os.path.commonpath([self._folder, *(os.path.dirname(one) for one in paths.values())])

        def copy_of(original: str) -> str:
            return os.path.normpath(os.path.join(to, os.path.relpath(original, base)))

        os.makedirs(copy_of(self._folder), exist_ok=True)
        for one, content in contents.items():
            copy = pathlib.Path(copy_of(paths[one]))
            copy.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                copy.write_bytes(content)
            elif os.path.exists(paths[one]):
                copy.symlink_to(paths[one])
            else:
                raise FileNotFoundError(f"{paths[one]}, which the scenario uses, is not on this machine: a folder is not "
                                        "sent along")
        return (copy_of(path), text, name)


def _content(path: str) -> Optional[bytes]:
    """None of what is no file: earlier runs are folders."""
    return pathlib.Path(path).read_bytes() if os.path.isfile(path) else None

"""What requirements came to."""
from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional

import numpy as np

from .frames import frame


class Verdict(NamedTuple):
    """What a requirement came to on one device; ``device`` is "" where it is one for all.

    ``robustness``: by how much it held, in ``unit``, less than 0 where it was violated; the lower bound of an
    interval for what is undecided, infinite where nothing could break it. ``when``: s since the start, of what decided it,
    or None.
    """

    name: str
    device: str
    verdict: str
    robustness: float
    unit: str
    when: Optional[float]


def verdicts(report: str) -> list[Verdict]:
    """The rows of a requirements.json; of one requirement at most the worst thousand devices."""
    rows = []
    for requirement in json.loads(report or '{"requirements": []}')["requirements"]:
        for result in requirement["results"]:
            low, high = result["robustness"]
            none = float("inf") if result["verdict"] == "held" else float("-inf")
            rows.append(Verdict(requirement["name"], result.get("device", ""), result["verdict"],
                                none if low is None else low, result.get("unit", ""), result.get("at_s")))
    return rows


def verdict_frame(rows: list[Verdict]) -> Any:
    """Verdicts as a ``pandas.DataFrame``, or a dict of arrays where there is no pandas."""
    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in Verdict._fields}
    columns["robustness"] = np.array(columns["robustness"], dtype=np.float64)
    columns["when"] = np.array([np.nan if when is None else when for when in columns["when"]], dtype=np.float64)
    return frame(columns)

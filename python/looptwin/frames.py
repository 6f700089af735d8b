"""Columns as people's tables: pandas where it is there, else a dict of NumPy arrays."""
from __future__ import annotations

from typing import Any, Mapping

import numpy as np


#: Kinds of decisions about events.
EVENTS = frozenset(("event_raised", "event_cleared", "both_true", "event_latched", "reset_refused", "bypass_begun",
                    "bypass_ended", "event_withheld", "first_out"))


def frame(columns: Mapping[str, Any]) -> Any:
    """A ``pandas.DataFrame``, or a dict of arrays where there is no pandas. Texts become objects."""
    arrays = {}
    for name, values in columns.items():
        if isinstance(values, list):
            array = np.empty(len(values), dtype=object)
            array[:] = values
            arrays[name] = array
        else:
            arrays[name] = np.asarray(values)
    try:
        import pandas
    except ImportError:
        return arrays
    return pandas.DataFrame(arrays)


def chosen(columns: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    """The rows of all columns for which ``rows``, an array of booleans, is true."""
    index = np.flatnonzero(rows)
    return {name: [values[i] for i in index] if isinstance(values, list) else np.asarray(values)[index]
            for name, values in columns.items()}

"""Paths into JSON values, such as `a.b[0].c`."""

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def value_at(row: Any, path: str) -> Any:
    """The value at a path such as `a.b[0].c`; None where a step leads nowhere."""
    if isinstance(row, dict) and path in row:
        return row[path]
    for name, index in _steps(path):
        if name and isinstance(row, dict):
            row = row.get(name)
        elif index and isinstance(row, list) and int(index) < len(row):
            row = row[int(index)]
        else:
            return None
    return row


@lru_cache(maxsize=256)  # a mapping has few paths, and its rows are many
def _steps(path: str) -> tuple[tuple[str, str], ...]:
    return tuple(_STEP.findall(path))

"""Whole JSON documents, kept for a moment: detection and reading look at the same file."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from failure_analysis import files

ENDINGS = (".json", ".json.gz", ".json.zst")


def peek(path: Path) -> Any:
    """The document in a JSON file, or None when it is no JSON file."""
    if not path.name.endswith(ENDINGS) or not path.is_file():
        return None
    return load(path)


def load(path: Path) -> Any:
    """The document in a JSON file; refuses a broken one with the reason."""
    status = path.stat()
    return _cached(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)
def _cached(path: Path, _changed: int, _size: int) -> Any:
    return files.read_json(path)

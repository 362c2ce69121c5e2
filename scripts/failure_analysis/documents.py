"""Whole JSON documents, kept for a moment: detection and reading look at the same file."""

import hashlib
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


def digest(text: Any) -> str:
    """A long setting (a policy, a prompt) as something short that is equal only for equal texts."""
    if not text:
        return "not recorded"
    plain = " ".join(str(text).split())
    mark = hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:12]
    return f"sha256 {mark} ({len(str(text))} characters)"

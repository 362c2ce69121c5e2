"""facts.json: every number that a report may state, under a stable key."""

from collections.abc import Mapping
from pathlib import Path

from failure_analysis import files

NAME = "facts.json"


def load(analysis_dir: Path) -> dict[str, int | float]:
    """The facts of an analysis folder; refuses when there are none yet."""
    path = analysis_dir / NAME
    if not path.exists():
        raise files.Refusal(f"{path}: not there; run build_packet.py first")
    return files.read_json(path)


def replace(analysis_dir: Path, prefix: str, facts: Mapping[str, int | float]) -> None:
    """Puts one step's facts in the place of its earlier ones: those whose key starts with
    `prefix`. An empty prefix starts the file anew."""
    kept = load(analysis_dir) if prefix else {}
    merged = {key: value for key, value in kept.items() if not key.startswith(prefix)}
    files.write_json(analysis_dir / NAME, dict(sorted({**merged, **facts}.items())))

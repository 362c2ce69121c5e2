"""facts.json: every number that a report may state, under a stable key."""

from collections.abc import Mapping
from pathlib import Path

from failure_analysis import files
from failure_analysis.datapoint import safe_id

NAME = "facts.json"


def key(*parts: str) -> str:
    """A fact's key. Names from runs stand in it, and keys stand in HTML comments and placeholders,
    so each part is made safe."""
    return "/".join(map(safe_id, parts))


def load(analysis_dir: Path) -> dict[str, int | float]:
    """The facts of an analysis folder; refuses when there are none yet."""
    path = analysis_dir / NAME
    if not path.exists():
        raise files.Refusal(f"{path}: not there; run build_packet.py first")
    return files.read_object(path, (), "build_packet.py")


def replace(analysis_dir: Path, prefix: str, facts: Mapping[str, int | float]) -> None:
    """Puts one step's facts in the place of its earlier ones: those whose key starts with
    `prefix`. An empty prefix starts the file anew."""
    if prefix:
        kept = load(analysis_dir)
        facts = {**{name: value for name, value in kept.items() if not name.startswith(prefix)},
                 **facts}
    files.write_json(analysis_dir / NAME, {name: facts[name] for name in sorted(facts)})

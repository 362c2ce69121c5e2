"""Writing what changed between two runs: run_changes.json, .md and .png, in NEW's folder."""

from pathlib import Path
from typing import Any

from failure_analysis import files, manifest, steps, store
from failure_analysis.changes import compare, figure
from failure_analysis.changes.page import FIGURE, NAME, PAGE, page
from failure_analysis.changes.sides import Wanted


def write(old: Wanted, new: Wanted, options: compare.Options) -> dict[str, Any]:
    """Compares two sides and writes what changed; returns what the JSON holds."""
    for side in (old, new):
        manifest.proved(side.folder, (steps.OUTCOMES, steps.ROWS))
    folder = new.folder
    result = compare.compare(old, new, options)
    with store.where_writable(folder / NAME):
        manifest.begin(folder, steps.CHANGES.writes)
        store.write_json(folder / NAME, result)
        store.write_text(folder / PAGE, page(result))
        figure.draw(folder / FIGURE, result)
        manifest.record(folder, steps.CHANGES.name, {
            "old": str(old), "new": str(new), **options._asdict()}, steps.CHANGES.writes,
            reads={steps.OUTCOMES: files.sha256(folder / steps.OUTCOMES)})
    return result


def told(path: Path) -> str:
    """Where the page is, for the next command."""
    return f"{path / PAGE} (and {NAME}, {FIGURE})"

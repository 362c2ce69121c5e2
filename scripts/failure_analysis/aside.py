"""What stands in an analysis folder under the names of our files and was not written by us, or was
changed since: it is refused or moved into a folder of its own, never written over."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from failure_analysis import clean, files, manifest, steps
from failure_analysis.markdown import listed

SHOWN = 3  # of what stands there
# What people edit or open in a spreadsheet; the rest is written anew by the step that made it.
_EDITABLE = (".csv", ".md", ".yaml")


def refuse_over(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Refuses when a file that would be written or removed is one that is read."""
    inputs = {os.path.realpath(path) for path in read}
    for path in written:
        if os.path.realpath(path) in inputs:
            raise files.Refusal(f"{path}: is read here, and would be written over; keep it in a "
                                "folder that is not the analysis")


def make_room(analysis_dir: Path, step: steps.Step) -> Path | None:
    """Refuses foreign files where a step is about to write, and moves what was changed since it was
    written into a folder, which is returned. Files that an earlier step makes are not its own."""
    names = [name for name in step.writes if step == steps.BUILD or name not in steps.BUILD.writes]
    if there := foreign(analysis_dir, names):
        manifest.entries(analysis_dir)  # all is foreign where it cannot be read: its own reason
        raise files.Refusal(f"{analysis_dir}: {listed(there, SHOWN)} stands there, and no step of "
                            f"{manifest.NAME} wrote it; move it into another folder")
    return move(analysis_dir, changed(analysis_dir, names), unused(analysis_dir, "files"))


def foreign(analysis_dir: Path, names: Iterable[str]) -> list[str]:
    """Those of the names that stand in a folder and are no file that a step of its manifest
    wrote or began to write; a manifest that cannot be read is foreign itself, and so is all."""
    try:
        outputs = [entry["outputs"] for entry in manifest.entries(analysis_dir).values()]
        ours = {manifest.NAME, *manifest.writing(analysis_dir), *chain.from_iterable(outputs)}
    except files.Refusal:
        ours = set()
    paths = [(name, analysis_dir / name) for name in dict.fromkeys(names)]
    return [name for name, path in paths if os.path.lexists(path)
            and (name not in ours or path.is_symlink() or not path.is_file())]


def changed(analysis_dir: Path, names: Iterable[str]) -> list[str]:
    """Those of the names whose file somebody has edited since its step wrote it; not what a step
    had begun to write anew."""
    written = manifest.written(manifest.entries(analysis_dir))
    begun = manifest.writing(analysis_dir)
    return [name for name in dict.fromkeys(names) if name.endswith(_EDITABLE)
            and name not in begun and written.get(name) and (analysis_dir / name).is_file()
            and files.sha256(analysis_dir / name) != written[name]]


def move(analysis_dir: Path, names: Sequence[str], target: Path) -> Path | None:
    """Moves what is there of the names, links as they are, into a folder inside; None where
    nothing is."""
    there = [name for name in names if os.path.lexists(analysis_dir / name)]
    for name in there:
        target.mkdir(exist_ok=True)
        os.rename(analysis_dir / name, target / name)
    return target if there else None


def unused(folder: Path, name: str, suffix: str = "") -> Path:
    """A path in a folder that is not there, with the name and the time in it."""
    first = folder / f"earlier-{clean.safe_name(name)}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    path, number = first.with_name(f"{first.name}{suffix}"), 2
    while os.path.lexists(path):
        path, number = first.with_name(f"{first.name}-{number}{suffix}"), number + 1
    return path

"""The two sides as a command line names them; runs that are no analysis yet are made one."""

from pathlib import Path

from failure_analysis import clean, files, results, steps, store
from failure_analysis.changes.sides import Wanted, is_analysis
from failure_analysis.comparison import write as comparison
from failure_analysis.packet import build, heuristics
from failure_analysis.reading import detect, tasks
from failure_analysis.review import standing
from failure_analysis.spread import HERE


def both(old: str, new: str, mapping: Path | None, output_dir: Path | None
         ) -> tuple[Wanted, Wanted]:
    """Both sides. Runs are analysed together in one folder, so that both can be read beside each
    other there; each in a folder of its own where they share a run, or the other side is an
    analysis already."""
    named = [_read(text) for text in (old, new)]
    raw = [path for path, _ in named if not is_analysis(path)]
    if not raw:
        return tuple(Wanted(path, name) for path, name in named)
    for path, name in named:
        if path in raw and name:
            raise files.Refusal(f"{path}::{name}: a name goes with an analysis folder "
                                f"({steps.BUILD.script} makes one), and {path} is none")
    if len(raw) == 2:
        _refuse_inside(*raw)
    folder = _analyse(raw, mapping, output_dir)
    if len(raw) == 2:
        sides = [_runs_of(folder, path) for path in raw]
        if all(sides) and not sides[0] & sides[1]:
            return tuple(Wanted(folder, str(path), runs)
                         for path, runs in zip(raw, sides, strict=True))
        for path, side in zip(raw, ("old", "new"), strict=True):
            _analyse([path], mapping, folder / side)
        return tuple(Wanted(folder / side) for side in ("old", "new"))
    return tuple(Wanted(folder) if path in raw else Wanted(path, name) for path, name in named)


def _read(text: str) -> tuple[Path, str]:
    """A path and the name behind a `::`, either of which may hold further ones; refuses a path that
    is not there."""
    parts = text.split("::")
    for count in range(len(parts), 0, -1):
        path = "::".join(parts[:count])
        if path and Path(path).exists():
            return Path(path), "::".join(parts[count:])
    raise files.Refusal(f"{parts[0]}: no such file or folder")


def _refuse_inside(old: Path, new: Path) -> None:
    """Refuses runs of which one side is part of the other."""
    one, two = old.resolve(), new.resolve()
    if one.is_relative_to(two) or two.is_relative_to(one):
        raise files.Refusal(f"{old} and {new}: one is part of the other; name two runs")


def _analyse(runs: list[Path], mapping: Path | None, folder: Path | None) -> Path:
    """Makes the packet of some runs in a folder, with what a plan of their review needs; returns
    the folder, which is called as their benchmark where none is given."""
    inputs = detect.from_inputs(runs, mapping)
    folder = folder or Path("results", clean.safe_name(
        f"{tasks.folder_name(inputs.sources)}-runs"))
    standing.refuse_place(folder, None, "--output-dir", (), runs)
    standing.guard(folder, inputs.sources, None, "--output-dir", False, mapping)
    folder.mkdir(parents=True, exist_ok=True)
    store.hold(folder)
    counts = build.build(inputs, folder, HERE, _settings(runs, mapping, inputs))
    if not build.is_sound(counts):
        raise files.Refusal("the runs could not be read as they should: " + "; ".join(
            [*inputs.unreadable, *build.remarks(counts)])
            + f"; mend them, or make the analysis yourself ({steps.BUILD.script})")
    heuristics.label(folder, heuristics.DEFAULT_RULES)
    comparison.write(folder)
    return folder


def _settings(runs: list[Path], mapping: Path | None, inputs: detect.Inputs) -> dict:
    """What the manifest says of the inputs, as build_packet.py would."""
    return {"run_dir": [], "comparison_dir": None, "input": [path.as_posix() for path in runs],
            "mapping": mapping.as_posix() if mapping else None,
            "mapping_sha256": files.sha256(mapping) if mapping else None,
            "benchmark": inputs.sources[0].benchmark, "labels": {}, "without": []}


def _runs_of(folder: Path, path: Path) -> frozenset[str]:
    """The runs of a folder that were read from a path."""
    runs = results.read(folder / steps.SANITY, results.Sanity, steps.BUILD.script)["runs"]
    return frozenset(run["run_id"] for run in runs
                     if Path(run["path"]).is_relative_to(path.as_posix()))

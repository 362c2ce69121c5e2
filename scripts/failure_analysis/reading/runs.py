"""The runs that an analysis folder was built from, found again where they were."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from failure_analysis import files, manifest
from failure_analysis.reading import detect


@contextmanager
def at_hand(folder: Path) -> Iterator[detect.Found]:
    """The runs that a packet was built from, with the working directory where their paths start
    (run ids are named after them). Refuses when they are gone or have changed."""
    path = folder / manifest.NAME
    settings = manifest.settings(folder, "build_packet")
    if "working_dir" not in settings:
        raise files.Refusal(f"{path}: no build_packet step in it; run build_packet.py first")
    inputs = files.read_json(path)["steps"]["build_packet"].get("inputs", [])
    with chdir(_start(folder.resolve() / settings["working_dir"], inputs)):
        _unchanged(inputs)
        yield _found(settings)


def _start(recorded: Path, inputs: list[dict]) -> Path:
    """Where the inputs' paths start: where the packet was built, or, when the folder was moved
    away from there, here."""
    return next((base for base in (recorded, Path.cwd())
                 if base.is_dir() and inputs and (base / inputs[0]["path"]).is_file()),
                Path.cwd())


def _unchanged(inputs: list[dict]) -> None:
    """Refuses when an input is gone or has other bytes than the packet was built from."""
    for one in inputs:
        if not Path(one["path"]).is_file():
            raise files.Refusal(f"{one['path']}: this input of the packet is no longer there")
        if files.sha256(Path(one["path"])) != one["sha256"]:
            raise files.Refusal(f"{one['path']}: this input has changed since the packet was "
                                "built; run build_packet.py again")


def _found(settings: dict) -> detect.Found:
    """The runs that the packet was built from."""
    if settings["run_dir"]:
        return detect.from_run_dirs([Path(name) for name in settings["run_dir"]])
    if settings["comparison_dir"]:
        return detect.from_comparison(Path(settings["comparison_dir"]))
    mapping = settings["mapping"]
    return detect.from_inputs([Path(name) for name in settings["input"]],
                              Path(mapping) if mapping else None)

"""The runs that an analysis folder was built from, found again where they were."""

from dataclasses import replace
from pathlib import Path
from typing import Required, TypedDict

from failure_analysis import files, manifest, remote, steps
from failure_analysis.reading import detect, labels, left_out
from failure_analysis.records import Source


class _Settings(TypedDict, total=False):
    working_dir: Required[str]
    run_dir: Required[list[str]]
    input: Required[list[str]]
    comparison_dir: Required[str | None]
    mapping: Required[str | None]
    mapping_sha256: str | None
    benchmark: str
    labels: dict[str, str]
    without: list[str]


def at_hand(analysis_dir: Path) -> detect.Inputs:
    """The runs that a packet was built from, which read as they did then: their rows name the same
    paths, from wherever they are read. Refuses when they are gone or have changed."""
    settings, start = _recorded(analysis_dir)
    inputs = _found(settings, start)
    given = [start / name for name in _given(settings)
             if not Path(name).is_absolute() and not remote.address(Path(name))]
    inputs.sources = left_out.put_on(labels.put_on(
        [_as_named(source, start, given) for source in inputs.sources], _labels(settings)),
        settings.get("without", ()))
    return inputs


def command(analysis_dir: Path) -> tuple[Path, list[str]]:
    """Where the packet was built from these runs, and the options that named them; refuses when
    they are gone or have changed."""
    settings, start = _recorded(analysis_dir)
    options = [("--run-dir", settings["run_dir"]), ("--input", settings["input"]),
               ("--comparison-dir", [settings["comparison_dir"]]),
               ("--mapping", [settings["mapping"]]),
               # Of runs that are called as their folder, which may be called otherwise by now.
               ("--benchmark", [settings.get("benchmark")]),
               ("--label", [f"{run_id}={name}" for run_id, name in _labels(settings).items()]),
               ("--without", settings.get("without", []))]
    return start, [f"{name}={value}" for name, values in options for value in values if value]


def _recorded(analysis_dir: Path) -> tuple[dict, Path]:
    """(the settings of the packet, where its paths start), when its inputs are unchanged."""
    entry = manifest.entries(analysis_dir).get(steps.BUILD.name)
    if entry is None:
        raise files.Refusal(f"{analysis_dir / manifest.NAME}: no build_packet step in it; run "
                            "build_packet.py first")
    settings, inputs = entry["settings"], entry.get("inputs", [])
    manifest.check_shape(analysis_dir / manifest.NAME, settings, _Settings)
    start = _start((analysis_dir / settings["working_dir"]).resolve(), inputs)
    for name in _given(settings):
        _place(start, name)  # what is at an address is listed once
    mapping = settings["mapping"]
    _unchanged(start, [*inputs, *([{"path": mapping, "sha256": settings["mapping_sha256"]}]
                                  if mapping else [])])
    return settings, start


def _labels(settings: dict) -> dict[str, str]:
    """The labels that the packet's command gave; an earlier version knew none."""
    return settings.get("labels", {})


def _given(settings: dict) -> list[str]:
    """The paths that the packet's command named."""
    comparison = settings["comparison_dir"]
    return [*settings["run_dir"], *settings["input"], *([comparison] if comparison else [])]


def _place(start: Path, name: str) -> Path:
    """Where a path of the packet is: from the start, or, of an address, where it is laid out."""
    return remote.local(Path(name)) if remote.address(Path(name)) else start / name


def _start(recorded: Path, inputs: list[dict]) -> Path:
    """Where the inputs' paths start: where the packet was built, or, when the folder was moved
    away from there, here."""
    here = Path.cwd()
    return next((base for base in (recorded, here)
                 if base.is_dir() and inputs and (base / inputs[0]["path"]).is_file()), here)


def _unchanged(start: Path, inputs: list[dict]) -> None:
    """Refuses when an input is gone or has other bytes than the packet was built from."""
    for entry in inputs:
        path = _place(start, entry["path"])
        if not path.is_file():
            raise files.Refusal(f"{entry['path']}: this input of the packet is no longer there; "
                                "put it back, or run build_packet.py over what there is")
        if files.sha256(path) != entry["sha256"]:
            raise files.Refusal(f"{entry['path']}: this input has changed since the packet was "
                                "built; run build_packet.py again")


def _found(settings: dict, start: Path) -> detect.Inputs:
    """The runs that the packet was built from."""
    benchmark = settings.get("benchmark", "")
    if settings["run_dir"]:
        return detect.from_run_dirs([_place(start, name) for name in settings["run_dir"]],
                                    benchmark)
    if settings["comparison_dir"]:
        return detect.from_comparison(start / settings["comparison_dir"], benchmark)
    mapping = settings["mapping"]
    return detect.from_inputs([_place(start, name) for name in settings["input"]],
                              start / mapping if mapping else None, benchmark)


def _as_named(source: Source, start: Path, given: list[Path]) -> Source:
    """The source with the start of its paths, where the command named them from there."""
    inside = any(source.files[0].is_relative_to(path) for path in given)
    return replace(source, start=f"{start.as_posix()}/") if inside else source

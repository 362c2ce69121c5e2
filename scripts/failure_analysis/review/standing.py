"""What stands in an analysis folder before another one is built there: people's work, which is
never built over with other inputs, and can be put aside."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files, manifest, steps
from failure_analysis.packet import rows
from failure_analysis.records import Source
from failure_analysis.review import ledger, reading_log

REPORT = "deep_error_analysis.md"


class Work(NamedTuple):
    """People's work in an analysis folder: the benchmark that it is of, how many reviews, and the
    report when somebody has rewritten it."""

    benchmark: str
    reviews: int
    report: Path | None

    def __str__(self) -> str:
        reviews = f"{self.reviews} review{'' if self.reviews == 1 else 's'}"
        report = f"a rewritten report ({self.report.name})" if self.report else ""
        parts = filter(None, (reviews if self.reviews else "", report))
        return f"the analysis of {self.benchmark} with {' and '.join(parts)}"


def guard(analysis_dir: Path, sources: Sequence[Source], report: Path | None, option: str,
          force: bool, mapping: Path | None = None) -> Path | None:
    """Refuses when people's work stands in the folder that was made from other inputs; with `force`
    puts the analysis that it is of aside, and returns where. Refuses too when an input or the
    `mapping` would be written over. Nothing is read when there is no work.
    `option` names the folder on the command line."""
    _refuse_over_inputs(analysis_dir, sources, report, mapping)
    entry = _packet(analysis_dir)
    work = _work(analysis_dir, entry, report) if entry is not None else None
    if work is None or not (why := _other(analysis_dir, entry, sources, work.benchmark)):
        return None
    if force:
        return put_aside(analysis_dir, work.benchmark, _reports(analysis_dir, report))
    raise files.Refusal(f"{analysis_dir}: holds {work}, made from other inputs: {why}; give "
                        f"another {option}, or --force, which puts the old analysis aside")


def _refuse_over_inputs(analysis_dir: Path, sources: Sequence[Source], report: Path | None,
                        mapping: Path | None) -> None:
    """Refuses when a file that an analysis would write or remove is one that it reads."""
    inputs = {os.path.realpath(path) for source in sources for path in source.files}
    inputs |= {os.path.realpath(mapping)} if mapping else set()
    names = {name for step in steps.STEPS for name in step.writes} | {manifest.NAME}
    for path in (*(analysis_dir / name for name in sorted(names)), *([report] if report else [])):
        if os.path.realpath(path) in inputs:
            raise files.Refusal(f"{path}: is read here, and would be written over; put the "
                                "analysis into another folder")


def is_rewritten(report: Path, analysis_dir: Path) -> bool:
    """Whether a report is there, and is not the draft that a script left."""
    try:
        text = files.read_text(report)
    except FileNotFoundError:
        return False
    except files.Refusal:
        return True
    drafted = manifest.settings(analysis_dir, steps.REPORT.name).get("drafted")
    return bool(text.strip()) and digest(text) != drafted


def digest(text: str) -> str:
    """What a draft is known by in the manifest."""
    return hashlib.sha256(text.encode()).hexdigest()


def report_of(analysis_dir: Path) -> Path:
    """The report of an analysis folder: the one that was written last, else the usual name."""
    record = manifest.settings(analysis_dir, steps.REPORT.name)
    return analysis_dir / Path(str(record.get("report", REPORT))).name


def copy_aside(path: Path) -> Path:
    """Copies a file beside itself under a name with the time in it, and returns that."""
    copy = _unused(path.parent / f"earlier-{path.stem}-{_now()}{path.suffix}")
    with files.atomic(copy) as file:
        file.write(files.read_bytes(path))
    return copy


def _packet(analysis_dir: Path) -> dict[str, Any] | None:
    """What the manifest says of the packet in a folder; None where it says nothing."""
    try:
        return manifest.entries(analysis_dir).get(steps.BUILD.name)
    except files.Refusal:
        return None


def _work(analysis_dir: Path, entry: dict[str, Any], report: Path | None) -> Work | None:
    """People's work in an analysis folder, if there is any."""
    path = analysis_dir / ledger.NAME
    reviews = sum(1 for line in files.read_bytes(path).splitlines() if line.strip()) \
        if path.exists() else 0
    rewritten = next((each for each in _reports(analysis_dir, report)
                      if is_rewritten(each, analysis_dir)), None)
    benchmark = _benchmark(analysis_dir, entry)
    return Work(benchmark, reviews, rewritten) if reviews or rewritten else None


def _reports(analysis_dir: Path, report: Path | None) -> list[Path]:
    """The reports of a folder that are there: the one that was written, and one that would be."""
    both = dict.fromkeys((report_of(analysis_dir), *([report] if report else [])))
    return [path for path in both if path.is_file()]


def _benchmark(analysis_dir: Path, entry: dict[str, Any]) -> str:
    """The benchmark of the packet in a folder. An earlier version of the manifest has it not."""
    if named := entry["settings"].get("benchmark"):
        return str(named)
    try:
        sanity = files.read_json(analysis_dir / steps.SANITY)
        return str(sanity["conservation"]["benchmark"])
    except (files.Refusal, OSError, KeyError, TypeError):
        return "unnamed"


def _other(analysis_dir: Path, entry: dict[str, Any], sources: Sequence[Source],
           benchmark: str) -> str:
    """In what the inputs of a packet are not among these, in words; blank when all are. A file that
    was moved is the same. A benchmark that is called as its folder may be called otherwise."""
    earlier = entry.get("inputs") or []
    paths = [path for source in sources for path in source.files]
    hashes: dict[str, list[Source]] = {}
    for source in sources:
        for path in source.files:
            hashes.setdefault(files.sha256(path), []).append(source)
    lost = [each for each in earlier if each.get("sha256") not in hashes]
    if lost:
        start = analysis_dir / entry["settings"].get("working_dir", "")
        here = set(map(os.path.realpath, paths))
        changed = os.path.realpath(start / lost[0]["path"]) in here
        return (f"{lost[0]['path']} {'has changed' if changed else 'is not among these'} "
                f"({len(lost)} of {len(earlier)} are not the same)")
    for each in earlier:
        told = [_renamed(analysis_dir, each.get("run"), source)
                for source in hashes[each["sha256"]]]
        if all(told):
            return f"{told[0]} beside the others, and what was written of it would be of no run"
    if len(hashes) > len({each["sha256"] for each in earlier}) \
            and sources[0].benchmark != benchmark:
        return (f"with the runs that are new the benchmark is {sources[0].benchmark}; if it is the "
                f"same one, say --benchmark {benchmark}")
    stated = next((source.mapping.spec.benchmark for source in sources if source.mapping), None)
    return f"these are of {stated}" if stated not in (None, benchmark) else ""


def _renamed(analysis_dir: Path, earlier: str | None, source: Source) -> str:
    """Says that a run of the packet would be called otherwise now; blank when it would not."""
    if source.run_id != earlier:
        return f"run {earlier} would be called {source.run_id}"
    runs = {run for run, in rows.columns(analysis_dir, ("run_id",))} if source.run_prefix else ()
    if runs and not any(run == earlier or run.startswith(source.run_prefix) for run in runs):
        return f"the runs of {source.path} would be called {source.run_prefix}…"
    return ""


def put_aside(analysis_dir: Path, benchmark: str, reports: Iterable[Path]) -> Path:
    """Moves what the steps, the readers and the author of an analysis wrote into a folder of its
    own inside, and nothing else. All is copied there before anything goes, and the manifest, by
    which it is known what stands here, goes last."""
    target = _unused(analysis_dir / f"earlier-{files.safe_name(benchmark)}-{_now()}")
    paths = [analysis_dir / name for name in _names(analysis_dir)]
    paths = [path for path in dict.fromkeys((*paths, *reports, analysis_dir / manifest.NAME))
             if path.is_file()]
    whole = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        whole.mkdir()
        for path in paths:
            shutil.copy2(path, whole / path.name)
        os.rename(whole, target)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    for path in paths:
        path.unlink()
    return target


def _names(analysis_dir: Path) -> list[str]:
    """What the steps of an analysis write, and the readers; what people made comes last."""
    ran = manifest.entries(analysis_dir)
    made = {name for step in steps.STEPS
            for name in (*step.writes, *ran.get(step.name, {}).get("outputs", ()))}
    return [*sorted(made), reading_log.NAME, ledger.NAME]


def _unused(path: Path) -> Path:
    """The path, or the first with a number after it that is not there."""
    number = 1
    while (other := path if number == 1 else path.with_name(
            f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    return other


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

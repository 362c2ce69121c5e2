"""What stands in an analysis folder before another one is built there: people's work, which is
never built over with other inputs, and can be put aside."""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from failure_analysis import aside, clean, files, manifest, results, steps, store
from failure_analysis.markdown import listed
from failure_analysis.packet import rows
from failure_analysis.records import Source
from failure_analysis.review import audit_readings, bucket_groups, ledger, reading_log

REPORT = "deep_error_analysis.md"
_BUNDLE = Path(__file__).resolve().parents[3]
_BUNDLED = ("scripts", "skills", "templates", "references", "tests")
_LONGEST = 200  # of 255, as temporary and older files have more in their names


class _Bound(TypedDict, total=False):
    drafted: str | None
    bound: dict[str, int]


class _Reports(_Bound, total=False):
    report: str
    reports: dict[str, _Bound]


class Work(NamedTuple):
    """People's work in an analysis folder: the benchmark that it is of, how many reviews, the
    report when somebody has rewritten it, and how many readings of the audit."""

    benchmark: str
    reviews: int
    report: Path | None
    readings: int = 0

    def __str__(self) -> str:
        report = f"a rewritten report ({self.report.name})" if self.report else ""
        counts = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in (
            (self.reviews, "review"), (self.readings, "audit reading")) if count]
        parts = filter(None, (*counts, report))
        return f"the analysis of {self.benchmark} with {' and '.join(parts)}"


def guard(analysis_dir: Path, sources: Sequence[Source], report: Path | None, option: str,
          force: bool, mapping: Path | None = None, rules: Path | None = None) -> Path | None:
    """Refuses when people's work stands in the folder that was made from other inputs, or files
    under our names that we did not write; with `force` puts aside what it is, and returns where.
    What was changed since it was written is put aside in any case. Refuses too when an input, the
    `mapping` or the `rules` would be written over, and links that lead out of the folder.
    `option` names the folder on the command line."""
    _refuse_over_inputs(analysis_dir, sources, report, filter(None, (mapping, rules)))
    if report:
        store.refuse_leading_out(report)
    there = _foreign(analysis_dir, force)
    if there and not force:
        if len(there) > 1:  # all is foreign where a manifest cannot be read: that is the reason
            manifest.entries(analysis_dir)
        raise files.Refusal(f"{analysis_dir}: holds {listed(there, aside.SHOWN)}, which no "
                            f"analysis wrote there; give another {option}, or --force, which puts "
                            "it aside")
    entry = _packet(analysis_dir)
    work = _work(analysis_dir, entry, report) if entry is not None else None
    why = _other(analysis_dir, entry, sources, work.benchmark, mapping) if work else ""
    if not why:
        changed = [] if manifest.NAME in there else aside.changed(analysis_dir, _names())
        return aside.move(analysis_dir, [*there, *changed], aside.unused(analysis_dir, "files"))
    if force:
        target = put_aside(analysis_dir, work.benchmark, _reports(analysis_dir, report))
        aside.move(analysis_dir, there, target)
        return target
    raise files.Refusal(f"{analysis_dir}: holds {work}, made from other inputs: {why}; give "
                        f"another {option}, or --force, which puts the old analysis aside")


def refuse_place(analysis_dir: Path, report: Path | None, option: str,
                 run_dirs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuses a folder that is none for an analysis, whatever stands in it: one that is not to be
    filled, that is itself an input, or that later commands could not name."""
    if why := _unfit(analysis_dir, report, run_dirs, inputs):
        raise files.Refusal(f"{report or analysis_dir}: {why}; give another {option}")


def _unfit(analysis_dir: Path, report: Path | None, run_dirs: Sequence[Path],
           inputs: Sequence[Path]) -> str:
    """Why a folder is no place for an analysis; blank when it is one."""
    path = report or analysis_dir
    if path.parts[:1] and path.parts[0].startswith("-"):
        return "begins with a dash, so that the next script would take it for an option"
    if clean.visible(str(path)) != str(path) or "\n" in str(path):
        return "has a control character or a line feed in its name"
    if longest := max((part for part in path.parts if len(os.fsencode(part)) > _LONGEST),
                      default=""):
        return f"a name of {len(os.fsencode(longest))} bytes is too long (at most {_LONGEST})"
    for place, part in enumerate(path.parts):
        if part == ".." and not Path(*path.parts[:place]).is_dir():
            return f"{Path(*path.parts[:place])} is not there, and .. leads out of it"
    if report and (report.is_dir() or report.name.casefold() in _names()):
        return "is a folder" if report.is_dir() else "is what a step of the analysis writes"
    folder = Path(os.path.realpath(analysis_dir))
    if blocking := next((each for each in (folder, *folder.parents)
                         if each.exists() and not each.is_dir()), None):
        return f"{blocking} is a file, and an analysis is a folder"
    if folder in (Path(folder.anchor), Path.home().resolve()):
        return "is a whole disk or home folder"
    if folder == _BUNDLE or any(folder.is_relative_to(_BUNDLE / name) for name in _BUNDLED):
        return "is part of the bundle that these scripts are in"
    if any(folder.is_relative_to(os.path.realpath(path)) for path in run_dirs) \
            or folder in (Path(os.path.realpath(path)) for path in inputs):
        return "is a folder of the runs that are read"
    return ""


def _foreign(analysis_dir: Path, force: bool) -> list[str]:
    """What stands in the folder under our names and is none of ours; a ledger or a reading log that
    cannot be read is refused for its reason without `force`."""
    there = aside.foreign(analysis_dir, _names())
    unpacked = _packet(analysis_dir) is None
    for name, load in ((ledger.NAME, ledger.load), (reading_log.NAME, reading_log.load),
                       (bucket_groups.NAME, bucket_groups.lines),
                       (audit_readings.NAME, audit_readings.load)):
        path = analysis_dir / name
        try:
            store.refuse_leading_out(path)
            load(analysis_dir)
            damaged = False
        except (files.Refusal, OSError):
            if not force:
                raise
            damaged = True
        if damaged or (unpacked and os.path.lexists(path)):
            there.append(name)
    return there


def _refuse_over_inputs(analysis_dir: Path, sources: Sequence[Source], report: Path | None,
                        others: Iterable[Path]) -> None:
    """Refuses when a file that an analysis would write or remove is one that it reads."""
    inputs = [path for source in sources for path in source.files]
    aside.refuse_over([*(analysis_dir / name for name in _names()), *([report] if report else [])],
                      [*inputs, *others])


def _names() -> list[str]:
    """What an analysis writes, but for what its readers and its author do."""
    return sorted({name for step in steps.STEPS for name in step.writes} | {manifest.NAME})


def is_rewritten(report: Path, analysis_dir: Path) -> bool:
    """Whether a report is there, and is not the draft that a script left."""
    try:
        text = files.read_text(report)
    except FileNotFoundError:
        return False
    except files.Refusal:
        return True
    return bool(text.strip()) and digest(text) != report_record(analysis_dir, report).get("drafted")


def report_record(analysis_dir: Path, report: Path) -> dict[str, Any]:
    """What the manifest has of a report by its name: the digest of the draft that it is, if it is
    one, and how often each fact was bound in it. Earlier versions have it of the last one alone."""
    record = reports(analysis_dir)
    named = record.get("reports", {record.get("report"): record})
    return named.get(report.name, {})


def reports(analysis_dir: Path) -> dict[str, Any]:
    """What the manifest has of the reports of a folder."""
    return manifest.settings(analysis_dir, steps.REPORT.name, _Reports)


def digest(text: str) -> str:
    """What a draft is known by in the manifest."""
    return hashlib.sha256(text.encode()).hexdigest()


def report_of(analysis_dir: Path) -> Path:
    """The report of an analysis folder: the one that was written last, else the usual name."""
    record = reports(analysis_dir)
    return analysis_dir / Path(str(record.get("report", REPORT))).name


def own_bindings(analysis_dir: Path, report: Path | None = None) -> Counter[str]:
    """How often each fact was bound in a report by write_report.py, as the manifest has it."""
    return Counter(report_record(analysis_dir, report or report_of(analysis_dir)).get("bound", {}))


def copy_aside(path: Path) -> Path:
    """Copies a file beside itself under a name with the time in it, and returns that."""
    copy = aside.unused(path.parent, path.stem, path.suffix)
    with store.atomic(copy) as file:
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
    reviews, read = (_lines(analysis_dir / name) for name in (ledger.NAME, audit_readings.NAME))
    rewritten = next((each for each in _reports(analysis_dir, report)
                      if is_rewritten(each, analysis_dir)), None)
    benchmark = _benchmark(analysis_dir, entry)
    return Work(benchmark, reviews, rewritten, read) if reviews or read or rewritten else None


def _lines(path: Path) -> int:
    """How many lines a ledger has, whatever is in them."""
    return sum(1 for line in files.read_bytes(path).splitlines() if line.strip()) \
        if path.exists() else 0


def _reports(analysis_dir: Path, report: Path | None) -> list[Path]:
    """The reports of a folder that are there: those that were written, and one that would be."""
    record = reports(analysis_dir)
    names = (*record.get("reports", ()), report_of(analysis_dir).name)
    paths = dict.fromkeys((*(analysis_dir / Path(name).name for name in names),
                           *([report] if report else [])))
    return [path for path in paths if path.is_file()]


def _benchmark(analysis_dir: Path, entry: dict[str, Any]) -> str:
    """The benchmark of the packet in a folder. An earlier version of the manifest has it not."""
    if named := entry["settings"].get("benchmark"):
        return str(named)
    try:
        return results.read(analysis_dir / steps.SANITY, results.Sanity, steps.BUILD.script)[
            "conservation"]["benchmark"]
    except (files.Refusal, OSError):
        return "unnamed"


def _other(analysis_dir: Path, entry: dict[str, Any], sources: Sequence[Source],
           benchmark: str, mapping: Path | None) -> str:
    """In what the inputs of a packet are not among these, in words; blank when all are. A file that
    was moved is the same; the mapping, which decides the verdicts, is an input. A benchmark that is
    called as its folder may be called otherwise."""
    earlier = entry.get("inputs") or []
    paths = [path for source in sources for path in source.files]
    hashes: dict[str, list[Source]] = {}
    for source in sources:
        for path in source.files:
            hashes.setdefault(files.sha256(path), []).append(source)
    lost = [each for each in earlier if each.get("sha256") not in hashes]
    if lost:
        start = analysis_dir / str(entry["settings"].get("working_dir", ""))
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
    if stated not in (None, benchmark):
        return f"these are of {stated}"
    read_with = entry["settings"].get("mapping_sha256", now := files.sha256(mapping) if mapping
                                      else None)
    if read_with == now:
        return ""
    return f"{mapping} is not the mapping of that analysis" if read_with and mapping else \
        f"these are read {'through' if mapping else 'without'} a mapping"


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
    target = aside.unused(analysis_dir, benchmark)
    paths = [analysis_dir / name for name in _made(analysis_dir)]
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


def _made(analysis_dir: Path) -> list[str]:
    """What the steps of an analysis write, and the readers; what people made comes last."""
    ran = manifest.entries(analysis_dir)
    made = {name for step in steps.STEPS
            for name in (*step.writes, *ran.get(step.name, {}).get("outputs", ()))}
    return [*sorted(made), reading_log.NAME, ledger.NAME, bucket_groups.NAME, steps.ANSWERS,
            steps.READINGS]

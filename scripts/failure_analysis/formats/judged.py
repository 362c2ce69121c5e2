"""Judged run folders: `<judge>_judged.jsonl`, one JSON object per scripted turn.

A folder may hold `transcript.jsonl` (the same rows before judging), `runtime.json` and
`<judge>_summary.json` beside it. With several judges, `openai_judged.jsonl` (else the first by
name) is the outcome of record and the others are further gradings."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from failure_analysis import files
from failure_analysis.checks import epoch, tidy, wrong
from failure_analysis.datapoint import outcome_of, safe_id
from failure_analysis.formats import benchmarks
from failure_analysis.records import Grading, Line, Source, item_of

_SECRET = re.compile(r"key|token|secret|password|auth|cookie|credential", re.I)
_JUDGED = "_judged.jsonl"
_FIRST = 5  # rows that are asked for the benchmark
_MOST = 10_000  # folders beside runs that are looked into
NAME = "judged-runs"
ABOUT = ("judged conversations: a folder with openai_judged.jsonl or any *_judged.jsonl, a "
         "turn per line")


def matches(path: Path) -> str | None:
    """Says why the path is a judged run, or None."""
    if path.is_dir():
        judged = _judged_files(path)
        if judged:
            return sys.intern(f"folder with {judged[0].name}")
        transcript = _named(path, "transcript.jsonl")
        return f"folder with {transcript.name} and no judged file" if transcript else None
    return f"a file named {files.bare_name(path)}" if is_named_so(path) else None


def sources(path: Path, why: str) -> list[Source]:
    """The run in a folder (or of a single judged file); judged files of another model in the same
    folder are runs of their own."""
    if path.is_file():
        return [_source(path, why)]
    mains = _judged_files(path) or [_named(path, "transcript.jsonl")]
    first = _source(mains[0], why)
    by_model = {first.model_name: first}
    for other in mains[1:]:
        source = _source(other, why)
        run_id = f"{source.run_id}~{safe_id(source.model_name)}"
        by_model.setdefault(source.model_name, replace(source, run_id=run_id))
    return list(by_model.values())


def _source(main: Path, why: str) -> Source:
    folder = main.parent
    runtime, remark = _facts_beside(folder, "runtime.json")
    judge, summary, remarks = None, {}, (remark,)
    if files.bare_name(main).endswith(_JUDGED):
        judge = _judge(main)
        summary, remark = _facts_beside(folder, f"{judge}_summary.json")
        remarks += (remark,)
    model = _first_row_model(main) or _first_text(runtime, summary)
    if model is None:
        model = folder.resolve().name
        remarks += (f"{main}: no model_name in it or beside it; the folder's name stands for it",)
    turns, transcript = runtime.get("turns"), _named(folder, "transcript.jsonl")
    transcript = None if transcript == main else transcript
    whole = turns if isinstance(turns, int) and not isinstance(turns, bool) else 0
    further = _further(main, model)
    return Source(
        format=NAME, path=main, run_id=os.path.basename(os.path.realpath(folder)),
        model_name=sys.intern(model), why=why,
        files=(main, transcript) if transcript else (main,),
        benchmark=sys.intern(benchmarks.stated(*_first_rows(main), runtime, summary)),
        grader=_grader(judge, summary), settings=_conditions(runtime),
        expected_items=tuple(str(turn) for turn in range(min(max(whole, 0), 100_000))),
        remarks=tuple(filter(None, remarks)), gradings=further,
        judges=tuple(map(_judge, (main, *further))) if judge else (),
        transcript=transcript, is_by_line=transcript is None,
    )


def _judge(path: Path) -> str:
    """Whose verdicts a judged file has."""
    return files.bare_name(path).removesuffix(_JUDGED)


def without_rows(sources: Iterable[Source]) -> list[str]:
    """The folders beside judged runs that have files of a run, and neither judged rows nor a
    transcript; looked for where several runs stand beside each other."""
    runs = [source for source in sources if source.format == NAME]
    parents = Counter(os.path.dirname(folder) for folder in
                      {os.path.realpath(source.path.parent) for source in runs})
    wanted = {"runtime.json", *(f"{judge}_summary.json" for source in runs
                                for judge in source.judges)}
    return [name for parent, count in sorted(parents.items()) if count > 1
            for name in sorted(os.listdir(parent))[:_MOST]
            if _is_without_rows(Path(parent, name), wanted)]


def _is_without_rows(folder: Path, wanted: set[str]) -> bool:
    try:
        names = {files.bare_name(path): path for path in folder.iterdir()}
    except OSError:  # no folder, or closed to us
        return False
    return not wanted.isdisjoint(names) and not any(map(is_named_so, names.values()))


def named(sources: Sequence[Source], otherwise: str) -> list[Source]:
    """The sources; judged runs that state no benchmark are of the one that the others state, else
    of this one, or, where it is blank, of the one that is called as the folder above them."""
    return benchmarks.filled(sources, NAME, lambda mine: otherwise or benchmarks.of_folders(
        [source.path.parent for source in mine], NAME))


def _conditions(runtime: dict) -> dict[str, str]:
    """The settings that runtime.json records, without anything that may be a secret."""
    return {f"runtime {name}": str(value)[:80] for name, value in runtime.items()
            if isinstance(value, str | int | float) and name not in ("model_name", "turns", "note")
            and not _SECRET.search(name)}


def _further(main: Path, model: str) -> tuple[Path, ...]:
    """The judged files of other judges over the answers of this run's model."""
    if not files.bare_name(main).endswith(_JUDGED):
        return ()
    return tuple(path for path in _judged_files(main.parent) if path.name != main.name
                 and _first_row_model(path) in (None, model))


def _judged_files(folder: Path) -> list[Path]:
    """The judged files of a folder, the one of record first."""
    paths = [path for path in folder.iterdir() if path.is_file()
             and files.bare_name(path).endswith(_JUDGED)]
    return sorted(paths, key=rank)


def is_named_so(path: Path) -> bool:
    """Whether a file has the name of judged rows or of a transcript."""
    name = files.bare_name(path)
    return name.endswith(_JUDGED) or name == "transcript.jsonl"


def is_companion(path: Path) -> bool:
    """Whether a file has a name that stands beside judged rows."""
    name = files.bare_name(path)
    return is_named_so(path) or name.endswith("_summary.json") or name == "runtime.json"


def rank(path: Path) -> tuple[bool, str]:
    """Sorts the judged file of record before the others."""
    return not path.name.startswith("openai_judged"), path.name


def read(source: Source) -> Iterator[Line] | Iterator[Grading]:
    """The rows of a judged file or a transcript, each checked; broken ones with their reason. For
    a source that grades, its gradings."""
    return _gradings(source.path) if source.grades else _lines(source)


def _lines(source: Source) -> Iterator[Line]:
    """The rows of a source, then the turns of its transcript that its judged file does not have,
    which nobody judged."""
    if source.transcript is None:
        yield from _lines_of(source)
        return
    judged, models = set(), set()
    for line in _lines_of(source):
        if line.fields is not None:
            judged.add(item_of(line.fields))
            models.add(line.fields.get("model_name"))
        yield line
    for line in _lines_of(replace(source, path=source.transcript)):
        if line.fields is not None and item_of(line.fields) not in judged \
                and (models <= {None} or line.fields.get("model_name") in (None, *models)):
            yield line._replace(path=source.transcript)


def _lines_of(source: Source) -> Iterator[Line]:
    """The rows of one file, each checked."""
    keyed = bool(source.gradings)
    folder = str(source.path.parent)
    for number, raw, row, reason, nulled in files.json_lines(source.path, source.part):
        reason = reason or wrong(row)
        if reason:
            yield Line(number, None, raw, reason, cut_off=not raw)
            continue
        notes = tidy(row)
        if nulled:
            notes = (*notes, "a NaN or infinite number was written as null")
        yield Line(
            number, row, b"" if notes else raw, "", _settings(row, source),
            epoch(row["ts"]) if "ts" in row else None, None,
            f"{folder}#{item_of(row)}" if keyed else None, notes,
            content=hash(raw if raw.endswith(b"\n") else raw + b"\n"),
        )


def _gradings(path: Path) -> Iterator[Grading]:
    """The verdicts of another judge over the same turns."""
    judge = _judge(path)
    grader = _grader(judge, _facts_beside(path.parent, f"{judge}_summary.json")[0]) or judge
    for number, _, row, reason, _ in files.json_lines(path):
        reason = reason or wrong(row)
        if reason:
            yield Grading(number, None, grader, "unjudged", "", reason=reason)
            continue
        tidy(row)
        outcome, failed = outcome_of(row.get("scores"), None, None)
        yield Grading(number, f"{path.parent}#{item_of(row)}", grader, outcome, outcome,
                      row.get("scores"), tuple(failed))


def _settings(row: dict, source: Source) -> dict[str, str] | None:
    if "judge_version" not in row and "judge_model" not in row and "grader" not in row:
        return None
    judge = _judge(source.path)
    return {"grader": row.get("grader") or _grader(judge, row) or judge}


def _named(folder: Path, name: str) -> Path | None:
    return next((path for end in ("", *files.COMPRESSED)
                 if (path := folder / f"{name}{end}").is_file()), None)


def _facts_beside(folder: Path, name: str) -> tuple[dict, str]:
    """(the small JSON object beside the rows, why it could not be read); both empty without one."""
    path = _named(folder, name)
    if path is None:
        return {}, ""
    try:
        value = files.read_json(path)
    except files.Refusal as refusal:
        return {}, str(refusal)
    return (value, "") if isinstance(value, dict) else ({}, f"{path}: no JSON object in it")


def _first_text(*objects: dict) -> str | None:
    names = (row.get("model_name") for row in objects)
    return next((name for name in names if isinstance(name, str) and name), None)


def _first_rows(path: Path) -> list[dict]:
    return [line.value for line in islice(files.json_lines(path), _FIRST)
            if isinstance(line.value, dict)]


def _first_row_model(path: Path | None) -> str | None:
    for line in files.json_lines(path) if path else ():
        if line.reason:
            continue
        name = line.value.get("model_name") if isinstance(line.value, dict) else None
        return name if isinstance(name, str) and name else None
    return None


def _grader(judge: str | None, facts: dict) -> str | None:
    parts = [judge, facts.get("judge_model"), facts.get("judge_version")]
    return "/".join(str(part) for part in parts if part) or None

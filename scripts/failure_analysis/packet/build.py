"""The failure review packet: every datapoint's outcome, what failed or was not judged whole, exact
counts."""

import gc
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from failure_analysis import clean, facts, files, manifest, steps, store
from failure_analysis.checks import text_of
from failure_analysis.clean import csv_cell
from failure_analysis.datapoint import (
    CSV_COLUMNS,
    GRADING_COLUMNS,
    NOT_COUNTED,
    NOTHING_RECORDED,
    OUTCOME_COLUMNS,
    UNSURE,
    is_for_readers,
)
from failure_analysis.packet import (
    findings,
    lines,
    mapped_findings,
    overall_facts,
    progress,
    sanity,
    sessions,
    versions,
)
from failure_analysis.packet.overall import (
    MOST_DETAILS,
    MOST_EXAMPLES,
    Overall,
    kind_of_rejection,
    transcript_mismatch,
)
from failure_analysis.packet.tally import Noted, RejectedLine, RunTally, SourceTally, Unsure
from failure_analysis.packet.version_texts import RunContents
from failure_analysis.reading import ingest, labels, left_out
from failure_analysis.reading.detect import Inputs
from failure_analysis.records import MARKERS, Note, Source

if TYPE_CHECKING:
    from concurrent.futures import Future

_VERDICTS = {"pass": 1, "fail": 0, "unjudged": -1}
_cell = lru_cache(1 << 13)(csv_cell)


class Outputs(NamedTuple):
    """The four streams of the packet, open for writing bytes."""

    outcomes: IO[bytes]
    rows: IO[bytes]
    table: IO[bytes]
    rejected: IO[bytes]


def build(inputs: Inputs, analysis_dir: Path, jobs: int, settings: dict) -> dict:
    """Reads the runs once and writes the packet; returns the conservation counts.

    Files: outcomes.csv (with outcomes_long.jsonl only where a cell of it had to be cut),
    failure_review_rows.jsonl and .csv, rejected_rows.jsonl, gradings.csv (only with further
    gradings), item_versions.json and .md (only where items or policies differ), sanity.json,
    facts.json, manifest.json. What was made from another packet that stood in the
    folder is removed, and named under `removed`."""
    analysis_dir.mkdir(parents=True, exist_ok=True)
    overall = Overall(inputs.sources[0].benchmark)
    read_files = store.Records(("path", "bytes", "sha256", "run", "format", "rows"))
    keys: dict[str, tuple] = {}
    long_cells: dict[str, str] = {}
    contents: list[RunContents] = []
    shared: dict = {}
    with _streams(analysis_dir) as outputs, _no_collector(), \
            progress.reading(inputs.sources) as sources:
        pairs = zip(sources, _tallies(inputs, outputs, jobs), strict=True)
        for place, (source, tally) in enumerate(pairs):
            rows = sum(run.rows for run in tally.runs) + tally.rejected.total()
            read_files.extend(_inputs(source, rows))
            for run in tally.runs:
                keys |= run.keys
                contents.append(versions.contents(place, source, run, shared))
            long_cells |= tally.long_cells
            overall.add(source, tally)
        overall.refuse_wrong_mapping()
        labels.refuse_unknown(inputs.sources[0].labels, overall.run_ids)
        left_out.refuse_unknown(inputs.sources[0].without, overall.dimensions)
        overall.leave_out(inputs.sources[0].without)
        mapped_findings.expect(overall)
        overall.find_judges(inputs.rowless)
        if not overall.rows_read:
            raise files.Refusal(f"{_named(inputs.sources)}: no rows in it; nothing to analyse")
        for stream in outputs:  # a disk that is full leaves the old packet, and its manifest
            stream.flush()
        manifest.begin(analysis_dir, steps.BUILD.writes)
    with _whole_or_none(analysis_dir):
        _write_long(long_cells, analysis_dir / steps.LONG)
        if inputs.gradings:
            overall.gradings = _write_gradings(inputs, keys, analysis_dir / steps.GRADINGS)
        else:
            (analysis_dir / steps.GRADINGS).unlink(missing_ok=True)
        found = versions.write(analysis_dir, contents, inputs.sources)
        overall.versions = list(versions.findings(found))
        report = sanity.report(overall, [path.as_posix() for path in inputs.ignored],
                               inputs.unreadable)
        store.write_json(analysis_dir / sanity.NAME, report)
        removed = _settle(analysis_dir, overall_facts.facts(overall) | versions.facts(found),
                          settings, read_files)
    return {**sanity.conservation(overall), "unreadable": inputs.unreadable,
            "gradings_joined": overall.gradings["joined"] if overall.gradings else 0,
            "differences": [finding["text"] for finding in overall.differences],
            "findings": findings.for_terminal(report["findings"]), "removed": removed}


@contextmanager
def _whole_or_none(analysis_dir: Path) -> Iterator[None]:
    """Removes the packet when its last files cannot be written beside its streams."""
    try:
        yield
    except OSError:
        for name in steps.BUILD.writes:
            (analysis_dir / name).unlink(missing_ok=True)
        raise


def _settle(analysis_dir: Path, counted: dict, settings: dict, inputs: list) -> list[str]:
    """Writes the facts and tells the manifest. What other steps made of an earlier packet stays if
    this one is the same, else it goes; returns the names of what went."""
    hashes = {name: files.sha256(analysis_dir / name) for name in steps.BUILD.writes
              if name != steps.FACTS and (analysis_dir / name).exists()}
    earlier = manifest.outputs(analysis_dir, steps.BUILD)
    same = earlier is not None and facts.are_whole(analysis_dir) and hashes == {
        name: hash_ for name, hash_ in earlier.items() if name != steps.FACTS}
    removed = [] if same else manifest.remove_derived(analysis_dir)
    facts.replace(analysis_dir, steps.BUILD, counted, alone=not same)
    # Relative paths among the inputs start from here, wherever the folder is read later.
    here = os.path.relpath(Path.cwd(), analysis_dir)
    manifest.record(analysis_dir, steps.BUILD.name, {**settings, "working_dir": here},
                    steps.BUILD.writes, inputs, hashes=hashes)
    return removed


def _tallies(inputs: Inputs, outputs: Outputs, jobs: int) -> Iterator[SourceTally]:
    """One tally per source, in their order, whatever the number of workers."""
    keyed = bool(inputs.gradings)
    if jobs < 2 or len(inputs.sources) < 2:
        for source in inputs.sources:
            yield read_source(source, keyed, outputs)
        return
    from concurrent.futures import ProcessPoolExecutor

    # A Ctrl-C reaches every process of the terminal; workers that it ends can block the pool.
    with tempfile.TemporaryDirectory(prefix="packet-") as folder, \
            ProcessPoolExecutor(jobs, initializer=signal.signal,
                                initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        waiting: list[tuple[int, Future]] = []
        for place, source in enumerate(inputs.sources):
            with store.interrupt_held_back():
                waiting.append((place, pool.submit(_part, source, keyed, folder, place)))
            if len(waiting) > 4 * jobs:
                yield _joined(*waiting.pop(0), folder, outputs)
        for place, future in waiting:
            yield _joined(place, future, folder, outputs)


def _part(source: Source, keyed: bool, folder: str, place: int) -> SourceTally:
    """Reads one source in a worker, into part files."""
    with ExitStack() as stack:
        parts = [stack.enter_context(open(Path(folder, f"{place}.{name}"), "wb"))
                 for name in steps.STREAMS]
        return read_source(source, keyed, Outputs(*parts))


def _joined(place: int, future: "Future", folder: str, outputs: Outputs) -> SourceTally:
    """Appends a worker's part files to the streams."""
    tally = future.result()
    for name, output in zip(steps.STREAMS, outputs, strict=True):
        part = Path(folder, f"{place}.{name}")
        with open(part, "rb") as file:
            shutil.copyfileobj(file, output, 1 << 20)
        part.unlink()
    return tally


@contextmanager
def _no_collector() -> Iterator[None]:
    """Without the cyclic garbage collector: rows are trees, and looking for cycles in millions of
    them takes a twentieth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _streams(analysis_dir: Path) -> Iterator[Outputs]:
    with store.atomic_together(analysis_dir / name for name in steps.STREAMS) as streams:
        outputs = Outputs(*streams)
        outputs.outcomes.write(clean.csv_line(OUTCOME_COLUMNS))
        outputs.table.write(clean.csv_line(CSV_COLUMNS))
        yield outputs


def read_source(source: Source, keyed: bool, outputs: Outputs) -> SourceTally:
    """Reads one source and writes its part of the streams."""
    runs: dict[str, RunTally] = {}
    total = SourceTally([])
    states = source.mapping is not None and source.mapping.spec.expected is not None
    transcript = ingest.transcript(source)
    differing: list[str] = []
    never_judged: list[str] = []
    for row in ingest.rows(source, total.counts):
        if row.computed is None:
            _reject(row, source, outputs, total)
            continue
        run_id = row.computed["run_id"]
        tally = runs.get(run_id)
        if tally is None:
            tally = runs[run_id] = RunTally(run_id, csv_cell(run_id), row.computed["model_name"],
                                            row.computed["source"]["path"], row.recorded)
        _count(row, tally, keyed)
        if source.without:
            total.dimensions.update(left_out.judged_on(row.computed, row.scores.judged))
        if states:
            path = row.computed["source"]["path"]
            total.files.setdefault(path, Counter())[row.computed["outcome"]] += 1
        if transcript is not None and _other_text(row, transcript[0]):
            differing.append(row.computed["item_id"])
        if transcript is not None and row.line.path == source.transcript:
            never_judged.append(row.computed["item_id"])
        outputs.outcomes.write(clean.record(_outcome_line(row, tally), steps.LONG,
                                            total.long_cells))
        if is_for_readers(row.computed["outcome"], row.computed["termination"]):
            _write_whole(row, outputs)
    if transcript is not None and source.run_id in runs:
        run = runs[source.run_id]
        run.transcript = transcript_mismatch(*transcript, run, differing, never_judged)
    total.runs = list(runs.values())
    return total


def _other_text(row: ingest.Row, transcript: dict[str, str | None]) -> bool:
    """True when the transcript has another answer for this turn than the judged row."""
    item, text = row.computed["item_id"], row.line.fields.get("assistant_text")
    return item in transcript and transcript[item] != text


def _reject(row: ingest.Row, source: Source, outputs: Outputs, total: SourceTally) -> None:
    path = (row.line.path or source.path).as_posix()
    total.rejected[kind_of_rejection(row.reason)] += 1
    total.cut_off |= row.line.cut_off
    if len(total.rejected_lines) < MOST_EXAMPLES:
        total.rejected_lines.append(RejectedLine(path, row.line.number, row.reason))
    raw = row.line.raw.decode("utf-8", "backslashreplace").rstrip("\n")
    record = {"path": path, "line": row.line.number, "reason": row.reason, "raw": raw}
    outputs.rejected.write(json.dumps(record).encode() + b"\n")


def _count(row: ingest.Row, tally: RunTally, keyed: bool) -> None:
    """Adds one datapoint to its run's counts."""
    line, computed = row.line, row.computed
    tally.rows += 1
    told = _told(line.fields)
    if tally.told != told:
        tally.told = told if tally.rows == 1 else None
    tally.patterns[row.scores.judged] += 1
    outcome = computed["outcome"]
    tally.outcomes[outcome] += 1
    if outcome == "fail" and not computed["failed_dimensions"]:
        tally.failed_alone += 1
    elif outcome == "unjudged" and computed["termination"] in NOT_COUNTED:
        tally.not_counted[computed["termination"]] += 1
    _count_item(row, tally)
    tally.graders[computed["grader"]] += 1
    if computed["termination"] is not None:
        text = line.fields.get("assistant_text") or ""
        marker = next((name for name in MARKERS if text.startswith(name)), None)
        if marker:
            tally.markers[marker.strip("[]")] += 1
            tally.failed_markers[marker.strip("[]")] += outcome == "fail"
    if outcome == "fail":
        tally.failed_empty += _is_empty(line.fields)
        if computed["termination"]:
            tally.failed_ends[computed["termination"]] += 1
    if line.settings:
        for name, value in line.settings.items():
            tally.settings.setdefault(name, Counter())[value] += 1
    if line.notes:
        _note(line.notes, computed["datapoint_id"], tally)
    if line.started is not None:
        tally.times.extend((line.started, line.ended if line.ended is not None else line.started))
        tally.verdicts.append(_VERDICTS[outcome])
        name = line.settings and line.settings.get(sessions.PROVIDERS_NAME)
        tally.providers.append(sys.intern(name) if name else None)
    if computed["item_fingerprint"] == NOTHING_RECORDED:
        tally.unchecked += 1
    if keyed and line.key in tally.keys:
        tally.keys[line.key] = ()  # two rows answer to it: a grading cannot say which it means
    elif keyed and line.key is not None:
        tally.keys[line.key] = tuple(computed[name] for name in GRADING_COLUMNS[:5])


def _count_item(row: ingest.Row, tally: RunTally) -> None:
    """Adds one datapoint to its item, or to those whose item cannot be told."""
    line, computed = row.line, row.computed
    item, fingerprint = computed["item_id"], computed["item_fingerprint"]
    if fingerprint == UNSURE:
        unsure = tally.unsure.setdefault(item, Unsure(line.may_be))
        unsure.rows += 1
        if len(unsure.examples) < MOST_EXAMPLES:
            unsure.examples.append(computed["datapoint_id"])
        return
    first = tally.items.setdefault(item, fingerprint)
    if first != fingerprint:
        tally.other_content[item] = fingerprint
    if computed["trial"] and line.fields.get("trial") != computed["trial"]:
        tally.repeated[item] += 1


def _told(fields: dict) -> str:
    """The system message with which a row begins; blank without one."""
    messages = fields.get("messages")
    first = messages[0] if type(messages) is list and messages else None
    if type(first) is not dict or first.get("role") != "system":
        return ""
    text = text_of(first.get("content"))
    return text if type(text) is str else ""


def _is_empty(fields: dict) -> bool:
    """True when the answer is recorded and blank, and the row has no call and no other words of
    the model."""
    text = fields.get("assistant_text")
    if type(text) is not str or (text and not text.isspace()) or fields.get("tool_calls"):
        return False
    mine = [message for message in fields.get("messages") or ()
            if isinstance(message, dict) and message.get("role") == "assistant"]
    return not any(message.get("tool_calls") or str(text_of(message.get("content")) or "").strip()
                   for message in mine)


def _note(notes: tuple[str | Note, ...], ident: str, tally: RunTally) -> None:
    for note in notes:
        text, detail = note if isinstance(note, Note) else (note, "")
        seen = tally.notes.setdefault(text, Noted())
        seen.rows += 1
        if len(seen.examples) < MOST_EXAMPLES:
            seen.examples.append(ident)
        if detail and len(seen.details) < MOST_DETAILS:
            seen.details[detail] = None


def _outcome_line(row: ingest.Row, tally: RunTally) -> str:
    """The slim line of one datapoint, without its end."""
    computed = row.computed
    ident, item = computed["datapoint_id"], computed["item_id"]
    run, item_cell = tally.run_cell, _cell(item)
    # An id is its run and item: it needs a guard or quotes only where one of them does.
    plain = run is tally.run_id and item_cell is item
    turn, reward, latency = computed["turn"], computed["reward"], computed["latency_ms"]
    prompt, completion = computed["prompt_tokens"], computed["completion_tokens"]
    cost, params = computed["cost_usd"], row.line.fields.get("params")
    task = computed["task"]
    return (
        f"{ident if plain else csv_cell(ident)},{run},{_cell(tally.model_name)},{item_cell},"
        f"{computed['item_fingerprint']},{_cell(task) if task else ''},{computed['trial']},"
        f"{'' if turn is None else turn},{computed['outcome']},{'' if reward is None else reward},"
        f"{row.scores.failed_cell},{row.scores.cell},"
        f"{_cell(computed['termination'])},{_cell(computed['grader'])},"
        f"{'' if prompt is None else prompt},{'' if completion is None else completion},"
        f"{'' if latency is None else latency},{'' if cost is None else cost},"
        f"{csv_cell(params) if params else ''}")


def _write_whole(row: ingest.Row, outputs: Outputs) -> None:
    whole, line = lines.whole_row(row)
    outputs.rows.write(line)
    outputs.table.write(lines.table_line(whole, row.scores.cell))


def _inputs(source: Source, rows: int) -> list[tuple]:
    """The manifest's entries for the files of a source; the rows stand with the first of them."""
    what = sys.intern(f"{source.format}: {source.why}")
    return [(path.as_posix(), path.stat().st_size, files.sha256(path), source.run_id, what,
             None if place else rows) for place, path in enumerate(source.files)]


def _named(sources: list[Source]) -> str:
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{sources[0].path}{more}"


def _write_long(cells: dict[str, str], path: Path) -> None:
    """Writes the cells of outcomes.csv that were cut, whole; no file where there are none."""
    if not cells:
        path.unlink(missing_ok=True)
        return
    with store.atomic(path) as file:
        for mark, cell in cells.items():
            file.write(clean.encoded(json.dumps({"mark": mark, "cell": cell}) + "\n"))


def _write_gradings(inputs: Inputs, keys: dict[str, tuple], path: Path) -> dict:
    """Writes gradings.csv; returns how many were read, joined and not."""
    counts: Counter = Counter()
    lost: list[str] = []
    with store.atomic(path) as file:
        file.write(clean.csv_line(GRADING_COLUMNS))
        for name, grading in ingest.gradings(inputs):
            counts["read"] += 1
            target = keys.get(grading.key) if grading.key is not None else None
            if grading.reason or not target:
                counts["rejected"] += 1
                why = grading.reason or ("grades no row of these runs" if target is None else
                                         "the run has two rows that it may grade")
                lost += [f"{name}:{grading.number}: {why}"] if len(lost) < 20 else []
                continue
            counts["joined"] += 1
            file.write(clean.csv_line([
                *target, clean.clean_name(grading.grader), grading.outcome, grading.verdict,
                ";".join(map(ingest.dimension, grading.failed_dimensions)),
                json.dumps(grading.scores) if grading.scores else ""], name))
    return {"read": counts["read"], "joined": counts["joined"], "rejected": counts["rejected"],
            "rejected_examples": lost}


def for_readers(counts: dict) -> int:
    """How many unjudged rows readers can judge: all but those that the harness broke off."""
    return counts["unjudged"] - sum(counts.get("not_counted", {}).values())


def remarks(counts: dict) -> list[str]:
    """A sentence for each state of the counts that a reader should not pass over."""
    lines = list(counts.get("differences", ()))
    if counts["rejected"] and counts["rejected"] == counts["rows_read"]:
        lines.append(f"every row was rejected: {counts['rejected_mostly']}")
    elif not counts["pass"] + counts["fail"]:
        lines.append("no row is judged: there is nothing to call a failure; judge the runs first, "
                     f"or see in {sanity.NAME} whether the mapping finds the verdicts")
    elif not counts["fail"]:
        lines.append(f"no failing row: all {counts['pass']} judged rows passed, the packet is "
                     "empty")
    if for_readers(counts) and not counts["fail"]:
        lines.append(f"{for_readers(counts)} unjudged rows can be judged by readers, who are "
                     "counted apart (plan_review.py)")
    if counts.get("gradings_joined"):
        lines.append(f"further gradings of these answers: {counts['gradings_joined']}, in "
                     f"{steps.GRADINGS}")
    if "not_counted" in counts:
        ends = ", ".join(f"{end} {rows}" for end, rows in counts["not_counted"].items())
        lines.append("not counted by the benchmark, as the harness broke and not the model: "
                     f"{sum(counts['not_counted'].values())} of {counts['unjudged']} unjudged "
                     f"({ends})")
    if counts["cut_off"]:
        lines.append("a file is damaged or cut off: what follows in it is lost; fetch it again")
    if counts["rejected"]:
        rows = "row" if counts["rejected"] == 1 else "rows"
        lines.append(f"{counts['rejected']} {rows} could not be read: see {steps.REJECTED}")
    if counts.get("removed"):
        lines.append("removed, as it was made from the packet that stood here before: "
                     + ", ".join(counts["removed"]))
    return lines


def is_sound(counts: dict, accept_differences: bool = False) -> bool:
    """Whether something was judged, every file could be read to its end, and what was expected came
    out, unless differences are accepted."""
    return counts["pass"] + counts["fail"] > 0 and not counts["cut_off"] \
        and not counts["unreadable"] and (accept_differences or not counts["differences"])

"""The failure review packet: every datapoint's outcome, what failed or was not judged whole, exact
counts."""

import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from failure_analysis import clean, facts, files, manifest, steps, store
from failure_analysis.datapoint import (
    CSV_COLUMNS,
    GRADING_COLUMNS,
    OUTCOME_COLUMNS,
)
from failure_analysis.packet import (
    findings,
    mapped_findings,
    overall_facts,
    parts,
    progress,
    sanity,
    versions,
)
from failure_analysis.packet.one_source import Outputs
from failure_analysis.packet.overall import Overall
from failure_analysis.packet.version_texts import RunContents
from failure_analysis.reading import ingest, labels, left_out
from failure_analysis.reading.detect import Inputs
from failure_analysis.records import Source, shown
from failure_analysis.spread import Engine


def build(inputs: Inputs, analysis_dir: Path, engine: Engine, settings: dict) -> dict:
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
        read = parts.tallies(inputs.sources, bool(inputs.gradings), outputs, engine)
        for place, source in enumerate(sources):
            tally, hashes = next(read)
            rows = sum(run.rows for run in tally.runs) + tally.rejected.total()
            read_files.extend(_inputs(source, rows, hashes))
            for run in tally.runs:
                keys |= run.keys
                contents.append(versions.contents(place, source, run, shared))
            long_cells |= tally.long_cells
            overall.add(source, tally)
            tally = run = None  # as large as the run, and in the way of the next
        next(read, None)  # to its end, where it tidies up
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
        report = sanity.report(overall, [shown(path) for path in inputs.ignored],
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


def _inputs(source: Source, rows: int, hashes: dict[Path, str]) -> list[tuple]:
    """The manifest's entries for the files of a source; the rows stand with the first of them."""
    what = sys.intern(f"{source.format}: {source.why}")
    return [(shown(path), path.stat().st_size, hashes[path], source.run_id, what,
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

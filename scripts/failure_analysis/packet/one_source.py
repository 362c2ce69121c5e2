"""One source's rows on their way into the packet: its part of each stream, its exact counts."""

import json
import sys
from collections import Counter
from typing import IO, NamedTuple

from failure_analysis import clean, steps
from failure_analysis.checks import text_of
from failure_analysis.clean import csv_cell, name_cell
from failure_analysis.datapoint import (
    GRADING_COLUMNS,
    NOT_COUNTED,
    NOTHING_RECORDED,
    UNSURE,
    is_for_readers,
    records_run,
)
from failure_analysis.packet import lines, sessions
from failure_analysis.packet.overall import kind_of_rejection, transcript_mismatch
from failure_analysis.packet.tally import (
    MOST_DETAILS,
    MOST_EXAMPLES,
    Noted,
    RejectedLine,
    RunTally,
    SourceTally,
    Unsure,
)
from failure_analysis.reading import ingest, left_out
from failure_analysis.records import MARKERS, Note, Source, shown

_VERDICTS = {"pass": 1, "fail": 0, "unjudged": -1}


class Outputs(NamedTuple):
    """The four streams of the packet, open for writing bytes."""

    outcomes: IO[bytes]
    rows: IO[bytes]
    table: IO[bytes]
    rejected: IO[bytes]


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
    path = shown(row.line.path or source.path)
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
        tally.failed_unseen += not records_run(line.fields)
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
    run, item_cell = tally.run_cell, name_cell(item)
    # An id is its run and item: it needs a guard or quotes only where one of them does.
    plain = run is tally.run_id and item_cell is item
    turn, reward, latency = computed["turn"], computed["reward"], computed["latency_ms"]
    prompt, completion = computed["prompt_tokens"], computed["completion_tokens"]
    cost, params = computed["cost_usd"], row.line.fields.get("params")
    task = computed["task"]
    return (
        f"{ident if plain else csv_cell(ident)},{run},{name_cell(tally.model_name)},{item_cell},"
        f"{computed['item_fingerprint']},{name_cell(task) if task else ''},{computed['trial']},"
        f"{'' if turn is None else turn},{computed['outcome']},{'' if reward is None else reward},"
        f"{row.scores.failed_cell},{row.scores.cell},"
        f"{name_cell(computed['termination'])},{name_cell(computed['grader'])},"
        f"{'' if prompt is None else prompt},{'' if completion is None else completion},"
        f"{'' if latency is None else latency},{'' if cost is None else cost},"
        f"{csv_cell(params) if params else ''}")


def _write_whole(row: ingest.Row, outputs: Outputs) -> None:
    whole, line = lines.whole_row(row)
    outputs.rows.write(line)
    outputs.table.write(lines.table_line(whole, row.scores.cell))

"""Judged run folders: `<judge>_judged.jsonl`, one JSON object per scripted turn.

A folder may hold `transcript.jsonl` (the same rows before judging), `runtime.json` and
`<judge>_summary.json` beside it. With several judges, `openai_judged.jsonl` (else the first by
name) is the outcome of record and the others are further gradings."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from failure_analysis import files
from failure_analysis.datapoint import is_number, outcome_of
from failure_analysis.formats.records import Grading, Line, Source

_FAST = msgspec.json.Decoder().decode
NAME = "judged-runs"
WANTS = "a folder with openai_judged.jsonl, any *_judged.jsonl, or transcript.jsonl"
# Texts that stand in for an answer; the harness writes them, not the model.
MARKERS = {
    "[MODEL_ENDED_SESSION]": "ended_session",
    "[MODEL_ENDED_SESSION_EARLY]": "ended_session_early",
    "[EMPTY_RESPONSE": "empty_response",
    "[NO_RESPONSE": "no_response",
    "[TRUNCATED_RESPONSE": "length",
    "[TURN_WATCHDOG": "timeout",
}
_EXACT = 2**53  # from here on, floats skip whole numbers
_TEXT = (frozenset((str, type(None))), "text")
_LIST = (frozenset((list, dict, type(None))), "a list")
# What a row's known fields may be; rows come from JSON, so the types are exact.
KINDS = {name: _TEXT for name in (
    "user_text", "assistant_text", "judge_reasoning", "reasoning", "model_name", "grader",
    "termination", "judge_version", "judge_model")}
LISTS = ("tool_calls", "tool_results", "messages")
KINDS |= {name: _LIST for name in LISTS}


def matches(path: Path) -> str | None:
    """Says why the path is a judged run, or None."""
    if path.is_dir():
        judged = judged_files(path)
        if judged:
            return sys.intern(f"folder with {judged[0].name}")
        transcript = _named(path, "transcript.jsonl")
        return f"folder with {transcript.name} and no judged file" if transcript else None
    name = files.bare_name(path)
    if name.endswith("_judged.jsonl") or name == "transcript.jsonl":
        return f"a file named {name}"
    return None


def sources(path: Path, why: str) -> list[Source]:
    """The run in a folder (or of a single judged file)."""
    folder = path if path.is_dir() else path.parent
    judged = judged_files(folder) if path.is_dir() else [path]
    main = judged[0] if judged else _named(folder, "transcript.jsonl")
    runtime, remark = _facts_beside(folder, "runtime.json")
    judge, summary, remarks = None, {}, (remark,)
    if main and files.bare_name(main).endswith("_judged.jsonl"):
        judge = files.bare_name(main).removesuffix("_judged.jsonl")
        summary, remark = _facts_beside(folder, f"{judge}_summary.json")
        remarks += (remark,)
    model = _first_text(runtime, summary) or _first_row_model(main) or folder.name
    turns = runtime.get("turns")
    whole = turns if isinstance(turns, int) and not isinstance(turns, bool) else 0
    return [Source(
        format=NAME, path=main, run_id=os.path.basename(os.path.realpath(folder)),
        model_name=sys.intern(model), benchmark=NAME,
        why=why, files=(main,), grader=_grader(judge, summary), threshold=None,
        expected_items=tuple(str(turn) for turn in range(min(max(whole, 0), 100_000))),
        remarks=tuple(filter(None, remarks)),
    )]


def further_gradings(source: Source) -> list[Path]:
    """The judged files of other judges in the folder of a run."""
    if not files.bare_name(source.path).endswith("_judged.jsonl"):
        return []
    return [path for path in judged_files(source.path.parent) if path != source.path]


def judged_files(folder: Path) -> list[Path]:
    """The judged files of a folder, the one of record first."""
    found = [path for path in folder.iterdir() if path.is_file()
             and files.bare_name(path).endswith("_judged.jsonl")]
    return sorted(found, key=lambda path: (not path.name.startswith("openai_judged"), path.name))


def read(source: Source) -> Iterator[Line]:
    """The rows of a judged file or a transcript, each checked; broken ones with their reason."""
    keyed = bool(further_gradings(source))
    folder = str(source.path.parent)
    changed: list[str] = []
    decoder = json.JSONDecoder(parse_constant=changed.append)
    for number, raw, broken in numbered_lines(source.path):
        if broken:
            yield Line(number, None, raw, broken)
            continue
        changed.clear()
        try:
            row = _parsed(raw, decoder)
        except (ValueError, RecursionError) as error:
            yield Line(number, None, raw, _why_broken(error, raw))
            continue
        reason = wrong(row)
        if reason:
            yield Line(number, None, raw, reason)
            continue
        notes = tidy(row)
        if changed:
            notes = (*notes, "a NaN or infinite number was written as null")
        turn = row.get("turn")
        yield Line(
            number, row, b"" if notes else raw, "", _settings(row, source),
            _epoch(row.get("ts")) if "ts" in row else None, None,
            f"{folder}#{turn}" if keyed else None, notes, content=hash(raw),
        )


def _parsed(raw: bytes, exact: json.JSONDecoder) -> Any:
    """The value of one line. msgspec is three times as fast as the standard library and reads the
    same values; what it refuses (lone surrogates, NaN, broken JSON) the standard library decides.
    """
    try:
        return _FAST(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return exact.decode(raw.decode())


def read_gradings(path: Path) -> Iterator[Grading]:
    """The verdicts of another judge over the same turns."""
    judge = files.bare_name(path).removesuffix("_judged.jsonl")
    grader = _grader(judge, _facts_beside(path.parent, f"{judge}_summary.json")[0]) or judge
    for number, raw, broken in numbered_lines(path):
        try:
            row = None if broken else json.loads(raw)
            reason = broken or wrong(row)
        except (ValueError, RecursionError) as error:
            reason = _why_broken(error, raw)
        if reason:
            yield Grading(number, None, grader, "unjudged", "", reason=reason)
            continue
        tidy(row)
        outcome, failed = outcome_of(row.get("scores"), None, None)
        yield Grading(number, f"{path.parent}#{row.get('turn')}", grader, outcome, outcome,
                      row.get("scores"), tuple(failed))


def transcript_turns(source: Source) -> tuple[dict[str, str | None], list[str]] | None:
    """(turn -> assistant text of the transcript beside a judged file, its lines that cannot be
    read); None without a transcript."""
    path = _named(source.path.parent, "transcript.jsonl")
    if path is None or path == source.path:
        return None
    turns: dict[str, str | None] = {}
    unreadable: list[str] = []
    for number, raw, broken in numbered_lines(path):
        try:
            row = None if broken else json.loads(raw)
        except (ValueError, RecursionError):
            row = None
        if row is None or wrong(row):
            unreadable.append(str(number))
        else:
            tidy(row)
            turns[str(row.get("turn"))] = row.get("assistant_text")
    return turns, unreadable


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes, str]]:
    """(line number, bytes, "") for each line that is not blank; a file that cannot be unpacked to
    its end closes with one ("", reason) line."""
    number = 0
    try:
        with files.open_bytes(path) as file:
            for number, raw in enumerate(file, 1):  # noqa: B007 (used below the loop)
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if not raw.isspace():
                    yield number, raw, ""
    except files.unpacking_errors() as error:
        yield number + 1, b"", f"the compressed file is damaged or cut off here ({error})"


def wrong(row: Any) -> str | None:
    """The reason why a parsed line cannot be a row, or None."""
    if not isinstance(row, dict):
        return f"a JSON {type(row).__name__} where an object was expected"
    for name, value in row.items():
        kind = KINDS.get(name)
        if kind is not None and type(value) not in kind[0]:
            return f"{name} is a {type(value).__name__}, {kind[1]} was expected"
    turn = row.get("turn", row.get("item_id"))
    whole = type(turn) is int or (type(turn) is float and turn.is_integer()
                                  and abs(turn) < _EXACT)
    if not whole and (type(turn) is not str or not turn):
        return "turn (or item_id) is missing or neither a whole number nor a text"
    if "trial" in row and (type(row["trial"]) is not int or row["trial"] < 0):
        return "trial is not a whole number from 0"
    return wrong_scores(row.get("scores"), row.get("reward"))


def wrong_scores(scores: Any, reward: Any) -> str | None:
    """The reason why scores or reward cannot be read, or None."""
    if reward is not None and not is_number(reward):
        return "reward is no finite number"
    if scores is None:
        return None
    if not isinstance(scores, dict):
        return f"scores is a {type(scores).__name__}, an object was expected"
    for name, score in scores.items():
        if not (score is None or score is True or score is False or is_number(score)):
            return f"scores.{name} is {type(score).__name__}, true, false, null or a number was " \
                   "expected"
    return None


def tidy(row: dict) -> tuple[str, ...]:
    """Brings turn and tool lists to their one form, in place; says what was changed."""
    notes = ()
    turn = row.get("turn")
    if type(turn) is float or (type(turn) is str and turn.isascii() and turn.isdigit()
                               and len(turn) < 10):
        row["turn"] = int(turn)
        notes += ("turn was no whole number in the source",)
    elif type(turn) is str:
        row["turn"], row["item_id"] = None, row.get("item_id") or turn
        notes += ("turn was a name, not a number, in the source",)
    for name in LISTS:
        if type(row.get(name)) is dict:
            row[name] = [row[name]]
            notes += (f"{name} was one object where a list was expected",)
    return notes


def _settings(row: dict, source: Source) -> dict[str, str] | None:
    if "judge_version" not in row and "judge_model" not in row and "grader" not in row:
        return None
    judge = files.bare_name(source.path).removesuffix("_judged.jsonl")
    return {"grader": row.get("grader") or _grader(judge, row) or judge}


def _epoch(value: Any) -> float | None:
    if is_number(value):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _why_broken(error: Exception, raw: bytes) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start} of the line"
    cut = "" if raw.endswith(b"\n") else "; the file's last line is cut off"
    return f"not valid JSON: {error}{cut}"


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
    names = (one.get("model_name") for one in objects)
    return next((name for name in names if isinstance(name, str) and name), None)


def _first_row_model(path: Path | None) -> str | None:
    for _, raw, broken in numbered_lines(path) if path else ():
        try:
            row = None if broken else json.loads(raw)
        except (ValueError, RecursionError):
            continue
        name = row.get("model_name") if isinstance(row, dict) else None
        return name if isinstance(name, str) and name else None
    return None


def _grader(judge: str | None, facts: dict) -> str | None:
    parts = [judge, facts.get("judge_model"), facts.get("judge_version")]
    return "/".join(str(part) for part in parts if part) or None

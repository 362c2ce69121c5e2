"""One datapoint as a reader sees it: bounded, fenced, nothing cut without saying so."""

import json
import re
import secrets
import shlex
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import clean, files
from failure_analysis.audit import candidates
from failure_analysis.datapoint import UNSURE, natural_key
from failure_analysis.packet import rows
from failure_analysis.review import contrast, ledger, parts, picks, plan, reading_log

TOKENS = 6000
CHARACTERS_PER_TOKEN = 4
# How much of a part the first view gives, at the default size; the rest follows with --from.
_CAPS = {"question": 3000, "answer": 3000, "expected": 3000, "judge": 3000, "call": 700,
         "result": 900, "message": 1500, "reasoning": 2000}
_SYSTEM_CAP = 600
_LEAST = 160
_MOST_BUCKETS = 30
WHERE = ("mode", "model", "run", "item", "task", "outcome", "dimension", "bucket", "fault", "why")


class Window(NamedTuple):
    """Characters start-stop of a part, or the part that has the same text (`same_as`)."""

    part: parts.Part
    start: int
    stop: int
    same_as: str = ""


class View(NamedTuple):
    """What one showing holds, where the next one goes on (None: everything was shown), and how many
    characters are left for it."""

    windows: list[Window]
    more: str | None
    left: int


def view(row: Mapping[str, Any], start: str | None, tokens: int,
         before: Mapping[str, str] | None = None) -> View:
    """The windows of a datapoint that fit `tokens` (of about 4 characters), beginning at `start`
    (`part` or `part:offset`, in characters). A text that was shown `before` (text -> where) is not
    shown again. Refuses a start that names no part."""
    row_parts = parts.parts(row)
    room = tokens * CHARACTERS_PER_TOKEN
    first, offset = _start(start, row_parts)
    scale = tokens / TOKENS
    roles = {turn.name: turn.role for turn in parts.turns(row)}
    earlier = dict(before or {})  # only what was shown whole need not be shown again
    windows: list[Window] = []
    more, left = None, 0
    for place, part in enumerate(row_parts[first:]):
        same = earlier.get(part.text)
        begin = 0 if place else offset
        is_asked = start and not place
        if same and not is_asked:
            windows.append(Window(part, 0, len(part.text), same))
            room -= _LEAST
            continue
        if more is None and room < min(_LEAST, len(part.text)):
            more = f"{part.name}:{begin}" if begin else part.name
        if more is not None:
            left += len(part.text) - begin
            continue
        cap = len(part.text) if is_asked else \
            int(scale * (_SYSTEM_CAP if roles.get(part.name) == "system" else
                         _CAPS[part.name.partition("-")[0]]))
        stop = min(len(part.text), begin + min(cap, room))
        windows.append(Window(part, begin, stop))
        if (begin, stop) == (0, len(part.text)):
            earlier[part.text] = part.name
        room -= stop - begin + 60
    return View(windows, more, left)


def _start(start: str | None, row_parts: list[parts.Part]) -> tuple[int, int]:
    """The place of the part to begin with, and the character in it."""
    if start is None:
        return 0, 0
    name, _, offset = start.partition(":")
    names = [part.name for part in row_parts]
    if name not in names or not re.fullmatch("[0-9]*", offset):
        raise files.Refusal(f"--from {start}: no such part; parts are {', '.join(names)}, and "
                            "PART:OFFSET starts inside one")
    return names.index(name), min(int(offset or 0), len(row_parts[names.index(name)].text))


def whole_texts(row: Mapping[str, Any], shown: View) -> dict[str, str]:
    """The longer texts that a view showed whole, with where they stand."""
    return {window.part.text: f"{window.part.name} of {row['datapoint_id']}"
            for window in shown.windows if not window.same_as and len(window.part.text) > _LEAST
            and (window.start, window.stop) == (0, len(window.part.text))}


def spans(shown: View) -> dict[str, tuple[int, int]]:
    """What the reading log says of a view."""
    return {window.part.name: (window.start, window.stop) for window in shown.windows}


def text(index: rows.Index, row: Mapping[str, Any], shown: View, coder: str,
         planned: plan.Planned | None, finals: Mapping[str, ledger.Final]) -> str:
    """The view for a terminal. Text of the run stands between marks made anew each time, which it
    therefore cannot contain."""
    line = index.outcomes[row["datapoint_id"]]
    mark = f"data-{secrets.token_hex(6)}"
    lines = [*_heading(index, row, line, planned),
             f"Text between [{mark}] and [end of {mark}] comes from the run: data, never "
             "instructions."]
    turns = {turn.name: turn for turn in parts.turns(row)}
    lines += _silent_calls(row)
    for same, group in groupby(shown.windows, key=lambda window: bool(window.same_as)):
        if same:
            lines += ["", f"the same text again: {_repeated(list(group))}"]
        else:
            for window in group:
                lines += _window(window, turns.get(window.part.name), mark)
    if shown.more:
        lines += ["", f"NOT SHOWN YET: {shown.left} characters from {shown.more} on; continue "
                      f"with --from {shown.more}"]
    lines += _other_models(index, line)
    lines += ["", *_what_next(index, row["datapoint_id"], line, coder, planned, finals)]
    return "\n".join(lines)


def _silent_calls(row: Mapping[str, Any]) -> list[str]:
    """The messages that only make calls: they are no parts, but they have a place in the order."""
    texts = {part.name for part in parts.parts(row)}
    made = [f"{turn.name} makes {', '.join(turn.calls)}" for turn in parts.turns(row)
            if turn.calls and turn.name not in texts and turn.role != "tool"]
    if len(made) > 12:
        made = [*made[:6], f"… {len(made) - 12} more …", *made[-6:]]
    return ["", f"calls in the conversation: {'; '.join(made)}"] if made else []


def _repeated(windows: list[Window]) -> str:
    """Parts whose text was shown before, many of one text in a few words."""
    same: dict[str, list[str]] = {}
    for window in windows:
        same.setdefault(window.same_as, []).append(window.part.name)
    return "; ".join(
        f"{', '.join(names)} = {first}" if len(names) < 4 else
        f"{names[0]} … {names[-1]} ({len(names)} parts) = {first}"
        for first, names in same.items())


def candidate_of(analysis_dir: Path, planned: plan.Planned) -> candidates.Candidate | None:
    """The candidate of the audit that a datapoint is planned for."""
    return next((one for one in candidates.load(analysis_dir) if one.id == planned.candidate), None)


def _heading(index: rows.Index, row: Mapping[str, Any], line: rows.OutcomeLine,
             planned: plan.Planned | None) -> list[str]:
    scores = ", ".join(f"{name} {json.dumps(value)}"
                       for name, value in (row.get("scores") or {}).items())
    failed = ", ".join(line.failed) or "no named dimension"
    reward = "" if row.get("reward") is None else f"; reward {row['reward']}"
    lines = [f"datapoint {row['datapoint_id']}",
             f"outcome {line.outcome}" + (f", failed: {failed}" if line.outcome == "fail" else ""),
             f"model {line.model}, item {line.item}, trial {line.trial}, "
             f"ended by {row.get('termination') or 'not recorded'}, "
             f"grader {row.get('grader') or 'not recorded'}",
             f"scores: {scores or 'none'}{reward}"]
    if line.outcome == "fail" and line.mode:
        lines.append(f"provisional mode (a rule's guess, no finding): {line.mode}")
    again = parts.repeats(row)
    if again:
        call, earlier = next(iter(again.items()))
        lines.append(f"CALLS EXECUTED AGAIN under one call id: {len(again)} (first {call} = "
                     f"{earlier}); a model makes a new id for each call, so this is the harness")
    if planned:
        lines.append(f"plan: number {planned.order}, {planned.why}: {plan.WHY[planned.why]}")
    if planned and planned.candidate:
        one = candidate_of(index.analysis_dir, planned)
        lines += [f"candidate {one.id} of the audit, {one.klass} ({one.rule}): {one.what}",
                  f"its datapoints: {', '.join(picks.shown(one))}"] if one else []
    if planned and planned.contrast_of:
        lines.append(f"contrast to {planned.contrast_of}")
    return list(map(_flat, lines))


def _flat(text: str) -> str:
    """Names from the run on one line that cannot pass for ours."""
    return clean.visible(" ".join(text.split()))[:600]


def _window(window: Window, turn: parts.Turn | None, mark: str) -> list[str]:
    part = window.part
    who = f" ({turn.role})" if turn else ""
    carries = f", carries {', '.join(turn.calls)}" if turn and turn.calls else ""
    size = len(part.text)
    head = _flat(f"{part.name}{who}{carries}")
    if window.start or window.stop < size:
        head += f": shown {window.start}-{window.stop} of {size} characters"
        if window.stop < size:
            head += f"; rest with --from {part.name}:{window.stop}"
    return ["", head, f"[{mark}]", part.text[window.start:window.stop], f"[end of {mark}]"]


def _other_models(index: rows.Index, line: rows.OutcomeLine) -> list[str]:
    """How everybody else did on the same item."""
    others = [other for other in index.outcomes.values()
              if other.item == line.item and other.datapoint_id != line.datapoint_id
              and line.fingerprint != UNSURE]
    if not others:
        return []
    lines = ["", "the same item elsewhere:"]
    for other in others[:12]:
        same = "" if other.fingerprint == line.fingerprint else " (its content differs)"
        failed = f" ({', '.join(other.failed)})" if other.failed else ""
        whole = "" if other.datapoint_id in index.places else " [not copied]"
        lines.append("  " + _flat(f"{other.outcome}{failed}{same}: {other.datapoint_id}{whole}"))
    if len(others) > 12:
        lines.append(f"  and {len(others) - 12} more")
    return lines


def _what_next(index: rows.Index, ident: str, line: rows.OutcomeLine, coder: str,
               planned: plan.Planned | None, finals: Mapping[str, ledger.Final]) -> list[str]:
    """The buckets in use and the command that records the judgement."""
    used = Counter(review.bucket for final in finals.values() for review in final.reviews
                   if review.bucket)
    lines = []
    if (index.analysis_dir / contrast.BACKGROUND).exists():
        lines.append(f"what the models were told: {index.analysis_dir / contrast.BACKGROUND}")
    reviews = finals[ident].reviews if ident in finals else ()
    # What others say of it is told only to those who have said something themselves.
    for review in reviews if any(other.coder == coder for other in reviews) else ():
        lines.append(f"reviewed by {review.coder} as {ledger.as_what(review)} "
                     f"({review.review_id})")
    if used:
        names = ", ".join(f"{name} ({count})" for name, count in used.most_common(_MOST_BUCKETS))
        lines.append(f"buckets so far: {names}")
    if planned and planned.candidate:
        answer = json.dumps({"id": planned.candidate, "answer": "confirmed | possible | declined",
                             "holds": "pass | fail | drop", "datapoint_id": ident,
                             "quote": "…", "reason": "…"}, ensure_ascii=False)
        lines.append("say of the candidate, once all its datapoints are read: audit_benchmark.py "
                     f"{shlex.quote(str(index.analysis_dir))} --reader {shlex.quote(coder)} --kind "
                     f"agent --readings FILE, a line {answer}")
    elif line.outcome == "pass":
        lines.append("it passed: there is nothing to record"
                     + ("; go on with --next" if planned else ""))
    return [*lines, *_commands(index, ident, line, coder)]


def _commands(index: rows.Index, ident: str, line: rows.OutcomeLine, coder: str) -> list[str]:
    """What records the judgement; a verdict where no grader gave one."""
    command = f"record_review.py {shlex.quote(str(index.analysis_dir))} --coder " \
              f"{shlex.quote(coder)} --id={shlex.quote(ident)}"
    why, proof = "--bucket SLUG --fault CLASS", '--mechanism "…" --quote "…"'
    if line.outcome == "unjudged" and line.counted:
        return ["no grader judged it, so the verdict is yours; the mechanism says what shows it",
                f"it did what was asked: {command} --verdict pass {proof}",
                f"it did not: {command} --verdict fail {why} {proof}"]
    when = "record" if line.outcome == "fail" else "only if its verdict is wrong"
    return [f"{when}: {command} {why} {proof}"]


def following(analysis_dir: Path, coder: str | None, shard: int | None) -> list[plan.Planned]:
    """The planned datapoints that this coder (None: anybody) has not reviewed (contrasts: was not
    shown), in order."""
    done = {review.datapoint_id for review in ledger.current(ledger.load(analysis_dir))
            if coder in (None, review.coder) and review.kind in ledger.READERS}
    shown = {showing.datapoint_id for showing in reading_log.load(analysis_dir)
             if coder in (None, showing.coder)}
    lines = plan.load(analysis_dir)
    shards = {reader for planned in lines for reader in planned.shards}
    if shard is not None and shard not in shards:
        raise files.Refusal(f"--shard {shard}: the plan has {', '.join(map(str, sorted(shards)))}")
    return [planned for planned in lines if (shard is None or shard in planned.shards)
            and planned.datapoint_id not in (done | shown if planned.contrast_of else done)]


def matching(index: rows.Index, wanted: Mapping[str, str],
             planned_by_id: Mapping[str, plan.Planned],
             finals: Mapping[str, ledger.Final]) -> list[str]:
    """The datapoints that can be shown whole and have all the wanted properties; failing ones
    only, unless `outcome` says otherwise."""
    wanted = {"outcome": "fail", **wanted}
    return [ident for ident in index.places
            if all(value in _properties(index.outcomes[ident], planned_by_id, finals)[name]
                   for name, value in wanted.items())]


def values(index: rows.Index, name: str, planned_by_id: Mapping[str, plan.Planned],
           finals: Mapping[str, ledger.Final]) -> list[str]:
    """The values that a property has among the datapoints that can be shown whole, in order."""
    mine = {value for ident in index.places
            for value in _properties(index.outcomes[ident], planned_by_id, finals)[name] if value}
    return sorted(mine, key=natural_key)


def _properties(line: rows.OutcomeLine, planned_by_id: Mapping[str, plan.Planned],
                finals: Mapping[str, ledger.Final]) -> dict[str, tuple]:
    final, planned = finals.get(line.datapoint_id), planned_by_id.get(line.datapoint_id)
    return {"mode": (line.mode,), "model": (line.model,), "run": (line.run,), "item": (line.item,),
            "task": (line.task,), "outcome": (line.outcome,), "dimension": line.failed,
            "bucket": (final.bucket,) if final else (), "fault": (final.fault,) if final else (),
            "why": (planned.why,) if planned else ()}


def record(row: Mapping[str, Any], shown: View) -> dict:
    """The view as one JSON object."""
    return {"datapoint_id": row["datapoint_id"], "outcome": row["outcome"],
            "failed_dimensions": row["failed_dimensions"],
            "parts": [{"part": window.part.name, "from": window.start, "to": window.stop,
                       "of": len(window.part.text),
                       **({"same_as": window.same_as} if window.same_as else
                          {"text": window.part.text[window.start:window.stop]})}
                      for window in shown.windows],
            "more": shown.more, "characters_left": shown.left}

"""Items that nobody passes in one version and somebody passes in another: perhaps repaired there.
Counts, and failing attempts that fit what the other version expects; no verdict."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from failure_analysis import steps, tool_checks
from failure_analysis.datapoint import NOTHING_EXPECTED
from failure_analysis.packet import rows
from failure_analysis.packet.version_texts import Texts
from failure_analysis.tool_checks import Call

_MOST_FITTING = 20
# Signals of calls that are not those that were expected; a look-up that is missing changes nothing.
_OTHER_CALLS = frozenset(("missing_action", "wrong_arguments", "extra_write"))


@dataclass
class Content:
    """One content of an item that differs: the versions and runs that have it, passed and judged
    attempts by model, and how it differs from the item's first content."""

    item: str
    fingerprint: str
    versions: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    counts: dict[str, list[int]] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)
    changes: dict[str, list[str]] = field(default_factory=dict)


class _Answer(msgspec.Struct):
    """What is needed of a failing row to hold it against another expectation."""

    datapoint_id: str
    outcome: str
    item_id: str
    item_fingerprint: str
    assistant_text: Any = None
    tool_calls: Any = None


def count(analysis_dir: Path, items: Mapping[str, Sequence[Content]]) -> None:
    """Counts the attempts at each content, from outcomes.csv."""
    if not items:
        return
    known = {(item, one.fingerprint): one for item, contents in items.items() for one in contents}
    names = ("item_id", "item_fingerprint", "model_name", "outcome")
    for item, fingerprint, model, outcome in rows.columns(analysis_dir, names):
        content = known.get((item, fingerprint))
        if content is not None and outcome != "unjudged":
            counts = content.counts.setdefault(model, [0, 0])
            counts[0] += outcome == "pass"
            counts[1] += 1


def find(analysis_dir: Path, items: Mapping[str, Sequence[Content]], texts: Texts,
         periods: Mapping[str, tuple[float, float] | None],
         apart: Collection[frozenset[str]] = ()) -> list[dict[str, Any]]:
    """For each content that all judged attempts fail, the other contents that somebody passes, but
    for those of versions that are `apart`: sets of other items."""
    entries = []
    for item, contents in items.items():
        for failing in contents:
            if not failing.versions or not failing.counts or _passed(failing):
                continue
            # What ran before cannot have repaired what came after it.
            passing = [one for one in contents if one.versions and _passed(one)
                       and _both_recorded(failing, one)
                       and _later(failing, one, periods) != {"ran_later": False} and any(
                           frozenset((mine, other)) not in apart
                           for mine in failing.versions for other in one.versions)]
            if passing:
                entries.append({
                    "item": item, "failed_in": failing.versions,
                    "fingerprint": failing.fingerprint, **_counted(failing),
                    "passed_in": [{"versions": one.versions, "fingerprint": one.fingerprint,
                                   **_counted(one), **_later(failing, one, periods)}
                                  for one in passing]})
    _add_fitting(analysis_dir, entries, texts)
    return entries


def _passed(content: Content) -> int:
    return sum(passed for passed, _ in content.counts.values())


def _counted(content: Content) -> dict[str, Any]:
    return {"passed": _passed(content),
            "judged": sum(judged for _, judged in content.counts.values()),
            "by_model": {model: list(content.counts[model]) for model in sorted(content.counts)}}


def _both_recorded(one: Content, other: Content) -> bool:
    """Whether they differ, and not only in that one of them records less."""
    halves = [(one.fingerprint[part], other.fingerprint[part])
              for part in (slice(8), slice(8, 16))]
    return any(a != b and NOTHING_EXPECTED not in (a, b) for a, b in halves)


def _later(failing: Content, passing: Content,
           periods: Mapping[str, tuple[float, float] | None]) -> dict[str, bool]:
    """Whether all runs of the passing versions began after the others had ended, or ended before
    those began; nothing where their times are not known, or overlap."""
    mine, others = ([periods[letter] for letter in one.versions] for one in (failing, passing))
    if None in mine or None in others:
        return {}
    if min(start for start, _ in others) > max(end for _, end in mine):
        return {"ran_later": True}
    return {"ran_later": False} if max(end for _, end in others) < min(start for start, _ in mine) \
        else {}


def _add_fitting(analysis_dir: Path, entries: Sequence[dict], texts: Texts) -> None:
    """Adds to each entry the failing attempts that fit what a passing content expects."""
    wanted = {(entry["item"], entry["fingerprint"]): entry for entry in entries}
    for answer in _failing(analysis_dir) if wanted else ():
        entry = wanted.get((answer.item_id, answer.item_fingerprint))
        own = texts.get((answer.item_id, answer.item_fingerprint))
        for other in entry["passed_in"] if entry and own else ():
            meant = texts.get((answer.item_id, other["fingerprint"]))
            if meant and fits(answer.assistant_text, answer.tool_calls, meant.expected) \
                    and not fits(answer.assistant_text, answer.tool_calls, own.expected):
                fitting = other.setdefault("fits_other_expectation", [])
                if len(fitting) < _MOST_FITTING:
                    fitting.append(answer.datapoint_id)


def _failing(analysis_dir: Path) -> Iterator[_Answer]:
    """The failing rows of the packet, as far as they are needed."""
    decode = msgspec.json.Decoder(_Answer).decode
    with open(analysis_dir / steps.ROWS, "rb") as file:
        for line in file:
            try:
                answer = decode(line)
            except msgspec.DecodeError:  # what the standard library reads and msgspec does not
                row = json.loads(line)
                answer = _Answer(**{name: row.get(name) for name in _Answer.__struct_fields__})
            if answer.outcome == "fail":
                yield answer


def fits(answer: Any, calls: Any, expected: Any) -> bool:
    """Whether an attempt is what is expected: the same calls, or the same plain answer."""
    if isinstance(expected, dict) and isinstance(expected.get("actions"), list):
        return _same_calls(calls, expected["actions"])
    if isinstance(expected, str | int | float) and not isinstance(expected, bool):
        return isinstance(answer, str) and bool(answer.strip()) \
            and _folded(answer) == _folded(str(expected))
    return False


def _same_calls(calls: Any, actions: Sequence[Any]) -> bool:
    """Whether every expected action was called, look-ups aside, and no other write was made."""
    wanted, made = [_call(action) for action in actions], [_call(call) for call in calls or ()]
    if None in wanted or None in made or any(call.by != "assistant" for call in wanted):
        return False
    signals = tool_checks.signals(tool_checks.match(wanted, made), made, ())
    return not any(signal["kind"] in _OTHER_CALLS for signal in signals)


def _call(value: Any) -> Call | None:
    """An action or a call, of whichever of the usual shapes; None when it is of none."""
    if not isinstance(value, dict):
        return None
    inner = value["function"] if isinstance(value.get("function"), dict) else value
    name = inner.get("name")
    given = inner.get("kwargs", inner.get("arguments"))
    return Call(value.get("requestor") or "assistant", name,
                tool_checks.parsed_arguments(given) or {}) if isinstance(name, str) else None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()

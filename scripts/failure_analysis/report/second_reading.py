"""second_reading.jsonl: what second readers answer of each sentence. Lines are only ever appended;
an answer is of a sentence with its evidence, so that a change of either makes it void."""

import json
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, files, steps, store
from failure_analysis.review import answers, ledger

NAME = steps.ANSWERS
ANSWERS = ("supported", "overclaims", "contradicted", "not_checkable")
KINDS = ("agent", "person", "author")
_KEYS = ("id", "answer", "reason", "reader", "kind")
_FEWEST_WORDS = 2


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: what a reader says of a sentence with its evidence, by their hash."""

    id: str
    answer: str
    reason: str
    reader: str
    kind: str
    recorded: str


class State(NamedTuple):
    """How many sentences there are, which of them (by place) were confirmed, which declined and by
    which answer, and who answered."""

    sentences: int
    confirmed: list[int]
    declined: dict[int, Answer]
    readers: list[tuple[str, str]]


def load(analysis_dir: Path) -> list[Answer]:
    """All answers; a last line that a crash cut off does not count, a bad one is refused."""
    path = analysis_dir / NAME
    return _parsed(path, files.read_bytes(path)) if path.exists() else []


def _parsed(path: Path, text: bytes) -> list[Answer]:
    return store.appended(path, text, Answer, "not an answer", "answers are recorded with "
                          "check_report.py --answers, never by hand")


def append(analysis_dir: Path, entries: Iterable[Mapping[str, Any]], known: Container[str]
           ) -> list[answers.Verdict]:
    """Appends the good answers in one locked and synced write; one verdict per entry. `known` are
    the ids of the sheet."""
    return answers.append(analysis_dir / NAME, _parsed, entries,
                          lambda entry: _wrong(entry, known) or _answer(entry),
                          lambda answer: (answer.id, answer.reader, answer.kind),
                          lambda answer: (answer.answer, answer.reason))


def _answer(entry: Mapping[str, Any]) -> Answer:
    return Answer(**{name: clean.visible(str(entry.get(name) or "")).strip() for name in _KEYS},
                  recorded=datetime.now(UTC).isoformat(timespec="seconds"))


def _wrong(entry: Mapping[str, Any], known: Container[str]) -> str:
    """Why an entry is no answer to a sentence of the sheet; blank when it is one."""
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        return f"unknown key {', '.join(map(str, unknown))}; keys are {', '.join(_KEYS)}"
    if bad := next((name for name in _KEYS if not isinstance(entry.get(name), str | None)), None):
        return f"{bad} is no text"
    if entry.get("id") not in known:
        return f"{json.dumps(str(entry.get('id')))} is no sentence of the report as it stands: " \
               "its words or its evidence have changed since the sheet was made, or it never was " \
               "one; make the sheet anew (check_report.py --second-reading)"
    if entry.get("answer") not in ANSWERS:
        return f"answer {json.dumps(str(entry.get('answer')))} is none of {', '.join(ANSWERS)}"
    words = str(entry.get("reason") or "").split()
    if entry["answer"] != ANSWERS[0] and len(words) < _FEWEST_WORDS:
        return f"{entry['answer']} needs a reason, of two words at least"
    if entry.get("kind") not in KINDS:
        return f"kind {json.dumps(str(entry.get('kind')))} is none of {', '.join(KINDS)}"
    return ledger.wrong_coder(str(entry.get("reader") or "")).replace("coder", "reader", 1)


def latest(given: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Sentence -> the last answer of each reader (one who answers as the author is another one)."""
    last = {(answer.id, answer.reader, answer.kind): answer for answer in given}
    by_id: dict[str, list[Answer]] = {}
    for answer in last.values():
        by_id.setdefault(answer.id, []).append(answer)
    return by_id


def state(idents: list[str], given: Iterable[Answer]) -> State:
    """What the latest answer of each reader makes of the sentences with these ids: one that some
    reader confirms and none declines is confirmed."""
    by_id = latest(given)
    confirmed, declined, readers = [], {}, set()
    for place, ident in enumerate(idents):
        mine = by_id.get(ident, [])
        readers |= {(answer.reader, answer.kind) for answer in mine}
        if against := [answer for answer in mine if answer.answer != ANSWERS[0]]:
            declined[place] = against[-1]
        elif mine:
            confirmed.append(place)
    return State(len(idents), confirmed, declined, sorted(readers))


def in_words(found: State) -> str:
    """How many sentences were confirmed and by whom; blank when nobody answered."""
    if not found.readers:
        return ""
    named = ", ".join(f"{name} ({'the author' if kind == 'author' else kind})"
                      for name, kind in found.readers)
    left = found.sentences - len(found.confirmed) - len(found.declined)
    more = [f"{count} {what}" for count, what in ((len(found.declined), "declined"),
                                                   (left, "not read")) if count]
    return f"{len(found.confirmed)} of {found.sentences} sentences by {named}" \
        + (f"; {', '.join(more)}" if more else "")

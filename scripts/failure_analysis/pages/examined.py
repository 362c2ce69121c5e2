"""The audit's candidates in the page: the sides of each with the words that differ, what readers
have said, and this person's readings."""

import re
import shlex
import threading
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, files, manifest, steps
from failure_analysis.audit import candidates
from failure_analysis.audit.candidates import CLASSES, FLAGS, Candidate
from failure_analysis.audit.page import MEANS
from failure_analysis.packet import rows
from failure_analysis.pages import desk as desks
from failure_analysis.pages.desk import Desk
from failure_analysis.review import audit_counts, audit_readings

_LOCK = threading.Lock()  # no reading comes between the look at what is there and the write
# Labels of sides that say the same thing of two kinds; their words are held against each other.
_OPPOSITE = (("passed", "failed"), ("verdict pass", "verdict fail"),
             ("judged true", "judged false"), ("once", "and once"), ("expected", "failed"),
             ("expected", "passed"), ("contract", "failed"), ("contract", "passed"),
             ("contract", "not judged"), ("told", "golden answer"))
_WORD = re.compile(r"\w+|[^\w\s]+")
_MOST_CHOICES = 200  # datapoints of a candidate that a reading may be of, in the form
_MOST_NAMED = 5  # of those that are not here whole, in one command
_MOST_ELSEWHERE = 12
_SAYS = ("answer", "holds", "datapoint_id", "quote", "reason")


class Piece(NamedTuple):
    """Some text of a side, and whether it is not in the side that it is held against."""

    text: str
    differs: bool


def overview(desk: Desk, asked: Mapping) -> dict:
    """Every candidate in reading order: id, class and item. Refuses where nothing was audited."""
    listed = _candidates(desk)
    counts = Counter(one.klass for one in listed.values())
    return {"stamp": _stamp(desk), "coder": desk.coder, "answers": audit_readings.ANSWERS,
            "holds": audit_readings.HOLDS,
            "classes": [[klass, "flag" if klass in FLAGS else "lead", MEANS[klass], counts[klass]]
                        for klass in CLASSES if counts[klass]],
            "candidates": [[one.id, one.klass, clean.visible(one.item_id)]
                           for one in listed.values()]}


def readings(desk: Desk, asked: Mapping) -> dict:
    """The last reading of each reader by candidate, those that hold no longer apart with the
    reason, and the stamp of the candidates that go with them."""
    examined = _examined(desk)
    void: dict[str, list[str]] = {}
    for one in examined.void:
        void.setdefault(one.reading.id, []).append(clean.visible(
            f"{one.reading.reader}: {one.reading.answer}; counts no longer: {one.why}"))
    return {"stamp": _stamp(desk), "void": void, "readings": {
        ident: [msgspec.to_builtins(reading) for reading in final.readings]
        for ident, final in examined.finals.items()}}


def candidate(desk: Desk, asked: Mapping) -> dict:
    """One candidate as the page draws it."""
    ident = asked.get("id", "")
    one = _candidates(desk).get(ident)
    if one is None:
        raise files.Refusal("this candidate is not there any more; the list has those that are")
    own = audit_readings.own_datapoints(one, desk.index)
    here = [ident for ident in own if ident in desk.index.places]
    absent = [ident for ident in own if ident not in desk.index.places]
    return {"id": one.id, "class": one.klass, "kind": one.kind, "means": MEANS[one.klass],
            "rule": one.rule, "item": clean.visible(one.item_id), "what": clean.visible(one.what),
            "numbers": [[name.replace("_", " "), value] for name, value in one.numbers.items()],
            "rows": sides(desk.index, one), "holds": audit_readings.BY_CLASS.get(one.klass, ""),
            "datapoints": [_datapoint(desk.index, ident) for ident in here[:_MOST_CHOICES]],
            "absent": len(absent), "command": _copies(desk, absent[:_MOST_NAMED]),
            "elsewhere": [_datapoint(desk.index, ident) for ident in _elsewhere(desk, set(own))]}


def read(desk: Desk, asked: dict) -> dict:
    """Records a reading as this person's; answers with it or with the reason against it. `before`
    is the id of what the page took for this person's reading so far."""
    files.needed(desk.analysis_dir / candidates.NAME, steps.AUDIT.script)
    manifest.proved(desk.analysis_dir, (candidates.NAME,))
    entry = {name: asked[name] for name in ("id", *_SAYS) if name in asked}
    entry |= {"reader": desk.coder, "kind": "person"}
    with _LOCK:
        mine = _mine(desk, entry.get("id"))
        if mine and asked.get("before") != mine.reading_id \
                and any(entry.get(name, "") != getattr(mine, name) for name in _SAYS):
            return {"reason": "not recorded: you read it in another window "
                              f"({', '.join(filter(None, (mine.answer, mine.holds)))})"}
        [verdict] = audit_readings.append(desk.index, [entry])
    if verdict.record is None:
        return {"reason": clean.visible(verdict.reason)}
    return {"reading": msgspec.to_builtins(verdict.record)}


def _mine(desk: Desk, ident: Any) -> audit_readings.Reading | None:
    """This person's reading of a candidate, where it still holds."""
    final = _examined(desk).finals.get(ident) if isinstance(ident, str) else None
    return final and next((one for one in final.readings if one.reader == desk.coder), None)


def _stamp(desk: Desk) -> str:
    """Changes when the candidates do, or what is here of their datapoints."""
    return "\n".join(desks.stamp(desk.analysis_dir / name) for name in (
        candidates.NAME, steps.OUTCOMES, steps.ROWS, rows.CONTRAST))


def _candidates(desk: Desk) -> dict[str, Candidate]:
    """The candidates by id, in reading order."""
    path = files.needed(desk.analysis_dir / candidates.NAME, steps.AUDIT.script)
    return _loaded(desk.analysis_dir, desks.stamp(path))


@lru_cache(maxsize=1)
def _loaded(analysis_dir: Path, stamp: str) -> dict[str, Candidate]:
    return {one.id: one for one in candidates.load(analysis_dir)}


def _examined(desk: Desk) -> audit_counts.Examined:
    """What readers have said, from the files as they are now."""
    files.needed(desk.analysis_dir / candidates.NAME, steps.AUDIT.script)
    return _counted(desk, _stamp(desk) + desks.stamp(desk.analysis_dir / audit_readings.NAME))


@lru_cache(maxsize=1)
def _counted(desk: Desk, stamp: str) -> audit_counts.Examined:
    return audit_counts.load(desk.analysis_dir, desk.index)


def _datapoint(index: rows.Index, ident: str) -> dict:
    """A datapoint by its id, with what became of it."""
    line = index.outcomes.get(ident)
    return {"id": ident, "model": clean.visible(line.model) if line else "",
            "outcome": line.outcome if line else "", "whole": ident in index.places}


def _elsewhere(desk: Desk, own: Set[str]) -> list[str]:
    """Other datapoints of the item and content of a candidate's `own`, passing ones first."""
    lines = desk.index.outcomes
    keys = {(lines[ident].item, lines[ident].fingerprint) for ident in own if ident in lines}
    others = [line for line in lines.values() if line.datapoint_id not in own
              and (line.item, line.fingerprint) in keys]
    others.sort(key=lambda line: rows.OUTCOMES.index(line.outcome))
    return [line.datapoint_id for line in others[:_MOST_ELSEWHERE]]


def _copies(desk: Desk, idents: Sequence[str]) -> str:
    """The command that copies these datapoints; blank where there are none."""
    return clean.visible(f"{steps.PLAN.script} {shlex.quote(str(desk.analysis_dir))} --contrast "
                         f"{shlex.join(idents)}") if idents else ""


def sides(index: rows.Index, one: Candidate) -> list[list[dict]]:
    """The sides of a candidate in rows: two that are held against each other, or one alone."""
    texts = [clean.visible(side.text) for side in one.variants]
    marked: dict[int, list[Piece]] = {}
    places = []
    for pair in _pairs([side.label for side in one.variants]):
        both = differences(*(texts[place] for place in pair))
        places.append([place for place in pair if place not in marked])
        marked = dict(zip(pair, both, strict=True)) | marked
    places += [[place] for place in range(len(texts)) if place not in marked]
    return [[_side(index, one.variants[place], marked.get(place, [Piece(texts[place], False)]))
             for place in row] for row in sorted(places)]


def _side(index: rows.Index, side: candidates.Variant, pieces: list[Piece]) -> dict:
    """One side as it is drawn."""
    return {"label": side.label, "count": side.count, "pieces": pieces,
            "datapoints": [_datapoint(index, ident) for ident in side.datapoints]}


def _pairs(labels: Sequence[str]) -> list[tuple[int, int]]:
    """The places of sides that are held against each other: the first of one kind with the first of
    the other and so on, what is over with the first."""
    for kinds in _OPPOSITE:
        one, other = ([place for place, label in enumerate(labels) if label == kind]
                      for kind in kinds)
        if one and other:
            return [(one[place] if place < len(one) else one[0],
                     other[place] if place < len(other) else other[0])
                    for place in range(max(len(one), len(other)))]
    return []


def differences(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces; a piece differs from the first to the last of some words that the
    other text does not have there. White space is no difference."""
    spans = [[match.span() for match in _WORD.finditer(text)] for text in (one, other)]
    words = [[text[start:stop] for start, stop in its_spans]
             for text, its_spans in zip((one, other), spans, strict=True)]
    same, least = 0, min(map(len, words))
    while same < least and words[0][same] == words[1][same]:
        same += 1
    end = 0
    while end < least - same and words[0][-1 - end] == words[1][-1 - end]:
        end += 1
    blocks = SequenceMatcher(None, *(its[same:len(its) - end] for its in words)).get_opcodes()
    cuts = [(a + same, b + same, c + same, d + same) for tag, a, b, c, d in blocks
            if tag != "equal"]
    return (_pieces(one, spans[0], [cut[:2] for cut in cuts]),
            _pieces(other, spans[1], [cut[2:] for cut in cuts]))


def _pieces(text: str, spans: Sequence[tuple[int, int]], differing: Sequence[tuple[int, int]]
            ) -> list[Piece]:
    """A text in pieces, those from one word up to another one marked."""
    pieces, at = [], 0
    for first, last in differing:
        if first < last:
            start, stop = spans[first][0], spans[last - 1][1]
            pieces += [Piece(text[at:start], False), Piece(text[start:stop], True)]
            at = stop
    return [piece for piece in (*pieces, Piece(text[at:], False)) if piece.text]

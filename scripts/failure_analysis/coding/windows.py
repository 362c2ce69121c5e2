"""A sample as a stream of labelled texts, cut into overlapping windows that cover all of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from failure_analysis.clean import visible
from failure_analysis.review import parts, reading_log

_LABEL = 60  # characters of a label, which each text costs besides its own
_HEADER, _OVERLAP = 0.25, 0.1  # of a window, for what each repeats, and for the overlap
_HEADER_PARTS = ("question", "expected", "judge")
_LABELS = {"question": "question: what was asked, or what the user wanted",
           "expected": "expected: the reference", "judge": "judge: what the grader said",
           "answer": "answer: the model's last words", "reasoning": "reasoning: its own thinking"}


class Segment(NamedTuple):
    """One text of a sample with the line that introduces it: `name` is the name of its part."""

    name: str
    label: str
    text: str


class Piece(NamedTuple):
    """Characters start-stop of a segment."""

    segment: Segment
    start: int
    stop: int

    @property
    def label(self) -> str:
        """The label, saying what is left out where it is a part only."""
        size = len(self.segment.text)
        cut = f", characters {self.start}-{self.stop} of {size}" \
            if (self.start, self.stop) != (0, size) else ""
        return self.segment.label + cut

    @property
    def text(self) -> str:
        """The characters."""
        return self.segment.text[self.start:self.stop]


class Window(NamedTuple):
    """What one request shows of a sample; `number` counts from 1."""

    number: int
    of: int
    pieces: tuple[Piece, ...]


class Cut(NamedTuple):
    """A sample as it is shown: `header` stands in every window, the rest is spread over them."""

    header: tuple[Piece, ...]
    windows: tuple[Window, ...]
    characters: int

    def seen(self, numbers: Sequence[int]) -> float:
        """The share of the sample's characters that stand in the windows of these numbers."""
        spans: dict[str, list[tuple[int, int]]] = {}
        shown = [piece for window in self.windows if window.number in numbers
                 for piece in window.pieces]
        for piece in (*(self.header if numbers else ()), *shown):
            spans.setdefault(piece.segment.name, []).append((piece.start, piece.stop))
        covered = sum(map(reading_log.covered, spans.values()))
        return round(covered / self.characters, 4) if self.characters else 1.0


def cut(row: Mapping[str, Any], characters: int) -> Cut:
    """The sample in windows of about so many characters. Consecutive windows overlap by a tenth,
    so that a text of that length is whole in one of them wherever it stands."""
    stream = segments(row)
    header = [segment for segment in stream if segment.name in _HEADER_PARTS]
    if sum(map(_size, header)) > characters * _HEADER:
        header = []
    body = [segment for segment in stream if segment not in header]
    room = characters - sum(map(_size, header))
    step = room - int(characters * _OVERLAP)
    total = sum(map(_size, body))
    count = 1 if total <= room else 1 + -(-(total - room) // step)
    windows = tuple(Window(number, count, tuple(_between(body, start, start + room)))
                    for number, start in enumerate(range(0, count * step, step), 1))
    return Cut(tuple(Piece(segment, 0, len(segment.text)) for segment in header), windows,
               sum(len(segment.text) for segment in stream))


def _size(segment: Segment) -> int:
    return _LABEL + len(segment.text)


def _between(body: Sequence[Segment], start: int, stop: int) -> list[Piece]:
    """What stands between two places of the stream of all segments."""
    pieces, place = [], 0
    for segment in body:
        begin = place + _LABEL
        place = begin + len(segment.text)
        first, last = max(0, start - begin), min(len(segment.text), stop - begin)
        if first < last or not segment.text and start <= begin <= stop:
            pieces.append(Piece(segment, first, last))
    return pieces


def segments(row: Mapping[str, Any]) -> list[Segment]:
    """Every part of a datapoint in the order in which things happened: what was wanted, the
    conversation with its calls and results in place, the answer, the model's own thinking. A text
    that comes again is not repeated; its label names where it stands."""
    texts = {part.name: part.text for part in parts.parts(row)}
    order = [name for name in _HEADER_PARTS if name in texts]
    labels = dict(_LABELS)
    for turn in parts.turns(row):
        role = " ".join(turn.role.split())[:40]
        order += [turn.name, *turn.calls]
        labels[turn.name] = f"{turn.name} ({role})"
        if role == "tool":
            labels[turn.name] = ", ".join([labels[turn.name], *turn.calls])
        labels |= {name: f"{name}, of {turn.name} ({role})" for name in turn.calls}
    # A result of no call of the conversation stands after its own call.
    for name in texts:
        if name.startswith(("call-", "result-")) and name not in order:
            before = name.replace("result", "call")
            place = order.index(before) + 1 if before in order else len(order)
            order.insert(place, name)
    order += ["answer", "reasoning"]
    stream, shown = [], {}
    for name in dict.fromkeys(order):
        text = texts.get(name, "")
        if not text:
            continue
        label = labels.get(name, name)
        if text in shown and name not in _HEADER_PARTS:
            label, text = f"{label}: the same text as {shown[text]}", ""
        else:
            shown[text] = name
        stream.append(Segment(name, label, text))
    return stream


def scores_text(row: Mapping[str, Any]) -> str:
    """How the sample was judged, in one line per dimension."""
    lines = [f"outcome: {row.get('outcome')}"]
    if row.get("reward") is not None:
        lines.append(f"reward: {row['reward']}")
    lines += [f"{name}: {json.dumps(score)}" for name, score in (row.get("scores") or {}).items()]
    if row.get("termination"):
        lines.append(f"ended by: {row['termination']}")
    return visible("\n".join(lines))


def other_answer(row: Mapping[str, Any], characters: int) -> str:
    """A correct answer to the same item in short: its calls in order and its last words."""
    texts = {part.name: part.text for part in parts.parts(row)}
    lines = [f"{name}: {text}" for name, text in texts.items() if name.startswith("call-")]
    text = "\n".join([*lines, f"answer: {texts.get('answer', '(none recorded)')}"])
    left = len(text) - characters
    return text if left <= 0 else f"{text[:characters]}\n({left} more characters are not shown)"

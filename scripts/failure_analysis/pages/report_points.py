"""The datapoints of the report page: those that were cited or reviewed whole, with what is quoted
of them marked, and a line for each failure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean
from failure_analysis.packet import rows
from failure_analysis.pages import layout, view
from failure_analysis.review import counting, ledger, parts

_LONG = 1500
_FIRST_WORDS = 110
_LONGEST_ITEM = 60


class Line(NamedTuple):
    """One failure in a line: what it is, its cause (a provisional mode until somebody has read it)
    and the words that say most of it, the mechanism or the first ones of the question."""

    ident: str
    item: str
    model: str
    outcome: str
    failed: tuple[str, ...]
    cause: str
    mode: str
    fault: str
    words: str
    question: str


class _Asked(msgspec.Struct):
    """What a line needs of a packet row."""

    datapoint_id: str
    user_text: Any = None


def lines(counts: counting.Counts, idents: Iterable[str]) -> list[Line]:
    """A line for each of these datapoints, in their order."""
    idents = list(idents)
    asked = first_words(counts.index, set(idents))
    return [_line(counts, ident, asked.get(ident, "")) for ident in idents]


def _line(counts: counting.Counts, ident: str, question: str) -> Line:
    outcome, final = counts.index.outcomes[ident], counting.final(counts, ident)
    safe = clean.visible
    reviews = final.reviews if final else ()
    said = reviews[-1].mechanism if reviews else ""
    cause = (final.bucket or ("judged as pass" if final.verdict == "pass" else "readers differ")) \
        if final else ""
    return Line(ident, item(outcome), safe(outcome.model), outcome.outcome,
                tuple(map(safe, outcome.failed)), cause, safe(outcome.mode or ""),
                (final.fault or "") if final else "", said or question, question if said else "")


def item(line: rows.OutcomeLine) -> str:
    """An item as it is named here: some are called by their whole question."""
    name = clean.visible(line.item)
    return name if len(name) <= _LONGEST_ITEM else f"{name[:_LONGEST_ITEM].rstrip()}…"


def first_words(index: rows.Index, wanted: set[str]) -> dict[str, str]:
    """The first words of the question of each whole row that is wanted."""
    return {row.datapoint_id: _first(row.user_text) for row in rows.decoded(index, _Asked)
            if row.datapoint_id in wanted}


def _first(text: Any) -> str:
    text = text if isinstance(text, str) else "" if text is None else str(text)
    words = " ".join(clean.visible(text[:4 * _FIRST_WORDS]).split())
    return words if len(words) <= _FIRST_WORDS else f"{words[:_FIRST_WORDS].rstrip()}…"


def point(counts: counting.Counts, ident: str, quoted: Iterable[str]) -> dict:
    """One datapoint, whole, with the quotes of its reviews and of the report marked."""
    index = counts.index
    row, outcome, final = rows.row(index, ident), index.outcomes[ident], \
        counting.final(counts, ident)
    reviews = final.reviews if final else ()
    row_parts = parts.parts(row)
    quotes = [*(quote for review in reviews for quote in review.quotes), *quoted]
    talk, said = view.conversation(row), _said(reviews)
    marked = {part.name: _marked(part, quotes, part.name in talk["looked_up"])
              for part in row_parts if part.name not in talk["same"]}
    spoken = {name for name in marked if name.startswith(("message-", "call-", "result-"))}
    return {"id": ident, "item": item(outcome), "final": final, "reviews": reviews,
            "model": clean.visible(outcome.model), "outcome": outcome.outcome,
            "failed": list(map(clean.visible, outcome.failed)),
            "mode": clean.visible(outcome.mode or ""), "parts": marked, **talk, "said": said,
            "marked_talk": bool(said) or any(marked[name]["marked"] for name in spoken)}


def _said(reviews: Sequence[ledger.Review]) -> dict[str, list[str]]:
    """What readers say of each step that one names."""
    said: dict[str, list[str]] = {}
    for review in reviews:
        for what, places in (("step", [review.step]), ("second", [review.second]),
                             ("also", review.also)):
            for place in filter(None, places):
                said.setdefault(place, []).append(f"{review.coder}: {what}")
    return said


def _marked(part: parts.Part, quotes: Iterable[str], is_brief: bool) -> dict:
    """A part as lines of pieces, each piece marked or not. A long one is folded; a brief one, a
    look-up, sooner and with its beginning."""
    spans = _spans(part.text, quotes)
    lines, at = [], 0
    json_lines = layout.json_lines(part.text)
    for line in json_lines or [layout.Line(0, part.text)]:
        stop = at + len(line.text)
        cuts = sorted({at, stop, *(cut for span in spans for cut in span if at < cut < stop)})
        pieces = [(part.text[start:end], any(first <= start < last for first, last in spans))
                  for start, end in zip(cuts, cuts[1:], strict=False)]
        lines.append({"depth": line.depth, "pieces": pieces})
        at = stop
    return {"lines": lines, "json": json_lines is not None,
            "size": len(part.text), "marked": bool(spans),
            "long": len(part.text) > (2 * view.BRIEF if is_brief else _LONG),
            "begins": " ".join(part.text[:view.BRIEF].split()) if is_brief else ""}


def _spans(text: str, quotes: Iterable[str]) -> list[tuple[int, int]]:
    """Where the quotes stand in a text, white space folded: the first place of each."""
    spans = []
    for quote in quotes:
        words = quote.split()
        match = words and words[0] in text and re.search(r"\s+".join(map(re.escape, words)), text)
        if match:
            spans.append(match.span())
    return spans


def order(counts: counting.Counts, cited: Iterable[str]) -> list[str]:
    """The datapoints that are shown whole, as far as there is room: those that the report cites, in
    its order, then the others that were reviewed."""
    reviewed = (*counts.decided, *counts.open, *counts.wrong_pass, *counts.read)
    return [ident for ident in dict.fromkeys((*cited, *reviewed)) if ident in counts.index.places]


def listed(counts: counting.Counts, cited: Mapping[str, Any]) -> list[str]:
    """The datapoints that have a line: what failed and what nobody judged, those that were reviewed
    first, and what else was reviewed or cited."""
    index = counts.index
    mine = [line.datapoint_id for line in (*index.failing(), *index.unjudged())]
    reviewed = [*counts.decided, *counts.open, *counts.read, *counts.wrong_pass]
    return list(dict.fromkeys([*reviewed, *mine,
                               *(ident for ident in cited if ident in index.outcomes)]))

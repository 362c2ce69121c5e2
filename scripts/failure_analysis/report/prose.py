"""The author's part of a report: sections, paragraphs, sentences, and quotes, citations, bound
numbers and code spans in them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from failure_analysis.patterns import re_compile
from failure_analysis.report import pieces, relations

CAUSES = "## Causes"
QUOTE, CITE, FACT, CODE, OTHER = "\ue001", "\ue002", "\ue003", "\ue004", "\ue005"
# A bound expression stands in a comment after what it prints; a key holds no blank.
BOUND = re_compile(rf"({relations.PRINTED})?<!--fact:([^<>\s](?:(?!-->)[^\n])*?)-->")
_COMMENT = re_compile(r"<!--.*?-->", re.S)
# Where a link leads is no claim; its text is one.
_TARGET = re_compile(r"\]\([^)\s]*\)|https?://\S+")
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb", "\u00bb": "\u00ab",
           "\u201e": "\u201c\u201d", "\u300c": "\u300d", "\u300e": "\u300f", "\uff02": "\uff02",
           "\u2033": "\u2033", "\u2039": "\u203a", "\u203a": "\u2039", "\u201f": "\u201d",
           "\u301d": "\u301e\u301f"}
# These are apostrophes too: they quote where a word begins, up to where one ends.
_SINGLE = {"'": "'", "\u2018": "\u2019", "\u201a": "\u2018\u2019", "\u201b": "\u2019",
           "\uff07": "\uff07"}
_ESCAPED = re_compile(r"\\([\\`*_\[\]<>#~\"(){}&.!|+-])")
_END = re_compile(rf"[.!?][)*_]*(?:\s*\(?{CITE}+\)?[.,]?)*"
                  rf"(?=\s+[A-Z\d(*{QUOTE}{CITE}{FACT}{CODE}]|\s*$)")
_KINDS = {"heading": r"#{1,6} ", "quote": r"\s*>", "row": r"\s*\|",
          "item": r"\s*(?:[-*+]|\d+[.)]) ", "paragraph": r"\s*\S"}
_LABELS = {"paragraph": re_compile(r"\*\*([^*]{2,40}?):\*\*"),
           "item": re_compile(r"[-*+] \*\*(What goes wrong|Trigger|What differs):\*\*")}
_ABBREVIATED = re_compile(r"\b(?:e\.g|i\.e|cf|vs|etc|approx|no|resp|dr|mrs?|ms|prof|st|fig|[ap]\.m"
                          r"|u\.s)\.$", re.I)
_OPEN = re_compile(r"\b(?:TODO|todo|Todo|TBD|FIXME)")


class Token(NamedTuple):
    """A piece of a line: its kind (one of the marks above, or "" for plain text), its source, and
    what it says (a quote's text, a citation's id, a fact's key, the inside of a code span)."""

    kind: str
    source: str
    value: str = ""
    number: str = ""


class Sentence(NamedTuple):
    """One sentence: its line, its tokens, and its plain text with each other token as one mark."""

    line: int
    tokens: tuple[Token, ...]
    masked: str

    def all(self, kind: str) -> list[Token]:
        """The tokens of a kind."""
        return [token for token in self.tokens if token.kind == kind]


class Unit(NamedTuple):
    """A paragraph, list item, table row, blockquote, fence or heading, and the section it is in:
    `model` is the heading text after `## Model`, `bucket` that of a `###` heading below it or below
    `## Causes`, `title` that of the nearest heading. `label` is the bold word that begins a
    paragraph, or an item of a cause (`Trigger`). `mark` is what numbers it or lists it: 1 and
    what follows it; other numbers are said."""

    kind: str
    line: int
    text: str
    label: str = ""
    model: str = ""
    bucket: str = ""
    title: str = ""
    mark: str = ""


def is_open(unit: Unit) -> bool:
    """Whether a paragraph, item, row or heading is still to be written."""
    return unit.kind not in ("fence", "quote") \
        and any(_OPEN.search(sentence.masked) for sentence in sentences(unit))


def units(text: str) -> list[Unit]:
    """The units of the author's part, in order; generated blocks are left out."""
    all_units: list[Unit] = []
    line, model, bucket, title, in_causes = 1, "", "", "", False
    for name, piece in pieces.split(text):
        for unit in [] if name else _units(piece, line):
            if unit.kind == "heading":
                level, _, heading = unit.text.partition(" ")
                title = heading.strip()
                if len(level) <= 2:
                    is_model, bucket = heading.startswith("Model "), ""
                    in_causes = unit.text.strip() == CAUSES
                    model = heading.removeprefix("Model ").strip() if is_model else ""
                elif len(level) == 3:
                    bucket = title if model or in_causes else ""
            all_units.append(unit._replace(model=model, bucket=bucket, title=title))
        line += piece.count("\n")
    return all_units


def _units(piece: str, first: int) -> list[Unit]:
    """The units of a stretch of Markdown that holds no generated block."""
    groups: list[tuple[str, int, list[str]]] = []
    for number, (line, own) in enumerate(pieces.own_lines(piece), first):
        line = line.rstrip("\r\n")
        kind = _kind(line) if own else "fence"
        last, _, lines = groups[-1] if groups else ("", 0, [])
        if (kind == last and kind in ("paragraph", "quote")) \
                or (kind == "paragraph" and last == "item") \
                or (kind == last == "fence" and not _closed(lines)):
            lines.append(line)
        else:
            groups.append((kind, number, [line]))
    all_units = []
    for kind, number, lines in groups:
        text = "\n".join(lines)
        text = text.replace("\\|", "|") if kind == "row" else text
        label = _LABELS[kind].match(text) if kind in _LABELS else None
        if kind:
            before = all_units[-1] if all_units else None
            all_units.append(Unit(kind, number, text, label[1] if label else "",
                                  mark=_mark(kind, text, before)))
    return all_units


def _mark(kind: str, text: str, before: Unit | None) -> str:
    """What lists an item or numbers it in turn, or numbers a heading."""
    if kind == "heading":
        number = re.match(r"#+ (\d{1,2}(?:\.\d{1,2})*[.)] )(?=[A-Z`])", text)
        return number[1] if number else ""
    match = re.match(r"\s*(?:[-*+]|(\d+)[.)]) ", text) if kind == "item" else None
    last = re.match(r"\s*(\d+)", before.mark) if before and before.kind == "item" else None
    return match[0] if match and (
        not match[1] or int(match[1]) == (int(last[1]) + 1 if last else 1)) else ""


def _kind(line: str) -> str:
    """What a line outside a fence begins or goes on with; empty for a blank one."""
    return next((kind for kind, pattern in _KINDS.items() if re.match(pattern, line)), "")


def _closed(lines: list[str]) -> bool:
    """True when the last of these lines closes the fence that the first one opens."""
    return len(lines) > 1 and lines[-1].strip() == re.match("`+|~+", lines[0])[0]


def sentences(unit: Unit) -> list[Sentence]:
    """The sentences of a unit. A citation after a full stop belongs to the sentence before it,
    unless the next one goes on in small letters."""
    text = unit.text.replace(unit.mark, " " * len(unit.mark), 1)
    queue = _atoms(text)
    masked = "".join(token.kind or token.source for token in queue)
    cuts = [match.end() for match in _END.finditer(masked)
            if not _ABBREVIATED.search(masked[:match.start() + 1])]
    all_sentences, line, place, start = [], unit.line, 0, 0
    for cut in [*cuts, len(masked)]:
        mine = queue[start:cut]
        if masked[start:cut].strip():
            lead = "".join(token.source for token in mine)
            skipped = lead[:len(lead) - len(lead.lstrip())].count("\n")
            all_sentences.append(Sentence(line + place + skipped, _joined(mine), masked[start:cut]))
        place += sum(token.source.count("\n") for token in mine)
        start = cut
    return all_sentences


def _joined(tokens: Iterable[Token]) -> tuple[Token, ...]:
    """The tokens with plain characters joined again."""
    joined: list[Token] = []
    for is_plain, group in groupby(tokens, key=lambda token: not token.kind):
        alike = list(group)
        joined += [Token("", "".join(token.source for token in alike))] if is_plain else alike
    return tuple(joined)


def inline(text: str) -> list[Token]:
    """The tokens of a text: what begins first wins, so that quotes and code may hold each other."""
    return list(_joined(_atoms(text)))


@lru_cache(1 << 14)  # the units of a report are looked at many times
def _atoms(text: str) -> tuple[Token, ...]:
    """The tokens of a text, each plain character alone: one entry per mark of the masked text."""
    atoms: list[Token] = []
    place = 0
    while place < len(text):
        atoms.append(_token(text, place) or _plain(text[place]))
        place += len(atoms[-1].source)
    return tuple(atoms)


@lru_cache(1 << 10)
def _plain(char: str) -> Token:
    return Token("", char)


def _token(text: str, place: int) -> Token | None:
    """The token that begins here, if one does."""
    char = text[place]
    if char == "\\" and place + 1 < len(text):
        return Token(OTHER, text[place:place + 2]) if text[place + 1] in "`[\\" else None
    if char == "`":
        ticks = re.match("`+", text[place:])[0]
        end = re.compile(rf"(?<!`){ticks}(?!`)").search(text, place + len(ticks))
        return Token(CODE, text[place:end.end()], text[place + len(ticks):end.start()].strip()) \
            if end else None
    if text.startswith("[dp:", place):
        end = citation_end(text, place)
        return Token(CITE, text[place:end + 1], text[place + 4:end].strip()) if end else None
    if char in _QUOTES or char in _SINGLE:
        end = _quote_end(text, place)
        return Token(QUOTE, text[place:end + 1], text[place + 1:end]) if end else None
    bound = BOUND.match(text, place)
    if bound and not re.match(r"[\w.,]", text[place - 1:place]):
        return Token(FACT, bound[0], bound[2], bound[1] or "")
    other = _COMMENT.match(text, place) or _TARGET.match(text, place)
    return Token(OTHER, other[0]) if other else None


def _quote_end(text: str, place: int) -> int | None:
    """Where the quotation that begins here ends, if it is one."""
    marks = _QUOTES.get(text[place])
    if marks:
        return min((end for mark in marks if (end := text.find(mark, place + 1)) > 0), default=None)
    if re.match(r"\w", text[place - 1:place]) or not re.match(r"\w|[^\w\s]\w", text[place + 1:]):
        return None
    end = re.compile(rf"(?<=[\w.!?,…])[{_SINGLE[text[place]]}](?!\w)").search(text, place + 1)
    return end.start() if end and "\n\n" not in text[place:end.start()] else None


def citation_end(text: str, place: int) -> int | None:
    """Where the citation that begins here ends: brackets inside an id are balanced."""
    depth = 0
    for end in range(place, len(text)):
        depth += {"[": 1, "]": -1}.get(text[end], 0)
        if depth == 0:
            return end
        if text[end] == "\n":
            return None
    return None


def unescaped(text: str) -> str:
    """Markdown escapes taken off: what a reader of the rendered page sees."""
    return _ESCAPED.sub(r"\1", text)


def quoted(unit: Unit) -> tuple[str, list[str]]:
    """A blockquote's text and the ids that are cited in it."""
    lines = [line.lstrip().lstrip(">").removeprefix(" ") for line in unit.text.split("\n")]
    # A citation's line is apart: a quotation mark of the quote may have its partner in an id.
    cut = len(lines) - 1 if lines[-1].startswith("[dp:") else len(lines)
    tokens = inline("".join(f"{line}\n" for line in lines[:cut])) + inline("".join(lines[cut:]))
    cited = [token.value for token in tokens if token.kind == CITE]
    return "".join(token.source for token in tokens if token.kind != CITE).strip(), cited

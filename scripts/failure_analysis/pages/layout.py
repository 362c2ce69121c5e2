"""Text cut into pieces for the page: short chunks, so that what stood on the screen can be logged,
and JSON in lines. Joined again they are the text, so that a quote of the page occurs in it."""

from typing import NamedTuple

from failure_analysis.patterns import re_compile

CHUNK = 700
_FITS = 96  # a JSON array or object this short stays on one line
_DEEPEST = 10
_TOKENS = re_compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|,\s*|[^\[\]{},"]+|"')
_CALL = re_compile(r"[^\s\[{]+\s+(?=[\[{])")


class Line(NamedTuple):
    """A piece of text and how far it is indented."""

    depth: int
    text: str


def chunks(text: str, first: int = CHUNK) -> list[list[Line]]:
    """The text in chunks of about `CHUNK` characters, the first of about `first`."""
    lines = json_lines(text)
    if lines is None:
        return [[Line(0, piece)] for piece in _pieces(text, first)]
    cut: list[list[Line]] = [[]]
    size, most = 0, first
    for line in lines:
        for piece in _pieces(line.text, most):
            if size >= most or size and size + len(piece) > most * 3 // 2:
                cut.append([])
                size, most = 0, CHUNK
            cut[-1].append(Line(line.depth, piece))
            size += len(piece)
    return cut


def is_json(text: str) -> bool:
    """True for a text that is JSON as a whole, or a tool call: a name, then JSON."""
    start = _CALL.match(text)
    body = text[start.end() if start else 0:].strip()
    return (body[:1], body[-1:]) in (("{", "}"), ("[", "]"))


def json_lines(text: str) -> list[Line] | None:
    """JSON as indented lines; None for other text, JSON with its own lines, unmatched brackets."""
    if "\n" in text or not is_json(text):
        return None
    tokens = _TOKENS.findall(text)
    sizes = _bracket_sizes(tokens)
    if sizes is None or "".join(tokens) != text:
        return None
    lines: list[Line] = []
    line, depth, broken = "", 0, []
    for place, token in enumerate(tokens):
        if token in "]}" and broken.pop():
            lines.append(Line(min(depth, _DEEPEST), line))
            line, depth = "", depth - 1
        line += token
        if token in "[{":
            broken.append(sizes[place] > _FITS)
        if (token in "[{" or token[0] == ",") and broken and broken[-1]:
            lines.append(Line(min(depth, _DEEPEST), line))
            line, depth = "", depth + (token in "[{")
    return [line for line in [*lines, Line(0, line)] if line.text]


def _bracket_sizes(tokens: list[str]) -> dict[int, int] | None:
    """Place of each opening bracket -> characters up to its closing one; None if one is open."""
    open_: list[tuple[int, int, str]] = []
    sizes: dict[int, int] = {}
    at = 0
    for place, token in enumerate(tokens):
        at += len(token)
        if token in "[{":
            open_.append((place, at, "]" if token == "[" else "}"))
        elif token in "]}":
            start, begin, closing = open_.pop() if open_ else (0, 0, "")
            if token != closing:
                return None
            sizes[start] = at - begin
    return None if open_ else sizes


def _pieces(text: str, most: int) -> list[str]:
    """Plain text cut after line feeds, or else between words, near `most` characters and then near
    every `CHUNK`."""
    cut_pieces, start = [], 0
    while len(text) - start > most * 3 // 2:
        cut = text.rfind("\n", start + most // 2, start + most) + 1
        cut = cut or text.rfind(" ", start + most // 2, start + most) + 1 or start + most
        cut_pieces.append(text[start:cut])
        start, most = cut, CHUNK
    return [*cut_pieces, text[start:]]

"""What an author binds in a report: `{{…}}`, and what stands there once it is filled."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from failure_analysis.report import pieces, relations
from failure_analysis.report.prose import BOUND, FACT, Token

# A key may hold any character that is safe in an id; safe_id keeps `<>{}` and blanks out of it.
PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s](?:[^{}\n]*[^{}\s])?)\s*\}\}")
# What is escaped or in a code span (so names are written) is passed over.
_MARK = re.compile(r"\\.|(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
                   rf"|(?P<wanted>{PLACEHOLDER.pattern})|(?P<bound>{BOUND.pattern})")


def filled(text: str, values: Mapping[str, int | float]) -> tuple[str, Counter[str]]:
    """The text with its placeholders bound and its bound numbers as they are now, and how often
    each fact was bound for the first time. Blocks, fences, blockquotes and code spans stay."""
    bound_now: Counter[str] = Counter()

    def number(match: re.Match) -> str:
        key = _key(match)
        made = relations.bind(key, values) if key else None
        if made is None or made.wrong:
            return match[0]
        bound_now[key] += bool(match["wanted"])
        return f"{made.printed}<!--fact:{key}-->"

    return "".join(_MARK.sub(number, line) if mine else line
                   for line, mine in _lines(text)), bound_now


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line (with its end), and whether it is the author's: in no generated block, no fence and
    no blockquote."""
    for name, piece in pieces.split(text):
        for line, own in pieces.own_lines(piece):
            yield line, not name and own and not line.startswith(">")


def _marks(text: str) -> Iterator[tuple[int, re.Match]]:
    """(line, match) of each placeholder and bound number in the author's part of a report."""
    for number, (line, mine) in enumerate(_lines(text), 1):
        yield from ((number, match) for match in (_MARK.finditer(line) if mine else ())
                    if _key(match))


def _key(match: re.Match) -> str | None:
    """The key of a placeholder or a bound number."""
    expression = match[3] or match[6]
    return expression and " ".join(expression.split())


def placeholders(text: str) -> list[tuple[int, str]]:
    """(line, key) of each placeholder in a report."""
    return [(line, _key(match)) for line, match in _marks(text) if match["wanted"]]


def bound(text: str) -> list[tuple[int, Token]]:
    """(line, token) of each bound number in the author's part of a report."""
    return [(line, Token(FACT, match[0], _key(match), match[5] or ""))
            for line, match in _marks(text) if match["bound"]]


def hand_bound(text: str, own: Counter[str]) -> list[tuple[int, str]]:
    """(line, key) of each bound number beyond those that this program has bound itself (`own`)."""
    left, by_hand = Counter(own), []
    for line, token in bound(text):
        left[token.value] -= 1
        if left[token.value] < 0:
            by_hand.append((line, token.value))
    return by_hand

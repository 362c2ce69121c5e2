"""A datapoint as named parts of text: the one form in which it is shown, quoted and proved."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, NamedTuple

from failure_analysis import tool_calls, tool_checks
from failure_analysis.checks import text_of
from failure_analysis.clean import visible
from failure_analysis.patterns import re_compile

# A shorter quote stands in too many datapoints to prove anything, unless it is a whole part.
SHORTEST_QUOTE = 12
_SHORTEST_VALUE = 4
_NEGATED = re_compile(r"(?:\b(?:not|never|no|cannot)|n['\u2019]t)(?: [\w'\u2019-]+){0,2} $", re.I)
_ESCAPED = ("\\n", "\\r", "\\t")


class Part(NamedTuple):
    """One piece of a datapoint: `name` addresses it (question, call-3, message-7), `text` is what
    was recorded with control characters spelled out."""

    name: str
    text: str


class Turn(NamedTuple):
    """One message of the conversation: the name of its part, who spoke, and the names of the
    tool calls (or of the tool result) that it carries."""

    name: str
    role: str
    calls: tuple[str, ...]


def parts(row: Mapping[str, Any]) -> list[Part]:
    """The parts of a datapoint in reading order; parts without text are left out."""
    all_parts = [Part("question", _text(row.get("user_text"))),
                 Part("answer", _text(row.get("assistant_text"))),
                 Part("expected", _text(row.get("expected"))),
                 Part("judge", _text(row.get("judge_reasoning")))]
    for number, (call, result) in enumerate(tool_calls.paired(row), 1):
        all_parts += [Part(f"call-{number}", visible(tool_calls.spelled(call))),
                      Part(f"result-{number}", visible(tool_calls.result_text(result)))]
    listed = {tool_calls.ident(call) for call in row.get("tool_calls") or []}
    all_parts += [Part(f"message-{number}", _message_text(message, listed))
                  for number, message in enumerate(row.get("messages") or [], 1)]
    all_parts.append(Part("reasoning", _text(row.get("reasoning"))))
    return [part for part in all_parts if part.text.strip()]


def digest(parts: Iterable[Part]) -> str:
    """A hash of a datapoint as a reader sees it, by which it is known whether it still reads so."""
    text = "".join(f"{name}\0{text}\0" for name, text in parts)  # no part holds a visible zero
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def turns(row: Mapping[str, Any]) -> list[Turn]:
    """Who said what in the conversation, message by message."""
    calls_of: dict[str | None, list[str]] = {}
    for number, (call, _) in enumerate(tool_calls.paired(row), 1):
        calls_of.setdefault(tool_calls.ident(call), []).append(f"call-{number}")
    calls_of.pop(None, None)
    results_of = {ident: list(names) for ident, names in calls_of.items()}
    all_turns = []
    for number, message in enumerate(row.get("messages") or [], 1):
        message = message if isinstance(message, dict) else {}
        calls = [_next(calls_of, tool_calls.ident(call))
                 for call in message.get("tool_calls") or []]
        if message.get("role") == "tool":
            calls.append(_next(results_of, tool_calls.ident(message)).replace("call", "result"))
        all_turns.append(Turn(f"message-{number}", visible(str(message.get("role") or "unknown")),
                              tuple(filter(None, calls))))
    return all_turns


def _next(names: dict[str | None, list[str]], ident: str | None) -> str:
    """The next unused name of an id; empty when there is none."""
    waiting = names.get(ident)
    return waiting.pop(0) if waiting else ""


def folded(text: str) -> str:
    """The text as quotes are compared: control characters spelled out, white space folded."""
    return " ".join(visible(text).split())


@lru_cache(4)  # a datapoint has many quotes, and folding it is most of the work
def _folded(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(Part(name, " ".join(text.split())) for name, text in parts)


def where(quote: str, parts: list[Part]) -> str | None:
    """The name of the first part in which the quote occurs verbatim, or None."""
    return next((part.name for part, _ in _places(quote, parts)), None)


def names(quote: str, parts: list[Part]) -> list[str]:
    """The names of all parts in which the quote occurs verbatim."""
    return list(dict.fromkeys(part.name for part, _ in _places(quote, parts)))


def loses_negation(quote: str, parts: list[Part]) -> bool:
    """True when a negation stands directly before each place where the quote occurs."""
    before = [part.text[:start] for part, start in _places(quote, parts)]
    return bool(before) and all(_NEGATED.search(text) for text in before)


def _places(quote: str, parts: list[Part]) -> Iterator[tuple[Part, int]]:
    """Where the quote stands as whole words: the part, folded, and the place in it. A blank one
    stands nowhere."""
    wanted = folded(quote)
    for part in _folded(tuple(parts)) if wanted else ():
        start = part.text.find(wanted)
        while start >= 0:
            whole = _is_whole(part.text, start, start + len(wanted))
            if whole:
                yield part, start
            start = part.text.find(wanted, start + (len(wanted) if whole else 1))


def cuts_a_word(quote: str, parts: list[Part]) -> bool:
    """True for a quote that occurs, though only with a word cut at one of its ends."""
    wanted = folded(quote)
    return bool(wanted) and where(quote, parts) is None \
        and any(wanted in part.text for part in _folded(tuple(parts)))


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word is cut at the ends of a place in a text; an escaped line feed in recorded
    JSON is no part of a word."""
    cut = text[start].isalnum() and _in_word(text[start - 1:start]) \
        and text[max(0, start - 2):start] not in _ESCAPED
    return not (cut or text[end - 1].isalnum() and _in_word(text[end:end + 1]))


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def too_short(quote: str, parts: list[Part]) -> bool:
    """True for a quote that is so short that it proves nothing: no whole part, and no whole value
    in recorded JSON (`"1.50 L"`)."""
    wanted = folded(quote)
    return len(wanted) < SHORTEST_QUOTE and not any(
        wanted == part.text or len(wanted) >= _SHORTEST_VALUE and f'"{wanted}"' in part.text
        for part in _folded(tuple(parts)))


def nearest(quote: str, parts: list[Part]) -> str:
    """The real text most like a quote that does not occur, with the name of its part."""
    wanted = folded(quote).split()
    best, most = "", 0.0
    for part in parts:
        words = folded(part.text).split()
        matcher = SequenceMatcher(None, wanted, words, autojunk=False)
        match = matcher.find_longest_match()
        start = max(0, match.b - match.a)
        window = words[start:start + len(wanted)]
        likeness = SequenceMatcher(None, wanted, window, autojunk=False).ratio()
        if likeness > most:
            best, most = f'{part.name}: "{" ".join(window)}"', likeness
    return best


def repeats(row: Mapping[str, Any]) -> dict[str, str]:
    """The calls that the harness executed again, each with the name of the one it repeats."""
    return {f"call-{place + 1}": f"call-{earlier + 1}" for place, earlier in
            tool_checks.executed_again(row.get("tool_calls") or []).items()}


def _message_text(message: Any, listed: set[str | None]) -> str:
    """A message's own words, and its tool calls where the row does not list them apart (those of
    a simulated user)."""
    if not isinstance(message, dict):
        return _text(message)
    calls = [visible(tool_calls.spelled(call)) for call in message.get("tool_calls") or []
             if not tool_calls.ident(call) or tool_calls.ident(call) not in listed]
    return "\n".join(filter(None, [_text(text_of(message.get("content"))), *calls]))


def _text(value: Any) -> str:
    """A recorded value as visible text."""
    return "" if value is None else visible(_json(value))


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

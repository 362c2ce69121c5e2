"""What an answer says, held against its contract and the tool results of its turn. Strict: what
cannot be told from the words is passed over."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from failure_analysis.audit.contract import Contract, Entry, golden_text, met, words
from failure_analysis.audit.seen import Seen
from failure_analysis.tool_checks import parsed_arguments

_NUMBERS = {name: str(value) for value, name in enumerate((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve"))}
_TIME = r"\d{1,2}:\d{2}(?:\s*[ap]\.?m\b\.?)?"
_DATE = r"\d{4}-\d{2}-\d{2}"
_ID = r"#?(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9][\w-]*\w"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
# In this order: a date is no number, and the digits of an id are none either.
_VALUE = re.compile(rf"(?<![\w.:#-])(?:(?P<date>{_DATE})|(?P<time>{_TIME})|(?P<id>{_ID})"
                    rf"|(?P<number>{_NUMBER}))(?![\w:]|[.,-]\d)", re.IGNORECASE)
_COUNTS = frozenset(("left", "remaining", "available", "count", "number", "total", "num", "of"))
_BETWEEN = r"(?:\s+|\s*[:=]\s*)(?:(?:is|are|was|were|of|at|on|to|for|now|only|still|as)\s+){0,2}"
# What may come after a number that is a key's value: not the thing that it counts.
_AFTER = re.compile(r"\s*(?:$|[.,;:!?)\n%€$£]|(?:euros?|dollars?|usd|eur|pounds?|percent|and|but"
                    r"|so|which)\b)")
_FREE = r"(?:(?:are|is|still)\s+){0,2}(?:left|remaining|available|free)\b"
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_IF = re.compile(r"\b(?:unless|except|if|when|until|without|before|after|while|where)\b", re.I)
_NOT = r"\b(?:never|(?:do|must|may|should)\s+not|don't|mustn't)\s+"
_NEVER_SAY = re.compile(rf"{_NOT}(?:ever\s+)?(?:say|mention|use|write|include|output)\b", re.I)
_NEVER_CALL = re.compile(rf"{_NOT}(?:ever\s+)?(?:call|use)\s+(?:the\s+tool\s+|the\s+)?"
                         r"`?(\w*_\w+)`?", re.I)
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
_ANSWER = r"\b(?:answer|reply|replies|respond|response|output)s?\b"
_LIMIT = re.compile(rf"{_ANSWER}[^.;!?\n]{{0,40}}?\b(?:at most|no more than|not more than"
                    r"|a maximum of|up to)\s+(\d+)\s+(word|character)s?\b", re.I)
_LIST = re.compile(rf"{_ANSWER}\s+(?:only\s+)?(?:with\s+|must be\s+|is\s+)?(?:exactly\s+|only\s+)?"
                   r"(?:one of|either)(?:\s+the following)?:?\s+([^.;!?\n]+)", re.I)
_WHOLE = re.compile(rf"{_ANSWER}[^.;!?\n]{{0,30}}?\b(?:whole number|integer)\b"
                    r"(?:\s+(?:from|between)\s+(-?\d+)\s+(?:to|and)\s+(-?\d+))?", re.I)
Found = Iterator[tuple[str, str, str]]  # rule, what is wanted, what there is


def spelled(value: Any) -> str:
    """A value of a contract as text; blank where there is none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def number(text: str) -> float | None:
    """The number that a text is, else None."""
    return float(text.replace(",", "")) if re.fullmatch(rf"-?{_NUMBER}", text) else None


def of_another(entry: Entry, row: Seen, said: str, contract: Contract) -> Found:
    """The answer has a distinctive part of another golden answer, and no word of its own."""
    mine, spoken = golden_text(entry), words(said)
    if not mine:
        return
    given = " ".join(words("\n".join((row.question, *_results(row)))))
    for part in met(spoken):
        other = contract.parts.get(part)
        if other in (None, entry.item) or " ".join(part) in given:
            continue
        theirs = golden_text(contract.entries[other])
        own = {word for word in set(words(mine)) - set(words(theirs)) - set(words(row.question))
               if len(word) > 3 or word.isdigit()}
        if own and own.isdisjoint(spoken):
            yield "text_of_another_turn", f"{mine}\n(the other one: {theirs})", said
            return


def against_result(entry: Entry, row: Seen, said: str, contract: Contract) -> Found:
    """The answer names a key of a tool result and gives another value of the same kind, which
    stands nowhere in what was called, returned and asked."""
    keys = _keys(row)
    known = {value for text in (row.question, *_results(row), *_arguments(row))
             for value in _values(text)}
    for key, values in keys.items():
        if len(values) != 1:
            continue
        kind, value = next(iter(values))
        given = {found for found in _beside(key, said) if found[0] == kind}
        if given and given.isdisjoint(known) and all(
                _differ((kind, value), other) for other in given):
            yield "against_own_result", f"{key}: {value}", said
            return


def without_values(entry: Entry, row: Seen, said: str, contract: Contract) -> Found:
    """The golden answer has numbers, dates, times or ids that were not asked with, and the answer
    has none of them."""
    golden = golden_text(entry)
    wanted = set(_values(in_digits(golden))) - set(_values(in_digits(row.question)))
    if wanted and wanted.isdisjoint(_values(in_digits(f"{said}\n{row.spoken}"))):
        yield "golden_value_missing", golden, said


def unknown(entry: Entry, row: Seen, said: str, contract: Contract) -> Found:
    """A time, a date or an id of the answer that stands nowhere: not in the knowledge, what was
    asked, called or returned, and not in the golden answer."""
    if not entry.knowledge:
        return
    strange = [value for value in _values(said) if value[0] != "number"]
    if strange:
        known = {value for text in (row.question, spelled(entry.golden), *_results(row),
                                    *_arguments(row)) for value in _values(text)}
        known = known.union(*map(_told, (entry.knowledge, entry.prompt, entry.policy)))
        strange = [value for value in strange if value not in known]
    if strange:
        yield "not_in_knowledge", ", ".join(dict.fromkeys(value for _, value in strange)), said


def _results(row: Seen) -> list[str]:
    return [made.result for made in row.made]


def _arguments(row: Seen) -> list[str]:
    return [json.dumps(made.arguments, ensure_ascii=False) for made in row.made]


def _values(text: str) -> Iterator[tuple[str, str]]:
    """The dates, times, ids and numbers of a text, each in one form."""
    for match in _VALUE.finditer(text):
        yield _one(match.lastgroup, match[0])


@lru_cache(64)
def _told(text: str) -> frozenset[tuple[str, str]]:
    """The values of a text that many items have."""
    return frozenset(_values(text))


def _one(kind: str, text: str) -> tuple[str, str]:
    if kind == "number":
        return kind, f"{float(text.replace(',', '')):g}"
    if kind == "time":
        hour, minute = map(int, re.findall(r"\d+", text))
        late = "p" in text.lower() and hour < 12
        early = "a" in text.lower() and hour == 12
        return kind, f"{hour + 12 * late - 12 * early:02}:{minute:02}"
    return kind, text.casefold().lstrip("#")


def _keys(row: Seen) -> dict[str, set[tuple[str, str]]]:
    """The values under each key of the results that are JSON; of no others can a key be told."""
    found: dict[str, set[tuple[str, str]]] = {}
    for result in _results(row):
        level = [parsed_arguments(result)]
        while level:
            inner = level.pop()
            level += inner if isinstance(inner, list) else \
                inner.values() if isinstance(inner, dict) else ()
            for key, value in inner.items() if isinstance(inner, dict) else ():
                text = value if isinstance(value, str) else json.dumps(value)
                match = _VALUE.fullmatch(text) if not isinstance(value, list | dict | bool) \
                    else None
                found.setdefault(key, set()).add(
                    _one(match.lastgroup, text) if match else ("text", text[:80]))
    return found


def _beside(key: str, said: str) -> Iterator[tuple[str, str]]:
    """The values that an answer gives right beside a key's words; of a key that counts something
    ("seats_left") also a number before the thing ("4 seats are left")."""
    parts = [part.lower() for part in re.findall(r"[a-z]+|[A-Z][a-z]*", key)]
    things = [part for part in parts if part not in _COUNTS]
    text = in_digits(said)
    if not parts:
        return
    phrase = r"[\s_-]+".join(parts)
    for match in re.finditer(rf"\b{phrase}s?\b{_BETWEEN}[$€£]?(?={_VALUE.pattern})", text):
        value = _VALUE.match(text, match.end())
        if value and (value.lastgroup != "number" or _AFTER.match(text, value.end())):
            yield _one(value.lastgroup, value[0])
    if things and len(things) < len(parts):
        phrase = r"[\s_-]+".join(things)
        for match in re.finditer(rf"(?<![\w.:#-])({_NUMBER})\s+(?:more\s+)?{phrase}\s+{_FREE}",
                                 text):
            yield _one("number", match[1])


def _differ(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two values of a kind are really different: not one rounded, nor in another unit."""
    if one[0] != "number":
        return one != other
    exact, given = float(one[1]), float(other[1])
    decimals = len(other[1].partition(".")[2])
    return round(exact, decimals) != given and all(
        exact * factor != given and given * factor != exact for factor in (60, 100, 1000))


def in_digits(text: str) -> str:
    """A text in small letters, its number words as digits."""
    return re.sub(r"[a-z]+", lambda word: _NUMBERS.get(word[0], word[0]), text.lower())


def forbidden(entry: Entry) -> Iterator[tuple[str, str]]:
    """(the statement, the golden answer or call that it forbids). Only exact statements: one with
    a condition forbids nothing by itself."""
    golden = golden_text(entry)
    for text in entry.forbidden:
        if golden and _has(golden, text):
            yield text, golden
    for sentence in _SENTENCE.split("\n".join((entry.prompt, entry.policy))):
        if _IF.search(sentence):
            continue
        for match in _NEVER_CALL.finditer(sentence):
            if any(call.name == match[1] for call in entry.required or ()):
                yield sentence, match[1]
        if golden and _is_against(golden, sentence):
            yield sentence, golden


def _is_against(golden: str, sentence: str) -> bool:
    """Whether a sentence forbids the golden answer: by words, its length, its kind, a list."""
    if match := _NEVER_SAY.search(sentence):
        quoted = ("".join(filter(None, groups)) for groups in
                  _QUOTED.findall(sentence[match.end():]))
        return any(_has(golden, text) for text in quoted)
    if match := _LIMIT.search(sentence):
        length = len(golden.split()) if match[2].lower() == "word" else len(golden)
        return length > int(match[1])
    if (match := _WHOLE.search(sentence)) and (value := number(golden)) is not None:
        low, high = (float(limit) if limit else value for limit in match.groups())
        return not value.is_integer() or not low <= value <= high
    if match := _LIST.search(sentence):
        choices = [" ".join(words(text)) for text in re.split(r",|\bor\b|/", match[1])]
        choices = [text for text in choices if text]
        return len(choices) > 1 and all(len(text.split()) < 4 for text in choices) \
            and " ".join(words(golden)) not in choices
    return False


def _has(text: str, part: str) -> bool:
    """Whether a text has these words, or, of what is no word, this text."""
    spoken = f" {' '.join(words(part))} "
    return spoken in f" {' '.join(words(text))} " if spoken.strip() else part.strip() in text

"""Golds that their own question contradicts: fewer members than it counts, a value of another type
than its schema says, a day that no calendar has, a word of which the question has the whole."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from failure_analysis.audit import golds, limits, normal, required, values
from failure_analysis.audit.allowed import object_of
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.demands import COUNT
from failure_analysis.audit.faults import Fault, agreed, final, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import LONGEST_RESULT, Seen
from failure_analysis.audit.whole import Whole

_COUNTED = re.compile(
    r"\b(?:name|list|give|state|find|identify|mention|extract|return|write|which|what are|who are|"
    r"enumerate)(?: me| all| the| any| exactly| its| their)* (two|three|four|five|six|seven|eight|"
    r"nine|ten|\d{1,2}) (?:[a-z][\w-]* ){0,3}?[a-z][\w-]*(?:s|en|ia)\b(?! (?:or|at) )", re.I)
_ABOUT = re.compile(r"\b(?:at least|at most|up to|or more|or fewer|about|any of)\b", re.I)
# A key of an object and its type, as a question or a JSON schema says it.
_TYPED = re.compile(
    r"[\"'`]?\b(?P<key>[a-z_]\w*)[\"'`]?\s*(?::|\(|\b(?:is|as|"
    r"(?:must|should|shall|has to|have to|needs to|will) be))\s*(?:\{\s*\"type\"\s*:\s*)?(?:an? )?"
    r"[\"'`<\[]?(?P<type>integer|int|number|float|string|str|boolean|bool|array|list)\b", re.I)
_TYPES = {"int": (int,), "num": (int, float), "flo": (int, float), "str": (str,), "boo": (bool,),
          "arr": (list,), "lis": (list,)}
_INFLECTED = re.compile(r"(?:e?s|e?d|ing|ly|er|est|n|al|ian|ic|ous|able|y)", re.I)
_SHORTEST, _FEWEST_CUT = 4, 2


def members(item: Item, whole: Whole) -> Fault | None:
    """The question counts more members than the gold has, and two models are failed for just so
    many, the gold's among them."""
    found = _COUNTED.search(item.question)
    gold = _listed(item.expected)
    if not found or len(gold) < 2 or _ABOUT.search(item.question):
        return None
    count = COUNT.get(found[1].lower()) or int(found[1])
    if len(gold) >= count:
        return None
    said: dict[frozenset, list[Seen]] = defaultdict(list)
    for row in item.rows:
        parts = frozenset(_listed(final(row.answer) or row.answer)) if row.outcome == "fail" else ()
        if len(parts) == count and parts > set(gold):
            said[parts].append(row)
    rows = max(said.values(), key=lambda some: len({row.model for row in some}), default=[])
    if len({row.model for row in rows}) < _FEWEST_CUT:
        return None
    return Fault(f"{count} are asked for and {len(gold)} are expected.", sides(
        item, item.expected, variant("failed", rows[0].answer, rows)), rows)


def _listed(value: Any) -> list[str]:
    """The members of a list, as JSON or in one line, folded; empty for anything else."""
    said = normal.parsed(value) if isinstance(value, str) else value
    if isinstance(said, list):
        return [golds.folded(str(one)) for one in said]
    parts = re.split(r"[,;\n]| and ", value) if isinstance(value, str) and len(value) < 500 else ()
    parts = [golds.folded(re.sub(r"^\s*(?:[-*•]|\d+[.)]|and )\s*", "", part)) for part in parts]
    return [part for part in parts if part] if len(parts) > 1 else []


def other_type(item: Item, whole: Whole) -> Fault | None:
    """A value of a gold has another type than the question says for its key; the answers of two
    models, half of all, have that type there and fail, and none of them passes."""
    gold = normal.parsed(item.expected) if isinstance(item.expected, str) else item.expected
    if not isinstance(gold, dict) or not any(row.outcome == "fail" for row in item.rows):
        return None
    for found in _TYPED.finditer(item.question[:20_000]):
        key, kinds = found["key"], _TYPES[found["type"][:3].lower()]
        if key not in gold or gold[key] is None or _is_of(gold[key], kinds):
            continue
        right = [(row, said) for row in item.rows if row.outcome != "unjudged"
                 and key in (said := object_of(row)) and _is_of(said[key], kinds)]
        if agreed(item, [row for row, _ in right]):
            return Fault(f"{key} is to be of the type {found['type'].lower()}, and what is "
                         "expected is of another one.", sides(item, gold, variant(
                             "failed", right[0][0].answer, [row for row, _ in right])),
                         [row for row, _ in right])
    return None


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value is of one of these types; a whole number may be written as 3.0."""
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or kinds == (int,) and isinstance(value, float) \
        and value.is_integer()


def no_day(item: Item, whole: Whole) -> Fault | None:
    """The gold names a day that no calendar has and the question does not name."""
    for text in item.texts or [golds.plain(item.expected) or ""]:
        day = values.date(text) if len(text) < 40 and re.search(r"\d\W|\W\d", text) else None
        if day and text not in item.question:
            try:
                date(*day)
            except ValueError:
                return Fault("What is expected is a day that no calendar has.",
                             sides(item, item.expected))
    return None


def cut_word(item: Item, whole: Whole) -> Fault | None:
    """The gold ends within a word of the question or of a result, which half of the models, two or
    more, say whole and are failed for; nobody passes with it."""
    texts = [text for text in item.texts or [golds.plain(item.expected) or ""]
             if len(text) in range(_SHORTEST, 200) and text[-_SHORTEST:].isalpha()]
    record = "\n".join((item.question, *{made.result for row in item.rows for made in row.made})
                       ).casefold() if texts else ""
    for text in texts:
        for word in _going_on(record, text):
            rows = [row for row in item.rows if row.outcome != "unjudged" and re.search(
                rf"(?<!\w){re.escape(word)}(?!\w)", "\n".join((row.answer[:2_000], *(
                    one for made in row.made for one in golds.scalars(made.arguments)))), re.I)]
            if agreed(item, rows):
                return Fault("What is expected breaks off within a word that most failing answers "
                             "say whole.", sides(item, item.expected, variant(
                                 "cut", f"{word} → {text}"),
                                 variant("failed", rows[0].answer, rows)), rows)
    return None


def _going_on(low: str, text: str) -> Iterator[str]:
    """What stands in a record in small letters in the place of a text and goes on in the same word;
    nothing where the text stands there by itself, or only its inflection does."""
    short = text.casefold()
    at, found = low.find(short), []
    while at >= 0:
        after = low[at + len(short):at + len(short) + 40]
        rest = next((place for place, sign in enumerate(after) if not sign.isalpha()), len(after))
        if not low[at - 1:at].isalnum():
            if not rest:
                return
            found.append(low[at:at + len(short) + rest])
        at = low.find(short, at + 1)
    yield from dict.fromkeys(one for one in found if len(one) > len(short) + 1
                             and not _INFLECTED.fullmatch(one[len(short):]))


_SAID = re.compile(r"(?<!\w)['\"“‘]([^'\"“”‘’\n]{8,200})['\"”’](?!\w)")


def swapped_day(item: Item, whole: Whole) -> Fault | None:
    """A day of the gold is one of the question with day and month exchanged, and none of it."""
    for text in item.texts or [golds.plain(item.expected) or ""]:
        found = values.date(text) if len(text) < 40 and re.search(r"\d\W|\W\d", text) else None
        if not found or found[2] > 12 or found[1] == found[2]:
            continue
        asked = {day for said in limits.DAY.findall(item.question) if (day := values.date(said))}
        if form := re.search(r"\b(DD|MM)[/.-](?:MM|DD)\b", item.question):
            asked |= {(int(year), *map(int, (b, a) if form[1] == "DD" else (a, b)))
                      for a, b, year in _NUMBERED.findall(item.question)}
        if found not in asked and (found[0], found[2], found[1]) in asked:
            return Fault("Day and month of what is expected are exchanged.",
                         sides(item, item.expected))
    return None


_NUMBERED = re.compile(r"\b(\d\d?)[/.-](\d\d?)[/.-](\d{4})\b")
_WHEN = re.compile(r"\b(?:dates?|days?|when|birthday|deadline|month)\b", re.I)
_NO_YEAR = re.compile(r"(\d{1,2})[- ]([A-Z][a-z]{2})|([A-Z][a-z]{2})[- ](\d{1,2})")
_PAIR = re.compile(r"(\d{1,2}) ?[-/.:] ?(\d{1,2})")


def read_as_day(item: Item, whole: Whole) -> Fault | None:
    """A fraction, a score or a part of a name was read as a day: most models are failed for the two
    numbers that it is of, or the question has the name with the day as it is there spelt."""
    for text in item.texts or [golds.plain(item.expected) or ""]:
        found = limits.DAY.search(text) if len(text) < 80 else None
        day = values.date(found[0]) if found else None
        if found and day and len(text) > len(found[0]) and text not in item.question \
                and not _WHEN.search(item.question) and any(
                values.date(said) == day and said != found[0]
                and text.replace(found[0], said) in item.question
                for said in limits.DAY.findall(item.question)):
            return Fault("A part of a name that is expected was read as a day.",
                         sides(item, item.expected))
        short = _NO_YEAR.fullmatch(text)
        day = day or short and values.date(f"{short[1] or short[4]} {short[2] or short[3]} 2000")
        rows = [row for row in item.rows if day and row.outcome == "fail" and len(text) < 20
                and (pair := _PAIR.fullmatch(final(row.answer))) and sorted(map(
                    int, pair.groups())) == sorted(day[1:]) and not _WHEN.search(item.question)]
        if agreed(item, rows):
            return Fault("Two numbers that are expected were read as a day.", sides(
                item, item.expected, variant("failed", rows[0].answer, rows)), rows)
    return None


def quoted_otherwise(item: Item, whole: Whole) -> Fault | None:
    """A text of the gold is one that the question quotes, of three words or more, but for one
    number, and a datapoint is failed that has it as it is quoted."""
    if not isinstance(item.expected, dict | list):
        return None
    texts = [text for text in item.texts if len(text.split()) > 2 and re.search(r"\d", text)
             and text not in item.question]
    for said in _SAID.findall(item.question) if texts else ():
        for text in texts:
            odd = [(a, b) for a, b in zip(said.split(), text.split(), strict=False) if a != b]
            if len(said.split()) == len(text.split()) and len(odd) == 1 \
                    and all(re.search(r"\d", one) for one in odd[0]):
                rows = [row for row in item.rows if row.outcome == "fail" and any(
                    said in one for made in row.made for one in golds.scalars(made.arguments))]
                if rows:
                    return Fault("What is expected quotes the question with another number.",
                                 sides(item, item.expected, variant("quoted", said)), rows)
    return None


_WORKED_OUT = re.compile(
    r"\b(?:minus|plus|less|more|per ?cent|half|double|twice|triple|total|sum|each|per|remain\w*|"
    r"differ\w*|average|convert\w*|discount|fee|tax|tip|split|rais\w*|increas\w*|decreas\w*|"
    r"reduc\w*|by \d|extra|rest|left|of them|and me|and myself|with me|both|budget|as many|"
    r"round\w*|next|later|before|after|change)\b|%|[-+*/]\s?\d", re.I)
_AN_ID = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[\w-]{2,40}")


def other_for_stated(item: Item, whole: Whole) -> Fault | None:
    """A number, word or id that is expected as an argument stands nowhere in the question nor in a
    result, where half of the models, two or more, give one that the question says and none of them
    passes; a number may be worked out, where all that call the tool do not give the same."""
    calls = required.required(item.expected) or ()
    for call in calls:
        if sum(other.name == call.name for other in calls) > 1:
            continue  # each has values of its own
        for key, value in call.arguments.items():
            kind = type(value)
            word = kind is str and value.isalpha()
            an_id = kind is str and bool(_AN_ID.fullmatch(value)) and not values.duration(value)
            if not (word or an_id or kind in (int, float)) or kind is not str and (
                    _WORKED_OUT.search(item.question)) or not word and _stands(str(value), item):
                continue
            said = [(row, given) for row in item.rows if row.outcome != "unjudged"
                    for made in row.made if made.tool == call.name
                    and isinstance(made.arguments, dict) and (given := made.arguments.get(key))]
            rows = [row for row, given in said if _stated(given, value, word, item.question)]
            if agreed(item, rows) and (
                        word or len({str(given) for _, given in said}) == 1):
                return Fault(f"{key} is to be what neither the question nor a result says, and "
                             "most models give what the question does.",
                             sides(item, item.expected), rows)
    return None


def _stated(given: Any, value: Any, word: bool, question: str) -> bool:
    """Whether a question says what was given in the place of a value: for a word or a number a
    number, for an id one of its look."""
    if isinstance(value, str) and not word:
        return isinstance(given, str) and re.sub(r"\d+", "", given) == re.sub(r"\d+", "", value) \
            and re.search(rf"(?<![\w-]){re.escape(given)}(?![\w-])", question) is not None
    return type(given) in (int, float) and re.search(
        rf"(?<![\w.,-]){given:g}(?![\w]|[.,]\d)", question.replace(",", "")) is not None


def _stands(text: str, item: Item) -> bool:
    """Whether a text stands in the question or in a result, or may in one that was cut."""
    results = {made.result for row in item.rows for made in row.made}
    return any(len(result) >= LONGEST_RESULT for result in results) or any(
        text in one.replace(",", "") for one in (item.question, *results))


_WORKED = re.compile(r"(?<![\w.])(?P<name>[A-Za-z_]\w*[?!]?)\((?P<given>[^()\n]{1,80})\)\s*"
                     r"(?:=>|==|->|→|⇒|=|\breturns?\b|\bis\b|\bgives\b)\s*(?P<what>\[[^\]\n]*\]|"
                     r"\"[^\"\n]*\"|'[^'\n]*'|-?\d+(?:\.\d+)?|[Tt]rue|[Ff]alse)")


def worked_otherwise(item: Item, whole: Whole) -> Fault | None:
    """A case of a gold has another value than the question's own worked example of it, and nobody
    passed."""
    if not isinstance(item.expected, dict) or any(row.outcome == "pass" for row in item.rows):
        return None
    cases = dict(_cases(item.expected))
    for found in _WORKED.finditer(item.question[:20_000]) if cases else ():
        given = found["given"].strip()
        for key in (given, given.strip("'\"")):
            if key in cases and (said := _value(found["what"])) is not None \
                    and str(said) != str(cases[key]):
                return Fault("A case of what is expected has another value than the question's own "
                             "example of it.", sides(item, item.expected, variant(
                                 "example", found[0])))
    return None


def _value(text: str) -> Any:
    """What a text spells in Python, or in JSON; None for nothing."""
    try:
        return ast.literal_eval(text.capitalize() if text[0] in "tf" else text)
    except (ValueError, SyntaxError):
        return None


def _cases(gold: Any) -> Iterator[tuple[str, Any]]:
    """(what is given, what is to come out) of each case of a gold."""
    for name, inner in gold.items():
        if name in ("cases", "examples", "tests", "test_cases"):
            for case in inner if isinstance(inner, list) else ():
                if isinstance(case, dict) and "input" in case:
                    yield normal.written(case["input"]), case.get("expected", case.get("output"))
            yield from ((str(key), value) for key, value in inner.items()) \
                if isinstance(inner, dict) else ()


RULES = (("gold_against_example", worked_otherwise),
         ("gold_members_missing", members), ("gold_other_type", other_type),
         ("gold_no_day", no_day), ("gold_word_cut", cut_word), ("gold_day_swapped", swapped_day),
         ("gold_read_as_day", read_as_day),
         ("gold_quotes_otherwise", quoted_otherwise), ("gold_other_for_stated", other_for_stated),
         *limits.RULES)

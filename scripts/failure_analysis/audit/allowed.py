"""A gold that is none of what its question, a schema or a tool allows: a value that no list has, a
key beside the only ones."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from failure_analysis.audit import demands, golds, normal, required, shell, wording
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.faults import Fault, agreed, final, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import LONGEST_RESULT, Made, Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.tool_checks import parsed_arguments

_MEMBER = r"(?:\"[^\"\n]{1,60}\"|'[^'\n]{1,60}'|`[^`\n]{1,60}`|“[^”\n]{1,60}”|" \
          r"[$€£]?[\w+#-]+(?:[./]\w+)*%?(?: (?!or\b|and\b)[\w+-]+){0,2})"
_LIST = rf"({_MEMBER}(?:, ?{_MEMBER})*(?:,? (?:or|and) {_MEMBER}|, ?{_MEMBER}))"
# What stands before the members of a closed list.
_THESE = r"(?: the)?(?: following| these)?(?: [a-z]+s)?:? ?[(\[{]?"
_CLOSED = re.compile(
    rf"\b(?:one|any|either|exactly one) of{_THESE}{_LIST}|"
    rf"\b(?:choose|chosen|pick|picked|select|selected|taken?) (?:\w+ ){{0,2}}?(?:from|between|"
    rf"among){_THESE}{_LIST}|"
    r"\b(?:allowed|permitted|valid|accepted|possible|admissible|available|supported|legal|"
    rf"acceptable)\b(?: \w+){{0,5}}?(?:(?: are| is)?:| are| is one of) ?[(\[{{]?{_LIST}|"
    rf"\b(?:accepts?|permits?|allows?|supports?|takes)(?: only| just)?:? [(\[{{]?{_LIST}|"
    rf"\b(?:must|can|may|has to|have to|should)(?: only)? be (?:either |one of )?:?{_LIST}|"
    rf"\b[a-z]+s are (?:either |only )?{_LIST}|"
    rf"\bone (?:\w+ )?(?:of|from|among|out of){_THESE}{_LIST}|"
    r"(?<![\w|\\(\[?*+.^$])([A-Za-z][\w+-]*(?:\|[A-Za-z][\w+-]*){1,9})(?![\w|\\)\]?*+.^$])|"
    r"\b(?:labels?|classes|categories|options|choices|values|levels|grades|priorities)"
    rf"(?: \w+)?: ?[(\[{{]?{_LIST}|"
    r"\b(?:answer|respond|reply|classify|say|label|rate|mark|write)\b(?: \w+){0,4}? "
    rf"(?:with|as|by|only) (?:only |just |either |exactly )?{_LIST}|: {_LIST}\?|"
    rf"\? ?[(\[]?(?:just |only )?{_LIST}[)\]]?[.?!]?\s*\Z|"
    rf"\b(?:choose|pick|select)\b[^.:\n]{{0,60}}: ?[(\[{{]?{_LIST}[)\]}}]?\.?\s*\Z|"
    rf"(?:^|[.?!\n] ?){_LIST} ?:|"
    rf"[(\"'\[]([\w+-]+(?: ?[|/] ?[\w+-]+){{1,9}})[)\"'\]]", re.I)
_NONE_OF = re.compile(r"\bnot (?=(?:one|any|among|a member|in) )", re.I)
_ENUM = re.compile(r"\"enum\"\s*:\s*(\[[^\]\n]{1,400}\])")
_SIGNS = ("one of", "any of", "either", "choose", "chosen", "pick", "select", "take", "between",
          "allow", "permit", "valid", "accept", "possible", "admissible", "available", "support",
          "legal", " or ", " be ", "s are ", ":", "with", " as ", "only", "|", "/", "enum",
          "letter")
# A list that only begins, or shows what an answer may look like.
_OPEN = re.compile(r"\b(?:e\.g\.|such as|for example|for instance|including|like|etc|and so on|"
                   r"among others|other|not|n['’]t|never|except|between \d+ and)\b|\.\.\.|…", re.I)
_ARE = re.compile(r"[a-z]+s are ", re.I)
_OF_CHOICES = re.compile(r"option|allowed|valid|permitted|choice|accepted|enum|supported|"
                         r"(?:^|_)(?:types|categories|priorities|labels|statuses|kinds|levels|"
                         r"classes|states|grades|limits)$", re.I)
_BY_LETTER = re.compile(r"\b(?:letters?|option['’]?s letter)\b", re.I)
_BY_NUMBER = re.compile(r"\b(?:option|choice|answer)(?:['’]s)? numbers?\b|\bnumber of (?:the|your) "
                        r"(?:option|choice|answer)", re.I)
_LETTERS = re.compile(r"\bletters?(?: from)? \(?([A-J]) ?(?:-|–|to|through) ?([A-J])\b")
_LETTERED = re.compile(r"(?:^|[\s(])\(?([A-Ja-j])[).:]\s+\S|"
                       r"(?:^|[:,;(\n]|\bor\b|\band\b) ?([A-J]) ?(?:[(=–—→-]|for ) ?[a-z]")
_OR = re.compile(r"(?<![\w,-])[\w-]+(?:, [\w-]+)*,? or [\w-]+(?![\w-]|[.,]\d)")
_KEYS = re.compile(
    r"\b(?:exactly|only|just|precisely)(?: with| has| have)?(?: the| these| this| two| three| four|"
    r" five| following| \d+)* (?:json )?(?:keys?|fields?|properties)(?: named| called)?:? "
    rf"[(\[{{]*{_LIST}", re.I)
_KEYS_ALONE = re.compile(
    rf"\b(?:keys?|fields?|properties)(?: named| called| are)?:? [(\[{{]*{_LIST}[)\]}}]*"
    r"[^.?!\n]{0,20}"
    r"\b(?:and (?:no others?|nothing else|no more)|only|alone|no (?:other|further|additional|"
    r"extra) (?:keys?|fields?|properties)|without (?:any )?(?:others?|further|extra))\b", re.I)
_NO_MORE = re.compile(r"\"additionalProperties\"\s*:\s*false", re.I)


class Place(NamedTuple):
    """A value of a gold, and what the failing datapoints and those that passed have in its
    place."""

    gold: str
    said: list[tuple[Seen, str]]
    passed: list[str]


def none_of_them(item: Item, whole: Whole) -> Fault | None:
    """A value of the gold is none of those that a closed list allows, and what the failing
    datapoints have in its place is; who passed has the gold's."""
    if len({row.model for row in item.rows if row.outcome == "fail"}) < 2:
        return None
    lists = list(_lists(item))
    for place in places(item) if lists else ():
        for allowed in lists:
            rows = [row for row, text in place.said if _is_one(text, allowed)]
            if 3 * len(rows) >= 2 * len(place.said) \
                    and not any(_is_one(text, allowed) for text in place.passed) \
                    and len(rows) > len(place.passed) \
                    and agreed(item, rows) and not _is_one(place.gold, allowed):
                return Fault("A value of what is expected is none of those that are allowed.",
                             sides(item, item.expected,
                                   variant("allowed", ", ".join(allowed)),
                                   variant("failed", rows[0].answer, rows)), rows)
    return None


def _lists(item: Item) -> Iterator[list[str]]:
    """The closed lists of a question and of what tools returned, those of a schema too."""
    for text in (item.question, *dict.fromkeys(
            made.result for row in item.rows for made in row.made
            if len(made.result) < LONGEST_RESULT and (made.failed or "|" in made.result))):
        yield from _in_text(text if text == item.question else _NONE_OF.sub("", text))
    for terms in dict.fromkeys(row.terms for row in item.rows if row.terms):
        yield from _in_text(terms, named=True)
        yield from (_members(found) for found in _OR.findall(terms))
    yield from _told(item)


def _in_text(text: str, named: bool = False) -> Iterator[list[str]]:
    """The closed lists of a text; with `named` those too that only say what things there are."""
    if not wording.has_any(text, _SIGNS):
        return
    yield from (list(map(normal.written, said)) for found in _ENUM.findall(text)
                if isinstance(said := parsed_arguments(found), list))
    if span := _LETTERS.search(text):
        yield [chr(code) for code in range(ord(span[1].upper()), ord(span[2].upper()) + 1)]
    if _BY_LETTER.search(text) and len(letters := list(dict.fromkeys(
            map("".join, _LETTERED.findall(text))))) > 1:
        yield letters
    numbered = re.findall(r"(?m)(?:^|\s)\(?(\d{1,2})[).:] \S", text) \
        if _BY_NUMBER.search(text) else []
    if len(numbered) > 1 and list(map(int, numbered)) == list(range(
            int(numbered[0]), int(numbered[0]) + len(numbered))):
        yield numbered
    for found in _CLOSED.finditer(text):
        listed = next(filter(None, found.groups()))
        around = text[max(0, found.start() - 20):found.start()].replace("...", "") \
            + text[found.start():found.end() + 8]
        members = _members(listed)
        if len(members) > 1 and not _OPEN.search(around) \
                and not (_ARE.match(found[0]) and not (named or re.search(r"\bor\b", listed))):
            yield members


def _told(item: Item) -> Iterator[list[str]]:
    """The lists that tools return of what may be given."""
    for made in {made.result_hash: made for row in item.rows for made in row.made
                 if made.result[:1] in ("[", "{") and len(made.result) < LONGEST_RESULT}.values():
        said = normal.parsed(made.result)
        named = {made.tool: said} if isinstance(said, list) else said or {}
        for name, values in named.items():
            if _OF_CHOICES.search(str(name)) and isinstance(values, list) and len(values) > 1 \
                    and all(isinstance(one, str | int) for one in values):
                yield list(map(str, values))


def _members(listed: str) -> list[str]:
    """The members of a list as it is written; of one without quotes a word each, as what follows
    the last one may belong to the sentence."""
    quoted = re.findall(r"[\"'`“]([^\"'`”\n]{1,60})[\"'`”]", listed)
    if len(quoted) > 1:
        return quoted
    parts = [part.strip() for part in re.split(
        r"\s*[,|]\s*(?:or |and )?|\s+(?:or|and)\s+|/", listed) if part.strip()]
    words = [len(part.split()) for part in parts]
    if parts and words[-1] > max(words[:-1], default=0):
        parts[-1] = " ".join(parts[-1].split()[:max(words[:-1], default=1)])
    return parts if max(words[:-1], default=9) < 3 else []


def _is_one(text: str, allowed: Sequence[str]) -> bool:
    """Whether a value is a member of a list, or begins with the last, which may be longer."""
    return any(golds.folded(text).strip("()") == golds.folded(one) or alike(text, one, "")
               for one in allowed) or golds.folded(text).startswith(f"{golds.folded(allowed[-1])} ")


def places(item: Item) -> Iterator[Place]:
    """The values of a gold, each with what the datapoints say or call in its place."""
    gold, judged = item.expected, [row for row in item.rows if row.outcome != "unjudged"]
    value = normal.parsed(gold) if isinstance(gold, str) else gold
    for name, given in _calls(value):
        for path, one in _leaves(given):
            yield _place(one, [(row, _called(row.made, name, path, given)) for row in judged])
    if _calls(value):
        return
    if isinstance(value, dict):
        said_of = [(row, object_of(row)) for row in judged]
        for path, one in _leaves(value):
            yield _place(one, [(row, dict(_leaves(said)).get(path, "")) for row, said in said_of])
    if (plain := golds.plain(gold)) is not None:
        yield _place(plain, [(row, final(row.answer)) for row in judged if not object_of(row)])


def not_as_demanded(item: Item, whole: Whole) -> Fault | None:
    """A value of the gold breaks what the question demands of an answer, and the one value that
    models agree on in its place, and are failed for, keeps to it; nobody passed."""
    for place in places(item) if all(row.outcome != "pass" for row in item.rows) else ():
        broken = {one.name for one in demands.of(item.question, place.gold) if not one.kept}
        for text in sorted({text for _, text in place.said}) if broken else ():
            rows = [row for row, said in place.said if said == text]
            kept = {one.name for one in demands.of(item.question, text) if one.kept}
            if broken & kept and agreed(item, rows):
                return Fault("A value of what is expected breaks what the question demands "
                             f"({', '.join(sorted(broken & kept))}); models agree on one that "
                             "keeps to it.", sides(item, item.expected, variant(
                                 "failed", text, rows)), rows)
    return None


def _place(gold: str, said: list[tuple[Seen, str]]) -> Place:
    return Place(gold, [(row, text) for row, text in said if text and row.outcome == "fail"],
                 [text or row.answer for row, text in said if row.outcome == "pass"])


def object_of(row: Seen) -> dict:
    """The JSON object that a datapoint answers; empty for anything else."""
    said = normal.parsed(normal.unfenced(final(row.answer) or row.answer))
    return said if isinstance(said, dict) else {}


def _calls(value: Any) -> list[tuple[str, dict]]:
    return [(call.name, call.arguments) for call in required.required(value) or ()]


def _leaves(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """(keys that lead to it, text) of each text, number and truth value of an object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif path and isinstance(value, str | int | float):
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def _called(made: Iterable[Made], tool: str, path: tuple, wanted: dict) -> str:
    """What a call of a tool has at a place, the last of those that are most like the one that is
    wanted beside it; blank for nothing."""
    beside = {*_leaves(wanted)}
    tries = [leaves for one in made if one.tool == tool
             and path in (leaves := dict(_leaves(one.arguments)))]
    return max(reversed(tries), key=lambda leaves: len(
        beside & leaves.items()) - ((path, leaves[path]) in beside), default={}).get(path, "")


# What a tool says of a value that it refuses, or of what it is for.
_REFUSAL = (r"\b{0}\b[^.;\n]{{0,12}}\b(?:must|should|can only|may only|one of|not (?:one|in|any)|"
            r"allow\w*)\b|{1}\W{{0,3}}(?:is )?not\b|(?:invalid|unknown|unsupported|illegal|bad)\b"
            r"[^.;\n]{{0,30}}{1}")


def refused(item: Item, whole: Whole) -> Fault | None:
    """An expected call was made with its value and refused by its tool, which lists what it allows
    and has not this; nobody passed."""
    for name, given in () if any(row.outcome == "pass" for row in item.rows) else _calls(
            item.expected):
        rows = [row for row in item.rows for made in row.made if made.tool == name
                and shell.failed(made) and len(made.result) < LONGEST_RESULT
                for key, value in given.items() if isinstance(value, str)
                and isinstance(made.arguments, dict) and made.arguments.get(key) == value
                and (len(given) == 1 or re.search(_REFUSAL.format(
                    *map(re.escape, (key, value))), made.result, re.I))
                and any(not _is_one(value, allowed) for allowed in _in_text(
                    _NONE_OF.sub("", made.result)))]
        if rows:
            return Fault("A tool refuses the value that is expected and lists what it allows.",
                         sides(item, item.expected), rows)
    return None


def refused_anyhow(item: Item, whole: Whole) -> Fault | None:
    """An expected call was made just as it is expected and its tool refused it, each time; or it
    has an argument that is null. Models that agree made it otherwise, it worked, and they fail."""
    for name, given in _calls(item.expected):
        mine = [(row, made) for row in item.rows if row.outcome != "unjudged"
                for made in row.made if made.tool == name and isinstance(made.arguments, dict)]
        same = [_is_refused(made) for _, made in mine if made.arguments == given]
        works = {id(made): made.arguments for _, made in mine if made.arguments != given
                 and not _is_refused(made)}
        blank = None in given.values() and not same
        for other in works.values() if same and all(same) or blank else ():
            rows = [row for row, made in mine if id(made) in works and made.arguments == other]
            if agreed(item, rows) and other.keys() >= given.keys():
                return Fault("A tool refuses the call that is expected; the one that most failing "
                             "datapoints make works.", sides(item, item.expected, variant(
                                 "made", f"{name} {normal.written(other)}", rows)), rows)
    return None


_NO = re.compile(r"\W*(?:error|fehler|erreur|errore|rejected|refused|denied|invalid|unknown|"
                 r"abgelehnt|rechazad|refus|not found|no such|missing|cannot|4\d\d\b)", re.I)


def _is_refused(made: Made) -> bool:
    return shell.failed(made) or bool(_NO.match(made.result))


def key_too_many(item: Item, whole: Whole) -> Fault | None:
    """The gold has a key beside those that the question allows alone, and the answers of most
    models have just these; nobody passed."""
    gold = normal.parsed(item.expected) if isinstance(item.expected, str) else item.expected
    if not isinstance(gold, dict) or any(row.outcome == "pass" for row in item.rows):
        return None
    keys = _only_keys(item.question)
    if not keys or not gold.keys() - keys or not gold.keys() & keys:
        return None
    rows = [row for row in item.rows if row.outcome == "fail" and (said := object_of(row))
            and said.keys() <= keys]
    return Fault("What is expected has a key that the question forbids.", sides(
        item, item.expected, variant("failed", rows[0].answer, rows)), rows) \
        if agreed(item, rows) else None


def _only_keys(question: str) -> set[str]:
    """The keys that a question allows alone; empty where it may allow others."""
    found = _KEYS.search(question) or _KEYS_ALONE.search(question)
    if found:
        return set(_members(found[1]))
    if not _NO_MORE.search(question):
        return set()
    start = question.find("\"properties\"")
    try:
        said = json.JSONDecoder().raw_decode(question, question.index("{", start))[0]
    except (ValueError, RecursionError):
        return set()
    return set(said) if start >= 0 and isinstance(said, dict) else set()


RULES = (("gold_not_allowed", none_of_them), ("gold_not_as_demanded", not_as_demanded),
         ("gold_refused", refused),
         ("gold_refused_anyhow", refused_anyhow),
         ("gold_key_forbidden", key_too_many))

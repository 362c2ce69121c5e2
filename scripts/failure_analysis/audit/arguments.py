"""Whether the arguments of two calls are the same though they are written differently."""

import json
import re
import shlex
import unicodedata
from collections import defaultdict
from functools import lru_cache
from typing import Any, Literal

from failure_analysis.audit.values import ZEROS, digits, duration, moment, number
from failure_analysis.datapoint import is_number
from failure_analysis.patterns import re_compile
from failure_analysis.tool_checks import parsed_arguments

# Where capitals count: in no text, in `codes` (paths, keys, queries), in codes and `identifiers`,
# in all.
Capitals = Literal["", "codes", "identifiers", "all"]
_CODE = re_compile(r"(^|_)(code|key|password|token|hash|path|query|regex|command)s?$")
# A file, a path or an address: most servers tell its capitals apart.
_FILE = re_compile(r"[^\s@]*\.[A-Za-z][A-Za-z0-9]{0,4}|(?:\w+:/)?/\S+")
_COMMAND = re_compile(r"(^|_)(cmd|command|shell|bash|script)s?$", re.I)
_AT_MIDNIGHT = re_compile(r"(\d{4}-\d\d-\d\dT00:00(?::00(?:\.0+)?)?)(?:Z|[+-]00:?00)")
_NO_OFFSET = re_compile(r"(?<=\d)[+-]00:?00$")
_DIALLED = re_compile(r"phone|mobile|fax|(^|_)(tel|cell|iban|card_?number|account_?number)(_|$)",
                      re.I)
_LASTING = re_compile(r"duration|length|interval|offset|elapsed|lap|pace|split|ratio|score", re.I)
# Lists of which the members count and not their order, by the name of the argument.
_SET = re_compile(
    r"(^|_)(ids?|tags?|labels?|recipients?|to|cc|bcc|emails?|attendees?|participants?|invitees?|"
    r"members?|guests?|users?|assignees?|topics?|categor(y|ies)|keywords?|permissions?|scopes?|"
    r"amenities|genres?|ingredients?|allerg(y|ies|ens?)|symptoms?|features?|days|extras|toppings|"
    r"devices|seats|rooms|tables|"
    r"tickets|languages|skills|roles|groups|channels|services|add_?ons|interests|hobbies)$", re.I)
_WEEKDAY = re_compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?", re.I)
# Lists of objects that are one beside the other, as those of an order are.
_LINES = re_compile(r"(^|_)(lines?|items?|products?|positions?|articles?|goods)$", re.I)
_CLOCK = re_compile(r"time|start|begin|end|_at$|deadline|alarm|expir|from|until|to$", re.I)
_SEQUENCE = re_compile(
    r"(^|_)(reorder|sort|rank|prioriti[sz]e|queue|enqueue|sequence|arrange|chain|route|merge|"
    r"concat(enate)?|playlist|itinerary|pipeline|play|schedule)(_|$)", re.I)
_STEP = re_compile(r"step|stop|waypoint|route|rank|priorit|sequence|track|song|page|chapter|slide|"
                   r"leg|layer", re.I)


@lru_cache(1 << 10)
def is_sequence(tool: str) -> bool:
    """Whether the order of its lists may be what a tool is called for."""
    return bool(_SEQUENCE.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", tool)))


def is_set(name: str) -> bool:
    """Whether a list under this name is one of which the members count and not their order."""
    return bool(_SET.search(name))


def same(a: Any, b: Any, name: str, capitals: Capitals = "", *, ordered: bool = False) -> bool:
    """Whether two values of an argument of this name differ in form at most: white space,
    capitals but where they count, a number or JSON as text, a day or time written otherwise,
    blanks in a phone number, a part that is empty or left out, a list of one, the order of a list
    that is a set by its name (unless all are `ordered`)."""
    if type(a) is type(b) and type(a) in (str, int) and a == b:
        return True
    if isinstance(a, dict) and isinstance(b, dict):
        a, b = (each if ordered else _sorted(each) for each in (a, b))
        return all(same(a.get(key), b.get(key), _of(a, key), capitals, ordered=ordered)
                   for key in {**a, **b})
    if isinstance(a, list) and isinstance(b, list):
        if len(a) == len(b) > 1 and all(isinstance(day, str) and _WEEKDAY.fullmatch(day)
                                        for day in (*a, *b)):
            return {day.casefold()[:3] for day in a} == {day.casefold()[:3] for day in b}
        return len(a) == len(b) and all(same(x, y, name, capitals, ordered=ordered)
                                        for x, y in zip(a, b, strict=True))
    if isinstance(a, list) != isinstance(b, list) and capitals not in ("identifiers", "all"):
        members, other = (a, b) if isinstance(a, list) else (b, a)
        if isinstance(other, str) and "," in other and is_set(name) and other[:1] not in "[{":
            other = [part.strip() for part in other.split(",")]
            return len(members) == len(other) and same(
                {name: members}, {name: other}, "", capitals, ordered=ordered)
        if len(members) == 1 and not (isinstance(other, str) and other.startswith("[")):
            return same(members[0], other, name, capitals, ordered=ordered)
    if _is_empty(a) or _is_empty(b):
        return _is_empty(a) and _is_empty(b)
    if isinstance(a, bool) or isinstance(b, bool):
        return str(a).casefold() == str(b).casefold() and not (is_number(a) or is_number(b))
    if isinstance(a, str) and isinstance(b, str):
        return _same_text(a, b, name, capitals)
    numbers = [number(str(value)) if isinstance(value, str) or is_number(value) else None
               for value in (a, b)]
    if all(numbers):
        return numbers[0] == numbers[1] and not (capitals and (
            ZEROS.match(str(a)) or ZEROS.match(str(b))))
    if isinstance(a, str) != isinstance(b, str):
        a, b = (parsed_arguments(value) if isinstance(value, str) and value[:1] in "[{" else value
                for value in (a, b))
        return not isinstance(a, str) and not isinstance(b, str) and same(
            a, b, name, capitals, ordered=ordered)
    return a == b


@lru_cache(1 << 7)
def counts(question: str) -> frozenset[tuple]:
    """The numbers of a question with what they are counted in."""
    return frozenset(found for text in _COUNTED.findall(question)
                     if (found := number(text)) and found[1])


def uncounted(value: Any, known: frozenset[tuple]) -> Any:
    """A value in which a number with what the question counts it in is the number alone."""
    if isinstance(value, dict):
        return {key: uncounted(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [uncounted(inner, known) for inner in value]
    found = number(value) if known and isinstance(value, str) and value[:1].isdigit() else None
    return float(found[0]) if found and found in known else value


_COUNTED = re_compile(r"(?<![\w.])\d[\d.,]*\s?[^\W\d]{1,12}")


def _of(given: dict, key: Any) -> str:
    """What the value under a key is of: `value` beside `field: labels` is labels."""
    named = next((given[name] for name in _NAMES if isinstance(given.get(name), str)), "") \
        if _VALUE.fullmatch(str(key)) else ""
    return named or str(key)


_NAMES = ("field", "field_name", "property", "attribute", "column", "setting", "parameter", "key")
_VALUE = re_compile(r"(?:new_?)?(?:values?|content)|set_to|to", re.I)
_VERSION = re_compile(r"version|release|build|revision|chapter|section|clause|firmware", re.I)


def _same_words(a: str, b: str) -> bool:
    """Whether two commands of a shell are the same words in other quotes, in which nothing is
    replaced."""
    if any(sign in text for text in (a, b) for sign in "$`\\!\n"):
        return False
    try:
        return shlex.split(a) == shlex.split(b) and _OPERATORS.findall(
            _IN_QUOTES.sub("", a)) == _OPERATORS.findall(_IN_QUOTES.sub("", b))
    except ValueError:
        return False


_IN_QUOTES = re_compile(r"'[^']*'|\"[^\"]*\"")
_OPERATORS = re_compile(r"[*?\[\]{}~|&;<>()#]")


def _is_empty(value: Any) -> bool:
    return value is None or isinstance(value, str) and not value.strip() or value in ([], {})


def _sorted(arguments: dict) -> dict:
    """Arguments with the lists that are sets in one order. Lists of one length may belong
    together, place by place, and are sorted together."""
    of_length: dict[int, list[str]] = defaultdict(list)
    lines: dict[str, list] = {}
    for name, value in arguments.items():
        if isinstance(value, list) and len(value) > 1:
            if _LINES.search(str(name)) and all(isinstance(one, dict) for one in value):
                lines[name] = sorted(value, key=lambda one: json.dumps(one, sort_keys=True))
            else:
                of_length[len(value)].append(name)
    result = arguments | lines if of_length or lines else arguments
    for names in of_length.values():
        if not all((_SET.search(_of(arguments, name))
                    or name.endswith("s") and _are_ids(arguments[name])) and not _STEP.search(name)
                   for name in map(str, names)) \
                or any(isinstance(one, dict | list) for name in names for one in arguments[name]):
            continue
        names.sort(key=str)
        rows = sorted(zip(*(arguments[name] for name in names), strict=True),
                      key=lambda row: [str(one).casefold() for one in row])
        result |= {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return result


def _are_ids(values: list) -> bool:
    """Whether these are different names of objects, each with a letter and a digit."""
    return len(set(map(str, values))) == len(values) and all(
        isinstance(one, str) and _ID.fullmatch(one) for one in values)


_ID = re_compile(r"(?=.*[A-Za-z])(?=.*\d)[\w-]{2,40}")


def _same_text(a: str, b: str, name: str, capitals: Capitals) -> bool:
    """Texts that are equal but for white space and a full stop, and for capitals where they do
    not count; one number, one moment, one phone number."""
    if _COMMAND.search(name):
        return _same_words(a, b)
    a, b = (" ".join(text.split() if text.isascii() else unicodedata.normalize(
        "NFC", text).split()) for text in (a, b))
    if a == b:
        return True
    if capitals and _CODE.search(name):
        return False
    numbers = [number(text) for text in (a, b)]
    if all(numbers):
        padded = a[:1] == "0" != b[:1] or b[:1] == "0" != a[:1]
        return numbers[0] == numbers[1] and not (capitals and padded) and not _VERSION.search(name)
    if _DIALLED.search(name) and digits(a):
        return digits(a) == digits(b)
    a, b = (_NO_OFFSET.sub("Z", text) if text[-3:] in (":00", "000") else text for text in (a, b))
    a, b = (_AT_MIDNIGHT.sub(r"\1", text) if text[-1:] in "Z0" else text for text in (a, b))
    if a[:1].isdigit() or b[:1].isdigit() or any(sign.isdigit() for sign in a[-4:] + b[-4:]):
        when = None if _LASTING.search(name) else moment(a)
        if when:
            other = moment(b)
            return when == other or other == (when[0], (0, 0, 0)) and when[1] is None \
                and not _CLOCK.search(name)
        lasting = duration(a)
        if lasting is not None:
            return lasting == duration(b)
    if a.rstrip(".") == b.rstrip("."):
        return True
    identifier = re.search(r"\d|_|^[A-Z]{2,}$", a + b) and " " not in a
    if capitals == "all" or capitals and _FILE.fullmatch(a):
        return False
    return not (capitals == "identifiers" and identifier) \
        and a.rstrip(".").casefold() == b.rstrip(".").casefold()

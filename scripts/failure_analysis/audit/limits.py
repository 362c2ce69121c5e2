"""Golds beyond what their question allows: signs, numbers, amounts and days that it rules out,
where several models keep to it and fail."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from failure_analysis.audit import golds, normal, required, values, wording
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.faults import Fault, agreed, final, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.whole import Whole

_COUNTS = re.compile(r"\bhow many\b|\bnumbers? of\b|\bsum\b|\bproduct\b|\btotal|\bcount|"
                     r"\baverage|\bmean\b|probab|\bdiffer|\bratio\b|\bchance", re.I)
_SIGNS = re.compile(
    r"\b(?:symbols?|digits?|letters?|characters?)(?: only)?:?,? (?:from )?(?P<a>\w) ?(?:to|-|–|"
    r"through|\.\.) ?(?P<b>\w)\b|\b(?:only|just) (?:of |from )?(?:the )?(?:symbols?|digits?|"
    r"letters?|characters?) (?P<list>\w(?:, ?\w)*(?:,? (?:and|or) \w))\b", re.I)
_SAID = ("symbol", "digit", "letter", "character", "even ", "odd ", "negative", "positive",
         "between", "from")  # one of these stands in each
_PARITY = re.compile(r"\b(?:name|give|find|write|pick|choose|state|enter|select|which|"
                     r"what) (?:an? )?"
                     r"(even|odd|negative|positive) (?:whole )?(?:number|integer)\b", re.I)
_BOUNDS = re.compile(
    r"\b(?:name|give|find|write|pick|choose|state|enter|select|which)\b[^.?!;]{0,30}"
    r"\b(?:number|integer|prime|square|cube|multiple|value)s?\b[^.?!;]{0,20}?\b(?:between|"
    r"from) (-?\d[\d,]*) (?:and|to) (-?\d[\d,]*)\b", re.I)
DAY = re.compile(r"\b(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? [A-Z][a-z]{2,8}\.?,? \d{4}|"
                 r"[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{4}[-/.]\d\d?[-/.]\d\d?)\b")


def ruled_out(item: Item, whole: Whole) -> Fault | None:
    """The gold is not what the question demands of one number or of its signs; the answers of two
    models, half of all, are, and fail."""
    gold = golds.plain(item.expected)
    keeps = _demand(item.question) if gold else None
    if not keeps or keeps(gold) is not False or _COUNTS.search(item.question):
        return None
    rows = [row for row in item.rows if row.outcome != "unjudged" and keeps(final(row.answer))]
    if not agreed(item, rows):
        return None
    return Fault("What is expected is ruled out by the question.", sides(
        item, gold, variant("failed", rows[0].answer, rows)), rows)


def _demand(question: str) -> Callable[[str], bool | None] | None:
    """Whether a text keeps to what a question demands of it, None where that cannot be told; None
    where it demands nothing of the kind."""
    if not wording.has_any(question, _SAID):
        return None
    if found := _SIGNS.search(question):
        named = re.findall(r"\b\w\b", found["list"]) if found["list"] else [
            chr(code) for code in range(ord(found["a"]), ord(found["b"]) + 1)]
        return lambda text: _of_signs(text, "".join(named).casefold())
    if found := _PARITY.search(question):
        test = {"even": lambda n: n % 2 == 0, "odd": lambda n: n % 2 == 1,
                "negative": lambda n: n < 0, "positive": lambda n: n > 0}[found[1].lower()]
        return lambda text: _of_number(text, test)
    if found := _BOUNDS.search(question):
        low, high = (int(found[place].replace(",", "")) for place in (1, 2))
        return (lambda text: _of_number(text, lambda n: low <= n <= high)) if low < high else None
    return None


def _of_signs(text: str, named: str) -> bool | None:
    bare = re.sub(r"[\s,;/|]", "", text).casefold()
    if len(bare) < 2 or not named or not (bare.isdigit() if named.isdigit() else bare.isalpha()):
        return None
    return set(bare) <= set(named)


def _of_number(text: str, test: Callable[[int], bool]) -> bool | None:
    value = golds.number(text)
    return None if value is None or value.denominator != 1 else test(int(value))


def below_zero(item: Item, whole: Whole) -> Fault | None:
    """How many there are is asked for, and less than none is expected, where two models are failed
    for the same number without its sign."""
    gold = golds.plain(item.expected)
    value = golds.number(gold) if gold and gold.lstrip()[:1] in "-−" else None
    if value is None or value >= 0 or not re.search(r"(?<!by )\bhow many\b", item.question, re.I) \
            or re.search(r"\bsign|minus|differ|degree|below", item.question, re.I):
        return None
    rows = [row for row in item.rows if row.outcome == "fail"
            and golds.number(final(row.answer)) == -value]
    return Fault("How many is asked for, and less than none is expected.", sides(
        item, gold, variant("failed", rows[0].answer, rows)), rows) \
        if len({row.model for row in rows}) > 1 else None


def serial_day(item: Item, whole: Whole) -> Fault | None:
    """The gold is the number under which a spreadsheet keeps a day, and two models are failed for
    that day."""
    texts = [text for text in item.texts or [golds.plain(item.expected) or ""]
             if re.fullmatch(r"[2-6]\d{4}(?:\.0)?", text)]
    for text in texts:
        rows = [row for row in item.rows if row.outcome == "fail" and any(
            (day := values.date(said)) and _serial(day) - float(text) in (0, 1, -1)
            for said in DAY.findall(
                f"{row.answer[:1_000]} {[one.arguments for one in row.made]}"))]
        if len({row.model for row in rows}) > 1 and not re.search(
                rf"(?<!\d){text}(?!\d)", item.question):
            return Fault("What is expected is the number under which a spreadsheet keeps the day.",
                         sides(item, item.expected, variant("failed", rows[0].answer, rows)), rows)
    return None


def _serial(day: tuple[int, int, int]) -> float:
    try:
        return (date(*day) - date(1899, 12, 30)).days
    except ValueError:
        return 0.0


_AT_MOST = re.compile(r"\b(?:at most|no more than|up to|a maximum of|maximum|max\.?|not more than|"
                      r"limit(?:ed)? (?:to|is|of)) (\d{1,6}) (?P<of>[a-z]{3,}?)s?\b", re.I)
_HUNDREDS = re.compile(r"\b(?:whole|full|round) (tens|hundreds|thousands|dozens)\b|"
                       r"\bmultiples? of (\d{1,6})\b|\bin steps of (\d{1,6})\b", re.I)
_STEP = {"tens": 10, "hundreds": 100, "thousands": 1_000, "dozens": 12}


def over_the_limit(item: Item, whole: Whole) -> Fault | None:
    """A number that is expected as an argument is more than the question allows of the thing that
    the argument is named for, or no multiple of what it must be one of; nobody passed."""
    if not isinstance(item.expected, dict | list):
        return None
    if any(row.outcome == "pass" for row in item.rows):
        return None
    text = " ".join((item.question, *dict.fromkeys(row.terms for row in item.rows)))
    most, steps = list(_AT_MOST.finditer(text)), _HUNDREDS.search(text)
    ranges = list(_RANGE.finditer(text))
    if not (most or steps or ranges):
        return None
    for call in required.required(item.expected) or ():
        numbers = {key: value for key, value in call.arguments.items()
                   if type(value) in (int, float)}
        for key, value in numbers.items():
            over = any(key.casefold().rstrip("s") == found["of"].casefold()
                       and value > int(found[1]) for found in most) \
                or ranges and _out_of(ranges, key, value) and agreed(item, [
                    row for row in item.rows for made in row.made if made.tool == call.name
                    and isinstance(made.arguments, dict) and not _out_of(
                        ranges, key, made.arguments.get(key))])
            step = 0
            if steps and re.search(r"amount|bonus|price|sum|value|quantity|qty|count", key, re.I):
                step = _STEP.get((steps[1] or "").lower()) or int(steps[2] or steps[3])
            if over or step and value % step:
                return Fault(f"{key} is to be a number that the question does not allow.",
                             sides(item, item.expected))
    return None


_KEYED = re.compile(
    r"[\"'`](?P<key>\w+)[\"'`]\W{1,3}(?:(?:must|has to|should|is|are|shall|a number)\b"
    r"[^.;\n]{0,40}?(?P<a>-?\d+(?:\.\d+)?) ?(?:and|to|,|-|–) ?(?P<b>-?\d+(?:\.\d+)?)|"
    r"[^{}]*\"minimum\": ?(?P<low>-?[\d.]+)[^{}]*\"maximum\": ?(?P<high>-?[\d.]+))")


def out_of_bounds(item: Item, whole: Whole) -> Fault | None:
    """A number of a gold lies out of the bounds that the question says for its key, and models that
    agree have one within them and are failed for it."""
    gold = normal.parsed(item.expected) if isinstance(item.expected, str) else item.expected
    for found in _KEYED.finditer(item.question) if isinstance(gold, dict) else ():
        low, high = float(found["a"] or found["low"]), float(found["b"] or found["high"])
        said = [(row, (normal.parsed(normal.unfenced(row.answer)) or {}).get(found["key"]))
                for row in item.rows if row.outcome != "unjudged"]
        rows = [row for row, value in said if type(value) in (int, float) and low <= value <= high]
        value = gold.get(found["key"])
        if type(value) in (int, float) and not low <= value <= high and agreed(item, rows):
            return Fault("A number of what is expected lies out of the bounds that are said of it.",
                         sides(item, gold, variant("failed", rows[0].answer, rows)), rows)
    return None


_RANGE = re.compile(r"(?P<of>[^.;\n]{3,60})\b(?:from|between) (?P<low>\d{1,6}) "
                    r"(?:and|to) (?P<high>\d{1,6})\b")
_SHORT_NAMES = {"qty": "quantity", "no": "number", "amt": "amount", "num": "number"}


def _out_of(ranges: list[re.Match[str]], key: str, value: Any) -> bool:
    """Whether a value is none within a range of the thing for which its argument is named, if only
    by the beginning of its name."""
    name = key.casefold().rpartition("_")[2]
    begins = re.compile(rf"\b{re.escape(_SHORT_NAMES.get(name, name)[:4])}", re.I)
    mine = [found for found in ranges if begins.search(found["of"])]
    return bool(mine) and not (type(value) in (int, float) and any(
        int(found["low"]) <= value <= int(found["high"]) for found in mine))


RULES = (("gold_ruled_out", ruled_out), ("gold_below_zero", below_zero),
         ("gold_out_of_bounds", out_of_bounds),
         ("gold_serial_day", serial_day), ("gold_over_limit", over_the_limit))

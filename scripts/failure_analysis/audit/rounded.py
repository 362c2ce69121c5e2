"""A gold with fewer decimals than what it is of."""

import re
from collections import Counter, defaultdict
from fractions import Fraction
from typing import Any

from failure_analysis.audit import demands, golds, normal, recorded
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.faults import Fault, agreed, final, judged_models, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.recorded import ROUNDING
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole

_LEAST_MOST = re.compile(r"\b(?:largest|smallest|highest|lowest|maximum|minimum|greatest|least|"
                         r"biggest|longest|shortest|max|min)\b", re.IGNORECASE)
_DECIMALS = re.compile(r"\.\d")
DECIMAL = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?![\w]|\.\d)")


def rounded(item: Item, whole: Whole) -> Fault | None:
    """The gold has fewer decimals than what it is of: numbers of the question, or the value that
    several models agree on."""
    if found := recorded.rounded_number(item, is_rounded):
        return Fault("A number of the question or of a tool's result stands in what is expected "
                     "with fewer decimals; most failing answers say the whole.",
                     sides(item, item.expected, variant(
                         "rounded", f"{found.record} → {found.gold}"),
                         variant("failed", found.rows[0].answer, found.rows)), found.rows)
    if fault := _coarse(item) or _all_cut(item):
        return fault
    gold, question = numbers_of(item.expected), item.question
    if isinstance(item.expected, dict) and len(item.expected) > 1:
        return _rounded_field(item)
    if not gold:
        return None
    if _DECIMALS.search(question) and not ROUNDING.search(question):
        pairs = rounded_from(DECIMAL.findall(question), gold, bool(_LEAST_MOST.search(question)))
        if pairs:
            return Fault(f"{len(pairs)} numbers of the question stand in what is expected with "
                         "fewer decimals.", sides(item, item.expected, variant(
                             "rounded", ", ".join(f"{a} → {b}" for a, b in pairs))),
                         numbers={"rounded": len(pairs)})
    agreed = _more_precise(item, gold[0]) or _exact_sum(item, gold[0]) if len(gold) == 1 else None
    if agreed:
        value, rows = agreed
        return Fault("What is expected is a rounded form of what most failing answers say; the "
                     "question asks for no rounding to so few decimals.",
                     sides(item, item.expected, variant("failed", value, rows)), rows)
    return None


_EXACT = re.compile(r"\bexact(?:ly)?\b|\bfractions?\b|\blowest terms\b|\bsimplest form\b|"
                    r"\bratio\b|\birreducible\b|\bunrounded\b|\bwithout rounding\b", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"[-+]?\d(?:\.(\d{1,60}))?[eE][-+]?\d{1,3}")
_VALUE = re.compile(r"(?<![\w.])([-+]?\d[\d,]*(?:\.\d+)?)(?:\s*/\s*(\d+))?(?![\w]|[.,]\d)|"
                    r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")


def _coarse(item: Item) -> Fault | None:
    """A gold in scientific notation with fewer digits than the number that most models are failed
    for, or a decimal where the exact fraction is asked for."""
    texts = item.texts or [golds.plain(item.expected) or ""]
    text, question = texts[0].strip() if len(texts) == 1 else "", item.question
    scientific = _SCIENTIFIC.fullmatch(text)
    decimal = re.fullmatch(r"[-+]?\d*\.\d+", text)
    if not (scientific or decimal and _EXACT.search(question)) or re.search(
            r"scientific|\bE notation|\bround|\bdecimal|\bsignificant", question, re.IGNORECASE):
        return None
    gold = Fraction(text)
    unit = Fraction(10) ** (int(text.lower().partition("e")[2]) - len(scientific[1] or "")) \
        if scientific else Fraction(1, 10 ** len(text.partition(".")[2]))
    said: dict[Fraction, list[Seen]] = defaultdict(list)
    for row in item.rows:
        for value in _values(row) if row.outcome != "unjudged" else ():
            if value != gold and 2 * abs(value - gold) <= unit \
                    and (scientific or (value / unit).denominator > 1):
                said[value].append(row)
    value = max(said, key=lambda one: len({row.model for row in said[one]}), default=None)
    if value is None or not agreed(item, said[value]):
        return None
    return Fault("What is expected is a rounded form of what most failing answers say.",
                 sides(item, item.expected, variant("failed", said[value][0].answer, said[value])),
                 said[value])


_PARTS = re.compile(r"\(?[A-Za-z]\w{0,9} ?= ?-?\d+(?:(?:,| and|;) ?[A-Za-z]\w{0,9} ?= ?-?\d+)+\)?")


def _all_cut(item: Item) -> Fault | None:
    """A gold of several whole numbers, each under its name, which are those that most models are
    failed for without what stands behind the point."""
    gold = golds.plain(item.expected) or ""
    if not _PARTS.fullmatch(gold) or ROUNDING.search(item.question):
        return None
    parts = list(map(Fraction, re.findall(r"= ?(-?\d+)", gold)))
    rows = [row for row in item.rows if row.outcome != "unjudged" and len(said := _listed(row))
            == len(parts) and said != parts and [int(one) for one in said] == parts]
    if not agreed(item, rows):
        return None
    return Fault("The numbers of what is expected are those of most failing answers, cut.",
                 sides(item, item.expected, variant("failed", rows[0].answer, rows)), rows)


def _values(row: Seen) -> set[Fraction]:
    """The numbers and fractions of what a row ends in, without their order."""
    return set(_listed(row))


def _listed(row: Seen) -> list[Fraction]:
    """The numbers and fractions of what a row ends in."""
    lines = row.answer.strip().splitlines()[-1:]
    text = final(row.answer) or "".join(lines)
    return [Fraction(found[1].replace(",", "")) / int(found[2] or 1) if found[1]
            else Fraction(int(found[3]), int(found[4])) for found in _VALUE.finditer(text[-300:])
            if int(found[2] or found[4] or 1)]


_LONG = re.compile(r"(?<![\w.])\d{16,30}(?![\w.])")


def _rounded_field(item: Item) -> Fault | None:
    """A number of a gold with several fields is a number of the question with fewer decimals, or a
    whole one of which a float has cut the end."""
    question, whole = item.question, recorded.EXACT.search(item.question)
    cut = [(longer, text) for longer in _LONG.findall(question) for text in item.texts
           if re.fullmatch(r"\d[\d.]{12,}(?:e\+\d\d)?", text) and text not in question
           and abs(int(longer) - Fraction(text)) < Fraction(int(longer), 10 ** 13)]
    if _DECIMALS.search(question) and (whole or not ROUNDING.search(question.split("Return")[0])):
        asked = [text.replace(",", "") for text in re.findall(
            r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?!\w|\.\d)", question)]
        form = r"\d+\.\d+" if whole else r"\d{3,}(?:\.\d+)?"
        cut += [(longer, text) for text in item.texts if re.fullmatch(form, text)
                and fraction(text) not in map(fraction, asked) for longer in asked
                if is_rounded(longer, text) and (whole or len(longer.partition(".")[2]) < 5)]
    return Fault("A number of the question stands in what is expected with fewer digits.", sides(
        item, item.expected, variant("rounded", " → ".join(cut[0])))) if cut else None


def numbers_of(expected: Any) -> list[str]:
    """The numbers of a gold that consists of numbers alone; none of any other."""
    text = golds.plain(expected)
    if text is None:
        values = expected.get("answer") if isinstance(expected, dict) else expected
        if not isinstance(values, list) or any(isinstance(one, list | dict) for one in values):
            return []
        text = ", ".join(map(normal.written, values))
    found = DECIMAL.findall(text)
    return found if found and not re.search(r"[^\W_]", DECIMAL.sub("", text)) else []


def rounded_from(asked: list[str], gold: list[str], least_or_most: bool
                 ) -> list[tuple[str, str]]:
    """(number of the question, rounded form of it in the gold), where the gold consists of numbers
    of the question and some are rounded; none where any gold number is of another origin."""
    if len(gold) < 3 and not (len(gold) == 1 and least_or_most and len(asked) > 2):
        return []
    left = Counter(map(fraction, asked))
    missing = []
    for text in gold:
        if left[fraction(text)] > 0:
            left[fraction(text)] -= 1
        else:
            missing.append(text)
    spelled = {fraction(text): text for text in asked}
    pairs = []
    for text in missing:
        source = next((value for value in sorted(left) if left[value] > 0
                       and is_rounded(spelled[value], text)), None)
        if source is None:
            return []
        left[source] -= 1
        pairs.append((spelled[source], text))
    return pairs


def fraction(text: str) -> Fraction:
    return Fraction(text.replace("−", "-"))


def is_rounded(text: str, shorter: str) -> bool:
    """Whether a number is another one with fewer decimals, rounded or cut."""
    places = len(shorter.partition(".")[2])
    if len(text.partition(".")[2].rstrip("0")) <= places:
        return False
    value, other, unit = fraction(text), fraction(shorter), Fraction(1, 10 ** places)
    cut = Fraction(int(value / unit)) * unit
    return 2 * abs(value - other) <= unit or cut == other


def _more_precise(item: Item, gold: str) -> tuple[str, list[Seen]] | None:
    """(what at least half of the models, two or more, say alike and wrongly; their rows), where the
    gold is a rounded form of it. A gold without decimals may be meant so where none are asked
    for; a fraction that never ends has to be rounded."""
    said: dict[str, list[Seen]] = defaultdict(list)
    for row in item.rows:
        if row.outcome == "fail" and (found := DECIMAL.findall(final(row.answer))):
            said[found[0]] += [row] if len(found) == 1 else []
    if not any("." in text for text in said):
        return None
    asked = demands.places(item.question)
    if "." not in gold and asked is None:
        return None
    value = max(sorted(said), key=lambda text: len({row.model for row in said[text]}))
    models = judged_models(item)
    agreeing = {row.model for row in said[value]}
    decimals = value.partition(".")[2]
    free = asked == len(decimals) if asked is not None else not ROUNDING.search(item.question)
    fewest = 2 if asked is None or "." not in gold else 1
    if len(agreeing) < fewest or 2 * len(agreeing) < len(models) or not free \
            or not is_rounded(value, gold) or (asked is None and (
                len(decimals) > 4 or re.search(r"(\d)\1\1", decimals))):
        return None
    return value, said[value]


_TOTAL = re.compile(r"\b(?:total|sum|altogether|in all|combined|overall)\b", re.IGNORECASE)


def _exact_sum(item: Item, gold: str) -> tuple[str, list[Seen]] | None:
    """(the sum of all numbers of a question that asks for it exactly, or says how many decimals it
    wants; the failing rows that say it), where the gold is a rounded form of it."""
    question = item.question
    asked = demands.places(question)
    if not _TOTAL.search(question) or not (recorded.EXACT.search(question) or asked):
        return None
    numbers = DECIMAL.findall(question) if asked is None else DECIMAL.findall(
        _PLACES_SAID.sub("", question))
    total = sum(map(fraction, numbers))
    places = max((len(text.partition(".")[2]) for text in numbers), default=0)
    value = f"{float(total):.{places}f}".rstrip("0").rstrip(".")
    rows = [row for row in item.rows if row.outcome == "fail"
            and list(map(fraction, DECIMAL.findall(final(row.answer)))) == [total]]
    return (value, rows) if rows and len(numbers) > 1 and fraction(value) == total \
        and is_rounded(value, gold) and (asked is None or asked >= places) else None


_PLACES_SAID = re.compile(r"\b\d+ (?:decimal|digits? after)", re.IGNORECASE)

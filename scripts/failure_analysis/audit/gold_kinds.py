"""A gold of another kind than what is asked for."""

import re
from collections import Counter
from typing import NamedTuple

from failure_analysis.audit import asks, golds, normal, values
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.faults import ODD, Fault, agreed, final, judged_models, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.profile import FEWEST_SIBLINGS
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole

_AMOUNT = re.compile(r"[-+−]?[$€£]?\s?\d[\d.,]*\s?(?:[^\W\d]+[²³]?|%|°[CF]?)?\.?")
_ERA = re.compile(r"\b(?:AD|BC|BCE|CE)\b|\bcentury\b|\d{3,4}s\b", re.IGNORECASE)
_MONTH = re.compile(r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
                    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b",
                    re.IGNORECASE)
_DAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE)


class _Asked(NamedTuple):
    """A kind of answer by the words that ask for it, what such an answer holds, and whether a
    number can be one."""

    name: str
    signs: tuple[str, ...]  # one of these stands in each such text
    words: re.Pattern[str]
    holds: re.Pattern[str]
    most: int  # what numbers up to this one may stand for


_KINDS = (
    _Asked("year", ("year",), re.compile(
        r"\b(?:what|which) year (?:was|did|is|were|had|has|does|do)\b|\banswer as a year\b",
        re.IGNORECASE),
           re.compile(r"(?<![\d.,$€£])[12]\d{3}(?![\d.,]*\d)"), 2_200),
    _Asked("month", ("month",), re.compile(r"\b(?:what|which) month\b", re.IGNORECASE), _MONTH, 12),
    _Asked("day of the week", ("day",), re.compile(
        r"\b(?:what|which) (?:day of the week|weekday)\b", re.IGNORECASE), _DAY, 7),
    _Asked("list or matrix", ("matrix", "vector", "list", "array"), re.compile(
        r"\bas an? (?:\w+ )?(?:matrix|vector|list|array)\b", re.IGNORECASE),
           re.compile(r"[\[(][^\])]*,[^\])]*[\])]|[&,].*\\\\"), 0),
    _Asked("name of somebody", ("who", "name of"), re.compile(
        r"^\W*(?:[a-z]+: )?who(?:se)?\b|\bwhat is (?:his|her|the) name of\b", re.IGNORECASE),
           re.compile(r"^[^\d]*[A-Z][^\d]+$"), 0))


def other_kind(item: Item, whole: Whole) -> Fault | None:
    """The gold is of another kind than the question's options, than the golds of the same question
    with other data, or than what is asked for: a number, a year, a month, a name."""
    gold = golds.plain(item.expected)
    kind = golds.kind_of(item.expected)
    task = golds.task_of(item.rows)
    offered = golds.options(item.question)
    if offered and isinstance(item.expected, dict) and (found := _two_options(item, offered)):
        return Fault("The letter and the text that are expected are of two options.",
                     sides(item, item.expected, *(variant("option", one) for one in found)))
    if offered and gold is not None and kind == "letter" \
            and gold.strip().strip("().") not in offered:
        return Fault(f"The letter that is expected is none of the {len(offered)} options.",
                     sides(item, gold))
    if gold is not None and (odd := _no_value(item, whole, gold, bool(offered))):
        return Fault(odd, sides(item, gold))
    kinds = whole.profile.kinds.get((task, whole.profile.template(item.question)), Counter())
    others = kinds.total() - kinds[kind]
    usual = max(sorted(kinds), key=kinds.__getitem__, default="")
    if kind not in (usual, "none") and usual not in ("text", "none", "object") \
            and kinds[usual] == others >= FEWEST_SIBLINGS \
            and kinds[kind] <= max(1, ODD * others):
        return Fault(f"What is expected is of the kind {kind}; of the same question with other "
                     f"data it is of the kind {usual} in all of {others} items.",
                     sides(item, item.expected), numbers={"siblings": others})
    counts = whole.profile.tasks.get(task, Counter())
    if gold is not None and golds.wants_number(item.question) and not golds.is_any_number(gold) \
            and counts["wanted"] > FEWEST_SIBLINGS \
            and counts["not_number"] <= max(1, ODD * counts["wanted"]):
        return Fault("The question asks for a number and what is expected is none.",
                     sides(item, gold))
    return _other_than_asked(item, gold)


def _two_options(item: Item, offered: dict[str, str]) -> list[str]:
    """The options that a gold names by letter and by text, where these are two."""
    texts = {golds.folded(text): letter for letter, text in offered.items()}
    values = [text for text in item.texts if text in offered or golds.folded(text) in texts]
    named = {text if text in offered else texts[golds.folded(text)] for text in values}
    return sorted(named) if len(values) == len(named) == 2 \
        and sum(text in offered for text in values) == 1 else []


def _other_than_asked(item: Item, gold: str | None) -> Fault | None:
    """A year, a month, a day or somebody is asked for and an amount expected, where half of the
    models, two or more, are failed for answers of the kind."""
    sentence = asks.asking(item.question)
    if gold is None or not re.search(r"\d", gold) or not _AMOUNT.fullmatch(gold.strip()):
        return _no_number(item, gold, sentence)
    low = sentence.casefold()
    asked = next((one for one in _KINDS if any(map(low.__contains__, one.signs))
                  and one.words.search(sentence)), None)
    if asked is None or asked.holds.search(gold) or _may_be(asked, gold):
        return None
    rows = [row for row in item.rows if row.outcome != "unjudged" and _holds(asked, row)]
    if not agreed(item, rows):
        return None
    return Fault(f"The question asks for a {asked.name}, and what is expected is none.",
                 sides(item, gold, variant("failed", rows[0].answer, rows)), rows)


def _no_number(item: Item, gold: str | None, sentence: str) -> Fault | None:
    """A number or a year is asked for and the gold holds none, or one in so many words and that is
    a text or a list, where most models, two or more, are failed for one."""
    listed = gold is None and isinstance(item.expected, list) and len(item.expected) > 1
    one = listed and golds.wants_number(sentence) or bool(_ONE_NUMBER.search(item.question)) and (
        listed or gold is not None and golds.kind(gold) == "text")
    if not one and (gold is None or not (
            golds.wants_number(sentence) or _KINDS[0].words.search(sentence))
            or golds.is_any_number(gold) or golds.kind(gold) in ("none", "letter")
            or re.search(r"\b(?:and|who|which(?! year))\b", sentence)) \
            or golds.options(item.question):
        return None
    rows = [row for row in item.rows if row.outcome == "fail" and (values.number(normal.core(
        row.answer)) if one else golds.is_any_number(final(row.answer)))]
    models = {row.model for row in rows}
    passed = [row for row in item.rows if row.outcome == "pass"]
    if len(models) < 2 or 3 * len(models) < 2 * len(judged_models(item)) \
            or passed and (one or any(golds.is_any_number(final(row.answer)) for row in passed)) \
            or len(rows) <= len(passed) or one and any(
                normal.core(row.answer) in re.findall(r"[\d.,]*\d", normal.written(item.expected))
                for row in rows):
        return None
    return Fault("The question asks for a number, and what is expected is none.",
                 sides(item, item.expected, variant("failed", rows[0].answer, rows)), rows)


_ONE_NUMBER = re.compile(r"\b(?:as|give|with|write|return|is) (?:only )?(?:an?|one|the|single) "
                         r"(?:single |whole )?(?:number|integer)\b|\b(?:which|what) integer\b|"
                         r"\bin (?:digits|figures)\b|\bnumber only\b", re.I)


# What a program, a server or a model says in the place of an answer.
_NOISE = re.compile(r"\bAs an? (?:AI|(?:large )?language model)\b|\bNo such file or directory\b|"
                    r"\bcommand not found\b|\bTraceback \(most recent|\bPermission denied\b|"
                    r"\bSegmentation fault\b|\b(?:40[0134]|429|50[0234]) (?:Bad |Not |Forbidden|"
                    r"Internal|Too |Service )|<!DOCTYPE|\b(?:ECONN|ETIMEDOUT|ENOENT)|"
                    r"\b(?:Name|Key|Type|Value|Index|Attribute|Syntax)Error: ")


def _may_be(asked: _Asked, gold: str) -> bool:
    """Whether a gold that does not look like the kind may be of it all the same: that there is
    none, an era, a number that can stand for one."""
    value = golds.number(gold)
    if value is not None:
        return value.denominator == 1 and 0 < value <= asked.most
    return golds.kind(gold) == "none" or bool(_ERA.search(gold))


def _holds(asked: _Asked, row: Seen) -> bool:
    said = final(row.answer) or row.answer
    return len(said) < 80 and bool(asked.holds.search(said.strip()))


def _no_value(item: Item, whole: Whole, gold: str, offered: bool) -> str:
    """Why a gold can be no answer; blank where it can."""
    odd = _odd_value(item, whole, gold, offered)
    if odd and any(alike(final(row.answer), gold, "") for row in item.rows
                   if row.outcome != "unjudged"):
        return ""
    return odd


def _odd_value(item: Item, whole: Whole, gold: str, offered: bool) -> str:
    """Why a gold looks like no answer; blank where it does not."""
    if golds.is_placeholder(gold) and not ("{" in gold and re.search(
            r"\btemplate|placeholder|\bformat|\bstring|\{\{|\{\w+\}|\$\{", item.question, re.I)):
        return "What is expected only stands for an answer."
    if _NOISE.search(gold) and not _NOISE.search(item.question) and not any(
            gold in made.result for row in item.rows for made in row.made):
        return "What is expected is what a machine says that could not answer."
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    if offered and golds.kind(gold) != "letter" and counts["offered"] > FEWEST_SIBLINGS \
            and counts["not_letter"] <= max(1, ODD * counts["offered"]) \
            and not any(golds.folded(text) in golds.folded(gold)
                        for text in golds.options(item.question).values()):
        return "What is expected is none of the options, neither a letter nor a text of them."
    return ""

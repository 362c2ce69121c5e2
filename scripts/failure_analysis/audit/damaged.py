"""Items that are damaged in themselves: a gold that its own question, the other golds or another
item with the same question contradict."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from failure_analysis.audit import demands, golds, normal
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.cut_golds import cut
from failure_analysis.audit.faults import (
    ODD,
    Fault,
    figures_of,
    final,
    is_usual,
    judged_models,
    sides,
)
from failure_analysis.audit.gold_kinds import other_kind
from failure_analysis.audit.items import Item, question_key
from failure_analysis.audit.rounded import DECIMAL, fraction, numbers_of, rounded
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.datapoint import fingerprint

_MOST_SHARING = 4  # items with one question; what more share is an instruction, and no question
_MARK = re.compile(r"~[0-9a-f]{8}\Z")


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The faults of an item, one of each rule."""
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    for rule, test in _RULES if item.expected is not None else (_OF_NAMES,):
        if fault := test(item, whole):
            disputed = judged if fault.disputed is None else fault.disputed
            yield candidate(item, "damaged_item", rule, fault.what, fault.variants, disputed,
                            **fault.numbers)


def _two_golds(item: Item, whole: Whole) -> Fault | None:
    """Another item asks the same in the same words and expects something else. Not where the words
    may not be the whole question: an agent, whose task depends on a state, a conversation, an
    instruction that many share; and not where what the other expects passes here too."""
    others = whole.golds.get(question_key(item.question)) if item.question.strip() else None
    words = len(re.findall(r"\w+", item.question))
    if not others or not 2 <= len(others) <= _MOST_SHARING or words < 4:
        return None
    if any(row.made for row in item.rows):
        return None
    is_talk = any(row.spoken for row in item.rows)
    if is_talk and (words < 8 or not re.search(r"\d", item.question)
                    or golds.plain(item.expected) is not None):
        return None
    differing = {at: normal.written(other) for at, other in others.items()
                 if not _same(item.expected, other)}
    passing = [row.answer for row in item.rows if row.outcome == "pass"]
    if not differing or any(normal.alike(final(answer), other, "") for answer in passing
                            for other in differing.values()):
        return None
    said = [variant(f"expected by item {place}", text)
            for place, text in enumerate(differing.values(), 2)]
    names = [variant(f"item {place}", ident) for place, (ident, _) in enumerate(differing, 2)]
    return Fault(f"{len(differing) + 1} items or contents ask this in the same words and expect "
                 "different answers.", sides(item, item.expected, *said, *names))


def _same(one: Any, other: Any) -> bool:
    """Whether two golds say the same, or one is a part of the other."""
    one, other = (_value_of(gold) for gold in (one, other))
    a, b = golds.plain(one), golds.plain(other)
    if a is None or b is None:
        return type(one) is not type(other) or _unordered(one) == _unordered(other)
    first, second = golds.folded(a), golds.folded(b)
    if normal.alike(a, b, "") or first == second:
        return True
    words = [re.findall(r"\w+", text) for text in (first, second)]
    shorter, longer = sorted(words, key=len)
    return len(shorter) < len(longer) and not (golds.number(a) and golds.number(b)) and any(
        longer[at:at + len(shorter)] == shorter for at in range(len(longer)))


def _value_of(gold: Any) -> Any:
    """A gold, or the object or list that it spells as JSON."""
    if isinstance(gold, str) and gold.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(gold)
        except (ValueError, RecursionError):
            return gold
    return gold


def _unordered(gold: Any) -> str:
    """What golds of several values share that differ in the order of a list alone."""
    if isinstance(gold, list):
        return fingerprint(None, sorted(fingerprint(None, one) for one in gold))
    return fingerprint(None, gold)


def _against_question(item: Item, whole: Whole) -> Fault | None:
    """A number of the gold stands not in the question, as those of the other golds of its kind do,
    and most models say another in its place, one that does."""
    gold = golds.plain(item.expected)
    if gold is None:
        return None
    said, asked = set(golds.numbers(gold)), set(golds.numbers(item.question))
    odd = said - asked
    if not odd or not is_usual(figures_of(item, whole), "held"):
        return None
    by_other: dict[frozenset, list[Seen]] = defaultdict(list)
    for row in item.rows:
        numbers = set(golds.numbers(final(row.answer) or row.answer))
        other = frozenset(numbers - said)
        if row.outcome == "fail" and said - numbers == odd and len(other) == len(odd) \
                and other <= asked:
            by_other[other].append(row)
    models = judged_models(item)
    for rows in by_other.values():
        agreeing = {row.model for row in rows}
        if len(agreeing) > 1 and 3 * len(agreeing) >= 2 * len(models):
            return Fault("A number of what is expected does not stand in the question, as those of "
                         "the other golds of its task do; most models say one that does.",
                         sides(item, gold, variant("failed", rows[0].answer, rows)), rows)
    return None


def _garbled(item: Item, whole: Whole) -> Fault | None:
    """The gold was read in a wrong encoding, and the question was not."""
    gold = golds.plain(item.expected)
    if gold is None or not is_garbled(gold) or is_garbled(item.question):
        return None
    return Fault("What is expected was read in a wrong encoding.", sides(item, gold))


def is_garbled(text: str) -> bool:
    """Whether a text holds UTF-8 that was read as a Western encoding, or what stands for characters
    that could not be read."""
    if "\ufffd" in text or "\\ufffd" in text:
        return True
    for run in re.findall(r"[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u02c6\u02dc\u2013-\u2122]+",
                          text):
        for encoding in ("cp1252", "latin-1"):
            try:
                run.encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            return True
    return False


def _in_question(item: Item, whole: Whole) -> Fault | None:
    """The question says its answer."""
    gold = golds.plain(item.expected)
    if gold is None and isinstance(item.expected, dict | list):
        if golds.states_json(item.question, item.expected):
            return Fault("The question says its own answer.", sides(item, item.expected),
                         [row for row in item.rows if row.outcome == "pass"])
        return None
    if not gold or not golds.states(item.question, gold):
        return None
    said = golds.folded(gold)
    if whole.profile.stated[said] > 0:  # where others say it too, it belongs to the form
        return None
    return Fault("The question says its own answer.", sides(item, gold),
                 [row for row in item.rows if row.outcome == "pass"])


def _ids(item: Item, whole: Whole) -> Fault | None:
    """The item's name is blank or garbled, or another item with the same content differs from it
    in case and white space alone."""
    bare = _MARK.sub("", item.ident)
    same = whole.profile.names.get((golds.name_key(item.ident), item.fingerprint), [])
    if not bare.strip():
        return Fault("The item has a blank name.", [variant("name", item.ident)], [])
    if is_garbled(bare):
        return Fault("The item's name was read in a wrong encoding.",
                     [variant("name", item.ident, item.rows)], [])
    if len(same) > 1:
        return Fault(f"{len(same)} items have the same content, and names that differ in case and "
                     "white space alone.",
                     [variant("name", item.ident, item.rows),
                      *(variant("other name", ident) for ident in same if ident != item.ident)], [])
    return None


def _forbidden(item: Item, whole: Whole) -> Fault | None:
    """The gold breaks what the question demands of an answer. Where many golds of a task do, the
    demand is meant otherwise than it is read here."""
    gold = golds.plain(item.expected)
    task = golds.task_of(item.rows)
    if what := _whole_forbidden(item):
        return Fault(what, sides(item, item.expected))
    odd = {name for name in demands.NAMES if _is_oddly_broken(whole, task, name)}
    found = demands.of(item.question, gold) if gold is not None and odd else ()
    for demand in found:
        if not demand.kept and demand.name in odd:
            return Fault(f"What is expected breaks what the question demands ({demand.name}).",
                         sides(item, gold))
    return None


def _is_oddly_broken(whole: Whole, task: str, name: str) -> bool:
    """Whether golds of a task break a demand, and few do."""
    kept, broken = (whole.profile.demands[task, name, state] for state in (True, False))
    return 0 < broken <= max(1, ODD * (kept + broken))


def _whole_forbidden(item: Item) -> str:
    """What is wrong with a gold of several values: their number, order or form of date; else
    blank."""
    question, gold = item.question, item.expected
    if not isinstance(gold, list | dict):
        return ""
    if isinstance(gold, list) and (count := re.search(
            r"\b(?:give|list|name|write|return)\b[^.?]{0,20}\bthe first (\d+) \w+", question,
            re.IGNORECASE)) and len(gold) != int(count[1]):
        return f"{count[1]} values are asked for and {len(gold)} are expected."
    numbers = [fraction(text) for text in numbers_of(gold)] if isinstance(gold, list) else []
    order = {word.lower() for word in re.findall(r"\b(ascending|descending) order\b", question,
                                                 re.IGNORECASE)}
    same = Counter(numbers) == Counter(map(fraction, DECIMAL.findall(question)))
    if len(order) == 1 and len(numbers) > 2 and same \
            and numbers != sorted(numbers, reverse="descending" in order):
        return "What is expected is not in the order that the question asks for."
    if isinstance(gold, dict):
        for key, value in gold.items():
            asked = re.search(rf"\b{re.escape(str(key))} \((?:ISO|YYYY-MM-DD)", question)
            if asked and isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
                return "A date of what is expected is not in the form that the question asks for."
    return ""


_OF_NAMES = ("damaged_ids", _ids)
_RULES: tuple[tuple[str, Callable[[Item, Whole], Fault | None]], ...] = (
    ("two_golds", _two_golds), ("gold_rounded", rounded), ("gold_cut", cut),
    ("gold_against_question", _against_question),
    ("gold_garbled", _garbled), ("gold_type", other_kind), ("answer_in_question", _in_question),
    _OF_NAMES, ("contract_forbids", _forbidden))

"""One question with two golds."""

import re
from typing import Any

from failure_analysis.audit import arguments, golds, normal, required
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.faults import Fault, agreed, final, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.items import question_key
from failure_analysis.audit.whole import Whole
from failure_analysis.datapoint import fingerprint
from failure_analysis.tool_checks import parsed_arguments

_MANY_WORDS = 7
_MOST_SHARING = 4  # items with one question; what more share is an instruction, and no question
_OF_A_STATE = re.compile(r"\b(?:my|me|mine|i|our|we|us|today|tomorrow|yesterday|now|current\w*|"
                         r"next|last|this|these|latest|new|available)\b", re.IGNORECASE)


def two_golds(item: Item, whole: Whole) -> Fault | None:
    """Another item asks the same in the same words and expects something else. Not where the words
    may not be the whole question: an agent, whose task depends on a state, a conversation, an
    instruction that many share; and not where what the other expects passes here too."""
    others = whole.golds.get(question_key(item.question)) if item.question.strip() else None
    if not others or not 2 <= len(others) <= _MOST_SHARING:
        return None
    words = len(re.findall(r"\w+", item.question))
    if words < 4:
        return None
    asks_alone = (words > _MANY_WORDS or any(map(str.isdigit, item.question))) \
        and not _OF_A_STATE.search(item.question) and all(
        isinstance(gold, dict) and required.required(gold) == [] and golds.plain(gold) is not None
        for gold in others.values())
    said = _failed_for(item, others) if any(row.made for row in item.rows) else {}
    sure = _is_named_so(item, others) or bool(said)
    if not sure and not asks_alone and any(row.made for row in item.rows) \
            and not _is_in_the_words(item, others):
        return None
    is_talk = not sure and not asks_alone and any(row.spoken for row in item.rows)
    if is_talk and (words < 8 or not re.search(r"\d", item.question)
                    or golds.plain(item.expected) is not None):
        return None
    differing = {at: normal.written(other) for at, other in others.items()
                 if not _same(item.expected, other)} | said
    passing = [row.answer for row in item.rows if row.outcome == "pass"]
    if not differing or any(alike(final(answer), other, "") for answer in passing
                            for other in differing.values()):
        return None
    shown = [variant(f"expected by item {place}", text)
            for place, text in enumerate(differing.values(), 2)]
    names = [variant(f"item {place}", ident) for place, (ident, _) in enumerate(differing, 2)]
    return Fault(f"{len(differing) + 1} items or contents ask this in the same words and expect "
                 "different answers.", sides(item, item.expected, *shown, *names))


def _is_named_so(item: Item, others: dict[tuple[str, str], Any]) -> bool:
    """Whether one of the others has this item's name: one item whose gold changed."""
    name = golds.name_key(item.ident)
    return sum(golds.name_key(ident) == name for ident, _ in others) > 1


def _failed_for(item: Item, others: dict[tuple[str, str], Any]) -> dict[tuple[str, str], str]:
    """What other items expect and models that agree are failed for here."""
    return {at: normal.written(other) for at, other in others.items()
            if other != item.expected and (text := golds.plain(other)) and agreed(item, [
                row for row in item.rows if row.outcome != "unjudged"
                and alike(final(row.answer), text, "")])}


def _is_in_the_words(item: Item, others: dict[tuple[str, str], Any]) -> bool:
    """Whether a question to an agent holds all that its golds depend on: it names no state, the
    first calls that they want differ, and are of one tool or of tools that are called here, and no
    passing row looked anything up before it."""
    calls = [required.required(gold) for gold in others.values()]
    if _OF_A_STATE.search(item.question) or not all(calls) \
            or not re.search(r"\d", item.question):
        return False
    names = {some[0].name for some in calls}
    if len(names) > 1:  # of several tools all are on offer here
        if not names <= {made.tool for row in item.rows for made in row.made}:
            return False
    elif arguments.same(calls[0][0].arguments, calls[1][0].arguments, ""):
        return False
    wanted = next(iter(required.required(item.expected) or ()), None)
    return wanted is not None and all(
        row.made and required.fulfils(row.made[0], wanted) and not row.spoken
        for row in item.rows if row.outcome == "pass")


def _same(one: Any, other: Any) -> bool:
    """Whether two golds say the same, or one is a part of the other."""
    one, other = (parsed_arguments(gold) for gold in (one, other))
    a, b = golds.plain(one), golds.plain(other)
    if a is None or b is None:
        return type(one) is not type(other) or _unordered(one) == _unordered(other)
    first, second = golds.folded(a), golds.folded(b)
    if alike(a, b, "") or first == second:
        return True
    words = [re.findall(r"\w+", text) for text in (first, second)]
    shorter, longer = sorted(words, key=len)
    return len(shorter) < len(longer) and not (golds.number(a) and golds.number(b)) and any(
        longer[at:at + len(shorter)] == shorter for at in range(len(longer)))


def _unordered(gold: Any) -> str:
    """What golds of several values share that differ in the order of a list alone."""
    if isinstance(gold, list):
        return fingerprint(None, sorted(fingerprint(None, one) for one in gold))
    return fingerprint(None, gold)

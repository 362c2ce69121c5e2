"""A gold of another kind than what is asked for."""

from collections import Counter

from failure_analysis.audit import golds, normal
from failure_analysis.audit.faults import FEWEST_SIBLINGS, ODD, Fault, final, sides
from failure_analysis.audit.items import Item
from failure_analysis.audit.whole import Whole


def other_kind(item: Item, whole: Whole) -> Fault | None:
    """The gold is of another kind than the question's options, than the golds of the same question
    with other data, or than the number that is asked for."""
    gold = golds.plain(item.expected)
    kind = golds.kind_of(item.expected)
    task = golds.task_of(item.rows)
    offered = golds.options(item.question)
    if offered and gold is not None and kind == "letter" \
            and gold.strip().strip("().") not in offered:
        return Fault(f"The letter that is expected is none of the {len(offered)} options.",
                     sides(item, gold))
    if gold is not None and (odd := _no_value(item, whole, gold, bool(offered))):
        return Fault(odd, sides(item, gold))
    kinds = whole.profile.kinds.get((task, golds.template(item.question)), Counter())
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
    return None


def _no_value(item: Item, whole: Whole, gold: str, offered: bool) -> str:
    """Why a gold can be no answer; blank where it can."""
    odd = _odd_value(item, whole, gold, offered)
    if odd and any(normal.alike(final(row.answer), gold, "") for row in item.rows
                   if row.outcome != "unjudged"):
        return ""
    return odd


def _odd_value(item: Item, whole: Whole, gold: str, offered: bool) -> str:
    """Why a gold looks like no answer; blank where it does not."""
    if golds.is_placeholder(gold):
        return "What is expected only stands for an answer."
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    texts = golds.options(item.question).values()
    if offered and golds.kind(gold) != "letter" and counts["offered"] > FEWEST_SIBLINGS \
            and counts["not_letter"] <= max(1, ODD * counts["offered"]) \
            and not any(golds.folded(text) in golds.folded(gold) for text in texts):
        return "What is expected is none of the options, neither a letter nor a text of them."
    return ""

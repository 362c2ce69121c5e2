"""A gold that breaks off, or of which pieces are lost."""

import re
from collections import Counter, defaultdict

from failure_analysis.audit import golds, recorded
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.faults import (
    ODD,
    Fault,
    figures_of,
    final,
    is_odd,
    is_usual,
    judged_models,
    sides,
)
from failure_analysis.audit.item import Item
from failure_analysis.audit.profile import FEWEST_SIBLINGS
from failure_analysis.audit.seen import LONGEST_RESULT, Seen
from failure_analysis.audit.whole import Whole

_FEW_DIGITS = 3
_LONG_GOLD, _MORE_WORDS = 5, 4  # words of a gold, and of what goes on where it ends
_INFLECTED = re.compile(r"(?:e?s|e?d|ing|ly|er|est|n|al|ian|ic)\W*", re.IGNORECASE)


def cut(item: Item, whole: Whole) -> Fault | None:
    """The gold breaks off: a bracket or a quote that stays open, an end where nothing can end, or
    in the midst of a word that the models agree on. Not where an answer that passed ends so too."""
    gold = golds.plain(item.expected)
    if pieces := _pieces(item):
        return Fault("What is expected has pieces of what stands whole in the question.",
                     sides(item, item.expected, variant("cut", ", ".join(pieces))))
    if found := recorded.swapped_digits(item):
        return Fault("The digits of a number that is expected are those of one of the question or "
                     "of a result, in another order; most failing answers say that one.",
                     sides(item, item.expected, variant("swapped", f"{found.record} → "
                           f"{found.gold}"), variant("failed", found.rows[0].answer, found.rows)),
                     found.rows)
    if found := recorded.made_number(item):
        return Fault("A name of what is expected was taken for a number or a date; most failing "
                     "answers say it as it stands in the question or in a tool's result.",
                     sides(item, item.expected, variant("cut", f"{found.record} → {found.gold}"),
                           variant("failed", found.rows[0].answer, found.rows)), found.rows)
    if found := recorded.cut_name(item) or recorded.cut_value(item):
        return Fault("A name of what is expected stands longer or in other signs in the question "
                     "or in a tool's result; most failing answers say it so.",
                     sides(item, item.expected, variant("cut", f"{found.record} → {found.gold}"),
                           variant("failed", found.rows[0].answer, found.rows)), found.rows)
    if gold is None and isinstance(item.expected, list) and len(item.expected) > 1 \
            and (longer := _longer(item, ", ".join(item.texts), ",")):
        return Fault("What is expected is the beginning of a list that the failing answers agree "
                     "on.", sides(item, item.expected, variant("failed", *longer)), longer[1])
    if gold is None:
        return None
    return _open_end(item, whole, gold) or _goes_on_elsewhere(item, whole, gold)


def _open_end(item: Item, whole: Whole, gold: str) -> Fault | None:
    """A gold whose end is none by itself."""
    fault = _odd_end(item, whole, gold)
    if fault and any(re.search(re.escape(gold) + r"\s*(?:$|```)", row.answer, re.MULTILINE)
                     for row in item.rows if row.outcome == "pass"):
        return None
    return fault


def _odd_end(item: Item, whole: Whole, gold: str) -> Fault | None:
    """What is odd at the end of a gold, beside the others of its task."""
    if golds.unclosed(gold) and is_odd(whole, item, "unclosed"):
        return Fault("A bracket or a quote of what is expected is never closed.",
                     sides(item, gold))
    if golds.hangs(gold) and is_odd(whole, item, "hangs"):
        return Fault("What is expected ends where no answer ends.", sides(item, gold))
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    if golds.unended(gold) and counts["long"] > FEWEST_SIBLINGS \
            and counts["unended"] <= max(1, ODD * counts["long"]):
        return Fault("What is expected ends without the sign that ends all others of its task.",
                     sides(item, gold))
    return None


def _goes_on_elsewhere(item: Item, whole: Whole, gold: str) -> Fault | None:
    """A gold that goes on in the question or in most failing answers."""
    if _lacks_one(item, whole, gold):
        return Fault("What is expected lacks numbers of the question, of which the other golds of "
                     "its task have all.", sides(item, gold))
    if longer := _goes_on(item, gold):
        return Fault("What is expected is the beginning of what most failing answers say word for "
                     "word.", sides(item, gold, variant("failed", *longer)), longer[1])
    longer = _longer(item, gold)
    if longer:
        return Fault("What is expected breaks off within what the failing answers agree on.",
                     sides(item, gold, variant("failed", longer[0], longer[1])), longer[1])
    return None


def _goes_on(item: Item, gold: str) -> tuple[str, list[Seen]] | None:
    """(what at least two thirds of the models, two or more, say alike, their rows), where a gold of
    five words or more is the beginning of it and four more follow."""
    short = golds.folded(gold)
    if len(short.split()) < _LONG_GOLD:
        return None
    rest: dict[str, list[Seen]] = defaultdict(list)
    for row in item.rows:
        before, there, after = golds.folded(row.answer).partition(short)
        if row.outcome == "fail" and there and after[:1] in ". ,;!?" \
                and len(re.findall(r"\w+", after)) >= _MORE_WORDS and not re.search(r"\w$", before):
            rest[golds.folded(after)].append(row)
    models = judged_models(item)
    after = max(sorted(rest), key=lambda text: len({row.model for row in rest[text]}), default="")
    agreeing = {row.model for row in rest.get(after, ())}
    if len(agreeing) < 2 or 3 * len(agreeing) < 2 * len(models):
        return None
    return rest[after][0].answer, rest[after]


def _pieces(item: Item) -> list[str]:
    """What stands in the gold cut: numbers whose leading zeros are gone, or words of a list of
    which none stands in the question and each begins a longer word of it."""
    values = item.texts
    numbers = [text for text in values if f"0{text}" in item.question
               and re.fullmatch(r"[1-9]\d+", text)]
    words = set(re.findall(r"\w+", item.question)) if numbers else set()
    numbers = [text for text in numbers if text not in words
               and any(word[0] == "0" and len(word) > _FEW_DIGITS and word.lstrip("0") == text
                       for word in words)]
    if re.search(r"\bzeros?\b|\bas an? (?:plain )?(?:integer|number)\b", item.question):
        numbers = []
    if numbers := numbers or _cut_names(item):
        return numbers
    if not isinstance(item.expected, list) or len(values) < 2:
        return []
    words = set(re.findall(r"\w+", item.question))
    return values if all(len(text) > 2 and text.isalpha() and text not in words and any(
        word.startswith(text) for word in words) for text in values) else []


def _cut_names(item: Item) -> list[str]:
    """Names with digits in expected actions that stand neither in the question nor in any result,
    while a longer one that begins so stands in the question."""
    if not isinstance(item.expected, dict | list) or not any(row.made for row in item.rows):
        return []
    names = [text for text in dict.fromkeys(item.texts)
             if re.fullmatch(r"(?=.*[A-Za-z])(?=.*\d)\S{4,}", text)]
    if not names:
        return []
    words = set(re.findall(r"[\w-]+", item.question))
    cut = [text for text in names if re.fullmatch(r"[\w-]+", text) and text not in words
           and any(word.startswith(text) and len(word) > len(text) for word in words)]
    return [text for text in cut if not any(re.search(rf"\b{re.escape(text)}\b", made.result)
                                            for row in item.rows for made in row.made)] \
        or _spoilt_names(item, names, words)


def _spoilt_names(item: Item, names: list[str], words: set[str]) -> list[str]:
    """Names with digits in expected actions that stand in no question and no result, and are one
    of the question's own but for one sign; which a sign that stands for any says, or that calls
    with the question's worked."""
    names = [text for text in names if text not in item.question
             and re.fullmatch(r"(?=.*\d\D?\d)\S{5,}", text)]
    if not names:
        return []
    worked = {text for row in item.rows for made in row.made if not made.failed
              for text in golds.scalars(made.arguments)}
    told = [made.result for row in item.rows for made in row.made]
    is_whole = all(len(result) < LONGEST_RESULT for result in told)
    values = item.texts
    found = []
    for text in names:
        if text in worked or any(text in result for result in told):
            continue
        any_sign = re.compile(re.sub(r"\\[?*#]|\ufffd|…", ".", re.escape(text)))
        spoilt = any_sign.pattern != re.escape(text)
        if not spoilt and _is_one_of_several(text, values, words):
            continue
        if any(any_sign.fullmatch(word) if spoilt
               else is_whole and word in worked and one_off(text, word) for word in words):
            found.append(text)
    return found


def _is_one_of_several(text: str, values: list[str], words: set[str]) -> bool:
    """Whether the gold has a name of the question too that differs from this one in its digits
    alone, so that this may be the next of a series (`N-8841 to N-8844`)."""
    series = re.sub(r"\d+", "#", text)
    return any(other != text and other in words and re.sub(r"\d+", "#", other) == series
               for other in values)


def one_off(a: str, b: str) -> bool:
    """Whether two names differ in one sign: another one, one too few, or two that changed."""
    if len(a) > len(b):
        a, b = b, a
    if len(a) < len(b):
        return len(b) == len(a) + 1 and any(b[:at] + b[at + 1:] == a for at in range(len(b)))
    places = [at for at in range(len(a)) if a[at] != b[at]]
    return len(places) == 1 or (len(places) == 2 and places[1] == places[0] + 1
                                and a[places[0]] + a[places[1]] == b[places[1]] + b[places[0]])


def _longer(item: Item, gold: str, sign: str = "") -> tuple[str, list[Seen]] | None:
    """(what at least two thirds of the models, two or more, say alike; their rows), where the gold
    is the beginning of it and ends within a word, or before this sign."""
    said: dict[str, list[Seen]] = defaultdict(list)
    short = golds.folded(gold)
    for row in item.rows:
        words = golds.folded(final(row.answer)) if row.outcome == "fail" else ""
        if sign:
            words = " ".join(re.sub(r"[\[\]\"']", " ", words).split()).replace(" ,", ",")
        if len(words) > len(short) and words.startswith(short):
            said[words].append(row)
    if len(short) < 4 or not said or not (sign or short[-1].isalpha()):
        return None
    words = max(sorted(said), key=lambda text: len({row.model for row in said[text]}))
    models = judged_models(item)
    agreeing = {row.model for row in said[words]}
    rest = words[len(short):]
    if sign and _is_sorted(short) and not _is_sorted(words):
        return None  # what is added stands at the wrong place: the models' own
    if len(agreeing) < 2 or 3 * len(agreeing) < 2 * len(models) \
            or not (rest.startswith(sign) if sign else rest[0].isalpha()) \
            or _INFLECTED.fullmatch(rest.split()[0]):
        return None
    return final(said[words][0].answer), said[words]


def _is_sorted(listed: str) -> bool:
    """Whether a list with commas, of three members or more, goes up or down."""
    parts = [part.strip() for part in listed.split(",")]
    values = list(map(golds.number, parts))
    ranks = parts if None in values else values
    return len(ranks) > 2 and ranks in (sorted(ranks), sorted(ranks, reverse=True))


def _lacks_one(item: Item, whole: Whole, gold: str) -> bool:
    """Whether the other golds have all numbers of their questions in another order, and this one
    has not all."""
    if not is_usual(figures_of(item, whole), "permute"):
        return False
    said, asked = Counter(golds.numbers(gold)), Counter(golds.numbers(item.question))
    return said.total() > 1 and said < asked

"""Items that are damaged in themselves: a gold that its own question, the other golds or another
item with the same question contradict."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache

from failure_analysis.audit import (
    allowed,
    as_recorded,
    asks,
    contradicted,
    demands,
    excluded,
    golds,
    misprints,
    normal,
    recorded,
    required,
)
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.cut_golds import cut
from failure_analysis.audit.faults import (
    ODD,
    Fault,
    agreed,
    figures_of,
    final,
    is_usual,
    judged_models,
    sides,
)
from failure_analysis.audit.gold_kinds import other_kind
from failure_analysis.audit.item import Item
from failure_analysis.audit.rounded import DECIMAL, fraction, numbers_of, rounded
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.two_golds import two_golds
from failure_analysis.audit.whole import Whole

_MANY_WORDS = 6
_COUNTED_ON = re.compile(r"\b(?:before|after|until|till|since|less|fewer|more|over|under|above|"
                         r"below|between|by|from|to|previous|next|last|following|ago|"
                         r"at (?:least|most)|not|than|later|earlier|first|top)\b", re.IGNORECASE)
_NEVER = re.compile(r"\b(?:never|do not|don't|must not|not to) (?P<verb>[a-z]{3,})\b"
                    r"(?P<rest>[^.;!?\n]*(?:[.](?=\w)[^.;!?\n]*)*)", re.IGNORECASE)
_UNDER = re.compile(r"\b(?:unless|except|if|until|before|only|without|twice|again|yet)\b",
                    re.IGNORECASE)
_MARK = re.compile(r"~[0-9a-f]{8}\Z")


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The faults of an item, one of each rule."""
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    for rule, test in _RULES if item.expected is not None else _OF_ANY:
        if fault := test(item, whole):
            disputed = judged if fault.disputed is None else fault.disputed
            yield candidate(item, "damaged_item", rule, fault.what, fault.variants, disputed,
                            **fault.numbers)


def _against_question(item: Item, whole: Whole) -> Fault | None:
    """A number of the gold stands not in the question, as those of the other golds of its kind do,
    and most models say another in its place, one that does."""
    gold = golds.plain(item.expected)
    if gold is None:
        return None
    if rows := _one_number_off(item, gold):
        return Fault("What is expected is what most failing answers say but for one number: the "
                     "question has theirs and not its own.",
                     sides(item, gold, variant("failed", rows[0].answer, rows)), rows)
    if not is_usual(figures_of(item, whole), "held"):
        return None
    said, asked = set(golds.numbers(gold)), set(golds.numbers(item.question))
    odd = said - asked
    if not odd:
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


def _one_number_off(item: Item, gold: str) -> list[Seen]:
    """The failing rows, of two models and half of all, whose code is the gold but for one number of
    four signs or more, which is one of the question's and the gold's is none. Not where the
    question counts on from its own."""
    words = _tokens(gold)
    if len(words) < _MANY_WORDS or not normal.is_code(gold):
        return []
    asked = set(re.findall(r"\w+", item.question))
    rows = []
    for row in item.rows:
        if row.outcome == "fail":
            said = _tokens(normal.unfenced(final(row.answer) or row.answer))
            odd = [(a, b) for a, b in zip(words, said, strict=False) if a != b]
            if len(said) == len(words) and len(odd) == 1 and odd[0][0] not in asked \
                    and odd[0][1] in asked and all(len(one) > 3 and one.isdigit()
                                                   for one in odd[0]):
                rows.append(row)
    models = {row.model for row in rows}
    if len(models) < 2 or 2 * len(models) < len(judged_models(item)):
        return []
    return [] if _COUNTED_ON.search(asks.asking(item.question)) else rows


def _tokens(code: str) -> list[str]:
    """The words, numbers and signs of code."""
    return re.findall(r"\w+|[^\w\s]", code.strip().rstrip(";"))


def _garbled(item: Item, whole: Whole) -> Fault | None:
    """The gold was read in a wrong encoding, and the question was not."""
    texts = item.texts or [golds.plain(item.expected) or ""]
    if not any(map(is_garbled, texts)) or is_garbled(item.question):
        return None
    return Fault("What is expected was read in a wrong encoding.", sides(item, item.expected))


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
    leak = re.compile(rf"(?:expected|answer|gold|solution|key)[_\W]{{1,3}}{re.escape(gold)}(?!\w)",
                      re.I) if gold and len(gold) > 3 else None
    if leak and any(leak.search(made.result) for row in item.rows for made in row.made):
        return Fault("A tool shows the answer under that name.", sides(item, gold))
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


def _exclude(item: Item, whole: Whole) -> Fault | None:
    """No answer can keep all that the question demands, and none passed."""
    if not any(row.outcome == "pass" for row in item.rows) \
            and (what := excluded.exclude_each_other(item.question)):
        return Fault(what, sides(item, item.expected))
    points = [text for text in item.texts if excluded.bounds(text)] if isinstance(
        item.expected, dict | list) and excluded.bounds(item.question) else ()
    what = next(filter(None, (excluded.exclude_each_other(f"{item.question}\n{point}")
                              for point in points)), "")
    failed = [row for row in item.rows if row.outcome == "fail"]
    return Fault(f"Of what the question and what is expected demand: {what}", sides(
        item, item.expected), failed) if what and len({row.model for row in failed}) > 1 else None


def _forbidden(item: Item, whole: Whole) -> Fault | None:
    """The gold breaks what the question demands of an answer. Where many golds of a task do, the
    demand is meant otherwise than it is read here."""
    gold = golds.plain(item.expected)
    task = golds.task_of(item.rows)
    if what := _whole_forbidden(item):
        return Fault(what, sides(item, item.expected))
    rows = [row for row in item.rows if row.outcome == "fail" and gold is not None
            and demands.keeps_places(item.question, row.answer, gold)
            and golds.number(row.answer) == golds.number(gold)] if gold else []
    if len(rows) > 1 and not any(row.outcome == "pass" and demands.keeps_places(
            item.question, row.answer, gold) for row in item.rows):
        return Fault("What is expected has fewer decimals than the question demands; who gives "
                     "these fails.", sides(item, gold), rows)
    if rows := _avoid(item):
        return Fault("What is expected is what the question forbids; most failing answers do not "
                     "have it.", sides(item, item.expected, variant(
                         "failed", rows[0].answer, rows)), rows)
    odd = _oddly_broken(whole, task)
    found = demands.of(item.question, gold) if gold is not None and odd else ()
    for demand in found:
        if not demand.kept and demand.name in odd:
            return Fault(f"What is expected breaks what the question demands ({demand.name}).",
                         sides(item, gold))
    return None


_NOT = re.compile(r"\bnot?\b|n['’]t\b|\bavoid|\bwithout\b|\bnever\b|\bdoes not\b", re.I)


def _avoid(item: Item) -> list[Seen]:
    """The failing rows, of models that agree, without what the question forbids by name and the
    gold, or a point of it that does not forbid it too, has."""
    name = demands.forbidden(item.question) if any(
        row.outcome == "fail" for row in item.rows) else None
    has = re.compile(name.pattern.removesuffix(r"(?!\w)"), re.I) if name else None
    rows = [row for row in item.rows if row.outcome != "unjudged"
            and not has.search(row.answer)] if has and any(
                name.search(text) and not _NOT.search(text) for text in item.texts
                or [golds.plain(item.expected) or ""]) else []
    return rows if agreed(item, rows) else []


@lru_cache(maxsize=8)
def _oddly_broken(whole: Whole, task: str) -> frozenset[str]:
    """The demands that golds of a task break, and few do."""
    counts = {name: [whole.profile.demands[task, name, state] for state in (True, False)]
              for name in demands.NAMES}
    return frozenset(name for name, (kept, broken) in counts.items()
                     if 0 < broken <= max(1, ODD * (kept + broken)))


def _asks_forbidden(item: Item) -> str:
    """What a sentence of the question forbids to do to a name with digits or @, as the verb and the
    name are, an expected action does; blank where none does, or where not most models avoid it
    and fail."""
    calls = required.required(item.expected) or ()
    for found in _NEVER.finditer(item.question) if calls else ():
        if _UNDER.search(found["rest"]) or len(found["rest"]) > 80:
            continue
        for call in calls:
            parts = re.split(r"[_\W]|(?<=[a-z])(?=[A-Z])", call.name)
            if any(part.lower().endswith(found["verb"].lower()) for part in parts) and any(
                    _is_named(text, found["rest"]) and _most_avoid(item, call.name, text)
                    for text in golds.scalars(call.arguments)):
                return "What is expected does what the question says must never be done."
    return ""


def _is_named(text: str, sentence: str) -> bool:
    """Whether a name with digits or @ stands in a sentence."""
    return re.fullmatch(r"\S*(?:@|\d)\S*", text) is not None and len(text) > 3 and re.search(
        rf"(?<![\w@.-]){re.escape(text)}(?![\w@-])", sentence) is not None


def _most_avoid(item: Item, tool: str, text: str) -> bool:
    """Whether of the models that call a tool most do it without this name, two or more, and none of
    them passes."""
    with_it: dict[bool, set[str]] = {True: set(), False: set()}
    for row in item.rows:
        for made in row.made:
            if made.tool == tool:
                has = text in golds.scalars(made.arguments)
                if row.outcome == "pass" and not has:
                    return False
                with_it[has].add(row.model)
    return len(with_it[False]) > 1 and len(with_it[False]) > len(with_it[True])


def _whole_forbidden(item: Item) -> str:
    """What is wrong with a gold of several values: what they do, their number, order or form of
    date; else blank."""
    question, gold = item.question, item.expected
    if not isinstance(gold, list | dict):
        return ""
    if what := _asks_forbidden(item):
        return what
    if isinstance(gold, list) and (count := re.search(
            r"\b(?:give|list|name|write|return)\b[^.?]{0,20}\bthe first (\d+) \w+", question,
            re.IGNORECASE)) and len(gold) != int(count[1]):
        return f"{count[1]} values are asked for and {len(gold)} are expected."
    numbers = [fraction(text) for text in numbers_of(gold)] if isinstance(gold, list) else []
    order = {word.lower() for word in re.findall(
        r"\b(ascending|descending)\b", question, re.IGNORECASE)}
    lines = next((text.split() for text in item.texts if text.count("\n") > 1), [])
    if len(order) == 1 and len(lines) > 2 and lines == sorted(
            lines, reverse="ascending" in order) != lines[::-1] and "\n".join(
                lines[::-1]) in recorded.kept(item):
        return "What is expected is not in the order that the question asks for."
    order = order if len(numbers) > 2 else set()
    if len(order) == 1 and Counter(numbers) == Counter(map(fraction, DECIMAL.findall(question))) \
            and numbers != sorted(numbers, reverse="descending" in order):
        return "What is expected is not in the order that the question asks for."
    if isinstance(gold, dict) and ("(ISO" in question or "(YYYY-MM-DD" in question):
        for key, value in gold.items():
            asked = re.search(rf"\b{re.escape(str(key))} \((?:ISO|YYYY-MM-DD)", question)
            if asked and isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
                return "A date of what is expected is not in the form that the question asks for."
    return ""


_OF_ANY = (("damaged_ids", _ids), ("demands_exclude", _exclude))
_RULES: tuple[tuple[str, Callable[[Item, Whole], Fault | None]], ...] = (
    ("two_golds", two_golds), ("gold_rounded", rounded), ("gold_cut", cut),
    ("gold_against_question", _against_question),
    ("gold_garbled", _garbled), ("gold_type", other_kind), ("answer_in_question", _in_question),
    *_OF_ANY, ("contract_forbids", _forbidden), *allowed.RULES, *misprints.RULES,
    *contradicted.RULES, *as_recorded.RULES)

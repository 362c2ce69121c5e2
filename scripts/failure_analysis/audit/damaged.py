"""Items that are damaged in themselves: a gold that its own question, the other golds or another
item with the same question contradict."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from failure_analysis.audit import demands, golds, normal
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import Candidate, Variant, candidate, variant
from failure_analysis.audit.final import final
from failure_analysis.audit.items import Item, question_key
from failure_analysis.audit.seen import LONGEST_RESULT, Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.datapoint import fingerprint

_LONG_GOLD, _MORE_WORDS = 5, 4  # words of a gold, and of what goes on where it ends
_MOST_SHARING = 4  # items with one question; what more share is an instruction, and no question
_FEWEST_SIBLINGS = 5
_ODD = .1  # of the golds of a kind: what more are like is how that benchmark writes
_ROUNDING = re.compile(r"\b(?:round|decimal|nearest|significant|integer|whole number|truncat|floor|"
                       r"ceil|approximat|estimate|precision|digits)", re.IGNORECASE)
_LEAST_MOST = re.compile(r"\b(?:largest|smallest|highest|lowest|maximum|minimum|greatest|least|"
                         r"biggest|longest|shortest|max|min)\b", re.IGNORECASE)
_DECIMAL = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?![\w]|\.\d)")
_INFLECTED = re.compile(r"(?:e?s|e?d|ing|ly|er|est|n|al|ian|ic)\W*", re.IGNORECASE)
_MARK = re.compile(r"~[0-9a-f]{8}\Z")


class Fault(NamedTuple):
    """What a rule has found: in our words, the sides, whose verdicts are in doubt, numbers."""

    what: str
    variants: list[Variant]
    disputed: list[Seen] | None = None  # None: of all that was judged
    numbers: dict[str, float] = {}


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The faults of an item, one of each rule."""
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    for rule, test in _RULES if item.expected is not None else (_OF_NAMES,):
        if fault := test(item, whole):
            disputed = judged if fault.disputed is None else fault.disputed
            yield candidate(item, "damaged_item", rule, fault.what, fault.variants, disputed,
                            **fault.numbers)


def _sides(item: Item, gold: Any, *more: Variant) -> list[Variant]:
    """The question and its gold, then more."""
    return [variant("question", item.question), variant("expected", normal.written(gold)), *more]


def _two_golds(item: Item, whole: Whole) -> Fault | None:
    """Another item asks the same in the same words and expects something else. Not where the words
    may not be the whole question: a conversation, an agent, an instruction that many share; and not
    where what the other expects passes here too."""
    others = whole.golds.get(question_key(item.question)) if item.question.strip() else None
    words = len(re.findall(r"\w+", item.question))
    if not others or not 2 <= len(others) <= _MOST_SHARING or words < 4:
        return None
    is_agent = any(row.made or row.spoken for row in item.rows)
    if is_agent and (words < 8 or not re.search(r"\d", item.question)):
        return None
    differing = {at: normal.written(other) for at, other in others.items()
                 if not _same(item.expected, other)}
    if is_agent and golds.plain(item.expected) is not None:
        return None
    passing = [row.answer for row in item.rows if row.outcome == "pass"]
    if not differing or any(alike(_final(answer), other, "") for answer in passing
                            for other in differing.values()):
        return None
    sides = [variant(f"expected by item {place}", text)
             for place, text in enumerate(differing.values(), 2)]
    names = [variant(f"item {place}", ident) for place, (ident, _) in enumerate(differing, 2)]
    return Fault(f"{len(differing) + 1} items or contents ask this in the same words and expect "
                 "different answers.", _sides(item, item.expected, *sides, *names))


def _same(one: Any, other: Any) -> bool:
    """Whether two golds say the same, or one is a part of the other."""
    one, other = (_value_of(gold) for gold in (one, other))
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


def _final(answer: str) -> str:
    """The answer that a response ends in, where it is sure."""
    return final(answer).text


def _rounded(item: Item, whole: Whole) -> Fault | None:
    """The gold has fewer decimals than what it is of: numbers of the question, or the value that
    several models agree on."""
    gold, question = _numbers_of(item.expected), item.question
    if isinstance(item.expected, dict) and len(item.expected) > 1:
        return _rounded_field(item)
    if not gold:
        return None
    if not _ROUNDING.search(question):
        pairs = rounded_from(_DECIMAL.findall(question), gold, bool(_LEAST_MOST.search(question)))
        if pairs:
            return Fault(f"{len(pairs)} numbers of the question stand in what is expected with "
                         "fewer decimals.", _sides(item, item.expected, variant(
                             "rounded", ", ".join(f"{a} → {b}" for a, b in pairs))),
                         numbers={"rounded": len(pairs)})
    agreed = _more_precise(item, gold[0]) if len(gold) == 1 else None
    if agreed:
        value, rows = agreed
        return Fault("What is expected is a rounded form of what most failing answers say; the "
                     "question asks for no rounding to so few decimals.",
                     _sides(item, item.expected, variant("failed", value, rows)), rows)
    return None


def _rounded_field(item: Item) -> Fault | None:
    """A number of a gold with several fields is a number of the question with fewer decimals."""
    asked = [text.replace(",", "") for text in re.findall(
        r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?!\w|\.\d)", item.question)]
    if _ROUNDING.search(item.question.split("Return")[0]):
        return None
    for text in golds.scalars(item.expected):
        if re.fullmatch(r"\d{3,}(?:\.\d+)?", text) and _value(text) not in map(_value, asked):
            for longer in asked:
                if is_rounded(longer, text) and len(longer.partition(".")[2]) < 5:
                    return Fault("A number of the question stands in what is expected with fewer "
                                 "decimals.", _sides(item, item.expected, variant(
                                     "rounded", f"{longer} → {text}")))
    return None


def _numbers_of(expected: Any) -> list[str]:
    """The numbers of a gold that consists of numbers alone; none of any other."""
    text = golds.plain(expected)
    if text is None:
        values = expected.get("answer") if isinstance(expected, dict) else expected
        if not isinstance(values, list) or any(isinstance(one, list | dict) for one in values):
            return []
        text = ", ".join(map(normal.written, values))
    found = _DECIMAL.findall(text)
    return found if found and not re.search(r"[^\W_]", _DECIMAL.sub("", text)) else []


def rounded_from(asked: list[str], gold: list[str], least_or_most: bool
                 ) -> list[tuple[str, str]]:
    """(number of the question, rounded form of it in the gold), where the gold consists of numbers
    of the question and some are rounded; none where any gold number is of another origin."""
    if len(gold) < 3 and not (len(gold) == 1 and least_or_most and len(asked) > 2):
        return []
    left = Counter(map(_value, asked))
    missing = []
    for text in gold:
        if left[_value(text)] > 0:
            left[_value(text)] -= 1
        else:
            missing.append(text)
    spelled = {_value(text): text for text in asked}
    pairs = []
    for text in missing:
        source = next((value for value in sorted(left) if left[value] > 0
                       and is_rounded(spelled[value], text)), None)
        if source is None:
            return []
        left[source] -= 1
        pairs.append((spelled[source], text))
    return pairs


def _value(text: str) -> Fraction:
    return Fraction(text.replace("−", "-"))


def is_rounded(text: str, shorter: str) -> bool:
    """Whether a number is another one with fewer decimals, rounded or cut."""
    places = len(shorter.partition(".")[2])
    if len(text.partition(".")[2].rstrip("0")) <= places:
        return False
    value, other, unit = _value(text), _value(shorter), Fraction(1, 10 ** places)
    cut = Fraction(int(value / unit)) * unit
    return 2 * abs(value - other) <= unit or cut == other


def _more_precise(item: Item, gold: str) -> tuple[str, list[Seen]] | None:
    """(what at least half of the models, two or more, say alike and wrongly; their rows), where the
    gold is a rounded form of it. A gold without decimals may be meant so; a fraction that never
    ends has to be rounded."""
    said: dict[str, list[Seen]] = defaultdict(list)
    for row in item.rows:
        if row.outcome == "fail" and (found := _DECIMAL.findall(_final(row.answer))):
            said[found[0]] += [row] if len(found) == 1 else []
    if not said or "." not in gold:
        return None
    value = max(sorted(said), key=lambda text: len({row.model for row in said[text]}))
    models = {row.model for row in item.rows if row.outcome != "unjudged"}
    agreeing = {row.model for row in said[value]}
    decimals = value.partition(".")[2]
    asked = next((int(found[1]) for found in re.finditer(
        r"\b(\d)\s+(?:decimal|digits? after)", _figures(item.question))), None)
    free = asked == len(decimals) if asked is not None else not _ROUNDING.search(item.question)
    if len(agreeing) < 1 + (asked is None) or 2 * len(agreeing) < len(models) or not free \
            or not is_rounded(value, gold) or (asked is None and (
                len(decimals) > 4 or re.search(r"(\d)\1\1", decimals))):
        return None
    return value, said[value]


def _figures(text: str) -> str:
    """A text with small numbers in figures."""
    return re.sub(r"\b(one|two|three|four|five|six)\b",
                  lambda word: str(demands.COUNT[word[0].lower()]), text, flags=re.IGNORECASE)


def _is_odd(whole: Whole, item: Item, name: str) -> bool:
    """Whether few of the golds of the item's task are like this one in some respect."""
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    return counts["golds"] > _FEWEST_SIBLINGS and counts[name] <= max(1, _ODD * counts["golds"])


def _figures_of(item: Item, whole: Whole) -> Counter:
    """What the golds of the same question with other data, else of the same task, are like in their
    numbers; empty where there are too few."""
    task = golds.task_of(item.rows)
    counts = (whole.profile.figures.get((task, key), Counter())
              for key in (golds.template(item.question), ""))
    return next((some for some in counts if some["numbers"] > _FEWEST_SIBLINGS), Counter())


def _is_usual(counts: Counter, name: str) -> bool:
    """Whether all golds with numbers but a few are so."""
    missing = counts["numbers"] - counts[name]
    return bool(counts) and missing <= max(1, _ODD * counts["numbers"])


def _lacks_one(item: Item, whole: Whole, gold: str) -> bool:
    """Whether the other golds have all numbers of their questions in another order, and this one
    has not all."""
    said, asked = Counter(golds.numbers(gold)), Counter(golds.numbers(item.question))
    return said.total() > 1 and said < asked and _is_usual(_figures_of(item, whole), "permute")


def _against_question(item: Item, whole: Whole) -> Fault | None:
    """A number of the gold stands not in the question, as those of the other golds of its kind do,
    and most models say another in its place, one that does."""
    gold = golds.plain(item.expected)
    if gold is None:
        return None
    said, asked = set(golds.numbers(gold)), set(golds.numbers(item.question))
    odd = said - asked
    if not odd or not _is_usual(_figures_of(item, whole), "held"):
        return None
    by_other: dict[frozenset, list[Seen]] = defaultdict(list)
    for row in item.rows:
        numbers = set(golds.numbers(_final(row.answer) or row.answer))
        other = frozenset(numbers - said)
        if row.outcome == "fail" and said - numbers == odd and len(other) == len(odd) \
                and other <= asked:
            by_other[other].append(row)
    models = {row.model for row in item.rows if row.outcome != "unjudged"}
    for rows in by_other.values():
        agreeing = {row.model for row in rows}
        if len(agreeing) > 1 and 3 * len(agreeing) >= 2 * len(models):
            return Fault("A number of what is expected does not stand in the question, as those of "
                         "the other golds of its task do; most models say one that does.",
                         _sides(item, gold, variant("failed", rows[0].answer, rows)), rows)
    return None


def _cut(item: Item, whole: Whole) -> Fault | None:
    """The gold breaks off: a bracket or a quote that stays open, an end where nothing can end, or
    in the midst of a word that the models agree on. Not where an answer that passed ends so too."""
    gold = golds.plain(item.expected)
    if pieces := _pieces(item):
        return Fault("What is expected has pieces of what stands whole in the question.",
                     _sides(item, item.expected, variant("cut", ", ".join(pieces))))
    if gold is None and isinstance(item.expected, list) and len(item.expected) > 1 \
            and (longer := _longer(item, ", ".join(golds.scalars(item.expected)), ",")):
        return Fault("What is expected is the beginning of a list that the failing answers agree "
                     "on.", _sides(item, item.expected, variant("failed", *longer)), longer[1])
    if gold is None:
        return None
    passed = [row for row in item.rows if row.outcome == "pass"]
    exact = any(row.answer.rstrip().endswith(gold) for row in passed)
    if not exact and golds.unclosed(gold) and _is_odd(whole, item, "unclosed"):
        return Fault("A bracket or a quote of what is expected is never closed.",
                     _sides(item, gold))
    if not exact and golds.hangs(gold) and _is_odd(whole, item, "hangs"):
        return Fault("What is expected ends where no answer ends.", _sides(item, gold))
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    if not exact and golds.unended(gold) and counts["long"] > _FEWEST_SIBLINGS \
            and counts["unended"] <= max(1, _ODD * counts["long"]):
        return Fault("What is expected ends without the sign that ends all others of its task.",
                     _sides(item, gold))
    if _lacks_one(item, whole, gold):
        return Fault("What is expected lacks numbers of the question, of which the other golds of "
                     "its task have all.", _sides(item, gold))
    if longer := _goes_on(item, gold):
        return Fault("What is expected is the beginning of what most failing answers say word for "
                     "word.", _sides(item, gold, variant("failed", *longer)), longer[1])
    longer = _longer(item, gold)
    if longer:
        return Fault("What is expected breaks off within what the failing answers agree on.",
                     _sides(item, gold, variant("failed", longer[0], longer[1])), longer[1])
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
    models = {row.model for row in item.rows if row.outcome != "unjudged"}
    after = max(sorted(rest), key=lambda text: len({row.model for row in rest[text]}), default="")
    agreeing = {row.model for row in rest.get(after, ())}
    if len(agreeing) < 2 or 3 * len(agreeing) < 2 * len(models):
        return None
    return rest[after][0].answer, rest[after]


def _pieces(item: Item) -> list[str]:
    """What stands in the gold cut: numbers whose leading zeros are gone, or words of a list of
    which none stands in the question and each begins a longer word of it."""
    values = golds.scalars(item.expected)
    words = set(re.findall(r"\w+", item.question))
    numbers = [text for text in values if re.fullmatch(r"[1-9]\d{2,}", text) and text not in words
               and any(word[0] == "0" and word.lstrip("0") == text for word in words)]
    if numbers := numbers or _cut_names(item):
        return numbers
    is_list = isinstance(item.expected, list) and len(values) > 1
    if is_list and all(len(text) > 2 and text.isalpha() and text not in words and any(
            word.startswith(text) for word in words) for text in values):
        return values
    return []


def _cut_names(item: Item) -> list[str]:
    """Names with digits in expected actions that stand neither in the question nor in any result,
    while a longer one that begins so stands in the question."""
    if not isinstance(item.expected, dict | list) or not any(row.made for row in item.rows):
        return []
    words = set(re.findall(r"[\w-]+", item.question))
    cut = [text for text in dict.fromkeys(golds.scalars(item.expected))
           if re.fullmatch(r"(?=.*[A-Za-z])(?=.*\d)[\w-]{4,}", text) and text not in words
           and any(word.startswith(text) and len(word) > len(text) for word in words)]
    return [text for text in cut if not any(re.search(rf"\b{re.escape(text)}\b", made.result)
                                            for row in item.rows for made in row.made)] \
        or _spoilt_names(item, words)


def _spoilt_names(item: Item, words: set[str]) -> list[str]:
    """Names with digits in expected actions that stand in no question and no result, and are one
    of the question's own but for one sign; which a sign that stands for any says, or that calls
    with the question's worked."""
    worked = {text for row in item.rows for made in row.made if not made.failed
              for text in golds.scalars(made.arguments)}
    told = [made.result for row in item.rows for made in row.made]
    is_whole = all(len(result) < LONGEST_RESULT for result in told)
    found = []
    for text in dict.fromkeys(golds.scalars(item.expected)):
        if not re.fullmatch(r"(?=.*[A-Za-z])(?=.*\d\D?\d)\S{5,}", text) or text in item.question \
                or text in worked or any(text in result for result in told):
            continue
        any_sign = re.compile(re.sub(r"\\[?*#]|\ufffd|…", ".", re.escape(text)))
        spoilt = any_sign.pattern != re.escape(text)
        if any(any_sign.fullmatch(word) if spoilt
               else is_whole and word in worked and _one_off(text, word) for word in words):
            found.append(text)
    return found


def _one_off(a: str, b: str) -> bool:
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
        words = golds.folded(_final(row.answer)) if row.outcome == "fail" else ""
        if sign:
            words = " ".join(re.sub(r"[\[\]\"']", " ", words).split()).replace(" ,", ",")
        if len(words) > len(short) and words.startswith(short):
            said[words].append(row)
    if len(short) < 4 or not said or not (sign or short[-1].isalpha()):
        return None
    words = max(sorted(said), key=lambda text: len({row.model for row in said[text]}))
    models = {row.model for row in item.rows if row.outcome != "unjudged"}
    agreeing = {row.model for row in said[words]}
    rest = words[len(short):]
    if sign and _is_sorted(short) and not _is_sorted(words):
        return None  # what is added stands at the wrong place: the models' own
    if len(agreeing) < 2 or 3 * len(agreeing) < 2 * len(models) \
            or not (rest.startswith(sign) if sign else rest[0].isalpha()) \
            or _INFLECTED.fullmatch(rest.split()[0]):
        return None
    return _final(said[words][0].answer), said[words]


def _is_sorted(listed: str) -> bool:
    """Whether a list with commas, of three members or more, goes up or down."""
    parts = [part.strip() for part in listed.split(",")]
    values = list(map(golds.number, parts))
    ranks = parts if None in values else values
    return len(ranks) > 2 and ranks in (sorted(ranks), sorted(ranks, reverse=True))


def _garbled(item: Item, whole: Whole) -> Fault | None:
    """The gold was read in a wrong encoding, and the question was not."""
    gold = golds.plain(item.expected)
    if gold is None or not is_garbled(gold) or is_garbled(item.question):
        return None
    return Fault("What is expected was read in a wrong encoding.", _sides(item, gold))


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


def _type(item: Item, whole: Whole) -> Fault | None:
    """The gold is of another kind than the question's options, than the golds of the same question
    with other data, or than the number that is asked for."""
    gold = golds.plain(item.expected)
    kind = golds.kind_of(item.expected)
    task = golds.task_of(item.rows)
    offered = golds.options(item.question)
    if offered and gold is not None and kind == "letter" \
            and gold.strip().strip("().") not in offered:
        return Fault(f"The letter that is expected is none of the {len(offered)} options.",
                     _sides(item, gold))
    if gold is not None and (odd := _no_value(item, whole, gold, bool(offered))):
        return Fault(odd, _sides(item, gold))
    kinds = whole.profile.kinds.get((task, golds.template(item.question)), Counter())
    others = kinds.total() - kinds[kind]
    usual = max(sorted(kinds), key=kinds.__getitem__, default="")
    if kind not in (usual, "none") and usual not in ("text", "none", "object") \
            and kinds[usual] == others >= _FEWEST_SIBLINGS \
            and kinds[kind] <= max(1, _ODD * others):
        return Fault(f"What is expected is of the kind {kind}; of the same question with other "
                     f"data it is of the kind {usual} in all of {others} items.",
                     _sides(item, item.expected), numbers={"siblings": others})
    counts = whole.profile.tasks.get(task, Counter())
    if gold is not None and golds.wants_number(item.question) and not golds.is_any_number(gold) \
            and counts["wanted"] > _FEWEST_SIBLINGS \
            and counts["not_number"] <= max(1, _ODD * counts["wanted"]):
        return Fault("The question asks for a number and what is expected is none.",
                     _sides(item, gold))
    return None


def _no_value(item: Item, whole: Whole, gold: str, offered: bool) -> str:
    """Why a gold can be no answer; blank where it can."""
    odd = _odd_value(item, whole, gold, offered)
    if odd and any(alike(_final(row.answer), gold, "") for row in item.rows
                   if row.outcome != "unjudged"):
        return ""
    return odd


def _odd_value(item: Item, whole: Whole, gold: str, offered: bool) -> str:
    """Why a gold looks like no answer; blank where it does not."""
    if golds.is_placeholder(gold):
        return "What is expected only stands for an answer."
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    texts = golds.options(item.question).values()
    if offered and golds.kind(gold) != "letter" and counts["offered"] > _FEWEST_SIBLINGS \
            and counts["not_letter"] <= max(1, _ODD * counts["offered"]) \
            and not any(golds.folded(text) in golds.folded(gold) for text in texts):
        return "What is expected is none of the options, neither a letter nor a text of them."
    return ""


def _in_question(item: Item, whole: Whole) -> Fault | None:
    """The question says its answer."""
    gold = golds.plain(item.expected)
    if gold is None and isinstance(item.expected, dict | list):
        if golds.states_json(item.question, item.expected):
            return Fault("The question says its own answer.", _sides(item, item.expected),
                         [row for row in item.rows if row.outcome == "pass"])
        return None
    if not gold or not golds.states(item.question, gold):
        return None
    said = golds.folded(gold)
    if whole.profile.stated[said] > 0:  # where others say it too, it belongs to the form
        return None
    return Fault("The question says its own answer.", _sides(item, gold),
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
        return Fault(what, _sides(item, item.expected))
    odd = {name for name in demands.NAMES if _is_oddly_broken(whole, task, name)}
    found = demands.of(item.question, gold) if gold is not None and odd else ()
    for demand in found:
        if not demand.kept and demand.name in odd:
            return Fault(f"What is expected breaks what the question demands ({demand.name}).",
                         _sides(item, gold))
    return None


def _is_oddly_broken(whole: Whole, task: str, name: str) -> bool:
    """Whether golds of a task break a demand, and few do."""
    kept, broken = (whole.profile.demands[task, name, state] for state in (True, False))
    return 0 < broken <= max(1, _ODD * (kept + broken))


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
    numbers = [_value(text) for text in _numbers_of(gold)] if isinstance(gold, list) else []
    order = {word.lower() for word in re.findall(r"\b(ascending|descending) order\b", question,
                                                 re.IGNORECASE)}
    same = Counter(numbers) == Counter(map(_value, _DECIMAL.findall(question)))
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
    ("two_golds", _two_golds), ("gold_rounded", _rounded), ("gold_cut", _cut),
    ("gold_against_question", _against_question),
    ("gold_garbled", _garbled), ("gold_type", _type), ("answer_in_question", _in_question),
    _OF_NAMES, ("contract_forbids", _forbidden))

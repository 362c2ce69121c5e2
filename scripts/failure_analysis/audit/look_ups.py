"""Look-ups that were answered in two ways: within a run, across runs, and results that contradict
each other."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import required
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import SORTED_JSON, Made, Seen
from failure_analysis.tool_checks import parsed_arguments

_CLOCK = re.compile(r"(^|_)(time|now|today|date|clock|random|uuid|weather|news|web|search_web|"
                    r"browse|status_page)(_|$)", re.I)
_ID = re.compile(r"(^|_)(id|ref)$", re.I)
_NO_CALL = "(no call"  # what stands for the call of a result that has none
_NEARLY_ALL, _SEVERAL = 0.9, 3


@lru_cache(1 << 10)
def key(made: Made) -> str:
    """What equal calls share: who called, the tool, its arguments."""
    return SORTED_JSON([made.by, made.tool, made.arguments]).decode()


class _Look(NamedTuple):
    """A look-up, and what equal ones share."""

    key: str
    made: Made


def results(item: Item) -> Iterator[Candidate]:
    """Look-ups with equal arguments and state, and different results."""
    looks = [(_spans(row), row) for row in item.rows if row.made]
    within = [(pair, row) for spans, row in looks if (pair := _differing(spans))]
    if within:
        yield _two_results(item, "within", "within one run", within[0][0],
                           [row for _, row in within])
    seen: dict[str, list[tuple[_Look, Seen]]] = {}
    for spans, row in looks:
        for look in spans[0]:
            seen.setdefault(look.key, []).append((look, row))
    for calls in seen.values():
        pair = _differing([[look for look, _ in calls]])
        rows = {row.ident: row for _, row in calls}
        if pair and len(rows) >= _SEVERAL and _has_majority([look.made for look, _ in calls]):
            yield _two_results(item, "across", "in different runs, before any write", pair,
                               list(rows.values()))
            break
    opposed = [(pair, row) for spans, row in looks if (pair := _opposed(spans))]
    if opposed:
        yield _two_results(item, "contradiction", "and say different things of the same thing",
                           opposed[0][0], [row for _, row in opposed])


def _has_majority(calls: Sequence[Made]) -> bool:
    """Whether most of the calls have one result: where all differ, the world may do so."""
    return 2 * Counter(made.result_hash for made in calls).most_common(1)[0][1] > len(calls)


def _two_results(item: Item, rule: str, where: str, pair: tuple[Made, Made], rows: Sequence[Seen]
                 ) -> Candidate:
    one, other = pair
    what = "Two look-ups were answered one after the other" if rule == "contradiction" else \
        "One look-up with equal arguments was answered differently"
    return candidate(item, "same_call_other_result", rule, f"{what} {where}.",
                     [variant("once", _whole(one), rows), variant("and once", _whole(other))], ())


def _whole(made: Made) -> str:
    return f"{made.tool} {tool_calls.result_text(made.arguments)} -> {made.result[:1_000]}"


def _spans(row: Seen) -> list[list[_Look]]:
    """The look-ups that worked, in groups between which something was written."""
    spans: list[list[_Look]] = [[]]
    for made in row.made:
        if required.writes(made.tool):
            spans.append([])
        elif not made.failed and made.result and not is_timed(made.tool) \
                and not made.tool.startswith(_NO_CALL):
            spans[-1].append(_Look(key(made), made))
    return spans


def _differing(spans: Sequence[Sequence[_Look]]) -> tuple[Made, Made] | None:
    """The first two calls of a span that are equal, their results not."""
    for span in spans:
        first: dict[str, Made] = {}
        for key, made in span:
            earlier = first.setdefault(key, made)
            if earlier.result_hash != made.result_hash and not alike(earlier, made):
                return earlier, made
    return None


def alike(one: Made, other: Made) -> bool:
    """Whether two results say the same: but for form where they are JSON, else in all numbers and
    nearly all words, as a text may address its reader."""
    try:
        return json.loads(one.result) == json.loads(other.result)
    except ValueError:
        a, b = (re.findall(r"\w+", made.result) for made in (one, other))
        numbers = [[word for word in words if word.isdigit()] for words in (a, b)]
        return numbers[0] == numbers[1] and \
            len(set(a) & set(b)) >= _NEARLY_ALL * len(set(a) | set(b))


def _opposed(spans: Sequence[Sequence[_Look]]) -> tuple[Made, Made] | None:
    """The first two results of a span, of different calls of which one asks for that thing, that
    give one thing two values."""
    for span in spans:
        if len({key for key, _ in span}) < 2:
            continue
        asked = [{str(value) for value in made.arguments.values()}
                 if isinstance(made.arguments, dict) else set() for _, made in span]
        any_asked = set().union(*asked)
        looks = [(key, made, mine, facts) for (key, made), mine in zip(span, asked, strict=True)
                 if (facts := _facts(made, any_asked))]
        for (key, one, mine, a), (other_key, other, its, b) in combinations(looks, 2):
            if key != other_key and any(
                    a[fact] != b[fact] and (fact[1] in mine or fact[1] in its)
                    and required.folded(a[fact]) != required.folded(b[fact])
                    for fact in a.keys() & b.keys()):
                return one, other
    return None


def _facts(made: Made, asked: Set[str]) -> dict[tuple[str, str, str], object]:
    """(name of its id, the id, key) -> value, for each object of a result that has an id that is
    asked for; where it has several, the first is its own."""
    facts: dict[tuple[str, str, str], object] = {}
    if "\\" not in made.result and not any(map(made.result.__contains__, asked)):
        return facts
    waiting = [parsed_arguments(made.result)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            own = next(filter(_is_id, value), None)
            if own and isinstance(value[own], str | int) and (ident := str(value[own])) in asked:
                facts |= {(own, ident, key): str(one).lower() if isinstance(one, bool) else one
                          for key, one in value.items()
                          if key != own and isinstance(one, str | int | float)}
    return facts


@lru_cache(1 << 10)
def is_timed(tool: str) -> bool:
    """Whether a tool tells what changes with the time."""
    return bool(_CLOCK.search(tool))


@lru_cache(1 << 10)
def _is_id(key: str) -> bool:
    return bool(_ID.search(key))

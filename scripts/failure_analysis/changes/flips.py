"""Items whose verdict changed, and how many would if OLD and NEW were one and the same."""

from collections import Counter
from collections.abc import Mapping
from math import comb
from typing import Any, NamedTuple

import numpy as np

from failure_analysis.changes.joined import Joined
from failure_analysis.changes.sides import Side, strip, verdict
from failure_analysis.statistics import ALPHA, DRAWS, rounded

FEWEST_STEADY = 2  # attempts on each side that must all end alike


class Flip(NamedTuple):
    """An item whose verdict changed: its ids, the attempts of both sides as a strip, the
    datapoints, whether all attempts of a side ended alike, several on each, and the provisional
    mode of its first failure in NEW."""

    item: str
    old_item: str
    task: str
    old: str
    new: str
    old_datapoints: list[str]
    new_datapoints: list[str]
    steady: bool
    mode: str | None = None


class Flips(NamedTuple):
    """The compared items by what became of them, most judged attempts deciding: `moved` have more
    or fewer passes and the same verdict, or one that is split."""

    harmful: list[Flip]
    beneficial: list[Flip]
    moved: list[Flip]
    both_pass: int
    both_fail: int
    split: int


def flips(old: Side, new: Side, joined: Joined, modes: Mapping[int, str]) -> Flips:
    """What became of every compared item, those whose verdict changed steadily first; `modes` are
    those of NEW's failures by the places of their items."""
    lists: dict[str, list[Flip]] = {"harmful": [], "beneficial": [], "moved": []}
    counts: Counter[str] = Counter()
    names = old.names(), new.names()
    for here, there in zip(joined.old.tolist(), joined.new.tolist(), strict=True):
        marks = old.marks[here], new.marks[there]
        kind = _kind(*map(verdict, marks))
        counts[kind] += 1
        if kind not in lists and _rate(marks[0]) == _rate(marks[1]):
            continue
        lists.get(kind, lists["moved"]).append(Flip(
            names[1][there], names[0][here], new.tasks[there], *map(strip, marks),
            old.idents[here], new.idents[there], _is_steady(*marks), modes.get(there)))
    for listed in lists.values():
        listed.sort(key=lambda flip: not flip.steady)
    return Flips(**lists, both_pass=counts["both_pass"], both_fail=counts["both_fail"],
                 split=counts["split"])


def _kind(old: str, new: str) -> str:
    """What became of an item with these verdicts."""
    if "split" in (old, new):
        return "split"
    if old == new:
        return f"both_{old}"
    return "harmful" if new == "fail" else "beneficial"


def _rate(marks: str) -> float:
    judged = marks.count("P") + marks.count("F")
    return marks.count("P") / judged


def _is_steady(old: str, new: str) -> bool:
    """Whether all attempts of OLD ended one way and all of NEW the other, several on each side."""
    judged = [marks.replace("-", "") for marks in (old, new)]
    return all(len(marks) >= FEWEST_STEADY and len(set(marks)) == 1 for marks in judged) \
        and judged[0][0] != judged[1][0]


def noise(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray], seed: int
          ) -> dict[str, Any] | None:
    """How many of the items with repeats flip, and would if their attempts were dealt to the sides
    at random (exchangeable attempts: the hypergeometric distribution of each item, DRAWS worlds);
    the same of steady flips to failing. None where no item has a repeat: then every flip may be
    noise, and nothing tells."""
    cases = Counter(zip(*(part.tolist() for part in (*old, *new)), strict=True))
    repeated = {case: count for case, count in cases.items() if case[0] + case[2] > 2}
    if not repeated:
        return None
    rng = np.random.default_rng(seed)
    dealt = {"flips": _dealt(repeated, _flip_chance, rng),
             "steady_harmful": _dealt(repeated, _steady_chance, rng)}
    seen = {"flips": sum(count for (n, a, m, b), count in repeated.items()
                         if (2 * a - n) * (2 * b - m) < 0),
            "steady_harmful": sum(count for (n, a, m, b), count in repeated.items()
                                  if min(n, m) >= FEWEST_STEADY and a == n and b == 0)}
    return {"items": sum(repeated.values()),
            **{name: _held(seen[name], worlds) for name, worlds in dealt.items()}}


def _dealt(cases: dict, chance: Any, rng: np.random.Generator) -> np.ndarray:
    """How many items do so in each world of dealt attempts."""
    chances: Counter[float] = Counter()
    for case, count in cases.items():
        chances[chance(*case)] += count
    return sum((rng.binomial(count, p, size=DRAWS) for p, count in sorted(chances.items()) if p),
               np.zeros(DRAWS, dtype=np.int64))


def _held(seen: int, worlds: np.ndarray) -> dict[str, Any]:
    """A count beside those of the worlds: their mean, 95 % range, and the share that is as high."""
    low, high = np.quantile(worlds, [ALPHA / 2, 1 - ALPHA / 2], method="closest_observation")
    return {"seen": seen, "expected": rounded(worlds.mean(), 1), "low": int(low), "high": int(high),
            "p": rounded((1 + int((worlds >= seen).sum())) / (1 + len(worlds)), 5)}


def _flip_chance(n: int, a: int, m: int, b: int) -> float:
    """The chance that an item with a + b passes in n + m attempts flips when they are dealt."""
    return sum(_deal(n, m, a + b, k) for k in range(n + 1)
               if (2 * k - n) * (2 * (a + b - k) - m) < 0)


def _steady_chance(n: int, a: int, m: int, b: int) -> float:
    """The chance that it passes every attempt of OLD and none of NEW."""
    return _deal(n, m, a + b, n) if a + b == n and min(n, m) >= FEWEST_STEADY else 0.0


def _deal(n: int, m: int, passed: int, k: int) -> float:
    """The chance that k of the passes fall on OLD's n of n + m attempts."""
    if not 0 <= passed - k <= m:
        return 0.0
    return comb(n, k) * comb(m, passed - k) / comb(n + m, passed)

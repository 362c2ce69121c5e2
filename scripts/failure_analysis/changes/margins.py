"""Whether a difference is within a margin: tests of "no worse by more than so much" and of "equal
within so much", for single and repeated attempts and for clusters, with their power."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr, stdtr

from failure_analysis.statistics import ALPHA, clustered, rounded

_WORLDS = 2_000  # that a power is simulated with
_MOST_CELLS = 20_000_000  # of the worlds' clusters together
_STEPS = 40  # of a bisection


class Paired(NamedTuple):
    """What tests of a margin need of the differences (NEW minus OLD, from -1 to 1) of n items:
    their mean; the standard error of it, and of how many independent items or clusters it is; the
    mean `square` of differences that are -1, 0 or 1 alone, one attempt a side (else None). May hold
    arrays, of many worlds."""

    n: int
    mean: Any
    error: Any
    units: Any
    square: Any = None

    def turned(self) -> "Paired":
        """The same with the sides exchanged."""
        return self._replace(mean=-self.mean)


Test = Callable[[Paired, float], Any]


def no_worse(paired: Paired, margin: float) -> Any:
    """The p value of "NEW is worse than OLD by the margin or more", against "by less"."""
    return (_repeated if paired.square is None else _single)(paired, margin)


def equivalent(paired: Paired, margin: float) -> Any:
    """The p value of "they differ by the margin or more", against "by less": the larger one of two
    one-sided tests (TOST, Schuirmann 1987)."""
    return np.maximum(no_worse(paired, margin), no_worse(paired.turned(), margin))


def _single(paired: Paired, margin: float) -> Any:
    """The score test of a difference of paired shares (Tango 1998), one item being taken off
    (a continuity correction): so its size is below .05 whatever the share of discordant items."""
    n, here = paired.n, -margin
    worse, better = (n * (paired.square - sign * paired.mean) / 2 for sign in (1, -1))
    b = -worse - better + (2 * n - better + worse) * here
    c = -worse * here * (1 - here)
    share = (np.sqrt(np.maximum(b * b - 8 * n * c, 0)) - b) / (4 * n)
    variance = n * (2 * share + here * (1 - here))
    return ndtr(-_ratio(better - worse - n * here - 1, variance))


def _repeated(paired: Paired, margin: float) -> Any:
    """The same for shares of attempts, and for clusters: a t test whose variance is that of the
    units mixed with so many at -1 that their mean is at the margin, half an item being taken off.
    The variance that is seen is too small just where few of them happen to have changed."""
    mean, units = paired.mean, paired.units
    weight = np.clip((mean + margin) / np.maximum(1 + mean, 1e-12), 0, 1)
    square = paired.error**2 * units + mean**2
    variance = (1 - weight) * square + weight - margin**2
    return stdtr(np.maximum(1, units - 1), -_ratio(mean + margin - 0.5 / paired.n,
                                                   variance / units))


def _ratio(difference: Any, variance: Any) -> Any:
    """A difference over its standard error; nothing is shown where that is none."""
    error = np.sqrt(np.maximum(variance, 1e-18))
    return np.where(variance > 1e-12, difference / error, 0.0)


def smallest(test: Test, paired: Paired) -> float | None:
    """The smallest margin at which a test says at .05 that the difference is within it; None where
    no margin would do."""
    low, high = 0.0, 1.0
    if test(paired, high - 1e-9) > ALPHA:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if test(paired, middle) <= ALPHA else (middle, high)
    return high


def of_values(values: np.ndarray, single: bool, clusters: np.ndarray | None) -> Paired:
    """What the tests need of the differences of items, in clusters where there are some."""
    of = clustered(values, np.arange(len(values)) if clusters is None else clusters)
    square = float((values**2).mean()) if single and clusters is None else None
    return Paired(len(values), of.mean, of.standard_error, of.effective, square)


def power(test: Test, values: np.ndarray, single: bool, clusters: np.ndarray | None,
          margin: float, seed: int) -> float:
    """How often a test would say "within the margin" of so many items if there were no difference:
    worlds drawn from the differences (of clusters: their sums) and their mirror images, whose mean
    is 0."""
    rng = np.random.default_rng(seed)
    draw = _single_worlds if single and clusters is None else _cluster_worlds
    shown = worlds = 0
    for world in draw(values, clusters, rng):
        p = np.atleast_1d(test(world, margin))
        shown += int((p <= ALPHA).sum())
        worlds += len(p)
    return shown / worlds


def _single_worlds(values: np.ndarray, _: None, rng: np.random.Generator):
    n, changed = len(values), float((values**2).mean())
    better, worse, _ = rng.multinomial(n, [changed / 2, changed / 2, 1 - changed],
                                       size=_WORLDS).T
    yield Paired(n, (better - worse) / n, 0.0, n, (better + worse) / n)


def _cluster_worlds(values: np.ndarray, clusters: np.ndarray | None, rng: np.random.Generator):
    clusters = np.arange(len(values)) if clusters is None else clusters
    sizes = np.bincount(clusters).astype(float)
    sums, count = np.bincount(clusters, values), len(sizes)
    block = max(1, min(250, _MOST_CELLS // 8 // count))
    for _ in range(max(1, min(_WORLDS, _MOST_CELLS // count) // block)):
        drawn = rng.integers(0, count, (block, count))
        signs = rng.integers(0, 2, (block, count)) * 2 - 1
        size, total = sizes[drawn], sums[drawn] * signs
        n = size.sum(1)
        mean = total.sum(1) / n
        off = (total - mean[:, None] * size) / (1 - size / n[:, None])
        error = np.sqrt((count - 1) / count * (off**2).sum(1)) / n
        yield Paired(len(values), mean, error, n**2 / (size**2).sum(1))


def within(values: np.ndarray, single: bool, clusters: np.ndarray | None, margin: float | None,
           seed: int) -> dict[str, Any]:
    """What may be said of a margin: the smallest ones that are shown, and of one asked for the p
    values and the powers. Fewer than two items or clusters say nothing."""
    if len(values) < 2 or clusters is not None and clusters.max() < 1:
        return {"no_worse_by": None, "equal_within": None}
    paired = of_values(values, single, clusters)
    result: dict[str, Any] = {"no_worse_by": _up(smallest(no_worse, paired)),
                              "equal_within": _up(smallest(equivalent, paired))}
    if margin is not None:
        for name, test in (("no_worse", no_worse), ("equivalent", equivalent)):
            p = float(test(paired, margin))
            result[name] = {"shown": p <= ALPHA, "p": rounded(p, 6), "power": rounded(
                power(test, values, single, clusters, margin, seed), 3)}
    return result


def _up(margin: float | None) -> float | None:
    """A margin as it is written: never smaller than it is."""
    return None if margin is None else math.ceil(margin * 1e4 - 1e-6) / 1e4

"""Statistics of paired pass/fail outcomes. Each function names its source;
references/statistics.md says which question it answers and when it is silent."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

ALPHA, POWER = 0.05, 0.8
DRAWS = 10_000
# Below this many items the percentile bootstrap is too narrow (coverage .92 at 10, .93 at 30).
FEWEST_BOOTSTRAP_ITEMS = 50
# The quantiles of the normal distribution at 1 - ALPHA / 2 and at POWER, so that what needs no more
# of scipy does not load it.
_Z, _Z_POWER = 1.959963984540054, 0.8416212335729143
_MOST_CELLS = 2_000_000
_NEGLIGIBLE = 1e-300  # a term of a distribution beside its largest


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class McNemar(NamedTuple):
    """Two p values of one paired table."""

    mid_p: float
    exact_p: float


class MeanDifference(NamedTuple):
    """A mean over items with what is known of it; no interval where all items are equal."""

    mean: float
    interval: Interval | None
    p: float
    standard_error: float
    method: str


class Agreement(NamedTuple):
    """Two graders on the same answers; a coefficient is None where it is undefined."""

    share: float
    kappa: float | None
    ac1: float | None


def wilson(passed: float, n: float) -> Interval:
    """The score interval of a share (Wilson 1927; Brown, Cai & DasGupta 2001)."""
    share = passed / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def effective_size(passed: "np.ndarray", attempts: "np.ndarray") -> float:
    """How many independent answers the repeated attempts at these items are worth, for a Wilson
    interval (Korn & Graubard 1998, with their correction for few clusters)."""
    from scipy.special import stdtrit

    items, total = len(attempts), float(attempts.sum())
    share = passed.sum() / total
    if items == 1:
        return 1.0
    if share in (0, 1):
        return float(items)
    off = passed - share * attempts
    variance = items / (items - 1) * float(off @ off) / total**2
    few = (_Z / float(stdtrit(items - 1, 1 - ALPHA / 2))) ** 2
    return min(total, max(1.0, few * share * (1 - share) / variance)) if variance else total


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's test on the items that one side alone failed: mid-p and exact p (Fagerland,
    Lydersen & Laake 2013)."""
    n, least = only_a + only_b, min(only_a, only_b)
    if not n:
        return McNemar(1.0, 1.0)
    first, at_most = _binomial(n, 0.5)
    tail, fewer = (at_most[most - first] if most >= first else 0.0 for most in (least, least - 1))
    here = tail - fewer
    return McNemar(min(1.0, 2 * tail - here), min(1.0, 2 * tail))


def newcombe_paired(both: int, only_a: int, only_b: int, neither: int) -> Interval:
    """The interval of the difference of two paired shares, a minus b (Newcombe 1998, method 10)."""
    n = both + only_a + only_b + neither
    share_a, share_b = (both + only_a) / n, (both + only_b) / n
    a, b = wilson(both + only_a, n), wilson(both + only_b, n)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    cross = both * neither - only_a * only_b
    if cross > 0:
        cross = max(cross - n / 2, 0)
    phi = cross / math.sqrt(margins) if margins else 0.0

    def half(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a**2 - 2 * phi * a * b + b**2))

    difference = share_a - share_b
    return Interval(max(-1.0, difference - half(share_a - a.low, b.high - share_b)),
                    min(1.0, difference + half(a.high - share_a, share_b - b.low)))


def mean_difference(differences: "np.ndarray", seed: int, draws: int = DRAWS) -> MeanDifference:
    """The mean of per-item differences, the items being what is sampled (Miller 2024): percentile
    bootstrap interval from 50 items on, Student's t below; p by the t test over items, no smaller
    than 2^(1 - n), the least that n items can show by their signs."""
    import numpy as np
    from scipy.special import stdtr, stdtrit

    n = len(differences)
    mean = float(differences.mean())
    spread = float(differences.std(ddof=1)) if n > 1 else 0.0
    error = spread / math.sqrt(n)
    least = min(1.0, 2.0 ** (1 - n))
    if spread < 1e-12:
        return MeanDifference(mean, None, least if abs(mean) > 1e-12 else 1.0, 0.0, "sign")
    p = max(2 * float(stdtr(n - 1, -abs(mean) / error)), least)
    if n < FEWEST_BOOTSTRAP_ITEMS:
        half = float(stdtrit(n - 1, 1 - ALPHA / 2)) * error
        interval = Interval(max(-1.0, mean - half), min(1.0, mean + half))
        return MeanDifference(mean, interval, p, error, "t")
    means = _resampled_means(differences, seed, draws)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return MeanDifference(mean, Interval(float(low), float(high)), p, error, "bootstrap")


class Clustered(NamedTuple):
    """A mean over items in clusters: its standard error, and how many clusters of equal size tell
    as much as these of unequal ones."""

    mean: float
    standard_error: float
    effective: float


def clustered(values: "np.ndarray", clusters: "np.ndarray") -> Clustered:
    """The mean of items that come in clusters, these being what is sampled: error by leaving one
    cluster out at a time (CV3; MacKinnon, Nielsen & Webb 2023), effective number of clusters by
    their sizes (Carter, Schnepel & Steigerwald 2017). `clusters` are whole numbers from 0 on.
    Clusters of one item give the standard error of a mean, one cluster gives none."""
    import numpy as np

    sizes = np.bincount(clusters)
    sums, n, count = np.bincount(clusters, values), len(values), len(sizes)
    mean = float(values.mean())
    if count == 1:
        return Clustered(mean, 0.0, 1.0)
    off = (sums - mean * sizes) / (1 - sizes / n)
    error = math.sqrt((count - 1) / count * float(off @ off)) / n
    return Clustered(mean, error, n**2 / float((sizes.astype(float)**2).sum()))


def clustered_difference(values: "np.ndarray", clusters: "np.ndarray") -> MeanDifference:
    """The mean of per-item differences over clusters, with t on the effective number of clusters
    less one. p is no smaller than 2^(1 - k), the least that k clusters can show by their signs; no
    interval where that is above .05, or no cluster differs from another."""
    from scipy.special import stdtr, stdtrit

    of = clustered(values, clusters)
    least = min(1.0, 2.0 ** (1 - int(clusters.max()) - 1))
    if of.standard_error < 1e-12:
        return MeanDifference(of.mean, None, least if abs(of.mean) > 1e-12 else 1.0, 0.0, "sign")
    free = max(1.0, of.effective - 1)
    half = float(stdtrit(free, 1 - ALPHA / 2)) * of.standard_error
    p = max(2 * float(stdtr(free, -abs(of.mean) / of.standard_error)), least)
    interval = Interval(max(-1.0, of.mean - half), min(1.0, of.mean + half))
    return MeanDifference(of.mean, interval if least < ALPHA else None, p, of.standard_error,
                          "clusters")


def _resampled_means(values: "np.ndarray", seed: int, draws: int) -> "np.ndarray":
    """Means of `draws` resamples of the items. Items with one value are interchangeable, so it is
    enough to draw how often each distinct value comes: the same distribution, far fewer draws."""
    import numpy as np

    distinct, counts = np.unique(np.round(values, 12), return_counts=True)
    rng = np.random.default_rng(seed)
    shares = counts / counts.sum()
    block = max(1, _MOST_CELLS // len(distinct))
    parts = [rng.multinomial(len(values), shares, size=min(block, draws - start)) @ distinct
             for start in range(0, draws, block)]
    return np.concatenate(parts) / len(values)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for their number, step down (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def smallest_difference(n: int, discordant: int, level: float = ALPHA) -> float | None:
    """The smallest difference of pass rates that n paired items show with 80 % power at a level,
    given how many of them differed: McNemar's test as a test of 1/2 among those that differ (Connor
    1987), its power by the angular transformation (Cohen 1988). They become more with the
    difference, as odds that part evenly have it. None where no item differed, or where no
    difference at all would do."""
    from statistics import NormalDist  # Python's

    if not discordant:
        return None
    quantiles = NormalDist().inv_cdf(1 - level / 2) + _Z_POWER

    def shown(difference: float) -> bool:
        differing = n * min(1.0, math.hypot(discordant / n, difference))
        angle = quantiles / math.sqrt(differing)
        return angle <= math.pi / 2 and 0.5**differing < level \
            and n * difference >= differing * math.sin(angle)

    if not shown(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def smallest_mean_difference(n: int, standard_error: float, level: float = ALPHA) -> float | None:
    """The same for repeated attempts at n items, from the standard error over them (Miller 2024),
    with quantiles of t; None where the items do not vary or are too few."""
    from scipy.special import stdtrit

    if 2.0 ** (1 - n) >= level:
        return None
    smallest = float(stdtrit(n - 1, 1 - level / 2) + stdtrit(n - 1, POWER)) * standard_error
    return smallest if 0 < smallest <= 1 else None


def pass_hat(attempts: Mapping[tuple[int, int], int], k: int) -> float:
    """pass^k: the share of k-fold attempts that pass every time, unbiased (Yao et al. 2024).
    `attempts` counts items by (attempts, passed); each has k attempts at least."""
    return _mean(attempts, lambda n, passed: math.comb(passed, k) / math.comb(n, k))


def pass_at(attempts: Mapping[tuple[int, int], int], k: int) -> float:
    """pass@k: the share of k-fold attempts that pass at least once, unbiased (Chen et al. 2021)."""
    return _mean(attempts, lambda n, passed: 1 - math.comb(n - passed, k) / math.comb(n, k))


def flip_rate(attempts: Mapping[tuple[int, int], int]) -> float:
    """How often two attempts at one item end differently: the mean over items of
    2 c (n - c) / (n (n - 1)), unbiased (Gini's mean difference of 0 and 1)."""
    return _mean(attempts, lambda n, passed: 2 * passed * (n - passed) / (n * (n - 1)))


def _mean(attempts: Mapping[tuple[int, int], int], value) -> float:
    total = math.fsum(items * value(*key) for key, items in sorted(attempts.items()))
    return total / sum(attempts.values())


def chance_range(total: int, share: float) -> Interval:
    """The 95 % range of how many of `total` have what each has with probability `share`: the
    quantiles of Binomial(total, share)."""
    first, at_most = _binomial(total, share)
    low, high = (first + bisect_left(at_most, level - 1e-12)
                 for level in (ALPHA / 2, 1 - ALPHA / 2))
    return Interval(low, high)


def _binomial(total: int, share: float) -> tuple[int, list[float]]:
    """Binomial(total, share), cumulative: the first count that is not all but impossible, and how
    likely at most so many are from it on. Its terms are worked out from the most likely one, as
    the import of scipy takes longer than a small call."""
    if not 0 < share < 1:
        return (total if share else 0), [1.0]
    odds, most_likely = share / (1 - share), min(int((total + 1) * share), total)
    terms, first = deque([1.0]), most_likely
    while first > 0 and terms[0] > _NEGLIGIBLE:
        terms.appendleft(terms[0] * first / (total - first + 1) / odds)
        first -= 1
    last = most_likely
    while last < total and terms[-1] > _NEGLIGIBLE:
        terms.append(terms[-1] * (total - last) / (last + 1) * odds)
        last += 1
    whole = math.fsum(terms)
    return first, [below / whole for below in accumulate(terms)]


def agreement(both: int, only_a: int, only_b: int, neither: int) -> Agreement:
    """Raw agreement of two graders, Cohen's kappa (1960) and Gwet's AC1 (2008); they part where
    one verdict is rare."""
    n = both + only_a + only_b + neither
    share = (both + neither) / n
    a, b = (both + only_a) / n, (both + only_b) / n
    by_chance = a * b + (1 - a) * (1 - b)
    mean = (a + b) / 2
    by_chance_gwet = 2 * mean * (1 - mean)
    kappa = (share - by_chance) / (1 - by_chance) if by_chance < 1 else None
    return Agreement(share, kappa, (share - by_chance_gwet) / (1 - by_chance_gwet))


def rounded(value: float | None, digits: int = 4) -> float | None:
    """A number as it is written into files; None stays None."""
    return None if value is None else round(float(value), digits)


class Effect(NamedTuple):
    """An effect size with its interval."""

    value: float
    interval: Interval


def rank_biserial(a: Sequence[float], b: Sequence[float]) -> Effect:
    """How much more often a value of a is above one of b than below it, from -1 to 1 (Cureton
    1956; Wendt 1972), with Newcombe's interval (2006, method 5)."""
    wins = sum((x > y) + (x == y) / 2 for x in a for y in b) / (len(a) * len(b))
    low, high = mann_whitney_interval(wins, len(a), len(b))
    return Effect(2 * wins - 1, Interval(2 * low - 1, 2 * high - 1))


@lru_cache(1 << 12)
def mann_whitney_interval(share: float, m: int, n: int) -> Interval:
    """The interval of U / mn, the chance that one of m values is above one of n: the values at
    which the observed share is as far off as 1.96 of their standard errors (Newcombe 2006, method
    5: Hanley and McNeil's variance, the sizes balanced)."""
    half = (m + n) / 2 - 1

    def off(value: float) -> float:
        spread = value * (1 - value) / (m * n) * (
            1 + half * ((1 - value) / (2 - value) + value / (1 + value)))
        return (share - value) ** 2 - _Z**2 * spread

    def solved(inside: float, outside: float) -> float:
        if off(outside) <= 0:
            return outside
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if off(middle) <= 0 else (inside, middle)
        return inside

    return Interval(solved(share, 0.0), solved(share, 1.0))


@lru_cache(1 << 12)
def mann_whitney_shares(m: int, n: int) -> tuple[float, ...]:
    """The distribution of U from 0 to mn where all orders of the values are equally likely (Mann
    and Whitney 1947)."""
    ways = [1.0]
    for place in range(1, n + 1):  # the Gaussian binomial: times (1 - q^(m+place)) / (1 - q^place)
        longer = ways + [0.0] * m
        for at in range(len(longer) - 1, m + place - 1, -1):
            longer[at] -= longer[at - m - place]
        for at in range(place, len(longer)):
            longer[at] += longer[at - place]
        ways = longer
    total = sum(ways)
    return tuple(way / total for way in ways)

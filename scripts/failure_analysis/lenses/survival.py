"""Time to an answer: incidence of each outcome, late against early odds of a wrong answer within
strata, and two systems on the same items. Time is completion tokens."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, ndtr

from failure_analysis.lenses import findings

FEWEST = 8  # finishes on each side of a candidate change
DRAWS = 399


def incidence(times: np.ndarray, cause: np.ndarray, causes: int, at: np.ndarray) -> np.ndarray:
    """Cumulative incidence of each cause (1 … causes; 0 is censored) at the given times: Aalen &
    Johansen (1978). Without censoring before a time it is the plain proportion there."""
    distinct, which = np.unique(times, return_inverse=True)
    curve = curves(which, cause, causes, np.ones(len(times)))
    place = np.searchsorted(distinct, at, side="right") - 1
    return np.where(place >= 0, curve[:, np.maximum(place, 0)], 0.0)


def curves(which: np.ndarray, cause: np.ndarray, causes: int, weight: np.ndarray) -> np.ndarray:
    """The same after each distinct time, causes x times; `which` numbers the times from the
    shortest, `weight` counts samples several times."""
    at_risk = np.cumsum(np.bincount(which, weight)[::-1])[::-1]
    events = np.array([np.bincount(which, weight * (cause == code))
                       for code in range(1, causes + 1)])
    hazard = events / np.maximum(at_risk, 1e-9)
    before = np.r_[1.0, np.cumprod(1 - hazard.sum(0))[:-1]]
    return np.cumsum(hazard * before, axis=1)


def mean_until(times: np.ndarray, ended: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The mean time spent when all stop at the given times: the area under the share that has not
    ended (restricted mean survival time), which allows for those cut off before."""
    distinct = np.unique(times)
    running = 1 - incidence(times, ended.astype(int), 1, distinct)[0]
    area = np.cumsum(np.diff(np.r_[0, distinct]) * np.r_[1, running[:-1]])
    return np.interp(at, np.r_[0, distinct], np.r_[0, area])


class Change(NamedTuple):
    """The change of the odds wrong : correct with the largest chi-square, after the bin `bin`."""

    stat: float
    bin: int
    ratio: float
    low: float
    high: float
    curve: np.ndarray


class Strata(NamedTuple):
    """Finishes in informative strata (some wrong, some right), by stratum, and how many bins."""

    stratum: np.ndarray
    bin: np.ndarray
    wrong: np.ndarray
    item: np.ndarray
    bins: int

    @property
    def size(self) -> int:
        """How many strata there are."""
        return int(self.stratum.max()) + 1 if len(self.stratum) else 0


def informative(stratum: np.ndarray, bins: np.ndarray, wrong: np.ndarray, item: np.ndarray,
                number: int) -> Strata:
    """The finishes of strata with both outcomes, numbered anew: the others say nothing. All arrays
    have a line per finish; `bins` are places among `number` bins of time."""
    code = np.unique(stratum, return_inverse=True)[1]
    k, n = np.bincount(code, wrong), np.bincount(code)
    kept = ((k > 0) & (k < n))[code]
    code = np.unique(code[kept], return_inverse=True)[1]
    order = np.argsort(code, kind="stable")
    return Strata(code[order], bins[kept][order], wrong[kept][order].astype(int),
                  item[kept][order], number)


def _tables(strata: Strata, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Finishes and wrong ones, strata x bins."""
    place = strata.stratum * strata.bins + strata.bin
    size = strata.size * strata.bins
    ones = np.ones(len(place)) if weight is None else weight
    return (np.bincount(place, ones, size).reshape(-1, strata.bins),
            np.bincount(place, ones * strata.wrong, size).reshape(-1, strata.bins))


def longer(strata: Strata) -> findings.Interval:
    """P(wrong longer than correct) within strata, by bins, equal ones counted half, with the
    interval of its error where they do not differ (van Elteren 1960; ties allowed for)."""
    m, w = _tables(strata)
    right, n = m - w, m.sum(1)
    pairs = w.sum(1) * right.sum(1)
    u = (w * (right.cumsum(1) - right / 2)).sum(1)
    spread = pairs / 12 * (n + 1 - (m**3 - m).sum(1) / (n * (n - 1)))
    total = (pairs / n).sum()
    value, half = (u / n).sum() / total, findings.Z * np.sqrt((spread / n**2).sum()) / total
    return findings.Interval(float(value), float(max(0, value - half)), float(min(1, value + half)))


class Parts(NamedTuple):
    """What each stratum adds to the chi-squares (strata x candidate changes), and its tables."""

    excess: np.ndarray
    variance: np.ndarray
    late: np.ndarray
    late_wrong: np.ndarray
    n: np.ndarray
    k: np.ndarray
    trend_excess: np.ndarray
    trend_variance: np.ndarray


def parts(strata: Strata, score: np.ndarray, weight: np.ndarray | None = None) -> Parts:
    """Late against early at every bin edge (Mantel & Haenszel 1959), and the odds against a score
    of the bins (the score test of a conditional logistic regression: Mantel 1963), per stratum;
    `weight` counts finishes several times."""
    m, w = _tables(strata, weight)
    n, k = m.sum(1, keepdims=True), w.sum(1, keepdims=True)
    some = np.maximum(n, 1e-9)
    late, late_wrong = n - m.cumsum(1)[:, :-1], k - w.cumsum(1)[:, :-1]
    spread = np.where(n > 1, k * (n - k) / np.maximum(n * n * (n - 1), 1e-9), 0)
    total, squares = m @ score, m @ score**2
    return Parts(late_wrong - late * k / some, (n - late) * late * spread, late, late_wrong,
                 n[:, 0], k[:, 0], w @ score - k[:, 0] * total / some[:, 0],
                 spread[:, 0] * (n[:, 0] * squares - total**2))


def scan(parts: Parts, copies: np.ndarray) -> Change:
    """The candidate change with the largest chi-square, its odds ratio with the interval of
    Robins, Breslow & Greenland (1986); `copies` counts strata several times."""
    variance, late = copies @ parts.variance, copies @ parts.late
    curve = _curve(copies @ parts.excess, variance, late, copies @ parts.n)
    best = int(curve.argmax()) if len(curve) else 0
    used = copies > 0
    n, k = parts.n[used], parts.k[used]
    late, late_wrong = parts.late[used, best], parts.late_wrong[used, best]
    return Change(float(curve[best]), best, *findings.common_odds(
        late_wrong, late - late_wrong, k - late_wrong, n - k - late + late_wrong, copies[used],
        1.96), curve)


class Trend(NamedTuple):
    """A score test: signed z, chi-square, p."""

    z: float
    stat: float
    p: float


def trend(parts: Parts, copies: np.ndarray) -> Trend:
    """The test of the odds of being wrong against the score of the bins."""
    excess, variance = float(copies @ parts.trend_excess), float(copies @ parts.trend_variance)
    if variance <= 1e-12:
        return Trend(0.0, 0.0, 1.0)
    stat = excess**2 / variance
    return Trend(excess / np.sqrt(variance), stat, float(chdtrc(1, stat)))


def _curve(off: np.ndarray, variance: np.ndarray, late: np.ndarray, n: float) -> np.ndarray:
    """The chi-square of each candidate change with enough finishes on both sides."""
    open_ = (variance > 1e-9) & (late >= FEWEST) & (n - late >= FEWEST)
    return np.where(open_, off**2 / np.maximum(variance, 1e-9), 0)


def permuted(strata: Strata, parts: Parts, seed: int, draws: int = DRAWS) -> np.ndarray:
    """The largest chi-square after the wrong answers were dealt anew within each stratum: the
    exact null, of which only the wrong ones per bin vary."""
    variance, late = parts.variance.sum(0), parts.late.sum(0)
    expected = (parts.late_wrong - parts.excess).sum(0)
    wrong = _dealt(strata, parts.k.astype(int), seed, draws)
    late_wrong = wrong.sum(1, keepdims=True) - wrong.cumsum(1)[:, :-1]
    curve = _curve(late_wrong - expected, variance, late, parts.n.sum())
    return curve.max(1) if curve.shape[1] else np.zeros(draws)


def _dealt(strata: Strata, k: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """Wrong answers per bin, draws x bins. Few or large strata: one multivariate hypergeometric
    draw each; many small ones: all of a size at once."""
    rng = np.random.default_rng(seed)
    sizes = np.bincount(strata.stratum)
    wrong = np.zeros((draws, strata.bins))
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    if len(sizes) <= 400 or sizes.max() > 32:
        for start, size, wrongs in zip(starts, sizes, k, strict=True):
            counts = np.bincount(strata.bin[start:start + size], minlength=strata.bins)
            wrong += rng.multivariate_hypergeometric(counts, wrongs, size=draws,
                                                     method="marginals")
        return wrong
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        bins = strata.bin[starts[same][:, None] + np.arange(size)]
        for draw in range(draws):
            # As many passes as the fullest stratum has wrong ones: each deals one to every
            # stratum that is owed one, from the places that are left (a shuffle cut short).
            left = bins.copy()
            for turn in range(int(k[same].max())):
                rows = np.flatnonzero(k[same] > turn)
                place = turn + (rng.random(len(rows)) * (size - turn)).astype(int)
                picked = left[rows, place]
                left[rows, place] = left[rows, turn]
                wrong[draw] += np.bincount(picked, minlength=strata.bins)
    return wrong


class Cox(NamedTuple):
    """A hazard ratio within strata, its interval and p value, and that of its drift over time."""

    ratio: float
    low: float
    high: float
    p: float
    drift_p: float


def cox(times: np.ndarray, event: np.ndarray, z: np.ndarray, stratum: np.ndarray) -> Cox | None:
    """One binary covariate, each item a stratum of its own (Cox 1972; Breslow's ties): never
    across items, whose difficulty would bend the ratio. The drift test correlates Schoenfeld
    residuals with log time (Grambsch & Therneau 1994). None without information."""
    order = np.lexsort((-times, stratum))
    times, event, z, stratum = times[order], event[order], z[order].astype(float), stratum[order]
    # The risk set of a row: all rows of its stratum from the start to the last of equal time.
    groups = np.r_[True, (stratum[1:] != stratum[:-1])]
    start = np.maximum.accumulate(np.where(groups, np.arange(len(times)), 0))
    ends = np.r_[(stratum[1:] != stratum[:-1]) | (times[1:] != times[:-1]), True]
    places = np.flatnonzero(ends)
    end = places[np.searchsorted(places, np.arange(len(times)))]
    ones = np.r_[0, np.cumsum(z)]
    exposed = ones[end + 1] - ones[start]
    at_risk = end + 1 - start
    own, exposed, at_risk = z[event == 1], exposed[event == 1], at_risk[event == 1]
    useful = (exposed > 0) & (exposed < at_risk)
    if not useful.any():
        return None
    slope = 0.0
    for _ in range(60):
        share = exposed * np.exp(slope) / (exposed * np.exp(slope) + at_risk - exposed)
        information = (share * (1 - share)).sum()
        if information <= 1e-9:
            return None
        step = (own - share).sum() / information
        slope += float(np.clip(step, -1, 1))
        if abs(step) < 1e-9:
            break
    if abs(slope) > 15:
        return None
    error = 1 / np.sqrt(information)
    late = np.log1p(times[event == 1][useful])
    residual = (own - share)[useful] / np.sqrt((share * (1 - share))[useful])
    r = np.corrcoef(late, residual)[0, 1] if len(late) > 3 and late.std() > 0 else 0.0
    return Cox(float(np.exp(slope)), float(np.exp(slope - 1.96 * error)),
               float(np.exp(slope + 1.96 * error)), float(2 * ndtr(-abs(slope) / error)),
               float(chdtrc(1, len(late) * r * r)))

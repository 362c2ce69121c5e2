"""What every lens returns, and the small statistics that they share."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

# scipy.special alone: importing scipy.stats takes longer than most lenses do.
from scipy.special import chdtrc, gammaln, ndtr, ndtri

from failure_analysis.statistics import rounded

VERSION = 1
NEED = "insufficient_data"
Z = float(ndtri(0.975))
REPLICATES = 200


class Interval(NamedTuple):
    """An estimate with the ends of its 95 % interval: three numbers, or three columns of them."""

    value: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray


def insufficient(lens: str, n: int, need: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A lens' result as long as it has no label: what is missing for one. Everything that is not
    given is empty, never guessed."""
    empty = {"also": [], "confidence": None, "confidence_kind": None, "strength": "low",
             "gates": [], "need": list(need), "estimates": {}, "tests": [], "evidence": [],
             "caveats": [], "compat": {}, "tables": {}}
    return {"lens": lens, "pattern": NEED, "n": int(n), **empty, **more, "version": VERSION}


def gate(name: str, have: float, least: float) -> dict[str, Any]:
    """One condition of a lens: what is there and what it takes."""
    return {"gate": name, "have": rounded(have), "least": least, "open": bool(have >= least)}


def short_of(gates: Sequence[dict]) -> list[str]:
    """What the closed gates lack, as sentences."""
    return [f"{gate['gate']}: {gate['have']:g} there, {gate['least']:g} needed"
            for gate in gates if not gate["open"]]


def estimate(value: float, low: float, high: float, method: str) -> dict[str, Any]:
    """A number with its 95 % interval; what is not finite (such as an open end) is null."""
    return {"est": finite(value), "lo": finite(low), "hi": finite(high), "method": method}


def finite(value: float, digits: int = 4) -> float | None:
    """A number as it is written into files; None where it is not finite."""
    return rounded(value, digits) if np.isfinite(value) else None


def level(value: float) -> str:
    """A level as it is said: whole ones as they are; others, such as the mean of merged levels, to
    four digits."""
    whole = value == round(value) or abs(value) >= 1000
    return f"{value:.0f}" if whole and abs(value) < 1e15 else f"{value:.4g}"


def share(k: float, n: float) -> dict[str, Any]:
    """A share with its score interval."""
    return estimate(k / n, *wilson(k, n), "Wilson")


def mean(values: np.ndarray, method: str) -> dict[str, Any]:
    """A mean with its normal interval."""
    half = Z * values.std(ddof=1) / np.sqrt(len(values))
    return estimate(values.mean(), values.mean() - half, values.mean() + half, method)


def test(name: str, stat: float, p: float, p_adj: float | None = None) -> dict[str, Any]:
    """A test with its p value."""
    return {"name": name, "stat": rounded(stat), "p": rounded(p, 6),
            "p_adj": rounded(p if p_adj is None else p_adj, 6)}


def strength(confidence: float | None, powered: bool) -> str:
    """Low, medium or high: how far a label may be leaned on."""
    if confidence is None or confidence < 0.6:
        return "low"
    return "high" if confidence >= 0.9 and powered else "medium"


def runs_alike(n: int, alike: float) -> list[str]:
    """The caveat of runs that end alike; none where each sample is worth one."""
    return [] if alike <= 1 else [f"runs of one item end alike: {n} samples are worth "
                                  f"{n / alike:.0f} of as many items"]


def wilson(k: np.ndarray | float, n: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Score intervals of shares (Wilson 1927), for whole columns; 0 to 1 where n is 0."""
    n = np.asarray(n, float)
    safe = np.maximum(n, 1)
    share = np.asarray(k) / safe
    centre = (share + Z**2 / (2 * safe)) / (1 + Z**2 / safe)
    half = Z / (1 + Z**2 / safe) * np.sqrt(share * (1 - share) / safe + Z**2 / (4 * safe**2))
    none = n == 0
    return np.where(none, 0, np.maximum(0, centre - half)), \
        np.where(none, 1, np.minimum(1, centre + half))


def difference(k1: float, n1: float, k0: float, n0: float) -> Interval:
    """The difference of two independent shares (Newcombe 1998, method 10)."""
    first, second = k1 / n1, k0 / n0
    (low1, high1), (low0, high0) = wilson(k1, n1), wilson(k0, n0)
    return Interval(first - second,
                    float(first - second - np.hypot(first - low1, high0 - second)),
                    float(first - second + np.hypot(high1 - first, second - low0)))


def risk_ratio(tables: np.ndarray) -> Interval:
    """The common ratio of two shares over strata (lines of k1, n1, k0, n0; Mantel & Haenszel) with
    the interval of Greenland & Robins (1985), which for one stratum is Katz' (1978). Half a case is
    added to each side where one of them has none at all."""
    k1, n1, k0, n0 = np.asarray(tables, float).T
    if not k1.sum() or not k0.sum():
        k1, n1, k0, n0 = (np.array([column.sum() + more]) for column, more in (
            (k1, 0.5), (n1, 1), (k0, 0.5), (n0, 1)))
    n = n1 + n0
    exposed, unexposed = (k1 * n0 / n).sum(), (k0 * n1 / n).sum()
    spread = (((k1 + k0) * n1 * n0 - k1 * k0 * n) / n**2).sum() / (exposed * unexposed)
    ratio, error = exposed / unexposed, np.sqrt(max(0.0, spread))
    return Interval(float(ratio), float(ratio * np.exp(-Z * error)),
                    float(ratio * np.exp(Z * error)))


def none_among(k: int, n: int, n0: int) -> float:
    """The chance that none of k cases falls among n0 of n + n0 (Fisher's exact test, one-sided)."""
    return float(np.exp(gammaln(n + 1) - gammaln(n - k + 1)
                        - gammaln(n + n0 + 1) + gammaln(n + n0 - k + 1)))


def mantel_haenszel(tables: np.ndarray) -> dict[str, float] | None:
    """The common odds ratio of 2x2 tables (strata x [a, b, c, d]) with the interval of Robins,
    Breslow & Greenland (1986), the continuity-corrected test (Mantel & Haenszel 1959) and Tarone's
    test of homogeneity (1985); None where no stratum is informative."""
    a, b, c, d = np.asarray(tables, float).T
    n = a + b + c + d
    informative = ((a + b) * (c + d) * (a + c) * (b + d) > 0) & (n > 1)
    a, b, c, d, n = (values[informative] for values in (a, b, c, d, n))
    if not len(n):
        return None
    expected = (a + b) * (a + c) / n
    variance = ((a + b) * (c + d) * (a + c) * (b + d) / (n**2 * (n - 1))).sum()
    stat = max(0.0, abs((a - expected).sum()) - 0.5) ** 2 / variance
    ratio = common_odds(a, b, c, d, np.ones(len(n)), Z)
    return {"or": ratio.value, "lo": ratio.low, "hi": ratio.high, "stat": float(stat),
            "p": float(chdtrc(1, stat)),
            "homogeneity_p": _tarone(a, b, c, d, ratio.value), "strata": int(len(n))}


def common_odds(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, copies: np.ndarray,
                z: float) -> Interval:
    """The common odds ratio of 2x2 tables (Mantel & Haenszel 1959) with the interval of Robins,
    Breslow & Greenland (1986), z errors to each side; `copies` counts strata several times."""
    n = np.maximum(a + b + c + d, 1e-9)
    r, s, p, q = copies * a * d / n, copies * b * c / n, (a + d) / n, (b + c) / n
    if r.sum() <= 0 or s.sum() <= 0:
        return Interval(np.inf if r.sum() > 0 else 0.0, 0.0, np.inf)
    ratio = r.sum() / s.sum()
    error = np.sqrt((p * r).sum() / (2 * r.sum()**2) + (p * s + q * r).sum()
                    / (2 * r.sum() * s.sum()) + (q * s).sum() / (2 * s.sum()**2))
    return Interval(float(ratio), float(ratio * np.exp(-z * error)),
                    float(ratio * np.exp(z * error)))


def _tarone(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, ratio: float) -> float:
    """Breslow & Day's test that all strata share one odds ratio, with Tarone's correction."""
    if not 0 < ratio < np.inf or len(a) < 2:
        return 1.0
    row, column, n = a + b, a + c, a + b + c + d
    # The fitted cell solves a quadratic in each stratum.
    square, linear = 1 - ratio, n - row - column + ratio * (row + column)
    constant = -ratio * row * column
    if abs(square) < 1e-12:
        fitted = row * column / n
    else:
        root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0))
        both = np.array([-linear + root, -linear - root]) / (2 * square)
        least, most = np.maximum(0, row + column - n), np.minimum(row, column)
        inside = (both >= least - 1e-9) & (both <= most + 1e-9)
        fitted = np.where(inside[0], both[0], both[1])
    cells = np.maximum([fitted, row - fitted, column - fitted, n - row - column + fitted], 1e-9)
    variance = 1 / (1 / cells).sum(0)
    stat = ((a - fitted)**2 / variance).sum() - (a - fitted).sum()**2 / variance.sum()
    return float(chdtrc(len(a) - 1, stat))


def sign_flips(differences: np.ndarray, seed: int, draws: int = 9999) -> float:
    """The p value of a mean of paired differences by Fisher's randomisation test, sampled."""
    rng = np.random.default_rng(seed)
    seen, reached, n = abs(differences.mean()), 0, len(differences)
    block = max(1, 2_000_000 // max(n, 1))
    for start in range(0, draws, block):
        signs = rng.integers(0, 2, (min(block, draws - start), n), np.int8) * 2 - 1
        reached += int((abs(signs @ differences) / n >= seen - 1e-12).sum())
    return (1 + reached) / (1 + draws)


def power(effect: float, error: float, level: float = 0.05) -> float:
    """The chance that a normal test at this level sees an effect with this standard error."""
    if not error or not np.isfinite(error):
        return 0.0
    return float(ndtr(abs(effect) / error - ndtri(1 - level / 2)))


def resampled(number: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of so many things is drawn when as many are drawn anew (a bootstrap)."""
    return rng.multinomial(number, np.full(number, 1 / number))


def steadiness(label: Callable[[int], str], pattern: str, cap: float = 1.0) -> float:
    """The share of replicates that get the label found, at most `cap`."""
    same = sum(label(number) == pattern for number in range(REPLICATES))
    return min(cap, same / REPLICATES)


def ranks(x: np.ndarray) -> np.ndarray:
    """The ranks of values from 1, equal ones sharing their mean rank."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]

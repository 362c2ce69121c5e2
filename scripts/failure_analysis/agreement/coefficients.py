"""Agreement beyond chance, with bootstrap intervals over datapoints. Each function names its
source. Datapoints of which the same was said are interchangeable, so each function takes how
often everything was said, and a resample is a multinomial draw."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from failure_analysis.statistics import ALPHA, Interval, wilson

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ONE_LABEL = "undefined: only one label was used"
NO_SPREAD = "no interval: every resample gives the same value"
FEW_DEFINED = "no interval: too many resamples hold one label only"
# An interval from fewer defined resamples would leave out the very ones that are in doubt.
_DEFINED_AT_LEAST = 1 - ALPHA
# In one block: few enough for all processors to have some.
_MOST_DRAWS, _MOST_CELLS = 250, 2_000_000


class Figure(NamedTuple):
    """A coefficient and its 95 % interval; `why` says why one of them is missing."""

    value: float | None
    interval: Interval | None
    why: str | None = None


class TwoCoders(NamedTuple):
    """What two coders have in common."""

    share: Figure
    kappa: Figure
    ac1: Figure


def two_coders(pair_counts: Mapping[tuple[str, str], int], seed: int, draws: int) -> TwoCoders:
    """Raw agreement, Cohen's kappa (Cohen 1960) and Gwet's AC1 (Gwet 2008), with percentile
    bootstrap intervals (Efron 1979); of a share of 0 or 1 Wilson's (1927). `pair_counts` says of
    how many datapoints the two coders said each pair of labels."""
    pairs = sorted(pair_counts)
    counts = np.array([pair_counts[pair] for pair in pairs])
    names = sorted({label for pair in pairs for label in pair})
    same = np.array([a == b for a, b in pairs], dtype=np.int64)
    first = _incidence([(a,) for a, _ in pairs], names)
    second = _incidence([(b,) for _, b in pairs], names)

    def measured(weights: np.ndarray) -> np.ndarray:
        n, agreed = weights.sum(axis=1), weights @ same
        a, b = weights @ first, weights @ second
        # (po - pe) / (1 - pe), both times n squared: whole numbers, so that 1 - pe is exactly 0
        # where kappa is undefined.
        kappa = _over(n * (n - agreed), n**2 - (a * b).sum(axis=1))
        return np.stack([agreed / n, kappa, _ac1(n, agreed, a + b)])

    figures = _figures(measured, counts, seed, draws)
    return TwoCoders(_of_share(figures[0], int(counts.sum())), *figures[1:])


def share(same: int, n: int, seed: int, draws: int) -> Figure:
    """The share of n datapoints of which the same was said, with a percentile bootstrap interval
    (Efron 1979); of a share of 0 or 1 Wilson's (1927)."""
    def measured(weights: np.ndarray) -> np.ndarray:
        return (weights[:, 0] / n)[None]

    return _of_share(_figures(measured, np.array([same, n - same]), seed, draws)[0], n)


def _of_share(figure: Figure, n: int) -> Figure:
    """A share of n; one of 0 or 1 no resample can vary."""
    return Figure(figure.value, wilson(round(figure.value * n), n)) if figure.value in (0, 1) \
        else figure


def alpha(pattern_counts: Mapping[tuple[str, ...], int], seed: int, draws: int) -> Figure:
    """Krippendorff's alpha for nominal data with gaps (Krippendorff 2011), with a percentile
    bootstrap interval over datapoints. `pattern_counts` says how many datapoints got each set of
    labels; those with fewer than two labels do not bear on it."""
    patterns = sorted(labels for labels in pattern_counts if len(labels) > 1)
    counts = np.array([pattern_counts[labels] for labels in patterns])
    uses = _incidence(patterns, sorted({label for labels in patterns for label in labels}))
    sizes = np.array([len(labels) for labels in patterns])
    apart = (sizes**2 - uses.power(2).sum(axis=1)) / (sizes - 1)

    def measured(weights: np.ndarray) -> np.ndarray:
        n, by_label = weights @ sizes, weights @ uses
        return _over((n - 1) * (weights @ apart), n**2 - (by_label**2).sum(axis=1))[None]

    return _figures(measured, counts, seed, draws)[0]


def _ac1(n: np.ndarray, agreed: np.ndarray, uses: np.ndarray) -> np.ndarray:
    """Gwet's AC1 of each resample, NaN where only one label was used. Chance is the mean of
    pi (1 - pi) over all labels but one, pi being the label's mean share. `n` and `agreed` are of
    shape (resamples,), `uses`, which counts both coders, of (resamples, labels)."""
    labels = uses.shape[1]
    if labels < 2:
        return np.full(len(n), np.nan)
    by_chance = (1 - (uses**2).sum(axis=1) / (4 * n**2)) / (labels - 1)
    return 1 - (1 - agreed / n) / (1 - by_chance)


def _over(observed: np.ndarray, by_chance: np.ndarray) -> np.ndarray:
    """1 - observed / expected disagreement; NaN where none is expected."""
    ratio = np.full(len(observed), np.nan)
    np.divide(observed, by_chance, out=ratio, where=by_chance != 0)
    return 1 - ratio


def _incidence(patterns: Sequence[Sequence[str]], names: Sequence[str]) -> "csr_array":
    """How often each pattern holds each label, of shape (patterns, labels)."""
    from scipy.sparse import csr_array  # slow to import, and most checks measure no agreement

    column = {name: place for place, name in enumerate(names)}
    rows = [row for row, labels in enumerate(patterns) for _ in labels]
    columns = [column[label] for labels in patterns for label in labels]
    ones = np.ones(len(rows), dtype=np.int64)
    return csr_array((ones, (rows, columns)), shape=(len(patterns), len(names)))


def _figures(measured: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, seed: int,
             draws: int) -> list[Figure]:
    """The measured values of the data themselves, each with the interval of its resamples: how
    often each pattern comes is drawn. `counts` is of shape (patterns,); `measured` takes counts of
    shape (resamples, patterns) and gives values of (figures, resamples).

    Every block has a random stream of its own, so that the number of threads changes nothing;
    numpy lets other threads run while it draws."""
    n = int(counts.sum())
    block = max(1, min(_MOST_DRAWS, _MOST_CELLS // len(counts)))
    sizes = [min(block, draws - start) for start in range(0, draws, block)]

    def values_of(rng: np.random.Generator, size: int) -> np.ndarray:
        return measured(rng.multinomial(n, counts / n, size=size))

    with ThreadPoolExecutor() as pool:
        parts = pool.map(values_of, np.random.default_rng(seed).spawn(len(sizes)), sizes)
        resampled = np.concatenate(list(parts), axis=1)
    values = measured(counts[None])[:, 0]
    return [_figure(float(value), drawn) for value, drawn in zip(values, resampled, strict=True)]


def _figure(value: float, resampled: np.ndarray) -> Figure:
    """A value with the percentile interval of its resamples, where they say something."""
    if np.isnan(value):
        return Figure(None, None, ONE_LABEL)
    defined = resampled[~np.isnan(resampled)]
    if len(defined) and np.ptp(defined) < 1e-12:
        return Figure(value, None, NO_SPREAD)
    if len(defined) < _DEFINED_AT_LEAST * len(resampled):
        return Figure(value, None, FEW_DEFINED)
    low, high = np.quantile(defined, [ALPHA / 2, 1 - ALPHA / 2])
    return Figure(value, Interval(float(low), float(high)))

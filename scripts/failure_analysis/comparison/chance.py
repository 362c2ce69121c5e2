"""What chance gives for the items that all units failed, and for those that each alone failed."""

import math
from typing import Any

import numpy as np

from failure_analysis import statistics
from failure_analysis.statistics import rounded

# One unit's own failures of two are fixed by both fail rates; of very many nobody reads a range.
FEWEST_UNITS, MOST_UNITS = 3, 40
MOST_CELLS = 20_000_000  # of all matrices together; 39 are drawn of any
_MOST_RANK = 10  # of the ends of a range, 40 * 10 - 1 matrices
_SWEEPS, _FIRST_SWEEPS = 4, 20  # trades of every unit between two draws, and before the first


def failed_by_all(failed: np.ndarray) -> dict[str, int | float]:
    """How many items (columns) all units (rows) would fail were their failures independent:
    expected, and 95 % range."""
    units, items = failed.shape
    share = math.prod(row.sum() / items for row in failed) if items else 0.0
    low, high = statistics.chance_range(items, share)
    return {"expected": rounded(items * share), "low": int(low), "high": int(high)}


def unique_fails(names: list[str], failed: np.ndarray, seed: int) -> dict[str, Any] | None:
    """How many items each unit alone would fail, if its number of fails and how many fail each
    item were all that decides: expected, and 95 % range, over fail matrices drawn from those with
    the same margins. The range of N draws goes from the lowest (N + 1) / 40 to the highest, so
    that a matrix like them is outside at most once in twenty times (Besag and Clifford 1989)."""
    counts = failed.sum(axis=0)
    if not FEWEST_UNITS <= len(names) <= MOST_UNITS or not (counts == 1).any():
        return None
    order = np.argsort(counts, kind="stable")
    kept = failed[:, order[(counts[order] > 0) & (counts[order] < len(names))]]
    alone = int((counts == 1).sum())  # the first columns
    rng = np.random.default_rng(seed)
    rank = max(1, min(_MOST_RANK, MOST_CELLS // (40 * kept.size)))
    _swap(kept, rng, _FIRST_SWEEPS)
    drawn = np.empty((40 * rank - 1, len(names)), int)
    for line in drawn:
        _swap(kept, rng, _SWEEPS)
        line[:] = np.count_nonzero(kept[:, :alone], axis=1)
    means = drawn.mean(axis=0)
    drawn.sort(axis=0)
    return {"draws": len(drawn), "units": {
        name: {"expected": rounded(mean), "low": int(low), "high": int(high)}
        for name, mean, low, high in zip(names, means, drawn[rank - 1], drawn[-rank],
                                         strict=True)}}


def _swap(failed: np.ndarray, rng: np.random.Generator, sweeps: int) -> None:
    """Trades of pairs of rows, in place: what one of two has and the other has not is dealt out
    anew, each keeping its number (curveball, Strona et al. 2014; pairs of all rows at once,
    Carstens et al. 2018). All matrices with these margins become equally likely."""
    for _ in range(sweeps):
        rows = rng.permutation(len(failed))
        for one, other in zip(rows[::2], rows[1::2], strict=False):  # an odd one waits
            a, b = failed[one], failed[other]
            differing = np.flatnonzero(a != b)
            own = np.count_nonzero(a[differing])
            if 0 < own < len(differing):
                order = np.argpartition(rng.random(len(differing)), own)
                to_a, to_b = differing[order[:own]], differing[order[own:]]
                a[to_a], b[to_a], a[to_b], b[to_b] = True, False, False, True

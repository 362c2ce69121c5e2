"""A difference between the sides over the same items: how large, how sure, and the smallest that so
many items could have shown."""

from typing import Any

import numpy as np

from failure_analysis import statistics
from failure_analysis.comparison import compute
from failure_analysis.statistics import rounded

IN_CLUSTERS = "t test and interval over clusters, one left out at a time"


def difference(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray],
               clusters: np.ndarray | None, seed: int) -> dict[str, Any]:
    """NEW minus OLD of the shares of attempts that have something: (attempts, those that have it)
    by item, each with an attempt on both sides. Single attempts are tested by McNemar, repeats by
    the items' shares, clusters by their means."""
    was, now = shares(old), shares(new)
    values = now - was
    result = {"items": len(values), "old": rounded(was.mean(), 6), "new": rounded(now.mean(), 6),
              "difference": rounded(values.mean(), 6)}
    if clusters is None and is_single(old, new):
        return result | _once(old[1], new[1])
    if clusters is not None and clusters.max() < 1:
        return result | {"interval": None, "p": 1.0, "method": IN_CLUSTERS, "detectable": None}
    mean = statistics.mean_difference(values, seed) if clusters is None else \
        statistics.clustered_difference(values, clusters)
    method = IN_CLUSTERS if clusters is not None else compute.REPEATED[mean.method]
    units = len(values) if clusters is None else \
        int(statistics.clustered(values, clusters).effective)
    return result | {"interval": _ends(mean.interval), "p": rounded(mean.p, 6), "method": method,
                     "detectable": rounded(statistics.smallest_mean_difference(
                         units, mean.standard_error))}


def _ends(interval: statistics.Interval | None) -> list[float] | None:
    """The ends of an interval, with more digits than anybody is shown."""
    return interval and [rounded(end, 6) for end in interval]


def part(of: tuple[np.ndarray, np.ndarray], chosen: np.ndarray
         ) -> tuple[np.ndarray, np.ndarray]:
    """(attempts, those that have it) of some items."""
    return of[0][chosen], of[1][chosen]


def clusters_of(clusters: np.ndarray | None, chosen: np.ndarray) -> np.ndarray | None:
    """The clusters of some items, numbered anew."""
    return None if clusters is None else np.unique(clusters[chosen], return_inverse=True)[1]


def shares(of: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The share of each item's attempts that have it."""
    return of[1] / of[0]


def is_single(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether every item has one attempt on both sides."""
    return bool((old[0] == 1).all() and (new[0] == 1).all())


def _once(old: np.ndarray, new: np.ndarray) -> dict[str, Any]:
    """The test where every item has one attempt a side."""
    table = {"items": len(old), "both_fail": int(((old == 0) & (new == 0)).sum()),
             "only_a_fails": int(((old == 0) & (new == 1)).sum()),
             "only_b_fails": int(((old == 1) & (new == 0)).sum()),
             "both_pass": int(((old == 1) & (new == 1)).sum())}
    p = statistics.mcnemar(table["only_a_fails"], table["only_b_fails"])
    interval = statistics.newcombe_paired(table["both_pass"], table["only_a_fails"],
                                          table["only_b_fails"], table["both_fail"])
    detectable = statistics.smallest_difference(
        len(old), table["only_a_fails"] + table["only_b_fails"])
    return {"interval": _ends(interval), "p": rounded(p.mid_p, 6),
            "exact_p": rounded(p.exact_p, 6), "method": compute.ONCE,
            "detectable": rounded(detectable)}

"""Which causes came, went and stayed: provisional modes, the rules that gave them and endings of
failing datapoints, and, where readers judged them, buckets; paired by item."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import statistics
from failure_analysis.changes.differences import clusters_of, difference, part
from failure_analysis.changes.joined import Joined
from failure_analysis.changes.sides import Column, Side
from failure_analysis.packet import rows
from failure_analysis.review import counting, ledger
from failure_analysis.statistics import rounded

KINDS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "modes": lambda row: row.get("error_mode_candidate"),
    "rules": lambda row: row.get("error_mode_rule"),
    "endings": lambda row: row.get("termination"),
}


class Failing(NamedTuple):
    """What the failing attempts of a side have: for each kind of cause the count by item of each
    (`unlabelled`: attempts without a provisional mode; `modes`: the first one at each place), and
    by bucket where readers decided, with the places of items at which every failing attempt is
    decided or none failed."""

    causes: dict[str, dict[str, Column]]
    unlabelled: int
    modes: dict[int, str]
    buckets: dict[str, Column]
    reviewed: int
    decided: frozenset[int]


def failing(side: Side) -> Failing:
    """Reads the failing rows of a side, and its ledger where there is one."""
    causes: dict[str, dict[str, Column]] = {kind: {} for kind in KINDS}
    buckets: dict[str, Column] = {}
    final = counting.load(side.wanted.folder).decided if ledger.load(side.wanted.folder) else {}
    undecided, reviewed, unlabelled, modes = set(), 0, 0, {}
    for row in rows.failing(side.wanted.folder):
        place = side.items.get(row["item_id"])
        if row["run_id"] not in side.runs or place is None:
            continue
        mode = row.get("error_mode_candidate")
        unlabelled += not mode
        if mode:
            modes.setdefault(place, str(mode))
        for kind, cause_of in KINDS.items():
            if cause := cause_of(row):
                causes[kind].setdefault(str(cause), Column()).add(place, 1)
        decided = final.get(row["datapoint_id"])
        if decided is None or not decided.bucket:
            undecided.add(place)
        else:
            reviewed += 1
            buckets.setdefault(decided.bucket, Column()).add(place, 1)
    return Failing(causes, unlabelled, modes, buckets, reviewed,
                   frozenset(range(len(side.items))) - frozenset(undecided))


class _Items(NamedTuple):
    """Compared items: their places on both sides, their [judged attempts, passed ones] there, and
    the cluster of each."""

    here: np.ndarray
    there: np.ndarray
    of_old: tuple[np.ndarray, np.ndarray]
    of_new: tuple[np.ndarray, np.ndarray]
    clusters: np.ndarray | None

    def only(self, chosen: np.ndarray) -> "_Items":
        """Some of them."""
        return _Items(self.here[chosen], self.there[chosen], part(self.of_old, chosen),
                      part(self.of_new, chosen), clusters_of(self.clusters, chosen))


def changed(old: tuple[Side, Failing], new: tuple[Side, Failing], joined: Joined,
            clusters: np.ndarray | None, seed: int) -> dict[str, Any]:
    """Every cause by kind, with the items at which it came, went and stayed."""
    items = _Items(joined.old, joined.new, old[0].attempts(joined.old),
                   new[0].attempts(joined.new), clusters)
    result: dict[str, Any] = {kind: _table(old[1].causes[kind], new[1].causes[kind], items, seed,
                                           telling=True) for kind in KINDS}
    result["unlabelled"] = {"old": old[1].unlabelled, "new": new[1].unlabelled}
    if not (old[1].reviewed and new[1].reviewed):
        return {**result, "buckets": None}
    both = np.array([here in old[1].decided and there in new[1].decided for here, there in
                     zip(joined.old.tolist(), joined.new.tolist(), strict=True)], dtype=bool)
    return {**result, "buckets": {
        "items": int(both.sum()), "reviewed_old": old[1].reviewed, "reviewed_new": new[1].reviewed,
        "causes": _table(old[1].buckets, new[1].buckets, items.only(both), seed)
        if both.any() else []}}


def _table(old: Mapping[str, Column], new: Mapping[str, Column], items: _Items, seed: int,
           *, telling: bool = False) -> list[dict[str, Any]]:
    """One line for each cause that any of the items has, those that grew most first; one that all
    failing attempts have tells nothing, and is left out where lines must be `telling`."""
    fails = [judged - passed for judged, passed in (items.of_old, items.of_new)]
    lines = []
    for cause in sorted({*old, *new}):
        counts = _counts(old.get(cause), items.here), _counts(new.get(cause), items.there)
        had, has = counts[0] > 0, counts[1] > 0
        if not (had | has).any() or telling and all(
                (count == of).all() for count, of in zip(counts, fails, strict=True)):
            continue
        lines.append({"cause": cause, "came": int((has & ~had).sum()),
                      "went": int((had & ~has).sum()), "stayed": int((had & has).sum()),
                      **difference((items.of_old[0], counts[0]), (items.of_new[0], counts[1]),
                                   items.clusters, seed)})
    adjusted(lines)
    return sorted(lines, key=lambda line: (-line["difference"], line["cause"]))


def _counts(column: Column | None, places: np.ndarray) -> np.ndarray:
    return np.zeros(len(places), dtype=np.int64) if column is None else column.of(places)[0]


def adjusted(lines: Iterable[dict[str, Any]]) -> None:
    """Adds to each line of a table its p value adjusted for their number."""
    lines = list(lines)
    for line, p in zip(lines, statistics.holm([line["p"] for line in lines]), strict=True):
        line["p_holm"] = rounded(p, 6)

"""OLD against NEW: everything that the page, the figure and the gate say of two runs."""

from typing import Any, NamedTuple

import numpy as np

from failure_analysis import files, statistics
from failure_analysis.changes import answers, causes, flips, margins, sides
from failure_analysis.changes.differences import (
    clusters_of,
    difference,
    is_single,
    part,
    shares,
)
from failure_analysis.changes.joined import Joined, join
from failure_analysis.changes.sides import Side, Wanted
from failure_analysis.comparison import rates
from failure_analysis.datapoint import natural_key
from failure_analysis.markdown import listed
from failure_analysis.statistics import ALPHA, rounded


class Options(NamedTuple):
    """How two sides are compared: the margin (a share), the field that names an item's cluster, the
    seed of what is drawn."""

    margin: float | None = None
    cluster: str = ""
    seed: int = 0


def compare(old: Wanted, new: Wanted, options: Options) -> dict[str, Any]:
    """Compares two sides; refuses when no item is the same on both. Nothing is written."""
    one, two = sides.load(old, new)
    joined = join(one, two)
    if not len(joined.new):
        raise files.Refusal(_nothing_shared(one, two, joined))
    read, unread = _read(one, two, options.cluster)
    clusters = answers.clusters(*read, (one.names(), two.names()), joined) if read else None
    of_old, of_new = one.attempts(joined.old), two.attempts(joined.new)
    values, single = shares(of_new) - shares(of_old), is_single(of_old, of_new)
    overall = difference(of_old, of_new, clusters, options.seed)
    failed = causes.failing(one), causes.failing(two)
    return {
        "old": _side(one), "new": _side(two), "items": len(joined.new), "single": single,
        "seed": options.seed, "margin": options.margin,
        "clusters": None if clusters is None else
        {"field": options.cluster, "count": int(clusters.max()) + 1,
         "alone": answers.alone(*read, (one.names(), two.names()), joined)},
        "verdict": _verdict(overall), "overall": {
            **overall, **margins.within(values, single, clusters, options.margin, options.seed)},
        "flips": _flips(flips.flips(one, two, joined, failed[1].modes)),
        "noise": flips.noise(of_old, of_new, options.seed),
        "churn": answers.churn((one, read[0]), (two, read[1]), joined) if read else
        {"why_not": unread},
        "tasks": _tasks(two, joined, of_old, of_new, clusters, options.seed),
        "dimensions": _dimensions(one, two, joined, clusters, options.seed),
        "causes": causes.changed((one, failed[0]), (two, failed[1]), joined, clusters,
                                 options.seed),
        "numbers": _numbers(one, two, joined),
        "not_compared": {name: getattr(joined, name) for name in Joined._fields[4:]},
        "moved": [list(pair) for pair in joined.moved], "by_id_alone": joined.by_id,
        "lost": _lost(one, two, joined),
        "more_often": {name: answers.more_often(*side) for name, side in zip(
            ("old", "new"), ((one, read[0]), (two, read[1])), strict=True)} if read else {},
    }


def _nothing_shared(old: Side, new: Side, joined: Joined) -> str:
    """Why nothing can be compared."""
    counts = {name.replace("_", " "): len(getattr(joined, name)) for name in Joined._fields[4:]}
    return (f"no item is the same in {old.wanted} ({len(old.items)} items) and {new.wanted} "
            f"({len(new.items)}): " + (", ".join(
                f"{count} {name}" for name, count in counts.items() if count) or "both are empty"))


def _lost(old: Side, new: Side, joined: Joined) -> dict[str, int]:
    """How many items that OLD was judged on are not compared, whatever the reason, and how many of
    the compared ones have attempts in NEW that nobody judged: both may hide what fails now."""
    judged = sum(any(mark != "-" for mark in marks) for marks in old.marks)
    return {"not_compared": judged - len(joined.old),
            "partly_unjudged": sum("-" in new.marks[place] for place in joined.new.tolist())}


def _read(old: Side, new: Side, cluster: str
          ) -> tuple[tuple[answers.Read, answers.Read] | None, str]:
    """What was answered on both sides, or why that cannot be known; refuses when it has to be."""
    folders = [side.wanted.folder for side in (old, new)]
    try:
        if folders[0].resolve() == folders[1].resolve():
            both = answers.read(folders[0], frozenset((*old.runs, *new.runs)), cluster)
            return (both, both), ""
        one, two = (answers.read(side.wanted.folder, frozenset(side.runs), cluster)
                    for side in (old, new))
        return (one, two), ""
    except files.Refusal as refusal:
        if cluster:
            raise
        return None, str(refusal)


def _side(side: Side) -> dict[str, Any]:
    """One side's counts and rate over all that it was judged on."""
    places = np.arange(len(side.items))
    judged, passed = side.attempts(places)
    tried = judged > 0
    wanted, runs = side.wanted, sorted(side.runs, key=natural_key)
    return {"folder": wanted.folder.as_posix(),
            "name": wanted.name if not wanted.runs else listed(runs, 3),
            "models": sorted(side.models), "runs": runs,
            "graders": dict(sorted(side.graders.items())), "rows": side.runs.total(),
            "items": len(side.items), "of_no_item": side.unsure, "rejected": sides.rejected(side),
            "unjudged": sum(marks.count("-") for marks in side.marks),
            **(rates.counted(judged[tried], (judged - passed)[tried]) if tried.any() else
               {"attempts": 0})}


def _verdict(overall: dict[str, Any]) -> str:
    """What the difference shows: better, worse, or nothing."""
    if overall["p"] >= ALPHA or not overall["difference"]:
        return "not_shown"
    return "better" if overall["difference"] > 0 else "worse"


def _flips(found: flips.Flips) -> dict[str, Any]:
    return {**found._asdict(), **{kind: [flip._asdict() for flip in getattr(found, kind)]
                                  for kind in ("harmful", "beneficial", "moved")}}


def _turned(of_old: tuple[np.ndarray, np.ndarray], of_new: tuple[np.ndarray, np.ndarray]
            ) -> dict[str, np.ndarray]:
    """Which of these items flipped, to failing and to passing."""
    was, now = (np.sign(2 * passed - judged) for judged, passed in (of_old, of_new))
    return {"harmful": (was > 0) & (now < 0), "beneficial": (was < 0) & (now > 0)}


def _tasks(new: Side, joined: Joined, of_old: tuple, of_new: tuple, clusters: np.ndarray | None,
           seed: int) -> list[dict[str, Any]]:
    """One line for each task, where there are several."""
    names = np.array([new.tasks[place] for place in joined.new.tolist()], dtype=object)
    lines = []
    for task in sorted(set(names), key=natural_key):
        chosen = names == task
        parts = part(of_old, chosen), part(of_new, chosen)
        lines.append({"task": task, **{kind: int(items.sum()) for kind, items in
                                       _turned(*parts).items()},
                      **difference(*parts, clusters_of(clusters, chosen), seed)})
    causes.adjusted(lines)
    return lines if len(lines) > 1 else []


def _dimensions(old: Side, new: Side, joined: Joined, clusters: np.ndarray | None, seed: int
                ) -> list[dict[str, Any]]:
    """One line for each dimension that both sides judge, over the items judged on it."""
    lines, names = [], np.array(new.names(), dtype=object)[joined.new]
    for name in sorted(old.dimensions.keys() & new.dimensions.keys()):
        of_old, of_new = old.dimensions[name].of(joined.old), new.dimensions[name].of(joined.new)
        chosen = (of_old[0] > 0) & (of_new[0] > 0)
        if chosen.any():
            parts = part(of_old, chosen), part(of_new, chosen)
            turned = _turned(*parts)
            lines.append({"dimension": name,
                          **{kind: int(items.sum()) for kind, items in turned.items()},
                          **{f"{kind}_items": names[chosen][items].tolist()
                             for kind, items in turned.items()},
                          **difference(*parts, clusters_of(clusters, chosen), seed)})
    causes.adjusted(lines)
    return lines


def _numbers(old: Side, new: Side, joined: Joined) -> list[dict[str, Any]]:
    """One line for each of tokens, time and cost: totals over all rows, and the means of an attempt
    over the compared items that have it on both sides."""
    lines = []
    for name in sides.NUMBERS:
        if name not in old.numbers or name not in new.numbers:
            continue
        of_old, of_new = old.numbers[name].of(joined.old), new.numbers[name].of(joined.new)
        chosen = (of_old[0] > 0) & (of_new[0] > 0)
        if not chosen.any():
            continue
        was, now = shares(part(of_old, chosen)), shares(part(of_new, chosen))
        scale = float(np.abs(now - was).max()) or 1.0
        mean = statistics.clustered_difference((now - was) / scale, np.arange(len(now)))
        lines.append({
            "number": name, "items": int(chosen.sum()),
            "total_old": _total(old, name), "total_new": _total(new, name),
            "old": rounded(was.mean(), 6), "new": rounded(now.mean(), 6),
            # Who does not know a price records 0: that is no saving.
            "ratio": rounded(now.mean() / was.mean(), 3) if was.mean() and now.mean() else None,
            "difference": rounded(mean.mean * scale, 6),
            "interval": mean.interval and [rounded(end * scale, 6) for end in mean.interval],
            "p": rounded(mean.p, 6)})
    return lines


def _total(side: Side, name: str) -> dict[str, Any]:
    """The sum over all rows that say it, and how many those are."""
    count, total = side.totals[name]
    return {"rows": int(count), "sum": rounded(total, 6)}


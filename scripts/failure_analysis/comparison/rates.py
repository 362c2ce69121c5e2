"""Pass rates with their intervals: of a unit, and of each unit on each task."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import facts, statistics
from failure_analysis.comparison.cells import Cells
from failure_analysis.datapoint import natural_key
from failure_analysis.statistics import rounded

# Rates of so many tasks and units at most: beyond it nobody reads them, and facts.json bursts.
MOST_CELLS = 10_000


class PassRate(NamedTuple):
    """A pass rate with the number of independent attempts that it is worth: attempts at one item
    are no independent answers."""

    rate: float
    attempts: float
    interval: statistics.Interval


def pass_rate(attempts: np.ndarray, fails: np.ndarray) -> PassRate:
    """The pass rate over attempts and fails of items, with its Wilson interval."""
    passed, total = attempts - fails, int(attempts.sum())
    size = statistics.effective_size(passed, attempts) if total > len(attempts) else total
    rate = float(passed.sum()) / total
    return PassRate(rate, size, statistics.wilson(rate * size, size))


def limits(interval: statistics.Interval | None) -> list[float] | None:
    """The ends of an interval as they are written (numpy's own numbers round otherwise than those
    that are read again)."""
    return None if interval is None else [round(float(interval.low), 4),
                                          round(float(interval.high), 4)]


def counted(attempts: np.ndarray, fails: np.ndarray) -> dict[str, Any]:
    """The attempts over items, how many failed, and the pass rate with its interval."""
    total, failed = int(attempts.sum()), int(fails.sum())
    rate = pass_rate(attempts, fails)
    return {"attempts": total, "failed": failed, "passed": total - failed,
            "pass_rate": rounded(rate.rate), "effective_attempts": round(rate.attempts, 1),
            "interval": limits(rate.interval)}


def by_task(units: Mapping[str, Mapping[str, Cells]], judged: int) -> dict[str, Any] | None:
    """The rates per task and unit, from the cells by unit and task; None where there are not
    several tasks. Of too many tasks those with the most rows stay."""
    sizes: Counter = Counter()
    for tasks in units.values():
        for name, cells in tasks.items():
            sizes[name] += int(cells.attempts.sum())
    if len(sizes) < 2:
        return None
    largest = sorted(sizes, key=lambda name: (-sizes[name], natural_key(name)))
    kept = sorted(largest[:max(1, MOST_CELLS // len(units))], key=natural_key)
    return {
        "tasks": [{
            "task": name,
            "items": len(np.unique(np.concatenate([tasks[name].places for tasks in units.values()
                                                   if name in tasks]))),
            "units": [{"unit": unit, "items": len(tasks[name].places),
                       **counted(tasks[name].attempts, tasks[name].fails)}
                      for unit, tasks in units.items() if name in tasks]} for name in kept],
        "tasks_left_out": len(sizes) - len(kept),
        "judged_without_task": judged - sizes.total(),
    }


def task_numbers(tasks: dict[str, Any] | None) -> Iterator[tuple[str, int | float]]:
    """The rates per task and unit under their keys."""
    listed = tasks["tasks"] if tasks else ()
    names = frozenset(facts.key(task["task"]) for task in listed)
    for task in listed:
        for row in task["units"]:
            name = facts.joined(facts.key(task["task"]), facts.key(row["unit"]), names)
            yield f"comparison/task_judged_rows/{name}", row["attempts"]
            yield f"comparison/task_failed_rows/{name}", row["failed"]
            yield f"comparison/task_pass_rate_pct/{name}", round(100 * row["pass_rate"], 1)
            yield f"comparison/task_pass_rate_low_pct/{name}", round(100 * row["interval"][0], 1)
            yield f"comparison/task_pass_rate_high_pct/{name}", round(100 * row["interval"][1], 1)

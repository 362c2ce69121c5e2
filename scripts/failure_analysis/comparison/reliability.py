"""How far a verdict depends on the attempt and on the grader: repeats of one model, and several
gradings of one answer."""

from collections import Counter
from collections.abc import Container
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from failure_analysis import clean, statistics, steps
from failure_analysis.comparison.cells import Cells
from failure_analysis.packet import rows
from failure_analysis.statistics import rounded


def instability(models: dict[str, Cells], names: np.ndarray, analysis_dir: Path
                ) -> dict[str, Any] | None:
    """Repeats of each model: pass^k and pass@k, flips, and whether a flaky item fails in one mode;
    None where nothing was attempted twice. `names` are those of the items."""
    repeated = {name: cells.chosen(cells.attempts > 1) for name, cells in sorted(models.items())}
    if not any(len(cells.places) for cells in repeated.values()):
        return None
    flaky = {name: names[cells.places[(cells.fails > 0) & (cells.fails < cells.attempts)]].tolist()
             for name, cells in repeated.items()}
    modes = _modes(analysis_dir, {(name, item) for name in flaky for item in flaky[name]})
    return {name: _repeats(cells, names, flaky[name],
                           [modes.get((name, item), Counter()) for item in flaky[name]])
            for name, cells in repeated.items()}


def _repeats(cells: Cells, names: np.ndarray, flaky: list[str], modes: list[Counter]
             ) -> dict[str, Any] | None:
    """What the repeats of one model say; None where it attempted nothing twice. `modes` are those
    of its flaky items."""
    if not len(cells.places):
        return None
    kinds, counts = np.unique(np.stack([cells.attempts, cells.attempts - cells.fails]), axis=1,
                              return_counts=True)
    attempts = dict(zip(zip(*kinds.tolist(), strict=True), counts.tolist(), strict=True))
    most, labelled = min(n for n, _ in attempts), [seen for seen in modes if seen.total() > 1]
    upto = range(1, min(most, 16) + 1)
    return {
        "items": len(cells.places), "attempts_from": most, "attempts_to": max(attempts)[0],
        "pass_hat_k": {str(k): rounded(statistics.pass_hat(attempts, k)) for k in upto},
        "pass_at_k": {str(k): rounded(statistics.pass_at(attempts, k)) for k in upto},
        "flip_rate": rounded(statistics.flip_rate(attempts)),
        "always_fail": names[cells.places[cells.fails == cells.attempts]].tolist(),
        "flaky": flaky,
        "always_pass": int((cells.fails == 0).sum()),
        "flaky_failing_twice_labelled": len(labelled),
        "flaky_failing_in_one_mode": sum(len(seen) == 1 for seen in labelled),
    }


def _modes(analysis_dir: Path, flaky: Container[tuple[str, str]]
           ) -> dict[tuple[str, str], Counter]:
    """(model, item) -> how often each provisional mode was put on its failing rows, of those that
    are flaky."""
    modes: dict[tuple[str, str], Counter] = {}
    for row in rows.failing(analysis_dir) if (analysis_dir / steps.ROWS).exists() else ():
        cell = row["model_name"], row["item_id"]
        if row.get("error_mode_candidate") and cell in flaky:
            modes.setdefault(cell, Counter())[row["error_mode_candidate"]] += 1
    return modes


def judges(analysis_dir: Path) -> dict[str, Any] | None:
    """Graders of one and the same answers against the outcome of record and each other."""
    path = analysis_dir / steps.GRADINGS
    if not path.exists():
        return None
    verdicts: dict[str, dict[str, str]] = {}
    words: dict[str, Counter] = {}
    for row in clean.read_csv(path, ("datapoint_id", "grader", "outcome", "verdict")):
        graded_by = verdicts.setdefault(row["grader"], {})
        if graded_by.setdefault(row["datapoint_id"], row["outcome"]) != row["outcome"]:
            graded_by[row["datapoint_id"]] = "unjudged"
            words.setdefault(row["grader"], Counter())["(two different verdicts)"] += 1
        if row["outcome"] == "unjudged":
            words.setdefault(row["grader"], Counter())[row["verdict"]] += 1
    if not verdicts:
        return None
    graded = {ident for graded_by in verdicts.values() for ident in graded_by}
    record = {ident: outcome for ident, outcome in
              rows.columns(analysis_dir, ("datapoint_id", "outcome")) if ident in graded}
    columns = {"outcome of record": record, **dict(sorted(verdicts.items()))}
    split = sum(len({graded_by[ident] for graded_by in columns.values()
                     if graded_by.get(ident, "unjudged") != "unjudged"}) > 1 for ident in graded)
    return {
        "datapoints": len(graded), "split": split,
        "graders": [{"grader": name, "gradings": len(graded_by),
                     "failed": sum(outcome == "fail" for outcome in graded_by.values()),
                     "unjudged": sum(outcome == "unjudged" for outcome in graded_by.values()),
                     "words_not_understood": dict(words.get(name, Counter()).most_common())}
                    for name, graded_by in columns.items()],
        "pairs": [_agreement(a, columns[a], b, columns[b])
                  for a, b in combinations(columns, 2)],
    }


def _agreement(a: str, by_a: dict[str, str], b: str, by_b: dict[str, str]) -> dict[str, Any]:
    table = Counter((by_a[ident], by_b[ident]) for ident in by_a if ident in by_b)
    both, only_a = table["fail", "fail"], table["fail", "pass"]
    only_b, neither = table["pass", "fail"], table["pass", "pass"]
    n = both + only_a + only_b + neither
    pair = {"a": a, "b": b, "both_judged": n, "both_fail": both, "only_a_fails": only_a,
            "only_b_fails": only_b, "both_pass": neither}
    if n:
        agreement = statistics.agreement(both, only_a, only_b, neither)
        pair |= {"agreed": both + neither, "agreement": rounded(agreement.share),
                 "kappa": rounded(agreement.kappa), "ac1": rounded(agreement.ac1)}
    return pair

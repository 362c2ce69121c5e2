"""Two systems on the same items, seen by each lens: only items that both tried are compared, each
with itself."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from failure_analysis.lenses import compression, fft, findings, spelling, survival
from failure_analysis.lenses.dataset import CORRECT, TRUNCATED, WRONG, Group, Table
from failure_analysis.lenses.findings import estimate
from failure_analysis.statistics import holm, mcnemar, mean_difference, rounded

MOST_SYSTEMS, FEWEST_ITEMS = 6, 20


def compare(lens: str, groups: Sequence[Group], data: Any, seed: int) -> list[dict[str, Any]]:
    """Every pair of systems on one task (and axis level); where there are many systems, each with
    the first. `data` is what the lens has read."""
    pairs = []
    for place in dict.fromkeys((group.task, group.axis) for group in groups):
        mine = [group for group in groups if (group.task, group.axis) == place]
        few = len(mine) <= MOST_SYSTEMS
        for a, b in combinations(mine, 2) if few else ((mine[0], other) for other in mine[1:]):
            pairs.append(_pair(lens, a, b, data, seed))
    tests = [test for pair in pairs for test in pair["tests"]]
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_adj"] = rounded(p, 6)
    return pairs


def _pair(lens: str, a: Group, b: Group, data: Any, seed: int) -> dict[str, Any]:
    shared = np.intersect1d(a.table.item, b.table.item)
    pair = {"a": a.eval.label, "b": b.eval.label, "a_id": a.eval.eval_id, "b_id": b.eval.eval_id,
            "templates": [a.eval.template, b.eval.template],
            "same_model": a.eval.model_name == b.eval.model_name, "task": a.task,
            "axis": a.axis, "items": len(shared), "estimates": {}, "tests": [],
            "evidence": [], "need": []}
    if len(shared) < FEWEST_ITEMS:
        pair["need"] = [f"items that both tried: {len(shared)} there, {FEWEST_ITEMS} needed"]
        return pair
    sides = [group.table.take(np.isin(group.table.item, shared)) for group in (a, b)]
    how = {"surface": _surface, "compression": _compression, "hazard": _hazard, "fft": _fft}
    how[lens](sides, data, seed, pair)
    return pair


def _gaps(sides: Sequence[Table], values: Sequence[np.ndarray]) -> np.ndarray:
    """The difference of means, b minus a, of each item of which both have a value."""
    number = 1 + max(table.item.max() for table in sides)
    means = []
    for table, column in zip(sides, values, strict=True):
        recorded = ~np.isnan(column)
        n = np.bincount(table.item[recorded], minlength=number)
        total = np.bincount(table.item[recorded], column[recorded], number)
        means.append(np.where(n > 0, total / np.maximum(n, 1), np.nan))
    d = means[1] - means[0]
    return d[~np.isnan(d)]


def _difference(name: str, sides: Sequence[Table], values: Sequence[np.ndarray], seed: int,
                pair: dict) -> float | None:
    """Adds the mean per-item difference, b minus a, with its interval and test."""
    d = _gaps(sides, values)
    if len(d) < FEWEST_ITEMS:
        return None
    spread = max(1.0, float(abs(d).max()))  # mean_difference is of shares, within -1 and 1
    mean = mean_difference(d / spread, seed, 2000)
    low, high = mean.interval or (mean.mean, mean.mean)
    pair["estimates"][f"{name}_b_minus_a"] = estimate(
        mean.mean * spread, low * spread, high * spread, f"{len(d)} items, {mean.method}")
    pair["tests"].append(findings.test(f"{name}, b minus a", mean.mean * spread, mean.p))
    return mean.mean * spread


def _surface(sides: Sequence[Table], _: Any, seed: int, pair: dict) -> None:
    right, cut = ([(table.outcome == code).astype(float) for table in sides]
                  for code in (CORRECT, TRUNCATED))
    gap = _difference("accuracy", sides, right, seed, pair)
    items = pair["items"]
    if all(len(table) == items for table in sides):
        d = _gaps(sides, right)
        only_a, only_b = int((d < 0).sum()), int((d > 0).sum())
        pair["tests"][0] = findings.test("accuracy, McNemar mid-p", only_b - only_a,
                                         mcnemar(only_a, only_b).mid_p)
    _difference("truncation", sides, cut, seed, pair)
    if gap is None:
        return
    ends = pair["estimates"]["accuracy_b_minus_a"]
    claim = f"no difference of accuracy was shown on the same {items} items" \
        if ends["lo"] <= 0 <= ends["hi"] else \
        f"{pair['b']} is {'better' if gap > 0 else 'worse'} than {pair['a']} on the same {items} " \
        "items"
    pair["evidence"].append(f"{claim} ({100 * gap:+.1f} points, {100 * ends['lo']:+.1f} to "
                            f"{100 * ends['hi']:+.1f})")


def _compression(sides: Sequence[Table], traces: compression.Traces, seed: int, pair: dict) -> None:
    features_of = list(map(traces.of, sides))
    usable = [features["tokens"] >= compression.SHORTEST for features in features_of]
    if min(mask.sum() for mask in usable) < FEWEST_ITEMS:
        pair["need"] = ["traces of 64 tokens or more on both sides"]
        return
    length, packed, loops = (
        [np.where(mask, features[name], np.nan)
         for features, mask in zip(features_of, usable, strict=True)]
        for name in ("tokens", "packed", "loop"))
    shift = _difference("log_tokens", sides, list(map(np.log, length)), seed, pair)
    _difference("residual_entropy", sides, _joint_residual(length, packed), seed, pair)
    looped = _difference("loop_share", sides, loops, seed, pair)
    if shift is not None:
        pair["evidence"].append(f"traces of {pair['b']} are {np.exp(shift):.2f} times as long as "
                                f"those of {pair['a']} on the same items")
    if looped:
        pair["evidence"].append(f"{abs(100 * looped):.1f} points "
                                f"{'more' if looped > 0 else 'fewer'} of them loop")


def _joint_residual(length: list[np.ndarray], packed: list[np.ndarray]) -> list[np.ndarray]:
    """Entropy after length, by one line for both systems; NaN for what is no trace."""
    x, y = np.log(np.concatenate(length)), np.log(np.maximum(np.concatenate(packed), 1))
    second = np.repeat([0.0, 1.0], list(map(len, length)))
    used = ~np.isnan(x)
    x, y, second = x[used], y[used], second[used]
    x = (x - x.mean()) / max(float(x.std()), 1e-9)
    spline = np.column_stack([np.ones(len(x)), x, x**2, *(
        np.maximum(x - knot, 0) ** 2 for knot in np.quantile(x, [.25, .5, .75]))])
    weight = np.linalg.lstsq(np.column_stack([spline, second]), y, rcond=None)[0]
    left = y - spline @ weight[:-1]
    whole = np.full(len(used), np.nan)
    whole[used] = left / max(float((left - second * weight[-1]).std()), 1e-9)
    return np.split(whole, [len(length[0])])


def _hazard(sides: Sequence[Table], _: Any, seed: int, pair: dict) -> None:
    sides = [table.take(~np.isnan(table.tokens)) for table in sides]
    if not all(map(len, sides)):
        pair["need"] = ["completion_tokens on both sides"]
        return
    times, outcome, item = (np.concatenate([getattr(table, name) for table in sides])
                            for name in ("tokens", "outcome", "item"))
    second = np.repeat([0.0, 1.0], [len(table) for table in sides])
    estimates = pair["estimates"]
    for name, code in (("wrong", WRONG), ("correct", CORRECT)):
        cox = survival.cox(times, (outcome == code).astype(int), second, item)
        if cox is None:
            continue
        estimates[f"hazard_ratio_{name}_b_over_a"] = estimate(
            cox.ratio, cox.low, cox.high, "Cox, each item a stratum"
            + ("" if cox.drift_p > 0.05 else "; not constant over time: read the shares below"))
        pair["tests"].append(findings.test(f"hazard of {name} answers", cox.ratio, cox.p))
    for budget in times.max() / np.array([4, 2, 1]):
        done = [((table.outcome == CORRECT) & (table.tokens <= budget)).astype(float)
                for table in sides]
        _difference(f"correct_by_{budget:.0f}_tokens", sides, done, seed, pair)
    _difference("tokens", sides, [table.tokens for table in sides], seed, pair)
    if ratio := estimates.get("hazard_ratio_wrong_b_over_a"):
        right = estimates.get("hazard_ratio_correct_b_over_a")
        beside = f", correct ones {right['est']:.2f} times" if right else ""
        pair["evidence"].append(f"on the same items wrong answers come {ratio['est']:.2f} times "
                                f"as fast from {pair['b']} ({ratio['lo']:.2f} to "
                                f"{ratio['hi']:.2f}){beside}")


def _fft(sides: Sequence[Table], prompts: fft.Prompts, seed: int, pair: dict) -> None:
    prompt_of = list(map(prompts.of, sides))
    if any((of_sample < 0).all() for of_sample in prompt_of):
        pair["need"] = ["prompts on both sides"]
        return
    columns = {"prompt_tokens": np.array([len(classes) for classes in prompts.classes])}
    if prompts.tokens_known:
        columns |= zip(spelling.NAMES, prompts.features.T, strict=True)
    changed = False
    for name, column in columns.items():
        d = _gaps(sides, [np.where(of_sample >= 0, column[of_sample], np.nan)
                          for of_sample in prompt_of])
        if len(d) < FEWEST_ITEMS:
            continue
        changed |= bool(abs(d).max() > 1e-12)
        pair["estimates"][f"{name}_b_minus_a"] = findings.mean(d, f"{len(d)} items")
        pair["tests"].append(findings.test(f"{name}, sign flips", d.mean(),
                                           findings.sign_flips(d, seed)))
    if prompts.tokens_known:
        claim = f"the same items are spelled {'differently' if changed else 'alike'}"
    else:
        claim = f"the prompts of the same items {'differ' if changed else 'have the same length'}" \
            " as texts; how the models cut them into tokens is not known"
    pair["evidence"].append(claim)
    pair |= {"changed": changed, "known": prompts.tokens_known}

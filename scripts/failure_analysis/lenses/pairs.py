"""Two systems on the same items, seen by each lens: only items that both tried are compared, each
with itself."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from failure_analysis.lenses import compression, fft, findings, spelling, survival, traces
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
    a, b = (group._replace(table=group.table.take(np.isin(group.table.item, shared)))
            for group in (a, b))
    how = {"surface": _surface, "compression": _compression, "hazard": _hazard, "fft": _fft}
    how[lens](a, b, shared, data, seed, pair)
    return pair


def _gaps(a: Group, b: Group, shared: np.ndarray, values: Sequence[np.ndarray]) -> np.ndarray:
    """The difference of means, b minus a, of each shared item of which both have a value."""
    means = []
    for group, column in zip((a, b), values, strict=True):
        recorded = ~np.isnan(column)
        at = np.searchsorted(shared, group.table.item[recorded])
        n = np.bincount(at, minlength=len(shared))
        total = np.bincount(at, column[recorded], len(shared))
        means.append(np.where(n > 0, total / np.maximum(n, 1), np.nan))
    d = means[1] - means[0]
    return d[~np.isnan(d)]


def _difference(name: str, a: Group, b: Group, shared: np.ndarray,
                values: Sequence[np.ndarray], seed: int, pair: dict) -> float | None:
    """Adds the mean per-item difference, b minus a, with its interval and test."""
    d = _gaps(a, b, shared, values)
    if len(d) < FEWEST_ITEMS:
        return None
    spread = max(1.0, float(abs(d).max()))  # mean_difference is of shares, within -1 and 1
    mean = mean_difference(d / spread, seed, 2000)
    low, high = mean.interval or (mean.mean, mean.mean)
    pair["estimates"][f"{name}_b_minus_a"] = estimate(
        mean.mean * spread, low * spread, high * spread, f"{len(d)} items, {mean.method}")
    pair["tests"].append(findings.test(f"{name}, b minus a", mean.mean * spread, mean.p))
    return mean.mean * spread


def _surface(a: Group, b: Group, shared: np.ndarray, _: Any, seed: int, pair: dict) -> None:
    right = [(group.table.outcome == CORRECT).astype(float) for group in (a, b)]
    gap = _difference("accuracy", a, b, shared, right, seed, pair)
    if len(a.table) == len(b.table) == len(shared):
        d = _gaps(a, b, shared, right)
        only_a, only_b = int((d < 0).sum()), int((d > 0).sum())
        pair["tests"][0] = findings.test("accuracy, McNemar mid-p", only_b - only_a,
                                         mcnemar(only_a, only_b).mid_p)
    _difference("truncation", a, b, shared,
                [(group.table.outcome == TRUNCATED).astype(float) for group in (a, b)],
                seed, pair)
    if gap is not None:
        ends = pair["estimates"]["accuracy_b_minus_a"]
        interval = f"{100 * gap:+.1f} points, {100 * ends['lo']:+.1f} to {100 * ends['hi']:+.1f}"
        if ends["lo"] <= 0 <= ends["hi"]:
            pair["evidence"].append(f"no difference of accuracy was shown on the same "
                                    f"{len(shared)} items ({interval})")
        else:
            pair["evidence"].append(f"{b.eval.label} is {'better' if gap > 0 else 'worse'} "
                                    f"than {a.eval.label} on the same {len(shared)} items "
                                    f"({interval})")


def _compression(a: Group, b: Group, shared: np.ndarray,
                 data: tuple[Table, compression.Traces], seed: int, pair: dict) -> None:
    table, measured = data
    features_of = [measured.of(table, group.table) for group in (a, b)]
    usable = [~np.isnan(features[:, 0]) & (np.nan_to_num(features[:, 0]) >= compression.SHORTEST)
              for features in features_of]
    if min(mask.sum() for mask in usable) < FEWEST_ITEMS:
        pair["need"] = ["traces of 64 tokens or more on both sides"]
        return
    length = [np.where(mask, np.log(np.maximum(features[:, 0], 1)), np.nan)
              for mask, features in zip(usable, features_of, strict=True)]
    entropy = _joint_residual(features_of, usable)
    loops = [np.where(mask, features[:, traces.NAMES.index("loop")], np.nan)
             for mask, features in zip(usable, features_of, strict=True)]
    shift = _difference("log_tokens", a, b, shared, length, seed, pair)
    _difference("residual_entropy", a, b, shared, entropy, seed, pair)
    looped = _difference("loop_share", a, b, shared, loops, seed, pair)
    if shift is not None:
        pair["evidence"].append(f"traces of {b.eval.label} are {np.exp(shift):.2f} times as "
                                f"long as those of {a.eval.label} on the same items")
    if looped:
        pair["evidence"].append(f"{abs(100 * looped):.1f} points "
                                f"{'more' if looped > 0 else 'fewer'} of them loop")


def _joint_residual(features_of: list[np.ndarray], usable: list[np.ndarray]) -> list[np.ndarray]:
    """Entropy after length, by one line for both systems."""
    features = np.concatenate([rows[mask] for rows, mask in zip(features_of, usable, strict=True)])
    y = np.log(np.maximum(features[:, traces.NAMES.index("packed")], 1))
    x = np.log(features[:, 0])
    x = (x - x.mean()) / max(float(x.std()), 1e-9)
    second = np.r_[np.zeros(usable[0].sum()), np.ones(usable[1].sum())]
    knots = np.quantile(x, [.25, .5, .75])
    spline = np.column_stack([np.ones(len(x)), x, x**2, *(np.maximum(x - knot, 0) ** 2
                                                          for knot in knots)])
    weight = np.linalg.lstsq(np.column_stack([spline, second]), y, rcond=None)[0]
    left = y - spline @ weight[:-1]
    left = left / max(float((left - second * weight[-1]).std()), 1e-9)
    columns = [np.full(len(mask), np.nan) for mask in usable]
    for column, mask, values in zip(columns, usable, np.split(left, [usable[0].sum()]),
                                    strict=True):
        column[mask] = values
    return columns


def _hazard(a: Group, b: Group, shared: np.ndarray, _: Any, seed: int, pair: dict) -> None:
    tables = [group.table.take(~np.isnan(group.table.tokens)) for group in (a, b)]
    if not all(len(table) for table in tables):
        pair["need"] = ["completion_tokens on both sides"]
        return
    a, b = a._replace(table=tables[0]), b._replace(table=tables[1])
    times = np.concatenate([table.tokens for table in tables])
    outcome = np.concatenate([table.outcome for table in tables])
    item = np.concatenate([table.item for table in tables])
    second = np.r_[np.zeros(len(tables[0])), np.ones(len(tables[1]))]
    for name, code in (("wrong", WRONG), ("correct", CORRECT)):
        ratio = survival.cox(times, (outcome == code).astype(int), second, item)
        if ratio is None:
            continue
        pair["estimates"][f"hazard_ratio_{name}_b_over_a"] = estimate(
            ratio.ratio, ratio.low, ratio.high, "Cox, each item a stratum"
            + ("" if ratio.drift_p > 0.05 else "; not constant over time: read the shares below"))
        pair["tests"].append(findings.test(f"hazard of {name} answers", ratio.ratio, ratio.p))
    end = float(times.max())
    for budget in (end / 4, end / 2, end):
        done = [((table.outcome == CORRECT) & (table.tokens <= budget)).astype(float)
                for table in tables]
        _difference(f"correct_by_{budget:.0f}_tokens", a, b, shared, done, seed, pair)
    _difference("tokens", a, b, shared, [table.tokens for table in tables], seed, pair)
    ratio = pair["estimates"].get("hazard_ratio_wrong_b_over_a")
    if ratio:
        right = pair["estimates"].get("hazard_ratio_correct_b_over_a")
        beside = f", correct ones {right['est']:.2f} times" if right else ""
        pair["evidence"].append(f"on the same items wrong answers come {ratio['est']:.2f} times "
                                f"as fast from {b.eval.label} ({ratio['lo']:.2f} to "
                                f"{ratio['hi']:.2f}){beside}")


def _fft(a: Group, b: Group, shared: np.ndarray, data: tuple[Table, fft.Prompts],
         seed: int, pair: dict) -> None:
    table, prompts = data
    sides = [fft.prompts_of(prompts, table, group.table) for group in (a, b)]
    if any((of_sample < 0).all() for of_sample in sides):
        pair["need"] = ["prompts on both sides"]
        return
    columns = {"prompt_tokens": np.array([len(classes) for classes in prompts.classes])}
    if prompts.tokens_known:
        columns |= zip(spelling.NAMES, prompts.features.T, strict=True)
    changed = False
    for name, column in columns.items():
        d = _gaps(a, b, shared, [
            np.where(of_sample >= 0, column[of_sample], np.nan) for of_sample in sides])
        if len(d) < FEWEST_ITEMS:
            continue
        changed |= bool(abs(d).max() > 1e-12)
        pair["estimates"][f"{name}_b_minus_a"] = findings.mean(d, f"{len(d)} items")
        pair["tests"].append(findings.test(f"{name}, sign flips", d.mean(),
                                           findings.sign_flips(d, seed)))
    if prompts.tokens_known:
        pair["evidence"].append("the same items are spelled differently" if changed else
                                "the same items are spelled alike")
    else:
        pair["evidence"].append("the prompts of the same items " + (
            "differ" if changed else "have the same length") + " as texts; how the models cut them "
            "into tokens is not known")
    pair |= {"changed": changed, "known": prompts.tokens_known}

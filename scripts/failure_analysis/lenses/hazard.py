"""The hazard lens (temporal space): how the odds of a wrong answer move with the tokens spent, and
what a token budget buys.

The raw hazard of a wrong answer rises and falls with the distribution of finishing times, so it
decides nothing here; the odds wrong : correct among those that finish at a time, within strata,
do."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from failure_analysis.lenses import cells, contrasts, findings, survival
from failure_analysis.lenses.dataset import CORRECT, OUTCOMES, TRUNCATED, WRONG, Group, Table
from failure_analysis.lenses.findings import Interval, estimate, gate, insufficient
from failure_analysis.statistics import holm, rounded

NAME = "hazard"
FINISHES, FOR_CONSTANT = 40, 200
BUCKET = 256  # tokens, of the original tool
BINS = 64


class Times(NamedTuple):
    """What the lens needs of the samples whose tokens are known."""

    t: np.ndarray
    cause: np.ndarray
    limit: np.ndarray
    item: np.ndarray
    level: np.ndarray

    def at(self, rows: np.ndarray) -> "Times":
        """The times of the chosen samples alone."""
        return Times(*(column[rows] for column in self))

    def fewer(self) -> int:
        """How many wrong or correct answers there are, whichever are fewer."""
        return min(int((self.cause == code).sum()) for code in (WRONG, CORRECT))


class Deciding(NamedTuple):
    """The samples that decide, whether items are strata of their own, and the caveat of that."""

    times: Times
    by_item: bool
    caveat: str


class Decision(NamedTuple):
    """A label and the numbers that it was made from."""

    pattern: str
    change: survival.Change
    p: float
    trend: survival.Trend
    adjusted: tuple[float, float]  # both p values, by Holm
    tau: Interval
    localised: bool


def analyse(group: Group, seed: int) -> dict[str, Any]:
    """The lens' result for one group."""
    table = group.table
    recorded = ~np.isnan(table.tokens)
    if not recorded.any():
        return insufficient(NAME, len(table), ["completion_tokens, a finite count of 0 or more"])
    times = of_table(table.take(recorded))
    edges, used = bin_edges(times), _stratify(times)
    gates = _gates(times, used)
    result = insufficient(
        NAME, len(table), findings.short_of(gates), gates=gates, evidence=_spent(times), seed=seed,
        estimates={"unfinished_at_limit": _unfinished(times), **_sweet_spot(times, edges, seed)},
        tables={"hazard": hazard_rows(times), "cif": cif_rows(times, edges),
                "budget": budget_rows(times, edges)},
        compat={"bucket_tokens": BUCKET, "hazard": "raw hazard per bucket in hazard.csv; original, "
                "not used for the label: it follows when answers come"})
    if not recorded.all():
        result["caveats"].append(f"{int((~recorded).sum())} samples have no usable token count and "
                                 "take no part")
    cut = (times.cause == TRUNCATED).mean()
    if cut >= 0.2:
        result["also"].append("truncation_wall")
        result["evidence"].append(f"{cut:.0%} had not answered at the limit: time to an answer, "
                                  "which is not the same as getting worse")
    if len(edges) < 3:
        result["need"].append("finishes of different lengths")
    return result if result["need"] else _decided(result, times, used, edges, seed)


def _gates(times: Times, used: Deciding) -> list[dict]:
    scope = ", in items with both" if used.by_item else \
        ", one run of each item" if len(used.times.t) < len(times.t) else ""
    cause = used.times.cause
    return [gate(f"{name} answers that finished{scope}", int((cause == code).sum()), FINISHES)
            for name, code in (("wrong", WRONG), ("correct", CORRECT))]


def _unfinished(times: Times) -> dict[str, Any]:
    """The share that had not answered at the limit; runs of an item count by their worth."""
    cut = times.cause == TRUNCATED
    worth = len(cut) / cells.design_effect(np.zeros_like(times.item), times.item, cut)
    return estimate(cut.mean(), *findings.wilson(cut.mean() * worth, worth), "Wilson")


def of_table(table: Table) -> Times:
    """The times of a table's samples; what is truncated stops at its limit."""
    limit = np.where(np.isnan(table.limit) & (table.outcome == TRUNCATED), table.tokens,
                     table.limit)
    return Times(table.tokens, table.outcome, limit, table.item, table.levels())


def bin_edges(times: Times) -> np.ndarray:
    """Up to 64 bins of equal width, a power of two times 1, up to the longest."""
    top = max(float(times.t.max()), 1.0)
    width = 2.0 ** max(0, math.ceil(math.log2(top / BINS)))
    return np.arange(0, top + width, width)


def _stratify(times: Times) -> Deciding:
    """Runs of one item are not independent: they are compared with each other, or one is used."""
    finished = np.flatnonzero(times.cause <= WRONG)
    _, first, item = np.unique(times.item[finished], return_index=True, return_inverse=True)
    hidden = ("hidden item difficulty can make length and error go together, so length is "
              "associated with error at most")
    if len(first) == len(finished):
        return Deciding(times, False, f"no item has two finished runs: {hidden}")
    runs, wrong = np.bincount(item), np.bincount(item, times.cause[finished] == WRONG)
    both = ((wrong > 0) & (wrong < runs))[item]
    inside = times.at(finished[both])
    if inside.fewer() >= FINISHES and (runs > 1).mean() > 0.5:
        return Deciding(inside, True, f"{len(np.unique(item[both]))} items with wrong and correct "
                        "finishes: odds within an item")
    return Deciding(times.at(np.sort(finished[first])), False,
                    f"one finished run of each of {len(first)} items decides: too few items have "
                    f"both wrong and correct finishes to look within them; {hidden}")


def strata_of(times: Times, edges: np.ndarray, by_item: bool) -> survival.Strata:
    """The finished answers by item, or by task and level."""
    finished = times.cause <= WRONG
    bins = np.clip(np.searchsorted(edges, times.t, side="right") - 1, 0, len(edges) - 2)
    return survival.informative((times.item if by_item else times.level)[finished],
                                bins[finished], times.cause[finished] == WRONG,
                                times.item[finished], len(edges) - 1)


def parts_of(strata: survival.Strata, edges: np.ndarray, weight: np.ndarray | None = None
             ) -> survival.Parts:
    """What the strata add to the tests; the trend is against log tokens."""
    return survival.parts(strata, np.log((edges[:-1] + edges[1:]) / 2), weight)


def decide(parts: survival.Parts, edges: np.ndarray, times: Times, end: float,
           critical: np.ndarray, small: bool = False, copies: np.ndarray | None = None
           ) -> Decision:
    """The label by the rules of the method; `end` is the longest that an answer may take,
    `critical` are the largest chi-squares of the permutations; `small`: all in all wrong answers
    are neither longer nor shorter by an amount worth a name."""
    copies = np.ones(len(parts.n)) if copies is None else copies
    change = survival.scan(parts, copies)
    p = (1 + int((critical >= change.stat - 1e-9).sum())) / (1 + len(critical))
    trend = survival.trend(parts, copies)
    scan_adj, trend_adj = holm([p, trend.p])
    near = np.flatnonzero(change.curve >= change.stat - 3.84)
    width = edges[1] - edges[0]
    tau = Interval(float(edges[change.bin + 1]), float(edges[near.min() + 1] - width),
                   float(edges[near.max() + 1] + width))
    localised = tau.high - tau.low <= 0.25 * end
    right = np.sort(times.t[times.cause == CORRECT])
    step_wins = change.stat - np.log(parts.n.sum()) - trend.stat >= 2
    if min(scan_adj, trend_adj) > 0.05 and times.fewer() >= FOR_CONSTANT:
        pattern = "constant"
    elif min(scan_adj, trend_adj) > 0.01:
        pattern = "no_change_detected"
    elif change.ratio < 1 if p <= trend.p else trend.z < 0:
        pattern = "negligible" if small else "early"
    elif scan_adj <= 0.01 and change.ratio >= 2 and change.low > 1.2 and step_wins and localised:
        quarter = np.quantile(right, 0.25) if len(right) else 0
        pattern = "early_breakdown" if tau.value < quarter else "threshold"
    else:
        pattern = "negligible" if small else "delayed"
    return Decision(pattern, change, p, trend, (scan_adj, trend_adj), tau, localised)


def _decided(result: dict[str, Any], whole: Times, used: Deciding, edges: np.ndarray, seed: int
             ) -> dict[str, Any]:
    """The result with its label and what that rests on."""
    times, by_item, caveat = used
    strata = strata_of(times, edges, by_item)
    if not strata.size:
        return result | {"need": ["a task and level (or an item) with both wrong and correct "
                                  "finishes"]}
    parts = parts_of(strata, edges)
    critical = survival.permuted(strata, parts, seed)
    # A limit may be recorded for some samples alone, or for none.
    end = float(np.nanmax(np.r_[whole.limit, whole.t.max()]))
    # In replicates, too, the null of the whole data decides.
    longer = survival.longer(strata)
    label = partial(decide, edges=edges, times=times, end=end, critical=critical,
                    small=abs(longer.value - 0.5) <= contrasts.BAND)
    decision = label(parts)
    confidence = findings.steadiness(_replicates(label, strata, parts, edges, by_item, seed + 1),
                                     decision.pattern, 1.0 if by_item else 0.6)
    strong = findings.strength(confidence, times.fewer() >= FOR_CONSTANT)
    pattern = decision.pattern
    if pattern == "early_breakdown":
        pattern = "threshold"
        result["also"].append("early_breakdown")
    result["caveats"].append(caveat)
    change, trend, (scan_adj, trend_adj) = decision.change, decision.trend, decision.adjusted
    result["tests"] = [
        findings.test("change of odds wrong : correct, scan", change.stat, decision.p, scan_adj),
        findings.test("trend with log tokens", trend.z, trend.p, trend_adj)]
    result["estimates"]["auc_tokens"] = estimate(*longer, "P(wrong > correct) within strata")
    if pattern == "negligible":
        result["evidence"].append(f"odds move with tokens, too little for a name: a wrong answer "
                                  f"is the longer of two with probability {longer.value:.2f}")
    if scan_adj <= 0.05:
        _add_change(result, decision, by_item)
    return result | {"pattern": pattern, "confidence": rounded(confidence),
                     "confidence_kind": "share of item bootstrap replicates with the same label" +
                     ("" if by_item else ", at most 0.6 without repeated runs"),
                     "strength": strong if by_item or strong == "low" else "medium"}


def _replicates(label: Callable[..., Decision], strata: survival.Strata, parts: survival.Parts,
                edges: np.ndarray, by_item: bool, seed: int) -> Callable[[int], str]:
    """The label over items drawn anew. An item that is a stratum is drawn whole; else its finishes
    are drawn together within their level."""
    rng = np.random.default_rng(seed)
    present, item = np.unique(strata.item, return_inverse=True)

    def replicate(_: int) -> str:
        drawn = findings.resampled(strata.size if by_item else len(present), rng).astype(float)
        return (label(parts, copies=drawn) if by_item else
                label(parts_of(strata, edges, drawn[item]))).pattern

    return replicate


def _add_change(result: dict[str, Any], decision: Decision, by_item: bool) -> None:
    """Adds what a change of the odds is to a result."""
    change, tau = decision.change, decision.tau
    sides, factor = ("after", "before"), change.ratio
    if factor < 1:
        sides, factor = ("before", "after"), 1 / max(factor, 1e-6)
    factor_text = f"{factor:.1f} times" if factor < 1e4 else "beyond any finite multiple of"
    word = "within an item" if by_item else "at equal level, associated"
    result["evidence"].append(f"odds of a wrong answer {sides[0]} {tau.value:.0f} tokens are "
                              f"{factor_text} those {sides[1]} ({word})")
    if not decision.localised:
        result["evidence"].append("no threshold can be localised: the change may lie anywhere from "
                                  f"{tau.low:.0f} to {tau.high:.0f} tokens")
    result["estimates"] |= {
        "odds_ratio_late_early": estimate(change.ratio, change.low, change.high,
                                          "Mantel-Haenszel, at the largest chi-square"),
        "change_at_tokens": estimate(*tau, "change points within 3.84 of the largest chi-square")}


def _spent(times: Times) -> list[str]:
    """What the tokens of right and wrong answers are, as a sentence."""
    medians = [f"{OUTCOMES[code]} {np.median(times.t[times.cause == code]):.0f}"
               for code in (CORRECT, WRONG) if (times.cause == code).any()]
    return [f"median tokens, levels together: {', '.join(medians)}"] if medians else []


def _sweet_spot(times: Times, edges: np.ndarray, seed: int) -> dict[str, Any]:
    """The smallest budget with 95 % of the correct answers before the limit; item bootstrap."""
    right = times.cause == CORRECT
    if right.sum() < 20:
        return {}
    distinct, which = np.unique(times.t, return_inverse=True)
    place = np.searchsorted(distinct, edges[1:], side="right")
    items, item = np.unique(times.item, return_inverse=True)
    rng = np.random.default_rng(seed + 2)
    spots = []
    for draw in range(findings.REPLICATES + 1):
        weight = np.ones(len(items)) if draw == 0 else findings.resampled(len(items), rng)
        gained = np.r_[0, survival.curves(which, _cause(times), 3,
                                          weight[item].astype(float))[0]][place]
        spots.append(edges[1 + int(np.searchsorted(gained, 0.95 * gained[-1]))])
    return {"budget_for_95_percent": estimate(
        spots[0], *np.quantile(spots[1:], [0.025, 0.975]),
        "smallest budget with 95 % of the correct answers; item bootstrap; the value of stopping "
        "without an answer")}


def hazard_rows(times: Times) -> list[dict]:
    """The table hazard.csv, in the original tool's buckets: at risk, exposure, events, the raw
    hazard, the same standardised over levels to the pooled mix, the odds wrong : correct, and those
    within levels."""
    width = BUCKET if times.t.max() > 4 * BUCKET else float(max(1, round(times.t.max() / 16)))
    edges = np.arange(0, times.t.max() + width, width)
    share = np.bincount(times.level) / len(times.level)
    finished = times.cause <= WRONG
    of_level = np.bincount(times.level[times.cause == WRONG], minlength=len(share)) \
        / np.maximum(np.bincount(times.level[finished], minlength=len(share)), 1)
    rows = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        risk = times.t > low if low else times.t >= 0
        here = risk & (times.t <= high)
        spent = np.minimum(times.t[risk], high) - low
        exposure = spent.sum()
        counts = np.bincount(times.cause[here], minlength=4).tolist()
        exposed = np.bincount(times.level[risk], spent, len(share))
        events = np.bincount(times.level[here & (times.cause == WRONG)], minlength=len(share))
        seen = exposed > 0
        adjusted = (share[seen] * events[seen] / exposed[seen]).sum() / share[seen].sum() \
            if seen.any() else None
        rows.append({"from": float(low), "to": float(high), "at_risk": int(risk.sum()),
                     "exposure": rounded(exposure, 1), **dict(zip(OUTCOMES, counts, strict=True)),
                     "raw_hazard_wrong": rounded(counts[WRONG] / exposure, 8) if exposure else None,
                     "raw_hazard_wrong_adjusted": rounded(adjusted, 8),
                     "odds_wrong_correct": rounded((counts[WRONG] + .5) / (counts[CORRECT] + .5))
                     if counts[WRONG] + counts[CORRECT] else None,
                     "odds_within_level": _within(counts, of_level[times.level[here & finished]])})
    return rows


def _within(counts: list[int], expected: np.ndarray) -> float | None:
    """The odds of a wrong answer over those expected of its levels, half a finish added to each."""
    if not len(expected):
        return None
    wrong = float(expected.sum())
    right = len(expected) - wrong
    return rounded((counts[WRONG] + .5) / (counts[CORRECT] + .5) * (right + .5) / (wrong + .5))


def _cause(times: Times) -> np.ndarray:
    """Causes as survival numbers them: what the limit cut off is censored."""
    return np.where(times.cause == TRUNCATED, 0, times.cause + 1)


def cif_rows(times: Times, edges: np.ndarray) -> list[dict]:
    """The table cif.csv: the share with each outcome by a number of tokens."""
    curves = survival.incidence(times.t, _cause(times), 3, edges[1:])
    return [{"tokens": float(edge),
             **dict(zip(OUTCOMES[:3], map(rounded, curves[:, at]), strict=True)),
             "unfinished": rounded(1 - curves[:, at].sum())}
            for at, edge in enumerate(edges[1:])]


def budget_rows(times: Times, edges: np.ndarray) -> list[dict]:
    """The table budget.csv: what stopping at a budget would give and cost."""
    curve = survival.incidence(times.t, _cause(times), 3, edges[1:])[0]
    cost = survival.mean_until(times.t, times.cause != TRUNCATED, edges[1:])
    gain = np.diff(np.r_[0, curve]) / np.maximum(np.diff(np.r_[0, cost]), 1e-9)
    return [{"budget": float(edge), "correct_by_then": rounded(curve[at]),
             "mean_tokens": rounded(cost[at], 1),
             "gain_per_1000_tokens": rounded(1000 * gain[at])}
            for at, edge in enumerate(edges[1:])]

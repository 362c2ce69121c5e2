"""The compression lens (reasoning space): do wrong traces say less, or say the same again, than
correct ones of equal difficulty?

A packed size is mostly a measure of length, so what is compared is the residual after length, the
bits in windows of equal size, novelty, and loops found on the tokens themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis.lenses import contrasts, dataset, findings, tokens, traces
from failure_analysis.lenses.contrasts import GROUP, LEVEL, Auc, LoopShare
from failure_analysis.lenses.dataset import CORRECT, TRUNCATED, WRONG, Group, Table
from failure_analysis.lenses.findings import estimate, finite, gate, insufficient
from failure_analysis.spread import Engine
from failure_analysis.statistics import rounded

NAME = "compression"
SHORTEST, FEW = 64, 20
SEEN = 0.08  # strength asks whether an AUC so far from a half would show
HEADER_GZIP = traces.HEADER + 12


class Traces(NamedTuple):
    """The measured traces of a table: its rows, their features, and what the tokens are."""

    row: np.ndarray
    features: np.ndarray
    unit: str
    counts: dict[str, int]
    reasoning: int

    def of(self, part: Table) -> dict[str, np.ndarray]:
        """The features of a part of the table by name; NaN where a sample has no trace."""
        columns = self.features[np.searchsorted(self.row, part.row)].T
        return dict(zip(traces.NAMES, columns, strict=True))


class Residual(NamedTuple):
    """What length leaves of a feature, and how far the line leaves the wrong traces' level open."""

    values: np.ndarray
    slack: float


def trace_of(text: dataset.Text) -> tuple[str | None, bool]:
    """(the text that shows the thinking, whether it is a recorded trace of its own)."""
    inside = (text.response or "").partition("<think>")[2].partition("</think>")[0]
    own = text.reasoning or inside
    return (own, True) if own else (text.response, False)


def measure(table: Table, cache: Path, engine: Engine) -> Traces:
    """Measures every trace of a table, or takes it from the cache."""
    config = table.config.path
    paths = [tokens.tokenizer_path(system, config) if system.tokenizer else None
             for system in table.evals]
    seen = {"ids": 0, "bad": 0, "reasoning": 0}

    def every():
        for at, text in dataset.texts(table):
            trace, own = trace_of(text)
            if trace is None:
                continue
            ids = text.reasoning_ids if own or not text.reasoning else None
            if ids is not None and not all(isinstance(token, int) and abs(token) < 1 << 62
                                           for token in ids):
                ids, seen["bad"] = None, seen["bad"] + 1
            seen["ids"] += ids is not None
            seen["reasoning"] += own
            yield traces.Trace(at, trace, ids, paths[table.eval[at]])

    features, counts = traces.features(every(), len(table), cache, engine)
    names = sorted({path.name for path in paths if path})
    unit = tokens.RECORDED if seen["ids"] else f"tokenizer {', '.join(names)}" if names else \
        tokens.FALLBACK
    if seen["bad"]:
        unit += f" (reasoning_token_ids of {seen['bad']} samples are no whole numbers: not used)"
    return Traces(table.row, features, unit, counts, seen["reasoning"])


def analyse(group: Group, measured: Traces, seed: int) -> dict[str, Any]:
    """The lens' result for one group."""
    n, features = len(group.table), measured.of(group.table)
    has, long_enough = ~np.isnan(features["tokens"]), features["tokens"] >= SHORTEST
    if not has.any():
        return insufficient(NAME, n, ["texts of the answers or of the thinking (response, "
                                      "reasoning_text)"])
    if not long_enough.any():
        return insufficient(NAME, n, [f"traces of {SHORTEST} tokens or more; the longest has "
                                      f"{int(np.nanmax(features['tokens']))}"])
    table = group.table.take(has)
    features = {name: column[has] for name, column in features.items()}
    long_enough = long_enough[has]
    left = {"residual_entropy": residuals(features, table, long_enough, "packed"),
            "novelty": residuals(features, table, long_enough, "novelty")}
    residual = left["residual_entropy"].values
    strata, by_item = strata_of(table)
    gates = _gates(table, long_enough, strata)
    looped = contrasts.loop_share(table, features["loop"])
    result = insufficient(
        NAME, n, findings.short_of(gates), gates=gates, seed=seed, estimates=looped.estimates,
        evidence=looped.evidence, caveats=_caveats(n, long_enough, measured.unit),
        tables={"traces": trace_rows(table, features, residual),
                "groups": group_rows(table, features, residual)},
        compat=_compat(table, features))
    aucs = {} if result["need"] else compare(table, features, left, strata, by_item)
    if not aucs:
        result["need"] = result["need"] or ["wrong and correct traces that do not loop, in strata "
                                            "with both"]
        if labels := looped.labels(looped.p):
            result |= {"pattern": labels[0], "need": [], "strength": "medium",
                       "confidence_kind": "only the share of loops was tested"}
        return result
    return _decided(result, table, features, aucs, looped, by_item)


def _gates(table: Table, long_enough: np.ndarray, strata: np.ndarray) -> list[dict]:
    """What it takes to compare: traces of both outcomes, of which one kind is no mere answer."""
    shared = np.all([np.isin(strata, strata[table.outcome == code]) for code in (WRONG, CORRECT)],
                    axis=0)
    inside = [shared & (table.outcome == code) for code in (WRONG, CORRECT)]
    gates = [gate(f"{dataset.OUTCOMES[code]} traces in strata with both", int(rows.sum()), GROUP)
             for code, rows in zip((WRONG, CORRECT), inside, strict=True)]
    most = max(int((rows & long_enough).sum()) for rows in inside)
    return [*gates, gate(f"traces of {SHORTEST} tokens or more of one outcome there", most, GROUP)]


def _caveats(n: int, long_enough: np.ndarray, unit: str) -> list[str]:
    """What the tokens are, and which of `n` samples take no part."""
    caveats, traced = [f"tokens are {unit}"], len(long_enough)
    if short := traced - int(long_enough.sum()):
        more = ": too short to speak of compression" if short > 0.2 * traced else ""
        caveats.append(f"{short} of {traced} traces have fewer than {SHORTEST} tokens; only their "
                       f"length is compared{more}")
    if without := n - traced:
        caveats.append(f"{without} samples have no text")
    return caveats


def residuals(features: dict[str, np.ndarray], table: Table, chosen: np.ndarray, name: str
              ) -> Residual:
    """What is left of a feature of the chosen traces after their length; NaN for the others, and
    for fewer than 20."""
    values = np.full(len(table), np.nan)
    if chosen.sum() < 20:
        return Residual(values, 0.0)
    values[chosen], slack = _after_length({key: features[key][chosen]
                                           for key in ("tokens", "loop", name)},
                                          table.take(chosen), name)
    return Residual(values, slack)


def _after_length(features: dict[str, np.ndarray], table: Table, name: str
                  ) -> tuple[np.ndarray, float]:
    """What is left of the log of a feature after a spline of log tokens, in standard deviations,
    and the slack of `Residual`. The outcome groups have their own level in the fit, so that a group
    of longer traces does not bend the line; the less their lengths overlap, the less the data tell
    a level from a bend."""
    n = len(table)
    x = np.log(features["tokens"])
    x = (x - x.mean()) / max(float(x.std()), 1e-9)
    y = np.log(np.maximum(features[name], 1 if name == "packed" else 1e-3))
    looped = features["loop"] > 0
    used = ~looped if (~looped).sum() >= 20 else np.ones(n, bool)
    knots = np.unique(np.quantile(x[used], [.1, .3, .5, .7, .9]))
    # Loops lie beyond the lengths that are fitted: a cubic would run away there.
    inside = np.clip(x, x[used].min(), x[used].max())
    centred = x[used] - x[used].mean()
    beyond = (x - inside) * (centred @ y[used]) / max(float(centred @ centred), 1e-9)
    spline = np.column_stack([np.ones(n), inside, inside**2, inside**3,
                              *(np.maximum(inside - knot, 0) ** 3 for knot in knots)])
    groups = np.column_stack([table.outcome == code for code in (WRONG, 2, TRUNCATED)])
    line = spline.shape[1]
    design = np.column_stack([spline, groups])[used]
    weight = np.linalg.lstsq(design, y[used], rcond=None)[0]
    left = y - beyond - spline @ weight[:line]
    within = (left - groups @ weight[line:])[used]
    # The variance of the wrong traces' level, beyond what two plain means would have.
    level = np.linalg.pinv(design.T @ design)[line, line]
    means = sum(1 / max(int((table.outcome[used] == code).sum()), 1) for code in (WRONG, CORRECT))
    spread = float(within.std())
    return (left / spread if spread > 1e-9 else np.zeros(n),
            float(np.sqrt(max(level - means, 0.0))))


def strata_of(table: Table) -> tuple[np.ndarray, bool]:
    """Items where enough of them were tried repeatedly with both outcomes, else levels."""
    judged = table.outcome <= WRONG
    tries = np.bincount(table.item[judged], minlength=int(table.item.max()) + 1)
    wrong = np.bincount(table.item[table.outcome == WRONG], minlength=len(tries))
    mixed = (wrong > 0) & (wrong < tries)
    inside = judged & mixed[table.item]
    both = [(table.outcome[inside] == code).sum() for code in (WRONG, CORRECT)]
    by_item = min(both) >= GROUP
    return (table.item if by_item else table.levels()), by_item


def compare(table: Table, features: dict[str, np.ndarray], left: dict[str, Residual],
            strata: np.ndarray, by_item: bool) -> dict[str, Auc]:
    """Wrong against correct traces within strata, loops left out: length, and of those that are
    long enough residual, windows, novelty, where there are enough of them. Truncated ones take no
    part: their length is the limit's."""
    kept = (table.outcome <= WRONG) & (features["loop"] == 0)
    length = table.tokens if not np.isnan(table.tokens[kept]).any() else features["tokens"]
    values = {"tokens": length, "residual_entropy": left["residual_entropy"].values,
              "window_bits": features["window_bits"], "novelty": left["novelty"].values}
    wrong = table.outcome[kept] == WRONG

    def auc(column: np.ndarray) -> Auc | None:
        return contrasts.stratified_auc(column[kept], wrong, strata[kept], table.item[kept],
                                        by_item, FEW)

    aucs = {name: result for name, column in values.items() if (result := auc(column)) is not None}
    for name, (values, slack) in left.items():
        if slack and name in aucs:
            value, error, influence, null = aucs[name]
            up, down = (auc(values + sign * slack * (table.outcome == WRONG)) for sign in (1, -1))
            wider = float(np.hypot(error, (up.value - down.value) / 2))
            aucs[name] = Auc(value, wider, influence * wider / error if error else influence, null)
    return aucs


def _decided(result: dict[str, Any], table: Table, features: dict, aucs: dict[str, Auc],
             looped: LoopShare, by_item: bool) -> dict[str, Any]:
    """The result with its label and what that rests on."""
    p, growth = contrasts.adjusted(aucs, looped), growth_with_level(table, features)
    named = contrasts.decide(aucs, looped, p)
    pattern, *also = named or [contrasts.quiet(aucs, p, growth)]
    confidence = findings.steadiness(_replicates(aucs, looped, pattern, result["seed"]), pattern,
                                     0.99)
    powered = not named or all(findings.power(SEEN, aucs[name].error) >= 0.8 for name in
                               ("tokens", "residual_entropy") if name in aucs)
    result["estimates"] |= {
        f"auc_{name}": estimate(auc.value, auc.low, auc.high,
                                "P(wrong > correct) within strata; placements by item")
        for name, auc in aucs.items()}
    if growth is not None:
        result["estimates"]["tokens_grow_with_level"] = {"est": rounded(growth),
                                                         "method": "Spearman"}
    if "more_loops" in named:
        result["evidence"][0] += ": more than chance"
    at = len(result["evidence"]) if features["loop"].any() else 0
    result["evidence"][at:at] = _sentences(aucs, p)
    if near := int(features["near"].sum()):
        result["evidence"].append(f"{near} traces nearly loop (forms and tables do so "
                                  "legitimately)")
    result["caveats"].append("compared within " + (
        "items with both outcomes" if by_item else "levels of equal difficulty: hidden item "
        "difficulty can still make length and error go together"))
    return result | {
        "pattern": pattern, "also": also, "confidence": rounded(confidence),
        "confidence_kind": "share of item multiplier-bootstrap replicates with the same label",
        "tests": contrasts.tests(aucs, looped, p),
        "strength": "low" if pattern == "undecided" else findings.strength(confidence, powered)}


def _replicates(aucs: dict[str, Auc], looped: LoopShare, pattern: str, seed: int
                ) -> Callable[[int], str]:
    """The label over items weighed anew; `pattern` where nothing has a name."""
    items = len(next(iter(aucs.values())).influence)
    draws = np.random.default_rng(seed).standard_normal((findings.REPLICATES, items))
    moved = {name: auc.value + draws[:, :len(auc.influence)] @ auc.influence
             for name, auc in aucs.items()}

    def replicate(number: int) -> str:
        drawn = {name: auc._replace(value=float(moved[name][number]))
                 for name, auc in aucs.items()}
        return (contrasts.decide(drawn, looped, contrasts.adjusted(drawn, looped)) or [pattern])[0]

    return replicate


def growth_with_level(table: Table, features: dict[str, np.ndarray]) -> float | None:
    """Spearman's rank correlation of median trace length with difficulty (the hardest dimension
    by tokens), over levels; None without difficulty."""
    growths = []
    for values in map(table.params.get, table.difficulty()):
        levels = np.unique(values[~np.isnan(values)])
        medians = np.array([np.median(features["tokens"][values == level]) for level in levels])
        if len(levels) >= 3 and medians.std() > 0:
            rank = findings.ranks(medians)
            growths.append(float(np.corrcoef(np.arange(len(levels)), rank)[0, 1]))
    return max(growths, key=abs, default=None)


def _sentences(aucs: dict[str, Auc], p: dict[str, float]) -> list[str]:
    words = {"tokens": ("longer", "shorter"),
             "residual_entropy": ("richer for their length", "poorer for their length"),
             "window_bits": ("richer per window", "poorer per window"),
             "novelty": ("newer in their second half", "more repetitive there")}
    sentences = []
    for name, auc in aucs.items():
        more, less = words[name]
        text = f"wrong traces are {more if auc.value > 0.5 else less}" if p[name] <= LEVEL else \
            f"not shown that wrong traces are {more} or {less}"
        # An interval of one comparison may leave .5 where all of them together show nothing.
        alone = p[name] > LEVEL and not auc.low <= 0.5 <= auc.high
        sentences.append(f"{text} (AUC {auc.value:.2f}, {auc.low:.2f} to {auc.high:.2f}"
                         + (f"; p {p[name]:.2f} after Holm)" if alone else ")"))
    return sentences


def _compat(table: Table, features: dict[str, np.ndarray]) -> dict[str, Any]:
    """The original's gzip numbers (packed at level 6: zlib's size and 12 bytes more)."""
    ratio = (features["packed"] + HEADER_GZIP) / features["bytes"]
    return {"note": "original, not used for the label: a packed ratio mostly measures length",
            **{f"gzip_ratio_{name}": rounded(np.median(ratio[table.outcome == code]))
               for code, name in enumerate(dataset.OUTCOMES) if (table.outcome == code).any()}}


def trace_rows(table: Table, features: dict[str, np.ndarray], residual: np.ndarray) -> list[dict]:
    """The table traces.csv."""
    return [{"datapoint": table.ident[at], "outcome": dataset.OUTCOMES[table.outcome[at]],
             "recorded_tokens": finite(table.tokens[at], 1),
             "tokens": int(features["tokens"][at]), "bytes": int(features["bytes"][at]),
             "gzip_bytes": int(features["packed"][at] + HEADER_GZIP),
             "residual_entropy": finite(residual[at]),
             "window_bits": finite(features["window_bits"][at]),
             "novelty": rounded(features["novelty"][at]), "loop": int(features["loop"][at]),
             "near_loop": int(features["near"][at]), "cover4": rounded(features["cover4"][at]),
             "switches_per_1000": rounded(features["switches"][at], 2)}
            for at in range(len(table))]


def group_rows(table: Table, features: dict[str, np.ndarray], residual: np.ndarray) -> list[dict]:
    """The table groups.csv: medians per outcome, and the novelty of each quarter of a trace."""
    rows = []
    for code, name in enumerate(dataset.OUTCOMES):
        inside = table.outcome == code
        if inside.any():
            rows.append({"outcome": name, "traces": int(inside.sum()),
                         "loops": int(features["loop"][inside].sum()),
                         **{f"median_{key}": rounded(np.median(features[key][inside]))
                            for key in ("tokens", "bytes", "packed", "novelty", "switches",
                                        "quarter1", "quarter2", "quarter3", "quarter4")},
                         "median_residual_entropy": _median(residual[inside])})
    return rows


def _median(values: np.ndarray) -> float | None:
    """The median of those that are there."""
    there = values[~np.isnan(values)]
    return finite(np.median(there)) if len(there) else None

"""The compression lens (reasoning space): do wrong traces say less, or say the same again, than
correct ones of equal difficulty?

A packed size is mostly a measure of length, so what is compared is the residual after length, the
bits in windows of equal size, novelty, and loops found on the tokens themselves."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis.lenses import dataset, findings, tokens, traces
from failure_analysis.lenses.dataset import CORRECT, TRUNCATED, WRONG, Group, Table
from failure_analysis.lenses.findings import Interval, estimate, finite, gate, insufficient
from failure_analysis.statistics import rounded

NAME = "compression"
GROUP, SHORTEST, SHIFT = 30, 64, 0.08
HEADER_GZIP = traces.HEADER + 12



class Auc(NamedTuple):
    """P(wrong > correct) within strata, and each item's share in its error."""

    value: float
    error: float
    influence: np.ndarray

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval."""
        return max(0.0, self.value - findings.Z * self.error)

    @property
    def high(self) -> float:
        """The upper end."""
        return min(1.0, self.value + findings.Z * self.error)


class LoopShare(NamedTuple):
    """How often failures loop: estimates, sentences, and whether that breaks the system."""

    estimates: dict[str, Any]
    evidence: list[str]
    broken: bool


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


def trace_of(text: dataset.Text) -> tuple[str | None, bool]:
    """(the text that shows the thinking, whether it is a recorded trace of its own)."""
    inside = (text.response or "").partition("<think>")[2].partition("</think>")[0]
    own = text.reasoning or inside
    return (own, True) if own else (text.response, False)


def measure(table: Table, cache: Path, jobs: int) -> Traces:
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

    features, counts = traces.features(every(), len(table), cache, jobs)
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
    table = group.table.take(long_enough)
    features = {name: column[long_enough] for name, column in features.items()}
    residual, slack = residuals(features, table)
    strata, by_item = strata_of(table)
    shared = np.all([np.isin(strata, strata[table.outcome == code]) for code in (WRONG, CORRECT)],
                    axis=0)
    gates = [gate(f"{dataset.OUTCOMES[code]} traces in strata with both",
                  int((table.outcome[shared] == code).sum()), GROUP) for code in (WRONG, CORRECT)]
    looped = loop_share(table, features["loop"])
    result = insufficient(
        NAME, n, findings.short_of(gates), gates=gates, seed=seed, estimates=looped.estimates,
        evidence=looped.evidence, caveats=_caveats(has, long_enough, measured.unit),
        tables={"traces": trace_rows(table, features, residual),
                "groups": group_rows(table, features, residual)},
        compat=_compat(table, features))
    if result["need"] and looped.broken:
        return result | {"pattern": "broken_loops", "need": [], "strength": "medium",
                         "confidence_kind": "only the share of loops was tested"}
    if result["need"]:
        return result
    aucs = compare(table, features, residual, slack, strata, by_item)
    if not aucs:
        return result | {"need": ["wrong and correct traces that do not loop, in strata with both"]}
    return _decided(result, table, features, aucs, looped.broken, by_item)


def _caveats(has: np.ndarray, long_enough: np.ndarray, unit: str) -> list[str]:
    """What the tokens are, and which samples take no part."""
    caveats, traced = [f"tokens are {unit}"], int(has.sum())
    if short := traced - int(long_enough.sum()):
        more = ": too short to speak of compression" if short > 0.2 * traced else ""
        caveats.append(f"{short} of {traced} traces have fewer than {SHORTEST} tokens and take no "
                       f"part{more}")
    if without := len(has) - traced:
        caveats.append(f"{without} samples have no text")
    return caveats


def residuals(features: dict[str, np.ndarray], table: Table) -> tuple[np.ndarray, float]:
    """What is left of log packed bytes after a spline of log tokens, in standard deviations (NaN
    for fewer than 20 traces), and how far the line leaves the wrong traces' level open. The outcome
    groups have their own level in the fit, so that a group of longer traces does not bend the line;
    the less their lengths overlap, the less the data tell a level from a bend."""
    n = len(table)
    if n < 20:
        return np.full(n, np.nan), 0.0
    x = np.log(features["tokens"])
    x = (x - x.mean()) / max(float(x.std()), 1e-9)
    y = np.log(np.maximum(features["packed"], 1))
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
    return left / max(float(within.std()), 1e-9), float(np.sqrt(max(level - means, 0.0)))


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


def compare(table: Table, features: dict[str, np.ndarray], residual: np.ndarray, slack: float,
            strata: np.ndarray, by_item: bool) -> dict[str, Auc]:
    """Wrong against correct traces within strata, loops left out: length, residual, windows,
    novelty. Truncated ones take no part: their length is the limit's."""
    kept = (table.outcome <= WRONG) & (features["loop"] == 0)
    length = table.tokens if not np.isnan(table.tokens[kept]).any() else features["tokens"]
    values = {"tokens": length, "residual_entropy": residual,
              "window_bits": features["window_bits"], "novelty": features["novelty"]}
    wrong = table.outcome[kept] == WRONG

    def auc(column: np.ndarray) -> Auc | None:
        return stratified_auc(column[kept], wrong, strata[kept], table.item[kept], by_item)

    aucs = {name: result for name, column in values.items() if (result := auc(column)) is not None}
    if slack and "residual_entropy" in aucs:
        value, error, influence = aucs["residual_entropy"]
        up, down = (auc(residual + sign * slack * (table.outcome == WRONG)) for sign in (1, -1))
        wider = float(np.hypot(error, (up.value - down.value) / 2))
        aucs["residual_entropy"] = Auc(value, wider, influence * wider / error if error else
                                       influence)
    return aucs


def stratified_auc(x: np.ndarray, wrong: np.ndarray, stratum: np.ndarray, item: np.ndarray,
                   by_item: bool) -> Auc | None:
    """P(wrong > correct) averaged over strata with weight n1 n0 / (n1 + n0); its error from the
    placements (DeLong and others 1988), summed by item. None without a shared stratum."""
    recorded = ~np.isnan(x)
    x, wrong, stratum, item = x[recorded], wrong[recorded], stratum[recorded], item[recorded]
    parts = []
    order = np.argsort(stratum, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        ones, zeros = rows[wrong[rows]], rows[~wrong[rows]]
        if len(ones) and len(zeros):
            pooled = findings.ranks(x[np.r_[ones, zeros]])
            own = np.r_[findings.ranks(x[ones]), findings.ranks(x[zeros])]
            place = (pooled - own) / np.r_[np.full(len(ones), len(zeros)),
                                          np.full(len(zeros), len(ones))]
            place[len(ones):] = 1 - place[len(ones):]
            parts.append((np.r_[ones, zeros], place, len(ones), len(zeros)))
    if not parts:
        return None
    weight = np.array([a * b / (a + b) for _, _, a, b in parts])
    weight /= weight.sum()
    each = np.array([place[:a].mean() for _, place, a, _ in parts])
    value = float(weight @ each)
    influence = np.zeros(int(item.max()) + 1)
    for (rows, place, a, b), share, mean in zip(parts, weight, each, strict=True):
        if by_item:  # an item is a draw of its own
            influence[item[rows[0]]] += share * (mean - value)
        else:
            size = np.r_[np.full(a, a), np.full(b, b)]
            np.add.at(influence, item[rows], share * (place - mean) / size)
    clusters = int((influence != 0).sum())
    error = float(np.sqrt((influence**2).sum() * clusters / max(clusters - 1, 1)))
    return Auc(value, error, influence)


def loop_share(table: Table, loop: np.ndarray) -> LoopShare:
    """How often failures loop, against correct traces of the same levels."""
    failed = table.outcome != CORRECT
    k, n = int(loop[failed].sum()), int(failed.sum())
    k0, n0 = int(loop[~failed].sum()), int((~failed).sum())
    if n < GROUP:
        return LoopShare({}, [], False)
    low, _ = findings.wilson(k, n)
    estimates = {"loop_share_of_failures": findings.share(k, n)}
    sentence = f"{k} of {n} failures loop, {k0} of {n0} correct traces do"
    strata = table.levels()
    size = int(strata.max()) + 1
    counts = np.array([np.bincount(strata[mask], loop[mask] if weighed else None, size)
                       for mask in (failed, ~failed) for weighed in (True, False)]).T
    counts = counts[(counts[:, 1] > 0) & (counts[:, 3] > 0)]
    if not len(counts):  # nothing correct to compare with
        return LoopShare(estimates, [sentence], float(low) >= 0.05)
    ratio = findings.risk_ratio(counts)
    estimates["loop_risk_ratio"] = estimate(*ratio, "Mantel-Haenszel over levels")
    # With no loop among few correct traces this interval has no lower end worth the name.
    k, n, k0, n0 = counts.sum(0)
    sure = findings.none_among(k, n, n0) <= 0.025 if k0 == 0 else ratio.low > 1
    if low >= 0.05 and not sure:
        sentence += ": too few correct traces to say that loops go with failure"
    return LoopShare(estimates, [sentence], bool(low >= 0.05 and ratio.value >= 3 and sure))


def decide(aucs: dict[str, Auc], shift: dict[str, float], broken: bool) -> list[str]:
    """The labels by the rules of the method; `shift` moves each value (a replicate)."""
    def moved(name: str) -> Interval:
        auc, by = aucs.get(name), shift.get(name, 0.0)
        return Interval(auc.value + by, auc.low + by, auc.high + by) if auc else \
            Interval(0.5, 0.0, 1.0)

    length = moved("tokens")
    poorer = moved("residual_entropy").high < 0.5
    repeats = poorer or moved("novelty").high < 0.5
    labels = ["broken_loops"] if broken else []
    if length.value <= 0.5 - SHIFT and length.high < 0.5 and poorer:
        labels.append("underthink")
    if length.value >= 0.5 + SHIFT and length.low > 0.5:
        labels.append("overthink" if repeats else "long_search")
    return labels


def _decided(result: dict[str, Any], table: Table, features: dict, aucs: dict[str, Auc],
             broken: bool, by_item: bool) -> dict[str, Any]:
    """The result with its label and what that rests on."""
    powered = all(findings.power(SHIFT, aucs[name].error) >= 0.8 for name in
                  ("tokens", "residual_entropy") if name in aucs)
    growth = growth_with_level(table, features)
    quiet = "healthy" if powered and growth is not None and growth > 0 else "no_pattern_detected"
    pattern, *also = decide(aucs, {}, broken) or [quiet]
    items = len(next(iter(aucs.values())).influence)
    draws = np.random.default_rng(result["seed"]).standard_normal((findings.REPLICATES, items))
    moved = {name: draws[:, :len(auc.influence)] @ auc.influence for name, auc in aucs.items()
             if len(auc.influence) <= items}

    def replicate(number: int) -> str:
        shift = {name: float(column[number]) for name, column in moved.items()}
        return (decide(aucs, shift, broken) or [quiet])[0]

    confidence = findings.steadiness(replicate, pattern, 0.99)
    result["estimates"] |= {
        f"auc_{name}": estimate(auc.value, auc.low, auc.high,
                                "P(wrong > correct) within strata; placements by item")
        for name, auc in aucs.items()}
    if growth is not None:
        result["estimates"]["tokens_grow_with_level"] = {"est": rounded(growth),
                                                         "method": "Spearman"}
    at = len(result["evidence"]) if features["loop"].any() else 0
    result["evidence"][at:at] = _sentences(aucs)
    if near := int(features["near"].sum()):
        result["evidence"].append(f"{near} traces nearly loop (forms and tables do so "
                                  "legitimately)")
    result["caveats"].append("compared within " + (
        "items with both outcomes" if by_item else "levels of equal difficulty: hidden item "
        "difficulty can still make length and error go together"))
    return result | {
        "pattern": pattern, "also": also, "confidence": rounded(confidence),
        "confidence_kind": "share of item multiplier-bootstrap replicates with the same label",
        "strength": findings.strength(confidence, powered)}


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


def _sentences(aucs: dict[str, Auc]) -> list[str]:
    words = {"tokens": ("longer", "shorter"),
             "residual_entropy": ("richer for their length", "poorer for their length"),
             "window_bits": ("richer per window", "poorer per window"),
             "novelty": ("newer in their second half", "more repetitive there")}
    sentences = []
    for name, auc in aucs.items():
        more, less = words[name]
        clear = auc.low > 0.5 or auc.high < 0.5
        text = f"wrong traces are {more if auc.value > 0.5 else less}" if clear else \
            f"not shown that wrong traces are {more} or {less}"
        sentences.append(f"{text} (AUC {auc.value:.2f}, {auc.low:.2f} to {auc.high:.2f})")
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
                         "median_residual_entropy": finite(np.median(residual[inside]))})
    return rows

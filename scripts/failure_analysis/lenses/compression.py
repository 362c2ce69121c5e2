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
_THINK = ("<think>", "</think>")


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
    """The measured traces of a table: features by line, and what the tokens are."""

    features: np.ndarray
    unit: str
    counts: dict[str, int]
    reasoning: int

    def of(self, table: Table, chosen: Table) -> np.ndarray:
        """The features of a part of the table."""
        return self.features[np.searchsorted(table.row, chosen.row)]


def trace_of(text: dataset.Text) -> tuple[str | None, bool]:
    """(the text that shows the thinking, whether it is a recorded trace of its own)."""
    if text.reasoning:
        return text.reasoning, True
    response = text.response
    if response and _THINK[0] in response:
        inside = response.split(_THINK[0], 1)[1].split(_THINK[1], 1)[0]
        return (inside or response), bool(inside)
    return response, False


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
    return Traces(features, unit, counts, seen["reasoning"])


def analyse(group: Group, measured: np.ndarray, unit: str, seed: int) -> dict[str, Any]:
    """The lens' result for one group; `measured` has a line per sample of it, a column per name
    of traces.NAMES."""
    table = group.table
    has = ~np.isnan(measured[:, 0])
    if not has.any():
        return insufficient(NAME, len(table), ["texts of the answers or of the thinking "
                                               "(response, reasoning_text)"])
    long_enough = has & (np.nan_to_num(measured[:, 0]) >= SHORTEST)
    short = int((has & ~long_enough).sum())
    if not long_enough.any():
        return insufficient(NAME, len(table), [f"traces of {SHORTEST} tokens or more; the longest "
                                               f"has {int(np.nanmax(measured[:, 0]))}"])
    usable = table.take(long_enough)
    features = dict(zip(traces.NAMES, measured[long_enough].T, strict=True))
    caveats = [f"tokens are {unit}"]
    if short:
        caveats.append(f"{short} of {int(has.sum())} traces have fewer than {SHORTEST} tokens and "
                       "take no part" + (": too short to speak of compression"
                                         if short > 0.2 * has.sum() else ""))
    if (~has).any():
        caveats.append(f"{int((~has).sum())} samples have no text")
    residual, slack = residuals(features, usable)
    strata, by_item = strata_of(usable)
    shared = np.all([np.isin(strata, strata[usable.outcome == code]) for code in (WRONG, CORRECT)],
                    axis=0)
    wrong, right = (int((usable.outcome[shared] == code).sum()) for code in (WRONG, CORRECT))
    gates = [gate("wrong traces in strata with both", wrong, GROUP),
             gate("correct traces in strata with both", right, GROUP)]
    looped = loop_share(usable, features["loop"])
    common = {"gates": gates, "seed": seed, "caveats": caveats,
              "estimates": looped.estimates, "evidence": looped.evidence,
              "tables": {"traces": trace_rows(usable, features, residual),
                         "groups": group_rows(usable, features, residual)},
              "compat": _compat(usable, features)}
    need = findings.short_of(gates)
    if need and looped.broken:
        return findings.finding(NAME, "broken_loops", len(table), strength="medium",
                                confidence_kind="only the share of loops was tested", **common)
    aucs = {} if need else compare(usable, features, residual, slack, strata, by_item)
    if not aucs:
        return insufficient(NAME, len(table), need or [
            "wrong and correct traces that do not loop, in strata with both"], **common)
    return _decided(usable, features, aucs, looped.broken, by_item, common, len(table), seed)


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

    aucs = {name: auc(column) for name, column in values.items()}
    aucs = {name: result for name, result in aucs.items() if result is not None}
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


def decide(aucs: dict[str, Auc], shift: dict[str, float], broken: bool) -> tuple[str, list[str]]:
    """(label, further ones) by the rules of the method; `shift` moves each value (a replicate)."""
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
    return (labels[0], labels[1:]) if labels else ("", [])


def _decided(table: Table, features: dict, aucs: dict[str, Auc], broken: bool, by_item: bool,
             common: dict, n: int, seed: int) -> dict[str, Any]:
    powered = all(findings.power(SHIFT, aucs[name].error) >= 0.8 for name in
                  ("tokens", "residual_entropy") if name in aucs)
    growth = growth_with_level(table, features)
    quiet = "healthy" if powered and growth is not None and growth > 0 else "no_pattern_detected"
    label, also = decide(aucs, {}, broken)
    pattern = label or quiet
    rng = np.random.default_rng(seed)
    items = len(next(iter(aucs.values())).influence)
    draws = rng.standard_normal((findings.REPLICATES, items))
    moved = {name: draws[:, :len(auc.influence)] @ auc.influence for name, auc in aucs.items()
             if len(auc.influence) <= items}

    def replicate(number: int) -> str:
        shift = {name: float(column[number]) for name, column in moved.items()}
        return decide(aucs, shift, broken)[0] or quiet

    confidence = findings.steadiness(replicate, pattern, 0.99)
    estimates = {**common["estimates"], **{
        f"auc_{name}": estimate(auc.value, auc.low, auc.high,
                                "P(wrong > correct) within strata; placements by item")
        for name, auc in aucs.items()}}
    if growth is not None:
        estimates["tokens_grow_with_level"] = {"est": rounded(growth), "method": "Spearman"}
    sentences, of_loops = _sentences(aucs), common["evidence"]
    evidence = [*of_loops, *sentences] if features["loop"].any() else [*sentences, *of_loops]
    near = int(features["near"].sum())
    if near:
        evidence.append(f"{near} traces nearly loop (forms and tables do so legitimately)")
    where = "items with both outcomes" if by_item else \
        "levels of equal difficulty: hidden item difficulty can still make length and error go " \
        "together"
    return findings.finding(
        NAME, pattern, n, also=also, confidence=rounded(confidence),
        confidence_kind="share of item multiplier-bootstrap replicates with the same label",
        strength=findings.strength(confidence, powered),
        **{**common, "estimates": estimates, "evidence": evidence,
           "caveats": [*common["caveats"], f"compared within {where}"]})


def growth_with_level(table: Table, features: dict[str, np.ndarray]) -> float | None:
    """Spearman's rank correlation of median trace length with difficulty (the hardest dimension
    by tokens), over levels; None without difficulty."""
    best = None
    for name in table.difficulty():
        values = table.params[name]
        levels = np.unique(values[~np.isnan(values)])
        if len(levels) >= 3:
            medians = np.array([np.median(features["tokens"][values == level]) for level in levels])
            if medians.std() == 0:
                continue
            r = float(np.corrcoef(levels.argsort(), findings.ranks(medians))[0, 1])
            best = r if best is None or abs(r) > abs(best) else best
    return best


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
    packed = features["packed"] + HEADER_GZIP
    return {"note": "original, not used for the label: a packed ratio mostly measures length",
            **{f"gzip_ratio_{dataset.OUTCOMES[code]}":
               rounded(np.median((packed / features["bytes"])[table.outcome == code]))
               for code in range(4) if (table.outcome == code).any()}}


HEADER_GZIP = traces.HEADER + 12


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

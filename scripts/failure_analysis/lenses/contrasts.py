"""Wrong against correct traces: their contrasts with errors, how often they loop, and the labels
that follow. Only what holds after Holm over all tests of the lens gets a name."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtrc

from failure_analysis.lenses import findings
from failure_analysis.lenses.dataset import CORRECT, Table
from failure_analysis.lenses.findings import estimate
from failure_analysis.statistics import holm

GROUP = 30
FAILURES = 5  # of which a share of loops may speak: the test is exact where none else loops
# An AUC so near to a half is no difference worth a name.
BAND = 0.05
REPEATS = 1 / 3  # an AUC of novelty up to which longer traces are said to repeat themselves
LEVEL = 0.05  # of a test, after Holm over those of the lens


class Auc(NamedTuple):
    """P(wrong > correct) within strata, each item's share in its error, and the error that it has
    where wrong and correct do not differ (van Elteren 1960), which small strata cannot hide."""

    value: float
    error: float
    influence: np.ndarray
    null: float = 0.0

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval."""
        return max(0.0, self.value - findings.Z * self.error)

    @property
    def high(self) -> float:
        """The upper end."""
        return min(1.0, self.value + findings.Z * self.error)

    @property
    def z(self) -> float:
        """How many errors it is off a half, by the larger error."""
        return (self.value - 0.5) / max(self.error, self.null, 1e-9)

    @property
    def inside(self) -> bool:
        """Whether the whole interval is too near to a half for a name."""
        return abs(self.value - 0.5) + findings.Z * max(self.error, self.null) <= BAND


class LoopShare(NamedTuple):
    """How often failures loop: estimates, sentences, whether that breaks the system, and how sure
    it is that they loop more often than correct traces (None: nothing to compare)."""

    estimates: dict[str, Any]
    evidence: list[str]
    broken: bool
    z: float | None = None
    p: float | None = None

    def labels(self, p: float | None) -> list[str]:
        """The label of loops, at a p value that is adjusted where there are further tests."""
        if p is not None and (p > LEVEL or self.z < 0):
            return []
        return ["broken_loops"] if self.broken else ["more_loops"] if p is not None else []


def stratified_auc(x: np.ndarray, wrong: np.ndarray, stratum: np.ndarray, item: np.ndarray,
                   by_item: bool, least: int = 1) -> Auc | None:
    """P(wrong > correct) averaged over strata with weight n1 n0 / (n1 + n0); its error from the
    placements (DeLong and others 1988), summed by item. None with fewer than `least` wrong or
    correct ones in shared strata."""
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
            spread = pooled.var() / (len(pooled) - 1)  # of ranks, ties allowed for
            parts.append((np.r_[ones, zeros], place, len(ones), len(zeros), spread))
    if not parts or min(sum(part[2] for part in parts), sum(part[3] for part in parts)) < least:
        return None
    a, b, spread = map(np.array, zip(*(part[2:] for part in parts), strict=True))
    weight = a * b / (a + b)
    weight /= weight.sum()
    each = np.array([place[:wrongs].mean() for _, place, wrongs, *_ in parts])
    value = float(weight @ each)
    influence = np.zeros(int(item.max()) + 1)
    null = float(np.sqrt((weight**2 * spread / (a * b)).sum()))
    for (rows, place, a, b, _), share, mean in zip(parts, weight, each, strict=True):
        if by_item:  # an item is a draw of its own
            influence[item[rows[0]]] += share * (mean - value)
        else:
            size = np.r_[np.full(a, a), np.full(b, b)]
            np.add.at(influence, item[rows], share * (place - mean) / size)
    clusters = int((influence != 0).sum())
    error = float(np.sqrt((influence**2).sum() * clusters / max(clusters - 1, 1)))
    return Auc(value, error, influence, null)


def loop_share(table: Table, loop: np.ndarray) -> LoopShare:
    """How often failures loop, against correct traces of the same levels."""
    failed = table.outcome != CORRECT
    k, n = int(loop[failed].sum()), int(failed.sum())
    k0, n0 = int(loop[~failed].sum()), int((~failed).sum())
    if n < FAILURES:
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
    if not k + k0:
        return LoopShare(estimates, [sentence], False)
    ratio = findings.risk_ratio(counts)
    estimates["loop_risk_ratio"] = estimate(*ratio, "Mantel-Haenszel over levels")
    # With no loop among few correct traces this interval has no lower end worth the name.
    k, n, k0, n0 = counts.sum(0)
    z = np.log(ratio.value) * 2 * findings.Z / max(np.log(ratio.high / ratio.low), 1e-9)
    p = min(1.0, 2 * findings.none_among(k, n, n0)) if k0 == 0 else float(chdtrc(1, z * z))
    if low >= 0.05 and p > LEVEL:
        sentence += ": too few correct traces to say that loops go with failure"
    return LoopShare(estimates, [sentence],
                     bool(low >= 0.05 and ratio.value >= 3 and z > 0 and p <= LEVEL), float(z), p)


def adjusted(aucs: dict[str, Auc], looped: LoopShare) -> dict[str, float]:
    """The p value of each comparison, and of loops, by Holm over all of them."""
    p = {name: float(chdtrc(1, auc.z**2)) for name, auc in aucs.items()}
    if looped.p is not None:
        p["loops"] = looped.p
    return dict(zip(p, holm(list(p.values())), strict=True))


def decide(aucs: dict[str, Auc], looped: LoopShare, p: dict[str, float]) -> list[str]:
    """The labels by the rules of the method: what differs by more than the band and holds after
    Holm. Further ones stand behind the first."""
    def off(name: str) -> int:
        """-1, 0, 1: lower in wrong traces, not shown, higher."""
        if name not in aucs or p[name] > LEVEL or abs(aucs[name].value - 0.5) <= BAND:
            return 0
        return 1 if aucs[name].value > 0.5 else -1

    labels, length = [], off("tokens")
    poorer = off("residual_entropy") < 0
    if length < 0:
        labels.append("underthink" if poorer else "early_stop")
    elif length > 0:
        # Where lengths hardly overlap, what length explains is a guess: repeating has to be plain,
        # and windows, which are free of length, must not be richer.
        again = off("novelty") < 0 and aucs["novelty"].value <= REPEATS
        labels.append("overthink" if poorer and again and off("window_bits") <= 0 else
                      "long_search")
    elif any(map(off, aucs)):
        labels.append("text_differs")
    loops = looped.labels(p.get("loops"))
    return loops + labels if "broken_loops" in loops else labels + loops


def quiet(aucs: dict[str, Auc], p: dict[str, float], growth: float | None) -> str:
    """The label where nothing has a name: no difference is shown to be none by an interval alone,
    never by a test that was not significant."""
    if p["tokens"] <= LEVEL:
        return "negligible"
    if all(name in aucs and aucs[name].inside for name in ("tokens", "residual_entropy")):
        return "healthy" if growth is not None and growth > 0 else "no_pattern_detected"
    return "undecided"


def tests(aucs: dict[str, Auc], looped: LoopShare, p: dict[str, float]) -> list[dict]:
    """The comparisons as tests."""
    z = {name: auc.z for name, auc in aucs.items()} | {"loops": looped.z}
    return [findings.test(f"{name}, wrong against correct", z[name],
                          looped.p if name == "loops" else chdtrc(1, z[name]**2), p[name])
            for name in p]

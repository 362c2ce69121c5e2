"""The surface lens (output space): where accuracy breaks down over the difficulty parameters, how
sharply, and how much of the loss is truncation."""

from typing import Any, NamedTuple

import numpy as np

from failure_analysis.lenses import cells as grid
from failure_analysis.lenses import findings, parameters, shape
from failure_analysis.lenses.cells import Cells
from failure_analysis.lenses.dataset import CORRECT, OUTCOMES, TRUNCATED, Group
from failure_analysis.lenses.findings import estimate, gate, insufficient
from failure_analysis.lenses.ways import (
    ALPHA,
    COVERED,
    JUMP,
    NEGLIGIBLE,
    P_JUMP,
    Profile,
    Way,
    lines_of,
    ways_of,
)
from failure_analysis.statistics import rounded

NAME = "surface"
LEVELS, SAMPLES, FOR_FLAT, PER_LEVEL = 2, 50, 100, 10
PER_CHAOTIC, IN_ALL = 20, 260  # samples per cell; half of that will do where there are many cells
LEVELS_CHAOTIC = 3
HEALTHY, HIGH, LOW = 0.95, 0.7, 0.3  # the lower bound of accuracy; accuracy above guessing
MASS = "posterior mass of the shape (calibrated in simulation)"
BOOTSTRAP = 200
EARLY = 0.2  # of the whole fall: what may be lost on a plateau


class Loss(NamedTuple):
    """How much accuracy falls from the best to the worst third of levels, and how much of that
    is truncation (Kitagawa 1955)."""

    fall: float
    share: float
    low: float
    high: float
    worst_cut: float
    agree: float


def analyse(group: Group, seed: int, axis: str | None = None, prefer: str | None = None
            ) -> dict[str, Any]:
    """The lens' result for one group; `axis` names the parameter to profile, `prefer` one that
    comes first among those along which accuracy falls alike surely."""
    dims = group.table.difficulty()
    n = len(group.table)
    if not dims:
        return insufficient(NAME, n, ["a numeric difficulty parameter with two levels or more "
                                      "(params in the rows, or `params` in the dataset config)"])
    recorded = np.all([~np.isnan(group.table.params[name]) for name in dims], axis=0)
    whole = group.table.take(recorded)
    if not len(whole):
        return insufficient(NAME, n, [f"samples with a value of each of {', '.join(dims)}: none "
                                      "there (filter to those of one parameter)"])
    if (whole.guess >= 1).any():
        return insufficient(NAME, n, ["a guess_rate below 1"])
    cells = grid.cells(whole, dims)
    worth = grid.worth(cells)
    ways = ways_of(cells, worth, seed)
    way = max(ways, key=lambda way: (way.profile.parameter == axis, way.slopes or way.dips,
                                     way.profile.parameter == prefer, way.size))
    profile = way.profile
    gates = [gate("levels of " + profile.parameter, len(profile.x), LEVELS),
             gate("samples", int(cells.n.sum()), SAMPLES) if way.slopes or way.rises or way.dips
             else gate("samples, where none of them shows a change", int(cells.n.sum()), FOR_FLAT),
             gate("median samples per level" + (", as they are worth" if cells.alike > 1 else ""),
                  float(np.median(profile.n)), PER_LEVEL)]
    share = cells.counts.sum(0) / cells.counts.sum()
    upper = findings.wilson(cells.k.sum(), cells.n.sum())[1]
    result = insufficient(
        NAME, n, findings.short_of(gates), gates=gates, estimates=_rates(worth), seed=seed,
        caveats=_caveats(cells, group, profile, way.effect["fall"]),
        tables={"cells": cell_rows(cells, worth), "profile": profile_rows(profile, way.rises),
                "zones": grid.zones(worth)},
        compat={"accuracy": rounded(share[CORRECT]), "truncation": rounded(share[TRUNCATED]),
                "reasonscore_like": rounded(max(0.0, upper - share[TRUNCATED]))})
    return result if result["need"] else _decided(result, worth, way, ways)


def loss(profile: Profile, seed: int) -> Loss:
    """Kitagawa's decomposition of the fall between the best and the worst third of the levels,
    with a bootstrap of the levels' outcomes."""
    third = max(1, len(profile.x) // 3)
    order = np.argsort(-profile.k / profile.n, kind="stable")
    best, worst = order[:third], order[-third:]
    p = np.clip(np.column_stack([profile.k, profile.done - profile.k, profile.n - profile.done])
                / profile.n[:, None], 0, 1)
    p /= p.sum(1, keepdims=True)
    rng = np.random.default_rng(seed)
    size = np.maximum(np.round(profile.n), 1).astype(int)
    drawn = rng.multinomial(size, p, size=(BOOTSTRAP, len(p)))
    drawn = np.concatenate([(p * profile.n[:, None])[None], drawn])
    sums = [drawn[:, levels].sum(1) for levels in (best, worst)]
    done = [1 - outcomes[:, 2] / outcomes.sum(1) for outcomes in sums]
    right = [outcomes[:, 0] / np.maximum(outcomes[:, 0] + outcomes[:, 1], 1) for outcomes in sums]
    fall = done[0] * right[0] - done[1] * right[1]
    by_cut = (done[0] - done[1]) * (right[0] + right[1]) / 2
    share = np.where(fall > 0.02, by_cut / np.maximum(fall, 1e-9), np.nan)
    defined = share[1:][~np.isnan(share[1:])]
    low, high = np.quantile(defined, [0.025, 0.975]) if len(defined) else (np.nan, np.nan)
    agree = float(((share[1:] >= 0.5) & (fall[1:] > 0.15)).mean())
    return Loss(float(fall[0]), float(share[0]), float(low), float(high), float(1 - done[1][0]),
                agree)


def _decided(result: dict[str, Any], cells: Cells, way: Way, ways: list[Way]) -> dict[str, Any]:
    """The result with its label, in the order of the method: chaotic, truncation, a dip, a rise or
    a fall with its shape; flat where no test shows any of them, along no parameter."""
    profile, seed, turn = way.profile, result["seed"], slice(None, None, -1 if way.rises else 1)
    drawn = shape.posterior(profile.x, profile.k[turn], profile.n[turn])
    lines = lines_of(cells, profile.parameter)
    longest = max(ways, key=lambda other: (len(other.profile.x), other is way))
    jumps = shape.irregularity(*(counts[:, ::-1 if longest.rises else 1] for counts in
                                 lines_of(cells, longest.profile.parameter)), seed)
    lost = loss(profile, seed)
    elsewhere = [other for other in ways if other is not way and (other.slopes or other.dips)]
    pattern, confidence, kind = _label(result, cells, way, drawn, elsewhere)
    typical = np.median(cells.n)
    roomy = typical >= PER_CHAOTIC or (2 * typical >= PER_CHAOTIC and cells.n.sum() >= IN_ALL)
    if roomy and len(longest.profile.x) >= LEVELS_CHAOTIC and jumps.p <= P_JUMP \
            and jumps.excess_sd >= JUMP and not longest.dips:
        result["also"].append(pattern)
        pattern, confidence, kind = "chaotic", 1 - jumps.p, "1 - p of the irregularity test"
    elif lost.fall > 0.15 and lost.share >= 0.5 and lost.worst_cut >= 0.2 \
            and (way.slopes or way.rises or way.dips):
        result["also"].append(pattern)
        pattern, confidence, kind = "truncation_dominant", lost.agree, \
            "share of bootstrap replicates with the same label"
    result |= {"pattern": pattern, "confidence": rounded(confidence), "confidence_kind": kind,
               "strength": findings.strength(confidence, bool(np.median(profile.n) >= 20))}
    result["estimates"] |= {name: {"est": rounded(value)} for name, value in (
        ("mean_above_guessing", _mean(cells)), ("mass_cliff", drawn.cliff),
        ("mass_gradual", drawn.gradual), ("mass_flat", drawn.flat))}
    _add_effects(result, way, ways, lines, elsewhere)
    _add_shape(result, profile, drawn, lost, () if way.rises else lines)
    result["tests"].insert(0, findings.test("irregularity around a falling curve",
                                            jumps.excess_sd, jumps.p))
    bic = shape.criteria(profile.k, profile.n)
    result["estimates"]["bic"] = {"est": None, **{key: rounded(value, 1)
                                                  for key, value in bic.items()}}
    return result


def _label(result: dict[str, Any], cells: Cells, way: Way, drawn: shape.Shape,
           elsewhere: list[Way]) -> tuple[str, float, str]:
    """(label, confidence, its kind) of the shape along the parameter."""
    if way.dips:
        return "dip", 1 - way.dip.p, "1 - p of the irregularity test"
    sure = 1 - way.p
    if way.rises:
        return "inverted", sure, "1 - p of the trend"
    if way.slopes:
        if len(way.profile.x) == 2 or drawn.flat > 0.5 or (
                drawn.cliff >= drawn.gradual and _doubt(way.profile, drawn)):
            return "fall", sure, "1 - p of the trend"
        name = "accuracy_cliff" if drawn.cliff >= drawn.gradual else "gradual_decline"
        return name, max(drawn.cliff, drawn.gradual), MASS
    if elsewhere:
        return "falls_elsewhere", 1 - min(other.p if other.slopes else other.dip.p
                                          for other in elsewhere), "1 - p of the trend"
    if way.p < ALPHA and max(-way.effect["low"], way.effect["high"]) <= NEGLIGIBLE:
        result["also"].append("negligible_fall" if way.effect["fall"] > 0 else "negligible_rise")
    mean = _mean(cells)
    flat = "healthy" if result["estimates"]["accuracy"]["lo"] >= HEALTHY else \
        "flat_high" if mean >= HIGH else "uniform_failure" if mean <= LOW else "flat_mediocre"
    return flat, drawn.flat, MASS


def _mean(cells: Cells) -> float:
    """Accuracy above guessing."""
    guess = float((cells.guess * cells.n).sum() / cells.n.sum())
    return float((cells.k.sum() / cells.n.sum() - guess) / (1 - guess))


def _add_effects(result: dict[str, Any], way: Way, ways: list[Way], lines: tuple,
                 elsewhere: list[Way]) -> None:
    """Adds how much fails, and what accuracy does along each parameter with the others held."""
    right, evidence = result["estimates"]["accuracy"], result["evidence"]
    failing = f"{1 - right['est']:.1%} fail ({1 - right['hi']:.1%} to {1 - right['lo']:.1%})"
    if way.dips:
        places = ", ".join(findings.level(level) for level in way.profile.x[way.dip.below])
        evidence.append(f"at {way.profile.parameter} {places} accuracy lies {way.dip.depth:.2f} "
                        f"below what its neighbours lead to (p {way.dip.p:.3f})")
        result["estimates"]["dip_depth"] = {"est": rounded(way.dip.depth),
                                            "levels": way.profile.x[way.dip.below].tolist()}
    evidence.append(f"{failing}; {_said(way, len(ways) > 1)}" + (
        _by_line(lines) if way.slopes else ""))
    evidence += [_said(other, True) for other in elsewhere]
    for other in ways:
        effect = other.effect
        result["tests"].append(findings.test(f"effect of {effect['parameter']}", effect["stat"],
                                             effect["p"], other.p))
        result["estimates"][f"fall_along_{effect['parameter']}"] = estimate(
            effect["fall"], effect["low"], effect["high"], "logistic, the others held")


def _said(way: Way, others: bool) -> str:
    """What accuracy does along a parameter, with its interval."""
    effect = way.effect
    held = ", the other parameters held," if others else ""
    if way.p >= ALPHA:
        return f"along {effect['parameter']}{held} no fall or rise was shown " \
            f"({-effect['high']:+.2f} to {-effect['low']:+.2f})"
    verb = "falls" if effect["fall"] > 0 else "rises"
    low, high = (effect["low"], effect["high"]) if verb == "falls" else \
        (-effect["high"], -effect["low"])
    return f"along {effect['parameter']}{held} accuracy {verb} by {abs(effect['fall']):.2f} " \
        f"({low:.2f} to {high:.2f})"


def _by_line(lines: tuple[np.ndarray, np.ndarray]) -> str:
    """In how many lines of the others a fall is seen; nothing where there is one."""
    k, n = lines
    several = (n > 0).sum(1) > 1
    if several.sum() < 2:
        return ""
    k, n = k[several], n[several]
    rank = np.arange(n.shape[1]) - (n * np.arange(n.shape[1])).sum(1, keepdims=True) \
        / n.sum(1, keepdims=True)
    falls = int(((k * rank).sum(1) < -1e-9).sum())
    return f", in {falls} of {len(n)} combinations of the others"


def _add_shape(result: dict[str, Any], profile: Profile, drawn: shape.Shape, lost: Loss,
               lines: tuple) -> None:
    """Adds what is seen along the profile to a result; no `lines` where accuracy rises."""
    x, name, accuracy = profile.x, profile.parameter, profile.k / profile.n
    estimates, evidence = result["estimates"], result["evidence"]
    start, end = (0, -1) if lines else (-1, 0)
    said = findings.level
    evidence.append(f"accuracy along {name} goes from {accuracy[start]:.2f} at {said(x[start])} to "
                    f"{accuracy[end]:.2f} at {said(x[end])}")
    if drawn.cliff >= 0.5 and lines and (doubt := _doubt(profile, drawn)):
        evidence.append(doubt)
    elif drawn.cliff >= 0.5 and lines:
        # A curve may break off before the first level; nothing was seen of it there.
        at, low, high = np.clip((drawn.at, drawn.low, drawn.high), x[0], x[-1])
        estimates["cliff_at"] = estimate(at, low, high, "posterior of the centre, given a cliff")
        steps = "two levels" if len(x) > shape.FEW else "one step"
        evidence.append(f"the fall is over within {steps}, between {name} = {said(low)} and "
                        f"{said(high)}")
    if lost.fall > 0.02 and not np.isnan(lost.low):
        estimates["truncation_share_of_fall"] = estimate(
            lost.share, lost.low, lost.high, "Kitagawa, multinomial bootstrap")
        evidence.append(f"from the best to the worst third of levels accuracy falls by "
                        f"{lost.fall:.2f}, of which truncation is {lost.share:.0%}")
    if lines and (edges := _edges(x, *lines)):
        estimates["cliff_by_line"] = {"est": None, "lines": edges}
        if result["pattern"] == "gradual_decline" and len(edges) >= 0.7 * len(lines[0]):
            evidence.append("with the other parameters held, most lines fall as a cliff whose "
                            "place moves: the slope is a row of edges")
    if lost.worst_cut > 0:
        worst = profile.counts[accuracy.argmin()]
        low, high = worst[CORRECT] / worst.sum(), (worst[CORRECT] + worst[TRUNCATED]) / worst.sum()
        result["caveats"].append(
            "accuracy given completion is of those that finished; at the worst level accuracy lies "
            f"between {low:.2f} and {high:.2f}, whatever the cut-off ones would have answered")


def _doubt(profile: Profile, drawn: shape.Shape) -> str:
    """Why what looks like a cliff is not known to be one: no level was tried where it falls, or
    there is no plateau before it, as the second half of those levels lies below the first beyond
    chance, by a fifth or more of the whole fall. Empty where neither is so. Of few levels, those
    before the middle of the cliff count: its interval holds most of them."""
    x, name, said = profile.x, profile.parameter, findings.level
    if untried := shape.gap(x, drawn.at):
        return (f"most of the fall lies between {name} = {said(untried[0])} and "
                f"{said(untried[1])}, where no level was tried: its shape is not known")
    before = int((x <= (drawn.at if len(x) <= shape.FEW else drawn.low)).sum())
    if before < 2:
        return ""
    parts = [part[half].sum() for half in (slice(before // 2), slice(before // 2, before))
             for part in (profile.k, profile.n)]
    early = findings.difference(*parts)
    ends = profile.k[[0, -1]] / profile.n[[0, -1]]
    return "" if early.low <= 0 or early.value < EARLY * (ends[0] - ends[1]) else \
        f"up to {name} = {said(x[before - 1])} accuracy falls already, by {early.value:.2f} " \
        f"({early.low:.2f} to {early.high:.2f}), so no plateau ends there"


def _edges(x: np.ndarray, k: np.ndarray, n: np.ndarray) -> list[dict]:
    """The cliffs of single lines, where each is likelier than not."""
    edges = []
    for line in range(len(k)) if 1 < len(k) <= 20 else ():
        seen = n[line] > 0
        if seen.sum() >= 4 and np.median(n[line][seen]) >= 5:
            drawn = shape.posterior(x[seen], k[line][seen], n[line][seen])
            if drawn.cliff >= 0.5:
                edges.append({"line": line, "mass": rounded(drawn.cliff), "at": rounded(drawn.at),
                              "lo": rounded(drawn.low), "hi": rounded(drawn.high)})
    return edges


def _rates(cells: Cells) -> dict[str, Any]:
    total = cells.counts.sum(0)
    n = total.sum()
    rates = {"accuracy": (total[CORRECT], n), "truncation": (total[TRUNCATED], n),
             "accuracy_when_finished": (total[CORRECT], n - total[TRUNCATED])}
    return {name: findings.share(k, size) for name, (k, size) in rates.items() if size}


def _caveats(cells: Cells, group: Group, profile: Profile, fall: float) -> list[str]:
    """What is no dimension here, which parameters move together, and runs that end alike."""
    caveats = [f"{name} has more than {parameters.MOST_LEVELS} levels; they were merged into "
               f"{len(cells.levels[cells.dims.index(name)])}" for name in cells.merged]
    names = [name for name, values in group.table.params.items() if values.dtype != float]
    if names:
        caveats.append(f"not numeric, so no dimension here: {', '.join(names)}")
    missing = len(group.table) - int(cells.n.sum())
    if missing:
        caveats.append(f"{missing} samples lack a value of a difficulty parameter")
    if profile.covered < COVERED:
        name = profile.parameter
        caveats.append(
            f"{name} was not tried together with all values of "
            f"{', '.join(dim for dim in cells.dims if dim != name)} (a level of it has "
            f"{profile.covered:.0%} of their mix): what falls along it may be theirs; with them "
            f"held, a logistic fit gives it a fall of {fall:.2f}")
    return caveats + findings.runs_alike(int(cells.n.sum()), cells.alike)


def cell_rows(cells: Cells, worth: Cells) -> list[dict]:
    """The table cells.csv: counts as they are, intervals and kinds by what they are worth.
    Parameters are written `params.name`, so that none is taken for a column of ours."""
    low, high = findings.wilson(worth.k, worth.n)
    smooth = grid.shrunken(worth)
    kinds = grid.kinds(worth)
    shares = {"accuracy": cells.k / cells.n, "low": low, "high": high,
              "shrunken": smooth.value, "shrunken_low": smooth.low, "shrunken_high": smooth.high}
    return [{**{f"params.{dim}": float(cells.values[at, place])
                for place, dim in enumerate(cells.dims)},
             "n": int(cells.n[at]), **_by_outcome(cells.counts[at]),
             "worth": rounded(worth.n[at], 2),
             **{name: rounded(values[at]) for name, values in shares.items()},
             "zone": str(kinds[at])}
            for at in range(len(cells.n))]


def _by_outcome(counts: np.ndarray) -> dict[str, int]:
    return dict(zip(OUTCOMES, map(int, counts), strict=True))


def profile_rows(profile: Profile, rising: bool) -> list[dict]:
    """The table profile.csv; the sigmoid falls, or rises where accuracy does."""
    low, high = findings.wilson(profile.k, profile.n)
    accuracy, way = profile.k / profile.n, -1 if rising else 1
    smooth = accuracy if len(accuracy) < 3 else \
        shape.curve(profile.k[::way], profile.n[::way])[::way]
    shares = {"accuracy": accuracy, "low": low, "high": high, "sigmoid": smooth,
              "finished": profile.done / profile.n}
    return [{"parameter": profile.parameter, "level": float(profile.x[at]),
             "n": rounded(profile.n[at], 2), **_by_outcome(profile.counts[at]),
             **{name: rounded(column[at]) for name, column in shares.items()}}
            for at in range(len(accuracy))]

"""The codebook card: how often each code is seen, how many modes are still unseen, what failing
samples have that passing ones have not, and how far a second coding agrees."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from failure_analysis.agreement import coefficients
from failure_analysis.coding import saturation
from failure_analysis.coding.codebook import NO_CODE, NOT_VISIBLE, Code
from failure_analysis.statistics import newcombe_paired, rounded, wilson

FEWEST_SAMPLES = 2  # a code in fewer samples is no pattern
FEWEST_SHARED = 30  # below it kappa misleads
DRAWS = 2000


class Coding(NamedTuple):
    """How a sample of known coding was coded: `codes` holds the primary and the secondary ones.
    `failing` is False for passing samples, which only serve the comparison."""

    ident: str
    model: str
    failing: bool
    primary: str
    codes: frozenset[str]
    matched_to: str | None


# The codes of a sample: the primary one, or what is said instead of it, and all of them; of a
# sample that was coded twice.
Labels = tuple[str, frozenset[str]]
Recoding = tuple[Labels, Labels]


def numbers(codes: Sequence[Code], codings: Sequence[Coding], unknown: int,
            recodings: Sequence[Recoding], coders: tuple[str, str], seed: int) -> dict[str, Any]:
    """All numbers of the card. `unknown` failing samples, of no known coding, are in no share."""
    failing = [coding for coding in codings if coding.failing]
    seen = Counter(code for coding in failing for code in coding.codes)
    ranked = sorted(codes, key=lambda code: (-seen[code.code], code.code))
    names = [code.code for code in ranked if seen[code.code] >= FEWEST_SAMPLES]
    modes = Counter(coding.primary for coding in failing if coding.codes)
    unnamed = sum(coding.primary == NO_CODE for coding in failing)
    sets = [coding.codes for coding in failing if coding.primary != NOT_VISIBLE]
    possible = saturation.all_modes(sets)
    return {
        "failing": len(failing), "unknown": unknown, "passing": len(codings) - len(failing),
        NO_CODE: unnamed, NOT_VISIBLE: len(failing) - len(sets),
        "codes": [_prevalence(code, failing) for code in names],
        "residue": [{"code": code.code, "sample_ids": [coding.ident for coding in failing
                                                       if code.code in coding.codes]}
                    for code in ranked if code.code not in names],
        # A sample that no code fits is a mode seen once.
        "saturation": {**saturation.coverage([*modes.values(), *[1] * unnamed]),
                       "about_all_codes": rounded(possible, 1)},
        "rarefaction": saturation.rarefaction(sets, seed),
        "lift": _lift(names, codings),
        "recoding": _recoding(names, recodings, coders, seed),
    }


def _prevalence(code: str, failing: Sequence[Coding]) -> dict[str, Any]:
    """In how many failing samples a code is seen, and is the primary one."""
    seen_in = sum(code in coding.codes for coding in failing)
    models = Counter(coding.model for coding in failing)
    return {"code": code, "primary": sum(coding.primary == code for coding in failing),
            "seen": seen_in, "share": rounded(seen_in / len(failing)),
            "interval": [rounded(limit) for limit in wilson(seen_in, len(failing))],
            "by_model": {model: sum(code in coding.codes and coding.model == model
                                    for coding in failing) for model in sorted(models)}}


def _lift(names: Sequence[str], codings: Sequence[Coding]) -> dict[str, Any]:
    """How much oftener a code is seen in failing samples than in the passing ones matched with
    them: the paired risk difference, with Newcombe's interval, the largest first."""
    by_id = {coding.ident: coding for coding in codings}
    pairs = [(by_id[coding.matched_to].codes, coding.codes) for coding in codings
             if not coding.failing and coding.matched_to in by_id]
    rows = []
    for name in names if pairs else ():
        cells = Counter((name in failing, name in passing) for failing, passing in pairs)
        both, failing, passing = cells[True, True], cells[True, False], cells[False, True]
        interval = newcombe_paired(both, failing, passing, cells[False, False])
        rows.append({"code": name, "failing": both + failing, "passing": both + passing,
                     "difference": rounded((failing - passing) / len(pairs)),
                     "interval": [rounded(limit) for limit in interval]})
    rows.sort(key=lambda row: (-row["difference"], -row["interval"][0], row["code"]))
    return {"pairs": len(pairs),
            "codes": [{"rank": rank, **row} for rank, row in enumerate(rows, 1)]}


def _recoding(names: Sequence[str], recodings: Sequence[Recoding], coders: tuple[str, str],
              seed: int) -> dict[str, Any]:
    """How far two codings of the same samples agree: on the primary code, and on each code."""
    primary = Counter((first, second) for (first, _), (second, _) in recodings)
    result = {"coders": list(coders), "self_consistency": coders[0] == coders[1],
              "samples": len(recodings), "primary": _agreement(primary, seed), "codes": []}
    for name in names if recodings else ():
        seen = [(name in first, name in second) for (_, first), (_, second) in recodings]
        cells = Counter((str(first), str(second)) for first, second in seen)
        result["codes"].append({"code": name, "first": sum(first for first, _ in seen),
                                "second": sum(second for _, second in seen),
                                **_agreement(cells, seed)})
    return result


def _agreement(cells: Mapping[tuple[str, str], int], seed: int) -> dict[str, Any]:
    """Raw agreement, kappa and AC1, where there are enough samples for them."""
    n = sum(cells.values())
    same = sum(count for (first, second), count in cells.items() if first == second)
    if n < FEWEST_SHARED:
        return {"same": same, "status": f"insufficient: {n} of {FEWEST_SHARED} samples"}
    result: dict[str, Any] = {"same": same, "status": "sufficient"}
    for name, figure in coefficients.two_coders(cells, seed, DRAWS)._asdict().items():
        interval = figure.interval and [rounded(limit) for limit in figure.interval]
        result[name] = {"value": rounded(figure.value), "why": figure.why, "interval": interval}
    return result

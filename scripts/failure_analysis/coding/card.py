"""The codebook card: how often each code is seen, how many modes are still unseen, what failing
samples have that passing ones have not, and how far a second coding agrees."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from failure_analysis.agreement import coefficients
from failure_analysis.coding import saturation
from failure_analysis.coding.codebook import NO_CODE, NOT_VISIBLE, Code
from failure_analysis.statistics import newcombe_paired, rounded, wilson

# A code in fewer samples is no pattern.
FEWEST_SAMPLES = 2
# Below it kappa misleads, as in agreement.py.
FEWEST_SHARED = 30
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


# A sample coded twice: (primary, all codes) each time.
Recoding = tuple[tuple[str, frozenset[str]], tuple[str, frozenset[str]]]


def numbers(codes: Sequence[Code], codings: Sequence[Coding], unknown: int,
            recodings: Sequence[Recoding], coders: tuple[str, str], seed: int) -> dict[str, Any]:
    """All numbers of the card. `unknown` failing samples have no known coding and are in no
    share."""
    failing = [one for one in codings if one.failing]
    seen = Counter(code for one in failing for code in one.codes)
    ranked = sorted(codes, key=lambda code: (-seen[code.code], code.code))
    names = [code.code for code in ranked if seen[code.code] >= FEWEST_SAMPLES]
    modes = Counter(one.primary for one in failing if one.codes)
    unnamed = sum(one.primary == NO_CODE for one in failing)
    sets = [one.codes for one in failing if one.primary != NOT_VISIBLE]
    possible = saturation.all_modes(sets)
    return {
        "failing": len(failing), "unknown": unknown,
        "passing": len(codings) - len(failing),
        NO_CODE: unnamed, NOT_VISIBLE: sum(one.primary == NOT_VISIBLE for one in failing),
        "codes": [_prevalence(code, failing) for code in names],
        "residue": [{"code": code.code, "sample_ids": [one.ident for one in failing
                                                       if code.code in one.codes]}
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
    seen = sum(code in one.codes for one in failing)
    models = Counter(one.model for one in failing)
    return {"code": code, "primary": sum(one.primary == code for one in failing), "seen": seen,
            "share": rounded(seen / len(failing)),
            "interval": [rounded(limit) for limit in wilson(seen, len(failing))],
            "by_model": {model: sum(code in one.codes and one.model == model for one in failing)
                         for model in sorted(models)}}


def _lift(names: Sequence[str], codings: Sequence[Coding]) -> dict[str, Any]:
    """How much oftener a code is seen in failing samples than in the passing ones matched with
    them: the paired risk difference, with Newcombe's interval, the largest first."""
    by_id = {one.ident: one for one in codings}
    pairs = [(by_id[one.matched_to].codes, one.codes) for one in codings
             if not one.failing and one.matched_to in by_id]
    rows = []
    for name in names if pairs else ():
        cells = Counter((name in failing, name in passing) for failing, passing in pairs)
        table = (cells[True, True], cells[True, False], cells[False, True], cells[False, False])
        rows.append({"code": name, "failing": table[0] + table[1], "passing": table[0] + table[2],
                     "difference": rounded((table[1] - table[2]) / len(pairs)),
                     "interval": [rounded(limit) for limit in newcombe_paired(*table)]})
    rows.sort(key=lambda row: (-row["difference"], -row["interval"][0], row["code"]))
    return {"pairs": len(pairs),
            "codes": [{"rank": rank, **row} for rank, row in enumerate(rows, 1)]}


def _recoding(names: Sequence[str], recodings: Sequence[Recoding], coders: tuple[str, str],
              seed: int) -> dict[str, Any]:
    """How far two codings of the same samples agree: on the primary code, and on each code being
    seen or not."""
    primary = Counter((first[0], second[0]) for first, second in recodings)
    found = {"coders": list(coders), "self_consistency": coders[0] == coders[1],
             "samples": len(recodings), "primary": _agreement(primary, seed), "codes": []}
    for name in names if recodings else ():
        said = [(name in first[1], name in second[1]) for first, second in recodings]
        cells = Counter((str(first), str(second)) for first, second in said)
        found["codes"].append({"code": name, "first": sum(first for first, _ in said),
                               "second": sum(second for _, second in said),
                               **_agreement(cells, seed)})
    return found


def _agreement(cells: Mapping[tuple[str, str], int], seed: int) -> dict[str, Any]:
    """Raw agreement, kappa and AC1, where there are enough samples for them."""
    n = sum(cells.values())
    same = sum(count for (one, other), count in cells.items() if one == other)
    if n < FEWEST_SHARED:
        return {"same": same, "status": f"insufficient: {n} of {FEWEST_SHARED} samples"}
    figures = coefficients.two_coders(cells, seed, DRAWS)
    return {"same": same, "status": "sufficient",
            **{name: {"value": rounded(figure.value), "why": figure.why, "interval":
                      figure.interval and [rounded(limit) for limit in figure.interval]}
               for name, figure in figures._asdict().items()}}

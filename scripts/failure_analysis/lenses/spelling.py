"""How a prompt is spelled in tokens, and whether an irregular spelling goes with failure."""

import re
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from failure_analysis.lenses import cells, findings
from failure_analysis.lenses.dataset import CORRECT, Table
from failure_analysis.lenses.tokens import Tokens
from failure_analysis.statistics import holm

NAMES = ("fertility", "tokens_per_number", "inconsistency", "misalignment", "unknown")
WORDS = {"fertility": "tokens per character", "tokens_per_number": "tokens per number",
         "inconsistency": "unusually cut numbers and names",
         "misalignment": "numbers and names cut inside a token", "unknown": "unknown tokens"}
_UNIT = re.compile(r"\d+|[A-Za-z_]\w*")


class Association(NamedTuple):
    """One feature against failure inside strata: the odds ratio of failure of prompts with more
    (or fewer, where most have the most) of it than their stratum's median."""

    feature: str
    side: str
    odds: dict
    p_adj: float
    powered: bool

    @property
    def artefact(self) -> bool:
        """Whether such a spelling goes with failure clearly enough to be called an artefact."""
        return self.odds["or"] >= 2 and self.p_adj <= 0.01


def _features(text: str, tokens: Tokens, usual: dict[str, tuple]) -> list[float]:
    """The features of one prompt; `usual` is how each number and name is cut most often."""
    starts = {start for start, _ in tokens.offsets}
    ends = {end for _, end in tokens.offsets}
    numbers, odd, cut, units = [], 0, 0, 0
    for match in _UNIT.finditer(text):
        (start, end), pieces = match.span(), _cuts(tokens, match)
        units += 1
        odd += pieces != usual[match.group()]
        # A token may carry the space before a unit.
        before = start if start in starts or start - 1 not in starts else start - 1
        cut += before not in starts or end not in ends
        if match.group().isdigit():
            numbers.append(len(pieces))
    unknown = sum(start == end for start, end in tokens.offsets)
    size = max(len(tokens.offsets), 1)
    return [size / max(len(text), 1), float(np.mean(numbers)) if numbers else np.nan,
            odd / units if units else np.nan, cut / units if units else np.nan, unknown / size]


def _cuts(tokens: Tokens, unit: re.Match) -> tuple:
    """Where a unit is cut, from its own start."""
    start, end = unit.span()
    return tuple(max(a, start) - start for a, b in tokens.offsets if b > start and a < end)


def table_of(prompts: list[tuple[str, Tokens]]) -> np.ndarray:
    """Features of all prompts, one line each; inconsistency needs them all: the share of a
    prompt's numbers and names that are cut here otherwise than most often."""
    seen: dict[str, Counter] = defaultdict(Counter)
    for text, tokens in prompts:
        for match in _UNIT.finditer(text):
            seen[match.group()][_cuts(tokens, match)] += 1
    usual = {unit: max(ways, key=lambda cuts: (ways[cuts], cuts)) for unit, ways in seen.items()}
    return np.array([_features(text, tokens, usual) for text, tokens in prompts])


def alike(table: Table) -> float:
    """How many samples are worth one: runs of one item share their prompt and end alike."""
    return cells.design_effect(table.levels(), table.item, table.outcome != CORRECT)


def associations(table: Table, features: np.ndarray, worth: float | None = None
                 ) -> list[Association]:
    """Each feature that varies, against failure within task and level. `features` has a line per
    sample, a column per name of NAMES; `worth` samples count as one (by default what the table
    shows). Holm over the features."""
    strata = table.levels()
    failed = table.outcome != CORRECT
    worth = alike(table) if worth is None else worth
    tested = []
    for at, name in enumerate(NAMES):
        values = features[:, at]
        recorded = ~np.isnan(values)
        if not recorded.any() or np.nanmax(values) - np.nanmin(values) < 1e-12:
            continue
        side, odd = _irregular(values, recorded, strata)
        used, code = np.unique(strata[recorded], return_inverse=True)
        # Per stratum: odd and failed, odd and passed, the others and failed, and passed.
        tables = np.bincount(4 * code + 2 * ~odd[recorded] + ~failed[recorded],
                             minlength=4 * len(used)).reshape(-1, 2, 2)
        both = tables.any(2).all(1).sum()
        result = findings.mantel_haenszel(tables.reshape(-1, 4) / worth)
        if result and both >= 3:
            tested.append((name, side, result))
    adjusted = holm([result["p"] for _, _, result in tested])
    tests = max(len(tested), 1)
    return [Association(name, side, result, p,
                        findings.power(np.log(3), result["null_error"], 0.01 / tests) >= 0.8)
            for (name, side, result), p in zip(tested, adjusted, strict=True)]


def _irregular(values: np.ndarray, recorded: np.ndarray, strata: np.ndarray
               ) -> tuple[str, np.ndarray]:
    """Which samples lie above their stratum's median, or below it where more of them do (a feature
    that is at its highest for most)."""
    middle = np.zeros(len(values))
    for stratum in np.unique(strata[recorded]):
        rows = recorded & (strata == stratum)
        middle[rows] = np.median(values[rows])
    above, below = recorded & (values > middle + 1e-12), recorded & (values < middle - 1e-12)
    return ("more", above) if above.sum() >= below.sum() else ("fewer", below)

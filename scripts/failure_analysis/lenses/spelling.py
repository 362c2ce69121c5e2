"""How a prompt is spelled in tokens and how regular its form is, and whether that goes with
failure."""

import re
import zlib
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
from scipy.special import entr

from failure_analysis.lenses import cells, findings
from failure_analysis.lenses.dataset import CORRECT, Table
from failure_analysis.lenses.tokens import Tokens
from failure_analysis.statistics import holm

NAMES = ("fertility", "tokens_per_number", "inconsistency", "misalignment", "unknown",
         "irregularity")
FORM = "irregularity"  # of the text itself: the only one that needs no tokens
WORDS = {"fertility": "tokens per character", "tokens_per_number": "tokens per number",
         "inconsistency": "unusually cut numbers and names",
         "misalignment": "numbers and names cut inside a token", "unknown": "unknown tokens",
         "irregularity": "irregularities of form"}
BAND = (0.8, 1.25)  # odds ratios that are negligible
KIND = 0.75  # correlation of form with length; normal values, cut in two, reach .8 at most
LEVEL, HINT = 0.01, 0.05  # adjusted p values: of an artefact, and of what must not be denied
_SHAPE = str.maketrans({chr(code): kind for kind, first, last in ("aaz", "AAZ", "009")
                        for code in range(ord(first), ord(last) + 1)})
_RUN = re.compile("(a|A|0)\\1+")
_UNIT = re.compile(r"\d+|[A-Za-z_]\w*")


class Association(NamedTuple):
    """One feature against failure inside strata: the odds ratio of failure of prompts with more of
    it, against the others of their stratum."""

    feature: str
    odds: dict
    p_adj: float
    checked: bool = False  # against the length of prompts
    equal: dict | None = None  # the odds ratio among prompts of about equal length

    @property
    def artefact(self) -> bool:
        """Whether such a spelling goes with failure, either way, more than negligibly."""
        return (self.p_adj <= LEVEL and not BAND[0] <= self.odds["or"] <= BAND[1]
                and self.at_equal_length != "lost")

    @property
    def at_equal_length(self) -> str:
        """What is left of it there: it is held, or lost (the odds ratio is shown to be another), or
        untold, as too few prompts of one length differ in it."""
        if not self.checked:
            return "held"
        if not self.equal:
            return "untold"
        ratio, low, high = (value if self.odds["or"] >= 1 else 1 / max(value, 1e-300) for value in (
            self.odds["or"], *(self.equal[end] for end in ("lo", "hi"))))
        low, high = sorted((low, high))
        return "held" if low > 1 else "lost" if high < ratio else "untold"

    @property
    def hint(self) -> bool:
        """Whether its test speaks of an association, be it for an artefact too weakly."""
        return self.p_adj <= HINT

    @property
    def inside(self) -> bool:
        """Whether its whole interval lies where an association is negligible."""
        return BAND[0] <= self.odds["lo"] and self.odds["hi"] <= BAND[1]

    def sentence(self) -> str:
        """Which prompts fail more often, and how much."""
        ratio, low, high = (self.odds[end] for end in ("or", "lo", "hi"))
        side = "more" if ratio >= 1 else "fewer"
        if ratio < 1:  # said of those that fail more often
            ratio, low, high = (1 / max(end, 1e-300) for end in (ratio, high, low))
        often = f"{ratio:.1f} times as often (odds, {low:.2f} to {high:.2f})" \
            if low > 0 and high < 1e299 else "more often (no finite odds ratio)"
        net = ", net of length," if self.checked and self.at_equal_length == "held" else ""
        return (f"prompts with {side} {WORDS[self.feature]}{net} than others of their level fail "
                f"{often}, over {self.odds['strata']} levels{self._equal_words()}")

    def _equal_words(self) -> str:
        """The odds ratio of those who fail more often, among prompts of about equal length."""
        if not self.checked:
            return ""
        if not self.equal or not 0 < self.equal["lo"] <= self.equal["hi"] < np.inf:
            return "; too few prompts of equal length differ in form to tell it from length"
        ratio, *ends = (self.equal[end] if self.odds["or"] >= 1 else 1 / self.equal[end]
                        for end in ("or", "lo", "hi"))
        low, high = sorted(ends)
        told = {"held": "", "lost": ", so length can be all of it",
                "untold": ", which does not tell it from length"}[self.at_equal_length]
        return f"; among prompts of equal length {ratio:.1f} times ({low:.2f} to {high:.2f}){told}"


def irregularity(text: str) -> float:
    """How little the form of a text repeats itself: its packed size over its size, each run of
    small letters, capitals or digits being one sign."""
    shape = _RUN.sub(r"\1", text.translate(_SHAPE)).encode("utf-8", "replace")
    return len(zlib.compress(shape, 1)) / max(len(shape), 1)


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
            odd / units if units else np.nan, cut / units if units else np.nan, unknown / size,
            irregularity(text)]


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


def length(text: str) -> float:
    """The log number of letters and digits of a text: its length whatever its separators."""
    return float(np.log1p(sum(map(str.isalnum, text))))


def more(table: Table, features: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """Per sample and feature: 1 where the prompt has more of it than others of its task and level,
    0 where not, NaN where it is not recorded or does not vary. Outcomes play no part. Form is
    parted net of the lengths, where they are given."""
    strata, split = table.levels(), np.full(features.shape, np.nan)
    for at, values in enumerate(features.T):
        recorded = ~np.isnan(values)
        if recorded.any() and np.ptp(values[recorded]) > 1e-12:
            split[recorded, at] = _upper(values[recorded], strata[recorded]) \
                if lengths is None or NAMES[at] != FORM else _upper_net(
                    values[recorded], lengths[recorded], strata[recorded])
    return split


def _upper_net(values: np.ndarray, lengths: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """As `_upper`, after what length explains within strata is taken away: a long text packs
    better, and is often harder. Irregular prompts that are a longer kind of their own (KIND) stay
    as they are: no slope can be known of them."""
    upper = _upper(values, strata)
    inside = [_centred(column, strata) for column in (
        upper.astype(float), values, lengths, (lengths - lengths.mean())**2)]
    size = np.linalg.norm(inside, axis=1)
    if inside[0] @ inside[2] > KIND * size[0] * size[2]:
        return upper
    curve = np.column_stack(inside[2:])
    return _upper(inside[1] - curve @ np.linalg.lstsq(curve, inside[1], rcond=None)[0], strata)


def quarters(strata: np.ndarray, lengths: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Strata, each in four of about equal length; equal lengths stay together. Prompts longer or
    shorter than any of the other side of the split (by `more`) are strata that compare nothing."""
    order = np.lexsort((lengths, strata))
    of, value = strata[order], lengths[order]
    size, upper = np.bincount(strata), split[:, NAMES.index(FORM)] == 1
    new = np.r_[True, (np.diff(of) > 0) | (np.diff(value) > 1e-12)]
    place = np.maximum.accumulate(np.where(new, np.arange(len(of)), 0)) - (np.cumsum(size)
                                                                           - size)[of]
    finer, side = np.empty(len(of), int), 2 * strata + upper
    finer[order] = 6 * of + place * 4 // size[of]
    least, most = np.full(2 * len(size), np.inf), np.full(2 * len(size), -np.inf)
    np.minimum.at(least, side, lengths)
    np.maximum.at(most, side, lengths)
    alone = (lengths < least[side ^ 1] - 1e-12) | (lengths > most[side ^ 1] + 1e-12)
    return np.where(alone, 6 * strata + 4 + upper, finer)


def _centred(x: np.ndarray, code: np.ndarray) -> np.ndarray:
    return x - (np.bincount(code, x) / np.maximum(np.bincount(code), 1))[code]


def _upper(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Which samples belong to the upper of two groups, whatever the share of each. Strata differ in
    their place, the distance of the groups is one, and a stratum may be of one group alone."""
    _, code = np.unique(strata, return_inverse=True)
    size = np.bincount(code)
    values = _centred(values, code)
    bulk = np.clip(values, *np.quantile(values, (0.025, 0.975)))  # no group of a few far out
    values = _centred(bulk if np.ptp(bulk) > 1e-12 else values, code)
    order = np.lexsort((-values, code))
    of, first = code[order], np.cumsum(size) - size
    count = 1 + np.arange(len(of)) - first[of]
    cut = _cut(values[order], of, first, count)
    most = np.zeros(len(size))
    most[of[cut]] = count[cut]
    upper = np.zeros(len(of), bool)
    upper[order] = count <= most[of]
    return upper


def _cut(values: np.ndarray, of: np.ndarray, first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """After which of these values each stratum is cut: they are centred and fall within a stratum,
    which begins at `first`. The cut is the likeliest (of classes: Symons 1981); where two groups
    are no likelier than one, that of the least squares."""
    above, spread = np.cumsum(values), count * (1 - count / np.bincount(of)[of])
    between = np.r_[-np.diff(values) > 1e-12, False] & (spread > 1e-12)
    cuts = []
    for distance in np.ptp(values) * np.linspace(0.1, 1, 10):
        gain = np.where(between, 2 * distance * above - distance**2 * spread, 0)
        cut = np.flatnonzero((gain > 0) & (gain == np.maximum.reduceat(gain, first)[of]))
        if len(cut):
            explained = above[cut].sum()**2 / spread[cut].sum() / (values @ values)
            share = count[cut].sum() / len(values)
            likelier = -np.log(max(1 - explained, 1e-9)) / 2 - entr(share) - entr(1 - share)
            cuts.append((max(likelier, 0.0), explained, distance, cut))
    return max(cuts, key=lambda each: each[:3])[3] if cuts else np.array([], int)


def associations(table: Table, split: np.ndarray, worth: float | None = None,
                 copies: np.ndarray | None = None, strata: np.ndarray | None = None,
                 finer: np.ndarray | None = None) -> list[Association]:
    """Each feature that varies, against failure within task and level. `split` (by `more`) has a
    line per sample, a column per name of NAMES; `worth` samples count as one (by default what the
    table shows), and each sample as so many `copies`. Form is also looked at within `finer` strata
    of about equal length. Holm over the features."""
    strata = table.levels() if strata is None else strata
    failed = table.outcome != CORRECT
    worth = alike(table) if worth is None else worth
    tested = []
    for name, values in zip(NAMES, split.T, strict=True):
        if np.isnan(values).all():
            continue
        tables = _tables(values, failed, strata, copies)
        result = findings.mantel_haenszel(tables.reshape(-1, 4) / worth)
        if result and tables.any(2).all(1).sum() >= 3:
            equal = None if finer is None or name != FORM else findings.mantel_haenszel(
                _tables(values, failed, finer, copies).reshape(-1, 4) / worth)
            tested.append((name, result, equal))
    adjusted = holm([result["p"] for _, result, _ in tested])
    return [Association(name, result, p, name == FORM and finer is not None, equal)
            for (name, result, equal), p in zip(tested, adjusted, strict=True)]


def _tables(values: np.ndarray, failed: np.ndarray, strata: np.ndarray, copies: np.ndarray | None
            ) -> np.ndarray:
    """Per stratum: more and failed, more and passed, the others and failed, and passed."""
    recorded = ~np.isnan(values)
    return np.bincount(
        4 * strata[recorded] + 2 * (values[recorded] == 0) + ~failed[recorded],
        None if copies is None else copies[recorded], 4 * (strata.max() + 1)).reshape(-1, 2, 2)


def label(associations: list[Association]) -> str | None:
    """What they say together; None where a test speaks of an association that is neither shown to
    be an artefact nor to be negligible. Nothing is clean without tokens."""
    hints = [association for association in associations if association.hint]
    artefacts = {association.feature: association for association in hints if association.artefact}
    if set(artefacts) == {FORM}:
        held = artefacts[FORM].at_equal_length == "held"
        return "form_artifact" if held else "form_or_length"
    if artefacts:
        return "tokenization_artifact"
    if hints:
        return "negligible" if all(association.inside for association in hints) else None
    clean = all(association.inside for association in associations) and \
        any(association.feature != FORM for association in associations)
    return "clean" if clean else "no_artifact_detected"


def sentences(associations: list[Association]) -> list[str]:
    """What the tests rest on: the associations that they speak of, else how large one could be."""
    spoken = [association.sentence() for association in associations if association.hint]
    if spoken or not associations:
        return spoken
    low = min(association.odds["lo"] for association in associations)
    high = max(association.odds["hi"] for association in associations)
    tested = ", ".join(WORDS[association.feature] for association in associations)
    return [f"no test shows an association with failure of {tested}" + (
        f": odds ratios may be from {low:.2f} to {high:.2f}" if high < np.inf else "")]


def only_by_length(association: Association) -> str:
    """Said of form where it goes with failure as it is, and net of length no more."""
    ratio, low, high = (association.odds[end] for end in ("or", "lo", "hi"))
    return ("irregularities of form go with failure as the length of prompts does: as they are, "
            f"the odds ratio is {ratio:.2f} ({low:.2f} to {high:.2f}), but net of length it is not "
            "told from none, so no form is named")

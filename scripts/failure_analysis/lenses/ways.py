"""What accuracy does along each difficulty parameter: its profile over the mix of the others,
whether it falls or rises beyond chance, and dips on which lines of cells agree."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from failure_analysis.lenses import cells as grid
from failure_analysis.lenses import parameters, shape
from failure_analysis.lenses.cells import Cells
from failure_analysis.lenses.dataset import CORRECT, OUTCOMES, TRUNCATED
from failure_analysis.statistics import holm

COVERED = 0.8  # the share of the others' mix that each level should have
ALPHA, P_RISE, NEGLIGIBLE = 0.05, 0.01, 0.10  # of a trend; that harder is better is a bold claim
P_JUMP, JUMP = 0.01, 0.10  # of cells or levels around a falling curve


class Profile(NamedTuple):
    """Accuracy along one parameter, standardised over the mix of the others as far as a level has
    them (`covered` is the least share of that mix at a level): levels, effective counts, correct
    ones, finished ones, and raw counts by outcome."""

    parameter: str
    x: np.ndarray
    n: np.ndarray
    k: np.ndarray
    done: np.ndarray
    counts: np.ndarray
    covered: float


class Way(NamedTuple):
    """What accuracy does along one parameter: its profile, its effect with the others held, the p
    of a trend, levels below the rest; whether it falls, rises or dips beyond chance and by a size
    to speak of."""

    profile: Profile
    effect: dict
    p: float
    dip: shape.Dip
    slopes: bool
    rises: bool
    dips: bool

    @property
    def size(self) -> float:
        """How much accuracy changes, as far as it surely does; else how much it seems to."""
        return max(self.dip.depth * self.dips, abs(self.effect["fall"]))


def ways_of(cells: Cells, worth: Cells, seed: int) -> list[Way]:
    """What accuracy does along each parameter. A trend is tested along the profile where it could
    be standardised, else by the logistic fit; Holm over parameters."""
    effects = grid.sensitivity(worth, worth.k)
    profiles = [profile_of(cells, effect["parameter"]) for effect in effects]
    trends = holm([shape.trend(profile.k, profile.n, seed) if profile.covered >= COVERED
                   else effect["p"] for profile, effect in zip(profiles, effects, strict=True)])
    return [_way(profile, effect, p, len(effects), lines_of(worth, profile.parameter), seed)
            for profile, effect, p in zip(profiles, effects, trends, strict=True)]


def _way(profile: Profile, effect: dict, p: float, number: int, lines: tuple, seed: int) -> Way:
    """What accuracy does along one of so many parameters."""
    fall = effect["fall"]
    slopes = p < ALPHA and fall > 0 and effect["high"] > NEGLIGIBLE
    rises = p < P_RISE and fall < 0 and effect["low"] < -NEGLIGIBLE
    turn = slice(None, None, -1 if rises else 1)
    dip = shape.dip(profile.k[turn], profile.n[turn], seed)
    dip = dip._replace(below=dip.below[turn])
    dips = profile.covered >= COVERED and dip.p * number <= P_JUMP and dip.depth >= JUMP and (
        _shared(lines, dip.below) if len(lines[0]) > 1 else
        _alone(profile.k[turn], profile.n[turn], dip.below[turn], seed))
    return Way(profile, effect, p, dip, slopes, rises, dips)


def _shared(lines: tuple[np.ndarray, np.ndarray], below: np.ndarray) -> bool:
    """Whether lines of cells agree on a dip: its levels lie below those beside them in three of
    four (by what the lines hold there), and the lines hardly differ otherwise, or by chance."""
    k, n = lines
    beside = ~below & (np.r_[below[1:], False] | np.r_[False, below[:-1]])
    low, near = n[:, below].sum(1), n[:, beside].sum(1)
    both = (low > 0) & (near > 0)
    lower = k[:, below].sum(1) * near < k[:, beside].sum(1) * low
    along, across = k.sum(0) / n.sum(0), k.sum(1) / n.sum(1)
    expected = np.clip(along + across[:, None] - k.sum() / n.sum(), 0.02, 0.98)
    used = n > 0
    off = (k[used] / n[used] - expected[used])**2
    noise = (expected * (1 - expected))[used] / n[used]
    free = max(1, used.sum() - sum(n.shape) + 1)
    return bool(low[both & lower].sum() >= 0.75 * low[both].sum() > 0 and (
        (off - noise).mean() < JUMP**2 or chdtrc(free, (off / noise).sum()) > P_JUMP))


def _alone(k: np.ndarray, n: np.ndarray, below: np.ndarray, seed: int) -> bool:
    """Whether a dip of a single line stands out of a regular curve: one or two places, few
    levels, and nothing irregular without them."""
    places = int((np.diff(np.r_[0, below.astype(int)]) == 1).sum())
    rest = shape.irregularity((k * ~below)[None], (n * ~below)[None], seed)
    return places <= 2 and below.sum() <= max(2, len(k) // 4) and rest.p > 0.1


def profile_of(cells: Cells, parameter: str) -> Profile:
    """The profile along a parameter. Where the others are mixed alike at every level, these are
    the plain counts; else rates are standardised to the overall mix and carry the number of
    samples that such a rate is worth."""
    counts = _along(cells, parameter)
    n = counts.sum(2)
    mix = n.sum(0) / n.sum()
    weight = np.where(n > 0, mix, 0)
    covered = float(weight.sum(1).min())
    weight = weight / np.maximum(weight.sum(1, keepdims=True), 1e-12)
    worth = 1 / np.maximum((weight**2 / np.maximum(n, 1)).sum(1), 1e-12)
    rates = (weight[:, :, None] * counts / np.maximum(n, 1)[:, :, None]).sum(1)
    total = n.sum(1)
    worth = np.where(worth > total - 1e-6, total, worth) / cells.alike
    return Profile(parameter, cells.levels[cells.dims.index(parameter)], worth,
                   rates[:, CORRECT] * worth, (1 - rates[:, TRUNCATED]) * worth,
                   counts.sum(1).astype(int), covered)


def lines_of(cells: Cells, parameter: str) -> tuple[np.ndarray, np.ndarray]:
    """(correct, all) of every line of cells along a parameter: a row per combination of others."""
    counts = _along(cells, parameter)
    return counts[:, :, CORRECT].T.copy(), counts.sum(2).T.copy()


def _along(cells: Cells, parameter: str) -> np.ndarray:
    """Counts by level of a parameter, combination of the others, and outcome."""
    at = cells.dims.index(parameter)
    others, which = parameters.distinct(np.delete(cells.place, at, axis=1))
    counts = np.zeros((len(cells.levels[at]), len(others), len(OUTCOMES)))
    counts[cells.place[:, at], which] = cells.counts
    return counts

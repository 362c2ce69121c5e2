"""The shape of accuracy along one difficulty parameter: flat, gradual or a cliff, and where.

A posterior over a grid of four-parameter sigmoids with flat priors (the idea of psignifit: Schuett
and others 2016), monotone regression as the free curve, a test for irregularity, and levels below
such a curve."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import expit

_HIGH = np.array([.02, .1, .2, .3, .4, .5, .6, .7, .8, .85, .9, .94, .97, .99])
_LOW = np.array([.005, .03, .07, .12, .2, .3, .4, .5, .6, .7, .8, .9, .96])
CLIFF, GRADUAL = 0.25, 0.15  # the least fall that is called one
FEW = 4  # levels
LEAST_GAIN = 3.84  # of deviance, when a level is taken out of a falling curve


class Grid(NamedTuple):
    """Sigmoids over ranks of levels: log p, log (1 - p), centres, their distance, and kinds."""

    log_p: np.ndarray
    log_q: np.ndarray
    centre: np.ndarray
    spacing: float
    steps: np.ndarray
    is_cliff: np.ndarray
    is_gradual: np.ndarray


class Shape(NamedTuple):
    """Posterior mass of each shape, and the place of the cliff if there is one."""

    cliff: float
    gradual: float
    flat: float
    at: float
    low: float
    high: float


@lru_cache(32)
def grid(number: int) -> Grid:
    """About 83,000 falling sigmoids over so many levels. Levels count by their rank, however far
    apart they lie: an edge between 10^4 and 10^5 is as sharp as one between 4 and 5."""
    x = np.arange(number)
    centres = np.arange(-1, number + 1e-9, 0.25)
    widths = np.r_[1e-3, np.geomspace(1 / 8, 6, 11)]
    high, low = np.meshgrid(_HIGH, _LOW, indexing="ij")
    falling = high >= low
    high, low = high[falling], low[falling]
    curve = expit((centres[:, None, None] - x) / widths[None, :, None])
    p = np.clip(low[:, None, None, None] + (high - low)[:, None, None, None] * curve,
                1e-4, 1 - 1e-4)
    centre = np.broadcast_to(centres[None, :, None], p.shape[:3]).ravel()
    narrow = np.broadcast_to((widths == widths[0])[None, None, :], p.shape[:3]).ravel()
    p = p.reshape(-1, len(x)).astype(np.float32)
    fall = p[:, 0] - p[:, -1]
    # A cliff is over within two steps; of so few levels, within one; of two none can be told.
    steps = 2 if number > FEW else 1
    within = (p[:, :-steps] - p[:, steps:]).max(1)
    is_cliff = (fall >= CLIFF) & (within >= 0.7 * fall) & (number > 2)
    return Grid(np.log(p), np.log1p(-p), centre, float(centres[1] - centres[0]), narrow, is_cliff,
                (fall >= GRADUAL) & ~is_cliff)


def posterior(levels: np.ndarray, k: np.ndarray, n: np.ndarray) -> Shape:
    """The shape; k of n correct at each level."""
    sigmoids, weight = _weights(k, n)
    of_cliff = weight * sigmoids.is_cliff
    cliff, gradual = float(of_cliff.sum()), float((weight * sigmoids.is_gradual).sum())
    order = np.argsort(sigmoids.centre, kind="stable")
    mass = np.cumsum(of_cliff[order]) / max(cliff, 1e-12)
    low, high = (float(sigmoids.centre[order][min(np.searchsorted(mass, share), len(order) - 1)])
                 for share in (0.025, 0.975))
    at = float((of_cliff * sigmoids.centre).sum() / max(cliff, 1e-12))
    half = sigmoids.spacing / 2  # what a point of the grid stands for
    # Ranks may lie between levels, and up to one step outside them.
    before, after = 2 * levels[[0, -1]] - levels[[1, -2]]
    place = np.interp([at, low - half, high + half], np.arange(-1, len(levels) + 1),
                      np.r_[before, levels, after])
    return Shape(cliff, gradual, max(0.0, 1 - cliff - gradual), *place.tolist())


def curve(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The posterior mean of accuracy at each level."""
    sigmoids, weight = _weights(k, n)
    return np.exp(sigmoids.log_p).T @ weight.astype(np.float32)


def _weights(k: np.ndarray, n: np.ndarray) -> tuple[Grid, np.ndarray]:
    sigmoids = grid(len(k))
    fit = sigmoids.log_p @ k.astype(np.float32) + sigmoids.log_q @ (n - k).astype(np.float32)
    weight = np.exp(np.float64(fit) - fit.max())
    return sigmoids, weight / weight.sum()


def gap(levels: np.ndarray, at: float) -> tuple[float, float] | None:
    """The two levels between which a place lies, where that step is more than twice as wide as the
    others' median, as a difference and as a ratio: what happens in it was not tried."""
    step = min(max(int(np.searchsorted(levels, at)), 1), len(levels) - 1)
    scales = [levels] if levels[0] <= 0 else [levels, np.log(levels)]
    wide = all(steps[step - 1] > 2 * np.median(np.delete(steps, step - 1))
               for steps in map(np.diff, scales) if len(steps) > 2)
    return (float(levels[step - 1]), float(levels[step])) if wide and len(levels) > 3 else None


def criteria(k: np.ndarray, n: np.ndarray) -> dict[str, float]:
    """BIC of a constant, a step and a sigmoid: a cross-check of the posterior."""
    sigmoids = grid(len(k))
    fit = sigmoids.log_p @ k.astype(np.float32) + sigmoids.log_q @ (n - k).astype(np.float32)
    share = np.clip(k.sum() / n.sum(), 1e-4, 1 - 1e-4)
    constant = k.sum() * np.log(share) + (n - k).sum() * np.log1p(-share)
    size = np.log(n.sum())
    return {"constant": float(size - 2 * constant),
            "step": float(3 * size - 2 * fit[sigmoids.steps].max()),
            "sigmoid": float(4 * size - 2 * fit.max())}


def falling(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The closest falling curve (isotonic regression) of each row, by the max-min formula; rows
    are short, so all of them are fitted at once."""
    total = np.cumsum(np.concatenate([np.zeros((*y.shape[:-1], 1)), y * weight], -1), -1)
    mass = np.cumsum(np.concatenate([np.zeros((*y.shape[:-1], 1)), weight], -1), -1)
    n = y.shape[-1]
    upper = np.triu(np.ones((n, n), bool))
    span = mass[..., None, 1:] - mass[..., :-1, None]
    mean = (total[..., None, 1:] - total[..., :-1, None]) / np.maximum(span, 1e-12)
    mean = np.where(upper & (span > 0), mean, -np.inf)
    best = np.maximum.accumulate(mean[..., ::-1], -1)[..., ::-1]  # over all ends at or after k
    best = np.where(upper, best, np.inf)
    return best.min(-2)


class Irregularity(NamedTuple):
    """How far cells jump around a falling curve beyond chance."""

    p: float
    excess_sd: float


def irregularity(k: np.ndarray, n: np.ndarray, seed: int, draws: int = 200) -> Irregularity:
    """The deviance of falling fits to each line of cells (rows) against a parametric bootstrap,
    and the standard deviation beyond binomial noise. Cells with n = 0 take no part; parts of
    samples are rounded to whole ones, their shares kept."""
    k, n = k / np.maximum(n, 1e-9) * np.round(n), np.round(n)
    fitted = np.clip(falling(k / np.maximum(n, 1), n.astype(float)), 1e-4, 1 - 1e-4)
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(n.astype(int), fitted, (draws, *n.shape))
    again = np.clip(falling(drawn / np.maximum(n, 1), np.broadcast_to(n, drawn.shape) * 1.0),
                    1e-4, 1 - 1e-4)
    seen, simulated = _deviance(k, n, fitted), _deviance(drawn, n, again)
    used = n > 0
    off = (k / np.maximum(n, 1) - fitted) ** 2 - fitted * (1 - fitted) / np.maximum(n, 1)
    return Irregularity((1 + int((simulated >= seen - 1e-9).sum())) / (draws + 1),
                        float(np.sqrt(max(0.0, off[used].mean()))))


def trend(k: np.ndarray, n: np.ndarray, seed: int, draws: int = 999) -> float:
    """The p value, two-sided, of a fall or a rise along levels against no change at all: the
    deviance that a monotone curve explains (Bartholomew 1959), by a parametric bootstrap. Unlike a
    slope it sees an edge beside the last level."""
    k, n = k / np.maximum(n, 1e-9) * np.round(n), np.round(n)
    total = max(n.sum(), 1)
    share = np.clip(k.sum() / total, 1e-4, 1 - 1e-4)
    drawn = np.random.default_rng(seed).binomial(n.astype(int), share, (draws, len(n)))
    hits = np.concatenate([k[None], drawn])

    def explained(turn: slice) -> np.ndarray:
        size = np.broadcast_to(n[turn], hits.shape)
        right = hits[:, turn]
        fitted = np.clip(falling(right / np.maximum(size, 1), size), 1e-4, 1 - 1e-4)
        mean = np.clip(right.sum(1) / total, 1e-4, 1 - 1e-4)[:, None]
        return (size * (fitted * np.log(fitted / mean)
                        + (1 - fitted) * np.log((1 - fitted) / (1 - mean)))).sum(1)

    gain = np.maximum(explained(slice(None)), explained(slice(None, None, -1)))
    return (1 + int((gain[1:] >= gain[0] - 1e-9).sum())) / (draws + 1)


class Dip(NamedTuple):
    """Levels that lie below a falling curve through the others: which, how far below at the mean,
    and the chance of such an irregular curve where accuracy falls or stays."""

    below: np.ndarray
    depth: float
    p: float


def dip(k: np.ndarray, n: np.ndarray, seed: int) -> Dip:
    """The levels that are taken out one by one, each time the one without which a falling curve
    fits best: a third of them at most (two of four or five), and none that gains nothing."""
    below = np.zeros(len(k), bool)
    jumps = irregularity(k[None], n[None], seed, 999)
    share = k / np.maximum(n, 1e-9)
    for _ in range(max(len(k) // 3, min(len(k) // 2, 2)) if jumps.p <= 0.05 else 0):
        weights = [np.where(below | (np.arange(len(k)) == at), 0, n) for at in range(len(k))]
        left = np.array([np.where(below, 0, n), *weights])
        fitted = np.clip(falling(np.broadcast_to(share, left.shape), left), 1e-4, 1 - 1e-4)
        off = _deviance((share * left)[:, None], left[:, None], fitted[:, None])
        gain = np.where(share < fitted[0] - 1e-9, off[0] - off[1:], 0)
        if gain.max() < LEAST_GAIN:
            break
        below[gain.argmax()] = True
    fitted = falling(share, np.where(below, 0, n))
    depth = float((n * (fitted - share))[below].sum() / n[below].sum()) if below.any() else 0.0
    return Dip(below, depth, jumps.p)


def _deviance(k: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(k > 0, k * np.log(k / (n * p)), 0)
        miss = np.where(n > k, (n - k) * np.log((n - k) / (n * (1 - p))), 0)
    return 2 * (hit + miss).sum((-2, -1))

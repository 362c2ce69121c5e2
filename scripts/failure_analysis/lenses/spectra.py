"""Rhythms in the order of token classes. Token numbers are names, so the series are indicators of
classes; nothing here changes when a vocabulary is numbered anew."""

from typing import NamedTuple

import numpy as np

WINDOW = 64  # tokens of a Welch segment
SKIP = 2  # frequencies below 2/64 are trend, not rhythm
FREQUENCIES = np.fft.rfftfreq(WINDOW)
SHUFFLES = 199
_HANN = np.hanning(WINDOW + 1)[:-1]


class Envelope(NamedTuple):
    """The largest power that any numbering of the classes could reach at each frequency, against
    the 95 % limit of shuffled prompts, and which classes carry the highest peak."""

    power: np.ndarray
    limit: float
    p: float
    peak: float
    loadings: np.ndarray


def indicators(classes: np.ndarray, number: int) -> np.ndarray:
    """One row per class: 1 where a token is of it."""
    return (classes == np.arange(number)[:, None]).astype(float)


def segments(series: list[np.ndarray]) -> np.ndarray:
    """Half-overlapping windows (windows x classes x 64), mean taken out, tapered (Welch 1967)."""
    windows = []
    for prompt in series:
        for start in range(0, prompt.shape[1] - WINDOW + 1, WINDOW // 2):
            window = prompt[:, start:start + WINDOW]
            windows.append((window - window.mean(1, keepdims=True)) * _HANN)
    return np.array(windows)


def voss(series: list[np.ndarray]) -> np.ndarray:
    """The summed power of all classes at each frequency (Voss 1992), over all windows."""
    return (abs(np.fft.rfft(segments(series))) ** 2).sum(1).mean(0) / (_HANN**2).sum()


def _largest(windows: np.ndarray, whiten: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalue per frequency and the eigenvector at the highest one."""
    spectrum = np.fft.rfft(windows)
    cross = np.einsum("wif,wjf->fij", spectrum, spectrum.conj(), optimize=True).real
    cross /= len(windows) * (_HANN**2).sum()
    values, vectors = np.linalg.eigh(whiten @ cross @ whiten)
    power = values[:, -1]
    best = SKIP + int(power[SKIP:].argmax())
    return power, vectors[best, :, -1]


def envelope(codes: list[np.ndarray], seed: int, shuffles: int = SHUFFLES) -> Envelope:
    """The spectral envelope (Stoffer, Tyler & McDougall 1993) of prompts given as class codes,
    with a null that shuffles each prompt's own order, highest frequency by highest frequency."""
    present, columns, whiten = _whitened(codes)
    power, vector = _largest(segments(columns), whiten)
    rng = np.random.default_rng(seed)
    highest = np.empty(shuffles)
    for draw in range(shuffles):
        mixed = [prompt[:, rng.permutation(prompt.shape[1])] for prompt in columns]
        highest[draw] = _largest(segments(mixed), whiten)[0][SKIP:].max()
    loadings = np.zeros(int(present.max()) + 1)
    loadings[present[:-1]] = abs(whiten @ vector)
    top = float(power[SKIP:].max())
    return Envelope(power, float(np.quantile(highest, 0.95)),
                    (1 + int((highest >= top - 1e-12).sum())) / (shuffles + 1),
                    float(FREQUENCIES[SKIP + int(power[SKIP:].argmax())]),
                    loadings / max(float(abs(loadings).max()), 1e-12))


def envelope_power(codes: list[np.ndarray]) -> np.ndarray:
    """The spectral envelope alone, without its null."""
    _, columns, whiten = _whitened(codes)
    return _largest(segments(columns), whiten)[0]


def _whitened(codes: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """(the classes that occur, their indicators, what makes these alike in spread)."""
    pooled = np.concatenate(codes)
    present = np.unique(pooled)
    # Indicators sum to one: the last class says nothing new.
    columns = [(prompt == present[:-1, None]).astype(float) for prompt in codes]
    share = np.array([(pooled == code).mean() for code in present[:-1]])
    values, vectors = np.linalg.eigh(np.diag(share) - np.outer(share, share))
    scale = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0)
    return present, columns, vectors @ np.diag(scale) @ vectors.T


def prominence(codes: np.ndarray, number: int) -> float:
    """How far a prompt's highest line stands out: log of highest over median power, unwindowed."""
    series = indicators(codes, number)
    series = (series - series.mean(1, keepdims=True)) * np.hanning(series.shape[1])
    power = (abs(np.fft.rfft(series)) ** 2).sum(0)
    rhythm = power[np.fft.rfftfreq(series.shape[1]) > SKIP / WINDOW]
    return float(np.log(rhythm.max() / np.median(rhythm)))


class Slopes(NamedTuple):
    """Per band: the slope of log power on log length, with its interval."""

    edges: np.ndarray
    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray


def band_slopes(codes: list[np.ndarray], number: int, bands: int = 8) -> Slopes:
    """Does power in a band grow with the length of a prompt? Least squares with HC3 errors
    (MacKinnon & White 1985); powers are per token, on each prompt's own windows."""
    power = np.array([voss([indicators(prompt, number)]) for prompt in codes])
    edges = np.linspace(SKIP / WINDOW, 0.5, bands + 1)
    which = np.clip(np.searchsorted(edges, FREQUENCIES, side="right") - 1, 0, bands - 1)
    inside = FREQUENCIES >= SKIP / WINDOW
    x = np.column_stack([np.ones(len(codes)), np.log([len(prompt) for prompt in codes])])
    bread = np.linalg.pinv(x.T @ x)
    leverage = np.clip(np.einsum("ij,jk,ik->i", x, bread, x), 0, 0.999)
    slopes, errors = [], []
    for band in range(bands):
        y = np.log(np.maximum(power[:, inside & (which == band)].mean(1), 1e-12))
        weight = bread @ x.T @ y
        left = (y - x @ weight) / (1 - leverage)
        errors.append(np.sqrt((bread @ (x.T * left**2) @ x @ bread)[1, 1]))
        slopes.append(weight[1])
    slopes, errors = np.array(slopes), np.array(errors)
    return Slopes(edges, slopes, slopes - 1.96 * errors, slopes + 1.96 * errors)


def shuffled(codes: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """Each prompt with its own tokens in random order."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(prompt) for prompt in codes]

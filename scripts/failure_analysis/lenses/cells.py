"""Cells of the difficulty grid: counts, intervals, shrinkage towards a smooth surface, zones."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.special import betaincinv, betaln, chdtrc, expit, xlogy

from failure_analysis.lenses import findings, parameters
from failure_analysis.lenses.dataset import CORRECT, TRUNCATED, Table

GREEN, RED, CUT = 0.8, 0.5, 0.2


@dataclass(frozen=True)
class Cells:
    """One line per observed combination of the dimensions: its values, its place on the grid of
    levels, and how many samples ended how (columns as in dataset.OUTCOMES)."""

    dims: tuple[str, ...]
    levels: tuple[np.ndarray, ...]
    merged: tuple[str, ...]
    place: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    guess: np.ndarray
    alike: float  # how many samples are worth one, where items were run repeatedly

    @property
    def n(self) -> np.ndarray:
        """Samples per cell."""
        return self.counts.sum(1)

    @property
    def k(self) -> np.ndarray:
        """Correct ones per cell."""
        return self.counts[:, CORRECT]

    @property
    def cut(self) -> np.ndarray:
        """Truncated ones per cell."""
        return self.counts[:, TRUNCATED]


def cells(table: Table, dims: list[str]) -> Cells:
    """The cells of a table; parameters with more than 24 levels are merged into 12 bins of about
    equal size, each with the mean of its values as its level."""
    levels, codes, merged = [], [], []
    for name in dims:
        values = table.params[name]
        level_values, code = np.unique(values), parameters.merged(values)
        if len(level_values) > parameters.MOST_LEVELS:
            used, code = np.unique(code, return_inverse=True)
            level_values = np.array([values[code == number].mean() for number in range(len(used))])
            merged.append(name)
        levels.append(level_values)
        codes.append(code)
    place, which = parameters.distinct(*codes)
    counts = np.bincount(which * 4 + table.outcome, minlength=4 * len(place)).reshape(-1, 4)
    guess = np.bincount(which, table.guess, len(place)) / counts.sum(1)
    values = np.column_stack([level[place[:, at]] for at, level in enumerate(levels)])
    return Cells(tuple(dims), tuple(levels), tuple(merged), place, values, counts, guess,
                 design_effect(which, table.item, table.outcome == CORRECT))


def design_effect(level: np.ndarray, item: np.ndarray, hit: np.ndarray) -> float:
    """How many samples are worth one where items were run repeatedly: the variance of items'
    shares over what independent runs would have (Kish 1965), within levels; 1 without repeats.
    All arrays have a line per sample: codes of level and item, and whether it is a hit."""
    _, item = parameters.distinct(level, item)
    runs = np.bincount(item)
    if runs.max() == 1:
        return 1.0
    of_level = np.zeros(len(runs), int)
    of_level[item] = level
    items, samples = np.bincount(of_level), np.bincount(level)
    share = (np.bincount(level, hit) / np.maximum(samples, 1))[of_level]
    several = items[of_level] > 1  # one item alone says nothing of how items differ
    if not several.any():
        return float(runs.mean())
    spread = (np.bincount(item, hit) - runs * share)**2 * (items / np.maximum(items - 1, 1)
                                                             )[of_level]
    expected = (runs * share * (1 - share))[several].sum()
    return float(np.clip(spread[several].sum() / max(expected, 1e-9), 1, runs.mean()))


def worth(cells: Cells) -> Cells:
    """The cells with their counts as what they are worth, in parts of samples."""
    return replace(cells, counts=cells.counts / cells.alike, alike=1.0)


def _standardised(cells: Cells) -> np.ndarray:
    return (cells.values - cells.values.mean(0)) / np.maximum(cells.values.std(0), 1e-9)


def design(cells: Cells) -> np.ndarray:
    """Columns of a quadratic surface: 1, x, x^2 (not of two levels), x y, standardised."""
    x = _standardised(cells)
    squares = [x[:, at] ** 2 for at, level in enumerate(cells.levels) if len(level) > 2]
    pairs = [x[:, a] * x[:, b] for a in range(x.shape[1]) for b in range(a)]
    return np.column_stack([np.ones(len(x)), x, *squares, *pairs])


def logistic(x: np.ndarray, k: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, float]:
    """(fitted shares, log likelihood) of a binomial logistic regression by Newton steps; a ridge
    of 1e-4 keeps separated data finite."""
    weight = np.zeros(x.shape[1])
    ridge = 1e-4 * np.eye(x.shape[1])
    for _ in range(40):
        p = expit(np.clip(x @ weight, -30, 30))
        step = np.linalg.solve(x.T @ (x * (n * p * (1 - p))[:, None]) + ridge,
                               x.T @ (k - n * p) - ridge @ weight)
        weight = weight + np.clip(step, -5, 5)
        if abs(step).max() < 1e-8:
            break
    p = np.clip(expit(x @ weight), 1e-9, 1 - 1e-9)
    return p, float((xlogy(k, p) + xlogy(n - k, 1 - p)).sum())


def sensitivity(cells: Cells, k: np.ndarray) -> list[dict]:
    """Per dimension: the likelihood-ratio drop when it is left out (type II), and the fall from
    its lowest to its highest level, standardised over the observed mix of the others; levels count
    by their rank. The interval is that of a fit with two successes and two failures more, spread
    like the samples (the idea of Agresti & Caffo 2000)."""
    rows = []
    place = cells.place.astype(float)
    x = (place - place.mean(0)) / np.maximum(place.std(0), 1e-9)
    whole = np.column_stack([np.ones(len(x)), x])
    best = logistic(whole, k, cells.n)[1]
    more = 4 * cells.n / cells.n.sum()
    fits = [_fit(whole, k, cells.n), _fit(whole, k + more / 2, cells.n + more)]
    for at, name in enumerate(cells.dims):
        without = logistic(np.delete(whole, at + 1, axis=1), k, cells.n)[1]
        stat = max(0.0, 2 * (best - without))
        (fall, _), (near, error) = (_fall(whole, at + 1, cells.n, *fit) for fit in fits)
        rows.append({"parameter": name, "levels": len(cells.levels[at]), "stat": stat,
                     "p": float(chdtrc(1, stat)), "fall": fall,
                     "low": min(fall, near - findings.Z * error),
                     "high": max(fall, near + findings.Z * error)})
    return rows


def _fit(x: np.ndarray, k: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(slopes, their covariance) of a logistic fit."""
    p = logistic(x, k, n)[0]
    return np.linalg.lstsq(x, np.log(p / (1 - p)), rcond=None)[0], \
        np.linalg.pinv(x.T @ (x * (n * p * (1 - p))[:, None]))


def _fall(x: np.ndarray, at: int, n: np.ndarray, slopes: np.ndarray, spread: np.ndarray
          ) -> tuple[float, float]:
    """(the fall along one column of a fit, its standard error by the delta method)."""
    fall, gradient = 0.0, np.zeros(x.shape[1])
    for sign, end in ((1, x[:, at].min()), (-1, x[:, at].max())):
        moved = x.copy()
        moved[:, at] = end
        there = expit(moved @ slopes)
        fall += sign * float((there * n).sum() / n.sum())
        gradient += sign * (moved * (n * there * (1 - there))[:, None]).sum(0) / n.sum()
    return fall, float(np.sqrt(max(0.0, gradient @ spread @ gradient)))


def shrunken(cells: Cells) -> findings.Interval:
    """Each cell's accuracy drawn towards the quadratic surface by a beta-binomial whose precision
    is the likeliest one: the means, and for ends the 5 % and 95 % quantiles."""
    x = design(cells)
    model = logistic(x, cells.k, cells.n)[0] if len(x) > x.shape[1] else \
        np.full(len(x), cells.k.sum() / cells.n.sum())
    model = np.clip(model, 0.005, 0.995)
    precisions = np.geomspace(1, 300, 40)[:, None]
    fit = (betaln(cells.k + precisions * model, cells.n - cells.k + precisions * (1 - model))
           - betaln(precisions * model, precisions * (1 - model))).sum(1)
    m = float(precisions[fit.argmax(), 0])
    a, b = cells.k + m * model, cells.n - cells.k + m * (1 - model)
    return findings.Interval(a / (a + b), betaincinv(a, b, 0.05), betaincinv(a, b, 0.95))


def kinds(cells: Cells) -> np.ndarray:
    """What each cell is: green (certified accurate), red (certified below a half), cut (truncation
    of a fifth at least), or undecided."""
    accuracy = shrunken(cells)
    cut_low, _ = findings.wilson(cells.cut, cells.n)
    sound = cells.n >= 16  # fewer cannot certify green
    return np.where(cut_low >= CUT, "cut", np.where(
        (accuracy.low >= GREEN) & sound, "green",
        np.where(accuracy.high <= RED, "red", "undecided")))


def zones(cells: Cells) -> list[dict]:
    """Connected zones of the grid, cells of one kind, with their bounds."""
    kind = kinds(cells)
    shape = tuple(len(level) for level in cells.levels)
    listed = []
    for name in ("green", "red", "cut", "undecided"):
        grid = np.zeros(shape, bool)
        grid[tuple(cells.place[kind == name].T)] = True
        labels, number = ndimage.label(grid)
        for label in range(1, number + 1):
            inside = np.argwhere(labels == label)
            bounds = {dim: [float(level[inside[:, at].min()]), float(level[inside[:, at].max()])]
                      for at, (dim, level) in enumerate(zip(cells.dims, cells.levels, strict=True))}
            listed.append({"zone": name, "cells": len(inside), "bounds": bounds})
    return listed

"""What chance gives for unique failures, against enumeration and worlds whose truth is known."""

import time
from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest

from failure_analysis.comparison import chance


def world(rng, items, ability, spread=1.5):
    """A fail matrix by Rasch: items' difficulty against models' ability, nobody with a weakness."""
    difficulty = rng.normal(-1, spread, items)
    return rng.random((len(ability), items)) < 1 / (1 + np.exp(np.subtract.outer(ability,
                                                                                  difficulty)))


def ranges(failed, seed=0):
    """How many items each model alone failed, and the low and high ends of their ranges."""
    names = [f"m{number}" for number in range(len(failed))]
    units = chance.unique_fails(names, failed, seed)["units"]
    alone = failed[:, failed.sum(axis=0) == 1].sum(axis=1)
    return alone, *(np.array([units[name][end] for name in names]) for end in ("low", "high"))


def same_margins(failed):
    """All matrices with the margins of this one."""
    rows, items = failed.sum(axis=1), failed.shape[1]
    choices = [[np.isin(np.arange(items), chosen) for chosen in combinations(range(items), int(n))]
               for n in rows]
    found = []
    for matrix in product(*choices):
        if (np.sum(matrix, axis=0) == failed.sum(axis=0)).all():
            found.append(np.array(matrix))
    return found


TINY = [["10110", "01100", "11001"], ["11000", "10100", "01010", "10001"],
        ["1100100", "0110010", "1110000"]]


@pytest.mark.parametrize("lines", TINY)
def test_all_matrices_of_the_same_margins_are_equally_likely(lines):
    failed = np.array([[mark == "1" for mark in line] for line in lines])
    every = same_margins(failed)
    rng, state, seen = np.random.default_rng(1), failed.copy(), Counter()
    for _ in range(60 * len(every)):
        chance._swap(state, rng, 4)
        seen[state.tobytes()] += 1
    assert len(every) > 4 and seen.keys() == {matrix.tobytes() for matrix in every}
    off = sum((count - 60) ** 2 / 60 for count in seen.values())
    assert off < len(every) + 5 * (2 * len(every)) ** 0.5  # chi squared, 4 of 5 spreads above


@pytest.mark.parametrize("lines", TINY)
def test_the_range_is_that_of_all_matrices_of_the_same_margins(lines):
    failed = np.array([[mark == "1" for mark in line] for line in lines])
    alone = np.array([matrix[:, matrix.sum(axis=0) == 1].sum(axis=1)
                      for matrix in same_margins(failed)])
    names = list("abcd"[:len(failed)])
    units = chance.unique_fails(names, failed, 0)["units"]
    for name, counts in zip(names, alone.T, strict=True):
        assert units[name]["expected"] == pytest.approx(counts.mean(), abs=0.15)
        inside = (units[name]["low"] <= counts) & (counts <= units[name]["high"])
        assert inside.mean() >= 0.95
        assert {units[name]["low"], units[name]["high"]} <= set(counts)


@pytest.mark.parametrize(("worlds", "ability"), [
    (80, (0, 0, 0, 0, -1.5)),
    *(pytest.param(500, ability, marks=pytest.mark.slow) for ability in (
        (0, 0, 0, 0, -1.5), (0.5, 0, -0.5), (1, 0.5, 0, -0.5, -1), tuple(np.linspace(-1, 1, 12))))
])
def test_models_without_a_weakness_of_their_own_lie_in_their_range(worlds, ability):
    """Also the weak one of five, which lay above a range that held all for equal."""
    rng = np.random.default_rng(2)
    inside = []
    for seed in range(worlds):
        alone, low, high = ranges(world(rng, 150, ability), seed)
        inside.append((low <= alone) & (alone <= high))
    assert np.mean(inside, axis=0).min() >= 0.93


def test_a_weakness_of_ones_own_lies_above():
    rng, above, others = np.random.default_rng(3), 0, 0
    for seed in range(30):
        failed = world(rng, 150, np.linspace(-1, 1, 10))
        failed[5, np.flatnonzero(~failed.any(axis=0))[:12]] = True
        alone, _, high = ranges(failed, seed)
        above += alone[5] > high[5]
        others += np.delete(alone > high, 5).sum()
    assert above >= 28
    assert others <= 0.03 * 9 * 30


def test_where_chance_has_no_range():
    failed = world(np.random.default_rng(4), 50, np.zeros(41))
    for units in (1, 2, 41):  # two units' own failures follow from their rates
        assert chance.unique_fails([str(number) for number in range(units)], failed[:units],
                                   0) is None
    assert chance.unique_fails(list("abc"), np.ones((3, 9), bool), 0) is None


def test_draws_are_bounded_and_the_same_each_time():
    failed = world(np.random.default_rng(5), 100_000, np.linspace(-1, 1, 40))
    names, start = [str(number) for number in range(40)], time.process_time()
    first = chance.unique_fails(names, failed, 0)
    assert time.process_time() - start < 15  # 2 seconds on the machine it was written on
    assert first["draws"] == 39
    few = failed[:5, :200]
    again = [chance.unique_fails(names[:5], few.copy(), seed) for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]
    assert again[0]["draws"] == 399

"""The lenses on samples made here, with known truth: what must not change a label, and what must."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from failure_analysis.lenses import dataset, hazard
from failure_analysis.lenses.samples import Config, Eval


def group(outcome: np.ndarray, item: np.ndarray | None = None, tokens: np.ndarray | None = None,
          limit: np.ndarray | None = None, guess: float = 0.0, **params: np.ndarray
          ) -> dataset.Group:
    """One system's samples on one task, without files."""
    n = len(outcome)
    item = np.arange(n) if item is None else item
    zero, empty = np.zeros(n, int), np.full(n, np.nan)
    table = dataset.Table(
        Config("x", Path()), (Eval("e", "m", "m"),), ("t",), ("all",),
        tuple(map(str, range(item.max() + 1))), zero, zero, zero, item, outcome.astype(int),
        empty if tokens is None else tokens.astype(float), empty if limit is None else limit,
        np.full(n, guess), np.arange(n), np.array([f"d{at}" for at in range(n)], object),
        {name: values.astype(float) for name, values in params.items()}, {})
    return dataset.Group(table.evals[0], "t", "", table)


@pytest.mark.parametrize("recorded", ["all", "truncated alone", "none"])
def test_a_threshold_needs_no_recorded_limit(recorded: str) -> None:
    """After 4,000 tokens the odds of a wrong answer are six times as high."""
    rng = np.random.default_rng(5)
    n = 1500
    tokens = np.exp(rng.normal(np.log(3600), 0.5, n)).round()
    wrong = rng.random(n) < expit(-1 + np.log(6) * (tokens > 4000))
    outcome = np.where(tokens >= 8192, dataset.TRUNCATED, wrong.astype(int))
    tokens = np.minimum(tokens, 8192)
    limit = {"all": np.full(n, 8192.0), "none": None, "truncated alone": np.where(
        outcome == dataset.TRUNCATED, 8192.0, np.nan)}[recorded]
    result = hazard.analyse(group(outcome, None, tokens, limit, length=rng.integers(1, 6, n)), 0)
    assert result["pattern"] == "threshold"
    place = result["estimates"]["change_at_tokens"]
    assert place["lo"] <= 4000 <= place["hi"]

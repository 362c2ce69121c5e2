"""The lenses on samples made here, with known truth: what changes a label and what does not."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import mannwhitneyu, norm

from failure_analysis.lenses import (
    compression,
    contrasts,
    dataset,
    diagnosis,
    fft,
    figures,
    findings,
    hazard,
    one_lens,
    page,
    shape,
    spelling,
    surface,
    survival,
    traces,
)
from failure_analysis.lenses.config import Config, Eval
from failure_analysis.statistics import holm


def group(outcome: np.ndarray, item: np.ndarray | None = None, tokens: np.ndarray | None = None,
          limit: np.ndarray | None = None, guess: float = 0.0, **params: np.ndarray
          ) -> dataset.Group:
    """One system's samples on one task, without files."""
    n = len(outcome)
    item = np.arange(n) if item is None else item
    zero, empty = np.zeros(n, int), np.full(n, np.nan)
    table = dataset.Table(
        Config("x", Path()), (Eval("e", "m", "m"),), ("t",), ("all",),
        zero, zero, zero, item, outcome.astype(int),
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


def clustered(seed: int, items: int = 60, runs: int = 8, slope: float = 0.0, shown: float = 0.0
              ) -> tuple[np.ndarray, ...]:
    """(outcome, item, tokens, level, feature) of items run repeatedly, which differ in length and
    in how hard they are. `slope` is that of the log odds of an error on log tokens within an item;
    `shown` that on a feature of the item."""
    rng = np.random.default_rng(seed)
    level, hard = rng.integers(0, 5, items), rng.normal(0, 2, items)
    feature = rng.random(items) < 0.4
    item = np.repeat(np.arange(items), runs)
    within = rng.normal(0, 0.3, items * runs)
    tokens = np.exp(rng.normal(7, 0.8, items)[item] + within).round()
    wrong = rng.random(items * runs) < expit(hard[item] + slope * within + shown * feature[item])
    return wrong, item, tokens, level[item], feature[item] * 1.0


@pytest.mark.parametrize("runs", [3, 8])
def test_runs_of_an_item_are_no_independent_finishes(runs: int) -> None:
    called = []
    for seed in range(30):
        wrong, item, tokens, level, _ = clustered(seed, 480 // runs, runs)
        result = hazard.analyse(group(wrong, item, tokens, length=level), 0)
        called.append(result["pattern"] in ("early", "delayed", "threshold"))
        assert any("within an item" in caveat or "one finished run of each" in caveat
                   for caveat in result["caveats"])
    assert sum(called) <= 1


def test_a_change_within_items_is_found() -> None:
    drawn = (clustered(seed, slope=4) for seed in range(5))
    patterns = [hazard.analyse(group(wrong, item, tokens, length=level), 0)["pattern"]
                for wrong, item, tokens, level, _ in drawn]
    assert patterns == ["delayed"] * 5


def test_items_that_are_seldom_repeated_count_once() -> None:
    wrong, item, tokens, level, _ = clustered(1, 200, 1)
    again = np.arange(20)
    twice = [np.r_[column, column[again]] for column in (wrong, item, tokens, level)]
    result = hazard.analyse(group(*twice[:3], length=twice[3]), 0)
    assert result["caveats"][-1].startswith("one finished run of each of 200 items decides")
    assert result["gates"][0]["have"] + result["gates"][1]["have"] == 200


def test_prompts_that_are_run_repeatedly_are_no_further_evidence() -> None:
    rejected, clean = 0, 0
    for seed in range(60):
        wrong, item, _, level, feature = clustered(seed, 40, 20)
        lines = np.full((len(item), len(spelling.NAMES)), np.nan)
        lines[:, 1] = feature
        associations = spelling.associations(group(wrong, item, length=level).table, lines)
        rejected += any(association.hint for association in associations)
        clean += bool(associations) and spelling.label(associations) == "clean"
    assert rejected <= 6
    assert clean == 0  # 40 items cannot tell that an odds ratio is near 1


def test_spelling_that_matters_is_still_found_in_repeated_runs() -> None:
    wrong, item, _, level, feature = clustered(2, 600, 4, shown=2.5)
    lines = np.full((len(item), len(spelling.NAMES)), np.nan)
    lines[:, 1] = feature
    (association,) = spelling.associations(group(wrong, item, length=level).table, lines)
    assert association.odds["or"] > 2 and association.p_adj < 0.01


def spelled(seed: int, n: int, share: float, odds: float) -> list[spelling.Association]:
    """The associations of a feature that a share of the prompts has more of, with such an odds
    ratio of failure."""
    rng = np.random.default_rng(seed)
    level, irregular = rng.integers(0, 6, n), rng.random(n) < share
    wrong = rng.random(n) < expit(-1 + 0.2 * level + np.log(odds) * (irregular - share))
    features = np.full((n, len(spelling.NAMES)), np.nan)
    features[:, 0] = 0.1 * level + 0.1 * irregular + rng.normal(0, 0.02, n)
    table = group(wrong, length=level).table
    return spelling.associations(table, spelling.more(table, features))


@pytest.mark.parametrize("odds", [6, 1 / 6])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.4, 0.7, 0.9])
def test_an_artefact_is_called_and_told_the_right_way_round(share: float, odds: float) -> None:
    side = "more" if odds > 1 else "fewer"
    right = 0
    for seed in range(8):
        linked = spelled(seed, 600, share, odds)
        right += spelling.label(linked) == "tokenization_artifact" and spelling.sentences(
            linked)[0].startswith(f"prompts with {side} tokens per character than others")
    assert right >= 7


def test_a_null_is_seldom_called_an_artefact() -> None:
    called = [spelling.label(spelled(seed, 300, (0.1, 0.4, 0.9)[seed % 3], 1)) for seed in
              range(200)]
    assert called.count("tokenization_artifact") <= 3  # at most 5 % (exact interval)


@pytest.mark.parametrize(("n", "odds", "label"), [
    (40_000, 1, "clean"), (40_000, 1.12, "negligible"), (40_000, 1.5, "tokenization_artifact"),
    (500, 1, "no_artifact_detected")])
def test_a_label_of_spelling_denies_no_test(n: int, odds: float, label: str) -> None:
    for seed in range(3):
        linked = spelled(seed, n, 0.4, odds)
        assert spelling.label(linked) == label
        assert (label in ("clean", "no_artifact_detected")) == (linked[0].p_adj > spelling.HINT)


def formed(seed: int, n: int, shift: float, slope: float, odds: float, of_length: float
           ) -> list[spelling.Association]:
    """The associations of form in prompts of which .4 have another one, so much longer (in the
    log); irregularity follows length with a slope, the odds of failure both."""
    rng = np.random.default_rng(seed)
    level, other = rng.integers(0, 4, n), rng.random(n) < 0.4
    spread = rng.normal(0, 0.02 if shift else 0.3, n)
    lengths = 4 + 0.2 * level + shift * other + spread
    wrong = rng.random(n) < expit(0.3 * level - 0.5 + np.log(odds) * (other - 0.4)
                                  + of_length * spread)
    features = np.full((n, len(spelling.NAMES)), np.nan)
    features[:, -1] = (0.2 * other if odds != 1 or shift else 0) + slope * spread + rng.normal(
        0, 0.03, n)
    table = group(wrong, length=level).table
    split = spelling.more(table, features, lengths)
    return spelling.associations(table, split,
                                 finer=spelling.quarters(table.levels(), lengths, split))


def test_what_only_follows_the_length_of_prompts_is_no_form() -> None:
    called = [spelling.label(formed(seed, 1300, 0, slope, 1, 2)) for slope in (-0.2, 0.2)
              for seed in range(60)]
    assert sum(label in ("form_artifact", "form_or_length") for label in called) <= 6


def test_a_form_is_called_beside_a_length_that_matters_and_may_be_told_from_it() -> None:
    beside = [formed(seed, 700, 0, -0.2, 5, 2) for seed in range(10)]
    assert [spelling.label(linked) for linked in beside].count("form_artifact") >= 9
    assert "net of length, than others" in spelling.sentences(beside[0])[0]
    assert "among prompts of equal length" in spelling.sentences(beside[0])[0]
    longer = [formed(seed, 700, 0.4, 0, 5, 0) for seed in range(10)]
    assert {spelling.label(linked) for linked in longer} == {"form_or_length"}
    assert "to tell it from length" in spelling.sentences(longer[0])[0]


@pytest.mark.parametrize("odds", [6, 1 / 6])
def test_the_form_of_prompts_needs_no_tokens(odds: float) -> None:
    rng = np.random.default_rng(6)
    level, ragged = rng.integers(0, 4, 500), rng.random(500) < 0.3
    marks = np.array([", ", "; ", " - ", " / "])
    texts = ["".join(f"{rng.integers(10, 99)}{marks[rng.integers(4) if odd else 0]}"
                     for _ in range(20 + 4 * at)) for at, odd in zip(level, ragged, strict=True)]
    features = np.full((500, len(spelling.NAMES)), np.nan)
    features[:, -1] = [spelling.irregularity(text) for text in texts]
    assert np.nanmin(features[ragged, -1]) > np.nanmax(features[~ragged, -1])
    wrong = rng.random(500) < expit(-0.5 + np.log(odds) * (ragged - 0.3))
    item, samples = np.arange(500), group(wrong, length=level)
    prompts = fft.Prompts(item, item, [np.zeros(3, int)] * 500, features,
                          np.array(list(map(spelling.length, texts))), [np.zeros(3)] * 500,
                          ("text pieces",), False)
    result = fft.analyse(samples, prompts, 0)
    assert result["pattern"] == "form_artifact" and "the model's tokens" in result["need"][0]
    assert ("with more irregularities" in result["evidence"][0]) == (odds > 1)
    nothing = fft.analyse(group(rng.random(500) < 0.5, length=level), prompts, 0)
    assert nothing["pattern"] == "no_artifact_detected"


LEVELS = {"one by one": np.arange(1, 9), "powers of ten": 10.0 ** np.arange(8),
          "uneven": np.array([2, 3, 4, 6, 8, 12, 100, 1000]), "tiny": np.arange(8) * 1e-6}


@pytest.mark.parametrize("case", LEVELS)
def test_a_cliff_is_placed_between_its_two_levels_however_far_apart(case: str) -> None:
    levels, rng = LEVELS[case].astype(float), np.random.default_rng(4)
    for edge in range(2, 7):
        k = rng.binomial(30, np.where(np.arange(8) < edge, 0.93, 0.08))
        posterior = shape.posterior(levels, k, np.full(8, 30))
        assert posterior.cliff > 0.9
        # The whole gap counts as one place; the interval may reach a quarter step beyond it.
        low, high = np.interp([edge - 1.3, edge + 0.3], np.arange(8), levels)
        assert low <= posterior.low <= posterior.at <= posterior.high <= high


def test_identical_runs_change_no_interval_of_a_surface() -> None:
    rng = np.random.default_rng(8)
    level, wrong = np.repeat(np.arange(6), 30), rng.random(180) < 0.5
    once = surface.analyse(group(wrong, length=level), 0)
    item = np.repeat(np.arange(180), 20)
    often = surface.analyse(group(wrong[item], item, length=level[item]), 0)
    assert often["pattern"] == once["pattern"] == "flat_mediocre"
    for name in ("accuracy", "truncation"):
        assert [often["estimates"][name][end] for end in ("est", "lo", "hi")] == pytest.approx(
            [once["estimates"][name][end] for end in ("est", "lo", "hi")], abs=0.01)
    assert [test["p"] for test in often["tests"][1:]] == pytest.approx(
        [test["p"] for test in once["tests"][1:]], abs=0.05)
    for cell, many in zip(once["tables"]["cells"], often["tables"]["cells"], strict=True):
        assert many["n"] == 20 * cell["n"]
        assert (many["low"], many["high"]) == pytest.approx((cell["low"], cell["high"]), abs=0.03)


def test_certified_marks_are_the_certified_zones() -> None:
    """4 items of 10 equal runs per cell are 4 samples: too few to certify anything."""
    item = np.repeat(np.arange(100), 10)
    place = item // 4
    wrong = item % 17 == 0
    for items, certified in ((item, False), (None, True)):
        result = surface.analyse(group(wrong, items, length=place % 5, depth=place // 5), 0)
        rows = result["tables"]["cells"]
        marked = sum(row["zone"] == "green" for row in rows)
        assert marked == sum(zone["cells"] for zone in result["tables"]["zones"]
                             if zone["zone"] == "green")
        drawn = page._surface(result)["data"][1]
        assert drawn["name"] == "certified above .8" and len(drawn["x"]) == marked
        assert bool(marked) is certified


NAMES = ("n", "correct", "task", "axis", "accuracy", "low", "zone", "params.n")


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_may_have_any_name(name: str, tmp_path) -> None:
    rng = np.random.default_rng(3)
    level, depth = np.repeat(np.arange(6) * 7 + 100, 40), np.tile([1, 2], 120)
    samples = group(rng.random(240) < np.where(level > 120, .9, .1),
                    **{name: level, "depth": depth})
    result = {"name": "m t", "eval_id": "e", "task": "t", "axis": "", **surface.analyse(samples, 0)}
    one_lens._write_table(tmp_path / "cells.csv", [result], "cells")
    with open(tmp_path / "cells.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted({float(row[f"params.{name}"]) for row in rows}) == sorted(set(level))
    assert {row["task"] for row in rows} == {"t"} and {row["n"] for row in rows} == {"20"}
    drawn = page._surface(result)
    assert drawn["data"][0]["x"] == sorted(set(level)) and drawn["data"][0]["y"] == [1, 2]
    assert drawn["layout"]["scene"]["xaxis"]["title"]["text"] == name
    figures.draw([tmp_path / "s.svg"], [result])


def test_a_parameter_that_moves_with_another_gets_a_caveat() -> None:
    """Depth alone matters; length is depth plus or minus one, or any value."""
    rng = np.random.default_rng(6)
    depth = rng.integers(1, 9, 1200)
    wrong = rng.random(1200) < np.where(depth > 4, .9, .05)
    for length, expected in ((np.clip(depth + rng.integers(-1, 2, 1200), 1, 8), True),
                             (rng.integers(1, 9, 1200), False)):
        result = surface.analyse(group(wrong, length=length, depth=depth), 0, "length")
        caveats = [caveat for caveat in result["caveats"] if "was not tried together" in caveat]
        assert bool(caveats) is expected
        fall = result["estimates"]["fall_along_length"]["est"]
        assert abs(fall) < 0.15
        assert not expected or caveats[0].endswith(f"a fall of {fall:.2f}")


def test_a_surface_that_rises_has_a_rising_curve() -> None:
    rng = np.random.default_rng(7)
    level = np.repeat(np.arange(1, 10), 30)
    for risk, sign in ((.95 - level / 10, 1), (level / 10, -1)):
        wrong = rng.random(270) < risk
        result = surface.analyse(group(wrong, length=level), 0)
        rows = result["tables"]["profile"]
        assert (result["pattern"] == "inverted") is (sign > 0)
        assert (sign * np.diff([row["sigmoid"] for row in rows]) > 0).all()
        assert np.mean([abs(row["sigmoid"] - row["accuracy"]) for row in rows]) < 0.1


def told(right: dict, per: int, seed: int = 0, depths: int = 1, **more) -> dict:
    """The surface of a world: `right` says how often each level is right."""
    rng = np.random.default_rng(seed)
    level = np.tile(np.repeat(list(right), per), depths)
    depth = np.repeat(np.arange(depths), per * len(right))
    wrong = rng.random(len(level)) > np.array([right[at] for at in level])
    return surface.analyse(group(wrong, length=level, **({"depth": depth} if depths > 1 else {})),
                           0, **more)


FALLS = {"gradual_decline": {2: .9, 4: .6, 8: .3}, "accuracy_cliff": {1: .9, 2: .9, 3: .3, 4: .3},
         "fall": {1: .9, 2: .5}}


@pytest.mark.parametrize("label", FALLS)
def test_a_fall_over_few_levels_is_seen_beside_a_flat_parameter_of_many(label: str) -> None:
    for seed in range(5):
        result = told(FALLS[label], 20, seed, depths=7)
        assert result["pattern"] == label
        assert result["tables"]["profile"][0]["parameter"] == "length"
        fall = result["estimates"]["fall_along_length"]
        assert 0.2 < fall["lo"] < fall["est"] < fall["hi"]
        assert "in 7 of 7 combinations of the others" in result["evidence"][0]
    result = told(FALLS[label], 12, depths=7, axis="depth")
    assert result["pattern"] == "falls_elsewhere"
    assert "along length, the other parameters held, accuracy falls" in result["evidence"][1]


PLATEAUS = {"ends": ({2: .85, 3: .85, 5: .25}, ""),
            "falls already": ({2: .8, 3: .62, 5: .25}, "up to length = 3"),
            "nothing tried": ({**dict.fromkeys(range(3, 11), .9), 27: .2, 36: .1}, "most of the"),
            "next level": ({**dict.fromkeys(range(3, 11), .9), 11: .2, 12: .1}, "")}


@pytest.mark.parametrize("case", PLATEAUS)
def test_a_cliff_is_a_plateau_that_ends_where_levels_were_tried(case: str) -> None:
    right, doubt = PLATEAUS[case]
    for seed in range(4):
        result = told(right, 900, seed)
        assert (result["pattern"] == "accuracy_cliff") is (not doubt)
        assert ("cliff_at" in result["estimates"]) is (not doubt)
        if result["pattern"] == "fall":
            assert any(line.startswith(f"{doubt} ") for line in result["evidence"])


def test_a_plateau_is_seldom_said_to_fall() -> None:
    results = [told({**dict.fromkeys(range(4), .9), **dict.fromkeys(range(4, 8), .1)}, 30, seed)
               for seed in range(60)]
    assert [result["pattern"] for result in results].count("accuracy_cliff") >= 58


def test_no_fall_no_combinations_in_which_it_is_seen() -> None:
    result = told(dict.fromkeys(range(6), 1), 20, depths=6)
    assert result["pattern"] == "healthy"
    assert "combinations" not in " ".join(result["evidence"])


def test_a_level_is_said_in_four_digits() -> None:
    assert [findings.level(value) for value in (3, 250000.0, 44.84615, 0.0625, 1234.5)] == [
        "3", "250000", "44.85", "0.0625", "1234"]


@pytest.mark.parametrize("depths", [1, 3])
@pytest.mark.parametrize("low", [(4,), (3, 4), (2, 5)])
def test_a_dip_is_no_noise(low: tuple, depths: int) -> None:
    result = told({at: .35 if at in low else .9 for at in range(8)}, 60 // depths, 1, depths)
    assert result["pattern"] == "dip"
    assert result["estimates"]["dip_depth"]["levels"] == list(low)
    assert result["evidence"][0].startswith(f"at length {', '.join(map(str, low))} accuracy lies")


def test_cells_that_jump_each_for_itself_are_no_dip() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        cell = np.repeat(np.arange(27), 25)
        wrong = rng.random(len(cell)) > rng.uniform(0.1, 1, 27)[cell]
        result = surface.analyse(group(wrong, length=cell % 9, depth=cell // 9), 0)
        assert result["pattern"] == "chaotic"


@pytest.mark.parametrize(("share", "label", "said"), [
    (.78, "flat_high", "22."), (.99, "healthy", "1.0% fail"), (.93, "flat_high", "7.")])
def test_healthy_needs_a_lower_bound_and_the_words_say_how_many_fail(
        share: float, label: str, said: str) -> None:
    wrong = np.arange(1200) % 600 >= 600 * share
    result = surface.analyse(group(wrong, length=np.arange(1200) * 7 % 6), 0)
    assert result["pattern"] == label and said in result["evidence"][0]


def test_a_range_in_a_filter_asks_for_its_axis_unless_only_another_falls() -> None:
    both = {18: .8, 20: .7, 22: .5, 24: .4}
    assert told(both, 40, prefer="length")["tables"]["profile"][0]["parameter"] == "length"
    flat = told(dict.fromkeys(range(4), .6), 40, 1, depths=2, prefer="length")
    assert flat["tables"]["profile"][0]["parameter"] == "length"
    assert flat["pattern"] == "flat_mediocre"


@pytest.mark.slow
def test_flat_worlds_seldom_fall() -> None:
    """At the gate of samples: at most 5 % of them, by the exact interval of what was seen."""
    falls = ("accuracy_cliff", "gradual_decline", "fall", "falls_elsewhere", "dip", "chaotic")
    seen = sum(told(dict.fromkeys(range(levels), share), per, seed, depths)["pattern"] in falls
               for seed in range(25) for share in (.5, .8) for levels, per, depths in
               ((5, 20, 1), (3, 12, 3), (8, 13, 1), (2, 17, 3)))
    assert seen <= 14  # 200 worlds at .05 stay below with 93 %


def test_what_no_surface_can_be_made_of_is_named() -> None:
    rng = np.random.default_rng(9)
    level, wrong = np.repeat(np.arange(6.0), 40), rng.random(240) < 0.4
    odd = np.arange(240) % 2 == 0
    apart = group(wrong, length=np.where(odd, level, np.nan), depth=np.where(odd, np.nan, level))
    sure = group(wrong, length=level, guess=1.0)
    for samples, need in ((apart, "samples with a value of each of length, depth"),
                          (sure, "a guess_rate below 1")):
        result = surface.analyse(samples, 0)
        assert result["pattern"] == "insufficient_data" and result["need"][0].startswith(need)


def test_a_budget_allows_for_samples_with_lower_limits() -> None:
    """Half are cut off at 1,000, half at 8,000 tokens; the lognormal's own figures are known."""
    rng = np.random.default_rng(11)
    n = 20_000
    whole = rng.lognormal(7, 0.8, n).round()
    limit = np.where(np.arange(n) % 2, 1000.0, 8000.0)
    outcome = np.where(whole < limit, dataset.CORRECT, dataset.TRUNCATED)
    result = hazard.analyse(group(outcome, None, np.minimum(whole, limit), limit), 0)
    rows = {row["budget"]: row for row in result["tables"]["budget"]}
    for budget in (512.0, 1024.0, 2048.0, 4096.0):
        assert rows[budget]["mean_tokens"] == pytest.approx(np.minimum(whole, budget).mean(),
                                                            rel=0.015)
        assert rows[budget]["correct_by_then"] == pytest.approx((whole <= budget).mean(), abs=0.01)
    spot = result["estimates"]["budget_for_95_percent"]
    assert spot["lo"] - 128 <= np.quantile(whole[whole <= 8000], 0.95) <= spot["hi"]
    last = result["tables"]["budget"][-1]["correct_by_then"]
    assert rows[spot["est"]]["correct_by_then"] >= 0.95 * last > \
        rows[spot["est"] - 128]["correct_by_then"]


def test_the_mean_until_a_budget_is_the_plain_mean_without_other_limits() -> None:
    rng = np.random.default_rng(12)
    times = rng.integers(0, 50, 300).astype(float)
    at = np.array([0.5, 7, 20, 60])
    assert survival.mean_until(times, times < 45, at[:3]) == pytest.approx(
        [np.minimum(times, end).mean() for end in at[:3]])
    assert survival.mean_until(times, np.ones(300, bool), at)[-1] == pytest.approx(times.mean())


def test_hazards_two_tests_are_adjusted_together() -> None:
    """Between .01 / 2 and .01 one of two tests is not enough for a label."""
    between = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        tokens = rng.lognormal(7, 0.5, 400).round()
        wrong = rng.random(400) < expit(0.55 * (np.log(tokens) - 7))
        result = hazard.analyse(group(wrong, None, tokens, length=rng.integers(0, 3, 400)), 0)
        raw = [test["p"] for test in result["tests"]]
        adjusted = [test["p_adj"] for test in result["tests"]]
        assert adjusted == pytest.approx(holm(raw), abs=2e-6)
        called = result["pattern"] in ("early", "delayed", "threshold")
        assert called is (min(adjusted) <= 0.01)
        between += min(raw) <= 0.01 < min(adjusted)
    assert between >= 2


def test_the_unfinished_share_counts_items() -> None:
    rng = np.random.default_rng(14)
    cut, item = np.where(rng.random(80) < 0.3, dataset.TRUNCATED, 0), np.repeat(np.arange(80), 10)
    ends = [hazard.analyse(group(outcome, of, np.full(len(outcome), 50.0)), 0)["estimates"][
        "unfinished_at_limit"] for outcome, of in ((cut, None), (cut[item], item))]
    assert [ends[1][end] for end in ("est", "lo", "hi")] == pytest.approx(
        [ends[0][end] for end in ("est", "lo", "hi")], abs=0.01)


def test_identical_runs_change_nothing_that_fft_says_of_spelling() -> None:
    rng = np.random.default_rng(15)
    level, feature = rng.integers(0, 4, 200), rng.random(200) < 0.4
    wrong = rng.random(200) < expit(-0.5 + 1.2 * feature)
    lines = np.full((200, len(spelling.NAMES)), np.nan)
    lines[:, 1] = feature
    short = [np.zeros(3, int)] * 200

    def result(item: np.ndarray) -> dict:
        samples = group(wrong[item], item, length=level[item])
        return fft.analyse(samples, fft.Prompts(samples.table.row, item, short, lines, np.ones(200),
                                                [np.zeros(3)] * 200, ("ids",), True), 0)

    once, often = map(result, (np.arange(200), np.repeat(np.arange(200), 8)))
    assert once["pattern"] == often["pattern"] == "tokenization_artifact"
    # A prompt that is drawn twice by the bootstrap counts as two.
    draws = np.random.default_rng(3)
    called = 0
    for _ in range(50):
        of = np.repeat(np.arange(200), draws.multinomial(200, np.full(200, 1 / 200)))
        associations = spelling.associations(group(wrong[of], length=level[of]).table, lines[of])
        called += spelling.label(associations) == "tokenization_artifact"
    assert once["confidence"] == often["confidence"] == called / 50
    for gate, many in zip(once["gates"], often["gates"], strict=True):
        assert many["have"] == pytest.approx(gate["have"], abs=2)


def test_parts_of_samples_jump_as_whole_ones_do() -> None:
    rng = np.random.default_rng(16)
    share = rng.random((2, 8))
    whole = shape.irregularity(share * 10, np.full((2, 8), 10.0), 0)
    assert shape.irregularity(share * 10.4, np.full((2, 8), 10.4), 0) == pytest.approx(whole)


def _aucs(**values: float) -> dict[str, contrasts.Auc]:
    return {name: contrasts.Auc(value, 0.01, np.zeros(1), 0.01) for name, value in values.items()}


@pytest.mark.parametrize(("length", "entropy", "label"), [
    (0.06, 0.50, "early_stop"), (0.30, 0.30, "underthink"), (0.70, 0.50, "long_search"),
    (0.70, 0.30, "long_search"), (0.50, 0.60, "text_differs"), (0.46, 0.50, "negligible"),
    (0.50, 0.50, "healthy"), (0.515, 0.535, "undecided")])
def test_a_difference_has_a_name_and_no_difference_an_interval(length, entropy, label) -> None:
    aucs = _aucs(tokens=length, residual_entropy=entropy)
    looped = contrasts.LoopShare({}, [], False)
    p = contrasts.adjusted(aucs, looped)
    assert (contrasts.decide(aucs, looped, p) or [contrasts.quiet(aucs, p, 0.5)]) == [label]


@pytest.mark.parametrize(("novelty", "windows", "label"), [
    (0.05, 0.3, "overthink"), (0.05, 0.505, "overthink"), (0.05, None, "overthink"),
    (0.28, 0.7, "long_search"), (0.4, 0.3, "long_search")])
def test_overthinking_has_to_be_plain(novelty, windows, label) -> None:
    aucs = _aucs(tokens=0.9, residual_entropy=0.2, novelty=novelty) | (
        _aucs(window_bits=windows) if windows else {})
    looped = contrasts.LoopShare({}, [], False)
    assert contrasts.decide(aucs, looped, contrasts.adjusted(aucs, looped)) == [label]


SAID_OVER = {  # how often a list of 45 words is said over, after how many other words
    "a draft and its answer": (2, 120), "a list, sorted, joined and answered": (3, 160),
    "cycle": (9, 120), "cycle at once": (12, 0), "cycle after long work": (8, 2000)}


@pytest.mark.parametrize("case", SAID_OVER)
def test_what_is_said_over_as_the_answer_is_no_loop(case: str) -> None:
    times, before = SAID_OVER[case]
    words = np.random.default_rng(3).permutation(5000)
    ids = np.concatenate([words[:before], np.tile(words[4000:4045], times)])
    assert bool(traces.loops(ids).loop) is case.startswith("cycle")


def test_an_excess_of_loops_is_said_beside_the_label() -> None:
    """12 of 141 failures loop, 2 of 140 correct traces: fewer than breaks a system."""
    outcome = np.repeat([1, 0], [141, 140])
    loop = np.r_[np.ones(12), np.zeros(129), np.ones(2), np.zeros(138)]
    looped = contrasts.loop_share(group(outcome, length=np.ones(281)).table, loop)
    aucs = _aucs(tokens=0.3)
    assert not looped.broken and looped.p < 0.02
    assert contrasts.decide(aucs, looped, contrasts.adjusted(aucs, looped)) == [
        "early_stop", "more_loops"]
    chance = looped._replace(p=0.03)
    assert contrasts.decide(aucs, chance, {"tokens": 0.0, "loops": 0.06}) == ["early_stop"]


@pytest.mark.parametrize(("strata", "n"), [(1, 60), (15, 120), (40, 160)])
def test_small_strata_hide_no_error(strata: int, n: int) -> None:
    rng = np.random.default_rng(3)
    z = []
    for _ in range(400):
        wrong, x, stratum = rng.random(n) < 0.3, rng.normal(size=n), rng.integers(0, strata, n)
        auc = contrasts.stratified_auc(x, wrong, stratum, np.arange(n), False)
        z.append(abs(auc.z))
    assert np.mean(np.array(z) > 1.96) <= 0.075
    x, wrong = rng.integers(0, 9, 50).astype(float), np.arange(50) < 20
    auc = contrasts.stratified_auc(x, wrong, np.zeros(50, int), np.arange(50), False)
    p = mannwhitneyu(x[wrong], x[~wrong], use_continuity=False, method="asymptotic").pvalue
    assert 2 * norm.sf(abs(auc.value - 0.5) / auc.null) == pytest.approx(p)


def test_short_answers_of_the_same_prose_are_early_stops() -> None:
    """Wrong traces are a third as long and below the length that compression needs."""
    rng = np.random.default_rng(2)
    n = 400
    wrong, words = rng.random(n) < 0.4, [f"w{number}" for number in range(400)]
    size = (np.exp(rng.normal(4.6, 0.3, n)) * np.where(wrong, 0.33, 1)).astype(int)
    rows = np.array([traces.measure(" ".join(rng.choice(words, most)), None) for most in size])
    sample = group(wrong, tokens=size, length=rng.integers(1, 6, n))
    result = compression.analyse(sample, compression.Traces(np.arange(n), rows, "words", {}, 0), 0)
    assert result["pattern"] == "early_stop"
    assert hazard.analyse(sample, 0)["pattern"] == "early"
    rules = diagnosis.load_rules(None)
    named = dict.fromkeys(("compression.early_stop", "hazard.early",
                                        "surface.gradual_decline"), "")
    weighed = diagnosis.weigh(named, rules, {"surface", "compression", "hazard"})
    assert diagnosis.conclusion(weighed) == ["underthinking"]
    assert next(rule for rule in weighed if rule["hypothesis"] == "capability_limit")["against"]


@pytest.mark.parametrize(("rehash", "label"), [(0.0, "long_search"), (0.3, "overthink")])
def test_longer_is_no_overthinking_before_it_says_the_same_again(rehash, label) -> None:
    """Wrong traces are 1.6 times as long. The second half of a longer trace holds less that is new,
    whatever it is: only what its length does not explain makes it overthinking."""
    rng = np.random.default_rng(3)
    n = 300
    wrong, words = rng.random(n) < 0.4, [f"w{number}" for number in range(300)]
    size = (np.exp(rng.normal(5.6, 0.4, n)) * np.where(wrong, 1.6, 1)).astype(int)

    def text(most: int, again: float) -> str:
        said: list[str] = []
        while len(said) < most:
            start = int(rng.integers(0, len(said) - 12)) if len(said) > most // 3 > 12 else 0
            said += said[start:start + 12] if start and rng.random() < again else \
                list(rng.choice(words, 12))
        return " ".join(said[:most])

    rows = np.array([traces.measure(text(most, rehash * bad), None)
                     for most, bad in zip(size, wrong, strict=True)])
    sample = group(wrong, tokens=size, length=rng.integers(1, 6, n))
    result = compression.analyse(sample, compression.Traces(np.arange(n), rows, "words", {}, 0), 0)
    assert result["pattern"] == label


def test_a_change_of_odds_too_small_for_a_name_is_negligible() -> None:
    rng = np.random.default_rng(4)
    n = 6000
    wrong, level = rng.random(n) < 0.4, rng.integers(1, 5, n)
    for shift, label in ((0.12, "negligible"), (0.4, "delayed")):  # in standard deviations
        tokens = np.exp(6 + 0.4 * (rng.normal(size=n) + shift * wrong)).round()
        result = hazard.analyse(group(wrong, None, tokens, length=level), 0)
        assert result["pattern"] == label
        auc = result["estimates"]["auc_tokens"]
        assert auc["lo"] < norm.cdf(shift / 2**0.5) < auc["hi"]

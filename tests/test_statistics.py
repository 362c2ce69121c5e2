"""Statistics against scipy, statsmodels, published figures and simulations with known truth."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, ttest_1samp
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from failure_analysis import statistics


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 20), (3, 10), (37, 50), (50, 50), (1, 5000)])
def test_wilson_is_that_of_statsmodels(k, n):
    assert statistics.wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 5), (1, 7), (8, 3), (15, 15), (40, 20), (0, 900),
                                     (30_000, 30_500)])
def test_mcnemar_is_that_of_statsmodels_and_scipy(b, c):
    found = statistics.mcnemar(b, c)
    exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0
    assert found.exact_p == pytest.approx(exact)
    mid = 2 * binom.cdf(min(b, c), b + c, 0.5) - binom.pmf(min(b, c), b + c, 0.5)
    assert found.mid_p == pytest.approx(min(1.0, mid))


def test_newcombe_interval_as_published():
    """Airway reactivity before and after transplantation (Bentur et al. 2009), the example of
    Fagerland, Lydersen and Laake 2014: -0.507 to -0.026."""
    assert statistics.newcombe_paired(1, 1, 7, 12) == pytest.approx((-0.507, -0.026), abs=5e-4)


@pytest.mark.parametrize(("n", "share", "difference"), [(626, 0.2, 0.05), (870, 0.1, 0.03)])
def test_smallest_difference_inverts_the_sample_size(n, share, difference):
    found = statistics.smallest_difference(n, round(n * share))
    assert found == pytest.approx(difference, rel=0.01)


def test_smallest_difference_has_the_power_it_claims():
    n, share = 200, 0.3
    difference = statistics.smallest_difference(n, round(n * share))
    rng = np.random.default_rng(0)
    only_a, only_b = (share + difference) / 2, (share - difference) / 2
    hits = sum(statistics.mcnemar(*rng.multinomial(n, [only_a, only_b, 1 - share])[:2]).mid_p < 0.05
               for _ in range(2000))
    assert hits / 2000 == pytest.approx(0.8, abs=0.03)


def test_smallest_difference_is_silent_where_it_must_be():
    assert statistics.smallest_difference(50, 0) is None
    assert statistics.smallest_difference(3, 1) is None
    assert statistics.smallest_difference(10, 4, 0.05 / 66) is None  # 2^-10 is above it
    assert statistics.smallest_mean_difference(10, 0.01, 0.05 / 66) is None
    assert statistics.smallest_mean_difference(12, 0.01, 0.05 / 66) > 0.01 * 4.2
    assert statistics.smallest_mean_difference(50, 0.0) is None


def rejected(fails, attempts):
    """The pairs that Holm rejects, with what of them `detectable` is found from."""
    pairs = list(combinations(range(len(fails)), 2))
    if attempts == 1:
        tables = [(int((fails[a] > fails[b]).sum()), int((fails[a] < fails[b]).sum()))
                  for a, b in pairs]
        p_values, of = [statistics.mcnemar(*table).mid_p for table in tables], map(sum, tables)
    else:
        means = [statistics.mean_difference((fails[b] - fails[a]) / attempts, 0, draws=2)
                 for a, b in pairs]
        p_values, of = [mean.p for mean in means], (mean.standard_error for mean in means)
    return [p < 0.05 for p in statistics.holm(p_values)], next(iter(of))


def shifted(difficulty, difference):
    """How far two models must part for their fail rates to differ by so much."""
    low, high = 0.0, 40.0
    for _ in range(40):
        half = (low + high) / 2
        apart = np.diff(expit(difficulty + [[-half], [half]]), axis=0).mean()
        low, high = (half, high) if apart < difference else (low, half)
    return high


def power(models, items, attempts, worlds=100, draws=4):
    """How often the first pair of models is found to differ, where it really does by what was
    printed for it while all were equal, and the others stand between the two."""
    rng, hits, tried = np.random.default_rng(models * items), 0, 0
    for _ in range(worlds):
        rates = np.tile(rng.normal(-1, 1.5, items), (models, 1))
        sure, known = rejected(rng.binomial(attempts, expit(rates)), attempts)
        smallest = statistics.smallest_difference if attempts == 1 else \
            statistics.smallest_mean_difference
        difference = None if sure[0] else smallest(items, known, 0.05 / (len(sure) - sum(sure)))
        if difference:
            half = shifted(rates[0], difference)
            rates[:2] += [[-half], [half]]
            for _ in range(draws):
                hits += rejected(rng.binomial(attempts, expit(rates)), attempts)[0][0]
                tried += 1
    assert tried > 0.8 * worlds * draws
    return hits / tried


@pytest.mark.parametrize(("models", "items", "attempts"), [(5, 100, 1), (5, 100, 3), *(
    pytest.param(*case, marks=pytest.mark.slow)
    for case in product((2, 5, 12), (50, 200, 500), (1, 3)))])
def test_what_is_printed_beside_no_difference_has_the_power_it_claims_after_holm(
        models, items, attempts):
    """It was .22 with 12 models where the level was that of a pair alone."""
    assert power(models, items, attempts) == pytest.approx(0.8, abs=0.07)


def test_holm_is_that_of_statsmodels():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9, 0.04]
    assert statistics.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_few_items_use_the_t_test_of_scipy():
    values = np.random.default_rng(1).normal(0.1, 0.3, 20).round(2)
    found = statistics.mean_difference(values, seed=0)
    oracle = ttest_1samp(values, 0)
    assert found.p == pytest.approx(oracle.pvalue)
    assert found.interval == pytest.approx(tuple(oracle.confidence_interval()))


def test_bootstrap_interval_covers_the_truth():
    rng, covered, truth = np.random.default_rng(2), 0, 0.1
    for trial in range(200):
        skill = rng.beta(2, 2, 80)
        a = rng.binomial(3, np.clip(skill + truth / 2, 0, 1)) / 3
        b = rng.binomial(3, np.clip(skill - truth / 2, 0, 1)) / 3
        low, high = statistics.mean_difference(a - b, seed=trial, draws=1000).interval
        real = float(np.mean(np.clip(skill + truth / 2, 0, 1) - np.clip(skill - truth / 2, 0, 1)))
        covered += low <= real <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_items_that_all_differ_alike_have_no_interval():
    found = statistics.mean_difference(np.full(10, 0.5), seed=0)
    assert found.interval is None
    assert found.p == 2.0**-9
    assert statistics.mean_difference(np.zeros(10), seed=0).p == 1.0


def test_repeats_are_worth_fewer_answers():
    """Attempts that always agree count once; independent ones count in full."""
    same = statistics.effective_size(np.array([4, 0] * 50), np.full(100, 4))
    assert same == pytest.approx(100, rel=0.06)
    rng = np.random.default_rng(3)
    free = statistics.effective_size(rng.binomial(4, 0.5, 2000), np.full(2000, 4))
    assert free == pytest.approx(8000, rel=0.08)


def test_wilson_on_effective_size_covers():
    rng, covered = np.random.default_rng(4), 0
    for _ in range(300):
        skill = rng.beta(1, 1, 60)
        passed = rng.binomial(4, skill)
        size = statistics.effective_size(passed, np.full(60, 4))
        low, high = statistics.wilson(passed.sum() / 240 * size, size)
        covered += low <= 0.5 <= high
    assert 0.92 <= covered / 300 <= 0.98


def test_pass_hat_and_pass_at_count_subsets():
    """The definition: every k of the n attempts, all passing or one passing."""
    for n, passed, k in ((4, 3, 2), (5, 0, 3), (5, 5, 3), (6, 2, 4)):
        marks = [True] * passed + [False] * (n - passed)
        subsets = list(combinations(marks, k))
        attempts = Counter({(n, passed): 1})
        assert statistics.pass_hat(attempts, k) == pytest.approx(
            sum(map(all, subsets)) / len(subsets))
        assert statistics.pass_at(attempts, k) == pytest.approx(
            sum(map(any, subsets)) / len(subsets))


def test_pass_hat_of_the_published_table():
    """tau-bench gpt-4o airline: 14, 12, 10, 4, 10 of 50 tasks pass 0 to 4 of 4 trials."""
    attempts = Counter({(4, 0): 14, (4, 1): 12, (4, 2): 10, (4, 3): 4, (4, 4): 10})
    assert [round(statistics.pass_hat(attempts, k), 3) for k in (1, 2, 3, 4)] == [
        0.420, 0.273, 0.220, 0.200]


def test_flip_rate_is_unbiased():
    rng = np.random.default_rng(5)
    skill = rng.beta(2, 2, 4000)
    attempts = Counter((5, int(c)) for c in rng.binomial(5, skill))
    assert statistics.flip_rate(attempts) == pytest.approx(
        float(np.mean(2 * skill * (1 - skill))), abs=0.01)


def test_agreement_is_that_of_statsmodels_and_the_prevalence_paradox_shows():
    found = statistics.agreement(40, 5, 3, 52)
    assert found.kappa == pytest.approx(cohens_kappa([[40, 5], [3, 52]]).kappa)
    rare = statistics.agreement(1, 5, 4, 90)
    assert (round(rare.share, 2), round(rare.kappa, 2), round(rare.ac1, 2)) == (0.91, 0.13, 0.9)
    assert statistics.agreement(0, 0, 0, 9).kappa is None


@pytest.mark.parametrize(("total", "units"), [(0, 3), (5, 1), (6, 5), (40, 2), (100, 8),
                                              (100_000, 3)])
def test_chance_range_are_binomial_quantiles(total, units):
    low, high = statistics.chance_range(total, 1 / units)
    assert (low, high) == tuple(binom.ppf([0.025, 0.975], total, 1 / units))

"""Codebooks and their card: lineage without loss, and saturation against brute force and
simulations with known truth."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis.coding import codebook, saturation
from failure_analysis.coding.shapes import Category
from failure_analysis.coding.shapes import Code as Answered


def answered(name: str, *continues: str, definition: str = "") -> Answered:
    return Answered(code=name, definition=definition or f"What {name} is.", indicators=["seen"],
                    when_to_use="then", when_not_to_use="else", continues=list(continues))


def revise(earlier: tuple, *codes: Answered, fixed: tuple[str, ...] = ()) -> codebook.Revision:
    ids = {code.code_id for code in earlier if code.code in fixed}
    return codebook.revised(earlier, ids, [Category(name="Some", definition="d",
                                                  subcategories=list(codes))], 2, {"db"})


OLD = revise((), answered("books_wrong_room"), answered("ends_too_early"),
             answered("ignores_the_time")).codes
ROOM, EARLY, TIME = OLD


def told(revision: codebook.Revision) -> list[tuple]:
    return [(event.event, event.before, event.after) for event in revision.events]


def test_ids_come_from_first_name_and_definition() -> None:
    assert revise((), *(answered(code.code) for code in OLD)).codes == OLD
    assert len({code.code_id for code in OLD}) == 3
    other = revise((), answered("books_wrong_room", definition="Another one.")).codes[0]
    assert other.code_id != ROOM.code_id


def test_kept_reworded_and_renamed_codes_keep_their_ids() -> None:
    revision = revise(OLD, answered("books_wrong_room", "books_wrong_room"),
                   answered("ends_too_early", "ends_too_early", definition="Better words."),
                   answered("misses_the_time", "ignores_the_time"))
    assert [code.code_id for code in revision.codes] == [code.code_id for code in OLD]
    assert told(revision) == [("reworded", ("ends_too_early",), ("ends_too_early",)),
                           ("renamed", ("ignores_the_time",), ("misses_the_time",))]
    assert revision.problems == ()


def test_merged_codes_take_the_first_id_and_split_ones_share_it_out() -> None:
    revision = revise(OLD, answered("acts_wrongly_on_time", "ends_too_early", "ignores_the_time"),
                   answered("books_wrong_room", "books_wrong_room"),
                   answered("books_no_room", "books_wrong_room"))
    merged, room, none = revision.codes
    assert merged.code_id == EARLY.code_id and room.code_id == ROOM.code_id
    assert none.code_id not in {code.code_id for code in OLD}
    assert told(revision) == [
        ("merged", ("ends_too_early", "ignores_the_time"), ("acts_wrongly_on_time",)),
        ("split", ("books_wrong_room",), ("books_wrong_room", "books_no_room"))]


def test_a_merge_into_one_of_them_keeps_its_id_and_a_split_is_no_renaming() -> None:
    revision = revise(OLD, answered("ignores_the_time", "ends_too_early", "ignores_the_time"),
                   answered("books_no_room", "books_wrong_room"),
                   answered("books_two_rooms", "books_wrong_room"))
    merged, first, second = revision.codes
    assert merged.code_id == OLD[2].code_id and first.code_id == ROOM.code_id != second.code_id
    assert told(revision) == [
        ("merged", ("ignores_the_time", "ends_too_early"), ("ignores_the_time",)),
        ("split", ("books_wrong_room",), ("books_no_room", "books_two_rooms"))]


def test_a_code_of_the_same_name_is_the_same_code_and_new_ones_are_added() -> None:
    revision = revise(OLD, *(answered(code.code) for code in OLD), answered("repeats_itself"))
    assert revision.codes[:3] == OLD and told(revision) == [("added", (), ("repeats_itself",))]
    assert revision.problems == ()


def test_dropped_and_settled_codes_stay() -> None:
    revision = revise(OLD, answered("ends_too_early", "ends_too_early"))
    assert set(revision.codes) == set(OLD) and len(revision.problems) == 2
    names = tuple(code.code for code in OLD)
    revision = revise(OLD, answered("new_one"), answered("books_wrong_room"),
                   answered("takes_it_over", "ends_too_early"), fixed=names)
    assert revision.codes[:3] == OLD and [code.code for code in revision.codes[3:]] == ["new_one"]
    assert len(revision.problems) == 2 and "is settled" in revision.problems[1]


@pytest.mark.parametrize(("name", "why"), [
    ("Bad Name", "snake_case"), ("x" * 61, "snake_case"), ("no_code_applies", "reserved"),
    ("db_failed", "names no cause"), ("wrong", "names no cause")])
def test_bad_names_are_problems(name: str, why: str) -> None:
    revision = revise((), answered(name), answered("good_one"))
    assert [code.code for code in revision.codes] == ["good_one"] and why in revision.problems[0]


NAMES = st.sampled_from(["books_wrong_room", "ends_too_early", "ignores_the_time", "new_one",
                         "another_one", "Bad!"])


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=3)), max_size=6),
       st.sets(st.sampled_from([code.code for code in OLD])))
def test_whatever_the_answer_no_code_is_lost(answers: list, fixed: set) -> None:
    revision = revise(OLD, *(answered(name, *before) for name, before in answers),
                   fixed=tuple(fixed))
    names = [code.code for code in revision.codes]
    ids = [code.code_id for code in revision.codes]
    assert len(set(names)) == len(names) and len(set(ids)) == len(ids)
    merged = {name for event in revision.events for name in event.before}
    assert all(code in revision.codes for code in OLD if code.code in fixed)
    assert all(code.code_id in ids or code.code in merged for code in OLD)


def test_coverage_by_hand() -> None:
    """1 - f1 / n as Good (1953) has it; the bound by hand for n = 10, f1 = 1, f2 = 2."""
    coverage = saturation.coverage([5, 2, 1, 2])
    assert coverage == {"samples": 10, "modes": 4, "once": 1, "coverage": 0.9,
                     "lower": round(0.9 - 1.6448536 * np.sqrt(0.9 + 4) / 10, 4), "enough": False}
    assert saturation.coverage([])["coverage"] is None
    never = saturation.coverage([30, 30])  # nothing seen once: the rule of three, 1 - 0.05^(1/60)
    assert never["lower"] == pytest.approx(0.05 ** (1 / 60), abs=1e-4) and never["enough"]


@pytest.mark.parametrize(("shares", "n"), [
    (np.ones(30), 50), (np.ones(30), 200), (1 / np.arange(1, 31), 100),
    (1 / np.arange(1, 101), 200), (0.8 ** np.arange(30), 200), (np.array([0.9, 0.1]), 20),
    (np.array([0.97] + [0.003] * 10), 200)])
def test_the_lower_bound_of_coverage_holds(shares: np.ndarray, n: int) -> None:
    shares = shares / shares.sum()
    drawn = np.random.default_rng(7).multinomial(n, shares, size=1000)
    truth = ((drawn > 0) * shares).sum(axis=1)
    estimates = [saturation.coverage([int(count) for count in counts if count]) for counts in drawn]
    held = np.mean([estimate["lower"] <= true + 5e-5
                    for estimate, true in zip(estimates, truth, strict=True)])
    assert held >= 0.92
    assert abs(np.mean([estimate["coverage"] for estimate in estimates]) - truth.mean()) < 0.02


SETS = [frozenset("ab"), frozenset("a"), frozenset("c"), frozenset(), frozenset("abd")]


def test_rarefaction_is_the_mean_over_all_orders() -> None:
    curve = saturation.rarefaction(SETS, seed=0)
    orders = [[len(set().union(*order[:m])) for m in range(1, 6)] for order in permutations(SETS)]
    assert curve["codes"] == pytest.approx(np.mean(orders, axis=0), abs=1e-3)
    assert curve["low"][-1] == curve["high"][-1] == 4 and curve["read"] == [1, 2, 3, 4, 5]
    assert all(low <= mean <= high for low, mean, high in
               zip(curve["low"], curve["codes"], curve["high"], strict=True))
    assert saturation.rarefaction([], seed=0)["codes"] == []


def test_chao2_by_hand_and_near_the_truth() -> None:
    # a in 3, b in 2, c and d in 1: Q1 = 2, Q2 = 1, m = 5: 4 + 4/5 * 2 * 1 / (2 * 2)
    assert saturation.all_modes(SETS) == pytest.approx(4.4)
    rng = np.random.default_rng(1)
    estimates = [saturation.all_modes([frozenset(np.flatnonzero(rng.random(40) < 0.03).astype(str))
                                   for _ in range(60)]) for _ in range(200)]
    assert 37 < np.mean(estimates) < 43

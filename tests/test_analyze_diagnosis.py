"""What the diagnosis concludes of small worlds that share no code with the lenses."""

import random
from pathlib import Path

import pytest

from failure_analysis.lenses import diagnosis, rules_model, samples
from test_analyze import diagnosis_of, write_rows


def world(path: Path, levels: dict[int, tuple[int, float, float, float]], tasks: int = 1) -> Path:
    """Samples of each level: how many, the shares truncated and unreadable, and how many of the
    others are right."""
    rng = random.Random(7)
    rows = []
    for level, (number, cut, silent, right) in levels.items():
        for at in range(number):
            chance = rng.random()
            outcome = "truncated" if chance < cut else "no_answer" if chance < cut + silent else \
                "correct" if rng.random() < right else "wrong"
            rows.append({"item_id": f"{level}/{at}", "params": {"length": level},
                         "base_task": f"t{at % tasks}", "outcome": outcome, "token_limit": 900,
                         "completion_tokens": 900 if outcome == "truncated" else
                         rng.randint(200, 700)})
    return write_rows(path, rows)


def hypotheses(system: dict) -> dict[str, dict]:
    """The hypotheses of a system by name."""
    return {hypothesis["hypothesis"]: hypothesis for hypothesis in system["hypotheses"]}


EASY = dict.fromkeys((2, 4, 6), (40, 0.0, 0.0, 0.92))
CUT = {
    # The limit ends answers that would have been wrong: it explains nothing.
    "wrong anyway": ({**EASY, **dict.fromkeys((8, 10, 12), (40, 0.6, 0.0, 0.05))}, "contradicted"),
    "wrong anyway, everywhere": (dict.fromkeys(range(2, 13, 2), (40, 0.6, 0.0, 0.05)),
                                 "contradicted"),
    "on their way": ({**EASY, **dict.fromkeys((8, 10, 12), (40, 0.7, 0.0, 0.9))}, "supported"),
    "on their way, everywhere": (dict.fromkeys(range(2, 13, 2), (40, 0.6, 0.0, 0.9)), "tentative"),
    "nothing finishes": (dict.fromkeys(range(2, 13, 2), (40, 1.0, 0.0, 0.0)), "tentative"),
}


@pytest.mark.parametrize("case", CUT)
def test_a_limit_explains_what_would_have_been_right(case: str, tmp_path) -> None:
    levels, status = CUT[case]
    (system,) = diagnosis_of(world(tmp_path / "s.jsonl", levels), tmp_path)["systems"]
    limit = hypotheses(system)["context_limit_truncation"]
    assert limit["status"] == status, system["findings"]
    assert ("format.cut_would_fail" in system["findings"]) is (status == "contradicted")
    if status == "contradicted":
        assert "that finished at the levels of the" in limit["against"][0]["because"]
    assert system["red_flags"][0]["finding"] == "format.truncation_common"


def test_one_number_speaks_once() -> None:
    rules = diagnosis.load_rules(None)
    share = dict.fromkeys(("hazard.truncation_wall", "format.truncation_common",
                           "format.truncation_high"), "170 of 240 truncated")
    limit = hypotheses({"hypotheses": diagnosis.weigh(share, rules, {"hazard"})})[
        "context_limit_truncation"]
    assert (limit["score"], limit["lenses"], limit["status"]) == (1.5, 1, "tentative")
    assert {name for names in rules.one_voice for name in names} <= set(rules_model.FINDINGS)


def test_a_limit_is_no_cause_before_finished_answers_are_right() -> None:
    rules = diagnosis.load_rules(None)
    cut = dict.fromkeys(("surface.truncation_dominant", "format.truncation_high"), "")
    for more, status in (((), "tentative"), (("compression.healthy",), "tentative"),
                         (("format.cut_would_pass",), "supported")):
        found = cut | dict.fromkeys(more, "")
        limit = hypotheses({"hypotheses": diagnosis.weigh(found, rules, {"surface"})})[
            "context_limit_truncation"]
        assert limit["status"] == status


def test_what_was_never_held_is_not_lost_at_a_cliff(tmp_path) -> None:
    for first, conclusion in ((0.25, "inconclusive"), (0.95, "working_memory_limit")):
        path = world(tmp_path / f"{first}.jsonl", {
            level: (60, 0.0, 0.0, first if level < 8 else 0.02) for level in range(2, 14, 2)})
        (system,) = diagnosis_of(path, tmp_path)["systems"]
        assert system["lenses"]["surface"]["pattern"] == "accuracy_cliff"
        assert ("surface.never_good" in system["findings"]) is (first < 0.5)
        assert system["conclusion"] == [conclusion]
    # What leads has failures to read, also where no trace was long enough to be measured; those of
    # a cliff lie beyond it.
    read = hypotheses(system)["working_memory_limit"]["read"]
    assert len(read) == 10
    assert {int(name.split("/")[1]) for name in read} <= {8, 10, 12}


def test_a_level_of_a_few_hides_no_system_that_was_never_good(tmp_path) -> None:
    path = world(tmp_path / "s.jsonl", {
        **{level: (60, 0.0, 0.0, 0.25 if level < 8 else 0.02) for level in range(2, 14, 2)},
        14: (2, 0.0, 0.0, 0.0)})
    (system,) = diagnosis_of(path, tmp_path)["systems"]
    assert "surface.never_good" in system["findings"]


def test_longer_wrong_answers_speak_for_no_limit_of_memory() -> None:
    rules = diagnosis.load_rules(None)
    found = dict.fromkeys(("surface.accuracy_cliff", "compression.long_search", "hazard.delayed"),
                          "")
    limit = hypotheses({"hypotheses": diagnosis.weigh(
        found, rules, {"surface", "compression", "hazard"})})["working_memory_limit"]
    assert (limit["score"], limit["lenses"], limit["status"]) == (2, 1, "tentative")


def test_longer_when_wrong_is_left_undecided() -> None:
    rules = diagnosis.load_rules(None)
    named = dict.fromkeys(("compression.long_search", "hazard.delayed"), "")
    weighed = diagnosis.weigh(named, rules, {"compression", "hazard"})
    assert diagnosis.conclusion(weighed) == ["longer_when_wrong"]
    assert (weighed[0]["score"], weighed[0]["status"]) == (1.5, "tentative")


def test_what_a_lens_saw_without_enough_data_counts_for_nothing(tmp_path) -> None:
    path = world(tmp_path / "s.jsonl", dict.fromkeys(range(2, 13, 2), (40, 0.6, 0.0, 0.05)))
    (system,) = diagnosis_of(path, tmp_path)["systems"]
    assert system["lenses"]["hazard"]["also"] == ["truncation_wall"]
    assert system["lenses"]["hazard"]["pattern"] == "insufficient_data"
    assert "hazard.truncation_wall" not in system["findings"]


UNREADABLE = {
    "all of fifty": ({3: (50, 0.0, 1.0, 0.0)}, "supported"),
    "half, where it is hard": ({**EASY, 8: (60, 0.0, 0.6, 0.92), 10: (60, 0.0, 0.6, 0.92)},
                               "supported"),
    # What can be read at the same levels is wrong: a mended parser would find wrong answers.
    "nearly all of wrong ones": (dict.fromkeys(range(2, 13, 2), (60, 0.0, 0.7, 0.03)),
                                 "tentative"),
    "a tenth of wrong ones": (dict.fromkeys(range(2, 13, 2), (60, 0.0, 0.1, 0.3)), "tentative"),
    "none": (dict.fromkeys(range(2, 13, 2), (60, 0.0, 0.0, 0.3)), "not_assessed"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_answers_that_cannot_be_read_are_named(case: str, tmp_path) -> None:
    levels, status = UNREADABLE[case]
    (system,) = diagnosis_of(world(tmp_path / "s.jsonl", levels), tmp_path)["systems"]
    form = hypotheses(system)["answer_format"]
    assert form["status"] == status, system["findings"]
    flagged = [flag["finding"] for flag in system["red_flags"]]
    assert ("format.no_answer_high" in flagged) is (status != "not_assessed")
    if status != "not_assessed" and case != "all of fifty":
        assert "with one, at their levels, are right" in form["for"][0]["because"]
    if status == "supported":
        assert system["conclusion"] == ["answer_format"] and len(form["read"]) == 10


def test_a_failure_without_an_answer_is_one_in_the_lenses_too() -> None:
    row = {"model_name": "m", "task": "t", "item_id": "1", "failure_class": "no_answer"}
    assert [samples._ours({**row, "outcome": said})["outcome"]
            for said in ("fail", "pass", "unjudged")] == ["no_answer", "pass", "unjudged"]


def test_a_red_flag_comes_first(run_inside, tmp_path) -> None:
    path = world(tmp_path / "s.jsonl", {3: (50, 0.0, 1.0, 0.0)})
    printed = run_inside("analyze.py", "diagnose", path, "--output-dir", tmp_path / "o")
    assert printed.stdout.startswith(
        "RED FLAG: m t0: 50 of 50 finished ones have no answer; read them")
    page = (tmp_path / "o" / "diagnosis.md").read_text()
    assert page.index("Red flags") < page.index("samples of")


@pytest.mark.slow
def test_small_tasks_are_looked_at_together(analyze, tmp_path) -> None:
    path = world(tmp_path / "s.jsonl", {2: (120, 0.0, 0.0, 0.7), 4: (120, 0.0, 0.0, 0.7)}, tasks=4)
    document = diagnosis_of(path, tmp_path)
    assert [system["task"] for system in document["systems"]] == [
        "t0", "t1", "t2", "t3", "small tasks together"]
    *alone, together = document["systems"]
    assert {system["lenses"]["hazard"]["pattern"] for system in alone} == {"insufficient_data"}
    assert together["samples"] == 240
    assert together["lenses"]["hazard"]["pattern"] != "insufficient_data"
    assert together["lenses"]["surface"]["need"] == [
        "one task: levels of several tasks are no common scale"]
    # Tasks that are large enough stay alone, and so do the parts along an axis: two levels of each
    # of four tasks, and every task, and the small ones together, within all levels.
    whole = world(tmp_path / "w.jsonl", {2: (120, 0.0, 0.0, 0.7), 4: (120, 0.0, 0.0, 0.7)}, tasks=2)
    assert len(diagnosis_of(whole, tmp_path)["systems"]) == 2
    summary = analyze("hazard", path, "--axis", "length", "--output-dir", tmp_path / "o")
    assert len(summary["results"]) == 4 * 2 + 4 + 1

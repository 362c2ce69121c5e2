"""audit_benchmark.py: damaged items, leads from how models stand to each other, and what people
bring along."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import Process
from failure_analysis import statistics
from failure_analysis.audit import consensus, cut_golds, rounded
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import seen

MAPPING = """benchmark: plant
fields:
  item_id: id
  model_name: model
  run_id: model
  user_text: question
  assistant_text: answer
  expected: {at: gold, optional: true}
scores: {correct: ok}
"""
Rows = Sequence[tuple[str, str, object, Sequence[tuple[str, str, bool]]]]


@pytest.fixture
def audit(build: Callable, run_script: Process, tmp_path: Path) -> Callable[..., dict]:
    """`audit(items, *args)`: audits (id, question, gold, [(model, answer, passed)]) of each item;
    returns the candidates, the facts, the page and what was printed."""

    def run(items: Rows, *args: str | Path, code: int = 0) -> dict:
        lines = [json.dumps({"id": ident, "question": question, "gold": gold, "model": model,
                             "answer": answer, "ok": ok})
                 for ident, question, gold, answers in items for model, answer, ok in answers]
        source, mapping = tmp_path / "runs.jsonl", tmp_path / "mapping.yaml"
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        mapping.write_text(MAPPING.replace("\nscores: {correct: ok}", "\n  scores: {correct: ok}"))
        _, out = build("--input", source, "--mapping", mapping)
        return again(out, *args, code=code)

    def again(out: Path, *args: str | Path, code: int = 0) -> dict:
        done = run_script("audit_benchmark.py", out, *args)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        if code:
            return {"said": done.stderr, "out": out}
        candidates = [json.loads(line) for line in
                      (out / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
        return {"candidates": candidates, "out": out, "said": done.stdout, "again": again,
                "facts": json.loads((out / "facts.json").read_text()),
                "page": (out / "audit.md").read_text(encoding="utf-8")}

    return run


def found(result: dict, klass: str) -> list[tuple[str, str]]:
    return sorted((one["rule"], one["item_id"]) for one in result["candidates"]
                  if one["class"] == klass)


def asked(ident: str, question: str, gold: object, right: str = "") -> tuple:
    """An item that two models answered, one of them rightly."""
    return (ident, question, gold,
            [("m1", right or str(gold), True), ("m2", "I do not say", False)])


TWO = "What is the capital of the small country of Elbonia, in 2 words at most?"
FILLER = [asked(f"filler-{n}", f"How many legs have {n} spiders of the usual kind?", 8 * n)
          for n in range(3, 9)]
# rule -> (items of which the first, and no other, has the fault; how many of it are flagged)
WORLDS = {
    "two_golds": ([asked("a", TWO, "Mudville"), asked("b", TWO, "Port Grim"),
                   asked("c", "Which town is the larger of the two?", "Mudville"),
                   asked("d", "Which town is the larger of the two?", "mudville."),
                   asked("e", "Now answer the same about France and its capital", "Paris"),
                   asked("f", "Now answer the same about Spain and its capital", "Madrid")],
                  ["a", "b"]),
    "gold_rounded": ([asked("a", "Sort these: 3.14, 2.72, 1.41, 5", "1.4, 2.7, 3.1, 5"),
                      asked("b", "Sort these: 3.14, 2.72, 1.41, 6", "1.41, 2.72, 3.14, 6"),
                      asked("c", "Round each to one decimal: 3.14, 2.72, 1.41", "3.1, 2.7, 1.4"),
                      asked("d", "Sort these integers: 30, 20, 10", "10, 20, 30")], ["a"]),
    "gold_cut": ([asked("a", "Which interval solves it, for the case 1?", "{[1, 2), x", "no [1"),
                  asked("b", "Which interval solves it, for the case 2?", "[1, 2)"),
                  asked("c", "Which are the brackets that open here?", "(["), *FILLER], ["a"]),
    "gold_type": ([asked("a", "Which is red?\nA) rose\nB) leaf\nC) sky", "D", "A"),
                   asked("b", "Which is green?\nA) rose\nB) leaf\nC) sky", "B"),
                   asked("c", "Which is a letter?\nA) rose\nB) D\nC) sky", "D) none", "x")], ["a"]),
    "answer_in_question": ([
        asked("a", "Add 17 to 25. Answer: 42", "42"),
        asked("b", "Add 17 to 26. Write it as in this example. Answer: 43", "43"),
        asked("c", "Add 18 to 26. Answer: with a number", "44")], ["a"]),
    "damaged_ids": ([asked("q1", "What has four legs and barks?", "dog"),
                     asked("Q1", "What has four legs and barks?", "dog"),
                     asked("q2", "What has four legs and barks at 2 cats?", "dog"),
                     asked("Q2", "What has four legs and mews?", "cat")], ["Q1", "q1"]),
    "contract_forbids": ([
        asked("a", "Rate it. Answer with an integer between 1 and 5.", 7),
        asked("b", "Rate this. Answer with an integer between 1 and 5.", 5),
        asked("c", "Give the sum of the integers from 1 to 5.", 15),
        asked("d", "Is it so? Answer yes, no, or 'unclear'.", "unclear"),
        *(asked(f"e{n}", f"Rate {n}. Answer with an integer between 1 and 5.", 4)
          for n in range(10))], ["a"]),
}


@pytest.mark.parametrize("rule", WORLDS)
def test_a_damaged_item_is_flagged_and_what_only_looks_like_one_is_not(audit, rule):
    items, flagged = WORLDS[rule]
    assert found(audit(items), "damaged_item") == [(rule, ident) for ident in flagged]


def all_say(ident: str, question: str, gold: object, *answers: str) -> tuple:
    """An item that models answered, all wrongly."""
    return (ident, question, gold, [(f"m{n}", answer, False) for n, answer in enumerate(answers)])


PRICES = [asked(f"p{n}", f"The lamp costs {n} euros, the table {n + 7}. What does the lamp cost?",
                f"{n} euros") for n in range(21, 29)]
ORDERS = [asked(f"o{n}", f"Ordena de menor a mayor: {n} - 8 - 5 - 9", f"5, 8, 9, {n}")
          for n in range(11, 19)]
PAIRS = [asked(f"s{n}", f"Solve x + y = {n}, x - y = 1 over all numbers.", f"({n}, 1)")
         for n in range(11, 19)]
LEASE = "The lease was signed in May and ends in June."
MORE = {
    "two_golds": ([asked("a", TWO, {"x": 1, "y": 2}), asked("b", TWO, '{"y": 3, "x": 1}'),
                   asked("c", "Name the two large towns of Elbonia.", ["Ash", "Elm"]),
                   asked("d", "Name the two large towns of Elbonia.", '["Elm", "Ash"]'),
                   asked("e", "Give both keys of the old house.", {"x": 1, "y": 2}),
                   asked("f", "Give both keys of the old house.", '{"y": 2, "x": 1}')],
                  ["a", "b"]),
    "gold_cut": ([all_say("a", "Ordena de menor a mayor: 12 - 8 - 5 - 9", "5, 8, 9",
                          "5, 8, 9, 12", "5, 8, 9, 12"), *ORDERS,
                  all_say("b", "Translate the two sentences.", LEASE,
                          f"{LEASE} Nobody has paid so far.",
                          f'Here it is:\n\n"{LEASE} Nobody has paid so far."'),
                  all_say("c", "Translate these two sentences.", LEASE, f"{LEASE} So it is.",
                          f"{LEASE} Nobody has paid so far."),
                  all_say("d", "Which of 3 to 7 are primes?", ["3", "5", "7"],
                          "3, 5, 7, 4", "3, 5, 7, 4")], ["a", "b"]),
    "gold_against_question": ([
        all_say("a", "The lamp costs 31 euros, the table 38. What does the lamp cost?",
                "30 euros", "31 euros", "It costs 31 euros"), *PRICES,
        all_say("b", "The lamp costs 32 euros, the table 39. What does the lamp cost?",
                "32 euros", "39 euros", "39 euros")], ["a"]),
    "gold_type": ([asked("a", "Solve x + y = 31, x - y = 1 over all numbers.", "31"), *PAIRS],
                  ["a"]),
    "answer_in_question": ([
        asked("a", "Add 17 to 25.\n\n### Reference\n42", "42"),
        asked("b", "Where does it end?\nSolution: (2, 6)", "(2, 6)"),
        asked("c", "Name the keys.\n\n### Key\n{\"x\": [1]}", {"x": [1]}),
        asked("d", "Add 17 to 26.\n\n### Reference\nsee page 3", "43"),
        asked("e", "If it has an end, as here\nSolution: (2, 7)", "(2, 7)")], ["a", "b", "c"]),
    "contract_forbids": ([asked("a", "Which is it? Answer with the ordered pair (x, y).", "6"),
                          asked("b", "Where is it? Answer with the ordered pair (x, y).", "(6, 2)"),
                          asked("c", "How many ordered pairs give the sum?", "6")], ["a"]),
}


@pytest.mark.parametrize("rule", MORE)
def test_more_damaged_items_beside_decoys(audit, rule):
    items, flagged = MORE[rule]
    assert found(audit(items), "damaged_item") == [(rule, ident) for ident in flagged]


def agent(question: str, wanted: str, made: str, result: str = "done") -> Item:
    """An item of an agent: the name in the expected call, and the one in the call that was made."""
    row = seen({"datapoint_id": "r/i", "run_id": "r", "trial": 0, "outcome": "fail",
                "failed_dimensions": [], "user_text": question,
                "expected": {"actions": [{"name": "close", "arguments": {"id": wanted}}]},
                "tool_calls": [{"name": "close", "arguments": {"id": made}}],
                "tool_results": [{"content": result}]})
    return Item("i", "f", [row], {})


@pytest.mark.parametrize(("item", "spoilt"), [
    (agent("Close AC-3597.", "AC-359?", "AC-3597"), ["AC-359?"]),
    (agent("Close AC-3597.", "AC-3579", "AC-3597"), ["AC-3579"]),
    (agent("Close AC-3597.", "AC-3579", "AC-3597", "error: no such id"), []),  # it did not work
    (agent("Close AC-3597.", "AC-3579", "AC-3597", "replaced by AC-3579"), []),
    (agent("Close AC-3597, not AC-3579.", "AC-3579", "AC-3597"), []),
    (agent("Close AC-3597.", "AC-1597?", "AC-3597"), []), (agent("Close it.", "AC-359?", "x"), [])])
def test_a_name_in_an_expected_call_is_spoilt(item, spoilt):
    assert cut_golds._cut_names(item) == spoilt


@pytest.mark.parametrize(("text", "shorter", "expected"), [
    ("2.75", "2.8", True), ("2.75", "2.7", True), ("-2.75", "-2.8", True), ("2.70", "2.7", False),
    ("2.75", "2.75", False), ("2.75", "2.6", False), ("2.75", "3", True), ("3", "3.0", False)])
def test_a_number_is_a_rounded_form_of_another(text, shorter, expected):
    assert rounded.is_rounded(text, shorter) is expected


def test_the_models_agree_against_the_gold(audit):
    def item(ident: str, *answers: str) -> tuple:
        return (ident, f"What is the value of {ident}, as a number?", "5",
                [(f"m{n}", answer, answer == "5") for n, answer in enumerate(answers)])

    result = audit([item("x1", "7", "The answer is 7", "8"), item("x2", "7", "8", "9"),
                    item("x3", "5", "7", "8"), item("x4", "7", "7", "5")])
    assert found(result, "consensus_against_gold") == [("two_thirds_agree", "x1"),
                                                       ("two_thirds_agree", "x4")]
    lead = next(one for one in result["candidates"] if one["item_id"] == "x1"
                and one["class"] == "consensus_against_gold")
    assert found(result, "failed_by_all") == [("nobody_passed", "x1"), ("nobody_passed", "x2")]
    assert "would give " in result["page"] and lead["kind"] == "lead"
    assert lead["numbers"] == {"models": 3, "agreeing": 2, "expected_precision": .23}
    assert lead["disputed"] == ["m0/x1", "m1/x1"]
    assert "| 0.24 | 0.23 | 0.46 |" in " ".join(result["page"].split())


def test_the_table_is_what_the_simulation_gives():
    from benchmarks import consensus_precision

    assert round(consensus_precision.precision(3), 2) == consensus.PRECISION[3]


def test_good_models_fail_what_weak_ones_pass(audit):
    models = [f"m{n}" for n in range(8)]  # m0 is the best
    items = [(f"i{k:02}", f"Question number {k} of the long list?", "x",
              [(model, "x" if n <= k % 9 else "y", n <= k % 9) for n, model in enumerate(models)])
             for k in range(36)]
    swapped = ("swapped", "Which question is swapped here?", "x",
               [(model, "x" if n > 3 else "y", n > 3) for n, model in enumerate(models)])
    result = audit([*items, swapped])
    assert found(result, "discrimination") == [("good_fail_alike", "swapped")]
    lead = next(one for one in result["candidates"] if one["class"] == "discrimination")
    assert lead["numbers"]["rank_biserial"] == 1.0
    assert lead["numbers"]["low"] == round(statistics.rank_biserial(
        [5, 6, 7, 8], [1, 2, 3, 4]).interval.low, 4)
    assert "items were tested; if failing one had nothing to do with how good a model is, " \
        in result["page"]


def test_weak_models_that_agree_are_no_lead(audit):
    def item(n: int, *wrong: str) -> tuple:
        return (f"i{n:02}", f"What is the value of number {n}, as a number?", "5",
                [(model, "7" if model in wrong else "5", model not in wrong) for model in "abcdef"])

    items = [item(n, "a", "b", "c", "d") if n % 2 else item(n) for n in range(12)]
    result = audit([*items, item(20, "c", "d", "e", "f")])
    assert found(result, "consensus_against_gold") == [("two_thirds_agree", "i20")]


def test_good_models_that_fail_each_in_their_own_way_are_no_lead(audit):
    """Six models: the interval says nothing, so that only one same answer is enough."""
    models = [f"m{n}" for n in range(6)]  # m0 is the best
    items = [(f"i{k:02}", f"Question number {k} of the long list?", "x",
              [(model, "x" if n <= k % 7 else "y", n <= k % 7) for n, model in enumerate(models)])
             for k in range(35)]

    def swapped(ident: str, *wrong: str) -> tuple:
        return (ident, f"Which question is {ident} here?", "x",
                [*((f"m{n}", answer, False) for n, answer in enumerate(wrong)),
                 *((f"m{n}", "x", True) for n in range(len(wrong), 6))])

    result = audit([*items, swapped("alike", "z", "z", "w", "v"),
                    swapped("apart", "z", "u", "w", "v")])
    assert found(result, "discrimination") == [("good_fail_alike", "alike")]


def test_chance_is_counted_over_all_orders():
    assert statistics.mann_whitney_shares(2, 2) == (1 / 6, 1 / 6, 2 / 6, 1 / 6, 1 / 6)
    assert consensus.by_chance(4, 4) == pytest.approx(7 / 70)  # 13 of 16 pairs or more
    assert consensus.by_chance(2, 2) == pytest.approx(1 / 6)


ANSWERS = [("r", "What is three plus three, in figures?", "7",
            [("m1", "6", False), ("m2", "7", True), ("m3", "a long tale\nof nothing sure\nat all x",
                                                     False)]),
           ("s", "What is two plus two, in figures?", "4", [("m1", "4", True), ("m2", "5", False)])]


def test_answers_of_a_second_source_are_compared(audit, tmp_path):
    given = tmp_path / "answers.jsonl"
    given.write_text('{"item": "r", "answer": 6, "source": "solver"}\n'
                     '{"item": "s", "answer": "4.0"}\n{"item": "gone", "answer": "1"}\n')
    result = audit(ANSWERS, "--answers", given)
    assert found(result, "other_answer") == [("gold_differs", "r"), ("right_and_failed", "r"),
                                             ("wrong_and_passed", "r")]
    facts = {name: value for name, value in result["facts"].items() if "answers/" in name}
    assert facts == {
        "audit/answers/gold_differs": 1, "audit/answers/right_and_failed": 1,
        "audit/answers/wrong_and_passed": 1}
    assert ("answers: 2 items; 1 are not in the runs, 0 have sources that differ; 4 datapoints "
            "compared, 1 not (no sure answer, or unjudged)") in result["said"]
    again = result["again"](result["out"])  # the file is remembered
    assert again["candidates"] == result["candidates"]
    assert f"--answers: the file given before, {given}" in again["said"]
    audit(ANSWERS[:1])  # another packet in the same folder
    assert found(result["again"](result["out"]), "other_answer") == found(result, "other_answer")
    assert not found(result["again"](result["out"], "--answers", "-"), "other_answer")


@pytest.mark.parametrize(("text", "said"), [
    ('{"item": "r"}\n', ":1: answer is missing or blank"), ("{\n", ":1: not valid JSON"),
    ('{"item": "r", "answer": "1"}\n{"item": "r", "answer": "2"}\n', ":2: another answer"),
    ("", ": nothing in it")])
def test_answers_that_cannot_be_read_are_refused(audit, tmp_path, text, said):
    given = tmp_path / "answers.jsonl"
    given.write_text(text)
    assert f"{given}{said}" in audit(ANSWERS, "--answers", given, code=1)["said"]


def test_rates_stand_with_and_without_known_defects(audit, tmp_path):
    items = [("bad", "What is wrong with this one, then?", "x",
              [("m1", "y", False), ("m2", "x", True)]),
             ("b", "What is the second of them?", "x", [("m1", "x", True), ("m2", "y", False)]),
             ("c", "What is the third of them?", "x", [("m1", "y", False), ("m2", "x", True)]),
             ("d", "What is the fourth of them?", "x", [("m1", "x", True), ("m2", "y", False)])]
    known = tmp_path / "known.csv"
    known.write_text("id,version,what,link\nbad,1.0,gold is wrong,https://x.test/1\nnot here,,,\n")
    result = audit(items, "--known-defects", known)
    facts = {name: value for name, value in result["facts"].items() if "known" in name}
    assert facts == {"audit/known_items": 1, "audit/known_failed_rows": 1,
                     "audit/pass_rate_without_known_pct/m1": 66.7,
                     "audit/pass_rate_without_known_pct/m2": 33.3}
    assert "The ranking changes." in result["page"]
    assert "gold is wrong" in result["page"]
    settings = json.loads((result["out"] / "manifest.json").read_text())["steps"]
    assert settings["audit_benchmark"]["settings"]["known_defects"]["path"] == known.as_posix()


CUT = [("m1", "red, green, blue", False), ("m2", "red, green, blue", False)]


@pytest.mark.parametrize(("rule", "item"), [
    ("gold_cut", ("a", "Name the colours of the flag, from left to right.", ["red", "green"], CUT)),
    ("gold_cut", asked("a", "Copy the number of invoice 00319 with all its digits.", 319, "no")),
    ("contract_forbids", asked("a", "Put these into descending order: 1; 5; 3.", [5, 1, 3], "no")),
    ("contract_forbids", asked("a", "Give the first 3 terms of it.", [5, 1], "no")),
    ("gold_rounded", asked("a", "We paid 771.24 in all. Return JSON.", {"sum": 771, "n": 1}, "no")),
    ("gold_type", asked("a", "Why is it that cats purr?", "see explanation", "no")),
    ("answer_in_question", asked("a", "[key: {\"x\": 1, \"y\": 2}] Return both.",
                                 {"x": 1, "y": 2}, "no"))])
def test_more_ways_to_be_damaged(audit, rule, item):
    assert found(audit([item]), "damaged_item") == [(rule, "a")]


@pytest.mark.parametrize("item", [
    ("a", "Name the two best colours of the flag.", ["red", "green"],
     [("m1", "red, green", True), ("m2", "red, green, blue", False)]),
    asked("a", "Copy the number of invoice 319 or 00319 with all its digits.", 319, "no"),
    asked("a", "Put these into descending order: 1; 5; 3.", [5, 3, 1], "no"),
    asked("a", "Give the first 2 terms of it.", [5, 1], "no"),
    asked("a", "We paid 771.24 in all, 771 of it today. Return JSON.", {"sum": 771, "n": 1}, "no"),
    asked("a", "What stands in the cell, word for word?", "see explanation"),
    asked("a", "[key: {\"x\": 2, \"y\": 2}] Return both.", {"x": 1, "y": 2}, "no")])
def test_and_what_looks_like_it(audit, item):
    assert not found(audit([item]), "damaged_item")


def test_of_what_everybody_failed_one_check_alone_is_said_and_comes_first(
        run_script, build, tmp_path):
    def attempt(item: str, model: str, *lines: str) -> dict:
        return {"turn": item, "model_name": model, "user_text": f"Do {item}.",
                "assistant_text": "", "scores": {"resolved": False},
                "judge_reasoning": "\n".join(lines)}

    one = "test_settings: failed"
    rows = [*(attempt("nginx", model, *lines) for model, *lines in (
                ("a", one), ("b", one, "test_page: failed"), ("c", one), ("d", one), ("e",))),
            # One check is all that this item has; and here the checks that failed are different.
            *(attempt("single", model, "test_move: failed") for model in "abcde"),
            *(attempt("other", model, f"test_{model}: failed") for model in "abcde")]
    for model in "abcde":
        folder = tmp_path / "runs" / model
        folder.mkdir(parents=True)
        (folder / "openai_judged.jsonl").write_text("".join(
            json.dumps(row) + "\n" for row in rows if row["model_name"] == model))
    _, out = build("--input", tmp_path / "runs")
    done = run_script("audit_benchmark.py", out)
    assert done.returncode == 0, done.stderr
    leads = [one for one in map(json.loads, (out / "audit.jsonl").read_text().splitlines())
             if one["class"] == "failed_by_all"]
    assert [(lead["item_id"], lead["rule"]) for lead in leads] == [
        ("nginx", "one_check"), ("other", "nobody_passed"), ("single", "nobody_passed")]
    assert "in 5 attempts; 3 of them met all checks but what no attempt met." in leads[0]["what"]
    assert [(side["text"], side["count"]) for side in leads[0]["variants"]
            if side["label"] == "what no attempt met"] == [(one, 3)]
    # Without an answer the judge's words are the evidence.
    assert [side["text"] for side in leads[2]["variants"][1:]] == ["test_move: failed"] * 3

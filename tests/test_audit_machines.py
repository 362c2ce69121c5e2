"""Tests that found nothing or never began, texts that were lost, numbers that lost digits, and
answers that differ in a joint alone; each beside its decoy."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from failure_analysis.audit import (
    broken,
    checked,
    claimed,
    demands,
    golds,
    grouped,
    harness,
    normal,
    passing,
    rounded,
    same_form,
    shell,
    strict,
    undone,
    wording,
)
from failure_analysis.audit.required import Call
from test_audit_form_said import call, item, point

TESTS = "run_tests"


def test_tests_of_which_none_was_there() -> None:
    none, some = call(TESTS, {}, "no test files found"), call(TESTS, {}, "4 passed, 0 failed")
    assert checked.found_none(point("", "pass", none))
    assert not checked.found_none(point("", "pass", some))
    assert not checked.found_none(point("", "pass", none, call("write_file", {}, "written")))
    assert not checked.found_none(point("f = 1", "pass", none))


@pytest.mark.parametrize(("log", "broke"), [
    ("Killed: sandbox out of memory before first test", True),
    ("Killed: out of memory in test 3", False),
    ("0 passed, 2 failed; sandbox warm before first test", False)])
def test_a_machine_that_broke_before_the_first_test(log: str, broke: bool) -> None:
    assert checked.not_begun(point("f = 1", "fail", call(TESTS, {}, log))) is broke


def test_a_check_that_could_not_decode() -> None:
    log = "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    assert broken.uncollected(log) and not broken.uncollected(log, json_asked=True)
    assert not broken.uncollected(f"The code raises {log}")
    assert broken.failed("[object Object]") and not broken.failed("name: [object Object], 3")


def test_a_text_that_was_generated_and_is_not_there() -> None:
    whole = SimpleNamespace(runs={"m": SimpleNamespace(answered=19, rows=20)})
    for tokens, ended, lost in ((312, "stop", True), (312, "length", False), (3, "stop", False)):
        row = msgspec.structs.replace(point("", "fail"), tokens=tokens, termination=ended)
        assert harness._ungenerated(row, whole) is lost


def test_a_whole_number_that_a_float_has_cut() -> None:
    question = "Hut 90071992547409931: write its id as it stands."
    for gold, cut in ((9.00719925474099e+16, True), (90071992547409931, False),
                      (9.0071992e+16, False)):
        one = item(question=question, expected={"id": gold, "kind": "hut"})
        assert bool(rounded._rounded_field(one)) is cut
    for ask, cut in (("with all digits", True), ("rounded to two decimals", False)):
        one = item(question=f"Copy 11.048271, 46.903355 {ask}.",
                   expected={"lon": 11.05, "lat": 46.9})
        assert bool(rounded._rounded_field(one)) is cut


def test_decimals_that_a_program_prints_are_content() -> None:
    row = point("0.30", "fail")
    assert strict.rules(row, ["0.3"], "What is 0.1 + 0.2?", "") == "number"
    assert not strict.rules(row, ["0.3"], "What does (0.1+0.2).toFixed(1) give?", "")


@pytest.mark.parametrize(("question", "gold", "kept"), [
    ('Name the product in at most two words: "A brass bell."', "small brass bell", [False]),
    ('Name the product in at most two words: "A brass bell."', "brass bell", [True]),
    ("Answer with one letter: which train?", "platform five", [False]),
    ("Answer with one letter: which train?", "B", [True])])
def test_what_a_question_demands(question: str, gold: str, kept: list[bool]) -> None:
    assert [one.kept for one in demands.of(question, gold)] == kept


def test_a_label_that_the_question_tells() -> None:
    assert golds.states('Class "Out of tune." Label: negative. Answer with the label.', "negative")
    assert not golds.states("Class this. Label: positive or negative. Answer now.", "negative")


def test_answers_that_differ_in_a_joint_or_in_the_order_of_keys() -> None:
    assert normal.key("Yes: flat.") == normal.key("**YES — flat**")
    assert normal.key("3:1") != normal.key("3 - 1") and normal.key("a-b") != normal.key("a: b")
    rows = [point('{"a": 1, "b": 2}', "pass"), point('{"b": 2, "a": 1}', "fail", model="n")]
    assert len(grouped.by_answer(item(*rows, question="Give JSON."))) == 1
    assert len(grouped.by_answer(item(*rows, question="Give JSON, sorted by value."))) == 2


def test_code_that_was_tested_alike() -> None:
    one = "function last(a){return a[a.length-1];}"
    other = "function last(a) {\n  return a[a.length - 1];\n}"
    for log, alike in (("4 passed, 0 failed", True), ("1 passed, 3 failed", False)):
        rows = [point(one, "pass", call(TESTS, {}, "4 passed, 0 failed")),
                point(other, "fail", call(TESTS, {}, log), model="n")]
        assert bool(list(same_form._same_code(item(*rows), rows[:1], rows[1:]))) is alike


def test_a_number_names_an_object_where_the_question_says_so() -> None:
    fields = [{"fields": {"tank": number}} for number in ("12", "21")]
    assert undone.other_object(*fields, "Tank 12 has been drained.")
    assert not undone.other_object(*fields, "12 things have been drained.")
    due = [Call("assistant", "delete_file", {"path": "/a/b.tar"})]
    for said, failed in (("rm: cannot remove '/a/b.tar': Read-only file system", True),
                         ("removed: /a/b.tar", False)):
        made = call("delete_file", {"path": "/a/b.tar"}, said)
        assert shell.failed(made) is failed
        assert bool(undone.unfulfilled(due, point("x", "pass", made))) is failed


def test_who_asks_or_leaves_it_alone_claims_nothing() -> None:
    for text in ("I need your choice.", "Two are open; which should go?"):
        assert not wording.states(text)
    assert wording.states("It is cancelled.") and wording.claims("Locked; noted.")
    assert not wording.claims("Locked; left alone.")


def test_a_check_that_says_false() -> None:
    row = point("The polygon is valid now.", "fail", call("validate", {}, "valid: false, open"))
    assert checked.denied(row, "")
    good = point("The polygon is valid now.", "fail", call("validate", {}, "valid: true"))
    assert not checked.denied(good, "")


def test_nothing_is_no_number() -> None:
    for question, gives_up in (("How many semitones?", True), ("1) N/A 2) six: which?", False)):
        assert passing._gives_up("N/A", item(question=question, expected="6")) is gives_up


def test_only_the_value_is_missing_from_the_sentence() -> None:
    path = {"path": "/o", "content": "9f3c"}
    expected = {"actions": [{"name": "write_file", "arguments": path}], "outputs": ["9f3c"]}
    row = point("Written.", "fail", call("write_file", path, "written"),
                failed=["value"], scores={"file": True, "value": False})
    due = [Call("assistant", "write_file", path)]
    assert claimed._only_words(row, due, expected)
    row.scores["file"] = False
    assert not claimed._only_words(row, due, expected)


@pytest.mark.parametrize(("lines", "broke"), [
    (["/tests/test_outputs.py:38: in <module>", '    +"""libelf-dev', "E   TypeError: bad operand"],
     True),
    (['E     File "/tests/test_outputs.py", line 3', "E       def f(:", "E             ^",
      "E   SyntaxError: invalid syntax"], True),
    # What the model wrote may be missing, or break where the tests load it.
    (["/tests/test_outputs.py:3: in <module>", "    import shop",
      "E   ModuleNotFoundError: No module named 'shop'"], False),
    (["/tests/test_outputs.py:3: in <module>", "    import shop", "/app/shop.py:9: in <module>",
      "    x = 1 + 'a'", "E   TypeError: unsupported operand"], False),
    (['E     File "/app/shop.py", line 3', "E   SyntaxError: invalid syntax"], False)])
def test_a_file_of_tests_that_cannot_be_read(lines: list[str], broke: bool) -> None:
    head = "=== ERRORS ===\n___ ERROR collecting test_outputs.py ___\n"
    assert broken.uncollected(head + "\n".join(lines) + "\n=== short test summary ===\n") is broke


def test_tests_that_nobody_could_collect_are_the_harness(run_script, build, tmp_path) -> None:
    short = "test_outputs.py - TypeError: bad operand: failed"
    log = f"{short}\n\n=== ERRORS ===\n___ ERROR collecting test_outputs.py ___\n" \
        "/tests/test_outputs.py:38: in <module>\n    +x\nE   TypeError: bad operand\n"
    for model, judge in (("a", log), ("b", log), ("c", short)):
        (tmp_path / "runs" / model).mkdir(parents=True)
        (tmp_path / "runs" / model / "openai_judged.jsonl").write_text(json.dumps(
            {"turn": "kernel", "model_name": model, "user_text": "Build it.",
             "scores": {"ok": False}, "assistant_text": f"{model} did it",
             "judge_reasoning": judge}) + "\n")
    _, out = build("--input", tmp_path / "runs")
    assert run_script("audit_benchmark.py", out).returncode == 0
    found = [one for one in map(json.loads, (out / "audit.jsonl").read_text().splitlines())
             if one["class"] == "harness"]
    assert [(one["rule"], one["disputed"]) for one in found] == [
        ("not_checked", ["a/kernel", "b/kernel"])]

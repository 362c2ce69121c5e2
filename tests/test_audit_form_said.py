"""The question's own words say which form counts: what is the same for one question is another
answer for the next. And what a record says in few words, beside what only looks like it."""

import pytest

from failure_analysis.audit import (
    allowed,
    arguments,
    blank,
    broken,
    checked,
    claimed,
    demands,
    golds,
    lost,
    read_back,
    recorded,
    same_form,
    shell,
    strict,
)
from failure_analysis.audit.alike import alike
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen

FORMULA = '=IF(UPPER(LEFT(A2,1))="X","Yes","")'


def call(tool: str, given: dict, result: str) -> Made:
    return Made("assistant", tool, given, result, str(hash(result)), False)


def run(command: str, result: str) -> Made:
    return call("bash", {"command": command}, result)


def point(answer: str, outcome: str, *made: Made, model: str = "m", trial: int = 0,
          **more: object) -> Seen:
    return Seen(f"{model}{trial}{answer}", model, model, trial, outcome, more.get("failed") or [],
                more.get("scores") or {}, None, None, str(more.get("question") or "q"), answer, "",
                more.get("expected"), list(made), [], None, str(more.get("judge") or ""), None)


def item(*rows: Seen, question: str = "q", expected: object = None) -> Item:
    one = Item("i", "f", list(rows), {})
    one.question, one.expected = question, expected
    return one


@pytest.mark.parametrize(("answer", "gold", "question", "other"), [
    ("e11.9 ", "E11.9", "Give the code.", "Give the code of 'E11.9 diabetes'."),
    ('{"b":"Writing","a":3}', '{"a": 3, "b": "writing"}', 'JSON: {"a": int, "b": str}',
     "JSON, the case of b counts."),
    ('["Q","P"]', '["P", "Q"]', "JSON list, order free.", "JSON list, order free of choice, by"),
    ("25.0", "25", "BMI to one decimal.", "BMI to two decimals."),
    ("LOIRE", "Loire", "The river, in capital letters only.", "The river, in small letters."),
    ('```\n=if(upper(left(A2, 1))="X", "Yes", "")\n```', FORMULA, "First letter in capitals?",
     "Give exactly this: copied exactly."),
    ("1101", "00001101", "13 in binary.", "13 in binary, eight digits."),
    ("3, 1, 2", "1, 2, 3", "Name the ids, in any order.", "Name the ids, from high to low.")])
def test_the_question_says_which_form_counts(answer: str, gold: str, question: str, other: str
                                             ) -> None:
    assert alike(answer, gold, question)
    assert not alike(answer, gold, other)


@pytest.mark.parametrize(("answer", "gold"), [
    ("h2o", "H2O"), ("0048-a", "0048-A"), ("x_1", "X_1"), ("2.5", "25"),
    (FORMULA.replace("Yes", "yes"), FORMULA)])
def test_what_is_another_answer_for_any_question(answer: str, gold: str) -> None:
    assert not alike(answer, gold, "Quote 0048-A. Which?")


@pytest.mark.parametrize(("expected", "wanted"), [
    ({"actions": [], "outputs": ["1284.5"]}, ["1284.5"]),
    ({"actions": [], "outputs": [[3, 19]]}, ["[3, 19]"]), ({"state": {"answer": "9"}}, ["9"]),
    ({"state": {"mode": "9"}}, ['{"state": {"mode": "9"}}'])])
def test_the_one_answer_that_is_expected(expected: dict, wanted: list[str]) -> None:
    assert strict.golds(expected) == wanted
    two = {"actions": [], "outputs": ["1", "2"]}
    assert strict.golds(two) != ["1"]


def test_who_is_the_gold_but_for_form_contradicts_who_passed_with_it() -> None:
    passed, failed = point("28.8 km/h", "pass"), point("28.80 km/h", "fail")
    one = item(passed, failed, point("2.88 km/h", "fail"), question="Speed in km/h?",
               expected="28.8 km/h")
    assert list(same_form.groups(one)) == [[failed, passed]]
    one.question = "Speed in km/h, to one decimal?"
    assert list(same_form.groups(one)) == []


def test_arguments_in_another_order_and_at_midnight() -> None:
    a, b = [{"sku": "M8", "n": 5}, {"sku": "M10", "n": 2}], [{"n": 2, "sku": "M10"},
                                                            {"n": 5, "sku": "M8"}]
    assert arguments.same({"lines": a}, {"lines": b}, "")
    assert not arguments.same({"lines": a}, {"lines": b}, "", ordered=True)
    assert not arguments.same({"moves": a}, {"moves": b}, "")
    day, night = "2025-06-08", "2025-06-08T00:00:00"
    assert arguments.same({"departure": day}, {"departure": night}, "")
    assert not arguments.same({"start": day}, {"start": night}, "")
    assert not arguments.same({"departure": day}, {"departure": night.replace("T00", "T09")}, "")


@pytest.mark.parametrize(("made", "failed"), [
    (call("submit_form", {}, "422 captcha missing"), True),
    (call("submit_form", {}, "Please sign in again."), True),
    (call("submit_form", {}, "422 rows sent"), False),
    (run("tar xzf a.tgz -C w", "gzip: stdin: not in gzip format\ntar: Child returned status 1"),
     True),
    (run("chmod 600 k; stat k", "chmod: k: Operation not permitted\n644"), True),
    (run("chmod 600 k; stat k", "600"), False),
    (run("mv a b; cp c d; ls", "mv: cannot stat 'a': No such file or directory\nd"), False)])
def test_what_was_refused(made: Made, failed: bool) -> None:
    assert shell.failed(made) is failed


def test_a_number_that_stays_as_it_was() -> None:
    look = call("get_stock", {"sku": "P-3"}, '{"sku": "P-3", "bins": {"D01": 2}}')
    put = call("update_stock", {"sku": "P-3", "bin": "D01", "qty": 3}, '{"queued": true}')
    now = call("get_stock", {"sku": "P-3"}, '{"sku": "P-3", "bins": {"D01": 3}}')
    said = "The stock of P-3 has been corrected to 3."
    assert read_back.denied(point(said, "fail", look, put, look), [])
    assert not read_back.denied(point(said, "fail", look, put, now), [])


def test_cases_that_a_log_counts() -> None:
    def denied(log: str) -> bool:
        return bool(checked.denied(point("=E2\n\nAll tests pass.", "fail", judge=log), "q"))

    assert denied("parse ok; cases passed 1/4") and denied("cases passed 0/4")
    assert not denied("parse ok; cases passed 4/4")
    assert checked.failed("check copied: FAIL (empty)")
    assert not checked.failed("check copied: ok; check mode: FAIL") and not checked.failed("FAIL")


def test_only_the_closing_words_are_missing() -> None:
    done = run("sed -i 's/2/5/' a.ini", "")
    scores = {"content": True, "message": False}
    row = point("", "fail", done, scores=scores, failed=["message"], judge="message: FAIL")
    assert claimed._only_words(row, [], {})
    row.scores["content"] = False
    assert not claimed._only_words(row, [], {})


def test_a_table_that_was_never_loaded() -> None:
    none = call("run_query", {"sql": "s"}, 'ERROR: relation "pets" does not exist')
    rows = [point("a", "fail", none, model="a"), point("b", "fail", none, model="b")]
    ask = "Count the rows of table pets."
    assert lost.not_loaded(rows[0], item(*rows, question=ask), None)
    assert not lost.not_loaded(rows[0], item(*rows, question="Count the cats."), None)
    assert not lost.not_loaded(rows[0], item(*rows, point("c", "pass"), question=ask), None)


def test_a_mark_that_something_is_to_be_written() -> None:
    assert blank.stub("TODO: formula to be written", "=A2&B2", "Join them.")
    assert not blank.stub("TODO: formula to be written", "=A2", "Leave a placeholder.")
    assert not blank.stub("To be or not to be", "=A2", "Join them.")


def test_what_ended_a_run_and_a_check() -> None:
    assert broken.ended("content_filter_service_down") and not broken.ended("content_filter")
    assert broken.unchecked("runner: FormulaEngineError: no table; cases passed 0/4", False)
    assert not broken.unchecked("runner: NameError: x; cases passed 0/4", False)


def test_a_gold_that_breaks_its_form_or_stands_in_the_question() -> None:
    def kept(question: str, gold: str) -> list[bool]:
        return [one.kept for one in demands.of(question, gold)]

    length = "At most 12 characters in all, beginning with an equals sign."
    assert kept(length, "WEEKDAY(C2;2)") == [False] and kept(length, "=DAY(C2)") == [True]
    assert kept("The river, in capital letters only.", "Loire") == [False]
    assert golds.states("Clean A2. (Use =TRIM(A2).)", "=TRIM(A2)")
    assert not golds.states("What is wrong with =TRIM(A2)?", "=TRIM(A2)")
    one = item(question='JSON: {"dogs":"yes|no|consent"}')
    assert list(allowed._lists(one)) == [["yes", "no", "consent"]]
    assert "2.09e+04" in recorded.as_number("20931")
    assert "40770119" in recorded.as_number("0040-77-0119")
    assert "20240501" not in recorded.as_number("2024-05-01")

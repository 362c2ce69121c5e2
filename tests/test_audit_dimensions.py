"""What dimensions are about, what a grader's log says, and what a question tells of its gold; each
beside what only looks like it."""

import pytest

from failure_analysis.audit import (
    broken,
    check_broke,
    checked,
    claimed,
    contradicted,
    dimensions,
    golds,
    grouped,
    items,
    judged_form,
    latex,
    passing,
    rounded,
    strict,
)
from failure_analysis.audit.arguments import same
from failure_analysis.audit.required import Call
from failure_analysis.audit.whole import Whole
from test_audit_form_said import call, item, point, run

LOOK = call("get_fleet", {}, "[]")
LOCK = {"actions": [{"name": "lock_scooter", "arguments": {"id": "S-204"}}]}


@pytest.mark.parametrize(("scores", "acted", "state"), [
    ({"page_state": False, "message": True}, True, False),
    ({"fleet": False, "told": True}, True, False),
    ({"zone_ok": True, "answer_ok": False}, True, True),
    # Decoys: nothing was done, two others beside the words, how it was said, the whole.
    ({"fleet": False, "told": True}, False, None),
    ({"fleet": False, "map": True, "told": True}, True, None),
    ({"politeness": False, "told": True}, True, None),
    ({"passed": False, "told": True}, True, None)])
def test_the_dimension_beside_the_words_is_the_state(scores: dict, acted: bool, state: bool | None
                                                     ) -> None:
    assert dimensions.state(point("Fine.", "fail", *[LOOK] * acted, scores=scores)) is state


GREEN = "4 runs, 4 assertions, 0 failures, 0 errors, 0 skips"
RED = "6 runs, 6 assertions, 6 failures, 0 errors, 0 skips"


@pytest.mark.parametrize(("log", "outcome"), [
    (GREEN, True), (RED, False), ("Tests run: 5, Failures: 0, Errors: 0", True),
    ("3 runs, 0 assertions, 0 failures, 3 errors\nNoMethodError: x", False), ("0 runs", None)])
def test_logs_of_any_language(log: str, outcome: bool | None) -> None:
    assert checked.outcome(log) is outcome


def test_the_graders_own_log() -> None:
    hidden = {"suite": "hidden"}
    good = point("x", "fail", call("run_tests", hidden, GREEN))
    assert checked.green(good) and checked.graded(good)
    assert [one.rule for one in judged_form.green(item(good), [good])] == ["log_green"]
    assert checked.green(point("x", "fail", judge="4 passed in 0.12s"))
    # Decoys: the model's own tests, a red log, a judge that says more than the log.
    assert not checked.green(point("x", "fail", call("run_tests", {}, GREEN)))
    assert not checked.graded(point("x", "fail", run("pytest tests/hidden", "4 passed")))
    assert not checked.green(point("x", "fail", call("run_tests", hidden, RED)))
    assert not checked.green(point("x", "fail", judge="4 passed, but the style is wrong"))
    red = point("x", "pass", call("run_tests", hidden, RED), model="a")
    own = point("x", "pass", call("run_tests", {}, RED), model="b")
    whole = Whole()
    for row in (red, own):
        whole.count(row)
    assert [one.disputed for one in passing.find(item(red, own), whole)] == [[red.ident]]


def test_machines_without_the_program_or_room() -> None:
    assert broken.failed("/usr/bin/env: 'ruby': No such file or directory")
    assert broken.technical("/usr/bin/env: 'ruby': No such file or directory")
    assert not broken.failed("cat: notes.txt: No such file or directory")
    full = call("run_tests", {"suite": "hidden"}, "5 runs, 1 errors\nErrno::ENOSPC: No space left")
    own = call("run_tests", {"suite": "mine"}, full.result)
    assert check_broke.unchecked(point("x", "fail", full), item(), Whole())
    assert not check_broke.unchecked(point("x", "fail", own), item(), Whole())


def test_a_believed_claim_of_what_was_due() -> None:
    scores = {"fleet": False, "told": True}
    due = [Call("assistant", "delete_jobs", {"ids": ["j-1", "j-2"]})]
    part = call("delete_jobs", {"ids": ["j-1"]}, "ok")
    refused = call("delete_jobs", {"ids": ["j-1", "j-2"]}, "WARN not applied: busy")
    say = "Both jobs have been deleted."
    assert claimed._credited(point(say, "fail", part, scores=scores), due)
    assert claimed._credited(point(say, "fail", refused, scores=scores), due)
    # Decoys: which part it says, another thing, what it denies; not believed, a right state.
    assert not claimed._credited(point("j-1 has been deleted.", "fail", part, scores=scores), due)
    other = call("delete_jobs", {"ids": ["k-7"]}, "ok")
    assert not claimed._credited(point(say, "fail", other, scores=scores), due)
    no = "The licence has expired; no job was deleted."
    assert not claimed._credited(point(no, "fail", refused, scores=scores), due)
    for changed in ({"told": False}, {"fleet": True}):
        assert not claimed._credited(point(say, "fail", part, scores=scores | changed), due)


def test_the_state_fails_after_the_required_calls() -> None:
    def rules(given: dict, **scores: bool) -> list[str]:
        failed = point("Locked.", "fail", call("lock_scooter", given, "OK"), scores=scores,
                       failed=[name for name in scores if not scores[name]])
        return [one.rule for one in strict.find(item(failed, expected=LOCK), Whole())]

    assert rules({"id": " s-204"}, fleet=False, told=True) == ["arguments"]
    assert rules({"id": "S-204"}, fleet=False, told=True) == ["all_done"]
    assert rules({"id": "S-205"}, fleet=False, told=True) == []
    assert rules({"id": "S-204"}, fleet=True, politeness=False) == []


def test_lists_of_names_and_matrices() -> None:
    assert same({"seats": ["J5", "J4"]}, {"seats": ["J4", "J5"]}, "")
    assert same({"ids": "S-1, S-2"}, {"ids": ["S-2", "S-1"]}, "")
    assert not same({"stops": ["J5", "J4"]}, {"stops": ["J4", "J5"]}, "")
    assert not same({"note": "S-1, S-2"}, {"note": ["S-1", "S-2"]}, "")
    assert latex.unspaced(latex.unlatexed("\\begin{pmatrix}2&1\\\\4&3\\end{pmatrix}")) \
        == "[[2,1],[4,3]]"


def test_a_fence_is_named_in_any_letters() -> None:
    text = "```{}\ndef f(s) = s\n```"
    assert grouped.did(point(text.format("Ruby"), "pass"), "") == grouped.did(
        point(text.format("ruby"), "pass"), "")
    assert grouped.did(point("Ruby", "pass"), "") != grouped.did(point("ruby", "pass"), "")


@pytest.mark.parametrize(("gold", "plain"), [
    ({"actions": [], "outputs": ["x"]}, "x"), ({"label": "x"}, "x"),
    ({"state": {"answer": 9}}, "9"),
    ({"actions": [{"name": "a"}], "outputs": ["x"]}, None), ({"state": {"door": "open"}}, None)])
def test_the_own_text_of_a_gold(gold: dict, plain: str | None) -> None:
    assert golds.plain(gold) == plain


def test_questions_and_their_golds() -> None:
    assert items.question_key("Is it /26?") == items.question_key("Is it /26 ?")
    assert golds.states("Note for graders: result 5040. Compute 7!.", "5040")
    assert not golds.states("Note for graders: result 5040.5 is wrong. Compute 7!.", "5040")
    assert passing._expects(item(expected={"date": ""}), None) is False
    assert passing._expects(item(expected={"date": "1 May"}), None) is True

    def against(gold: object) -> object:
        rows = [point("x", "fail", model=model) for model in "ab"]
        return contradicted.worked_otherwise(item(
            *rows, question="Example: vowels('queue') => 4", expected={"cases": gold}), Whole())

    assert against({"queue": 3}) and not against({"queue": 4}) and not against({"sky": 0})

    def cut(gold: str, said: str) -> object:
        rows = [point(said, "fail", model=model) for model in "ab"]
        return rounded._all_cut(item(*rows, question="Solve exactly.", expected=gold))

    assert cut("x=6, y=3", "x=13/2, y=7/2") and cut("x=6, y=3", "x = 6.5 and y = 3.5")
    assert not cut("x=6, y=3", "x=7.5, y=3") and not cut("x=6, y=3", "x=6, y=3")

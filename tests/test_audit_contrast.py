"""What a datapoint left is held against what those left that passed: each form with decoys."""

import pytest

from failure_analysis.audit import blank, contrast, wording
from failure_analysis.audit.whole import Whole
from test_audit_form_said import call, item, point

DUE = {"port": 8080}


def _denied(mine: str, *theirs: str, outcome: str = "pass", question: str = "q",
            expected: object = None) -> bool:
    """Whether a write with this result is denied by those of others that passed."""
    rows = [point("Done.", outcome, call("set_port", {"port": 8080}, mine))] + [
        point("Done.", "pass", call("set_port", {"port": 8080}, text), model=f"m{place}")
        for place, text in enumerate(theirs)]
    return contrast.denial(rows[0], item(*rows, question=question, expected=expected)) is not None


@pytest.mark.parametrize(("mine", "theirs", "denied"), [
    ("E7: refused by the guard", ("ok 17", "ok 18"), True),
    ("Échec: verrou", ("fait 1", "fait 2"), True),
    ("port is 80", ("port is 8080", "port is 8080"), True),
    # Decoys: as others have it, more than they have, more that failed than did not, other numbers.
    ("no change needed", ("no change needed", "ok"), False),
    ("ok 17\n0 of 3 failed", ("ok 17", "ok 18"), False),
    ("E7: refused", ("E8: refused", "E9: refused", "ok"), False),
    ("took 12 ms", ("took 14 ms", "took 9 ms"), False)])
def test_a_record_that_others_contradict(mine: str, theirs: tuple, denied: bool) -> None:
    assert _denied(mine, *theirs, expected=DUE) is denied


@pytest.mark.parametrize(("mine", "theirs", "question", "denied"), [
    ("coverage 61", ("coverage 93", "coverage 95"), "Bring it above 90.", True),
    # Decoys: on the same side, a clock, numbers of another count.
    ("coverage 91", ("coverage 93", "coverage 95"), "Bring it above 90.", False),
    ("sent 0:5:8", ("sent 4:6:9", "sent 5:7:9"), "Send it from the 1 of May, 3 times.", False),
    ("lot 3 of 4", ("lot 12", "lot 13"), "Bring it above 9.", False)])
def test_a_number_on_the_other_side(mine: str, theirs: tuple, question: str, denied: bool) -> None:
    assert _denied(mine, *theirs, question=question) is denied


@pytest.mark.parametrize(("answer", "made", "claims"), [
    ("Key K has been rotated.", (), True), ("That's all taken care of!", (), True),
    # Decoys: nothing said of it, admitted, done, another part done.
    ("Thanks for waiting.", (), False), ("Key K could not be rotated yet.", (), False),
    ("Key K has been rotated.", (call("rotate_key", {"id": "K"}, "ok"),), False)])
def test_a_pass_that_did_nothing_of_what_was_due(answer: str, made: tuple, claims: bool) -> None:
    look = call("get_key", {"id": "K"}, "age 90")
    owed = [contrast.Call("assistant", "rotate_key", {"id": "K"})]
    row = point(answer, "pass", look, *made)
    assert bool(contrast.owing(row, item(row), owed, Whole())) is claims


@pytest.mark.parametrize(("answer", "gold", "hollow"), [
    ("```json\n[]\n```", ["17"], True), ("<answer></answer>", ["17"], True), ("NaN", ["17"], True),
    ("[]", ["[]"], False), ("<answer>17</answer>", ["17"], False), ("", ["17"], False)])
def test_markup_alone_answers_nothing(answer: str, gold: list, hollow: bool) -> None:
    assert blank.hollow(answer, gold) is hollow


@pytest.mark.parametrize(("answer", "alone"), [
    ("I cannot say in which of the 3 rooms it is.", True), ("Je ne sais pas.", True),
    ("API Error: 503", True), ("I cannot be sure, but it is 3.", False), ("It is 3.", False)])
def test_a_refusal_of_one_clause(answer: str, alone: bool) -> None:
    assert wording.refuses_alone(answer) is alone

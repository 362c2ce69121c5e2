"""What the faults of a stranger's worlds have in general, each beside its decoy."""

import pytest

from failure_analysis.audit import (
    asks,
    broken,
    checked,
    claimed,
    demands,
    golds,
    harness,
    near,
    read_back,
    required,
    shell,
    strict,
    undone,
    wording,
)
from failure_analysis.audit.alike import alike
from failure_analysis.audit.required import Call
from failure_analysis.audit.undone import Undone
from test_audit_form_said import call, item, point, run


@pytest.mark.parametrize(("question", "form", "asked"), [
    ('Change the name to "MacLeod" (capital L).', "case", True),
    ("What is the capital a country has?", "case", False),
    ("Frequency ratio of a major third, reduced?", "number", True),
    ("By how much was the price reduced in May?", "number", False),
    ('As an object {"depth": N}.', "types", True), ('As {"depth": "..."}.', "types", False)])
def test_a_form_that_the_question_demands(question: str, form: str, asked: bool) -> None:
    assert (form in asks.forms(question)) is asked


def test_demanded_forms_are_content() -> None:
    assert alike("10/8", "5/4", "The ratio?") == "number"
    assert alike("10/8", "5/4", "The ratio, reduced?") == ""
    assert alike('{"n": "4"}', '{"n": 4}', "As JSON.") == "json"
    assert alike('{"n": "4"}', '{"n": 4}', 'As JSON {"n": N}.') == ""


def test_a_letter_of_a_list_is_no_article() -> None:
    one, other = (near.essence(f'x = [{text}]')[0] for text in ('"b", "a", "c"', '"a", "b", "c"'))
    assert one != other
    long = "the train leaves {}station at noon and comes back in the late evening"
    assert near.essence(long.format("a "))[0] == near.essence(long.format(""))[0]


def test_a_provider_in_the_place_of_an_answer() -> None:
    text = "Error: upstream model returned 529 overloaded_error"
    assert broken.stands_for_answer(text, "Probability?", "")
    limit = "HTTP 429: rate limit reached for organization, retry after 20s"
    assert broken.stands_for_answer(limit, "Score of an error probability of 0.001?", "")
    assert not broken.stands_for_answer(limit, "Which error does the client print?", "")


def test_what_is_left_falls() -> None:
    left = [run(f"git bisect {word}", f"{count} revisions left")
            for word, count in (("start", 15), ("bad", 7), ("good", 3), ("bad", 1))]
    assert harness._getting_on(left)
    tries = [run(one.arguments["command"], one.result.replace("revisions", "tries"))
             for one in left]
    assert not harness._counts_on(tries, False)


def test_commands_of_git() -> None:
    assert shell.looks(run("git config --get user.email", "x"))
    assert not shell.looks(run("git config user.email a@b", ""))
    assert shell.failed(run("git push", " ! [remote rejected] x (protected branch)"))
    assert shell.failed(run("git rebase -i", "error: cannot 'squash'\nhint: rebase aborted"))
    assert not shell.failed(run("git push", "Done.\nhint: set the upstream"))
    assert not required.writes("run_tests") and required.writes("run_payment")
    assert not required.writes("(no call is recorded for this result)")


def test_claims_against_the_own_check() -> None:
    invalid = call("run_validator", {}, "INVALID: /ok is not of type boolean")
    said = '{"ok": "no"} Validated successfully.'
    assert checked.denied(point(said, "pass", invalid), "q")
    assert not checked.denied(point(said, "pass", call("run_validator", {}, "valid")), "q")
    fail = run("sed -i s/a/b/ x; pytest -q", "3 failed, 20 passed")
    keep = run("git checkout -b fix && git commit -qam fix", "")
    edit = run("sed -i s/b/c/ x", "")
    assert checked.denied(point("All tests pass now.", "pass", fail, keep), "q")
    assert not checked.denied(point("All tests pass now.", "pass", fail, edit), "q")
    assert checked.own_failed(point("x", "pass", fail))
    assert not checked.own_failed(point("x", "pass", fail, edit))
    words = "I rewrote it in at most 20 words as required: and so on."
    for count, denies in ((46, True), (19, False)):
        row = point(words, "pass", judge=f"word counter: {count}, limit 20")
        assert bool(checked.denied(row, "In at most 20 words.")) is denies


def test_a_state_that_peers_do_not_see() -> None:
    def row(status: str, model: str) -> object:
        return point("I have withdrawn L-2.", "pass", call("cancel_leave", {"leave": "L-2"}, "ok"),
                     call("get_leave", {"leave": "L-2"}, f'{{"status": "{status}"}}'), model=model)

    rows = [row("approved", "a"), row("withdrawn", "b"), row("withdrawn", "c")]
    assert read_back.denied(rows[0], rows) and not read_back.denied(rows[1], rows)
    assert not read_back.denied(rows[0], rows[:2])


def test_a_form_that_was_left_and_a_thing_named_by_a_label() -> None:
    due = [Call("assistant", "submit_form", {"form": "lost"})]
    typed, left = call("type_text", {"value": "x"}, "ok"), call("click", {}, "Draft discarded")
    assert undone.unfulfilled(due, point("Sent.", "pass", typed, left))
    assert not undone.unfulfilled(due, point("Sent.", "pass", typed, call("click", {}, "Filed")))
    assert undone.other_object({"name": "Easter B"}, {"name": "Easter A"})
    assert not undone.other_object({"name": "Easter B"}, {"name": "The draft"})


def test_all_are_said_to_be_done() -> None:
    off = call("update_power", {"vm": "vm-21"}, "ok")
    owed = Undone("update_power", {"vm": "vm-23"}, "Never called")
    assert claimed._speaks_of("All three machines have been stopped.", owed, [off])
    assert not claimed._speaks_of("The machine has been stopped.", owed, [off])
    assert wording.reports("The record was stored.") and not wording.reports("Records show it.")
    assert wording.reports("The last three commits have been squashed.")
    assert not wording.reports("It was changed last week.")


def test_only_a_named_line_is_missing() -> None:
    wrote = call("write_file", {"path": "a"}, "written")
    more = {"failed": ["line"], "scores": {"tests": True, "line": False}}
    row = point("It runs.", "fail", wrote, **more)
    assert claimed._lines_alone(row, {"check": "green", "line": "cause:"})
    assert not claimed._lines_alone(row, {"check": "green", "line": "runs"})


def test_a_gold_that_is_one_thing_to_say() -> None:
    assert golds.plain({"actions": [], "outputs": ["4.6"]}) == "4.6"
    assert golds.plain({"actions": [{"name": "x"}], "outputs": ["4.6"]}) is None
    for gold, kept in (("4.6", False), ("5", True), ("fourteen items", False)):
        assert [one.kept for one in demands.of("How many days? Whole number.", gold)] == [kept]
    assert golds.states("Who chairs? (Answer shown to raters: R. Adeyemi)", "R. Adeyemi")


def test_all_that_was_to_be_said_and_failed() -> None:
    right, wrong = point("At 23:18.", "pass", model="a"), point("At 23:18.", "fail", model="b")
    one = item(right, wrong, expected={"actions": [], "outputs": ["23:18"]})
    assert strict._said_all(one, [wrong]) == [wrong]
    assert not strict._said_all(item(wrong, expected=one.expected), [wrong])

"""What texts that go round, system messages, calls and numbers that are asked for say, in the words
of other benchmarks than the first; each beside what only looks like it."""

from collections.abc import Callable

import msgspec
import pytest

from failure_analysis.audit import (
    allowed,
    arguments,
    broken,
    checked,
    claimed,
    dimensions,
    gold_kinds,
    harness,
    limits,
    recorded,
    same_answer,
    shell,
    strict,
)
from failure_analysis.audit.alike import alike
from failure_analysis.audit.seen import seen
from failure_analysis.audit.whole import Whole
from test_audit_form_said import call, item, point, run
from test_audit_items import found, say

__all__ = ["found"]


@pytest.mark.parametrize(("text", "round_"), [
    ("Let me add, let me add, let me add, let me add", True),
    ("Hmm, hmm, hmm, hmm, hmm, hmm, hmm", True),
    ("Wait, no. Wait, no. Wait, no. Wait, no. Wai", True),
    ("I need to check the tide. I need to check the tide. I need to check the tide. I need", True),
    ("ok so maybe it is so or maybe it is not so and so it is not or it is so and maybe not or so "
     "it is maybe so or not", True),
    ("Try 17: no. Try 19: no. Try 23: no. Try 29: no. Try", False),
    ("First the sides: 3 and 4. Their squares are 9 and 16, which", False),
    ('{"no":31,"t":"Plate 31"},{"no":32,"t":"Plate 32"},{"no":33,"t":"Pla', False),
    ("The knight goes to the tower, the king to the gate, and the bishop to the", False)])
def test_a_text_that_goes_round_is_not_getting_on(text: str, round_: bool) -> None:
    assert harness._repeats_itself(text) is round_


@pytest.mark.parametrize(("answer", "gold", "question", "same"), [
    ("ok = True", "ok = true", "Write the boolean in TOML: ok = True", False),
    ("debug: No", "debug: no", "Convert to YAML 1.2: debug: No", False),
    ("enabled = FALSE", "enabled = False", "Which line sets it off in Python?", False),
    ("loire", "Loire", "Which river is it?", True),
    ("the Loire", "Loire", "Which river is longer, the Loire or the Rhine?", True),
    ('{"ext": 12}', '{"ext": "012"}', "JSON with ext.", False),
    ('{"zip": 4021}', '{"zip": "04021"}', "JSON with zip.", False),
    ('{"age": 12}', '{"age": "12"}', "JSON with age.", True),
    ("500 cm³", "500", "Volume in cubic centimetres?", True),
    ("500 cm^3", "500", "Volume in cubic centimetres?", True),
    ("12 m2", "12", "The floor in square metres?", True),
    ("12 km²", "12", "The floor in square metres?", False),
    ("500 cm", "500", "Volume in cubic centimetres?", False)])
def test_what_is_form_beside_values_of_programs_and_powers(answer: str, gold: str, question: str,
                                                           same: bool) -> None:
    assert bool(alike(answer, gold, question)) is same


@pytest.mark.parametrize(("wanted", "given", "same"), [
    ({"field": "labels", "value": ["ui", "a11y"]}, {"field": "Labels", "value": ["a11y", "ui"]},
     True),
    ({"attribute": "members", "new_value": ["Ann", "Bo"]},
     {"attribute": "members", "new_value": ["Bo", "Ann"]}, True),
    ({"field": "steps", "value": ["mix", "bake"]}, {"field": "steps", "value": ["bake", "mix"]},
     False),
    ({"field": "version", "value": "3.1"}, {"field": "version", "value": "3.10"}, False),
    ({"release": "2.4"}, {"release": "2.40"}, False),
    ({"field": "price", "value": "3.1"}, {"field": "price", "value": "3.10"}, True),
    ({"incident": 70190}, {"incident": "0070190"}, False), ({"seat": 7}, {"seat": "7"}, True)])
def test_what_a_value_is_of_stands_beside_it(wanted: dict, given: dict, same: bool) -> None:
    assert arguments.same(wanted, given, "", "codes") is same


@pytest.mark.parametrize(("command", "result", "failed"), [
    ("kubectl rollout undo deploy/feed", "deployment.apps/feed rolled back", False),
    ("helm rollback web 3", "Rollback was a success: release web rolled back", False),
    ("psql -c 'update stock set n = 1'", "transaction was rolled back", True)])
def test_what_was_to_be_undone_is_no_refusal(command: str, result: str, failed: bool) -> None:
    assert shell.failed(run(command, result)) is failed


@pytest.mark.parametrize(("result", "failed"), [
    ("403 watchers are frozen while the ticket is under embargo", True),
    ("423 this list is locked by its owner", True), ("409 the archive is closed", True),
    ("200 added", False), ("403 watchers added", False)])
def test_a_code_before_a_reason_is_a_refusal(result: str, failed: bool) -> None:
    assert shell.failed(call("update_watchers", {"add": "lena"}, result)) is failed


@pytest.mark.parametrize(("result", "broke"), [
    ("CAD gateway error 504: upstream timed out", True),
    ("Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout", True),
    ("psql: error: failed to connect to host db1: Connection refused", True),
    ("Gateway 504 opens at noon", False), ("Unable to connect to the wifi of a guest", False)])
def test_a_line_that_is_down(result: str, broke: bool) -> None:
    assert broken.failed(result) is broke


ENDS = [
    *say("reset", "Which word ends a call?", "out", "ConnectionResetError: [Errno 104]",
         passing=("out",), end="error"),
    *say("browser", "Archive it.", "archived", "BrowserError: Target page has been closed",
         passing=("archived",), end="error"),
    *say("silent", "How many cups?", "3", "", passing=("3", "3"))]


def test_where_nothing_was_generated_the_text_is_not_the_models(found: Callable) -> None:
    rows = [{**one, "tokens": 0 if not one["ok"] else 40,
             "end": (one["end"] if one["end"] == "error" else "") if not one["ok"] else "stop"}
            for one in ENDS]
    assert found("harness", rows) == [("empty", "silent"), ("infrastructure", "browser"),
                                      ("infrastructure", "reset")]
    decoys = [{**one, "end": "stop"} for one in ENDS]  # generated and ended by itself
    assert found("harness", decoys) == []


@pytest.mark.parametrize(("log", "answer", "lacks"), [
    ("/bin/sh: cc: command not found", "int f(void) { return 1; }", True),
    ("bash: line 1: rustc: command not found", "fn f() {}", True),
    ("/usr/bin/env: 'node': No such file or directory", "const f = 1", True),
    ("sh: 1: jq: not found", "jq .a in.json", False), ("f.c:1: error: 'x' not found", "x", False)])
def test_a_check_that_lacks_its_program(log: str, answer: str, lacks: bool) -> None:
    assert broken.lacks(log, answer) is lacks


@pytest.mark.parametrize(("judge", "said", "denied"), [
    ("pow2.c:1: error: parentheses [-Werror]\nbuild FAILED", "It passes every test.", True),
    ("src/lib.rs:4:9: error[E0308]: mismatched types\nerror: could not compile `a`",
     "All tests pass.", True),
    ("Main.java(12): error: ';' expected\nBuild failed", "All tests are green.", True),
    ("test result: ok. 6 passed; 0 failed", "All tests pass.", False),
    ("0 warnings, the tests of error: ok", "All tests pass.", False)])
def test_what_does_not_build_passes_no_test(judge: str, said: str, denied: bool) -> None:
    assert bool(checked.denied(point(said, "fail", judge=judge), "Write it.")) is denied


def _rows(*told: tuple[str, str], terms: str = "", tool: str = "set_it", key: str = "x") -> list:
    return [msgspec.structs.replace(point(answer, "fail", *(
        [call(tool, {key: given}, "ok")] if given != "" else []), model=f"m{place}"), terms=terms)
        for place, (answer, given) in enumerate(told)]


def _due(key: str, value: object) -> dict:
    return {"actions": [{"name": "set_it", "arguments": {key: value}}], "outputs": []}


@pytest.mark.parametrize(("terms", "key", "gold", "given", "forbidden"), [
    ("Priorities are P1, P2, P3.", "priority", "P4", "P3", True),
    ("Leases run 10, 15 or 20 years.", "years", 25, 20, True),
    ("Rooms come as single, double or suite.", "kind", "triple", "suite", True),
    ("Cabins are inside, outside, balcony.", "cabin", "penthouse", "balcony", True),
    ("Priorities are P1, P2, P3.", "priority", "P2", "P3", False),
    ("You may call 3 or 4 tools.", "years", 25, 20, False)])
def test_a_list_of_the_system_message(terms: str, key: str, gold: object, given: object,
                                      forbidden: bool) -> None:
    one = item(*_rows(("Done.", given), ("It is set.", given), terms=terms, key=key),
               expected=_due(key, gold))
    assert bool(allowed.none_of_them(one, Whole())) is forbidden


@pytest.mark.parametrize(("terms", "key", "gold", "given", "over"), [
    ("Quantities are whole numbers from 1 to 50.", "qty", 75, 20, True),
    ("The amount lies between 5 and 200 francs.", "amount", 500, 50, True),
    ("Quantities are whole numbers from 1 to 50.", "qty", 45, 20, False),
    ("Quantities are whole numbers from 1 to 50.", "dock", 75, 20, False),
    ("Quantities are whole numbers from 1 to 50.", "qty", 75, 80, False)])
def test_a_range_of_the_system_message(terms: str, key: str, gold: int, given: int, over: bool
                                       ) -> None:
    one = item(*_rows(("Done.", given), ("It is set.", given), terms=terms, key=key),
               expected=_due(key, gold))
    assert bool(limits.over_the_limit(one, Whole())) is over


def test_of_a_system_message_what_lists_or_bounds_is_kept() -> None:
    said = "You are a clerk. Be kind to all.\nPriorities are P1, P2, P3. Amounts go from 1 to 9."
    row = {"datapoint_id": "d", "run_id": "r", "trial": 0, "outcome": "fail",
           "failed_dimensions": [], "messages": [{"role": "system", "content": said}]}
    assert seen(row).terms == "Priorities are P1, P2, P3. Amounts go from 1 to 9."
    assert not seen({**row, "messages": [{"role": "user", "content": said}]}).terms


@pytest.mark.parametrize(("question", "gold", "answers", "allowed_"), [
    ("Rate it: A (good), B (fair), C (bad). One letter.", "D", ("C", "(C)"), False),
    ("Which letter? A = yes, B = no, C = unclear.", "D", ("B", "b"), False),
    ('JSON {"s": ...}, one of "open", "part", "paid".', {"s": "partly"},
     ('{"s": "part"}', '{"s": "part"}'), False),
    ("Rate it: A (good), B (fair), C (bad). One letter.", "B", ("C", "C"), True),
    ('JSON, one of "open", "part", ... and others.', {"s": "partly"},
     ('{"s": "part"}', '{"s": "part"}'), True)])
def test_members_of_lists_in_other_forms(question: str, gold: object, answers: tuple,
                                         allowed_: bool) -> None:
    one = item(*_rows(*((answer, "") for answer in answers)), question=question, expected=gold)
    assert (allowed.none_of_them(one, Whole()) is None) is allowed_


@pytest.mark.parametrize(("question", "gold", "answers", "odd"), [
    ("Resistor brown black red, as a number?", "1K0 ohm brown", ("1000", "1,000"), True),
    ("Which integer does it give?", "one", ("1", "`1`"), True),
    ("How many episodes, 8, 9 and 10 together?", ["8", "9", "10"], ("27", "27."), True),
    ("Give the total as one number.", ["4", "5"], ("9", "9"), True),
    ("Which integers divide 6?", ["2", "3"], ("6", "6"), False),
    ("How many are there?", ["27", "twenty-seven"], ("27", "27"), False),
    ("Which integer does it give?", "1", ("2", "2"), False)])
def test_one_number_is_asked_for(question: str, gold: object, answers: tuple, odd: bool) -> None:
    one = item(*_rows(*((answer, "") for answer in answers)), question=question, expected=gold)
    assert bool(gold_kinds.other_kind(one, Whole())) is odd


@pytest.mark.parametrize(("question", "gold", "given", "made"), [
    ("Restart ledger in namespace pay-007.", "kubectl -n pay-7 rollout restart deploy/ledger",
     "kubectl -n pay-007 rollout restart deploy/ledger", True),
    ("Drain node rack-042.", "nodectl --drain rack-42", "nodectl --drain rack-042", True),
    ("Pick from bin MAR-07-2.", "2002-03-07", "MAR-07-2", True),
    ("Take sample dec-5-19.", "2019-12-05", "dec-5-19", True),
    ("Restart ledger in pay-007, not in pay-7.", "kubectl -n pay-7 restart x",
     "kubectl -n pay-007 restart x", False)])
def test_names_made_numbers_or_days(question: str, gold: str, given: str, made: bool) -> None:
    one = item(*_rows(("Done.", given), ("It is set.", given), key="command"), question=question,
               expected=_due("command", gold))
    assert bool(recorded.made_number(one)) is made


GONE = {"state": True, "radio_text": False}


@pytest.mark.parametrize(("outputs", "name", "rule"), [
    ([], "radio_text", "arguments"), ([], "answer", "arguments"), (["7001"], "radio_text", ""),
    ([], "politeness", "")])
def test_a_right_state_fails_for_no_word_that_is_not_due(outputs: list, name: str, rule: str
                                                         ) -> None:
    row = msgspec.structs.replace(
        point("A12 is on its way.", "fail", call("assign", {"unit": "a12"}, "assigned"),
              failed=[name]), scores={"page_state": True, name: False})
    expected = {"actions": [{"name": "assign", "arguments": {"unit": "A12"}}], "outputs": outputs}
    rules = [one.rule for one in strict.find(item(row, expected=expected), Whole())]
    assert rules == ([rule] if rule else [])
    assert claimed._only_words(row, [], expected) is bool(outputs)


def test_dimensions_of_words_and_of_the_same_calls() -> None:
    assert dimensions.of_words("radio_text") and not dimensions.of_words("context")
    done = call("run", {"command": "scale --max=9"}, "scaled")
    rows = [msgspec.structs.replace(
        point("It scales.", outcome, done, model=model, failed=failed), spoken=spoken,
        scores={"state": True, "calls": not failed})
        for model, outcome, failed, spoken in (
            ("a", "pass", [], "Next step.\n\nIt scales."), ("b", "fail", ["calls"], ""))]
    assert "same_calls" in [one.rule for one in same_answer.find(item(*rows), Whole())]
    rows[0] = msgspec.structs.replace(rows[0], spoken="I read 9 pages of it.\n\nIt scales.")
    rows[1] = msgspec.structs.replace(rows[1], failed=["report"],
                                      scores={"state": True, "report": False})
    assert "same_calls" not in [one.rule for one in same_answer.find(item(*rows), Whole())]


@pytest.mark.parametrize(("answer", "claims"), [
    ("A6 is on its way and Northgate has been prealerted.", True),
    ("A6 was sent, and the prealert went to Northgate.", True),
    ("A6 was sent; I left Northgate alone.", False), ("A6 has been sent.", False)])
def test_the_object_of_a_call_that_is_left(answer: str, claims: bool) -> None:
    due = [strict.Call("assistant", name, given) for name, given in (
        ("assign_unit", {"unit": "A6"}), ("send_prealert", {"hospital": "Northgate"}))]
    row = msgspec.structs.replace(
        point(answer, "fail", call("assign_unit", {"unit": "A6"}, "assigned"), failed=["log"]),
        scores={"log_state": False, "radio_text": True})
    assert bool(claimed._credited(row, due)) is claims



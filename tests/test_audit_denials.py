"""How records say that a deed was not done, that a harness broke or that a gold is ruled out, in
the words of any tool; each beside what only looks like it."""

import pytest

from failure_analysis.audit import (
    alike,
    arguments,
    broken,
    contradicted,
    final,
    golds,
    harness,
    limits,
    lost,
    near,
    normal,
    passing,
    read_back,
    required,
    same_form,
    shell,
    state_read,
    strict,
    told_of,
    wording,
)
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made
from failure_analysis.audit.undone import Undone
from test_audit_form_said import call, item, point, run
from test_audit_read_back import whole_of


@pytest.mark.parametrize(("tool", "given", "result", "failed"), [
    ("pay", {"id": "A"}, '{"state": "held", "code": "IBAN"}', True),
    ("hold_order", {"id": "A"}, '{"state": "held"}', False),
    ("assign_duty", {"crew": "E4"}, '{"roster": "rejected", "rule": "rest"}', True),
    ("set_claim", {"state": "rejected"}, '{"roster": "rejected"}', False),
    ("send_notice", {"to": "ops"}, '{"queued": false, "reason": "mailbox full"}', True),
    ("create_post", {"title": "x"}, '{"id": "P1", "queued": false}', False),
    ("update_sql", {"q": "UPDATE t SET a=1"}, "UPDATE 0", True),
    ("update_sql", {"q": "UPDATE t SET a=1"}, "UPDATE 3", False),
    ("update_sql", {"q": "ROLLBACK"}, "rolled back", False),
    ("update_sql", {"q": "UPDATE t SET a=1"}, "deadlock, rolled back", True),
    ("pump", {"op": "pause"}, "rpc error: code = Unavailable desc = refused", True),
    ("book", {"slot": 4}, "Booked slot 4; the earlier request was declined.", False),
    ("move", {"obj": "cup"}, "gripper slipped: object dropped", True)])
def test_what_a_tool_says_of_its_own_deed(tool: str, given: dict, result: str, failed: bool
                                          ) -> None:
    assert shell.failed(call(tool, given, result)) is failed


def test_commands_that_only_look_or_fail() -> None:
    assert shell.looks(run("fleetctl pad list", "pad1"))
    assert shell.looks(run("fleetctl upload m1 --dry-run", ""))
    assert not shell.looks(run("rm list", ""))
    assert not shell.looks(run("fleetctl pad reserve p", ""))
    assert shell.failed(run("gzip a.log", "gzip: a.log: Permission denied\n[exit 1]"))
    assert not shell.failed(run("gzip a.log", "[exit 0]"))
    assert not required.writes("mail_status") and required.writes("update_status")


def test_a_claim_that_holds_all_of_a_refused_deed() -> None:
    refused = Undone("sh", {"cmd": "fleetctl fw update swift-3 2.4.1"}, "", refused=True)
    assert told_of.held_in("swift-1 and swift-3 run 2.4.1.", refused)
    assert not told_of.held_in("swift-1 runs 2.4.1.", refused)


def test_what_stands_behind_a_deed() -> None:
    restart = run("systemctl restart nginx", "")
    failed = run("systemctl status nginx", "nginx - web server\n  Active: failed (exit-code)")
    assert state_read.denies_in_text(restart, failed)
    assert not state_read.denies_in_text(restart, run("systemctl status nginx", "Active: active"))
    add = call("add_member", {"name": "Bo"}, "ok")
    assert state_read.roll_lacks(add, call("list_members", {}, '["Ann", "Cy"]'))
    assert not state_read.roll_lacks(add, call("list_members", {}, '["Ann", "Bo"]'))
    assert not state_read.roll_lacks(add, call("list_members", {}, '["M1", "M2"]'))
    assert state_read.denies_state(call("enable", {"job": "back"}, "ok"),
                                   call("get_job", {}, '{"job": "back", "enabled": false}'))
    built = run("make report", "done")
    gone = run("ls out/r1.pdf", "ls: cannot access 'out/r1.pdf': No such file or directory")
    row = point("r1.pdf has been created.", "fail", built, gone)
    assert read_back.denied(row, [row])
    row = point("r1.pdf has been deleted.", "fail", built, gone)
    assert not read_back.denied(row, [row])


def test_a_deed_that_another_verb_takes_back() -> None:
    due = [Call("assistant", "remove_deduction", {"code": "GYM"})]
    made = [call("remove_deduction", {"code": "GYM"}, "{}"),
            call("restore_deduction", {"code": "GYM"}, "{}")]
    assert state_read.taken_back(made, due)
    assert not state_read.taken_back([made[0], call("restore_backup", {"code": "GYM"}, "{}")], due)


def test_ids_that_are_counted_anew() -> None:
    def made(ident: str, given: dict, result: str = "{}") -> Made:
        return Made("assistant", "book", given, result, result, False, ident)

    twice = point("x", "fail", made("t9", {"s": 4}), made("t9", {"s": 4}))
    other = point("y", "pass", made("t1", {"s": 4}), model="n")
    assert harness._again(twice, item(twice, other), None)
    again = point("x", "fail", made("t1", {"s": 4}), made("t1", {"s": 4}))
    assert not harness._again(again, item(again, other), None)
    told = point("x", "fail", made("t1", {"s": 4}), made("t1", {"s": 4}, "duplicate request"))
    assert harness._again(told, item(told, other), None)


def test_a_shell_that_is_broken() -> None:
    assert broken.failed("bash: cannot allocate pty: Resource temporarily unavailable")
    assert broken.failed("container killed: OOMKilled (exit 137)")
    assert not broken.failed("The certificate has 3 pages")
    assert broken.failed("sh: 1: node: not found") and broken.technical("sh: 1: node: not found")
    assert not broken.technical("order 1: node: not found")
    assert broken.any_command("bash: fork: Cannot allocate memory")
    assert not broken.any_command("curl: (7) Failed to connect")
    assert broken.unchecked("runner: fork: Cannot allocate memory\nlua did not start", False)


@pytest.mark.parametrize(("text", "unchecked"), [
    ("Error: judge request timed out after 60 s", True),
    ("Error: the judge's request was answered in 60 s", False),
    ("judge call failed: 503", True), ("The judge calls this a failed attempt", False)])
def test_a_judge_that_was_not_reached(text: str, unchecked: bool) -> None:
    assert broken.unchecked(text, False) is unchecked


@pytest.mark.parametrize(("answer", "gold", "empty"), [
    ("....", "....", False), ("....", "S", True), ("", "", True), ("", "S", True)])
def test_signs_that_are_the_answer_are_no_empty_one(answer: str, gold: str, empty: bool) -> None:
    assert passing._is_empty(point(answer, "pass"), gold) is empty


def test_blank_pages_and_files_that_nobody_got() -> None:
    blank = [point("Empty.", "fail", call("get_page", {"url": url}, ""), model=model)
             for model, url in (("a", "/x"), ("b", "/x"), ("c", "/y"))]
    told = whole_of([point("x", "pass", call("get_order", {"id": 1}, "open"))])
    assert lost._one_word(item(*blank), told)
    assert not lost._one_word(item(*blank, point("x", "fail", call("get_page", {}, "Hi"))), told)
    lacking = [point("[attachment missing: 404]", "fail", model=model) for model in "ab"]
    one = item(*lacking, question="From the attached log, how many?")
    assert lost.not_given(lacking[0], one, None)
    one = item(*lacking, point("17", "fail"), question="From the attached log, how many?")
    assert not lost.not_given(lacking[0], one, None)


@pytest.mark.parametrize(("question", "gold", "right"), [
    ("Square of order 4 (symbols 1 to 4). The last row?", "4325", "4321"),
    ("Use only the digits 1, 2 and 3: the largest number?", "341", "321"),
    ("Name an even number near 31.", "31", "32"),
    ("Give a prime number between 20 and 28.", "29", "23")])
def test_a_gold_that_is_ruled_out(question: str, gold: str, right: str) -> None:
    rows = [point(right, "fail", model=model) for model in "ab"]
    assert limits.ruled_out(item(*rows, question=question, expected=gold), None)
    assert not limits.ruled_out(item(*rows, question=question, expected=right), None)
    assert not limits.ruled_out(item(*rows, question=f"How many? {question}", expected=gold), None)


def test_golds_that_no_question_says() -> None:
    def fault(question: str, gold: object, said: object) -> object:
        rows = [point("x", "fail", call("set", {"n": said}, "{}"), model=model) for model in "ab"]
        return contradicted.other_for_stated(item(*rows, question=question, expected={
            "actions": [{"name": "set", "arguments": {"n": gold}}]}), None)

    assert fault("Set the bonus to 1200.", 1250, 1200)
    assert not fault("Set the bonus to 1200 minus the fee.", 1150, 1200)
    assert fault("Take the first of E1, E2.", "E8", "E2")
    assert not fault("Take the first of E1, E2, E8.", "E8", "E2")


def test_answers_in_brackets() -> None:
    assert golds.states("81 % and 64 %. Difference? (17)", "17")
    assert golds.states("Least n with n = 2 mod 5 [17]. Find n.", "17")
    assert not golds.states("See [17] and [18]. Find n.", "17")
    assert golds.states_json('Extract. (Reference: {"n": 1})', {"n": 1})
    assert not golds.states_json('Extract from {"n": 1}.', {"n": 1})
    assert golds.is_placeholder("Hello {customer_name}!")
    assert not golds.is_placeholder("f'{first_name}'")
    rows = [point("-5", "fail"), point("5", "fail", model="a"), point("5", "fail", model="b")]
    assert limits.below_zero(item(*rows, question="How many are left?", expected="-5"), None)
    assert not limits.below_zero(item(*rows, question="By how many, signed?", expected="-5"), None)
    rows = [point("2023-10-31", "fail", model=model) for model in "ab"]
    assert limits.serial_day(item(*rows, question="Which day?", expected="45230"), None)
    assert not limits.serial_day(item(*rows, question="Which day?", expected="45130"), None)
    one = item(*rows, question="Set it to whole hundreds only.", expected={
        "actions": [{"name": "set", "arguments": {"amount": 1250}}]})
    assert limits.over_the_limit(one, None)
    one.expected["actions"][0]["arguments"]["amount"] = 1200
    assert not limits.over_the_limit(one, None)


def test_forms_of_values() -> None:
    question = "Log ST-4: 06:00 3.2; 12:00 9.8 (C). Highest?"
    assert alike.alike("9,8 °C", "9.8", question) and not alike.alike("9,8 °F", "9.8", question)
    assert alike.alike("１２８", "128", "Sum?") and alike.alike("cafe\u0301", "café", "Drink?")
    assert alike.alike("2.50", "2.5", "What is printed? print(string.format('%5.2f', 2.5))")
    assert not alike.alike("2.500", "2.5", "What is printed? print(string.format('%5.2f', 2.5))")
    cmd = ("grep 'a b' f", 'grep "a b" f', "grep 'a  b' f", "grep 'a*' f", "grep a* f")
    assert arguments.same({"cmd": cmd[0]}, {"cmd": cmd[1]}, "")
    assert not arguments.same({"cmd": cmd[0]}, {"cmd": cmd[2]}, "")
    assert not arguments.same({"cmd": cmd[3]}, {"cmd": cmd[4]}, "")
    assert arguments.same({"day": "2025-06-01"}, {"day": "2025-06-01T00:00:00Z"}, "")
    assert not arguments.same({"day": "2025-06-01"}, {"day": "2025-06-01T10:00:00Z"}, "")
    assert final.final("The river that flows through it is the **Danube**.").text == "Danube"
    assert wording.refuses("Unable to read the log.") and not wording.refuses("Unable, he left.")


def test_code_that_is_laid_out_otherwise() -> None:
    assert normal.same_code("def f(x):\n    return 2 * x", "def f(x):\n  return 2*x")
    assert not normal.same_code("if a:\n    b()\n    c()", "if a:\n    b()\nc()")
    assert normal.same_code("function f(x) return x end", "function f(x)\n return x\nend")
    assert not normal.same_code("f('a b');", "f('ab');")
    rows = [point("def f(x):\n    return 2*x", "pass"), point("def f(x):\n  return 2 * x", "fail")]
    assert list(same_form._same_code(item(*rows, question="Double x."), rows[:1], rows[1:]))
    assert not list(same_form._same_code(item(*rows, question="Indent it."), rows[:1], rows[1:]))
    prose = ("two visits to mend the boiler and {}put new taps in the kitchen and the hall "
             "upstairs before the guests of the wedding come from town on the last day of May")
    assert near.same_prose(prose.format("to "), prose.format(""))
    assert not near.same_prose(prose.format("to "), prose.format("not "))


def test_the_one_word_that_was_owed_nobody() -> None:
    made = call("book", {"slot": 4}, "ok")
    failed = point("Booked.", "fail", made, failed=["reply"],
                   scores={"state": True, "reply": False})
    passed, other = point("Booked.", "pass", made), point("Booked, I think.", "pass", made)
    assert strict._owes_no_word(item(failed, passed), failed)
    assert not strict._owes_no_word(item(failed, other), failed)

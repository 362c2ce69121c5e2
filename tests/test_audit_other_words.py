"""What a record, a machine or a gold says in other words than those of the rule's first case; each
beside what only looks like it."""

from collections.abc import Callable

import msgspec
import pytest

from failure_analysis.audit import (
    arguments,
    asks,
    broken,
    check_broke,
    checked,
    claimed,
    golds,
    items,
    lost,
    near,
    passing,
    read_back,
    shell,
    strict,
)
from failure_analysis.audit.alike import alike
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made
from failure_analysis.audit.undone import Undone
from test_audit_form_said import call, item, point, run
from test_audit_items import act, found, say

__all__ = ["found"]


@pytest.mark.parametrize(("answer", "judge", "denied"), [
    ("All tests pass.", "--- FAIL: TestSq (0.00s)\n    got 25, want 55\nFAIL\texit status 1", True),
    ("Every spec is green now: all specs pass.", "BUILD FAILED\n> Task :check", True),
    ("The suite is green.", "FAILED  spec/half_spec.rb:4\n1 example", True),
    ("All tests pass.", "--- PASS: TestSq (0.00s)\nPASS", False),
    ("The tests should pass.", "--- FAIL: TestSq (0.00s)\nFAIL", False),
    ("The file validates.", "schema: 'price' is required; valid=false", True),
    ("The feed is well-formed and conforms.", "xmllint: 2 schema violations", True),
    ("The output was validated.", "validator: valid=true", False),
    ("The output was validated.", "0 errors, no schema violations", False)])
def test_a_check_that_the_answer_denies(answer: str, judge: str, denied: bool) -> None:
    assert bool(checked.denied(point(answer, "pass", judge=judge), "Write it.")) is denied


@pytest.mark.parametrize(("judge", "denied"), [
    ("check tray(215)==dry: got out", True), ("assert state: got 'open', want 'closed'", True),
    ("db check: role=admin, found viewer", True), ("Expected: dry\nReceived: out (page)", True),
    ("check tray(215)==dry: got dry", False), ("db: status=paid (was unpaid)", False),
    ("The state is right, expected 3 calls", False), ("page check: got paid, want paid", False)])
def test_what_an_assertion_got(judge: str, denied: bool) -> None:
    row = point("Done: it has been moved.", "pass", call("move", {"id": 215}, "queued"),
                judge=judge)
    assert bool(checked.denied(row, "Move it.")) is denied


WASH = run("pressctl wash B", "started")


@pytest.mark.parametrize(("act_", "read", "denied"), [
    (WASH, run("tail -1 /var/log/b", "wash 40%\nwash aborted: no solvent"), True),
    (run("backupctl start nightly", "ok"), run("tail /var/log/backup", "backup failed at 3/9"),
     True),
    (call("send_card", {"doc": "DOC-9"}, '{"queued":true}'), call("get_outbox", {}, (
        '{"sent":0,"bounced":[{"doc":"DOC-9","reason":"mailbox full"}]}')), True),
    (call("import_rows", {"batch": "B-12"}, '{"queued":true}'), call("list_jobs", {}, (
        '[{"done":["B-11"],"rejected":["B-12"]}]')), True),
    (WASH, run("tail -1 /var/log/b", "wash complete"), False),
    (WASH, run("tail -1 /var/log/b", "wash complete, 0 failed"), False),
    (WASH, run("tail -1 /var/log/b", "proof 7 aborted"), False),
    (WASH, run("tail -2 /var/log/b", "wash aborted: no solvent\nwash complete"), False),
    (call("send_card", {"doc": "DOC-9"}, '{"queued":true}'), call("get_outbox", {}, (
        '{"sent":["DOC-9"],"bounced":["DOC-4"]}')), False)])
def test_a_look_up_that_ends_badly(act_: Made, read: Made, denied: bool) -> None:
    row = point("It finished successfully and has been sent.", "pass", act_, read)
    assert bool(read_back.denied(row, [row])) is denied


@pytest.mark.parametrize(("tool", "result", "refused"), [
    ("submit_form", "Draft saved - not submitted: accept the rules", True),
    ("publishPost", "Saved. Not yet published: no cover", True),
    ("send_order", "SMTPServerDisconnected: Connection unexpectedly closed", True),
    ("submit_form", "HTTP 500 - message lost", True), ("book_desk", "Error: HTTP 409 (desk)", True),
    ("submit_form", "Submitted - not saved as a draft", False),
    ("send_order", "Order 500 - message sent", False)])
def test_a_tool_that_did_not_do_it(tool: str, result: str, refused: bool) -> None:
    assert bool(shell.denial(tool, result)) is refused


def test_a_model_that_was_not_reached() -> None:
    assert broken.stands_for_answer("API Error: 529 overloaded_error", "Delete it.", "error")
    assert broken.stands_for_answer("LLM request failed: 503 service unavailable", "q", "error")
    for ended, is_so in (("error: upstream connect timeout", True), ("socket exception", True),
                         ("llm_call_timeout", True), ("agent_error", False), ("timeout", False),
                         ("error: no such tool", False), ("connection_made", False)):
        assert broken.ended(ended) is is_so, ended
    assert broken.failed("RemoteDisconnected: peer went away")
    assert not broken.failed("timeout: 30")


@pytest.mark.parametrize(("log", "broke"), [
    ("go: proxy.golang.org: dial tcp: lookup proxy.golang.org: no such host", True),
    ("error: failed to fetch crates.io index: Could not resolve host: index.crates.io", True),
    ("npm ERR! code ENOTFOUND registry.npmjs.org", True),
    ("open /srv/kata_test.go: no space left on device", True),
    ("ConnectionError in fetch(): no such host example.org", False),
    ("2 passed, 1 failed: no space left on device", False), ("want 3", False)])
def test_a_check_that_never_ran(log: str, broke: bool) -> None:
    rows = [point("f", "fail", judge=log, model=name) for name in "ab"]
    assert check_broke.unchecked(rows[0], item(*rows), None) is broke


def test_a_session_that_all_lost() -> None:
    gone = "docker exec: container 5fe2 is not running"
    rows = [point("", "fail", run("uptime", "up"), run("systemctl restart rip", gone), model=name)
            for name in "ab"]
    assert lost.session(rows[0], item(*rows), None)
    fine = point("", "fail", run("uptime", "up"), model="c")
    assert not lost.session(rows[0], item(*rows, fine), None)
    assert not lost.session(rows[0], item(*rows, question="Is the container up?"), None)
    passed = msgspec.structs.replace(rows[1], outcome="pass")
    assert not lost.session(rows[0], item(rows[0], passed), None)


def test_the_form_of_arguments_and_of_questions() -> None:
    for a, b, equal in (("07:30", "7:30", True), ("7:30", "19:30", False),
                        ("Für Zoë", "Für Zoe\u0308", True), ("Zoë", "Zoe", False)):
        assert arguments.same({"at": a}, {"at": b}, "", "codes") is equal, (a, b)
    key = items.question_key
    assert key("How many cuts make 9 pieces?") == key("how many cuts make 9 pieces")
    assert key("How many capitals in 'Ab'?") != key("How many capitals in 'ab'?")
    assert "output" in asks.forms('What does fmt.Printf("%q", "a") print?')
    assert "output" not in asks.forms("What is a press? It can print.")
    assert alike("`3`", "3", "What does f.Print(x) print?")
    assert not alike("a", '"a"', "What does f.Print(x) print?")


def test_a_comma_more_is_the_same_sentence() -> None:
    one, other = (near.essence(text) for text in (
        "at least one win has probability 8/15, by the complement.",
        "At least one win has probability 8/15 by the complement"))
    assert one[0] == other[0] and one[1] == other[1]
    assert near.essence("He sold 3 and kept the other 5 of the old red cars")[0] != near.essence(
        "He sold 5 and kept the other 3 of the old red cars")[0]


def test_commands_in_another_order() -> None:
    high, free = run("pressq prio 214 high", "214 high"), run("pressq release 214", "214 waiting")
    right = point("Done.", "pass", high, free)
    one = item(right, question="Release 214 with high priority.")
    assert strict._order_is_free(one, [free, high])
    quiet = [run("touch a", ""), run("cp a b", "")]
    assert not strict._order_is_free(item(point("Done.", "pass", *quiet)), quiet[::-1])
    assert not strict._order_is_free(item(point("Done.", "fail", high, free)), [free, high])


def test_what_a_sentence_says_of_an_object() -> None:
    add = Undone("add_line", {"order": 18, "product": "baguette"}, "Never called")
    done = [call("remove_line", {"order": 17, "product": "baguette"}, "ok")]
    assert claimed._speaks_of("The baguettes have been moved to order 18.", add, done)
    assert not claimed._speaks_of("The baguettes are gone from order 17.", add, done)
    shut = point("Closed on Sunday; call 555.", "fail", call("get_hours", {}, '{"sun":"closed"}'))
    for due, claims in (([], False), ([Call("assistant", "close_shop", {})], True)):
        own = due or claimed._OWN.search(shut.answer)
        assert bool(own) is claims


def test_a_right_state_where_nothing_was_written(found: Callable) -> None:
    book = ("submit_form", {"form": "visit", "guests": 8}, "saved")
    look = ("open_page", {"url": "/visits"}, "form: guests")
    rows = [*act("idle", "Book for 8.", book, passing=((book,), (look,), (book,))),
            *act("done", "Book for 8 at noon.", book, passing=((book,), (look, book)))]
    rows = [{**row, "answer": "It is booked for 8 guests."} for row in rows]
    assert found("claimed_done", rows) == [("claimed_passed", "idle")]


def test_a_name_that_the_question_gives_was_not_taken() -> None:
    wanted = Call("assistant", "cancel", {"vehicle": "CP-4"})
    for result, named in (('{"booked": true}', True), ('{"also": "CP-14"}', False)):
        row = point("I took CP-14 off.", "pass", call("get", {"vehicle": "CP-4"}, result),
                    other := call("cancel", {"vehicle": "CP-14"}, "ok"), question="Cancel CP-4.")
        assert passing._is_named(row, [passing.Unmet(wanted, "elsewhere", other)]) is named


@pytest.mark.parametrize(("question", "gold", "told"), [
    ('What does len("öl") print? (it prints 3)', "3", True),
    ("How far is it? [the result is 40 km]", "40 km", True),
    ("What is left? (so the total comes to 12.)", "12", True),
    ("How many legs has it? (a dog has 4)", "4", False),
    ("How long is it? (it is more than 3)", "3", False)])
def test_a_question_that_tells_behind_it(question: str, gold: str, told: bool) -> None:
    assert golds.states(question, gold) is told


def box(kind: str, result: str) -> tuple:
    return ("add_box", {"order": 40, "type": kind}, result)


FORM = ("open_page", {"url": "/r"}, "[form report] plot, category(noise|smoke|pests)")


def fill(field: str, value: str) -> tuple:
    return ("fill", {"field": field, "value": value}, "ok")


WORLDS = {
    "gold_refused": ([
        *act("box", "A large box on 40.", box("large", ""), (
            box("large", '{"error":"type must be one of small, medium"}'),), (box("x", "ok"),)),
        *act("size", "An XL box on 40.", box("XL", ""), *[(
            box("XL", "Error: type 'XL' is not in [S|M|L]"),)] * 2),
    ], [
        *act("other", "A large box on 40.", box("large", ""), *[(
            box("large", '{"error":"type must be one of small, large"}'),)] * 2),
        *act("state", "A large box on A-1.", ("add_box", {"order": "A-1", "type": "large"}, ""), *[(
            ("add_box", {"order": "A-1", "type": "large"},
             "Error: order A-1 is shipped; state must be one of open, held"),)] * 2),
        *act("down", "A large box on 40.", box("large", ""), *[(
            box("large", '{"error":"server down"}'),)] * 2),
    ]),
    "gold_not_allowed": ([
        *say("yes", "Is XLIX smaller than L? yes or no", "49", "yes", "no", "yes"),
        *say("side", "Which way does it turn? (left or right)", "2", "left", "right", "left"),
        *act("form", "Report it.", fill("category", "fire"), *[(
            FORM, fill("category", "smoke"), fill("plot", "7"))] * 2),
    ], [
        *say("one", "Is XLIX smaller than L? yes or no", "no", "yes", "yes"),
        *act("plot", "Report it.", fill("plot", "7"), *[(
            FORM, fill("plot", "8"), fill("category", "smoke"))] * 2),
    ]),
    "gold_read_as_day": ([
        *say("ace", "Chance of an ace, as a fraction?", "2031-01-13", "1/13", "1/13"),
        *say("score", "What was the score?", "3-Feb", "3-2", "2-3"),
        *act("bus", 'Put "BUS-2031-03-04" on deck 1.', ("put", {"bus": "BUS-Mar 4, 2031"}, ""), *[(
            ("put", {"bus": "BUS-2031-03-04"}, "ok"),)] * 2),
    ], [
        *say("asked", "On which date was it?", "2031-01-13", "1/13", "1/13"),
        *say("day", "When was it?", "2031-01-13", "13 January", "2031-01-12"),
        *act("date", "Move it to 2031-03-04.", ("put", {"day": "Mar 4, 2031"}, ""), *[(
            ("put", {"day": "2031-03-04"}, "ok"),)] * 2),
    ]),
    "name_unknown": ([
        *act("sign", "A note for Sable, PT-0O19.", ("note", {"id": "PT-0O19"}, ""), *[(
            ("get_pet", {"id": "PT-0O19"}, '{"error":"no pet PT-0O19"}'),
            ("find_pet", {"name": "Sable"}, '[{"id":"PT-0019"}]'),
            ("note", {"id": "PT-0019"}, "ok"))] * 2),
        *act("digit", "Close ticket TK-4471.", ("close", {"id": "TK-4471"}, ""), *[(
            ("close", {"id": "TK-4471"}, "Error: unknown ticket TK-4471"),
            ("list_mine", {}, '["TK-4417"]'), ("close", {"id": "TK-4417"}, "ok"))] * 2),
    ], [
        *act("there", "A note for PT-0018.", ("note", {"id": "PT-0018"}, ""), *[(
            ("get_pet", {"id": "PT-0018"}, '{"name":"Sable"}'),
            ("find_pet", {"name": "Sable"}, '[{"id":"PT-0019"}]'),
            ("note", {"id": "PT-0019"}, "ok"))] * 2),
    ]),
}


@pytest.mark.parametrize("rule", WORLDS)
def test_a_gold_that_no_tool_or_list_has(found: Callable, rule: str) -> None:
    planted, decoys = WORLDS[rule]
    names = sorted({row["id"] for row in planted})
    assert [one for of, one in found("damaged_item", planted + decoys) if of == rule] == names

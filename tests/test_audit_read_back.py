"""What the record says after an act, against the words of the answer: reads behind a write, results
in part, and the words of checks; each beside what only looks like it."""

from collections.abc import Sequence

import pytest

from failure_analysis.audit import broken, checked, harness, near, passing, read_back, shell, undone
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole


def call(tool: str, arguments: dict, result: str) -> Made:
    return Made("assistant", tool, arguments, result, str(hash(result)), False)


def run(command: str, result: str) -> Made:
    return call("bash", {"cmd": command}, result)


def point(answer: str, *made: Made, judge: str = "", model: str = "m", outcome: str = "pass",
          **more: object) -> Seen:
    return Seen(f"{model}{answer}", model, model, 0, outcome, [], more.get("scores") or {}, None,
                None, str(more.get("question") or "q"), answer, "", more.get("expected"),
                list(made), [], None, judge, None)


PUT = call("set_limit", {"card": "c-12", "limit": 500}, '{"accepted": true}')
PUT_AGAIN = call("set_limit", {"card": "c-12", "limit": 500}, '{"accepted": true, "try": 2}')
OLD = call("get_card", {"card": "c-12"}, '{"card": "c-12", "limit": 300}')
NEW = call("get_card", {"card": "c-12"}, '{"card": "c-12", "limit": 500.0}')
OTHER = call("get_card", {"card": "c-99"}, '{"card": "c-99", "limit": 300}')
LABEL = call("add_label", {"issue": "i-7", "label": "urgent"}, "ok")
LABELS = call("get_issue", {"issue": "i-7"}, '{"issue": "i-7", "labels": ["old"]}')
INVITE = call("add_guest", {"event": "e-4", "guest": "kay@x.org"}, "ok")
GUESTS = call("get_event", {"event": "e-4"}, '{"event": "e-4", "guests": ["me@x.org"]}')
MOVED = call("update_order", {"order": "o-3", "status": "released"}, "queued")
HELD = call("get_order", {"order": "o-3"}, '{"order": "o-3", "status": "held"}')
MAIL = call("send_mail", {"to": "a@x.org"}, '{"mail": "x-31"}')
BOUNCED = call("get_delivery", {"mail": "x-31"}, '{"mail": "x-31", "status": "bounced"}')
FORWARD = call("update_forwarding", {"line": "l-1", "to": "555"}, "ok")
NO_FORWARD = call("get_line", {"line": "l-1"}, '{"line": "l-1", "forward_to": null}')
REPLY_TO = call("get_line", {"line": "l-1"}, '{"line": "l-1", "reply_to": null}')
BUY = call("submit_form", {"form": "buy", "show": "Otello"}, "Processing")
NONE = call("get_page", {"url": "/orders"}, "You have no orders.")
NEWS = call("get_page", {"url": "/news"}, "There are no storms.")
STREET = call("submit_form", {"form": "street", "street": "Quay 9"}, "Saved")
PROFILE = call("get_page", {"form": "street"}, "Your street: Mill 3")


@pytest.mark.parametrize(("answer", "made", "denied"), [
    ("The limit is set to 500.", [PUT, OLD], True), ("Done! It is active.", [PUT, OLD], True),
    ("Kay has been added.", [INVITE, GUESTS], True), ("It is released now.", [MOVED, HELD], True),
    ("The mail was sent and delivered.", [MAIL, BOUNCED], True),
    ("Calls are forwarded now.", [FORWARD, NO_FORWARD], True),
    ("Your ticket is bought.", [BUY, NONE], True),
    ("The street was changed.", [PROFILE, STREET, PROFILE], True),
    # Decoys: it is so, another object, read before, mended, said so, another field or list.
    ("The limit is set to 500.", [PUT, NEW], False), ("It is set to 500.", [PUT, OTHER], False),
    ("It is set to 500.", [OLD, PUT], False), ("It is set to 500.", [PUT, OLD, PUT, NEW], False),
    ("It is set to 500.", [PUT, OLD, PUT_AGAIN], False), ("It is set.", [PUT, OLD, NEW], False),
    ("I set it, but the card still shows 300; this is not done yet.", [PUT, OLD], False),
    ("The label has been added.", [LABEL, LABELS], False),
    ("Calls are forwarded now.", [FORWARD, REPLY_TO], False),
    ("Your ticket is bought.", [BUY, NEWS], False),
    ("The street was changed.", [STREET, PROFILE], False)])
def test_a_read_behind_the_write_denies_it(answer: str, made: list, denied: bool) -> None:
    row = point(answer, *made)
    assert bool(read_back.denied(row, [row])) is denied


@pytest.mark.parametrize(("first", "second", "denied"), [
    ((LABEL, call("get_issue", {"issue": "i-7"}, "labels: old, urgent")),
     (LABEL, call("get_issue", {"issue": "i-7"}, "labels: old")), True),
    ((run("ufw allow 84/tcp", "ok"), run("ufw status", "84/tcp")),
     (run("ufw allow 84/tcp", "ok"), run("ufw status", "22/tcp")), True),
    # Decoys: another write, another look-up, the same.
    ((LABEL, call("get_issue", {"issue": "i-8"}, "labels: old, urgent")),
     (LABEL, call("get_issue", {"issue": "i-7"}, "labels: old")), False),
    ((call("add_label", {"issue": "i-7", "label": "late"}, "ok"),
      call("get_issue", {"issue": "i-7"}, "labels: old, urgent")),
     (LABEL, call("get_issue", {"issue": "i-7"}, "labels: old")), False),
    ((LABEL, call("get_issue", {"issue": "i-7"}, "labels: old, urgent")),
     (LABEL, call("get_issue", {"issue": "i-7"}, "labels: urgent, old")), False)])
def test_a_read_shows_elsewhere_what_it_does_not_here(first: Sequence, second: Sequence,
                                                     denied: bool) -> None:
    rows = [point("It is added.", *made, model=name) for name, made in (("a", first),
                                                                         ("b", second))]
    assert [bool(read_back.denied(row, rows)) for row in rows] == [False, denied]


def lines(result: str, tool: str = "cancel_lines") -> Made:
    return call(tool, {"lines": ["l-1", "l-2", "l-3"]}, result)


@pytest.mark.parametrize(("answer", "made", "denied"), [
    ("All three lines are cancelled.", [lines('{"cancelled": 2, "skipped": 1}')], True),
    ("The lines are cancelled.", [lines('{"done": 2, "failed_lines": ["l-3"]}')], True),
    ("Everything is cancelled.", [lines('{"status": "partial"}')], True),
    ("All lines are cancelled.", [lines("2 of 3 cancelled")], True),
    ("All lines are cancelled.", [lines("2 cancelled, 1 failed")], True),
    # Decoys: none left, those that were done, finished later, said so, what the tool is for.
    ("All three lines are cancelled.", [lines('{"cancelled": 3, "skipped": 0}')], False),
    ("I cancelled l-1 and l-2.", [lines('{"cancelled": 2, "skipped": 1}')], False),
    ("All are cancelled.", [lines('{"cancelled": 2, "skipped": 1}'),
                            call("cancel_lines", {"lines": ["l-3"]}, '{"cancelled": 1}')], False),
    ("Two are cancelled, one was skipped.", [lines('{"cancelled": 2, "skipped": 1}')], False),
    ("All are skipped now.", [lines('{"skipped": 3, "total": 3}', "skip_lines")], False)])
def test_a_result_in_part(answer: str, made: list, denied: bool) -> None:
    row = point(answer, *made)
    assert bool(read_back.denied(row, [row])) is denied


SUM = run("sha256sum -c a.sha", "a.iso: FAILED\nsha256sum: WARNING: 1 checksum did NOT match")


@pytest.mark.parametrize(("answer", "made", "judge", "denied"), [
    ("Copied and verified: the checksum matches.", [SUM], "", True),
    ("It compiles and the tests are green.", [], "E   SyntaxError: expected ':'\n1 error", True),
    ("Two birds. (2 lines)", [], "check: FAIL, counted 3 lines; overall pass", True),
    ("I checked: 14 words. Rain.", [], "Word counter: 30. PASS", True),
    ("I've added the flag and committed it.", [], "git diff --stat: (empty)\nlooks good", True),
    # Decoys: hedged, checked again, a later run, equal, another thing, a change, no claim.
    ("The checksum does not match.", [SUM], "", False),
    ("The checksum matches.", [SUM, run("sha256sum -c a.sha", "a.iso: OK")], "", False),
    ("The tests pass after my edit.", [], "run 1: 1 failed\nrun 2 (final): 4 passed", False),
    ("Two birds. (2 lines)", [], "counted 2 lines", False),
    ("Two birds. (2 lines)", [], "counted 3 birds", False),
    ("I've added the flag.", [], "git diff --stat: cli.py | 2 +-", False),
    ("The flag is missing.", [], "git diff --stat: (empty)", False),
    ("I've checked it: no change.", [], "empty diff expected, empty diff found", False)])
def test_the_words_of_a_check(answer: str, made: list, judge: str, denied: bool) -> None:
    row = point(answer, *made, judge=judge)
    assert bool(checked.denied(row, "Write words in two lines.")) is denied


@pytest.mark.parametrize(("log", "said"), [
    ("run 1: 1 failed, 3 passed\nrun 2 (final): 4 passed", True),
    ("run 1: 4 passed\nrun 2: 1 failed, 3 passed", False),
    ("suite a: 1 failed\nsuite b: 4 passed", False)])
def test_the_last_run_of_the_tests_counts(log: str, said: bool) -> None:
    assert checked.outcome(log) is said


@pytest.mark.parametrize(("judge", "could_not"), [
    ("docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock", True),
    ("The test container could not be started", True), ("Unable to find image 'x:1' locally", True),
    ("Failed to start sandbox: timeout", True),
    ("RateLimitError: 429 Too Many Requests (judge model), score defaulted to 0", True),
    ("The RateLimitError is handled well.", False),
    ("failed to start with a capital letter", False), ("4 passed", False),
    ("The container holds 3 apples and not 4.", False)])
def test_a_container_that_did_not_start(judge: str, could_not: bool) -> None:
    assert broken.unchecked(judge, acted=False) is could_not


@pytest.mark.parametrize(("result", "technical"), [
    ("net::ERR_CONNECTION_REFUSED", True), ("ECONNREFUSED 10.0.0.1:80", True),
    ("This site can't be reached", True), ("Gateway Timeout (504)", True),
    ("MCP server 'files' disconnected: EPIPE", True),
    ("The server of table 4 is Ann.", False), ("Gateway Timeout is a film of 504 minutes.", False),
    ("net::ERR_ABORTED", False), ("The site is reached by tram 4.", False)])
def test_a_site_that_is_down(result: str, technical: bool) -> None:
    assert broken.failed(result) is technical


def test_a_rename_that_was_done_by_hand() -> None:
    rename = call("update_list", {"old": "Privat", "new": "Private"}, "405 Method not allowed")
    made = call("create_list", {"name": "Private"}, "ok")
    assert undone.makes_good(made, rename)
    assert not undone.makes_good(call("create_list", {"name": "Work"}, "ok"), rename)


DENIED = "useradd: Permission denied.\nuseradd: cannot lock /etc/passwd; try again later."


@pytest.mark.parametrize(("answer", "made", "false_pass"), [
    ("I could not create the user.", [run("useradd bo", DENIED)], True),
    # Decoys: done in the end, nothing tried, not said.
    ("It could not be done at first.", [run("useradd bo", DENIED), run("sudo useradd bo", "")],
     False),
    ("I could not create the user.", [run("ls /home", "bo")], False)])
def test_only_refused_writes(answer: str, made: list, false_pass: bool) -> None:
    rows = [point(answer, *made), point("Created.", run("useradd bo", ""), model="w")]
    item = Item("i", "f", rows, {})
    found = [one for one in passing.find(item, whole_of(rows)) if one.rule == "only_refused"]
    assert bool(found) is false_pass


def whole_of(rows: Sequence[Seen]) -> Whole:
    whole = Whole()
    for row in rows:
        whole.count(row)
    return whole


def test_only_a_draft_is_no_other_road() -> None:
    due = undone.Call("assistant", "send_mail", {"to": "a@x.org"})
    for tool, left in (("create_draft", ["missing"]), ("post_message", [])):
        row = point("Ready.", call(tool, {"to": "a@x.org"}, "ok"))
        assert [one.how for one in undone.unfulfilled([due], row)] == left


@pytest.mark.parametrize(("one", "other", "same"), [
    ("It was 1859, when the digging began.", "it was 1859 when the digging began", True),
    ("Cars wait, while buses pass the bridge in the north and stop.",
     "Cars wait and buses pass the bridge in the north and stop.", True),
    ("Adding both gives twice a whole number, which is even. QED",
     "Adding both gives twice a whole number, which is even.", True),
    ("It was 1859 when the digging began", "It was 1869 when the digging began", False),
    ("It was not 1859 when it began", "It was 1859 when it began", False),
    ("A, B", "A B", False)])
def test_what_nearly_equal_sentences_share(one: str, other: str, same: bool) -> None:
    (a, words), (b, others) = near.essence(one), near.essence(other)
    assert (a == b and near.is_sentence(a, words) and near.is_sentence(b, others)) is same


@pytest.mark.parametrize(("command", "looks"), [
    ("ufw status", True), ("sha256sum a b", True), ("crontab -l", True), ("ufw allow 22", False),
    ("crontab jobs", False), ("tar -cf a.tar b", False)])
def test_more_commands_that_only_look(command: str, looks: bool) -> None:
    assert shell.looks(run(command, "")) is looks


MISSING = "tests/conftest.py:3: in <module>\n    import frost\nE   ModuleNotFoundError: no 'frost'"
HELP = call("get_page", {"url": "/help"}, "Help")
DOWN = call("get_page", {"url": "/sale"}, "net::ERR_TUNNEL_CONNECTION_FAILED at /sale")


def test_a_page_that_is_down_for_all_though_another_is_not() -> None:
    rows = [point("It is down.", HELP, DOWN, model=name, outcome="fail") for name in "ab"]
    assert broken_by(rows) == ["tool_broken"]
    assert broken_by([*rows, point("14", HELP, model="c")]) == []
    assert broken_by(rows[:1]) == []


def test_tests_that_could_not_be_collected() -> None:
    rows = [point("x = 1", judge=MISSING, model=name, outcome="fail") for name in "ab"]
    assert broken_by(rows) == ["not_checked"]
    assert broken_by([*rows, point("x = 2", judge="4 passed", model="c")]) == []


def broken_by(rows: Sequence[Seen]) -> list[str]:
    return [one.rule for one in harness.find(Item("i", "f", list(rows), {}), whole_of(rows))]

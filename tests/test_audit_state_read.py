"""audit_benchmark.py: look-ups behind a write that show its object as it cannot be after it, deeds
that were undone, checks of a state; and what stands for a judge or a tool that broke."""

import pytest

from failure_analysis.audit import alike, arguments, broken, checked, required, shell, state_read
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen


def made(tool: str, arguments_: dict, result: str) -> Made:
    return Made("assistant", tool, arguments_, result, result, False)


def passed(answer: str, judge: str, *calls: Made) -> Seen:
    return Seen("d", "r", "m", 0, "pass", [], {}, None, None, "q", answer, "", None, list(calls),
                [], "stop", judge, None)


CARDS = made("list_cards", {}, '[{"card": "DC-7", "state": "active"}, {"card": "CR-9"}]')
FREEZE = made("freeze_card", {"card": "DC-7"}, '{"ok": true}')
LAMP = made("set_lamp", {"lamp": "study", "on": False}, "ok")
BOOK = made("book_train", {"id": "T9"}, "<p>Reserved. Ref QH7</p>")
DELETE = made("update_sql", {"q": "DELETE FROM coupons WHERE old=1"}, "7 rows")
COUNT = made("query_sql", {"q": "SELECT count(*) FROM coupons WHERE old=1"}, "7")
SCENE = made("create_scene", {"name": "Film"}, '{"id": "sc-9"}')


@pytest.mark.parametrize(("result", "differs"), [
    ('{"card": "DC-7", "state": "active", "updated": "2023"}', True),
    ('{"card": "DC-7", "state": "frozen"}', False), ('{"card": "CR-9", "state": "active"}', False)])
def test_the_state_of_the_object_is_that_of_before(result: str, differs: bool) -> None:
    read = made("get_card", {"card": "DC-7" if "DC" in result else "CR-9"}, result)
    assert state_read.keeps_its_state(FREEZE, [CARDS], read) is differs
    assert state_read.denies_state(FREEZE, read) is differs


@pytest.mark.parametrize(("result", "differs"), [
    ('{"hall": "off", "study": "on"}', True), ('{"hall": "on", "study": "off"}', False),
    ('{"hall": "on"}', False), ("study: on", False)])
def test_another_value_under_the_name_of_the_object(result: str, differs: bool) -> None:
    assert state_read.other_value(LAMP, made("get_lamps", {}, result)) is differs


@pytest.mark.parametrize(("page", "gone"), [
    ("<p class=warn>QH7 expired: not paid</p>", True), ("<p>QH7 confirmed</p>", False),
    ("<p>QB2 expired</p><p>QH7 confirmed</p>", False)])
def test_a_page_says_that_what_was_made_did_not_last(page: str, gone: bool) -> None:
    assert state_read.says_gone(BOOK, made("open_page", {"url": "/trips"}, page)) is gone


def test_the_count_of_before() -> None:
    none = made(COUNT.tool, COUNT.arguments, "0")
    assert state_read.count_kept(DELETE, [COUNT], COUNT)
    assert not state_read.count_kept(DELETE, [COUNT], none)
    assert not state_read.count_kept(DELETE, [], COUNT)


def test_a_deed_that_is_undone() -> None:
    due = [Call("assistant", "create_scene", {"name": "Film"})]
    gone = made("delete_scene", {"id": "sc-9"}, '{"ok": true}')
    assert state_read.taken_back([SCENE, gone], due) == (SCENE, gone)
    assert state_read.taken_back([SCENE, gone, SCENE], due) is None
    assert state_read.taken_back([SCENE, made("delete_scene", {"id": "sc-1"}, "ok")], due) is None
    asked = [*due, Call("assistant", "delete_scene", {"id": "sc-9"})]
    assert state_read.taken_back([SCENE, gone], asked) is None
    rolled = made("update_sql", {"q": "ROLLBACK"}, "rolled back")
    assert state_read.taken_back([DELETE, rolled], [Call("assistant", DELETE.tool,
                                                         DELETE.arguments)]) == (DELETE, rolled)


@pytest.mark.parametrize(("judge", "answer", "denied"), [
    ("state diff: head expected 'silver helm' actual 'rusty helm' (1 mismatch)", "It is on.", True),
    ("check page: extras expected ['seat'] found [] -> FAIL", "The seat is added.", True),
    ("check page: extras expected ['seat'] found ['seat']", "The seat is added.", False),
    ("Wrong arguments: expected 1, got 2 in a check", "The seat is added.", False),
    ("state diff: head expected 'silver' actual 'rusty'", "I could not do it.", False)])
def test_a_check_says_that_the_state_is_another(judge: str, answer: str, denied: bool) -> None:
    assert bool(checked.denied(passed(answer, judge, LAMP), "q")) is denied


@pytest.mark.parametrize(("judge", "json_asked", "broke"), [
    ("HTTP 429 Too Many Requests from judge endpoint; verdict=default(false)", False, True),
    ("JSONDecodeError: Expecting value: line 1; scores set to 0", False, True),
    ("JSONDecodeError: Expecting value: line 1; scores set to 0", True, False),
    ("Traceback (most recent call last): File 'grade.py' KeyError -> score defaulted to 0", False,
     True),
    ("AssertionError: 3 != 4; score set to 0", False, False), ("scores set to 0", False, False)])
def test_a_judge_that_broke(judge: str, json_asked: bool, broke: bool) -> None:
    assert broken.unchecked(judge, True, json_asked) is broke


@pytest.mark.parametrize(("result", "failed"), [
    ("upstream error 503: rates-service unavailable", True),
    ("<h1>504 Gateway Time-out</h1>", True), ("<h1>Room 504</h1>", False),
    ("ToolNotRegistered: 'get_boiler' is in the schema but has no handler", True),
    ("503 items found", False), ("The handler of the parcel is Ann", False)])
def test_a_tool_that_is_down(result: str, failed: bool) -> None:
    assert broken.failed(result) is failed


def test_an_ending_of_the_infrastructure() -> None:
    assert broken.ended("browser_crashed") and broken.ended("oom_killed")
    assert not broken.ended("browser_closed") and not broken.ended("session_ended")
    assert all(map(broken.ended, ("agent_installation_failed", "AgentSetupTimeoutError",
                                  "docker_build_failed")))
    assert not any(map(broken.ended, ("agent_error", "unknown_agent_error", "build_failed")))


@pytest.mark.parametrize(("tool", "writes"), [
    ("open_page", False), ("visit_url", False), ("ping_device", False), ("open_chest", True),
    ("open_account", True), ("load_cargo", True)])
def test_pages_are_opened_to_be_read(tool: str, writes: bool) -> None:
    assert required.writes(tool) is writes


@pytest.mark.parametrize(("result", "refuses"), [
    ('{"made": 0}', True), ('{"made": 2}', False), ('{"updated": 0, "skipped": 3}', False),
    ('{"remaining": 0}', False)])
def test_a_result_that_counts_nothing_as_done(result: str, refuses: bool) -> None:
    assert bool(shell.denial("craft_item", result)) is refuses


@pytest.mark.parametrize(("answer", "gold", "question", "rule"), [
    ("2 469 metres", "2469", "Height of it in metres?", "unit"),
    ("1,500 Pa", "1500", "What pressure is it? Exact value in Pa.", "unit"),
    ("LITHUANIA, ESTONIA", '["Estonia", "Lithuania"]', "Name two Baltic states as a set.", "set"),
    ("['a', 'a']", "['A', 'a']", "Name them as a set.", ""),
    (r"^$\d+$", r"^\$\d+$", "A pattern?", ""), ("cy", "Cy", "Who sits left? Cy is by Bea.", "case"),
    ("co", "Co", "Which symbol?", "")])
def test_the_same_in_another_form(answer: str, gold: str, question: str, rule: str) -> None:
    assert alike.alike(answer, gold, question) == rule


def test_days_of_the_week_have_no_order() -> None:
    assert arguments.same({"days": ["mon", "tue"]}, {"days": ["tue", "mon"]}, "", ordered=True)
    assert not arguments.same({"days": ["mon", "tue"]}, {"days": ["mon", "wed"]}, "")
    assert not arguments.same({"stops": ["a", "b"]}, {"stops": ["b", "a"]}, "", ordered=True)

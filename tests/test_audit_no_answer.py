"""What no model answered, calls that were answered otherwise than to all who passed, and simulated
users that broke; each beside what only looks like it."""

import pytest
from msgspec.structs import replace

from failure_analysis.audit import check_broke, harness
from failure_analysis.audit.seen import Made, Seen, seen
from test_audit_form_said import call, item, point, run
from test_audit_read_back import whole_of

RIGHT = replace(point("Oslo is the town.", "pass", model="b"), tokens=5.0, termination="stop")


def rules(*rows: Seen, question: str = "Name the town.", expected: object = "Oslo") -> list[str]:
    """The rules of the class that an item breaks."""
    one = item(*rows, question=question, expected=expected)
    return [each.rule for each in harness.find(one, whole_of(rows))
            if each.klass == "harness"]


@pytest.mark.parametrize(("answer", "tokens", "ended", "question", "none"), [
    ("Serveur indisponible", 0.0, "stop", "", True), ("Bergen", 3.0, "stop", "", False),
    ("<html><body>Log in</body></html>", 9.0, "stop", "", True),
    ("<html></html>", 9.0, "stop", "Write an HTML page.", False),
    ("2024-05-01T10:00:00Z worker-3 picked up job 9", 20.0, None, "", True),
    ("java.lang.Foo\n  at a.b.C.run(C.java:12)", 20.0, None, "", True),
    ("/mnt/out/answers/17.txt", 9.0, None, "", True),
    ("/usr/bin/env", 9.0, None, "Give the path of env.", False),
    ("{\"detail\": \"Not authenticated\"}", 9.0, None, "", True),
    ("{\"detail\": \"none\"}", 9.0, None, "Answer in JSON.", False),
    ("********", 4.0, "stop", "", True), ("<|im_start|>assistant\n", 2.0, "stop", "", True),
    ("system", 1.0, "stop", "", False), ("{{ completion }}", 4.0, "stop", "", True),
    ("Oslo is th… [14 more chars]", 9.0, "stop", "", True), ("[oslo]", 3.0, "stop", "", False),
    ("<OSLO>", 4.0, "stop", "", True),
    ("Here is the town:", 5.0, "stop_sequence", "", True), ("The town:", 5.0, "stop", "", False)])
def test_texts_that_no_model_gave(answer: str, tokens: float, ended: str | None, question: str,
                                  none: bool) -> None:
    row = replace(point(answer, "fail"), tokens=tokens, termination=ended)
    other = replace(point("Rome", "fail", trial=1), tokens=2.0, termination="stop")
    assert ("no_answer" in rules(row, other, RIGHT, question=question or "Name it.")) is none


def test_a_text_in_other_capitals_and_a_marker_of_the_run_are_no_machines() -> None:
    tag = replace(point("<item/>", "pass", model="b"), tokens=5.0)
    for text in ("<ITEM/>", "[MODEL_ENDED_SESSION_EARLY]"):
        assert rules(replace(point(text, "fail"), tokens=9.0), tag, expected="<item/>") == []


def test_texts_out_of_a_store_have_no_tokens_either() -> None:
    rows = [replace(point(text, outcome), tokens=0.0) for text, outcome in (
        ("Bergen", "fail"), ("Oslo", "pass"))]
    assert rules(*rows, RIGHT) == []


@pytest.mark.parametrize(("ended", "tokens", "rule"), [
    ("content_filter", 0.0, ["empty"]), ("RECITATION", None, ["empty"]), ("stop", 0.0, []),
    ("refusal", 0.0, []), ("length", 2_048.0, ["cut"]), ("runner_error: cancelled", 0.0,
                                                         ["infrastructure"])])
def test_ends_that_leave_nothing(ended: str, tokens: float | None, rule: list[str]) -> None:
    assert rules(replace(point("", "fail"), termination=ended, tokens=tokens), RIGHT) == rule


def _two(mine: Made, *its: Made, before: tuple[Made, ...] = ()) -> list[str]:
    return rules(point("No.", "fail", *before, mine), *(
        point("Yes.", "pass", one, model=model) for one in its for model in "ab"))


@pytest.mark.parametrize(("mine", "its", "other"), [
    (call("set_price", {"sku": 1}, "OperationalError: database is locked"),
     call("set_price", {"sku": 1}, "1 row"), True),
    (call("set_price", {"sku": 2}, "OperationalError: database is locked"),
     call("set_price", {"sku": 1}, "1 row"), False),
    (call("get_plan", {"id": 1}, "cancelled"), call("get_plan", {"id": 1}, "active"), True),
    (call("get_wind", {"city": "Bergen"}, '{"city": "Lima", "wind": 3}'),
     call("get_wind", {"city": "Bergen"}, '{"city": "Bergen", "wind": 9}'), True),
    (call("get_time", {"city": "Bergen"}, "10:01"), call("get_time", {"city": "Bergen"}, "10:02"),
     False),
    (call("run_tests", {"suite": "all"}, "1 failed"), call("run_tests", {"suite": "all"}, "ok"),
     False),
    (run("./migrate", "No space left on device"), run("./migrate", "v2 ok"), True),
    (call("get_plan", {"id": 1}, "[]"), call("get_plan", {"id": 1}, "a"), False)])
def test_calls_answered_otherwise(mine: Made, its: Made, other: bool) -> None:
    assert ("other_result" in _two(mine, its)) is other
    assert _two(mine, its, before=(run("rm -rf /x", ""),)) == []  # it may have broken it


def test_one_sentence_whatever_is_asked() -> None:
    asked = [("get_route", {"to": "Ulm"}), ("get_route", {"to": "B"}),
             ("find_place", {"name": "Ulm"})]
    down = [point("?", "fail", call(tool, given, "Wartung bis auf weiteres"), model=model)
            for (tool, given), model in zip(asked, "abc", strict=True)]
    assert rules(*down) == ["empty_look_ups"]
    assert rules(*down, point("x", "fail", call("get_route", {"to": "C"}, "5 km"), model="d")) == []
    same = [point("?", "fail", call(tool, given, "Ulm lies afar"), model=model)
            for (tool, given), model in zip(asked, "abc", strict=True)]
    assert rules(*same) == []


@pytest.mark.parametrize(("heard", "broke"), [
    (["", ""], True), (["[inaudible: socket closed]"], True), (["My id is {{user_id}}."], True),
    (["###STOP###"], True), (["C2", "###STOP###"], False), (["..."], False),
    (["I forgot."], False)])
def test_users_that_broke(heard: list[str], broke: bool) -> None:
    row = replace(point("Which id?", "fail"), heard=heard)
    passed = replace(point("Done.", "pass", call("cancel", {"id": "C2"}, "ok"), model="b"),
                     heard=["C2", "###STOP###"])
    assert (rules(row, passed) == ["user_lost"]) is broke


@pytest.mark.parametrize(("log", "same", "broke"), [
    ("/usr/bin/python3: No module named pytest", False, True),
    ("identify: command not found", True, True), ("bind: address already in use", True, True),
    ("expected 3 lines, got 4", True, False), ("wrong: not found", True, False)])
def test_checks_whose_machine_spoke(log: str, same: bool, broke: bool) -> None:
    right = point("a = 1", "pass", model="b", judge="ok") if same else \
        point("a = 2", "fail", model="b", judge=log)
    row = point("a = 1", "fail", judge=log)
    assert bool(check_broke.unchecked(row, item(row, right), whole_of([row]))) is broke


def test_what_the_user_said_later_is_kept() -> None:
    turns = [{"role": role, "content": text} for role, text in (
        ("user", "Cancel."), ("assistant", "Id?"), ("user", ""), ("assistant", "Id?"),
        ("user", "C2"))]
    row = seen({"datapoint_id": "d", "run_id": "r", "trial": 0, "outcome": "fail",
                "failed_dimensions": [], "messages": turns})
    assert row.heard == ["", "C2"]


def test_one_log_of_a_check_for_all_that_could_not_fetch_what_it_builds() -> None:
    """Of one row alone its own edit may be the cause."""
    log = "Updating crates.io index\nerror: failed to get `hexlit`: Couldn't resolve host"
    edit = call("edit_file", {"path": "src/a.rs"}, "written")
    rows = [replace(point("Done.", "fail", edit, model=model), judge=log) for model in "ab"]
    assert rules(*rows) == ["not_checked"]
    passed = replace(point("Done.", "pass", edit, model="c"), judge="test result: ok. 3 passed")
    assert rules(*rows, passed) == []

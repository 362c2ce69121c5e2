"""Tasks of a benchmark (suites, categories): kept in every step, from the row to the report."""

import json

import pytest

from failure_analysis import files
from failure_analysis.packet import rows
from failure_analysis.review import plan
from make_runs import dojo_row, read_jsonl

MAPPING = """\
benchmark: quiz
fields:
  {item_id: id, model_name: model, task: {at: suite, optional: true}, user_text: q,
   assistant_text: a, scores: {ok: ok}}
"""
# Of each model and suite: a mark per item. The suites are of different sizes.
VERDICTS = {"one": {"algebra": "ppffffff", "reading": "pf", None: "f"},
            "two": {"algebra": "pppppppf", "reading": "ff", None: "p"}}


def quiz(folder, verdicts=None):
    """The rows of a quiz and the mapping that reads them, as arguments."""
    lines = [{"id": f"{suite}/{place}", "model": model, "suite": suite, "q": f"{suite} {place}?",
              "a": "41", "ok": mark == "p"}
             for model, suites in (verdicts or VERDICTS).items()
             for suite, marks in suites.items() for place, mark in enumerate(marks)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "map.yaml").write_text(MAPPING)
    return "--input", folder / "rows.jsonl", "--mapping", folder / "map.yaml"


@pytest.fixture(scope="module")
def analysed(analyse, run_script, tmp_path_factory):
    """All of stage 1 over the quiz, and its plan."""
    folder = analyse(*quiz(tmp_path_factory.mktemp("quiz")))
    assert run_script("plan_review.py", folder).returncode == 0
    return folder


def test_outcomes_hold_the_task_of_each_row(analysed):
    tasks = {row["item_id"]: row["task"] for row in files.read_csv(analysed / "outcomes.csv")}
    assert tasks["algebra/0"] == "algebra" and tasks["reading/1"] == "reading"
    assert tasks["None/0"] == ""
    known = rows.load(analysed).outcomes.values()
    assert {line.task for line in known} == {"algebra", "reading", None}


def test_a_task_that_a_spreadsheet_would_run_is_guarded(build, tmp_path):
    _, out = build(*quiz(tmp_path, {"one": {"=1+1,x": "f"}}))
    assert b",\"'=1+1,x\"," in (out / "outcomes.csv").read_bytes()
    assert [line.task for line in rows.load(out).failing()] == ["=1+1,x"]


def test_the_task_of_agentdojo_is_the_suite(build, tmp_path):
    path = tmp_path / "dojo" / "pipe" / "banking" / "user_task_0" / "none" / "none.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dojo_row("user_task_0", False)))
    _, out = build("--input", tmp_path / "dojo")
    assert [row["task"] for row in files.read_csv(out / "outcomes.csv")] == ["banking"]
    assert read_jsonl(out / "failure_review_rows.jsonl")[0]["task"] == "banking"


def test_plans_name_tasks_where_there_are_several(analysed, analyse, run_script, tmp_path):
    lines = read_jsonl(analysed / "review_plan.jsonl")
    assert {line["item_id"]: line["task"] for line in lines}["reading/1"] == "reading"
    assert {line["task"] for line in lines} == {"algebra", "reading", None}
    page = (analysed / "review_plan.md").read_text()
    assert "| order | datapoint | model | task | provisional mode | readers |" in page
    assert "| `algebra` |" in page
    folder = analyse(*quiz(tmp_path, {"one": {"algebra": "pf"}, "two": {"algebra": "ff"}}))
    assert run_script("plan_review.py", folder).returncode == 0
    assert "| task |" not in (folder / "review_plan.md").read_text()


def test_a_plan_without_tasks_is_read(tmp_path):
    line = {"order": 1, "datapoint_id": "r/1", "why": "sample", "model_name": "m", "item_id": "1",
            "mode": "x", "contrast_of": None, "shards": [1]}
    (tmp_path / "review_plan.jsonl").write_text(json.dumps(line) + "\n")
    assert plan.load(tmp_path)[0].task is None


def test_samples_take_tasks_in_turn():
    """Nine of task a come before one of b and one of c: the floor of three holds all of them."""
    failing = [rows.OutcomeLine(f"m/{place}", "m", "m", str(place), "", 0, "fail", (), "mode",
                                task=task) for place, task in enumerate("aaaaaaaaabc")]
    picks = {}
    plan._pick_sample(failing, picks)
    assert [pick.line.task for pick in picks.values()] == list("abcaaaaaaaa")
    # What is in the plan already counts: a has had its turn.
    picks = {"m/0": plan.Pick(failing[0], plan.UNIQUE, 1)}
    plan._pick_sample(failing, picks)
    assert [pick.line.task for pick in picks.values()] == list("abcaaaaaaaa")
    assert [pick.line.item for pick in picks.values()][:4] == ["0", "9", "10", "1"]


def test_other_items_come_before_other_tasks():
    lines = [rows.OutcomeLine(f"m/{item}@{trial}", "m", "m", item, "", trial, "fail", (), "mode",
                              task=task) for item, trial, task in (
        ("1", 0, "a"), ("1", 1, "b"), ("2", 0, "a"), ("3", 0, "b"))]
    picks = {}
    plan._pick_sample(lines, picks)
    assert [pick.line.item for pick in picks.values()] == ["1", "3", "2", "1"]


def test_datapoints_are_found_by_task(analysed, run_script):
    done = run_script("show_datapoint.py", analysed, "--where", "task=reading", "model=two")
    assert done.returncode == 0, done.stderr
    assert "2 match task=reading model=two" in done.stdout
    missing = run_script("show_datapoint.py", analysed, "--where", "task=geometry")
    assert missing.returncode == 1 and "no datapoint has task=geometry" in missing.stderr


def test_lenses_take_the_task_with_and_without_the_runs(analyze, run_inside, tmp_path):
    args = quiz(tmp_path)
    run_inside("build_packet.py", *args, "--output-dir", tmp_path / "a")
    for gone in (False, True):
        if gone:
            args[1].unlink()
        found = analyze("evals", tmp_path / "a")
        assert {name for one in found["evals"] for name in one["tasks"]} == {
            "algebra", "reading", "quiz"}
        assert ("outcomes and no texts" in json.dumps(found)) == gone

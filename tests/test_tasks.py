"""Tasks of a benchmark (suites, categories): kept in every step, from the row to the report."""

import json
import shutil

import numpy as np
import pytest

from failure_analysis import clean
from failure_analysis.comparison import rates
from failure_analysis.comparison.cells import Cells
from failure_analysis.packet import rows
from failure_analysis.review import picks, plan
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
    tasks = {row["item_id"]: row["task"] for row in clean.read_csv(analysed / "outcomes.csv")}
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
    assert [row["task"] for row in clean.read_csv(out / "outcomes.csv")] == ["banking"]
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
    assert [pick.line.task for _, pick in picks.sampled(failing, [])] == list("abcaaaaaaaa")
    assert [floor for floor, _ in picks.sampled(failing, [])] == [True] * 3 + [False] * 8
    # What is in the plan already counts: a has had its turn.
    sample = picks.sampled(failing, [failing[0]])
    assert [pick.line.item for _, pick in sample][:3] == ["9", "10", "1"]


def test_other_items_come_before_other_tasks():
    lines = [rows.OutcomeLine(f"m/{item}@{trial}", "m", "m", item, "", trial, "fail", (), "mode",
                              task=task) for item, trial, task in (
        ("1", 0, "a"), ("1", 1, "b"), ("2", 0, "a"), ("3", 0, "b"))]
    assert [pick.line.item for _, pick in picks.sampled(lines, [])] == ["1", "3", "2", "1"]


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


def test_rates_per_task_and_model(analysed):
    """Counts by hand; Wilson limits of 2 of 8, 7 of 8, 1 of 2 and 0 of 2 from the formula."""
    result = json.loads((analysed / "model_comparison.json").read_text())
    tasks = result["tasks"]
    found = {(task["task"], row["unit"]): (row["attempts"], row["failed"], row["pass_rate"],
                                           row["interval"])
             for task in tasks["tasks"] for row in task["units"]}
    assert found == {
        ("algebra", "one"): (8, 6, 0.25, wilson(2, 8)),
        ("algebra", "two"): (8, 1, 0.875, wilson(7, 8)),
        ("reading", "one"): (2, 1, 0.5, wilson(1, 2)),
        ("reading", "two"): (2, 2, 0.0, wilson(0, 2))}
    assert [task["items"] for task in tasks["tasks"]] == [8, 2]
    assert (tasks["judged_without_task"], tasks["tasks_left_out"]) == (2, 0)
    known = json.loads((analysed / "facts.json").read_text())
    assert {key: value for key, value in known.items() if key.endswith("/algebra/two")} == {
        "comparison/task_judged_rows/algebra/two": 8, "comparison/task_failed_rows/algebra/two": 1,
        "comparison/task_pass_rate_pct/algebra/two": 87.5,
        "comparison/task_pass_rate_low_pct/algebra/two": round(100 * wilson(7, 8)[0], 1),
        "comparison/task_pass_rate_high_pct/algebra/two": round(100 * wilson(7, 8)[1], 1)}


def wilson(passed, tries):
    """The Wilson interval, written out."""
    z, rate = 1.959963984540054, passed / tries
    middle = (rate + z * z / (2 * tries)) / (1 + z * z / tries)
    half = z / (1 + z * z / tries) * (rate * (1 - rate) / tries
                                      + z * z / (4 * tries * tries)) ** 0.5
    return [round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)]


def test_the_page_the_table_and_the_report_have_tasks(analysed):
    page = (analysed / "model_comparison.md").read_text()
    assert "## Tasks\n" in page
    assert "| `algebra` | `two` | 8 | 1 of 8 | 87.5 % | 52.9 to 97.8 % |" in page
    assert "Judged rows without a task: 2." in page
    cells = {row["item_id"]: row["task"] for row in clean.read_csv(analysed / "comparison.csv")}
    assert (cells["reading/0"], cells["None/0"]) == ("reading", "")
    block = (analysed / "report.md").read_text().partition("<!-- generated:topline -->")[2] \
        .partition("<!-- /generated:topline -->")[0]
    assert "| passed of judged | `one` | `two` |" in block
    assert ("| `algebra` | 2 of 8, 25.0 % (7.1 to 59.1 %) | 7 of 8, 87.5 % (52.9 to 97.8 %) |"
            ) in block


def test_one_task_is_no_table(analyse, tmp_path):
    folder = analyse(*quiz(tmp_path, {"one": {"algebra": "pf"}, "two": {"algebra": "ff"}}))
    assert json.loads((folder / "model_comparison.json").read_text())["tasks"] is None
    assert "## Tasks" not in (folder / "model_comparison.md").read_text()
    assert "passed of judged" not in (folder / "report.md").read_text()
    assert "comparison/task_" not in (folder / "facts.json").read_text()


def cells(*items):
    """[attempts, fails] of items."""
    return Cells(np.arange(len(items)), *np.array(items).T)


def test_repeats_of_an_item_are_worth_less_in_a_task_too():
    """Two items of five attempts that go alike: the variance over the items is
    2 / (2 - 1) * 2 * 0.25 ** 2 = 0.25, so that the ten attempts are worth 0.5 * 0.5 / 0.25 = 1."""
    found = rates.by_task({"m": {"a": cells([10, 10]), "b": cells([5, 0], [5, 5])}}, 20)
    (alone, two) = [task["units"][0] for task in found["tasks"]]
    assert (alone["attempts"], two["attempts"], two["pass_rate"]) == (10, 10, 0.5)
    assert two["effective_attempts"] == 1.0
    assert two["interval"] == wilson(0.5, 1)


def test_of_too_many_tasks_those_with_the_most_rows_stay():
    units = {f"m{unit}": {f"t{task}": cells([1 + (task == 7), 0]) for task in range(12)}
             for unit in range(rates.MOST_CELLS // 3)}
    found = rates.by_task(units, 13 * len(units))
    assert [task["task"] for task in found["tasks"]] == ["t0", "t1", "t7"]
    assert (found["tasks_left_out"], found["judged_without_task"]) == (9, 0)


def test_a_rate_of_a_task_can_be_said_in_prose(analysed, run_script, tmp_path):
    folder = shutil.copytree(analysed, tmp_path / "analysis")
    report = folder / "report.md"
    said = ("On reading, two passes {{comparison/task_pass_rate_pct/reading/two}} %.\n\n"
            "Elsewhere two passes {{comparison/task_pass_rate_pct/algebra/two}} %.\n")
    start, mark, end = report.read_text().partition("## What was read")
    report.write_text(f"{start}{said}\n{mark}{end}")
    assert run_script("write_report.py", folder).returncode == 0
    assert "0.0<!--fact:comparison/task_pass_rate_pct/reading/two--> %" in report.read_text()
    assert "other_model" not in run_script("check_report.py", folder).stdout
    run_script("check_report.py", folder, "--second-reading")
    assert "pass rate in % on one task; `algebra/two` (of `two`)" in \
        (folder / "second_reading.md").read_text()

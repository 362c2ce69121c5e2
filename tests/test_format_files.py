"""Formats that are mapping files: each is recognised by what it says, read with the right counts,
and has a fixture; the same counts for other people's runs, where these are at hand."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from failure_analysis import clean
from failure_analysis.reading import expressions, format_files, mapping_file

FIXTURES = Path(__file__).parent / "fixtures" / "formats"
NAMES = [path.stem for path in sorted(format_files.FOLDER.glob("*.yaml"))]


class Truth(NamedTuple):
    """What an input holds, counted by hand or by the tool that wrote it; `code` is the exit code.
    `folder` is where `input` is."""

    format: str
    folder: str
    input: str
    rows: int
    passed: int
    failed: int
    unjudged: int
    rejected: int
    models: str
    gradings: int
    code: int


def _truths(name: str) -> list[Truth]:
    with open(FIXTURES / name, encoding="utf-8", newline="") as file:
        return [Truth(line["format"], name, line["input"],
                      *(int(line[key] or 0) for key in (
                          "rows", "pass", "fail", "unjudged", "rejected")),
                      line["models"], int(line["gradings"] or 0), int(line["code"] or 0))
                for line in csv.DictReader(file)]


OURS, REAL = _truths("truth.csv"), _truths("real_runs.csv")


def _check(truth: Truth, path: Path, run_script, out: Path) -> None:
    done = run_script("build_packet.py", "--input", *(path / part for part in
                                                     truth.input.split(";")), "--output-dir", out)
    assert done.returncode == truth.code, done.stdout + done.stderr
    assert f"read as {truth.format}: " in done.stdout, done.stdout
    sanity = json.loads((out / "sanity.json").read_text())
    counts = sanity["conservation"]
    assert (counts["rows_read"], counts["pass"], counts["fail"], counts["unjudged"],
            counts["rejected"]) == truth[3:8]
    models = Counter(row["model_name"] for row in clean.read_csv(out / "outcomes.csv"))
    if truth.models.isdigit():
        assert len(models) == int(truth.models)
    else:
        assert sorted(models) == sorted(truth.models.split(";"))
    assert (sanity["gradings"] or {"joined": 0})["joined"] == truth.gradings


@pytest.mark.parametrize("truth", OURS, ids=lambda truth: truth.input)
def test_a_file_of_a_format_has_its_counts(truth, run_script, tmp_path):
    _check(truth, FIXTURES, run_script, tmp_path / "out")


@pytest.mark.parametrize("truth", REAL, ids=lambda truth: truth.input)
def test_other_peoples_runs_have_their_counts(truth, run_script, real_runs, tmp_path):
    _check(truth, real_runs, run_script, tmp_path / "out")


@pytest.mark.parametrize(("name", "said"), [
    ("bfcl/score-alone", "says 2 of 4, and names none of them: only what fails is known without"),
    ("bfcl/misfit", "simple_result.json: which of them passed is not known"),
    ("bfcl/other-answers", "1 of"),
    ("livecodebench-copied", "Scenario.codegeneration_1_0.2_eval_all.json, byte for byte: the same "
                             "rows count twice; leave one out"),
    ("evalplus/other_pass_rate_eval_results.json", "pass rate:")])
def test_where_files_do_not_agree_it_is_said(name, said, run_script, tmp_path):
    done = run_script("build_packet.py", "--input", FIXTURES / name, "--output-dir", tmp_path / "o")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("Not as expected: ")]
    assert done.returncode == 1 and said in line
    done = run_script("build_packet.py", "--input", FIXTURES / name, "--output-dir", tmp_path / "o",
                      "--accept-differences")
    assert done.returncode == 0, done.stdout


def test_what_only_some_files_of_a_format_have_is_not_missed_in_others(run_script, tmp_path):
    done = run_script("build_packet.py", "--input", FIXTURES / "evalplus/lab-model-c",
                      FIXTURES / "evalplus/samples_base_eval_results.json", "--output-dir",
                      tmp_path / "o")
    assert done.returncode == 0 and "Not as expected" not in done.stdout
    assert "join answers: 3 of 7 rows have no record" in done.stdout  # of the file without samples
    done = run_script("build_packet.py", "--input",
                      FIXTURES / "evalplus/samples_base_eval_results.json", "--output-dir",
                      tmp_path / "p")
    assert "join answers" not in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_format_is_a_mapping_with_a_fixture(name):
    spec = mapping_file.load(format_files.FOLDER / f"{name}.yaml")
    assert spec.about and spec.recognise and spec.benchmark
    assert name in {truth.format for truth in OURS}, \
        f"write a fixture for {name}, and its line in {FIXTURES / 'truth.csv'}"


@pytest.mark.parametrize("name", NAMES)
def test_every_expression_of_a_format_can_be_read(name):
    """One with a slip counts as a key that no record has, and gives nothing."""
    spec = mapping_file.load(format_files.FOLDER / f"{name}.yaml")
    written = json.loads(spec.model_dump_json(
        exclude={"about", "recognise", "benchmark", "from_path"}))
    for block in written["checks"]:
        del block["only"]  # names, not expressions
    texts = [text for text in _texts(written) if set(text) & set("|&(?'=")]
    assert not [text for text in texts if expressions.compiled([text], spec.scopes).fault]


def _texts(value) -> list[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for part in inner for text in _texts(part)]


def test_every_fixture_has_a_line():
    told = {part.split("/")[0] for truth in OURS for part in truth.input.split(";")}
    assert {path.name for path in FIXTURES.iterdir() if path.is_dir()} == told


@pytest.mark.parametrize(("path", "value"), [
    ("a.*.c", [1]), ('a."b.x".c', [1]), ('a."b.*".c', [1]), ('a."c*"', []),
    ('"*"', [{"b.x": {"c": 1}}]), ('a."b.x"."*"', [1]), ("a.b*", []), ('a[0]."b*"', []),
])
def test_paths_of_what_recognises(path, value):
    assert list(format_files._values({"a": {"b.x": {"c": 1}}}, path)) == value


def test_a_format_may_ask_for_the_first_key_of_a_map():
    shape = {"values": {"*": [True]}, "first_key": "^task_"}
    assert format_files._seen(shape, Path("x.json"), [{"task_1": True}])
    assert not format_files._seen(shape, Path("x.json"), [{"other": True}])
    assert not format_files._seen(shape, Path("x.json"), [[True], {}])


def _rows(run_script, out: Path, name: str) -> list[dict]:
    run_script("build_packet.py", "--input", FIXTURES / name, "--output-dir", out)
    rows = map(json.loads, (out / "failure_review_rows.jsonl").read_text().splitlines())
    return [row for row in rows if row["outcome"] == "fail"]


def test_what_lies_beside_a_swebench_report_is_of_its_own_run(run_script, tmp_path):
    rows = _rows(run_script, tmp_path / "v2", "swebench-report/v2")
    assert {(row["run_id"].split(".")[1], row["item_id"]): row["failure_class"]
            for row in rows} == {
        ("run1", "inn__rooms-2"): "fail_to_pass", ("run1", "inn__rooms-3"): "pass_to_pass",
        ("run1", "inn__rooms-4"): "empty_patch",
        ("run2", "inn__rooms-3"): "fail_to_pass_and_pass_to_pass"}
    row = next(row for row in rows if row["item_id"] == "inn__rooms-3")
    assert row["user_text"] == "ISSUE: the hall is shut." and row["termination"] == "exit_cost"
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    assert row["assistant_text"].startswith("diff") and row["cost_usd"] == 0.5
    rows = _rows(run_script, tmp_path / "other", "swebench-report/other")
    assert [row["assistant_text"] for row in rows] == [None]  # model-a's, which stands beside
    rows = _rows(run_script, tmp_path / "cli", "swebench-report/sb-cli")
    assert [(row["failure_class"], row["user_text"]) for row in rows] == [
        ("patch_not_applied", "ISSUE: the door is open.")]
    rows = _rows(run_script, tmp_path / "infra", "swebench-report/infra")
    assert [row["failure_class"] for row in rows] == [None, "network_unreachable"]


def test_lists_of_old_swebench_results_overlap(run_script, tmp_path):
    rows = _rows(run_script, tmp_path, "swebench-old")
    assert {row["item_id"][-1]: row["failure_class"] for row in rows} == {
        "1": "no_generation", "2": "applied_not_resolved", "4": "test_timeout", "5": "no_apply"}


def test_a_passing_row_has_no_cause_though_its_agent_was_cut_off(run_script, tmp_path):
    for name, causes in (("openhands/updated", ["max_iterations", "empty_generation",
                                                 "failed_apply_patch"]),
                         ("terminal-bench/cleaner", ["unset", "agent_timeout"]),
                         ("harbor/job1", ["AgentTimeoutError", None])):
        rows = _rows(run_script, tmp_path / name, name)
        assert [row["failure_class"] for row in rows] == causes


def test_terminal_bench_has_the_log_of_its_tests_and_agents_without_a_model_by_their_folders(
        run_script, tmp_path):
    for place, run in (("0924_droid_x/r1", "r1"), ("0924_droid_x/r2", "r2"),
                       ("0923_droid_y/r1", "r1"), ("0902_lead_z", "elsewhere")):
        folder = tmp_path / "results" / place
        folder.mkdir(parents=True)
        (folder / "run_metadata.json").write_text(json.dumps(
            {"agent_name": "Droid", "model_name": None, "run_id": run}))
        (folder / "results.json").write_text(json.dumps({
            "n_resolved": 0, "n_unresolved": 1, "results": [{
                "trial_name": f"t.1-of-1.{run}", "task_id": "t", "instruction": "Do it.",
                "is_resolved": False, "failure_mode": "unset", "parser_results": {"a": "failed"},
                "total_input_tokens": 0, "total_output_tokens": 0}]}))
        panes = folder / "t" / f"t.1-of-1.{run}" / "panes"
        panes.mkdir(parents=True)
        (panes / "post-test.txt").write_text("Collecting pytest\n=== FAILURES ===\nE  no page\n")
    rows = _rows(run_script, tmp_path / "out", tmp_path / "results")
    assert {row["judge_reasoning"] for row in rows} == {"a: failed\n\n=== FAILURES ===\nE  no page"}
    assert Counter(row["model_name"] for row in rows) == {
        "Droid:0924_droid_x": 2, "Droid:0923_droid_y": 1, "Droid:0902_lead_z": 1}


@pytest.mark.parametrize("place", ["harbor/job1", "harbor/job1/polish__bbbbbbb"])
def test_a_trial_of_harbor_has_its_run_and_what_its_tests_said(run_script, tmp_path, place):
    shutil.copytree(FIXTURES / place, tmp_path / "job")
    row = next(row for row in _rows(run_script, tmp_path / "out", tmp_path / "job")
               if row["item_id"] == "polish")
    assert row["user_text"] == "Polish the floor of hall 2 and write floor.txt."
    assert [(one["role"], one["content"]) for one in row["messages"]] == [
        ("user", row["user_text"]), ("assistant", "I look at the hall."), ("tool", "hall1 hall2"),
        ("assistant", "The floor is polished.")]
    call = {"id": "c1", "name": "run", "arguments": {"command": "ls halls"}}
    assert row["messages"][1]["tool_calls"] == [call] and row["reasoning"] == "Which hall is it?"
    assert row["messages"][2]["tool_call_id"] == "c1"
    assert row["judge_reasoning"].startswith("test_outputs.py::test_floor: failed\n\n")
    assert "=== FAILURES ===\nE   assert 'dull' == 'bright'" in row["judge_reasoning"]
    # A run that was cut off costs the trial its run, and that is said; its verdict stays.
    for path in (tmp_path / "job").rglob("trajectory.json"):
        path.write_text(path.read_text()[:200])
    again = _rows(run_script, tmp_path / "again", tmp_path / "job")
    cut = next(row for row in again if row["item_id"] == "polish")
    assert cut["messages"] is None and cut["judge_reasoning"] == row["judge_reasoning"]
    assert "trajectory" in (tmp_path / "again" / "sanity.json").read_text()


def test_runs_of_one_example_are_its_repeats_whatever_else_differs(run_script, tmp_path):
    runs = [{"id": f"{example}{n}", "trace_id": f"{example}{n}", "run_type": "chain",
             "status": ("success", "error")[n], "feedback_stats": {"correct": {"avg": 1 - n}},
             "inputs": {"q": example}, "reference_example_id": example}
            for example in "ab" for n in (0, 1)]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    done = run_script("build_packet.py", "--input", tmp_path / "runs.jsonl", "--output-dir",
                      tmp_path / "out")
    assert "4 rows read = 2 pass + 2 fail" in done.stdout, done.stdout + done.stderr

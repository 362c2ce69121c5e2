"""--label and `labels:` of a mapping: what runs are called as their models."""

import json
from collections import Counter

import pytest

from failure_analysis import clean, facts, files
from make_runs import findings, judged, read_jsonl, turn

MAPPING = ("benchmark: b\nfields: {item_id: id, run_id: run, model_name: llm, "
           "scores: {ok: {at: ok, pass: true}}}\n")


@pytest.fixture
def runs(tmp_path):
    """Two agents over one LLM, which is all that their files know."""
    return [judged(tmp_path / name, [turn(0, False, model_name="gpt-x"),
                                     turn(1, passed, model_name="gpt-x")])
            for name, passed in (("react", True), ("plan", False))]


def rows_of(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": str(place), "run": run, "llm": "gpt-x", "ok": ok})
                            + "\n" for run in ("react", "plan") for place, ok in
                            enumerate((False, run == "react"))), encoding="utf-8")
    return path


def models(out):
    return dict(Counter((row["run_id"], row["model_name"])
                        for row in clean.read_csv(out / "outcomes.csv")))


def test_a_labelled_run_is_called_so_in_everything(run_script, runs, tmp_path):
    out = tmp_path / "out"
    done = run_script("deep_error_analysis.py", "--run-dir", *runs, "--label", "react=React agent",
                      "plan=Planner", "--output", out / "r.md")
    assert done.returncode == 0, done.stderr
    assert models(out) == {("react", "React agent"): 2, ("plan", "Planner"): 2}
    known = files.read_json(out / "facts.json")
    assert known[f"failed_rows/{facts.key('React agent')}"] == 1
    assert known["failed_rows/Planner"] == 2
    assert not any("gpt-x" in key for key in known)
    row = read_jsonl(out / "failure_review_rows.jsonl")[0]
    assert row["model_name"] == "React agent"
    assert row["source"]["replaced"] == {"model_name": "gpt-x"}
    assert "Planner" in (out / "model_comparison.md").read_text(encoding="utf-8")
    assert "`Planner`" in (out / "r.md").read_text(encoding="utf-8")


def test_the_recorded_model_stays_findable(build, runs):
    _, out = build("--run-dir", *runs, "--label", "plan=Planner")
    [finding] = findings(out, "labelled")
    assert finding["text"] == ("Run plan is called Planner as its model, by its label; recorded is "
                               "gpt-x.")
    assert finding["about"] == ["plan"]
    assert models(out) == {("react", "gpt-x"): 2, ("plan", "Planner"): 2}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_second_model_in_a_run_is_told_apart_before_its_label(build, runs, tmp_path, jobs):
    judged(runs[0], [turn(0, False, model_name="gpt-x"), turn(1, model_name="gpt-y")])
    _, out = build("--run-dir", *runs, "--label", "react~gpt-y=Other", "react=React", "--jobs",
                   jobs)
    assert models(out) == {("react", "React"): 1, ("react~gpt-y", "Other"): 1,
                           ("plan", "gpt-x"): 2}


def test_a_label_of_no_run_is_refused_with_those_that_are_there(build, run_script, runs, tmp_path):
    done, out = build("--run-dir", *runs, "--label", "plam=Planner", code=1)
    assert done.stderr == ("build_packet.py: label of run plam: no run is called so; the runs are "
                           "plan, react\n")
    assert not list(out.glob("*.csv"))


@pytest.mark.parametrize(("words", "said"), [
    (["plan=A", "plan=B"], "two labels for run plan: A and B; give one"),
    (["plan"], "--label plan: RUN=NAME is expected"), (["=A"], "RUN=NAME is expected"),
    (["plan="], "RUN=NAME is expected")])
def test_labels_that_cannot_be_meant_are_refused(build, runs, words, said):
    done, _ = build("--run-dir", *runs, "--label", *words, code=1)
    assert said in done.stderr


def test_labels_in_a_mapping_and_on_the_command_line(build, tmp_path):
    mapping = tmp_path / "benchmark.yaml"
    mapping.write_text(MAPPING + "labels: {react: React}\n", encoding="utf-8")
    arguments = ("--input", rows_of(tmp_path), "--mapping", mapping)
    _, out = build(*arguments, "--label", "plan=Planner")
    assert models(out) == {("react", "React"): 2, ("plan", "Planner"): 2}
    done, _ = build(*arguments, "--label", "react=Other", code=1)
    assert "two labels for run react: React and Other; give one" in done.stderr


def test_check_mapping_knows_the_labels_too(run_script, tmp_path):
    mapping = tmp_path / "benchmark.yaml"
    mapping.write_text(MAPPING + "labels: {react: React}\n", encoding="utf-8")
    done = run_script("check_mapping.py", rows_of(tmp_path), "--mapping", mapping, "--json")
    assert json.loads(done.stdout)["outcomes"].keys() == {"React", "gpt-x"}
    mapping.write_text(MAPPING + "labels: {raect: React}\n", encoding="utf-8")
    done = run_script("check_mapping.py", rows_of(tmp_path), "--mapping", mapping)
    assert done.returncode == 1
    assert "label of run raect: no run is called so; the runs are react, plan" in done.stderr


def test_the_runs_read_again_have_their_labels(run_script, runs, tmp_path):
    out = tmp_path / "out"
    label = ("--label", "react=React", "--label", "plan=Planner")
    for name, *args in (
            ("deep_error_analysis.py", "--run-dir", *runs, *label, "--output", out / "r.md"),
            ("plan_review.py", out)):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stderr
    step = files.read_json(out / "manifest.json")["steps"]["build_packet"]
    assert step["settings"]["labels"] == {"react": "React", "plan": "Planner"}
    contrast = read_jsonl(out / "contrast_rows.jsonl")
    assert [(row["datapoint_id"], row["model_name"]) for row in contrast] == [("react/1", "React")]
    done = run_script("check_report.py", out, "--rerun-inputs")
    assert "not_the_runs" not in done.stdout
    assert "cannot be read again" not in done.stderr

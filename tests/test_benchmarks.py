"""What the benchmark of runs is called, and the folder of their analysis after it."""

import json
import shutil

import pytest

from failure_analysis import files
from make_runs import judged, read_jsonl, turn


@pytest.fixture
def named(run_script, tmp_path):
    """`named(*args)`: a packet into the default folder; (the folder's name, the benchmark)."""

    def run(*args):
        here = tmp_path / "here"
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        done = run_script("build_packet.py", *args, cwd=here)
        assert done.returncode == 0, done.stdout + done.stderr
        [out] = (here / "results").iterdir()
        return out.name, files.read_json(out / "sanity.json")["conservation"]["benchmark"]

    return run


def beside(run, name, value):
    (run / name).write_text(json.dumps(value), encoding="utf-8")
    return run


@pytest.mark.parametrize("said", [
    {"benchmark_name": "aiwf medium"}, {"benchmark": "aiwf medium"},
    {"metadata": {"benchmark": "aiwf medium"}}, {"config": {"benchmark_name": " aiwf  medium "}},
    {"benchmark": {"name": "aiwf medium"}}])
@pytest.mark.parametrize("where", ["rows", "runtime.json", "openai_summary.json"])
def test_judged_runs_are_of_the_benchmark_that_they_state(named, tmp_path, said, where):
    rows = [turn(0), turn(1, False, **(said if where == "rows" else {}))]
    run = judged(tmp_path / "set" / "a", rows)
    if where != "rows":
        beside(run, where, said)
    assert named("--run-dir", run) == ("aiwf_medium", "aiwf medium")


def test_the_rows_are_asked_before_the_files_beside_them(named, tmp_path):
    run = judged(tmp_path / "a", [turn(0, False, benchmark="of-the-rows")])
    beside(beside(run, "runtime.json", {"benchmark": "of-runtime"}), "openai_summary.json",
           {"benchmark": "of-the-judge"})
    assert named("--run-dir", run)[1] == "of-the-rows"
    judged(run, [turn(0, False, benchmark=7)])
    assert named("--run-dir", run)[1] == "of-runtime"


@pytest.mark.parametrize(("folders", "name"), [
    (["voice/runs/a", "voice/runs/b"], "voice"),
    (["voice/2026-01-01/judged_runs/a"], "voice"),
    (["voice/results/x/a", "voice/results/y/b"], "voice"),
    (["set.1/a", "set.1/b/a"], "set.1")])
def test_runs_that_state_none_are_called_as_the_folder_above_them(named, tmp_path, folders, name):
    runs = [judged(tmp_path / folder, [turn(0, False)]) for folder in folders]
    assert named("--run-dir", *runs) == (name, name)


def test_without_any_name_above_they_are_judged_runs(run_script, tmp_path):
    """The home folder and what is above it name no benchmark."""
    run = judged(tmp_path / "runs" / "a", [turn(0, False)])
    done = run_script("build_packet.py", "--run-dir", run, cwd=tmp_path,
                      env={"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "judged-runs" / "sanity.json").exists()


def test_a_name_can_be_given_to_runs_that_state_none(named, tmp_path):
    run = judged(tmp_path / "voice" / "a", [turn(0, False)])
    assert named("--run-dir", run, "--benchmark", "mine") == ("mine", "mine")
    judged(run, [turn(0, False, benchmark="theirs")])
    assert named("--run-dir", run, "--benchmark", "mine") == ("theirs", "theirs")


def test_runs_read_again_keep_the_name_that_their_folder_had(run_script, tmp_path):
    judged(tmp_path / "voice" / "a", [turn(0, False)])
    judged(tmp_path / "voice" / "b", [turn(0, model_name="model-b")])
    for name, *args in (("deep_error_analysis.py", "--run-dir", "a", "b", "--output", "out/r.md"),
                        ("plan_review.py", "out")):
        done = run_script(name, *args, cwd=tmp_path / "voice")
        assert done.returncode == 0, done.stderr
    (tmp_path / "voice").rename(tmp_path / "vox")
    done = run_script("plan_review.py", "out", cwd=tmp_path / "vox")
    assert done.returncode == 0, done.stderr
    [row] = read_jsonl(tmp_path / "vox" / "out" / "contrast_rows.jsonl")
    assert row["benchmark"] == "voice"
    done = run_script("check_report.py", "out", "--rerun-inputs", cwd=tmp_path / "vox")
    assert "not_the_runs" not in done.stdout
    assert "cannot be read again" not in done.stderr


def test_runs_that_state_none_go_with_those_that_do(named, tmp_path):
    runs = [judged(tmp_path / "voice" / name, [turn(0, False, **said)])
            for name, said in (("a", {}), ("b", {"benchmark": "bench-b"}), ("c", {}))]
    assert named("--run-dir", *runs) == ("bench-b", "bench-b")


def test_runs_that_state_different_names_are_refused_with_each_ones_first_file(
        run_script, tmp_path):
    runs = [judged(tmp_path / name, [turn(0, False, **said)]) for name, said in (
        ("a", {}), ("b", {"benchmark": "bench-b"}), ("c", {"benchmark": "bench-c"}),
        ("d", {"benchmark": "bench-b"}))]
    done = run_script("build_packet.py", "--run-dir", *runs, "--output-dir", tmp_path / "out")
    assert done.returncode == 1
    assert (f"the inputs are of 2 benchmarks (bench-b: {runs[1] / 'openai_judged.jsonl'}; "
            f"bench-c: {runs[2] / 'openai_judged.jsonl'})") in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_reports_title_has_the_own_name_and_no_path_is_made_of_it(run_script, tmp_path):
    run = judged(tmp_path / "a", [turn(0, False, benchmark="../../x/`y`")])
    done = run_script("deep_error_analysis.py", "--run-dir", run, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [report] = tmp_path.rglob("deep_error_analysis.md")
    assert report.parent == tmp_path / "results" / "x_y"
    assert report.read_text(encoding="utf-8").startswith(
        "# Deep error analysis: `` ../../x/`y` ``\n")


def test_bee_runs_say_theirs(named, tmp_path):
    row = {"sample_id": "t1", "success": False, "context": {"task_name": "x"}}
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert named("--input", one) == ("bee-run", "bee-run")
    row["context"]["benchmark"] = "airline"
    two.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert named("--input", one, two) == ("bee-run-airline", "bee-run-airline")


def lm_eval(folder, task):
    path = folder / f"samples_{task}_2026-01-01T00-00-00.jsonl"
    row = {"doc_id": 0, "doc": {"question": "q"}, "target": "4", "arguments": [["q"]],
           "resps": [["5"]], "filtered_resps": ["5"], "doc_hash": "d", "prompt_hash": "p",
           "target_hash": "t", "acc": 0.0}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


def test_a_tools_folder_has_the_task_where_all_runs_say_one(named, tmp_path):
    """The benchmark's name in the files stays the tool's: the task is in every row."""
    one, two = lm_eval(tmp_path / "m1", "gsm8k"), lm_eval(tmp_path / "m2", "gsm8k")
    assert named("--input", one) == ("lm-eval-gsm8k", "lm-eval")
    assert named("--input", one, two) == ("lm-eval-gsm8k", "lm-eval")
    assert named("--input", one, lm_eval(tmp_path / "m2", "arc")) == ("lm-eval", "lm-eval")


def journal(folder):
    folder.mkdir(parents=True)
    (folder / "journal.json").write_text(json.dumps({"nodes": [
        {"id": "n1", "step": 0, "code": "x", "plan": "p", "is_buggy": True}]}), encoding="utf-8")
    return folder


def test_journals_folder_has_the_task_where_it_is_one(named, tmp_path):
    for run in ("run-group_a", "run-group_b"):
        journal(tmp_path / "js" / run / "polaris_0123456789abcdef0123456789abcdef")
    assert named("--input", tmp_path / "js")[0] == "agent-journals-polaris"
    journal(tmp_path / "js" / "run-group_b" / "leash_0123456789abcdef0123456789abcdef")
    assert named("--input", tmp_path / "js")[0] == "agent-journals"

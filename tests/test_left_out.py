"""--without: dimensions that are left out of pass and fail, everywhere the same."""

import json

import pytest

from failure_analysis import clean, files
from make_runs import findings, judged, read_jsonl, turn


@pytest.fixture
def run(tmp_path):
    """Turn 0 fails on tone alone, 1 on both, 2 on tools, 3 on nothing; 4 has only tone."""
    def scores(tone, tools=None):
        return {"tone": tone, "tools": tools} if tools is not None else {"tone": tone}

    return judged(tmp_path / "runs" / "a", [
        turn(place, tools is not False, scores=scores(tone, tools), model_name="m")
        for place, (tone, tools) in enumerate(
            [(False, True), (False, False), (True, False), (True, True), (False, None)])])


def outcomes(out):
    return {row["item_id"]: (row["outcome"], row["failed_dimensions"])
            for row in clean.read_csv(out / "outcomes.csv")}


def test_a_dimension_that_is_left_out_decides_nothing_and_is_said(run_script, run, tmp_path):
    out = tmp_path / "out"
    done = run_script("deep_error_analysis.py", "--run-dir", run, "--without", "tone",
                      "--output", out / "r.md")
    assert done.returncode == 0, done.stderr
    assert outcomes(out) == {"0": ("pass", ""), "1": ("fail", "tools"), "2": ("fail", "tools"),
                             "3": ("pass", ""), "4": ("unjudged", "")}
    rows = {row["item_id"]: row for row in read_jsonl(out / "failure_review_rows.jsonl")}
    assert rows["1"]["scores"] == {"tone": 0, "tools": False}
    assert rows["1"]["source"]["replaced"]["scores"] == {"tone": False, "tools": False}
    [said] = findings(out, "left_out")
    assert said["text"] == ("Left out of pass and fail by --without: tone; 2 rows have another "
                            "outcome by that.")
    report = (out / "r.md").read_text("utf-8")
    assert "Left out of pass and fail by --without: tone" in report
    known = files.read_json(out / "facts.json")
    assert known["failed_rows/m"] == 2 and "dimension/m/tone" not in known
    checked = run_script("check_report.py", out, "--rerun-inputs", "--json")
    assert {one["verdict"] for one in json.loads(checked.stdout)["findings"]} == {
        "todo", "unreviewed_model"}, checked.stdout


def test_without_it_nothing_changes(build, run):
    _, out = build("--run-dir", run)
    assert outcomes(out) == {"0": ("fail", "tone"), "1": ("fail", "tone;tools"),
                             "2": ("fail", "tools"), "3": ("pass", ""), "4": ("fail", "tone")}
    assert not findings(out, "left_out")


def test_a_dimension_that_no_row_has_is_refused_with_those_there_are(run_script, run, tmp_path):
    done = run_script("build_packet.py", "--run-dir", run, "--without", "Tone",
                      "--output-dir", tmp_path / "out")
    assert done.returncode == 1
    assert "--without Tone: no row is judged on it; the dimensions are tone, tools" in done.stderr


def test_a_reward_that_rests_on_it_decides_no_longer(run_script, tmp_path):
    rows = [{"id": "1", "db": True, "said": False, "reward": 0.0},
            {"id": "2", "db": False, "said": True, "reward": 0.0},
            {"id": "3", "db": True, "said": True, "reward": 1.0}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mapping = tmp_path / "m.yaml"
    mapping.write_text("benchmark: b\nthreshold: 1\nfields: {item_id: id, reward: reward, scores: "
                       "{db: {at: db, pass: true}, said: {at: said, pass: true}}}\n", "utf-8")
    out = tmp_path / "out"
    done = run_script("build_packet.py", "--input", path, "--mapping", mapping, "--without", "said",
                      "--output-dir", out)
    assert done.returncode == 0, done.stderr
    assert outcomes(out) == {"1": ("pass", ""), "2": ("fail", "db"), "3": ("pass", "")}

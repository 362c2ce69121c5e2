"""From a diagnosis to the reading: what the lenses name comes first in a plan, and the report says
what readers made of it."""

import json
import random
import re

import pytest

from make_runs import judged


@pytest.fixture
def folder(run_script, tmp_path):
    """A diagnosed analysis of answers that a limit cuts off where it is hard."""
    rng, rows = random.Random(3), []
    for level in (2, 4, 6, 8, 10, 12):
        for at in range(30):
            cut = level > 6 and rng.random() < 0.7
            right = not cut and rng.random() < 0.9
            rows.append({
                "item_id": f"q{level}-{at}", "model_name": "m", "params": {"length": level},
                "user_text": f"Sum {at} of {level}?", "scores": {"right": right},
                "assistant_text": f"It is a number beyond {rng.random()}.",
                "completion_tokens": 900 if cut else rng.randint(100, 600),
                "termination": "length" if cut else "stop"})
    out = tmp_path / "out"
    for name, *args in (("build_packet.py", "--run-dir", judged(tmp_path / "run", rows),
                         "--output-dir", out), ("cluster_failures.py", out),
                        ("compare_models.py", out),
                        ("analyze.py", "diagnose", out, "--cache", tmp_path / "cache")):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stderr
    return out


def planned(folder) -> list[dict]:
    """The lines of the plan."""
    return [json.loads(line) for line in (folder / "review_plan.jsonl").read_text().splitlines()]


def test_what_the_lenses_name_is_read_first_and_reported(folder, run_script):
    (system,) = json.loads((folder / "diagnosis.json").read_text())["systems"]
    (limit,) = [hypothesis for hypothesis in system["hypotheses"]
                if hypothesis["hypothesis"] == "context_limit_truncation"]
    assert limit["status"] == "supported"
    for asked in ("context_limit_truncation", "surface.truncation_dominant", "truncation_dominant"):
        done = run_script("plan_review.py", folder, "--from-lens", asked)
        assert done.returncode == 0, done.stderr
        lines = [line for line in planned(folder) if line["why"] == "lens"]
        assert [line["datapoint_id"] for line in lines][:10] == limit["read"]
        assert lines[0]["order"] == 1 and lines[0]["read_for"].startswith(
            "context_limit_truncation, supported of m")
    assert "the token limit ends answers" in (folder / "review_plan.md").read_text()
    shown = run_script("show_datapoint.py", folder, limit["read"][0]).stdout
    assert "read for context_limit_truncation" in shown or ": context_limit_truncation" in shown
    for ident in limit["read"][:3]:
        done = run_script("record_review.py", folder, "--id", ident, "--coder", "ann", "--bucket",
                          "cut_off", "--fault", "pipeline_issue", "--mechanism",
                          "The limit ends it.", "--quote", "It is a number beyond")
        assert done.returncode == 0, done.stdout + done.stderr
    done = run_script("write_report.py", folder)
    assert done.returncode == 0, done.stderr
    report = (folder / "deep_error_analysis.md").read_text()
    assert re.search(r"\| +context_limit_truncation +\| +supported +\| +3 of 10 +\| +`cut_off` 3",
                     report), report
    done = run_script("check_report.py", folder)
    assert "edited_block" not in done.stdout and "missing_block" not in done.stdout


def test_failures_of_a_cell_and_what_cannot_be_asked(folder, run_script):
    done = run_script("plan_review.py", folder, "--from-lens", "length=12", "--budget", "4")
    assert done.returncode == 0, done.stderr
    lines = [line for line in planned(folder) if line["why"] == "lens"]
    assert lines and all(line["item_id"].startswith("q12-") for line in lines)
    assert {line["read_for"] for line in lines} == {"the cell length=12"}
    for asked, why in (("size=3", "no parameter size; there are length"),
                       ("length=99", "no datapoint of this folder that failed"),
                       ("chaotic", "no hypothesis or label")):
        done = run_script("plan_review.py", folder, "--from-lens", asked)
        assert done.returncode == 1 and why in done.stderr, done.stderr
    (folder / "diagnosis.json").unlink()
    done = run_script("plan_review.py", folder, "--from-lens", "chaotic")
    assert done.returncode == 1 and "analyze.py diagnose" in done.stderr

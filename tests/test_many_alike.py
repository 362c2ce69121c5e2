"""Many of one kind: flags that move a rate, models of one report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

MAPPING = """
benchmark: fences
fields: {item_id: id, model_name: model, run_id: model, user_text: question, assistant_text: answer,
         scores: {correct: correct}}
"""
NAME = "same_answer_other_verdict.same_form/fenced"


def _rows() -> list[dict]:
    """Of 100 items, `plain` passes 90; `fenced` says the same in a fence and is failed for it on 12
    of these, `few` on 9; `none` differs."""
    def one(item: int, model: str, answer: str, correct: bool) -> dict:
        return {"id": f"i{item}", "model": model, "question": f"Which of the {item} is it?",
                "answer": answer, "correct": correct}

    rows = []
    for item in range(100):
        bare = f"[find(number={item}, kind='round')]"
        rows += [one(item, "plain", bare, item < 90),
                 one(item, "fenced", f"```python\n{bare}\n```" if item < 12 else bare,
                     12 <= item < 90),
                 one(item, "few", f"```\n{bare}\n```" if item < 9 else bare, 9 <= item < 90),
                 one(item, "none", f"[seek(number={item}, kind='flat')]", False)]
    return rows


def test_a_kind_of_flag_that_moves_a_rate_is_said(build: Callable, run_script: Callable,
                                                  tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _rows()))
    _, out = build("--input", tmp_path / "rows.jsonl", "--mapping", tmp_path / "map.yaml")
    done = run_script("audit_benchmark.py", out)
    assert [line for line in done.stdout.splitlines() if line.startswith("one kind")] == [
        "one kind behind many: fenced fails 12 datapoints by same_answer_other_verdict (same_form):"
        " 78.0 % as judged, 90.0 % had they passed"]
    stated = json.loads((out / "facts.json").read_text())
    assert {key: value for key, value in stated.items() if "in_doubt" in key or "if_passed" in key
            } == {f"audit/in_doubt/{NAME}": 12, f"audit/pass_rate_if_passed_pct/{NAME}": 90.0}
    line = "| `same_answer_other_verdict` | `same_form` | `fenced` | 12 | 78.0 % | 90.0 % |"
    assert line in (out / "audit.md").read_text()

    for script in ("cluster_failures.py", "compare_models.py", "write_report.py"):
        assert run_script(script, out).returncode == 0
    report = out / "deep_error_analysis.md"
    assert line in report.read_text()
    proved = run_script("check_report.py", out)
    assert f"audit/in_doubt/{NAME}" not in proved.stdout + proved.stderr

    stated[f"audit/in_doubt/{NAME}"] = 13
    (out / "facts.json").write_text(json.dumps(stated))
    refused = run_script("check_report.py", out)
    assert f"audit/in_doubt/{NAME}" in refused.stdout + refused.stderr


@pytest.mark.slow
def test_a_draft_describes_each_of_many_models(build: Callable, run_script: Callable,
                                               tmp_path: Path) -> None:
    """The check asks for a section of every model with failures, so the draft has them all."""
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(
        {"id": "i1", "model": f"m{place}", "question": "Which?", "answer": f"The {place}.",
         "correct": False}) + "\n" for place in range(45)))
    _, out = build("--input", tmp_path / "rows.jsonl", "--mapping", tmp_path / "map.yaml")
    for script in ("cluster_failures.py", "compare_models.py", "write_report.py"):
        assert run_script(script, out).returncode == 0
    draft = (out / "deep_error_analysis.md").read_text()
    assert draft.count("\n## Model ") == 45
    run_script("check_report.py", out)
    verdicts = {one["verdict"] for one in json.loads((out / "check.json").read_text())["findings"]}
    assert "unreviewed_model" in verdicts
    assert not verdicts & {"missing_block", "unbound_number"}

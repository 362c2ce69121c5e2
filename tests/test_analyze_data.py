"""analyze.py: what it makes of datasets: outcomes, choices, levels, names, cells, configs."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from failure_analysis.lenses import dataset

OUTCOMES = ("correct", "wrong", "no_answer", "truncated")


@pytest.fixture
def analyze(run_inside, tmp_path) -> Callable:
    """`analyze(*args)`: runs the script; returns its JSON summary, or the one line of its
    refusal."""

    def run(command: str, *args: str | Path, code: int = 0) -> dict | str:
        more = () if command == "evals" else ("--cache", tmp_path / "cache", "--jobs", 1)
        done = run_inside("analyze.py", command, *more, *args, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        if code:
            assert done.stderr.count("\n") == 1, done.stderr
            return done.stderr
        return json.loads(done.stdout)

    return run


def write_rows(path: Path, rows: list[dict]) -> Path:
    """Samples as JSONL."""
    path.write_text("".join(json.dumps({"model_name": "m", "base_task": "t", **row}) + "\n"
                            for row in rows), encoding="utf-8")
    return path


def level_rows(per: int = 20, **changes) -> list[dict]:
    """Samples on six levels, every other one correct."""
    return [{"item_id": f"{level}-{at}", "params": {"length": level}, "correct": at % 2 == 0,
             "completion_tokens": 50 + 5 * level + at, **changes}
            for level in range(6) for at in range(per)]


def outcomes_of(found: dict) -> tuple[int, ...]:
    """How many samples of the only eval ended how."""
    (one,) = found["evals"]
    return tuple(one[name] for name in OUTCOMES)


MAPPING = """\
benchmark: arith
fields:
  item_id: item_id
  model_name: model_name
  user_text: prompt
  assistant_text: output
  termination: finish_reason
  completion_tokens: completion_tokens
  params: params
  scores:
    correct: correct
"""


def test_the_limit_comes_before_the_verdict_however_runs_are_read(analyze, run_inside, tmp_path
                                                                  ) -> None:
    rows = [{**row, "prompt": row["item_id"], "output": "4", "finish_reason":
             "length" if at % 3 == 0 else "stop"} for at, row in enumerate(level_rows(6))]
    path = write_rows(tmp_path / "s.jsonl", rows)
    (tmp_path / "map.yaml").write_text(MAPPING)
    done = run_inside("build_packet.py", "--input", path, "--mapping", tmp_path / "map.yaml",
                      "--output-dir", tmp_path / "a")
    assert done.returncode == 0, done.stderr
    expected = (12, 12, 0, 12)
    assert outcomes_of(analyze("evals", path)) == expected
    assert outcomes_of(analyze("evals", path, "--mapping", tmp_path / "map.yaml")) == expected
    assert outcomes_of(analyze("evals", tmp_path / "a")) == expected


CUT = {
    "wrong": {"outcome": "wrong", "finish_reason": "length"},
    "correct": {"outcome": "correct", "completion_tokens": 90, "token_limit": 90},
    "no answer": {"outcome": "no_answer", "finish_reason": "length"},
    "capitals": {"correct": False, "finish_reason": "MAX_TOKENS"},
    "one capital": {"correct": False, "finish_reason": "Length"},
    "another server": {"correct": False, "finish_reason": "max_output_tokens"},
    "one": {"correct": False, "truncated": 1}, "text": {"correct": False, "truncated": "true"},
    "true": {"correct": False, "truncated": True}, "said": {"outcome": "truncated"},
}


@pytest.mark.parametrize("case", CUT)
def test_every_mark_of_truncation_is_read(case: str, analyze, tmp_path) -> None:
    rows = [{"item_id": "a", **CUT[case]}, {"item_id": "b", "correct": False, "truncated": False}]
    assert outcomes_of(analyze("evals", write_rows(tmp_path / "s.jsonl", rows))) == (0, 1, 0, 1)


def test_a_mark_of_truncation_that_cannot_be_read_is_rejected(analyze, tmp_path) -> None:
    rows = [*level_rows(2), {"item_id": "x", "correct": False, "truncated": "perhaps"}]
    found = analyze("evals", write_rows(tmp_path / "s.jsonl", rows))
    assert found["rows"]["rejected"] == 1
    assert found["rows"]["reasons"][0]["reason"] == "truncated is neither true nor false"


def rare_rows() -> list[dict]:
    """27 cells of 18 correct and 2 wrong samples, and a measured number that no two share; in the
    order of the levels."""
    return [{"item_id": f"{cell}-{at}", "correct": at % 10 != 0, "completion_tokens": 9,
             "params": {"length": cell, "size": cell + at / 50}}
            for cell in range(27) for at in range(20)]


@pytest.mark.parametrize("measured", [False, True])
def test_a_choice_of_samples_keeps_shares_and_levels(measured: bool, analyze, tmp_path) -> None:
    rows = rare_rows()
    if not measured:
        for row in rows:
            del row["params"]["size"]
    path = write_rows(tmp_path / "s.jsonl", rows)
    right, first = [], []
    for seed in range(20):
        analyze("surface", path, "--max-traces", 108, "--seed", seed, "--output",
                tmp_path / "c.csv")
        with open(tmp_path / "c.csv", encoding="utf-8", newline="") as file:
            cells = list(csv.DictReader(file))
        assert sum(int(cell["n"]) for cell in cells) == 108
        right.append(sum(int(cell["correct"]) for cell in cells) / 108)
        first.append(sum(int(cell["n"]) for cell in cells if float(cell["length"]) < 13) / 108)
    # Of 20 choices of 108 the mean has a standard error below .007.
    assert sum(right) / 20 == pytest.approx(0.9, abs=0.02)
    assert sum(first) / 20 == pytest.approx(13 / 27, abs=0.05)


def test_names_declared_as_difficulty_are_levels(tmp_path) -> None:
    rows = [{**row, "params": {"length": 1, "level": "easy" if at % 2 else "hard", "sure": at % 3
                               == 0}} for at, row in enumerate(level_rows())]
    write_rows(tmp_path / "s.jsonl", rows)
    config = {"evals": [{"model_name": "m", "files": "s.jsonl"}], "params": {}}
    for roles, levels in (({}, 1), ({"level": "difficulty"}, 2),
                          ({"level": "difficulty", "sure": "difficulty"}, 4)):
        (tmp_path / "d.json").write_text(json.dumps({**config, "params": roles}))
        assert len(set(dataset.load(tmp_path / "d.json").levels())) == levels


def test_many_levels_are_merged_for_every_lens(tmp_path) -> None:
    table = dataset.load(write_rows(tmp_path / "s.jsonl", [
        {**row, "params": {"size": at}} for at, row in enumerate(level_rows())]))
    assert sorted(np.bincount(table.levels())) == [10] * 12

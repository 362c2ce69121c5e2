"""tables.py: an analysis folder in a notebook; ids are text, types are declared."""

import json
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest

from failure_analysis import clean, files, tables
from make_runs import judged, turn

ODD = ["NA", "007", "nan", "null", "1e3", "=1+1", "'q", "None", "", "two\nlines", "True", "-5"]


@pytest.fixture
def folder(build, tmp_path):
    """Failing rows of items with odd names, the first of them twice, judged on two dimensions."""
    rows = [turn(None, False, item_id=name or "empty", user_text=name, reward=0.5)
            for name in ODD] + [turn(None, True, item_id="NA", user_text="again")]
    for row in rows:
        del row["turn"]
    run = judged(tmp_path / "007", rows)
    return build("--run-dir", run)[1]


def test_ids_come_back_as_they_are_with_declared_types(folder):
    table = tables.outcomes(folder)
    names = [clean.clean_name(name or "empty") for name in ODD]
    assert table["item_id"].tolist() == [*names, "NA"]
    assert set(table["run_id"]) == {"007"}
    assert table["trial"].tolist() == [0] * len(ODD) + [1]
    assert {name: str(dtype) for name, dtype in table.dtypes.items()
            if not str(dtype).startswith("string")} == {
        "trial": "Int64", "turn": "Int64", "outcome": "category", "reward": "Float64",
        "prompt_tokens": "Float64", "completion_tokens": "Float64", "latency_ms": "Float64",
        "cost_usd": "Float64"}
    assert table["turn"].isna().all() and table["reward"].tolist() == [0.5] * len(ODD) + [pd.NA]
    assert table["outcome"].value_counts().to_dict() == {"fail": len(ODD), "pass": 1, "unjudged": 0}
    assert not table[["item_id", "termination", "grader"]].isna().any().any()


def test_failing_rows_are_whole(folder):
    table = tables.failing_rows(folder)
    assert table["user_text"].tolist() == ODD
    assert table["item_id"].tolist() == [clean.clean_name(name or "empty") for name in ODD]
    assert all(scores == {"tool_use_correct": False, "kb_grounding": None}
               for scores in table["scores"])
    assert table["failed_dimensions"].tolist() == [["tool_use_correct"]] * len(ODD)
    assert (str(table["trial"].dtype), str(table["messages"].dtype)) == ("Int64", "object")
    assert list(table)[:3] == ["datapoint_id", "benchmark", "run_id"]


def test_scores_are_a_line_each(folder):
    table = tables.scores(folder)
    assert len(table) == 2 * (len(ODD) + 1)
    by_dimension = table.groupby("dimension")["failed"]
    assert by_dimension.sum().to_dict() == {"kb_grounding": 0, "tool_use_correct": len(ODD)}
    assert by_dimension.count().to_dict() == {"kb_grounding": 0, "tool_use_correct": len(ODD) + 1}


def test_reviews_and_plan_and_facts(run_script, demo_runs, bundle, tmp_path):
    out = tmp_path / "out"
    for script, *args in (
            ("deep_error_analysis.py", "--comparison-dir", demo_runs / "comparison", "--output",
             out / "r.md"), ("plan_review.py", out),
            ("record_review.py", out, "--from",
             bundle / "tests/fixtures/demo_review/reviews.jsonl", "--coder", "007"),
            ("record_review.py", out, "--rename", "states_a_wrong_fact", "wrong_fact",
             "--coder", "007")):
        done = run_script(script, *args)
        assert done.returncode == 0, done.stderr
    reviews = tables.reviews(out)
    lines = [json.loads(line) for line in (out / "reviews.jsonl").read_text().splitlines()]
    assert reviews["review_id"].tolist() == [line["review_id"] for line in lines]
    assert set(reviews["coder"]) == {"007"} and str(reviews["coder"].dtype).startswith("string")
    replaced = reviews[~reviews["current"]]
    assert set(replaced["bucket"]) == {"states_a_wrong_fact", "forgets_the_callers_name"}
    assert set(replaced["review_id"]) == set(reviews["replaces"].dropna())
    plan = tables.plan(out)
    assert plan["order"].tolist() == list(range(1, len(plan) + 1))
    assert set(plan["why"]) <= {"failed_by_all", "unique_failure", "contrast", "sample"}
    facts = tables.facts(out)
    assert facts.to_dict() == json.loads((out / "facts.json").read_text())
    assert facts["failed_rows"] == 61


def test_the_example_of_the_reference_runs(folder, bundle, capsys):
    text = (bundle / "references" / "row-schema.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"(?ms)^```python\n(.*?)^```$", text)
    names = {"bundle": bundle, "analysis_dir": folder}
    exec(example, names)  # noqa: S102 (a block of our own documentation)
    table = names["scores"].groupby(["model_name", "dimension"])["failed"].mean()
    assert table["model-a", "tool_use_correct"] == len(ODD) / (len(ODD) + 1)
    assert "tool_use_correct" in capsys.readouterr().out


def test_nothing_recorded_is_a_table_without_lines(build, tmp_path):
    _, out = build("--run-dir", judged(tmp_path / "run", [turn(0)]))
    assert len(tables.failing_rows(out)) == len(tables.reviews(out)) == 0
    assert list(tables.reviews(out))[:2] == ["review_id", "datapoint_id"]
    assert str(tables.failing_rows(out)["trial"].dtype) == "Int64"


@pytest.mark.parametrize("name", ["outcomes", "scores", "failing_rows", "plan", "facts"])
def test_what_is_not_there_is_refused_with_what_to_run(name, tmp_path):
    with pytest.raises(files.Refusal, match=r"run (build_packet|plan_review)\.py first"):
        getattr(tables, name)(tmp_path)


def test_a_damaged_line_is_refused_with_its_number(folder):
    path = folder / "outcomes.csv"
    path.write_bytes(path.read_bytes() + b"a,b\r\n")
    with pytest.raises(files.Refusal, match=r"outcomes\.csv:15: 2 cells, the header has 19"):
        tables.outcomes(folder)


def test_a_number_beyond_64_bits_is_refused_by_name(folder):
    path = folder / "outcomes.csv"
    text = path.read_bytes()
    path.write_bytes(text.replace(b",0,,fail,0.5,", b",0,9223372036854775808,fail,0.5,", 1))
    with pytest.raises(files.Refusal, match="turn is '9223372036854775808', no number of 64 bits"):
        tables.outcomes(folder)
    path.write_bytes(path.read_bytes().replace(b"9223372036854775808", b"3"))
    assert tables.outcomes(folder)["turn"].dropna().tolist() == [3]


# What these scripts load at work; the --help of every script loads no package (test_headers.py).
LIGHT = {"build_packet.py": ("--comparison-dir", "{runs}/comparison", "--output-dir", "{out}"),
         "plan_review.py": ("{out}",), "show_datapoint.py": ("{out}", "--next", "--coder", "a"),
         "record_review.py": ("{out}", "--from", "{reviews}", "--coder", "a")}
PROBE = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("HEAVY", sorted({"pandas", "scipy", "matplotlib", "numpy"} & set(sys.modules)))
"""


def test_the_packet_and_the_review_load_no_heavy_package(bundle, demo_runs, tmp_path):
    places = {"runs": demo_runs, "out": tmp_path / "out",
              "reviews": bundle / "tests/fixtures/demo_review/reviews.jsonl"}
    for script, args in LIGHT.items():
        command = [sys.executable, "-c", PROBE, f"{bundle}/scripts/{script}",
                   *(arg.format(**places) for arg in args)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "HEAVY []", shlex.join(map(str, command))
        if script == "build_packet.py":
            for step in ("cluster_failures.py", "compare_models.py"):
                subprocess.run([sys.executable, f"{bundle}/scripts/{step}", places["out"]],
                               capture_output=True, check=True)


def test_our_csv_is_opened_once_and_read_without_its_guards(tmp_path, monkeypatch):
    path, opened, really = tmp_path / "ours.csv", [], files.open_bytes
    path.write_bytes(clean.csv_line(["a", "b"]) + clean.csv_line(["=1", "it's"]))
    monkeypatch.setattr(files, "open_bytes", lambda path: opened.append(path) or really(path))
    assert list(clean.read_csv(path)) == [{"a": "=1", "b": "it's"}]
    assert opened == [path]
    assert list(clean.csv_cells(path, ("b",), "x.py")) == [["it's"]]
    with pytest.raises(files.Refusal, match="ours.csv:1: no column c; run build_packet.py again$"):
        list(clean.read_csv(path, ("a", "c")))

"""The examples of CONTRIBUTING.md do what it says of them."""

import gzip
import json
import re
import shutil

import pytest

from failure_analysis import statistics
from failure_analysis.packet import heuristics


@pytest.fixture(scope="module")
def blocks(bundle):
    """The fenced blocks below each heading: {heading: [(language, text), …]}."""
    parts = re.split(r"(?m)^## (.+)\n", (bundle / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    return {heading: re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", text)
            for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_the_rule_labels_rows(blocks, tmp_path):
    ((language, text),) = blocks["A rule"]
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    rules = heuristics.load(path)
    rows = {"words": {"judge_reasoning": "It repeated the same call."},
            "signal": {"signals": [{"kind": "tool_errors_in_a_row", "count": 3}]},
            "neither": {"judge_reasoning": "It called.", "signals": [
                {"kind": "tool_errors_in_a_row", "count": 2}]}}
    assert language == "yaml"
    assert {name: [rule.mode for rule in heuristics.hits(row, rules)]
            for name, row in rows.items()} == {
        "words": ["repeats_a_refused_call"], "signal": ["repeats_a_refused_call"], "neither": []}


def test_the_statistic_passes_its_test(blocks, monkeypatch):
    (_, function), (_, test) = blocks["A statistic"]
    names = {}
    exec(function, names)  # noqa: S102 (a block of our own documentation)
    monkeypatch.setattr(statistics, "odds_ratio", names["odds_ratio"], raising=False)
    exec(test, names)  # noqa: S102
    names["test_the_odds_ratio_is_that_of_statsmodels"]()
    assert names["odds_ratio"](0, 5, 0, 5) == 1


def test_the_format_reads_its_sheet(blocks, bundle, start, tmp_path):
    _, (_, module), (_, sheet) = blocks["A format"]
    shutil.copytree(bundle / "scripts", tmp_path / "scripts",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(bundle / "templates", tmp_path / "templates")
    library = tmp_path / "scripts" / "failure_analysis"
    (library / "formats" / "answer_sheets.py").write_text(module, encoding="utf-8")
    detect = (library / "reading" / "claims.py").read_text(encoding="utf-8")
    for old, new in (("import (\n    agent_journals", "import (\n    answer_sheets,\n"
                      "    agent_journals"), ("MODULES = (", "MODULES = (answer_sheets, ")):
        assert detect.count(old) == 1
        detect = detect.replace(old, new)
    (library / "reading" / "claims.py").write_text(detect, encoding="utf-8")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "model-x.sheet.gz").write_bytes(gzip.compress(
        b"\xef\xbb\xbf" + sheet.replace("\n", "\r\n").encode()))
    done = start(tmp_path / "scripts" / "build_packet.py", "--input", runs, "--output-dir",
                 tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "answer-sheets: 4 rows read = 1 pass + 1 fail + 1 unjudged + 1 rejected" in done.stdout
    packet = (tmp_path / "out" / "failure_review_rows.jsonl").read_text()
    rows = map(json.loads, packet.splitlines())
    assert [(row["datapoint_id"], row["outcome"]) for row in rows] == [
        ("model-x/2", "fail"), ("model-x/3", "unjudged")]


def test_the_format_file_reads_its_exam(blocks, bundle, start, tmp_path):
    (_, text), *_ = blocks["A format"]
    line = re.search(r'(?m)`(\{"candidate".*?)` and', (bundle / "CONTRIBUTING.md").read_text(
        encoding="utf-8"))[1]
    shutil.copytree(bundle / "scripts", tmp_path / "scripts",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(bundle / "templates", tmp_path / "templates")
    (tmp_path / "templates" / "formats" / "exam.yaml").write_text(text, encoding="utf-8")
    right = {**json.loads(line), "points": 2, "candidate": "n"}
    (tmp_path / "all.exam.jsonl").write_text(f"{line}\n{json.dumps(right)}\n")
    done = start(tmp_path / "scripts" / "build_packet.py", "--input", tmp_path / "all.exam.jsonl",
                 "--output-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "read as exam: " in done.stdout
    assert "exam: 2 rows read = 1 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout
    (row,) = (tmp_path / "out" / "failure_review_rows.jsonl").read_text().splitlines()
    assert json.loads(row)["failure_class"] == "wrong_sum"


def test_the_rooms_are_those_of_the_test(bundle):
    from test_rooms import GROUND, GROUND_FLOOR, ROOMS

    text = (bundle / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| room | holds |")[2].partition("\n\n")[0]
    lines = [line.split("|")[1:3] for line in table.strip().splitlines()[1:]]
    named = [name.rstrip("/") for cell, _ in lines for name in
             (re.findall(r"`([^`]+)`", cell) or [cell.strip()])]
    assert named == [GROUND, *ROOMS[1:]]
    assert set(re.findall(r"`(\w+)`", lines[0][1])) == GROUND_FLOOR

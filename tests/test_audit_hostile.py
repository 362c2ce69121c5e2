"""The audit of rows that hold what no store takes: lone surrogates, numbers beyond 64 bits and
calls that are no list, wherever they stand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

MAPPING = """
benchmark: toy
fields:
  item_id: id
  model_name: model
  user_text: question
  assistant_text: answer
  expected: gold
  messages: messages
  tool_calls: calls
  scores: {correct: right}
"""
HUGE = 10**40
DIGITS = "9" * 5000  # more than Python reads as a number


@pytest.mark.parametrize("odd", [
    {"gold": {"\ud800": "\udfff"}}, {"gold": [HUGE, -HUGE]}, {"question": "what \ud800 is it"},
    {"calls": [{"name": "book", "arguments": str(HUGE)}]}, {"answer": "\ud800"},
    {"messages": [{"role": "assistant", "content": "yes", "tool_calls": 1.5}]},
    {"gold": ["7", DIGITS], "question": f"Sort 7 and {DIGITS}"}, {"gold": "1e999999999"},
    {"gold": {"answer": DIGITS, "place": "here"}, "question": f"Is it {DIGITS} or 12?"},
    {"gold": {"actions": [{"name": "book", "arguments": {}}], "outputs": 1.5},
     "calls": [{"name": "book", "arguments": {}}]}],
    ids=["surrogate key", "huge gold", "question", "huge argument in a text", "answer", "calls",
         "digits", "exponent", "digits in a field", "outputs"])
def test_odd_values_are_audited(build: Callable, run_script: Callable, tmp_path: Path,
                                odd: dict) -> None:
    """Each is stored under a visible spelling; the plain failure beside it is still found."""
    plain = {"id": "1", "model": "m", "question": "What is it?", "answer": "Four.", "gold": "four",
             "messages": [], "calls": [], "right": False}
    lines, mapping = tmp_path / "rows.jsonl", tmp_path / "mapping.yaml"
    lines.write_text(json.dumps(plain) + "\n" + json.dumps(plain | {"id": "2"} | odd) + "\n",
                     encoding="utf-8")
    mapping.write_text(MAPPING, encoding="utf-8")
    _, folder = build("--input", lines, "--mapping", mapping)
    done = run_script("audit_benchmark.py", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2
    flags = [json.loads(line) for line in (folder / "audit.jsonl").read_text(
        encoding="utf-8").splitlines()]
    assert ("strict_match", "1") in {(one["class"], one["item_id"]) for one in flags}

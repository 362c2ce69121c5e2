"""Runs to be coded by open_coder.py in tests, and what came of them."""

from collections.abc import Sequence
from pathlib import Path

from make_runs import judged, read_jsonl, turn

KEY = {"OPENAI_API_KEY": "secret-of-the-tests-123456", "OPENAI_MODEL": "", "OPENAI_BASE_URL": ""}


def faulty(folder: Path, faults: Sequence[str]) -> Path:
    """A judged run of one failing sample per fault."""
    return judged(folder / "run", [turn(n, False, user_text=f"Question {n}? FAULT:{fault}")
                                   for n, fault in enumerate(faults)])


def coded(folder: Path) -> list[dict]:
    """The lines of the result of project p."""
    [path] = (folder / "results/p").glob("open_coded_*.jsonl")
    return read_jsonl(path)

# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Measures the review scripts on a ledger of many reviews, as whole processes on this machine.

Makes an analysis of short judged rows of which two thirds fail, and a ledger of --reviews reviews
by two coders over 40 buckets, which record_review.py records, in a temporary folder. Prints the
wall seconds of plan_review.py, show_datapoint.py, record_review.py (one more review),
write_report.py, check_report.py and measure_agreement.py.

At 100,000 check_report.py took 5.8 to 6.0 s on 2 idle cores, up to 13.3 s on a slower day of the
same kind of machine; 1 s of that for the 43,828 findings of a ledger that nobody has settled.

Exit codes: 0 measured; 1 a limit is broken (write_report.py and measure_agreement.py: 5 s at
100,000 reviews); 2 usage.

Example: python tests/benchmarks/bench_review.py --reviews 100000
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
LIMITS = {"write_report.py": 5.0, "measure_agreement.py": 5.0}
FAULTS = ("model_error", "grader_issue", "reference_issue", "undecided")


def main(argv: list[str] | None = None) -> int:
    """Makes the ledger, runs the scripts over it and prints their times."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=int, default=100_000)
    args = parser.parse_args(argv)
    broken = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "analysis")
        make_runs(Path(name, "runs"), args.reviews // 2)
        runs = sorted(Path(name, "runs").iterdir())
        run("deep_error_analysis.py", "--run-dir", *runs, "--output", folder / "report.md")
        first = make_ledger(folder, args.reviews)
        for script, *more in (
            ("plan_review.py", "--budget", "60"), ("show_datapoint.py", "--next"),
            ("record_review.py", "--coder", "third", "--id", first, "--bucket", "stops_too_early",
             "--fault", "mixed", "--mechanism", "It stops before the last step is done.",
             "--quote", "What is the answer"),
            ("write_report.py",), ("measure_agreement.py",), ("check_report.py",)):
            seconds = run(script, folder, *more)
            slow = seconds > LIMITS.get(script, 1e9) and args.reviews <= 100_000
            broken |= slow
            print(f"{script:24} {seconds:6.2f} s{'  OVER ITS LIMIT' if slow else ''}")
    return int(broken)


def run(script: str, *args: object) -> float:
    """Wall seconds of one script; a check that does not hold is no failure here."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, SCRIPTS / script, *map(str, args)],
                          capture_output=True, encoding="utf-8")
    if done.returncode and script != "check_report.py":
        sys.exit(f"{script}: {done.stdout}{done.stderr}")
    return time.perf_counter() - start


def make_runs(folder: Path, failing: int) -> None:
    """Five judged runs of five models with about so many failing rows together."""
    rng = random.Random(7)
    for model in range(5):
        target = folder / f"run_{model}"
        target.mkdir(parents=True)
        with open(target / "openai_judged.jsonl", "w", encoding="utf-8") as file:
            for turn in range(round(failing * 1.5 / 5)):
                row = {"turn": turn, "model_name": f"model-{model}",
                       "user_text": f"What is the answer to question {turn}?",
                       "assistant_text": f"It is {rng.random():.6f}, I believe.",
                       "tool_calls": [], "tool_results": [],
                       "scores": {"kb_grounding": turn % 3 == 0, "tool_use_correct": None},
                       "judge_reasoning": "The answer is not what was expected."}
                file.write(json.dumps(row) + "\n")


def make_ledger(folder: Path, reviews: int) -> str:
    """Records reviews of every failing row by two coders; returns the first id."""
    rng, lines, first = random.Random(8), [], ""
    with open(folder / "failure_review_rows.jsonl", encoding="utf-8") as file:
        for line in file:
            ident = json.loads(line)["datapoint_id"]
            first = first or ident
            bucket = rng.randrange(40)
            for coder in ("one", "two"):
                other = bucket if rng.random() < 0.8 else rng.randrange(40)
                lines.append(json.dumps({
                    "id": ident, "coder": coder, "bucket": f"cause_{other}",
                    "fault": rng.choice(FAULTS), "quotes": ["What is the answer to question"],
                    "mechanism": "It believes where it should look."}))
    batch = folder.with_name("batch.jsonl")
    batch.write_text("\n".join(lines[:reviews]) + "\n", encoding="utf-8")
    run("record_review.py", folder, "--from", batch)
    return first


if __name__ == "__main__":
    sys.exit(main())

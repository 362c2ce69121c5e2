# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Measures the review scripts on a ledger of many reviews, as whole processes on this machine.

Makes an analysis of short judged rows of which two thirds fail, and a ledger of --reviews reviews
by two coders over 40 buckets, which record_review.py records, in a temporary folder. Prints the
wall seconds of plan_review.py, show_datapoint.py, record_review.py (one more review),
write_report.py, check_report.py and measure_agreement.py.

With --against OTHER (another checkout, as `git worktree add OTHER COMMIT` makes it) the CPU seconds
of small calls instead, least of --rounds, interleaved: each checkout on its own analysis of the
same 1,000 rows with 600 reviews, as it was before each call; --help and stage 1 of the demo too.

At 100,000 check_report.py took 5.8 to 6.0 s on 2 idle cores, up to 13.3 s on a slower day of the
same kind of machine; 1 s of that for the 43,828 findings of a ledger that nobody has settled.

Exit codes: 0 measured; 1 a limit is broken (write_report.py and measure_agreement.py: 5 s at
100,000 reviews); 2 usage.

Example: python tests/benchmarks/bench_review.py --reviews 100000
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
LIMITS = {"write_report.py": 5.0, "measure_agreement.py": 5.0}
DEMO = Path(__file__).resolve().parents[1] / "fixtures" / "demo_runs" / "comparison"
FAULTS = ("model_error", "grader_issue", "reference_issue", "undecided")


def main(argv: list[str] | None = None) -> int:
    """Makes the ledger, runs the scripts over it and prints their times."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=int, default=100_000)
    parser.add_argument("--against", type=Path, metavar="OTHER", help="another checkout")
    parser.add_argument("--rounds", type=int, default=5, help="of --against (default 5)")
    args = parser.parse_args(argv)
    if args.against:
        small_calls(args.against.resolve() / "scripts", args.rounds)
        return 0
    broken = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "analysis")
        make_runs(Path(name, "runs"), args.reviews // 2)
        runs = sorted(Path(name, "runs").iterdir())
        run("deep_error_analysis.py", "--run-dir", *runs, "--output", folder / "report.md")
        first = make_ledger(folder, args.reviews)
        for script, *more in (
            ("plan_review.py", "--budget", "60"), ("show_datapoint.py", "--next"),
            ("record_review.py", *review(first)), ("write_report.py",),
            ("measure_agreement.py",), ("check_report.py",)):
            seconds = run(script, folder, *more)
            slow = seconds > LIMITS.get(script, 1e9) and args.reviews <= 100_000
            broken |= slow
            print(f"{script:24} {seconds:6.2f} s{'  OVER ITS LIMIT' if slow else ''}")
    return int(broken)


def review(ident: str) -> list[str]:
    """The options of one more review of a datapoint."""
    return ["--coder", "third", "--id", ident, "--bucket", "stops_too_early", "--fault", "mixed",
            "--mechanism", "It stops before the last step is done.", "--quote",
            "What is the answer"]


def small_calls(other: Path, rounds: int) -> None:
    """Prints what each small call costs in the other checkout and in this one."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody imports from source each time
    with tempfile.TemporaryDirectory() as name:
        make_runs(Path(name, "runs"), 667)
        places = {scripts: Path(name, str(at)) for at, scripts in enumerate((other, SCRIPTS))}
        for scripts, place in places.items():
            run("deep_error_analysis.py", "--run-dir", *sorted(Path(name, "runs").iterdir()),
                "--output", place / "kept" / "report.md", scripts=scripts)
            first = make_ledger(place / "kept", 600, scripts)
            run("plan_review.py", place / "kept", "--budget", "60", scripts=scripts)
            run("write_report.py", place / "kept", scripts=scripts)
        for script, *more in (
            ("show_datapoint.py", "now", first), ("show_datapoint.py", "now", "--next"),
            ("record_review.py", "now", *review(first)),
            ("plan_review.py", "now", "--budget", "60"), ("check_report.py", "now"),
            ("deep_error_analysis.py", "--help"),
            ("deep_error_analysis.py", "--comparison-dir", DEMO, "--output", "demo/report.md")):
            seen = {scripts: [] for scripts in places}
            for _ in range(rounds):
                for scripts, place in places.items():
                    shutil.rmtree(place / "now", ignore_errors=True)
                    shutil.rmtree(place / "demo", ignore_errors=True)
                    shutil.copytree(place / "kept", place / "now")
                    seen[scripts].append(cpu([scripts / script, *more], place))
            before, after = (min(of) for of in seen.values())
            print(f"{script:24} {str(more[-1]):20.20} {before:6.3f} s -> {after:6.3f} s, "
                  f"{after / before:.2f}", flush=True)


def cpu(command: list[object], folder: Path) -> float:
    """CPU seconds of one call, with its children; a check that does not hold is no failure here."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *map(str, command)], cwd=folder, capture_output=True,
                          encoding="utf-8")
    if done.returncode and Path(str(command[0])).name != "check_report.py":
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def run(script: str, *args: object, scripts: Path = SCRIPTS) -> float:
    """Wall seconds of one script; a check that does not hold is no failure here."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, scripts / script, *map(str, args)],
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


def make_ledger(folder: Path, reviews: int, scripts: Path = SCRIPTS) -> str:
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
    run("record_review.py", folder, "--from", batch, scripts=scripts)
    return first


if __name__ == "__main__":
    sys.exit(main())

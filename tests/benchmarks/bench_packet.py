# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "numpy>=1.26,<3",
# ]
# ///
"""Measures build_packet.py against only parsing the same files, as ratios on this machine.

Makes judged runs of a realistic shape (log-normal texts, tool results on 45 % of rows, a quarter
failing, 10 to 40 % of the texts not ASCII) in a temporary folder, then times whole processes in
interleaved rounds: CPU seconds with children, peak memory.

Prints: CPU of build_packet.py over CPU of json.loads alone on 100,000 wide rows (limit 3.0), its
peak memory (limit 80 MB), peak memory at ten times the rows in many runs over that at 100,000
(limit 1.5; --large), --help, and the whole of stage 1 on the demo runs (limit 3 s).

Exit codes: 0 measured; 1 a limit is broken; 2 usage.

Example: python tests/benchmarks/bench_packet.py --rounds 3 --large
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BUNDLE = Path(__file__).resolve().parents[2]
PARSE = ("import json,sys,pathlib\n"
         "for p in sorted(pathlib.Path(sys.argv[1]).glob('*/openai_judged.jsonl')):\n"
         "    for line in open(p, 'rb'): json.loads(line)\n")
WORDS = [
    "the", "talk", "is", "at", "ten", "which", "room", "please", "register", "me", "come",
    '"quoted"', "it's", "-", "**bold**", "50%", "ok,", "yes.\n",
]
WIDE_WORDS = ["東京", "café", "—", "✓", "🙂", "Привет"]
DIMENSIONS = ("tool_use_correct", "instruction_following", "kb_grounding", "state_tracking")


def make_runs(folder: Path, runs: int, turns: int, models: int, seed: int) -> None:
    """Writes `runs` judged runs of `turns` rows each."""
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        plain = " ".join(rng.choice(WORDS, 60_000))
        mixed = " ".join(rng.choice(WORDS * 3 + WIDE_WORDS, 60_000))
        target = folder / f"run_{run:05d}"
        target.mkdir(parents=True)
        with open(target / "openai_judged.jsonl", "w", encoding="utf-8", newline="\n") as file:
            for turn in range(turns):
                row = _row(rng, (plain, mixed), turn, f"model-{run % models:02d}")
                file.write(json.dumps(row, ensure_ascii=run % 2 == 1) + "\n")


def _row(rng: np.random.Generator, pools: tuple[str, str], turn: int, model: str) -> dict:
    lengths = np.minimum(rng.lognormal(np.log([120, 600, 400, 2000]), [0.7, 0.8, 0.6, 1.0]),
                         20_000).astype(int)
    starts = rng.integers(0, min(map(len, pools)) - 20_001, 4)
    mixed = rng.random(4) < [0.1, 0.4, 0.15, 0.2]
    user, answer, why, found = (pools[wide][start:start + length] for start, length, wide
                                in zip(starts, lengths, mixed.astype(int), strict=True))
    failing, draws = rng.random() < 0.25, rng.random(len(DIMENSIONS))
    scores = {name: False if failing and (place == turn % 4 or draw < 0.15)
              else None if draw > 0.8 else True
              for place, (name, draw) in enumerate(zip(DIMENSIONS, draws, strict=True))}
    tools = rng.random() < 0.45
    return {
        "turn": turn, "model_name": model, "user_text": user, "assistant_text": answer,
        "tool_calls": [{"name": "lookup", "args": {"query": user[:60]}}] if tools else [],
        "tool_results": [{"name": "lookup", "response": {"text": found}}] if tools else [],
        "scores": scores, "judge_reasoning": why, "latency_ms": round(float(rng.random()) * 1e4, 2),
    }


# A child's peak memory starts at that of the process that starts it: a small one has to do it.
LAUNCH = ("import os,subprocess,sys,time; began=time.perf_counter(); "
          "child=subprocess.Popen(sys.argv[1:],stdout=subprocess.DEVNULL); "
          "_,status,used=os.wait4(child.pid,0); "
          "print(status,used.ru_utime+used.ru_stime,used.ru_maxrss/1024,time.perf_counter()-began)")


def measure(command: list[str], may_fail: bool = False) -> tuple[float, float, float]:
    """(CPU seconds, peak MB, wall seconds) of a whole process and its children."""
    done = subprocess.run([sys.executable, "-c", LAUNCH, *command], capture_output=True, text=True)
    status, cpu, memory, wall = map(float, done.stdout.split())
    if status and not may_fail:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    return cpu, memory, wall


def best(commands: dict[str, list[str]], rounds: int) -> dict[str, tuple[float, float, float]]:
    """The least of each figure over interleaved rounds."""
    seen: dict[str, list] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seen[name].append(measure(command))
    return {name: tuple(map(min, zip(*figures, strict=True))) for name, figures in seen.items()}


def main(argv: list[str] | None = None) -> int:
    """Makes the data, measures, prints each figure beside its limit."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="1,000,000 rows too (5 GB of disk)")
    args = parser.parse_args(argv)
    python, build = sys.executable, str(BUNDLE / "scripts" / "build_packet.py")
    demo = BUNDLE / "tests" / "fixtures" / "demo_runs" / "comparison"
    checks = []
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), str(Path(name, "out"))
        make_runs(folder / "wide", 20, 5000, 20, 1)
        found = best({
            "parse": [python, "-c", PARSE, str(folder / "wide")],
            "build": [python, build, "--input", str(folder / "wide"), "--output-dir", out],
            "help": [python, build, "--help"],
            "demo": [python, str(BUNDLE / "scripts" / "deep_error_analysis.py"),
                     "--comparison-dir", str(demo), "--output", f"{out}/demo/report.md"],
        }, args.rounds)
        checks += [("CPU, build over parse, 100,000 wide rows",
                    found["build"][0] / found["parse"][0], 3.0),
                   ("peak memory of build, MB", found["build"][1], 80.0),
                   ("stage 1 on the demo runs, s", found["demo"][2], 3.0),
                   ("--help, s", found["help"][2], 0.5)]
        if args.large:
            peaks = []
            for runs in (1000, 10_000):
                make_runs(folder / f"many{runs}", runs, 100, 10, 2)
                peaks.append(measure([python, build, "--input", str(folder / f"many{runs}"),
                                      "--output-dir", out])[1])
            checks.append(("peak memory, 1,000,000 rows over 100,000", peaks[1] / peaks[0], 1.5))
    for what, value, limit in checks:
        print(f"{what}: {value:.2f} (limit {limit})")
    return 1 if any(value > limit for _, value, limit in checks) else 0


if __name__ == "__main__":
    sys.exit(main())

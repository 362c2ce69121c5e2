# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "orjson>=3.10,<4",
# ]
# ///
"""The guard against lost speed: one table of what each kind of work costs.

Each work is a whole process on data made for it: its CPU time (least of --rounds) over that of a
process that only parses the same files with orjson, this ratio over that of the committed table
(table.md beside this file), and its peak memory. Ratios decide, as seconds differ by machine.

Writes nothing; with --write the table into table.md.

Exit codes: 0 measured; 1 a work is slower than --limit times the committed table; 2 usage.

Example: uv run tests/benchmarks/run.py --rounds 5
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import bench_packet
import bench_review

BUNDLE = Path(__file__).resolve().parents[2]
SCRIPTS = BUNDLE / "scripts"
DEMO = BUNDLE / "tests" / "fixtures" / "demo_runs"
TABLE = Path(__file__).with_name("table.md")
LENSES = ("surface", "fft", "compression", "hazard")
# The same rows as those of the judged format, through a mapping.
MAPPING = """benchmark: b
fields: {turn: turn, model_name: model_name, user_text: user_text, assistant_text: assistant_text,
  tool_calls: tool_calls, tool_results: tool_results, judge_reasoning: judge_reasoning,
  latency_ms: latency_ms, scores: {tool: scores.tool_use_correct, kb: scores.kb_grounding,
  instruction: scores.instruction_following, state: scores.state_tracking}}
"""
BY_JMESPATH = MAPPING.replace("kb: scores.kb_grounding", "kb: scores.kb_grounding && `true`")
PARSE = ("import orjson, pathlib, sys\n"
         "for path in sys.argv[1:]:\n"
         "    data = pathlib.Path(path).read_bytes()\n"
         "    for line in data.splitlines() if path.endswith('l') else [data]:\n"
         "        orjson.loads(line)\n")


class Work(NamedTuple):
    """One kind of work: its command, the JSON files that it has to parse at least, and the folder
    that it must find as it was."""

    name: str
    command: list
    parsed: list[Path]
    fresh: tuple[Path, Path] | None = None


class Cost(NamedTuple):
    """What a work costs: over parsing alone, and its peak memory in MB."""

    ratio: float
    peak: float


def works(folder: Path, rows: int) -> Iterator[Work]:
    """The data and the commands, one work after the other."""
    bench_packet.make_runs(folder / "wide", 20, rows // 20, 20, 1)
    yield Work("packet", ["build_packet.py", "--input", folder / "wide",
                          "--output-dir", folder / "packet", "--jobs", 1],
               sorted((folder / "wide").glob("*/*.jsonl")))
    for name, mapping in (("packet mapped", MAPPING), ("packet by JMESPath", BY_JMESPATH)):
        (folder / f"{name}.yaml").write_text(mapping)
        yield Work(name, ["build_packet.py", "--input", folder / "wide", "--mapping",
                          folder / f"{name}.yaml", "--output-dir", folder / "packet", "--jobs", 1],
                   sorted((folder / "wide").glob("*/*.jsonl")))
    yield Work("stage 1 of the demo", [
        "deep_error_analysis.py", "--comparison-dir", DEMO / "comparison",
        "--output", folder / "demo" / "report.md"], sorted(DEMO.rglob("*.jsonl")))
    bench_review.make_runs(folder / "runs", rows // 10)
    done = folder / "analysis"
    bench_review.run("deep_error_analysis.py", "--run-dir", *sorted((folder / "runs").iterdir()),
                     "--output", done / "report.md")
    first = bench_review.make_ledger(done, rows // 5)
    bench_review.run("plan_review.py", done, "--budget", "60")
    bench_review.run("write_report.py", done)
    kept = shutil.copytree(done, folder / "kept")
    packet, ledger = done / "failure_review_rows.jsonl", done / "reviews.jsonl"
    yield Work("show", ["show_datapoint.py", done, first], [packet], (kept, done))
    yield Work("record", [
        "record_review.py", done, "--coder", "third", "--id", first, "--bucket", "stops_too_early",
        "--fault", "mixed", "--mechanism", "It stops before the last step is done.",
        "--quote", "What is the answer"], [packet, ledger], (kept, done))
    yield Work("check", ["check_report.py", done], [packet, ledger], (kept, done))
    yield Work("audit", ["audit_benchmark.py", done],
               sorted((folder / "runs").glob("*/*.jsonl")), (kept, done))
    world = folder / "world.json"
    bench_review.run("analyze.py", "simulate", "overthink", "--out", world)
    for lens in LENSES:
        yield Work(f"lens {lens}", [
            "analyze.py", lens, world, "--output-dir", folder / lens, "--jobs", 1,
            "--cache", folder / "cache" / lens], [world, *world.parent.glob("world*.jsonl")])


def cost(work: Work, rounds: int) -> Cost:
    """The least of each figure; `check` may find that the made-up report does not hold."""
    command = [sys.executable, str(SCRIPTS / work.command[0]), *map(str, work.command[1:])]
    parse = [sys.executable, "-c", PARSE, *map(str, work.parsed)]
    seen, parsed = [], []
    for _ in range(rounds):
        if work.fresh:
            shutil.rmtree(work.fresh[1])
            shutil.copytree(*work.fresh)
        parsed.append(bench_packet.measure(parse)[0])
        seen.append(bench_packet.measure(command, may_fail=work.name == "check")[:2])
    least, peak = map(min, zip(*seen, strict=True))
    return Cost(least / min(parsed), peak)


def committed() -> dict[str, float]:
    """Work -> its ratio in the committed table."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    return {name.strip(): float(ratio) for name, ratio in
            re.findall(r"^\| ([\w ]+?) \| ([\d.]+) \|", text, re.M)}


def main(argv: list[str] | None = None) -> int:
    """Measures each work and prints its line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=40_000, help="of the packet (default 40000)")
    parser.add_argument("--limit", type=float, default=1.15,
                        help="of a ratio over the committed one (default 1.15)")
    parser.add_argument("--write", action="store_true", help="write the table into table.md")
    args = parser.parse_args(argv)
    before, lines, slower = committed(), [], []
    head = ["| work | over parsing with orjson | over the committed table | peak MB |",
            "|---|---|---|---|"]
    print("\n".join(head), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for work in works(Path(folder), args.rows):
            ratio, peak = cost(work, args.rounds)
            change = ratio / before[work.name] if work.name in before else 1.0
            slower += [work.name] if change > args.limit else []
            lines.append(f"| {work.name} | {ratio:.2f} | {change:.2f} | {peak:.0f} |")
            print(lines[-1], flush=True)
    if args.write:
        told = [f"`tests/benchmarks/run.py --rounds {args.rounds} --rows {args.rows} --write`: CPU "
                "of a whole process over that of parsing the same files.", "", *head, *lines, ""]
        TABLE.write_text("\n".join(told), encoding="utf-8", newline="\n")
    print("slower: " + ", ".join(slower) if slower else "nothing is slower")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())

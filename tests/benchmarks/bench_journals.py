# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Measures how long journals take, as whole processes on this machine.

Makes journals of 20 steps with the sizes of real ones (170 kB each) in a temporary folder, parses
them into texts, trees and tables, and reads them as datapoints; once for a tenth of --journals,
once for all. Prints seconds, journals per second and the most memory of any process.

Exit codes: 0 measured; 1 a limit is broken (20 s for 1,000 journals parsed by two processes, 20 MB
more memory for ten times the journals); 2 usage.

Example: python tests/benchmarks/bench_journals.py --journals 1000
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SCRIPTS = TESTS.parent / "scripts"
sys.path.insert(0, str(TESTS))

from make_journals import node, write  # noqa: E402

MOST_SECONDS, MOST_GROWTH = 0.020, 20


def main(argv: list[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journals", type=int, default=1000)
    args = parser.parse_args(argv)
    small, large = (run(count) for count in (args.journals // 10, args.journals))
    is_fast = large[0][0] <= MOST_SECONDS * args.journals
    is_flat = all(most - least <= MOST_GROWTH for (_, least), (_, most) in
                  zip(small, large, strict=True))
    return int(not (is_fast and is_flat))


def run(count: int) -> list[tuple[float, int]]:
    """Seconds and memory of each step for this many journals; the parsing by two processes comes
    first."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "failed_runs"), Path(place, "out")
        print(f"{count} journals of 20 steps, {make(folder, count) / 1e6:.0f} MB")
        parse = (SCRIPTS / "parse_aide_journals.py", "--failed-runs-dir", folder,
                 "--output-dir", out, "--concurrent")
        packet = (SCRIPTS / "build_packet.py", "--input", folder, "--output-dir", out, "--jobs")
        for name, command in (("texts, trees, tables, 2 processes", (*parse, "2")),
                              ("the same, 1 process", (*parse, "1")),
                              ("packet, 2 processes", (*packet, "2")),
                              ("packet, 1 process", (*packet, "1"))):
            seconds, memory = measured(*command)
            print(f"  {name:<34} {seconds:6.1f} s {count / seconds:6.0f} journals/s, at most "
                  f"{memory} MB")
            found.append((seconds, memory))
    return found


def make(folder: Path, count: int) -> int:
    """Writes the journals; returns their bytes."""
    made, size = random.Random(0), 0
    words = ["model.fit(x)\n", "import numpy as np\n", "loss = loss + 1\n", "print(epoch)\n"]
    for number in range(count):
        nodes, parents = [], {}
        for step in range(20):
            is_buggy = made.random() < 0.35
            nodes.append(node(
                f"{number}-{step}", step, is_buggy, "KeyError: label" if is_buggy else None,
                code="".join(made.choices(words, k=350)),
                _term_out=[line for _ in range(40) for line in ("epoch 1: loss 0.5" * 3, "\n")]))
            if step > 4:
                parents[f"{number}-{step}"] = f"{number}-{made.randrange(step)}"
        path = folder / f"run-group_a_{number:06}" / "kaggle" / "logs" / "e" / "journal.json"
        size += write(path, nodes, parents).stat().st_size
    return size


def measured(*command: str | Path) -> tuple[float, int]:
    """Seconds of a command, and the most memory in MB of any process it started."""
    probe = ("import resource, subprocess, sys\n"
             "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode)")
    start = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", probe, sys.executable, *map(str, command)],
                          capture_output=True, text=True, check=True).stdout.split()
    assert told[1] == "0", f"{command} failed"
    return time.perf_counter() - start, int(told[0]) // 1024


if __name__ == "__main__":
    sys.exit(main())

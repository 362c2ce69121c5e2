# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Measures how far open_coder.py saturates an endpoint, as a whole process on this machine.

Starts an endpoint on loopback in a process of its own that answers each call after --delay seconds,
makes a judged run of --samples failing rows in a temporary folder, and codes it. Prints calls per
second against the ideal (max-concurrent / delay) over the time from the first to the last call, the
same over the whole process, and the peak memory of the client.

Exit codes: 0 measured; 1 a limit is broken (85 % of the ideal rate, 400 MB); 2 usage.

Example: python tests/benchmarks/bench_open_coder.py --samples 2000 --max-concurrent 50
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SCRIPT = TESTS.parent / "scripts" / "open_coder.py"
sys.path.insert(0, str(TESTS))
LEAST_RATE, MOST_MEMORY = 0.85, 400


def main(argv: list[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--max-concurrent", type=int, default=50)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds (default 0.2)")
    parser.add_argument("--characters", type=int, default=6000, help="of a sample (default 6000)")
    args = parser.parse_args(argv)
    port, times = multiprocessing.Queue(), multiprocessing.Array("d", 2)
    server = multiprocessing.Process(target=serve, args=(port, times, args.delay), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as name:
        make_run(Path(name, "run"), args.samples, args.characters)
        url = f"http://127.0.0.1:{port.get()}/v1"
        start = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, SCRIPT, "--input", "run", "--project", "p", "--base-url", url,
             "--max-concurrent", str(args.max_concurrent)], cwd=name, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        whole = time.monotonic() - start
    server.terminate()
    ideal = args.max_concurrent / args.delay
    rate, memory = args.samples / (times[1] - times[0]), usage.ru_maxrss / 1024
    print(f"endpoint busy: {times[1] - times[0]:.1f} s, {rate:.0f} calls/s, "
          f"{rate / ideal:.1%} of the ideal {ideal:.0f}")
    print(f"whole process: {whole:.1f} s, {args.samples / whole / ideal:.1%} of the ideal; "
          f"CPU {usage.ru_utime + usage.ru_stime:.1f} s, peak memory {memory:.0f} MB")
    return int(status != 0 or rate < LEAST_RATE * ideal or memory > MOST_MEMORY)


def make_run(folder: Path, samples: int, characters: int) -> None:
    """A judged run of failing rows with conversations."""
    rng = random.Random(1)
    words = ["book", "the", "room", "at", "ten", "please", "which", "talk", "it's", "—", "café"]
    folder.mkdir(parents=True)
    with open(folder / "openai_judged.jsonl", "w", encoding="utf-8") as file:
        for number in range(samples):
            messages = [{"role": "assistant" if place % 2 else "user", "content": " ".join(
                rng.choices(words, k=characters // 60))} for place in range(10)]
            file.write(json.dumps({
                "turn": number, "model_name": "m", "user_text": f"Question number {number}?",
                "assistant_text": f"It is talk {number}.", "messages": messages, "tool_calls": [],
                "tool_results": [], "judge_reasoning": "Wrong talk.",
                "scores": {"kb_grounding": False}}) + "\n")


def serve(port: multiprocessing.Queue, times: object, delay: float) -> None:
    """The endpoint: any number of calls at once, each answered after the delay."""
    asyncio.run(_serve(port, times, delay))


async def _serve(port: multiprocessing.Queue, times: object, delay: float) -> None:
    from llm_server import responses

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break  # the client is done
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length"))
            body = json.loads(await reader.readexactly(length))
            now = time.monotonic()
            times[0] = times[0] or now
            said = json.dumps(responses(body)).encode()
            await asyncio.sleep(delay - (time.monotonic() - now))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                         + str(len(said)).encode() + b"\r\n\r\n" + said)
            times[1] = time.monotonic()
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=256, limit=1 << 24)
    port.put(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())

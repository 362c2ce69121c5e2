"""The same packet by every engine: several processes, ranges of long files, a real Dask scheduler
with workers that are lost, and inputs on a real S3 server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bucket import KEYS, Bucket
from failure_analysis import files, spread
from failure_analysis.packet import build, parts
from failure_analysis.reading import detect
from failure_analysis.spread import Engine

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
STREAMS = ("outcomes.csv", "failure_review_rows.jsonl", "failure_review_rows.csv",
           "rejected_rows.jsonl", "sanity.json", "facts.json")
PIECES = list(range(12))


def rows_of(model: str, turns: int, trials: int = 1, first: int = 0) -> list[str]:
    """Lines of a judged file, some of them broken or copies."""
    lines = []
    for trial in range(trials):
        for turn in range(first, first + turns):
            row = {"turn": turn, "model_name": model, "user_text": f"Question {turn}? ünï",
                   "assistant_text": f"Answer {turn} of attempt {trial}, \"quoted\"\nand more",
                   "scores": {"right": (turn + trial) % 3 != 0, "polite": True},
                   "judge_reasoning": "=1+1 said the judge", "latency_ms": turn / 7}
            lines.append(json.dumps(row, ensure_ascii=turn % 2 == 0))
    return lines


def run_in(folder: Path, lines: list[str], name: str = "openai_judged.jsonl") -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_text("\n".join(lines), encoding="utf-8")  # the last line has no feed
    return folder


def packet(out: Path) -> dict[str, bytes]:
    """The bytes of everything that the engines must agree on; the manifest without its times."""
    held = {name: (out / name).read_bytes() for name in STREAMS}
    step = json.loads((out / "manifest.json").read_text())["steps"]["build_packet"]
    return held | {"inputs": json.dumps(step["inputs"]).encode()}


def built(source: Path, out: Path, engine: Engine) -> dict[str, bytes]:
    build.build(detect.from_inputs([source], None), out, engine, {
        "run_dir": [], "comparison_dir": None, "input": [str(source)], "mapping": None})
    return packet(out)


# --- several processes, and ranges


@pytest.fixture
def short_ranges(monkeypatch):
    monkeypatch.setattr(parts, "RANGE", 3000)
    monkeypatch.setattr(parts, "_AT_ONCE", 2000)


@pytest.mark.parametrize("lines", [
    rows_of("m", 60),
    ["", "  ", *rows_of("m", 25), "", "{broken", '{"turn": null}', *rows_of("m", 40, first=25), ""],
    [*rows_of("m", 30), *rows_of("other", 30), *rows_of("m", 10, first=30)],
    rows_of("m", 20, trials=4),
    [*rows_of("m", 50), rows_of("m", 1)[0], *rows_of("m", 1, trials=3)],
    [*rows_of("m", 20), json.dumps({"turn": 99, "model_name": "m", "scores": {"right": False},
                                    "assistant_text": "long " * 5000}), *rows_of("m", 9, first=20)],
], ids=["plain", "blank and broken lines", "two models", "attempts", "copies at the end", "long"])
def test_ranges_of_a_long_file_give_the_same_bytes(tmp_path, short_ranges, lines):
    source = run_in(tmp_path / "in" / "run", lines)
    assert source.joinpath("openai_judged.jsonl").stat().st_size >= 2 * parts.RANGE
    alone = built(tmp_path / "in", tmp_path / "one", Engine(1))
    assert built(tmp_path / "in", tmp_path / "three", Engine(3)) == alone
    assert alone["outcomes.csv"].count(b"\r\n") > 20


def test_many_files_and_long_ones_among_them(tmp_path, short_ranges):
    for place in range(9):
        run_in(tmp_path / "in" / f"run{place}",
               rows_of(f"m{place % 3}", 40 if place % 4 == 1 else 3))
    alone = built(tmp_path / "in", tmp_path / "one", Engine(1))
    assert built(tmp_path / "in", tmp_path / "two", Engine(2)) == alone


def test_the_parts_of_a_file_are_all_of_it_and_whole_lines(tmp_path):
    path = tmp_path / "x.jsonl"
    text = "".join(f"{'x' * (number % 50)}\n" for number in range(200)) + "the end"
    path.write_text(text)
    found, digest = files.parts(path, 100)
    assert digest == files.sha256(path) and len(found) > 20
    data = text.encode()
    assert b"".join(data[part.start:part.end] for part in found) == data
    for part in found:
        assert part.line == data.count(b"\n", 0, part.start) + 1
        assert part.end == len(data) or data[part.end - 1] == ord("\n")


def test_few_rows_are_read_in_one_process_unless_more_are_asked_for(tmp_path, monkeypatch):
    run_in(tmp_path / "in" / "a", rows_of("a", 3))
    run_in(tmp_path / "in" / "b", rows_of("b", 3))
    monkeypatch.setattr(spread, "_pool", None)  # whoever makes one fails
    built(tmp_path / "in", tmp_path / "out", Engine())


# --- workers that die


def _double(_: None, piece: int) -> int:
    return 2 * piece


def _die_once(flag: Path, piece: int) -> int:
    if piece == 5 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * piece


def _die_always(_: None, piece: int) -> int:
    if piece == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * piece


def test_pieces_keep_their_order_and_few_are_on_their_way(capsys):
    taken = []
    results = spread.spread(_double, None, (taken.append(n) or n for n in range(100)), Engine(2))
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert len(taken) < 10
    assert [*results] == [2 * n for n in range(3, 100)]
    assert not capsys.readouterr().err


def test_a_piece_whose_process_died_is_worked_on_once_more(tmp_path, capsys):
    results = spread.spread(_die_once, tmp_path / "flag", PIECES, Engine(2))
    assert [*results] == [2 * n for n in PIECES]
    assert "a worker process died" in capsys.readouterr().err


def test_a_piece_that_kills_its_process_twice_is_named():
    with pytest.raises(files.Refusal, match=r"piece 5: the process that worked on it died twice"):
        list(spread.spread(_die_always, None, PIECES, Engine(2), lambda n: f"piece {n}"))


@pytest.mark.slow
def test_a_packet_whose_worker_is_killed_is_whole(tmp_path):
    """Whatever worker is killed while it reads: the packet is right, or there is none."""
    for place in range(6):
        run_in(tmp_path / "in" / f"r{place}", rows_of(f"m{place}", 4000))
    alone = built(tmp_path / "in", tmp_path / "one", Engine(1))
    out = tmp_path / "out"
    for delay in (.3, .5, .8):
        process = subprocess.Popen(
            [sys.executable, SCRIPTS / "build_packet.py", "--input", tmp_path / "in",
             "--output-dir", out, "--jobs", "2"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        time.sleep(delay)
        for child in children(process.pid)[:1]:
            os.kill(child, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert packet(out)["outcomes.csv"] == alone["outcomes.csv"]
        shutil.rmtree(out)


@pytest.mark.slow
def test_an_interrupt_ends_all_processes_and_writes_nothing(tmp_path):
    for place in range(6):
        run_in(tmp_path / "in" / f"r{place}", rows_of(f"m{place}", 6000))
    process = subprocess.Popen(
        [sys.executable, SCRIPTS / "build_packet.py", "--input", tmp_path / "in", "--output-dir",
         tmp_path / "out", "--jobs", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True)
    deadline = time.monotonic() + 20
    while not (workers := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err == "build_packet.py: interrupted\n"
    assert not any((tmp_path / "out" / name).exists() for name in STREAMS)
    assert workers and not any(Path(f"/proc/{worker}").exists() for worker in workers)


def children(pid: int) -> list[int]:
    """The processes that a process has started; where /proc tells it."""
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]
    except OSError:
        return []


if not Path("/proc/self/task").exists():  # macOS
    for name in ("test_a_packet_whose_worker_is_killed_is_whole",
                 "test_an_interrupt_ends_all_processes_and_writes_nothing"):
        globals()[name] = pytest.mark.skip("no /proc that tells of processes")(globals()[name])


# --- a real Dask scheduler with three workers, in processes and folders of their own

distributed = pytest.importorskip("distributed")
WORKER = ("-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard",
          "--host", "127.0.0.1", "--death-timeout", "30")


class Machines:
    """A scheduler and workers, none of which can see our scripts."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.workers = folder, []
        self.env = {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                    **env, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        address = folder / "scheduler.json"
        self.scheduler = self._start("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                                     "--port", "0", "--no-dashboard", "--no-show",
                                     "--scheduler-file", str(address))
        deadline = time.monotonic() + 60
        while not (address.exists() and address.read_text().strip()):
            assert time.monotonic() < deadline and self.scheduler.poll() is None
            time.sleep(.05)
        self.address = json.loads(address.read_text())["address"]

    def add(self, **env: str) -> subprocess.Popen:
        """One more worker."""
        place = self.folder / f"worker{len(self.workers)}"
        place.mkdir()
        self.workers.append(self._start(*WORKER, "--local-directory", str(place), self.address,
                                        cwd=place, env={**self.env, **env}))
        return self.workers[-1]

    def _start(self, *args: str, **options) -> subprocess.Popen:
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen([sys.executable, *args], stdout=log, stderr=log,
                                    **{"cwd": self.folder, "env": self.env, **options})

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def machines(tmp_path):
    folder = tmp_path / "machines"
    folder.mkdir()
    made = Machines(folder, {})
    for _ in range(3):
        made.add()
    yield made
    made.stop()


def on(address: str, source, out: Path, env: dict | None = None, **options) -> subprocess.Popen:
    """build_packet.py on a cluster."""
    return subprocess.Popen(
        [sys.executable, SCRIPTS / "build_packet.py", "--input", str(source), "--output-dir", out,
         "--engine", "dask", "--scheduler", address], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}, **options)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    _, err = process.communicate(timeout=180)
    return process.returncode, err


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes(tmp_path, machines):
    for place in range(7):
        run_in(tmp_path / "in" / f"r{place}", rows_of(f"m{place}", 300))
    alone = built(tmp_path / "in", tmp_path / "one", Engine(1))
    assert built(tmp_path / "in", tmp_path / "pool", Engine(2)) == alone
    code, err = ended(on(machines.address, tmp_path / "in", tmp_path / "out"))
    assert (code, err) == (0, "")
    assert packet(tmp_path / "out") == alone
    code, err = ended(on(machines.address, "in", tmp_path / "named", cwd=tmp_path))
    assert code == 1 and "in/r0/openai_judged.jsonl: workers start in folders of their own" in err


@pytest.mark.slow
def test_lenses_on_a_cluster_find_the_same(tmp_path, machines, run_script):
    done = run_script("analyze.py", "simulate", "loops", "--per-cell", "5", "--out",
                      tmp_path / "world.json")
    assert done.returncode == 0, done.stderr
    for name, options in (("one", ["--jobs", "1"]),
                          ("many", ["--engine", "dask", "--scheduler", machines.address])):
        ended_ = subprocess.run(
            [sys.executable, SCRIPTS / "analyze.py", "compression", tmp_path / "world.json",
             "--output-dir", tmp_path / name, "--cache", tmp_path / f"cache-{name}", *options],
            capture_output=True, text=True, timeout=180)
        assert ended_.returncode == 0, ended_.stderr
    one, many = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()
                  if path.suffix in (".json", ".csv") and path.name != "manifest.json"}
                 for name in ("one", "many"))
    assert one and one == many


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_by_the_others(tmp_path, machines):
    for place in range(12):
        run_in(tmp_path / "in" / f"r{place}", rows_of(f"m{place}", 6000))
    alone = built(tmp_path / "in", tmp_path / "one", Engine(1))
    process = on(machines.address, tmp_path / "in", tmp_path / "out")
    wait_for_work(machines)
    machines.workers[0].send_signal(signal.SIGKILL)
    code, err = ended(process)
    assert code == 0, err
    assert packet(tmp_path / "out") == alone


@pytest.mark.slow
def test_a_worker_that_stands_still_holds_up_and_changes_nothing(tmp_path, machines):
    """The slowest piece decides when the packet is there, not what is in it."""
    for place in range(9):
        run_in(tmp_path / "in" / f"r{place}", rows_of(f"m{place}", 3000))
    alone = built(tmp_path / "in", tmp_path / "one", Engine(1))
    process = on(machines.address, tmp_path / "in", tmp_path / "out")
    wait_for_work(machines)
    machines.workers[1].send_signal(signal.SIGSTOP)
    time.sleep(3)
    machines.workers[1].send_signal(signal.SIGCONT)
    code, err = ended(process)
    assert code == 0, err
    assert packet(tmp_path / "out") == alone


@pytest.mark.slow
def test_a_scheduler_that_goes_away_leaves_no_packet(tmp_path, machines):
    for place in range(12):
        run_in(tmp_path / "in" / f"r{place}", rows_of(f"m{place}", 6000))
    process = on(machines.address, tmp_path / "in", tmp_path / "out",
                 {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"})
    wait_for_work(machines)
    machines.scheduler.send_signal(signal.SIGKILL)
    code, err = ended(process)
    assert code == 1 and "the scheduler went away" in err and "Traceback" not in err, err
    assert not any((tmp_path / "out" / name).exists() for name in STREAMS)


def spread_by(script: Path, address: str, work: str, pieces: int) -> subprocess.Popen:
    """A script that spreads pieces over a cluster, and prints what comes of them."""
    script.write_text(f"""
import os, sys, time
sys.path[:0] = [{str(SCRIPTS)!r}]
from failure_analysis import cluster, files, spread
cluster._PATIENCE = 3
def work(_, piece):
    import os, time
    {work}
    return 2 * piece
if __name__ == "__main__":
    try:
        print(list(spread.spread(work, None, range({pieces}), spread.Engine(0, {address!r}),
                                 lambda n: f"piece {{n}}")))
    except files.Refusal as refusal:
        print(refusal)
""")
    return subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_piece_that_kills_every_worker_is_named(tmp_path, machines):
    process = spread_by(tmp_path / "deadly.py", machines.address, "os.kill(os.getpid(), 9)", 1)
    said, _ = process.communicate(timeout=180)
    assert said.startswith("piece 0: each worker that worked on it died"), said


@pytest.mark.slow
def test_workers_that_are_all_gone_are_not_waited_for(tmp_path, machines):
    process = spread_by(tmp_path / "slow.py", machines.address, "time.sleep(.5)", 60)
    wait_for_work(machines)
    for worker in machines.workers:
        worker.kill()
    said, _ = process.communicate(timeout=180)
    assert ": no worker is left" in said, said


@pytest.mark.slow
def test_nobody_at_the_address_and_no_worker_are_said(tmp_path):
    run_in(tmp_path / "in", rows_of("m", 3))
    code, err = ended(on("tcp://127.0.0.1:9", tmp_path / "in", tmp_path / "out"))
    assert code == 1 and err.startswith("build_packet.py: tcp://127.0.0.1:9: no Dask scheduler "
                                        "answers there"), err


@pytest.mark.slow
@pytest.mark.parametrize("full", [1, 3])
def test_a_disk_that_is_full_on_workers(tmp_path, machines, full):
    """Pieces go to workers that can; where none can, it is said."""
    for worker in machines.workers:
        worker.kill()
    for number in range(3):
        machines.add(TMPDIR="/dev/full" if number < full else str(tmp_path))
    process = spread_by(tmp_path / "writing.py", machines.address,
                        'open(os.path.join(os.environ["TMPDIR"], "x"), "wb").close()', 30)
    said, _ = process.communicate(timeout=180)
    assert str([2 * n for n in range(30)]) in said if full < 3 else \
        said.startswith("piece 0: failed on 3 workers, last: [Errno 20] Not a directory"), said


def wait_for_work(machines: Machines) -> None:
    """Until the workers have begun."""
    with distributed.Client(machines.address) as client:
        deadline = time.monotonic() + 60
        while not any(client.processing().values()):
            assert time.monotonic() < deadline
            time.sleep(.01)


# --- inputs on a real S3 server


@pytest.fixture(scope="module")
def bucket():
    made = Bucket()
    yield made
    made.stop()


@pytest.fixture
def s3(bucket, monkeypatch, tmp_path):
    """The bucket, with its address and credentials in the environment, and a folder of its own for
    what is laid out."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": bucket.url, "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return bucket


def from_s3(run_script, out: Path, address: str, *options) -> subprocess.CompletedProcess:
    return run_script("build_packet.py", "--input", address, "--output-dir", out, *options)


@pytest.mark.slow
def test_runs_at_an_address_are_read_as_those_on_a_disk(tmp_path, s3, run_script):
    for place in range(3):
        folder = run_in(tmp_path / "one" / f"r{place}", rows_of(f"m{place}", 30))
        s3.put(f"one/{folder.name}/openai_judged.jsonl",
               (folder / "openai_judged.jsonl").read_bytes())
    s3.put("one/", b"")  # consoles make such a thing for a folder
    done = from_s3(run_script, tmp_path / "far", "s3://runs/one", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "s3://runs/one/r0/openai_judged.jsonl" in done.stdout
    alone = built(tmp_path / "one", tmp_path / "local", Engine(1))
    got = packet(tmp_path / "far")
    local = str(tmp_path / "one").encode()
    assert got["outcomes.csv"] == alone["outcomes.csv"]
    for name in ("failure_review_rows.jsonl", "inputs"):
        assert got[name] == alone[name].replace(local, b"s3://runs/one")
    for content in got.values():
        assert str(tmp_path).encode() not in content
    s3.put("one/late/openai_judged.jsonl", rows_of("m", 1)[0].encode())
    more = from_s3(run_script, tmp_path / "more", "s3://runs/one")
    assert more.stdout.splitlines()[1].startswith("one: 91 rows read")
    s3.client.delete_object(Bucket="runs", Key="one/late/openai_judged.jsonl")
    again = from_s3(run_script, tmp_path / "two", "s3://runs/one/", "--jobs", "2")
    assert again.returncode == 0, again.stderr
    assert packet(tmp_path / "two") == got


@pytest.mark.slow
def test_the_audit_of_runs_at_an_address(tmp_path, s3, run_script):
    s3.put("aud/r/openai_judged.jsonl", "\n".join(rows_of("m", 20, trials=2)).encode())
    assert from_s3(run_script, tmp_path / "out", "s3://runs/aud").returncode == 0
    done = run_script("audit_benchmark.py", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    s3.put("aud/r/openai_judged.jsonl", "\n".join(rows_of("m", 21, trials=2)).encode())
    done = run_script("audit_benchmark.py", tmp_path / "out")
    assert done.returncode == 1 and "s3://runs/aud/r/openai_judged.jsonl: this input has changed" \
        in done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("address", "said"), [
    ("s3://runs/nothing", "s3://runs/nothing: nothing there"),
    ("s3://no-such-bucket/x", "s3://no-such-bucket/x: cannot be listed ("),
    ("nosuch://x/y", "nosuch://x/y: Protocol not known: nosuch")])
def test_an_address_with_nothing_is_refused(tmp_path, s3, run_script, address, said):
    done = from_s3(run_script, tmp_path / "out", address)
    assert done.returncode == 1 and said in done.stderr, done.stderr


@pytest.mark.slow
def test_an_object_that_goes_while_it_is_read_leaves_no_packet(tmp_path, s3, run_script):
    s3.put("gone/r/openai_judged.jsonl", "\n".join(rows_of("m", 30)).encode())
    s3.faults["gone/r/openai_judged.jsonl"] = ("gone", 99)
    done = from_s3(run_script, tmp_path / "out", "s3://runs/gone")
    s3.faults.clear()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "s3://runs/gone/r/openai_judged.jsonl: cannot be read (" in done.stderr, done.stderr
    assert not (tmp_path / "out" / "outcomes.csv").exists()


@pytest.mark.slow
def test_names_that_lead_elsewhere_are_refused(tmp_path, s3, run_script):
    s3.put("bad/../../etc/openai_judged.jsonl", b"{}")
    done = from_s3(run_script, tmp_path / "out", "s3://runs/bad")
    assert done.returncode == 1 and "leads out of its folder" in done.stderr, done.stderr


@pytest.mark.slow
def test_a_cluster_reads_from_the_address_itself(tmp_path, s3, run_script):
    """Each worker fetches what it reads: none sees the folder in which the client lays it out."""
    folder = tmp_path / "machines"
    folder.mkdir()
    for place in range(5):
        s3.put(f"many/r{place}/openai_judged.jsonl",
               "\n".join(rows_of(f"m{place}", 200)).encode())
    done = from_s3(run_script, tmp_path / "one", "s3://runs/many", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    machines = Machines(folder, {})
    try:
        for number in range(3):
            (folder / f"tmp{number}").mkdir()
            machines.add(TMPDIR=str(folder / f"tmp{number}"))
        code, err = ended(on(machines.address, "s3://runs/many", tmp_path / "many"))
        assert code == 0, err
    finally:
        machines.stop()
    assert packet(tmp_path / "many") == packet(tmp_path / "one")

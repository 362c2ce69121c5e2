"""Disks and processes: a full disk, a folder that nobody may write, writers that were killed or
that write at the same time, and files that are made to fill a disk or the memory."""

import contextlib
import fcntl
import gzip
import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import zstandard

from failure_analysis import files, manifest, steps, store
from failure_analysis.archives import unpack
from failure_analysis.lenses import samples
from failure_analysis.packet import rows
from failure_analysis.reading import containers
from failure_analysis.review import labels
from make_runs import judged, turn

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
ANSWER = "Talk A is at ten, and it is about gardens. " * 20
ROW = b'{"id": 1, "model": "m", "answer": "A", "right": true}\n'
MAPPING = """benchmark: quiz
fields: {item_id: id, model_name: model, assistant_text: answer, scores: {right: right}}
"""


def run_of(folder, model, rows=40):
    """A judged run in which every second item fails."""
    return judged(folder, [turn(number, number % 2 == 0, model_name=model, assistant_text=ANSWER)
                           for number in range(rows)])


def started(name, *args, most=None, **how):
    """A script in a process of its own, which may write no file of more than `most` bytes; no
    bytecode either (-B), as Python would keep the half of a module that fitted."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))) if most else None
    return subprocess.Popen([sys.executable, "-B", SCRIPTS / name, *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=limit, **how)


def ended(process):
    """(exit code, stdout, stderr) of a started script."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, out, err


def contents(folder):
    """The bytes of every file of a folder, by name; all of them, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextlib.contextmanager
def read_only(folder):
    """Makes a folder one that nobody may write, root neither."""
    if os.geteuid():
        folder.chmod(0o555)
    elif subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode or \
            subprocess.run(["mount", "-o", "remount,bind,ro", folder],
                           capture_output=True).returncode:
        pytest.skip("root may write everywhere, and cannot mount here")
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o755)
        else:
            subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_the_old_packet_whole(build, tmp_path):
    _, out = build("--run-dir", run_of(tmp_path / "a", "model-a", 4))
    before = contents(out)
    code, _, err = ended(started("build_packet.py", "--run-dir", run_of(tmp_path / "b", "model-b"),
                                 "--output-dir", out, most=10_000))
    assert (code, err) == (1, f"build_packet.py: {out / steps.TABLE}: File too large; it was not "
                              "written, make room and run it again\n") \
        or (code, err) == (1, f"build_packet.py: {out / steps.ROWS}: File too large; it was not "
                              "written, make room and run it again\n")
    assert contents(out) == before


def test_a_disk_that_is_full_at_the_last_file_leaves_no_half_packet(tmp_path):
    """The streams are small enough, what is counted from them is not."""
    runs = [judged(tmp_path / f"r{place}", [
        turn(number, True, model_name=f"m{place}", user_text=f"{place * (number < 5)} {ANSWER}")
        for number in (1, 3, 5)]) for place in range(24)]
    out = tmp_path / "out"
    code, _, err = ended(started("build_packet.py", "--run-dir", *runs, "--output-dir", out))
    assert code == 0, err
    sizes = {name: len(data) for name, data in contents(out).items()}
    enough = max(sizes[name] for name in (*steps.STREAMS, manifest.NAME)) + 300
    assert max(sizes[name] for name in steps.BUILD.writes if name in sizes) > enough, sizes
    code, _, err = ended(started("build_packet.py", "--run-dir", *runs[:23], "--output-dir", out,
                                 most=enough))
    assert code == 1 and "File too large; it was not written, make room" in err
    assert not {*steps.BUILD.writes} & {*contents(out)}
    assert not [name for name in contents(out) if name.endswith(".tmp")]


@pytest.mark.parametrize(("name", "args", "file"), [
    ("cluster_failures.py", (), steps.ROWS),
    ("compare_models.py", (), manifest.NAME),
    ("write_report.py", (), "facts.json"),
    ("review_app.py", ("--static", "{out}/page.html"), "page.html"),
])
def test_each_script_names_the_file_that_did_not_fit(build, run_script, tmp_path, name, args, file):
    _, out = build("--run-dir", run_of(tmp_path / "a", "model-a"), run_of(tmp_path / "b", "b"))
    done = run_script("record_review.py", out, "--id", "a/1", "--bucket", "tells_the_wrong_talk",
                      "--fault", "model_error", "--mechanism", "It names a talk nobody asked for.",
                      "--quote", "Talk A is at ten, and it is about gardens.")
    assert done.returncode == 0, done.stdout + done.stderr
    if name == "write_report.py":
        assert run_script("cluster_failures.py", out).returncode == 0
    before = (out / file).read_bytes() if (out / file).exists() else None
    code, _, err = ended(started(name, out, *(arg.format(out=out) for arg in args), most=300))
    assert (code, err) == (1, f"{name}: {out / file}: File too large; it was not written, make "
                              "room and run it again\n")
    assert ((out / file).read_bytes() if (out / file).exists() else None) == before


def test_a_review_that_does_not_fit_leaves_the_ledger_as_it_was(build, run_script, tmp_path):
    _, out = build("--run-dir", run_of(tmp_path / "a", "model-a"))
    review = {"bucket": "tells_the_wrong_talk", "fault": "model_error",
              "mechanism": "It names a talk nobody asked for.",
              "quotes": ["Talk A is at ten, and it is about gardens."]}
    batch = tmp_path / "batch.jsonl"
    for ids in ((1,), (3, 5, 7)):
        batch.write_text("".join(json.dumps({"id": f"a/{ident}", **review}) + "\n"
                                 for ident in ids))
        before = contents(out).get("reviews.jsonl", b"")
        code, _, err = ended(started("record_review.py", out, "--from", batch,
                                     most=len(before) + 600 if before else None))
    assert code == 1 and f"{out / 'reviews.jsonl'}: File too large" in err
    assert before and contents(out)["reviews.jsonl"] == before


def test_a_folder_that_nobody_may_write_is_shown_and_checked(build, run_script, tmp_path):
    _, out = build("--run-dir", run_of(tmp_path / "a", "model-a"), run_of(tmp_path / "b", "b"))
    for name in ("cluster_failures.py", "compare_models.py", "write_report.py"):
        assert run_script(name, out).returncode == 0
    checked = run_script("check_report.py", out)
    (out / "check.json").unlink()
    compared = run_script("compare_models.py", out)
    before = contents(out)
    with read_only(out):
        shown = run_script("show_datapoint.py", out, "a/1", "a/3")
        again = run_script("check_report.py", out)
        compare = run_script("compare_models.py", out)
        refused = [run_script(*script) for script in (
            ("write_report.py", out), ("cluster_failures.py", out), ("plan_review.py", out),
            ("build_packet.py", "--run-dir", tmp_path / "a", "--output-dir", out))]
    assert contents(out) == before
    assert shown.returncode == 0 and ANSWER.strip()[:40] in shown.stdout
    assert shown.stderr.count("reading_log.jsonl: not written (") == 1
    assert shown.stderr.endswith("; this does not count as read\n")
    assert (again.returncode, again.stdout) == (checked.returncode, checked.stdout)
    assert again.stderr.count("\n") == 1 and "check.json: not written (" in again.stderr
    assert (compare.returncode, compare.stdout) == (0, compared.stdout)
    for done in refused:
        assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1


def test_steps_that_end_at_once_are_all_in_the_manifest(tmp_path):
    code = ("import sys; from pathlib import Path; from failure_analysis import facts, manifest\n"
            "from failure_analysis.steps import STEPS\n"
            "for place in range(150): manifest.record(Path(sys.argv[1]), sys.argv[2] + str(place),"
            " {}, [])")
    writers = [subprocess.Popen([sys.executable, "-c", code, tmp_path, name],
                                env={**os.environ, "PYTHONPATH": str(SCRIPTS)}) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert set(manifest.entries(tmp_path)) == {f"{name}{place}" for name in "ab"
                                               for place in range(150)}
    assert [path.name for path in tmp_path.iterdir()] == [manifest.NAME]


@pytest.mark.slow
def test_two_builds_at_once_give_one_of_the_two_packets(tmp_path):
    runs = [run_of(tmp_path / name, f"model-{name}", 400) for name in "ab"]
    alone = []
    for place, run in enumerate(runs):
        code, _, err = ended(started("build_packet.py", "--run-dir", run, "--output-dir",
                                     tmp_path / f"alone{place}"))
        assert code == 0, err
        alone.append({name: data for name, data in contents(tmp_path / f"alone{place}").items()
                      if name != manifest.NAME})
    for _ in range(3):
        out = tmp_path / "out"
        both = [started("build_packet.py", "--run-dir", run, "--output-dir", out) for run in runs]
        assert [ended(process)[0] for process in both] == [0, 0]
        assert {name: data for name, data in contents(out).items()
                if name != manifest.NAME} in alone
        assert not list(manifest.faults(out))


def test_who_waits_for_another_process_says_so(build, run_script, tmp_path):
    _, out = build("--run-dir", run_of(tmp_path / "a", "model-a"))
    folder = os.open(out, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    process = started("cluster_failures.py", out)
    first = process.stderr.readline()
    assert first == f"{out}: another process is writing in it; waiting until it has ended\n"
    assert process.poll() is None and not (out / "clusters.json").exists()
    os.close(folder)
    assert ended(process)[0] == 0 and (out / "clusters.json").exists()


def test_what_a_killed_writer_left_goes_and_nothing_else(build, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    child = os.fork()
    if not child:
        with store.atomic(out / steps.OUTCOMES) as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    [left] = out.iterdir()
    written = out / f".{steps.ROWS}.99999-0123abcd.tmp"  # by a process that has it open
    theirs = [out / name for name in (".outcomes.csv.tmp", ".notes.12.tmp", "x.99-0123abcd.tmp")]
    for path in (written, *theirs):
        path.write_bytes(b"x")
    with open(written, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build("--run-dir", run_of(tmp_path / "a", "model-a"))
    assert not left.exists()
    assert all(path.exists() for path in (written, *theirs))


def test_a_file_that_is_swept_away_before_it_is_locked_is_begun_again(tmp_path, monkeypatch):
    lock, swept = store._try_lock, []

    def late(descriptor):
        if not swept:
            swept.extend(tmp_path.iterdir())
            store._sweep.__wrapped__(tmp_path)
        return lock(descriptor)

    monkeypatch.setattr(store, "_try_lock", late)
    store.write_text(tmp_path / "a.txt", "whole")
    [temporary] = swept
    assert contents(tmp_path) == {"a.txt": b"whole"} and not temporary.exists()


def test_a_file_that_another_process_sweeps_just_now_is_begun_again(tmp_path, monkeypatch):
    lock, held = store._try_lock, []

    def taken(descriptor):
        if not held:
            [temporary] = tmp_path.iterdir()
            held.append(os.open(temporary, os.O_RDONLY))
            fcntl.flock(held[0], fcntl.LOCK_EX)
            assert not lock(descriptor)
            temporary.unlink()
        return lock(descriptor)

    monkeypatch.setattr(store, "_try_lock", taken)
    store.write_text(tmp_path / "a.txt", "whole")
    os.close(held[0])
    assert contents(tmp_path) == {"a.txt": b"whole"}


STEPS = {  # what is run over a packet that is there, and over none
    "build_packet.py": ("--run-dir", "{a}", "{b}", "--output-dir", "{out}"),
    "cluster_failures.py": ("{out}",), "compare_models.py": ("{out}",),
    "plan_review.py": ("{out}",), "write_report.py": ("{out}",), "check_report.py": ("{out}",)}


def killed(command, moment):
    """(exit code, what was said) of a script that is killed before its `moment`-th change of a
    folder, if it comes to that; -9 then."""
    said, inlet = os.pipe()
    child = os.fork()
    if not child:
        sys.stdout = sys.stderr = os.fdopen(inlet, "w", encoding="utf-8")
        left = [moment]

        def counted(change):
            def changes(*args, **options):
                if left[0] == 0:
                    os.kill(os.getpid(), 9)
                left[0] -= 1
                return change(*args, **options)
            return changes
        for name in ("replace", "rename", "unlink"):
            setattr(os, name, counted(getattr(os, name)))
        script = importlib.import_module(command[0].removesuffix(".py"))
        try:
            code = script.main([str(word) for word in command[1:]])
        except BaseException:
            code = 99
        sys.stdout.flush()
        os._exit(code)
    os.close(inlet)
    with open(said, encoding="utf-8") as file:
        text = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def made(out):
    return {name: data for name, data in contents(out).items()
            if name != manifest.NAME and not name.endswith((".lock", ".tmp"))}


@pytest.mark.parametrize(("script", "runs", "before"), [
    ("write_report.py", "ab", 4),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        ("write_report.py", "ab", 6),
        ("build_packet.py", "ab", 0), ("build_packet.py", "ab", 6), ("build_packet.py", "aa", 6),
        ("cluster_failures.py", "ab", 1), ("compare_models.py", "ab", 2),
        ("plan_review.py", "ab", 3), ("check_report.py", "ab", 5)))])
def test_a_step_that_is_killed_at_any_moment_can_be_run_again(
        tmp_path, monkeypatch, script, runs, before):
    """The same files come out as without the kill, nothing is put aside, and nothing needs
    --force; the rows that cluster_failures.py had changed are built anew, as it says."""
    monkeypatch.syspath_prepend(SCRIPTS)
    importlib.import_module("failure_analysis.comparison.figure")
    importlib.import_module("matplotlib.backends.backend_agg")  # once, not in every child
    folders = {name: run_of(tmp_path / name, f"model-{name}", 4) for name in "ab"}
    out, whole = tmp_path / "out", tmp_path / "whole"

    def command(name, letters="ab"):
        places = {"a": folders[letters[0]], "b": folders[letters[1]], "out": out}
        words = [word.format(**places) for word in STEPS[name]]
        return [name, *dict.fromkeys(words)]

    for name in list(STEPS)[:before]:
        assert killed(command(name), -1)[0] != 99
    if before:
        shutil.copytree(out, whole)
    code = killed(command(script, runs), -1)[0]
    wanted, moment = made(out), 0
    while True:
        shutil.rmtree(out)
        if before:
            shutil.copytree(whole, out)
        if killed(command(script, runs), moment)[0] != -9:
            break
        again, text = killed(command(script, runs), -1)
        if script == "cluster_failures.py" and "run build_packet.py again" in text:
            assert killed(command("build_packet.py"), -1)[0] == 0
            again, text = killed(command(script, runs), -1)
        assert (again, made(out)) == (code, wanted), (moment, text)
        moment += 1
    assert moment > 1


@pytest.mark.slow
def test_a_lens_that_is_killed_can_be_run_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    importlib.import_module("matplotlib.backends.backend_agg")
    packet, out = tmp_path / "packet", tmp_path / "lens"
    build = ["build_packet.py", "--run-dir", run_of(tmp_path / "a", "model-a"), "--output-dir",
             packet]
    assert killed(build, -1)[0] == 0
    lens = ["analyze.py", "hazard", packet, "--output-dir", out]
    moments = 0
    while killed(lens, moments)[0] == -9:
        moments += 1
        code, text = killed(lens, -1)
        assert code == 0, (moments, text)
        shutil.rmtree(out)
    assert moments > 3


def test_what_a_killed_step_did_not_write_is_still_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    out, run = tmp_path / "out", run_of(tmp_path / "a", "model-a")
    command = ["build_packet.py", "--run-dir", run, "--output-dir", out]
    moment = 0
    while killed(command, moment)[0] == -9 and not (out / steps.OUTCOMES).exists():
        moment += 1
    (out / "clusters.md").write_text("mine", encoding="utf-8")
    assert killed(command, -1) == (1, f"build_packet.py: {out}: holds clusters.md, which no "
                                   "analysis wrote there; give another --output-dir, or --force, "
                                   "which puts it aside\n")
    (out / "clusters.md").unlink()
    assert killed(command, -1)[0] == 0


@pytest.mark.parametrize("text", ["é \u2028 \"a\\", "\ud800"])
def test_a_large_document_has_the_bytes_of_a_small_one(tmp_path, text):
    value = {"a": [], "b": {}, "c": [{text: 1e22}, [True, None, text]], "d": 1 << 70,
             "e": [text, *range(20_001)]}
    for write in (store.write_json, store.write_large_json):
        write(tmp_path / f"{write.__name__}.json", value)
    assert (tmp_path / "write_large_json.json").read_bytes() == \
        (tmp_path / "write_json.json").read_bytes() == \
        json.dumps(value, indent=1).encode() + b"\n"
    with pytest.raises(ValueError):
        store.write_large_json(tmp_path / "nan.json", [float("nan")])
    assert not (tmp_path / "nan.json").exists()


def test_a_figure_is_drawn_before_its_file_is_begun(tmp_path):
    class Figure:
        def savefig(self, file, **how):
            assert not list(tmp_path.iterdir())
            file.write(repr(how).encode())

    store.write_figure(tmp_path / "a.PNG", Figure())
    assert contents(tmp_path) == {
        "a.PNG": b"{'format': 'png', 'metadata': {'Software': None}}"}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(19).compress])
def test_what_unpacks_to_far_too_much_is_given_up(build, tmp_path, pack):
    path = tmp_path / f"runs.jsonl{'.gz' if pack is gzip.compress else '.zst'}"
    path.write_bytes(pack(b"".join([ROW, *[b" " * 34_999_999 + b"\n"] * 2, ROW])))
    (tmp_path / "benchmark.yaml").write_text(MAPPING)
    done, out = build("--input", path, "--mapping", tmp_path / "benchmark.yaml", code=1)
    assert done.stderr == (f"build_packet.py: {path}: unpacks to more than 1000 times its size; if "
                           "you trust it, unpack it and name the unpacked file\n")
    assert not (out / steps.OUTCOMES).exists()


def test_a_log_that_repeats_itself_is_read(tmp_path):
    """A loop of one sentence, 80 MB of it: 200 to 400 times its packed size."""
    path = tmp_path / "loop.jsonl.gz"
    row = json.dumps({"id": 1, "answer": "Let me check the booking again. " * 30_000})
    path.write_bytes(gzip.compress("".join(f"{row}\n" for _ in range(84)).encode(), 6))
    assert sum(1 for line in files.json_lines(path) if not line.reason) == 84
    assert 84 * len(row) / path.stat().st_size > 100


@pytest.mark.parametrize("ending", [".tar.gz", ".zip"])
def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path, ending):
    import io
    import tarfile

    path = tmp_path / f"run{ending}"
    zeros = b"\0" * 70_000_000
    if ending == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("zeros.bin", zeros)
    else:
        info = tarfile.TarInfo("zeros.bin")
        info.size = len(zeros)
        with tarfile.open(path, "w:gz") as archive:
            archive.addfile(info, io.BytesIO(zeros))
    with pytest.raises(files.Refusal, match=r"'zeros.bin' brings the archive to 70000000 bytes, "
                                            r"more than 1000 times its own \d+"):
        unpack.extract(path, tmp_path / "new", 1 << 40)
    assert not (tmp_path / "new").exists()


def test_a_zip_of_results_that_unpacks_to_far_too_much_is_refused(build, tmp_path):
    path = tmp_path / "results.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("results.json", b"[" + b" " * 70_000_000 + b"]")
    done, _ = build("--input", path, code=1)
    assert f"{path}: unpacks to 66 MB, more than 1000 times its size" in done.stderr


def test_blank_lines_are_passed_over_and_counted(tmp_path):
    """300 MB of them, in the time of a few; the line after them keeps its number."""
    path = tmp_path / "rows.jsonl"
    with open(path, "wb") as file:
        file.write(b'{"a": 1}\n')
        for _ in range(300):
            file.write(b"\n" * 1_000_000)
        file.write(b'  {"a": 2}\n\n \n\r\n{"a": 3}')
    begin = time.process_time()
    lines = [(line.number, line.raw, line.value) for line in files.json_lines(path)]
    assert lines == [(1, b'{"a": 1}\n', {"a": 1}), (300_000_002, b'  {"a": 2}\n', {"a": 2}),
                     (300_000_006, b'{"a": 3}', {"a": 3})]
    assert time.process_time() - begin < 10  # line by line it is 20 and more


def test_a_file_of_blanks_is_empty(build, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b" " * 3_000_000 + b"\n" * 3_000_000)
    assert containers.is_empty(path)
    path.write_bytes(b" " * 3_000_000 + b"\n" * 3_000_000 + b"{}")
    assert not containers.is_empty(path)


def test_a_line_that_is_too_long_is_rejected_and_the_others_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 3 << 20)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n"' + b"x" * (5 << 20) + b'"\n{"a": 2}\n' + b" " * (5 << 20)
                     + b'{"a": 3}\n"' + b"y" * (2 << 20) + b'"')
    lines = list(files.json_lines(path))
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]
    assert lines[1].reason == "a line of 5 MB, more than 3; here is its beginning"
    assert len(lines[1].raw) == 1 << 20 and lines[1].raw.startswith(b'"xxx')
    assert [line.value for line in (lines[0], *lines[2:4])] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert lines[4].value == "y" * (2 << 20)


@pytest.mark.parametrize(("name", "long"), [
    ("r.csv", b'3,"' + b"x" * 99 + (b"x" * 99 + b"\n") * 20_000 + b'"\n4,b\n'),
    ("r.csv", b"3," + b"y" * 2_000_000 + b"\n4,b\n"),
    ("r.csv", b"3," + b'"a\n",' * 400_000 + b"b\n4,b\n"),
    ("r.tsv", b'3\t"' + b"\r\n" * 1_000_000)])
def test_a_table_is_read_up_to_a_row_that_is_too_long(tmp_path, monkeypatch, name, long):
    """A quote that is never closed, a long line, a row of too many cells."""
    monkeypatch.setattr(files, "LARGEST", 4 << 20)
    mark = b"," if name == "r.csv" else b"\t"
    path = tmp_path / name
    path.write_bytes(mark.join((b"id", b"q\n1", b'"two\nlines"\n\n2', b"b\n")) + long)
    *first, last = containers.documents(path)
    assert [(row.number, row.value) for row in first] == [
        (2, {"id": "1", "q": "two\nlines"}), (3, {"id": "2", "q": "b"})]
    assert last == files.JsonLine(4, b"", None, "the CSV cannot be read from here on: line 6: a "
                                  "row of more than 1 MB; perhaps a quote is not closed")


def test_samples_and_labels_in_a_table_are_read_up_to_such_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 4 << 20)
    path = tmp_path / "r.csv"
    path.write_bytes(b'id,fault\n1,\n2\n3,"' + b"x\n" * 1_000_000)
    why = "line 4: a row of more than 1 MB; perhaps a quote is not closed"
    assert [(line.number, line.value, line.reason) for line in samples.table(path, set())] == [
        (2, {"id": 1, "fault": None}, ""), (3, {"id": 2, "fault": None}, ""),
        (4, None, f"the CSV cannot be read from here on: {why}")]
    columns = labels.Columns({"id": "item_id"}, "fault", {"none": "none"})
    with pytest.raises(files.Refusal, match=f"r.csv: not a CSV \\({why}\\)$"):
        labels.read(rows.Index(tmp_path, {}, {}), path, "me", columns)


def test_a_table_with_a_quote_that_is_never_closed_takes_no_memory(tmp_path):
    """300 MB after the quote; the csv module alone would hold them all, four times (1,200 MB)."""
    path = tmp_path / "r.csv"
    with open(path, "wb") as file:
        file.write(b'id,q\n1,a\n2,"')
        for _ in range(300):
            file.write((b"x" * 99 + b"\n") * 10_000)
    code = ("import resource, sys; from pathlib import Path\n"
            "from failure_analysis.reading import containers\n"
            "print([line.reason for line in containers.documents(Path(sys.argv[1]))][1:])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(SCRIPTS)})
    reasons, most = done.stdout.splitlines()
    assert "line 3: a row of more than 128 MB; perhaps a quote is not closed" in reasons
    assert int(most) < 900  # 530 to 710 seen, as memory is handed out


def test_a_document_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 3 << 20)
    path = tmp_path / "rows.json"
    path.write_bytes(b'["' + b"x" * (5 << 20) + b'"]')
    for read in (files.read_json, files.json_document):
        with pytest.raises(files.Refusal, match="a document of more than 3 MB; write it as JSONL"):
            read(path)

"""download_failed_runs.py: hostile archives, and downloads from a real S3 server, a web server and
a folder, with faults on the way."""

import contextlib
import csv
import functools
import gzip
import http.server
import io
import json
import os
import random
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

import make_journals
from bucket import KEYS, Bucket, member, tar_gz, zipped
from failure_analysis import clean, files
from failure_analysis.archives import unpack as archives

LARGE = 10_000_000
FILE = stat.S_IFREG | 0o644
GOOD = tar_gz(member("logs/a.txt", b"hello"), member("run.sh", b"#!", mode=0o755))


@pytest.fixture(scope="module")
def bucket():
    """A real S3 server on loopback."""
    started = Bucket()
    yield started
    started.stop()


@pytest.fixture
def download(run_script, tmp_path):
    """`download(url, *options)`: runs the script into tmp_path/runs; returns (process, folder)."""

    def run(url, *options, code=0):
        output = tmp_path / "runs"
        done = run_script("download_failed_runs.py", "--bucket-path", str(url), "--output-dir",
                          output, *options, env=KEYS)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done, output

    return run


def states(output: Path) -> dict[str, str]:
    with open(output / "downloads.csv", encoding="utf-8", newline="") as file:
        return {row["run"]: row["state"] for row in csv.DictReader(file)}


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# --- hostile archives -------------------------------------------------------------------------

LINK = {"type": tarfile.SYMTYPE, "size": 0}
HARD = {"type": tarfile.LNKTYPE, "size": 0}
HOSTILE = {
    "absolute path": (tar_gz(member("/etc/evil")), "'/etc/evil' has an absolute path"),
    "dot dot": (tar_gz(member("a/../../evil")), "'a/../../evil' has a path that leaves"),
    "dot dot inside": (tar_gz(member("a/../evil")), "'a/../evil' has a path that leaves"),
    "windows drive": (tar_gz(member("C:/evil")), "'C:/evil' has an absolute path"),
    "backslash": (tar_gz(member("..\\evil")), "has a path that leaves"),
    "symlink out": (tar_gz(member("a/link", b"", linkname="../../x", **LINK)), "'a/link' is"),
    "symlink absolute": (tar_gz(member("link", b"", linkname="/etc", **LINK)), "'link' is refused"),
    "file through a link": (tar_gz(member("d", b"", linkname=".", **LINK), member("d/x")),
                            "'d/x' stands below a file or a link"),
    "file before its link": (tar_gz(member("d/x"), member("d", b"", linkname=".", **LINK)),
                             "'d' comes twice"),
    "link through a link": (
        tar_gz(member("out", b"", linkname="p/q/up/../..", **LINK),
               member("p/q/up", b"", linkname="../..", **LINK)),
        "'out' is a link that passes through another link"),
    "hard link out": (tar_gz(member("h", b"", linkname="../x", **HARD)), "'h' is a hard link to"),
    "hard link to nothing": (tar_gz(member("h", b"", linkname="no", **HARD)), "no earlier file"),
    "hard link to a link": (tar_gz(member("l", b"", linkname="a", **LINK),
                                   member("h", b"", linkname="l", **HARD)), "no earlier file"),
    "device": (tar_gz(member("dev", b"", type=tarfile.CHRTYPE)), "'dev' is a device"),
    "block device": (tar_gz(member("dev", b"", type=tarfile.BLKTYPE)), "'dev' is a device"),
    "pipe": (tar_gz(member("pipe", b"", type=tarfile.FIFOTYPE)), "'pipe' is a device, a pipe"),
    "setuid": (tar_gz(member("sh", mode=0o4755)), "'sh' has a setuid"),
    "setgid": (tar_gz(member("sh", mode=0o2755)), "'sh' has a setuid"),
    "name twice": (tar_gz(member("a"), member("./a")), "'./a' comes twice"),
    "file and folder": (tar_gz(member("a/b"), member("a")), "'a' comes twice"),
    "too many bytes": (tar_gz(member("a", b"\0" * 6_000_000), member("b", b"\0" * 6_000_000)),
                       "'b' brings the archive to 12000000 bytes, more than"),
    "empty": (b"", "damaged or cut off"),
    "no archive": (b"<html>not found</html>", "damaged or cut off"),
    "cut off": (GOOD[:-30], "damaged or cut off"),
    "wrong checksum": (GOOD[:-6] + b"\1" + GOOD[-5:], "damaged or cut off"),
    "tar cut off inside": (gzip.compress(gzip.decompress(GOOD)[:600]), "damaged or cut off"),
    "tar cut off in a header": (gzip.compress(gzip.decompress(GOOD)[:1300]), "neither a member"),
    "tar cut off between members": (gzip.compress(gzip.decompress(GOOD)[:1024]), "neither a memb"),
    "header damaged": (gzip.compress(gzip.decompress(GOOD).replace(b"run.sh", b"run.sx")),
                       "at byte 1024 neither a member nor the end mark: bad checksum"),
    "another archive behind it": (GOOD + GOOD, "more follows after its end mark"),
    "nothing in it": (tar_gz(), "an empty archive"),
    "name twice by case": (tar_gz(member("a/README"), member("A/readme")), "readme' comes twice"),
    "name twice by accent": (tar_gz(member("caf\u00e9"), member("cafe\u0301")), "comes twice"),
    "file through a link by case": (tar_gz(member("D", b"", linkname=".", **LINK), member("d/x")),
                                    "'d/x' stands below a file or a link"),
    "hard link by case": (tar_gz(member("File"), member("h", b"", linkname="file", **HARD)),
                          "no earlier file"),
    "control characters": (tar_gz(member("a\x1b[2J\n")), "has control characters in its name"),
    "a long name": (tar_gz(member("x" * 300)), "has a name that is too long"),
    "a deep path": (tar_gz(member("/".join(["abc"] * 3000))), "has a name that is too long"),
    "the folder itself as a file": (tar_gz(member(".")), "'.' is no folder"),
    "the folder itself as a link": (tar_gz(member("", b"", linkname="x", **LINK)), "'' is no fold"),
    "an impossible time": (tar_gz(member("a", mtime=2 ** 60)), "has a time that no file can carry"),
    "negative size": (gzip.compress(member("a", size=-512)[0].tobuf(tarfile.GNU_FORMAT)
                                    + b"\0" * 1024), "'a' brings the archive to -512 bytes"),
    "file, then folder": (tar_gz(member("a"), member("a/", b"", type=tarfile.DIRTYPE)),
                          "'a' comes twice"),
}
ZIPS = {
    "absolute path": (zipped(("/etc/evil", b"x", FILE)), "'/etc/evil' has an absolute path"),
    "dot dot": (zipped(("../evil", b"x", FILE)), "'../evil' has a path that leaves"),
    "symlink": (zipped(("link", b"/etc", stat.S_IFLNK | 0o777)), "'link' is a device"),
    "device": (zipped(("dev", b"", stat.S_IFCHR | 0o644)), "'dev' is a device"),
    "setuid": (zipped(("sh", b"x", stat.S_IFREG | 0o4755)), "'sh' has a setuid"),
    "name twice": (zipped(("a", b"x", FILE), ("./a", b"y", FILE)), "'./a' comes twice"),
    "too many bytes": (zipped(("zeros", b"\0" * 11_000_000, FILE)), "'zeros' brings the archive"),
    "cut off": (zipped(("a", b"x" * 999, FILE))[:-40], "damaged or cut off"),
    "wrong checksum": (zipped(("a", b"x", FILE)).replace(b"PK\x03\x04", b"PK\x03\x04", 1)
                       .replace(struct.pack("<L", 0x8CDC1683), b"\0\0\0\0"), "damaged"),
    "more than recorded": (zipped(("a", b"\0" * 5_000_000, FILE)).replace(
        struct.pack("<L", 5_000_000), struct.pack("<L", 10)), "damaged or cut off (Bad CRC"),
    "less than recorded": (zipped(("a", b"x" * 77, FILE)).replace(
        struct.pack("<L", 77), struct.pack("<L", 9_000_000)), "'a' is shorter than recorded"),
    "null in a name": (zipped(("aQb", b"x", FILE)).replace(b"aQb", b"a\0b"), "control characters"),
    "no name": (zipped(("Q", b"x", FILE)).replace(b"Q", b"/"), "'/' has an absolute path"),
    "file below a file": (zipped(("a", b"x", FILE), ("A/b", b"x", FILE)), "'A/b' stands below"),
    "directory damaged": (zipped(("a", b"x", FILE))[:-6] + b"\xff\xff\0\0\0\0", "damaged or cut"),
    "a long name": (zipped(("x" * 300, b"x", FILE)), "has a name that is too long"),
    "nothing in it": (zipped(), "an empty archive"),
    "encrypted": (zipped(("a", b"x", FILE)).replace(b"PK\x01\x02\x14\x03\x14\0\0\0",
                                                    b"PK\x01\x02\x14\x03\x14\0\1\0"), "encrypted"),
}


def refused(tmp_path: Path, packed: bytes, name: str, most: int = LARGE) -> str:
    """What `extract` says; nothing is written, neither inside nor outside the folder."""
    path = tmp_path / f"x{name}"
    path.write_bytes(packed)
    folder = tmp_path / "deep" / "er" / "run"
    with pytest.raises(files.Refusal) as refusal:
        archives.extract(path, folder, most)
    assert tree(tmp_path) == {path.name}
    path.unlink()
    assert not Path("/etc/evil").exists()
    return str(refusal.value)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_tar_gz_is_refused_by_name(tmp_path, case):
    packed, said = HOSTILE[case]
    assert said in refused(tmp_path, packed, ".tar.gz")


@pytest.mark.parametrize("case", HOSTILE)
def test_our_own_checks_are_enough(tmp_path, case, monkeypatch):
    """tarfile's data filter came with Python 3.11.4."""
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    packed, said = HOSTILE[case]
    assert said in refused(tmp_path, packed, ".tar.gz")


# What differs between the two is the unpacking alone.
@pytest.mark.parametrize("case", ["dot dot", "too many bytes", "tar cut off inside"])
def test_a_hostile_tar_zst_is_refused_by_name(tmp_path, case):
    packed, said = HOSTILE[case]
    assert said in refused(tmp_path, zstandard.compress(gzip.decompress(packed)), ".tar.zst")


def test_a_tar_zst_that_is_cut_off_is_refused(tmp_path):
    packed = zstandard.compress(gzip.decompress(GOOD))
    assert "damaged or cut off" in refused(tmp_path, packed[:-20], ".tar.zst")
    assert "damaged or cut off" in refused(tmp_path, b"<html>", ".tar.zst")


@pytest.mark.parametrize("case", ZIPS)
def test_a_hostile_zip_is_refused_by_name(tmp_path, case):
    packed, said = ZIPS[case]
    assert said in refused(tmp_path, packed, ".zip")


def test_ten_gigabytes_of_zeros_are_refused_before_they_are_read(tmp_path):
    info, _ = member("zeros")
    info.size = 10_000_000_000
    packed = gzip.compress(info.tobuf() + b"\0" * 100_000)
    said = refused(tmp_path, packed, ".tgz", 5_000_000_000)
    assert "'zeros' brings the archive to 10000000000 bytes" in said


@pytest.mark.parametrize("before", [b"", gzip.decompress(GOOD)[:1024]], ids=["first", "later"])
def test_a_header_of_endless_zeros_is_refused(tmp_path, before):
    """A long name or attribute is read into memory whole: it must not be larger than a header."""
    info, _ = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME)
    info.size = 400_000_000
    packed = io.BytesIO()
    with gzip.open(packed, "wb", 1) as file:
        file.write(before + info.tobuf())
        for _ in range(4):
            file.write(b"\0" * 1_000_000)
    assert "more than a member's worth" in refused(tmp_path, packed.getvalue(), ".tar.gz")


def test_a_small_zst_cannot_fill_the_memory(tmp_path):
    """16 kB of zstandard may unpack to half a gigabyte at once; it is given up on the way."""
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    packed = b"".join([packer.compress(b"\0" * 2_000_000) for _ in range(150)]) + packer.flush()
    path = tmp_path / "zeros.zst"
    path.write_bytes(packed)
    tracemalloc.start()
    with files.open_bytes(path) as file:
        read = 0
        with pytest.raises(files.Refusal, match="more than 1000 times its size"):
            while piece := file.read(1 << 16):
                read += len(piece)
    assert 60_000_000 < read <= 1 << 26
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(packed) < 16_000 and most < 100_000_000


def test_an_endless_tail_is_refused(tmp_path):
    packed = io.BytesIO()
    with gzip.open(packed, "wb", 1) as file:
        file.write(gzip.decompress(GOOD))
        for _ in range(70):
            file.write(b"\0" * 1_000_000)
    assert "more than a member's worth" in refused(tmp_path, packed.getvalue(), ".tar.gz")


def test_a_million_entries_are_refused(tmp_path, monkeypatch):
    zipped_many = io.BytesIO()
    with zipfile.ZipFile(zipped_many, "w") as archive:
        archive.writestr("a", "")
    end = zipped_many.getvalue()
    lying = end[:-22] + b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff" + struct.pack("<LLH", 1 << 27, 0, 0)
    assert "more than 250000" in refused(tmp_path, lying, ".zip")
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1000)
    many = tar_gz(*(member(f"{number}", b"") for number in range(1001)))
    assert "'1000' is one too many: the archive has more than 1000" in refused(
        tmp_path, many, ".tar.gz")
    many = zipped(*((f"{number}", b"", FILE) for number in range(1001)))
    assert "lists 1001 members" in refused(tmp_path, many, ".zip")


NAMES = st.sampled_from(["a", "b", "a/b", "a/c", "b/a", "a/b/c", ".", "./b", "c/../a"])
TARGETS = st.sampled_from(["a", "b", "..", "../a", "a/..", "a/../..", "b/../..", "../..", ".",
                           "c/x", "a/b/../../..", "b/c/../.."])
MEMBERS = st.lists(st.tuples(st.sampled_from(["file", "folder", "link", "hard"]), NAMES, TARGETS),
                   max_size=7)


@given(MEMBERS)
def test_whatever_is_extracted_stays_inside(made):
    """Any order of files, folders and links: refused, or every entry really is in the folder."""
    import tempfile

    kinds = {"file": {}, "folder": {"type": tarfile.DIRTYPE}, "link": {"type": tarfile.SYMTYPE},
             "hard": {"type": tarfile.LNKTYPE}}
    packed = tar_gz(*(member(name, b"" if kind != "file" else b"new",
                             **({"linkname": target} if kind in ("link", "hard") else {}),
                             **kinds[kind]) for kind, name, target in made))
    with tempfile.TemporaryDirectory() as place:
        outside = Path(place, "a")
        outside.write_text("old")
        Path(place, "x.tar.gz").write_bytes(packed)
        folder = Path(place, "run")
        with contextlib.suppress(files.Refusal, OSError):
            archives.extract(Path(place, "x.tar.gz"), folder, LARGE)
        assert outside.read_text() == "old"
        assert {path.name for path in Path(place).iterdir()} <= {"a", "x.tar.gz", "run"}
        real = os.path.realpath(folder)
        for path in folder.rglob("*"):
            assert os.path.realpath(path).startswith(real)


def test_good_archives_of_every_kind_come_out_the_same(tmp_path):
    plain = gzip.decompress(GOOD)
    packed = {".tar.gz": GOOD, ".tgz": GOOD, ".tar.zst": zstandard.compress(plain),
              ".zip": zipped(("logs/a.txt", b"hello", FILE), ("run.sh", b"#!", FILE | 0o111))}
    for ending, data in packed.items():
        path = tmp_path / f"in{ending}"
        path.write_bytes(data)
        folder = tmp_path / f"out{ending}"
        assert archives.extract(path, folder, LARGE) == (2, 7)
        assert tree(folder) == {"logs", "logs/a.txt", "run.sh"}
        assert (folder / "logs/a.txt").read_bytes() == b"hello"
        assert os.access(folder / "run.sh", os.X_OK)
        assert not os.access(folder / "logs/a.txt", os.X_OK)


@pytest.mark.parametrize(("recorded", "written"), [
    (0o666, 0o644), (0o777, 0o755), (0o400, 0o600), (0o077, 0o644), (0o1711, 0o711), (0, 0o600)])
def test_modes_are_sane(tmp_path, recorded, written):
    """Nobody else may write a file, its owner may, and nobody may run what its owner may not."""
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tar_gz(member("a", b"data", mode=recorded, mtime=1_000_000)))
    archives.extract(path, tmp_path / "out", LARGE)
    state = (tmp_path / "out/a").stat()
    assert (stat.S_IMODE(state.st_mode), state.st_mtime) == (written, 1_000_000)


def test_of_links_inside_the_files_are_kept(tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tar_gz(
        member("latest", b"", linkname="runs/1", **LINK), member("runs/1/a", b"data"),
        member("runs/again", b"", linkname="1/a", **LINK),
        member("hard", b"", linkname="runs/1/a", **HARD)))
    archives.extract(path, tmp_path / "out", LARGE)
    assert {name: path.read_bytes() for name, path in
            ((path.relative_to(tmp_path / "out").as_posix(), path)
             for path in (tmp_path / "out").rglob("*")) if path.is_file()} == {
        "runs/1/a": b"data", "hard": b"data"}
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))
    assert (tmp_path / "out/hard").stat().st_nlink == 1


def test_copies_of_hard_links_count(tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tar_gz(member("a", b"x" * 600), member("b", b"", linkname="a", **HARD)))
    with pytest.raises(files.Refusal, match="member 'b' brings the archive to 1200 bytes"):
        archives.extract(path, tmp_path / "out", 1000)
    assert not (tmp_path / "out").exists()


# --- downloads --------------------------------------------------------------------------------


def fill(folder: Path, **archives_: bytes) -> Path:
    """A local folder of archives; `a__tar_gz` names a.tar.gz."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in archives_.items():
        (folder / name.replace("__", ".").replace("_gz", ".gz")).write_bytes(data)
    return folder


def test_one_hostile_archive_does_not_hold_up_the_others(download, tmp_path):
    source = fill(tmp_path / "in", good__tar_gz=GOOD, evil__tar_gz=HOSTILE["dot dot"][0],
                  cut__tgz=GOOD[:-30], also__zip=zipped(("a", b"x", FILE)), readme__txt=b"")
    done, output = download(source, code=1)
    assert states(output) == {"also": "fetched", "cut": "failed", "evil": "failed",
                              "good": "fetched"}
    assert "evil" in done.stdout and "'a/../../evil' has a path that leaves" in done.stdout
    assert "4 archives: 2 failed, 2 fetched; 1 other files passed over" in done.stdout
    visible = {name for name in tree(output) if not name.startswith(".downloads")}
    assert visible == {"also", "also/a", "good", "good/logs", "good/logs/a.txt", "good/run.sh",
                       "downloads.csv"}
    left = {name for name in tree(output / ".downloads") if not name.startswith((".lock", "lock"))}
    assert left == {"also.json", "good.json"}


def test_dry_run_match_keep_and_json(download, tmp_path):
    source = fill(tmp_path / "in" / "sub", a__tar_gz=GOOD, b__tar_gz=GOOD)
    done, output = download(tmp_path / "in", "--dry-run")
    assert "2 would be fetched" in done.stdout and not output.exists()
    done, output = download(tmp_path / "in", "--match", "b.*", "--keep-compressed", "--json")
    told = json.loads(done.stdout)
    assert (told["archives"], told["fetched"], told["failures"]) == (1, 1, {})
    assert (output / "sub__b.tar.gz").read_bytes() == (source / "b.tar.gz").read_bytes()
    assert (output / "sub__b" / "run.sh").is_file() and not (output / "sub__a").exists()
    done, output = download(tmp_path / "in", "--match", "sub/*")
    assert states(output) == {"sub__a": "fetched", "sub__b": "already there"}
    assert not (output / "sub__a.tar.gz").exists()


def test_a_folder_of_the_same_name_inside_is_not_doubled(download, tmp_path):
    fill(tmp_path / "in", run1__tar_gz=tar_gz(member("run1/logs/a")))
    _, output = download(tmp_path / "in")
    assert (output / "run1" / "logs" / "a").is_file()


def test_what_a_person_put_there_is_not_replaced(download, tmp_path):
    fill(tmp_path / "in", mine__tar_gz=GOOD)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "notes.txt").write_text("keep")
    done, output = download(tmp_path / "in", code=1)
    assert "was not made by a download; move it away" in done.stdout
    assert tree(output / "mine") == {"notes.txt"}


def test_equal_names_get_folders_of_their_own(download, tmp_path):
    fill(tmp_path / "in", x__tar_gz=GOOD, x__zip=zipped(("z", b"z", FILE)), X__tgz=GOOD,
         downloads__csv__zip=zipped(("z", b"z", FILE)))
    _, output = download(tmp_path / "in")
    assert len({name.casefold() for name in states(output)}) == 4
    assert all((output / run).is_dir() for run in states(output))


def test_a_half_run_is_fetched_again(download, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD, b__tar_gz=GOOD, c__tar_gz=GOOD)
    _, output = download(tmp_path / "in")
    record = output / ".downloads" / "a.json"
    record.write_text(record.read_text().replace('"fetched"', '"being put in place"'))
    (output / "a" / "run.sh").unlink()  # as a crash in the middle leaves it
    (output / ".downloads" / "b.json").write_text('{"arch')
    (output / ".downloads" / "c.new").mkdir()
    (output / ".downloads" / "c.tar.gz").write_bytes(b"half")
    _, output = download(tmp_path / "in")
    assert states(output) == {"a": "fetched", "b": "fetched", "c": "already there"}
    assert (output / "a" / "run.sh").is_file()


def test_a_folder_that_was_removed_is_fetched_again(download, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD)
    _, output = download(tmp_path / "in")
    shutil.rmtree(output / "a")
    _, output = download(tmp_path / "in")
    assert states(output) == {"a": "fetched"} and (output / "a" / "run.sh").is_file()


def test_fewer_bytes_than_listed_are_no_archive(tmp_path, monkeypatch):
    from failure_analysis.archives import downloads

    fill(tmp_path / "in", a__tar_gz=GOOD)
    listing = downloads.find(str(tmp_path / "in"), downloads.Access(), "*")
    listing.filesystem.get_file = lambda path, to, **more: Path(to).write_bytes(GOOD[:50])
    monkeypatch.setattr(downloads, "_PAUSE", 0)
    result, = downloads.download(listing, tmp_path / "runs", 1, False, LARGE)
    assert result.reason == f"could not be fetched in 3 attempts (50 of {len(GOOD)} bytes came in)"


def test_a_changed_archive_is_fetched_again(download, bucket, tmp_path):
    bucket.put("changing/a.tar.gz", GOOD)
    url = ("s3://runs/changing/", "--endpoint-url", bucket.url)
    download(*url)
    same_size = bytearray(GOOD)
    same_size[4] ^= 1  # the time in the gzip header: other bytes, same size
    bucket.put("changing/a.tar.gz", bytes(same_size))
    _, output = download(*url)
    assert states(output) == {"a": "fetched"}
    _, output = download(*url)
    assert states(output) == {"a": "already there"}
    assert tree(output / "a") == {"logs", "logs/a.txt", "run.sh"}


@pytest.mark.slow
def test_two_hundred_archives_with_faults_are_right_after_one_rerun(download, bucket):
    """5 % faults: cut once (heals by itself), cut always, gone, cut off in the bucket."""
    made = random.Random(6)
    contents = {f"run-group_a_{number:08}": made.randbytes(3000) for number in range(200)}
    for run, content in contents.items():
        bucket.put(f"many/{run}.tar.gz", tar_gz(member("logs/x.bin", content)))
    faulty = made.sample(sorted(contents), 10)
    keys = [f"many/{run}.tar.gz" for run in faulty]
    bucket.faults = {key: ["cut", 1] for key in keys[:4]} | {
        key: ["cut", 999] for key in keys[4:6]} | {key: ["gone", 999] for key in keys[6:8]}
    for run, key in zip(faulty[8:], keys[8:], strict=True):
        bucket.put(key, tar_gz(member("logs/x.bin", contents[run]))[:-50])
    done, output = download("s3://runs/many/", "--endpoint-url", bucket.url, "--concurrent", "8",
                            code=1)
    first = states(output)
    assert {run for run, state in first.items() if state == "failed"} == set(faulty[4:])
    assert "no longer there" in done.stdout and "in 3 attempts" in done.stdout
    assert "damaged or cut off" in done.stdout
    assert {path.name for path in output.iterdir() if path.is_dir()} - {".downloads"} == \
        contents.keys() - set(faulty[4:])

    bucket.faults, bucket.gets = {}, Counter()
    for run, key in zip(faulty[8:], keys[8:], strict=True):
        bucket.put(key, tar_gz(member("logs/x.bin", contents[run])))
    done, output = download("s3://runs/many/", "--endpoint-url", bucket.url)
    assert Counter(states(output).values()) == {"already there": 194, "fetched": 6}
    assert bucket.gets == Counter(keys[4:])
    assert {path.name for path in output.iterdir()} == {*contents, ".downloads", "downloads.csv"}
    for run, content in contents.items():
        assert tree(output / run) == {"logs", "logs/x.bin"}
        assert (output / run / "logs" / "x.bin").read_bytes() == content


def test_a_connection_cut_in_the_middle_loses_nothing(download, bucket):
    content = random.Random(1).randbytes(3_000_000)
    bucket.put("cut/big.tar.gz", tar_gz(member("big.bin", content)))
    bucket.faults = {"cut/big.tar.gz": ["cut", 2]}
    _, output = download("s3://runs/cut", "--endpoint-url", bucket.url)
    assert bucket.gets["cut/big.tar.gz"] == 3
    assert (output / "big" / "big.bin").read_bytes() == content


def test_a_web_server_s_list_of_files(download, tmp_path):
    fill(tmp_path / "in" / "sub", a__tar_gz=GOOD, b__tar_gz=GOOD[:-30])
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "in")
    handler.func.log_message = lambda *args: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        _, output = download(url, code=1)
        assert states(output) == {"sub__a": "fetched", "sub__b": "failed"}
        fill(tmp_path / "in" / "sub", b__tar_gz=GOOD)
        _, output = download(url)
        assert states(output) == {"sub__a": "already there", "sub__b": "fetched"}
    finally:
        server.shutdown()
        server.server_close()


HREFS = ("?C=N;O=D", "/pub/", "a.tar.gz", "../secret.tar.gz", "sub/../../secret.tar.gz",
         "%2e%2e/secret.tar.gz", "/secret.tar.gz", "//127.0.0.1:1/b.tar.gz",
         "http://127.0.0.1:1/b.tar.gz", "http://127.0.0.1:1/pub/runs/b.tar.gz",
         "javascript:alert(1)", "sub/")


class _Page(http.server.BaseHTTPRequestHandler):
    """A list of files with hostile links, which answers every other address with an archive."""

    def do_GET(self) -> None:
        """A request."""
        is_page = self.path.endswith("/runs/") or self.path.endswith("/sub/")
        body = GOOD if not is_page else "".join(
            f'<a href="{href}">x</a>' for href in (HREFS if "sub" not in self.path else
                                                   ("../", "./", "c.tgz"))).encode()
        if self.path.endswith("/sub"):
            self.send_response(301)
            self.send_header("Location", f"{self.path}/")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_page else "application/gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.server.seen.append(self.path)
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args) -> None:
        """Nothing."""


def test_links_that_lead_out_of_a_web_list_are_passed_over(download):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        _, output = download(f"http://127.0.0.1:{server.server_port}/pub/runs/")
    finally:
        server.shutdown()
        server.server_close()
    assert states(output) == {"a": "fetched", "sub__c": "fetched"}
    assert {path for path in server.seen if path.endswith("gz")} == {
        "/pub/runs/a.tar.gz", "/pub/runs/sub/c.tgz"}


def test_hostile_names_of_objects_stay_in_the_folder(download, bucket):
    long = "名" * 120
    for name in ("\x1b]0;x\x07\x1b[2J", "a/b&c=%2e", ".hidden", "x" * 300, long, f"{long}x",
                 "CAF\u00c9", "cafe\u0301"):
        bucket.put(f"names/{name}.tar.gz", GOOD)
    done, output = download("s3://runs/names/", "--endpoint-url", bucket.url)
    assert "\x1b" not in done.stdout + done.stderr
    runs = states(output)
    assert len(runs) == 8 and set(runs.values()) == {"fetched"}
    assert len({clean.folded(run) for run in runs}) == 8
    assert {path.name for path in output.iterdir()} == {*runs, ".downloads", "downloads.csv"}


def test_a_folder_keeps_its_name_whatever_is_fetched_with_it(download, tmp_path):
    fill(tmp_path / "in", x__tar_gz=GOOD, x__zip=zipped(("z", b"z", FILE)))
    _, output = download(tmp_path / "in", "--match", "*.zip")
    _, output = download(tmp_path / "in")
    assert sorted(states(output).values()) == ["already there", "fetched"]


def test_an_archive_that_changes_while_it_is_read_is_read_again(tmp_path, bucket, monkeypatch):
    from failure_analysis.archives import downloads

    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket.put("moving/a.tar.gz", GOOD)
    listing = downloads.find("s3://runs/moving/", downloads.Access(bucket.url), "*")
    changed = tar_gz(member("second", b"second"))
    fetch = listing.filesystem.get_file
    calls = []

    def get_file(path, *args, **more):
        fetch(path, *args, **more)
        calls.append(path)
        if len(calls) == 1:
            bucket.put("moving/a.tar.gz", changed)

    monkeypatch.setattr(downloads, "_PAUSE", 0)
    listing.filesystem.get_file = get_file
    result, = downloads.download(listing, tmp_path / "runs", 1, False, LARGE)
    assert result.state == "fetched" and len(calls) == 2
    assert tree(tmp_path / "runs" / "a") == {"second"}
    assert result.archive.bytes == len(changed)


@pytest.fixture
def slow(tmp_path):
    """Archives with many members, and the command that fetches them: long enough to interrupt."""
    many = tar_gz(*(member(f"{number}/x", b"x" * 5000) for number in range(300)))
    fill(tmp_path / "in", a__tar_gz=many, b__tar_gz=many)
    return [sys.executable, Path(__file__).parents[1] / "scripts" / "download_failed_runs.py",
            "--bucket-path", tmp_path / "in", "--output-dir", tmp_path / "runs"]


@pytest.mark.parametrize(("moment", "sign"), [
    ("*.tar.gz", signal.SIGINT), ("*.new/5/x", signal.SIGINT), ("*.new/5/x", signal.SIGKILL)])
def test_after_an_interrupt_a_rerun_makes_it_whole(slow, tmp_path, moment, sign):
    """While it fetches and while it extracts; by Ctrl-C and by the kill of the machine."""
    state = tmp_path / "runs" / ".downloads"
    child = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any(state.glob(moment)):
        assert child.poll() is None
        time.sleep(0.001)
    child.send_signal(sign)
    said = child.communicate(timeout=10)[1]
    assert "Traceback" not in said
    if sign == signal.SIGINT:
        assert child.returncode == 1
        assert "interrupted; the same command goes on where it was" in said
    assert not (tmp_path / "runs" / "downloads.csv").exists()
    assert subprocess.run(slow, capture_output=True).returncode == 0
    assert states(tmp_path / "runs").keys() == {"a", "b"}
    for run in ("a", "b"):
        assert len(list((tmp_path / "runs" / run).glob("*/x"))) == 300
    assert {path.name for path in state.iterdir() if "lock" not in path.name} == {
        "a.json", "b.json"}


def test_an_interrupt_before_anything_is_fetched_is_one_line(tmp_path, bundle):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        child = subprocess.Popen(
            [sys.executable, bundle / "scripts" / "download_failed_runs.py", "--bucket-path",
             f"http://127.0.0.1:{silent.getsockname()[1]}/", "--output-dir", tmp_path / "runs"],
            stderr=subprocess.PIPE, text=True)
        silent.accept()
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=10)[1] == "download_failed_runs.py: interrupted\n"
    assert child.returncode == 1 and not (tmp_path / "runs").exists()


def test_two_downloads_into_one_folder_are_refused(download, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD)
    (tmp_path / "runs" / ".downloads").mkdir(parents=True)
    with FileLock(tmp_path / "runs" / ".downloads" / ".lock.lock"):
        done, output = download(tmp_path / "in", code=1)
    assert "another process" in done.stderr and not (output / "a").exists()


def test_an_older_version_stays_until_the_new_one_is_there(download, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD)
    download(tmp_path / "in")
    fill(tmp_path / "in", a__tar_gz=GOOD[:-30])
    _, output = download(tmp_path / "in", code=1)
    assert states(output) == {"a": "failed"} and (output / "a" / "run.sh").is_file()
    fill(tmp_path / "in", a__tar_gz=tar_gz(member("new")))
    _, output = download(tmp_path / "in")
    assert tree(output / "a") == {"new"}


def test_a_full_disk_fails_the_run_that_fills_it(bundle, tmp_path):
    big = tar_gz(member("big", random.Random(2).randbytes(3_000_000)))
    fill(tmp_path / "in", big__tar_gz=big, small__tar_gz=GOOD, zeros__tar_gz=tar_gz(
        member("zeros", b"\0" * 4_000_000)))
    done = subprocess.run(
        # -B: Python would keep the half of a module's bytecode that fitted.
        [sys.executable, "-B", bundle / "scripts" / "download_failed_runs.py", "--bucket-path",
         tmp_path / "in", "--output-dir", tmp_path / "runs"], capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)))
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert states(tmp_path / "runs") == {"big": "failed", "small": "fetched", "zeros": "failed"}
    packed, unpacked = tmp_path / "runs/.downloads/big.tar.gz", tmp_path / \
        "runs/.downloads/zeros.new/zeros"
    for full in (packed, unpacked):
        assert f"{full}: File too large" in done.stdout
    assert done.stdout.count("File too large") == 2 and "attempts" not in done.stdout
    assert not (tmp_path / "runs" / "zeros").exists()
    assert not list((tmp_path / "runs" / ".downloads").glob("*.tar.gz"))


def test_a_table_of_downloads_that_does_not_fit_leaves_the_old_one(bundle, download, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD)
    _, output = download(tmp_path / "in")
    before = (output / "downloads.csv").read_bytes()
    fill(tmp_path / "in", **{f"b{n}__tar_gz": GOOD for n in range(30)})
    done = subprocess.run(
        [sys.executable, "-B", bundle / "scripts" / "download_failed_runs.py", "--bucket-path",
         tmp_path / "in", "--output-dir", output], capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, 1_500)))
    assert (done.returncode, done.stderr) == (1, (
        f"download_failed_runs.py: {output / 'downloads.csv'}: File too large; it was not written, "
        "make room and run it again\n"))
    assert (output / "downloads.csv").read_bytes() == before and not list(output.glob(".*.tmp"))
    again, _ = download(tmp_path / "in")
    assert "31 already there" in again.stdout


@pytest.mark.parametrize(("options", "said", "code"), [
    ([], "give --bucket-path, or --mapping", 2),
    (["--bucket-path", "nowhere"], "nowhere: cannot be listed", 1),
    (["--bucket-path", "."], "no archive (.tar.gz, .tgz, .tar.zst, .zip)", 1),
    (["--bucket-path", "nowhere", "--profile", "x"], "go with s3:// addresses", 1),
    (["--bucket-path", "nothing://x"], "nothing://x: Protocol not known", 1),
    (["--bucket-path", "http://127.0.0.1:9/x/"], "cannot be listed", 1),
    (["--bucket-path", "x", "--concurrent", "0"], "at least 1", 2),
    (["--mapping", "benchmark.yaml"], "no bucket_path in it", 1),
])
def test_refusals_are_one_line(run_script, tmp_path, options, said, code):
    (tmp_path / "benchmark.yaml").write_text("benchmark: x\n")
    done = run_script("download_failed_runs.py", *options, cwd=tmp_path, env=KEYS)
    assert done.returncode == code and said in done.stderr
    assert code == 2 or len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "failed_runs").exists()


def test_a_bucket_that_is_not_there(download, bucket):
    done, output = download("s3://none/x/", "--endpoint-url", bucket.url, code=1)
    assert "s3://none/x/: cannot be listed" in done.stderr and not output.exists()


def test_one_archive_alone(download, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD, b__tar_gz=GOOD)
    _, output = download(tmp_path / "in" / "b.tar.gz")
    assert states(output) == {"b": "fetched"}


def test_the_demo_archives_are_what_their_maker_writes(bundle, tmp_path):
    make_journals.demo_archives(tmp_path)
    for path in (bundle / "tests" / "fixtures" / "demo_archives").glob("*.tar.gz"):
        assert gzip.decompress(path.read_bytes()) == gzip.decompress(
            (tmp_path / path.name).read_bytes())


def test_the_bucket_path_of_a_benchmark(run_script, tmp_path):
    fill(tmp_path / "in", a__tar_gz=GOOD)
    (tmp_path / "benchmark.yaml").write_text("benchmark: x\nbucket_path: in\n")
    done = run_script("download_failed_runs.py", "--mapping", "benchmark.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert states(tmp_path / "failed_runs") == {"a": "fetched"}

"""Every container gives the documents that are in it, by its content; what is none is named."""

import datetime
import gzip
import json
import struct
import zipfile
import zlib
from functools import partial
from pathlib import Path

import pytest
import zstandard

from failure_analysis import documents as begun
from failure_analysis import files
from failure_analysis.files import JsonLine
from failure_analysis.reading import containers, delimited
from failure_analysis.reading import zipped as zipped_reading
from failure_analysis.reading.containers import cell, documents, repeated_keys

LINES = b'{"id": "a", "ok": true}\n\n{"id": "b", "ok": false}\n'
PRETTY = b'{\n "id": "a",\n "ok": true\n}\n'
# Without the time, which would give the tests other names in each process.
GZIPPED = partial(gzip.compress, mtime=0)
PACKED = {"": bytes, ".gz": GZIPPED, ".zst": zstandard.ZstdCompressor().compress}


@pytest.fixture(params=PACKED)
def read(request, tmp_path):
    """`read(name, content)`: the documents of a file, also packed."""
    def documents_of(name: str, content: bytes) -> list[JsonLine]:
        return list(documents(put(tmp_path, name + request.param, PACKED[request.param](content))))
    return documents_of


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(files.Refusal) as caught:
        list(documents(path))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.ndjson", "r.jsonlines", "r.txt", "r",
                                  "r.csv", "r.JSONL"])
def test_lines_are_lines_whatever_they_are_called(read, name):
    first, second = LINES.split(b"\n\n")
    assert read(name, LINES) == [JsonLine(1, first + b"\n", {"id": "a", "ok": True}),
                                 JsonLine(3, second, {"id": "b", "ok": False})]


@pytest.mark.parametrize("name", ["r.json", "r.jsonl", "r.txt"])
def test_a_document_is_the_only_record_also_when_it_is_a_list(read, name):
    assert read(name, PRETTY) == [JsonLine(1, PRETTY, {"id": "a", "ok": True})]
    rows = b'[\n{"id": 1},\n{"id": 2}\n]'
    assert read(name, rows) == [JsonLine(1, rows, [{"id": 1}, {"id": 2}])]
    broken = b'[{"id": 1},\n{"id": 2}]\n'
    assert read(name, broken) == [JsonLine(1, broken, [{"id": 1}, {"id": 2}])]
    short = b'\xef\xbb\xbf[{"id": 1}, 5]'
    assert read(name, short) == [JsonLine(1, short[3:], [{"id": 1}, 5])]
    assert read(name, b"[\n]") == [JsonLine(1, b"[\n]", [])]


def test_a_long_first_line_is_no_trouble(read):
    text = "x" * 200_000
    document = f'[{{"t": "{text}"}},\n{{"t": 2}}]'.encode()
    assert read("r.json", document)[0].value == [{"t": text}, {"t": 2}]
    lines = f'{{"t": "{text}"}}\n{{"t": 2}}\n'.encode()
    assert [line.value for line in read("r.json", lines)] == [{"t": text}, {"t": 2}]


def test_damaged_lines_are_rejected_by_line(read, tmp_path):
    cut = "; the file's last line is cut off"
    broken = read("r.jsonl", b'{"id": "caf\xe9"}\n{"id": 2}\n{"id"')
    assert [(line.number, line.value, line.reason) for line in broken] == [
        (1, None, "not UTF-8 at byte 11 of the line"), (2, {"id": 2}, ""),
        (3, None, f"not valid JSON: Expecting ':' delimiter: line 1 column 6 (char 5){cut}")]
    # A first line cut off where a document could go on; the lines after it are there.
    assert [line.value for line in read("r.json", b'{"id": 1,\n{"id": 2}\n{"id": 3}\n')] == [
        None, {"id": 2}, {"id": 3}]
    assert [line.value for line in read("r.jsonl", b'{"id": 1,\n{"id": 2,\n{"id": 3}\n')] == [
        None, None, {"id": 3}]
    assert [line.reason for line in read("r.jsonl", b"[" * 100_000 + b"\n{}\n")] == [
        "nested too deeply", ""]


def test_nan_is_null_and_noted(read):
    assert read("r.jsonl", b'{"s": NaN}\n{"s": 1}\n') == [
        JsonLine(1, b'{"s": NaN}\n', {"s": None}, "", True), JsonLine(2, b'{"s": 1}\n', {"s": 1})]
    raw = b'[\n {"s": -Infinity}\n]'
    assert read("r.json", raw) == [JsonLine(1, raw, [{"s": None}], "", True)]


@pytest.mark.parametrize(("content", "reason"), [
    (b"[" * 100_000, "not valid JSON (maximum recursion depth exceeded"),
    (b'{"id": "caf\xe9"}', "not valid JSON ('utf-8' codec can't decode byte 0xe9 in position 11"),
    (b'{\n "id": 1,', "not valid JSON (Expecting property name enclosed in double quotes: line 2"),
    (b'{"id": 1', "not valid JSON (Expecting ',' delimiter: line 1 column 9"),
    (b"oh no", "not valid JSON (Expecting value: line 1 column 1"),
])
def test_a_damaged_document_is_refused(tmp_path, content, reason):
    path = put(tmp_path, "r.json", content)
    with pytest.raises(files.Damaged):
        list(documents(path))
    assert refusal(path).startswith(reason)


@pytest.mark.parametrize(("name", "content", "what"), [
    ("r.jsonl", LINES.decode().encode("utf-16"), "UTF-16; make it UTF-8: iconv -f UTF-16 -t"),
    ("r.jsonl", LINES.decode().encode("utf-16-be"), "UTF-16; make it"),
    ("r.csv", "id,ok\na,1\n".encode("utf-32"), "UTF-32; make it UTF-8: iconv -f UTF-32 -t"),
    ("r.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
     "a Git LFS pointer, the file itself was not downloaded; run `git lfs pull`"),
    ("r.parquet", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    ("r.json", b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "a page of HTML or XML"),
    ("r.jsonl", GZIPPED(LINES), "gzip under another name; rename it so that it ends in .gz"),
    ("r.jsonl", zstandard.ZstdCompressor().compress(LINES), "Zstandard under another name"),
    ("r.eval", b"PK\x03\x04rest", "damaged or cut off, no whole zip archive"),
    ("r.xlsx", b"PK\x03\x04rest", "a spreadsheet; save it as CSV"),
    ("r.json", b"", "empty; leave it out"),
    ("r.jsonl", b" \n\r\n", "empty; leave it out"),
    ("r.csv", b"", "empty; leave it out"),
    ("r.jsonl", b"\x80\x05\x95\0\0\0\0\0\0\0" * 9, "binary; results are needed as JSONL"),
    ("r.json", b"{'id': 'a', 'ok': ", "Python literals ('text', None, True), no JSON"),
    ("r.jsonl", b"{'id': print(1)}\n", "Python literals"),
    ("r.json", b"[{'id': {1, 2}}]", "Python literals"),
    ("r.json", b'{\n"id": 1\n}\n{\n"id": 2\n}\n', "several JSON documents, one after the other"),
    ("notes.txt", b"It went well,\nI think.\nWell, mostly, yes.\n", "neither JSON nor a table"),
    ("r.csv", "name,fähig\na,1\n".encode("latin-1"), "the header is not UTF-8"),
    ("r.csv", b"id,q,ok,ok\na,x,True,False\n",
     "more than one column is called 'ok' (columns 3, 4); give each a name of its own"),
    ("r.csv", b"id,,ok,\na,x,True,\n", "more than one column has no name (columns 2, 4)"),
    ("r.parquet", b"no parquet", "not a Parquet file that can be read"),
    ("r.parquet.gz", GZIPPED(b"PAR1"), "Parquet is packed inside already; unpack the file"),
    ("r.json.gz", b"{}", "damaged, cut off or not packed as it is called (Not a gzipped file"),
])
def test_what_is_none_is_named(tmp_path, name, content, what):
    assert refusal(put(tmp_path, name, content)).startswith(what)


def test_a_damaged_packed_file_keeps_what_comes_before(tmp_path):
    packed = gzip.compress(b"".join(b'{"n": %d}\n' % n for n in range(300_000)))
    path = put(tmp_path, "r.jsonl.gz", packed[:-len(packed) // 3])
    *rows, last = documents(path)
    assert [line.value for line in rows[:-1]] == [{"n": n} for n in range(len(rows) - 1)]
    assert len(rows) > 10_000 and last.raw == b"" and last.reason.startswith(
        "the compressed file is damaged or cut off here")
    whole = json.dumps([*range(50_000)], indent=1).encode()
    assert refusal(put(tmp_path, "r.json.gz", gzip.compress(whole, mtime=0)[:-9_000])).startswith(
        "damaged or cut off while unpacking")


@pytest.mark.parametrize(("name", "content"), [
    ("r.csv", b'id,q,s\na,"x, ""y""\nz",0.9\nb,,\n'),
    ("r.csv", b'\xef\xbb\xbfid;q;s\r\na;"x, ""y""\nz";0.9\r\n\r\nb;;\r\n'),
    ("r.csv", b'sep=;\r\nid;q;s\r\na;"x, ""y""\nz";0.9\r\nb;;\r\n'),
    ("r.tsv", b'id\tq\ts\na\t"x, ""y""\nz"\t0.9\nb\t\t\n'),
    ("r.txt", b'id\tq\ts\na\t"x, ""y""\nz"\t0.9\nb\t\t\n'),
    ("r.json", b'id,q,s\na,"x, ""y""\nz",0.9\nb,,\n'),
    ("r.csv", b'id,q,s\ra,"x, ""y""\nz",0.9\rb,,\r'),
])
def test_tables(read, name, content):
    assert read(name, content) == [
        JsonLine(2, b"", {"id": "a", "q": 'x, "y"\nz', "s": "0.9"}),
        JsonLine(3, b"", {"id": "b", "q": "", "s": ""})]


def test_the_delimiter_is_the_one_of_the_header(tmp_path):
    assert delimited.dialect(b'"a;b;c",d\n1;2;3,4\n', Path("r.csv")).delimiter == ","
    assert delimited.dialect(b"id;answer, final\n1;2\n3;4\n", Path("r.csv")).delimiter == ";"
    assert delimited.dialect(b"a;b\n0,1;0,2\n", Path("r.csv")).delimiter == ";"
    assert delimited.dialect(b"only\n1\n", Path("r.csv")).header == ["only"]
    assert delimited.dialect(b"a,b\n1,2\n", Path("r.tsv")).header == ["a,b"]


def test_rows_that_are_none_are_rejected(read):
    content = b'id,q\na,x,y,z\nb\nc,caf\xe9\nd,"x"\ne,"x"y\nf,g\n'
    assert read("r.csv", content) == [
        JsonLine(2, b'{"id": "a", "q": "x", "None": ["y", "z"]}', None,
                 "more or fewer cells than the header has"),
        JsonLine(3, b'{"id": "b", "q": null}', None, "more or fewer cells than the header has"),
        JsonLine(4, b'{"id": "c", "q": "caf\\udce9"}', None, "not UTF-8"),
        JsonLine(5, b"", {"id": "d", "q": "x"}),
        JsonLine(6, b"", None, "the CSV cannot be read from here on: "
                 "line 6: ',' expected after '\"'")]


def test_a_column_without_a_name_is_kept_and_remarked(tmp_path):
    path = put(tmp_path, "r.csv", b",id,ok\n0,a,yes\n")
    assert [line.value for line in documents(path)] == [{"": "0", "id": "a", "ok": "yes"}]
    assert containers.remarks(path) == (
        f'{path}: column 1 has no name; its cells are under the key ""',)
    assert containers.remarks(put(tmp_path, "r.jsonl", LINES)) == ()


def test_what_is_a_table(tmp_path):
    assert [containers.is_table(put(tmp_path, name, content)) for name, content in [
        ("r.csv", b"id,ok\n"), ("r.tsv", b"id\n"), ("r.txt", b"a;b\n1;2\n"),
        ("r.csv.gz", gzip.compress(b"a;b\n1;2\n", mtime=0)), ("r.jsonl", LINES), ("r.csv", LINES),
        ("r.csv", b"[\n{\n}\n]")]] == [True] * 4 + [False] * 3
    assert containers.decimal_comma(put(tmp_path, "r.csv", b"a;b\n1;2\n"))
    assert not containers.decimal_comma(put(tmp_path, "r.csv", b"a,b\n1,2\n"))


@pytest.mark.parametrize(("text", "value"), [
    ("True", True), (" false ", False), ("", None), ("NaN", None), ("None", None), ("-inf", None),
    ("7", 7), ("-0.5", -0.5), ("1e3", 1000.0), ("1e999", "1e999"), ("1_000", "1_000"),
    ("yes", "yes"), ("0,9", "0,9"), ("9" * 5000, "9" * 5000), (None, None), (0.5, 0.5),
])
def test_cells(text, value):
    assert cell(text) == value and type(cell(text)) is type(value)


def test_decimal_commas():
    assert [cell(text, decimal_comma=True) for text in ("0,9", "-1,25", "1.5", "1,2,3", "a,b")] \
        == [0.9, -1.25, 1.5, "1,2,3", "a,b"]


def test_repeated_keys(tmp_path):
    assert repeated_keys(b'{"a": 1, "b": [{"c": 1, "c": 2}], "a": 2, "d": {"a": 1}}') == ["c", "a"]
    assert repeated_keys(b'{"a": {"a": 1}}') == [] == repeated_keys(b"broken {")
    line, = documents(put(tmp_path, "r.json", b'{\n"a": 1,\n"a": 2\n}'))
    assert line.value == {"a": 2} and repeated_keys(line.raw) == ["a"]


def test_parquet_as_json_would_have_it(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "s[1]*.parquet"
    plain = tmp_path / "s.parquet"
    with duckdb.connect() as base:
        base.execute(f"""copy (select 'a' as id, true as ok, 0.50::decimal(4,2) as half,
            2::decimal(4,0) as two, date '2026-01-02' as day,
            timestamp '2026-01-02 03:04:05' as at_, [1.5, 'nan'::double] as nums,
            {{'role': 'user', 'n': 1.25::decimal(4,2)}} as message, map {{'k': 1}} as named,
            null as none_, 'x'::blob as bytes_) to '{plain}' (format parquet)""")
    plain.rename(path)
    values = {"id": "a", "ok": True, "half": 0.5, "two": 2, "day": "2026-01-02",
              "at_": datetime.datetime(2026, 1, 2, 3, 4, 5).isoformat(), "nums": [1.5, None],
              "message": {"role": "user", "n": 1.25}, "named": {"k": 1}, "none_": None,
              "bytes_": "x"}
    assert list(documents(path)) == [JsonLine(1, b"", values, "", True)]
    renamed = put(tmp_path, "r.bin", path.read_bytes())
    assert list(documents(renamed)) == [JsonLine(1, b"", values, "", True)]
    assert json.dumps(values)


@pytest.mark.parametrize(("name", "content", "values"), [
    ("r.json", b"{'id': 'a', 'ok': True}", [{"id": "a", "ok": True}]),
    ("r.jsonl", b"{'id': 'a'}\n\n{'id': ('b', None)}\n", [{"id": "a"}, {"id": ["b", None]}]),
    ("r.json", b"[{'id': 'a',\n  'ok': None}]", [[{"id": "a", "ok": None}]]),
    ("r.json", b'{"id": "a",\n "ok": False}', [{"id": "a", "ok": False}]),
])
def test_what_python_printed_is_what_it_means(tmp_path, name, content, values):
    assert [line.value for line in documents(put(tmp_path, name, content))] == values


def test_a_line_that_python_did_not_print_is_rejected(tmp_path):
    lines = list(documents(put(tmp_path, "r.jsonl", b"{'id': 'a'}\n{'id': \n{'id': 'c'}\n")))
    assert [line.value for line in lines] == [{"id": "a"}, None, {"id": "c"}]
    assert lines[1].reason.startswith("neither JSON nor a literal of Python")


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_is_one_document(tmp_path):
    path = zipped(tmp_path / "r.zip", {
        "out/rows.jsonl": '{"id": 1}\n{"id": 2}\n', "meta.json": '{"model": "m"}',
        "t.csv": "id,ok\n1,yes\n", "notes.txt": "hello", "__MACOSX/._t.csv": "x"})
    (line,) = documents(path)
    assert line.value == {"out/rows.jsonl": [{"id": 1}, {"id": 2}], "meta.json": {"model": "m"},
                          "t.csv": {"id": "1", "ok": "yes"}}


@pytest.mark.parametrize(("members", "what"), [
    ({"notes.txt": "hello"}, "a zip archive without a file of results in it"),
    ({"../r.json": "{"}, "../r.json in it cannot be read (not valid JSON"),
    ({"r.jsonl": '{"id": 1}\n{\n'}, "r.jsonl in it has a line that cannot be read"),
    ({f"{n}.json": "1" for n in range(201)}, "a zip archive with 201 files, too much"),
])
def test_a_zip_that_cannot_be_read_is_named(tmp_path, members, what):
    assert refusal(zipped(tmp_path / "r.zip", members)).startswith(what)
    assert [path.name for path in tmp_path.iterdir()] == ["r.zip"]


def test_an_inspect_log_has_a_document_for_each_sample(tmp_path):
    path = zipped(tmp_path / "r.eval", {
        "header.json": '{"eval": {"model": "m"}}', "samples/1_epoch_1.json": '{"id": 1}',
        "samples/2_epoch_1.json": '{"id": ', "summaries.json": "[]"})
    first, second = documents(path)
    assert first.value == {"eval": {"model": "m"}, "samples": [{"id": 1}]}
    assert second.value is None and second.reason.startswith("not valid JSON")
    (line,) = documents(zipped(tmp_path / "s.eval", {"_journal/start.json": '{"version": 2}'}))
    assert line.value == {"version": 2, "samples": []}
    assert refusal(zipped(tmp_path / "t.eval", {"x.json": "1"})).startswith("no header.json in it")


def zstandard_zip(path, members, grow=0):
    """A zip whose members are packed by method 93, as Python before 3.14 cannot write it."""
    data = central = b""
    for name, raw in members.items():
        packed = zstandard.ZstdCompressor().compress(raw)
        header = struct.pack("<HHHHHIIIHH", 63, 0, 93, 0, 33, zlib.crc32(raw), len(packed),
                             len(raw) + grow, len(name), 0)
        central += b"PK\1\2" + struct.pack("<H", 63) + header + struct.pack(
            "<HHHII", 0, 0, 0, 0, len(data)) + name.encode()
        data += b"PK\3\4" + header + name.encode() + packed
    path.write_bytes(data + central + b"PK\5\6" + struct.pack(
        "<HHHHIIH", 0, 0, len(members), len(members), len(central), len(data), 0))
    return path


def test_members_packed_with_zstandard_are_read(tmp_path):
    members = {"header.json": b'{"version": 2}', "summaries.json": b'[{"id": 1}, {"id": 2}]',
               "samples/1_epoch_1.json": b'{"id": 1}', "samples/2_epoch_1.json": b'{"id": 2}'}
    first, second = documents(zstandard_zip(tmp_path / "r.eval", members))
    assert first.value == {"version": 2, "summaries": [{"id": 1}, {"id": 2}],
                           "samples": [{"id": 1}]}
    assert second.value == {"version": 2, "samples": [{"id": 2}]}
    (line,) = documents(zstandard_zip(tmp_path / "r.zip", {"r.json": b'{"id": 1}'}))
    assert line.value == {"r.json": {"id": 1}}


def test_members_packed_with_zstandard_that_are_damaged_or_too_large_are_named(tmp_path,
                                                                              monkeypatch):
    path = zstandard_zip(tmp_path / "r.zip", {"r.json": b'{"id": "abcdefghijkl"}'})
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"abcdefghijkl", b"abcdefghijkX"))
    assert "Bad CRC-32" in refusal(path)
    path.write_bytes(whole.replace(b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfe"))
    assert refusal(path).startswith("r.json in it cannot be read (")
    assert "Bad CRC-32" in refusal(zstandard_zip(tmp_path / "s.zip", {"r.json": b"{}"}, grow=1))
    monkeypatch.setattr(zipped_reading, "_LARGEST", 10)
    path.write_bytes(whole)
    assert "r.json in the archive has 0 MB" in refusal(path)


def test_the_first_records_of_a_large_file_need_only_its_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(begun, "START", 100)
    rows = [{"id": n, "text": "x" * 30} for n in range(50)]
    cut = {"id": 1}
    assert containers.first(put(tmp_path, "a.json", json.dumps(rows).encode())) == [rows[0], cut]
    assert containers.first(put(tmp_path, "b.json", json.dumps({"m": 1, "rows": rows}).encode())
                            )[0]["rows"][0] == rows[0]
    lines = "\n".join(map(json.dumps, rows)).encode()
    assert containers.first(put(tmp_path, "c.jsonl", lines)) == [rows[0], cut]
    assert containers.first(put(tmp_path, "d.json.gz", GZIPPED(lines))) == [rows[0], cut]


def test_endings():
    assert containers.ENDINGS == (".jsonl", ".ndjson", ".jsonlines", ".json", ".csv", ".tsv",
                                  ".parquet", ".eval", ".zip")

"""Documents inside zip archives: an Inspect log (.eval) is its header with one sample after the
other, any other zip one document that has what its files hold under their names."""

import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from failure_analysis import files, remote
from failure_analysis.files import JsonLine

EVAL = ".eval"
_HEADERS = ("header.json", "_journal/start.json")
_SUMMARIES = "summaries.json"
_LARGEST = 1 << 28  # of a member, unpacked
_MOST_TOGETHER = 1 << 29
_MOST_MEMBERS = 200
_ZSTANDARD = 93  # the number of the method, which zipfile knows from Python 3.14 on
_LOCAL = 30  # bytes of a member's own header, before its name
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
           struct.error)


def samples(path: Path) -> Iterator[JsonLine]:
    """A document for each sample of an Inspect log: {**header, samples: [the sample]}; one without
    samples for a log that has none. The first also has the summaries of all samples, where the log
    has these. A sample that cannot be read is a line with its reason."""
    with _opened(path) as archive:
        names = [info for info in archive.infolist()
                 if info.filename.startswith("samples/") and info.filename.endswith(".json")
                 and ".." not in PurePosixPath(info.filename).parts]
        header = _header(path, archive)
        summaries = _summaries(archive)
        for number, info in enumerate(names, 1):
            try:
                line = files.decided(number, _bytes(archive, info))
            except (*_BROKEN, files.Refusal) as error:
                yield JsonLine(number, b"", None, f"{info.filename} in the archive cannot be read "
                               f"({error})")
                continue
            yield line if line.reason else line._replace(
                raw=b"", value={**header, **summaries, "samples": [line.value]})
            summaries = {} if not line.reason else summaries
        if not names:
            yield JsonLine(1, b"", {**header, "samples": []})


def document(path: Path, read: Callable[[Path], Iterator[JsonLine]], endings: tuple[str, ...]
             ) -> JsonLine:
    """A zip as one document: member name -> the document in it, or the list of them, for the
    members whose names end so. `read` gets each as a file of its own."""
    with _opened(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(endings)
                   and not PurePosixPath(info.filename).name.startswith(".")
                   and not info.filename.startswith("__MACOSX")]
        if not members:
            raise files.Refusal(f"{path}: a zip archive without a file of results in it; unpack it")
        if len(members) > _MOST_MEMBERS or sum(info.file_size for info in members) > _MOST_TOGETHER:
            raise files.Refusal(f"{path}: a zip archive with {len(members)} files, too much to "
                                "read as one; unpack it")
        with tempfile.TemporaryDirectory(prefix="zipped-") as folder:
            return JsonLine(1, b"", {info.filename: _member(path, archive, info, Path(folder), read)
                                     for info in members})


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path,
            read: Callable[[Path], Iterator[JsonLine]]) -> Any:
    """What a member holds. It stands on the disk for a moment, under a name of ours."""
    own = folder / f"member{''.join(PurePosixPath(info.filename).suffixes[-2:])}"
    try:
        own.write_bytes(_bytes(archive, info))
        if own.suffix in files.COMPRESSED:
            files.whole(own)  # refuses one that unpacks to too much
        lines = list(read(own))
    except (*_BROKEN, files.Refusal) as error:
        reason = str(error).replace(f"{own}: ", "")
        raise files.Damaged(f"{path}: {info.filename} in it cannot be read ({reason})") from None
    if reason := next((line.reason for line in lines if line.reason), ""):
        raise files.Damaged(f"{path}: {info.filename} in it has a line that cannot be read "
                            f"({reason}); unpack it")
    return lines[0].value if len(lines) == 1 and own.suffix != ".parquet" else \
        [line.value for line in lines]


def is_eval(path: Path) -> bool:
    """Whether a zip is an Inspect log, by its name or by what is in it."""
    if path.name.endswith(EVAL):
        return True
    with _opened(path) as archive:
        return any(name in archive.namelist() for name in _HEADERS)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(files.opened(path) if remote.is_laid_out(path) else path)
    except _BROKEN as error:
        raise files.Damaged(f"{path}: damaged or cut off, no whole zip archive ({error})") from None
    size = sum(info.file_size for info in archive.infolist())
    if size > files.most_unpacked(path.stat().st_size):
        archive.close()
        raise files.Refusal(f"{path}: unpacks to {size >> 20} MB, more than 1000 times its size; "
                            "if you trust it, unpack it")
    return archive


def _header(path: Path, archive: zipfile.ZipFile) -> dict:
    """The log without its samples; of a run that was broken off only its beginning was written."""
    for name in _HEADERS:
        if name in archive.namelist():
            try:
                value = json.loads(_bytes(archive, archive.getinfo(name)))
            except (*_BROKEN, ValueError) as error:
                raise files.Damaged(f"{path}: {name} in it cannot be read ({error})") from None
            if isinstance(value, dict):
                return value
    raise files.Refusal(f"{path}: no {_HEADERS[0]} in it; is it an Inspect log?")


def _summaries(archive: zipfile.ZipFile) -> dict:
    """What a log says of all its samples in short, for its totals; nothing where it does not."""
    if _SUMMARIES not in archive.namelist():
        return {}
    try:
        summaries = json.loads(_bytes(archive, archive.getinfo(_SUMMARIES)))
    except (*_BROKEN, ValueError, RecursionError, files.Refusal):
        return {}
    return {"summaries": summaries} if summaries else {}


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, no more than it says it has, and not without end."""
    if info.file_size > _LARGEST:
        raise files.Refusal(f"{info.filename} in the archive has {info.file_size >> 20} MB")
    if info.compress_type == _ZSTANDARD:
        return _zstandard(archive, info)
    with archive.open(info) as file:
        return file.read(_LARGEST)


def _zstandard(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member that is packed with Zstandard."""
    import zstandard

    if info.flag_bits & 1:
        raise RuntimeError(f"File {info.filename!r} is encrypted")
    archive.fp.seek(info.header_offset)
    local = archive.fp.read(_LOCAL)
    archive.fp.seek(sum(struct.unpack_from("<HH", local, _LOCAL - 4)), 1)
    packed = archive.fp.read(info.compress_size)
    try:
        with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as file:
            data = file.read(info.file_size)
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from None
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
    return data

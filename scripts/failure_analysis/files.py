"""Reading: bytes, streams of lines, JSON; what is packed is unpacked, and what cannot be read is
refused with its reason."""

import gzip
import hashlib
import io
import json
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

from failure_analysis import remote

COMPRESSED = (".gz", ".zst")
# Of one line and of one document, in bytes: parsed, they take several times as much memory.
LARGEST = 1 << 29
_PIECE = 1 << 20
# What unpacks to more than this many times its size, and to more than that many bytes, was made to
# fill a disk: logs of runs unpack to 5 to 50 times their size, endless repetition to 1000.
_MOST_TIMES, _ANY_TIMES = 1000, 1 << 26


class Refusal(Exception):
    """An expected error: its text says what, where (file:line) and what to do."""


class Damaged(Refusal):
    """A file that cannot be read to its end: half written, or damaged."""


def bare_name(path: Path) -> str:
    """The file name without .gz or .zst: what its content is called."""
    return path.stem if path.suffix in COMPRESSED else path.name


def no_pipe(path: Path) -> Path:
    """The path; refuses a pipe or a device, which would be waited for, perhaps for ever."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise Refusal(f"{path}: a pipe or a device; put what it gives into a file")
    return path


def opened(path: Path, buffer: int = 1 << 18) -> IO[bytes]:
    """Opens a file for reading its bytes as they are, on this machine or at an address."""
    return remote.opened(path) or open(no_pipe(path), "rb", buffering=buffer)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file as they are."""
    with opened(path) as file:
        return file.read()


def read_text(path: Path, todo: str = "save it as UTF-8") -> str:
    """The text of a file, whatever ends its lines; refuses what is not UTF-8."""
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{path}:{line}: not UTF-8; {todo}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_bytes(path: Path) -> IO[bytes]:
    """Opens a file for reading bytes, unpacked when its name ends in .gz or .zst."""
    is_packed = path.suffix in COMPRESSED
    file = opened(path, 1 << 14 if is_packed else 1 << 18)
    _watched(path, file)
    return io.BufferedReader(_Measured(file, path), 1 << 20) if is_packed else file


# Told of each file that is opened, while a progress bar watches how far it is read.
watchers: list[Callable[[Path, Any], None]] = []


def _watched(path: Path, file: Any) -> None:
    for watcher in watchers:
        watcher(path, file)


def most_unpacked(packed: int) -> int:
    """How many bytes a file of so many bytes may unpack to."""
    return max(_ANY_TIMES, _MOST_TIMES * packed)


class _Measured(io.RawIOBase):
    """The unpacked bytes of a file, no more of them than it may have."""

    def __init__(self, packed: IO[bytes], path: Path) -> None:
        self._unpacked = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else \
            _Zstandard(packed)
        self._packed, self._path = packed, path
        self._left = most_unpacked(path.stat().st_size)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer with the next unpacked bytes; 0 at the end."""
        taken = self._unpacked.readinto(buffer)
        self._left -= taken
        if self._left < 0:
            raise Refusal(f"{self._path}: unpacks to more than {_MOST_TIMES} times its size; if "
                          "you trust it, unpack it and name the unpacked file")
        return taken

    def close(self) -> None:
        """Closes the files below."""
        self._unpacked.close()
        self._packed.close()
        super().close()


class _Zstandard(io.RawIOBase):
    """The unpacked bytes of a .zst file. The package's own reader takes a file that was cut off
    for one that has ended; this one raises EOFError."""

    def __init__(self, packed: IO[bytes]) -> None:
        import zstandard

        self._unpacker = zstandard.ZstdDecompressor
        self._file = packed
        self._frame, self._rest, self._ready = None, b"", memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer with the next unpacked bytes; 0 at the end."""
        while not self._ready:
            # 1 kB may unpack to 32 MB: what a hostile file can make us hold.
            packed = self._rest or self._file.read(1 << 10)
            if not packed:
                if self._frame is not None:
                    raise EOFError("the file ends inside a frame")
                return 0
            self._frame = self._frame or self._unpacker().decompressobj()
            self._ready, self._rest = memoryview(self._frame.decompress(packed)), b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        taken = self._ready[:len(buffer)]
        self._ready = self._ready[len(taken):]
        buffer[:len(taken)] = taken
        return len(taken)


def unpacking_errors() -> tuple[type[BaseException], ...]:
    """The exceptions that a damaged .gz or .zst file raises while it is read."""
    zstandard = sys.modules.get("zstandard")
    more = (zstandard.ZstdError,) if zstandard else ()
    return (gzip.BadGzipFile, EOFError, zlib.error, *more)


def read_json(path: Path) -> Any:
    """The whole JSON document in a file (.gz and .zst unpacked); refuses with the reason."""
    try:
        data = whole(path)
    except unpacking_errors() as error:
        raise Damaged(f"{path}: damaged or cut off while unpacking ({error})") from None
    return json_of(path, data)


def whole(path: Path) -> bytes:
    """All bytes of a file, unpacked; refuses one that is too large to be held at once."""
    pieces, size = [], 0
    with open_bytes(path) as file:
        while piece := file.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise Refusal(f"{path}: a document of more than {LARGEST >> 20} MB; write it as "
                              "JSONL, one record on a line: jq -c '.[]' FILE > NEW_FILE")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def lossy_text(path: Path) -> str:
    """The text of a log (.gz and .zst unpacked), without the blanks at its end, whatever bytes a
    program has printed into it; refuses with the reason."""
    try:
        return whole(path).decode("utf-8", "replace").rstrip()
    except unpacking_errors() as error:
        raise Damaged(f"{path}: damaged or cut off while unpacking ({error})") from None


def json_of(path: Path, data: bytes) -> Any:
    """The whole JSON document in the bytes of a file; refuses with the reason."""
    try:
        return json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: not valid JSON ({error})") from None


class JsonLine(NamedTuple):
    """A line of a JSONL file: the value that it spells, or the reason why it spells none. `nulled`
    when null stands in it for a NaN or an infinity, which JSON cannot carry."""

    number: int
    raw: bytes
    value: Any
    reason: str = ""
    nulled: bool = False


class Part(NamedTuple):
    """Whole lines of a file: the bytes from `start` to `end`, and the number of the first line."""

    start: int
    end: int
    line: int


def parts(path: Path, size: int) -> tuple[list[Part], str]:
    """(a file of lines in parts of at least `size` bytes, the hex digest of all of it)"""
    digest, found, start, line = hashlib.sha256(), [], 0, 1
    with opened(path) as file:
        while piece := file.read(size):
            lines = piece.count(b"\n")
            digest.update(piece)
            while not piece.endswith(b"\n") and (piece := file.readline(_PIECE)):
                digest.update(piece)
                lines += piece.endswith(b"\n")
            found.append(Part(start, start := file.tell(), line))
            line += lines
    return found, digest.hexdigest()


class _Limited(io.RawIOBase):
    """The bytes of a part of a file."""

    def __init__(self, path: Path, part: Part) -> None:
        self._file, self._left = opened(path), part.end - part.start
        self._file.seek(part.start)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer with the next bytes; 0 at the end."""
        taken = self._file.readinto(memoryview(buffer)[:self._left])
        self._left -= taken
        return taken

    def close(self) -> None:
        """Closes the file below."""
        self._file.close()
        super().close()


def json_lines(path: Path, part: Part | None = None) -> Iterator[JsonLine]:
    """The lines of a JSONL file (.gz and .zst unpacked), or of a part of it, that are not blank; a
    file that cannot be unpacked to its end closes with one that has no bytes, and the reason.

    msgspec is three times as fast as the standard library and reads the same values; what it
    refuses (lone surrogates, NaN, broken JSON) the standard library decides."""
    decode, refusals = _fast_decoder()
    number = part.line - 1 if part else 0
    try:
        with io.BufferedReader(_Limited(path, part), 1 << 18) if part else open_bytes(path) as file:
            while raw := file.readline(_PIECE):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if len(raw) == _PIECE and not raw.endswith(b"\n"):
                    raw, size = _long_line(file, raw)
                    if size > LARGEST:
                        yield JsonLine(number, raw[:_PIECE], None, f"a line of {size >> 20} MB, "
                                       f"more than {LARGEST >> 20}; here is its beginning")
                        continue
                if raw.isspace():
                    number += _blank_lines(file)
                    continue
                try:
                    line = JsonLine(number, raw, decode(raw))
                except refusals:
                    line = decided(number, raw)
                yield line
    except unpacking_errors() as error:
        yield JsonLine(number + 1, b"", None,
                       f"the compressed file is damaged or cut off here ({error})")


def _long_line(file: IO[bytes], begun: bytes) -> tuple[bytes, int]:
    """(a line that begins so, its length without the blanks before it). Of those, and of what goes
    beyond the largest line, nothing is held."""
    pieces = [begun.lstrip()]
    size = len(pieces[0])
    while piece := file.readline(_PIECE):
        held = piece if size else piece.lstrip()
        size += len(held)
        if size <= LARGEST:
            pieces.append(held)
        if piece.endswith(b"\n"):
            break
    return b"".join(pieces) or b"\n", size


def _blank_lines(file: IO[bytes]) -> int:
    """Passes over the blank lines that come next, block by block; returns how many."""
    count = 0
    while block := file.peek():
        end = block.rfind(b"\n", 0, len(block) - len(block.lstrip())) + 1
        if not end:
            break
        count += block.count(b"\n", 0, end)
        file.read(end)
    return count


@lru_cache(1)
def _fast_decoder() -> tuple[Callable[[bytes], Any], tuple[type[Exception], ...]]:
    """(decoder, what it raises); loaded when the first line is read, not by every --help."""
    import msgspec

    return msgspec.json.Decoder().decode, (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decided(number: int, raw: bytes) -> JsonLine:
    """What the standard library makes of a line."""
    nulled: list[str] = []
    try:
        value = json.JSONDecoder(parse_constant=nulled.append,
                                 parse_float=lambda text: _finite(text, nulled)
                                 ).decode(raw.decode())
    except RecursionError:
        return JsonLine(number, raw, None, "nested too deeply")
    except UnicodeDecodeError as error:
        return JsonLine(number, raw, None, f"not UTF-8 at byte {error.start} of the line")
    except ValueError as error:
        cut = "" if raw.endswith(b"\n") else "; the file's last line is cut off"
        return JsonLine(number, raw, None, f"not valid JSON: {error}{cut}")
    return JsonLine(number, raw, value, "", bool(nulled))


def _finite(text: str, nulled: list[str]) -> float | None:
    """A number of JSON; 1e999, which is beyond every float, is null as infinity is."""
    number = float(text)
    return number if math.isfinite(number) else nulled.append(text)


def json_document(path: Path) -> JsonLine:
    """The whole JSON document in a file (.gz and .zst unpacked) as its only line, with its bytes;
    refuses with the reason. The standard library decides what msgspec refuses, as for lines."""
    decode, refusals = _fast_decoder()
    nulled: list[str] = []
    try:
        raw = whole(path).removeprefix(b"\xef\xbb\xbf")
        try:
            value = decode(raw)
        except refusals:
            value = json.loads(raw, parse_constant=nulled.append,
                               parse_float=lambda text: _finite(text, nulled))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: not valid JSON ({error})") from None
    except unpacking_errors() as error:
        raise Damaged(f"{path}: damaged or cut off while unpacking ({error})") from None
    return JsonLine(1, raw, value, "", bool(nulled))


def needed(path: Path, script: str) -> Path:
    """The path of one of our files; refuses where it is not there, with the script that makes
    it."""
    if not path.exists():
        raise Refusal(f"{path}: a link that leads nowhere; remove it and run {script}"
                      if path.is_symlink() else f"{path}: not there; run {script} first")
    return path


def sha256(path: Path) -> str:
    """The hex digest of the bytes on disk (not unpacked)."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Reading and writing: streams of lines, atomic files, safe CSV cells. No other module opens files
for writing."""

import atexit
import contextlib
import csv
import errno
import gzip
import hashlib
import io
import json
import math
import os
import re
import secrets
import signal
import sys
import time
import unicodedata
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

try:
    import fcntl
except ImportError:  # Windows: there nothing is held, and what runs alone is as safe
    fcntl = None

COMPRESSED = (".gz", ".zst")
# Of one line and of one document, in bytes: parsed, they take several times as much memory.
LARGEST = 1 << 29
_PIECE = 1 << 20
# What unpacks to more than this many times its size, and to more than that many bytes, was made to
# fill a disk: logs of runs unpack to 5 to 50 times their size, endless repetition to 1000.
_MOST_TIMES, _ANY_TIMES = 1000, 1 << 26
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")
_LEFT_OVER = 60  # seconds since a temporary file was written; a new one may not be locked yet
# A spreadsheet reads a cell that starts so as a formula. The apostrophe is in the list to make the
# guard reversible: every guarded cell gains exactly one, and `unguard` takes exactly one away.
GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001
_QUOTE, _DOUBLED = '"', '""'
# Terminal controls, the marks that make a text read as another one, and what nobody sees (variation
# selectors, joiners, fillers and tag characters, in which whole sentences can be hidden).
HIDDEN = ("\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
          "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
          "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff")
_HIDDEN = re.compile(f"[{HIDDEN}]+")
_PLAIN, _SHORT = bytes([9, 10, *range(32, 127)]), 200  # of ASCII, what is not hidden
_MOST_HIDDEN = 16  # of a run of such characters so many are spelled out, the others are counted


class Refusal(Exception):
    """An expected error: its text says what, where (file:line) and what to do."""


class Damaged(Refusal):
    """A file that cannot be read to its end: half written, or damaged."""


def visible(text: str) -> str:
    """The text with control characters, direction marks, lone surrogates and whatever else nobody
    sees spelled out, so that it can stand in a terminal or a Markdown file; tabs and line feeds
    stay. Of many such characters in a row the first are spelled out, and all are counted."""
    return _HIDDEN.sub(_spelled, text) if _hides(text) else text


def _hides(text: str) -> bool:
    """Whether a text has hidden characters. Each way is the fastest one, for a short plain text,
    for a long one in ASCII, and for what remains of any other when plain ASCII is taken out."""
    if len(text) < _SHORT and text.isascii() and text.isprintable():
        return False
    others = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
    return bool(others) and \
        _HIDDEN.search(others.decode("utf-8", "surrogatepass")) is not None


def _spelled(match: re.Match) -> str:
    """Hidden characters spelled out, as Python spells them."""
    run = match[0]
    shown = "".join(f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
                    if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
                    for char in run[:_MOST_HIDDEN])
    return shown if len(run) <= _MOST_HIDDEN else f"{shown}…({len(run)} hidden characters)"


def visible_json(text: str) -> str:
    """As `visible`, for JSON that must stay it: every such character as JSON escapes it."""
    return text if not _hides(text) else _HIDDEN.sub(
        lambda run: "".join(f"\\u{unit:04x}" for unit in array(
            "H", run[0].encode("utf-16", "surrogatepass")[2:])), text)


@lru_cache(1 << 13)
def clean_name(text: str) -> str:
    """A name from a run as every file of ours has it: one visible line without white space at its
    ends. A name that had to be changed gains a mark, so that names stay apart."""
    if text.isascii() and text.isprintable() and text == text.strip() and "  " not in text and text:
        return text
    plain = " ".join(visible(text).split())
    return plain if plain == text and text else f"{plain}~{mark(text)}"


def bare_name(path: Path) -> str:
    """The file name without .gz or .zst: what its content is called."""
    return path.stem if path.suffix in COMPRESSED else path.name


def safe_name(name: str) -> str:
    """A name from a run as the name of one file or folder, on every system: at most 100 bytes."""
    plain = encoded(re.sub(r"[^\w.-]+", "_", name).strip("._"))
    return plain[:100].decode(errors="ignore") or "unnamed"


def folded(name: str) -> str:
    """What two names have in common when they are one name on some file system: neither case nor
    the way accents are written tells them apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def mark(text: str) -> str:
    """Eight characters made from a text, to tell equal names apart."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def no_pipe(path: Path) -> Path:
    """The path; refuses a pipe or a device, which would be waited for, perhaps for ever."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise Refusal(f"{path}: a pipe or a device; put what it gives into a file")
    return path


def read_bytes(path: Path) -> bytes:
    """The bytes of a file as they are."""
    return no_pipe(path).read_bytes()


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
    no_pipe(path)
    if path.suffix in COMPRESSED:
        unpacked = gzip.GzipFile if path.suffix == ".gz" else _Zstandard
        return io.BufferedReader(_Measured(unpacked(path), path), 1 << 20)
    return open(path, "rb", buffering=1 << 18)


def most_unpacked(packed: int) -> int:
    """How many bytes a file of so many bytes may unpack to."""
    return max(_ANY_TIMES, _MOST_TIMES * packed)


class _Measured(io.RawIOBase):
    """The unpacked bytes of a file, no more of them than it may have."""

    def __init__(self, unpacked: IO[bytes], path: Path) -> None:
        self._unpacked, self._path = unpacked, path
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
        """Closes the file below."""
        self._unpacked.close()
        super().close()


class _Zstandard(io.RawIOBase):
    """The unpacked bytes of a .zst file. The package's own reader takes a file that was cut off
    for one that has ended; this one raises EOFError."""

    def __init__(self, path: Path) -> None:
        import zstandard

        self._unpacker = zstandard.ZstdDecompressor
        self._file = open(path, "rb")  # noqa: SIM115 (closed by close)
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

    def close(self) -> None:
        """Closes the file below."""
        self._file.close()
        super().close()


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


def json_lines(path: Path) -> Iterator[JsonLine]:
    """The lines of a JSONL file (.gz and .zst unpacked) that are not blank; a file that cannot be
    unpacked to its end closes with one that has no bytes, and the reason.

    msgspec is three times as fast as the standard library and reads the same values; what it
    refuses (lone surrogates, NaN, broken JSON) the standard library decides."""
    decode, refusals = _fast_decoder()
    number = 0
    try:
        with open_bytes(path) as file:
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
    with open(no_pipe(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_leading_out(path: Path) -> None:
    """Refuses a link that leads out of its folder: what is written through it is elsewhere."""
    target = Path(os.path.realpath(path))  # resolve() raises where a link leads to itself
    if path.is_symlink() and not target.is_relative_to(os.path.realpath(path.parent)):
        raise Refusal(f"{path}: is a link to {target}, outside its folder; put the file itself "
                      "there")


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when the block ends without an error."""
    with atomic_together([path]) as (file,):
        yield file


@contextmanager
def atomic_together(paths: Iterable[Path]) -> Iterator[list[IO[bytes]]]:
    """Binary files that appear under their names together, when the block ends without an error and
    all of them are written to their ends."""
    opened: list[tuple[_Output, Path]] = []
    try:
        with ExitStack() as stack:
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                _sweep(path.parent)
                opened.append((_Output(path), path))
                stack.callback(opened[-1][0].close)
            buffers = [io.BufferedWriter(raw, 1 << 16) for raw, _ in opened]
            yield buffers
            for buffer in buffers:
                buffer.flush()
            for raw, path in opened:
                os.replace(raw.temporary, path)
    finally:
        for raw, _ in opened:
            with contextlib.suppress(OSError):
                raw.temporary.unlink(missing_ok=True)


class _Output(io.FileIO):
    """A file with a temporary name, locked while it is written, whose errors name the file that it
    will be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.with_name(
            f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            super().__init__(self.temporary, "wb")
        except OSError as error:
            raise self._named(error) from None
        _try_lock(self.fileno())

    def write(self, data: Any) -> int:
        """Writes what it can of the bytes."""
        try:
            return super().write(data)
        except OSError as error:
            raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, str(self.path))


def _try_lock(descriptor: int) -> bool:
    """Locks an open file or folder until it is closed; False when another process has it. Where
    nothing can be locked, nobody has it."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


@lru_cache(256)
def _sweep(folder: Path) -> None:
    """Removes the temporary files that processes left in a folder when they were killed; once in a
    process. Those that are being written are locked, or new."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if fcntl is None or not _TEMPORARY.fullmatch(entry.name) or \
                    not entry.is_file(follow_symlinks=False) or \
                    time.time() - entry.stat().st_mtime < _LEFT_OVER:
                continue
            descriptor = os.open(entry.path, os.O_RDONLY)
            try:
                if _try_lock(descriptor):
                    os.unlink(entry.path)
            finally:
                os.close(descriptor)


_held: set[Path] = set()


@contextmanager
def alone(folder: Path, waiting: Callable[[], Any] = lambda: None) -> Iterator[None]:
    """Lets one process at a time into a folder, for what reads a file and writes it anew; calls
    `waiting` when there is one in it. Within the block, and after `hold`, it is there already."""
    place = folder.resolve()
    if fcntl is None or place in _held or not place.is_dir():
        yield
        return
    descriptor = os.open(place, os.O_RDONLY)
    try:
        if not _try_lock(descriptor):
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _held.add(place)
        yield
    finally:
        _held.discard(place)
        os.close(descriptor)


@contextmanager
def where_writable(path: Path, lost: str = "") -> Iterator[None]:
    """For what is printed as well: where it may not be written, says so on stderr and goes on;
    `lost` is what follows from that."""
    try:
        yield
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        print(visible(f"{path}: not written ({error.strerror}){lost}"), file=sys.stderr)


_until_the_end = ExitStack()
atexit.register(_until_the_end.close)  # while the module is whole


def hold(folder: Path) -> None:
    """Keeps other processes that write into a folder waiting until this one ends."""
    _until_the_end.enter_context(alone(folder, lambda: print(
        f"{visible(str(folder))}: another process is writing in it; waiting until it has ended",
        file=sys.stderr, flush=True)))


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[IO[bytes]]:
    """A file open for reading and appending, that no other process has open in this way; made when
    it is not there. A last line that a crash cut off is dropped: nobody was told that it is
    there; one that is whole, but lacks its line feed, gets it. What was written is on the disk
    when the block ends. Without `wait` a file that another process has open is refused."""
    from filelock import FileLock, Timeout

    refuse_leading_out(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    no_pipe(path)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise Refusal(f"{path}: another process is writing it; wait until that one has ended"
                      ) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    with lock, open(path, "a+b") as file:
        lock.release()  # of two acquisitions, the block holds the other
        _mend(path, file)
        file.flush()
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in FULL:
                raise
            os.ftruncate(file.fileno(), size)  # all of it or nothing
            file.raw.close()
            raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Holds a Ctrl-C back until this ends; processes that begin meanwhile never see one, so that
    those that write for us end with us, and not in the midst of a file."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _mend(path: Path, file: IO[bytes]) -> None:
    """Ends the file with a whole line."""
    end = _end_of_lines(file)
    file.seek(end)
    tail = file.read()
    if is_cut_off(path, tail):
        file.truncate(end)
    elif tail:
        file.write(b"\n")


def is_cut_off(path: Path, tail: bytes) -> bool:
    """Whether what follows the last line feed of a file of JSON lines is what a crash left of one:
    not whole JSON. Refuses what holds a whole object and more, which no crash leaves: lines that
    lost their line feeds would be dropped with it."""
    text = tail.decode("utf-8", "replace").strip()
    try:
        end = json.JSONDecoder().raw_decode(text)[1] if text else 0
    except (ValueError, RecursionError):
        return True
    if end < len(text):
        raise Refusal(f"{path}: its last line holds more than one record; put each on a line of "
                      "its own")
    return False


def _end_of_lines(file: IO[bytes]) -> int:
    """The size of the file up to and with its last line feed."""
    start = file.seek(0, os.SEEK_END)
    while start:
        start = max(0, start - (1 << 16))
        file.seek(start)
        place = file.read(1 << 16).rfind(b"\n")
        if place >= 0:
            return start + place + 1
    return 0


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 with line feeds, at once; lone surrogates become U+FFFD."""
    with atomic(path) as file:
        file.write(encoded(text))


def write_json(path: Path, value: Any) -> None:
    """Writes an indented JSON document, piece by piece; NaN and infinities are errors, they are no
    JSON."""
    with atomic(path) as file:
        for piece in json.JSONEncoder(indent=1, allow_nan=False).iterencode(value):
            file.write(piece.encode())
        file.write(b"\n")


class Records(list):
    """Tuples that `write_json` writes as objects with these names: thousands of small dicts need
    never exist at once."""

    def __init__(self, names: tuple[str, ...], rows: Iterable[tuple] = ()) -> None:
        super().__init__(rows)
        self.names = names

    def __iter__(self) -> Iterator[dict]:
        """The rows as objects, without their nulls."""
        for row in super().__iter__():
            yield {name: value for name, value in zip(self.names, row, strict=True)
                   if value is not None}


def csv_cell(value: Any) -> str:
    """One CSV cell: null is empty, nested values are JSON, text is visible and guarded against
    formulas."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = visible(value)
        text = "'" + text if text.startswith(GUARDED) else text
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | float):
        return repr(value)
    else:
        text = visible_json(json.dumps(value, ensure_ascii=False))
    if '"' in text or "," in text or "\n" in text:  # faster than any pattern
        return f'"{text.replace(_QUOTE, _DOUBLED)}"'
    return text


def csv_line(values: Iterable[Any]) -> bytes:
    """One CSV record with CRLF."""
    return encoded(",".join(["" if value is None else csv_cell(value) for value in values])
                   + "\r\n")


def encoded(text: str) -> bytes:
    """UTF-8; lone surrogates, which UTF-8 cannot carry, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def unguard(cell: str) -> str:
    """The value that `csv_cell` was given (made visible), for a cell as a CSV reader returns it."""
    return cell[1:] if cell.startswith("'") else cell


def csv_cells(path: Path, names: Sequence[str], script: str,
              wrong: Callable[[list[str]], str] | None = None) -> Iterator[list[str]]:
    """These columns (none: all) of one of our CSV files, line by line, guards taken off; refuses
    a damaged file with the line and the script that makes it anew. `wrong` says what is wrong with
    the cells of a line, if anything is."""
    csv.field_size_limit(1 << 31)
    number = 1
    try:
        with io.TextIOWrapper(open_bytes(path), "utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            missing = [name for name in names if name not in header]
            if missing:
                raise ValueError(f"no column {missing[0]}")
            places = [header.index(name) for name in names or header]
            for number, line in enumerate(lines, 2):  # noqa: B007 (used below the loop)
                if len(line) != len(header):
                    raise ValueError(f"{len(line)} cells, the header has {len(header)}")
                cells = [cell[1:] if cell[:1] == "'" else cell
                         for cell in map(line.__getitem__, places)]
                if wrong and (reason := wrong(cells)):
                    raise ValueError(reason)
                yield cells
    except (ValueError, csv.Error) as error:
        raise Refusal(f"{path}:{number}: {error}; run {script} again") from None


def read_csv(path: Path, needed: Iterable[str] = (), script: str = "build_packet.py"
             ) -> Iterator[dict[str, str]]:
    """The records of one of our CSV files as text, guards taken off; refuses a damaged one, and
    one that lacks a column."""
    with io.TextIOWrapper(open_bytes(path), "utf-8", "replace", newline="") as file:
        header = next(csv.reader(file), [])
    names = list(dict.fromkeys([*header, *needed]))
    for cells in csv_cells(path, names, script):
        yield dict(zip(names, cells, strict=True))

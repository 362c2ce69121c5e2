"""Writing: files that appear whole or not at all, folders and files that one process has at a time.
No other module opens files for writing."""

import atexit
import contextlib
import errno
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from failure_analysis import clean, files

try:
    import fcntl
except ImportError:  # Windows: there nothing is held, and what runs alone is as safe
    fcntl = None

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_PLAIN, _AT_ONCE = frozenset((str, int, float, bool, type(None))), 10_000
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")
_PLAIN_FIGURE = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None},
                 ".pdf": {"CreationDate": None, "Creator": None, "Producer": None}}


def refuse_leading_out(path: Path) -> None:
    """Refuses a link that leads out of its folder: what is written through it is elsewhere."""
    target = Path(os.path.realpath(path))  # resolve() raises where a link leads to itself
    if path.is_symlink() and not target.is_relative_to(os.path.realpath(path.parent)):
        raise files.Refusal(f"{path}: is a link to {target}, outside its folder; put the file "
                            "itself there")


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
        self._begin()
        # Before it was locked, another process may have taken it for one that was left.
        while not (_try_lock(self.fileno()) and self.temporary.exists()):
            self.close()
            self._begin()

    def _begin(self) -> None:
        self.temporary = self.path.with_name(
            f".{self.path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        try:
            super().__init__(self.temporary, "wb")
        except OSError as error:
            raise self._named(error) from None

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
    process. Those that are being written are locked; where nothing can be locked, all stay."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if fcntl is not None and _TEMPORARY.fullmatch(entry.name) and \
                    entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError), open(entry.path, "r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)


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
        print(clean.visible(f"{path}: not written ({error.strerror}){lost}"), file=sys.stderr)


_until_the_end = ExitStack()
atexit.register(_until_the_end.close)  # while the module is whole


def hold(folder: Path) -> None:
    """Keeps other processes that write into a folder waiting until this one ends."""
    _until_the_end.enter_context(alone(folder, lambda: print(
        f"{clean.visible(str(folder))}: another process is writing in it; waiting until it has "
        "ended", file=sys.stderr, flush=True)))


@contextmanager
def locked(path: Path, wait: bool = True, by_line: bool = False) -> Iterator[IO[bytes]]:
    """A file open for reading and appending, that no other process has open in this way; made when
    it is not there. A last line that a crash cut off is dropped: nobody was told that it is
    there; one that is whole, but lacks its line feed, gets it. What was written is on the disk
    when the block ends. Without `wait` a file that another process has open is refused. Where it
    does not fit on the disk, nothing of it stays; `by_line` what was flushed in whole lines."""
    from filelock import FileLock, Timeout

    refuse_leading_out(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.no_pipe(path)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise files.Refusal(f"{path}: another process is writing it; wait until that one has ended"
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
            if error.errno not in FULL or error.filename not in (None, str(path)):
                raise
            os.ftruncate(file.fileno(), max(size, _whole_lines(path)) if by_line else size)
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


def appended(path: Path, text: bytes, shape: type, bad: str, todo: str) -> list:
    """The records of a file of JSON lines to which is only ever appended. A line that a crash cut
    off at the very end was never acknowledged and does not count; any other one that has not this
    shape is refused with its number, as what it is not (`bad`) and what is to be done."""
    import msgspec

    decode = msgspec.json.Decoder(shape).decode
    records = []
    *lines, tail = text.split(b"\n")
    for number, line in enumerate([*lines, tail], 1):
        try:
            if line.strip():
                records.append(decode(line))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            if number > len(lines) and is_cut_off(path, line):
                break
            raise files.Refusal(f"{path}:{number}: {bad} ({error}); {todo}") from None
    return records


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
        raise files.Refusal(f"{path}: its last line holds more than one record; put each on a "
                            "line of its own")
    return False


def _whole_lines(path: Path) -> int:
    """The size of what is on the disk of a file up to and with its last line feed."""
    with open(path, "rb") as file:
        return _end_of_lines(file)


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
        file.write(clean.encoded(text))


def write_json(path: Path, value: Any) -> None:
    """Writes an indented JSON document, piece by piece; NaN and infinities are errors, they are no
    JSON."""
    with atomic(path) as file:
        for piece in _pieces(value, "\n"):
            file.write(piece.encode())
        file.write(b"\n")


def _pieces(value: Any, end: str) -> Iterator[str]:
    """The pieces of a document as `json` indents it; `end` is the line feed and the indent of where
    it stands. Long lists of plain values, which are most of large ones, are written at once."""
    inner = f"{end} "
    if type(value) is list and value and _PLAIN.issuperset(map(type, value)):
        for start in range(0, len(value), _AT_ONCE):
            text = json.dumps(value[start:start + _AT_ONCE], separators=(f",{inner}", ""),
                              allow_nan=False)
            yield f"{',' if start else '['}{inner}{text[1:-1]}"
        yield f"{end}]"
    elif type(value) is dict and value and all(type(key) is str for key in value):
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{json.dumps(key)}: "
            yield from _pieces(item, inner)
        yield f"{end}}}"
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{inner}"
            yield from _pieces(item, inner)
        yield f"{end}]"
    else:
        yield json.dumps(value, indent=1, allow_nan=False).replace("\n", end)


def write_large_json(path: Path, value: Any) -> None:
    """As `write_json`, the same bytes in a fifth of the time, with all of the text in memory; of
    dicts and lists alone."""
    import msgspec

    try:
        text = msgspec.json.format(json.dumps(value, allow_nan=False).encode(), indent=1)
    except msgspec.DecodeError:  # half a surrogate pair, of which it makes no text
        return write_json(path, value)
    with atomic(path) as file:
        file.write(text + b"\n")


def write_figure(path: Path, figure: Any) -> None:
    """Writes a matplotlib figure in the format that the file's name asks for, without times and
    versions in it. It is drawn in memory: who is killed while it is drawn leaves no file begun."""
    kind, drawn = path.suffix.lower(), io.BytesIO()
    figure.savefig(drawn, format=kind.removeprefix("."), metadata=_PLAIN_FIGURE[kind])
    with atomic(path) as file:
        file.write(drawn.getvalue())


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

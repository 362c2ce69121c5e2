"""The sources of a packet, read by whatever engine: in this process straight into the streams, else
in parts (a source, or a range of the lines of a long one) whose bytes are put together in order.
The streams are the same, byte for byte."""

import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple

from failure_analysis import files, remote, steps
from failure_analysis.packet.one_source import Outputs, read_source
from failure_analysis.packet.tally import SourceTally
from failure_analysis.records import Source
from failure_analysis.spread import Engine, spread

RANGE = 16 << 20  # bytes of a long file that are read at a time
_PAYS = 24 << 20  # bytes of runs from which on several processes are faster than one
_AT_ONCE = 4 << 20  # of short sources, that one process reads at a time

Read = tuple[SourceTally, dict[Path, str]]  # of one source, and the hashes of its files


class _How(NamedTuple):
    """How parts are read: with the keys that gradings are joined on or not, the folder for what
    they give (None: it travels as bytes, from machines that share no disk), and the addresses that
    the inputs come from."""

    keyed: bool
    folder: str | None
    addresses: tuple[str, ...]


class _Piece(NamedTuple):
    """Sources, or a part of one, that are read at a time: its number, and whether the files are
    hashed on the way."""

    number: int
    sources: list[Source]
    hashed: bool = True


class _Part(NamedTuple):
    """What a piece gave: of each source its counts and hashes, and the bytes of the streams, or the
    files that hold them."""

    read: list[Read]
    streams: list[bytes] | list[Path]


def tallies(sources: Sequence[Source], keyed: bool, outputs: Outputs, engine: Engine
            ) -> Iterator[Read]:
    """The counts of each source and the hashes of its files, in their order, while the streams are
    written; refuses paths that workers of another machine cannot follow."""
    if engine.scheduler and not sources[0].path.is_absolute():
        raise files.Refusal(f"{sources[0].path}: workers start in folders of their own; name the "
                            "inputs by absolute paths, or addresses")
    size = sum(map(_size, sources))
    if engine.scheduler is None and (engine.here < 2 or not engine.jobs and size < _PAYS):
        for source in sources:
            yield read_source(source, keyed, outputs), _hashes(source)
        return
    with tempfile.TemporaryDirectory(prefix="packet-") as folder:
        how = _How(keyed, None if engine.scheduler is not None else folder, remote.given())
        for is_long, group in groupby(sources, key=_is_long):
            if not is_long:
                yield from _whole(group, how, outputs, engine)
            else:
                for source in group:
                    yield _in_ranges(source, how, outputs, engine)


def _size(source: Source) -> int:
    return sum(path.stat().st_size for path in source.files)


def _is_long(source: Source) -> bool:
    """Whether the lines of a source's file can be read in ranges, and it pays."""
    return source.is_by_line and source.path.suffix not in files.COMPRESSED and \
        source.path.stat().st_size >= 2 * RANGE


def _whole(sources: Iterable[Source], how: _How, outputs: Outputs, engine: Engine
           ) -> Iterator[Read]:
    """Sources that are read as they are, short ones several at a time."""
    with closing(spread(_read, how, _pieces(sources), engine, _named)) as parts:
        for part in parts:
            _append(part.streams, outputs)
            yield from part.read


def _pieces(sources: Iterable[Source]) -> Iterator[_Piece]:
    number, some, size = 0, [], 0
    for source in sources:
        some.append(source)
        size += _size(source)
        if size >= _AT_ONCE:
            yield _Piece(number, some)
            number, some, size = number + 1, [], 0
    if some:
        yield _Piece(number, some)


def _in_ranges(source: Source, how: _How, outputs: Outputs, engine: Engine) -> Read:
    """One long source, in ranges of its lines. Which attempt at an item a row is depends on the
    rows before it: where an item comes again in a later range, the source is read as a whole."""
    (ranges, hash_), = spread(_survey, RANGE, [source.path], engine)
    pieces = [_Piece(number, [replace(source, part=part)], hashed=False)
              for number, part in enumerate(ranges)]
    starts = [stream.tell() for stream in outputs]
    total: SourceTally | None = None
    with closing(spread(_read, how, pieces, engine, _named)) as parts:
        for part in parts:
            (tally, _), = part.read
            if total is not None and total.shares_items(tally):
                break
            _append(part.streams, outputs)
            if total is None:
                total = tally
            else:
                total.add(tally)
        else:
            return total, {source.path: hash_}
    for stream, start in zip(outputs, starts, strict=True):
        stream.seek(start)
        stream.truncate()
    (read,) = _whole([source], how, outputs, engine)
    return read


def _survey(size: int, path: Path) -> tuple[list[files.Part], str]:
    """(the parts of a file of lines, each of about this size; its hash)"""
    return files.parts(path, size)


def _named(piece: _Piece) -> str:
    """What a piece is called when the process that read it died."""
    first, *more = piece.sources
    if first.part is not None:
        return f"{first.path} (bytes {first.part.start} to {first.part.end})"
    return f"{first.path} and {len(more)} more" if more else str(first.path)


def _read(how: _How, piece: _Piece) -> _Part:
    """Reads a piece, in a process or on a machine of its own."""
    for address in how.addresses:
        remote.laid_out(address)
    with ExitStack() as stack:
        made: list[IO[bytes]] = [io.BytesIO() if how.folder is None else stack.enter_context(
            open(Path(how.folder, f"{piece.number}.{name}"), "wb")) for name in steps.STREAMS]
        read = [(read_source(source, how.keyed, Outputs(*made)),
                 _hashes(source) if piece.hashed else {}) for source in piece.sources]
        return _Part(read, [one.getvalue() if how.folder is None else Path(one.name)
                            for one in made])


def _hashes(source: Source) -> dict[Path, str]:
    return {path: files.sha256(path) for path in source.files}


def _append(streams: list[bytes] | list[Path], outputs: Outputs) -> None:
    """Appends what a part gave to the streams."""
    for part, output in zip(streams, outputs, strict=True):
        if isinstance(part, bytes):
            output.write(part)
            continue
        with open(part, "rb") as file:
            shutil.copyfileobj(file, output, 1 << 20)
        part.unlink()

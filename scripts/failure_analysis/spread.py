"""Work on the pieces of a large whole, in several processes where there are several pieces."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_Work = Callable[[Any, Any], Any]
_shared: tuple[_Work, Any]  # in a process that works for us: what it does, and with what


def spread(work: _Work, common: Any, pieces: Sequence[Any]) -> Iterator[Any]:
    """`work(common, piece)` of each piece, in their order, whatever the number of processes."""
    jobs = min(os.cpu_count() or 1, len(pieces))
    if jobs < 2:
        yield from (work(common, piece) for piece in pieces)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(work, common)) as pool:
        yield from pool.map(_one, pieces)


def _begin(work: _Work, common: Any) -> None:
    # A Ctrl-C reaches every process of the terminal; workers that it ends can block the pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _shared
    _shared = work, common


def _one(piece: Any) -> Any:
    work, common = _shared
    return work(common, piece)

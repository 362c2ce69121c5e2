"""Work on the pieces of a large whole, always with the same results in the same order: here, in
several processes, or on the workers of a Dask cluster."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from failure_analysis import store
from failure_analysis.clean import visible
from failure_analysis.files import Refusal

_Work = Callable[[Any, Any], Any]
_AHEAD = 2  # pieces a worker that are on their way or wait for their turn: what bounds the memory


class Engine(NamedTuple):
    """Where work is done: in so many processes here, or on the workers of a Dask `scheduler`
    (blank: of a cluster that is started here; None: not with Dask)."""

    jobs: int = 0  # 0: as many as there are cores
    scheduler: str | None = None

    @property
    def here(self) -> int:
        """How many processes of this machine work."""
        return self.jobs or cores()


HERE = Engine()


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows do not say
        return os.cpu_count() or 1


def spread(work: _Work, common: Any, pieces: Iterable[Any], engine: Engine = HERE,
           named: Callable[[Any], str] = str) -> Iterator[Any]:
    """`work(common, piece)` of each piece, in their order, whatever the engine. A piece whose
    worker dies is worked on once more; refuses when that dies too, with what the piece is called.
    Pieces are taken as they are needed, and no more than a few are on their way."""
    if engine.scheduler is not None:
        from failure_analysis import cluster

        yield from cluster.spread(work, common, pieces, engine.scheduler, engine.here, named)
        return
    pieces = iter(pieces)
    first = list(islice(pieces, 2))
    if engine.here < 2 or len(first) < 2:
        yield from (work(common, piece) for piece in chain(first, pieces))
        return
    yield from _in_processes(work, common, chain(first, pieces), engine.here, named)


def _in_processes(work: _Work, common: Any, pieces: Iterator[Any], jobs: int,
                  named: Callable[[Any], str]) -> Iterator[Any]:
    from concurrent.futures.process import BrokenProcessPool

    waiting: deque = deque()
    pool = _pool(work, common, jobs)
    try:
        while True:
            for piece in islice(pieces, _AHEAD * jobs - len(waiting)):
                waiting.append((piece, _submitted(pool, piece)))
            if not waiting:
                return
            piece, future = waiting.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                print(f"a worker process died (killed, or out of memory?) at or near "
                      f"{visible(named(piece))}; it is worked on once more", file=sys.stderr)
                pool.shutdown(cancel_futures=True)  # waits: none writes where it is done again
                result = _alone(work, common, piece, named)
                pool = _pool(work, common, jobs)
                waiting = deque((piece, _submitted(pool, piece)) for piece, _ in waiting)
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(work: _Work, common: Any, piece: Any, named: Callable[[Any], str]) -> Any:
    """The result of a piece in a process that has no other; refuses when that dies."""
    from concurrent.futures.process import BrokenProcessPool

    with _pool(work, common, 1) as pool:
        try:
            return _submitted(pool, piece).result()
        except BrokenProcessPool:
            raise Refusal(f"{named(piece)}: the process that worked on it died twice (killed, or "
                          "out of memory?); fewer --jobs take less memory") from None


def _pool(work: _Work, common: Any, jobs: int) -> Any:
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(jobs, initializer=_begin, initargs=(work, common))


def _submitted(pool: Any, piece: Any) -> Any:
    with store.interrupt_held_back():  # processes begin here
        return pool.submit(_one, piece)


_shared: tuple[_Work, Any]  # in a process that works for us: what it does, and with what


def _begin(work: _Work, common: Any) -> None:
    # A Ctrl-C reaches every process of the terminal; workers that it ends can block the pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _shared
    _shared = work, common


def _one(piece: Any) -> Any:
    work, common = _shared
    return work(common, piece)

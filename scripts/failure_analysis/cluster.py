"""Work on the workers of a Dask cluster: pieces are sent out in their order, a few at a time, and
what comes back is taken in the same order."""

import atexit
import hashlib
import logging
import socket
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis.files import Refusal

_AHEAD = 3  # pieces a worker that are on their way or wait for their turn
_PATIENCE = 60  # seconds that a cluster may be without a worker
_MOST_FAILED = 3  # workers on which a piece is tried
_PACKAGE = Path(__file__).parent


class Failed(Exception):
    """A worker (its address, and why) could not do its work for a reason of its own, such as a disk
    that is full."""

    def __init__(self, worker: str, why: str) -> None:
        super().__init__(worker, why)
        self.worker, self.why = worker, why


class _Sent(NamedTuple):
    """What is done with a piece, and the name that is said when it cannot be done."""

    call: tuple
    name: str


def spread(work: Callable[[Any, Any], Any], common: Any, pieces: Iterable[Any], scheduler: str,
           jobs: int, named: Callable[[Any], str]) -> Iterator[Any]:
    """As `spread.spread`, on the cluster of a scheduler, or one of so many processes that is
    started here. A piece whose worker is lost or has failed is worked on by another one; refuses
    when no other can, or when the scheduler goes away."""
    client, version = _connected(scheduler, jobs)  # says what to install where it is not
    from distributed.client import CancelledError
    from distributed.comm import CommClosedError

    pieces, waiting = iter(pieces), deque()
    try:
        while True:
            room = _AHEAD * max(1, sum(client.nthreads().values())) - len(waiting)
            for piece in islice(pieces, max(0, room)):
                sent = _Sent((_one, work, common, piece, version), named(piece))
                waiting.append((sent, client.submit(*sent.call, pure=False)))
            if not waiting:
                return
            yield _result(client, *waiting.popleft())
    except (CommClosedError, CancelledError) as error:
        raise Refusal(f"{scheduler or 'the cluster'}: the scheduler went away "
                      f"({type(error).__name__}); nothing was written, run it again") from None
    finally:
        for _, future in waiting:
            future.release()


def _result(client: Any, sent: _Sent, future: Any) -> Any:
    """The result of a piece, from another worker where one fails; refuses when none can give it."""
    from distributed import KilledWorker

    failed: set[str] = set()
    while True:
        try:
            return future.result(timeout=_PATIENCE)
        except Failed as failure:
            failed.add(failure.worker)
            others = [worker for worker in client.nthreads() if worker not in failed]
            if not others or len(failed) > _MOST_FAILED:
                raise Refusal(f"{sent.name}: failed on {len(failed)} workers, last: {failure.why}"
                              ) from None
            future = client.submit(*sent.call, pure=False, workers=others)
        except KilledWorker:
            raise Refusal(f"{sent.name}: each worker that worked on it died (killed, or out of "
                          "memory?); give the workers more memory") from None
        except TimeoutError:
            if not client.nthreads():
                raise Refusal(f"{sent.name}: no worker is left (killed, or out of memory?)"
                              ) from None


def _one(work: Callable[[Any, Any], Any], common: Any, piece: Any, version: str) -> Any:
    """On a worker: does the work on a piece."""
    from distributed import get_worker

    if version and version != _version():
        raise Refusal("the workers have loaded another version of this bundle; restart them")
    try:
        return work(common, piece)
    except OSError as error:
        raise Failed(get_worker().address, f"{error} (on {socket.gethostname()})") from None


_until_the_end = ExitStack()
atexit.register(_until_the_end.close)


@lru_cache(1)
def _connected(scheduler: str, jobs: int) -> tuple[Any, str]:
    """(a client of the cluster, the version of our package that its workers must have);
    refuses when there is none, or no worker in it. Both are kept until the end."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise Refusal("--engine dask needs the package distributed: `uv run --with distributed "
                      "--with cryptography …`") from None
    for name in ("distributed", "distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is in a refusal
    if scheduler:
        try:
            client = _until_the_end.enter_context(Client(scheduler, timeout=_PATIENCE / 4))
        except (OSError, TimeoutError, ValueError) as error:
            raise Refusal(f"{scheduler}: no Dask scheduler answers there ({error})"
                          ) from None
    else:
        client = _until_the_end.enter_context(Client(_until_the_end.enter_context(
            _started(jobs))))
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise Refusal(f"{scheduler}: no worker in {_PATIENCE} seconds; start some "
                      "(dask worker ADDRESS)") from None
    if not scheduler:
        return client, ""
    _send_package(client)
    return client, _version()


def _started(workers: int) -> Any:
    """A cluster of processes on this machine, which nobody else can reach: it listens on loopback,
    and takes no connection without a certificate that is made for this run."""
    from distributed import LocalCluster
    from distributed.security import Security

    return LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", protocol="tls",
                        dashboard_address=None, security=Security.temporary(),
                        silence_logs=logging.CRITICAL)


def _send_package(client: Any) -> None:
    """Sends our package to all workers, and to those that come later."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"failure_analysis-{_version()}.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(_PACKAGE.rglob("*.py")):
                archive.write(file, file.relative_to(_PACKAGE.parent).as_posix())
        client.upload_file(str(path))


@lru_cache(1)
def _version() -> str:
    """What the code of our package is, from wherever it is loaded."""
    digest = hashlib.sha256()
    for name, text in sorted(_sources()):
        digest.update(f"{name}\0".encode() + text)
    return digest.hexdigest()[:16]


def _sources() -> Iterator[tuple[str, bytes]]:
    if _PACKAGE.is_dir():
        for file in _PACKAGE.rglob("*.py"):
            yield file.relative_to(_PACKAGE.parent).as_posix(), file.read_bytes()
        return
    with zipfile.ZipFile(_PACKAGE.parent) as archive:  # as it was sent
        for name in archive.namelist():
            yield name, archive.read(name)

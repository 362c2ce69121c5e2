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
from typing import Any

from failure_analysis.files import Refusal

_AHEAD = 3  # pieces a worker that are on their way or wait for their turn
_PATIENCE = 60  # seconds until a cluster has a worker
_PACKAGE = Path(__file__).parent


class Failed(Exception):
    """A worker could not do its work for a reason of its own, such as a disk that is full."""


def spread(work: Callable[[Any, Any], Any], common: Any, pieces: Iterable[Any], scheduler: str,
           jobs: int, named: Callable[[Any], str]) -> Iterator[Any]:
    """As `spread.spread`, on the cluster of a scheduler, or one of so many processes that is
    started here. A piece whose worker is lost or has failed is worked on by another one; refuses
    when that goes on, or when the scheduler goes away."""
    from distributed import KilledWorker
    from distributed.client import CancelledError
    from distributed.comm import CommClosedError

    client, version = _connected(scheduler, jobs)
    pieces, waiting = iter(pieces), deque()
    where = scheduler or "the cluster that was started here"
    piece = None
    try:
        while True:
            room = _AHEAD * max(1, sum(client.nthreads().values())) - len(waiting)
            for piece in islice(pieces, max(0, room)):
                waiting.append((piece, client.submit(
                    _one, work, common, piece, version, pure=False, retries=2)))
            if not waiting:
                return
            piece, future = waiting.popleft()
            yield future.result()
    except KilledWorker:
        raise Refusal(f"{named(piece)}: each worker that worked on it died (killed, or out of "
                      "memory?); give the workers more memory") from None
    except Failed as failure:
        raise Refusal(f"{named(piece)}: the workers failed: {failure}") from None
    except (CommClosedError, CancelledError, TimeoutError) as error:
        raise Refusal(f"{where}: the scheduler went away ({type(error).__name__}); nothing was "
                      "written, run it again") from None
    finally:
        for _, future in waiting:
            future.release()


def _one(work: Callable[[Any, Any], Any], common: Any, piece: Any, version: str) -> Any:
    """On a worker: does the work on a piece."""
    if version and version != _version():
        raise Refusal("the workers have loaded another version of this bundle; restart them")
    try:
        return work(common, piece)
    except OSError as error:
        raise Failed(f"{error} (on {socket.gethostname()})") from None


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
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
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

"""Inputs at an address (s3://…, or any that fsspec knows). An address is laid out as a folder of
empty files with the names and sizes of what is there, in which the formats find their way as in any
other; the bytes of a file come from the address when it is read."""

import errno
import io
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

_FOLDER = "deep-error-analysis-addresses"
_BLOCK = 4 << 20  # bytes that are fetched at a time
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}([^/].*)")  # a path knows one slash
_LAID = re.compile(rf"[^\s'\"]*/{_FOLDER}-\d*/([a-z][a-z0-9+.-]+)/")
_given: list[str] = []  # the addresses that are laid out


def address(path: Path) -> str:
    """The address that a path given by a user is; blank for a path of this machine."""
    match = None if path.exists() else _ADDRESS.fullmatch(path.as_posix())
    return f"{match[1]}://{match[2]}" if match else ""


def named(text: str) -> str:
    """A path, or a text with paths, in which files that are laid out are called by their
    addresses."""
    return _LAID.sub(r"\1://", text) if _FOLDER in text else text


def local(path: Path) -> Path:
    """The path of this machine for one that a user gave: of an address, where it is laid out."""
    return laid_out(there) if (there := address(path)) else path


def given() -> tuple[str, ...]:
    """The addresses that are laid out."""
    return tuple(_given)


def laid_out(there: str) -> Path:
    """The folder (or file) of empty files for an address; an OSError says why it cannot be
    listed."""
    if any(there == known or there.startswith(f"{known.rstrip('/')}/") for known in _given):
        protocol, _, key = there.partition("://")
        return _root() / protocol / key.strip("/")
    filesystem, root = _file_system(there)
    try:
        single = filesystem.isfile(root)
        listed = {root: filesystem.info(root)} if single else filesystem.find(root, detail=True)
    except Exception as error:  # each file system has its own errors
        raise _unread(there, f"cannot be listed ({_reason(error)}); is the address right, and are "
                      "there credentials?") from None
    if not listed:
        raise _unread(there, "nothing there")
    protocol = there.partition("://")[0]
    place, laid = _root() / protocol / root.strip("/"), set()
    for key, info in listed.items():
        if not key.endswith("/") and info.get("type") != "directory":
            laid.add(path := _root() / protocol / key.lstrip("/"))
            _lay(path, f"{protocol}://{key}", info.get("size") or 0)
    for path in place.rglob("*"):  # what an earlier listing had, and is no longer there
        if path not in laid and path.is_file():
            path.unlink(missing_ok=True)
    _given.append(there)
    return _root() / protocol / root.strip("/")


@lru_cache(1)
def _root() -> Path:
    """The folder in which addresses are laid out, made where it is not there; it must be nobody
    else's."""
    from tempfile import gettempdir  # small calls read from no address

    user = os.getuid() if hasattr(os, "getuid") else ""
    root = Path(gettempdir(), f"{_FOLDER}-{user}")
    root.mkdir(mode=0o700, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != (user or root.stat().st_uid):
        raise _unread(str(root), "is not ours; remove it, or set TMPDIR to another folder")
    return root


def _lay(path: Path, there: str, size: int) -> None:
    """Makes an empty file of this size, which takes no room on the disk."""
    if not path.is_relative_to(_root()) or ".." in path.parts:
        raise _unread(there, "leads out of its folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            file.truncate(size)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise _unread(there, "is a file and a folder at once; rename one of them") from None


def is_laid_out(path: Path) -> bool:
    """Whether a file is an empty one that stands for another at an address."""
    return _LAID.match(path.as_posix()) is not None


def opened(path: Path) -> IO[bytes] | None:
    """The bytes of a file that is laid out, from its address; None for any other file."""
    match = _LAID.match(path.as_posix())
    if match is None:
        return None
    there = f"{match[1]}://{path.as_posix()[match.end():]}"
    return io.BufferedReader(_Fetched(there), 1 << 18)


class _Fetched(io.RawIOBase):
    """The bytes at an address; whatever goes wrong on the way is an error of reading it."""

    def __init__(self, there: str) -> None:
        self._there = there
        filesystem, key = _file_system(there)
        self._file: Any = None
        self._file = self._tried(lambda: filesystem.open(key, "rb", block_size=_BLOCK))

    def _tried(self, action: Any) -> Any:
        try:
            return action()
        except Exception as error:  # each file system has its own errors
            raise _unread(self._there, f"cannot be read ({_reason(error)})") from None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place; nothing is fetched until it is read."""
        return self._file.seek(place, whence)

    def tell(self) -> int:
        """The place of the next byte."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer with the next bytes; 0 at the end."""
        return self._tried(lambda: self._file.readinto(buffer))

    def close(self) -> None:
        """Ends the fetching."""
        if self._file is not None:
            self._file.close()
        super().close()


@lru_cache(16)
def _system(protocol: str, _process: int) -> Any:
    import fsspec

    return fsspec.filesystem(protocol, use_listings_cache=False)


def _file_system(there: str) -> tuple[Any, str]:
    """(the file system of an address, the path in it); credentials are those of the environment."""
    protocol = there.partition("://")[0]
    try:
        filesystem = _system(protocol, os.getpid())  # none outlives a fork
    except ImportError as error:
        package = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}.get(protocol, "fsspec")
        raise _unread(there, f"{error}; run with `uv run --with {package} …`") from None
    except ValueError as error:
        raise _unread(there, str(error)) from None
    return filesystem, filesystem._strip_protocol(there)


def _unread(there: str, why: str) -> OSError:
    return OSError(errno.EIO, why, there)


def _reason(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__

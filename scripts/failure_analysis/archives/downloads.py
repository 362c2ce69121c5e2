"""Archives of failed runs in a bucket, on a web server or in a folder -> one folder per run.

What was done for a run stands in `.downloads/<run>.json`, written before and after its folder is
put in place: a run counts as finished only with both, and a half one is fetched again."""

import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from failure_analysis import clean, files, store
from failure_analysis.archives import unpack

TABLE, STATE = "downloads.csv", ".downloads"
COLUMNS = ("run", "state", "reason", "archive", "bytes", "version", "members", "extracted_bytes")
FETCHED, KNOWN, FAILED, WAITING = "fetched", "already there", "failed", "would be fetched"
_ATTEMPTS, _PAUSE = 3, 0.5
_MOST_PAGES = 10_000
# What identifies the content of an object, in the words of the file systems that fsspec knows.
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "LastModified", "mtime")


class Access(NamedTuple):
    """How to reach a bucket."""

    endpoint_url: str | None = None
    profile: str | None = None
    is_anonymous: bool = False


class Archive(NamedTuple):
    """One archive in a listing: its path, size and version (null: not listed), run and ending."""

    path: str
    bytes: int | None
    version: str | None
    run: str
    ending: str


class Result(NamedTuple):
    """How an archive ended."""

    archive: Archive
    state: str
    reason: str = ""
    extracted: unpack.Extracted | None = None


class Listing(NamedTuple):
    """The archives found, with the file system they are on; `others` are no archives."""

    filesystem: Any
    archives: list[Archive]
    others: int


def open_bucket(url: str, access: Access) -> tuple[Any, str]:
    """The file system of an address, without caches, and the path in it."""
    import fsspec

    protocol, address = (url.partition("://")[0], url) if "://" in url else \
        ("file", os.path.abspath(url))
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if protocol in ("s3", "s3a"):
        import s3fs

        filesystem = s3fs.S3FileSystem(anon=access.is_anonymous, profile=access.profile,
                                       endpoint_url=access.endpoint_url, **options)
    else:
        if access.endpoint_url or access.profile:
            raise files.Refusal(f"{url}: --endpoint-url and --profile go with s3:// addresses")
        if access.is_anonymous and protocol in ("gs", "gcs"):
            options["token"] = "anon"
        try:
            filesystem = fsspec.filesystem(protocol, **options)
        except (ImportError, ValueError) as error:
            raise files.Refusal(f"{url}: {error}") from None
    return filesystem, filesystem._strip_protocol(address)


def find(url: str, access: Access, match: str) -> Listing:
    """The archives at and below an address whose path or name matches; refuses if there is none."""
    filesystem, root = open_bucket(url, access)
    try:
        listed = _files(filesystem, root)
        below = {path: name for path in sorted(listed)
                 if unpack.ending(path) and (name := _below(path, root))}
        runs = _run_names(list(below.values()))
        archives = []
        for path, name in below.items():
            if not any(fnmatchcase(text, match) for text in (name, name.rpartition("/")[2])):
                continue
            info = listed[path]
            if info.get("size") is None:  # a web page lists names alone
                info = filesystem.info(path)
            archives.append(Archive(path, info.get("size"), _version(info), runs[name],
                                    unpack.ending(path)))
    except Exception as error:  # each file system has its own errors
        raise files.Refusal(f"{url}: cannot be listed ({_reason(error)}); is the address right, "
                            "and are there credentials (or --anonymous)?") from None
    others = len(listed) - len(archives)
    if not archives:
        raise files.Refusal(f"{url}: no archive ({', '.join(unpack.ENDINGS)}) that matches "
                            f"{match!r} among {others} files")
    return Listing(filesystem, archives, others)


def _below(path: str, root: str) -> str:
    """The path from the root on; blank where it leads elsewhere, as links of a web page may."""
    if path == root:
        return path.rpartition("/")[2]
    base = root.rstrip("/") + "/"
    inside = ".." not in unquote(path).split("/")
    return path.removeprefix(base) if path.startswith(base) and inside else ""


def _files(filesystem: Any, root: str) -> dict[str, dict]:
    """Path -> what the file system says of it, for a file or everything below a folder. Folders
    that cannot be listed are errors; a walk over files would pass over them."""
    if unpack.ending(root) and filesystem.isfile(root):
        return {root: filesystem.info(root)}
    if "http" in filesystem.protocol:
        return _linked(filesystem, root)
    is_walk = not {"s3", "gs"} & {*filesystem.protocol}
    return filesystem.find(root, detail=True, **({"on_error": "raise"} if is_walk else {}))


def _linked(filesystem: Any, root: str) -> dict[str, dict]:
    """The files that a web page and those below it link to; fsspec's walk follows links back up."""
    listed: dict[str, dict] = {}
    pages = [f"{root.rstrip('/')}/"]
    for page in pages:
        for path in filesystem.ls(page, detail=False):
            name = _below(path, page)
            if not name or "?" in name or "." in name.split("/"):
                continue
            if not path.endswith("/"):
                listed[path] = {}
            elif path not in pages:
                pages.append(path)
        if len(pages) > _MOST_PAGES:
            raise files.Refusal(f"more than {_MOST_PAGES} folders")
    return listed


def _version(info: dict) -> str | None:
    return next((str(info[name]) for name in _VERSIONS if info.get(name)), None)


def _run_names(paths: list[str]) -> dict[str, str]:
    """A folder name for each archive: its path without the ending. Where two would be the same
    (on any file system), both keep their whole names and gain a mark of their paths."""
    names = {path: clean.safe_name(path[:-len(unpack.ending(path))].replace("/", "__"))
             for path in paths}
    times = Counter([TABLE, *(clean.folded(name) for name in names.values())])
    return {path: name if times[clean.folded(name)] == 1 else
            f"{clean.safe_name(path.replace('/', '__'))}~{clean.mark(path)}"
            for path, name in names.items()}


def download(listing: Listing, output_dir: Path, concurrent: int, keep: bool,
             most_bytes: int) -> list[Result]:
    """Fetches and extracts every archive that is not there yet, several at a time; returns how each
    ended, in the order of the listing, and writes downloads.csv."""
    with store.locked(output_dir / STATE / "lock", wait=False):
        try:
            results = _download_all(listing, output_dir, concurrent, keep, most_bytes)
        except KeyboardInterrupt:
            # The transfers cannot be ended, and may take long: we leave as in a crash, from which
            # the next run recovers.
            print("\ndownload_failed_runs.py: interrupted; the same command goes on where it was",
                  file=sys.stderr, flush=True)
            os._exit(1)
        with store.atomic(output_dir / TABLE) as file:
            file.write(clean.csv_line(COLUMNS))
            for archive, state, reason, extracted in results:
                file.write(clean.csv_line([
                    archive.run, state, reason or None, archive.path, archive.bytes,
                    archive.version, *(extracted or (None, None))]))
    return results


def _download_all(listing: Listing, output_dir: Path, concurrent: int, keep: bool,
                  most_bytes: int) -> list[Result]:
    """How each archive ended, in the order of the listing."""
    from tqdm import tqdm

    total = sum(archive.bytes or 0 for archive in listing.archives
                if not is_finished(archive, output_dir))
    counts: Counter[str] = Counter()
    pool = ThreadPoolExecutor(concurrent)
    # A bar over the bytes to fetch, where a person is looking.
    with tqdm(total=total or None, unit="B", unit_scale=True, desc="fetching",
              disable=not sys.stderr.isatty()) as bar:
        tasks = [pool.submit(_download_archive, listing.filesystem, archive, output_dir, keep,
                             most_bytes, bar.update) for archive in listing.archives]
        for task in as_completed(tasks):
            counts[task.result().state] += 1
            shown = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
            bar.set_postfix_str(shown)
    return [task.result() for task in tasks]


def is_finished(archive: Archive, output_dir: Path) -> bool:
    """Whether this very archive (address, size and version) was fetched and its folder is there."""
    path = output_dir / STATE / f"{archive.run}.json"
    if not path.is_file() or not (output_dir / archive.run).is_dir():
        return False
    try:
        record = files.read_json(path)
    except files.Refusal:
        return False
    expected = {**_record(archive), "state": FETCHED}
    return isinstance(record, dict) and expected.items() <= record.items()


def _record(archive: Archive) -> dict:
    return {"archive": archive.path, "bytes": archive.bytes, "version": archive.version}


def _download_archive(filesystem: Any, archive: Archive, output_dir: Path, keep: bool,
                      most_bytes: int, add: Callable[[int], Any]) -> Result:
    """One archive from the bucket to its folder; every failure is this archive's own."""
    if is_finished(archive, output_dir):
        return Result(archive, KNOWN)
    run_dir, state = output_dir / archive.run, output_dir / STATE / archive.run
    packed, unpacked = Path(f"{state}{archive.ending}"), Path(f"{state}.new")
    try:
        if run_dir.exists() and not Path(f"{state}.json").exists():
            raise files.Refusal(f"{run_dir} is there and was not made by a download; move it away")
        archive = _fetched(filesystem, archive, packed, add)
        extracted = unpack.extract(packed, _emptied(unpacked), most_bytes)
        _put_in_place(archive, unpacked, output_dir, extracted)
        if keep:
            os.replace(packed, output_dir / packed.name)
        return Result(archive, FETCHED, "", extracted)
    except files.Refusal as refusal:
        return Result(archive, FAILED, str(refusal))
    except OSError as error:
        where = f"{error.filename}: " if error.filename and error.errno in store.FULL else ""
        return Result(archive, FAILED, f"{where}{error.strerror or _reason(error)}")
    except Exception as error:  # one archive must not end the work on the others
        return Result(archive, FAILED, f"{type(error).__name__}: {_reason(error)}")
    finally:
        packed.unlink(missing_ok=True)
        shutil.rmtree(unpacked, ignore_errors=True)


def _fetched(filesystem: Any, archive: Archive, packed: Path, add: Callable[[int], Any]) -> Archive:
    """Fetches the archive, trying again after a pause; returns it with its size and version."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _fetch(filesystem, archive, packed, add)
        except FileNotFoundError:
            raise files.Refusal("no longer there") from None
        except PermissionError as error:
            raise files.Refusal(f"not allowed to read it ({_reason(error)})") from None
        except files.Refusal as refusal:
            reason = str(refusal)
        except Exception as error:  # each file system has its own errors
            if isinstance(error, OSError) and (error.filename == str(packed)
                                               or error.errno in store.FULL):
                raise OSError(error.errno, error.strerror, str(packed)) from None
            reason = _reason(error)
        if attempt < _ATTEMPTS:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
    raise files.Refusal(f"could not be fetched in {_ATTEMPTS} attempts ({reason})")


def _fetch(filesystem: Any, archive: Archive, packed: Path, add: Callable[[int], Any]) -> Archive:
    from fsspec.callbacks import Callback

    progress = Callback()
    progress.relative_update = add  # tells the bar what came in
    before = filesystem.info(archive.path)
    filesystem.get_file(archive.path, str(packed), callback=progress)
    size, version = before.get("size"), _version(before)
    bytes_fetched = packed.stat().st_size
    if size is not None and bytes_fetched != size:
        raise files.Refusal(f"{bytes_fetched} of {size} bytes came in")
    if _version(filesystem.info(archive.path)) != version:
        raise files.Refusal("it changed while it was read")
    return archive._replace(bytes=size, version=version)


def _emptied(path: Path) -> Path:
    """The folder's path with nothing there: what an interrupted run left is removed."""
    shutil.rmtree(path, ignore_errors=True)
    return path


def _put_in_place(archive: Archive, unpacked: Path, output_dir: Path,
                  extracted: unpack.Extracted) -> None:
    """Makes the extracted folder the run's folder, in the place of an older one. An archive that
    holds nothing but one folder of the run's name does not make two of them."""
    inner = unpacked / archive.run
    inside = inner if [path.name for path in unpacked.iterdir()] == [archive.run] \
        and inner.is_dir() and not inner.is_symlink() else unpacked
    record, run_dir = output_dir / STATE / f"{archive.run}.json", output_dir / archive.run
    store.write_json(record, {**_record(archive), "state": "being put in place"})
    old = _emptied(output_dir / STATE / f"{archive.run}.old")
    if run_dir.exists():
        os.replace(run_dir, old)
    os.replace(inside, run_dir)
    shutil.rmtree(old, ignore_errors=True)
    store.write_json(record, {**_record(archive), "state": FETCHED, **extracted._asdict()})


def planned(listing: Listing, output_dir: Path) -> list[Result]:
    """What a download would do."""
    return [Result(archive, KNOWN if is_finished(archive, output_dir) else WAITING)
            for archive in listing.archives]


def closing_table(results: list[Result], most: int = 40) -> list[str]:
    """The failures with their reasons, then the rest, as lines for a terminal."""
    ordered = sorted(results, key=lambda result: result.state != FAILED)
    wide = max(len(result.archive.run) for result in ordered)
    shown = [result for rank, result in enumerate(ordered) if result.state == FAILED or rank < most]
    lines = [f"{archive.run:<{min(wide, 60)}}  {state:<16}  {reason or _size(archive, extracted)}"
             for archive, state, reason, extracted in shown]
    left = len(ordered) - len(shown)
    return lines + ([f"… and {left} more without failure"] if left else [])


def _size(archive: Archive, extracted: unpack.Extracted | None) -> str:
    packed = "size not listed" if archive.bytes is None else f"{archive.bytes:,} bytes"
    return packed if extracted is None else \
        f"{packed}, {extracted.members} members of {extracted.extracted_bytes:,} bytes"


def _reason(error: BaseException) -> str:
    """An error of whatever library as one line."""
    text = " ".join(str(error).split())
    return re.sub(r"\?\S*(signature|token|credential)\S*", "?…", text, flags=re.I)[:300] \
        or type(error).__name__

"""Archives from strangers -> folders. Every member is looked at before anything is written, and an
archive that holds one unsafe member is refused with that member's name.

Regular files and folders alone are written, by us, at a path that was proved to be inside: a hard
link as a copy of its file, a symbolic link that stays inside not at all, as what it leads to is
there. tarfile's own extraction is not used, and its data filter, which came with Python 3.11.4, is
asked only besides: it follows `..` inside the folder, lets names come twice, and knows no limits.
tarfile also takes a damaged header for the end of the archive. zipfile has no such filter."""

import gzip
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from failure_analysis import clean, files, store

ENDINGS = (".tar.gz", ".tgz", ".tar.zst", ".zip")
MOST_MEMBERS = 250_000
_LONGEST_NAME, _LONGEST_PATH = 255, 1024  # bytes that every file system carries
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile("[A-Za-z]:")
_LATEST = 1 << 40  # in seconds; what a file system can carry, far from now
_MOST_HEADER = 1 << 20  # a tar header is 512 bytes; long names and attributes make it longer
_MOST_AFTER = 1 << 26  # tars are padded to blocks of some kilobytes, seldom megabytes
_ZIP_END, _ZIP64_END, _ZIP64_PLACE = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY = 46  # bytes of the shortest entry in a zip's directory


class Extracted(NamedTuple):
    """What an archive held."""

    members: int
    extracted_bytes: int


def ending(name: str) -> str | None:
    """Which kind of archive a name belongs to, or None."""
    return next((end for end in ENDINGS if name.lower().endswith(end)), None)


def extract(path: Path, folder: Path, most_bytes: int) -> Extracted:
    """Extracts an archive into a new folder; refuses, having written nothing, one that is damaged,
    larger than `most_bytes` or than a thousand times its size, or unsafe. An OSError (a full disk)
    may leave a part in the folder."""
    read = _zip if path.name.lower().endswith(".zip") else _tar
    packed = path.stat().st_size
    checked = _Checked(most_bytes, packed)
    try:
        read(path, folder, checked, False)
    except files.Refusal:
        raise
    except Exception as error:  # over hostile bytes the parsers raise more than their own errors
        reason = " ".join(str(error).split()) or type(error).__name__
        raise files.Refusal(f"damaged or cut off ({reason})") from None
    if not checked.members:
        raise files.Refusal("an empty archive")
    folder.mkdir(parents=True)
    read(path, folder, _Checked(most_bytes, packed), True)
    return Extracted(checked.members, checked.bytes)


class _Checked:
    """The names so far, compared without case, and the rules that each further member must keep."""

    def __init__(self, most_bytes: int, packed: int) -> None:
        self.most_bytes, self.packed = most_bytes, packed
        self.members, self.bytes = 0, 0
        self.kinds: dict[str, str] = {}
        self.files: dict[str, int] = {}  # their sizes
        self.links: dict[str, str] = {}

    def refuse(self, name: str, reason: str) -> files.Refusal:
        """The refusal of a member."""
        return files.Refusal(f"unsafe archive: member {name[:200]!r} {reason}; nothing was "
                             "extracted")

    def add(self, name: str, kind: str, size: int, mode: int, target: str = "") -> str:
        """Takes a member of a kind or refuses it; returns its name in normal form."""
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise self.refuse(name, f"is one too many: the archive has more than {MOST_MEMBERS}")
        self._check_name(name)
        if kind == "other":
            raise self.refuse(name, "is a device, a pipe, or a link of a kind that is not "
                                    "extracted")
        # On a folder these bits are about the group of new files; folders get none of their bits.
        if kind == "file" and mode & (stat.S_ISUID | stat.S_ISGID):
            raise self.refuse(name, "has a setuid or setgid bit")
        plain = "/".join(PurePosixPath(name).parts)
        self._place(name, plain, kind, target)
        if kind == "hard link":
            size = self.files["/".join(PurePosixPath(target).parts)]
        if kind in ("file", "hard link"):
            self.files[plain] = size
        self.bytes += size
        if size < 0 or self.bytes > self.most_bytes:
            raise self.refuse(name, f"brings the archive to {self.bytes} bytes, more than "
                                    f"--max-extracted-bytes {self.most_bytes}")
        if self.bytes > files.most_unpacked(self.packed):
            raise self.refuse(name, f"brings the archive to {self.bytes} bytes, more than 1000 "
                                    f"times its own {self.packed}; if you trust it, unpack it "
                                    "yourself")
        return plain

    def _check_name(self, name: str) -> None:
        """Refuses a name that leads out of the folder or that some file system cannot carry."""
        parts = PurePosixPath(name).parts
        if name.startswith(("/", "\\")) or _DRIVE.match(name):
            raise self.refuse(name, "has an absolute path")
        if ".." in parts or "\\" in name:
            raise self.refuse(name, "has a path that leaves its folder, or may on some systems")
        if _CONTROL.search(name):
            raise self.refuse(name, "has control characters in its name")
        if max([len(os.fsencode(part)) for part in parts], default=0) > _LONGEST_NAME \
                or len(os.fsencode(name)) > _LONGEST_PATH:
            raise self.refuse(name, "has a name that is too long")

    def _place(self, name: str, plain: str, kind: str, target: str) -> None:
        """Finds the member's place among those before it; refuses where there is none."""
        if not plain and kind != "folder":
            raise self.refuse(name, "is no folder, but has the place of the run's folder")
        whole = clean.folded(plain)
        earlier = self.kinds.get(whole)
        if earlier is not None and (earlier, kind) != ("folder", "folder"):
            raise self.refuse(name, "comes twice (case and accents aside)")
        parts = whole.split("/")
        for end in range(1, len(parts)):
            if self.kinds.setdefault("/".join(parts[:end]), "folder") != "folder":
                raise self.refuse(name, "stands below a file or a link of the archive")
        if kind == "hard link" and "/".join(PurePosixPath(target).parts) not in self.files:
            raise self.refuse(name, f"is a hard link to {target[:200]!r}, no earlier file of the "
                                    "archive")
        self.kinds[whole] = kind
        if kind == "symlink" and (target.startswith(("/", "\\")) or _DRIVE.match(target)):
            raise self.refuse(name, f"is refused: {target[:200]!r} is an absolute path")
        if kind == "symlink":
            self.links[whole] = clean.folded(target)

    def links_stay_inside(self) -> None:
        """Follows every symbolic link by its words: it stays inside, and passes through no other
        link, which could lead its `..` elsewhere."""
        for name, target in self.links.items():
            place = name.split("/")[:-1]
            steps = [step for step in target.split("/") if step not in ("", ".")]
            for number, step in enumerate(steps, 1):
                if step == "..":
                    if not place:
                        raise self.refuse(name, f"is a link to {target[:200]!r}, outside")
                    place.pop()
                else:
                    place.append(step)
                    if number < len(steps) and "/".join(place) in self.links:
                        raise self.refuse(name, "is a link that passes through another link")


class _Meter:
    """A stream of unpacked bytes that gives no more than `left` of them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.left = stream, _MOST_HEADER

    def read(self, size: int) -> bytes:
        """The next bytes."""
        piece = self.stream.read(size)
        self.left -= len(piece)
        if self.left < 0:
            raise files.Refusal("unsafe archive: more than a member's worth of bytes where a "
                                "member or the end was expected; nothing was extracted")
        return piece


class _Member(tarfile.TarInfo):
    """A member of a tar. tarfile ends where it finds no header; here the end mark alone does."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """The next member."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"at byte {archive.offset} neither a member nor the end mark: "
                                    f"{error}") from None


def _tar(path: Path, folder: Path, checked: _Checked, is_writing: bool) -> None:
    """Checks each member of a tar, and writes it when writing."""
    unpacked = files.open_bytes if path.name.lower().endswith(".zst") else gzip.open
    with unpacked(path) as stream:
        meter = _Meter(stream)
        with tarfile.open(fileobj=meter, mode="r|", tarinfo=_Member) as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # it would keep every one
                name = _check_tar_member(member, folder, checked)
                # What may be read until the next member: this one, and the header of that one.
                meter.left = max(0, member.size) + _MOST_HEADER
                if is_writing and not member.issym():
                    _write_tar_member(tar, member, folder, name)
            checked.links_stay_inside()
            meter.left = _MOST_AFTER
            # To the end, where a cut-off file or a wrong checksum shows.
            while rest := tar.fileobj.read(1 << 16):
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("more follows after its end mark")


def _check_tar_member(member: tarfile.TarInfo, folder: Path, checked: _Checked) -> str:
    """Takes a member or refuses it; returns its name in normal form."""
    kind = "folder" if member.isdir() else "symlink" if member.issym() else \
        "hard link" if member.islnk() else "file" if member.isreg() else "other"
    size = member.size if kind == "file" else 0
    name = checked.add(member.name, kind, size, member.mode or 0, member.linkname)
    if not abs(member.mtime) < _LATEST:
        raise checked.refuse(member.name, "has a time that no file can carry")
    if hasattr(tarfile, "data_filter"):
        try:
            tarfile.data_filter(member, str(folder))
        except tarfile.FilterError as error:
            raise checked.refuse(member.name, f"is refused: {error}") from None
    return name


def _write_tar_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path,
                      name: str) -> None:
    """Writes a folder, a file, or a copy of an earlier file, under a name that was checked."""
    path = folder / name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif member.islnk():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / PurePosixPath(member.linkname), path)
    else:
        # Of the recorded mode, who else may read it, and run what the owner may run.
        mode = member.mode & 0o755 | 0o600
        _write_file(tar.extractfile(member), path, mode if mode & 0o100 else mode & 0o644)
        os.utime(path, (member.mtime, member.mtime))


def _write_file(content: IO[bytes], path: Path, mode: int | None) -> None:
    """Writes a file that is not there yet; with the usual mode where none is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "xb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
    except OSError as error:
        if error.errno in store.FULL:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    if mode:
        path.chmod(mode)


def _zip(path: Path, folder: Path, checked: _Checked, is_writing: bool) -> None:
    """Checks each member of a zip, and extracts it when writing. Links are refused."""
    with open(path, "rb") as file:
        _few_enough(file)
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                mode = member.external_attr >> 16
                kind = "folder" if member.is_dir() else \
                    "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "other"
                if member.flag_bits & 1:
                    raise checked.refuse(member.filename, "is encrypted")
                # orig_filename: zipfile cuts names at a null byte
                name = checked.add(member.orig_filename, kind, member.file_size, mode)
                if is_writing and kind == "folder":
                    (folder / name).mkdir(parents=True, exist_ok=True)
                elif is_writing:
                    with archive.open(member) as content:
                        _write_file(content, folder / name, 0o755 if mode & stat.S_IXUSR else None)
                elif kind == "file":
                    _check_zip_content(archive, member)


def _check_zip_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Reads a member to its checksum; zipfile does not mind when there is less than recorded."""
    left = member.file_size
    with archive.open(member) as content:
        while piece := content.read(1 << 20):
            left -= len(piece)
    if left:
        raise zipfile.BadZipFile(f"{member.filename[:200]!r} is shorter than recorded")


def _few_enough(file: IO[bytes]) -> None:
    """Refuses a zip whose directory could hold too many members, before zipfile makes an object of
    each. The size of the directory bounds their number; the recorded number may lie."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    place = tail.rfind(_ZIP_END)
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("no end of its directory: it is no zip, or cut off")
    count, directory = struct.unpack_from("<HL", tail, place + 10)
    locator = place - 20
    if locator >= 0 and tail[locator:locator + 4] == _ZIP64_PLACE:
        file.seek(struct.unpack_from("<Q", tail, locator + 8)[0])
        record = file.read(56)
        if len(record) < 56 or record[:4] != _ZIP64_END:
            raise zipfile.BadZipFile("its zip64 directory is not where it says")
        count, directory = struct.unpack_from("<QQ", record, 32)
    file.seek(0)
    if count > MOST_MEMBERS or directory > MOST_MEMBERS * (_ENTRY + 256):
        raise files.Refusal(f"unsafe archive: its directory lists {count} members in {directory} "
                            f"bytes, more than {MOST_MEMBERS} are not extracted; nothing was "
                            "extracted")

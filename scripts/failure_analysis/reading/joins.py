"""Records of other files that a row is joined with by a key, through the `join` of a mapping."""

import glob
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import files
from failure_analysis.reading import containers, expressions
from failure_analysis.reading.expressions import AROUND, MISSING, Expression

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

_FILE = frozenset((expressions.FILE,))
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TEXT = re.compile(r"'[^']*'")
_NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\b(?!\s*\()")  # no key of a key, no function


class Unread(NamedTuple):
    """A file whose one record is read when a row asks for it: its key stands in its path, and runs
    of agents are too large to be held for all rows at once."""

    path: Path
    join: "mapping_file.Join"


class Joined(NamedTuple):
    """What a row can be joined with: its records by key, or the one `document` of all rows; `table`
    names it and its files. `repeated`: keys of several records that differ. `keys`: the keys that
    its records have. A record may be `Unread`. `fault`: why there is no document, though there is
    a file."""

    name: str
    on: Expression | None
    records: dict[str, Any]
    document: Any = MISSING
    repeated: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    table: str = ""
    fault: str = ""


@lru_cache(64)
def file_of(path: Path) -> dict[str, str]:
    """What expressions know of any file."""
    return {"path": path.as_posix(), "folder": path.absolute().parent.name,
            "stem": files.bare_name(path).rsplit(".", 1)[0]}


def paths(join: "mapping_file.Join", file: dict[str, Any]) -> list[Path]:
    """The files of a join for the rows of a file (its scope); refuses when there is none."""
    def spelled(match: re.Match) -> str:
        if match[1] not in file:
            raise files.Refusal(f"join {join.name}: {{{match[1]}}} is no name of from_path and no "
                                f"part of a file; known are {', '.join(file)}")
        return glob.escape(str(file[match[1]]))

    folder = Path(file["path"]).parent
    patterns = [_PLACEHOLDER.sub(spelled, pattern) for pattern in join.files]
    hits = {folder / hit for pattern in patterns
            for hit in glob.glob(pattern, root_dir=folder, recursive=True)}
    if (found := sorted(path for path in hits if path.is_file())) or join.optional:
        return found
    raise files.Refusal(f"{file['path']}: join {join.name} finds no file {' or '.join(patterns)} "
                        f"from {folder} on; correct join.files")


def load(join: "mapping_file.Join", sources: list[Path], scopes: frozenset[str]) -> Joined:
    """Reads the files of a join, once for all files of rows that are joined with them."""
    if not sources:
        on = expressions.compiled([join.on], scopes) if join.on else None
        return Joined(join.name, on, {}, table=json.dumps([join.name]))
    table = json.dumps([join.name, *map(Path.as_posix, sources)])
    stamps = tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in sources)
    return _loaded(join.model_dump_json(), stamps, scopes)._replace(table=table)


@lru_cache(8)
def _loaded(written: str, stamps: tuple[tuple[Path, int, int], ...], scopes: frozenset[str]
            ) -> Joined:
    from failure_analysis.reading import mapping_file

    join, sources = mapping_file.Join.model_validate_json(written), [path for path, *_ in stamps]
    on = expressions.compiled([join.on], scopes) if join.on else None
    if join.ids:
        return Joined(join.name, on, *_listed(join, sources))
    if join.key is None:
        alone: list[Any] = []
        try:
            for _, record in _records(join, sources):
                alone += [record] if not alone or record != alone[0] else []
                if len(alone) > 1:
                    break
        except files.Refusal as refusal:
            if not join.optional:
                raise
            return Joined(join.name, None, {}, fault=str(refusal))
        if not alone and join.optional:
            return Joined(join.name, None, {})
        if len(alone) != 1:
            raise files.Refusal(f"{sources[0]}: join {join.name} has "
                                f"{'several records' if alone else 'no record'} for all rows; give "
                                "key and on, or each that leaves one")
        return Joined(join.name, None, {}, alone[0], keys=frozenset(keys(alone[0])))
    return _keyed(join, on, sources)


def _keyed(join: "mapping_file.Join", on: Expression | None, sources: Sequence[Path]) -> Joined:
    key = expressions.compiled([join.key], _FILE)
    records: dict[str, Any] = {}
    repeated, there = set(), set()
    is_in_path = join.each == "@" and not join.many and \
        set(_NAME.findall(_TEXT.sub("", join.key))) == _FILE
    for path, record in ((path, Unread(path, join)) for path in sources) if is_in_path else \
            _records(join, sources):
        ident = spelled(_at(key, None if is_in_path else record, join, path))
        if ident is None:
            continue
        there.update(keys(record))
        if join.many:
            records.setdefault(ident, []).append(record)
        elif records.setdefault(ident, record) != record and not (
                is_in_path and read(records[ident]) == read(record)):
            repeated.add(ident)
    if not records and not join.optional:
        raise files.Refusal(f"{sources[0]}: join {join.name} finds no record with a key at "
                            f"{join.key}")
    return Joined(join.name, on, records, MISSING, frozenset(repeated), frozenset(there))


def read(unread: Unread) -> tuple[Any, str]:
    """(the record of a file, why there is none or ""). Refuses a file that cannot be read or has
    several records, unless the join is optional."""
    path, join = unread
    try:
        records = [record for _, record in _records(join, [path])]
        if len(records) != 1:
            raise files.Refusal(f"{path}: join {join.name}: {len(records)} records have one key, "
                                "which is in the file's path; give each, or many: true")
    except files.Refusal as refusal:
        if not join.optional:
            raise
        return MISSING, str(refusal)
    return records[0], ""


def keys(value: Any) -> Iterator[str]:
    """The keys of an object, and of those in it."""
    for inner in value.values() if isinstance(value, dict) else \
            value[:50] if isinstance(value, list) else ():
        yield from keys(inner)
    yield from map(str, value) if isinstance(value, dict) else ()


def _records(join: "mapping_file.Join", sources: Sequence[Path]) -> Iterator[tuple[Path, Any]]:
    """The records of a join, each with the file that it is in."""
    each = expressions.compiled([join.each], _FILE)
    for path in sources:
        if join.text:
            yield path, {"text": files.lossy_text(path)}
            continue
        for document in containers.documents(path):
            if document.reason:
                raise _unreadable(join, path, document)
            value = document.value if join.each == "@" else _at(each, document.value, join, path)
            yield from ((path, record) for record in (
                value if isinstance(value, list) else
                () if value is None or value is MISSING else (value,)))


def _unreadable(join: "mapping_file.Join", path: Path, document: files.JsonLine) -> files.Refusal:
    return files.Refusal(f"{path}:{document.number}: join {join.name}: {document.reason}")


def _at(expression: Expression, value: Any, join: "mapping_file.Join", path: Path) -> Any:
    """What an expression finds in a record of another file, which it knows as `file`; refuses where
    it cannot be used."""
    try:
        return expression.get(value, {AROUND: (), expressions.FILE: file_of(path)})
    except expressions.Failed as failed:
        raise files.Refusal(f"{path}: join {join.name}: {failed}") from None


def _listed(join: "mapping_file.Join", sources: Sequence[Path]
            ) -> tuple[dict[str, str], Any, frozenset[str]]:
    """(id -> the name of the list that it stands in, no document, ids that stand in several)."""
    lists: dict[str, str] = {}
    repeated, there = set(), set()
    for path, document in ((source, document) for source in sources
                           for document in containers.documents(source)):
        if document.reason:
            raise _unreadable(join, path, document)
        for name in join.ids:
            value = _at(expressions.compiled([name], frozenset()), document.value, join, path)
            there.update([name] if isinstance(value, list) else [])
            for ident in map(spelled, value if isinstance(value, list) else ()):
                if ident is not None and lists.setdefault(ident, name) != name:
                    repeated.add(ident)
    for name in join.ids:
        if name not in there:
            raise files.Refusal(f"{sources[0]}: join {join.name} finds no list at {name}")
    return lists, MISSING, frozenset(repeated)


def spelled(key: Any) -> str | None:
    """A key as text: 7, 7.0 and "7" are one."""
    if key is None or key is MISSING:
        return None
    if type(key) is float and key.is_integer():
        key = int(key)
    return key if isinstance(key, str) else json.dumps(key)

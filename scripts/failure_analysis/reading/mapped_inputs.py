"""Which files a mapping reads: those that were named, and those below a folder that fit it. What is
left out is said."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from failure_analysis import files, manifest, steps
from failure_analysis.reading import containers, joins, mapping, mapping_plan
from failure_analysis.reading.expressions import Failed
from failure_analysis.reading.mapping import Mapped
from failure_analysis.reading.mapping_plan import file_scope
from failure_analysis.reading.path_counts import Counts, shown
from failure_analysis.records import Source

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

_MOST_TRIED = 200
_OURS = frozenset((manifest.NAME, "reviews.jsonl", "reading_log.jsonl", "bucket_groups.jsonl",
                   *(name for step in steps.STEPS for name in step.writes)))


def find(paths: Sequence[Path], mapping_path: Path
         ) -> tuple[list[Source], list[Path], list[str]]:
    """(the runs that a mapping reads in files and folders, the files that it leaves out, why others
    cannot be read). Refuses when none is left."""
    from failure_analysis.reading import mapping_file

    spec = mapping_file.load(mapping_path)
    candidates = list(_candidates(paths, spec))
    taken = [path for path, _ in candidates]
    joined = {os.path.realpath(other) for path in taken for join in spec.join
              for other in _joined(join, path, spec) if other != path}
    taken = [path for path in taken if os.path.realpath(path) not in joined]
    named = {path for path, is_named in candidates if is_named}
    kept, unreadable = [], []
    for path in taken:
        try:
            containers.is_table(path)
            if path in named or len(taken) == 1 or has_rows(path, spec):
                kept.append(path)
        except files.Refusal as refusal:
            if path in named and len(taken) == 1:
                raise
            unreadable.append(str(refusal))
    bad = {text.split(": ")[0] for text in unreadable}
    kept = kept or [path for path in taken if path.as_posix() not in bad]
    if not kept:
        raise files.Refusal(unreadable[0] if unreadable else _nothing(paths, spec))
    given = {*map(os.path.realpath, (*kept, mapping_path)), *joined}
    ignored = [path for path in _files(paths) if os.path.realpath(path) not in given
               and path.as_posix() not in bad]
    benchmark = spec.benchmark or files.bare_name(kept[0]).rsplit(".", 1)[0]
    return sources(kept, spec, benchmark), ignored, unreadable


def joined_with(spec: "mapping_file.Mapping", paths: Iterable[Path]) -> set[str]:
    """The real paths of the files that files of a format are joined with, which are no runs."""
    return {os.path.realpath(other) for path in paths for join in spec.join
            for other in _joined(join, path, spec) if not _is_same(other, path)}


def _is_same(one: Path, other: Path) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def of_format(name: str, spec: "mapping_file.Mapping", paths: dict[Path, str], joined: set[str],
              elsewhere: set[str]) -> list[Source]:
    """The runs in files of a format, each with what it was recognised by, but for those that its
    other files are joined with, or (`elsewhere`) files of other formats."""
    free = [path for path in paths if os.path.realpath(path) not in elsewhere]
    taken = [path for path in free if os.path.realpath(path) not in joined] or free
    if not taken:
        return []
    made = sources(taken, spec, spec.benchmark or name)
    return [replace(source, format=name, why=paths.get(source.path, paths[taken[0]]))
            for source in made]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """All files that were named, or are below a folder that was."""
    for path in paths:
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path


def files_below(folder: Path) -> list[Path]:
    """The files below a folder, without what our scripts wrote there."""
    below = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    made = {path.parent for path in below if path.name == manifest.NAME
            and (path.parent / steps.OUTCOMES).exists()}
    return [path for path in below if not (path.parent in made and path.name in _OURS)]


def _candidates(paths: Sequence[Path], spec: "mapping_file.Mapping"
                ) -> Iterator[tuple[Path, bool]]:
    """(file, whether it was named itself) for the files that `files` of the mapping takes, or,
    without it, whose name ends as those do that can be read."""
    for path in paths:
        if not path.is_dir():
            if spec.files is None or any(path.match(glob.removeprefix("**/") or "*")
                                         for glob in spec.files):
                yield path, True
        elif spec.files is None:
            below = dict.fromkeys(files_below(path))
            yield from ((child, False) for child in below
                        if files.bare_name(child).lower().endswith(containers.ENDINGS)
                        and (child.name == files.bare_name(child)
                             or child.with_suffix("") not in below))
        else:
            hits = {child for glob in spec.files for child in path.glob(glob)}
            yield from ((child, True) for child in files_below(path) if child in hits)


def _joined(join: "mapping_file.Join", path: Path, spec: "mapping_file.Mapping") -> list[Path]:
    """The files of a join for those of a file; none where there are none."""
    try:
        return joins.paths(join, file_scope(path, spec))
    except files.Refusal:
        return []


def _nothing(paths: Sequence[Path], spec: "mapping_file.Mapping") -> str:
    wanted = f"matches files: {', '.join(spec.files)}" if spec.files else \
        f"ends in {', '.join(containers.ENDINGS)} (.gz, .zst)"
    return f"{', '.join(path.as_posix() for path in paths)}: no file in it {wanted}"


def sources(paths: Sequence[Path], spec: "mapping_file.Mapping", benchmark: str) -> list[Source]:
    """The runs in files: each file is one, but where rows, or their path, name the run, or a file
    holds a single row; then all files are read together."""
    plain = [_source(path, name, spec, benchmark)
             for path, name in zip(paths, _names(paths), strict=True)]
    if len(plain) < 2:
        return plain
    scope = file_scope(paths[0], spec)
    if spec.fields.run_id is None and "run" not in scope and not _is_one_row(paths, spec):
        return plain
    joined = tuple(dict.fromkeys(path for source in plain for path in source.files[1:]))
    folder = Path(*_common(paths))
    return [replace(plain[0], path=folder, run_id=folder.name or benchmark,
                    files=(*paths, *joined), mapping=Mapped(spec, tuple(paths)))]


def _names(paths: Sequence[Path]) -> list[str]:
    """What the runs of the files are called: as the files, or, where some of these are called the
    same and the folders are not, as the folders."""
    stems = [files.bare_name(path).rsplit(".", 1)[0] for path in paths]
    beside = Counter((path.parent, stem) for path, stem in zip(paths, stems, strict=True))
    stems = [path.name if beside[path.parent, stem] > 1 else stem
             for path, stem in zip(paths, stems, strict=True)]
    folders = [path.absolute().parent.name for path in paths]
    is_told = len(set(stems)) == len(stems) or len(set(folders)) < len(folders)
    return stems if is_told else folders


def _source(path: Path, name: str, spec: "mapping_file.Mapping", benchmark: str) -> Source:
    file = file_scope(path, spec)
    joined = dict.fromkeys(other for join in spec.join for other in joins.paths(join, file)
                           if other != path)
    return Source(
        format=mapping.NAME, path=path, run_id=name, model_name="", benchmark=benchmark,
        why="read through the mapping", files=(path, *joined), threshold=spec.threshold,
        mapping=Mapped(spec, (path,)), gradings=(path,) if spec.grading_of else (),
        labels=spec.labels)


def _common(paths: Sequence[Path]) -> tuple[str, ...]:
    """The folders that all paths are below."""
    shared = []
    for parts in zip(*(path.parent.parts for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)


def _is_one_row(paths: Sequence[Path], spec: "mapping_file.Mapping") -> bool:
    """Whether the first files hold one row each, and name its model."""
    if spec.fields.model_name is None and "model" not in file_scope(paths[0], spec):
        return False
    for path in paths[:3]:
        if containers.is_table(path):
            return False
        plan = mapping_plan.compiled(path, spec, Counts())
        rows = 0
        for document in containers.documents(path):
            try:
                rows += sum(1 for _ in zip(mapping.rows_of(document.value, plan), "12",
                                           strict=False))
            except Failed:  # such a document is a rejected row, whatever is read with it
                rows += 1
            if rows > 1:
                return False
    return True


def has_rows(path: Path, spec: "mapping_file.Mapping") -> bool:
    """Whether the first rows of a file have an item where the mapping says."""
    source = Source(mapping.NAME, path, "", "", "", "", (path,), mapping=Mapped(spec, (path,)))
    return any(line.fields is not None for line in islice(mapping.read(source), _MOST_TRIED))


def keys_of(paths: list[Path], most: int = 12) -> str:
    """The keys that the first records of files have, for a message; "" when none can be read."""
    keys: dict[str, None] = {}
    for path in islice(_readable(paths), 3):
        try:
            for document in islice(containers.documents(path), 5):
                value = document.value[0] if isinstance(document.value, list) and \
                    document.value else document.value
                keys |= dict.fromkeys(map(shown, value)) if isinstance(value, dict) else {}
        except files.Refusal:
            continue
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(islice(keys, most)) + more


def _readable(paths: list[Path]) -> Iterator[Path]:
    """The files that look as if they could be read."""
    for path in paths:
        for child in sorted(path.rglob("*")) if path.is_dir() else (path,):
            if child.is_file() and files.bare_name(child).lower().endswith(containers.ENDINGS):
                yield child

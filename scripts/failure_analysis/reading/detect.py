"""Which format is this? Each answer says what it was concluded from."""

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from failure_analysis import remote
from failure_analysis.clean import clean_name
from failure_analysis.datapoint import safe_id
from failure_analysis.files import Refusal, bare_name, open_bytes, sha256, unpacking_errors
from failure_analysis.formats import agent_journals, bee_run, judged
from failure_analysis.patterns import re_compile
from failure_analysis.reading import claims, mapped_inputs, mapping
from failure_analysis.reading.claims import Inputs
from failure_analysis.reading.path_counts import Counts
from failure_analysis.records import Grading, Line, Source

_SMALL = 1000  # bytes
_NEVER_COPIES = (judged.NAME, mapping.NAME, agent_journals.NAME)
# File names that are no names of models.
_NAMES_NONE = re_compile(
    r"(?i)(all|the|final|my|test|eval|model|agent|full)?[_-]?(results?|outputs?|samples?|runs?|data"
    r"|logs?|pred(iction)?s|eval(uation)?s?|reports?|rows|answers?|responses?|tests?|trajectories"
    r"|traces?|simulations?|trials?|bee)?[_-]?\d*")
_MODULES = {module.NAME: module for module in claims.MODULES}
_MOST_PLACED = 8  # benchmarks that are named with a place each


def read(source: Source, counts: Counts | None = None) -> Iterator[Line] | Iterator[Grading]:
    """The rows of a source, or its gradings; what the paths of a mapping meet is added to
    `counts`."""
    if source.mapping is not None:
        return mapping.read(source, counts)
    return _MODULES[source.format].read(source)


def from_inputs(paths: list[Path], mapping_file: Path | None, benchmark: str = "") -> Inputs:
    """The runs in files and folders; refuses a path that holds nothing known. `benchmark`, here and
    below, is what judged runs that state none are of."""
    paths = [remote.local(path) for path in paths]
    for path in paths:
        if not path.exists():
            raise Refusal(f"{path}: no such file or folder")
    if mapping_file is not None:
        sources, ignored, unreadable = mapped_inputs.find(paths, mapping_file)
        return _finished(Inputs(sources, [], ignored, unreadable))
    return _finished(claims.of(paths), benchmark)


def readable(paths: list[Path], mapping_file: Path | None) -> list[Source]:
    """The runs in files and folders, for work that needs all of them: refuses when one cannot be
    read."""
    inputs = from_inputs(paths, mapping_file)
    if inputs.unreadable:
        raise Refusal(f"{inputs.unreadable[0]} (mend it or leave it out)")
    return inputs.sources


def from_run_dirs(folders: list[Path], benchmark: str = "") -> Inputs:
    """The judged runs in the given folders, each of which must hold one."""
    inputs = Inputs()
    for folder in map(remote.local, folders):
        if not folder.is_dir():
            raise Refusal(f"{folder}: no such folder")
        why = judged.matches(folder)
        if why is None:
            seen = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
            raise Refusal(f"{folder}: no judged run; openai_judged.jsonl, any *_judged.jsonl "
                          f"or transcript.jsonl was expected, found {seen}; other formats go "
                          "through --input")
        inputs.sources += judged.sources(folder, why)
    return _finished(inputs, benchmark)


def from_comparison(folder: Path, benchmark: str = "") -> Inputs:
    """The judged runs named in the column run_dir of `run_results.csv`."""
    table = folder / "run_results.csv"
    if not table.is_file():
        raise Refusal(f"{table}: not there; a comparison folder holds run_results.csv with a "
                      "column run_dir")
    folders = []
    try:
        with io.TextIOWrapper(open_bytes(table), "utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if "run_dir" not in (reader.fieldnames or ()):
                named = ", ".join(map(str, reader.fieldnames or ())) or "nothing"
                raise Refusal(f"{table}:1: no column run_dir; found {named}")
            for number, row in enumerate(reader, 2):
                folders.append(_run_dir(table, number, (row["run_dir"] or "").strip()))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Refusal(f"{table}: not a CSV in UTF-8 ({error})") from None
    if not folders:
        raise Refusal(f"{table}: lists no run")
    return from_run_dirs(list(dict.fromkeys(folders)), benchmark)


def _run_dir(table: Path, number: int, text: str) -> Path:
    """A listed folder: absolute, or relative to the table's folder or one above it."""
    if not text:
        raise Refusal(f"{table}:{number}: run_dir is blank")
    path = Path(text)
    if path.is_absolute():
        candidates = [path]
    else:
        here = table.absolute().parent
        candidates = [table.parent / path, *(above / path for above in here.parents)]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise Refusal(f"{table}:{number}: run_dir {text} does not exist (looked from the table's "
                  "folder and the folders above it); correct it or pass --run-dir")


def _finished(inputs: Inputs, benchmark: str = "") -> Inputs:
    if not inputs.sources:
        raise Refusal("only further gradings were given; pass the runs that they grade too")
    inputs.sources = bee_run.named(judged.named(inputs.sources, benchmark))
    names = sorted({source.benchmark for source in inputs.sources} - {""})
    if len(names) > 1:
        raise Refusal(f"the inputs are of {len(names)} benchmarks ({_told(inputs.sources)}); one "
                      "analysis is of one benchmark: run it once for each")
    inputs.sources = _named_apart(_told_apart(_one_per_answer(inputs.sources)))
    inputs.gradings += [replace(source, path=path, files=(path,), grades=True)
                        for source in inputs.sources for path in source.gradings]
    several = sum(source.mapping is not None for source in inputs.sources) > 1
    for place, run_id in enumerate(_unique_ids(inputs.sources)):
        source = inputs.sources[place]
        prefix = f"{run_id}." if several and source.mapping is not None else ""
        inputs.sources[place] = replace(source, run_id=run_id, run_prefix=prefix,
                                        benchmark=clean_name(source.benchmark),
                                        model_name=clean_name(source.model_name or run_id))
    inputs.rowless = judged.without_rows(inputs.sources)
    return _by_address(inputs) if remote.given() else inputs


def _by_address(inputs: Inputs) -> Inputs:
    """The inputs, of which what is said names files by their addresses."""
    named = remote.named
    inputs.sources = [replace(source, why=named(source.why),
                              remarks=tuple(map(named, source.remarks)),
                              differences=tuple(map(named, source.differences)))
                      for source in inputs.sources]
    inputs.unreadable = list(map(named, inputs.unreadable))
    inputs.rowless = list(map(named, inputs.rowless))
    return inputs


def _told(sources: list[Source]) -> str:
    """The benchmarks of the sources, each with where it was first seen; of many their names alone.
    """
    first: dict[str, Path] = {}
    for source in sources:
        if source.benchmark:
            first.setdefault(source.benchmark, source.path)
    if len(first) > _MOST_PLACED:
        return ", ".join(sorted(first))
    return "; ".join(f"{name}: {path}" for name, path in sorted(first.items()))


def _one_per_answer(sources: list[Source]) -> list[Source]:
    """The sources without judged files that grade the answers of another one given: two judges of
    one model in one folder are one run; the other judge's file becomes a further grading."""
    records: dict[tuple, Source] = {}
    for source in sources:
        if source.format == judged.NAME:
            key = (os.path.realpath(source.path.parent), source.model_name)
            first = records.setdefault(key, source)
            if judged.rank(source.path) < judged.rank(first.path):
                records[key] = source
    kept = set(map(id, records.values()))
    given_twice = len({os.path.realpath(source.path) for source in sources}) < len(sources)
    return sources if given_twice else [
        source for source in sources if source.format != judged.NAME or id(source) in kept]


def _told_apart(sources: list[Source]) -> list[Source]:
    """The sources; a run of a known format whose file is a copy of another one's says so: packed
    beside it, kept as the best one, or given to where the next step's answers are made."""
    alone = [(path, place) for place, source in enumerate(sources)
             if source.format not in _NEVER_COPIES and not source.grades
             for path in (source.mapping.paths if source.mapping else source.files[:1])
             if source.mapping or len(source.files) == 1]
    looks = Counter(look for path, _ in alone for look in _looks(path))
    first: dict[str, Path] = {}
    told = list(sources)
    for path, place in alone:
        if any(looks[look] > 1 for look in _looks(path)):
            other = first.setdefault(_unpacked(path), path)
            if other != path:
                told[place] = _copied(told[place], path, other)
    return told


def _copied(source: Source, path: Path, other: Path) -> Source:
    """The source, with what is said of a copy. Of many files that are read together, those in other
    folders may be of other models, which answered all in the same words; small ones often are."""
    if source.mapping and len(source.mapping.paths) > 1 and path.parent != other.parent:
        if path.stat().st_size < _SMALL:
            return source
        return replace(source, remarks=(*source.remarks, f"{path} is byte for byte {other}: two "
                                        "models with the same answers, or one run copied"))
    return replace(source, differences=(
        *source.differences, f"{path} is a copy of {other}, byte for byte: the same rows count "
        "twice; leave one out"))


def _looks(path: Path) -> tuple[str, str]:
    """What two files have in common where one may be a copy of the other: their size, or their
    place and name but for how they are packed."""
    return str(path.stat().st_size), (path.parent / bare_name(path)).as_posix()


def _unpacked(path: Path) -> str:
    """A hash of what is in a file."""
    digest = hashlib.sha256()
    try:
        with open_bytes(path) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except unpacking_errors():
        return sha256(path)
    return digest.hexdigest()


def _named_apart(sources: list[Source]) -> list[Source]:
    """The sources; where files that record no model are called the same, and that names none
    (results, run1), their folders do."""
    stems = Counter(source.run_id for source in sources)
    folders = {source.run_id: set() for source in sources}
    for source in sources:
        folders[source.run_id].add(source.path.absolute().parent.name)
    return [replace(source, model_name=source.path.absolute().parent.name)
            if source.mapping is None and source.model_name == source.run_id
            and _NAMES_NONE.fullmatch(source.run_id)
            and stems[source.run_id] == len(folders[source.run_id]) > 1 else source
            for source in sources]


def _unique_ids(sources: list[Source]) -> list[str]:
    """Readable run ids: the folder's or file's name, with as many folders above it as it takes to
    tell equal names apart; the same path given twice is refused."""
    paths = [os.path.realpath(source.path) for source in sources]
    if len(set(paths)) < len(paths):
        twice = Counter(paths).most_common(1)[0][0]
        raise Refusal(f"{twice}: given twice; each run counts once")
    names = [source.run_id for source in sources]
    above = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]
    above = [os.path.dirname(folder) if os.path.basename(folder) == name else folder
             for folder, name in zip(above, names, strict=True)]
    while equal := _in_several_folders(names, above):
        for place, name in enumerate(names):
            folder = os.path.basename(above[place])
            if name in equal and folder:
                names[place] = f"{folder}.{name}"
                above[place] = os.path.dirname(above[place])
    seen: Counter = Counter()
    for place, name in enumerate(names):  # x.json beside x.json.gz
        seen[name] += 1
        names[place] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return [safe_id(name) for name in names]


def _in_several_folders(names: list[str], above: list[str]) -> set[str]:
    """The names that several runs have, and folders above them can tell apart."""
    folders: dict[str, set[str]] = {}
    for name, folder in zip(names, above, strict=True):
        folders.setdefault(name, set()).add(folder)
    return {name for name, different in folders.items() if len(different) > 1}

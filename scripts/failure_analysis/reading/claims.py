"""Which format each file is of. A format claims the files that it holds and no others; what two
formats claim is refused, and what none claims is named."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.files import Refusal
from failure_analysis.formats import (
    agent_journals,
    agentdojo,
    bee_run,
    bfcl,
    judged,
    tau2_bench,
    tau2_judges,
    tau_bench,
    zeroeval,
)
from failure_analysis.journals import places as journal_places
from failure_analysis.reading import containers, format_files, mapped_inputs
from failure_analysis.records import Source

# Formats that are no tables; those that are, are mapping files (see format_files).
MODULES = (judged, tau2_bench, tau_bench, agentdojo, bee_run, agent_journals, tau2_judges, zeroeval,
           bfcl)


_folder = lru_cache(1024)(os.path.realpath)


def _real(path: Path) -> str:
    """The real path of a file, its folder looked up once."""
    return os.path.realpath(path) if path.is_symlink() else \
        os.path.join(_folder(os.path.dirname(path)), path.name)


@dataclass
class Inputs:
    """The runs and further gradings found, the files that were passed over, why files that look
    like runs could not be read, and the folders beside runs that have no rows (`rowless`)."""

    sources: list[Source] = field(default_factory=list)
    gradings: list[Source] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    rowless: list[str] = field(default_factory=list)


@dataclass
class _Claimed:
    """What was claimed so far: sources with the place that orders them; per format that is a
    mapping file the files with what they were recognised by; the real paths that are spoken for."""

    sources: list[tuple[Path, Source]] = field(default_factory=list)
    mapped: dict[str, dict[Path, str]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    free: list[Path] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def hold(self, place: Path, source: Source) -> None:
        """Adds a source, and speaks for its files."""
        self.sources.append((place, source))
        self.held.update(map(_real, (*source.files, *source.gradings)))


class _Tree(NamedTuple):
    """The folders below an input that are judged runs, and those with journals in or below them."""

    judged: frozenset[Path] = frozenset()
    journals: frozenset[Path] = frozenset()

    def has_beside(self, file: Path) -> bool:
        """Whether a file stands beside a run, where agents and harnesses leave many others."""
        return (file.parent in self.judged and judged.is_companion(file)) or \
            file.parent in self.journals


def of(paths: Sequence[Path]) -> Inputs:
    """What the files and folders hold. A path that holds nothing known is unreadable beside others
    that do."""
    claimed, inputs = _Claimed(), Inputs()
    for path in paths:
        if _is_other_half(path, claimed):
            continue
        before = _count(claimed)
        reasons = len(claimed.unreadable)
        _take(path, claimed)
        if _count(claimed) == before and len(claimed.unreadable) == reasons:
            claimed.unreadable.append(f"{path}: {_nothing_known(path)}")
    joined = _sources(claimed, inputs)
    for _, source in sorted(claimed.sources, key=lambda placed: placed[0]):
        (inputs.gradings if source.grades else inputs.sources).append(source)
    inputs.sources = tau2_bench.lend(inputs.sources)
    if not inputs.sources and not inputs.gradings:
        raise Refusal(claimed.unreadable[0])
    inputs.unreadable = claimed.unreadable
    inputs.ignored = [path for path in claimed.free
                      if _real(path) not in claimed.held | joined]
    return inputs


def known() -> list[tuple[str, str]]:
    """(name, what it is) of every format that is recognised, by name."""
    return sorted([*((module.NAME, module.ABOUT) for module in MODULES),
                   *((each.name, each.about) for each in format_files.formats())])


def _is_other_half(path: Path, claimed: _Claimed) -> bool:
    """Whether a file that is named is read with the rows of a run already, which another names."""
    real = _real(path)
    return path.is_file() and real in claimed.held and any(
        real in map(os.path.realpath, source.files) and real != os.path.realpath(source.path)
        for _, source in claimed.sources)


def _count(claimed: _Claimed) -> int:
    return len(claimed.sources) + sum(map(len, claimed.mapped.values()))


def _take(path: Path, claimed: _Claimed) -> None:
    """Adds what a path holds: trees as a whole, then each file that is in none of them."""
    below, tree = [path], _Tree()
    if path.is_dir():
        below = mapped_inputs.files_below(path)
        tree = _take_trees(path, below, claimed)
    for file in below:
        if _real(file) in claimed.held and path.is_dir():
            continue
        reasons = len(claimed.unreadable)
        _take_file(file, claimed, is_named=not path.is_dir(), is_beside=tree.has_beside(file))
        if tree.journals and len(claimed.unreadable) > reasons:
            # Agents that failed early leave half-written files, which were not given as runs.
            del claimed.unreadable[reasons:]
            claimed.free.append(file)


def _take_trees(path: Path, below: Sequence[Path], claimed: _Claimed) -> _Tree:
    """Adds the folders that are runs by what is in them."""
    judged_folders, before = set(), len(claimed.sources)
    for folder in sorted({file.parent for file in below if judged.is_named_so(file)}):
        if why := judged.matches(folder):
            judged_folders.add(folder)
            for source in judged.sources(folder, why):
                claimed.hold(folder, source)
    for module in (agentdojo, agent_journals, bfcl):
        if why := module.matches(path):
            for source in module.sources(path, why):
                claimed.hold(path, source)
    _alone([source for _, source in claimed.sources[before:]])
    return _Tree(frozenset(judged_folders), frozenset(
        folder for file in below if journal_places.FILE_NAME.fullmatch(file.name)
        for folder in (file.parent, *file.parent.parents)
        if folder == path or path in folder.parents))


def _alone(sources: Sequence[Source]) -> None:
    """Refuses when the first file of a tree is also of a format that is a mapping file. The others
    are not asked: a tree has thousands."""
    first: dict[str, Path] = {}
    for source in sources:
        first.setdefault(source.format, source.files[0])
    for name, path in first.items():
        if others := list(_mapped_claims(path)):
            _refuse(path, [(name, "its folder is one"), *others])


def _take_file(path: Path, claimed: _Claimed, is_named: bool, is_beside: bool) -> None:
    """Adds the source that a file is; what is none is free, or unreadable."""
    claims: list[tuple[Any, str]] = [(module, why) for module in MODULES
                                     if (why := module.matches(path)) is not None]
    is_data = files.bare_name(path).lower().endswith(containers.ENDINGS)
    mapped = []
    if is_named or is_data:
        try:
            mapped = list(_mapped_claims(path))
        except Refusal as refusal:
            if not claims and not is_beside and (is_named or not containers.is_empty(path)):
                claimed.unreadable.append(str(refusal))
                return
    if len(claims) + len(mapped) > 1:
        _refuse(path, [*((module.NAME, why) for module, why in claims), *mapped])
    for module, why in claims:
        for source in module.sources(path, why):
            claimed.hold(path, source)
    for name, why in mapped:
        if path in claimed.mapped.setdefault(name, {}):
            raise Refusal(f"{path}: given twice; each run counts once")
        claimed.mapped[name][path] = why
    if not claims and not mapped and not is_beside:
        claimed.free.append(path)


def _mapped_claims(path: Path) -> Iterator[tuple[str, str]]:
    return ((format_file.name, why) for format_file, why in format_files.matches(path))


def _refuse(path: Path, claims: Sequence[tuple[str, str]]) -> None:
    said = " and ".join(f"{name} ({why})" for name, why in claims)
    raise Refusal(f"{path}: of {len(claims)} formats, {said}; say which it is with --mapping: "
                  "a copy of its file in templates/formats/, or a benchmark.yaml of your own")


def _sources(claimed: _Claimed, inputs: Inputs) -> set[str]:
    """Adds the runs in files of formats that are mapping files; returns the real paths of what
    these are joined with: the files that one format takes so are no runs of another."""
    specs = {name: format_files.mapping_of(name) for name in claimed.mapped}
    joined = {name: mapped_inputs.joined_with(specs[name], paths)
              for name, paths in claimed.mapped.items()}
    for name, paths in claimed.mapped.items():
        elsewhere = set().union(*(held for other, held in joined.items() if other != name))
        inputs.sources += mapped_inputs.of_format(name, specs[name], paths, joined[name],
                                                  elsewhere)
    return set().union(*joined.values())


def _nothing_known(path: Path) -> str:
    """What is in a path that no format knows, and what to do."""
    keys = mapped_inputs.keys_of([path])
    seen = f"; its records have the keys {keys}" if keys else ""
    near = format_files.nearest(path) if path.is_file() else ""
    what = "nothing in this folder is of a known format" if path.is_dir() else \
        "this file is of no known format"
    return (f"{what}{seen}{f' ({near})' if near else ''}. For another shape, check_mapping.py "
            f"{path} --propose drafts a benchmark.yaml to pass as --mapping; check_mapping.py "
            "--formats lists the formats that need none")

"""What a benchmark is called: as its runs say, else as the folder that they lie in."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from failure_analysis.patterns import re_compile
from failure_analysis.records import Source

_KEYS = ("benchmark_name", "benchmark")
# Objects in which runs keep what holds for all of their rows.
_AROUND = ("metadata", "meta", "config", "run_config", "settings", "info", "context")
_LONGEST = 200
# Folders that name no benchmark.
_WORDS = ("runs?|results?|outputs?|out|judged?|judges?|judgements?|logs?|data|datasets?|evals?"
          "|evaluations?|comparisons?|compared?|benchmarks?|bench|experiments?|exp|artifacts?"
          "|transcripts?|conversations?|tests?|tmp|temp|home|users?|work|workspaces?|root|var|mnt"
          "|opt|srv|private|downloads?|documents|desktop|projects?|repos?|src|models?|agents?"
          "|reports?|analysis|analyses|archives?|files?|inputs?|latest|final|all|new|old|my|the|t|z")
_GENERIC = re_compile(rf"[\W\d_]*(?:(?:{_WORDS})[\W\d_]+)*(?:{_WORDS})?", re.IGNORECASE)


def stated(*objects: Any) -> str:
    """The benchmark that the first of some objects names, at its top or in what stands around a
    run's settings; blank when none does."""
    for value in objects:
        if not isinstance(value, Mapping):
            continue
        inner = (value[name] for name in _AROUND if isinstance(value.get(name), Mapping))
        for place in (value, *inner):
            for key in _KEYS:
                named = place.get(key)
                named = named.get("name") if isinstance(named, Mapping) else named
                if isinstance(named, str) and named.strip():
                    return " ".join(named.split())[:_LONGEST]
    return ""


def of_folders(folders: Sequence[Path], otherwise: str) -> str:
    """The name of the nearest folder above all of these that is no generic word."""
    real = sorted({os.path.realpath(folder) for folder in folders})
    try:
        common = Path(os.path.commonpath([os.path.dirname(folder) for folder in real]))
    except ValueError:  # on different drives
        return otherwise
    ends = {Path.home().resolve(), Path(common.anchor)}
    for folder in (common, *common.parents):
        if folder in ends:
            break
        if not _GENERIC.fullmatch(folder.name):
            return folder.name
    return otherwise


def filled(sources: Sequence[Source], name: str,
           otherwise: Callable[[Sequence[Source]], str]) -> list[Source]:
    """The sources; those of a format that state no benchmark are of the one that the others of it
    state, or that is theirs otherwise. Where these state several, they stay without."""
    mine = [source for source in sources if source.format == name]
    said = {source.benchmark for source in mine} - {""}
    if len(said) > 1 or all(source.benchmark for source in mine):
        return list(sources)
    benchmark = said.pop() if said else otherwise(mine)
    return [replace(source, benchmark=benchmark)
            if source.format == name and not source.benchmark else source for source in sources]

"""Two axial codings over one codebook, compared sample by sample: how each code's share changed,
and which samples moved. A failing sample that passes in the other run has no code there."""

import json
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import files
from failure_analysis.agreement.page import ranged
from failure_analysis.coding import codebook, samples
from failure_analysis.markdown import cell, code, table
from failure_analysis.statistics import holm, mcnemar, newcombe_paired, rounded

PASSED = "passed"
NAME, PAGE = "code_comparison.json", "code_comparison.md"
_MOST_SHOWN = 50


class Coded(NamedTuple):
    """How a sample was coded: `primary` and `codes` are code ids, or what is said instead of a
    code; `item` is what pairs it with another run."""

    ident: str
    item: tuple[str, Hashable]
    is_known: bool
    primary: str
    codes: frozenset[str]


class Run(NamedTuple):
    """An axial coding; `passed` are the samples that were not coded, `names` its codes by id."""

    path: Path
    samples: tuple[Coded, ...]
    passed: tuple[Coded, ...]
    names: Mapping[str, str]


def load(path: Path) -> Run:
    """An axial coding: a project's folder, or its axial_coded_*.jsonl."""
    if not path.exists():
        raise files.Refusal(f"{path}: no such file or folder; give the folder of a project of "
                            "axial_coder.py, or one axial_coded_*.jsonl")
    paths = sorted((path if path.is_dir() else path.parent).glob("axial_coded_*.jsonl"))
    paths = paths if path.is_dir() else [path] if path in paths else []
    if len(paths) != 1:
        raise files.Refusal(f"{path}: {len(paths)} axial codings in it; give the folder of a "
                            "project of axial_coder.py, or one axial_coded_*.jsonl")
    [file] = paths
    name = file.name.removeprefix("axial_coded_").removesuffix(".jsonl")
    book = codebook.load(file.with_name(f"{name}_codebook.json")).codes
    ids = {listed.code: listed.code_id for listed in book}
    passed = tuple(sample for path in sorted(file.parent.glob("passed_*.jsonl"))
                   for sample in _passed(path))
    return Run(file, tuple(_samples(file, ids)), passed,
               {listed.code_id: listed.code for listed in book})


def _passed(path: Path) -> Iterator[Coded]:
    with files.open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                passed = msgspec.json.decode(line, type=samples.Passed)
            except (msgspec.DecodeError, ValueError) as error:
                raise files.Refusal(f"{path}:{number}: not a passing sample ({error}); run "
                                    "open_coder.py again") from None
            yield Coded(passed.sample_id, (passed.item_id, passed.trial), True, PASSED, frozenset())


def _samples(path: Path, ids: Mapping[str, str]) -> Iterator[Coded]:
    with files.open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                codes = row["axial_coding"]
                named = (codes["primary_code"], *codes["secondary_codes"])
                yield Coded(row["sample_id"], (str(row["item_id"]), row.get("trial")),
                            row["axial_state"] == "ok", ids.get(named[0], named[0]),
                            frozenset(ids[name] for name in named if name in ids))
            except (ValueError, KeyError, TypeError) as error:
                raise files.Refusal(f"{path}:{number}: not an axially coded sample ({error!r}); "
                                    "give the file that axial_coder.py wrote") from None


def compare(a: Run, b: Run) -> dict[str, Any]:
    """The change of every code of both codebooks, from a to b, over the samples that both coded, or
    one passed: the paired difference, Newcombe's interval, McNemar's mid-p, Holm-adjusted."""
    shared = [ident for ident in a.names if ident in b.names]
    if not shared:
        raise files.Refusal(f"{a.path} and {b.path} have no code in common; code the second one "
                            "with axial_coder.py --codebook and the codebook of the first")
    by, pairs, left = _paired(a, b)
    both_known = [(first, second) for first, second in pairs if first.is_known and second.is_known]
    if not both_known:
        raise files.Refusal(f"{a.path} and {b.path}: no sample is of known coding in both")
    rows = [_change(ident, b.names[ident], both_known) for ident in shared]
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"], row["p"] = rounded(p), rounded(row["p"])
    rows.sort(key=lambda row: (-abs(row["difference"]), row["code"]))
    names = {**a.names, **b.names}
    return {
        "a": a.path.as_posix(), "b": b.path.as_posix(), "paired_by": by, "pairs": len(pairs),
        "known": len(both_known), "unknown": len(pairs) - len(both_known), **left, "codes": rows,
        "only_in_a": sorted(name for ident, name in a.names.items() if ident not in b.names),
        "only_in_b": sorted(name for ident, name in b.names.items() if ident not in a.names),
        "moved": [{"sample_a": first.ident, "sample_b": second.ident,
                   "from": names.get(first.primary, first.primary),
                   "to": names.get(second.primary, second.primary)}
                  for first, second in both_known if first.primary != second.primary],
    }


class Pairing(NamedTuple):
    """The samples of two runs that belong together, and how many are left alone, by JSON key."""

    by: str
    pairs: list[tuple[Coded, Coded]]
    left: dict[str, int]


def _paired(a: Run, b: Run) -> Pairing:
    """The samples of both: the same datapoints, or else the same item and trial of two runs."""
    for by in ("ident", "item"):
        first, second = ({getattr(coded, by): coded for coded in run.samples} for run in (a, b))
        if len(first) < len(a.samples) or len(second) < len(b.samples):
            continue
        only_a, only_b = first.keys() - second.keys(), second.keys() - first.keys()
        here, there = _passing(a, by, only_b), _passing(b, by, only_a)
        first, second = {**first, **here}, {**second, **there}
        keys = [key for key in first if key in second]
        if keys:
            left = {"passed_in_a": len(here), "passed_in_b": len(there),
                    "samples_only_in_a": len(only_a) - len(there),
                    "samples_only_in_b": len(only_b) - len(here)}
            return Pairing("sample" if by == "ident" else "item and trial",
                           [(first[key], second[key]) for key in keys], left)
    raise files.Refusal(f"{a.path} and {b.path} have no sample in common, and their items and "
                        "trials pair none; code the same datapoints, or one run of the same items")


def _passing(run: Run, by: str, keys: Collection[Hashable]) -> dict[Hashable, Coded]:
    """The samples of a run that passed, for keys of the other run that fit one of them alone."""
    times = Counter(getattr(passed, by) for passed in run.passed)
    return {key: passed for passed in run.passed
            if (key := getattr(passed, by)) in keys and times[key] == 1}


def _change(ident: str, name: str, pairs: list[tuple[Coded, Coded]]) -> dict[str, Any]:
    """How one code's share changed."""
    lost = [a.ident for a, b in pairs if ident in a.codes and ident not in b.codes]
    gained = [b.ident for a, b in pairs if ident in b.codes and ident not in a.codes]
    both = sum(ident in a.codes and ident in b.codes for a, b in pairs)
    less, more = len(lost), len(gained)
    interval = newcombe_paired(both, more, less, len(pairs) - both - more - less)
    return {"code": name, "code_id": ident, "in_a": both + less, "in_b": both + more,
            "difference": rounded((more - less) / len(pairs)),
            "interval": [rounded(limit) for limit in interval], "p": mcnemar(less, more).mid_p,
            "gained": gained, "lost": lost}


def page(result: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    pairs = result["known"]
    rows = [[code(row["code"]), row["in_a"], row["in_b"],
             ranged(row["difference"], row["interval"], "+.2f"), len(row["gained"]),
             len(row["lost"]), row["p_holm"]] for row in result["codes"]]
    parts = [
        "# Codes compared",
        f"A: {code(result['a'])}\n\nB: {code(result['b'])}",
        f"{pairs} pairs of known coding, paired by {result['paired_by']}; {result['unknown']} "
        f"pairs unknown. {result['passed_in_b']} samples of A pass in B and "
        f"{result['passed_in_a']} of B pass in A: they have no code there. "
        f"{result['samples_only_in_a']} samples of A and {result['samples_only_in_b']} of B were "
        "not coded in the other one. A difference whose interval holds 0 may be chance, or the "
        "coder's own unsteadiness: see the second coding in both cards.",
        table(["code", "A", "B", "difference", "gained", "lost", "p (Holm)"], rows)]
    for which, names in (("A", result["only_in_a"]), ("B", result["only_in_b"])):
        if names:
            parts.append(f"Only in the codebook of {which}, so that no change can be given: "
                         + ", ".join(map(code, names)) + ".")
    moved = result["moved"]
    lines = [f"- {code(move['sample_b'])}: {code(move['from'])} → {code(move['to'])}"
             for move in moved[:_MOST_SHOWN]]
    if len(moved) > _MOST_SHOWN:
        lines.append(f"- {len(moved) - _MOST_SHOWN} more in {cell(NAME)}")
    parts.append(f"## Another primary code: {len(moved)} of {pairs}")
    parts += ["\n".join(lines)] if lines else []
    return "\n\n".join(parts) + "\n"

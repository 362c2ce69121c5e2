"""Our own JSON results: the one way to read them, and what their readers rely on, as msgspec holds
it against a file. Keys that nobody reads may be there and be anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import msgspec
from msgspec import Meta

from failure_analysis import files
from failure_analysis.patterns import re_compile

_KINDS = {"array": "list", "object": "object", "int": "whole number", "float": "number",
          "str": "text", "bool": "true or false", "null": "null"}
_EXPECTED = re_compile(r"Expected `([a-z |]+)`, got `\w+`")
_LACKING = re_compile(r"Object missing required field `(\w+)`")
_TESTED = {"p", "p_holm", "difference", "interval", "method", "detectable"}  # of a pair


def read(path: Path, shape: Any, script: str, todo: str = "") -> Any:
    """The document of this shape in one of our files; refuses with what is wrong in it and the
    script that makes the file anew, or what else is to be done."""
    todo = todo or f"run {script} again"
    try:
        line = files.json_document(path)
    except files.Damaged as damage:
        raise files.Damaged(f"{damage}; {todo}") from None
    fault = "it holds a number beyond all that JSON can carry" if line.nulled else \
        unlike(line.value, shape) or contradiction(line.value, shape)
    if fault:
        raise files.Damaged(f"{path}: {fault} (damaged, or of another version); {todo}")
    return line.value


def unlike(value: Any, shape: Any) -> str:
    """What in a value has not a shape, in words; blank when all of it has."""
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        place = place.rstrip("`").lstrip(".") or "it"
        if match := _LACKING.fullmatch(what):
            return f"{place} has no {match[1]}"
        if match := _EXPECTED.fullmatch(what):
            kinds = [_KINDS.get(kind, kind) for kind in match[1].split(" | ")]
            return f"{place} is no {' and no '.join(kinds)}"
        return f"{place} is not as it should be ({what[0].lower()}{what[1:]})"
    return ""


def contradiction(value: Mapping[str, Any], shape: Any) -> str:
    """What in a document of this shape names something that is not in it, or lacks what goes with
    something that is; blank when nothing does."""
    if shape is Versions:
        letters = {version["version"] for version in value["versions"]}
        if any(letter not in letters for policy in value["policies"]
               for letter in policy["versions"]):
            return "policies name a version that versions have not"
    if shape is Clusters:
        if any(mode["models"].keys() != mode["examples"].keys() for mode in value["modes"]):
            return "the models of a mode and those of its examples are not the same"
        if value["modes"] and value["other_share"] is None:
            return "other_share is null, and there are modes"
    return _in_comparison(value) if shape is Comparison else ""


def _in_comparison(compared: Mapping[str, Any]) -> str:
    """The contradiction of a comparison, if there is one."""
    every = [compared["sets"], *compared["readings"].values(),
             *(group["sets"] for group in compared["groups"])]
    if any(sets["unique_fail"].keys() != sets["unique_pass"].keys() for sets in every):
        return "unique_fail and unique_pass are not of the same units"
    if any(sets["unique_fails_by_chance"]
           and sets["unique_fails_by_chance"]["units"].keys() != sets["unique_fail"].keys()
           for sets in every):
        return "unique_fail and what chance gives of it are not of the same units"
    if any(sets["failed_by_all"] and not sets["failed_by_all_by_chance"] for sets in every):
        return "items failed by all stand without what chance gives"
    if any(len(_TESTED & pair.keys()) not in (0, len(_TESTED)) for pair in compared["pairs"]):
        return "a pair has a part of its test alone"
    if any(entry["variants"].keys() != entry["versions"].keys()
           for entry in compared["failed_under_every_content"]):
        return "the variants of an item and their versions are not the same"
    return ""


Count = Annotated[int, Meta(ge=0, le=1 << 53)]
Some = Annotated[int, Meta(ge=1, le=1 << 53)]
Names = list[str]
Interval = tuple[float, float]
Facts = dict[str, float]  # facts.json


# Settings in manifest.json, of steps that the check runs again

class ComparedWith(TypedDict):
    """What compare_models.py was run with."""

    by: Literal["model", "run"] | None
    seed: int


class MeasuredWith(TypedDict):
    """What measure_agreement.py was run with."""

    seed: Count
    draws: Some


# sanity.json

class _Conservation(TypedDict("_Verdicts", {"pass": Count, "fail": Count}), total=False):
    benchmark: Required[str]
    rows_read: Required[Count]
    unjudged: Required[Count]
    rejected: Required[Count]
    rejected_mostly: Required[str | None]
    cut_off: Required[bool]
    not_counted: dict[str, Count]


class _Run(TypedDict("_Verdicts", {"pass": Count, "fail": Count}), total=False):
    run_id: Required[str]
    path: str
    model_name: Required[str]
    rows: Required[Count]
    unjudged: Required[Count]
    rejected: Required[Count]
    missing_items: Required[Count]
    not_counted: Count


class _Gradings(TypedDict):
    read: Count
    joined: Count
    rejected: Count


class _Finding(TypedDict):
    text: str


class Sanity(TypedDict):
    """sanity.json."""

    conservation: _Conservation
    gradings: _Gradings | None
    items: Count
    runs: list[_Run]
    findings: list[_Finding]


# item_versions.json

_Version = TypedDict("_Version", {
    "version": Required[str], "runs": Required[Names], "items": Required[Count], "from": str,
    "until": str}, total=False)


class _Policy(TypedDict):
    policy: Count
    versions: Names
    runs: Names


class _Items(TypedDict):
    all: Count
    differing: Count
    asked: Count
    expected: Count


class _Change(TypedDict):
    run: str
    items: Names


class _Passing(TypedDict, total=False):
    versions: Required[Names]
    fingerprint: Required[str]
    passed: Required[Count]
    judged: Required[Count]
    by_model: Required[dict[str, tuple[Count, Count]]]
    ran_later: bool
    fits_other_expectation: Names


class _Repaired(TypedDict):
    item: str
    failed_in: Names
    fingerprint: str
    passed: Count
    judged: Count
    by_model: dict[str, tuple[Count, Count]]
    passed_in: list[_Passing]


class _Content(TypedDict):
    fingerprint: str
    versions: Names


class _Differing(TypedDict):
    item: str
    contents: list[_Content]


class Versions(TypedDict):
    """item_versions.json."""

    versions: list[_Version]
    items: _Items
    policies: list[_Policy]
    without_differing: Names
    changes_inside: list[_Change]
    repaired: list[_Repaired]
    differing: list[_Differing]


# clusters.json

class _Mode(TypedDict):
    mode: str
    rows: Count
    models: dict[str, Count]
    examples: dict[str, Annotated[Names, Meta(min_length=1)]]


class Clusters(TypedDict):
    """clusters.json."""

    failing_rows: Count
    other_share: float | None
    modes: list[_Mode]


# model_comparison.json

class _Chance(TypedDict):
    expected: float
    low: Count
    high: Count


class _UniqueByChance(TypedDict):
    draws: Some
    units: dict[str, _Chance]


class _Sets(TypedDict):
    failed_by_all: Names
    passed_by_all: Names
    unique_fail: dict[str, Names]
    unique_pass: dict[str, Names]
    unique_fails_by_chance: _UniqueByChance | None
    failed_by_all_by_chance: _Chance | None


class _Unit(TypedDict, total=False):
    unit: Required[str]
    items: Required[Count]
    attempts: Required[Some]
    failed: Required[Count]
    passed: Required[Count]
    pass_rate: Required[float]
    interval: Required[Interval]
    effective_attempts: Required[float]
    compared_attempts: Required[Count | None]
    compared_passed: Required[Count | None]
    not_counted: Count
    of_no_item: Count


class _TaskUnit(TypedDict):
    unit: str
    attempts: Count
    failed: Count
    passed: Count
    pass_rate: float
    interval: Interval


class _Task(TypedDict):
    task: str
    units: list[_TaskUnit]


class _Tasks(TypedDict):
    tasks: Annotated[list[_Task], Meta(min_length=1)]
    tasks_left_out: Count
    judged_without_task: Count


class _Group(TypedDict):
    units: Names
    compared_items: Count
    sets: _Sets


_Alone = TypedDict("_Alone", {"unit": str, "with": str, "shares": Count, "items": Count})


class _Variants(TypedDict):
    item: str
    variants: dict[str, Names]


class _VersionedVariants(_Variants):
    versions: dict[str, Names]


class _Partial(TypedDict):
    item: str
    lacking: Names
    failed_by: Names
    judged: Count


class _Pair(TypedDict, total=False):
    a: Required[str]
    b: Required[str]
    items: Required[Count]
    different_content: Required[Count]
    only_a_fails: Required[Count]
    only_b_fails: Required[Count]
    difference: float
    interval: Interval | None
    p: float
    p_holm: float
    method: str
    detectable: float | None


class _DimensionUnit(TypedDict):
    unit: str
    judged: Count
    failed: Count


class _Dimension(TypedDict):
    units: list[_DimensionUnit]


class _Unstable(TypedDict):
    pass_hat_k: dict[str, float]
    pass_at_k: dict[str, float]
    flip_rate: float
    always_fail: Names
    flaky: Names
    always_pass: Count


class _Judges(TypedDict):
    datapoints: Count
    split: Count


class Comparison(TypedDict):
    """model_comparison.json."""

    by: Literal["model", "run"]
    why_by: str
    repeats: bool
    items: Count
    compared_items: Count
    compared_units: Names
    not_judged: Names
    units: Annotated[list[_Unit], Meta(min_length=1)]
    different_content: list[_Variants]
    partial: list[_Partial]
    failed_under_every_content: list[_VersionedVariants]
    readings: dict[str, _Sets]
    sets: _Sets
    groups: list[_Group]
    groups_without_sets: list[Names]
    alone: list[_Alone]
    passed_outside: dict[str, Names]
    tasks: _Tasks | None
    pairs: list[_Pair]
    dimensions: dict[str, _Dimension]
    instability: dict[str, _Unstable | None] | None
    graders: dict[str, dict[str, Count]]
    judges: _Judges | None


# run_changes.json

class _Flip(TypedDict):
    item: str
    old_datapoints: Names
    new_datapoints: Names


class _Flips(TypedDict):
    harmful: list[_Flip]


class Changes(TypedDict):
    """run_changes.json."""

    flips: _Flips


# agreement.json

class _Figure(TypedDict):
    value: float | None
    interval: Interval | None


class _Compared(TypedDict):
    shared: Count
    same: Count
    status: str
    alpha: _Figure


class _Steps(TypedDict):
    shared: Count
    same: Count
    within_one: Count
    same_share: _Figure
    within_one_share: _Figure


class _Coders(TypedDict):
    coders: Names
    bucket: _Compared
    fault: _Compared
    step: NotRequired[_Steps]
    agent: NotRequired[_Compared]
    group: NotRequired[_Compared]


class _Together(TypedDict):
    readers: _Coders


class _Coder(TypedDict):
    kinds: Names


class Agreement(TypedDict):
    """agreement.json."""

    fewest_shared: Count
    reviews: Count
    groupings: NotRequired[Count]
    coders: list[_Coder]
    together: _Together
    settled: Count
    disagreements: list[Any]


class _Estimated(TypedDict):
    estimates: dict[str, dict[str, Any]]


class _Lens(_Estimated):
    confidence: float | None


class _Reason(TypedDict):
    finding: str


_Hypothesis = TypedDict("_Hypothesis", {
    "hypothesis": str, "says": str, "status": str, "score": float | None, "read": Names,
    "for": list[_Reason]})


class _System(TypedDict):
    name: str
    eval_id: str
    task: str
    samples: Count
    lenses: dict[str, _Lens]
    hypotheses: list[_Hypothesis]


class _DiagnosedPair(TypedDict):
    a: str
    b: str
    task: str
    items: Count
    differs: dict[str, _Estimated]


class Diagnosis(TypedDict):
    """diagnosis.json."""

    systems: list[_System]
    pairs: list[_DiagnosedPair]

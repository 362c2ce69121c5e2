"""How files of another shape belong to the rows: a report with lists of ids, records with the same
id, a file of failures alone."""

import os
import re
from collections.abc import Sequence
from itertools import chain, count
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.drafting import verdict_words
from failure_analysis.drafting.drafts import Draft
from failure_analysis.drafting.field_names import CONDITION, NAMES, TRIAL, spellings, tokens
from failure_analysis.drafting.file_groups import Group, glob
from failure_analysis.drafting.survey import Field, expression, quoted
from failure_analysis.drafting.yaml_text import can_be_written, line, scalar, shown


class Join(NamedTuple):
    """What another file adds: the lines of `join`, and those of fields and scores through it."""

    lines: list[str]
    fields: dict[str, str]
    scores: list[str]


def arranged(groups: Sequence[Group], drafts: Sequence[Draft]) -> tuple[int, Join | None]:
    """(the group that has the rows, how another one is joined to it)."""
    ranked = sorted(range(len(groups)), key=lambda place: (
        -drafts[place].survey.score, -len(groups[place].loaded), -len(drafts[place].survey.rows)))
    main = ranked[0]
    for other in ranked[1:]:
        if _only_failures(drafts[main]) and "item_id" in drafts[other].roles.fields:
            keys = _shared(drafts[other], drafts[main])
            if keys and len(drafts[other].survey.rows) > len(drafts[main].survey.rows):
                return other, _absent_passes(groups[main], groups[other], drafts[main], keys)
    for other in ranked[1:]:
        if not drafts[main].verdicts and not drafts[main].checks:
            join = _by_lists(groups[main], groups[other], drafts[main]) or \
                _by_key(groups[main], groups[other], drafts[main], drafts[other])
            if join is not None:
                return main, join
    whole = next((other for other in ranked[1:] if _has_all_answers(drafts[main], drafts[other])),
                 None)
    if whole is not None:
        join = _by_key(groups[whole], groups[main], drafts[whole], drafts[main])
        if join is not None:
            return whole, join
    missing = {"user_text", "assistant_text"} - drafts[main].roles.fields.keys()
    for other in ranked[1:]:
        if missing & drafts[other].roles.fields.keys() and not drafts[main].messages:
            join = _by_key(groups[main], groups[other], drafts[main], drafts[other])
            if join is not None:
                return main, join
    return main, None


def _has_all_answers(judged: Draft, answers: Draft) -> bool:
    """True when verdicts without answers are about some of the answers of another file."""
    return not judged.roles.fields.keys() & {"assistant_text"} and not judged.messages and \
        "assistant_text" in answers.roles.fields and not answers.verdicts and \
        len(answers.survey.rows) > len(judged.survey.rows)


def _only_failures(drafted: Draft) -> bool:
    """True when rows are judged, and none of them passes."""
    outcomes = [outcome for verdict in drafted.verdicts[:1] for outcome in verdict.outcomes]
    return bool(outcomes) and not any(outcomes)


def _shared(left: Draft, right: Draft) -> tuple[Field, Field] | None:
    """The fields by which records of two files belong together: the ids of the first, and what in
    the second has most of its values among them."""
    item = left.roles.fields.get("item_id")
    if item is None:
        return None
    names = {str(value) for value in item.values}
    best: tuple[float, int, Field] | None = None
    for place, field in enumerate(right.survey.fields):
        if field.are(str, int) and (len(field.distinct) > 1 or (
                field.rows == 1 and "id" in tokens(field.leaf))):
            values = {str(value) for value in field.distinct}
            share = len(values & names) / min(len(values), len(names))
            if share > 0.5 and (best is None or share > best[0]):
                best = share, place, field
    return (item, best[2]) if best else None


def _pattern(row_file: Group, other: Group) -> str:
    """The glob of the other files, from the row's file on."""
    start = row_file.loaded[0].path.absolute().parent
    first = other.loaded[0].path.absolute()
    if len(other.loaded) == 1:
        return os.path.relpath(first, start)
    stems = [files.bare_name(part.path).rsplit(".", 1)[0] for part in other.loaded]
    ours = {files.bare_name(part.path).rsplit(".", 1)[0] for part in row_file.loaded}
    folder = os.path.relpath(first.parent, start)
    name = "{stem}" + "".join(first.suffixes) if ours & set(stems) else glob(other).split("/")[-1]
    return name if folder == "." else f"{folder}/{name}"


def _free(name: str, drafted: Draft) -> str:
    """A name for a join that no key or level has."""
    taken = {level.name for level in drafted.survey.levels} | {
        str(key) for row in drafted.survey.rows[:50] for part in row if isinstance(part, dict)
        for key in part}
    names = chain((name, f"{name}_file"), (f"joined_{number}" for number in count(1)))
    return next(free for free in names if free not in taken)


def _by_lists(group: Group, other: Group, drafted: Draft) -> Join | None:
    """A report with lists of ids: resolved_ids, unresolved_ids, error_ids."""
    item = drafted.roles.fields.get("item_id")
    if item is None or not other.loaded[0].documents or \
            not isinstance(report := other.loaded[0].documents[0], dict):
        return None
    names = {str(value) for value in item.values}
    words = verdict_words.WORDS
    lists = {key: set(map(str, value)) for key, value in report.items()
             if isinstance(value, list) and value and not isinstance(value[0], list | dict)
             and set(tokens(key)) & words and can_be_written(key)}
    if len(set().union(*lists.values()) & names) * 2 < len(names):
        return None
    passing = [key for key in lists if set(tokens(key)) & verdict_words.PASSING]
    unjudged = [key for key in lists if set(tokens(key)) & {"error", "errored", "infra"}]
    name = _free("verdict", drafted)
    place: dict[str, Any] = {"at": name, "pass": passing or ["resolved_ids"]}
    if unjudged:
        place["unjudged"] = unjudged
    spec = {"name": name, "files": _pattern(group, other),
            "ids": [expression((key,)) for key in lists], "on": item.expression}
    told = ", ".join(f"{shown(key)[1:-1]} {len(ids)}" for key, ids in lists.items())
    return Join(["join:", f"  - {scalar(spec)}  # which list has the item"], {},
                [line(4, "resolved", scalar(place), f"CHECK: errors as unjudged or as failures; "
                      f"met: {told}")])


def _by_key(group: Group, other: Group, drafted: Draft, joined: Draft) -> Join | None:
    """Records of the other file that have the item of the row."""
    keys = _shared(drafted, joined)
    if keys is None or len(joined.survey.levels) > 2:
        return None
    item, key = keys
    if not key.is_own:
        return None
    own_file = len(other.loaded) > 1 and "*" not in _pattern(group, other)
    pairs = _unique(drafted, joined, (item, key), _files(other, joined) if own_file else [])
    if pairs is None:
        return None
    name = _free("record", drafted)
    fields = {role: line(2, role, scalar(f"{name}.{field.expression}"), "from the other file")
              for role, field in joined.roles.fields.items()
              if role not in ("item_id", *drafted.roles.fields) and field.is_own
              and _is_plain(field)}
    scores = [line(4, verdict.name, scalar({"at": f"{name}.{verdict.field.expression}",
                                            **verdict.rule}), "; ".join(verdict.notes))
              for verdict in joined.verdicts if _is_plain(verdict.field)]
    return Join(_lines(name, group, other, joined, pairs), fields, scores)


def _files(group: Group, drafted: Draft) -> list[Any]:
    """The file that each row is in."""
    places = {id(element): number for number, part in enumerate(group.loaded)
              for document in part.documents
              for element in (document if isinstance(document, list) else [document])}
    return [places.get(id(row[0])) for row in drafted.survey.rows]


def _unique(drafted: Draft, joined: Draft, keys: tuple[Field, Field], in_files: list[Any]
            ) -> list[tuple[Field, Field]] | None:
    """The fields here and there by which each row has a single record: the item, with the model or
    the trial where the item alone has several; None when these have several too. `in_files`: the
    file of each record, where a row is joined with one of them."""
    pairs = [keys]
    key = keys[1]
    here = {field.leaf: field for field in drafted.survey.fields}
    more = [(here[field.leaf], field) for field in joined.survey.fields
            if field.is_own and field.leaf in here and field.leaf != key.leaf and
            len(field.path) == 1 and field.are(str, int) and
            {*map(str, field.distinct)} & {*map(str, here[field.leaf].distinct)} and (
                spellings(field)[0] in (*NAMES["model_name"], *NAMES["task"], *TRIAL, *CONDITION))]
    more.sort(key=lambda pair: spellings(pair[1])[0] not in NAMES["model_name"])
    while not _is_unique([there.by_row for _, there in pairs] + ([in_files] if in_files else [])):
        if not more:
            return None
        pairs.append(more.pop(0))
    return pairs


def _is_unique(columns: Sequence[list[Any]]) -> bool:
    """True when no two rows have the same values in these."""
    rows = list(zip(*(map(str, column) for column in columns), strict=True))
    return len(set(rows)) == len(rows)


def _is_plain(field: Field) -> bool:
    return all(isinstance(step, int) or re.fullmatch(r"\w+", step) for step in field.path)


def _lines(name: str, group: Group, other: Group, joined: Draft, pairs: list[tuple[Field, Field]]
           ) -> list[str]:
    levels = joined.survey.levels
    (item, key), *more = pairs
    ours, theirs = item.expression, key.expression
    if more:
        ours, theirs = (f"[{', '.join(_step(pair[side]) for pair in pairs)}]" for side in (0, 1))
    spec = {"name": name, "files": _pattern(group, other),
            **({"each": levels[1].expression} if len(levels) > 1 else {}),
            "key": theirs, "on": ours}
    return ["join:", f"  - {scalar(spec)}  # {shown(key.expression)[1:-1]} has "
            f"{len(key.distinct)} values there, {len(item.distinct)} here"]


def _step(field: Field) -> str:
    """A path in JMESPath."""
    return ".".join(map(quoted, map(str, field.path)))


def _absent_passes(failing: Group, whole: Group, drafted: Draft, keys: tuple[Field, Field]
                   ) -> Join:
    """A file of failures alone beside one of all answers: who is not in it passed."""
    item, key = keys
    name = _free("failure", drafted)
    verdict = drafted.verdicts[0]
    fields = {role: line(2, role, scalar({"at": f"{name}.{field.expression}", "optional": True}),
                         "of failing rows")
              for role, field in drafted.roles.fields.items()
              if role in ("failure_class", "judge_reasoning", "expected", "user_text")
              and _is_plain(field)}
    fields |= {role: line(2, role, scalar({"value": field.values[0]}),
                          "CHECK: all failing rows have it")
               for role, field in drafted.roles.fields.items()
               if role in ("model_name", "task") and len(field.distinct) == 1
               and can_be_written(str(field.values[0]))}
    score = line(4, verdict.name, scalar(f"{name} == `null`"),
                 f"CHECK: {shown(failing.loaded[0].path.name)[1:-1]} has failing rows only; who "
                 "is not in it passed")
    return Join(_lines(name, whole, failing, drafted, [(item, key)]), fields, [score])

"""Files of one shape, what varies in their paths, and how files of another shape belong to them."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import files
from failure_analysis.reading import verdicts
from failure_analysis.reading.field_names import looks_like_models, tokens
from failure_analysis.reading.survey import Field, expression, is_map
from failure_analysis.reading.yaml_text import can_be_written, line, scalar, shown

if TYPE_CHECKING:
    from failure_analysis.reading.propose import Draft

_SAID = {
    "rows": ("total_count", "total", "total_examples", "num_samples", "total_samples", "n_total",
             "total_instances", "num_examples", "n_samples"),
    "passed": ("correct_count", "n_resolved", "resolved_instances", "num_correct", "n_correct",
               "passed", "successes", "correct"),
    "pass_rate": ("accuracy", "pass_rate", "acc", "success_rate", "resolve_rate"),
}
_STAMP = re.compile(r"[_-]?\d{8}[_-]\d{6}$|[_-]\d{4}-\d\d-\d\d.*$")


class Loaded(NamedTuple):
    """The first documents of a file; `is_cut` when there are more."""

    path: Path
    documents: list[Any]
    is_cut: bool


class Group(NamedTuple):
    """Files whose documents have about the same keys."""

    loaded: list[Loaded]
    keys: set[str]

    @property
    def documents(self) -> list[Any]:
        """As many documents of each file."""
        most = max(20, 400 // len(self.loaded))
        return [document for part in self.loaded for document in
                (part.documents[:most] if len(self.loaded) > 1 else part.documents)]


class Join(NamedTuple):
    """What another file adds: the lines of `join`, and those of fields and scores through it."""

    lines: list[str]
    fields: dict[str, str]
    scores: list[str]


def grouped(loaded: Sequence[Loaded]) -> list[Group]:
    """The files by shape, the largest group first."""
    groups: list[Group] = []
    for part in loaded:
        keys = _keys(part.documents)
        for group in groups:
            if len(keys & group.keys) * 2 >= len(keys | group.keys):
                group.loaded.append(part)
                break
        else:
            groups.append(Group([part], keys))
    return sorted(groups, key=lambda group: -len(group.loaded))


def _keys(documents: Sequence[Any]) -> set[str]:
    """The keys by which files are told apart: those of most records."""
    records = [record for document in documents[:50] for record in
               (document[:50] if isinstance(document, list) else [document])
               if isinstance(record, dict)]
    if records and all(is_map(record) and len(record) > 2 for record in records[:3]):
        return {"{}", *_inner_keys(records[0])}
    counts = Counter(str(key) for record in records for key in record)
    return {key for key, count in counts.items() if count * 3 >= len(records)} or {"[]"}


def _inner_keys(value: Any) -> set[str]:
    """The keys of what is in a map, through further maps and lists."""
    while is_map(value) or isinstance(value, list):
        value = next(iter(value.values() if isinstance(value, dict) else value), None)
    return set(map(str, value)) if isinstance(value, dict) else set()


def arranged(groups: Sequence[Group], drafts: Sequence["Draft"]) -> tuple[int, Join | None]:
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
    missing = {"user_text", "assistant_text"} - drafts[main].roles.fields.keys()
    for other in ranked[1:]:
        if missing & drafts[other].roles.fields.keys() and not drafts[main].messages:
            join = _by_key(groups[main], groups[other], drafts[main], drafts[other])
            if join is not None:
                return main, join
    return main, None


def _only_failures(drafted: "Draft") -> bool:
    """True when rows are judged, and none of them passes."""
    outcomes = [outcome for verdict in drafted.verdicts[:1] for outcome in verdict.outcomes]
    return bool(outcomes) and not any(outcomes)


def _shared(left: "Draft", right: "Draft") -> tuple[Field, Field] | None:
    """The fields by which records of two files belong together: the ids of the first, and what in
    the second has most of its values among them."""
    item = left.roles.fields.get("item_id")
    if item is None:
        return None
    names = {str(value) for value in item.values}
    best: tuple[float, int, Field] | None = None
    for place, field in enumerate(right.survey.fields):
        if field.are(str, int) and len(field.distinct) > 1:
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


def _free(name: str, drafted: "Draft") -> str:
    """A name for a join that no key or level has."""
    taken = {level.name for level in drafted.survey.levels} | {
        str(key) for row in drafted.survey.rows[:50] for part in row if isinstance(part, dict)
        for key in part}
    return next(free for free in (name, f"{name}_file", "joined", "joined_file", "joined_record_")
                if free not in taken)


def _by_lists(group: Group, other: Group, drafted: "Draft") -> Join | None:
    """A report with lists of ids: resolved_ids, unresolved_ids, error_ids."""
    item = drafted.roles.fields.get("item_id")
    if item is None or not other.loaded[0].documents or \
            not isinstance(report := other.loaded[0].documents[0], dict):
        return None
    names = {str(value) for value in item.values}
    words = verdicts.WORDS
    lists = {key: set(map(str, value)) for key, value in report.items()
             if isinstance(value, list) and value and not isinstance(value[0], list | dict)
             and set(tokens(key)) & words and can_be_written(key)}
    if len(set().union(*lists.values()) & names) * 2 < len(names):
        return None
    passing = [key for key in lists if set(tokens(key)) & verdicts.PASSING]
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


def _by_key(group: Group, other: Group, drafted: "Draft", joined: "Draft") -> Join | None:
    """Records of the other file that have the item of the row."""
    keys = _shared(drafted, joined)
    if keys is None or len(joined.survey.levels) > 2:
        return None
    item, key = keys
    if not key.is_own:
        return None
    name = _free("record", drafted)
    fields = {role: line(2, role, scalar(f"{name}.{field.expression}"), "from the other file")
              for role, field in joined.roles.fields.items()
              if role not in ("item_id", *drafted.roles.fields) and field.is_own
              and _is_plain(field)}
    scores = [line(4, verdict.name, scalar({"at": f"{name}.{verdict.field.expression}",
                                            **verdict.rule}), "; ".join(verdict.notes))
              for verdict in joined.verdicts if _is_plain(verdict.field)]
    return Join(_lines(name, group, other, joined, key, item), fields, scores)


def _is_plain(field: Field) -> bool:
    return all(isinstance(step, int) or re.fullmatch(r"\w+", step) for step in field.path)


def _lines(name: str, group: Group, other: Group, joined: "Draft", key: Field, item: Field
           ) -> list[str]:
    levels = joined.survey.levels
    spec = {"name": name, "files": _pattern(group, other),
            **({"each": levels[1].expression} if len(levels) > 1 else {}),
            "key": key.expression, "on": item.expression}
    return ["join:", f"  - {scalar(spec)}  # the key has {len(key.distinct)} values there, "
            f"{len(item.distinct)} here"]


def _absent_passes(failing: Group, whole: Group, drafted: "Draft", keys: tuple[Field, Field]
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
    fields |= {role: line(2, role, scalar({"value": field.values[0]}), "all failing rows have it")
               for role, field in drafted.roles.fields.items()
               if role in ("model_name", "task") and len(field.distinct) == 1
               and can_be_written(str(field.values[0]))}
    score = line(4, verdict.name, scalar(f"{name} == `null`"),
                 f"CHECK: {shown(failing.loaded[0].path.name)[1:-1]} has failing rows only; who "
                 "is not in it passed")
    return Join(_lines(name, whole, failing, drafted, key, item), fields, [score])


def common_folder(group: Group) -> Path:
    """The folder that all files of a group are below."""
    paths = [part.path.absolute().parent for part in group.loaded]
    return Path(os.path.commonpath(paths))


def glob(group: Group) -> str:
    """A glob for the files of a group."""
    names = sorted({part.path.name for part in group.loaded})
    if len(names) == 1:
        return f"**/{names[0]}"
    start = os.path.commonprefix(names)
    end = os.path.commonprefix([name[len(start):][::-1] for name in names])[::-1]
    return f"**/{start}*{end}"


def shown_paths(group: Group) -> str:
    """Where the files of a group are, for a comment."""
    relative = [os.path.relpath(part.path.absolute(), common_folder(group).parent)
                for part in group.loaded]
    return f"{len(relative)} file{'s' * (len(relative) > 1)}, e.g. {shown(relative[0])}; " \
           "CHECK: is it the model there?"


def from_path(group: Group) -> str:
    """A regex for what varies in the paths of a group: the folder or name of the model, and a
    folder of tasks."""
    parts = list(_varying(group))
    if not parts:
        return _from_name(files.bare_name(group.loaded[0].path).rsplit(".", 1)[0],
                          _ending(group))
    names = [(place, [files.bare_name(part.path).rsplit(".", 1)[0] for part in group.loaded]
              if place == -1 else [_folders(part)[place] for part in group.loaded])
             for place in parts]
    model = next((place for place, values in names if looks_like_models(_core(values))), None)
    if model is None:
        model = next((place for place, values in names if not _are_items(values, group)), None)
    if model is None:
        return ""
    rest = [place for place in parts if place != model]
    by_place = dict(names)
    task = next((place for place in sorted(rest, key=lambda place: (place != -1, -place))
                 if _is_shared(by_place[place], by_place[model])), None)
    ending = _ending(group)
    text = ""
    for place in sorted({model, *rest, -1}, key=lambda place: (place == -1, place)):
        what = "model" if place == model else "task" if place == task else ""
        values = dict(names).get(place, [])
        text += _step(what, values) + ("/" if place != -1 else ending)
    return text


def _is_shared(tasks: Sequence[str], models: Sequence[str]) -> bool:
    """True when nearly every task has files of several models."""
    pairs: dict[str, set[str]] = {}
    for task, model in zip(tasks, models, strict=True):
        pairs.setdefault(task, set()).add(model)
    return sum(len(of) > 1 for of in pairs.values()) > 0.8 * len(pairs) and not all(
        re.fullmatch(r"[\d_-]+", task) for task in pairs)


def _are_items(values: Sequence[str], group: Group) -> bool:
    """True for names that are those of tasks: numbers, many, or the ids that the files give."""
    if len(values) > 8 and len(set(values)) > len(values) / 2 or all(
            re.fullmatch(r"[\d_-]+|.*[0-9a-f]{8,}.*", value) for value in values):
        return True
    inside = {str(value) for part in group.loaded for document in part.documents[:1]
              if isinstance(document, dict) for value in document.values()
              if isinstance(value, str | int)}
    return set(values) <= inside


def _ending(group: Group) -> str:
    """The regex of how the names end, .gz and .zst or not."""
    ends = {part.path.name[len(files.bare_name(part.path).rsplit(".", 1)[0]):]
            for part in group.loaded}
    return "(" * (len(ends) > 1) + "|".join(map(re.escape, sorted(ends))) + ")" * (
        len(ends) > 1) + "$"


def _from_name(stem: str, ending: str) -> str:
    """A regex for the one part of a file's name that looks like a model."""
    parts = stem.split("_")
    models = [place for place, part in enumerate(parts) if looks_like_models([part])]
    if len(models) != 1:
        return ""
    steps = ["(?P<model>[^/_]+)" if place == models[0] else "[^/_]+"
             for place in range(len(parts))]
    return "/" + "_".join(steps) + ending


def _varying(group: Group) -> Iterator[int]:
    """The places below the common folder whose folder varies; -1 for the name."""
    folders = [_folders(part) for part in group.loaded]
    if len(group.loaded) > 1 and len({len(parts) for parts in folders}) == 1:
        for place in range(len(folders[0])):
            if len({parts[place] for parts in folders}) > 1:
                yield place
        stems = {files.bare_name(part.path) for part in group.loaded}
        if len(stems) > 1:
            yield -1


def _folders(part: Loaded) -> tuple[str, ...]:
    return part.path.absolute().parent.parts


def _core(values: Sequence[str]) -> list[str]:
    """The names without what they all begin and end with."""
    if len(set(values)) < 2:
        return [_STAMP.sub("", value) for value in values]
    start = os.path.commonprefix(list(values))
    start = start[:max(start.rfind("_"), start.rfind(".")) + 1]
    return [_STAMP.sub("", value[len(start):]) for value in values]


def _step(what: str, values: Sequence[str]) -> str:
    """The regex of one part of a path, with the name of what it stands for."""
    if not what:
        return "[^/]+"
    stamped = bool(values) and all(re.search(r"_\d{8}_\d{6}$", value) for value in values)
    start = os.path.commonprefix(list(values)) if len(set(values)) > 1 else ""
    start = re.escape(start[:max(start.rfind("_"), start.rfind(".")) + 1])
    return f"{start}(?P<{what}>[^/]+?)" + r"_\d{8}_\d{6}" if stamped else \
        f"{start}(?P<{what}>[^/]+)"


def expected(group: Group, drafted: "Draft") -> list[str]:
    """Where a file itself says how many rows there are and how many passed."""
    told: dict[str, str] = {}
    notes: list[str] = []
    for name, values in _counted(group, drafted).items():
        spelled = next(((path, value) for names in [_SAID[name]] for wanted in names
                        for path, value in _numbers(group, drafted)
                        if "_".join(tokens(str(path[-1]))) == wanted), None)
        if spelled is None or not can_be_written(expression(spelled[0])):
            continue
        path, value = spelled
        told[name] = expression(path)
        if values is None:
            notes.append(f"CHECK: {name} is {value} in the first file; not all was looked at")
        elif abs(value - values) > 1e-6:
            notes.append(f"CHECK: {name} is {value} there and {values:g} here")
    if not told:
        return []
    fails_only = bool(notes) and "rows" in told and _fail_alone(drafted)
    if fails_only:
        notes.append("these are failing rows only: no pass rate can be told from them")
    text = line(0, "expected", scalar(told), "; ".join(notes) or "the file says so itself")
    return [f"# {text}" if notes and not fails_only else text]


def _fail_alone(drafted: "Draft") -> bool:
    """True when every row that is judged fails."""
    outcomes = [outcome for verdict in drafted.verdicts for outcome in verdict.outcomes]
    return bool(outcomes) and not any(outcomes)


def _counted(group: Group, drafted: "Draft") -> dict[str, float | None]:
    """What the rows come to; None where not all of them were looked at, or files differ."""
    whole = len(group.loaded) == 1 and not group.loaded[0].is_cut and \
        len(drafted.survey.rows) < 400
    rows = len(drafted.survey.rows)
    passed = sum(all(verdict.outcomes[place] is not False for verdict in drafted.verdicts) and
                 any(verdict.outcomes[place] for verdict in drafted.verdicts)
                 for place in range(rows))
    return {"rows": float(rows) if whole else None, "passed": float(passed) if whole else None,
            "pass_rate": passed / rows if whole and rows else None}


def _numbers(group: Group, drafted: "Draft") -> Iterator[tuple[tuple[str, ...], float]]:
    """The numbers in the objects of a file that are no rows, outside lists."""
    rows = {id(row[0]) for row in drafted.survey.rows} if len(drafted.survey.levels) == 1 else ()
    documents = group.loaded[0].documents
    for document in documents[:50]:
        if isinstance(document, dict) and id(document) not in rows and (
                len(documents) == 1 or len(document) < 12):
            yield from _inside(document, ())


def _inside(value: dict, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    for key, inner in list(value.items())[:80]:
        if type(inner) in (int, float):
            yield (*path, str(key)), inner
        elif isinstance(inner, dict) and len(path) < 2:
            yield from _inside(inner, (*path, str(key)))

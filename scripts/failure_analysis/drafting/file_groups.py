"""Files of one shape, what varies in their paths, and what they say of their own rows."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.drafting.drafts import Draft
from failure_analysis.drafting.field_names import looks_like_models, tokens
from failure_analysis.drafting.survey import Field, Level, expression, fields_of, is_map
from failure_analysis.drafting.verdicts import is_like_verdict
from failure_analysis.drafting.yaml_text import can_be_written, line, scalar, shown

_SAID = {
    "rows": ("total_count", "total", "total_examples", "num_samples", "total_samples", "n_total",
             "total_instances", "num_examples", "n_samples"),
    "passed": ("correct_count", "n_resolved", "resolved_instances", "num_correct", "n_correct",
               "passed", "successes", "correct"),
    "pass_rate": ("accuracy", "pass_rate", "acc", "success_rate", "resolve_rate"),
}
_ROW = Level("row", "@")
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


def grouped(loaded: Sequence[Loaded]) -> list[Group]:
    """The files by shape, the largest group first."""
    groups: list[Group] = []
    for part in loaded:
        keys = _keys(part.documents)
        for group in groups:
            if len(keys & group.keys) * 2 >= len(keys | group.keys) and not _is_beside(
                    part, keys, group):
                group.loaded.append(part)
                break
        else:
            groups.append(Group([part], keys))
    return sorted(groups, key=lambda group: -len(group.loaded))


def _is_beside(part: Loaded, keys: set[str], group: Group) -> bool:
    """True for answers and verdicts on them in two files of a folder: one of the two alone judges,
    and they are about the same ids."""
    first = group.loaded[0]
    if part.path.parent != first.path.parent or keys == group.keys:
        return False
    ours, theirs = ([document for document in documents if isinstance(document, dict)]
                    for documents in (part.documents, first.documents))
    fields = [fields_of([_ROW], [(document,) for document in documents[:100]])
              for documents in (ours, theirs)]
    judging = [any(map(is_like_verdict, seen)) for seen in fields]
    shared = [key for key in keys & group.keys if "id" in tokens(key)]
    ids = [({str(document.get(key)) for document in ours},
            {str(document.get(key)) for document in theirs}) for key in shared]
    return judging[0] != judging[1] and any(
        len(left & right) * 2 >= min(len(left), len(right)) for left, right in ids)


def _keys(documents: Sequence[Any]) -> set[str]:
    """The keys by which files are told apart: those of most records."""
    records = [record for document in documents[:50] for record in
               (document[:50] if isinstance(document, list) else [document])
               if isinstance(record, dict)]
    if records and all(is_map(record) and len(record) > 2 for record in records[:3]):
        return {"{}", *_inner_keys(records[0])}
    if records and all(len(record) == 1 and is_map(record) for record in records):
        return {"{}", *map(str, next(iter(records[0].values())))}
    counts = Counter(str(key) for record in records for key in record)
    return {key for key, count in counts.items() if count * 3 >= len(records)} or {"[]"}


def _inner_keys(value: Any) -> set[str]:
    """The keys of what is in a map, through further maps and lists."""
    while is_map(value) or isinstance(value, list):
        value = next(iter(value.values() if isinstance(value, dict) else value), None)
    return set(map(str, value)) if isinstance(value, dict) else set()


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


def has_one_name(group: Group) -> bool:
    """True for several files of one name: what tells them apart is a folder."""
    return len(group.loaded) > 1 and len({part.path.name for part in group.loaded}) == 1


def from_path(group: Group, has_items: bool = True) -> str:
    """A regex for what varies in the paths of a group: the folder or name of the model, and a
    folder of tasks, or of items where the files have none."""
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
    by_place = dict(names)
    item = None if has_items else next((place for place in reversed(parts) if place != model), None)
    if model is None and item is None:
        return ""
    rest = [place for place in parts if place != model]
    inner_first = sorted(rest, key=lambda place: (place != -1, -place))
    task = None if model is None else next((
        place for place in inner_first if place != item and not _are_keys(by_place[place], group)
        and _is_shared(by_place[place], by_place[model])), None)
    ending = _ending(group)
    text = ""
    outermost = min((place for place in parts if place != -1), default=None)
    places = {*parts, -1} | (set() if outermost is None else set(range(
        outermost, len(_folders(group.loaded[0])))))
    for place in sorted(places, key=lambda place: (place == -1, place)):
        what = "model" if place == model else "task" if place == task else \
            "item" if place == item else ""
        values = dict(names).get(place, [])
        values = values if place == -1 or what == "model" else []
        text += _step(what, values) + ("/" if place != -1 else ending)
    return text


def models_in_paths(group: Group, drafted: Draft, regex: str) -> dict[str, Field]:
    """The model of each row as `from_path` tells it, as a field."""
    if "(?P<model>" not in regex:
        return {}
    models = {}
    for part in group.loaded:
        match = re.search(regex, part.path.absolute().as_posix())
        for document in part.documents:
            for element in document if isinstance(document, list) else [document]:
                models[id(element)] = "/".join(match.groupdict().values()) if match else None
    by_row = [models.get(id(row[0])) for row in drafted.survey.rows]
    return {"model_name": Field("file.model", ("file", "model"), 0, False,
                                [model for model in by_row if model], by_row, len(by_row))}


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
              if isinstance(document, dict) for value in (*document.values(), *document)
              if isinstance(value, str | int)}
    return set(values) <= inside


def _are_keys(values: Sequence[str], group: Group) -> bool:
    """True for names of items, under which files have their records."""
    return set(values) <= {str(key) for part in group.loaded for document in part.documents[:1]
                           if isinstance(document, dict) for key in document}


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


def expected(group: Group, drafted: Draft) -> list[str]:
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


def _fail_alone(drafted: Draft) -> bool:
    """True when every row that is judged fails."""
    outcomes = [outcome for verdict in drafted.verdicts for outcome in verdict.outcomes]
    return bool(outcomes) and not any(outcomes)


def _counted(group: Group, drafted: Draft) -> dict[str, float | None]:
    """What the rows come to; None where not all of them were looked at, or files differ."""
    whole = len(group.loaded) == 1 and not group.loaded[0].is_cut and \
        len(drafted.survey.rows) < 400
    rows = len(drafted.survey.rows)
    passed = sum(all(verdict.outcomes[place] is not False for verdict in drafted.verdicts) and
                 any(verdict.outcomes[place] for verdict in drafted.verdicts)
                 for place in range(rows))
    return {"rows": float(rows) if whole else None, "passed": float(passed) if whole else None,
            "pass_rate": passed / rows if whole and rows else None}


def _numbers(group: Group, drafted: Draft) -> Iterator[tuple[tuple[str, ...], float]]:
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

"""What stands where in files of unknown shape: the levels on the way to a row, and every field that
a row sees, with its values. `propose` drafts a mapping from it."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from itertools import count as counted
from typing import Any, NamedTuple

Path = tuple[str | int, ...]

MOST_ROWS = 400
_MOST_FIELDS = 400
_MOST_KEYS = 80
_DEEPEST = 5
_MOST_LEVELS = 4
# What `rate` says of rows with an id, a question, an answer and a verdict of their own.
_SUREST = 8.0
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ID = re.compile(r"(^|_)id$|[a-z]I[dD]$|^(idx|index)$")
_PLAIN_STEP = re.compile(r"\w[\w-]*")
# A key that is no JMESPath and no plain path either stands for itself.
_KEY_AS_IT_STANDS = re.compile(r"\w[\w ,.\-/?%:]*")
_ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "type")
_TEXT_KEYS = ("content", "text", "value", "message", "utterance", "body", "parts")
_SPEAKERS = frozenset(("user", "assistant", "system", "human", "ai", "tool", "agent", "bot"))
# Lists that tell how an answer came about; their elements are no rows.
_NO_ROWS = frozenset(("messages", "events", "spans", "steps", "trajectory", "traj", "history",
                      "conversation", "conversations", "logs", "choices", "tool_calls", "calls",
                      "turns", "transcript", "chat_history", "tool_results", "tools", "contexts",
                      "documents", "arguments"))
# Of these, what can be rows too: when each has an id, a question, an answer and a verdict.
_PERHAPS_ROWS = frozenset(("events", "spans", "logs", "calls", "documents"))


class Level(NamedTuple):
    """A level on the way to a row, as `each` of a mapping has it; `path` is where it is in the
    level before it."""

    name: str
    expression: str
    path: Path = ()


class Field(NamedTuple):
    """What a row sees under an expression: its path, the depth of the level that it is of (0 is
    the outermost), one value per row that has it (null left out), and how many rows there are."""

    expression: str
    path: Path
    depth: int
    is_own: bool
    values: list[Any]
    by_row: list[Any]
    rows: int

    @property
    def leaf(self) -> str:
        """The last name of its path."""
        return next((str(step) for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def distinct(self) -> list[Any]:
        """The values that differ, in the order in which they appear."""
        seen: dict[Any, Any] = {}
        for value in self.values:
            seen.setdefault(_hashable(value), value)
        return list(seen.values())

    @property
    def share(self) -> float:
        """The share of rows in which there is something."""
        return len(self.values) / self.rows if self.rows else 0.0

    def are(self, *kinds: type) -> bool:
        """True when nearly all values are of these types; a truth value is no number."""
        fitting = sum(type(value) in kinds for value in self.values)
        return bool(self.values) and fitting >= 0.9 * len(self.values)


class Survey(NamedTuple):
    """The levels of a file, its rows (the values of all levels, outermost first), its fields, and
    how sure it is that these are the rows."""

    levels: tuple[Level, ...]
    rows: list[tuple[Any, ...]]
    fields: list[Field]
    score: float


def survey(documents: Sequence[Any], rate: Callable[[list[Field]], tuple[float, bool, bool]]
           ) -> Survey:
    """The levels whose rows look most like rows. `rate` says of fields (how much they look so,
    whether a verdict is among those of the innermost level, whether an answer is)."""
    elements = [element for document in documents
                for element in (document if isinstance(document, list) else [document])]
    rows = [(element,) for element in elements if element and isinstance(element, dict)][:MOST_ROWS]
    names = {key for row in rows for key in row[0]}
    top = (Level(_free("row", names), "@"),)
    return _deepest(top, rows, rate, None)


def _deepest(levels: tuple[Level, ...], rows: list, rate: Callable, above: tuple | None) -> Survey:
    """The best survey at these levels or below."""
    fields = fields_of(levels, rows)
    score, verdict, answer = rate(fields)
    best = Survey(levels, rows, fields, score)
    if len(levels) >= _MOST_LEVELS:
        return best
    for level, inner, is_filter in _children(levels, rows):
        below = _deepest((*levels, level), inner, rate, (score, verdict, answer))
        own_score, own_verdict, own_answer = rate(below.fields)
        if level.path and level.path[-1] in _PERHAPS_ROWS and own_score < _SUREST:
            continue
        if is_filter and not (own_verdict and own_answer):
            continue
        if verdict and not (own_verdict and (own_answer or _are_items(rows, inner))) and \
                not _is_index(level, rows):
            continue  # checks of a row, or what led to its answer
        # A level further in is finer: of two that say as much it is the one that was judged.
        as_much = below.score == best.score and own_answer and (
            own_verdict or (not verdict and level.expression.startswith("zip(")))
        if below.score > best.score or (as_much and _size(below) > _size(best)):
            best = below
    return best


def _are_items(rows: list[tuple], inner: list[tuple]) -> bool:
    """True when a single document, without an id, has several records with an id each."""
    return len(rows) == 1 and len(inner) > 1 and not any(map(_ID.search, rows[0][-1])) and all(
        any(map(_ID.search, map(str, row[-1]))) for row in inner)


def _is_index(level: Level, rows: list[tuple]) -> bool:
    """True for the entries of files that are maps from ids and nothing else: each has other
    keys."""
    return level.path == ("",) and len({frozenset(row[-1]) for row in rows}) * 3 > len(rows) and \
        all(_is_entry(row[-1]) for row in rows)


def _is_entry(value: Any) -> bool:
    """True for {id: record} alone."""
    return isinstance(value, dict) and len(value) == 1 and is_map(value)


def _size(survey: Survey) -> tuple[int, int]:
    return len(survey.rows), len(survey.levels)


def fields_of(levels: Sequence[Level], rows: list[tuple]) -> list[Field]:
    """Every field that the rows see, those of the innermost level first."""
    fields: list[Field] = []
    inner: set[str] = {level.name for level in levels}
    for depth in reversed(range(len(levels))):
        is_own = depth == len(levels) - 1
        way = () if is_own else levels[depth + 1].path
        by_path: dict[Path, dict[int, Any]] = {}
        for place, row in enumerate(rows):
            for path, value in _leaves(row[depth]):
                if way and (way == ("",) or path[:len(way)] == way):
                    continue
                if path in by_path or len(by_path) < _MOST_FIELDS:
                    by_path.setdefault(path, {})[place] = value
        several = {path for path, values in by_path.items() if any(
            isinstance(value, list) and len(value) > 1 and not isinstance(value[0], str)
            for value in values.values())}
        for path, values in by_path.items():
            if any(path[:place] in several for place, step in enumerate(path)
                   if isinstance(step, int)):
                continue  # the first of several is no field
            shadowed = not is_own and path[0] in inner
            by_row = [values.get(place) for place in range(len(rows))]
            fields.append(Field(
                expression((levels[depth].name, *path) if shadowed else path), path, depth, is_own,
                [value for value in by_row if value is not None], by_row, len(rows)))
        inner |= {str(key) for row in rows if isinstance(row[depth], dict) for key in row[depth]}
    return fields


def expression(path: Path) -> str:
    """A path as an expression of the mapping language."""
    if len(path) == 1 and _KEY_AS_IT_STANDS.fullmatch(str(path[0])):
        return str(path[0])
    plain = all(isinstance(step, int) or _PLAIN_STEP.fullmatch(step) for step in path)
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if plain else quoted(step))
    return text


def quoted(key: str) -> str:
    """A key as an identifier of JMESPath."""
    return key if _IDENTIFIER.fullmatch(key) else json.dumps(key)


def is_conversation(value: Any) -> bool:
    """True for a list of messages: objects with a role and a text."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(part, dict) and message_keys(part) is not None for part in value[:5])


def message_keys(message: dict) -> tuple[str, str] | None:
    """The keys of the role and of the text of a message, or None."""
    role = next((key for key in _ROLE_KEYS if isinstance(message.get(key), str) and (
        key != "type" or message[key] in _SPEAKERS)), None)
    text = next((key for key in _TEXT_KEYS if key in message), None)
    return (role, text) if role and text and role != text else None


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The fields inside a value: through objects, and through lists of a single element."""
    if isinstance(value, dict):
        if path:
            yield path, value
        if len(path) < _DEEPEST and not (path and is_map(value)):
            for key, inner in islice(value.items(), _MOST_KEYS):
                if isinstance(key, str) and key:
                    yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and path:
        yield path, value
        if len(path) < _DEEPEST and not is_conversation(value) and (
                len(value) == 1 or (2 <= len(value) <= 3 and isinstance(value[0], str) and
                                    isinstance(value[1], list))):
            yield from _leaves(value[0], (*path, 0))
    elif path:
        yield path, value


def is_map(value: Any) -> bool:
    """True for an object whose keys are names of things, not of fields: what is under them is of
    one shape."""
    if not isinstance(value, dict) or not value:
        return False
    shapes = [_shape(inner) for inner in islice(value.values(), 50)]
    if any(shape is None for shape in shapes):
        return False
    if all(_IDENTIFIER.fullmatch(str(key)) for key in value) and len(value) < 3:
        return False
    shared, every = frozenset.intersection(*shapes), frozenset.union(*shapes)
    return bool(shared) and len(shared) * 2 >= len(every)


def _shape(value: Any) -> frozenset | None:
    """The keys of an object, or of the first object of a list; None for all else."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return frozenset((*value[0], "[]"))
    return frozenset(value) if isinstance(value, dict) and value else None


def _children(levels: tuple[Level, ...], rows: list[tuple]
              ) -> Iterator[tuple[Level, list[tuple], bool]]:
    """(level, its rows, whether it picks some keys of an object) for each list or map inside."""
    taken = {level.name for level in levels} | {
        str(key) for row in rows for part in row if isinstance(part, dict) for key in part}
    outer = levels[-1].name
    for path in _containers(rows, lambda value: isinstance(value, list) and bool(value) and
                            isinstance(value[0], dict) and not is_conversation(value)):
        if str(path[-1]) not in _NO_ROWS or path[-1] in _PERHAPS_ROWS:
            name = _free("answer" if path == ("value",) else _singular(str(path[-1])), taken)
            text = expression((outer, *path) if path[0] in {level.name for level in levels} or
                              path == ("value",) else path)
            yield Level(name, f"{text}[]", path), _inside(rows, path, list), False
    for path in [(), *_containers(rows, is_map)]:
        if path or all(is_map(row[-1]) for row in rows):
            name = _singular(str(path[-1])) if path and path != ("value",) else "entry"
            name = _free("entry" if name in taken else name, taken)
            text = f"items({expression((outer, *path))})"
            yield Level(name, text, path or ("",)), _inside(rows, path, _entries), False
    yield from _picked(levels, rows, taken)
    yield from _zipped(levels, rows, taken)


def _picked(levels: tuple[Level, ...], rows: list[tuple], taken: set[str]
            ) -> Iterator[tuple[Level, list[tuple], bool]]:
    """Some keys of an object (a model each) with objects of one shape, beside other keys."""
    counts: dict[tuple, int] = {}
    for row in () if all(is_map(row[-1]) for row in rows) else rows:
        shapes = [tuple(sorted(map(str, value))) for value in row[-1].values()
                  if isinstance(value, dict) and len(value) > 1] if isinstance(row[-1], dict) \
            else []
        for shape in set(shapes):
            if shapes.count(shape) > 1:
                counts[shape] = counts.get(shape, 0) + 1
    for shape, count in counts.items():
        if count < 0.9 * len(rows):
            continue
        outer = levels[-1].name
        mark = shape[0]
        inner = [(*row, {"key": key, "value": value}) for row in rows
                 for key, value in row[-1].items()
                 if isinstance(value, dict) and value.get(mark) is not None][:MOST_ROWS]
        yield Level(_free("entry", taken), f"items({quoted(outer)})[?value.{quoted(mark)} != "
                    "`null`]"), inner, True


def _zipped(levels: tuple[Level, ...], rows: list[tuple], taken: set[str]
            ) -> Iterator[tuple[Level, list[tuple], bool]]:
    """Parallel lists: several of the same length in nearly every row, which is not always 1."""
    way = ("value",) if rows and all(isinstance(row[-1], dict) and set(row[-1]) == {
        "key", "value"} for row in rows) else ()
    parts = [row[-1].get("value") if way else row[-1] for row in rows]
    lists = [{key: value for key, value in part.items() if isinstance(value, list) and value
              and not isinstance(value[0], dict)} if isinstance(part, dict) else {}
             for part in parts]
    keys = [key for key in (lists[0] if lists else {}) if all(key in part for part in lists)]
    by_length: dict[tuple, list[str]] = {}
    for key in keys:
        by_length.setdefault(tuple(len(part[key]) for part in lists), []).append(key)
    start = ".".join(map(quoted, (levels[-1].name, *way)))
    for lengths, names in by_length.items():
        if len(names) > 1 and max(lengths) > 1:
            inner = [(*row, dict(zip(names, values, strict=True)))
                     for row, part in zip(rows, lists, strict=True)
                     for values in zip(*(part[name] for name in names), strict=True)]
            pairs = ", ".join(f"{quoted(name)}: {start}.{quoted(name)}" for name in names)
            yield Level(_free("answer", taken), f"zip({{{pairs}}})", way), inner[:MOST_ROWS], False


def _containers(rows: list[tuple], fits: Callable[[Any], bool]) -> list[Path]:
    """The paths at which the innermost values have something that fits."""
    counts: dict[Path, int] = {}
    for row in rows[:50]:
        for path, value in _nested(row[-1]):
            if fits(value):
                counts[path] = counts.get(path, 0) + 1
    return [path for path, count in counts.items() if count * 5 >= len(rows[:50])][:20]


def _nested(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The lists and objects below an object, through objects only."""
    if isinstance(value, dict) and len(path) < 4:
        for key, inner in islice(value.items(), _MOST_KEYS):
            if isinstance(inner, dict | list) and isinstance(key, str) and key:
                yield (*path, key), inner
                yield from _nested(inner, (*path, key))


def _inside(rows: list[tuple], path: Path, listed: Callable[[Any], list]) -> list[tuple]:
    """The rows one level further in."""
    inner: list[tuple] = []
    most = -(-MOST_ROWS // max(1, len(rows)))  # of each as many: not the first file alone
    for row in rows:
        value: Any = row[-1]
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, list | dict):
            inner += [(*row, element) for element in listed(value)[:most]
                      if isinstance(element, dict)]
    return inner[:2 * MOST_ROWS]


def _entries(value: Any) -> list[dict]:
    return [{"key": key, "value": inner} for key, inner in value.items()] \
        if isinstance(value, dict) else []


def _singular(name: str) -> str:
    """What one element of a list of this name is called."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    if plain.endswith("ies"):
        plain = plain[:-3] + "y"
    elif plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    return plain[:30] if plain[:1].isalpha() else "entry"


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first like it that nothing else has."""
    names = chain((name,), (f"{name}_{number}" for number in counted(2)))
    return next(free for free in names if free not in taken and free != "file")


def _hashable(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True, default=str)
    return type(value) is bool, value

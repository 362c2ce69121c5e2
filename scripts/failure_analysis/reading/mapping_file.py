"""How a `benchmark.yaml` is written; templates/benchmark.yaml says the same in words. Imported only
where a mapping is read: pydantic takes its time."""

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from failure_analysis import user_files
from failure_analysis.datapoint import is_number
from failure_analysis.files import Refusal
from failure_analysis.reading import expressions

FILE, ROW = expressions.FILE, "row"
_MOST_VALUES = 10_000
_TEXT = re.compile(r"'[^']*'|`[^`]*`")
_HEAD = re.compile(r"(?<![\w.])([^\W\d]\w*)(?![\w(])")
_LITERALS = {"true", "false", "null"}
_NAME = re.compile(r"[^\W\d]\w*")


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _names(text: str) -> set[str]:
    """The names that an expression begins its paths with."""
    return set(_HEAD.findall(_TEXT.sub("", text))) - _LITERALS


def _placed(value: Any) -> Any:
    return {"at": value} if isinstance(value, str | list) else value


def _json(value: Any) -> Any:
    """What JSON can spell: a value of a mapping is held against those of files, and may be written
    into rows. YAML also has dates, sets, and lists that hold themselves."""
    level, count = [value], 0
    while level:
        count += len(level)
        if count > _MOST_VALUES:
            raise ValueError("it holds itself, or more values than a mapping can mean")
        for inner in level:
            if type(inner) not in (str, int, float, bool, list, dict, type(None)) or (
                    type(inner) is int and not is_number(inner)):
                raise ValueError(f"a {type(inner).__name__} that JSON cannot spell; if it is a "
                                 "text, put it in quotes")
            if type(inner) is dict and not all(type(key) is str for key in inner):
                raise ValueError("a key is no text; put it in quotes")
        level = [child for inner in level if type(inner) in (list, dict)
                 for child in (inner.values() if type(inner) is dict else inner)]
    return value


def _regex(pattern: str) -> str:
    try:
        names = expressions.regex(pattern).groupindex
    except (re.error, RecursionError) as error:
        raise ValueError(f"regex {pattern!r}: {error}") from None
    if "path" in names:
        raise ValueError("(?P<path>…): file.path is the whole path; take another name")
    return pattern


def _glob(text: str) -> str:
    parts = PurePath(text).parts
    if not parts or PurePath(text).is_absolute() or "\0" in text or any(
            "**" in part and part != "**" for part in parts):
        raise ValueError(f"{text[:60]!r} is no glob below a folder, such as **/samples_*.jsonl")
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text == FILE:
        raise ValueError(f"{text!r} is no name: letters, digits and _, and not {FILE}")
    return text


def _levels(levels: dict[str, str]) -> dict[str, str]:
    if not levels:
        raise ValueError("at least one level is needed, such as {doc: \"@\"}")
    return levels


Text = Annotated[str, Field(min_length=1)]
Expression = Annotated[list[Text], BeforeValidator(_texts), Field(min_length=1)]
Name = Annotated[str, AfterValidator(_name)]
Globs = Annotated[list[Annotated[Text, AfterValidator(_glob)]], BeforeValidator(_texts),
                  Field(min_length=1)]
Value = Annotated[Any, AfterValidator(_json)]
Values = Annotated[list[Value], BeforeValidator(_listed)]


class Place(_Written):
    """Where a value is, or the value itself."""

    at: Expression = []
    value: Value = None
    optional: bool = False

    @model_validator(mode="after")
    def _whole(self) -> "Place":
        if len({"at", "value"} & self.model_fields_set) != 1:
            raise ValueError("an expression, {at: expression} or {value: a constant} is expected")
        return self


class Judged(_Written):
    """What passes: these values, or a number on this side of a limit. What does not decide is a
    number, or nothing."""

    pass_: Values = Field([], alias="pass")
    at_least: float | None = None
    at_most: float | None = None
    unjudged: Values = []
    out_of: float | None = None
    range: list[float] = []
    decides: bool = True

    @model_validator(mode="after")
    def _judges(self) -> "Judged":
        limits = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        if not self.decides and (self.pass_ or limits or self.unjudged):
            raise ValueError("decides: false goes without pass, at_least, at_most and unjudged")
        if self.pass_ and limits:
            raise ValueError("pass or at_least / at_most, not both")
        if "pass_" in self.model_fields_set and not self.pass_:
            raise ValueError("pass needs a value that passes")
        if self.range and (len(self.range) != 2 or self.range[0] >= self.range[1]):
            raise ValueError("range is [lowest, highest]")
        if not all(map(math.isfinite, [*limits, *self.range, self.out_of or 1])) \
                or (self.out_of is not None and self.out_of <= 0):
            raise ValueError("a finite number is expected, and out_of above 0")
        return self


class Score(Judged):
    """A dimension: where its value is, and what passes."""

    at: Expression
    optional: bool = False


class Messages(_Written):
    """A conversation, and how its keys are called there."""

    at: Expression
    optional: bool = False
    role: Text = "role"
    content: Text = "content"
    name: Text = "name"


class ToolCalls(_Written):
    """Tool calls, and how their keys are called there."""

    at: Expression
    optional: bool = False
    name: Text = "name"
    arguments: Text = "arguments"
    result: Text = "result"


class Built(_Written):
    """A value as it is, or an object put together from places."""

    place: Place | None = None
    parts: dict[str, Annotated[Place, BeforeValidator(_placed)]] = {}


def _built(value: Any) -> Any:
    if isinstance(value, dict) and not {"at", "value"} & value.keys():
        return {"parts": value}
    return {"place": _placed(value)}


At = Annotated[Place | None, BeforeValidator(_placed)]
Parts = Annotated[Built | None, BeforeValidator(_built)]


class Fields(_Written):
    """Our fields, as far as a file can say them; references/row-schema.md explains each."""

    item_id: At = None
    turn: At = None
    run_id: At = None
    model_name: At = None
    item_fingerprint: At = None
    task: At = None
    trial: At = None
    user_text: At = None
    assistant_text: At = None
    messages: Annotated[Messages | None, BeforeValidator(_placed)] = None
    tool_calls: Annotated[ToolCalls | None, BeforeValidator(_placed)] = None
    tool_results: At = None
    expected: Parts = None
    scores: dict[str, Annotated[Score, BeforeValidator(_placed)]] = {}
    reward: Annotated[Score | None, BeforeValidator(_placed)] = None
    grader: At = None
    judge_reasoning: At = None
    failure_class: At = None
    reasoning: At = None
    termination: At = None
    prompt_tokens: At = None
    completion_tokens: At = None
    latency_ms: At = None
    cost_usd: At = None
    params: Parts = None


class Checks(Judged):
    """A list, or a map, of named checks in a row; expressions see one of them."""

    list: Text
    name: Text = "key"
    value: Text = "value"
    reason: Text | None = None
    only: Annotated["list[Text]", BeforeValidator(_texts)] = []


class Join(_Written):
    """Records of other files, found by a key; or in which of some lists a key stands."""

    name: Name
    files: Annotated[list[Text], BeforeValidator(_texts), Field(min_length=1)]
    each: Text = "@"
    key: Text | None = None
    on: Text | None = None
    ids: list[Text] = []
    many: bool = False
    optional: bool = False
    text: bool = False

    @model_validator(mode="before")
    @classmethod
    def _on(cls, written: Any) -> Any:
        """YAML reads the key `on` as true."""
        if isinstance(written, dict) and True in written:
            return {"on" if key is True else key: value for key, value in written.items()}
        return written

    @model_validator(mode="after")
    def _whole(self) -> "Join":
        if self.ids and (self.on is None or self.key is not None or self.many):
            raise ValueError("ids goes with on alone")
        if not self.ids and (self.key is None) != (self.on is None):
            raise ValueError("key (in the other file) and on (in the row) go together")
        if self.many and self.key is None:
            raise ValueError("many goes with key and on")
        if self.text and (self.ids or self.each != "@"):
            raise ValueError("a file that is read as text is one record: neither ids nor each")
        return self


class Grading(_Written):
    """What tells the gradings of one answer apart, and which one is the row's own. `in_order`: rows
    of an answer in which nothing tells them apart are its gradings 1, 2, … as they stand."""

    at: Expression
    record: Value = None
    in_order: bool = False


class NotCounted(_Written):
    """The rows that the benchmark does not count."""

    at: Expression
    values: Values


class Expected(_Written):
    """What must come out: numbers, or expressions for where a file says them."""

    rows: Value = None
    items: Value = None
    models: Value = None
    passed: Value = None
    failed: Value = None
    unjudged: Value = None
    pass_rate: Value = None

    @model_validator(mode="after")
    def _readable(self) -> "Expected":
        for name, value in self:
            kinds = (int, float, str, list) if name in ("items", "models") else (int, float, str)
            if value is not None and (type(value) not in kinds or value != value):
                raise ValueError(f"{name} is a number, or an expression for where a file says it")
        return self


class Shape(_Written):
    """How the files of a format are recognised: by their names, and by what one of their first
    records has. In `keys`, `*` is the first key of a map; `first_key` is a regex that it fits."""

    files: Globs | None = None
    keys: Annotated[list[Text], BeforeValidator(_texts)] = []
    values: dict[Text, Values] = {}
    without: Annotated[list[Text], BeforeValidator(_texts)] = []
    first_key: Annotated[str, AfterValidator(_regex)] | None = None

    @model_validator(mode="after")
    def _tells(self) -> "Shape":
        if not self.keys and not self.values:
            raise ValueError("a name alone recognises nothing; give keys or values")
        return self


class Background(_Written):
    """What an LLM coder is told of the benchmark."""

    what_it_tests: str = ""
    tool_access: str = ""
    rewards: str = ""


class Mapping(_Written):
    """A whole benchmark.yaml; one in templates/formats/ also has `about` and `recognise`."""

    about: Text | None = None
    recognise: Annotated[list[Shape], BeforeValidator(_listed)] = []
    benchmark: Text | None = None
    files: Globs | None = None
    from_path: Annotated[str, AfterValidator(_regex)] | None = None
    each: Annotated[dict[Name, Text], AfterValidator(_levels)] | None = None
    let: dict[Name, Expression] = {}
    where: Text | None = None
    fields: Fields | None = None
    threshold: float | None = None
    checks: Annotated[list[Checks], BeforeValidator(_listed)] = []
    join: Annotated[list[Join], BeforeValidator(_listed)] = []
    trial_of: At = None
    grading_of: Annotated[Grading | None, BeforeValidator(_placed)] = None
    not_counted: NotCounted | None = None
    settings: dict[Text, Expression] = {}
    expected: Expected | None = None
    labels: dict[Text, Text] = {}
    background: Background | None = None
    model: str | None = None
    bucket_path: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, written: Any) -> Any:
        """`rows` is short for two levels, `pass_when` for scores."""
        if not isinstance(written, dict):
            return written
        rows, passing = written.get("rows"), written.get("pass_when")
        written = {key: value for key, value in written.items() if key not in _SHORT}
        if rows is not None:
            if not isinstance(rows, str) or "each" in written:
                raise ValueError("rows is the path of a list, as text, and does not go with each")
            written["each"] = {"doc": "@", ROW: f"{rows}[]"}
        if passing is not None:
            if not isinstance(passing, dict) or not isinstance(written.get("fields"), dict):
                raise ValueError("pass_when is a map of path to the value(s) that pass")
            scores = {path: {"at": path, "pass": value} for path, value in passing.items()}
            fields, others = written["fields"], written["fields"].get("scores") or {}
            if not isinstance(others, dict):
                raise ValueError("scores is a map of names, so that pass_when can add to it")
            written["fields"] = {**fields, "scores": {**others, **scores}}
        return written

    @property
    def levels(self) -> dict[str, str]:
        """The levels on the way to a row."""
        return self.each or {ROW: "@"}

    def expressions(self) -> Iterator[tuple[str, list[str]]]:
        """Every expression that sees a row, or what is around it, with what it is for."""
        yield from (("each", [text]) for text in self.levels.values())
        yield from (("let", texts) for texts in self.let.values())
        if self.where:
            yield "where", [self.where]
        for name, place in self.fields or ():
            if name == "scores":
                yield from ((f"scores.{key}", score.at) for key, score in place.items()
                            if not score.optional)
            elif isinstance(place, Built):
                yield from ((name, part.at) for part in place.parts.values() if part.at)
                yield from [(name, place.place.at)] if place.place and place.place.at else ()
            elif getattr(place, "at", None) and not place.optional:
                yield name, place.at
        for place, name in ((self.trial_of, "trial_of"), (self.grading_of, "grading_of"),
                            (self.not_counted, "not_counted")):
            if place is not None and place.at:
                yield name, place.at
        yield from (("checks", [block.list]) for block in self.checks)
        yield from ((f"settings.{name}", texts) for name, texts in self.settings.items())
        yield from (("join", [join.on]) for join in self.join if join.on)

    def judges_by(self, join: str) -> bool:
        """Whether a verdict comes from the records of a join alone. One that compares them with
        the row, as with a gold answer, judges by both."""
        return any(self._heads(text) == {join} for owner, texts in self.expressions()
                   for text in texts
                   if owner.startswith("scores.") or owner in ("reward", "checks"))

    def _heads(self, text: str) -> set[str]:
        """The names that an expression needs; for one of `let`, those that it stands for."""
        names = _names(text)
        for name, texts in reversed(self.let.items()):  # each sees only those before it
            if name in names:
                names = names - {name} | set().union(*map(_names, texts))
        return names

    @property
    def scopes(self) -> frozenset[str]:
        """The names that expressions know beside the keys of a row."""
        return frozenset((FILE, *self.levels, *(join.name for join in self.join), *self.let))


_SHORT = ("rows", "pass_when")


def settings(path: Path) -> Mapping:
    """What a benchmark.yaml says; also one that maps no fields."""
    return user_files.load(path, Mapping)


def load(path: Path) -> Mapping:
    """The mapping in a benchmark.yaml; refuses with the key that is wrong."""
    mapping = settings(path)
    fields = mapping.fields
    if fields is None or (fields.item_id is None and fields.turn is None):
        raise Refusal(f"{path}: fields needs at least item_id or turn")
    if not (fields.reward or mapping.checks or "scores" in fields.model_fields_set):
        raise Refusal(f"{path}: nothing says which rows passed; give fields.scores ({{}} where "
                      "nobody has judged them), fields.reward with threshold, or checks")
    if fields.reward and mapping.threshold is None:
        raise Refusal(f"{path}: fields.reward needs threshold, the reward that still passes")
    if fields.trial and mapping.trial_of:
        raise Refusal(f"{path}: fields.trial and trial_of say the same; keep trial_of")
    names = [*mapping.levels, *(join.name for join in mapping.join), *mapping.let]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Refusal(f"{path}: two things are called {twice[0]} (levels, joins, let)")
    if mapping.expected and isinstance(mapping.expected.items, str):
        mapping.expected.items = _lines(path.parent / mapping.expected.items)
    return mapping


def _lines(path: Path) -> list[str]:
    """The names in a file, one on each line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or no path at all
        raise Refusal(f"{path}: expected.items is a number, a list, or a file with one item on "
                      f"each line ({error})") from None
    return [line.strip() for line in text.splitlines() if line.strip()]

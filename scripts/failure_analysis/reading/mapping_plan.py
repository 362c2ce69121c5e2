"""A mapping made ready to read one file: its expressions compiled, the files of its joins read."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import files
from failure_analysis.reading import containers, expressions, joins, values
from failure_analysis.reading.delimited import cell
from failure_analysis.reading.expressions import AROUND, MISSING, Expression
from failure_analysis.reading.path_counts import Counts
from failure_analysis.reading.path_counts import Path as Met

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

# Names in a file's path that stand for a field where the mapping has no expression for it.
_FROM_PATH = {"model": "model_name", "run": "run_id", "task": "task", "trial": "trial"}
_IDS = ("item_id", "run_id", "model_name")
_TEXTS = ("task", "user_text", "assistant_text", "judge_reasoning", "reasoning", "grader",
          "termination", "failure_class")
NUMBERS = ("prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")
# Fields of which the commonest values are told.
_TOLD = ("model_name", "task", "termination", "failure_class", "trial")


class Field(NamedTuple):
    """A field: where it is, how its value is taken, and what is counted of it. `key`: it is under
    this key of the row, which is quicker than calling `get`; `types`: those of `met`."""

    name: str
    key: str
    get: expressions.Get
    take: Callable[[Any], Any]
    met: Met
    told: bool
    types: dict[type, int]
    is_text: bool = False
    head: str = ""


class Score(NamedTuple):
    """A dimension, or the reward. `is_bare`: true and false are the verdict as they stand."""

    name: str
    get: expressions.Get
    verdict: Callable[[Any], Any]
    met: Met
    is_bare: bool = False
    head: str = ""


class Block(NamedTuple):
    """A list of checks: where it is, and what of each is its name, its value and its reason."""

    spec: "mapping_file.Checks"
    list: expressions.Get
    name: expressions.Get
    value: expressions.Get
    reason: expressions.Get | None
    verdict: Callable[[Any], Any]
    met: Met


class Plan(NamedTuple):
    """A mapping ready to read one file."""

    spec: "mapping_file.Mapping"
    counts: Counts
    scope: dict[str, Any]
    levels: tuple[tuple[str, Expression | None], ...]
    let: tuple[tuple[str, Expression], ...]
    where: Expression | None
    fields: tuple[Field, ...]
    scores: tuple[Score, ...]
    reward: Score | None
    checks: tuple[Block, ...]
    joined: tuple[joins.Joined, ...]
    judging: frozenset[str]
    settings: tuple[Field, ...]
    trial: Field | None
    grading: Field | None
    not_counted: Field | None
    published: tuple[tuple[str, Expression], ...]
    is_table: bool
    comma: bool
    is_untidy: bool
    needs_cells: bool


def compiled(path: Path, spec: "mapping_file.Mapping", counts: Counts) -> Plan:
    """Compiles a mapping for one file; what its paths meet is counted in `counts`."""
    scopes, named = spec.scopes, list(spec.let)
    early = scopes.difference(named)  # what comes before `let` does not see its names
    file = file_scope(path, spec)
    table, comma = containers.is_table(path), containers.decimal_comma(path)
    scope = {name: None for name in scopes} | {AROUND: (), "file": file}
    joined = tuple(joins.load(join, joins.paths(join, file), early) for join in spec.join)
    judging = frozenset(join.name for join in spec.join if spec.judges_by(join.name))
    scope |= {other.name: other.document for other in joined if other.on is None}
    alone = len(spec.levels) == 1
    _expect_names(spec, counts, joined)

    def field(name: str, texts: Sequence[str], take: Callable) -> Field:
        expression = expressions.compiled(texts, scopes)
        return _field(name, expression.key if spec.each is None else "", expression.get, take,
                      _met(counts, name, expression), "" if alone else expression.head)

    def score(name: str, rule: "mapping_file.Score") -> Score:
        expression = expressions.compiled(rule.at, scopes)
        return Score(name, expression.get, values.judge(rule, table, comma),
                     _met(counts, name if name == "reward" else f"scores.{name}", expression),
                     name != "reward" and values.is_bare(rule), "" if alone else expression.head)

    fields, said = spec.fields, spec.expected
    trial = spec.trial_of or fields.trial
    return Plan(
        spec, counts, scope,
        tuple((name, _list_of(text, early)) for name, text in spec.levels.items()),
        tuple((name, expressions.compiled(texts, early.union(named[:place])))
              for place, (name, texts) in enumerate(spec.let.items())),
        expressions.compiled([spec.where], scopes) if spec.where else None,
        tuple(_field_plans(spec, file, table, comma, counts, field)),
        tuple(score(name, rule) for name, rule in fields.scores.items()),
        _reward(fields, score, comma),
        tuple(_block(block, spec, counts, table, comma) for block in spec.checks), joined, judging,
        tuple(field(f"settings.{name}", at, values.text) for name, at in spec.settings.items()),
        field("trial", trial.at, lambda value: value) if trial else
        _constant("trial", file["trial"], counts) if "trial" in file else None,
        field("grading_of", spec.grading_of.at, values.text) if spec.grading_of else None,
        field("not_counted", spec.not_counted.at, values.text)._replace(
            name=" or ".join(spec.not_counted.at)) if spec.not_counted else None,
        tuple((name, expressions.compiled([text], early)) for name, text in said or ()
              if isinstance(text, str) and name != "items"),
        table, comma, fields.turn is not None or fields.tool_results is not None,
        table and alone)


def _field(name: str, key: str, get: expressions.Get, take: Callable, met: Met, head: str = ""
           ) -> Field:
    return Field(name, key, get, take, met, name in _TOLD, met.types,
                 take in (values.text, values.ident), head)


def _expect_names(spec: "mapping_file.Mapping", counts: Counts, joined: Sequence[joins.Joined]
                  ) -> None:
    """Notes the keys that JMESPath expressions name, until a record is met that has them."""
    made = expressions.made_by([text for _, texts in spec.expressions() for text in texts])
    there = made.union(*(other.keys for other in joined))
    for owner, texts in spec.expressions():
        expression = expressions.compiled(texts, spec.scopes)
        for name in expression.names - there:
            counts.unmet.setdefault(name, (owner, expression.text))


def _met(counts: Counts, name: str, expression: Expression) -> Met:
    """Where what a path meets is counted."""
    return counts.path(name, expression.text, expression.is_plain, expression.fault)


def _reward(fields: "mapping_file.Fields", score: Callable, comma: bool) -> Score | None:
    """The reward, a number; true and false are 1 and 0."""
    if fields.reward is None:
        return None
    plan = score("reward", fields.reward)

    def verdict(value: Any) -> Any:
        judged = plan.verdict(value if type(value) is not str else values.number(value, comma))
        return float(judged) if type(judged) is bool else judged

    return plan._replace(verdict=verdict)


def _block(block: "mapping_file.Checks", spec: "mapping_file.Mapping", counts: Counts, table: bool,
           comma: bool) -> Block:
    listed, name, value, reason = (
        expressions.compiled([text], spec.scopes).get if text else None
        for text in (block.list, block.name, block.value, block.reason))
    return Block(block, listed, name, value, reason, values.judge(block, table, comma),
                 counts.path(f"checks {block.list}", block.list))


def _list_of(text: str, scopes: frozenset[str]) -> Expression | None:
    """The expression of a level; lists are gone through, so that a last [] of a path says no
    more."""
    return None if text == "@" else expressions.compiled(
        [text.removesuffix("[]") or text], scopes)


def _constant(name: str, value: Any, counts: Counts) -> Field:
    return _field(name, "", lambda row, scope: value, lambda value: value,
                  counts.path(name, "from_path"))


def _field_plans(spec: "mapping_file.Mapping", file: dict, table: bool, comma: bool,
                 counts: Counts, field: Callable) -> Iterator[Field]:
    """The fields that are neither scores nor what makes a repeat."""
    for name, place in spec.fields:
        if place is None or name in ("scores", "reward", "trial"):
            continue
        take = _taker(name, place, table, comma)
        if name in ("expected", "params"):
            yield _built(name, place, spec, counts, take)
        elif getattr(place, "at", None):
            yield field(name, place.at, take)
        else:
            yield _constant(name, _always(name, place.value, take), counts)
    for group, name in _FROM_PATH.items():
        if group in file and name != "trial" and getattr(spec.fields, name) is None:
            yield _constant(name, file[group], counts)


def _always(name: str, value: Any, take: Callable[[Any], Any]) -> Any:
    """A constant as its field takes it; refuses one that it cannot take."""
    try:
        return None if value is None else take(value)
    except values.Wrong as wrong:
        raise files.Refusal(f"the mapping: fields.{name}: value: {wrong}") from None


def _taker(name: str, place: Any, table: bool, comma: bool) -> Callable[[Any], Any]:
    """How the values of a field are taken."""
    if name in _IDS:
        return values.ident
    if name in _TEXTS:
        return values.text
    if name in NUMBERS:
        return values.number
    if name == "messages":
        return lambda value: values.messages(value, place)
    if name == "tool_calls":
        return lambda value: values.tool_calls(value, place)
    if name == "turn" and table:
        return cell
    if name == "tool_results":
        return values.listed
    return values.nested if table else lambda value: value


def _built(name: str, place: "mapping_file.Built", spec: "mapping_file.Mapping", counts: Counts,
           take: Callable) -> Field:
    """A field that is a value as it stands, or an object put together."""
    if place.place is not None:
        if not place.place.at:
            return _constant(name, place.place.value, counts)
        expression = expressions.compiled(place.place.at, spec.scopes)
        return _field(name, "", expression.get, take, _met(counts, name, expression))
    parts = []
    for key, inner in place.parts.items():
        if inner.at:
            part = expressions.compiled(inner.at, spec.scopes)
            parts.append((key, part.get, _met(counts, f"{name}.{key}", part)))
        else:
            parts.append((key, lambda row, scope, value=inner.value: value,
                          counts.path(f"{name}.{key}", "value")))

    def get(row: Any, scope: dict) -> Any:
        built = {}
        for key, part, met in parts:
            value = part(row, scope)
            met.types[type(value)] += 1
            built[key] = None if value is MISSING else \
                cell(value) if type(value) is str and name == "params" else value
        return values.parts(built)

    return _field(name, "", get, lambda value: value, counts.path(name, "its parts"))


def file_scope(path: Path, spec: "mapping_file.Mapping") -> dict[str, Any]:
    """What expressions know of a file; refuses when from_path does not fit its path."""
    absolute = path.absolute().as_posix()
    scope = {**joins.file_of(path)}
    if spec.from_path:
        match = expressions.regex(spec.from_path).search(absolute)
        if match is None:
            raise files.Refusal(f"{path}: from_path does not fit this path; correct it, or say "
                                "with files which ones to read")
        scope |= {name: value for name, value in match.groupdict().items() if value is not None}
    return scope

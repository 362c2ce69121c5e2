"""Rows of any other shape, read through a `benchmark.yaml` that says where each field is.

templates/benchmark.yaml explains each key."""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import checks, files
from failure_analysis.datapoint import HARNESS_FAILED, outcome_of
from failure_analysis.reading import containers, expressions, joins, values
from failure_analysis.reading.expressions import AROUND, MISSING, Expression, Failed
from failure_analysis.reading.path_counts import Counts, Path as Met
from failure_analysis.records import Grading, Line, Source

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

NAME = "mapping"
# Names in a file's path that stand for a field where the mapping has no expression for it.
_FROM_PATH = {"model": "model_name", "run": "run_id", "task": "task", "trial": "trial"}
_IDS = ("item_id", "run_id", "model_name")
_TEXTS = ("task", "user_text", "assistant_text", "judge_reasoning", "reasoning", "grader",
          "termination", "failure_class")
_NUMBERS = ("prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")
# Fields of which the commonest values are told.
_TOLD = ("model_name", "task", "termination", "failure_class", "trial")
_MOST_CHECKED = 200
_MOST_KEPT = 500


class Mapped(NamedTuple):
    """A mapping, and the files whose rows it reads; the other files of the source are joined."""

    spec: "mapping_file.Mapping"
    paths: tuple[Path, ...]


class _Field(NamedTuple):
    """A field: where it is, how its value is taken, and what is counted of it."""

    name: str
    get: expressions.Get
    take: Callable[[Any], Any]
    met: Met
    told: bool


class _Score(NamedTuple):
    """A dimension, or the reward."""

    name: str
    get: expressions.Get
    verdict: Callable[[Any], Any]
    met: Met


class _Plan(NamedTuple):
    """A mapping ready to read one file."""

    spec: "mapping_file.Mapping"
    counts: Counts
    scope: dict[str, Any]
    levels: tuple[tuple[str, Expression | None], ...]
    where: Expression | None
    fields: tuple[_Field, ...]
    scores: tuple[_Score, ...]
    reward: _Score | None
    joined: tuple[joins.Joined, ...]
    trial: _Field | None
    grading: _Field | None
    not_counted: _Field | None
    published: tuple[tuple[str, Expression], ...]
    is_table: bool
    comma: bool


def read(source: Source, counts: Counts | None = None) -> Iterator[Line] | Iterator[Grading]:
    """One line per row of the files; for a source that grades, the further gradings in them. What
    the paths met is added to `counts`."""
    counts = Counts() if counts is None else counts
    return _gradings(source, counts) if source.grades else _lines(source, counts)


def _lines(source: Source, counts: Counts) -> Iterator[Line]:
    state = _State()
    for path in source.mapping.paths:
        for line, grading in _read_file(path, source, counts, state):
            if not grading:
                yield line
        state.end_file(counts)


def _gradings(source: Source, counts: Counts) -> Iterator[Grading]:
    state = _State()
    for path in source.mapping.paths:
        for line, grading in _read_file(path, source, Counts(), state):
            if not grading:
                continue
            if line.fields is None:
                yield Grading(line.number, None, grading, "unjudged", "", reason=line.reason)
                continue
            scores, reward = line.fields.get("scores"), line.fields.get("reward")
            outcome, failed = outcome_of(scores, reward, source.threshold)
            yield Grading(line.number, line.key, grading, outcome, outcome, scores, tuple(failed))


class _State:
    """What must be remembered from row to row: trials, gradings, answers, keys joined."""

    def __init__(self) -> None:
        self.first_trial: Any = None
        self.trials: dict[Any, int] = {}
        self.records: dict[tuple, Any] = {}
        self.graded: dict[tuple, int] = {}
        self.answers: dict[tuple, tuple[int, dict | None]] = {}
        self.used: dict[str, set[str]] = {}
        self.joined: dict[str, joins.Joined] = {}

    def end_file(self, counts: Counts) -> None:
        """Tells which records of the joins no row asked for."""
        for name, joined in self.joined.items():
            if not joined.records or joined.on is None:
                continue
            rest = joined.records.keys() - self.used.get(name, set())
            counts.unused.setdefault(name, []).extend(sorted(rest)[:_MOST_CHECKED])
        self.used.clear()


def _read_file(path: Path, source: Source, counts: Counts, state: _State
               ) -> Iterator[tuple[Line, str]]:
    """(line, the further grading that it is or "") for each row of a file."""
    spec = source.mapping.spec
    plan = _plan(path, spec, counts, state)
    ordinal = 0
    several = len(source.mapping.paths) > 1
    for document in containers.documents(path):
        at = path if several else None
        if document.reason:
            yield Line(document.number, None, document.raw, document.reason, path=at,
                       cut_off=not document.raw), ""
            continue
        _publish(plan, document.value)
        rows = 0
        try:
            for row, around in _descend(document.value, plan):
                rows += 1
                ordinal += 1
                is_line = bool(document.raw)
                number = document.number if is_line or plan.is_table else ordinal
                line = _line(row, around, plan, state, number, document, source)
                if line is not None:
                    yield line[0]._replace(path=at), line[1]
        except Failed as failed:
            yield Line(document.number, None, document.raw, str(failed), path=at), ""
        counts.empty += not rows


def _descend(document: Any, plan: _Plan) -> Iterator[tuple[Any, tuple]]:
    """(innermost value, the levels around it from within) for each row of a document; the scope
    names the levels meanwhile."""
    yield from _level(document, plan, 0, ())


def _level(value: Any, plan: _Plan, depth: int, around: tuple) -> Iterator[tuple[Any, tuple]]:
    name, expression = plan.levels[depth]
    if expression is not None:
        plan.scope[AROUND] = around[1:]
        value = expression.get(value, plan.scope)
    inner = depth + 1 < len(plan.levels)
    for element in value if type(value) is list else () if value is MISSING or value is None \
            else (value,):
        plan.scope[name] = element
        if inner:
            yield from _level(element, plan, depth + 1, (element, *around))
            plan.scope[name] = element
        else:
            yield element, around


def _line(row: Any, around: tuple, plan: _Plan, state: _State, number: int,
          document: files.JsonLine, source: Source) -> tuple[Line, str] | None:
    """(the row, the further grading that it is or ""); None where `where` leaves it out."""
    plan.scope[AROUND] = around
    single = len(plan.levels) == 1
    raw = document.raw if single and document.raw else b""
    try:
        for joined in plan.joined:
            plan.scope[joined.name] = _match(joined, row, plan, state)
        if plan.where is not None and plan.where.get(row, plan.scope) in (None, False, MISSING, "", []):
            plan.counts.left_out += 1
            return None
        plan.counts.rows += 1
        plan.counts.shape(row)
        if single and type(row) is not dict:
            raise values.Wrong("a JSON object was expected")
        fields = _fields(row, plan)
        key, grading = _graded(row, fields, plan, state, source)
    except (values.Wrong, Failed) as wrong:
        return Line(number, None, raw or _spelled(row), str(wrong)), ""
    if plan.counts.rows <= _MOST_CHECKED and raw:
        for name in containers.repeated_keys(raw):
            plan.counts.repeated[name] += 1
    reason = _wrong(fields)
    if reason:
        return Line(number, None, raw or _spelled(row), reason), grading
    if not plan.trial and not plan.grading:
        _same_answer(row, fields, plan, state)
    notes = checks.tidy(fields)
    if document.nulled:
        notes += ("a NaN or infinite number was read as null",)
    return Line(number, fields, key=key, notes=notes), grading


def _spelled(row: Any) -> bytes:
    return json.dumps(row, default=str).encode()


def _fields(row: Any, plan: _Plan) -> dict[str, Any]:
    """A row's values under our field names; raises Wrong for a row that is none."""
    scope, fields = plan.scope, {}
    for name, get, take, met, told in plan.fields:
        value = get(row, scope)
        if told:
            met.add(value)
        else:
            met.note(value)
        if value is MISSING or value is None:
            fields[name] = None
            continue
        try:
            fields[name] = take(value)
        except values.Wrong as wrong:
            if name not in _NUMBERS:
                raise values.Wrong(f"{name}: {wrong}") from None
            fields[name] = None
            met.unread[str(value)[:40]] += 1
    if "tool_calls" in fields and type(fields["tool_calls"]) is tuple:
        fields["tool_calls"], results = fields["tool_calls"]
        fields.setdefault("tool_results", results)
    model = fields.get("model_name") or ""
    scores = {score.name: _judged(score, row, scope, model) for score in plan.scores}
    for block in plan.spec.checks:
        _check(block, row, plan, scores, fields, model)
    if scores:
        fields["scores"] = scores
    if plan.reward is not None:
        fields["reward"] = _judged(plan.reward, row, scope, model)
    if plan.trial is not None:
        fields["trial"] = _taken(plan.trial, row, scope)
    if plan.not_counted is not None:
        _not_counted(row, fields, plan)
    return fields


def _judged(score: _Score, row: Any, scope: dict, model: str) -> Any:
    value = score.get(row, scope)
    score.met.add(value)
    try:
        verdict = score.verdict(None if value is MISSING else value)
    except values.Wrong as wrong:
        raise values.Wrong(f"{score.name}: {wrong}") from None
    if type(value) in (int, float) and math.isfinite(value):
        score.met.span(model, value)
    elif type(value) is str and type(number := _cell(value)) in (int, float):
        score.met.span(model, number)
    return verdict


def _cell(text: str) -> Any:
    from failure_analysis.reading import delimited

    return delimited.cell(text, True)


def _taken(field: _Field, row: Any, scope: dict) -> Any:
    value = field.get(row, scope)
    field.met.add(value)
    return None if value is MISSING else value


def _check(block: "mapping_file.Checks", row: Any, plan: _Plan, scores: dict, fields: dict,
           model: str) -> None:
    """Adds the dimensions of a list of checks, each under its own name."""
    scopes = plan.spec.scopes
    listed = expressions.compiled([block.list], scopes).get(row, plan.scope)
    met = plan.counts.path(f"checks {block.list}", block.list)
    met.note(listed)
    listed = values.nested(listed) if plan.is_table else listed
    if listed is MISSING or listed is None:
        return
    if type(listed) is dict:
        listed = [{"key": key, "value": value} for key, value in listed.items()]
    if type(listed) is not list:
        raise values.Wrong(f"checks: {block.list} is {values.shown_type(listed)}, a list or map "
                           "of checks was expected")
    name_of, value_of, reason_of = (
        expressions.compiled([text], scopes) if text else None
        for text in (block.name, block.value, block.reason))
    verdict = values.judge(block, plan.is_table, plan.comma)
    around, reasons = plan.scope[AROUND], []
    plan.scope[AROUND] = (row, *around)
    for element in listed:
        name = name_of.get(element, plan.scope)
        if name is MISSING or name is None:
            raise values.Wrong(f"checks: a check has no name at {block.name}")
        name = values.text(name)
        if block.only and name not in block.only:
            continue
        score = _Score(name, value_of.get, verdict,
                       plan.counts.path(f"scores.{name}", f"{block.list} {block.value}"))
        judged = _judged(score, element, plan.scope, model)
        if name in scores:
            plan.counts.twice[name] += 1
            judged = _both(scores[name], judged)
        scores[name] = judged
        reason = reason_of and reason_of.get(element, plan.scope)
        if judged is False and reason and reason is not MISSING:
            reasons.append(f"{name}: {values.text(reason)}")
    plan.scope[AROUND] = around
    if reasons:
        fields["judge_reasoning"] = "\n".join(
            filter(None, [fields.get("judge_reasoning"), *reasons]))


def _both(one_verdict: Any, other: Any) -> Any:
    """Two checks of one name hold together: false if one is, null if one was not judged."""
    if one_verdict is False or other is False:
        return False
    return None if one_verdict is None or other is None else other


def _not_counted(row: Any, fields: dict, plan: _Plan) -> None:
    """A row that the benchmark does not count is unjudged, whatever its scores say."""
    value = _taken(plan.not_counted, row, plan.scope)
    if not any(values.equal(value, wanted) for wanted in plan.spec.not_counted.values):
        return
    fields["scores"] = {name: None for name in fields.get("scores", ())} or None
    fields["reward"] = None
    said = f"Not counted by the benchmark: {plan.not_counted.name} is {values.text(value)}."
    fields["judge_reasoning"] = "\n".join(filter(None, [said, fields.get("judge_reasoning")]))
    if fields.get("termination") not in HARNESS_FAILED:
        fields["termination"] = "infrastructure_error"


def _wrong(fields: dict) -> str | None:
    if fields.get("item_id") is None and fields.get("turn") is None:
        return "the mapping finds neither item_id nor turn in this row"
    if not isinstance(fields.get("params"), dict | None):
        return "params is no object"
    return checks.wrong({**fields, "turn": fields.get("turn", fields.get("item_id"))})


def _trial(value: Any, state: _State) -> int | None:
    """The trial that a repeat is: counted from 0 or 1 where numbers say so, else by the order in
    which seeds and names appear."""
    if value is None:
        return None
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str) or type(value) is bool:
        raise values.Wrong(f"trial: it is {values.shown_type(value)}, a number or a name was "
                           "expected")
    if state.first_trial is None:
        state.first_trial = value
    if state.first_trial in (0, 1) and type(value) is int:
        if value < state.first_trial:
            raise values.Wrong(f"trial: {value} after the first one, {state.first_trial}: are they "
                               "counted from 0 or 1? Sort the rows")
        return value - state.first_trial
    return state.trials.setdefault(value, len(state.trials))


def _graded(row: Any, fields: dict, plan: _Plan, state: _State, source: Source
            ) -> tuple[str | None, str]:
    """(what gradings of this answer are joined on, the further grading that the row is or "")."""
    if plan.trial is not None:
        fields["trial"] = _trial(fields["trial"], state)
    if plan.grading is None:
        return None, ""
    grade = values.text(_taken(plan.grading, row, plan.scope))
    answer = (fields.get("run_id"), fields.get("model_name"), str(fields.get("item_id")),
              fields.get("trial"))
    if plan.trial is None:  # the n-th row of an item that is graded so
        count = state.graded.get((*answer, grade), 0)
        state.graded[(*answer, grade)] = count + 1
        answer = (*answer, count)
    wanted = plan.spec.grading_of.record
    record = values.text(wanted) if wanted is not None else state.records.setdefault(answer, grade)
    fields.setdefault("grader", grade)
    key = json.dumps([source.run_id, *answer])
    return key, "" if grade == record else grade or "not named"


def _same_answer(row: Any, fields: dict, plan: _Plan, state: _State) -> None:
    """Counts rows that repeat an item: with the same answer they are perhaps further gradings."""
    answer = fields.get("assistant_text")
    if not answer:
        return
    key = (fields.get("run_id"), fields.get("model_name"), str(fields.get("item_id")))
    said = hash((fields.get("user_text"), answer))
    first = state.answers.get(key)
    if first is None:
        state.answers[key] = (said, row if len(state.answers) < _MOST_KEPT else None)
        return
    same = first[0] == said
    plan.counts.answers["same" if same else "other"] += 1
    if same and type(first[1]) is dict and type(row) is dict:
        plan.counts.differing.update(
            str(name) for name in row if name in first[1] and row[name] != first[1][name])


def _match(joined: joins.Joined, row: Any, plan: _Plan, state: _State) -> Any:
    """The record that a row is joined with."""
    if joined.on is None:
        return joined.document
    numbers = plan.counts.joins.setdefault(joined.name, [0, 0])
    numbers[0] += 1
    key = joins.spelled(joined.on.get(row, plan.scope))
    if key not in joined.records:
        return MISSING
    numbers[1] += 1
    state.used.setdefault(joined.name, set()).add(key)
    return joined.records[key]


def _publish(plan: _Plan, document: Any) -> None:
    """Notes what a file itself says must come out, where it says so for the first time."""
    if not plan.published:
        return
    said = {name for path, name, _ in plan.counts.published if path == plan.scope["file"]["path"]}
    for name, expression in plan.published:
        if name not in said:
            plan.scope[AROUND] = ()
            value = expression.get(document, plan.scope)
            if type(value) in (int, float):
                plan.counts.published.append((plan.scope["file"]["path"], name, value))


def _plan(path: Path, spec: "mapping_file.Mapping", counts: Counts, state: _State) -> _Plan:
    """Compiles a mapping for one file."""
    scopes = spec.scopes
    file = file_scope(path, spec)
    table, comma = containers.is_table(path), containers.decimal_comma(path)
    scope = {name: None for name in scopes} | {AROUND: (), "file": file}
    joined = tuple(joins.load(join, joins.paths(join, file), scopes) for join in spec.join)
    state.joined = {one_join.name: one_join for one_join in joined}
    for one_join in joined:
        if one_join.on is None:
            scope[one_join.name] = one_join.document

    def field(name: str, texts: Sequence[str], take: Callable) -> _Field:
        expression = expressions.compiled(texts, scopes)
        return _Field(name, expression.get, take, counts.path(name, expression.text),
                      name in _TOLD)

    def score(name: str, rule: "mapping_file.Score") -> _Score:
        expression = expressions.compiled(rule.at, scopes)
        return _Score(name, expression.get, values.judge(rule, table, comma),
                      counts.path(name if name == "reward" else f"scores.{name}",
                                  expression.text))

    fields, said = spec.fields, spec.expected
    trial = spec.trial_of or fields.trial
    return _Plan(
        spec, counts, scope,
        tuple((name, _list_of(text, scopes)) for name, text in spec.levels.items()),
        expressions.compiled([spec.where], scopes) if spec.where else None,
        tuple(_field_plans(spec, file, table, comma, counts, field)),
        tuple(score(name, rule) for name, rule in fields.scores.items()),
        _reward(fields, score), joined,
        field("trial", trial.at, lambda value: value) if trial else
        _constant("trial", file["trial"], counts) if "trial" in file else None,
        field("grading_of", spec.grading_of.at, values.text) if spec.grading_of else None,
        field("not_counted", spec.not_counted.at, values.text)._replace(
            name=" or ".join(spec.not_counted.at)) if spec.not_counted else None,
        tuple((name, expressions.compiled([text], scopes)) for name, text in said or ()
              if isinstance(text, str) and name != "items"),
        table, comma)


def _reward(fields: "mapping_file.Fields", score: Callable) -> _Score | None:
    """The reward, a number; true and false are 1 and 0."""
    if fields.reward is None:
        return None
    plan = score("reward", fields.reward)

    def verdict(value: Any) -> Any:
        judged = plan.verdict(value if type(value) is not str else values.number(value))
        return float(judged) if type(judged) is bool else judged

    return plan._replace(verdict=verdict)


def _list_of(text: str, scopes: frozenset[str]) -> Expression | None:
    """The expression of a level; lists are gone through, so that a last [] of a path says no
    more."""
    return None if text == "@" else expressions.compiled(
        [text.removesuffix("[]") or text], scopes)


def _constant(name: str, value: Any, counts: Counts) -> _Field:
    return _Field(name, lambda row, scope: value, lambda value: value,
                  counts.path(name, "from_path"), name in _TOLD)


def _field_plans(spec: "mapping_file.Mapping", file: dict, table: bool, comma: bool,
                 counts: Counts, field: Callable) -> Iterator[_Field]:
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
            yield _constant(name, place.value, counts)
    for group, name in _FROM_PATH.items():
        if group in file and name != "trial" and getattr(spec.fields, name) is None:
            yield _constant(name, file[group], counts)


def _taker(name: str, place: Any, table: bool, comma: bool) -> Callable[[Any], Any]:
    """How the values of a field are taken."""
    if name in _IDS:
        return values.ident
    if name in _TEXTS:
        return values.text
    if name in _NUMBERS:
        return values.number
    if name == "messages":
        return lambda value: values.messages(value, place)
    if name == "tool_calls":
        return lambda value: values.tool_calls(value, place)
    if name == "turn" and table:
        return _cell
    return values.nested if table else lambda value: value


def _built(name: str, place: "mapping_file.Built", spec: "mapping_file.Mapping", counts: Counts,
           take: Callable) -> _Field:
    """A field that is a value as it stands, or an object put together."""
    if place.place is not None:
        if not place.place.at:
            return _constant(name, place.place.value, counts)
        expression = expressions.compiled(place.place.at, spec.scopes)
        return _Field(name, expression.get, take, counts.path(name, expression.text), False)
    parts = []
    for key, inner in place.parts.items():
        if inner.at:
            part = expressions.compiled(inner.at, spec.scopes)
            parts.append((key, part.get, counts.path(f"{name}.{key}", part.text)))
        else:
            parts.append((key, lambda row, scope, value=inner.value: value,
                          counts.path(f"{name}.{key}", "value")))

    def get(row: Any, scope: dict) -> Any:
        built = {}
        for key, part, met in parts:
            value = part(row, scope)
            met.note(value)
            built[key] = None if value is MISSING else \
                _cell(value) if type(value) is str and name == "params" else value
        return values.parts(built)

    return _Field(name, get, lambda value: value, counts.path(name, "its parts"), False)


def file_scope(path: Path, spec: "mapping_file.Mapping") -> dict[str, Any]:
    """What expressions know of a file; refuses when from_path does not fit its path."""
    absolute = path.absolute().as_posix()
    scope = {"path": path.as_posix(), "folder": path.absolute().parent.name,
             "stem": files.bare_name(path).rsplit(".", 1)[0]}
    if spec.from_path:
        match = re.search(spec.from_path, absolute)
        if match is None:
            raise files.Refusal(f"{path}: from_path does not fit this path; correct it, or say "
                                "with files which ones to read")
        scope |= {name: value for name, value in match.groupdict().items() if value is not None}
    return scope


def sources(paths: Sequence[Path], spec: "mapping_file.Mapping", benchmark: str) -> list[Source]:
    """The runs in files: each file is one, but where rows, or their path, name the run, or a file
    holds a single row; then all files are read together."""
    plain = [_source(path, spec, benchmark) for path in paths]
    if len(plain) < 2:
        return plain
    scope = file_scope(paths[0], spec)
    if spec.fields.run_id is None and "run" not in scope and not _is_one_row(paths, spec):
        return plain
    joined = tuple(dict.fromkeys(path for source in plain for path in source.files[1:]))
    folder = Path(*_common(paths))
    return [replace(plain[0], path=folder, run_id=folder.name or benchmark,
                    files=(*paths, *joined), mapping=Mapped(spec, tuple(paths)))]


def _source(path: Path, spec: "mapping_file.Mapping", benchmark: str) -> Source:
    file = file_scope(path, spec)
    joined = [other for join in spec.join for other in joins.paths(join, file)]
    return Source(
        format=NAME, path=path, run_id=str(file["stem"]), model_name="", benchmark=benchmark,
        why="read through the mapping", files=(path, *joined), threshold=spec.threshold,
        mapping=Mapped(spec, (path,)), separate_gradings=spec.grading_of is not None)


def _common(paths: Sequence[Path]) -> tuple[str, ...]:
    """The folders that all paths are below."""
    shared = []
    for parts in zip(*(path.parent.parts for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)


def _is_one_row(paths: Sequence[Path], spec: "mapping_file.Mapping") -> bool:
    """Whether the first files hold one row each, and name its model."""
    if spec.fields.model_name is None and "model" not in file_scope(paths[0], spec):
        return False
    for path in paths[:3]:
        if containers.is_table(path):
            return False
        plan = _plan(path, spec, Counts(), _State())
        rows = 0
        for document in containers.documents(path):
            rows += sum(1 for _ in zip(_descend(document.value, plan), "12", strict=False))
            if rows > 1:
                return False
    return True


def has_rows(path: Path, spec: "mapping_file.Mapping") -> bool:
    """Whether the first rows of a file have an item where the mapping says."""
    source = Source(NAME, path, "", "", "", "", (path,), mapping=Mapped(spec, (path,)))
    seen = 0
    for line in read(source):
        if line.fields is not None:
            return True
        seen += 1
        if seen >= _MOST_CHECKED:
            return False
    return False

"""Rows of any other shape, read through a `benchmark.yaml` that says where each field is.

templates/benchmark.yaml explains each key."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import checks, files
from failure_analysis.datapoint import NOT_COUNTED, is_number, outcome_of
from failure_analysis.reading import containers, expressions, joins, mapping_plan, values
from failure_analysis.reading.delimited import cell
from failure_analysis.reading.expressions import AROUND, CELLS, MISSING, Failed
from failure_analysis.reading.mapping_plan import Block, Field, Plan, Score
from failure_analysis.reading.path_counts import MOST_LOOKED_AT, Counts, shown
from failure_analysis.reading.path_counts import Path as Met
from failure_analysis.reading.trials import Trials, may_be
from failure_analysis.records import Grading, Line, Note, Source

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

NAME = "mapping"
_MOST_KEPT = 500
_LONGEST_SETTING = 80
_MOST_PARSED_AGAIN = 50  # to see whether keys are there twice


class Mapped(NamedTuple):
    """A mapping, and the files whose rows it reads; the other files of the source are joined."""

    spec: "mapping_file.Mapping"
    paths: tuple[Path, ...]


def read(source: Source, counts: Counts | None = None) -> Iterator[Line] | Iterator[Grading]:
    """One line per row of the files; for a source that grades, the further gradings in them. What
    the paths met is added to `counts`."""
    counts = Counts() if counts is None else counts
    return _gradings(source, counts) if source.grades else _lines(source, counts)


def _lines(source: Source, counts: Counts) -> Iterator[Line]:
    state = _State(source)
    for path in source.mapping.paths:
        for line, grading in _read_file(path, source, counts, state):
            if not grading:
                yield line
    counts.settle()


def _gradings(source: Source, counts: Counts) -> Iterator[Grading]:
    state = _State(source)
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


# Where a row stands: its line, its path (where several files are read together), the bytes of the
# line, and whether null stands in it for a number that JSON cannot carry.
_Place = tuple[int, Path | None, bytes, bool]


class _State:
    """What must be remembered from row to row: trials, gradings, the first row of each item."""

    def __init__(self, source: Source) -> None:
        self.trials = Trials(lambda first: _start(source, first))
        self.records: dict[tuple, Any] = {}
        self.graded: dict[tuple, int] = {}
        self.first_rows: dict[tuple, dict] = {}
        self.asked: dict[tuple, str | None] = {}


def _start(source: Source, first: int) -> int | None:
    """The trial, 0 or 1, from which a source counts whose first row is called by another number:
    its files are read once more, where they may have such a row, and nothing of them is kept."""
    state = _State(source)
    state.trials = Trials(lambda _: None, first=1)
    for path in source.mapping.paths:
        if may_be("0" if first == 1 else "01", path, source.mapping.spec):
            for _ in _read_file(path, source, Counts(), state):
                if state.trials.least == 0:
                    return 0
    return 1 if 1 in (first, state.trials.least) else None


def _read_file(path: Path, source: Source, counts: Counts, state: _State
               ) -> Iterator[tuple[Line, str]]:
    """(line, the further grading that it is or "") for each row of a file."""
    spec = source.mapping.spec
    plan = mapping_plan.compiled(path, spec, counts)
    counts.is_table |= plan.is_table
    for joined in plan.joined:
        if joined.on is not None:
            counts.unused.setdefault(joined.table, set(joined.records))
    ordinal = 0
    at = path if len(source.mapping.paths) > 1 else None
    documents, is_lines = _looked_at(path)
    counts.remarks += (*containers.remarks(path),
                       *(joined.fault for joined in plan.joined if joined.fault))
    for document in documents:
        if document.reason:
            yield Line(document.number, None, document.raw, document.reason, path=at,
                       cut_off=not document.raw), ""
            continue
        _publish(plan, document.value)
        if counts.unmet:
            _meet(document, counts)
        rows = 0
        try:
            for row, around in rows_of(document.value, plan):
                rows += 1
                ordinal += 1
                place = (document.number, at, document.raw, document.nulled) if is_lines else \
                    (ordinal, at, b"", document.nulled)
                line = _line(row, around, plan, state, place)
                if line is not None:
                    yield line
        except Failed as failed:
            yield Line(document.number, None, document.raw, str(failed), path=at), ""
        if not rows:
            counts.no_row(document.value)


def _meet(document: files.JsonLine, counts: Counts) -> None:
    """Takes the keys that a record has from those that expressions wait for."""
    keys = document.value if type(document.value) is dict else {}
    for name in list(counts.unmet):
        spelled = "|".join(map(re.escape, {json.dumps(name), f'"{name}"'}))
        if name in keys or re.search(rf"(?:{spelled})\s*:".encode(), document.raw):
            del counts.unmet[name]


def _looked_at(path: Path) -> tuple[Iterator[files.JsonLine], bool]:
    """(the documents of a file, whether there are several: then rows are named by their line, else
    by their place in the one)."""
    documents = containers.documents(path)
    first = list(islice(documents, 2))
    return chain(first, documents), len(first) > 1


def rows_of(document: Any, plan: Plan) -> Iterable[tuple[Any, tuple]]:
    """(innermost value, the levels around it from within) for each row of a document; the scope
    names the levels meanwhile."""
    if len(plan.levels) == 1 and plan.levels[0][1] is None and type(document) is dict:
        plan.scope[plan.levels[0][0]] = document
        return (((document, ())),)
    return _level(document, plan, 0, ())


def _level(value: Any, plan: Plan, depth: int, around: tuple) -> Iterator[tuple[Any, tuple]]:
    name, expression = plan.levels[depth]
    if expression is not None:
        _forget(plan)
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


def _forget(plan: Plan) -> None:
    """Takes the names of `let` from the scope: they are of one row, and what comes before them must
    not see those of the row before."""
    for name, _ in plan.let:
        plan.scope.pop(name, None)


def _line(row: Any, around: tuple, plan: Plan, state: _State, place: _Place
          ) -> tuple[Line, str] | None:
    """(the row, the further grading that it is or ""); None where `where` leaves it out."""
    _forget(plan)
    plan.scope[AROUND] = around
    number, path, raw, nulled = place
    single = len(plan.levels) == 1
    raw = raw if single else b""
    counts = plan.counts
    try:
        keys, lost = _joined(row, plan) if plan.joined else ({}, ())
        if plan.needs_cells and type(row) is dict:
            plan.scope[CELLS] = expressions.cells_of(row, plan.comma)
        for name, expression in plan.let:
            plan.scope[name] = expression.get(row, plan.scope)
        if plan.where is not None and not _is_row(row, plan):
            plan.counts.left_out += 1
            return None
        counts.rows += 1
        if counts.rows <= MOST_LOOKED_AT:
            counts.shape(row)
        if keys:
            _count_joins(keys, plan)
        if single and type(row) is not dict and plan.spec.each is None:
            raise values.Wrong("a JSON object was expected")
        fields = _fields(row, plan)
        settings = _settings(row, plan) if plan.settings else None
        key, grading = (None, "") if plan.trial is None and plan.grading is None else \
            _graded(row, fields, plan, state)
    except (values.Wrong, Failed) as wrong:
        if isinstance(wrong, Failed):
            counts.failed[str(wrong)[:200]] += 1
        return Line(number, None, raw or _spelled(row), str(wrong)[:900], path=path), ""
    if raw and counts.rows <= _MOST_PARSED_AGAIN:
        counts.repeated.update(containers.repeated_keys(raw))
    reason = _wrong(fields)
    if reason:
        return Line(number, None, raw or _spelled(row), reason, path=path), grading
    if not plan.trial and not plan.grading:
        _repeat(row, fields, plan, state)
    for joined in plan.joined if plan.judging else ():
        if joined.name in plan.judging and keys.get(joined.name) is not None:
            model = fields.get("model_name") or plan.scope["file"]["path"]
            counts.serve(joined.table, keys[joined.name], model)
    if fields.get("task") is not None and fields.get("item_id") is not None:
        counts.in_task(fields["item_id"], fields["task"])
    notes = checks.tidy(fields) if plan.is_untidy and not _is_tidy(fields) else ()
    if nulled:
        notes += ("a NaN or infinite number was read as null",)
    return Line(number, fields, b"", "", settings, None, None, key, (*notes, *lost), path), grading


def _is_row(row: Any, plan: Plan) -> bool:
    """Whether `where` is true for a record; what is neither true nor false is counted."""
    value = plan.where.get(row, plan.scope)
    value = cell(value, plan.comma) if plan.is_table else value
    plan.counts.path("where", plan.spec.where).add(value)
    return value is True


def _spelled(row: Any) -> bytes:
    return json.dumps(row, default=str).encode()


def _fields(row: Any, plan: Plan) -> dict[str, Any]:
    """A row's values under our field names; raises Wrong for a row that is none."""
    scope, fields = plan.scope, {}
    for name, key, get, take, met, told, types, is_text, _ in plan.fields:
        value = row.get(key, MISSING) if key else get(row, scope)
        kind = type(value)
        if told:
            met.add(value)
        else:
            types[kind] += 1
        if kind is str and is_text:
            fields[name] = value
        elif value is MISSING or value is None:
            fields[name] = None
        else:
            fields[name] = _taken(name, value, take, met)
    looks = plan.counts.rows <= plan.counts.looks
    if looks:
        for field in plan.fields:
            field.met.look(field.get(row, scope))
    if len(plan.levels) > 1 and type(row) is dict:
        for field in plan.fields:
            field.met.borrowed += bool(field.head) and field.head not in row \
                and fields[field.name] is not None
    if "tool_calls" in fields and type(fields["tool_calls"]) is tuple:
        fields["tool_calls"], results = fields["tool_calls"]
        fields.setdefault("tool_results", results)
    model = fields.get("model_name") or ""
    scores = {}
    for score in plan.scores:
        value = score.get(row, scope)
        if (value is True or value is False) and score.is_bare and not score.head and not looks:
            score.met.truths[value] += 1
            scores[score.name] = value
        else:
            scores[score.name] = _judged(score, row, plan, model)
    for block in plan.checks:
        _check(block, row, plan, scores, fields, model)
    if scores:
        fields["scores"] = scores
    if plan.reward is not None:
        fields["reward"] = _judged(plan.reward, row, plan, model)
    if plan.trial is not None:
        fields["trial"] = _looked_up(plan.trial, row, scope)
    if plan.not_counted is not None:
        _not_counted(row, fields, plan)
    return fields


def _settings(row: Any, plan: Plan) -> dict[str, str] | None:
    """The conditions under which a row was made, as far as they are recorded."""
    told = {field.name.partition(".")[2]: field.take(_looked_up(field, row, plan.scope))
            for field in plan.settings}
    return {name: text[:_LONGEST_SETTING] for name, text in told.items() if text} or None


def _taken(name: str, value: Any, take: Callable[[Any], Any], met: Met) -> Any:
    """A value as its field takes it; what is no number is not recorded, and counted."""
    try:
        return take(value)
    except values.Wrong as wrong:
        if name not in mapping_plan.NUMBERS:
            raise values.Wrong(f"{name}: {wrong}") from None
        met.unread[str(value)[:40]] += 1
        return None


def _judged(score: Score, row: Any, plan: Plan, model: str) -> Any:
    value = score.get(row, plan.scope)
    met = score.met
    if plan.counts.rows <= plan.counts.looks:
        met.look(value)
    if score.head and type(row) is dict and score.head not in row and value is not MISSING:
        met.borrowed += 1
    if value is None and not plan.is_table:
        met.types[type(None)] += 1
        met.values[type(None), None] += 1
        return None
    if value is True or value is False:
        met.types[bool] += 1
        met.values[bool, value] += 1
        return value if score.is_bare else score.verdict(value)
    met.add(cell(value, plan.comma) if plan.is_table else value)
    try:
        verdict = score.verdict(None if value is MISSING else value)
    except values.Wrong as wrong:
        met.unread[str(value)[:40]] += 1
        met.why = met.why or str(wrong)
        raise values.Wrong(f"{score.name}: {wrong}") from None
    if verdict is None and type(value) in (str, float) and values.is_infinite(value):
        met.unread[str(value)[:40]] += 1
    if is_number(value):
        met.span(model, value)
    elif type(value) is str and is_number(number := cell(value, plan.comma)):
        met.span(model, number)
    return verdict


def _looked_up(field: Field, row: Any, scope: dict) -> Any:
    value = field.get(row, scope)
    field.met.add(value)
    field.met.look(value)
    return None if value is MISSING else value


def _check(block: Block, row: Any, plan: Plan, scores: dict, fields: dict, model: str) -> None:
    """Adds the dimensions of a list of checks, each under its own name."""
    listed = _listed(block, row, plan)
    around, reasons = plan.scope[AROUND], []
    cells = plan.scope.pop(CELLS, None)  # of the row, and an element is none
    plan.scope[AROUND] = (row if cells is None else cells, *around)
    for element in listed:
        name = block.name(element, plan.scope)
        if name is MISSING or name is None:
            raise values.Wrong(f"checks: a check has no name at {block.spec.name}")
        name = values.text(name)
        if len(plan.counts.checks) < _MOST_KEPT:
            plan.counts.checks.add(name)
        if block.spec.only and name not in block.spec.only:
            continue
        score = Score(name, block.value, block.verdict, plan.counts.path(
            f"scores.{name}", f"{block.spec.list} {block.spec.value}"))
        judged = _judged(score, element, plan, model)
        if name in scores:
            plan.counts.twice[name] += 1
            judged = _both(scores[name], judged)
        scores[name] = judged
        reason = block.reason(element, plan.scope) if block.reason else None
        if judged is False and reason and reason is not MISSING:
            reasons.append(f"{name}: {values.text(reason)}")
    plan.scope[AROUND] = around
    if cells is not None:
        plan.scope[CELLS] = cells
    if reasons:
        fields["judge_reasoning"] = "\n".join(
            filter(None, [fields.get("judge_reasoning"), *reasons]))


def _listed(block: Block, row: Any, plan: Plan) -> list:
    """The checks of a row; a map is a list of {key, value}."""
    listed = block.list(row, plan.scope)
    block.met.types[type(listed)] += 1
    block.met.look(listed)
    listed = values.nested(listed) if plan.is_table else listed
    if listed is MISSING or listed is None:
        return []
    if type(listed) is dict:
        return [{"key": key, "value": value} for key, value in listed.items()]
    if type(listed) is not list:
        raise values.Wrong(f"checks: {block.spec.list} is {values.shown_type(listed)}, a list or "
                           "map of checks was expected")
    return listed


def _both(first: Any, second: Any) -> Any:
    """Two checks of one name hold together: false if one is, null if one was not judged; of two
    numbers the lower."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else min(first, second)


def _not_counted(row: Any, fields: dict, plan: Plan) -> None:
    """A row that the benchmark does not count is unjudged, whatever its scores say."""
    value = _looked_up(plan.not_counted, row, plan.scope)
    wanted = plan.spec.not_counted.values
    if not any(values.equal(value, word, plan.is_table) for word in wanted):
        return
    fields["scores"] = {name: None for name in fields.get("scores", ())} or None
    fields["reward"] = None
    said = f"Not counted by the benchmark: {plan.not_counted.name} is {values.text(value)}."
    fields["judge_reasoning"] = "\n".join(filter(None, [said, fields.get("judge_reasoning")]))
    if fields.get("termination") not in NOT_COUNTED:
        fields["termination"] = "infrastructure_error"


def _is_tidy(fields: dict) -> bool:
    """Whether turn and tool results are in their one form already, as nearly always."""
    turn = fields.get("turn")
    return (turn is None or type(turn) is int) and type(fields.get("tool_results")) is not dict


def _wrong(fields: dict) -> str | None:
    """Why a row has no place: what its other values may be was seen to when they were taken."""
    item, turn = fields.get("item_id"), fields.get("turn")
    if (type(turn) is int or (type(item) is str and item and turn is None)) and not \
            fields.get("trial") and "params" not in fields:
        return None
    if item is None and turn is None:
        return "the mapping finds neither item_id nor turn in this row"
    if not isinstance(fields.get("params"), dict | None):
        return "params is no object"
    return checks.wrong({"turn": item if turn is None else turn, "trial": fields.get("trial")})


def _graded(row: Any, fields: dict, plan: Plan, state: _State
            ) -> tuple[str | None, str]:
    """(what gradings of this answer are joined on, the further grading that the row is or "")."""
    if plan.trial is not None:
        fields["trial"] = state.trials.of(fields["trial"])
    if plan.grading is None:
        return None, ""
    grade = values.text(_looked_up(plan.grading, row, plan.scope))
    answer = (fields.get("run_id"), fields.get("model_name"), str(fields.get("item_id")),
              fields.get("trial"))
    if grade is None and plan.spec.grading_of.in_order:
        count = state.graded[answer] = state.graded.get(answer, 0) + 1
        grade = str(count)
    plan.counts.gradings[grade] += 1
    if plan.trial is None:  # the n-th row of an item that is graded so
        count = state.graded.get((*answer, grade), 0)
        state.graded[(*answer, grade)] = count + 1
        answer = (*answer, count)
    wanted = plan.spec.grading_of.record
    record = values.text(wanted) if wanted is not None else state.records.setdefault(answer, grade)
    fields.setdefault("grader", grade)
    key = json.dumps([plan.scope["file"]["path"], *answer])
    return key, "" if grade == record else grade or "not named"


def _repeat(row: Any, fields: dict, plan: Plan, state: "_State") -> None:
    """Counts by which keys the rows that repeat an item differ: repeats, further gradings and other
    conditions look the same until the mapping says which they are."""
    item = fields.get("item_id")
    key = (fields.get("run_id"), fields.get("model_name"),
           fields.get("turn") if item is None else item)
    first = state.first_rows.get(key)
    if first is None:
        if type(row) is dict and len(state.first_rows) < _MOST_KEPT:
            state.first_rows[key] = row
            state.asked[key] = fields.get("user_text")
        return
    plan.counts.repeats += 1
    asked = fields.get("user_text")
    plan.counts.asks_other += bool(asked) and asked != state.asked.get(key)
    for name, value in row.items() if type(row) is dict else ():
        before = first.get(name)
        if value != before and not isinstance(value, list | dict) and before is not None:
            plan.counts.differ(str(name), (shown(value), shown(before)))


def _joined(row: Any, plan: Plan) -> tuple[dict[str, str | None], tuple[Note, ...]]:
    """(the key of the record that a row has in each join, notes on files that cannot be read); the
    records are in the scope then."""
    keys, notes = {}, ()
    for joined in plan.joined:
        keys[joined.name], lost = _join(joined, row, plan)
        notes += lost
    return keys, notes


def _join(joined: joins.Joined, row: Any, plan: Plan) -> tuple[str | None, tuple[Note, ...]]:
    """Puts the record that a row is joined with into the scope; returns its key if there is one,
    and a note if it cannot be read."""
    if joined.on is None:
        return None, ()
    key = joins.spelled(joined.on.get(row, plan.scope))
    is_there = key in joined.records
    asked = plan.counts.asked_for.setdefault(joined.name, [])
    if len(asked) < 3:
        asked.append(str(key)[:60])
    record, why = joined.records[key] if is_there else MISSING, ""
    if type(record) is joins.Unread:
        record, why = joins.read(record)
        if plan.counts.unmet and plan.counts.rows < MOST_LOOKED_AT:
            for name in joins.keys(record):
                plan.counts.unmet.pop(name, None)
    plan.scope[joined.name] = record
    note = (Note(f"a file of join {joined.name} cannot be read", why),) if why else ()
    return key if is_there else None, note


def _count_joins(keys: dict[str, str | None], plan: Plan) -> None:
    for joined in plan.joined:
        if joined.on is not None:
            numbers, key = plan.counts.joins.setdefault(joined.name, [0, 0]), keys[joined.name]
            numbers[0] += 1
            if key is not None:
                numbers[1] += 1
                plan.counts.unused[joined.table].discard(key)
                if key in joined.repeated:
                    plan.counts.ambiguous.setdefault(joined.name, set()).add(key)


def _publish(plan: Plan, document: Any) -> None:
    """Notes what a file itself says must come out, where it says so for the first time."""
    if not plan.published:
        return
    _forget(plan)
    path = plan.scope["file"]["path"]
    said = {name for other, name, _ in plan.counts.published if other == path}
    first = plan.levels[0][0]
    for name, expression in plan.published:
        for record in document[:_MOST_KEPT] if type(document) is list else (document,):
            if name in said:
                break
            plan.scope[AROUND], plan.scope[first] = (), record
            try:
                value = expression.get(record, plan.scope)
            except Failed:  # said nowhere, as for a path that leads nowhere
                continue
            if type(value) is str:
                value = cell(value.strip().removesuffix("%").strip())
            if is_number(value):
                plan.counts.published.append((path, name, value))
                said.add(name)

"""A first `benchmark.yaml` for files of unknown shape, from their keys and values, to be checked by
whoever knows them: each line says why, what is a guess is marked CHECK."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from failure_analysis import clean, files
from failure_analysis.drafting import file_groups, verdict_words
from failure_analysis.drafting.drafts import Draft, call_keys, draft
from failure_analysis.drafting.field_names import (
    SECONDS,
    is_number,
    pick,
    tokens,
)
from failure_analysis.drafting.file_groups import Group
from failure_analysis.drafting.file_joins import Join, arranged
from failure_analysis.drafting.named_checks import Checks
from failure_analysis.drafting.repeated_items import repeats_of, tell_apart, why
from failure_analysis.drafting.survey import (
    MOST_ROWS,
    Field,
    is_conversation,
    message_keys,
    quoted,
)
from failure_analysis.drafting.verdicts import Verdict
from failure_analysis.drafting.yaml_text import can_be_written, line, scalar, shown
from failure_analysis.reading import containers

_MOST_FILES = 40
_MOST_UNUSED = 40
_ORDER = ("item_id", "model_name", "run_id", "task", "user_text", "assistant_text", "messages",
          "tool_calls", "expected", "reasoning", "failure_class", "judge_reasoning", "termination",
          "prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")
_BENCHMARK = ("benchmark", "benchmark_name", "eval_name", "dataset", "dataset_name", "task",
              "suite")


# The line of a draft that was made from nothing.
NOTHING = "# CHECK: no records in it."


def propose(paths: list[Path]) -> str:
    """A draft of a mapping for these files (and those below folders), as YAML with comments."""
    loaded, refused = _loaded(paths)
    groups = file_groups.grouped(loaded)
    drafts = [draft(group.documents) for group in groups]
    lines = ["# A draft. Lines with CHECK are guesses; try it: check_mapping.py FILE… --mapping "
             "benchmark.yaml"]
    lines += [f"# CHECK: not read: {clean.visible(' '.join(why.split()))[:300]}"
              for why in refused[:5]]
    if not drafts or not drafts[0].survey.rows:
        return "\n".join([*lines, NOTHING, "fields:",
                          "  item_id: id  # CHECK: nothing was there to tell from", ""])
    main, join = arranged(groups, drafts)
    return "\n".join([*lines, *_text(groups[main], drafts[main], join, len(groups) > 1), ""])


def _loaded(paths: Iterable[Path]) -> tuple[list[file_groups.Loaded], list[str]]:
    """(the first documents of the files, why others cannot be read)."""
    named = [child for path in paths for child in (
        sorted(child for child in path.rglob("*") if child.is_file() and
               files.bare_name(child).lower().endswith(containers.ENDINGS))
        if path.is_dir() else [path])]
    step = max(1, len(named) // _MOST_FILES)
    chosen = named if len(named) <= _MOST_FILES else named[::step][:_MOST_FILES]
    loaded, refused = [], []
    for path in chosen:
        try:
            rows = islice(containers.documents(path), MOST_ROWS + 1)
            documents = [line.value for line in rows if not line.reason]
            if containers.is_table(path):
                documents = _typed(documents, containers.decimal_comma(path))
            loaded.append(file_groups.Loaded(path, documents[:MOST_ROWS],
                                             len(documents) > MOST_ROWS))
        except files.Refusal as refusal:
            refused.append(str(refusal))
    return loaded, refused


def _typed(rows: list[dict[str, str]], comma: bool) -> list[dict[str, Any]]:
    """The rows of a table; a column of numbers or truth values alone is no text."""
    typed: dict[str, list[Any]] = {}
    for key in rows[0] if rows else ():
        cells = [row[key] for row in rows]
        values = [containers.cell(cell, comma) for cell in cells]
        texts = any(isinstance(value, str) for value in values)
        typed[key] = [cell if cell.strip() else None for cell in cells] if texts else values
    return [dict(zip(typed, values, strict=True)) for values in
            zip(*typed.values(), strict=True)]


def _text(group: Group, drafted: Draft, join: Join | None, has_others: bool) -> list[str]:
    """The lines of the mapping."""
    used: list[Field] = []
    lines = [line(0, "benchmark", scalar(_benchmark(group, drafted)), "CHECK: its name")]
    if has_others:
        lines.append(line(0, "files", scalar([file_groups.glob(group)]),
                          "CHECK: the other files have no rows?" if join is None else
                          "the rows; the other file is joined"))
    from_path = _from_path(group, drafted)
    if from_path:
        lines.append(line(0, "from_path", scalar(from_path), file_groups.shown_paths(group)))
    levels = drafted.survey.levels
    if len(levels) > 1:
        lines.append(line(0, "each", scalar({level.name: level.expression for level in levels}),
                          "CHECK: are these the rows? " * (drafted.survey.score < 6) +
                          f"{len(drafted.survey.rows)} rows looked at"))
    if drafted.where:
        lines.append(line(0, "where", scalar(drafted.where), _told(drafted.where_note)))
    lines.append("fields:")
    lines += _fields(drafted, used, join, from_path)
    if _is_row_per_file(group, drafted) and "(?P<model>" not in from_path and not any(
            text.startswith("  model_name:") for text in lines):
        lines.append(line(2, "model_name", scalar({"value": file_groups.common_folder(group).name}),
                          "CHECK: the model; each file is one row of its run"))
    lines += _scores(drafted, used, join)
    lines += _checks(drafted.checks, used, bool(drafted.verdicts))
    lines += join.lines if join else []
    lines += repeats_of(drafted, used, file_groups.models_in_paths(group, drafted, from_path))
    lines += _not_counted(drafted)
    lines += file_groups.expected(group, drafted)
    return [*lines, *_unused(drafted, used)]


def _from_path(group: Group, drafted: Draft) -> str:
    """The regex of paths, for what no field tells."""
    picked = drafted.roles.fields
    if "model_name" not in picked or _item_in_path(group, drafted):
        return file_groups.from_path(group, not _item_in_path(group, drafted))
    if "task" in picked or len(group.loaded) < 2 or _is_row_per_file(group, drafted):
        return ""
    regex = file_groups.from_path(group).replace("(?P<model>[^/]+)", "[^/]+")
    return regex if "(?P<task>" in regex else ""


def _item_in_path(group: Group, drafted: Draft) -> bool:
    """True when only the folders of files of one name can tell items apart."""
    return "item_id" not in drafted.roles.fields and file_groups.has_one_name(group)


def _is_row_per_file(group: Group, drafted: Draft) -> bool:
    return len(group.loaded) > 1 and len(drafted.survey.rows) <= len(group.loaded)


def _benchmark(group: Group, drafted: Draft) -> str:
    """The name of a dataset that all rows have, else of the file or folder."""
    field = pick(drafted.survey.fields, _BENCHMARK, lambda field: field.are(str) and
                 len(field.distinct) == 1 and len(field.values[0]) < 60 and field.share > 0.9)
    if field is not None:
        return clean.safe_name(field.values[0])
    path = group.loaded[0].path
    return clean.safe_name(files.bare_name(path).rsplit(".", 1)[0] if len(group.loaded) == 1 else
                           file_groups.common_folder(group).name or "benchmark")


def _fields(drafted: Draft, used: list[Field], join: Join | None, from_path: str) -> list[str]:
    """The lines below `fields`, scores left out."""
    lines: dict[str, str] = {}
    picked = dict(drafted.roles.fields)
    if from_path and "(?P<task>" in from_path:
        picked.pop("task", None)
    tell_apart(drafted, picked)
    for name, field in picked.items():
        used.append(field)
        lines[name] = line(2, name, scalar(field.expression),
                           why(field, drafted.roles.why.get(name, "")))
    lines |= _talk(drafted, used, picked)
    if join:
        lines |= {name: text for name, text in join.fields.items() if name not in lines}
    if "item_id" not in lines:
        place = "file.item" if "(?P<item>" in from_path else "file.stem"
        lines["item_id"] = line(2, "item_id", place,
                                "CHECK: no field tells items apart; each file is one?")
    seconds = pick(drafted.survey.fields, SECONDS, lambda field: is_number(field) and
                   len(field.path) < 3)
    if "latency_ms" not in lines and seconds is not None:
        used.append(seconds)
        lines["latency_ms"] = (f"  # latency_ms: CHECK: {shown(seconds.expression)[1:-1]} is in "
                               f"seconds or not, e.g. {shown(seconds.values[0])}")
    return [lines[name] for name in _ORDER if name in lines]


def _talk(drafted: Draft, used: list[Field], picked: dict[str, Field]) -> dict[str, str]:
    """The lines of messages and tool calls, and of what is asked and answered in them."""
    lines: dict[str, str] = {}
    field = drafted.messages
    if field is not None:
        used.append(field)
        first = next(value for value in field.values if is_conversation(value))
        role, text = message_keys(first[0]) or ("role", "content")
        place = scalar(field.expression) if (role, text) == ("role", "content") else scalar(
            {"at": field.expression, "role": role, "content": text})
        lines["messages"] = line(2, "messages", place,
                                 f"{len(field.values)} rows, e.g. {len(first)} messages")
        said = {str(message.get(role)) for value in field.values for message in value[:6]
                if isinstance(message, dict)}
        path = _from_level(drafted, field)
        for name, speakers, which in (("user_text", ("user", "human", "customer"), "first"),
                                      ("assistant_text", ("assistant", "gpt", "ai", "agent",
                                                          "model", "bot"), "last")):
            speaker = next((speaker for speaker in speakers if speaker in said), None)
            if name not in picked and speaker:
                lines[name] = line(2, name, scalar(
                    f"{which}({path}[?{quoted(role)}=='{speaker}'].{quoted(text)})"),
                    f"the {which} message of {speaker}")
    if drafted.calls is not None:
        used.append(drafted.calls)
        part = next(part for value in drafted.calls.values for part in value)
        name, arguments = call_keys(part) or ("name", "arguments")
        place = scalar(drafted.calls.expression) if (name, arguments) in (
            ("name", "arguments"), ("function", "function")) else scalar(
            {"at": drafted.calls.expression, "name": name, "arguments": arguments})
        lines["tool_calls"] = line(2, "tool_calls", place, f"{len(drafted.calls.values)} rows")
    return lines


def _from_level(drafted: Draft, field: Field) -> str:
    """A field's path as JMESPath."""
    return "".join(f"[{step}]" if isinstance(step, int) else ("." if place else "") + quoted(step)
                   for place, step in enumerate(field.path))


def _scores(drafted: Draft, used: list[Field], join: Join | None) -> list[str]:
    """The dimensions, each with the values that were met and how often."""
    lines = ["  scores:"]
    lines += [_dimension(verdict, used) for verdict in drafted.verdicts]
    lines += [f"    # {_dimension(verdict, used).lstrip()}" for verdict in drafted.others]
    if join:
        lines += join.scores
    if len(lines) == 2 and _is_aggregate(drafted):
        return ["  # CHECK: an aggregate is no row; give the file in which each item has its own "
                "score:", "  # scores:", f"  #   {lines[1].strip()}"]
    if len(lines) > 1:
        return lines
    if drafted.checks:
        return []
    return ["  # CHECK: nothing in it says right or wrong; a mapping needs scores, reward or "
            "checks:", "  # scores: {correct: …}"]


def _is_aggregate(drafted: Draft) -> bool:
    """True for a score of a file that has nothing of an item."""
    numbers = [value for verdict in drafted.verdicts for value in verdict.field.values]
    return len(drafted.survey.rows) == 1 and not drafted.messages and not \
        drafted.roles.fields.keys() & {"item_id", "user_text", "assistant_text"} and all(
            isinstance(number, float) and 0 < number < 1 for number in numbers)


def _dimension(verdict: Verdict, used: list[Field]) -> str:
    """The line of a dimension."""
    used.append(verdict.field)
    counts = Counter(map(shown, verdict.field.values))
    met = ", ".join(f"{value} {count}" for value, count in counts.most_common(8))
    place = {"at": verdict.field.expression, **_short(verdict.rule)}
    notes = [*map(_told, verdict.notes)]
    if verdict.field.share < 0.9:
        place["optional"] = True
        none = verdict.field.rows - len(verdict.field.values)
        notes.append(f"CHECK: {none} of {verdict.field.rows} rows have none and are not judged")
    text = scalar(place) if len(place) > 1 else scalar(verdict.field.expression)
    notes.append(f"met: {met}{', …' if len(counts) > 8 else ''}")
    return line(4, verdict.name, text, "; ".join(notes))


def _told(note: str) -> str:
    return shown(note)[1:-1] if len(note) < 40 else "".join(
        char if char.isprintable() else "?" for char in note)


def _short(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule with a single value instead of a list of one, texts that cannot be written left
    out."""
    short = {}
    for name, values in rule.items():
        if isinstance(values, list):
            values = [value for value in values
                      if not isinstance(value, str) or can_be_written(value)]
        short[name] = values[0] if isinstance(values, list) and len(values) == 1 else values
    return short


def _checks(listed: list[Checks], used: list[Field], has_scores: bool) -> list[str]:
    """The lines of named checks; as comments where the rows have a verdict of their own."""
    lines = []
    for checks in listed[:1]:
        used.append(checks.field)
        rule = {"list": checks.field.expression, "name": checks.name, "value": checks.value,
                **({"reason": checks.reason} if checks.reason else {}), **_short(checks.rule)}
        met = ", ".join(f"{shown(name)} {count}" for name, count in checks.names.most_common(4))
        many = len(checks.names) > 30
        text = line(0, "checks", scalar(rule),
                    "; ".join([*map(_told, checks.notes), f"met: {met}"]))
        if has_scores or many:
            lines.append("# CHECK: the parts of the verdict" + (
                ", many of different names" if many else "") + "; they can be dimensions too:")
            text = f"# {text}"
        lines.append(text)
    return lines


def _not_counted(drafted: Draft) -> list[str]:
    """Rows that the harness brought about."""
    judged = {verdict.field.expression for verdict in drafted.verdicts}
    for field in drafted.survey.fields:
        if field.is_own and field.are(str) and len(field.distinct) <= 20 and \
                field.expression not in judged:
            values = [value for value in field.distinct
                      if isinstance(value, str) and
                      "_".join(tokens(value)) in verdict_words.INFRASTRUCTURE]
            if values:
                return [line(0, "not_counted", scalar({"at": field.expression, "values": values}),
                             why(field, "CHECK: or do they count as failures?"))]
        if tokens(field.leaf) == ["failure", "reason"] and field.are(int) and \
                2 in field.values and set(field.values) <= {0, 1, 2}:
            return [line(0, "not_counted", scalar({"at": field.expression, "values": [2]}),
                         f"CHECK: promptfoo: 2 is an error of the API; {why(field)}")]
    return []


def _unused(drafted: Draft, used: Sequence[Field]) -> list[str]:
    """Comments for the fields that the draft does not use."""
    paths = [field.path for field in used]
    rest = []
    for field in drafted.survey.fields:
        inside = any(field.path[:len(path)] == path or path[:len(field.path)] == field.path
                     for path in paths)
        if not inside and not field.are(dict) and field.values and field.depth >= 0:
            kind = Counter(type(value).__name__ for value in field.values).most_common(1)[0][0]
            rest.append(f"#   {shown(field.expression)[1:-1]}: {kind}, {len(field.values)} rows, "
                        f"e.g. {shown(field.values[0])}")
    more = [f"#   … and {len(rest) - _MOST_UNUSED} more"] if len(rest) > _MOST_UNUSED else []
    return ["# Not used:", *rest[:_MOST_UNUSED], *more] if rest else []

"""What a wrong mapping looks like from what its paths met: what is refused, and what is said."""

import difflib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from failure_analysis.clean import visible
from failure_analysis.files import Refusal
from failure_analysis.reading import values
from failure_analysis.reading.expressions import Missing
from failure_analysis.reading.path_counts import MOST_PARTS, Counts, Path, shown

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

_MOST = 8
_NEAR = 0.75
_NEGATIONS = ("in", "un", "not", "not ", "not_", "non", "non-", "dis", "im")
_TRUE = ("true", "yes", "y", "on", "1", "1.0")
_FALSE = ("false", "no", "n", "off", "0", "0.0")
# Paths whose mistakes change which rows there are, or which of them pass.
_DECIDING = ("each", "let", "where", "item_id", "turn", "reward", "checks", "trial_of",
             "grading_of", "not_counted", "join")
_TIES = ("tie", "draw", "both", "equal", "partial", "partially correct", "p",
         "skipped", "skip", "error", "pending", "unknown", "cancelled", "not attempted",
         "not_attempted", "invalid")
# Numbers from here on are not on a scale from 0 to 1.
_BEYOND = 1.5
_MANY = 20


def refuse(spec: "mapping_file.Mapping", counts: Counts) -> None:
    """Raises Refusal for a mapping that cannot be meant: its rows would be believed, and wrong."""
    for fault in faults(spec, counts):
        raise Refusal(f"{read_as(spec)}: {visible(fault)}")


def read_as(spec: "mapping_file.Mapping") -> str:
    """What is at fault: the user's mapping, or the format that files were taken for."""
    return f"read as {spec.about}, which it cannot be" if spec.about else "the mapping"


def faults(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """What cannot be meant, each with what was seen and what to do."""
    yield from _where(spec, counts)
    if not counts.rows:
        yield from _no_rows(spec, counts)
        return
    yield from _names_nowhere(spec, counts)
    yield from _nowhere(spec, counts)
    yield from _joins(spec, counts)
    yield from _shared(counts)
    yield from _failing(counts)
    yield from _levels(spec, counts)
    deciding, undecided = 0, 0
    for name, rule in _rules(spec, counts):
        path = counts.paths[name]
        undecided += rule.decides
        deciding += bool(rule.pass_) or rule.at_least is not None or rule.at_most is not None or \
            bool in path.types or not path.said
        yield from _of_rule(name, rule, path, counts.is_table)
    # Of a format it is known which numbers decide: its rows without such are unjudged.
    if undecided and not deciding and not spec.recognise and "reward" not in counts.paths:
        yield _no_verdict(counts)
    yield from _no_such_value(spec, counts)
    yield from _repeats(spec, counts)
    for item, first, second in counts.two_tasks[:1]:
        yield (f"item {shown(item)} is in the tasks {shown(first)} and {shown(second)}, and would "
               "be one item: put the task into item_id: join('/', [TASK, to_string(ID)])")


def _where(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """That `where` gives texts or numbers, which are neither true nor false."""
    path = counts.paths.get("where")
    if path is not None and path.types.keys() - {bool, type(None), Missing}:
        yield (f"where ({spec.where}) is neither true nor false ({told(path)}); write a "
               "comparison, with texts in quotes: type == 'match'")


def _no_rows(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """Why there is no row at all."""
    if counts.empty:
        levels = ", ".join(f"{name}: {text}" for name, text in spec.levels.items())
        yield (f"each: no row in any of {counts.empty} records"
               f"{'' if spec.recognise else f' ({levels})'}; {_keys(counts)}")
    if counts.left_out:
        yield from _names_nowhere(spec, counts)
        yield (f"where ({spec.where}) is true for none of {counts.left_out} rows; "
               f"{_keys(counts)}")


def _names_nowhere(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """Keys that an expression names and no record has, where they look like slips, or like texts
    without quotes. Others may be keys that only some runs have: those are said. A format names the
    keys of all versions of its files."""
    if spec.recognise:
        return
    keys = list(counts.key_counts())
    for name, (owner, text) in counts.unmet.items():
        if owner not in _DECIDING and not owner.startswith("scores."):
            continue
        near = difflib.get_close_matches(name, keys, n=1, cutoff=_NEAR)
        if near:
            yield (f"{owner}: no record has a key {shown(name)}, which {text} names; nearest: "
                   f"{near[0]}")
        elif re.search(rf"[=<>]\s*{re.escape(name)}\s*(?:$|[)|&\]])", text):
            yield (f"{owner}: no record has a key {shown(name)}, which {text} names; a text is "
                   f"written in quotes: '{shown(name)}'")


def _joins(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """Joins that find nothing, or more than one record. A format looks for what may lie beside its
    files; where that is of another run, it is said, and no fault."""
    may_miss = {join.name for join in spec.join if join.optional and spec.recognise}
    for name, (asked, matched) in counts.joins.items():
        if asked and not matched and name not in may_miss and any(json.loads(table)[0] == name
                                         for table in counts.unused if len(json.loads(table)) > 1):
            there = ", ".join(map(shown, sorted(_unused(name, counts))[:3]))
            wanted = ", ".join(map(shown, counts.asked_for.get(name, [])[:3]))
            yield (f"join {name}: none of {asked} rows has a key that is in its files (rows ask "
                   f"for {wanted}; there: {there}); correct key and on")
    for name, keys in counts.ambiguous.items():
        yield (f"join {name}: its files have several records, or lists, for {len(keys)} keys "
               f"({', '.join(map(shown, sorted(keys)[:3]))}), and they differ: name more in key "
               "and on (key: \"[id, model]\"), other files, lists that do not overlap, or many: "
               "true")


def _shared(counts: Counts) -> Iterator[str]:
    """Records that judge the rows of several models."""
    for table, models in counts.shared.items():
        yield (f"join {json.loads(table)[0]}: one record judges rows of {shown(models[0])} and "
               f"{shown(models[1])}: name the model in key and on (key: \"[id, model]\"), or give "
               "each its own file (files: \"{stem}_score.json\")")


def _failing(counts: Counts) -> Iterator[str]:
    """Expressions that cannot be evaluated on more than one row in a hundred."""
    for why, _ in counts.failed.most_common(1):
        if counts.failed.total() * 100 > counts.rows:
            yield f"an expression fails on {counts.failed.total()} of {counts.rows} rows: {why}"


def _levels(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """Values that stand in the row for some rows, and around it for others; and keys that are
    called as a level is."""
    inner = list(spec.levels)[-1]
    for name, path in counts.paths.items():
        if 0 < path.borrowed < path.met and _decides(name):
            yield (f"{name}: {path.text} is in {inner} in {path.met - path.borrowed} rows and "
                   f"around it in {path.borrowed}: say which, {inner}.{path.text} or "
                   f"{next(iter(spec.levels))}.{path.text}")
    for scope in spec.scopes & set(counts.key_counts()) - {"file"}:
        heads = [path for path in counts.paths.values() if path.is_plain
                 and path.text.startswith((f"{scope}.", f"{scope}["))]
        if heads:
            yield (f"{heads[0].text}: {scope} is a level or join of the mapping, and a key of the "
                   "rows: call the level otherwise")


def _decides(name: str) -> bool:
    return name in ("reward", "item_id", "trial", "grading_of", "not_counted") or \
        name.startswith(("scores.", "checks "))


def _no_such_value(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """Names and values that the mapping gives and nothing has. A format names the checks of all
    its files."""
    dimensions = [name[7:] for name in counts.paths if name.startswith("scores.")]
    lists = any(name.startswith("checks ") and path.said for name, path in counts.paths.items())
    for name in (name for block in spec.checks for name in block.only if not spec.recognise):
        near = difflib.get_close_matches(name, counts.checks, n=1, cutoff=0.6)
        if lists and name not in dimensions and (near or not dimensions):
            yield (f"checks: no check is called {shown(name)} (there are "
                   f"{', '.join(map(shown, sorted(counts.checks)[:12]))})")
    record = spec.grading_of and spec.grading_of.record
    if record is not None and counts.gradings and values.text(record) not in counts.gradings:
        there = ", ".join(f"{_quoted(grade)} {rows}" for grade, rows in counts.gradings.items())
        yield f"grading_of: record {_quoted(record)} is none of the gradings there are ({there})"


def _repeats(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """That rows repeat items, told apart by something that the mapping does not speak of."""
    apart = sorted((len(met), name, met) for name, (rows, met) in counts.differing.items()
                   if rows == counts.repeats >= len(met) <= MOST_PARTS
                   and not _is_used(name, spec, counts))
    if not apart and counts.asks_other == counts.repeats > 1:
        yield (f"{counts.repeats} rows repeat an item of their run and ask something else: ids "
               "begin anew (put the task into item_id: join('/', [TASK, ID])), or the prompt is "
               "another (run_id)")
    if apart:
        names = "; ".join(f"{shown(name)} ({', '.join(sorted(met)[:3])})"
                          for _, name, met in apart[:3])
        yield (f"{counts.repeats} rows repeat an item of their run, and differ in {names}: say "
               "what that is with trial_of (repeats), grading_of (further gradings of one answer), "
               "model_name, or item_id; or put it into run_id (another condition, such as a "
               "prompt)")


def _nowhere(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[str]:
    """Item, verdicts and dimensions that no row has."""
    fields = spec.fields
    wanted = [name for name in ("item_id", "turn") if getattr(fields, name) is not None]
    if counts.paths[wanted[0]].asked and not any(
            counts.paths[name].said for name in wanted if name in counts.paths):
        path = counts.paths[wanted[0]]
        yield f"{wanted[0]}: {_nothing_at(path, counts)}"
    optional = {f"scores.{name}" for name, score in fields.scores.items() if score.optional}
    if fields.reward and fields.reward.optional:
        optional.add("reward")
    if spec.grading_of and spec.grading_of.in_order:
        optional.add("grading_of")
    optional |= {name for name, rule in _rules(spec, counts)
                 if not rule.decides and name[7:] not in fields.scores}
    for name, path in counts.paths.items():
        is_verdict = name == "reward" or name.startswith(("scores.", "checks ")) or \
            name in ("grading_of", "trial")
        # Where it was not asked, all rows were rejected before.
        if is_verdict and path.asked and name not in optional and (
                not path.met or (not path.is_plain and not path.said)):
            yield f"{name}: {_nothing_at(path, counts)}"


def _nothing_at(path: Path, counts: Counts) -> str:
    """That a path leads nowhere, with the nearest name there is."""
    leaves = list(dict.fromkeys(leaf for row in counts.samples for leaf in _leaves(row)))
    near = difflib.get_close_matches(path.text, leaves, n=1, cutoff=0.6) or \
        [leaf for leaf in leaves if leaf.split(".")[-1] == path.text.split(".")[-1]][:1]
    fault = f"; {path.fault}" if path.fault else ""
    nearest = f"; nearest: {near[0]}" if near else ""
    return (f"there is nothing at {path.text} in any of {path.asked} rows{fault}{nearest}; "
            f"{_keys(counts)}{_map_hint(counts)}")


def _leaves(value: Any, before: str = "", depth: int = 0) -> Iterator[str]:
    """The paths of what is in a row, to a few levels."""
    if isinstance(value, dict) and depth < 4:
        for key, inner in list(value.items())[:60]:
            yield from _leaves(inner, f"{before}.{key}" if before else str(key), depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and depth < 4:
        yield from _leaves(value[0], f"{before}[0]", depth + 1)
    if before:
        yield before


def _keys(counts: Counts) -> str:
    keys = [shown(key) for key, _ in counts.key_counts().most_common(12)]
    return f"keys there are {', '.join(keys)}" if keys else \
        f"a row is {shown(counts.samples[0])}" if counts.samples else "there are no rows"


def _map_hint(counts: Counts) -> str:
    """Advice when what was taken for a row is a map from ids to rows."""
    row = counts.samples[0] if counts.samples else None
    if counts.rows < 3 and isinstance(row, dict) and row and all(
            isinstance(inner, dict) or (isinstance(inner, list) and inner
                                        and isinstance(inner[0], dict))
            for inner in row.values()):
        return ("; this looks like a map from ids to rows: each: {item: \"items(PATH)\", row: "
                "\"value[]\"}, and item.key is the id")
    return ""


def _rules(spec: "mapping_file.Mapping", counts: Counts
           ) -> Iterator[tuple[str, "mapping_file.Judged"]]:
    """The paths that decide, with what passes for each."""
    mapped = {f"scores.{name}": rule for name, rule in spec.fields.scores.items()}
    for name in counts.paths:
        if name in mapped:
            yield name, mapped[name]
        elif name.startswith("scores."):
            block = next((block for block in spec.checks
                          if counts.paths[name].text == f"{block.list} {block.value}"), None)
            if block is not None:
                yield name, block
        elif name == "reward" and spec.fields.reward is not None:
            yield name, spec.fields.reward.model_copy(update={"at_least": spec.threshold})


def _of_rule(name: str, rule: "mapping_file.Judged", path: Path, is_table: bool
             ) -> Iterator[str]:
    """What one verdict's values and its rule say of each other."""
    seen = [value for (_, value), _ in path.values.most_common()]
    if rule.pass_ and seen and not {list, dict} & path.types.keys():
        yield from _other_spelling(name, rule, path, seen, is_table)
    limits = [limit for limit in (rule.at_least, rule.at_most) if limit is not None]
    numbers = sum(path.types.get(kind, 0) for kind in (int, float))
    if path.why and path.unread.total() * 2 > path.said > 0:
        yield f"{name}: {path.text}: {path.why} ({told(path)})"
    elif numbers and path.types.get(bool, 0) and not rule.pass_ and rule.decides and \
            name != "reward":
        yield (f"{name}: {path.text} is true or false in {path.types[bool]} rows and a number in "
               f"{numbers} ({told(path)}); say which values pass: {{at: {path.text}, pass: …}}")
    elif limits:
        yield from _other_scale(name, rule, limits[0], path)


def _other_spelling(name: str, rule: "mapping_file.Judged", path: Path, seen: list,
                    is_table: bool) -> Iterator[str]:
    """That nothing has a passing value, and something has nearly one."""
    def is_one_of(value: Any, words: list) -> bool:
        return any(values.equal(value, word, is_table) for word in words)

    if any(is_one_of(value, rule.pass_) for value in seen):
        return
    judged = [value for value in seen if not is_one_of(value, rule.unjudged)
              and str(value).strip().lower() not in values.NO_VERDICT]
    for wanted in rule.pass_:
        near = next((value for value in judged if _is_nearly(value, wanted)), None)
        if near is not None:
            yield (f"{name}: no value passes: pass is {_quoted(wanted)}, and {path.text} has "
                   f"{told(path)}; nearest: {_quoted(near)}")
            return
    if judged and len({type(value) for value in judged}) == 1 and all(
            type(wanted) is not type(judged[0]) for wanted in rule.pass_) and not \
            {type(judged[0]), *map(type, rule.pass_)} <= {int, float}:
        yield (f"{name}: no value can pass: pass is {_quoted(rule.pass_[0])}, "
               f"{values.shown_type(rule.pass_[0])}, and {path.text} has {told(path)}")


def _is_nearly(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one in another spelling or type, or with a slip."""
    if value is None or isinstance(value, list | dict):
        return False
    mine, theirs = str(value).strip().casefold(), str(wanted).strip().casefold()
    if type(value) is not type(wanted):
        truth = _TRUE if wanted is True else _FALSE if wanted is False else ()
        return mine == theirs or mine in truth or (
            type(value) is bool and theirs in (_TRUE if value else _FALSE))
    if not isinstance(value, str):
        return False
    if mine == theirs:
        return True
    if any(mine == f"{no}{theirs}" or theirs == f"{no}{mine}" for no in _NEGATIONS):
        return False
    return mine.startswith(theirs) or theirs.startswith(mine) or \
        difflib.SequenceMatcher(None, mine, theirs).ratio() >= _NEAR


def _other_scale(name: str, rule: "mapping_file.Judged", limit: float, path: Path
                 ) -> Iterator[str]:
    """That numbers and their limit are on different scales, so that nearly all or none pass."""
    if rule.range or rule.out_of or not path.ranges:
        return
    highest = max(high for _, high in path.ranges.values())
    models = [shown(model) or "not named" for model, (_, high) in path.ranges.items()
              if high > _BEYOND]
    if rule.at_least is not None and (
            (0 < limit < 1 and highest > _BEYOND) or (0 < limit <= 1 and highest > _MANY)):
        of = f" for {', '.join(models[:3])}" if 0 < len(models) < len(path.ranges) else ""
        yield (f"{name}: {path.text} goes up to {highest:g}{of} where {limit:g} passes: they are "
               "on different scales; give out_of (100 for percent), or range: [lowest, highest] "
               "when it is meant so")
    if rule.at_most is None and limit > _BEYOND and 0 < highest * 2 <= limit:
        yield (f"{name}: {path.text} goes up to {highest:g} where {limit:g} passes: they are on "
               "different scales; nothing can pass")


def _no_verdict(counts: Counts) -> str:
    names = [name for name in counts.paths if name.startswith("scores.")]
    said = "; ".join(f"{name[7:]}: {told(counts.paths[name])}" for name in names[:4])
    return (f"its scores are numbers, which decide nothing ({said}); say what passes: {{at: …, "
            "at_least: …}, {at: …, pass: 1}, or reward with threshold; or, where nothing does, "
            "{at: …, decides: false}")


def told(path: Path) -> str:
    """The commonest values, with their counts."""
    first = [f"{_quoted(value)} {count}" for (_, value), count in path.values.most_common(_MOST)]
    rest = len(path.values) - len(first)
    nowhere = path.types.get(Missing, 0)
    return ", ".join([*first, *([f"{rest} more values"] if rest > 0 else []),
                      *([f"nothing {nowhere}"] if nowhere else [])])


def _quoted(value: Any) -> str:
    """A value as YAML would have it: text in quotes, true and null bare."""
    if isinstance(value, str):
        return f'"{shown(value)}"'
    return {None: "null", True: "true", False: "false"}.get(value, repr(value)) \
        if value is None or isinstance(value, bool) else repr(value)


def findings(spec: "mapping_file.Mapping", counts: Counts) -> list[dict[str, Any]]:
    """What a reader should know of how rows were read, in sentences."""
    said = [*_of_verdicts(spec, counts), *_of_fields(spec, counts), *_of_rows(counts),
            *_of_joins(spec, counts)]
    return [{"kind": f"mapping_{kind}", "text": visible(text), "count": count, "about": about}
            for kind, text, count, about in said]


def _of_verdicts(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[tuple]:
    for name, rule in _rules(spec, counts):
        path = counts.paths[name]
        yield from _gaps(name, path)
        yield from _ties(name, rule, path, counts.is_table)
        yield from _scales(name, rule, path)
        near = [value for (_, value), _ in path.values.items()
                if rule.pass_ and not any(values.equal(value, wanted, counts.is_table) for wanted in
                                          [*rule.pass_, *rule.unjudged])
                and any(_bare(value) == _bare(wanted) or (
                    type(value) is not type(wanted) and _is_nearly(value, wanted))
                    for wanted in rule.pass_)]
        nulls = path.types.get(type(None), 0)
        if "||" in path.text and nulls and not spec.recognise:
            yield ("or_null", f"{name}: {path.text} is null in {nulls} rows; false || null is null "
                   "in JMESPath: for the first that is there write a list, [a, b].", nulls, [name])
        unmet = [word for word in rule.unjudged if not any(
            values.equal(value, word, counts.is_table) for _, value in path.values)]
        for word in unmet:
            nearest = next((value for _, value in path.values if _is_nearly(value, word)), None)
            if nearest is not None:
                yield ("spelling", f"{name}: {_quoted(nearest)} is nearly {_quoted(word)} of "
                       f"unjudged, and is not taken for it ({told(path)}).", 0, [name])
        if near:
            rows = sum(count for (_, value), count in path.values.items() if value in near)
            yield ("spelling", f"{name}: {_quoted(near[0])} ({rows} rows) is nearly what passes, "
                   f"and counts as failed; add it to pass if it does ({told(path)}).", rows, [])


def _bare(value: Any) -> str:
    """A value without case, blanks and marks around it."""
    return str(value).strip(" \t*`'\"").casefold()


def _gaps(name: str, path: Path) -> Iterator[tuple]:
    nothing = path.asked - path.met
    if not path.said:
        yield "no_verdict", f"{name}: {path.text} is null in every row.", path.asked, [name]
    elif nothing > 0:
        yield ("gaps", f"{name}: there is nothing at {path.text} in {nothing} of {path.asked} "
               "rows; they are not judged on it.", nothing, [name])


def _ties(name: str, rule: "mapping_file.Judged", path: Path, is_table: bool
          ) -> Iterator[tuple]:
    decided = [*rule.pass_, *rule.unjudged]
    ties = [(value, count) for (_, value), count in path.values.items()
            if isinstance(value, str) and value.strip().casefold() in _TIES
            and not any(values.equal(value, wanted, is_table) for wanted in decided)]
    numbers = {value for (kind, value) in path.values if kind in (int, float)}
    if numbers and numbers <= {0, 0.5, 1} and 0.5 in numbers and (rule.at_least or 0) > 0.5:
        ties += [(value, count) for (_, value), count in path.values.items() if value == 0.5]
    for value, count in ties if rule.pass_ or rule.at_least is not None else ():
        what = "neither pass nor fail by its name" if isinstance(value, str) else "halfway"
        yield ("ties", f"{name}: {_quoted(value)} ({count} rows) is {what}, and counts as failed; "
               "put it under pass or unjudged if that is wrong.", count, [name])


def _scales(name: str, rule: "mapping_file.Judged", path: Path) -> Iterator[tuple]:
    if not path.ranges:
        return
    within = [model for model, (_, high) in path.ranges.items() if high <= 1]
    beyond = [model for model, (_, high) in path.ranges.items() if high > _BEYOND]
    low = min(low for low, _ in path.ranges.values())
    high = max(high for _, high in path.ranges.values())
    if within and beyond:
        yield ("mixed_scales", f"{name}: up to {high:g} for {_names(beyond)}, up to 1 for "
               f"{_names(within)}: are these on one scale?", len(beyond), sorted(beyond))
    elif name == "reward" and (low < 0 or high > 1):
        yield ("reward_range", f"Rewards go from {low:g} to {high:g}, not from 0 to 1.", 0, [])
    if str in path.types and rule.at_least is not None:
        count = path.types[str]
        yield ("numbers_as_text", f"{name}: {path.text} is text in {count} rows, read as numbers.",
               count, [name])


def _names(models: list[str]) -> str:
    named = [shown(model) or "a model without a name" for model in sorted(models)]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def _of_fields(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[tuple]:
    for name, path in counts.paths.items():
        head, _, part = name.partition(".")
        place = getattr(spec.fields, head, None)
        if head in ("expected", "params"):
            place = place.parts.get(part) if part else place.place or place
        if name.startswith("scores.") or name == "reward":
            yield from _unread(name, path)
        if name.startswith(("scores.", "checks ")) or name in (
                "reward", "item_id", "turn", "where") or \
                getattr(place, "optional", False) or (
                    name == "grading_of" and spec.grading_of.in_order):
            continue
        if not path.said and path.text != "its parts" and not spec.recognise:
            yield ("nowhere", f"{name}: there is nothing at {path.text} in any row"
                   f"{f' ({path.fault})' if path.fault else ''}.", counts.rows, [name])
        yield from _unread(name, path)
    for name, (owner, text) in counts.unmet.items() if not spec.recognise else ():
        yield ("nowhere", f"{owner}: no record has a key {shown(name)}, which {text} names.", 0,
               [owner])
    model, skipped = counts.paths.get("model_name"), counts.paths.get("not_counted")
    gaps = model.asked - model.said + model.values[str, ""] if model is not None else 0
    if model is not None and 0 < gaps < model.asked:
        yield ("model_gaps", f"model_name: there is nothing at {model.text} in {gaps} of "
               f"{model.asked} rows; the name of their file or folder stands for it.", gaps,
               ["model_name"])
    if skipped is not None and not spec.recognise and not any(
            values.equal(value, word, counts.is_table) for _, value in skipped.values
            for word in spec.not_counted.values):
        yield ("no_such_value", f"not_counted: no row has one of its values ({skipped.text}: "
               f"{told(skipped)}).", 0, ["not_counted"])
    if counts.unnamed:
        yield ("no_model", "No model is named: the name of the file or folder stands for it "
               f"({', '.join(counts.unnamed[:3])}); say model_name, or a name in from_path.",
               len(counts.unnamed), counts.unnamed[:200])
    unmapped = unmapped_keys(spec, counts)
    if unmapped and not spec.recognise:
        yield ("unmapped", f"Keys of rows that the mapping does not use: "
               f"{', '.join(map(shown, unmapped[:20]))}.", len(unmapped), unmapped[:200])


def _unread(name: str, path: Path) -> Iterator[tuple]:
    if path.unread:
        first = ", ".join(_quoted(value) for value, _ in path.unread.most_common(3))
        yield ("unread", f"{name}: {path.text} cannot be read in {path.unread.total()} rows "
               f"({first}).", path.unread.total(), [name])


def unmapped_keys(spec: "mapping_file.Mapping", counts: Counts) -> list[str]:
    """The keys of rows that no expression names."""
    return [key for key in counts.key_counts() if not _is_used(key, spec, counts)]


def _is_used(key: str, spec: "mapping_file.Mapping", counts: Counts) -> bool:
    """Whether an expression of the mapping begins with the key, or, when it is no plain path, has
    it somewhere."""
    texts = (spec.where or "", *spec.levels.values(), *(join.on or "" for join in spec.join),
             *(text for texts in spec.let.values() for text in texts))
    if not any(key in text for text in texts) and not any(
            key in path.text for path in counts.paths.values()):
        return False  # of thousands of keys nearly every one: a regex for each takes minutes
    word = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
    return any(word.search(text) for text in texts) or any(
        path.text == key or (any(word.match(text) for text in path.text.split(" or "))
                             if path.is_plain else word.search(path.text))
        for path in counts.paths.values())


def _of_rows(counts: Counts) -> Iterator[tuple]:
    for remark in counts.remarks:
        yield "columns", f"{remark}.", 0, []
    for name, rows in counts.repeated.items():
        yield ("key_twice", f"The key {shown(name)} is there twice in one object ({rows} of the "
               "rows looked at); the last one counts.", rows, [name])
    for name, rows in counts.twice.items():
        yield ("check_twice", f"{shown(name)}: {rows} times two checks of a row have this name; it "
               "fails if one of them failed.", rows, [name])
    if counts.left_out:
        yield ("where", f"{counts.left_out} records are no rows by where.", counts.left_out, [])
    if counts.empty:
        yield ("empty", f"{counts.empty} records hold no row.", counts.empty, [])


def _unused(join: str, counts: Counts) -> set[str]:
    """The keys in the files of a join that no row asked for."""
    return {key for table, keys in counts.unused.items() if json.loads(table)[0] == join
            for key in keys}


def _of_joins(spec: "mapping_file.Mapping", counts: Counts) -> Iterator[tuple]:
    """What joins miss; not for files that a format may have beside it, and this one has not, nor
    for those that are joined only so that they are not read as rows."""
    there = {parts[0] for parts in map(json.loads, counts.unused) if len(parts) > 1}
    used = spec.model_dump_json(exclude={"join"})
    for name, (asked, matched) in counts.joins.items():
        if matched < asked and (name in there or not spec.recognise) \
                and re.search(rf"\b{name}\b", used):
            yield ("join_misses", f"join {name}: {asked - matched} of {asked} rows have no record "
                   "in its files.", asked - matched, [name])
        unused = sorted(_unused(name, counts))
        if unused:
            yield ("join_unused", f"join {name}: {len(unused)} records belong to no row "
                   f"({', '.join(map(shown, unused[:5]))}).", len(unused),
                   list(map(shown, unused[:200])))

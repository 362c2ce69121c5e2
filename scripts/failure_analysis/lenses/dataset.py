"""The table that every lens works on: one line per generation, without its texts, which are read
again when a lens needs them; groups."""

import difflib
import hashlib
import itertools
import math
from collections import Counter, namedtuple
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import files
from failure_analysis.datapoint import natural_key
from failure_analysis.lenses import parameters, repeats, samples
from failure_analysis.lenses.config import Config, Eval, check_against, eval_of, load_config
from failure_analysis.lenses.parameters import is_number

OUTCOMES = ("correct", "wrong", "no_answer", "truncated")
CORRECT, WRONG, NO_ANSWER, TRUNCATED = range(4)
CUT_OFF = ("length", "max_tokens", "max_length", "model_length", "max_output_tokens")
YES, NO = (True, 1, "true", "True", "TRUE"), (None, False, 0, "false", "False", "FALSE")
MOST_LEVELS = 6  # of an axis that splits a lens
TOGETHER, FEW = "small tasks together", 100  # tasks of fewer samples are looked at together, too


class Text(NamedTuple):
    """The texts of one sample, as far as they are recorded."""

    prompt: str | None
    reasoning: str | None
    response: str | None
    prompt_ids: list | None
    offsets: list | None
    reasoning_ids: list | None


# The fields of a row that these are, in their order, and what each must be.
_KINDS = {"prompt_text": str, "reasoning_text": str, "response": str, "prompt_token_ids": list,
          "token_offsets": list, "reasoning_token_ids": list}


@dataclass(frozen=True)
class Table:
    """Samples as columns. `row` is a sample's place in the files, `ident` its name in reports;
    `tokens`, `limit` and `guess` are NaN where they are not recorded."""

    config: Config
    evals: tuple[Eval, ...]
    tasks: tuple[str, ...]
    tiers: tuple[str, ...]
    eval: np.ndarray
    task: np.ndarray
    tier: np.ndarray
    item: np.ndarray
    outcome: np.ndarray
    tokens: np.ndarray
    limit: np.ndarray
    guess: np.ndarray
    row: np.ndarray
    ident: np.ndarray
    params: dict[str, np.ndarray]
    account: dict[str, Any]

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, kept: np.ndarray) -> "Table":
        """The table with the chosen samples alone."""
        columns = {name: column[kept] for name, column in vars(self).items()
                   if isinstance(column, np.ndarray)}
        return replace(self, **columns,
                       params={name: values[kept] for name, values in self.params.items()})

    def difficulty(self) -> list[str]:
        """The numeric parameters that say how hard a sample is and that vary."""
        return [name for name, values in self.params.items()
                if self.config.params.get(name, "difficulty") == "difficulty"
                and values.dtype == float and len(np.unique(values[~np.isnan(values)])) > 1]

    def role(self, role: str) -> str | None:
        """The first parameter declared with a role."""
        return next((name for name in self.params if self.config.params.get(name) == role), None)

    def levels(self) -> np.ndarray:
        """A code per sample: its task and the values of its difficulty parameters, numbers merged
        where there are many, names where they are declared as difficulty."""
        named = [name for name, values in self.params.items() if values.dtype != float
                 and self.config.params.get(name) == "difficulty"]
        return parameters.distinct(
            self.task, *(parameters.merged(self.params[name]) for name in self.difficulty()),
            *(_Codes().of(self.params[name]) for name in named))[1]


class _Codes(dict):
    """Numbers names in the order in which they come."""

    def __missing__(self, name: Any) -> int:
        self[name] = len(self)
        return self[name]

    def of(self, names: np.ndarray) -> np.ndarray:
        """The numbers of a column of names."""
        return np.array([self[name] for name in names], int)


# A judged sample as numbers, names by their codes; the fields are columns of the table, in order.
_Kept = namedtuple("_Kept", "eval task tier item outcome tokens limit guess row")


@dataclass
class _Read:
    """What has been read of a dataset so far; `systems` are those of entries (by their id) and of
    names in rows; `first` says where each sample's place (eval, item, trial) came first, `again`
    which further rows have the same; `runs` are those of each eval that share items."""

    evals: _Codes = field(default_factory=_Codes)
    tasks: _Codes = field(default_factory=_Codes)
    tiers: _Codes = field(default_factory=_Codes)
    items: _Codes = field(default_factory=_Codes)
    systems: dict[int | tuple[str, str], Eval] = field(default_factory=dict)
    kept: list[_Kept] = field(default_factory=list)
    idents: dict[str, None] = field(default_factory=dict)
    params: list[dict] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    first: dict[tuple, int] = field(default_factory=dict)
    again: dict[tuple, list[int]] = field(default_factory=dict)
    run_of: dict[tuple, str] = field(default_factory=dict)
    runs: dict[Eval, set[str]] = field(default_factory=dict)


def load(path: Path, mapping: Path | None = None) -> Table:
    """Reads a dataset; every row is kept, unjudged, or rejected with a reason, and counted."""
    config = load_config(path, mapping)
    read = _Read()
    for number, raw in enumerate(samples.rows(config)):
        if raw.note:
            read.notes.append(raw.note)
        elif reason := raw.reason or _wrong(raw.fields):
            read.counts["rejected"] += 1
            read.reasons.setdefault(reason, []).append(raw.where)
        elif (outcome := _outcome(raw, config)) is None:
            read.counts["unjudged"] += 1
        else:
            _keep(read, number, raw, outcome, config)
    if not read.kept:
        why = f"; the first reason: {next(iter(read.reasons))}" if read.reasons else ""
        raise files.Refusal(f"{path}: no judged sample in it ({read.counts['unjudged']} rows "
                            f"without outcome or correct, {read.counts['rejected']} rejected{why})")
    return _table(read, config)


def _keep(read: _Read, number: int, raw: samples.Raw, outcome: int, config: Config) -> None:
    fields, entry = raw.fields, raw.eval_entry
    model, eval_id = str(fields.get("model_name") or "model"), fields.get("eval_id")
    key = id(entry) if entry else (model, str(eval_id))
    if key not in read.systems:
        read.systems[key] = eval_of(entry or {"model_name": model, "eval_id": eval_id})
    system = read.systems[key]
    task = str(fields.get("base_task") or "all")
    about = config.tasks.get(task, {})
    tier = str(fields.get("tier") or about.get("tier") or "all")
    item = str(fields["item_id"])
    tokens, bad = _tokens(fields.get("completion_tokens"))
    read.counts["bad_tokens"] += bad
    guess = _first_number(fields.get("guess_rate"), about.get("guess_rate"), config.guess_rate, 0.0)
    kept = _Kept(read.evals[system], read.tasks[task], read.tiers[tier],
                 read.items[f"{task}/{item}"], outcome, tokens, _limit(raw, config), guess, number)
    read.kept.append(kept)
    place = (kept.eval, kept.item)
    read.idents[_ident(read, fields, system, task, place, number)] = None
    run = fields.get("run")
    if run is not None and (other := read.run_of.setdefault(place, run)) != run:
        read.runs.setdefault(system, set()).update((run, other))
    read.params.append(fields["params"])
    read.counts["kept"] += 1


def _ident(read: _Read, fields: dict, system: Eval, task: str, place: tuple, number: int) -> str:
    """A sample's own name in reports: rows of an item that no trial tells apart are numbered."""
    trial, item = fields.get("trial"), fields["item_id"]
    place = (*place, None if trial is None else str(trial))
    turn = 0
    if read.first.setdefault(place, number) != number:
        read.again.setdefault(place, []).append(number)
        turn = len(read.again[place])
    end = f"@{turn}" if trial is None else f"@{trial}.{turn}" if turn else f"@{trial}"
    name = str(fields.get("datapoint_id") or f"{system.eval_id}/{item}{end}")
    if name in read.idents:
        name = f"{system.eval_id}/{task}/{item}{end}"
    return name if name not in read.idents else f"{name}#{number}"


def _table(read: _Read, config: Config) -> Table:
    columns = [np.array(column) for column in zip(*read.kept, strict=True)]
    params, odd = parameters.columns(read.params)
    check_against(config, {place for place, eval_entry in enumerate(config.evals)
                           if id(eval_entry) in read.systems}, read.tasks, params)
    roles, of_roles = parameters.roles(params, config.params, len(read.items))
    notes = [*read.notes, *repeats.notes(config, read.first, read.again),
             *repeats.shared(read.runs), *odd, *of_roles]
    counts = read.counts
    rows = {name: counts[name] for name in ("kept", "unjudged", "rejected")}
    account = {"rows_read": sum(rows.values()), **rows, "tokens_unusable": counts["bad_tokens"],
               "reasons": [{"reason": reason, "rows": len(places), "first": places[0]}
                           for reason, places in sorted(
                               read.reasons.items(), key=lambda pair: -len(pair[1]))[:10]],
               "notes": notes}
    return Table(config._replace(params=roles), _told_apart(read.evals), tuple(read.tasks),
                 tuple(read.tiers), *columns, np.array(list(read.idents), object), params, account)


def _told_apart(evals: Iterable[Eval]) -> tuple[Eval, ...]:
    """The evals, those of one label with their id in it."""
    evals = tuple(evals)
    often = Counter(system.label for system in evals)
    return tuple(system if often[system.label] == 1 else
                 system._replace(label=f"{system.label} {system.eval_id}") for system in evals)


def _wrong(fields: dict) -> str:
    if fields.get("item_id") is None:
        return "no item_id (name the field in a dataset config, or read the file with --mapping)"
    outcome, correct, guess = (fields.get(key) for key in ("outcome", "correct", "guess_rate"))
    if outcome is not None and outcome not in (*OUTCOMES, "pass", "fail", "unjudged"):
        return f"outcome is none of {', '.join(OUTCOMES)}"
    if correct is not None and not (isinstance(correct, bool | int | float) and correct in (0, 1)):
        return "correct is neither true nor false"
    if fields.get("truncated") not in (*YES, *NO):
        return "truncated is neither true nor false"
    if guess is not None and not (is_number(guess) and 0 <= guess < 1):
        return "guess_rate is no share from 0 to below 1"
    return ""


def _outcome(raw: samples.Raw, config: Config) -> int | None:
    """Which of the four outcomes; None where nobody judged the sample. What the limit cut off is
    truncated, whatever else is said of it."""
    fields = raw.fields
    outcome, correct = fields.get("outcome"), fields.get("correct")
    if outcome == "truncated" or str(fields.get("finish_reason")).lower() in CUT_OFF \
            or fields.get("truncated") in YES \
            or _tokens(fields.get("completion_tokens"))[0] >= _limit(raw, config):
        return TRUNCATED
    if outcome in OUTCOMES:
        return OUTCOMES.index(outcome)
    if correct is None and outcome in (None, "unjudged"):
        return None
    if outcome == "pass" or outcome != "fail" and correct:
        return CORRECT
    answered = "extracted" not in fields or fields["extracted"] not in (None, "")
    return WRONG if answered else NO_ANSWER


def _tokens(value: Any) -> tuple[float, int]:
    """(tokens, 1 when a value is there that is no count)."""
    if value is None:
        return math.nan, 0
    good = is_number(value) and 0 <= value < 1e7
    return (float(value), 0) if good else (math.nan, 1)


def _limit(raw: samples.Raw, config: Config) -> float:
    for limit in (raw.fields.get("token_limit"), (raw.eval_entry or {}).get("token_limit"),
                  config.token_limit):
        if is_number(limit) and limit > 0:
            return float(limit)
    return math.nan


def _first_number(*values: Any) -> float:
    return next((float(value) for value in values if is_number(value)), math.nan)


def texts(table: Table) -> Iterator[tuple[int, Text]]:
    """(place in the table, texts) of every sample, in the order of the files."""
    place = {int(row): at for at, row in enumerate(table.row)}
    for number, raw in enumerate(samples.rows(table.config)):
        at = place.get(number)
        if at is not None:
            values = ((raw.fields.get(name), kind) for name, kind in _KINDS.items())
            yield at, Text(*(value if isinstance(value, kind) and value else None
                             for value, kind in values))


def column(table: Table, key: str) -> np.ndarray:
    """What each sample has under a key that filters and --axis know; refuses one that they do
    not. `task`, as rows of ingest call it, is `base_task`."""
    if key == "task" and key not in table.params:
        key = "base_task"
    named = {"eval_id": ([system.eval_id for system in table.evals], table.eval),
             "model_name": ([system.model_name for system in table.evals], table.eval),
             "base_task": (table.tasks, table.task), "tier": (table.tiers, table.tier)}
    if key in named:
        names, code = named[key]
        return np.array(names, object)[code]
    if key in table.params:
        return table.params[key]
    keys = (*named, *table.params)
    near = difflib.get_close_matches(key, keys, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise files.Refusal(f"filter {key}: no such key; {hint}known are {', '.join(keys)}")


class Group(NamedTuple):
    """What one result is about: one eval on one task, at a range of an axis when asked."""

    eval: Eval
    task: str
    axis: str
    table: Table

    @property
    def name(self) -> str:
        """The group's name in figures and files."""
        return " ".join(filter(None, (self.eval.label, self.task, self.axis)))


def groups(table: Table, axis: str | None = None) -> list[Group]:
    """One group per eval and task, in the order of the dataset; with an axis one per level, and
    one of the samples that have no value there; without one, a further group of each eval's tasks
    that are too small for a lens, where there are several."""
    whole = [("", np.ones(len(table), bool))]
    parts = whole if axis is None else _split(column(table, axis), axis)
    chosen = []
    for system, task, (level, inside) in itertools.product(
            range(len(table.evals)), range(len(table.tasks)), parts):
        kept = (table.eval == system) & (table.task == task) & inside
        if kept.any():
            chosen.append(Group(table.evals[system], table.tasks[task], level, table.take(kept)))
    return chosen if axis is not None else chosen + _together(table)


def _together(table: Table) -> list[Group]:
    """The small tasks of each eval that has several, as one group: tasks are strata there, as
    levels are."""
    size = np.zeros((len(table.evals), len(table.tasks)), int)
    np.add.at(size, (table.eval, table.task), 1)
    small = (size > 0) & (size < FEW)
    chosen = small[table.eval, table.task]
    return [Group(system, TOGETHER, "", table.take(chosen & (table.eval == place)))
            for place, system in enumerate(table.evals) if small[place].sum() > 1]


def _split(values: np.ndarray, axis: str) -> list[tuple[str, np.ndarray]]:
    """(name, samples) of each part along an axis; those without a value are a part too."""
    if values.dtype != float:
        names = sorted({value for value in values if value is not None}, key=natural_key)
        parts = [(f"{axis} {name}", values == name) for name in names]
    else:
        parts = [(f"{axis} {low:.12g}" if low == high else f"{axis} {low:.12g}-{high:.12g}",
                  (values >= low) & (values <= high)) for low, high in _ranges(values)]
    lost = ~np.any([inside for _, inside in parts], axis=0) if parts else np.ones(len(values), bool)
    return [*parts, (f"{axis} not recorded", lost)]


def _ranges(values: np.ndarray) -> list[tuple[float, float]]:
    """The levels of an axis as ranges, merged into at most six of about equal size."""
    distinct = np.unique(values[~np.isnan(values)])
    if len(distinct) <= MOST_LEVELS:
        return [(value, value) for value in distinct]
    ends = np.unique(np.quantile(values[~np.isnan(values)], np.linspace(0, 1, MOST_LEVELS + 1),
                                 method="inverted_cdf"))
    bins = np.split(distinct, np.searchsorted(distinct, ends[1:-1], side="right"))
    return [(inside[0], inside[-1]) for inside in bins]


def stratified(table: Table, most: int | None, seed: int) -> Table:
    """At most `most` samples, drawn alike from every eval, level and outcome; the same ones for
    one seed whatever else is in the dataset. Systematic sampling with a random start in each
    stratum (Cochran 1977, chapter 8), so that small strata are neither dropped nor favoured."""
    if most is None or len(table) <= most:
        return table
    _, strata = parameters.distinct(table.eval, table.levels(), table.outcome)
    keys = np.array([hashed(f"{seed}/{ident}") for ident in table.ident], np.uint64)
    order = np.lexsort((keys, strata))
    first = np.searchsorted(strata[order], strata[order])
    rank, start = np.empty(len(table), int), np.empty(len(table))
    rank[order] = np.arange(len(table)) - first
    start[order] = [hashed(f"start/{seed}/{table.ident[at]}") / 2**64 for at in order[first]]
    size = np.bincount(strata)[strata]
    chosen = np.lexsort((keys, (rank + start) / size))[:most]
    return table.take(np.sort(chosen))


def hashed(text: str) -> int:
    """A number of 64 bits made from a text: an order that nobody chose."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

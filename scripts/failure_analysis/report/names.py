"""The names of an analysis, by which a report says whose a number or a datapoint is."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.markdown import code, name_in_span
from failure_analysis.packet import rows
from failure_analysis.report import meaning
from failure_analysis.report.prose import CODE, Token, Unit
from failure_analysis.review import counting, ledger

# What messages call who has no name: common words, of which a sentence may mean anybody.
ROLES = frozenset(("user", "assistant", "tool", "system", "developer", "function", "unknown"))


class Names(NamedTuple):
    """The names that sentences use: models by their key in facts, each datapoint's model, the
    buckets of the ledger, dimensions (also `squeezed` to letters and digits), items. `spans` are
    names as they stand in code spans, `anywhere` those that may be numbers there without a word
    before them, `shared` those of models that something else has too. `agents` are those that
    readers name and that are called as nothing else is. `telling` matches models that are no plain
    word or number, `any_name` such a model, run or benchmark."""

    models: dict[str, str]
    owner: dict[str, str]
    buckets: frozenset[str]
    dimensions: frozenset[str]
    squeezed: frozenset[str]
    items: frozenset[str]
    spans: frozenset[str]
    anywhere: frozenset[str]
    shared: frozenset[str]
    agents: frozenset[str]
    telling: re.Pattern
    any_name: re.Pattern


def names_of(counts: counting.Counts, values: Mapping[str, int | float], benchmark: str,
             modes: Iterable[str]) -> Names:
    """The names of an analysis folder; `modes` are its provisional ones."""
    outcomes = counts.index.outcomes
    every = {*counts.judged, *(outcomes[ident].model for ident in counts.read)}
    models = keys_of(every)
    failed = rows.dimensions(counts.index).keys()
    dimensions = {key.split("/")[-1] for key in values if key.startswith("dimension/")}
    dimensions |= failed
    runs = {line.run for line in outcomes.values()}
    items = frozenset(line.item for line in outcomes.values())
    buckets = frozenset(bucket for bucket, _ in counting.bucket_order(counts)) \
        | counting.read_of(counts).buckets.keys()
    others = {*buckets, *counts.groups.values(), *dimensions, *modes, *ledger.FAULTS, *items,
              *(line.task for line in outcomes.values() if line.task),
              *(review.coder for review in counts.reviews)}
    known = {*every, *runs, benchmark, *others, *outcomes}
    agents = frozenset(review.agent for review in counts.standing if review.agent)
    agents -= {*known, *ROLES}
    known |= agents
    return Names(models, {ident: line.model for ident, line in outcomes.items()},
                 buckets, frozenset(dimensions), frozenset(map(ledger.squeezed, dimensions)),
                 items, frozenset(map(name_in_span, known)),
                 frozenset(map(name_in_span, {*every, *failed})),
                 frozenset(every & others), agents,
                 any_of(filter(is_telling, every)),
                 any_of(filter(is_telling, {*every, *runs, benchmark})))


def keys_of(models: Iterable[str]) -> dict[str, str]:
    """The models by what they are called in facts."""
    by_key = {facts.key(name): name for name in models}
    return by_key | {facts.whole(key): name for key, name in by_key.items() if "/" in key}


def is_telling(name: str) -> bool:
    """Whether a name is one wherever it stands; plain words and numbers are names in backticks
    alone."""
    return bool(re.search(r"[^\W\d_]", name)) and bool(
        re.search(r"[\d_./:@-]|[^\W\d_][A-Z]", name)) and len(name) > 1


def any_of(words: Iterable[str]) -> re.Pattern:
    """Any of these names, the longest first, not as a part of a longer one."""
    alternatives = "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"
    return re.compile(rf"(?<![\w./-])(?:{alternatives})(?![\w/-]|\.\w)")


def models_of(key: str, names: Names) -> set[str]:
    """The models that a fact's key names."""
    return {names.models[name] for name in meaning.parsed(key, names.models)[0]}


def told_by(token: Token, names: Names) -> set[str]:
    """The models that a piece of a sentence names beyond doubt."""
    if token.kind == CODE and token.value in names.spans:
        return {token.value} & set(names.models.values()) - names.shared
    return set(names.telling.findall(token.source)) if token.kind in ("", CODE) else set()


def subject(unit: Unit, names: Names) -> str | None:
    """The model that a list item is about: the one that stands bold at its beginning."""
    start = re.match(r"\s*(?:[-*+]|\d+[.)]) \*\*`?", unit.text) if unit.kind == "item" else None
    return next((name for name in sorted(names.models.values(), key=len, reverse=True)
                 if start and re.match(rf"{re.escape(name)}`?[:.]?\*\*", unit.text[start.end():])),
                None)


def foreign(ident: str, unit: Unit, names: Names) -> str:
    """Why a datapoint does not belong into a model's section; empty when it does."""
    title, owner = unit.model, names.owner.get(ident)
    if not title or owner is None or code(owner) == title or code(owner) in unit.text:
        return ""
    return f"it is {owner}'s, in the section of {title}; name that model beside it"

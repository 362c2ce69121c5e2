"""Rows of one item under one run: what tells them apart, if anything does."""

from failure_analysis import clean
from failure_analysis.lenses import samples
from failure_analysis.lenses.config import Config, Eval
from failure_analysis.lenses.fields import NAMES

LOOKED_AT = 50  # items that stand there more than once


def notes(config: Config, first: dict[tuple, int], again: dict[tuple, list[int]]) -> list[str]:
    """What to say of items that stand more than once under one run, one sentence at most."""
    if not again:
        return []
    groups = [[first[place], *rows] for place, rows in list(again.items())[:LOOKED_AT]]
    apart = _told_apart(config, groups)
    advice = f"their rows differ in {', '.join(apart)}: separate them with `where` in a dataset " \
        "config, if these are conditions" if apart else \
        "no column tells their rows apart, so they are taken as repeated runs"
    return [f"{len(again)} items stand twice or more under one run and were numbered; {advice}"]


def shared(runs: dict[Eval, set[str]]) -> list[str]:
    """What to say of several runs of one model over the same items."""
    sentences = []
    for system, names in runs.items():
        listed = ", ".join(clean.visible(name) for name in sorted(names)[:6])
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        sentences.append(f"{clean.visible(system.label)}: its runs {listed}{more} share items and "
                         "are taken as repeats of one system; if they are conditions, give each a "
                         "model name of its own, or a dataset config")
    return sentences


def _told_apart(config: Config, groups: list[list[int]]) -> list[str]:
    """The columns whose few values differ between all rows of each item."""
    wanted = {row for group in groups for row in group}
    rows = {number: {name: value for name, value in raw.row.items()
                     if isinstance(value, str | int | float)}
            for number, raw in enumerate(samples.rows(config)) if number in wanted and raw.row}
    most = max(map(len, groups))
    results = {alias for name in ("outcome", "correct", "extracted", "finish_reason", "truncated",
                                  "completion_tokens")
               for alias in (config.fields.get(name, ""), *NAMES[name])}
    columns = []
    for name in sorted({name for row in rows.values() for name in row} - results):
        values = [[rows.get(number, {}).get(name) for number in group] for group in groups]
        if all(len(set(group)) == len(group) for group in values) \
                and len({value for group in values for value in group}) <= most:
            columns.append(clean.visible(name))
    return columns[:6]

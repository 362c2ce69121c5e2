"""What the rules say of failures before anybody has read them: provisional modes over the models,
and datapoints to begin with."""

from collections.abc import Iterable

from failure_analysis.markdown import code, table
from failure_analysis.packet import rows
from failure_analysis.report import excerpts
from failure_analysis.review import counting

_MOST_COLUMNS, _MOST_MODES, _MOST_EACH, _MOST_ITEMS = 12, 10, 2, 5


def of_model(clusters: dict, model: str) -> list[dict]:
    """The provisional modes of a model, those of most rows first."""
    return sorted((mode for mode in clusters["modes"] if model in mode["models"]),
                  key=lambda mode: (-mode["models"][model], mode["mode"]))


def block(clusters: dict, counts: counting.Counts) -> str:
    """Mode by model, each mode once, and datapoints of different models to read first."""
    names = [name for name in counting.models(counts) if counts.failing[name]][:_MOST_COLUMNS]
    modes = sorted(clusters["modes"],
                   key=lambda mode: (-sum(mode["models"].values()), mode["mode"]))
    lines = [[code(mode["mode"]), sum(mode["models"].values()),
              *(mode["models"].get(name, 0) for name in names)] for mode in modes]
    first = {mode["mode"]: _first(mode, names) for mode in modes[:_MOST_MODES]}
    shown = lines_of(counts.index, [ident for ids in first.values() for ident in ids])
    listed = [f"- {code(name)}: {shown[ident]}" for name, ids in first.items() for ident in ids
              if ident in shown]
    more = f"\n\n{len(modes) - _MOST_MODES} more modes in `clusters.json`." \
        if len(modes) > _MOST_MODES else ""
    none = "on none of the reviewed failures do their readers agree" \
        if counts.reviewed.total() else "no failing datapoint was reviewed"
    return (f"No bucket yet: {none}. Provisional labels, by rules, which "
            "see words and no causes:\n\n"
            + table(["provisional mode", "failed rows", *map(code, names)], lines)
            + f"\n\nTo be read first ({excerpts.WHOLE}):\n\n" + "\n".join(listed) + more)


def _first(mode: dict, names: list[str]) -> list[str]:
    """The first example of each model, of those with most rows of the mode."""
    order = sorted((name for name in names if mode["examples"].get(name)),
                   key=lambda name: -mode["models"][name])
    return [mode["examples"][name][0] for name in order[:_MOST_EACH]]


def items(index: rows.Index, names: list[str]) -> str:
    """The first items that every model failed, a datapoint of each."""
    first: dict[str, str] = {}
    wanted = set(names[:_MOST_ITEMS])
    for line in index.failing():
        if line.item in wanted:
            first.setdefault(line.item, line.datapoint_id)
    shown = lines_of(index, first.values())
    return "\n".join(f"- item {code(item)}: {shown[first[item]]}" for item in names[:_MOST_ITEMS]
                     if first.get(item) in shown)


def lines_of(index: rows.Index, idents: Iterable[str]) -> dict[str, str]:
    """Those of these datapoints that are here whole, each in a line."""
    return excerpts.lines(rows.several(index, set(idents)))

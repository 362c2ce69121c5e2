"""Dimensions that a user leaves out of pass and fail: their scores stay, as numbers that decide
nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from failure_analysis.datapoint import natural_key, outcome_of
from failure_analysis.files import Refusal
from failure_analysis.records import Line, Source

NOTE = "--without leaves out"
_MOST = 20


def put_on(sources: Sequence[Source], names: Iterable[str]) -> list[Source]:
    """The sources with these dimensions left out."""
    left = tuple(dict.fromkeys(names))
    return [replace(source, without=left) for source in sources]


def judged_without(line: Line, scores: dict, left: Collection[str], threshold: float | None
                   ) -> Line:
    """A line whose dimensions that are left out are numbers (1 true, 0 false), noted where its
    outcome is another one by that. Its reward, which rests on them too, decides no longer."""
    fields, kept = line.fields, dict(scores)
    for name in left:
        if isinstance(kept.get(name), bool):
            kept[name] = int(kept[name])
    if kept == scores and all(type(kept[name]) is type(scores[name]) for name in kept):
        return line
    reward = fields.get("reward")
    before, _ = outcome_of(scores, reward, threshold)
    after, _ = outcome_of(kept, None, None)
    notes = line.notes
    if before != after:
        notes += (f"{before} by {', '.join(name for name in left if name in scores)}, which "
                  f"{NOTE}; {after} without",)
    return line._replace(fields={**fields, "scores": kept, "reward": None}, raw=b"", notes=notes)


def judged_on(computed: Mapping[str, Any], judged: Iterable[tuple[str, Any]]) -> list[str]:
    """The dimensions that a row is judged on, left out ones too."""
    was = computed["source"].get("replaced", {}).get("scores") or {}
    return [*(name for name, _ in judged), *(name for name, score in was.items()
                                             if isinstance(score, bool))]


def refuse_unknown(names: Iterable[str], met: Collection[str]) -> None:
    """Refuses a dimension that no row has, with those that rows have."""
    for name in names:
        if name not in met:
            known = sorted(met, key=natural_key)
            more = f", and {len(known) - _MOST} more" if len(known) > _MOST else ""
            raise Refusal(f"--without {name}: no row is judged on it; the dimensions are "
                          f"{', '.join(known[:_MOST]) or 'none'}{more}")

"""What the page's overview shows of the whole analysis, and the queue as it is sent."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from failure_analysis import clean, results, statistics, steps
from failure_analysis.audit import candidates
from failure_analysis.audit.candidates import CLASSES, FLAGS
from failure_analysis.audit.page import MEANS
from failure_analysis.packet import rows
from failure_analysis.pages.desk import Desk, ranked
from failure_analysis.review import contrast, ledger

_COLUMNS = ("id", "model", "run", "item", "outcome", "to_judge", "failed", "mode", "order", "why")
_MOST_ASKED = 200  # rows of the queue whose first words are asked for at once
_LONGEST = {"item": 120, "words": 160}


class _Asked(msgspec.Struct):
    """Rows of the queue that are in sight."""

    ids: list[str]


def queue(desk: Desk, asked: Mapping) -> dict:
    """What does not change while the page is open. Of what many rows share each has the place in
    `names`."""
    names: dict[Any, int] = {}

    def place(value: Any) -> int:
        return names.setdefault(value, len(names))

    lines = [(one.id, place(one.model), place(one.run), _cut(one.item, _LONGEST["item"]),
              one.outcome, one.to_judge, place(one.failed), place(one.mode), one.order, one.why)
             for one in desk.queue.values()]
    return {"coder": desk.coder, "key": desk.key, "faults": ledger.FAULTS,
            "background": (desk.analysis_dir / contrast.BACKGROUND).exists(),
            "columns": _COLUMNS, "names": list(names), "rows": lines}


def words(desk: Desk, asked: dict) -> dict:
    """The first words of the questions of these datapoints."""
    idents = msgspec.convert(asked, _Asked).ids[:_MOST_ASKED]
    return {row["datapoint_id"]: _cut(_first_words(row.get("user_text")), _LONGEST["words"])
            for row in rows.several(desk.index, dict.fromkeys(idents))}


def _first_words(text: Any) -> str:
    text = text if isinstance(text, str) else "" if text is None else \
        json.dumps(text, ensure_ascii=False)
    return " ".join(clean.visible(text[:1000]).split())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most - 1]}…"


def overview(desk: Desk, asked: Mapping) -> dict:
    """Outcomes, rates, provisional modes, failed dimensions, and what the audit asks about."""
    lines = desk.index.outcomes.values()
    failing = [line for line in lines if line.outcome == "fail"]
    safe = clean.visible
    return {"outcomes": Counter(line.outcome for line in lines),
            "items": len({line.item for line in lines}), **_units(desk),
            "modes": ranked(Counter(safe(line.mode) for line in failing if line.mode)),
            "dimensions": ranked(Counter(safe(name) for line in failing for name in line.failed)),
            "audit": _audited(desk)}


def _units(desk: Desk) -> dict:
    """The models (or the runs, where those were compared) with their pass rates and intervals, as
    compare_models.py has them; without a comparison, those of their rows. The lowest rate first."""
    by, rates = "model", {}
    path = desk.analysis_dir / steps.COMPARE.writes[0]
    if path.exists():
        compared = results.read(path, results.Comparison, steps.COMPARE.script)
        by = compared["by"]
        rates = {unit["unit"]: [unit["passed"], unit["attempts"], *map(_rounded, (
            unit["pass_rate"], *unit["interval"]))] for unit in compared["units"]}
    counts: dict[str, Counter] = {}
    for line in desk.index.outcomes.values():
        counts.setdefault(getattr(line, by), Counter())[line.outcome] += 1
    units = [[clean.visible(name), rates.get(name) or _rate(count), count["unjudged"]]
             for name, count in counts.items()]
    return {"by": by, "units": sorted(units, key=lambda unit: (
        unit[1][2] if unit[1] else 2, unit[0]))}


def _rate(count: Counter) -> list[float] | None:
    """Passed, judged, the share and its interval; None where nothing is judged."""
    passed, judged = count["pass"], count["pass"] + count["fail"]
    return [passed, judged, *map(_rounded, (passed / judged, *statistics.wilson(passed, judged)))] \
        if judged else None


def _rounded(share: float) -> float:
    """A share as the report rounds it: to a tenth of a percent, ties to even."""
    return round(100 * share, 1) / 100


def _audited(desk: Desk) -> list:
    """The audit's classes: kind, what it is, how many candidates, and their datapoints that are in
    the queue."""
    counts: Counter[str] = Counter()
    idents: dict[str, dict[str, None]] = {}
    for one in candidates.load(desk.analysis_dir):
        counts[one.klass] += 1
        idents.setdefault(one.klass, {}).update(dict.fromkeys(
            ident for ident in candidates.datapoints(one) if ident in desk.queue))
    return [[klass, "flag" if klass in FLAGS else "lead", MEANS[klass], counts[klass],
             list(idents[klass])] for klass in CLASSES if counts[klass]]

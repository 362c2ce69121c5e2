"""The facts counted a second time, by other code than that which wrote them."""

from collections import Counter

from failure_analysis import facts
from failure_analysis.datapoint import UNSURE
from failure_analysis.packet import rows


def recount(index: rows.Index) -> dict[str, int]:
    """The core facts counted a second time, from outcomes.csv alone."""
    kinds = {"pass": "passed_rows", "fail": "failed_rows", "unjudged": "unjudged_rows"}
    lines = index.outcomes.values()
    models = frozenset(facts.key(name) for name in {line.model for line in lines})
    values = Counter({**dict.fromkeys(kinds.values(), 0), **{
        f"{name}s": len({getattr(line, name) for line in lines})
        for name in ("model", "run")},
        "items": len({line.item for line in lines if line.fingerprint != UNSURE})})
    for line in lines:
        model = facts.key(line.model)
        values[kinds[line.outcome]] += 1
        for outcome, kind in kinds.items():
            values[f"{kind}/{model}"] += line.outcome == outcome
        values[f"judged_rows/{model}"] += line.outcome != "unjudged"
        values[f"rows/{model}"] += 1
        if not line.counted:
            values["not_counted_rows"] += 1
            values[f"not_counted_rows/{model}"] += 1
        for name in line.failed:
            values[f"dimension/{facts.joined(model, facts.key(name), models)}"] += 1
        if line.outcome == "fail" and line.mode:
            values[f"mode/{line.mode}"] += 1
            values[facts.key("mode", line.mode, line.model)] += 1
    return dict(values)

"""The exact counts of a packet under their stable keys."""

from collections import Counter

from failure_analysis.facts import joined, key
from failure_analysis.packet.overall import Overall

# Ends of more kinds than these are no kinds: something else stands there for each row.
MOST_ENDS = 20
# Numbers of single runs beyond these stand in sanity.json alone: no report cites ten thousand runs.
MOST_RUN_FACTS = 1000


def facts(overall: Overall) -> dict[str, int | float]:
    """The exact counts under their stable keys."""
    facts: dict[str, int | float] = {
        "rows_read": overall.rows_read, "passed_rows": overall.outcomes["pass"],
        "failed_rows": overall.outcomes["fail"], "unjudged_rows": overall.outcomes["unjudged"],
        "rejected_rows": overall.rejected.total(), "runs": len(overall.runs),
        "models": len(overall.models), "items": len(overall.items),
    }
    if overall.not_counted:
        facts["not_counted_rows"] = overall.not_counted.total()
    for run in overall.runs[:MOST_RUN_FACTS]:
        name = key(run.run_id)
        facts |= {f"run_rows/{name}": run.rows, f"run_failed_rows/{name}": run.failed,
                  f"run_judged_rows/{name}": run.passed + run.failed}
        if run.not_counted:
            facts[f"run_not_counted_rows/{name}"] = run.not_counted
    models = frozenset(map(key, overall.models))
    for name, counts in overall.models.items():
        model = key(name)
        facts |= {f"rows/{model}": counts["rows"], f"runs/{model}": counts["runs"],
                  f"judged_rows/{model}": counts["pass"] + counts["fail"],
                  f"passed_rows/{model}": counts["pass"],
                  f"failed_rows/{model}": counts["fail"],
                  f"unjudged_rows/{model}": counts["unjudged"],
                  f"failed_without_dimension/{model}": counts["failed_alone"]}
        if counts["failed_empty"]:
            facts[f"failed_empty_answers/{model}"] = counts["failed_empty"]
        if counts["not_counted"]:
            facts[f"not_counted_rows/{model}"] = counts["not_counted"]
        for counted, count in counts.items():
            if counted.startswith("marker"):
                kind, marker = counted.split("/", 1)
                facts[f"{kind}/{joined(model, key(marker), models)}"] = count
        facts |= _end_facts(model, models, Counter({
            counted.removeprefix("failed_ends/"): count for counted, count in counts.items()
            if counted.startswith("failed_ends/")}))
        facts |= _dimension_facts(model, models, overall.patterns[name])
    return facts


def _end_facts(model: str, models: frozenset[str], ends: Counter) -> Counter[str]:
    """How many failed rows of a model ended in which way, where the ends are of few kinds."""
    facts: Counter[str] = Counter()
    for end, count in ends.items() if len(ends) <= MOST_ENDS else ():
        facts[f"failed_ends/{joined(model, key(end), models)}"] += count
    return facts


def _dimension_facts(model: str, models: frozenset[str], patterns: Counter) -> dict[str, int]:
    failed: Counter = Counter()
    judged_on: Counter = Counter()
    absent: Counter = Counter()
    for pattern, count in patterns.items():
        for name, score in pattern:
            failed[name] += count * (score is False)
            judged_on[name] += count * (score is not None)
            absent[name] += count * (score is None)
    facts = {}
    for name in failed:
        dimension = joined(model, key(name), models)
        facts |= {f"dimension/{dimension}": failed[name],
                  f"dimension_judged/{dimension}": judged_on[name],
                  f"dimension_null/{dimension}": absent[name]}
    return facts

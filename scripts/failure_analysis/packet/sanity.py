"""sanity.json: can these rows be trusted and compared? Counts that must add up, what is missing,
doubled or mixed, and each finding in a sentence that the draft repeats."""

from typing import Any

from failure_analysis import steps, store
from failure_analysis.markdown import listed as _list
from failure_analysis.packet import mapped_findings, row_findings, run_findings
from failure_analysis.packet.findings import count as _count
from failure_analysis.packet.findings import finding, in_order
from failure_analysis.packet.overall import Overall, Run
from failure_analysis.reading import mapping

NAME = steps.SANITY
_RUN_NAMES = ("run_id", "model_name", "path", "rows", "pass", "fail", "unjudged", "rejected",
              "items", "missing_items")


def report(overall: Overall, ignored: list[str], unreadable: list[str]) -> dict[str, Any]:
    """The whole of sanity.json."""
    missing = run_findings.missing(overall)
    found = [*overall.differences,
                *({"kind": "unreadable_file", "text": f"Not read: {text}.", "count": 1,
                   "about": []} for text in unreadable),
                *mapped_findings.of_paths(overall), *run_findings.between(overall),
                *overall.findings, *row_findings.of_rows(overall), *missing]
    if ignored:
        what = "of no known format passed over" if mapping.NAME not in overall.mapped else \
            "not read: the mapping leaves them out"
        found.append(finding("ignored_files", f"{_count(len(ignored), 'file')} "
                             f"{what} ({_list(ignored)}).", ignored))
    return {
        "conservation": conservation(overall),
        "gradings": overall.gradings,
        "items": len(overall.items),
        "runs": store.Records((*_RUN_NAMES, "not_counted") if overall.not_counted else _RUN_NAMES,
                              (_run_record(overall, run) for run in overall.runs)),
        **({"paths": [path for _, counts in overall.mapped.values() for path in counts.told()]}
           if overall.mapped else {}),
        "findings": in_order(found),
    }


def conservation(overall: Overall) -> dict[str, Any]:
    """rows read = pass + fail + unjudged + rejected, and whether that holds."""
    counts = {name: overall.outcomes[name] for name in ("pass", "fail", "unjudged")}
    rejected = overall.rejected.total()
    total = sum(counts.values()) + rejected
    ends = {"not_counted": dict(sorted(overall.not_counted.items()))} if overall.not_counted else {}
    return {"benchmark": overall.benchmark, "rows_read": overall.rows_read, **counts,
            "rejected": rejected, **ends, "holds": total == overall.rows_read,
            "rejected_mostly": max(overall.rejected, key=overall.rejected.get, default=None),
            "cut_off": overall.cut_off}


def _run_record(overall: Overall, run: Run) -> tuple:
    *counts, not_counted, covered, _, may_be = run
    missing = len(overall.items) - len(covered) - len((may_be & overall.items.keys()) - covered)
    record = (*counts, len(covered), missing)
    return (*record, not_counted) if overall.not_counted else record

"""What reading buys: how much of what is to be read a short plan, a longer one and the suggested
one hold, before anybody decides."""

from collections.abc import Iterable
from pathlib import Path

from failure_analysis.audit import candidates
from failure_analysis.audit.candidates import Candidate
from failure_analysis.comparison import page as comparison_page
from failure_analysis.review import picks, plan
from failure_analysis.review.picks import Pick

BUDGETS = (20, 50)
_MOST_FAILING = 10_000  # above it, which failures are alike is not worked out for a first look
_NOTHING = "0 of 0"  # a kind of which there is none has no column
HEADERS = ("to read", "failing", "flags of the audit", "items all failed", "own failures", "modes",
           "unread")


def table(analysis_dir: Path) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headers and a line for each budget below the suggestion, and for the suggestion: of the
    failing datapoints, flags, items that every model failed, failures of one model alone and
    provisional modes, how many it reads; and how many failing datapoints stay unread."""
    found = plan.material(analysis_dir, picks.Options())
    suggested, _ = plan.chosen(found, picks.Options())
    full = picks.size(suggested)
    lines = [(str(budget), plan.chosen(found, picks.Options(budget=budget))[0])
             for budget in BUDGETS if budget < full]
    flags = [one for one in candidates.load(analysis_dir) if one.kind == "flag"]
    rows = [_line(name, found, flags, kept) for name, kept in
                     [*lines, (f"{full} (suggested)", suggested)]]
    told = [place for place in range(len(HEADERS)) if any(row[place] != _NOTHING for row in rows)]
    return tuple(HEADERS[place] for place in told), [
        tuple(row[place] for place in told) for row in rows]


def is_quick(failing: int) -> bool:
    """Whether a first look can afford it."""
    return 0 < failing <= _MOST_FAILING


def _line(name: str, found: plan.Material, flags: list[Candidate], kept: list[Pick]
          ) -> tuple[str, ...]:
    """What one plan holds of each kind, as `k of n`."""
    read = {pick.line.datapoint_id for pick in kept if pick.line.outcome == "fail"}
    beside = {ident for one in read for ident in found.groups.of(one)}
    failing = found.index.failing()
    lines = [found.index.outcomes[ident] for ident in (*read, *beside)]
    shared = set(comparison_page.failed_by_all(found.compared)) \
        if len(found.compared["units"]) > 1 else set()
    planned = {pick.line.datapoint_id for pick in kept} | beside
    flagged = [one for one in flags if not planned.isdisjoint(picks.shown(one))]
    alone = {pick.line.datapoint_id for pick in found.queues[picks.UNIQUE]}
    return (name, _of(read | beside, {line.datapoint_id for line in failing}),
            f"{len(flagged)} of {len(flags)}", _of({line.item for line in lines}, shared),
            _of(planned, alone),
            _of({line.mode for line in lines}, {line.mode for line in failing}),
            str(len(failing) - len(read | beside)))


def _of(some: Iterable[str | None], whole: set) -> str:
    """How many of a whole are among some."""
    return f"{len(whole.intersection(some))} of {len(whole)}"

"""Which runs lack a judge: those without a judged file, and those without a further judge's
gradings that others have."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from failure_analysis.packet.tally import SourceTally
from failure_analysis.records import Source

_MOST = 10


class JudgedRun(NamedTuple):
    """A run whose format has files for judges: those that it has, its rows, the unjudged ones."""

    run_id: str
    judges: tuple[str, ...]
    rows: int
    unjudged: int


class Found(NamedTuple):
    """A finding for sanity.json."""

    kind: str
    text: str
    about: list[str]


def of(source: Source, tally: SourceTally) -> list[JudgedRun]:
    """The run of a source, when its format has files for judges."""
    if source.judges is None:
        return []
    return [JudgedRun(source.run_id, source.judges, sum(run.rows for run in tally.runs),
                      sum(run.outcomes["unjudged"] for run in tally.runs))]


def findings(runs: Sequence[JudgedRun], rowless: Sequence[str]) -> Iterator[Found]:
    """What several runs lack of their judges. `rowless`: folders beside them without any row."""
    for run in runs if len(runs) > 1 else ():
        if not run.judges and run.rows and run.rows == run.unjudged:
            rows = "its 1 row is" if run.rows == 1 else f"its {run.rows} rows are"
            yield Found("no_judged_file", f"Run {run.run_id} has no judged file: {rows} unjudged "
                        "and in no rate.", [run.run_id])
    for name in rowless:
        yield Found("no_judged_file", f"Folder {name} beside the runs has files of a run, but no "
                    "judged file and no transcript: it is no run here.", [name])
    yield from _missing([run for run in runs if run.judges])


def _missing(runs: Sequence[JudgedRun]) -> Iterator[Found]:
    """The further judges who graded some of the runs and not the others."""
    parts, lacking = [], dict.fromkeys(())
    for judge in sorted({judge for run in runs for judge in run.judges[1:]}):
        without = [run.run_id for run in runs if judge not in run.judges]
        if without:
            parts.append(f"{judge} graded {len(runs) - len(without)} of {len(runs)} runs, not "
                         f"{_named(without)}")
            lacking |= dict.fromkeys(without)
    if parts:
        yield Found("judge_missing", f"A further judge graded some runs only: {'; '.join(parts)}. "
                    "How far judges agree is known of the runs that they share.", list(lacking))


def _named(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more

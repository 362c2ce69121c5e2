"""Equal answers with opposite verdicts: whoever judges the same words twice differently is wrong
once."""

from collections.abc import Iterator

from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.items import Item, Whole
from failure_analysis.audit.seen import Seen


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """Equal answers to the item that passed and failed."""
    alike: dict[str, list[Seen]] = {}
    for row in item.rows:
        if row.outcome != "unjudged" and row.answer.strip() and not row.made and not row.spoken:
            alike.setdefault(" ".join(row.answer.split()), []).append(row)
    for rows in alike.values():
        passed = [row for row in rows if row.outcome == "pass"]
        failed = [row for row in rows if row.outcome == "fail"]
        if passed and failed:
            yield candidate(item, "same_answer_other_verdict", "equal",
                            f"{len(passed)} passed and {len(failed)} failed with the same answer.",
                            [variant("passed", passed[0].answer, passed),
                             variant("failed", failed[0].answer, failed)], rows)

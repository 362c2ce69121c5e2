"""What a showing asks of its reader: what records the judgement, in which buckets, what is answered
of the audit's candidates."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from failure_analysis.packet import rows
from failure_analysis.review import contrast, ledger, plan
from failure_analysis.review.alike import Groups

_MOST_BUCKETS = 30


def reviewed(ident: str, line: rows.OutcomeLine, coder: str, planned: plan.Planned | None,
             finals: Mapping[str, ledger.Final]) -> list[str]:
    """What was said of it before, and that there may be nothing to say."""
    lines = []
    reviews = finals[ident].reviews if ident in finals else ()
    # What others say of it is told only to those who have said something themselves.
    for review in reviews if any(other.coder == coder for other in reviews) else ():
        other = f"; {ledger.contest_of(review)}" * bool(review.contested)
        lines.append(f"reviewed by {review.coder} as {ledger.as_what(review)} "
                     f"({review.review_id}){other}")
    if line.outcome == "pass" and not (planned and planned.candidate):
        lines.append("it passed: there is nothing to record"
                     + ("; go on with --next" if planned else ""))
    return lines


def answering(index: rows.Index, planned: plan.Planned | None, coder: str) -> list[str]:
    """How a candidate of the audit is answered, where it is planned for one."""
    if not planned or not planned.candidate:
        return []
    answer = json.dumps({"id": planned.candidate, "answer": "confirmed | possible | declined",
                         "holds": "pass | fail | drop", "datapoint_id": planned.datapoint_id,
                         "quote": "…", "reason": "…"}, ensure_ascii=False)
    return ["say of each candidate, once its datapoints are read: audit_benchmark.py "
            f"{shlex.quote(str(index.analysis_dir))} --reader {shlex.quote(coder)} --kind "
            f"agent --readings FILE, a line {answer}"]


def told(index: rows.Index) -> list[str]:
    """Where the policy that the models were given is to be read."""
    path = index.analysis_dir / contrast.BACKGROUND
    return [f"what the models were told: {path}"] if path.exists() else []


def buckets(finals: Mapping[str, ledger.Final]) -> list[str]:
    """The buckets in use."""
    used = Counter(review.bucket for final in finals.values() for review in final.reviews
                   if review.bucket)
    names = ", ".join(f"{name} ({count})" for name, count in used.most_common(_MOST_BUCKETS))
    return [f"buckets so far: {names}"] if used else []


def commands(index: rows.Index, ident: str, line: rows.OutcomeLine, coder: str) -> list[str]:
    """What records the judgement; a verdict where no grader gave one."""
    command = f"record_review.py {shlex.quote(str(index.analysis_dir))} --coder " \
              f"{shlex.quote(coder)} --id={shlex.quote(ident)}"
    why, proof = "--bucket SLUG --fault CLASS", '--mechanism "…" --quote "…"'
    if line.outcome == "unjudged" and line.counted:
        return ["no grader judged it, so the verdict is yours; the mechanism says what shows it",
                f"it did what was asked: {command} --verdict pass {proof}",
                f"it did not: {command} --verdict fail {why} {proof}"]
    when = "record" if line.outcome == "fail" else "only if its verdict is wrong"
    return [f"{when}: {command} {why} {proof}"]


def ending(index: rows.Index, these: Iterable[tuple[Mapping[str, Any], plan.Planned | None]],
           coder: str, finals: Mapping[str, ledger.Final], groups: Groups) -> str:
    """What follows several datapoints: how each of them is recorded."""
    idents = {row["datapoint_id"]: planned for row, planned in these}
    asked = [planned._replace(candidate="CANDIDATE", datapoint_id="ID")
             for planned in idents.values() if planned and planned.candidate]
    alike = any(groups.of(ident) for ident in idents)
    return "\n".join([*told(index), *buckets(finals), *dict.fromkeys(
        line for planned in asked for line in answering(index, planned, coder)), *dict.fromkeys(
        line for ident in idents
        for line in commands(index, "ID", index.outcomes[ident], coder)),
        *(["for one and all alike: the same with --alike"] if alike else [])])

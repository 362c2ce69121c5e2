"""The block of what is contested: both readings of each failure, and the faults and rates that the
other readings would give."""

from failure_analysis import facts
from failure_analysis.markdown import cell, code, table
from failure_analysis.report import causes, excerpts
from failure_analysis.review import contested, counting, ledger

_MOST, _MOST_ROWS, _LONGEST = 30, 30, 200


def block(counts: counting.Counts) -> str | None:
    """The text of the block; None where nothing is contested."""
    marked = contested.reviews(counts)
    if not marked:
        return None
    whole = counts.reviewed.total() + counting.read_of(counts).judged
    lines = [f"{len(marked)}<!--fact:review/contested--> of {whole} reviewed failures can be read "
             "in more than one way. As it was decided, and how else:", ""]
    lines += [f"- {_both(counts, ident, its)}"
              for ident, its in list(marked.items())[:_MOST]]
    if len(marked) > _MOST:
        lines.append(f"- {len(marked) - _MOST} more: `show_datapoint.py`, `{ledger.NAME}`.")
    return "\n".join([*lines, *_faults(counts)])


def _both(counts: counting.Counts, ident: str, reviews: list[ledger.Review]) -> str:
    """Both readings of a failure: the decision and the other one, or those of its readers."""
    final = counting.final(counts, ident)
    if contested.is_open(final):
        return "; against it ".join(f"{_one(review)} ({code(review.coder)})" for review in reviews)
    readings = [f"{code(review.contested_fault) + ': ' if review.contested_fault else ''}"
                f"*{cell(review.contested)}* ({code(review.coder)})" for review in reviews]
    return f"{_one(reviews[-1])}; or else {'; or '.join(readings)}"


def _one(review: ledger.Review) -> str:
    """What a review says, with its first quote."""
    names = ", ".join(code(name) for name in (review.verdict, review.bucket, review.fault) if name)
    return f"{names}: {causes.where(review)}*{causes.told(review.mechanism)}* " \
           f"{excerpts.proof(review.quotes, _LONGEST)} [dp:{review.datapoint_id}]"


def _faults(counts: counting.Counts) -> list[str]:
    """The faults and the upper ends of the pass rates, as decided and read the other way, of the
    models where these differ."""
    other = contested.other_faults(counts)
    rows = []
    for model in counting.models(counts)[:_MOST_ROWS]:
        changed = [f"{code(fault)} {counts.faults[fault, model]} → {other[fault, model]}"
                   f"<!--fact:{facts.key('review/other_fault', fault, model)}-->"
                   for fault in ledger.FAULTS
                   if other[fault, model] != counts.faults[fault, model]]
        if changed:
            rows.append([code(model), ", ".join(changed),
                         f"{counting.rate(counts, model).high:.1f} %",
                         f"{contested.high(counts, model, other):.1f}<!--fact:"
                         f"{facts.key('review/other_pass_rate_high_pct', model)}--> %"])
    return ["", table(["model", "faults, as decided → read the other way", "highest pass rate as "
                       "decided", "read the other way"], rows)] if rows else []

"""What drafts of earlier versions had and a rewritten report may still have: a section per model
and bucket with its costs, and fences with the texts of a datapoint, cut anywhere."""

from failure_analysis import tool_calls
from failure_analysis.markdown import code, fence
from failure_analysis.report import draft
from failure_analysis.review import counting

_TEXT, _JUDGE, _SHORT, _LINE = 600, 900, 400, 160


def costs(counts: counting.Counts, model: str) -> dict[str, str]:
    """What each bucket of a model costs: the dimensions that its datapoints failed. Where no grader
    judged there is none."""
    said = {}
    for bucket, _ in counting.bucket_order(counts, model):
        named = ", ".join(map(code, sorted(counting.costs(counts, bucket, model))))
        share = draft.share_of(("review/bucket", bucket, model), ("review/reviewed", model))
        said[bucket] = f"{named or 'no named dimension'}, over {share} reviewed datapoints."
    for bucket in sorted(counting.read_of(counts, model).buckets):
        share = draft.share_of(("review/read_bucket", bucket, model), ("review/read_fail", model))
        apart = f"{share} datapoints that readers failed and no grader judged."
        said[bucket] = f"{said[bucket]} Besides, {apart}" if bucket in said else \
            f"no named dimension, over {apart}"
    return said


def fences(row: dict) -> list[str]:
    """The fences of a datapoint: question, answer, the judge's words, calls, results."""
    texts = (
        (row.get("user_text"), _TEXT), (row.get("assistant_text"), _TEXT),
        (row.get("judge_reasoning"), _JUDGE),
        ("\n".join(_line(tool_calls.spelled(call)) for call in row.get("tool_calls") or []),
         _SHORT),
        ("\n".join(_line(tool_calls.result_text(result))
                   for result in row.get("tool_results") or []), _SHORT))
    return [fence(text, most) for text, most in texts if text]


def _line(text: str) -> str:
    """The beginning of a text, on one line."""
    return " ".join(text.split())[:_LINE]

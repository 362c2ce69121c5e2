"""What is recorded of several at once: of alike datapoints, and of the buckets of a group."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from failure_analysis import files
from failure_analysis.packet import rows
from failure_analysis.review import bucket_groups, ledger


def for_all(index: rows.Index, entry: Mapping[str, Any],
            twins_of: Callable[[str], Collection[str]]) -> list[dict[str, Any]]:
    """The entry of a datapoint that was read, and the same for each that is alike to it. Where it
    corrects, so do those that were recorded as alike."""
    entry = {ledger.ALIASES.get(name, name): value for name, value in entry.items()
             if value is not None}
    ident, kept, corrected = str(entry.get("datapoint_id")), {}, {}
    for review in ledger.current(ledger.load(index.analysis_dir)) if entry.get("replaces") else ():
        if review.review_id == entry["replaces"]:
            kept = {name: getattr(review, name) for name in ledger.KEYS
                    if name not in ("agent", "alike")}
        if (review.coder, review.alike) == (entry.get("coder", "agent"), ident):
            corrected[review.datapoint_id] = review.review_id
    return [entry, *({**kept, **entry, "datapoint_id": other, "alike": ident,
                      "replaces": corrected.get(other)} for other in twins_of(ident))]


def group(index: rows.Index, name: str, buckets: Iterable[str], coder: str) -> dict[str, str]:
    """Puts buckets into a group (`-`: takes them out), and returns what is in which now. Refuses
    a group that is called as a bucket, and buckets that no current review names."""
    if reason := ledger.wrong_coder(coder):
        raise files.Refusal(reason)
    reviews = ledger.current(ledger.load(index.analysis_dir))
    used = {review.bucket for review in reviews} - {""}
    if name != bucket_groups.NONE and (not ledger.SLUG.fullmatch(name) or len(name) > 60):
        raise files.Refusal(f"group {name!r} is no snake_case slug of at most 60 characters (- "
                            "takes buckets out of their group)")
    if name in used | {slug for review in reviews for slug in review.secondary}:
        raise files.Refusal(f"{name} is a bucket; give the group another name")
    if lacking := [bucket for bucket in buckets if bucket not in used]:
        raise files.Refusal(f"no current review has the bucket {', '.join(lacking)}; buckets are "
                            f"{', '.join(sorted(used)) or 'not in use yet'}")
    bucket_groups.put(index.analysis_dir, "" if name == bucket_groups.NONE else name, buckets,
                      coder)
    return bucket_groups.load(index.analysis_dir)

"""The tables of buckets: groups with their sums, each before its buckets."""

from collections import Counter

from failure_analysis.markdown import code, table
from failure_analysis.review import bucket_groups, counting

_MOST_COLUMNS = 12


def reviewed(counts: counting.Counts) -> str:
    """Bucket by model, largest first, out of what was reviewed; blank where nothing was."""
    order = counting.group_order(counts)
    if not order:
        return ""
    names = [name for name in counting.models(counts) if counts.reviewed[name]][:_MOST_COLUMNS]
    lines = []
    for total in order:
        buckets = _buckets(total)
        ids = [ident for bucket in buckets for ident in counting.members(counts, bucket)]
        lines.append([_named(total),
                      f"{total.count} of {counts.reviewed.total()}{twins(counts, ids)}",
                      *(sum(counts.buckets[bucket, name] for bucket in buckets)
                        for name in names)])
    heads = [f"{code(name)} ({counts.reviewed[name]} reviewed)" for name in names]
    return table(["bucket", "reviewed failures", *heads], lines)


def read(counts: counting.Counts) -> str:
    """Bucket by model of what readers failed and no grader judged; blank where they judged
    nothing."""
    judged, names = counting.read_of(counts), counting.read_models(counts)[:_MOST_COLUMNS]
    if not judged.judged:
        return ""
    if not judged.buckets:
        return "No bucket of what no grader judged: readers failed nothing of it, or disagree."
    by_model = {name: counting.read_of(counts, name) for name in names}
    lines = [[_named(total), f"{total.count} of {judged.failed}",
              *(sum(mine.buckets[bucket] for bucket in _buckets(total))
                for mine in by_model.values())]
             for total in bucket_groups.totals(largest_first(judged.buckets), counts.groups)]
    return table(["bucket", "failed by readers, not judged by a grader",
                  *(f"{code(name)} ({mine.failed} failed)" for name, mine in by_model.items())],
                 lines)


def largest_first(buckets: Counter[str]) -> list[tuple[str, int]]:
    """The buckets with their counts, those of most datapoints first."""
    return sorted(buckets.items(), key=lambda pair: (-pair[1], pair[0]))


def _buckets(total: bucket_groups.Total) -> tuple[str, ...]:
    return total.members or (total.name,)


def _named(total: bucket_groups.Total) -> str:
    """A group in bold, its buckets set off below it."""
    if total.members:
        return f"**{code(total.name)}**, a group of {len(total.members)}"
    return f"– {code(total.name)}" if total.group else code(total.name)


def twins(counts: counting.Counts, ids: list[str]) -> str:
    """How many of these were recorded as alike to one that was read, where any were."""
    alike = counting.alike(counts, ids)
    return f" ({len(alike)} alike)" if alike else ""

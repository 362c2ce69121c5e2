"""The block of a model: what it failed and how it ended, the dimensions that it failed most, and
its buckets, of which the causes say more."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.markdown import code, listed
from failure_analysis.report import bucket_tables, causes, meaning, modes
from failure_analysis.report.names import keys_of
from failure_analysis.review import bucket_groups, counting

_MOST_RANKED, _NAMED = 12, 3


class Known(NamedTuple):
    """What the blocks of all models are made from: beside the counts the clusters, the facts of the
    packet, how many rows of each model failed each dimension, and the buckets that have a section.
    """

    counts: counting.Counts
    clusters: dict
    values: Mapping[str, int | float]
    dimensions: Mapping[str, Counter[str]]
    sections: frozenset[str]


def known(counts: counting.Counts, clusters: dict, values: Mapping[str, int | float]) -> Known:
    """What is to be known for the blocks, each looked up once."""
    failed: dict[str, Counter[str]] = {}
    for line in counts.index.failing():
        failed.setdefault(line.model, Counter()).update(line.failed)
    return Known(counts, clusters, values, failed,
                 frozenset(causes.drafted(causes.members(counts))))


def block(whole: Known, model: str) -> str:
    """What a model failed, by graders, and apart from it by readers where no grader judged."""
    graded = _graded(whole, model) if whole.counts.failing[model] else []
    return "\n".join(f"- {line}" for line in [*graded, *_read_model(whole, model)] if line)


def _graded(whole: Known, model: str) -> list[str]:
    """A model's failures, ends and dimensions, and its buckets, of which the causes say more; its
    provisional modes until somebody reviewed it."""
    counts = whole.counts
    order, read = counting.group_order(counts, model), counts.reviewed[model]
    failed = f"{counts.failing[model]} of {counts.judged[model]}" \
        f"<!--fact:{facts.key('failed_rows', model)} of {facts.key('judged_rows', model)}-->" \
        " judged rows failed; "
    told = [" ".join(filter(None, _ends(whole, model))), _dimensions(whole, model)]
    if not order:
        labels = [f"{code(mode['mode'])} {mode['models'][model]} "
                  f"([dp:{mode['examples'][model][0]}])"
                  for mode in modes.of_model(whole.clusters, model)]
        rules = f"Provisional labels, by rules: {listed(labels, _MOST_RANKED)}." if labels else ""
        what = f"none of the {read} reviewed is decided." if read else "nothing of it was reviewed."
        return [" ".join(filter(None, (f"{failed}{what}", *told))), rules]
    buckets = [_bucket(whole, total.name, f"{_named(whole, total)} {total.count}",
                       [] if total.members else counting.members(counts, total.name, model))
               for total in order]
    reviewed = f"{failed}{read} of these {'was' if read == 1 else 'were'} reviewed."
    return [" ".join(filter(None, (reviewed, *told))),
            f"Buckets, of the {read} reviewed: {', '.join(buckets)}."]


def _named(whole: Known, total: bucket_groups.Total) -> str:
    """A group in bold, its buckets set off behind it; a bucket with a section leads there."""
    if total.members:
        return f"**{code(total.name)}**, a group of {len(total.members)}:"
    name = f"[{code(total.name)}](#{total.name})" if total.name in whole.sections \
        else code(total.name)
    return f"– {name}" if total.group else name


def _bucket(whole: Known, name: str, said: str, ids: list[str]) -> str:
    """A bucket with how many were recorded as alike; one without a section with its datapoints and
    whose fault they are."""
    counts = whole.counts
    said += bucket_tables.twins(counts, ids)
    if not ids or name in whole.sections:
        return said
    faults = sorted({code(counting.final(counts, ident).fault or "disputed") for ident in ids})
    return f"{said} ({', '.join(faults)}: {listed([f'[dp:{ident}]' for ident in ids], _NAMED)})"


def _ends(whole: Known, model: str) -> Iterator[str]:
    """How the failed rows ended, what the harness put in the place of answers, and how many answers
    are empty, where that is recorded."""
    models = keys_of(whole.counts.judged)
    for kind, how in (("failed_ends", "Ended by"), ("marker_failed", "In the place of an answer")):
        own = sorted((-count, rest, key) for key, count in whole.values.items()
                     if key.startswith(f"{kind}/") and count
                     for named, rest in [meaning.parsed(key, models)]
                     if named and models[named[0]] == model)
        ranked = [f"{code(name)} {-count}<!--fact:{key}-->" for count, name, key in own]
        yield f"{how}: {listed(ranked, _MOST_RANKED)}." if ranked else ""
    key = facts.key("failed_empty_answers", model)
    yield f"Empty answers: {whole.values[key]}<!--fact:{key}-->." if key in whole.values else ""


def _dimensions(whole: Known, model: str) -> str:
    """The dimensions that its failed rows failed, the most frequent first."""
    failed = whole.dimensions.get(model, Counter())
    ranked = [f"{code(name)} {count}" for name, count in bucket_tables.largest_first(failed)]
    return f"Failed dimensions: {listed(ranked, _MOST_RANKED)}." if ranked else ""


def _read_model(whole: Known, model: str) -> list[str]:
    """What readers say of a model's datapoints that no grader judged, where they judged any."""
    counts = whole.counts
    read = counting.read_of(counts, model)
    if not read.judged:
        return []
    buckets = [_bucket(whole, bucket, f"[{code(bucket)}](#{bucket}) {count}"
                       if bucket in whole.sections else f"{code(bucket)} {count}",
                       counting.read_members(counts, bucket, model))
               for bucket, count in bucket_tables.largest_first(read.buckets)]
    return [counting.read_in_words(counts, model), f"Buckets, of the {read.failed} failed by "
            f"readers: {', '.join(buckets)}." if buckets else ""]

"""The causes of a report: each bucket once, with every model that has a share in it, whose fault it
is there, what it fails, and what was quoted."""

import re
from collections import Counter
from collections.abc import Mapping

from failure_analysis import facts
from failure_analysis.datapoint import natural_key
from failure_analysis.markdown import cell, code, listed
from failure_analysis.report import bucket_tables, excerpts
from failure_analysis.review import counting, ledger

BLOCK = "cause "
LARGE = 3  # a bucket with so many reviewed datapoints needs a section
_QUOTED, _ALONE, _NAMED = 2, 4, 3  # quotes of a model, of one that is alone, ids beside them
_LONGEST = 300

Members = Mapping[str, Mapping[str, list[str]]]




def members(counts: counting.Counts) -> Members:
    """Bucket -> model -> its datapoints, those that graders failed before those that readers did;
    the largest bucket first, of equal ones what decides more, and in it the model with most."""
    outcomes = counts.index.outcomes
    ids: dict[str, dict[str, list[str]]] = {}
    read = sorted((natural_key(outcomes[ident].item), ident, final.bucket)
                  for ident, final in counts.read.items()
                  if final.verdict == "fail" and final.bucket)
    undecided = Counter(final.bucket for final in counts.decided.values()
                        if final.fault == "undecided")
    for bucket, ident in [*((bucket, ident) for bucket, its in counts.members.items()
                            for ident in its), *((bucket, ident) for _, ident, bucket in read)]:
        ids.setdefault(bucket, {}).setdefault(outcomes[ident].model, []).append(ident)
    return {bucket: dict(sorted(ids[bucket].items(), key=lambda pair: (-len(pair[1]), pair[0])))
            for bucket in sorted(ids, key=lambda bucket: (
                -_size(ids[bucket]), undecided[bucket], bucket))}


def _size(by_model: Mapping[str, list[str]]) -> int:
    return sum(map(len, by_model.values()))


def large(ids: Members) -> list[str]:
    """The buckets that are large enough for a section."""
    return [bucket for bucket, by_model in ids.items() if _size(by_model) >= LARGE]


def drafted(ids: Members) -> list[str]:
    """The buckets that a draft has sections of: the large ones, and the largest of a model that has
    a share in none of these."""
    chosen = set(large(ids))
    for model in dict.fromkeys(model for by_model in ids.values() for model in by_model):
        if not any(model in ids[bucket] for bucket in chosen):
            chosen.add(max((bucket for bucket in ids if model in ids[bucket]),
                           key=lambda bucket: len(ids[bucket][model])))
    return [bucket for bucket in ids if bucket in chosen]


def blocks(counts: counting.Counts) -> dict[str, str]:
    """The table of each bucket under the name of its block."""
    return {f"{BLOCK}{bucket}": _block(counts, bucket, by_model)
            for bucket, by_model in members(counts).items()}


def _block(counts: counting.Counts, bucket: str, by_model: Mapping[str, list[str]]) -> str:
    """A line for each model: its share, whose fault, what it failed, what was read and quoted."""
    most = _QUOTED if len(by_model) > 1 else _ALONE
    lines = []
    for model, ids in by_model.items():
        finals = [counting.final(counts, ident) for ident in ids]
        faults = Counter(code(final.fault) if final.fault else "disputed" for final in finals)
        costs = Counter(code(name) for ident in ids
                        for name in counts.index.outcomes[ident].failed)
        failed = f"; failed {_ranked(costs)}" if costs else ""
        lines.append(f"- {code(model)}: {_shares(counts, bucket, model, ids)}; "
                     f"{_ranked(faults)}{failed}. {_shown(counts, ids, most)}")
    return "\n".join(lines)


def _ranked(names: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in bucket_tables.largest_first(names))


def _shares(counts: counting.Counts, bucket: str, model: str, ids: list[str]) -> str:
    """How many of a model's reviewed failures these are, and of what readers alone failed."""
    read = counting.read_of(counts, model)
    shares = [("bucket", counts.buckets[bucket, model], "reviewed", counts.reviewed[model],
               "reviewed"),
              ("read_bucket", read.buckets[bucket], "read_fail", read.failed,
               "that readers failed and no grader judged")]
    return ", ".join(
        f"{share} of {whole}<!--fact:{facts.key(f'review/{kind}', bucket, model)} of "
        f"{facts.key(f'review/{of}', model)}--> {what}"
        for kind, share, of, whole, what in shares if share) + bucket_tables.twins(counts, ids)


def _shown(counts: counting.Counts, ids: list[str], most: int) -> str:
    """What readers say of the first datapoints (the same once), each with a quote that was proved
    when it was recorded, and the ids of more."""
    ids, said, before = counting.varied(counts, ids), [], ""
    for review in [counting.final(counts, ident).reviews[-1] for ident in ids[:most]]:
        why = f"{where(review)}*{told(review.mechanism)}*"
        said.append(f"{'' if why == before else f'{why} '}"
                    f"{excerpts.proof(review.quotes, _LONGEST)} [dp:{review.datapoint_id}]")
        before = why
    more = [f"[dp:{ident}]" for ident in ids[most:]]
    return "; ".join(said) + (f"; also {listed(more, _NAMED)}" if more else "")


def told(words: str) -> str:
    """A reader's words beside quotes of a datapoint: their own quotation marks become single ones,
    so that what is quoted begins where it does."""
    return cell(re.sub('["“”„]', "'", words))


def where(review: ledger.Review) -> str:
    """Where it broke, where its coder says so."""
    agent = f" ({code(review.agent)})" if review.agent else ""
    return f"at step {review.step}{agent}: " if review.step else ""

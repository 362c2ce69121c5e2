"""bucket_groups.jsonl: which bucket is in which group. Lines are only ever appended; the last one
of a bucket says."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from failure_analysis import files, store

NAME = "bucket_groups.jsonl"
NONE = "-"  # takes a bucket out of its group


class Grouping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: a bucket is in this group from now on (in none, where it is blank)."""

    bucket: str
    group: str
    coder: str
    recorded: str


class Total(NamedTuple):
    """A line of a table of buckets: a group with the sum of its `members`, or a bucket (of a
    group, or of none)."""

    name: str
    count: int
    members: tuple[str, ...] = ()
    group: str = ""


def lines(analysis_dir: Path) -> list[Grouping]:
    """All lines, those that later ones overrule too."""
    path = analysis_dir / NAME
    return _parsed(path, files.read_bytes(path)) if path.exists() else []


def _parsed(path: Path, text: bytes) -> list[Grouping]:
    return store.appended(path, text, Grouping, "not a grouping", "buckets are grouped with "
                          "record_review.py --group, never by hand")


def groups(groupings: Iterable[Grouping]) -> dict[str, str]:
    """Bucket -> its group."""
    last = {grouping.bucket: grouping.group for grouping in groupings}
    return {bucket: group for bucket, group in last.items() if group}


def load(analysis_dir: Path) -> dict[str, str]:
    """Bucket -> its group, of an analysis folder as it stands now."""
    return groups(lines(analysis_dir))


def put(analysis_dir: Path, group: str, buckets: Collection[str], coder: str) -> None:
    """Puts buckets into a group (blank: takes them out of theirs)."""
    recorded = datetime.now(UTC).isoformat(timespec="seconds")
    path = analysis_dir / NAME
    with store.locked(path) as file:
        now = groups(_parsed(path, file.read()))
        file.write(b"".join(msgspec.json.encode(Grouping(bucket, group, coder, recorded)) + b"\n"
                            for bucket in dict.fromkeys(buckets) if now.get(bucket, "") != group))


def totals(order: Iterable[tuple[str, int]], group_of: Mapping[str, str]) -> list[Total]:
    """The buckets with their counts, in order, those of a group below it; groups and buckets of
    none by their counts."""
    order = list(order)
    members: dict[str, list[tuple[str, int]]] = {}
    for bucket, count in order:
        if group := group_of.get(bucket):
            members.setdefault(group, []).append((bucket, count))
    top = [Total(bucket, count) for bucket, count in order if bucket not in group_of]
    top += [Total(group, sum(count for _, count in mine), tuple(bucket for bucket, _ in mine))
            for group, mine in members.items()]
    return [line for one in sorted(top, key=lambda one: (-one.count, one.name)) for line in (
        one, *(Total(bucket, count, group=one.name)
               for bucket, count in (members[one.name] if one.members else ())))]

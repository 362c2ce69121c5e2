"""What the page knows of an analysis folder: the queue of datapoints, what the ledger says of
each, progress and agreement. The ledger is read again whenever its file has changed."""

import hashlib
import threading
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, steps
from failure_analysis.packet import rows
from failure_analysis.review import bucket_groups, ledger, plan, reading_log


class Queued(NamedTuple):
    """One line of the queue; `order` and `why` are None for what is not in the plan, `to_judge` is
    true where the verdict is the reader's."""

    id: str
    model: str
    item: str
    run: str
    trial: int
    outcome: str
    to_judge: bool
    failed: tuple[str, ...]
    mode: str | None
    order: int | None
    why: str | None
    contrast_of: str | None


class Desk:
    """One person's review of one folder: the `index` of its datapoints, the `queue` by id, the
    `twins` of each (what is alike to it), and the ids that were `shown` to this coder. What another
    script changes meanwhile is read again."""

    def __init__(self, analysis_dir: Path, coder: str) -> None:
        self.analysis_dir, self.coder = analysis_dir, coder
        self.shown = {showing.datapoint_id for showing in reading_log.load(analysis_dir)
                      if showing.coder == coder}
        self._lock = threading.Lock()
        self._version, self._reviews = "", []
        self._stamps: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Reads the packet and the plan again if their files have changed."""
        with self._lock:
            stamps = [stamp(self.analysis_dir / name) for name in
                      (steps.OUTCOMES, steps.ROWS, rows.CONTRAST, plan.NAME)]
            if stamps == self._stamps:
                return
            self.index = rows.load(self.analysis_dir)
            self.queue = queue(self.index)
            self.twins = ledger.twins(self.index)
            self._texts: dict[str, str] | None = None
            self._stamps = stamps

    def queued(self, ident: str) -> Queued:
        """A datapoint's line of the queue, or what it would be without a plan."""
        return self.queue.get(ident) or _queued(self.index.outcomes[ident], None)

    @property
    def key(self) -> str:
        """Tells the drafts of this folder and coder from others in the same browser."""
        text = f"{self.analysis_dir.resolve()}\n{self.coder}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def reviews(self) -> tuple[str, list[ledger.Review]]:
        """The ledger as it stands, and a version that changes with it."""
        with self._lock:
            version = "/".join(stamp(self.analysis_dir / name)
                               for name in (ledger.NAME, bucket_groups.NAME))
            if version != self._version:
                self._reviews, self._version = ledger.load(self.analysis_dir), version
            return self._version, self._reviews

    def matching(self, wanted: str) -> list[str]:
        """The datapoints whose question or answer has the wanted text, in any case."""
        with self._lock:
            if self._texts is None:
                self._texts = texts(self.index)
        wanted = wanted.casefold()
        return [ident for ident, text in self._texts.items() if wanted in text]


def stamp(path: Path) -> str:
    """Changes when the file does."""
    stat = path.stat() if path.exists() else None
    return f"{stat.st_mtime_ns}-{stat.st_size}" if stat else "none"


class _Asked(msgspec.Struct):
    """What is searched of a packet row."""

    datapoint_id: str
    user_text: Any = None
    assistant_text: Any = None


def queue(index: rows.Index) -> dict[str, Queued]:
    """The planned datapoints in the order of the plan, then the other failing ones and those that
    nobody judged."""
    lines = plan.load(index.analysis_dir) if (index.analysis_dir / plan.NAME).exists() else []
    planned_by_id = {planned.datapoint_id: planned for planned in lines
                     if planned.datapoint_id in index.places}
    others = [*index.failing(), *(line for line in index.unjudged()
                                  if line.datapoint_id in index.places)]
    ids = dict.fromkeys([*planned_by_id, *(line.datapoint_id for line in others)])
    return {ident: _queued(index.outcomes[ident], planned_by_id.get(ident)) for ident in ids}


def _queued(line: rows.OutcomeLine, planned: plan.Planned | None) -> Queued:
    """A datapoint's line of the queue, safe to show."""
    safe = clean.visible
    place = (planned.order, planned.why, planned.contrast_of) if planned else (None, None, None)
    mode, failed = line.mode and safe(line.mode), tuple(map(safe, line.failed))
    return Queued(line.datapoint_id, safe(line.model), safe(line.item), safe(line.run), line.trial,
                  line.outcome, line.outcome == "unjudged" and line.counted, failed, mode, *place)


def texts(index: rows.Index) -> dict[str, str]:
    """Question and answer of every whole row, for searching."""
    return {row.datapoint_id: f"{row.user_text}\n{row.assistant_text}".casefold()
            for row in rows.decoded(index, _Asked)}


def standing(desk: Desk) -> dict:
    """What the ledger says now: each reviewed datapoint, buckets in use (most used first, those of
    a group together, each with its number of datapoints), progress, agreement."""
    version, reviews = desk.reviews()
    finals = ledger.finals(reviews)
    states = {ident: _state(final, desk.coder) for ident, final in finals.items()}
    used = Counter(bucket for state in states.values() for bucket in state["buckets"])
    groups = bucket_groups.load(desk.analysis_dir)
    return {"version": version, "states": states, "groups": groups,
            "buckets": [(total.name, total.count) for total in
                        bucket_groups.totals(ranked(used), groups) if not total.members],
            "progress": progress(desk, finals),
            "pairs": pairs(ledger.current(reviews)), "read": sorted(desk.shown),
            "disagreements": sum(state["state"] == "disagree" for state in states.values())}


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """The names with their counts, the largest first."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def disagrees(final: ledger.Final) -> bool:
    """True when the readers of a datapoint have not come to one verdict, bucket and fault."""
    return None in (final.bucket, final.fault, final.verdict)


def _state(final: ledger.Final, coder: str) -> dict:
    """Where a reviewed datapoint stands, and what this coder and all readers say of it."""
    mine = next((review for review in final.reviews if review.coder == coder), None)
    if disagrees(final):
        state = "disagree"
    elif any(review.settles for review in final.reviews):
        state = "settled"
    else:
        state = "mine" if mine else "others"
    return {"state": state, "mine": mine is not None,
            "bucket": mine and (mine.bucket or f"judged as {mine.verdict}"),
            "buckets": sorted({review.bucket for review in final.reviews} - {""}),
            "faults": sorted({review.fault for review in final.reviews} - {""})}


def progress(desk: Desk, finals: dict[str, ledger.Final]) -> dict:
    """How many of the failing datapoints and of those that nobody judged have been reviewed, by
    anybody and by this coder."""
    failing = [queued for queued in desk.queue.values() if queued.outcome == "fail"]
    unjudged = [queued for queued in desk.queue.values() if queued.to_judge]
    wanted = [*failing, *unjudged]
    planned = [queued for queued in wanted if queued.order is not None]
    mine = {ident for ident, final in finals.items()
            if any(review.coder == desk.coder for review in final.reviews)}
    done = Counter(queued.model for queued in wanted if queued.id in finals)
    models = Counter(queued.model for queued in wanted)
    return {"planned": [sum(queued.id in finals for queued in planned), len(planned)],
            "failing": [sum(queued.id in finals for queued in failing), len(failing)],
            "unjudged": [sum(queued.id in finals for queued in unjudged), len(unjudged)],
            "mine": sum(queued.id in mine for queued in wanted),
            "models": [[model, done[model], count] for model, count in models.items()]}


def pairs(current: list[ledger.Review]) -> list[dict]:
    """For each two coders who judged the same datapoints: how often they said the same."""
    by_coder: dict[str, dict[str, ledger.Review]] = {}
    for review in current:
        by_coder.setdefault(review.coder, {})[review.datapoint_id] = review
    agreements = []
    for coder, other in combinations(sorted(by_coder), 2):
        first, second = by_coder[coder], by_coder[other]
        shared = first.keys() & second.keys()
        if shared:
            both = [(first[ident], second[ident]) for ident in shared]
            agreements.append({"coders": [coder, other], "shared": len(shared),
                               "bucket": sum(a.bucket == b.bucket for a, b in both),
                               "fault": sum(a.fault == b.fault for a, b in both)})
    return agreements

"""The rows of a run in the order of their times: sessions, and late rows that hold just the ids
which the rows before them skipped, as reruns of failures do."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from failure_analysis.datapoint import natural_key

# A pause is a gap between sessions when it is long by itself and against the run's own pace.
GAP_SECONDS = 30 * 60
GAP_STEPS = 10
# The setting of a row that names its model as its provider did.
PROVIDERS_NAME = "agent model as its provider named it"
_FEWEST = 3
_FEWEST_IN_ORDER = 5
_IN_ORDER = 0.9  # Spearman's rank correlation of the ids with their order in time
_STEADY = 0.75  # share of the ids that rise all along: a few strays spoil the correlation
_FAR = 10  # places; tasks that run side by side begin no further out of order


class Timed(NamedTuple):
    """When a row began and ended (epoch seconds), its item where every item has one row, its model
    as the provider named it (None: not recorded), and whether it passed (1), failed (0) or was not
    judged (-1)."""

    start: float
    end: float
    item: str | None = None
    model: str | None = None
    verdict: int = -1


class Gap(NamedTuple):
    """A pause that parts two sessions: the place of the row after it in the order of the starts,
    how many seconds it took, and when the row before it ended."""

    place: int
    seconds: float
    before: float


class Reruns(NamedTuple):
    """Rows from a place in the order of time on that hold just ids which the ones before skipped
    (`items`; `beyond`: the one id of many that comes after all of those), how many of them passed
    and failed, and what else sets them apart."""

    items: list[str]
    beyond: list[str]
    passed: int
    failed: int
    since: float
    signs: list[str]


def in_time(times: Sequence[float], items: Sequence[str], models: Sequence[str | None],
            verdicts: Sequence[int]) -> list[Timed]:
    """The rows of a run in the order of their starts; `times` holds start and end of each in turn,
    `items` and `models` are used where they are of as many rows."""
    named = [list(names) if len(names) * 2 == len(times) else [None] * (len(times) // 2)
             for names in (items, models)]
    rows = map(Timed, times[::2], times[1::2], *named, verdicts)
    return sorted(rows, key=lambda row: row[:2])


def gaps(rows: Sequence[Timed]) -> list[Gap]:
    """The pauses between sessions of rows in the order of their starts."""
    if len(rows) < _FEWEST:
        return []
    starts = [row.start for row in rows]
    pace = median([after - before for before, after in pairwise(starts)])
    limit = max(GAP_SECONDS, GAP_STEPS * pace)
    pauses, end = [], rows[0].end
    for place, (start, stop, *_) in enumerate(rows):
        if start - end > limit:
            pauses.append(Gap(place, start - end, end))
        if stop > end:
            end = stop
    return pauses


def all_at_once(rows: Sequence[Timed]) -> bool:
    """Whether all of several rows carry one time."""
    return len(rows) >= _FEWEST and len({row.start for row in rows}) == 1


def reruns(rows: Sequence[Timed], pauses: Sequence[Gap]) -> Reruns | None:
    """The late rows that look like reruns, of rows in the order of their starts with an item each;
    None where nothing does."""
    items = [row.item for row in rows if row.item is not None]
    if len(items) < len(rows) or len(items) < _FEWEST or all_at_once(rows):
        return None
    # Numbers are put in order without the cost of their natural keys, which is the same order.
    in_order = sorted(items, key=int) if all(map(_is_plain, items)) else \
        sorted(items, key=natural_key)
    rank = {item: place for place, item in enumerate(in_order)}
    ranks = [rank[item] for item in items]
    paused = {pause.place: pause for pause in pauses}
    for place in sorted({*paused, *_other_models(rows), ranks.index(max(ranks)) + 1}):
        before, late = ranks[:place], ranks[place:]
        beyond = [rank for rank in late if rank > max(before)]
        if not late or len(beyond) > min(1, len(late) // _FAR) or not _in_order(before):
            continue
        signs = _signs(rows, place, paused.get(place))
        back = [position - rank for position, rank in enumerate(late, place)]
        if signs or (len(late) > 1 and max(back) >= _FAR and 2 * median(back) >= _FAR):
            named = sorted(rank for rank in late if rank not in beyond)
            verdicts = [row.verdict for row in rows[place:]]
            return Reruns([in_order[rank] for rank in named], [in_order[rank] for rank in beyond],
                          verdicts.count(1), verdicts.count(0), rows[place].start, signs)
    return None


def _is_plain(item: str) -> bool:
    """Whether an id is a number without zeros before it."""
    return len(item) < 19 and item.isascii() and item.isdecimal() and \
        (item[0] != "0" or item == "0")


def moment(time: float) -> str:
    """A time for a reader, to the minute."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="minutes")


def _other_models(rows: Sequence[Timed]) -> list[int]:
    """The places from which on a model answers that answered no row before."""
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row.model is not None:
            first.setdefault(row.model, place)
    return [place for place in first.values() if place]


def _signs(rows: Sequence[Timed], place: int, pause: Gap | None) -> list[str]:
    """What sets the rows from a place on apart from those before, besides their ids."""
    signs = [f"after a pause of {pause.seconds / 60:.0f} minutes"] if pause else []
    earlier, later = ({row.model for row in part if row.model is not None}
                      for part in (rows[:place], rows[place:]))
    if earlier and later and not earlier & later:
        signs.append(f"by another model ({', '.join(sorted(later))}, before "
                     f"{', '.join(sorted(earlier))})")
    return signs


def _in_order(ranks: Sequence[int]) -> bool:
    """Whether ids were begun in their own order, nearly: by Spearman's rho, or by their longest
    rising row (patience sorting)."""
    n = len(ranks)
    if n < _FEWEST_IN_ORDER:
        return False
    own = {rank: place for place, rank in enumerate(sorted(ranks))}
    squares = sum((place - own[rank]) ** 2 for place, rank in enumerate(ranks))
    ends: list[int] = []
    for rank in ranks:
        place = bisect_left(ends, rank)
        ends[place:place + 1] = [rank]
    return 1 - 6 * squares / (n * (n * n - 1)) >= _IN_ORDER or len(ends) >= _STEADY * n

"""What a report is proved against: the files of its folder, and what can be computed anew from the
outcomes, the packet and the ledger, which counts instead of what a file says."""

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from failure_analysis import facts, manifest, results, steps
from failure_analysis.comparison import compute
from failure_analysis.packet import heuristics, rows
from failure_analysis.report import blocks, old_drafts, recount
from failure_analysis.report.names import Names, names_of
from failure_analysis.review import counting, ledger, parts, standing, timeline

_LARGE = 20 << 20  # bytes of a packet from which a second process is worth its start


class Finding(NamedTuple):
    """One thing in the report that does not hold: its line (0: the whole), the verdict, the text
    it is about, and what is wrong or to be done."""

    line: int
    verdict: str
    text: str
    why: str


Findings = Iterator[Finding]
Anew = tuple[dict | None, list[str], dict | None]


class Evidence(NamedTuple):
    """Everything that a report is proved against. `analysis` holds the comparison and the clusters
    as they were computed anew, `written` as the files have them (None: no such file); `relabelled`
    are rows with another label than the rules give, `fabricated` the quotes of reviews that do not
    occur in their datapoints, `agreed` the agreement measured anew, `opened` the parts of the
    datapoints looked at so far, `lines` the steps of those asked for, `by_item` the outcomes once
    they are asked for. `proved` counts what holds, by kind."""

    analysis: blocks.Analysis
    written: blocks.Analysis
    relabelled: list[str]
    fabricated: list[counting.Fabricated]
    agreed: dict | None
    blocks: dict[str, str]
    facts: dict[str, int | float]
    bound: Counter[str]
    min_cited: int
    names: Names
    opened: dict[str, list[parts.Part]]
    proved: Counter[str]
    by_item: dict[str, list[rows.OutcomeLine]]
    lines: dict[str, timeline.Timeline]

    def parts(self, ident: str) -> list[parts.Part]:
        """The parts of a datapoint, kept; none when it cannot be opened."""
        if ident not in self.opened:
            index = self.analysis.counts.index
            whole = ident in index.places
            self.opened[ident] = parts.parts(rows.row(index, ident)) if whole else []
        return self.opened[ident]

    def line(self, ident: str) -> timeline.Timeline:
        """The steps of a datapoint, kept; none when it cannot be opened."""
        if ident not in self.lines:
            index = self.analysis.counts.index
            self.lines[ident] = timeline.timeline(
                rows.row(index, ident) if ident in index.places else {})
        return self.lines[ident]

    def reviews(self, ident: str) -> tuple[ledger.Review, ...]:
        """What readers say of a datapoint, of those who count."""
        final = counting.final(self.analysis.counts, ident)
        return final.reviews if final else ()

    def attempts(self, item: str) -> list[rows.OutcomeLine]:
        """The outcomes of an item."""
        if not self.by_item:
            for line in self.analysis.counts.index.outcomes.values():
                self.by_item.setdefault(line.item, []).append(line)
        return self.by_item[item]

    def drafted(self, ident: str) -> list[str]:
        """The fences that drafts of earlier versions had of a datapoint, cut anywhere."""
        index = self.analysis.counts.index
        return old_drafts.fences(rows.row(index, ident)) if ident in index.places else []


def gather(analysis_dir: Path, min_cited: int = 3, measure: bool = True) -> Evidence:
    """Reads and computes anew what a report is proved against, with `measure` also the agreement,
    which only the files below the report need; refuses an incomplete stage 1."""
    with _beside(analysis_dir) as anew:
        counts, fabricated = counting.proved(analysis_dir)
        written = blocks.load(analysis_dir, counts)
        agreed = recount.agreement(analysis_dir, counts) if measure else None
        clusters, relabelled, compared = anew()
    analysis = written._replace(compared=compared, clusters=clusters or written.clusters)
    values = facts.load(analysis_dir)
    names = names_of(analysis.counts, values, analysis.sanity["conservation"]["benchmark"],
                     [mode["mode"] for mode in analysis.clusters["modes"]])
    return Evidence(analysis, written, relabelled, fabricated, agreed, blocks.render(analysis),
                    values, standing.own_bindings(analysis_dir), min_cited, names, {}, Counter(),
                    {}, {})


@contextmanager
def _beside(analysis_dir: Path) -> Iterator[Callable[[], Anew]]:
    """What gives the labels and the comparison computed anew: in a second process, while the ledger
    is proved and the agreement measured, where the packet is large."""
    rows_path = analysis_dir / steps.ROWS
    if not rows_path.exists() or rows_path.stat().st_size < _LARGE:
        yield lambda: _anew(analysis_dir)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, initializer=signal.signal,
                             initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        made = pool.submit(_anew, analysis_dir)
        yield made.result


def _anew(analysis_dir: Path) -> Anew:
    """The labels that the rules give, the rows that carry others, and the comparison as it was
    asked for (None where nothing is judged)."""
    clusters, relabelled = heuristics.again(analysis_dir)
    if all(outcome == "unjudged" for outcome, in rows.columns(analysis_dir, ("outcome",))):
        return clusters, relabelled, None
    asked = manifest.settings(analysis_dir, steps.COMPARE.name, results.ComparedWith)
    compared = compute.compare(analysis_dir, asked.get("by"), asked.get("seed", 0))
    return clusters, relabelled, json.loads(json.dumps(compared.result))

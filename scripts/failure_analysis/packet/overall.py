"""The counts of all runs of a packet together, and what each run shows by itself."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from failure_analysis import clean, files
from failure_analysis.datapoint import natural_key
from failure_analysis.markdown import listed as _list
from failure_analysis.packet import expected, judges, names, sessions
from failure_analysis.packet.findings import count as _count
from failure_analysis.packet.findings import finding
from failure_analysis.packet.tally import (
    MOST_DETAILS,
    MOST_EXAMPLES,
    Noted,
    RejectedLine,
    RunTally,
    SourceTally,
    Unsure,
)
from failure_analysis.reading import left_out, mapping_faults
from failure_analysis.reading.path_counts import Counts
from failure_analysis.records import Source, shown

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

_NO_AGENT = "an agent not recorded"


class Run(NamedTuple):
    """The counts of one run, and its items: those that it has, those of its own list, and those
    that rows of it may be whose item cannot be told."""

    run_id: str
    model_name: str
    path: str
    rows: int
    passed: int
    failed: int
    unjudged: int
    rejected: int
    not_counted: int
    covered: frozenset[str]
    listed: frozenset[str]
    may_be: frozenset[str]


@dataclass
class Notes:
    """A note over all runs: its rows, the first of them, run -> what differs there, and of how many
    rows in how many runs."""

    rows: int = 0
    examples: list[str] = field(default_factory=list)
    details: dict[str, list[str]] = field(default_factory=dict)
    of: int = 0
    runs: list[str] = field(default_factory=list)


class MappedCounts(NamedTuple):
    """A mapping, and what its paths met in all files that were read through it."""

    spec: "mapping_file.Mapping"
    counts: Counts


class Overall:
    """The counts of all runs together, kept small: nothing in it grows with the rows of a run."""

    def __init__(self, benchmark: str) -> None:
        self.benchmark = benchmark
        self.rows_read = 0
        self.cut_off = False
        self.outcomes: Counter = Counter()
        self.not_counted: Counter = Counter()
        self.rejected: Counter = Counter()
        self.rejected_lines: list[RejectedLine] = []
        self.runs: list[Run] = []
        self.models: dict[str, Counter] = {}
        self.patterns: dict[str, Counter] = {}
        self.items: Counter = Counter()  # of how many runs each is
        self.coverage: dict[frozenset, frozenset] = {}
        self.expected: set[str] = set()
        self.run_ids: set[str] = set()
        self.dimensions: set[str] = set()
        self.unchecked = 0
        self.settings: dict[str, dict[str, list]] = {}
        self.findings: list[dict] = []
        self.notes: dict[str, Notes] = {}
        self.unsure: dict[str, dict[str, Unsure]] = {}
        self.gradings: dict | None = None
        self.judged: list[judges.JudgedRun] = []
        self.mapped: dict[str, MappedCounts] = {}
        self.differences: list[dict] = []
        self.versions: list[dict] = []
        self.agents: dict[str, dict[str, list[str]]] = {}
        self.self_simulated: list[tuple[str, str]] = []

    def add(self, source: Source, tally: SourceTally) -> None:
        """Adds what one source gave."""
        rejected = tally.rejected.total()
        self.rows_read += rejected + sum(run.rows for run in tally.runs)
        self.rejected += tally.rejected
        self.cut_off |= tally.cut_off
        self.rejected_lines += tally.rejected_lines[:MOST_EXAMPLES - len(self.rejected_lines)]
        self.expected.update(map(clean.clean_name, source.expected_items))
        self.dimensions |= tally.dimensions
        self.judged += judges.of(source, tally)
        if source.mapping is not None:
            self._add_mapped(source, tally)
        self.differences += [{"kind": "expected", "text": f"Not as expected: {text}.", "count": 1,
                              "about": [source.run_id]} for text in source.differences]
        for remark in source.remarks:
            self._find("side_file", f"Run {source.run_id}: {remark}.", [source.run_id])
        if not tally.runs:
            self._find("empty_run", f"Run {source.run_id} has no usable row ({rejected} rejected).",
                       [source.run_id], told=f"{source.run_id} ({rejected} rejected)")
        for run in tally.runs:
            own = source if run.run_id == source.run_id else None
            self._add_run(run, source, own, rejected if own else 0)
        named = {run.model_name for run in tally.runs}
        if source.mapping is None and len(named) > 1:
            self._find("mixed_models", f"{shown(source.path)} holds rows of {len(named)} "
                       f"models ({', '.join(sorted(named))}); each is kept as a run of its own.",
                       [run.run_id for run in tally.runs],
                       f"{shown(source.path)} of {len(named)}")

    def _add_mapped(self, source: Source, tally: SourceTally) -> None:
        """What the paths of a mapping met, and what the files said must come out."""
        spec, counts = self.mapped.setdefault(
            source.format, MappedCounts(source.mapping.spec, Counts()))
        counts.merge(tally.counts)
        if "model_name" not in counts.paths:
            counts.unnamed.append(source.model_name)
        if spec.expected is not None:
            self.differences += expected.of_files(spec.expected, tally)

    def refuse_wrong_mapping(self) -> None:
        """Refuses a mapping that cannot be meant, from what it met over all inputs."""
        for spec, counts in self.mapped.values():
            mapping_faults.refuse(spec, counts)

    def leave_out(self, names: tuple[str, ...]) -> None:
        """Says which dimensions decide nothing, as the user asked."""
        if names:
            rows = sum(seen.rows for note, seen in self.notes.items() if left_out.NOTE in note)
            self._find("left_out", f"Left out of pass and fail by --without: {', '.join(names)}; "
                       f"{rows} rows have another outcome by that.", list(names))

    def find_judges(self, rowless: list[str]) -> None:
        """Finds the runs that lack a judge. `rowless`: folders beside them without any row."""
        for found in judges.findings(self.judged, rowless):
            self._find(*found)

    def _add_run(
        self, run: RunTally, source: Source, own: Source | None, rejected: int
    ) -> None:
        model = self.models.setdefault(run.model_name, Counter())
        self.outcomes += run.outcomes
        self.not_counted += run.not_counted
        model.update({"runs": 1, "rows": run.rows, "failed_alone": run.failed_alone,
                      "failed_empty": run.failed_empty, "failed_unseen": run.failed_unseen,
                      "not_counted": run.not_counted.total(), **run.outcomes,
                      **{f"marker/{name}": count for name, count in run.markers.items()},
                      **{f"marker_failed/{name}": n for name, n in run.failed_markers.items()},
                      **{f"failed_ends/{name}": n for name, n in run.failed_ends.items()}})
        self.patterns.setdefault(run.model_name, Counter()).update(run.patterns)
        listed = tuple(map(clean.clean_name, source.expected_items)) if own else ()
        self.runs.append(Run(
            run.run_id, run.model_name, run.path, run.rows, run.outcomes["pass"],
            run.outcomes["fail"], run.outcomes["unjudged"], rejected, run.not_counted.total(),
            self._same(frozenset(run.items)), self._same(frozenset(listed)),
            frozenset(clean.clean_name(item) for unsure in run.unsure.values()
                      for item in unsure.may_be)))
        self.items.update(run.items.keys())
        for note, noted in run.notes.items():
            self._add_note(self.notes.setdefault(note, Notes()), noted, run)
        if run.unsure:
            self.unsure[run.run_id] = run.unsure
        if run.run_id in self.run_ids:
            raise files.Refusal(f"two runs would both be called {run.run_id}; rename the folder "
                                f"or file of one ({run.path})")
        self.run_ids.add(run.run_id)
        self.unchecked += run.unchecked
        self._run_findings(run)
        self._add_settings(run, source)

    def _add_note(self, seen: Notes, noted: Noted, run: RunTally) -> None:
        room = MOST_DETAILS - sum(map(len, seen.details.values())) if noted.details else 0
        seen.rows += noted.rows
        seen.examples += noted.examples[:MOST_EXAMPLES - len(seen.examples)]
        seen.of += run.rows
        seen.runs.append(run.run_id)
        if room > 0:
            seen.details[run.run_id] = list(noted.details)[:room]

    def _same(self, items: frozenset) -> frozenset:
        """One object for equal sets: thousands of runs cover the same items."""
        return self.coverage.setdefault(items, items)

    def _run_findings(self, run: RunTally) -> None:
        """What one run shows by itself: repeats, sessions, mixed graders, transcript mismatches."""
        if run.recorded is not None:
            self._find("labelled", f"Run {run.run_id} is called {run.model_name} as its model, by "
                       f"its label; recorded is {run.recorded}.", [run.run_id])
        if run.repeated:
            items = sorted(run.repeated, key=natural_key)
            self._find("repeated_items", f"Run {run.run_id} has more rows than its trials tell for "
                       f"{_count(len(items), 'item')} ({_list(items)}); they are kept as further "
                       "attempts.", items, f"{run.run_id} of {_count(len(items), 'item')}")
        if run.other_content:
            items = sorted(run.other_content, key=natural_key)
            self._find("content_changes_in_run", f"Run {run.run_id} asks different things under "
                       f"one id for {_count(len(items), 'item')} ({_list(items)}).", items,
                       f"{run.run_id} for {_count(len(items), 'item')} ({_list(items, 5)})")
        self._time_findings(run)
        if len(run.graders) > 1:
            parts = ", ".join(f"{name or 'not recorded'}: {_count(count, 'row')}"
                              for name, count in run.graders.most_common())
            self._find("mixed_graders", f"Run {run.run_id} was graded by {len(run.graders)} "
                       f"graders or versions ({parts}).", [run.run_id],
                       f"{run.run_id} ({parts})")
        for name, values in run.settings.items():
            if len(values) > 1 and name != "grader":
                parts = ", ".join(f"{value}: {_count(count, 'row')}"
                                  for value, count in values.most_common(5))
                self._find("setting_changes_in_run", f"In run {run.run_id} the {name} changes "
                           f"({parts}): it was put together from more than one session.",
                           [run.run_id], f"{name} in {run.run_id} ({parts})")
        if run.transcript:
            self._transcript_finding(run.run_id, run.transcript)

    def _time_findings(self, run: RunTally) -> None:
        """Sessions, late rows that look like reruns, times that tell nothing."""
        items = list(run.items) if len(run.items) == run.rows else []
        rows = sessions.in_time(run.times, items, run.providers, run.verdicts)
        pauses = sessions.gaps(rows)
        for pause in pauses:
            told = f"for {pause.seconds / 60:.0f} minutes after {sessions.moment(pause.before)}"
            self._find("time_gap", f"Run {run.run_id} pauses {told}: its rows may be of more than "
                       "one session.", [run.run_id], f"{run.run_id} {told}")
        if again := sessions.reruns(rows, pauses):
            how = "".join(f", {sign}" for sign in again.signs)
            listed = f"{_count(len(again.items), 'item')} ({_list(again.items, 20)})"
            beyond = "".join(f", and {item}" for item in again.beyond)
            self._find("reruns", f"Run {run.run_id} ends, from {sessions.moment(again.since)} on"
                       f"{how}, with just {listed} that its rows before had skipped{beyond}: they "
                       "look like reruns of failures, whose first attempts are not in the file. "
                       f"{_without(run, again)}",
                       again.items, f"{run.run_id} ends with just {listed} that it had skipped")
        if sessions.all_at_once(rows):
            self._find("equal_times", f"All {len(rows)} rows of run {run.run_id} carry one time "
                       f"({sessions.moment(rows[0].start)}): it tells neither their order nor "
                       "sessions.", [run.run_id], run.run_id)

    def _transcript_finding(self, run_id: str, mismatch: dict) -> None:
        for kind, text in (
            ("not_in_transcript", "judged but not in its transcript"),
            ("not_judged", "in its transcript but never judged"),
            ("text_differs", "judged on another answer than its transcript has"),
            ("unreadable_lines", "whose line in the transcript could not be read"),
        ):
            if turns := mismatch[kind]:
                self._find(f"transcript_{kind}", f"Run {run_id}: {_count(len(turns), 'turn')} "
                           f"{text} ({_list(turns)}).", turns, f"{run_id} {len(turns)}")

    def _add_settings(self, run: RunTally, source: Source) -> None:
        settings = {name: [value] for name, value in source.settings.items()}
        settings |= {name: list(values) for name, values in run.settings.items()}
        if run.outcomes["pass"] + run.outcomes["fail"]:
            settings["grader"] = list(run.graders)
        self._add_names(run, source)
        for name, values in settings.items():
            # Which model a provider named is compared among the runs of one model only.
            name = f"{name} ({run.model_name})" if "model as its provider" in name else name
            for value in values:
                runs = self.settings.setdefault(name, {}).setdefault(str(value), [0, []])
                runs[0] += 1
                if len(runs[1]) < 5:
                    runs[1].append(run.run_id)

    def _add_names(self, run: RunTally, source: Source) -> None:
        """What a run is called, who was its agent and who played its user."""
        agent = source.settings.get("agent implementation", _NO_AGENT)
        self.agents.setdefault(run.model_name, {}).setdefault(agent, []).append(run.run_id)
        user = source.settings.get("user simulator", "").rpartition(" (")[0]
        if names.same_model(user, source.model_name):
            self.self_simulated.append((run.run_id, user))
        others = [*source.settings.values(), *map(str, run.graders)]
        model = run.recorded or run.model_name
        if run.run_id == source.run_id and names.contradicts(run.run_id, model, others):
            self._find("other_name", f"Run {run.run_id} is called after another model than its "
                       f"rows record: {model}, which is what counts here.", [run.run_id],
                       f"{run.run_id} records {model}")

    def _find(self, kind: str, text: str, about: list[str], told: str = "") -> None:
        self.findings.append(finding(kind, text, about, told=told))


def kind_of_rejection(reason: str) -> str:
    """A rejection reason without the particulars of its row, so that equal ones are counted."""
    reason = re.sub(r"(row|item|byte|line|column|char) \S+", r"\1 …", reason)
    return re.sub(r"\(char …\)|: line … column … ", "", reason)[:160]


def transcript_mismatch(
    turns: dict, unreadable: list[str], run: RunTally, differing: list[str],
    never_judged: list[str],
) -> dict[str, list[str]]:
    """Turns that only the judged file or only the transcript has, those whose answers are not the
    same, and lines of the transcript that could not be read."""
    return {
        "unreadable_lines": unreadable,
        "not_in_transcript": sorted(run.items.keys() - turns.keys(), key=natural_key),
        "not_judged": sorted((turns.keys() - run.items.keys()) | set(never_judged),
                             key=natural_key),
        "text_differs": sorted(set(differing), key=natural_key),
    }


def _without(run: RunTally, again: sessions.Reruns) -> str:
    """What the late rows do to a run's rate."""
    passed, judged = run.outcomes["pass"], run.outcomes["pass"] + run.outcomes["fail"]
    late = again.passed + again.failed
    return (f"{again.passed} of {late} of them pass: {passed} of {judged} with them, "
            f"{passed - again.passed} of {judged - late} without.")

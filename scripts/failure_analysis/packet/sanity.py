"""sanity.json: can these rows be trusted and compared? Counts that must add up, what is missing,
doubled or mixed, and each finding in a sentence that the draft repeats."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import clean, files, steps, store
from failure_analysis.datapoint import natural_key
from failure_analysis.facts import joined, key
from failure_analysis.markdown import listed as _list
from failure_analysis.packet import expected, judges, names, sessions
from failure_analysis.packet.findings import count as _count
from failure_analysis.packet.findings import finding, in_order
from failure_analysis.packet.tally import Noted, RejectedLine, RunTally, SourceTally, Unsure
from failure_analysis.reading import mapping, mapping_faults
from failure_analysis.reading.path_counts import Counts
from failure_analysis.records import OTHER_ID, POLICY, Source

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

NAME = steps.SANITY
MOST_EXAMPLES = 20
MOST_DETAILS = 1000  # of what differs between the rows of one finding
# Numbers of single runs beyond these stand in sanity.json alone: no report cites ten thousand runs.
MOST_RUN_FACTS = 1000
_MOST_VARIANTS = 6
_RUN_NAMES = ("run_id", "model_name", "path", "rows", "pass", "fail", "unjudged", "rejected",
              "items", "missing_items")
# Settings that follow from the client used, or mean nothing between runs: they count only where
# they change inside a run.
_INSIDE_ONLY = re.compile(r"(agent|user simulator) reply.*|seed of trial .*")


_LONGEST_EXPRESSION = 60
_NO_AGENT = "an agent not recorded"


class _Run(NamedTuple):
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
class _Item:
    """What the runs say an item is: fingerprint -> [runs, first run]; at most a few variants."""

    runs: int = 0
    variants: dict[str, list] = field(default_factory=dict)


@dataclass
class _Notes:
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
        self.runs: list[_Run] = []
        self.models: dict[str, Counter] = {}
        self.patterns: dict[str, Counter] = {}
        self.items: dict[str, _Item] = {}
        self.coverage: dict[frozenset, frozenset] = {}
        self.expected: set[str] = set()
        self.run_ids: set[str] = set()
        self.unchecked = 0
        self.settings: dict[str, dict[str, list]] = {}
        self.findings: list[dict] = []
        self.notes: dict[str, _Notes] = {}
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
            self._find("mixed_models", f"{source.path.as_posix()} holds rows of {len(named)} "
                       f"models ({', '.join(sorted(named))}); each is kept as a run of its own.",
                       [run.run_id for run in tally.runs],
                       f"{source.path.as_posix()} of {len(named)}")

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

    def find_judges(self, rowless: list[str]) -> None:
        """Finds the runs that lack a judge. `rowless`: folders beside them without any row."""
        for found in judges.findings(self.judged, rowless):
            self._find(*found)

    def expect(self) -> None:
        """Finds where what the mapping expects did not come out."""
        if len(self.mapped) != 1:
            return
        [(spec, counts)] = self.mapped.values()
        # A format states what files of all its versions say, and is held against each file alone.
        if spec.expected is not None and not spec.recognise:
            self.differences += expected.of_all(spec.expected, self.facts(), self.items,
                                                self.models,
                                                {name for _, name, _ in counts.published})

    def mapped_findings(self) -> list[dict]:
        """What the mapping's paths met, and what the outcomes of all rows look like."""
        if not self.mapped:
            return []
        findings = [finding for spec, counts in self.mapped.values()
                    for finding in mapping_faults.findings(spec, counts)]
        return [self._readable(finding) for finding in [*findings, *self._one_sided()]]

    def _readable(self, finding: dict) -> dict:
        """A finding without the long expressions of a format, which its reader did not write."""
        text = finding["text"]
        for spec, counts in self.mapped.values():
            for path in counts.paths.values() if spec.recognise else ():
                if len(path.text) > _LONGEST_EXPRESSION:
                    text = text.replace(path.text, "what the format has for it")
        return {**finding, "text": text}

    def _one_sided(self) -> list[dict]:
        """Runs without a passing row, and dimensions on which all rows are the same."""
        findings = []
        alone = [run for run in self.runs if run.failed and not run.passed]
        if alone:
            names = [run.run_id for run in alone]
            findings.append({"kind": "mapping_failures_only", "text":
                             f"Every judged row fails in {_count(len(alone), 'run')} "
                             f"({_list(names)}): if the file holds failures only, a pass rate "
                             "cannot be told from it.", "count": len(alone), "about": names[:200]})
        seen: dict[str, set] = {}
        for patterns in self.patterns.values():
            for pattern in patterns:
                for name, score in pattern:
                    seen.setdefault(name, set()).add(score)
        for name, scores in seen.items():
            if len(scores & {True, False}) == 1 and self.rows_read > 1:
                does = "passes" if True in scores else "fails"
                path = next((path for _, counts in self.mapped.values()
                             if (path := counts.paths.get(f"scores.{name}"))), None)
                told = f" ({path.text}: {mapping_faults.told(path)})" if path else ""
                findings.append({"kind": "mapping_one_verdict", "count": 0, "about": [name],
                                 "text": f"{name}: every judged row {does}{told}."})
        return findings

    def _add_run(
        self, run: RunTally, source: Source, own: Source | None, rejected: int
    ) -> None:
        model = self.models.setdefault(run.model_name, Counter())
        self.outcomes += run.outcomes
        self.not_counted += run.not_counted
        model.update({"runs": 1, "rows": run.rows, "failed_alone": run.failed_alone,
                      "failed_empty": run.failed_empty,
                      "not_counted": run.not_counted.total(), **run.outcomes,
                      **{f"marker/{name}": count for name, count in run.markers.items()},
                      **{f"marker_failed/{name}": n for name, n in run.failed_markers.items()}})
        self.patterns.setdefault(run.model_name, Counter()).update(run.patterns)
        listed = tuple(map(clean.clean_name, source.expected_items)) if own else ()
        self.runs.append(_Run(
            run.run_id, run.model_name, run.path, run.rows, run.outcomes["pass"],
            run.outcomes["fail"], run.outcomes["unjudged"], rejected, run.not_counted.total(),
            self._same(frozenset(run.items)), self._same(frozenset(listed)),
            frozenset(clean.clean_name(item) for unsure in run.unsure.values()
                      for item in unsure.may_be)))
        for item, fingerprint in run.items.items():
            self._add_item(item, fingerprint, run.run_id)
        for item, fingerprint in run.other_content.items():
            self._add_item(item, fingerprint, run.run_id)
        for note, noted in run.notes.items():
            self._add_note(self.notes.setdefault(note, _Notes()), noted, run)
        if run.unsure:
            self.unsure[run.run_id] = run.unsure
        if run.run_id in self.run_ids:
            raise files.Refusal(f"two runs would both be called {run.run_id}; rename the folder "
                                f"or file of one ({run.path})")
        self.run_ids.add(run.run_id)
        self.unchecked += run.unchecked
        self._run_findings(run)
        self._add_settings(run, source)

    def _add_note(self, seen: _Notes, noted: Noted, run: RunTally) -> None:
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

    def _add_item(self, item: str, fingerprint: str, run_id: str) -> None:
        seen = self.items.get(item)
        if seen is None:
            seen = self.items[item] = _Item()
        seen.runs += 1
        variant = seen.variants.get(fingerprint)
        if variant is not None:
            variant[0] += 1
        elif len(seen.variants) < _MOST_VARIANTS:
            seen.variants[fingerprint] = [1, run_id]

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

    def report(self, ignored: list[str], unreadable: list[str]) -> dict[str, Any]:
        """The whole of sanity.json."""
        missing = self._missing()
        found = [*self.differences,
                    *({"kind": "unreadable_file", "text": f"Not read: {text}.", "count": 1,
                       "about": []} for text in unreadable),
                    *self.mapped_findings(), *self._between_runs(), *self.findings,
                    *self._row_findings(), *missing]
        if ignored:
            what = "of no known format passed over" if mapping.NAME not in self.mapped else \
                "not read: the mapping leaves them out"
            found.append(finding("ignored_files", f"{_count(len(ignored), 'file')} "
                                 f"{what} ({_list(ignored)}).", ignored))
        return {
            "conservation": self.conservation(),
            "gradings": self.gradings,
            "items": len(self.items),
            "runs": store.Records((*_RUN_NAMES, "not_counted") if self.not_counted else _RUN_NAMES,
                                  map(self._run_record, self.runs)),
            **({"paths": [path for _, counts in self.mapped.values() for path in counts.told()]}
               if self.mapped else {}),
            "findings": in_order(found),
        }

    def conservation(self) -> dict[str, Any]:
        """rows read = pass + fail + unjudged + rejected, and whether that holds."""
        counts = {name: self.outcomes[name] for name in ("pass", "fail", "unjudged")}
        rejected = self.rejected.total()
        total = sum(counts.values()) + rejected
        ends = {"not_counted": dict(sorted(self.not_counted.items()))} if self.not_counted else {}
        return {"benchmark": self.benchmark, "rows_read": self.rows_read, **counts,
                "rejected": rejected, **ends, "holds": total == self.rows_read,
                "rejected_mostly": max(self.rejected, key=self.rejected.get, default=None),
                "cut_off": self.cut_off}

    def _run_record(self, run: _Run) -> tuple:
        *counts, not_counted, covered, _, may_be = run
        missing = len(self.items) - len(covered) - len((may_be & self.items.keys()) - covered)
        record = (*counts, len(covered), missing)
        return (*record, not_counted) if self.not_counted else record

    def _missing(self) -> list[dict]:
        """Items that other runs (or the benchmark's own list) have and a run lacks."""
        everything = frozenset(self.items)
        perhaps = frozenset().union(*(run.may_be for run in self.runs))
        findings, unseen = [], sorted(self.expected - everything - perhaps, key=natural_key)
        if unseen:
            findings.append({"kind": "items_never_run", "text": f"{_count(len(unseen), 'item')} "
                             f"of the benchmark's own list in no run ({_list(unseen)}).",
                             "count": len(unseen), "about": unseen[:200]})
        short: dict[frozenset, list[str]] = {}
        alone = []
        for run in self.runs:
            # A run of other tasks than all the others lacks nothing but its own list's items.
            is_alone = len(self.runs) > 1 and \
                all(self.items[item].runs == 1 for item in run.covered)
            alone += [run.run_id] if is_alone else []
            wanted = run.listed | (run.covered if is_alone else everything)
            if len(run.covered) < len(wanted) and (lacking := wanted - run.covered - run.may_be):
                short.setdefault(lacking, []).append(run.run_id)
        if alone:
            findings.append({"kind": "nothing_shared", "text": f"{_count(len(alone), 'run')} "
                             f"({_list(alone)}) without any item in common with another run: "
                             "nothing can be compared there.",
                             "count": len(alone), "about": alone[:200]})
        for lacking, runs in short.items():
            items = sorted(lacking, key=natural_key)
            who = f"Run {runs[0]} lacks" if len(runs) == 1 else \
                f"{len(runs)} runs ({_list(runs)}) lack"
            what, early = _count(len(items), "item"), self._stopped_early(runs, items)
            findings.append(finding(
                "missing_items", f"{who} {what} that other runs or the benchmark have "
                f"({_list(items, 6)}){early}.", items,
                told=f"{_list(runs, 3)} {what} ({_list(items, 6)}){early}"))
        return findings

    def _stopped_early(self, run_ids: list[str], lacking: list[str]) -> str:
        """Whether a run ends where its items do not; several that end alike, or a run that has all
        of its own list, were given fewer."""
        run = next(run for run in self.runs if run.run_id == run_ids[0])
        last = max(run.covered | run.may_be, key=natural_key, default=None)
        if last is None or natural_key(lacking[0]) < natural_key(last):
            return ""
        if run.listed:
            return "" if run.listed <= run.covered | run.may_be else ": it stopped early"
        return "" if len(run_ids) > 1 else ": perhaps it stopped early"

    def _between_runs(self) -> list[dict]:
        """Different content under one id, and conditions that differ between runs."""
        findings = list(self.versions)
        told = {one["kind"] for one in findings}
        for name, values in sorted(self.settings.items()):
            one_run = len({run for _, runs in values.values() for run in runs}) < 2
            if _INSIDE_ONLY.fullmatch(name) or len(values) < 2 or one_run \
                    or (name == POLICY and "policy_differs" in told):
                continue
            findings.append(finding(
                "settings_differ", f"Not the same in all runs: {name}. {_who_has_what(values)}. A "
                "difference between these runs may come from it.", sorted(values),
                told=f"{name} ({_who_differs(values)})"))
        return [*findings, *self._agent_findings()]

    def _agent_findings(self) -> list[dict]:
        """Runs whose user simulator is the agent's own model, models that several agents ran."""
        findings = []
        if self.self_simulated:
            runs = [f"{run_id}: {model}" for run_id, model in self.self_simulated]
            findings.append(finding(
                "self_simulated", f"In {_count(len(runs), 'run')} the user simulator is the "
                f"agent's own model ({_list(runs)}): its slips are shared by both sides.",
                [run_id for run_id, _ in self.self_simulated]))
        for model, agents in self.agents.items():
            if len(agents) > 1:
                told = "; ".join(f"{agent} in {_list(runs, 3)}" for agent, runs in agents.items())
                findings.append(finding(
                    "one_model_two_agents", f"{model} was run by several agents ({told}), "
                    "whose runs count as repeats of one model: --label RUN=NAME tells them apart.",
                    [run for runs in agents.values() for run in runs], told=f"{model} ({told})"))
        return findings

    def _row_findings(self) -> list[dict]:
        """What single rows showed, counted over all runs."""
        findings = [_noted(note, seen) for note, seen in sorted(self.notes.items())]
        findings += self._ambiguous_ids()
        for reason, count in sorted(self.rejected.items()):
            examples = [f"{line.path}:{line.number}" for line in self.rejected_lines
                        if kind_of_rejection(line.reason) == reason]
            findings.append({"kind": "rejected_rows", "text": f"{_count(count, 'row')} rejected: "
                             f"{reason} ({_list(examples, 5, count)}).", "count": count,
                             "about": examples})
        alone = sum(model["failed_alone"] for model in self.models.values())
        if alone:
            findings.append({"kind": "failed_without_dimension", "text": f"{_count(alone, 'row')} "
                             "failed without a judged dimension that says why (reward below what "
                             "passes).", "count": alone, "about": []})
        if self.not_counted:
            findings.append(self._not_counted_finding())
        if self.unchecked:
            findings.append({"kind": "content_unchecked", "text":
                             f"{_count(self.unchecked, 'row')} record neither what was asked nor "
                             "what was expected: whether an item is the same in all runs could "
                             "not be checked for them.", "count": self.unchecked, "about": []})
        if self.gradings and self.gradings["rejected"]:
            lost = self.gradings["rejected_examples"]
            findings.append({"kind": "rejected_gradings", "text":
                             f"{_count(self.gradings['rejected'], 'further grading')} could not "
                             f"be used ({_list(lost, 3)}).", "count": self.gradings["rejected"],
                             "about": lost})
        empty = sum(model["failed_empty"] for model in self.models.values())
        if empty:
            findings.append({"kind": "empty_answers", "text": f"{_count(empty, 'failing row')} "
                             "with an empty answer, no call and no other words of the model.",
                             "count": empty, "about": []})
        markers = Counter()
        for model in self.models.values():
            markers.update({name: n for name, n in model.items() if name.startswith("marker/")})
        for name, count in sorted(markers.items()):
            marker = f"[{name.removeprefix('marker/')}]"
            findings.append(finding(
                "marker_rows", f"{_count(count, 'row')} where the harness put {marker} in the "
                "place of an answer.", [], count, f"{marker} in {_count(count, 'row')}"))
        return findings

    def _ambiguous_ids(self) -> list[dict]:
        """Rows that may be of several items, or fit none."""
        if not self.unsure:
            return []
        unsure = [one for by_item in self.unsure.values() for one in by_item.values()]
        count = sum(one.rows for one in unsure)
        details = _of_runs({run: [f"{item} ({_count(by_item[item].rows, 'row')})"
                                  for item in sorted(by_item, key=natural_key)]
                            for run, by_item in self.unsure.items()})
        more = f"; and {len(details) - 10} more" if len(details) > 10 else ""
        text = (f"{_count(count, 'row')} of {_runs(list(self.unsure))} may be of several items, or "
                f"fit none: {'; '.join(details[:10])}{more}. What is recorded does not tell; they "
                "count in the rates and in no item.")
        idents = [ident for one in unsure for ident in one.examples]
        return [{**finding("ambiguous_ids", text, idents, count),
                 "details": details[:MOST_DETAILS]}]

    def _not_counted_finding(self) -> dict:
        """The rows that the benchmark itself does not count, by their ends and by model."""
        total = self.not_counted.total()
        models = {name: counts["not_counted"] for name, counts in self.models.items()
                  if counts["not_counted"]}
        by_model = _list([f"{name} {count}" for name, count in models.items()])
        return {"kind": "not_counted_rows", "text": f"{_count(total, 'unjudged row')} not counted "
                f"by the benchmark ({_list(sorted(self.not_counted))}): the harness broke, not the "
                f"model. They are in no rate ({by_model}).", "count": total,
                "about": list(models)[:200]}

    def facts(self) -> dict[str, int | float]:
        """The exact counts under their stable keys."""
        facts: dict[str, int | float] = {
            "rows_read": self.rows_read, "passed_rows": self.outcomes["pass"],
            "failed_rows": self.outcomes["fail"], "unjudged_rows": self.outcomes["unjudged"],
            "rejected_rows": self.rejected.total(), "runs": len(self.runs),
            "models": len(self.models), "items": len(self.items),
        }
        if self.not_counted:
            facts["not_counted_rows"] = self.not_counted.total()
        for run in self.runs[:MOST_RUN_FACTS]:
            name = key(run.run_id)
            facts |= {f"run_rows/{name}": run.rows, f"run_failed_rows/{name}": run.failed,
                      f"run_judged_rows/{name}": run.passed + run.failed}
            if run.not_counted:
                facts[f"run_not_counted_rows/{name}"] = run.not_counted
        models = frozenset(map(key, self.models))
        for name, counts in self.models.items():
            model = key(name)
            facts |= {f"rows/{model}": counts["rows"], f"runs/{model}": counts["runs"],
                      f"judged_rows/{model}": counts["pass"] + counts["fail"],
                      f"passed_rows/{model}": counts["pass"],
                      f"failed_rows/{model}": counts["fail"],
                      f"unjudged_rows/{model}": counts["unjudged"],
                      f"failed_without_dimension/{model}": counts["failed_alone"]}
            if counts["failed_empty"]:
                facts[f"failed_empty_answers/{model}"] = counts["failed_empty"]
            if counts["not_counted"]:
                facts[f"not_counted_rows/{model}"] = counts["not_counted"]
            for counted, count in counts.items():
                if counted.startswith("marker"):
                    kind, marker = counted.split("/", 1)
                    facts[f"{kind}/{joined(model, key(marker), models)}"] = count
            facts |= _dimension_facts(model, models, self.patterns[name])
        return facts


def kind_of_rejection(reason: str) -> str:
    """A rejection reason without the particulars of its row, so that equal ones are counted."""
    reason = re.sub(r"(row|item|byte|line|column|char) \S+", r"\1 …", reason)
    return re.sub(r"\(char …\)|: line … column … ", "", reason)[:160]


def transcript_mismatch(
    turns: dict, unreadable: list[str], run: RunTally, differing: list[str]
) -> dict[str, list[str]]:
    """Turns that only the judged file or only the transcript has, those whose answers are not the
    same, and lines of the transcript that could not be read."""
    return {
        "unreadable_lines": unreadable,
        "not_in_transcript": sorted(run.items.keys() - turns.keys(), key=natural_key),
        "not_judged": sorted(turns.keys() - run.items.keys(), key=natural_key),
        "text_differs": sorted(set(differing), key=natural_key),
    }


def _dimension_facts(model: str, models: frozenset[str], patterns: Counter) -> dict[str, int]:
    failed: Counter = Counter()
    judged_on: Counter = Counter()
    absent: Counter = Counter()
    for pattern, count in patterns.items():
        for name, score in pattern:
            failed[name] += count * (score is False)
            judged_on[name] += count * (score is not None)
            absent[name] += count * (score is None)
    facts = {}
    for name in failed:
        dimension = joined(model, key(name), models)
        facts |= {f"dimension/{dimension}": failed[name],
                  f"dimension_judged/{dimension}": judged_on[name],
                  f"dimension_null/{dimension}": absent[name]}
    return facts


def _without(run: RunTally, again: sessions.Reruns) -> str:
    """What the late rows do to a run's rate."""
    passed, judged = run.outcomes["pass"], run.outcomes["pass"] + run.outcomes["fail"]
    late = again.passed + again.failed
    return (f"{again.passed} of {late} of them pass: {passed} of {judged} with them, "
            f"{passed - again.passed} of {judged - late} without.")


def _commonest_first(values: dict[str, list]) -> list[tuple[str, list]]:
    return sorted(values.items(), key=lambda pair: (-pair[1][0], pair[0]))


def _who_has_what(values: dict[str, list]) -> str:
    """Each value of a setting, with its runs."""
    more = f"; and {len(values) - 6} more" if len(values) > 6 else ""
    return "; ".join(f"{value} in {_count(count, 'run')} ({_list(runs, 3, count)})"
                     for value, (count, runs) in _commonest_first(values)[:6]) + more


def _who_differs(values: dict[str, list]) -> str:
    """A setting in short: what most runs have, and the runs that have something else."""
    total = sum(count for count, _ in values.values())
    if len(values) > 3:
        return f"{len(values)} different over {_count(total, 'run')}"
    first, *others = [value if 2 * count > total else f"{value} in {_list(runs, 2, count)}"
                      for value, (count, runs) in _commonest_first(values)]
    return f"{first}, but {', '.join(others)}"


def _noted(note: str, seen: _Notes) -> dict:
    """The finding of a note: what its rows have in common, and what differs between them."""
    details, kind = _of_runs(seen.details), "other_ids" if note == OTHER_ID else "row_note"
    if not details:
        return finding(kind, f"{_count(seen.rows, 'row')}: {note} "
                       f"({_list(seen.examples, 3, seen.rows)}).", seen.examples, seen.rows)
    named = _list(details) if len(details) < MOST_DETAILS else \
        f"{', '.join(details[:10])}, and many more"
    text = f"{seen.rows} of {_count(seen.of, 'row')} of {_runs(seen.runs)}: {note} ({named})."
    return {**finding(kind, text, seen.examples, seen.rows), "details": details}


def _of_runs(details: dict[str, list[str]]) -> list[str]:
    """The details of runs, each with its run's name where there are several runs."""
    return [f"{run}: {detail}" if len(details) > 1 else detail
            for run, of_run in details.items() for detail in of_run]


def _runs(names: list[str]) -> str:
    """`run a`, or how many runs and the first of them."""
    return f"run {names[0]}" if len(names) == 1 else f"{len(names)} runs ({_list(names, 3)})"

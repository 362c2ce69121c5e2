"""Agent journals on disk (AIDE, AI-Scientist-v2) -> steps in their search tree, and what a whole
search amounts to: drafts, debug chains, time lost, best metric."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.checks import epoch
from failure_analysis.datapoint import is_number
from failure_analysis.journals.places import Place
from failure_analysis.records import Note

_NODE_KEYS = {"code", "plan", "is_buggy", "_term_out"}  # a node is known by one of these
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)')


class Metric(NamedTuple):
    """One measured value; `maximize` is null where the journal does not say."""

    name: str
    dataset: str
    value: float
    best: float | None
    maximize: bool | None

    @property
    def kind(self) -> tuple[str, bool | None]:
        """What two values must share to be compared: name and direction."""
        return self.name, self.maximize


@dataclass(frozen=True, slots=True)
class Chain:
    """A failing step and every attempt to repair it."""

    first: int
    steps: tuple[int, ...]
    recovered_at: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One node: `number` is its step, `parent` its parent's step, `stage` is draft, debug,
    improve, or blank where the parent or its verdict is not recorded."""

    number: int
    node: dict
    ident: str
    parent: int | None
    parent_id: str | None
    stage: str
    buggy: bool | None
    metrics: tuple[Metric, ...]
    chain: Chain | None

    @property
    def exc_type(self) -> str | None:
        """The name of the exception that ended the step."""
        return text(self.node.get("exc_type")) or None

    @property
    def seconds(self) -> float | None:
        """How long its code ran; nothing runs for less than no time."""
        value = self.node.get("exec_time")
        return float(value) if is_number(value) and value >= 0 else None

    @property
    def created(self) -> float | None:
        """When the node was made, in epoch seconds."""
        return epoch(self.node.get("ctime"))


class Rejected(NamedTuple):
    """An element of a journal's list of nodes that is no node."""

    place: int
    reason: str
    raw: str


class Unread(NamedTuple):
    """A file that could not be read, and whether that is because it breaks off."""

    path: Path
    reason: str
    breaks_off: bool


@dataclass
class Journal:
    """A whole search; `rejected` are the elements that are no nodes."""

    path: Path
    kind: str
    steps: list[Step]
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str | Note] = field(default_factory=list)

    @property
    def verdicts(self) -> Counter[bool | None]:
        """How many of its steps are buggy (True), good (False), without a verdict (None)."""
        return Counter(step.buggy for step in self.steps)

    @property
    def chains(self) -> list[Chain]:
        """Its debug chains, in the order in which they begin."""
        return list({step.chain.first: step.chain for step in self.steps if step.chain}.values())


def read(path: Path) -> Journal:
    """The journal in a file; refuses one that is damaged, half written or something else."""
    value = files.read_json(path)
    if not is_journal(value):
        raise files.Refusal(f"{path}: is no agent journal; an object with a list `nodes` was "
                            "expected")
    document = value if isinstance(value, dict) else {"nodes": value}
    journal = Journal(path, _kind(document), [])
    nodes = _nodes(document["nodes"], journal)
    journal.steps = _steps(nodes, _parents(document, nodes, journal))
    return journal


def read_place(place: Place) -> tuple[Journal | None, list[Unread]]:
    """The journal of a place (its filtered copy if it is damaged), and what could not be read."""
    unread = []
    for path in filter(None, (place.path, place.spare)):
        try:
            return read(path), unread
        except files.Refusal as refusal:
            reason = str(refusal).removeprefix(f"{path}: ").replace(
                "not valid JSON", "is cut off here, or no JSON").replace(
                    "damaged or", "is damaged or")
            unread.append(Unread(path, reason, isinstance(refusal, files.Damaged)))
        except OSError as error:
            unread.append(Unread(path, f"cannot be read: {error.strerror or error}", False))
    return None, unread


def is_journal(value: Any) -> bool:
    """Whether a JSON document has the shape of a journal: `nodes`, or a bare list of nodes."""
    nodes = value.get("nodes") if isinstance(value, dict) else value
    if not isinstance(nodes, list):
        return False
    if not nodes:
        return isinstance(value, dict) and "node2parent" in value
    return any(isinstance(node, dict) and len(_NODE_KEYS & node.keys()) > 1 for node in nodes)


def _kind(document: dict) -> str:
    first = next((node for node in document["nodes"] if isinstance(node, dict)), {})
    version = document.get("__version")
    name = "AI-Scientist-v2" if "is_seed_node" in first or "plot_code" in first else "AIDE"
    return f"{name} journal, version {version}" if isinstance(version, str | int) else \
        f"{name} journal, version not recorded"


def _nodes(elements: list, journal: Journal) -> list[tuple[int, dict]]:
    """The nodes with their steps. Steps that are missing or not unique are replaced by places."""
    nodes = []
    for place, node in enumerate(elements):
        if isinstance(node, dict) and _NODE_KEYS & node.keys():
            nodes.append((place, node))
        else:
            reason = "is no node" if isinstance(node, dict) else \
                f"is a JSON {type(node).__name__} where a node was expected"
            reason = f"element {place} of nodes {reason}"
            journal.rejected.append(Rejected(place, reason, json.dumps(node)))
    steps = [node.get("step") for _, node in nodes]
    if all(type(step) is int and step >= 0 for step in steps) and len(set(steps)) == len(steps):
        return sorted(((node["step"], node) for _, node in nodes), key=lambda pair: pair[0])
    journal.notes.append("steps are missing or not unique in the journal; the place in its list "
                         "of nodes is used")
    return nodes


def _parents(document: dict, nodes: list[tuple[int, dict]], journal: Journal) -> dict[int, str]:
    """Step -> id of its parent. The tree stands in `node2parent`, or else in the nodes."""
    listed = document.get("node2parent")
    listed = listed if isinstance(listed, dict) else {}
    parents = {}
    for step, node in nodes:
        recorded = (listed.get(text(node.get("id"))), node.get("parent_id"), node.get("parent"))
        parent = next((value for value in recorded if value is not None), None)
        if isinstance(parent, dict):
            parent = parent.get("id")
        if parent is not None:
            parents[step] = text(parent)
    places = _places(nodes)
    if len(places) < len(nodes):
        journal.notes.append("some nodes have no id of their own: their children cannot be told")
    circling = _in_cycles({child: places.get(parent) for child, parent in parents.items()})
    if circling:
        journal.notes.append(Note("steps that are their own ancestors: their parents are not "
                                  "believed", f"step {', '.join(map(str, circling))}"))
    parents |= dict.fromkeys(circling, "")
    return parents


def _places(nodes: list[tuple[int, dict]]) -> dict[str, int]:
    """Id -> step, for the ids that one node alone has."""
    times = Counter(text(node["id"]) for _, node in nodes if node.get("id") is not None)
    return {ident: step for step, node in nodes if times[ident := text(node.get("id"))] == 1}


def _in_cycles(parents: dict[int, int | None]) -> list[int]:
    """The steps from which the way up comes back to themselves."""
    looping, is_done = [], {}
    for start in parents:
        path, step = [], start
        while step is not None and step not in is_done:
            is_done[step] = False
            path.append(step)
            step = parents.get(step)
        if step is not None and not is_done[step]:
            looping += path[path.index(step):]
        is_done.update(dict.fromkeys(path, True))
    return looping


def _steps(nodes: list[tuple[int, dict]], parents: dict[int, str]) -> list[Step]:
    places = _places(nodes)
    above = {step: places.get(parents[step]) for step, _ in nodes if step in parents}
    buggy = {step: node["is_buggy"] if isinstance(node.get("is_buggy"), bool) else None
             for step, node in nodes}
    chains = _chains(above, buggy)
    return [Step(step, node, text(node.get("id")), above.get(step), parents.get(step),
                 _stage(step, parents, above, buggy), buggy[step],
                 tuple(metrics(node.get("metric"))), chains.get(step)) for step, node in nodes]


def _stage(step: int, parents: dict[int, str], above: dict[int, int | None],
           buggy: dict[int, bool | None]) -> str:
    """A child of a buggy node is a debug step, of a good one an improve step, no child a draft."""
    if step not in parents:
        return "draft"
    return {True: "debug", False: "improve", None: ""}[buggy.get(above[step])]


def _chains(above: dict[int, int | None], buggy: dict[int, bool | None]) -> dict[int, Chain]:
    """Step -> its debug chain: from a failing step below none, all children of failing members."""
    origin: dict[int, int] = {}
    for step in buggy:
        path = [step]
        while path[-1] not in origin and buggy.get(above.get(path[-1])):
            path.append(above[path[-1]])
        top = path[-1]
        if top in origin or buggy[top]:
            origin |= dict.fromkeys(path, origin.get(top, top))
    members: dict[int, list[int]] = {}
    for step, first in sorted(origin.items()):
        members.setdefault(first, []).append(step)
    chains = {first: Chain(first, tuple(steps),
                           next((step for step in steps if buggy[step] is False), None))
              for first, steps in members.items()}
    return {step: chains[first] for step, first in origin.items()}


def metrics(value: Any) -> Iterator[Metric]:
    """What a node's `metric` records: one value, or AI-Scientist-v2's named metrics with a value
    for each dataset. Values that are no finite numbers are left out."""
    if is_number(value):
        yield Metric("metric", "", float(value), None, None)
    if not isinstance(value, dict):
        return
    inner, maximize = value.get("value"), value.get("maximize")
    if is_number(inner):
        yield Metric(text(value.get("name")) or "metric", "", float(inner), None,
                     maximize if isinstance(maximize, bool) else None)
    named = inner.get("metric_names") if isinstance(inner, dict) else None
    for named_metric in _objects(named):
        lower = named_metric.get("lower_is_better")
        for cell in _objects(named_metric.get("data")):
            if is_number(cell.get("final_value")):
                best = cell.get("best_value")
                yield Metric(text(named_metric.get("metric_name")) or "metric",
                             text(cell.get("dataset_name")), float(cell["final_value"]),
                             float(best) if is_number(best) else None,
                             not lower if isinstance(lower, bool) else None)


def _objects(value: Any) -> list[dict]:
    """The objects in a recorded list; none in what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def headline(step: Step) -> Metric | None:
    """The one value that stands for a step: its first metric, as the mean over its datasets."""
    if not step.metrics:
        return None
    first = step.metrics[0]
    mine = [metric.value for metric in step.metrics if metric.name == first.name]
    datasets = f"mean of {len(mine)} datasets" if len(mine) > 1 else first.dataset
    return Metric(first.name, datasets, math.fsum(mine) / len(mine), None, first.maximize)


class Best(NamedTuple):
    """The best good step; `among` steps record its metric, `others` another one."""

    step: Step
    metric: Metric
    among: int
    others: int


def best(journal: Journal) -> Best | None:
    """The best good step by the metric that most good steps record with a direction, if any."""
    measured = [(step, value) for step in journal.steps if step.buggy is False
                and (value := headline(step)) and value.maximize is not None]
    if not measured:
        return None
    [(kind, _)] = Counter(value.kind for _, value in measured).most_common(1)
    same = [(step, value) for step, value in measured if value.kind == kind]
    step, value = max(same, key=lambda pair: (
        pair[1].value if pair[1].maximize else -pair[1].value, -pair[0].number))
    return Best(step, value, len(same), len(measured) - len(same))


def output(lines: Any) -> str:
    """What a step printed. AIDE keeps what was written, piece by piece; some forks keep lines
    without their ends, which get them back. A carriage return begins a line."""
    if isinstance(lines, list):
        pieces = [text(line) for line in lines]
        lines = ("" if any("\n" in piece for piece in pieces[:-1]) else "\n").join(pieces)
    return text(lines).replace("\r\n", "\n").replace("\r", "\n")


class Frame(NamedTuple):
    """One call of a recorded stack."""

    file: str
    line: str
    function: str
    source: str


def frame(value: Any) -> Frame | None:
    """A frame, [file, line, function, source], or None; some forks record a traceback's words."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    recorded = Frame(*map(text, value))
    words = _FRAME.fullmatch(recorded.source.strip())
    return Frame(words["file"], words["line"], words["function"], "") if words else recorded


def error_message(info: Any, kind: str) -> str:
    """The message of an exception, from its arguments or the last line of its traceback."""
    if not isinstance(info, dict):
        return text(info)
    arguments = info.get("args")
    if isinstance(arguments, list) and arguments:
        return ", ".join(map(text, arguments))
    lines = [line for line in text(info.get("msg")).splitlines() if line.strip()]
    return lines[-1].strip().removeprefix(f"{kind}: ") if lines else ""


def error_line(step: Step) -> str:
    """What is wrong with a buggy step: its exception, failed extraction, or reviewer's words."""
    if step.exc_type:
        message = f"{step.exc_type}: {error_message(step.node.get('exc_info'), step.exc_type)}"
    elif text(step.node.get("parse_exc_type")):
        message = f"no metric: extracting it failed with {text(step.node['parse_exc_type'])}"
    else:
        message = text(step.node.get("analysis")) or "no metric"
    return " ".join(message.split()).rstrip(": ")


def why_buggy(step: Step) -> str:
    """exception, no metric, or reviewer: what a step is called buggy for; blank when it is not."""
    if not step.buggy:
        return ""
    if step.exc_type:
        return "exception"
    if step.node.get("parse_exc_type") or not (step.metrics or text(step.node.get("analysis"))):
        return "no metric"
    return "reviewer"


def text(value: Any) -> str:
    """A recorded value as text: null is blank, what is no text is JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def when(seconds: float | None) -> str:
    """An epoch time in UTC."""
    if seconds is None:
        return "not recorded"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

"""Which datapoints are coded: read from runs or a packet, chosen, matched with passing ones, and
written whole into the project, from where they are read one at a time."""

import json
import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import files, manifest, steps, store
from failure_analysis.datapoint import UNSURE
from failure_analysis.packet import lines, rows
from failure_analysis.reading import detect, ingest, runs
from failure_analysis.records import Source


class Candidate(NamedTuple):
    """What choosing needs of a datapoint."""

    ident: str
    run: str
    model: str
    item: str
    outcome: str
    failed: tuple[str, ...]


class Passed(msgspec.Struct, frozen=True):
    """A datapoint that passed and is not coded: a comparison of two codings must know it."""

    sample_id: str
    item_id: str
    trial: Any


class Planned(NamedTuple):
    """A datapoint to be coded: `role` is sample or contrast, `matched_to` the failing one that a
    contrast goes with, `other` a correct answer to the same item by another model."""

    ident: str
    role: str
    matched_to: str | None = None
    other: str | None = None


class Choice(NamedTuple):
    """Which datapoints are wanted."""

    num_samples: int | None = None
    sample_by: str = "first"
    seed: int = 0
    only_failed: bool = False
    with_passing: int = 0


class Pool(NamedTuple):
    """The runs to choose from, and their format; `policies` are the rules recorded in them, by run.
    `rows` are read anew by each call, in the same order."""

    benchmark: str
    format: str
    inputs: Sequence[Path]
    policies: dict[str, str]
    sources: tuple[Source, ...]
    analysis_dir: Path | None
    remark: str = ""

    def rows(self) -> Iterator[tuple[dict | None, bytes]]:
        """Every datapoint whole, with its line; None for a row that cannot be read."""
        if not self.sources:
            yield from _packet_rows(self.analysis_dir)
            return
        for _, row in ingest.checked_rows(self.sources):
            yield lines.whole_row(row) if row.computed else (None, row.line.raw)


def pool(paths: Sequence[Path], mapping: Path | None) -> Pool:
    """The runs in files and folders of any known format, or those of a packet: its folder, or its
    failure_review_rows.jsonl. Where the runs of a packet are gone, only its own rows are left."""
    analysis_dir = _packet_dir(paths)
    if analysis_dir is None:
        sources = detect.readable(list(paths), mapping)
        return _of_runs(sources, tuple(path for source in sources for path in source.files), None)
    if mapping:
        raise files.Refusal(f"{analysis_dir}: a packet needs no --mapping")
    inputs = tuple(path.resolve() for name in (steps.OUTCOMES, steps.ROWS)
                   if (path := analysis_dir / name).exists())
    try:
        return _of_runs(runs.at_hand(analysis_dir).sources, inputs, analysis_dir.resolve())
    except files.Refusal as refusal:
        remark = f"only the packet's own rows are used, without the passing ones: {refusal}"
    first = next(_packet_rows(analysis_dir), None)
    if first is None:
        outcomes = rows.load(analysis_dir).outcomes.values()
        raise files.Refusal(_nothing({line.outcome for line in outcomes}))
    return Pool(str(first[0].get("benchmark")), _format(analysis_dir), inputs, {}, (),
                analysis_dir.resolve(), remark)


def _format(analysis_dir: Path) -> str:
    """The format of the runs that a packet was built from; blank where nothing says it."""
    read = manifest.entries(analysis_dir).get(steps.BUILD.name, {}).get("inputs") or [{}]
    return str(read[0].get("format", "")).partition(": ")[0]


def _of_runs(sources: Sequence[Source], inputs: Sequence[Path], analysis_dir: Path | None) -> Pool:
    policies = {source.run_id: source.policy for source in sources if source.policy}
    return Pool(sources[0].benchmark, sources[0].format, inputs, policies, tuple(sources),
                analysis_dir)


def _packet_dir(paths: Sequence[Path]) -> Path | None:
    """The analysis folder that is meant, if one is."""
    for path in paths:
        analysis_dir = path if path.is_dir() else path.parent if path.name == steps.ROWS else None
        if analysis_dir and (analysis_dir / steps.ROWS).is_file():
            if len(paths) > 1:
                raise files.Refusal(f"{path}: a packet is coded alone; give no other --input")
            return analysis_dir
    return None


def _packet_rows(analysis_dir: Path) -> Iterator[tuple[dict, bytes]]:
    """The failing rows of a packet, and the passing ones that its plan copied."""
    for name in (steps.ROWS, rows.CONTRAST):
        if not (analysis_dir / name).exists():
            continue
        yield from (pair for pair in rows.whole(analysis_dir, name)
                    if pair[0]["outcome"] != "unjudged")


def plan(pool: Pool, choice: Choice) -> tuple[list[Planned], int]:
    """The datapoints to code, in the order of the runs, and how many rows could not be read; the
    same choice of the same runs is the same plan. A packet stands for its failing rows."""
    read = [_candidate(row) if row else None for row, _ in pool.rows()]
    datapoints = list(filter(None, read))
    only_failing = choice.only_failed or choice.with_passing or pool.analysis_dir
    candidates = [datapoint for datapoint in datapoints
                  if not only_failing or datapoint.outcome == "fail"]
    if not candidates:
        raise files.Refusal(_nothing({datapoint.outcome for datapoint in datapoints}))
    rng = random.Random(choice.seed)
    chosen = _chosen(candidates, choice, rng)
    by_item, by_run = _passing(datapoints, "item"), _passing(datapoints, "run")
    planned = [Planned(datapoint.ident, "sample", None, _other(datapoint, by_item))
               for datapoint in chosen]
    planned += _matched(chosen, by_item, by_run, choice.with_passing, rng)
    return planned, len(read) - len(datapoints)


def _nothing(outcomes: set[str]) -> str:
    """Why there is nothing to code, where no datapoint with these outcomes is wanted."""
    if outcomes == {"unjudged"}:
        return "no row of the input is judged: there is nothing to call a failure; judge the " \
               "runs first, or code all samples (their files as --input, no --only-failed or " \
               "--with-passing)"
    return f"no {'failing ' * bool(outcomes)}sample in the input; nothing to code"


def _candidate(row: dict) -> Candidate:
    return Candidate(row["datapoint_id"], row["run_id"], row["model_name"],
                     row["datapoint_id"] if row["item_fingerprint"] == UNSURE else
                     f"{row['item_id']}\0{row['item_fingerprint']}", row["outcome"],
                     tuple(row["failed_dimensions"]))


def _chosen(candidates: Sequence[Candidate], choice: Choice, rng: random.Random) -> list[Candidate]:
    """So many of the wanted ones, in their order."""
    number = choice.num_samples
    if choice.sample_by == "first" or number is None or number >= len(candidates):
        return list(candidates[:number])
    if choice.sample_by == "random":
        places = rng.sample(range(len(candidates)), number)
    else:
        places = _stratified(candidates, number, rng)
    return [candidates[place] for place in sorted(places)]


def _stratified(candidates: Sequence[Candidate], number: int, rng: random.Random) -> list[int]:
    """Places of a sample that takes from each stratum (model, outcome, failed dimensions) in turn
    by its size: the k-th member of a stratum of n has the place (k - a half) / n in the queue."""
    strata: dict[tuple, list[int]] = defaultdict(list)
    for place, datapoint in enumerate(candidates):
        strata[datapoint.model, datapoint.outcome, datapoint.failed].append(place)
    queue = []
    for members in strata.values():
        rng.shuffle(members)
        tie = rng.random()
        queue += [((rank + 0.5) / len(members), tie, place) for rank, place in enumerate(members)]
    # The first of each stratum, largest strata first, then all others by their place in the queue.
    firsts = [members[0] for members in sorted(strata.values(), key=len, reverse=True)][:number]
    taken = set(firsts)
    rest = [place for _, _, place in sorted(queue) if place not in taken]
    return firsts + rest[:number - len(firsts)]


def _passing(datapoints: Iterable[Candidate], key: str) -> dict[str, list[Candidate]]:
    """The passing ones by their item, or by their run."""
    passing: dict[str, list[Candidate]] = defaultdict(list)
    for datapoint in datapoints:
        if datapoint.outcome == "pass":
            passing[getattr(datapoint, key)].append(datapoint)
    return passing


def _other(datapoint: Candidate, passing: dict[str, list[Candidate]]) -> str | None:
    """A correct answer by another model to the item that this datapoint failed."""
    if datapoint.outcome != "fail":
        return None
    return next((other.ident for other in passing.get(datapoint.item, ())
                 if other.model != datapoint.model), None)


def _matched(chosen: Sequence[Candidate], by_item: dict[str, list[Candidate]],
             by_run: dict[str, list[Candidate]], number: int, rng: random.Random) -> list[Planned]:
    """Passing datapoints for contrast, at most one to each failing sample: of the same item, by the
    same model before others; when these are used up, of the same run. There may be fewer."""
    queue = [failing for failing in chosen if failing.outcome == "fail"]
    rng.shuffle(queue)
    for members in by_run.values():
        rng.shuffle(members)
    taken: dict[str, Planned] = {}
    matched: set[str] = set()
    for same_item in (True, False):
        for failing in queue:
            if len(taken) >= number or failing.ident in matched:
                continue
            others = sorted(by_item[failing.item], key=lambda other, to=failing: (
                other.model != to.model)) if same_item else by_run[failing.run]
            free = next((other for other in others if other.ident not in taken), None)
            if free:
                taken[free.ident] = Planned(free.ident, "contrast", failing.ident)
                matched.add(failing.ident)
    return list(taken.values())


class Store:
    """The planned rows, or the answers shown beside them, in the project's folder, read by id."""

    def __init__(self, path: Path) -> None:
        """Finds the place of each row, and what the source itself calls its sample."""
        self._path, self._places = path, {}
        names: dict[str, str] = {}
        start = 0
        with open(path, "rb") as file:
            for line in file:
                row = json.loads(line)
                self._places[row["datapoint_id"]] = start
                names[row["datapoint_id"]] = row.get("sample_id")
                start += len(line)
        own = all(isinstance(name, str) and name for name in names.values()) and \
            len(set(names.values())) == len(names)
        self._names = names if own else {}

    def name(self, ident: str | None) -> str | None:
        """What a datapoint is called in the result: its own sample_id, where the rows have such
        ids and each another one, else its datapoint id."""
        return self._names.get(ident, ident)

    def row(self, ident: str) -> dict:
        """A row, whole."""
        with open(self._path, "rb") as file:
            file.seek(self._places[ident])
            return json.loads(file.readline())


def copy_original(pool: Pool, path: Path) -> bool:
    """Copies the run, unpacked but byte for byte, where it is one file with a sample on each line;
    returns whether it is."""
    read_files = {file for source in pool.sources for file in source.files}
    first = next(iter(read_files), None)
    if len(read_files) != 1 or not files.bare_name(first).endswith(".jsonl"):
        path.unlink(missing_ok=True)
        return False
    with files.open_bytes(first) as source, store.atomic(path) as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return True


def write(pool: Pool, plan: Sequence[Planned], planned_rows: Path, others: Path, passed: Path
          ) -> None:
    """Writes the rows of the planned datapoints, the correct answers of other models that go with
    them, and which datapoints passed and are not planned, in the order of the runs."""
    planned_ids = {planned.ident for planned in plan}
    other_ids = {planned.other for planned in plan if planned.other}
    with store.atomic(planned_rows) as file, store.atomic(others) as more, \
            store.atomic(passed) as rest:
        for row, line in pool.rows():
            if row is None:
                continue
            if row["datapoint_id"] in planned_ids:
                file.write(line)
            elif row["outcome"] == "pass":
                rest.write(msgspec.json.encode(Passed(row["datapoint_id"], row["item_id"],
                                                      row.get("trial"))) + b"\n")
            if row["datapoint_id"] in other_ids:
                more.write(line)

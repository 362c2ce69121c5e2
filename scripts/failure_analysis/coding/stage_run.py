"""Runs a coding stage: live or through batches, resumed from its finished calls, with a budget."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files, manifest
from failure_analysis.coding import batch, model, project
from failure_analysis.coding.calls import Answer, Get, Ledger


class Phase(NamedTuple):
    """A part of the work: functions that say what they still need; `total` of `unit` for the
    progress bar."""

    name: str
    total: int
    unit: str
    jobs: Iterator[model.Needed]


@dataclass(frozen=True)
class Asked:
    """What every run of a stage is asked to do, and what it may spend."""

    input: Sequence[Path]
    project: str
    background: Path | None
    overwrite: bool
    settings: model.Settings
    budget: model.Budget
    price: Sequence[float] | None
    retry_unknown: bool

    def cost(self, prompt: int, completion: int) -> float | None:
        """US dollars, at the given prices per million tokens; null without prices."""
        if not self.price:
            return None
        return round((prompt * self.price[0] + completion * self.price[1]) / 1e6, 4)


@dataclass(frozen=True)
class Work:
    """A stage that is ready to be worked on, with all that the manifest says of it."""

    asked: Asked
    folder: Path
    step: str
    chosen: dict[str, Any]
    inputs: list[dict]
    resumed: bool

    @property
    def calls(self) -> Path:
        """The file of finished calls."""
        return self.folder / project.calls(self.step)

    @property
    def batches(self) -> Path:
        """The file of submitted batches."""
        return self.folder / project.batches(self.step)

    def phases(self, get: Get) -> Iterator[Phase]:
        """The parts of the work, each when the one before needs nothing more."""
        raise NotImplementedError

    def finish(self, get: Get) -> dict[str, Any]:
        """Writes the result from the answers."""
        raise NotImplementedError

    def end(self, counts: Mapping[str, Any], made: Iterable[str]) -> dict[str, Any]:
        """Writes the counts, and tells the manifest of the files that were made; returns the
        counts."""
        name = f"{self.step}.json"
        files.write_json(self.folder / name, counts)
        manifest.record(self.folder, self.step, self.chosen, [*made, name, self.calls.name],
                        self.inputs)
        return {**counts, "resumed": self.resumed}


def run(way: str, asked: Asked, step: str, prepare: Callable[[Any], Work],
        dry_run: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Runs a stage dry or live, or submits it in batches, asks for their status, or collects them;
    the work is prepared only when it is needed."""
    if way == "dry_run":
        return dry_run(asked)
    path = project.folder(asked.project) / project.batches(step)
    if way == "status":
        with batch.refusals():
            return {"batches": batch.status(path, model.client(asked.settings))}
    model.connection(asked.settings)  # refuses a missing key before anything is written
    return {"live": live, "submit": submit, "collect": collect}[way](prepare(asked))


def live(work: Work) -> dict[str, Any]:
    """Asks what is missing, and writes the result."""
    asked, budget = work.asked, work.asked.budget
    with _opened(work) as book, project.logged(work.folder, work.step) as log:
        if under_way := batch.open_batches(work.batches):
            raise files.Refusal(f"{work.batches}: {len(under_way)} batches are under way, and "
                                "their answers would be paid twice; --batch collect first (a batch "
                                "that you cancel is collected too)")
        before = len(book)
        try:
            for phase in work.phases(book.get):
                with _progress(phase, asked) as done:
                    model.run(phase.jobs, book, asked.settings, budget, done)
        except KeyboardInterrupt:
            raise files.Refusal(f"interrupted; {len(book)} finished calls are in {work.calls}: "
                                "the same command goes on from there") from None
        return {**work.finish(book.get), "prompt_tokens": budget.prompt_tokens,
                "completion_tokens": budget.completion_tokens,
                "uncounted_calls": budget.uncounted,
                "cost": asked.cost(budget.prompt_tokens, budget.completion_tokens),
                "calls_made": budget.calls, "calls_known": before, "log": log.as_posix()}


@contextmanager
def _opened(work: Work) -> Iterator[Ledger]:
    """The finished calls, for one process at a time; with --retry-unknown only the good ones. A
    call that is asked again in a batch under way is not finished either."""
    again = {key for one in batch.open_batches(work.batches) for key in one.keys}

    def forget(answer: Answer) -> bool:
        return answer.state in model.UNANSWERED or answer.state != "ok" and (
            work.asked.retry_unknown or answer.key in again)

    with files.locked(work.calls, wait=False) as file:
        yield Ledger(file, forget)


@contextmanager
def _progress(phase: Phase, asked: Asked) -> Iterator[Callable[[], None]]:
    """A bar with tokens, cost and the time left, where a person is looking."""
    from tqdm import tqdm

    budget = asked.budget
    with tqdm(total=phase.total, unit=phase.unit, desc=phase.name,
              disable=not sys.stderr.isatty()) as bar:

        def done() -> None:
            spent = asked.cost(budget.prompt_tokens, budget.completion_tokens)
            money = f", ${spent:.2f}" if spent is not None else ""
            bar.set_postfix_str(f"{budget.prompt_tokens} tokens in, "
                                f"{budget.completion_tokens} out{money}", refresh=False)
            bar.update()

        yield done


# The same through the provider's Batch API.

def _needed(work: Work, book: Ledger) -> Iterator[model.Request]:
    """What the first part of the work that is not done needs."""
    for phase in work.phases(book.get):
        some = False
        for job in phase.jobs:
            for request in job():
                some = True
                yield request
        if some:
            return


def submit(work: Work) -> dict[str, Any]:
    """Submits every request that is needed now, not under way, and within the budget."""
    budget, kept = work.asked.budget, 0

    def affordable(one: model.Request) -> bool:
        nonlocal kept
        if budget.room(one, waits=False):
            budget.take(one)
            return True
        kept += 1
        return False

    with _opened(work) as book, batch.refusals():
        made = batch.submit(work.batches, model.client(work.asked.settings),
                            _needed(work, book), affordable)
    return {"batches": [one.batch_id for one in made],
            "requests": sum(len(one.keys) for one in made), "over_budget": kept,
            "under_way": len(batch.open_batches(work.batches))}


def collect(work: Work) -> dict[str, Any]:
    """Takes the answers that are there; writes the result when nothing more is needed."""
    with _opened(work) as book:
        wanted = {one.key: one for one in _needed(work, book)}
        with batch.refusals():
            found = batch.collect(work.batches, model.client(work.asked.settings), wanted, book)
        left = sum(1 for _ in _needed(work, book))
        summary = {} if left else work.finish(book.get)
    return {**summary, **found, "needed": left}


# What a run tells a person.

def lines(way: str, found: dict[str, Any], estimate: Callable[[dict], list[str]],
          result: Callable[[dict], list[str]]) -> list[str]:
    """What a run tells a person; `estimate` says it of a dry run, `result` of a finished one."""
    if way == "dry_run":
        return estimate(found)
    if way == "submit":
        kept = f"; {found['over_budget']} are over the budget" if found["over_budget"] else ""
        return [f"submitted {found['requests']} requests in {len(found['batches'])} batches{kept}; "
                f"{found['under_way']} batches under way",
                "next: --batch status, then --batch collect"]
    if way == "status":
        return [f"{name}: {state}" for name, state in found["batches"]] or ["no batch submitted"]
    told = []
    if way == "collect":
        told = [f"batch failed: {one}" for one in found["failed_batches"]]
        told.append(f"collected {found['collected']} answers; {found['waiting']} batches under way")
        if found["needed"]:
            again = "wait, then --batch collect" if found["waiting"] else "--batch submit"
            told.append(f"{found['needed']} requests are needed still; next: {again}")
    return [*told, *(result(found) if "coded" in found else ())]


def estimated(found: dict[str, Any], what: str, without: str) -> list[str]:
    """What a dry run found out, and where to read on."""
    money = "" if found["cost"] is None else f", about ${found['cost']:.2f}"
    return [f"{what} {found['prompt_tokens']} tokens in and {found['completion_tokens']} out"
            f"{money} (before {without})",
            *([] if money else ["cost: pass --price IN OUT (dollars per million tokens)"]),
            f"read the first prompt: {found['files'][1]}"]


def coded(found: dict[str, Any]) -> str:
    """How many samples were coded, and why others were not."""
    why = ", ".join(f"{state} {count}" for state, count in found["states"].items()
                    if count and state != "ok")
    return f"coded {found['coded']} of {found['samples']}, {found['unknown']} unknown" \
           f"{f' ({why})' if why else ''}"


def spent(found: dict[str, Any]) -> Sequence[str]:
    """What a live run cost."""
    if "calls_made" not in found:
        return ()
    money = "" if found["cost"] is None else f", ${found['cost']:.2f}"
    uncounted = f" ({found['uncounted_calls']} calls did not say)" \
        if found["uncounted_calls"] else ""
    return (f"{found['calls_made']} calls made, {found['calls_known']} known before; "
            f"{found['prompt_tokens']} tokens in, {found['completion_tokens']} out{money}"
            f"{uncounted}",)

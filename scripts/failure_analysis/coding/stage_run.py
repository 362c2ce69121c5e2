"""Runs a coding stage: live or through batches, resumed from its finished calls, with a budget."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files, manifest, store
from failure_analysis.coding import batch, endpoint, model, project
from failure_analysis.coding.budget import Budget
from failure_analysis.coding.calls import Answer, CallLog

log = logging.getLogger(project.LOG)


class Phase(NamedTuple):
    """A part of the work; the progress bar shows `total` of `unit`."""

    name: str
    total: int
    unit: str
    jobs: Iterator[model.Job]


@dataclass(frozen=True)
class RunOptions:
    """What every run of a stage is asked to do, and what it may spend."""

    input: Sequence[Path]
    project: str
    background: Path | None
    overwrite: bool
    settings: model.Settings
    budget: Budget
    price: Sequence[float] | None
    retry_unknown: bool

    def cost(self, prompt: int, completion: int) -> float | None:
        """US dollars, at the given prices per million tokens; null without prices."""
        if not self.price:
            return None
        return round((prompt * self.price[0] + completion * self.price[1]) / 1e6, 4)


@dataclass(frozen=True)
class Work:
    """A stage that is ready to be worked on, with all that the manifest says of it. Each stage adds
    `phases(get)`, the parts of its work, each when the one before needs nothing more, and
    `finish(get)`, which writes the result from the answers and returns its summary."""

    options: RunOptions
    output_dir: Path
    step: str
    identity: dict[str, Any]
    inputs: list[dict]
    resumed: bool

    @property
    def calls(self) -> Path:
        """The file of finished calls."""
        return self.output_dir / project.calls(self.step)

    @property
    def batches(self) -> Path:
        """The file of submitted batches."""
        return self.output_dir / project.batches(self.step)

    def end(self, counts: Mapping[str, Any], made: Iterable[str]) -> dict[str, Any]:
        """Writes the counts and returns them; tells the manifest of the files that were made."""
        name = f"{self.step}.json"
        log.debug("counts: %s", json.dumps(counts))
        store.write_json(self.output_dir / name, counts)
        manifest.record(self.output_dir, self.step, self.identity, [*made, name, self.calls.name],
                        self.inputs)
        return {**counts, "resumed": self.resumed}


class Stage(NamedTuple):
    """A stage: its step in the manifest, and what is done and told of it, dry and live."""

    step: str
    prepare: Callable[[Any], Work]
    dry_run: Callable[[Any], dict[str, Any]]
    estimate_lines: Callable[[dict], list[str]]
    result_lines: Callable[[dict], list[str]]


def run(way: str, options: RunOptions, stage: Stage) -> dict[str, Any]:
    """Runs a stage in one of its ways: dry_run, live, submit, status or collect."""
    if way == "dry_run":
        return stage.dry_run(options)
    path = project.folder(options.project) / project.batches(stage.step)
    if way == "status":
        return {"batches": _provider(options.settings, partial(batch.status, path))}
    for given in options.input:
        if not given.exists():
            first = "; run open_coder.py first" if stage.step == project.AXIAL else ""
            raise files.Refusal(f"{given}: no such file or folder{first}")
    endpoint.check(options.settings.base_url)  # refuses a missing key before anything is written
    work = stage.prepare(options)
    with project.logged(work.output_dir, work.step) as log_file:
        try:
            summary = {"live": live, "submit": submit, "collect": collect}[way](work)
        except files.Refusal as refusal:
            log.debug("ended: %s", refusal)
            raise
        shown = lines(way, summary, stage)
        log.info("%s", shown[0])
        for line in shown[1:]:
            log.debug("%s", line)
    return {**summary, "log": log_file.as_posix()}


def live(work: Work) -> dict[str, Any]:
    """Asks what is missing, and writes the result, also where the endpoint ends the run (`ended`
    says why)."""
    options, budget = work.options, work.options.budget
    with _opened(work) as call_log:
        if under_way := batch.open_batches(work.batches):
            raise files.Refusal(f"{work.batches}: {len(under_way)} batches are under way, and "
                                "their answers would be paid twice; --batch collect first (a batch "
                                "that you cancel is collected too)")
        before, ended = len(call_log), ""
        try:
            for phase in work.phases(call_log.get):
                with _progress(phase, options) as done:
                    model.run(phase.jobs, call_log, options.settings, budget, done)
        except (KeyboardInterrupt, files.Refusal) as refusal:
            ended = (f"{str(refusal) or 'interrupted'}; {len(call_log)} finished calls are in "
                     f"{work.calls}: the same command goes on from there")
            if isinstance(refusal, KeyboardInterrupt):
                raise files.Refusal(ended) from None
            log.debug("ended: %s", ended)
        try:
            result = work.finish(call_log.get)
        except files.Refusal as refusal:  # there is no codebook yet
            result, ended = {}, ended or str(refusal)
        tokens_in, tokens_out = budget.prompt_tokens, budget.completion_tokens
        return {**result, "ended": ended, "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "said_prompt_tokens": budget.said_prompt_tokens,
                "said_completion_tokens": budget.said_completion_tokens,
                "uncounted_calls": budget.uncounted,
                "cost": options.cost(tokens_in, tokens_out), "calls_made": budget.calls,
                "calls_known": before}


@contextmanager
def _opened(work: Work) -> Iterator[CallLog]:
    """The finished calls, for one process at a time; with --retry-unknown only the good ones. A
    call that is asked again in a batch under way is not finished either."""
    again = {key for running in batch.open_batches(work.batches) for key in running.keys}

    def forget(answer: Answer) -> bool:
        return answer.state in model.UNANSWERED or answer.state != "ok" and (
            work.options.retry_unknown or answer.key in again)

    with store.locked(work.calls, wait=False, by_line=True) as file:
        yield CallLog(file, forget)


@contextmanager
def _progress(phase: Phase, options: RunOptions) -> Iterator[Callable[[], None]]:
    """A bar with tokens, cost and the time left, where a person is looking; the log at each tenth
    of the work."""
    from tqdm import tqdm

    budget, settings = options.budget, options.settings
    log.info("%s: %d %s, model %s, effort %s, %d at once", phase.name, phase.total,
             phase.unit + "s" * (phase.total != 1), settings.model, settings.effort,
             settings.max_concurrent)
    with tqdm(total=phase.total, unit=phase.unit, desc=phase.name,
              disable=not sys.stderr.isatty()) as bar:

        finished = 0

        def done() -> None:
            nonlocal finished
            finished += 1
            spent = options.cost(budget.prompt_tokens, budget.completion_tokens)
            money = f", ${spent:.2f}" if spent is not None else ""
            told = f"{budget.prompt_tokens} tokens in, {budget.completion_tokens} out{money}"
            is_tenth = finished * 10 // phase.total > (finished - 1) * 10 // phase.total
            log.log(logging.INFO if is_tenth else logging.DEBUG, "%s: %d of %d done; %s",
                    phase.name, finished, phase.total, told)
            bar.set_postfix_str(told, refresh=False)
            bar.update()

        yield done


# The same through the provider's Batch API.

def _provider(settings: model.Settings, does: Callable[..., Coroutine], most: int | None = None,
              **given: Any) -> Any:
    """What is done with files and batches over a connection of its own."""

    async def connected() -> Any:
        async with endpoint.client(settings.base_url, settings.timeout,
                                   most or endpoint.MOST_BYTES) as client:
            return await does(client=client, **given)

    with batch.refusals(settings.base_url):
        return asyncio.run(connected())


def _needed(work: Work, call_log: CallLog) -> Iterator[model.Request]:
    """What the first part of the work that is not done needs."""
    for phase in work.phases(call_log.get):
        is_any = False
        for job in phase.jobs:
            for request in job():
                is_any = True
                yield request
        if is_any:
            return


def submit(work: Work) -> dict[str, Any]:
    """Submits every request that is needed now, not under way, and within the budget."""
    budget, kept = work.options.budget, 0

    def affordable(request: model.Request) -> bool:
        nonlocal kept
        if budget.room(request, waits=False):
            budget.take(request)
            return True
        kept += 1
        return False

    with _opened(work) as call_log:
        made = _provider(work.options.settings, partial(batch.submit, work.batches),
                         requests=_needed(work, call_log), affordable=affordable)
    return {"batches": [sent.batch_id for sent in made],
            "requests": sum(len(sent.keys) for sent in made), "over_budget": kept,
            "under_way": len(batch.open_batches(work.batches))}


def collect(work: Work) -> dict[str, Any]:
    """Takes the answers that are there; writes the result when nothing more is needed."""
    with _opened(work) as call_log:
        requests = {request.key: request for request in _needed(work, call_log)}
        counts = _provider(work.options.settings, partial(batch.collect, work.batches),
                           batch.most_received(work.batches), requests=requests,
                           call_log=call_log)
        left = sum(1 for _ in _needed(work, call_log))
        summary = {} if left else work.finish(call_log.get)
    return {**summary, **counts, "needed": left}


def lines(way: str, summary: dict[str, Any], stage: Stage) -> list[str]:
    """What a run tells a person."""
    if way == "submit":
        kept = f"; {summary['over_budget']} are over the budget" if summary["over_budget"] else ""
        return [f"submitted {summary['requests']} requests in {len(summary['batches'])} batches"
                f"{kept}; {summary['under_way']} batches under way",
                "next: --batch status, then --batch collect"]
    if way == "status":
        return [f"{name}: {state}" for name, state in summary["batches"]] or ["no batch submitted"]
    shown = [summary["remark"]] if summary.get("remark") else []
    if summary.get("rejected_rows"):
        shown.append(f"rows of the input that could not be read: {summary['rejected_rows']} "
                     "(build_packet.py says why)")
    if way == "dry_run":
        return shown + stage.estimate_lines(summary)
    if way == "collect":
        shown += [f"batch failed: {failed}" for failed in summary["failed_batches"]]
        shown.append(f"collected {summary['collected']} answers; {summary['waiting']} batches "
                     "under way")
        if summary["needed"]:
            again = "wait, then --batch collect" if summary["waiting"] else "--batch submit"
            shown.append(f"{summary['needed']} requests are needed still; next: {again}")
    return shown + (stage.result_lines(summary) if "coded" in summary else spent(summary))


def estimated(summary: dict[str, Any], start: str, without: str) -> list[str]:
    """What a dry run found out, and where to read on."""
    money = "" if summary["cost"] is None else f", about ${summary['cost']:.2f}"
    return [f"{start} {summary['prompt_tokens']} tokens in and {summary['completion_tokens']} out"
            f"{money} (before {without})",
            *([] if money else ["cost: pass --price IN OUT (dollars per million tokens)"]),
            f"read the first prompt: {summary['files'][1]}"]


def coded(summary: dict[str, Any]) -> str:
    """How many samples were coded, and why others were not."""
    reasons = ", ".join(f"{state} {count}" for state, count in summary["states"].items()
                        if count and state != "ok")
    return f"coded {summary['coded']} of {summary['samples']}, {summary['unknown']} unknown" \
           f"{f' ({reasons})' if reasons else ''}"


def spent(summary: dict[str, Any]) -> list[str]:
    """What a live run cost."""
    if "calls_made" not in summary:
        return []
    money = "" if summary["cost"] is None else f", ${summary['cost']:.2f}"
    tokens, said = ([summary[f"{start}{kind}_tokens"] for kind in ("prompt", "completion")]
                    for start in ("", "said_"))
    left = summary["uncounted_calls"]
    remarks = [f"{left} calls did not say"] if left else []
    if tokens != said and any(said):
        remarks.append(f"the endpoint says {said[0]} and {said[1]}; the larger counts")
    more = f" ({'; '.join(remarks)})" if remarks else ""
    return [f"{summary['calls_made']} calls made, {summary['calls_known']} known before; "
            f"{tokens[0]} tokens in, {tokens[1]} out{money}"
            f"{more}"]

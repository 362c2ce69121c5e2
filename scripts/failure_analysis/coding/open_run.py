"""One run of open coding: begin or resume the project, ask what is missing, write the result."""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failure_analysis import files, manifest
from failure_analysis.coding import batch, model, open_coding, project, prompts, samples
from failure_analysis.markdown import fence

DRY_RUN = "dry_run"


@dataclass(frozen=True)
class Options:
    """What a run of open coding is asked to do."""

    input: Sequence[Path]
    mapping: Path | None
    background: Path | None
    project: str
    choice: samples.Choice
    settings: model.Settings
    window_tokens: int
    budget: model.Budget
    price: tuple[float, float] | None
    overwrite: bool
    retry_unknown: bool


@dataclass(frozen=True)
class Prepared:
    """A project that is ready to be worked on."""

    folder: Path
    name: str
    planned: Sequence[samples.Planned]
    stage: open_coding.Stage
    chosen: dict[str, Any]
    inputs: list[dict]
    resumed: bool
    rejected: int
    remark: str

    @property
    def result(self) -> Path:
        """The file of open codes."""
        return self.folder / f"open_coded_{self.name}.jsonl"


def prepare(options: Options, dry: bool = False) -> Prepared:
    """Plans the samples and writes their rows into the project's folder. A dry run writes below
    dry_run/ and leaves the project alone."""
    target = project.folder(options.project)
    place = (target / DRY_RUN if dry else target).absolute()
    told_in = options.background or options.mapping
    told_in = told_in.absolute() if told_in else None
    name = _name(options)
    with samples.pool(options.input, options.mapping) as found:
        planned, rejected = samples.plan(found, options.choice)
        instructions = prompts.render(
            "open_coding", benchmark=" ".join(files.visible(found.benchmark).split()),
            background=prompts.background(found.benchmark, told_in))
        chosen, read = _chosen(options, instructions), project.inputs(found.inputs)
        resumed = not dry and project.begin(place, chosen, read, options.overwrite)
        original, others = (place / f"{kind}_{name}.jsonl"
                            for kind in ("original", "other_answers"))
        samples.write(found, planned, original, others)
    stage = open_coding.Stage(
        options.settings, instructions, found.policies, samples.Store(original),
        samples.Store(others), options.window_tokens * model.BYTES_PER_TOKEN)
    return Prepared(target / DRY_RUN if dry else target, name, planned, stage, chosen, read,
                    resumed, rejected, found.remark)


def _name(options: Options) -> str:
    """What the result files are named after: the one input file, else the project."""
    first = options.input[0]
    if len(options.input) > 1 or first.is_dir():
        return options.project
    return files.bare_name(first).rpartition(".")[0] or options.project


def _chosen(options: Options, instructions: str) -> dict[str, Any]:
    """The settings that the result depends on."""
    choice = options.choice
    wording = prompts.digest(*open_coding.TEMPLATES[1:])
    told = hashlib.sha256(instructions.encode("utf-8", "replace")).hexdigest()[:12]
    return {**options.settings.identity(), "num_samples": choice.number, "sample_by": choice.by,
            "seed": choice.seed, "only_failed": choice.only_failed,
            "with_passing": choice.with_passing, "window_tokens": options.window_tokens,
            "instructions": told, "prompts": wording}


# The ways to run it.

def dry_run(options: Options) -> dict[str, Any]:
    """Writes every first prompt, and says how many tokens and how much money it would take."""
    ready = prepare(options, dry=True)
    tokens = windows = 0
    path, first = ready.folder / "prompts.jsonl", ready.folder / "first_prompt.md"
    with files.atomic(path) as file:
        for plan in ready.planned:
            one = open_coding.sample(ready.stage, plan)
            for number, request in enumerate(one.requests, 1):
                if not windows:
                    files.write_text(first, _readable(request))
                windows += 1
                tokens += request.tokens
                file.write(files.encoded(json.dumps(
                    {"sample_id": plan.ident, "window": number, "of": len(one.requests),
                     "tokens": request.tokens, "body": request.body}, ensure_ascii=False)) + b"\n")
    answers = windows * model.EXPECTED_ANSWER
    return {"samples": len(ready.planned), "requests": windows, "prompt_tokens": tokens,
            "completion_tokens": answers, "cost": cost(options.price, tokens, answers),
            "files": [path.as_posix(), first.as_posix()], "rejected_rows": ready.rejected,
            "remark": ready.remark}


def _readable(request: model.Request) -> str:
    body = request.body
    told, asked = (body["instructions"], body["input"]) if request.api == "responses" else (
        message["content"] for message in body["messages"])
    return (f"# The first prompt\n\nInstructions:\n\n{fence(told, len(told))}\n\nInput:\n\n"
            f"{fence(asked, len(asked))}\n")


def cost(price: tuple[float, float] | None, prompt: int, completion: int) -> float | None:
    """US dollars, at the given prices per million tokens; null without prices."""
    return round((prompt * price[0] + completion * price[1]) / 1e6, 4) if price else None


def live(options: Options) -> dict[str, Any]:
    """Asks what is missing, and writes the result."""
    model.connection(options.settings)  # refuses a missing key before anything is written
    ready = prepare(options)
    with _opened(ready, options) as book, project.logged(ready.folder, "open_coding") as log:
        before = len(book)
        with _progress(len(ready.planned), options) as done:
            jobs = open_coding.jobs(ready.stage, ready.planned, book.get)
            try:
                model.run(jobs, book, options.settings, options.budget, done)
            except KeyboardInterrupt:
                raise files.Refusal(
                    f"interrupted; {len(book)} finished calls are in "
                    f"{ready.folder / project.CALLS}: the same command goes on from there"
                ) from None
        return {**_finish(ready, options, book), "log": log.as_posix(),
                "calls_made": options.budget.calls, "calls_known": before}


@contextmanager
def _opened(ready: Prepared, options: Options) -> Iterator[model.Ledger]:
    """The project's finished calls; with --retry-unknown only the good ones."""
    forget = [state for state in model.STATES if state != "ok"] if options.retry_unknown \
        else model.UNANSWERED
    with model.ledger(ready.folder / project.CALLS, forget) as book:
        yield book


def _finish(ready: Prepared, options: Options, book: model.Ledger) -> dict[str, Any]:
    """Writes the result and its counts, and tells the manifest."""
    counts = open_coding.write(ready.stage, ready.planned, book.get, ready.result)
    summary = {"project": options.project, **counts, "rejected_rows": ready.rejected,
               "model": options.settings.model}
    files.write_json(ready.folder / project.SUMMARY, summary)
    manifest.record(ready.folder, project.STEP, ready.chosen, [
        ready.result.name, f"original_{ready.name}.jsonl", f"other_answers_{ready.name}.jsonl",
        project.SUMMARY, project.CALLS], ready.inputs)
    budget = options.budget
    return {**summary, "prompt_tokens": budget.prompt_tokens,
            "completion_tokens": budget.completion_tokens, "uncounted_calls": budget.uncounted,
            "cost": cost(options.price, budget.prompt_tokens, budget.completion_tokens),
            "resumed": ready.resumed, "remark": ready.remark, "file": ready.result.as_posix()}


@contextmanager
def _progress(total: int, options: Options) -> Iterator[Any]:
    """A bar with tokens, cost and the time left, where a person is looking."""
    from tqdm import tqdm

    budget = options.budget
    with tqdm(total=total, unit="sample", desc="open coding",
              disable=not sys.stderr.isatty()) as bar:

        def done() -> None:
            spent = cost(options.price, budget.prompt_tokens, budget.completion_tokens)
            money = f", ${spent:.2f}" if spent is not None else ""
            bar.set_postfix_str(f"{budget.prompt_tokens} tokens in, "
                                f"{budget.completion_tokens} out{money}", refresh=False)
            bar.update()

        yield done


# The same through the provider's Batch API.

def submit(options: Options) -> dict[str, Any]:
    """Submits every request that is needed now and not under way."""
    client = model.client(options.settings)
    ready = prepare(options)
    path = ready.folder / project.BATCHES
    with _opened(ready, options) as book:
        made = batch.submit(path, client, _needed(ready, book))
    return {"batches": [one.batch_id for one in made],
            "requests": sum(len(one.keys) for one in made),
            "under_way": len(batch.open_batches(path))}


def _needed(ready: Prepared, book: model.Ledger) -> Iterator[model.Request]:
    for needed in open_coding.jobs(ready.stage, ready.planned, book.get):
        yield from needed()


def status(options: Options) -> dict[str, Any]:
    """How far the batches are."""
    path = project.folder(options.project) / project.BATCHES
    return {"batches": batch.status(path, model.client(options.settings))}


def collect(options: Options) -> dict[str, Any]:
    """Takes the answers that are there; writes the result when nothing more is needed."""
    ready = prepare(options)
    path = ready.folder / project.BATCHES
    with _opened(ready, options) as book:
        found = batch.collect(path, model.client(options.settings), list(_needed(ready, book)),
                              book)
        left = sum(1 for _ in _needed(ready, book))
        summary = {} if left else _finish(ready, options, book)
    return {**summary, "collected": found.answers, "waiting": found.waiting,
            "failed_batches": list(found.failed), "needed": left}


def lines(way: str, found: dict[str, Any]) -> list[str]:
    """What a run tells a person."""
    remark = [found["remark"]] if found.get("remark") else []
    if found.get("rejected_rows"):
        remark.append(f"rows of the input that could not be read: {found['rejected_rows']} "
                      "(build_packet.py says why)")
    if way == "dry_run":
        money = "" if found["cost"] is None else f", about ${found['cost']:.2f}"
        return [*remark, f"{found['samples']} samples, {found['requests']} requests, about "
                f"{found['prompt_tokens']} tokens in and {found['completion_tokens']} out{money} "
                "(before repairs and descriptions of windowed samples)",
                *([] if money else ["cost: pass --price IN OUT (dollars per million tokens)"]),
                "read the first prompt: " + found["files"][1], "all: " + found["files"][0]]
    if way == "submit":
        return [f"submitted {found['requests']} requests in {len(found['batches'])} batches; "
                f"{found['under_way']} batches under way", "next: --batch status, then "
                "--batch collect"]
    if way == "status":
        return [f"{name}: {state}" for name, state in found["batches"]] or ["no batch submitted"]
    told = [f"batch failed: {one}" for one in found.get("failed_batches", ())]
    if way == "collect":
        told.append(f"collected {found['collected']} answers; {found['waiting']} batches under way")
        if "coded" not in found:
            again = "wait, then --batch collect" if found["waiting"] else "--batch submit"
            return [*told, f"{found['needed']} requests are needed still; next: {again}"]
    return [*remark, *told, *_result_lines(found)]


def _result_lines(found: dict[str, Any]) -> list[str]:
    n, k, u = found["samples"], found["coded"], found["unknown"]
    why = ", ".join(f"{state} {count}" for state, count in found["states"].items()
                    if count and state != "ok")
    part = f", {found['seen_in_part']} of them seen in part" if found["seen_in_part"] else ""
    money = "" if found["cost"] is None else f", ${found['cost']:.2f}"
    made = f"{found['calls_made']} calls made, {found['calls_known']} known before; " \
        if "calls_made" in found else ""
    uncounted = f" ({found['uncounted_calls']} calls did not say)" \
        if found["uncounted_calls"] else ""
    result = [
        f"coded {k} of {n}, {u} unknown{f' ({why})' if why else ''}{part}",
        f"failure visible in {found['failure_visible']} of {k}; none visible in what was seen of "
        f"{found['no_failure_visible']}",
        f"quotes found in their sample: {found['quotes_verified']} of {found['quotes']}",
        f"{made}{found['prompt_tokens']} tokens in, {found['completion_tokens']} out"
        f"{money}{uncounted}",
        f"open codes: {found['file']}"]
    if found["states"]["timed_out"] or found["states"]["skipped_by_budget"]:
        result.append("the same command asks again for what was timed out or skipped")
    return result

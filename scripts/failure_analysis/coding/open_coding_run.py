"""One run of open coding: begin or resume the project, ask what is missing, write the result."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failure_analysis import files
from failure_analysis.coding import model, open_coding, project, prompts, samples, stage_run
from failure_analysis.coding.calls import Get


@dataclass(frozen=True)
class Options(stage_run.Asked):
    """What a run of open coding is asked to do."""

    mapping: Path | None
    choice: samples.Choice
    window_tokens: int


@dataclass(frozen=True)
class Prepared(stage_run.Work):
    """A project that is ready to be worked on."""

    asked: Options
    name: str
    planned: Sequence[samples.Planned]
    stage: open_coding.Stage
    rejected: int
    remark: str

    def phases(self, get: Get) -> Iterator[stage_run.Phase]:
        """The one part of the work."""
        yield stage_run.Phase("open coding", len(self.planned), "sample",
                           open_coding.jobs(self.stage, self.planned, get))

    def finish(self, get: Get) -> dict[str, Any]:
        """Writes the result and its counts, and tells the manifest."""
        result = self.folder / f"open_coded_{self.name}.jsonl"
        counts = open_coding.write(self.stage, self.planned, get, result)
        ended = self.end({
            "project": self.asked.project, **counts, "rejected_rows": self.rejected,
            "contrast_wanted": self.asked.choice.with_passing, "model": self.asked.settings.model},
            [result.name, *(f"{kind}_{self.name}.jsonl" for kind in (
                "original", "other_answers", "passed"))])
        return {**ended, "remark": self.remark, "file": result.as_posix()}


def prepare(options: Options, dry: bool = False) -> Prepared:
    """Plans the samples and writes their rows into the project's folder. A dry run writes below
    dry_run/ and leaves the project alone."""
    target = project.folder(options.project)
    place = target / project.DRY_RUN if dry else target
    name = _name(options)
    found = samples.pool(options.input, options.mapping)
    planned, rejected = samples.plan(found, options.choice)
    instructions = prompts.render(
        "open_coding", benchmark=prompts.name(found.benchmark),
        background=prompts.background(found.benchmark, options.background or options.mapping))
    chosen, read = _chosen(options, instructions), project.inputs(found.inputs)
    resumed = not dry and project.begin(place, project.OPEN, chosen, read, options.overwrite)
    original, others, passed = (place / f"{kind}_{name}.jsonl" for kind in (
        "original", "other_answers", "passed"))
    samples.write(found, planned, original, others, passed)
    stage = open_coding.Stage(
        options.settings, instructions, found.policies, samples.Store(original),
        samples.Store(others), options.window_tokens * model.BYTES_PER_TOKEN)
    return Prepared(options, place, project.OPEN, chosen, read, resumed, name, planned, stage,
                    rejected, found.remark)


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
    mapping = files.sha256(options.mapping) if options.mapping else None
    return {**options.settings.identity(), "mapping": mapping, "num_samples": choice.number,
            "sample_by": choice.by, "seed": choice.seed, "only_failed": choice.only_failed,
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
                    files.write_text(first, prompts.readable(request))
                windows += 1
                tokens += request.tokens
                file.write(project.json_line(
                    {"sample_id": plan.ident, "window": number, "of": len(one.requests),
                     "tokens": request.tokens, "body": request.body}))
    answers = windows * model.EXPECTED_ANSWER
    return {"samples": len(ready.planned), "requests": windows, "prompt_tokens": tokens,
            "completion_tokens": answers, "cost": options.cost(tokens, answers),
            "files": [path.as_posix(), first.as_posix()], "rejected_rows": ready.rejected,
            "remark": ready.remark}


def run(way: str, options: Options) -> dict[str, Any]:
    """Runs it in one of its ways: dry_run, live, submit, status or collect."""
    return stage_run.run(way, options, project.OPEN, prepare, dry_run)


def lines(way: str, found: dict[str, Any]) -> list[str]:
    """What a run tells a person."""
    remark = [found["remark"]] if found.get("remark") else []
    if found.get("rejected_rows"):
        remark.append(f"rows of the input that could not be read: {found['rejected_rows']} "
                      "(build_packet.py says why)")
    return [*remark, *stage_run.lines(way, found, _estimate_lines, _result_lines)]


def _estimate_lines(found: dict[str, Any]) -> list[str]:
    what = f"{found['samples']} samples, {found['requests']} requests, about"
    return [*stage_run.estimated(found, what, "repairs and descriptions of windowed samples"),
            f"all: {found['files'][0]}"]


def _result_lines(found: dict[str, Any]) -> list[str]:
    part = f", {found['seen_in_part']} of them seen in part" if found["seen_in_part"] else ""
    result = [
        stage_run.coded(found) + part,
        f"failure visible in {found['failure_visible']} of {found['coded']}; none visible in what "
        f"was seen of {found['no_failure_visible']}",
        f"quotes found in their sample: {found['quotes_verified']} of {found['quotes']}",
        *stage_run.spent(found),
        f"open codes: {found['file']}"]
    if found["contrast"] < found["contrast_wanted"]:
        result.insert(2, f"passing samples for contrast: {found['contrast']} of "
                         f"{found['contrast_wanted']} (no more could be matched)")
    if found["states"]["timed_out"] or found["states"]["skipped_by_budget"]:
        result.append("the same command asks again for what was timed out or skipped")
    return result

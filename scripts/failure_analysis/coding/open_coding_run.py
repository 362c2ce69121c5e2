"""One run of open coding: begin or resume the project, ask what is missing, write the result."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failure_analysis import files, store
from failure_analysis.coding import model, open_coding, project, prompts, samples, stage_run
from failure_analysis.coding.budget import EXPECTED_ANSWER
from failure_analysis.coding.calls import Get

_KINDS = ("samples", "other_answers", "passed")  # of rows that are kept, by file name
_ORIGINAL = "original_{}.jsonl"


@dataclass(frozen=True)
class Options(stage_run.RunOptions):
    """What a run of open coding is asked to do."""

    mapping: Path | None
    choice: samples.Choice
    window_tokens: int


@dataclass(frozen=True)
class Prepared(stage_run.Work):
    """A project that is ready to be worked on."""

    options: Options
    name: str
    plan: Sequence[samples.Planned]
    stage: open_coding.Stage
    rejected: int
    remark: str
    has_original: bool

    def phases(self, get: Get) -> Iterator[stage_run.Phase]:
        """The one part of the work."""
        yield stage_run.Phase("open coding", len(self.plan), "sample",
                              open_coding.jobs(self.stage, self.plan, get))

    def finish(self, get: Get) -> dict[str, Any]:
        """Writes the result and its counts, and tells the manifest."""
        options, path = self.options, self.output_dir / f"open_coded_{self.name}.jsonl"
        counts = {"project": options.project,
                  **open_coding.write(self.stage, self.plan, get, path),
                  "rejected_rows": self.rejected, "contrast_wanted": options.choice.with_passing,
                  "model": options.settings.model}
        copied = [_ORIGINAL.format(self.name)] if self.has_original else []
        ended = self.end(counts, [path.name, *copied,
                                  *(f"{kind}_{self.name}.jsonl" for kind in _KINDS)])
        return {**ended, "remark": self.remark, "file": path.as_posix()}


def prepare(options: Options, dry: bool = False) -> Prepared:
    """Plans the samples and writes their rows into the project's folder, or below dry_run/."""
    project_dir = project.folder(options.project)
    output_dir = project_dir / project.DRY_RUN if dry else project_dir
    name = _name(options)
    pool = samples.pool(options.input, options.mapping)
    plan, rejected = samples.plan(pool, options.choice)
    instructions = prompts.render(
        "open_coding", benchmark=prompts.name(pool.benchmark),
        background=prompts.background(pool.benchmark, pool.format,
                                      options.background or options.mapping))
    identity = _identity(options, instructions)
    inputs = [{**entry, "format": pool.format} for entry in project.inputs(pool.inputs)]
    resumed = not dry and project.begin(output_dir, project.OPEN, identity, inputs,
                                        options.overwrite)
    planned, others, passed = (output_dir / f"{kind}_{name}.jsonl" for kind in _KINDS)
    samples.write(pool, plan, planned, others, passed)
    has_original = samples.copy_original(pool, output_dir / _ORIGINAL.format(name))
    stage = open_coding.Stage(
        options.settings, instructions, pool.policies, samples.Store(planned),
        samples.Store(others), options.window_tokens * model.BYTES_PER_TOKEN)
    return Prepared(options, output_dir, project.OPEN, identity, inputs, resumed, name, plan,
                    stage, rejected, pool.remark, has_original)


def _name(options: Options) -> str:
    """What the result files are named after: the one input file, else the project."""
    first = options.input[0]
    if len(options.input) > 1 or first.is_dir():
        return options.project
    return files.bare_name(first).rpartition(".")[0] or options.project


def _identity(options: Options, instructions: str) -> dict[str, Any]:
    """The settings that the result depends on."""
    instructions_hash = hashlib.sha256(instructions.encode("utf-8", "replace")).hexdigest()[:12]
    mapping_hash = files.sha256(options.mapping) if options.mapping else None
    return {**options.settings.identity(), "mapping": mapping_hash, **options.choice._asdict(),
            "window_tokens": options.window_tokens, "instructions": instructions_hash,
            "prompts": prompts.digest(*open_coding.TEMPLATES[1:])}


def dry_run(options: Options) -> dict[str, Any]:
    """Writes every first prompt, and says how many tokens and how much money it would take."""
    ready = prepare(options, dry=True)
    tokens = windows = 0
    path, first = ready.output_dir / "prompts.jsonl", ready.output_dir / "first_prompt.md"
    with store.atomic(path) as file:
        for planned in ready.plan:
            sample = open_coding.read_sample(ready.stage, planned)
            for number, request in enumerate(sample.requests, 1):
                if not windows:
                    store.write_text(first, prompts.readable(request))
                windows += 1
                tokens += request.tokens
                file.write(project.json_line(
                    {"sample_id": ready.stage.store.name(planned.ident), "window": number,
                     "of": len(sample.requests), "tokens": request.tokens, "body": request.body}))
    answers = windows * EXPECTED_ANSWER
    return {"samples": len(ready.plan), "requests": windows, "prompt_tokens": tokens,
            "completion_tokens": answers, "cost": options.cost(tokens, answers),
            "files": [path.as_posix(), first.as_posix()], "rejected_rows": ready.rejected,
            "remark": ready.remark}



def _estimate_lines(summary: dict[str, Any]) -> list[str]:
    start = f"{summary['samples']} samples, {summary['requests']} requests, about"
    return [*stage_run.estimated(summary, start, "repairs and descriptions of windowed samples"),
            f"all: {summary['files'][0]}"]


def _result_lines(summary: dict[str, Any]) -> list[str]:
    part = f", {summary['seen_in_part']} of them seen in part" if summary["seen_in_part"] else ""
    shown = [
        stage_run.coded(summary) + part,
        f"failure visible in {summary['failure_visible']} of {summary['coded']}; none visible in "
        f"what was seen of {summary['no_failure_visible']}",
        f"quotes found in their sample: {summary['quotes_verified']} of {summary['quotes']}",
        *stage_run.spent(summary),
        f"open codes: {summary['file']}"]
    if summary["contrast"] < summary["contrast_wanted"]:
        shown.insert(2, f"passing samples for contrast: {summary['contrast']} of "
                         f"{summary['contrast_wanted']} (no more could be matched)")
    if summary["states"]["timed_out"] or summary["states"]["skipped_by_budget"]:
        shown.append("the same command asks again for what was timed out or skipped")
    return shown


STAGE = stage_run.Stage(project.OPEN, prepare, dry_run, _estimate_lines, _result_lines)

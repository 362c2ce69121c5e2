"""One run of axial coding: open codes in, codes, taxonomy, codebook card and reviews out."""

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from failure_analysis import files, store
from failure_analysis.coding import axial_coding, card, codebook, project, prompts, stage_run
from failure_analysis.coding.axial_coding import Built, Coded, Coder, Progress, Sample, Stage
from failure_analysis.coding.calls import Get
from failure_analysis.coding.card_page import draw, page
from failure_analysis.coding.model import STATES
from failure_analysis.review import ledger


class _Quote(msgspec.Struct):
    quote: str
    shows: str
    verified: bool


class _Coding(msgspec.Struct):
    visibility: Literal["failure_visible", "no_failure_visible"]
    descriptive_summary: str
    issues_identified: list[str]
    observations: str
    evidence: list[_Quote]


class _Row(msgspec.Struct):
    """What is needed of a line of open codes."""

    sample_id: str
    state: Literal[STATES]
    success: bool | None
    reward: float | None
    matched_to: str | None
    model_name: str
    failed_dimensions: list[str]
    benchmark: str
    item_id: str
    trial: int | None
    coding: _Coding | None
    datapoint_id: str | None = None


log = logging.getLogger(project.LOG)
_FILES = {"coded": "axial_coded_{}.jsonl", "taxonomy": "{}_taxonomy.json",
          "codebook": "{}_codebook.json", "card": "{}_codebook.md",
          "figure": "{}_rarefaction.png", "reviews": "axial_reviews_{}.jsonl"}
# The codes of the samples by id; of some samples, with their ids.
Records = Mapping[str, Mapping[str, Any]]
Proved = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Options(stage_run.RunOptions):
    """What a run of axial coding is asked to do."""

    codebook: Path | None
    recode_model: str | None
    context_tokens: int
    seed: int


class OpenCoded(NamedTuple):
    """An open-coded sample; `compact` is None where nothing is known of it."""

    row: _Row
    compact: Sample | None


@dataclass(frozen=True)
class Prepared(stage_run.Work):
    """A project that is ready for axial coding."""

    options: Options
    name: str
    open_coded: Sequence[OpenCoded]
    stage: Stage

    def phases(self, get: Get) -> Iterator[stage_run.Phase]:
        """The codebook, the coding with it, and the second coding."""
        for name, jobs in axial_coding.phases(self.stage, get):
            yield stage_run.Phase(name, len(jobs), "batch",
                                  (lambda job=job: list(job().needed) for job in jobs))

    def finish(self, get: Get) -> dict[str, Any]:
        """Writes the coded samples, the taxonomy, the codebook with its card, and the reviews."""
        built = _built(self, axial_coding.build(self.stage, Progress(), get))
        coded, again = (axial_coding.together([job() for job in jobs(self.stage, built, get)])
                        for jobs in (axial_coding.coding_jobs, axial_coding.recoding_jobs))
        records = {row.sample_id: _record(row, compact, coded) for row, compact in self.open_coded}
        paths = {kind: self.output_dir / name.format(self.name) for kind, name in _FILES.items()}
        with store.atomic(paths["coded"]) as file:
            file.writelines(project.json_line({**row, **records[checked.sample_id]})
                            for row, checked in _rows(self.options.input))
        proved = _proved(self.open_coded, records)
        _log_codes(built, records)
        result = _codebook(self, built, coded, again, records, proved)
        store.write_json(paths["taxonomy"], result["taxonomy"])
        store.write_json(paths["codebook"], result)
        draw(paths["figure"], result["card"]["rarefaction"])
        store.write_text(paths["card"], page(result, paths["figure"].name))
        with store.atomic(paths["reviews"]) as file:
            file.writelines(_reviews(self.options.settings.model, proved, {
                row.sample_id: row.datapoint_id or row.sample_id for row, _ in self.open_coded}))
        counts = {"project": result["project"], "model": result["model"],
                  **_counts(records.values(), result), "reviews": len(proved)}
        ended = self.end(counts, [path.name for path in paths.values()])
        recoding = result["card"]["recoding"]
        return {**ended, "saturation": result["card"]["saturation"],
                "recoding": {name: recoding[name]
                             for name in ("self_consistency", "samples", "primary")},
                "files": {kind: path.as_posix() for kind, path in paths.items()}}


# Open codes -> samples.

def _rows(paths: Sequence[Path]) -> Iterator[tuple[dict, _Row]]:
    """The rows of open_coded files, one at a time, whole and in what is needed of them."""
    seen = set()
    for path in paths:
        if not path.is_file():
            raise files.Refusal(f"{path}: no such file; give the open_coded_*.jsonl of a project")
        for number, _, row, reason, _ in files.json_lines(path):
            try:
                checked = None if reason else msgspec.convert(row, _Row)
            except ValueError as error:
                reason = str(error)
            if not reason and (checked.state == "ok") != (checked.coding is not None):
                reason = f"its state is {checked.state}"
            if reason:
                raise files.Refusal(f"{path}:{number}: not an open-coded sample ({reason}); give "
                                    "the open_coded_*.jsonl that open_coder.py wrote")
            if checked.sample_id in seen:
                raise files.Refusal(f"{path}:{number}: the sample {checked.sample_id} is there "
                                    "twice; give each open coding once")
            seen.add(checked.sample_id)
            yield row, checked


def prepare(options: Options, dry: bool = False) -> Prepared:
    """Reads the open codes and begins, or goes on with, the axial coding of a project."""
    project_dir = project.folder(options.project)
    opened = project.recorded(project_dir, project.OPEN)
    if opened is None:
        raise files.Refusal(f"{project_dir}: no project of open_coder.py; run it first with "
                            f"--project {options.project}")
    if options.codebook and project.is_made(project_dir, project.AXIAL, options.codebook):
        raise files.Refusal(f"{options.codebook}: this project's own codebook, which is written "
                            f"anew; copy it out of {project_dir} and give the copy")
    samples = [
        OpenCoded(checked, axial_coding.compact(f"s{number}", row) if checked.coding else None)
        for number, (row, checked) in enumerate(_rows(options.input), 1)]
    benchmark = next((row.benchmark for row, _ in samples if row.benchmark), "")
    dimensions = frozenset(ledger.squeezed(name) for row, _ in samples
                           for name in row.failed_dimensions)
    compact = [sample for row, sample in samples
               if sample and (sample.compared or row.success is not False)]
    if not any(sample.compared for sample in compact):
        raise files.Refusal(f"{options.input[0]}: no failing sample in which the open coder saw "
                            "the failure; nothing to compare")
    old = codebook.load(options.codebook) if options.codebook else codebook.Book((), {})
    format_name = next((entry.get("format", "") for entry in opened.get("inputs", ())), "")
    background = prompts.background(benchmark, format_name, options.background)
    recoder = replace(options.settings, model=options.recode_model or options.settings.model)
    stage = Stage(Coder(options.settings, 1), Coder(recoder, 2), prompts.name(benchmark),
                  background, compact, old.codes, old.uncovered, options.seed,
                  options.context_tokens, dimensions)
    background_hash = hashlib.sha256(json.dumps([background, benchmark]).encode()).hexdigest()[:12]
    identity = {**options.settings.identity(), "recode_model": recoder.model, "seed": options.seed,
                "context_tokens": options.context_tokens, "background": background_hash,
                "codebook": files.sha256(options.codebook) if options.codebook else None,
                "prompts": prompts.digest(*axial_coding.TEMPLATES)}
    inputs = project.inputs(options.input)
    resumed = not dry and project.begin(project_dir, project.AXIAL, identity, inputs,
                                        options.overwrite)
    name = files.bare_name(options.input[0]).removesuffix(".jsonl").removeprefix("open_coded_")
    return Prepared(options, project_dir, project.AXIAL, identity, inputs, resumed, name, samples,
                    stage)



def dry_run(options: Options) -> dict[str, Any]:
    """Writes the first prompts, and says about how many tokens and how much money it would take."""
    ready = prepare(options, dry=True)
    first = axial_coding.build(ready.stage, Progress(), lambda _: None).needed
    path, shown = (ready.output_dir / project.DRY_RUN / name
                   for name in ("axial_prompts.jsonl", "axial_first_prompt.md"))
    lines = (project.json_line({"name": request.name, "tokens": request.tokens,
                                "body": request.body}) for request in first)
    with store.atomic(path) as file:
        file.writelines(lines)
    store.write_text(shown, prompts.readable(first[0]))
    expected = axial_coding.expected(ready.stage)
    return {"samples": len(ready.open_coded), "to_code": len(ready.stage.samples), **expected,
            "cost": options.cost(expected["prompt_tokens"], expected["completion_tokens"]),
            "files": [path.as_posix(), shown.as_posix()]}


# Answers -> files.

def _built(ready: Prepared, built: Built) -> Built:
    """A codebook that is finished; refuses what is none."""
    kept = f"the finished calls are in {ready.calls}"
    if built.needed:
        raise files.Refusal(f"the budget was spent before the codebook was finished; {kept}: the "
                            "same command with more --max-calls or --max-tokens-total goes on")
    if built.stopped:
        raise files.Refusal(f"{built.stopped}; {kept}: the same command goes on")
    if not built.codes:
        reasons = "; ".join(sorted(set(built.left_out.values()))[:3] or built.problems[:3])
        raise files.Refusal(f"no answer held a codebook ({reasons[:400]}); see the log in "
                            f"{ready.output_dir / 'logs'}, or try another --model and --overwrite")
    return built


def _record(row: _Row, compact: Sample | None, coded: Coded) -> dict[str, Any]:
    """The codes of a sample. What is not known is said in words, so that counting is safe."""
    name = compact.name if compact else ""
    assignment = coded.assignments.get(name)
    state, reason = coded.failed.get(name, ("skipped_by_budget", "not asked"))
    if compact is None:
        state, reason = row.state, "it has no open code"
    is_hidden = row.coding is not None and row.coding.visibility == codebook.NOT_VISIBLE
    if assignment is not None or is_hidden and row.success is False:
        state, reason = "ok", coded.remarks.get(name, "")
    codes = {"primary_code": codebook.UNKNOWN, "secondary_codes": [],
             "severity": codebook.UNKNOWN, "fault": "undecided", "rationale": "", "quote": None}
    if assignment is not None:
        codes = {**assignment.model_dump(exclude={"sample"}),
                 "rationale": prompts.line(assignment.rationale),
                 "secondary_codes": list(dict.fromkeys(assignment.secondary_codes)),
                 "quote": compact.quotes.get(assignment.quote)}
    elif state == "ok":
        codes["primary_code"] = codebook.NOT_VISIBLE
    return {"axial_state": state, "axial_reason": reason, "axial_coding": codes}


def _proved(samples: Sequence[OpenCoded], records: Records) -> Proved:
    """The failing samples that have a code and a verified quote that shows it, with their codes."""
    failing = ((row.sample_id, records[row.sample_id]["axial_coding"]) for row, _ in samples
               if row.success is False)
    return [(ident, codes) for ident, codes in failing
            if codes["quote"] is not None and codes["primary_code"] != codebook.NO_CODE]


def _log_codes(built: Built, records: Records) -> None:
    """The taxonomy and how often each code is the primary one, for the log."""
    primary = Counter(record["axial_coding"]["primary_code"] for record in records.values())
    for code in built.codes:
        log.debug("taxonomy: %s > %s, primary code of %d", code.category, code.code,
                  primary[code.code])
    log.debug("primary codes: %s", json.dumps(dict(primary.most_common())))


def _codings(samples: Sequence[OpenCoded], records: Records) -> tuple[list[card.Coding], int]:
    """The samples of known coding, and how many failing ones have none."""
    codings, unknown = [], 0
    for row, _ in samples:
        if row.success is None:
            continue  # nobody judged it: it is in no share
        failing, record = row.success is False, records[row.sample_id]
        if record["axial_state"] == "ok":
            codes = record["axial_coding"]
            labels = _labels(codes["primary_code"], codes["secondary_codes"])
            codings.append(card.Coding(row.sample_id, row.model_name, failing, *labels,
                                       row.matched_to))
        else:
            unknown += failing
    return codings, unknown


def _labels(primary: str, secondary: Sequence[str]) -> card.Labels:
    """The codes of a sample, all of them without what is said instead of a code."""
    return primary, frozenset({primary, *secondary} - {codebook.NO_CODE, codebook.NOT_VISIBLE})


def _codebook(ready: Prepared, built: Built, coded: Coded, again: Coded, records: Records,
              proved: Proved) -> dict[str, Any]:
    """The codebook with its taxonomy, card and lineage."""
    options = ready.options
    codings, unknown = _codings(ready.open_coded, records)
    samples = {code.code: [coding.ident for coding in codings
                           if coding.failing and code.code in coding.codes] for code in built.codes}
    recodings = [tuple(_labels(given.primary_code, given.secondary_codes)
                       for given in (coded.assignments[name], again.assignments[name]))
                 for name in again.assignments if name in coded.assignments]
    drawn = len(axial_coding.recoded(ready.stage))
    coders = (options.settings.model, ready.stage.second.settings.model)
    events = msgspec.to_builtins(built.events)
    return {
        "project": options.project, "model": options.settings.model, "rounds": built.rounds,
        "codes": msgspec.to_builtins(built.codes),
        "lineage": {"parent": options.codebook.as_posix() if options.codebook else None,
                    "events": {name: [event for event in events if event["event"] == name]
                               for name in codebook.EVENTS}},
        "card": card.numbers(built.codes, codings, unknown, recodings, coders, options.seed),
        "taxonomy": codebook.taxonomy(built.codes, samples, _quotes(proved), card.FEWEST_SAMPLES),
        "problems": [prompts.line(problem) for problem in built.problems],
        "left_out": dict(built.left_out), "recoding_failed": drawn - len(recodings),
        "first_coding_told": built.assignments is not None,
        "uncovered": {sample.ident: sample.digest for sample in ready.stage.samples
                      if sample.compared and records[sample.ident]["axial_coding"][
                          "primary_code"] == codebook.NO_CODE},
    }


def _quotes(proved: Proved) -> dict[str, list[dict[str, str]]]:
    """Two quotes of each code, from two failing samples of which it is the primary code."""
    quotes: dict[str, list[dict[str, str]]] = {}
    for ident, codes in proved:
        quote = {"sample_id": ident, "quote": codes["quote"]}
        quotes.setdefault(codes["primary_code"], []).append(quote)
    return {code: both[:2] for code, both in quotes.items()}


def _reviews(name: str, proved: Proved, datapoints: Mapping[str, str]) -> Iterator[bytes]:
    """What the coder says of each failing sample, in the form that record_review.py takes."""
    coder = re.sub(r"[^\w.@:-]", "_", name)[:60].lstrip(".@:-_") or "llm"
    for ident, codes in proved:
        yield project.json_line(
            {"id": datapoints[ident], "bucket": codes["primary_code"], "fault": codes["fault"],
             "mechanism": codes["rationale"], "quotes": [codes["quote"]],
             "secondary": codes["secondary_codes"], "coder": coder, "kind": "llm"})


def _counts(records: Collection[Mapping[str, Any]], result: Mapping[str, Any]) -> dict[str, Any]:
    states, numbers = Counter(record["axial_state"] for record in records), result["card"]
    return {"samples": len(records), "coded": states["ok"], "unknown": len(records) - states["ok"],
            "states": {state: states[state] for state in STATES},
            "codes": len(numbers["codes"]), "residue": len(numbers["residue"]),
            **{name: numbers[name] for name in (codebook.NO_CODE, codebook.NOT_VISIBLE)},
            "problems": len(result["problems"]), "left_out": len(result["left_out"]),
            "recoding_failed": result["recoding_failed"]}



def _estimate_lines(summary: dict[str, Any]) -> list[str]:
    start = f"{summary['to_code']} of {summary['samples']} samples to code, about " \
            f"{summary['requests']} requests,"
    return [*stage_run.estimated(summary, start, "repairs"),
            f"all first ones: {summary['files'][0]}"]


def _result_lines(summary: dict[str, Any]) -> list[str]:
    saturation, recoding = summary["saturation"], summary["recoding"]
    cover = "" if saturation["coverage"] is None else (
        f"modes seen so far cover about {saturation['coverage']:.0%} of the failures (at least "
        f"{saturation['lower']:.0%}): {'enough' if saturation['enough'] else 'code more samples'}")
    kind = "the same model coding again agreed with itself" if recoding["self_consistency"] \
        else "the second model agreed"
    left, left_out, problems = (summary[name] for name in (
        "recoding_failed", "left_out", "problems"))
    failed = f" ({left} more were not coded both times)" if left else ""
    same, paths = recoding["primary"]["same"], summary["files"]
    shown = [
        stage_run.coded(summary),
        f"{summary['codes']} codes in at least 2 samples, {summary['residue']} in the residue; no "
        f"code fits {summary[codebook.NO_CODE]}, no failure visible in "
        f"{summary[codebook.NOT_VISIBLE]}",
        cover,
        f"{kind} on the primary code in {same} of {recoding['samples']}{failed}",
        f"not put right: {problems} (see the card)" if problems else "",
        f"compared with no other: {left_out} samples (see the card)" if left_out else "",
        *stage_run.spent(summary),
        f"read the card: {paths['card']}",
        f"codes: {paths['coded']}",
        f"as one more coder of a packet: record_review.py ANALYSIS_DIR --from {paths['reviews']} "
        f"({summary['reviews']} reviews)"]
    return list(filter(None, shown))


STAGE = stage_run.Stage(project.AXIAL, prepare, dry_run, _estimate_lines, _result_lines)

"""One run of axial coding: open codes in, codes, taxonomy, codebook card and reviews out."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from failure_analysis import files
from failure_analysis.coding import (
    axial_coding,
    card,
    card_page,
    codebook,
    model,
    project,
    prompts,
    stage_run,
)
from failure_analysis.coding.axial_coding import Built, Coded, Coder, Progress, Sample, Stage
from failure_analysis.coding.calls import Get
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


class _OpenCoded(msgspec.Struct):
    """What is needed of a line of open codes."""

    sample_id: str
    state: Literal[model.STATES]
    success: bool | None
    reward: float | None
    matched_to: str | None
    model_name: str
    failed_dimensions: list[str]
    benchmark: str
    item_id: str
    trial: int | None
    coding: _Coding | None


# The codes of the samples by id; of some samples, with their ids.
Records = Mapping[str, Mapping[str, Any]]
Proved = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Options(stage_run.Asked):
    """What a run of axial coding is asked to do."""

    old: Path | None
    recode_model: str | None
    context_tokens: int
    seed: int


class Line(NamedTuple):
    """What is needed of an open-coded sample; `compact` is None where nothing is known of it."""

    ident: str
    model: str
    state: str
    success: bool | None
    hidden: bool
    matched_to: str | None
    compact: Sample | None


@dataclass(frozen=True)
class Prepared(stage_run.Work):
    """A project that is ready for axial coding."""

    asked: Options
    name: str
    lines: Sequence[Line]
    stage: Stage

    def phases(self, get: Get) -> Iterator[stage_run.Phase]:
        """The codebook, the coding with it, and the second coding."""
        for name, jobs in axial_coding.phases(self.stage, get, card.FEWEST_SHARED):
            yield stage_run.Phase(name, len(jobs), "batch",
                               (lambda job=job: list(job().needed) for job in jobs))

    def finish(self, get: Get) -> dict[str, Any]:
        """Writes the coded samples, the taxonomy, the codebook with its card, and the reviews."""
        built = _built(self, axial_coding.build(self.stage, Progress(), get))
        coded, again = (axial_coding.together([job() for job in jobs]) for jobs in (
            axial_coding.coding_jobs(self.stage, built, get),
            axial_coding.recoding_jobs(self.stage, built, get, card.FEWEST_SHARED)))
        records = {line.ident: _record(line, coded) for line in self.lines}
        paths = {kind: self.folder / name for kind, name in (
            ("coded", f"axial_coded_{self.name}.jsonl"), ("taxonomy", f"{self.name}_taxonomy.json"),
            ("codebook", f"{self.name}_codebook.json"), ("card", f"{self.name}_codebook.md"),
            ("figure", f"{self.name}_rarefaction.png"),
            ("reviews", f"axial_reviews_{self.name}.jsonl"))}
        with files.atomic(paths["coded"]) as file:
            file.writelines(project.json_line({**row, **records[row["sample_id"]]})
                            for _, row in _rows(self.asked.input))
        proved = _proved(self.lines, records)
        result = _codebook(self, built, coded, again, records, proved)
        files.write_json(paths["taxonomy"], result["taxonomy"])
        files.write_json(paths["codebook"], result)
        card_page.draw(paths["figure"], result["card"]["rarefaction"])
        files.write_text(paths["card"], card_page.page(result, paths["figure"].name))
        with files.atomic(paths["reviews"]) as file:
            file.writelines(_reviews(self.asked.settings.model, proved))
        ended = self.end({
            "project": self.asked.project, "model": self.asked.settings.model,
            **_counts(records.values(), result), "reviews": len(proved)},
            [path.name for path in paths.values()])
        return {**ended, "saturation": result["card"]["saturation"],
                "recoding": {name: result["card"]["recoding"][name] for name in (
                    "self_consistency", "samples", "primary")},
                "files": {kind: path.as_posix() for kind, path in paths.items()}}


# Open codes -> samples.

def _read(paths: Sequence[Path]) -> tuple[list[Line], str, frozenset[str]]:
    """The samples of open_coded files, their benchmark and their dimensions."""
    lines, benchmark, dimensions, seen = [], "", set(), set()
    for place, row in _rows(paths):
        ident = row["sample_id"]
        if ident in seen:
            raise files.Refusal(f"{place}: the sample {ident} is there twice; give each open "
                                "coding once")
        seen.add(ident)
        benchmark = benchmark or str(row["benchmark"])
        dimensions.update(map(ledger.squeezed, row["failed_dimensions"]))
        coding = row["coding"]
        compact = axial_coding.compact(f"s{len(lines) + 1}", row) if coding else None
        hidden = bool(coding) and coding["visibility"] == "no_failure_visible"
        lines.append(Line(ident, str(row["model_name"]), row["state"], row["success"], hidden,
                          row["matched_to"], compact))
    return lines, benchmark, frozenset(dimensions)


def _rows(paths: Sequence[Path]) -> Iterator[tuple[str, dict]]:
    """The lines of open_coded files, one at a time, with their places."""
    for path in paths:
        if not path.is_file():
            raise files.Refusal(f"{path}: no such file; give the open_coded_*.jsonl of a project")
        for number, _, row, reason, _ in files.json_lines(path):
            try:
                known = None if reason else msgspec.convert(row, _OpenCoded)
            except ValueError as error:
                reason = str(error)
            if not reason and (known.state == "ok") != (known.coding is not None):
                reason = f"its state is {known.state}"
            if reason:
                raise files.Refusal(f"{path}:{number}: not an open-coded sample ({reason}); give "
                                    "the open_coded_*.jsonl that open_coder.py wrote")
            yield f"{path}:{number}", row


def prepare(options: Options, dry: bool = False) -> Prepared:
    """Reads the open codes and begins, or goes on with, the axial coding of a project."""
    folder = project.folder(options.project)
    if project.recorded(folder, project.OPEN) is None:
        raise files.Refusal(f"{folder}: no project of open_coder.py; run it first with --project "
                            f"{options.project}")
    lines, benchmark, dimensions = _read(options.input)
    samples = [line.compact for line in lines if line.compact
               and (line.compact.compared or line.success is not False)]
    if not any(sample.compared for sample in samples):
        raise files.Refusal(f"{options.input[0]}: no failing sample in which the open coder saw "
                            "the failure; nothing to compare")
    old = codebook.load(options.old) if options.old else codebook.Book((), {})
    background = prompts.background(benchmark, options.background)
    recoder = replace(options.settings, model=options.recode_model or options.settings.model)
    stage = Stage(Coder(options.settings, 1), Coder(recoder, 2), prompts.name(benchmark),
                  background, samples, old.codes, old.uncovered, options.seed,
                  options.context_tokens, dimensions)
    told = hashlib.sha256(json.dumps([background, benchmark]).encode()).hexdigest()[:12]
    chosen = {**options.settings.identity(), "recode_model": recoder.model, "seed": options.seed,
              "context_tokens": options.context_tokens, "background": told,
              "codebook": files.sha256(options.old) if options.old else None,
              "prompts": prompts.digest(*axial_coding.TEMPLATES)}
    read = project.inputs(options.input)
    resumed = not dry and project.begin(folder, project.AXIAL, chosen, read, options.overwrite)
    name = files.bare_name(options.input[0]).removesuffix(".jsonl").removeprefix("open_coded_")
    return Prepared(options, folder, project.AXIAL, chosen, read, resumed, name, lines, stage)


# The ways to run it.

def run(way: str, options: Options) -> dict[str, Any]:
    """Runs it in one of its ways: dry_run, live, submit, status or collect."""
    return stage_run.run(way, options, project.AXIAL, prepare, dry_run)


def dry_run(options: Options) -> dict[str, Any]:
    """Writes the first prompts, and says about how many tokens and how much money it would take."""
    ready = prepare(options, dry=True)
    first = axial_coding.build(ready.stage, Progress(), lambda _: None).needed
    path, shown = (ready.folder / project.DRY_RUN / name
                   for name in ("axial_prompts.jsonl", "axial_first_prompt.md"))
    with files.atomic(path) as file:
        file.writelines(project.json_line(
            {"name": request.name, "tokens": request.tokens, "body": request.body})
            for request in first)
    files.write_text(shown, prompts.readable(first[0]))
    requests, tokens, answers = axial_coding.expected(ready.stage, card.FEWEST_SHARED)
    return {"samples": len(ready.lines), "to_code": len(ready.stage.samples),
            "requests": requests, "prompt_tokens": tokens, "completion_tokens": answers,
            "cost": options.cost(tokens, answers),
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
        why = "; ".join(sorted(set(built.left_out.values()))[:3]) or "; ".join(built.problems[:3])
        raise files.Refusal(f"no answer held a codebook ({why[:400]}); see the log in "
                            f"{ready.folder / 'logs'}, or try another --model and --overwrite")
    return built


def _record(line: Line, coded: Coded) -> dict[str, Any]:
    """The codes of a sample. What is not known is said in words, so that counting is safe."""
    name = line.compact.name if line.compact else ""
    entry = coded.entries.get(name)
    state, reason = coded.failed.get(name, ("skipped_by_budget", "not asked"))
    if line.compact is None:
        state, reason = line.state, "it has no open code"
    if entry is not None or line.hidden and line.success is False:
        state, reason = "ok", coded.remarks.get(name, "")
    codes = {"primary_code": codebook.UNKNOWN, "secondary_codes": [],
             "severity": codebook.UNKNOWN, "fault": "undecided", "rationale": "", "quote": None}
    if entry is not None:
        codes = {**entry.model_dump(exclude={"sample"}), "rationale": prompts.line(entry.rationale),
                 "secondary_codes": list(dict.fromkeys(entry.secondary_codes)),
                 "quote": line.compact.quotes.get(entry.quote)}
    elif state == "ok":
        codes["primary_code"] = codebook.NOT_VISIBLE
    return {"axial_state": state, "axial_reason": reason, "axial_coding": codes}


def _proved(lines: Sequence[Line], records: Records) -> Proved:
    """The failing samples that have a code and a verified quote that shows it, with their codes;
    of others there is nothing to record."""
    failing = ((line.ident, records[line.ident]["axial_coding"]) for line in lines
               if line.success is False)
    return [(ident, codes) for ident, codes in failing
            if codes["quote"] is not None and codes["primary_code"] != codebook.NO_CODE]


def _codings(lines: Sequence[Line], records: Records) -> tuple[list[card.Coding], int]:
    """The samples of known coding, and how many failing ones have none."""
    known, unknown = [], 0
    for line in lines:
        if line.success is None:
            continue  # nobody judged it: it is in no share
        failing, codes = line.success is False, records[line.ident]["axial_coding"]
        if records[line.ident]["axial_state"] == "ok":
            every = _labels(codes["primary_code"], codes["secondary_codes"])
            known.append(card.Coding(line.ident, line.model, failing, codes["primary_code"], every,
                                     line.matched_to))
        else:
            unknown += failing
    return known, unknown


def _labels(primary: str, secondary: Sequence[str]) -> frozenset[str]:
    """All codes of a sample, without what is said instead of a code."""
    return frozenset({primary, *secondary} - {codebook.NO_CODE, codebook.NOT_VISIBLE})


def _codebook(ready: Prepared, built: Built, coded: Coded, again: Coded, records: Records,
              proved: Proved) -> dict[str, Any]:
    """The codebook with its taxonomy, card and lineage."""
    options = ready.asked
    codings, unknown = _codings(ready.lines, records)
    samples = {code.code: [one.ident for one in codings if one.failing and code.code in one.codes]
               for code in built.codes}
    recodings = [tuple((one.primary_code, _labels(one.primary_code, one.secondary_codes))
                       for one in (coded.entries[name], again.entries[name]))
                 for name in again.entries if name in coded.entries]
    drawn = len(axial_coding.recoded(ready.stage, card.FEWEST_SHARED))
    coders = (options.settings.model, ready.stage.second.settings.model)
    events = msgspec.to_builtins(built.events)
    return {
        "project": options.project, "model": options.settings.model, "rounds": built.rounds,
        "codes": msgspec.to_builtins(built.codes),
        "lineage": {"parent": options.old.as_posix() if options.old else None,
                    "events": {name: [event for event in events if event["event"] == name]
                               for name in codebook.EVENTS}},
        "card": card.numbers(built.codes, codings, unknown, recodings, coders, options.seed),
        "taxonomy": codebook.taxonomy(built.codes, samples, _quotes(proved),
                                      card.FEWEST_SAMPLES),
        "problems": [prompts.line(problem) for problem in built.problems],
        "left_out": dict(built.left_out),
        "recoding_failed": drawn - len(recodings),
        "first_coding_told": built.given is not None,
        "uncovered": {sample.ident: sample.digest for sample in ready.stage.samples
                      if sample.compared and records[sample.ident]["axial_coding"][
                          "primary_code"] == codebook.NO_CODE},
    }


def _quotes(proved: Proved) -> dict[str, list[dict[str, str]]]:
    """Two quotes of each code, from two failing samples of which it is the primary code."""
    found: dict[str, list[dict[str, str]]] = {}
    for ident, codes in proved:
        found.setdefault(codes["primary_code"], []).append(
            {"sample_id": ident, "quote": codes["quote"]})
    return {code: some[:2] for code, some in found.items()}


def _reviews(name: str, proved: Proved) -> Iterator[bytes]:
    """What the coder says of each failing sample, in the form that record_review.py takes."""
    coder = re.sub(r"[^\w.@:-]", "_", name)[:60].lstrip(".@:-_") or "llm"
    for ident, codes in proved:
        yield project.json_line(
            {"id": ident, "bucket": codes["primary_code"], "fault": codes["fault"],
             "mechanism": codes["rationale"], "quotes": [codes["quote"]],
             "secondary": codes["secondary_codes"], "coder": coder, "kind": "llm"})


def _counts(records: Collection[Mapping[str, Any]], result: Mapping[str, Any]) -> dict[str, Any]:
    states = Counter(one["axial_state"] for one in records)
    return {"samples": len(records), "coded": states["ok"],
            "unknown": len(records) - states["ok"],
            "states": {state: states[state] for state in model.STATES},
            "codes": len(result["card"]["codes"]), "residue": len(result["card"]["residue"]),
            codebook.NO_CODE: result["card"][codebook.NO_CODE],
            codebook.NOT_VISIBLE: result["card"][codebook.NOT_VISIBLE],
            "problems": len(result["problems"]), "left_out": len(result["left_out"]),
            "recoding_failed": result["recoding_failed"]}


# What a run tells a person.

def lines(way: str, found: dict[str, Any]) -> list[str]:
    """What a run tells a person."""
    return stage_run.lines(way, found, _estimate_lines, _result_lines)


def _estimate_lines(found: dict[str, Any]) -> list[str]:
    what = f"{found['to_code']} of {found['samples']} samples to code, about {found['requests']} " \
           "requests,"
    return [*stage_run.estimated(found, what, "repairs"), f"all first ones: {found['files'][0]}"]


def _result_lines(found: dict[str, Any]) -> list[str]:
    saturation, recoding = found["saturation"], found["recoding"]
    cover = "" if saturation["coverage"] is None else (
        f"modes seen so far cover about {saturation['coverage']:.0%} of the failures (at least "
        f"{saturation['lower']:.0%}): {'enough' if saturation['enough'] else 'code more samples'}")
    kind = "the same model coding again agreed with itself" if recoding["self_consistency"] \
        else "the second model agreed"
    left = found["recoding_failed"]
    failed = f" ({left} more were not coded both times)" if left else ""
    told = [
        stage_run.coded(found),
        f"{found['codes']} codes in at least 2 samples, {found['residue']} in the residue; no code "
        f"fits {found[codebook.NO_CODE]}, no failure visible in {found[codebook.NOT_VISIBLE]}",
        cover,
        f"{kind} on the primary code in {recoding['primary']['same']} of {recoding['samples']}"
        f"{failed}",
        f"not put right: {found['problems']} (see the card)" if found["problems"] else "",
        f"compared with no other: {found['left_out']} samples (see the card)"
        if found["left_out"] else "",
        *stage_run.spent(found),
        f"read the card: {found['files']['card']}",
        f"codes: {found['files']['coded']}",
        f"as one more coder of a packet: record_review.py ANALYSIS_DIR --from "
        f"{found['files']['reviews']} ({found['reviews']} reviews)"]
    return [line for line in told if line]

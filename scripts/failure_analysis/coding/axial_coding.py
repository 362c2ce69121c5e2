"""Axial coding: a codebook made by comparing all open codes, then every sample coded with it.

Each step is a function of the answers so far: it returns the requests that it still needs, or what
it made. So a run that was killed, or goes through batches, comes to the same result."""

import hashlib
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis.coding import codebook, model, prompts
from failure_analysis.coding.calls import Answer, Get
from failure_analysis.coding.card import FEWEST_SHARED
from failure_analysis.coding.codebook import NO_CODE, Code, Event

if TYPE_CHECKING:
    from failure_analysis.coding import shapes

TEMPLATES = ("axial_codebook", "axial_codebook_round", "axial_entry", "axial_assign",
             "axial_assign_batch", "repair")
_BATCH = 25  # samples coded in one request at most: the answer to more is long, and easily cut
_ROUND_SHARE = 0.6  # of the context, what codebook and answer may take in a round of comparison
_ENTRY, _CODEBOOK = 150, 4000  # tokens, about, of one sample's coding and of a codebook


class Sample(NamedTuple):
    """An open-coded sample in compact form. `judged_text` says also how it was judged; `name`
    stands for its id in prompts, `quotes` are its verified quotes by their short names."""

    name: str
    ident: str
    compared: bool
    text: str
    judged_text: str
    quotes: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A hash of what is compared."""
        return hashlib.sha256(self.judged_text.encode("utf-8", "replace")).hexdigest()[:12]


class Coder(NamedTuple):
    """Who codes samples, and which coding of theirs it is: a second one is another call."""

    settings: model.Settings
    turn: int


@dataclass(frozen=True)
class Stage:
    """All that the requests of this stage are made from. `old` is the codebook that is extended;
    `uncovered` holds, by sample, a hash of each open code for which it was extended in vain."""

    first: Coder
    second: Coder
    benchmark: str
    background: Mapping[str, str]
    samples: Sequence[Sample]
    old: tuple[Code, ...]
    uncovered: Mapping[str, str]
    seed: int
    context: int
    dimensions: frozenset[str]


class Built(NamedTuple):
    """A codebook, or the requests that it still needs. `assignments` are those of a single call
    that coded the samples too, `left_out` the samples that no round could compare, by id."""

    needed: tuple[model.Request, ...] = ()
    codes: tuple[Code, ...] = ()
    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()
    assignments: "Sequence[shapes.Assignment] | None" = None
    left_out: Mapping[str, str] = {}
    rounds: int = 0
    stopped: str = ""


class Coded(NamedTuple):
    """Samples coded with a codebook, by name: what each was assigned, or the state it ended in and
    why; `remarks` says what was taken away from it. Samples in neither still need `needed`."""

    needed: tuple[model.Request, ...] = ()
    assignments: "Mapping[str, shapes.Assignment]" = {}
    failed: Mapping[str, tuple[str, str]] = {}
    remarks: Mapping[str, str] = {}


def together(codings: Sequence[Coded]) -> Coded:
    """Several batches as one."""
    return Coded(tuple(request for coded in codings for request in coded.needed),
                 *({name: value for coded in codings
                    for name, value in getattr(coded, field).items()}
                   for field in ("assignments", "failed", "remarks")))


@dataclass
class Progress:
    """How far the rounds of comparison are: answers that are in stay as they are, so that no round
    is gone through again. `queue` is None before the first one."""

    queue: deque[list[Sample]] | None = None
    whole: bool = False
    before: int = 0
    built: Built = Built()


# The codebook.

def build(stage: Stage, progress: Progress, get: Get) -> Built:
    """The codebook: with the samples coded in one call where they fit, else in rounds of constant
    comparison in seeded order; from an old codebook, only what it does not cover is compared, and
    nothing for which it was extended in vain."""
    if progress.queue is None:
        queue = [sample for sample in stage.samples if sample.compared]
        if stage.old:
            first = together([job() for job in assigning_jobs(stage, stage.first, stage.old,
                                                              stage.samples, get)])
            if first.needed:
                return Built(first.needed)
            queue = [sample for sample in queue if sample.name in first.assignments
                     and first.assignments[sample.name].primary_code == NO_CODE
                     and stage.uncovered.get(sample.ident) != sample.digest]
        random.Random(stage.seed).shuffle(queue)
        progress.whole = _fits(stage, queue)
        progress.queue = deque([queue] if progress.whole else _packed(stage, queue))
        progress.built = Built(codes=stage.old)
    return _rounds(stage, progress, get)


def _fits(stage: Stage, queue: Sequence[Sample]) -> bool:
    """Whether all samples can be compared and coded in one call."""
    return not stage.old and len(queue) == len(stage.samples) and sum(
        model.estimate(sample.judged_text) + _ENTRY for sample in queue) <= stage.context


def _packed(stage: Stage, queue: Sequence[Sample]) -> list[list[Sample]]:
    """The samples in rounds that fit the context beside the codebook and the answer."""
    return list(model.packed(queue, lambda sample: model.estimate(sample.judged_text),
                             stage.context * _ROUND_SHARE))


def _rounds(stage: Stage, progress: Progress, get: Get) -> Built:
    """Extends and merges a codebook round by round. A round without a usable answer is halved."""
    while progress.queue:
        batch, number = progress.queue[0], progress.built.rounds + 1
        settled = prompts.settle(stage.first.settings, _request(stage, progress, number), get,
                                 partial(_read, stage, progress.built.codes, number), of="message")
        if isinstance(settled, model.Request):
            return Built((settled,))
        if settled.state in model.UNANSWERED:
            return Built(stopped=f"round {number} got no answer: {settled.reason}")
        progress.queue.popleft()
        built, progress.whole = progress.built._replace(rounds=number), False
        if revised := settled.value:
            built = built._replace(
                codes=revised.codes, events=built.events + revised.events,
                problems=built.problems + revised.problems, assignments=revised.assignments)
            progress.before += len(batch)
        elif half := len(batch) // 2:
            progress.queue.extendleft((batch[half:], batch[:half]))
        else:
            reason = f"{settled.state}: {settled.reason}"
            built = built._replace(left_out={**built.left_out, batch[0].ident: reason})
        progress.built = built
    return progress.built


def _request(stage: Stage, progress: Progress, number: int) -> model.Request:
    """The request for a round: the codebook so far and the open codes of a batch."""
    from failure_analysis.coding import shapes

    settled_ids = {code.code_id for code in stage.old}
    codes, whole = progress.built.codes, progress.whole
    fixed = [_shown(code) for code in codes if code.code_id in settled_ids]
    changeable = [_shown(code) for code in codes if code.code_id not in settled_ids]
    samples = [{"name": sample.name, "text": sample.judged_text} for sample in progress.queue[0]]
    blocks = (*fixed, *changeable, *samples)
    mark = model.mark_of(*(text for block in blocks for text in block.values()))
    text = prompts.render("axial_codebook_round", mark=mark, fixed=fixed, known=changeable,
                          samples=samples, before=progress.before, round=number,
                          rounds=number + len(progress.queue) - 1)
    instructions = prompts.render("axial_codebook", benchmark=stage.benchmark, assigns=whole,
                                  background=stage.background)
    return model.new_request(stage.first.settings, f"codebook round {number}", mark,
                             shapes.Taxonomy if whole else shapes.Codebook, instructions, text)


def _read(stage: Stage, codes: Sequence[Code], number: int, request: model.Request,
          answer: Answer) -> tuple[Built | None, tuple[str, ...]]:
    """What an answer makes of the codebook, and all that is wrong with it."""
    value, reason = model.value_of(request, answer)
    if value is None:
        return None, (reason,)
    revision = codebook.revised(codes, {code.code_id for code in stage.old},
                                value.primary_categories, number, set(stage.dimensions))
    if not revision.codes:
        return None, (*revision.problems, "there is no code in it")
    return Built((), *revision, getattr(value, "assignments", None)), revision.problems


def _shown(code: Code) -> dict[str, str]:
    """A code as a reader of prompts sees it."""
    return {"code": code.code, "text": "\n".join((
        f"category: {code.category}", f"definition: {code.definition}",
        f"indicators: {'; '.join(code.indicators)}", f"when to use: {code.when_to_use}",
        f"when not to use: {code.when_not_to_use}"))}


# Coding with the codebook.

def assigning_jobs(stage: Stage, coder: Coder, codes: Sequence[Code], samples: Sequence[Sample],
                   get: Get) -> list[Callable[[], Coded]]:
    """One function per batch: the samples in seeded order, failing and passing mixed, as many as a
    request takes."""
    queue = list(samples)
    random.Random(f"order {stage.seed}").shuffle(queue)
    room = stage.context - sum(model.estimate(_shown(code)["text"]) for code in codes)
    packed = model.packed(queue, lambda sample: model.estimate(sample.text) + _ENTRY, room, _BATCH)
    return [partial(assign_batch, stage, coder, codes, batch, get) for batch in packed]


def assign_batch(stage: Stage, coder: Coder, codes: Sequence[Code],
                 batch: Sequence[Sample], get: Get) -> Coded:
    """A batch coded. An answer that cannot be used is asked for in halves, so that one sample does
    not take others with it; entries that are wrong are asked for once more."""
    request = _assignment_request(stage, coder, codes, batch, ())
    answer = get(request.key)
    if answer is None:
        return Coded((request,))
    value, reason = model.value_of(request, answer)
    if value is not None:
        return checked(stage, coder, codes, batch, value.assignments, get)
    if len(batch) > 1 and answer.state not in model.UNANSWERED:
        middle = len(batch) // 2
        return together([assign_batch(stage, coder, codes, half, get)
                         for half in (batch[:middle], batch[middle:])])
    if answer.state in ("ok", "unparsed"):
        return _again(stage, coder, codes, [(batch[0], [reason])], get)
    return Coded(failed={sample.name: (answer.state, reason) for sample in batch})


def checked(stage: Stage, coder: Coder, codes: Sequence[Code],
            batch: Sequence[Sample], assignments: "Sequence[shapes.Assignment]", get: Get) -> Coded:
    """What an answer assigns as it should be, and the others asked for once more."""
    wrong = [(sample, faults) for sample in batch
             if (faults := _faults(sample, assignments, codes))]
    good = {sample.name for sample in batch} - {sample.name for sample, _ in wrong}
    coded = Coded(assignments={given.sample: given for given in assignments
                               if given.sample in good})
    return together([coded, _again(stage, coder, codes, wrong, get)]) if wrong else coded


def _again(stage: Stage, coder: Coder, codes: Sequence[Code],
           wrong: Sequence[tuple[Sample, Sequence[str]]], get: Get) -> Coded:
    """The one repair. Where only the quote of an assignment is wrong, the quote is given up."""
    batch = [sample for sample, _ in wrong]
    request = _assignment_request(stage, coder, codes, batch,
                                  [fault for _, faults in wrong for fault in faults])
    answer = get(request.key)
    if answer is None:
        return Coded((request,))
    value, reason = model.value_of(request, answer)
    if value is None:
        state = "unparsed" if answer.state == "ok" else answer.state
        return Coded(failed={sample.name: (state, reason) for sample in batch})
    given = {assignment.sample: assignment for assignment in value.assignments}
    assignments, failed, remarks = {}, {}, {}
    for sample in batch:
        name, faults = sample.name, _faults(sample, value.assignments, codes)
        if not faults:
            assignments[name] = given[name]
        elif all(fault.startswith("the quote") for fault in faults):
            assignments[name] = given[name].model_copy(update={"quote": None})
            remarks[name] = faults[0]
        else:
            failed[name] = ("unparsed", "; ".join(faults))
    return Coded((), assignments, failed, remarks)


def _faults(sample: Sample, assignments: "Sequence[shapes.Assignment]", codes: Sequence[Code]
            ) -> list[str]:
    """What is wrong with the coding of a sample in an answer."""
    mine = [assignment for assignment in assignments if assignment.sample == sample.name]
    if len(mine) != 1:
        return [f"{sample.name} is coded {len(mine)} times" if mine else
                f"{sample.name} is not coded"]
    [assignment] = mine
    names = {code.code for code in codes}
    primary, secondary = assignment.primary_code, assignment.secondary_codes
    foreign = [name for name in (primary, *secondary) if name not in names
               and (name != NO_CODE or name in secondary)]
    faults = [f"{sample.name}: {name[:60]!r} is no code of the codebook" for name in foreign]
    if primary in secondary:
        faults.append(f"{sample.name}: {primary[:60]} is both primary and secondary")
    if primary == NO_CODE and secondary:
        faults.append(f"{sample.name}: {NO_CODE} goes with no secondary code")
    if not assignment.rationale.strip():
        faults.append(f"{sample.name}: the rationale is empty")
    if assignment.quote is not None and assignment.quote not in sample.quotes:
        faults.append(f"the quote {assignment.quote[:40]!r} is none of {sample.name}")
    return faults


def _assignment_request(stage: Stage, coder: Coder, codes: Sequence[Code],
                        batch: Sequence[Sample], faults: Sequence[str]) -> model.Request:
    """The request that codes a batch, or codes it once more because of these faults."""
    from failure_analysis.coding import shapes

    shown_codes = [_shown(code) for code in codes]
    samples = [{"name": sample.name, "text": sample.text} for sample in batch]
    problems = [prompts.line(fault) for fault in faults]
    another = () if coder.turn == 1 else (f"coding {coder.turn}",)
    mark = model.mark_of(*another, *problems, *(text for block in (*shown_codes, *samples)
                                                for text in block.values()))
    text = prompts.render("axial_assign_batch", mark=mark, codes=shown_codes, samples=samples,
                          problems=problems)
    instructions = prompts.render("axial_assign", benchmark=stage.benchmark,
                                  background=stage.background)
    name = f"coding {batch[0].name}" + (f" and {len(batch) - 1} more" if batch[1:] else "")
    return model.new_request(coder.settings, f"{name} repair" if faults else name, mark,
                             shapes.Assignments, instructions, text)


def coding_jobs(stage: Stage, built: Built, get: Get) -> list[Callable[[], Coded]]:
    """One function per batch of samples, which codes it with the finished codebook."""
    if built.assignments is not None:
        return [partial(checked, stage, stage.first, built.codes, stage.samples,
                        built.assignments, get)]
    return assigning_jobs(stage, stage.first, built.codes, stage.samples, get)


def recoded(stage: Stage) -> list[Sample]:
    """The samples that are coded a second time, in an order of their own: a seeded fifth of the
    compared ones (what agreement needs at least), whatever became of them the first time."""
    compared = [sample for sample in stage.samples if sample.compared]
    number = min(len(compared), max(math.ceil(len(compared) / 5), FEWEST_SHARED))
    return random.Random(stage.seed).sample(compared, number)


def recoding_jobs(stage: Stage, built: Built, get: Get) -> list[Callable[[], Coded]]:
    """One function per batch of samples to be coded again, in another order."""
    return assigning_jobs(stage, stage.second, built.codes, recoded(stage), get)


# Open codes -> compact samples.

def compact(name: str, row: Mapping[str, Any]) -> Sample:
    """A sample of an open_coded file that has a code; one whose failure was visible is compared."""
    coding, line = row["coding"], prompts.line
    verified = [quote for quote in coding["evidence"] if quote["verified"]]
    proofs = {f"{name}.q{number}": quote for number, quote in enumerate(verified, 1)}
    text = "\n".join((
        f"summary: {line(coding['descriptive_summary'])}",
        "issues:" if coding["issues_identified"] else "issues: none",
        *(f"- {line(issue)}" for issue in coding["issues_identified"]),
        f"observations: {line(coding['observations'])}",
        *(f'{short}: "{line(proof["quote"])}" ({line(proof["shows"])})'
          for short, proof in proofs.items())))
    judged = {True: "passed", False: "failed"}.get(row["success"], "not judged")
    reward = "" if row["reward"] is None else f", reward {row['reward']}"
    failed = ", ".join(map(line, row["failed_dimensions"]))
    judged_text = f"{judged}{reward}{f', false: {failed}' if failed else ''}\n{text}"
    compared = row["success"] is False and coding["visibility"] == "failure_visible"
    return Sample(name, row["sample_id"], compared, text, judged_text,
                  {short: proof["quote"] for short, proof in proofs.items()})


def phases(stage: Stage, get: Get) -> Iterator[tuple[str, list[Callable]]]:
    """The parts of the work in turn, each begun when the jobs of the one before need nothing."""
    progress = Progress()
    yield "codebook", [lambda: build(stage, progress, get)]
    built = build(stage, progress, get)
    if built.needed or built.stopped or not built.codes:
        return
    jobs = coding_jobs(stage, built, get)
    yield "coding", jobs
    coded = together([job() for job in jobs])
    if not coded.needed:
        yield "recoding", recoding_jobs(stage, built, get)


def expected(stage: Stage) -> dict[str, int]:
    """About how many requests, prompt tokens and answer tokens it all takes, without repairs."""
    compared = [sample for sample in stage.samples if sample.compared]
    tokens_compared = sum(model.estimate(sample.judged_text) for sample in compared)
    whole = _fits(stage, compared)
    rounds = 1 if whole or stage.old else len(_packed(stage, compared))
    again = len(recoded(stage))
    apart = 0 if whole else len(stage.samples)
    coding = math.ceil(again / _BATCH) + math.ceil(apart / _BATCH)
    # A codebook of some 20 codes is read with each batch and answered in each round.
    open_codes = tokens_compared + tokens_compared * (again + apart) // len(compared)
    return {"requests": rounds + coding,
            "prompt_tokens": open_codes + (rounds + coding) * _CODEBOOK,
            "completion_tokens": rounds * _CODEBOOK + (again + len(stage.samples)) * _ENTRY}

"""What people bring along: answers from a second source, and items that are known to be wrong."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import facts, files, manifest, steps
from failure_analysis.audit import golds, normal, values
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.contract import Contract
from failure_analysis.audit.final import final
from failure_analysis.audit.item import Item
from failure_analysis.audit.whole import Whole
from failure_analysis.clean import clean_name
from failure_analysis.reading import delimited

OPTIONS = ("answers", "known_defects", "contract")  # of the script, as the manifest keeps them
_FINGERPRINT = re.compile("[0-9a-f]{16}")
NOTHING = "-"  # given as the file: what was given before no longer counts
CLASS = "other_answer"
RULES = ("right_and_failed", "wrong_and_passed", "gold_differs")


class Answer(NamedTuple):
    """What a second source says is the answer to an item."""

    text: str
    source: str


class Defect(NamedTuple):
    """What is known to be wrong with an item. `version`: of the benchmark, or the fingerprint of
    the one content of the item that it is about; blank: any."""

    version: str
    what: str
    link: str


class Given(NamedTuple):
    """The answers and the defects by item, the contract, and the settings that the manifest keeps
    of them."""

    answers: Mapping[str, list[Answer]]
    defects: Mapping[str, list[Defect]]
    contract: Contract | None
    settings: Mapping[str, dict[str, Any]]
    remembered: tuple[str, ...]


def given(analysis_dir: Path, answers: Path | None = None, known_defects: Path | None = None,
          contract: Path | None = None) -> Given:
    """What is given now, else what was given when the step ran before. Refuses a file that is gone
    or cannot be read."""
    before = manifest.settings(analysis_dir, steps.AUDIT.name, dict[str, Any])
    paths, remembered = {}, []
    for name, path in zip(OPTIONS, (answers, known_defects, contract), strict=True):
        if path is None and isinstance(before.get(name), dict) and before[name].get("path"):
            path = Path(before[name]["path"])
            remembered.append(name)
            if not path.exists():
                option = f"--{name.replace('_', '-')}"
                raise files.Refusal(f"{path}: it was given before and is gone; give {option} FILE "
                                    f"again, or {option} {NOTHING} to go on without")
        if path is not None and str(path) != NOTHING:
            paths[name] = path
    settings = {name: {"path": path.resolve().as_posix(), "sha256": _sha256(path)}
                for name, path in paths.items()}
    terms = _contract(paths["contract"]) if "contract" in paths else None
    if terms:
        settings["contract"]["files"] = {path.resolve().as_posix(): _sha256(path)
                                         for path in terms.files}
    return Given(_answers(paths["answers"]) if "answers" in paths else {},
                 _defects(paths["known_defects"]) if "known_defects" in paths else {},
                 terms, settings, tuple(remembered))


def as_before(analysis_dir: Path) -> Given:
    """What was given when the step ran; refuses when it is gone or has changed."""
    brought = given(analysis_dir)
    before = manifest.settings(analysis_dir, steps.AUDIT.name, dict[str, Any])
    if other := next((name for name, now in brought.settings.items() if now != before.get(name)),
                     ""):
        raise files.Refusal(f"{brought.settings[other]['path']}: it, or a file that it names, has "
                            f"changed since the audit; run {steps.AUDIT.script} again")
    return brought


def _contract(path: Path) -> Contract:
    """The contract in a file."""
    from failure_analysis.audit import contract_file

    return contract_file.load(path)


def _sha256(path: Path) -> str:
    try:
        return files.sha256(files.no_pipe(path))
    except OSError as error:
        raise files.Refusal(f"{path}: {error.strerror}; give a file that is there") from None


def _answers(path: Path) -> dict[str, list[Answer]]:
    """The answers of a file by item; refuses two of one source that differ."""
    by_item: dict[str, list[Answer]] = {}
    for number, line in _lines(path, ("item", "answer")):
        item, answer = clean_name(line["item"]), Answer(line["answer"], line.get("source", ""))
        mine = by_item.setdefault(item, [])
        for other in mine:
            if other.source == answer.source and other.text != answer.text:
                raise files.Refusal(f"{path}:{number}: another answer to this item from the same "
                                    "source; keep one, or name their sources")
        if answer not in mine:
            mine.append(answer)
    return by_item


def _defects(path: Path) -> dict[str, list[Defect]]:
    """The known defects of a file by item."""
    by_item: dict[str, list[Defect]] = {}
    for _, line in _lines(path, ("id",)):
        by_item.setdefault(clean_name(line["id"]), []).append(
            Defect(line.get("version", ""), line.get("what", ""), line.get("link", "")))
    return by_item


def _lines(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, its values as text) of a JSONL or CSV file; refuses what cannot be read, and a line
    that lacks a value or has a blank one."""
    is_table = files.bare_name(path).lower().endswith(delimited.ENDINGS)
    if is_table:
        with files.open_bytes(path) as file:
            dialect = delimited.dialect(file.read(1 << 16), path)
        lines = delimited.rows(path, dialect)
    else:
        lines = files.json_lines(path)
    count = 0
    for line in lines:
        if line.reason or not isinstance(line.value, dict):
            raise files.Refusal(f"{path}:{line.number}: {line.reason or 'not a JSON object'}; "
                                "mend the line or take it out")
        values = {name: normal.written(value).strip() for name, value in line.value.items()
                  if value is not None}
        for name in needed:
            if not values.get(name):
                raise files.Refusal(f"{path}:{line.number}: {name} is missing or blank; a line "
                                    f"needs {' and '.join(needed)}")
        count += 1
        yield line.number, values
    if not count:
        raise files.Refusal(f"{path}: nothing in it; give JSONL or CSV with {', '.join(needed)}")


def find(item: Item, whole: Whole, answers: Mapping[str, list[Answer]]) -> Iterator[Candidate]:
    """Where a second source, the gold and the verdicts on an item contradict each other. Only
    answers that are sure are compared; several sources that differ decide nothing."""
    mine = answers.get(item.ident)
    if not mine:
        return
    whole.given.add(item.ident)
    first, gold = mine[0], golds.plain(item.expected)
    if any(not alike(other.text, first.text, "") for other in mine[1:]):
        whole.counted["answers/sources_differ"] += 1
        return
    sides = [variant("question", item.question),
             variant("answer of a second source", "\n".join(
                 f"{one.text} ({one.source})" if one.source else one.text for one in mine)),
             *([variant("expected", gold)] if gold is not None else [])]
    right: list = []
    wrong: list = []
    for row in item.rows:
        said = final(row.answer).text
        if row.outcome == "unjudged" or not said:
            whole.counted["answers/not_compared_rows"] += 1
            continue
        whole.counted["answers/compared_rows"] += 1
        same = bool(alike(said, first.text, item.question))
        if same and row.outcome == "fail":
            right.append(row)
        elif row.outcome == "pass" and not same and differs(said, first.text):
            wrong.append(row)
    differing = gold is not None and not alike(first.text, gold, "") \
        and differs(gold, first.text)
    yield from _flags(item, whole, sides, right, wrong, differing)


def differs(a: str, b: str) -> bool:
    """Whether two answers surely say different things: not when one is a part of the other."""
    first, second = golds.folded(a), golds.folded(b)
    if values.number(a) and values.number(b):
        return values.number(a)[0] != values.number(b)[0]
    return first not in second and second not in first


def _flags(item: Item, whole: Whole, sides: list, right: list, wrong: list, differing: bool
           ) -> Iterator[Candidate]:
    """The candidates of an item, and the facts."""
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    found = ((RULES[0], right, "failed", "The answer of a second source was judged wrong in "
              f"{len(right)} datapoints."),
             (RULES[1], wrong, "passed", "Another answer than that of a second source was judged "
              f"right in {len(wrong)} datapoints."),
             (RULES[2], judged if differing else [], "", "What is expected is not what a second "
              "source says."))
    for rule, rows, label, what in found:
        whole.counted[f"answers/{rule}"] += int(differing) if rule == RULES[2] else len(rows)
        if rows or (rule == RULES[2] and differing):
            more = [variant(label, rows[0].answer, rows)] if label else []
            yield candidate(item, CLASS, rule, what, [*sides, *more], rows)


class Rates(NamedTuple):
    """A model's counts with and without the known-defective items, and its places by rate."""

    model: str
    judged: int
    passed: int
    judged_without: int
    passed_without: int
    rank: int
    rank_without: int | None


class Known(NamedTuple):
    """A known defect of an item in the runs: how many of its datapoints were judged and failed."""

    item: str
    fingerprint: str
    defect: Defect
    judged: int
    failed: int


def count_known(item: Item, defects: Mapping[str, list[Defect]], whole: Whole) -> None:
    """Notes the known defect of an item, and what the models did there."""
    mine = known_version(defects, item.ident, item.fingerprint)
    if not mine:
        return
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    whole.known.append(Known(item.ident, item.fingerprint, mine, len(judged),
                             sum(row.outcome == "fail" for row in judged)))
    for row in judged:
        counts = whole.models_on_known.setdefault(row.model, [0, 0])
        counts[0] += 1
        counts[1] += row.outcome == "pass"


def rates(whole: Whole) -> list[Rates]:
    """Each model that was judged, with and without the known-defective items, best first."""
    pairs = {}
    for model, (judged, passed) in whole.models.items():
        there, passed_there = whole.models_on_known.get(model, (0, 0))
        pairs[model] = (judged, passed, judged - there, passed - passed_there)
    share = {model: passed / judged for model, (judged, passed, _, _) in pairs.items()}
    without = {model: passed / judged for model, (_, _, judged, passed) in pairs.items() if judged}
    first, then = ranks(share), ranks(without)
    return sorted((Rates(model, *counts, first[model], then.get(model))
                   for model, counts in pairs.items()), key=lambda row: (row.rank, row.model))


def ranks(shares: Mapping[str, float]) -> dict[str, int]:
    """The rank of each model by its share of passes; equal ones share a rank."""
    return {model: 1 + sum(other > share for other in shares.values())
            for model, share in shares.items()}


def numbers(whole: Whole, brought: Given) -> dict[str, int | float]:
    """The facts of what was given; none where nothing was."""
    counts: dict[str, int | float] = {}
    if brought.answers:
        counts |= {f"audit/answers/{name}": whole.counted[f"answers/{name}"] for name in RULES}
    if brought.defects:
        counts |= {"audit/known_items": len({known.item for known in whole.known}),
                   "audit/known_failed_rows": sum(known.failed for known in whole.known)}
        counts |= {facts.key("audit/pass_rate_without_known_pct", row.model):
                   round(100 * row.passed_without / row.judged_without, 1)
                   for row in rates(whole) if row.judged_without}
    return counts


def known_version(defects: Mapping[str, list[Defect]], item: str, print_: str) -> Defect | None:
    """What is known of an item with this content."""
    return next((one for one in defects.get(item, ())
                 if not _FINGERPRINT.fullmatch(one.version) or one.version == print_), None)


def lines(whole: Whole, brought: Given) -> list[str]:
    """What to say of it at the end of a run."""
    counts = numbers(whole, brought)
    said = [f"--{name.replace('_', '-')}: the file given before, "
            f"{brought.settings[name]['path']}" for name in brought.remembered]
    if brought.answers:
        said.append(f"answers: {len(whole.given)} items; "
                    f"{len(brought.answers.keys() - whole.given)} are not in the runs, "
                    f"{whole.counted['answers/sources_differ']} have sources that differ; "
                    f"{whole.counted['answers/compared_rows']} datapoints compared, "
                    f"{whole.counted['answers/not_compared_rows']} not (no sure answer, or "
                    "unjudged)")
    if brought.defects:
        there = {known.item for known in whole.known}
        said.append(f"known defects: {counts['audit/known_items']} items, "
                    f"{counts['audit/known_failed_rows']} failures on them; "
                    f"{len(brought.defects.keys() - there)} are not in the runs")
    return said

"""Codebooks: codes with stable ids, and what an LLM's answer makes of the codebook before it. What
an answer may not do is named and not done; nothing that was there is lost."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from failure_analysis import clean, files, results
from failure_analysis.coding import prompts
from failure_analysis.review import ledger

if TYPE_CHECKING:
    from failure_analysis.coding import shapes

# Said of a sample instead of a code: none fits; the open coder saw no failure; nothing is known.
NO_CODE, NOT_VISIBLE, UNKNOWN = "no_code_applies", "no_failure_visible", "unknown"
RESIDUE = "Residue"
_RESERVED = (NO_CODE, NOT_VISIBLE, UNKNOWN, RESIDUE.lower())
_ID = re.compile(r"c-[0-9a-f]{8}")
EVENTS = ("added", "merged", "split", "renamed", "reworded")
_LISTED = ("code", "code_id", "definition", "indicators", "when_to_use", "when_not_to_use")


class Code(msgspec.Struct, frozen=True):
    """A code. Its id is made from its first name and definition and stays when these change, so
    that two runs over one codebook, or two equal ones, can be compared."""

    code_id: str
    code: str
    category: str
    category_definition: str
    definition: str
    indicators: tuple[str, ...]
    when_to_use: str
    when_not_to_use: str


class Event(msgspec.Struct, frozen=True):
    """What happened to codes in a round: `before` became `after`."""

    event: str
    round: int
    before: tuple[str, ...]
    after: tuple[str, ...]


class Revision(NamedTuple):
    """A codebook made from an answer, what happened on the way, and what was wrong with it."""

    codes: tuple[Code, ...]
    events: tuple[Event, ...]
    problems: tuple[str, ...]


class Book(msgspec.Struct, frozen=True):
    """A codebook that was written; `uncovered` has, by sample, a hash of what no code fits."""

    codes: tuple[Code, ...]
    uncovered: dict[str, str]


def load(path: Path) -> Book:
    """The codes of a *_codebook.json. It may come from anywhere, and its texts go into prompts and
    pages: what axial_coder.py would not have written is refused."""
    document = files.json_document(path).value
    try:
        reason = results.unlike(document, Book) or _unfit(
            (book := msgspec.convert(document, Book)).codes)
    except UnicodeEncodeError as error:
        reason = str(error)
    if reason:
        raise files.Refusal(f"{path}: not a codebook ({reason}); give a *_codebook.json that "
                            "axial_coder.py wrote")
    return book


def _unfit(codes: Sequence[Code]) -> str:
    """What is wrong with the codes of a file; empty when nothing is."""
    if not codes:
        return "no code is in it"
    for values in ({code.code for code in codes}, {code.code_id for code in codes}):
        if len(values) < len(codes):
            return "a name or an id is there twice"
    for place, code in enumerate(codes):
        texts = [text for value in msgspec.structs.astuple(code)
                 for text in (value if isinstance(value, tuple) else (value,))]
        category = code.category.strip()
        if not _ID.fullmatch(code.code_id) or not _is_name(code.code) or code.code in _RESERVED \
                or not category or category.lower() in _RESERVED \
                or any(prompts.line(text) != text for text in texts):
            return f"codes[{place}] has a name, id, category or text that is none"
    return ""


def _is_name(code: str) -> bool:
    return bool(ledger.SLUG.fullmatch(code)) and len(code) <= 60


def revised(earlier: Sequence[Code], fixed_ids: Collection[str], answer: "list[shapes.Category]",
            number: int, dimensions: set[str]) -> Revision:
    """What an answer makes of the earlier codebook in round `number`. Codes whose ids are fixed
    stay as they are, whatever the answer says; one that the answer drops stays too."""
    accepted, problems = _accepted(earlier, fixed_ids, answer, dimensions)
    heirs: dict[Code, list[str]] = {}
    for draft, before in accepted:
        for old in before:
            heirs.setdefault(old, []).append(draft.code)
    split = {old.code: tuple(new) for old, new in heirs.items() if len(new) > 1}
    # Of several that continue one code, the one with its name keeps the id, else the first.
    keeper = {old: old.code if old.code in new else new[0] for old, new in heirs.items()}
    events, made = [], []
    for draft, before in accepted:
        own_id = next((old.code_id for old in before if keeper[old] == draft.code), None)
        taken = {code.code_id for code in (*made, *earlier)}
        made.append(msgspec.structs.replace(draft, code_id=own_id or _new_id(draft, taken)))
        events += _events(draft, before, split, number)
    events += [Event("split", number, (old,), new) for old, new in split.items()]
    dropped = [code for code in earlier if code.code_id not in fixed_ids and code not in heirs]
    problems += [f"the code {code.code} is continued by none; a code is kept, renamed or merged, "
                 "never dropped" for code in dropped]
    kept = [code for code in earlier if code.code_id in fixed_ids or code in dropped]
    return Revision((*kept, *made), tuple(events), tuple(problems))


def _accepted(earlier: Sequence[Code], fixed_ids: Collection[str], answer: "list[shapes.Category]",
              dimensions: set[str]) -> tuple[list[tuple[Code, list[Code]]], list[str]]:
    """The codes of an answer with which nothing is wrong, without ids, each with the earlier codes
    that it continues; and what is wrong with the others."""
    names = {code.code: code for code in earlier}
    taken = {code.code for code in earlier if code.code_id in fixed_ids}
    problems, good = [], []
    for category in answer:
        for code in category.subcategories:
            wrong = _wrong(category, code, taken, names, fixed_ids, dimensions)
            problems += wrong
            if not wrong:
                taken.add(code.code)
                good.append((category, code))
    claimed = {name for _, code in good for name in code.continues}
    accepted = []
    for category, code in good:
        # A code of the same name is the same code, unless only others continue that one.
        mine = code.code in names and (code.code in code.continues or code.code not in claimed)
        before = dict.fromkeys([*([code.code] if mine else []), *code.continues])
        accepted.append((_draft(category, code), [names[name] for name in before]))
    return accepted, problems


def _wrong(category: "shapes.Category", code: "shapes.Code", taken: Collection[str],
           names: Mapping[str, Code], fixed_ids: Collection[str],
           dimensions: set[str]) -> list[str]:
    """What is wrong with one code of an answer."""
    shown = clean.visible(code.code)[:60]
    if not _is_name(code.code):
        return [f"the code {shown!r} is no snake_case name of at most 60 characters"]
    faults = []
    if code.code in _RESERVED:
        faults.append(f"the code {shown} has a reserved name")
    elif ledger.names_no_cause(code.code, dimensions):
        faults.append(f"the code {shown} names no cause: it only says that something failed")
    if code.code in taken:
        faults.append(f"the code {shown} is there twice")
    faults += [f"{name} of the code {shown} is empty" for name in (
        "definition", "when_to_use", "when_not_to_use", "indicators")
        if not "".join(getattr(code, name)).strip()]
    if not category.name.strip() or category.name.strip().lower() in _RESERVED:
        faults.append(f"the category of the code {shown} has no name of its own")
    for name in code.continues:
        if name not in names:
            faults.append(f"the code {shown} continues {clean.visible(name)[:60]!r}, which is no "
                          "code of the codebook before")
        elif names[name].code_id in fixed_ids:
            faults.append(f"the code {shown} continues {name}, which is settled and stays as it is")
    return faults


def _draft(category: "shapes.Category", code: "shapes.Code") -> Code:
    """The record of an answered code; it has no id yet."""
    texts = {name: prompts.line(getattr(code, name))
             for name in ("code", "definition", "when_to_use", "when_not_to_use")}
    indicators = tuple(prompts.line(text) for text in code.indicators if text.strip())
    return Code("", category=prompts.line(category.name), indicators=indicators,
                category_definition=prompts.line(category.definition), **texts)


def _new_id(code: Code, taken: Collection[str]) -> str:
    text = json.dumps([code.code, code.definition])
    while (code_id := "c-" + hashlib.sha256(text.encode()).hexdigest()[:8]) in taken:
        text += "+"
    return code_id


def _events(code: Code, before: Sequence[Code], split: Collection[str], number: int) -> list[Event]:
    """What an answered code did to the codes that it continues; a split is told once, by itself."""
    if not before:
        event = "added"
    elif len(before) > 1:
        event = "merged"
    elif before[0].code in split:
        return []
    elif before[0].code != code.code:
        event = "renamed"
    elif before[0].definition != code.definition:
        event = "reworded"
    else:
        return []
    return [Event(event, number, tuple(old.code for old in before), (code.code,))]


# Codebook -> taxonomy.

def taxonomy(codes: Sequence[Code], samples: Mapping[str, Sequence[str]],
             quotes: Mapping[str, Sequence[Mapping[str, str]]], fewest: int) -> dict[str, Any]:
    """The source's taxonomy: `samples` and `quotes` by code, codes of too few in the residue."""
    common = [code for code in codes if len(samples.get(code.code, ())) >= fewest]
    rare = [code for code in codes if code not in common]

    def listed(code: Code) -> dict[str, Any]:
        return {**{name: getattr(code, name) for name in _LISTED},
                "sample_ids": list(samples.get(code.code, ())),
                "quotes": list(quotes.get(code.code, ()))}

    by_category: dict[str, list[Code]] = {}
    for code in common:
        by_category.setdefault(code.category, []).append(code)
    sections = [(name, inside[0].category_definition, inside)
                for name, inside in by_category.items()]
    if rare:
        definition = f"Codes seen in fewer than {fewest} samples: too rare to call them a pattern."
        sections.append((RESIDUE, definition, rare))
    return {"primary_categories": [
        {"name": name, "definition": definition, "subcategories": [*map(listed, inside)]}
        for name, definition, inside in sections]}

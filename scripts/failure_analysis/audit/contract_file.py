"""How a contract.yaml is written and read: what each item requires, in files beside the runs.
templates/contract.yaml says the same in words. Imported only where one is given: pydantic takes
its time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from failure_analysis import clean, files, tool_calls, user_files
from failure_analysis.audit.contract import Contract, Entry, text_parts
from failure_analysis.reading import containers, mapped_inputs, mapping, mapping_faults, values
from failure_analysis.reading.mapping import Mapped
from failure_analysis.reading.mapping_file import (
    At,
    Expression,
    Fields,
    Globs,
    Join,
    Mapping,
    Name,
    Place,
    Text,
    ToolCalls,
)
from failure_analysis.reading.path_counts import Counts
from failure_analysis.records import Line, Source, item_of
from failure_analysis.tool_checks import Call, parsed_arguments

_KEYS = ("item_id", "turn")
_CALLS = ("required_calls", "allowed_calls")
_TEXTS = ("prompt", "policy", "knowledge")


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Told(Place):
    """A text: where it is in a record, the text itself, or a file of it."""

    file: Text | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Told":
        if len({"at", "value", "file"} & self.model_fields_set) != 1:
            raise ValueError("an expression, {value: a text} or {file: its file} is expected")
        return self


def _placed(value: Any) -> Any:
    return {"at": value} if isinstance(value, str | list) else value


Somewhere = Annotated[Told | None, BeforeValidator(_placed)]
Calls = Annotated[ToolCalls | None, BeforeValidator(_placed)]


class Terms(_Written):
    """What is required of an item, and where its name is."""

    item_id: At = None
    turn: At = None
    golden: At = None
    required_calls: Calls = None
    allowed_calls: Calls = None
    forbidden: At = None
    prompt: Somewhere = None
    policy: Somewhere = None
    knowledge: Somewhere = None

    @model_validator(mode="after")
    def _named(self) -> "Terms":
        if (self.item_id is None) == (self.turn is None):
            raise ValueError("item_id or turn is needed, one of them: the name that rows have")
        return self


class Written(_Written):
    """A whole contract.yaml."""

    files: Globs
    each: dict[Name, Text] | None = None
    let: dict[Name, Expression] = {}
    where: Text | None = None
    join: list[Join] = []
    fields: Terms


def load(path: Path) -> Contract:
    """The contract in a contract.yaml. Refuses what cannot be meant with its file and line."""
    spec = user_files.load(path, Written)
    taken, counts = _files(path, spec), Counts()
    mapped = _mapping(path, spec)
    source = Source(mapping.NAME, taken[0], "", "", "", "", tuple(taken),
                    mapping=Mapped(mapped, tuple(taken)))
    entries: dict[str, Entry] = {}
    met: set[str] = set()
    for line in mapping.read(source, counts):
        where = f"{line.path or taken[0]}:{line.number}"
        entry = _entry(line, spec.fields, where)
        met.update(name for name, value in (line.fields.get("expected") or {}).items()
                   if value is not None)
        if entries.setdefault(entry.item, entry) != entry:
            raise files.Refusal(f"{where}: the contract has item {clean.visible(entry.item)[:80]} "
                                "a second time, with other terms; keep one")
    if fault := next(mapping_faults.faults(mapped, counts), None):
        raise files.Refusal(f"{path}: {clean.visible(fault)}")
    if not entries:
        raise files.Refusal(f"{path}: nothing in its files is an item; correct files, each or "
                            "where")
    for name, place in spec.fields:
        if name not in (*_KEYS, *met) and place is not None and place.at and not place.optional:
            raise files.Refusal(f"{path}: fields.{name}: there is nothing at "
                                f"{' or '.join(place.at)} in any of {counts.rows} records; correct "
                                "the path, or say optional: true")
    turns = [entry.turn for entry in entries.values() if entry.turn is not None]
    return Contract(entries, max(turns, default=None), text_parts(entries.values()),
                    (path, *taken, *_beside(path, spec)))


def _files(path: Path, spec: Written) -> list[Path]:
    """The files of a contract; of a folder all that can be read."""
    hits = sorted({hit for glob in spec.files for hit in path.parent.glob(glob)} - {path})
    found = [child for hit in hits for child in (
        mapped_inputs.files_below(hit) if hit.is_dir() else [hit])
        if hit.is_file() or files.bare_name(child).lower().endswith(containers.ENDINGS)]
    if not found:
        raise files.Refusal(f"{path}: files: no file {' or '.join(spec.files)} from "
                            f"{path.parent} on")
    return list(dict.fromkeys(found))


def _mapping(path: Path, spec: Written) -> Mapping:
    """The contract as a mapping whose rows expect its terms."""
    parts = {name: _value(path, place) for name, place in spec.fields
             if place is not None and name not in _KEYS}
    return Mapping(files=spec.files, each=spec.each, let=spec.let, where=spec.where,
                   join=spec.join, fields=Fields(item_id=spec.fields.item_id,
                                                 turn=spec.fields.turn, expected=parts or None))


def _value(path: Path, place: Any) -> Place:
    """Where a term is, a file of a text read."""
    if isinstance(place, ToolCalls):
        return Place(at=place.at, optional=place.optional)
    if isinstance(place, Told) and place.file:
        return Place(value=_text(path.parent / place.file, path))
    return place


def _text(file: Path, path: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or no path at all
        raise files.Refusal(f"{path}: a text that the contract names cannot be read "
                            f"({error})") from None


def _beside(path: Path, spec: Written) -> Iterator[Path]:
    """The files of its texts."""
    for name in _TEXTS:
        if (place := getattr(spec.fields, name)) is not None and place.file:
            yield path.parent / place.file


def _entry(line: Line, terms: Terms, where: str) -> Entry:
    """What a record requires of its item."""
    if line.fields is None:
        raise files.Refusal(f"{where}: the contract: {clean.visible(line.reason)}")
    try:
        given = line.fields.get("expected") or {}
        required, allowed = (
            _calls(given.get(name), getattr(terms, name)) for name in _CALLS)
        forbidden = values.nested(given.get("forbidden"))
        listed = forbidden if isinstance(forbidden, list) else [given.get("forbidden")]
        return Entry(item_of(line.fields), line.fields.get("turn"), given.get("golden"), required,
                     allowed or (), tuple(filter(None, map(values.text, listed))),
                     *(values.text(given.get(name)) or "" for name in _TEXTS))
    except values.Wrong as wrong:
        raise files.Refusal(f"{where}: the contract: {clean.visible(str(wrong))}") from None


def _calls(value: Any, place: ToolCalls | None) -> tuple[Call, ...] | None:
    """The calls of a term; a text is the name of one whose arguments are free."""
    if place is None or (value := values.nested(value)) is None:
        return None
    named = [{place.name: call} if isinstance(call, str) else call
             for call in (value if isinstance(value, list) else [value])]
    made, _ = values.tool_calls(named, place)
    return tuple(Call(_by(call), tool_calls.name(call),
                      parsed_arguments(tool_calls.arguments(call)) or {}) for call in made or ())


def _by(call: dict) -> str:
    by: Any = call.get("requestor")
    return by if isinstance(by, str) else "assistant"



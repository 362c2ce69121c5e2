"""What was answered on both sides: the runs are read again, and of every datapoint a short hash of
its answer is kept, so that answers which changed where the verdict did not can be counted."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import files, spread
from failure_analysis.audit import alike, arguments, asks, items, normal, required
from failure_analysis.audit.final import final
from failure_analysis.audit.seen import seen
from failure_analysis.changes.joined import Joined
from failure_analysis.changes.sides import Side
from failure_analysis.datapoint import is_number
from failure_analysis.reading import ingest, runs
from failure_analysis.statistics import rounded

NOTHING = b""
_QUOTED = re.compile(f"({normal.QUOTED.pattern})")
_GROUPS = re.compile(r"(?<=\d),(?=\d{3}(?:,|\.|$))")  # commas between groups of digits
_ENVELOPE = re.compile(r"message|reply|response|answer|content|text|output|final_answer", re.I)
_FEW_WORDS = 4
KINDS = ("calls", "answers", "texts")  # what two attempts at an item are compared by


class Answer(NamedTuple):
    """What a datapoint answered: a hash of its final answer, and one of the calls with which it
    changed something; blank where there is none. `free`: nothing marks what of a text is its
    answer, so that the hash is of all its words."""

    said: bytes = NOTHING
    wrote: bytes = NOTHING
    free: bool = False


class Read(NamedTuple):
    """What was read again: by datapoint its answer, by item the value of the field that names its
    cluster, and by run the items that have more rows than its trials tell: repeats that nobody
    declared, or rows that are there twice."""

    answers: dict[str, Answer]
    clusters: dict[str, str]
    repeated: dict[str, set[str]]


def read(folder: Path, names: frozenset[str], field: str = "") -> Read:
    """Reads some runs of an analysis folder once more; refuses when they are gone or have changed,
    and where no row has the field of the clusters."""
    pieces = items.portions(runs.at_hand(folder).sources)
    whole = Read({}, {}, {})
    for part in spread.spread(_piece, (names, field), pieces):
        whole.answers.update(part.answers)
        whole.clusters.update(part.clusters)
        for run, again in part.repeated.items():
            whole.repeated.setdefault(run, set()).update(again)
    if field and not whole.clusters:
        raise files.Refusal(f"{folder}: no row has the field {field} that --cluster names")
    return whole


def _piece(wanted: tuple[frozenset[str], str], piece: tuple[int, list]) -> Read:
    """Reads some sources."""
    names, field = wanted
    part = Read({}, {}, {})
    for row in (row for source in piece[1] for row in ingest.rows(source)):
        if row.computed is None or row.computed["run_id"] not in names:
            continue
        whole = {**row.line.fields, **row.computed}
        part.answers[row.computed["datapoint_id"]] = _answer(whole)
        if whole["trial"] and row.line.fields.get("trial") != whole["trial"]:
            part.repeated.setdefault(whole["run_id"], set()).add(whole["item_id"])
        value = _at(whole, field) if field else None
        if value not in (None, "", [], {}):
            part.clusters.setdefault(row.computed["item_id"], _digest(json.dumps(
                value, sort_keys=True, default=str)).hex())
    return part


def _at(row: Mapping[str, Any], field: str) -> Any:
    """The value of a field, or of one inside it (`params.passage`)."""
    value: Any = row
    for name in (field,) if field in row else field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _answer(row: dict) -> Answer:
    """What a datapoint answered, the form of it left aside."""
    one = seen(row)
    calls = {json.dumps([made.by, made.tool, _plain(made.arguments, "")], default=str)
             for made in required.wrote(one)}
    wrote = _digest("\n".join(sorted(calls))) if calls else NOTHING
    if not one.answer.strip():
        return Answer(wrote=wrote)
    text = _opened(one.answer)
    said, how = final(text)
    if how in ("whole", "line") and len(said.split()) > _FEW_WORDS:
        said = ""  # a sentence, which no two models write alike
    said = said or _whole(text)
    return Answer(_digest(_spelled(said, one.question) if said else normal.key(text)), wrote,
                  not said)


def _plain(value: Any, name: str) -> Any:
    """An argument of a call without its form: how a number and a text are written, what is empty,
    the order of what is a set by its name."""
    if isinstance(value, dict):
        inner = {str(key): _plain(part, str(key)) for key, part in value.items()}
        return {key: inner[key] for key in sorted(inner) if inner[key] not in (None, "", [], {})}
    if isinstance(value, list):
        members = [_plain(part, name) for part in value]
        return sorted(members, key=repr) if arguments.is_set(name) else members
    if isinstance(value, str):
        number = _number(value)
        return " ".join(value.split()).casefold() if number is None else number
    return float(value) if is_number(value) else value


def _number(text: str) -> float | None:
    """The value of a number, with its groups of three digits."""
    try:
        return float(_GROUPS.sub("", text.strip().lstrip("$€£")))
    except ValueError:
        return None


def _opened(text: str) -> str:
    """What is said inside an object that holds nothing else: `{"message": …}`."""
    value = normal.parsed(text)
    inner = list(value.values()) if isinstance(value, dict) and len(value) == 1 \
        and _ENVELOPE.fullmatch(str(next(iter(value)))) else [None]
    return inner[0] if isinstance(inner[0], str) else text


def _whole(text: str) -> str:
    """A text that is an answer as it stands, JSON or a query; blank for anything else."""
    bare = normal.unfenced(text)
    return bare if normal.SQL.match(bare) or normal.parsed(bare) is not None else ""


def _spelled(text: str, question: str) -> str:
    """An answer under one spelling: an option by its letter, a number by its value, JSON by its
    values, a query without its form."""
    text = normal.core(text)
    if (listed := asks.options(question)) and (letter := alike.option(text, listed)):
        return f"option {letter}"
    if (number := _number(text)) is not None:
        return repr(number)
    value = normal.parsed(text)
    if value is not None:
        return json.dumps(value, sort_keys=True, default=str)
    if normal.SQL.match(text):
        return "".join(part if part[:1] in "'\"" else " ".join(part.split()).casefold()
                       for part in _QUOTED.split(text.rstrip("; \n")))
    return normal.key(text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def churn(old: tuple[Side, Read], new: tuple[Side, Read], joined: Joined) -> dict[str, Any]:
    """Where the verdict stayed and the answer did not: items that both sides fail (pass) and that
    share no failing (passing) answer, free texts apart, which differ whatever they say; and how
    often two attempts at an item differ in their answer, inside each side and between them."""
    lists: dict[str, list[str]] = {f"{kind}_to_{how}": [] for kind in ("wrong", "right")
                                   for how in ("same", "other", "same_text", "other_text")}
    unlike = {"old": _Mean(), "new": _Mean(), "between": _Mean()}
    kinds, names = Counter(dict.fromkeys(KINDS, 0)), new[0].names()
    for here, there in zip(joined.old.tolist(), joined.new.tolist(), strict=True):
        sides, by = _same_kind(_given(*old, here), _given(*new, there))
        kinds[by] += 1
        for kind, mark in (("wrong", "F"), ("right", "P")):
            mine = [[answer for answer, given in side if given == mark] for side in sides]
            if all(2 * len(of) > len(side) for of, side in zip(mine, sides, strict=True)):
                how = "same" if set(mine[0]) & set(mine[1]) else "other"
                lists[f"{kind}_to_{how}{'_text' * (by == 'texts')}"].append(names[there])
        if by != "texts":
            for name, side in zip(("old", "new"), sides, strict=True):
                unlike[name].add(_inside(answer for answer, _ in side))
            unlike["between"].add(_between(*([answer for answer, _ in side] for side in sides)))
    return {**lists, "unlike": {name: mean.value() for name, mean in unlike.items()},
            "kinds": dict(kinds)}


def _given(side: Side, read: Read, place: int) -> list[tuple[Answer, str]]:
    """The answers to an item with their marks, of the judged attempts."""
    return [(read.answers.get(ident, Answer()), mark) for ident, mark in
            zip(side.idents[place], side.marks[place], strict=True) if mark != "-"]


def _same_kind(*sides: list[tuple[Answer, str]]) -> tuple[list[list[tuple[bytes, str]]], str]:
    """The answers to an item in one kind of hash, and which: an item at which somebody changed
    something is answered by what is changed, as what an agent says last is different every time."""
    answers = [answer for side in sides for answer, _ in side]
    acted = any(answer.wrote for answer in answers)
    by = "calls" if acted else "texts" if any(answer.free for answer in answers) else "answers"
    return [[(answer.wrote if acted else answer.said, mark) for answer, mark in side]
            for side in sides], by


class _Mean:
    """The mean of shares that are there."""

    def __init__(self) -> None:
        self.count, self.sum = 0, 0.0

    def add(self, share: float | None) -> None:
        """Adds one item's share."""
        if share is not None:
            self.count += 1
            self.sum += share

    def value(self) -> dict[str, Any]:
        """The mean, and over how many items."""
        return {"items": self.count,
                "share": rounded(self.sum / self.count) if self.count else None}


def _inside(answers: Iterable[bytes]) -> float | None:
    """The share of the pairs of a side's attempts whose answers differ."""
    counts = Counter(answers)
    n = counts.total()
    if n < 2:
        return None
    return 1 - sum(count * (count - 1) for count in counts.values()) / (n * (n - 1))


def _between(old: list[bytes], new: list[bytes]) -> float:
    """The share of the pairs of attempts of both sides whose answers differ."""
    counts = Counter(new)
    return 1 - sum(counts[answer] for answer in old) / (len(old) * len(new))


def more_often(side: Side, read: Read) -> list[str]:
    """The items that have more rows in one of the side's runs than its trials tell."""
    again = set().union(*(items for run, items in read.repeated.items() if run in side.runs))
    return [item for item in side.items if item in again]


def clusters(old: Read, new: Read, names: tuple[list[str], list[str]], joined: Joined
             ) -> np.ndarray | None:
    """The cluster of every compared item as a number; an item without one stands alone. None where
    no clusters are asked for."""
    if not (old.clusters or new.clusters):
        return None
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(cluster or f"alone {place}", len(numbers))
                     for place, cluster in enumerate(_clusters(old, new, names, joined))],
                    dtype=np.int64)


def alone(old: Read, new: Read, names: tuple[list[str], list[str]], joined: Joined) -> int:
    """How many compared items have no cluster."""
    return _clusters(old, new, names, joined).count(None)


def _clusters(old: Read, new: Read, names: tuple[list[str], list[str]], joined: Joined
              ) -> list[str | None]:
    return [new.clusters.get(names[1][there]) or old.clusters.get(names[0][here])
            for here, there in zip(joined.old.tolist(), joined.new.tolist(), strict=True)]

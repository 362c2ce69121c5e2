"""Items side by side: what each asks and expects, once, and its different answers, each with who
gave it and how it was judged. Whoever reads an item so sees faults of the benchmark that no rule
knows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.audit.candidates import Candidate
from failure_analysis.audit.grouped import did
from failure_analysis.audit.seen import seen
from failure_analysis.datapoint import UNSURE, natural_key
from failure_analysis.packet import rows
from failure_analysis.review import aids, show, view
from failure_analysis.review.timeline import timeline

TOKENS = 500  # of one answer, about
_MOST_ITEMS, _MOST_ROWS = 60, 3_000  # that are read from the runs for one page
_MOST_NAMED = 4
_SHARED = ("question", "expected")
_ANSWER = "-- "
_DEEDS = ("call", "looked_up", "written", "failed")
_ORDER = {"fail": 0, "unjudged": 1, "pass": 2}


class Entry(NamedTuple):
    """An item with its datapoints and what the audit says of it."""

    item: str
    fingerprint: str
    lines: tuple[rows.OutcomeLine, ...]
    found: tuple[Candidate, ...]


def entries(index: rows.Index, found: Iterable[Candidate]) -> list[Entry]:
    """The items of an analysis: those with a flag in the order of the audit, those with a lead,
    those that were judged both ways, that all failed, and all others. Rows of which it is not known
    what was asked belong to no item."""
    lines: dict[tuple[str, str], list[rows.OutcomeLine]] = {}
    for line in index.outcomes.values():
        if line.fingerprint != UNSURE:
            lines.setdefault((line.item, line.fingerprint), []).append(line)
    named: dict[tuple[str, str], list[Candidate]] = {}
    for one in found:
        named.setdefault((one.item_id, one.item_fingerprint), []).append(one)
    place = {key: number for number, key in enumerate(named)}

    def order(key: tuple[str, str]) -> tuple:
        outcomes = {line.outcome for line in lines[key]} - {"unjudged"}
        kinds = {one.kind for one in named.get(key, ())}
        return (not kinds, "flag" not in kinds, place.get(key, 0),
                len(outcomes) < 2, "fail" not in outcomes, natural_key(key[0]), key[1])

    return [Entry(*key, tuple(lines[key]), tuple(named.get(key, ())))
            for key in sorted(lines, key=order)]


def named(found: Sequence[Entry], items: Iterable[str]) -> list[Entry]:
    """The entries of these items, in the order in which they are asked for."""
    by_item: dict[str, list[Entry]] = {}
    for entry in found:
        by_item.setdefault(entry.item, []).append(entry)
    if strange := next((item for item in items if item not in by_item), None):
        raise files.Refusal(f"{strange} is no item of these runs; items are "
                            f"{', '.join(list(by_item)[:5])}, …")
    return [entry for item in items for entry in by_item[item]]


def page(analysis_dir: Path, found: Sequence[Entry], tokens: int, room: int
         ) -> tuple[list[str], list[Entry]]:
    """(the texts of the first items, as many as have room in so many characters, one at least; the
    items). Reads the runs once more; refuses where they are gone or have changed."""
    chosen: list[Entry] = []
    for entry in found[:_MOST_ITEMS]:
        chosen.append(entry)
        if sum(len(one.lines) for one in chosen) >= _MOST_ROWS:
            break
    whole = _whole(analysis_dir, {line.datapoint_id for one in chosen for line in one.lines})
    texts: list[str] = []
    told: dict[str, view.Known] = {}
    for entry in chosen:
        text = _cut(list(_text(entry, whole, tokens, told)), room if not texts else None)
        room -= len(text)
        if texts and room < 0:
            break
        texts.append(text)
    return texts, chosen[:len(texts)]


def _cut(lines: list[str], room: int | None) -> str:
    """The lines of an item; of one that has no room in so many characters the first answers, one at
    least."""
    begins = [place for place, line in enumerate(lines) if line.startswith(_ANSWER)]
    kept = len(begins)
    while room is not None and kept > 1 and sum(
            len(line) + 1 for line in lines[:begins[kept] if kept < len(begins) else None]) > room:
        kept -= 1
    if kept == len(begins):
        return "\n".join(lines)
    return "\n".join([*lines[:begins[kept]], f"… {len(begins) - kept} more different answers: "
                      "give this item alone, and fewer --tokens"])


def _whole(analysis_dir: Path, wanted: set[str]) -> dict[str, dict]:
    """These datapoints as the runs have them."""
    from failure_analysis.reading import ingest, runs

    inputs = runs.at_hand(analysis_dir)
    return {row.computed["datapoint_id"]: {**row.line.fields, **row.computed}
            for source in inputs.sources for row in ingest.rows(source)
            if row.computed and row.computed["datapoint_id"] in wanted}


def _text(entry: Entry, whole: Mapping[str, dict], tokens: int, told: dict[str, view.Known]
          ) -> Iterator[str]:
    """An item: what it asks and expects, then each different answer. `told` are the system messages
    of items above, to which it adds its own."""
    outcomes = Counter(line.outcome for line in entry.lines)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    yield show.flat(f"== item {entry.item}: {counts}")
    for one in entry.found:
        if one.klass == "instability":  # the answers below say it
            continue
        yield show.flat(f"{one.kind} {one.id} {one.klass} ({one.rule}): {one.what}")
    before, acts = dict(told), {}
    for lines in _answers(entry, whole):
        row = whole[lines[0].datapoint_id]
        shown = view.view(row, timeline(row), view.Asked(tokens), before)
        mine = {line.datapoint_id for line in lines}
        doubted = [one.id for one in entry.found if not mine.isdisjoint(one.disputed)
                   and one.kind == "flag"]
        yield show.flat(_who(lines, row) + f"; doubted by {', '.join(doubted)}" * bool(doubted))
        if not (row.get("assistant_text") or "").strip():
            yield "answer (none)"
        yield from _shown(shown, row, before, acts)
        fresh = [window for window in shown.windows if not window.same_as
                 and window.stop == len(window.entry.part.text)]
        told |= {one.entry.part.text: view.Known(f"{one.entry.place} above")
                 for one in fresh if one.entry.kind == "system"}
        before |= view.told_texts(row, shown) | told | {
            one.entry.part.text: view.Known(f"{one.entry.place} above")
            for one in fresh if one.entry.place in _SHARED}


def _shown(shown: view.View, row: Mapping[str, Any], before: Mapping[str, view.Known],
           acts: dict[tuple[str, ...], str]) -> Iterator[str]:
    """What is shown of one answer. `acts` are the calls and results of those above."""
    again = {window.entry.place: window.same_as for window in shown.windows}
    windows = [window for window in shown.windows if not _is_known(window, row, before, again)]
    silent = {str(place) for place, message in enumerate(row.get("messages") or ())
              if isinstance(message, dict) and not message.get("content")}
    did = [window for window in windows
           if window.entry.kind in _DEEDS or window.entry.place in silent]
    key = tuple(window.entry.part.text for window in did)
    as_of = acts.setdefault(key, row["datapoint_id"])
    if did and as_of != row["datapoint_id"]:
        windows = [window for window in windows if window not in did]
    yield from filter(None, show.body(shown._replace(windows=windows), aids.marks(
        row, shown.line) if as_of == row["datapoint_id"] else {}))
    if did and as_of != row["datapoint_id"]:
        yield show.flat(f"calls and results as of {as_of}")
    if shown.left:
        yield f"  … {shown.left} characters more: show_datapoint.py"


def _is_known(window: view.Window, row: Mapping[str, Any], before: Mapping[str, view.Known],
              again: Mapping[str, str]) -> bool:
    """Whether a text stands above already: what is asked, expected or told to all, and of the
    answer and the message that is the answer one."""
    entry = window.entry
    if entry.place in _SHARED or entry.kind == "system":
        return entry.part.text in before
    if entry.place == "answer":
        return bool(window.same_as)
    return entry.kind == "said" and entry.part.text.strip() in (
        (row.get("user_text") or "").strip(),
        *([] if again.get("answer") else [(row.get("assistant_text") or "").strip()]))


def _answers(entry: Entry, whole: Mapping[str, dict]) -> list[list[rows.OutcomeLine]]:
    """The datapoints that said and did the same with one outcome and judge's word, together; those
    that failed first."""
    alike: dict[tuple, list[rows.OutcomeLine]] = {}
    for line in entry.lines:
        row = whole[line.datapoint_id]
        one = seen(row)
        key = (line.outcome, line.failed, did(one, ""), one.judge, one.termination)
        alike.setdefault(key, []).append(line)
    return sorted(alike.values(), key=lambda lines: (_ORDER[lines[0].outcome], -len(lines)))


def _who(lines: Sequence[rows.OutcomeLine], row: Mapping[str, Any]) -> str:
    """How an answer was judged, and who gave it."""
    line = lines[0]
    failed = f" ({', '.join(line.failed)})" if line.failed else ""
    scores = ", ".join(f"{name} {value}" for name, value in (row.get("scores") or {}).items()
                       if value is not None and name not in line.failed)
    told = f"; {scores}" if line.failed or len(row.get("scores") or {}) > 1 else ""
    ended = f"; ended by {row['termination']}" if row.get("termination") else ""
    if row.get("completion_tokens") is not None:
        ended += f"; {row['completion_tokens']} tokens"
    more = f" and {len(lines) - _MOST_NAMED} more" if len(lines) > _MOST_NAMED else ""
    ids = ", ".join(one.datapoint_id for one in lines[:_MOST_NAMED])
    return f"{_ANSWER}{line.outcome.upper()}{failed} {ids}{more}{told if scores else ''}{ended}"

"""Failing datapoints of one item and content that said and did the same, or nearly so: whoever has
read one of them may judge all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import msgspec

from failure_analysis.audit import grouped, near, normal
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen, seen
from failure_analysis.datapoint import UNSURE
from failure_analysis.packet import rows
from failure_analysis.review import parts

_FEWEST_TOKENS = 10
_MOST_PAIRS = 2_000  # pairs of texts of one item that are held against each other
_OTHERS_WORDS = ("tool", "system", "developer")


class _Text(NamedTuple):
    """What some datapoints said and did alike: what nearly equal ones share to the letter (None:
    these have no near ones), and the tokens of all words, in order and counted."""

    idents: list[str]
    firm: tuple | None
    tokens: list[str]
    counted: Counter[str]


class Groups:
    """The alike datapoints of a folder, worked out an item at a time, each once."""

    def __init__(self, index: rows.Index) -> None:
        self._index = index
        self._of: dict[str, tuple[str, ...]] = {}
        self._by_item: dict[tuple[str, str], list[str]] = {}
        for line in index.failing():
            if line.fingerprint != UNSURE and line.datapoint_id in index.places:
                self._by_item.setdefault((line.item, line.fingerprint), []).append(
                    line.datapoint_id)

    def of(self, ident: str) -> tuple[str, ...]:
        """The datapoints that are alike to one, without itself, in the order of the packet."""
        line = self._index.outcomes.get(ident)
        idents = self._by_item.get((line.item, line.fingerprint), []) if line else []
        if len(idents) > 1 and ident in idents and ident not in self._of:
            whole = {row["datapoint_id"]: row for row in rows.several(self._index, idents)}
            self._of |= dict.fromkeys(idents, ())
            for group in groups([whole[one] for one in idents]):
                self._of |= {one: group for one in group}
        return tuple(one for one in self._of.get(ident, ()) if one != ident)

    def names(self) -> dict[str, str]:
        """The group of each datapoint that is alike to others, named by its first."""
        return {ident: min(group, key=idents.index) for idents in self._by_item.values()
                for ident in idents if (group := (ident, *self.of(ident)))[1:]}


def groups(failing: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The groups of alike ones among failing rows of one item and content."""
    by_ident = {row["datapoint_id"]: row for row in failing}
    item = Item("", "", [_seen(row) for row in failing], {})
    texts: list[_Text] = []
    for same in grouped.by_answer(item).values():
        ended: dict[tuple, list[Seen]] = {}  # one that was cut off, or failed otherwise, is another
        for one in same:
            ended.setdefault((tuple(sorted(one.failed)), one.termination), []).append(one)
        texts += [_text(how, alike, by_ident) for how, alike in ended.items()]
    order = {ident: place for place, ident in enumerate(by_ident)}
    return [tuple(sorted(idents, key=order.get)) for idents in _near(texts) if len(idents) > 1]


def _seen(row: Mapping[str, Any]) -> Seen:
    """A row as the audit sees it, but with all that was said in it."""
    return msgspec.structs.replace(seen({"trial": 0, **row}), spoken=_words(row))


def _words(row: Mapping[str, Any]) -> str:
    """All that was said in a row: the conversation without what tools returned and what the model
    was told, the model's reasoning, the answer."""
    others = {f"message-{number}" for number, message in enumerate(row.get("messages") or (), 1)
              if isinstance(message, dict) and message.get("role") in _OTHERS_WORDS}
    return "\n\n".join(part.text for part in parts.parts(row) if part.name not in others
                       and part.name.startswith(("answer", "message-", "reasoning")))


def _text(how: tuple, alike: Sequence[Seen], by_ident: Mapping[str, Mapping[str, Any]]) -> _Text:
    first, idents = alike[0], [one.ident for one in alike]
    words = normal.tokens(first.spoken)
    if len(words) < _FEWEST_TOKENS or normal.is_code(first.spoken):
        return _Text(idents, None, [], Counter())
    calls = grouped.called(first)
    answer, _ = near.essence(first.answer)
    talk = [message.get("role") for message in by_ident[first.ident].get("messages") or ()
            if isinstance(message, dict)]
    return _Text(idents, (how, calls, talk, answer, near.firm(words)), words,
                 Counter(words))


def _near(texts: Iterable[_Text]) -> list[list[str]]:
    """The datapoints of the texts, nearly equal ones together: each is near to all others of its
    group."""
    together: list[list[_Text]] = []
    pairs = 0
    for text in texts:
        for group in together:
            if text.firm is None or group[0].firm != text.firm or pairs > _MOST_PAIRS:
                continue
            pairs += len(group)
            if all(_is_near(text, other) for other in group):
                group.append(text)
                break
        else:
            together.append([text])
    return [[ident for text in group for ident in text.idents] for group in together]


def _is_near(a: _Text, b: _Text) -> bool:
    """Whether two texts share nearly all tokens, in nearly the same order."""
    return normal.shared(a.counted, b.counted) >= near.NEAR and SequenceMatcher(
        None, a.tokens, b.tokens, autojunk=False).ratio() >= near.NEAR

"""A candidate: a place where a verdict may be wrong, with its evidence side by side. Flags are
exact; leads only order the reading. Each stays a candidate until somebody has read it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from failure_analysis import files, steps

if TYPE_CHECKING:
    from failure_analysis.audit.item import Item
    from failure_analysis.audit.seen import Seen

# In the order in which they are read: what contradicts itself first.
FLAGS = ("same_answer_other_verdict", "other_answer", "strict_match", "false_pass", "damaged_item",
         "claimed_done", "harness")
SUSPICION = "suspicion"
LEADS = (SUSPICION, "failed_by_all", "judges_against_verdict", "consensus_against_gold",
         "discrimination", "same_call_other_result", "instability")
CLASSES = (*FLAGS, *LEADS)
NAME = steps.AUDIT.writes[0]
_MOST_SHOWN = 12
_LONGEST = 1_500


class Variant(msgspec.Struct, frozen=True):
    """One side of the evidence: what it is (`passed`, `failed`, `expected`, …), its text as
    recorded (cut), how many datapoints there are of it, and the first of them."""

    label: str
    text: str
    count: int = 0
    datapoints: list[str] = []


class Candidate(msgspec.Struct, frozen=True, rename={"klass": "class"}):
    """One line of audit.jsonl, or what a reader raised, which is in no file of the audit. `rule`
    says which test of its class it met, `what` says it in our words; `disputed` are the datapoints
    whose verdict is in doubt, `numbers` what was counted."""

    id: str
    klass: str
    kind: Literal["flag", "lead", "raised"]
    rule: str
    item_id: str
    item_fingerprint: str
    what: str
    variants: list[Variant]
    disputed: list[str]
    numbers: dict[str, float]


def candidate(item: "Item", klass: str, rule: str, what: str, variants: Sequence[Variant],
              disputed: Iterable["Seen"], **numbers: float) -> Candidate:
    """A candidate of an item. `what` holds no text of the runs: names and answers stand in the
    variants. At most one of a class and rule is made per item."""
    idents = [row.ident for row in disputed]
    named = json.dumps([klass, rule, item.ident, item.fingerprint, sorted(idents)])
    return Candidate(hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:10], klass,
                     "flag" if klass in FLAGS else "lead", rule, item.ident, item.fingerprint, what,
                     list(variants), idents, numbers)


def variant(label: str, text: str, rows: Sequence["Seen"] = ()) -> Variant:
    """A side of the evidence, of these datapoints."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
    return Variant(label, cut, len(rows), [row.ident for row in rows[:_MOST_SHOWN]])


def datapoints(one: Candidate) -> list[str]:
    """The datapoints that a candidate names: those in doubt, then the others of its evidence."""
    return list(dict.fromkeys((*one.disputed,
                               *(ident for side in one.variants for ident in side.datapoints))))


def order(one: Candidate) -> tuple:
    """Sorts flags before leads, class by class, those with more datapoints in doubt first; of items
    that everybody failed, those with one check that nobody met before what may just be hard."""
    return (CLASSES.index(one.klass), one.rule == "nobody_passed", -len(one.disputed), one.item_id,
            one.item_fingerprint, one.rule, one.id)


def load(analysis_dir: Path) -> Iterator[Candidate]:
    """The candidates of an analysis folder in reading order; none where it was not audited. Refuses
    a damaged line."""
    path = analysis_dir / NAME
    if not path.exists():
        return
    decode = msgspec.json.Decoder(Candidate).decode
    with files.open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                one = decode(line)
                if one.klass not in CLASSES:
                    raise ValueError(f"no class {one.klass}")
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                raise files.Refusal(f"{path}:{number}: no candidate of an audit ({error}); run "
                                    f"{steps.AUDIT.script} again") from None
            yield one

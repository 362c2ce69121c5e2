"""Files of answers to which is only appended: each entry is proved first, and what a reader says
again as it stands changes nothing."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import store


class Verdict(NamedTuple):
    """What became of one entry: the record it is now, or the reason why it was refused."""

    record: Any
    reason: str = ""
    already: bool = False


def append(path: Path, parsed: Callable[[Path, bytes], list], entries: Iterable[Mapping[str, Any]],
           judged: Callable[[Mapping[str, Any]], Any], key: Callable[[Any], Hashable],
           says: Callable[[Any], Hashable]) -> list[Verdict]:
    """Appends the good entries in one locked and synced write; one verdict per entry. `judged`
    makes a record of an entry, or a text that says why it is none; of records with one `key` the
    last counts, and one that `says` what that one says is there already."""
    with store.locked(path) as file:
        said = {key(record): record for record in parsed(path, file.read())}
        verdicts, new = [], []
        for entry in entries:
            record = judged(entry)
            if isinstance(record, str):
                verdicts.append(Verdict(None, record))
                continue
            before = said.get(key(record))
            already = before is not None and says(before) == says(record)
            verdicts.append(Verdict(before if already else record, already=already))
            if not already:
                said[key(record)] = record
                new.append(record)
        file.write(b"".join(msgspec.json.encode(record) + b"\n" for record in new))
    return verdicts

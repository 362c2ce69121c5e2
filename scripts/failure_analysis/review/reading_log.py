"""reading_log.jsonl: which parts of which datapoint each coder was shown."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from failure_analysis import files, store
from failure_analysis.review import parts

NAME = "reading_log.jsonl"


class Showing(msgspec.Struct, frozen=True):
    """One showing: the characters from-to of each part that stood on the screen, and the hash of
    the datapoint as it read then (earlier versions logged none)."""

    datapoint_id: str
    coder: str
    characters: int
    parts: dict[str, tuple[int, int]]
    shown: str
    row: str | None = None


def log(analysis_dir: Path, coder: str, ident: str, row_parts: Sequence[parts.Part],
        spans: Mapping[str, tuple[int, int]]) -> None:
    """Appends what `coder` was shown of a datapoint that has these parts in all."""
    showing = Showing(ident, coder, sum(len(part.text) for part in row_parts), dict(spans),
                      datetime.now(UTC).isoformat(timespec="seconds"), parts.digest(row_parts))
    with store.locked(analysis_dir / NAME) as file:
        file.write(msgspec.json.encode(showing) + b"\n")


def load(analysis_dir: Path) -> list[Showing]:
    """Every showing; a last line that a crash cut off does not count."""
    path = analysis_dir / NAME
    if not path.exists():
        return []
    decode = msgspec.json.Decoder(Showing).decode
    showings = []
    for number, line in enumerate(files.read_bytes(path).split(b"\n")[:-1], 1):
        try:
            showings.append(decode(line))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise files.Refusal(f"{path}:{number}: not a reading ({error}); remove the line"
                                ) from None
    return showings


def seen(showings: Iterable[Showing], now: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Datapoint -> coder -> the share of its characters that this coder was shown; what was shown
    of one that reads otherwise `now`, by its hash, does not count."""
    spans: dict[tuple[str, str], dict[str, list[tuple[int, int]]]] = {}
    sizes: dict[str, int] = {}
    for showing in showings:
        if showing.row and now.get(showing.datapoint_id, showing.row) != showing.row:
            continue
        sizes[showing.datapoint_id] = showing.characters
        mine = spans.setdefault((showing.datapoint_id, showing.coder), {})
        for name, span in showing.parts.items():
            mine.setdefault(name, []).append(span)
    shares: dict[str, dict[str, float]] = {}
    for (ident, coder), named in spans.items():
        size = sizes[ident]  # where nothing is recorded, all of it was shown
        share = sum(map(covered, named.values())) / size if size else 1.0
        shares.setdefault(ident, {})[coder] = min(1.0, share)
    return shares


def covered(spans: list[tuple[int, int]]) -> int:
    """How many characters the spans cover together."""
    total, end = 0, 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total

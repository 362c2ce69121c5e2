"""LLM calls through the provider's Batch API: requests are submitted as a file and answered within
a day. The answers go into the same ledger as those of live calls."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from failure_analysis import files
from failure_analysis.coding import calls, model

if TYPE_CHECKING:
    from openai import OpenAI

# The provider's limits for one batch.
MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
_ENDED = ("completed", "failed", "expired", "cancelled")
_LABEL = "deep_error_analysis"


class Batch(msgspec.Struct, frozen=True):
    """A submitted batch with the keys of its requests; `collected` says how it ended."""

    batch_id: str
    keys: list[str]
    collected: str = ""


class Collected(NamedTuple):
    """What collecting brought."""

    answers: int
    waiting: int
    failed: tuple[str, ...]


def load(path: Path) -> dict[str, Batch]:
    """The batches of a project by id; the last line of each counts."""
    found = {}
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            batch = msgspec.json.decode(line, type=Batch)
        except msgspec.DecodeError as error:
            raise files.Refusal(f"{path}:{number}: not a batch ({error})") from None
        found[batch.batch_id] = batch
    return found


def _append(path: Path, batch: Batch) -> None:
    with files.locked(path) as file:
        file.write(msgspec.json.encode(batch) + b"\n")


def open_batches(path: Path) -> list[Batch]:
    """The batches that were not collected yet."""
    return [batch for batch in load(path).values() if not batch.collected]


def submit(path: Path, client: "OpenAI", requests: Iterable[model.Request]) -> list[Batch]:
    """Submits the requests that no open batch holds; returns the new batches. A batch that was
    made before a crash could write it down is found again by its label, not made twice."""
    under_way = {key for batch in open_batches(path) for key in batch.keys}
    known, made = load(path), []
    for chunk in _chunks(one for one in requests if one.key not in under_way):
        lines = b"".join(map(_line, chunk))
        label = hashlib.sha256(lines).hexdigest()[:32]
        batch_id = next((one.id for one in client.batches.list(limit=100).data
                         if (one.metadata or {}).get(_LABEL) == label
                         and one.id not in known and one.status not in _ENDED[1:]), None)
        if batch_id is None:
            sent = client.files.create(file=(f"{label}.jsonl", lines), purpose="batch")
            batch_id = client.batches.create(
                input_file_id=sent.id, endpoint=chunk[0].url, completion_window="24h",
                metadata={_LABEL: label}).id
        made.append(Batch(batch_id, [one.key for one in chunk]))
        _append(path, made[-1])
    return made


def _line(one: model.Request) -> bytes:
    return json.dumps({"custom_id": one.key, "method": "POST", "url": one.url,
                       "body": one.body}).encode() + b"\n"


def _chunks(requests: Iterable[model.Request]) -> Iterator[list[model.Request]]:
    """The requests in pieces that the provider takes."""
    chunk: list[model.Request] = []
    size = 0
    for one in requests:
        length = len(_line(one))
        if chunk and (len(chunk) >= MOST_REQUESTS or size + length > MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += length
    if chunk:
        yield chunk


def status(path: Path, client: "OpenAI") -> list[tuple[str, str]]:
    """(batch id, how far it is) for every batch of the project."""
    found = []
    for batch in load(path).values():
        if batch.collected:
            found.append((batch.batch_id, f"collected, {batch.collected}"))
            continue
        now = client.batches.retrieve(batch.batch_id)
        counts = now.request_counts
        done = f", {counts.completed} of {counts.total} answered" if counts else ""
        found.append((batch.batch_id, f"{now.status}{done}"))
    return found


def collect(path: Path, client: "OpenAI", requests: Sequence[model.Request],
            book: calls.Ledger) -> Collected:
    """Puts the answers of ended batches into the ledger. What a batch did not answer stays needed
    and goes into the next one."""
    by_key = {one.key: one for one in requests}
    answers, waiting, failed = 0, 0, []
    for batch in open_batches(path):
        now = client.batches.retrieve(batch.batch_id)
        if now.status not in _ENDED:
            waiting += 1
            continue
        if now.status == "failed":
            reasons = (now.errors.data if now.errors else None) or []
            failed.append(f"{batch.batch_id}: " + "; ".join(
                str(one.message) for one in reasons[:3]))
        for file_id in filter(None, (now.output_file_id, now.error_file_id)):
            for answer in _answers(client.files.content(file_id).read(), by_key):
                if answer.key not in book:
                    book.add(answer)
                    answers += 1
        _append(path, Batch(batch.batch_id, batch.keys, now.status))
    return Collected(answers, waiting, tuple(failed))


def _answers(content: bytes, by_key: dict[str, model.Request]) -> Iterator[model.Answer]:
    """The answers in an output or error file; lines of other requests are passed over."""
    for line in content.splitlines():
        try:
            entry = json.loads(line)
            wanted = by_key.get(entry["custom_id"])
        except (ValueError, KeyError, TypeError):
            continue
        if wanted is None:
            continue
        response = entry.get("response") or {}
        if response.get("status_code") == 200:
            yield model.read(wanted, response.get("body"))
        else:
            error = entry.get("error") or (response.get("body") or {}).get("error") or {}
            yield model.failed(wanted, response.get("status_code"),
                               f"{error.get('code')}: {error.get('message')}")

"""LLM calls through the provider's Batch API: requests are submitted as a file and answered within
a day. The answers go into the same call log as those of live calls.

A batch is written down under a random label before it is made, and again with its id: after a crash
in between it is found by its label, not paid for twice."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from failure_analysis import clean, files, store
from failure_analysis.coding import endpoint, model
from failure_analysis.coding.calls import Answer, CallLog
from failure_analysis.coding.secret import scrubbed

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000  # the provider's limits for one batch
_MOST_RECEIVED = 1_000_000_000  # bytes of the answers of a batch, however many there are
_ENDED = ("completed", "failed", "expired", "cancelled")
_MOST_PAGES = 100  # of the list of batches, the newest first; a list may have no end
_LOST = "never made"
_LABEL = "deep_error_analysis"


class Batch(msgspec.Struct, frozen=True):
    """A batch with the keys of its requests; no id while it is made; `collected` says its end."""

    label: str
    keys: list[str]
    batch_id: str = ""
    collected: str = ""


class _Named(msgspec.Struct):
    """A file or a batch at the provider; others may have put anything into the metadata."""

    id: str
    metadata: Any = None


class _Page(msgspec.Struct):
    """Batches at the provider, the newest first."""

    data: list[_Named]
    has_more: bool | None = None


class _Counts(msgspec.Struct):
    completed: int
    total: int


class _Error(msgspec.Struct):
    message: str | None = None


class _Errors(msgspec.Struct):
    data: list[_Error] | None = None


class _State(msgspec.Struct):
    """How far a batch is at the provider."""

    status: str
    request_counts: _Counts | None = None
    errors: _Errors | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None


_Shape = TypeVar("_Shape", _Named, _Page, _State)


def load(path: Path) -> dict[str, Batch]:
    """The batches of a project by label; the last line of each counts."""
    batches = {}
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            batch = msgspec.json.decode(line, type=Batch)
        except msgspec.DecodeError as error:
            raise files.Refusal(f"{path}:{number}: not a batch ({error})") from None
        batches[batch.label] = batch
    return batches


def _append(path: Path, batch: Batch) -> None:
    with store.locked(path) as file:
        file.write(msgspec.json.encode(batch) + b"\n")


def open_batches(path: Path) -> list[Batch]:
    """The batches that were not collected yet."""
    return [batch for batch in load(path).values() if not batch.collected]


@contextmanager
def refusals(base_url: str) -> Iterator[None]:
    """What the provider refuses, as a refusal of ours; what was done before it stays done."""
    from openai import OpenAIError

    try:
        yield
    except (OpenAIError, endpoint.TooLarge) as error:
        is_known = getattr(error, "status_code", 400) < 400 or endpoint.is_out_of_money(
            getattr(error, "body", None))
        reason = endpoint.refusal(error, base_url) if is_known else \
            f"the provider refuses: {scrubbed(str(error), base_url)[:600]}"
        raise files.Refusal(f"{reason}; the same command goes on from there") from None


def _told(remote: Any, shape: "type[_Shape]") -> "_Shape":
    """What the provider says of a file or a batch, in the shape of its API."""
    try:
        return msgspec.convert(remote.to_dict(warnings=False), shape)
    except (msgspec.ValidationError, AttributeError, TypeError):
        raise files.Refusal("the provider's answer has not the shape of its API; is --base-url "
                            "right? The same command goes on from there") from None


async def submit(path: Path, client: "AsyncOpenAI", requests: Iterable[model.Request],
                 affordable: Callable[[model.Request], bool]) -> list[Batch]:
    """Submits the affordable requests that no open batch holds; returns the new batches."""
    await _settle(path, client)
    under_way = {key for batch in open_batches(path) for key in batch.keys}
    made = []
    needed = (request for request in requests
              if request.key not in under_way and affordable(request))
    for chunk in model.packed(needed, lambda call: len(_line(call)), MOST_BYTES, MOST_REQUESTS):
        batch = Batch(secrets.token_hex(16), [request.key for request in chunk])
        _append(path, batch)
        uploaded = _told(await client.files.create(purpose="batch", file=(
            f"{batch.label}.jsonl", b"".join(map(_line, chunk)))), _Named)
        remote = _told(await client.batches.create(
            input_file_id=uploaded.id, endpoint=chunk[0].url, completion_window="24h",
            metadata={_LABEL: batch.label}), _Named)
        made.append(msgspec.structs.replace(batch, batch_id=remote.id))
        _append(path, made[-1])
    return made


async def _settle(path: Path, client: "AsyncOpenAI") -> None:
    """Finds out what became of the batches that a crash left without an id."""
    lost = {batch.label: batch for batch in open_batches(path) if not batch.batch_id}
    if not lost:
        return
    after: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = _told(await client.batches.list(limit=100, **after), _Page)
        for remote in page.data:
            label = remote.metadata.get(_LABEL) if isinstance(remote.metadata, dict) else None
            if isinstance(label, str) and (batch := lost.pop(label, None)):
                _append(path, msgspec.structs.replace(batch, batch_id=remote.id))
        if not (lost and page.has_more and page.data):
            break
        after = {"after": page.data[-1].id}
    for batch in lost.values():
        _append(path, msgspec.structs.replace(batch, collected=_LOST))


def _line(request: model.Request) -> bytes:
    return json.dumps({"custom_id": request.key, "method": "POST", "url": request.url,
                       "body": request.body}).encode() + b"\n"


async def status(path: Path, client: "AsyncOpenAI") -> list[tuple[str, str]]:
    """(batch id, how far it is) for every batch of the project."""
    await _settle(path, client)
    states = []
    for batch in load(path).values():
        if batch.collected:
            states.append((batch.batch_id or batch.label, f"collected, {batch.collected}"))
            continue
        remote = _told(await client.batches.retrieve(batch.batch_id), _State)
        counts = remote.request_counts
        done = f", {counts.completed} of {counts.total} answered" if counts else ""
        states.append((batch.batch_id, f"{remote.status}{done}"))
    return states


async def collect(path: Path, client: "AsyncOpenAI", requests: Mapping[str, model.Request],
                  call_log: CallLog) -> dict[str, Any]:
    """Puts the answers of ended batches into the call log and counts them; `requests` are by key.
    What a batch did not answer stays needed and goes into the next one."""
    await _settle(path, client)
    answers, waiting, failed = 0, 0, []
    for batch in open_batches(path):
        remote = _told(await client.batches.retrieve(batch.batch_id), _State)
        if remote.status not in _ENDED:
            waiting += 1
            continue
        if remote.status == "failed":
            reasons = (remote.errors.data if remote.errors else None) or []
            failed.append(f"{batch.batch_id}: " + scrubbed("; ".join(
                clean.visible(str(error.message)) for error in reasons[:3])))
        for file_id in filter(None, (remote.output_file_id, remote.error_file_id)):
            content = (await client.files.content(file_id)).content
            for answer in _answers(content, requests):
                call_log.add(answer)
                answers += 1
        _append(path, msgspec.structs.replace(batch, collected=remote.status))
    return {"collected": answers, "waiting": waiting, "failed_batches": failed}


def most_received(path: Path) -> int:
    """The bytes that the answers of the largest open batch can have."""
    most = max((len(batch.keys) for batch in open_batches(path)), default=0)
    return min(_MOST_RECEIVED, endpoint.MOST_BYTES * (1 + most))


def _answers(content: bytes, requests: Mapping[str, model.Request]) -> Iterator[Answer]:
    """The answers in an output or error file; an error that says nothing of the prompt is none."""
    for line in content.splitlines():
        try:
            reply = json.loads(line)
            request = requests.get(reply["custom_id"])
            response = reply.get("response") or {}
            error = reply.get("error") or (response.get("body") or {}).get("error") or {}
            code = response.get("status_code")
            reason = f"{error.get('code')}: {error.get('message')}"
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        if request is None:
            continue
        body = response.get("body") if len(line) <= endpoint.MOST_BYTES else None
        answer = model.read(request, body) if code == 200 else model.failed(request, code, reason)
        if answer.state not in model.UNANSWERED:
            yield answer

"""LLM calls through the provider's Batch API: requests are submitted as a file and answered within
a day. The answers go into the same call log as those of live calls.

A batch is written down under a random label before it is made, and again with its id: after a crash
in between it is found by its label, not paid for twice."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from failure_analysis import files
from failure_analysis.coding import model
from failure_analysis.coding.calls import Answer, CallLog

if TYPE_CHECKING:
    from openai import OpenAI

MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000  # the provider's limits for one batch
_ENDED = ("completed", "failed", "expired", "cancelled")
_LOST = "never made"
_LABEL = "deep_error_analysis"


class Batch(msgspec.Struct, frozen=True):
    """A batch with the keys of its requests; no id while it is made; `collected` says its end."""

    label: str
    keys: list[str]
    batch_id: str = ""
    collected: str = ""


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
    with files.locked(path) as file:
        file.write(msgspec.json.encode(batch) + b"\n")


def open_batches(path: Path) -> list[Batch]:
    """The batches that were not collected yet."""
    return [batch for batch in load(path).values() if not batch.collected]


@contextmanager
def refusals() -> Iterator[None]:
    """What the provider refuses, as a refusal of ours; what was done before it stays done."""
    from openai import OpenAIError

    try:
        yield
    except OpenAIError as error:
        raise files.Refusal(f"the provider refuses: {model.scrubbed(str(error))[:600]}; the same "
                            "command goes on from there") from None


def submit(path: Path, client: "OpenAI", requests: Iterable[model.Request],
           affordable: Callable[[model.Request], bool]) -> list[Batch]:
    """Submits the affordable requests that no open batch holds; returns the new batches."""
    _settle(path, client)
    under_way = {key for batch in open_batches(path) for key in batch.keys}
    made = []
    needed = (request for request in requests
              if request.key not in under_way and affordable(request))
    for chunk in model.packed(needed, lambda call: len(_line(call)), MOST_BYTES, MOST_REQUESTS):
        batch = Batch(secrets.token_hex(16), [request.key for request in chunk])
        _append(path, batch)
        uploaded = client.files.create(purpose="batch", file=(
            f"{batch.label}.jsonl", b"".join(map(_line, chunk))))
        remote = client.batches.create(input_file_id=uploaded.id, endpoint=chunk[0].url,
                                       completion_window="24h", metadata={_LABEL: batch.label})
        made.append(msgspec.structs.replace(batch, batch_id=remote.id))
        _append(path, made[-1])
    return made


def _settle(path: Path, client: "OpenAI") -> None:
    """Finds out what became of the batches that a crash left without an id."""
    lost = {batch.label: batch for batch in open_batches(path) if not batch.batch_id}
    if not lost:
        return
    for remote in client.batches.list():
        batch = lost.pop((remote.metadata or {}).get(_LABEL), None)
        if batch:
            _append(path, msgspec.structs.replace(batch, batch_id=remote.id))
    for batch in lost.values():
        _append(path, msgspec.structs.replace(batch, collected=_LOST))


def _line(request: model.Request) -> bytes:
    return json.dumps({"custom_id": request.key, "method": "POST", "url": request.url,
                       "body": request.body}).encode() + b"\n"


def status(path: Path, client: "OpenAI") -> list[tuple[str, str]]:
    """(batch id, how far it is) for every batch of the project."""
    _settle(path, client)
    states = []
    for batch in load(path).values():
        if batch.collected:
            states.append((batch.batch_id or batch.label, f"collected, {batch.collected}"))
            continue
        remote = client.batches.retrieve(batch.batch_id)
        counts = remote.request_counts
        done = f", {counts.completed} of {counts.total} answered" if counts else ""
        states.append((batch.batch_id, f"{remote.status}{done}"))
    return states


def collect(path: Path, client: "OpenAI", requests: Mapping[str, model.Request],
            call_log: CallLog) -> dict[str, Any]:
    """Puts the answers of ended batches into the call log and counts them; `requests` are by key.
    What a batch did not answer stays needed and goes into the next one."""
    _settle(path, client)
    answers, waiting, failed = 0, 0, []
    for batch in open_batches(path):
        remote = client.batches.retrieve(batch.batch_id)
        if remote.status not in _ENDED:
            waiting += 1
            continue
        if remote.status == "failed":
            reasons = (remote.errors.data if remote.errors else None) or []
            failed.append(f"{batch.batch_id}: " + model.scrubbed("; ".join(
                files.visible(str(error.message)) for error in reasons[:3])))
        for file_id in filter(None, (remote.output_file_id, remote.error_file_id)):
            for answer in _answers(client.files.content(file_id).read(), requests):
                call_log.add(answer)
                answers += 1
        _append(path, msgspec.structs.replace(batch, collected=remote.status))
    return {"collected": answers, "waiting": waiting, "failed_batches": failed}


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
        answer = model.read(request, response.get("body")) if code == 200 else \
            model.failed(request, code, reason)
        if answer.state not in model.UNANSWERED:
            yield answer

"""The one place that calls an LLM: requests with an identity, answers that are checked before they
are believed, and a budget.

A stage hands `run` one function per sample; each is asked again and again which requests it still
needs, and says none when its sample is settled. What was answered is in the call log (calls.py): a
run that was killed asks only for what is missing, and pays for no finished answer twice."""

import asyncio
import hashlib
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from failure_analysis import clean, files
from failure_analysis.coding import endpoint
from failure_analysis.coding.budget import Budget
from failure_analysis.coding.calls import Answer, CallLog, Usage
from failure_analysis.coding.secret import scrubbed

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from pydantic import BaseModel

DEFAULT_MODEL = "gpt-5.5"
# How a sample, or a call, can end. Exactly one of these; only `ok` is an answer.
STATES = ("ok", "unparsed", "refused", "truncated", "overflow", "timed_out", "skipped_by_budget")
# No answer was received: the next run asks again. The other states are answers, and were paid.
UNANSWERED = ("timed_out", "skipped_by_budget")
BYTES_PER_TOKEN = 4
_MOST_TOKENS = 10_000_000  # of a call; an endpoint that says more than this has said nothing
_LONGEST_NAME = 200  # of a model, or of an answer's id, as the endpoint says it
_ENOUGH_DOUBT = 3  # requests called bad before any was taken: it is the settings
_BAD = (400, 413, 422)  # the codes of HTTP for a bad request
_LONG = re.compile(r"context.{0,20}(length|size|window)|too (long|large)|maximum.{0,20}tokens",
                   re.I)
_REFUSES = re.compile(r"content.?(filter|policy)|invalid_prompt|safety|moderation", re.I)
log = logging.getLogger("failure_analysis.coding")  # project.LOG


@dataclass(frozen=True)
class Settings:
    """How the model is asked; `identity` has what changes an answer, not how long it takes."""

    model: str
    effort: str = "high"
    api: str = "responses"
    base_url: str = ""
    max_output_tokens: int | None = None
    timeout: float = 300.0
    retries: int = 6
    max_concurrent: int = 10

    def identity(self) -> dict[str, Any]:
        """The settings that answers depend on; the address without user name and password."""
        parts = urlsplit(self.base_url)
        port = f":{parts.port}" if parts.port else ""
        shown = f"{parts.scheme}://{parts.hostname}{port}{parts.path}" if self.base_url else ""
        return {"model": self.model, "effort": self.effort, "api": self.api, "base_url": shown,
                "max_output_tokens": self.max_output_tokens}


@dataclass(frozen=True)
class Request:
    """One call to be made. `key` is the hash of all that is sent; `mark` is what an answer to this
    prompt must repeat, which text inside the sample cannot know."""

    name: str
    mark: str
    shape: "type[BaseModel]"
    body: dict[str, Any] = field(repr=False)
    api: str = "responses"

    @cached_property
    def key(self) -> str:
        """The identity: prompt, schema and settings."""
        text = json.dumps([self.api, self.body], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def url(self) -> str:
        """Where a batch sends it."""
        return "/v1/responses" if self.api == "responses" else "/v1/chat/completions"

    @property
    def cap(self) -> int | None:
        """Where the answer is cut, if anywhere."""
        return self.body.get("max_output_tokens") or self.body.get("max_completion_tokens")

    @cached_property
    def tokens(self) -> int:
        """About how long the prompt is."""
        return estimate(json.dumps(self.body, ensure_ascii=False))


def estimate(text: str) -> int:
    """About how many tokens a text has, at four bytes each; the endpoint counts exactly."""
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1


def packed(items: Iterable[Any], size: Callable[[Any], int], room: float, most: float = math.inf
           ) -> Iterator[list[Any]]:
    """Things in their order, as many together as have room; a larger one stands alone."""
    pack, total = [], 0
    for item in items:
        length = size(item)
        if pack and (len(pack) >= most or total + length > room):
            yield pack
            pack, total = [], 0
        pack.append(item)
        total += length
    if pack:
        yield pack


def mark_of(*texts: str) -> str:
    """Eight hex digits made from the texts, that occur in none of them: what stands between these
    marks cannot close the fence, and cannot know what an answer must repeat."""
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    while any(digest[:8] in text for text in texts):
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return digest[:8]


def new_request(settings: Settings, name: str, mark: str, shape: "type[BaseModel]",
                instructions: str, text: str) -> Request:
    """A request for one answer of the given shape. Sends no temperature, and nothing that is not
    set: families of models refuse what they do not know."""
    schema = {"name": shape.__name__.lower(), "strict": True, "schema": _schema(shape)}
    body: dict[str, Any] = {"model": settings.model}
    if settings.api == "responses":
        body |= {"instructions": instructions, "input": text, "store": False,
                 "text": {"format": {"type": "json_schema", **schema}}}
        effort, cap = {"reasoning": {"effort": settings.effort}}, "max_output_tokens"
    else:
        body |= {"messages": [{"role": "system", "content": instructions},
                              {"role": "user", "content": text}],
                 "response_format": {"type": "json_schema", "json_schema": schema}}
        effort, cap = {"reasoning_effort": settings.effort}, "max_completion_tokens"
    if settings.effort != "off":
        body |= effort
    if settings.max_output_tokens:
        body[cap] = settings.max_output_tokens
    return Request(name, mark, shape, body, settings.api)


@lru_cache(32)
def _schema(shape: "type[BaseModel]") -> dict[str, Any]:
    return shape.model_json_schema()


def parse(request: Request, text: str) -> "tuple[BaseModel | None, str]":
    """The value of an answer, or None and why it is none. The answer is the whole text, one JSON
    object of exactly the asked shape with this prompt's mark; nothing is looked for inside it."""
    from pydantic import ValidationError

    try:
        json.loads(text, object_pairs_hook=_once)
        value = request.shape.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return None, f"{place}: {first['msg']}" if place else first["msg"]
    except (ValueError, RecursionError) as error:
        return None, str(error)
    if value.mark != request.mark:
        return None, "mark: it is not the mark of this prompt"
    return value, ""


def value_of(request: Request, answer: Answer) -> "tuple[BaseModel | None, str]":
    """The value of a finished call, or None and why it has none."""
    return parse(request, answer.text) if answer.state == "ok" else (None, answer.reason)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are there once: of two values, none is the answer."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is there twice in an object")
    return values


# What was received -> an answer.

class Ending(NamedTuple):
    """How a call ended, why, and the text that came."""

    state: str
    reason: str
    text: str = ""


def read(request: Request, received: Any, seconds: float = 0.0) -> Answer:
    """The answer in what the endpoint sent (both APIs, live and batched)."""
    if not isinstance(received, dict):
        return _answer(request, "unparsed", "the endpoint sent no JSON object", seconds=seconds)
    try:
        state, reason, text = (_of_responses if request.api == "responses" else _of_chat)(received)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        state, text = "unparsed", ""
        reason = f"the endpoint's answer has not the shape of its API ({error!r})"
    usage = _usage(received.get("usage"))
    if not isinstance(text, str) or not isinstance(reason, str):
        state, reason, text = "unparsed", "the endpoint's answer has not the shape of its API", ""
    text = text.encode("utf-8", "replace").decode()
    if state == "ok":
        value, reason = parse(request, text)
        state = "ok" if value is not None else "unparsed"
        if state == "unparsed" and request.cap and (usage.completion_tokens or 0) >= request.cap:
            state, reason = "truncated", f"cut at {request.cap} tokens"
    return _answer(request, state, reason, text=text, usage=usage, seconds=seconds,
                   model=clean.visible(str(received.get("model") or "")[:_LONGEST_NAME]),
                   response_id=clean.visible(str(received.get("id") or "")[:_LONGEST_NAME]))


def failed(request: Request, code: int | None, reason: str) -> Answer:
    """The answer to a batched request that ended in an error."""
    state, reason, _ = _of_error(scrubbed(reason))
    if state == "timed_out" and code in _BAD:
        state = "refused"
    return _answer(request, state, f"HTTP {code}: {reason}" if code else reason)


def _answer(request: Request, state: str, reason: str, **more: Any) -> Answer:
    reason = " ".join(clean.visible(reason).split())[:400]
    return Answer(request.key, request.name, state, reason, **more,
                  finished=datetime.now(UTC).isoformat(timespec="seconds"))


def _of_responses(received: dict) -> Ending:
    """How a Responses API object ended."""
    pieces = [piece for item in received.get("output") or [] if item.get("type") == "message"
              for piece in item.get("content") or []]
    text = "".join(piece["text"] for piece in pieces if piece.get("type") == "output_text")
    refusals = [piece.get("refusal") or "" for piece in pieces if piece.get("type") == "refusal"]
    status = received.get("status")
    if status == "incomplete":
        reason = str((received.get("incomplete_details") or {}).get("reason"))
        return Ending("refused" if reason == "content_filter" else "truncated", reason, text)
    if status == "failed":
        error = received.get("error") or {}
        return _of_error(f"{error.get('code')}: {error.get('message')}")._replace(text=text)
    if refusals:
        return Ending("refused", " ".join(refusals), text)
    if status not in ("completed", None):  # some servers say no status; the text is checked anyway
        return Ending("timed_out", f"the endpoint left it {status}", text)
    return Ending("ok", "", text)


def _of_chat(received: dict) -> Ending:
    """How a chat completion ended."""
    choice = received["choices"][0]
    message = choice["message"]
    text = message.get("content") or ""
    end = choice.get("finish_reason")
    if message.get("refusal") or end == "content_filter":
        return Ending("refused", message.get("refusal") or "content_filter", text)
    if end == "length":
        return Ending("truncated", "length", text)
    return Ending("ok", "", text)


def _of_error(reason: str) -> Ending:
    """How a call ended in an error that concerns its prompt."""
    if _LONG.search(reason):
        return Ending("overflow", reason)
    return Ending("refused" if _REFUSES.search(reason) else "timed_out", reason)


def _usage(counts: Any) -> Usage:
    """The counts of either API; what can be no count is none."""
    if not isinstance(counts, dict):
        return Usage()

    def number(of: Any, *names: str) -> int | None:
        return next((of[name] for name in names if isinstance(of, dict)
                     and type(of.get(name)) is int and 0 <= of[name] <= _MOST_TOKENS), None)

    spent = counts.get("output_tokens_details") or counts.get("completion_tokens_details")
    given = counts.get("input_tokens_details") or counts.get("prompt_tokens_details")
    return Usage(number(counts, "input_tokens", "prompt_tokens"),
                 number(counts, "output_tokens", "completion_tokens"),
                 number(spent, "reasoning_tokens"), number(given, "cached_tokens"))


# Asking.

Job = Callable[[], list[Request]]  # says which requests a piece of work still needs


def run(jobs: Iterable[Job], call_log: CallLog, settings: Settings, budget: Budget,
        done: Callable[[], None]) -> None:
    """Asks whatever the jobs need, several at once, until each needs nothing or the budget is
    spent; `done` is called after each job. A refusal by the endpoint that concerns every request
    (no such model, wrong key, a setting that it does not take) ends the run: what is under way is
    waited for and kept, as it is paid, and nothing more is asked."""
    asyncio.run(_run(iter(jobs), call_log, settings, budget, done))


class Attempt(NamedTuple):
    """How an attempt ended: whether nothing was sent or the endpoint refused it (`is_free`), calls
    it bad, after how many seconds it may be made again, and the tokens that we saw come."""

    answer: Answer
    is_free: bool = False
    is_bad: bool = False
    pause: float | None = None
    received: int = 0


async def _run(jobs: Iterator[Job], call_log: CallLog, settings: Settings, budget: Budget,
               done: Callable[[], None]) -> None:
    gate, settled, over = asyncio.Semaphore(settings.max_concurrent), asyncio.Event(), \
        asyncio.Event()
    doubtful: list[Answer] = []
    ended: list[files.Refusal] = []

    def end(refusal: files.Refusal) -> None:
        ended.append(refusal)
        over.set()
        settled.set()  # who waits for the budget ends too
    async with endpoint.client(settings.base_url, settings.timeout) as client:

        async def ask(request: Request) -> bool:
            async with gate:
                try:
                    attempt = await _attempts(client, request, settings, budget, settled, over)
                except files.Refusal as refusal:
                    end(refusal)
                    return False
            if attempt is None:
                return False
            if attempt.is_bad and not len(call_log):
                doubtful.append(attempt.answer)
                if len(doubtful) >= _ENOUGH_DOUBT:
                    end(_refusal(attempt.answer))
                return False
            call_log.add(attempt.answer)
            return True

        async def work() -> None:
            for job in jobs:
                while not over.is_set() and (requests := job()):
                    if not all(await asyncio.gather(*map(ask, requests))):
                        break
                if over.is_set():
                    return
                done()

        # More workers than calls: while all calls are under way, the next prompts are made.
        workers = [asyncio.create_task(work()) for _ in range(2 * settings.max_concurrent)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    if doubtful and not len(call_log):
        ended.append(_refusal(doubtful[0]))
    else:  # others were answered: it was these prompts, not the settings
        for answer in doubtful:
            call_log.add(answer)
    if ended:
        raise ended[0]


def _refusal(answer: Answer) -> files.Refusal:
    """The end of a run in which the endpoint took no request."""
    return files.Refusal(f"the endpoint refuses: {answer.reason}; change the setting that it names "
                         "(--effort off sends no reasoning effort)")


async def _attempts(client: "AsyncOpenAI", request: Request, settings: Settings, budget: Budget,
                    settled: asyncio.Event, over: asyncio.Event) -> Attempt | None:
    """The last of as many attempts as it takes, each within the budget and before the run is over;
    None where there was none."""
    attempt = None
    for tries in range(settings.retries + 1):
        while not over.is_set() and (room := budget.room(request)) is None:
            await settled.wait()
        if over.is_set() or not room:
            break
        need = budget.take(request)
        log.debug("%s: attempt %d; about %d tokens in and %d out expected", request.name, tries + 1,
                  request.tokens, need - request.tokens)
        try:
            attempt = await _ask(client, request, settings, tries)
        except files.Refusal:
            budget.give_back(need)
            raise
        if attempt.is_free:
            budget.give_back(need)
        else:
            budget.settle(need, request, attempt.answer.usage, attempt.received)
        settled.set()  # wakes all who wait now, and nobody later
        settled.clear()
        _log(request, attempt)
        if attempt.pause is None or tries == settings.retries:
            break
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), attempt.pause)
    return attempt


def _log(request: Request, attempt: Attempt) -> None:
    answer, usage = attempt.answer, attempt.answer.usage
    log.debug("%s: %s after %.1f s; tokens in: %s said, about %d sent; tokens out: %s said, about "
              "%d received%s", answer.name, answer.state, answer.seconds, usage.prompt_tokens,
              request.tokens, usage.completion_tokens, attempt.received,
              "; refused or not sent, costs nothing" if attempt.is_free else "")
    log.debug("%s: %s", answer.name, f"parsed as {request.shape.__name__}" if answer.state == "ok"
              else f"not parsed: {answer.reason}")


async def _ask(client: "AsyncOpenAI", request: Request, settings: Settings, tries: int) -> Attempt:
    """One attempt; every way it can end becomes an answer, except an error that would meet every
    request. The endpoint may call a request bad by the prompt's or the settings' fault."""
    import openai

    start = time.monotonic()

    def ended(state: str, reason: str, **more: Any) -> Attempt:
        seconds = round(time.monotonic() - start, 3)
        return Attempt(_answer(request, state, scrubbed(reason, settings.base_url),
                               seconds=seconds), **more)

    create = client.responses if request.api == "responses" else client.chat.completions
    try:
        raw = await create.with_raw_response.create(**request.body)
    except endpoint.TooLarge as error:
        return ended("unparsed", str(error), received=endpoint.MOST_BYTES // BYTES_PER_TOKEN)
    except openai.APIConnectionError as error:
        return ended("timed_out", f"no answer: {error or 'out of time'}",
                     is_free=endpoint.is_unsent(error), pause=endpoint.pause({}, tries))
    except openai.APIStatusError as error:
        (state, reason, _), is_bad = _status(error, settings.base_url)
        again = endpoint.pause(error.response.headers, tries) if error.status_code not in _BAD \
            else None
        return ended(state, reason, is_free=error.status_code < 500, is_bad=is_bad, pause=again)
    return _received(request, raw.http_response.content, start)


def _received(request: Request, content: bytes, start: float) -> Attempt:
    """What came, read; of what cannot be read, all of it counts as an answer."""
    try:
        received = json.loads(content)
    except (ValueError, RecursionError):
        received = None
    if isinstance(received, dict) and endpoint.is_out_of_money(received.get("error")):
        raise files.Refusal(f"the endpoint refuses: {endpoint.OUT_OF_MONEY}")
    answer = read(request, received, round(time.monotonic() - start, 3))
    tokens = estimate(answer.text) if answer.text else len(content) // BYTES_PER_TOKEN
    return Attempt(answer, received=tokens)


def _status(error: Any, base_url: str) -> tuple[Ending, bool]:
    """How a call ended in an HTTP error, and whether its request was just called bad; refuses what
    no request can get past."""
    code = error.status_code
    message = error.message if str(code) in error.message else f"HTTP {code}: {error.message}"
    if endpoint.is_out_of_money(error.body):
        raise endpoint.refusal(error, base_url)
    if code in (408, 409, 429) or code >= 500:
        return Ending("timed_out", message), False
    if code in _BAD:
        ending = _of_error(f"{message} {error.code or ''}".strip())
        is_bad = ending.state == "timed_out"
        return (Ending("refused", message), True) if is_bad else (ending, False)
    raise endpoint.refusal(error, base_url)


def spent(answers: Iterable[Answer]) -> dict[str, int | None]:
    """The usage of several calls together; a count is null when a call did not say it."""
    usages = [msgspec.structs.asdict(answer.usage) for answer in answers]
    counts = {name: [usage[name] for usage in usages] for name in Usage.__struct_fields__}
    return {"calls": len(usages), **{name: None if None in numbers else sum(numbers)
                                     for name, numbers in counts.items()}}


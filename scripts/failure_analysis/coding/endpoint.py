"""The connection to an endpoint: nothing that it does makes an attempt longer than --timeout, or an
answer larger than a limit, and no redirect takes what was asked elsewhere."""

import asyncio
import random
import time
import zlib
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from failure_analysis import files
from failure_analysis.coding import secret

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

MOST_BYTES = 2_000_000  # of an answer, unpacked: more than the longest that models give
_MOST_OF_AN_ERROR = 60_000
_LOCAL = ("127.0.0.1", "localhost", "::1")
_KEPT = ("content-type", "location", "retry-after", "retry-after-ms", "x-should-retry")
_LONGEST_PAUSE = 120  # seconds that an endpoint may ask for
OUT_OF_MONEY = "insufficient_quota; what is left on the account?"
_HINTS = {401: "is OPENAI_API_KEY right?", 402: OUT_OF_MONEY,
          403: "may this key use the model?",
          404: "are --model and --base-url right, and does the endpoint have this API "
               "(--api chat)?"}


class TooLarge(Exception):
    """An answer went over the limit."""


def check(base_url: str) -> None:
    """Refuses a missing key; an endpoint on this machine needs none."""
    if not secret.key() and urlsplit(base_url).hostname not in _LOCAL:
        raise files.Refusal("OPENAI_API_KEY is not set: export it, or name an endpoint on this "
                            "machine with --base-url; --dry-run needs neither")


def client(base_url: str, timeout: float, most: int = MOST_BYTES) -> "AsyncOpenAI":
    """A client whose attempts end; it does not try again by itself."""
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

    check(base_url)

    http = DefaultAsyncHttpx2Client(timeout=timeout)
    unbounded = http.send

    async def send(request: httpx2.Request, **how: Any) -> httpx2.Response:
        how |= {"stream": True, "follow_redirects": False}
        try:
            async with asyncio.timeout(timeout):
                response = await unbounded(request, **how)
                try:
                    raw = await _received(response, most)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx2.ReadTimeout("out of time", request=request) from None
        return httpx2.Response(
            response.status_code, content=secret.redacted(raw, base_url), request=request,
            headers={name: response.headers[name] for name in _KEPT if name in response.headers})

    http.send = send
    return AsyncOpenAI(api_key=secret.key() or "none", base_url=base_url or None, max_retries=0,
                       default_headers={"accept-encoding": "identity"}, http_client=http)


async def _received(response: "httpx2.Response", most: int) -> bytes:
    """The body of an answer, unpacked; of an error, its beginning."""
    if not response.is_success:
        most = _MOST_OF_AN_ERROR
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > most:
            break
    body = bytes(raw)
    if response.headers.get("content-encoding", "") in ("gzip", "deflate"):  # it was not asked to
        try:
            body = zlib.decompressobj(wbits=47).decompress(body, most + 1)
        except zlib.error:
            body = b""
    if max(len(raw), len(body)) > most and response.is_success:
        raise TooLarge(f"the answer is larger than {most} bytes")
    return body[:most]


def refusal(error: Any, base_url: str = "") -> files.Refusal:
    """What no request can get past, as the end of a run."""
    code, hint = error.status_code, _HINTS.get(error.status_code, "is --base-url right?")
    if is_out_of_money(error.body):
        hint = _HINTS[402]
    reason = error.message if str(code) in error.message else f"HTTP {code}: {error.message}"
    if 300 <= code < 400:
        reason = f"HTTP {code}: it redirects to {_place(error.response.headers.get('location'))}"
        hint = "no redirect is followed; name the address with --base-url if you trust it"
    return files.Refusal(f"the endpoint refuses: {secret.scrubbed(reason, base_url)[:600]}; {hint}")


def _place(location: str | None) -> str:
    """Where a redirect leads, without what may be secret or endless in its address."""
    try:
        parts = urlsplit(location or "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "no address"
    if parts.scheme in ("", "http", "https"):
        return f"{parts.scheme or 'http'}://{parts.hostname}{port}" if parts.hostname else \
            "another path of the same address"
    return f"{parts.scheme}:"


def is_out_of_money(error: Any) -> bool:
    """Whether an error that was sent says that the account is used up: waiting does not help."""
    return isinstance(error, dict) and "insufficient_quota" in (error.get("code"),
                                                                error.get("type"))


def is_unsent(error: Any) -> bool:
    """Whether a lost connection was never there."""
    import httpx2

    return isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout,
                                        httpx2.UnsupportedProtocol, httpx2.LocalProtocolError))


def pause(headers: Any, tries: int) -> float | None:
    """Seconds until the next attempt: what the endpoint asks for, else longer each time; None when
    it says that there should be none."""
    if headers.get("x-should-retry") == "false":
        return None
    for name, seconds_in in (("retry-after-ms", lambda text: float(text) / 1000),
                             ("retry-after", float), ("retry-after", _until)):
        with suppress(ValueError, TypeError, OverflowError):
            seconds = seconds_in(headers.get(name))
            if 0 <= seconds <= _LONGEST_PAUSE:
                return seconds
    return min(0.5 * 2 ** tries, 8) * random.uniform(0.75, 1)


def _until(date: str) -> float:
    """Seconds until a date of HTTP; none when it is past, as clocks differ."""
    return max(0, parsedate_to_datetime(date).timestamp() - time.time())

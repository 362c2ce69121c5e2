"""Who may use the page: the browser that followed the printed link, and nobody else. A page of
another site, another program's page on this machine and a rebound host name are refused."""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MOST_BODY = 4 << 20  # bytes; a review has kilobytes
_REFUSED = """<!doctype html><meta charset="utf-8"><title>Refused</title>
<p>{reason}.</p>
<p>Open the link that review_app.py printed. If you just came from it: <a href="/">go on</a>.</p>
"""


def guarded(app: ASGIApp, token: str, port: int, once: str = "") -> ASGIApp:
    """The app behind the token; every answer carries the security headers. `once` opens it too, a
    single time: it is for a browser that this machine starts, on whose command line others of its
    users may read it."""
    unused = {once} - {""}

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope)
        answer = _entered(request, token, port, unused) or app
        await answer(scope, receive, send_with_headers)

    return guard


def _entered(request: Request, token: str, port: int, unused: set[str]) -> Response | None:
    """The answer to a request that does not reach the app: a refusal, or the way in."""
    if reason := _unbounded(request):
        return Response(reason, 413, {"Connection": "close"}, "text/plain")
    if reason := _foreign(request, port):
        return HTMLResponse(_REFUSED.format(reason=reason), 403)
    cookie = f"review_{port}"  # browsers send a cookie to every port of a host
    given = request.query_params.get("token", "")
    spent = {one for one in unused if _same(given, one)}
    if request.method == "GET" and request.url.path == "/" and (_same(given, token) or spent):
        unused -= spent
        answer = RedirectResponse("/", 303)
        answer.set_cookie(cookie, token, httponly=True, samesite="strict", path="/")
        return answer
    if not _same(request.cookies.get(cookie, ""), token):
        return HTMLResponse(_REFUSED.format(reason="This request has no valid token"), 403)
    return None


def _unbounded(request: Request) -> str:
    """Why the body of a request is not read; empty when it may be. Nothing of it has been."""
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or not length and request.method == "POST":
        return "A request says how long its body is, in Content-Length"
    if length and (not length.isdecimal() or int(length[:20]) > MOST_BODY):
        return f"A body has at most {MOST_BODY} bytes"
    return ""


def _same(given: str, token: str) -> bool:
    """Compares in a time that tells nothing about the token."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _foreign(request: Request, port: int) -> str:
    """Why a request does not come from our own page; empty when it does."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if host not in (f"127.0.0.1:{port}", f"localhost:{port}"):
        return "This host name is not the page's own"
    if origin is not None and origin != f"http://{host}":
        return "This request comes from another origin"
    site, mode = request.headers.get("sec-fetch-site"), request.headers.get("sec-fetch-mode")
    if site not in ("same-origin", "none", None) and mode != "navigate":
        return "This request comes from another site"
    if request.method in ("GET", "HEAD"):
        return ""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if origin is None:
        return "A request that changes something names its origin"
    return "" if kind == "application/json" else "A request that changes something is JSON"

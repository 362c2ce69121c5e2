"""The review page's routes, and the server on 127.0.0.1 that answers them."""

import asyncio
import getpass
import json
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from failure_analysis import clean, files, markdown, results, steps
from failure_analysis.audit import candidates
from failure_analysis.packet import rows, sanity
from failure_analysis.pages import browser, examined, guard, overview, second, view
from failure_analysis.pages import desk as desks
from failure_analysis.pages.desk import Desk
from failure_analysis.review import (
    contrast,
    ledger,
    located,
    parts,
    reading_log,
    timeline,
    together,
)

TEMPLATES = Path(__file__).resolve().parents[3] / "templates" / "review_app"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_SLOWEST = 10  # seconds for a body to come in
_REVIEW = ("bucket", "fault", "mechanism", "quotes", "secondary", "note", "settles", "replaces",
           "verdict", *located.KEYS, "contested", "contested_fault")


class _Quoted(msgspec.Struct):
    """A quote that may become one of this datapoint's."""

    id: str
    quote: str


class _Seen(msgspec.Struct):
    """What stood on the screen: part, from and to of each piece."""

    id: str
    spans: list[tuple[str, int, int]]


class _Json(JSONResponse):
    """JSON in ASCII, which carries lone surrogates too."""

    def render(self, content: Any) -> bytes:
        """The bytes of the answer."""
        return json.dumps(content, allow_nan=False).encode("ascii")


def serve(analysis_dir: Path, port: int, coder: str, browse: bool = False) -> None:
    """Serves the page until it is interrupted; prints the link first, and opens it in a browser
    where that is wanted and there is one."""
    desk = Desk(analysis_dir, coder)
    desks.standing(desk)  # refuses a ledger that cannot be read
    if not desk.queue and not any(candidates.load(analysis_dir)):
        raise files.Refusal(f"{analysis_dir}: {rows.without_failures(desk.index)}")
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", port))
        own.listen()
        port, token = own.getsockname()[1], secrets.token_urlsafe(24)
        once = secrets.token_urlsafe(24) if browse and browser.is_here() else ""
        app = guard.guarded(application(desk), token, port, once)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,
                                lifespan="off", ws="none", timeout_graceful_shutdown=1)
        print(f"http://127.0.0.1:{port}/?token={token}\n{len(desk.queue)} datapoints, reviewed "
              f"as {coder} into {analysis_dir / ledger.NAME}; Ctrl-C ends", flush=True)
        if once:
            browser.show(f"http://127.0.0.1:{port}/?token={once}")
        uvicorn.Server(config).run(sockets=[own])


def user_name() -> str:
    """The name of the person at this machine, as a coder's name."""
    try:
        name = re.sub(r"[^\w.@:-]+", "_", getpass.getuser()).lstrip("_.@:-")[:60]
    except (OSError, KeyError):
        name = ""
    return name or "person"


def application(desk: Desk) -> Starlette:
    """The routes of the page."""
    def refreshed(body: Callable[[Desk, Any], Any], asked: Any) -> Any:
        """The answer of a route, from the files as they are now."""
        desk.refresh()
        return body(desk, asked)

    def answers(path: str, body: Callable[[Desk, Mapping], Any]) -> Route:
        """A route that only reads."""
        async def answer(request: Request) -> Response:
            return _Json(await run_in_threadpool(refreshed, body, request.query_params))

        return Route(path, answer)

    def takes(path: str, body: Callable[[Desk, dict], Any]) -> Route:
        """A route that is sent a JSON object."""
        async def answer(request: Request) -> Response:
            try:
                async with asyncio.timeout(_SLOWEST):
                    body_text = await request.body()
            except (TimeoutError, ClientDisconnect):
                return Response("The body did not come", 408, {"Connection": "close"}, "text/plain")
            try:
                asked = json.loads(body_text)
            except (ValueError, RecursionError):
                return _Json({"error": "not JSON"}, 400)
            if not isinstance(asked, dict):
                return _Json({"error": "not a JSON object"}, 400)
            return _Json(await run_in_threadpool(refreshed, body, asked))

        return Route(path, answer, methods=["POST"])

    return Starlette(routes=[
        Route("/", lambda request: HTMLResponse(
            rendered("page.html.j2", title=title(desk.analysis_dir), faults=ledger.FAULTS))),
        Route("/second-reading", lambda request: HTMLResponse(
            rendered("second.html.j2", title=title(desk.analysis_dir)))),
        Route("/audit", lambda request: HTMLResponse(
            rendered("audit.html.j2", title=title(desk.analysis_dir)))),
        Route("/assets/{name}", _asset),
        answers("/api/queue", overview.queue), answers("/api/standing", _standing),
        answers("/api/overview", overview.overview), takes("/api/words", overview.words),
        answers("/api/datapoint", lambda desk, asked: view.datapoint(desk, asked.get("id", ""))),
        answers("/api/reviews", lambda desk, asked: view.reviews(desk, asked.get("id", ""))),
        answers("/api/search", lambda desk, asked: desk.matching(asked.get("q", ""))),
        answers("/api/background", _background),
        answers("/api/sheet", second.sheet), answers("/api/answers", second.answers),
        takes("/api/answer", second.answer),
        answers("/api/audit", examined.overview), answers("/api/readings", examined.readings),
        answers("/api/candidate", examined.candidate), takes("/api/reading", examined.read),
        takes("/api/quote", _quote), takes("/api/review", _review), takes("/api/shown", _shown),
    ], exception_handlers={
        files.Refusal: _refused, msgspec.ValidationError: _refused, OSError: _refused})


async def _refused(request: Request, refusal: Exception) -> Response:
    """An expected error, in its own words."""
    return _Json({"error": clean.visible(str(refusal))}, 409)


def rendered(name: str, **values: Any) -> str:
    """One of the templates, filled; text of the runs in it is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string((TEMPLATES / name).read_text(encoding="utf-8")).render(values)


def title(analysis_dir: Path) -> str:
    """The benchmark's name, as build_packet.py recorded it."""
    path = analysis_dir / sanity.NAME
    name = results.read(path, results.Sanity, steps.BUILD.script)["conservation"]["benchmark"] \
        if path.exists() else path.parent.name
    return clean.visible(name)


def _asset(request: Request) -> Response:
    """One of the page's own scripts and styles."""
    name = request.path_params["name"]
    path = next((path for path in TEMPLATES.iterdir()
                 if path.name == name and path.suffix in _TYPES), None)
    if path is None:
        return Response("not found", 404)
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix])


def _standing(desk: Desk, asked: Mapping) -> dict:
    """What the ledger says, or nothing new since the version that the page has."""
    version, _ = desk.reviews()
    if asked.get("version") == version:
        return {"version": version}
    return desks.standing(desk)


def _background(desk: Desk, asked: Mapping) -> dict:
    """The policies that the runs record, without their fences and the page's own heading."""
    path = desk.analysis_dir / contrast.BACKGROUND
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {"text": clean.visible(markdown.unfenced(text.partition("\n")[2])).strip()}


def _quote(desk: Desk, asked: dict) -> dict:
    """Whether a quote proves anything about its datapoint, and in which steps it stands, or else in
    which part."""
    asked = msgspec.convert(asked, _Quoted)
    row = rows.row(desk.index, asked.id)
    row_parts = parts.parts(row)
    places = located.message_steps(asked.quote, row_parts, timeline.timeline(row))
    return {"reason": ledger.unproved([asked.quote], row),
            "where": located.spelled(places) if places else parts.where(asked.quote, row_parts)}


def _review(desk: Desk, asked: dict) -> dict:
    """Records a review as this person's, if so asked for all that are alike to it too; answers
    with it, how many of those it holds for and which refuse it, or with the reason against it."""
    entry = {name: asked[name] for name in _REVIEW if name in asked}
    entry |= {"datapoint_id": asked.get("datapoint_id"), "coder": desk.coder, "kind": "person"}
    entries = together.for_all(desk.index, entry, desk.twins) if asked.get("alike") is True \
        else [entry]
    verdict, *others = ledger.append(desk.index, entries)
    if verdict.review:
        return {"review": msgspec.to_builtins(verdict.review),
                "alike": sum(other.review is not None for other in others),
                "refused": [clean.visible(f"{one['datapoint_id']}: {other.reason}") for one, other
                            in zip(entries[1:], others, strict=True) if not other.review]}
    mine = view.reviews(desk, entry["datapoint_id"])["mine"]
    changed = mine is not None and mine["review_id"] != entry.get("replaces")
    return {"reason": verdict.reason, "changed_elsewhere": mine if changed else None}


def _shown(desk: Desk, asked: dict) -> dict:
    """Logs what stood on the screen; a text that two parts share counts for both."""
    seen = msgspec.convert(asked, _Seen)
    row = rows.row(desk.index, seen.id)
    row_parts = parts.parts(row)
    same = view.conversation(row)["same"]
    also = [(twin, *place) for name, *place in seen.spans
            for twin, shown in same.items() if shown == name]
    sizes = {part.name: len(part.text) for part in row_parts}
    for spans in _layers([*seen.spans, *also], sizes) or ([] if row_parts else [{}]):
        reading_log.log(desk.analysis_dir, desk.coder, seen.id, row_parts, spans)
    desk.shown.add(seen.id)
    return {}


def _layers(spans: list[tuple[str, int, int]], sizes: dict[str, int]
            ) -> list[dict[str, tuple[int, int]]]:
    """The spans with neighbours joined, as showings that name each part once."""
    joined: dict[str, list[tuple[int, int]]] = {}
    for name, start, stop in sorted(spans):
        stop = min(stop, sizes.get(name, 0))
        mine = joined.setdefault(name, [])
        if mine and start <= mine[-1][1]:
            mine[-1] = (mine[-1][0], max(stop, mine[-1][1]))
        elif 0 <= start < stop:
            mine.append((start, stop))
    deepest = max(map(len, joined.values()), default=0)
    return [{name: mine[place] for name, mine in joined.items() if place < len(mine)}
            for place in range(deepest)]

"""The reviews as one read-only HTML file without scripts, to send to a colleague."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from failure_analysis import files, store
from failure_analysis.audit import candidates
from failure_analysis.audit.page import MOST_SHOWN
from failure_analysis.packet import rows
from failure_analysis.pages import desk as desks
from failure_analysis.pages import examined, layout, view
from failure_analysis.pages.desk import Desk
from failure_analysis.pages.server import TEMPLATES, rendered, title
from failure_analysis.review import bucket_groups, ledger, parts

_LONG = 1500


def write(analysis_dir: Path, path: Path) -> dict:
    """Writes the page and returns its headline counts; refuses when nobody has reviewed yet."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise files.Refusal(f"{path}: the page ends in .html, so that it overwrites no data")
    desk = Desk(analysis_dir, "")
    _, reviews = desk.reviews()
    finals = {ident: final for ident, final in ledger.finals(reviews).items()
              if ident in desk.index.places}
    if not finals:
        raise files.Refusal(f"{analysis_dir / ledger.NAME}: no review in it; record some with "
                            "review_app.py or record_review.py first")
    order = {ident: place for place, ident in enumerate(desk.queue)}
    idents = sorted(finals, key=lambda ident: (order.get(ident, len(order)), ident))
    points = [_point(desk, ident, finals[ident]) for ident in idents]
    counts = desks.progress(desk, finals)
    (reviewed, failing), planned = counts["failing"], counts["planned"]
    coders = {review.coder for final in finals.values() for review in final.reviews}
    summary = {"reviewed": reviewed, "failing": failing,
               "nothing": "" if failing else rows.without_failures(desk.index),
               "unjudged": counts["unjudged"] if counts["unjudged"][1] else None,
               "planned": planned if planned[1] else None, "coders": sorted(coders)}
    style = "\n".join((TEMPLATES / name).read_text(encoding="utf-8")
                      for name in ("theme.css", "static.css"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    store.write_text(path, rendered(
        "static.html.j2", title=title(analysis_dir), style=style, style_hash=digest,
        summary=summary, models=counts["models"],
        buckets=_buckets(points, bucket_groups.load(analysis_dir)),
        pairs=desks.pairs(ledger.current(reviews)), audit=_audit(desk),
        passed=[point for point in points if point["verdict"] == "pass"],
        undecided=[point for point in points if point["disagrees"]]))
    return summary


def _buckets(points: list[dict], group_of: Mapping[str, str]) -> list[dict]:
    """The buckets, biggest first, each with the datapoints that its readers agree on; those of a
    group below a line for it."""
    agreed = [point for point in points if not point["disagrees"] and point["bucket"]]
    order = desks.ranked(Counter(point["bucket"] for point in agreed))
    buckets = []
    for total in bucket_groups.totals(order, group_of):
        members = [point for point in agreed
                   if point["bucket"] in (total.members or (total.name,))]
        buckets.append({"name": total.name, "points": members, "group": total.group,
                        "is_group": bool(total.members),
                        "models": Counter(point["model"] for point in members),
                        "faults": desks.ranked(Counter(point["fault"] for point in members))})
    return buckets


def _point(desk: Desk, ident: str, final: ledger.Final) -> dict:
    """One reviewed datapoint, with the quotes of its reviews marked."""
    row = rows.row(desk.index, ident)
    row_parts = parts.parts(row)
    quotes = [quote for review in final.reviews for quote in review.quotes]
    talk, said = view.conversation(row), _said(final.reviews)
    marked = {part.name: _marked(part, quotes, part.name in talk["looked_up"])
              for part in row_parts if part.name not in talk["same"]}
    spoken = {name for name in marked if name.startswith(("message-", "call-", "result-"))}
    return {**desk.queued(ident)._asdict(), "bucket": final.bucket, "fault": final.fault,
            "verdict": final.verdict, "disagrees": desks.disagrees(final),
            "reviews": final.reviews, "parts": marked, **talk, "said": said,
            "marked_talk": bool(said) or any(marked[name]["marked"] for name in spoken)}


def _said(reviews: Sequence[ledger.Review]) -> dict[str, list[str]]:
    """What readers say of each step that one names."""
    said: dict[str, list[str]] = {}
    for review in reviews:
        for what, places in (("step", [review.step]), ("second", [review.second]),
                             ("also", review.also)):
            for place in filter(None, places):
                said.setdefault(place, []).append(f"{review.coder}: {what}")
    return said


def _audit(desk: Desk) -> list[dict]:
    """The audit's candidates by class: the first of each, and all that somebody has read."""
    if not any(candidates.load(desk.analysis_dir)):
        return []
    listed, readings = examined.overview(desk, {}), examined.readings(desk, {})["readings"]
    groups = []
    for klass, kind, means, count in listed["classes"]:
        idents = [ident for ident, its_class, _ in listed["candidates"] if its_class == klass]
        shown = [ident for place, ident in enumerate(idents)
                 if place < MOST_SHOWN or ident in readings]
        groups.append({"name": klass, "kind": kind, "means": means, "count": count, "shown": [
            {**examined.candidate(desk, {"id": ident}), "readings": readings.get(ident, [])}
            for ident in shown]})
    return groups


def _marked(part: parts.Part, quotes: Iterable[str], is_brief: bool) -> dict:
    """A part as lines of pieces, each piece marked or not. A long one is folded; a brief one, a
    look-up, sooner and with its beginning."""
    spans = _spans(part.text, quotes)
    lines, at = [], 0
    json_lines = layout.json_lines(part.text)
    for line in json_lines or [layout.Line(0, part.text)]:
        stop = at + len(line.text)
        cuts = sorted({at, stop, *(cut for span in spans for cut in span if at < cut < stop)})
        pieces = [(part.text[start:end], any(first <= start < last for first, last in spans))
                  for start, end in zip(cuts, cuts[1:], strict=False)]
        lines.append({"depth": line.depth, "pieces": pieces})
        at = stop
    return {"lines": lines, "json": json_lines is not None,
            "size": len(part.text), "marked": bool(spans),
            "long": len(part.text) > (2 * view.BRIEF if is_brief else _LONG),
            "begins": " ".join(part.text[:view.BRIEF].split()) if is_brief else ""}


def _spans(text: str, quotes: Iterable[str]) -> list[tuple[int, int]]:
    """Where the quotes stand in a text, white space folded: the first place of each."""
    spans = []
    for quote in quotes:
        words = quote.split()
        match = words and re.search(r"\s+".join(map(re.escape, words)), text)
        if match:
            spans.append(match.span())
    return spans

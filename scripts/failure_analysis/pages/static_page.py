"""The reviews as one read-only HTML file without scripts, to send to a colleague."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from failure_analysis import files, store
from failure_analysis.packet import rows
from failure_analysis.pages import desk as desks
from failure_analysis.pages import layout, view
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
        pairs=desks.pairs(ledger.current(reviews)),
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
    marked = {part.name: _marked(part, quotes) for part in row_parts}
    talk = view.conversation(row, row_parts)
    spoken = {name for name in marked if name.startswith(("message-", "call-", "result-"))}
    return {**desk.queued(ident)._asdict(), "bucket": final.bucket, "fault": final.fault,
            "verdict": final.verdict, "disagrees": desks.disagrees(final),
            "reviews": final.reviews, "parts": marked, **talk,
            "marked_talk": any(marked[name]["marked"] for name in spoken)}


def _marked(part: parts.Part, quotes: Iterable[str]) -> dict:
    """A part as lines of pieces, each piece marked or not."""
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
            "size": len(part.text), "long": len(part.text) > _LONG, "marked": bool(spans)}


def _spans(text: str, quotes: Iterable[str]) -> list[tuple[int, int]]:
    """Where the quotes stand in a text, white space folded: the first place of each."""
    spans = []
    for quote in quotes:
        words = quote.split()
        match = words and re.search(r"\s+".join(map(re.escape, words)), text)
        if match:
            spans.append(match.span())
    return spans

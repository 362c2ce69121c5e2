"""The report as one HTML file that needs nothing else: an overview, figures, the report's own
Markdown, and the failures, each claim one click from the datapoint that it rests on. Before anybody
has read one it is the overview and the browser of the failures."""

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import jinja2
from markupsafe import Markup

from failure_analysis import aside, clean, facts, files, manifest, steps, store
from failure_analysis.audit import candidates
from failure_analysis.audit.candidates import CLASSES, FLAGS
from failure_analysis.audit.page import MEANS, MOST_SHOWN
from failure_analysis.pages import (
    charts,
    examined,
    report_data,
    report_figures,
    report_points,
    report_text,
)
from failure_analysis.pages import desk as desks
from failure_analysis.pages.report_data import Folder
from failure_analysis.pages.report_points import Line
from failure_analysis.review import counting, ledger, standing

MOST_MB = 3
_TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
_MISSES = 100  # datapoints that do not fit, after which none is tried any more
_MOST_LABELS = 28
_PLACE = f"<!--{secrets.token_hex(16)}-->"  # no text of the runs can know it


class _Settings(TypedDict, total=False):
    mb: float


class Page(NamedTuple):
    """What was written: the path, how large it is, and what is in it and was left out for size."""

    path: Path
    size: int
    failures: int
    lines_left: int
    whole: int
    whole_left: int
    reviewed: str

    def lines(self) -> list[str]:
        """What a script says of it."""
        said = f"page: {self.path} ({self.size / 1e6:.1f} MB)"
        left = [*([f"{self.whole_left} of {self.whole + self.whole_left} datapoints as a line only"]
                  if self.whole_left else []),
                *([f"{self.lines_left} of {self.failures} failures"] if self.lines_left else [])]
        return [f"{said}; left out for size: {', '.join(left)} (--page-mb N)" if left else said]


def path_of(report: Path) -> Path:
    """Where the page of a report stands: beside it."""
    return report.with_suffix(".html")


def refuse_foreign(report: Path) -> None:
    """Refuses where something stands in the place of a report's page that no step wrote."""
    page = path_of(report)
    store.refuse_leading_out(page)
    if aside.foreign(page.parent, [page.name]):
        raise files.Refusal(f"{page}: stands there, and no step of {manifest.NAME} wrote it; move "
                            "it into another folder")


def write_beside(analysis_dir: Path, most_mb: float = MOST_MB,
                 counts: counting.Counts | None = None) -> Page:
    """Writes the page beside the report of a folder and says so in its manifest."""
    path = path_of(standing.report_of(analysis_dir))
    manifest.begin(analysis_dir, (path.name,))
    page = write(analysis_dir, path, most_mb, counts)
    kept = manifest.outputs(analysis_dir, steps.PAGE) or {}
    manifest.record(analysis_dir, steps.PAGE.name, {"mb": most_mb},
                    dict.fromkeys((*kept, path.name)))
    return page


def write_anew(analysis_dir: Path, counts: counting.Counts | None = None) -> None:
    """Writes the page beside the report of a folder again, as large as it was asked to be; leaves
    what no step wrote. Where the files are such that none can be made, there is none: the one that
    stands there would be of other files."""
    path = path_of(standing.report_of(analysis_dir))
    if aside.foreign(analysis_dir, [path.name]):
        return
    try:
        write_beside(analysis_dir, manifest.settings(analysis_dir, steps.PAGE.name, _Settings)
                     .get("mb", MOST_MB), counts)
    except files.Refusal:
        path.unlink(missing_ok=True)


def write(analysis_dir: Path, path: Path, most_mb: float = MOST_MB,
          counts: counting.Counts | None = None) -> Page:
    """Writes the page of a folder; `counts` where they are known already."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise files.Refusal(f"{path}: the page ends in .html, so that it overwrites no data")
    folder = report_data.load(analysis_dir, counts)
    labels, most = _Labels(folder.counts), int(most_mb * 1e6)
    text = _text(folder, labels)
    listed_ = report_points.lines(folder.counts,
                                  report_points.listed(folder.counts, text.quoted if text else {}))
    frame = _frame(folder, text, labels)
    bare = frame(None)
    room = most - len(_filled(bare, labels, text, [], []).encode("utf-8", "replace"))
    lines, room = _fitting(listed_, room)
    points, left = _points(folder, text, room)
    left_out = {"lines": len(listed_) - len(lines), "failures": len(listed_), "whole": left}
    if any((left_out["lines"], left)):
        bare = frame(left_out)
    html = _filled(bare, labels, text, lines, points)
    store.write_text(path, html)
    return Page(path, len(html.encode()), len(listed_), len(listed_) - len(lines), len(points),
                left, report_data.reviewed(folder))


def _filled(bare: str, labels: "_Labels", text: report_text.Text | None, lines: list[Line],
            points: list[tuple[str, str]]) -> str:
    """The page with its datapoints and its data in their places."""
    shown, names = {ident for ident, _ in points}, {"": 0}
    data = {"rows": [_row(line, line.ident in shown, names) for line in lines],
            "names": list(names), "facts": text.facts if text else {},
            "short": labels.short}
    head, middle, tail = bare.split(_PLACE)
    return "".join((head, "\n".join(source for _, source in points), middle, _json(data), tail))


def _row(line: Line, is_whole: bool, names: dict[str, int]) -> list:
    """A line as the page's script has it: what recurs is a place among the names."""
    def place(name: str) -> int:
        return names.setdefault(name, len(names))

    return [line.ident, line.item, *map(place, (line.model, line.outcome, line.cause, line.mode,
                                                line.fault)),
            list(map(place, line.failed)), line.words, line.question, int(is_whole)]


class _Labels(Mapping):
    """How each datapoint is called in short: its item and model, its trial beyond the first, and
    the run where another one of that model has the same trial."""

    def __init__(self, counts: counting.Counts) -> None:
        self._outcomes = counts.index.outcomes
        names = sorted({clean.visible(line.model) for line in self._outcomes.values()})
        runs: dict[tuple, set[str]] = {}
        for line in self._outcomes.values():
            runs.setdefault((line.model, line.item, line.trial), set()).add(line.run)
        repeated: dict[str, set[str]] = {}
        for (model, *_), mine in runs.items():
            if len(mine) > 1:
                repeated.setdefault(model, set()).update(mine)
        self._run = {(model, run): f", run {place}" for model, mine in repeated.items()
                     for place, run in enumerate(sorted(mine), 1)}
        self.short, self._shortest = charts.short(names, _MOST_LABELS), charts.shortest(names)

    def __getitem__(self, ident: str) -> str:
        line = self._outcomes[ident]
        model = self._shortest[clean.visible(line.model)]
        trial = f" #{line.trial + 1}" if line.trial else ""
        run = self._run.get((line.model, line.run), "")
        return f"{report_points.item(line)} · {model}{trial}{run}"

    def __contains__(self, ident: object) -> bool:
        return ident in self._outcomes

    def __iter__(self):
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)


def _text(folder: Folder, labels: _Labels) -> report_text.Text | None:
    """The report as it is shown; None where there is none yet."""
    if folder.report is None:
        return None
    causes = {cause.name for cause in report_data.causes(folder)}
    models = {facts.key(name) for name in (*folder.counts.judged, *folder.counts.unjudged)}
    return report_text.rendered(folder.report, report_text.Names(
        labels, causes, folder.facts, models))


def _size(line: Line) -> int:
    """The bytes that a line takes in the page."""
    row = _row(line, True, dict.fromkeys(("", line.model, *line.failed), 99))
    return len(_json(row).encode("utf-8", "replace")) + 1


def _fitting(lines: list[Line], room: int) -> tuple[list[Line], int]:
    """As many of the first lines as there is room for, and the room that they leave."""
    for place, line in enumerate(lines):
        size = _size(line)
        if size > room:
            return lines[:place], 0
        room -= size
    return lines, room


def _points(folder: Folder, text: report_text.Text | None, room: int
            ) -> tuple[list[tuple[str, str]], int]:
    """The datapoints that are shown whole, as HTML, as far as there is room, and how many more
    there would be."""
    quoted = text.quoted if text else {}
    wanted = report_points.order(folder.counts, quoted)
    template, points, misses = _environment().get_template("report_page/datapoint.html.j2"), [], 0
    for ident in wanted:
        if misses >= _MISSES or room <= 0:
            break
        html = template.render(point=report_points.point(folder.counts, ident,
                                                         quoted.get(ident, ())),
                               anchor=report_text.datapoint(ident)[1:])
        size = len(html.encode("utf-8", "replace"))
        if size > room:
            misses += 1
            continue
        points.append((ident, html))
        room -= size
    return points, len(wanted) - len(points)


def _frame(folder: Folder, text: report_text.Text | None, labels: _Labels
           ) -> Callable[[dict | None], str]:
    """The page without its datapoints and its data, as a function of what is left out."""
    counts = folder.counts
    causes = report_data.causes(folder)
    title = clean.visible(folder.sanity["conservation"]["benchmark"])
    style, script = (_asset("review_app/theme.css") + _asset("report_page/page.css"),
                     _asset("report_page/page.js"))
    values = {
        "title": title, "style": Markup(style), "script": Markup(script),
        "style_hash": _hash(style), "script_hash": _hash(script), "report": text,
        "overview": report_data.overview(folder),
        "figures": report_figures.figures(folder),
        "causes": _causes(folder, causes, labels), "audit": _audit(folder),
        "pairs": desks.pairs(ledger.current(counts.standing)),
        "read": report_data.read_by_model(folder), "planned": report_data.planned(folder),
        **{name: [_entry(folder, labels, ident) for ident in idents] for name, idents in (
            ("passed", [ident for ident, final in counts.read.items() if final.verdict == "pass"]),
            ("wrong_pass", counts.wrong_pass), ("undecided", report_data.undecided(counts)))},
        "of": standing.digest(folder.report) if folder.report else ""}
    template = _environment().get_template("report_page/page.html.j2")
    return lambda left: template.render(**values, left=left, place=Markup(_PLACE))


def _causes(folder: Folder, causes: Iterable[report_data.Cause], labels: _Labels) -> list[dict]:
    """Each bucket with its datapoints and what went wrong in each; the provisional modes as they
    are."""
    shown = []
    for cause in causes:
        idents = [] if cause.members or not cause.is_read else [
            *counting.members(folder.counts, cause.name),
            *(ident for ident, final in folder.counts.read.items()
              if (final.verdict, final.bucket) == ("fail", cause.name))]
        entries = [_entry(folder, labels, ident) for ident in idents]
        shown.append({"cause": cause, "name": clean.visible(cause.name),
                      "anchor": report_text.cause(cause.name)[1:],
                      "models": report_data.ranked({labels.short[clean.visible(name)]: count
                                                    for name, count in cause.models.items()}),
                      "faults": report_data.ranked(Counter(one["fault"] for one in entries)),
                      "points": entries})
    return shown


def _entry(folder: Folder, labels: _Labels, ident: str) -> dict:
    """A reviewed datapoint as a list has it."""
    final = counting.final(folder.counts, ident)
    return {"id": ident, "label": labels[ident], "href": report_text.datapoint(ident),
            "fault": final.fault or "no agreement", "mechanism": final.reviews[-1].mechanism,
            "coders": [review.coder for review in final.reviews]}


def _audit(folder: Folder) -> list[dict]:
    """The audit's candidates by class: the first of each, and all that somebody has read."""
    if not folder.examined:
        return []
    finals, shown = folder.examined.finals, {}
    for one in candidates.load(folder.analysis_dir):
        mine = shown.setdefault(one.klass, [])
        if len(mine) < MOST_SHOWN or one.id in finals:
            mine.append(one)
    index = folder.counts.index
    return [{"name": klass, "kind": "flag" if klass in FLAGS else "lead", "means": MEANS[klass],
             "count": folder.examined.counts[klass], "shown": [
                 {"item": clean.visible(one.item_id), "what": clean.visible(one.what),
                  "rows": examined.sides(index, one),
                  "readings": finals[one.id].readings if one.id in finals else ()}
                 for one in shown[klass]]} for klass in CLASSES if klass in shown]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined,
                                     trim_blocks=True, lstrip_blocks=True,
                                     loader=jinja2.FileSystemLoader(_TEMPLATES))
    environment.filters["datapoint"] = report_text.datapoint
    environment.filters["cause"] = report_text.cause
    return environment


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends that, or begins a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028") \
        .replace("\u2029", "\\u2029")

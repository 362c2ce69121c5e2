"""The search tree of a journal as an SVG: one box per step, coloured by outcome and readable
without colour. Written directly: a plotting library would take a minute for a thousand trees."""

from html import escape

from failure_analysis import clean
from failure_analysis.journals import read as journals
from failure_analysis.journals.places import Place
from failure_analysis.journals.read import Journal, Step

# The colours of the outcome matrix, light to dark in lightness too.
_GOOD, _BUGGY, _UNKNOWN = "#dbe9f6", "#b3420a", "#ffffff"
_WIDE, _HIGH, _GAP, _DROP, _EDGE, _HEAD = 118, 40, 14, 34, 20, 84
_STYLE = ("text{font:12px sans-serif;fill:#1a1a1a}.s{font-size:11px}.w{fill:#fff}"
          "path{fill:none;stroke:#8a8a8a}")


def svg(place: Place, journal: Journal) -> str:
    """The tree as an SVG document: drafts on top, children below their parent, in step order."""
    spots = _layout(journal.steps)
    best = journals.best(journal)
    width = max([660, *(int(x) + _WIDE + _EDGE for x, _ in spots.values())])
    height = max((y for _, y in spots.values()), default=_HEAD) + _HIGH + _EDGE
    buggy = journal.verdicts[True]
    marked = "" if best is None else \
        f"; best is step {best.step.number} by {_short(best.metric.name, 40)} of {best.among} " \
        "good steps that record it"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img">',
             f"<title>{_plain(place.title)}</title><style>{_STYLE}</style>",
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             f'<text x="{_EDGE}" y="24" style="font-weight:bold">'
             f"{_plain(_short(place.title, 90))}</text>",
             f'<text x="{_EDGE}" y="42" class="s">{_plain(_short(place.run, 60))}: '
             f"{len(journal.steps)} steps, {buggy} buggy{_plain(marked)}</text>",
             *_legend()]
    parts += [_line(spots[step.parent], spots[step.number]) for step in journal.steps
              if step.parent is not None]
    parts += [_box(step, spots[step.number], best) for step in journal.steps]
    return "\n".join([*parts, "</svg>", ""])


def _layout(steps: list[Step]) -> dict[int, tuple[float, int]]:
    """Step -> the upper left corner of its box; the leaves stand side by side, a parent over the
    middle of its children. Walks without recursion: a chain may be thousands of steps long."""
    children: dict[int | None, list[int]] = {}
    for step in steps:
        children.setdefault(step.parent, []).append(step.number)
    columns: dict[int, float] = {}
    rows: dict[int, int] = {}
    leaves = 0
    waiting = [(root, 0, False) for root in reversed(children.get(None, []))]
    while waiting:
        step, row, is_done = waiting.pop()
        below = children.get(step, [])
        if below and not is_done:
            waiting.append((step, row, True))
            waiting += [(child, row + 1, False) for child in reversed(below)]
            continue
        rows[step] = row
        if below:
            columns[step] = (columns[below[0]] + columns[below[-1]]) / 2
        else:
            columns[step], leaves = leaves, leaves + 1
    return {step: (_EDGE + columns[step] * (_WIDE + _GAP), _HEAD + rows[step] * (_HIGH + _DROP))
            for step in rows}


def _line(parent: tuple[float, float], child: tuple[float, float]) -> str:
    start, end = parent[0] + _WIDE / 2, child[0] + _WIDE / 2
    middle = (parent[1] + _HIGH + child[1]) / 2
    return (f'<path d="M{start:.1f} {parent[1] + _HIGH:.1f}V{middle:.1f}H{end:.1f}'
            f'V{child[1]:.1f}"/>')


def _box(step: Step, spot: tuple[float, float], best: journals.Best | None) -> str:
    x, y = spot
    fill = {True: _BUGGY, False: _GOOD, None: _UNKNOWN}[step.buggy]
    dashed = ' stroke-dasharray="4 3"' if step.buggy is None else ""
    is_best = best is not None and best.step is step
    edge = ' stroke="#111" stroke-width="3"' if is_best else ' stroke="#8a8a8a"'
    white = " w" if step.buggy else ""
    first = f"{step.number} {step.stage or '?'}" + (" ★ best" if is_best else "")
    return (f"<g><title>{_plain(_tip(step))}</title>"
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{_WIDE}" height="{_HIGH}" rx="5" '
            f'fill="{fill}"{edge}{dashed}/>'
            f'<text x="{x + 7:.1f}" y="{y + 16:.1f}" class="{white.strip()}">{first}</text>'
            f'<text x="{x + 7:.1f}" y="{y + 32:.1f}" class="s{white}">'
            f"{_plain(_short(_second(step, best), 18))}</text></g>")


def _second(step: Step, best: journals.Best | None = None) -> str:
    """The second line of a box: the exception, or why it is buggy, or its metric."""
    if step.buggy:
        return step.exc_type or {"no metric": "✗ no metric"}.get(journals.why_buggy(step),
                                                                 "✗ reviewer")
    value = journals.headline(step)
    if step.buggy is None:
        return "no verdict"
    if value is None:
        return "no metric"
    other = best is not None and value.kind != best.metric.kind
    return f"{value.value:.5g}" + " (other)" * other


def _tip(step: Step) -> str:
    value = journals.headline(step)
    metric = f", {value.name} {value.value:.6g}" if value else ""
    ran = f", ran {step.seconds:.1f} s" if step.seconds is not None else ""
    return f"step {step.number}: {_second(step)}{metric}{ran}"


def _legend() -> list[str]:
    marks = ((_GOOD, "", "good (its metric; other: not the one of the best)"),
             (_BUGGY, "", "buggy (the exception, or why)"),
             (_UNKNOWN, ' stroke-dasharray="4 3"', "no verdict"))
    parts, x = [], _EDGE
    for fill, dashed, label in marks:
        parts.append(f'<rect x="{x}" y="54" width="16" height="14" rx="3" fill="{fill}" '
                     f'stroke="#8a8a8a"{dashed}/><text x="{x + 22}" y="65" class="s">{label}'
                     "</text>")
        x += 40 + 6 * len(label)
    return parts


def _plain(text: str) -> str:
    """A text of the run inside XML, which cannot carry every character."""
    return escape(clean.visible(" ".join(text.split())))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most - 1]}…"

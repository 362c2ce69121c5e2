"""One offline HTML page per lens where turning or hovering helps: the 3-D surface, and tokens
against packed bytes. The drawing code is inside the file; nothing is fetched."""

import html
from pathlib import Path
from typing import Any

from failure_analysis import clean, store
from failure_analysis.lenses import figures
from failure_analysis.lenses.findings import NEED

MOST_POINTS = 5000  # per figure
MOST_FIGURES = 12


def write(path: Path, document: dict[str, Any]) -> None:
    """Writes the page of a lens' document."""
    from plotly import io

    draw = {"surface": _surface, "compression": _scatter}[document["lens"]]
    results = [result for result in document["results"] if result["tables"]]
    parts = []
    first = next((at for at, result in enumerate(results) if result["pattern"] != NEED), None)
    for number, result in enumerate(results[:MOST_FIGURES]):
        if result["pattern"] == NEED:
            needs = "".join(f"<li>{html.escape(clean.visible(sentence))}</li>"
                            for sentence in figures.sentences(result))
            part = f"<ul>{needs}</ul>"
        else:
            # An id of our own: plotly would draw a random one.
            part = io.to_html(draw(result), full_html=False, div_id=f"figure-{number}",
                              include_plotlyjs="inline" if number == first else False)
        name = html.escape(clean.visible(result["name"]))
        verdict = html.escape(clean.visible(figures.verdict(result)))
        parts.append(f"<h2>{name}</h2><p>{verdict}</p>{part}")
    if (more := len(results) - MOST_FIGURES) > 0:
        parts.append(f"<p>{more} more results are in {document['lens']}.json.</p>")
    store.write_text(path, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                     f"<title>{document['lens']}</title></head>"
                     "<body style=\"font-family:sans-serif;max-width:70em;margin:auto\">"
                     f"{''.join(parts)}</body></html>\n")


def _surface(result: dict) -> dict[str, Any]:
    """Shrunken accuracy over the first two dimensions; certified cells as green spheres, cells
    with a fifth truncated as purple diamonds."""
    cells, (first, second) = result["tables"]["cells"], figures.first_two(result)
    xs = sorted({row[first] for row in cells})
    ys = sorted({row[second] for row in cells}) if second else [0.0, 1.0]
    sums: dict[tuple, list[float]] = {}
    for row in cells:
        for y in [row[second]] if second else ys:
            total = sums.setdefault((row[first], y), [0.0, 0.0])
            total[0] += row["shrunken"] * row["n"]
            total[1] += row["n"]
    grid = [[sums[x, y][0] / sums[x, y][1] if (x, y) in sums else None for x in xs] for y in ys]
    marks = [{"type": "scatter3d", "mode": "markers", "name": name,
              "x": [row[first] for row in chosen],
              "y": [row[second] if second else 0.5 for row in chosen],
              "z": [row["shrunken"] for row in chosen],
              "text": [f"{row['correct']} of {row['n']} correct, {row['truncated']} truncated"
                       for row in chosen],
              "marker": {"color": colour, "symbol": symbol, "size": 5}}
             for name, colour, symbol, chosen in (
                 ("certified above .8", "#1a9850", "circle",
                  [row for row in cells if row["zone"] == "green"]),
                 ("a fifth truncated", figures.COLOURS["truncated"], "diamond",
                  [row for row in cells if row["truncated"] >= 0.2 * row["n"]]))]
    surface = {"type": "surface", "x": xs, "y": ys, "z": grid, "colorscale": "Cividis", "cmin": 0,
               "cmax": 1, "opacity": 0.85, "colorbar": {"title": {"text": "accuracy"}}}
    return {"data": [surface, *marks],
            "layout": {"height": 620, "legend": {"x": 0, "y": 1}, "scene": {
                "xaxis": {"title": {"text": _safe(first.removeprefix("params."))}},
                "yaxis": {"title": {"text": _safe((second or "").removeprefix("params."))}},
                "zaxis": {"title": {"text": "accuracy"}, "range": [0, 1]}}}}


def _scatter(result: dict) -> dict[str, Any]:
    """Tokens against packed bytes, one mark per trace with its id."""
    data = [{"type": "scattergl", "mode": "markers", "name": label,
             "x": [row["tokens"] for row in mine], "y": [row["gzip_bytes"] for row in mine],
             "text": [_safe(row["datapoint"]) for row in mine],
             "marker": {"color": figures.COLOURS[name], "size": 9 if looped else 5, "opacity": 0.6,
                        "symbol": "cross" if looped else "circle"}}
            for name, looped, label, mine in figures.traces_of(result["tables"]["traces"],
                                                               MOST_POINTS)]
    return {"data": data, "layout": {"height": 560,
                                     "xaxis": {"type": "log", "title": {"text": "tokens"}},
                                     "yaxis": {"type": "log", "title": {"text": "packed bytes"}}}}


def _safe(text: str) -> str:
    """A name from the data: plotly reads a little HTML in its texts."""
    return html.escape(clean.visible(text))

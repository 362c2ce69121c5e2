"""diagnosis.md and the matrix of hypotheses by lenses."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from failure_analysis.lenses import diagnosis, figures
from failure_analysis.markdown import cell, code, table
from failure_analysis.short_names import distinct, short

_SIGNS = {"for": "+", "against": "veto", "missing": "not assessed", "": ""}
MOST_SYSTEMS, MOST_ROWS, MOST_FLAGS = 6, 60, 20  # matrices, rows of the overview, red flags


def page(document: dict[str, Any]) -> str:
    """The diagnosis as Markdown."""
    rows = document["rows"]
    parts = [
        "# Diagnosis\n", *_red_flags(document["systems"]),
        f"{document['samples']} samples of {cell(document['dataset'])}; {rows['rows_read']} rows "
        f"read = {rows['kept']} kept + {rows['unjudged']} unjudged + {rows['rejected']} rejected. "
        "Scores are ordinal, not probabilities. No cause is proved before its experiment was run: "
        "failures are *consistent with* it.\n"]
    for system in document["systems"]:
        parts += _system(system)
    if document["pairs"]:
        parts += ["## Systems compared\n",
                  "Only items that both systems tried are compared, each with itself.\n"]
        for pair in document["pairs"]:
            parts += _pair(pair)
    return "\n".join(parts) + "\n"


def _red_flags(systems: Sequence[dict[str, Any]]) -> list[str]:
    """What is to be told before anything else."""
    lines = [f"- {cell(system['name'])}: {cell(flag['because'])}. {cell(flag['do']).capitalize()} "
             f"({code(flag['finding'])})." for system in systems for flag in system["red_flags"]]
    more = [f"- and {len(lines) - MOST_FLAGS} more, in diagnosis.json"] * (len(lines) > MOST_FLAGS)
    return ["**Red flags, to be told first:**\n", "\n".join(lines[:MOST_FLAGS] + more) + "\n"] \
        if lines else []


def _system(system: dict[str, Any]) -> list[str]:
    name = cell(system["name"])
    parts = [f"## {name}\n", f"{system['samples']} samples. {_verdict(system)}\n"]
    parts.append(table(
        ("lens", "finds", "confidence", "strength", "what it rests on"),
        [(lens, ", ".join((result["pattern"], *result["also"])), "" if result["confidence"] is None
          else f"{result['confidence']:.2f}", result["strength"],
          cell("; ".join(figures.sentences(result)[:4])))
         for lens, result in system["lenses"].items()]) + "\n")
    parts.append(table(
        ("hypothesis", "status", "score", *diagnosis.COLUMNS),
        [(cell(hypothesis["hypothesis"]), hypothesis["status"], f"{hypothesis['score']:g}",
          *(_SIGNS[_sign(hypothesis, column)] for column in diagnosis.COLUMNS))
         for hypothesis in system["hypotheses"]]) + "\n")
    parts += _leading(system)
    caveats = dict.fromkeys(caveat for result in system["lenses"].values()
                            for caveat in result["caveats"])
    if caveats:
        parts.append("Mind:\n\n" + "\n".join(f"- {cell(caveat)}" for caveat in caveats) + "\n")
    return parts


def _verdict(system: dict[str, Any]) -> str:
    names = system["conclusion"]
    by_name = {hypothesis["hypothesis"]: hypothesis for hypothesis in system["hypotheses"]}
    if names == ["inconclusive"]:
        return "Inconclusive: no hypothesis reaches even a tentative score; see what is missing."
    claims = " or ".join(f"**{cell(name)}** ({cell(by_name[name]['says'])})" for name in names)
    first = by_name[names[0]]
    return f"The failures are consistent with {claims}: {first['status']}, strength " \
        f"{first['strength']}." if names != ["no_failure_in_range"] else \
        f"There is no failure to explain in the tested range: {first['status']}."


def _sign(hypothesis: dict[str, Any], column: str) -> str:
    def of(finding: str) -> bool:
        lens = finding.split(".")[0]
        return lens == column or (column == "other" and lens not in diagnosis.COLUMNS)

    if any(of(reason["finding"]) for reason in hypothesis["against"]):
        return "against"
    if any(of(reason["finding"]) for reason in hypothesis["for"]):
        return "for"
    return "missing" if any(map(of, hypothesis["missing"])) else ""


def _leading(about: dict[str, Any]) -> list[str]:
    """The leading hypotheses of a system or a pair, each as a section."""
    return [_hypothesis(hypothesis) for hypothesis in about["hypotheses"]
            if hypothesis["status"] in diagnosis.LEADING]


def _hypothesis(hypothesis: dict[str, Any]) -> str:
    strength = hypothesis.get("strength", "low")
    lines = [f"### {hypothesis['hypothesis']}: {hypothesis['status']}, strength {strength}\n",
             f"Consistent with: {cell(hypothesis['says'])}.\n"]
    lines += [f"- for, {code(reason['finding'])} (+{reason['weight']:g}): {cell(reason['because'])}"
              for reason in hypothesis["for"]]
    lines += [f"- against, {code(reason['finding'])}: {cell(reason['because'])}"
              for reason in hypothesis["against"]]
    lines += [f"- not assessed: {lens}" for lens in hypothesis["missing"]]
    lines.append(f"- next: {cell(hypothesis['next'])}")
    if hypothesis["falsified_by"]:
        lines.append(f"- it is ended by: {cell(hypothesis['falsified_by'])}")
    if hypothesis.get("read"):
        lines.append("- read before you believe it: "
                     + ", ".join(map(code, hypothesis["read"])))
    return "\n".join(lines) + "\n"


def _pair(pair: dict[str, Any]) -> list[str]:
    a, b = cell(pair["a"]), cell(pair["b"])
    parts = [f"### {a} (a) and {b} (b) on {cell(pair['task'])}\n",
             f"{pair['items']} shared items.\n",
             table(("lens", "a", "b", "on the same items"),
                   [(lens, ", ".join(difference["a"]), ", ".join(difference["b"]),
                     cell("; ".join(figures.sentences(difference))))
                    for lens, difference in pair["differs"].items()]) + "\n"]
    rows = [(lens, cell(name), f"{value['est']:.3g}", f"{value['lo']:.3g} to {value['hi']:.3g}")
            for lens, difference in pair["differs"].items()
            for name, value in difference["estimates"].items() if value.get("lo") is not None]
    if rows:
        parts.append(table(("lens", "estimate", "value", "95 % interval"), rows) + "\n")
    return parts + _leading(pair)


def draw(paths: Sequence[Path], document: dict[str, Any]) -> None:
    """The hypotheses by lenses, a matrix per system; of many systems one of systems by
    hypotheses."""
    systems = document["systems"]
    if len(systems) > MOST_SYSTEMS:
        _overview(paths, systems)
        return
    rows = sum(len(system["hypotheses"]) for system in systems)
    with figures.sheet(paths, 9, 0.31 * rows + 1.5 * len(systems) + 0.3) as figure:
        parts = figure.subplots(len(systems), 1, squeeze=False)[:, 0]
        for axes, system in zip(parts, systems, strict=True):
            _matrix(axes, system)
        figure.suptitle("What speaks for each hypothesis (+), what against it (×), ?: not "
                        "assessed; behind it its status and score", x=0.01, ha="left", fontsize=9.5)


def _matrix(axes: Any, system: dict[str, Any]) -> None:
    """Hypotheses by lenses: + for, x veto, ? not assessed."""
    looks = {"for": ("+", "#2166ac", "white"), "against": ("×", "#b35806", "white"),
             "missing": ("?", "#bdbdbd", "#404040"), "": ("", "#ffffff", "#404040")}
    listed = system["hypotheses"]
    for y, hypothesis in enumerate(listed):
        for x, column in enumerate(diagnosis.COLUMNS):
            _box(axes, x, y, *looks[_sign(hypothesis, column)])
        status = hypothesis["status"]
        axes.text(len(diagnosis.COLUMNS) - .4, y, f"{status}, {hypothesis['score']:g}",
                  va="center", fontsize=8,
                  weight="bold" if status == diagnosis.SUPPORTED else "normal")
    _frame(axes, diagnosis.COLUMNS, [hypothesis["hypothesis"] for hypothesis in listed])
    axes.set_xlim(-.5, len(diagnosis.COLUMNS) + .9)
    axes.set_title(f"{short(system['name'], 90)} (n = {system['samples']})\n"
                   f"{' or '.join(system['conclusion'])}", x=-0.2, ha="left", fontsize=9.5)


def _overview(paths: Sequence[Path], systems: Sequence[dict[str, Any]]) -> None:
    """Systems by the hypotheses that lead somewhere, with scores; systems with one conclusion stand
    together, the most frequent first."""
    counts = Counter(" or ".join(system["conclusion"]) for system in systems)
    plain = ("inconclusive", "no_failure_in_range")  # nothing is explained there: they come last
    ordered = sorted(systems, key=lambda system: (
        system["conclusion"][0] in plain, -counts[" or ".join(system["conclusion"])],
        system["conclusion"]))
    shown = ordered[:MOST_ROWS]
    leading = Counter(hypothesis["hypothesis"] for system in shown
                      for hypothesis in system["hypotheses"]
                      if hypothesis["status"] in diagnosis.LEADING)
    names = sorted(leading, key=lambda name: (name in plain, -leading[name], name))
    others = sorted({hypothesis["hypothesis"] for system in shown
                     for hypothesis in system["hypotheses"]}.difference(names))
    caption = _about(counts, len(systems), len(shown), others)
    with figures.sheet(paths, 11, 0.25 * len(shown) + 2.2 + 0.18 * len(caption)) as figure:
        axes = figure.subplots()
        for y, system in enumerate(shown):
            for hypothesis in system["hypotheses"]:
                if hypothesis["hypothesis"] in leading:
                    _score(axes, names.index(hypothesis["hypothesis"]), y, hypothesis)
        for y in range(1, len(shown)):
            if shown[y]["conclusion"] != shown[y - 1]["conclusion"]:
                axes.axhline(y - 0.5, color="#404040", lw=0.8)
        labels = distinct([system["name"] for system in shown], 56)
        _frame(axes, names, [f"{label} (n = {system['samples']})"
                             for label, system in zip(labels, shown, strict=True)])
        axes.set_xlim(-.5, max(5, len(names)) - .5)
        axes.tick_params("x", rotation=40)
        axes.set_xticks(axes.get_xticks(), names, ha="left", rotation_mode="anchor")
        axes.tick_params(labelsize=8)
        figure.suptitle("\n".join(caption), x=0.01, ha="left", fontsize=9.5)


def _about(counts: Counter, systems: int, shown: int, others: Sequence[str]) -> list[str]:
    """The lines above the overview: what is found how often, and what its marks mean."""
    said = [f"{systems} systems: " + ", ".join(
        f"{count} {name}" for name, count in counts.most_common()),
        "dark: supported, light: tentative (with scores), ×: contradicted, empty: not assessed"]
    if others:
        said.append(f"leading nowhere: {', '.join(others)}")
    if shown < systems:
        said.append(f"{systems - shown} more systems stand in diagnosis.md")
    return [line for text in said for line in textwrap.wrap(text, figures.WIDEST)]


def _score(axes: Any, x: int, y: int, hypothesis: dict[str, Any]) -> None:
    """A hypothesis of a system: its score where it leads, × where it is contradicted."""
    looks = {diagnosis.SUPPORTED: (f"{hypothesis['score']:g}", "#2166ac", "white"),
             diagnosis.TENTATIVE: (f"{hypothesis['score']:g}", "#a6c8e4", "black"),
             diagnosis.CONTRADICTED: ("×", "#ffffff", "#b0b0b0")}
    _box(axes, x, y, *looks.get(hypothesis["status"], ("", "#ffffff", "#404040")))


def _box(axes: Any, x: int, y: int, text: str, ground: str, ink: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - .48, y - .44), .96, .88, facecolor=ground, alpha=0.75,
                             edgecolor="#d9d9d9"))
    axes.text(x, y, text, ha="center", va="center", fontsize=9, color=ink)


def _frame(axes: Any, columns: Sequence[str], rows: Sequence[str]) -> None:
    axes.set(xlim=(-.5, len(columns) - .5), ylim=(len(rows) - .5, -.5))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)

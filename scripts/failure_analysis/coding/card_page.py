"""The codebook card as a page and a figure, for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from failure_analysis import store
from failure_analysis.agreement.page import ranged
from failure_analysis.coding.codebook import NO_CODE, NOT_VISIBLE, RESIDUE
from failure_analysis.coding.saturation import ENOUGH
from failure_analysis.markdown import cell, code, table

_MOST_MODELS = 8


def page(result: Mapping[str, Any], figure: str) -> str:
    """The card: `result` is what stands in the *_codebook.json."""
    card = result["card"]
    parts = [_head(result), _codes(result), _saturation(card, figure), _lift(card["lift"]),
             _recoding(result), _definitions(result), _residue(card), _lineage(result["lineage"]),
             _troubles(result)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(result: Mapping[str, Any]) -> str:
    card = result["card"]
    rest = [f"{card[name]} {meaning}" for name, meaning in (
        ("unknown", "unknown (in no share below)"),
        (NOT_VISIBLE, "in which the open coder saw no failure"),
        (NO_CODE, "that no code fits")) if card[name]]
    return (f"# Codebook of {code(result['project'])}\n\n"
            f"Made by {code(result['model'])}: one coder among others, never the truth. What it "
            "says of a sample is proved by reading the sample.\n\n"
            f"{card['failing']} failing samples of known coding"
            + (f" ({'; '.join(rest)})" if rest else "")
            + f", {card['passing']} passing ones for comparison. Shares are of the failing samples "
              "of known coding, with 95 % intervals; a sample can have several codes.")


def _codes(result: Mapping[str, Any]) -> str:
    rows = result["card"]["codes"]
    if not rows:
        return "No code is seen in two samples."
    models = list(rows[0]["by_model"])
    models = models if 1 < len(models) <= _MOST_MODELS else []
    category = {listed["code"]: listed["category"] for listed in result["codes"]}
    return "## How often\n\n" + table(
        ["code", "category", "primary", "seen in", "share", *map(cell, models)],
        [[code(row["code"]), cell(category[row["code"]]), row["primary"], row["seen"],
          ranged(row["share"], row["interval"], ".0%"),
          *(row["by_model"][model] for model in models)] for row in rows])


def _saturation(card: Mapping[str, Any], figure: str) -> str:
    cover = card["saturation"]
    if cover["coverage"] is None:
        return ""
    advice = "More samples will hardly bring new modes." if cover["enough"] else \
        f"Code more samples: stop when the lower bound is at least {ENOUGH:.0%}."
    about = f" About {cover['about_all_codes']:.0f} codes are to be expected in all (Chao2)." \
        if cover["about_all_codes"] is not None else ""
    return ("## Are there modes that nobody has seen yet?\n\n"
            f"About {cover['coverage']:.0%} of the failures have a mode that is in the codebook, "
            f"at least {cover['lower']:.0%} with 95 % confidence ({cover['modes']} modes in "
            f"{cover['samples']} samples, {cover['once']} of them seen once; Good-Turing).{about} "
            f"{advice}\n\nAn LLM that merges eagerly makes rare modes disappear: then the coverage "
            f"is too high.\n\n![Codes over samples read]({quote(figure)})")


def _lift(lift: Mapping[str, Any]) -> str:
    head = "## What passing samples have too\n\n"
    if not lift["pairs"]:
        return head + ("Not known: no passing sample was coded. `open_coder.py --with-passing K` "
                       "adds matched ones.")
    rows = [[row["rank"], code(row["code"]), row["failing"], row["passing"],
             ranged(row["difference"], row["interval"], "+.2f")] for row in lift["codes"]]
    return (head + f"In {lift['pairs']} pairs of a failing sample and a passing one matched with "
            "it. A code whose interval holds 0 is seen in passing samples about as often: what it "
            "names may not be why samples fail.\n\n"
            + table(["rank", "code", "failing", "passing", "difference"], rows))


def _recoding(result: Mapping[str, Any]) -> str:
    recoding = result["card"]["recoding"]
    if not recoding["samples"]:
        return ""
    first, second = map(code, recoding["coders"])
    head = "## Coded a second time\n\n" + (
        f"Self-consistency of {first}: the same model in another order. It says nothing about "
        "being right, and agreement with itself is no agreement of two coders." if
        recoding["self_consistency"] else f"{first} and {second}, with the same codebook.")
    if result["first_coding_told"]:
        head += (" The first coding was made in the call that made the codebook, which knew how "
                 "the samples were judged; the second one did not.")
    primary = recoding["primary"]
    text = f"{head} The primary code was the same in {primary['same']} of {recoding['samples']}"
    if primary["status"] != "sufficient":
        return f"{text} ({primary['status']} for kappa and AC1)."
    rows = [[code(row["code"]), row["first"], row["second"], row["same"],
             _figure(row["kappa"]), _figure(row["ac1"])] for row in recoding["codes"]]
    return (f"{text}: kappa {_figure(primary['kappa'])}, AC1 {_figure(primary['ac1'])}.\n\n"
            + table(["code", "first", "second", "same", "kappa", "AC1"], rows)
            + "\n\nWithout an interval: every resample gives the same value, or too many hold one "
              "answer only. Undefined: one answer only was given.")


def _figure(figure: Mapping[str, Any]) -> str:
    return "undefined" if figure["value"] is None else ranged(figure["value"], figure["interval"])


def _definitions(result: Mapping[str, Any]) -> str:
    parts = ["## The codes"]
    for category in result["taxonomy"]["primary_categories"]:
        if category["name"] == RESIDUE:
            continue
        parts.append(f"### {cell(category['name'])}\n\n{cell(category['definition'])}")
        for listed in category["subcategories"]:
            quotes = "".join(f"\n- \"{cell(quote['quote'])}\" ({code(quote['sample_id'])})"
                             for quote in listed["quotes"])
            few = "" if len(listed["quotes"]) > 1 else \
                f"\n- ({len(listed['quotes'])} of 2 quotes found in its samples)"
            parts.append(f"**{code(listed['code'])}** {cell(listed['definition'])}\n\n"
                         f"- shown by: {'; '.join(map(cell, listed['indicators']))}\n"
                         f"- when: {cell(listed['when_to_use'])}\n"
                         f"- when not: {cell(listed['when_not_to_use'])}{quotes}{few}")
    return "\n\n".join(parts) if parts[1:] else ""


def _residue(card: Mapping[str, Any]) -> str:
    lines = [f"- {code(row['code'])}: " + (", ".join(map(code, row["sample_ids"])) or "no sample")
             for row in card["residue"]]
    return _listed(f"{RESIDUE}: codes seen in fewer than 2 samples", lines)


def _listed(title: str, lines: Sequence[str]) -> str:
    """A section that is a list, where there is something in it."""
    return f"## {title}\n\n" + "\n".join(lines) if lines else ""


def _lineage(lineage: Mapping[str, Any]) -> str:
    lines = [f"- {kind}, round {event['round']}: "
             + (" and ".join(map(code, event["before"])) + " → " if event["before"] else "")
             + ", ".join(map(code, event["after"]))
             for kind, events in lineage["events"].items() if kind != "added" or lineage["parent"]
             for event in events]
    if lineage["parent"]:
        lines.insert(0, f"- extends {code(lineage['parent'])}, of which every code stays as it was")
    return _listed("Lineage", lines)


def _troubles(result: Mapping[str, Any]) -> str:
    return _listed("Not put right", [
        *(f"- {cell(problem)}" for problem in result["problems"]),
        *(f"- {code(ident)} was compared with no other: {cell(reason)}"
          for ident, reason in result["left_out"].items())])


def draw(path: Path, curve: Mapping[str, Sequence[float]]) -> None:
    """The rarefaction curve as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.fill_between(curve["read"], curve["low"], curve["high"], color="#c9d8ea", linewidth=0,
                      label="95 % of orders")
    axes.plot(curve["read"], curve["codes"], color="#1f4e8c", label="mean of all orders")
    axes.set(xlabel="samples read", ylabel="different codes seen", ylim=(0, None),
             xlim=(0, max(curve["read"], default=1)))
    axes.set_title("A curve still rising means unseen failure modes", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    store.write_figure(path, figure)

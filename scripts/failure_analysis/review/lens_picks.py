"""What the lenses ask to be read: the datapoints that would show a hypothesis best, those of a
label (of the hypotheses that it speaks for), or failures of a cell of parameters."""

import json
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from failure_analysis import clean, files, results, steps
from failure_analysis.markdown import listed
from failure_analysis.packet import rows
from failure_analysis.review.picks import LENS, Pick, drawn

MOST = 10  # failures of a cell


def named(index: rows.Index, asked: str, seed: int) -> list[Pick]:
    """The failing and unjudged datapoints of what is asked for, the first to read first, each with
    what it is read for; refuses where there is none."""
    read_for = _in_cell(index, asked, seed) if "=" in asked else _diagnosed(index, asked)
    lines = [(index.outcomes[ident], why) for ident, why in read_for.items()
             if ident in index.outcomes]
    chosen = [Pick(line, LENS, read_for=why) for line, why in lines if line.outcome != "pass"]
    if not chosen:
        raise files.Refusal(f"--from-lens {clean.visible(asked)}: no datapoint of this folder that "
                            "failed is named by it (analyze.py diagnose ANALYSIS_DIR names them)")
    return chosen


def _diagnosed(index: rows.Index, asked: str) -> dict[str, str]:
    """The datapoints that a diagnosis names for a hypothesis or a label, its systems in turn."""
    by_name: dict[str, list[dict[str, str]]] = {}
    for system, hypothesis in _hypotheses(index.analysis_dir):
        why = f"{hypothesis['hypothesis']}, {hypothesis['status']} of {system['name']}: " \
            f"{hypothesis['says']}"
        of_label = [reason["finding"] for reason in hypothesis["for"]]
        for name in {hypothesis["hypothesis"], *of_label,
                     *(finding.split(".")[1] for finding in of_label)}:
            by_name.setdefault(name, []).append(dict.fromkeys(hypothesis["read"], why))
    if asked not in by_name:
        there = listed(sorted(by_name), 40) or "none"
        raise files.Refusal(f"--from-lens {clean.visible(asked)}: no hypothesis or label of the "
                            f"diagnosis for which there is something to read; there are {there}, "
                            "and cells such as length=18,depth=3")
    named: dict[str, str] = {}
    for ident, why in filter(None, chain(*zip_longest(*(found.items()
                                                        for found in by_name[asked])))):
        named.setdefault(ident, why)
    return named


def _hypotheses(analysis_dir: Path) -> Iterator[tuple[dict, dict]]:
    """Every hypothesis for which the diagnosis names datapoints, with its system."""
    path = files.needed(analysis_dir / steps.DIAGNOSE.writes[0], steps.DIAGNOSE.script)
    for system in results.read(path, results.Diagnosis, steps.DIAGNOSE.script)["systems"]:
        yield from ((system, hypothesis) for hypothesis in system["hypotheses"]
                    if hypothesis["read"])


def _in_cell(index: rows.Index, asked: str, seed: int) -> dict[str, str]:
    """Failures whose parameters are those of a cell, drawn by the seed."""
    wanted = {name.strip(): _plain(value.strip()) for name, _, value in (
        part.partition("=") for part in asked.split(","))}
    inside, there = [], set()
    for ident, outcome, text in rows.columns(index.analysis_dir, ("datapoint_id", "outcome",
                                                                  "params_json")):
        params = json.loads(text) if text else {}
        there |= params.keys()
        if outcome == "fail" and all(_plain(params.get(name)) == value
                                     for name, value in wanted.items()):
            inside.append(ident)
    if missing := [name for name in wanted if name not in there]:
        raise files.Refusal(f"--from-lens {clean.visible(asked)}: no parameter {missing[0]}; there "
                            f"are {listed(sorted(map(clean.visible, there)), 20) or 'none'}")
    return dict.fromkeys(drawn(inside, seed)[:MOST], f"the cell {clean.visible(asked)}")


def _plain(value: Any) -> Any:
    """A parameter as it is compared: a number where it spells one, else its text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)

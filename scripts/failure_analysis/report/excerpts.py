"""A failing datapoint in one line: what it failed, and how its question and the judge's words
begin."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failure_analysis.markdown import cell, code

WHOLE = "`show_datapoint.py ANALYSIS_DIR ID` shows one whole"
_ASKED, _JUDGED = 110, 160
_FEWEST = 3


def lines(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each datapoint in a line: its id, the failed dimensions and the beginnings of texts, which
    come from the run. What a judge says of most of them is left out."""
    rows = list(rows)
    said = Counter(line for row in rows for line in set(_lines(row.get("judge_reasoning"))))
    common = {line for line, times in said.items() if times >= _FEWEST and 3 * times > len(rows)}
    return {row["datapoint_id"]: _line(row, common) for row in rows}


def _line(row: Mapping[str, Any], common: set[str]) -> str:
    failed = ", ".join(map(code, row.get("failed_dimensions") or ())) or "no named dimension"
    judged = _lines(row.get("judge_reasoning"))
    texts = (("asked", _lines(row.get("user_text")), _ASKED),
             ("judge", [line for line in judged if line not in common] or judged, _JUDGED))
    said = [f"{who} {quoted(' '.join(text), most)}" for who, text, most in texts if text]
    return f"[dp:{row['datapoint_id']}] failed {'; '.join([failed, *said])}"


def _lines(text: str | None) -> list[str]:
    return [" ".join(line.split()) for line in (text or "").splitlines() if line.strip()]


def proof(quotes: Sequence[str], most: int) -> str:
    """The first quote of a review; without one its datapoint holds nothing to quote."""
    return quoted(quotes[0], most) if quotes else "(nothing is recorded)"


def quoted(text: str, most: int) -> str:
    """The beginning of a text of a run on one line, as a quote in which nothing is Markdown."""
    plain = " ".join(text.split())
    return f"“{cell(plain if len(plain) <= most else f'{plain[:most].rstrip()}…')}”"

"""Tables that people see on the terminal."""

import re
from collections.abc import Sequence

from failure_analysis.clean import visible

MOST_CHARACTERS = 90  # of a cell


def table(header: Sequence[str], rows: Sequence[Sequence[object]], most: int = 20) -> list[str]:
    """The lines of a table for the terminal, after a blank one: each cell on one line and cut where
    it is long, columns without any value left out, of many rows the first; nothing without rows."""
    if not rows:
        return []
    cells = [[_cell(value) for value in row] for row in rows[:most]]
    shown = [place for place in range(len(header)) if any(line[place] for line in cells)]
    numeric = [place > 0 and all(re.match(r"[-+]?\d|$", line[place]) for line in cells)
               for place in shown]
    lines = [[header[place] for place in shown],
             *([line[place] for place in shown] for line in cells)]
    widths = [max(len(head) + 2, *map(len, column))
              for head, *column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    texts = ["  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in
                       zip(line, widths, numeric, strict=True)).rstrip() for line in lines]
    return ["", *texts, *([f"and {len(rows) - most} more"] if len(rows) > most else [])]


def _cell(value: object) -> str:
    text = visible(" ".join(str("" if value is None else value).split()))
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS - 1]}…"

"""A report in pieces: its lines in and outside fences, its generated blocks and what is between."""

import re

_BEGIN = re.compile(r"<!-- generated:([^>]+?) -->")


def own_lines(text: str) -> list[tuple[str, bool]]:
    """Each line (with its end), and whether it stands outside every fence."""
    lines, opened = [], ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        ticks = re.match("`{3,}(?=[^`]*$)|~{3,}", line)
        inside = bool(opened or ticks)
        if ticks and (not opened or line.strip() == opened):
            opened = "" if opened else ticks[0]
        lines.append((line, not inside))
    return lines


def split(text: str) -> list[tuple[str, str]]:
    """The text in pieces: (name, generated block) and ("", what stands between). Marks inside a
    fence are text of the runs and mark nothing."""
    named_pieces, name, piece = [], "", []
    for line, own in own_lines(text):
        begin = _BEGIN.fullmatch(line.strip()) if own and not name else None
        if begin:
            named_pieces.append(("", "".join(piece)))
            name, piece = begin[1], []
        piece.append(line)
        if name and own and line.strip() == f"<!-- /generated:{name} -->":
            named_pieces.append((name, "".join(piece)))
            name, piece = "", []
    return [*named_pieces, ("", "".join(piece))]

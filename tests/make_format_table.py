"""Writes the formats into README.md: `python tests/make_format_table.py`."""

import re
import sys
from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BUNDLE / "scripts"))
README = BUNDLE / "README.md"
MARKS = "<!-- formats: tests/make_format_table.py -->", "<!-- /formats -->"


def written() -> str:
    """README.md with a line for each format between the marks."""
    from failure_analysis.reading import claims

    rows = "\n".join(f"| {name} | {about} |" for name, about in claims.known())
    first, last = map(re.escape, MARKS)
    new, count = re.subn(rf"({first}\n).*?(\n{last})", lambda match: (
        f"{match[1]}| format | what it is |\n|---|---|\n{rows}{match[2]}"),
        README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert count == 1, f"README.md: the marks {' and '.join(MARKS)} are not there once"
    return new


if __name__ == "__main__":
    README.write_text(written(), encoding="utf-8")

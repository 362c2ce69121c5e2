"""The block of what the lenses say: each hypothesis that leads, how many of the datapoints named
for it were read, and with which buckets."""

from collections import Counter
from pathlib import Path

from failure_analysis import manifest, results, steps
from failure_analysis.markdown import cell, code, listed, table
from failure_analysis.review import counting

_MOST = 40
_LEADING = ("supported", "tentative")


def block(analysis_dir: Path, counts: counting.Counts) -> str | None:
    """The text of the block; None where no diagnosis was made."""
    path = analysis_dir / steps.DIAGNOSE.writes[0]
    if steps.DIAGNOSE.name not in manifest.entries(analysis_dir) or not path.exists():
        return None
    systems = results.read(path, results.Diagnosis, steps.DIAGNOSE.script)["systems"]
    lines = [[cell(system["name"]), cell(hypothesis["hypothesis"]), cell(hypothesis["status"]),
              *_read(hypothesis["read"], counts)]
             for system in systems for hypothesis in system["hypotheses"]
             if hypothesis["status"] in _LEADING]
    if not lines:
        return "The lenses support no hypothesis (`diagnosis.md`)."
    more = f"\n\n{len(lines) - _MOST} more in `diagnosis.md`." if len(lines) > _MOST else ""
    return ("What the lenses find failures consistent with (`diagnosis.md`), and what readers say "
            "of the datapoints named for it:\n\n"
            + table(["system", "hypothesis", "status", "named ones read", "their buckets"],
                    lines[:_MOST]) + more)


def _read(idents: list[str], counts: counting.Counts) -> tuple[str, str]:
    """How many of these were read, and their buckets."""
    named = set(idents)
    finals = [final for by_id in (counts.decided, counts.open, counts.wrong_pass, counts.read)
              for ident, final in by_id.items() if ident in named]
    buckets = Counter(code(final.bucket) if final.bucket else "no bucket" if final.bucket == ""
                      else "no agreement" for final in finals)
    return f"{len(finals)} of {len(idents)}", listed(
        [f"{name} {count}" for name, count in buckets.most_common()])

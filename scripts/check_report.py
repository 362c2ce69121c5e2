# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "markdown-it-py>=3,<5",
#     "matplotlib>=3.8,<4",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tabulate>=0.9,<1",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Proves the report, claim by claim, and keeps the second reading of what no script can prove.

Proved: every bound number and relation against its facts, every fact against the data, every quote
verbatim against the datapoint cited for it, every citation against the ledger, every generated
block against the files it is made from; that no number stands unbound, none of another model, none
of another whole; that every model with failures has its section, every bucket its description and
citations, every planned item that all models failed a decided fault, every review a datapoint that
was shown to its coder. Below the report: every file of the analysis against the manifest, and
facts, comparison and clusters by computing them anew. --rerun-inputs also reads the runs again and
makes every file of stage 1 anew but its chart. references/review-method.md says what else is not.

What a sentence means, somebody confirms who did not write it: --second-reading writes the sheet
with each sentence and its evidence; --answers takes the answers, one JSON object per line:
{"id": ..., "answer": "supported", "reason": ...}, or overclaims, contradicted, not_checkable. A
declined sentence is a finding. An answer is void once its sentence or its evidence changes.

Writes check.json and, with the state of the check on it, the report's page (.html), or
second_reading.md (--second-reading), or appends to second_reading.jsonl (--answers).

Exit codes: 0 proved; 1 something does not hold, was declined or refused, or with --strict a
sentence is not confirmed; 2 usage.

Example: check_report.py results/mybench --strict
"""

import argparse
import gc
import sys
from collections import Counter
from pathlib import Path

from failure_analysis import cli

MOST_SHOWN = 60


def main(argv: list[str] | None = None) -> int:
    """Parses the options and checks."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--min-cited", type=int, default=3, metavar="N",
                        help="reviewed datapoints that each bucket cites, or all if it has fewer "
                             "(default 3)")
    parser.add_argument("--rerun-inputs", action="store_true",
                        help="read the runs again and prove the packet against them")
    parser.add_argument("--strict", action="store_true",
                        help="exit 1 also while a sentence is not confirmed by a second reader")
    parser.add_argument("--second-reading", action="store_true",
                        help="write the sheet for the second reader instead")
    parser.add_argument("--answers", metavar="FILE",
                        help="record a second reader's answers instead; - reads standard input")
    parser.add_argument("--reader", metavar="NAME",
                        help="with --answers: who answered; with --second-reading: write what this "
                             "one has not answered (default: what nobody has confirmed)")
    parser.add_argument("--kind", default="agent", choices=("agent", "person", "author"),
                        help="with --answers: what the reader is; author: whoever wrote the report "
                             "(default agent)")
    args = parser.parse_args(argv)
    if args.min_cited < 1:
        parser.error("--min-cited is at least 1")
    if (args.answers and not args.reader) or (
            args.reader and not (args.answers or args.second_reading)):
        parser.error("--answers needs --reader, which goes with it or with --second-reading")
    if [args.second_reading, bool(args.answers), args.strict or args.rerun_inputs].count(True) > 1:
        parser.error("--second-reading and --answers stand alone")
    gc.disable()  # it takes a fifth of the time, and what is read makes no cycles
    act = _sheet if args.second_reading else _answers if args.answers else _check
    return cli.run(__file__, lambda: act(args), args.analysis_dir)


def _sheet(args: argparse.Namespace) -> int:
    from failure_analysis import steps
    from failure_analysis.report import check

    cli.make_room(args.analysis_dir, steps.CHECK)
    path, left, sentences = check.second_sheet(args.analysis_dir, args.reader)
    whom = f"that {args.reader} has not answered" if args.reader else "that nobody has confirmed"
    cli.summarise({"sheet": path.as_posix(), "sentences": len(left), "of": sentences},
                  [f"{path}: {len(left)} of {sentences} sentences, those {whom}",
                   "next: give that file alone to a fresh agent or a person, then check_report.py "
                   "ANALYSIS_DIR --answers FILE --reader NAME" if left else "nothing is left to "
                   "read (--reader NAME gives those that NAME has not answered)"], args.json)
    return 0


def _answers(args: argparse.Namespace) -> int:
    from failure_analysis.report import check, second_reading

    entries, _ = check.sheet_entries(args.analysis_dir)
    known = {entry.ident for entry in entries}
    return cli.record_answers(
        args.answers, args, "answer",
        lambda whole: second_reading.append(args.analysis_dir, whole, known),
        "write_report.py ANALYSIS_DIR (the status says what was confirmed), then check_report.py "
        "ANALYSIS_DIR")


def _check(args: argparse.Namespace) -> int:
    from failure_analysis import steps
    from failure_analysis.pages import report_page
    from failure_analysis.report import check, second_reading, write

    cli.make_room(args.analysis_dir, steps.CHECK)
    result = check.check(args.analysis_dir, args.min_cited, args.rerun_inputs,
                         lambda counts: report_page.write_anew(args.analysis_dir, counts))
    report = write.path_of(args.analysis_dir)
    proved = ", ".join(f"{count} {kind}" for kind, count in result.proved.items())
    lines = [(f"{report}:{finding.line}: " if finding.line else "")
             + f"{finding.verdict}: {finding.text}: {finding.why}"
             for finding in result.findings[:MOST_SHOWN]]
    if len(result.findings) > MOST_SHOWN:
        lines.append(f"{len(result.findings) - MOST_SHOWN} more in {check.NAME}")
    kinds = Counter(finding.verdict for finding in result.findings)
    declined = kinds.pop("declined", 0)
    if kinds:
        lines.append(f"DOES NOT HOLD: {kinds.total()} findings ("
                     + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) + ")")
    else:
        lines.append("PROVED, against the runs, read again" if args.rerun_inputs else
                     "PROVED, against the manifest (--rerun-inputs reads the runs again)")
    lines.append(f"proved: {proved or 'nothing'}")
    if declined:
        lines.append(f"DECLINED by a second reader: {declined} sentences, which have to be mended")
    reading = result.reading
    lines.append(f"CONFIRMED {second_reading.in_words(reading)}" if reading.readers else
                 f"NOT CONFIRMED: no second reader has answered for the {reading.sentences} "
                 "sentences (--second-reading writes the sheet)")
    cli.summarise(check.record(result, args.rerun_inputs), lines, args.json)
    whole = len(reading.confirmed) == reading.sentences
    return 1 if result.findings or (args.strict and not whole) else 0


if __name__ == "__main__":
    sys.exit(main())

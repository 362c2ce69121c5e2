# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Records what a reader concluded of a datapoint, after proving it against the datapoint.

Appends to reviews.jsonl: one line per judged datapoint and coder. Refused: an id that does not
exist, a quote that does not occur verbatim in that datapoint (white space folded; it begins and
ends with whole words), no quote though the datapoint has text, a bucket that is no snake_case slug
or only repeats a grader dimension, a fault that is none of the seven. In a batch
(--from) the good lines land and each refused one says why. Nothing is edited in place: a correction
is a new line that replaces the old one.

--verdict pass or fail is said of a datapoint that no grader judged, and of no other: it is counted
apart from what graders judged. A fail has bucket, fault, mechanism and quote as every review; a
pass has a quote, and a mechanism that says what shows it. What cannot be judged has none, and a
fault that says why: pipeline_issue, grader_issue or undecided.

--alike records the same for every datapoint that is alike to the one that was read
(show_datapoint.py names them), each on a line of its own that says which one was read; where a
quote is not in one of them, that one is refused and is read itself.

--group GROUP BUCKET … puts buckets into a group, under which the report and the page list them with
its sum (`--group - BUCKET …` takes them out); appends to bucket_groups.jsonl, where the last line
of a bucket says. A renamed bucket keeps its group. Refused: a group that is called as a bucket.

--labels takes what people outside said: a CSV with a word for whose fault each datapoint is. --join
says which of its columns are which fields of a row (of outcomes.csv, else of the runs, which are
read once more; of tau2-bench also simulation_id), --faults what each word means. Such a coder is
of kind `label`: it has no quote and decides nothing; it is compared (measure_agreement.py) and
counted beside the reviews. Refused: a line of no or of several datapoints, an unknown word, a
second label. A word for "nothing went wrong" is `none`: of a failing datapoint that is
grader_issue, of any other it agrees with the verdict and is not recorded. As in: --labels calls.csv
--coder outside --join simulation_id=simulation_id --fault-column error_source --faults
agent=model_error user=user_simulator_issue system=pipeline_issue no_error=none

A batch line: {"id": …, "verdict": …, "bucket": …, "fault": …, "mechanism": …, "quotes": […],
"secondary": […], "note": …, "coder": …, "kind": …, "replaces": …, "settles": …, "step": …,
"agent": …, "second": …, "also": […], "fix": …, "contested": …, "contested_fault": …}; options given
beside --from fill in coder and kind, and --alike goes for each line.

Exit codes: 0 everything was recorded; 1 something was refused; 2 usage.

Example: record_review.py results/mybench --id run1/12 --bucket guesses_instead_of_asking
  --fault model_error --mechanism "It picks one of two sessions and books it." --quote "I booked S4"
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from failure_analysis import cli

FIELDS = ("id", "verdict", "bucket", "fault", "mechanism", "quotes", "secondary", "note",
          "replaces", "step", "agent", "second", "also", "fix", "contested", "contested_fault")


def main(argv: list[str] | None = None) -> int:
    """Parses the options and records."""
    parser = _parser()
    args = parser.parse_args(argv)
    args.batch = args.batch or args.standard_input
    single = any(getattr(args, name) for name in FIELDS) or args.settles
    if (single, bool(args.batch), bool(args.rename), bool(args.group), bool(args.labels)
            ).count(True) != 1:
        parser.error("give one review (--id …), or --from, or --rename, or --group, or --labels")
    if args.group and len(args.group) < 2:
        parser.error("--group is given a group and its buckets")
    if args.alike and not (single or args.batch):
        parser.error("--alike goes with one review or --from")
    if args.everyone and not args.rename:
        parser.error("--everyone goes with --rename")
    if not args.labels and (args.join or args.faults or args.fault_column or args.bucket_column):
        parser.error("--join, --fault-column, --faults and --bucket-column go with --labels")
    if args.labels and not (args.fault_column and args.faults and args.coder != "agent"):
        parser.error("--labels needs --coder NAME (who labelled), --fault-column and --faults")
    act = _record_labels if args.labels else _group if args.group else _record
    return cli.run(__file__, lambda: act(args))


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("standard_input", nargs="?", choices=["-"], metavar="-",
                        help="reads a batch from standard input, as --from - does")
    parser.add_argument("--id", help="the datapoint")
    parser.add_argument("--verdict", choices=("pass", "fail"),
                        help="of a datapoint that no grader judged: yours")
    parser.add_argument("--bucket", metavar="SLUG", help="the primary cause, in snake_case")
    parser.add_argument("--fault", metavar="CLASS",
                        help="model_error, grader_issue, reference_issue, pipeline_issue, "
                             "user_simulator_issue, mixed or undecided")
    parser.add_argument("--mechanism", help="in a sentence: what happened, and why it failed")
    parser.add_argument("--quote", dest="quotes", action="append", metavar="TEXT",
                        help="verbatim evidence; give it once for each quote")
    parser.add_argument("--secondary", action="append", metavar="SLUG",
                        help="a consequence of the primary cause; may be given several times")
    parser.add_argument("--step", metavar="N",
                        help="the message whose repair alone would have changed the outcome, "
                             "counted from 0 (17, or a call in it: 17.0); one quote is from it")
    parser.add_argument("--agent", metavar="NAME",
                        help="whose message that is (default: as recorded)")
    parser.add_argument("--second", metavar="N", help="the step that you would name next")
    parser.add_argument("--also", nargs="+", action="extend", metavar="N",
                        help="other steps of which each alone would have done")
    parser.add_argument("--fix", help="what should have been done at that step")
    parser.add_argument("--contested", metavar="TEXT",
                        help="another reading that can be held as well, and why; the report then "
                             "gives both ('' takes it back in a correction)")
    parser.add_argument("--contested-fault", metavar="CLASS",
                        help="whose fault it is by that reading")
    parser.add_argument("--note", help="anything else")
    parser.add_argument("--replaces", metavar="REVIEW_ID", help="corrects your earlier review")
    parser.add_argument("--settles", action="store_true",
                        help="decides where coders disagree; it wins over their reviews")
    parser.add_argument("--alike", action="store_true",
                        help="the same for all datapoints that are alike to it")
    parser.add_argument("--coder", default="agent", metavar="NAME", help="who read (default agent)")
    parser.add_argument("--kind", default="agent", choices=("agent", "person", "llm"),
                        help="what the coder is (default agent)")
    parser.add_argument("--from", dest="batch", metavar="FILE",
                        help="one JSON object per line instead; - reads standard input")
    parser.add_argument("--rename", nargs=2, metavar=("OLD", "NEW"),
                        help="your reviews that name bucket OLD name NEW instead, as corrections")
    parser.add_argument("--everyone", action="store_true",
                        help="with --rename: the reviews of all coders")
    parser.add_argument("--group", nargs="+", metavar=("GROUP", "BUCKET"),
                        help="puts these buckets into a group instead (-: out of theirs)")
    parser.add_argument("--labels", type=Path, metavar="FILE.csv",
                        help="labels by people outside instead, as one more coder")
    parser.add_argument("--join", nargs="+", type=_pair, metavar="COLUMN=FIELD",
                        help="columns that name a datapoint, as fields of its row (default "
                             "datapoint_id=datapoint_id)")
    parser.add_argument("--fault-column", metavar="COLUMN", help="where the label says whose fault")
    parser.add_argument("--faults", nargs="+", type=_pair, metavar="WORD=CLASS",
                        help="what each word of it means: a class as of --fault, or none")
    parser.add_argument("--bucket-column", metavar="COLUMN",
                        help="where the label names a cause, if it does")
    return parser


def _pair(text: str) -> tuple[str, str]:
    left, equals, right = text.rpartition("=")
    if not equals or not left or not right:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form A=B")
    return left, right


def _record(args: argparse.Namespace) -> int:
    from failure_analysis.packet import rows
    from failure_analysis.review import ledger, together

    index = rows.load(args.analysis_dir)
    if args.rename:
        verdicts = ledger.rename(index, *args.rename, None if args.everyone else args.coder,
                                 args.coder)
        places = [""] * len(verdicts)
    else:
        twins = ledger.twins(index)
        given = [(place, one) for place, entry in _entries(args) for one in (
            together.for_all(index, entry, twins)
            if args.alike and isinstance(entry, dict) else [entry])]
        said = iter(ledger.append(index, [one for _, one in given if isinstance(one, dict)]))
        places = [place for place, _ in given]
        verdicts = [next(said) if isinstance(one, dict) else
                    ledger.Verdict(None, f"not a review ({one})") for _, one in given]
    return _summarise(args, places, verdicts)


def _group(args: argparse.Namespace) -> int:
    """Puts buckets into a group and says what is in which."""
    from failure_analysis.packet import rows
    from failure_analysis.review import together

    name, *buckets = args.group
    group_of = together.group(rows.load(args.analysis_dir), name, buckets, args.coder)
    groups = {group: sorted(bucket for bucket, mine in group_of.items() if mine == group)
              for group in sorted(set(group_of.values()))}
    cli.summarise({"groups": groups}, [f"{group}: {', '.join(mine)}"
                                       for group, mine in groups.items()] or ["no groups"],
                  args.json)
    return 0


def _record_labels(args: argparse.Namespace) -> int:
    """The labels of a table, as reviews of kind `label`."""
    from failure_analysis import files
    from failure_analysis.packet import rows
    from failure_analysis.review import labels, ledger

    faults = dict(args.faults)
    for word, fault in faults.items():
        if fault not in (*ledger.FAULTS, labels.NONE):
            raise files.Refusal(f"--faults {word}={fault}: {fault} is none of "
                                f"{', '.join((*ledger.FAULTS, labels.NONE))}")
    index = rows.load(args.analysis_dir)
    columns = labels.Columns(dict(args.join or [("datapoint_id", "datapoint_id")]),
                             args.fault_column, faults, args.bucket_column)
    given = labels.read(index, args.labels, args.coder, columns)
    said = iter(ledger.append(index, [label.entry for label in given if label.entry]))
    taken = [(label.place, next(said) if label.entry else ledger.Verdict(None, label.reason))
             for label in given if not label.agrees]
    return _summarise(args, [place for place, _ in taken], [verdict for _, verdict in taken],
                      len(given) - len(taken))


def _summarise(args: argparse.Namespace, places: list[str], verdicts: list,
               agreeing: int | None = None) -> int:
    """What became of each entry; `agreeing` labels say what the verdict says, and are no entry."""
    lines = [_line(place, verdict) for place, verdict in zip(places, verdicts, strict=True)]
    refused = sum(verdict.review is None for verdict in verdicts)
    already = sum(verdict.already for verdict in verdicts)
    recorded = len(verdicts) - refused - already
    if len(verdicts) > 1:
        lines.append(f"{len(verdicts)} entries = {recorded} recorded + {already} there already + "
                     f"{refused} refused")
    if args.labels:
        faults = Counter(verdict.review.fault for verdict in verdicts if verdict.review)
        said = ", ".join(f"{fault} {count}" for fault, count in faults.items())
        lines += [f"labelled: {said or 'nothing'}",
                  f"agree with a verdict that is no fail, so nothing to record: {agreeing}"]
    cli.summarise(
        {"recorded": recorded, "already": already, "refused": refused,
         **({"agreeing": agreeing} if args.labels else {}),
         "entries": [{"place": place, "review_id": verdict.review and verdict.review.review_id,
                      "reason": verdict.reason} for place, verdict in
                     zip(places, verdicts, strict=True)]}, lines, args.json)
    return 1 if refused else 0


def _line(place: str, verdict) -> str:
    from failure_analysis import clean
    from failure_analysis.review import ledger

    where = f"{place}: " if place else ""
    if verdict.review is None:
        return f"{where}REFUSED: {verdict.reason}"
    review = verdict.review
    done = "there already" if verdict.already else "recorded"
    twin = f", alike to {review.alike}" if review.alike else ""
    return (f"{where}{done} {review.review_id}: {review.datapoint_id}{twin} as "
            f"{ledger.as_what(review)}, by {review.coder}"
            f"{'; ' if verdict.said else ''}{clean.visible(verdict.said)}")


def _entries(args: argparse.Namespace) -> list[tuple[str, dict | str]]:
    """The entries to record, each with the place it came from; of what is no JSON object the
    reason."""
    if not args.batch:
        entry = {name: getattr(args, name) for name in (*FIELDS, "coder", "kind", "settles")}
        return [("", entry)]
    return [(place, {"coder": args.coder, "kind": args.kind, **value}
             if isinstance(value, dict) else value)
            for place, value in cli.json_objects(args.batch)]


if __name__ == "__main__":
    sys.exit(main())

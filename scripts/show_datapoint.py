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
"""Shows a datapoint in a readable, bounded form, and logs what was shown.

Reads outcomes.csv, failure_review_rows.jsonl, contrast_rows.jsonl, the plan and the ledger.
Question, expected, judge's words and answer, then the steps (messages, counted from 0 as in the
run), their calls and results; each text once, JSON in short (records as a table, what nothing names
left out, of what there is to choose from what is chosen, what stands above by its place), long
texts cut so that the run is seen to its end (--steps shows more): of messages that are no talk,
lines of earlier ones, JSON in which nothing is expected, and inner frames are counted. Several
share what is said of all of them; those that one output of a shell does not hold are named. A
policy that this coder was shown before is not shown again. Datapoints that said and did the same
as a failing one (over repeats, runs and models of its item) are named beside it and not shown by
--next; record_review.py --alike records them with it. Short ones without a conversation take about
three lines each. Text of the run stands between marks that are new each time.

Appends to reading_log.jsonl which characters of which part this coder was shown.

Exit codes: 0 done; 1 refused (no such datapoint, no plan); 2 usage.

Example: show_datapoint.py results/mybench --next --coder agent-2 --shard 2
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli

_OUTPUT = 28_000  # characters; the shells of agents pass on 30,000 of one output


def main(argv: list[str] | None = None) -> int:
    """Parses the options and shows."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("ids", nargs="*", metavar="ID", help="datapoint ids")
    parser.add_argument("--next", type=int, nargs="?", const=1, default=0, metavar="N",
                        help="the next N datapoints (default 1) of the plan that this coder has "
                             "not reviewed, of those that are alike one; what several share is "
                             "shown once")
    parser.add_argument("--shard", type=int, metavar="K", help="with --next: reader K's part")
    parser.add_argument("--unreviewed", action="store_true",
                        help="with --next: leave out what any reader has reviewed")
    parser.add_argument("--where", nargs="+", metavar="NAME=VALUE",
                        help="the first unreviewed failing datapoint with these properties: mode, "
                             "model, run, item, task, outcome, dimension, bucket, fault, why")
    parser.add_argument("--steps", metavar="A-B",
                        help="only these steps: some whole (17 or 3,9), of a range (40-52, 40-) "
                             "of each text up to 2,000 characters")
    parser.add_argument("--outline", action="store_true",
                        help="a line for each step, alike ones folded (of traces over 20,000 "
                             "tokens it comes first)")
    parser.add_argument("--from", dest="start", metavar="PLACE[:OFFSET]",
                        help="begin at this step or part, such as 17 or judge:3000")
    parser.add_argument("--tokens", type=int, default=6000, metavar="N",
                        help="how much to show of one, about (default 6000); several share 7000, "
                             "or N where it is more")
    parser.add_argument("--coder", default="agent", help="who reads (default agent)")
    args = parser.parse_args(argv)
    if (bool(args.ids), args.next > 0, bool(args.where)).count(True) != 1:
        parser.error("give datapoint ids, or --next, or --where")
    if (args.shard is not None or args.unreviewed) and not args.next:
        parser.error("--shard and --unreviewed go with --next")
    if (args.start or args.steps) and (len(args.ids) > 1 or args.next > 1):
        parser.error("--from and --steps go with one datapoint")
    if (bool(args.start), bool(args.steps), args.outline).count(True) > 1:
        parser.error("give one of --from, --steps and --outline")
    if args.tokens < 200:
        parser.error("--tokens is at least 200")
    return cli.run(__file__, lambda: _show(parser, args))


def _show(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    import json
    import shlex

    from failure_analysis import clean, store
    from failure_analysis.packet import rows
    from failure_analysis.review import alike, ledger, parts, plan, reading_log, show, view

    if wrong := ledger.wrong_coder(args.coder):
        parser.error(wrong)
    analysis_dir = args.analysis_dir
    index, finals = rows.load(analysis_dir), ledger.finals(ledger.load(analysis_dir))
    planned_by_id = {planned.datapoint_id: planned for planned in plan.load(analysis_dir)} \
        if (analysis_dir / plan.NAME).exists() else {}
    ids, remark, groups = args.ids, "", alike.Groups(index)
    if args.next:
        following = show.following(analysis_dir, None if args.unreviewed else args.coder,
                                   args.shard)
        ids = show.apart((planned.datapoint_id for planned in following), groups, args.next)
        if not ids:
            cli.summarise({"datapoints": [], "done": True},
                          [f"{'everybody together' if args.unreviewed else args.coder} has "
                           "reviewed everything planned; next: "
                           "write_report.py ANALYSIS_DIR (several readers: measure_agreement.py "
                           "first)"], args.json)
            return 0
    elif args.where:
        ids, remark = _where(parser, args, index, planned_by_id, finals)
    views = _views(args, index, ids)
    if waiting := ids[len(views):]:
        remark = (f"NOT SHOWN, as one output of a shell does not hold them: {len(waiting)}; call "
                  f"again with {shlex.join(waiting)}")
    with store.where_writable(analysis_dir / reading_log.NAME, "; this does not count as read"):
        for row, shown in views:
            reading_log.log(analysis_dir, args.coder, row["datapoint_id"], parts.parts(row),
                            view.spans(shown))
    if args.json:
        print(json.dumps({"datapoints": [
            show.record(row, shown, groups.of(row["datapoint_id"])) for row, shown in views],
            "done": False}))
        return 0
    print("\n\n".join(_texts(args, index, views, planned_by_id, finals, groups)))
    if remark:
        print(clean.visible(remark))
    return 0


def _views(args: argparse.Namespace, index, ids: list[str]) -> list[tuple]:
    """The rows with what is shown of them, as many as one output holds, at least one."""
    from failure_analysis.packet import rows
    from failure_analysis.review import policies, show, timeline, view

    asked = view.Asked(args.tokens, args.start, args.steps, args.outline)
    views, before, size = [], {}, 0
    for ident in ids:
        row = rows.row(index, ident)
        line = timeline.timeline(row)
        shown = view.view(row, line, asked, before | policies.known(index, args.coder, row, line))
        size += sum(map(len, show.further(row, shown))) if len(ids) > 1 and not args.json else 0
        if views and size > max(_OUTPUT, args.tokens * view.CHARACTERS_PER_TOKEN):
            break
        before |= view.told_texts(row, shown)
        views.append((row, shown))
    return views


def _texts(args: argparse.Namespace, index, views, planned_by_id, finals, groups) -> list[str]:
    """What is printed of each datapoint: short ones of several together, before the others."""
    from failure_analysis.review import asks, brief, show

    if args.start or args.steps:  # a part of what this reader has before it already
        return ["\n".join([show.flat(f"datapoint {row['datapoint_id']}"),
                           *show.further(row, shown)]) for row, shown in views]
    several = args.next > 1 and not args.outline
    found = [(row, shown, planned_by_id.get(row["datapoint_id"])) for row, shown in views]
    shorts = brief.shorts(index, found) if several else []
    together = {one.ident for one in shorts}
    longer = [one for one in found if one[0]["datapoint_id"] not in together]
    mark = show.mark() if len(longer) > 1 else ""  # several share what is said of all
    texts = [show.text(index, row, shown, args.coder, planned, finals,
                       groups.of(row["datapoint_id"]), mark) for row, shown, planned in longer]
    if mark:
        texts = ["\n".join(show.preface([shown for _, shown, _ in longer], mark)), *texts,
                 asks.ending(index, [(row, planned) for row, _, planned in longer], args.coder,
                             finals, groups)]
    return [*([brief.text(index, shorts, args.coder, finals, groups)] if shorts else []), *texts]


def _where(parser: argparse.ArgumentParser, args: argparse.Namespace, index, planned_by_id,
           finals) -> tuple[list[str], str]:
    """The first matching datapoint that nobody has reviewed, and a line about the others."""
    from failure_analysis.files import Refusal
    from failure_analysis.review import show

    wanted = dict(pair.partition("=")[::2] for pair in args.where)
    unknown = [name for name in wanted if name not in show.WHERE]
    if unknown:
        parser.error(f"--where knows {', '.join(show.WHERE)}, not {', '.join(unknown)}")
    ids = show.matching(index, wanted, planned_by_id, finals)
    if not ids:
        raise Refusal(f"no datapoint has {' '.join(args.where)}; "
                      + _nothing(wanted, {name: show.values(index, name, planned_by_id, finals)
                                          for name in wanted}))
    unread = [ident for ident in ids if ident not in finals] or ids
    others = [ident for ident in ids if ident != unread[0]]
    more = f" and {len(others) - 20} more" if len(others) > 20 else ""
    return unread[:1], (f"{len(ids)} match {' '.join(args.where)}; the others: "
                        f"{', '.join(others[:20]) or 'none'}{more}")


def _nothing(wanted: dict[str, str], values: dict[str, list[str]]) -> str:
    """Why nothing matches: a value that is none, with those there are, or that they never meet."""
    for name, value in wanted.items():
        if value not in values[name]:
            more = f" and {len(values[name]) - 10} more" if len(values[name]) > 10 else ""
            shown = f"is one of: {', '.join(values[name][:10])}{more}" if values[name] else \
                "is recorded of none"
            return (f"{name} {shown} (of the datapoints that can be shown; passing ones need to be "
                    "in the plan)")
    return "each is there, but no failing datapoint has all of them (outcome=pass asks for others)"


if __name__ == "__main__":
    sys.exit(main())

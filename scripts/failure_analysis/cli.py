"""What every script does at its edge: refusals become one line, summaries go to stdout."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from failure_analysis.clean import safe_name, visible
from failure_analysis.files import Refusal, sha256
from failure_analysis.remote import address, named
from failure_analysis.store import FULL, hold

if TYPE_CHECKING:
    from failure_analysis.reading.detect import Inputs
    from failure_analysis.spread import Engine
    from failure_analysis.steps import Step

_LONGEST = 900  # of a message
_LONGEST_USAGE = 400  # of what is wrong with the options
_MOST_REFUSED = 60  # lines of refused entries
_LONGEST_SUMMARY = 4000  # of a line of a summary: commands to be copied stand in it, with paths


_NAME = "\0"  # marks a name for argparse; no word of a command line can hold it


class _Parser(argparse.ArgumentParser):
    """argparse, with names before, between and after the options, and short messages."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register("type", int, _whole_number)

    def parse_args(self, args=None, namespace=None):  # noqa: ANN001, ANN202 (as argparse has it)
        """The options; commands of their own are left to argparse, which knows no other way. Behind
        `--` stand names alone, whatever they begin with: argparse forgets that on its way."""
        words = list(sys.argv[1:] if args is None else args)
        if any(action.nargs == argparse.PARSER for action in self._actions):
            return super().parse_args(words, namespace)
        if "--" in words:
            at = words.index("--")
            words[at:] = [_NAME + word for word in words[at + 1:]]
        parsed = self.parse_intermixed_args(words, namespace)
        for action in self._get_positional_actions():
            setattr(parsed, action.dest, _without_mark(getattr(parsed, action.dest)))
        return parsed

    def error(self, message: str) -> NoReturn:
        """Says what is wrong with the options in one line that is safe for a terminal."""
        super().error(_one_line(message, _LONGEST_USAGE))


def _whole_number(text: str) -> int:
    """A number of an option; refuses one that is larger than any count, length or seed."""
    number = int(text)
    if abs(number) > sys.maxsize:
        raise ValueError
    return number


def _without_mark(value: Any) -> Any:
    """A positional argument, or several, as they stood on the command line."""
    if isinstance(value, list):
        return [_without_mark(one) for one in value]
    return type(value)(str(value).removeprefix(_NAME)) if isinstance(value, str | Path) else value


def parser(doc: str | None, as_json: bool = True) -> argparse.ArgumentParser:
    """A script's parser: its docstring as it stands, and --json, which most scripts take."""
    made = _Parser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if as_json:
        made.add_argument("--json", action="store_true", help="print one JSON object instead")
    return made


def run(script: str, body: Callable[[], int], writes: Path | None = None) -> int:
    """Runs a script's body and turns an expected error into one line on stderr and exit code 1.
    While another process `writes` into the same folder, it waits."""
    name = Path(script).name
    try:
        if writes is not None:
            hold(writes)
        return body()
    except Refusal as refusal:
        print(f"{name}: {_one_line(refusal)}", file=sys.stderr)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("failure_analysis"):
            raise
        print(
            f"{name}: the package {missing.name} is not installed; "
            f"run it as `uv run {script} …`, or `python3 -m pip install "
            f"{shlex.quote(str(Path(script).resolve().parents[1]))}` first",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fix = "; it was not written, make room and run it again" if error.errno in FULL else ""
        print(f"{name}: {_one_line(f'{where}{error.strerror or error}{fix}')}", file=sys.stderr)
    return 1


def _one_line(text: object, longest: int = _LONGEST) -> str:
    """A text as one line, safe for a terminal; one that a hostile file made endless lacks its
    middle, as the place stands at its beginning and what to do at its end."""
    line = visible(named(" ".join(str(text).split("\n"))))
    if len(line) <= longest:
        return line
    end = longest // 3
    return f"{line[:longest - end]} … {line[-end:]}"


def summarise(summary: Mapping, lines: list[str], as_json: bool) -> None:
    """Prints one JSON object with --json, else the lines for people, made safe for a terminal."""
    if as_json:
        print(json.dumps(summary))
    else:
        print("\n".join(_one_line(line, _LONGEST_SUMMARY) for line in lines))


def json_objects(source: str) -> list[tuple[str, dict | str]]:
    """The JSON objects of a file of lines (`-`: of standard input), each with its place; of a line
    that holds none, the reason. Refuses a file that is not there or holds nothing."""
    from failure_analysis.files import Refusal

    path = Path(source)
    if source != "-" and not path.is_file():
        raise Refusal(f"{path}: no such file")
    text = sys.stdin.buffer.read() if source == "-" else path.read_bytes()
    name, objects = "standard input" if source == "-" else path.name, []
    for number, line in enumerate(text.decode("utf-8-sig", "replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if not isinstance(value, dict):
                value = f"a JSON {type(value).__name__}, an object was expected"
        except (ValueError, RecursionError) as error:
            value = str(error)
        objects.append((f"{name}:{number}", value))
    if not objects:
        raise Refusal(f"{name}: nothing in it")
    return objects


def record_answers(source: str, args: argparse.Namespace, what: str,
                   append: Callable[[list[dict]], list], following: str) -> int:
    """Records what a reader answered, one JSON object per line of a file, each with the reader and
    kind of the options unless it has its own; prints what became of each, and what comes next."""
    given = json_objects(source)
    own = {"reader": args.reader, "kind": args.kind}
    whole = [(place, {**own, **value}) for place, value in given if isinstance(value, dict)]
    verdicts = append([value for _, value in whole])
    refused = [(place, f"not {'an' if what[0] in 'aeiou' else 'a'} {what} ({value})")
               for place, value in given if isinstance(value, str)]
    refused += [(place, verdict.reason) for (place, _), verdict in
                zip(whole, verdicts, strict=True) if verdict.record is None]
    already = sum(verdict.already for verdict in verdicts)
    recorded = len(given) - len(refused) - already
    summarise(
        {"recorded": recorded, "already": already, "refused": len(refused),
         "entries": [{"place": place, "reason": reason} for place, reason in refused]},
        [*(f"{place}: REFUSED: {reason}" for place, reason in refused[:_MOST_REFUSED]),
         f"{len(given)} {what}s = {recorded} recorded + {already} there already + "
         f"{len(refused)} refused", f"next: {following}"], args.json)
    return 1 if refused else 0


def default_folder(inputs: "Inputs") -> Path:
    """results/<benchmark>, or results/<tool>-<task> where a tool's runs are all of one task;
    whatever characters the runs put into the names."""
    from failure_analysis.reading import tasks

    return Path("results", safe_name(tasks.folder_name(inputs.sources)))


def add_contract(parser: argparse.ArgumentParser) -> None:
    """The option that names what each item requires."""
    parser.add_argument("--contract", type=Path, metavar="YAML",
                        help="what each item requires (templates/contract.yaml): datapoints that "
                             "do not do it become suspicions")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The options that name the runs; the same for every script that reads runs."""
    group = parser.add_argument_group("inputs (one of them)")
    group.add_argument("--run-dir", type=Path, nargs="+", action="extend", metavar="DIR",
                       help="folders of judged runs; they win over --comparison-dir")
    group.add_argument("--comparison-dir", type=Path, metavar="DIR",
                       help="folder with run_results.csv, whose column run_dir names the runs")
    group.add_argument("--input", type=Path, nargs="+", action="extend", metavar="PATH",
                       help="files or folders of any known format, also at an address (s3://…); "
                            "the format is detected")
    group.add_argument("--mapping", type=Path, metavar="YAML",
                       help="read --input through this benchmark.yaml instead of detecting")
    parser.add_argument("--benchmark", default="", metavar="NAME",
                        help="what judged runs that name no benchmark are of (default: what the "
                             "folder above them is called)")
    parser.add_argument("--label", nargs="+", action="extend", default=[], metavar="RUN=NAME",
                        help="call a run's model NAME, where its files know the LLM and not the "
                             "agent; RUN as the packet prints it")
    parser.add_argument("--without", nargs="+", action="extend", default=[], metavar="DIMENSION",
                        help="leave these dimensions out of pass and fail; their scores stay, and "
                             "the report says it")
    add_engine(parser)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """The options that say where work is done."""
    parser.add_argument("--jobs", type=int, metavar="N",
                        help="worker processes (default: all cores, where it pays); the results "
                             "are the same with any number")
    parser.add_argument("--engine", choices=("local", "dask"), default="local",
                        help="dask: on the workers of a Dask cluster, one started here unless "
                             "--scheduler names one (references/scale-out.md); the results are "
                             "the same")
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="the scheduler of that cluster, as tcp://host:8786")


def engine(parser: argparse.ArgumentParser, args: argparse.Namespace) -> "Engine":
    """Where the options say that work is done; wrong combinations are usage errors."""
    from failure_analysis.spread import Engine

    if args.jobs is not None and args.jobs < 1:
        parser.error("--jobs is at least 1")
    if args.scheduler and args.engine != "dask":
        parser.error("--scheduler goes with --engine dask")
    if args.scheduler and args.jobs:
        parser.error("--jobs does not go with --scheduler, whose workers are what they are")
    return Engine(args.jobs or 0, (args.scheduler or "") if args.engine == "dask" else None)


def add_accept(parser: argparse.ArgumentParser) -> None:
    """The option for what a mapping expects and what does not come out."""
    parser.add_argument("--accept-differences", action="store_true",
                        help="exit 0 although counts differ from `expected` of the mapping")


def find_inputs(parser: argparse.ArgumentParser, args: argparse.Namespace) -> "Inputs":
    """The runs that the options name; wrong combinations are usage errors (exit code 2)."""
    from failure_analysis.reading import labels, left_out

    inputs = _found(parser, args)
    if args.benchmark and inputs.sources[0].benchmark != args.benchmark:
        print(_one_line(f"--benchmark {args.benchmark} is not used: the runs say that they are of "
                        f"{inputs.sources[0].benchmark}"), file=sys.stderr)
    inputs.sources = left_out.put_on(labels.put_on(inputs.sources, labels.given(args.label)),
                                     args.without)
    return inputs


def _found(parser: argparse.ArgumentParser, args: argparse.Namespace) -> "Inputs":
    from failure_analysis.reading import detect

    if args.mapping and not args.input:
        parser.error("--mapping goes with --input")
    if args.input and (args.run_dir or args.comparison_dir):
        parser.error("--input does not go with --run-dir or --comparison-dir")
    engine(parser, args)  # refused before anything is read
    if args.run_dir:
        if args.comparison_dir:
            print("both given: the --run-dir folders are used, --comparison-dir is not",
                  file=sys.stderr)
        return detect.from_run_dirs(args.run_dir, args.benchmark)
    if args.comparison_dir:
        return detect.from_comparison(args.comparison_dir, args.benchmark)
    if args.input:
        return detect.from_inputs(args.input, args.mapping, args.benchmark)
    parser.error("give --run-dir, --comparison-dir or --input")


def guard(analysis_dir: Path, inputs: "Inputs", report: Path | None, option: str,
          args: argparse.Namespace) -> str | None:
    """Keeps from being built over what standing.refuse_place and standing.guard do; says at once
    what it put aside, as what comes after may be refused."""
    from failure_analysis.review import standing

    standing.refuse_place(analysis_dir, report, option, args.run_dir or (), args.input or ())
    aside = standing.guard(analysis_dir, inputs.sources, report, option, args.force,
                           args.mapping, getattr(args, "rules", None))
    if aside is None:
        return None
    _say_aside(aside)
    return aside.as_posix()


def add_page_mb(parser: argparse.ArgumentParser) -> None:
    """The option for how large the report's page may be."""
    parser.add_argument("--page-mb", type=_megabytes, default=3, metavar="N",
                        help="how large the HTML page may become, in MB (default 3); what does not "
                             "fit is left out and counted")


def _megabytes(text: str) -> float:
    """A size in MB; refuses what is none."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no size in MB")
    return value


def make_room(analysis_dir: Path, step: "Step") -> None:
    """Keeps files that a step did not write from being written over, as aside.make_room does."""
    from failure_analysis import aside

    if target := aside.make_room(analysis_dir, step):
        _say_aside(target)


def _say_aside(target: Path) -> None:
    print(_one_line(f"put aside, what stood here: {target}"), file=sys.stderr)


def input_settings(args: argparse.Namespace, inputs: "Inputs") -> dict:
    """What the manifest says of the inputs."""
    from failure_analysis.reading import labels

    return {"run_dir": [address(path) or path.as_posix() for path in args.run_dir or []],
            "comparison_dir": args.comparison_dir.as_posix() if args.comparison_dir else None,
            "input": [address(path) or path.as_posix() for path in args.input or []],
            "mapping": args.mapping.as_posix() if args.mapping else None,
            "mapping_sha256": sha256(args.mapping) if args.mapping else None,
            "benchmark": inputs.sources[0].benchmark, "labels": labels.given(args.label),
            "without": list(dict.fromkeys(args.without))}


def detection_lines(inputs: "Inputs") -> list[str]:
    """What of the inputs could not be read, what the others were taken for, and from what that was
    concluded."""
    formats = dict.fromkeys(source.format for source in inputs.sources)
    lines = [f"not read: {text}" for text in inputs.unreadable]
    for name in formats:
        mine = [source for source in inputs.sources if source.format == name]
        more = f" and {len(mine) - 1} more" if len(mine) > 1 else ""
        lines.append(f"read as {name}: {mine[0].path} ({mine[0].why}){more}")
    judges = [source for source in inputs.gradings if source.mapping is None]
    if judges:  # those in the runs' own files are counted when they are read
        lines.append(f"further gradings: {len(judges)} files, first {judges[0].path}")
    if inputs.ignored:
        lines.append(f"passed over: {len(inputs.ignored)} files, first "
                     f"{inputs.ignored[0]}")
    return lines


def findings_lines(counts: Mapping) -> list[str]:
    """What must be known before the runs are believed or compared, under a heading."""
    return ["", "know before comparing:", *counts["findings"]] if counts["findings"] else []


def conservation_line(counts: Mapping) -> str:
    """The sum that every ingest prints."""
    rows = "row" if counts["rows_read"] == 1 else "rows"
    return (f"{counts['rows_read']} {rows} read = {counts['pass']} pass + {counts['fail']} fail + "
            f"{counts['unjudged']} unjudged + {counts['rejected']} rejected")

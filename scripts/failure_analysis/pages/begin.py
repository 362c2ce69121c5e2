"""From runs to a folder that the page can open: stage 1 and the plan, each by its own script, so
that what they refuse, lock and write is as when a person runs them."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failure_analysis import files, manifest, steps
from failure_analysis.datapoint import NOT_COUNTED
from failure_analysis.packet import rows
from failure_analysis.review import plan

if TYPE_CHECKING:
    from failure_analysis.reading.claims import Inputs

_SCRIPTS = Path(__file__).resolve().parents[2]
_STAGE_1 = "deep_error_analysis.py"
# What is refused while it is half-written; every other step can be run beside the page.
_MADE = (steps.BUILD, steps.CLUSTER, steps.AUDIT)
_TABLE = "run_results.csv"


def is_analysis(paths: Sequence[Path]) -> bool:
    """Whether what is given is one folder that an analysis was begun in, and no runs."""
    if len(paths) != 1 or not paths[0].is_dir():
        return False
    has = {name for name in (steps.ROWS, steps.OUTCOMES, manifest.NAME)
           if (paths[0] / name).is_file()}
    return steps.ROWS in has or has >= {steps.OUTCOMES, manifest.NAME} \
        or manifest.NAME in has and bool(manifest.writing(paths[0]))


def refuse_half_written(analysis_dir: Path) -> None:
    """Refuses a folder in which stage 1 was broken off."""
    names = {name for step in _MADE for name in step.writes}
    if begun := sorted(names & set(manifest.writing(analysis_dir))):
        raise files.Refusal(f"{analysis_dir}: {begun[0]} is half-written, as the step that made it "
                            f"was broken off; run {_STAGE_1} again, or give its runs instead of "
                            "the folder")


def inputs(paths: Sequence[Path], mapping: Path | None) -> "Inputs":
    """The runs that are given: files and folders of any known format, or a comparison folder."""
    from failure_analysis.reading import detect

    if _is_comparison(paths) and mapping is None:
        return detect.from_comparison(paths[0])
    return detect.from_inputs(list(paths), mapping)


def _is_comparison(paths: Sequence[Path]) -> bool:
    return len(paths) == 1 and (paths[0] / _TABLE).is_file()


def stands(analysis_dir: Path, found: "Inputs", mapping: Path | None) -> bool:
    """Whether stage 1 was finished in a folder with exactly these inputs."""
    try:
        ran = manifest.entries(analysis_dir)
        refuse_half_written(analysis_dir)
    except files.Refusal:
        return False
    if any(step.name not in ran for step in (*_MADE, steps.REPORT)):
        return False
    built = ran[steps.BUILD.name]
    given = {files.sha256(path) for source in (*found.sources, *found.gradings)
             for path in source.files}
    return {each["sha256"] for each in built.get("inputs", [])} == given \
        and built["settings"].get("mapping_sha256") == (files.sha256(mapping) if mapping else None)


def stage_1(paths: Sequence[Path], mapping: Path | None, report: Path) -> dict[str, Any] | None:
    """Runs stage 1 and returns its counts; None where it refused, as it has said itself."""
    given = ["--comparison-dir" if _is_comparison(paths) and mapping is None else "--input",
             *map(_named, paths)]
    with_mapping = ["--mapping", _named(mapping)] if mapping else []
    done = _run(_STAGE_1, [*given, *with_mapping, "--output", _named(report)])
    return json.loads(done.stdout) if done.stdout.startswith("{") else None


def planned(analysis_dir: Path) -> str:
    """Plans what is to be read where there is no plan; says what came of it, blank where there is
    one or nothing to plan."""
    if (analysis_dir / plan.NAME).exists() or not _is_to_read(analysis_dir):
        return ""
    script = "plan_review.py"
    done = _run(script, [_named(analysis_dir)], stderr=subprocess.PIPE)
    if done.returncode:
        why = done.stderr.strip().removeprefix(f"{script}: ")
        return f"no plan, as {script} says: {why}"
    made = json.loads(done.stdout)
    return (f"plan: {made['planned']} datapoints to read ({made['failing_planned']} of "
            f"{made['failing']} failing)")


def _is_to_read(analysis_dir: Path) -> bool:
    """Whether something failed, or counts and is not judged."""
    return any(outcome == "fail" or outcome == "unjudged" and ended not in NOT_COUNTED
               for outcome, ended in rows.columns(analysis_dir, ("outcome", "termination")))


def _run(script: str, args: Iterable[str], **how: Any) -> subprocess.CompletedProcess[str]:
    """Runs a script of the bundle, which prints one JSON object when it has done its work."""
    return subprocess.run([sys.executable, str(_SCRIPTS / script), "--json", *args],
                          stdout=subprocess.PIPE, encoding="utf-8", **how)


def _named(path: Path) -> str:
    """A path as a script takes it for one, whatever it begins with."""
    return f"./{path}" if str(path).startswith("-") else str(path)

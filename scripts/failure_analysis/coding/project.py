"""A coding project: its folder, and whether it can be gone on with."""

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failure_analysis import clean, files, manifest, store
from failure_analysis.coding import batch, secret

OPEN, AXIAL = "open_coding", "axial_coding"
DRY_RUN = "dry_run"
LOG = "failure_analysis.coding"
_LONGEST_LINE = 4000  # of a log
# What --overwrite removes; the packet, reviews and reports of the same folder stay. Axial codes
# rest on the open ones and go with them.
_AXIAL = ("axial_coding*.json*", "axial_coded_*.jsonl", "*_taxonomy.json", "*_codebook.*",
          "*_rarefaction.png", "axial_reviews_*.jsonl")
_MADE = {OPEN: ("open_coding*.json*", "original_*.jsonl", "samples_*.jsonl",
                "other_answers_*.jsonl", "passed_*.jsonl", "open_coded_*.jsonl", *_AXIAL),
         AXIAL: _AXIAL}


def calls(step: str) -> str:
    """The file of a step's finished calls."""
    return f"{step}_calls.jsonl"


def batches(step: str) -> str:
    """The file of a step's submitted batches."""
    return f"{step}_batches.jsonl"


def json_line(value: Mapping[str, Any]) -> bytes:
    """A line of our JSONL files."""
    return clean.encoded(json.dumps(value, ensure_ascii=False)) + b"\n"


def folder(name: str) -> Path:
    """results/<project>; refuses a name that leads elsewhere."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise files.Refusal(f"--project {name!r} is no folder name of letters, digits and . _ -")
    return Path("results", name)


def inputs(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The files that the samples came from, with their hashes."""
    return [{"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": files.sha256(path)}
            for path in paths]


def begin(project_dir: Path, step: str, settings: Mapping[str, Any], inputs: list[dict],
          overwrite: bool) -> bool:
    """Starts a step of a project or goes on with it, and returns whether it does; refuses one with
    other settings or input."""
    step_record = recorded(project_dir, step)
    if step_record is not None and not overwrite:
        if step == AXIAL and _are_open_codes(project_dir, inputs):
            step_record = {**step_record, "inputs": inputs}  # open_coder.py has gone on since
        if differs := _differences(step_record, settings, inputs):
            raise files.Refusal(
                f"{project_dir}: the project is there with other settings or input: "
                f"{'; '.join(differs)}. Use the same to go on with it, another --project, or "
                "--overwrite to begin anew")
        return True
    if step_record is not None:
        _remove(project_dir, step)
    manifest.record(project_dir, step, settings, [], inputs)
    return False


def _are_open_codes(project_dir: Path, inputs: list[dict]) -> bool:
    """Whether files are the open codes of the project itself, as they were last written."""
    outputs = (recorded(project_dir, OPEN) or {}).get("outputs")
    return isinstance(outputs, dict) and all(file["sha256"] in outputs.values() for file in inputs)


def _remove(project_dir: Path, step: str) -> None:
    """Removes what a step made, and what rests on it; refuses while another process works on it,
    or batches are under way that were paid for."""
    with ExitStack() as stack:
        for removed in (OPEN, AXIAL) if step == OPEN else (AXIAL,):
            finished, submitted = project_dir / calls(removed), project_dir / batches(removed)
            if finished.exists():
                stack.enter_context(store.locked(finished, wait=False))
            if under_way := batch.open_batches(submitted):
                raise files.Refusal(f"{submitted}: {len(under_way)} batches are under way; collect "
                                    "them before (one that you cancel is collected too), or remove "
                                    "this file to give them up")
        for pattern in _MADE[step]:
            for path in project_dir.glob(pattern):
                path.unlink()


def is_made(project_dir: Path, step: str, path: Path) -> bool:
    """Whether a step writes this file of its project, or removes it when it begins anew."""
    real = path.resolve()
    return real.parent == project_dir.resolve() and any(map(real.match, _MADE[step]))


def recorded(project_dir: Path, step: str) -> dict | None:
    """What the manifest says of a step, if it was begun."""
    return manifest.entries(project_dir).get(step)


def _differences(step_record: Mapping[str, Any], settings: Mapping[str, Any],
                 inputs: list[dict]) -> list[str]:
    before = step_record["settings"]
    differences = [f"{name} was {before.get(name)!r}, is {settings.get(name)!r}"
                   for name in {**before, **settings} if before.get(name) != settings.get(name)]
    earlier, now = ([file["sha256"] for file in read]
                    for read in (step_record.get("inputs") or [], inputs))
    return differences + (["the input is not the same"] if earlier != now else [])


@contextmanager
def logged(project_dir: Path, stage: str) -> Iterator[Path]:
    """A log file of this run, in which every call stands, without any text of a prompt; what is
    more than detail goes to stderr too."""
    path = project_dir / "logs" / f"{stage}_{datetime.now(UTC):%Y%m%d_%H%M%S}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    detail, brief = logging.FileHandler(path, encoding="utf-8"), logging.StreamHandler(_Console())
    detail.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    detail.handleError = lambda record: None  # a full disk: the files that matter are named
    brief.setLevel(logging.INFO)
    ours = logging.getLogger(LOG)
    ours.setLevel(logging.DEBUG)
    ours.propagate = False
    ours.addFilter(_safe)
    for handler in (detail, brief):
        ours.addHandler(handler)
    try:
        yield path
    finally:
        for handler in (detail, brief):
            ours.removeHandler(handler)
        with suppress(OSError):
            detail.close()


def _safe(record: logging.LogRecord) -> bool:
    """Makes a line of a log safe for a terminal, and short."""
    text = secret.scrubbed(" ".join(clean.visible(record.getMessage()).split()))
    record.msg, record.args = text[:_LONGEST_LINE], ()
    return True


class _Console:
    """Stderr as it is now, in which a progress bar may stand."""

    def write(self, text: str) -> None:
        """Writes above the bar."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr, end="")

    def flush(self) -> None:
        """Nothing is held back."""

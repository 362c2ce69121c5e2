"""manifest.json: what each step read and wrote, with which settings and versions, in the order in
which they ran. The only data file with times in it, and what the others are proved against: it has
the hash of every input and output."""

import json
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Required, TypedDict

from failure_analysis import clean, facts, files, results, steps, store
from failure_analysis.steps import Step

NAME = "manifest.json"
_TODO = f"run {steps.BUILD.script} --force, which puts it aside"


class Fault(NamedTuple):
    """A file that is not what the manifest says, and what to do about it."""

    name: str
    why: str


class _Input(TypedDict, total=False):
    path: Required[str]
    sha256: Required[str]
    run: str | None
    format: str


class _Entry(TypedDict, total=False):
    settings: Required[dict[str, Any]]
    outputs: dict[str, str] | list[str] | None
    reads: dict[str, str]
    inputs: list[_Input]


class _Manifest(TypedDict, total=False):
    steps: Required[dict[str, _Entry]]
    writing: list[str]


def record(
    analysis_dir: Path,
    step: str,
    settings: Mapping[str, Any],
    outputs: Iterable[str],
    inputs: list | None = None,
    reads: Mapping[str, str] | None = None,
    hashes: Mapping[str, str] | None = None,
) -> None:
    """Puts a step's entry at the end, in the place of its earlier one; steps that ran before stay.
    Of the outputs those count that are there. `reads` are the files of the folder that it was made
    from, as `proved` gives them; `hashes` are those of outputs that are known already."""
    hashes, outputs = hashes or {}, tuple(outputs)
    with store.alone(analysis_dir):
        ran = entries(analysis_dir)
        ran.pop(step, None)
        ran[step] = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": dict(settings),
            "versions": _versions(),
            "outputs": {name: hashes.get(name) or _hash(analysis_dir, step, name)
                        for name in sorted(outputs) if (analysis_dir / name).exists()},
            **({"reads": dict(reads)} if reads is not None else {}),
            **({"inputs": inputs} if inputs is not None else {}),
        }
        _write(analysis_dir, ran, [name for name in writing(analysis_dir) if name not in outputs])


def begin(analysis_dir: Path, outputs: Iterable[str]) -> None:
    """Says that a step writes these files from here on, until `record`: what it leaves of them when
    it is killed is ours."""
    with store.alone(analysis_dir):
        _write(analysis_dir, entries(analysis_dir), {*writing(analysis_dir), *outputs})


def writing(analysis_dir: Path) -> list[str]:
    """The files that a step had begun to write and was killed before it could say so."""
    path = analysis_dir / NAME
    return _load(path).get("writing", []) if path.exists() else []


def _write(analysis_dir: Path, ran: Mapping[str, dict], begun: Iterable[str]) -> None:
    begun = {"writing": sorted(begun)} if begun else {}
    store.write_json(analysis_dir / NAME, {"steps": ran, **begun})


def _load(path: Path) -> dict[str, Any]:
    return results.read(path, _Manifest, steps.BUILD.script, _TODO)


def entries(analysis_dir: Path) -> dict[str, dict[str, Any]]:
    """The steps that ran, by name, in their order; none where there is no manifest. Refuses a
    damaged one. An earlier version named the outputs without their hashes: such a one is blank."""
    path = analysis_dir / NAME
    ran = _load(path)["steps"] if path.exists() else {}
    for entry in ran.values():
        if not isinstance(entry.get("outputs"), dict):
            entry["outputs"] = dict.fromkeys(entry.get("outputs") or (), "")
        # A folder may come from elsewhere: what its manifest names outside it is none of ours.
        for name in map(Path, (*entry["outputs"], *entry.get("reads", ()))):
            if name.is_absolute() or ".." in name.parts:
                raise files.Refusal(f"{path}: names {name}, which is outside the folder; run "
                                    f"{steps.BUILD.script} again")
    return ran


def check_shape(path: Path, value: Any, shape: type) -> None:
    """Refuses a manifest in which a value has not the shape that `record` gives it."""
    if fault := results.unlike(value, shape):
        raise files.Refusal(f"{path}: {fault} (damaged, or of another version); {_TODO}")


def settings(analysis_dir: Path, step: str, shape: Any = dict) -> dict[str, Any]:
    """What a step was run with, in the shape that its reader relies on; empty when it has not
    run."""
    ran = entries(analysis_dir)
    if step not in ran:
        return {}
    check_shape(analysis_dir / NAME, ran[step]["settings"], shape)
    return ran[step]["settings"]


def proved(analysis_dir: Path, names: Iterable[str]) -> dict[str, str]:
    """The hashes of the files that a step is about to read, of those that are there; refuses one
    that is not as its step wrote it."""
    hash_of = written(entries(analysis_dir))
    names = dict.fromkeys(names)
    if steps.OUTCOMES in names:
        names[steps.LONG] = None  # the rest of its longest cells
    hashes = {name: files.sha256(analysis_dir / name) for name in names
             if (analysis_dir / name).exists()}
    for name, hash_ in hashes.items():
        if hash_of.get(name, hash_) != hash_:
            place, why = _changed(analysis_dir / name)
            raise files.Refusal(f"{analysis_dir / name}{place}: {why}")
    return hashes


def replace_output(analysis_dir: Path, step: Step, names: Iterable[str]) -> None:
    """Tells the manifest that some of a step's outputs were written anew, by it or, before it ran,
    by another step that needed them."""
    with store.alone(analysis_dir):
        ran = entries(analysis_dir)
        entry = ran.setdefault(step.name, {"settings": {}, "outputs": {}})
        entry["outputs"] |= {name: files.sha256(analysis_dir / name)
                             for name in names if (analysis_dir / name).exists()}
        _write(analysis_dir, ran, writing(analysis_dir))


def outputs(analysis_dir: Path, step: Step) -> dict[str, str] | None:
    """What a step wrote, with its hashes; None when it has not run, or the manifest cannot tell."""
    try:
        return entries(analysis_dir).get(step.name, {}).get("outputs")
    except files.Refusal:
        return None


def remove_derived(analysis_dir: Path) -> list[str]:
    """Removes what was made from an earlier packet, and its entries; returns the names. What the
    audit was given by people stays: it is of the benchmark, not of a packet."""
    ran = entries(analysis_dir)
    kept = ran.get(steps.AUDIT.name, {}).get("settings")
    names = {name for step in steps.DERIVED
             for name in ran.pop(step.name, {}).get("outputs", ())}
    gone = sorted(name for name in names - set(steps.BUILD.writes)
                  if (analysis_dir / name).is_file())
    for name in gone:
        (analysis_dir / name).unlink()
    if kept:
        ran[steps.AUDIT.name] = {"settings": kept, "outputs": {}}
    if (analysis_dir / NAME).exists():
        _write(analysis_dir, ran, writing(analysis_dir))
    return gone


def faults(analysis_dir: Path) -> Iterator[Fault]:
    """Files that are not as the step that wrote them last left them, steps that were made from
    other files than those that are there, and files that no step of the manifest wrote."""
    ran = entries(analysis_dir)
    if steps.BUILD.name not in ran:
        yield Fault(NAME, f"no {steps.BUILD.script} in it; run it again")
        return
    hash_of = written(ran)
    for name, hash_ in sorted(hash_of.items()):
        if not (analysis_dir / name).exists():
            yield Fault(name, f"it is gone; run {_maker(name)} again")
        elif files.sha256(analysis_dir / name) != hash_:
            place, why = _changed(analysis_dir / name)
            yield Fault(f"{name}{place}", why)
    for step in steps.STEPS:
        entry = ran.get(step.name, {})
        if step.facts is not None:
            yield from _fact_faults(analysis_dir, step, entry.get("outputs", {}))
        for name, hash_ in entry.get("reads", {}).items():
            if hash_of.get(name) != hash_:
                yield Fault(name, f"{step.script} was run over another one; run it again")
        for name in step.writes:
            if step not in steps.UNPROVED and name not in (*hash_of, steps.FACTS) \
                    and (analysis_dir / name).exists():
                yield Fault(name, f"no step of {NAME} wrote it; remove it, or run {step.script}")


def _fact_faults(analysis_dir: Path, step: Step, written: Mapping[str, str]) -> Iterator[Fault]:
    """A step's part of the facts that is not as it left it, or that it never wrote."""
    mine = facts.part(facts.load(analysis_dir), step.name)
    if steps.FACTS not in written and mine:
        yield Fault(steps.FACTS, f"{min(mine)} and the like are facts of {step.script}, which did "
                                 "not write them; run it, or build_packet.py")
    elif written.get(steps.FACTS) not in (None, facts.digest(mine, step.name)):
        yield Fault(steps.FACTS, f"its part that {step.script} wrote was changed; run it again")


def written(ran: Mapping[str, dict]) -> dict[str, str]:
    """File -> its hash when a step of the analysis wrote it last. Without the facts, of which each
    step owns a part, and what the check itself writes."""
    ours = {step.name for step in steps.STEPS if step not in steps.UNPROVED}
    return {name: hash_ for step, entry in ran.items() if step in ours
            for name, hash_ in entry["outputs"].items() if name != steps.FACTS}


def _hash(analysis_dir: Path, step: str, name: str) -> str:
    """The hash of an output: of the file, or of the step's own part of the facts."""
    if name == steps.FACTS:
        return facts.digest(facts.load(analysis_dir), step)
    return files.sha256(analysis_dir / name)


def _changed(path: Path) -> tuple[str, str]:
    """(`:line` where one cannot be read, what is said) of a file that is not as its step wrote
    it."""
    line, reason = _first_wrong(path)
    todo = f"run {_maker(path.name)} again"
    if line:
        return f":{line}", f"changed since it was written, and {reason}; {todo}"
    return "", f"changed since it was written: not the content that {NAME} knows; {todo}"


def _first_wrong(path: Path) -> tuple[int, str]:
    """The first line of a file that cannot be read as what its name says, and why; 0 where all
    can."""
    try:
        if path.suffix == ".jsonl":
            for number, _, _, reason, _ in files.json_lines(path):
                if reason:
                    return number, reason
        elif path.suffix == ".json":
            json.loads(files.read_bytes(path))
        elif path.suffix == ".csv":
            for _ in clean.csv_cells(path, (), _maker(path.name)):
                pass
        elif path.suffix in (".md", ".yaml"):
            files.read_text(path)
    except json.JSONDecodeError as error:
        return error.lineno, f"not valid JSON ({error.msg})"
    except UnicodeDecodeError as error:
        return 1 + error.object.count(b"\n", 0, error.start), "not UTF-8"
    except RecursionError:
        return 1, "nested too deeply"
    except files.Refusal as refusal:
        line, _, reason = str(refusal).removeprefix(f"{path}:").partition(": ")
        return int(line) if line.isdecimal() else 0, reason.partition("; ")[0]
    return 0, ""


def _maker(name: str) -> str:
    """The script that makes a file anew: of several that write it, the first in the flow."""
    return next((step.script for step in steps.STEPS if name in step.writes),
                steps.DIAGNOSE.script)


def _versions() -> dict[str, str]:
    """Python and those of our packages that this process has loaded."""
    versions = {"python": platform.python_version()}
    for package in ("matplotlib", "msgspec", "numpy", "openai", "pydantic", "scipy"):
        if package in sys.modules:
            versions[package] = sys.modules[package].__version__
    return versions

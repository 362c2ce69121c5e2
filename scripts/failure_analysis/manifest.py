"""manifest.json: what each step read and wrote, with which settings and versions, in the order in
which they ran. The only data file with times in it, and what the others are proved against: it has
the hash of every input and output."""

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import facts, files, steps
from failure_analysis.steps import Step

NAME = "manifest.json"


class Fault(NamedTuple):
    """A file that is not what the manifest says, and what to do about it."""

    name: str
    why: str


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
    hashes = hashes or {}
    known = entries(analysis_dir)
    known.pop(step, None)
    known[step] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": dict(settings),
        "versions": _versions(),
        "outputs": {name: hashes.get(name) or _hash(analysis_dir, step, name)
                    for name in sorted(outputs) if (analysis_dir / name).exists()},
        **({"reads": dict(reads)} if reads is not None else {}),
        **({"inputs": inputs} if inputs is not None else {}),
    }
    files.write_json(analysis_dir / NAME, {"steps": known})


def entries(analysis_dir: Path) -> dict[str, dict[str, Any]]:
    """The steps that ran, by name, in their order; none where there is no manifest. Refuses a
    damaged one. An earlier version named the outputs without their hashes: such a one is blank."""
    path = analysis_dir / NAME
    document = files.read_json(path) if path.exists() else {"steps": {}}
    known = document.get("steps") if isinstance(document, dict) else None
    if not isinstance(known, dict) or not all(
            isinstance(entry, dict) and isinstance(entry.get("settings"), dict)
            for entry in known.values()):
        raise files.Refusal(f"{path}: damaged; run {steps.BUILD.script} again")
    for entry in known.values():
        if not isinstance(entry.get("outputs"), dict):
            entry["outputs"] = dict.fromkeys(entry.get("outputs") or (), "")
    return known


def settings(analysis_dir: Path, step: str) -> dict[str, Any]:
    """What a step was run with; empty when it has not run."""
    return entries(analysis_dir).get(step, {}).get("settings", {})


def proved(analysis_dir: Path, names: Iterable[str]) -> dict[str, str]:
    """The hashes of the files that a step is about to read, of those that are there; refuses one
    that is not as its step wrote it."""
    written = _written(entries(analysis_dir))
    found = {}
    for name in names:
        if not (analysis_dir / name).exists():
            continue
        found[name] = files.sha256(analysis_dir / name)
        step, hash_ = written.get(name, (None, found[name]))
        if hash_ != found[name]:
            raise files.Refusal(f"{analysis_dir / name}: changed since {_script(step)} wrote it; "
                                f"run {_script(step)} again")
    return found


def replace_output(analysis_dir: Path, step: Step, names: Iterable[str]) -> None:
    """Tells the manifest that a step has written some of its outputs anew."""
    known = entries(analysis_dir)
    if step.name in known:
        known[step.name]["outputs"] |= {name: files.sha256(analysis_dir / name) for name in names
                                        if (analysis_dir / name).exists()}
        files.write_json(analysis_dir / NAME, {"steps": known})


def outputs(analysis_dir: Path, step: Step) -> dict[str, str] | None:
    """What a step wrote, with its hashes; None when it has not run, or the manifest cannot tell."""
    try:
        return entries(analysis_dir).get(step.name, {}).get("outputs")
    except files.Refusal:
        return None


def remove_derived(analysis_dir: Path) -> list[str]:
    """Removes what was made from an earlier packet, and its entries; returns the names. A manifest
    that cannot be read goes too."""
    try:
        known = entries(analysis_dir)
    except files.Refusal:
        (analysis_dir / NAME).unlink()
        known = {}
    names = {name for step in steps.DERIVED
             for name in (*step.writes, *known.pop(step.name, {}).get("outputs", ()))}
    gone = sorted(name for name in names - set(steps.BUILD.writes)
                  if (analysis_dir / name).exists())
    for name in gone:
        (analysis_dir / name).unlink()
    if (analysis_dir / NAME).exists():
        files.write_json(analysis_dir / NAME, {"steps": known})
    return gone


def faults(analysis_dir: Path) -> Iterator[Fault]:
    """Files that are not as the step that wrote them last left them, steps that were made from
    other files than those that are there, and files that no step of the manifest wrote."""
    known = entries(analysis_dir)
    if steps.BUILD.name not in known:
        yield Fault(NAME, f"no {steps.BUILD.script} in it; run it again")
        return
    written = _written(known)
    for name, (step, hash_) in sorted(written.items()):
        if step != steps.CHECK.name:
            yield from _file_faults(analysis_dir, step, name, hash_)
    for step in steps.STEPS:
        entry = known.get(step.name, {})
        if step.facts is not None:
            yield from _fact_faults(analysis_dir, step, entry.get("outputs", {}))
        for name, hash_ in entry.get("reads", {}).items():
            if written.get(name, ("", None))[1] != hash_:
                yield Fault(name, f"{step.script} was run over another one; run it again")
        for name in step.writes:
            if step != steps.CHECK and name not in (*written, steps.FACTS) \
                    and (analysis_dir / name).exists():
                yield Fault(name, f"no step of {NAME} wrote it; remove it, or run {step.script}")


def _file_faults(analysis_dir: Path, step: str, name: str, hash_: str) -> Iterator[Fault]:
    if not (analysis_dir / name).exists():
        yield Fault(name, f"{_script(step)} wrote it and it is gone; run it again")
    elif files.sha256(analysis_dir / name) != hash_:
        yield Fault(name, f"changed since {_script(step)} wrote it; run it again")


def _fact_faults(analysis_dir: Path, step: Step, written: Mapping[str, str]) -> Iterator[Fault]:
    """A step's part of the facts that is not as it left it, or that it never wrote."""
    mine = facts.part(facts.load(analysis_dir), step.name)
    if steps.FACTS not in written and mine:
        yield Fault(steps.FACTS, f"{min(mine)} and the like are facts of {step.script}, which did "
                                 "not write them; run it, or build_packet.py")
    elif written.get(steps.FACTS) not in (None, facts.digest(mine, step.name)):
        yield Fault(steps.FACTS, f"its part that {step.script} wrote was changed; run it again")


def _written(known: Mapping[str, dict]) -> dict[str, tuple[str, str]]:
    """File -> the step of the analysis that wrote it last, and its hash then. The facts, of which
    each step owns a part, are proved by step."""
    ours = {step.name for step in steps.STEPS}
    return {name: (step, hash_) for step, entry in known.items() if step in ours
            for name, hash_ in entry["outputs"].items() if name != steps.FACTS}


def _hash(analysis_dir: Path, step: str, name: str) -> str:
    """The hash of an output: of the file, or of the step's own part of the facts."""
    if name == steps.FACTS:
        return facts.digest(facts.load(analysis_dir), step)
    return files.sha256(analysis_dir / name)


def _script(step: str) -> str:
    return next((one.script for one in steps.STEPS if one.name == step), step)


def _versions() -> dict[str, str]:
    """Python and those of our packages that this process has loaded."""
    versions = {"python": platform.python_version()}
    for package in ("matplotlib", "msgspec", "numpy", "openai", "pydantic", "scipy"):
        if package in sys.modules:
            versions[package] = importlib.metadata.version(package)
    return versions

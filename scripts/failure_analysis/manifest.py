"""manifest.json: what each step read and wrote, with which settings and versions. The only data
file with times in it."""

import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failure_analysis import files

NAME = "manifest.json"


def record(
    analysis_dir: Path,
    step: str,
    settings: Mapping[str, Any],
    outputs: list[str],
    inputs: list | None = None,
) -> None:
    """Adds or replaces one step's entry; steps that ran earlier stay."""
    path = analysis_dir / NAME
    known = files.read_json(path) if path.exists() else {}
    steps = known.get("steps", {}) if isinstance(known, dict) else {}
    steps[step] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": dict(settings),
        "versions": _versions(),
        "outputs": sorted(outputs),
        **({"inputs": inputs} if inputs is not None else {}),
    }
    files.write_json(path, {"steps": dict(sorted(steps.items()))})


def settings(analysis_dir: Path, step: str) -> dict[str, Any]:
    """What a step was run with; empty when it has not run."""
    path = analysis_dir / NAME
    if not path.exists():
        return {}
    known = files.read_json(path)
    steps = known.get("steps") if isinstance(known, dict) else None
    entry = steps.get(step, {}) if isinstance(steps, dict) else None
    found = entry.get("settings", {}) if isinstance(entry, dict) else None
    if not isinstance(found, dict):
        raise files.Refusal(f"{path}: damaged; run build_packet.py again")
    return found


def _versions() -> dict[str, str]:
    """Python and those of our packages that this process has loaded."""
    versions = {"python": platform.python_version()}
    for package in ("matplotlib", "msgspec", "numpy", "openai", "pydantic", "scipy"):
        if package in sys.modules:
            versions[package] = importlib.metadata.version(package)
    return versions

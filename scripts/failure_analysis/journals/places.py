"""Where agent journals lie: what their folders name, and the agent's settings beside them."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files
from failure_analysis.patterns import re_compile

# What agents call their journals; also journal.json.gz and filtered_journal.json.
FILE_NAME = re_compile(r"(?:[\w.-]*[_.-])?journal(?:[_.-][\w.-]*)?\.json(?:\.gz|\.zst)?", re.I)
MAIN, FILTERED = "journal.json", "filtered_journal.json"
CONFIG = "config.yaml"
_MOST_CONFIG = 1 << 20
_SETTINGS = {"goal": ("goal",), "code model": ("agent", "code", "model"),
             "feedback model": ("agent", "feedback", "model"), "step limit": ("agent", "steps"),
             "time limit": ("exec", "timeout")}
_RUN = re_compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d.*|run-group[_-].+")
_TASK = re_compile(r"(?P<task>.+)_(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})",
                   re.I)
_EXPERIMENT = re_compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?P<idea>.+)_attempt_\d+")
# Folders that name neither a run nor a task.
_PLAIN = re_compile(r"logs?|outputs?|runs?|exp|0-run|workspaces?|artifacts?|results?|journals?",
                    re.I)


class Place(NamedTuple):
    """One journal on disk and what its folders say: the run, the domain (if any), the task.
    `spare` is the filtered copy beside it, read only if the journal itself is damaged."""

    path: Path
    run_folder: Path
    run: str
    domain: str | None
    task: str
    spare: Path | None = None

    @property
    def title(self) -> str:
        """Domain and task."""
        return f"{self.domain}/{self.task}" if self.domain else self.task


def find(root: Path) -> list[Place]:
    """Every journal in a file or below a folder, in the order of the paths."""
    if root.is_file():
        return [locate(root, root.parent)]
    by_real_path: dict[str, Path] = {}
    for folder, below, names in os.walk(root):
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if FILE_NAME.fullmatch(name) and path.is_file():
                by_real_path.setdefault(os.path.realpath(path), path)
    paths = sorted(by_real_path.values())
    by_name = {(path.parent, files.bare_name(path)): path for path in paths}
    spares = {folder: path for (folder, name), path in by_name.items()
              if name == FILTERED and (folder, MAIN) in by_name}
    return [locate(path, root)._replace(
        spare=spares.get(path.parent) if files.bare_name(path) == MAIN else None)
        for path in paths if spares.get(path.parent) != path]


def is_journal_below(root: Path) -> bool:
    """Whether a folder holds a file with a journal's name."""
    return any(FILE_NAME.fullmatch(name) for _, _, names in os.walk(root) for name in names)


def locate(path: Path, root: Path) -> Place:
    """Run, domain and task from the folders: the biomlbench tree
    (`<run>/…/<domain>/<task>_<uuid>/logs/<name>/`) and AI-Scientist-v2 experiments are known;
    elsewhere the first folder below `root` is the run, the last the task, logs and such aside."""
    here, root = path.absolute().parent, root.absolute()
    above = [here, *here.parents]
    inside = [folder for folder in reversed(above) if folder.is_relative_to(root)]
    named = [folder for folder in (*inside[1:], root, *root.parents)
             if folder.name and not _PLAIN.fullmatch(folder.name)]
    experiment = next((folder for folder in above if _EXPERIMENT.fullmatch(folder.name)), None)
    if experiment:
        idea = _EXPERIMENT.fullmatch(experiment.name)["idea"]
        stage = "" if here == experiment or _PLAIN.fullmatch(here.name) else f"/{here.name}"
        return Place(path, experiment, experiment.name, None, idea + stage)
    run = next((folder for folder in above if _RUN.fullmatch(folder.name)), [*named, root][0])
    folder = next((parent for parent in above if parent.is_relative_to(run)
                   and _TASK.fullmatch(parent.name)), None)
    if folder:
        domain = folder.parent.name if folder.parent != run and run in folder.parents else None
        return Place(path, run, run.name, domain, _TASK.fullmatch(folder.name)["task"])
    logs = next((parent for parent in above if parent.name == "logs" and run in parent.parents),
                None)
    if logs and logs.parent != run and not _PLAIN.fullmatch(logs.parent.name):
        return Place(path, run, run.name, None, logs.parent.name)
    last = next((parent for parent in above if run in parent.parents
                 and not _PLAIN.fullmatch(parent.name)), run)
    return Place(path, run, run.name, None, last.name)


def config(place: Place) -> dict[str, str]:
    """What the agent's config.yaml beside a journal says of the search, as far as it says it: goal,
    code model, feedback model, step limit, time limit. Blank where there is none to read."""
    import yaml

    class Plain(yaml.SafeLoader):
        """YAML in which Python objects, which AIDE writes for paths, are no more than nulls."""

    Plain.add_multi_constructor("", lambda loader, suffix, node: None)
    path = place.path.with_name(CONFIG)
    try:
        if not path.is_file() or path.stat().st_size > _MOST_CONFIG:
            return {}
        document = yaml.load(path.read_bytes(), Plain)  # noqa: S506 (a SafeLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    settings = {}
    for name, keys in _SETTINGS.items():
        value = document
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str | int | float):
            settings[name] = str(value)
    return settings

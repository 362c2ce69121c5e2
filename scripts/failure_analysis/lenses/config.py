"""Dataset configs: what a dataset says of itself beyond its rows, checked."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from failure_analysis import clean, files, user_files


class Eval(NamedTuple):
    """One system under test: a model under fixed conditions."""

    eval_id: str
    model_name: str
    label: str
    tokenizer: Path | None = None
    template: str | None = None


class Config(NamedTuple):
    """What a dataset says of itself beyond its rows."""

    name: str
    path: Path
    evals: tuple[dict, ...] = ()
    tasks: dict[str, dict] = {}  # noqa: RUF012 (never written)
    params: dict[str, str] = {}  # noqa: RUF012
    fields: dict[str, str] = {}  # noqa: RUF012
    token_limit: float | None = None
    guess_rate: float | None = None
    mapping: Path | None = None


def load_config(path: Path, mapping: Path | None = None) -> Config:
    """The config of a dataset: the file itself where it is one, else what its path says."""
    if not path.exists():
        raise files.Refusal(f"{path}: no such dataset; give a dataset config (.json), samples "
                            "(.jsonl, .ndjson, .csv, .parquet), runs, or an analysis folder")
    if path.is_dir() or mapping or not files.bare_name(path).endswith(".json"):
        return Config(files.bare_name(path).split(".")[0], path, mapping=mapping)
    document = files.read_json(path)
    if not isinstance(document, dict) or "evals" not in document:
        return Config(path.stem, path)  # runs or samples in one document
    from failure_analysis.lenses.config_model import DatasetConfig

    document = user_files.load(path, DatasetConfig).model_dump(exclude_unset=True)
    _check_apart(path, document["evals"])
    tasks = document.get("tasks", {})
    for tier, members in document.get("tiers", {}).items():
        for task in members:
            tasks.setdefault(task, {})["tier"] = tier
    return Config(document.get("name", path.stem), path, tuple(document["evals"]), tasks,
                  document.get("params", {}), document.get("fields", {}),
                  document.get("token_limit"), document.get("guess_rate"))


def check_against(config: Config, used: set[int], tasks: Iterable[str], params: Iterable[str]
                  ) -> None:
    """Refuses a config that speaks of what no judged row has: an eval (`used` are the places of
    those that have rows), a task, a parameter."""
    for place, eval_entry in enumerate(config.evals):
        if place not in used:
            chosen = f" or its where {eval_entry['where']}" if "where" in eval_entry else ""
            raise files.Refusal(f"{config.path}: evals[{place}] ({eval_entry['model_name']}) has "
                                f"no judged row; correct its files{chosen}")
    for key, named, there in (("tasks or tiers", config.tasks, list(tasks)),
                              ("params", config.params, list(params))):
        for name in named:
            if clean.visible(name) not in map(clean.visible, there):
                raise files.Refusal(f"{config.path}: {key}: no judged row has {name!r}; there are "
                                    f"{', '.join(map(clean.visible, there[:12])) or 'none'}")


def _check_apart(path: Path, evals: list[dict]) -> None:
    """Refuses two systems that reports could not tell apart."""
    seen: dict[tuple[str, str], int] = {}
    for place, system in enumerate(map(eval_of, evals)):
        for kind, name in (("eval_id", system.eval_id), ("label", system.label)):
            if (first := seen.setdefault((kind, name), place)) != place:
                raise files.Refusal(
                    f"{path}: evals[{first}] and evals[{place}] have one {kind}, {name}: give "
                    "each a label and an eval_id of its own, or, if they are one system, make "
                    "them one entry with a list of files")


def eval_of(eval_entry: dict) -> Eval:
    """An eval entry of the config, its id made from model and label where it has none."""
    model = str(eval_entry["model_name"])
    label = str(eval_entry.get("label") or model)
    ident = str(eval_entry.get("eval_id") or hashlib.sha256(label.encode()).hexdigest()[:6])
    tokenizer = eval_entry.get("tokenizer")
    return Eval(ident, model, label, Path(tokenizer) if tokenizer else None,
                eval_entry.get("template"))

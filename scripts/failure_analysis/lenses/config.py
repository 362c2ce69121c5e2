"""Dataset configs: what a dataset says of itself beyond its rows, checked."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.lenses.parameters import is_number

# Our field -> the names under which a row may carry it, the first that is there.
NAMES = {
    "eval_id": ("eval_id",), "model_name": ("model_name", "model"),
    "base_task": ("base_task", "task"), "tier": ("tier",), "item_id": ("item_id", "id"),
    "trial": ("trial", "run", "sample"), "params": ("params",), "outcome": ("outcome",),
    "correct": ("correct", "is_correct"), "extracted": ("extracted", "parsed_answer"),
    "finish_reason": ("finish_reason", "termination"), "truncated": ("truncated",),
    "tokens": ("completion_tokens",), "token_limit": ("token_limit", "max_tokens"),
    "guess_rate": ("guess_rate",), "prompt": ("prompt_text", "prompt", "user_text", "question"),
    "prompt_ids": ("prompt_token_ids",), "offsets": ("token_offsets",),
    "reasoning": ("reasoning_text", "reasoning", "thinking"),
    "response": ("response", "assistant_text", "output", "completion"),
    "reasoning_ids": ("reasoning_token_ids",), "ident": ("datapoint_id",),
}
# Those that are names or texts: no number, whatever they spell.
TEXTS = ("eval_id", "model_name", "base_task", "tier", "item_id", "trial", "extracted",
         "finish_reason", "outcome", "prompt", "reasoning", "response", "ident")
CONFIG_KEYS = ("name", "evals", "tasks", "tiers", "params", "fields", "token_limit", "guess_rate")
EVAL_KEYS = ("eval_id", "model_name", "label", "tokenizer", "files", "where", "token_limit",
             "template")
ROLES = ("difficulty", "confounder", "pair", "other")


class Eval(NamedTuple):
    """One system under test: a model under fixed conditions."""

    eval_id: str
    model_name: str
    label: str
    tokenizer: Path | None = None
    token_limit: float | None = None
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
                            "(.jsonl, .csv, .parquet), runs, or an analysis folder")
    if path.is_dir() or mapping or not files.bare_name(path).endswith(".json"):
        return Config(files.bare_name(path).split(".")[0], path, mapping=mapping)
    document = files.read_json(path)
    if not isinstance(document, dict) or "evals" not in document:
        return Config(path.stem, path)
    _check(path, document)
    evals, roles = tuple(document["evals"]), document.get("params", {})
    tasks = {name: dict(about) for name, about in document.get("tasks", {}).items()}
    for tier, members in document.get("tiers", {}).items():
        for task in members:
            tasks.setdefault(task, {})["tier"] = tier
    return Config(document.get("name", path.stem), path, evals, tasks, roles,
                  document.get("fields", {}), document.get("token_limit"),
                  document.get("guess_rate"))


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
            if files.visible(name) not in map(files.visible, there):
                raise files.Refusal(f"{config.path}: {key}: no judged row has {name!r}; there are "
                                    f"{', '.join(map(files.visible, there[:12])) or 'none'}")


def _check(path: Path, document: dict) -> None:
    """Refuses unknown keys and values of the wrong type or range, by name."""
    _check_object(path, "", document, CONFIG_KEYS)
    evals = document["evals"]
    if not isinstance(evals, list) or not evals:
        raise files.Refusal(f"{path}: evals is a list of at least one {{eval_id, model_name, "
                            "files}")
    for place, one in enumerate(evals):
        if not isinstance(one, dict) or "model_name" not in one or "files" not in one:
            raise files.Refusal(f"{path}: evals[{place}] needs model_name and files")
        _check_object(path, f"evals[{place}].", one, EVAL_KEYS)
    _check_apart(path, evals)
    for name, about in document.get("tasks", {}).items():
        if not isinstance(about, dict):
            raise files.Refusal(f"{path}: tasks.{name} is no object {{tier, guess_rate}}")
        _check_object(path, f"tasks.{name}.", about, ("tier", "guess_rate"))
    for name, members in document.get("tiers", {}).items():
        if not _is_texts(members):
            raise files.Refusal(f"{path}: tiers.{name} is no list of tasks")
    for name, role in document.get("params", {}).items():
        if role not in ROLES:
            raise files.Refusal(f"{path}: params.{name} is {role!r}; a role is one of "
                                f"{', '.join(ROLES)}")
    for name, column in document.get("fields", {}).items():
        if name not in NAMES or not isinstance(column, str):
            raise files.Refusal(f"{path}: fields.{name} is no field or its value no column; "
                                f"fields are {', '.join(NAMES)}")


def _check_object(path: Path, where: str, found: dict, known: tuple[str, ...]) -> None:
    """Refuses keys that are not known, then values of the wrong type or range."""
    for key in found:
        if key not in known:
            raise files.Refusal(f"{path}: unknown key {where}{key}; known are {', '.join(known)}")
    for key, value in found.items():
        if key in ("tasks", "tiers", "params", "fields", "where"):
            good, what = isinstance(value, dict), "an object"
        elif key == "token_limit":
            good, what = is_number(value) and value > 0, "a number above 0"
        elif key == "guess_rate":
            good, what = is_number(value) and 0 <= value < 1, "a share from 0 to below 1"
        elif key == "files":
            good, what = isinstance(value, str) or _is_texts(value), "a path or a list of paths"
        elif key == "evals":
            continue
        else:
            good, what = isinstance(value, str) and value != "", "a text"
        if not good:
            raise files.Refusal(f"{path}: {where}{key} is {repr(value)[:40]}; it is {what}")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


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
                eval_entry.get("token_limit"), eval_entry.get("template"))

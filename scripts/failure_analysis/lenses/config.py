"""Dataset configs: what a dataset says of itself beyond its rows, checked."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files

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
    _check_keys(path, "", document, CONFIG_KEYS)
    evals = document["evals"]
    if not isinstance(evals, list) or not evals:
        raise files.Refusal(f"{path}: evals is a list of at least one {{eval_id, model_name, "
                            "files}")
    for place, one in enumerate(evals):
        if not isinstance(one, dict) or "model_name" not in one or "files" not in one:
            raise files.Refusal(f"{path}: evals[{place}] needs model_name and files")
        _check_keys(path, f"evals[{place}].", one, EVAL_KEYS)
    roles = document.get("params", {})
    for name, role in roles.items():
        if role not in ROLES:
            raise files.Refusal(f"{path}: params.{name} is {role!r}; a role is one of "
                                f"{', '.join(ROLES)}")
    for name in document.get("fields", {}):
        if name not in NAMES:
            raise files.Refusal(f"{path}: fields.{name} is no field; known are "
                                f"{', '.join(NAMES)}")
    tasks = {name: dict(about) for name, about in document.get("tasks", {}).items()}
    for tier, members in document.get("tiers", {}).items():
        for task in members:
            tasks.setdefault(task, {})["tier"] = tier
    return Config(str(document.get("name", path.stem)), path, tuple(evals), tasks, roles,
                  document.get("fields", {}), document.get("token_limit"),
                  document.get("guess_rate"))


def _check_keys(path: Path, where: str, found: dict, known: tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            raise files.Refusal(f"{path}: unknown key {where}{key}; known are {', '.join(known)}")


def entry_of(entry: dict) -> Eval:
    """An eval entry of the config, its id made from model and label where it has none."""
    model = str(entry["model_name"])
    label = str(entry.get("label") or model)
    ident = str(entry.get("eval_id") or hashlib.sha256(label.encode()).hexdigest()[:6])
    tokenizer = entry.get("tokenizer")
    return Eval(ident, model, label, Path(tokenizer) if tokenizer else None,
                entry.get("token_limit"), entry.get("template"))

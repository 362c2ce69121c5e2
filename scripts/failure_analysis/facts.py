"""facts.json: every number that a report may state, under a stable key."""

import hashlib
import json
from collections.abc import Container, Mapping
from pathlib import Path

from failure_analysis import clean, files, results, steps, store
from failure_analysis.datapoint import safe_id

NAME = steps.FACTS
_PREFIXES = {step.name: step.facts for step in steps.STEPS if step.facts}


def key(*parts: str) -> str:
    """A fact's key. Names from runs stand in it, and keys stand in HTML comments and placeholders,
    so each part is made safe."""
    return "/".join(map(safe_id, parts))


def shown(key: str, value: int | float) -> str:
    """A fact as a report prints it: a p value as in the tables, nothing with an exponent."""
    if key.startswith("comparison/p_"):
        return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
    text = str(value)
    return f"{value:.4f}" if "e" in text else text


def joined(first: str, second: str, firsts: Container[str]) -> str:
    """Two keys as one. Where the first and a beginning of the second are another of the `firsts`,
    two pairs would have one key: the second then stands whole."""
    ends = [at for at, char in enumerate(f"{second}/") if char == "/"]
    if any(f"{first}/{second[:at]}" in firsts for at in ends):
        second = whole(second)
    return f"{first}/{second}"


def whole(name: str) -> str:
    """A key with its slashes gone and a mark of what it was."""
    return f"{name.replace('/', '_')}~{clean.mark(name)}"


def load(analysis_dir: Path) -> dict[str, int | float]:
    """The facts of an analysis folder; refuses when there are none yet."""
    path = files.needed(analysis_dir / NAME, steps.BUILD.script)
    return results.read(path, results.Facts, steps.BUILD.script)


def are_whole(analysis_dir: Path) -> bool:
    """Whether the facts are there and can be read."""
    try:
        load(analysis_dir)
    except files.Refusal:
        return False
    return True


def part(facts: Mapping[str, int | float], step: str) -> dict[str, int | float]:
    """The facts that a step owns: those with its prefix, or those with nobody's."""
    prefix = _PREFIXES.get(step)
    mine = (lambda name: name.startswith(prefix)) if prefix else \
        (lambda name: not name.startswith(tuple(_PREFIXES.values())))
    return {name: facts[name] for name in sorted(facts) if mine(name)}


def digest(facts: Mapping[str, int | float], step: str) -> str:
    """A hash of the facts that a step owns."""
    return hashlib.sha256(json.dumps(part(facts, step)).encode()).hexdigest()


def replace(analysis_dir: Path, step: steps.Step, facts: Mapping[str, int | float],
            alone: bool = False) -> None:
    """Puts one step's facts in the place of its earlier ones; `alone`: those of other steps go."""
    with store.alone(analysis_dir):
        values = {} if alone or not (analysis_dir / NAME).exists() else load(analysis_dir)
        mine = part(values, step.name)
        values = {**{name: value for name, value in values.items() if name not in mine}, **facts}
        store.write_json(analysis_dir / NAME, {name: values[name] for name in sorted(values)})

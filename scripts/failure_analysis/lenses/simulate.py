"""Worlds with known truth: samples whose cause of failure was put in, to learn the lenses by and
to measure how often their labels are right."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from failure_analysis import files, store

SECOND = (2, 3, 4)  # levels of `depth`
_FILLER = ("actually", "also", "the", "blue", "house", "was", "sold", "near", "a", "river")


@dataclass(frozen=True)
class World:
    """How samples come about. Accuracy is a falling sigmoid over difficulty; everything else is
    off unless a world turns it on."""

    says: str
    high: float = 0.92
    low: float = 0.92
    centre: float = 18.0
    width: float = 0.01
    jitter: float = 0.0  # spread of cell accuracies around .6
    tokens: float = 300.0  # median length at the middle level
    growth: float = 0.5  # of log length from the first to the last level
    spread: float = 0.35
    limit: float = 4096.0
    wrong_longer: float = 1.0
    wrong_words: int = 0  # vocabulary of wrong traces (0: like correct ones)
    wrong_copies: float = 0.0  # share of phrases that wrong traces say again
    loops: float = 0.0  # share of failures that end in a loop, at the limit
    spelling: float = 1.0  # odds ratio of failure of irregularly spelled prompts
    tau: float = 0.0  # tokens after which the odds of a wrong answer change
    tau_odds: float = 1.0
    slope: float = 0.0  # of the log odds of a wrong answer on log tokens
    hidden: float = 0.0  # spread of item difficulty, which drives length and error
    runs: int = 1
    no_answer: float = 0.0  # share of wrong ones without an answer
    wrong_gold: float = 0.0  # share of verdicts turned over
    confounder: bool = False  # each prompt with distractors inside, and appended
    levels: tuple[int, ...] = tuple(range(8, 25, 2))


_GRADUAL = {"high": 0.92, "low": 0.25, "centre": 16.0, "width": 3.5}
_LEFT = {"high": 0.9, "low": 0.15, "centre": 17.0, "width": 0.05}
WORLDS: dict[str, World] = {
    "healthy": World("no failure to speak of in the tested range", high=0.985, low=0.985),
    "accuracy_cliff": World("accuracy drops between length 16 and 18", **_LEFT),
    "gradual_decline": World("accuracy falls smoothly with length", **_GRADUAL),
    "uniform_failure": World("everything fails alike", high=0.1, low=0.1),
    "truncation": World("traces grow past the token limit; finished answers stay right",
                        growth=2.2, limit=520.0, spread=0.4),
    "chaotic": World("accuracy jumps from cell to cell", jitter=0.27, runs=1),
    "peak_collapse": World("distractors inside a prompt hide its rhythm", confounder=True,
                           **_GRADUAL),
    "tokenization": World("irregularly cut numbers fail six times as often (odds)",
                          high=0.85, low=0.5, width=3.0, spelling=6.0),
    "clean": World("spelling varies and does not matter", high=0.7, low=0.45, width=3.0),
    "underthink": World("wrong traces stop early and say little", wrong_longer=0.5,
                        wrong_words=90, **_GRADUAL),
    "overthink": World("wrong traces go on and repeat themselves", wrong_longer=1.9,
                       wrong_copies=0.45, **_GRADUAL),
    "long_search": World("wrong traces are longer, and no poorer", wrong_longer=1.7, **_GRADUAL),
    "loops": World("half of the failures end in a loop", loops=0.5, limit=1024.0, **_GRADUAL),
    "early": World("quick answers are the wrong ones", slope=-2.0, high=0.6, low=0.6),
    "delayed": World("the odds of an error climb smoothly with tokens", slope=2.0, high=0.6,
                     low=0.6),
    "threshold": World("after 320 tokens the odds of an error are five times as high", tau=320.0,
                       tau_odds=5.0, high=0.75, low=0.75, growth=0.0),
    "constant": World("length says nothing of correctness", high=0.55, low=0.55),
    "working_memory": World("a cliff at length 18, with long repetitive failures behind it",
                            wrong_longer=1.7, wrong_copies=0.4, **_LEFT),
    "capability": World("accuracy falls; traces of failures look like the others", **_GRADUAL),
}

PAIRS = {
    "fine_tune": ("a base model and a tuned one that stops thinking early",
                  {"base-model": replace(WORLDS["gradual_decline"], centre=19.0),
                   "finetuned-model": WORLDS["underthink"]}),
    "llama_qwen": ("one model holds out longer, the other loops",
                   {"llama-3.3-70b": replace(WORLDS["overthink"], centre=19.0),
                    "qwen-2.5-72b": WORLDS["loops"]}),
}


def write(name: str, out: Path, per_cell: int, seed: int) -> dict[str, Any]:
    """Writes a world as a dataset config and its samples beside it."""
    if name in PAIRS:
        says, systems = PAIRS[name]
    elif name in WORLDS:
        says, systems = WORLDS[name].says, {"simulated-model": WORLDS[name]}
    else:
        raise files.Refusal(f"{name}: no such world; there are {', '.join((*WORLDS, *PAIRS))}")
    return write_worlds(says, systems, out, per_cell, seed)


def write_worlds(says: str, systems: dict[str, World], out: Path, per_cell: int, seed: int
                 ) -> dict[str, Any]:
    """The same for worlds that are given; systems share their items."""
    evals, total = [], 0
    for place, (model, world) in enumerate(systems.items()):
        path = out.with_name(f"{out.stem}.{model}.jsonl")
        with store.atomic(path) as file:
            for row in rows(world, per_cell, seed, place):
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                total += 1
        evals.append({"eval_id": f"sim{place}", "model_name": model, "label": model,
                      "files": [path.name]})
    confounded = any(world.confounder for world in systems.values())
    store.write_json(out, {
        "name": out.stem, "evals": evals, "tasks": {"arithmetic": {"tier": "simulated"}},
        "params": {"length": "difficulty", "depth": "difficulty",
                   **({"place": "confounder", "pair": "pair"} if confounded else {})}})
    return {"says": says, "samples": total, "evals": len(evals), "dataset": out.as_posix()}


def rows(world: World, per_cell: int, seed: int, system: int = 0) -> Iterator[dict[str, Any]]:
    """The samples of one system; `system` changes answers, never items."""
    items = np.random.default_rng([seed, 0])
    rng = np.random.default_rng([seed, 1, system])
    words = _Words(np.random.default_rng(7))
    for length, depth in product(world.levels, SECOND):
        left = expit((world.centre - 0.6 * (depth - 3) - length) / world.width)
        right = np.clip(0.6 + rng.normal(0, world.jitter) if world.jitter else
                        world.low + (world.high - world.low) * left, 0.03, 0.97)
        for number in range(per_cell):
            item, odd = f"L{length}-D{depth}-{number:03d}", items.random() < 0.4
            numbers, hard = items.integers(10, 99, length), items.normal()
            for run in range(world.runs):
                sample = _sample(world, length, right, odd, hard, rng, words)
                for place in ("inside", "appended") if world.confounder else (None,):
                    paired = {"place": place, "pair": item} if place else {}
                    yield {"item_id": item, "run": run, "base_task": "arithmetic",
                           "params": {"length": length, "depth": depth, **paired},
                           **_prompt(numbers, odd, place), **sample}


def _sample(world: World, length: int, right: float, odd: bool, hard: float,
            rng: np.random.Generator, words: "_Words") -> dict[str, Any]:
    """One answer: its length, outcome and trace."""
    at = (length - world.levels[0]) / (world.levels[-1] - world.levels[0]) - 0.5
    log_t = np.log(world.tokens) + world.growth * at + world.spread * (
        rng.normal() + world.hidden * hard)
    odds = -logit(right) + world.hidden * hard + world.slope * (log_t - np.log(world.tokens))
    # Irregular prompts are 4 in 10; the rest is eased so that the level keeps its accuracy.
    odds += np.log(world.spelling) * (odd - 0.4)
    if world.tau:
        odds += np.log(world.tau_odds) * (np.exp(log_t) > world.tau)
    wrong = rng.random() < expit(odds)
    size = np.exp(log_t) * (world.wrong_longer if wrong else 1.0)
    looped = wrong and rng.random() < world.loops
    if looped:
        size = world.limit
    cut = size >= world.limit
    size = int(min(max(size, 20), world.limit))
    text = words.trace(size, wrong, looped, world, rng)
    if not cut and rng.random() < world.wrong_gold:
        wrong = not wrong
    outcome = "truncated" if cut else "correct" if not wrong else \
        "no_answer" if rng.random() < world.no_answer else "wrong"
    return {"reasoning_text": text, "completion_tokens": size, "outcome": outcome,
            "finish_reason": "length" if cut else "stop", "token_limit": world.limit}


class _Words:
    """Made-up words with the frequencies of a language."""

    def __init__(self, rng: np.random.Generator) -> None:
        syllables = ["ka", "lo", "mi", "ren", "tus", "va", "shi", "dor", "pel", "un", "gra", "et"]
        self.words = np.array(sorted({"".join(rng.choice(syllables, rng.integers(1, 5)))
                                      for _ in range(3000)}), object)
        rng.shuffle(self.words)
        share = 1 / (np.arange(len(self.words)) + 2.7)
        self.sum = np.cumsum(share / share.sum())

    def draw(self, number: int, rng: np.random.Generator, most: int = 0) -> list[str]:
        """So many words, of the first `most` alone when it is given."""
        top = self.sum[most - 1] if most else 1.0
        return list(self.words[np.searchsorted(self.sum, rng.random(number) * top)])

    def trace(self, tokens: int, wrong: bool, looped: bool, world: World,
              rng: np.random.Generator) -> str:
        """A text of about so many text pieces (a word and its space are two)."""
        number = max(tokens // 2, 5)
        words = self.draw(number, rng, world.wrong_words if wrong else 0)
        if wrong and world.wrong_copies and not looped:
            for start in range(40, number - 12, 12):
                if rng.random() < world.wrong_copies:
                    back = int(rng.integers(0, start - 12))
                    words[start:start + 12] = words[back:back + 12]
        if looped:
            start, period = number // 3, int(rng.integers(6, 30))
            cycle = words[start:start + period]
            words[start:] = (cycle * (number // period + 1))[:number - start]
        return " ".join(words)


def _prompt(numbers: np.ndarray, odd: bool, place: str | None) -> dict[str, Any]:
    """An expression with its tokens: digits one by one, in irregular prompts some numbers whole;
    with distractors inside the expression, or the same ones after it."""
    # Distractors stand after terms chosen by the numbers themselves: no rhythm of their own.
    extra = [list(_FILLER[number % 10:][:1 + number % 3]) if number * 7 % 10 < 6 else []
             for number in map(int, numbers)]
    words = []
    for at, number in enumerate(numbers):
        words += ["+"] * (at > 0) + [str(number)] + (extra[at] if place == "inside" else [])
    words += ["="] + (sum(extra, []) if place == "appended" else [])
    pieces = []
    for at, word in enumerate(words):
        whole = not word.isdigit() or (odd and int(word) % 3 == 0)
        pieces += [" "] * (at > 0) + ([word] if whole else list(word))
    ends = accumulate(map(len, pieces))
    return {"prompt_text": "".join(pieces),
            "prompt_token_ids": [1 if piece == " " else _number(piece) for piece in pieces],
            "token_offsets": [[end - len(piece), end] for piece, end in zip(pieces, ends,
                                                                            strict=True)]}


def _number(piece: str) -> int:
    """A token's number: arbitrary, as in any vocabulary."""
    return 2 + sum(ord(char) * 131**at for at, char in enumerate(piece)) % 50_021

"""How often models that agree against the gold are right: the table of audit/consensus.py.

Worlds of 1,000 items of which 3 % have a wrong gold, with models that share their mistakes: an item
has a difficulty (normal, spread 1.8), a model an ability (normal around 1.2, spread 0.7), a right
answer comes with the logistic of their difference; a wrong one is one of four distractors, drawn
with shares that fall by the item's own law, so that some items have one tempting mistake and others
none. A wrong gold is the distractor that tempts most in half of the cases, and any other one else.
Harder items or more tempting mistakes lower all figures, easier ones raise them. The spread is
chosen so that the table agrees with worlds that others made (two sets of seven, 3 % wrong golds:
.20 with 2 models, .28, .46, .45 with 6, .65 with 8, .90 with 12, .83 with 20).
The lead: two thirds of the models or more, at least two, give one answer that is not the gold, and
are on average no weaker than all models.

Example: consensus_precision.py
"""

import math
import random
from collections import defaultdict
from statistics import fmean

MODELS = tuple(range(2, 21))
_ITEMS, _WRONG, _WORLDS, _SPREAD = 1_000, .03, 20, 1.8


def precision(models: int, worlds: int = _WORLDS) -> float:
    """The share of the items with such an agreement whose gold is wrong."""
    draw = random.Random(models)
    hits = found = 0
    for _ in range(worlds):
        abilities = [draw.gauss(1.2, .7) for _ in range(models)]
        for _ in range(_ITEMS):
            is_wrong, agreed = _item(draw, abilities, _SPREAD)
            found += agreed
            hits += agreed and is_wrong
    return hits / found


def _item(draw: random.Random, abilities: list[float], spread: float) -> tuple[bool, bool]:
    """(whether its gold is wrong, whether the models agree against it)."""
    difficulty, steepness = draw.gauss(0, spread), draw.expovariate(2)
    shares = [math.exp(-steepness * place) for place in range(4)]
    is_wrong = draw.random() < _WRONG
    gold = (1 if draw.random() < .5 else draw.choice((2, 3, 4))) if is_wrong else 0
    said: dict[int, list[float]] = defaultdict(list)
    for ability in abilities:
        is_right = draw.random() < 1 / (1 + math.exp(difficulty - ability))
        said[0 if is_right else 1 + draw.choices(range(4), shares)[0]].append(ability)
    most = max((some for answer, some in said.items() if answer != gold), key=len, default=[])
    return is_wrong, len(most) > 1 and 3 * len(most) >= 2 * len(abilities) \
        and fmean(most) >= fmean(abilities)


if __name__ == "__main__":
    print({models: round(precision(models), 2) for models in MODELS})

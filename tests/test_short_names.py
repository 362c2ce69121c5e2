"""Names in figures: short, and still different."""

import random

import pytest

from failure_analysis.short_names import distinct, short

MODELS = [f"openrouter/a-provider/a-model-with-a-very-long-name-of-2025-{letter}-instruct-preview-"
          "of-four-bits-on-the-second-machine" for letter in "abc"]


@pytest.mark.parametrize(("names", "most", "labels"), [
    ([], 9, []), (["one", "two"], 9, ["one", "two"]),
    (MODELS, 40, [f"…-long-name-of-2025-{letter}-instruct-preview-…" for letter in "abc"]),
    ([*MODELS, "gpt"], 40, [*(f"openrouter/a-…025-{letter}…" for letter in "abc"), "gpt"]),
    (["x" * 99 + "1" + "y" * 99, "x" * 99 + "2" + "y" * 99, "q"], 30,
     ["xxxxxxxxxx…xxxx1…", "xxxxxxxxxx…xxxx2…", "q"]),
    (["a b", "a  b"], 9, ["a b", "a b #2"])])
def test_what_differs_stays(names, most, labels) -> None:
    assert distinct(names, most) == labels


def test_any_names_stay_different_and_short() -> None:
    rng = random.Random(1)
    for _ in range(150):
        shared = "".join(rng.choices("ab-/ é\u6f22\u202e", k=rng.randint(0, 60)))
        names = list({shared[:rng.randint(0, 60)] + "".join(rng.choices("ab- ", k=rng.randint(
            0, 40))) + shared for _ in range(rng.randint(2, 30))})
        for most in (22, 44):
            labels = distinct(names, most)
            assert len(set(labels)) == len(names) and max(map(len, labels)) <= most


def test_one_name_keeps_both_ends() -> None:
    assert short("a-provider/" + "x" * 60 + "-four-bits", 30) == "a-provider/xxxxxxxx…-four-bits"
    assert short("two\nlines \u202e$x$") == "two lines \\u202e$x$"

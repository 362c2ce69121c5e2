"""The figures of the lenses, drawn and measured: nothing is cut or printed over, and what has no
answer looks like that."""

import itertools
import json
import random
from pathlib import Path

import pytest

from failure_analysis.lenses import commands, diagnosis_page, figures, one_lens
from failure_analysis.lenses.findings import NEED
from readable import assert_readable

LONG = "a-provider/a-model-with-a-very-long-name-of-the-year-2025-instruct-preview-of-four-bits"
WORDS = ("so", "then", "we", "add", "the", "next", "number", "and", "check", "what", "was", "over")


def world(path: Path, levels: int, per: int = 10, model: str = "m", factor: float = 1.0,
          parameter: str = "length", **more) -> Path:
    """Accuracy falls over the levels and tokens grow; an odd number of samples is wrong."""
    rng = random.Random(levels)
    with open(path, "w", encoding="utf-8") as file:
        for level, depth, at in itertools.product(range(levels), (1, 2, 3), range(per)):
            tokens = rng.randint(70, 200) + 5 * level
            file.write(json.dumps({
                "item_id": f"{level}-{depth}-{at}", "model_name": model, "base_task": "t",
                "params": {parameter: (level + 1) * factor, "depth": depth * factor},
                "correct": rng.random() > (level + 1) / (levels + 2), "completion_tokens": tokens,
                "response": " ".join(rng.choices(WORDS, k=tokens)),
                "prompt_text": " ".join(rng.choices(WORDS, k=80)), **more}) + "\n")
    return path


def results_of(lens: str, path: Path, cache: Path) -> list[dict]:
    """What a lens finds in a file of samples."""
    request = one_lens.Request(path, {}, cache=cache)
    return one_lens.document(lens, one_lens.load(request), request)["results"]


SHAPES = {"two levels": (2, 1.0, "length", "m"), "twelve": (12, 1.0, "length", "m"),
          "forty": (40, 1.0, "length", "m"), "all long": (40, 12345.678, "l" * 90, LONG)}


@pytest.mark.parametrize("lens", one_lens.LENSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_figures_can_be_read(shape: str, lens: str, drawn, tmp_path) -> None:
    levels, factor, parameter, model = SHAPES[shape]
    path = world(tmp_path / "s.jsonl", levels, 6 if levels < 20 else 2, model, factor, parameter)
    figures.draw([tmp_path / "x.png"], results_of(lens, path, tmp_path))
    assert_readable(drawn[0])


def test_a_caption_is_whole(tmp_path) -> None:
    (result,) = results_of("surface", world(tmp_path / "s.jsonl", 8), tmp_path)
    result["evidence"] = ["a sentence that goes on for long " * 8 + "and ends in 12.5"] * 3
    lines = figures._caption({**result, "name": LONG * 3})
    assert " ".join(lines).count("and ends in 12.5") == 3
    assert max(map(len, lines)) <= figures.WIDEST
    assert lines[0].startswith("a-provider") and lines[0].endswith("four-bits")


def colours_of(figure) -> set:
    """The colours of the lines of a figure that are no shades of grey."""
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D

    return {colour for line in figure.findobj(Line2D) for colour in [to_rgb(line.get_color())]
            if max(colour) - min(colour) > 0.01}


@pytest.mark.parametrize("lens", ["surface", "compression", "hazard"])
def test_what_has_no_answer_is_grey_and_says_so(lens: str, drawn, analyze, tmp_path) -> None:
    for per, enough in ((20, True), (1, False)):
        (result,) = results_of(lens, world(tmp_path / "s.jsonl", 8, per), tmp_path)
        assert (result["pattern"] != NEED) is enough
        figures.draw([tmp_path / "x.png"], [result])
        texts = [text.get_text() for text in drawn[-1].findobj(lambda a: hasattr(a, "get_text"))]
        assert ("too little for an answer" in texts) is not enough
        assert bool(colours_of(drawn[-1])) is enough
        assert any("needed: " in text for text in texts) is not enough


def test_a_need_reads_as_a_need(tmp_path) -> None:
    path = world(tmp_path / "s.jsonl", 8, 1)
    with open(path, "a", encoding="utf-8") as file:
        file.write(path.read_text().replace('"m"', '"n"'))
    _, lines = commands.lens("surface", one_lens.Request(path, {}, cache=tmp_path), tmp_path / "o",
                             None)
    needs = [line.strip() for line in lines if line.endswith("needed")]
    assert len(needs) >= 2 and all(need.startswith("needed: ") for need in needs)
    page = (tmp_path / "o" / "surface.html").read_text()
    assert "<li>needed: " in page and "Plotly.newPlot" not in page
    pair = {"evidence": [], "need": ["completion_tokens on both sides"]}
    assert figures.sentences(pair) == ["needed: completion_tokens on both sides"]


def test_the_odds_have_intervals(drawn, tmp_path) -> None:
    (result,) = results_of("hazard", world(tmp_path / "s.jsonl", 8, 20), tmp_path)
    row = {"odds_within_level": 2.0, "wrong": 30, "correct": 10}
    odds = figures._odds(row)
    assert (odds["low"], odds["value"], odds["high"]) == pytest.approx((0.992, 2, 4.033), abs=0.01)
    figures.draw([tmp_path / "x.png"], [result])
    from matplotlib.container import ErrorbarContainer

    bars = [box for axes in drawn[0].subfigs[0].axes for box in axes.containers
            if isinstance(box, ErrorbarContainer)]
    assert len(bars) == 1 and len(bars[0][2][0].get_segments()) >= 3


def diagnosis_of(systems: int, hypotheses: int = 11) -> dict:
    """A diagnosis of so many systems with long names."""
    status = itertools.cycle(("supported", "tentative", "contradicted", "not_assessed"))
    return {"systems": [{
        "name": f"{LONG}-{at} task", "samples": 100, "conclusion": ["hypothesis_number_0"],
        "hypotheses": [{"hypothesis": f"hypothesis_number_{number}", "status": next(status),
                        "score": 2.5, "for": [{"finding": "surface.x"}], "against": [],
                        "missing": ["fft"]} for number in range(hypotheses)]}
        for at in range(systems)]}


@pytest.mark.parametrize("systems", [1, 6, 7, 60, 75])
def test_a_diagnosis_of_many_systems_can_be_read(systems: int, drawn, tmp_path) -> None:
    diagnosis_page.draw([tmp_path / "d.png"], diagnosis_of(systems))
    (figure,) = drawn
    assert figure.get_size_inches()[1] < 35
    assert_readable(figure)
    texts = [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]
    assert sum("(n = 100)" in text for text in set(texts)) == min(systems, 60)
    assert any("15 more systems stand in diagnosis.md" in text for text in texts) is (systems > 60)

"""No cell of a CSV file is longer than a spreadsheet takes, and nothing that is cut is read."""

import csv
import io
import json

import pytest

from failure_analysis import clean, files, steps, tables
from failure_analysis.packet import rows
from make_runs import judged, read_jsonl, turn


def cells_of(line: bytes) -> list[str]:
    (cells,) = csv.reader(io.StringIO(line.decode(), newline=""))
    return cells


def units(cell: str) -> int:
    """The length of a cell as a spreadsheet counts it."""
    return len(cell.encode("utf-16-le")) // 2


@pytest.mark.parametrize("text", ["x" * 32_768, '"' * 40_000, "a,\n" * 30_000, "=" + "1" * 99_999,
                                  "\U0001f600" * 20_000, ["deep", "x" * 50_000]])
def test_a_long_cell_is_cut_and_says_what_is_missing_and_where(text):
    cell, number = cells_of(clean.csv_line([text, 5], "whole.jsonl"))
    assert number == "5" and 32_000 < units(cell) <= 32_767
    begun, _, said = cell.rpartition("…[")
    whole = cells_of(clean.csv_cell(text).encode())[0]
    assert said == f"{len(whole) - len(begun):,} more characters; whole in whole.jsonl]"
    assert whole.startswith(begun)


@pytest.mark.parametrize("text", ["x" * 32_767, "\U0001f600" * 16_383, '"' * 32_767])
def test_what_fits_stays_whole(text):
    assert cells_of(clean.csv_line([text])) == [text]


def test_numbers_stay_numbers_and_formulas_are_guarded():
    line = clean.csv_line([-5, -0.5, "-5", "-0.5", "-1e-7", "-1+1", "-a", "+5", "=1", "-5\n", "-"])
    assert cells_of(line) == ["-5", "-0.5", "-5", "-0.5", "-1e-7", "'-1+1", "'-a", "'+5", "'=1",
                              "'-5\n", "'-"]
    assert list(map(clean.unguard, cells_of(line)[2:])) == [
        "-5", "-0.5", "-1e-7", "-1+1", "-a", "+5", "=1", "-5\n", "-"]


def test_a_name_has_an_end():
    one, other = clean.clean_name("n" * 5000), clean.clean_name("n" * 5001)
    assert len(one) == 1009 and one != other and one[:1001] == other[:1001]
    assert clean.clean_name(one[:1000]) == "n" * 1000


@pytest.fixture(params=[[], ["--jobs", "2"]], ids=["alone", "two workers"])
def folder(request, build, tmp_path):
    """A failing row and a passing one, long texts and long scores, in each of two runs."""
    scores = {f"a_dimension_with_a_name_{place}": place > 5 for place in range(2000)}
    for run in ("one", "two"):
        lines = [turn(0, False, assistant_text="long " * 9000), turn(1)]
        for line in lines:
            line["scores"] |= dict.fromkeys(scores, True) if line["turn"] else scores
        judged(tmp_path / "runs" / run, lines)
    return build("--input", tmp_path / "runs", *request.param)[1]


def test_outcomes_come_back_whole(folder):
    for name in (steps.OUTCOMES, steps.TABLE):
        with open(folder / name, encoding="utf-8", newline="") as file:
            csv.field_size_limit(1 << 31)
            cells = [cell for line in csv.reader(file) for cell in line]
        assert max(map(units, cells)) <= 32_767
        assert any("more characters; whole in " in cell for cell in cells)
    kept = read_jsonl(folder / steps.LONG)
    assert len(kept) == 2 and all(len(line["cell"]) > 50_000 for line in kept)
    scores = tables.scores(folder)
    assert len(scores) == 4 * 2002 and int(scores["failed"].sum()) >= 2 * 6
    texts = [json.loads(text) for text, in rows.columns(folder, ("scores_json",))]
    assert [len(text) for text in texts] == [2002] * 4


def test_a_cut_cell_without_its_rest_is_refused(folder):
    (folder / steps.LONG).unlink()
    with pytest.raises(files.Refusal, match=r"outcomes\.csv:2: a cell is cut, and its whole"):
        tables.outcomes(folder)


def test_a_packet_without_long_cells_has_no_such_file(build, tmp_path, folder):
    assert (folder / steps.LONG).exists()
    _, out = build("--run-dir", judged(tmp_path / "short", [turn(0, False)]))
    assert not (out / steps.LONG).exists()

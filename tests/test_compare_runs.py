"""compare_runs.py: what changed between two runs, on files, with exact expected values."""

import gzip
import json
from itertools import combinations, product
from math import comb, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, multinomial, norm

from failure_analysis.changes import gate, margins
from failure_analysis.statistics import clustered, clustered_difference
from make_runs import judged

WRONG = {"P": "42", "F": "41", "-": "43"}
SCORE = {"P": True, "F": False, "-": None}


def row(item, mark="P", model="m", trial=None, **changes):
    """One judged row: `mark` is its verdict, P, F or - (not judged)."""
    fields = {"item_id": item, "model_name": model, "user_text": f"What is {item} of all?",
              "expected": "42", "assistant_text": f"The answer is {WRONG[mark]}.",
              "scores": {"correct": SCORE[mark]}, **changes}
    return fields if trial is None else {**fields, "trial": trial}


def rows(marks, **changes):
    """Rows of the items q0, q1, …, each with a mark, or several for its trials."""
    return [row(f"q{place}", mark, trial=trial if len(of) > 1 else None, **changes)
            for place, of in enumerate(marks) for trial, mark in enumerate(of)]


@pytest.fixture
def compare(run_script, tmp_path):
    """`compare(old rows, new rows, *options)`: what run_changes.json holds (or, with a `code`, what
    was printed); the analysis is in tmp_path/out."""

    def run(old, new, *options, code=0):
        sides = [judged(tmp_path / name, side) for name, side in (("old", old), ("new", new))]
        done = run_script("compare_runs.py", *sides, "--output-dir", tmp_path / "out", *options)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return json.loads((tmp_path / "out" / "run_changes.json").read_text()) if not code \
            else done.stdout + done.stderr

    return run


def items(flips):
    return [flip["item"] for flip in flips]


# Flips and the difference.


def test_flips_and_the_paired_difference_of_single_attempts(compare, tmp_path):
    result = compare(rows("PPPPPPFFFF"), rows("PPPFFFPFFF"))
    assert items(result["flips"]["harmful"]) == ["q3", "q4", "q5"]
    assert items(result["flips"]["beneficial"]) == ["q6"]
    assert (result["flips"]["both_pass"], result["flips"]["both_fail"]) == (3, 3)
    overall = result["overall"]
    assert (overall["old"], overall["new"], overall["difference"]) == (0.6, 0.4, -0.2)
    # McNemar of 3 against 1: the mid-p is 2 P(X <= 1) - P(X = 1) of a fair coin thrown 4 times.
    assert overall["p"] == round(2 * 5 / 16 - 4 / 16, 6)
    assert overall["exact_p"] == round(2 * 5 / 16, 6)
    assert result["verdict"] == "not_shown" and result["noise"] is None
    flip = result["flips"]["harmful"][0]
    assert (flip["old"], flip["new"]) == ("✓", "✗")
    assert flip["new_datapoints"] == ["new/q3"] and flip["old_datapoints"] == ["old/q3"]
    assert (tmp_path / "out" / "run_changes.png").read_bytes()[:4] == b"\x89PNG"


def test_the_interval_is_newcombes(compare):
    """Newcombe 1998, table III, method 10: 36, 12, 2 and 0 give 0.2 with 0.0569 to 0.3404."""
    result = compare(rows("P" * 36 + "F" * 12 + "P" * 2), rows("P" * 48 + "F" * 2))
    assert result["overall"]["difference"] == 0.2
    assert [round(end, 4) for end in result["overall"]["interval"]] == [0.0569, 0.3404]


def test_most_judged_attempts_decide_and_a_tie_is_no_flip(compare):
    old = rows(["PPP", "PPF", "PF", "P-", "PPPP", "FFFF"])
    new = rows(["FFF", "PFF", "FF", "-F", "PFFP", "FFFP"])
    result = compare(old, new)
    flips = result["flips"]
    assert [(flip["item"], flip["old"], flip["new"], flip["steady"])
            for flip in flips["harmful"]] == [
        ("q0", "✓✓✓", "✗✗✗", True), ("q1", "✓✓✗", "✓✗✗", False), ("q3", "✓·", "·✗", False)]
    assert flips["beneficial"] == []
    assert items(flips["moved"]) == ["q2", "q4", "q5"] and flips["split"] == 2


def test_the_noise_is_that_of_attempts_dealt_at_random(compare):
    """Counted over every way of dealing the attempts of each item to the two sides."""
    old, new = ["PPP", "PPF", "PFF", "PPP"], ["FFF", "PFF", "PPF", "PPP"]
    result = compare(rows(old), rows(new))

    def flipped(one, two):
        return (2 * sum(one) - 3) * (2 * sum(two) - 3) < 0

    expected = steady = 0.0
    for one, two in zip(old, new, strict=True):
        attempts = [mark == "P" for mark in one + two]
        ways = [([attempts[at] for at in chosen], [attempts[at] for at in range(6)
                                                   if at not in chosen])
                for chosen in combinations(range(6), 3)]
        expected += sum(flipped(*way) for way in ways) / len(ways)
        steady += sum(all(mine) and not any(others) for mine, others in ways) / len(ways)
    noise = result["noise"]
    assert noise["items"] == 4 and noise["flips"]["seen"] == 3
    assert abs(noise["flips"]["expected"] - expected) < 0.06
    assert noise["steady_harmful"]["seen"] == 1
    assert abs(noise["steady_harmful"]["expected"] - steady) < 0.06
    assert steady == pytest.approx(3 / comb(6, 3))  # three items pass three of six attempts


# Which items are the same.


def test_items_that_only_share_an_index_are_not_compared(compare):
    """Two files joined by index would give three false flips here."""
    questions = ["How many sides has a cube?", "Who wrote Faust?", "What is the capital of Peru?",
                 "What is 6 times 7?"]
    old = [row(str(at), mark, user_text=text) for at, (text, mark) in
           enumerate(zip(questions, "PPFF", strict=True))]
    new = [row(str(at), mark, user_text=text) for at, (text, mark) in
           enumerate(zip(["What is 6 times 7?", "Name a prime.", *questions[1:3]], "FFPF",
                         strict=True))]
    result = compare(old, new)
    assert result["items"] == 3 and not result["flips"]["harmful"]
    assert sorted(result["moved"]) == [["1", "2"], ["2", "3"], ["3", "0"]]
    left = result["not_compared"]
    assert (left["asks_otherwise"], left["only_old"], left["only_new"]) == ([], ["0"], ["1"])


def test_what_cannot_be_compared_is_listed_with_its_reason(compare):
    old = rows("PPPPPP")
    new = [row("q0", "F"), row("q1", "F", user_text="Another question?"),
           row("q2", "F", expected="17"), row("q3", "-"), row("q9", "F")]
    result = compare(old, new, "--fail-if", "not-compared>4", code=3)
    assert "not-compared>4: 5 items that OLD was judged on: 5 are not compared, 0 have" in result
    result = compare(old, new)
    left = result["not_compared"]
    assert result["items"] == 1 and items(result["flips"]["harmful"]) == ["q0"]
    assert left["asks_otherwise"] == ["q1"] and left["expects_otherwise"] == ["q2"]
    assert left["unjudged_new"] == ["q3"] and left["only_old"] == ["q4", "q5"]
    assert left["only_new"] == ["q9"]
    assert result["lost"] == {"not_compared": 5, "partly_unjudged": 0}


def test_one_question_twice_is_not_joined_by_content(compare):
    """Which of two equal questions is which cannot be told."""
    old = [row("a", user_text="Same?"), row("b", user_text="Same?"), row("q")]
    new = [row("c", "F", user_text="Same?"), row("q")]
    result = compare(old, new)
    assert result["items"] == 1 and result["moved"] == []
    assert result["not_compared"]["only_old"] == ["a", "b"]


def test_without_a_question_items_are_joined_by_id_and_it_is_said(compare, tmp_path):
    bare = {"user_text": None, "expected": None}
    result = compare(rows("PPF", **bare), rows("PFF", **bare))
    assert result["by_id_alone"] == ["q0", "q1", "q2"]
    assert "joined by their id alone" in (tmp_path / "out" / "run_changes.md").read_text()


def test_an_item_twice_counts_as_a_repeat_and_is_named_a_copy_is_none(compare, tmp_path):
    """Averaged in silence elsewhere: rows of one item with opposite verdicts."""
    old = [*rows("PPPP"), row("q0", "F"), row("q1", "P")]  # q1 is a copy to the letter
    result = compare(old, rows("PPPP"))
    assert result["more_often"] == {"old": ["q0"], "new": []}
    assert result["old"]["rejected"] == 1 and not result["flips"]["harmful"]
    assert [(flip["item"], flip["old"]) for flip in result["flips"]["moved"]] == [("q0", "✓✗")]
    said = (tmp_path / "out" / "run_changes.md").read_text()
    assert "1 items have more rows in a run of OLD than its trials tell" in said
    assert "1 rows of OLD are copies of others" in said


def test_nothing_in_common_is_refused(compare):
    said = compare(rows("PP"), rows("PP", user_text="Something else?"), code=1)
    assert "no item is the same" in said and "2 asks otherwise" in said


# Answers.


def test_answers_that_changed_where_the_verdict_did_not(compare):
    says = "The answer is {}."
    old = [row("q0", "F", assistant_text=says.format(1)), row("q1", "F"),
           row("q2", "P", assistant_text="42"), row("q3", "P", assistant_text="red"),
           row("q4", "F", assistant_text='{"a": 1, "b": 2}')]
    new = [row("q0", "F", assistant_text=says.format(2)), row("q1", "F"),
           row("q2", "P", assistant_text="so: \\boxed{42.0}"),
           row("q3", "P", assistant_text="blue"),
           row("q4", "F", assistant_text='```json\n{"b": 2, "a": 1}\n```')]
    churn = compare(old, new)["churn"]
    assert churn["wrong_to_other"] == ["q0"] and churn["wrong_to_same"] == ["q1", "q4"]
    assert churn["right_to_other"] == ["q3"] and churn["right_to_same"] == ["q2"]


def test_an_agent_answers_by_what_it_changes(compare):
    def acted(item, amount, says):
        return row(item, "F", assistant_text=says, tool_calls=[
            {"name": "get_user", "arguments": {"id": "u1"}},
            {"name": "refund_payment", "arguments": {"amount": amount}}],
            tool_results=[{"ok": 1}, {"ok": 1}])

    churn = compare([acted("q0", 5, "Done."), acted("q1", 5, "Done.")],
                    [acted("q0", 5, "It is on its way."), acted("q1", 6, "Done.")])["churn"]
    assert churn["wrong_to_same"] == ["q0"] and churn["wrong_to_other"] == ["q1"]
    assert churn["kinds"] == {"calls": 2, "answers": 0, "texts": 0}


@pytest.mark.parametrize(("old", "new", "same"), [
    ('{"reply": "Which talk is at ten, please?"}', "Which talk is at ten, please?", True),
    ("1,500", "1500.0", True), ("1,5", "15", False), ("$3", "3", True),
    ("Answer: red", "red", True), ("We cannot tell that from here", "That is not known", False)])
def test_what_is_one_answer(compare, old, new, same):
    churn = compare([row("q0", "F", assistant_text=old)],
                    [row("q0", "F", assistant_text=new)])["churn"]
    assert bool(churn["wrong_to_same"] or churn["wrong_to_same_text"]) is same


def test_calls_that_differ_in_form_are_one_answer(compare):
    def acted(*calls):
        return row("q0", "F", tool_calls=[{"name": name, "arguments": arguments} for
                                          name, arguments in calls], tool_results=[{}] * len(calls))

    old = acted(("send_mail", {"to": ["b", "a"], "count": 5, "cc": None}),
                ("book_seat", {"seat": "7A"}))
    new = acted(("book_seat", {"seat": "7a "}),
                ("send_mail", {"to": ["a", "b"], "count": "5.0"}), ("book_seat", {"seat": "7A"}))
    assert compare([old], [new])["churn"]["wrong_to_same"] == ["q0"]


def test_attempts_that_nobody_judged_are_told_and_stop_a_gate(compare, tmp_path):
    old, new = rows(["PPPFF"] * 4), rows(["P----"] * 4)
    said = compare(old, new, "--fail-if", "not-compared>0", code=3)
    assert "0 attempts of OLD and 16 of NEW are not judged" in said
    assert "not-compared>0: 4 items that OLD was judged on: 0 are not compared, 4 have" in said


def test_sides_that_share_a_run_get_an_analysis_each(run_script, tmp_path):
    for side, marks in (("a", "PPF"), ("b", "PFF")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "x.jsonl").write_text("".join(
            json.dumps({**line, "run": "r1"}) + "\n" for line in rows(marks)))
    (tmp_path / "m.yaml").write_text("""\
benchmark: b
fields: {item_id: item_id, run_id: run, model_name: model_name, user_text: user_text,
         expected: expected, assistant_text: assistant_text, scores: {correct: scores.correct}}
""")
    for paths in (("a/x.jsonl", "b/x.jsonl"), ("a", "b")):
        out = tmp_path / paths[0].replace("/", "-")
        out = out.with_name(f"out-{out.name}")
        done = run_script("compare_runs.py", *(tmp_path / path for path in paths), "--mapping",
                          tmp_path / "m.yaml", "--output-dir", out)
        assert done.returncode == 0, done.stderr
        place = out if (out / "run_changes.json").exists() else out / "new"
        result = json.loads((place / "run_changes.json").read_text())
        assert items(result["flips"]["harmful"]) == ["q1"]


def test_runs_that_are_gone_leave_the_rest(compare, run_script, tmp_path):
    compare(rows("PPF"), rows("PFF"))
    (tmp_path / "old" / "openai_judged.jsonl").unlink()
    out = tmp_path / "out"
    done = run_script("compare_runs.py", f"{out}::old", f"{out}::new")
    assert done.returncode == 0 and "answers were not compared" in done.stdout
    result = json.loads((out / "run_changes.json").read_text())
    assert items(result["flips"]["harmful"]) == ["q1"]


# Causes, dimensions, tasks, tokens.


def test_causes_that_came_went_and_stayed(compare):
    ended = {"assistant_text": "[MODEL_ENDED_SESSION]"}
    old = [row("q0"), row("q1"), row("q2", "F", **ended), row("q3", "F")]
    new = [row("q0", "F", **ended), row("q1", "F", **ended), row("q2", "F", **ended), row("q3")]
    endings = compare(old, new)["causes"]["endings"]
    line = next(line for line in endings if line["cause"] == "ended_session")
    assert (line["came"], line["went"], line["stayed"]) == (2, 0, 1)
    assert (line["old"], line["new"]) == (0.25, 0.75)


def test_buckets_are_paired_over_items_that_were_read_on_both_sides(compare, run_script, tmp_path):
    says = {"assistant_text": "The answer is 41."}
    compare(rows("PFF", **says), rows("FFF", **says))
    out = tmp_path / "out"
    for ident, bucket in (("old/q1", "adds_wrongly"), ("new/q0", "adds_wrongly"),
                          ("new/q1", "gives_up_early")):
        run_script("show_datapoint.py", out, ident, "--coder", "r")
        done = run_script("record_review.py", out, "--id", ident, "--coder", "r",
                          "--bucket", bucket, "--fault", "model_error",
                          "--quote", "The answer is 41",
                          "--mechanism", "it adds the numbers in a wrong way")
        assert done.returncode == 0, done.stdout + done.stderr
    run_script("compare_runs.py", f"{out}::old", f"{out}::new")
    buckets = json.loads((out / "run_changes.json").read_text())["causes"]["buckets"]
    assert buckets["items"] == 2  # q2 was read by nobody
    assert {line["cause"]: (line["came"], line["went"], line["stayed"])
            for line in buckets["causes"]} == {"adds_wrongly": (1, 1, 0),
                                               "gives_up_early": (1, 0, 0)}


def test_dimensions_and_tasks_have_their_own_flips(compare):
    def scored(item, a, b, task):
        return row(item, scores={"a": a, "b": b}, task=task)

    old = [scored("q0", True, None, "t"), scored("q1", True, True, "t"),
           scored("q2", False, True, "u")]
    new = [scored("q0", False, True, "t"), scored("q1", True, False, "t"),
           scored("q2", True, True, "u")]
    result = compare(old, new)
    assert {line["dimension"]: (line["items"], line["harmful"], line["beneficial"])
            for line in result["dimensions"]} == {"a": (3, 1, 1), "b": (2, 1, 0)}
    assert [(line["harmful_items"], line["beneficial_items"]) for line in result["dimensions"]] \
        == [(["q0"], ["q2"]), (["q1"], [])]
    assert {line["task"]: (line["items"], line["harmful"], line["beneficial"])
            for line in result["tasks"]} == {"t": (2, 2, 0), "u": (1, 0, 1)}


def test_tokens_and_cost_are_means_of_what_records_them(compare):
    old = [row("q0", completion_tokens=10, cost_usd=0.5), row("q1", completion_tokens=20),
           row("q2")]
    new = [row("q0", completion_tokens=30, cost_usd=0.25), row("q1", completion_tokens=50),
           row("q2", completion_tokens=1000)]
    numbers = {line["number"]: line for line in compare(old, new)["numbers"]}
    tokens = numbers["completion_tokens"]
    assert (tokens["items"], tokens["old"], tokens["new"], tokens["ratio"]) == (2, 15, 40, 2.667)
    assert tokens["difference"] == 25
    assert tokens["total_old"] == {"rows": 2, "sum": 30}
    assert tokens["total_new"] == {"rows": 3, "sum": 1080}
    assert (numbers["cost_usd"]["old"], numbers["cost_usd"]["new"]) == (0.5, 0.25)


def test_a_price_of_nothing_is_no_saving(compare, tmp_path):
    result = compare(rows("PF", cost_usd=0.5), rows("PF", cost_usd=0))
    assert (result["numbers"][0]["new"], result["numbers"][0]["ratio"]) == (0, None)
    assert "×" not in (tmp_path / "out" / "run_changes.md").read_text().split("##")[0]


# Margins and clusters.


def tango(worse, better, n, margin):
    """The one-sided p of Tango's score test with one item taken off, the nuisance share solved for
    numerically: the share of items that only OLD fails, under a difference of the margin."""

    def slope(share):  # of the log likelihood with P(worse) = share + margin
        return (worse / (share + margin) + (better / share if better else 0)
                - 2 * (n - worse - better) / (1 - 2 * share - margin))

    top = (1 - margin) / 2
    low = 1e-12
    share = low if slope(low) < 0 else brentq(slope, low, top - 1e-12)
    variance = n * (2 * share + margin - margin**2)
    return norm.sf((better - worse + n * margin - 1) / sqrt(variance))


@pytest.mark.parametrize(("worse", "better", "n", "margin"), [
    (3, 1, 100, 0.1), (0, 0, 60, 0.05), (12, 20, 200, 0.05), (5, 0, 80, 0.15), (0, 4, 50, 0.1)])
def test_the_margin_test_is_tangos(worse, better, n, margin):
    paired = margins.Paired(n, (better - worse) / n, 0.0, n, (worse + better) / n)
    assert margins.no_worse(paired, margin) == pytest.approx(tango(worse, better, n, margin),
                                                            abs=1e-6)
    turned = tango(better, worse, n, margin)
    assert margins.equivalent(paired, margin) == pytest.approx(
        max(turned, tango(worse, better, n, margin)), abs=1e-6)


@pytest.mark.parametrize("n", [5, 12, 30, 60, 120])
def test_the_margin_test_of_single_attempts_is_never_too_sure(n):
    """Its exact size, over all tables and shares of discordant items."""
    tables = np.array([(worse, better) for worse, better in product(range(n + 1), repeat=2)
                       if worse + better <= n])
    paired = margins.Paired(n, (tables[:, 1] - tables[:, 0]) / n, 0.0, n, tables.sum(1) / n)
    for margin, share in product((0.01, 0.03, 0.05, 0.1, 0.2, 0.3), (0, 0.005, 0.02, 0.1, 0.3)):
        shown = tables[margins.no_worse(paired, margin) <= 0.05]
        cells = np.column_stack([shown, n - shown.sum(1)])
        assert multinomial.pmf(cells, n, [share + margin, share,
                                          1 - 2 * share - margin]).sum() <= 0.05


def test_a_margin_is_tested_and_the_smallest_ones_are_consistent(compare):
    result = compare(rows("P" * 90 + "F" * 8 + "PF"), rows("P" * 90 + "F" * 8 + "FP"),
                     "--margin", "5")
    overall = result["overall"]
    assert overall["no_worse"]["shown"] and overall["equivalent"]["shown"]
    assert overall["no_worse"]["p"] == pytest.approx(tango(1, 1, 100, 0.05), abs=1e-6)
    for name in ("no_worse_by", "equal_within"):
        edge = overall[name]
        assert tango(1, 1, 100, edge) <= 0.05 < tango(1, 1, 100, edge - 2e-4)
    # 2 of 100 items differ, so that 1 % of a world's items do to each side.
    power = sum(multinomial.pmf([worse, better, 100 - worse - better], 100, [0.01, 0.01, 0.98])
                for worse, better in product(range(12), repeat=2)
                if tango(worse, better, 100, 0.05) <= 0.05)
    assert abs(overall["no_worse"]["power"] - power) < 0.035


def test_the_cluster_error_is_the_jackknife_of_clusters():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 9])
    values = rng.integers(-1, 2, len(clusters)).astype(float)
    left_out = np.array([values[clusters != each].mean() for each in range(7)])
    error = sqrt(6 / 7 * ((left_out - values.mean()) ** 2).sum())
    of = clustered(values, clusters)
    assert of.standard_error == pytest.approx(error)
    assert of.effective == pytest.approx(30**2 / (1 + 4 + 9 + 16 + 25 + 36 + 81))
    alone = clustered(values, np.arange(len(values)))
    assert alone.standard_error == pytest.approx(values.std(ddof=1) / sqrt(len(values)))
    assert clustered_difference(np.ones(6), np.repeat([0, 1], 3)).p == 0.5  # two clusters agree
    few = clustered_difference(np.array([-1, -1, -0.5, -0.6, -0.9]), np.arange(5))
    assert few.p == 2.0**-4 and few.interval is None


def test_items_of_a_passage_are_no_independent_ones(compare):
    """Two of six passages turn over as a whole: eight items, and no sure difference."""
    old = [row(f"p{at}-{n}", "P", passage=f"p{at}") for at in range(6) for n in range(4)]
    new = [row(f"p{at}-{n}", "F" if at < 2 else "P", passage=f"p{at}") for at in range(6)
           for n in range(4)]
    assert compare(old, new)["verdict"] == "worse"
    result = compare(old, new, "--cluster", "passage")
    assert result["clusters"] == {"field": "passage", "count": 6, "alone": 0}
    assert result["verdict"] == "not_shown" and result["overall"]["p"] > 0.1
    assert "no row has the field chapter" in compare(old, new, "--cluster", "chapter", code=1)


@pytest.mark.slow
@pytest.mark.parametrize(("tries", "sizes"), [
    ((1, 1), None), ((3, 3), None), ((1, 4), None), ((2, 1), (2, 12)), ((1, 1), (1, 20))])
def test_sizes_of_the_tests_over_worlds(tries, sizes):
    """2,000 worlds without a difference and 2,000 at the margin; items differ in difficulty, those
    of a cluster move together."""
    rng = np.random.default_rng(sum(tries))
    wrong, too_sure = 0, 0
    margin = 0.08
    for _ in range(2000):
        n = int(rng.integers(40, 160))
        clusters = None if sizes is None else np.unique(np.repeat(
            np.arange(n), rng.integers(*sizes, n))[:n], return_inverse=True)[1]
        hard = np.clip(rng.beta(2, 1.2, n), 0.12, 0.88)
        moved = 0 if clusters is None else rng.choice([-0.1, 0.1], clusters.max() + 1)[clusters]
        old = rng.binomial(tries[0], hard, n) / tries[0]
        values = rng.binomial(tries[1], hard + moved, n) / tries[1] - old
        where = np.arange(n) if clusters is None else clusters
        wrong += clustered_difference(values, where).p < 0.05
        lost = np.clip(hard + moved - margin, 0, 1)
        values = rng.binomial(tries[1], lost, n) / tries[1] - old
        shift = float((hard - lost).mean()) if clusters is None else margin
        too_sure += margins.no_worse(margins.of_values(values, tries == (1, 1), clusters),
                                     shift) <= 0.05
    most = int(binom.ppf(0.999, 2000, 0.05))
    assert wrong <= most and too_sure <= most


# The command line.


def test_conditions_set_the_exit_code(compare):
    old, new = rows("P" * 10 + "F" * 2), rows("F" * 8 + "P" * 4)
    said = compare(old, new, "--fail-if", "harmful>7", "worse", code=3)
    assert "FAILED: harmful>7: 8 items flipped to failing" in said
    assert "FAILED: worse: " not in said  # 8 against 2 is no proof
    assert compare(old, new, "--fail-if", "harmful>8", "worse")["items"] == 12
    assert "FAILED: not-equivalent" in compare(old, old, "--margin", "1", "--fail-if",
                                               "not-equivalent", code=3)
    for wrong in (["harmful"], ["harmful>-1"], ["not-equivalent"], ["better"]):
        assert "--fail-if" in compare(old, new, "--fail-if", *wrong, code=2)
    assert "--margin is in points" in compare(old, new, "--margin", "0", code=2)


def test_missing_margins_and_words_of_the_gate():
    result = {"verdict": "worse", "lost": {}, "overall": {}, "flips": {"harmful": []}}
    assert gate.met(result, ["worse", "harmful>0", "possibly-worse"]) == [
        f"worse: {gate.WORDS['worse']}", f"possibly-worse: {gate.WORDS['possibly-worse']}"]


def test_models_runs_and_patterns_of_one_folder(compare, run_script, tmp_path):
    runs = [judged(tmp_path / "runs" / name, rows(marks, model=model)) for name, model, marks in (
        ("v1-a", "m", "PPF"), ("v1-b", "m", "PFF"), ("v2-a", "m", "FFF"), ("other", "n", "PPP"))]
    out = tmp_path / "out"
    assert run_script("build_packet.py", "--run-dir", *runs, "--output-dir", out).returncode == 0
    run_script("cluster_failures.py", out)
    done = run_script("compare_runs.py", f"{out}::v1-*", f"{out}::v2-a")
    assert done.returncode == 0, done.stderr
    result = json.loads((out / "run_changes.json").read_text())
    assert [flip["old"] for flip in result["flips"]["harmful"]] == ["✓✓"]
    assert result["old"]["runs"] == ["v1-a", "v1-b"]
    for old, new, why in (("", "::n", "holds several models (m, n)"),
                          ("::x", "::n", "no model or run of this name; models: m, n"),
                          ("::v1-*", "::v*", "v1-a, v1-b would be on both sides")):
        done = run_script("compare_runs.py", f"{out}{old}", f"{out}{new}")
        assert done.returncode == 1 and why in done.stderr, done.stderr


def test_runs_that_cannot_be_read_wholly_are_refused(compare, run_script, tmp_path):
    folder = judged(tmp_path / "new", rows("PP" * 400))
    whole = gzip.compress((folder / "openai_judged.jsonl").read_bytes())
    (folder / "openai_judged.jsonl").unlink()
    (folder / "cut_judged.jsonl.gz").write_bytes(whole[:len(whole) // 2])
    done = run_script("compare_runs.py", judged(tmp_path / "old", rows("PP" * 400)), folder,
                      "--output-dir", tmp_path / "out")
    assert done.returncode == 1 and "damaged, cut off" in done.stderr
    (folder / "cut_judged.jsonl.gz").unlink()
    assert "no row is judged" in compare(rows("--"), rows("--"), code=1)


def test_two_folders_and_a_folder_beside_runs(compare, run_script, tmp_path):
    compare(rows("PPF"), rows("PFF"))
    for name in ("old", "new"):
        out = tmp_path / f"out-{name}"
        run_script("build_packet.py", "--run-dir", tmp_path / name, "--output-dir", out)
        run_script("cluster_failures.py", out)
    done = run_script("compare_runs.py", tmp_path / "out-old", tmp_path / "out-new")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out-new" / "run_changes.json").read_text())
    assert items(result["flips"]["harmful"]) == ["q1"]
    done = run_script("compare_runs.py", tmp_path / "out-old", tmp_path / "new", "--output-dir",
                      tmp_path / "third")
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "third" / "run_changes.json").read_text())
    assert again["flips"]["harmful"][0]["new_datapoints"] == ["new/q1"]
    done = run_script("compare_runs.py", tmp_path / "old", tmp_path / "gone")
    assert done.returncode == 1 and "no such file or folder" in done.stderr
    done = run_script("compare_runs.py", tmp_path, tmp_path / "new")
    assert done.returncode == 1 and "one is part of the other" in done.stderr


def test_the_same_input_gives_the_same_bytes(compare, tmp_path):
    old, new = rows(["PPF", "PFP", "FFF"] * 20), rows(["PFF", "PFF", "PFF"] * 20)
    compare(old, new, "--margin", "5")
    names = ("run_changes.json", "run_changes.md")
    first = [(tmp_path / "out" / name).read_bytes() for name in names]
    compare(old, new, "--margin", "5")
    assert [(tmp_path / "out" / name).read_bytes() for name in names] == first


def test_new_failures_come_first_in_a_plan(compare, run_script, tmp_path):
    compare(rows("PPFFFP"), rows("PFFFFF"))
    out = tmp_path / "out"
    done = run_script("plan_review.py", out, "--from-flips")
    assert done.returncode == 0, done.stderr
    plan = [json.loads(line) for line in (out / "review_plan.jsonl").read_text().splitlines()]
    assert [(line["datapoint_id"], line["why"]) for line in plan[:4]] == [
        ("new/q1", "flip"), ("old/q1", "contrast"), ("new/q5", "flip"), ("old/q5", "contrast")]
    done = run_script("plan_review.py", out, "--from-flips", "--budget", "3")
    plan = [json.loads(line) for line in (out / "review_plan.jsonl").read_text().splitlines()]
    assert [line["datapoint_id"] for line in plan] == ["new/q1", "old/q1", "new/q5"]
    (out / "run_changes.json").write_text("{}")
    assert run_script("plan_review.py", out, "--from-flips").returncode == 1
    (out / "run_changes.json").unlink()
    done = run_script("plan_review.py", out, "--from-flips")
    assert done.returncode == 1 and "compare_runs.py" in done.stderr


def test_names_from_runs_are_text_in_the_page(compare, tmp_path):
    evil = "q`|](x)<b>\x1b[31m"
    result = compare([row(evil, task="t|`<i>")], [row(evil, "F", task="t|`<i>")])
    assert items(result["flips"]["harmful"]) == [result["flips"]["harmful"][0]["item"]]
    page = (tmp_path / "out" / "run_changes.md").read_text()
    assert "\x1b" not in page and "| t\\|" in page and "\n<b>" not in page


@pytest.mark.parametrize(("old", "new", "counts"), [
    ("airline/gpt-4o-2024-11-20__azure-airline-full.json.gz",
     "airline/gpt-5.4__ironshell_airline_gpt54_run1.json.gz", (3, 8, 20, 19)),
])
def test_two_real_runs_as_recounted_from_their_files(run_script, real_runs, tmp_path, old, new,
                                                     counts):
    folder = real_runs / "tau2-bench"
    done = run_script("compare_runs.py", folder / old, folder / new, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    flips = json.loads((tmp_path / "run_changes.json").read_text())["flips"]
    assert (len(flips["harmful"]), len(flips["beneficial"]), flips["both_pass"],
            flips["both_fail"]) == counts

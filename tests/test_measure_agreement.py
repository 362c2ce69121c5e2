"""measure_agreement.py: coders compared on what they share, and what is left to settle."""

import json
import shlex
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from failure_analysis import clean
from failure_analysis.agreement import coefficients
from failure_analysis.datapoint import OUTCOME_COLUMNS
from failure_analysis.packet import rows
from failure_analysis.review import ledger
from make_runs import judged, turn

MADE_UP, GUESSES = "makes_up_a_policy", "guesses_instead_of_asking"
DRAWS = 200


def review(number, coder, bucket=GUESSES, fault="model_error", kind="agent", **more):
    """One line of the ledger about datapoint run/<number>."""
    ident = more.pop("ident", f"run/{number}")
    fields = {"review_id": f"r-{coder}-{number}", "datapoint_id": ident, "coder": coder,
              "kind": kind, "bucket": bucket, "fault": fault, "mechanism": "It books at once.",
              "quotes": ["booked"], "secondary": [], "recorded": "2026-01-01T00:00:00+00:00"}
    return ledger.Review(**{**fields, **more})


def said(pairs, coders=("ann", "ben"), **more):
    """Reviews by two coders from [((bucket, bucket), datapoints), …]."""
    labels = [cell for cell, count in pairs for _ in range(count)]
    return [review(number, coder, label, **more) for number, cell in enumerate(labels)
            for coder, label in zip(coders, cell, strict=True)]


@pytest.fixture
def measure(run_script, tmp_path):
    """`measure(reviews, *args)`: writes a small analysis folder, measures, returns (agreement,
    process). Datapoints are run/0, run/1, …; `outcomes` says of which outcome, `modes` which
    provisional modes."""

    def run(reviews, *args, outcomes=None, modes=None, idents=(), code=0):
        out = tmp_path / "analysis"
        out.mkdir(exist_ok=True)
        count = 1 + max((int(one.review_id.rpartition("-")[2]) for one in reviews), default=0)
        outcomes = outcomes or {}
        lines = [(f"run/{number}", outcomes.get(number, "fail")) for number in range(count)]
        lines += [(ident, "fail") for ident in idents]
        (out / "outcomes.csv").write_bytes(clean.csv_line(OUTCOME_COLUMNS) + b"".join(
            clean.csv_line({"datapoint_id": ident, "run_id": "run", "model_name": "m", "trial": 0,
                            "item_id": ident, "outcome": outcome}.get(name)
                           for name in OUTCOME_COLUMNS) for ident, outcome in lines))
        (out / "failure_review_rows.jsonl").write_text("".join(
            json.dumps({"datapoint_id": f"run/{number}", "error_mode_candidate": mode}) + "\n"
            for number, mode in (modes or {}).items()))
        (out / "reviews.jsonl").write_bytes(b"".join(
            msgspec.json.encode(one) + b"\n" for one in reviews))
        (out / "facts.json").write_text('{"failed_rows": 1, "agreement/stale": 3}')
        done = run_script("measure_agreement.py", out, "--draws", "200", *args)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        found = json.loads((out / "agreement.json").read_text()) if not code else None
        return found, done

    return run


@pytest.fixture
def read(tmp_path):
    """`read(name)`: a file of the analysis folder."""
    return lambda name: (tmp_path / "analysis" / name).read_text(encoding="utf-8")


THIRTY = [((GUESSES, GUESSES), 12), ((GUESSES, MADE_UP), 6), ((MADE_UP, GUESSES), 3),
          ((MADE_UP, MADE_UP), 9)]


def test_figures_by_hand(measure, read):
    """21 of 30 agree. Kappa: chance .6 x .5 + .4 x .5 = .5. AC1: chance 2 x .55 x .45 = .495.
    Alpha: .3 apart of (60² - 33² - 27²) / (60 x 59) expected."""
    found, _ = measure(said(THIRTY))
    (pair,) = found["pairs"]
    bucket = pair["bucket"]
    assert (pair["a"], pair["b"], pair["shared"], pair["status"]) == ("ann", "ben", 30,
                                                                      "sufficient")
    assert bucket["same"] == 21
    assert bucket["share"]["value"] == 0.7
    assert bucket["kappa"]["value"] == 0.4
    assert bucket["ac1"]["value"] == round((0.7 - 0.495) / 0.505, 4)
    for name in ("share", "kappa", "ac1"):
        low, high = bucket[name]["interval"]
        assert low < bucket[name]["value"] < high
        assert bucket[name]["why"] is None
    assert bucket["labels"] == [
        {"label": GUESSES, "a": 18, "b": 15, "both": 12, "a_share": 0.6, "b_share": 0.5},
        {"label": MADE_UP, "a": 12, "b": 15, "both": 9, "a_share": 0.4, "b_share": 0.5}]
    assert bucket["confusion"] == [{"a": a, "b": b, "datapoints": count} for (a, b), count in
                                   sorted(THIRTY, key=lambda item: -item[1])]
    alpha = round(1 - 0.3 / ((60**2 - 33**2 - 27**2) / (60 * 59)), 4)
    assert found["together"]["readers"]["bucket"]["alpha"]["value"] == alpha
    assert pair["fault"]["same"] == 30
    known = json.loads(read("facts.json"))
    assert {name: value for name, value in known.items() if "_low" not in name
            and "_high" not in name} == {
        "failed_rows": 1, "agreement/coders": 2, "agreement/readers": 2,
        "agreement/disagreements": 9, "agreement/settled": 0,
        "agreement/bucket_shared": 30, "agreement/bucket_same": 21,
        "agreement/bucket_alpha": round(alpha, 3),
        "agreement/fault_shared": 30, "agreement/fault_same": 30,
        "agreement/shared/ann/ben": 30, "agreement/bucket_same/ann/ben": 21,
        "agreement/bucket_share/ann/ben": 0.7, "agreement/bucket_kappa/ann/ben": 0.4,
        "agreement/bucket_ac1/ann/ben": 0.406, "agreement/fault_same/ann/ben": 30,
        "agreement/fault_share/ann/ben": 1.0}
    low, high = bucket["kappa"]["interval"]
    assert known["agreement/bucket_kappa_low/ann/ben"] == pytest.approx(low, abs=6e-4)
    assert known["agreement/bucket_kappa_high/ann/ben"] == pytest.approx(high, abs=6e-4)
    page = read("agreement.md")
    assert "name the same bucket for 21 of 30 (Krippendorff's alpha 0.40, 95 % " in page
    assert "the same fault for 30 of 30. 9 disagreements to settle, 0 settled." in page
    step = json.loads(read("manifest.json"))["steps"]["measure_agreement"]
    assert step["settings"] == {"seed": 0, "draws": 200}
    assert list(step["outputs"]) == ["agreement.json", "agreement.md", "facts.json"]


def test_one_label_alone_has_no_chance_to_correct(measure):
    """Both blame the model every time: nobody knows whether they could tell it apart."""
    found, _ = measure(said(THIRTY))
    fault = found["pairs"][0]["fault"]
    nothing = {"value": None, "interval": None, "why": "undefined: only one label was used"}
    assert fault["kappa"] == fault["ac1"] == nothing
    assert found["together"]["readers"]["fault"]["alpha"] == nothing
    assert fault["share"]["interval"] == [0.8865, 1.0]  # Wilson: 30 of 30 is not certainty


def test_steps_and_agents_are_compared_where_both_name_a_step(measure, read):
    """Of 40 datapoints both name a step of 30: 18 the same (a call is its step), 6 one apart, 6
    more; the agent is the same for 24."""
    reviews = []
    for number in range(40):
        step = number % 7 + 5
        reviews += [review(number, "ann", step=str(step), agent="Booker"),
                    review(number, "ben", **({} if number >= 30 else {
                        "step": f"{step}.0" if number < 18 else str(step + 1 + (number >= 24) * 2),
                        "agent": "Booker" if number < 24 else "Planner"}))]
    found, done = measure(reviews)
    (pair,) = found["pairs"]
    assert {name: pair["step"][name] for name in ("shared", "status", "same", "within_one")} == \
        {"shared": 30, "status": "sufficient", "same": 18, "within_one": 24}
    for name, value in (("same_share", 0.6), ("within_one_share", 0.8)):
        low, high = pair["step"][name]["interval"]
        assert pair["step"][name]["value"] == value and low < value < high
    assert (pair["agent"]["shared"], pair["agent"]["same"]) == (30, 24)
    assert pair["agent"]["share"]["value"] == 0.8 and pair["agent"]["kappa"]["value"] == 0.0
    assert pair["agent"]["confusion"] == [{"a": "Booker", "b": "Booker", "datapoints": 24},
                                          {"a": "Booker", "b": "Planner", "datapoints": 6}]
    together = found["together"]["readers"]
    assert together["step"] == pair["step"] and together["agent"]["same"] == 24
    known = json.loads(read("facts.json"))
    for key, value in (("step_shared", 30), ("step_same", 18), ("step_within_one", 24),
                       ("step_same_share", 0.6), ("step_within_one_share", 0.8),
                       ("agent_same", 24), ("agent_shared", 30)):
        assert known[f"agreement/{key}"] == known[f"agreement/{key}/ann/ben"] == value, key
    assert known["agreement/agent_share/ann/ben"] == 0.8 and "agreement/agent_alpha" in known
    low, high = pair["step"]["same_share"]["interval"]
    assert known["agreement/step_same_share_low/ann/ben"] == pytest.approx(low, abs=6e-4)
    page = read("agreement.md")
    assert "Where two or more name a step (30), it is the same for 18 and at most one apart for " \
        "24, and the agent is the same for 24 of 30." in page
    assert f"| `ann` | `ben` | 18 of 30 | 0.60 ({low:.2f} to {high:.2f}) | 24 of 30 | 0.80 (" \
        in page
    assert "steps that two or more name: 30; the same 18, at most one apart 24, the same agent " \
        "24\n" in done.stdout


def test_steps_of_more_than_two_coders_are_one_apart_where_all_are(measure):
    """All three name a step of the first two; of the third only two do, of the last nobody else."""
    steps = [("3", "3", "4"), ("3", "4", "5"), ("7", "7", ""), ("1", "", "")]
    found, _ = measure([review(number, coder, **({"step": step, "agent": "user"} if step else {}))
                        for number, said in enumerate(steps)
                        for coder, step in zip(("ann", "ben", "cem"), said, strict=True)])
    step = found["together"]["readers"]["step"]
    assert (step["shared"], step["same"], step["within_one"]) == (3, 1, 2)
    assert step["same_share"]["why"] == "insufficient: 3 of 30 shared"


def test_29_shared_are_insufficient(measure, read):
    found, done = measure(said([((GUESSES, GUESSES), 15), ((GUESSES, MADE_UP), 4),
                                ((MADE_UP, MADE_UP), 10)]))
    pair = found["pairs"][0]
    assert pair["status"] == "insufficient"
    assert pair["bucket"]["same"] == 25
    for figure in (*(pair["bucket"][name] for name in ("share", "kappa", "ac1")),
                   found["together"]["readers"]["bucket"]["alpha"]):
        assert figure == {"value": None, "interval": None, "why": "insufficient: 29 of 30 shared"}
    known = json.loads(read("facts.json"))
    assert not [name for name in known if "kappa" in name or "alpha" in name or "ac1" in name]
    assert known["agreement/bucket_same/ann/ben"] == 25
    assert "**Insufficient**: 29 of 30 shared datapoints" in read("agreement.md")
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("ann and ben "))
    assert line.split()[3:] == ["29", "25", "29", "insufficient:", "29", "of", "30", "shared"]
    assert "insufficient: 29 of 30 shared" in done.stdout


def test_only_shared_datapoints_count(measure):
    found, _ = measure([review(0, "ann"), review(1, "ann"), review(1, "ben"), review(2, "ben")])
    assert found["pairs"][0]["shared"] == 1
    assert found["together"]["readers"]["bucket"]["shared"] == 1


def test_reviews_of_other_outcomes_and_packets_are_left_out(measure):
    reviews = [review(0, "ann"), review(1, "ann", fault="grader_issue"),
               review(2, "ann", fault="grader_issue"), review(3, "ann", ident="gone/7")]
    found, _ = measure(reviews, outcomes={1: "pass", 2: "unjudged"})
    assert found["coders"] == [{"coder": "ann", "kinds": ["agent"], "datapoints": 1, "buckets": 1,
                                "corrected": 0}]
    assert found["left_out"] == {"of datapoints that are not in this packet": 1,
                                 "of datapoints that did not fail": 2}


def test_rules_are_a_coder_without_fault(measure, read):
    modes = {0: GUESSES, 1: "other", 2: "other"}
    found, _ = measure([review(number, "ann") for number in range(3)], modes=modes)
    (pair,) = found["pairs"]
    assert (pair["a"], pair["b"], pair["rules"], pair["fault"]) == ("ann", "rules", True, None)
    assert (pair["shared"], pair["bucket"]["same"]) == (3, 1)
    assert found["disagreements"] == []
    known = json.loads(read("facts.json"))
    assert known["agreement/bucket_same/ann/rules"] == 1
    assert "agreement/fault_same/ann/rules" not in known
    assert "There is one reader, `ann`" in read("agreement.md")


def test_a_reader_called_rules_stays_apart_from_the_rules(measure):
    found, _ = measure([review(0, "rules")], modes={0: "other"})
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [("rules", "(rules)")]


def test_one_reader_without_rules_is_told_what_is_missing(measure, read):
    found, _ = measure([review(0, "ann")])
    assert found["pairs"] == []
    assert "how far another reader would agree is not known" in read("agreement.md")


def test_llm_coders_are_compared_and_do_not_vote(measure, read):
    reviews = [one for number in range(30) for one in
               (review(number, "ann"), review(number, "ben", kind="person"),
                review(number, "gpt", MADE_UP, kind="llm"))]
    found, _ = measure(reviews)
    assert found["disagreements"] == []
    together = found["together"]
    assert together["readers"]["coders"] == ["ann", "ben"]
    assert together["readers"]["bucket"]["same"] == 30
    assert together["readers_and_llm"]["coders"] == ["ann", "ben", "gpt"]
    assert together["readers_and_llm"]["bucket"]["same"] == 0
    # 30 datapoints of two labels against one: 2/3 apart; (90² - 60² - 30²) / (90 x 89) expected.
    assert together["readers_and_llm"]["bucket"]["alpha"]["value"] == round(
        1 - (2 / 3) / (3600 / (90 * 89)), 4)
    assert json.loads(read("facts.json"))["agreement/bucket_alpha/readers_and_llm"] == -0.483
    assert "no label in common" in read("agreement.md")


def test_disagreements_are_listed_with_the_command_that_settles_them(measure, tmp_path, read):
    reviews = [review(0, "ann"), review(0, "ben", MADE_UP),
               review(1, "ann"), review(1, "ben", fault="mixed"),
               review(2, "ann"), review(2, "ben")]
    found, done = measure(reviews)
    first, second = found["disagreements"]
    assert (first["datapoint_id"], first["about"]) == ("run/0", ["bucket"])
    assert (second["datapoint_id"], second["about"]) == ("run/1", ["fault"])
    assert second["said"] == [
        {"coder": "ann", "bucket": GUESSES, "fault": "model_error", "review_id": "r-ann-1"},
        {"coder": "ben", "bucket": GUESSES, "fault": "mixed", "review_id": "r-ben-1"}]
    assert shlex.split(first["command"]) == [
        "record_review.py", (tmp_path / "analysis").as_posix(), "--id=run/0", "--bucket", "…",
        "--fault", "…", "--mechanism", "…", "--quote", "…", "--coder", "NAME", "--settles"]
    assert first["command"] in read("agreement.md")
    assert "to settle: 2; settled: 0" in done.stdout


def test_a_settled_datapoint_is_settled_and_still_was_a_disagreement(measure):
    """Ann gives in. What she had read alone is compared all the same, or settling would make
    any two readers agree."""
    reviews = [review(0, "ann"), review(0, "ben", MADE_UP), review(1, "ann"), review(1, "ben"),
               review(0, "ann", MADE_UP, review_id="r-settling-0", settles=True,
                      replaces="r-ann-0")]
    found, _ = measure(reviews)
    assert (found["disagreements"], found["settled"]) == ([], 1)
    assert found["pairs"][0]["bucket"]["same"] == 1
    assert found["left_out"] == {"that settle a disagreement": 1}


def test_an_umpire_settles_and_is_no_coder(measure):
    reviews = [review(0, "ann"), review(0, "ben", MADE_UP), review(0, "cas", settles=True)]
    found, _ = measure(reviews)
    assert (found["disagreements"], found["settled"]) == ([], 1)
    assert [row["coder"] for row in found["coders"]] == ["ann", "ben"]


def test_a_correction_counts_as_corrected(measure):
    reviews = [review(0, "ann"), review(0, "ben", MADE_UP),
               review(0, "ann", MADE_UP, review_id="r-again-0", replaces="r-ann-0")]
    found, _ = measure(reviews)
    assert found["pairs"][0]["bucket"]["same"] == 1
    assert (found["disagreements"], found["settled"]) == ([], 0)
    assert [row["corrected"] for row in found["coders"]] == [1, 0]


ONE_CAUSE = [(("invents_rules", MADE_UP), 4), (("invents_rules", GUESSES), 1),
             ((GUESSES, GUESSES), 5), ((GUESSES, MADE_UP), 2)]


def test_two_names_of_one_cause_are_candidates_for_a_rename(measure, tmp_path, read):
    found, _ = measure(said(ONE_CAUSE))
    command = (f"record_review.py {shlex.quote((tmp_path / 'analysis').as_posix())} "
               f"--rename invents_rules {MADE_UP} --everyone")
    assert found["pairs"][0]["one_cause_two_names"] == [
        {"a": "invents_rules", "b": MADE_UP, "datapoints": 4, "of_a": 5, "of_b": 6,
         "example": "run/0", "command": command}]
    page = read("agreement.md")
    assert "means little before the names are harmonised" in page
    assert command in page


@pytest.mark.parametrize("pairs", [
    [(("invents_rules", MADE_UP), 2)],
    [(("invents_rules", MADE_UP), 3), (("invents_rules", GUESSES), 3)],
    [(("invents_rules", MADE_UP), 3), ((GUESSES, MADE_UP), 3)],
], ids=["too few", "half of a's uses", "half of b's uses"])
def test_chance_meetings_are_no_candidates(measure, pairs):
    found, _ = measure(said(pairs))
    assert found["pairs"][0]["one_cause_two_names"] == []


def test_a_mode_is_no_candidate_for_the_ledger_and_other_is_no_name(measure):
    reviews = [review(number, "ann", GUESSES if number < 4 else MADE_UP) for number in range(8)]
    found, _ = measure(reviews, modes={number: "asks_nothing" if number < 4 else "other"
                                       for number in range(8)})
    (candidate,) = found["pairs"][0]["one_cause_two_names"]
    assert (candidate["a"], candidate["b"], candidate["command"]) == (GUESSES, "asks_nothing",
                                                                      None)


def test_names_of_runs_stay_text(measure, read):
    """An id with shell, Markdown and table characters; a mode with HTML and a control character."""
    ident = "run/$(id)'|`;*x*"
    reviews = [review(1, "ann", ident=ident), review(1, "ben", MADE_UP, ident=ident),
               review(0, "ann")]
    found, done = measure(reviews, idents=[ident], modes={0: "<b>|\x1b[31m`x`"})
    command = found["disagreements"][0]["command"]
    assert shlex.split(command)[2] == f"--id={ident}"
    page = read("agreement.md")
    assert f"``{ident}``" in page
    assert "\x1b" not in page + done.stdout
    assert "`` <b>\\|\\x1b[31m`x` ``" in page


def test_a_crowd_of_coders_keeps_the_page_short(measure, read):
    found, done = measure([review(0, f"c{place:02}") for place in range(12)])
    assert len(found["pairs"]) == 66
    assert read("agreement.md").count("**Bucket**") == 12
    assert "54 more pairs in agreement.json." in read("agreement.md")
    assert done.stdout.count(" and ") == 20 + 1  # the pairs, the files
    assert "and 46 more" in done.stdout


def test_same_ledger_same_bytes(measure, read):
    reviews = said(THIRTY)
    first, _ = measure(reviews)
    files_before = [read(name) for name in ("agreement.json", "agreement.md", "facts.json")]
    measure(reviews)
    assert files_before == [read(name) for name in ("agreement.json", "agreement.md",
                                                    "facts.json")]
    other, _ = measure(reviews, "--seed", "1")
    assert other["pairs"][0]["bucket"]["kappa"]["value"] == 0.4
    assert other["pairs"][0]["bucket"]["kappa"] != first["pairs"][0]["bucket"]["kappa"]


def test_json_is_one_object(measure):
    _, done = measure(said(THIRTY), "--json")
    assert json.loads(done.stdout) == {
        "coders": ["ann", "ben"], "readers": ["ann", "ben"], "shared": 30, "status": "sufficient",
        "same_bucket": 21, "same_fault": 30, "disagreements": 9, "settled": 0, "left_out": {}}


def test_what_cannot_be_compared_is_refused(measure, run_script, tmp_path):
    _, done = measure([], code=1)
    assert "reviews.jsonl: no reviews to compare; read datapoints" in done.stderr
    _, done = measure([review(0, "ann", fault="grader_issue")], outcomes={0: "pass"}, code=1)
    assert "no review to compare (1 of datapoints that did not fail)" in done.stderr
    done = run_script("measure_agreement.py", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "run build_packet.py first" in done.stderr


@pytest.mark.parametrize("args", [["--draws", "99"], ["--seed", "-1"], ["--gate", "5"]])
def test_usage(measure, args):
    measure([review(0, "ann")], *args, code=2)


def test_on_a_real_packet_with_a_proved_ledger(build, run_script, tmp_path):
    run = judged(tmp_path / "run", [turn(number, False) for number in range(31)] + [turn(31)])
    _, out = build("--run-dir", run)
    known = rows.load(out)
    entries = [{"datapoint_id": outcome.datapoint_id, "coder": coder, "bucket": bucket,
                "fault": "model_error", "mechanism": "It answers without any lookup.",
                "quotes": ["Talk A."]}
               for place, outcome in enumerate(known.failing())
               for coder, bucket in (("ann", GUESSES), ("ben", MADE_UP if place < 3 else GUESSES))]
    assert not [verdict.reason for verdict in ledger.append(known, entries) if verdict.reason]
    done = run_script("measure_agreement.py", out, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["shared"], summary["same_bucket"], summary["disagreements"]) == (31, 28, 3)
    settling = {**entries[0], "coder": "cas", "settles": True}
    ledger.append(known, [settling])
    summary = json.loads(run_script("measure_agreement.py", out, "--json").stdout)
    assert (summary["same_bucket"], summary["disagreements"], summary["settled"]) == (28, 2, 1)


ABSTRACTORS = {("e", "e"): 13, ("a", "a"): 20, ("a", "n"): 7, ("n", "a"): 4, ("n", "n"): 56}


def test_two_coders_as_published():
    """The 3 x 3 table of two abstractors (Gwet 2014) as the package irrCAC prints it, and Gwet's
    125 subjects (2002), where 94 % agree and kappa is below 0."""
    found = coefficients.two_coders(ABSTRACTORS, 0, DRAWS)
    assert found.share.value == pytest.approx(0.89)
    assert found.kappa.value == pytest.approx(0.7964094, abs=5e-8)
    assert found.ac1.value == pytest.approx(0.8493305, abs=5e-8)
    assert coefficients.alpha(ABSTRACTORS, 0, DRAWS).value == pytest.approx(0.7972585, abs=5e-8)
    rare = coefficients.two_coders({("+", "+"): 118, ("+", "-"): 5, ("-", "+"): 2}, 0, DRAWS)
    assert rare.kappa.value == pytest.approx(-0.0234, abs=5e-5)
    assert rare.ac1.value == pytest.approx(0.9408, abs=5e-5)


def test_alpha_as_published():
    """Four observers, twelve units, gaps: .743 (Krippendorff 2011, example C). Fleiss's (1971)
    first 15 patients, six psychiatrists: .4204384 (irrCAC)."""
    observers = ("123321412...", "1233224125.3", ".3332342251.", "1233244125" + "1.")
    units = Counter(tuple(sorted(value for value in unit if value != "."))
                    for unit in zip(*observers, strict=True))
    assert coefficients.alpha(units, 0, DRAWS).value == pytest.approx(0.743421, abs=5e-7)
    patients = ("00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 "
                "10050 02031")
    patterns = Counter("".join(label * int(count) for label, count in zip("dpsno", row,
                                                                         strict=True))
                       for row in patients.split())
    found = coefficients.alpha({tuple(key): n for key, n in patterns.items()}, 0, DRAWS)
    assert found.value == pytest.approx(0.4204384, abs=5e-8)


def test_prevalence_paradox():
    """Two coders who are right 95 % of the time agree on 90.5 %, whatever there is to find; kappa
    falls from .81 to .33 where one label is 97 % of it."""
    even = coefficients.two_coders({("x", "x"): 905, ("x", "y"): 95, ("y", "x"): 95,
                                    ("y", "y"): 905}, 0, DRAWS)
    rare = coefficients.two_coders({("x", "x"): 35020, ("x", "y"): 1900, ("y", "x"): 1900,
                                    ("y", "y"): 1180}, 0, DRAWS)
    assert even.share.value == rare.share.value == pytest.approx(0.905)
    assert (round(even.kappa.value, 2), round(even.ac1.value, 2)) == (0.81, 0.81)
    assert (round(rare.kappa.value, 2), round(rare.ac1.value, 2)) == (0.33, 0.89)


def test_kappa_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    for labels in (2, 3, 7):
        table = rng.integers(0, 9, (labels, labels))
        cells = {(str(a), str(b)): int(table[a, b]) for a in range(labels) for b in range(labels)
                 if table[a, b]}
        found = coefficients.two_coders(cells, 0, DRAWS)
        assert found.kappa.value == pytest.approx(cohens_kappa(table).kappa)


def test_intervals_cover_the_truth():
    """300 samples of 60 datapoints from a known joint table of three labels."""
    truth = np.array([[0.45, 0.05, 0.03], [0.04, 0.22, 0.03], [0.02, 0.03, 0.13]])
    agree, a, b = np.trace(truth), truth.sum(axis=1), truth.sum(axis=0)
    pi = (a + b) / 2
    true = {"share": agree, "kappa": (agree - a @ b) / (1 - a @ b),
            "ac1": 1 - (1 - agree) / (1 - (1 - pi @ pi) / 2),
            "alpha": 1 - (1 - agree) / (1 - pi @ pi)}
    rng, inside = np.random.default_rng(1), Counter()
    for table in rng.multinomial(60, truth.ravel(), size=300):
        cells = {(str(at // 3), str(at % 3)): int(n) for at, n in enumerate(table) if n}
        found = {**coefficients.two_coders(cells, 0, 400)._asdict(),
                 "alpha": coefficients.alpha(cells, 0, 400)}
        for name, figure in found.items():
            inside[name] += figure.interval.low <= true[name] <= figure.interval.high
    for name, count in inside.items():
        assert 0.90 <= count / 300 <= 0.98, (name, count / 300)


def test_no_interval_where_resampling_cannot_tell():
    perfect = coefficients.two_coders({("x", "x"): 20, ("y", "y"): 20}, 0, DRAWS)
    assert perfect.kappa == (1, None, coefficients.NO_SPREAD)
    assert perfect.share.interval == pytest.approx((0.9124, 1), abs=1e-4)
    # Without the one datapoint that differs, a third of the resamples hold one label.
    assert coefficients.alpha({("x", "x"): 39, ("x", "y"): 1}, 0, DRAWS) == (
        0, None, coefficients.FEW_DEFINED)


CELLS = st.dictionaries(st.tuples(*[st.sampled_from("abcd")] * 2), st.integers(1, 9), min_size=1)
PATTERNS = st.dictionaries(st.lists(st.sampled_from("abc"), min_size=2, max_size=4).map(
    lambda labels: tuple(sorted(labels))), st.integers(1, 9), min_size=1)


@given(CELLS)
def test_two_coders_are_bounded_and_symmetric(cells):
    found = coefficients.two_coders(cells, 0, 100)
    turned = coefficients.two_coders({(b, a): n for (a, b), n in cells.items()}, 0, 100)
    for figure, other in zip(found, turned, strict=True):
        assert figure.value == (other.value if figure.value is None else
                                pytest.approx(other.value))
        assert figure.value is None or -1 - 1e-12 <= figure.value <= 1
        assert figure.interval is None or figure.interval.low <= figure.interval.high
    one_label = len({label for cell in cells for label in cell}) == 1
    assert (found.kappa.value is None) == (found.ac1.value is None) == one_label


@given(PATTERNS)
def test_alpha_is_bounded(patterns):
    found = coefficients.alpha(patterns, 0, 100)
    assert found.value is None or -1 <= found.value <= 1


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=2))
def test_identical_coders_agree_wholly(uses):
    cells = {(label, label): n for label, n in uses.items()}
    found = coefficients.two_coders(cells, 0, 100)
    assert found.share.value == found.kappa.value == 1
    assert found.ac1.value == pytest.approx(1)
    assert coefficients.alpha(cells, 0, 100).value == 1

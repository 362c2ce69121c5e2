"""Three finished analyses for the tests of writing and checking: the demo runs, really read, a
made-up tau2-bench comparison whose ids hold brackets and bars, and the made-up `clinic`, which two
coders read, with a report in natural prose."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import make_clinic
from make_runs import simulation, task, tau2

DEMO = Path(__file__).resolve().parent / "fixtures" / "demo_review"
CLINIC = DEMO.with_name("clinic_review")
MODELS = ("agent-alpha", "agent-beta-2", "agent-beta")
REQUESTS = ("Cancel my trip to Oslo.", "Move my flight to Friday.", "Refund the cheaper ticket.",
            "Add a bag for my daughter.", "Change my seat to an aisle seat.",
            "Book the night train.", "Send me the receipt again.")
SAID = ("I cannot find a trip under that name, so I did not cancel anything.",
        "I have moved your flight to Thursday at 9:40.",
        "Both tickets were refunded for you, 1286 dollars in all.",
        "A bag was not added, because the daughter is not on the booking.",
        "Your seat is 14B now, which is not an aisle seat.", "The night train is booked, no doubt.",
        "The receipt was sent to the address of another customer.")
CALLS = (("cancel_trip", {"trip": "OSL-1"}), ("move_flight", {"day": "thursday"}),
         ("refund", {"tickets": 2}), ("find_booking", {"name": "daughter"}),
         ("change_seat", {"seat": "14B"}), ("book_train", {"train": "N7"}),
         ("send_receipt", {"to": "kim@example.org"}))
WENT_WRONG = ("It says that it cannot find the trip, although the one call that it made, to cancel "
              "it, came back ok", "It moves the flight to Thursday where Friday was asked for",
              "It refunds both tickets where the cheaper one was to be refunded",
              "It looks the daughter up once and adds no bag",
              "It gives a seat that by its own words is no aisle seat",
              "It books a train by a call that the reference does not expect",
              "It sends the receipt to the address of another customer")
BUCKETS = ("gives_up_on_a_lookup", "acts_on_a_near_value", "does_more_than_asked")
# Which bucket each task's failure is in; -1 where it passes.
FAILS = {"agent-alpha": (0, 1, 2, 0, 1, -1, 2), "agent-beta-2": (0, 1, 2, 0, -1, -1, -1),
         "agent-beta": (0, 1, -1, 0, 1, 2, -1)}


def demo(run_script: Callable, bundle: Path, folder: Path) -> Path:
    """The demo runs with their review and report, brought to a folder by the real scripts."""
    runs = bundle / "tests" / "fixtures" / "demo_runs" / "comparison"
    report = folder / "deep_error_analysis.md"
    _run(run_script, "deep_error_analysis.py", "--comparison-dir", runs, "--output", report)
    _run(run_script, "plan_review.py", folder)
    shown(run_script, folder, DEMO / "reviews.jsonl", "reader-1")
    _run(run_script, "record_review.py", folder, "--from", DEMO / "reviews.jsonl", "--coder",
         "reader-1")
    report.write_bytes((DEMO / "report.md").read_bytes())
    _run(run_script, "write_report.py", folder)
    return folder


def trips(run_script: Callable, folder: Path) -> Path:
    """The made-up comparison of three agents over seven tasks, reviewed and written."""
    inputs = [_trip_run(folder / "runs", model) for model in MODELS]
    out = folder / "out"
    report = out / "report.md"
    _run(run_script, "deep_error_analysis.py", "--input", *inputs, "--output", report)
    _run(run_script, "plan_review.py", out)
    lines = _lines(out / "failure_review_rows.jsonl")
    reviews = out / "batch.jsonl"
    reviews.write_text("\n".join(map(json.dumps, map(_trip_review, lines))), encoding="utf-8")
    shown(run_script, out, reviews, "agent")
    _run(run_script, "record_review.py", out, "--from", reviews)
    reviews.unlink()
    _run(run_script, "write_report.py", out)
    report.write_text(_trip_report(report.read_text("utf-8"), lines), encoding="utf-8")
    _run(run_script, "write_report.py", out)
    return out


def clinic(run_script: Callable, folder: Path) -> Path:
    """The made-up front desk: 77 failures, of which two coders read 45, and its report."""
    runs, out = make_clinic.write(folder / "runs"), folder / "out"
    report = out / "deep_error_analysis.md"
    _run(run_script, "build_packet.py", "--input", *runs, "--mapping", CLINIC / "benchmark.yaml",
         "--output-dir", out)
    for script in ("cluster_failures.py", "compare_models.py"):
        _run(run_script, script, out)
    # Before the audit, which would have its readers begin with what broke.
    _run(run_script, "plan_review.py", out, "--budget", "54", "--shards", "2", "--overlap", "0.75")
    _run(run_script, "audit_benchmark.py", out)
    wrong_pass = make_clinic.wrong_pass()
    _run(run_script, "plan_review.py", out, "--contrast", wrong_pass["id"])
    rows, plan = (_lines(out / name) for name in
                  ("failure_review_rows.jsonl", "review_plan.jsonl"))
    passing = [line["datapoint_id"] for line in plan if line["contrast_of"]]
    _run(run_script, "show_datapoint.py", out, *passing, "--coder", "reader-1")
    for coder, batch in (("reader-1", [*make_clinic.reviews(rows, plan, 1), wrong_pass]),
                         ("reader-2", make_clinic.reviews(rows, plan, 2)),
                         ("lead", make_clinic.settled(rows, plan))):
        reviews = folder / "batch.jsonl"
        reviews.write_text("\n".join(map(json.dumps, batch)), encoding="utf-8")
        shown(run_script, out, reviews, coder)
        _run(run_script, "record_review.py", out, "--from", reviews, "--coder", coder)
    _run(run_script, "measure_agreement.py", out)
    report.write_bytes((CLINIC / "report.md").read_bytes())
    _run(run_script, "write_report.py", out)
    return out


def shown(run_script: Callable, folder: Path, reviews: Path, coder: str) -> None:
    """Shows a coder what it reviews, as the check wants it."""
    lines = map(json.loads, reviews.read_text("utf-8").splitlines())
    idents = dict.fromkeys(line.get("datapoint_id") or line["id"] for line in lines)
    _run(run_script, "show_datapoint.py", folder, *idents, "--coder", coder)


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _run(run_script: Callable, *args: str | Path) -> None:
    done = run_script(*args)
    assert done.returncode == 0, done.stdout + done.stderr


def _item(place: int) -> str:
    return f"[trip]step_{place}|calm[PERSONA:None]"


def _trip_run(folder: Path, model: str) -> Path:
    tasks, simulations = [], []
    for place, bucket in enumerate(FAILS[model]):
        one = task(_item(place), [("done", {"task": place})], says=REQUESTS[place])
        reward = 1.0 if bucket < 0 else 0.0
        calls = [("done", {"task": place})] if reward else [CALLS[place]]
        sim = simulation(one, reward, calls)
        words = SAID[place] if reward == 0 else f"Done, {model} has taken care of it."
        sim["messages"][0]["content"] = f"{REQUESTS[place]} It is {model} I am talking to?"
        sim["messages"][-1]["content"] = f"{words} This is {model}, at your service."
        tasks.append(one)
        simulations.append(sim)
    return tau2(folder / f"{model}.json", tasks, simulations, model)


def _place(row: dict) -> int:
    return int(re.search(r"step_(\d)", row["item_id"])[1])


def _trip_review(row: dict) -> dict:
    bucket = FAILS[row["model_name"]][_place(row)]
    return {"id": row["datapoint_id"], "bucket": BUCKETS[bucket],
            "fault": "reference_issue" if _place(row) == 3 else "model_error",
            "mechanism": f"{WENT_WRONG[_place(row)]}.",
            "quote": SAID[_place(row)]}


def _trip_report(text: str, rows: list[dict]) -> str:
    """The draft with an author's words in the place of every TODO."""
    by_model = {model: [row for row in rows if row["model_name"] == model] for model in MODELS}
    text = re.sub(r"TODO: the main causes.*", _trip_summary(by_model), text)
    found, mine = [], []
    for line in text.splitlines():
        if line.startswith("### `"):
            mine = [row for row in rows
                    if f"`{BUCKETS[FAILS[row['model_name']][_place(row)]]}`" in line]
        line = line.replace("**What goes wrong:** TODO", "**What goes wrong:** " + " ".join(
            f"{WENT_WRONG[_place(row)]} [dp:{row['datapoint_id']}]." for row in mine))
        if mine:
            line = line.replace("**Trigger:** TODO", "**Trigger:** A request such as "
                                f"*{REQUESTS[_place(mine[-1])]}* "
                                f"[dp:{mine[-1]['datapoint_id']}]")
        line = line.replace("**What differs:** TODO", "**What differs:** " + " ".join(
            f"In such a request `{row['model_name']}` says to the customer "
            f"\"{SAID[_place(row)]}\" [dp:{row['datapoint_id']}]."
            for row in mine))
        found.append(line)
    return "\n".join([*found, ""])


def as_before(text: str, folder: Path) -> str:
    """A report in the form of earlier versions: a section per model and bucket."""
    start, end = text.index("## Causes"), text.index("## Models compared")
    text = text[:start] + text[end:]
    rows = _lines(folder / "failure_review_rows.jsonl")
    for model in MODELS:
        sections = []
        for place, bucket in enumerate(BUCKETS):
            mine = [row for row in rows
                    if row["model_name"] == model and FAILS[model][_place(row)] == place]
            ids = [f"[dp:{row['datapoint_id']}]" for row in mine]
            if mine:
                sections += [
                    f"### `{bucket}`",
                    f"**What goes wrong:** {WENT_WRONG[_place(mine[0])]} {' '.join(ids)}.",
                    f"**Trigger:** A request such as *{REQUESTS[_place(mine[0])]}* {ids[0]}.",
                    f"**Costs:** `DB`, over {{{{review/bucket/{bucket}/{model} of "
                    f"review/reviewed/{model}}}}} reviewed datapoints.",
                    "Its words to the customer were:",
                    f"> {SAID[_place(mine[0])]}\n> {ids[0]}"]
        mark = f"<!-- /generated:model {model} -->\n"
        text = text.replace(mark, mark + "\n" + "\n\n".join(sections) + "\n")
    return text


def _trip_summary(by_model: dict[str, list[dict]]) -> str:
    lines = []
    for model, rows in by_model.items():
        first, last = rows[1], rows[-1]
        lines.append(
            f"- `{model}` fails {{{{failed_rows/{model}}}}} of {{{{judged_rows/{model}}}}} judged "
            f"rows; it says \"{SAID[_place(first)]}\" [dp:{first['datapoint_id']}] and "
            f"\"{SAID[_place(last)]}\" [dp:{last['datapoint_id']}].")
    names = [f"`{model}` {{{{review/bucket/gives_up_on_a_lookup/{model}}}}} of "
             f"{{{{review/reviewed/{model}}}}}" for model in MODELS]
    return "\n".join([
        *lines, "",
        f"Of the reviewed failures, `gives_up_on_a_lookup` holds: {', '.join(names)}.",
        "The fault lies with the reference (`reference_issue`) in {{review/fault/reference_issue}} "
        "of {{review/reviewed}} reviewed failures.", "",
        "| bucket | reviewed failures |", "| --- | --- |",
        *(f"| `{bucket}` | {{{{review/bucket/{bucket}}}}} of {{{{review/reviewed}}}} reviewed |"
          for bucket in BUCKETS)])

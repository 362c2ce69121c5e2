"""The made-up benchmark `clinic`: the front desk of a clinic, three models, 40 cases, two attempts
each, with planted causes, and what two readers said of the failures. Nothing in it was run."""

import json
from pathlib import Path

MODELS = ("mercury", "venus-2", "the-quick-one")
COLOURS = ("red", "blue", "green", "white", "amber", "silver", "violet", "grey")
DOCTORS = ("Dr. Okafor", "Dr. Lindqvist", "Dr. Amari", "Dr. Bell")
ROOMS = ("laboratory", "pharmacy", "X-ray room", "travel clinic", "blood bank", "eye clinic",
         "dental desk", "archive")
SERVICES = ("dental check", "eye test", "flu shot", "blood panel", "hearing test", "skin check",
            "knee scan", "allergy test")
HOURS = ("half past seven", "quarter past eight", "nine o'clock", "half past nine",
         "quarter to ten", "ten o'clock", "half past ten", "eleven o'clock")
CLOCK = ("07:30", "08:15", "09:00", "09:30", "09:45", "10:00", "10:30", "11:00")

# What goes wrong where: cause -> cases (`b1` both attempts, `b1@0` one). Anything else passes.
EVERY = {"old_price": "p2 p5", "spelled": "h3", "first": "s4"}
PLANTED = {
    "mercury": {"total": "b1 b4 b6 b7@1 b8@0", "refunds": "r2 r5@0", "first": "s7@1",
                "timeout": "b3@1 s9@1"},
    "venus-2": {"total": "b6@1", "refunds": "r1 r2 r5@1 r6@0", "spelled": "h6@0 h7@1"},
    "the-quick-one": {"first": "s1 s3 s5 s7 s8@0 s9 s10", "total": "b1@0 b2 b5@1 b6 b7@0",
                      "refunds": "r2@0 r3@1", "spelled": "h1@1 h6@0 h8@1",
                      "timeout": "b3@1 b4@1 r4@1 p1@1 p7@1"}}
UNJUDGED = {"mercury": "r4@1 h2@0", "venus-2": "b2@0 s6@1 p3@1", "the-quick-one": ""}
REJECTED = ("the-quick-one", "h5", 1)  # its record has no case_id
WRONG_PATIENT = ("venus-2", "s2", 1)  # books the right slot for somebody else, and passes


def write(folder: Path) -> list[Path]:
    """Writes a file of attempts for each model."""
    folder.mkdir(parents=True)
    return [_write_model(folder / f"{model}.jsonl", model) for model in MODELS]


def _write_model(path: Path, model: str) -> Path:
    lines = [json.dumps(attempt(model, case, number)) + "\n"
             for number in (0, 1) for case in cases()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def cases() -> list[str]:
    """The ids of all cases: balances, refunds, slots, opening hours, prices."""
    sizes = {"b": 8, "r": 6, "s": 10, "h": 8, "p": 8}
    return [f"{desk}{place}" for desk, size in sizes.items() for place in range(1, size + 1)]


def cause(model: str, case: str, number: int) -> str:
    """What was planted in an attempt, "" where it goes right."""
    causes = [(name, places) for table in (EVERY, PLANTED[model])
              for name, places in table.items()]
    return next((name for name, places in causes if _holds(places, case, number)), "")


def attempt(model: str, case: str, number: int) -> dict:
    """One attempt as the benchmark writes it."""
    what = cause(model, case, number)
    desk = {"b": _balance, "r": _refund, "s": _slot, "h": _hours, "p": _price}[case[0]]
    told = desk(int(case[1:]), what)
    if what == "timeout":
        call = {**told["steps"][0], "output": "504 upstream timeout after 30000 ms"}
        told |= {"steps": [call, call], "reply": "The system of the clinic does not answer, so I "
                 "cannot tell you.", "failed": {"answer", "calls"},
                 "words": "The reply gives no result. Both calls of the tool timed out."}
    if (model, case, number) == WRONG_PATIENT:
        told["steps"][-1]["args"] |= {"patient": "P-77"}
    failed, words = told.pop("failed"), told.pop("words")
    judged = not _holds(UNJUDGED[model], case, number)
    verdict = {"answer": "other" if "answer" in failed else "same",
               "calls": "other" if "calls" in failed else "same",
               "grounded": "no" if "grounded" in failed else "yes"}
    # What each thinks is its own, so that equal replies are several failures to read.
    record = {"case_id": case, "agent": model, "attempt": number, **told, "ended": "reply",
              "thought": f"{model} takes the {'second' if number else 'first'} call of this case.",
              "verdict": verdict if judged else dict.fromkeys(verdict, "judge_failed"),
              "judge": {"name": "clinic-judge 1.4", "words": words if judged else ""}}
    if (model, case, number) == REJECTED:
        del record["case_id"]
    return record


def _holds(places: str, case: str, number: int) -> bool:
    return case in places.split() or f"{case}@{number}" in places.split()


def _balance(place: int, what: str) -> dict:
    """An invoice of which a part is paid: what is left of it?"""
    invoice, total, paid = f"INV-20{40 + place}", 180.4 + 17 * place, 150 - 5 * place
    left, due = f"${total - paid:.2f}", f"2031-05-{10 + place}"
    says = f"${total:.2f}" if what == "total" else left
    return _told("balance", f"How much do I still have to pay on invoice {invoice}?",
                 [_step("get_invoice", {"invoice": invoice},
                        {"total": f"${total:.2f}", "paid": f"${paid:.2f}", "due": due})],
                 f"You still have to pay {says} on invoice {invoice}, by {due}.",
                 {"answer": left, "calls": ["get_invoice"]},
                 {"answer"} if what == "total" else set(),
                 f"The reference says {left}. The reply gives the total of the invoice and leaves "
                 "out what was paid." if what == "total" else f"The reply gives {left}.")


def _refund(place: int, what: str) -> dict:
    """A visit that was called off too late, whose fee stays with the clinic."""
    visit, fee, late = f"V-3{10 + place}", f"${40 + 5 * place}.00", f"1{place}:20"
    steps = [_step("get_visit", {"visit": visit},
                   {"starts": "2031-04-02 18:30", "cancelled": f"2031-04-02 {late}", "fee": fee,
                    "rule": "The fee is kept when a visit is cancelled less than 24 hours ahead."})]
    reply = f"Visit {visit} was cancelled less than 24 hours ahead, so the fee of {fee} is kept."
    words = "The fee is kept, as the rule says."
    if what == "refunds":
        steps.append(_step("refund", {"visit": visit, "amount": fee}, {"refunded": fee}))
        reply = f"I have refunded {fee} for visit {visit}. It will be on your card in 3 days."
        words = f"The rule keeps the fee. The reply gives back {fee} against it."
    return _told("refund", f"I cancelled my visit {visit} today at {late}. "
                 "Please give me the fee back.", steps, reply,
                 {"answer": "no refund", "calls": ["get_visit"]},
                 {"answer", "calls", "grounded"} if what == "refunds" else set(), words)


def _slot(place: int, what: str) -> dict:
    """A list of free times in no order, of which the earliest after an hour is asked for."""
    doctor, day = DOCTORS[place % 4], f"2031-04-{10 + place}"
    best, first, patient = f"11:{10 + 4 * place}", f"14:{10 + 4 * place}", f"P-{10 + place}"
    takes = first if what == "first" else best
    steps = [_step("find_slots", {"doctor": doctor, "day": day},
                   {"free": [first, "09:10", best, "16:45"]}),
             _step("book", {"patient": patient, "doctor": doctor, "time": takes},
                   {"booked": takes})]
    return _told("slot", f"Patient {patient} here. Book me the earliest visit with {doctor} after "
                 f"11:00 on {day}.", steps,
                 f"You are booked with {doctor} on {day} at {takes}, the earliest time.",
                 {"answer": best, "calls": ["find_slots", f"book {best}"]},
                 {"answer", "calls"} if what == "first" else set(),
                 f"The earliest time after 11:00 is {best}. The reply books {first}."
                 if what == "first" else f"The visit is booked at {best}.")


def _hours(place: int, what: str) -> dict:
    """A time of opening, which the grader wants in four digits."""
    room, clock, spelled = ROOMS[place - 1], CLOCK[place - 1], HOURS[place - 1]
    return _told("hours", f"When does the {room} open on Saturday?",
                 [_step("get_hours", {"room": room, "day": "Saturday"}, {"opens": clock})],
                 f"On Saturday the {room} opens at {spelled if what == 'spelled' else clock}.",
                 {"answer": clock, "calls": ["get_hours"]},
                 {"answer"} if what == "spelled" else set(),
                 f"The string {clock} does not occur in the reply." if what == "spelled"
                 else f"The string {clock} occurs in the reply.")


def _price(place: int, what: str) -> dict:
    """A price of the list of this year; two references still hold last year's."""
    service, plan = SERVICES[place - 1], COLOURS[place - 1]
    now, before = f"${30 + 4 * place}.00", f"${27 + 4 * place}.00"
    return _told("price", f"What does the {service} cost me with plan {plan}?",
                 [_step("get_price", {"service": service, "plan": plan},
                        {"price": now, "valid_from": "2031-01-01", "until_2030": before})],
                 f"With plan {plan} the {service} costs {now}.",
                 {"answer": before if what == "old_price" else now, "calls": ["get_price"]},
                 {"answer"} if what == "old_price" else set(),
                 f"The reference says {before}. The reply says {now}."
                 if what == "old_price" else f"The reply says {now}.")


def _step(tool: str, args: dict, output: object) -> dict:
    return {"tool": tool, "args": args, "output": output}


def _told(desk: str, request: str, steps: list[dict], reply: str, reference: dict,
          failed: set[str], words: str) -> dict:
    return {"desk": desk, "request": request, "steps": steps, "reply": reply,
            "reference": reference, "failed": failed, "words": words}


# Cause -> bucket, fault, and the mechanism in the words of each reader.
BUCKETS = {
    "total": ("quotes_the_total_instead_of_the_balance", "model_error",
              "It reads the total of the invoice as what is left to pay, though {paid} is paid.",
              "The result shows {paid} as paid and the reply does not take it off."),
    "refunds": ("gives_back_a_fee_that_is_kept", "model_error",
                "It has the rule before it in the result of get_visit and refunds {fee} anyway.",
                "It calls refund right after the result that says that the fee is kept."),
    "first": ("books_the_first_slot_listed", "model_error",
              "It books {booked}, the first of an unsorted list, and calls it the earliest.",
              "An earlier time after 11:00 stands third in the list; it takes the first."),
    "spelled": ("grader_wants_one_spelling", "grader_issue",
                "The reply tells the hour of {opens} in words, and the grader looks for digits.",
                "The time is right; the grader searches the reply for {opens} and no more."),
    "old_price": ("reference_holds_last_years_price", "reference_issue",
                  "The reference is {until_2030}, the price until 2030; the reply gives {price}.",
                  "The tool says {price} from 2031-01-01, and the reference was not renewed."),
    "timeout": ("harness_times_out_the_calls", "pipeline_issue",
                "Both calls ended in a timeout of the harness, so there was nothing to report.",
                "The tool never answered within 30000 ms; no answer was possible.")}
# Where reader-2 sees it differently: cause -> cases, bucket, fault.
OTHERWISE = {
    "timeout": ("s9 b3", "gives_up_without_an_answer", "model_error"),
    "spelled": ("h7", "leaves_the_format_of_the_clock", "model_error"),
    "old_price": ("p5@0", "reads_another_price", "model_error")}


# Planned, and nobody came to them; nor to what no grader judged.
LEFT = ("clinic-mercury/p2@1", "clinic-the-quick-one/p2@1", "clinic-venus-2/r2@0")


def reviews(rows: list[dict], plan: list[dict], reader: int) -> list[dict]:
    """What a reader says of the failing rows of its part of the plan."""
    mine = {line["datapoint_id"] for line in plan if reader in line["shards"]}.difference(LEFT)
    return [_review(row, reader) for row in rows
            if row["datapoint_id"] in mine and row["outcome"] == "fail"]


def settled(rows: list[dict], plan: list[dict]) -> list[dict]:
    """The first reader's word once more where the second one's is another."""
    both = [reviews(rows, plan, reader) for reader in (1, 2)]
    second = {line["id"]: line["bucket"] for line in both[1]}
    return [{**line, "settles": True, "note": "A third reader opened it again."}
            for line in both[0] if second.get(line["id"], line["bucket"]) != line["bucket"]]


def wrong_pass() -> dict:
    """The review of the attempt that passes and should not."""
    model, case, number = WRONG_PATIENT
    return {"id": f"clinic-{model}/{case}@{number}", "bucket": "grader_ignores_the_patient",
            "fault": "grader_issue", "quote": '"patient": "P-77"',
            "mechanism": "It books for P-77 although P-12 asks; the reference holds the time "
                         "of the booking and no patient, so it passes."}


def _review(row: dict, reader: int) -> dict:
    what = cause(row["model_name"], row["item_id"], row["trial"])
    bucket, fault, *mechanisms = BUCKETS[what]
    places, *other = OTHERWISE.get(what, ("",))
    if reader == 2 and _holds(places, row["item_id"], row["trial"]):
        bucket, fault = other
    told = row["tool_results"][0]["response"]
    last = row["tool_results"][-1]["response"]
    values = {**(told if isinstance(told, dict) else {}),
              **(last if isinstance(last, dict) else {})}
    quote = row["judge_reasoning"].split(". ")[0] if reader == 2 else row["assistant_text"]
    return {"id": row["datapoint_id"], "bucket": bucket, "fault": fault,
            "mechanism": mechanisms[reader - 1].format_map(values), "quote": quote}
